/* A sorted map from up to three byte strings to a pointer (a skip list). Nodes are made, linked and unlinked one by one, so that
 * a removal can be taken back without memory. */
#pragma once
#include "tkeauth/base.h"

enum { ORDERED_LEVELS = 16, ORDERED_PARTS = 3 };

struct ordered_key {
    struct str parts[ORDERED_PARTS]; /* compared one after the other; STR_NULL comes first */
};
struct ordered_node {
    struct ordered_key key; /* its bytes are the node's */
    void *value;
    unsigned levels;
    struct ordered_node *next[]; /* next[0]: the one after this */
};
/* Zero-initialised is an empty one. */
struct ordered {
    struct ordered_node *head[ORDERED_LEVELS];
    uint64_t draws;                  /* for the levels of nodes */
    void (*free_value)(void *value); /* NULL: not owned */
};

struct ordered_node *ordered_find(const struct ordered *o, const struct ordered_key *key); /* NULL: absent */
struct ordered_node *ordered_from(const struct ordered *o,
                                  const struct ordered_key *key); /* it, or the next */
struct ordered_node *ordered_node_new(struct ordered *o, const struct ordered_key *key, void *value)
    MUST_CHECK;                                               /* not linked yet; NULL: out of memory */
void ordered_link(struct ordered *o, struct ordered_node *n); /* its key must not be there */
void ordered_unlink(struct ordered *o, struct ordered_node *n);
void ordered_node_free(struct ordered *o, struct ordered_node *n); /* with its value */
void ordered_done(struct ordered *o);
