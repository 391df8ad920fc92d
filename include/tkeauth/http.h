/* http owns the listening side: libmicrohttpd (its only user), routing, limits, TLS, the worker pools. It must never know
 * what a route means, and never runs a handler that may block on the event loop. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/log.h"

enum http_method {
    HTTP_GET = 1,
    HTTP_POST = 2,
    HTTP_PUT = 4,
    HTTP_DELETE = 8,
    HTTP_PATCH = 16,
    HTTP_HEAD = 32,
    HTTP_OPTIONS = 64
};

/* ---- where a handler runs ---- */
enum http_run {
    HTTP_RUN_LOOP,      /* on the HTTP thread: answers from memory, no lock, no I/O */
    HTTP_RUN_WORK,      /* storage and signing */
    HTTP_RUN_LOGIN,     /* password hashing: costs a core for tens of milliseconds */
    HTTP_RUN_DIRECTORY, /* waits for somebody else's server: one that is silent must not hold up the others */
};

/* ---- what a handler sees ---- */
struct http_param_value {
    struct str name, value;
};
struct http_request {
    enum http_method method;
    struct str path;  /* decoded, normalised; no query */
    struct str query; /* raw, without '?' */
    struct str body;  /* raw; complete */
    const char *
        request_id; /* of the log lines and the error page; made here, or taken from a trusted proxy's X-Request-Id */
    struct str client_ip; /* "192.0.2.7"; from X-Forwarded-For only behind configured proxies */
    struct arena *arena;  /* lives until the response has been sent */
    const struct clock *clock;
    struct log *log;
    void *app; /* the snapshot acquired for this request (http_app.acquire); same as the handler's argument */
    bool is_tls;
    struct str
        peer_certificate; /* DER of a client certificate that the listener's client CA verified; else STR_NULL */
    const struct route *route;
    enum http_run run; /* where this call of the handler runs */
    void *connection;  /* private to http/ */
    struct http_param_value *params;
    size_t param_count;
    struct str
        repeated_param; /* the first declared parameter given twice (only routes with own_param_errors get here) */
    struct str oversized_param; /* likewise, the first over its cap; http_param gives its whole value */
};
/* A declared parameter (query for GET, form body for POST, per the route's `params`); ptr NULL when absent. */
struct str http_param(const struct http_request *req, const char *name);
/* The value of a header (ASCII case does not count); of several equal ones the first, STR_NULL when absent. */
struct str http_header(const struct http_request *req, const char *name);
/* How often a header occurs: a second Authorization or Host is an attack. */
size_t http_header_count(const struct http_request *req, const char *name);
/* All header lines in the order they came: `size_t i = 0; while (http_header_next(req, &i, &name, &value))`. */
bool http_header_next(const struct http_request *req, size_t *i, struct str *ret_name, struct str *ret_value);
/* The first cookie of that name, without surrounding quotes; STR_NULL when absent. */
struct str http_cookie(const struct http_request *req, const char *name);
/* A `{name}` segment of the route's path, decoded. */
struct str http_path_param(const struct http_request *req, const char *name);
/* The bytes after a path ending in a wildcard ("/static/{*}"). */
struct str http_path_rest(const struct http_request *req);

/* ---- what a handler answers ----
 * Setters do not fail: what does not fit into the request's memory makes the edge answer 500 instead. */
struct http_response; /* starts as 200 with no body */
void http_status(struct http_response *res, unsigned status);
/* Names and values are copied. A value with CR, LF or NUL is dropped and logged: it would split the response. */
void http_set_header(struct http_response *res, const char *name, struct str value); /* replaces */
void http_add_header(struct http_response *res, const char *name,
                     struct str value); /* another one (Set-Cookie) */
void http_body(struct http_response *res, const char *content_type, struct str body); /* copied */
/* For bytes that outlive every request (embedded files, prepared snapshots kept by req->app): not copied. */
void http_body_static(struct http_response *res, const char *content_type, struct str body);
/* Status and Location. A location that would split the response, or an empty one, makes the edge answer 500. */
void http_redirect(struct http_response *res, unsigned status, struct str location);
struct http_cookie_spec {
    const char *name;
    struct str value;
    const char *path;
    int64_t max_age_s; /* 0: a session cookie; -1: delete it */
    bool http_only, secure;
    const char *same_site; /* "Lax", "Strict", "None" */
};
/* Adds a Set-Cookie. One whose name, value or attributes no cookie may hold (RFC 6265 4.1.1) is dropped and logged. */
void http_set_cookie(struct http_response *res, const struct http_cookie_spec *cookie);
/* From a handler that finds it needs another pool (a refresh that must ask a directory): what was set so far is forgotten and the
 * handler is called again, from the start, on `run`. The full queue of that pool answers 503. Only away from the loop. */
void http_move(struct http_response *res, enum http_run run);
unsigned http_response_status(const struct http_response *res);

/* ---- bodies that are made while they are sent: long lists, watches ----
 *
 * The handler sets status and headers and hands over `ctx`; the body goes out in chunks (HTTP/1.1) or until the connection closes
 * (HTTP/1.0), until `read` says END. A stream keeps neither the request nor its app snapshot: after the handler has returned, `ctx`
 * must hold all it needs. Waiting costs no thread, so thousands may wait. When the server stops, a stream that waits is ended as if it had
 * said END; one that has something to say may go on, but not after http_server_stop's drain_ms. HEAD gets the head alone. */
struct http_stream; /* valid from http_body_stream until `close` */
enum http_stream_state {
    HTTP_STREAM_DATA, /* *ret_len bytes (at least 1) were put into `out` */
    HTTP_STREAM_WAIT, /* nothing now: read is called again after http_stream_wake */
    HTTP_STREAM_FILL, /* nothing now: run `fill` on a worker, then read again */
    HTTP_STREAM_END,  /* all was sent */
    HTTP_STREAM_FAIL, /* close the connection, so that the client sees a truncated body rather than a short one (which
                       * HTTP/1.0 cannot tell apart) */
};
struct http_stream_ops {
    /* On the HTTP thread: never blocks. */
    enum http_stream_state (*read)(void *ctx, char *out, size_t max, size_t *ret_len);
    /* On a worker of pool `run`, not at the same time as read; may block, but not for longer than a handler may: the client's stream is
     * cut then. A full pool delays it. NULL when read never asks for it. */
    void (*fill)(void *ctx);
    /* Once, when the client has gone or all was sent; neither read nor fill is running or will. http_stream_wake must not be called from
     * then on: take `ctx` out of where it is woken from. */
    void (*close)(void *ctx);
    enum http_run run;
};
/* The response has a body that `ops` makes. `*ret_stream` (may be NULL) is what to wake. `ops` and `ctx` are borrowed until `close`, which is
 * called in any case, also when the answer could not be sent. */
void http_body_stream(struct http_response *res, const char *content_type, const struct http_stream_ops *ops,
                      void *ctx, struct http_stream **ret_stream);
/* From any thread, any number of times, also before the stream waits: never lost, cheap when it is not waiting. None may still be running
 * when `close` returns: wake under the lock that `close` takes. NULL is fine. */
void http_stream_wake(struct http_stream *s);

/* ---- routes are data ---- */
typedef enum err_code (*http_handler)(void *app, const struct http_request *req, struct http_response *res,
                                      struct err *err);
/* Renders an error for the client: fixed texts, the request id, never err->detail (http/ logs that, once). `res` is empty but for
 * the status, and Retry-After (503) or Allow (405). Runs on the loop when the request was refused there (404, 413, 503 ...):
 * no lock, no I/O. */
typedef void (*http_error_renderer)(void *app, const struct http_request *req, enum err_code code,
                                    unsigned status, struct http_response *res);

enum http_param_flags { HTTP_PARAM_OPTIONAL = 0, HTTP_PARAM_REQUIRED = 1, HTTP_PARAM_SECRET = 2 };
struct http_param_spec {
    const char *name;
    unsigned flags;
    size_t max; /* bytes after decoding */
};
struct route {
    unsigned methods; /* a set of enum http_method; HEAD comes with GET */
    const char *
        path; /* "/oidc/token", "/oidc/auth/{connector}/login", "/oidc/static/{*}"; a trailing slash in a request is
                        * taken when the route has none and `trailing_slash` */
    http_handler handle;
    enum http_run run;
    const struct http_param_spec *params; /* ends with a NULL name; others are ignored (RFC 6749 3.1) */
    bool raw_body;   /* the handler parses the body itself (JSON); otherwise POST must be a form, else 415 */
    size_t body_max; /* 0: no body is taken; over it: 413 */
    bool no_store;   /* Cache-Control: no-store, Pragma: no-cache */
    bool
        own_param_errors; /* missing, oversized and repeated parameters are the handler's (an authorization endpoint answers them itself) */
    bool same_site; /* a POST with Sec-Fetch-Site cross-site/same-site or a foreign Origin is refused (403) */
    bool cors;      /* Access-Control-* per the configured origins */
    const char
        *cors_headers; /* Access-Control-Allow-Headers of a preflight; NULL: "Authorization, Content-Type" */
    bool trailing_slash;
    const char *metric;           /* label of request counters and latency */
    http_error_renderer on_error; /* NULL: text/plain */
};

/* ---- the server ---- */
struct http_pool_options {
    unsigned threads;
    unsigned queue; /* requests waiting; past it: 503 with Retry-After at once */
};
struct http_app {
    void *ctx;
    void *(*acquire)(void *ctx); /* at the start of a request; must not block */
    void (*release)(void *ctx, void *app);
};
struct http_limits {
    unsigned connections;        /* over it, new ones wait until one closes */
    unsigned connections_per_ip; /* of an IPv4 address or IPv6 /64; 0: no limit, as for trusted proxies */
    /* Request line and headers; over it: 431. MHD wipes that much for every request: 16 KiB cost 1.25 times the CPU of nginx's
     * request, 32 KiB 1.55 times. */
    size_t header_bytes;
    unsigned idle_timeout_s;    /* between requests on a kept connection */
    unsigned request_timeout_s; /* for head and body to arrive: a slow client loses its slot */
    unsigned
        response_timeout_s; /* for a handler on a worker; after it: 503 (the worker goes on, its answer is dropped) */
};
struct http_strings {
    const char *const *items;
    size_t len;
};
struct http_options {
    const char *address; /* "127.0.0.1", "::1", "0.0.0.0" */
    unsigned port;       /* 0: any free one */
    unsigned threads;    /* 0: one per core */
    struct http_pool_options work;
    struct http_pool_options
        login; /* threads 0: one less than there are cores, 1 to 4: hashing takes a whole core */
    struct http_pool_options directory; /* threads 0: HTTP_RUN_DIRECTORY shares the login pool */
    struct http_limits limits;
    const struct route *const *route_tables; /* each ends with path NULL; the list ends with NULL */
    struct http_app app;
    struct http_strings trusted_proxies; /* CIDRs whose X-Forwarded-For and X-Request-Id count */
    struct http_strings cors_origins;    /* exact origins */
    bool tls;
    const char *
        hsts_host; /* Strict-Transport-Security only when the request's Host is this (RFC 6797); NULL: never. A gateway
                            * in front has a host of its own, whose other ports are not ours to pin to https */
    const char *tls_min_version; /* "1.2" or "1.3" */
    const struct clock *clock;
    const struct random *random;
    struct log *log;
    struct metrics *metrics;
};
struct http_tls {
    struct str certificate_pem, key_pem; /* chain, server first */
    struct str
        client_ca_pem; /* STR_NULL: clients are not asked for a certificate; asked, but never required, otherwise */
};
struct http_server;
/* Binds and listens; answers only once http_server_start was called. `tls` and the lists of strings are copied; NULL without
 * TLS; route tables, clock, random, log and metrics are borrowed. Limits of 0 get defaults. ERR_INVALID: a bad address,
 * proxy, route or certificate. ERR_UNAVAILABLE: the address is taken. */
MUST_CHECK enum err_code http_server_new(const struct http_options *options, const struct http_tls *tls,
                                         struct http_server **ret, struct err *err);
/* Starts threads and answers. ERR_UNAVAILABLE. */
MUST_CHECK enum err_code http_server_start(struct http_server *s, struct err *err);
/* The port that was bound, also when port 0 was asked for. */
unsigned http_server_port(const struct http_server *s);
/* New connections use the new certificate; running ones go on. A bad one is refused and the old one stays. */
MUST_CHECK enum err_code http_server_set_tls(struct http_server *s, const struct http_tls *tls,
                                             struct err *err);
/* Stops accepting, lets running requests end for up to `drain_ms`, then closes everything. */
/* A handler that is still running when `drain_ms` are over is waited for, but its client is not: it gets 503. */
void http_server_stop(struct http_server *s, int64_t drain_ms);
/* Stops it first. NULL and a server that never started are fine. */
void http_server_free(struct http_server *s);
DEFINE_AUTO_FREE(http_server_free, struct http_server);
