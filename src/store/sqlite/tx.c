#include "store/sqlite/tx.h"

struct arena *tx_scratch(struct sqlite_tx *tx) {
    if (tx->scratch == NULL)
        tx->scratch = arena_new(SIZE_MAX);
    else
        arena_reset(tx->scratch);
    return tx->scratch;
}

/* ---- revisions ---- */

static enum err_code write_kind(struct sqlite_tx *tx, struct err *err) {
    if (tx->kind.len == 0)
        return ERR_OK;
    AUTO(query_done) struct query q = query_new(tx->conn, SQL_KIND_PUT);
    query_text(&q, tx->kind);
    query_i64(&q, tx->kind_revision);
    query_i64(&q, tx->kind_floor);
    return query_run(&q, err);
}

/* One counter for the whole store; the transaction makes it gapless and in the order of the commits, also against another
 * process. It is kept here and written once at the end. `forgets`: what the kind's objects were before cannot be told from the
 * history. */
static enum err_code next_revision(struct sqlite_tx *tx, struct str kind, bool forgets, struct err *err) {
    if (!str_eq(tx->kind, kind)) {
        enum err_code rc = write_kind(tx, err);
        if (rc != ERR_OK)
            return rc;
        memcpy(tx->kind_name, kind.ptr, kind.len);
        tx->kind = (struct str) { tx->kind_name, kind.len };
        tx->kind_floor = 0;
    }
    tx->kind_revision = ++tx->revision;
    tx->revised = true;
    if (forgets)
        tx->kind_floor = tx->revision;
    return ERR_OK;
}

static enum err_code write_revisions(struct sqlite_tx *tx, struct err *err) {
    if (!tx->revised)
        return ERR_OK;
    enum err_code rc = write_kind(tx, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(query_done) struct query q = query_new(tx->conn, SQL_STATE_ADVANCE);
    query_i64(&q, tx->revision);
    query_i64(&q, tx->recorded);
    return query_run(&q, err);
}

/* ---- the two things ---- */

enum err_code tx_there(struct sqlite_tx *tx, struct str kind, struct str name, struct store_there *ret,
                       struct err *err) {
    AUTO(query_done) struct query q = query_new(tx->conn, SQL_OBJECT_THERE);
    query_text(&q, kind);
    query_text(&q, name);
    *ret = (struct store_there) { .found = false };
    enum err_code rc = query_step(&q, &ret->found, err);
    if (rc != ERR_OK || !ret->found)
        return rc;
    ret->revision = query_col_i64(&q, 0);
    ret->recorded = query_col_i64(&q, 1) != 0;
    ret->owned = query_col_i64(&q, 2) != 0;
    return ERR_OK;
}

/* Before the object itself, whose body it takes over. */
static enum err_code record(struct sqlite_tx *tx, enum sql_id id, enum store_change_type type,
                            const struct store_write *w, const struct store_there *there, struct err *err) {
    if (w->unrecorded)
        return ERR_OK;
    AUTO(query_done) struct query q = query_new(tx->conn, id);
    query_i64(&q, tx->revision);
    query_i64(&q, type);
    query_i64(&q, tx->now_s);
    query_text(&q, w->kind);
    query_text(&q, w->name);
    query_i64(&q, type == STORE_CREATED ? 0 : there->revision);
    if (type != STORE_DELETED)
        query_text(&q, w->body);
    tx->recorded++;
    return query_run(&q, err);
}

static enum err_code put_row(struct sqlite_tx *tx, const struct store_write *w, struct err *err) {
    AUTO(query_done) struct query q = query_new(tx->conn, SQL_OBJECT_PUT);
    query_text(&q, w->kind);
    query_text(&q, w->name);
    query_i64(&q, tx->revision);
    query_i64(&q, !w->unrecorded);
    query_text(&q, w->body);
    query_blob(&q, w->secret.ptr, w->secret.len);
    return query_run(&q, err);
}

enum err_code tx_put(struct sqlite_tx *tx, const struct store_write *w, const struct store_there *there,
                     struct err *err) {
    bool untold = there->found && !there->recorded; /* whoever reads the history has not heard of it */
    enum store_change_type type = there->found && !untold ? STORE_UPDATED : STORE_CREATED;
    enum err_code rc = next_revision(tx, w->kind, w->unrecorded || untold, err);
    if (rc == ERR_OK)
        rc = record(tx, SQL_CHANGE_PUT, type, w, there, err);
    return rc == ERR_OK ? put_row(tx, w, err) : rc;
}

static enum err_code run_on_object(struct sqlite_tx *tx, enum sql_id id, const struct store_write *w,
                                   struct err *err) {
    AUTO(query_done) struct query q = query_new(tx->conn, id);
    query_text(&q, w->kind);
    query_text(&q, w->name);
    return query_run(&q, err);
}

enum err_code tx_drop(struct sqlite_tx *tx, const struct store_write *w, const struct store_there *there,
                      struct err *err) {
    enum err_code rc = next_revision(tx, w->kind, w->unrecorded || !there->recorded, err);
    if (rc == ERR_OK)
        rc = record(tx, SQL_CHANGE_DELETE, STORE_DELETED, w, there, err);
    if (rc == ERR_OK)
        rc = run_on_object(tx, SQL_KEY_DELETE_ALL, w, err);
    return rc == ERR_OK ? run_on_object(tx, SQL_OBJECT_DELETE, w, err) : rc;
}

/* ---- operations ---- */

/* A storage that has failed is out of reach until the transaction has been given up. */
static enum err_code note_failure(struct sqlite_tx *tx, enum err_code rc, const struct err *err) {
    return tx->conn->failed != 0 ? store_tx_break(&tx->base, rc, err) : rc;
}

/* `*ret_began`: something may have been changed. */
static enum err_code write_object(struct sqlite_tx *tx, const struct store_write *w, bool *ret_began,
                                  struct err *err) {
    struct store_there there;
    struct key_diff keys = { .come = NULL };
    enum err_code rc = tx_there(tx, w->kind, w->name, &there, err);
    if (rc == ERR_OK)
        rc = store_check_write(w, &there, err);
    if (rc == ERR_OK && (there.found || w->index_count > 0))
        rc = keys_compare(tx, w, &keys, err);
    if (rc != ERR_OK)
        return rc;
    *ret_began = true;
    rc = tx_put(tx, w, &there, err);
    return rc == ERR_OK ? keys_apply(tx, w, &keys, err) : rc;
}

enum err_code sqlite_tx_write(struct store_tx *base, const struct store_write *w, int64_t *ret_revision,
                              struct err *err) {
    struct sqlite_tx *tx = sqlite_tx_of(base);
    bool began = false;
    enum err_code rc = write_object(tx, w, &began, err);
    if (rc == ERR_OK)
        *ret_revision = tx->revision;
    return began ? store_tx_break(base, rc, err) : note_failure(tx, rc, err);
}

enum err_code sqlite_tx_remove(struct store_tx *base, const struct store_write *w, struct err *err) {
    struct sqlite_tx *tx = sqlite_tx_of(base);
    struct store_there there;
    enum err_code rc = tx_there(tx, w->kind, w->name, &there, err);
    if (rc == ERR_OK)
        rc = store_check_remove(w, &there, err);
    if (rc != ERR_OK)
        return note_failure(tx, rc, err);
    return store_tx_break(base, tx_drop(tx, w, &there, err), err);
}

enum err_code sqlite_tx_get(struct store_tx *base, struct arena *a, const struct store_lookup *key,
                            struct store_object *ret, struct err *err) {
    struct sqlite_tx *tx = sqlite_tx_of(base);
    return note_failure(tx, read_object(tx->conn, a, key, ret, err), err);
}

/* Read to the end first: `each` may write what is being read, and list while it is in a list. */
enum err_code sqlite_tx_list(struct store_tx *base, const struct store_query *q, struct err *err) {
    struct sqlite_tx *tx = sqlite_tx_of(base);
    AUTO(store_copies_done) struct store_copies copies = { .arena = NULL };
    enum err_code rc = store_copies_init(&copies, err);
    struct store_query kept = *q;
    kept.each = store_copies_add;
    kept.ctx = &copies;
    if (rc == ERR_OK)
        rc = note_failure(tx, read_list(tx->conn, &kept, err), err);
    return rc == ERR_OK ? store_copies_offer(&copies, q, err) : rc;
}

static enum err_code count(struct conn *c, struct str kind, size_t limit, size_t *ret, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_OBJECT_COUNT);
    query_text(&q, kind);
    query_i64(&q, (int64_t)limit);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    *ret = rc == ERR_OK && row ? (size_t)query_col_i64(&q, 0) : 0;
    return rc;
}

enum err_code sqlite_tx_count(struct store_tx *base, struct str kind, size_t limit, size_t *ret,
                              struct err *err) {
    struct sqlite_tx *tx = sqlite_tx_of(base);
    return note_failure(tx, count(tx->conn, kind, limit, ret, err), err);
}

/* ---- the whole ---- */

struct transaction {
    struct sqlite_store *s;
    store_tx_fn *fn;
    void *ctx;
    int64_t revision; /* result */
};

static void tx_done(struct sqlite_tx *tx) { arena_free(tx->scratch); }

static enum err_code apply_transaction(struct conn *c, void *args, struct err *err) {
    struct transaction *t = args;
    struct counters counters = { .revision = 0 };
    enum err_code rc = read_counters(c, &counters, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(tx_done)
    struct sqlite_tx tx = { .base = { .store = &t->s->base },
                            .conn = c,
                            .now_s = clock_now_s(t->s->base.clock),
                            .revision = counters.revision };
    rc = store_tx_run(&tx.base, t->fn, t->ctx, err);
    if (rc == ERR_OK)
        rc = write_revisions(&tx, err);
    if (rc != ERR_OK)
        return rc;
    t->revision = tx.revision;
    t->s->writer.recorded |= tx.recorded > 0;
    return ERR_OK;
}

enum err_code sqlite_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                              struct err *err) {
    struct transaction t = { .s = sqlite_of(s), .fn = fn, .ctx = ctx };
    enum err_code rc = writer_run(t.s, apply_transaction, &t, err);
    if (rc == ERR_OK)
        *ret_revision = t.revision;
    return rc;
}
