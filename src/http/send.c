#include <microhttpd.h>

#include "http/exchange.h"

/* The last static answer of a route, with every header, as MHD sends it: building one costs more than comparing. The
 * bytes are a copy, so the comparison alone decides whether it still is the answer. */
struct prepared {
    struct snapshot snapshot;
    struct arena *arena;
    struct MHD_Response *response;
    struct response_header headers[HTTP_RESPONSE_HEADERS_MAX];
    size_t header_count;
    struct str body;
};

static void prepared_free(struct snapshot *s) {
    struct prepared *p = (struct prepared *)(void *)s;
    if (p->response != NULL)
        MHD_destroy_response(p->response);
    arena_free(p->arena);
    free(p);
}

static void add_headers(struct MHD_Response *response, const struct http_response *res) {
    for (size_t i = 0; i < res->header_count; i++)
        if (MHD_add_response_header(response, res->headers[i].name, res->headers[i].value.ptr) != MHD_YES)
            log_warn(res->log, res->request_id, "response_header_dropped",
                     KV("header", res->headers[i].name));
}

static struct MHD_Response *build(const struct http_response *res, struct str body) {
    union { /* MHD does not write to it, but its parameter has no const */
        const char *in;
        void *out;
    } bytes = { .in = body.len > 0 ? body.ptr : "" };
    struct MHD_Response *response = MHD_create_response_from_buffer(body.len, bytes.out,
                                                                    MHD_RESPMEM_PERSISTENT);
    if (response != NULL)
        add_headers(response, res);
    return response;
}

static ssize_t no_body(void *cls, uint64_t position, char *out, size_t max) {
    (void)cls;
    (void)position;
    (void)out;
    (void)max;
    return MHD_CONTENT_READER_END_OF_STREAM;
}

/* To HEAD, too, nothing is said of the length. MHD 0.9.75 sends a last chunk after the head if it may use chunks there. */
static struct MHD_Response *build_stream_head(const struct http_response *res) {
    struct MHD_Response *response = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 1, no_body, NULL,
                                                                      NULL);
    if (response == NULL)
        return NULL;
    (void)MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    add_headers(response, res);
    return response;
}

/* With chunks, MHD reads into the connection's memory, else into the response's. */
static struct MHD_Response *build_stream(const struct exchange *ex) {
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, ex->is_http10 ? HTTP_STREAM_PIECE : 1, stream_read, ex->res.stream, NULL);
    if (response != NULL)
        add_headers(response, &ex->res);
    return response;
}

static bool is_preparable(const struct exchange *ex) {
    const struct http_response *res = &ex->res;
    const struct route_entry *entry = ex->match.entry;
    return entry != NULL && entry->route->run == HTTP_RUN_LOOP && entry->name_count == 0 && !entry->is_rest &&
           res->status == 200 && res->body_is_static && res->body.len <= HTTP_CACHED_BODY_MAX &&
           ex->cors_origin.len == 0 && ex->refusal.status == 0;
}

static bool is_same(const struct prepared *p, const struct http_response *res) {
    if (p->header_count != res->header_count || !str_eq(p->body, res->body))
        return false;
    for (size_t i = 0; i < res->header_count; i++)
        if (!str_eq(p->headers[i].value, res->headers[i].value) ||
            strcmp(p->headers[i].name, res->headers[i].name) != 0)
            return false;
    return true;
}

static struct prepared *prepare(const struct http_response *res) {
    struct prepared *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    snapshot_init(&p->snapshot, prepared_free);
    p->arena = arena_new(HTTP_ARENA_MAX);
    if (p->arena != NULL) {
        p->body = arena_str(p->arena, res->body);
        p->header_count = res->header_count;
        for (size_t i = 0; i < res->header_count; i++) {
            p->headers[i].name = arena_strdup(p->arena, str_of(res->headers[i].name));
            p->headers[i].value = arena_str(p->arena, res->headers[i].value);
        }
        if (!arena_failed(p->arena))
            p->response = build(res, p->body);
    }
    if (p->response == NULL) {
        prepared_free(&p->snapshot);
        return NULL;
    }
    return p;
}

/* MHD counts references of the response, but not of our bytes: the exchange holds the snapshot until it ends. */
static bool send_prepared(struct exchange *ex, enum MHD_Result *ret) {
    struct snapshot_cell *cell = &ex->server->routes[ex->match.entry->index].prepared;
    struct snapshot *s = snapshot_acquire(cell);
    if (s == NULL || !is_same((struct prepared *)(void *)s, &ex->res)) {
        if (s != NULL)
            snapshot_release(cell, s);
        struct prepared *next = prepare(&ex->res);
        if (next == NULL)
            return false;
        snapshot_swap(cell, &next->snapshot);
        s = snapshot_acquire(cell);
        if (s == NULL)
            return false;
        if (!is_same((struct prepared *)(void *)s,
                     &ex->res)) { /* another thread was faster, with another answer */
            snapshot_release(cell, s);
            return false;
        }
    }
    ex->prepared = s;
    *ret = MHD_queue_response(ex->mhd, ex->res.status, ((struct prepared *)(void *)s)->response);
    return true;
}

/* The bytes live at least as long as the exchange, and MHD is done with them when it ends. */
static struct MHD_Response *build_any(struct exchange *ex) {
    struct http_response *res = &ex->res;
    bool has_body = res->status != 204 && res->status != 304 && res->status >= 200;
    if (res->stream == NULL || !has_body) {
        response_drop_stream(res);
        return build(res, has_body ? res->body : STR(""));
    }
    if (ex->req.method != HTTP_HEAD)
        return build_stream(ex);
    response_drop_stream(res);
    return build_stream_head(res);
}

bool send_response(struct exchange *ex) {
    struct http_server *s = ex->server;
    struct http_response *res = &ex->res;
    const struct http_limits *limits = &s->options.limits;
    bool is_stopping = atomic_load_explicit(&s->is_stopping, memory_order_relaxed);
    int64_t send_ms = ((int64_t)limits->request_timeout_s +
                       (int64_t)(res->body.len / HTTP_SEND_BYTES_PER_S)) *
                      1000;
    atomic_store_explicit(&ex->connection->deadline_ms, clock_mono_ms(s->options.clock) + send_ms,
                          memory_order_relaxed);
    ex->stage = STAGE_ANSWERED;
    enum MHD_Result queued = MHD_NO;
    if (!is_stopping && is_preparable(ex) && send_prepared(ex, &queued))
        return queued == MHD_YES;
    if (is_stopping)
        response_default_header(res, "Connection", STR("close"));
    struct MHD_Response *response = build_any(ex);
    if (response == NULL)
        return false;
    queued = MHD_queue_response(ex->mhd, res->status, response);
    MHD_destroy_response(response);
    return queued == MHD_YES;
}
