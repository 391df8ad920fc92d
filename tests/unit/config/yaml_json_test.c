#include "unit/test.h"

#include "tkeauth/config.h"

enum { TEXT_MAX = 64 * 1024 };

static enum err_code to_json(struct str text, bool many, json_t **ret, struct err *err) {
    *err = (struct err) { 0 };
    return cfg_yaml_to_json(text, TEXT_MAX, many, ret, err);
}

static void assert_becomes(const char *yaml, const char *json) {
    struct err err;
    json_t *got = NULL, *want = NULL;
    enum err_code rc = to_json(str_of(yaml), true, &got, &err);
    if (rc != ERR_OK)
        fail_msg("%s -> %s", yaml, err.detail);
    assert_ok(json_parse(str_of(json), &want, &err));
    char *printed = json_print(got);
    if (!json_equal(got, want))
        fail_msg("%s -> %s, wanted %s", yaml, printed, json);
    free(printed);
    json_decref(got);
    json_decref(want);
}

static void what_is_not_in_quotes_is_told_from_text(void **state) {
    (void)state;
    static const struct {
        const char *yaml, *json;
    } cases[] = {
        { "null", "null" },
        { "~", "null" },
        { "a:", "{\"a\":null}" },
        { "nil", "\"nil\"" },
        { "true", "true" },
        { "False", "false" },
        { "yes",
          "\"yes\"" }, /* what prints objects puts text that older YAML takes for a boolean into quotes */
        { "\"true\"", "\"true\"" },
        { "'null'", "\"null\"" },
        { "''", "\"\"" },
        { "|\n  1\n", "\"1\\n\"" },
        { ">-\n  true\n", "\"true\"" },
        { "0", "0" },
        { "42", "42" },
        { "-7", "-7" },
        { "+7", "7" },
        { "'42'", "\"42\"" },
        { "9223372036854775807", "9223372036854775807" },
        { "9223372036854775808", "\"9223372036854775808\"" },
        { "12345678901234567890123", "\"12345678901234567890123\"" },
        { "0123", "\"0123\"" }, /* a telephone number, not 83 */
        { "00", "\"00\"" },
        { "0x1f", "\"0x1f\"" },
        { "1_000", "\"1_000\"" },
        { "1.5", "1.5" },
        { "-1.5e3", "-1500.0" },
        { "1e+2", "100.0" },
        { "1.", "1.0" },
        { "1e999", "\"1e999\"" },
        { "1.2.3", "\"1.2.3\"" },
        { "1e", "\"1e\"" },
        { "1e5e5", "\"1e5e5\"" },
        { "1-2", "\"1-2\"" },
        { "-", "[null]" },
        { "+", "\"+\"" },
        { ".", "\".\"" },
        { ".inf", "\".inf\"" },
        { ".nan", "\".nan\"" },
        { "2024-05-01T10:20:30Z", "\"2024-05-01T10:20:30Z\"" },
        { "10:20", "\"10:20\"" }, /* no number to the base 60 */
        { "usr-x7k2m9qd", "\"usr-x7k2m9qd\"" },
        { "default##user##alice", "\"default##user##alice\"" },
        { "\"\\u00e9 \\x41 \\n\"", "\"\\u00e9 A \\n\"" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_becomes(cases[i].yaml, cases[i].json);
}

static void maps_and_lists_are_built_as_they_stand(void **state) {
    (void)state;
    assert_becomes("a:\n  b: [1, two, {c: d}]\n  e:\n  - f: g\n    h: 1\n  - null\n",
                   "{\"a\":{\"b\":[1,\"two\",{\"c\":\"d\"}],\"e\":[{\"f\":\"g\",\"h\":1},null]}}");
    assert_becomes("{}", "{}");
    assert_becomes("[]", "[]");
    assert_becomes("a: {}\nb: []\n", "{\"a\":{},\"b\":[]}");
    assert_becomes("{\"a\": \"\\\"b\\\\\", \"c\": [true, null, -1]}",
                   "{\"a\":\"\\\"b\\\\\",\"c\":[true,null,-1]}");
    assert_becomes("true: 1\n2: 3\nnull: 4\n", "{\"true\":1,\"2\":3,\"null\":4}");
    assert_becomes("? long\n: 1\n", "{\"long\":1}");
    assert_becomes("# comment\na: 1 # more\n", "{\"a\":1}");
}

static void several_documents_become_a_list(void **state) {
    (void)state;
    assert_becomes("---\na: 1\n---\na: 2\n...\n---\n- 3\n", "[{\"a\":1},{\"a\":2},[3]]");
    assert_becomes("---\na: 1\n", "{\"a\":1}");
    assert_becomes("---\n---\na: 1\n---\n", "{\"a\":1}");
    assert_becomes("---\n# nothing here\n---\na: 1\n---\nb: 2\n---\n", "[{\"a\":1},{\"b\":2}]");
    assert_becomes("---\n---\n", "null");
    json_t *none = NULL;
    struct err err;
    assert_int_equal(to_json(STR("a: 1\n---\nb: 2\n"), false, &none, &err), ERR_INVALID);
    assert_non_null(strstr(err.detail, "several documents"));
    assert_null(none);
    assert_ok(to_json(STR("---\na: 1\n---\n"), false, &none, &err));
    json_decref(none);
}

static void what_is_refused_says_where_and_why(void **state) {
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        { "", "nothing" },
        { "# nothing\n", "nothing" },
        { "a: 1\nb: &x 1\n", "line 2: YAML tags, anchors and aliases" },
        { "a: *x\n", "line 1: YAML tags, anchors and aliases" },
        { "a: &x [b]\n", "anchors" },
        { "&x a: b\n", "anchors" },
        { "a: &x {b: c}\n", "anchors" },
        { "a: !!int 1\n", "tags" },
        { "a: !!binary aGk=\n", "tags" },
        { "!x [1]\n", "tags" },
        { "a: 1\nb: 2\na: 3\n", "line 3: a key that stands twice" },
        { "x: {a: 1, a: 1}\n", "line 1: a key that stands twice" },
        { "a:\n  b: 1\n  b:\n    c: 1\n", "line 3: a key that stands twice" },
        { "? [a]\n: b\n", "cannot be a key" },
        { "? {a: b}\n: b\n", "cannot be a key" },
        { "a: \"x\\0y\"\n", "NUL" },
        { "\"x\\0y\": a\n", "NUL" },
        { "a: [1, 2\n", "line" },
        { "a: \"\\ud800\"\n", "line 1" },
        { "a: \xff\n", "line" },
        { "a:\n\tb: 1\n", "line 2" },
        { "a: b: c\n", "line 1" },
        { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "nested too deeply" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        json_t *none = NULL;
        struct err err;
        if (to_json(str_of(cases[i].text), true, &none, &err) != ERR_INVALID)
            fail_msg("%s was not refused", cases[i].text);
        assert_null(none);
        if (strstr(err.detail, cases[i].want) == NULL)
            fail_msg("%s -> %s, wanted %s", cases[i].text, err.detail, cases[i].want);
    }
}

static void what_is_refused_is_not_quoted(void **state) {
    (void)state;
    static const char *const texts[] = { "hashedPassword: \"hunter2\n",
                                         "bindPW: hunter2\nbindPW: hunter2\n",
                                         "a: {bindPW: hunter2",
                                         "a: !hunter2 b\n",
                                         "hunter2: hunter2: a\n",
                                         "%hunter2\n",
                                         "a: @hunter2\n",
                                         "a: \"\\hunter2\"\n" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        json_t *none = NULL;
        struct err err;
        assert_int_not_equal(to_json(str_of(texts[i]), true, &none, &err), ERR_OK);
        if (strstr(err.detail, "hunter2") != NULL)
            fail_msg("%s", err.detail);
    }
}

static void size_and_count_have_limits(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf text = STRBUF(2 * TEXT_MAX);
    json_t *none = NULL;
    struct err err;
    strbuf_adds(&text, "a: ");
    while (text.len < TEXT_MAX)
        strbuf_addc(&text, 'x');
    assert_ok(to_json(strbuf_str(&text), false, &none, &err));
    json_decref(none);
    strbuf_addc(&text, 'x');
    none = NULL;
    assert_int_equal(to_json(strbuf_str(&text), false, &none, &err), ERR_LIMIT);
    strbuf_clear(&text);
    strbuf_addc(&text, '[');
    for (size_t i = 0; i <= TEXT_MAX / 8; i++)
        strbuf_adds(&text, "1,");
    strbuf_addc(&text, ']');
    assert_true(text.len < TEXT_MAX);
    assert_int_equal(to_json(strbuf_str(&text), false, &none, &err), ERR_LIMIT);
    assert_non_null(strstr(err.detail, "more values than are taken"));
    assert_null(none);
}

/* As `kubectl get -o yaml` prints it. */
static void a_list_of_objects_is_read(void **state) {
    (void)state;
    assert_becomes(
        "apiVersion: v1\n"
        "items:\n"
        "- apiVersion: auth.tkestack.io/v1\n"
        "  kind: LocalIdentity\n"
        "  metadata:\n"
        "    creationTimestamp: \"2021-03-04T05:06:07Z\"\n"
        "    name: usr-x7k2m9qd\n"
        "    resourceVersion: \"1234\"\n"
        "  spec:\n"
        "    displayName: \"123\"\n"
        "    finalizers:\n"
        "    - localidentity\n"
        "    phoneNumber: \"13800000000\"\n"
        "  status:\n"
        "    lastUpdateTime: null\n"
        "    locked: true\n"
        "kind: List\n"
        "metadata:\n"
        "  resourceVersion: \"\"\n",
        "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"\"},\"items\":[{"
        "\"apiVersion\":\"auth.tkestack.io/v1\",\"kind\":\"LocalIdentity\",\"metadata\":{"
        "\"creationTimestamp\":\"2021-03-04T05:06:07Z\",\"name\":\"usr-x7k2m9qd\","
        "\"resourceVersion\":\"1234\"},\"spec\":{\"displayName\":\"123\",\"finalizers\":["
        "\"localidentity\"],\"phoneNumber\":\"13800000000\"},\"status\":{\"lastUpdateTime\":null,"
        "\"locked\":true}}]}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_in_quotes_is_told_from_text),
        cmocka_unit_test(maps_and_lists_are_built_as_they_stand),
        cmocka_unit_test(several_documents_become_a_list),
        cmocka_unit_test(what_is_refused_says_where_and_why),
        cmocka_unit_test(what_is_refused_is_not_quoted),
        cmocka_unit_test(size_and_count_have_limits),
        cmocka_unit_test(a_list_of_objects_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
