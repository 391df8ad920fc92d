#include "unit/test.h"

#include "tkeauth/config.h"

struct fixture {
    struct arena *arena;
    struct cfg_problems problems;
    const struct cfg_node *root;
    struct strbuf report;
};

static int setup(void **state) {
    static struct fixture f;
    struct err err = { 0 };
    f = (struct fixture) { .arena = arena_new(64 * 1024 * 1024), .report = STRBUF(1 << 20) };
    *state = &f;
    return f.arena && cfg_problems_init(&f.problems, &err) == ERR_OK ? 0 : -1;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    arena_free(f->arena);
    cfg_problems_done(&f->problems);
    strbuf_done(&f->report);
    return 0;
}

static enum err_code parse(struct fixture *f, struct str text) {
    struct err err = { 0 };
    enum err_code rc = cfg_parse(f->arena, text, "t.yaml", &f->root, &f->problems, &err);
    cfg_problems_print(&f->problems, &f->report);
    return rc;
}

struct pair {
    const char *key, *value;
};
static const struct cfg_field pair_fields[] = {
    { .key = "key", .type = CFG_STRING, .offset = offsetof(struct pair, key) },
    { .key = "value", .type = CFG_STRING, .offset = offsetof(struct pair, value) },
    { .type = CFG_END },
};

static struct pair decode_pair(struct fixture *f) {
    struct err err = { 0 };
    struct pair p;
    assert_ok(cfg_decode(f->arena, f->root, pair_fields, &p, sizeof p, &f->problems, &err));
    return p;
}

static void nodes_know_their_line(void **state) {
    struct fixture *f = *state;
    assert_int_equal(parse(f, STR("# comment\na: 1\n\nb:\n  c: 2\n")), ERR_OK);
    assert_int_equal(cfg_node_line(cfg_node_find(f->root, "a")), 2);
    assert_int_equal(cfg_node_line(cfg_node_find(f->root, "b")), 4);
    assert_int_equal(cfg_node_line(cfg_node_find(cfg_node_find(f->root, "b"), "c")), 5);
    assert_null(cfg_node_find(f->root, "c"));
    assert_null(cfg_node_find(NULL, "c"));
}

static void what_is_refused_says_where_and_why(void **state) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "a: &x 1\n", "t.yaml:1: YAML anchors" },
        { "a: 1\nb: *x\n", "t.yaml:2: YAML aliases" },
        { "a: !!str 1\n", "t.yaml:1: YAML tags" },
        { "a: !x {}\n", "t.yaml:1: YAML tags" },
        { "a: 1\nb: 2\na: 3\n", "t.yaml:1: a: stands twice, in line 1 and line 3" },
        { "x:\n  a: 1\n  a: 3\n", "x.a: stands twice" },
        { "a: 1\n---\nb: 2\n", "t.yaml:2: a second YAML document" },
        { "a:\n\tb: 1\n", "is there a tab?" },
        { "{a: 1", "not YAML" },
        { "? [a]\n: b\n", "cannot be a key" },
        { "\"\": b\n", "a key that is empty" },
        { "\"a\\nb\": b\n", "a key that is empty or has control" },
        { "a: \"x\\0y\"\n", "a NUL character" },
        { "a: \xff\n", "not YAML" },
        { "", "is empty" },
        { "# nothing\n", "is empty" },
        { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nested too deeply" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        strbuf_clear(&f->report);
        assert_int_equal(parse(f, str_of(cases[i].text)), ERR_INVALID);
        if (!str_contains(strbuf_str(&f->report), str_of(cases[i].want)))
            fail_msg("%s -> %s, wanted %s", cases[i].text, strbuf_c(&f->report), cases[i].want);
    }
}

static void too_many_values_are_refused(void **state) {
    struct fixture *f = *state;
    AUTO(strbuf_done) struct strbuf text = STRBUF(CFG_FILE_MAX);
    for (int i = 0; i <= CFG_NODES_MAX; i++)
        strbuf_add(&text, STR("- 1\n"));
    assert_int_equal(parse(f, strbuf_str(&text)), ERR_INVALID);
    assert_true(str_contains(strbuf_str(&f->report), STR("too large")));
    strbuf_clear(&text);
    strbuf_clear(&f->report);
    for (int i = 0; i < 600; i++)
        strbuf_addf(&text, "k%d: 1\n", i);
    assert_int_equal(parse(f, strbuf_str(&text)), ERR_INVALID);
    assert_true(str_contains(strbuf_str(&f->report), STR("too many keys")));
}

static void json_with_tabs_keeps_its_strings_and_lines(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        parse(
            f,
            STR("\t{\n\t\"key\":\t\"a\\tb \\\"\t\\\" \\ud83d\\ude00 \\/ \\u00e9\",\n\t\"value\":\"x\"\n}\n")),
        ERR_OK);
    struct pair p = decode_pair(f);
    assert_string_equal(p.key, "a\tb \"\t\" \xf0\x9f\x98\x80 / \xc3\xa9");
    assert_string_equal(p.value, "x");
    assert_int_equal(cfg_node_line(cfg_node_find(f->root, "value")), 3);
}

static void a_dollar_sign_is_a_dollar_sign(void **state) {
    struct fixture *f = *state;
    assert_int_equal(parse(f, STR("key: pa$HOME${HOME}$$\nvalue: '$(id)'\n")), ERR_OK);
    struct pair p = decode_pair(f);
    assert_string_equal(p.key, "pa$HOME${HOME}$$");
    assert_string_equal(p.value, "$(id)");
}

static void a_missing_file_is_not_found(void **state) {
    struct fixture *f = *state;
    struct err err = { 0 };
    assert_int_equal(cfg_parse_file(f->arena, "/nonexistent/x.yaml", &f->root, &f->problems, &err),
                     ERR_NOT_FOUND);
}

static void a_tree_is_json_again_without_its_secrets(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "{}", "{}" },
        { "host: a:389\nport: 389\non: true\nnothing: null\nlist: [a, 1, \"1\", 'true', 007]",
          "{\"host\":\"a:389\",\"port\":389,\"on\":true,\"nothing\":null,\"list\":[\"a\",1,\"1\",\"true\","
          "\"007\"]}" },
        { "bindDN: cn=a\nbindPW: s3cret", "{\"bindDN\":\"cn=a\",\"bindPW\":\"***\"}" },
        { "clientSecret: {a: 1, b: [s3cret, true]}",
          "{\"clientSecret\":{\"a\":\"***\",\"b\":[\"***\",\"***\"]}}" },
        { "name: \"a\\\"b\\u0001\"", "{\"name\":\"a\\\"b\\u0001\"}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
        assert_int_equal(parse(f, str_of(cases[i].in)), ERR_OK);
        cfg_node_print_json(f->root, &out);
        assert_str(strbuf_str(&out), cases[i].out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nodes_know_their_line, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused_says_where_and_why, setup, teardown),
        cmocka_unit_test_setup_teardown(too_many_values_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(json_with_tabs_keeps_its_strings_and_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(a_dollar_sign_is_a_dollar_sign, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_file_is_not_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_tree_is_json_again_without_its_secrets, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
