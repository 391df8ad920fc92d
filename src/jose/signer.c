#include "jose/signer.h"

#include "jose/ecdsa_form.h"

#include <openssl/x509.h>

const char *const common_typs[COMMON_TYPS] = {
    [TYP_JWT] = "JWT", [TYP_ACCESS_TOKEN] = "at+jwt", [TYP_LOGOUT_TOKEN] = "logout+jwt"
};
enum { HEAD_MAX = 512, DER_MAX = 8 * 1024 };

static void free_digest(EVP_MD_CTX **ctx) { EVP_MD_CTX_free(*ctx); }
static void free_key(EVP_PKEY **key) { EVP_PKEY_free(*key); }
static void free_pkcs8(PKCS8_PRIV_KEY_INFO **info) { PKCS8_PRIV_KEY_INFO_free(*info); }

void signer_free(struct signer *s) {
    if (s == NULL)
        return;
    EVP_MD_CTX_free(s->template);
    EVP_PKEY_free(s->key); /* wipes the private numbers */
    verifier_done(&s->verifier);
    strbuf_done(&s->jwk);
    for (size_t i = 0; i < COMMON_TYPS; i++)
        strbuf_done(&s->heads[i]);
    free(s);
}

static void add_head(const struct signer *s, const char *typ, struct strbuf *out) {
    AUTO(strbuf_done) struct strbuf json = STRBUF(HEAD_MAX);
    bool first = true;
    strbuf_addc(&json, '{');
    json_field_str(&json, &first, "alg", str_of(jws_alg_info(s->verifier.alg)->name));
    json_field_str(&json, &first, "kid", signer_kid(s));
    json_field_str(&json, &first, "typ", str_of(typ));
    strbuf_addc(&json, '}');
    if (json.failed)
        out->failed = true;
    base64url_add(out, json.ptr, json.len);
    strbuf_addc(out, '.');
}

static enum err_code prepare_texts(struct signer *s, struct err *err) {
    AUTO(strbuf_done) struct strbuf kid = STRBUF(KID_LEN), members = STRBUF(JWK_MAX);
    enum err_code rc = jwk_thumbprint(s->key, s->verifier.alg, &kid, err);
    if (rc == ERR_OK)
        rc = jwk_members_add(s->key, s->verifier.alg, &members, err);
    if (rc != ERR_OK)
        return rc;
    memcpy(s->kid, kid.ptr, KID_LEN);
    bool first = true;
    s->jwk = STRBUF(JWK_MAX);
    strbuf_addc(&s->jwk, '{');
    json_field_str(&s->jwk, &first, "alg", str_of(jws_alg_info(s->verifier.alg)->name));
    json_field_str(&s->jwk, &first, "kid", signer_kid(s));
    json_field_str(&s->jwk, &first, "use", STR("sig"));
    strbuf_addc(&s->jwk, ',');
    strbuf_add(&s->jwk, str_from(strbuf_str(&members), 1)); /* the rest of {"crv":... */
    rc = strbuf_check(&s->jwk, err);
    for (size_t i = 0; i < COMMON_TYPS && rc == ERR_OK; i++) {
        s->heads[i] = STRBUF(HEAD_MAX);
        add_head(s, common_typs[i], &s->heads[i]);
        rc = strbuf_check(&s->heads[i], err);
    }
    return rc;
}

enum err_code signer_from_key(EVP_PKEY *key, enum sign_alg alg, struct signer **ret, struct err *err) {
    AUTO_FREE(signer_free) struct signer *s = calloc(1, sizeof *s);
    if (s == NULL || EVP_PKEY_up_ref(key) != 1)
        return err_set(err, ERR_NOMEM, "a signer");
    s->key = key;
    enum err_code rc = verifier_init(&s->verifier, key, (enum jws_alg)alg, err);
    if (rc == ERR_OK)
        rc = digest_template_new(key, (enum jws_alg)alg, true, &s->template, err);
    if (rc == ERR_OK)
        rc = prepare_texts(s, err);
    if (rc == ERR_OK)
        *ret = STEAL(s);
    return rc;
}

enum err_code signer_generate(enum sign_alg alg, struct signer **ret, struct err *err) {
    const struct jws_alg_info *info = jws_alg_info((enum jws_alg)alg);
    AUTO(free_key)
    EVP_PKEY *key = info->coordinate_size ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", info->group)
                    : info->crv           ? EVP_PKEY_Q_keygen(NULL, NULL, info->group)
                                          : EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS_MIN);
    if (key == NULL)
        return openssl_error(err, ERR_INTERNAL, "key generation");
    return signer_from_key(key, alg, ret, err);
}

/* One key = one algorithm: the key must be of the kind and size that the algorithm wants. */
static bool fits(const EVP_PKEY *key, const struct jws_alg_info *info) {
    char group[32] = "";
    if (info->coordinate_size)
        return EVP_PKEY_is_a(key, "EC") && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
               strcmp(group, "prime256v1") == 0;
    if (info->crv != NULL)
        return EVP_PKEY_is_a(key, "ED25519");
    return EVP_PKEY_is_a(key, "RSA") && EVP_PKEY_get_bits(key) >= RSA_BITS_MIN &&
           EVP_PKEY_get_bits(key) <= RSA_BITS_MAX;
}

enum err_code signer_from_der(enum sign_alg alg, struct str pkcs8_der, struct signer **ret, struct err *err) {
    const unsigned char *at = (const unsigned char *)pkcs8_der.ptr, *end = at + pkcs8_der.len;
    if (pkcs8_der.len == 0 || pkcs8_der.len > DER_MAX)
        return err_set(err, ERR_INVALID, "a private key of %zu bytes", pkcs8_der.len);
    AUTO(free_pkcs8) PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)pkcs8_der.len);
    AUTO(free_key) EVP_PKEY *key = info != NULL && at == end ? EVP_PKCS82PKEY(info) : NULL;
    if (key == NULL)
        return openssl_error(err, ERR_INVALID, "not a PKCS#8 private key");
    if (!fits(key, jws_alg_info((enum jws_alg)alg)))
        return err_set(err, ERR_INVALID, "the key does not fit %s", jws_alg_info((enum jws_alg)alg)->name);
    return signer_from_key(key, alg, ret, err);
}

enum err_code signer_export_der(const struct signer *s, struct strbuf *out, struct err *err) {
    AUTO(free_pkcs8) PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(s->key);
    unsigned char *der = NULL;
    int len = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, &der) : -1;
    if (len <= 0)
        return openssl_error(err, ERR_INTERNAL, "private key export");
    strbuf_add(out, (struct str) { (const char *)der, (size_t)len });
    OPENSSL_clear_free(der, (size_t)len);
    return strbuf_check(out, err);
}

enum sign_alg signer_alg(const struct signer *s) { return (enum sign_alg)s->verifier.alg; }
struct str signer_kid(const struct signer *s) {
    return (struct str) { s->kid, KID_LEN };
}
struct str signer_public_jwk(const struct signer *s) {
    return strbuf_str(&s->jwk);
}

static void add_prepared_head(const struct signer *s, const char *typ, struct strbuf *out) {
    for (size_t i = 0; i < COMMON_TYPS; i++)
        if (strcmp(typ, common_typs[i]) == 0) {
            strbuf_add(out, strbuf_str(&s->heads[i]));
            return;
        }
    add_head(s, typ, out);
}

enum err_code signer_sign_bytes(const struct signer *s, struct str input, struct strbuf *out,
                                struct err *err) {
    unsigned char made[SIGNATURE_MAX], raw[2 * EC_COORDINATE_MAX];
    size_t len = sizeof made, coordinate_size = jws_alg_info(s->verifier.alg)->coordinate_size;
    AUTO(free_digest) EVP_MD_CTX *ctx = digest_template_copy(s->template);
    if (ctx == NULL || EVP_DigestSign(ctx, made, &len, (const unsigned char *)input.ptr, input.len) != 1)
        return openssl_error(err, ERR_INTERNAL, "sign");
    strbuf_addc(out, '.'); /* `input` may be gone from here on */
    if (coordinate_size == 0)
        base64url_add(out, made, len);
    else if (ecdsa_der_to_raw(made, len, coordinate_size, raw))
        base64url_add(out, raw, 2 * coordinate_size);
    else
        return err_set(err, ERR_INTERNAL, "an ECDSA signature that cannot be read");
    return strbuf_check(out, err);
}

enum err_code signer_sign_rest(const struct signer *s, size_t start, struct str payload, struct strbuf *out,
                               struct err *err) {
    base64url_add(out, payload.ptr, payload.len);
    enum err_code rc = strbuf_check(out, err);
    if (rc == ERR_OK)
        rc = signer_sign_bytes(s, str_from(strbuf_str(out), start), out, err);
    if (rc != ERR_OK)
        strbuf_truncate(out, start);
    return rc;
}

enum err_code signer_sign(const struct signer *s, const char *typ, struct str payload, struct strbuf *out,
                          struct err *err) {
    size_t start = out->len;
    add_prepared_head(s, typ, out);
    return signer_sign_rest(s, start, payload, out, err);
}

void jose_half_hash(enum sign_alg alg, struct str ascii, struct strbuf *out) {
    unsigned char digest[SHA512_SIZE];
    if (alg == SIGN_EDDSA) /* Ed25519 hashes with SHA-512 */
        sha512(ascii, digest);
    else
        sha256(ascii, digest);
    base64url_add(out, digest, alg == SIGN_EDDSA ? SHA512_SIZE / 2 : SHA256_SIZE / 2);
}
