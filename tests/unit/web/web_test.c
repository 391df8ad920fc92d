#include "unit/test.h"

#include <jansson.h>

#include "tkeauth/web.h"
#include "web/colour.h"
#include "web/files.h"

static struct web *new_web(const struct web_options *options) {
    struct err err = { 0 };
    struct web *w = NULL;
    assert_ok(web_new(options, &w, &err));
    return w;
}
static const struct web_options plain = { .base_path = "/oidc" };

static const char *page(struct strbuf *out, const struct web *w, const char *name, const char *language,
                        const struct web_value *values) {
    struct err err = { 0 };
    strbuf_clear(out);
    assert_ok(web_render(w, name, language, values, out, &err));
    return strbuf_c(out);
}
#define assert_has(html, what)                                                                               \
    do {                                                                                                     \
        if (strstr((html), (what)) == NULL)                                                                  \
            fail_msg("\"%s\" is missing in\n%s", (what), (html));                                            \
    } while (0)
#define assert_lacks(html, what)                                                                             \
    do {                                                                                                     \
        if (strstr((html), (what)) != NULL)                                                                  \
            fail_msg("\"%s\" is in\n%s", (what), (html));                                                    \
    } while (0)

static const struct web_value none[] = { { .name = NULL } };

static void the_login_page_has_the_fields_form_fillers_look_for(void **state) {
    (void)state;
    AUTO_FREE(web_free) struct web *w = new_web(&plain);
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024);
    static const struct web_value values[] = {
        { .name = "action", .text = STR("login?x=1&y=2") },
        { .name = "login", .text = STR("ana\"><script>") },
        { .name = "ticket", .text = STR("T1") },
        { .name = "csrf", .text = STR("C1") },
        { .name = "prompt", .text = STR("Employee number") },
        { .name = "tenant", .text = STR("default") },
        { .name = "back", .text = STR("/oidc/auth?q") },
        { .name = NULL },
    };
    const char *html = page(&out, w, "login", "en", values);
    assert_has(html, "<html lang=\"en\">");
    assert_has(html, "<form id=\"login-form\" method=\"post\" action=\"login?x=1&amp;y=2\"");
    assert_has(html, "<label for=\"login\">Employee number</label>");
    assert_has(html,
               "id=\"login\" name=\"login\" value=\"ana&#34;&gt;&lt;script&gt;\" autocomplete=\"username\"");
    assert_has(html, "id=\"password\" name=\"password\" autocomplete=\"current-password\"");
    assert_has(html, "<input type=\"hidden\" name=\"ticket\" value=\"T1\">");
    assert_has(html, "<input type=\"hidden\" name=\"csrf\" value=\"C1\">");
    assert_has(html, "type=\"submit\" id=\"submit\"");
    assert_has(html, "id=\"back\" href=\"/oidc/auth?q\"");
    assert_lacks(html, "role=\"alert\"");
    assert_lacks(html, "<script>");
    assert_has(page(&out, w, "login", "en", none), "<label for=\"login\">User name</label>");
}

static void every_login_error_is_told_apart_and_announced(void **state) {
    (void)state;
    AUTO_FREE(web_free) struct web *w = new_web(&plain);
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024);
    static const struct {
        const char *flag, *english, *chinese;
    } cases[] = {
        { "error_credentials", "The user name or password is incorrect.", "用户名或密码不正确。" },
        { "error_blocked", "This account is locked.", "该账号已被锁定" },
        { "error_throttled", "Please wait 30 seconds", "请等待 30 秒" },
        { "error_unavailable", "The user directory cannot be reached", "暂时无法连接用户目录" },
        { "error_form", "This form was open for too long.", "页面打开时间过长" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct web_value values[] = { { .name = cases[i].flag, .flag = true },
                                            { .name = "retry_after", .text = STR("30") },
                                            { .name = NULL } };
        const char *html = page(&out, w, "login", "en", values);
        assert_has(html, cases[i].english);
        assert_has(html, "id=\"error\" role=\"alert\"");
        assert_has(page(&out, w, "login", "zh", values), cases[i].chinese);
    }
}

static void each_page_shows_its_values_in_both_languages(void **state) {
    (void)state;
    AUTO_FREE(web_free) struct web *w = new_web(&plain);
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024);
    static const struct web_value choice[] = { { .name = "name", .text = STR("默认<tenant>") },
                                               { .name = "href", .text = STR("/oidc/auth/default?a=1") },
                                               { .name = NULL } };
    static const struct web_value *const rows[] = { choice };
    static const struct web_list choices = { rows, 1 };
    const struct web_value tenants[] = { { .name = "choices", .list = &choices }, { .name = NULL } };
    const char *html = page(&out, w, "tenants", "zh", tenants);
    assert_has(html, "<html lang=\"zh-Hans\">");
    assert_has(html, "href=\"/oidc/auth/default?a=1\"><bdi class=\"choice-name\">默认&lt;tenant&gt;</bdi>");
    assert_has(page(&out, w, "tenants", "en", none), "No tenant is open for sign-in.");

    const struct web_value error[] = { { .name = "heading", .text = STR("H") },
                                       { .name = "message", .text = STR("M") },
                                       { .name = "request_id", .text = STR("R1") },
                                       { .name = NULL } };
    html = page(&out, w, "error", "en", error);
    assert_has(html, "<h1 id=\"error-heading\">H</h1>");
    assert_has(html, "<code id=\"request-id\">R1</code>");
    assert_has(html, "Go back to the application and try again.");

    const struct web_value logout[] = { { .name = "action", .text = STR("/oidc/logout") },
                                        { .name = "csrf", .text = STR("C") },
                                        { .name = "client", .text = STR("Console") },
                                        { .name = NULL } };
    html = page(&out, w, "logout_confirm", "en", logout);
    assert_has(html, "Console asks to sign you out of tke-auth.");
    assert_has(html, "id=\"logout-confirm\"");

    const struct web_value logged_out[] = {
        { .name = "return_href", .text = STR("https://console.example/") }, { .name = NULL }
    };
    html = page(&out, w, "logged_out", "zh", logged_out);
    assert_has(html, "您已退出登录");
    assert_has(html, "href=\"https://console.example/\"");
    const struct web_value evil[] = { { .name = "return_href", .text = STR("javascript:alert(1)") },
                                      { .name = NULL } };
    struct err err = { 0 };
    assert_int_equal(web_render(w, "logged_out", "en", evil, &out, &err), ERR_INVALID);
    assert_int_equal(web_render(w, "nothing", "en", none, &out, &err), ERR_NOT_FOUND);
    assert_int_equal(web_render(w, "_head", "en", none, &out, &err), ERR_NOT_FOUND);
}

static void every_language_has_every_message(void **state) {
    (void)state;
    json_auto_t *english = NULL;
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < web_embedded_len; i++) {
            const struct web_embedded *e = &web_embedded[i];
            if (!str_starts_with(str_of(e->path), STR("templates/messages/")))
                continue;
            struct err err = { 0 };
            json_auto_t *root = NULL;
            assert_ok(json_parse((struct str) { (const char *)e->data, e->len }, &root, &err));
            if (strstr(e->path, "/en.json") != NULL) {
                if (english == NULL)
                    english = json_incref(root);
            } else if (pass == 1) {
                const char *key;
                json_t *value;
                json_object_foreach(english, key, value) {
                    if (json_object_get(root, key) == NULL)
                        fail_msg("%s lacks \"%s\"", e->path, key);
                }
            }
        }
    assert_non_null(english);
}

static void the_error_texts_promised_in_the_header_are_there(void **state) {
    (void)state;
    static const char *const errors[] = { "bad_request",  "unknown_client", "redirect_uri", "expired",
                                          "login_ticket", "unknown_tenant", "logout",       "forbidden",
                                          "denied",       "not_found",      "throttled",    "unavailable",
                                          "internal" };
    static const char *const parts[] = { "heading", "text", "next" };
    AUTO_FREE(web_free) struct web *w = new_web(&plain);
    for (size_t i = 0; i < ARRAY_LEN(errors); i++)
        for (size_t p = 0; p < ARRAY_LEN(parts); p++) {
            char key[64];
            (void)snprintf(key, sizeof key, "error_%s_%s", errors[i], parts[p]);
            if (strcmp(web_message(w, "zh", key), key) == 0)
                fail_msg("%s is missing", key);
        }
    assert_string_equal(web_message(w, "en", "no_such_key"), "no_such_key");
}

static void static_files_have_a_type_and_a_tag_and_nothing_else_is_served(void **state) {
    (void)state;
    AUTO_FREE(web_free) struct web *w = new_web(&plain);
    static const struct {
        const char *name, *type;
    } files[] = { { "style.css", "text/css; charset=utf-8" },
                  { "theme.css", "text/css; charset=utf-8" },
                  { "login.js", "text/javascript; charset=utf-8" },
                  { "favicon.svg", "image/svg+xml" } };
    struct err err = { 0 };
    struct str body, etag;
    const char *type;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        assert_ok(web_static(w, str_of(files[i].name), &body, &type, &etag, &err));
        assert_string_equal(type, files[i].type);
        assert_true(body.len > 0 && etag.len == 18 && etag.ptr[0] == '"' && etag.ptr[17] == '"');
    }
    static const char *const refused[] = { "",
                                           "/",
                                           ".",
                                           "..",
                                           "../templates/login.html",
                                           "..%2ftemplates",
                                           "nothing.css",
                                           "../../etc/passwd",
                                           "/etc/passwd",
                                           "style.css/",
                                           "./style.css",
                                           "STYLE.CSS" };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(web_static(w, str_of(refused[i]), &body, &type, &etag, &err), ERR_NOT_FOUND);
    assert_int_equal(web_static(w, STR("style.css\0x"), &body, &type, &etag, &err), ERR_NOT_FOUND);
}

static void pages_link_to_static_files_by_their_content(void **state) {
    (void)state;
    AUTO_FREE(web_free) struct web *w = new_web(&plain);
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024);
    struct err err = { 0 };
    struct str body, etag;
    const char *type;
    assert_ok(web_static(w, STR("style.css"), &body, &type, &etag, &err));
    char link[128];
    (void)snprintf(link, sizeof link, "href=\"/oidc/static/style.css?v=%.10s\"", etag.ptr + 1);
    assert_has(page(&out, w, "login", "en", none), link);
}

static void the_policy_lets_nothing_inline_run(void **state) {
    (void)state;
    AUTO_FREE(web_free) struct web *w = new_web(&plain);
    const char *csp = web_csp(w);
    assert_has(csp, "default-src 'none'");
    assert_has(csp, "script-src 'self';");
    assert_has(csp, "style-src 'self';");
    assert_has(csp, "img-src 'self';");
    assert_has(csp, "base-uri 'none'");
    assert_has(csp, "frame-ancestors 'none'");
    assert_lacks(csp, "unsafe");
}

static void a_logo_elsewhere_is_shown_and_allowed_by_the_policy(void **state) {
    (void)state;
    AUTO_FREE(web_free)
    struct web *w = new_web(
        &(struct web_options) { .base_path = "", .logo_url = "https://cdn.example:8443/a/logo.png?x=1" });
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024);
    assert_has(web_csp(w), "img-src 'self' https://cdn.example:8443;");
    assert_has(page(&out, w, "login", "en", none), "src=\"https://cdn.example:8443/a/logo.png?x=1\"");
}

static void options_that_are_not_what_they_must_be_are_refused(void **state) {
    (void)state;
    static const struct web_options cases[] = {
        { .accent = "red" },
        { .accent = "#12" },
        { .accent = "#12345g" },
        { .accent = "#fff;} body{display:none" },
        { .logo_url = "javascript:alert(1)" },
        { .logo_url = "http://cdn.example/logo.png" },
        { .logo_url = "//cdn.example/logo.png" },
        { .logo_url = "https://user@cdn.example/logo.png" },
        { .logo_url = "https://cdn.example;script-src/x" },
        { .logo_url = "https:logo.png" },
        { .title = "" },
        { .title = "a\nb" },
        { .base_path = "oidc" },
        { .base_path = "/oidc/" },
        { .base_path = "//evil" },
        { .base_path = "/a\"b" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct web *w = NULL;
        if (web_new(&cases[i], &w, &err) == ERR_OK) {
            web_free(w);
            fail_msg("case %zu was taken", i);
        }
        assert_int_equal(err.code, ERR_INVALID);
    }
}

static void any_accent_colour_stays_readable(void **state) {
    (void)state;
    static const char *const accents[] = { "#fff",    "#000",    "#ffff00", "#00ff00",
                                           "#1a73e8", "#2f5fe0", "#e5484d", "#888888" };
    for (size_t i = 0; i < ARRAY_LEN(accents); i++) {
        struct err err = { 0 };
        struct colour accent, light = { 0 }, dark = { 0 }, surface;
        assert_ok(colour_parse(str_of(accents[i]), &accent, &err));
        AUTO(strbuf_done) struct strbuf css = STRBUF(4096);
        colour_theme_css(accent, &css);
        const char *first = strstr(strbuf_c(&css), "--accent: "), *second = strstr(first + 1, "--accent: ");
        assert_ok(colour_parse((struct str) { first + 10, 7 }, &light, &err));
        assert_ok(colour_parse((struct str) { second + 10, 7 }, &dark, &err));
        assert_ok(colour_parse(STR("#1b1f27"), &surface, &err));
        assert_true(colour_contrast(light, (struct colour) { 1, 1, 1 }) >= 4.49);
        assert_true(colour_contrast(dark, surface) >= 4.49);
    }
}

static void the_language_is_the_callers_or_the_browsers(void **state) {
    (void)state;
    AUTO_FREE(web_free) struct web *w = new_web(&plain);
    assert_string_equal(web_language(w, STR_NULL, STR("zh-CN,zh;q=0.9")), "zh");
    assert_string_equal(web_language(w, STR("en"), STR("zh-CN,zh;q=0.9")), "en");
    assert_string_equal(web_language(w, STR_NULL, STR_NULL), "en");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_login_page_has_the_fields_form_fillers_look_for),
        cmocka_unit_test(every_login_error_is_told_apart_and_announced),
        cmocka_unit_test(each_page_shows_its_values_in_both_languages),
        cmocka_unit_test(every_language_has_every_message),
        cmocka_unit_test(the_error_texts_promised_in_the_header_are_there),
        cmocka_unit_test(static_files_have_a_type_and_a_tag_and_nothing_else_is_served),
        cmocka_unit_test(pages_link_to_static_files_by_their_content),
        cmocka_unit_test(the_policy_lets_nothing_inline_run),
        cmocka_unit_test(a_logo_elsewhere_is_shown_and_allowed_by_the_policy),
        cmocka_unit_test(options_that_are_not_what_they_must_be_are_refused),
        cmocka_unit_test(any_accent_colour_stays_readable),
        cmocka_unit_test(the_language_is_the_callers_or_the_browsers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
