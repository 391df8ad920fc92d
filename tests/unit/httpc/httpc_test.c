#include "unit/http/certificates.h"
#include "unit/http/live.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "tkeauth/httpc.h"

struct fixture {
    struct live plain, tls;
    struct certificate ca, server, client;
    char folder[64], ca_file[96], cert_file[96], key_file[96];
    struct httpc *client_handle;
};

static void write_file(const char *path, const char *text) {
    struct err err;
    assert_ok(file_write_atomic(path, str_of(text), 0600, &err));
}

static int start(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    struct err err;
    assert_ok(httpc_global_init(&err));
    assert_ok(httpc_new(&f->client_handle, &err));
    certificate_make(&f->ca, "ca", USE_CA, NULL);
    certificate_make(&f->server, "server", USE_SERVER, &f->ca);
    certificate_make(&f->client, "client", USE_CLIENT, &f->ca);
    (void)snprintf(f->folder, sizeof f->folder, "/tmp/httpc_test.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    (void)snprintf(f->ca_file, sizeof f->ca_file, "%s/ca.pem", f->folder);
    (void)snprintf(f->cert_file, sizeof f->cert_file, "%s/cert.pem", f->folder);
    (void)snprintf(f->key_file, sizeof f->key_file, "%s/key.pem", f->folder);
    write_file(f->ca_file, f->ca.certificate_pem);
    write_file(f->cert_file, f->client.certificate_pem);
    write_file(f->key_file, f->client.key_pem);
    live_init(&f->plain);
    live_start(&f->plain, NULL);
    live_init(&f->tls);
    clock_fixed_init(&f->tls.clock, (int64_t)time(NULL) * 1000);
    f->tls.options.tls = true;
    live_start(&f->tls, &(struct http_tls) { str_of(f->server.certificate_pem), str_of(f->server.key_pem),
                                             str_of(f->ca.certificate_pem) });
    *state = f;
    return 0;
}

static int stop(void **state) {
    struct fixture *f = *state;
    httpc_free(f->client_handle);
    live_open_gate(&f->plain);
    live_stop(&f->plain);
    live_stop(&f->tls);
    certificate_done(&f->ca);
    certificate_done(&f->server);
    certificate_done(&f->client);
    (void)unlink(f->ca_file);
    (void)unlink(f->cert_file);
    (void)unlink(f->key_file);
    (void)rmdir(f->folder);
    free(f);
    return 0;
}

/* A request with the usual limits; the URL is built into `url`. */
static struct httpc_request request_to(const struct live *l, const char *scheme, const char *host,
                                       const char *path, char *url, size_t size) {
    (void)snprintf(url, size, "%s://%s:%u%s", scheme, host, http_server_port(l->server), path);
    return (struct httpc_request) { .method = "GET",
                                    .url = url,
                                    .allow_http = true,
                                    .timeout_ms = 20000,
                                    .connect_timeout_ms = 20000,
                                    .response_max = 65536 };
}
#define REQUEST(l, scheme, host, path) request_to((l), (scheme), (host), (path), (char[256]) { 0 }, 256)

static void an_answer_is_returned_whatever_its_status(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *path;
        long status;
    } cases[] = { { "/hello", 200 }, { "/nowhere", 404 }, { "/fail/12", 500 }, { "/kind/nothing", 204 } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(httpc_response_done) struct httpc_response res = { 0 };
        struct err err;
        struct httpc_request req = REQUEST(&f->plain, "http", "127.0.0.1", cases[i].path);
        assert_ok(httpc_call(f->client_handle, &req, &res, &err));
        assert_int_equal(res.status, cases[i].status);
        if (i == 0) {
            assert_str(strbuf_str(&res.body), "hello");
            assert_str(res.content_type, "text/plain");
        }
    }
}

static void method_headers_and_body_arrive(void **state) {
    struct fixture *f = *state;
    AUTO(httpc_response_done) struct httpc_response res = { 0 };
    struct err err;
    struct httpc_request req = REQUEST(&f->plain, "http", "127.0.0.1", "/echo");
    static const char *const headers[] = { "User-Agent: tester", "Cookie: session=s1", NULL };
    req.method = "POST";
    req.headers = headers;
    req.body = STR("a=1&b=%20");
    assert_ok(httpc_call(f->client_handle, &req, &res, &err));
    assert_int_equal(res.status, 200);
    assert_true(str_contains(strbuf_str(&res.body), STR("body=a=1&b=%20\n")));
    assert_true(str_contains(strbuf_str(&res.body), STR("agent=tester\nagents=1\ncookie=s1\n")));
    httpc_response_done(&res);
    req = REQUEST(&f->plain, "http", "127.0.0.1", "/raw");
    req.method = "PUT";
    req.body = STR("{}");
    assert_ok(httpc_call(f->client_handle, &req, &res, &err));
    assert_true(str_contains(strbuf_str(&res.body), STR("body={}\n")));
    assert_false(str_contains(strbuf_str(&res.body), STR("agent=tester")));
}

static void a_redirect_is_an_answer_and_not_followed(void **state) {
    struct fixture *f = *state;
    AUTO(httpc_response_done) struct httpc_response res = { 0 };
    struct err err;
    struct httpc_request req = REQUEST(&f->plain, "http", "127.0.0.1", "/kind/redirect");
    assert_ok(httpc_call(f->client_handle, &req, &res, &err));
    assert_int_equal(res.status, 303);
    assert_true(str_ends_with(res.location, STR("/oidc/auth?x=1")));
}

static void assert_fails(struct fixture *f, const struct httpc_request *req, enum err_code want,
                         const char *says) {
    AUTO(httpc_response_done) struct httpc_response res = { 0 };
    struct err err = { 0 };
    enum err_code rc = httpc_call(f->client_handle, req, &res, &err);
    if (rc != want)
        fail_msg("%s: %s: %s", req->url, err_code_name(rc), err.detail);
    if (strstr(err.detail, says) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", err.detail, says);
    assert_null(res.body.ptr);
}

static void too_much_is_refused(void **state) {
    struct fixture *f = *state;
    struct httpc_request req = REQUEST(&f->plain, "http", "127.0.0.1", "/big");
    assert_fails(f, &req, ERR_LIMIT, "larger than 65536 bytes");
    req = REQUEST(&f->plain, "http", "127.0.0.1", "/hello");
    req.response_max = 4;
    assert_fails(f, &req, ERR_LIMIT, "larger than 4 bytes");
    req.response_max = 5;
    AUTO(httpc_response_done) struct httpc_response res = { 0 };
    struct err err;
    assert_ok(httpc_call(f->client_handle, &req, &res, &err));
}

static void a_silent_server_is_given_up(void **state) {
    struct fixture *f = *state;
    struct httpc_request req = REQUEST(&f->plain, "http", "127.0.0.1", "/work/wait");
    req.timeout_ms = 50;
    assert_fails(f, &req, ERR_TIMEOUT, "50 ms");
}

static void what_is_not_allowed_is_refused_before_anything_is_sent(void **state) {
    struct fixture *f = *state;
    struct httpc_request req = REQUEST(&f->plain, "http", "127.0.0.1", "/hello");
    req.allow_http = false;
    assert_fails(f, &req, ERR_FORBIDDEN, "not https");
    req.allow_http = true;
    req.url = "file:///etc/passwd";
    assert_fails(f, &req, ERR_FORBIDDEN, "not https");
    req.url = "https://user:word@example.org/";
    assert_fails(f, &req, ERR_FORBIDDEN, "user name");
    req.url = "not a url";
    assert_fails(f, &req, ERR_INVALID, "URL");
    req = REQUEST(&f->plain, "http", "127.0.0.1", "/hello");
    req.headers = (const char *const[]) { "X: a\r\nY: b", NULL };
    assert_fails(f, &req, ERR_INVALID, "control");
    req.headers = NULL;
    req.timeout_ms = 0;
    assert_fails(f, &req, ERR_INVALID, "deadline");
}

static void private_addresses_are_refused_after_resolution(void **state) {
    struct fixture *f = *state;
    static const char *const hosts[] = { "127.0.0.1", "localhost", "[::1]", "0" };
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
        struct httpc_request req = REQUEST(&f->plain, "http", hosts[i], "/hello");
        req.refuse_private = true;
        assert_fails(f, &req, ERR_FORBIDDEN, "private");
    }
    /* Not even over a connection that another call left open. */
    AUTO(httpc_response_done) struct httpc_response res = { 0 };
    struct err err;
    struct httpc_request req = REQUEST(&f->plain, "http", "127.0.0.1", "/hello");
    assert_ok(httpc_call(f->client_handle, &req, &res, &err));
    req.refuse_private = true;
    assert_fails(f, &req, ERR_FORBIDDEN, "private");
}

static unsigned unused_port(void) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in a = { .sin_family = AF_INET };
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t len = sizeof a;
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    (void)close(fd);
    return ntohs(a.sin_port);
}

static void nobody_there_is_unavailable(void **state) {
    struct fixture *f = *state;
    char url[64];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/", unused_port());
    struct httpc_request req = REQUEST(&f->plain, "http", "127.0.0.1", "/hello");
    req.url = url;
    assert_fails(f, &req, ERR_UNAVAILABLE, "cannot connect");
}

static void tls_is_verified_against_the_given_ca(void **state) {
    struct fixture *f = *state;
    AUTO(httpc_response_done) struct httpc_response res = { 0 };
    struct err err;
    struct httpc_request req = REQUEST(&f->tls, "https", "127.0.0.1", "/echo");
    req.allow_http = false;
    assert_fails(f, &req, ERR_UNAVAILABLE, "name the CA");
    req.ca_file = f->ca_file;
    assert_ok(httpc_call(f->client_handle, &req, &res, &err));
    assert_true(str_contains(strbuf_str(&res.body), STR("certificate=0\n")));
    httpc_response_done(&res);
    req.client_cert_file = f->cert_file;
    req.client_key_file = f->key_file;
    assert_ok(httpc_call(f->client_handle, &req, &res, &err));
    assert_false(str_contains(strbuf_str(&res.body), STR("certificate=0\n")));
    httpc_response_done(&res);
    req.client_cert_file = req.client_key_file = NULL;
    req.ca_file = NULL;
    req.insecure_skip_verify = true;
    assert_ok(httpc_call(f->client_handle, &req, &res, &err));
}

static void tls_failures_say_what_to_do(void **state) {
    struct fixture *f = *state;
    struct httpc_request req = REQUEST(&f->tls, "https", "127.0.0.1", "/echo");
    req.ca_file = "/nonexistent/ca.pem";
    assert_fails(f, &req, ERR_UNAVAILABLE, "/nonexistent/ca.pem");
    req.ca_file = f->ca_file;
    req.client_cert_file = "/nonexistent/cert.pem";
    assert_fails(f, &req, ERR_UNAVAILABLE, "client certificate");
    req = REQUEST(&f->plain, "https", "127.0.0.1", "/hello");
    assert_fails(f, &req, ERR_UNAVAILABLE, "is the port an https one");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_is_returned_whatever_its_status),
        cmocka_unit_test(method_headers_and_body_arrive),
        cmocka_unit_test(a_redirect_is_an_answer_and_not_followed),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(a_silent_server_is_given_up),
        cmocka_unit_test(what_is_not_allowed_is_refused_before_anything_is_sent),
        cmocka_unit_test(private_addresses_are_refused_after_resolution),
        cmocka_unit_test(nobody_there_is_unavailable),
        cmocka_unit_test(tls_is_verified_against_the_given_ca),
        cmocka_unit_test(tls_failures_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
