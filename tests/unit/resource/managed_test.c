#include "unit/kube/json.h"
#include "unit/resource/tables.h"

#include "resource/managed.h"

#define VERSION STR("auth.tkestack.io/v1")
enum { NOW = 1767323045 }; /* 2026-01-02T03:04:05Z */
#define TIME "2026-01-02T03:04:05Z"
#define EARLIER "2026-01-01T00:00:00Z"

static struct managed_by by(const char *manager) {
    return (struct managed_by) { .manager = str_of(manager), .api_version = VERSION, .now_s = NOW };
}

/* "operation|manager|time|fields" becomes an entry. */
static json_t *entry(const char *text) {
    struct str operation, manager, time, rest = str_of(text);
    assert_true(str_cut(rest, '|', &operation, &rest));
    assert_true(str_cut(rest, '|', &manager, &rest));
    assert_true(str_cut(rest, '|', &time, &rest));
    return json_pack("{s:s%,s:s%,s:s,s:s%,s:s,s:o}", "manager", manager.ptr, manager.len, "operation",
                     operation.ptr, operation.len, "apiVersion", "auth.tkestack.io/v1", "time", time.ptr,
                     time.len, "fieldsType", "FieldsV1", "fieldsV1", json_quoted(rest.ptr));
}

static json_t *entries(const char *const *texts) {
    json_t *list = json_array();
    for (; *texts != NULL; texts++)
        assert_int_equal(json_array_append_new(list, entry(*texts)), 0);
    return list;
}

static json_t *object_with(const char *text, json_t *managed) {
    struct err err = { 0 };
    json_t *object = json_quoted(text);
    assert_ok(managed_set_take(object, managed, &err));
    return object;
}

static void assert_entries(const json_t *got, const char *const *want, const char *what) {
    json_auto_t *wanted = entries(want);
    if (json_equal(got, wanted))
        return;
    char *got_text = json_dumps(got, 0), *want_text = json_dumps(wanted, 0);
    fail_msg("%s: got %s, wanted %s", what, got_text, want_text);
}

static void an_update_takes_what_it_changes(void **state) {
    (void)state;
    static const struct {
        const char *what, *old, *object;
        const char *before[4], *after[4];
    } cases[] = {
        { "creation",
          NULL,
          "{'metadata':{'name':'x','labels':{'a':'1'}},'Spec':{'number':1}}",
          { NULL },
          { "Update|m|" TIME "|{'f:Spec':{'.':{},'f:number':{}},'f:metadata':{'f:labels':{'.':{},'f:a':{}}}}",
            NULL } },
        { "a change takes from updates and from applies",
          "{'Spec':{'number':1,'displayName':'x'}}",
          "{'Spec':{'number':2,'displayName':'x'}}",
          { "Apply|a|" EARLIER "|{'f:Spec':{'f:displayName':{},'f:number':{}}}",
            "Update|u|" EARLIER "|{'f:Spec':{'.':{},'f:number':{}}}", NULL },
          { "Apply|a|" EARLIER "|{'f:Spec':{'f:displayName':{}}}", "Update|u|" EARLIER "|{'f:Spec':{}}",
            "Update|m|" TIME "|{'f:Spec':{'f:number':{}}}", NULL } },
        { "an addition",
          "{'Spec':{'number':1}}",
          "{'Spec':{'number':1,'disabled':false}}",
          { "Update|m|" EARLIER "|{'f:Spec':{'.':{},'f:number':{}}}", NULL },
          { "Update|m|" TIME "|{'f:Spec':{'.':{},'f:disabled':{},'f:number':{}}}", NULL } },
        { "what is removed is nobody's",
          "{'Spec':{'number':1,'displayName':'x'}}",
          "{'Spec':{'displayName':'x'}}",
          { "Apply|a|" EARLIER "|{'f:Spec':{'f:displayName':{},'f:number':{}}}",
            "Update|m|" EARLIER "|{'f:Spec':{'f:number':{}}}",
            "Update|u|" EARLIER "|{'f:Spec':{'f:displayName':{},'f:number':{}}}", NULL },
          { "Apply|a|" EARLIER "|{'f:Spec':{'f:displayName':{}}}",
            "Update|u|" EARLIER "|{'f:Spec':{'f:displayName':{}}}", NULL } },
        { "an own field with another value is a change, with a time",
          "{'Spec':{'number':1}}",
          "{'Spec':{'number':2}}",
          { "Update|m|" EARLIER "|{'f:Spec':{'f:number':{}}}", NULL },
          { "Update|m|" TIME "|{'f:Spec':{'f:number':{}}}", NULL } },
        { "removing an own field changes the time, others' times stay",
          "{'Spec':{'number':1,'displayName':'x'}}",
          "{'Spec':{'displayName':'x'}}",
          { "Update|m|" EARLIER "|{'f:Spec':{'f:displayName':{},'f:number':{}}}",
            "Update|u|" EARLIER "|{'f:Spec':{'.':{},'f:number':{}}}", NULL },
          { "Update|u|" EARLIER "|{'f:Spec':{}}", "Update|m|" TIME "|{'f:Spec':{'f:displayName':{}}}",
            NULL } },
        { "nothing changes nothing",
          "{'Spec':{'number':1}}",
          "{'Spec':{'number':1}}",
          { "Update|m|" EARLIER "|{'f:Spec':{'.':{},'f:number':{}}}", NULL },
          { "Update|m|" EARLIER "|{'f:Spec':{'.':{},'f:number':{}}}", NULL } },
        { "and takes nothing",
          "{'Spec':{'number':1}}",
          "{'Spec':{'number':1}}",
          { "Update|u|" EARLIER "|{'f:Spec':{'.':{},'f:number':{}}}", NULL },
          { "Update|u|" EARLIER "|{'f:Spec':{'.':{},'f:number':{}}}", NULL } },
        { "what was there before bookkeeping began stays nobody's",
          "{'Spec':{'number':1,'displayName':'x'}}",
          "{'Spec':{'number':2,'displayName':'x'}}",
          { NULL },
          { "Update|m|" TIME "|{'f:Spec':{'f:number':{}}}", NULL } },
        { "an item of a set",
          "{'metadata':{'finalizers':['a']}}",
          "{'metadata':{'finalizers':['b','a']}}",
          { "Update|u|" EARLIER "|{'f:metadata':{'f:finalizers':{'.':{},'v:\\'a\\'':{}}}}", NULL },
          { "Update|u|" EARLIER "|{'f:metadata':{'f:finalizers':{'.':{},'v:\\'a\\'':{}}}}",
            "Update|m|" TIME "|{'f:metadata':{'f:finalizers':{'v:\\'b\\'':{}}}}", NULL } },
        { "who empties a list owns what is left",
          "{'metadata':{'finalizers':['a']}}",
          "{'metadata':{'finalizers':[]}}",
          { "Update|u|" EARLIER "|{'f:metadata':{'f:finalizers':{'.':{},'v:\\'a\\'':{}}}}", NULL },
          { "Update|m|" TIME "|{'f:metadata':{'f:finalizers':{}}}", NULL } },
        { "an entry that names what is not there loses it",
          "{'Spec':{'number':1}}",
          "{'Spec':{'number':1}}",
          { "Update|u|" EARLIER "|{'f:Spec':{'f:gone':{},'f:number':{}}}",
            "Update|v|" EARLIER "|{'f:gone':{}}", NULL },
          { "Update|u|" EARLIER "|{'f:Spec':{'f:number':{}}}", NULL } },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct managed_by m = by("m");
        json_auto_t *old = cases[i].old != NULL ? object_with(cases[i].old, entries(cases[i].before)) : NULL;
        json_auto_t *object = json_quoted(cases[i].object), *old_before = json_deep_copy(old);
        json_auto_t *object_before = json_deep_copy(object), *result = NULL;
        assert_ok(managed_update(&tables, old, object, &m, &result, &err));
        assert_entries(result, cases[i].after, cases[i].what);
        assert_true(old == NULL || json_equal(old, old_before));
        assert_true(json_equal(object, object_before));
    }
}

static void each_subresource_and_version_has_an_entry_of_its_own(void **state) {
    (void)state;
    struct err err = { 0 };
    struct managed_by m = by("m");
    json_auto_t *old = object_with(
        "{'status':{'locked':false},'Spec':{'number':1}}",
        entries((const char *[]) { "Update|m|" EARLIER "|{'f:Spec':{'f:number':{}}}", NULL }));
    json_auto_t *object = json_quoted("{'status':{'locked':true},'Spec':{'number':1}}");
    json_auto_t *list = NULL, *wanted = NULL;
    m.subresource = STR("status");
    assert_ok(managed_update(&tables, old, object, &m, &list, &err));
    assert_int_equal(json_array_size(list), 2);
    wanted = json_quoted(
        "{'manager':'m','operation':'Update','apiVersion':'auth.tkestack.io/v1','time':'" TIME
        "','fieldsType':'FieldsV1','fieldsV1':{'f:status':{'f:locked':{}}},'subresource':'status'}");
    assert_true(json_equal(json_array_get(list, 1), wanted));
    json_decref(list);
    list = NULL;
    m.subresource = STR_NULL;
    m.api_version = STR("auth.tkestack.io/v2");
    assert_ok(managed_update(&tables, old, object, &m, &list, &err));
    assert_int_equal(json_array_size(list), 2);
    assert_str(json_get_str(json_array_get(list, 1), "apiVersion"), "auth.tkestack.io/v2");
}

static void clients_may_edit_and_reset_it(void **state) {
    (void)state;
    struct err err = { 0 };
    struct managed_by m = by("m");
    const char *text = "{'Spec':{'number':1}}";
    const char *theirs[] = { "Update|u|" EARLIER "|{'f:Spec':{'f:number':{}}}", NULL };
    const char *edited[] = { "Apply|w|" EARLIER "|{'f:Spec':{'f:number':{}}}", NULL };
    const char *nothing[] = { NULL };
    json_auto_t *old = object_with(text, entries(theirs));
    const struct {
        json_t *given;
        const char *const *want;
        bool status;
    } cases[] = {
        { entries(edited), edited, false },
        { entries(edited), theirs, true }, /* not by way of a subresource */
        { json_quoted("[{}]"), nothing, false },
        { json_quoted("[]"), theirs, false }, /* forgotten, not meant */
        { json_quoted("[{'manager':'x'}]"), theirs, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *object = json_quoted(text), *list = NULL;
        json_t *metadata = json_pack("{s:o}", "managedFields", cases[i].given);
        assert_int_equal(json_object_set_new(object, "metadata", metadata), 0);
        m.subresource = cases[i].status ? STR("status") : STR_NULL;
        assert_ok(managed_update(&tables, old, object, &m, &list, &err));
        assert_entries(list, cases[i].want, "given");
    }
}

static void what_is_broken_starts_anew(void **state) {
    (void)state;
    static const char *const broken[] = {
        "'text'",
        "{}",
        "[1]",
        "[{}]",
        "[{'manager':'u','operation':'Patch','apiVersion':'v1','fieldsType':'FieldsV1','fieldsV1':{'f:Spec':{"
        "'f:number':{}}}}]",
        "[{'manager':'u','operation':'Update','fieldsType':'FieldsV1','fieldsV1':{'f:Spec':{'f:number':{}}}}"
        "]",
        "[{'manager':'u','operation':'Update','apiVersion':'v1','fieldsV1':{'f:Spec':{'f:number':{}}}}]",
        "[{'manager':'u','operation':'Update','apiVersion':'v1','fieldsType':'FieldsV2','fieldsV1':{'f:Spec':"
        "{'f:number':{}}}}]",
        "[{'manager':'u','operation':'Update','apiVersion':'v1','fieldsType':'FieldsV1','fieldsV1':{'Spec':{}"
        "}}]",
        "[{'manager':'u','operation':'Update','apiVersion':'v1','fieldsType':'FieldsV1','fieldsV1':[]}]",
        "[{'manager':'u','operation':'Update','apiVersion':'v1','fieldsType':'FieldsV1','fieldsV1':{},'time':"
        "'noon'}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
        struct err err = { 0 };
        struct managed_by m = by("m");
        json_auto_t *old = json_quoted("{'metadata':{},'Spec':{'number':1,'disabled':true}}"), *list = NULL;
        assert_int_equal(
            json_object_set_new(json_object_get(old, "metadata"), "managedFields", json_quoted(broken[i])),
            0);
        json_auto_t *object = json_quoted("{'Spec':{'number':2,'disabled':true}}");
        assert_ok(managed_update(&tables, old, object, &m, &list, &err));
        assert_entries(list, (const char *[]) { "Update|m|" TIME "|{'f:Spec':{'f:number':{}}}", NULL },
                       broken[i]);
    }
}

static void entries_are_sorted(void **state) {
    (void)state;
    struct err err = { 0 };
    struct managed_by m = by("m");
    const char *unsorted[] = { "Update|z|" EARLIER "|{'f:Spec':{'f:number':{}}}",
                               "Update|b|2025-01-01T00:00:00Z|{'f:Spec':{'f:number':{}}}",
                               "Update|a|" EARLIER "|{'f:Spec':{'f:number':{}}}",
                               "Apply|z|" EARLIER "|{'f:Spec':{'f:number':{}}}", NULL };
    const char *sorted[] = { "Apply|z|" EARLIER "|{'f:Spec':{'f:number':{}}}",
                             "Update|b|2025-01-01T00:00:00Z|{'f:Spec':{'f:number':{}}}",
                             "Update|a|" EARLIER "|{'f:Spec':{'f:number':{}}}",
                             "Update|z|" EARLIER "|{'f:Spec':{'f:number':{}}}",
                             "Update|m|" TIME "|{'f:Spec':{'f:displayName':{}}}",
                             NULL };
    json_auto_t *old = object_with("{'Spec':{'number':1}}", entries(unsorted));
    json_auto_t *object = json_quoted("{'Spec':{'number':1,'displayName':'x'}}"), *list = NULL;
    assert_ok(managed_update(&tables, old, object, &m, &list, &err));
    assert_entries(list, sorted, "sorted");
    /* but not for the sake of it: the object is not written */
    json_decref(list);
    list = NULL;
    json_auto_t *same = json_quoted("{'Spec':{'number':1}}");
    assert_ok(managed_update(&tables, old, same, &m, &list, &err));
    assert_entries(list, unsorted, "unsorted");
}

/* One label for each of many managers. */
static json_t *many_updates(int n, json_t **ret_managed) {
    json_t *labels = json_object();
    *ret_managed = json_array();
    for (int i = 0; i < n; i++) {
        char name[16], text[200];
        (void)snprintf(name, sizeof name, "l%02d", i);
        (void)snprintf(text, sizeof text,
                       "Update|m%02d|2025-01-01T00:00:%02dZ|{'f:metadata':{'f:labels':{'f:%s':{}}}}", i, i,
                       name);
        assert_int_equal(json_object_set_new(labels, name, json_string("x")), 0);
        assert_int_equal(json_array_append_new(*ret_managed, entry(text)), 0);
    }
    return json_pack("{s:{s:o}}", "metadata", "labels", labels);
}

static void old_updates_become_ancient_changes(void **state) {
    (void)state;
    struct err err = { 0 };
    struct managed_by m = by("m");
    json_t *managed;
    json_auto_t *old = many_updates(MANAGED_UPDATES_MAX, &managed), *object = json_deep_copy(old),
                *list = NULL;
    assert_ok(managed_set_take(old, managed, &err));
    assert_int_equal(json_object_set_new(object, "Spec", json_quoted("{'number':1}")), 0);
    assert_ok(managed_update(&tables, old, object, &m, &list, &err));
    assert_int_equal(json_array_size(list), MANAGED_UPDATES_MAX);
    const json_t *first = json_array_get(list, 0);
    assert_str(json_get_str(first, "manager"), "ancient-changes");
    assert_str(json_get_str(first, "time"), "2025-01-01T00:00:01Z"); /* the younger one's */
    assert_json(json_object_get(first, "fieldsV1"), "{'f:metadata':{'f:labels':{'f:l00':{},'f:l01':{}}}}",
                "merged");
    assert_str(json_get_str(json_array_get(list, 1), "manager"), "m02");
    assert_str(json_get_str(json_array_get(list, MANAGED_UPDATES_MAX - 1), "manager"), "m");
    /* and the next one goes the same way */
    assert_ok(managed_set_take(object, STEAL(list), &err));
    json_auto_t *next = json_deep_copy(object);
    assert_int_equal(json_object_set_new(next, "data", json_quoted("{'k':'v'}")), 0);
    m = by("n");
    assert_ok(managed_update(&tables, object, next, &m, &list, &err));
    assert_int_equal(json_array_size(list), MANAGED_UPDATES_MAX);
    first = json_array_get(list, 0);
    assert_str(json_get_str(first, "manager"), "ancient-changes");
    assert_int_equal(json_object_size(json_object_get(
                         json_object_get(json_object_get(first, "fieldsV1"), "f:metadata"), "f:labels")),
                     3);
}

static void the_change_just_made_is_not_ancient(void **state) {
    (void)state;
    struct err err = { 0 };
    struct managed_by m = by("a"); /* before the others, by name */
    m.now_s = 1735689600;          /* and by time: the clock was put back */
    json_t *managed;
    json_auto_t *old = many_updates(12, &managed), *object = json_deep_copy(old), *list = NULL;
    assert_ok(managed_set_take(old, managed, &err));
    assert_int_equal(json_object_set_new(object, "Spec", json_quoted("{'number':1}")), 0);
    assert_ok(managed_update(&tables, old, object, &m, &list, &err));
    assert_int_equal(json_array_size(list), MANAGED_UPDATES_MAX);
    bool found = false;
    for (size_t i = 0; i < json_array_size(list); i++)
        found = found || str_eq(json_get_str(json_array_get(list, i), "manager"), STR("a"));
    assert_true(found);
}

static void applied_configurations_are_never_merged(void **state) {
    (void)state;
    struct err err = { 0 };
    struct managed_by m = by("m");
    json_t *managed;
    json_auto_t *old = many_updates(30, &managed), *object = json_deep_copy(old), *list = NULL;
    for (size_t i = 0; i < json_array_size(managed); i++)
        assert_int_equal(json_object_set_new(json_array_get(managed, i), "operation", json_string("Apply")),
                         0);
    assert_ok(managed_set_take(old, managed, &err));
    assert_int_equal(json_object_set_new(object, "Spec", json_quoted("{'number':1}")), 0);
    assert_ok(managed_update(&tables, old, object, &m, &list, &err));
    assert_int_equal(json_array_size(list), 31);
}

static void the_list_is_put_into_the_metadata(void **state) {
    (void)state;
    struct err err = { 0 };
    json_auto_t *object = json_quoted("{}");
    assert_ok(managed_set_take(object, json_quoted("[{'a':1}]"), &err));
    assert_json(object, "{'metadata':{'managedFields':[{'a':1}]}}", "set");
    assert_ok(managed_set_take(object, json_array(), &err));
    assert_json(object, "{'metadata':{}}", "taken away");
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    struct managed_by m = by("m");
    json_auto_t *old = object_with(
        "{'Spec':{'number':1},'metadata':{'finalizers':['a'],'ownerReferences':[{'uid':'1'}]}}",
        entries((const char *[]) {
            "Update|u|" EARLIER "|{'f:Spec':{'f:number':{}},'f:metadata':{'f:finalizers':{'v:\\'a\\'':{}}}}",
            NULL }));
    json_auto_t *object = json_quoted(
        "{'Spec':{'number':2},'metadata':{'finalizers':['a','b'],'ownerReferences':[{'uid':'2'}]}}");
    bool failed = true;
    for (int n = 0; failed; n++) {
        struct err err = { 0 };
        json_t *list = NULL;
        alloc_left = n;
        enum err_code rc = managed_update(&tables, old, object, &m, &list, &err);
        alloc_left = -1;
        failed = rc != ERR_OK;
        if (failed)
            assert_int_equal(rc, ERR_NOMEM);
        else
            assert_int_equal(json_array_size(list), 2);
        json_decref(list);
        assert_true(n < 1000);
    }
}

int main(void) {
    json_set_alloc_funcs(alloc_or_fail, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_update_takes_what_it_changes),
        cmocka_unit_test(each_subresource_and_version_has_an_entry_of_its_own),
        cmocka_unit_test(clients_may_edit_and_reset_it),
        cmocka_unit_test(what_is_broken_starts_anew),
        cmocka_unit_test(entries_are_sorted),
        cmocka_unit_test(old_updates_become_ancient_changes),
        cmocka_unit_test(the_change_just_made_is_not_ancient),
        cmocka_unit_test(applied_configurations_are_never_merged),
        cmocka_unit_test(the_list_is_put_into_the_metadata),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
