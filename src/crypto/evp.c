#include "crypto/evp.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <pthread.h>
#include <stdlib.h>

static struct evp fetched; /* written once, under `once`; read-only from then on */
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A keyless HMAC context cannot be duplicated, so the template carries a key that every user replaces. */
static EVP_MAC_CTX *new_hmac_template(void) {
    static const unsigned char replaced[1] = { 0 };
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                  OSSL_PARAM_construct_end() };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac); /* the context keeps a reference */
    if (ctx == NULL || EVP_MAC_init(ctx, replaced, sizeof replaced, params) != 1)
        abort();
    return ctx;
}

static void fetch(void) {
    fetched = (struct evp) {
        .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL),
        .sha512 = EVP_MD_fetch(NULL, "SHA512", NULL),
        .aes_256_gcm = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL),
        .hmac_sha256 = new_hmac_template(),
    };
    if (fetched.sha256 == NULL || fetched.sha512 == NULL || fetched.aes_256_gcm == NULL)
        abort();
}

const struct evp *evp_get(void) {
    (void)pthread_once(&once, fetch);
    return &fetched;
}
