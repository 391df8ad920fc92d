/* A hash map from byte strings to pointers. Keys are hashed with SipHash-1-3 under a key that the caller draws at
 * random where keys come from outside, so that nobody can choose colliding ones. */
#pragma once
#include "tkeauth/base/str.h"

struct map_entry {
    char *key; /* owned by the map, NUL-terminated */
    size_t key_len;
    uint64_t hash;
    void *value;
};

/* Open addressing, insertion order is not kept. Zero-initialised is an empty map. */
struct map {
    struct map_entry *slots;
    size_t cap, len, used;
    uint64_t seed[2];
};

void *map_get(const struct map *m, struct str key); /* NULL: absent */
/* Copies `key`; replaces and returns the old value through `ret_old` (may be NULL). ERR_NOMEM. */
MUST_CHECK enum err_code map_put(struct map *m, struct str key, void *value, void **ret_old, struct err *err);
void *map_remove(struct map *m, struct str key); /* the value, now the caller's; NULL: absent */
/* Iteration: `size_t i = 0; const struct map_entry *e; while ((e = map_next(m, &i)))`. */
const struct map_entry *map_next(const struct map *m, size_t *i);
/* Calls `free_value` (may be NULL) on every value, then frees the map's memory. */
void map_done(struct map *m, void (*free_value)(void *));

uint64_t siphash13(const uint64_t seed[2], const void *data, size_t len);
