/* The end of a tenant (contract 9.48). */
#include "rig.h"

/* `n` of everything. */
static void fill(const char *tenant, int n) {
    for (int i = 0; i < n; i++) {
        rig_create(
            &kind_local_identity,
            arena_printf(rig.arena,
                         "{'metadata':{'name':'usr-%s-%d'},'spec':{'tenantID':'%s','username':'user%d',"
                         "'displayName':'U','hashedPassword':'c2VjcmV0LXBhc3N3b3Jk'}}",
                         tenant, i, tenant, i));
        if (i < 10)
            rig_create(
                &kind_api_key,
                arena_printf(rig.arena,
                             "{'spec':{'apiKey':'a-signed-key-of-%s-that-is-long-enough-to-be-taken-%d',"
                             "'tenantID':'%s','username':'user%d'}}",
                             tenant, i, tenant, i));
        rig_create(&kind_local_group, arena_printf(rig.arena,
                                                   "{'metadata':{'name':'grp-%s-%d'},'spec':{'tenantID':'%s',"
                                                   "'displayName':'g'},'status':{'users':[{'id':'usr-%s-%d',"
                                                   "'name':'user%d'}]}}",
                                                   tenant, i, tenant, tenant, i, i));
        rig_create(
            &kind_policy,
            arena_printf(rig.arena,
                         "{'metadata':{'name':'pol-%s-%d'},'spec':{'tenantID':'%s','displayName':'p',"
                         "'category':'x','scope':'%s','statement':{'actions':['get*'],'resources':['*'],"
                         "'effect':'allow'}}}",
                         tenant, i, tenant, i % 2 ? "project" : ""));
        rig_create(&kind_role, arena_printf(rig.arena,
                                            "{'metadata':{'name':'rol-%s-%d'},'spec':{'tenantID':'%s',"
                                            "'displayName':'r','policies':['pol-%s-%d']}}",
                                            tenant, i, tenant, tenant, i));
        if (i % 2)
            rig_create(
                &kind_project_policy_binding,
                arena_printf(rig.arena,
                             "{'spec':{'tenantID':'%s','projectID':'prj-%s','policyID':'pol-%s-%d','users':"
                             "[{'id':'usr-%s-0','name':'user0'}]}}",
                             tenant, tenant, tenant, i, tenant));
        else
            rig_create(&kind_custom_policy_binding,
                       arena_printf(rig.arena,
                                    "{'metadata':{'namespace':'ns-%s'},'spec':{'tenantID':'%s','domain':'*',"
                                    "'policyID':'pol-%s-%d','rulePrefix':'ns-%s','resources':['x:*'],'users':"
                                    "[{'id':'*','name':'*'}]}}",
                                    tenant, tenant, tenant, i, tenant));
    }
}

static void add_directory_rule(const char *tenant) {
    struct err err = { 0 };
    struct rule_list *rules = rule_list_new(rig.arena);
    struct str t = str_of(tenant);
    rule_add_group(rules, key_of_user(rig.arena, t, STR("eve")), key_of_group(rig.arena, t, STR("staff")),
                   STR("*"));
    assert_ok(rules_set(rig.store, rule_owner_directory(rig.arena, t, 5), rules, NULL, &err));
}

static size_t objects_of(const char *tenant) {
    const char *key = rig_tenant_key(tenant).ptr;
    size_t count = 0;
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++)
        if (!(*k)->is_virtual && *k != &kind_rule && *k != &kind_identity_provider)
            count += rig_count(*k, key);
    return count;
}

static void everything_of_a_deleted_tenant_goes_and_nothing_of_others(void **state) {
    (void)state;
    rig_start();
    rig_tenant("other", "tke");
    fill("other", 4);
    add_directory_rule("other");
    size_t others = objects_of("other"), rules = rig_rule_count();
    rig_tenant("acme", "ldap");
    fill("acme", 6);
    add_directory_rule("acme");
    assert_int_equal(objects_of("acme"), 36);
    rig_run();
    rig_remove(&kind_identity_provider, "acme");
    assert_true(rig_has(&kind_identity_provider, "acme"));
    rig_run();
    assert_false(rig_has(&kind_identity_provider, "acme"));
    assert_int_equal(objects_of("acme"), 0);
    assert_int_equal(objects_of("other"), others);
    assert_int_equal(rig_rule_count(), rules);
    assert_int_equal(rig_log_count("tenant_removed"), 1);
    assert_int_equal(rig_log_count("\"objects\":36"), 1);
}

/* Otherwise whoever has the name in a later tenant of this id would have their rights. */
static void its_people_leave_the_platforms_own_objects(void **state) {
    (void)state;
    rig_start();
    rig_tenant("acme", "ldap");
    rig_tenant("acme2", "ldap");
    rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-all'},'spec':{'displayName':'p','category':'x','statement':{'actions':["
        "'*'],'resources':['*'],'effect':'allow'}},'status':{'users':[{'id':'acme##eve','name':'eve'},{'id':"
        "'acme2##bob','name':'bob'}],'groups':[{'id':'acme##staff'}]}}");
    assert_true(rig_has_rule("g, acme##user##eve, pol-all, *"));
    rig_remove(&kind_identity_provider, "acme");
    rig_run();
    assert_false(rig_has_rule("g, acme##user##eve, pol-all, *"));
    assert_false(rig_has_rule("g, acme##group##staff, pol-all, *"));
    assert_true(rig_has_rule("g, acme2##user##bob, pol-all, *"));
}

static void it_goes_on_wherever_it_was_killed(void **state) {
    (void)state;
    rig_tenant("acme", "tke");
    fill("acme", 30); /* 140 objects: several transactions */
    add_directory_rule("acme");
    rig_remove(&kind_identity_provider, "acme");
    int lives = 0;
    while (rig_has(&kind_identity_provider, "acme")) {
        rig_start();
        (void)rig_step(CONTROLLER_OBJECTS);
        rig_kill();
        rig_reopen_store();
        assert_true(++lives < 1000);
    }
    assert_true(lives > 3);
    assert_int_equal(objects_of("acme"), 0);
    assert_int_equal(rig_rule_count(), 0);
}

static void others_have_their_turn_between_pieces_of_at_most_a_hundred(void **state) {
    (void)state;
    rig_start();
    rig_tenant("other", "tke");
    rig_create(&kind_local_group,
               "{'metadata':{'name':'grp-x'},'spec':{'tenantID':'other','displayName':'g'}}");
    rig_tenant("acme", "tke");
    fill("acme", 150);
    rig_run();
    rig_remove(&kind_identity_provider, "acme");
    size_t before = objects_of("acme"), pieces = 0;
    bool removed_other = false;
    for (size_t now; rig_step(CONTROLLER_OBJECTS) && (now = objects_of("acme")) > 0; before = now) {
        assert_true(before - now <= 100);
        pieces += before != now;
        if (pieces == 1 && !removed_other) {
            rig_remove(&kind_local_group, "grp-x");
            removed_other = true;
            assert_true(rig_step(CONTROLLER_OBJECTS));
            assert_false(rig_has(&kind_local_group, "grp-x"));
            assert_true(rig_has(&kind_identity_provider, "acme"));
            now = objects_of("acme");
        }
    }
    assert_true(removed_other && pieces >= 2);
    rig_run();
    assert_false(rig_has(&kind_identity_provider, "acme"));
}

static void two_tenants_take_turns(void **state) {
    (void)state;
    rig_tenant("acme", "tke");
    rig_tenant("bolt", "tke");
    fill("acme", 20);
    fill("bolt", 20);
    rig_remove(&kind_identity_provider, "acme");
    rig_remove(&kind_identity_provider, "bolt");
    rig_start();
    for (int i = 0; i < 4; i++)
        (void)rig_step(CONTROLLER_OBJECTS);
    assert_true(objects_of("acme") < 100 && objects_of("bolt") < 100);
    rig_run();
    assert_false(rig_has(&kind_identity_provider, "acme"));
    assert_false(rig_has(&kind_identity_provider, "bolt"));
}

static void what_is_created_meanwhile_goes_too(void **state) {
    (void)state;
    rig_start();
    rig_tenant("acme", "tke");
    fill("acme", 10);
    rig_remove(&kind_identity_provider, "acme");
    (void)rig_step(CONTROLLER_OBJECTS);
    rig_create(&kind_local_group,
               "{'metadata':{'name':'grp-late'},'spec':{'tenantID':'acme','displayName':'g'}}");
    rig_run();
    assert_false(rig_has(&kind_local_group, "grp-late"));
    assert_false(rig_has(&kind_identity_provider, "acme"));
}

static void others_finalizers_on_the_tenant_hold_it_but_not_what_it_had(void **state) {
    (void)state;
    rig_start();
    rig_create(
        &kind_identity_provider,
        "{'metadata':{'name':'acme','finalizers':['example.org/billing']},'spec':{'name':'A','type':'tke'}}");
    fill("acme", 3);
    rig_remove(&kind_identity_provider, "acme");
    rig_run();
    assert_int_equal(objects_of("acme"), 0);
    assert_true(rig_has(&kind_identity_provider, "acme"));
    int64_t before = rig_revision();
    rig_run_for(600 * 1000);
    assert_int_equal(rig_revision(), before);
    assert_int_equal(rig_log_count("tenant_removed"), 1);
}

static void a_mirror_of_the_configuration_is_not_cleaned_up_after(void **state) {
    (void)state;
    rig_start();
    rig_mirror("acme", "tke");
    fill("acme", 3);
    size_t before = objects_of("acme"), rules = rig_rule_count();
    rig_remove(&kind_identity_provider, "acme");
    rig_run();
    assert_false(rig_has(&kind_identity_provider, "acme"));
    assert_int_equal(objects_of("acme"), before);
    assert_int_equal(rig_rule_count(), rules);
    rig_mirror("acme", "tke"); /* back whole */
    rig_run();
    assert_int_equal(objects_of("acme"), before);
}

/* First made through the API, then taken over by the configuration: the finalizer must not make it a clean-up. */
static enum err_code annotate(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    (void)ctx;
    (void)r;
    (void)err;
    (void)json_object_set_new(json_object_get(object, "metadata"), "annotations",
                              json_pack("{s:s}", RESOURCE_SOURCE_ANNOTATION, "configuration"));
    return ERR_OK;
}

static void nor_is_one_that_the_configuration_took_over(void **state) {
    (void)state;
    struct err err = { 0 };
    rig_start();
    rig_tenant("acme", "tke");
    fill("acme", 2);
    const struct resource_options o = { .trusted = true, .from_configuration = true };
    struct refusal r = { .arena = rig.arena };
    json_t *made = NULL;
    int64_t revision;
    assert_ok(resource_edit(&rig.env, &kind_identity_provider, rig.arena, STR("acme"), &o, annotate, NULL,
                            &made, &revision, &r, &err));
    json_decref(made);
    size_t before = objects_of("acme");
    rig_remove(&kind_identity_provider, "acme");
    rig_run();
    assert_false(rig_has(&kind_identity_provider, "acme"));
    assert_int_equal(objects_of("acme"), before);
}

static void long_removals_tell_how_far_they_are(void **state) {
    (void)state;
    rig_start();
    rig_tenant("acme", "tke");
    fill("acme", 60);
    rig_run();
    rig_remove(&kind_identity_provider, "acme");
    while (rig_has(&kind_identity_provider, "acme")) {
        (void)rig_step(CONTROLLER_OBJECTS);
        clock_advance(&rig.clock, 6000);
    }
    assert_int_equal(rig_log_count("tenant_removal_started"), 1);
    assert_true(rig_log_count("\"tenant_removal\"") >= 1);
    assert_int_equal(rig_log_count("tenant_removed"), 1);
}

static void a_tenant_that_cannot_be_removed_is_tried_again_and_others_are_not_kept_waiting(void **state) {
    (void)state;
    struct err err = { 0 };
    rig_start();
    rig_tenant("acme", "tke");
    rig_tenant("bolt", "tke");
    fill("bolt", 3);
    const struct store_index index = { rig_tenant_key("acme"), false };
    const struct store_write w = { .kind = str_of(kind_role.plural),
                                   .name = STR("rol-broken"),
                                   .body = STR("{broken"),
                                   .indexes = &index,
                                   .index_count = 1,
                                   .expected = STORE_EXPECT_ANY };
    assert_ok(store_write(rig.store, &w, NULL, &err));
    rig_remove(&kind_identity_provider, "acme");
    rig_remove(&kind_identity_provider, "bolt");
    rig_run();
    assert_true(rig_has(&kind_identity_provider, "acme"));
    assert_false(rig_has(&kind_identity_provider, "bolt"));
    assert_int_equal(rig_log_count("tenant_removal_failed"), 1);
    assert_ok(
        store_delete(rig.store, str_of(kind_role.plural), STR("rol-broken"), STORE_EXPECT_ANY, false, &err));
    rig_run_for(2000);
    assert_false(rig_has(&kind_identity_provider, "acme"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(everything_of_a_deleted_tenant_goes_and_nothing_of_others),
        ON_BOTH(its_people_leave_the_platforms_own_objects),
        ON_BOTH(it_goes_on_wherever_it_was_killed),
        ON_BOTH(others_have_their_turn_between_pieces_of_at_most_a_hundred),
        ON_BOTH(two_tenants_take_turns),
        ON_BOTH(what_is_created_meanwhile_goes_too),
        ON_BOTH(others_finalizers_on_the_tenant_hold_it_but_not_what_it_had),
        ON_BOTH(a_mirror_of_the_configuration_is_not_cleaned_up_after),
        ON_BOTH(nor_is_one_that_the_configuration_took_over),
        ON_BOTH(long_removals_tell_how_far_they_are),
        ON_BOTH(a_tenant_that_cannot_be_removed_is_tried_again_and_others_are_not_kept_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
