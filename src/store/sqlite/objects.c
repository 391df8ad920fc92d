#include "store/sqlite/sqlite.h"

struct object_write {
    const struct store_object *o;
    int64_t revision; /* result */
};

/* One counter for the whole store, kept as the highest of its kinds; the writer's transaction makes it gapless and in the
 * order of the commits, also against another process. */
static enum err_code next_revision(struct conn *c, struct str kind, int64_t *ret, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_KIND_NEXT);
    query_text(&q, kind);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    if (rc != ERR_OK)
        return rc;
    *ret = query_col_i64(&q, 0);
    return query_run(&q, err);
}

static enum err_code write_object(struct conn *c, enum sql_id id, const struct store_object *o,
                                  int64_t revision, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, id);
    query_text(&q, o->kind);
    query_text(&q, o->name);
    query_i64(&q, revision);
    query_text(&q, o->body);
    return query_run(&q, err);
}

static enum err_code not_found(struct str kind, struct str name, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "%.*s/%.*s", STR_FMT(kind), STR_FMT(name));
}

/* ERR_NOT_FOUND, or ERR_CONFLICT when o->revision is given and another one is there. */
static enum err_code check_expected(struct conn *c, const struct store_object *o, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_OBJECT_REVISION);
    query_text(&q, o->kind);
    query_text(&q, o->name);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    if (rc != ERR_OK)
        return rc;
    if (!row)
        return not_found(o->kind, o->name, err);
    int64_t there = query_col_i64(&q, 0);
    if (o->revision != 0 && o->revision != there)
        return err_set(err, ERR_CONFLICT, "%.*s/%.*s: revision %lld expected, %lld is there",
                       STR_FMT(o->kind), STR_FMT(o->name), (long long)o->revision, (long long)there);
    return ERR_OK;
}

static enum err_code apply_create(struct conn *c, void *args, struct err *err) {
    struct object_write *w = args;
    enum err_code rc = next_revision(c, w->o->kind, &w->revision, err);
    if (rc == ERR_OK)
        rc = write_object(c, SQL_OBJECT_INSERT, w->o, w->revision, err);
    if (rc == ERR_EXISTS)
        return err_set(err, rc, "%.*s/%.*s", STR_FMT(w->o->kind), STR_FMT(w->o->name));
    return rc;
}

static enum err_code apply_update(struct conn *c, void *args, struct err *err) {
    struct object_write *w = args;
    enum err_code rc = check_expected(c, w->o, err);
    if (rc == ERR_OK)
        rc = next_revision(c, w->o->kind, &w->revision, err);
    return rc == ERR_OK ? write_object(c, SQL_OBJECT_UPDATE, w->o, w->revision, err) : rc;
}

static enum err_code apply_remove(struct conn *c, void *args, struct err *err) {
    struct object_write *w = args;
    enum err_code rc = check_expected(c, w->o, err);
    if (rc == ERR_OK)
        rc = next_revision(c, w->o->kind, &w->revision, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(query_done) struct query q = query_new(c, SQL_OBJECT_DELETE);
    query_text(&q, w->o->kind);
    query_text(&q, w->o->name);
    return query_run(&q, err);
}

static enum err_code write_and_tell(struct store *s, write_fn *apply, const struct store_object *o,
                                    int64_t *ret_revision, struct err *err) {
    struct object_write w = { .o = o };
    enum err_code rc = writer_run(sqlite_of(s), apply, &w, err);
    if (rc == ERR_OK)
        *ret_revision = w.revision;
    return rc;
}

enum err_code sqlite_create(struct store *s, const struct store_object *o, int64_t *ret_revision,
                            struct err *err) {
    return write_and_tell(s, apply_create, o, ret_revision, err);
}

enum err_code sqlite_update(struct store *s, const struct store_object *o, int64_t *ret_revision,
                            struct err *err) {
    return write_and_tell(s, apply_update, o, ret_revision, err);
}

enum err_code sqlite_remove(struct store *s, const struct store_object *o, struct err *err) {
    int64_t unused = 0;
    return write_and_tell(s, apply_remove, o, &unused, err);
}

/* ---- reading ---- */

static enum err_code read_object(struct conn *c, struct arena *a, struct str kind, struct str name,
                                 struct store_object *ret, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_OBJECT_GET);
    query_text(&q, kind);
    query_text(&q, name);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    if (rc != ERR_OK)
        return rc;
    if (!row)
        return not_found(kind, name, err);
    struct str body = query_col_text(&q, 1);
    *ret = (struct store_object) { arena_str(a, kind), arena_str(a, name), arena_str(a, body),
                                   query_col_i64(&q, 0) };
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "an object of %zu bytes", body.len) : ERR_OK;
}

enum err_code sqlite_get(struct store *base, struct arena *a, struct str kind, struct str name,
                         struct store_object *ret, struct err *err) {
    struct sqlite_store *s = sqlite_of(base);
    struct conn *c = NULL;
    enum err_code rc = readers_take(s, &c, err);
    if (rc != ERR_OK)
        return rc;
    rc = read_object(c, a, kind, name, ret, err);
    readers_give(s, c, rc, err);
    return rc;
}

static enum err_code read_kind_revision(struct conn *c, struct str kind, int64_t *ret, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_KIND_GET);
    query_text(&q, kind);
    bool row = false;
    enum err_code rc = query_step(&q, &row, err);
    if (rc == ERR_OK)
        *ret = row ? query_col_i64(&q, 0) : 0;
    return rc;
}

enum err_code sqlite_kind_revision(struct store *base, struct str kind, int64_t *ret, struct err *err) {
    struct sqlite_store *s = sqlite_of(base);
    struct conn *c = NULL;
    enum err_code rc = readers_take(s, &c, err);
    if (rc != ERR_OK)
        return rc;
    rc = read_kind_revision(c, kind, ret, err);
    readers_give(s, c, rc, err);
    return rc;
}

/* `*ret_stopped`: the error is the caller's own, from `each`. */
static enum err_code read_list(struct conn *c, const struct store_list_query *query, bool *ret_stopped,
                               struct err *err) {
    AUTO(query_done) struct query q = query_new(c, SQL_OBJECT_LIST);
    query_text(&q, query->kind);
    query_text(&q, query->after);
    query_i64(&q, query->limit == 0 || query->limit > INT64_MAX ? -1 : (int64_t)query->limit);
    for (;;) {
        bool row = false;
        enum err_code rc = query_step(&q, &row, err);
        if (rc != ERR_OK || !row)
            return rc;
        struct store_object o = { query->kind, query_col_text(&q, 0), query_col_text(&q, 2),
                                  query_col_i64(&q, 1) };
        rc = query->each(query->ctx, &o, err);
        *ret_stopped = rc != ERR_OK;
        if (rc != ERR_OK)
            return rc;
    }
}

/* One read transaction, so that the list and its revision belong together. */
static enum err_code read_state(struct conn *c, const struct store_list_query *q, int64_t *ret_revision,
                                bool *ret_stopped, struct err *err) {
    enum err_code rc = conn_run(c, SQL_BEGIN_READ, err);
    if (rc == ERR_OK)
        rc = read_kind_revision(c, q->kind, ret_revision, err);
    if (rc == ERR_OK)
        rc = read_list(c, q, ret_stopped, err);
    conn_rollback(c);
    return rc;
}

enum err_code sqlite_list(struct store *base, const struct store_list_query *q, int64_t *ret_revision,
                          struct err *err) {
    struct sqlite_store *s = sqlite_of(base);
    struct conn *c = NULL;
    enum err_code rc = readers_take(s, &c, err);
    if (rc != ERR_OK)
        return rc;
    bool stopped = false;
    rc = read_state(c, q, ret_revision, &stopped, err);
    readers_give(s, c, stopped ? ERR_OK : rc, err);
    return rc;
}
