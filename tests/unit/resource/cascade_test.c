/* What goes or changes with an object (contract 5.3), in one transaction or not at all. */
#include "unit/resource/rig.h"

#define ALICE "{'id':'usr-alice','name':'alice'}"
#define BOB "{'id':'usr-bob','name':'bob'}"
#define GROUP "{'id':'grp-1','name':'G'}"

/* alice, bob and a group of both are everywhere a subject can be. */
static void populate(void) {
    rig_user("t", "alice");
    rig_user("t", "bob");
    rig_user("u", "carol");
    rig_create(&kind_local_group, "{'metadata':{'name':'grp-1'},'spec':{'displayName':'G','tenantID':'t'},"
                                  "'status':{'users':[" ALICE "," BOB "]}}");
    rig_policy("t", "pol-a", "");
    rig_policy("t", "pol-p", "project");
    rig_policy("", "pol-platform", "");
    rig_bind(&kind_policy, "pol-a", "[" ALICE "," BOB "]", "[" GROUP "]", true);
    rig_bind(&kind_policy, "pol-platform",
             "[{'id':'t##usr-alice','name':'alice'},{'id':'u##usr-alice','name':'alice'}]",
             "[{'id':'t##grp-1','name':'G'}]", true);
    rig_create(&kind_role,
               "{'metadata':{'name':'rol-1'},'spec':{'displayName':'R','tenantID':'t',"
               "'policies':['pol-a','pol-p']},'status':{'users':[" ALICE "," BOB "],'groups':[" GROUP "]}}");
    rig_create(&kind_project_policy_binding,
               "{'spec':{'tenantID':'t','projectID':'prj','policyID':'pol-p','users':[" ALICE "," BOB
               "],'groups':[" GROUP "]}}");
    rig_create(&kind_custom_policy_binding,
               "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'t','domain':'*','policyID':'pol-a',"
               "'rulePrefix':'cg','resources':['*'],'users':[{'id':'alice','name':'alice'},"
               "{'id':'bob','name':'bob'}],'groups':[" GROUP "]}}");
    for (int i = 0; i < 2; i++)
        rig_import(&kind_api_key,
                   rig_text("{'metadata':{'name':'apk-%d'},'spec':{'apiKey':'%040d','tenantID':'t',"
                            "'username':'%s','expire_at':'2033-11-14T22:13:20Z'}}",
                            i, i, i == 0 ? "alice" : "bob"));
}

#define P_RULES                                                                                              \
    "p, cg-pol-a, *, *, get*, allow\np, pol-a, *, *, get*, allow\np, pol-p, *, *, get*, allow\n"             \
    "p, pol-platform, *, *, get*, allow\n"

static void a_user_leaves_everything(void **state) {
    (void)state;
    populate();
    rig_delete(&kind_local_identity, "usr-alice");
    rig_assert_at(rig_get(&kind_local_group, "grp-1"), "status.users", "[" BOB "]");
    rig_assert_at(rig_get(&kind_policy, "pol-a"), "status.users", "[" BOB "]");
    rig_assert_at(rig_get(&kind_policy, "pol-platform"), "status.users",
                  "[{'id':'u##usr-alice','name':'alice'}]");
    rig_assert_at(rig_get(&kind_role, "rol-1"), "status.users", "[" BOB "]");
    rig_assert_at(rig_get(&kind_project_policy_binding, "prj-pol-p"), "spec.users", "[" BOB "]");
    rig_assert_at(rig_get(&kind_custom_policy_binding, "ns/pol-a"), "spec.users",
                  "[{'id':'bob','name':'bob'}]");
    assert_false(rig_has(&kind_api_key, "apk-0"));
    assert_true(rig_has(&kind_api_key, "apk-1"));
    assert_int_equal(rig_count(&kind_policy, index_user(rig.arena, STR("t"), STR("usr-alice"))), 0);
    assert_null(strstr(rig_rules(), "t##user##alice"));
    assert_non_null(strstr(rig_rules(), "u##user##alice"));
}

static void a_group_leaves_everything(void **state) {
    (void)state;
    populate();
    rig_delete(&kind_local_group, "grp-1");
    rig_assert_at(rig_get(&kind_policy, "pol-a"), "status.groups", "null");
    rig_assert_at(rig_get(&kind_policy, "pol-platform"), "status.groups", "null");
    rig_assert_at(rig_get(&kind_role, "rol-1"), "status.groups", "null");
    rig_assert_at(rig_get(&kind_project_policy_binding, "prj-pol-p"), "spec.groups", "null");
    rig_assert_at(rig_get(&kind_custom_policy_binding, "ns/pol-a"), "spec.groups", "null");
    assert_null(strstr(rig_rules(), "##group##"));
    assert_non_null(strstr(rig_rules(), "g, t##user##alice, pol-a, *\n"));
}

static void a_policy_takes_its_bindings_and_leaves_its_roles(void **state) {
    (void)state;
    populate();
    rig_delete(&kind_policy, "pol-p");
    assert_false(rig_has(&kind_project_policy_binding, "prj-pol-p"));
    rig_assert_at(rig_get(&kind_role, "rol-1"), "spec.policies", "['pol-a']");
    rig_delete(&kind_policy, "pol-a");
    assert_false(rig_has(&kind_custom_policy_binding, "ns/pol-a")); /* contract 9.48 */
    rig_assert_at(rig_get(&kind_role, "rol-1"), "spec.policies", "null");
    rig_delete(&kind_policy, "pol-platform");
    rig_assert_rules("g, t##group##grp-1, rol-1, *\ng, t##user##alice, rol-1, *\n"
                     "g, t##user##alice, t##group##grp-1, *\ng, t##user##bob, rol-1, *\n"
                     "g, t##user##bob, t##group##grp-1, *\n");
}

static void a_role_and_a_binding_take_their_rules_and_no_more(void **state) {
    (void)state;
    populate();
    rig_delete(&kind_role, "rol-1");
    rig_delete(&kind_project_policy_binding, "prj-pol-p");
    rig_delete(&kind_custom_policy_binding, "ns/pol-a");
    assert_true(rig_has(&kind_policy, "pol-a") && rig_has(&kind_policy, "pol-p"));
    assert_null(strstr(rig_rules(), "rol-1"));
    assert_null(strstr(rig_rules(), "prj"));
    assert_null(strstr(rig_rules(), "cg-pol-a"));
}

/* ids and login names are not the same: an id may look like somebody's login name. */
static void somebody_else_is_not_taken_for_the_user_who_goes(void **state) {
    (void)state;
    rig_user("t", "alice"); /* usr-alice */
    rig_import(&kind_local_identity,
               "{'metadata':{'name':'alice'},'spec':{'username':'mallory','displayName':"
               "'M','tenantID':'t','hashedPassword':'" RIG_HASH "'}}");
    rig_policy("t", "pol-a", "");
    rig_bind(&kind_policy, "pol-a", "[{'id':'alice','name':'mallory'}," ALICE "]", NULL, true);
    rig_create(&kind_custom_policy_binding,
               "{'metadata':{'namespace':'ns'},'spec':{'tenantID':'t','domain':'*','policyID':'pol-a',"
               "'rulePrefix':'cg','resources':['*'],'users':[{'id':'alice','name':'alice'},"
               "{'id':'mallory','name':'mallory'}]}}");
    rig_delete(&kind_local_identity, "usr-alice");
    rig_assert_at(rig_get(&kind_policy, "pol-a"), "status.users", "[{'id':'alice','name':'mallory'}]");
    rig_assert_at(rig_get(&kind_custom_policy_binding, "ns/pol-a"), "spec.users",
                  "[{'id':'mallory','name':'mallory'}]");
    rig_bind(&kind_policy, "pol-a", "[" ALICE "]", NULL, true);
    rig_user("t", "alice");
    rig_bind(&kind_custom_policy_binding, "ns/pol-a", "[{'id':'alice','name':'alice'}]", NULL, true);
    rig_delete(&kind_local_identity, "alice"); /* mallory, whose id is another's login name */
    rig_assert_at(rig_get(&kind_policy, "pol-a"), "status.users", "[" ALICE "]");
    rig_assert_at(rig_get(&kind_custom_policy_binding, "ns/pol-a"), "spec.users",
                  "[{'id':'alice','name':'alice'}]");
}

static void other_tenants_keep_what_has_the_same_name(void **state) {
    (void)state;
    rig_user("t", "alice");
    rig_policy("u", "pol-u", "");
    rig_bind(&kind_policy, "pol-u", "[" ALICE "]", NULL, true); /* a user of u with the same id */
    const char *before = rig_text("%lld", (long long)rig_revision_of(&kind_policy, "pol-u"));
    rig_delete(&kind_local_identity, "usr-alice");
    assert_string_equal(rig_text("%lld", (long long)rig_revision_of(&kind_policy, "pol-u")), before);
}

/* ---- in one transaction ---- */

static int64_t break_at; /* the write, counted from the beginning of the transaction, that fails */

enum err_code __real_store_tx_write(struct store_tx *tx, const struct store_write *w, int64_t *ret_revision,
                                    struct err *err);
enum err_code __wrap_store_tx_write(struct store_tx *tx, const struct store_write *w, int64_t *ret_revision,
                                    struct err *err);
enum err_code __real_store_tx_delete(struct store_tx *tx, struct str kind, struct str name, int64_t expected,
                                     bool unrecorded, struct err *err);
enum err_code __wrap_store_tx_delete(struct store_tx *tx, struct str kind, struct str name, int64_t expected,
                                     bool unrecorded, struct err *err);
enum err_code __real_store_tx_set_owned(struct store_tx *tx, struct str kind, struct str owner,
                                        const struct store_owned *items, size_t len, size_t *ret_changed,
                                        struct err *err);
enum err_code __wrap_store_tx_set_owned(struct store_tx *tx, struct str kind, struct str owner,
                                        const struct store_owned *items, size_t len, size_t *ret_changed,
                                        struct err *err);

static bool breaks(void) { return break_at > 0 && --break_at == 0; }

enum err_code __wrap_store_tx_write(struct store_tx *tx, const struct store_write *w, int64_t *ret_revision,
                                    struct err *err) {
    return breaks() ? err_set(err, ERR_UNAVAILABLE, "the disk is full")
                    : __real_store_tx_write(tx, w, ret_revision, err);
}
enum err_code __wrap_store_tx_delete(struct store_tx *tx, struct str kind, struct str name, int64_t expected,
                                     bool unrecorded, struct err *err) {
    return breaks() ? err_set(err, ERR_UNAVAILABLE, "the disk is full")
                    : __real_store_tx_delete(tx, kind, name, expected, unrecorded, err);
}
enum err_code __wrap_store_tx_set_owned(struct store_tx *tx, struct str kind, struct str owner,
                                        const struct store_owned *items, size_t len, size_t *ret_changed,
                                        struct err *err) {
    return breaks() ? err_set(err, ERR_UNAVAILABLE, "the disk is full")
                    : __real_store_tx_set_owned(tx, kind, owner, items, len, ret_changed, err);
}

struct step {
    const char *what;
    enum err_code (*run)(void);
    size_t least; /* writes it takes at the least: more than one thing changes */
};

static enum err_code remove_at_once(const struct kind *k, const char *name) {
    const struct resource_delete d = { .at_once = true };
    return rig_try_remove(k, name, &d);
}
static enum err_code remove_user(void) { return remove_at_once(&kind_local_identity, "usr-alice"); }
static enum err_code remove_group(void) { return remove_at_once(&kind_local_group, "grp-1"); }
static enum err_code remove_policy(void) { return remove_at_once(&kind_policy, "pol-a"); }
static enum err_code change_password(void) {
    json_t *o = rig_read(&kind_local_identity, "usr-alice");
    (void)json_object_set_new(json_object_get(o, "spec"), "hashedPassword",
                              json_string("$2a$04$abcdefghijklmnopqrstuuPHHmLbpbDxGKjBAJSA0T3ZvVYIUFb7v"));
    return rig_try_update(&kind_local_identity, "usr-alice", o, 0, &rig_trusted);
}
static enum err_code give_policies(void) {
    json_t *o = rig_read(&kind_local_identity, "usr-bob");
    (void)json_object_set_new(json_object_get(o, "spec"), "extra", json_pack("{s:s}", "policies", ""));
    return rig_try_update(&kind_local_identity, "usr-bob", o, 0, &rig_plain);
}
static enum err_code change_statement(void) {
    json_t *o = rig_read(&kind_policy, "pol-a");
    (void)json_object_set_new(json_object_get(json_object_get(o, "spec"), "statement"), "actions",
                              json_pack("[s]", "list*"));
    return rig_try_update(&kind_policy, "pol-a", o, 0, &rig_plain);
}
static enum err_code finish_user(void) {
    return resource_finish(&rig.env, &kind_local_identity, STR("usr-carol"), &rig.err);
}

static void half_of_it_never_happens(void **state) {
    (void)state;
    static const struct step steps[] = {
        { "a password changes", change_password, 2 },
        { "policies are given", give_policies, 2 },
        { "a statement changes", change_statement, 3 },
        { "a deletion ends", finish_user, 1 },
        { "a user goes", remove_user, 10 },
        { "a group goes", remove_group, 8 },
        { "a policy goes", remove_policy, 5 },
    };
    break_at = 0;
    populate();
    rig_remove(&kind_local_identity, "usr-carol");
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        const char *before = rig_dump();
        size_t n = 0;
        for (;;) {
            break_at = (int64_t)++n;
            enum err_code rc = steps[i].run();
            bool all_written = break_at > 0;
            break_at = 0;
            if (all_written) {
                if (rc != ERR_OK)
                    fail_msg("%s: %s", steps[i].what, rig_why());
                break;
            }
            if (rc != ERR_UNAVAILABLE)
                fail_msg("%s, write %zu: %s", steps[i].what, n, err_code_name(rc));
            if (strcmp(rig_dump(), before) != 0)
                fail_msg("%s: after write %zu failed something had changed", steps[i].what, n);
        }
        if (n <= steps[i].least)
            fail_msg("%s: only %zu writes", steps[i].what, n - 1);
        assert_string_not_equal(rig_dump(), before);
    }
}

/* ---- many ---- */

static void a_user_of_many_policies_goes_in_little_memory(void **state) {
    (void)state;
    enum { POLICIES = 40, USERS = 800, MEMORY = 8 * 1024 * 1024 };
    json_t *users = rig_keep(json_array());
    for (int i = 0; i < USERS; i++)
        assert_int_equal(json_array_append_new(users, json_pack("{s:o, s:o}", "id", json_sprintf("usr-%d", i),
                                                                "name", json_sprintf("user-%d", i))),
                         0);
    rig_user("t", "alice");
    for (int i = 0; i < POLICIES; i++) {
        const char *name = rig_text("pol-%d", i);
        rig_policy("t", name, "");
        rig_ok(resource_bind(&rig.env, &kind_policy, rig.arena, str_of(name), users, NULL, true, &rig_plain,
                             &rig.object, &rig.revision, &rig.refusal, &rig.err));
        (void)rig_keep(rig.object);
        rig_bind(&kind_policy, name, "[" ALICE "]", NULL, true);
    }
    AUTO_FREE(arena_free) struct arena *small = arena_new(MEMORY);
    struct refusal r = { .arena = small };
    const struct resource_delete d = { .at_once = true };
    json_t *gone = NULL;
    int64_t revision;
    bool removed = false;
    rig_ok(resource_remove(&rig.env, &kind_local_identity, small, STR("usr-alice"), &d, &gone, &revision,
                           &removed, &r, &rig.err));
    json_decref(gone);
    assert_true(removed);
    assert_int_equal(rig_count(&kind_policy, index_user(rig.arena, STR("t"), STR("usr-alice"))), 0);
    assert_int_equal(rig_count(&kind_policy, index_user(rig.arena, STR("t"), STR("usr-7"))), POLICIES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ALL(a_user_leaves_everything),
        ON_ALL(a_group_leaves_everything),
        ON_ALL(a_policy_takes_its_bindings_and_leaves_its_roles),
        ON_ALL(a_role_and_a_binding_take_their_rules_and_no_more),
        ON_ALL(somebody_else_is_not_taken_for_the_user_who_goes),
        ON_ALL(other_tenants_keep_what_has_the_same_name),
        ON(half_of_it_never_happens, "memory"),
        ON(half_of_it_never_happens, "sqlite"),
        ON(a_user_of_many_policies_goes_in_little_memory, "memory"),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
