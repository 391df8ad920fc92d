#include "store/memory/memory.h"

#include <stdlib.h>

char memory_unique[1];

struct memory_kind *memory_kind_of(const struct memory_store *m, struct str kind) {
    for (size_t i = 0; i < m->kinds_len; i++)
        if (str_eq(str_of(m->kinds[i].name), kind))
            return &m->kinds[i];
    return NULL;
}

struct memory_object *memory_object_of(const struct memory_store *m, struct str kind, struct str name) {
    struct ordered_key key = { { kind, name } };
    const struct ordered_node *n = ordered_find(&m->objects, &key);
    return n != NULL ? n->value : NULL;
}

void memory_object_free(void *p) {
    struct memory_object *o = p;
    if (o == NULL)
        return;
    memory_str_free(o->kind);
    memory_str_free(o->name);
    memory_str_free(o->body);
    secret_done(&o->secret);
    for (size_t i = 0; i < o->index_count; i++)
        memory_str_free(o->indexes[i].key);
    free(o->indexes);
    free(o);
}

static struct store_object view(const struct memory_object *o, bool with_secret) {
    return (struct store_object) { .kind = o->kind,
                                   .name = o->name,
                                   .body = o->body,
                                   .secret = with_secret ? secret_expose(&o->secret) : STR_NULL,
                                   .revision = o->revision };
}

/* ---- one object ---- */

enum err_code memory_get_in(const struct memory_store *m, struct arena *a, const struct store_lookup *key,
                            struct store_object *ret, struct err *err) {
    const struct memory_object *found = memory_object_of(m, key->kind, key->name);
    if (found == NULL)
        return store_not_found(key->kind, key->name, err);
    struct store_object o = view(found, key->with_secret);
    return store_object_copy(a, &o, ret, err);
}

enum err_code memory_get(struct store *s, struct arena *a, const struct store_lookup *key,
                         struct store_object *ret, struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    return memory_get_in(m, a, key, ret, err);
}

static bool has_key(const struct ordered_node *n, struct str kind, struct str key) {
    return n != NULL && str_eq(n->key.parts[0], kind) && str_eq(n->key.parts[1], key);
}

enum err_code memory_find(struct store *s, struct arena *a, const struct store_lookup *key,
                          struct store_object *ret, bool *ret_more, struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    struct ordered_key first = { { key->kind, key->key } };
    const struct ordered_node *n = ordered_from(&m->keys, &first);
    if (!has_key(n, key->kind, key->key))
        return err_set(err, ERR_NOT_FOUND, "%.*s: none with that key", STR_FMT(key->kind));
    *ret_more = has_key(n->next[0], key->kind, key->key);
    struct store_lookup by_name = *key;
    by_name.name = n->key.parts[2];
    return memory_get_in(m, a, &by_name, ret, err);
}

/* ---- lists ---- */

/* What is to be listed: nodes of the objects, or of their keys. */
struct cursor {
    const struct memory_store *m;
    const struct store_query *q;
    const struct ordered_node *next;
    int64_t at; /* what has been written later is passed over */
};

static struct cursor cursor_new(const struct memory_store *m, const struct store_query *q, int64_t at) {
    bool keyed = q->key.ptr != NULL;
    struct ordered_key first = { { q->kind, keyed ? q->key : q->after, keyed ? q->after : STR_NULL } };
    const struct ordered_node *n = ordered_from(keyed ? &m->keys : &m->objects, &first);
    if (n != NULL && q->after.len > 0 && str_eq(n->key.parts[0], q->kind) &&
        (keyed ? str_eq(n->key.parts[1], q->key) && str_eq(n->key.parts[2], q->after)
               : str_eq(n->key.parts[1], q->after)))
        n = n->next[0];
    return (struct cursor) { m, q, n, at };
}

static const struct memory_object *cursor_step(struct cursor *c) {
    const struct store_query *q = c->q;
    for (const struct ordered_node *n; (n = c->next) != NULL;) {
        bool keyed = q->key.ptr != NULL;
        if (!str_eq(n->key.parts[0], q->kind) || (keyed && !str_eq(n->key.parts[1], q->key)))
            break;
        c->next = n->next[0];
        const struct memory_object *o = keyed ? memory_object_of(c->m, q->kind, n->key.parts[2]) : n->value;
        if (o->revision <= c->at)
            return o;
    }
    return NULL;
}

/* The first change after `at` of every object of the kind: what was before it is what was at `at`. */
static enum err_code first_changes(const struct memory_store *m, const struct store_query *q,
                                   struct ordered *ret, struct err *err) {
    for (size_t i = memory_changes_after(m, q->at_revision); i < m->changes_len; i++) {
        struct store_change *c = m->changes[i];
        struct ordered_key key = { { c->name } };
        if (!str_eq(c->kind, q->kind) || str_cmp(c->name, q->after) <= 0 || ordered_find(ret, &key) != NULL)
            continue;
        struct ordered_node *n = ordered_node_new(ret, &key, c);
        if (n == NULL)
            return err_set(err, ERR_NOMEM, "a list");
        ordered_link(ret, n);
    }
    return ERR_OK;
}

/* Two sorted lists side by side: what has not changed since, and what has, as it was. */
static enum err_code merge(struct cursor *now, const struct ordered_node *then, struct store_copies *ret,
                           struct err *err) {
    size_t left = now->q->limit != 0 ? now->q->limit : SIZE_MAX;
    const struct memory_object *o = cursor_step(now);
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && left > 0 && (o != NULL || then != NULL)) {
        const struct store_change *c = then != NULL ? then->value : NULL;
        if (c == NULL || (o != NULL && str_cmp(o->name, c->name) < 0)) {
            struct store_object unchanged = view(o, now->q->with_secret);
            rc = store_copies_add(ret, &unchanged, err);
            o = cursor_step(now);
            left--;
            continue;
        }
        struct store_object was = { c->kind, c->name, c->prev, STR_NULL, c->prev_revision, true };
        if (c->type != STORE_CREATED) {
            rc = store_copies_add(ret, &was, err);
            left--;
        }
        then = then->next[0];
    }
    return rc;
}

enum err_code memory_list_in(struct memory_store *m, const struct store_query *q, struct store_copies *ret,
                             struct err *err) {
    AUTO(ordered_done) struct ordered changed = { .draws = 0 };
    const struct memory_kind *kind = memory_kind_of(m, q->kind);
    int64_t floor = kind != NULL && kind->floor > m->floor ? kind->floor : m->floor;
    enum err_code rc = ERR_OK;
    if (q->at_revision != 0)
        rc = store_check_history(q->at_revision, floor, m->revision, err);
    if (rc == ERR_OK && q->at_revision != 0)
        rc = first_changes(m, q, &changed, err);
    struct cursor now = cursor_new(m, q, q->at_revision != 0 ? q->at_revision : INT64_MAX);
    return rc == ERR_OK ? merge(&now, changed.head[0], ret, err) : rc;
}

static enum err_code copy_list(struct memory_store *m, const struct store_query *q, struct store_copies *ret,
                               int64_t *ret_revision, struct err *err) {
    MEMORY_LOCKED(m);
    *ret_revision = q->at_revision != 0 ? q->at_revision : m->revision;
    return memory_list_in(m, q, ret, err);
}

/* Copies under the lock, so that `each` runs without it and may call the store. */
enum err_code memory_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                          struct err *err) {
    AUTO(store_copies_done) struct store_copies copies = { .arena = NULL };
    enum err_code rc = store_copies_init(&copies, err);
    if (rc == ERR_OK)
        rc = copy_list(memory_of(s), q, &copies, ret_revision, err);
    return rc == ERR_OK ? store_copies_offer(&copies, q, err) : rc;
}

/* ---- revisions ---- */

enum err_code memory_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err) {
    (void)err;
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    const struct memory_kind *k = memory_kind_of(m, kind);
    *ret = k != NULL ? k->revision : 0;
    return ERR_OK;
}

enum err_code memory_revision(struct store *s, int64_t *ret, struct err *err) {
    (void)err;
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    *ret = m->revision;
    return ERR_OK;
}
