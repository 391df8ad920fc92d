/* Index keys: what an object had and what it is to have, both sorted, side by side. Most writes change none. */
#include "store/sqlite/tx.h"

struct gone_key {
    struct gone_key *next;
    struct str key;
};

static enum err_code check_free(struct sqlite_tx *tx, const struct store_write *w,
                                const struct store_index *index, struct err *err) {
    AUTO(query_done)
    struct query q = query_new(tx->conn, index->unique ? SQL_KEY_TAKEN : SQL_KEY_TAKEN_UNIQUE);
    query_text(&q, w->kind);
    query_text(&q, index->key);
    query_text(&q, w->name);
    bool taken = false;
    enum err_code rc = query_step(&q, &taken, err);
    if (rc == ERR_OK && taken)
        return err_set(err, ERR_EXISTS, "%.*s/%.*s: another one has a key that must be unique",
                       STR_FMT(w->kind), STR_FMT(w->name));
    return rc;
}

static enum err_code add_gone(struct arena *a, struct str key, struct key_diff *diff, struct err *err) {
    struct gone_key *g = arena_alloc(a, sizeof *g);
    if (g != NULL) {
        *g = (struct gone_key) { diff->gone, arena_str(a, key) };
        diff->gone = g;
    }
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "index keys") : ERR_OK;
}

static enum err_code compare(struct query *rows, const struct store_write *w, struct arena *a,
                             struct key_diff *diff, struct err *err) {
    size_t i = 0;
    bool row = false;
    enum err_code rc = query_step(rows, &row, err);
    while (rc == ERR_OK && (row || i < w->index_count)) {
        int order = !row ? 1 : i == w->index_count ? -1 : str_cmp(query_col_text(rows, 0), w->indexes[i].key);
        if (order > 0 || (order == 0 && (query_col_i64(rows, 1) != 0) != w->indexes[i].unique))
            diff->come[diff->come_len++] = &w->indexes[i];
        if (order < 0)
            rc = add_gone(a, query_col_text(rows, 0), diff, err);
        i += order >= 0;
        if (rc == ERR_OK && order <= 0)
            rc = query_step(rows, &row, err);
    }
    return rc;
}

enum err_code keys_compare(struct sqlite_tx *tx, const struct store_write *w, struct key_diff *ret,
                           struct err *err) {
    struct arena *a = tx_scratch(tx);
    if (a == NULL || (ret->come = arena_array(a, w->index_count, sizeof(void *))) == NULL)
        return err_set(err, ERR_NOMEM, "%zu index keys", w->index_count);
    enum err_code rc;
    {
        AUTO(query_done) struct query rows = query_new(tx->conn, SQL_KEY_LIST);
        query_text(&rows, w->kind);
        query_text(&rows, w->name);
        rc = compare(&rows, w, a, ret, err);
    }
    for (size_t i = 0; rc == ERR_OK && i < ret->come_len; i++)
        rc = check_free(tx, w, ret->come[i], err);
    return rc;
}

static enum err_code delete_key(struct sqlite_tx *tx, const struct store_write *w, struct str key,
                                struct err *err) {
    AUTO(query_done) struct query q = query_new(tx->conn, SQL_KEY_DELETE);
    query_text(&q, w->kind);
    query_text(&q, key);
    query_text(&q, w->name);
    return query_run(&q, err);
}

static enum err_code put_key(struct sqlite_tx *tx, const struct store_write *w,
                             const struct store_index *index, struct err *err) {
    AUTO(query_done) struct query q = query_new(tx->conn, SQL_KEY_PUT);
    query_text(&q, w->kind);
    query_text(&q, index->key);
    query_text(&q, w->name);
    query_i64(&q, index->unique);
    return query_run(&q, err);
}

enum err_code keys_apply(struct sqlite_tx *tx, const struct store_write *w, const struct key_diff *diff,
                         struct err *err) {
    enum err_code rc = ERR_OK;
    for (const struct gone_key *g = diff->gone; rc == ERR_OK && g != NULL; g = g->next)
        rc = delete_key(tx, w, g->key, err);
    for (size_t i = 0; rc == ERR_OK && i < diff->come_len; i++)
        rc = put_key(tx, w, diff->come[i], err);
    return rc;
}
