/* AES-256-GCM (NIST SP 800-38D), one message under one key and nonce. */
#pragma once
#include "tkeauth/base.h"

enum { AEAD_KEY_SIZE = 32, AEAD_NONCE_SIZE = 12, AEAD_TAG_SIZE = 16 };

struct aead_message {
    const unsigned char *key, *nonce; /* AEAD_KEY_SIZE and AEAD_NONCE_SIZE bytes; a pair is used once */
    struct str aad;                   /* authenticated, not encrypted */
    struct str text;                  /* plain to seal; ciphertext and tag to open */
};
/* Appends ciphertext and tag. */
MUST_CHECK enum err_code aead_seal(const struct aead_message *m, struct strbuf *out, struct err *err);
/* Appends the plain text. ERR_INVALID, and `out` as it was: not authentic. */
MUST_CHECK enum err_code aead_open(const struct aead_message *m, struct strbuf *out, struct err *err);
