/* Private JSON Web Keys (RFC 7518 6.3.2) of RSA, and tokens without a key id: the platform's API keys are made so. */
#include "jose/signer.h"
#include "jose/token.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/param_build.h>

static void free_bn(BIGNUM **bn) { BN_clear_free(*bn); }
static void free_build(OSSL_PARAM_BLD **build) { OSSL_PARAM_BLD_free(*build); }
static void free_params(OSSL_PARAM **params) { OSSL_PARAM_free(*params); }
static void free_context(EVP_PKEY_CTX **ctx) { EVP_PKEY_CTX_free(*ctx); }
static void free_key(EVP_PKEY **key) { EVP_PKEY_free(*key); }

static const struct {
    const char *name, *param;
} members[] = {
    { "n", OSSL_PKEY_PARAM_RSA_N },          { "e", OSSL_PKEY_PARAM_RSA_E },
    { "d", OSSL_PKEY_PARAM_RSA_D },          { "p", OSSL_PKEY_PARAM_RSA_FACTOR1 },
    { "q", OSSL_PKEY_PARAM_RSA_FACTOR2 },    { "dp", OSSL_PKEY_PARAM_RSA_EXPONENT1 },
    { "dq", OSSL_PKEY_PARAM_RSA_EXPONENT2 }, { "qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1 },
};
enum { MEMBERS = ARRAY_LEN(members) };

struct numbers {
    BIGNUM *bn[MEMBERS];
};

static void free_numbers(struct numbers *n) {
    for (size_t i = 0; i < MEMBERS; i++)
        BN_clear_free(n->bn[i]);
}

static enum err_code read_number(const json_t *jwk, const char *name, BIGNUM **ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf bytes = STRBUF(RSA_BITS_MAX / 8);
    struct str text = json_get_str(jwk, name);
    if (text.len == 0 || base64url_decode(text, &bytes, err) != ERR_OK || bytes.len == 0)
        return err_set(err, ERR_INVALID, "member \"%s\" of the private key is missing or not base64url",
                       name);
    *ret = BN_bin2bn((const unsigned char *)bytes.ptr, (int)bytes.len, NULL);
    return *ret != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "a private key");
}

static enum err_code key_of_numbers(const struct numbers *n, EVP_PKEY **ret, struct err *err) {
    AUTO(free_build) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    AUTO(free_context) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    bool fine = build != NULL && ctx != NULL;
    for (size_t i = 0; fine && i < MEMBERS; i++)
        fine = OSSL_PARAM_BLD_push_BN(build, members[i].param, n->bn[i]) == 1;
    AUTO(free_params) OSSL_PARAM *params = fine ? OSSL_PARAM_BLD_to_param(build) : NULL;
    if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_KEYPAIR, params) != 1)
        return openssl_error(err, ERR_INVALID, "private key");
    /* Numbers that do not belong together would sign nothing that anybody accepts, and may give the key away. */
    AUTO(free_context) EVP_PKEY_CTX *check = EVP_PKEY_CTX_new_from_pkey(NULL, *ret, NULL);
    if (check == NULL || EVP_PKEY_pairwise_check(check) != 1)
        return openssl_error(err, ERR_INVALID, "private and public key do not belong together");
    return ERR_OK;
}

static enum err_code read_jwk(const json_t *jwk, EVP_PKEY **ret, struct err *err) {
    AUTO(free_numbers) struct numbers n = { { NULL } };
    struct str alg = json_get_str(jwk, "alg"), use = json_get_str(jwk, "use");
    if (!str_eq(json_get_str(jwk, "kty"), STR("RSA")) || (alg.len > 0 && !str_eq(alg, STR("RS256"))) ||
        (use.len > 0 && !str_eq(use, STR("sig"))))
        return err_set(err, ERR_INVALID, "only RSA keys for RS256 sign API keys");
    for (size_t i = 0; i < MEMBERS; i++) {
        enum err_code rc = read_number(jwk, members[i].name, &n.bn[i], err);
        if (rc != ERR_OK)
            return rc;
    }
    int bits = BN_num_bits(n.bn[0]);
    if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
        return err_set(err, ERR_INVALID, "an RSA key of %d bits", bits);
    return key_of_numbers(&n, ret, err);
}

enum err_code signer_from_private_jwk(struct str json, struct signer **ret, struct err *err) {
    AUTO(free_key) EVP_PKEY *key = NULL;
    json_t *jwk = NULL;
    enum err_code rc = json_parse(json, &jwk, err);
    if (rc == ERR_OK)
        rc = read_jwk(jwk, &key, err);
    json_decref(jwk);
    if (rc == ERR_OK)
        rc = signer_from_key(key, SIGN_RS256, ret, err);
    return rc;
}

static enum err_code add_number(const struct signer *s, size_t member, struct strbuf *out, bool *first,
                                struct err *err) {
    AUTO(free_bn) BIGNUM *number = NULL;
    unsigned char bytes[RSA_BITS_MAX / 8];
    if (EVP_PKEY_get_bn_param(s->key, members[member].param, &number) != 1 ||
        BN_num_bytes(number) > (int)sizeof bytes)
        return openssl_error(err, ERR_INVALID, "private key members");
    int len = BN_bn2bin(number, bytes);
    json_key(out, first, members[member].name);
    strbuf_addc(out, '"');
    base64url_add(out, bytes, (size_t)len);
    strbuf_addc(out, '"');
    secret_wipe(bytes, sizeof bytes);
    return ERR_OK;
}

enum err_code signer_private_jwk_add(const struct signer *s, struct strbuf *out, struct err *err) {
    bool first = true;
    size_t start = out->len;
    enum err_code rc = ERR_OK;
    if (s->verifier.alg != JWS_RS256)
        return err_set(err, ERR_INVALID, "only RSA keys sign API keys");
    strbuf_addc(out, '{');
    json_field_str(out, &first, "use", STR("sig"));
    json_field_str(out, &first, "kty", STR("RSA"));
    json_field_str(out, &first, "kid", signer_kid(s));
    json_field_str(out, &first, "alg", STR("RS256"));
    for (size_t i = 0; rc == ERR_OK && i < MEMBERS; i++)
        rc = add_number(s, i, out, &first, err);
    strbuf_addc(out, '}');
    if (rc == ERR_OK)
        rc = strbuf_check(out, err);
    if (rc != ERR_OK)
        strbuf_truncate(out, start);
    return rc;
}

enum err_code signer_sign_anonymous(const struct signer *s, const char *typ, struct str payload,
                                    struct strbuf *out, struct err *err) {
    AUTO(strbuf_done) struct strbuf head = STRBUF(256);
    size_t start = out->len;
    bool first = true;
    strbuf_addc(&head, '{');
    json_field_str(&head, &first, "alg", str_of(jws_alg_info(s->verifier.alg)->name));
    json_field_str(&head, &first, "typ", str_of(typ));
    strbuf_addc(&head, '}');
    base64url_add(out, head.ptr, head.len);
    strbuf_addc(out, '.');
    return signer_sign_rest(s, start, payload, out, err);
}

enum err_code signer_verify(const struct signer *s, struct str token, const struct jwt_rules *rules,
                            struct jwt *ret, struct err *err) {
    struct token_parts parts;
    AUTO(token_header_done) struct token_header h = { .json = NULL };
    AUTO(strbuf_done) struct strbuf signature = STRBUF(SIGNATURE_MAX);
    json_t *claims = NULL;
    enum err_code rc = token_split(token, &parts, err);
    if (rc == ERR_OK)
        rc = token_header_parse(parts.header, &h, err);
    if (rc != ERR_OK)
        return rc;
    if (h.alg != s->verifier.alg || !token_typ_is(h.typ, rules->typ))
        return err_set(err, ERR_UNAUTHENTICATED, "another algorithm or type");
    if (base64url_decode(parts.signature, &signature, err) != ERR_OK)
        return err_set(err, ERR_UNAUTHENTICATED, "the signature is not base64url");
    rc = verifier_check(&s->verifier, parts.signed_part, strbuf_str(&signature), err);
    if (rc == ERR_OK)
        rc = token_claims(parts.payload, rules, &claims, err);
    if (rc != ERR_OK)
        return rc;
    *ret = (struct jwt) { .typ = str_of(rules->typ),
                          .kid = signer_kid(s),
                          .alg = signer_alg(s),
                          .alg_name = jws_alg_info(s->verifier.alg)->name,
                          .payload = claims };
    return ERR_OK;
}
