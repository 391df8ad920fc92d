#include "service.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NOW_S = 1700000000 };

struct rule_list service_rules;

enum err_code service_list_load(const struct authz_options *options, struct engine *ret, struct err *err) {
    (void)options;
    (void)err;
    *ret = (struct engine) { &rule_list_ops, &service_rules };
    return ERR_OK;
}

const struct authz_app *authz_app_of(const void *app) { return app; }

static void *acquire(void *ctx) { return ctx; }
static void release(void *ctx, void *app) {
    (void)ctx;
    (void)app;
}

static void make_keys(struct service *s) {
    struct err err;
    assert_ok(signer_generate(SIGN_ES256, &s->signer, &err));
    struct keyset_entry entry = { .signer = s->signer, .created_at = 1, .not_before = 1 };
    assert_ok(keyset_new(&entry, 1, &s->keys, &err));
}

int service_setup(void **state) {
    struct err err;
    struct service *s = calloc(1, sizeof *s);
    service_rules = (struct rule_list) { 0 };
    clock_fixed_init(&s->clock, (int64_t)NOW_S * 1000);
    s->log_fd = memfd_create("log", MFD_CLOEXEC);
    assert_ok(log_new(&(struct log_options) { .level = LOG_LEVEL_DEBUG,
                                              .format = LOG_FORMAT_JSON,
                                              .fd = s->log_fd,
                                              .audit_fd = -1,
                                              .clock = &s->clock },
                      &s->log, &err));
    s->metrics = metrics_new();
    make_keys(s);
    assert_ok(httpc_new(&s->client, &err));
    (void)memcpy(s->folder, "/tmp/authz-test-XXXXXX", sizeof "/tmp/authz-test-XXXXXX");
    assert_non_null(mkdtemp(s->folder));
    s->headers[0] = "Content-Type: application/json";
    s->threads = 1;
    s->load = service_list_load;
    s->options = (struct authz_options) { .privileged_user = STR("admin"),
                                          .any_tenant = true,
                                          .access.open = true,
                                          .clock = &s->clock,
                                          .random = random_system(),
                                          .log = s->log,
                                          .metrics = s->metrics };
    *state = s;
    return 0;
}

static char *read_whole(const char *path) {
    struct err err;
    struct strbuf text = STRBUF(1 << 20);
    assert_ok(file_read(path, 1 << 20, &text, &err));
    return strbuf_take(&text);
}

static void start_server(struct service *s) {
    static const struct route *loop[] = { authz_routes, NULL };
    static const struct route *workers[] = { authz_routes_on_workers, NULL };
    struct err err;
    struct http_options options = {
        .address = "127.0.0.1",
        .threads = s->threads,
        .work = { .threads = 4, .queue = 64 },
        .login = { .threads = 1, .queue = 2 },
        .limits = { .connections = 200,
                    .header_bytes = 8192,
                    .idle_timeout_s = 600,
                    .request_timeout_s = 60,
                    .response_timeout_s = 60 },
        .route_tables = s->on_workers ? workers : loop,
        .app = { &s->app, acquire, release },
        .tls = s->tls,
        .clock = &s->clock,
        .random = random_system(),
        .log = s->log,
        .metrics = s->metrics,
    };
    char *certificate = NULL, *key = NULL, *ca = NULL;
    struct http_tls tls = { 0 };
    if (s->tls) {
        certificate = read_whole(service_path(s, "server.crt"));
        key = read_whole(service_path(s, "server.key"));
        ca = read_whole(service_path(s, "ca.crt"));
        tls = (struct http_tls) { str_of(certificate), str_of(key), str_of(ca) };
    }
    assert_ok(http_server_new(&options, s->tls ? &tls : NULL, &s->server, &err));
    assert_ok(http_server_start(s->server, &err));
    free(certificate);
    free(key);
    free(ca);
    (void)snprintf(s->url, sizeof s->url, "%s://127.0.0.1:%u", s->tls ? "https" : "http",
                   http_server_port(s->server));
}

void service_start(struct service *s) {
    struct err err = { 0 };
    assert_ok(authz_new_with(&s->options, s->load, &s->authz, &err));
    s->app = (struct authz_app) { .authz = s->authz,
                                  .keys = s->keys,
                                  .issuer = STR("https://issuer.example/oidc"),
                                  .find_key = s->find_key,
                                  .find_key_ctx = s };
    start_server(s);
}

static void forget(struct reply *r) {
    free(r->body);
    json_decref(r->json);
    *r = (struct reply) { 0 };
}

static void remove_folder(const char *folder) {
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        (void)unlink(path);
    }
    if (dir != NULL)
        (void)closedir(dir);
    (void)rmdir(folder);
}

int service_teardown(void **state) {
    struct service *s = *state;
    if (s->server != NULL)
        http_server_stop(s->server, 0);
    http_server_free(s->server);
    httpc_free(s->client);
    authz_free(s->authz);
    keyset_free(s->keys);
    forget(&s->last);
    remove_folder(s->folder);
    log_free(s->log);
    metrics_free(s->metrics);
    (void)close(s->log_fd);
    free(s);
    return 0;
}

/* ---- calls ---- */

const struct reply *service_post(struct service *s, const char *path, struct str body) {
    struct err err = { 0 };
    char url[256];
    (void)snprintf(url, sizeof url, "%s%s", s->url, path);
    const struct httpc_request request = { .method = "POST",
                                           .url = url,
                                           .headers = s->headers,
                                           .body = body,
                                           .client_cert_file = s->client_cert,
                                           .client_key_file = s->client_key,
                                           .allow_http = true,
                                           .insecure_skip_verify = true,
                                           .timeout_ms = 30000,
                                           .connect_timeout_ms = 30000,
                                           .response_max = 64 << 20 };
    AUTO(httpc_response_done) struct httpc_response response = { 0 };
    forget(&s->last);
    assert_ok(httpc_call(s->client, &request, &response, &err));
    s->last.status = response.status;
    s->last.body = strbuf_take(&response.body);
    s->last.json = json_loads(s->last.body, JSON_REJECT_DUPLICATES, NULL);
    return &s->last;
}

void service_raw(struct service *s, const char *request, char *answer, size_t cap) {
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)http_server_port(s->server)),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    size_t len = 0;
    answer[0] = '\0';
    for (ssize_t n; len + 1 < cap && strstr(answer, "\"code\":") == NULL; len += (size_t)n) {
        n = recv(fd, answer + len, cap - 1 - len, 0);
        if (n <= 0)
            break;
        answer[len + (size_t)n] = '\0';
    }
    (void)close(fd);
}

const json_t *service_at(struct service *s, const char *path) {
    struct str rest = str_of(path), name;
    json_t *at = s->last.json;
    while (at != NULL && str_next(&rest, '.', &name)) {
        char key[64] = { 0 };
        memcpy(key, name.ptr, name.len < sizeof key - 1 ? name.len : sizeof key - 1);
        at = json_is_array(at) ? json_array_get(at, (size_t)(key[0] - '0')) : json_object_get(at, key);
    }
    return at;
}

const char *service_text(struct service *s, const char *path) {
    static char text[4096];
    const json_t *at = service_at(s, path);
    char *printed = at == NULL ? NULL : json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
    (void)snprintf(text, sizeof text, "%s", printed == NULL ? "-" : printed);
    free(printed);
    return text;
}

char *service_log(struct service *s) {
    struct strbuf text = STRBUF(16 << 20);
    char bytes[4096];
    off_t at = 0;
    for (ssize_t n; (n = pread(s->log_fd, bytes, sizeof bytes, at)) > 0; at += n)
        strbuf_add(&text, (struct str) { bytes, (size_t)n });
    return strbuf_take(&text);
}

char *service_token(struct service *s, const char *typ, const char *claims) {
    struct err err;
    struct strbuf token = STRBUF(1 << 20);
    assert_ok(signer_sign(s->signer, typ, str_of(claims), &token, &err));
    return strbuf_take(&token);
}

/* ---- files ---- */

const char *service_path(struct service *s, const char *name) {
    static char paths[8][512];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", s->folder, name);
    return path;
}

void service_write(struct service *s, const char *name, const char *text) {
    struct err err;
    assert_ok(file_write_atomic(service_path(s, name), str_of(text), 0600, &err));
}

static X509 *make_certificate(EVP_PKEY *key, const char *name, X509 *issuer, EVP_PKEY *issuer_key) {
    static long serial = 1;
    X509 *x = X509_new();
    (void)X509_set_version(x, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    (void)X509_gmtime_adj(X509_getm_notBefore(x), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    (void)X509_set_pubkey(x, key);
    X509_NAME *subject = X509_get_subject_name(x);
    (void)X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    (void)X509_set_issuer_name(x, issuer == NULL ? subject : X509_get_subject_name(issuer));
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer == NULL ? x : issuer, x, NULL, NULL, 0);
    char alternative[128];
    (void)snprintf(alternative, sizeof alternative, "DNS:san-of-%s,IP:127.0.0.1", name);
    X509_EXTENSION *ext = issuer == NULL
                              ? X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, "critical,CA:TRUE")
                              : X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, alternative);
    (void)X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    assert_true(X509_sign(x, issuer_key == NULL ? key : issuer_key, EVP_sha256()) > 0);
    return x;
}

static void write_pem(struct service *s, const char *name, X509 *x, EVP_PKEY *key) {
    char file[64];
    (void)snprintf(file, sizeof file, "%s.crt", name);
    FILE *f = fopen(service_path(s, file), "we");
    assert_true(f != NULL && PEM_write_X509(f, x) == 1 && fclose(f) == 0);
    (void)snprintf(file, sizeof file, "%s.key", name);
    f = fopen(service_path(s, file), "we");
    assert_true(f != NULL && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1 && fclose(f) == 0);
}

void service_certificates(struct service *s, const char *const *clients) {
    static unsigned count;
    char name_of_ca[32];
    (void)snprintf(name_of_ca, sizeof name_of_ca, "test CA %u", ++count);
    EVP_PKEY *ca_key = EVP_EC_gen("P-256");
    X509 *ca = make_certificate(ca_key, name_of_ca, NULL, NULL);
    write_pem(s, "ca", ca, ca_key);
    const char *server[] = { "server", NULL };
    const char *const *lists[] = { server, clients };
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (const char *const *name = lists[i]; *name != NULL; name++) {
            EVP_PKEY *key = EVP_EC_gen("P-256");
            X509 *x = make_certificate(key, *name, ca, ca_key);
            write_pem(s, *name, x, key);
            X509_free(x);
            EVP_PKEY_free(key);
        }
    X509_free(ca);
    EVP_PKEY_free(ca_key);
}
