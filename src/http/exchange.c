#include "http/exchange.h"

#include <microhttpd.h>
#include <time.h>
#include "http/message.h"
#include "http/params.h"
#include "http/path.h"

enum { TARGET_MAX = 1 << 20 };

int64_t exchange_now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static const struct pool_ops job_ops;

/* ---- life ---- */

static void forget(struct exchange *ex) {
    if (ex->is_acquired && ex->parent == NULL)
        ex->server->options.app.release(ex->server->options.app.ctx, ex->req.app);
    if (ex->is_counted && ex->parent == NULL)
        gauge_add(ex->server->in_flight, -1);
    if (ex->prepared != NULL)
        snapshot_release(&ex->server->routes[ex->match.entry->index].prepared, ex->prepared);
    if (ex->body.ptr != NULL)
        strbuf_wipe_done(&ex->body); /* may hold a password */
    response_drop_stream(&ex->res);
}

static void discard(struct exchange *ex) {
    if (ex == NULL)
        return;
    arena_free(ex->req.arena);
    strbuf_done(&ex->target);
    free(ex);
}

void exchange_unref(struct exchange *ex) {
    while (ex != NULL && atomic_fetch_sub_explicit(&ex->refs, 1, memory_order_acq_rel) == 1) {
        struct exchange *parent = ex->parent;
        forget(ex);
        discard(ex);
        ex = parent;
    }
}

static _Atomic(struct exchange *) *spare_of(struct http_server *s, const struct connection *c) {
    return &s->spares[c->id % HTTP_SPARES];
}

void exchange_end(struct exchange *ex) {
    if (atomic_load_explicit(&ex->refs, memory_order_acquire) != 1 || ex->parent != NULL) {
        exchange_unref(ex);
        return;
    }
    forget(ex);
    arena_reset(ex->req.arena);
    discard(atomic_exchange(spare_of(ex->server, ex->connection), ex));
}

void exchange_free_spares(struct http_server *s) {
    for (size_t i = 0; i < ARRAY_LEN(s->spares); i++)
        discard(atomic_exchange(&s->spares[i], NULL));
}

static void init_exchange(struct exchange *ex, struct http_server *s, struct connection *c,
                          struct MHD_Connection *mhd) {
    ex->owner = OWNER_EXCHANGE;
    ex->server = s;
    ex->connection = c;
    ex->mhd = mhd;
    ex->parent = NULL;
    ex->prepared = NULL;
    atomic_store_explicit(&ex->refs, 1, memory_order_relaxed);
    ex->stage = STAGE_TARGET;
    ex->refusal.status = 0;
    ex->refusal.allowed = 0;
    ex->match.entry = NULL;
    ex->header_count = 0;
    ex->content_length = ex->discarded = 0;
    ex->has_body = ex->expects_continue = ex->discards = ex->is_preflight = false;
    ex->is_acquired = ex->is_counted = ex->is_suspended = ex->is_http10 = false;
    ex->body = STRBUF(0);
    ex->cors_origin = STR_NULL;
    ex->cors_headers = NULL;
    ex->job.ops = &job_ops;
    ex->job.state = JOB_IDLE;
    ex->start_us = 0;
    ex->req = (struct http_request) {
        .request_id = ex->id,
        .clock = s->options.clock,
        .log = s->options.log,
        .is_tls = s->options.tls,
        .peer_certificate = STR_NULL,
        .connection = ex,
    };
    response_init(&ex->res, &ex->req);
}

struct exchange *exchange_new(struct http_server *s, struct connection *c, struct MHD_Connection *mhd,
                              struct str target) {
    struct exchange *ex = atomic_exchange(spare_of(s, c), NULL);
    struct arena *arena = ex != NULL ? ex->req.arena : arena_new(HTTP_ARENA_MAX);
    if (ex == NULL && (ex = malloc(sizeof *ex)) != NULL)
        ex->target = STRBUF(TARGET_MAX);
    if (ex == NULL || arena == NULL) {
        arena_free(arena);
        free(ex);
        return NULL;
    }
    init_exchange(ex, s, c, mhd);
    ex->req.arena = arena;
    strbuf_clear(&ex->target);
    strbuf_add(&ex->target, target);
    if (ex->target.failed) {
        exchange_unref(ex);
        return NULL;
    }
    request_id_make(s->id_key, c->id, c->requests++, ex->id);
    path_split_target(strbuf_str(&ex->target), &ex->raw_path, &ex->req.query);
    response_init(&ex->res, &ex->req);
    return ex;
}

struct exchange *exchange_timed_out(struct exchange *ex) {
    struct exchange *twin = malloc(sizeof *twin);
    if (twin == NULL)
        return NULL;
    /* The worker still reads ex->req and writes ex->res: the head is constant by now, the rest is not touched. */
    init_exchange(twin, ex->server, ex->connection, ex->mhd);
    twin->target = STRBUF(0);
    twin->req = ex->req;
    twin->req.connection = twin;
    twin->req.request_id = twin->id;
    memcpy(twin->id, ex->id, sizeof twin->id);
    memcpy(twin->headers, ex->headers, ex->header_count * sizeof *ex->headers);
    twin->header_count = ex->header_count;
    twin->match = ex->match;
    twin->cors_origin = ex->cors_origin;
    twin->is_acquired = ex->is_acquired;
    twin->start_us = ex->start_us;
    twin->stage = STAGE_WORKER;
    twin->req.arena = arena_new(HTTP_ARENA_MAX);
    if (twin->req.arena == NULL) {
        discard(twin);
        return NULL;
    }
    twin->parent = ex; /* the connection's reference passes to the twin */
    response_init(&twin->res, &twin->req);
    (void)exchange_refuse(twin, 503, ERR_TIMEOUT, "the handler did not answer in time");
    return twin;
}

/* ---- answers ---- */

bool exchange_refuse(struct exchange *ex, unsigned status, enum err_code code, const char *why) {
    if (ex->refusal.status == 0) {
        ex->refusal.status = status;
        err_set(&ex->refusal.err, code, "%s", why);
    }
    return false;
}

static void render_error(struct exchange *ex, enum err_code code, unsigned status) {
    struct http_response *res = &ex->res;
    http_error_renderer render = ex->req.route != NULL ? ex->req.route->on_error : NULL;
    response_reset(res, &ex->req);
    res->status = status;
    if (ex->refusal.allowed != 0) {
        AUTO(strbuf_done) struct strbuf allow = STRBUF(128);
        http_methods_format(ex->refusal.allowed, &allow);
        http_set_header(res, "Allow", strbuf_str(&allow));
    }
    if (status == 503)
        http_set_header(res, "Retry-After", STR("2"));
    if (render != NULL && ex->is_acquired) {
        render(ex->req.app, &ex->req, code, status, res);
        if (!res->failed)
            return;
        response_reset(res, &ex->req);
        res->status = status;
    }
    const char *text = arena_printf(ex->req.arena, "%u %s\nrequest id: %s\n", status, status_text(status),
                                    ex->req.request_id);
    http_body_static(res, "text/plain; charset=utf-8", str_of(text));
    res->body_is_static = false;
}

/* The one place where a failed request is logged. */
static void answer_error(struct exchange *ex, enum err_code code, unsigned status, const struct err *err) {
    enum log_level level = status >= 500 ? (status == 503 ? LOG_LEVEL_WARN : LOG_LEVEL_ERROR)
                                         : LOG_LEVEL_INFO;
    log_write_err(ex->server->options.log, level, ex->req.request_id, "request_failed", err,
                  LOG_FIELDS(KV("status", status), KV("path", ex->req.path.ptr ? ex->req.path : ex->raw_path),
                             KV("client", ex->req.client_ip)));
    render_error(ex, code, status);
    response_default_header(&ex->res, "Cache-Control", STR("no-store"));
}

static void answer_preflight(struct exchange *ex) {
    AUTO(strbuf_done) struct strbuf allow = STRBUF(128);
    http_methods_format(ex->refusal.allowed, &allow);
    ex->res.status = 204;
    http_set_header(&ex->res, "Allow", strbuf_str(&allow));
    if (ex->cors_origin.len == 0)
        return;
    http_set_header(&ex->res, "Access-Control-Allow-Methods", strbuf_str(&allow));
    response_default_header(&ex->res, "Access-Control-Allow-Headers",
                            ex->cors_headers != NULL ? str_of(ex->cors_headers)
                                                     : STR("Authorization, Content-Type"));
    response_default_header(&ex->res, "Access-Control-Max-Age", STR("600"));
}

static bool is_hsts_host(const struct exchange *ex) {
    struct str host, port;
    (void)str_cut(http_header(&ex->req, "Host"), ':', &host, &port); /* an IPv6 literal is no name to pin */
    return str_eq_nocase(host, str_of(ex->server->options.hsts_host)) && host.len > 0;
}

/* What every answer carries. The handler's own value of the same header stays. */
static void add_common_headers(struct exchange *ex) {
    struct http_response *res = &ex->res;
    const struct route *route = ex->req.route;
    if (ex->cors_origin.len > 0)
        response_default_header(res, "Access-Control-Allow-Origin", ex->cors_origin);
    if (ex->cors_origin.len > 0 || (route != NULL && route->cors))
        http_add_header(res, "Vary", STR("Origin")); /* also of the answer without it, for caches */
    if (route != NULL && route->no_store) {
        response_default_header(res, "Cache-Control", STR("no-store"));
        response_default_header(res, "Pragma", STR("no-cache"));
    }
    date_now(ex->server, ex->date);
    response_default_header(res, "Date", str_of(ex->date));
    response_default_header(res, "X-Content-Type-Options", STR("nosniff"));
    /* Never a path or query. Not "no-referrer": browsers then post our own forms with "Origin: null" (Fetch standard, "append a request
     * Origin header"), and over plain HTTP, where they send no Sec-Fetch-Site, that is all that tells our form from a foreign one. */
    response_default_header(res, "Referrer-Policy", STR("strict-origin"));
    response_default_header(res, "X-Frame-Options", STR("DENY"));
    if (ex->req.is_tls && is_hsts_host(ex))
        response_default_header(res, "Strict-Transport-Security", STR("max-age=31536000"));
}

static void answer_refusal(struct exchange *ex) {
    answer_error(ex, ex->refusal.err.code, ex->refusal.status, &ex->refusal.err);
    add_common_headers(ex);
}

static void finish(struct exchange *ex, enum err_code rc, struct err *err) {
    if (rc == ERR_OK && (ex->res.failed || arena_failed(ex->req.arena)))
        rc = err_set(err, ERR_NOMEM, "the answer did not fit into the request's memory");
    if (rc != ERR_OK)
        answer_error(ex, rc, status_of_err(rc), err);
    add_common_headers(ex);
}

static void call_handler(struct exchange *ex) {
    struct err err = { .code = ERR_OK };
    enum err_code rc = ex->req.route->handle(ex->req.app, &ex->req, &ex->res, &err);
    bool moves = rc == ERR_OK && ex->res.moves && ex->is_suspended && ex->res.move_to != ex->req.run;
    if (rc == ERR_OK && ex->res.moves && !moves)
        rc = err_set(&err, ERR_INTERNAL, "a handler moved from the loop, or to where it is");
    ex->res.moves = moves;
    if (!moves)
        finish(ex, rc, &err);
}

/* ---- on a worker ---- */

static struct exchange *of_job(struct pool_job *job) {
    return (struct exchange *)(void *)((char *)job - offsetof(struct exchange, job));
}

/* The head lives in MHD's memory, which a timed out connection reuses: the worker gets its own. */
static bool copy_head(struct exchange *ex) {
    struct arena *a = ex->req.arena;
    for (size_t i = 0; i < ex->header_count; i++) {
        ex->headers[i].name = arena_str(a, ex->headers[i].name);
        ex->headers[i].value = arena_str(a, ex->headers[i].value);
    }
    if (ex->req.peer_certificate.ptr != NULL)
        ex->req.peer_certificate = arena_str(a, ex->req.peer_certificate);
    return !arena_failed(a);
}

static void job_accepted(struct pool_job *job) {
    struct exchange *ex = of_job(job);
    atomic_fetch_add_explicit(&ex->refs, 1, memory_order_relaxed);
    ex->stage = STAGE_WORKER;
    if (!ex->is_suspended) /* a job that moves from pool to pool stays suspended */
        MHD_suspend_connection(ex->mhd);
    ex->is_suspended = true;
}

static void job_run(struct pool_job *job) { call_handler(of_job(job)); }

struct pool *exchange_pool(struct http_server *s, enum http_run run) {
    if (run == HTTP_RUN_DIRECTORY && s->directory.threads != NULL)
        return &s->directory;
    return run == HTTP_RUN_WORK ? &s->work : &s->login;
}

static bool push(struct exchange *ex) {
    struct http_server *s = ex->server;
    ex->job.deadline_ms = clock_mono_ms(s->options.clock) +
                          (int64_t)s->options.limits.response_timeout_s * 1000;
    if (pool_push(exchange_pool(s, ex->req.run), &ex->job))
        return true;
    counter_add(s->queue_full, 1);
    return exchange_refuse(ex, 503, ERR_UNAVAILABLE, "all workers are busy and the queue is full");
}

/* http_move: the handler starts anew on the other pool. False: that one is full, and this has been answered. */
static bool move_to_pool(struct exchange *ex) {
    ex->req.run = ex->res.move_to;
    response_reset(&ex->res, &ex->req);
    if (push(ex))
        return true;
    answer_refusal(ex);
    return false;
}

static void job_finished(struct pool_job *job, bool in_time) {
    struct exchange *ex = of_job(job);
    bool moved = in_time && ex->res.moves && move_to_pool(ex);
    if (in_time && !moved)
        MHD_resume_connection(ex->mhd);
    exchange_unref(ex);
}

static void job_expired(struct pool_job *job, bool has_run) {
    struct exchange *ex = of_job(job);
    MHD_resume_connection(ex->mhd);
    if (!has_run)
        exchange_unref(ex);
}

static const struct pool_ops job_ops = {
    .accepted = job_accepted,
    .run = job_run,
    .finished = job_finished,
    .expired = job_expired,
};

/* ---- the way through ---- */

static bool read_params(struct exchange *ex) {
    const struct route *route = ex->req.route;
    struct http_request *req = &ex->req;
    if (route->params == NULL)
        return true;
    /* RFC 6749 3.2: parameters of a form post come from its body alone. */
    bool from_body = req->method == HTTP_POST && !route->raw_body;
    struct param_set found;
    struct err err;
    enum err_code rc = params_collect(req->arena, route->params, from_body ? req->body : req->query, &found,
                                      &err);
    if (rc != ERR_OK)
        return exchange_refuse(ex, rc == ERR_NOMEM ? 500 : 400, rc, err.detail);
    req->params = found.values;
    req->param_count = found.len;
    req->repeated_param = found.repeated;
    req->oversized_param = found.oversized;
    if (route->own_param_errors)
        return true;
    if (found.repeated.ptr != NULL)
        return exchange_refuse(ex, 400, ERR_INVALID, "a parameter is given twice");
    if (found.missing.ptr != NULL)
        return exchange_refuse(ex, 400, ERR_INVALID, "a parameter is missing");
    if (found.oversized.ptr != NULL)
        return exchange_refuse(ex, 400, ERR_INVALID, "a parameter is too long");
    return true;
}

static bool run_in_pool(struct exchange *ex) {
    return copy_head(ex) ? push(ex) : exchange_refuse(ex, 500, ERR_NOMEM, "no memory for the head");
}

enum exchange_run exchange_run(struct exchange *ex) {
    if (ex->is_preflight && ex->refusal.status == 0) {
        answer_preflight(ex);
        add_common_headers(ex);
        return EXCHANGE_SEND;
    }
    ex->req.body = strbuf_str(&ex->body);
    if (ex->refusal.status == 0 && read_params(ex)) {
        ex->req.run = ex->req.route->run;
        if (ex->req.run == HTTP_RUN_LOOP) {
            call_handler(ex);
            return EXCHANGE_SEND;
        }
        if (run_in_pool(ex))
            return EXCHANGE_SUSPENDED;
    }
    answer_refusal(ex);
    return EXCHANGE_SEND;
}

/* ---- afterwards ---- */

void exchange_account(struct exchange *ex) {
    struct http_server *s = ex->server;
    struct route_state *state = &s->routes[ex->match.entry ? ex->match.entry->index : router_len(s->router)];
    unsigned class = ex->res.status / 100 < 6 ? ex->res.status / 100 : 5;
    int64_t took_us = exchange_now_us() - ex->start_us;
    counter_add(state->by_class[class], 1);
    histogram_observe_us(state->latency, took_us);
    if (log_enabled(s->options.log, LOG_LEVEL_INFO))
        log_info(s->options.log, ex->req.request_id, "request",
                 KV("method", http_method_name(ex->req.method)),
                 KV("path", ex->req.path.ptr ? ex->req.path : ex->raw_path), KV("status", ex->res.status),
                 KV("ms", took_us / 1000), KV("client", ex->req.client_ip));
}
