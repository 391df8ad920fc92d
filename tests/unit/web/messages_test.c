#include "unit/test.h"

#include "web/messages.h"

static const struct messages_source sources[] = {
    { "zh.json", STR("zh"), STR("{\"a\": \"甲\"}") },
    { "en.json", STR("en"), STR("{\"a\": \"A\", \"b\": \"B {n}\"}") },
    { "pt.json", STR("pt-br"), STR("{}") },
};

static void the_best_language_there_is_a_catalogue_for_is_chosen(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    const struct messages *m = NULL;
    assert_ok(messages_new(a, sources, ARRAY_LEN(sources), &m, &err));
    static const struct {
        const char *ui_locales, *accept, *want;
    } cases[] = {
        { "", "", "en" },
        { "", "zh-CN,zh;q=0.9,en;q=0.8", "zh" },
        { "", "en-US,en;q=0.9,zh;q=0.8", "en" },
        { "", "fr,de;q=0.9", "en" },
        { "", "fr, zh-Hant-TW;q=0.5, en;q=0.4", "zh" },
        { "", "ZH", "zh" },
        { "", "en;q=0.2,zh;q=0.3", "zh" },
        { "", "zh;q=0,en;q=0.1", "en" },
        { "", "zh;q=0", "en" },
        { "", "zh;q=1.001", "en" },
        { "", "zh;q=abc, en", "en" },
        { "", "zh ; q=0.7 , en ; q=0.6", "zh" },
        { "", "*", "en" },
        { "", "*;q=0.5,zh;q=0.4", "en" },
        { "", "zhx", "en" },
        { "", ",,;,;q=1,zh", "zh" },
        { "", "pt-BR", "pt-br" },
        { "", "pt", "en" },
        { "zh-CN en", "en", "zh" },
        { "fr zh", "en", "zh" },
        { "fr", "zh", "zh" },
        { "en", "zh", "en" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t got = messages_negotiate(m, str_of(cases[i].ui_locales), str_of(cases[i].accept));
        if (strcmp(messages_language(m, got), cases[i].want) != 0)
            fail_msg("\"%s\" \"%s\" gave %s", cases[i].ui_locales, cases[i].accept,
                     messages_language(m, got));
    }
}

static void english_stands_in_for_a_missing_text(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    const struct messages *m = NULL;
    assert_ok(messages_new(a, sources, ARRAY_LEN(sources), &m, &err));
    size_t key = 99;
    assert_true(messages_find(m, STR("b"), &key));
    assert_str(messages_text(m, messages_language_find(m, STR("zh")), key), "B {n}");
    assert_true(messages_find(m, STR("a"), &key));
    assert_str(messages_text(m, messages_language_find(m, STR("zh")), key), "甲");
    assert_str(messages_text(m, messages_language_find(m, STR("xx")), key), "A");
    assert_false(messages_find(m, STR("c"), &key));
}

static void a_later_catalogue_of_a_language_goes_over_the_earlier(void **state) {
    (void)state;
    static const struct messages_source layered[] = {
        { "en.json", STR("en"), STR("{\"a\": \"A\", \"b\": \"B\"}") },
        { "theme/en.json", STR("en"), STR("{\"b\": \"ours\", \"c\": \"new\"}") },
    };
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    const struct messages *m = NULL;
    assert_ok(messages_new(a, layered, ARRAY_LEN(layered), &m, &err));
    static const char *const want[] = { "A", "ours", "new" };
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_str(messages_text(m, 0, i), want[i]);
}

static void a_broken_catalogue_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *language, *json;
    } cases[] = {
        { "en", "[]" },
        { "en", "{" },
        { "en", "{\"a\": 1}" },
        { "en", "{\"a\": \"{\"}" },
        { "en", "{\"a\":\"}\"}" },
        { "en", "{\"a\":\"{}\"}" },
        { "en", "{\"a\":\"{x y}\"}" },
        { "en", "{\"a\":\"{x{y}}\"}" },
        { "en", "{\"a b\":\"\"}" },
        { "en", "{\"a\":\"x\\ny\"}" },
        { "zh", "{\"unknown\":\"x\"}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct messages_source pair[] = {
            { "en.json", STR("en"), STR("{\"ok\": \"fine\"}") },
            { "x.json", str_of(cases[i].language), str_of(cases[i].json) },
        };
        struct err err = { 0 };
        AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
        const struct messages *m = NULL;
        if (messages_new(a, pair, ARRAY_LEN(pair), &m, &err) == ERR_OK)
            fail_msg("%s was taken", cases[i].json);
        assert_memory_equal(err.detail, "x.json: ", 8);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_language_there_is_a_catalogue_for_is_chosen),
        cmocka_unit_test(english_stands_in_for_a_missing_text),
        cmocka_unit_test(a_later_catalogue_of_a_language_goes_over_the_earlier),
        cmocka_unit_test(a_broken_catalogue_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
