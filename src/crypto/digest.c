#include "tkeauth/crypto.h"

#include "crypto/evp.h"

#include <stdlib.h>

static void digest(const EVP_MD *md, struct str data, unsigned char *out) {
    if (EVP_Digest(data.ptr, data.len, out, NULL, md, NULL) != 1)
        abort(); /* out of memory: a digest has no error to return, and no wrong value may pass for one */
}

void sha256(struct str data, unsigned char out[SHA256_SIZE]) { digest(evp_get()->sha256, data, out); }
void sha512(struct str data, unsigned char out[SHA512_SIZE]) { digest(evp_get()->sha512, data, out); }

void hmac_sha256(struct str key, struct str data, unsigned char out[SHA256_SIZE]) {
    /* A NULL key would mean "the key of the template". */
    const unsigned char *bytes = key.len ? (const unsigned char *)key.ptr : (const unsigned char *)"";
    size_t written = 0;
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(evp_get()->hmac_sha256);
    if (ctx == NULL || EVP_MAC_init(ctx, bytes, key.len, NULL) != 1 ||
        EVP_MAC_update(ctx, (const unsigned char *)data.ptr, data.len) != 1 ||
        EVP_MAC_final(ctx, out, &written, SHA256_SIZE) != 1 || written != SHA256_SIZE)
        abort();
    EVP_MAC_CTX_free(ctx);
}

void hkdf_sha256(struct str key, struct str info, unsigned char *out, size_t len) {
    static const char no_salt[SHA256_SIZE] = { 0 }; /* RFC 5869 2.2: absent means HashLen zeros */
    unsigned char prk[SHA256_SIZE];
    hmac_sha256((struct str) { no_salt, sizeof no_salt }, key, prk);
    hkdf_sha256_expand(prk, info, out, len);
    secret_wipe(prk, sizeof prk);
}

/* RFC 5869 2.3: T(n) = HMAC(PRK, T(n-1) | info | n). */
void hkdf_sha256_expand(const unsigned char prk[SHA256_SIZE], struct str info, unsigned char *out,
                        size_t len) {
    const struct str key = { (const char *)prk, SHA256_SIZE };
    char block[SHA256_SIZE + HKDF_INFO_MAX + 1];
    unsigned char t[SHA256_SIZE];
    size_t t_len = 0;
    if (info.len > HKDF_INFO_MAX || len > (size_t)255 * SHA256_SIZE)
        abort(); /* a bug of ours: info and length are constants of the program */
    for (unsigned char n = 1; len > 0; n++) {
        memcpy(block, t, t_len);
        if (info.len)
            memcpy(block + t_len, info.ptr, info.len);
        block[t_len + info.len] = (char)n;
        hmac_sha256(key, (struct str) { block, t_len + info.len + 1 }, t);
        t_len = SHA256_SIZE;
        size_t take = len < SHA256_SIZE ? len : SHA256_SIZE;
        memcpy(out, t, take);
        out += take;
        len -= take;
    }
    secret_wipe(block, sizeof block);
    secret_wipe(t, sizeof t);
}
