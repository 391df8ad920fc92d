#include "tkeauth/base/map.h"

#include <stdlib.h>

/* A removed slot keeps this key, so that probing goes on past it. */
static char tombstone;

static struct map_entry *map_slot(const struct map *m, struct str key, uint64_t hash) {
    struct map_entry *free_slot = NULL;
    for (size_t i = 0, at = hash & (m->cap - 1); i < m->cap; i++, at = (at + 1) & (m->cap - 1)) {
        struct map_entry *e = &m->slots[at];
        if (e->key == NULL)
            return free_slot ? free_slot : e;
        if (e->key == &tombstone) {
            if (free_slot == NULL)
                free_slot = e;
        } else if (e->hash == hash && str_eq((struct str) { e->key, e->key_len }, key))
            return e;
    }
    return free_slot;
}

static bool slot_is_live(const struct map_entry *e) {
    return e != NULL && e->key != NULL && e->key != &tombstone;
}

void *map_get(const struct map *m, struct str key) {
    if (m->len == 0)
        return NULL;
    const struct map_entry *e = map_slot(m, key, siphash13(m->seed, key.ptr, key.len));
    return slot_is_live(e) ? e->value : NULL;
}

static enum err_code map_rehash(struct map *m, size_t cap, struct err *err) {
    struct map grown = { .cap = cap, .len = m->len, .used = m->len, .seed = { m->seed[0], m->seed[1] } };
    grown.slots = calloc(cap, sizeof *grown.slots);
    if (grown.slots == NULL)
        return err_set(err, ERR_NOMEM, "a map of %zu entries", cap);
    for (size_t i = 0; i < m->cap; i++)
        if (slot_is_live(&m->slots[i]))
            *map_slot(&grown, (struct str) { m->slots[i].key, m->slots[i].key_len },
                      m->slots[i].hash) = m->slots[i];
    free(m->slots);
    *m = grown;
    return ERR_OK;
}

enum err_code map_put(struct map *m, struct str key, void *value, void **ret_old, struct err *err) {
    if (m->used + 1 > m->cap / 4 * 3) {
        enum err_code rc = map_rehash(m, m->len + 1 > m->cap / 2 ? (m->cap ? m->cap * 2 : 8) : m->cap, err);
        if (rc != ERR_OK)
            return rc;
    }
    uint64_t hash = siphash13(m->seed, key.ptr, key.len);
    struct map_entry *e = map_slot(m, key, hash);
    if (ret_old != NULL)
        *ret_old = slot_is_live(e) ? e->value : NULL;
    if (slot_is_live(e)) {
        e->value = value;
        return ERR_OK;
    }
    char *copy = str_dup(key);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "a map key");
    if (e->key == NULL)
        m->used++;
    *e = (struct map_entry) { copy, key.len, hash, value };
    m->len++;
    return ERR_OK;
}

void *map_remove(struct map *m, struct str key) {
    if (m->len == 0)
        return NULL;
    struct map_entry *e = map_slot(m, key, siphash13(m->seed, key.ptr, key.len));
    if (!slot_is_live(e))
        return NULL;
    void *value = e->value;
    free(e->key);
    *e = (struct map_entry) { .key = &tombstone };
    m->len--;
    return value;
}

const struct map_entry *map_next(const struct map *m, size_t *i) {
    while (*i < m->cap) {
        const struct map_entry *e = &m->slots[(*i)++];
        if (slot_is_live(e))
            return e;
    }
    return NULL;
}

void map_done(struct map *m, void (*free_value)(void *)) {
    for (size_t i = 0; i < m->cap; i++) {
        if (!slot_is_live(&m->slots[i]))
            continue;
        if (free_value != NULL)
            free_value(m->slots[i].value);
        free(m->slots[i].key);
    }
    free(m->slots);
    *m = (struct map) { .seed = { m->seed[0], m->seed[1] } };
}
