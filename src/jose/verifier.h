/* A public key that is ready to verify: its digest context is prepared once and copied per signature, as preparing one costs more
 * than the rest of a short verification. */
#pragma once
#include "jose/alg.h"

struct verifier {
    enum jws_alg alg;
    EVP_PKEY *key;
    EVP_MD_CTX *template;
};
/* Shares `key`. */
MUST_CHECK enum err_code verifier_init(struct verifier *v, EVP_PKEY *key, enum jws_alg alg, struct err *err);
void verifier_done(struct verifier *v);
/* Thread-safe. ERR_UNAUTHENTICATED: not the signature of `input`. */
MUST_CHECK enum err_code verifier_check(const struct verifier *v, struct str input, struct str signature,
                                        struct err *err);

/* For both directions: EVP_DigestSignInit or EVP_DigestVerifyInit with what the algorithm wants. */
MUST_CHECK enum err_code digest_template_new(EVP_PKEY *key, enum jws_alg alg, bool to_sign, EVP_MD_CTX **ret,
                                             struct err *err);
/* A copy to use once; NULL when out of memory. */
EVP_MD_CTX *digest_template_copy(const EVP_MD_CTX *template);
