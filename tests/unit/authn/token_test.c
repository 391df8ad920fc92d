#include "caller.h"

#include <stdlib.h>

static enum err_code judge(struct caller *c, struct str token) {
    c->who = (struct principal) { 0 };
    return authn_token(c->arena, &c->judges, token, clock_now_s(&c->clock), &c->who, NULL, &c->err);
}

#define TIMES "expireAt=2023-11-14 22:23:20 +0000 UTC;issueAt=2023-11-14 22:13:10 +0000 UTC"

static void an_id_token_names_its_bearer_and_gives_its_claims(void **state) {
    struct caller *c = *state;
    const json_t *claims = NULL;
    struct str token = caller_id_token(c, ",\"name\":\"alice\",\"groups\":[\"dev\",\"ops\"]" FEDERATED);
    struct err err = { 0 };
    assert_ok(authn_token(c->arena, &c->judges, token, NOW_S, &c->who, &claims, &err));
    assert_who(c, "alice|usr-7|dev,ops,system:authenticated|tenantid=acme;" TIMES "|acme");
    assert_int_equal(c->who.source, PRINCIPAL_ID_TOKEN);
    assert_int_equal(c->who.expires_at, NOW_S + 600);
    assert_int_equal(c->who.issued_at, NOW_S - 10);
    assert_str(json_get_str(claims, "aud"), "console");
    assert_int_equal(judge(c, token), ERR_OK); /* who does not want the claims need not take them */
    assert_who(c, "alice|usr-7|dev,ops,system:authenticated|tenantid=acme;" TIMES "|acme");
}

static void a_token_is_taken_whatever_its_audience_until_the_second_it_expires(void **state) {
    struct caller *c = *state;
    struct str token = caller_id_token(c, ",\"name\":\"alice\"" FEDERATED);
    clock_advance(&c->clock, 599 * 1000);
    assert_int_equal(judge(c, token), ERR_OK);
    clock_advance(&c->clock, 1000);
    assert_int_equal(judge(c, token), ERR_UNAUTHENTICATED);
}

static void a_token_without_user_or_tenant_is_refused(void **state) {
    struct caller *c = *state;
    static const char *const claims[] = {
        FEDERATED,
        ",\"name\":\"\"" FEDERATED,
        ",\"name\":\"admin\"",
        ",\"name\":\"admin\",\"sub\":\"admin\"",
        ",\"name\":\"admin\",\"federated_claims\":{\"connector_id\":\"\",\"user_id\":\"u\"}",
        ",\"name\":[\"admin\"]" FEDERATED,
        ",\"name\":\"alice\",\"groups\":[\"a\",1]" FEDERATED,
    };
    for (size_t i = 0; i < ARRAY_LEN(claims); i++)
        assert_int_equal(judge(c, caller_id_token(c, claims[i])), ERR_UNAUTHENTICATED);
}

/* Whoever fills a directory, or a tenant, chooses these. */
static void a_tenant_cannot_smuggle_in_groups_of_the_platform(void **state) {
    struct caller *c = *state;
    static const struct {
        const char *groups, *want;
    } cases[] = {
        { "\"system:masters\"", "" },
        { "\"system:authenticated\"", "" },
        { "\"system:unauthenticated\",\"a\"", "a," },
        { "\"a\",\"system:\",\"b\"", "a,b," },
        { "\"tenant:other\",\"project:p\",\"namespace:kube-system\",\"cluster:c\",\"a\"", "a," },
        { "\"tenant:\",\"project:\",\"namespace:\",\"cluster:\"", "" },
        /* What HTTP cuts off on the way from kube-apiserver to an aggregated API. */
        { "\" system:masters\",\"\\tsystem:masters\",\"system:masters \"", "" },
        { "\" tenant:other\",\"dev \"", "" },
        { "\"x\\r\\nX-Remote-Group: system:masters\",\"\"", "" },
        /* Names that only look similar are a tenant's own. */
        { "\"systems\",\"system\",\"tenants:x\",\"System:Masters\",\"my:system:masters\"",
          "systems,system,tenants:x,System:Masters,my:system:masters," },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char more[512], want[512];
        (void)snprintf(more, sizeof more, ",\"name\":\"eve\",\"groups\":[%s]" FEDERATED, cases[i].groups);
        (void)snprintf(want, sizeof want, "eve|usr-7|%ssystem:authenticated|tenantid=acme;" TIMES "|acme",
                       cases[i].want);
        assert_int_equal(judge(c, caller_id_token(c, more)), ERR_OK);
        assert_who(c, want);
    }
}

static void dropped_groups_are_told_at_debug_level(void **state) {
    struct caller *c = *state;
    assert_int_equal(judge(c, caller_id_token(c, ",\"name\":\"bob\",\"groups\":[\"dev\"]" FEDERATED)),
                     ERR_OK);
    char *log = caller_log(c);
    assert_null(strstr(log, "dropped"));
    free(log);
    c->judges.request_id = "req-9";
    struct str token = caller_id_token(
        c, ",\"name\":\"eve\",\"groups\":[\"system:masters\",\"tenant:x\",\"dev\"]" FEDERATED);
    assert_int_equal(judge(c, token), ERR_OK);
    log = caller_log(c);
    assert_non_null(strstr(log, "\"debug\""));
    assert_non_null(strstr(log, "req-9"));
    assert_non_null(strstr(log, "\"user\":\"eve\",\"source\":\"id_token\",\"dropped\":2,\"kept\":1"));
    assert_null(strstr(log, token.ptr));
    free(log);
    c->judges.log = NULL;
    assert_int_equal(judge(c, token), ERR_OK);
}

static void a_tenant_cannot_have_a_user_of_the_platform(void **state) {
    struct caller *c = *state;
    static const char *const names[] = {
        "system:kube-controller-manager", "system:", " system:x", "alice ", "alice\\n", "a\\u0000b", "\\t"
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        char more[256];
        (void)snprintf(more, sizeof more, ",\"name\":\"%s\"" FEDERATED, names[i]);
        assert_int_equal(judge(c, caller_id_token(c, more)), ERR_UNAUTHENTICATED);
    }
    c->key = (struct known_key) {
        .text = STR("a.b.c"),
        .view = { .tenant = STR("acme"), .username = STR("system:kube-scheduler"), .expires_at = NOW_S + 60 }
    };
    assert_int_equal(judge(c, STR("a.b.c")), ERR_UNAUTHENTICATED);
}

/* ---- API keys ---- */

static const struct str key_groups[] = { STR("grp-1"), STR("system:masters"), STR("tenant:other"),
                                         STR("grp-2") };

static struct known_key good_key(struct str text) {
    return (struct known_key) { .text = text,
                                .view = { .name = STR("apk-1"),
                                          .tenant = STR("acme"),
                                          .username = STR("alice"),
                                          .uid = STR("usr-1"),
                                          .groups = key_groups,
                                          .group_count = ARRAY_LEN(key_groups),
                                          .issued_at = NOW_S - 10,
                                          .expires_at = NOW_S + 600 } };
}

static void an_api_key_stands_for_its_user(void **state) {
    struct caller *c = *state;
    c->key = good_key(STR("head.body.signature"));
    const json_t *claims = json_true();
    struct err err = { 0 };
    assert_ok(authn_token(c->arena, &c->judges, c->key.text, NOW_S, &c->who, &claims, &err));
    assert_null(claims);
    assert_int_equal(c->who.source, PRINCIPAL_API_KEY);
    assert_who(c, "alice|usr-1|grp-1,grp-2,system:authenticated|tenantid=acme;" TIMES "|acme");
    assert_int_equal(c->who.expires_at, NOW_S + 600);
    c->key.view.description = STR("for\nCI");
    assert_int_equal(judge(c, c->key.text), ERR_OK);
    assert_who(c, "alice|usr-1|grp-1,grp-2,system:authenticated|tenantid=acme;" TIMES
                  ";description=for CI|acme");
    clock_advance(&c->clock, 600 * 1000); /* the finder is told the time */
    assert_int_equal(judge(c, c->key.text), ERR_UNAUTHENTICATED);
}

static void what_is_not_known_as_a_key_is_none(void **state) {
    struct caller *c = *state;
    c->key = good_key(STR("head.body.signature"));
    static const char *const others[] = { "head.body.sign", "head.body.signature1", "Head.body.signature" };
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        assert_int_equal(judge(c, str_of(others[i])), ERR_UNAUTHENTICATED);
    c->judges.find_key = NULL;
    assert_int_equal(judge(c, c->key.text), ERR_UNAUTHENTICATED);
}

static void only_three_parts_can_be_a_key(void **state) {
    struct caller *c = *state;
    static const char *const texts[] = { "a", "a.b", "a.b.c.d", "..", "a..c", ".b.c", "a.b.", "" };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        c->key = good_key(str_of(texts[i]));
        assert_int_equal(judge(c, str_of(texts[i])), ERR_UNAUTHENTICATED);
        assert_int_equal(c->key.asked, 0);
    }
}

static void a_key_without_user_or_tenant_is_refused(void **state) {
    struct caller *c = *state;
    c->key = good_key(STR("a.b.c"));
    c->key.view.tenant = STR_NULL; /* would come out as a caller of the platform */
    assert_int_equal(judge(c, STR("a.b.c")), ERR_UNAUTHENTICATED);
    c->key = good_key(STR("a.b.c"));
    c->key.view.username = STR_NULL;
    assert_int_equal(judge(c, STR("a.b.c")), ERR_UNAUTHENTICATED);
}

static void a_known_key_is_a_key_even_if_it_could_be_an_id_token(void **state) {
    struct caller *c = *state;
    struct str token = caller_id_token(c, ",\"name\":\"token-user\"" FEDERATED);
    c->key = good_key(token);
    assert_int_equal(judge(c, token), ERR_OK);
    assert_int_equal(c->who.source, PRINCIPAL_API_KEY);
    c->key.text = STR_NULL;
    assert_int_equal(judge(c, token), ERR_OK);
    assert_int_equal(c->who.source, PRINCIPAL_ID_TOKEN);
}

/* ---- one meaning per token ---- */

#define GOOD_CLAIMS                                                                                          \
    "{\"iss\":\"" ISSUER "\",\"aud\":\"" ISSUER "\",\"exp\":1700000600,\"iat\":1700000000,\"sub\":"          \
    "\"CgV1c3ItMRIHZGVmYXVsdA\",\"client_id\":\"c\",\"jti\":\"j\",\"scope\":\"openid\",\"name\":"            \
    "\"alice\"" FEDERATED "}"

static void other_jwts_of_ours_are_refused(void **state) {
    struct caller *c = *state;
    assert_int_equal(judge(c, caller_sign(c, "JWT", GOOD_CLAIMS)), ERR_OK);
    static const struct {
        const char *typ, *claims;
    } cases[] = {
        { "at+jwt", GOOD_CLAIMS },     /* an access token */
        { "logout+jwt", GOOD_CLAIMS }, /* a logout token */
        { "JWT", "{\"iss\":\"https://other.example\",\"exp\":1700000600,\"name\":\"a\"" FEDERATED "}" },
        { "JWT", "{\"exp\":1700000600,\"name\":\"a\"" FEDERATED "}" },
        { "JWT", "{\"iss\":\"" ISSUER "\",\"name\":\"a\"" FEDERATED "}" },
        { "JWT", "[]" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(judge(c, caller_sign(c, cases[i].typ, cases[i].claims)), ERR_UNAUTHENTICATED);
}

static void a_token_of_another_signer_is_refused(void **state) {
    struct caller *c = *state;
    struct signer *ours = c->signer;
    struct err err = { 0 };
    assert_ok(signer_generate(SIGN_ES256, &c->signer, &err));
    assert_int_equal(judge(c, caller_sign(c, "JWT", GOOD_CLAIMS)), ERR_UNAUTHENTICATED);
    signer_free(c->signer);
    c->signer = ours;
    struct str token = caller_sign(c, "JWT", GOOD_CLAIMS);
    c->judges.keys = NULL;
    assert_int_equal(judge(c, token), ERR_UNAUTHENTICATED);
}

/* As unsigned: {"alg":"none","typ":"JWT"}. */
static void an_unsigned_token_is_refused(void **state) {
    struct caller *c = *state;
    AUTO(strbuf_done) struct strbuf token = STRBUF(4096);
    strbuf_adds(&token, "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.");
    base64url_add(&token, GOOD_CLAIMS, sizeof GOOD_CLAIMS - 1);
    strbuf_addc(&token, '.');
    assert_int_equal(judge(c, strbuf_str(&token)), ERR_UNAUTHENTICATED);
    strbuf_addc(&token, 'x');
    assert_int_equal(judge(c, strbuf_str(&token)), ERR_UNAUTHENTICATED);
}

/* Login tickets, encrypted userinfo and the like travel as base64url of a sealed blob; codes and refresh tokens as that of random bytes. */
static void sealed_blobs_codes_and_refresh_tokens_are_refused(void **state) {
    struct caller *c = *state;
    static const unsigned char key[KEYRING_KEY_SIZE] = { 7 };
    static const char *const purposes[] = { "auth-request", "session", "signing-key" };
    AUTO_FREE(keyring_free) struct keyring *ring = NULL;
    struct err err = { 0 };
    assert_ok(keyring_from_key(key, &ring, &err));
    for (size_t i = 0; i < ARRAY_LEN(purposes); i++) {
        AUTO(strbuf_done) struct strbuf blob = STRBUF(8192), text = STRBUF(16384);
        assert_ok(seal(ring, random_system(), purposes[i], STR(GOOD_CLAIMS), &blob, &err));
        base64url_add(&text, blob.ptr, blob.len);
        assert_int_equal(judge(c, strbuf_str(&text)), ERR_UNAUTHENTICATED);
    }
    static const size_t sizes[] = { 16, 32, 52 /* a refresh token: family, generation, secret */ };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        unsigned char raw[64];
        AUTO(strbuf_done) struct strbuf text = STRBUF(256);
        random_bytes(random_system(), raw, sizes[i]);
        base64url_add(&text, raw, sizes[i]);
        assert_int_equal(judge(c, strbuf_str(&text)), ERR_UNAUTHENTICATED);
    }
    assert_int_equal(c->key.asked, 0);
}

static void a_token_that_is_too_long_is_not_even_hashed(void **state) {
    struct caller *c = *state;
    static char text[JWT_MAX + 2];
    (void)memset(text, 'a', sizeof text);
    text[1] = text[3] = '.';
    c->key = good_key((struct str) { text, JWT_MAX });
    assert_int_equal(judge(c, c->key.text), ERR_OK);
    c->key = good_key((struct str) { text, JWT_MAX + 1 });
    assert_int_equal(judge(c, c->key.text), ERR_UNAUTHENTICATED);
    assert_int_equal(c->key.asked, 0);
}

static void sources_have_names(void **state) {
    (void)state;
    static const char *const names[] = { "front_proxy", "certificate", "token_file", "id_token", "api_key" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(principal_source_name((enum principal_source)i), names[i]);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, caller_setup, caller_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_id_token_names_its_bearer_and_gives_its_claims),
        TEST(a_token_is_taken_whatever_its_audience_until_the_second_it_expires),
        TEST(a_token_without_user_or_tenant_is_refused),
        TEST(a_tenant_cannot_smuggle_in_groups_of_the_platform),
        TEST(dropped_groups_are_told_at_debug_level),
        TEST(a_tenant_cannot_have_a_user_of_the_platform),
        TEST(an_api_key_stands_for_its_user),
        TEST(what_is_not_known_as_a_key_is_none),
        TEST(only_three_parts_can_be_a_key),
        TEST(a_key_without_user_or_tenant_is_refused),
        TEST(a_known_key_is_a_key_even_if_it_could_be_an_id_token),
        TEST(other_jwts_of_ours_are_refused),
        TEST(a_token_of_another_signer_is_refused),
        TEST(an_unsigned_token_is_refused),
        TEST(sealed_blobs_codes_and_refresh_tokens_are_refused),
        TEST(a_token_that_is_too_long_is_not_even_hashed),
        cmocka_unit_test(sources_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
