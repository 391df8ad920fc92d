/* jose owns JSON Web Keys, signing, verifying, and the rules by which signing keys rotate. It must never read a store or a
 * clock by itself, and is the only user of jwt.h. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/crypto.h"
#include "tkeauth/model.h"

/* ---- a signer: behind an interface, so that keys may one day live in another process or an HSM ---- */
struct signer;
void signer_free(struct signer *s);
DEFINE_AUTO_FREE(signer_free, struct signer);
/* A new key pair: RSA-2048, P-256 or Ed25519. kid = RFC 7638 thumbprint. */
MUST_CHECK enum err_code signer_generate(enum sign_alg alg, struct signer **ret, struct err *err);
MUST_CHECK enum err_code signer_from_der(enum sign_alg alg, struct str pkcs8_der, struct signer **ret,
                                         struct err *err);
/* Wipe with strbuf_wipe_done. */
MUST_CHECK enum err_code signer_export_der(const struct signer *s, struct strbuf *out, struct err *err);
enum sign_alg signer_alg(const struct signer *s);
struct str signer_kid(const struct signer *s);
/* {"kty":...,"kid":...,"alg":...,"use":"sig",...}: public members only. */
struct str signer_public_jwk(const struct signer *s);
/* Appends the compact JWS of `payload` (JSON text): header {"alg","kid","typ"}; `typ` e.g. "JWT", "at+jwt". Thread-safe; a
 * cached EVP key, a prepared digest context per thread or copied per signature. */
MUST_CHECK enum err_code signer_sign(const struct signer *s, const char *typ, struct str payload,
                                     struct strbuf *out, struct err *err);
/* at_hash / c_hash for this algorithm (OIDC Core 3.1.3.6): appends base64url of the left half of the hash. */
void jose_half_hash(enum sign_alg alg, struct str ascii, struct strbuf *out);

/* ---- tokens without a key id: the platform's API keys (contract 6.6), and the private JSON Web Key that signs them ---- */
/* An RSA key of 2048 to 8192 bits for RS256 with all its members (RFC 7518 6.3.2). ERR_INVALID. */
MUST_CHECK enum err_code signer_from_private_jwk(struct str json, struct signer **ret, struct err *err);
/* Appends {"use":"sig","kty":"RSA",...} with the private members; RSA only. Wipe `out` with strbuf_wipe_done. */
MUST_CHECK enum err_code signer_private_jwk_add(const struct signer *s, struct strbuf *out, struct err *err);
/* As signer_sign, with a header of alg and typ alone. */
MUST_CHECK enum err_code signer_sign_anonymous(const struct signer *s, const char *typ, struct str payload,
                                               struct strbuf *out, struct err *err);
struct jwt;
struct jwt_rules;
/* A token of this very signer, with or without kid. ERR_UNAUTHENTICATED. `s` must outlive *ret. */
MUST_CHECK enum err_code signer_verify(const struct signer *s, struct str token,
                                       const struct jwt_rules *rules, struct jwt *ret, struct err *err);

/* ---- key set: an immutable snapshot of the keys that sign and that verify ---- */
struct keyset;
struct keyset_entry {
    struct signer *signer;                                 /* taken over by keyset_new */
    int64_t created_at, not_before, retired_at, remove_at; /* as in struct signing_key */
};
/* Takes over the signers (also on failure). ERR_EXISTS: a key twice. */
MUST_CHECK enum err_code keyset_new(struct keyset_entry *entries, size_t len, struct keyset **ret,
                                    struct err *err);
void keyset_free(struct keyset *k);
DEFINE_AUTO_FREE(keyset_free, struct keyset);
/* The key that signs `alg` at `now`: the newest whose not_before has come and that is not retired. NULL: there is none. */
const struct signer *keyset_signer(const struct keyset *k, enum sign_alg alg, int64_t now);
/* {"keys":[...]}: published at `now`: created and not yet to be removed. */
void keyset_jwks(const struct keyset *k, int64_t now, struct strbuf *out);

/* ---- rotation policy: pure functions of time, driven with a fake clock in tests ---- */
struct rotation_policy {
    int64_t period_s;        /* a key signs this long */
    int64_t publish_ahead_s; /* a key is published this long before it signs: >= jwks_max_age_s + 30 */
    int64_t keep_after_s; /* and this long after its last signature: the longest life of a token it signed */
    int64_t jwks_max_age_s; /* Cache-Control of /keys */
};
enum rotation_action {
    ROTATION_NONE,
    ROTATION_CREATE_NOW,  /* there is no key that signs: make one that signs at once */
    ROTATION_CREATE_NEXT, /* make the successor, not_before as given */
    ROTATION_REMOVE,      /* entry `index` has outlived its tokens */
    ROTATION_ACTIVATE, /* the running key is gone (emergency): entry `index`, published already, signs from now on */
};
struct rotation_step {
    enum rotation_action action;
    size_t index; /* REMOVE, ACTIVATE: that entry; CREATE_NEXT: the running key */
    int64_t
        not_before; /* of the key to create or activate; with CREATE_NEXT the running key's retired_at becomes the same */
};
/* The next thing to do for one algorithm among `keys` (those of other algorithms are skipped); call until NONE.
 *
 * Emergency rotation (a private key leaked): delete the key, call this until NONE and publish the result at once. A successor that
 * waits for its time takes over (ACTIVATE), as caches may have it already; else a new key signs (CREATE_NOW), and verifiers
 * with a cached set refuse its tokens until they fetch again: for jwks_max_age_s + 30 at most. The leaked key
 * verifies here no more at once, and elsewhere for as long as caches keep it. */
struct rotation_step rotation_next(const struct rotation_policy *p, const struct signing_key *keys,
                                   size_t len, enum sign_alg alg, int64_t now);
/* max-age for /keys at `now`: the policy's, or less when a key is about to appear or to go. */
int64_t rotation_jwks_max_age(const struct rotation_policy *p, const struct keyset *k, int64_t now);

/* ---- verifying ---- */
enum { JWT_MAX = 16 * 1024 };
struct jwt {
    struct str typ, kid; /* borrowed from rules and key set; kid STR_NULL: the token had none (jwks_verify) */
    enum sign_alg alg;   /* jwks_verify: only where alg_name is one of its three names */
    const char *alg_name; /* "RS256", "PS384" ... */
    json_t *payload;      /* owned by the struct: jwt_done */
};
void jwt_done(struct jwt *t);
/* What must hold besides the signature. Any struct str that is STR_NULL is not checked, but typ always is. */
struct jwt_rules {
    const char *typ; /* exactly this (RFC 8725 3.11); "JWT" also takes a header without typ */
    struct str issuer;
    struct str audience; /* aud is it, or holds it */
    int64_t now,
        leeway_s; /* exp > now - leeway (unless allow_expired), nbf <= now + leeway, iat <= now + leeway */
    bool allow_expired; /* id_token_hint */
};
/* Compact JWS, a key of the set by kid with exactly its algorithm; crit, b64, jku, jwk, x5u, x5c are refused; claims as `rules`
 * say; exp is a must unless allow_expired. A key past its remove_at verifies nothing. ERR_UNAUTHENTICATED with the
 * reason in err. `k` must outlive *ret. */
MUST_CHECK enum err_code keyset_verify(const struct keyset *k, struct str token,
                                       const struct jwt_rules *rules, struct jwt *ret, struct err *err);

/* A foreign key set (JSON Web Key Set, RFC 7517): RSA of 2048 to 8192 bits, P-256/384/521 and Ed25519 signature keys; others are
 * skipped. A key is used with its own `alg` only; one without verifies RS256, ES256/384/512 (by its curve) or EdDSA.
 * ERR_INVALID: no key set, or none of its keys is usable. ERR_LIMIT: over JWKS_MAX.
 * The demo relying party and upstream connectors verify with it. */
enum { JWKS_MAX = 256 * 1024 };
struct jwks;
MUST_CHECK enum err_code jwks_parse(struct str json, struct jwks **ret, struct err *err);
void jwks_free(struct jwks *k);
DEFINE_AUTO_FREE(jwks_free, struct jwks);
/* As keyset_verify; a token without kid is taken where exactly one key fits its algorithm (OIDC Core 10.1). */
MUST_CHECK enum err_code jwks_verify(const struct jwks *k, struct str token, const struct jwt_rules *rules,
                                     struct jwt *ret, struct err *err);
