#include "jose/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

static void free_bn(BIGNUM **bn) { BN_free(*bn); }
static void free_build(OSSL_PARAM_BLD **build) { OSSL_PARAM_BLD_free(*build); }
static void free_params(OSSL_PARAM **params) { OSSL_PARAM_free(*params); }
static void free_key_context(EVP_PKEY_CTX **ctx) { EVP_PKEY_CTX_free(*ctx); }
static void free_key(EVP_PKEY **key) { EVP_PKEY_free(*key); }

/* ---- out ---- */

/* "name":"base64url": big-endian; `width` 0 means as short as it goes (RFC 7518 2, Base64urlUInt). */
static bool add_number(EVP_PKEY *key, const char *param, size_t width, bool *first, const char *name,
                       struct strbuf *out) {
    AUTO(free_bn) BIGNUM *number = NULL;
    unsigned char bytes[RSA_BITS_MAX / 8];
    if (EVP_PKEY_get_bn_param(key, param, &number) != 1)
        return false;
    int len = width ? (int)width : BN_num_bytes(number);
    if (len > (int)sizeof bytes || BN_bn2binpad(number, bytes, len) != len)
        return false;
    json_key(out, first, name);
    strbuf_addc(out, '"');
    base64url_add(out, bytes, (size_t)len);
    strbuf_addc(out, '"');
    return true;
}

static bool add_ec(EVP_PKEY *key, const struct jws_alg_info *info, struct strbuf *out) {
    bool first = true;
    json_field_str(out, &first, "crv", str_of(info->crv));
    json_field_str(out, &first, "kty", str_of(info->kty));
    return add_number(key, OSSL_PKEY_PARAM_EC_PUB_X, info->coordinate_size, &first, "x", out) &&
           add_number(key, OSSL_PKEY_PARAM_EC_PUB_Y, info->coordinate_size, &first, "y", out);
}

static bool add_rsa(EVP_PKEY *key, const struct jws_alg_info *info, struct strbuf *out) {
    bool first = true;
    if (!add_number(key, OSSL_PKEY_PARAM_RSA_E, 0, &first, "e", out))
        return false;
    json_field_str(out, &first, "kty", str_of(info->kty));
    return add_number(key, OSSL_PKEY_PARAM_RSA_N, 0, &first, "n", out);
}

static bool add_okp(EVP_PKEY *key, const struct jws_alg_info *info, struct strbuf *out) {
    bool first = true;
    unsigned char x[32];
    size_t len = sizeof x;
    if (EVP_PKEY_get_raw_public_key(key, x, &len) != 1)
        return false;
    json_field_str(out, &first, "crv", str_of(info->crv));
    json_field_str(out, &first, "kty", str_of(info->kty));
    json_key(out, &first, "x");
    strbuf_addc(out, '"');
    base64url_add(out, x, len);
    strbuf_addc(out, '"');
    return true;
}

enum err_code jwk_members_add(EVP_PKEY *key, enum jws_alg alg, struct strbuf *out, struct err *err) {
    const struct jws_alg_info *info = jws_alg_info(alg);
    strbuf_addc(out, '{');
    bool fine = info->coordinate_size ? add_ec(key, info, out)
                : info->crv           ? add_okp(key, info, out)
                                      : add_rsa(key, info, out);
    if (!fine)
        return openssl_error(err, ERR_INTERNAL, "public key members");
    strbuf_addc(out, '}');
    return strbuf_check(out, err);
}

enum err_code jwk_thumbprint(EVP_PKEY *key, enum jws_alg alg, struct strbuf *out, struct err *err) {
    AUTO(strbuf_done) struct strbuf members = STRBUF(JWK_MAX);
    unsigned char digest[SHA256_SIZE];
    enum err_code rc = jwk_members_add(key, alg, &members, err);
    if (rc != ERR_OK)
        return rc;
    sha256(strbuf_str(&members), digest);
    base64url_add(out, digest, sizeof digest);
    return strbuf_check(out, err);
}

/* ---- in ---- */

static enum err_code key_from_params(const char *type, OSSL_PARAM_BLD *build, EVP_PKEY **ret,
                                     struct err *err) {
    AUTO(free_params) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
    AUTO(free_key_context) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, ret, EVP_PKEY_PUBLIC_KEY, params) != 1)
        return openssl_error(err, ERR_INVALID, "public key");
    return ERR_OK;
}

static enum err_code parse_ec(const json_t *jwk, const struct jws_alg_info *info, EVP_PKEY **ret,
                              struct err *err) {
    unsigned char point[1 + 2 * EC_COORDINATE_MAX] = { POINT_CONVERSION_UNCOMPRESSED };
    size_t size = info->coordinate_size;
    enum err_code rc = base64url_decode_exact(json_get_str(jwk, "x"), point + 1, size, err);
    if (rc == ERR_OK)
        rc = base64url_decode_exact(json_get_str(jwk, "y"), point + 1 + size, size, err);
    if (rc != ERR_OK)
        return err_context(err, "EC coordinate");
    AUTO(free_build) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build == NULL ||
        OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, info->group, 0) != 1 ||
        OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size) != 1)
        return openssl_error(err, ERR_NOMEM, "public key");
    return key_from_params("EC", build, ret, err); /* checks that the point is on the curve */
}

static BIGNUM *number_of(const json_t *jwk, const char *name, size_t max) {
    AUTO(strbuf_done) struct strbuf bytes = STRBUF(max);
    struct err ignored;
    if (base64url_decode(json_get_str(jwk, name), &bytes, &ignored) != ERR_OK)
        return NULL;
    return BN_bin2bn((const unsigned char *)bytes.ptr, (int)bytes.len, NULL);
}

static enum err_code parse_rsa(const json_t *jwk, EVP_PKEY **ret, struct err *err) {
    AUTO(free_bn) BIGNUM *n = number_of(jwk, "n", RSA_BITS_MAX / 8);
    AUTO(free_bn) BIGNUM *e = number_of(jwk, "e", 8); /* a huge exponent would make verifying slow */
    if (n == NULL || e == NULL)
        return err_set(err, ERR_INVALID, "RSA modulus or exponent");
    if (BN_num_bits(n) < RSA_BITS_MIN || BN_num_bits(n) > RSA_BITS_MAX)
        return err_set(err, ERR_INVALID, "RSA key of %d bits", BN_num_bits(n));
    if (!BN_is_odd(n) || !BN_is_odd(e) || BN_num_bits(e) < 2)
        return err_set(err, ERR_INVALID, "RSA modulus or exponent that cannot be one");
    AUTO(free_build) OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    if (build == NULL || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
        OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e) != 1)
        return openssl_error(err, ERR_NOMEM, "public key");
    return key_from_params("RSA", build, ret, err);
}

static enum err_code parse_okp(const json_t *jwk, EVP_PKEY **ret, struct err *err) {
    unsigned char x[32];
    enum err_code rc = base64url_decode_exact(json_get_str(jwk, "x"), x, sizeof x, err);
    if (rc != ERR_OK)
        return rc;
    *ret = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, x, sizeof x);
    return *ret != NULL ? ERR_OK : openssl_error(err, ERR_INVALID, "Ed25519 key");
}

/* A key may be used with one algorithm: its own `alg`, or the first of ours that fits its type. */
static bool find_alg(const json_t *jwk, enum jws_alg *ret) {
    struct str kty = json_get_str(jwk, "kty"), crv = json_get_str(jwk, "crv");
    const json_t *named = json_object_get(jwk, "alg");
    for (int i = 0; i < JWS_ALGS; i++) {
        const struct jws_alg_info *info = jws_alg_info((enum jws_alg)i);
        if (!str_eq(kty, str_of(info->kty)) || (info->crv != NULL && !str_eq(crv, str_of(info->crv))))
            continue;
        if (named != NULL && !str_eq(json_get_str(jwk, "alg"), str_of(info->name)))
            continue;
        *ret = (enum jws_alg)i;
        return true;
    }
    return false;
}

/* RFC 7517 4.2 and 4.3: both are optional, and bind when present. */
static bool is_for_signatures(const json_t *jwk) {
    const json_t *use = json_object_get(jwk, "use"), *operations = json_object_get(jwk, "key_ops");
    if (use != NULL && !str_eq(json_get_str(jwk, "use"), STR("sig")))
        return false;
    if (operations == NULL)
        return true;
    size_t i = 0;
    const json_t *operation = NULL;
    json_array_foreach(operations, i, operation) {
        if (json_is_string(operation) && strcmp(json_string_value(operation), "verify") == 0)
            return true;
    }
    return false;
}

enum err_code jwk_parse(const json_t *jwk, EVP_PKEY **ret, enum jws_alg *ret_alg, struct err *err) {
    AUTO(free_key) EVP_PKEY *key = NULL;
    enum jws_alg alg = JWS_RS256;
    if (!json_is_object(jwk) || !is_for_signatures(jwk) || !find_alg(jwk, &alg))
        return err_set(err, ERR_INVALID, "not a signature key of a kind we know");
    const struct jws_alg_info *info = jws_alg_info(alg);
    enum err_code rc = info->coordinate_size ? parse_ec(jwk, info, &key, err)
                       : info->crv           ? parse_okp(jwk, &key, err)
                                             : parse_rsa(jwk, &key, err);
    if (rc != ERR_OK)
        return rc;
    *ret = STEAL(key);
    *ret_alg = alg;
    return ERR_OK;
}
