/* The parts of a URL, put together again, are the URL; and no allowed redirect has a part that must not be there. */
#include "tkeauth/base.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    struct url u;
    struct str in = { (const char *)data, size };
    struct strbuf text = STRBUF(size + 16);
    if (url_parse(in, &u, &err) == ERR_OK) {
        strbuf_addf(&text, "%.*s:", STR_FMT(u.scheme));
        if (u.has_authority)
            strbuf_adds(&text, "//");
        if (u.has_userinfo)
            strbuf_addf(&text, "%.*s@", STR_FMT(u.userinfo));
        strbuf_addf(&text, "%.*s", STR_FMT(u.host));
        if (u.port.len > 0)
            strbuf_addf(&text, ":%.*s", STR_FMT(u.port));
        strbuf_addf(&text, "%.*s", STR_FMT(u.path));
        if (u.has_query)
            strbuf_addf(&text, "?%.*s", STR_FMT(u.query));
        if (u.has_fragment)
            strbuf_addf(&text, "#%.*s", STR_FMT(u.fragment));
        assert(str_eq(strbuf_str(&text), in));
        assert(str_find(u.host, '@') == u.host.len && str_find(u.host, '/') == u.host.len);
    }
    if (url_check_redirect(in, false, &err) == ERR_OK) {
        assert(!str_has_control(in) && str_find(in, '#') == in.len && str_find(in, '\\') == in.len);
        assert(!str_starts_with_nocase(in, STR("javascript:")) && !str_starts_with_nocase(in, STR("data:")));
    }
    strbuf_done(&text);
    return 0;
}
