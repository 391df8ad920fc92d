#include "../test.h"

#include "authz/decision.h"
#include "rule_list.h"

static const struct list_rule rules[] = {
    { "default##user##alice", "*", "cluster:cls-a/*", "get*", ENGINE_ALLOW },
    { "default##user##alice", "*", "cluster:cls-a/*", "list*", ENGINE_ALLOW },
    { "default##user##alice", "*", "*secret:*", "*", ENGINE_DENY },
    { "default##user##*", "*", "*secret:public*", "get*", ENGINE_ALLOW },
    { "default##user##*", "*", "registrynamespace:public*", "get*", ENGINE_ALLOW },
    { "default##group##grp-ops", "*", "*node:*", "*", ENGINE_ALLOW },
    { "default##group##grp-dev", "prj-1", "*pod:*", "*", ENGINE_ALLOW },
    { "##user##static", "*", "pods", "get", ENGINE_ALLOW },
};
static const struct str admins[] = { STR("root"), STR("boss") };
static const struct authz_tenant tenants[] = {
    { STR("acme"), NULL, 0 },
    { STR("default"), admins, ARRAY_LEN(admins) },
};

struct bench {
    struct arena *arena;
    struct rule_list list;
    struct engine engine;
    struct decision_rules decision;
    struct tenants tenants;
    struct str groups[8];
    struct authz_user user;
    struct authz_extra extra[2];
    struct str tenant;
    struct authz_attributes at;
    struct authz_request_context context;
    bool converted;
};

static int setup(void **state) {
    struct bench *b = calloc(1, sizeof *b);
    b->arena = arena_new(1 << 20);
    b->list = (struct rule_list) { .rules = rules, .len = ARRAY_LEN(rules) };
    b->engine = (struct engine) { &rule_list_ops, &b->list };
    b->tenants = (struct tenants) { tenants, ARRAY_LEN(tenants), false };
    b->decision = (struct decision_rules) { .privileged_user = STR("admin"), .tenants = &b->tenants };
    b->tenant = STR("default");
    b->extra[0] = (struct authz_extra) { STR("tenantid"), &b->tenant, 1 };
    b->user = (struct authz_user) {
        .name = STR("alice"), .groups = b->groups, .extra = b->extra, .extra_count = 1
    };
    *state = b;
    return 0;
}

static int teardown(void **state) {
    struct bench *b = *state;
    arena_free(b->arena);
    free(b);
    return 0;
}

static void ask(struct bench *b, const char *verb, const char *resource, const char *name) {
    b->at.verb = str_of(verb);
    b->at.resource = str_of(resource);
    b->at.name = str_of(name);
    b->at.is_resource = true;
}

static void with_group(struct bench *b, const char *group) {
    b->groups[b->user.group_count++] = str_of(group);
}

static struct authz_decision decide(struct bench *b) {
    struct err err = { 0 };
    struct asker who;
    struct authz_decision d;
    b->list.asked = 0;
    assert_ok(asker_prepare(b->arena, &b->user, &who, &err));
    assert_ok(decide_local(&b->decision, &b->engine, &b->list, b->arena, &b->user, &who, &b->at, b->converted,
                           &b->context, &d, &err));
    return d;
}

#define assert_decision(b, want_outcome, want_step)                                                          \
    do {                                                                                                     \
        struct authz_decision got_ = decide(b);                                                              \
        if (got_.outcome != (want_outcome) || got_.step != (want_step))                                      \
            fail_msg("%s by %s", authz_outcome_name(got_.outcome), authz_step_name(got_.step));              \
    } while (0)

static void a_rule_allows_what_the_conversion_asks_for(void **state) {
    struct bench *b = *state;
    with_group(b, "cluster:cls-a");
    ask(b, "list", "deployments", NULL);
    b->at.namespace = STR("dev");
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_RULE);
    assert_str(b->list.seen.resource, "cluster:cls-a/namespace:dev/deployment:*");
    assert_str(b->list.seen.action, "listDeployments");
    assert_str(b->list.seen.subject, "default##user##alice");
    assert_str(b->list.seen.domain, "*");
}

static void without_a_matching_rule_there_is_no_opinion(void **state) {
    struct bench *b = *state;
    ask(b, "create", "pods", NULL);
    struct authz_decision d = decide(b);
    assert_int_equal(d.outcome, AUTHZ_NO_OPINION);
    assert_str(d.reason, "permission for createPod on pod:* not verify");
    b->decision.always_deny = true;
    assert_decision(b, AUTHZ_DENIED, AUTHZ_STEP_NONE);
}

static void a_deny_rule_denies_even_what_everybody_may(void **state) {
    struct bench *b = *state;
    ask(b, "get", "secrets", "public-1");
    assert_decision(b, AUTHZ_DENIED, AUTHZ_STEP_RULE);
    b->user.name = STR("bob");
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_PUBLIC_RULE);
}

static void everybody_rules_hold_for_users_without_any(void **state) {
    struct bench *b = *state;
    b->user.name = STR("nobody");
    ask(b, "getChart", "registrynamespace:public/chart:nginx", NULL);
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_PUBLIC_RULE);
}

static void the_privileged_user_must_not_have_a_tenant(void **state) {
    struct bench *b = *state;
    b->user.name = STR("admin");
    ask(b, "delete", "nodes", "n");
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
    b->user.extra_count = 0;
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_PRIVILEGED);
    with_group(b, "tenant:default");
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
}

static void no_privileged_user_configured_means_nobody_is(void **state) {
    struct bench *b = *state;
    b->decision.privileged_user = STR_NULL;
    b->user = (struct authz_user) { 0 };
    ask(b, "get", "pods", NULL);
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
}

static void an_administrator_of_the_tenant_may_do_everything_there(void **state) {
    struct bench *b = *state;
    b->user.name = STR("boss");
    ask(b, "delete", "clusters", "cls-1");
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_ADMINISTRATOR);
    b->tenant = STR("acme");
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
}

static void an_unknown_tenant_is_denied_with_an_error(void **state) {
    struct bench *b = *state;
    b->tenant = STR("nowhere");
    ask(b, "listPortal", "portal", NULL);
    struct authz_decision d = decide(b);
    assert_int_equal(d.outcome, AUTHZ_DENIED);
    assert_int_equal(d.step, AUTHZ_STEP_UNKNOWN_TENANT);
    assert_str(d.error, "identity provider \"nowhere\" not found");
    b->tenants.any = true;
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_UNPROTECTED);
}

static void list_portal_is_open_to_everybody(void **state) {
    struct bench *b = *state;
    b->user.name = STR("anyone");
    ask(b, "listPortal", "portal:*", NULL);
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_UNPROTECTED);
    ask(b, "listportal", "portal:*", NULL);
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
}

static void the_tenant_comes_from_extra_then_from_a_group(void **state) {
    struct bench *b = *state;
    struct err err = { 0 };
    static const struct {
        const char *extra; /* NULL: no such key; "-": the key without a value */
        const char *group, *tenant;
    } cases[] = {
        { "default", "tenant:acme", "default" }, { "-", "tenant:acme", "default" },
        { "", "tenant:acme", "acme" },           { NULL, "tenant:acme", "acme" },
        { NULL, "tenant:", "default" },          { NULL, "dev", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str value = str_of(cases[i].extra), group = str_of(cases[i].group);
        struct authz_extra extra = { STR("tenantid"), &value, value.len == 1 ? 0 : 1 };
        struct authz_user user = { .name = STR("u"),
                                   .groups = &group,
                                   .group_count = 1,
                                   .extra = &extra,
                                   .extra_count = cases[i].extra != NULL };
        struct asker who;
        assert_ok(asker_prepare(b->arena, &user, &who, &err));
        assert_str(who.tenant, cases[i].tenant);
    }
}

static void groups_become_subjects_but_context_does_not(void **state) {
    struct bench *b = *state;
    struct err err = { 0 };
    struct asker who;
    with_group(b, "tenant:default");
    with_group(b, "grp-dev");
    with_group(b, "project:prj-1");
    with_group(b, "project:prj-2");
    with_group(b, "namespace:ns");
    with_group(b, "system:authenticated");
    assert_ok(asker_prepare(b->arena, &b->user, &who, &err));
    assert_int_equal(who.group_count, 2);
    assert_str(who.groups[0], "default##group##grp-dev");
    assert_str(who.groups[1], "default##group##system:authenticated");
    assert_str(who.project, "prj-1");
    assert_str(who.namespace, "ns");
    assert_str(who.everybody, "default##user##*");
}

static void a_carried_group_counts_in_and_outside_projects(void **state) {
    struct bench *b = *state;
    b->user.name = STR("carol");
    with_group(b, "grp-ops");
    with_group(b, "grp-dev");
    ask(b, "get", "nodes", "n1");
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_RULE);
    ask(b, "delete", "pods", "p");
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
    with_group(b, "project:prj-1");
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_RULE);
    assert_str(b->list.seen.domain, "prj-1");
}

static void another_project_is_fenced_off(void **state) {
    struct bench *b = *state;
    with_group(b, "project:prj-1");
    b->converted = true;
    ask(b, "getProject", "project:prj-2", "prj-2");
    assert_decision(b, AUTHZ_DENIED, AUTHZ_STEP_PROJECT_FENCE);
    ask(b, "getProject", "project:prj-1", "prj-1");
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
    ask(b, "listProjects", "project:*", "*");
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
}

static void another_namespace_is_fenced_off_except_for_api_paths(void **state) {
    struct bench *b = *state;
    with_group(b, "namespace:dev");
    with_group(b, "cluster:cls-a");
    ask(b, "get", "pods", "p");
    b->at.namespace = STR("prod");
    assert_decision(b, AUTHZ_DENIED, AUTHZ_STEP_NAMESPACE_FENCE);
    b->at.namespace = STR("dev");
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_RULE);
    b->at = (struct authz_attributes) { .verb = STR("get"), .resource = STR("/apis/apps") };
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_RULE);
    b->at.resource = STR("/healthz");
    assert_decision(b, AUTHZ_DENIED, AUTHZ_STEP_NAMESPACE_FENCE);
}

static void nothing_is_converted_for_callers_without_a_tenant(void **state) {
    struct bench *b = *state;
    b->user.name = STR("static");
    b->user.extra_count = 0;
    ask(b, "get", "pods", "p");
    assert_decision(b, AUTHZ_ALLOWED, AUTHZ_STEP_RULE);
    assert_str(b->list.seen.resource, "pods");
    assert_str(b->list.seen.subject, "##user##static");
}

static void a_verb_of_the_platform_is_not_converted(void **state) {
    struct bench *b = *state;
    with_group(b, "cluster:cls-a");
    ask(b, "createProject", "project:*", NULL);
    assert_decision(b, AUTHZ_NO_OPINION, AUTHZ_STEP_NONE);
    assert_str(b->list.seen.resource, "project:*");
    assert_str(b->list.seen.action, "createProject");
}

static void rules_that_cannot_be_evaluated_deny_with_an_error(void **state) {
    struct bench *b = *state;
    b->list.broken = true;
    ask(b, "get", "pods", "p");
    struct authz_decision d = decide(b);
    assert_int_equal(d.outcome, AUTHZ_DENIED);
    assert_str(d.error, "the rules are broken");
}

static void the_debug_extra_adds_permissions_to_the_reason(void **state) {
    struct bench *b = *state;
    static const struct str on[] = { STR("true") };
    b->extra[1] = (struct authz_extra) { STR("debug"), on, 1 };
    b->user.extra_count = 2;
    ask(b, "create", "pods", NULL);
    assert_str(decide(b).reason,
               "permission for createPod on pod:* not verify, permissions: [\"default##user##alice\"]");
}

static void running_out_of_memory_is_an_error_not_a_decision(void **state) {
    struct bench *b = *state;
    struct err err = { 0 };
    with_group(b, "grp-dev");
    ask(b, "create", "policies", NULL);
    size_t failures = 0;
    for (size_t max = 0; max < 4096; max += 16) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(max);
        struct asker who;
        struct authz_decision d = { .outcome = AUTHZ_ALLOWED };
        enum err_code rc = asker_prepare(a, &b->user, &who, &err);
        if (rc == ERR_OK)
            rc = decide_local(&b->decision, &b->engine, &b->list, a, &b->user, &who, &b->at, false,
                              &b->context, &d, &err);
        if (rc == ERR_OK) {
            assert_int_equal(d.outcome, AUTHZ_NO_OPINION);
            break;
        }
        assert_int_equal(rc, ERR_NOMEM);
        failures++;
    }
    assert_true(failures > 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_rule_allows_what_the_conversion_asks_for, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_matching_rule_there_is_no_opinion, setup, teardown),
        cmocka_unit_test_setup_teardown(a_deny_rule_denies_even_what_everybody_may, setup, teardown),
        cmocka_unit_test_setup_teardown(everybody_rules_hold_for_users_without_any, setup, teardown),
        cmocka_unit_test_setup_teardown(the_privileged_user_must_not_have_a_tenant, setup, teardown),
        cmocka_unit_test_setup_teardown(no_privileged_user_configured_means_nobody_is, setup, teardown),
        cmocka_unit_test_setup_teardown(an_administrator_of_the_tenant_may_do_everything_there, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(an_unknown_tenant_is_denied_with_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(list_portal_is_open_to_everybody, setup, teardown),
        cmocka_unit_test_setup_teardown(the_tenant_comes_from_extra_then_from_a_group, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_become_subjects_but_context_does_not, setup, teardown),
        cmocka_unit_test_setup_teardown(a_carried_group_counts_in_and_outside_projects, setup, teardown),
        cmocka_unit_test_setup_teardown(another_project_is_fenced_off, setup, teardown),
        cmocka_unit_test_setup_teardown(another_namespace_is_fenced_off_except_for_api_paths, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(nothing_is_converted_for_callers_without_a_tenant, setup, teardown),
        cmocka_unit_test_setup_teardown(a_verb_of_the_platform_is_not_converted, setup, teardown),
        cmocka_unit_test_setup_teardown(rules_that_cannot_be_evaluated_deny_with_an_error, setup, teardown),
        cmocka_unit_test_setup_teardown(the_debug_extra_adds_permissions_to_the_reason, setup, teardown),
        cmocka_unit_test_setup_teardown(running_out_of_memory_is_an_error_not_a_decision, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
