/* What is told after the fact: changes, and who owns what. Copied under the lock, offered without it. */
#include "store/memory/memory.h"

#include <stdlib.h>

void memory_change_free(struct store_change *c) {
    memory_str_free(c->kind);
    memory_str_free(c->name);
    if (c->prev.ptr != c->body.ptr)
        memory_str_free(c->prev);
    memory_str_free(c->body);
    free(c);
}

size_t memory_changes_after(const struct memory_store *m, int64_t revision) {
    size_t low = 0, high = m->changes_len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (m->changes[middle]->revision <= revision)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void copy_change(struct arena *a, const struct store_change *from, struct store_change *ret) {
    *ret = *from;
    ret->kind = arena_str(a, from->kind);
    ret->name = arena_str(a, from->name);
    ret->body = arena_str(a, from->body);
    if (from->prev.ptr != NULL)
        ret->prev = arena_str(a, from->prev);
}

static enum err_code copy_changes(struct memory_store *m, const struct store_change_query *q, struct arena *a,
                                  struct store_change **ret, size_t *ret_len, int64_t *ret_upto,
                                  struct err *err) {
    MEMORY_LOCKED(m);
    enum err_code rc = store_check_history(q->after, m->floor, m->revision, err);
    if (rc != ERR_OK)
        return rc;
    size_t first = memory_changes_after(m, q->after), n = 0;
    size_t room = m->changes_len - first < q->limit ? m->changes_len - first : q->limit;
    struct store_change *copies = arena_array(a, room, sizeof *copies);
    for (size_t i = first; copies != NULL && i < m->changes_len && n < q->limit; i++)
        if (q->kind.ptr == NULL || str_eq(m->changes[i]->kind, q->kind))
            copy_change(a, m->changes[i], &copies[n++]);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "%zu changes", room);
    *ret_upto = n == q->limit ? copies[n - 1].revision : m->revision;
    *ret = copies;
    *ret_len = n;
    return ERR_OK;
}

enum err_code memory_changes(struct store *s, const struct store_change_query *q, int64_t *ret_upto,
                             struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(SIZE_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "changes");
    struct store_change *changes = NULL;
    size_t len = 0;
    int64_t seen = 0;
    enum err_code rc = copy_changes(memory_of(s), q, a, &changes, &len, &seen, err);
    for (size_t i = 0; rc == ERR_OK && i < len; i++)
        rc = q->each(q->ctx, &changes[i], err);
    if (rc == ERR_OK)
        *ret_upto = seen;
    return rc;
}

enum err_code memory_compact(struct store *s, const struct store_compaction *c, size_t *ret_count,
                             struct err *err) {
    (void)err;
    struct memory_store *m = memory_of(s);
    MEMORY_LOCKED(m);
    size_t over = m->changes_len > c->keep_max ? m->changes_len - c->keep_max : 0, n = 0;
    while (n < m->changes_len && n < c->limit && (n < over || m->changes[n]->at < c->before)) {
        m->floor = m->changes[n]->revision;
        memory_change_free(m->changes[n++]);
    }
    m->changes_len -= n;
    if (n > 0)
        memmove(m->changes, m->changes + n, m->changes_len * sizeof(void *));
    s->writes += n > 0;
    *ret_count = n;
    return ERR_OK;
}

/* ---- owners ---- */

struct ownership {
    struct ownership *next;
    struct str owner, name;
};

static enum err_code copy_ownerships(struct memory_store *m, const struct store_owned_query *q,
                                     struct arena *a, struct ownership **ret, struct err *err) {
    MEMORY_LOCKED(m);
    struct ordered_key first = { { q->kind, q->owner, q->name } };
    const struct ordered_node *n = ordered_from(&m->owned, &first);
    size_t left = q->limit != 0 ? q->limit : SIZE_MAX;
    for (; n != NULL && left > 0 && str_eq(n->key.parts[0], q->kind); n = n->next[0]) {
        if (str_eq(n->key.parts[1], q->owner) && str_eq(n->key.parts[2], q->name))
            continue;
        struct ownership *copy = arena_alloc(a, sizeof *copy);
        if (copy != NULL)
            *copy = (struct ownership) { NULL, arena_str(a, n->key.parts[1]), arena_str(a, n->key.parts[2]) };
        if (arena_failed(a))
            return err_set(err, ERR_NOMEM, "a list");
        *ret = copy;
        ret = &copy->next;
        left--;
    }
    return ERR_OK;
}

enum err_code memory_owned_list(struct store *s, const struct store_owned_query *q, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(SIZE_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a list");
    struct ownership *first = NULL;
    enum err_code rc = copy_ownerships(memory_of(s), q, a, &first, err);
    for (const struct ownership *o = first; rc == ERR_OK && o != NULL; o = o->next)
        rc = q->each(q->ctx, o->owner, o->name, err);
    return rc;
}
