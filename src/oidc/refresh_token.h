/* Refresh tokens: the family's id, the generation, and 32 secret bytes of which the store keeps a hash. */
#pragma once
#include "tkeauth/oidc.h"

enum { REFRESH_SECRET_SIZE = 32 };
struct refresh_token {
    unsigned char family_id[STORE_ID_SIZE];
    uint32_t generation;
    unsigned char secret[REFRESH_SECRET_SIZE];
};
/* ERR_INVALID: not a refresh token of ours. */
enum err_code refresh_token_parse(struct str text, struct refresh_token *ret, struct err *err);
void refresh_token_format(const struct refresh_token *t, struct strbuf *out);
void refresh_token_hash(const struct refresh_token *t, unsigned char out[STORE_HASH_SIZE]);
/* Masks the successor's secret under the presented token, and the other way round: only who holds the earlier token can read it. */
void refresh_token_mask(const struct refresh_token *presented, const unsigned char in[REFRESH_SECRET_SIZE],
                        unsigned char out[REFRESH_SECRET_SIZE]);
void refresh_token_wipe(struct refresh_token *t);
/* A new family with its first token, ready for the store. */
struct family_draft {
    struct store_family family; /* slices into the two buffers */
    struct refresh_token token;
    struct strbuf body, subject;
};
#define FAMILY_DRAFT ((struct family_draft) { .body = STRBUF(256 * 1024), .subject = STRBUF(4096) })
void family_draft_done(struct family_draft *d);
enum err_code family_draft_make(const struct oidc_provider *p, const struct grant *grant,
                                const unsigned char family_id[STORE_ID_SIZE], int64_t now,
                                struct family_draft *ret, struct err *err);
/* The name of a login towards clients (claim sid), in the arena. It is not the family's id: that one is half of a refresh token. */
struct str session_id_new(const struct oidc_provider *p, struct arena *a);
