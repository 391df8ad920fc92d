#include "caller.h"

#include "authn/credential.h"

static enum err_code find(struct caller *c, const char *const *headers, struct str *ret) {
    struct header_list list;
    struct err err = { 0 };
    *ret = STR("unset");
    assert_ok(header_list_of(caller_request(c, headers), &list, &err));
    return credential_find(&list, c->arena, ret, &c->err);
}

#define PROTOCOL "base64url.bearer.authorization.k8s.io."

static void a_bearer_token_is_found(void **state) {
    struct caller *c = *state;
    const struct {
        const char *const *headers;
        const char *want; /* NULL: there is none */
    } cases[] = {
        { HEADERS("Authorization: Bearer abc"), "abc" },
        { HEADERS("authorization: bEARER   abc  "), "abc" },
        { HEADERS("Authorization: Bearer $weird'\"(token)"), "$weird'\"(token)" },
        { HEADERS("Host: x"), NULL },
        { HEADERS("Authorization: Basic YTpi"), NULL },
        { HEADERS("Authorization: Bearers abc"), NULL },
        { HEADERS("Authorization: abc"), NULL },
        { HEADERS("Authorization:"), NULL },
        { HEADERS("Proxy-Authorization: Bearer abc"), NULL },
        /* "abc", then "abcd" and "a.b.c" */
        { HEADERS("Sec-WebSocket-Protocol: " PROTOCOL "YWJj"), "abc" },
        { HEADERS("Sec-WebSocket-Protocol: base64.binary.k8s.io, " PROTOCOL "YWJjZA ,x"), "abcd" },
        { HEADERS("Sec-WebSocket-Protocol: v4.channel.k8s.io", "sec-websocket-protocol: " PROTOCOL "YS5iLmM"),
          "a.b.c" },
        { HEADERS("Sec-WebSocket-Protocol: v4.channel.k8s.io"), NULL },
        { HEADERS("Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.ioYWJj"), NULL },
        { HEADERS("Sec-WebSocket-Protocol: x" PROTOCOL "YWJj"), NULL },
        { HEADERS("Authorization: Basic YTpi", "Sec-WebSocket-Protocol: " PROTOCOL "YWJj"), "abc" },
        { HEADERS("Authorization: Bearer first", "Sec-WebSocket-Protocol: " PROTOCOL "YWJj"), "first" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str token;
        if (find(c, cases[i].headers, &token) != ERR_OK)
            fail_msg("case %zu: %s", i, c->err.detail);
        assert_int_equal(token.ptr == NULL, cases[i].want == NULL);
        assert_str(token, cases[i].want);
    }
}

static void what_no_client_sends_is_refused(void **state) {
    struct caller *c = *state;
    const char *const *const cases[] = {
        HEADERS("Authorization: Bearer"),
        HEADERS("Authorization: Bearer "),
        HEADERS("Authorization: Bearer a b"),
        HEADERS("Authorization: Bearer a\tb"),
        HEADERS("Authorization: Bearer a\xff"),
        HEADERS("Authorization: Bearer a", "Authorization: Bearer a"),
        HEADERS("Authorization: Bearer a", "authorization: Basic x"),
        HEADERS("Authorization:", "Authorization: Bearer a"),
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL),
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL "YWJ"),  /* bits are left over */
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL "YWI="), /* padded */
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL "a+b/"), /* the other alphabet */
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL "YSBi"), /* "a b" */
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL "YQBi"), /* a NUL */
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL "YWJj, " PROTOCOL "YWJj"),
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL "YWJj", "Sec-WebSocket-Protocol: " PROTOCOL "YWJj"),
        HEADERS("Sec-WebSocket-Protocol: " PROTOCOL ", " PROTOCOL "YWJj"),
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str token;
        if (find(c, cases[i], &token) != ERR_UNAUTHENTICATED)
            fail_msg("case %zu was taken", i);
        assert_null(strstr(c->err.detail, "YW"));
    }
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, caller_setup, caller_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_bearer_token_is_found),
        TEST(what_no_client_sends_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
