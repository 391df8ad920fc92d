/* The second phase of deletions (contract 5.3, 9.51, 9.52). */
#include "rig.h"

static void make_alice(void) {
    rig_tenant("acme", "tke");
    rig_create(&kind_local_identity,
               "{'metadata':{'name':'usr-alice'},'spec':{'tenantID':'acme','username':'alice','displayName':"
               "'Alice','hashedPassword':'c2VjcmV0LXBhc3N3b3Jk'}}");
    rig_create(&kind_local_group,
               "{'metadata':{'name':'grp-dev'},'spec':{'tenantID':'acme','displayName':'dev'},"
               "'status':{'users':[{'id':'usr-alice','name':'alice'}]}}");
    rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-read'},'spec':{'tenantID':'acme','displayName':'read','category':'x',"
        "'statement':{'actions':['get*'],'resources':['*'],'effect':'allow'}},"
        "'status':{'users':[{'id':'usr-alice','name':'alice'}],'groups':[{'id':'grp-dev'}]}}");
    rig_create(&kind_role,
               "{'metadata':{'name':'rol-reader'},'spec':{'tenantID':'acme','displayName':'reader',"
               "'policies':['pol-read']},'status':{'users':[{'id':'usr-alice','name':'alice'}]}}");
}

static void a_deleted_object_is_cleaned_up_after_and_goes(void **state) {
    (void)state;
    rig_start();
    make_alice();
    rig_run();
    assert_true(rig_has_rule("g, acme##user##alice, pol-read, *"));
    rig_remove(&kind_local_identity, "usr-alice");
    assert_true(rig_has(&kind_local_identity, "usr-alice")); /* readable until the daemon is through */
    rig_run();
    assert_false(rig_has(&kind_local_identity, "usr-alice"));
    assert_false(rig_has_rule("g, acme##user##alice, pol-read, *"));
    assert_false(rig_has_rule("g, acme##user##alice, acme##group##grp-dev, *"));
    assert_false(rig_has_rule("g, acme##user##alice, rol-reader, *"));
    assert_true(rig_has_rule("g, acme##group##grp-dev, pol-read, *"));
    assert_int_equal(rig_log_count("deletion_finished"), 1);
}

static void every_kind_with_a_finalizer_is_seen_to(void **state) {
    (void)state;
    rig_start();
    make_alice();
    rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-prj'},'spec':{'tenantID':'acme','displayName':'p','category':'x','scope':"
        "'project','statement':{'actions':['get*'],'resources':['*'],'effect':'allow'}}}");
    rig_create(
        &kind_project_policy_binding,
        "{'spec':{'tenantID':'acme','projectID':'prj-1','policyID':'pol-prj','users':[{'id':'usr-alice',"
        "'name':'alice'}]}}");
    rig_create(&kind_custom_policy_binding,
               "{'metadata':{'namespace':'cg'},'spec':{'tenantID':'acme','domain':'*','policyID':'pol-read',"
               "'rulePrefix':'cg','resources':['chart:*'],'users':[{'id':'*','name':'*'}]}}");
    rig_run();
    assert_true(rig_has_rule("g, acme##user##*, cg-pol-read, *"));
    rig_remove(&kind_custom_policy_binding, "cg/pol-read");
    rig_remove(&kind_project_policy_binding, "prj-1-pol-prj");
    rig_remove(&kind_role, "rol-reader");
    rig_remove(&kind_policy, "pol-prj");
    rig_remove(&kind_policy, "pol-read");
    rig_remove(&kind_local_group, "grp-dev");
    rig_remove(&kind_local_identity, "usr-alice");
    rig_run();
    static const struct kind *const kinds[] = {
        &kind_custom_policy_binding, &kind_project_policy_binding, &kind_role, &kind_policy,
        &kind_local_group,           &kind_local_identity
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        assert_int_equal(rig_count(kinds[i], NULL), 0);
    assert_int_equal(rig_rule_count(), 0);
}

static void what_was_left_by_a_crash_is_done_at_the_next_start(void **state) {
    (void)state;
    make_alice(); /* nobody is there to see the deletion */
    rig_remove(&kind_policy, "pol-read");
    rig_remove(&kind_local_group, "grp-dev");
    rig_reopen_store();
    rig_start();
    assert_true(rig_step(CONTROLLER_OBJECTS));
    rig_kill();
    rig_reopen_store();
    rig_start();
    rig_run();
    assert_false(rig_has(&kind_policy, "pol-read"));
    assert_false(rig_has(&kind_local_group, "grp-dev"));
    json_t *role = rig_get(&kind_role, "rol-reader");
    assert_int_equal(json_array_size(object_at(role, "spec.policies")), 0);
    json_decref(role);
}

static void what_somebody_else_holds_is_cleaned_up_once_and_stays(void **state) {
    (void)state;
    rig_start();
    make_alice();
    rig_create(&kind_local_group, "{'metadata':{'name':'grp-held','finalizers':['example.org/mine']},'spec':{"
                                  "'tenantID':'acme','displayName':'held'}}");
    rig_remove(&kind_local_group, "grp-held");
    rig_run();
    assert_true(rig_has(&kind_local_group, "grp-held"));
    assert_int_equal(rig_count(&kind_local_group, "deleting"), 0); /* not looked at again and again */
    int64_t before = rig_revision();
    controller_changed(rig.controller);
    rig_run_for(3600 * 1000);
    assert_int_equal(rig_revision(), before);
}

/* An object that cannot be finished: its body is no JSON. */
static void put_broken(const char *name) {
    struct err err = { 0 };
    const struct store_index index = { STR("deleting"), false };
    const struct store_write w = { .kind = str_of(kind_role.plural),
                                   .name = str_of(name),
                                   .body = STR("{broken"),
                                   .indexes = &index,
                                   .index_count = 1,
                                   .expected = STORE_EXPECT_ANY };
    assert_ok(store_write(rig.store, &w, NULL, &err));
}

static void failures_wait_longer_each_time_and_hold_up_nobody(void **state) {
    (void)state;
    rig_start();
    make_alice();
    put_broken("rol-a-broken"); /* before rol-reader, in the same kind */
    rig_remove(&kind_role, "rol-reader");
    rig_remove(&kind_local_identity, "usr-alice");
    rig_run();
    assert_false(rig_has(&kind_role, "rol-reader"));
    assert_false(rig_has(&kind_local_identity, "usr-alice"));
    assert_int_equal(rig_log_count("deletion_failed"), 1);
    /* 1 + 2 + 4 + 8 + 16 + 32 s, then once a minute */
    static const struct {
        int64_t after_ms;
        size_t attempts;
    } rows[] = { { 900, 1 }, { 200, 2 }, { 1800, 2 }, { 200, 3 }, { 4000, 4 }, { 8000, 5 }, { 600000, 16 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        rig_run_for(rows[i].after_ms);
        assert_int_equal(rig_log_count("deletion_failed"), rows[i].attempts);
    }
    assert_int_equal(rig_log_count("\"level\":\"error\""), 1); /* told once, the rest is for debugging */
}

static void a_failure_is_forgotten_when_somebody_repairs_it(void **state) {
    (void)state;
    struct err err = { 0 };
    rig_start();
    put_broken("rol-broken");
    rig_run();
    assert_ok(
        store_delete(rig.store, str_of(kind_role.plural), STR("rol-broken"), STORE_EXPECT_ANY, false, &err));
    rig_run_for(5 * 60 * 1000);
    assert_int_equal(rig_log_count("deletion_failed"), 1);
    put_broken("rol-broken"); /* a new failure is news again */
    rig_run();
    assert_int_equal(rig_log_count("\"level\":\"error\""), 2);
}

static void a_change_nobody_told_of_is_found_within_a_minute(void **state) {
    (void)state;
    rig_start();
    make_alice();
    rig_run();
    store_listen(rig.store, NULL, NULL); /* as another process's write would be */
    rig_remove(&kind_role, "rol-reader");
    rig_run_for(61 * 1000);
    assert_false(rig_has(&kind_role, "rol-reader"));
}

static void many_at_once_all_go(void **state) {
    (void)state;
    enum { MANY = 300 };
    rig_start();
    rig_tenant("acme", "tke");
    for (int i = 0; i < MANY; i++) {
        const char *name = arena_printf(rig.arena, "grp-%04d", i);
        rig_create(&kind_local_group,
                   arena_printf(rig.arena,
                                "{'metadata':{'name':'%s'},'spec':{'tenantID':'acme','displayName':'g'}}",
                                name));
        rig_remove(&kind_local_group, name);
        if (i % 3 == 0)
            (void)rig_step(CONTROLLER_OBJECTS); /* in the middle of a round */
    }
    rig_run();
    assert_int_equal(rig_count(&kind_local_group, NULL), 0);
    assert_int_equal(rig_log_count("deletion_finished"), MANY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(a_deleted_object_is_cleaned_up_after_and_goes),
        ON_BOTH(every_kind_with_a_finalizer_is_seen_to),
        ON_BOTH(what_was_left_by_a_crash_is_done_at_the_next_start),
        ON_BOTH(what_somebody_else_holds_is_cleaned_up_once_and_stays),
        ON_BOTH(failures_wait_longer_each_time_and_hold_up_nobody),
        ON_BOTH(a_failure_is_forgotten_when_somebody_repairs_it),
        ON_BOTH(a_change_nobody_told_of_is_found_within_a_minute),
        ON_BOTH(many_at_once_all_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
