/* The signature algorithms of JWS (RFC 7518 3.1, RFC 8037), as a table. */
#pragma once
#include <openssl/evp.h>

#include "tkeauth/jose.h"

enum jws_alg {
    JWS_RS256 = SIGN_RS256, /* the three we sign with come first, under the same numbers */
    JWS_ES256 = SIGN_ES256,
    JWS_EDDSA = SIGN_EDDSA,
    JWS_RS384,
    JWS_RS512,
    JWS_PS256,
    JWS_PS384,
    JWS_PS512,
    JWS_ES384,
    JWS_ES512,
    JWS_ALGS,
};
enum {
    SIGNATURE_MAX = 1024, /* RSA-8192 */
    EC_COORDINATE_MAX = 66,
};
struct jws_alg_info {
    const char *name;
    const char *kty;        /* of a JWK: "RSA", "EC", "OKP" */
    const char *crv;        /* of a JWK; NULL for RSA */
    const char *group;      /* OpenSSL's name of the curve */
    const char *digest;     /* NULL: the algorithm hashes by itself */
    size_t coordinate_size; /* ECDSA: bytes of r and of s */
    bool is_pss;
};
const struct jws_alg_info *jws_alg_info(enum jws_alg alg);
bool jws_alg_find(struct str name, enum jws_alg *ret);

/* err_set with OpenSSL's reason; empties OpenSSL's error queue of this thread. */
enum err_code openssl_error(struct err *err, enum err_code code, const char *what);
