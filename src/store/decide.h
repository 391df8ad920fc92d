/* What becomes of a code or a refresh token, as pure functions of what is stored: every backend decides with these, inside
 * its transaction. */
#pragma once
#include "store/backend.h"

struct code_state {
    unsigned char hash[STORE_HASH_SIZE];
    bool used;
    int64_t expires_at;
};
/* `code` NULL: there is none. A used code is REPLAYED even after its expiry. */
enum store_code_outcome code_decide(const struct code_state *code, const unsigned char *hash, int64_t now);

/* A token that has been rotated away, and what its holder may still learn: the token that replaced it. */
struct predecessor {
    uint32_t generation;
    int64_t rotated_at;
    unsigned char hash[STORE_HASH_SIZE];
    unsigned char successor[STORE_HASH_SIZE]; /* masked by the caller; of generation + 1 */
};
struct predecessors {
    size_t len;
    struct predecessor items[STORE_SUCCESSORS_MAX]; /* oldest first */
};

/* `family` NULL: there is none. For GRACE `*ret_predecessor` is the presented token's entry.
 *
 * A token of an older generation whose hash is no longer remembered counts as REUSED: nothing tells a genuine old token
 * from an invention, but its family id is 16 unguessable bytes that only a holder of one of its tokens has seen. */
enum store_refresh_outcome refresh_decide(const struct store_family *family, const struct predecessors *known,
                                          const struct store_refresh *in,
                                          const struct predecessor **ret_predecessor);
/* The current token becomes a predecessor; those outside the window go, and the oldest where there is no room. */
void predecessors_add(struct predecessors *known, const struct store_refresh *in);

/* When a family has no more to say: its first end, 0: never. */
int64_t family_end(const struct store_family *family);
