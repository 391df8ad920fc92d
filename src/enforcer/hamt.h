/* hamt owns persistent hash tables: a changed table shares everything untouched with the one it came from. Nodes and
 * entries are counted; only the writer changes counts, readers hold whole snapshots. Where a path is owned by nobody
 * else it is edited in place, so filling a fresh table costs no copies. */
#pragma once
#include "enforcer/mem.h"

struct enf_hamt_node;

/* An entry starts with this. */
struct enf_entry {
    uint32_t refs;
    uint32_t tag; /* the entry's own use */
    uint64_t hash;
};

struct enf_hamt_ops {
    bool (*equal)(const struct enf_entry *entry, const void *key);
    void (*free)(struct enf_mem *m, struct enf_entry *entry, void *ctx); /* at its last reference */
    void *ctx;
};

struct enf_hamt {
    struct enf_hamt_node *root; /* NULL: empty */
    size_t len;
};

struct enf_entry *enf_hamt_find(const struct enf_hamt *h, const struct enf_hamt_ops *ops, uint64_t hash,
                                const void *key);

enum { ENF_HAMT_MANY = 16 };
/* Up to ENF_HAMT_MANY at once, level by level: the waits for memory overlap, which is most of what a look-up costs. */
void enf_hamt_find_many(const struct enf_hamt *h, const struct enf_hamt_ops *ops, size_t len,
                        const uint64_t *hashes, const void *const *keys, struct enf_entry **ret);

/* Edits the entry of a key. `old` is NULL when there is none; `own`: nobody else sees it, it may be changed in place.
 * *ret: the entry to keep (a new one with refs 1, or `old`), or NULL to remove. False: out of memory. */
typedef bool (*enf_hamt_edit_fn)(void *ctx, struct enf_entry *old, bool own, struct enf_entry **ret);
/* False: out of memory, `h` is as it was unless an own entry was edited. */
bool enf_hamt_edit(struct enf_mem *m, struct enf_hamt *h, const struct enf_hamt_ops *ops, uint64_t hash,
                   const void *key, enf_hamt_edit_fn edit, void *ctx) MUST_CHECK;

void enf_hamt_ref(struct enf_hamt *h); /* one more holder of the root */
void enf_hamt_done(struct enf_mem *m, struct enf_hamt *h, const struct enf_hamt_ops *ops);

/* Every entry, in no order; false ends the walk and is returned. */
typedef bool (*enf_hamt_visit_fn)(void *ctx, struct enf_entry *entry);
bool enf_hamt_each(const struct enf_hamt *h, enf_hamt_visit_fn visit, void *ctx);
