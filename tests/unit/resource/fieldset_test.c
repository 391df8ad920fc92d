#include "unit/kube/json.h"

#include "resource/fieldset.h"

enum { ARENA_MAX = 64 * 1024 * 1024 };

static const struct fieldset *parse(struct arena *a, const char *text) {
    struct err err = { 0 };
    const struct fieldset *set = NULL;
    json_auto_t *fields = json_quoted(text);
    assert_ok(fieldset_parse(a, fields, &set, &err));
    return set;
}

/* Byte for byte, order included. */
static void assert_prints(const struct fieldset *set, const char *want) {
    json_auto_t *fields = fieldset_print(set), *wanted = json_quoted(want);
    char *got_text = json_print(fields), *want_text = json_print(wanted);
    assert_string_equal(got_text, want_text);
    free(got_text);
    free(want_text);
}

static void it_is_printed_sorted_and_canonical(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "{}", "{}" },
        { "{'f:a':{}}", "{'f:a':{}}" },
        { "{'f:a':{'.':{}}}", "{'f:a':{}}" },
        { "{'f:b':{},'f:a':{'f:c':{},'.':{}}}", "{'f:a':{'.':{},'f:c':{}},'f:b':{}}" },
        { "{'.':{},'f:a':{}}", "{'f:a':{}}" },
        { "{'.':{}}", "{}" },
        { "{'f:':{}}", "{'f:':{}}" },
        { "{'f:l':{'i:10':{},'i:9':{},'v:1':{},'v:\\'x\\'':{},'k:{\\'b\\':1,\\'a\\':\\'x\\'}':{},'f:m':{}}}",
          "{'f:l':{'f:m':{},'k:{\\'a\\':\\'x\\',\\'b\\':1}':{},'v:\\'x\\'':{},'v:1':{},'i:9':{},'i:10':{}}"
          "}" },
        /* the same, written in two ways */
        { "{'f:l':{'k:{\\'a\\':1,\\'b\\':2}':{'f:x':{}},'k:{ \\'b\\': 2, \\'a\\': 1 }':{'f:y':{}}}}",
          "{'f:l':{'k:{\\'a\\':1,\\'b\\':2}':{'f:x':{},'f:y':{}}}}" },
        { "{'f:l':{'v: true':{},'v:null':{},'v:1.5':{}}}", "{'f:l':{'v:1.5':{},'v:null':{},'v:true':{}}}" },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct fieldset *set = parse(a, cases[i].in);
        assert_prints(set, cases[i].out);
        assert_true(fieldset_equal(set, parse(a, cases[i].out)));
    }
}

static void what_is_no_set_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "[]",
        "'f:a'",
        "{'f:a':1}",
        "{'f:a':null}",
        "{'f:a':[]}",
        "{'a':{}}",
        "{'x:a':{}}",
        "{'':{}}",
        "{'f':{}}",
        "{'f:a':{'.':{'f:b':{}}}}",
        "{'f:a':{'.':1}}",
        "{'i:':{}}",
        "{'i:-1':{}}",
        "{'i:01':{}}",
        "{'i:x':{}}",
        "{'i:4294967296':{}}",
        "{'k:':{}}",
        "{'k:{}':{}}",
        "{'k:[]':{}}",
        "{'k:1':{}}",
        "{'k:{\\'a\\':{}}':{}}",
        "{'k:{\\'a\\':1':{}}",
        "{'v:':{}}",
        "{'v:{}':{}}",
        "{'v:[1]':{}}",
        "{'v:x':{}}",
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        const struct fieldset *set = NULL;
        json_auto_t *fields = json_quoted(cases[i]);
        if (fieldset_parse(a, fields, &set, &err) != ERR_INVALID)
            fail_msg("%s is taken", cases[i]);
    }
}

static void sets_have_limits(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    struct err err = { 0 };
    const struct fieldset *set;
    json_auto_t *deep = json_object(), *wide = json_object();
    for (int i = 0; i < FIELDSET_DEPTH_MAX - 1; i++)
        deep = json_pack("{s:o}", "f:a", deep);
    assert_ok(fieldset_parse(a, deep, &set, &err));
    deep = json_pack("{s:o}", "f:a", deep);
    assert_int_equal(fieldset_parse(a, deep, &set, &err), ERR_LIMIT);
    for (int i = 0; i < FIELDSET_NODES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "f:%d", i);
        assert_int_equal(json_object_set_new(wide, name, json_object()), 0);
    }
    assert_ok(fieldset_parse(a, wide, &set, &err));
    assert_int_equal(fieldset_size(set), FIELDSET_NODES_MAX);
    assert_int_equal(json_object_set_new(wide, "f:more", json_object()), 0);
    assert_int_equal(fieldset_parse(a, wide, &set, &err), ERR_LIMIT);
}

static void sets_are_combined(void **state) {
    (void)state;
    static const struct {
        const char *x, *y, *both, *only_x, *any;
    } cases[] = {
        { "{}", "{}", "{}", "{}", "{}" },
        { "{'f:a':{}}", "{}", "{}", "{'f:a':{}}", "{'f:a':{}}" },
        { "{'f:a':{}}", "{'f:a':{}}", "{'f:a':{}}", "{}", "{'f:a':{}}" },
        { "{'f:a':{}}", "{'f:b':{}}", "{}", "{'f:a':{}}", "{'f:a':{},'f:b':{}}" },
        /* a member is not the same as what is below it */
        { "{'f:a':{'.':{},'f:b':{}}}", "{'f:a':{}}", "{'f:a':{}}", "{'f:a':{'f:b':{}}}",
          "{'f:a':{'.':{},'f:b':{}}}" },
        { "{'f:a':{'f:b':{}}}", "{'f:a':{}}", "{}", "{'f:a':{'f:b':{}}}", "{'f:a':{'.':{},'f:b':{}}}" },
        { "{'f:a':{'f:b':{},'f:c':{}},'f:x':{}}", "{'f:a':{'f:c':{},'f:d':{}},'f:y':{}}",
          "{'f:a':{'f:c':{}}}", "{'f:a':{'f:b':{}},'f:x':{}}",
          "{'f:a':{'f:b':{},'f:c':{},'f:d':{}},'f:x':{},'f:y':{}}" },
        { "{'f:l':{'v:1':{},'i:1':{}}}", "{'f:l':{'v:1':{},'f:1':{}}}", "{'f:l':{'v:1':{}}}",
          "{'f:l':{'i:1':{}}}", "{'f:l':{'f:1':{},'v:1':{},'i:1':{}}}" },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct fieldset *x = parse(a, cases[i].x), *y = parse(a, cases[i].y);
        assert_prints(fieldset_intersection(a, x, y), cases[i].both);
        assert_prints(fieldset_intersection(a, y, x), cases[i].both);
        assert_prints(fieldset_difference(a, x, y), cases[i].only_x);
        assert_prints(fieldset_union(a, x, y), cases[i].any);
        assert_prints(fieldset_union(a, y, x), cases[i].any);
    }
    assert_false(arena_failed(a));
}

static void members_are_found(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    const struct fieldset *set = parse(a, "{'f:a':{'f:b':{},'f:c':{}},'f:l':{'v:\\'x\\'':{}}}");
    const struct field_element path_a = { ELEMENT_FIELD, STR("a") }, path_l = { ELEMENT_FIELD, STR("l") };
    const struct field_element a_c[] = { path_a, { ELEMENT_FIELD, STR("c") } };
    const struct field_element a_d[] = { path_a, { ELEMENT_FIELD, STR("d") } };
    const struct field_element l_x[] = { path_l, { ELEMENT_VALUE, STR("\"x\"") } };
    const struct field_element l_k[] = { path_l, { ELEMENT_KEY, STR("\"x\"") } };
    assert_true(fieldset_has(set, a_c, 2));
    assert_false(fieldset_has(set, a_c, 1));
    assert_false(fieldset_has(set, a_c, 0));
    assert_false(fieldset_has(set, a_d, 2));
    assert_true(fieldset_has(set, l_x, 2));
    assert_false(fieldset_has(set, l_k, 2));
    assert_false(fieldset_has(NULL, a_c, 2));
    assert_int_equal(fieldset_size(set), 3);
    assert_int_equal(fieldset_size(NULL), 0);
    assert_true(fieldset_is_empty(NULL));
    assert_false(fieldset_is_empty(set));
    assert_true(fieldset_is_empty(parse(a, "{}")));
}

static void paths_are_written_for_people(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    size_t len;
    const struct fieldset *set = parse(
        a, "{'f:metadata':{'f:labels':{'.':{},'f:app.io/x':{}},'f:finalizers':{'v:\\'a\\'':{}},"
           "'f:ownerReferences':{'k:{\\'uid\\':\\'1\\',\\'n\\':2}':{'.':{},'f:kind':{}}}},'f:l':{'i:3':{}}}");
    const struct str *paths = fieldset_paths(a, set, &len);
    static const char *const want[] = {
        ".l[3]",
        ".metadata.finalizers[=\"a\"]",
        ".metadata.labels",
        ".metadata.labels.app.io/x",
        ".metadata.ownerReferences[n=2,uid=\"1\"]",
        ".metadata.ownerReferences[n=2,uid=\"1\"].kind",
    };
    assert_int_equal(len, ARRAY_LEN(want));
    for (size_t i = 0; i < len; i++)
        assert_str(paths[i], want[i]);
    assert_null(fieldset_paths(a, NULL, &len));
    assert_int_equal(len, 0);
}

static void a_path_too_long_does_not_spoil_the_next(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    struct err err = { 0 };
    const struct fieldset *set;
    size_t len;
    AUTO(strbuf_done) struct strbuf name = STRBUF(100000);
    strbuf_adds(&name, "f:a");
    for (int i = 0; i < 5000; i++)
        strbuf_addc(&name, 'a');
    json_auto_t *fields = json_pack("{s:{},s:{}}", strbuf_c(&name), "f:b");
    assert_ok(fieldset_parse(a, fields, &set, &err));
    const struct str *paths = fieldset_paths(a, set, &len);
    assert_int_equal(len, 2);
    assert_str(paths[1], ".b");
}

/* ---- laws, on random sets ---- */
static uint32_t seed = 12345;
static uint32_t draw(uint32_t below) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}

static json_t *random_fields(int depth) {
    json_t *out = json_object();
    static const char *const keys[] = { ".",   "f:a",     "f:b", "f:c",  "k:{\"u\":1}", "k:{\"u\":2}",
                                        "v:1", "v:\"a\"", "i:0", "i:10", "i:2" };
    for (uint32_t n = draw(5); n-- > 0;) {
        const char *key = keys[draw(ARRAY_LEN(keys))];
        bool leaf = key[0] == '.' || depth == 0;
        assert_int_equal(json_object_set_new(out, key, leaf ? json_object() : random_fields(depth - 1)), 0);
    }
    return out;
}

static void the_laws_of_sets_hold(void **state) {
    (void)state;
    struct err err = { 0 };
    for (int i = 0; i < 500; i++) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
        const struct fieldset *s[3];
        for (size_t j = 0; j < ARRAY_LEN(s); j++) {
            json_auto_t *fields = random_fields(4);
            assert_ok(fieldset_parse(a, fields, &s[j], &err));
            json_auto_t *printed = fieldset_print(s[j]);
            const struct fieldset *again;
            assert_ok(fieldset_parse(a, printed, &again, &err));
            assert_true(fieldset_equal(s[j], again));
        }
        const struct fieldset *x = s[0], *y = s[1], *z = s[2];
        const struct fieldset *any = fieldset_union(a, x, y), *both = fieldset_intersection(a, x, y);
        const struct fieldset *only_x = fieldset_difference(a, x, y);
        assert_true(fieldset_equal(any, fieldset_union(a, y, x)));
        assert_true(fieldset_equal(both, fieldset_intersection(a, y, x)));
        assert_true(fieldset_equal(x, fieldset_union(a, only_x, both)));
        assert_null(fieldset_intersection(a, only_x, y));
        assert_null(fieldset_difference(a, x, any));
        assert_null(fieldset_difference(a, x, x));
        assert_true(fieldset_equal(x, fieldset_union(a, x, x)));
        assert_true(fieldset_equal(x, fieldset_intersection(a, x, x)));
        assert_int_equal(fieldset_size(any) + fieldset_size(both), fieldset_size(x) + fieldset_size(y));
        assert_true(fieldset_equal(fieldset_intersection(a, x, fieldset_union(a, y, z)),
                                   fieldset_union(a, both, fieldset_intersection(a, x, z))));
        assert_true(fieldset_equal(fieldset_difference(a, only_x, z),
                                   fieldset_difference(a, x, fieldset_union(a, y, z))));
        assert_false(arena_failed(a));
    }
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    struct err err = { 0 };
    json_auto_t *fields = json_quoted("{'f:a':{'k:{\\'u\\':1}':{'.':{},'f:b':{}},'v:\\'x\\'':{}},'f:c':{}}");
    bool failed = true;
    for (int n = 0; failed; n++) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
        const struct fieldset *set = NULL;
        alloc_left = n;
        enum err_code rc = fieldset_parse(a, fields, &set, &err);
        json_t *printed = rc == ERR_OK ? fieldset_print(set) : NULL;
        alloc_left = -1;
        failed = printed == NULL;
        if (!failed)
            assert_true(json_equal(printed, fields));
        json_decref(printed);
        assert_true(n < 1000);
    }
    for (size_t max = 0;; max += 64) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(max);
        const struct fieldset *set = NULL;
        enum err_code rc = fieldset_parse(a, fields, &set, &err);
        if (rc == ERR_OK)
            break;
        assert_int_equal(rc, ERR_NOMEM);
        assert_true(max < 100000);
    }
}

int main(void) {
    json_set_alloc_funcs(alloc_or_fail, free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_printed_sorted_and_canonical),
        cmocka_unit_test(what_is_no_set_is_refused),
        cmocka_unit_test(sets_have_limits),
        cmocka_unit_test(sets_are_combined),
        cmocka_unit_test(members_are_found),
        cmocka_unit_test(paths_are_written_for_people),
        cmocka_unit_test(a_path_too_long_does_not_spoil_the_next),
        cmocka_unit_test(the_laws_of_sets_hold),
        cmocka_unit_test(without_memory_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
