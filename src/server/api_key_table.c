#include "server/api_key_table.h"

#include <stdlib.h>

#include "enforcer/enforcer.h"

/* The largest object there can be is a list of empty strings, which takes more than five times its length. */
enum { SHARDS = 256, ENTRY_MEMORY_MAX = 8 * STORE_OBJECT_MAX };

struct key_entry {
    _Atomic int refs;
    unsigned char digest[SHA256_SIZE];
    int64_t issued_at, expires_at;
    struct str name, tenant, username, uid, description; /* in the block behind the struct */
};

/* Immutable: sorted by digest. */
struct shard {
    struct snapshot snapshot;
    size_t len;
    struct key_entry *entries[];
};

/* Users whose keys do not count: sorted keys as rules have them. */
struct locked {
    struct snapshot snapshot;
    size_t len;
    char *items[];
};

struct api_key_table {
    struct enforcer *enforcer;
    struct log *log;
    struct snapshot_cell shards[SHARDS];
    struct snapshot_cell locked;
    /* Locked users who were deleted, and stay locked until their keys must have followed them. Of the one thread that changes the table. */
    char **gone;
    size_t gone_count, gone_cap;
};

/* Room for one pointer more. */
static void *grow(void *items, size_t len, size_t *cap) {
    if (len < *cap)
        return items;
    size_t larger = *cap ? *cap * 2 : 64;
    void *grown = reallocarray(items, larger, sizeof(void *));
    if (grown != NULL)
        *cap = larger;
    return grown;
}

/* ---- entries ---- */

static void entry_unref(struct key_entry *e) {
    if (e != NULL && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1)
        free(e);
}

static struct str put(char **at, struct str s) {
    struct str copy = { *at, s.len };
    if (s.len > 0)
        memcpy(*at, s.ptr, s.len);
    *at += s.len;
    return copy;
}

static struct key_entry *entry_new(const struct api_key *k) {
    size_t bytes = k->name.len + k->tenant.len + k->username.len + k->uid.len + k->description.len;
    struct key_entry *e = calloc(1, sizeof *e + bytes + 1);
    if (e == NULL)
        return NULL;
    char *at = (char *)(e + 1);
    atomic_init(&e->refs, 1);
    memcpy(e->digest, k->digest, sizeof e->digest);
    e->issued_at = k->issued_at;
    e->expires_at = k->expires_at;
    e->name = put(&at, k->name);
    e->tenant = put(&at, k->tenant);
    e->username = put(&at, k->username);
    e->uid = put(&at, k->uid);
    e->description = put(&at, k->description);
    return e;
}

static void shard_free(struct snapshot *s) {
    struct shard *h = (struct shard *)(void *)s;
    for (size_t i = 0; i < h->len; i++)
        entry_unref(h->entries[i]);
    free(h);
}

static struct shard *shard_new(size_t len) {
    struct shard *h = calloc(1, sizeof *h + len * sizeof(struct key_entry *));
    if (h != NULL)
        snapshot_init(&h->snapshot, shard_free);
    return h;
}

/* Where the digest is, or would have to be put. */
static size_t position(const struct shard *h, const unsigned char *digest, bool *ret_found) {
    size_t low = 0, high = h != NULL ? h->len : 0;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = memcmp(h->entries[middle]->digest, digest, SHA256_SIZE);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* The shard with the key's entry replaced by `e` (taken over), or without it (NULL). */
static enum err_code replace(struct api_key_table *t, const unsigned char *digest, struct key_entry *e,
                             struct err *err) {
    struct snapshot_cell *cell = &t->shards[digest[0]];
    struct snapshot *held = snapshot_acquire(cell);
    const struct shard *old = (const struct shard *)(const void *)held;
    bool found;
    size_t at = position(old, digest, &found), len = old != NULL ? old->len : 0;
    struct shard *next = shard_new(len + 1);
    if (next != NULL) {
        for (size_t i = 0; i < len; i++) {
            if (i == at && e != NULL)
                next->entries[next->len++] = e;
            if (i == at && found)
                continue;
            atomic_fetch_add_explicit(&old->entries[i]->refs, 1, memory_order_relaxed);
            next->entries[next->len++] = old->entries[i];
        }
        if (at == len && e != NULL)
            next->entries[next->len++] = e;
        snapshot_swap(cell, &next->snapshot);
    } else
        entry_unref(e);
    if (held != NULL)
        snapshot_release(cell, held);
    return next != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "API keys");
}

/* ---- locked users ---- */

static void locked_free(struct snapshot *s) {
    struct locked *l = (struct locked *)(void *)s;
    for (size_t i = 0; i < l->len; i++)
        free(l->items[i]);
    free(l);
}

static struct locked *locked_new(size_t len) {
    struct locked *l = calloc(1, sizeof *l + len * sizeof(char *));
    if (l != NULL)
        snapshot_init(&l->snapshot, locked_free);
    return l;
}

static size_t locked_position(const struct locked *l, struct str key, bool *ret_found) {
    size_t low = 0, high = l != NULL ? l->len : 0;
    *ret_found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(str_of(l->items[middle]), key);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum err_code set_locked(struct api_key_table *t, struct str key, bool locked, struct err *err) {
    struct snapshot *held = snapshot_acquire(&t->locked);
    const struct locked *old = (const struct locked *)(const void *)held;
    bool found, failed = false;
    size_t at = locked_position(old, key, &found), len = old != NULL ? old->len : 0;
    struct locked *next = found == locked ? NULL : locked_new(len + 1);
    if (next != NULL) {
        for (size_t i = 0; i <= len; i++) {
            if (i == at && locked)
                next->items[next->len++] = str_dup(key);
            if (i < len && !(i == at && found))
                next->items[next->len++] = str_dup_c(old->items[i]);
        }
        for (size_t i = 0; i < next->len; i++)
            failed = failed || next->items[i] == NULL;
        if (failed)
            locked_free(&next->snapshot);
        else
            snapshot_swap(&t->locked, &next->snapshot);
    }
    if (held != NULL)
        snapshot_release(&t->locked, held);
    return found == locked || (next != NULL && !failed) ? ERR_OK : err_set(err, ERR_NOMEM, "locked users");
}

static bool is_locked(const struct api_key_table *t, struct str key) {
    struct api_key_table *table = (struct api_key_table *)(uintptr_t)t; /* the cells count their readers */
    struct snapshot *held = snapshot_acquire(&table->locked);
    bool found;
    (void)locked_position((const struct locked *)(const void *)held, key, &found);
    if (held != NULL)
        snapshot_release(&table->locked, held);
    return found;
}

/* ---- life ---- */

enum err_code api_key_table_new(struct enforcer *enforcer, struct log *log, struct api_key_table **ret,
                                struct err *err) {
    struct api_key_table *t = calloc(1, sizeof *t);
    if (t == NULL)
        return err_set(err, ERR_NOMEM, "API keys");
    t->enforcer = enforcer;
    t->log = log;
    *ret = t;
    return ERR_OK;
}

void api_key_table_free(struct api_key_table *t) {
    if (t == NULL)
        return;
    for (size_t i = 0; i < SHARDS; i++)
        snapshot_swap(&t->shards[i], NULL);
    snapshot_swap(&t->locked, NULL);
    while (t->gone_count > 0)
        free(t->gone[--t->gone_count]);
    free(t->gone);
    free(t);
}

/* ---- changes ---- */

/* `*ret_entry` NULL: the key is disabled. */
static enum err_code read_key(struct str body, unsigned char ret_digest[SHA256_SIZE],
                              struct key_entry **ret_entry, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(ENTRY_MEMORY_MAX);
    struct api_key k;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "an API key");
    enum err_code rc = resource_api_key(a, body, &k, err);
    if (rc != ERR_OK)
        return rc;
    struct key_entry *e = k.disabled ? NULL : entry_new(&k);
    if (e == NULL && !k.disabled)
        return err_set(err, ERR_NOMEM, "an API key");
    memcpy(ret_digest, k.digest, SHA256_SIZE);
    *ret_entry = e;
    return ERR_OK;
}

/* `*ret_key`: as rules have it, the caller's. */
static enum err_code read_identity(struct str body, char **ret_key, bool *ret_locked, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(ENTRY_MEMORY_MAX);
    const struct store_object o = { .body = body };
    struct local_user u;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a user");
    enum err_code rc = resource_local_user(a, &o, &u, err);
    if (rc != ERR_OK)
        return rc;
    struct str key = key_of_user(a, u.tenant, u.username);
    char *copy = arena_failed(a) ? NULL : str_dup(key);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "a user");
    *ret_key = copy;
    *ret_locked = u.locked;
    return ERR_OK;
}

static enum err_code apply_key(struct api_key_table *t, enum store_change_type type, struct str body,
                               struct err *err) {
    unsigned char digest[SHA256_SIZE];
    struct key_entry *e = NULL;
    enum err_code rc = read_key(body, digest, &e, err);
    if (rc != ERR_OK)
        return rc;
    if (type == STORE_DELETED) {
        entry_unref(e);
        e = NULL;
    }
    return replace(t, digest, e, err);
}

/* Takes `key` over. */
static enum err_code note_gone(struct api_key_table *t, char *key, struct err *err) {
    char **grown = grow(t->gone, t->gone_count, &t->gone_cap);
    if (grown == NULL) {
        free(key);
        return err_set(err, ERR_NOMEM, "locked users");
    }
    t->gone = grown;
    t->gone[t->gone_count++] = key;
    return ERR_OK;
}

/* Somebody of that name is there again: from now on they decide. */
static void forget_gone(struct api_key_table *t, const char *key) {
    for (size_t i = 0; i < t->gone_count;) {
        if (strcmp(t->gone[i], key) != 0) {
            i++;
            continue;
        }
        free(t->gone[i]);
        t->gone[i] = t->gone[--t->gone_count];
    }
}

static enum err_code apply_identity(struct api_key_table *t, enum store_change_type type, struct str body,
                                    struct err *err) {
    char *key = NULL;
    bool locked = false;
    enum err_code rc = read_identity(body, &key, &locked, err);
    if (rc != ERR_OK)
        return rc;
    if (type == STORE_DELETED && locked)
        return note_gone(t, key, err);
    forget_gone(t, key);
    rc = set_locked(t, str_of(key), type != STORE_DELETED && locked, err);
    free(key);
    return rc;
}

enum err_code api_key_table_apply(struct api_key_table *t, const struct store_change *c, struct err *err) {
    if (str_eq(c->kind, str_of(kind_api_key.plural)))
        return apply_key(t, c->type, c->body, err);
    if (str_eq(c->kind, str_of(kind_local_identity.plural)))
        return apply_identity(t, c->type, c->body, err);
    return ERR_OK;
}

void api_key_table_settle(struct api_key_table *t) {
    struct err ignored; /* who stays locked has no keys any more */
    for (size_t i = 0; i < t->gone_count; i++) {
        (void)!set_locked(t, str_of(t->gone[i]), false, &ignored);
        free(t->gone[i]);
    }
    t->gone_count = 0;
}

/* ---- everything anew ---- */

/* Made aside and swapped in when it is whole: requests are being answered meanwhile. */
struct loading {
    struct log *log;
    struct key_entry **keys;
    char **users;
    size_t key_count, key_cap, user_count, user_cap;
    struct shard *shards[SHARDS];
    struct locked *locked;
};

static void loading_done(struct loading *l) {
    for (size_t i = 0; i < l->key_count; i++)
        entry_unref(l->keys[i]);
    for (size_t i = 0; i < l->user_count; i++)
        free(l->users[i]);
    for (size_t i = 0; i < SHARDS; i++)
        if (l->shards[i] != NULL)
            shard_free(&l->shards[i]->snapshot);
    if (l->locked != NULL)
        locked_free(&l->locked->snapshot);
    free(l->keys);
    free(l->users);
}

static enum err_code load_key(struct loading *l, struct str body, struct err *err) {
    unsigned char digest[SHA256_SIZE];
    struct key_entry *e = NULL, **grown = grow(l->keys, l->key_count, &l->key_cap);
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "API keys");
    l->keys = grown;
    enum err_code rc = read_key(body, digest, &e, err);
    if (rc == ERR_OK && e != NULL)
        l->keys[l->key_count++] = e;
    return rc;
}

static enum err_code load_identity(struct loading *l, struct str body, struct err *err) {
    bool locked = false;
    char *key = NULL, **grown = grow(l->users, l->user_count, &l->user_cap);
    if (grown == NULL)
        return err_set(err, ERR_NOMEM, "locked users");
    l->users = grown;
    enum err_code rc = read_identity(body, &key, &locked, err);
    if (rc == ERR_OK && locked)
        l->users[l->user_count++] = key;
    else
        free(key);
    return rc;
}

static enum err_code load_one(void *ctx, const struct store_object *o, struct err *err) {
    struct loading *l = ctx;
    enum err_code rc = str_eq(o->kind, str_of(kind_api_key.plural)) ? load_key(l, o->body, err)
                                                                    : load_identity(l, o->body, err);
    if (rc != ERR_INVALID)
        return rc;
    /* One object that cannot be read must not stop the others. */
    log_error_err(l->log, NULL, "object_unreadable", err, KV("kind", o->kind), KV("name", o->name));
    return ERR_OK;
}

static int by_digest(const void *a, const void *b) {
    const struct key_entry *const *x = a, *const *y = b;
    return memcmp((*x)->digest, (*y)->digest, SHA256_SIZE);
}

static int by_text(const void *a, const void *b) {
    const char *const *x = a, *const *y = b;
    return str_cmp(str_of(*x), str_of(*y));
}

/* Takes the sorted keys of one shard over; of two with the same digest only one, so that removing it removes it. */
static struct shard *shard_of(struct key_entry **keys, size_t len) {
    struct shard *h = shard_new(len);
    for (size_t i = 0; h != NULL && i < len; i++) {
        if (h->len > 0 && memcmp(h->entries[h->len - 1]->digest, keys[i]->digest, SHA256_SIZE) == 0)
            entry_unref(keys[i]);
        else
            h->entries[h->len++] = keys[i];
        keys[i] = NULL;
    }
    return h;
}

static enum err_code arrange(struct loading *l, struct err *err) {
    if (l->key_count > 1)
        qsort(l->keys, l->key_count, sizeof *l->keys, by_digest);
    if (l->user_count > 1)
        qsort(l->users, l->user_count, sizeof *l->users, by_text);
    for (size_t from = 0, to = 0; from < l->key_count; from = to) {
        unsigned char first = l->keys[from]->digest[0];
        while (to < l->key_count && l->keys[to]->digest[0] == first)
            to++;
        if ((l->shards[first] = shard_of(l->keys + from, to - from)) == NULL)
            return err_set(err, ERR_NOMEM, "API keys");
    }
    l->locked = locked_new(l->user_count);
    if (l->locked == NULL)
        return err_set(err, ERR_NOMEM, "locked users");
    for (size_t i = 0; i < l->user_count; i++)
        if (i + 1 == l->user_count || strcmp(l->users[i], l->users[i + 1]) != 0)
            l->locked->items[l->locked->len++] = STEAL(l->users[i]);
    return ERR_OK;
}

static void swap_in(struct api_key_table *t, struct loading *l) {
    struct locked *locked = STEAL(l->locked);
    snapshot_swap(&t->locked, &locked->snapshot); /* first: a key of a locked user must not slip in */
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *h = STEAL(l->shards[i]);
        snapshot_swap(&t->shards[i], h != NULL ? &h->snapshot : NULL);
    }
    while (t->gone_count > 0)
        free(t->gone[--t->gone_count]);
}

enum err_code api_key_table_load(struct api_key_table *t, struct store *s, struct err *err) {
    static const struct kind *const kinds[] = { &kind_api_key, &kind_local_identity };
    AUTO(loading_done) struct loading l = { .log = t->log };
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < ARRAY_LEN(kinds); i++) {
        const struct store_query q = { .kind = str_of(kinds[i]->plural), .each = load_one, .ctx = &l };
        rc = store_list(s, &q, NULL, err);
    }
    if (rc == ERR_OK)
        rc = arrange(&l, err);
    if (rc == ERR_OK)
        swap_in(t, &l);
    return rc;
}

/* ---- looking up ---- */

struct groups {
    struct arena *arena;
    struct str prefix; /* "t##group##" */
    struct str *items;
    size_t len, cap;
};

static bool note_group(void *ctx, struct enforcer_str role) {
    struct groups *g = ctx;
    struct str s = { role.ptr, role.len };
    if (!str_starts_with(s, g->prefix))
        return true;
    if (g->len == g->cap) {
        size_t cap = g->cap ? g->cap * 2 : 8;
        struct str *grown = arena_array(g->arena, cap, sizeof *grown);
        if (grown == NULL)
            return false;
        if (g->len > 0)
            memcpy(grown, g->items, g->len * sizeof *grown);
        g->items = grown;
        g->cap = cap;
    }
    g->items[g->len++] = arena_str(g->arena, str_from(s, g->prefix.len));
    return true;
}

/* The user's groups are links in the rules already. */
static void add_groups(const struct api_key_table *t, struct arena *a, struct str user_key,
                       struct apikey_view *ret) {
    struct groups g = { .arena = a, .prefix = key_of_group(a, ret->tenant, STR("")) };
    const struct enforcer_snapshot *rules = enforcer_acquire(t->enforcer);
    const struct enforcer_str name = { user_key.ptr, user_key.len }, domain = { "*", 1 };
    struct enforcer_error ignored;
    (void)!enforcer_roles_of(rules, NULL, name, &domain, note_group, &g, &ignored);
    enforcer_release(t->enforcer, rules);
    ret->groups = g.items;
    ret->group_count = g.len;
}

bool api_key_table_find(const void *ctx, struct arena *a, const unsigned char digest[32], int64_t now,
                        struct apikey_view *ret) {
    struct api_key_table *t = (struct api_key_table *)(uintptr_t)ctx; /* the cells count their readers */
    struct snapshot_cell *cell = &t->shards[digest[0]];
    struct snapshot *held = snapshot_acquire(cell);
    bool found;
    size_t at = position((const struct shard *)(const void *)held, digest, &found);
    const struct key_entry *e = found ? ((const struct shard *)(const void *)held)->entries[at] : NULL;
    bool good = e != NULL && e->expires_at > now;
    if (good)
        *ret = (struct apikey_view) { .name = arena_str(a, e->name),
                                      .tenant = arena_str(a, e->tenant),
                                      .username = arena_str(a, e->username),
                                      .uid = arena_str(a, e->uid),
                                      .description = arena_str(a, e->description),
                                      .issued_at = e->issued_at,
                                      .expires_at = e->expires_at };
    if (held != NULL)
        snapshot_release(cell, held);
    if (!good)
        return false;
    struct str key = key_of_user(a, ret->tenant, ret->username);
    if (arena_failed(a) || is_locked(t, key))
        return false;
    add_groups(t, a, key, ret);
    return true;
}
