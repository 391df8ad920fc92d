#include "unit/kube/json.h"

#include "tkeauth/resource.h"
#include "kube/selector.h"

enum { ARENA_MAX = 1024 * 1024 };

/* ---- label selectors ---- */
static void labels_are_selected_as_kubernetes_does(void **state) {
    (void)state;
    static const struct {
        const char *selector;
        bool selects;
    } cases[] = {
        { "", true },
        { "  ", true },
        { "app=web", true },
        { "app==web", true },
        { "app = web , tier == front", true },
        { "app=db", false },
        { "app!=db", true },
        { "app!=web", false },
        { "absent!=x", true },
        { "absent=x", false },
        { "absent=", false },
        { "empty=", true },
        { "empty", true },
        { "empty!=", false },
        { "app", true },
        { "!app", false },
        { "absent", false },
        { "!absent", true },
        { "! absent,app", true },
        { "app in (web,db)", true },
        { "app in (db)", false },
        { "app in ( web )", true },
        { "app notin (db,cache)", true },
        { "app notin (web)", false },
        { "absent notin (web)", true },
        { "absent in (web)", false },
        { "empty in ()", true },
        { "empty in (,a)", true },
        { "app in ()", false },
        { "app in (a,,b)", false },
        { "number>5", true },
        { "number > 7", false },
        { "number<8", true },
        { "number<7", false },
        { "app>5", false },
        { "absent<5", false },
        { "example.com/name=x", true },
        { "app=web,tier=front,!absent,number in (7)", true },
        { "app=web,tier=back", false },
        /* words that are operators elsewhere */
        { "in=notin", true },
        { "in in (notin,in)", true },
        { "notin notin (in)", true },
        { "in", true },
        { "!notin", true },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    json_auto_t *labels = json_quoted(
        "{'app':'web','tier':'front','empty':'','number':'7','example.com/name':'x','in':'notin'}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct selector s;
        if (label_selector_parse(a, str_of(cases[i].selector), &s, &err) != ERR_OK)
            fail_msg("\"%s\": %s", cases[i].selector, err.detail);
        if (label_selector_matches(&s, labels) != cases[i].selects)
            fail_msg("\"%s\" selects the wrong thing", cases[i].selector);
    }
}

static void an_object_without_labels_has_none(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    struct err err = { 0 };
    struct selector s;
    json_auto_t *strange = json_quoted("{'app':1}");
    assert_ok(label_selector_parse(a, STR("!app,app!=x,app notin (y)"), &s, &err));
    assert_true(label_selector_matches(&s, NULL));
    assert_true(label_selector_matches(&s, strange));
    assert_ok(label_selector_parse(a, STR("app"), &s, &err));
    assert_false(label_selector_matches(&s, NULL));
    assert_false(label_selector_matches(&s, strange));
}

static void a_wrong_label_selector_is_refused_in_kubernetes_words(void **state) {
    (void)state;
    static const struct {
        const char *selector, *detail;
    } cases[] = {
        { ",", "found ',', expected: !, identifier, or 'end of string'" },
        { "a,", "found '', expected: identifier after ','" },
        { "a,,b", "found ',', expected: identifier after ','" },
        { "=b", "found '=', expected: !, identifier, or 'end of string'" },
        { "a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt" },
        { "a=b c", "found 'c', expected: ',' or 'end of string'" },
        { "a=!", "unable to parse requirement: found '!', expected: identifier" },
        { "a===b", "unable to parse requirement: found '=', expected: identifier" },
        { "!", "unable to parse requirement: found '', expected: identifier" },
        { "!!a", "unable to parse requirement: found '!', expected: identifier" },
        { "!a=b", "found '=', expected: ',' or 'end of string'" },
        { "a in b", "unable to parse requirement: found 'b', expected: '('" },
        { "a in (", "unable to parse requirement: found '', expected: ',' or ')'" },
        { "a in (b", "unable to parse requirement: found '', expected: ',' or ')'" },
        { "a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'" },
        { "a in (b),", "found '', expected: identifier after ','" },
        { "a in (b))", "found ')', expected: ',' or 'end of string'" },
        { "a>x", "unable to parse requirement: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value "
                 "must be an integer" },
        { "a<", "unable to parse requirement: Invalid value: \"\": for 'Gt', 'Lt' operators, the value must "
                "be an integer" },
        { "a=-x", "unable to parse requirement: Invalid value: \"-x\": a valid label must be an empty string "
                  "or consist of "
                  "alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric "
                  "character (e.g. 'MyValue', "
                  "or 'my_value', or '12345')" },
        { "-a", "unable to parse requirement: Invalid value: \"-a\": name part must consist of alphanumeric "
                "characters, '-', '_' or "
                "'.', and must start and end with an alphanumeric character (e.g. 'MyName', or 'my.name', or "
                "'123-abc')" },
        { "/a", "unable to parse requirement: Invalid value: \"/a\": prefix part must be non-empty" },
        { "a/", "unable to parse requirement: Invalid value: \"a/\": name part must be non-empty" },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct selector s;
        assert_int_equal(label_selector_parse(a, str_of(cases[i].selector), &s, &err), ERR_INVALID);
        assert_string_equal(err.detail, cases[i].detail);
    }
}

static void keys_and_values_of_labels_have_a_syntax(void **state) {
    (void)state;
    static char long_name[63 + 2], long_prefix[253 + 6];
    memset(long_name, 'x', sizeof long_name - 1);
    memset(long_prefix, 'x', sizeof long_prefix - 1);
    memcpy(long_prefix + 253 + 1, "/a", 3);
    static const struct {
        const char *text;
        bool key, value;
    } cases[] = {
        { "a", true, true },
        { "A-b_c.D9", true, true },
        { "", false, true },
        { "example.com/a", true, false },
        { "Example.com/a", false, false },
        { "a..b/c", false, false },
        { "-a.b/c", false, false },
        { "a/b/c", false, false },
        { "a b", false, false },
        { ".a", false, false },
        { "a.", false, false },
        { "_a", false, false },
        { "\xc3\xa9", false, false },
        { long_name, false, false },
        { long_name + 1, true, true },
        { long_prefix, false, false },
        { long_prefix + 1, true, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if ((label_key_problem(str_of(cases[i].text)) == NULL) != cases[i].key)
            fail_msg("key \"%s\"", cases[i].text);
        if ((label_value_problem(str_of(cases[i].text)) == NULL) != cases[i].value)
            fail_msg("value \"%s\"", cases[i].text);
    }
    assert_non_null(label_key_problem((struct str) { "a\0b", 3 }));
    assert_non_null(label_value_problem((struct str) { "a\0b", 3 }));
}

/* ---- field selectors ---- */
static void fields_are_selected_as_kubernetes_does(void **state) {
    (void)state;
    static const struct {
        const char *selector;
        bool selects;
    } cases[] = {
        { "", true },
        { ",,", true },
        { "metadata.name=x", true },
        { "metadata.name==x", true },
        { "metadata.name!=x", false },
        { "metadata.name=y", false },
        { "metadata.name=x,spec.tenantID!=other", true },
        { "metadata.name=x,spec.tenantID=other", false },
        { "spec.absent=", true },
        { "spec.absent!=", false },
        { "spec.absent!=x", true },
        { "nothing.at.all=", true },
        { "metadata.name.deeper=", true },
        { "spec.disabled=true", true },
        { "spec.enabled=false", true },
        { "spec.enabled=", false },
        { "spec.number=-12", true },
        { "spec.number=12", false },
        { "spec.comma=a\\,b", true },
        { "spec.equals=a\\=b", true },
        { "spec.backslash=a\\\\b", true },
        { "spec.comma!=a\\,b", false },
        { "spec.comma=a\\,b,metadata.name=x", true },
        { "spec.space=a b", true },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    json_auto_t *object = json_quoted(
        "{'metadata':{'name':'x'},'spec':{'tenantID':'default','disabled':true,'enabled':false,'number':-12,"
        "'comma':'a,b','equals':'a=b','backslash':'a\\\\b','space':'a b'}}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct selector s;
        if (field_selector_parse(a, str_of(cases[i].selector), &s, &err) != ERR_OK)
            fail_msg("\"%s\": %s", cases[i].selector, err.detail);
        if (field_selector_matches(&s, object) != cases[i].selects)
            fail_msg("\"%s\" selects the wrong thing", cases[i].selector);
    }
}

static void a_wrong_field_selector_is_refused_in_kubernetes_words(void **state) {
    (void)state;
    static const struct {
        const char *selector, *detail;
    } cases[] = {
        { "metadata.name", "invalid selector: can't understand 'metadata.name'" },
        { "a=b,c", "invalid selector: can't understand 'c'" },
        { "a\\,b", "invalid selector: can't understand 'a\\,b'" },
        { "a=b=c", "invalid field selector: unescaped character in value: =" },
        { "a===b", "invalid field selector: unescaped character in value: =" },
        { "a=b\\c", "invalid field selector: invalid escape sequence: \\c" },
        { "a=b\\", "invalid field selector: invalid escape sequence: \\" },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct selector s;
        assert_int_equal(field_selector_parse(a, str_of(cases[i].selector), &s, &err), ERR_INVALID);
        assert_string_equal(err.detail, cases[i].detail);
    }
}

static void selectors_have_limits(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    AUTO(strbuf_done)
    struct strbuf terms = STRBUF(ARENA_MAX), values = STRBUF(ARENA_MAX), bytes = STRBUF(ARENA_MAX);
    struct err err = { 0 };
    struct selector s;
    for (int i = 0; i < SELECTOR_TERMS_MAX; i++)
        strbuf_addf(&terms, "%sa=b", i > 0 ? "," : "");
    assert_ok(label_selector_parse(a, strbuf_str(&terms), &s, &err));
    assert_ok(field_selector_parse(a, strbuf_str(&terms), &s, &err));
    assert_int_equal(s.len, SELECTOR_TERMS_MAX);
    strbuf_adds(&terms, ",a=b");
    assert_int_equal(label_selector_parse(a, strbuf_str(&terms), &s, &err), ERR_LIMIT);
    assert_int_equal(field_selector_parse(a, strbuf_str(&terms), &s, &err), ERR_LIMIT);

    strbuf_adds(&values, "a in (v");
    for (int i = 1; i < SELECTOR_VALUES_MAX; i++)
        strbuf_addf(&values, ",%d", i);
    size_t len = values.len;
    strbuf_adds(&values, ")");
    assert_ok(label_selector_parse(a, strbuf_str(&values), &s, &err));
    assert_int_equal(s.terms[0].len, SELECTOR_VALUES_MAX);
    strbuf_truncate(&values, len);
    strbuf_adds(&values, ",one-more)");
    assert_int_equal(label_selector_parse(a, strbuf_str(&values), &s, &err), ERR_LIMIT);

    for (int i = 0; i <= SELECTOR_BYTES_MAX; i++)
        strbuf_addc(&bytes, ' ');
    assert_int_equal(label_selector_parse(a, strbuf_str(&bytes), &s, &err), ERR_LIMIT);
    assert_int_equal(field_selector_parse(a, strbuf_str(&bytes), &s, &err), ERR_LIMIT);
    assert_ok(label_selector_parse(a, str_from(strbuf_str(&bytes), 1), &s, &err));
}

static void a_selector_outlives_its_text(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    struct err err = { 0 };
    struct selector labels, fields;
    char text[] = "app in (web,db)", path[] = "spec.x=a\\,b";
    assert_ok(label_selector_parse(a, str_of(text), &labels, &err));
    assert_ok(field_selector_parse(a, str_of(path), &fields, &err));
    memset(text, 'z', sizeof text);
    memset(path, 'z', sizeof path);
    assert_str(labels.terms[0].key, "app");
    assert_str(labels.terms[0].values[1], "db");
    assert_str(fields.terms[0].key, "spec.x");
    assert_str(fields.terms[0].values[0], "a,b");
}

/* ---- looking at field selectors ---- */
static const char *const pseudo_labels[] = { "keyword", "policy", "limit", NULL };

/* Contract 9.38: the original split at commas first, and fell over one in a value. */
static void quirk_9_38_an_escaped_comma_does_not_break_the_pseudo_labels(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    struct err err = { 0 };
    struct selector s, pseudo, rest;
    assert_ok(field_selector_parse(a, STR("spec.displayName=a\\,b,keyword=x\\,keyword\\=y,spec.tenantID=t"),
                                   &s, &err));
    assert_true(field_selector_split(a, &s, pseudo_labels, &pseudo, &rest));
    assert_int_equal(pseudo.len, 1);
    assert_str(pseudo.terms[0].key, "keyword");
    assert_str(pseudo.terms[0].values[0], "x,keyword=y");
    assert_int_equal(rest.len, 2);
    assert_str(rest.terms[0].values[0], "a,b");
    assert_str(rest.terms[1].key, "spec.tenantID");
}

static void pseudo_labels_are_split_off(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    struct err err = { 0 };
    struct selector s, pseudo, rest;
    assert_ok(field_selector_parse(a, STR("limit=5,policy!=true,metadata.name=x,keyword="), &s, &err));
    assert_true(field_selector_split(a, &s, pseudo_labels, &pseudo, &rest));
    assert_int_equal(pseudo.len, 3);
    assert_str(pseudo.terms[0].key, "limit");
    assert_int_equal(pseudo.terms[1].op, SELECTOR_NOT_EQUALS);
    assert_int_equal(rest.len, 1);
    assert_ok(field_selector_parse(a, STR(""), &s, &err));
    assert_true(field_selector_split(a, &s, pseudo_labels, &pseudo, &rest));
    assert_int_equal(pseudo.len + rest.len, 0);
}

static void a_value_that_an_index_can_find_is_told(void **state) {
    (void)state;
    static const struct {
        const char *selector, *value;
    } cases[] = {
        { "spec.tenantID=default", "default" },
        { "spec.tenantID==default,metadata.name=x", "default" },
        { "spec.tenantID=default,spec.tenantID!=x", "default" },
        { "spec.tenantID=", "" },
        { "spec.tenantID!=default", NULL },
        { "spec.tenantID=a,spec.tenantID=b", NULL },
        { "metadata.name=x", NULL },
        { "", NULL },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct selector s;
        struct str value;
        assert_ok(field_selector_parse(a, str_of(cases[i].selector), &s, &err));
        assert_int_equal(field_selector_requires(&s, STR("spec.tenantID"), &value), cases[i].value != NULL);
        if (cases[i].value != NULL)
            assert_str(value, cases[i].value);
    }
}

static void paths_that_a_kind_does_not_offer_are_refused(void **state) {
    (void)state;
    static const char *const paths[] = { "metadata.name", "spec.tenantID", NULL };
    AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
    struct err err = { 0 };
    struct selector s;
    assert_ok(field_selector_parse(a, STR("metadata.name=x,spec.tenantID!=y"), &s, &err));
    assert_ok(field_selector_check(&s, paths, &err));
    assert_ok(field_selector_parse(a, STR("metadata.name=x,spec.secret=y"), &s, &err));
    assert_int_equal(field_selector_check(&s, paths, &err), ERR_INVALID);
    assert_string_equal(err.detail, "field label not supported: spec.secret");
}

static void a_full_arena_is_an_error(void **state) {
    (void)state;
    for (size_t max = 0; max < 20000; max += 16) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(max);
        struct err err = { 0 };
        struct selector s = { 0 };
        enum err_code rc = label_selector_parse(a, STR("a in (b,c),d=e"), &s, &err);
        if (rc == ERR_OK)
            rc = field_selector_parse(a, STR("a=b\\,c,d=e"), &s, &err);
        if (rc == ERR_OK) {
            assert_true(max > 0);
            return;
        }
        assert_int_equal(rc, ERR_NOMEM);
    }
    fail_msg("never enough");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_are_selected_as_kubernetes_does),
        cmocka_unit_test(an_object_without_labels_has_none),
        cmocka_unit_test(a_wrong_label_selector_is_refused_in_kubernetes_words),
        cmocka_unit_test(keys_and_values_of_labels_have_a_syntax),
        cmocka_unit_test(fields_are_selected_as_kubernetes_does),
        cmocka_unit_test(a_wrong_field_selector_is_refused_in_kubernetes_words),
        cmocka_unit_test(selectors_have_limits),
        cmocka_unit_test(a_selector_outlives_its_text),
        cmocka_unit_test(quirk_9_38_an_escaped_comma_does_not_break_the_pseudo_labels),
        cmocka_unit_test(pseudo_labels_are_split_off),
        cmocka_unit_test(a_value_that_an_index_can_find_is_told),
        cmocka_unit_test(paths_that_a_kind_does_not_offer_are_refused),
        cmocka_unit_test(a_full_arena_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
