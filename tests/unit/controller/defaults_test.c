/* Default data (contract 5.5, 9.50). */
#include "rig.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLICY(name, title, action)                                                                          \
    "{'metadata':{" name "},'spec':{'displayName':'" title                                                   \
    "','category':'common','statement':{'actions':['" action "'],'resources':['*'],'effect':'allow'}}}"
#define NAMED(name) "'name':'" name "'"

static void use_files(const char *policies, const char *roles, const char *categories) {
    rig_write_file("policy.json", policies);
    rig_write_file("role.json", roles);
    rig_write_file("category.json", categories);
    rig.options.policy_path = rig_path("policy.json");
    rig.options.role_path = rig_path("role.json");
    rig.options.category_path = rig_path("category.json");
}

static void use_built_in(void) {
    rig.options.policy_path = rig.options.role_path = rig.options.category_path = NULL;
}

/* The name of the only policy with this display name in the tenant; fails when there are more. */
struct search {
    const char *tenant, *title;
    struct str name;
    size_t found;
};

static enum err_code look(void *ctx, const struct store_object *o, struct err *err) {
    struct search *s = ctx;
    json_t *object = NULL;
    enum err_code rc = json_parse(o->body, &object, err);
    if (rc == ERR_OK && str_eq(object_str_at(object, "spec.displayName"), str_of(s->title)) &&
        str_eq(object_str_at(object, "spec.tenantID"), str_of(s->tenant))) {
        s->name = arena_str(rig.arena, o->name);
        s->found++;
    }
    json_decref(object);
    return rc;
}

static const char *name_of(const char *tenant, const char *title) {
    struct err err = { 0 };
    struct search s = { .tenant = tenant, .title = title };
    const struct store_query q = { .kind = str_of(kind_policy.plural), .each = look, .ctx = &s };
    assert_ok(store_list(rig.store, &q, NULL, &err));
    assert_int_equal(s.found, 1);
    return arena_strdup(rig.arena, s.name);
}

static enum err_code set_actions(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    (void)r;
    (void)err;
    (void)json_object_set_new(json_object_get(json_object_get(object, "spec"), "statement"), "actions",
                              json_pack("[s]", ctx));
    return ERR_OK;
}

static enum err_code set_users(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    (void)r;
    (void)err;
    (void)json_object_set_new(json_object_get(object, "status"), "users",
                              json_pack("[{s:s, s:s}]", "id", ctx, "name", ctx));
    return ERR_OK;
}

static void edit(const struct kind *k, const char *name,
                 enum err_code (*change)(void *, json_t *, struct refusal *, struct err *),
                 const char *value) {
    struct err err = { 0 };
    const struct resource_options o = { 0 };
    struct refusal r = { .arena = rig.arena };
    json_t *made = NULL;
    int64_t revision;
    if (resource_edit(&rig.env, k, rig.arena, str_of(name), &o, change, (void *)(uintptr_t)value, &made,
                      &revision, &r, &err) != ERR_OK)
        fail_msg("%s: %s", name, r.status ? r.message : err.detail);
    json_decref(made);
}

static void assert_action(const char *policy, const char *action) {
    json_t *object = rig_get(&kind_policy, policy);
    assert_non_null(object);
    assert_str(object_str_at(object, "metadata.name"), policy);
    struct str got = str_of(
        json_string_value(json_array_get(object_at(object, "spec.statement.actions"), 0)));
    if (!str_eq(got, str_of(action)))
        fail_msg("%s: %.*s instead of %s", policy, STR_FMT(got), action);
    json_decref(object);
}

/* ---- what is created ---- */

static void every_tenant_gets_policies_and_roles_the_platform_its_own(void **state) {
    (void)state;
    use_files(
        "[" POLICY(NAMED("pol-{tenantID}-look"), "Look",
                   "get*") ","
                           "{'level':'platform','metadata':{'name':'pol-all'},'spec':{'displayName':'All','"
                           "category':'common',"
                           "'statement':{'actions':['*'],'resources':['*'],'effect':'allow'}}}]",
        "[{'metadata':{'name':'rol-{tenantID}-looker'},'spec':{'displayName':'Looker','policies':['pol-"
        "{tenantID}-look']}},{'level':'platform','metadata':{'name':'rol-all'},'spec':{'displayName':'All',"
        "'policies':['pol-all']}}]",
        "[{'metadata':{'name':'common'},'Spec':{'displayName':'Common','actions':[{'name':'getX'}]}}]");
    rig_tenant("acme", "tke");
    rig_mirror("bolt", "ldap");
    rig_start();
    rig_run();
    rig_assert_text(&kind_policy, "pol-acme-look", "spec.tenantID", "acme");
    rig_assert_text(&kind_policy, "pol-acme-look", "spec.type", "default");
    rig_assert_text(&kind_policy, "pol-acme-look", "spec.username", "admin");
    rig_assert_text(&kind_policy, "pol-acme-look", "status.phase", "Active");
    rig_assert_text(&kind_policy, "pol-bolt-look", "spec.tenantID", "bolt");
    rig_assert_text(&kind_policy, "pol-all", "spec.tenantID", "");
    rig_assert_text(&kind_role, "rol-bolt-looker", "spec.tenantID", "bolt");
    rig_assert_text(&kind_role, "rol-all", "spec.tenantID", "");
    rig_assert_text(&kind_category, "common", "Spec.displayName", "Common");
    assert_int_equal(rig_count(&kind_policy, NULL), 3);
    assert_int_equal(rig_count(&kind_role, NULL), 3);
    assert_true(rig_has_rule("g, rol-acme-looker, pol-acme-look, *"));
    assert_true(rig_has_rule("g, rol-all, pol-all, *"));
    json_t *policy = rig_get(&kind_policy, "pol-acme-look");
    assert_str(str_of(json_string_value(json_array_get(object_at(policy, "spec.finalizers"), 0))), "policy");
    json_decref(policy);
    assert_int_equal(rig_log_count("default_created"), 7);
}

static void a_new_tenant_gets_its_data_at_once(void **state) {
    (void)state;
    use_built_in();
    rig_start();
    rig_run();
    rig_tenant("late", "tke");
    rig_run();
    assert_true(rig_has(&kind_policy, "pol-late-administrator"));
    assert_true(rig_has(&kind_role, "rol-late-viewer"));
}

/* ---- what is written, and what not ---- */

static void a_restart_writes_nothing(void **state) {
    (void)state;
    use_built_in();
    rig_tenant("acme", "tke");
    rig_tenant("bolt", "ldap");
    rig_directory("acme", true);
    rig_start();
    rig_run();
    int64_t before = rig_revision();
    rig_kill();
    rig_reopen_store();
    rig_start();
    rig_run();
    assert_int_equal(rig_revision(), before);
    rig_run_for(20 * 60 * 1000); /* several times of looking at all of it again */
    assert_int_equal(rig_revision(), before);
}

static void a_named_entry_overwrites_the_spec_and_keeps_the_subjects(void **state) {
    (void)state;
    use_files("[" POLICY(NAMED("pol-{tenantID}-look"), "Look", "get*") "]", "[]", "[]");
    rig_tenant("acme", "tke");
    rig_start();
    rig_run();
    edit(&kind_policy, "pol-acme-look", set_actions, "delete*");
    edit(&kind_policy, "pol-acme-look", set_users, "usr-1");
    assert_true(rig_has_rule("p, pol-acme-look, *, *, delete*, allow"));
    rig_run_for(5 * 60 * 1000 + 1000);
    assert_action("pol-acme-look", "get*");
    assert_true(rig_has_rule("p, pol-acme-look, *, *, get*, allow"));
    assert_false(rig_has_rule("p, pol-acme-look, *, *, delete*, allow"));
    assert_true(rig_has_rule("g, acme##user##usr-1, pol-acme-look, *"));
    assert_int_equal(rig_log_count("default_updated"), 1);
}

static void what_is_deleted_comes_back(void **state) {
    (void)state;
    use_files("[" POLICY(NAMED("pol-{tenantID}-look"), "Look", "get*") "]",
              "[{'metadata':{'name':'rol-{tenantID}-looker'},'spec':{'displayName':'Looker','policies':['pol-"
              "{tenantID}-look']}}]",
              "[{'metadata':{'name':'common'},'Spec':{'displayName':'Common'}}]");
    rig_tenant("acme", "tke");
    rig_start();
    rig_run();
    rig_remove(&kind_policy, "pol-acme-look");
    rig_remove(&kind_category, "common");
    rig_run();
    assert_false(rig_has(&kind_policy, "pol-acme-look"));
    rig_run_for(11 * 60 * 1000);
    assert_true(rig_has(&kind_policy, "pol-acme-look"));
    assert_true(rig_has(&kind_category, "common"));
    assert_true(rig_has_rule("g, rol-acme-looker, pol-acme-look, *"));
}

static void what_is_being_deleted_is_left_alone(void **state) {
    (void)state;
    use_files("[" POLICY(NAMED("pol-{tenantID}-look"), "Look", "get*") "]", "[]", "[]");
    rig_tenant("acme", "tke");
    rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-acme-look','finalizers':['example.org/x']},'spec':{'tenantID':'acme',"
        "'displayName':'L','category':'c','type':'default','statement':{'actions':['x'],'resources':['*'],"
        "'effect':'allow'}}}");
    rig_remove(&kind_policy, "pol-acme-look");
    rig_start();
    rig_run();
    int64_t before = rig_revision();
    rig_run_for(30 * 60 * 1000);
    assert_action("pol-acme-look", "x");
    assert_true(rig_revision() <= before + 1);
}

static void an_entry_without_a_name_is_found_again_by_its_title(void **state) {
    (void)state;
    use_files("[" POLICY("", "FullAccess", "get*") "]", "[]", "[]");
    rig_tenant("acme", "tke");
    rig_tenant("bolt", "tke");
    /* Somebody's own of the same title, and another tenant's. */
    rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-mine'},'spec':{'tenantID':'bolt','displayName':'FullAccess','category':'c',"
        "'statement':{'actions':['mine'],'resources':['*'],'effect':'allow'}}}");
    rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-from-tkestack'},'spec':{'tenantID':'acme','displayName':'FullAccess',"
        "'category':'c','type':'default','statement':{'actions':['old'],'resources':['*'],'effect':'allow'}}"
        "}");
    rig_start();
    rig_run();
    assert_str(str_of(name_of("acme", "FullAccess")), "pol-from-tkestack");
    assert_action("pol-from-tkestack", "get*");
    assert_action("pol-mine", "mine");
    assert_int_equal(rig_count(&kind_policy, NULL), 3);
    rig_write_file("policy.json", "[" POLICY("", "FullAccess", "list*") "]");
    rig_run();
    assert_action("pol-from-tkestack", "list*");
    assert_action("pol-mine", "mine");
    assert_int_equal(rig_count(&kind_policy, NULL), 3);
}

/* In the form of TKEStack's own files, members and all. */
static void tkestacks_files_are_taken_as_they_are(void **state) {
    (void)state;
    use_files(
        "[{'metadata':{'creationTimestamp':null},'spec':{'displayName':'DiskAccess','tenantID':'default',"
        "'category':'volume','type':'default','scope':'','username':'','description':'disks','statement':{"
        "'actions':['*Disk*'],'resources':['*'],'effect':'allow'}},'status':{'phase':'','users':null,'groups'"
        ":"
        "null}},{'metadata':{'name':'pol-{tenantID}-boss','creationTimestamp':null},'spec':{'displayName':"
        "'Boss','tenantID':'default','category':'common','type':'default','scope':'project','username':'',"
        "'description':'','statement':{'actions':['*'],'resources':['*'],'effect':'allow'}},'status':{'phase'"
        ":"
        "'','users':null,'groups':null}}]",
        "[]",
        "[{'metadata':{'name':'disks','creationTimestamp':null},'Spec':{'displayName':'Disks','description':"
        "'Disks','actions':[{'name':'getDisk','description':'look'}]}}]");
    rig_tenant("acme", "tke");
    rig_start();
    rig_run();
    rig_assert_text(&kind_policy, name_of("acme", "DiskAccess"), "spec.username", "admin");
    rig_assert_text(&kind_policy, "pol-acme-boss", "spec.tenantID", "acme");
    rig_assert_text(&kind_policy, "pol-acme-boss", "spec.scope", "project");
    rig_assert_text(&kind_category, "disks", "Spec.description", "Disks");
    assert_int_equal(rig_log_count("default_data_left_out"), 0);
    int64_t before = rig_revision();
    rig_kill();
    rig_start();
    rig_run();
    assert_int_equal(rig_revision(), before);
}

/* ---- what is wrong ---- */

static void a_bad_entry_is_told_and_the_others_count(void **state) {
    (void)state;
    use_files(
        "[" POLICY(NAMED("pol-{tenantID}-first"), "First",
                   "get*") ","
                           "'no object',"
                           "{'metadata':{'name':17},'spec':{}},"
                           "{'metadata':{'name':'pol-{tenantID}-nospec'}},"
                           "{'level':'galaxy','metadata':{'name':'pol-{tenantID}-level'},'spec':{}},"
                           "{'kind':'Role','metadata':{'name':'pol-{tenantID}-kind'},'spec':{}}," POLICY(
                               NAMED("pol-{tenantID}-EVIL NAME"), "Evil",
                               "get*") ","
                                       "{'metadata':{'name':'pol-{tenantID}-empty'},'spec':{'displayName':'E'"
                                       ",'category':'c','statement':{"
                                       "'actions':[],'resources':['*'],'effect':'allow'}}},"
                                       "{'metadata':{'name':'pol-{tenantID}-type'},'spec':{'displayName':5,'"
                                       "category':'c'}}," POLICY(NAMED("pol-{tenantID}-last"), "Last",
                                                                 "get*") "]",
        "[{'metadata':{},'spec':{'displayName':'Nameless'}}]", "[]");
    rig_tenant("acme", "tke");
    rig_tenant("bolt", "tke");
    rig_start();
    rig_run();
    assert_true(rig_has(&kind_policy, "pol-acme-first"));
    assert_true(rig_has(&kind_policy, "pol-acme-last"));
    assert_true(rig_has(&kind_policy, "pol-bolt-last"));
    assert_int_equal(rig_count(&kind_policy, NULL), 4);
    /* Each once, whatever the number of tenants. */
    assert_int_equal(rig_log_count("default_data_left_out"), 9);
    static const char *const told[] = { "\"entry\":2,",
                                        "\"entry\":3,",
                                        "pol-{tenantID}-nospec",
                                        "pol-{tenantID}-level",
                                        "pol-{tenantID}-kind",
                                        "EVIL NAME",
                                        "-empty",
                                        "-type",
                                        "features.role_path" };
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        if (rig_log_count(told[i]) == 0)
            fail_msg("%s was not told", told[i]);
    rig_run_for(3600 * 1000);
    assert_int_equal(rig_log_count("default_data_left_out"), 9);
}

static void a_bad_file_keeps_the_last_good_one(void **state) {
    (void)state;
    static const char *const bad[] = { "[{", "{}", "", "'text'", "[]]" };
    use_files("[" POLICY(NAMED("pol-{tenantID}-a"), "A", "get*") "]", "[]", "[]");
    rig_tenant("acme", "tke");
    rig_start();
    rig_run();
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        rig_write_file("policy.json", bad[i]);
        rig_run();
        assert_int_equal(rig_log_count("default_data_unusable"), i + 1);
    }
    (void)unlink(rig_path("policy.json"));
    rig_run();
    assert_int_equal(rig_log_count("default_data_unusable"), ARRAY_LEN(bad) + 1);
    rig_tenant("bolt", "tke"); /* the list is still in force */
    rig_run();
    assert_true(rig_has(&kind_policy, "pol-bolt-a"));
    rig_write_file("policy.json", "[" POLICY(NAMED("pol-{tenantID}-a"), "A", "list*") "]");
    rig_run();
    assert_action("pol-acme-a", "list*");
    assert_action("pol-bolt-a", "list*");
}

static void a_file_that_is_bad_at_the_start_leaves_everything_alone(void **state) {
    (void)state;
    use_files("[{", "[]", "[]");
    rig_tenant("acme", "tke");
    rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-acme-viewer'},'spec':{'tenantID':'acme','displayName':'L','category':'c',"
        "'type':'default','statement':{'actions':['operators-own'],'resources':['*'],'effect':'allow'}}}");
    rig_start();
    rig_run();
    assert_int_equal(rig_count(&kind_policy, NULL), 1);
    assert_action("pol-acme-viewer", "operators-own");
    assert_int_equal(rig_log_count("default_data_unusable"), 1);
    rig_run_for(30 * 60 * 1000);
    assert_int_equal(rig_log_count("default_data_unusable"), 1);
}

static void a_folder_that_is_not_there_yet_is_no_failed_start(void **state) {
    (void)state;
    rig.options.policy_path = rig_path("not/there/policy.json");
    rig_tenant("acme", "tke");
    rig_start();
    rig_run();
    assert_int_equal(rig_log_count("default_data_unwatched"), 1);
    (void)mkdir(rig_path("not"), 0700);
    (void)mkdir(rig_path("not/there"), 0700);
    rig_write_file("not/there/policy.json", "[" POLICY(NAMED("pol-{tenantID}-a"), "A", "get*") "]");
    rig_run_for(6 * 60 * 1000);
    assert_true(rig_has(&kind_policy, "pol-acme-a"));
    (void)unlink(rig_path("not/there/policy.json"));
    (void)rmdir(rig_path("not/there"));
    (void)rmdir(rig_path("not"));
}

/* As kubelet changes a mounted ConfigMap. */
static void a_swap_of_symlinks_is_noticed(void **state) {
    (void)state;
    (void)mkdir(rig_path("..1"), 0700);
    (void)mkdir(rig_path("..2"), 0700);
    rig_write_file("..1/policy.json", "[" POLICY(NAMED("pol-{tenantID}-a"), "A", "get*") "]");
    rig_write_file("..2/policy.json", "[" POLICY(NAMED("pol-{tenantID}-a"), "A", "list*") "]");
    assert_int_equal(symlink("..1", rig_path("..data")), 0);
    assert_int_equal(symlink("..data/policy.json", rig_path("policy.json")), 0);
    rig.options.policy_path = rig_path("policy.json");
    rig_tenant("acme", "tke");
    rig_start();
    rig_run();
    assert_action("pol-acme-a", "get*");
    assert_int_equal(symlink("..2", rig_path("..data_tmp")), 0);
    assert_int_equal(rename(rig_path("..data_tmp"), rig_path("..data")), 0);
    rig_run();
    assert_action("pol-acme-a", "list*");
    static const char *const files[] = { "..1/policy.json", "..2/policy.json", "..data" };
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        (void)unlink(rig_path(files[i]));
    (void)rmdir(rig_path("..1"));
    (void)rmdir(rig_path("..2"));
}

static void another_tenants_object_of_the_name_is_not_taken(void **state) {
    (void)state;
    use_files("[" POLICY(NAMED("pol-{tenantID}-a"), "A", "*") "]", "[]", "[]");
    rig_tenant("mallory", "tke");
    rig_create(
        &kind_policy,
        "{'metadata':{'name':'pol-acme-a'},'spec':{'tenantID':'mallory','displayName':'L','category':'c',"
        "'statement':{'actions':['x'],'resources':['*'],'effect':'allow'}},'status':{'users':[{'id':'m',"
        "'name':'m'}]}}");
    rig_tenant("acme", "tke");
    rig_start();
    rig_run();
    assert_action("pol-acme-a", "x");
    rig_assert_text(&kind_policy, "pol-acme-a", "spec.tenantID", "mallory");
    assert_int_equal(rig_log_count("default_data_left_out"), 1);
    assert_int_equal(rig_log_count("taken by an object of the tenant mallory"), 1);
}

static void a_role_of_policies_that_are_not_there_is_not_written_again_and_again(void **state) {
    (void)state;
    use_files(
        "[" POLICY(NAMED("pol-{tenantID}-a"), "A", "get*") "]",
        "[{'metadata':{'name':'rol-{tenantID}-r'},'spec':{'displayName':'R','policies':['pol-{tenantID}-a',"
        "'pol-{tenantID}-missing']}}]",
        "[]");
    rig_tenant("acme", "tke");
    rig_start();
    rig_run();
    assert_true(rig_has_rule("g, rol-acme-r, pol-acme-a, *"));
    assert_int_equal(rig_log_count("pol-acme-missing"), 1);
    int64_t before = rig_revision();
    rig_kill();
    rig_start();
    rig_run_for(20 * 60 * 1000);
    assert_int_equal(rig_revision(), before);
    rig_write_file("policy.json", "[" POLICY(NAMED("pol-{tenantID}-a"), "A", "get*") "," POLICY(
                                      NAMED("pol-{tenantID}-missing"), "M", "get*") "]");
    rig_run();
    assert_true(rig_has_rule("g, rol-acme-r, pol-acme-missing, *"));
}

static void a_tenant_whose_id_fits_no_name_gets_what_has_none(void **state) {
    (void)state;
    use_files("[" POLICY(NAMED("pol-{tenantID}-a"), "A", "get*") "," POLICY("", "Nameless", "get*") "]", "[]",
              "[]");
    rig_mirror("My_Directory", "ldap");
    rig_start();
    rig_run();
    assert_int_equal(rig_count(&kind_policy, NULL), 1);
    assert_int_equal(rig_log_count("cannot be part of an object's name"), 1);
    assert_int_equal(rig_log_count("default_data_left_out"), 1); /* and not every entry */
    rig_run_for(3600 * 1000);
    assert_int_equal(rig_log_count("cannot be part of an object's name"), 1);
}

/* ---- interruptions ---- */

static void it_goes_on_wherever_it_was_killed(void **state) {
    (void)state;
    use_built_in();
    rig_tenant("acme", "tke");
    int lives = 0;
    do { /* a few more steps in each life */
        rig_start();
        for (int i = 0; i < lives && rig_step(CONTROLLER_OBJECTS); i++)
            ;
        rig_kill();
        rig_reopen_store();
    } while (!rig_has(&kind_role, "rol-acme-viewer") && ++lives < 200);
    assert_true(lives > 20 && lives < 200);
    rig_start();
    rig_run();
    size_t policies = rig_count(&kind_policy, NULL);
    rig_tenant("bolt", "tke");
    rig_run();
    assert_int_equal(rig_count(&kind_policy, rig_tenant_key("acme").ptr),
                     rig_count(&kind_policy, rig_tenant_key("bolt").ptr));
    assert_true(policies > 30); /* and none twice */
}

static void a_tenant_deleted_in_the_middle_leaves_nothing(void **state) {
    (void)state;
    use_built_in();
    for (int steps = 40; steps < 90; steps += 10) {
        rig_tenant("acme", "tke");
        rig_start();
        for (int i = 0; i < steps; i++)
            (void)rig_step(CONTROLLER_OBJECTS);
        rig_remove(&kind_identity_provider, "acme");
        rig_run();
        assert_false(rig_has(&kind_identity_provider, "acme"));
        assert_int_equal(rig_count(&kind_policy, rig_tenant_key("acme").ptr), 0);
        assert_int_equal(rig_count(&kind_role, rig_tenant_key("acme").ptr), 0);
        rig_kill();
    }
}

/* The platform's are done first, so that a tenant may not squat on their names. */
static void deletions_do_not_wait_for_a_long_list(void **state) {
    (void)state;
    use_built_in();
    rig_tenant("acme", "tke");
    rig_create(&kind_local_group,
               "{'metadata':{'name':'grp-x'},'spec':{'tenantID':'acme','displayName':'g'}}");
    rig_start();
    for (int i = 0; i < 10; i++)
        (void)rig_step(CONTROLLER_OBJECTS);
    rig_remove(&kind_local_group, "grp-x");
    assert_true(rig_step(CONTROLLER_OBJECTS)); /* ends the round it is in */
    assert_true(rig_step(CONTROLLER_OBJECTS));
    assert_false(rig_has(&kind_local_group, "grp-x"));
    assert_false(rig_has(&kind_role, "rol-acme-viewer")); /* the list is still on its way */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_BOTH(every_tenant_gets_policies_and_roles_the_platform_its_own),
        ON_BOTH(a_new_tenant_gets_its_data_at_once),
        ON_BOTH(a_restart_writes_nothing),
        ON_BOTH(a_named_entry_overwrites_the_spec_and_keeps_the_subjects),
        ON_BOTH(what_is_deleted_comes_back),
        ON_BOTH(what_is_being_deleted_is_left_alone),
        ON_BOTH(an_entry_without_a_name_is_found_again_by_its_title),
        ON_BOTH(tkestacks_files_are_taken_as_they_are),
        ON_BOTH(a_bad_entry_is_told_and_the_others_count),
        ON_BOTH(a_bad_file_keeps_the_last_good_one),
        ON_BOTH(a_file_that_is_bad_at_the_start_leaves_everything_alone),
        ON(a_folder_that_is_not_there_yet_is_no_failed_start, "memory"),
        ON(a_swap_of_symlinks_is_noticed, "memory"),
        ON_BOTH(another_tenants_object_of_the_name_is_not_taken),
        ON_BOTH(a_role_of_policies_that_are_not_there_is_not_written_again_and_again),
        ON_BOTH(a_tenant_whose_id_fits_no_name_gets_what_has_none),
        ON_BOTH(it_goes_on_wherever_it_was_killed),
        ON_BOTH(a_tenant_deleted_in_the_middle_leaves_nothing),
        ON_BOTH(deletions_do_not_wait_for_a_long_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
