#include "unit/test.h"

#include "http/params.h"

static const struct http_param_spec specs[] = {
    { "code", HTTP_PARAM_REQUIRED | HTTP_PARAM_SECRET, 4 },
    { "state", HTTP_PARAM_OPTIONAL, 4 },
    { .name = NULL },
};

static void declared_parameters_are_collected(void **state) {
    (void)state;
    static const struct {
        const char *encoded, *code, *state, *repeated, *missing, *oversized;
    } cases[] = {
        { "code=a&state=b", "a", "b", "", "", "" },
        { "state=%62&code=%61", "a", "b", "", "", "" },
        { "other=1&other=2&code=a", "a", "", "", "", "" },
        { "code=", "", "", "", "code", "" },
        { "", "", "", "", "code", "" },
        { "Code=a", "", "", "", "code", "" },
        { "code=a&code=b", "a", "", "code", "", "" },
        { "code=a&state=1&state=1", "a", "1", "state", "", "" },
        { "code=12345", "12345", "", "", "", "code" },
        { "code=%31%32%33%34", "1234", "", "", "", "" },
        { "code=a&state=1+3", "a", "1 3", "", "", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 16);
        struct param_set found;
        struct err err;
        assert_ok(params_collect(a, specs, str_of(cases[i].encoded), &found, &err));
        assert_int_equal(found.len, 2);
        assert_str(found.values[0].name, "code");
        assert_str(found.values[0].value, cases[i].code);
        assert_str(found.values[1].value, cases[i].state);
        assert_int_equal(found.values[1].value.ptr != NULL, cases[i].state[0] != 0);
        assert_str(found.repeated, cases[i].repeated);
        assert_str(found.missing, cases[i].missing);
        assert_str(found.oversized, cases[i].oversized);
    }
}

static void what_is_no_form_is_refused(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 16);
    struct param_set found;
    struct err err;
    assert_int_equal(params_collect(a, specs, STR("code=%zz"), &found, &err), ERR_INVALID);
    AUTO(strbuf_done) struct strbuf many = STRBUF(4096);
    for (int i = 0; i <= FORM_FIELDS_MAX; i++)
        strbuf_adds(&many, "&x=1");
    assert_int_equal(params_collect(a, specs, strbuf_str(&many), &found, &err), ERR_LIMIT);
}

static void no_declared_parameter_means_no_parsing(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 16);
    struct param_set found;
    struct err err;
    assert_ok(params_collect(a, NULL, STR("%zz"), &found, &err));
    assert_int_equal(found.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(declared_parameters_are_collected),
        cmocka_unit_test(what_is_no_form_is_refused),
        cmocka_unit_test(no_declared_parameter_means_no_parsing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
