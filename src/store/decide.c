#include "store/decide.h"

static bool hash_equal(const unsigned char *a, const unsigned char *b) {
    return secret_equal((struct str) { (const char *)a, STORE_HASH_SIZE },
                        (struct str) { (const char *)b, STORE_HASH_SIZE });
}

enum store_code_outcome code_decide(const struct code_state *code, const unsigned char *hash, int64_t now) {
    if (code == NULL || !hash_equal(code->hash, hash))
        return STORE_CODE_UNKNOWN;
    if (code->used)
        return STORE_CODE_REPLAYED; /* RFC 6749 4.1.2: whatever was issued for it should be revoked */
    return now >= code->expires_at ? STORE_CODE_EXPIRED : STORE_CODE_CONSUMED;
}

static bool is_over(int64_t end, int64_t now) { return end != 0 && now >= end; }

static const struct predecessor *find_predecessor(const struct predecessors *known, uint32_t generation) {
    for (size_t i = 0; i < known->len; i++)
        if (known->items[i].generation == generation)
            return &known->items[i];
    return NULL;
}

enum store_refresh_outcome refresh_decide(const struct store_family *family, const struct predecessors *known,
                                          const struct store_refresh *in,
                                          const struct predecessor **ret_predecessor) {
    if (family == NULL || in->generation == 0 || in->generation > family->generation)
        return STORE_REFRESH_UNKNOWN;
    bool current = in->generation == family->generation;
    const struct predecessor *old = current ? NULL : find_predecessor(known, in->generation);
    const unsigned char *hash = current ? family->current_hash : old ? old->hash : NULL;
    if (hash != NULL && !hash_equal(hash, in->hash))
        return STORE_REFRESH_UNKNOWN;
    if (family->revoked)
        return STORE_REFRESH_REVOKED;
    if (is_over(family->expires_at, in->now) || is_over(family->idle_expires_at, in->now))
        return STORE_REFRESH_EXPIRED;
    if (current) /* there is no generation after the last */
        return family->generation == UINT32_MAX ? STORE_REFRESH_EXPIRED : STORE_REFRESH_CURRENT;
    if (old == NULL || in->now - old->rotated_at >= in->grace_s)
        return STORE_REFRESH_REUSED;
    *ret_predecessor = old;
    return STORE_REFRESH_GRACE;
}

void predecessors_add(struct predecessors *known, const struct store_refresh *in) {
    size_t kept = 0;
    for (size_t i = 0; i < known->len; i++)
        if (in->now - known->items[i].rotated_at < in->grace_s)
            known->items[kept++] = known->items[i];
    if (kept == STORE_SUCCESSORS_MAX) {
        memmove(known->items, known->items + 1, (kept - 1) * sizeof known->items[0]);
        kept--;
    }
    struct predecessor *p = &known->items[kept];
    p->generation = in->generation;
    p->rotated_at = in->now;
    memcpy(p->hash, in->hash, STORE_HASH_SIZE);
    memcpy(p->successor, in->next_masked, STORE_HASH_SIZE);
    known->len = kept + 1;
}

int64_t family_end(const struct store_family *family) {
    int64_t a = family->expires_at, b = family->idle_expires_at;
    if (a == 0 || b == 0)
        return a + b;
    return a < b ? a : b;
}
