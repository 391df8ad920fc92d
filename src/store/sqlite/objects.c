/* Objects as readers see them: now, or as they were at a revision. */
#include "store/sqlite/sqlite.h"

enum err_code read_counters(struct conn *c, struct counters *ret, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_STATE_GET);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    if (rc == ERR_OK && !row)
        return conn_fail(c, SQLITE_CORRUPT, sql_text(SQL_STATE_GET), err);
    if (rc == ERR_OK)
        *ret = (struct counters) { query_col_i64(&q, 0), query_col_i64(&q, 1), query_col_i64(&q, 2) };
    return rc;
}

enum err_code read_kind(struct conn *c, struct str kind, int64_t *ret_revision, int64_t *ret_floor,
                        struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_KIND_GET);
    query_text(&q, kind);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    if (rc == ERR_OK) {
        *ret_revision = row ? query_col_i64(&q, 0) : 0;
        *ret_floor = row ? query_col_i64(&q, 1) : 0;
    }
    return rc;
}

/* Of a row that begins with name, revision, body and secret. */
static struct store_object object_of(const struct query *row, struct str kind) {
    return (struct store_object) { .kind = kind,
                                   .name = query_col_text(row, 0),
                                   .body = query_col_text(row, 2),
                                   .secret = query_col_blob(row, 3),
                                   .revision = query_col_i64(row, 1) };
}

/* ---- one object ---- */

enum err_code read_object(struct conn *c, struct arena *a, const struct store_lookup *key,
                          struct store_object *ret, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_OBJECT_GET);
    query_text(&q, key->kind);
    query_text(&q, key->name);
    query_i64(&q, key->with_secret);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    if (rc != ERR_OK)
        return rc;
    if (!row)
        return store_not_found(key->kind, key->name, err);
    struct store_object o = object_of(&q, key->kind);
    return store_object_copy(a, &o, ret, err);
}

struct lookup {
    const struct store_lookup *key;
    struct arena *arena;
    struct store_object *ret;
    size_t found;
};

static enum err_code run_get(struct conn *c, void *args, struct err *err) {
    struct lookup *l = args;
    return read_object(c, l->arena, l->key, l->ret, err);
}

enum err_code sqlite_get(struct store *s, struct arena *a, const struct store_lookup *key,
                         struct store_object *ret, struct err *err) {
    struct lookup l = { key, a, ret, 0 };
    return readers_run(sqlite_of(s), run_get, &l, err);
}

static enum err_code keep_first(void *ctx, const struct store_object *o, struct err *err) {
    struct lookup *l = ctx;
    return l->found++ == 0 ? store_object_copy(l->arena, o, l->ret, err) : ERR_OK;
}

static enum err_code run_find(struct conn *c, void *args, struct err *err) {
    struct lookup *l = args;
    struct store_query first_two = { .kind = l->key->kind,
                                     .key = l->key->key,
                                     .limit = 2,
                                     .each = keep_first,
                                     .ctx = l,
                                     .with_secret = l->key->with_secret };
    enum err_code rc = read_list(c, &first_two, err);
    if (rc == ERR_OK && l->found == 0)
        return err_set(err, ERR_NOT_FOUND, "%.*s: none with that key", STR_FMT(l->key->kind));
    return rc;
}

enum err_code sqlite_find(struct store *s, struct arena *a, const struct store_lookup *key,
                          struct store_object *ret, bool *ret_more, struct err *err) {
    struct lookup l = { key, a, ret, 0 };
    enum err_code rc = readers_run(sqlite_of(s), run_find, &l, err);
    *ret_more = l.found > 1;
    return rc;
}

/* ---- lists ---- */

struct cursor {
    struct query rows; /* that begin as object_of() wants them */
    bool row;          /* there is a current one */
};
static void cursor_done(struct cursor *c) { query_done(&c->rows); }
static enum err_code cursor_step(struct cursor *c, struct err *err) {
    return query_step(&c->rows, &c->row, err);
}

/* What has not been written after revision `at`. */
static struct cursor unchanged_since(struct conn *c, const struct store_query *q, int64_t at) {
    bool keyed = q->key.ptr != NULL;
    struct cursor cursor = { .rows = query_new(c, keyed ? SQL_OBJECT_LIST_BY_KEY : SQL_OBJECT_LIST) };
    query_text(&cursor.rows, q->kind);
    query_text(&cursor.rows, q->after);
    query_i64(&cursor.rows, q->with_secret);
    query_i64(&cursor.rows, at);
    query_limit(&cursor.rows, q->limit);
    if (keyed)
        query_text(&cursor.rows, q->key);
    return cursor;
}

enum err_code read_list(struct conn *c, const struct store_query *q, struct err *err) {
    AUTO(cursor_done) struct cursor now = unchanged_since(c, q, INT64_MAX);
    for (;;) {
        enum err_code rc = cursor_step(&now, err);
        if (rc != ERR_OK || !now.row)
            return rc;
        struct store_object o = object_of(&now.rows, q->kind);
        if ((rc = q->each(q->ctx, &o, err)) != ERR_OK)
            return rc;
    }
}

/* No name is after this one: UTF-8 has no such byte. */
static const struct str after_all_names = { "\xff", 1 };

/* The last name that a page of what has not changed would have. A page with what has changed, too, ends there at the latest, so
 * the history need not be searched any further. */
static enum err_code page_end(struct conn *c, const struct store_query *q, struct strbuf *name,
                              struct err *err) {
    AUTO(cursor_done) struct cursor now = unchanged_since(c, q, q->at_revision);
    size_t left = q->limit;
    for (; left > 0; left--) {
        enum err_code rc = cursor_step(&now, err);
        if (rc != ERR_OK)
            return rc;
        if (!now.row)
            break;
        if (left == 1)
            strbuf_add(name, query_col_text(&now.rows, 0));
    }
    if (name->len == 0)
        strbuf_add(name, after_all_names);
    return strbuf_check(name, err);
}

static struct cursor changed_since(struct conn *c, const struct store_query *q, struct str end) {
    struct cursor cursor = { .rows = query_new(c, SQL_CHANGE_FIRST_PER_NAME) };
    query_text(&cursor.rows, q->kind);
    query_text(&cursor.rows, q->after);
    query_text(&cursor.rows, end);
    query_i64(&cursor.rows, q->at_revision);
    return cursor;
}

/* Two sorted lists side by side: what has not changed since, and what has, as it was. */
static enum err_code merge(struct cursor *now, struct cursor *then, const struct store_query *q,
                           struct err *err) {
    size_t left = q->limit != 0 ? q->limit : SIZE_MAX;
    enum err_code rc = cursor_step(now, err);
    if (rc == ERR_OK)
        rc = cursor_step(then, err);
    while (rc == ERR_OK && left > 0 && (now->row || then->row)) {
        bool changed = !now->row || (then->row && str_cmp(query_col_text(&then->rows, 0),
                                                          query_col_text(&now->rows, 0)) < 0);
        struct cursor *from = changed ? then : now;
        if (!changed || query_col_i64(&then->rows, 4) != STORE_CREATED) {
            struct store_object o = object_of(&from->rows, q->kind);
            o.changed_since = changed;
            rc = q->each(q->ctx, &o, err);
            left--;
        }
        if (rc == ERR_OK)
            rc = cursor_step(from, err);
    }
    return rc;
}

static enum err_code read_past(struct conn *c, const struct store_query *q, const struct counters *counters,
                               struct err *err) {
    int64_t unused = 0, floor = 0;
    enum err_code rc = read_kind(c, q->kind, &unused, &floor, err);
    if (rc == ERR_OK)
        rc = store_check_history(q->at_revision, floor > counters->floor ? floor : counters->floor,
                                 counters->revision, err);
    AUTO(strbuf_done) struct strbuf end = STRBUF(STORE_OBJECT_MAX);
    if (rc == ERR_OK)
        rc = page_end(c, q, &end, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(cursor_done) struct cursor now = unchanged_since(c, q, q->at_revision);
    AUTO(cursor_done) struct cursor then = changed_since(c, q, strbuf_str(&end));
    return merge(&now, &then, q, err);
}

struct listing {
    const struct store_query *q;
    int64_t revision; /* result */
};

static enum err_code run_list(struct conn *c, void *args, struct err *err) {
    struct listing *l = args;
    struct counters counters = { .revision = 0 };
    enum err_code rc = read_counters(c, &counters, err);
    if (rc != ERR_OK)
        return rc;
    bool past = l->q->at_revision != 0 && l->q->at_revision != counters.revision;
    l->revision = past ? l->q->at_revision : counters.revision;
    return past ? read_past(c, l->q, &counters, err) : read_list(c, l->q, err);
}

enum err_code sqlite_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                          struct err *err) {
    struct listing l = { .q = q };
    enum err_code rc = readers_run_together(sqlite_of(s), run_list, &l, err);
    if (rc == ERR_OK)
        *ret_revision = l.revision;
    return rc;
}

/* ---- revisions ---- */

struct revision_of {
    struct str kind; /* STR_NULL: of any */
    int64_t revision;
};

static enum err_code run_revision(struct conn *c, void *args, struct err *err) {
    struct revision_of *r = args;
    struct counters counters = { .revision = 0 };
    int64_t unused = 0;
    if (r->kind.ptr != NULL)
        return read_kind(c, r->kind, &r->revision, &unused, err);
    enum err_code rc = read_counters(c, &counters, err);
    r->revision = counters.revision;
    return rc;
}

enum err_code sqlite_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err) {
    struct revision_of r = { .kind = kind };
    enum err_code rc = readers_run(sqlite_of(s), run_revision, &r, err);
    if (rc == ERR_OK)
        *ret = r.revision;
    return rc;
}

enum err_code sqlite_revision(struct store *s, int64_t *ret, struct err *err) {
    struct revision_of r = { .kind = STR_NULL };
    enum err_code rc = readers_run(sqlite_of(s), run_revision, &r, err);
    if (rc == ERR_OK)
        *ret = r.revision;
    return rc;
}
