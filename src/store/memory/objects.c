#include "store/memory/memory.h"

#include <stdlib.h>

static struct memory_kind *find_kind(struct memory_store *m, struct str kind) {
    for (size_t i = 0; i < m->kinds_len; i++)
        if (str_eq(str_of(m->kinds[i].name), kind))
            return &m->kinds[i];
    return NULL;
}

static struct memory_kind *get_kind(struct memory_store *m, struct str kind) {
    struct memory_kind *k = find_kind(m, kind);
    if (k != NULL)
        return k;
    struct memory_kind *grown = reallocarray(m->kinds, m->kinds_len + 1, sizeof *grown);
    if (grown == NULL)
        return NULL;
    m->kinds = grown;
    k = &m->kinds[m->kinds_len++];
    *k = (struct memory_kind) { .revision = 0 };
    memcpy(k->name, kind.ptr, kind.len);
    return k;
}

static int compare(const struct memory_object *o, struct str kind, struct str name) {
    int by_kind = str_cmp(str_of(o->kind), kind);
    return by_kind != 0 ? by_kind : str_cmp(str_of(o->name), name);
}

/* The first object that is not before (kind, name). */
static size_t lower_bound(const struct memory_store *m, struct str kind, struct str name) {
    size_t low = 0, high = m->objects_len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(m->objects[middle], kind, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool is_at(const struct memory_store *m, size_t at, struct str kind, struct str name) {
    return at < m->objects_len && compare(m->objects[at], kind, name) == 0;
}

void memory_object_free(struct memory_object *o) {
    if (o == NULL)
        return;
    free(o->kind);
    free(o->name);
    free(o->body);
    free(o);
}
DEFINE_AUTO_FREE(memory_object_free, struct memory_object);

static struct memory_object *object_new(const struct store_object *from) {
    struct memory_object *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    o->kind = str_dup(from->kind);
    o->name = str_dup(from->name);
    o->body = str_dup(from->body);
    o->body_len = from->body.len;
    if (o->kind != NULL && o->name != NULL && o->body != NULL)
        return o;
    memory_object_free(o);
    return NULL;
}

static bool make_room(struct memory_store *m) {
    if (m->objects_len < m->objects_cap)
        return true;
    size_t cap = m->objects_cap ? m->objects_cap * 2 : 64;
    struct memory_object **grown = reallocarray(m->objects, cap, sizeof(void *));
    if (grown == NULL)
        return false;
    m->objects = grown;
    m->objects_cap = cap;
    return true;
}

static int64_t next_revision(struct memory_store *m, struct memory_kind *kind) {
    m->base.writes++;
    kind->revision = ++m->revision;
    return kind->revision;
}

enum err_code memory_create(struct store *s, const struct store_object *o, int64_t *ret_revision,
                            struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    size_t at = lower_bound(m, o->kind, o->name);
    if (is_at(m, at, o->kind, o->name))
        return err_set(err, ERR_EXISTS, "%.*s/%.*s", STR_FMT(o->kind), STR_FMT(o->name));
    AUTO_FREE(memory_object_free) struct memory_object *created = object_new(o);
    struct memory_kind *kind = get_kind(m, o->kind);
    if (created == NULL || kind == NULL || !make_room(m))
        return err_set(err, ERR_NOMEM, "an object");
    *ret_revision = created->revision = next_revision(m, kind);
    memmove(&m->objects[at + 1], &m->objects[at], (m->objects_len - at) * sizeof(void *));
    m->objects[at] = STEAL(created);
    m->objects_len++;
    return ERR_OK;
}

static enum err_code copy_out(struct arena *a, const struct memory_object *o, struct store_object *ret,
                              struct err *err) {
    *ret = (struct store_object) { arena_str(a, str_of(o->kind)), arena_str(a, str_of(o->name)),
                                   arena_str(a, (struct str) { o->body, o->body_len }), o->revision };
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "an object of %zu bytes", o->body_len) : ERR_OK;
}

enum err_code memory_get(struct store *s, struct arena *a, struct str kind, struct str name,
                         struct store_object *ret, struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    size_t at = lower_bound(m, kind, name);
    if (!is_at(m, at, kind, name))
        return err_set(err, ERR_NOT_FOUND, "%.*s/%.*s", STR_FMT(kind), STR_FMT(name));
    return copy_out(a, m->objects[at], ret, err);
}

static enum err_code find_expected(const struct memory_store *m, const struct store_object *o, size_t *ret_at,
                                   struct err *err) {
    size_t at = lower_bound(m, o->kind, o->name);
    if (!is_at(m, at, o->kind, o->name))
        return err_set(err, ERR_NOT_FOUND, "%.*s/%.*s", STR_FMT(o->kind), STR_FMT(o->name));
    int64_t there = m->objects[at]->revision;
    if (o->revision != 0 && o->revision != there)
        return err_set(err, ERR_CONFLICT, "%.*s/%.*s: revision %lld expected, %lld is there",
                       STR_FMT(o->kind), STR_FMT(o->name), (long long)o->revision, (long long)there);
    *ret_at = at;
    return ERR_OK;
}

enum err_code memory_update(struct store *s, const struct store_object *o, int64_t *ret_revision,
                            struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    size_t at = 0;
    enum err_code rc = find_expected(m, o, &at, err);
    if (rc != ERR_OK)
        return rc;
    char *body = str_dup(o->body);
    if (body == NULL)
        return err_set(err, ERR_NOMEM, "an object of %zu bytes", o->body.len);
    struct memory_object *there = m->objects[at];
    free(there->body);
    there->body = body;
    there->body_len = o->body.len;
    *ret_revision = there->revision = next_revision(m, find_kind(m, o->kind));
    return ERR_OK;
}

enum err_code memory_remove(struct store *s, const struct store_object *o, struct err *err) {
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    size_t at = 0;
    enum err_code rc = find_expected(m, o, &at, err);
    if (rc != ERR_OK)
        return rc;
    memory_object_free(m->objects[at]);
    m->objects_len--;
    memmove(&m->objects[at], &m->objects[at + 1], (m->objects_len - at) * sizeof(void *));
    (void)next_revision(m, find_kind(m, o->kind));
    return ERR_OK;
}

/* Copies under the lock, so that `each` runs without it and may call the store. */
static enum err_code copy_list(struct memory_store *m, const struct store_list_query *q, struct arena *a,
                               struct store_object **ret, size_t *ret_len, int64_t *ret_revision,
                               struct err *err) {
    MEMORY_LOCKED(m);
    const struct memory_kind *kind = find_kind(m, q->kind);
    *ret_revision = kind != NULL ? kind->revision : 0;
    size_t from = lower_bound(m, q->kind, q->after), to = from;
    if (is_at(m, from, q->kind, q->after))
        to = ++from;
    while (to < m->objects_len && str_eq(str_of(m->objects[to]->kind), q->kind) &&
           (q->limit == 0 || to - from < q->limit))
        to++;
    struct store_object *copies = arena_array(a, to - from, sizeof *copies);
    for (size_t i = from; i < to; i++) {
        enum err_code rc = copies != NULL ? copy_out(a, m->objects[i], &copies[i - from], err)
                                          : err_set(err, ERR_NOMEM, "a list");
        if (rc != ERR_OK)
            return rc;
    }
    *ret = copies;
    *ret_len = to - from;
    return ERR_OK;
}

enum err_code memory_list(struct store *s, const struct store_list_query *q, int64_t *ret_revision,
                          struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(SIZE_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a list");
    struct store_object *objects = NULL;
    size_t len = 0;
    enum err_code rc = copy_list(memory_of(s), q, a, &objects, &len, ret_revision, err);
    for (size_t i = 0; rc == ERR_OK && i < len; i++)
        rc = q->each(q->ctx, &objects[i], err);
    return rc;
}

enum err_code memory_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err) {
    (void)err;
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    const struct memory_kind *k = find_kind(m, kind);
    *ret = k != NULL ? k->revision : 0;
    return ERR_OK;
}
