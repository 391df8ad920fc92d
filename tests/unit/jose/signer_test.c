#include "unit/test.h"

#include "tkeauth/jose.h"

#include <jwt.h>
#include <openssl/pem.h>
#include <pthread.h>

static const enum sign_alg all_algs[] = { SIGN_RS256, SIGN_ES256, SIGN_EDDSA };
static struct signer *signers[3]; /* one for each: RSA key generation is slow under sanitizers */

static int make_signers(void **state) {
    (void)state;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(all_algs); i++)
        if (signer_generate(all_algs[i], &signers[i], &err) != ERR_OK)
            return 1;
    return 0;
}
static int free_signers(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_algs); i++)
        signer_free(signers[i]);
    return 0;
}

static struct str part(struct str token, int n) {
    struct str head = token, rest = token;
    for (int i = 0; i <= n; i++)
        (void)str_cut(rest, '.', &head, &rest);
    return head;
}

static void assert_decoded(struct str encoded, const char *want) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(4096);
    struct err err;
    assert_ok(base64url_decode(encoded, &text, &err));
    assert_str(strbuf_str(&text), want);
}

static void a_token_has_header_payload_and_signature(void **state) {
    (void)state;
    static const char *const names[] = { "RS256", "ES256", "EdDSA" };
    static const char *const typs[] = { "JWT", "at+jwt", "logout+jwt", "entity-statement+jwt" };
    static const size_t signature_chars[] = { 342, 86, 86 };
    for (size_t i = 0; i < ARRAY_LEN(all_algs); i++)
        for (size_t t = 0; t < ARRAY_LEN(typs); t++) {
            AUTO(strbuf_done) struct strbuf token = STRBUF(4096);
            struct err err;
            char header[200];
            strbuf_add(&token, STR("before "));
            assert_ok(signer_sign(signers[i], typs[t], STR("{\"sub\":\"x\"}"), &token, &err));
            struct str jws = str_from(strbuf_str(&token), 7);
            (void)snprintf(header, sizeof header, "{\"alg\":\"%s\",\"kid\":\"%.*s\",\"typ\":\"%s\"}",
                           names[i], STR_FMT(signer_kid(signers[i])), typs[t]);
            assert_decoded(part(jws, 0), header);
            assert_decoded(part(jws, 1), "{\"sub\":\"x\"}");
            assert_int_equal(part(jws, 2).len, signature_chars[i]);
            assert_true(str_starts_with(strbuf_str(&token), STR("before ")));
        }
}

static void a_token_that_does_not_fit_leaves_the_buffer_as_it_was(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_algs); i++)
        for (size_t max = 0; max < 190; max++) {
            AUTO(strbuf_done) struct strbuf token = STRBUF(max);
            struct err err;
            assert_int_equal(signer_sign(signers[i], "JWT", STR("{}"), &token, &err), ERR_LIMIT);
            assert_int_equal(token.len, 0);
        }
}

static void a_key_survives_export_and_import(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(all_algs); i++) {
        AUTO(strbuf_wipe_done) struct strbuf der = STRBUF(4096), again = STRBUF(4096);
        AUTO_FREE(signer_free) struct signer *imported = NULL;
        struct err err;
        assert_ok(signer_export_der(signers[i], &der, &err));
        assert_ok(signer_from_der(all_algs[i], strbuf_str(&der), &imported, &err));
        assert_int_equal(signer_alg(imported), all_algs[i]);
        assert_true(str_eq(signer_kid(imported), signer_kid(signers[i])));
        assert_true(str_eq(signer_public_jwk(imported), signer_public_jwk(signers[i])));
        assert_ok(signer_export_der(imported, &again, &err));
        assert_true(str_eq(strbuf_str(&again), strbuf_str(&der)));
        assert_false(str_contains(signer_public_jwk(imported), STR("\"d\":"))); /* public members only */
    }
}

static void a_key_of_another_kind_or_broken_is_refused(void **state) {
    (void)state;
    AUTO_FREE(signer_free) struct signer *none = NULL;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(all_algs); i++) {
        AUTO(strbuf_wipe_done) struct strbuf der = STRBUF(4096);
        assert_ok(signer_export_der(signers[i], &der, &err));
        for (size_t j = 0; j < ARRAY_LEN(all_algs); j++)
            if (i != j)
                assert_int_equal(signer_from_der(all_algs[j], strbuf_str(&der), &none, &err), ERR_INVALID);
        assert_int_equal(signer_from_der(all_algs[i], str_sub(strbuf_str(&der), 0, der.len - 1), &none, &err),
                         ERR_INVALID);
        strbuf_addc(&der, '\0'); /* bytes behind the key */
        assert_int_equal(signer_from_der(all_algs[i], strbuf_str(&der), &none, &err), ERR_INVALID);
    }
    assert_int_equal(signer_from_der(SIGN_RS256, STR_NULL, &none, &err), ERR_INVALID);
    assert_int_equal(signer_from_der(SIGN_RS256, STR("garbage"), &none, &err), ERR_INVALID);
}

static void small_rsa_and_other_curves_are_refused(void **state) {
    (void)state;
    struct err err;
    EVP_PKEY *const keys[] = { EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024),
                               EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384") };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        AUTO_FREE(signer_free) struct signer *none = NULL;
        PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(keys[i]);
        unsigned char *der = NULL;
        int len = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
        assert_true(len > 0);
        assert_int_equal(signer_from_der(all_algs[i], (struct str) { (char *)der, (size_t)len }, &none, &err),
                         ERR_INVALID);
        OPENSSL_free(der);
        PKCS8_PRIV_KEY_INFO_free(info);
        EVP_PKEY_free(keys[i]);
    }
}

/* The PEM forms that libjwt wants. */
static void pem_of(const struct signer *s, struct strbuf *out_private, struct strbuf *out_public) {
    AUTO(strbuf_wipe_done) struct strbuf der = STRBUF(4096);
    struct err err;
    assert_ok(signer_export_der(s, &der, &err));
    const unsigned char *at = (const unsigned char *)der.ptr;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    assert_int_equal(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
    long len = BIO_get_mem_data(bio, &text);
    strbuf_add(out_private, (struct str) { text, (size_t)len });
    (void)BIO_reset(bio);
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    len = BIO_get_mem_data(bio, &text);
    strbuf_add(out_public, (struct str) { text, (size_t)len });
    BIO_free(bio);
    EVP_PKEY_free(key);
}

/* An implementation that shares no line with ours. It knows neither EdDSA nor key sets. */
static void libjwt_accepts_what_we_sign(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++)
        for (int round = 0; round < 20; round++) { /* r and s of ECDSA differ in length now and then */
            AUTO(strbuf_wipe_done) struct strbuf secret_pem = STRBUF(8192), public_pem = STRBUF(8192);
            AUTO(strbuf_done) struct strbuf token = STRBUF(4096);
            struct err err;
            jwt_t *read = NULL;
            pem_of(signers[i], &secret_pem, &public_pem);
            assert_ok(signer_sign(signers[i], "JWT", STR("{\"iss\":\"https://idp\",\"exp\":4102444800}"),
                                  &token, &err));
            assert_int_equal(jwt_decode(&read, strbuf_c(&token), (const unsigned char *)public_pem.ptr,
                                        (int)public_pem.len),
                             0);
            assert_int_equal(jwt_get_alg(read), i == 0 ? JWT_ALG_RS256 : JWT_ALG_ES256);
            assert_string_equal(jwt_get_grant(read, "iss"), "https://idp");
            jwt_free(read);
            token.ptr[token.len - 10] = token.ptr[token.len - 10] == 'A' ? 'B' : 'A';
            assert_int_not_equal(jwt_decode(&read, strbuf_c(&token), (const unsigned char *)public_pem.ptr,
                                            (int)public_pem.len),
                                 0);
        }
}

static void we_accept_what_libjwt_signs(void **state) {
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        AUTO(strbuf_wipe_done) struct strbuf secret_pem = STRBUF(8192), public_pem = STRBUF(8192);
        AUTO(strbuf_done) struct strbuf jwks_text = STRBUF(8192), kid = STRBUF(64);
        AUTO_FREE(jwks_free) struct jwks *jwks = NULL;
        struct err err;
        pem_of(signers[i], &secret_pem, &public_pem);
        strbuf_addf(&jwks_text, "{\"keys\":[%.*s]}", STR_FMT(signer_public_jwk(signers[i])));
        strbuf_add(&kid, signer_kid(signers[i]));
        assert_ok(jwks_parse(strbuf_str(&jwks_text), &jwks, &err));
        for (int round = 0; round < 20; round++) {
            jwt_t *made = NULL;
            assert_int_equal(jwt_new(&made), 0);
            assert_int_equal(jwt_add_grant(made, "iss", "https://idp"), 0);
            assert_int_equal(jwt_add_grant_int(made, "exp", 2000 + round), 0);
            assert_int_equal(jwt_set_alg(made, i == 0 ? JWT_ALG_RS256 : JWT_ALG_ES256,
                                         (const unsigned char *)secret_pem.ptr, (int)secret_pem.len),
                             0);
            char *token = jwt_encode_str(made);
            const struct jwt_rules rules = { .typ = "JWT", .issuer = STR("https://idp"), .now = 1000 };
            AUTO(jwt_done) struct jwt read = { 0 };
            assert_ok(jwks_verify(jwks, str_of(token), &rules, &read, &err));
            assert_int_equal(json_get_i64(read.payload, "exp", 0), 2000 + round);
            assert_string_equal(read.alg_name, i == 0 ? "RS256" : "ES256");
            assert_str(read.kid, strbuf_c(&kid));
            free(token);
            jwt_free(made);
        }
    }
}

static void *sign_many(void *arg) {
    const struct signer *s = arg;
    static char failed[] = "failed";
    AUTO(strbuf_done) struct strbuf token = STRBUF(4096);
    struct err err;
    for (int i = 0; i < 20; i++) {
        strbuf_clear(&token);
        if (signer_sign(s, "at+jwt", STR("{\"exp\":2}"), &token, &err) != ERR_OK)
            return failed;
    }
    return NULL;
}

static void threads_share_a_signer(void **state) {
    (void)state;
    pthread_t threads[6];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_many, signers[i % 3]), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *problem = NULL;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        assert_null(problem);
    }
}

static void half_hashes_are_those_of_the_specifications(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf out = STRBUF(200);
    /* OIDC Core A.3 */
    jose_half_hash(SIGN_RS256, STR("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), &out);
    assert_str(strbuf_str(&out), "77QmUPtjPfzWtF2AnpK9RQ");
    strbuf_clear(&out);
    jose_half_hash(SIGN_ES256, STR("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"), &out);
    assert_str(strbuf_str(&out), "LDktKdoQak3Pk0cnXxCltA"); /* OIDC Core A.4: c_hash */
    strbuf_clear(&out);
    jose_half_hash(SIGN_EDDSA, STR("abc"), &out);
    AUTO(strbuf_done) struct strbuf want = STRBUF(200);
    unsigned char digest[SHA512_SIZE];
    sha512(STR("abc"), digest);
    base64url_add(&want, digest, 32);
    assert_str(strbuf_str(&out), strbuf_c(&want));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_has_header_payload_and_signature),
        cmocka_unit_test(a_token_that_does_not_fit_leaves_the_buffer_as_it_was),
        cmocka_unit_test(a_key_survives_export_and_import),
        cmocka_unit_test(a_key_of_another_kind_or_broken_is_refused),
        cmocka_unit_test(small_rsa_and_other_curves_are_refused),
        cmocka_unit_test(libjwt_accepts_what_we_sign),
        cmocka_unit_test(we_accept_what_libjwt_signs),
        cmocka_unit_test(threads_share_a_signer),
        cmocka_unit_test(half_hashes_are_those_of_the_specifications),
    };
    return cmocka_run_group_tests(tests, make_signers, free_signers);
}
