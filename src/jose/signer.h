/* A signing key with everything that does not change from token to token made ready. */
#pragma once
#include "jose/jwk.h"
#include "jose/verifier.h"

/* The `typ` values of our own tokens: their encoded headers are prepared. */
enum { TYP_JWT, TYP_ACCESS_TOKEN, TYP_LOGOUT_TOKEN, COMMON_TYPS };
extern const char *const common_typs[COMMON_TYPS];

struct signer {
    EVP_PKEY *key;
    EVP_MD_CTX *template;
    struct verifier verifier;
    char kid[KID_LEN + 1];
    struct strbuf jwk;
    struct strbuf heads[COMMON_TYPS]; /* base64url of the header, with the dot behind it */
};

/* Shares `key`, which must fit `alg`. */
MUST_CHECK enum err_code signer_from_key(EVP_PKEY *key, enum sign_alg alg, struct signer **ret,
                                         struct err *err);
/* Appends "." and the signature of `input`, which may lie in `out`. */
MUST_CHECK enum err_code signer_sign_bytes(const struct signer *s, struct str input, struct strbuf *out,
                                           struct err *err);
/* The JWS of the header that stands in `out` from `start` on, its "." included: adds the payload and the signature. After an error `out` ends at
 * `start`. */
MUST_CHECK enum err_code signer_sign_rest(const struct signer *s, size_t start, struct str payload,
                                          struct strbuf *out, struct err *err);
