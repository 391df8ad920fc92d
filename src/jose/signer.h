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
