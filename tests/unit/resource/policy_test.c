/* Policy and Role: what they may say, the rules they make, and who follows them. */
#include "unit/resource/rig.h"

#define POLICY(name, more)                                                                                   \
    "{'metadata':{'name':'" name "'},'spec':{'displayName':'P','tenantID':'t','category':'c','statement':"   \
    "{'actions':['get*'],'resources':['*'],'effect':'allow'}" more "}}"
#define STATEMENT(actions, resources, effect)                                                                \
    "{'metadata':{'name':'pol-x'},'spec':{'displayName':'P','tenantID':'t','category':'c','statement':"      \
    "{'actions':" actions ",'resources':" resources ",'effect':" effect "}}}"

/* ---- what a policy may say ---- */

static void policies_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *object, *field, *reason;
    } cases[] = {
        { "{'spec':{}}", "spec.displayName", "FieldValueRequired" },
        { "{'spec':{}}", "spec.category", "FieldValueRequired" },
        { "{'spec':{}}", "spec.statement.actions", "FieldValueRequired" },
        { "{'spec':{}}", "spec.statement.resources", "FieldValueRequired" },
        { "{'spec':{}}", "spec.statement.effect", "FieldValueRequired" },
        { STATEMENT("['get']", "['*']", "'Allow'"), "spec.statement.effect", "FieldValueNotSupported" },
        { STATEMENT("[]", "['*']", "'allow'"), "spec.statement.actions", "FieldValueRequired" },
        { STATEMENT("['get','']", "['*']", "'allow'"), "spec.statement.actions[1]", "FieldValueInvalid" },
        { STATEMENT("['get']", "[' *']", "'allow'"), "spec.statement.resources[0]", "FieldValueInvalid" },
        { STATEMENT("['get']", "['* ']", "'allow'"), "spec.statement.resources[0]", "FieldValueInvalid" },
        { STATEMENT("['get\\n']", "['*']", "'allow'"), "spec.statement.actions[0]", "FieldValueInvalid" },
        { STATEMENT("['a\\tb']", "['*']", "'allow'"), "spec.statement.actions[0]", "FieldValueInvalid" },
        /* Contract 9.8: these stopped the whole platform. */
        { STATEMENT("['/:']", "['*']", "'allow'"), "spec.statement.actions[0]", "FieldValueInvalid" },
        { STATEMENT("['get']", "['a/:']", "'allow'"), "spec.statement.resources[0]", "FieldValueInvalid" },
        { STATEMENT("['get']", "['/:/b']", "'allow'"), "spec.statement.resources[0]", "FieldValueInvalid" },
        { STATEMENT("['get']", "['a:b/:']", "'allow'"), "spec.statement.resources[0]", "FieldValueInvalid" },
        { POLICY("a.b", ""), "metadata.name", "FieldValueInvalid" },
        { POLICY("a##b", ""), "metadata.name", "FieldValueInvalid" },
        { POLICY("pol-x", ",'type':'own'"), "spec.type", "FieldValueNotSupported" },
        { POLICY("pol-x", ",'scope':'everywhere'"), "spec.scope", "FieldValueNotSupported" },
        { POLICY("pol-x", ",'conditions':'no base64'"), "spec.conditions", "FieldValueInvalid" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        rig_create_refused(&kind_policy, cases[i].object, cases[i].reason, cases[i].field);
    rig_create(&kind_policy, POLICY("pol-x", ""));
    rig_assert_at(rig.object, "spec.type", "'custom'");
    rig_assert_at(rig.object, "spec.username", "'admin'");
    rig_assert_at(rig.object, "status", "{'phase':'Active','users':null,'groups':null}");
}

static void a_pattern_has_a_limit(void **state) {
    (void)state;
    char *text = arena_alloc(rig.arena, 2000);
    memset(text, 'a', 1025);
    rig_create_refused(&kind_policy, rig_text(STATEMENT("['%s']", "['*']", "'allow'"), text),
                       "FieldValueInvalid", "spec.statement.actions[0]");
    text[1024] = 0;
    rig_create(&kind_policy, rig_text(STATEMENT("['%s']", "['*']", "'allow'"), text));
}

static void characters_that_meant_something_to_tkestack_are_warned_about(void **state) {
    (void)state;
    static const char *const literal[] = { "cls.1", "a|b", "a+", "^a", "a$", "(a)", "[a]", "a?", "a{1}" };
    for (size_t i = 0; i < ARRAY_LEN(literal); i++) {
        rig_create(&kind_policy, rig_text("{'spec':{'displayName':'P','category':'c','statement':"
                                          "{'actions':['get'],'resources':['%s'],'effect':'allow'}}}",
                                          literal[i]));
        assert_int_equal(rig.refusal.warning_count, 1);
        assert_true(rig_warned("spec.statement.resources[0]"));
    }
    rig_create(&kind_policy,
               STATEMENT("['*','get*','a-b_c:d']", "['cluster:*/ns:x,y','/apis/:x']", "'deny'"));
    assert_int_equal(rig.refusal.warning_count, 0);
}

static json_t *numbered(const char *prefix, size_t n) {
    json_t *list = rig_keep(json_array());
    for (size_t i = 0; i < n; i++)
        assert_int_equal(json_array_append_new(list, json_sprintf("%s%zu", prefix, i)), 0);
    return list;
}

static json_t *policy_of_size(size_t actions, size_t resources) {
    json_t *o = rig_json(POLICY("pol-x", ""));
    json_t *statement = json_object_get(json_object_get(o, "spec"), "statement");
    (void)json_object_set(statement, "actions", numbered("a", actions));
    (void)json_object_set(statement, "resources", numbered("r", resources));
    return o;
}

static void a_policy_makes_only_so_many_rules(void **state) {
    (void)state;
    (void)rig_try_create(&kind_policy, policy_of_size(101, 100), &rig_plain);
    rig_assert_refused(422, "Invalid");
    rig_assert_cause("FieldValueTooLong", "spec.statement");
    (void)rig_try_create(&kind_policy, policy_of_size(1001, 1), &rig_plain);
    rig_assert_cause("FieldValueTooLong", "spec.statement.actions");
    rig_ok(rig_try_create(&kind_policy, policy_of_size(100, 100), &rig_plain));
    assert_int_equal(rig_count(&kind_rule, STR_NULL), 10000);
}

static void everybody_is_no_subject(void **state) {
    (void)state;
    static const char *const bad[] = { "[{'id':'*','name':'*'}]", "[{'id':'x','name':'*'}]",
                                       "[{'id':'*','name':'x'}]" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        rig_create_refused(&kind_policy,
                           rig_text("{'metadata':{'name':'pol-x'},'spec':{'displayName':'P','tenantID':'t',"
                                    "'category':'c','statement':{'actions':['get*'],'resources':['*'],"
                                    "'effect':'allow'}},'status':{'users':%s}}",
                                    bad[i]),
                           "FieldValueInvalid", "status.users[0]");
    }
    /* Nor under the name of a tenant. */
    rig_create_refused(&kind_policy,
                       "{'metadata':{'name':'pol-x'},'spec':{'displayName':'P','category':'c','statement':"
                       "{'actions':['get*'],'resources':['*'],'effect':'allow'}},'status':{'users':"
                       "[{'id':'t##*','name':'*'}]}}",
                       "FieldValueInvalid", "status.users[0]");
}

static void the_platforms_own_policies_say_whose_subjects_they_mean(void **state) {
    (void)state;
    rig_create(&kind_policy,
               "{'metadata':{'name':'pol-x'},'spec':{'displayName':'P','category':'c','statement':"
               "{'actions':['get*'],'resources':['*'],'effect':'allow'}},'status':{'users':"
               "[{'id':'t##usr-1','name':'alice'},{'id':'u##usr-1','name':'alice'}],'groups':"
               "[{'id':'t##grp-1','name':'G'}]}}");
    rig_assert_rules("g, t##group##grp-1, pol-x, *\n"
                     "g, t##user##alice, pol-x, *\n"
                     "g, u##user##alice, pol-x, *\n"
                     "p, pol-x, *, *, get*, allow\n");
    assert_int_equal(rig_try_bind(&kind_policy, "pol-x", "[{'id':'usr-1','name':'alice'}]", NULL, true),
                     ERR_INVALID);
    rig_assert_cause("FieldValueInvalid", "status.users[2]");
    assert_int_equal(rig_try_bind(&kind_policy, "pol-x", "[{'id':'##usr-1','name':'alice'}]", NULL, true),
                     ERR_INVALID);
    assert_int_equal(rig_count(&kind_policy, index_user(rig.arena, STR("t"), STR("usr-1"))), 1);
    assert_int_equal(rig_count(&kind_policy, index_group(rig.arena, STR("t"), STR("grp-1"))), 1);
    assert_int_equal(rig_count(&kind_policy, index_user(rig.arena, STR(""), STR("usr-1"))), 0);
}

/* ---- rules (contract 5.2) ---- */

static void a_policy_makes_a_rule_of_every_action_with_every_resource(void **state) {
    (void)state;
    rig_create(&kind_policy, "{'metadata':{'name':'pol-x'},'spec':{'displayName':'P','tenantID':'t',"
                             "'category':'c','statement':{'actions':['get*','list*','get*'],'resources':"
                             "['a:*','b, c'],'effect':'deny'}},'status':{'users':[{'id':'1','name':'alice'},"
                             "{'id':'2','name':''}],'groups':[{'id':'g','name':'G'}]}}");
    rig_assert_rules("g, t##group##g, pol-x, *\n"
                     "g, t##user##alice, pol-x, *\n"
                     "p, pol-x, *, a:*, get*, deny\n"
                     "p, pol-x, *, a:*, list*, deny\n"
                     "p, pol-x, *, b, c, get*, deny\n"
                     "p, pol-x, *, b, c, list*, deny\n");
}

static void rules_follow_a_policy(void **state) {
    (void)state;
    rig_create(&kind_policy, POLICY("pol-x", ""));
    rig_assert_rules("p, pol-x, *, *, get*, allow\n"); /* also without subjects (contract 9.47) */
    rig_bind(&kind_policy, "pol-x", "[{'id':'1','name':'alice'}]", NULL, true);
    rig_assert_rules("g, t##user##alice, pol-x, *\np, pol-x, *, *, get*, allow\n");
    json_t *o = rig_read(&kind_policy, "pol-x");
    (void)json_object_set_new(json_object_get(json_object_get(o, "spec"), "statement"), "actions",
                              json_pack("[s]", "list*"));
    rig_update(&kind_policy, "pol-x", o);
    rig_assert_rules("g, t##user##alice, pol-x, *\np, pol-x, *, *, list*, allow\n");
    o = rig_read(&kind_policy, "pol-x");
    (void)json_object_set_new(json_object_get(o, "spec"), "scope", json_string("project"));
    rig_update(&kind_policy, "pol-x", o);
    rig_assert_rules("p, pol-x, *, *, list*, allow\n"); /* of projects: bindings say who */
    (void)json_object_set_new(json_object_get(o, "spec"), "scope", json_string("platform"));
    rig_update(&kind_policy, "pol-x", o);
    rig_assert_rules("g, t##user##alice, pol-x, *\np, pol-x, *, *, list*, allow\n");
    rig_remove(&kind_policy, "pol-x");
    rig_assert_rules(""); /* at once, not when the deletion ends */
    rig_finish(&kind_policy, "pol-x");
    rig_assert_rules("");
}

static void a_role_links_its_subjects_to_its_policies(void **state) {
    (void)state;
    rig_policy("t", "pol-a", "");
    rig_policy("t", "pol-b", "project");
#define POLICIES "p, pol-a, *, *, get*, allow\np, pol-b, *, *, get*, allow\n"
    rig_create(&kind_role, "{'metadata':{'name':'rol-x'},'spec':{'displayName':'R','tenantID':'t',"
                           "'policies':['pol-a','pol-b','pol-a']},'status':{'users':[{'id':'1','name':"
                           "'alice'}],'groups':[{'id':'g','name':'G'}]}}");
    rig_assert_rules("g, rol-x, pol-a, *\ng, rol-x, pol-b, *\ng, t##group##g, rol-x, *\n"
                     "g, t##user##alice, rol-x, *\n" POLICIES);
    json_t *o = rig_read(&kind_role, "rol-x");
    (void)json_object_set_new(json_object_get(o, "spec"), "projectID", json_string("prj-1"));
    rig_update(&kind_role, "rol-x", o);
    rig_assert_rules("g, rol-x, pol-a, prj-1\ng, rol-x, pol-b, prj-1\ng, t##group##g, rol-x, prj-1\n"
                     "g, t##user##alice, rol-x, prj-1\n" POLICIES);
    rig_remove(&kind_role, "rol-x");
    rig_assert_rules(POLICIES);
}

static void a_group_links_its_members_by_their_login_names(void **state) {
    (void)state;
    rig_create(&kind_local_group, "{'metadata':{'name':'grp-1'},'spec':{'displayName':'G','tenantID':'t'},"
                                  "'status':{'users':[{'id':'usr-1','name':'alice'}]}}");
    rig_assert_rules("g, t##user##alice, t##group##grp-1, *\n");
    rig_bind(&kind_local_group, "grp-1", "[{'id':'usr-2','name':'bob'}]", NULL, true);
    rig_bind(&kind_local_group, "grp-1", "[{'id':'usr-1'}]", NULL, false);
    rig_assert_rules("g, t##user##bob, t##group##grp-1, *\n");
    rig_delete(&kind_local_group, "grp-1");
    rig_assert_rules("");
}

/* ---- roles and what they refer to ---- */

static void policies_of_a_role_are_the_tenants(void **state) {
    (void)state;
    char *long_name = arena_alloc(rig.arena, 2001);
    memset(long_name, 'a', 2000);
    rig_policy("t", "pol-a", "");
    rig_policy("u", "pol-foreign", "");
    rig_policy("", "pol-platform", "");
#define ROLE(policies)                                                                                       \
    "{'metadata':{'name':'rol-x'},'spec':{'displayName':'R','tenantID':'t','policies':" policies "}}"
    rig_create_refused(&kind_role, ROLE("['pol-a','pol-foreign']"), "FieldValueInvalid", "spec.policies[1]");
    rig_create_refused(&kind_role, ROLE("['pol-platform']"), "FieldValueInvalid", "spec.policies[0]");
    rig_create(&kind_role, rig_text(ROLE("['','pol-missing','a\\tb','%s','pol-a']"), long_name));
    rig_assert_at(rig.object, "spec.policies", "['pol-a']");
    assert_int_equal(rig.refusal.warning_count, 4);
    assert_true(rig_warned("there is no policy \"pol-missing\""));
    assert_int_equal(rig_count(&kind_role, index_policy(rig.arena, STR("pol-a"))), 1);
}

static void what_a_role_loses_is_no_change_if_it_did_not_have_it(void **state) {
    (void)state;
    rig_policy("t", "pol-a", "");
    rig_create(&kind_role, ROLE("['pol-a']"));
    json_t *o = rig_read(&kind_role, "rol-x");
    (void)json_array_append_new(json_object_get(json_object_get(o, "spec"), "policies"),
                                json_string("pol-missing"));
    rig_update(&kind_role, "rol-x", o);
    rig_assert_at(rig.object, "spec.policies", "['pol-a']");
    assert_true(rig_warned("pol-missing"));
    rig_assert_at(rig_get(&kind_role, "rol-x"), "spec.policies", "['pol-a']");
    (void)json_object_set_new(json_object_get(o, "spec"), "policies", json_pack("[s]", "pol-missing"));
    rig_update(&kind_role, "rol-x", o);
    rig_assert_at(rig_get(&kind_role, "rol-x"), "spec.policies", "null"); /* as a list that never was */
}

static void projects_belong_to_the_tenant_that_was_there_first(void **state) {
    (void)state;
    static const struct {
        const char *project;
        bool ok;
    } cases[] = { { "prj-t", true }, { "prj-u", false }, { "prj-new", true } };
    rig_create(&kind_role, "{'metadata':{'name':'rol-t'},'spec':{'displayName':'R','tenantID':'t',"
                           "'projectID':'prj-t'}}");
    rig_create(&kind_role, "{'metadata':{'name':'rol-u'},'spec':{'displayName':'R','tenantID':'u',"
                           "'projectID':'prj-u'}}");
    rig_create(&kind_role, "{'metadata':{'name':'rol-x'},'spec':{'displayName':'R','tenantID':'t'}}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *o = rig_read(&kind_role, "rol-x");
        (void)json_object_set_new(json_object_get(o, "spec"), "projectID", json_string(cases[i].project));
        if (cases[i].ok)
            rig_update(&kind_role, "rol-x", o);
        else
            rig_update_refused(&kind_role, "rol-x", o, "FieldValueInvalid", "spec.projectID");
    }
    rig_create_refused(&kind_role, "{'spec':{'displayName':'R','tenantID':'u','projectID':'prj-new'}}",
                       "FieldValueInvalid", "spec.projectID");
    rig_create_refused(&kind_role, "{'spec':{'displayName':'R','tenantID':'t','projectID':'Prj'}}",
                       "FieldValueInvalid", "spec.projectID");
    rig_create_refused(&kind_role, "{'spec':{'displayName':'R','tenantID':'t','projectID':'*'}}",
                       "FieldValueInvalid", "spec.projectID");
}

/* All are nodes of one graph, over all tenants: whoever took another's name would get, or give, its rights. */
static void no_two_of_policies_roles_and_custom_bindings_have_one_name(void **state) {
    (void)state;
    rig_policy("t", "pol-a", "");
    rig_create(&kind_role, "{'metadata':{'name':'rol-a'},'spec':{'displayName':'R','tenantID':'t'}}");
    rig_create(&kind_custom_policy_binding,
               "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'t','domain':'*','policyID':'pol-a',"
               "'rulePrefix':'cg','resources':['*']}}"); /* its node is cg-pol-a */
    rig_create_refused(&kind_role, "{'metadata':{'name':'pol-a'},'spec':{'displayName':'R','tenantID':'u'}}",
                       "FieldValueInvalid", "metadata.name");
    rig_create_refused(&kind_role,
                       "{'metadata':{'name':'cg-pol-a'},'spec':{'displayName':'R','tenantID':'u'}}",
                       "FieldValueInvalid", "metadata.name");
    rig_create_refused(&kind_policy, POLICY("rol-a", ""), "FieldValueInvalid", "metadata.name");
    rig_create_refused(&kind_policy, POLICY("cg-pol-a", ""), "FieldValueInvalid", "metadata.name");
    rig_policy("u", "pol-u", "");
    rig_create(&kind_role, "{'metadata':{'name':'x-pol-u'},'spec':{'displayName':'R','tenantID':'t'}}");
    rig_create_refused(&kind_custom_policy_binding,
                       "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'u','domain':'*','policyID':"
                       "'pol-u','rulePrefix':'x','resources':['*']}}",
                       "FieldValueInvalid", "spec.rulePrefix");
    /* Once it has gone, its name is free. */
    rig_delete(&kind_role, "x-pol-u");
    rig_create(&kind_custom_policy_binding,
               "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'u','domain':'*','policyID':"
               "'pol-u','rulePrefix':'x','resources':['*']}}");
}

static void the_tenant_of_a_policy_or_role_stays(void **state) {
    (void)state;
    rig_policy("t", "pol-a", "");
    rig_create(&kind_role, "{'metadata':{'name':'rol-a'},'spec':{'displayName':'R','tenantID':'t'}}");
    const struct {
        const struct kind *kind;
        const char *name;
    } cases[] = { { &kind_policy, "pol-a" }, { &kind_role, "rol-a" } };
    static const char *const tenants[] = { "u", "" };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t j = 0; j < ARRAY_LEN(tenants); j++) {
            json_t *o = rig_read(cases[i].kind, cases[i].name);
            (void)json_object_set_new(json_object_get(o, "spec"), "tenantID", json_string(tenants[j]));
            rig_update_refused(cases[i].kind, cases[i].name, o, "FieldValueInvalid", "spec.tenantID");
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_MEMORY(policies_are_checked),
        ON_MEMORY(a_pattern_has_a_limit),
        ON_MEMORY(characters_that_meant_something_to_tkestack_are_warned_about),
        ON_MEMORY(a_policy_makes_only_so_many_rules),
        ON_MEMORY(everybody_is_no_subject),
        ON_MEMORY(the_platforms_own_policies_say_whose_subjects_they_mean),
        ON_MEMORY(a_policy_makes_a_rule_of_every_action_with_every_resource),
        ON_ALL(rules_follow_a_policy),
        ON_ALL(a_role_links_its_subjects_to_its_policies),
        ON_ALL(a_group_links_its_members_by_their_login_names),
        ON_ALL(policies_of_a_role_are_the_tenants),
        ON_ALL(what_a_role_loses_is_no_change_if_it_did_not_have_it),
        ON_ALL(projects_belong_to_the_tenant_that_was_there_first),
        ON_ALL(no_two_of_policies_roles_and_custom_bindings_have_one_name),
        ON_MEMORY(the_tenant_of_a_policy_or_role_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
