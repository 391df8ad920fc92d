#include "store/memory/memory.h"

#include <stdlib.h>

void memory_str_free(struct str s) {
    union {
        const char *in;
        char *out;
    } owned = { .in = s.ptr };
    free(owned.out);
}

bool memory_str_own(struct str *s) {
    char *copy = str_dup(*s);
    *s = (struct str) { copy, copy != NULL ? s->len : 0 };
    return copy != NULL;
}

static void free_code(void *c) { memory_code_free(c); }
static void free_family(void *f) { memory_family_free(f); }

static enum err_code memory_open(const struct store_options *options, struct store **ret, struct err *err) {
    (void)options;
    struct memory_store *m = calloc(1, sizeof *m);
    if (m == NULL)
        return err_set(err, ERR_NOMEM, "a memory store");
    store_base_init(&m->base);
    (void)pthread_mutex_init(&m->mutex, NULL);
    m->objects.free_value = memory_object_free;
    random_bytes(random_system(), m->codes.seed, sizeof m->codes.seed);
    random_bytes(random_system(), m->families.seed, sizeof m->families.seed);
    *ret = &m->base;
    return ERR_OK;
}

static void memory_close(struct store *s) {
    struct memory_store *m = memory_of(s);
    ordered_done(&m->objects);
    ordered_done(&m->keys);
    ordered_done(&m->owned);
    ordered_done(&m->owners);
    for (size_t i = 0; i < m->changes_len; i++)
        memory_change_free(m->changes[i]);
    free(m->changes);
    free(m->kinds);
    map_done(&m->codes, free_code);
    map_done(&m->families, free_family);
    (void)pthread_mutex_destroy(&m->mutex);
    store_base_done(s);
    free(m);
}

static size_t expire_codes(struct map *codes, int64_t now, size_t limit) {
    size_t i = 0, count = 0;
    const struct map_entry *e;
    while (count < limit && (e = map_next(codes, &i)) != NULL) {
        struct memory_code *c = e->value;
        if (c->forget_at > now)
            continue;
        memory_code_free(map_remove(codes, memory_key(c->id)));
        count++;
    }
    return count;
}

static size_t expire_families(struct map *families, int64_t now, size_t limit) {
    size_t i = 0, count = 0;
    const struct map_entry *e;
    while (count < limit && (e = map_next(families, &i)) != NULL) {
        struct memory_family *f = e->value;
        if (f->forget_at == 0 || f->forget_at > now)
            continue;
        memory_family_free(map_remove(families, memory_key(f->family.id)));
        count++;
    }
    return count;
}

static enum err_code memory_expire(struct store *s, int64_t now, size_t limit, size_t *ret_count,
                                   struct err *err) {
    (void)err;
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    size_t count = expire_codes(&m->codes, now, limit);
    count += expire_families(&m->families, now, limit - count);
    s->writes += count > 0;
    *ret_count = count;
    return ERR_OK;
}

static enum err_code memory_backup(struct store *s, const char *path, struct err *err) {
    (void)s;
    return err_set(err, ERR_INVALID, "%s: a memory store has nothing to back up", path);
}

static enum err_code memory_health(const struct store *s, struct err *err) {
    (void)s;
    (void)err;
    return ERR_OK;
}

const struct store_ops store_memory_ops = {
    .type = "memory",
    .open = memory_open,
    .close = memory_close,
    .transact = memory_transact,
    .tx_get = memory_tx_get,
    .tx_list = memory_tx_list,
    .tx_count = memory_tx_count,
    .tx_write = memory_tx_write,
    .tx_remove = memory_tx_remove,
    .tx_set_owned = memory_tx_set_owned,
    .get = memory_get,
    .find = memory_find,
    .list = memory_list,
    .kind_revision = memory_kind_revision,
    .revision = memory_revision,
    .owned_list = memory_owned_list,
    .changes = memory_changes,
    .compact = memory_compact,
    .code_put = memory_code_put,
    .code_get = memory_code_get,
    .code_consume = memory_code_consume,
    .family_put = memory_family_put,
    .refresh_get = memory_refresh_get,
    .refresh_rotate = memory_refresh_rotate,
    .family_revoke = memory_family_revoke,
    .expire = memory_expire,
    .backup = memory_backup,
    .health = memory_health,
};
