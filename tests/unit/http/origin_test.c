#include "unit/test.h"

#include "http/origin.h"

static void only_our_own_pages_and_no_browsers_are_same_site(void **state) {
    (void)state;
    static const struct {
        const char *origin, *host, *fetch_site;
        bool want;
    } cases[] = {
        { NULL, "h", NULL, true },
        { NULL, "h", "same-origin", true },
        { NULL, "h", "none", true },
        { NULL, "h", "same-site", false },
        { NULL, "h", "cross-site", false },
        { NULL, "h", "", false },
        { "https://h", "h", "cross-site", false },
        { "https://evil", "h", "same-origin", true }, /* a gateway changed Host; the browser itself vouches */
        { "https://h", "h", NULL, true },
        { "https://H", "h", NULL, true },
        { "https://h:443", "h", NULL, true },
        { "https://h", "h:443", NULL, true },
        { "http://h", "h:80", NULL, true },
        { "https://h:80", "h", NULL, false },
        { "https://h:8443", "h:8443", NULL, true },
        { "https://h:8443", "h", NULL, false },
        { "https://h.evil", "h", NULL, false },
        { "null", "h", NULL, false },
        { "", "h", NULL, false },
        { "https://", "", NULL, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct origin_headers h = { .host = str_of(cases[i].host) };
        if (cases[i].origin != NULL)
            h.origin = (struct str) { cases[i].origin, strlen(cases[i].origin) };
        if (cases[i].fetch_site != NULL)
            h.sec_fetch_site = (struct str) { cases[i].fetch_site, strlen(cases[i].fetch_site) };
        if (origin_is_same_site(&h) != cases[i].want)
            fail_msg("case %zu", i);
    }
}

static void cors_wants_the_exact_origin(void **state) {
    (void)state;
    static const char *const listed[] = { "https://a.example", "http://localhost:3000" };
    struct http_strings origins = { listed, ARRAY_LEN(listed) };
    assert_str(cors_allowed_origin(&origins, STR("http://localhost:3000")), "http://localhost:3000");
    assert_null(cors_allowed_origin(&origins, STR("https://a.example.evil")).ptr);
    assert_null(cors_allowed_origin(&origins, STR("https://A.example")).ptr);
    assert_null(cors_allowed_origin(&origins, STR("null")).ptr);
    assert_null(cors_allowed_origin(&origins, STR("")).ptr);
    static const char *const any[] = { "*" };
    origins = (struct http_strings) { any, 1 };
    assert_str(cors_allowed_origin(&origins, STR("https://x")), "*");
    assert_null(cors_allowed_origin(&origins, STR_NULL).ptr);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_our_own_pages_and_no_browsers_are_same_site),
        cmocka_unit_test(cors_wants_the_exact_origin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
