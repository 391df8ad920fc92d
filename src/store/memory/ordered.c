#include "store/memory/ordered.h"

#include <stdlib.h>

static int compare(const struct ordered_key *a, const struct ordered_key *b) {
    int order = 0;
    for (size_t i = 0; i < ORDERED_PARTS && order == 0; i++)
        order = str_cmp(a->parts[i], b->parts[i]);
    return order;
}

/* `*ret_links[l]` is where a node with this key belongs on level l. */
static void seek(struct ordered *o, const struct ordered_key *key,
                 struct ordered_node **ret_links[ORDERED_LEVELS]) {
    struct ordered_node **links = o->head;
    for (size_t level = ORDERED_LEVELS; level-- > 0;) {
        while (links[level] != NULL && compare(&links[level]->key, key) < 0)
            links = links[level]->next;
        ret_links[level] = &links[level];
    }
}

struct ordered_node *ordered_from(const struct ordered *o, const struct ordered_key *key) {
    struct ordered_node *const *links = o->head;
    for (size_t level = ORDERED_LEVELS; level-- > 0;)
        while (links[level] != NULL && compare(&links[level]->key, key) < 0)
            links = links[level]->next;
    return links[0];
}

struct ordered_node *ordered_find(const struct ordered *o, const struct ordered_key *key) {
    struct ordered_node *n = ordered_from(o, key);
    return n != NULL && compare(&n->key, key) == 0 ? n : NULL;
}

/* A quarter of the nodes has one level more each time. The draws need not surprise anybody: keys have no part in them. */
static unsigned draw_levels(struct ordered *o) {
    uint64_t z = (o->draws += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    unsigned levels = 1;
    for (; levels < ORDERED_LEVELS && (z & 3) == 0; z >>= 2)
        levels++;
    return levels;
}

struct ordered_node *ordered_node_new(struct ordered *o, const struct ordered_key *key, void *value) {
    unsigned levels = draw_levels(o);
    size_t bytes = 0, links = levels * sizeof(struct ordered_node *);
    for (size_t i = 0; i < ORDERED_PARTS; i++)
        bytes += key->parts[i].len;
    struct ordered_node *n = calloc(1, sizeof *n + links + bytes);
    if (n == NULL)
        return NULL;
    n->value = value;
    n->levels = levels;
    char *p = (char *)n + sizeof *n + links;
    for (size_t i = 0; i < ORDERED_PARTS; i++) {
        struct str part = key->parts[i];
        if (part.len > 0)
            memcpy(p, part.ptr, part.len);
        n->key.parts[i] = (struct str) { p, part.len };
        p += part.len;
    }
    return n;
}

void ordered_link(struct ordered *o, struct ordered_node *n) {
    struct ordered_node **links[ORDERED_LEVELS];
    seek(o, &n->key, links);
    for (unsigned level = 0; level < n->levels; level++) {
        n->next[level] = *links[level];
        *links[level] = n;
    }
}

void ordered_unlink(struct ordered *o, struct ordered_node *n) {
    struct ordered_node **links[ORDERED_LEVELS];
    seek(o, &n->key, links);
    for (unsigned level = 0; level < n->levels; level++)
        *links[level] = n->next[level];
}

void ordered_node_free(struct ordered *o, struct ordered_node *n) {
    if (o->free_value != NULL)
        o->free_value(n->value);
    free(n);
}

void ordered_done(struct ordered *o) {
    for (struct ordered_node *n = o->head[0], *next; n != NULL; n = next) {
        next = n->next[0];
        ordered_node_free(o, n);
    }
}
