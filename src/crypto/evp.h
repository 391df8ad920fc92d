/* The algorithms of OpenSSL that the hot paths use, fetched once: in OpenSSL 3 every fetch by name takes locks and costs more
 * than hashing a short string. */
#pragma once
#include <openssl/evp.h>

struct evp {
    EVP_MD *sha256, *sha512;
    EVP_CIPHER *aes_256_gcm;
    EVP_MAC_CTX *hmac_sha256; /* a template: duplicate it, then set the key */
};

/* Constant after the first call; aborts when OpenSSL lacks them, as nothing of the daemon could then be trusted. */
const struct evp *evp_get(void);
