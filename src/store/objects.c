/* Objects, owned sets and their history: arguments are checked and put in order, a single write is a transaction of one. */
#include "store/limits.h"

#include <stdlib.h>

/* ---- transactions ---- */

enum err_code store_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                             struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc != ERR_OK)
        return rc;
    int64_t revision = 0;
    rc = s->ops->transact(s, fn, ctx, &revision, err);
    if (rc == ERR_OK && ret_revision != NULL)
        *ret_revision = revision;
    return rc;
}

/* After a failure SQLite may have ended the transaction: what followed would be committed by itself. */
static enum err_code check_whole(const struct store_tx *tx, struct err *err) {
    if (tx->broken != ERR_OK)
        *err = tx->why;
    return tx->broken;
}

enum err_code store_tx_get(struct store_tx *tx, struct arena *a, struct str kind, struct str name,
                           struct store_object *ret, struct err *err) {
    enum err_code rc = check_whole(tx, err);
    if (rc == ERR_OK)
        rc = check_object(kind, name, err);
    struct store_lookup key = { .kind = kind, .name = name, .with_secret = true };
    return rc == ERR_OK ? tx->store->ops->tx_get(tx, a, &key, ret, err) : rc;
}

enum err_code store_tx_list(struct store_tx *tx, const struct store_query *q, struct err *err) {
    enum err_code rc = check_whole(tx, err);
    if (rc == ERR_OK)
        rc = check_query(q, err);
    if (rc == ERR_OK && q->at_revision != 0)
        return err_set(err, ERR_INVALID, "a transaction sees the present only");
    return rc == ERR_OK ? tx->store->ops->tx_list(tx, q, err) : rc;
}

enum err_code store_tx_count(struct store_tx *tx, struct str kind, size_t limit, size_t *ret,
                             struct err *err) {
    const struct store_query any = { .kind = kind };
    enum err_code rc = check_whole(tx, err);
    if (rc == ERR_OK)
        rc = check_query(&any, err);
    return rc == ERR_OK ? tx->store->ops->tx_count(tx, kind, limit, ret, err) : rc;
}

static void free_indexes(struct store_index **p) { free(*p); }

static int compare_indexes(const void *a, const void *b) {
    const struct store_index *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

/* A copy in the order of the keys. A key given twice is one, unique if either is. */
static struct store_index *sort_indexes(const struct store_write *w, size_t *ret_count) {
    struct store_index *sorted = reallocarray(NULL, w->index_count, sizeof *sorted);
    if (sorted == NULL)
        return NULL;
    memcpy(sorted, w->indexes, w->index_count * sizeof *sorted);
    qsort(sorted, w->index_count, sizeof *sorted, compare_indexes);
    size_t n = 0;
    for (size_t i = 0; i < w->index_count; i++) {
        if (n > 0 && str_eq(sorted[n - 1].key, sorted[i].key))
            sorted[n - 1].unique |= sorted[i].unique;
        else
            sorted[n++] = sorted[i];
    }
    *ret_count = n;
    return sorted;
}

enum err_code store_tx_write(struct store_tx *tx, const struct store_write *w, int64_t *ret_revision,
                             struct err *err) {
    enum err_code rc = check_whole(tx, err);
    if (rc == ERR_OK)
        rc = check_write(w, err);
    if (rc != ERR_OK)
        return rc;
    struct store_write ordered = *w;
    AUTO(free_indexes) struct store_index *indexes = NULL;
    if (w->index_count > 0 && (indexes = sort_indexes(w, &ordered.index_count)) == NULL)
        return err_set(err, ERR_NOMEM, "%zu index keys", w->index_count);
    ordered.indexes = indexes;
    int64_t revision = 0;
    rc = tx->store->ops->tx_write(tx, &ordered, &revision, err);
    if (rc == ERR_OK && ret_revision != NULL)
        *ret_revision = revision;
    return rc;
}

enum err_code store_tx_delete(struct store_tx *tx, struct str kind, struct str name, int64_t expected,
                              bool unrecorded, struct err *err) {
    enum err_code rc = check_whole(tx, err);
    if (rc == ERR_OK)
        rc = check_object(kind, name, err);
    if (rc == ERR_OK && (expected < STORE_EXPECT_ANY || expected == STORE_EXPECT_ABSENT))
        return err_set(err, ERR_INVALID, "deletion: revision %lld expected", (long long)expected);
    struct store_write w = { .kind = kind, .name = name, .expected = expected, .unrecorded = unrecorded };
    return rc == ERR_OK ? tx->store->ops->tx_remove(tx, &w, err) : rc;
}

static void free_items(struct store_owned **p) { free(*p); }

static int compare_items(const void *a, const void *b) {
    const struct store_owned *x = a, *y = b;
    return str_cmp(x->name, y->name);
}

static bool is_in_order(const struct store_owned *items, size_t len) {
    for (size_t i = 1; i < len; i++)
        if (str_cmp(items[i - 1].name, items[i].name) >= 0)
            return false;
    return true;
}

enum err_code store_tx_set_owned(struct store_tx *tx, struct str kind, struct str owner,
                                 const struct store_owned *items, size_t len, size_t *ret_changed,
                                 struct err *err) {
    struct store_owned_set set = { kind, owner, items, len };
    enum err_code rc = check_whole(tx, err);
    if (rc == ERR_OK)
        rc = check_owned_set(&set, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(free_items) struct store_owned *sorted = NULL;
    if (!is_in_order(items, len)) { /* whoever hands them in sorted spares the writing thread the work */
        sorted = reallocarray(NULL, len, sizeof *sorted);
        if (sorted == NULL)
            return err_set(err, ERR_NOMEM, "a set of %zu", len);
        memcpy(sorted, items, len * sizeof *sorted);
        qsort(sorted, len, sizeof *sorted, compare_items);
        if (!is_in_order(sorted, len))
            return err_set(err, ERR_INVALID, "%.*s: a name twice in one set", STR_FMT(kind));
        set.items = sorted;
    }
    size_t changed = 0;
    rc = tx->store->ops->tx_set_owned(tx, &set, &changed, err);
    if (rc == ERR_OK && ret_changed != NULL)
        *ret_changed = changed;
    return rc;
}

/* ---- one object at a time ---- */

struct one_write {
    const struct store_write *w;
    int64_t revision; /* result */
};

static enum err_code write_one(void *ctx, struct store_tx *tx, struct err *err) {
    struct one_write *x = ctx;
    return store_tx_write(tx, x->w, &x->revision, err);
}

enum err_code store_write(struct store *s, const struct store_write *w, int64_t *ret_revision,
                          struct err *err) {
    struct one_write x = { .w = w };
    enum err_code rc = store_transact(s, write_one, &x, NULL, err);
    if (rc == ERR_OK && ret_revision != NULL)
        *ret_revision = x.revision;
    return rc;
}

static enum err_code delete_one(void *ctx, struct store_tx *tx, struct err *err) {
    const struct store_write *w = ctx;
    return store_tx_delete(tx, w->kind, w->name, w->expected, w->unrecorded, err);
}

enum err_code store_delete(struct store *s, struct str kind, struct str name, int64_t expected,
                           bool unrecorded, struct err *err) {
    struct store_write w = { .kind = kind, .name = name, .expected = expected, .unrecorded = unrecorded };
    return store_transact(s, delete_one, &w, NULL, err);
}

/* ---- reading ---- */

static enum err_code get(struct store *s, struct arena *a, const struct store_lookup *key,
                         struct store_object *ret, struct err *err) {
    enum err_code rc = check_object(key->kind, key->name, err);
    return rc == ERR_OK ? s->ops->get(s, a, key, ret, err) : rc;
}

enum err_code store_get(struct store *s, struct arena *a, struct str kind, struct str name,
                        struct store_object *ret, struct err *err) {
    return get(s, a, &(struct store_lookup) { .kind = kind, .name = name }, ret, err);
}

enum err_code store_get_whole(struct store *s, struct arena *a, struct str kind, struct str name,
                              struct store_object *ret, struct err *err) {
    struct store_lookup key = { .kind = kind, .name = name, .with_secret = true };
    return get(s, a, &key, ret, err);
}

enum err_code store_find_whole(struct store *s, struct arena *a, struct str kind, struct str key,
                               struct store_object *ret, bool *ret_more, struct err *err) {
    enum err_code rc = check_kind(kind, err);
    if (rc == ERR_OK)
        rc = check_index_key(key, err);
    if (rc != ERR_OK)
        return rc;
    bool more = false;
    struct store_lookup lookup = { .kind = kind, .key = key, .with_secret = true };
    rc = s->ops->find(s, a, &lookup, ret, &more, err);
    if (rc == ERR_OK && ret_more != NULL)
        *ret_more = more;
    return rc;
}

enum err_code store_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                         struct err *err) {
    enum err_code rc = check_query(q, err);
    if (rc != ERR_OK)
        return rc;
    int64_t revision = 0;
    rc = s->ops->list(s, q, &revision, err);
    if (rc == ERR_OK && ret_revision != NULL)
        *ret_revision = revision;
    return rc;
}

enum err_code store_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err) {
    enum err_code rc = check_kind(kind, err);
    return rc == ERR_OK ? s->ops->kind_revision(s, kind, ret, err) : rc;
}

enum err_code store_revision(struct store *s, int64_t *ret, struct err *err) {
    return s->ops->revision(s, ret, err);
}

enum err_code
store_owned_list(struct store *s, struct str kind, struct str owner, struct str name, size_t limit,
                 enum err_code (*each)(void *ctx, struct str owner, struct str name, struct err *err),
                 void *ctx, struct err *err) {
    enum err_code rc = check_kind(kind, err);
    struct store_owned_query q = { kind, owner, name, limit, each, ctx };
    return rc == ERR_OK ? s->ops->owned_list(s, &q, err) : rc;
}

/* ---- history ---- */

enum err_code store_changes(struct store *s, struct str kind, int64_t after, size_t limit,
                            enum err_code (*each)(void *ctx, const struct store_change *c, struct err *err),
                            void *ctx, int64_t *ret_upto, struct err *err) {
    enum err_code rc = kind.ptr != NULL ? check_kind(kind, err) : ERR_OK;
    if (rc == ERR_OK)
        rc = check_limit(limit, err);
    if (rc == ERR_OK && after < 0)
        return err_set(err, ERR_INVALID, "changes after revision %lld", (long long)after);
    struct store_change_query q = { kind, after, limit, each, ctx };
    return rc == ERR_OK ? s->ops->changes(s, &q, ret_upto, err) : rc;
}

enum err_code store_compact(struct store *s, int64_t before, size_t keep_max, size_t limit, size_t *ret_count,
                            struct err *err) {
    enum err_code rc = check_writable(s, err);
    if (rc == ERR_OK)
        rc = check_limit(limit, err);
    struct store_compaction c = { before, keep_max, limit };
    return rc == ERR_OK ? s->ops->compact(s, &c, ret_count, err) : rc;
}
