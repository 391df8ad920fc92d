#include "../test.h"

#include "authz/abac.h"

#define HEAD "{\"apiVersion\":\"abac.authorization.kubernetes.io/v1beta1\",\"kind\":\"Policy\",\"spec\":"

static void a_star_stands_for_any_text_and_everything_else_for_itself(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *value;
        bool fits;
    } cases[] = {
        { "*", "", true },
        { "*", "anything", true },
        { "", "", true },
        { "", "x", false },
        { "a", "a", true },
        { "a", "ab", false },
        { "a*", "a", true },
        { "*a", "ba", true },
        { "*a", "ab", false },
        { "a*a", "a", false },
        { "a*a", "aa", true },
        { "a**a", "aba", true },
        { "*b*", "abc", true },
        { "*b*d*", "abcd", true },
        { "*d*b*", "abcd", false },
        { "a*bc*bc", "abcbc", true },
        { "a*bc*bc", "abc", false },
        { "*ab", "aab", true },
        { "system:kube-*", "system:kube-proxy", true },
        /* The old patterns were not anchored (contract 9.59). */
        { "system:kube-*", "xsystem:kube-proxy", false },
        { "a.c", "abc", false },
        { "[a", "[a", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (abac_pattern_match(str_of(cases[i].pattern), str_of(cases[i].value)) != cases[i].fits)
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].value);
}

static void a_pattern_made_to_be_slow_is_not(void **state) {
    (void)state;
    /* A backtracking matcher would need more than 10^50 steps. */
    enum { LEN = 1 << 20 };
    AUTO(strbuf_done) struct strbuf pattern = STRBUF(4096), value = STRBUF(2 * LEN);
    for (int i = 0; i < 100; i++)
        strbuf_adds(&pattern, "*a*aa");
    strbuf_adds(&pattern, "b");
    for (int i = 0; i < LEN; i++)
        strbuf_addc(&value, 'a');
    assert_false(abac_pattern_match(strbuf_str(&pattern), strbuf_str(&value)));
    strbuf_addc(&value, 'b');
    assert_true(abac_pattern_match(strbuf_str(&pattern), strbuf_str(&value)));
}

static enum authz_outcome decide(const char *line, const char *user, const char *group, const char *verb,
                                 const char *api_group, const char *resource, const char *namespace) {
    struct err err = { 0 };
    AUTO_FREE(abac_free) struct abac *abac = NULL;
    struct str g = str_of(group);
    struct authz_user who = { .name = str_of(user), .groups = &g, .group_count = group != NULL };
    struct authz_attributes at = { .verb = str_of(verb),
                                   .api_group = str_of(api_group),
                                   .resource = str_of(resource),
                                   .namespace = str_of(namespace),
                                   .is_resource = resource[0] != '/' };
    assert_ok(abac_parse(str_of(line), &abac, &err));
    return abac_decide(abac, &who, &at);
}

static void every_field_of_a_policy_narrows_it(void **state) {
    (void)state;
    const char *line = HEAD "{\"user\":\"system:kube-*\",\"namespace\":\"*\",\"resource\":\"*\","
                            "\"apiGroup\":\"*tkestack.io\"}}";
    const char *user = "system:kube-controller-manager", *group = "auth.tkestack.io";
    assert_int_equal(decide(line, user, NULL, "get", group, "policies", "ns"), AUTHZ_ALLOWED);
    assert_int_equal(decide(line, "alice", NULL, "get", group, "policies", "ns"), AUTHZ_NO_OPINION);
    assert_int_equal(decide(line, user, NULL, "get", "apps", "policies", "ns"), AUTHZ_NO_OPINION);
    assert_int_equal(decide(line, user, NULL, "get", NULL, "/healthz", NULL), AUTHZ_NO_OPINION);

    line = HEAD "{\"group\":\"dev\",\"namespace\":\"ns1\",\"resource\":\"pods\",\"readonly\":true}}";
    assert_int_equal(decide(line, "u", "dev", "list", "", "pods", "ns1"), AUTHZ_ALLOWED);
    assert_int_equal(decide(line, "u", "ops", "list", "", "pods", "ns1"), AUTHZ_NO_OPINION);
    assert_int_equal(decide(line, "u", "dev", "delete", "", "pods", "ns1"), AUTHZ_NO_OPINION);
    assert_int_equal(decide(line, "u", "dev", "list", "", "pods", "ns2"), AUTHZ_NO_OPINION);
    assert_int_equal(decide(line, "u", "dev", "list", "", "nodes", "ns1"), AUTHZ_NO_OPINION);

    line = HEAD "{\"user\":\"u\",\"nonResourcePath\":\"/logs*\",\"verb\":\"get\"}}";
    assert_int_equal(decide(line, "u", NULL, "get", NULL, "/logs/x", NULL), AUTHZ_ALLOWED);
    assert_int_equal(decide(line, "u", NULL, "post", NULL, "/logs/x", NULL), AUTHZ_NO_OPINION);
    assert_int_equal(decide(line, "u", NULL, "get", NULL, "/other", NULL), AUTHZ_NO_OPINION);
    assert_int_equal(decide(line, "u", NULL, "get", NULL, "pods", NULL), AUTHZ_NO_OPINION);
}

static void the_namespace_knows_no_patterns(void **state) {
    (void)state;
    const char *line = HEAD "{\"user\":\"u\",\"namespace\":\"ns*\",\"resource\":\"*\"}}";
    assert_int_equal(decide(line, "u", NULL, "get", "", "pods", "ns1"), AUTHZ_NO_OPINION);
    assert_int_equal(decide(line, "u", NULL, "get", "", "pods", "ns*"), AUTHZ_ALLOWED);
}

static void the_unauthenticated_are_denied_outright(void **state) {
    (void)state;
    const char *line = HEAD "{\"user\":\"*\",\"namespace\":\"*\",\"resource\":\"*\",\"apiGroup\":\"*\"}}";
    assert_int_equal(decide(line, "u", "system:unauthenticated", "get", "", "pods", "ns"), AUTHZ_DENIED);
}

static void comments_and_empty_lines_are_skipped(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(abac_free) struct abac *abac = NULL;
    const char *text = "# who may what\n\n  \r\n" HEAD "{\"user\":\"a\"}}\r\n" HEAD "{\"group\":\"b\"}}";
    assert_ok(abac_parse(str_of(text), &abac, &err));
    assert_int_equal(abac_len(abac), 2);
}

static void a_bad_line_is_named_by_its_number(void **state) {
    (void)state;
    static const char *const lines[] = {
        "x",
        "{}",
        "[]",
        HEAD "{}}",
        HEAD "{\"user\":1}}",
        HEAD "{\"user\":\"a\"}} x",
        HEAD "{\"user\":\"a\",\"user\":\"b\"}}",
        "{\"apiVersion\":\"abac.authorization.kubernetes.io/"
        "v0\",\"kind\":\"Policy\",\"spec\":{\"user\":\"a\"}}",
        "{\"apiVersion\":\"abac.authorization.kubernetes.io/"
        "v1beta1\",\"kind\":\"X\",\"spec\":{\"user\":\"a\"}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct err err = { 0 };
        AUTO_FREE(abac_free) struct abac *abac = NULL;
        AUTO(strbuf_done) struct strbuf text = STRBUF(4096);
        strbuf_adds(&text, HEAD "{\"user\":\"a\"}}\n\n");
        strbuf_adds(&text, lines[i]);
        assert_int_not_equal(abac_parse(strbuf_str(&text), &abac, &err), ERR_OK);
        assert_non_null(strstr(err.detail, "line 3: "));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_star_stands_for_any_text_and_everything_else_for_itself),
        cmocka_unit_test(a_pattern_made_to_be_slow_is_not),
        cmocka_unit_test(every_field_of_a_policy_narrows_it),
        cmocka_unit_test(the_namespace_knows_no_patterns),
        cmocka_unit_test(the_unauthenticated_are_denied_outright),
        cmocka_unit_test(comments_and_empty_lines_are_skipped),
        cmocka_unit_test(a_bad_line_is_named_by_its_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
