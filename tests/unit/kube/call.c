#include "unit/kube/call.h"

#include "http/exchange.h"

enum { MEMORY_MAX = 256 * 1024 * 1024 };
#define PREFIX "/apis/auth.tkestack.io/v1/"

struct call {
    struct exchange exchange;
    struct arena *arena;
};
static const struct route_entry everything_below = { .is_rest = true };

struct call *call_new(const struct clock *clock, struct log *log) {
    struct call *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->arena = arena_new(MEMORY_MAX);
    assert_non_null(c->arena);
    c->exchange.req = (struct http_request) { .method = HTTP_GET,
                                              .request_id = "req-1",
                                              .client_ip = STR("192.0.2.7"),
                                              .arena = c->arena,
                                              .clock = clock,
                                              .log = log,
                                              .connection = &c->exchange };
    response_init(&c->exchange.res, &c->exchange.req);
    return c;
}

void call_free(struct call *c) {
    response_drop_stream(&c->exchange.res);
    arena_free(c->arena);
    free(c);
}

void call_target(struct call *c, const char *method, const char *target) {
    struct http_request *req = &c->exchange.req;
    struct str path, query;
    (void)str_cut(str_of(arena_printf(c->arena, PREFIX "%s", target)), '?', &path, &query);
    req->method = http_method_parse(str_of(method));
    assert_int_not_equal(req->method, 0);
    req->path = path;
    req->query = query;
    c->exchange.match = (struct route_match) { .entry = &everything_below,
                                               .rest = str_from(path, strlen(PREFIX)) };
}

void call_header(struct call *c, const char *name, const char *value) {
    assert_true(c->exchange.header_count < ARRAY_LEN(c->exchange.headers));
    c->exchange.headers[c->exchange.header_count++] = (struct header) { arena_str(c->arena, str_of(name)),
                                                                        arena_str(c->arena, str_of(value)) };
}

void call_send(struct call *c, struct str body) { c->exchange.req.body = arena_str(c->arena, body); }
struct http_request *call_request(struct call *c) {
    return &c->exchange.req;
}
struct http_response *call_response(struct call *c) {
    return &c->exchange.res;
}

unsigned call_status(const struct call *c) { return c->exchange.res.status; }

struct str call_body(const struct call *c) {
    return c->exchange.res.body;
}

const char *call_answered(const struct call *c, const char *name) {
    const struct http_response *res = &c->exchange.res;
    for (size_t i = 0; i < res->header_count; i++)
        if (str_eq_nocase(str_of(res->headers[i].name), str_of(name)))
            return res->headers[i].value.ptr;
    return NULL;
}

/* ---- streams ---- */

bool call_streams(const struct call *c) { return c->exchange.res.stream != NULL; }

enum http_stream_state call_read(struct call *c, char *out, size_t max, size_t *ret_len) {
    struct http_stream *s = c->exchange.res.stream;
    assert_non_null(s);
    (void)call_was_woken(c);
    return s->ops->read(s->ctx, out, max, ret_len);
}

void call_fill(struct call *c) {
    struct http_stream *s = c->exchange.res.stream;
    s->ops->fill(s->ctx);
}

bool call_was_woken(struct call *c) {
    return (atomic_fetch_and(&c->exchange.res.stream->flags, ~(unsigned)STREAM_WOKEN) & STREAM_WOKEN) != 0;
}
