#include "unit/test.h"

#include "jose/signer.h"
#include "tkeauth/jose.h"

#include <openssl/core_names.h>

enum { NOW = 1700000000, LATER = NOW + 3600 };
static const char claims[] = "{\"exp\":1700003600,\"iat\":1700000000,\"jti\":\"ab12\",\"usr\":\"alice\","
                             "\"ted\":\"default\"}";
static const char *const all_members[] = { "n", "e", "d", "p", "q", "dp", "dq", "qi" };

static struct signer *rsa, *other, *ec; /* RSA key generation is slow under sanitizers */
static json_t *good, *foreign;          /* the private keys of the first two */

static json_t *jwk_of(const struct signer *s) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(16384);
    struct err err;
    json_t *jwk = NULL;
    assert_ok(signer_private_jwk_add(s, &text, &err));
    assert_ok(json_parse(strbuf_str(&text), &jwk, &err));
    return jwk;
}

static int make_keys(void **state) {
    (void)state;
    struct err err;
    if (signer_generate(SIGN_RS256, &rsa, &err) != ERR_OK ||
        signer_generate(SIGN_RS256, &other, &err) != ERR_OK ||
        signer_generate(SIGN_ES256, &ec, &err) != ERR_OK)
        return 1;
    good = jwk_of(rsa);
    foreign = jwk_of(other);
    return 0;
}
static int free_keys(void **state) {
    (void)state;
    signer_free(rsa);
    signer_free(other);
    signer_free(ec);
    json_decref(good);
    json_decref(foreign);
    return 0;
}

/* Takes `jwk` over. */
static enum err_code import(json_t *jwk, struct signer **ret, struct err *err) {
    char *text = json_print(jwk);
    enum err_code rc = signer_from_private_jwk(str_of(text), ret, err);
    free(text);
    json_decref(jwk);
    return rc;
}

static void a_key_goes_out_and_comes_back_in(void **state) {
    (void)state;
    AUTO_FREE(signer_free) struct signer *again = NULL;
    AUTO(strbuf_wipe_done) struct strbuf first = STRBUF(16384), second = STRBUF(16384);
    struct err err;
    strbuf_add(&first, STR("before "));
    assert_ok(signer_private_jwk_add(rsa, &first, &err));
    assert_true(
        str_starts_with(strbuf_str(&first), STR("before {\"use\":\"sig\",\"kty\":\"RSA\",\"kid\":\"")));
    struct str jwk = str_from(strbuf_str(&first), 7);
    assert_ok(signer_from_private_jwk(jwk, &again, &err));
    assert_true(str_eq(signer_kid(again), signer_kid(rsa)));
    assert_int_equal(signer_alg(again), SIGN_RS256);
    assert_ok(signer_private_jwk_add(again, &second, &err));
    assert_true(str_eq(strbuf_str(&second), jwk));
    assert_true(str_eq(signer_public_jwk(again), signer_public_jwk(rsa)));
    assert_false(str_contains(signer_public_jwk(again), STR("\"d\":")));
}

/* TKEStack's own (go-jose) has another order of members, and a kid of its own. */
static void other_members_and_another_order_do_not_matter(void **state) {
    (void)state;
    AUTO_FREE(signer_free) struct signer *again = NULL;
    struct err err;
    json_t *jwk = json_object();
    for (size_t i = ARRAY_LEN(all_members); i-- > 0;)
        (void)json_object_set(jwk, all_members[i], json_object_get(good, all_members[i]));
    (void)json_object_set_new(jwk, "kty", json_string("RSA"));
    (void)json_object_set_new(jwk, "kid", json_string("0123456789abcdef0123456789abcdef01234567"));
    (void)json_object_set_new(jwk, "x5t", json_string("whatever"));
    assert_ok(import(jwk, &again, &err));
    assert_true(str_eq(signer_kid(again), signer_kid(rsa)));
}

static void a_key_without_one_of_its_members_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_members); i++) {
        static const char *const values[] = { NULL, "", "=", "AQ==", "not base64url!", "AA" };
        for (size_t v = 0; v < ARRAY_LEN(values); v++) {
            struct signer *s = NULL;
            struct err err;
            json_t *jwk = json_deep_copy(good);
            if (values[v] == NULL)
                (void)json_object_del(jwk, all_members[i]);
            else
                (void)json_object_set_new(jwk, all_members[i], json_string(values[v]));
            assert_int_equal(import(jwk, &s, &err), ERR_INVALID);
            assert_null(s);
        }
    }
}

/* It would sign what nobody verifies, or tell the factors to whoever sees two signatures. */
static void a_key_whose_members_do_not_belong_together_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_members); i++) {
        if (strcmp(all_members[i], "e") == 0)
            continue; /* both have 65537 */
        struct signer *s = NULL;
        struct err err;
        json_t *jwk = json_deep_copy(good);
        (void)json_object_set(jwk, all_members[i], json_object_get(foreign, all_members[i]));
        if (import(jwk, &s, &err) != ERR_INVALID)
            fail_msg("%s of another key was taken", all_members[i]);
    }
    struct signer *s = NULL;
    struct err err;
    json_t *jwk = json_deep_copy(good);
    (void)json_object_set_new(jwk, "e", json_string("AQ"));
    assert_int_equal(import(jwk, &s, &err), ERR_INVALID);
}

static void what_is_no_rsa_key_for_rs256_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *key, *value;
    } cases[] = { { "kty", "EC" },    { "kty", "oct" },   { "kty", "rsa" },  { "kty", NULL },
                  { "alg", "RS512" }, { "alg", "PS256" }, { "alg", "none" }, { "use", "enc" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct signer *s = NULL;
        struct err err;
        json_t *jwk = json_deep_copy(good);
        if (cases[i].value == NULL)
            (void)json_object_del(jwk, cases[i].key);
        else
            (void)json_object_set_new(jwk, cases[i].key, json_string(cases[i].value));
        if (import(jwk, &s, &err) != ERR_INVALID)
            fail_msg("%s %s was taken", cases[i].key, cases[i].value);
    }
    static const char *const texts[] = {
        "",
        "null",
        "[]",
        "\"RSA\"",
        "{\"kty\"",
        "{}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-"
        "0iY7X1fCE9-E9LI\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct signer *s = NULL;
        struct err err;
        assert_int_equal(signer_from_private_jwk(str_of(texts[i]), &s, &err), ERR_INVALID);
        assert_null(s);
    }
}

static json_t *jwk_of_bits(size_t bits) {
    static const char *const params[] = { OSSL_PKEY_PARAM_RSA_N,         OSSL_PKEY_PARAM_RSA_E,
                                          OSSL_PKEY_PARAM_RSA_D,         OSSL_PKEY_PARAM_RSA_FACTOR1,
                                          OSSL_PKEY_PARAM_RSA_FACTOR2,   OSSL_PKEY_PARAM_RSA_EXPONENT1,
                                          OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1 };
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
    json_t *jwk = json_pack("{s:s}", "kty", "RSA");
    assert_non_null(key);
    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        BIGNUM *number = NULL;
        unsigned char bytes[1024];
        AUTO(strbuf_done) struct strbuf text = STRBUF(2048);
        assert_int_equal(EVP_PKEY_get_bn_param(key, params[i], &number), 1);
        base64url_add(&text, bytes, (size_t)BN_bn2bin(number, bytes));
        (void)json_object_set_new(jwk, all_members[i], json_string(strbuf_c(&text)));
        BN_free(number);
    }
    EVP_PKEY_free(key);
    return jwk;
}

static void keys_of_odd_sizes_are_taken_within_limits(void **state) {
    (void)state;
    AUTO_FREE(signer_free) struct signer *s = NULL;
    struct err err;
    assert_int_equal(import(jwk_of_bits(1024), &s, &err), ERR_INVALID);
    assert_ok(import(jwk_of_bits(3072), &s, &err));
    AUTO(strbuf_done) struct strbuf huge = STRBUF(4096);
    for (int i = 0; i < 2000; i++)
        strbuf_addc(&huge, 'B');
    for (size_t i = 0; i < ARRAY_LEN(all_members); i++) {
        struct signer *none = NULL;
        json_t *jwk = json_deep_copy(good);
        (void)json_object_set_new(jwk, all_members[i], json_string(strbuf_c(&huge)));
        assert_int_equal(import(jwk, &none, &err), ERR_INVALID);
    }
}

/* Contract 6.6: {"alg":"RS256","typ":"JWT"}, and no kid. */
static void an_anonymous_token_is_verified_by_its_key_alone(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf token = STRBUF(4096), header = STRBUF(256), with_kid = STRBUF(4096);
    const struct jwt_rules rules = { .typ = "JWT", .now = NOW };
    struct err err;
    struct str head, rest;
    struct jwt jwt = { 0 };
    assert_ok(signer_sign_anonymous(rsa, "JWT", str_of(claims), &token, &err));
    assert_true(str_cut(strbuf_str(&token), '.', &head, &rest));
    assert_ok(base64url_decode(head, &header, &err));
    assert_str(strbuf_str(&header), "{\"alg\":\"RS256\",\"typ\":\"JWT\"}");
    assert_ok(signer_verify(rsa, strbuf_str(&token), &rules, &jwt, &err));
    assert_str(json_get_str(jwt.payload, "usr"), "alice");
    assert_int_equal(jwt.alg, SIGN_RS256);
    assert_true(str_eq(jwt.kid, signer_kid(rsa)));
    jwt_done(&jwt);
    assert_int_equal(signer_verify(other, strbuf_str(&token), &rules, &jwt, &err), ERR_UNAUTHENTICATED);
    assert_int_equal(signer_verify(ec, strbuf_str(&token), &rules, &jwt, &err), ERR_UNAUTHENTICATED);
    assert_ok(signer_sign(rsa, "JWT", str_of(claims), &with_kid, &err));
    assert_ok(signer_verify(rsa, strbuf_str(&with_kid), &rules, &jwt, &err));
    jwt_done(&jwt);
}

static void a_token_is_refused_when_anything_is_wrong_with_it(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf token = STRBUF(4096), access = STRBUF(4096), changed = STRBUF(4096);
    const struct jwt_rules rules = { .typ = "JWT", .now = NOW }, late = { .typ = "JWT", .now = LATER },
                           expired_is_fine = { .typ = "JWT", .now = LATER, .allow_expired = true };
    struct jwt jwt = { 0 };
    struct err err;
    assert_ok(signer_sign_anonymous(rsa, "JWT", str_of(claims), &token, &err));
    struct str good_token = strbuf_str(&token);
    assert_int_equal(signer_verify(rsa, good_token, &late, &jwt, &err), ERR_UNAUTHENTICATED);
    assert_ok(signer_verify(rsa, good_token, &expired_is_fine, &jwt, &err));
    jwt_done(&jwt);
    assert_ok(signer_sign_anonymous(rsa, "at+jwt", str_of(claims), &access, &err));
    assert_int_equal(signer_verify(rsa, strbuf_str(&access), &rules, &jwt, &err), ERR_UNAUTHENTICATED);
    for (size_t i = 0; i < good_token.len; i++) {
        strbuf_clear(&changed);
        strbuf_add(&changed, good_token);
        changed.ptr[i] = good_token.ptr[i] == 'A' ? 'B' : 'A';
        assert_int_equal(signer_verify(rsa, strbuf_str(&changed), &rules, &jwt, &err), ERR_UNAUTHENTICATED);
        assert_int_not_equal(signer_verify(rsa, str_sub(good_token, 0, i), &rules, &jwt, &err), ERR_OK);
    }
}

static void what_does_not_fit_leaves_the_buffer_as_it_was(void **state) {
    (void)state;
    struct err err;
    for (size_t max = 0; max < 1600; max += 100) {
        AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(max), token = STRBUF(max / 4);
        assert_int_equal(signer_private_jwk_add(rsa, &jwk, &err), ERR_LIMIT);
        assert_int_equal(jwk.len, 0);
        assert_int_equal(signer_sign_anonymous(rsa, "JWT", str_of(claims), &token, &err), ERR_LIMIT);
        assert_int_equal(token.len, 0);
    }
    AUTO(strbuf_wipe_done) struct strbuf none = STRBUF(16384);
    assert_int_equal(signer_private_jwk_add(ec, &none, &err), ERR_INVALID);
    assert_int_equal(none.len, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_goes_out_and_comes_back_in),
        cmocka_unit_test(other_members_and_another_order_do_not_matter),
        cmocka_unit_test(a_key_without_one_of_its_members_is_refused),
        cmocka_unit_test(a_key_whose_members_do_not_belong_together_is_refused),
        cmocka_unit_test(what_is_no_rsa_key_for_rs256_is_refused),
        cmocka_unit_test(keys_of_odd_sizes_are_taken_within_limits),
        cmocka_unit_test(an_anonymous_token_is_verified_by_its_key_alone),
        cmocka_unit_test(a_token_is_refused_when_anything_is_wrong_with_it),
        cmocka_unit_test(what_does_not_fit_leaves_the_buffer_as_it_was),
    };
    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
