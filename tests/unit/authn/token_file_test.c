#include "caller.h"

#include "authn/token_file.h"

static struct random repeatable;

static enum err_code parse(const char *text, struct token_file **ret, struct err *err) {
    random_fixed_init(&repeatable, 7);
    return token_file_parse(str_of(text), "token.csv", &repeatable, ret, err);
}

static void assert_entry(const struct token_file *f, const char *token, const char *want) {
    const struct token_entry *e = token_file_find(f, str_of(token));
    char got[1024] = "-";
    if (e != NULL) {
        int n = snprintf(got, sizeof got, "%.*s|%.*s|", STR_FMT(e->user), STR_FMT(e->uid));
        for (size_t i = 0; i < e->group_count; i++)
            n += snprintf(got + n, sizeof got - (size_t)n, "%s%.*s", i != 0 ? "," : "",
                          STR_FMT(e->groups[i]));
    }
    assert_string_equal(got, want);
}

static void a_file_of_kubernetes_and_tkestack_is_read(void **state) {
    (void)state;
    AUTO_FREE(token_file_free) struct token_file *f = NULL;
    struct err err = { 0 };
    assert_ok(parse("# token,user,uid,groups\n"
                    "\n"
                    "  \t\n"
                    "  # another comment\n"
                    "token-admin,admin,1,\"administrator\"\r\n"
                    "token-many,bob,2,\"group1,group2, group3\"\n"
                    "token-one,carol,3,group1\n"
                    "token-none,dave,4\n"
                    "token-empty,erin,5,\n"
                    "token-anonymous-id,frank,,\"system:masters\"\n"
                    "token-short,gina\n"
                    "\"quo\"\"ted,to,ken\",\"Smith, \"\"J\"\"\",\"\",\"a\"\n"
                    "\"#hash\",h,8,\"\"\n"
                    "token-$@!{},jos\xc3\xa9,9",
                    &f, &err));
    assert_int_equal(token_file_count(f), 10);
    assert_entry(f, "token-admin", "admin|1|administrator");
    assert_entry(f, "token-many", "bob|2|group1,group2,group3");
    assert_entry(f, "token-one", "carol|3|group1");
    assert_entry(f, "token-none", "dave|4|");
    assert_entry(f, "token-empty", "erin|5|");
    assert_entry(f, "token-anonymous-id", "frank||system:masters");
    assert_entry(f, "token-short", "gina||");
    assert_entry(f, "quo\"ted,to,ken", "Smith, \"J\"||a");
    assert_entry(f, "#hash", "h|8|");
    assert_entry(f, "token-$@!{}", "jos\xc3\xa9|9|");
    assert_entry(f, "token-admi", "-");
    assert_entry(f, "admin", "-");
    assert_entry(f, "# token", "-");
    assert_entry(f, "", "-");
}

static void a_mistake_is_told_with_its_line_and_never_with_the_token(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "s3cret\n", "token.csv:1: token,user,uid,\"group1,group2\" belong here" },
        { "# ok\n\ns3cret,\n", "token.csv:3: the user is missing" },
        { ",user,1\n", "token.csv:1: the token is missing" },
        { "ok,user,1\ns3cret,user,1,a,b\n", "token.csv:2: more than four fields" },
        { "ok,user,1\ns3cret,user,1,\"a,b\n", "token.csv:2: a quotation mark is not closed" },
        { "\"s3cret\"x,user,1\n",
          "token.csv:1: something stands between a quotation mark and the next comma" },
        { "s3c\"ret,user,1\n", "token.csv:1: a quotation mark stands within a field" },
        { "s3cret, user,1\n", "token.csv:1: a field begins or ends with a blank" },
        { " s3cret,user,1\n", "token.csv:1: a field begins or ends with a blank" },
        { "s3cret ,user,1\n", "token.csv:1: a field begins or ends with a blank" },
        { "s3 cret,user,1\n", "token.csv:1: the token has a character that no Authorization header" },
        { "s3cr\xc3\xa9t,user,1\n", "token.csv:1: the token has a character that no Authorization header" },
        { "\xef\xbb\xbfs3cret,user,1\n", "token.csv:1: the token has a character that no Authorization" },
        { "s3cret,us\xff\x65r,1\n", "token.csv:1: a field is not text" },
        { "s3cret,us\x01\x65r,1\n", "token.csv:1: a field is not text" },
        { "s3cret,user,1,\"a,,b\"\n", "token.csv:1: a group is empty" },
        { "s3cret,user,1,\"a,\"\n", "token.csv:1: a group is empty" },
        { "s3cret,user,1\nother,user,1\n\ns3cret,root,2\n", "token.csv:4: the token of line 1 once more" },
        { "s3cret,user,1\n\"s3cret\",user,1\n", "token.csv:2: the token of line 1 once more" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE(token_file_free) struct token_file *f = NULL;
        struct err err = { 0 };
        assert_int_equal(parse(cases[i].text, &f, &err), ERR_INVALID);
        if (strncmp(err.detail, cases[i].want, strlen(cases[i].want)) != 0)
            fail_msg("case %zu: %s", i, err.detail);
        assert_null(strstr(err.detail, "s3"));
        assert_null(f);
    }
}

static void a_file_has_limits(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf text = STRBUF(4 << 20);
    struct err err = { 0 };
    for (unsigned i = 0; i < TOKEN_FILE_TOKENS_MAX; i++)
        strbuf_addf(&text, "t%u,u%u,%u\n", i, i, i);
    struct token_file *f = NULL;
    assert_ok(parse(strbuf_c(&text), &f, &err));
    assert_entry(f, "t0", "u0|0|");
    assert_entry(f, "t4095", "u4095|4095|");
    assert_entry(f, "t4096", "-");
    token_file_free(f);
    f = NULL;
    strbuf_adds(&text, "one,too,many\n");
    assert_int_equal(parse(strbuf_c(&text), &f, &err), ERR_LIMIT);
    assert_string_equal(err.detail, "token.csv:4097: more than 4096 tokens");

    strbuf_clear(&text);
    strbuf_adds(&text, "t,u,1,\"");
    for (unsigned i = 0; i <= TOKEN_FILE_GROUPS_MAX; i++)
        strbuf_addf(&text, "%sg%u", i != 0 ? "," : "", i);
    strbuf_adds(&text, "\"\n");
    assert_int_equal(parse(strbuf_c(&text), &f, &err), ERR_INVALID);
    assert_string_equal(err.detail, "token.csv:1: too many groups");

    strbuf_clear(&text);
    for (unsigned i = 0; i <= TOKEN_FILE_FIELD_MAX; i++)
        strbuf_addc(&text, 'x');
    strbuf_adds(&text, ",u,1\n");
    assert_int_equal(parse(strbuf_c(&text), &f, &err), ERR_INVALID);
    assert_string_equal(err.detail, "token.csv:1: a field is too long");
}

static void an_empty_file_has_no_tokens_and_a_missing_one_is_an_error(void **state) {
    struct caller *c = *state;
    AUTO_FREE(token_file_free) struct token_file *f = NULL, *none = NULL;
    struct err err = { 0 };
    caller_write(c, "empty", "");
    assert_ok(token_file_load(caller_path(c, "empty"), random_system(), &f, &err));
    assert_int_equal(token_file_count(f), 0);
    assert_entry(f, "", "-");
    assert_int_equal(token_file_load(caller_path(c, "none"), random_system(), &none, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.detail, "/none"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_kubernetes_and_tkestack_is_read),
        cmocka_unit_test(a_mistake_is_told_with_its_line_and_never_with_the_token),
        cmocka_unit_test(a_file_has_limits),
        cmocka_unit_test_setup_teardown(an_empty_file_has_no_tokens_and_a_missing_one_is_an_error,
                                        caller_setup, caller_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
