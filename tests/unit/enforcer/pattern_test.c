/* Patterns by themselves: what each function accepts, and that no pattern makes matching more than value x pattern. */
#include "enforcer/pattern.h"
#include "unit/enforcer/helper.h"

static void functions_match_as_documented(void **state) {
    (void)state;
    static const struct {
        const char *function, *value, *pattern;
        int want; /* -1: an error */
    } rows[] = {
        { "keyMatch", "/foo/bar", "/foo/*", 1 },
        { "keyMatch", "/foo", "/foo/*", 0 },
        { "keyMatch", "/foo/bar", "/foo/*zzz", 1 }, /* what follows the star does not count */
        { "keyMatch2", "/foo/bar", "/foo/:id", 1 },
        { "keyMatch2", "/foo/bar/baz", "/foo/:id", 0 },
        { "keyMatch2", "/foo/bar/baz", "/foo/*", 1 },
        { "keyMatch2", "/foo/a.b", "/foo/a.b", 1 },
        { "keyMatch2", "/foo/axb", "/foo/a.b", 1 }, /* a dot stays a regular expression's dot */
        { "keyMatch2", "/foo", "/:", -1 },          /* the reference never returns */
        { "keyMatch3", "/a/7/b", "/a/{id}/b", 1 },
        { "keyMatch3", "/a//b", "/a/{id}/b", 0 },
        { "keyMatch4", "/p/1/c/1", "/p/{id}/c/{id}", 1 },
        { "keyMatch4", "/p/1/c/2", "/p/{id}/c/{id}", 0 },
        { "keyMatch4", "/p/1/c/2/c/1", "/p/{a}/c/{b}/c/{a}", 1 }, /* only equal names must agree */
        { "keyMatch5", "/foo/bar?x=1", "/foo/{id}", 1 },
        { "keyMatch5", "/foo/bar/x?x=1", "/foo/{id}", 0 },
        { "regexMatch", "/topic/create", "/topic/create", 1 },
        { "regexMatch", "xxabc", "b", 1 },
        { "regexMatch", "abc", "^b", 0 },
        { "regexMatch", "a\nb", "a.b", 0 },
        { "regexMatch", "a\nb", "a", 1 },
        { "regexMatch", "x", "(", -1 },
        { "regexMatch", "aaaa", "(*LIMIT_MATCH=1)a", -1 },
        { "regexMatch", "\xc3\xa9", "^.$", 1 },
        { "regexMatch", "\xc3\xa9x", "^.x$", 1 },
        { "regexMatch", "\xc3\xa9", "^..$", 0 },
        { "ipMatch", "10.0.0.7", "10.0.0.0/29", 1 },
        { "ipMatch", "10.0.0.8", "10.0.0.0/29", 0 },
        { "ipMatch", "::ffff:10.0.0.7", "10.0.0.7", 1 },
        { "ipMatch", "2001:db8::1", "2001:db8::/32", 1 },
        { "ipMatch", "10.0.0.7", "10.0.0.0/33", -1 },
        { "ipMatch", "10.0.0", "10.0.0.0/8", -1 },
        { "ipMatch", "1:2:3:4:5:6:7:8:9", "::/0", -1 },
        { "globMatch", "/a/b", "/a/*", 1 },
        { "globMatch", "/a/b/c", "/a/*", 0 },
        { "globMatch", "/a/b/c", "/a/**", 1 },
        { "globMatch", "/a/.b", "/a/*", 0 },
        { "globMatch", "a1", "a{1..3}", 1 },
        { "globMatch", "b", "!a", 1 },
        { "globMatch", "a", "+(a|b)", -1 },
        { "keyMatchCustom", "x", "/:", -1 },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct enforcer_error err = { 0 };
        bool got = false;
        enum enforcer_status rc = enforcer_match(rows[i].function, enforcer_cstr(rows[i].value),
                                                 enforcer_cstr(rows[i].pattern), &got, &err);
        int result = rc == ENFORCER_OK ? got : rc == ENFORCER_EVAL ? -1 : -2;
        if (result != rows[i].want || (rc != ENFORCER_OK && got))
            fail_msg("%s(%s, %s) is %d: %s", rows[i].function, rows[i].value, rows[i].pattern, result,
                     err.text);
    }
    bool ignored;
    assert_int_equal(enforcer_match("keyGet", S(""), S(""), &ignored, NULL), ENFORCER_NOT_FOUND);
}

/* Steps taken for a value of `len` a's with an odd end. */
static uint64_t steps(enum enf_fn fn, const char *pattern, size_t len, const char *end,
                      enum enforcer_status *ret_status) {
    struct enf_mem mem;
    struct enforcer_error err = { 0 };
    char *value = malloc(len + strlen(end) + 1);
    assert_non_null(value);
    memset(value, 'a', len);
    memcpy(value + len, end, strlen(end) + 1);
    enf_mem_init(&mem, NULL);
    struct enf_scratch scratch = enf_scratch_for(&mem, 100000);
    bool yes = false;
    *ret_status = enf_match_once(fn, enforcer_cstr(value), enforcer_cstr(pattern), &scratch, &yes, &err);
    uint64_t taken = scratch.steps;
    enf_scratch_done(&scratch);
    free(value);
    return taken;
}

static void no_pattern_is_more_than_linear(void **state) {
    (void)state;
    static const struct {
        enum enf_fn fn;
        const char *pattern;
    } evil[] = {
        { ENF_KEY_MATCH_CUSTOM, "*a*a*a*a*a*a*a*a*b" },
        { ENF_KEY_MATCH_CUSTOM, "/:a/:b/:c/:d/:e/:f*/:g" },
        { ENF_KEY_MATCH_CUSTOM, "*/:x*/:y*/:z*b" },
        { ENF_KEY_MATCH_CUSTOM, "****************b" },
        { ENF_KEY_MATCH2, "/*/*/*/*/*/*/*/b" },
        { ENF_KEY_MATCH2, "a:x:y/:z" },
        { ENF_KEY_MATCH3, "{a}{b}{c}{d}/{e}b" },
        { ENF_KEY_MATCH3, "a{a}a{b}a{c}a{d}a/{e}" },
        { ENF_KEY_MATCH5, "/{a}/{b}*b" },
        { ENF_REGEX_MATCH, ".*.*.*.*.*.*.*.*b" },
        { ENF_REGEX_MATCH, "^[^/]+[^/]+[^/]+[^/]+b$" },
        { ENF_GLOB_MATCH, "*a*a*a*a*a*a*a*b" },
        { ENF_GLOB_MATCH, "**/*a*a*a*a*a*b/**/b" },
        { ENF_GLOB_MATCH, "{*a*a*a*b,*a*a*c,*a*d}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
        enum enforcer_status rc = ENFORCER_OK;
        size_t m = strlen(evil[i].pattern) * 2 + 8;
        uint64_t small = steps(evil[i].fn, evil[i].pattern, 500, "c", &rc),
                 big = steps(evil[i].fn, evil[i].pattern, 4000, "c", &rc);
        /* Where only PCRE2 can say it, the limit of its steps is the bound. */
        assert_true(rc == ENFORCER_OK || rc == ENFORCER_EVAL);
        if (big > (uint64_t)4002 * m || big > small * 9 + 100)
            fail_msg("%s: %llu steps for 500, %llu for 4000 bytes", evil[i].pattern,
                     (unsigned long long)small, (unsigned long long)big);
    }
}

static void what_needs_backtracking_has_a_limit_and_never_matches(void **state) {
    (void)state;
    static const char *const evil[] = { "^(a+)+$", "^(a|aa)+$", "^(a|a?)+$", "(x+x+)+y|(a*)*b",
                                        "^(([a-z])+.)+[A-Z]([a-z])+$" };
    for (size_t i = 0; i < ARRAY_LEN(evil); i++) {
        enum enforcer_status rc = ENFORCER_OK;
        (void)steps(ENF_REGEX_MATCH, evil[i], 3000, "!", &rc);
        if (rc != ENFORCER_EVAL)
            fail_msg("%s: %s", evil[i], enforcer_status_name(rc));
    }
    /* And an enforcer that meets one does not allow. */
    struct enforcer *e = new_enforcer(
        "[request_definition]\nr = obj\n[policy_definition]\np = obj\n[policy_effect]\n"
        "e = some(where (p.eft == allow))\n[matchers]\nm = regexMatch(r.obj, p.obj)\n",
        0);
    load(e, "p, ^(a+)+$\np, ^a+!$\n");
    char value[3002];
    memset(value, 'a', 3000);
    memcpy(value + 3000, "!", 2);
    struct enforcer_str request = enforcer_cstr(value);
    struct enforcer_result result = { .outcome = ENFORCER_ALLOW };
    struct enforcer_error err;
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    assert_int_equal(enforcer_enforce_strings(s, &request, 1, &result, &err), ENFORCER_EVAL);
    assert_int_equal(result.outcome, ENFORCER_NO_MATCH);
    enforcer_release(e, s);
    enforcer_free(e);
}

static void tags_never_exclude_a_match(void **state) {
    (void)state;
    static const char *const patterns[] = { "get*", "getpods", "getpodsandmore", "*",
                                            "g*t",  "/a/:b",   "ge*po*s",        "" };
    static const char *const values[] = { "getpods", "get", "getpodsandmore", "gt", "/a/x", "gepos",
                                          "",        "list" };
    struct enf_mem mem;
    enf_mem_init(&mem, NULL);
    int matches = 0, excluded = 0;
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct enf_pattern *p = NULL;
        struct enforcer_error err;
        CHECK(enf_pattern_compile(&mem, true, ENF_KEY_MATCH_CUSTOM, enforcer_cstr(patterns[i]), &p, &err));
        for (size_t j = 0; j < ARRAY_LEN(values); j++) {
            struct enf_scratch scratch = enf_scratch_for(&mem, 1000);
            bool yes = false,
                 out = enf_tag_excludes(enf_pattern_tag(p), enf_value_tag(enforcer_cstr(values[j])));
            CHECK(enf_pattern_match(p, enforcer_cstr(values[j]), &scratch, &yes, &err));
            assert_false(yes && out);
            matches += yes;
            excluded += out;
        }
        enf_pattern_free(&mem, p);
    }
    assert_true(matches > 10 && excluded > 10);
    assert_int_equal(mem.bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_match_as_documented),
        cmocka_unit_test(no_pattern_is_more_than_linear),
        cmocka_unit_test(what_needs_backtracking_has_a_limit_and_never_matches),
        cmocka_unit_test(tags_never_exclude_a_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
