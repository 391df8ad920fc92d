/* A path against a table with every kind of segment: a match is spelled like its route. */
#include <assert.h>

#include "http/router.h"

static enum err_code handle(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err) {
    (void)app;
    (void)req;
    (void)res;
    return err_set(err, ERR_INTERNAL, "never called");
}

static const struct route routes[] = {
    { .methods = HTTP_GET, .path = "/", .handle = handle },
    { .methods = HTTP_GET, .path = "/a/{x}/b", .handle = handle, .trailing_slash = true },
    { .methods = HTTP_POST, .path = "/a/c/b", .handle = handle },
    { .methods = HTTP_GET, .path = "/a/{x}/{y}", .handle = handle },
    { .methods = HTTP_GET, .path = "/a/{*}", .handle = handle },
    { .methods = HTTP_GET, .path = "/s/", .handle = handle },
    { .path = NULL },
};

/* The route's pattern with what was matched put in. */
static void rebuild(const struct route_match *m, struct strbuf *out) {
    struct str rest = str_from(str_of(m->entry->route->path), 1), segment;
    size_t used = 0;
    while (rest.len > 0) {
        (void)str_cut(rest, '/', &segment, &rest);
        strbuf_addc(out, '/');
        strbuf_add(out, str_eq(segment, STR("{*}")) ? m->rest
                        : segment.ptr[0] == '{'     ? m->values[used++]
                                                    : segment);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct route *const tables[] = { routes, NULL };
    AUTO_FREE(router_free) struct router *r = NULL;
    struct err err;
    struct route_match match;
    unsigned allowed = 0;
    struct str path = { (const char *)data, size };
    if (router_new(tables, &r, &err) != ERR_OK)
        return 0;
    bool found = router_find(r, path, size % 2 ? HTTP_GET : HTTP_POST, &match, &allowed);
    if (!found)
        return 0;
    assert(allowed != 0);
    AUTO(strbuf_done) struct strbuf built = STRBUF(1 << 20);
    rebuild(&match, &built);
    struct str trimmed = strbuf_str(&built);
    if (path.len > 1 && str_ends_with(path, STR("/")) && !str_ends_with(trimmed, STR("/")))
        strbuf_addc(&built, '/');
    assert(built.len == 0 ? str_eq(path, STR("/")) : str_eq(strbuf_str(&built), path));
    return 0;
}
