#include "crypto/aead.h"

#include "crypto/evp.h"

#include <limits.h>

static void free_cipher(EVP_CIPHER_CTX **ctx) { EVP_CIPHER_CTX_free(*ctx); }

static const unsigned char *bytes_of(struct str s) { return (const unsigned char *)s.ptr; }

/* `direction`: 1 encrypts, 0 decrypts. A NULL buffer would end an update, so empty parts are left out. */
static bool start(EVP_CIPHER_CTX *ctx, const struct aead_message *m, int direction) {
    int n = 0;
    return ctx != NULL &&
           EVP_CipherInit_ex2(ctx, evp_get()->aes_256_gcm, m->key, m->nonce, direction, NULL) == 1 &&
           (m->aad.len == 0 || EVP_CipherUpdate(ctx, NULL, &n, bytes_of(m->aad), (int)m->aad.len) == 1);
}

enum err_code aead_seal(const struct aead_message *m, struct strbuf *out, struct err *err) {
    AUTO(free_cipher) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (m->text.len > INT_MAX - AEAD_TAG_SIZE || m->aad.len > INT_MAX)
        return err_set(err, ERR_LIMIT, "too long to seal: %zu bytes", m->text.len);
    size_t before = out->len;
    unsigned char *to = (unsigned char *)strbuf_grow(out, m->text.len + AEAD_TAG_SIZE);
    int n = 0, rest = 0;
    if (to == NULL)
        return strbuf_check(out, err);
    if (!start(ctx, m, 1) ||
        (m->text.len > 0 && EVP_EncryptUpdate(ctx, to, &n, bytes_of(m->text), (int)m->text.len) != 1) ||
        EVP_EncryptFinal_ex(ctx, to + n, &rest) != 1 ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_SIZE, to + m->text.len) != 1) {
        strbuf_truncate(out, before);
        return err_set(err, ERR_INTERNAL, "AES-GCM failed");
    }
    return ERR_OK;
}

enum err_code aead_open(const struct aead_message *m, struct strbuf *out, struct err *err) {
    AUTO(free_cipher) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    if (m->text.len < AEAD_TAG_SIZE || m->text.len > INT_MAX || m->aad.len > INT_MAX)
        return err_set(err, ERR_INVALID, "a sealed text of %zu bytes", m->text.len);
    size_t len = m->text.len - AEAD_TAG_SIZE, before = out->len;
    unsigned char tag[AEAD_TAG_SIZE];
    memcpy(tag, m->text.ptr + len, sizeof tag);
    unsigned char *to = (unsigned char *)strbuf_grow(out, len);
    int n = 0, rest = 0;
    if (to == NULL)
        return strbuf_check(out, err);
    if (!start(ctx, m, 0) || (len > 0 && EVP_DecryptUpdate(ctx, to, &n, bytes_of(m->text), (int)len) != 1) ||
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_SIZE, tag) != 1 ||
        EVP_DecryptFinal_ex(ctx, to + n, &rest) != 1) {
        secret_wipe(to, len); /* it was decrypted before the tag told that it is forged */
        strbuf_truncate(out, before);
        return err_set(err, ERR_INVALID, "not authentic");
    }
    return ERR_OK;
}
