/* JSON Web Keys (RFC 7517, RFC 7518 6, RFC 8037): an EVP key out, a public key in. */
#pragma once
#include "jose/alg.h"

enum {
    KID_LEN = 43, /* base64url of a SHA-256 */
    JWK_MAX = 2048,
    RSA_BITS_MIN = 2048,
    RSA_BITS_MAX = 8192,
};
/* The members that make the key, in the order RFC 7638 3.2 wants them, without kid, alg and use: "{...}". */
MUST_CHECK enum err_code jwk_members_add(EVP_PKEY *key, enum jws_alg alg, struct strbuf *out,
                                         struct err *err);
/* RFC 7638: base64url of the SHA-256 over those members. */
MUST_CHECK enum err_code jwk_thumbprint(EVP_PKEY *key, enum jws_alg alg, struct strbuf *out, struct err *err);
/* A public signature key and its one algorithm. ERR_INVALID: of another kind or use, or malformed. */
MUST_CHECK enum err_code jwk_parse(const json_t *jwk, EVP_PKEY **ret, enum jws_alg *ret_alg, struct err *err);
