/* Writing objects: versions, parts, dry runs, what belongs into one transaction, and others who are faster. */
#include "unit/resource/rig.h"

#include <pthread.h>

#define CM(meta, data) "{'metadata':{'name':'cm'" meta "},'data':{" data "}}"

/* ---- creating ---- */

static void what_is_created_is_what_is_stored(void **state) {
    (void)state;
    json_t *given = rig_json("{'kind':'ConfigMap','apiVersion':'auth.tkestack.io/v1','metadata':"
                             "{'name':'cm'},'data':{'k':'v'}}");
    json_t *before = rig_keep(json_deep_copy(given));
    rig_ok(rig_try_create(&kind_config_map, given, &rig_plain));
    assert_true(json_equal(given, before));
    assert_true(json_equal(rig.object, rig_get(&kind_config_map, "cm")));
    assert_int_equal(rig.revision, rig_revision_of(&kind_config_map, "cm"));
    assert_int_equal(rig.revision, rig_revision());
    rig_assert_at(rig_read(&kind_config_map, "cm"), "kind", "'ConfigMap'");
    rig_assert_at(rig_read(&kind_config_map, "cm"), "apiVersion", "'auth.tkestack.io/v1'");
    rig_assert_at(rig_read(&kind_config_map, "cm"), "metadata.resourceVersion",
                  rig_text("'%lld'", (long long)rig.revision));
}

static void a_name_is_taken_once(void **state) {
    (void)state;
    rig_create(&kind_config_map, CM("", "'k':'1'"));
    const char *before = rig_dump();
    assert_int_not_equal(rig_try_create(&kind_config_map, rig_json(CM("", "'k':'2'")), &rig_plain), ERR_OK);
    rig_assert_refused(409, "AlreadyExists");
    assert_string_equal(rig.refusal.message, "configmaps.auth.tkestack.io \"cm\" already exists");
    assert_string_equal(rig_dump(), before);
}

static void a_login_name_is_taken_once_in_a_tenant(void **state) {
    (void)state;
    rig_user("t", "alice");
    rig_user("u", "bob");
    const char *before = rig_dump();
    json_t *again = rig_json("{'metadata':{'name':'usr-2'},'spec':{'username':'alice','displayName':'A',"
                             "'tenantID':'t','hashedPassword':'" RIG_HASH "'}}");
    assert_int_equal(rig_try_create(&kind_local_identity, again, &rig_trusted), ERR_INVALID);
    rig_assert_refused(422, "Invalid");
    rig_assert_cause("FieldValueDuplicate", "spec.username");
    assert_string_equal(rig_dump(), before);
    (void)json_object_set_new(json_object_get(again, "spec"), "tenantID", json_string("u"));
    rig_ok(rig_try_create(&kind_local_identity, again, &rig_trusted));
}

static void unknown_fields_are_warned_about_or_refused(void **state) {
    (void)state;
    static const struct resource_options strict = { .strict = true };
    json_t *given = rig_json("{'metadata':{'name':'cm','nome':1},'dat':{},'data':{'k':'v'}}");
    const char *before = rig_dump();
    assert_int_equal(rig_try_create(&kind_config_map, given, &strict), ERR_INVALID);
    rig_assert_refused(400, "BadRequest");
    assert_string_equal(rig.refusal.message,
                        "strict decoding error: unknown field \"metadata.nome\", unknown field \"dat\"");
    assert_string_equal(rig_dump(), before);
    rig_ok(rig_try_create(&kind_config_map, given, &rig_plain));
    assert_int_equal(rig.refusal.warning_count, 2);
    assert_true(rig_warned("unknown field \"metadata.nome\""));
    assert_true(rig_warned("unknown field \"dat\""));
    rig_assert_at(rig.object, "dat", NULL);
}

static void an_object_that_is_too_large_is_refused(void **state) {
    (void)state;
    char *big = arena_alloc(rig.arena, RESOURCE_BODY_MAX + 1);
    memset(big, 'x', RESOURCE_BODY_MAX);
    json_t *given = rig_json(CM("", ""));
    const char *before = rig_dump();
    (void)json_object_set_new(json_object_get(given, "data"), "k", json_string(big));
    assert_int_equal(rig_try_create(&kind_config_map, given, &rig_plain), ERR_LIMIT);
    rig_assert_refused(413, "RequestEntityTooLarge");
    assert_string_equal(rig_dump(), before);
    big[RESOURCE_BODY_MAX - 2000] = 0;
    (void)json_object_set_new(json_object_get(given, "data"), "k", json_string(big));
    rig_ok(rig_try_create(&kind_config_map, given, &rig_plain));
}

static void everything_wrong_is_told_at_once(void **state) {
    (void)state;
    json_t *given = rig_json("{'metadata':{'name':'A','labels':{'-':'b'}},'spec':{'tenantID':'t',"
                             "'statement':{'actions':[' get'],'resources':[],'effect':'maybe'}}}");
    assert_int_equal(rig_try_create(&kind_policy, given, &rig_plain), ERR_INVALID);
    rig_assert_refused(422, "Invalid");
    rig_assert_cause("FieldValueInvalid", "metadata.name");
    rig_assert_cause("FieldValueInvalid", "metadata.labels");
    rig_assert_cause("FieldValueRequired", "spec.displayName");
    rig_assert_cause("FieldValueRequired", "spec.category");
    rig_assert_cause("FieldValueRequired", "spec.statement.resources");
    rig_assert_cause("FieldValueNotSupported", "spec.statement.effect");
    rig_assert_cause("FieldValueInvalid", "spec.statement.actions[0]");
    assert_int_equal(rig.refusal.cause_count, 7);
}

static void hostile_input_is_refused_and_no_more(void **state) {
    (void)state;
    static const char *const cases[] = { "[]",
                                         "null",
                                         "'text'",
                                         "1",
                                         "{}",
                                         "{'metadata':null}",
                                         "{'metadata':[],'spec':[],'status':[],'data':[],'Spec':1}" };
    const char *before = rig_dump();
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++)
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            if ((*k)->is_virtual || *k == &kind_rule)
                continue;
            assert_int_equal(rig_try_create(*k, rig_json(cases[i]), &rig_plain), ERR_INVALID);
            rig_assert_refused(422, "Invalid");
        }
    assert_string_equal(rig_dump(), before);
}

/* ---- changing ---- */

static void a_change_is_based_on_a_version(void **state) {
    (void)state;
    rig_create(&kind_config_map, CM("", "'k':'1'"));
    int64_t first = rig.revision;
    rig_update(&kind_config_map, "cm", rig_json(CM("", "'k':'2'")));
    assert_int_equal(rig.revision, first + 1);
    assert_false(rig.removed);
    assert_true(json_equal(rig.object, rig_get(&kind_config_map, "cm")));
    const char *before = rig_dump();
    static const int64_t wrong[] = { -1, 1000000, INT64_MAX };
    assert_int_equal(rig_try_update(&kind_config_map, "cm", rig_json(CM("", "'k':'3'")), first, &rig_plain),
                     ERR_CONFLICT);
    rig_assert_refused(409, "Conflict");
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        (void)rig_try_update(&kind_config_map, "cm", rig_json(CM("", "'k':'3'")), wrong[i], &rig_plain);
        rig_assert_refused(409, "Conflict");
    }
    (void)rig_try_update(&kind_config_map, "cm", rig_json(CM(",'uid':'another'", "'k':'3'")), 0, &rig_plain);
    rig_assert_refused(409, "Conflict");
    assert_string_equal(rig_dump(), before);
}

static void what_is_not_there_cannot_be_changed(void **state) {
    (void)state;
    char long_name[401];
    memset(long_name, 'a', 400);
    long_name[400] = 0;
    const char *const names[] = { "cm", "", "a/b", "A b", "a\nb", "\xff", long_name };
    const struct resource_delete d = { 0 };
    const char *before = rig_dump();
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_int_equal(rig_try_update(&kind_config_map, names[i], rig_json("{}"), 1, &rig_plain),
                         ERR_NOT_FOUND);
        rig_assert_refused(404, "NotFound");
        assert_int_equal(rig_try_remove(&kind_config_map, names[i], &d), ERR_NOT_FOUND);
        rig_assert_refused(404, "NotFound");
        assert_int_equal(rig_try_bind(&kind_policy, names[i], "[]", "[]", true), ERR_NOT_FOUND);
        rig_assert_refused(404, "NotFound");
    }
    assert_string_equal(rig_dump(), before);
    (void)rig_try_update(&kind_config_map, "cm", rig_json("{}"), 1, &rig_plain);
    assert_string_equal(rig.refusal.message, "configmaps.auth.tkestack.io \"cm\" not found");
    (void)rig_try_update(&kind_custom_policy_binding, "ns/cpb", rig_json("{}"), 1, &rig_plain);
    assert_string_equal(rig.refusal.message, "custompolicybindings.auth.tkestack.io \"cpb\" not found");
}

static void what_is_read_and_sent_back_changes_nothing(void **state) {
    (void)state;
    const struct resource_options *const parts[] = { &rig_plain, &rig_status, &rig_finalize };
    rig_populate();
    clock_advance(&rig.clock, 60000);
    for (const struct rig_sample *s = rig_samples; s->kind != NULL; s++)
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
            if ((parts[i]->part == PART_STATUS && s->kind->status_key == NULL) ||
                (parts[i]->part == PART_FINALIZE && s->kind->finalizer == NULL))
                continue;
            const char *before = rig_dump();
            int64_t revision = rig_revision_of(s->kind, s->name);
            if (rig_try_update(s->kind, s->name, rig_read(s->kind, s->name), 0, parts[i]) != ERR_OK)
                fail_msg("%s %s: %s", s->kind->kind, s->name, rig_why());
            if (strcmp(rig_dump(), before) != 0)
                fail_msg("%s %s part %zu: %s\n%s", s->kind->kind, s->name, i, before, rig_dump());
            assert_int_equal(rig.revision, revision);
            assert_true(json_equal(rig.object, rig_get(s->kind, s->name)));
        }
}

static bool has_manager(const json_t *object, const char *manager) {
    const json_t *list = object_at(object, "metadata.managedFields");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_get_str(json_array_get(list, i), "manager"), str_of(manager)))
            return true;
    return false;
}

static void a_change_of_every_kind_is_one_write_with_a_manager(void **state) {
    (void)state;
    static const struct resource_options o = { .manager = { "tester", 6 } };
    rig_populate();
    for (const struct rig_sample *s = rig_samples; s->kind != NULL; s++) {
        json_t *object = rig_read(s->kind, s->name);
        (void)json_object_set_new(json_object_get(object, "metadata"), "labels",
                                  json_pack("{s:s}", "x", "1"));
        int64_t before = rig_revision();
        if (rig_try_update(s->kind, s->name, object, 0, &o) != ERR_OK)
            fail_msg("%s: %s", s->name, rig_why());
        assert_int_equal(rig_revision(), before + 1);
        rig_assert_at(rig.object, "metadata.labels", "{'x':'1'}");
        assert_true(has_manager(rig.object, "tester"));
    }
}

static void only_the_status_changes_with_the_status(void **state) {
    (void)state;
    rig_populate();
    json_t *object = rig_read(&kind_policy, "pol-1");
    (void)json_object_set_new(json_object_get(object, "spec"), "displayName", json_string("changed"));
    (void)json_object_set_new(json_object_get(object, "metadata"), "labels", json_pack("{s:s}", "a", "b"));
    (void)json_object_set_new(json_object_get(object, "metadata"), "finalizers", json_pack("[s]", "a/b"));
    (void)json_object_set_new(
        object, "status",
        json_pack("{s:s, s:[{s:s, s:s}]}", "phase", "Terminating", "users", "id", "usr-bob", "name", "bob"));
    rig_ok(rig_try_update(&kind_policy, "pol-1", object, 0, &rig_status));
    rig_assert_at(rig.object, "spec.displayName", "'P'");
    rig_assert_at(rig.object, "metadata.labels", NULL);
    rig_assert_at(rig.object, "metadata.finalizers", NULL);
    rig_assert_at(rig.object, "status",
                  "{'phase':'Active','users':[{'id':'usr-bob','name':'bob'}],'groups':null}");
    object = rig_read(&kind_policy, "pol-1");
    (void)json_object_del(object, "status");
    rig_ok(rig_try_update(&kind_policy, "pol-1", object, 0, &rig_status));
    rig_assert_at(rig.object, "status", "{'phase':'Active','users':null,'groups':null}");
    (void)json_object_set_new(object, "status", json_pack("{s:[{}]}", "users"));
    assert_int_equal(rig_try_update(&kind_policy, "pol-1", object, 0, &rig_status), ERR_INVALID);
    rig_assert_cause("FieldValueRequired", "status.users[0]");
}

static void the_status_stays_with_a_change_of_the_rest_but_for_subjects_that_are_named(void **state) {
    (void)state;
    rig_populate();
    json_t *object = rig_read(&kind_policy, "pol-1");
    (void)json_object_set_new(object, "status",
                              json_pack("{s:s, s:[], s:[{s:s, s:s}]}", "phase", "x", "users", "groups", "id",
                                        "grp-2", "name", "Two"));
    rig_update(&kind_policy, "pol-1", object);
    rig_assert_at(rig.object, "status",
                  "{'phase':'Active','users':[{'id':'usr-alice','name':'alice'}],"
                  "'groups':[{'id':'grp-2','name':'Two'}]}");
    assert_true(rig_warned("status.users: an empty list"));
    (void)json_object_del(object, "status");
    rig_update(&kind_policy, "pol-1", object);
    assert_int_equal(rig.refusal.warning_count, 0);
    rig_assert_at(rig.object, "status.groups[0].id", "'grp-2'");

    object = rig_read(&kind_local_identity, "usr-alice");
    (void)json_object_set_new(object, "status", json_pack("{s:b}", "locked", 1));
    (void)json_object_set_new(json_object_get(object, "spec"), "displayName", json_string("A"));
    rig_update(&kind_local_identity, "usr-alice", object);
    rig_assert_at(rig.object, "status.locked", NULL);
    rig_assert_at(rig.object, "status.lastUpdateTime", "'" RIG_NOW "'");
}

static void an_imported_object_without_a_phase_is_active(void **state) {
    (void)state;
    rig_import(&kind_role, "{'metadata':{'name':'rol-1'},'spec':{'displayName':'R'},'status':{'phase':''}}");
    rig_assert_at(rig.object, "status.phase", "'Active'");
    rig_import(&kind_role, "{'metadata':{'name':'rol-2'},'spec':{'displayName':'R'}}");
    rig_assert_at(rig.object, "status.phase", "'Active'");
}

static void finalizers_of_the_spec_change_with_finalize_only(void **state) {
    (void)state;
    rig_populate();
    json_t *object = rig_read(&kind_role, "rol-1");
    (void)json_object_set_new(json_object_get(object, "spec"), "finalizers", json_array());
    (void)json_object_set_new(json_object_get(object, "spec"), "description", json_string("changed"));
    rig_update(&kind_role, "rol-1", object);
    rig_assert_at(rig.object, "spec.finalizers", "['role']");
    (void)json_object_set_new(json_object_get(object, "spec"), "description", json_string("again"));
    rig_ok(rig_try_update(&kind_role, "rol-1", object, 0, &rig_finalize));
    rig_assert_at(rig.object, "spec.finalizers", NULL);
    rig_assert_at(rig.object, "spec.description", "'changed'");
    assert_false(rig.removed);
    rig_create(&kind_role, "{'metadata':{'name':'rol-2'},'spec':{'displayName':'R','finalizers':['x','y']}}");
    rig_assert_at(rig.object, "spec.finalizers", "['role']");
}

static void unknown_fields_and_bad_ones_of_a_change_are_refused_as_well(void **state) {
    (void)state;
    static const struct resource_options strict = { .strict = true };
    rig_create(&kind_config_map, CM("", "'k':'1'"));
    const char *before = rig_dump();
    assert_int_equal(rig_try_update(&kind_config_map, "cm", rig_json("{'dta':{}}"), 0, &strict), ERR_INVALID);
    rig_assert_refused(400, "BadRequest");
    rig_update_refused(&kind_config_map, "cm", rig_json(CM(",'labels':{'-':''}", "")), "FieldValueInvalid",
                       "metadata.labels");
    assert_string_equal(rig_dump(), before);
}

/* ---- dry runs ---- */

static void a_dry_run_says_the_same_and_writes_nothing(void **state) {
    (void)state;
    const struct resource_delete dry = { .dry_run = true }, at_once = { .dry_run = true, .at_once = true };
    rig_populate();
    const char *before = rig_dump();
    for (const struct rig_sample *s = rig_samples; s->kind != NULL; s++) {
        const struct resource_options o = { .dry_run = true, .trusted = s->trusted };
        (void)rig_try_create(s->kind, rig_json(s->ticks), &o);
        rig_assert_refused(409, "AlreadyExists");
        json_t *object = rig_read(s->kind, s->name);
        (void)json_object_set_new(json_object_get(object, "metadata"), "labels",
                                  json_pack("{s:s}", "x", "1"));
        rig_ok(rig_try_update(s->kind, s->name, object, 0, &rig_dry));
        rig_assert_at(rig.object, "metadata.labels", "{'x':'1'}");
        rig_ok(rig_try_remove(s->kind, s->name, &dry));
        assert_int_equal(rig.removed, s->kind->finalizer == NULL && s->kind != &kind_config_map &&
                                          s->kind != &kind_identity_provider);
        rig_ok(rig_try_remove(s->kind, s->name, &at_once));
        assert_true(rig.removed);
    }
    rig_ok(rig_try_create(&kind_config_map, rig_json("{'metadata':{'generateName':'x-'}}"), &rig_dry));
    assert_true(str_starts_with(object_name(rig.object), STR("x-")));
    assert_string_equal(rig_dump(), before);
}

/* ---- the caller's own writes ---- */

struct also {
    enum err_code rc;
    unsigned status;
    size_t calls;
    bool saw_object, saw_old;
};

static enum err_code write_also(void *ctx, struct store_tx *tx, const struct resource_write *w,
                                struct refusal *r, struct err *err) {
    struct also *also = ctx;
    const struct store_write extra = { .kind = STR("extras"), .name = STR("x"), .body = STR("{}") };
    also->calls++;
    also->saw_object = w->object != NULL;
    also->saw_old = w->old != NULL;
    enum err_code rc = store_tx_write(tx, &extra, NULL, err);
    if (rc != ERR_OK)
        return rc;
    if (also->status != 0)
        return refuse(r, also->status, "Reason", "said the caller");
    return also->rc == ERR_OK ? ERR_OK : err_set(err, also->rc, "of the caller");
}

static bool has_extra(void) {
    struct store_object o;
    struct err err = { 0 };
    return store_get(rig.store, rig.arena, STR("extras"), STR("x"), &o, &err) == ERR_OK;
}

static void the_callers_writes_happen_with_the_object_or_not_at_all(void **state) {
    (void)state;
    struct also also = { .rc = ERR_UNAVAILABLE };
    const struct resource_options o = { .also = write_also, .ctx = &also };
    const struct resource_options dry = { .also = write_also, .ctx = &also, .dry_run = true };
    json_t *given = rig_json(CM("", "'k':'1'"));
    assert_int_equal(rig_try_create(&kind_config_map, given, &o), ERR_UNAVAILABLE);
    assert_int_equal(rig.refusal.status, 0);
    assert_null(rig.object);
    assert_false(has_extra() || rig_has(&kind_config_map, "cm"));
    also = (struct also) { .status = 403 };
    assert_int_equal(rig_try_create(&kind_config_map, given, &o), ERR_FORBIDDEN);
    rig_assert_refused(403, "Reason");
    assert_string_equal(rig.err.detail, "said the caller");
    assert_false(has_extra() || rig_has(&kind_config_map, "cm"));
    also = (struct also) { 0 };
    rig_ok(rig_try_create(&kind_config_map, given, &dry));
    assert_true(also.calls > 0);
    assert_false(has_extra() || rig_has(&kind_config_map, "cm"));
    rig_ok(rig_try_create(&kind_config_map, given, &o));
    assert_true(has_extra() && rig_has(&kind_config_map, "cm"));
    assert_true(also.saw_object && !also.saw_old);
}

/* ---- removing ---- */

static void what_has_no_finalizers_goes_at_once(void **state) {
    (void)state;
    const struct resource_delete d = { 0 };
    rig_create(&kind_config_map, CM("", "'k':'1'"));
    rig_ok(rig_try_remove(&kind_config_map, "cm", &d));
    assert_true(rig.removed);
    rig_assert_at(rig.object, "data.k", "'1'");
    assert_false(rig_has(&kind_config_map, "cm"));
    assert_int_equal(rig_try_remove(&kind_config_map, "cm", &d), ERR_NOT_FOUND);
}

static void preconditions_are_kept(void **state) {
    (void)state;
    rig_create(&kind_config_map, CM("", "'k':'1'"));
    int64_t first = rig.revision;
    struct str uid = json_get_str(object_metadata(rig.object), "uid");
    rig_update(&kind_config_map, "cm", rig_json(CM("", "'k':'2'")));
    const struct resource_delete wrong[] = { { .uid = STR("other") },
                                             { .revision = first },
                                             { .uid = uid, .revision = first } };
    const char *before = rig_dump();
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        assert_int_equal(rig_try_remove(&kind_config_map, "cm", &wrong[i]), ERR_CONFLICT);
        rig_assert_refused(409, "Conflict");
    }
    assert_string_equal(rig_dump(), before);
    const struct resource_delete right = { .uid = uid, .revision = rig_revision_of(&kind_config_map, "cm") };
    rig_ok(rig_try_remove(&kind_config_map, "cm", &right));
    assert_true(rig.removed);
}

static void the_first_phase_is_seen_and_the_second_ends_it(void **state) {
    (void)state;
    const struct resource_delete d = { 0 };
    rig_user("t", "alice");
    rig_policy("t", "pol-x", "");
    static const struct {
        const struct kind *kind;
        const char *name, *phase;
    } cases[] = { { &kind_policy, "pol-x", "'Terminating'" },
                  { &kind_local_identity, "usr-alice", "'Deleting'" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        rig_remove(cases[i].kind, cases[i].name);
        assert_false(rig.removed);
        const json_t *o = rig_get(cases[i].kind, cases[i].name);
        assert_true(json_equal(o, rig.object));
        rig_assert_at(o, "metadata.deletionTimestamp", "'" RIG_NOW "'");
        rig_assert_at(o, "status.phase", cases[i].phase);
        const char *before = rig_dump();
        assert_int_equal(rig_try_remove(cases[i].kind, cases[i].name, &d), ERR_CONFLICT);
        rig_assert_refused(409, "Conflict");
        assert_string_equal(rig_dump(), before);
        rig_finish(cases[i].kind, cases[i].name);
        assert_false(rig_has(cases[i].kind, cases[i].name));
        rig_finish(cases[i].kind, cases[i].name); /* once more: nothing to do */
    }
    rig_assert_rules("");
}

static void the_second_phase_of_what_is_not_deleted_does_nothing(void **state) {
    (void)state;
    rig_policy("t", "pol-x", "");
    const char *before = rig_dump();
    rig_finish(&kind_policy, "pol-x");
    rig_finish(&kind_policy, "pol-y");
    assert_string_equal(rig_dump(), before);
}

static void finalize_with_an_empty_list_ends_a_deletion(void **state) {
    (void)state;
    rig_policy("t", "pol-x", "");
    rig_remove(&kind_policy, "pol-x");
    json_t *object = rig_read(&kind_policy, "pol-x");
    (void)json_object_del(json_object_get(object, "spec"), "finalizers");
    rig_ok(rig_try_update(&kind_policy, "pol-x", object, 0, &rig_finalize));
    assert_true(rig.removed);
    assert_false(rig_has(&kind_policy, "pol-x"));
    rig_assert_rules("");
}

static void somebody_elses_finalizer_holds_an_object(void **state) {
    (void)state;
    const struct resource_delete d = { 0 };
    rig_create(&kind_config_map, CM(",'finalizers':['a.example/f']", "'k':'1'"));
    rig_remove(&kind_config_map, "cm");
    assert_false(rig.removed);
    rig_assert_at(rig.object, "metadata.deletionTimestamp", "'" RIG_NOW "'");
    const char *before = rig_dump();
    rig_ok(rig_try_remove(&kind_config_map, "cm", &d)); /* again: as Kubernetes answers */
    assert_false(rig.removed);
    rig_finish(&kind_config_map, "cm");
    assert_string_equal(rig_dump(), before);
    rig_update(&kind_config_map, "cm", rig_json(CM(",'finalizers':[]", "'k':'1'")));
    assert_true(rig.removed);
    assert_false(rig_has(&kind_config_map, "cm"));
}

static void an_object_that_others_hold_loses_its_rights_all_the_same(void **state) {
    (void)state;
    rig_policy("t", "pol-x", "");
    json_t *object = rig_read(&kind_policy, "pol-x");
    (void)json_object_set_new(json_object_get(object, "metadata"), "finalizers", json_pack("[s]", "a.b/c"));
    rig_update(&kind_policy, "pol-x", object);
    rig_create(&kind_role, "{'metadata':{'name':'rol-x'},'spec':{'displayName':'R','tenantID':'t',"
                           "'policies':['pol-x']}}");
    rig_remove(&kind_policy, "pol-x");
    rig_finish(&kind_policy, "pol-x");
    rig_assert_at(rig_get(&kind_policy, "pol-x"), "spec.finalizers", NULL);
    rig_assert_at(rig_get(&kind_role, "rol-x"), "spec.policies", "null");
    rig_assert_rules("");
    const char *before = rig_dump();
    rig_finish(&kind_policy, "pol-x"); /* once more: nothing is written for nothing */
    assert_string_equal(rig_dump(), before);
    object = rig_read(&kind_policy, "pol-x");
    (void)json_object_del(json_object_get(object, "metadata"), "finalizers");
    rig_update(&kind_policy, "pol-x", object);
    assert_true(rig.removed);
    assert_false(rig_has(&kind_policy, "pol-x"));
}

static void at_once_there_is_no_first_phase(void **state) {
    (void)state;
    const struct resource_delete d = { .at_once = true };
    rig_policy("t", "pol-x", "");
    rig_policy("t", "pol-y", "");
    rig_remove(&kind_policy, "pol-y");
    rig_ok(rig_try_remove(&kind_policy, "pol-x", &d));
    assert_true(rig.removed);
    rig_ok(rig_try_remove(&kind_policy, "pol-y", &d));
    assert_true(rig.removed);
    assert_int_equal(rig_count(&kind_policy, STR_NULL), 0);
    rig_assert_rules("");
}

/* ---- the daemon's own changes ---- */

static enum err_code count_up(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    json_t *data = json_object_get(object, "data");
    int64_t n = 0;
    (void)r;
    ++*(size_t *)ctx;
    enum err_code rc = parse_i64(json_get_str(data, "n"), 0, INT64_MAX, &n, err);
    (void)json_object_set_new(data, "n", json_sprintf("%lld", (long long)n + 1));
    return rc;
}

static enum err_code edit(struct arena *a, size_t *calls,
                          enum err_code (*change)(void *, json_t *, struct refusal *, struct err *),
                          struct refusal *r, struct err *err) {
    json_t *object = NULL;
    int64_t revision = 0;
    enum err_code rc = resource_edit(&rig.env, &kind_config_map, a, STR("cm"), &rig_plain, change, calls,
                                     &object, &revision, r, err);
    if (rc == ERR_OK)
        assert_true(object != NULL && revision > 0);
    json_decref(object);
    return rc;
}

static void be_faster(void) {
    size_t calls = 0;
    struct refusal r = { .arena = rig.arena };
    rig_ok(edit(rig.arena, &calls, count_up, &r, &rig.err));
}
static void be_faster_once(void) {
    be_faster();
    rig.interfere = NULL;
}

static void an_edit_is_made_again_when_somebody_was_faster(void **state) {
    (void)state;
    size_t calls = 0;
    struct refusal r = { .arena = rig.arena };
    rig_create(&kind_config_map, CM("", "'n':'0'"));
    rig.interfere = be_faster_once;
    rig_ok(edit(rig.arena, &calls, count_up, &r, &rig.err));
    assert_int_equal(calls, 2);
    assert_int_equal(r.status, 0);
    assert_int_equal(r.cause_count, 0);
    rig_assert_at(rig_get(&kind_config_map, "cm"), "data.n", "'2'");
}

static void an_edit_that_is_always_too_late_is_a_conflict(void **state) {
    (void)state;
    size_t calls = 0;
    struct refusal r = { .arena = rig.arena };
    rig_create(&kind_config_map, CM("", "'n':'0'"));
    rig.interfere = be_faster;
    assert_int_equal(edit(rig.arena, &calls, count_up, &r, &rig.err), ERR_CONFLICT);
    rig.interfere = NULL;
    assert_int_equal(r.status, 409);
    assert_true(calls > 1);
    rig_assert_at(rig_get(&kind_config_map, "cm"), "data.n", rig_text("'%zu'", calls));
}

static void an_update_that_is_too_late_is_a_conflict(void **state) {
    (void)state;
    rig_create(&kind_config_map, CM("", "'n':'0'"));
    rig.interfere = be_faster_once;
    assert_int_equal(rig_try_update(&kind_config_map, "cm", rig_json(CM("", "'n':'7'")), 0, &rig_plain),
                     ERR_CONFLICT);
    rig_assert_refused(409, "Conflict");
    rig_assert_at(rig_get(&kind_config_map, "cm"), "data.n", "'1'");
}

static void a_removal_insists_only_on_what_it_was_asked_for(void **state) {
    (void)state;
    const struct resource_delete any = { 0 };
    rig_create(&kind_config_map, CM("", "'n':'0'"));
    const struct resource_delete that_version = { .revision = rig.revision };
    rig.interfere = be_faster_once;
    assert_int_equal(rig_try_remove(&kind_config_map, "cm", &that_version), ERR_CONFLICT);
    rig.interfere = be_faster_once;
    rig_ok(rig_try_remove(&kind_config_map, "cm", &any));
    rig_create(&kind_config_map, CM("", "'n':'0'"));
    const struct resource_delete that_one = { .uid = json_get_str(object_metadata(rig.object), "uid") };
    rig.interfere = be_faster_once;
    rig_ok(rig_try_remove(&kind_config_map, "cm", &that_one)); /* it is still the same object */
    assert_true(rig.removed);
    rig_assert_at(rig.object, "data.n", "'1'");
}

static void remove_and_make_anew(void) {
    const struct resource_delete any = { 0 };
    json_t *object = NULL;
    int64_t revision;
    bool removed;
    struct refusal r = { .arena = rig.arena };
    rig.interfere = NULL;
    rig_ok(resource_remove(&rig.env, &kind_config_map, rig.arena, STR("cm"), &any, &object, &revision,
                           &removed, &r, &rig.err));
    json_decref(object);
    rig_ok(resource_create(&rig.env, &kind_config_map, rig.arena, rig_json(CM("", "'n':'0'")), &rig_plain,
                           &object, &revision, &r, &rig.err));
    json_decref(object);
}

static void another_object_of_the_same_name_is_not_removed_for_it(void **state) {
    (void)state;
    rig_create(&kind_config_map, CM("", "'n':'0'"));
    const struct resource_delete that_one = { .uid = json_get_str(object_metadata(rig.object), "uid") };
    rig.interfere = remove_and_make_anew;
    assert_int_equal(rig_try_remove(&kind_config_map, "cm", &that_one), ERR_CONFLICT);
    rig_assert_refused(409, "Conflict");
    assert_true(rig_has(&kind_config_map, "cm"));
}

static enum err_code change_nothing(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    (void)object;
    (void)r;
    (void)err;
    ++*(size_t *)ctx;
    return ERR_OK;
}
static enum err_code refuse_change(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    (void)err;
    ++*(size_t *)ctx;
    (void)json_object_clear(object);
    return refuse(r, 403, "Forbidden", "no");
}
static enum err_code spoil(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    (void)r;
    (void)err;
    ++*(size_t *)ctx;
    (void)json_object_set_new(json_object_get(object, "metadata"), "labels", json_pack("{s:s}", "-", "-"));
    return ERR_OK;
}

static void an_edit_that_changes_nothing_or_is_no_good_writes_nothing(void **state) {
    (void)state;
    static const struct {
        enum err_code (*change)(void *, json_t *, struct refusal *, struct err *);
        enum err_code want;
        unsigned status;
    } cases[] = { { change_nothing, ERR_OK, 0 },
                  { refuse_change, ERR_FORBIDDEN, 403 },
                  { spoil, ERR_INVALID, 422 } };
    rig_create(&kind_config_map, CM("", "'n':'0'"));
    const char *before = rig_dump();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t calls = 0;
        struct refusal r = { .arena = rig.arena };
        assert_int_equal(edit(rig.arena, &calls, cases[i].change, &r, &rig.err), cases[i].want);
        assert_int_equal(r.status, cases[i].status);
        assert_int_equal(calls, 1);
    }
    assert_string_equal(rig_dump(), before);
}

enum { THREADS = 4, EDITS = 15 };

static void *edit_often(void *arg) {
    size_t done = 0;
    (void)arg;
    while (done < EDITS) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(16 * 1024 * 1024);
        struct refusal r = { .arena = a };
        struct err err = { 0 };
        size_t calls = 0;
        enum err_code rc = edit(a, &calls, count_up, &r, &err);
        if (rc != ERR_OK && rc != ERR_CONFLICT) /* cmocka's assertions are for one thread */
            return (void *)(uintptr_t)1;
        done += rc == ERR_OK;
    }
    return NULL;
}

static void no_edit_of_many_threads_is_lost(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    rig_create(&kind_config_map, CM("", "'n':'0'"));
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, edit_often, NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    rig_assert_at(rig_get(&kind_config_map, "cm"), "data.n", rig_text("'%d'", THREADS * EDITS));
}

/* ---- binding ---- */

#define SUBJECT(id) "{'id':'" id "','name':'" id "'}"

static void subjects_come_once_and_go_by_id(void **state) {
    (void)state;
    rig_policy("t", "pol-x", "");
    rig_bind(&kind_policy, "pol-x", "[" SUBJECT("a") "," SUBJECT("b") "," SUBJECT("a") "]",
             "[" SUBJECT("g") "]", true);
    rig_assert_at(rig.object, "status.users", "[" SUBJECT("a") "," SUBJECT("b") "]");
    rig_assert_at(rig.object, "status.groups", "[" SUBJECT("g") "]");
    const char *before = rig_dump();
    rig_bind(&kind_policy, "pol-x", "[{'id':'b','name':'other'}]", NULL, true);
    rig_bind(&kind_policy, "pol-x", "[]", "[]", true);
    rig_bind(&kind_policy, "pol-x", NULL, NULL, true);
    rig_bind(&kind_policy, "pol-x", "[" SUBJECT("c") "]", "[" SUBJECT("a") "]", false);
    assert_string_equal(rig_dump(), before);
    rig_bind(&kind_policy, "pol-x", "[{'id':'a'}]", "[{'id':'g'}]", false);
    rig_assert_at(rig.object, "status.users", "[" SUBJECT("b") "]");
    rig_assert_at(rig.object, "status.groups", "null");
    rig_assert_rules("g, t##user##b, pol-x, *\np, pol-x, *, *, get*, allow\n");
    assert_int_equal(rig_try_bind(&kind_policy, "pol-x", "[{'name':'x'}]", NULL, true), ERR_INVALID);
    rig_assert_cause("FieldValueRequired", "status.users[1]");
}

static void groups_have_no_groups_and_bindings_have_subjects_in_their_spec(void **state) {
    (void)state;
    rig_populate();
    rig_bind(&kind_local_group, "grp-1", "[" SUBJECT("b") "]", "[" SUBJECT("g") "]", true);
    rig_assert_at(rig.object, "status.users[1]", SUBJECT("b"));
    rig_assert_at(rig.object, "status.groups", NULL);
    rig_bind(&kind_project_policy_binding, "prj-1-pol-2", "[" SUBJECT("b") "]", "[" SUBJECT("g") "]", true);
    rig_assert_at(rig.object, "spec.users[1]", SUBJECT("b"));
    rig_assert_at(rig.object, "spec.groups[1]", SUBJECT("g"));
}

static void subjects_have_a_limit(void **state) {
    (void)state;
    json_t *users = rig_keep(json_array());
    rig_policy("t", "pol-x", "");
    for (int i = 0; i < RESOURCE_SUBJECTS_MAX; i++)
        assert_int_equal(
            json_array_append_new(users, json_pack("{s:o, s:s}", "id", json_sprintf("u%d", i), "name", "n")),
            0);
    rig.object = NULL;
    rig_ok(resource_bind(&rig.env, &kind_policy, rig.arena, STR("pol-x"), users, NULL, true, &rig_plain,
                         &rig.object, &rig.revision, &rig.refusal, &rig.err));
    (void)rig_keep(rig.object);
    assert_int_equal(rig_try_bind(&kind_policy, "pol-x", "[" SUBJECT("a") "]", NULL, true), ERR_INVALID);
    rig_assert_cause("FieldValueTooLong", "status.users");
    rig_bind(&kind_policy, "pol-x", "[{'id':'u4999'}]", NULL, false);
    rig_bind(&kind_policy, "pol-x", "[" SUBJECT("a") "]", NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        ON_ALL(what_is_created_is_what_is_stored),
        ON_ALL(a_name_is_taken_once),
        ON_ALL(a_login_name_is_taken_once_in_a_tenant),
        ON_MEMORY(unknown_fields_are_warned_about_or_refused),
        ON_ALL(an_object_that_is_too_large_is_refused),
        ON_MEMORY(everything_wrong_is_told_at_once),
        ON_MEMORY(hostile_input_is_refused_and_no_more),
        ON_ALL(a_change_is_based_on_a_version),
        ON_ALL(what_is_not_there_cannot_be_changed),
        ON_ALL(what_is_read_and_sent_back_changes_nothing),
        ON_ALL(a_change_of_every_kind_is_one_write_with_a_manager),
        ON_ALL(only_the_status_changes_with_the_status),
        ON_ALL(the_status_stays_with_a_change_of_the_rest_but_for_subjects_that_are_named),
        ON_MEMORY(an_imported_object_without_a_phase_is_active),
        ON_ALL(finalizers_of_the_spec_change_with_finalize_only),
        ON_MEMORY(unknown_fields_and_bad_ones_of_a_change_are_refused_as_well),
        ON_ALL(a_dry_run_says_the_same_and_writes_nothing),
        ON_ALL(the_callers_writes_happen_with_the_object_or_not_at_all),
        ON_ALL(what_has_no_finalizers_goes_at_once),
        ON_ALL(preconditions_are_kept),
        ON_ALL(the_first_phase_is_seen_and_the_second_ends_it),
        ON_ALL(the_second_phase_of_what_is_not_deleted_does_nothing),
        ON_ALL(finalize_with_an_empty_list_ends_a_deletion),
        ON_ALL(somebody_elses_finalizer_holds_an_object),
        ON_ALL(an_object_that_others_hold_loses_its_rights_all_the_same),
        ON_ALL(at_once_there_is_no_first_phase),
        ON_ALL(an_edit_is_made_again_when_somebody_was_faster),
        ON_ALL(an_edit_that_is_always_too_late_is_a_conflict),
        ON_ALL(an_update_that_is_too_late_is_a_conflict),
        ON_ALL(a_removal_insists_only_on_what_it_was_asked_for),
        ON_ALL(another_object_of_the_same_name_is_not_removed_for_it),
        ON_ALL(an_edit_that_changes_nothing_or_is_no_good_writes_nothing),
        ON(no_edit_of_many_threads_is_lost, "memory"),
        ON(no_edit_of_many_threads_is_lost, "sqlite"),
        ON_ALL(subjects_come_once_and_go_by_id),
        ON_ALL(groups_have_no_groups_and_bindings_have_subjects_in_their_spec),
        ON_ALL(subjects_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
