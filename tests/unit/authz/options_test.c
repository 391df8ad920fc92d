#include "service.h"

#include "tkeauth/config.h"

static struct arena *arena;

static int setup(void **state) {
    arena = arena_new(16 << 20);
    return service_setup(state);
}

static int teardown(void **state) {
    arena_free(arena);
    return service_teardown(state);
}

static enum err_code load(struct service *s, const char *yaml, struct authz_options *ret, struct err *err) {
    AUTO(cfg_problems_done) struct cfg_problems problems = { 0 };
    const struct config *c = NULL;
    service_write(s, "tke-auth.yaml", yaml);
    assert_int_equal(cfg_problems_init(&problems, err), ERR_OK);
    if (config_load(arena, service_path(s, "tke-auth.yaml"), &c, &problems, err) != ERR_OK) {
        AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 16);
        cfg_problems_print(&problems, &text);
        fail_msg("%s", strbuf_c(&text));
    }
    return authz_options_from_config(arena, c, ret, err);
}

static void an_empty_configuration_asks_for_a_credential_and_has_no_tenant(void **state) {
    struct err err = { 0 };
    struct authz_options o;
    assert_ok(load(*state, "{}\n", &o, &err));
    assert_false(o.access.open);
    assert_int_equal(o.access.name_count, 1);
    assert_str(o.access.names[0], "webhook");
    assert_str(o.privileged_user, "admin");
    assert_int_equal(o.tenant_count, 0);
    assert_false(o.any_tenant);
    assert_false(o.always_deny);
    assert_null(o.webhook.url);
    assert_null(o.files.policy);
    assert_int_equal(o.audit_denied, 1);
}

static void every_tenant_of_the_configuration_is_known_with_its_administrators(void **state) {
    struct err err = { 0 };
    struct authz_options o;
    assert_ok(load(*state,
                   "enablePasswordDB: true\n"
                   "auth: {init_tenant_type: tke, init_idp_administrators: [root]}\n"
                   "connectors:\n  - {type: mock, id: acme, administrators: [ann, bea]}\n",
                   &o, &err));
    assert_int_equal(o.tenant_count, 3);
    assert_str(o.tenants[0].id, "acme");
    assert_int_equal(o.tenants[0].administrator_count, 2);
    assert_str(o.tenants[0].administrators[1], "bea");
    assert_str(o.tenants[1].id, "default");
    assert_str(o.tenants[1].administrators[0], "root");
    assert_str(o.tenants[2].id, "local");
    assert_int_equal(o.tenants[2].administrator_count, 0);
}

static void keys_of_the_platform_keep_their_meaning(void **state) {
    struct err err = { 0 };
    struct authz_options o;
    assert_ok(load(
        *state,
        "authentication: {privileged_username: root}\n"
        "authorization: {policy_file: /x/abac.json, always_deny: true}\n"
        "casbin: {model_file: /x/model.conf, policy_file: /x/policy.csv, reload_interval: 5s}\n"
        "authz: {access: open, allowedNames: [a, b], tokenFile: /x/tokens, tokenReviewLegacy401: true}\n",
        &o, &err));
    assert_str(o.privileged_user, "root");
    assert_string_equal(o.files.abac, "/x/abac.json");
    assert_string_equal(o.files.model, "/x/model.conf");
    assert_string_equal(o.files.policy, "/x/policy.csv");
    assert_true(o.always_deny && o.access.open && o.authn_legacy_401);
    assert_int_equal(o.access.name_count, 2);
    assert_string_equal(o.access.token_file, "/x/tokens");
}

/* The listener then knows two CAs, and only one of them makes callers of the reviews. */
static void beside_a_front_proxy_only_the_client_ca_makes_callers(void **state) {
    static const struct {
        const char *yaml, *ca;
        size_t names;
    } cases[] = {
        { "{}\n", NULL, 1 },
        { "secure_serving: {client_ca_file: /x/ca.crt}\n", NULL, 1 },
        { "authentication: {client_ca_file: /x/ca.crt, requestheader: {client_ca_file: /x/front.crt}}\n",
          "/x/ca.crt", 1 },
        { "secure_serving: {client_ca_file: /x/ca.crt}\n"
          "authentication: {requestheader: {client_ca_file: /x/front.crt}}\n",
          "/x/ca.crt", 1 },
        { "authentication: {requestheader: {client_ca_file: /x/front.crt}}\n", NULL, 0 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct authz_options o;
        assert_ok(load(*state, cases[i].yaml, &o, &err));
        assert_str(str_of(o.access.client_ca_file), cases[i].ca);
        assert_int_equal(o.access.name_count, cases[i].names);
    }
}

#define CLUSTER                                                                                              \
    "clusters: [{name: c, cluster: {server: 'https://a.example/review', certificate-authority: "             \
    "/x/ca.crt}}]\n"
#define CONTEXT "contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n"

static void the_kubeconfig_of_an_external_authorizer_is_read(void **state) {
    struct service *s = *state;
    struct err err = { 0 };
    struct authz_options o;
    char yaml[1024];
    service_write(s, "token", "s3cret\n");
    (void)snprintf(
        yaml, sizeof yaml,
        "apiVersion: v1\nkind: Config\npreferences: {}\n" CLUSTER CONTEXT
        "users: [{name: u, user: {client-certificate: /x/c.crt, client-key: /x/c.key, tokenFile: %s}}]\n",
        service_path(s, "token"));
    service_write(s, "kubeconfig", yaml);
    (void)snprintf(yaml, sizeof yaml,
                   "authorization: {webhook_config_file: %s, webhook_version: v1, webhook_timeout: 3s,"
                   " webhook_cache_unauthorized_ttl: 0}\n",
                   service_path(s, "kubeconfig"));
    assert_ok(load(s, yaml, &o, &err));
    assert_string_equal(o.webhook.url, "https://a.example/review");
    assert_string_equal(o.webhook.ca_file, "/x/ca.crt");
    assert_string_equal(o.webhook.client_cert_file, "/x/c.crt");
    assert_string_equal(o.webhook.client_key_file, "/x/c.key");
    assert_str(secret_expose(o.webhook.token), "s3cret");
    assert_true(o.webhook.v1);
    assert_false(o.webhook.allow_http);
    assert_int_equal(o.webhook.timeout_ms, 3000);
    assert_int_equal(o.webhook.authorized_ttl_s, 300);
    assert_int_equal(o.webhook.unauthorized_ttl_s, 0);
}

static void a_kubeconfig_that_cannot_be_used_is_refused(void **state) {
    struct service *s = *state;
    static const struct {
        const char *yaml, *problem;
    } cases[] = {
        { "x: 1\n", "x: unknown key" },
        { CLUSTER CONTEXT, "there is no user \"u\"" },
        { CONTEXT "users: [{name: u, user: {}}]\n", "there is no cluster \"c\"" },
        { CLUSTER "current-context: y\n", "there is no such context" },
        { "clusters: [{name: c, cluster: {server: 'http://a.example'}}]\n"
          "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n",
          "must be https" },
        { "clusters: [{name: c, cluster: {server: 'https://a.example', certificate-authority-data: QQ==}}]\n"
          "contexts: [{name: x, context: {cluster: c}}]\ncurrent-context: x\n",
          "inline certificates" },
        { "[", "kubeconfig" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct authz_options o;
        char yaml[256];
        service_write(s, "kubeconfig", cases[i].yaml);
        (void)snprintf(yaml, sizeof yaml, "authorization: {webhook_config_file: %s}\n",
                       service_path(s, "kubeconfig"));
        assert_int_equal(load(s, yaml, &o, &err), ERR_INVALID);
        if (strstr(err.detail, cases[i].problem) == NULL)
            fail_msg("%s: not about %s", err.detail, cases[i].problem);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_empty_configuration_asks_for_a_credential_and_has_no_tenant),
        TEST(every_tenant_of_the_configuration_is_known_with_its_administrators),
        TEST(keys_of_the_platform_keep_their_meaning),
        TEST(beside_a_front_proxy_only_the_client_ca_makes_callers),
        TEST(the_kubeconfig_of_an_external_authorizer_is_read),
        TEST(a_kubeconfig_that_cannot_be_used_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
