/* A target: what is taken has one spelling, and no byte that a handler could stumble over. */
#include <assert.h>

#include "http/path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct str raw, query, path, again;
    struct err err;
    path_split_target((struct str) { (const char *)data, size }, &raw, &query);
    assert(raw.len <= size || str_eq(raw, STR("/")));
    if (a == NULL || path_decode(a, raw, &path, &err) != ERR_OK)
        return 0;
    assert(path.len > 0 && path.len <= raw.len && path.ptr[0] == '/');
    assert(str_is_utf8(path) && !str_has_control(path) && !str_contains(path, STR("//")));
    assert(!str_contains(path, STR("/../")) && !str_ends_with(path, STR("/..")) &&
           !str_ends_with(path, STR("/.")));
    /* Encoding every byte but the slashes means the same path. */
    AUTO(strbuf_done) struct strbuf encoded = STRBUF(1 << 20);
    struct str rest = path, segment;
    for (bool more = true; more;) {
        more = str_cut(rest, '/', &segment, &rest);
        percent_add(&encoded, segment);
        if (more)
            strbuf_addc(&encoded, '/');
    }
    assert(path_decode(a, strbuf_str(&encoded), &again, &err) == ERR_OK);
    assert(str_eq(path, again));
    return 0;
}
