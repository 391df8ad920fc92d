#include "unit/test.h"

static void slices_compare_by_bytes(void **state) {
    (void)state;
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq(STR_NULL, STR("")));
    assert_true(str_eq_nocase(STR("AbZ"), STR("aBz")));
    assert_false(str_eq_nocase(STR("\xc3\x84"), STR("\xc3\xa4"))); /* ASCII only */
    assert_false(str_eq_nocase(STR("@"), STR("`")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("a"), STR("aa")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0);
    assert_int_equal(str_cmp(STR_NULL, STR("")), 0);
}

static void finding_and_cutting_stay_within_the_slice(void **state) {
    (void)state;
    struct str head, tail;
    assert_true(str_starts_with(STR("abc"), STR("ab")));
    assert_false(str_starts_with(STR("ab"), STR("abc")));
    assert_true(str_starts_with_nocase(STR("Bearer x"), STR("bearer ")));
    assert_true(str_ends_with(STR("abc"), STR("bc")));
    assert_false(str_ends_with(STR("c"), STR("bc")));
    assert_true(str_contains(STR("abc"), STR("")));
    assert_true(str_contains(STR("abc"), STR("b")));
    assert_false(str_contains(STR("ab"), STR("abc")));
    assert_str(str_sub(STR("abcdef"), 2, 3), "cde");
    assert_str(str_sub(STR("abc"), 2, 99), "c");
    assert_int_equal(str_sub(STR("abc"), 99, SIZE_MAX).len, 0);
    assert_int_equal(str_sub(STR_NULL, 1, 1).len, 0);
    assert_str(str_trim(STR(" \t\r\n a b \n")), "a b");
    assert_str(str_trim(STR("  \n")), "");
    assert_int_equal(str_find(STR("a.b.c"), '.'), 1);
    assert_int_equal(str_rfind(STR("a.b.c"), '.'), 3);
    assert_int_equal(str_find(STR("abc"), '.'), 3);
    assert_int_equal(str_rfind(STR_NULL, '.'), 0);
    assert_true(str_cut(STR("a=b=c"), '=', &head, &tail));
    assert_str(head, "a");
    assert_str(tail, "b=c");
    assert_false(str_cut(STR("abc"), '=', &head, &tail));
    assert_str(head, "abc");
    assert_int_equal(tail.len, 0);
}

static void tokens_are_what_lies_between_runs_of_the_separator(void **state) {
    (void)state;
    struct str rest = STR("  a  b c "), token;
    static const char *const want[] = { "a", "b", "c" };
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        assert_true(str_next(&rest, ' ', &token));
        assert_str(token, want[i]);
    }
    assert_false(str_next(&rest, ' ', &token));
}

static void only_well_formed_utf8_is_utf8(void **state) {
    (void)state;
    static const struct {
        struct str s;
        bool ok;
    } cases[] = {
        { { "", 0 }, true },
        { { "plain", 5 }, true },
        { { "\xc2\x80", 2 }, true },
        { { "\xdf\xbf", 2 }, true },
        { { "\xe0\xa0\x80", 3 }, true },
        { { "\xed\x9f\xbf", 3 }, true },
        { { "\xee\x80\x80", 3 }, true },
        { { "\xf0\x90\x80\x80", 4 }, true },
        { { "\xf4\x8f\xbf\xbf", 4 }, true },
        { { "\x80", 1 }, false },             /* a lone continuation */
        { { "\xc0\x80", 2 }, false },         /* overlong NUL */
        { { "\xc1\xbf", 2 }, false },         /* overlong */
        { { "\xe0\x9f\xbf", 3 }, false },     /* overlong */
        { { "\xf0\x8f\xbf\xbf", 4 }, false }, /* overlong */
        { { "\xed\xa0\x80", 3 }, false },     /* surrogate */
        { { "\xed\xbf\xbf", 3 }, false },     /* surrogate */
        { { "\xf4\x90\x80\x80", 4 }, false }, /* over U+10FFFF */
        { { "\xf5\x80\x80\x80", 4 }, false },
        { { "\xc2", 1 }, false }, /* cut short */
        { { "\xe0\xa0", 2 }, false },
        { { "\xf0\x90\x80", 3 }, false },
        { { "\xc2\xc2", 2 }, false },
        { { "\xe0\xa0\x41", 3 }, false },
        { { "\xf0\x90\x80\x41", 4 }, false },
        { { "\xff", 1 }, false },
        /* Eight bytes are looked at in one go: what is wrong may be anywhere among them or behind them. */
        { { "12345678abcdefgh", 16 }, true },
        { { "1234567\xc3\xa9 12345", 15 }, true },
        { { "12345678\xff", 9 }, false },
        { { "1234567\xff", 8 }, false },
        { { "12345678abc\xff"
            "efgh",
            16 },
          false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (str_is_utf8(cases[i].s) != cases[i].ok)
            fail_msg("case %zu", i);
}

static void control_characters_are_those_of_ascii(void **state) {
    (void)state;
    assert_true(str_has_control(STR("a\x1f")));
    assert_true(str_has_control(STR("\x7f")));
    assert_true(str_has_control(STR("a\0")));
    assert_false(str_has_control(STR("a b~\x80\xff")));
}

static void numbers_have_digits_only_and_stay_in_range(void **state) {
    (void)state;
    struct err err = { 0 };
    uint64_t u = 7;
    int64_t i = 7;
    assert_ok(parse_u64(STR("18446744073709551615"), 0, UINT64_MAX, &u, &err));
    assert_true(u == UINT64_MAX);
    static const char *const bad[] = {
        "", " 1", "1 ", "+1", "-1", "0x1", "1.0", "18446744073709551616", "11"
    };
    for (size_t n = 0; n < ARRAY_LEN(bad); n++)
        assert_int_equal(parse_u64(str_of(bad[n]), 0, 10, &u, &err), ERR_INVALID);
    assert_true(u == UINT64_MAX); /* written on success only */
    assert_ok(parse_i64(STR("-5"), -10, 10, &i, &err));
    assert_int_equal(i, -5);
    assert_int_equal(parse_i64(STR("--5"), -10, 10, &i, &err), ERR_INVALID);
    assert_int_equal(parse_i64(STR("-"), -10, 10, &i, &err), ERR_INVALID);
    assert_int_equal(parse_i64(STR("9223372036854775808"), INT64_MIN, INT64_MAX, &i, &err), ERR_INVALID);
}

static void durations_are_written_as_in_go(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        { "0", 0 },
        { "90", 90000 },
        { "15m", 900000 },
        { "1h30m", 5400000 },
        { "24h0m0s", 86400000 },
        { "500ms", 500 },
        { "1h1h", 7200000 },
        { "", -1 },
        { "h", -1 },
        { "1.5h", -1 },
        { "-1h", -1 },
        { "1 h", -1 },
        { "1d", -1 },
        { "1h30", -1 },
        { "99999999999h", -1 },
        { "1us", -1 },
        { "1H", -1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        int64_t ms = -1;
        enum err_code rc = parse_duration_ms(str_of(cases[i].text), &ms, &err);
        if ((rc == ERR_OK) != (cases[i].ms >= 0) || (rc == ERR_OK && ms != cases[i].ms))
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
}

static void a_buffer_stops_at_its_maximum_and_remembers_it(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf b = STRBUF(5);
    strbuf_adds(&b, "abc");
    strbuf_addf(&b, "%d", 12);
    assert_ok(strbuf_check(&b, &err));
    assert_string_equal(strbuf_c(&b), "abc12");
    strbuf_addc(&b, 'x');
    assert_int_equal(strbuf_check(&b, &err), ERR_LIMIT);
    strbuf_truncate(&b, 1);
    strbuf_addc(&b, 'y');
    assert_string_equal(strbuf_c(&b), "a"); /* the failure is sticky */
    assert_null(strbuf_take(&b));
    strbuf_clear(&b);
    strbuf_add_u64(&b, 0);
    strbuf_add_i64(&b, -42);
    assert_string_equal(strbuf_c(&b), "0-42");
    AUTO(strbuf_done) struct strbuf wide = STRBUF(64);
    strbuf_add_i64(&wide, INT64_MIN);
    strbuf_add_u64(&wide, UINT64_MAX);
    assert_string_equal(strbuf_c(&wide), "-922337203685477580818446744073709551615");
}

static void taking_a_buffer_leaves_an_empty_one(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf b = STRBUF(100);
    char *empty = strbuf_take(&b);
    assert_string_equal(empty, "");
    strbuf_adds(&b, "abc");
    char *text = strbuf_take(&b);
    assert_string_equal(text, "abc");
    assert_int_equal(b.len, 0);
    assert_string_equal(strbuf_c(&b), "");
    free(empty);
    free(text);
}

static void an_error_keeps_its_code_and_gains_context(void **state) {
    (void)state;
    struct err err = { 0 };
    assert_int_equal(err_set(&err, ERR_TIMEOUT, "no answer from %s", "x"), ERR_TIMEOUT);
    assert_int_equal(err_context(&err, "connector %s", "corp"), ERR_TIMEOUT);
    assert_string_equal(err.detail, "connector corp: no answer from x");
    assert_string_equal(err_code_name(err.code), "timeout");
    assert_string_equal(err_code_name((enum err_code)99), "internal");
    char big[1000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    (void)err_set(&err, ERR_INVALID, "%s", big);
    assert_int_equal(strlen(err.detail), sizeof err.detail - 1);
    (void)err_context(&err, "%s", big);
    assert_int_equal(strlen(err.detail), sizeof err.detail - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slices_compare_by_bytes),
        cmocka_unit_test(finding_and_cutting_stay_within_the_slice),
        cmocka_unit_test(tokens_are_what_lies_between_runs_of_the_separator),
        cmocka_unit_test(only_well_formed_utf8_is_utf8),
        cmocka_unit_test(control_characters_are_those_of_ascii),
        cmocka_unit_test(numbers_have_digits_only_and_stay_in_range),
        cmocka_unit_test(durations_are_written_as_in_go),
        cmocka_unit_test(a_buffer_stops_at_its_maximum_and_remembers_it),
        cmocka_unit_test(taking_a_buffer_leaves_an_empty_one),
        cmocka_unit_test(an_error_keeps_its_code_and_gains_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
