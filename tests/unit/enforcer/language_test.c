/* Models and expressions: what is understood, and where an error is said to be. */
#include "unit/enforcer/helper.h"

#define HEAD "[request_definition]\nr = sub, obj, act\n[policy_definition]\np = sub, obj, act\n"
#define EFFECT "[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\n"

static void errors_name_line_and_column(void **state) {
    (void)state;
    static const struct {
        const char *model;
        int line, column;
        const char *text;
    } rows[] = {
        { "", 0, 0, "request_definition" },
        { "r = sub\n", 1, 1, "before the first section" },
        { "[request_definition]\nr = sub\n[request_definition]\n", 3, 1, "second time" },
        { "[nonsense]\n", 1, 1, "unknown section" },
        { "[matchers]\nq = 1\n", 2, 1, "unknown key" },
        { "[request_definition]\nr = sub\nr = obj\n", 3, 1, "second time" },
        { "[request_definition]\nr =\n", 2, 1, "without a value" },
        { "[request_definition]\nr = sub, 0bj\n", 2, 9, "field name" },
        { "[request_definition]\nr = sub, sub\n", 2, 9, "twice" },
        { "[request_definition]\njust text\n", 2, 1, "key = value" },
        { HEAD "[role_definition]\ng = _\n", 6, 5, "two places" },
        { HEAD "[role_definition]\ng = _, x\n", 6, 7, "expected" },
        { HEAD "[policy_effect]\ne = most(where (p.eft == allow))\n", 6, 5, "policy effects" },
        { HEAD EFFECT "m = r.sub == p.sbu\n", 8, 14, "no field" },
        { HEAD EFFECT "m = r.sub == \n", 8, 13, "too early" },
        { HEAD EFFECT "m = r.sub & p.sub\n", 8, 11, "single &" },
        { HEAD EFFECT "m = keyMatch9(r.sub, p.sub)\n", 8, 5, "unknown function" },
        { HEAD EFFECT "m = g(r.sub, p.sub)\n", 8, 5, "unknown function" },
        { HEAD EFFECT "m = keyMatch(r.sub)\n", 8, 5, "two arguments" },
        { HEAD EFFECT "m = r.sub == \"open\n", 8, 14, "closing quote" },
        { HEAD EFFECT "m = (r.sub == p.sub\n", 8, 20, "expected" },
        { HEAD EFFECT "m = r.sub == p.sub)\n", 8, 19, "end of the expression" },
        { HEAD EFFECT "m = regexMatch(r.sub, \"(\")\n", 8, 23, "not a pattern" },
        { HEAD EFFECT "m = eval(r.sub)\n", 8, 5, "eval takes" },
        { HEAD EFFECT "m = 1.2.3\n", 8, 8, "one dot" },
        /* Continued lines: the place is that of the line it is written in. */
        { HEAD EFFECT "m = r.sub == p.sub && \\\n    r.obj == p.obj && \\\n  r.act == nothing\n", 10, 12,
          "unknown name" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct enforcer_error err = { 0 };
        struct enforcer *e = enforcer_new(rows[i].model, strlen(rows[i].model), NULL, &err);
        if (e != NULL || err.line != rows[i].line || err.column != rows[i].column ||
            strstr(err.text, rows[i].text) == NULL)
            fail_msg("row %zu: %d:%d %s", i, err.line, err.column, err.text);
    }
}

static void errors_in_rules_name_line_and_column(void **state) {
    (void)state;
    struct enforcer *e = new_enforcer(
        "[request_definition]\nr = sub, act\n[policy_definition]\np = rule, act, priority\n"
        "[policy_effect]\ne = priority(p.eft) || deny\n[matchers]\nm = eval(p.rule) && r.act == p.act\n",
        0);
    static const struct {
        const char *csv;
        int line, column;
    } rows[] = {
        { "p, r.sub == 'a', read, 1\np, r.sub == , read, 2\n", 2, 12 },
        { "p,   \"r.sub.Age > 1 8\", read, 1\n", 1, 21 },
        { "p, eval(p.rule), read, 1\n", 1, 4 },
        { "p, r.nobody, read, 1\n", 1, 4 },
        { "p, true, read, first\n", 1, 1 },
        { "p, (true, read, 1\n", 1, 4 },
        { "\n\np3, true\n", 3, 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct enforcer_error err = { 0 };
        assert_int_equal(enforcer_load_csv(e, rows[i].csv, strlen(rows[i].csv), NULL, &err),
                         ENFORCER_INVALID);
        if (err.line != rows[i].line || err.column != rows[i].column)
            fail_msg("row %zu: %d:%d %s", i, err.line, err.column, err.text);
    }
    /* None of it got in, and a good one still does. */
    load(e, "p, r.sub == 'ann', read, 1\n");
    assert_int_equal(ASK(e, "ann", "read"), ENFORCER_ALLOW);
    assert_int_equal(ASK(e, "bob", "read"), ENFORCER_NO_MATCH);
    enforcer_free(e);
}

/* Value of an expression over (s: string, n: number), as a decision: 1, 0, -1 error. */
static int truth(const char *expression, const char *s, double n) {
    char model[512];
    struct enforcer_error err = { 0 };
    (void)snprintf(model, sizeof model,
                   "[request_definition]\nr = s, n\n[policy_definition]\np = v\n" EFFECT
                   "m = p.v == 'v' && (%s)\n",
                   expression);
    struct enforcer *e = enforcer_new(model, strlen(model), NULL, &err);
    if (e == NULL)
        fail_msg("%s: %s", expression, err.text);
    load(e, "p, v\n");
    struct enforcer_value values[2] = { enforcer_string(s), enforcer_number(n) };
    struct enforcer_request r = { .values = values, .values_len = 2 };
    struct enforcer_result result = { .outcome = ENFORCER_ALLOW };
    const struct enforcer_snapshot *snapshot = enforcer_acquire(e);
    enum enforcer_status rc = enforcer_enforce(snapshot, &r, &result, &err);
    enforcer_release(e, snapshot);
    enforcer_free(e);
    assert_true(rc == ENFORCER_OK || (rc == ENFORCER_EVAL && result.outcome == ENFORCER_NO_MATCH));
    return rc != ENFORCER_OK ? -1 : result.outcome == ENFORCER_ALLOW;
}

static void expressions_mean_what_javascript_says(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int want;
    } rows[] = {
        { "1 + 2 * 3 == 7", 1 },
        { "(1 + 2) * 3 == 9", 1 },
        { "7 % 4 == 3 && 7 / 2 == 3.5", 1 },
        { "'1' + 2 == '12'", 1 },
        { "r.n == '5'", 1 },
        { "r.n === '5'", 0 },
        { "null == r.s.nothing", 1 },
        { "!'' && !0 && !null", 1 },
        { "'a' < 'b'", 1 },
        { "'10' < '9'", 1 },
        { "10 < '9'", 0 },
        { "'x' < 1", 0 },
        { "r.s in ('abc', 'd')", 1 },
        { "r.s in ('abc')", 1 },
        { "r.n in [1, 5]", 1 },
        { "'5' in [1, 5]", 0 },
        { "r.s in r.s", -1 },
        { "false || r.s == 'abc' && r.n > 4", 1 },
        { "r.n > 4 ? r.s == 'x' : true", 0 },
        { "r.s.length == 3", 1 },
        { "r.s.none.none", -1 },
        { "r.n", -1 },
        { "r.n - 4", 1 },
        { "'text'", 1 },
        { "''", 0 },
        { "null", -1 },
        { "[1]", -1 },
        { "(5 ^ 1) == 4", 1 },
        { "~ 5 == -6", 1 },
        { "1 << 3 == 8", 1 },
        { "-8 >> 1 == -4", 1 },
        { "-1 >>> 31 == 1", 1 },
        { "1 / 0 > 1e308", 1 },
        { "0 / 0 == 0 / 0", 0 },
        { "'0x10' == 16", 1 },
        { "0.1 + 0.2 + '' == '0.30000000000000004'", 1 },
        { "1e21 + '' == '1e+21'", 1 },
        { "1e-7 + '' == '1e-7'", 1 },
        { "100000 + '' == '100000'", 1 },
        { "0.5 + '' == '0.5'", 1 },
        { "-0.001 + '' == '-0.001'", 1 },
        { "123.456 + '' == '123.456'", 1 },
        { "keyGet2(r.s, ':x', 'x') == ''", 1 },
        { "keyGet3('/a/v1-x', '/a/v{n}-x', 'n') == '1'", 1 },
        { "r_s == 'abc'", 1 },
        { "'a\\'b' == \"a'b\"", 1 },
        { "'#' + ';' == '#;'", 1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int got = truth(rows[i].text, "abc", 5);
        if (got != rows[i].want)
            fail_msg("%s is %d", rows[i].text, got);
    }
}

static enum enforcer_status get_age(void *object, struct enforcer_str name, struct enforcer_value *ret) {
    if (name.len == 3 && memcmp(name.ptr, "Age", 3) == 0) {
        *ret = enforcer_number(*(const double *)object);
        return ENFORCER_OK;
    }
    return name.len == 4 ? ENFORCER_LIMIT : ENFORCER_NOT_FOUND;
}

static enum enforcer_status twice(void *ctx, const struct enforcer_value *args, size_t len,
                                  struct enforcer_value *ret) {
    ++*(int *)ctx;
    if (len != 1 || args[0].kind != ENFORCER_NUMBER)
        return ENFORCER_INVALID;
    *ret = enforcer_number(args[0].u.number * 2);
    return ENFORCER_OK;
}

static void objects_and_functions_of_the_caller(void **state) {
    (void)state;
    static const char model[] = "[request_definition]\nr = sub\n[policy_definition]\np = age\n" EFFECT
                                "m = twice(r.sub.Age) == p.age || r.sub.Other == 'x'\n"
                                "m2 = twice(r.sub) == 1 && p.age == 1\nm3 = r.sub.Fail && p.age == 1\n";
    int calls = 0;
    double age = 18;
    struct enforcer_function function = { "twice", twice, &calls };
    struct enforcer_options options = { .functions = &function, .functions_len = 1 };
    struct enforcer_error err = { 0 };
    struct enforcer *e = enforcer_new(model, strlen(model), &options, &err);
    assert_non_null(e);
    load(e, "p, 36\n");
    struct enforcer_value object = { .kind = ENFORCER_OBJECT, .u.object = { get_age, &age } };
    struct enforcer_request r = { .values = &object, .values_len = 1 };
    struct enforcer_result result;
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    CHECK(enforcer_enforce(s, &r, &result, &err));
    assert_int_equal(result.outcome, ENFORCER_ALLOW);
    age = 17;
    CHECK(enforcer_enforce(s, &r, &result, &err));
    assert_int_equal(result.outcome, ENFORCER_NO_MATCH);
    assert_int_equal(calls, 2);
    /* A function, or a getter, that fails fails the question. */
    r.m = 2;
    assert_int_equal(enforcer_enforce(s, &r, &result, &err), ENFORCER_INVALID);
    assert_non_null(strstr(err.text, "twice"));
    r.m = 3;
    assert_int_equal(enforcer_enforce(s, &r, &result, &err), ENFORCER_LIMIT);
    r.m = 4;
    assert_int_equal(enforcer_enforce(s, &r, &result, &err), ENFORCER_NOT_FOUND);
    r.m = 1;
    r.values_len = 0;
    assert_int_equal(enforcer_enforce(s, &r, &result, &err), ENFORCER_INVALID);
    enforcer_release(e, s);
    enforcer_free(e);
}

static void deep_or_huge_texts_are_refused(void **state) {
    (void)state;
    char *model = malloc(200000);
    assert_non_null(model);
    struct enforcer_error err = { 0 };
    static const char *const nests[] = { "(", "!", "[", "-" };
    for (size_t k = 0; k < ARRAY_LEN(nests); k++) {
        size_t n = (size_t)snprintf(model, 200000, HEAD EFFECT "m = ");
        for (int i = 0; i < 50000; i++)
            model[n++] = nests[k][0];
        assert_null(enforcer_new(model, n, NULL, &err));
        assert_non_null(strstr(err.text, "deep"));
    }
    struct enforcer_options options = { .model_max = 10, .field_max = 0 };
    assert_null(enforcer_new(HEAD, strlen(HEAD), &options, &err));
    free(model);
}

static void the_unusual_difference_of_in(void **state) {
    (void)state;
    /* The reference reads (r.s == 'abc' && r.n) in [5]; here `in` is a comparison, as in the other casbins. */
    assert_int_equal(truth("r.s == 'x' && r.n in [5, 6]", "abc", 5), 0);
    assert_int_equal(truth("r.s == 'abc' && r.n in [5, 6]", "abc", 5), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_name_line_and_column),
        cmocka_unit_test(errors_in_rules_name_line_and_column),
        cmocka_unit_test(expressions_mean_what_javascript_says),
        cmocka_unit_test(objects_and_functions_of_the_caller),
        cmocka_unit_test(deep_or_huge_texts_are_refused),
        cmocka_unit_test(the_unusual_difference_of_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
