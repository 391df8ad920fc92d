#include "unit/test.h"

#include "http/cookie.h"

static void the_first_cookie_of_a_name_is_found(void **state) {
    (void)state;
    static const struct {
        const char *header, *want; /* NULL: absent */
    } cases[] = {
        { "s=1", "1" },
        { "a=0; s=1; s=2", "1" },
        { "xs=1; sx=2", NULL },
        { "S=1", NULL },
        { "s=\"quoted\"", "quoted" },
        { "s=\"", "\"" },
        { "s=", "" },
        { "s", NULL },
        { "", NULL },
        { ";;; s = 1 ;", "1" },
        { "a=s=1; s=b=c", "b=c" },
        { "s\t=1", "1" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str value = cookie_find(str_of(cases[i].header), STR("s"));
        if ((value.ptr != NULL) != (cases[i].want != NULL))
            fail_msg("\"%s\"", cases[i].header);
        if (cases[i].want != NULL)
            assert_str(value, cases[i].want);
    }
}

static void a_cookie_is_written_with_its_attributes(void **state) {
    (void)state;
    static const struct {
        struct http_cookie_spec cookie;
        const char *want;
    } cases[] = {
        { { .name = "s", .value = STR("v") }, "s=v" },
        { { .name = "s",
            .value = STR("v"),
            .path = "/oidc",
            .max_age_s = 60,
            .http_only = true,
            .secure = true,
            .same_site = "Strict" },
          "s=v; Path=/oidc; Max-Age=60; HttpOnly; Secure; SameSite=Strict" },
        { { .name = "s", .value = STR(""), .path = "/", .max_age_s = -1 },
          "s=; Path=/; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(1000);
        assert_true(cookie_format(&cases[i].cookie, &out));
        assert_string_equal(strbuf_c(&out), cases[i].want);
    }
}

static void bytes_that_would_change_its_meaning_are_refused(void **state) {
    (void)state;
    static const struct http_cookie_spec bad[] = {
        { .name = "", .value = STR("v") },
        { .name = "a=b", .value = STR("v") },
        { .name = "a b", .value = STR("v") },
        { .name = "s", .value = STR("v; Path=/") },
        { .name = "s", .value = STR("v\r\nX: y") },
        { .name = "s", .value = STR("a b") },
        { .name = "s", .value = STR("a\0b") },
        { .name = "s", .value = STR("\xc3\xa9") },
        { .name = "s", .value = STR("v"), .path = "/; Domain=x" },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(1000);
        assert_false(cookie_format(&bad[i], &out));
    }
    AUTO(strbuf_done) struct strbuf small = STRBUF(4);
    assert_false(cookie_format(&(struct http_cookie_spec) { .name = "name", .value = STR("value") }, &small));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_cookie_of_a_name_is_found),
        cmocka_unit_test(a_cookie_is_written_with_its_attributes),
        cmocka_unit_test(bytes_that_would_change_its_meaning_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
