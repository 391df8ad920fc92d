#include "unit/http/stage.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "unit/http/certificates.h"

enum { HANG_MS = 60000, SCRIPT_MAX = 64 };

/* ---- streams ---- */

struct scripted {
    struct stage *stage;
    struct scripted *next, *prev;
    struct http_stream *stream;
    char script[SCRIPT_MAX];
    size_t at;
    uint64_t sent; /* of the alphabet */
    int wakes;     /* not used up */
    bool is_filled;
    atomic_int users; /* in read, fill or close: never two */
};

static void enter(struct scripted *c) { assert_int_equal(atomic_fetch_add(&c->users, 1), 0); }
static void leave(struct scripted *c) { assert_int_equal(atomic_fetch_sub(&c->users, 1), 1); }

static void note(struct stage *s) { (void)pthread_cond_broadcast(&s->changed); }

static size_t put_alphabet(struct scripted *c, char *out, size_t max) {
    for (size_t i = 0; i < max; i++)
        out[i] = (char)('a' + c->sent++ % 26);
    return max;
}

static enum http_stream_state use_up_wakes(struct scripted *c, char *out, size_t max, size_t *ret_len) {
    if (c->wakes == 0)
        return HTTP_STREAM_WAIT;
    size_t len = (size_t)c->wakes < max ? (size_t)c->wakes : max;
    memset(out, '+', len);
    c->wakes -= (int)len;
    *ret_len = len;
    return HTTP_STREAM_DATA;
}

static enum http_stream_state perform(struct scripted *c, char *out, size_t max, size_t *ret_len) {
    for (;;) {
        char step = c->script[c->at];
        switch (step) {
        case 0:
        case 'e': return HTTP_STREAM_END;
        case 'x': return HTTP_STREAM_FAIL;
        case 'p': return use_up_wakes(c, out, max, ret_len);
        case 'n': *ret_len = put_alphabet(c, out, max); return HTTP_STREAM_DATA;
        case 'w':
            if (c->wakes == 0)
                return HTTP_STREAM_WAIT;
            c->wakes--;
            break;
        case 'f':
            if (!c->is_filled)
                return HTTP_STREAM_FILL;
            c->is_filled = false;
            break;
        default:
            c->at++;
            *ret_len = step == 'b' ? put_alphabet(c, out, max) : step == 'z' ? 0 : 1;
            if (*ret_len == 1)
                *out = step;
            return HTTP_STREAM_DATA;
        }
        c->at++;
    }
}

static enum http_stream_state on_read(void *ctx, char *out, size_t max, size_t *ret_len) {
    struct scripted *c = ctx;
    struct stage *s = c->stage;
    enter(c);
    (void)pthread_mutex_lock(&s->mutex);
    if (max > s->largest_read)
        s->largest_read = max;
    enum http_stream_state state = perform(c, out, max, ret_len);
    if (state == HTTP_STREAM_WAIT)
        s->waits++;
    note(s);
    (void)pthread_mutex_unlock(&s->mutex);
    leave(c);
    return state;
}

/* Under the mutex. */
static void stand_at_gate(struct stage *s) {
    s->at_gate++;
    note(s);
    while (s->gate_closed)
        (void)pthread_cond_wait(&s->changed, &s->mutex);
    s->at_gate--;
}

static void on_fill(void *ctx) {
    struct scripted *c = ctx;
    struct stage *s = c->stage;
    enter(c);
    (void)usleep(s->fill_us);
    (void)pthread_mutex_lock(&s->mutex);
    s->fillings++;
    stand_at_gate(s);
    s->fillings--;
    s->fills++;
    c->is_filled = true;
    note(s);
    (void)pthread_mutex_unlock(&s->mutex);
    leave(c);
}

static void on_close(void *ctx) {
    struct scripted *c = ctx;
    struct stage *s = c->stage;
    enter(c);
    (void)pthread_mutex_lock(&s->mutex);
    *(c->prev ? &c->prev->next : &s->first) = c->next;
    if (c->next != NULL)
        c->next->prev = c->prev;
    s->closed++;
    note(s);
    (void)pthread_mutex_unlock(&s->mutex);
    free(c);
}

static const struct http_stream_ops on_work = { on_read, on_fill, on_close, HTTP_RUN_WORK };
static const struct http_stream_ops on_login = { on_read, on_fill, on_close, HTTP_RUN_LOGIN };

/* ---- handlers ---- */

static void begin(struct stage *s, const struct http_request *req, struct http_response *res) {
    struct scripted *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->stage = s;
    struct str script = http_path_param(req, "script");
    assert_true(script.len < sizeof c->script);
    memcpy(c->script, script.ptr, script.len);
    http_body_stream(res, "application/json", req->run == HTTP_RUN_LOGIN ? &on_login : &on_work, c,
                     &c->stream);
    (void)pthread_mutex_lock(&s->mutex);
    c->next = s->first;
    if (c->next != NULL)
        c->next->prev = c;
    s->first = c;
    s->opened++;
    note(s);
    (void)pthread_mutex_unlock(&s->mutex);
}

static enum err_code stream(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err) {
    (void)err;
    begin(app, req, res);
    return ERR_OK;
}

/* Somebody wakes it before its answer was even sent. */
static enum err_code woken(void *app, const struct http_request *req, struct http_response *res,
                           struct err *err) {
    (void)err;
    begin(app, req, res);
    stage_wake_all(app);
    return ERR_OK;
}

static enum err_code late(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    (void)err;
    struct stage *s = app;
    (void)pthread_mutex_lock(&s->mutex);
    stand_at_gate(s);
    (void)pthread_mutex_unlock(&s->mutex);
    begin(app, req, res);
    return ERR_OK;
}

static enum err_code regret(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err) {
    begin(app, req, res);
    struct str how = http_path_param(req, "how");
    if (str_eq(how, STR("error")))
        return err_set(err, ERR_INVALID, "an error after all");
    if (str_eq(how, STR("text")))
        http_body(res, "text/plain", STR("instead"));
    else if (str_eq(how, STR("again")))
        begin(app, req, res);
    else if (str_eq(how, STR("move")) && req->run != HTTP_RUN_LOGIN)
        http_move(res, HTTP_RUN_LOGIN);
    else if (str_eq(how, STR("nothing")))
        http_status(res, 204);
    else if (str_eq(how, STR("created")))
        http_status(res, 201);
    else if (str_eq(how, STR("impossible")))
        http_status(res, 1000);
    for (int i = 0; i < 40 && str_eq(how, STR("headers")); i++)
        http_add_header(res, "X-One", STR("too many"));
    return ERR_OK;
}

static const struct route stage_routes[] = {
    { .methods = HTTP_GET,
      .path = "/loop/{script}",
      .handle = stream,
      .metric = "loop",
      .no_store = true,
      .cors = true },
    { .methods = HTTP_GET | HTTP_POST,
      .path = "/work-stream/{script}",
      .handle = stream,
      .run = HTTP_RUN_WORK,
      .raw_body = true,
      .body_max = 100,
      .metric = "stream" },
    { .methods = HTTP_GET, .path = "/login-stream/{script}", .handle = stream, .run = HTTP_RUN_LOGIN },
    { .methods = HTTP_GET, .path = "/woken/{script}", .handle = woken, .run = HTTP_RUN_WORK },
    { .methods = HTTP_GET, .path = "/late/{script}", .handle = late, .run = HTTP_RUN_WORK },
    { .methods = HTTP_GET, .path = "/regret/{how}/{script}", .handle = regret, .run = HTTP_RUN_WORK },
    { .path = NULL },
};
static const struct route *const stage_tables[] = { live_routes, stage_routes, NULL };

/* ---- the server ---- */

/* One for all tests of a program: making keys costs more than a test. */
static struct certificate server_certificate;

void stage_init(struct stage *s, bool tls) {
    live_init(&s->live);
    s->tls = tls;
    s->first = NULL;
    s->opened = s->closed = s->waits = s->fills = s->fillings = s->at_gate = 0;
    s->largest_read = 0;
    s->fill_us = 0;
    s->gate_closed = false;
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_cond_init(&s->changed, NULL);
    s->live.options.route_tables = stage_tables;
    s->live.options.tls = tls;
    s->live.options.tls_min_version = "1.2";
    if (tls && server_certificate.crt == NULL)
        certificate_make(&server_certificate, "server", USE_SERVER, NULL);
}

void stage_start(struct stage *s) {
    struct http_tls tls = { str_of(server_certificate.certificate_pem), str_of(server_certificate.key_pem),
                            STR_NULL };
    live_start(&s->live, s->tls ? &tls : NULL);
}

void stage_done(struct stage *s) {
    live_stop(&s->live);
    assert_int_equal(s->opened, s->closed);
    assert_null(s->first);
    (void)pthread_cond_destroy(&s->changed);
    (void)pthread_mutex_destroy(&s->mutex);
}

/* Under the mutex. */
static int count(const struct stage *s, enum stage_count what) {
    const int counts[] = {
        [STAGE_OPENED] = s->opened, [STAGE_CLOSED] = s->closed,     [STAGE_WAITS] = s->waits,
        [STAGE_FILLS] = s->fills,   [STAGE_FILLINGS] = s->fillings, [STAGE_AT_GATE] = s->at_gate,
    };
    return counts[what];
}

int stage_get(struct stage *s, enum stage_count what) {
    (void)pthread_mutex_lock(&s->mutex);
    int n = count(s, what);
    (void)pthread_mutex_unlock(&s->mutex);
    return n;
}

void stage_wait_for(struct stage *s, enum stage_count what, int at_least) {
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += HANG_MS / 1000;
    int rc = 0;
    (void)pthread_mutex_lock(&s->mutex);
    while (count(s, what) < at_least && rc == 0)
        rc = pthread_cond_timedwait(&s->changed, &s->mutex, &until);
    int got = count(s, what);
    (void)pthread_mutex_unlock(&s->mutex);
    assert_in_range(got, at_least, INT32_MAX);
}

void stage_wake_all(struct stage *s) {
    (void)pthread_mutex_lock(&s->mutex);
    for (struct scripted *c = s->first; c != NULL; c = c->next) {
        c->wakes++;
        http_stream_wake(c->stream);
    }
    (void)pthread_mutex_unlock(&s->mutex);
}

void stage_gate(struct stage *s, bool open) {
    (void)pthread_mutex_lock(&s->mutex);
    s->gate_closed = !open;
    note(s);
    (void)pthread_mutex_unlock(&s->mutex);
}

/* ---- clients ---- */

void peer_open(struct peer *p, const struct stage *s) {
    *p = (struct peer) { .fd = client_open(&s->live) };
    if (!s->tls)
        return;
    assert_int_equal(gnutls_init(&p->session, GNUTLS_CLIENT), 0);
    assert_int_equal(gnutls_certificate_allocate_credentials(&p->credentials), 0);
    assert_int_equal(gnutls_credentials_set(p->session, GNUTLS_CRD_CERTIFICATE, p->credentials), 0);
    assert_int_equal(gnutls_priority_set_direct(p->session, "NORMAL", NULL), 0);
    gnutls_transport_set_int(p->session, p->fd);
    int rc;
    do
        rc = gnutls_handshake(p->session);
    while (rc < 0 && gnutls_error_is_fatal(rc) == 0);
    assert_int_equal(rc, 0);
}

void peer_close(struct peer *p) {
    if (p->session != NULL) {
        gnutls_deinit(p->session);
        gnutls_certificate_free_credentials(p->credentials);
    }
    (void)close(p->fd);
}

void peer_send(struct peer *p, const char *text) {
    if (p->session != NULL)
        assert_int_equal(gnutls_record_send(p->session, text, strlen(text)), strlen(text));
    else
        client_sends(p->fd, text);
}

void peer_get(struct peer *p, const char *path) {
    AUTO(strbuf_done) struct strbuf request = STRBUF(1024);
    strbuf_addf(&request, "GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    peer_send(p, strbuf_c(&request));
}

static void wait_readable(const struct peer *p) {
    struct pollfd poller = { .fd = p->fd, .events = POLLIN };
    if (poll(&poller, 1, HANG_MS) != 1)
        fail_msg("the server does not go on");
}

size_t peer_read(struct peer *p, char *to, size_t max) {
    for (;;) {
        if (p->session == NULL || gnutls_record_check_pending(p->session) == 0)
            wait_readable(p);
        ssize_t n = p->session != NULL ? gnutls_record_recv(p->session, to, max) : recv(p->fd, to, max, 0);
        if (p->session != NULL && (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED))
            continue;
        return n > 0 ? (size_t)n : 0;
    }
}

/* Up to and with "\n"; false: closed. */
static bool read_line(struct peer *p, char *out, size_t size) {
    size_t len = 0;
    do {
        assert_true(len < size - 1);
        if (peer_read(p, out + len, 1) == 0)
            return false;
    } while (out[len++] != '\n');
    out[len] = 0;
    return true;
}

void peer_head(struct peer *p, struct answer *a) {
    *a = (struct answer) { .status = 0 };
    size_t len = 0;
    while (len < 4 || memcmp(a->head + len - 4, "\r\n\r\n", 4) != 0) {
        assert_true(len < sizeof a->head - 1);
        if (peer_read(p, a->head + len, 1) != 1)
            fail_msg("closed after \"%s\"", a->head);
        len++;
    }
    struct err err;
    uint64_t status = 0;
    assert_ok(parse_u64(str_sub(str_of(a->head), 9, 3), 100, 599, &status, &err));
    a->status = (unsigned)status;
}

static bool read_exactly(struct peer *p, char *out, size_t len) {
    for (size_t got = 0, n; got < len; got += n)
        if ((n = peer_read(p, out + got, len - got)) == 0)
            return false;
    return true;
}

static size_t read_hex(const char *line) {
    static const char digits[] = "0123456789abcdef";
    size_t value = 0;
    for (; *line != '\r'; line++) {
        const char *digit = strchr(digits, *line | 0x20);
        assert_non_null(digit);
        value = value * 16 + (size_t)(digit - digits);
    }
    return value;
}

enum peer_chunk peer_chunk(struct peer *p, char *out, size_t size, size_t *ret_len) {
    char line[16], end[2];
    if (!read_line(p, line, sizeof line))
        return CHUNK_CUT;
    size_t len = read_hex(line);
    assert_true(len < size);
    if (!read_exactly(p, out, len) || !read_exactly(p, end, sizeof end))
        return CHUNK_CUT;
    assert_memory_equal(end, "\r\n", 2);
    out[len] = 0;
    *ret_len = len;
    return len > 0 ? CHUNK_DATA : CHUNK_LAST;
}

enum peer_chunk peer_body(struct peer *p, char *out, size_t size) {
    enum peer_chunk rc;
    size_t at = 0, len = 0;
    while ((rc = peer_chunk(p, out + at, size - at, &len)) == CHUNK_DATA)
        at += len;
    out[at] = 0;
    return rc;
}
