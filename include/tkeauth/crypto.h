/* crypto owns hashing, sealing, key derivation and password hashes, over OpenSSL EVP, libsodium and libcrypt. It must never
 * keep a secret longer than its caller asked for. */
#pragma once
#include "tkeauth/base.h"

enum { SHA256_SIZE = 32, SHA512_SIZE = 64 };
/* These have no error to return: they abort when memory runs out, as no wrong value may pass for a digest. */
void sha256(struct str data, unsigned char out[SHA256_SIZE]);
void sha512(struct str data, unsigned char out[SHA512_SIZE]);
void hmac_sha256(struct str key, struct str data, unsigned char out[SHA256_SIZE]);
enum { HKDF_INFO_MAX = 256 };
/* HKDF-SHA256 (RFC 5869) with an empty salt; `info` up to HKDF_INFO_MAX, `len` up to 255 * 32 bytes. */
void hkdf_sha256(struct str key, struct str info, unsigned char *out, size_t len);
/* Its second half alone (RFC 5869 2.3), for a `prk` that is already uniform. */
void hkdf_sha256_expand(const unsigned char prk[SHA256_SIZE], struct str info, unsigned char *out,
                        size_t len);

/* ---- sealing: AES-256-GCM under a ring of keys; the first seals, all open (rotation of the key-encryption key) ---- */
struct keyring;
enum { KEYRING_KEY_SIZE = 32, KEYRING_KEYS_MAX = 16, KEYRING_PURPOSE_MAX = 64 };
/* `path`: one base64url key of 32 bytes a line, newest first; comments with '#'. ERR_FORBIDDEN unless 0600. */
MUST_CHECK enum err_code keyring_load(const char *path, struct keyring **ret, struct err *err);
/* Makes `path` with one new key when it does not exist, then loads it. */
MUST_CHECK enum err_code keyring_load_or_create(const char *path, const struct random *random,
                                                struct keyring **ret, struct err *err);
MUST_CHECK enum err_code keyring_from_key(const unsigned char key[KEYRING_KEY_SIZE], struct keyring **ret,
                                          struct err *err);
void keyring_free(struct keyring *k);
DEFINE_AUTO_FREE(keyring_free, struct keyring);

/* One meaning per blob: `purpose` (e.g. "auth-request", "signing-key") is part of the key derivation and is authenticated;
 * a blob sealed for one purpose opens for no other. The output is binary: version, key id, nonce, ciphertext, tag;
 * SEAL_OVERHEAD bytes more than `plain`. A purpose is shorter than KEYRING_PURPOSE_MAX. */
enum { SEAL_OVERHEAD = 45 };
MUST_CHECK enum err_code seal(const struct keyring *k, const struct random *random, const char *purpose,
                              struct str plain, struct strbuf *out, struct err *err);
/* ERR_INVALID for anything that was not sealed under this ring for this purpose. `out` then holds nothing of it. */
MUST_CHECK enum err_code unseal(const struct keyring *k, const char *purpose, struct str sealed,
                                struct strbuf *out, struct err *err);
/* A key for an HMAC or a derived secret, bound to the ring's newest key and the purpose. */
MUST_CHECK enum err_code keyring_derive(const struct keyring *k, const char *purpose, unsigned char out[32],
                                        struct err *err);

/* ---- passwords: slow on purpose (tens of milliseconds), for the login pool only ---- */
enum { PASSWORD_MAX = 1024, PASSWORD_HASH_MAX = 256 };
enum password_outcome {
    PASSWORD_MATCH,
    PASSWORD_MATCH_REHASH, /* right, but the hash is weaker than what password_hash makes now: upgrade it */
    PASSWORD_MISMATCH,
};
/* argon2id, 19 MiB, t=2, p=1 (OWASP), as "$argon2id$...". ERR_LIMIT over PASSWORD_MAX, ERR_INVALID when empty. */
MUST_CHECK enum err_code password_hash(struct str password, struct strbuf *out, struct err *err);
/* argon2id, bcrypt ($2a$ $2b$ $2y$), or base64 of a bcrypt hash (TKEStack's form; dex takes it too). ERR_INVALID: a hash of no
 * known form. ERR_LIMIT: its parameters would cost seconds or hundreds of MiB. ERR_UNAVAILABLE, ERR_NOMEM: nothing was compared. A password over PASSWORD_MAX, empty or (for bcrypt) with a NUL is a MISMATCH. */
MUST_CHECK enum err_code password_verify(struct str password, struct str hash, enum password_outcome *ret,
                                         struct err *err);
/* Costs what verifying against a current hash costs, and never matches: for unknown users. */
void password_verify_dummy(struct str password);
/* Can password_verify take it? For checking configuration and imports. */
bool password_hash_is_known(struct str hash);
