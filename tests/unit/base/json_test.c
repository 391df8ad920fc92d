#include "unit/test.h"

static void written_strings_read_back(void **state) {
    (void)state;
    struct err err = { 0 };
    char all[0x80 - 1];
    for (size_t i = 0; i < sizeof all; i++)
        all[i] = (char)(i + 1);
    AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
    bool first = true;
    strbuf_addc(&out, '{');
    json_field_str(&out, &first, "s", (struct str) { all, sizeof all });
    json_field_str(&out, &first, "u", STR("\xc3\xa9\xf0\x9f\x98\x80\"\\/"));
    json_field_i64(&out, &first, "n", INT64_MIN);
    json_field_bool(&out, &first, "b", true);
    json_field_bool(&out, &first, "c", false);
    strbuf_addc(&out, '}');
    json_t *v = NULL;
    assert_ok(json_parse(strbuf_str(&out), &v, &err));
    assert_true(str_eq(json_get_str(v, "s"), (struct str) { all, sizeof all }));
    assert_str(json_get_str(v, "u"), "\xc3\xa9\xf0\x9f\x98\x80\"\\/");
    assert_true(json_get_i64(v, "n", 0) == INT64_MIN);
    assert_true(json_get_bool(v, "b", false));
    assert_false(json_get_bool(v, "c", true));
    json_decref(v);
    for (size_t i = 0; i < out.len; i++) /* a terminal never sees a control character */
        assert_false((unsigned char)out.ptr[i] < 0x20 || out.ptr[i] == 0x7f);
}

static void what_is_not_utf8_becomes_the_replacement_character(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf out = STRBUF(100);
    json_add_string(&out, STR("a\xff\n\0b"));
    assert_string_equal(strbuf_c(&out), "\"a\xef\xbf\xbd\\n\\u0000b\"");
}

static void json_that_is_not_exactly_one_value_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",    " ",     "{",           "{}x",      "{} {}", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "[1,]", "nul",
        "'a'", "{a:1}", "\"\\u0000\"", "\"\xff\"", "01",    "+1",         "\"\\ud800\""
    };
    struct err err = { 0 };
    json_t *v = NULL;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (json_parse(str_of(bad[i]), &v, &err) != ERR_INVALID)
            fail_msg("taken: %s", bad[i]);
    assert_null(v);
    assert_ok(json_parse(STR(" 1 "), &v, &err));
    json_decref(v);
}

static void nesting_has_a_limit_that_brackets_in_strings_do_not_count_for(void **state) {
    (void)state;
    struct err err = { 0 };
    char deep[2 * (JSON_DEPTH_MAX + 1)];
    memset(deep, '[', sizeof deep / 2);
    memset(deep + sizeof deep / 2, ']', sizeof deep / 2);
    json_t *v = NULL;
    assert_int_equal(json_parse((struct str) { deep, sizeof deep }, &v, &err), ERR_LIMIT);
    assert_ok(json_parse((struct str) { deep + 1, sizeof deep - 2 }, &v, &err));
    json_decref(v);
    AUTO(strbuf_done) struct strbuf text = STRBUF(1000);
    strbuf_adds(&text, "[\"\\\"");
    for (int i = 0; i < 100; i++)
        strbuf_addc(&text, '[');
    strbuf_adds(&text, "\"]");
    assert_ok(json_parse(strbuf_str(&text), &v, &err));
    json_decref(v);
}

/* Bodies hold passwords and tokens, and details go to the log. */
static void the_error_does_not_quote_the_text(void **state) {
    (void)state;
    static const char *const bad[] = { "{\"password\": hunter2}",
                                       "{\"password\": \"hunter2\" x}",
                                       "{\"hunter2\": \"\\q\"}",
                                       "{\"hunter2\":1,\"hunter2\":2}",
                                       "hunter2",
                                       "\"hunter2\n\"",
                                       "\"hunter2" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = { 0 };
        json_t *v = NULL;
        assert_int_equal(json_parse(str_of(bad[i]), &v, &err), ERR_INVALID);
        if (strstr(err.detail, "hunter2") != NULL)
            fail_msg("%s", err.detail);
        assert_non_null(strstr(err.detail, "line 1 column "));
    }
}

static void members_of_another_type_give_the_fallback(void **state) {
    (void)state;
    struct err err = { 0 };
    json_t *v = NULL;
    assert_ok(json_parse(STR("{\"s\":\"x\",\"n\":1.5,\"b\":1}"), &v, &err));
    assert_null(json_get_str(v, "n").ptr);
    assert_int_equal(json_get_i64(v, "n", 7), 7);
    assert_true(json_get_bool(v, "b", true));
    assert_null(json_get_str(NULL, "s").ptr);
    char *printed = json_print(v);
    assert_string_equal(printed, "{\"s\":\"x\",\"n\":1.5,\"b\":1}");
    free(printed);
    json_decref(v);
}

static void lists_of_strings_are_copied(void **state) {
    (void)state;
    struct err err = { 0 };
    struct arena *a = arena_new(4096);
    struct str *items = NULL;
    size_t len = 9;
    json_t *v = NULL;
    assert_ok(json_parse(STR("{\"l\":[\"a\",\"b\"],\"m\":[1],\"n\":null,\"o\":\"x\"}"), &v, &err));
    assert_int_equal(json_get_strings(a, v, "m", &items, &len, &err), ERR_INVALID);
    assert_int_equal(json_get_strings(a, v, "o", &items, &len, &err), ERR_INVALID);
    assert_ok(json_get_strings(a, v, "n", &items, &len, &err));
    assert_int_equal(len, 0);
    assert_ok(json_get_strings(a, v, "none", &items, &len, &err));
    assert_int_equal(len, 0);
    assert_ok(json_get_strings(a, v, "l", &items, &len, &err));
    json_decref(v);
    assert_int_equal(len, 2);
    assert_str(items[1], "b");
    arena_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_strings_read_back),
        cmocka_unit_test(what_is_not_utf8_becomes_the_replacement_character),
        cmocka_unit_test(json_that_is_not_exactly_one_value_is_refused),
        cmocka_unit_test(nesting_has_a_limit_that_brackets_in_strings_do_not_count_for),
        cmocka_unit_test(the_error_does_not_quote_the_text),
        cmocka_unit_test(members_of_another_type_give_the_fallback),
        cmocka_unit_test(lists_of_strings_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
