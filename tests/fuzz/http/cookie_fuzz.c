/* A Cookie header: what is found lies inside it and holds no separator; what we write, we find again. */
#include <assert.h>

#include "http/cookie.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str header = { (const char *)data, size };
    struct str value = cookie_find(header, STR("session"));
    if (value.ptr != NULL && value.len > 0) {
        assert(value.ptr >= header.ptr && value.ptr + value.len <= header.ptr + header.len);
        assert(str_find(value, ';') == value.len);
        assert(str_contains(header, STR("session")));
    }
    AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 20);
    if (cookie_format(&(struct http_cookie_spec) { .name = "session", .value = header, .path = "/" }, &out)) {
        assert(!str_has_control(strbuf_str(&out)));
        assert(str_eq(cookie_find(strbuf_str(&out), STR("session")), header));
    }
    return 0;
}
