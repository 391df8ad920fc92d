#include "unit/test.h"

#include "web/html.h"

static struct html_cursor after(const char *html) {
    struct html_cursor c = { 0 };
    size_t at = 0;
    assert_null(html_advance(&c, str_of(html), &at));
    return c;
}

static void a_value_is_placed_by_where_it_stands(void **state) {
    (void)state;
    static const struct {
        const char *before;
        enum html_value_kind want;
    } cases[] = {
        { "<p>", HTML_VALUE_PLAIN },
        { "<title>", HTML_VALUE_PLAIN },
        { "<p title=\"", HTML_VALUE_PLAIN },
        { "<p title=\"a > b", HTML_VALUE_PLAIN },
        { "<a href=\"", HTML_VALUE_URL },
        { "<A HREF=\"", HTML_VALUE_URL },
        { "<form action=\"", HTML_VALUE_URL },
        { "<img alt=\"x\" src=\"", HTML_VALUE_URL },
        { "<use xlink:href=\"", HTML_VALUE_URL },
        { "<a href=\"/static/", HTML_VALUE_PLAIN },
        { "<p ", HTML_VALUE_REFUSED },
        { "<", HTML_VALUE_REFUSED },
        { "<p", HTML_VALUE_REFUSED },
        { "<p title", HTML_VALUE_REFUSED },
        { "<p title=", HTML_VALUE_REFUSED },
        { "<img srcset=\"", HTML_VALUE_REFUSED },
        { "<iframe srcdoc=\"", HTML_VALUE_REFUSED },
        { "<meta http-equiv=\"", HTML_VALUE_REFUSED },
        { "<script src=\"/x.js\">", HTML_VALUE_REFUSED },
        { "<script src=\"/x.js\"></script>", HTML_VALUE_PLAIN },
        { "<!doctype ", HTML_VALUE_REFUSED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct html_cursor c = after(cases[i].before);
        const char *why = "";
        if (html_value_at(&c, &why) != cases[i].want)
            fail_msg("%s", cases[i].before);
    }
}

static void html_that_hides_where_a_value_stands_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "<p title='x'>",      "<p title=x>", "<p style=\"x\">",           "<p onclick=\"x\">", "<!-- x -->",
        "<style>p{}</style>", "a < b",       "<script>alert(1)</script>", "<p \"x\">",         "<p =x>",
        "<script><p>",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct html_cursor c = { 0 };
        size_t at = 0;
        if (html_advance(&c, str_of(cases[i]), &at) == NULL)
            fail_msg("%s was taken", cases[i]);
    }
}

static void no_text_gets_out_of_its_place(void **state) {
    (void)state;
    static const struct {
        struct str in;
        const char *want;
    } cases[] = {
        { STR("ana"), "ana" },
        { STR("<b>\"'&"), "&lt;b&gt;&#34;&#39;&amp;" },
        { STR("张三 \xf0\x9f\x90\xbc"), "张三 \xf0\x9f\x90\xbc" },
        { STR("a\0b\x1b\x7f"), "a\xef\xbf\xbd"
                               "b\xef\xbf\xbd\xef\xbf\xbd" },
        { STR("\xff\xc3("), "\xef\xbf\xbd\xef\xbf\xbd(" },
        { STR("\xc0\xbcscript"), "\xef\xbf\xbd\xef\xbf\xbdscript" }, /* overlong '<' */
        { STR("\xe5\xbc"), "\xef\xbf\xbd\xef\xbf\xbd" },
        { STR(""), "" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(256);
        html_escape(&out, cases[i].in);
        assert_str(strbuf_str(&out), cases[i].want);
    }
}

static void only_http_and_relative_urls_are_linked_to(void **state) {
    (void)state;
    static const char *const safe[] = { "",      "/",           "/a?b=c:d", "login", "?x",        "#y",
                                        "a/b:c", "https://h/x", "HTTP://h", "../x",  "/oidc/auth" };
    static const char *const unsafe[] = { "javascript:alert(1)", "JaVaScRiPt:x",        "data:text/html,x",
                                          "//evil.example",      "/\\evil.example",     "\\\\evil",
                                          " javascript:x",       "java\tscript:x",      "vbscript:x",
                                          "\x01javascript:x",    "com.example.app:/cb", "mailto:x" };
    for (size_t i = 0; i < ARRAY_LEN(safe); i++)
        if (!html_url_is_safe(str_of(safe[i])))
            fail_msg("%s was refused", safe[i]);
    for (size_t i = 0; i < ARRAY_LEN(unsafe); i++)
        if (html_url_is_safe(str_of(unsafe[i])))
            fail_msg("%s was taken", unsafe[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_is_placed_by_where_it_stands),
        cmocka_unit_test(html_that_hides_where_a_value_stands_is_refused),
        cmocka_unit_test(no_text_gets_out_of_its_place),
        cmocka_unit_test(only_http_and_relative_urls_are_linked_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
