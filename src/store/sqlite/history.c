#include "store/sqlite/sqlite.h"

/* ---- reading ---- */

struct reading {
    const struct store_change_query *q;
    int64_t seen; /* result */
};

static struct store_change change_of(const struct query *row) {
    struct store_change c = { .revision = query_col_i64(row, 0),
                              .type = (enum store_change_type)query_col_i64(row, 1),
                              .at = query_col_i64(row, 2),
                              .kind = query_col_text(row, 3),
                              .name = query_col_text(row, 4),
                              .prev_revision = query_col_i64(row, 5),
                              .body = query_col_text(row, 6),
                              .prev = query_col_text_or_null(row, 7) };
    if (c.type == STORE_DELETED)
        c.prev = c.body;
    return c;
}

static enum err_code run_changes(struct conn *c, void *args, struct err *err) {
    struct reading *r = args;
    struct counters counters = { .revision = 0 };
    enum err_code rc = read_counters(c, &counters, err);
    if (rc == ERR_OK)
        rc = store_check_history(r->q->after, counters.floor, counters.revision, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(query_done)
    struct query q = query_new(c, r->q->kind.ptr != NULL ? SQL_CHANGE_LIST_OF_KIND : SQL_CHANGE_LIST);
    query_i64(&q, r->q->after);
    query_limit(&q, r->q->limit);
    if (r->q->kind.ptr != NULL)
        query_text(&q, r->q->kind);
    r->seen = counters.revision;
    for (size_t found = 0;;) {
        bool row = false;
        rc = query_step(&q, &row, err);
        if (rc != ERR_OK || !row)
            return rc;
        struct store_change change = change_of(&q);
        if (++found == r->q->limit)
            r->seen = change.revision;
        if ((rc = r->q->each(r->q->ctx, &change, err)) != ERR_OK)
            return rc;
    }
}

enum err_code sqlite_changes(struct store *s, const struct store_change_query *q, int64_t *ret_upto,
                             struct err *err) {
    struct reading r = { .q = q };
    enum err_code rc = readers_run_together(sqlite_of(s), run_changes, &r, err);
    if (rc == ERR_OK)
        *ret_upto = r.seen;
    return rc;
}

/* ---- forgetting ---- */

struct compaction {
    const struct store_compaction *c;
    size_t count; /* result */
};

/* A clock that has gone back leaves older times behind newer ones: only what has nothing to be kept before it goes. */
static enum err_code find_end(struct conn *c, const struct store_compaction *wanted, size_t *ret_count,
                              int64_t *ret_end, struct err *err) {
    struct counters counters = { .revision = 0 };
    enum err_code rc = read_counters(c, &counters, err);
    if (rc != ERR_OK)
        return rc;
    size_t kept = (size_t)counters.kept, over = kept > wanted->keep_max ? kept - wanted->keep_max : 0;
    AUTO(query_done) struct query q = query_new(c, SQL_CHANGE_OLDEST);
    query_i64(&q, counters.floor);
    query_limit(&q, wanted->limit);
    for (*ret_count = 0;; ++*ret_count) {
        bool row = false;
        rc = query_step(&q, &row, err);
        if (rc != ERR_OK || !row || (*ret_count >= over && query_col_i64(&q, 1) >= wanted->before))
            return rc;
        *ret_end = query_col_i64(&q, 0);
    }
}

static enum err_code apply_compact(struct conn *c, void *args, struct err *err) {
    struct compaction *x = args;
    int64_t end = 0;
    enum err_code rc = find_end(c, x->c, &x->count, &end, err);
    if (rc != ERR_OK || x->count == 0)
        return rc;
    {
        AUTO(query_done) struct query q = query_new(c, SQL_CHANGE_FORGET);
        query_i64(&q, end);
        rc = query_run(&q, err);
    }
    if (rc != ERR_OK)
        return rc;
    AUTO(query_done) struct query q = query_new(c, SQL_STATE_FORGET);
    query_i64(&q, end);
    query_i64(&q, (int64_t)x->count);
    return query_run(&q, err);
}

enum err_code sqlite_compact(struct store *s, const struct store_compaction *c, size_t *ret_count,
                             struct err *err) {
    struct compaction x = { .c = c };
    enum err_code rc = writer_run(sqlite_of(s), apply_compact, &x, err);
    if (rc == ERR_OK)
        *ret_count = x.count;
    return rc;
}
