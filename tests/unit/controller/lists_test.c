/* Reading lists of default data. */
#include "controller/lists.h"
#include "unit/test.h"

#include <stdio.h>

static size_t bad_count;
static char last_why[128];

static void note_bad(void *ctx, size_t number, struct str name, const char *why) {
    (void)ctx;
    (void)number;
    (void)name;
    bad_count++;
    (void)snprintf(last_why, sizeof last_why, "%s", why);
}

static const struct list_options policies = { &kind_policy, false, false };

static void placeholders_are_replaced_wherever_they_are(void **state) {
    (void)state;
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        { "pol-{tenantID}-viewer", "pol-acme-viewer" },
        { "{tenantID}", "acme" },
        { "{tenantID}{tenantID}", "acmeacme" },
        { "pol-{tenantid}-x", "pol-{tenantid}-x" },
        { "{tenantID", "{tenantID" },
        { "{{tenantID}}", "{acme}" },
        { "", "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(128);
        list_expand(str_of(rows[i].text), STR("acme"), &out);
        assert_str(strbuf_str(&out), rows[i].wanted);
    }
}

static void entries_are_judged_one_by_one(void **state) {
    (void)state;
    static const struct {
        const char *text;
        size_t good, bad;
        const char *why;
    } rows[] = {
        { "[]", 0, 0, "" },
        { "[{\"metadata\":{\"name\":\"a\"},\"spec\":{}}]", 1, 0, "" },
        { "[{\"metadata\":{\"name\":null},\"spec\":{}}]", 1, 0, "" },
        { "[{\"spec\":{}}]", 1, 0, "" },
        { "[{\"level\":\"platform\",\"spec\":{}}]", 1, 0, "" },
        { "[{\"level\":\"tenant\",\"spec\":{}}]", 1, 0, "" },
        { "[{\"level\":null,\"spec\":{}}]", 0, 1, "level" },
        { "[{\"level\":\"Platform\",\"spec\":{}}]", 0, 1, "level" },
        { "[{\"kind\":\"Policy\",\"apiVersion\":\"auth.tkestack.io/v1\",\"spec\":{}}]", 1, 0, "" },
        { "[{\"kind\":\"Role\",\"spec\":{}}]", 0, 1, "kind" },
        { "[{\"spec\":[]}]", 0, 1, "spec" },
        { "[1,null,[],{\"spec\":{}}]", 1, 3, "object" },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = { 0 };
        AUTO(list_done) struct list list = { 0 };
        bad_count = 0;
        last_why[0] = 0;
        assert_ok(list_parse(&policies, str_of(rows[i].text), note_bad, NULL, &list, &err));
        assert_int_equal(list.len, rows[i].good);
        assert_int_equal(bad_count, rows[i].bad);
        assert_true(str_contains(str_of(last_why), str_of(rows[i].why)));
    }
}

static void what_is_no_list_is_refused_whole(void **state) {
    (void)state;
    static const char *const rows[] = { "", "{}", "null", "[", "[{\"a\":1,\"a\":2}]", "[] []", "\"x\"" };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = { 0 };
        struct list list = { 0 };
        assert_int_equal(list_parse(&policies, str_of(rows[i]), note_bad, NULL, &list, &err), ERR_INVALID);
        assert_null(list.root);
    }
}

static void a_list_has_an_end(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf text = STRBUF(1024 * 1024);
    struct err err = { 0 };
    struct list list = { 0 };
    strbuf_adds(&text, "[0");
    for (int i = 0; i < LIST_ENTRIES_MAX; i++)
        strbuf_adds(&text, ",0");
    strbuf_adds(&text, "]");
    assert_int_equal(list_parse(&policies, strbuf_str(&text), note_bad, NULL, &list, &err), ERR_LIMIT);
}

static void names_can_be_required_and_levels_fixed(void **state) {
    (void)state;
    const struct list_options categories = { &kind_category, true, true };
    struct err err = { 0 };
    AUTO(list_done) struct list list = { 0 };
    bad_count = 0;
    assert_ok(list_parse(
        &categories,
        STR("[{\"metadata\":{\"name\":\"a\"},\"Spec\":{}},{\"metadata\":{\"name\":\"b\"},\"spec\":{}},"
            "{\"Spec\":{}}]"),
        note_bad, NULL, &list, &err));
    assert_int_equal(list.len, 2);
    assert_true(list.entries[0].is_platform && list.entries[1].is_platform);
    assert_int_equal(bad_count, 1);
}

static void the_built_in_lists_are_good(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct list_options options;
        size_t least;
    } rows[] = { { "category.json", { &kind_category, true, true }, 12 },
                 { "policy.json", { &kind_policy, false, false }, 30 },
                 { "role.json", { &kind_role, false, true }, 6 } };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err err = { 0 };
        AUTO(list_done) struct list list = { 0 };
        bad_count = 0;
        assert_ok(list_parse(&rows[i].options, list_built_in(rows[i].name), note_bad, NULL, &list, &err));
        assert_true(list.len >= rows[i].least);
        assert_int_equal(bad_count, 0);
        for (size_t e = 0; e < list.len; e++) /* a tenant's names must be its own */
            assert_true(list.entries[e].name.len == 0 ||
                        list.entries[e].is_platform == !list_has_placeholder(list.entries[e].name));
    }
    assert_null(list_built_in("other.json").ptr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(placeholders_are_replaced_wherever_they_are),
        cmocka_unit_test(entries_are_judged_one_by_one),
        cmocka_unit_test(what_is_no_list_is_refused_whole),
        cmocka_unit_test(a_list_has_an_end),
        cmocka_unit_test(names_can_be_required_and_levels_fixed),
        cmocka_unit_test(the_built_in_lists_are_good),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
