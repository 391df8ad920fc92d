/* A dump of TKEStack, taken over. */
#include "unit/cli/import_rig.h"

#define YAML "tests/data/import/tkestack.yaml"
#define JSON "tests/data/import/tkestack.json"

static const char *const ca[] = { "corp=tests/data/import/ca.crt" };

static int setup(void **state) {
    static struct rig r;
    rig_init(&r);
    r.o.root_cas = ca;
    r.o.root_ca_count = 1;
    *state = &r;
    return 0;
}
static int teardown(void **state) {
    rig_done(*state);
    return 0;
}

static void everything_that_can_be_taken_is_taken_and_the_rest_is_told(void **state) {
    struct rig *r = *state;
    assert_int_equal(rig_import(r, YAML), 1);
    assert_string_equal(
        r->report,
        "created   IdentityProvider default\n"
        "created   IdentityProvider corp: metadata.finalizers: example.com/keep dropped; rootCA: 1 "
        "certificate of "
        "tests/data/import/ca.crt put in\n"
        "created   APISigningKey default-api-signing-key\n"
        "created   Category cluster\n"
        "created   LocalIdentity usr-8s7w2v6k (admin)\n"
        "created   LocalIdentity usr-7hq4k9zt (alice): annotation "
        "kubectl.kubernetes.io/last-applied-configuration "
        "dropped\n"
        "created   LocalIdentity usr-6m2d8w5x (bob)\n"
        "left out  LocalIdentity usr-4c9v7b2n: its deletion is under way\n"
        "created   LocalGroup grp-5v8n2m7c\n"
        "created   Policy pol-default-administrator\n"
        "created   Policy pol-default-project-owner\n"
        "created   Policy pol-default-chart-full-fake\n"
        "created   Policy pol-x4k8m2qz\n"
        "created   Role rol-6t5x9b4d: spec.policies: there is no policy \"pol-longgone\"; it was left out\n"
        "created   ProjectPolicyBinding prj-7kd2m4xq-pol-default-project-owner\n"
        "created   CustomPolicyBinding cg-4h8j2k6l/pol-default-chart-full-fake\n"
        "created   APIKey apk9w4x6z2v (alice)\n"
        "created   APIKey apk3k5m7q8r (bob)\n"
        "left out  APIKey apk1a2b3c4d (alice): expired at 2021-03-11T05:06:07Z\n"
        "not taken APIKey apk8j6h5g4f (alice): signed by a key that is neither in the dump nor here\n"
        "created   Client default\n"
        "created   Client kubectl: spec.secret dropped: a public client has none\n"
        "left out  ConfigMap tke-auth-controller: tells which of the old controllers leads\n"
        "created   ConfigMap settings\n"
        "left out  Rule, 2 objects: they are made anew of policies, roles, groups and bindings\n"
        "left out  User, Group and Project, 3 objects: views of others, made when asked for\n"
        "20 created, 0 changed, 0 the same, 8 left out, 0 in conflict, 1 not taken\n");
}

static void what_was_told_of_objects_there_is_kept(void **state) {
    struct rig *r = *state;
    (void)rig_import(r, YAML);
    assert_str(rig_text(r, &kind_local_identity, "usr-7hq4k9zt", "metadata.creationTimestamp"),
               "2021-03-04T05:02:57Z");
    assert_int_equal(rig_text(r, &kind_local_identity, "usr-7hq4k9zt", "metadata.uid").len, 36);
    assert_str(rig_text(r, &kind_local_identity, "usr-7hq4k9zt", "status.lastUpdateTime"),
               "2021-05-06T07:08:09Z");
    assert_str(rig_text(r, &kind_local_identity, "usr-7hq4k9zt", "spec.phoneNumber"), "13800000000");
    assert_str(rig_text(r, &kind_local_identity, "usr-6m2d8w5x", "status.locked"), "true");
    assert_str(rig_text(r, &kind_local_identity, "usr-8s7w2v6k", "spec.extra"),
               "{\"platformadmin\":\"true\"}");
    assert_null(rig_text(r, &kind_local_identity, "usr-7hq4k9zt", "metadata.annotations").ptr);
    assert_null(rig_text(r, &kind_local_identity, "usr-7hq4k9zt", "metadata.selfLink").ptr);
    assert_str(rig_text(r, &kind_policy, "pol-default-administrator", "spec.type"), "default");
    assert_str(
        rig_text(r, &kind_policy, "pol-default-administrator", "status"),
        "{\"phase\":\"Active\",\"users\":[{\"id\":\"usr-8s7w2v6k\",\"name\":\"admin\"}],\"groups\":null}");
    assert_str(rig_text(r, &kind_identity_provider, "corp", "spec.administrators"), "[\"ldapadmin\"]");
    assert_str(rig_text(r, &kind_identity_provider, "corp", "metadata.finalizers"),
               "[\"auth.tkestack.io/tenant\"]");
    assert_str(rig_text(r, &kind_category, "cluster", "Spec.displayName"), "Clusters");
    assert_str(rig_text(r, &kind_config_map, "settings", "data.lines"), "one\ntwo\n");
    assert_str(rig_text(r, &kind_client, "kubectl", "spec.public"), "true");
    assert_null(rig_get(r, &kind_local_identity, "usr-4c9v7b2n").body.ptr);
}

static void rules_are_those_that_the_objects_make(void **state) {
    struct rig *r = *state;
    static const char *const rules[][7] = {
        { "p", "pol-default-administrator", "*", "*", "*", "allow", NULL },
        { "g", "default##user##admin", "pol-default-administrator", "*", NULL },
        { "g", "default##user##alice", "pol-x4k8m2qz", "*", NULL },
        { "g", "default##group##grp-5v8n2m7c", "pol-x4k8m2qz", "*", NULL },
        { "g", "default##user##alice", "default##group##grp-5v8n2m7c", "*", NULL },
        { "g", "default##user##bob", "rol-6t5x9b4d", "*", NULL },
        { "g", "rol-6t5x9b4d", "pol-x4k8m2qz", "*", NULL },
        { "g", "default##user##alice", "pol-default-project-owner", "prj-7kd2m4xq", NULL },
        { "p", "cg-4h8j2k6l-pol-default-chart-full-fake", "*", "registrynamespace:cg-4h8j2k6l/*", "getChart",
          "allow", NULL },
        { "g", "default##user##alice", "cg-4h8j2k6l-pol-default-chart-full-fake", "*", NULL },
    };
    (void)rig_import(r, YAML);
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (!rig_has_rule(r, rules[i]))
            fail_msg("rule %zu is missing", i);
    size_t changed = 1;
    struct err err = { 0 };
    assert_ok(rules_rebuild(&r->env, &changed, &err));
    assert_int_equal(changed, 0);
}

static void people_log_in_with_the_passwords_they_had(void **state) {
    struct rig *r = *state;
    static const struct {
        const char *name, *password;
    } people[] = { { "usr-8s7w2v6k", "the password of the admin" },
                   { "usr-7hq4k9zt", "the password of alice" } };
    (void)rig_import(r, YAML);
    for (size_t i = 0; i < ARRAY_LEN(people); i++) {
        struct store_object o = rig_get(r, &kind_local_identity, people[i].name);
        struct local_user u;
        enum password_outcome outcome = PASSWORD_MISMATCH;
        struct err err = { 0 };
        assert_ok(resource_local_user(r->arena, &o, &u, &err));
        assert_ok(password_verify(str_of(people[i].password), u.password_hash, &outcome, &err));
        assert_int_equal(outcome, PASSWORD_MATCH_REHASH);
        assert_ok(password_verify(STR("another password"), u.password_hash, &outcome, &err));
        assert_int_equal(outcome, PASSWORD_MISMATCH);
    }
}

static json_t *load_dump(void) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(1024 * 1024);
    json_t *dump = NULL;
    struct err err = { 0 };
    assert_ok(file_read(JSON, 1024 * 1024, &text, &err));
    assert_ok(json_parse(strbuf_str(&text), &dump, &err));
    return dump;
}

static const json_t *in_dump(const json_t *dump, const char *kind, const char *name) {
    const json_t *items = json_object_get(dump, "items");
    for (size_t i = 0; i < json_array_size(items); i++) {
        const json_t *o = json_array_get(items, i);
        if (str_eq(json_get_str(o, "kind"), str_of(kind)) && str_eq(object_name(o), str_of(name)))
            return o;
    }
    fail_msg("%s %s is not in the dump", kind, name);
    return NULL;
}

static void api_keys_go_on_working(void **state) {
    struct rig *r = *state;
    json_t *dump = load_dump();
    (void)rig_import(r, YAML);
    struct str token = object_str_at(in_dump(dump, "APIKey", "apk9w4x6z2v"), "spec.apiKey");
    unsigned char digest[SHA256_SIZE];
    struct store_object o;
    struct api_key key;
    struct err err = { 0 };
    sha256(token, digest);
    assert_ok(store_find_whole(r->store, r->arena, str_of(kind_api_key.plural),
                               index_digest(r->arena, digest), &o, NULL, &err));
    assert_ok(resource_api_key(r->arena, o.body, &key, &err));
    assert_str(key.name, "apk9w4x6z2v");
    assert_str(key.username, "alice");
    assert_str(key.tenant, "default");
    assert_str(key.uid, "usr-7hq4k9zt");
    assert_str(key.description, "for the pipeline");
    assert_int_equal(key.issued_at, 1614834367);
    assert_int_equal(key.expires_at, 1614834367 + 100LL * 365 * 24 * 3600);
    assert_false(key.disabled);
    assert_ok(resource_api_key(r->arena, rig_get(r, &kind_api_key, "apk3k5m7q8r").body, &key, &err));
    assert_true(key.disabled);
    json_decref(dump);
}

static void the_signing_key_is_sealed_and_signs(void **state) {
    struct rig *r = *state;
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(STORE_SECRET_MAX);
    AUTO_FREE(signer_free) struct signer *s = NULL;
    struct err err = { 0 };
    (void)rig_import(r, YAML);
    struct store_object o = rig_get(r, &kind_api_signing_key, "default-api-signing-key");
    assert_ok(unseal(r->keyring, API_SIGNING_KEY_PURPOSE, o.secret, &jwk, &err));
    assert_ok(signer_from_private_jwk(strbuf_str(&jwk), &s, &err));
    assert_false(str_contains(o.body, STR("\"signingKey\"")));
}

static void a_directory_gets_its_password_and_its_certificates(void **state) {
    struct rig *r = *state;
    struct identity_provider p;
    json_t *config = NULL;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf pem = STRBUF(65536);
    (void)rig_import(r, YAML);
    struct store_object o = rig_get(r, &kind_identity_provider, "corp");
    assert_false(str_contains(o.body, STR("the-bind-password")));
    assert_ok(resource_identity_provider(r->arena, r->keyring, &o, &p, &err));
    assert_ok(json_parse(p.config, &config, &err));
    assert_str(json_get_str(config, "bindPW"), "the-bind-password");
    assert_null(json_object_get(config, "rootCA"));
    assert_ok(base64_decode(json_get_str(config, "rootCAData"), &pem, &err));
    assert_true(str_starts_with(strbuf_str(&pem), STR("-----BEGIN CERTIFICATE-----\n")));
    assert_true(str_ends_with(strbuf_str(&pem), STR("-----END CERTIFICATE-----\n")));
    json_decref(config);
}

/* The same again, also as JSON: nothing is written, not even to be undone by a later look. */
static void a_second_run_finds_everything_the_same_and_writes_nothing(void **state) {
    struct rig *r = *state;
    (void)rig_import(r, YAML);
    int64_t revision = rig_revision(r);
    static const char *const again[] = { YAML, JSON };
    for (size_t i = 0; i < ARRAY_LEN(again); i++)
        for (int overwrite = 0; overwrite < 2; overwrite++) {
            r->o.overwrite = overwrite;
            assert_int_equal(rig_import(r, again[i]), 1);
            rig_assert_silent(r, "created  ");
            rig_assert_silent(r, "changed  ");
            rig_assert_line(r, "same      Role rol-6t5x9b4d");
            rig_assert_line(r, "same      IdentityProvider corp");
            rig_assert_line(r, "same      APISigningKey default-api-signing-key");
            rig_assert_line(r, "0 created, 0 changed, 20 the same, 8 left out, 0 in conflict, 1 not taken");
            assert_int_equal(rig_revision(r), revision);
        }
}

static void the_report_and_what_readers_see_hold_no_secret(void **state) {
    struct rig *r = *state;
    json_t *dump = load_dump();
    const struct {
        const char *kind, *name, *path;
    } secrets[] = { { "LocalIdentity", "usr-7hq4k9zt", "spec.hashedPassword" },
                    { "APIKey", "apk9w4x6z2v", "spec.apiKey" },
                    { "APIKey", "apk8j6h5g4f", "spec.apiKey" },
                    { "APISigningKey", "default-api-signing-key", "signingKey" },
                    { "Client", "default", "spec.secret" } };
    for (int run = 0; run < 2; run++) {
        (void)rig_import(r, YAML);
        for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
            struct str secret = object_str_at(in_dump(dump, secrets[i].kind, secrets[i].name),
                                              secrets[i].path);
            assert_true(secret.len > 0);
            rig_assert_silent(r, secret.ptr);
            struct store_object o = rig_get(r, resource_kind_named(str_of(secrets[i].kind)), secrets[i].name);
            assert_false(str_contains(o.body, secret));
        }
        rig_assert_silent(r, "the-bind-password");
        rig_assert_silent(r, "what alice typed once");
    }
    assert_false(str_contains(rig_get(r, &kind_local_identity, "usr-7hq4k9zt").body, STR("hashedPassword")));
    json_decref(dump);
}

static void what_the_configuration_sets_is_left_to_it(void **state) {
    struct rig *r = *state;
    struct config_static_client clients[] = { { .id = "kubectl" } };
    const char *named[] = { "admin", "eve" };
    r->config.static_clients = (struct cfg_list) { clients, 1 };
    r->config.auth.init_tenant_type = "tke";
    r->config.auth.init_tenant_id = "default";
    (void)rig_import(r, YAML);
    rig_assert_line(
        r,
        "left out  IdentityProvider default: the configuration of this server has the tenant, and counts; it "
        "does not name these administrators: admin");
    rig_assert_line(r,
                    "left out  Client kubectl: the configuration of this server has the client, and counts");
    rig_assert_line(r, "created   LocalIdentity usr-8s7w2v6k (admin)");
    rig_assert_silent(r, "note ");
    r->config.auth.init_idp_administrators = (struct cfg_strings) { named, 2 };
    (void)rig_import(r, YAML);
    rig_assert_line(
        r, "left out  IdentityProvider default: the configuration of this server has the tenant, and counts");
    struct config_connector connectors[] = { { .id = "corp", .administrators = { named, 1 } } };
    r->config.connectors = (struct cfg_list) { connectors, 1 };
    (void)rig_import(r, YAML);
    rig_assert_line(r, "left out  IdentityProvider corp: the configuration of this server has the tenant, "
                       "and counts; it does "
                       "not name these administrators: ldapadmin");
}

static void a_run_on_a_copy_leaves_the_original_as_it_is(void **state) {
    struct rig *r = *state;
    struct store *original = r->store, *copy = NULL;
    const struct store_options memory = { .type = "memory" };
    struct err err = { 0 };
    (void)rig_import(
        r,
        "{apiVersion: auth.tkestack.io/v1, kind: IdentityProvider, metadata: {name: default}, spec: {name: "
        "Other, type: tke}}");
    int64_t revision = rig_revision(r);
    assert_ok(store_open(&memory, &copy, &err));
    assert_ok(resource_copy(original, copy, &err));
    r->env.store = r->store = copy;
    r->o.dry_run = true;
    (void)rig_import(r, YAML);
    rig_assert_line(
        r, "conflict         IdentityProvider default: differs here in spec.name, spec.administrators; "
           "--overwrite takes what the dump says");
    rig_assert_line(r, "would be created ProjectPolicyBinding prj-7kd2m4xq-pol-default-project-owner");
    rig_assert_line(
        r,
        "dry run, nothing was written: 19 would be created, 0 would be changed, 0 the same, 8 left out, 1 in "
        "conflict, 1 not taken");
    r->env.store = r->store = original;
    assert_int_equal(rig_revision(r), revision);
    store_close(copy);
}

static void a_copy_takes_objects_of_an_earlier_version_along(void **state) {
    struct rig *r = *state;
    struct store *copy = NULL;
    const struct store_options memory = { .type = "memory" };
    const struct store_write old = {
        .kind = STR("clients"),
        .name = STR("old"),
        .body = STR("{\"id\":\"old\",\"public\":true,\"redirect_uris\":[\"http://localhost:1\"]}"),
        .expected = STORE_EXPECT_ABSENT
    };
    struct err err = { 0 };
    assert_ok(store_write(r->store, &old, NULL, &err));
    (void)rig_import(r, JSON);
    assert_ok(store_open(&memory, &copy, &err));
    assert_ok(resource_copy(r->store, copy, &err));
    store_close(r->store);
    r->env.store = r->store = copy;
    assert_ok(resource_migrate(&r->env, &err));
    assert_str(rig_text(r, &kind_client, "old", "metadata.name"), "old");
    (void)rig_import(r, YAML);
    rig_assert_line(r, "0 created, 0 changed, 20 the same, 8 left out, 0 in conflict, 1 not taken");
    struct store_object o;
    assert_ok(store_find_whole(copy, r->arena, STR("localidentities"),
                               index_username(r->arena, STR("default"), STR("alice")), &o, NULL, &err));
    assert_str(o.name, "usr-7hq4k9zt");
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(everything_that_can_be_taken_is_taken_and_the_rest_is_told),
        TEST(what_was_told_of_objects_there_is_kept),
        TEST(rules_are_those_that_the_objects_make),
        TEST(people_log_in_with_the_passwords_they_had),
        TEST(api_keys_go_on_working),
        TEST(the_signing_key_is_sealed_and_signs),
        TEST(a_directory_gets_its_password_and_its_certificates),
        TEST(a_second_run_finds_everything_the_same_and_writes_nothing),
        TEST(the_report_and_what_readers_see_hold_no_secret),
        TEST(what_the_configuration_sets_is_left_to_it),
        TEST(a_run_on_a_copy_leaves_the_original_as_it_is),
        TEST(a_copy_takes_objects_of_an_earlier_version_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
