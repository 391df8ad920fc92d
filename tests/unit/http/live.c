#include "unit/http/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "tkeauth/log.h"

enum { HANG_MS = 30000 }; /* only a hanging server makes a test wait that long */

/* ---- routes ---- */

static enum err_code hello(void *app, const struct http_request *req, struct http_response *res,
                           struct err *err) {
    (void)app;
    (void)req;
    (void)err;
    http_body_static(res, "text/plain", STR("hello"));
    return ERR_OK;
}

/* Another static answer each time. */
static enum err_code flip(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    struct live *l = app;
    (void)req;
    (void)err;
    http_body_static(res, "text/plain", atomic_fetch_add(&l->flips, 1) % 2 ? STR("odd") : STR("one"));
    return ERR_OK;
}

static enum err_code big(void *app, const struct http_request *req, struct http_response *res,
                         struct err *err) {
    (void)app;
    (void)req;
    (void)err;
    static const char bytes[32 << 20];
    http_body_static(res, "application/octet-stream", (struct str) { bytes, sizeof bytes });
    return ERR_OK;
}

/* Says what it got: a line each. */
static enum err_code echo(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    (void)app;
    AUTO(strbuf_done) struct strbuf out = STRBUF(16384);
    strbuf_addf(&out, "method=%d\n", (int)req->method);
    strbuf_addf(&out, "path=%.*s\n", STR_FMT(req->path));
    strbuf_addf(&out, "query=%.*s\n", STR_FMT(req->query));
    strbuf_addf(&out, "body=%.*s\n", STR_FMT(req->body));
    strbuf_addf(&out, "ip=%.*s\n", STR_FMT(req->client_ip));
    strbuf_addf(&out, "id=%s\n", req->request_id);
    strbuf_addf(&out, "agent=%.*s\n", STR_FMT(http_header(req, "user-agent")));
    strbuf_addf(&out, "agents=%zu\n", http_header_count(req, "User-Agent"));
    strbuf_addf(&out, "cookie=%.*s\n", STR_FMT(http_cookie(req, "session")));
    strbuf_addf(&out, "a=%.*s\n", STR_FMT(http_param(req, "a")));
    strbuf_addf(&out, "b=%.*s\n", STR_FMT(http_param(req, "b")));
    strbuf_addf(&out, "name=%.*s\n", STR_FMT(http_path_param(req, "name")));
    strbuf_addf(&out, "rest=%.*s\n", STR_FMT(http_path_rest(req)));
    strbuf_addf(&out, "certificate=%zu\n", req->peer_certificate.len);
    strbuf_addf(&out, "repeated=%.*s\n", STR_FMT(req->repeated_param));
    http_body(res, "text/plain", strbuf_str(&out));
    return strbuf_check(&out, err);
}

static enum err_code wait_at_gate(void *app, const struct http_request *req, struct http_response *res,
                                  struct err *err) {
    struct live *l = app;
    (void)pthread_mutex_lock(&l->mutex);
    l->waiting++;
    (void)pthread_cond_broadcast(&l->changed);
    while (!l->open)
        (void)pthread_cond_wait(&l->changed, &l->mutex);
    l->waiting--;
    (void)pthread_mutex_unlock(&l->mutex);
    return echo(app, req, res, err);
}

static enum err_code refuse(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err) {
    (void)app;
    http_body(res, "text/html", STR("half an answer"));
    uint64_t code = ERR_INTERNAL;
    (void)!parse_u64(http_path_param(req, "code"), 0, ERR_INTERNAL, &code, err);
    return err_set(err, (enum err_code)code, "the detail that only the log may see");
}

static void render(void *app, const struct http_request *req, enum err_code code, unsigned status,
                   struct http_response *res) {
    (void)app;
    AUTO(strbuf_done) struct strbuf out = STRBUF(1024);
    strbuf_addf(&out, "rendered %s %u %s", err_code_name(code), status, req->request_id);
    strbuf_addf(&out, " agent=%.*s", STR_FMT(http_header(req, "User-Agent")));
    http_body(res, "text/html", strbuf_str(&out));
}

static enum err_code answer_kinds(void *app, const struct http_request *req, struct http_response *res,
                                  struct err *err) {
    (void)app;
    (void)err;
    struct str kind = http_path_param(req, "kind");
    if (str_eq(kind, STR("redirect")))
        http_redirect(res, 303, STR("/oidc/auth?x=1"));
    else if (str_eq(kind, STR("split"))) {
        http_set_header(res, "X-One", STR("a\r\nSet-Cookie: evil=1"));
        http_set_header(res, "X-Two", STR("fine"));
        http_body(res, "text/plain", STR("x"));
    } else if (str_eq(kind, STR("split-redirect")))
        http_redirect(res, 303, STR("/x\r\nSet-Cookie: evil=1"));
    else if (str_eq(kind, STR("cookies"))) {
        http_set_cookie(res, &(struct http_cookie_spec) { .name = "session",
                                                          .value = STR("v1"),
                                                          .path = "/oidc",
                                                          .http_only = true,
                                                          .secure = true,
                                                          .same_site = "Lax" });
        http_set_cookie(res, &(struct http_cookie_spec) {
                                 .name = "old", .value = STR(""), .path = "/", .max_age_s = -1 });
        http_body(res, "text/plain", STR("x"));
    } else if (str_eq(kind, STR("nothing")))
        http_status(res, 204);
    else if (str_eq(kind, STR("csp"))) {
        http_set_header(res, "X-Frame-Options", STR("SAMEORIGIN"));
        http_body(res, "text/plain", STR("x"));
    }
    return ERR_OK;
}

static const struct http_param_spec params_ab[] = {
    { "a", HTTP_PARAM_REQUIRED, 8 },
    { "b", HTTP_PARAM_OPTIONAL, 8 },
    { .name = NULL },
};
static const struct http_param_spec params_optional[] = { { "a", 0, 8 }, { "b", 0, 8 }, { .name = NULL } };

/* Starts on one pool and finds it needs the other. */
static enum err_code move_to_login(void *app, const struct http_request *req, struct http_response *res,
                                   struct err *err) {
    (void)app;
    (void)err;
    http_set_header(res, req->run == HTTP_RUN_LOGIN ? "X-Second" : "X-First", STR("yes"));
    if (req->run != HTTP_RUN_LOGIN)
        http_move(res, HTTP_RUN_LOGIN);
    else
        http_body(res, "text/plain", http_param(req, "a"));
    return ERR_OK;
}

const struct route live_routes[] = {
    { .methods = HTTP_GET,
      .path = "/move",
      .handle = move_to_login,
      .run = HTTP_RUN_WORK,
      .params = params_optional,
      .metric = "move" },
    { .methods = HTTP_GET, .path = "/flip", .handle = flip },
    { .methods = HTTP_GET, .path = "/big", .handle = big },
    { .methods = HTTP_GET, .path = "/hello", .handle = hello, .metric = "hello" },
    { .methods = HTTP_GET | HTTP_POST,
      .path = "/echo",
      .handle = echo,
      .params = params_optional,
      .body_max = 1000,
      .metric = "echo" },
    { .methods = HTTP_POST | HTTP_PUT, .path = "/raw", .handle = echo, .raw_body = true, .body_max = 1000 },
    { .methods = HTTP_POST, .path = "/long", .handle = echo, .raw_body = true, .body_max = 200000 },
    { .methods = HTTP_GET | HTTP_POST,
      .path = "/need",
      .handle = echo,
      .params = params_ab,
      .body_max = 1000,
      .no_store = true },
    { .methods = HTTP_GET, .path = "/own", .handle = echo, .params = params_ab, .own_param_errors = true },
    { .methods = HTTP_POST,
      .path = "/form",
      .handle = echo,
      .params = params_optional,
      .body_max = 1000,
      .same_site = true },
    { .methods = HTTP_GET, .path = "/cors", .handle = hello, .cors = true },
    { .methods = HTTP_GET | HTTP_POST | HTTP_PUT | HTTP_PATCH | HTTP_DELETE,
      .path = "/objects/{*}",
      .handle = echo,
      .run = HTTP_RUN_WORK,
      .raw_body = true,
      .body_max = 1000,
      .cors = true,
      .cors_headers = "Authorization, Content-Type, X-Tenant" },
    { .methods = HTTP_GET, .path = "/slash", .handle = echo, .trailing_slash = true },
    { .methods = HTTP_GET, .path = "/named/{name}/x", .handle = echo },
    { .methods = HTTP_GET, .path = "/files/{*}", .handle = echo },
    { .methods = HTTP_GET, .path = "/fail/{code}", .handle = refuse },
    { .methods = HTTP_GET, .path = "/rendered/{code}", .handle = refuse, .on_error = render },
    { .methods = HTTP_GET, .path = "/kind/{kind}", .handle = answer_kinds },
    { .methods = HTTP_GET | HTTP_POST,
      .path = "/work/echo",
      .handle = echo,
      .run = HTTP_RUN_WORK,
      .params = params_optional,
      .body_max = 100000,
      .metric = "work" },
    { .methods = HTTP_GET,
      .path = "/work/wait",
      .handle = wait_at_gate,
      .run = HTTP_RUN_WORK,
      .on_error = render },
    { .methods = HTTP_GET, .path = "/login/wait", .handle = wait_at_gate, .run = HTTP_RUN_LOGIN },
    { .path = NULL },
};
static const struct route *const live_tables[] = { live_routes, NULL };

/* ---- server ---- */

static void *acquire(void *ctx) {
    struct live *l = ctx;
    atomic_fetch_add(&l->acquired, 1);
    return l;
}

static void release(void *ctx, void *app) {
    struct live *l = ctx;
    assert_ptr_equal(app, l);
    atomic_fetch_add(&l->released, 1);
}

void live_init(struct live *l) {
    *l = (struct live) { .log_fd = -1 };
    struct err err;
    clock_fixed_init(&l->clock, 1700000000000);
    (void)pthread_mutex_init(&l->mutex, NULL);
    (void)pthread_cond_init(&l->changed, NULL);
    l->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_true(l->log_fd >= 0);
    assert_ok(log_new(&(struct log_options) { .level = LOG_LEVEL_DEBUG,
                                              .format = LOG_FORMAT_TEXT,
                                              .fd = l->log_fd,
                                              .audit_fd = -1,
                                              .clock = &l->clock },
                      &l->log, &err));
    l->metrics = metrics_new();
    l->options = (struct http_options) {
        .address = "127.0.0.1",
        .threads = 2,
        .work = { .threads = 2, .queue = 64 },
        .login = { .threads = 1, .queue = 2 },
        .limits = { .connections = 2000,
                    .header_bytes = 8192,
                    .idle_timeout_s = 600,
                    .request_timeout_s = 2,
                    .response_timeout_s = 2 },
        .route_tables = live_tables,
        .app = { l, acquire, release },
        .clock = &l->clock,
        .random = random_system(),
        .log = l->log,
        .metrics = l->metrics,
    };
}

void live_start(struct live *l, const struct http_tls *tls) {
    struct err err;
    assert_ok(http_server_new(&l->options, tls, &l->server, &err));
    assert_ok(http_server_start(l->server, &err));
}

void live_stop(struct live *l) {
    if (l->server != NULL)
        http_server_stop(l->server, 0);
    http_server_free(l->server);
    assert_int_equal(l->acquired, l->released);
    log_free(l->log);
    metrics_free(l->metrics);
    (void)close(l->log_fd);
    (void)pthread_cond_destroy(&l->changed);
    (void)pthread_mutex_destroy(&l->mutex);
}

void live_wait_for(struct live *l, int handlers) {
    (void)pthread_mutex_lock(&l->mutex);
    while (l->waiting < handlers)
        (void)pthread_cond_wait(&l->changed, &l->mutex);
    (void)pthread_mutex_unlock(&l->mutex);
}

void live_open_gate(struct live *l) {
    (void)pthread_mutex_lock(&l->mutex);
    l->open = true;
    (void)pthread_cond_broadcast(&l->changed);
    (void)pthread_mutex_unlock(&l->mutex);
}

char *live_log(struct live *l) {
    off_t size = lseek(l->log_fd, 0, SEEK_END);
    assert_true(size >= 0);
    char *text = calloc(1, (size_t)size + 1);
    assert_non_null(text);
    assert_int_equal(pread(l->log_fd, text, (size_t)size, 0), size);
    return text;
}

uint64_t live_counter(struct live *l, const char *name, const char *labels) {
    return counter_get(metrics_counter(l->metrics, name, labels, ""));
}

/* ---- clients ---- */

int client_open_from(const struct live *l, const char *source) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in from = { .sin_family = AF_INET };
    assert_int_equal(inet_pton(AF_INET, source, &from.sin_addr), 1);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof from), 0);
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)http_server_port(l->server)) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

int client_open(const struct live *l) { return client_open_from(l, "127.0.0.1"); }

void client_send(int fd, struct str bytes) {
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n < 0)
            return; /* the server may have had enough: the answer, or its absence, tells */
        bytes = str_from(bytes, (size_t)n);
    }
}

/* 0: closed. */
static size_t read_some(int fd, char *to, size_t max) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, HANG_MS), 1);
    ssize_t n = recv(fd, to, max, 0);
    assert_true(n >= 0 || errno == ECONNRESET);
    return n > 0 ? (size_t)n : 0;
}

bool client_is_closed(int fd) {
    char c;
    return read_some(fd, &c, 1) == 0;
}

bool client_is_ready(int fd, int wait_ms) {
    struct pollfd p = { .fd = fd, .events = POLLIN };
    return poll(&p, 1, wait_ms) == 1;
}

static void read_head(int fd, struct answer *a) {
    size_t len = 0;
    *a = (struct answer) { .status = 0 };
    while (len < 4 || memcmp(a->head + len - 4, "\r\n\r\n", 4) != 0) {
        assert_true(len < sizeof a->head - 1);
        if (read_some(fd, a->head + len, 1) != 1)
            fail_msg("closed after \"%s\"", a->head);
        len++;
    }
    struct err err;
    uint64_t status = 0;
    assert_ok(parse_u64(str_sub(str_of(a->head), 9, 3), 100, 599, &status, &err));
    a->status = (unsigned)status;
}

const char *answer_header(const struct answer *a, const char *name) {
    static _Thread_local char value[4096];
    struct str rest = str_of(a->head), line;
    value[0] = 0;
    while (str_next(&rest, '\n', &line)) {
        struct str key, text;
        if (!str_cut(line, ':', &key, &text) || !str_eq_nocase(key, str_of(name)))
            continue;
        text = str_trim(text);
        assert_true(text.len < sizeof value);
        memcpy(value, text.ptr, text.len);
        value[text.len] = 0;
        break;
    }
    return value;
}

void client_read_head_only(int fd, struct answer *a) {
    do
        read_head(fd, a);
    while (a->status == 100);
}

void client_read(int fd, struct answer *a) {
    client_read_head_only(fd, a);
    struct err err;
    uint64_t length = 0;
    const char *text = answer_header(a, "Content-Length");
    if (text[0] != 0)
        assert_ok(parse_u64(str_of(text), 0, sizeof a->body - 1, &length, &err));
    while (a->body_len < length) {
        size_t n = read_some(fd, a->body + a->body_len, (size_t)length - a->body_len);
        if (n == 0)
            fail_msg("closed in the body after \"%s\"", a->body);
        a->body_len += n;
    }
}

void client_call(const struct live *l, const char *request, struct answer *a) {
    int fd = client_open(l);
    client_sends(fd, request);
    client_read(fd, a);
    (void)close(fd);
}
