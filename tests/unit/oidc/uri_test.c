/* Redirect URIs: exact, but for the port of a native application's loopback address (RFC 8252 7.3). */
#include "unit/test.h"

#include "oidc/redirect_uri.h"

static struct str registered[] = {
    { "https://app.example/cb", 22 },       { "http://127.0.0.1:8000/cb", 24 }, { "http://[::1]/cb", 15 },
    { "http://localhost:8000/cb?a=b", 28 }, { "com.example.app:/oauth", 22 },
};
static const struct client native = { .is_public = true, .redirect_uris = { registered, 5 } };
static const struct client confidential = { .redirect_uris = { registered, 5 } };

static void a_native_application_may_listen_on_any_loopback_port(void **state) {
    (void)state;
    static const char *const taken[] = {
        "https://app.example/cb",    "http://127.0.0.1:8000/cb",      "http://127.0.0.1:1/cb",
        "http://127.0.0.1:65535/cb", "http://127.0.0.1/cb",           "http://[::1]:5555/cb",
        "http://[::1]/cb",           "http://localhost:18000/cb?a=b", "com.example.app:/oauth",
    };
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        if (!redirect_uri_allowed(&native, str_of(taken[i])))
            fail_msg("%s is refused", taken[i]);
}

static void what_only_looks_like_a_loopback_address_is_refused(void **state) {
    (void)state;
    static const char *const refused[] = {
        "",
        "http://127.0.0.1:8001/cb/",
        "http://127.0.0.1:8001/",
        "http://127.0.0.1:8001/cb?x",
        "http://127.0.0.1:8001/cb#x",
        "http://127.0.0.1:8001/CB",
        "http://127.0.0.1:8001/x/../cb",
        "http://127.0.0.1:8001/%63b",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:80:80/cb",
        "http://127.0.0.1:8001\\@evil.example/cb",
        "http://127.0.0.1:8001@evil.example/cb",
        "http://x@127.0.0.1:8001/cb",
        "http://127.0.0.1:8001 /cb",
        "http://127.0.0.1.evil.example:8001/cb",
        "http://127.0.0.2:8001/cb",
        "http://127.1:8001/cb",
        "http://2130706433:8001/cb",
        "http://0x7f.0.0.1:8001/cb",
        "http://[::ffff:127.0.0.1]:8001/cb",
        "http://[::1%25lo]:8001/cb",
        "http://localhost.:8001/cb?a=b",
        "http://localhost.evil.example/cb?a=b",
        "http://LOCALHOST:8001/cb?a=b",
        "http://localhost:8001/cb",
        "http://[::1]:8001/cb?a=b",
        "https://127.0.0.1:8000/cb",
        "HTTP://127.0.0.1:8001/cb",
        "//127.0.0.1:8001/cb",
        "https://app.example:8443/cb",
        "https://app.example/cb?",
        "com.example.app:/oauth/",
        "com.example.app://oauth",
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        if (redirect_uri_allowed(&native, str_of(refused[i])))
            fail_msg("%s is allowed", refused[i]);
    assert_false(redirect_uri_allowed(&native, (struct str) { "http://127.0.0.1:8001/cb\0x", 26 }));
}

static void a_client_with_a_secret_has_its_exact_uris_only(void **state) {
    (void)state;
    assert_true(redirect_uri_allowed(&confidential, STR("http://127.0.0.1:8000/cb")));
    assert_false(redirect_uri_allowed(&confidential, STR("http://127.0.0.1:8001/cb")));
}

static void parameters_are_appended_to_a_query_that_is_there_or_begin_one(void **state) {
    (void)state;
    static const struct {
        const char *uri, *begun;
    } cases[] = {
        { "https://a/cb", "https://a/cb?" },
        { "https://a/cb?", "https://a/cb?" },
        { "https://a/cb?x=1", "https://a/cb?x=1&" },
        { "https://a/cb?x=1&", "https://a/cb?x=1&" },
        { "com.example.app:/x", "com.example.app:/x?" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(100);
        redirect_uri_begin(&out, str_of(cases[i].uri));
        assert_str(strbuf_str(&out), cases[i].begun);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_native_application_may_listen_on_any_loopback_port),
        cmocka_unit_test(what_only_looks_like_a_loopback_address_is_refused),
        cmocka_unit_test(a_client_with_a_secret_has_its_exact_uris_only),
        cmocka_unit_test(parameters_are_appended_to_a_query_that_is_there_or_begin_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
