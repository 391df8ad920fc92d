#include "unit/test.h"

#include "jose/flat_json.h"

static void plain_objects_are_read_as_jansson_reads_them(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{}",
        "{\"iss\":\"https://idp\",\"exp\":1700000000,\"ok\":true,\"groups\":[\"a\",\"b c\"],\"x\":[]}",
        "{\"a\":0,\"b\":999999999999999,\"c\":false,\"d\":\"\"}",
        "{\"\":\"empty key\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_auto_t *ours = NULL, *theirs = NULL;
        struct err err;
        if (!flat_json_parse(str_of(cases[i]), &ours))
            fail_msg("%s was not taken", cases[i]);
        assert_ok(json_parse(str_of(cases[i]), &theirs, &err));
        assert_true(json_equal(ours, theirs));
    }
}

static void everything_else_is_left_to_jansson(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "{",
        "[]",
        "\"x\"",
        "{}x",
        "{} ",
        "{ }",
        "{\"a\":1,}",
        "{\"a\":1\"b\":2}",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,\"a\":2}", /* twice */
        "{\"a\":01}",
        "{\"a\":-1}",
        "{\"a\":1.5}",
        "{\"a\":1e3}",
        "{\"a\":1000000000000000}",
        "{\"a\":null}",
        "{\"a\":tru}",
        "{\"a\":{}}",
        "{\"a\":[1]}",
        "{\"a\":[\"b\",]}",
        "{\"a\":[\"b\"}",
        "{\"a\":[",
        "{\"a\":\"\\u0041\"}",
        "{\"a\":\"\xc3\xa4\"}",
        "{\"a\":\"\n\"}",
        "{\"a\":\"\x7f\"}",
        "{\"a\":\"b}",
        "{\"\\u0061\":1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *none = NULL;
        if (flat_json_parse(str_of(cases[i]), &none))
            fail_msg("%s was taken", cases[i]);
        assert_null(none);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_objects_are_read_as_jansson_reads_them),
        cmocka_unit_test(everything_else_is_left_to_jansson),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
