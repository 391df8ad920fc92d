#include "enforcer/rule.h"
#include <assert.h>

/* Leaves hold rules, inner nodes hold nodes; all leaves are equally deep. A node is never empty. */
enum { FANOUT = 32 };

struct enf_list {
    uint32_t refs;
    uint16_t len, cap;
    bool leaf;
    void *slots[];
};

static size_t list_size(size_t cap) { return sizeof(struct enf_list) + cap * sizeof(void *); }

static struct enf_list *list_new(struct enf_pool *pool, bool leaf, size_t cap) {
    struct enf_list *n = enf_alloc(pool->mem, list_size(cap));
    if (n != NULL)
        *n = (struct enf_list) { .refs = 1, .cap = (uint16_t)cap, .leaf = leaf };
    return n;
}

void enf_list_ref(struct enf_list *list) {
    if (list != NULL)
        list->refs++;
}

static void slot_ref(const struct enf_list *n, size_t i) {
    if (n->leaf)
        enf_rule_ref(n->slots[i]);
    else
        enf_list_ref(n->slots[i]);
}

static void slot_unref(struct enf_pool *pool, const struct enf_list *n, size_t i) {
    if (n->leaf)
        enf_rule_unref(pool, n->slots[i]);
    else
        enf_list_unref(pool, n->slots[i]);
}

void enf_list_unref(struct enf_pool *pool, struct enf_list *n) {
    if (n == NULL || --n->refs > 0)
        return;
    for (uint16_t i = 0; i < n->len; i++)
        slot_unref(pool, n, i);
    enf_release(pool->mem, n, list_size(n->cap));
}

/* *node made ours to change, with room for `cap` slots. */
static bool list_own(struct enf_pool *pool, struct enf_list **node, bool own, size_t cap) {
    struct enf_list *n = *node;
    if (own && n->cap >= cap)
        return true;
    struct enf_list *copy = list_new(pool, n->leaf, cap > n->len ? cap : n->len);
    if (copy == NULL)
        return false;
    copy->len = n->len;
    memcpy(copy->slots, n->slots, n->len * sizeof(void *));
    if (own) {
        enf_release(pool->mem, n, list_size(n->cap));
    } else {
        for (uint16_t i = 0; i < copy->len; i++)
            slot_ref(copy, i);
        enf_list_unref(pool, n);
    }
    *node = copy;
    return true;
}

static struct enforcer_rule *first_rule(const struct enf_list *n) {
    while (!n->leaf)
        n = n->slots[0];
    return n->slots[0];
}

struct enforcer_rule *enf_list_last(const struct enf_list *n) {
    while (n != NULL && !n->leaf)
        n = n->slots[n->len - 1];
    return n != NULL ? n->slots[n->len - 1] : NULL;
}

bool enf_list_one(const struct enf_list *list) { return list != NULL && list->leaf && list->len == 1; }

/* Slots before which `r` belongs: of a leaf the first rule not before it, of an inner node the child to go into. */
static size_t position(const struct enf_list *n, const struct enforcer_rule *r) {
    size_t low = 0, high = n->len;
    while (low < high) {
        size_t mid = (low + high) / 2;
        const struct enforcer_rule *at = n->leaf ? n->slots[mid] : first_rule(n->slots[mid]);
        int c = enf_rule_cmp(at, r);
        if (c < 0 || (!n->leaf && c == 0))
            low = mid + 1;
        else
            high = mid;
    }
    return n->leaf || low == 0 ? low : low - 1;
}

static size_t grown_cap(size_t cap) {
    size_t grown = cap < 4 ? cap + 1 : cap + cap / 2;
    return grown > FANOUT ? FANOUT : grown;
}

/* Puts `item` at `at` of a node that is ours; splits a full one: the upper part comes back in *ret_split. */
static bool put(struct enf_pool *pool, struct enf_list **node, size_t at, void *item,
                struct enf_list **ret_split) {
    struct enf_list *n = *node;
    *ret_split = NULL;
    if (n->len < FANOUT) {
        if (n->len == n->cap && !list_own(pool, node, true, grown_cap(n->cap)))
            return false;
        n = *node;
        memmove(&n->slots[at + 1], &n->slots[at], (n->len - at) * sizeof(void *));
        n->slots[at] = item;
        n->len++;
        return true;
    }
    /* Rules mostly arrive in order: then the left part stays full. */
    size_t keep = at == FANOUT ? FANOUT : FANOUT / 2;
    struct enf_list *right = list_new(pool, n->leaf, keep == FANOUT ? 4 : FANOUT);
    if (right == NULL)
        return false;
    right->len = (uint16_t)(n->len - keep);
    memcpy(right->slots, &n->slots[keep], right->len * sizeof(void *));
    n->len = (uint16_t)keep;
    struct enf_list *into = at > keep || keep == FANOUT ? right : n;
    size_t to = into == right ? at - keep : at;
    memmove(&into->slots[to + 1], &into->slots[to], (into->len - to) * sizeof(void *));
    into->slots[to] = item;
    into->len++;
    *ret_split = right;
    return true;
}

/* A node held once, below nodes held once, is ours alone: a copied parent has added a reference to every child. */
static bool insert(struct enf_pool *pool, struct enf_list **node, struct enforcer_rule *r,
                   struct enf_list **ret_split) {
    bool own = (*node)->refs == 1;
    if (!list_own(pool, node, own, (*node)->len < FANOUT ? (size_t)(*node)->len + !own : FANOUT))
        return false;
    struct enf_list *n = *node;
    size_t at = position(n, r);
    *ret_split = NULL;
    if (n->leaf) {
        if (!put(pool, node, at, r, ret_split))
            return false;
        enf_rule_ref(r);
        return true;
    }
    struct enf_list *child = n->slots[at], *split = NULL;
    bool ok = insert(pool, &child, r, &split);
    n->slots[at] = child;
    if (!ok || split == NULL)
        return ok;
    if (!put(pool, node, at + 1, split, ret_split)) {
        /* The rules of the split half would be lost: the caller gives the whole batch up. */
        enf_list_unref(pool, split);
        return false;
    }
    return true;
}

bool enf_list_insert(struct enf_pool *pool, struct enf_list **list, struct enforcer_rule *r) {
    if (*list == NULL) {
        *list = list_new(pool, true, 1);
        if (*list == NULL)
            return false;
        (*list)->slots[0] = r;
        (*list)->len = 1;
        enf_rule_ref(r);
        return true;
    }
    struct enf_list *split = NULL;
    if (!insert(pool, list, r, &split))
        return false;
    if (split == NULL)
        return true;
    struct enf_list *root = list_new(pool, false, 4);
    if (root == NULL) {
        enf_list_unref(pool, split);
        return false;
    }
    root->len = 2;
    root->slots[0] = *list;
    root->slots[1] = split;
    *list = root;
    return true;
}

static bool take(struct enf_pool *pool, struct enf_list **node, struct enforcer_rule *r) {
    bool own = (*node)->refs == 1;
    if (!list_own(pool, node, own, (*node)->len))
        return false;
    struct enf_list *n = *node;
    size_t at = position(n, r);
    if (n->leaf) {
        assert(at < n->len && n->slots[at] == r);
        enf_rule_unref(pool, n->slots[at]);
    } else {
        struct enf_list *child = n->slots[at];
        bool ok = take(pool, &child, r);
        n->slots[at] = child;
        if (!ok || child != NULL)
            return ok;
    }
    memmove(&n->slots[at], &n->slots[at + 1], (size_t)(n->len - at - 1) * sizeof(void *));
    if (--n->len == 0) {
        enf_list_unref(pool, n);
        *node = NULL;
    }
    return true;
}

bool enf_list_remove(struct enf_pool *pool, struct enf_list **list, struct enforcer_rule *r) {
    if (!take(pool, list, r))
        return false;
    while (*list != NULL && !(*list)->leaf && (*list)->len == 1 && (*list)->refs == 1) {
        struct enf_list *child = (*list)->slots[0];
        enf_list_ref(child);
        enf_list_unref(pool, *list);
        *list = child;
    }
    return true;
}

void enf_cursor_init(struct enf_cursor *c, const struct enf_list *list) {
    c->depth = -1;
    for (; list != NULL; list = list->leaf ? NULL : list->slots[0]) {
        c->depth++;
        c->nodes[c->depth] = list;
        c->at[c->depth] = 0;
    }
}

/* To the next leaf, or the end (depth -1). */
static void cursor_up(struct enf_cursor *c) {
    while (--c->depth >= 0 && ++c->at[c->depth] == c->nodes[c->depth]->len)
        continue;
    if (c->depth < 0)
        return;
    for (const struct enf_list *n = c->nodes[c->depth]; !n->leaf;) {
        n = n->slots[c->at[c->depth]];
        c->depth++;
        c->nodes[c->depth] = n;
        c->at[c->depth] = 0;
    }
}

struct enforcer_rule *enf_cursor_next(struct enf_cursor *c) {
    if (c->depth < 0)
        return NULL;
    const struct enf_list *leaf = c->nodes[c->depth];
    struct enforcer_rule *r = leaf->slots[c->at[c->depth]++];
    if (c->at[c->depth] == leaf->len)
        cursor_up(c);
    return r;
}

void *const *enf_cursor_run(struct enf_cursor *c, size_t *ret_len) {
    *ret_len = 0;
    if (c->depth < 0)
        return NULL;
    const struct enf_list *leaf = c->nodes[c->depth];
    void *const *run = &leaf->slots[c->at[c->depth]];
    *ret_len = (size_t)(leaf->len - c->at[c->depth]);
    cursor_up(c);
    return run;
}
