/* The only file that talks to MHD about connections: its callbacks, and how it is started. */
#include <gnutls/abstract.h>
#include <microhttpd.h>

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "http/exchange.h"

enum {
    BACKLOG = 1024,
    POOL_MIN = 8 << 10,        /* of a connection: MHD wipes it for every request, so small is fast */
    POOL_FOR_ANSWER = 8 << 10, /* room for the answer's head beside the request's */
    STACK = 512 << 10,
};

/* ---- connections ---- */

static enum MHD_Result on_accept(void *cls, const struct sockaddr *address, socklen_t len) {
    (void)len;
    struct http_server *s = cls;
    struct ip ip = ip_of_sockaddr(address);
    return connections_has_room(&s->connections, &ip) ? MHD_YES : MHD_NO;
}

static int64_t deadline_in(const struct http_server *s, unsigned seconds) {
    return clock_mono_ms(s->options.clock) + (int64_t)seconds * 1000;
}

static gnutls_session_t session_of(struct MHD_Connection *mhd) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    return info != NULL ? info->tls_session : NULL;
}

static struct connection *open_connection(struct http_server *s, struct MHD_Connection *mhd, int fd) {
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct ip ip = ip_of_sockaddr(info->client_addr);
    struct connection *c = connections_add(&s->connections, &ip, fd,
                                           deadline_in(s, s->options.limits.request_timeout_s));
    if (c == NULL || !s->options.tls)
        return c;
    c->tls = snapshot_acquire(&s->tls);
    gnutls_session_t session = session_of(mhd);
    if (c->tls != NULL && session != NULL && tls_session_use(session, c->tls))
        return c;
    if (c->tls != NULL)
        snapshot_release(&s->tls, c->tls);
    connections_remove(&s->connections, c);
    return NULL;
}

static void close_connection(struct http_server *s, struct connection *c) {
    if (c->tls != NULL)
        snapshot_release(&s->tls, c->tls);
    union {
        const char *in;
        void *out;
    } der = { .in = c->peer_certificate.ptr };
    free(der.out);
    connections_remove(&s->connections, c);
}

static void on_connection(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code) {
    struct http_server *s = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (*context != NULL)
            close_connection(s, *context);
        *context = NULL;
        return;
    }
    int fd = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    *context = open_connection(s, mhd, fd);
    if (*context == NULL)
        (void)shutdown(fd, SHUT_RDWR); /* MHD finds it closed */
}

/* ---- requests ---- */

/* MHD splits and decodes the target in place afterwards: keep our own copy, as it was sent. */
static void *on_target(void *cls, const char *target, struct MHD_Connection *mhd) {
    struct http_server *s = cls;
    struct connection *c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    if (c == NULL)
        return NULL;
    if (c->requests > 0) /* a new connection's time began when it was opened */
        atomic_store_explicit(&c->deadline_ms, deadline_in(s, s->options.limits.request_timeout_s),
                              memory_order_relaxed);
    return exchange_new(s, c, mhd, str_of(target));
}

static size_t leave_encoded(void *cls, struct MHD_Connection *mhd, char *text) {
    (void)cls;
    (void)mhd;
    return strlen(text);
}

/* A stream needs nothing of the request: from here on MHD keeps it instead of the exchange, whose memory serves the next one. */
static void pass_to_stream(struct exchange *ex, void **state) {
    struct http_stream *stream = ex->res.stream;
    ex->res.stream = NULL;
    ex->res.stream_ops = NULL;
    stream_begin(stream, ex);
    *state = stream;
    exchange_account(ex);
    exchange_end(ex);
}

static enum MHD_Result answer(struct exchange *ex, void **state) {
    if (!send_response(ex))
        return MHD_NO;
    if (ex->res.stream != NULL)
        pass_to_stream(ex, state);
    return MHD_YES;
}

/* A client that is still sending does not see an answer before the connection is closed on it: what is about as long as what the route takes
 * is read to its end. */
static size_t discard_max(const struct exchange *ex) {
    size_t body_max = ex->req.route != NULL ? ex->req.route->body_max : 0;
    return 2 * body_max > HTTP_DISCARD_MAX ? 2 * body_max : HTTP_DISCARD_MAX;
}

static enum MHD_Result begin(struct exchange *ex, const char *method, const char *version, void **state) {
    struct http_server *s = ex->server;
    ex->stage = STAGE_BODY;
    ex->start_us = exchange_now_us();
    ex->is_counted = true;
    gauge_add(s->in_flight, 1);
    atomic_fetch_add_explicit(&s->running, 1, memory_order_relaxed);
    ex->req.method = http_method_parse(str_of(method));
    ex->is_http10 = str_eq(str_of(version), STR("HTTP/1.0"));
    ex->req.app = s->options.app.acquire(s->options.app.ctx);
    ex->is_acquired = true;
    if (ex->connection->tls != NULL) {
        int64_t now_s = clock_now_s(s->options.clock);
        tls_check_peer(session_of(ex->mhd), ex->connection, now_s);
        if (ex->connection->peer_until_s > now_s)
            ex->req.peer_certificate = ex->connection->peer_certificate;
    }
    head_read(ex);
    if (ex->req.route != NULL)
        ex->body.max = ex->req.route->body_max;
    /* Nobody should send a large body that nobody wants: answering now makes MHD close the connection afterwards. */
    if (ex->discards && (ex->expects_continue || ex->content_length > discard_max(ex))) {
        (void)exchange_run(ex);
        return answer(ex, state);
    }
    return MHD_YES;
}

static enum MHD_Result take_body(struct exchange *ex, struct str piece) {
    if (!ex->discards) {
        strbuf_add(&ex->body, piece);
        if (!ex->body.failed)
            return MHD_YES;
        bool too_large = ex->body.len + piece.len > ex->body.max;
        (void)exchange_refuse(ex, too_large ? 413 : 500, too_large ? ERR_LIMIT : ERR_NOMEM,
                              too_large ? "body too large" : "no memory for the body");
        ex->discards = true;
    }
    ex->discarded += piece.len;
    return ex->discarded <= discard_max(ex) ? MHD_YES : MHD_NO;
}

static enum MHD_Result complete(struct exchange *ex, void **state) {
    atomic_store_explicit(&ex->connection->deadline_ms, 0, memory_order_relaxed);
    return exchange_run(ex) == EXCHANGE_SUSPENDED ? MHD_YES : answer(ex, state);
}

static enum MHD_Result resumed(struct exchange *ex, void **state) {
    if (ex->job.state != JOB_EXPIRED)
        return answer(ex, state);
    struct exchange *twin = exchange_timed_out(ex);
    if (twin == NULL)
        return MHD_NO;
    *state = twin;
    (void)exchange_run(twin);
    return answer(twin, state);
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *upload_len, void **state) {
    (void)cls;
    (void)mhd;
    (void)url;
    struct exchange *ex = *state;
    if (ex == NULL || ex->owner != OWNER_EXCHANGE)
        return MHD_NO;
    switch (ex->stage) {
    case STAGE_TARGET: return begin(ex, method, version, state);
    case STAGE_WORKER: return resumed(ex, state);
    case STAGE_ANSWERED: return MHD_YES;
    case STAGE_BODY: break;
    }
    if (*upload_len == 0)
        return complete(ex, state);
    struct str piece = { upload, *upload_len };
    *upload_len = 0;
    return take_body(ex, piece);
}

/* Returns whether it counted as running. */
static bool end_exchange(struct exchange *ex) {
    bool was_running = ex->start_us != 0;
    if (was_running)
        exchange_account(ex);
    exchange_end(ex);
    return was_running;
}

static void on_completed(void *cls, struct MHD_Connection *mhd, void **state,
                         enum MHD_RequestTerminationCode why) {
    struct http_server *s = cls;
    enum request_owner *owner = *state;
    *state = NULL;
    if (owner == NULL)
        return;
    const struct http_limits *limits = &s->options.limits;
    struct connection *c = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
    atomic_store_explicit(&c->deadline_ms, deadline_in(s, limits->idle_timeout_s + limits->request_timeout_s),
                          memory_order_relaxed);
    bool was_running = true;
    if (*owner == OWNER_STREAM)
        stream_end((struct http_stream *)owner, why == MHD_REQUEST_TERMINATED_COMPLETED_OK);
    else
        was_running = end_exchange((struct exchange *)owner);
    if (was_running && atomic_fetch_sub(&s->running, 1) == 1 && atomic_load(&s->is_stopping)) {
        (void)pthread_mutex_lock(&s->mutex);
        (void)pthread_cond_broadcast(&s->changed);
        (void)pthread_mutex_unlock(&s->mutex);
    }
}

/* ---- start ---- */

static void on_log(void *cls, const char *format, va_list args) PRINTF(2, 0);
static void on_log(void *cls, const char *format, va_list args) {
    const struct http_server *s = cls;
    if (!log_enabled(s->options.log, LOG_LEVEL_DEBUG))
        return;
    char text[256];
    (void)vsnprintf(text, sizeof text, format, args);
    log_debug(s->options.log, NULL, "microhttpd", KV("text", str_trim(str_of(text))));
}

enum err_code listen_open(const struct http_options *options, int *ret_fd, unsigned *ret_port,
                          struct err *err) {
    char service[16];
    (void)snprintf(service, sizeof service, "%u", options->port);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
                              .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE };
    struct addrinfo *found = NULL;
    if (options->port > 65535 || getaddrinfo(options->address, service, &hints, &found) != 0)
        return err_set(err, ERR_INVALID, "\"%s\" port %u is no address to listen on", options->address,
                       options->port);
    int one = 1, fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool bound = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
                 bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0;
    int failed = errno;
    freeaddrinfo(found);
    struct sockaddr_storage address = { 0 };
    socklen_t len = sizeof address;
    if (!bound || getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        if (fd >= 0)
            (void)close(fd);
        return err_set(err, ERR_UNAVAILABLE, "cannot listen on %s port %u: %s", options->address,
                       options->port, strerror(failed));
    }
    *ret_fd = fd;
    *ret_port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                    : ((struct sockaddr_in *)&address)->sin_port);
    return ERR_OK;
}

/* MHD wants a certificate to start with; every session gets ours in open_connection before its handshake. */
static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
                          gnutls_pcert_st **certs, unsigned *certs_len, gnutls_ocsp_data_st **ocsp,
                          unsigned *ocsp_len, gnutls_privkey_t *key, unsigned *flags) {
    (void)session;
    (void)info;
    (void)certs;
    (void)certs_len;
    (void)ocsp;
    (void)ocsp_len;
    (void)key;
    (void)flags;
    return -1;
}

enum err_code listen_start(struct http_server *s, struct err *err) {
    const struct http_options *o = &s->options;
    size_t pool = o->limits.header_bytes + POOL_FOR_ANSWER;
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_PRIORITIES, 0, s->tls_priorities },
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem threads[] = {
        /* The variadic list ends at the first MHD_OPTION_END, so what may be absent is absent inside its array. */
        { o->threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)o->threads, NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    /* Not epoll: its loop stalls when exactly 128 events are ready. */
    unsigned flags = MHD_USE_POLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     MHD_USE_SUPPRESS_DATE_NO_CLOCK; /* we set Date ourselves */
    if (o->tls)
        flags |= MHD_USE_TLS;
    s->daemon = MHD_start_daemon(flags, 0, on_accept, s, on_request, s,                   //
                                 MHD_OPTION_EXTERNAL_LOGGER, on_log, s,                   //
                                 MHD_OPTION_LISTEN_SOCKET, s->listen_fd,                  //
                                 MHD_OPTION_CONNECTION_LIMIT, o->limits.connections,      //
                                 MHD_OPTION_CONNECTION_TIMEOUT, o->limits.idle_timeout_s, //
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 pool > POOL_MIN ? pool : (size_t)POOL_MIN,       //
                                 MHD_OPTION_STRICT_FOR_CLIENT, 1,                 //
                                 MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK,     //
                                 MHD_OPTION_URI_LOG_CALLBACK, on_target, s,       //
                                 MHD_OPTION_UNESCAPE_CALLBACK, leave_encoded, s,  //
                                 MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,    //
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,  //
                                 MHD_OPTION_ARRAY, threads,                       //
                                 o->tls ? MHD_OPTION_ARRAY : MHD_OPTION_END, tls, //
                                 MHD_OPTION_HTTPS_CERT_CALLBACK2, no_certificate, //
                                 MHD_OPTION_END);
    if (s->daemon == NULL)
        return err_set(err, ERR_UNAVAILABLE, "the HTTP daemon does not start");
    return ERR_OK;
}
