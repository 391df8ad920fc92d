#include "service.h"

#include <stdlib.h>
#include <time.h>

#include "tkeauth/crypto.h"

static const struct list_rule rules[] = {
    { "default##user##alice", "*", "cluster:cls-a/*", "list*", ENGINE_ALLOW },
    { "default##user##alice", "*", "*secret:*", "*", ENGINE_DENY },
    { "default##user##alice", "*", "project:*", "createProject", ENGINE_ALLOW },
    { "default##user##alice", "*", "cluster:cls-a//healthz", "list", ENGINE_ALLOW },
    { "default##group##grp-dev", "*", "*configmap:*", "get*", ENGINE_ALLOW },
    { "##user##bob", "*", "deployments", "list", ENGINE_ALLOW },
};

static int setup(void **state) {
    int rc = service_setup(state);
    service_rules = (struct rule_list) { .rules = rules, .len = ARRAY_LEN(rules) };
    return rc;
}

#define ALICE "\"user\":\"alice\",\"extra\":{\"tenantid\":[\"default\"]}"

static void an_allowed_review_repeats_what_came(void **state) {
    struct service *s = *state;
    service_start(s);
    service_posts(
        s, "/auth/authz",
        "{\"apiVersion\":\"authorization.k8s.io/v1beta1\",\"kind\":\"SubjectAccessReview\",\"unknown\":1,"
        "\"spec\":{\"user\":\"alice\",\"group\":[\"tenant:default\",\"cluster:cls-a\"],\"new\":[1.5],"
        "\"resourceAttributes\":{\"verb\":\"list\",\"group\":\"apps\",\"resource\":\"deployments\","
        "\"namespace\":\"dev\"}}}");
    assert_int_equal(s->last.status, 200);
    assert_reply(s, "apiVersion", "\"authorization.k8s.io/v1beta1\"");
    assert_reply(s, "kind", "\"SubjectAccessReview\"");
    assert_reply(s, "metadata", "{\"creationTimestamp\":null}");
    assert_reply(s, "spec.new", "[1.5]");
    assert_reply(s, "spec.group", "[\"tenant:default\",\"cluster:cls-a\"]");
    assert_reply(s, "status", "{\"allowed\":true}");
}

static void version_1_spells_groups_differently(void **state) {
    struct service *s = *state;
    service_start(s);
    service_posts(s, "/auth/authz",
                  "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\","
                  "\"metadata\":{\"name\":\"x\"},\"spec\":{" ALICE ",\"groups\":[\"grp-dev\"],"
                  "\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"configmaps\",\"name\":\"c\"}}}");
    assert_reply(s, "apiVersion", "\"authorization.k8s.io/v1\"");
    assert_reply(s, "metadata", "{\"name\":\"x\"}");
    assert_reply(s, "status", "{\"allowed\":true}");
}

static void a_deny_rule_is_a_denial_and_no_rule_is_no_opinion(void **state) {
    struct service *s = *state;
    service_start(s);
    service_posts(s, "/auth/authz",
                  "{\"spec\":{" ALICE ",\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"secrets\","
                  "\"name\":\"x\",\"namespace\":\"dev\"}}}");
    assert_reply(s, "status",
                 "{\"allowed\":false,\"denied\":true,\"reason\":\"permission for getSecret on "
                 "namespace:dev/secret:x not verify\"}");
    service_posts(s, "/auth/authz",
                  "{\"spec\":{" ALICE
                  ",\"resourceAttributes\":{\"verb\":\"create\",\"resource\":\"pods\"}}}");
    assert_reply(s, "status",
                 "{\"allowed\":false,\"reason\":\"permission for createPod on pod:* not verify\"}");
}

static void the_switch_always_deny_gives_the_old_answer(void **state) {
    struct service *s = *state;
    s->options.always_deny = true;
    service_start(s);
    service_posts(s, "/auth/authz",
                  "{\"spec\":{" ALICE
                  ",\"resourceAttributes\":{\"verb\":\"create\",\"resource\":\"pods\"}}}");
    assert_reply(s, "status.denied", "true");
}

static void an_unknown_tenant_is_an_evaluation_error(void **state) {
    struct service *s = *state;
    s->options.any_tenant = false;
    service_start(s);
    service_posts(s, "/auth/authz",
                  "{\"spec\":{" ALICE ",\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\"}}}");
    assert_int_equal(s->last.status, 200);
    assert_reply(
        s, "status",
        "{\"allowed\":false,\"denied\":true,\"evaluationError\":\"identity provider \\\"default\\\" not "
        "found\",\"reason\":\"the tenant is not known\"}");
}

#define ASKS(user, tenant)                                                                                   \
    "{\"spec\":{\"user\":\"" user "\",\"extra\":{\"tenantid\":[\"" tenant                                    \
    "\"]},\"resourceAttributes\":{\"verb\":\"delete\",\"resource\":\"clusters\",\"name\":\"c\"}}}"

static void tenants_are_known_with_their_own_administrators(void **state) {
    struct service *s = *state;
    char id[] = "zeta", boss[] = "boss"; /* copied: changed below */
    struct str bosses[] = { { boss, 4 } };
    static const struct str others[] = { STR("ann"), STR("bea") };
    const struct authz_tenant tenants[] = { { { id, 4 }, bosses, 1 },
                                            { STR("mu"), NULL, 0 },
                                            { STR("acme"), others, 2 } };
    static const struct {
        const char *body, *status;
    } cases[] = {
        { ASKS("boss", "zeta"), "true" },  { ASKS("ann", "zeta"), "false" }, { ASKS("bea", "acme"), "true" },
        { ASKS("boss", "acme"), "false" }, { ASKS("boss", "mu"), "false" },  { ASKS("admin", "mu"), "false" },
    };
    s->options.any_tenant = false;
    s->options.tenants = tenants;
    s->options.tenant_count = ARRAY_LEN(tenants);
    service_start(s);
    memset(id, 'x', 4);
    memset(boss, 'x', 4);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        service_posts(s, "/auth/authz", cases[i].body);
        assert_reply(s, "status.allowed", cases[i].status);
        assert_reply(s, "status.evaluationError", "-");
    }
    service_posts(s, "/auth/authz", ASKS("boss", "nu"));
    assert_reply(s, "status.denied", "true");
}

static void rules_that_cannot_be_evaluated_are_an_evaluation_error(void **state) {
    struct service *s = *state;
    service_rules.broken = true;
    service_start(s);
    service_posts(s, "/auth/authz", ASKS("alice", "default"));
    assert_int_equal(s->last.status, 200);
    assert_reply(
        s, "status",
        "{\"allowed\":false,\"denied\":true,\"evaluationError\":\"the rules are broken\",\"reason\":\"the "
        "rules could not be evaluated\"}");
}

static void restauthz_converts_once_and_for_everybody(void **state) {
    struct service *s = *state;
    service_start(s);
    /* A path gets its cluster once, not twice (contract 9.42). */
    service_posts(s, "/auth/restauthz",
                  "{\"spec\":{" ALICE ",\"groups\":[\"cluster:cls-a\"],"
                  "\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/healthz\"}}}");
    assert_reply(s, "status", "{\"allowed\":true}");
    const char *bob = "{\"spec\":{\"user\":\"bob\",\"resourceAttributes\":{\"verb\":\"list\",\"resource\":"
                      "\"deployments\"}}}";
    service_posts(s, "/auth/authz", bob);
    assert_reply(s, "status.allowed", "true");
    service_posts(s, "/auth/restauthz", bob);
    assert_reply(s, "status.reason", "\"permission for listDeployments on deployment:* not verify\"");
}

static void the_cluster_header_is_honoured(void **state) {
    struct service *s = *state;
    s->headers[1] = "X-TKE-ClusterName: cls-a";
    service_start(s);
    const char *body = "{\"spec\":{" ALICE
                       ",\"resourceAttributes\":{\"verb\":\"list\",\"resource\":\"nodes\"}}}";
    service_posts(s, "/auth/restauthz", body);
    assert_reply(s, "status", "{\"allowed\":true}");
    service_posts(s, "/auth/authz", body);
    assert_reply(s, "status", "{\"allowed\":true}");
}

static void a_batch_is_answered_in_order(void **state) {
    struct service *s = *state;
    service_start(s);
    service_posts(s, "/auth/batchauthz",
                  "{\"spec\":{" ALICE ",\"groups\":[\"grp-dev\"],\"resourceAttributesList\":["
                  "{\"verb\":\"createProject\",\"resource\":\"project:*\"},"
                  "{\"verb\":\"listClusters\",\"resource\":\"cluster:*\"},"
                  "{\"verb\":\"getSecret\",\"resource\":\"secret:x\"},"
                  "{\"verb\":\"getConfigmap\",\"resource\":\"configmap:c\"}]}}");
    assert_int_equal(s->last.status, 200);
    assert_reply(s, "status.allowed", "false");
    assert_reply(s, "status.allowedList.0",
                 "{\"allowed\":true,\"resource\":\"project:*\",\"web\":\"createProject\"}");
    assert_reply(s, "status.allowedList.1",
                 "{\"allowed\":false,\"reason\":\"permission for listClusters on cluster:* not verify\","
                 "\"resource\":\"cluster:*\",\"web\":\"listClusters\"}");
    assert_reply(s, "status.allowedList.2.denied", "true");
    assert_reply(s, "status.allowedList.3.allowed", "true");
    assert_reply(s, "status.allowedList.4", "-");
    assert_reply(s, "spec.user", "\"alice\"");
}

static void bodies_that_ask_nothing_are_bad_requests(void **state) {
    struct service *s = *state;
    static const struct {
        const char *path, *body;
    } cases[] = {
        { "/auth/authz", "" },
        { "/auth/authz", "{" },
        { "/auth/authz", "{\"spec\":{\"user\":\"u\"}}" },
        { "/auth/authz", "{\"spec\":{\"resourceAttributes\":{}}}" },
        { "/auth/authz", "{\"spec\":{\"user\":\"u\",\"resourceAttributesList\":[{}]}}" }, /* contract 9.43 */
        { "/auth/restauthz", "{\"spec\":{\"user\":\"u\",\"resourceAttributesList\":[{}]}}" },
        { "/auth/batchauthz", "{\"spec\":{\"user\":\"u\",\"resourceAttributes\":{}}}" },
        { "/auth/authn", "{\"spec\":{}}" },
        { "/auth/authn", "nonsense" },
    };
    service_start(s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        service_posts(s, cases[i].path, cases[i].body);
        assert_int_equal(s->last.status, 400);
        assert_reply(s, "kind", "\"Status\"");
        assert_reply(s, "apiVersion", "\"v1\"");
        assert_reply(s, "status", "\"Failure\"");
        assert_reply(s, "reason", "\"BadRequest\"");
        assert_reply(s, "code", "400");
    }
}

static void other_methods_and_types_are_refused_as_kubernetes_does(void **state) {
    struct service *s = *state;
    service_start(s);
    s->headers[0] = "Content-Type: text/plain";
    service_posts(s, "/auth/authz", "{}");
    assert_int_equal(s->last.status, 415);
    assert_reply(s, "reason", "\"UnsupportedMediaType\"");
    s->headers[0] = "Content-Type: application/json;charset=utf-8";
    service_posts(s, "/auth/authz/",
                  "{\"spec\":{" ALICE ",\"resourceAttributes\":{\"verb\":\"listPortal\"}}}");
    assert_int_equal(s->last.status, 200);
}

static void huge_bodies_are_answered(void **state) {
    struct service *s = *state;
    service_start(s);
    AUTO(strbuf_done) struct strbuf body = STRBUF(8 << 20);
    strbuf_adds(&body,
                "{\"spec\":{" ALICE ",\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"configmaps\","
                "\"name\":\"c\"},\"groups\":[\"grp-dev\"");
    while (body.len < (1 << 20))
        strbuf_addf(&body, ",\"group-%06zu-of-somebody\"", body.len);
    strbuf_adds(&body, "]}}");
    service_post(s, "/auth/authz", strbuf_str(&body));
    assert_int_equal(s->last.status, 200);
    assert_reply(s, "status", "{\"allowed\":true}");

    assert_true(body.len > (1 << 20));
}

static void a_body_over_the_limit_is_refused_by_its_length(void **state) {
    struct service *s = *state;
    service_start(s);
    char head[256], answer[2048];
    (void)snprintf(head, sizeof head,
                   "POST /auth/authz HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                   "Content-Length: %d\r\n\r\n",
                   2 * AUTHZ_BODY_MAX + 1);
    service_raw(s, head, answer, sizeof answer);
    assert_non_null(strstr(answer, " 413 "));
    assert_non_null(strstr(answer, "\"reason\":\"RequestEntityTooLarge\""));
}

/* ---- who may ask ---- */

#define PORTAL "{\"spec\":{" ALICE ",\"resourceAttributes\":{\"verb\":\"listPortal\"}}}"

static void without_a_credential_nobody_is_answered(void **state) {
    struct service *s = *state;
    static const char *const paths[] = { "/auth/authz", "/auth/restauthz", "/auth/batchauthz",
                                         "/auth/authn" };
    s->options.access.open = false;
    service_start(s);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        service_posts(s, paths[i], PORTAL);
        assert_int_equal(s->last.status, 401);
        assert_reply(s, "reason", "\"Unauthorized\"");
    }
}

static void a_known_bearer_token_is_a_credential(void **state) {
    struct service *s = *state;
    service_write(s, "tokens",
                  "# for the api server\nfirst-token\nsecond-token,admin,1,\"administrator\"\n\n");
    s->options.access = (struct authz_access) { .token_file = service_path(s, "tokens") };
    service_start(s);
    static const struct {
        const char *header;
        long status;
    } cases[] = {
        { "Authorization: Bearer first-token", 200 }, { "authorization: bearer second-token", 200 },
        { "Authorization: Bearer first-toke", 401 },  { "Authorization: Bearer ", 401 },
        { "Authorization: Bearer admin", 401 },       { "Authorization: Bearer # for the api server", 401 },
        { "Authorization: Basic first-token", 401 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        s->headers[1] = cases[i].header;
        service_posts(s, "/auth/authz", PORTAL);
        assert_int_equal(s->last.status, cases[i].status);
    }
    char *log = service_log(s);
    assert_null(strstr(log, "first-token"));
    free(log);
}

static void a_client_certificate_with_an_allowed_name_is_a_credential(void **state) {
    struct service *s = *state;
    static const char *const clients[] = { "webhook", "stranger", "other", NULL };
    static const struct str names[] = { STR("webhook"), STR("san-of-other") };
    static const struct {
        const char *certificate, *key;
        long status;
    } cases[] = {
        { "webhook.crt", "webhook.key", 200 },   { "webhook.crt", "webhook.key", 200 },
        { "other.crt", "other.key", 200 },       { "stranger.crt", "stranger.key", 403 },
        { "stranger.crt", "stranger.key", 403 }, { NULL, NULL, 401 },
    };
    service_certificates(s, clients);
    s->tls = true;
    s->options.access = (struct authz_access) { .names = names, .name_count = ARRAY_LEN(names) };
    service_start(s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err;
        httpc_free(s->client); /* another connection */
        assert_ok(httpc_new(&s->client, &err));
        s->client_cert = cases[i].certificate == NULL ? NULL : service_path(s, cases[i].certificate);
        s->client_key = cases[i].key == NULL ? NULL : service_path(s, cases[i].key);
        service_posts(s, "/auth/authz", PORTAL);
        assert_int_equal(s->last.status, cases[i].status);
    }
}

/* A listener that also knows the CA of front proxies takes its certificates; they are nobody's credential here. */
static void only_certificates_of_the_client_ca_count(void **state) {
    struct service *s = *state;
    static const char *const clients[] = { "webhook", NULL };
    static const char *const files[][2] = { { "ca.crt", "proxy-ca.crt" },
                                            { "webhook.crt", "proxy.crt" },
                                            { "webhook.key", "proxy.key" } };
    static const struct str names[] = { STR("webhook") };
    AUTO(strbuf_done) struct strbuf both = STRBUF(1 << 16);
    struct err err = { 0 };
    service_certificates(s, clients);
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        assert_int_equal(rename(service_path(s, files[i][0]), service_path(s, files[i][1])), 0);
    service_certificates(s, clients);
    assert_ok(file_read(service_path(s, "proxy-ca.crt"), 1 << 16, &both, &err));
    assert_int_equal(rename(service_path(s, "ca.crt"), service_path(s, "client-ca.crt")), 0);
    assert_ok(file_read(service_path(s, "client-ca.crt"), 1 << 16, &both, &err));
    service_write(s, "ca.crt", strbuf_c(&both)); /* what the listener asks for */
    s->tls = true;
    clock_fixed_init(&s->clock, (int64_t)time(NULL) * 1000);
    s->options.access = (struct authz_access) { .names = names,
                                                .name_count = ARRAY_LEN(names),
                                                .client_ca_file = service_path(s, "client-ca.crt") };
    service_start(s);
    static const struct {
        const char *certificate, *key;
        long status;
    } cases[] = { { "proxy.crt", "proxy.key", 403 },
                  { "webhook.crt", "webhook.key", 200 },
                  { "proxy.crt", "proxy.key", 403 },
                  { "webhook.crt", "webhook.key", 200 } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        httpc_free(s->client); /* another connection */
        assert_ok(httpc_new(&s->client, &err));
        s->client_cert = service_path(s, cases[i].certificate);
        s->client_key = service_path(s, cases[i].key);
        service_posts(s, "/auth/authz", PORTAL);
        assert_int_equal(s->last.status, cases[i].status);
    }
}

static void a_ca_file_that_cannot_be_read_is_an_error(void **state) {
    struct service *s = *state;
    struct err err = { 0 };
    struct authz *z = NULL;
    service_write(s, "bad", "nothing\n");
    s->options.access.client_ca_file = service_path(s, "bad");
    assert_int_equal(authz_new_with(&s->options, s->load, &z, &err), ERR_INVALID);
    assert_non_null(strstr(err.detail, "/bad:1: "));
}

/* ---- tokens ---- */

#define ISSUED "\"iss\":\"https://issuer.example/oidc\",\"aud\":\"k\",\"exp\":1700003600,\"iat\":1"
#define CLAIMS(more)                                                                                         \
    "{\"iss\":\"https://issuer.example/oidc\",\"aud\":[\"kubernetes\",\"console\"],\"exp\":1700003600,"      \
    "\"iat\":1699999999,\"sub\":\"CgV1c3ItMRIHZGVmYXVsdA\"" more "}"
#define ALICE_CLAIMS ",\"name\":\"alice\",\"groups\":[\"grp-a\",\"grp-b\"]"
#define FEDERATED ",\"federated_claims\":{\"connector_id\":\"acme\",\"user_id\":\"usr-7\"}"

static void review_token(struct service *s, const char *typ, const char *claims, const char *audiences) {
    char *token = service_token(s, typ, claims);
    AUTO(strbuf_done) struct strbuf body = STRBUF(64 << 10);
    strbuf_addf(&body,
                "{\"apiVersion\":\"authentication.k8s.io/"
                "v1\",\"kind\":\"TokenReview\",\"spec\":{\"token\":\"%s\"%s}}",
                token, audiences);
    service_post(s, "/auth/authn", strbuf_str(&body));
    assert_null(strstr(s->last.body, token));
    free(token);
}

static void an_id_token_names_its_user(void **state) {
    struct service *s = *state;
    service_start(s);
    review_token(s, "JWT", CLAIMS(ALICE_CLAIMS FEDERATED), "");
    assert_int_equal(s->last.status, 200);
    assert_reply(s, "apiVersion", "\"authentication.k8s.io/v1\"");
    assert_reply(s, "spec", "{}");
    assert_reply(
        s, "status",
        "{\"authenticated\":true,\"user\":{\"extra\":{\"expireAt\":[\"2023-11-14 23:13:20 +0000 UTC\"],"
        "\"issueAt\":[\"2023-11-14 22:13:19 +0000 UTC\"],\"tenantid\":[\"acme\"]},"
        "\"groups\":[\"grp-a\",\"grp-b\"],\"uid\":\"usr-7\",\"username\":\"alice\"}}");
}

static void the_subject_tells_the_tenant_when_no_claim_does(void **state) {
    struct service *s = *state;
    service_start(s);
    review_token(s, "JWT", CLAIMS(ALICE_CLAIMS), "");
    assert_reply(s, "status.user.uid", "\"usr-1\"");
    assert_reply(s, "status.user.extra.tenantid", "[\"default\"]");
}

static void a_token_without_user_or_tenant_is_rejected(void **state) {
    struct service *s = *state;
    service_start(s);
    static const char *const claims[] = {
        CLAIMS(FEDERATED),
        CLAIMS(",\"name\":\"\"" FEDERATED),
        /* Whoever is "admin" in some tenant must not come out as the platform's admin, who has none. */
        "{" ISSUED ",\"sub\":\"admin\",\"name\":\"admin\"}",
        "{" ISSUED ",\"name\":\"admin\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        review_token(s, "JWT", claims[i], "");
        assert_int_equal(s->last.status, 200);
        assert_reply(s, "status", "{\"authenticated\":false,\"error\":\"invalid token\",\"user\":{}}");
    }
}

static void other_tokens_are_rejected(void **state) {
    struct service *s = *state;
    service_start(s);
    const char *good = CLAIMS(ALICE_CLAIMS FEDERATED);
    static const struct {
        const char *typ, *claims;
    } cases[] = {
        { "at+jwt", CLAIMS(ALICE_CLAIMS FEDERATED) },
        { "logout+jwt", CLAIMS(ALICE_CLAIMS FEDERATED) },
        { "JWT", "{\"iss\":\"https://"
                 "other.example\",\"aud\":\"k\",\"exp\":1700003600,\"iat\":1,\"name\":\"a\"" FEDERATED "}" },
        { "JWT", "{\"iss\":\"https://issuer.example/"
                 "oidc\",\"aud\":\"k\",\"exp\":1699999999,\"iat\":1,\"name\":\"a\"" FEDERATED "}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        review_token(s, cases[i].typ, cases[i].claims, "");
        assert_int_equal(s->last.status, 200);
        assert_reply(s, "status.authenticated", "false");
    }
    struct signer *right = s->signer;
    struct err err;
    assert_ok(signer_generate(SIGN_ES256, &s->signer, &err));
    review_token(s, "JWT", good, "");
    assert_reply(s, "status.authenticated", "false");
    signer_free(s->signer);
    s->signer = right;
    service_posts(s, "/auth/authn", "{\"spec\":{\"token\":\"not.a.token\"}}");
    assert_reply(s, "status.authenticated", "false");
}

static void audiences_are_intersected(void **state) {
    struct service *s = *state;
    service_start(s);
    const char *claims = CLAIMS(ALICE_CLAIMS FEDERATED);
    review_token(s, "JWT", claims, ",\"audiences\":[\"x\",\"console\",\"kubernetes\"]");
    assert_reply(s, "status.authenticated", "true");
    assert_reply(s, "status.audiences", "[\"console\",\"kubernetes\"]");
    assert_reply(s, "spec", "{\"audiences\":[\"x\",\"console\",\"kubernetes\"]}");
    review_token(s, "JWT", claims, ",\"audiences\":[\"x\"]");
    assert_reply(s, "status",
                 "{\"authenticated\":false,\"error\":\"the token is for other audiences\",\"user\":{}}");
}

static void the_switches_of_token_reviews_give_the_old_answers(void **state) {
    struct service *s = *state;
    s->options.authn_any_audience = true;
    s->options.authn_legacy_401 = true;
    service_start(s);
    review_token(s, "JWT", CLAIMS(ALICE_CLAIMS FEDERATED), ",\"audiences\":[\"x\"]");
    assert_reply(s, "status.authenticated", "true");
    assert_reply(s, "status.audiences", "-");
    service_posts(s, "/auth/authn", "{\"spec\":{\"token\":\"x\"}}");
    assert_int_equal(s->last.status, 401);
    assert_reply(s, "status.authenticated", "false");
}

/* The reviewer adds "system:authenticated" and trusts the rest: as an attacker who fills a directory. */
static void groups_of_the_platform_are_not_answered(void **state) {
    struct service *s = *state;
    service_start(s);
    review_token(s, "JWT",
                 CLAIMS(",\"name\":\"eve\",\"groups\":[\"system:masters\",\"system:authenticated\",\"dev\","
                        "\"tenant:other\",\" system:masters\"]" FEDERATED),
                 "");
    assert_reply(s, "status.user.groups", "[\"dev\"]");
    review_token(s, "JWT", CLAIMS(",\"name\":\"eve\",\"groups\":[\"system:masters\"]" FEDERATED), "");
    assert_reply(s, "status.authenticated", "true");
    assert_reply(s, "status.user.groups", "-");
    review_token(s, "JWT", CLAIMS(",\"name\":\"system:kube-controller-manager\"" FEDERATED), "");
    assert_reply(s, "status", "{\"authenticated\":false,\"error\":\"invalid token\",\"user\":{}}");
    char *log = service_log(s);
    assert_non_null(strstr(log, "\"dropped\":4"));
    free(log);
}

static bool find_key(const void *ctx, struct arena *a, const unsigned char digest[32], int64_t now,
                     struct apikey_view *ret) {
    static const struct str groups[] = { STR("grp-1"), STR("system:masters") };
    unsigned char known[SHA256_SIZE];
    (void)ctx;
    (void)a;
    sha256(STR("head.body.signature"), known);
    *ret = (struct apikey_view) { .name = STR("apk-1"),
                                  .tenant = STR("acme"),
                                  .username = STR("alice"),
                                  .uid = STR("usr-7"),
                                  .description = STR("for CI"),
                                  .groups = groups,
                                  .group_count = ARRAY_LEN(groups),
                                  .issued_at = 1699999999,
                                  .expires_at = 1700003600 };
    return memcmp(known, digest, sizeof known) == 0 && now < ret->expires_at;
}

static void an_api_key_names_its_user_and_its_description(void **state) {
    struct service *s = *state;
    s->find_key = find_key;
    service_start(s);
    service_posts(s, "/auth/authn", "{\"spec\":{\"token\":\"head.body.signature\"}}");
    assert_int_equal(s->last.status, 200);
    assert_reply(
        s, "status",
        "{\"authenticated\":true,\"user\":{\"extra\":{\"description\":[\"for CI\"],\"expireAt\":"
        "[\"2023-11-14 23:13:20 +0000 UTC\"],\"issueAt\":[\"2023-11-14 22:13:19 +0000 UTC\"],\"tenantid\":"
        "[\"acme\"]},\"groups\":[\"grp-1\"],\"uid\":\"usr-7\",\"username\":\"alice\"}}");
    /* It is for no audience, so none is in the answer: kube-apiserver then takes it as its own, and as no other's. */
    service_posts(s, "/auth/authn",
                  "{\"spec\":{\"token\":\"head.body.signature\",\"audiences\":[\"kubernetes\"]}}");
    assert_reply(s, "status.authenticated", "true");
    assert_reply(s, "status.audiences", "-");
    service_posts(s, "/auth/authn", "{\"spec\":{\"token\":\"head.body.other\"}}");
    assert_reply(s, "status.authenticated", "false");
    clock_advance(&s->clock, 3600 * 1000);
    service_posts(s, "/auth/authn", "{\"spec\":{\"token\":\"head.body.signature\"}}");
    assert_reply(s, "status.authenticated", "false");
    review_token(s, "JWT", CLAIMS(ALICE_CLAIMS FEDERATED), "");
    assert_reply(s, "status.authenticated", "false");
}

static void without_keys_of_either_kind_every_token_is_rejected(void **state) {
    struct service *s = *state;
    service_start(s);
    s->app.keys = NULL;
    review_token(s, "JWT", CLAIMS(ALICE_CLAIMS FEDERATED), "");
    assert_reply(s, "status.authenticated", "false");
    service_posts(s, "/auth/authn", "{\"spec\":{\"token\":\"head.body.signature\"}}");
    assert_reply(s, "status.authenticated", "false");
}

/* ---- what is left behind ---- */

static unsigned occurrences(const char *text, const char *what) {
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
        n++;
    return n;
}

static void decisions_are_audited_by_the_configured_share(void **state) {
    struct service *s = *state;
    s->options.audit_denied = 1;
    s->options.audit_allowed = 3;
    service_start(s);
    for (int i = 0; i < 6; i++) {
        service_posts(s, "/auth/authz", PORTAL);
        service_posts(s, "/auth/authz",
                      "{\"spec\":{" ALICE
                      ",\"resourceAttributes\":{\"verb\":\"getSecret\",\"resource\":\"secret:x\"}}}");
        service_posts(s, "/auth/authz",
                      "{\"spec\":{" ALICE ",\"resourceAttributes\":{\"verb\":\"x\",\"resource\":\"y\"}}}");
    }
    char *log = service_log(s);
    assert_int_equal(occurrences(log, "\"allowed\""), 2);
    assert_int_equal(occurrences(log, "\"denied\""), 6);
    assert_int_equal(occurrences(log, "\"no_opinion\""), 0);
    assert_non_null(strstr(log, "\"unprotected_verb\""));
    free(log);
}

static void decisions_are_counted_by_outcome(void **state) {
    struct service *s = *state;
    service_start(s);
    service_posts(s, "/auth/authz", PORTAL);
    service_posts(s, "/auth/batchauthz",
                  "{\"spec\":{" ALICE
                  ",\"resourceAttributesList\":[{\"verb\":\"getSecret\",\"resource\":\"secret:x\"},"
                  "{\"verb\":\"x\"},{\"verb\":\"listPortal\"}]}}");
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 20);
    metrics_render(s->metrics, &text);
    assert_non_null(strstr(text.ptr, "tkeauth_authz_decisions_total{outcome=\"allowed\"} 2\n"));
    assert_non_null(strstr(text.ptr, "tkeauth_authz_decisions_total{outcome=\"denied\"} 1\n"));
    assert_non_null(strstr(text.ptr, "tkeauth_authz_decisions_total{outcome=\"no_opinion\"} 1\n"));
    assert_non_null(strstr(text.ptr, "tkeauth_authz_decision_seconds_count{outcome=\"allowed\"} 2\n"));
}

static void without_an_authorizer_the_endpoints_are_unavailable(void **state) {
    struct service *s = *state;
    service_start(s);
    s->app.authz = NULL;
    service_posts(s, "/auth/authz", PORTAL);
    assert_int_equal(s->last.status, 503);
    assert_reply(s, "reason", "\"ServiceUnavailable\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, service_teardown)

int main(void) {
    struct err err;
    if (httpc_global_init(&err) != ERR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(an_allowed_review_repeats_what_came),
        TEST(version_1_spells_groups_differently),
        TEST(a_deny_rule_is_a_denial_and_no_rule_is_no_opinion),
        TEST(the_switch_always_deny_gives_the_old_answer),
        TEST(an_unknown_tenant_is_an_evaluation_error),
        TEST(tenants_are_known_with_their_own_administrators),
        TEST(rules_that_cannot_be_evaluated_are_an_evaluation_error),
        TEST(restauthz_converts_once_and_for_everybody),
        TEST(the_cluster_header_is_honoured),
        TEST(a_batch_is_answered_in_order),
        TEST(bodies_that_ask_nothing_are_bad_requests),
        TEST(other_methods_and_types_are_refused_as_kubernetes_does),
        TEST(huge_bodies_are_answered),
        TEST(a_body_over_the_limit_is_refused_by_its_length),
        TEST(without_a_credential_nobody_is_answered),
        TEST(a_known_bearer_token_is_a_credential),
        TEST(a_client_certificate_with_an_allowed_name_is_a_credential),
        TEST(only_certificates_of_the_client_ca_count),
        TEST(a_ca_file_that_cannot_be_read_is_an_error),
        TEST(an_id_token_names_its_user),
        TEST(the_subject_tells_the_tenant_when_no_claim_does),
        TEST(a_token_without_user_or_tenant_is_rejected),
        TEST(other_tokens_are_rejected),
        TEST(audiences_are_intersected),
        TEST(the_switches_of_token_reviews_give_the_old_answers),
        TEST(groups_of_the_platform_are_not_answered),
        TEST(an_api_key_names_its_user_and_its_description),
        TEST(without_keys_of_either_kind_every_token_is_rejected),
        TEST(decisions_are_audited_by_the_configured_share),
        TEST(decisions_are_counted_by_outcome),
        TEST(without_an_authorizer_the_endpoints_are_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
