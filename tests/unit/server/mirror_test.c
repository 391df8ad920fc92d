/* Tenants and clients of the configuration as objects to look at. */
#include "unit/server/server_rig.h"

#include "server/mirror.h"

static int setup(void **state) { return server_rig_setup(state); }
static int teardown(void **state) { return server_rig_teardown(state); }

static void sync_with(const char *yaml) { mirror_sync(&rig.env, server_rig_load(yaml)); }

static bool is_mirror(const struct kind *k, const char *name) {
    const json_t *object = rig_get(k, name);
    return object != NULL && object_is_mirror(object);
}

/* {"spec":{"administrators":[...]}} by a client. */
static void change_administrators(const char *tenant, const char *ticks) {
    json_t *object = rig_keep(json_deep_copy(rig_read(&kind_identity_provider, tenant)));
    (void)json_object_set(json_object_get(object, "spec"), "administrators", rig_json(ticks));
    rig_update(&kind_identity_provider, tenant, object);
}

#define LDAP(id, name, host)                                                                                 \
    "  - type: ldap\n    id: " id "\n    name: " name "\n    administrators: [root, eve]\n"                  \
    "    config: {host: " host ", insecureNoSSL: true, bindDN: cn=a, bindPW: hunter2-bind,\n"                \
    "             userSearch: {baseDN: 'dc=a', username: uid, idAttr: uid}}\n"
#define TENANTS "enablePasswordDB: true\nconnectors:\n" LDAP("corp", "Corp", "ldap.example:389")
#define CLIENTS                                                                                              \
    "staticClients:\n"                                                                                       \
    "  - {id: app, name: App, secret: hunter2-client, redirectURIs: ['https://a.example/cb']}\n"             \
    "  - {id: cli, name: Cli, public: true, redirectURIs: ['http://localhost'], trustedPeers: [app]}\n"

static void tenants_and_clients_can_be_seen_but_not_their_secrets(void **state) {
    (void)state;
    sync_with(TENANTS CLIENTS);
    const json_t *corp = rig_read(&kind_identity_provider, "corp");
    rig_assert_at(corp, "spec.name", "'Corp'");
    rig_assert_at(corp, "spec.type", "'ldap'");
    rig_assert_at(corp, "spec.administrators", "['root','eve']");
    assert_true(str_contains(object_str_at(corp, "spec.config"), STR("ldap.example:389")));
    const json_t *local = rig_read(&kind_identity_provider, "local");
    rig_assert_at(local, "spec.type", "'tke'");
    rig_assert_at(local, "spec.administrators", "null");
    const json_t *app = rig_read(&kind_client, "app");
    rig_assert_at(app, "spec.name", "'App'");
    rig_assert_at(app, "spec.redirect_uris", "['https://a.example/cb']");
    rig_assert_at(rig_read(&kind_client, "cli"), "spec.public", "true");
    rig_assert_at(rig_read(&kind_client, "cli"), "spec.trusted_peers", "['app']");
    assert_true(is_mirror(&kind_identity_provider, "corp") && is_mirror(&kind_identity_provider, "local"));
    assert_true(is_mirror(&kind_client, "app") && is_mirror(&kind_client, "cli"));
    assert_null(strstr(rig_dump(), "hunter2"));
    assert_null(strstr(server_rig_log(), "hunter2"));
    assert_int_equal(server_rig_log_count("mirror_failed"), 0);
}

/* Every start and every reload does it, and watchers must not hear of it. */
static void nothing_is_written_when_nothing_has_changed(void **state) {
    (void)state;
    sync_with(TENANTS CLIENTS);
    const char *before = rig_dump();
    uint64_t writes = store_write_count(rig.store);
    sync_with(TENANTS CLIENTS);
    sync_with("# a comment\n" TENANTS CLIENTS);
    assert_string_equal(rig_dump(), before);
    assert_int_equal(store_write_count(rig.store), writes);
}

static void what_changes_is_changed_and_nothing_else(void **state) {
    (void)state;
    sync_with(TENANTS CLIENTS);
    int64_t corp = rig_revision_of(&kind_identity_provider, "corp"),
            local = rig_revision_of(&kind_identity_provider, "local"),
            app = rig_revision_of(&kind_client, "app");
    json_t *uid = json_deep_copy(object_at(rig_get(&kind_identity_provider, "corp"), "metadata.uid"));
    sync_with("enablePasswordDB: true\nconnectors:\n" LDAP("corp", "New", "other.example:389") CLIENTS);
    const json_t *object = rig_read(&kind_identity_provider, "corp");
    rig_assert_at(object, "spec.name", "'New'");
    assert_true(str_contains(object_str_at(object, "spec.config"), STR("other.example:389")));
    assert_true(json_equal(uid, object_at(object, "metadata.uid")));
    json_decref(uid);
    assert_true(rig_revision_of(&kind_identity_provider, "corp") > corp);
    assert_int_equal(rig_revision_of(&kind_identity_provider, "local"), local);
    assert_int_equal(rig_revision_of(&kind_client, "app"), app);
}

/* A secret is not shown, but that it has changed is news to whoever watches. */
static void a_new_secret_of_a_client_is_a_change(void **state) {
    (void)state;
    sync_with(TENANTS CLIENTS);
    int64_t app = rig_revision_of(&kind_client, "app"), cli = rig_revision_of(&kind_client, "cli");
    sync_with(
        TENANTS
        "staticClients:\n"
        "  - {id: app, name: App, secret: hunter2-other, redirectURIs: ['https://a.example/cb']}\n"
        "  - {id: cli, name: Cli, public: true, redirectURIs: ['http://localhost'], trustedPeers: [app]}\n");
    assert_true(rig_revision_of(&kind_client, "app") > app);
    assert_int_equal(rig_revision_of(&kind_client, "cli"), cli);
    assert_null(strstr(rig_dump(), "hunter2"));
}

/* It is there for all to read: a guess at the secret must not be confirmed by it. */
static void the_fingerprint_needs_the_servers_key(void **state) {
    (void)state;
    static const unsigned char key[KEYRING_KEY_SIZE] = { 77 };
    struct keyring *other = NULL;
    const char *path = "metadata.annotations";
    sync_with(CLIENTS);
    const char *first = json_string_value(
        json_object_get(object_at(rig_get(&kind_client, "app"), path), RESOURCE_SOURCE_HASH_ANNOTATION));
    assert_non_null(first);
    rig_ok(keyring_from_key(key, &other, &rig.err));
    const struct keyring *mine = rig.env.keyring;
    rig.env.keyring = other;
    sync_with(CLIENTS);
    rig.env.keyring = mine;
    keyring_free(other);
    const char *second = json_string_value(
        json_object_get(object_at(rig_get(&kind_client, "app"), path), RESOURCE_SOURCE_HASH_ANNOTATION));
    assert_non_null(second);
    assert_string_not_equal(first, second);
}

static void what_is_taken_out_of_the_configuration_goes(void **state) {
    (void)state;
    sync_with(TENANTS CLIENTS);
    sync_with(TENANTS "staticClients: [{id: cli, public: true, redirectURIs: ['http://localhost']}]\n");
    assert_false(rig_has(&kind_client, "app"));
    assert_true(rig_has(&kind_client, "cli"));
    sync_with("enablePasswordDB: true\n");
    assert_false(rig_has(&kind_client, "cli"));
    assert_false(rig_has(&kind_identity_provider, "corp"));
    assert_true(rig_has(&kind_identity_provider, "local"));
    sync_with("");
    assert_int_equal(rig_count(&kind_identity_provider, STR_NULL), 0);
    sync_with(TENANTS CLIENTS);
    assert_int_equal(rig_count(&kind_identity_provider, STR_NULL), 2);
    assert_int_equal(rig_count(&kind_client, STR_NULL), 2);
    assert_int_equal(server_rig_log_count("mirror_failed"), 0);
}

static void a_tenant_that_was_taken_out_by_mistake_comes_back_whole(void **state) {
    (void)state;
    sync_with(TENANTS);
    rig_user("local", "alice");
    rig_policy("local", "pol-1", "");
    rig_bind(&kind_policy, "pol-1", "[{'id':'usr-alice','name':'alice'}]", NULL, true);
    const char *rules = rig_rules();
    assert_non_null(strstr(rules, "g, local##user##alice, pol-1, *"));
    sync_with("connectors:\n" LDAP("corp", "Corp", "ldap.example:389"));
    assert_false(rig_has(&kind_identity_provider, "local"));
    assert_true(rig_has(&kind_local_identity, "usr-alice"));
    sync_with(TENANTS);
    assert_true(is_mirror(&kind_identity_provider, "local"));
    assert_string_equal(rig_rules(), rules);
}

/* kubectl may say who administers a tenant of the configuration, until the configuration says it anew. */
static void what_clients_may_change_stays_until_the_configuration_changes(void **state) {
    (void)state;
    sync_with(TENANTS);
    change_administrators("corp", "['mallory']");
    json_t *object = rig_keep(json_deep_copy(rig_read(&kind_identity_provider, "corp")));
    json_t *meta = json_object_get(object, "metadata");
    (void)json_object_set(meta, "labels", rig_json("{'team':'a'}"));
    (void)json_object_set_new(json_object_get(meta, "annotations"), "note", json_string("mine"));
    rig_update(&kind_identity_provider, "corp", object);
    sync_with(TENANTS);
    rig_assert_at(rig_get(&kind_identity_provider, "corp"), "spec.administrators", "['mallory']");
    sync_with("enablePasswordDB: true\nconnectors:\n" LDAP("corp", "New", "ldap.example:389"));
    const json_t *now = rig_get(&kind_identity_provider, "corp");
    rig_assert_at(now, "spec.administrators", "['root','eve']");
    rig_assert_at(now, "metadata.labels.team", "'a'");
    rig_assert_at(now, "metadata.annotations.note", "'mine'");
    assert_true(object_is_mirror(now));
}

static void objects_of_others_are_left_alone_and_told(void **state) {
    (void)state;
    rig_create(&kind_identity_provider, "{'metadata':{'name':'corp'},'spec':{'name':'Mine','type':'tke'}}");
    rig_create(&kind_client,
               "{'metadata':{'name':'app'},'spec':{'public':true,'redirect_uris':['https://m.example/']}}");
    rig_create(&kind_client,
               "{'metadata':{'name':'own'},'spec':{'public':true,'redirect_uris':['https://m.example/']}}");
    const char *corp = json_print(rig_get(&kind_identity_provider, "corp"));
    const char *app = json_print(rig_get(&kind_client, "app"));
    sync_with(TENANTS CLIENTS);
    char *corp_now = json_print(rig_get(&kind_identity_provider, "corp"));
    char *app_now = json_print(rig_get(&kind_client, "app"));
    assert_string_equal(corp_now, corp);
    assert_string_equal(app_now, app);
    free(corp_now);
    free(app_now);
    assert_int_equal(server_rig_log_count("configuration_hides_object"), 2);
    assert_true(is_mirror(&kind_client, "cli"));
    sync_with("");
    app_now = json_print(rig_get(&kind_client, "app"));
    assert_string_equal(app_now, app);
    free(app_now);
    assert_true(rig_has(&kind_client, "own"));
    assert_true(rig_has(&kind_identity_provider, "corp"));
    free((void *)(uintptr_t)corp);
    free((void *)(uintptr_t)app);
    rig_remove(&kind_client, "app");
    sync_with(CLIENTS);
    assert_true(is_mirror(&kind_client, "app"));
}

/* TKEStack's first tenant has a file; dex's user database, which is a tenant of its own, has none. */
static void the_first_tenants_directory_is_shown_in_no_other_tenant(void **state) {
    (void)state;
    const char *file = server_rig_write("ldap.json",
                                        "{\"host\":\"first.example:389\",\"insecureNoSSL\":true,"
                                        "\"bindDN\":\"cn=a\",\"bindPW\":\"hunter2-bind\","
                                        "\"userSearch\":{\"baseDN\":\"dc=a\",\"username\":\"uid\","
                                        "\"idAttr\":\"uid\"}}");
    sync_with(rig_text("enablePasswordDB: true\n"
                       "auth: {init_tenant_type: ldap, init_tenant_id: default, ldap_config_file: %s,\n"
                       "       init_idp_administrators: [root]}\n",
                       file));
    const json_t *first = rig_get(&kind_identity_provider, "default"),
                 *local = rig_get(&kind_identity_provider, "local");
    rig_assert_at(first, "spec.type", "'ldap'");
    rig_assert_at(first, "spec.administrators", "['root']");
    assert_true(str_contains(object_str_at(first, "spec.config"), STR("first.example")));
    rig_assert_at(local, "spec.type", "'tke'");
    rig_assert_at(local, "spec.administrators", "null");
    assert_false(str_contains(object_str_at(local, "spec.config"), STR("first.example")));
    assert_null(strstr(rig_dump(), "hunter2"));
}

static void an_object_that_cannot_be_read_stops_no_other(void **state) {
    (void)state;
    static const char *const bodies[] = { "{not json", "[]", "{\"metadata\":7}",
                                          "{\"metadata\":{\"annotations\":[]}}" };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        const struct store_write w = { .kind = STR("clients"),
                                       .name = str_of(rig_text("broken-%zu", i)),
                                       .body = str_of(bodies[i]) };
        rig_ok(store_write(rig.store, &w, NULL, &rig.err));
    }
    sync_with(CLIENTS);
    assert_true(is_mirror(&kind_client, "app") && is_mirror(&kind_client, "cli"));
    sync_with("");
    assert_false(rig_has(&kind_client, "app") || rig_has(&kind_client, "cli"));
    assert_true(rig_has(&kind_client, "broken-0"));
}

/* A full disk must not stop a start: what could not be written is written at the next reload. */
static int failures;
enum err_code __real_resource_create(const struct resource_env *env, const struct kind *k, struct arena *a,
                                     const json_t *given, const struct resource_options *o, json_t **ret,
                                     int64_t *ret_revision, struct refusal *r, struct err *err);
enum err_code __wrap_resource_create(const struct resource_env *env, const struct kind *k, struct arena *a,
                                     const json_t *given, const struct resource_options *o, json_t **ret,
                                     int64_t *ret_revision, struct refusal *r, struct err *err);
enum err_code __wrap_resource_create(const struct resource_env *env, const struct kind *k, struct arena *a,
                                     const json_t *given, const struct resource_options *o, json_t **ret,
                                     int64_t *ret_revision, struct refusal *r, struct err *err) {
    if (failures > 0) {
        failures--;
        return err_set(err, ERR_UNAVAILABLE, "the disk is full");
    }
    return __real_resource_create(env, k, a, given, o, ret, ret_revision, r, err);
}

static void a_failure_is_told_and_made_good_at_the_next_reload(void **state) {
    (void)state;
    failures = 3;
    sync_with(TENANTS CLIENTS);
    assert_int_equal(failures, 0);
    assert_int_equal(server_rig_log_count("mirror_failed"), 3);
    assert_true(is_mirror(&kind_client, "cli"));
    assert_false(rig_has(&kind_client, "app"));
    sync_with(TENANTS CLIENTS);
    assert_true(is_mirror(&kind_identity_provider, "corp") && is_mirror(&kind_client, "app"));
    assert_int_equal(server_rig_log_count("mirror_failed"), 3);
}

#define BOTH(f) TEST_ON(f, "memory"), TEST_ON(f, "sqlite")
int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(tenants_and_clients_can_be_seen_but_not_their_secrets),
        BOTH(nothing_is_written_when_nothing_has_changed),
        BOTH(what_changes_is_changed_and_nothing_else),
        TEST_ON(a_new_secret_of_a_client_is_a_change, "memory"),
        TEST_ON(the_fingerprint_needs_the_servers_key, "memory"),
        BOTH(what_is_taken_out_of_the_configuration_goes),
        BOTH(a_tenant_that_was_taken_out_by_mistake_comes_back_whole),
        TEST_ON(what_clients_may_change_stays_until_the_configuration_changes, "memory"),
        TEST_ON(objects_of_others_are_left_alone_and_told, "memory"),
        TEST_ON(the_first_tenants_directory_is_shown_in_no_other_tenant, "memory"),
        TEST_ON(an_object_that_cannot_be_read_stops_no_other, "memory"),
        TEST_ON(a_failure_is_told_and_made_good_at_the_next_reload, "memory"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
