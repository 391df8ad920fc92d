/* ProjectPolicyBinding and CustomPolicyBinding: names, references, and the rules they make. */
#include "unit/resource/rig.h"

#define PPB(more) "{'spec':{'tenantID':'t','projectID':'prj-1','policyID':'pol-p'" more "}}"
#define CPB(more)                                                                                            \
    "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'t','policyID':'pol-a','domain':'*'," more "}}"
#define RESOURCES "'rulePrefix':'cg','resources':['chart:*']"

static void policies(void) {
    rig_policy("t", "pol-a", "");
    rig_policy("t", "pol-p", "project");
    rig_policy("u", "pol-u", "project");
    rig_policy("", "pol-platform", "project");
}

/* ---- of projects ---- */

static void a_binding_of_a_project_is_named_after_it_and_its_policy(void **state) {
    (void)state;
    policies();
    rig_create(&kind_project_policy_binding,
               "{'metadata':{'name':'other','generateName':'x-'},'spec':{'tenantID':'t','projectID':'prj-1',"
               "'policyID':'pol-p'}}");
    assert_str(object_name(rig.object), "prj-1-pol-p");
    (void)rig_try_create(&kind_project_policy_binding, rig_json(PPB("")), &rig_plain);
    rig_assert_refused(409, "AlreadyExists");
    rig_assert_at(rig_get(&kind_project_policy_binding, "prj-1-pol-p"), "Status.phase", "'Active'");
}

static void a_binding_needs_a_policy_of_projects_and_of_its_tenant(void **state) {
    (void)state;
    static const struct {
        const char *object, *field, *reason;
    } cases[] = {
        { "{'spec':{'tenantID':'t','policyID':'pol-p'}}", "spec.projectID", "FieldValueRequired" },
        { "{'spec':{'tenantID':'t','projectID':'prj-1'}}", "spec.policyID", "FieldValueRequired" },
        { "{'spec':{'tenantID':'t','projectID':'Prj','policyID':'pol-p'}}", "spec.projectID",
          "FieldValueInvalid" },
        { "{'spec':{'tenantID':'t','projectID':'*','policyID':'pol-p'}}", "spec.projectID",
          "FieldValueInvalid" },
        { "{'spec':{'tenantID':'t','projectID':'prj-1','policyID':'pol-missing'}}", "spec.policyID",
          "FieldValueNotFound" },
        { "{'spec':{'tenantID':'t','projectID':'prj-1','policyID':'pol-u'}}", "spec.policyID",
          "FieldValueNotFound" },
        { "{'spec':{'tenantID':'t','projectID':'prj-1','policyID':'pol-platform'}}", "spec.policyID",
          "FieldValueNotFound" },
        { "{'spec':{'tenantID':'t','projectID':'prj-1','policyID':'pol-a'}}", "spec.policyID",
          "FieldValueInvalid" },
        { PPB(",'users':[{'name':'alice'}]"), "spec.users[0]", "FieldValueRequired" },
        { PPB(",'users':[{'id':'*','name':'*'}]"), "spec.users[0]", "FieldValueInvalid" },
    };
    policies();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        rig_create_refused(&kind_project_policy_binding, cases[i].object, cases[i].reason, cases[i].field);
}

static void a_project_is_the_tenants_that_was_there_first(void **state) {
    (void)state;
    policies();
    rig_create(&kind_project_policy_binding, PPB(""));
    rig_create_refused(&kind_project_policy_binding,
                       "{'spec':{'tenantID':'u','projectID':'prj-1','policyID':'pol-u'}}",
                       "FieldValueInvalid", "spec.projectID");
    rig_create_refused(&kind_role, "{'spec':{'displayName':'R','tenantID':'u','projectID':'prj-1'}}",
                       "FieldValueInvalid", "spec.projectID");
    rig_delete(&kind_project_policy_binding, "prj-1-pol-p");
    rig_create(&kind_project_policy_binding,
               "{'spec':{'tenantID':'u','projectID':'prj-1','policyID':'pol-u'}}");
}

static void what_a_binding_binds_stays(void **state) {
    (void)state;
    static const char *const fields[] = { "tenantID", "projectID", "policyID" };
    policies();
    rig_policy("t", "pol-q", "project");
    rig_create(&kind_project_policy_binding, PPB(""));
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        json_t *o = rig_read(&kind_project_policy_binding, "prj-1-pol-p");
        (void)json_object_set_new(json_object_get(o, "spec"), fields[i],
                                  json_string(i == 0   ? "u"
                                              : i == 1 ? "prj-2"
                                                       : "pol-q"));
        rig_update_refused(&kind_project_policy_binding, "prj-1-pol-p", o, "FieldValueInvalid",
                           rig_text("spec.%s", fields[i]));
    }
}

#define P_RULES                                                                                              \
    "p, pol-a, *, *, get*, allow\np, pol-p, *, *, get*, allow\np, pol-platform, *, *, get*, allow\n"         \
    "p, pol-u, *, *, get*, allow\n"

static void subjects_have_the_policy_in_the_project_only(void **state) {
    (void)state;
    policies();
    rig_create(&kind_project_policy_binding,
               PPB(",'users':[{'id':'1','name':'alice'},{'id':'2'}],'groups':[{'id':'g','name':'G'}]"));
    rig_assert_rules("g, t##group##g, pol-p, prj-1\ng, t##user##alice, pol-p, prj-1\n" P_RULES);
    json_t *o = rig_read(&kind_project_policy_binding, "prj-1-pol-p");
    (void)json_object_set_new(json_object_get(o, "spec"), "users",
                              json_pack("[{s:s, s:s}]", "id", "3", "name", "carol"));
    rig_update(&kind_project_policy_binding, "prj-1-pol-p", o);
    rig_assert_rules("g, t##group##g, pol-p, prj-1\ng, t##user##carol, pol-p, prj-1\n" P_RULES);
    rig_remove(&kind_project_policy_binding, "prj-1-pol-p");
    rig_assert_rules(P_RULES);
}

static void lower_case_spellings_are_taken(void **state) {
    (void)state;
    policies();
    rig_create(&kind_project_policy_binding, PPB("},'status':{'phase':'x'"));
    rig_assert_at(rig.object, "Status.phase", "'Active'");
    rig_assert_at(rig.object, "status", NULL);
}

/* ---- custom ones ---- */

static void a_custom_binding_is_named_after_its_policy(void **state) {
    (void)state;
    policies();
    rig_create(&kind_custom_policy_binding,
               "{'metadata':{'name':'other','namespace':'ns'},'spec':{'tenantID':'t','policyID':'pol-a',"
               "'domain':'*','lastDomain':'mine'," RESOURCES "}}");
    assert_str(object_name(rig.object), "pol-a");
    rig_assert_at(rig.object, "spec.lastDomain", "''");
    assert_true(rig_has(&kind_custom_policy_binding, "ns/pol-a"));
    rig_create(&kind_custom_policy_binding,
               "{'metadata':{'namespace':'other'},'spec':{'tenantID':'t','policyID':'pol-a',"
               "'domain':'*'," RESOURCES "}}"); /* of the same name in another namespace */
    (void)rig_try_create(&kind_custom_policy_binding, rig_json(CPB(RESOURCES)), &rig_plain);
    rig_assert_refused(409, "AlreadyExists");
}

static void custom_bindings_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *object, *field, *reason;
    } cases[] = {
        { CPB("'resources':['*']"), "spec.rulePrefix", "FieldValueRequired" },
        { CPB("'rulePrefix':'cg'"), "spec.resources", "FieldValueRequired" },
        { CPB("'rulePrefix':'a##b','resources':['*']"), "spec.rulePrefix", "FieldValueInvalid" },
        { CPB("'rulePrefix':'t##user##admin','resources':['*']"), "spec.rulePrefix", "FieldValueInvalid" },
        { CPB("'rulePrefix':'a\\tb','resources':['*']"), "spec.rulePrefix", "FieldValueInvalid" },
        { CPB("'rulePrefix':'cg','resources':['a/:']"), "spec.resources[0]", "FieldValueInvalid" },
        { CPB("'rulePrefix':'cg','resources':['*','']"), "spec.resources[1]", "FieldValueInvalid" },
        { "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'t','policyID':'pol-a','domain':'Prj',"
          "" RESOURCES "}}",
          "spec.domain", "FieldValueInvalid" },
        { "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'t','policyID':'pol-a'," RESOURCES "}}",
          "spec.domain", "FieldValueRequired" },
        { "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'t','policyID':'pol-u','domain':'*',"
          "" RESOURCES "}}",
          "spec.policyID", "FieldValueNotFound" },
        { "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'t','policyID':'pol-missing','domain':'*',"
          "" RESOURCES "}}",
          "spec.policyID", "FieldValueNotFound" },
    };
    policies();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        rig_create_refused(&kind_custom_policy_binding, cases[i].object, cases[i].reason, cases[i].field);
}

/* Everybody is {id: *, name: *} for all to see, or nobody. */
static void everybody_is_not_hidden_behind_somebody(void **state) {
    (void)state;
    policies();
    rig_create_refused(&kind_custom_policy_binding, CPB(RESOURCES ",'users':[{'id':'bob','name':'*'}]"),
                       "FieldValueInvalid", "spec.users[0]");
    rig_create_refused(&kind_custom_policy_binding, CPB(RESOURCES ",'users':[{'id':'*','name':'bob'}]"),
                       "FieldValueInvalid", "spec.users[0]");
    rig_create(&kind_custom_policy_binding, CPB(RESOURCES ",'users':[{'id':'*','name':'*'}]"));
    assert_non_null(strstr(rig_rules(), "g, t##user##*, cg-pol-a, *\n"));
}

static void a_custom_binding_repeats_the_policys_actions_on_its_own_resources(void **state) {
    (void)state;
    policies();
    rig_create(&kind_custom_policy_binding,
               CPB("'rulePrefix':'cg','resources':['chart:*','group:x'],'users':[{'id':'bob','name':'bob'}],"
                   "'groups':[{'id':'g','name':'G'}]"));
#define CG "p, cg-pol-a, *, chart:*, get*, allow\np, cg-pol-a, *, group:x, get*, allow\n"
    rig_assert_rules("g, t##group##g, cg-pol-a, *\ng, t##user##bob, cg-pol-a, *\n" CG P_RULES);
    /* Another domain: nothing stays in the last one. */
    json_t *o = rig_read(&kind_custom_policy_binding, "ns/pol-a");
    (void)json_object_set_new(json_object_get(o, "spec"), "domain", json_string("prj-9"));
    rig_update(&kind_custom_policy_binding, "ns/pol-a", o);
    rig_assert_at(rig.object, "spec.lastDomain", "'*'");
    rig_assert_rules("g, t##group##g, cg-pol-a, prj-9\ng, t##user##bob, cg-pol-a, prj-9\n" CG P_RULES);
    o = rig_read(&kind_custom_policy_binding, "ns/pol-a");
    (void)json_object_set_new(json_object_get(o, "spec"), "lastDomain", json_string("x"));
    (void)json_object_set_new(json_object_get(o, "spec"), "groups", json_null());
    rig_update(&kind_custom_policy_binding, "ns/pol-a", o);
    rig_assert_at(rig.object, "spec.lastDomain", "'*'");
    /* The policy changes, and the binding with it. */
    o = rig_read(&kind_policy, "pol-a");
    (void)json_object_set_new(
        json_object_get(o, "spec"), "statement",
        json_pack("{s:[s], s:[s], s:s}", "actions", "list*", "resources", "ignored", "effect", "deny"));
    rig_update(&kind_policy, "pol-a", o);
    rig_assert_rules("g, t##user##bob, cg-pol-a, prj-9\n"
                     "p, cg-pol-a, *, chart:*, list*, deny\np, cg-pol-a, *, group:x, list*, deny\n"
                     "p, pol-a, *, ignored, list*, deny\np, pol-p, *, *, get*, allow\n"
                     "p, pol-platform, *, *, get*, allow\np, pol-u, *, *, get*, allow\n");
    rig_delete(&kind_custom_policy_binding, "ns/pol-a");
    assert_null(strstr(rig_rules(), "cg-pol-a"));
}

static void two_bindings_that_make_the_same_rule_own_it_together(void **state) {
    (void)state;
    policies();
    for (int i = 0; i < 2; i++)
        rig_create(&kind_custom_policy_binding,
                   rig_text("{'metadata':{'namespace':'ns%d'},'spec':{'tenantID':'t','policyID':'pol-a',"
                            "'domain':'*'," RESOURCES ",'users':[{'id':'bob','name':'bob'}]}}",
                            i));
    rig_assert_rules("g, t##user##bob, cg-pol-a, *\np, cg-pol-a, *, chart:*, get*, allow\n" P_RULES);
    rig_delete(&kind_custom_policy_binding, "ns0/pol-a");
    rig_assert_rules("g, t##user##bob, cg-pol-a, *\np, cg-pol-a, *, chart:*, get*, allow\n" P_RULES);
    rig_delete(&kind_custom_policy_binding, "ns1/pol-a");
    rig_assert_rules(P_RULES);
}

static void no_two_custom_bindings_are_one_role_by_accident(void **state) {
    (void)state;
    rig_policy("t", "c", "");
    rig_policy("t", "b-c", "");
    rig_policy("u", "d", "");
#define AT(ns, tenant, policy, prefix)                                                                       \
    "{'metadata':{'namespace':'" ns "'},'spec':{'tenantID':'" tenant "','policyID':'" policy "',"            \
    "'domain':'*','rulePrefix':'" prefix "','resources':['*']}}"
    rig_create(&kind_custom_policy_binding, AT("ns", "t", "c", "a-b"));
    rig_create_refused(&kind_custom_policy_binding, AT("ns", "t", "b-c", "a"), "FieldValueInvalid",
                       "spec.rulePrefix");
    rig_create(&kind_custom_policy_binding, AT("other", "t", "c", "a-b"));
    rig_create(&kind_custom_policy_binding, AT("ns", "u", "d", "a-b"));
}

static json_t *numbered(const char *prefix, size_t n) {
    json_t *list = rig_keep(json_array());
    for (size_t i = 0; i < n; i++)
        assert_int_equal(json_array_append_new(list, json_sprintf("%s%zu", prefix, i)), 0);
    return list;
}

static json_t *set_statement(json_t *policy, size_t actions, size_t resources) {
    json_t *statement = json_object_get(json_object_get(policy, "spec"), "statement");
    (void)json_object_set(statement, "actions", numbered("a", actions));
    (void)json_object_set(statement, "resources", numbered("r", resources));
    return policy;
}

static void a_custom_binding_makes_only_so_many_rules(void **state) {
    (void)state;
    policies();
    rig_update(&kind_policy, "pol-a", set_statement(rig_read(&kind_policy, "pol-a"), 1000, 1));
    json_t *given = rig_json(CPB(RESOURCES));
    (void)json_object_set(json_object_get(given, "spec"), "resources", numbered("r", 1000));
    const char *before = rig_dump();
    (void)rig_try_create(&kind_custom_policy_binding, given, &rig_plain);
    rig_assert_refused(422, "Invalid");
    assert_string_equal(rig_dump(), before);
    (void)json_object_set(json_object_get(given, "spec"), "resources", numbered("r", 20));
    rig_ok(rig_try_create(&kind_custom_policy_binding, given, &rig_plain));
}

/* Nor when it is the policy that grows. */
static void a_policy_that_would_make_too_many_rules_of_a_binding_is_refused(void **state) {
    (void)state;
    policies();
    json_t *given = rig_json(CPB(RESOURCES));
    (void)json_object_set(json_object_get(given, "spec"), "resources", numbered("r", 1000));
    rig_ok(rig_try_create(&kind_custom_policy_binding, given, &rig_plain));
    const char *before = rig_dump();
    (void)rig_try_update(&kind_policy, "pol-a", set_statement(rig_read(&kind_policy, "pol-a"), 21, 1), 0,
                         &rig_plain);
    rig_assert_refused(422, "Invalid");
    assert_string_equal(rig_dump(), before);
    rig_update(&kind_policy, "pol-a", set_statement(rig_read(&kind_policy, "pol-a"), 20, 1));
}

static void a_policy_of_many_bindings_is_changed_in_little_memory(void **state) {
    (void)state;
    enum { BINDINGS = 60, MEMORY = 8 * 1024 * 1024 };
    policies();
    for (int i = 0; i < BINDINGS; i++) {
        json_t *given = rig_json(
            rig_text("{'metadata':{'namespace':'ns%d'},'spec':{'tenantID':'t','policyID':"
                     "'pol-a','domain':'*','rulePrefix':'p%d'}}",
                     i, i));
        (void)json_object_set(json_object_get(given, "spec"), "resources", numbered("r", 500));
        rig_ok(rig_try_create(&kind_custom_policy_binding, given, &rig_plain));
    }
    AUTO_FREE(arena_free) struct arena *small = arena_new(MEMORY);
    struct refusal r = { .arena = small };
    json_t *ret = NULL, *given = set_statement(rig_read(&kind_policy, "pol-a"), 2, 1);
    int64_t revision = 0;
    bool removed = false;
    rig_ok(resource_update(&rig.env, &kind_policy, small, STR("pol-a"), given,
                           rig_revision_of(&kind_policy, "pol-a"), &rig_plain, &ret, &revision, &removed, &r,
                           &rig.err));
    json_decref(ret);
    assert_int_equal(rig_count(&kind_rule, STR_NULL), 3 + 2 + BINDINGS * 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MEMORY(a_binding_of_a_project_is_named_after_it_and_its_policy),
        ON_MEMORY(a_binding_needs_a_policy_of_projects_and_of_its_tenant),
        ON_ALL(a_project_is_the_tenants_that_was_there_first),
        ON_MEMORY(what_a_binding_binds_stays),
        ON_ALL(subjects_have_the_policy_in_the_project_only),
        ON_MEMORY(lower_case_spellings_are_taken),
        ON_ALL(a_custom_binding_is_named_after_its_policy),
        ON_MEMORY(custom_bindings_are_checked),
        ON_MEMORY(everybody_is_not_hidden_behind_somebody),
        ON_ALL(a_custom_binding_repeats_the_policys_actions_on_its_own_resources),
        ON_ALL(two_bindings_that_make_the_same_rule_own_it_together),
        ON_MEMORY(no_two_custom_bindings_are_one_role_by_accident),
        ON_ALL(a_custom_binding_makes_only_so_many_rules),
        ON_ALL(a_policy_that_would_make_too_many_rules_of_a_binding_is_refused),
        ON(a_policy_of_many_bindings_is_changed_in_little_memory, "memory"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
