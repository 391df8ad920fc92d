#include "unit/http/certificates.h"
#include "unit/http/live.h"

#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: localhost\r\n\r\n"

struct fixture {
    struct certificate ca, other_ca, first, second, client, stranger, server_as_client;
};

static int make_certificates(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    certificate_make(&f->ca, "ca", USE_CA, NULL);
    certificate_make(&f->other_ca, "other", USE_CA, NULL);
    certificate_make(&f->first, "first", USE_SERVER, &f->ca);
    certificate_make(&f->second, "second", USE_SERVER, &f->ca);
    certificate_make(&f->client, "client", USE_CLIENT, &f->ca);
    certificate_make(&f->stranger, "stranger", USE_CLIENT, &f->other_ca);
    certificate_make(&f->server_as_client, "server", USE_SERVER, &f->ca);
    *state = f;
    return 0;
}

static int free_certificates(void **state) {
    struct fixture *f = *state;
    struct certificate *all[] = { &f->ca,     &f->other_ca, &f->first,           &f->second,
                                  &f->client, &f->stranger, &f->server_as_client };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        certificate_done(all[i]);
    free(f);
    return 0;
}

static struct http_tls tls_of(const struct certificate *c, const struct certificate *client_ca) {
    return (struct http_tls) { str_of(c->certificate_pem), str_of(c->key_pem),
                               client_ca ? str_of(client_ca->certificate_pem) : STR_NULL };
}

static void start(struct live *l, const struct http_tls *tls, const char *min_version) {
    live_init(l);
    clock_fixed_init(&l->clock, (int64_t)time(NULL) * 1000); /* certificates are checked against it */
    l->options.tls = true;
    l->options.hsts_host = "localhost"; /* as GET() says */
    l->options.tls_min_version = min_version;
    live_start(l, tls);
}

/* A TLS client; it trusts anything, the tests look at what it got. */
struct tls_client {
    int fd;
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    bool connected;
};

static void tls_open(struct tls_client *c, const struct live *l, const char *priorities,
                     const struct certificate *own) {
    assert_int_equal(gnutls_init(&c->session, GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT), 0);
    assert_int_equal(gnutls_certificate_allocate_credentials(&c->credentials), 0);
    if (own != NULL)
        assert_int_equal(
            gnutls_certificate_set_x509_key(c->credentials, (gnutls_x509_crt_t[]) { own->crt }, 1, own->key),
            0);
    assert_int_equal(gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, c->credentials), 0);
    assert_int_equal(gnutls_priority_set_direct(c->session, priorities ? priorities : "NORMAL", NULL), 0);
    c->fd = client_open(l);
    gnutls_transport_set_int(c->session, c->fd);
    int rc;
    do
        rc = gnutls_handshake(c->session);
    while (rc < 0 && gnutls_error_is_fatal(rc) == 0);
    c->connected = rc == 0;
}

static void tls_close(struct tls_client *c) {
    gnutls_deinit(c->session);
    gnutls_certificate_free_credentials(c->credentials);
    (void)close(c->fd);
}

/* The response to a GET as one text; the last header is waited for by content. */
static void tls_call(struct tls_client *c, const char *request, const char *last, char *out, size_t size) {
    assert_int_equal(gnutls_record_send(c->session, request, strlen(request)), strlen(request));
    size_t len = 0;
    out[0] = 0;
    while (strstr(out, last) == NULL) {
        ssize_t n = gnutls_record_recv(c->session, out + len, size - 1 - len);
        if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
            continue;
        if (n <= 0)
            fail_msg("closed after \"%s\"", out);
        len += (size_t)n;
        out[len] = 0;
    }
}

static void assert_server_is(struct tls_client *c, const struct certificate *want) {
    unsigned n = 0;
    const gnutls_datum_t *der = gnutls_certificate_get_peers(c->session, &n);
    assert_non_null(der);
    gnutls_x509_crt_t got;
    assert_int_equal(gnutls_x509_crt_init(&got), 0);
    assert_int_equal(gnutls_x509_crt_import(got, &der[0], GNUTLS_X509_FMT_DER), 0);
    assert_true(gnutls_x509_crt_equals(got, want->crt));
    gnutls_x509_crt_deinit(got);
}

static void only_the_host_of_ones_own_is_pinned_to_tls(void **state) {
    struct fixture *f = *state;
    struct live l;
    start(&l, &(struct http_tls) { str_of(f->first.certificate_pem), str_of(f->first.key_pem), STR_NULL },
          "1.2");
    struct tls_client c;
    char text[4096];
    tls_open(&c, &l, NULL, NULL);
    assert_true(c.connected);
    assert_server_is(&c, &f->first);
    tls_call(&c, GET("/hello"), "\r\n\r\nhello", text, sizeof text);
    assert_non_null(strstr(text, "Strict-Transport-Security: max-age=31536000\r\n"));
    tls_call(&c, "GET /hello HTTP/1.1\r\nHost: gateway.example:9442\r\n\r\n", "\r\n\r\nhello", text,
             sizeof text);
    assert_null(strstr(text, "Strict-Transport-Security"));
    tls_call(&c, GET("/work/echo?a=7"), "repeated=\n", text, sizeof text);
    assert_non_null(strstr(text, "\na=7\n"));
    assert_non_null(strstr(text, "certificate=0\n"));
    tls_close(&c);
    live_stop(&l);
}

static void old_versions_and_weak_ciphers_are_refused(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *min, *client;
        bool want;
    } cases[] = {
        { "1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2", true },
        { "1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
        { "1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.1:+VERS-TLS1.0:%ALLOW_SMALL_RECORDS", false },
        { "1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.2:-CIPHER-ALL:+AES-128-CBC", false },
        { "1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.3", true },
        { "1.3", "NORMAL:-VERS-ALL:+VERS-TLS1.2", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct live l;
        struct http_tls tls = tls_of(&f->first, NULL);
        start(&l, &tls, cases[i].min);
        struct tls_client c;
        tls_open(&c, &l, cases[i].client, NULL);
        if (c.connected != cases[i].want)
            fail_msg("case %zu", i);
        tls_close(&c);
        live_stop(&l);
    }
}

static void a_new_certificate_serves_new_connections(void **state) {
    struct fixture *f = *state;
    struct live l;
    struct http_tls tls = tls_of(&f->first, NULL);
    start(&l, &tls, "1.2");
    struct tls_client old, new;
    char text[4096];
    tls_open(&old, &l, NULL, NULL);
    assert_server_is(&old, &f->first);
    struct err err;
    tls = tls_of(&f->second, NULL);
    assert_ok(http_server_set_tls(l.server, &tls, &err));
    tls_open(&new, &l, NULL, NULL);
    assert_server_is(&new, &f->second);
    tls_call(&old, GET("/hello"), "\r\n\r\nhello", text, sizeof text);
    tls_close(&old);
    tls_call(&new, GET("/hello"), "\r\n\r\nhello", text, sizeof text);
    tls_close(&new);
    live_stop(&l);
}

static void a_bad_certificate_is_refused_and_the_old_one_stays(void **state) {
    struct fixture *f = *state;
    struct live l;
    struct http_tls tls = tls_of(&f->first, NULL);
    start(&l, &tls, "1.2");
    struct http_tls bad[] = { tls, tls, tls, tls };
    bad[0].key_pem = str_of(f->second.key_pem); /* another's key */
    bad[1].certificate_pem = STR("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    bad[2].key_pem = STR_NULL;
    bad[3].client_ca_pem = STR("not a certificate");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err;
        if (http_server_set_tls(l.server, &bad[i], &err) != ERR_INVALID)
            fail_msg("case %zu was taken", i);
        assert_true(strlen(err.detail) > 0);
    }
    struct tls_client c;
    tls_open(&c, &l, NULL, NULL);
    assert_server_is(&c, &f->first);
    tls_close(&c);
    live_stop(&l);
}

/* How many bytes of client certificate the handler saw. */
static size_t certificate_seen(struct live *l, const struct certificate *own, const char *path) {
    struct tls_client c;
    char text[4096], request[128];
    tls_open(&c, l, NULL, own);
    assert_true(c.connected);
    size_t seen = 0;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
        tls_call(&c, request, "repeated=\n", text, sizeof text);
        struct err err;
        uint64_t n = 0;
        struct str rest = str_of(strstr(text, "certificate=") + strlen("certificate=")), number;
        (void)str_cut(rest, '\n', &number, &rest);
        assert_ok(parse_u64(number, 0, 10000, &n, &err));
        if (i > 0)
            assert_int_equal(seen, n);
        seen = n;
    }
    tls_close(&c);
    return seen;
}

static void a_client_certificate_counts_only_if_the_client_ca_signed_it_for_clients(void **state) {
    struct fixture *f = *state;
    struct live l;
    struct http_tls tls = tls_of(&f->first, &f->ca);
    start(&l, &tls, "1.2");
    size_t der = 0;
    gnutls_datum_t out;
    assert_int_equal(gnutls_x509_crt_export2(f->client.crt, GNUTLS_X509_FMT_DER, &out), 0);
    der = out.size;
    gnutls_free(out.data);
    assert_int_equal(certificate_seen(&l, &f->client, "/echo"), der);
    assert_int_equal(certificate_seen(&l, &f->client, "/work/echo"), der);
    assert_int_equal(certificate_seen(&l, NULL, "/echo"), 0);
    assert_int_equal(certificate_seen(&l, &f->stranger, "/echo"), 0);
    assert_int_equal(certificate_seen(&l, &f->server_as_client, "/echo"), 0);
    clock_advance(&l.clock, 7200000); /* it has expired now */
    assert_int_equal(certificate_seen(&l, &f->client, "/echo"), 0);
    live_stop(&l);
}

static void a_reload_changes_the_client_ca_too(void **state) {
    struct fixture *f = *state;
    struct live l;
    struct http_tls tls = tls_of(&f->first, NULL);
    start(&l, &tls, "1.2");
    struct err err;
    tls = tls_of(&f->first, &f->other_ca);
    assert_ok(http_server_set_tls(l.server, &tls, &err));
    assert_true(certificate_seen(&l, &f->stranger, "/echo") > 0);
    assert_int_equal(certificate_seen(&l, &f->client, "/echo"), 0);
    live_stop(&l);
}

static void a_client_that_stalls_in_the_handshake_loses_its_slot(void **state) {
    struct fixture *f = *state;
    struct live l;
    struct http_tls tls = tls_of(&f->first, NULL);
    start(&l, &tls, "1.2");
    int fd = client_open(&l);
    client_send(fd, STR("\x16\x03\x01"));
    for (int round = 0; !client_is_ready(fd, 20); round++) {
        assert_true(round < 1500);
        clock_advance(&l.clock, 1000);
    }
    while (!client_is_closed(fd))
        continue;
    (void)close(fd);
    live_stop(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_host_of_ones_own_is_pinned_to_tls),
        cmocka_unit_test(old_versions_and_weak_ciphers_are_refused),
        cmocka_unit_test(a_new_certificate_serves_new_connections),
        cmocka_unit_test(a_bad_certificate_is_refused_and_the_old_one_stays),
        cmocka_unit_test(a_client_certificate_counts_only_if_the_client_ca_signed_it_for_clients),
        cmocka_unit_test(a_reload_changes_the_client_ca_too),
        cmocka_unit_test(a_client_that_stalls_in_the_handshake_loses_its_slot),
    };
    return cmocka_run_group_tests(tests, make_certificates, free_certificates);
}
