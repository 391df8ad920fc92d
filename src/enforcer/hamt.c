#include "enforcer/hamt.h"

enum { BITS = 5, DEPTH_MAX = 12 }; /* 13 levels use 65 bits; below them equal hashes sit in one flat node */

/* Slots: first the entries (bits of `entries`), then the children (bits of `children`). A flat node has neither bit
 * set and `flat` entries. */
struct enf_hamt_node {
    uint32_t refs;
    uint32_t entries, children;
    uint32_t flat;
    void *slots[];
};

/* Without a popcount instruction in the baseline the compiler would call a function. */
static unsigned bits(uint32_t n) {
    n -= n >> 1 & 0x55555555;
    n = (n & 0x33333333) + (n >> 2 & 0x33333333);
    return ((n + (n >> 4)) & 0x0f0f0f0f) * 0x01010101 >> 24;
}

static unsigned bits_below(uint32_t map, unsigned bit) { return bits(map & ((1u << bit) - 1)); }

static size_t slots_of(const struct enf_hamt_node *n) {
    return bits(n->entries) + bits(n->children) + n->flat;
}

static size_t entries_of(const struct enf_hamt_node *n) { return bits(n->entries) + n->flat; }

static size_t node_size(size_t slots) { return sizeof(struct enf_hamt_node) + slots * sizeof(void *); }

static unsigned chunk(uint64_t hash, unsigned depth) {
    unsigned shift = depth * BITS;
    return shift < 64 ? (unsigned)(hash >> shift) & 31 : 0;
}

struct enf_entry *enf_hamt_find(const struct enf_hamt *h, const struct enf_hamt_ops *ops, uint64_t hash,
                                const void *key) {
    const struct enf_hamt_node *n = h->root;
    for (unsigned depth = 0; n != NULL; depth++) {
        if (n->flat > 0) {
            for (uint32_t i = 0; i < n->flat; i++) {
                struct enf_entry *e = n->slots[i];
                if (e->hash == hash && ops->equal(e, key))
                    return e;
            }
            return NULL;
        }
        unsigned bit = chunk(hash, depth);
        if (n->entries >> bit & 1) {
            struct enf_entry *e = n->slots[bits_below(n->entries, bit)];
            return e->hash == hash && ops->equal(e, key) ? e : NULL;
        }
        if (!(n->children >> bit & 1))
            return NULL;
        n = n->slots[bits(n->entries) + bits_below(n->children, bit)];
    }
    return NULL;
}

/* One level down: the child to go on with, or NULL with what was found in *ret. */
static const struct enf_hamt_node *step(const struct enf_hamt_node *n, const struct enf_hamt_ops *ops,
                                        unsigned depth, uint64_t hash, const void *key,
                                        struct enf_entry **ret) {
    for (uint32_t i = 0; i < n->flat; i++) {
        struct enf_entry *e = n->slots[i];
        if (e->hash == hash && ops->equal(e, key))
            *ret = e;
    }
    unsigned bit = chunk(hash, depth);
    if (n->entries >> bit & 1)
        *ret = n->slots[bits_below(n->entries, bit)];
    if (!(n->children >> bit & 1))
        return NULL;
    return n->slots[bits(n->entries) + bits_below(n->children, bit)];
}

void enf_hamt_find_many(const struct enf_hamt *h, const struct enf_hamt_ops *ops, size_t len,
                        const uint64_t *hashes, const void *const *keys, struct enf_entry **ret) {
    const struct enf_hamt_node *at[ENF_HAMT_MANY];
    size_t live = h->root != NULL ? len : 0;
    for (size_t i = 0; i < len; i++) {
        at[i] = h->root;
        ret[i] = NULL;
    }
    for (unsigned depth = 0; live > 0; depth++) {
        live = 0;
        for (size_t i = 0; i < len; i++) {
            if (at[i] == NULL)
                continue;
            at[i] = step(at[i], ops, depth, hashes[i], keys[i], &ret[i]);
            live += at[i] != NULL;
            __builtin_prefetch(at[i] != NULL ? (const void *)at[i] : (const void *)ret[i]);
        }
    }
    for (size_t i = 0; i < len; i++)
        if (ret[i] != NULL && (ret[i]->hash != hashes[i] || !ops->equal(ret[i], keys[i])))
            ret[i] = NULL;
}

static void entry_unref(struct enf_mem *m, const struct enf_hamt_ops *ops, struct enf_entry *e) {
    if (--e->refs == 0)
        ops->free(m, e, ops->ctx);
}

static void node_unref(struct enf_mem *m, const struct enf_hamt_ops *ops, struct enf_hamt_node *n) {
    if (n == NULL || --n->refs > 0)
        return;
    size_t slots = slots_of(n), entries = entries_of(n);
    for (size_t i = 0; i < entries; i++)
        entry_unref(m, ops, n->slots[i]);
    for (size_t i = entries; i < slots; i++)
        node_unref(m, ops, n->slots[i]); /* at most DEPTH_MAX deep */
    enf_release(m, n, node_size(slots));
}

void enf_hamt_ref(struct enf_hamt *h) {
    if (h->root != NULL)
        h->root->refs++;
}

void enf_hamt_done(struct enf_mem *m, struct enf_hamt *h, const struct enf_hamt_ops *ops) {
    node_unref(m, ops, h->root);
    *h = (struct enf_hamt) { 0 };
}

/* --------------------------------------------------------------------------------------------------- editing -- */

struct edit {
    struct enf_mem *m;
    const struct enf_hamt_ops *ops;
    uint64_t hash;
    const void *key;
    enf_hamt_edit_fn fn;
    void *ctx;
    int delta; /* entries more or fewer */
};

/* What became of a subtree. */
enum outcome { FAILED, DONE };

/* A copy of `n` with slot `at` left out (`skip`) or a hole made there (`hole`): all kept slots gain a reference. The
 * caller fixes the maps and fills the hole. */
static struct enf_hamt_node *copy_node(struct edit *x, const struct enf_hamt_node *n, size_t at, bool skip,
                                       bool hole) {
    size_t slots = slots_of(n), entries = entries_of(n);
    struct enf_hamt_node *copy = enf_alloc(x->m, node_size(slots + hole - skip));
    if (copy == NULL)
        return NULL;
    *copy = (struct enf_hamt_node) { 1, n->entries, n->children, n->flat };
    size_t to = 0;
    for (size_t i = 0; i < slots; i++) {
        if (i == at && skip)
            continue;
        if (i == at && hole)
            to++;
        if (i < entries)
            ((struct enf_entry *)n->slots[i])->refs++;
        else
            ((struct enf_hamt_node *)n->slots[i])->refs++;
        copy->slots[to++] = n->slots[i];
    }
    return copy;
}

/* Room for one more slot at `at`. `own`: the node itself grows; otherwise a copy does and the old one is let go by
 * the caller. */
static struct enf_hamt_node *open_slot(struct edit *x, struct enf_hamt_node *n, size_t at, bool own) {
    if (!own)
        return copy_node(x, n, at, false, true);
    size_t slots = slots_of(n);
    struct enf_hamt_node *grown = enf_realloc(x->m, n, node_size(slots), node_size(slots + 1));
    if (grown != NULL)
        memmove(&grown->slots[at + 1], &grown->slots[at], (slots - at) * sizeof(void *));
    return grown;
}

/* Takes slot `at` away; its reference has been dropped or moved by the caller if own. Shrinking cannot fail: a block
 * that does not shrink is kept (its size is counted by its slots, so it is reallocated only when that works). */
static struct enf_hamt_node *close_slot(struct edit *x, struct enf_hamt_node *n, size_t at, bool own) {
    if (!own)
        return copy_node(x, n, at, true, false);
    size_t slots = slots_of(n);
    struct enf_hamt_node *copy = enf_alloc(x->m, node_size(slots - 1));
    if (copy == NULL)
        return NULL;
    *copy = (struct enf_hamt_node) { n->refs, n->entries, n->children, n->flat };
    memcpy(copy->slots, n->slots, at * sizeof(void *));
    memcpy(&copy->slots[at], &n->slots[at + 1], (slots - at - 1) * sizeof(void *));
    enf_release(x->m, n, node_size(slots));
    return copy;
}

/* Nodes of leaf_of whose entries stay with the caller. */
static void free_chain(struct edit *x, struct enf_hamt_node *n) {
    while (n != NULL) {
        struct enf_hamt_node *next = n->children != 0 ? n->slots[0] : NULL;
        enf_release(x->m, n, node_size(slots_of(n)));
        n = next;
    }
}

static struct enf_hamt_node *leaf_of(struct edit *x, unsigned depth, struct enf_entry *a,
                                     struct enf_entry *b) {
    if (depth > DEPTH_MAX) {
        struct enf_hamt_node *n = enf_alloc(x->m, node_size(2));
        if (n == NULL)
            return NULL;
        *n = (struct enf_hamt_node) { .refs = 1, .flat = 2 };
        n->slots[0] = a;
        n->slots[1] = b;
        return n;
    }
    unsigned bit_a = chunk(a->hash, depth), bit_b = chunk(b->hash, depth);
    if (bit_a == bit_b) {
        struct enf_hamt_node *child = leaf_of(x, depth + 1, a, b);
        struct enf_hamt_node *n = child != NULL ? enf_alloc(x->m, node_size(1)) : NULL;
        if (n == NULL) {
            free_chain(x, child);
            return NULL;
        }
        *n = (struct enf_hamt_node) { .refs = 1, .children = 1u << bit_a };
        n->slots[0] = child;
        return n;
    }
    struct enf_hamt_node *n = enf_alloc(x->m, node_size(2));
    if (n == NULL)
        return NULL;
    *n = (struct enf_hamt_node) { .refs = 1, .entries = 1u << bit_a | 1u << bit_b };
    n->slots[0] = bit_a < bit_b ? a : b;
    n->slots[1] = bit_a < bit_b ? b : a;
    return n;
}

static enum outcome edit_node(struct edit *x, struct enf_hamt_node **slot, unsigned depth, bool own);

/* Calls the editor for a key that is absent. *ret NULL: stays absent. */
static bool edit_absent(struct edit *x, struct enf_entry **ret) {
    *ret = NULL;
    if (!x->fn(x->ctx, NULL, false, ret))
        return false;
    x->delta += *ret != NULL;
    return true;
}

static void let_go(struct edit *x, struct enf_hamt_node *n, bool own) {
    if (!own)
        node_unref(x->m, x->ops, n);
}

static enum outcome insert_entry(struct edit *x, struct enf_hamt_node **slot, size_t at, uint32_t bit,
                                 bool own) {
    struct enf_entry *fresh;
    struct enf_hamt_node *n = *slot;
    if (!edit_absent(x, &fresh))
        return FAILED;
    if (fresh == NULL)
        return DONE;
    struct enf_hamt_node *grown = open_slot(x, n, at, own);
    if (grown == NULL) {
        entry_unref(x->m, x->ops, fresh);
        return FAILED;
    }
    grown->slots[at] = fresh;
    if (bit == 0)
        grown->flat++;
    else
        grown->entries |= bit;
    *slot = grown;
    let_go(x, n, own);
    return DONE;
}

/* The found entry in slot `at`: kept, replaced or removed. */
static enum outcome edit_entry(struct edit *x, struct enf_hamt_node **slot, size_t at, uint32_t bit,
                               bool own) {
    struct enf_hamt_node *n = *slot;
    struct enf_entry *old = n->slots[at], *now = old;
    if (!x->fn(x->ctx, old, own && old->refs == 1, &now))
        return FAILED;
    if (now == old)
        return DONE;
    if (now == NULL) {
        struct enf_hamt_node *less = NULL;
        if (slots_of(n) > 1 && (less = close_slot(x, n, at, own)) == NULL)
            return FAILED;
        x->delta--;
        if (less != NULL && bit == 0)
            less->flat--;
        else if (less != NULL)
            less->entries &= ~bit;
        *slot = less;
        if (less == NULL)
            node_unref(x->m, x->ops, n); /* it held nothing else */
        else if (own)
            entry_unref(x->m, x->ops, old);
        else
            let_go(x, n, own);
        return DONE;
    }
    if (own) {
        n->slots[at] = now;
        entry_unref(x->m, x->ops, old);
        return DONE;
    }
    struct enf_hamt_node *copy = copy_node(x, n, SIZE_MAX, false, false);
    if (copy == NULL) {
        entry_unref(x->m, x->ops, now);
        return FAILED;
    }
    copy->slots[at] = now;
    entry_unref(x->m, x->ops, old);
    *slot = copy;
    let_go(x, n, own);
    return DONE;
}

/* Another key sits where ours belongs: both move one level down. */
static enum outcome push_down(struct edit *x, struct enf_hamt_node **slot, unsigned depth, unsigned bit,
                              bool own) {
    struct enf_hamt_node *n = *slot;
    size_t at = bits_below(n->entries, bit);
    struct enf_entry *other = n->slots[at], *fresh;
    if (!edit_absent(x, &fresh))
        return FAILED;
    if (fresh == NULL)
        return DONE;
    struct enf_hamt_node *child = leaf_of(x, depth + 1, other, fresh), *to = n;
    if (child == NULL || (!own && (to = copy_node(x, n, SIZE_MAX, false, false)) == NULL)) {
        free_chain(x, child); /* the entries in it have not been counted yet */
        entry_unref(x->m, x->ops, fresh);
        x->delta--;
        return FAILED;
    }
    /* One slot leaves the entries and one joins the children: the number stays, the slots between shift. */
    size_t child_at = bits(to->entries) - 1 + bits_below(to->children, bit);
    memmove(&to->slots[at], &to->slots[at + 1], (child_at - at) * sizeof(void *));
    to->slots[child_at] = child;
    to->entries &= ~(1u << bit);
    to->children |= 1u << bit;
    *slot = to;
    let_go(x, n, own);
    return DONE;
}

static enum outcome edit_child(struct edit *x, struct enf_hamt_node **slot, unsigned depth, unsigned bit,
                               bool own) {
    struct enf_hamt_node *n = *slot;
    size_t at = bits(n->entries) + bits_below(n->children, bit);
    struct enf_hamt_node *child = n->slots[at];
    bool own_child = own && child->refs == 1;
    if (!own) {
        /* Copy first: afterwards the path down is ours to change, and a failure leaves the old tree alone. */
        struct enf_hamt_node *copy = copy_node(x, n, SIZE_MAX, false, false);
        if (copy == NULL)
            return FAILED;
        node_unref(x->m, x->ops, n);
        *slot = n = copy;
        own_child = false;
    }
    enum outcome outcome = edit_node(x, &child, depth + 1, own_child);
    n->slots[at] = child; /* also after a failure: the child may have moved */
    if (outcome == FAILED || child != NULL)
        return outcome;
    if (slots_of(n) == 1) {
        enf_release(x->m, n, node_size(1));
        *slot = NULL;
        return DONE;
    }
    /* An empty child must go. If there is no memory for the smaller node, an empty one cannot stay either. */
    struct enf_hamt_node *less = close_slot(x, n, at, true);
    if (less == NULL)
        return FAILED;
    less->children &= ~(1u << bit);
    *slot = less;
    return DONE;
}

static enum outcome edit_node(struct edit *x, struct enf_hamt_node **slot, unsigned depth, bool own) {
    struct enf_hamt_node *n = *slot;
    own = own && n->refs == 1;
    if (depth > DEPTH_MAX) {
        for (uint32_t i = 0; i < n->flat; i++) {
            struct enf_entry *e = n->slots[i];
            if (e->hash == x->hash && x->ops->equal(e, x->key))
                return edit_entry(x, slot, i, 0, own);
        }
        return insert_entry(x, slot, n->flat, 0, own);
    }
    unsigned bit = chunk(x->hash, depth);
    if (n->entries >> bit & 1) {
        size_t at = bits_below(n->entries, bit);
        struct enf_entry *e = n->slots[at];
        if (e->hash == x->hash && x->ops->equal(e, x->key))
            return edit_entry(x, slot, at, 1u << bit, own);
        return push_down(x, slot, depth, bit, own);
    }
    if (n->children >> bit & 1)
        return edit_child(x, slot, depth, bit, own);
    return insert_entry(x, slot, bits_below(n->entries, bit), 1u << bit, own);
}

bool enf_hamt_edit(struct enf_mem *m, struct enf_hamt *h, const struct enf_hamt_ops *ops, uint64_t hash,
                   const void *key, enf_hamt_edit_fn edit, void *ctx) {
    struct edit x = { m, ops, hash, key, edit, ctx, 0 };
    if (h->root == NULL) {
        struct enf_hamt_node *n = enf_alloc(m, node_size(0));
        if (n == NULL)
            return false;
        n->refs = 1;
        h->root = n;
    }
    bool ok = edit_node(&x, &h->root, 0, true) == DONE;
    h->len = (size_t)((ptrdiff_t)h->len + x.delta);
    if (h->root != NULL && slots_of(h->root) == 0)
        enf_hamt_done(m, h, ops);
    return ok;
}

static bool each(const struct enf_hamt_node *n, enf_hamt_visit_fn visit, void *ctx) {
    size_t slots = slots_of(n), entries = entries_of(n);
    for (size_t i = 0; i < entries; i++)
        if (!visit(ctx, n->slots[i]))
            return false;
    for (size_t i = entries; i < slots; i++)
        if (!each(n->slots[i], visit, ctx))
            return false;
    return true;
}

bool enf_hamt_each(const struct enf_hamt *h, enf_hamt_visit_fn visit, void *ctx) {
    return h->root == NULL || each(h->root, visit, ctx);
}
