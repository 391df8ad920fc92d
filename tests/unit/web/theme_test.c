#include "unit/test.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tkeauth/web.h"

/* A theme folder of its own for every test. */
struct folder {
    char path[64];
};

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}
static void folder_done(struct folder *f) { (void)nftw(f->path, remove_one, 8, FTW_DEPTH | FTW_PHYS); }

static void folder_init(struct folder *f) {
    (void)snprintf(f->path, sizeof f->path, "/tmp/web-theme-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    static const char *const folders[] = { "templates", "templates/messages", "static" };
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/%s", f->path, folders[i]);
        assert_int_equal(mkdir(path, 0700), 0);
    }
}

static void put(const struct folder *f, const char *name, const char *text) {
    struct err err = { 0 };
    char path[192];
    (void)snprintf(path, sizeof path, "%s/%s", f->path, name);
    assert_ok(file_write_atomic(path, str_of(text), 0644, &err));
}

static enum err_code load(const struct folder *f, struct web **ret, struct err *err) {
    return web_new(&(struct web_options) { .base_path = "/oidc", .dir = f->path }, ret, err);
}

static const struct web_value none[] = { { .name = NULL } };

static void a_theme_replaces_pages_texts_files_and_values(void **state) {
    (void)state;
    AUTO(folder_done) struct folder f;
    folder_init(&f);
    put(&f, "templates/logged_out.html", "<p>{{title}} {{t logged_out_title}} {{t our_own}}</p>");
    put(&f, "templates/_foot.html", "<footer>Example Corp</footer>");
    put(&f, "templates/extra.html", "{{values x}}<i>{{x}}</i>");
    put(&f, "templates/messages/en.json", "{\"logged_out_title\": \"Bye\", \"our_own\": \"!\"}");
    put(&f, "templates/messages/de.json", "{\"language_tag\": \"de\", \"login_title\": \"Anmelden\"}");
    put(&f, "static/logo.svg", "<svg/>");
    put(&f, "static/.hidden", "x");
    put(&f, "static/style.css~", "x");
    put(&f, "theme.json", "{\"title\": \"Example\", \"accent\": \"#0a0\"}");
    struct err err = { 0 };
    AUTO_FREE(web_free) struct web *w = NULL;
    assert_ok(load(&f, &w, &err));
    AUTO(strbuf_done) struct strbuf out = STRBUF(64 * 1024);
    assert_ok(web_render(w, "logged_out", "en", none, &out, &err));
    assert_str(strbuf_str(&out), "<p>Example Bye !</p>");
    strbuf_clear(&out);
    assert_ok(web_render(w, "login", "de", none, &out, &err));
    assert_non_null(strstr(strbuf_c(&out), "<footer>Example Corp</footer>"));
    assert_non_null(strstr(strbuf_c(&out), "<h1>Anmelden</h1>"));
    assert_non_null(strstr(strbuf_c(&out), "src=\"/oidc/static/logo.svg?v="));
    strbuf_clear(&out);
    const struct web_value x[] = { { .name = "x", .text = STR("1") }, { .name = NULL } };
    assert_ok(web_render(w, "extra", "en", x, &out, &err));
    assert_str(strbuf_str(&out), "<i>1</i>");
    assert_string_equal(web_language(w, STR_NULL, STR("de-AT")), "de");
    struct str body, etag;
    const char *type;
    assert_ok(web_static(w, STR("logo.svg"), &body, &type, &etag, &err));
    assert_str(body, "<svg/>");
    assert_int_equal(web_static(w, STR(".hidden"), &body, &type, &etag, &err), ERR_NOT_FOUND);
}

static void the_configuration_goes_before_the_folders_values(void **state) {
    (void)state;
    AUTO(folder_done) struct folder f;
    folder_init(&f);
    put(&f, "theme.json", "{\"title\": \"Folder\"}");
    put(&f, "templates/logged_out.html", "{{title}}");
    struct err err = { 0 };
    AUTO_FREE(web_free) struct web *w = NULL;
    assert_ok(web_new(&(struct web_options) { .dir = f.path, .title = "Configured" }, &w, &err));
    AUTO(strbuf_done) struct strbuf out = STRBUF(1024);
    assert_ok(web_render(w, "logged_out", "en", none, &out, &err));
    assert_str(strbuf_str(&out), "Configured");
}

static void a_bad_theme_is_refused_with_file_and_line(void **state) {
    (void)state;
    static const struct {
        const char *file, *text, *want;
    } cases[] = {
        { "templates/login.html", "\n{{passwrod}}",
          "/templates/login.html:2: there is no value \"passwrod\" here" },
        { "templates/login.html", "<p {{login}}>",
          "/templates/login.html:1: value \"login\" may only stand in" },
        { "templates/login.html", "{{#if login}}", "/templates/login.html:1: a block is not closed" },
        { "templates/_head.html", "{{nothing}}",
          "/templates/_head.html:1: there is no value \"nothing\" here" },
        { "templates/messages/en.json", "{", "/templates/messages/en.json: " },
        { "templates/messages/zh.json", "{\"nothing\": \"x\"}",
          "/templates/messages/zh.json: key \"nothing\" is not in" },
        { "templates/messages/en.json", "{\"login_title\": \"{nobody}\"}", "wants a value \"nobody\"" },
        { "static/evil.html", "x", "/static/evil.html: not a type of file that is served" },
        { "static/a b.css", "x", "/static/a b.css: a file name of letters" },
        { "theme.json", "{\"colour\": \"#fff\"}",
          "/theme.json: \"colour\": the texts title, logo_url and accent" },
        { "theme.json", "{\"accent\": \"blue\"}", "\"blue\" is not a colour" },
        { "theme.json", "[]", "/theme.json: a JSON object is expected" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(folder_done) struct folder f;
        folder_init(&f);
        put(&f, cases[i].file, cases[i].text);
        struct err err = { 0 };
        AUTO_FREE(web_free) struct web *w = NULL;
        if (load(&f, &w, &err) == ERR_OK)
            fail_msg("%s: %s was taken", cases[i].file, cases[i].text);
        if (strstr(err.detail, cases[i].want) == NULL)
            fail_msg("%s\nwanted %s", err.detail, cases[i].want);
    }
}

static void a_folder_that_is_no_theme_is_refused(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(web_free) struct web *w = NULL;
    assert_int_equal(web_new(&(struct web_options) { .dir = "/nonexistent/theme" }, &w, &err), ERR_NOT_FOUND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_theme_replaces_pages_texts_files_and_values),
        cmocka_unit_test(the_configuration_goes_before_the_folders_values),
        cmocka_unit_test(a_bad_theme_is_refused_with_file_and_line),
        cmocka_unit_test(a_folder_that_is_no_theme_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
