/* Transactions: what is changed is logged, so that it can be taken back without needing memory. Values are never changed but
 * replaced, so an old one is still whole when it comes back. */
#include "store/memory/memory.h"

#include <stdlib.h>

enum undo_type { LINKED, UNLINKED, REPLACED };
struct undo {
    enum undo_type type;
    struct ordered *in;
    struct ordered_node *node;
    void *before; /* REPLACED: the value */
};
struct memory_tx {
    struct store_tx base;
    struct memory_store *m;
    struct undo *log;
    size_t log_len, log_cap;
    struct memory_kind *kinds; /* as they were */
    size_t kinds_len, changes_len;
    int64_t revision;
};
static struct memory_tx *tx_of(struct store_tx *tx) { return (struct memory_tx *)tx; }

/* ---- changing and taking back ---- */

static struct undo *log_next(struct memory_tx *tx, struct err *err) {
    if (tx->log_len == tx->log_cap) {
        size_t cap = tx->log_cap ? tx->log_cap * 2 : 16;
        struct undo *grown = reallocarray(tx->log, cap, sizeof *grown);
        if (grown == NULL) {
            (void)err_set(err, ERR_NOMEM, "a transaction of %zu changes", tx->log_len);
            return NULL;
        }
        tx->log = grown;
        tx->log_cap = cap;
    }
    return &tx->log[tx->log_len];
}

/* `value` is freed on failure. */
static enum err_code put_take(struct memory_tx *tx, struct ordered *in, const struct ordered_key *key,
                              void *value, struct err *err) {
    struct undo *u = log_next(tx, err);
    struct ordered_node *n = u != NULL ? ordered_find(in, key) : NULL;
    if (n != NULL) {
        *u = (struct undo) { REPLACED, in, n, n->value };
        n->value = value;
        tx->log_len++;
        return ERR_OK;
    }
    n = u != NULL ? ordered_node_new(in, key, value) : NULL;
    if (u == NULL || n == NULL) {
        if (in->free_value != NULL)
            in->free_value(value);
        return err_set(err, ERR_NOMEM, "an object");
    }
    *u = (struct undo) { LINKED, in, n, NULL };
    ordered_link(in, n);
    tx->log_len++;
    return ERR_OK;
}

static enum err_code drop(struct memory_tx *tx, struct ordered *in, const struct ordered_key *key,
                          struct err *err) {
    struct ordered_node *n = ordered_find(in, key);
    struct undo *u = n != NULL ? log_next(tx, err) : NULL;
    if (n == NULL)
        return ERR_OK;
    if (u == NULL)
        return err->code;
    *u = (struct undo) { UNLINKED, in, n, NULL };
    ordered_unlink(in, n);
    tx->log_len++;
    return ERR_OK;
}

static void commit(struct memory_tx *tx) {
    for (size_t i = 0; i < tx->log_len; i++) {
        struct undo *u = &tx->log[i];
        if (u->type == UNLINKED)
            ordered_node_free(u->in, u->node);
        if (u->type == REPLACED && u->in->free_value != NULL)
            u->in->free_value(u->before);
    }
}

static void take_back(const struct undo *u) {
    switch (u->type) {
    case LINKED:
        ordered_unlink(u->in, u->node);
        ordered_node_free(u->in, u->node);
        break;
    case UNLINKED: ordered_link(u->in, u->node); break;
    case REPLACED:
        if (u->in->free_value != NULL)
            u->in->free_value(u->node->value);
        u->node->value = u->before;
        break;
    }
}

static void roll_back(struct memory_tx *tx) {
    struct memory_store *m = tx->m;
    while (tx->log_len > 0)
        take_back(&tx->log[--tx->log_len]);
    while (m->changes_len > tx->changes_len)
        memory_change_free(m->changes[--m->changes_len]);
    if (tx->kinds_len > 0)
        memcpy(m->kinds, tx->kinds, tx->kinds_len * sizeof *m->kinds);
    m->kinds_len = tx->kinds_len;
    m->revision = tx->revision;
}

static enum err_code begin(struct memory_tx *tx, struct memory_store *m, struct err *err) {
    *tx = (struct memory_tx) { .base = { .store = &m->base },
                               .m = m,
                               .kinds = reallocarray(NULL, m->kinds_len + 1, sizeof *m->kinds),
                               .kinds_len = m->kinds_len,
                               .changes_len = m->changes_len,
                               .revision = m->revision };
    if (tx->kinds == NULL)
        return err_set(err, ERR_NOMEM, "a transaction");
    if (m->kinds_len > 0)
        memcpy(tx->kinds, m->kinds, m->kinds_len * sizeof *m->kinds);
    return ERR_OK;
}

static void tx_done(struct memory_tx *tx) {
    free(tx->log);
    free(tx->kinds);
}

static enum err_code run(struct memory_store *m, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                         bool *ret_recorded, struct err *err) {
    MEMORY_LOCKED(m);
    AUTO(tx_done) struct memory_tx tx;
    enum err_code rc = begin(&tx, m, err);
    if (rc != ERR_OK)
        return rc;
    rc = store_tx_run(&tx.base, fn, ctx, err);
    if (rc != ERR_OK) {
        roll_back(&tx);
        return rc;
    }
    m->base.writes += tx.log_len > 0;
    *ret_recorded = m->changes_len > tx.changes_len;
    *ret_revision = m->revision;
    commit(&tx);
    return ERR_OK;
}

enum err_code memory_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                              struct err *err) {
    bool recorded = false;
    enum err_code rc = run(memory_of(s), fn, ctx, ret_revision, &recorded, err);
    if (recorded)
        store_tell(s);
    return rc;
}

/* ---- revisions and history ---- */

/* `forgets`: what the kind's objects were before cannot be told from the history. */
static enum err_code next_revision(struct memory_store *m, struct str kind, bool forgets, struct err *err) {
    struct memory_kind *k = memory_kind_of(m, kind);
    if (k == NULL) {
        struct memory_kind *grown = reallocarray(m->kinds, m->kinds_len + 1, sizeof *grown);
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "a kind");
        m->kinds = grown;
        k = &m->kinds[m->kinds_len++];
        *k = (struct memory_kind) { .revision = 0 };
        memcpy(k->name, kind.ptr, kind.len);
    }
    k->revision = ++m->revision;
    if (forgets)
        k->floor = k->revision;
    return ERR_OK;
}

/* `*change` with bytes of its own, which are those of a change that is freed even when they are not all there. */
static enum err_code own_change(struct store_change *change, struct err *err) {
    bool shared = change->prev.ptr != NULL && change->prev.ptr == change->body.ptr,
         has_prev = change->prev.ptr != NULL;
    bool owned = memory_str_own(&change->kind);
    owned = memory_str_own(&change->name) && owned;
    owned = memory_str_own(&change->body) && owned;
    if (shared)
        change->prev = change->body;
    else if (has_prev)
        owned = memory_str_own(&change->prev) && owned;
    return owned ? ERR_OK : err_set(err, ERR_NOMEM, "a change");
}

static enum err_code append_change(struct memory_store *m, const struct store_change *change,
                                   struct err *err) {
    if (m->changes_len == m->changes_cap) {
        size_t cap = m->changes_cap ? m->changes_cap * 2 : 64;
        struct store_change **grown = reallocarray(m->changes, cap, sizeof(void *));
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "a change");
        m->changes = grown;
        m->changes_cap = cap;
    }
    struct store_change *c = malloc(sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "a change");
    *c = *change;
    enum err_code rc = own_change(c, err);
    if (rc == ERR_OK)
        m->changes[m->changes_len++] = c;
    else
        memory_change_free(c);
    return rc;
}

/* ---- objects ---- */

static struct ordered_key key_of(struct str a, struct str b, struct str c) {
    return (struct ordered_key) { { a, b, c } };
}

static bool own_indexes(struct memory_object *o, const struct store_write *w) {
    if (w->index_count == 0)
        return true;
    o->indexes = calloc(w->index_count, sizeof *o->indexes);
    if (o->indexes == NULL)
        return false;
    for (; o->index_count < w->index_count; o->index_count++) {
        struct store_index *i = &o->indexes[o->index_count];
        *i = w->indexes[o->index_count];
        if (!memory_str_own(&i->key))
            return false;
    }
    return true;
}

/* `old` NULL: there is none. */
static struct memory_object *object_new(const struct store_write *w, const struct memory_object *old,
                                        int64_t revision) {
    struct err ignored = { 0 };
    struct memory_object *o = calloc(1, sizeof *o);
    if (o == NULL)
        return NULL;
    struct str secret = w->secret.ptr != NULL ? w->secret
                        : old != NULL         ? secret_expose(&old->secret)
                                              : STR_NULL;
    o->kind = w->kind;
    o->name = w->name;
    o->body = w->body;
    o->revision = revision;
    o->recorded = !w->unrecorded;
    bool owned = memory_str_own(&o->kind);
    owned = memory_str_own(&o->name) && owned;
    owned = memory_str_own(&o->body) && owned;
    owned = own_indexes(o, w) && owned;
    owned = (secret.len == 0 || secret_copy(secret, &o->secret, &ignored) == ERR_OK) && owned;
    if (owned)
        return o;
    memory_object_free(o);
    return NULL;
}

static bool is_owned(const struct memory_store *m, struct str kind, struct str name) {
    struct ordered_key first = key_of(kind, name, STR_NULL);
    const struct ordered_node *n = ordered_from(&m->owners, &first);
    return n != NULL && str_eq(n->key.parts[0], kind) && str_eq(n->key.parts[1], name);
}

static struct store_there there_of(const struct memory_store *m, const struct memory_object *o) {
    if (o == NULL)
        return (struct store_there) { .found = false };
    return (struct store_there) { true, o->revision, o->recorded, is_owned(m, o->kind, o->name) };
}

/* At most two of them need a look: where a unique one is, there is no other but the object's own. */
static enum err_code check_unique(const struct memory_store *m, const struct store_write *w,
                                  const struct store_index *index, struct err *err) {
    struct ordered_key first = key_of(w->kind, index->key, STR_NULL);
    const struct ordered_node *n = ordered_from(&m->keys, &first);
    for (int i = 0; i < 2 && n != NULL; i++, n = n->next[0]) {
        if (!str_eq(n->key.parts[0], w->kind) || !str_eq(n->key.parts[1], index->key))
            return ERR_OK;
        if (!str_eq(n->key.parts[2], w->name) && (index->unique || n->value != NULL))
            return err_set(err, ERR_EXISTS, "%.*s/%.*s: another one has a key that must be unique",
                           STR_FMT(w->kind), STR_FMT(w->name));
    }
    return ERR_OK;
}

static enum err_code drop_keys(struct memory_tx *tx, const struct memory_object *o, struct err *err) {
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < o->index_count; i++) {
        struct ordered_key key = key_of(o->kind, o->indexes[i].key, o->name);
        rc = drop(tx, &tx->m->keys, &key, err);
    }
    return rc;
}

static enum err_code put_keys(struct memory_tx *tx, const struct store_write *w, struct err *err) {
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < w->index_count; i++) {
        struct ordered_key key = key_of(w->kind, w->indexes[i].key, w->name);
        rc = put_take(tx, &tx->m->keys, &key, w->indexes[i].unique ? memory_unique : NULL, err);
    }
    return rc;
}

static enum err_code record_put(struct memory_tx *tx, const struct store_write *w,
                                const struct memory_object *old, struct err *err) {
    bool known = old != NULL && old->recorded;
    struct store_change change = { .revision = tx->m->revision,
                                   .type = known ? STORE_UPDATED : STORE_CREATED,
                                   .kind = w->kind,
                                   .name = w->name,
                                   .body = w->body,
                                   .prev = known ? old->body : STR_NULL,
                                   .prev_revision = known ? old->revision : 0,
                                   .at = clock_now_s(tx->m->base.clock) };
    return append_change(tx->m, &change, err);
}

static enum err_code put_object(struct memory_tx *tx, const struct store_write *w, struct memory_object *old,
                                struct err *err) {
    struct memory_store *m = tx->m;
    enum err_code rc = next_revision(m, w->kind, w->unrecorded || (old != NULL && !old->recorded), err);
    if (rc == ERR_OK && !w->unrecorded)
        rc = record_put(tx, w, old, err);
    if (rc == ERR_OK && old != NULL)
        rc = drop_keys(tx, old, err);
    if (rc == ERR_OK)
        rc = put_keys(tx, w, err);
    if (rc != ERR_OK)
        return rc;
    struct memory_object *o = object_new(w, old, m->revision);
    if (o == NULL)
        return err_set(err, ERR_NOMEM, "an object of %zu bytes", w->body.len);
    struct ordered_key key = key_of(w->kind, w->name, STR_NULL);
    return put_take(tx, &m->objects, &key, o, err);
}

static enum err_code drop_object(struct memory_tx *tx, struct memory_object *o, bool unrecorded,
                                 struct err *err) {
    struct memory_store *m = tx->m;
    struct str body = o->recorded ? o->body : STR("");
    enum err_code rc = next_revision(m, o->kind, unrecorded || !o->recorded, err);
    struct store_change change = { .revision = m->revision,
                                   .type = STORE_DELETED,
                                   .kind = o->kind,
                                   .name = o->name,
                                   .body = body,
                                   .prev = body,
                                   .prev_revision = o->revision,
                                   .at = clock_now_s(m->base.clock) };
    if (rc == ERR_OK && !unrecorded)
        rc = append_change(m, &change, err);
    if (rc == ERR_OK)
        rc = drop_keys(tx, o, err);
    struct ordered_key key = key_of(o->kind, o->name, STR_NULL);
    return rc == ERR_OK ? drop(tx, &m->objects, &key, err) : rc;
}

enum err_code memory_tx_write(struct store_tx *base, const struct store_write *w, int64_t *ret_revision,
                              struct err *err) {
    struct memory_tx *tx = tx_of(base);
    struct memory_object *old = memory_object_of(tx->m, w->kind, w->name);
    struct store_there there = there_of(tx->m, old);
    enum err_code rc = store_check_write(w, &there, err);
    for (size_t i = 0; rc == ERR_OK && i < w->index_count; i++)
        rc = check_unique(tx->m, w, &w->indexes[i], err);
    if (rc != ERR_OK)
        return rc;
    rc = store_tx_break(base, put_object(tx, w, old, err), err);
    if (rc == ERR_OK)
        *ret_revision = tx->m->revision;
    return rc;
}

enum err_code memory_tx_remove(struct store_tx *base, const struct store_write *w, struct err *err) {
    struct memory_tx *tx = tx_of(base);
    struct memory_object *o = memory_object_of(tx->m, w->kind, w->name);
    struct store_there there = there_of(tx->m, o);
    enum err_code rc = store_check_remove(w, &there, err);
    return rc == ERR_OK ? store_tx_break(base, drop_object(tx, o, w->unrecorded, err), err) : rc;
}

/* ---- owned sets ---- */

static enum err_code own(struct memory_tx *tx, const struct store_owned_set *set,
                         const struct store_owned *item, size_t *changed, struct err *err) {
    struct memory_store *m = tx->m;
    const struct memory_object *o = memory_object_of(m, set->kind, item->name);
    struct store_write w = { .kind = set->kind, .name = item->name, .body = item->body };
    if (o != NULL && !is_owned(m, set->kind, item->name))
        return err_set(err, ERR_EXISTS, "%.*s/%.*s: is there without an owner", STR_FMT(set->kind),
                       STR_FMT(item->name));
    enum err_code rc = o == NULL ? put_object(tx, &w, NULL, err) : ERR_OK;
    *changed += o == NULL;
    struct ordered_key by_owner = key_of(set->kind, set->owner, item->name);
    struct ordered_key by_name = key_of(set->kind, item->name, set->owner);
    if (rc == ERR_OK)
        rc = put_take(tx, &m->owned, &by_owner, NULL, err);
    return rc == ERR_OK ? put_take(tx, &m->owners, &by_name, NULL, err) : rc;
}

static enum err_code disown(struct memory_tx *tx, const struct ordered_key *by_owner, size_t *changed,
                            struct err *err) {
    struct memory_store *m = tx->m;
    struct str kind = by_owner->parts[0],
               name = by_owner->parts[2]; /* the log keeps them after the removal */
    struct ordered_key by_name = key_of(kind, name, by_owner->parts[1]);
    enum err_code rc = drop(tx, &m->owners, &by_name, err);
    if (rc == ERR_OK)
        rc = drop(tx, &m->owned, by_owner, err);
    if (rc != ERR_OK || is_owned(m, kind, name))
        return rc;
    ++*changed;
    return drop_object(tx, memory_object_of(m, kind, name), false, err);
}

static bool has(const struct store_owned_set *set, size_t *i, struct str name) {
    while (*i < set->len && str_cmp(set->items[*i].name, name) < 0)
        ++*i;
    return *i < set->len && str_eq(set->items[*i].name, name);
}

/* What comes before what goes: nobody who follows the changes sees less than both sets have in common. */
static enum err_code set_owned(struct memory_tx *tx, const struct store_owned_set *set, size_t *ret_changed,
                               struct err *err) {
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < set->len; i++) {
        struct ordered_key key = key_of(set->kind, set->owner, set->items[i].name);
        if (ordered_find(&tx->m->owned, &key) == NULL)
            rc = own(tx, set, &set->items[i], ret_changed, err);
    }
    struct ordered_key first = key_of(set->kind, set->owner, STR_NULL);
    const struct ordered_node *n = ordered_from(&tx->m->owned, &first), *next;
    for (size_t i = 0; rc == ERR_OK && n != NULL; n = next) {
        if (!str_eq(n->key.parts[0], set->kind) || !str_eq(n->key.parts[1], set->owner))
            break;
        next = n->next[0];
        if (!has(set, &i, n->key.parts[2]))
            rc = disown(tx, &n->key, ret_changed, err);
    }
    return rc;
}

enum err_code memory_tx_set_owned(struct store_tx *base, const struct store_owned_set *set,
                                  size_t *ret_changed, struct err *err) {
    return store_tx_break(base, set_owned(tx_of(base), set, ret_changed, err), err);
}

/* ---- reading ---- */

enum err_code memory_tx_get(struct store_tx *tx, struct arena *a, const struct store_lookup *key,
                            struct store_object *ret, struct err *err) {
    return memory_get_in(tx_of(tx)->m, a, key, ret, err);
}

enum err_code memory_tx_list(struct store_tx *tx, const struct store_query *q, struct err *err) {
    AUTO(store_copies_done) struct store_copies copies = { .arena = NULL };
    enum err_code rc = store_copies_init(&copies, err);
    if (rc == ERR_OK)
        rc = memory_list_in(tx_of(tx)->m, q, &copies, err);
    return rc == ERR_OK ? store_copies_offer(&copies, q, err) : rc;
}

enum err_code memory_tx_count(struct store_tx *tx, struct str kind, size_t limit, size_t *ret,
                              struct err *err) {
    (void)err;
    const struct ordered_key first = { { kind } };
    const struct ordered_node *n = ordered_from(&tx_of(tx)->m->objects, &first);
    *ret = 0;
    for (; n != NULL && *ret < limit && str_eq(n->key.parts[0], kind); n = n->next[0])
        ++*ret;
    return ERR_OK;
}
