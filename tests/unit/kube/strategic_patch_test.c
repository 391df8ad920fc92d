#include "unit/kube/json.h"

#include "kube/patch.h"

static const struct field owner_fields[] = {
    { .name = "uid" }, { .name = "kind" }, { .name = "labels" }, { .name = NULL }
};
static const struct field metadata_fields[] = {
    { .name = "labels", .type = FIELD_STRING_MAP },
    { .name = "finalizers", .type = FIELD_STRINGS, .list_type = LIST_SET },
    { .name = "ownerReferences",
      .type = FIELD_OBJECTS,
      .fields = owner_fields,
      .list_type = LIST_MAP,
      .list_key = "uid" },
    { .name = NULL },
};
static const struct field spec_fields[] = {
    { .name = "displayName" },
    { .name = "finalizers", .type = FIELD_STRINGS },
    { .name = "users", .type = FIELD_OBJECTS },
    { .name = NULL },
};
static const struct field fields[] = {
    { .name = "Spec", .type = FIELD_OBJECT, .fields = spec_fields, .alias = "spec" },
    { .name = NULL },
};

static enum err_code apply(const char *document, const char *patch, json_t **ret, struct err *err) {
    json_auto_t *target = json_quoted(document), *change = json_quoted(patch);
    json_auto_t *target_before = json_deep_copy(target), *change_before = json_deep_copy(change);
    enum err_code rc = patch_strategic(target, change, metadata_fields, fields, ret, err);
    assert_true(json_equal(target, target_before));
    assert_true(json_equal(change, change_before));
    return rc;
}

struct strategic_case {
    const char *document, *patch, *want;
};

static void run_cases(const struct strategic_case *cases, size_t len) {
    for (size_t i = 0; i < len; i++) {
        struct err err = { 0 };
        json_auto_t *result = NULL;
        if (apply(cases[i].document, cases[i].patch, &result, &err) != ERR_OK)
            fail_msg("%s: %s", cases[i].patch, err.detail);
        assert_json(result, cases[i].want, cases[i].patch);
    }
}

static void objects_merge_and_lists_are_replaced(void **state) {
    (void)state;
    static const struct strategic_case cases[] = {
        { "{}", "{}", "{}" },
        { "{'Spec':{'displayName':'a','x':1}}", "{'Spec':{'displayName':'b'}}",
          "{'Spec':{'displayName':'b','x':1}}" },
        { "{'Spec':{'displayName':'a'}}", "{'Spec':{'displayName':null,'gone':null}}", "{'Spec':{}}" },
        { "{'Spec':'text'}", "{'Spec':{'a':{'b':null,'c':1}}}", "{'Spec':{'a':{'c':1}}}" },
        { "{'Spec':{'finalizers':['a','b']}}", "{'Spec':{'finalizers':['c']}}",
          "{'Spec':{'finalizers':['c']}}" },
        { "{'Spec':{'users':[{'id':'a'}]}}", "{'Spec':{'users':[{'id':'b'}]}}",
          "{'Spec':{'users':[{'id':'b'}]}}" },
        { "{'other':[1]}", "{'other':[2]}", "{'other':[2]}" },
        { "{'metadata':{'labels':{'a':'1'}}}", "{'metadata':{'labels':{'b':'2'}}}",
          "{'metadata':{'labels':{'a':'1','b':'2'}}}" },
        /* a field goes by both of its names */
        { "{'Spec':{'displayName':'a','x':1}}", "{'spec':{'displayName':'b'}}",
          "{'Spec':{'displayName':'b','x':1}}" },
    };
    run_cases(cases, ARRAY_LEN(cases));
}

static void finalizers_and_owners_merge(void **state) {
    (void)state;
    static const struct strategic_case cases[] = {
        { "{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}",
          "{'metadata':{'finalizers':['a','b','c']}}" },
        { "{'metadata':{}}", "{'metadata':{'finalizers':['b','b']}}", "{'metadata':{'finalizers':['b']}}" },
        { "{'metadata':{'finalizers':null}}", "{'metadata':{'finalizers':['b']}}",
          "{'metadata':{'finalizers':['b']}}" },
        { "{'metadata':{'finalizers':['a']}}", "{'metadata':{'finalizers':null}}", "{'metadata':{}}" },
        { "{'metadata':{'finalizers':['a','b','c']}}",
          "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a','x'],'finalizers':['d']}}",
          "{'metadata':{'finalizers':['b','c','d']}}" },
        { "{'metadata':{'finalizers':['a']}}",
          "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a','b'],'finalizers':['b','c']}}",
          "{'metadata':{'finalizers':['c']}}" },
        { "{'metadata':{'ownerReferences':[{'uid':'1','kind':'A'},{'uid':'2','kind':'B'}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'2','kind':'C'},{'uid':'3','kind':'D','x':null}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'1','kind':'A'},{'uid':'2','kind':'C'},{'uid':'3','kind':'"
          "D'}]}}" },
        { "{'metadata':{'ownerReferences':[{'uid':'1','kind':'A'},{'uid':'2'}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'1','kind':null}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'1'},{'uid':'2'}]}}" },
    };
    run_cases(cases, ARRAY_LEN(cases));
}

static void directives_are_understood(void **state) {
    (void)state;
    static const struct strategic_case cases[] = {
        { "{'Spec':{'a':1,'b':2}}", "{'Spec':{'$patch':'replace','c':3}}", "{'Spec':{'c':3}}" },
        { "{'Spec':{'a':1,'b':2}}", "{'Spec':{'$patch':'delete'}}", "{'Spec':{}}" },
        { "{'Spec':{'a':1}}", "{'Spec':{'b':{'$patch':'delete'}}}", "{'Spec':{'a':1}}" },
        { "{'Spec':{'a':1,'b':2}}", "{'Spec':{'$patch':'merge','c':3}}", "{'Spec':{'a':1,'b':2,'c':3}}" },
        { "{'a':1}", "{'$patch':'replace','b':{'$patch':'merge','c':1}}", "{'b':{'c':1}}" },
        { "{'Spec':{'a':1,'b':2,'c':3}}", "{'Spec':{'$retainKeys':['a','d'],'d':4}}",
          "{'Spec':{'a':1,'d':4}}" },
        { "{'Spec':{'a':1,'b':2}}", "{'Spec':{'$retainKeys':['a'],'b':null}}", "{'Spec':{'a':1}}" },
        { "{'Spec':{'users':[{'id':'a'}]}}", "{'Spec':{'users':[{'$patch':'replace'},{'id':'b'}]}}",
          "{'Spec':{'users':[{'id':'b'}]}}" },
        { "{'Spec':{'finalizers':['a','b']}}", "{'Spec':{'$deleteFromPrimitiveList/finalizers':['a']}}",
          "{'Spec':{'finalizers':['b']}}" },
        { "{'Spec':{}}", "{'Spec':{'$deleteFromPrimitiveList/finalizers':['a']}}", "{'Spec':{}}" },
        { "{'metadata':{'ownerReferences':[{'uid':'1'},{'uid':'2'}]}}",
          "{'metadata':{'ownerReferences':[{'$patch':'delete','uid':'1'},{'$patch':'delete','uid':'9'}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'2'}]}}" },
        { "{'metadata':{'ownerReferences':[{'uid':'1'},{'uid':'2'}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'3'},{'$patch':'replace'}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'3'}]}}" },
        { "{'metadata':{'ownerReferences':[{'uid':'1','kind':'A'}]}}",
          "{'metadata':{'ownerReferences':[{'$patch':'merge','uid':'1','x':1}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'1','kind':'A','x':1}]}}" },
    };
    run_cases(cases, ARRAY_LEN(cases));
}

static void the_order_of_elements_can_be_said(void **state) {
    (void)state;
    static const struct strategic_case cases[] = {
        { "{'metadata':{'finalizers':['a','b','c']}}",
          "{'metadata':{'$setElementOrder/finalizers':['c','a','b']}}",
          "{'metadata':{'finalizers':['c','a','b']}}" },
        /* what only the server has stays before what it stood before */
        { "{'metadata':{'finalizers':['a','s','b']}}",
          "{'metadata':{'$setElementOrder/finalizers':['a','b','c'],'finalizers':['c']}}",
          "{'metadata':{'finalizers':['a','s','b','c']}}" },
        { "{'metadata':{'finalizers':['a','s']}}",
          "{'metadata':{'$setElementOrder/finalizers':['c','a'],'finalizers':['c']}}",
          "{'metadata':{'finalizers':['s','c','a']}}" },
        { "{'metadata':{'finalizers':['a','b']}}",
          "{'metadata':{'$setElementOrder/finalizers':['b','b','x','a']}}",
          "{'metadata':{'finalizers':['b','a']}}" },
        { "{'metadata':{'ownerReferences':[{'uid':'1','k':1},{'uid':'2'}]}}",
          "{'metadata':{'$setElementOrder/ownerReferences':[{'uid':'2'},{'uid':'1'},{}]}}",
          "{'metadata':{'ownerReferences':[{'uid':'2'},{'uid':'1','k':1}]}}" },
        /* no matter for a list that does not merge, or is not there */
        { "{'Spec':{'finalizers':['a','b']}}", "{'Spec':{'$setElementOrder/finalizers':['b','a']}}",
          "{'Spec':{'finalizers':['a','b']}}" },
        { "{'metadata':{}}", "{'metadata':{'$setElementOrder/finalizers':['b','a']}}", "{'metadata':{}}" },
    };
    run_cases(cases, ARRAY_LEN(cases));
}

static void what_is_malformed_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *patch, *detail;
    } cases[] = {
        { "[]", "a strategic merge patch is an object" },
        { "{'$patch':'x'}", "\"$patch\" must be merge, replace or delete" },
        { "{'$patch':1}", "\"$patch\" must be merge, replace or delete" },
        { "{'Spec':{'a':{'$patch':'x'}}}", "\"$patch\" must be merge, replace or delete" },
        { "{'$retainKeys':'a'}", "$retainKeys must be a list" },
        { "{'$retainKeys':[1]}", "$retainKeys must be a list of names" },
        { "{'$retainKeys':['a'],'b':1}", "$retainKeys does not name \"b\", which the patch sets" },
        { "{'metadata':{'finalizers':[{}]}}", "finalizers[0] must be a single value" },
        { "{'metadata':{'finalizers':[null]}}", "finalizers[0] must be a single value" },
        { "{'metadata':{'ownerReferences':['a']}}", "ownerReferences[0] must be an object" },
        { "{'metadata':{'ownerReferences':[{'kind':'a'}]}}", "an item of ownerReferences has no uid" },
        { "{'metadata':{'ownerReferences':[{'$patch':'delete'}]}}", "an item of ownerReferences has no uid" },
        { "{'metadata':{'ownerReferences':[{'$patch':'x','uid':'1'}]}}",
          "\"$patch\" must be merge, replace or delete" },
        { "{'Spec':{'users':[{'$patch':'delete','id':'a'}]}}",
          "users is a list that does not merge, so \"$patch\" has no place in it" },
        { "{'metadata':{'$setElementOrder/finalizers':1}}", "finalizers must be a list" },
        { "{'metadata':{'$deleteFromPrimitiveList/finalizers':'a'}}", "finalizers must be a list" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        json_t *result = NULL;
        assert_int_equal(apply("{'metadata':{'finalizers':['a']}}", cases[i].patch, &result, &err),
                         ERR_INVALID);
        assert_string_equal(err.detail, cases[i].detail);
        assert_null(result);
    }
}

static void lists_that_merge_have_a_limit(void **state) {
    (void)state;
    struct err err = { 0 };
    json_auto_t *list = json_array();
    for (int i = 0; i < PATCH_LIST_MAX; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "f%d", i);
        assert_int_equal(json_array_append_new(list, json_string(text)), 0);
    }
    json_auto_t *target = json_pack("{s:{s:[s]}}", "metadata", "finalizers", "other");
    json_auto_t *patch = json_pack("{s:{s:O,s:O}}", "metadata", "finalizers", list,
                                   "$setElementOrder/finalizers", list);
    json_auto_t *result = NULL, *again = NULL;
    assert_ok(patch_strategic(target, patch, metadata_fields, fields, &result, &err));
    assert_int_equal(json_array_size(json_object_get(json_object_get(result, "metadata"), "finalizers")),
                     PATCH_LIST_MAX + 1);
    assert_int_equal(patch_strategic(result, patch, metadata_fields, fields, &again, &err), ERR_LIMIT);
    assert_int_equal(json_array_append_new(list, json_string("one more")), 0);
    assert_int_equal(patch_strategic(target, patch, metadata_fields, fields, &again, &err), ERR_LIMIT);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    const char *document =
        "{'metadata':{'finalizers':['a','s'],'ownerReferences':[{'uid':'1'}]},'Spec':{'b':1}}";
    const char *patch =
        "{'metadata':{'finalizers':['c'],'$setElementOrder/finalizers':['c','a'],"
        "'ownerReferences':[{'uid':'2','kind':'x'}]},'Spec':{'$patch':'replace','users':[{'id':'u'}]}}";
    json_auto_t *target = json_quoted(document), *change = json_quoted(patch);
    bool failed = true;
    for (int n = 0; failed; n++) {
        struct err err = { 0 };
        json_t *result = NULL;
        alloc_left = n;
        enum err_code rc = patch_strategic(target, change, metadata_fields, fields, &result, &err);
        alloc_left = -1;
        failed = rc != ERR_OK;
        if (failed)
            assert_int_equal(rc, ERR_NOMEM);
        else
            assert_json(result,
                        "{'metadata':{'finalizers':['s','c','a'],'ownerReferences':[{'uid':'1'},{'uid':'2','"
                        "kind':'x'}]},"
                        "'Spec':{'users':[{'id':'u'}]}}",
                        "with memory");
        json_decref(result);
        assert_true(n < 1000);
    }
}

int main(void) {
    json_set_alloc_funcs(alloc_or_fail, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_merge_and_lists_are_replaced),
        cmocka_unit_test(finalizers_and_owners_merge),
        cmocka_unit_test(directives_are_understood),
        cmocka_unit_test(the_order_of_elements_can_be_said),
        cmocka_unit_test(what_is_malformed_is_refused),
        cmocka_unit_test(lists_that_merge_have_a_limit),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
