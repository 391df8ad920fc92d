#include "unit/test.h"

#include "authn/bearer.h"

static enum err_code look(size_t count, const char *header, const char *form, struct str *ret) {
    const struct bearer_sources s = { count, str_of(header), str_of(form) };
    struct err err;
    return bearer_find(&s, ret, &err);
}

static void a_token_comes_from_one_place(void **state) {
    (void)state;
    static const struct {
        size_t count;
        const char *header, *form;
        enum err_code rc;
        const char *token;
    } cases[] = {
        { 1, "Bearer abc.DEF-_~+/==", NULL, ERR_OK, "abc.DEF-_~+/==" },
        { 1, "bearer   abc ", NULL, ERR_OK, "abc" },
        { 0, NULL, "abc", ERR_OK, "abc" },
        { 1, "Basic YTpi", "abc", ERR_OK, "abc" },
        { 0, NULL, NULL, ERR_UNAUTHENTICATED, NULL },
        { 1, "Basic YTpi", NULL, ERR_UNAUTHENTICATED, NULL },
        { 1, "Bearerabc", NULL, ERR_UNAUTHENTICATED, NULL },
        { 1, "", NULL, ERR_UNAUTHENTICATED, NULL },
        { 1, "Bearer abc", "abc", ERR_INVALID, NULL },
        { 2, "Bearer abc", NULL, ERR_INVALID, NULL },
        { 1, "Bearer", NULL, ERR_INVALID, NULL },
        { 1, "Bearer ", NULL, ERR_INVALID, NULL },
        { 1, "Bearer ab c", NULL, ERR_INVALID, NULL },
        { 1, "Bearer a=b", NULL, ERR_INVALID, NULL },
        { 1, "Bearer ===", NULL, ERR_INVALID, NULL },
        { 1, "Bearer \"abc\"", NULL, ERR_INVALID, NULL },
        { 0, NULL, "", ERR_INVALID, NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str token = STR_NULL;
        if (look(cases[i].count, cases[i].header, cases[i].form, &token) != cases[i].rc)
            fail_msg("case %zu: not as wanted", i);
        if (cases[i].token != NULL)
            assert_str(token, cases[i].token);
    }
}

static struct keyset *keys;
static const struct signer *key;
static const struct jwt_rules rules = {
    .typ = "at+jwt", .issuer = { "https://idp", 11 }, .audience = { "https://idp", 11 }, .now = 1000
};

static int make_keys(void **state) {
    (void)state;
    struct keyset_entry entry = { .not_before = 1 };
    struct err err;
    assert_ok(signer_generate(SIGN_ES256, &entry.signer, &err));
    key = entry.signer;
    assert_ok(keyset_new(&entry, 1, &keys, &err));
    return 0;
}
static int free_keys(void **state) {
    (void)state;
    keyset_free(keys);
    return 0;
}

static enum err_code check(const char *typ, const char *payload, struct access_token *ret) {
    AUTO(strbuf_done) struct strbuf token = STRBUF(4096);
    struct err err;
    assert_ok(signer_sign(key, typ, str_of(payload), &token, &err));
    return bearer_check(keys, strbuf_str(&token), &rules, ret, &err);
}

#define HEAD "{\"iss\":\"https://idp\",\"aud\":\"https://idp\",\"exp\":2000,\"iat\":900"

static void an_access_token_tells_who_and_what_for(void **state) {
    (void)state;
    struct access_token t = { 0 };
    assert_int_equal(
        check("at+jwt", HEAD ",\"sub\":\"u\",\"client_id\":\"c\",\"jti\":\"j\",\"scope\":\"openid\"}", &t),
        ERR_OK);
    assert_str(t.subject, "u");
    assert_str(t.client_id, "c");
    assert_str(t.jti, "j");
    assert_str(t.scope, "openid");
    assert_int_equal(t.expires_at, 2000);
    jwt_done(&t.jwt);
}

static void what_is_no_access_token_of_ours_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *typ, *payload;
    } cases[] = {
        { "JWT", HEAD ",\"sub\":\"u\",\"client_id\":\"c\",\"jti\":\"j\"}" }, /* an ID token */
        { "logout+jwt", HEAD ",\"sub\":\"u\",\"client_id\":\"c\",\"jti\":\"j\"}" },
        { "at+jwt", HEAD ",\"client_id\":\"c\",\"jti\":\"j\"}" },
        { "at+jwt", HEAD ",\"sub\":\"\",\"client_id\":\"c\",\"jti\":\"j\"}" },
        { "at+jwt", HEAD ",\"sub\":\"u\",\"jti\":\"j\"}" },
        { "at+jwt", HEAD ",\"sub\":\"u\",\"client_id\":\"c\"}" },
        { "at+jwt", HEAD ",\"sub\":5,\"client_id\":\"c\",\"jti\":\"j\"}" },
        { "at+jwt", "{\"iss\":\"https://"
                    "idp\",\"aud\":\"app\",\"exp\":2000,\"sub\":\"u\",\"client_id\":\"c\",\"jti\":\"j\"}" },
        { "at+jwt", "{\"iss\":\"https://evil\",\"aud\":\"https://"
                    "idp\",\"exp\":2000,\"sub\":\"u\",\"client_id\":\"c\",\"jti\":\"j\"}" },
        { "at+jwt", "{\"iss\":\"https://idp\",\"aud\":\"https://"
                    "idp\",\"exp\":1000,\"sub\":\"u\",\"client_id\":\"c\",\"jti\":\"j\"}" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct access_token t = { 0 };
        if (check(cases[i].typ, cases[i].payload, &t) != ERR_UNAUTHENTICATED)
            fail_msg("case %zu was taken", i);
        assert_null(t.jwt.payload);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_comes_from_one_place),
        cmocka_unit_test(an_access_token_tells_who_and_what_for),
        cmocka_unit_test(what_is_no_access_token_of_ours_is_refused),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
