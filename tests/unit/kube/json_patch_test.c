#include "unit/kube/json.h"

#include "kube/patch.h"

/* `want` NULL: refused with `code`. */
struct patch_case {
    const char *document, *patch, *want;
    enum err_code code;
};

static void run_case(const struct patch_case *c) {
    struct err err = { 0 };
    json_auto_t *document = json_quoted(c->document), *patch = json_quoted(c->patch);
    json_auto_t *document_before = json_deep_copy(document), *patch_before = json_deep_copy(patch);
    json_auto_t *result = NULL;
    enum err_code rc = patch_json(document, patch, &result, &err);
    if (rc != c->code)
        fail_msg("%s on %s: %s (%s), wanted %s", c->patch, c->document, err_code_name(rc), err.detail,
                 err_code_name(c->code));
    if (c->want != NULL)
        assert_json(result, c->want, c->patch);
    else
        assert_null(result);
    assert_true(json_equal(document, document_before));
    assert_true(json_equal(patch, patch_before));
}

/* ---- RFC 6902, appendix A ---- */
static void the_examples_of_the_rfc_give_what_it_says(void **state) {
    (void)state;
    static const struct patch_case cases[] = {
        /* A.1 adding an object member, A.2 an array element */
        { "{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux'}]", "{'baz':'qux','foo':'bar'}",
          ERR_OK },
        { "{'foo':['bar','baz']}", "[{'op':'add','path':'/foo/1','value':'qux'}]",
          "{'foo':['bar','qux','baz']}", ERR_OK },
        /* A.3 removing a member, A.4 an element */
        { "{'baz':'qux','foo':'bar'}", "[{'op':'remove','path':'/baz'}]", "{'foo':'bar'}", ERR_OK },
        { "{'foo':['bar','qux','baz']}", "[{'op':'remove','path':'/foo/1'}]", "{'foo':['bar','baz']}",
          ERR_OK },
        /* A.5 replacing a value */
        { "{'baz':'qux','foo':'bar'}", "[{'op':'replace','path':'/baz','value':'boo'}]",
          "{'baz':'boo','foo':'bar'}", ERR_OK },
        /* A.6 moving a value, A.7 an element */
        { "{'foo':{'bar':'baz','waldo':'fred'},'qux':{'corge':'grault'}}",
          "[{'op':'move','from':'/foo/waldo','path':'/qux/thud'}]",
          "{'foo':{'bar':'baz'},'qux':{'corge':'grault','thud':'fred'}}", ERR_OK },
        { "{'foo':['all','grass','cows','eat']}", "[{'op':'move','from':'/foo/1','path':'/foo/3'}]",
          "{'foo':['all','cows','eat','grass']}", ERR_OK },
        /* A.8, A.9 testing a value */
        { "{'baz':'qux','foo':['a',2,'c']}",
          "[{'op':'test','path':'/baz','value':'qux'},{'op':'test','path':'/foo/1','value':2}]",
          "{'baz':'qux','foo':['a',2,'c']}", ERR_OK },
        { "{'baz':'qux'}", "[{'op':'test','path':'/baz','value':'bar'}]", NULL, ERR_CONFLICT },
        /* A.10 adding a nested member, A.11 ignoring unrecognized elements */
        { "{'foo':'bar'}", "[{'op':'add','path':'/child','value':{'grandchild':{}}}]",
          "{'foo':'bar','child':{'grandchild':{}}}", ERR_OK },
        { "{'foo':'bar'}", "[{'op':'add','path':'/baz','value':'qux','xyz':123}]",
          "{'foo':'bar','baz':'qux'}", ERR_OK },
        /* A.12 adding to a nonexistent target */
        { "{'foo':'bar'}", "[{'op':'add','path':'/baz/bat','value':'qux'}]", NULL, ERR_NOT_FOUND },
        /* A.14 ~ escape ordering, A.15 comparing strings and numbers, A.16 adding an array value */
        { "{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':10}]", "{'/':9,'~1':10}", ERR_OK },
        { "{'/':9,'~1':10}", "[{'op':'test','path':'/~01','value':'10'}]", NULL, ERR_CONFLICT },
        { "{'foo':['bar']}", "[{'op':'add','path':'/foo/-','value':['abc','def']}]",
          "{'foo':['bar',['abc','def']]}", ERR_OK },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run_case(&cases[i]);
}

/* RFC 6901 5. */
static void pointers_lead_where_the_rfc_says(void **state) {
    (void)state;
    const char *document =
        "{'foo':['bar','baz'],'':0,'a/b':1,'c%d':2,'e^f':3,'g|h':4,'i\\\\j':5,' ':7,'m~n':8}";
    static const struct {
        const char *path, *value;
    } cases[] = {
        { "/foo", "['bar','baz']" },
        { "/foo/0", "'bar'" },
        { "/", "0" },
        { "/a~1b", "1" },
        { "/c%d", "2" },
        { "/e^f", "3" },
        { "/g|h", "4" },
        { "/i\\\\j", "5" },
        { "/ ", "7" },
        { "/m~0n", "8" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char patch[200];
        (void)snprintf(patch, sizeof patch, "[{'op':'test','path':'%s','value':%s}]", cases[i].path,
                       cases[i].value);
        run_case(&(struct patch_case) { document, patch, document, ERR_OK });
    }
}

static void each_operation_does_what_it_says(void **state) {
    (void)state;
    static const struct patch_case cases[] = {
        { "{}", "[]", "{}", ERR_OK },
        { "{'a':1}", "[{'op':'add','path':'/a','value':2}]", "{'a':2}", ERR_OK },
        { "{'a':1}", "[{'op':'add','path':'/a','value':null}]", "{'a':null}", ERR_OK },
        { "{'a':1}", "[{'op':'add','path':'','value':[1]}]", "[1]", ERR_OK },
        { "{'a':1}", "[{'op':'replace','path':'','value':'x'}]", "'x'", ERR_OK },
        { "{'a':1}", "[{'op':'test','path':'','value':{'a':1}}]", "{'a':1}", ERR_OK },
        { "{'a':[1,2,3]}", "[{'op':'replace','path':'/a/1','value':9}]", "{'a':[1,9,3]}", ERR_OK },
        { "{'a':[1]}", "[{'op':'add','path':'/a/1','value':2}]", "{'a':[1,2]}", ERR_OK },
        { "{'a':[1]}", "[{'op':'add','path':'/a/0','value':2}]", "{'a':[2,1]}", ERR_OK },
        { "{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/c'}]", "{'a':{'b':1},'c':{'b':1}}", ERR_OK },
        { "{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/a/c'}]", "{'a':{'b':1,'c':{'b':1}}}", ERR_OK },
        { "{'a':{'b':1}}", "[{'op':'copy','from':'','path':'/a'}]", "{'a':{'a':{'b':1}}}", ERR_OK },
        { "{'a':{'b':1}}", "[{'op':'copy','from':'/a/b','path':''}]", "1", ERR_OK },
        { "{'a':{'b':[7]}}", "[{'op':'move','from':'/a/b','path':''}]", "[7]", ERR_OK },
        { "{'a':1}", "[{'op':'move','from':'/a','path':'/a'}]", "{'a':1}", ERR_OK },
        { "{'a':1}", "[{'op':'move','from':'','path':''}]", "{'a':1}", ERR_OK },
        { "{'a':[1,2]}", "[{'op':'move','from':'/a/0','path':'/a/-'}]", "{'a':[2,1]}", ERR_OK },
        { "{'a':{'b':1},'c':2}", "[{'op':'move','from':'/a','path':'/c'}]", "{'c':{'b':1}}", ERR_OK },
        /* what one operation copied, the next does not change in both places */
        { "{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/c'},{'op':'replace','path':'/c/b','value':2}]",
          "{'a':{'b':1},'c':{'b':2}}", ERR_OK },
        { "{}",
          "[{'op':'add','path':'/a','value':{}},{'op':'add','path':'/a/b','value':{}},{'op':'add','path':'/a/"
          "b/c','value':1}]",
          "{'a':{'b':{'c':1}}}", ERR_OK },
        /* numbers are equal when they are equal as numbers (RFC 6902 4.6) */
        { "{'a':1}", "[{'op':'test','path':'/a','value':1.0}]", "{'a':1}", ERR_OK },
        { "{'a':{'x':[1,{'y':2.0}],'z':null}}",
          "[{'op':'test','path':'/a','value':{'z':null,'x':[1.0,{'y':2}]}}]",
          "{'a':{'x':[1,{'y':2.0}],'z':null}}", ERR_OK },
        { "{'a':9007199254740993}", "[{'op':'test','path':'/a','value':9007199254740992.0}]", NULL,
          ERR_CONFLICT },
        { "{'a':1}", "[{'op':'test','path':'/a','value':1.5}]", NULL, ERR_CONFLICT },
        { "{'a':1}", "[{'op':'test','path':'/a','value':1e300}]", NULL, ERR_CONFLICT },
        { "{'a':1}", "[{'op':'test','path':'/a','value':true}]", NULL, ERR_CONFLICT },
        { "{'a':[1]}", "[{'op':'test','path':'/a','value':[1,2]}]", NULL, ERR_CONFLICT },
        { "{'a':{'b':1}}", "[{'op':'test','path':'/a','value':{'c':1}}]", NULL, ERR_CONFLICT },
        /* an operation that fails takes the ones before it with it */
        { "{'a':1}", "[{'op':'remove','path':'/a'},{'op':'test','path':'/b','value':1}]", NULL,
          ERR_NOT_FOUND },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        run_case(&cases[i]);
}

static void paths_that_lead_nowhere_are_refused(void **state) {
    (void)state;
    static const char *const patches[] = {
        "[{'op':'remove','path':'/x'}]",
        "[{'op':'replace','path':'/x','value':1}]",
        "[{'op':'test','path':'/x','value':null}]",
        "[{'op':'copy','from':'/x','path':'/y'}]",
        "[{'op':'move','from':'/x','path':'/y'}]",
        "[{'op':'move','from':'/list/0','path':'/y/z'}]",
        "[{'op':'remove','path':'/list/3'}]",
        "[{'op':'remove','path':'/list/-'}]",
        "[{'op':'replace','path':'/list/-','value':1}]",
        "[{'op':'add','path':'/list/4','value':1}]",
        "[{'op':'add','path':'/list/01','value':1}]",
        "[{'op':'add','path':'/list/-1','value':1}]",
        "[{'op':'add','path':'/list/+1','value':1}]",
        "[{'op':'add','path':'/list/one','value':1}]",
        "[{'op':'add','path':'/list/4294967296','value':1}]",
        "[{'op':'add','path':'/list/','value':1}]",
        "[{'op':'add','path':'/text/x','value':1}]",
        "[{'op':'add','path':'/nothing/x','value':1}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(patches); i++)
        run_case(&(struct patch_case) { "{'list':[1,2,3],'text':'t','nothing':null}", patches[i], NULL,
                                        ERR_NOT_FOUND });
}

static void a_malformed_patch_is_refused_whatever_the_document_is(void **state) {
    (void)state;
    static const char *const patches[] = {
        "{}",
        "'x'",
        "['x']",
        "[{}]",
        "[{'path':'/a'}]",
        "[{'op':'add','value':1}]",
        "[{'op':'Add','path':'/a','value':1}]",
        "[{'op':1,'path':'/a','value':1}]",
        "[{'op':'add','path':1,'value':1}]",
        "[{'op':'add','path':'/a'}]",
        "[{'op':'replace','path':'/a'}]",
        "[{'op':'test','path':'/a'}]",
        "[{'op':'move','path':'/a'}]",
        "[{'op':'copy','path':'/a','from':null}]",
        "[{'op':'add','path':'a','value':1}]",
        "[{'op':'add','path':'/~','value':1}]",
        "[{'op':'add','path':'/~2','value':1}]",
        "[{'op':'copy','from':'/~','path':'/a'}]",
        "[{'op':'remove','path':''}]",
        "[{'op':'move','from':'','path':'/a'}]",
        "[{'op':'move','from':'/a','path':'/a/b'}]",
        /* also when an earlier operation could not be applied */
        "[{'op':'remove','path':'/nowhere'},{'op':'jump'}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(patches); i++)
        run_case(&(struct patch_case) { "{'a':{'b':1}}", patches[i], NULL, ERR_INVALID });
}

static void an_error_says_which_operation_and_why(void **state) {
    (void)state;
    static const struct {
        const char *patch, *detail;
    } cases[] = {
        { "[{'op':'add','path':'/b','value':1},{'op':'remove','path':'/spec/x'}]",
          "operation 1 (remove, \"/spec/x\"): there is nothing the path could lead through" },
        { "[{'op':'remove','path':'/x'}]", "operation 0 (remove, \"/x\"): there is nothing at this path" },
        { "[{'op':'copy','from':'/x','path':'/y'}]",
          "operation 0 (copy, \"/y\"): there is nothing at \"from\"" },
        { "[{'op':'test','path':'/a','value':'hunter2'}]",
          "operation 0 (test, \"/a\"): the value is another one" },
        { "[{'op':'add','path':'/~x','value':1}]",
          "operation 0 (add, \"/~x\"): path: in a JSON pointer \"~\" stands only in \"~0\" and \"~1\"" },
        { "[{'op':'add','path':'/l/9','value':1}]",
          "operation 0 (add, \"/l/9\"): the list has only 2 items" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        json_auto_t *document = json_quoted("{'a':1,'l':[1,2]}"), *patch = json_quoted(cases[i].patch);
        json_t *result = NULL;
        assert_int_not_equal(patch_json(document, patch, &result, &err), ERR_OK);
        assert_string_equal(err.detail, cases[i].detail);
    }
}

/* ---- limits ---- */
static json_t *operations(const char *op, size_t n) {
    json_t *patch = json_array();
    for (size_t i = 0; i < n; i++)
        assert_int_equal(json_array_append_new(patch, json_quoted(op)), 0);
    return patch;
}

static enum err_code patch_rc(const char *document, json_t *patch_take, struct err *err) {
    json_auto_t *target = json_quoted(document), *patch = patch_take, *result = NULL;
    return patch_json(target, patch, &result, err);
}

static void ten_thousand_operations_and_no_more(void **state) {
    (void)state;
    struct err err = { 0 };
    const char *op = "{'op':'add','path':'/a','value':1}";
    assert_ok(patch_rc("{}", operations(op, PATCH_OPERATIONS_MAX), &err));
    assert_int_equal(patch_rc("{}", operations(op, PATCH_OPERATIONS_MAX + 1), &err), ERR_LIMIT);
    assert_string_equal(err.detail, "the allowed maximum operations in a JSON patch is 10000, got 10001");
}

static void copies_do_not_blow_up(void **state) {
    (void)state;
    struct err err = { 0 };
    /* doubles the document each time */
    const char *doubling = "{'op':'copy','from':'/a','path':'/a/-'}";
    assert_int_equal(patch_rc("{'a':[1,2,3,4,5,6,7,8]}", operations(doubling, 6), &err), ERR_OK);
    assert_int_equal(patch_rc("{'a':[1,2,3,4,5,6,7,8]}", operations(doubling, 60), &err), ERR_LIMIT);
    /* stays the same size, but copies all the time */
    json_auto_t *big = json_object();
    AUTO(strbuf_done) struct strbuf text = STRBUF(PATCH_RESULT_MAX);
    for (size_t i = 0; i < 100000; i++)
        strbuf_adds(&text, "x");
    assert_int_equal(json_object_set_new(big, "a", json_string(strbuf_c(&text))), 0);
    json_auto_t *patch = operations("{'op':'copy','from':'/a','path':'/b'}", 100), *result = NULL;
    assert_int_equal(patch_json(big, patch, &result, &err), ERR_LIMIT);
    assert_non_null(strstr(err.detail, "would be copied"));
}

static void the_result_stays_within_its_size(void **state) {
    (void)state;
    struct err err = { 0 };
    json_auto_t *patch = json_array(), *empty = json_object(), *result = NULL;
    AUTO(strbuf_done) struct strbuf text = STRBUF(PATCH_RESULT_MAX);
    for (size_t i = 0; i < PATCH_RESULT_MAX / 4; i++)
        strbuf_addc(&text, 'x');
    for (int i = 0; i < 4; i++) {
        char path[16];
        (void)snprintf(path, sizeof path, "/%d", i);
        json_t *op = json_pack("{s:s,s:s,s:s}", "op", "add", "path", path, "value", strbuf_c(&text));
        assert_int_equal(json_array_append_new(patch, op), 0);
    }
    assert_int_equal(patch_json(empty, patch, &result, &err), ERR_LIMIT);
    /* what is taken away again makes room */
    assert_int_equal(json_array_insert_new(patch, 1, json_quoted("{'op':'remove','path':'/0'}")), 0);
    assert_ok(patch_json(empty, patch, &result, &err));
}

static void nothing_gets_deeper_than_what_can_be_read_again(void **state) {
    (void)state;
    struct err err = { 0 };
    const char *deeper = "{'op':'copy','from':'','path':'/a'}";
    assert_ok(patch_rc("{}", operations(deeper, JSON_DEPTH_MAX - 1), &err));
    assert_int_equal(patch_rc("{}", operations(deeper, JSON_DEPTH_MAX), &err), ERR_LIMIT);
    /* by moving a deep value further down */
    json_auto_t *document = json_quoted("{'deep':1,'a':{'b':{}}}"), *result = NULL;
    json_t *deep = json_integer(1);
    for (int i = 0; i < JSON_DEPTH_MAX - 2; i++)
        deep = json_pack("[o]", deep);
    assert_int_equal(json_object_set_new(document, "deep", deep), 0);
    json_auto_t *fine = operations("{'op':'move','from':'/deep','path':'/a/x'}", 1);
    json_auto_t *too_deep = operations("{'op':'move','from':'/deep','path':'/a/b/x'}", 1);
    assert_ok(patch_json(document, fine, &result, &err));
    json_decref(result);
    result = NULL;
    assert_int_equal(patch_json(document, too_deep, &result, &err), ERR_LIMIT);
    /* and a path cannot have more parts */
    AUTO(strbuf_done) struct strbuf path = STRBUF(1000);
    strbuf_adds(&path, "[{'op':'add','value':1,'path':'");
    for (int i = 0; i <= JSON_DEPTH_MAX; i++)
        strbuf_adds(&path, "/a");
    strbuf_adds(&path, "'}]");
    assert_int_equal(patch_rc("{}", json_quoted(strbuf_c(&path)), &err), ERR_LIMIT);
}

static void moving_about_in_a_long_list_has_an_end(void **state) {
    (void)state;
    struct err err = { 0 };
    json_auto_t *document = json_array(), *result = NULL;
    for (int i = 0; i < 60000; i++)
        assert_int_equal(json_array_append_new(document, json_integer(i)), 0);
    json_auto_t *few = operations("{'op':'move','from':'/0','path':'/1'}", 100);
    json_auto_t *many = operations("{'op':'move','from':'/0','path':'/1'}", PATCH_OPERATIONS_MAX);
    assert_ok(patch_json(document, few, &result, &err));
    json_decref(result);
    result = NULL;
    assert_int_equal(patch_json(document, many, &result, &err), ERR_LIMIT);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    json_auto_t *document = json_quoted("{'a':{'b':[1,2,3]}}");
    json_auto_t *patch = json_quoted(
        "[{'op':'copy','from':'/a','path':'/c'},{'op':'add','path':'/c/x','value':{'y':1}},"
        "{'op':'move','from':'/a/b','path':'/d'},{'op':'add','path':'/d/-','value':[7]}]");
    bool failed = true;
    for (int n = 0; failed; n++) {
        struct err err = { 0 };
        json_t *result = NULL;
        alloc_left = n;
        enum err_code rc = patch_json(document, patch, &result, &err);
        alloc_left = -1;
        failed = rc != ERR_OK;
        if (failed) {
            assert_int_equal(rc, ERR_NOMEM);
            assert_null(result);
        } else
            assert_json(result, "{'a':{},'c':{'b':[1,2,3],'x':{'y':1}},'d':[1,2,3,[7]]}", "with memory");
        json_decref(result);
        assert_true(n < 1000);
    }
}

int main(void) {
    json_set_alloc_funcs(alloc_or_fail, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_the_rfc_give_what_it_says),
        cmocka_unit_test(pointers_lead_where_the_rfc_says),
        cmocka_unit_test(each_operation_does_what_it_says),
        cmocka_unit_test(paths_that_lead_nowhere_are_refused),
        cmocka_unit_test(a_malformed_patch_is_refused_whatever_the_document_is),
        cmocka_unit_test(an_error_says_which_operation_and_why),
        cmocka_unit_test(ten_thousand_operations_and_no_more),
        cmocka_unit_test(copies_do_not_blow_up),
        cmocka_unit_test(the_result_stays_within_its_size),
        cmocka_unit_test(nothing_gets_deeper_than_what_can_be_read_again),
        cmocka_unit_test(moving_about_in_a_long_list_has_an_end),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
