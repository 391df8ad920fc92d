/* Words and options of the commands. */
#include "unit/test.h"

#include "cli/options.h"

struct targets {
    const char *config;
    struct cli_list uris;
    bool is_public;
    struct cli_words words;
};

static int parse(struct targets *t, size_t min, size_t max, const char *const *args) {
    const struct cli_option options[] = {
        { "config", CLI_STRING, &t->config, "FILE", "x" },
        { "redirect-uri", CLI_LIST, &t->uris, "URI", "x" },
        { "public", CLI_FLAG, &t->is_public, NULL, "x" },
        { .name = NULL },
    };
    const struct cli_usage usage = { "tke-auth x", "x", options };
    char *argv[80] = { (char *)(uintptr_t) "x" };
    int argc = 1;
    for (; args[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)args[argc - 1];
    return cli_parse(&usage, argc, argv, min, max, &t->words);
}
#define PARSE(t, min, max, ...)                                                                              \
    parse((t), (min), (max), (const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL })

static void options_take_values_behind_a_blank_or_an_equals_sign_in_any_order(void **state) {
    (void)state;
    struct targets t = { .config = "default" };
    assert_int_equal(PARSE(&t, 0, 0), -1);
    assert_string_equal(t.config, "default");
    assert_int_equal(PARSE(&t, 1, 2, "--redirect-uri", "https://a/?x=1", "id", "--config=c=d", "--public",
                           "--redirect-uri=b", "more"),
                     -1);
    assert_string_equal(t.config, "c=d");
    assert_true(t.is_public);
    assert_int_equal(t.uris.len, 2);
    assert_string_equal(t.uris.items[0], "https://a/?x=1");
    assert_string_equal(t.uris.items[1], "b");
    assert_int_equal(t.words.len, 2);
    assert_string_equal(t.words.items[1], "more");
}

static void an_empty_value_is_a_value(void **state) {
    (void)state;
    struct targets t = { .config = "default" };
    assert_int_equal(PARSE(&t, 0, 0, "--config="), -1);
    assert_string_equal(t.config, "");
    assert_int_equal(PARSE(&t, 0, 0, "--config", "--public"), -1); /* a value may look like an option */
    assert_string_equal(t.config, "--public");
}

static void mistakes_end_with_status_2(void **state) {
    (void)state;
    struct targets t = { 0 };
    assert_int_equal(PARSE(&t, 0, 0, "--nothing"), 2);
    assert_int_equal(PARSE(&t, 0, 0, "--"), 2);
    assert_int_equal(PARSE(&t, 0, 0, "--config"), 2);
    assert_int_equal(PARSE(&t, 0, 0, "--public=yes"), 2);
    assert_int_equal(PARSE(&t, 0, 0, "word"), 2);
    assert_int_equal(PARSE(&t, 1, 1), 2);
    const char *words[CLI_WORDS_MAX + 2] = { 0 };
    for (size_t i = 0; i < CLI_WORDS_MAX; i++)
        words[i] = "word";
    assert_int_equal(parse(&t, 0, 2 * CLI_WORDS_MAX, words), -1);
    words[CLI_WORDS_MAX] = "one too many";
    assert_int_equal(parse(&t, 0, 2 * CLI_WORDS_MAX, words), 2);
    const char *many[CLI_LIST_MAX + 2] = { 0 };
    for (size_t i = 0; i <= CLI_LIST_MAX; i++)
        many[i] = "--redirect-uri=x";
    assert_int_equal(parse(&t, 0, 0, many), 2);
}

static void help_is_no_mistake_wherever_it_stands(void **state) {
    (void)state;
    struct targets t = { 0 };
    assert_int_equal(PARSE(&t, 2, 2, "--help"), 0);
    assert_int_equal(PARSE(&t, 0, 0, "--public", "-h"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_take_values_behind_a_blank_or_an_equals_sign_in_any_order),
        cmocka_unit_test(an_empty_value_is_a_value),
        cmocka_unit_test(mistakes_end_with_status_2),
        cmocka_unit_test(help_is_no_mistake_wherever_it_stands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
