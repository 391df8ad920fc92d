#include "unit/test.h"

#include "jose/jwk.h"

static enum err_code parse(const char *text, EVP_PKEY **ret, enum jws_alg *alg) {
    struct err err;
    json_auto_t *json = NULL;
    assert_ok(json_parse(str_of(text), &json, &err));
    return jwk_parse(json, ret, alg, &err);
}

#define RSA_N                                                                                                \
    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_"                \
    "BJECPebWKRXjBZCiF"                                                                                      \
    "V4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_"                                \
    "FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c"                                                                     \
    "7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_"            \
    "xBniIqbw0Ls1jF"                                                                                         \
    "44-csFCur-kEgU8awapJzKnqDKgw"

static void thumbprints_are_those_of_rfc_7638_and_rfc_8037(void **state) {
    (void)state;
    static const struct {
        const char *jwk, *thumbprint;
    } cases[] = {
        { "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\",\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}",
          "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
        { "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
          "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EVP_PKEY *key = NULL;
        enum jws_alg alg = JWS_ES512;
        struct err err;
        AUTO(strbuf_done) struct strbuf got = STRBUF(64);
        assert_int_equal(parse(cases[i].jwk, &key, &alg), ERR_OK);
        assert_ok(jwk_thumbprint(key, alg, &got, &err));
        assert_str(strbuf_str(&got), cases[i].thumbprint);
        EVP_PKEY_free(key);
    }
}

static void the_members_come_out_as_they_went_in(void **state) {
    (void)state;
    /* RFC 7515 A.3, and a P-521 key whose coordinates need leading zeros (RFC 7515 A.4) */
    static const char *const cases[] = {
        "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
        "{\"crv\":\"P-521\",\"kty\":\"EC\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_"
        "NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDl"
        "y79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
        "{\"e\":\"AQAB\",\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}",
        "{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EVP_PKEY *key = NULL;
        enum jws_alg alg = JWS_RS256;
        struct err err;
        AUTO(strbuf_done) struct strbuf got = STRBUF(JWK_MAX);
        assert_int_equal(parse(cases[i], &key, &alg), ERR_OK);
        assert_ok(jwk_members_add(key, alg, &got, &err));
        assert_str(strbuf_str(&got), cases[i]);
        EVP_PKEY_free(key);
    }
}

static void a_key_has_one_algorithm(void **state) {
    (void)state;
    static const struct {
        const char *alg_member;
        enum err_code rc;
        enum jws_alg alg;
    } cases[] = {
        { "", ERR_OK, JWS_RS256 },
        { ",\"alg\":\"RS512\"", ERR_OK, JWS_RS512 },
        { ",\"alg\":\"PS256\"", ERR_OK, JWS_PS256 },
        { ",\"alg\":\"ES256\"", ERR_INVALID, JWS_RS256 },
        { ",\"alg\":\"HS256\"", ERR_INVALID, JWS_RS256 },
        { ",\"alg\":\"RSA-OAEP\"", ERR_INVALID, JWS_RS256 },
        { ",\"alg\":null", ERR_INVALID, JWS_RS256 },
        { ",\"use\":\"sig\",\"key_ops\":[\"verify\"]", ERR_OK, JWS_RS256 },
        { ",\"use\":\"enc\"", ERR_INVALID, JWS_RS256 },
        { ",\"key_ops\":[\"encrypt\"]", ERR_INVALID, JWS_RS256 },
        { ",\"key_ops\":\"verify\"", ERR_INVALID, JWS_RS256 },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        EVP_PKEY *key = NULL;
        enum jws_alg alg = JWS_RS256;
        (void)snprintf(text, sizeof text, "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\"%s}",
                       cases[i].alg_member);
        assert_int_equal(parse(text, &key, &alg), cases[i].rc);
        assert_int_equal(alg, cases[i].alg);
        EVP_PKEY_free(key);
    }
}

static void malformed_and_weak_keys_are_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "1",
        "{}",
        "{\"kty\":\"oct\",\"k\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "=\",\"e\":\"AQAB\"}",
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQ\"}",   /* e = 1: every text is its own signature */
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAA\"}", /* even */
        "{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAAAAAAAAAB\"}",      /* nine bytes */
        "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZp\",\"e\":\"AQAB\"}", /* short */
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
        /* not on the curve */
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
        "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
        "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
        "{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
        "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHUQ\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        EVP_PKEY *key = NULL;
        enum jws_alg alg = JWS_RS256;
        if (parse(cases[i], &key, &alg) != ERR_INVALID)
            fail_msg("%s was taken", cases[i]);
        assert_null(key);
    }
}

static void a_set_skips_what_it_cannot_use_and_needs_one_key(void **state) {
    (void)state;
    static const struct {
        const char *text;
        enum err_code rc;
    } cases[] = {
        { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AQAB\"},{\"kty\":\"AKP\"},7,{\"kty\":\"OKP\",\"crv\":"
          "\"Ed25519\","
          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
          ERR_OK },
        { "{\"keys\":[{\"kty\":\"oct\",\"k\":\"AQAB\"}]}", ERR_INVALID },
        { "{\"keys\":[]}", ERR_INVALID },
        { "{\"keys\":{}}", ERR_INVALID },
        { "{}", ERR_INVALID },
        { "[]", ERR_INVALID },
        { "{\"keys\":[", ERR_INVALID },
        { "{\"keys\":[],\"keys\":[]}", ERR_INVALID },
        { "{\"keys\":[{\"kid\":5,\"kty\":\"OKP\",\"crv\":\"Ed25519\","
          "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}",
          ERR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO_FREE(jwks_free) struct jwks *jwks = NULL;
        struct err err;
        assert_int_equal(jwks_parse(str_of(cases[i].text), &jwks, &err), cases[i].rc);
        assert_int_equal(jwks != NULL, cases[i].rc == ERR_OK);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thumbprints_are_those_of_rfc_7638_and_rfc_8037),
        cmocka_unit_test(the_members_come_out_as_they_went_in),
        cmocka_unit_test(a_key_has_one_algorithm),
        cmocka_unit_test(malformed_and_weak_keys_are_refused),
        cmocka_unit_test(a_set_skips_what_it_cannot_use_and_needs_one_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
