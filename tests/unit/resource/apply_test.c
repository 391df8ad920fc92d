#include "unit/kube/json.h"
#include "unit/resource/tables.h"

#include "resource/apply.h"

#define VERSION STR("auth.tkestack.io/v1")
enum { ARENA_MAX = 16 * 1024 * 1024, EARLIER = 1767225600 /* 2026-01-01T00:00:00Z */, LATER = 1767323045 };
#define LATER_TEXT "2026-01-02T03:04:05Z"

static struct managed_by by(const char *manager, int64_t now_s) {
    return (struct managed_by) { .manager = str_of(manager), .api_version = VERSION, .now_s = now_s };
}

/* ---- a little world: one object, whatever is done to it ---- */
struct world {
    struct arena *arena;
    json_t *object; /* NULL: none */
    struct apply_result result;
    struct err err;
    int64_t now_s;
};

static int world_up(void **state) {
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->arena = arena_new(ARENA_MAX);
    w->now_s = EARLIER;
    *state = w;
    return 0;
}

static int world_down(void **state) {
    struct world *w = *state;
    json_decref(w->object);
    arena_free(w->arena);
    free(w);
    return 0;
}

static enum err_code apply_as(struct world *w, const char *manager, bool force, const char *config) {
    json_auto_t *applied = json_quoted(config), *applied_before = json_deep_copy(applied);
    json_auto_t *live_before = json_deep_copy(w->object);
    const struct apply_request r = {
        .tables = &tables, .live = w->object, .applied = applied, .by = by(manager, w->now_s), .force = force
    };
    enum err_code rc = apply_configuration(w->arena, &r, &w->result, &w->err);
    assert_true(json_equal(applied, applied_before));
    assert_true(w->object == NULL || json_equal(w->object, live_before));
    if (rc == ERR_OK) {
        json_decref(w->object);
        w->object = w->result.object;
    } else
        assert_null(w->result.object);
    return rc;
}

static void apply_ok(struct world *w, const char *manager, const char *config) {
    if (apply_as(w, manager, false, config) != ERR_OK)
        fail_msg("%s: %s", config, w->err.detail);
}

/* Replaces the object, all but its managedFields. */
static void update(struct world *w, const char *manager, const char *object) {
    struct managed_by m = by(manager, w->now_s);
    json_t *next = json_quoted(object), *managed = NULL;
    assert_int_equal(managed_update(&tables, w->object, next, &m, &managed, &w->err), ERR_OK);
    assert_int_equal(managed_set_take(next, managed, &w->err), ERR_OK);
    json_decref(w->object);
    w->object = next;
}

static json_t *managed_of(const struct world *w) {
    return json_object_get(json_object_get(w->object, "metadata"), "managedFields");
}

/* The object without its managedFields. */
static void assert_object(const struct world *w, const char *want) {
    json_auto_t *plain = json_deep_copy(w->object);
    (void)json_object_del(json_object_get(plain, "metadata"), "managedFields");
    assert_json(plain, want, "object");
}

/* `fields` NULL: there is no such entry. */
static void assert_owns(const struct world *w, const char *operation, const char *manager,
                        const char *fields) {
    for (size_t i = 0; i < json_array_size(managed_of(w)); i++) {
        const json_t *e = json_array_get(managed_of(w), i);
        if (!str_eq(json_get_str(e, "manager"), str_of(manager)) ||
            !str_eq(json_get_str(e, "operation"), str_of(operation)))
            continue;
        if (fields == NULL)
            fail_msg("%s still has an entry", manager);
        else
            assert_json(json_object_get(e, "fieldsV1"), fields, manager);
        return;
    }
    if (fields != NULL)
        fail_msg("%s has no entry", manager);
}

/* ---- creating ---- */
static void an_apply_can_create(void **state) {
    struct world *w = *state;
    apply_ok(w, "a",
             "{'apiVersion':'auth.tkestack.io/v1','kind':'Policy','metadata':{'name':'p','labels':{'x':'1'}},"
             "'Spec':{'displayName':'d','statement':{'actions':['a'],'effect':'allow'}}}");
    assert_json(w->object,
                "{'apiVersion':'auth.tkestack.io/"
                "v1','kind':'Policy','metadata':{'name':'p','labels':{'x':'1'},'managedFields':["
                "{'manager':'a','operation':'Apply','apiVersion':'auth.tkestack.io/"
                "v1','time':'2026-01-01T00:00:00Z','fieldsType':'FieldsV1',"
                "'fieldsV1':{'f:Spec':{'f:displayName':{},'f:statement':{'f:actions':{},'f:effect':{}}},'f:"
                "metadata':{'f:labels':{'f:x':{}}}}}]},"
                "'Spec':{'displayName':'d','statement':{'actions':['a'],'effect':'allow'}}}",
                "created");
}

static void fields_go_by_their_proper_name_and_the_servers_are_ignored(void **state) {
    struct world *w = *state;
    apply_ok(w, "a",
             "{'metadata':{'name':'p','uid':'mine','creationTimestamp':'x'},'spec':{'displayName':'d','"
             "password':'secret'},"
             "'status':{'phase':'Active','locked':true}}");
    assert_object(
        w,
        "{'metadata':{'name':'p'},'Spec':{'displayName':'d','password':'secret'},'status':{'locked':true}}");
    assert_owns(w, "Apply", "a", "{'f:Spec':{'f:displayName':{}},'f:status':{'f:locked':{}}}");
}

/* ---- applying again ---- */
static void applying_the_same_changes_nothing(void **state) {
    struct world *w = *state;
    static const char *const configs[] = {
        "{'metadata':{'name':'p','labels':{'x':'1'},'finalizers':['f','g'],'ownerReferences':[{'uid':'1','"
        "kind':'K'}]},"
        "'Spec':{'displayName':'d','statement':{'actions':['a'],'effect':'allow'},'users':[{'id':'u'}],'"
        "extra':{'k':'v'}}}",
        /* in other words */
        "{'metadata':{'name':'p','labels':{'x':'1'},'finalizers':['g','f'],'ownerReferences':[{'uid':'1','"
        "kind':'K','controller':false}]},"
        "'spec':{'displayName':'d','statement':{'actions':['a'],'effect':null},'users':[{'id':'u','name':''}]"
        ",'extra':{'k':'v'}}}",
    };
    apply_ok(w, "a", configs[0]);
    for (size_t i = 0; i < ARRAY_LEN(configs); i++) {
        json_auto_t *before = json_deep_copy(w->object);
        w->now_s = LATER;
        apply_ok(w, "a", configs[i]);
        if (!json_equal(before, w->object))
            fail_msg("%s: %s", configs[i], json_dumps(w->object, 0));
    }
}

static void what_the_server_filled_in_does_not_make_it_a_change(void **state) {
    struct world *w = *state;
    apply_ok(w, "a",
             "{'metadata':{'name':'p'},'Spec':{'displayName':'d','description':'','extra':{},'users':[],'"
             "number':null}}");
    /* as the store has it: nothing is left out but what is omitted when empty */
    json_auto_t *managed = json_deep_copy(managed_of(w));
    json_decref(w->object);
    w->object = json_quoted(
        "{'metadata':{'name':'p','uid':'1'},'Spec':{'displayName':'d','extra':null,'users':null,'number':0,"
        "'disabled':false,'any':null}}");
    assert_int_equal(managed_set_take(w->object, STEAL(managed), &w->err), ERR_OK);
    json_auto_t *before = json_deep_copy(w->object);
    w->now_s = LATER;
    apply_ok(w, "a",
             "{'metadata':{'name':'p'},'Spec':{'displayName':'d','description':'','extra':{},'users':[],'"
             "number':null}}");
    assert_true(json_equal(before, w->object));
}

static void what_is_not_applied_any_more_goes(void **state) {
    struct world *w = *state;
    apply_ok(w, "a",
             "{'metadata':{'name':'p','labels':{'x':'1','y':'2'},'finalizers':['f','g'],'ownerReferences':[{'"
             "uid':'1','kind':'K'},{'uid':'2'}]},"
             "'Spec':{'displayName':'d','number':1,'statement':{'actions':['a'],'effect':'deny'}}}");
    w->now_s = LATER;
    apply_ok(w, "a",
             "{'metadata':{'name':'p','labels':{'y':'2'},'finalizers':['g'],'ownerReferences':[{'uid':'2'}]},"
             "'Spec':{'number':1}}");
    assert_object(w, "{'metadata':{'name':'p','labels':{'y':'2'},'finalizers':['g'],'ownerReferences':[{'uid'"
                     ":'2'}]},'Spec':{'number':1}}");
    assert_owns(
        w, "Apply", "a",
        "{'f:Spec':{'f:number':{}},'f:metadata':{'f:finalizers':{'v:\\'g\\'':{}},'f:labels':{'f:y':{}},"
        "'f:ownerReferences':{'k:{\\'uid\\':\\'2\\'}':{'.':{},'f:uid':{}}}}}");
    assert_str(json_get_str(json_array_get(managed_of(w), 0), "time"), LATER_TEXT);
    apply_ok(w, "a", "{'metadata':{'name':'p'}}");
    assert_object(w, "{'metadata':{'name':'p'}}");
    assert_null(managed_of(w));
}

static void what_others_own_stays(void **state) {
    struct world *w = *state;
    const char *both = "{'metadata':{'labels':{'x':'1'},'finalizers':['f'],'ownerReferences':[{'uid':'1','"
                       "kind':'K'}]},'Spec':{'number':1}}";
    apply_ok(w, "a", both);
    apply_ok(w, "b", both);
    apply_ok(w, "a", "{'Spec':{'displayName':'a'}}");
    assert_object(
        w, "{'metadata':{'labels':{'x':'1'},'finalizers':['f'],'ownerReferences':[{'uid':'1','kind':'K'}]},"
           "'Spec':{'number':1,'displayName':'a'}}");
    assert_owns(w, "Apply", "a", "{'f:Spec':{'f:displayName':{}}}");
    apply_ok(w, "b", "{'Spec':{'number':1}}");
    assert_object(w, "{'metadata':{},'Spec':{'number':1,'displayName':'a'}}");
}

static void what_an_updater_added_stays(void **state) {
    struct world *w = *state;
    apply_ok(w, "a", "{'metadata':{'ownerReferences':[{'uid':'1','kind':'K'}]},'Spec':{'extra':{'x':'1'}}}");
    update(w, "u",
           "{'metadata':{'ownerReferences':[{'uid':'1','kind':'K','controller':true}]},'Spec':{'extra':{'x':'"
           "1','y':'2'}}}");
    apply_ok(w, "a", "{}");
    assert_object(w, "{'metadata':{},'Spec':{'extra':{'y':'2'}}}");
    assert_owns(w, "Update", "u", "{'f:Spec':{'f:extra':{'f:y':{}}}}");
}

/* As in Kubernetes: what is left of it would make no sense. */
static void an_item_goes_with_its_last_owner_whatever_others_own_in_it(void **state) {
    struct world *w = *state;
    apply_ok(w, "a", "{'metadata':{'ownerReferences':[{'uid':'1','kind':'K'}]}}");
    apply_ok(w, "b", "{'metadata':{'ownerReferences':[{'uid':'1'}]}}");
    update(w, "u", "{'metadata':{'ownerReferences':[{'uid':'1','kind':'K','controller':true}]}}");
    apply_ok(w, "a", "{}");
    assert_object(w, "{'metadata':{'ownerReferences':[{'uid':'1','controller':true}]}}");
    apply_ok(w, "b", "{}");
    assert_object(w, "{'metadata':{}}");
    assert_null(managed_of(w));
}

static void what_nobody_owns_stays(void **state) {
    struct world *w = *state;
    w->object = json_quoted("{'metadata':{'labels':{'old':'1'}},'Spec':{'disabled':true}}");
    update(
        w, "u",
        "{'metadata':{'labels':{'old':'1'}},'Spec':{'disabled':true,'number':1}}"); /* bookkeeping begins */
    apply_ok(w, "a", "{'metadata':{'labels':{'new':'2'}}}");
    apply_ok(w, "a", "{}");
    assert_object(w, "{'metadata':{'labels':{'old':'1'}},'Spec':{'disabled':true,'number':1}}");
}

static void a_container_that_others_made_stays_when_it_is_empty(void **state) {
    struct world *w = *state;
    update(w, "u", "{'metadata':{'name':'p'},'Spec':{'extra':{'u':'1'},'statement':{'effect':'deny'}}}");
    apply_ok(w, "a", "{'Spec':{'extra':{'a':'1'}}}");
    update(w, "u", "{'metadata':{'name':'p'},'Spec':{'extra':{'a':'1'},'statement':{'effect':'deny'}}}");
    apply_ok(w, "a", "{}");
    assert_object(w, "{'metadata':{'name':'p'},'Spec':{'extra':{},'statement':{'effect':'deny'}}}");
    assert_owns(w, "Update", "u", "{'f:Spec':{'.':{},'f:extra':{},'f:statement':{'.':{},'f:effect':{}}}}");
}

/* ---- sharing, conflicts, force ---- */
static void the_same_value_is_owned_together(void **state) {
    struct world *w = *state;
    update(w, "u", "{'Spec':{'number':1,'displayName':'d'}}");
    w->now_s = LATER;
    apply_ok(w, "a", "{'Spec':{'number':1}}");
    assert_owns(w, "Apply", "a", "{'f:Spec':{'f:number':{}}}");
    assert_owns(w, "Update", "u", "{'f:Spec':{'.':{},'f:displayName':{},'f:number':{}}}");
    assert_object(w, "{'Spec':{'number':1,'displayName':'d'},'metadata':{}}");
}

static void a_conflict_is_told_in_kubernetes_words(void **state) {
    struct world *w = *state;
    update(w, "kubectl-edit", "{'Spec':{'displayName':'theirs'}}");
    assert_int_equal(apply_as(w, "a", false, "{'Spec':{'displayName':'mine'}}"), ERR_CONFLICT);
    assert_str(w->result.message, "Apply failed with 1 conflict: conflict with \"kubectl-edit\" using "
                                  "auth.tkestack.io/v1: .Spec.displayName");
    assert_int_equal(w->result.conflict_count, 1);
    assert_str(w->result.conflicts[0].manager, "\"kubectl-edit\" using auth.tkestack.io/v1");
    assert_str(w->result.conflicts[0].path, ".Spec.displayName");
    assert_string_equal(w->err.detail, w->result.message.ptr);
}

static void several_conflicts_are_listed_by_manager(void **state) {
    struct world *w = *state;
    update(
        w, "z",
        "{'metadata':{'labels':{'x':'1'},'ownerReferences':[{'uid':'1','kind':'K'}]},'Spec':{'number':1}}");
    apply_ok(w, "b", "{'Spec':{'displayName':'b'}}");
    assert_int_equal(apply_as(w, "a", false,
                              "{'metadata':{'labels':{'x':'2'},'ownerReferences':[{'uid':'1','kind':'L'}]},"
                              "'Spec':{'number':2,'displayName':'a','disabled':true}}"),
                     ERR_CONFLICT);
    assert_str(w->result.message, "Apply failed with 4 conflicts: conflicts with \"b\":\n"
                                  "- .Spec.displayName\n"
                                  "conflicts with \"z\" using auth.tkestack.io/v1:\n"
                                  "- .Spec.number\n"
                                  "- .metadata.labels.x\n"
                                  "- .metadata.ownerReferences[uid=\"1\"].kind");
}

static void a_conflict_names_the_subresource(void **state) {
    struct world *w = *state;
    struct managed_by m = by("c", EARLIER);
    m.subresource = STR("status");
    json_t *managed = NULL;
    w->object = json_quoted("{'status':{'locked':true}}");
    assert_int_equal(managed_update(&tables, NULL, w->object, &m, &managed, &w->err), ERR_OK);
    assert_int_equal(managed_set_take(w->object, managed, &w->err), ERR_OK);
    assert_int_equal(apply_as(w, "a", false, "{'status':{'locked':false}}"), ERR_CONFLICT);
    assert_str(w->result.conflicts[0].manager, "\"c\" with subresource \"status\" using auth.tkestack.io/v1");
}

static void force_takes_what_others_own(void **state) {
    struct world *w = *state;
    update(w, "u", "{'Spec':{'number':1,'displayName':'d'}}");
    apply_ok(w, "b", "{'Spec':{'number':1}}");
    assert_int_equal(apply_as(w, "a", true, "{'Spec':{'number':2}}"), ERR_OK);
    assert_owns(w, "Apply", "a", "{'f:Spec':{'f:number':{}}}");
    assert_owns(w, "Update", "u", "{'f:Spec':{'.':{},'f:displayName':{}}}");
    assert_owns(w, "Apply", "b", NULL);
}

/* The manager that updated and the one that applies are two, as in Kubernetes. */
static void ones_own_update_is_a_conflict_too(void **state) {
    struct world *w = *state;
    update(w, "a", "{'Spec':{'number':1}}");
    assert_int_equal(apply_as(w, "a", false, "{'Spec':{'number':2}}"), ERR_CONFLICT);
    assert_str(w->result.conflicts[0].manager, "\"a\" using auth.tkestack.io/v1");
}

static void emptying_what_others_own_is_a_conflict(void **state) {
    struct world *w = *state;
    update(w, "u", "{'Spec':{'description':'theirs','displayName':'theirs'}}");
    assert_int_equal(apply_as(w, "a", false, "{'Spec':{'description':''}}"), ERR_CONFLICT);
    assert_int_equal(apply_as(w, "a", false, "{'Spec':{'displayName':null}}"), ERR_CONFLICT);
    assert_int_equal(apply_as(w, "a", true, "{'Spec':{'description':''}}"), ERR_OK);
    assert_object(w, "{'Spec':{'displayName':'theirs'},'metadata':{}}"); /* it is left out when empty */
    assert_owns(w, "Update", "u", "{'f:Spec':{'.':{},'f:displayName':{}}}");
}

static void an_update_takes_from_who_applied(void **state) {
    struct world *w = *state;
    apply_ok(w, "a", "{'Spec':{'number':1,'displayName':'a'}}");
    update(w, "u", "{'Spec':{'number':2,'displayName':'a'}}");
    assert_owns(w, "Apply", "a", "{'f:Spec':{'f:displayName':{}}}");
    /* which is then a conflict for whoever applied */
    assert_int_equal(apply_as(w, "a", false, "{'Spec':{'number':1,'displayName':'a'}}"), ERR_CONFLICT);
    /* unless they give it up */
    apply_ok(w, "a", "{'Spec':{'displayName':'b'}}");
    assert_object(w, "{'Spec':{'number':2,'displayName':'b'},'metadata':{}}");
}

static void before_the_first_apply_what_is_there_is_somebodys(void **state) {
    struct world *w = *state;
    w->object = json_quoted("{'metadata':{'name':'p'},'Spec':{'number':1,'displayName':'d'}}");
    assert_int_equal(apply_as(w, "a", false, "{'Spec':{'number':2}}"), ERR_CONFLICT);
    assert_str(w->result.conflicts[0].manager, "\"before-first-apply\" using auth.tkestack.io/v1");
    apply_ok(w, "a", "{'Spec':{'number':1}}");
    assert_owns(w, "Update", "before-first-apply", "{'f:Spec':{'.':{},'f:displayName':{},'f:number':{}}}");
    assert_owns(w, "Apply", "a", "{'f:Spec':{'f:number':{}}}");
}

/* ---- lists and maps ---- */
static void sets_and_lists_with_a_key_are_owned_item_by_item(void **state) {
    struct world *w = *state;
    apply_ok(w, "a", "{'metadata':{'finalizers':['a'],'ownerReferences':[{'uid':'1','kind':'A'}]}}");
    apply_ok(w, "b",
             "{'metadata':{'finalizers':['b','a'],'ownerReferences':[{'uid':'2','kind':'B'},{'uid':'1','"
             "controller':true}]}}");
    assert_object(w, "{'metadata':{'finalizers':['a','b'],'ownerReferences':[{'uid':'1','kind':'A','"
                     "controller':true},{'uid':'2','kind':'B'}]}}");
    apply_ok(w, "b", "{'metadata':{'ownerReferences':[{'uid':'1'}]}}");
    assert_object(w, "{'metadata':{'finalizers':['a'],'ownerReferences':[{'uid':'1','kind':'A'}]}}");
}

static void atomic_lists_and_maps_are_owned_as_a_whole(void **state) {
    struct world *w = *state;
    apply_ok(w, "a",
             "{'Spec':{'statement':{'actions':['a']},'wholeExtra':{'a':'1'},'whole':{'effect':'deny'}}}");
    assert_int_equal(
        apply_as(
            w, "b", false,
            "{'Spec':{'statement':{'actions':['a','b']},'wholeExtra':{'b':'2'},'whole':{'actions':['x']}}}"),
        ERR_CONFLICT);
    assert_int_equal(w->result.conflict_count, 3);
    assert_int_equal(
        apply_as(
            w, "b", true,
            "{'Spec':{'statement':{'actions':['a','b']},'wholeExtra':{'b':'2'},'whole':{'actions':['x']}}}"),
        ERR_OK);
    assert_object(w, "{'Spec':{'statement':{'actions':['a','b']},'wholeExtra':{'b':'2'},'whole':{'actions':['"
                     "x']}},'metadata':{}}");
    assert_owns(w, "Apply", "a", NULL);
}

static void nothing_put_into_a_map_leaves_others_members(void **state) {
    struct world *w = *state;
    apply_ok(w, "a", "{'Spec':{'extra':{'a':'1'}}}");
    apply_ok(w, "b", "{'Spec':{'extra':{}}}");
    apply_ok(w, "c", "{'Spec':{'extra':null}}");
    assert_object(w, "{'Spec':{'extra':{'a':'1'}},'metadata':{}}");
    apply_ok(w, "a", "{}");
    assert_object(w, "{'Spec':{'extra':{}},'metadata':{}}");
    assert_owns(w, "Apply", "b", "{'f:Spec':{'f:extra':{}}}");
}

static void a_list_that_is_none_is_replaced(void **state) {
    struct world *w = *state;
    update(w, "u", "{'metadata':{'ownerReferences':[{'kind':'K'}],'finalizers':['x','x']}}");
    apply_ok(w, "a", "{'metadata':{'ownerReferences':[{'uid':'1'}]}}");
    assert_object(w, "{'metadata':{'ownerReferences':[{'uid':'1'}],'finalizers':['x','x']}}");
}

static void an_item_that_stays_keeps_its_key(void **state) {
    struct world *w = *state;
    w->object = json_quoted(
        "{'metadata':{'ownerReferences':[{'uid':'1','kind':'K'}],'managedFields':["
        "{'manager':'a','operation':'Apply','apiVersion':'v1','fieldsType':'FieldsV1','fieldsV1':{'f:"
        "metadata':"
        "{'f:ownerReferences':{'k:{\\'uid\\':\\'1\\'}':{'.':{},'f:kind':{},'f:uid':{}}}}}},"
        "{'manager':'u','operation':'Update','apiVersion':'v1','fieldsType':'FieldsV1','fieldsV1':{'f:"
        "metadata':"
        "{'f:ownerReferences':{'k:{\\'uid\\':\\'1\\'}':{'.':{}}}}}}]}}");
    apply_ok(w, "a", "{}");
    assert_object(w, "{'metadata':{'ownerReferences':[{'uid':'1'}]}}");
}

/* ---- what is left out when empty ---- */
static void nothing_is_made_for_what_is_left_out(void **state) {
    struct world *w = *state;
    apply_ok(w, "a",
             "{'metadata':{'labels':{},'ownerReferences':[{'uid':'1','controller':false}]},'Spec':{'"
             "description':''}}");
    assert_object(w, "{'metadata':{'ownerReferences':[{'uid':'1'}]}}");
    assert_owns(w, "Apply", "a",
                "{'f:metadata':{'f:ownerReferences':{'k:{\\'uid\\':\\'1\\'}':{'.':{},'f:uid':{}}}}}");
}

static void what_an_apply_empties_goes_unless_it_is_somebodys(void **state) {
    struct world *w = *state;
    w->object = json_quoted("{'metadata':{'name':'p'},'Spec':{'description':'x'}}");
    update(w, "u", "{'metadata':{'name':'p'},'Spec':{'description':'y'}}"); /* the Spec itself is nobody's */
    assert_int_equal(apply_as(w, "a", true, "{'Spec':{'description':''}}"), ERR_OK);
    assert_object(w, "{'metadata':{'name':'p'}}");
    update(w, "u", "{'metadata':{'name':'p'},'Spec':{'description':'y'}}");
    assert_int_equal(apply_as(w, "a", true, "{'Spec':{'description':''}}"), ERR_OK);
    assert_object(w, "{'metadata':{'name':'p'},'Spec':{}}");
}

static void bookkeeping_does_not_begin_for_nothing(void **state) {
    struct world *w = *state;
    w->object = json_quoted("{'metadata':{'name':'p'},'Spec':{'number':1}}");
    apply_ok(w, "a", "{'Spec':{'description':''}}");
    assert_json(w->object, "{'metadata':{'name':'p'},'Spec':{'number':1}}", "object");
}

static void the_objects_identity_is_not_applied(void **state) {
    struct world *w = *state;
    update(w, "u",
           "{'metadata':{'name':'p','uid':'1','resourceVersion':'7','generation':3},'Spec':{'number':1}}");
    apply_ok(w, "a",
             "{'apiVersion':'x','kind':'y','metadata':{'name':'q','namespace':'n','uid':'2','resourceVersion'"
             ":'1','generation':9,"
             "'deletionTimestamp':'t'},'Spec':{'number':1}}");
    assert_object(
        w, "{'metadata':{'name':'p','uid':'1','resourceVersion':'7','generation':3},'Spec':{'number':1}}");
}

static void what_is_write_only_or_unknown_is_handed_on_but_not_owned(void **state) {
    struct world *w = *state;
    apply_ok(w, "a", "{'Spec':{'number':1}}");
    apply_ok(w, "a", "{'Spec':{'number':1,'password':'secret','unknown':{'x':1}},'other':1}");
    assert_object(w, "{'Spec':{'number':1,'password':'secret','unknown':{'x':1}},'other':1,'metadata':{}}");
    assert_owns(w, "Apply", "a", "{'f:Spec':{'f:number':{}}}");
}

/* ---- refusals ---- */
static void a_configuration_that_is_none_is_refused(void **state) {
    struct world *w = *state;
    static const struct {
        const char *config, *detail;
    } cases[] = {
        { "[]", "failed to create typed patch object: .: expected map, got list" },
        { "null", "failed to create typed patch object: .: expected map, got null" },
        { "{'metadata':1}", "failed to create typed patch object: .metadata: expected map, got number" },
        { "{'metadata':{'managedFields':[]}}", "metadata.managedFields must be nil" },
        { "{'metadata':{'managedFields':[{}]}}", "metadata.managedFields must be nil" },
        { "{'Spec':'x'}", "failed to create typed patch object: .Spec: expected map, got string" },
        { "{'spec':{'statement':[]}}",
          "failed to create typed patch object: .spec.statement: expected map, got list" },
        { "{'Spec':{},'spec':{}}", "failed to create typed patch object: .spec: given twice" },
        { "{'metadata':{'labels':[]}}",
          "failed to create typed patch object: .metadata.labels: expected map, got list" },
        { "{'metadata':{'finalizers':{}}}",
          "failed to create typed patch object: .metadata.finalizers: expected list, got map" },
        { "{'metadata':{'finalizers':[true]}}",
          "failed to create typed patch object: .metadata.finalizers: expected string, got boolean" },
        { "{'metadata':{'finalizers':['a','a']}}",
          "failed to create typed patch object: .metadata.finalizers: duplicate entries" },
        { "{'metadata':{'ownerReferences':[{'uid':'1'},{'uid':'1','kind':'x'}]}}",
          "failed to create typed patch object: .metadata.ownerReferences: duplicate entries" },
        { "{'metadata':{'ownerReferences':['x']}}",
          "failed to create typed patch object: .metadata.ownerReferences[0]: expected map, got string" },
        { "{'metadata':{'ownerReferences':[{'uid':'1'},{'kind':'x'}]}}",
          "failed to create typed patch object: .metadata.ownerReferences: element 1: associative list with "
          "keys has an element "
          "that omits key field \"uid\"" },
        { "{'Spec':{'users':'x'}}",
          "failed to create typed patch object: .Spec.users: expected list, got string" },
    };
    update(w, "u", "{'Spec':{'number':1}}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(apply_as(w, "a", true, cases[i].config), ERR_INVALID);
        assert_string_equal(w->err.detail, cases[i].detail);
    }
}

static void managers_are_not_without_number(void **state) {
    struct world *w = *state;
    for (int i = 0; i < MANAGED_ENTRIES_MAX - MANAGED_UPDATES_MAX;
         i += 90) { /* not one by one: it takes long */
        json_auto_t *more = managed_of(w) != NULL ? json_deep_copy(managed_of(w)) : json_array();
        for (int j = i; j < i + 90; j++) {
            char name[16];
            (void)snprintf(name, sizeof name, "m%04d", j);
            json_t *e = json_pack("{s:s,s:s,s:s,s:s,s:{s:{s:{}}}}", "manager", name, "operation", "Apply",
                                  "apiVersion", "v1", "fieldsType", "FieldsV1", "fieldsV1", "f:Spec",
                                  "f:number");
            assert_int_equal(json_array_append_new(more, e), 0);
        }
        json_decref(w->object);
        w->object = json_quoted("{'Spec':{'number':1},'metadata':{}}");
        assert_int_equal(managed_set_take(w->object, STEAL(more), &w->err), ERR_OK);
    }
    assert_int_equal(json_array_size(managed_of(w)), MANAGED_ENTRIES_MAX - MANAGED_UPDATES_MAX);
    assert_int_equal(apply_as(w, "m0001", false, "{'Spec':{'number':1}}"), ERR_OK);
    assert_int_equal(apply_as(w, "one-more", false, "{'Spec':{'number':1}}"), ERR_LIMIT);
}

static void without_memory_it_says_so(void **state) {
    struct world *w = *state;
    update(w, "u", "{'metadata':{'labels':{'x':'1'},'ownerReferences':[{'uid':'1'}]},'Spec':{'number':1}}");
    apply_ok(
        w, "a",
        "{'metadata':{'finalizers':['a','b']},'Spec':{'displayName':'a','statement':{'actions':['x']}}}");
    json_auto_t *applied = json_quoted("{'metadata':{'finalizers':['b','c'],'ownerReferences':[{'uid':'2','"
                                       "kind':'K'}]},'Spec':{'number':1}}");
    const struct apply_request r = {
        .tables = &tables, .live = w->object, .applied = applied, .by = by("a", LATER)
    };
    bool failed = true;
    for (int n = 0; failed; n++) {
        struct apply_result result;
        alloc_left = n;
        enum err_code rc = apply_configuration(w->arena, &r, &result, &w->err);
        alloc_left = -1;
        failed = rc != ERR_OK;
        if (failed) {
            if (rc != ERR_NOMEM)
                fail_msg("%d: %s", n, w->err.detail);
        } else
            assert_non_null(json_object_get(json_object_get(result.object, "metadata"), "managedFields"));
        json_decref(result.object);
        assert_true(n < 5000);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_up, world_down)
int main(void) {
    json_set_alloc_funcs(alloc_or_fail, free);
    const struct CMUnitTest tests[] = {
        TEST(an_apply_can_create),
        TEST(fields_go_by_their_proper_name_and_the_servers_are_ignored),
        TEST(applying_the_same_changes_nothing),
        TEST(what_the_server_filled_in_does_not_make_it_a_change),
        TEST(what_is_not_applied_any_more_goes),
        TEST(what_others_own_stays),
        TEST(what_an_updater_added_stays),
        TEST(an_item_goes_with_its_last_owner_whatever_others_own_in_it),
        TEST(what_nobody_owns_stays),
        TEST(a_container_that_others_made_stays_when_it_is_empty),
        TEST(the_same_value_is_owned_together),
        TEST(a_conflict_is_told_in_kubernetes_words),
        TEST(several_conflicts_are_listed_by_manager),
        TEST(a_conflict_names_the_subresource),
        TEST(force_takes_what_others_own),
        TEST(ones_own_update_is_a_conflict_too),
        TEST(emptying_what_others_own_is_a_conflict),
        TEST(an_update_takes_from_who_applied),
        TEST(before_the_first_apply_what_is_there_is_somebodys),
        TEST(sets_and_lists_with_a_key_are_owned_item_by_item),
        TEST(atomic_lists_and_maps_are_owned_as_a_whole),
        TEST(nothing_put_into_a_map_leaves_others_members),
        TEST(a_list_that_is_none_is_replaced),
        TEST(an_item_that_stays_keeps_its_key),
        TEST(nothing_is_made_for_what_is_left_out),
        TEST(what_an_apply_empties_goes_unless_it_is_somebodys),
        TEST(bookkeeping_does_not_begin_for_nothing),
        TEST(the_objects_identity_is_not_applied),
        TEST(what_is_write_only_or_unknown_is_handed_on_but_not_owned),
        TEST(a_configuration_that_is_none_is_refused),
        TEST(managers_are_not_without_number),
        TEST(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
