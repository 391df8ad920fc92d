/* IdentityProvider: passwords of its configuration, and what it must not be made to do; the end of a tenant. */
#include "unit/resource/rig.h"

#include "resource/identity_provider.h"

/* `config` as it would stand in a file, with ' for ". */
static json_t *provider(const char *name, const char *type, const char *config) {
    json_t *o = rig_json(rig_text("{'metadata':{'name':'%s'},'spec':{'name':'N','type':'%s'}}", name, type));
    if (config != NULL)
        (void)json_object_set_new(json_object_get(o, "spec"), "config", json_string(rig_quoted(config)));
    return o;
}

static void create(const char *config) {
    rig_ok(rig_try_create(&kind_identity_provider, provider("acme", "ldap", config), &rig_plain));
}

/* The object as read, with another configuration (NULL: as it is). */
static json_t *changed(const char *config) {
    json_t *o = rig_read(&kind_identity_provider, "acme");
    if (config != NULL)
        (void)json_object_set_new(json_object_get(o, "spec"), "config", json_string(rig_quoted(config)));
    return o;
}

static void assert_shown(const char *config) {
    assert_str(object_str_at(rig_get(&kind_identity_provider, "acme"), "spec.config"), rig_quoted(config));
}

/* What the connector gets. */
static struct str whole(void) {
    struct store_object o;
    struct identity_provider p = { 0 };
    rig_ok(store_get_whole(rig.store, rig.arena, STR("identityproviders"), STR("acme"), &o, &rig.err));
    rig_ok(resource_identity_provider(rig.arena, rig.keyring, &o, &p, &rig.err));
    return p.config;
}

static void assert_password(const char *password) {
    json_t *config = NULL;
    rig_ok(json_parse_in(rig.arena, whole(), &config, &rig.err));
    if (password != NULL)
        assert_str(json_get_str(config, "bindPW"), password);
    else
        assert_null(json_object_get(config, "bindPW"));
}

/* ---- names and types ---- */

static void names_of_tenants_are_labels_of_three_characters_or_more(void **state) {
    (void)state;
    static const char *const bad[] = {
        "ab", "A-tenant", "a.b", "a##b", "a/b", "-ab", "abcdefghijklmnopqrstuvwxyz1234567"
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)rig_try_create(&kind_identity_provider, provider(bad[i], "tke", NULL), &rig_plain);
        rig_assert_refused(422, "Invalid");
        rig_assert_cause("FieldValueInvalid", "metadata.name");
    }
    rig_tenant("abc");
    static const struct resource_options mirror = { .trusted = true, .from_configuration = true };
    rig_ok(rig_try_create(&kind_identity_provider, provider("A_b", "tke", NULL), &mirror));
    json_t *o = rig_read(&kind_identity_provider, "abc");
    (void)json_object_set_new(json_object_get(o, "spec"), "type", json_string("ldap"));
    rig_update_refused(&kind_identity_provider, "abc", o, "FieldValueInvalid", "spec.type");
    rig_create_refused(&kind_identity_provider, "{'metadata':{'name':'abcd'},'spec':{}}",
                       "FieldValueRequired", "spec.type");
}

/* ---- passwords ---- */

#define CONFIG(pw) "{'host':'h','bindDN':'cn=a','bindPW':'" pw "'}"

static void passwords_are_sealed_and_masked(void **state) {
    (void)state;
    create(CONFIG("hunter2"));
    assert_shown("{'host':'h','bindDN':'cn=a','bindPW':'***'}");
    assert_password("hunter2");
    assert_null(strstr(rig_dump(), "hunter2"));
    assert_false(str_contains(rig_secret(&kind_identity_provider, "acme"), STR("hunter2")));
    static const char *const others[] = { "clientSecret", "client_secret", "secret", "password",
                                          "secret_key" };
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        json_t *o = provider(rig_text("tenant-%zu", i), "oidc", rig_text("{'%s':'hunter2'}", others[i]));
        rig_ok(rig_try_create(&kind_identity_provider, o, &rig_plain));
        assert_null(strstr(rig_dump(), "hunter2"));
    }
}

static void a_password_stays_while_it_goes_to_the_same_place(void **state) {
    (void)state;
    static const char *const keeps[] = {
        "{'host':'h','bindDN':'cn=a','bindPW':'***'}",
        "{'host':'h','bindDN':'cn=a'}",
        "{'bindPW':'***','bindDN':'cn=a','host':'h'}",
        "{'host':'h','bindDN':'cn=a','bindPW':'***','userSearch':{'baseDN':'dc=a'}}",
        "{'host':'h','bindDN':'cn=a','userSearch':{'baseDN':'dc=b'},'poolSize':3}",
        "{'host':'h','bindDN':'cn=a','bindPW':'hunter2'}",
    };
    create(CONFIG("hunter2"));
    for (size_t i = 0; i < ARRAY_LEN(keeps); i++) {
        rig_update(&kind_identity_provider, "acme", changed(keeps[i]));
        assert_password("hunter2");
        assert_non_null(strstr(object_str_at(rig.object, "spec.config").ptr, "\"***\""));
        assert_null(strstr(rig_dump(), "hunter2"));
    }
    rig_update(&kind_identity_provider, "acme", changed(CONFIG("another")));
    assert_password("another");
    rig_update(&kind_identity_provider, "acme", changed("{'host':'h','bindPW':''}"));
    assert_password(NULL); /* given empty, it is taken away */
    assert_shown("{'host':'h'}");
    assert_int_equal(rig_secret(&kind_identity_provider, "acme").len, 0);
}

static void a_password_is_not_sent_anywhere_else(void **state) {
    (void)state;
    static const char *const elsewhere[] = {
        "{'host':'evil','bindDN':'cn=a','bindPW':'***'}",
        "{'host':'evil','bindDN':'cn=a'}",
        "{'host':'h:1','bindDN':'cn=a'}",
        "{'host':'h','hosts':['evil'],'bindDN':'cn=a'}",
        "{'hosts':['h'],'bindDN':'cn=a'}",
        "{'bindDN':'cn=a'}",
        "{'host':'h','bindDN':'cn=b'}",
        "{'host':'h'}",
        "{'host':'h','bindDN':'cn=a','insecureNoSSL':true}",
        "{'host':'h','bindDN':'cn=a','startTLS':true}",
        "{'host':'h','bindDN':'cn=a','insecureSkipVerify':true}",
        "{'host':'h','bindDN':'cn=a','rootCAData':'evil'}",
    };
    create(CONFIG("hunter2"));
    for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
        const char *before = rig_dump();
        (void)rig_try_update(&kind_identity_provider, "acme", changed(elsewhere[i]), 0, &rig_plain);
        rig_assert_refused(422, "Invalid");
        rig_assert_cause("FieldValueRequired", "spec.config");
        assert_null(strstr(rig.refusal.message, "hunter2"));
        assert_string_equal(rig_dump(), before);
    }
    rig_update(&kind_identity_provider, "acme",
               changed("{'host':'new','bindDN':'cn=a','bindPW':'given again'}"));
    assert_password("given again");
    rig_update(&kind_identity_provider, "acme", changed("{'host':'newer','bindPW':''}")); /* or taken away */
    assert_password(NULL);
}

static void a_mark_with_nothing_behind_it_is_no_password(void **state) {
    (void)state;
    const char *before = rig_dump();
    (void)rig_try_create(&kind_identity_provider, provider("acme", "ldap", CONFIG("***")), &rig_plain);
    rig_assert_refused(422, "Invalid");
    rig_assert_cause("FieldValueRequired", "spec.config");
    assert_string_equal(rig_dump(), before);
    create("{'host':'h'}");
    static const char *const marks[] = { "{'host':'h','bindPW':'***'}", "{'host':'other','bindPW':'***'}" };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        (void)rig_try_update(&kind_identity_provider, "acme", changed(marks[i]), 0, &rig_plain);
        rig_assert_refused(422, "Invalid");
    }
    assert_false(str_contains(whole(), STR("***")));
}

static void a_password_that_is_no_text_is_refused(void **state) {
    (void)state;
    static const char *const values[] = { "1", "true", "['hunter2']", "{'a':'hunter2'}" };
    const char *before = rig_dump();
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        json_t *o = provider("acme", "ldap", rig_text("{'host':'h','bindPW':%s}", values[i]));
        (void)rig_try_create(&kind_identity_provider, o, &rig_plain);
        rig_assert_refused(422, "Invalid");
        rig_assert_cause("FieldValueInvalid", "spec.config");
        assert_null(strstr(rig.refusal.message, "hunter2"));
    }
    assert_string_equal(rig_dump(), before);
}

static void a_password_has_a_limit(void **state) {
    (void)state;
    char *big = arena_alloc(rig.arena, 100001);
    memset(big, 'x', 100000);
    const char *before = rig_dump();
    (void)rig_try_create(&kind_identity_provider,
                         provider("acme", "ldap", rig_text("{'host':'h','bindPW':'%s'}", big)), &rig_plain);
    rig_assert_refused(422, "Invalid");
    rig_assert_cause("FieldValueTooLong", "spec.config");
    assert_string_equal(rig_dump(), before);
}

static void what_is_no_json_object_is_refused_without_a_word_of_it(void **state) {
    (void)state;
    static const char *const configs[] = { "[]",
                                           "7",
                                           "'hunter2'",
                                           "{'bindPW':'hunter2'",
                                           "null",
                                           "{'bindPW':'a','bindPW':'hunter2'}",
                                           "bindPW: hunter2" };
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        (void)rig_try_create(&kind_identity_provider, provider("acme", "ldap", configs[i]), &rig_plain);
        rig_assert_refused(422, "Invalid");
        rig_assert_cause("FieldValueInvalid", "spec.config");
        assert_null(strstr(rig.refusal.message, "hunter2"));
        if (i < 2)
            assert_string_equal(rig.refusal.causes[0].message, "Invalid value: must be a JSON object");
    }
    assert_false(rig_has(&kind_identity_provider, "acme"));
}

static void the_daemons_own_files_cannot_be_read_through_it(void **state) {
    (void)state;
    static const char *const keys[] = { "bindPWFile", "bindPWEnv", "rootCA", "clientCert", "clientKey" };
    create("{'host':'h'}");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        json_t *o = provider("other", "ldap", rig_text("{'host':'h','%s':'/etc/passwd'}", keys[i]));
        (void)rig_try_create(&kind_identity_provider, o, &rig_plain);
        rig_assert_cause("FieldValueForbidden", "spec.config");
        (void)rig_try_create(&kind_identity_provider, o, &rig_trusted); /* nor by an import */
        rig_assert_cause("FieldValueForbidden", "spec.config");
        rig_update_refused(&kind_identity_provider, "acme",
                           changed(rig_text("{'host':'h','%s':'/etc/passwd'}", keys[i])),
                           "FieldValueForbidden", "spec.config");
    }
}

/* ---- the connector's say ---- */

static const char *judge(void *ctx, struct arena *a, struct str type, struct str config) {
    (void)ctx;
    (void)a;
    assert_str(type, "ldap");
    rig.object = NULL;
    return str_contains(config, STR("\"bindPW\":\"right\"")) ? NULL : "host: is missing";
}

static void the_connector_judges_the_whole_configuration(void **state) {
    (void)state;
    rig.env.check_connector = judge;
    rig_create_refused(&kind_identity_provider,
                       "{'metadata':{'name':'acme'},'spec':{'name':'N','type':'ldap','config':'{}'}}",
                       "FieldValueInvalid", "spec.config");
    assert_non_null(strstr(rig.refusal.message, "host: is missing"));
    create(CONFIG("right"));
    rig_update(&kind_identity_provider, "acme", changed("{'host':'h','bindDN':'cn=a','poolSize':3}"));
    (void)rig_try_update(&kind_identity_provider, "acme", changed(CONFIG("wrong")), 0, &rig_plain);
    rig_assert_cause("FieldValueInvalid", "spec.config");
    assert_null(strstr(rig.refusal.message, "wrong"));
}

/* ---- mirrors ---- */

#define MIRRORED "{'host':'h','bindDN':'cn=a','bindPW':'***','rootCA':'/etc/ca.pem'}"

static void a_mirror_may_get_other_administrators_and_labels_but_no_other_way_to_log_in(void **state) {
    (void)state;
    static const struct resource_options by_configuration = { .trusted = true, .from_configuration = true };
    json_t *o = provider("acme", "ldap", MIRRORED);
    (void)json_object_set_new(json_object_get(o, "metadata"), "annotations",
                              json_pack("{s:s}", RESOURCE_SOURCE_ANNOTATION, "configuration"));
    rig_ok(rig_try_create(&kind_identity_provider, o, &by_configuration));
    rig.env.check_connector = judge; /* has nothing to say: the password is in the configuration */
    const char *before = rig_dump();
    rig_update(&kind_identity_provider, "acme", rig_read(&kind_identity_provider, "acme"));
    assert_string_equal(rig_dump(), before);
    o = rig_read(&kind_identity_provider, "acme");
    (void)json_object_set_new(json_object_get(o, "spec"), "administrators", json_pack("[s]", "root"));
    rig_update(&kind_identity_provider, "acme", o);
    rig_assert_at(rig.object, "spec.administrators", "['root']");
    assert_shown(MIRRORED);
    static const char *const configs[] = { "", "{'host':'evil'}", "{'host':'h','bindDN':'cn=a'}" };
    for (size_t i = 0; i < ARRAY_LEN(configs); i++)
        rig_update_refused(&kind_identity_provider, "acme", changed(configs[i]), "FieldValueForbidden",
                           "spec.config");
    o = rig_read(&kind_identity_provider, "acme");
    (void)json_object_set_new(json_object_get(o, "spec"), "name", json_string("other"));
    rig_update_refused(&kind_identity_provider, "acme", o, "FieldValueForbidden", "spec.name");
}

/* ---- the finalizer, and the end ---- */

static void a_tenant_keeps_the_finalizer_that_cleans_up_after_it(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_assert_at(rig.object, "metadata.finalizers", "['" IDP_FINALIZER "']");
    json_t *o = rig_read(&kind_identity_provider, "acme");
    (void)json_object_del(json_object_get(o, "metadata"),
                          "finalizers"); /* as `kubectl replace` of a file does */
    (void)json_object_set_new(json_object_get(o, "spec"), "name", json_string("other"));
    rig_update(&kind_identity_provider, "acme", o);
    rig_assert_at(rig.object, "metadata.finalizers", "['" IDP_FINALIZER "']");
    o = rig_read(&kind_identity_provider, "acme");
    (void)json_object_set_new(json_object_get(o, "metadata"), "finalizers", json_pack("[s]", "a.b/c"));
    rig_update(&kind_identity_provider, "acme", o);
    rig_assert_at(rig.object, "metadata.finalizers", "['a.b/c','" IDP_FINALIZER "']");
    rig_remove(&kind_identity_provider, "acme");
    o = rig_read(&kind_identity_provider, "acme");
    (void)json_object_del(json_object_get(o, "metadata"), "finalizers");
    rig_update(&kind_identity_provider, "acme", o);
    assert_false(rig.removed); /* not before everything of it is gone */
    rig_assert_at(rig.object, "metadata.finalizers", "['" IDP_FINALIZER "']");
}

static size_t end(const char *tenant, size_t limit) {
    size_t removed = 0, calls = 0;
    bool done = false;
    while (!done) {
        rig_ok(resource_end_tenant(&rig.env, str_of(tenant), limit, &removed, &done, &rig.err));
        assert_true(removed <= limit);
        assert_true(++calls < 100);
    }
    return calls;
}

static void populate(void) {
    rig_tenant("acme");
    rig_tenant("other");
    rig_user("acme", "alice");
    rig_user("other", "bob");
    rig_policy("acme", "pol-a", "");
    rig_policy("acme", "pol-p", "project");
    rig_policy("other", "pol-b", "");
    rig_policy("", "pol-platform", "");
    rig_create(&kind_local_group, "{'metadata':{'name':'grp-a'},'spec':{'displayName':'G','tenantID':'acme'},"
                                  "'status':{'users':[{'id':'usr-alice','name':'alice'}]}}");
    rig_create(&kind_role, "{'metadata':{'name':'rol-a'},'spec':{'displayName':'R','tenantID':'acme',"
                           "'policies':['pol-a']},'status':{'users':[{'id':'usr-alice','name':'alice'}]}}");
    rig_create(&kind_project_policy_binding,
               "{'spec':{'tenantID':'acme','projectID':'prj','policyID':'pol-p','users':"
               "[{'id':'usr-alice','name':'alice'}]}}");
    rig_create(&kind_custom_policy_binding,
               "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'acme','domain':'*','policyID':'pol-a',"
               "'rulePrefix':'r','resources':['*'],'users':[{'id':'alice','name':'alice'}]}}");
    rig_import(&kind_api_key,
               "{'metadata':{'name':'apk-a'},'spec':{'apiKey':'0123456789012345678901234567890123456789',"
               "'tenantID':'acme','username':'alice','expire_at':'2033-11-14T22:13:20Z'}}");
    rig_bind(&kind_policy, "pol-platform",
             "[{'id':'acme##usr-alice','name':'alice'},{'id':'other##usr-bob','name':'bob'}]",
             "[{'id':'acme##grp-a','name':'G'}]", true);
    rig_bind(&kind_policy, "pol-b", "[{'id':'usr-bob','name':'bob'}]", NULL, true);
    /* What a directory said of its groups. */
    struct rule_list *rules = rule_list_new(rig.arena);
    rule_add_group(rules, key_of_user(rig.arena, STR("acme"), STR("alice")),
                   key_of_group(rig.arena, STR("acme"), STR("g")), STR("*"));
    rig_ok(rules_set(rig.store, rule_owner_directory(rig.arena, STR("acme"), RULE_DIRECTORY_PARTS - 1), rules,
                     NULL, &rig.err));
}

static const char only_others[] = "g, other##user##bob, pol-b, *\n"
                                  "g, other##user##bob, pol-platform, *\n"
                                  "p, pol-b, *, *, get*, allow\n"
                                  "p, pol-platform, *, *, get*, allow\n";

static void assert_ended(void) {
    static const struct kind *const kinds[] = {
        &kind_local_identity,         &kind_local_group,          &kind_policy, &kind_role, &kind_api_key,
        &kind_project_policy_binding, &kind_custom_policy_binding
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        assert_int_equal(rig_count(kinds[i], index_tenant(rig.arena, STR("acme"))), 0);
    assert_false(rig_has(&kind_identity_provider, "acme"));
    assert_true(rig_has(&kind_identity_provider, "other"));
    assert_true(rig_has(&kind_local_identity, "usr-bob"));
    rig_assert_at(rig_get(&kind_policy, "pol-platform"), "status.users",
                  "[{'id':'other##usr-bob','name':'bob'}]");
    rig_assert_at(rig_get(&kind_policy, "pol-platform"), "status.groups", "null");
    rig_assert_rules(only_others);
}

static void everything_of_a_tenant_goes_with_it_and_nothing_else(void **state) {
    (void)state;
    populate();
    rig_remove(&kind_identity_provider, "acme");
    assert_int_equal(end("acme", 1000), 1);
    assert_ended();
    assert_int_equal(end("acme", 1000), 1); /* once more */
}

static void a_tenant_goes_piece_by_piece(void **state) {
    (void)state;
    populate();
    rig_remove(&kind_identity_provider, "acme");
    size_t removed = 0;
    bool done = true;
    rig_ok(resource_end_tenant(&rig.env, STR("acme"), 3, &removed, &done, &rig.err));
    assert_int_equal(removed, 3);
    assert_false(done);
    assert_true(rig_has(&kind_identity_provider, "acme"));
    assert_true(end("acme", 1) > 3);
    assert_ended();
}

static void a_tenant_that_is_not_deleted_stays(void **state) {
    (void)state;
    populate();
    const char *before = rig_dump();
    assert_int_equal(end("acme", 1000), 1);
    assert_int_equal(end("nobody", 1000), 1);
    assert_string_equal(rig_dump(), before);
}

static void a_tenant_that_others_hold_is_emptied_and_waits_for_them(void **state) {
    (void)state;
    populate();
    json_t *o = rig_read(&kind_identity_provider, "acme");
    (void)json_array_append_new(json_object_get(json_object_get(o, "metadata"), "finalizers"),
                                json_string("a.b/c"));
    rig_update(&kind_identity_provider, "acme", o);
    rig_remove(&kind_identity_provider, "acme");
    assert_int_equal(rig_count(&kind_identity_provider, index_deleting(rig.arena)), 1);
    assert_int_equal(end("acme", 1000), 1);
    assert_true(rig_has(&kind_identity_provider, "acme"));
    assert_int_equal(rig_count(&kind_identity_provider, index_deleting(rig.arena)), 0);
    rig_assert_rules(only_others);
    const char *before = rig_dump();
    assert_int_equal(end("acme", 1000), 1);
    assert_string_equal(rig_dump(), before);
    o = rig_read(&kind_identity_provider, "acme");
    (void)json_object_del(json_object_get(o, "metadata"), "finalizers");
    rig_update(&kind_identity_provider, "acme", o);
    assert_true(rig.removed);
    assert_ended();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MEMORY(names_of_tenants_are_labels_of_three_characters_or_more),
        ON_MEMORY(passwords_are_sealed_and_masked),
        ON_ALL(a_password_stays_while_it_goes_to_the_same_place),
        ON_MEMORY(a_password_is_not_sent_anywhere_else),
        ON_MEMORY(a_mark_with_nothing_behind_it_is_no_password),
        ON_MEMORY(a_password_that_is_no_text_is_refused),
        ON_MEMORY(a_password_has_a_limit),
        ON_MEMORY(what_is_no_json_object_is_refused_without_a_word_of_it),
        ON_MEMORY(the_daemons_own_files_cannot_be_read_through_it),
        ON_MEMORY(the_connector_judges_the_whole_configuration),
        ON_MEMORY(a_mirror_may_get_other_administrators_and_labels_but_no_other_way_to_log_in),
        ON_ALL(a_tenant_keeps_the_finalizer_that_cleans_up_after_it),
        ON_ALL(everything_of_a_tenant_goes_with_it_and_nothing_else),
        ON_ALL(a_tenant_goes_piece_by_piece),
        ON_ALL(a_tenant_that_is_not_deleted_stays),
        ON_ALL(a_tenant_that_others_hold_is_emptied_and_waits_for_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
