#include "unit/test.h"

#include "jose/ecdsa_form.h"
#include "jose/jwk.h"
#include "jose/verifier.h"

#include <openssl/x509.h>

static struct signer *rsa; /* kept aside: making one is slow under sanitizers */
static struct keyset *set; /* an ES256 key, an EdDSA key, an RS256 key that is already out */
static const struct signer *ec, *ed;
static const struct jwt_rules rules = {
    .typ = "JWT", .issuer = { "https://idp/oidc", 16 }, .audience = { "app", 3 }, .now = 1000
};
#define GOOD "{\"iss\":\"https://idp/oidc\",\"aud\":\"app\",\"exp\":1060,\"iat\":1000}"

static void copy_of(const struct signer *s, struct signer **ret) {
    AUTO(strbuf_wipe_done) struct strbuf der = STRBUF(4096);
    struct err err;
    assert_ok(signer_export_der(s, &der, &err));
    assert_ok(signer_from_der(signer_alg(s), strbuf_str(&der), ret, &err));
}

static int make_set(void **state) {
    (void)state;
    struct err err;
    struct keyset_entry entries[3] = { { .not_before = 1 },
                                       { .not_before = 1 },
                                       { .not_before = 1, .retired_at = 500, .remove_at = 900 } };
    assert_ok(signer_generate(SIGN_ES256, &entries[0].signer, &err));
    assert_ok(signer_generate(SIGN_EDDSA, &entries[1].signer, &err));
    assert_ok(signer_generate(SIGN_RS256, &rsa, &err));
    copy_of(rsa, &entries[2].signer);
    ec = entries[0].signer;
    ed = entries[1].signer;
    assert_ok(keyset_new(entries, 3, &set, &err));
    return 0;
}
static int free_set(void **state) {
    (void)state;
    keyset_free(set);
    signer_free(rsa);
    return 0;
}

static enum err_code verify_as(const char *token, const struct jwt_rules *r) {
    AUTO(jwt_done) struct jwt jwt = { 0 };
    struct err err = { 0 };
    enum err_code rc = keyset_verify(set, str_of(token), r, &jwt, &err);
    assert_int_equal(rc == ERR_OK, jwt.payload != NULL);
    return rc;
}
static enum err_code verify(const char *token) { return verify_as(token, &rules); }

static const char *sign_typ(const struct signer *s, const char *typ, const char *payload) {
    static struct strbuf token = STRBUF(64 * 1024);
    struct err err;
    strbuf_clear(&token);
    assert_ok(signer_sign(s, typ, str_of(payload), &token, &err));
    return strbuf_c(&token);
}

/* A token with any header, signed properly by `s`: what a holder of our key, or a confused library, could make. */
static const char *sign_with_header(const struct signer *s, const char *header, const char *payload) {
    static struct strbuf token = STRBUF(64 * 1024);
    AUTO(strbuf_wipe_done) struct strbuf der = STRBUF(4096);
    struct err err;
    unsigned char sig[512];
    size_t len = sizeof sig;
    assert_int_equal(signer_alg(s), SIGN_EDDSA); /* needs no digest and no conversion */
    strbuf_clear(&token);
    base64url_add(&token, header, strlen(header));
    strbuf_addc(&token, '.');
    base64url_add(&token, payload, strlen(payload));
    assert_ok(signer_export_der(s, &der, &err));
    const unsigned char *at = (const unsigned char *)der.ptr;
    EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.len);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, NULL, NULL, key), 1);
    assert_int_equal(EVP_DigestSign(ctx, sig, &len, (const unsigned char *)token.ptr, token.len), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    strbuf_addc(&token, '.');
    base64url_add(&token, sig, len);
    return strbuf_c(&token);
}

static void a_good_token_tells_what_it_is(void **state) {
    (void)state;
    const struct signer *const signers[] = { ec, ed };
    for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
        AUTO(jwt_done) struct jwt jwt = { 0 };
        struct err err;
        assert_ok(keyset_verify(set, str_of(sign_typ(signers[i], "JWT", GOOD)), &rules, &jwt, &err));
        assert_str(jwt.typ, "JWT");
        assert_true(str_eq(jwt.kid, signer_kid(signers[i])));
        assert_int_equal(jwt.alg, signer_alg(signers[i]));
        assert_int_equal(json_get_i64(jwt.payload, "exp", 0), 1060);
    }
}

static void claims_are_held_against_the_rules(void **state) {
    (void)state;
#define ISS "\"iss\":\"https://idp/oidc\""
    static const struct {
        const char *payload;
        enum err_code rc;
    } cases[] = {
        { "{" ISS ",\"aud\":\"app\",\"exp\":1001}", ERR_OK },
        { "{" ISS ",\"aud\":\"app\",\"exp\":1000.5}", ERR_UNAUTHENTICATED }, /* 1000 > 1000 is false */
        { "{" ISS ",\"aud\":\"app\",\"exp\":1001.5}", ERR_OK }, /* NumericDate may be a fraction */
        { "{" ISS ",\"aud\":\"app\",\"exp\":1.001e3}", ERR_OK },
        { "{" ISS ",\"aud\":\"app\",\"exp\":1000}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":\"2000\"}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":true}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":-5}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":1e300}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\"}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":1001,\"exp\":2000}", ERR_UNAUTHENTICATED }, /* said twice */
        { "{" ISS ",\"aud\":\"app\",\"aud\":\"evil\",\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":[\"app\"],\"exp\":1001}", ERR_OK },
        { "{" ISS ",\"aud\":[\"other\",\"app\"],\"exp\":1001}", ERR_OK },
        { "{" ISS ",\"aud\":[\"other\"],\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":[\"app\",1],\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":[[\"app\"]],\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":[],\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":{\"app\":\"app\"},\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app2\",\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\\u0000\",\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{\"aud\":\"app\",\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{\"iss\":\"https://idp/oidc/\",\"aud\":\"app\",\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{\"iss\":[\"https://idp/oidc\"],\"aud\":\"app\",\"exp\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":1001,\"nbf\":1000}", ERR_OK },
        { "{" ISS ",\"aud\":\"app\",\"exp\":2001,\"nbf\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":2001,\"nbf\":\"1\"}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":2001,\"iat\":1001}", ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":2001,\"iat\":\"now\"}", ERR_UNAUTHENTICATED },
        { "[]", ERR_UNAUTHENTICATED },
        { "\"text\"", ERR_UNAUTHENTICATED },
        { "no json", ERR_UNAUTHENTICATED },
        { GOOD GOOD, ERR_UNAUTHENTICATED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (verify(sign_typ(ec, "JWT", cases[i].payload)) != cases[i].rc)
            fail_msg("%s: not as wanted", cases[i].payload);
}

static void leeway_and_allow_expired_bend_the_dates_only(void **state) {
    (void)state;
    struct jwt_rules lenient = rules, hint = rules;
    lenient.leeway_s = 60;
    hint.allow_expired = true;
    static const struct {
        const char *payload;
        enum err_code with_leeway, as_hint;
    } cases[] = {
        { "{" ISS ",\"aud\":\"app\",\"exp\":941,\"iat\":1060,\"nbf\":1060}", ERR_OK, ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\",\"exp\":940}", ERR_UNAUTHENTICATED, ERR_OK },
        { "{" ISS ",\"aud\":\"app\",\"exp\":2000,\"iat\":1061}", ERR_UNAUTHENTICATED, ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"app\"}", ERR_UNAUTHENTICATED, ERR_OK },
        { "{" ISS ",\"aud\":\"app\",\"exp\":\"1\"}", ERR_UNAUTHENTICATED, ERR_UNAUTHENTICATED },
        { "{" ISS ",\"aud\":\"other\",\"exp\":1}", ERR_UNAUTHENTICATED, ERR_UNAUTHENTICATED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *token = sign_typ(ed, "JWT", cases[i].payload);
        assert_int_equal(verify_as(token, &lenient), cases[i].with_leeway);
        assert_int_equal(verify_as(token, &hint), cases[i].as_hint);
    }
}

static void a_token_of_one_type_is_refused_as_another(void **state) {
    (void)state;
    static const char *const typs[] = { "JWT", "at+jwt", "logout+jwt", "other+jwt" };
    for (size_t made = 0; made < ARRAY_LEN(typs); made++)
        for (size_t wanted = 0; wanted < ARRAY_LEN(typs); wanted++) {
            struct jwt_rules r = rules;
            r.typ = typs[wanted];
            assert_int_equal(verify_as(sign_typ(ec, typs[made], GOOD), &r),
                             made == wanted ? ERR_OK : ERR_UNAUTHENTICATED);
        }
}

static void headers_are_read_strictly(void **state) {
    (void)state;
    static const struct {
        const char *header, *typ; /* %s: the kid */
        enum err_code rc;
    } cases[] = {
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\"}", "JWT", ERR_OK }, /* an ID token needs no typ */
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\"}", "at+jwt", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"typ\":\"jwt\",\"x\":1}", "JWT", ERR_OK },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"typ\":\"application/at+jwt\"}", "at+jwt", ERR_OK },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"typ\":\"application/at+jwt\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"typ\":\"\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"typ\":1}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"ES256\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"RS256\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"HS256\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"none\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"eddsa\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":[\"EdDSA\"]}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"alg\":\"EdDSA\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"crit\":[\"exp\"]}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"b64\":true}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"jku\":\"https://evil\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"jwk\":{}}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"x5u\":\"https://evil\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%s\",\"alg\":\"EdDSA\",\"x5c\":null}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":\"%sx\",\"alg\":\"EdDSA\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"kid\":[\"%s\"],\"alg\":\"EdDSA\"}", "JWT", ERR_UNAUTHENTICATED },
        { "{\"alg\":\"EdDSA\",\"k\":\"%s\"}", "JWT", ERR_UNAUTHENTICATED }, /* our own tokens have a kid */
        { "[\"%s\"]", "JWT", ERR_UNAUTHENTICATED },
        { "%s", "JWT", ERR_UNAUTHENTICATED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf header = STRBUF(500);
        struct str at = str_of(cases[i].header);
        const char *hole = strstr(cases[i].header, "%s");
        strbuf_add(&header, str_sub(at, 0, (size_t)(hole - at.ptr)));
        strbuf_add(&header, signer_kid(ed));
        strbuf_adds(&header, hole + 2);
        struct jwt_rules r = rules;
        r.typ = cases[i].typ;
        if (verify_as(sign_with_header(ed, strbuf_c(&header), GOOD), &r) != cases[i].rc)
            fail_msg("%s for %s: not as wanted", cases[i].header, cases[i].typ);
    }
}

/* The public key as an HMAC secret: PEM, DER and JWK, as confused libraries read it. */
static void an_hmac_with_the_public_key_is_no_signature(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf token = STRBUF(8192), header = STRBUF(500);
    strbuf_addf(&header, "{\"alg\":\"HS256\",\"kid\":\"%.*s\",\"typ\":\"JWT\"}", STR_FMT(signer_kid(ec)));
    base64url_add(&token, header.ptr, header.len);
    strbuf_addc(&token, '.');
    base64url_add(&token, GOOD, strlen(GOOD));
    unsigned char mac[32];
    hmac_sha256(signer_public_jwk(ec), strbuf_str(&token), mac);
    strbuf_addc(&token, '.');
    base64url_add(&token, mac, sizeof mac);
    assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
}

static void a_token_without_signature_is_refused(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf token = STRBUF(8192);
    static const char header[] = "{\"alg\":\"none\"}";
    base64url_add(&token, header, sizeof header - 1);
    strbuf_addc(&token, '.');
    base64url_add(&token, GOOD, strlen(GOOD));
    assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
    strbuf_addc(&token, '.');
    assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
    strbuf_adds(&token, "AA");
    assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
}

static void a_token_changed_or_cut_anywhere_is_refused(void **state) {
    (void)state;
    const struct signer *const signers[] = { ec, ed };
    for (size_t i = 0; i < ARRAY_LEN(signers); i++) {
        AUTO(strbuf_done) struct strbuf token = STRBUF(8192);
        strbuf_adds(&token, sign_typ(signers[i], "JWT", GOOD));
        for (size_t at = 0; at < token.len; at++) {
            char kept = token.ptr[at];
            token.ptr[at] = kept == 'A' ? 'B' : 'A';
            assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
            token.ptr[at] = '\0'; /* and cut there */
            assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
            token.ptr[at] = kept;
        }
        assert_int_equal(verify(strbuf_c(&token)), ERR_OK);
        strbuf_addc(&token, '=');
        assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
        token.ptr[token.len - 1] = 'A';
        assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
        token.ptr[token.len - 1] = '.';
        assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
        token.ptr[token.len - 1] = '\n';
        assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
    }
}

/* The last character of 64 bytes in base64url carries four bits that decoding drops: one signature, one spelling. */
static void a_second_spelling_of_the_same_signature_is_refused(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf token = STRBUF(8192);
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    strbuf_adds(&token, sign_typ(ec, "JWT", GOOD));
    char *last = &token.ptr[token.len - 1];
    size_t value = (size_t)(strchr(alphabet, *last) - alphabet);
    assert_int_equal(value % 16, 0);
    for (size_t other = 1; other < 16; other++) {
        *last = alphabet[value + other];
        assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
    }
}

static void an_ecdsa_signature_in_der_or_of_zeros_is_refused(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf token = STRBUF(8192);
    strbuf_adds(&token, sign_typ(ec, "JWT", GOOD));
    strbuf_truncate(&token, str_rfind(strbuf_str(&token), '.') + 1);
    size_t head = token.len;
    static const unsigned char zeros[64], der[] = { 0x30, 6, 2, 1, 1, 2, 1, 1 };
    base64url_add(&token, zeros, sizeof zeros); /* r = s = 0: Java's "psychic signature" */
    assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
    strbuf_truncate(&token, head);
    base64url_add(&token, der, sizeof der);
    assert_int_equal(verify(strbuf_c(&token)), ERR_UNAUTHENTICATED);
}

static void a_key_that_is_out_or_unknown_verifies_nothing(void **state) {
    (void)state;
    struct jwt_rules then = rules;
    const char *token = sign_typ(rsa, "JWT", GOOD);
    assert_int_equal(verify(token), ERR_UNAUTHENTICATED);
    then.now = 899;
    then.leeway_s = 200;
    assert_int_equal(verify_as(token, &then), ERR_OK);
    then.now = 900;
    assert_int_equal(verify_as(token, &then), ERR_UNAUTHENTICATED);

    AUTO_FREE(signer_free) struct signer *stranger = NULL;
    struct err err;
    assert_ok(signer_generate(SIGN_ES256, &stranger, &err));
    assert_int_equal(verify(sign_typ(stranger, "JWT", GOOD)), ERR_UNAUTHENTICATED);
}

static void an_oversized_token_is_refused(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf payload = STRBUF(64 * 1024);
    strbuf_adds(&payload, "{" ISS ",\"aud\":\"app\",\"exp\":1001,\"x\":\"");
    while (payload.len < 11 * 1024)
        strbuf_add(&payload, STR("0123456789abcdef"));
    strbuf_adds(&payload, "\"}");
    assert_int_equal(verify(sign_typ(ec, "JWT", strbuf_c(&payload))), ERR_OK);
    strbuf_truncate(&payload, payload.len - 2);
    while (payload.len < 13 * 1024)
        strbuf_add(&payload, STR("0123456789abcdef"));
    strbuf_adds(&payload, "\"}");
    assert_int_equal(verify(sign_typ(ec, "JWT", strbuf_c(&payload))), ERR_UNAUTHENTICATED);
}

static void the_set_chooses_the_newest_key_that_signs(void **state) {
    (void)state;
    struct keyset_entry entries[3] = {
        { .created_at = 1, .not_before = 10, .retired_at = 100 },
        { .created_at = 50, .not_before = 100, .retired_at = 300, .remove_at = 400 },
        { .created_at = 60, .not_before = 100, .retired_at = 200 }
    };
    const struct signer *s[3];
    AUTO_FREE(keyset_free) struct keyset *k = NULL;
    struct err err;
    for (size_t i = 0; i < 3; i++) {
        assert_ok(signer_generate(SIGN_ES256, &entries[i].signer, &err));
        s[i] = entries[i].signer;
    }
    assert_ok(keyset_new(entries, 3, &k, &err));
    assert_null(keyset_signer(k, SIGN_ES256, 9));
    assert_ptr_equal(keyset_signer(k, SIGN_ES256, 10), s[0]);
    assert_ptr_equal(keyset_signer(k, SIGN_ES256, 99), s[0]);
    assert_ptr_equal(keyset_signer(k, SIGN_ES256, 100), s[2]);
    assert_ptr_equal(keyset_signer(k, SIGN_ES256, 200), s[1]);
    assert_null(keyset_signer(k, SIGN_ES256, 300));
    assert_null(keyset_signer(k, SIGN_RS256, 100));

    static const struct {
        int64_t now;
        bool shown[3];
    } cases[] = { { 0, { 0, 0, 0 } },
                  { 1, { 1, 0, 0 } },
                  { 59, { 1, 1, 0 } },
                  { 399, { 1, 1, 1 } },
                  { 400, { 1, 0, 1 } } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf text = STRBUF(8192);
        json_auto_t *json = NULL;
        keyset_jwks(k, cases[i].now, &text);
        assert_ok(json_parse(strbuf_str(&text), &json, &err));
        size_t want = 0;
        for (size_t j = 0; j < 3; j++) {
            assert_int_equal(str_contains(strbuf_str(&text), signer_kid(s[j])), cases[i].shown[j]);
            want += cases[i].shown[j];
        }
        assert_int_equal(json_array_size(json_object_get(json, "keys")), want);
    }
}

static void a_set_with_one_key_twice_is_refused(void **state) {
    (void)state;
    struct keyset_entry entries[2] = { { 0 } };
    struct keyset *k = NULL;
    struct err err;
    assert_ok(signer_generate(SIGN_ES256, &entries[0].signer, &err));
    copy_of(entries[0].signer, &entries[1].signer);
    assert_int_equal(keyset_new(entries, 2, &k, &err), ERR_EXISTS);
    assert_null(k);
    assert_ok(keyset_new(NULL, 0, &k, &err));
    assert_null(keyset_signer(k, SIGN_ES256, 1));
    keyset_free(k);
}

/* ---- foreign keys ---- */

/* RFC 7515 A.2 and A.3. */
static void published_signatures_are_good(void **state) {
    (void)state;
    static const struct {
        const char *jwk, *token;
    } cases[] = {
        { "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-"
          "4qPCJrcS2mJ"
          "PMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-"
          "bSf63kpaSHSXndS5z5re"
          "xMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-"
          "DWNmoud"
          "F8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
          "eyJhbGciOiJSUzI1NiJ9."
          "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb29"
          "0Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
          "O8W2Fp5"
          "jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
          "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0Gar"
          "ZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-"
          "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rq"
          "Vt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw" },
        { "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_"
          "FEzRu9m36HL"
          "N_tue659LNpXW6pCyStikYjKIWI5a0\"}",
          "eyJhbGciOiJFUzI1NiJ9."
          "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb29"
          "0Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-"
          "Kg6NU1Q" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf text = STRBUF(8192), bad = STRBUF(8192);
        AUTO_FREE(jwks_free) struct jwks *jwks = NULL;
        AUTO(jwt_done) struct jwt jwt = { 0 };
        struct err err;
        const struct jwt_rules joe = { .typ = "JWT", .issuer = STR("joe"), .now = 1300819379 };
        strbuf_addf(&text, "{\"keys\":[%s]}", cases[i].jwk);
        assert_ok(jwks_parse(strbuf_str(&text), &jwks, &err));
        assert_ok(jwks_verify(jwks, str_of(cases[i].token), &joe, &jwt, &err));
        assert_true(json_get_bool(jwt.payload, "http://example.com/is_root", false));
        assert_null(jwt.kid.ptr);
        strbuf_adds(&bad, cases[i].token);
        bad.ptr[60] = bad.ptr[60] == 'A' ? 'B' : 'A';
        struct jwt none = { 0 };
        assert_int_equal(jwks_verify(jwks, strbuf_str(&bad), &joe, &none, &err), ERR_UNAUTHENTICATED);
    }
}

static EVP_PKEY *key_of(const char *type, const char *group) {
    return strcmp(type, "RSA") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
                                    : EVP_PKEY_Q_keygen(NULL, NULL, "EC", group);
}

/* Signs with any of the algorithms that a foreign set may have. */
static void sign_foreign(EVP_PKEY *key, enum jws_alg alg, const char *header_rest, struct strbuf *out) {
    AUTO(strbuf_done) struct strbuf header = STRBUF(500);
    unsigned char sig[SIGNATURE_MAX], raw[2 * EC_COORDINATE_MAX];
    size_t len = sizeof sig, coordinate = jws_alg_info(alg)->coordinate_size;
    EVP_MD_CTX *ctx = NULL;
    struct err err;
    strbuf_addf(&header, "{\"alg\":\"%s\"%s}", jws_alg_info(alg)->name, header_rest);
    base64url_add(out, header.ptr, header.len);
    strbuf_addc(out, '.');
    base64url_add(out, GOOD, strlen(GOOD));
    assert_ok(digest_template_new(key, alg, true, &ctx, &err));
    assert_int_equal(EVP_DigestSign(ctx, sig, &len, (const unsigned char *)out->ptr, out->len), 1);
    EVP_MD_CTX_free(ctx);
    strbuf_addc(out, '.');
    if (coordinate) {
        assert_true(ecdsa_der_to_raw(sig, len, coordinate, raw));
        base64url_add(out, raw, 2 * coordinate);
    } else
        base64url_add(out, sig, len);
}

static void jwk_text(EVP_PKEY *key, enum jws_alg alg, const char *kid, struct strbuf *out) {
    struct err err;
    AUTO(strbuf_done) struct strbuf members = STRBUF(JWK_MAX);
    assert_ok(jwk_members_add(key, alg, &members, &err));
    strbuf_addf(out, "{\"alg\":\"%s\",\"kid\":\"%s\",%s", jws_alg_info(alg)->name, kid,
                strbuf_c(&members) + 1);
}

static void every_algorithm_of_a_foreign_set_verifies_and_only_its_own(void **state) {
    (void)state;
    EVP_PKEY *rsa_key = key_of("RSA", NULL);
    for (int a = 0; a < JWS_ALGS; a++) {
        enum jws_alg alg = (enum jws_alg)a;
        const struct jws_alg_info *info = jws_alg_info(alg);
        EVP_PKEY *key = info->coordinate_size ? key_of("EC", info->group)
                        : info->crv           ? EVP_PKEY_Q_keygen(NULL, NULL, info->group)
                                              : rsa_key;
        AUTO(strbuf_done) struct strbuf text = STRBUF(8192), token = STRBUF(8192), other = STRBUF(8192);
        AUTO_FREE(jwks_free) struct jwks *jwks = NULL;
        AUTO(jwt_done) struct jwt jwt = { 0 };
        struct jwt none = { 0 };
        struct err err;
        strbuf_adds(&text, "{\"keys\":[");
        jwk_text(key, alg, "k1", &text);
        strbuf_adds(&text, "]}");
        assert_ok(jwks_parse(strbuf_str(&text), &jwks, &err));
        sign_foreign(key, alg, ",\"kid\":\"k1\"", &token);
        assert_ok(jwks_verify(jwks, strbuf_str(&token), &rules, &jwt, &err));
        assert_string_equal(jwt.alg_name, info->name);
        assert_str(jwt.kid, "k1");
        if (key == rsa_key) { /* the same key under another algorithm than the one it is published for */
            sign_foreign(key, alg == JWS_RS256 ? JWS_PS256 : JWS_RS256, ",\"kid\":\"k1\"", &other);
            assert_int_equal(jwks_verify(jwks, strbuf_str(&other), &rules, &none, &err), ERR_UNAUTHENTICATED);
        } else
            EVP_PKEY_free(key);
    }
    EVP_PKEY_free(rsa_key);
}

static void without_kid_one_key_must_be_the_only_one_that_fits(void **state) {
    (void)state;
    EVP_PKEY *a = key_of("EC", "P-256"), *b = key_of("EC", "P-256"), *c = key_of("EC", "P-384");
    AUTO(strbuf_done)
    struct strbuf text = STRBUF(8192), by_b = STRBUF(8192), by_c = STRBUF(8192), named_b = STRBUF(8192),
                  misnamed_b = STRBUF(8192);
    AUTO_FREE(jwks_free) struct jwks *jwks = NULL;
    AUTO(jwt_done) struct jwt first = { 0 }, second = { 0 };
    struct jwt none = { 0 };
    struct err err;
    strbuf_adds(&text, "{\"keys\":[");
    jwk_text(a, JWS_ES256, "a", &text);
    strbuf_addc(&text, ',');
    jwk_text(b, JWS_ES256, "b", &text);
    strbuf_addc(&text, ',');
    jwk_text(c, JWS_ES384, "c", &text);
    strbuf_adds(&text, "]}");
    assert_ok(jwks_parse(strbuf_str(&text), &jwks, &err));
    sign_foreign(b, JWS_ES256, "", &by_b);
    sign_foreign(b, JWS_ES256, ",\"kid\":\"b\"", &named_b);
    sign_foreign(b, JWS_ES256, ",\"kid\":\"a\"", &misnamed_b);
    sign_foreign(c, JWS_ES384, "", &by_c);
    assert_int_equal(jwks_verify(jwks, strbuf_str(&by_b), &rules, &none, &err), ERR_UNAUTHENTICATED);
    assert_int_equal(jwks_verify(jwks, strbuf_str(&misnamed_b), &rules, &none, &err), ERR_UNAUTHENTICATED);
    assert_ok(jwks_verify(jwks, strbuf_str(&named_b), &rules, &first, &err));
    assert_ok(jwks_verify(jwks, strbuf_str(&by_c), &rules, &second, &err));
    EVP_PKEY_free(a);
    EVP_PKEY_free(b);
    EVP_PKEY_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_token_tells_what_it_is),
        cmocka_unit_test(claims_are_held_against_the_rules),
        cmocka_unit_test(leeway_and_allow_expired_bend_the_dates_only),
        cmocka_unit_test(a_token_of_one_type_is_refused_as_another),
        cmocka_unit_test(headers_are_read_strictly),
        cmocka_unit_test(an_hmac_with_the_public_key_is_no_signature),
        cmocka_unit_test(a_token_without_signature_is_refused),
        cmocka_unit_test(a_token_changed_or_cut_anywhere_is_refused),
        cmocka_unit_test(a_second_spelling_of_the_same_signature_is_refused),
        cmocka_unit_test(an_ecdsa_signature_in_der_or_of_zeros_is_refused),
        cmocka_unit_test(a_key_that_is_out_or_unknown_verifies_nothing),
        cmocka_unit_test(an_oversized_token_is_refused),
        cmocka_unit_test(the_set_chooses_the_newest_key_that_signs),
        cmocka_unit_test(a_set_with_one_key_twice_is_refused),
        cmocka_unit_test(published_signatures_are_good),
        cmocka_unit_test(every_algorithm_of_a_foreign_set_verifies_and_only_its_own),
        cmocka_unit_test(without_kid_one_key_must_be_the_only_one_that_fits),
    };
    return cmocka_run_group_tests(tests, make_set, free_set);
}
