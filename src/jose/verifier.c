#include "jose/verifier.h"

#include "jose/ecdsa_form.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

static void free_digest(EVP_MD_CTX **ctx) { EVP_MD_CTX_free(*ctx); }

enum err_code digest_template_new(EVP_PKEY *key, enum jws_alg alg, bool to_sign, EVP_MD_CTX **ret,
                                  struct err *err) {
    const struct jws_alg_info *info = jws_alg_info(alg);
    AUTO(free_digest) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx = NULL; /* owned by ctx */
    int fine = ctx == NULL ? 0
               : to_sign   ? EVP_DigestSignInit_ex(ctx, &key_ctx, info->digest, NULL, NULL, key, NULL)
                           : EVP_DigestVerifyInit_ex(ctx, &key_ctx, info->digest, NULL, NULL, key, NULL);
    if (fine == 1 && info->is_pss) /* RFC 7518 3.5: the salt is as long as the digest */
        fine = EVP_PKEY_CTX_set_rsa_padding(key_ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(key_ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
    if (fine != 1)
        return openssl_error(err, ERR_INTERNAL, info->name);
    *ret = STEAL(ctx);
    return ERR_OK;
}

EVP_MD_CTX *digest_template_copy(const EVP_MD_CTX *template) {
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    if (copy != NULL && EVP_MD_CTX_copy_ex(copy, template) == 1)
        return copy;
    EVP_MD_CTX_free(copy);
    return NULL;
}

enum err_code verifier_init(struct verifier *v, EVP_PKEY *key, enum jws_alg alg, struct err *err) {
    *v = (struct verifier) { .alg = alg };
    enum err_code rc = digest_template_new(key, alg, false, &v->template, err);
    if (rc != ERR_OK)
        return rc;
    if (EVP_PKEY_up_ref(key) != 1)
        return openssl_error(err, ERR_INTERNAL, "key");
    v->key = key;
    return ERR_OK;
}

void verifier_done(struct verifier *v) {
    EVP_MD_CTX_free(v->template);
    EVP_PKEY_free(v->key);
    *v = (struct verifier) { 0 };
}

enum err_code verifier_check(const struct verifier *v, struct str input, struct str signature,
                             struct err *err) {
    unsigned char der[ECDSA_DER_MAX];
    const unsigned char *sig = (const unsigned char *)signature.ptr;
    size_t len = signature.len, coordinate_size = jws_alg_info(v->alg)->coordinate_size;
    if (coordinate_size) {
        if (len != 2 * coordinate_size)
            return err_set(err, ERR_UNAUTHENTICATED, "a signature of %zu bytes", len);
        len = ecdsa_raw_to_der(sig, coordinate_size, der);
        sig = der;
    }
    AUTO(free_digest) EVP_MD_CTX *ctx = digest_template_copy(v->template);
    if (ctx == NULL)
        return openssl_error(err, ERR_NOMEM, "verify");
    if (EVP_DigestVerify(ctx, sig, len, (const unsigned char *)input.ptr, input.len) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_UNAUTHENTICATED, "the signature does not fit");
    }
    return ERR_OK;
}
