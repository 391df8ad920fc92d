#include <stdlib.h>

#include "authn/certificate.h"
#include "tkeauth/base/snapshot.h"

/* A certificate may lie in one of a few slots that follow from its hash. Each slot is a snapshot cell: readers borrow what is there without a
 * lock, and it goes when another certificate has taken its place and its last reader is done. The hash, under a secret key, only leads to the
 * slot; the certificates themselves are compared. */
enum { SLOTS = 1024 /* a power of two */, WAYS = 4 };

struct remembered {
    struct snapshot snapshot; /* first */
    struct arena *arena;      /* holds this */
    struct str der;
    struct certificate_identity identity;
};
struct slot {
    _Atomic uint64_t hash; /* of what is in the cell, or will be in a moment; 0: empty */
    _Atomic int64_t until;
    struct snapshot_cell cell;
};
struct certificate_cache {
    uint64_t seed[2];
    struct slot slots[SLOTS];
};

enum err_code certificate_cache_new(const struct random *random, struct certificate_cache **ret,
                                    struct err *err) {
    struct certificate_cache *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "a cache of certificates");
    random_bytes(random, c->seed, sizeof c->seed);
    *ret = c;
    return ERR_OK;
}

void certificate_cache_free(struct certificate_cache *c) {
    for (size_t i = 0; c != NULL && i < SLOTS; i++)
        snapshot_swap(&c->slots[i].cell, NULL);
    free(c);
}

static void free_remembered(struct snapshot *s) {
    struct remembered *r = (struct remembered *)(void *)s;
    arena_free(r->arena);
}

static uint64_t hash_of(const struct certificate_cache *c, struct str der) {
    return siphash13(c->seed, der.ptr, der.len) | 1;
}
static struct slot *way(struct certificate_cache *c, uint64_t hash, size_t i) {
    return &c->slots[((hash >> 8) + i) & (SLOTS - 1)];
}

/* False: out of memory. */
static bool copy_identity(struct arena *a, const struct certificate_identity *from,
                          struct certificate_identity *ret) {
    struct str *groups = arena_array(a, from->group_count + 1, sizeof *groups);
    for (size_t i = 0; groups != NULL && i < from->group_count; i++)
        groups[i] = arena_str(a, from->groups[i]);
    *ret = *from;
    ret->name = arena_str(a, from->name);
    ret->groups = groups;
    return !arena_failed(a);
}

bool certificate_cache_find(struct certificate_cache *c, struct arena *a, struct str der, int64_t now,
                            struct certificate_identity *ret) {
    uint64_t hash = hash_of(c, der);
    bool found = false;
    for (size_t i = 0; i < WAYS && !found; i++) {
        struct slot *slot = way(c, hash, i);
        if (atomic_load_explicit(&slot->hash, memory_order_relaxed) != hash)
            continue;
        struct snapshot *s = snapshot_acquire(&slot->cell);
        const struct remembered *r = (const struct remembered *)(const void *)s;
        found = r != NULL && str_eq(r->der, der) && r->identity.from <= now && now < r->identity.until &&
                copy_identity(a, &r->identity, ret);
        snapshot_release(&slot->cell, s);
    }
    return found;
}

/* The slot of the same certificate, else an empty or expired one, else one of them by chance. */
static struct slot *choose(struct certificate_cache *c, uint64_t hash, int64_t now) {
    struct slot *chosen = NULL;
    for (size_t i = 0; i < WAYS; i++) {
        struct slot *slot = way(c, hash, i);
        uint64_t there = atomic_load_explicit(&slot->hash, memory_order_relaxed);
        if (there == hash)
            return slot;
        if (chosen == NULL && (there == 0 || atomic_load_explicit(&slot->until, memory_order_relaxed) <= now))
            chosen = slot;
    }
    return chosen != NULL ? chosen : way(c, hash, hash >> 60 & (WAYS - 1));
}

static struct remembered *remember(struct str der, const struct certificate_identity *identity) {
    struct arena *a = arena_new(4 * CLIENT_CERTIFICATE_MAX);
    struct remembered *r = a != NULL ? arena_alloc(a, sizeof *r) : NULL;
    if (r != NULL) {
        r->arena = a;
        r->der = arena_str(a, der);
        if (copy_identity(a, identity, &r->identity)) {
            snapshot_init(&r->snapshot, free_remembered);
            return r;
        }
    }
    arena_free(a);
    return NULL;
}

void certificate_cache_put(struct certificate_cache *c, struct str der, int64_t now,
                           const struct certificate_identity *identity) {
    if (identity->until <= now)
        return;
    struct remembered *r = remember(der, identity);
    if (r == NULL) /* then it is verified again */
        return;
    uint64_t hash = hash_of(c, der);
    struct slot *slot = choose(c, hash, now);
    atomic_store_explicit(&slot->hash, hash, memory_order_relaxed);
    atomic_store_explicit(&slot->until, identity->until, memory_order_relaxed);
    snapshot_swap(&slot->cell, &r->snapshot);
}
