#include "unit/test.h"

#include "web/template.h"

static const struct template_names globals[] = { { .name = { "title", 5 } } };

static bool partial(const void *ctx, struct str name, struct str *ret_source, const char **ret_origin) {
    (void)ctx;
    *ret_origin = "partial";
    if (str_eq(name, STR("greeting"))) {
        *ret_source = STR("<b>{{a}}</b>");
        return true;
    }
    if (str_eq(name, STR("endless"))) {
        *ret_source = STR("{{> endless}}");
        return true;
    }
    if (str_eq(name, STR("broken"))) {
        *ret_source = STR("x\ny\n{{nobody}}");
        return true;
    }
    if (str_eq(name, STR("twice"))) {
        *ret_source = STR("{{values x}}");
        return true;
    }
    return false;
}

static bool asset(const void *ctx, struct str name, struct str *ret_url) {
    (void)ctx;
    *ret_url = STR("/static/style.css?v=1");
    return str_eq(name, STR("style.css"));
}

struct fixture {
    struct arena *arena;
    struct template_host host;
};

static void fixture_done(struct fixture *f) { arena_free(f->arena); }

static void fixture_init(struct fixture *f) {
    static const struct messages_source sources[] = {
        { "en.json", STR("en"), STR("{\"hi\": \"Hi\", \"by\": \"by {a} & co\", \"wants_x\": \"{x}\"}") },
        { "zh.json", STR("zh"), STR("{\"hi\": \"<你好>\", \"by\": \"{a}著\"}") },
    };
    struct err err = { 0 };
    *f = (struct fixture) { .arena = arena_new(4 << 20) };
    assert_non_null(f->arena);
    f->host = (struct template_host) { .globals = globals, .partial = partial, .asset = asset };
    assert_ok(messages_new(f->arena, sources, ARRAY_LEN(sources), &f->host.messages, &err));
}

static const struct web_value row_one[] = { { .name = "x", .text = STR("1") }, { .name = NULL } };
static const struct web_value row_two[] = { { .name = "x", .text = STR("<2>") },
                                            { .name = "a", .text = STR("in") },
                                            { .name = NULL } };
static const struct web_value *const two_rows[] = { row_one, row_two };
static const struct web_list rows = { two_rows, 2 }, no_rows = { two_rows, 0 };

static const struct web_value page_values[] = {
    { .name = "a", .text = STR("<A&\"'>") },
    { .name = "on", .flag = true },
    { .name = "off" },
    { .name = "link", .text = STR("/x?a=1&b=2") },
    { .name = "list", .list = &rows },
    { .name = "none", .list = &no_rows },
    { .name = NULL },
};
#define VALUES "{{values a on off link absent list(x a) none(x)}}"

static enum err_code render(const char *source, size_t language, struct strbuf *out, struct err *err) {
    AUTO(fixture_done) struct fixture f;
    fixture_init(&f);
    const struct template *t = NULL;
    enum err_code rc = template_compile(f.arena, &f.host, "page", str_of(source), NULL, &t, err);
    static const struct web_value global_values[] = { { .name = "title", .text = STR("T") },
                                                      { .name = NULL } };
    return rc == ERR_OK ? template_render(t, f.host.messages, language, global_values, page_values, out, err)
                        : rc;
}

static void every_construct_writes_what_it_says(void **state) {
    (void)state;
    static const struct {
        const char *source, *want;
    } cases[] = {
        { VALUES "plain", "plain" },
        { VALUES "{{a}}", "&lt;A&amp;&#34;&#39;&gt;" },
        { VALUES "<p title=\"{{ a }}\">", "<p title=\"&lt;A&amp;&#34;&#39;&gt;\">" },
        { VALUES "<a href=\"{{link}}\">", "<a href=\"/x?a=1&amp;b=2\">" },
        { VALUES "{{title}}", "T" },
        { VALUES "[{{absent}}]", "[]" },
        { VALUES "{{#if on}}y{{else}}n{{/if}}", "y" },
        { VALUES "{{#if off}}y{{else}}n{{/if}}", "n" },
        { VALUES "{{#if absent}}y{{/if}}", "" },
        { VALUES "{{#if a}}y{{/if}}", "y" },
        { VALUES "{{#if list}}y{{/if}}{{#if none}}n{{/if}}", "y" },
        { VALUES "{{#if on}}{{#if off}}1{{else}}2{{/if}}{{/if}}", "2" },
        { VALUES "{{#each list}}<{{/each}}", NULL },
        { VALUES "{{#each list}}({{x}}{{a}}){{/each}}", "(1)(&lt;2&gt;in)" }, /* a row hides the page's `a` */
        { VALUES "{{#each list}}{{title}}{{/each}}", "TT" },
        { VALUES "{{#each none}}x{{else}}nothing{{/each}}", "nothing" },
        { VALUES "{{t hi}}", "Hi" },
        { VALUES "{{t by}}", "by &lt;A&amp;&#34;&#39;&gt; &amp; co" },
        { VALUES "{{> greeting}}", "<b>&lt;A&amp;&#34;&#39;&gt;</b>" },
        { VALUES "<link href=\"{{static style.css}}\">", "<link href=\"/static/style.css?v=1\">" },
        { VALUES "{{! nobody sees {{this }}.", "." },
        { VALUES "\n<p>\n  {{#if on}}\n  yes\n  {{/if}}\n</p>\n",
          "<p>\n  yes\n</p>\n" }, /* tags alone on a line leave none */
        { VALUES "a {{#if on}} b {{/if}} c", "a  b  c" },
        { VALUES "<p {{#if on}}class=\"x\"{{/if}}>", "<p class=\"x\">" },
        { VALUES "<p class=\"a{{#if on}} b{{/if}}\">", "<p class=\"a b\">" },
        { VALUES "{ {single} }", "{ {single} }" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
        struct err err = { 0 };
        enum err_code rc = render(cases[i].source, 0, &out, &err);
        if ((rc == ERR_OK) != (cases[i].want != NULL))
            fail_msg("%s: %s", cases[i].source, err.detail);
        if (cases[i].want != NULL)
            assert_str(strbuf_str(&out), cases[i].want);
    }
}

static void a_mistake_is_named_with_its_line_when_compiled(void **state) {
    (void)state;
    static const struct {
        const char *source, *want;
    } cases[] = {
        { VALUES "\n\n{{nobody}}", "page:3: there is no value \"nobody\" here" },
        { VALUES "\n{{#if nobody}}{{/if}}", "page:2: there is no value \"nobody\" here" },
        { VALUES "{{#each a}}{{/each}}", "page:1: there is no list \"a\" here" },
        { VALUES "{{list}}", "page:1: there is no value \"list\" here" },
        { VALUES "{{x}}", "page:1: there is no value \"x\" here" },
        { VALUES "\n{{#if on}}\nx", "page:2: a block is not closed" },
        { VALUES "{{#each list}}{{/if}}", "page:1: {{#each}} is closed by something else" },
        { VALUES "{{#if on}}{{/each}}", "page:1: {{#if}} is closed by something else" },
        { VALUES "{{#if on}}{{else}}{{else}}{{/if}}", "page:1: {{#if}} is closed by something else" },
        { VALUES "{{/if}}", "page:1: a block is closed that was not opened" },
        { VALUES "{{else}}", "page:1: a block is closed that was not opened" },
        { VALUES "\n\n\n{{t nothing}}", "page:4: there is no message \"nothing\"" },
        { VALUES "{{t wants_x}}", "page:1: message \"wants_x\" (en) wants a value \"x\", which is not here" },
        { VALUES "{{> nothing}}", "page:1: there is no template \"nothing\"" },
        { VALUES "{{> broken}}", "partial:3: there is no value \"nobody\" here" },
        { VALUES "{{> endless}}", "partial:1: templates put into each other more than 4 deep" },
        { VALUES "{{> twice}}",
          "partial:1: {{values}} may stand once in a page, in no block and no partial" },
        { VALUES VALUES, "page:1: {{values}} may stand once in a page, in no block and no partial" },
        { VALUES "<a href=\"{{static nothing.css}}\">", "page:1: there is no static file \"nothing.css\"" },
        { VALUES "{{static style.css}}", "page:1: {{static}} may only stand in an attribute value" },
        { VALUES "{{a", "page:1: {{ without }}" },
        { VALUES "{{}}", "page:1: {{}} is not understood" },
        { VALUES "{{a b}}", "page:1: {{a b}} is not understood" },
        { VALUES "<p {{a}}>",
          "page:1: value \"a\" may only stand in text or in a double-quoted attribute value" },
        { VALUES "<p title={{a}}>",
          "page:1: value \"a\" may only stand in text or in a double-quoted attribute value" },
        { VALUES "<p\n\nstyle=\"{{a}}\">",
          "page:3: style and on... attributes are blocked by the Content-Security-Policy" },
        { VALUES "<a href=\"{{t hi}}\">", "page:1: message \"hi\" may not be a URL" },
        { VALUES "{{#if on}}<p{{/if}}", "page:1: a block must hold whole tags or whole attributes" },
        { VALUES "<a {{#if on}}><script {{/if}}>",
          "page:1: a block must hold whole tags or whole attributes" },
        { VALUES "<a href=\"{{#if on}}\" title=\"{{/if}}\">",
          "page:1: a block must hold whole tags or whole attributes" },
        { VALUES "<p{{#if on}} a=\"b\"{{/if}}>",
          "page:1: a block may not begin here: put a blank in front of it" },
        { VALUES "<p title=\"", "page:1: the page ends within a tag" },
        { "{{values a a}}", "page:1: {{values}}: \"a\" is no name, or there twice" },
        { "{{values a(}}", "page:1: {{values}}: ')' is missing" },
        { "{{values a)}}", "page:1: {{values}}: a ')' too many" },
        { "{{values a(b(c(d(e))))}}", "page:1: {{values}}: lists nested too deep" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
        struct err err = { 0 };
        if (render(cases[i].source, 0, &out, &err) == ERR_OK)
            fail_msg("%s was taken", cases[i].source);
        if (strcmp(err.detail, cases[i].want) != 0)
            fail_msg("%s\nsays   %s\nwanted %s", cases[i].source, err.detail, cases[i].want);
    }
}

static void messages_are_in_the_language_asked_for_and_english_stands_in(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
    struct err err = { 0 };
    assert_ok(render(VALUES "{{t hi}} {{t by}} {{#each list}}{{t wants_x}}{{/each}}", 1, &out, &err));
    assert_str(strbuf_str(&out), "&lt;你好&gt; &lt;A&amp;&#34;&#39;&gt;著 1&lt;2&gt;");
}

static void a_hostile_link_is_refused_when_rendered(void **state) {
    (void)state;
    AUTO(fixture_done) struct fixture f;
    fixture_init(&f);
    struct err err = { 0 };
    static const char *const sources[] = {
        "{{values u p}}<a href=\"{{u}}\">",
        "{{values u p}}<a href=\"{{p}}{{u}}\">", /* with an empty p, u is the start of the URL */
        "{{values u p}}<a href=\"{{#if p}}/{{/if}}{{u}}\">",
        "{{values u p}}<form action=\"{{u}}\">",
    };
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct template *t = NULL;
        assert_ok(template_compile(f.arena, &f.host, "page", str_of(sources[i]), NULL, &t, &err));
        const struct web_value bad[] = { { .name = "u", .text = STR("javascript:alert(1)") },
                                         { .name = NULL } };
        const struct web_value good[] = { { .name = "u", .text = STR("https://h/x") }, { .name = NULL } };
        AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
        assert_int_equal(template_render(t, f.host.messages, 0, NULL, bad, &out, &err), ERR_INVALID);
        assert_ok(template_render(t, f.host.messages, 0, NULL, good, &out, &err));
    }
}

static void a_value_the_page_does_not_declare_is_refused(void **state) {
    (void)state;
    AUTO(fixture_done) struct fixture f;
    fixture_init(&f);
    struct err err = { 0 };
    const struct template *t = NULL;
    assert_ok(template_compile(f.arena, &f.host, "page",
                               STR("{{values a list(x)}}{{#each list}}{{x}}{{/each}}"), NULL, &t, &err));
    const struct web_value slip[] = { { .name = "A", .text = STR("x") }, { .name = NULL } };
    const struct web_value row_slip[] = { { .name = "list", .list = &rows },
                                          { .name = NULL } }; /* row_two has an `a` */
    AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
    assert_int_equal(template_render(t, f.host.messages, 0, NULL, slip, &out, &err), ERR_INVALID);
    assert_string_equal(err.detail, "page declares no value \"A\"");
    assert_int_equal(template_render(t, f.host.messages, 0, NULL, row_slip, &out, &err), ERR_INVALID);
}

static void a_replacement_uses_the_declaration_of_the_page_it_replaces(void **state) {
    (void)state;
    AUTO(fixture_done) struct fixture f;
    fixture_init(&f);
    struct err err = { 0 };
    const struct template *built_in = NULL, *t = NULL;
    assert_ok(template_compile(f.arena, &f.host, "page", STR("{{values a}}"), NULL, &built_in, &err));
    const struct template_names *names = template_declared(built_in);
    assert_ok(template_compile(f.arena, &f.host, "theme", STR("{{a}}"), names, &t, &err));
    assert_ok(template_compile(f.arena, &f.host, "theme", STR("{{values a b}}{{a}}"), names, &t, &err));
    assert_int_equal(template_compile(f.arena, &f.host, "theme", STR("{{values b}}{{b}}"), names, &t, &err),
                     ERR_INVALID);
}

static void size_depth_and_pieces_are_limited(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(strbuf_done)
    struct strbuf out = STRBUF(1 << 20), deep = STRBUF(1 << 20), many = STRBUF(1 << 20),
                  big = STRBUF(1 << 20);
    strbuf_adds(&deep, VALUES);
    for (int i = 0; i < 13; i++)
        strbuf_adds(&deep, "{{#if on}}");
    assert_int_equal(render(strbuf_c(&deep), 0, &out, &err), ERR_LIMIT);
    strbuf_adds(&many, VALUES);
    for (int i = 0; i < TEMPLATE_NODES_MAX + 1; i++)
        strbuf_adds(&many, "{{a}}");
    assert_int_equal(render(strbuf_c(&many), 0, &out, &err), ERR_LIMIT);
    for (int i = 0; i < TEMPLATE_SIZE_MAX / 8 + 1; i++)
        strbuf_adds(&big, "12345678");
    assert_int_equal(render(strbuf_c(&big), 0, &out, &err), ERR_LIMIT);
    AUTO(strbuf_done) struct strbuf small = STRBUF(10);
    assert_int_equal(render(VALUES "01234567890", 0, &small, &err), ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_construct_writes_what_it_says),
        cmocka_unit_test(a_mistake_is_named_with_its_line_when_compiled),
        cmocka_unit_test(messages_are_in_the_language_asked_for_and_english_stands_in),
        cmocka_unit_test(a_hostile_link_is_refused_when_rendered),
        cmocka_unit_test(a_value_the_page_does_not_declare_is_refused),
        cmocka_unit_test(a_replacement_uses_the_declaration_of_the_page_it_replaces),
        cmocka_unit_test(size_depth_and_pieces_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
