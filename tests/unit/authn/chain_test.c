/* The whole chain on requests: which credential decides, and what reaches the principal. */
#include "caller.h"

#include <dlfcn.h>
#include <openssl/x509_vfy.h>
#include <pthread.h>
#include <stdlib.h>

/* Stands before OpenSSL's, to count. */
static _Atomic unsigned verifications;
int X509_verify_cert(X509_STORE_CTX *ctx) {
    union {
        void *symbol;
        int (*call)(X509_STORE_CTX *);
    } real = { .symbol = dlsym(RTLD_NEXT, "X509_verify_cert") };
    assert_non_null(real.symbol);
    verifications++;
    return real.call(ctx);
}

/* Two CAs, the certificates of a front proxy and of people, static tokens, and the authenticators over them. */
struct chain {
    struct caller c;
    struct certificate client_ca, proxy_ca, proxy, other_proxy, ann;
    struct authenticators_options options;
    struct authenticators *x;
    struct str id_token;
};

static const char *const usernames[] = { "X-Remote-User", "X-Forwarded-User" };
static const char *const groups[] = { "X-Remote-Group" };
static const char *const extras[] = { "X-Remote-Extra-" };
static const char *const allowed[] = { "front-proxy-client", "other-allowed" };

static void start(struct chain *t) {
    struct err err = { 0 };
    authenticators_free(t->x);
    t->x = NULL;
    assert_ok(authenticators_new(&t->options, &t->x, &err));
}

static void make_certificates(struct chain *t) {
    certificate_make(&t->client_ca, &(struct certificate_spec) { .purpose = FOR_SIGNING,
                                                                 .until_s = NOW_S + 86400,
                                                                 .subject = { CN("clients") } });
    certificate_make(&t->proxy_ca, &(struct certificate_spec) { .purpose = FOR_SIGNING,
                                                                .until_s = NOW_S + 86400,
                                                                .subject = { CN("front proxies") } });
    certificate_make(&t->proxy, &(struct certificate_spec) { .issuer = &t->proxy_ca,
                                                             .purpose = FOR_CLIENTS,
                                                             .subject = { CN("front-proxy-client") } });
    certificate_make(&t->other_proxy, &(struct certificate_spec) { .issuer = &t->proxy_ca,
                                                                   .purpose = FOR_CLIENTS,
                                                                   .subject = { CN("metrics") } });
    certificate_make(&t->ann, &(struct certificate_spec) { .issuer = &t->client_ca,
                                                           .purpose = FOR_CLIENTS,
                                                           .subject = { CN("ann"), O("ops"), O("dev") } });
    certificate_append(&t->client_ca, caller_path(&t->c, "client-ca.crt"));
    certificate_append(&t->proxy_ca, caller_path(&t->c, "proxy-ca.crt"));
}

static int setup(void **state) {
    struct chain *t = calloc(1, sizeof *t);
    assert_non_null(t);
    caller_init(&t->c);
    make_certificates(t);
    caller_write(&t->c, "token.csv", "static-token,robot,42,\"system:masters,tenant:acme\"\n");
    t->options = (struct authenticators_options) {
        .client_ca_file = arena_strdup(t->c.arena, str_of(caller_path(&t->c, "client-ca.crt"))),
        .token_auth_file = arena_strdup(t->c.arena, str_of(caller_path(&t->c, "token.csv"))),
        .requestheader = { .client_ca_file = arena_strdup(t->c.arena,
                                                          str_of(caller_path(&t->c, "proxy-ca.crt"))),
                           .allowed_names = allowed,
                           .allowed_name_count = ARRAY_LEN(allowed),
                           .username_headers = usernames,
                           .username_header_count = ARRAY_LEN(usernames),
                           .group_headers = groups,
                           .group_header_count = ARRAY_LEN(groups),
                           .extra_headers_prefix = extras,
                           .extra_headers_prefix_count = ARRAY_LEN(extras) },
        .random = random_system(),
    };
    t->id_token = caller_id_token(&t->c, ",\"name\":\"alice\"" FEDERATED);
    start(t);
    *state = t;
    return 0;
}

static int teardown(void **state) {
    struct chain *t = *state;
    struct certificate *made[] = { &t->client_ca, &t->proxy_ca, &t->proxy, &t->other_proxy, &t->ann };
    for (size_t i = 0; i < ARRAY_LEN(made); i++)
        certificate_done(made[i]);
    authenticators_free(t->x);
    caller_done(&t->c);
    free(t);
    return 0;
}

static enum err_code call(struct chain *t, const struct certificate *certificate,
                          const char *const *headers) {
    struct http_request *req = caller_request(&t->c, headers);
    if (certificate != NULL)
        req->peer_certificate = certificate->der;
    t->c.who = (struct principal) { 0 };
    return authn_request(t->x, &t->c.judges, req, &t->c.who, &t->c.err);
}

/* With the ID token of alice beside the other headers, of which there are up to three. */
static enum err_code call_with_token(struct chain *t, const struct certificate *certificate,
                                     const char *const *headers) {
    const char *all[8] = { NULL };
    size_t n = 0;
    while (headers[n] != NULL) {
        all[n] = headers[n];
        n++;
    }
    all[n] = arena_printf(t->c.arena, "Authorization: Bearer %.*s", STR_FMT(t->id_token));
    return call(t, certificate, all);
}

#define assert_called(t, certificate, headers, want_source, want)                                            \
    do {                                                                                                     \
        struct err err = { 0 };                                                                              \
        (t)->c.err = err;                                                                                    \
        if (call((t), (certificate), (headers)) != ERR_OK)                                                   \
            fail_msg("%s", (t)->c.err.detail);                                                               \
        assert_int_equal((t)->c.who.source, (want_source));                                                  \
        assert_who(&(t)->c, (want));                                                                         \
    } while (0)

#define ALICE                                                                                                \
    "alice|usr-7|system:authenticated|tenantid=acme;expireAt=2023-11-14 22:23:20 +0000 UTC;issueAt="         \
    "2023-11-14 22:13:10 +0000 UTC|acme"
#define ANN "ann||ops,dev,system:authenticated||"

/* ---- front proxy ---- */

static void a_front_proxy_says_whom_a_request_comes_from(void **state) {
    struct chain *t = *state;
    assert_called(t, &t->proxy, HEADERS("X-Remote-User: alice"), PRINCIPAL_FRONT_PROXY,
                  "alice||system:authenticated||");
    assert_called(t, &t->proxy,
                  HEADERS("x-remote-USER: alice", "X-Remote-Group: system:authenticated",
                          "X-REMOTE-GROUP: dev", "X-Remote-Group: system:masters",
                          "X-Remote-Group: tenant:acme", "X-Remote-Group:", "X-Remote-Extra-Tenantid: acme",
                          "x-remote-extra-SCOPES: view", "X-Remote-Extra-Scopes: edit",
                          "X-Remote-Extra-Acme.com%2FProject: p1", "X-Remote-Extra-%54enantid: second"),
                  PRINCIPAL_FRONT_PROXY,
                  "alice||dev,system:masters,tenant:acme,system:authenticated|"
                  "tenantid=acme,second;scopes=view,edit;acme.com/project=p1|acme");
    /* A key that is not encoded as it should be is taken as it stands, as in Kubernetes. */
    assert_called(t, &t->proxy,
                  HEADERS("X-Remote-User: alice", "X-Remote-Extra-100%: a", "X-Remote-Extra-X%00: b",
                          "X-Remote-Extra-: c"),
                  PRINCIPAL_FRONT_PROXY, "alice||system:authenticated|100%=a;x%00=b|");
}

static void the_front_proxy_comes_before_every_other_credential(void **state) {
    struct chain *t = *state;
    assert_called(t, &t->proxy, HEADERS("X-Remote-User: bob", "Authorization: Bearer static-token"),
                  PRINCIPAL_FRONT_PROXY, "bob||system:authenticated||");
    assert_int_equal(call_with_token(t, &t->proxy, HEADERS("X-Remote-User: bob")), ERR_OK);
    assert_who(&t->c, "bob||system:authenticated||");
}

static void the_first_user_header_with_a_value_counts(void **state) {
    struct chain *t = *state;
    assert_called(t, &t->proxy, HEADERS("X-Forwarded-User: second", "X-Remote-User: first"),
                  PRINCIPAL_FRONT_PROXY, "first||system:authenticated||");
    assert_called(t, &t->proxy, HEADERS("X-Remote-User:", "X-Forwarded-User: second"), PRINCIPAL_FRONT_PROXY,
                  "second||system:authenticated||");
}

/* A proxy that adds its header to those of the client would let the client choose. */
static void headers_with_two_readings_are_refused(void **state) {
    struct chain *t = *state;
    const char *const *const cases[] = {
        HEADERS("X-Remote-User: admin", "X-Remote-User: alice"),
        HEADERS("X-Remote-User: alice", "x-remote-user: alice"),
        HEADERS("X-Remote-User: al\x01ice"),
        HEADERS("X-Remote-User: al\xffice"),
        HEADERS("X-Remote-User: alice", "X-Remote-Group: \xff"),
        HEADERS("X-Remote-User: alice", "X-Remote-Extra-a: \x02"),
        HEADERS("X-Remote-User: alice", "Authorization: Bearer a", "Authorization: Bearer b"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (call(t, &t->proxy, cases[i]) != ERR_UNAUTHENTICATED)
            fail_msg("case %zu was taken", i);
}

#define FORGED "X-Remote-User: admin", "X-Remote-Group: system:masters", "X-Remote-Extra-Tenantid: victim"

static void headers_of_anybody_else_reach_nothing(void **state) {
    struct chain *t = *state;
    AUTO(certificate_done) struct certificate self = { 0 }, twin = { 0 }, forged = { 0 };
    certificate_make(&self, &(struct certificate_spec) { .subject = { CN("front-proxy-client") } });
    certificate_make(
        &twin, &(struct certificate_spec) { .purpose = FOR_SIGNING, .subject = { CN("front proxies") } });
    certificate_make(&forged, &(struct certificate_spec) { .issuer = &twin,
                                                           .purpose = FOR_CLIENTS,
                                                           .subject = { CN("front-proxy-client") } });
    /* Without another credential there is none. */
    const struct certificate *strangers[] = { NULL, &t->other_proxy, &self, &forged };
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++) {
        assert_int_equal(call(t, strangers[i], HEADERS(FORGED)), ERR_UNAUTHENTICATED);
        assert_int_equal(call_with_token(t, strangers[i], HEADERS(FORGED)), ERR_OK);
        assert_who(&t->c, ALICE);
    }
    assert_called(t, &t->ann, HEADERS(FORGED), PRINCIPAL_CERTIFICATE, ANN);
    assert_called(t, NULL, HEADERS(FORGED, "Authorization: Bearer static-token"), PRINCIPAL_TOKEN_FILE,
                  "robot|42|system:masters,tenant:acme,system:authenticated||");
    /* A client certificate with the front proxy's name is a client's. */
    AUTO(certificate_done) struct certificate namesake = { 0 };
    certificate_make(&namesake, &(struct certificate_spec) { .issuer = &t->client_ca,
                                                             .subject = { CN("front-proxy-client") } });
    assert_called(t, &namesake, HEADERS(FORGED), PRINCIPAL_CERTIFICATE,
                  "front-proxy-client||system:authenticated||");
}

static void without_a_request_header_ca_there_is_no_front_proxy(void **state) {
    struct chain *t = *state;
    t->options.requestheader.client_ca_file = NULL;
    start(t);
    assert_int_equal(call(t, &t->proxy, HEADERS(FORGED)), ERR_UNAUTHENTICATED);
    assert_called(t, &t->ann, HEADERS(FORGED), PRINCIPAL_CERTIFICATE, ANN);
}

static void without_allowed_names_every_certificate_of_the_ca_is_a_front_proxy(void **state) {
    struct chain *t = *state;
    AUTO(certificate_done) struct certificate nameless = { 0 };
    certificate_make(&nameless,
                     &(struct certificate_spec) { .issuer = &t->proxy_ca, .subject = { O("no name") } });
    assert_int_equal(call(t, &nameless, HEADERS("X-Remote-User: bob")), ERR_UNAUTHENTICATED);
    t->options.requestheader.allowed_name_count = 0;
    start(t);
    assert_called(t, &t->other_proxy, HEADERS("X-Remote-User: bob"), PRINCIPAL_FRONT_PROXY,
                  "bob||system:authenticated||");
    assert_called(t, &nameless, HEADERS("X-Remote-User: bob"), PRINCIPAL_FRONT_PROXY,
                  "bob||system:authenticated||");
}

static void a_front_proxy_that_names_nobody_has_shown_no_credential(void **state) {
    struct chain *t = *state;
    const char *const *const cases[] = {
        HEADERS("Host: x"),
        HEADERS("X-Remote-User:"),
        HEADERS("X-Remote-Group: system:masters", "X-Remote-Extra-Tenantid: victim"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(call(t, &t->proxy, cases[i]), ERR_UNAUTHENTICATED);
        assert_int_equal(call_with_token(t, &t->proxy, cases[i]), ERR_OK);
        assert_int_equal(t->c.who.source, PRINCIPAL_ID_TOKEN);
        assert_who(&t->c, ALICE);
    }
    /* Where one CA issues all, its certificate also names it; the headers still say nothing. */
    t->options.client_ca_file = t->options.requestheader.client_ca_file;
    start(t);
    assert_called(t, &t->proxy, cases[2], PRINCIPAL_CERTIFICATE,
                  "front-proxy-client||system:authenticated||");
    assert_called(t, &t->proxy, HEADERS("X-Remote-User: bob"), PRINCIPAL_FRONT_PROXY,
                  "bob||system:authenticated||");
    assert_called(t, &t->other_proxy, HEADERS("X-Remote-User: bob"), PRINCIPAL_CERTIFICATE,
                  "metrics||system:authenticated||");
}

/* ---- certificates ---- */

static void a_certificate_names_a_user_and_their_groups(void **state) {
    struct chain *t = *state;
    assert_called(t, &t->ann, HEADERS(), PRINCIPAL_CERTIFICATE, ANN);
    assert_called(t, &t->ann, HEADERS(), PRINCIPAL_CERTIFICATE, ANN); /* now from memory */
    static const struct {
        struct certificate_field subject[6];
        const char *want; /* NULL: refused */
    } cases[] = {
        { { CN("admin"), O("system:masters") }, "admin||system:masters,system:authenticated||" },
        { { O("system:authenticated"), CN("bob"), O("tenant:acme") },
          "bob||tenant:acme,system:authenticated||" },
        { { CN("jos\xc3\xa9"), { NID_organizationalUnitName, STR("ou") } },
          "jos\xc3\xa9||system:authenticated||" },
        { { O("ops") }, NULL },
        { { CN(""), O("ops") }, NULL },
        { { CN("admin"), CN("eve") }, NULL },
        { { CN("admin\0.evil.example") }, NULL },
        { { CN("eve"), O("system:masters\0x") }, NULL },
        { { CN("eve"), O("") }, NULL },
        { { CN("eve\nadmin") }, NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(certificate_done) struct certificate x = { 0 };
        struct certificate_spec spec = { .issuer = &t->client_ca, .purpose = FOR_CLIENTS };
        (void)memcpy(spec.subject, cases[i].subject, sizeof spec.subject);
        certificate_make(&x, &spec);
        for (unsigned twice = 0; twice < 2; twice++) {
            if (cases[i].want != NULL)
                assert_called(t, &x, HEADERS(), PRINCIPAL_CERTIFICATE, cases[i].want);
            else /* not passed over, though there is a good token */
                assert_int_equal(call_with_token(t, &x, HEADERS()), ERR_UNAUTHENTICATED);
        }
    }
}

static void a_certificate_of_neither_ca_is_passed_over_but_a_bad_one_is_not(void **state) {
    struct chain *t = *state;
    AUTO(certificate_done) struct certificate stranger = { 0 }, server = { 0 }, old = { 0 }, broken = { 0 };
    certificate_make(&stranger,
                     &(struct certificate_spec) { .subject = { CN("admin"), O("system:masters") } });
    certificate_make(&server, &(struct certificate_spec) { .issuer = &t->client_ca,
                                                           .purpose = FOR_SERVERS,
                                                           .subject = { CN("admin") } });
    certificate_make(&old, &(struct certificate_spec) { .issuer = &t->proxy_ca,
                                                        .purpose = FOR_CLIENTS,
                                                        .until_s = NOW_S,
                                                        .subject = { CN("front-proxy-client") } });
    assert_int_equal(call(t, &stranger, HEADERS()), ERR_UNAUTHENTICATED);
    assert_int_equal(call_with_token(t, &stranger, HEADERS()), ERR_OK);
    assert_who(&t->c, ALICE);
    assert_int_equal(call_with_token(t, &server, HEADERS()), ERR_UNAUTHENTICATED);
    assert_int_equal(call_with_token(t, &old, HEADERS("X-Remote-User: bob")), ERR_UNAUTHENTICATED);
    certificate_make(&broken, &(struct certificate_spec) { .issuer = &t->client_ca, .subject = { CN("x") } });
    struct certificate cut = { .der = str_sub(broken.der, 0, broken.der.len - 1) };
    assert_int_equal(call_with_token(t, &cut, HEADERS()), ERR_UNAUTHENTICATED);
}

static void what_is_known_of_a_certificate_ends_with_it(void **state) {
    struct chain *t = *state;
    for (unsigned twice = 0; twice < 2; twice++)
        assert_called(t, &t->ann, HEADERS(), PRINCIPAL_CERTIFICATE, ANN);
    clock_advance(&t->c.clock, 3599 * 1000);
    assert_called(t, &t->ann, HEADERS(), PRINCIPAL_CERTIFICATE, ANN);
    clock_advance(&t->c.clock, 1000);
    assert_int_equal(call(t, &t->ann, HEADERS()), ERR_UNAUTHENTICATED);
    assert_int_equal(call(t, &t->proxy, HEADERS("X-Remote-User: bob")), ERR_UNAUTHENTICATED);
    clock_advance(&t->c.clock, -1000); /* a clock that was wrong does no lasting harm */
    assert_called(t, &t->ann, HEADERS(), PRINCIPAL_CERTIFICATE, ANN);
    clock_advance(&t->c.clock, -7200 * 1000); /* before the certificate begins */
    assert_int_equal(call(t, &t->ann, HEADERS()), ERR_UNAUTHENTICATED);
    clock_advance(&t->c.clock, 7200 * 1000); /* that is not remembered */
    assert_called(t, &t->ann, HEADERS(), PRINCIPAL_CERTIFICATE, ANN);
}

static void what_is_known_of_a_certificate_ends_with_its_ca(void **state) {
    struct chain *t = *state;
    AUTO(certificate_done) struct certificate ca = { 0 }, bob = { 0 };
    certificate_make(&ca, &(struct certificate_spec) {
                              .purpose = FOR_SIGNING, .until_s = NOW_S + 60, .subject = { CN("short") } });
    certificate_make(&bob, &(struct certificate_spec) { .issuer = &ca, .subject = { CN("bob") } });
    certificate_append(&ca, t->options.client_ca_file);
    start(t);
    assert_called(t, &bob, HEADERS(), PRINCIPAL_CERTIFICATE, "bob||system:authenticated||");
    clock_advance(&t->c.clock, 59 * 1000);
    assert_called(t, &bob, HEADERS(), PRINCIPAL_CERTIFICATE, "bob||system:authenticated||");
    clock_advance(&t->c.clock, 1000);
    assert_int_equal(call(t, &bob, HEADERS()), ERR_UNAUTHENTICATED);
    assert_called(t, &t->ann, HEADERS(), PRINCIPAL_CERTIFICATE, ANN);
}

static void a_certificate_is_verified_once(void **state) {
    struct chain *t = *state;
    AUTO(certificate_done) struct certificate stranger = { 0 };
    certificate_make(&stranger, &(struct certificate_spec) { .subject = { CN("stranger") } });
    const struct certificate *shown[] = { &t->ann, &t->proxy, &stranger };
    for (size_t i = 0; i < ARRAY_LEN(shown); i++) {
        verifications = 0;
        enum err_code first = call(t, shown[i], HEADERS("X-Remote-User: bob"));
        assert_int_equal(verifications, 2); /* against either CA */
        for (unsigned again = 0; again < 10; again++)
            assert_int_equal(call(t, shown[i], HEADERS("X-Remote-User: bob")), first);
        assert_int_equal(verifications, 2);
    }
}

struct asker {
    const struct chain *t;
    const struct certificate *certificate;
    const char *want;
};

static void *ask_many_times(void *arg) {
    const struct asker *a = arg;
    struct caller c;
    caller_init(&c);
    for (unsigned i = 0; i < 200; i++) {
        struct http_request *req = caller_request(&c, HEADERS("X-Remote-User: bob"));
        req->peer_certificate = a->certificate->der;
        if (authn_request(a->t->x, &c.judges, req, &c.who, &c.err) != ERR_OK ||
            !str_eq(c.who.name, str_of(a->want)))
            abort();
    }
    caller_done(&c);
    return NULL;
}

static void many_threads_share_the_authenticators(void **state) {
    struct chain *t = *state;
    const struct asker askers[] = {
        { t, &t->ann, "ann" }, { t, &t->proxy, "bob" }, { t, &t->ann, "ann" }, { t, &t->proxy, "bob" }
    };
    pthread_t threads[ARRAY_LEN(askers)];
    for (size_t i = 0; i < ARRAY_LEN(askers); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, ask_many_times, (void *)(uintptr_t)&askers[i]), 0);
    for (size_t i = 0; i < ARRAY_LEN(askers); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void a_certificate_comes_before_a_token(void **state) {
    struct chain *t = *state;
    assert_called(t, &t->ann, HEADERS("Authorization: Bearer static-token"), PRINCIPAL_CERTIFICATE, ANN);
    assert_called(t, &t->ann, HEADERS("Authorization: Bearer nonsense"), PRINCIPAL_CERTIFICATE, ANN);
    assert_int_equal(call(t, &t->ann, HEADERS("Authorization: Bearer a", "Authorization: Bearer b")),
                     ERR_UNAUTHENTICATED);
}

/* ---- tokens ---- */

static void a_bearer_token_is_one_of_the_file_an_id_token_or_an_api_key(void **state) {
    struct chain *t = *state;
    assert_called(t, NULL, HEADERS("Authorization: Bearer static-token"), PRINCIPAL_TOKEN_FILE,
                  "robot|42|system:masters,tenant:acme,system:authenticated||");
    assert_int_equal(call_with_token(t, NULL, HEADERS()), ERR_OK);
    assert_int_equal(t->c.who.source, PRINCIPAL_ID_TOKEN);
    assert_who(&t->c, ALICE);
    t->c.key = (struct known_key) { .text = STR("a.b.c"),
                                    .view = { .tenant = STR("acme"),
                                              .username = STR("carol"),
                                              .uid = STR("usr-3"),
                                              .expires_at = NOW_S + 600 } };
    assert_called(
        t, NULL, HEADERS("Authorization: Bearer a.b.c"), PRINCIPAL_API_KEY,
        "carol|usr-3|system:authenticated|tenantid=acme;expireAt=2023-11-14 22:23:20 +0000 UTC|acme");
    assert_called(
        t, NULL, HEADERS("Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.YS5iLmM, x"),
        PRINCIPAL_API_KEY,
        "carol|usr-3|system:authenticated|tenantid=acme;expireAt=2023-11-14 22:23:20 +0000 UTC|acme");
}

static void without_a_good_credential_nobody_is_authenticated(void **state) {
    struct chain *t = *state;
    const char *const *const cases[] = {
        HEADERS(),
        HEADERS("Authorization: Basic c3RhdGljLXRva2VuOg=="),
        HEADERS("Authorization: static-token"),
        HEADERS("Authorization: Bearer static-toke"),
        HEADERS("Authorization: Bearer static-tokenx"),
        HEADERS("Authorization: Bearer robot"),
        HEADERS("Authorization: Bearer a.b.c"),
        HEADERS("Authorization: Bearer static-token", "Authorization: Bearer static-token"),
        HEADERS("Authorization: Bearer bad", "Sec-WebSocket-Protocol: "
                                             "base64url.bearer.authorization.k8s.io.c3RhdGljLXRva2Vu"),
        HEADERS("Cookie: token=static-token"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (call(t, NULL, cases[i]) != ERR_UNAUTHENTICATED)
            fail_msg("case %zu was taken", i);
        assert_null(strstr(t->c.err.detail, "static-toke"));
    }
    char *log = caller_log(&t->c);
    assert_null(strstr(log, "static-toke"));
    free(log);
}

static void groups_dropped_from_a_request_are_told_under_its_id(void **state) {
    struct chain *t = *state;
    t->id_token = caller_id_token(&t->c, ",\"name\":\"eve\",\"groups\":[\"system:masters\"]" FEDERATED);
    t->c.judges.log = NULL;
    assert_int_equal(call_with_token(t, NULL, HEADERS()), ERR_OK);
    char *log = caller_log(&t->c);
    assert_non_null(strstr(log, "req-1"));
    assert_non_null(strstr(log, "\"dropped\":1"));
    free(log);
}

static void without_any_configuration_only_tokens_count(void **state) {
    struct chain *t = *state;
    t->options = (struct authenticators_options) { .random = random_system() };
    start(t);
    assert_int_equal(call(t, &t->ann, HEADERS(FORGED)), ERR_UNAUTHENTICATED);
    assert_int_equal(call(t, NULL, HEADERS("Authorization: Bearer static-token")), ERR_UNAUTHENTICATED);
    assert_int_equal(call_with_token(t, &t->proxy, HEADERS(FORGED)), ERR_OK);
    assert_who(&t->c, ALICE);
}

/* ---- configuration ---- */

/* TKEStack started without the authenticators of a bad file (contract 9.39). */
static void a_bad_file_is_an_error_that_names_it(void **state) {
    struct chain *t = *state;
    const struct authenticators_options good = t->options;
    struct authenticators *x = NULL;
    struct err err = { 0 };
    caller_write(&t->c, "bad", "s3cret\n");
    const char *bad = caller_path(&t->c, "bad");

    struct authenticators_options o = good;
    o.client_ca_file = bad;
    assert_int_equal(authenticators_new(&o, &x, &err), ERR_INVALID);
    assert_string_equal(
        err.detail,
        arena_printf(t->c.arena, "CA of client certificates: %s:1: no certificate (PEM) in it", bad));
    o = good;
    o.requestheader.client_ca_file = bad;
    assert_int_equal(authenticators_new(&o, &x, &err), ERR_INVALID);
    assert_string_equal(
        err.detail, arena_printf(t->c.arena, "CA of front proxies: %s:1: no certificate (PEM) in it", bad));
    o = good;
    o.token_auth_file = bad;
    assert_int_equal(authenticators_new(&o, &x, &err), ERR_INVALID);
    assert_non_null(strstr(err.detail, "static tokens: "));
    assert_non_null(strstr(err.detail, "/bad:1: "));
    assert_null(strstr(err.detail, "s3cret"));
    o = good;
    o.requestheader.username_header_count = 0;
    assert_int_equal(authenticators_new(&o, &x, &err), ERR_INVALID);
    const char **files[] = { (const char **)&o.client_ca_file, (const char **)&o.token_auth_file,
                             (const char **)&o.requestheader.client_ca_file };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        o = good;
        *files[i] = caller_path(&t->c, "none");
        assert_int_equal(authenticators_new(&o, &x, &err), ERR_NOT_FOUND);
        assert_non_null(strstr(err.detail, "/none"));
    }
    assert_null(x);
    authenticators_free(NULL);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_front_proxy_says_whom_a_request_comes_from),
        TEST(the_front_proxy_comes_before_every_other_credential),
        TEST(the_first_user_header_with_a_value_counts),
        TEST(headers_with_two_readings_are_refused),
        TEST(headers_of_anybody_else_reach_nothing),
        TEST(without_a_request_header_ca_there_is_no_front_proxy),
        TEST(without_allowed_names_every_certificate_of_the_ca_is_a_front_proxy),
        TEST(a_front_proxy_that_names_nobody_has_shown_no_credential),
        TEST(a_certificate_names_a_user_and_their_groups),
        TEST(a_certificate_of_neither_ca_is_passed_over_but_a_bad_one_is_not),
        TEST(what_is_known_of_a_certificate_ends_with_it),
        TEST(what_is_known_of_a_certificate_ends_with_its_ca),
        TEST(a_certificate_is_verified_once),
        TEST(many_threads_share_the_authenticators),
        TEST(a_certificate_comes_before_a_token),
        TEST(a_bearer_token_is_one_of_the_file_an_id_token_or_an_api_key),
        TEST(without_a_good_credential_nobody_is_authenticated),
        TEST(groups_dropped_from_a_request_are_told_under_its_id),
        TEST(without_any_configuration_only_tokens_count),
        TEST(a_bad_file_is_an_error_that_names_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
