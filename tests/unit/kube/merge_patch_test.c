#include "unit/kube/json.h"

#include "kube/patch.h"

/* RFC 7386, appendix A. */
static void the_examples_of_the_rfc_give_what_it_says(void **state) {
    (void)state;
    static const struct {
        const char *original, *patch, *want;
    } cases[] = {
        { "{'a':'b'}", "{'a':'c'}", "{'a':'c'}" },
        { "{'a':'b'}", "{'b':'c'}", "{'a':'b','b':'c'}" },
        { "{'a':'b'}", "{'a':null}", "{}" },
        { "{'a':'b','b':'c'}", "{'a':null}", "{'b':'c'}" },
        { "{'a':['b']}", "{'a':'c'}", "{'a':'c'}" },
        { "{'a':'c'}", "{'a':['b']}", "{'a':['b']}" },
        { "{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}", "{'a':{'b':'d'}}" },
        { "{'a':[{'b':'c'}]}", "{'a':[1]}", "{'a':[1]}" },
        { "['a','b']", "['c','d']", "['c','d']" },
        { "{'a':'b'}", "['c']", "['c']" },
        { "{'a':'foo'}", "null", "null" },
        { "{'a':'foo'}", "'bar'", "'bar'" },
        { "{'e':null}", "{'a':1}", "{'e':null,'a':1}" },
        { "[1,2]", "{'a':'b','c':null}", "{'a':'b'}" },
        { "{}", "{'a':{'bb':{'ccc':null}}}", "{'a':{'bb':{}}}" },
        /* lists are taken as they are */
        { "{}", "{'a':[{'b':null}]}", "{'a':[{'b':null}]}" },
        { "{'a':1}", "{'a':{'b':null,'c':{'d':null,'e':2}}}", "{'a':{'c':{'e':2}}}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        json_auto_t *original = json_quoted(cases[i].original), *patch = json_quoted(cases[i].patch);
        json_auto_t *original_before = json_deep_copy(original), *patch_before = json_deep_copy(patch);
        json_auto_t *once = NULL, *twice = NULL;
        assert_ok(patch_merge(original, patch, &once, &err));
        assert_json(once, cases[i].want, cases[i].patch);
        assert_ok(patch_merge(once, patch, &twice, &err));
        assert_true(json_equal(once, twice));
        assert_true(json_equal(original, original_before));
        assert_true(json_equal(patch, patch_before));
    }
}

static json_t *nested(int levels) {
    json_t *value = json_object();
    for (int i = 1; i < levels; i++)
        value = json_pack("{s:o}", "a", value);
    return value;
}

static void depth_has_a_limit(void **state) {
    (void)state;
    struct err err = { 0 };
    json_auto_t *fine = nested(JSON_DEPTH_MAX), *deep = nested(JSON_DEPTH_MAX + 1), *empty = json_object();
    json_auto_t *list = json_pack("[O]", fine), *result = NULL;
    assert_ok(patch_merge(empty, fine, &result, &err));
    json_t *ignored = NULL;
    assert_int_equal(patch_merge(empty, deep, &ignored, &err), ERR_LIMIT);
    assert_int_equal(patch_merge(deep, empty, &ignored, &err), ERR_LIMIT);
    assert_int_equal(patch_merge(empty, list, &ignored, &err), ERR_LIMIT);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    json_auto_t *original = json_quoted("{'a':{'b':1},'x':2}");
    json_auto_t *patch = json_quoted("{'a':{'c':{'d':[1,2]},'b':null},'y':{'z':'z'}}");
    bool failed = true;
    for (int n = 0; failed; n++) {
        struct err err = { 0 };
        json_t *result = NULL;
        alloc_left = n;
        enum err_code rc = patch_merge(original, patch, &result, &err);
        alloc_left = -1;
        failed = rc != ERR_OK;
        if (failed)
            assert_int_equal(rc, ERR_NOMEM);
        else
            assert_json(result, "{'a':{'c':{'d':[1,2]}},'x':2,'y':{'z':'z'}}", "with memory");
        json_decref(result);
        assert_true(n < 1000);
    }
}

int main(void) {
    json_set_alloc_funcs(alloc_or_fail, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_give_what_it_says),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
