#include "store/sqlite/conn.h"

bool conn_is_storage_error(enum err_code rc) {
    return rc == ERR_UNAVAILABLE || rc == ERR_NOMEM || rc == ERR_INTERNAL;
}

static enum err_code code_of(int rc) {
    switch (rc & 0xff) { /* the primary code */
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT: return ERR_UNAVAILABLE;
    case SQLITE_NOMEM: return ERR_NOMEM;
    case SQLITE_TOOBIG: return ERR_LIMIT;
    case SQLITE_CONSTRAINT: return ERR_EXISTS;
    default: return ERR_INTERNAL;
    }
}

enum err_code conn_fail(struct conn *c, int rc, const char *what, struct err *err) {
    enum err_code code = code_of(rc);
    if (conn_is_storage_error(code))
        c->failed = rc;
    int os = c->db != NULL ? sqlite3_system_errno(c->db) : 0;
    return err_set(err, code, "store: %s (sqlite %d%s%s): %.120s", sqlite3_errstr(rc), rc,
                   os != 0 ? ", " : "", os != 0 ? strerror(os) : "", what);
}

enum err_code conn_script(struct conn *c, const char *sql, struct err *err) {
    int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? ERR_OK : conn_fail(c, sqlite3_extended_errcode(c->db), sql, err);
}

static void finalize(sqlite3_stmt **statement) { (void)sqlite3_finalize(*statement); }

enum err_code conn_pragma_i64(struct conn *c, const char *pragma, int64_t *ret, struct err *err) {
    AUTO(finalize) sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(c->db, pragma, -1, &statement, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW)
        return conn_fail(c, sqlite3_extended_errcode(c->db), pragma, err);
    *ret = sqlite3_column_int64(statement, 0);
    return ERR_OK;
}

static enum err_code configure(struct conn *c, enum conn_mode mode, struct err *err) {
    (void)sqlite3_extended_result_codes(c->db, 1);
    (void)sqlite3_busy_timeout(c->db, CONN_BUSY_TIMEOUT_MS);
    (void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(c->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* synchronous=FULL: COMMIT returns after the log has been synced, which is what an acknowledgement means here. */
    enum err_code rc = conn_script(c,
                                   "PRAGMA synchronous=FULL;"
                                   "PRAGMA foreign_keys=ON;"
                                   "PRAGMA cell_size_check=ON;"
                                   "PRAGMA temp_store=MEMORY;",
                                   err);
    if (rc != ERR_OK || mode == CONN_READ)
        return rc;
    /* What a burst or a long reader made the log grow to is given back. Writes go all over a large store (names are hashes, for
     * one): the cache has room for the pages that a set of thousands of rules touches. */
    char limits[128];
    (void)snprintf(limits, sizeof limits, "PRAGMA journal_size_limit=%d; PRAGMA cache_size=-%d",
                   (int)CONN_WAL_LIMIT, (int)CONN_WRITE_CACHE_KIB);
    if ((rc = conn_script(c, limits, err)) != ERR_OK)
        return rc;
    /* Without the right to write, SQLite opens silently for reading. */
    if (sqlite3_db_readonly(c->db, "main") == 1)
        return conn_fail(c, SQLITE_READONLY, "open for writing", err);
    return ERR_OK;
}

enum err_code conn_open(struct conn *c, const char *path, enum conn_mode mode, struct err *err) {
    *c = (struct conn) { .db = NULL };
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (mode == CONN_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    int rc = sqlite3_open_v2(path, &c->db, flags, NULL);
    enum err_code code = rc == SQLITE_OK ? configure(c, mode, err) : conn_fail(c, rc, "open", err);
    if (code != ERR_OK) {
        int failed = c->failed;
        conn_close(c);
        c->failed = failed;
        return err_context(err, "%s", path);
    }
    return ERR_OK;
}

void conn_close(struct conn *c) {
    for (size_t i = 0; i < ARRAY_LEN(c->statements); i++)
        (void)sqlite3_finalize(c->statements[i]);
    (void)sqlite3_close(c->db);
    *c = (struct conn) { .db = NULL };
}

bool conn_has_moved(const struct conn *c) {
    int moved = 0;
    return sqlite3_file_control(c->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved != 0;
}

void conn_rollback(struct conn *c) {
    struct err ignored = { 0 };
    int failed = c->failed;
    if (c->db != NULL && sqlite3_get_autocommit(c->db) == 0)
        (void)!conn_run(c, SQL_ROLLBACK, &ignored);
    c->failed = failed; /* the cause, not its consequence */
}

enum err_code conn_run(struct conn *c, enum sql_id id, struct err *err) {
    AUTO(query_done) struct query q = query_new(c, id);
    return query_run(&q, err);
}

struct query query_new(struct conn *c, enum sql_id id) {
    struct query q = { .conn = c, .statement = c->statements[id], .id = id };
    if (q.statement != NULL)
        return q;
    q.rc = sqlite3_prepare_v3(c->db, sql_text(id), -1, SQLITE_PREPARE_PERSISTENT, &q.statement, NULL);
    c->statements[id] = q.statement;
    return q;
}

void query_done(struct query *q) {
    if (q->statement == NULL)
        return;
    (void)sqlite3_reset(q->statement); /* its code repeats what stepping has reported */
    if (q->bound > 0)
        (void)sqlite3_clear_bindings(q->statement);
}

static void bound(struct query *q, int rc) {
    if (q->rc == SQLITE_OK)
        q->rc = rc;
}

void query_blob(struct query *q, const void *bytes, size_t len) {
    bound(q, sqlite3_bind_blob64(q->statement, ++q->bound, bytes, len, SQLITE_STATIC));
}

void query_text(struct query *q, struct str s) {
    bound(q, sqlite3_bind_text64(q->statement, ++q->bound, s.ptr != NULL ? s.ptr : "", s.len, SQLITE_STATIC,
                                 SQLITE_UTF8));
}

void query_text_or_null(struct query *q, struct str s) {
    bound(q, sqlite3_bind_text64(q->statement, ++q->bound, s.ptr, s.len, SQLITE_STATIC, SQLITE_UTF8));
}

void query_i64(struct query *q, int64_t n) { bound(q, sqlite3_bind_int64(q->statement, ++q->bound, n)); }

void query_time(struct query *q, int64_t t) {
    if (t != 0)
        query_i64(q, t);
    else
        bound(q, sqlite3_bind_null(q->statement, ++q->bound));
}

void query_limit(struct query *q, size_t n) { query_i64(q, n == 0 || n > INT64_MAX ? -1 : (int64_t)n); }

enum err_code query_step(struct query *q, bool *ret_row, struct err *err) {
    if (q->rc == SQLITE_OK)
        q->rc = sqlite3_step(q->statement);
    int rc = q->rc;
    q->rc = SQLITE_OK;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
        *ret_row = rc == SQLITE_ROW;
        return ERR_OK;
    }
    q->rc = rc; /* a failed statement is not stepped again */
    return conn_fail(q->conn, rc, sql_text(q->id), err);
}

enum err_code query_run(struct query *q, struct err *err) {
    bool row = true;
    while (row) {
        enum err_code rc = query_step(q, &row, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

int64_t query_col_i64(const struct query *q, int column) {
    return sqlite3_column_int64(q->statement, column);
}

struct str query_col_text(const struct query *q, int column) {
    const void *p = sqlite3_column_text(q->statement, column);
    int len = sqlite3_column_bytes(q->statement, column);
    return p != NULL && len > 0 ? (struct str) { p, (size_t)len } : STR("");
}

struct str query_col_text_or_null(const struct query *q, int column) {
    bool null = sqlite3_column_type(q->statement, column) == SQLITE_NULL;
    return null ? STR_NULL : query_col_text(q, column);
}

struct str query_col_blob(const struct query *q, int column) {
    const void *p = sqlite3_column_blob(q->statement, column);
    int len = sqlite3_column_bytes(q->statement, column);
    return p != NULL && len > 0 ? (struct str) { p, (size_t)len } : STR_NULL;
}

enum err_code query_col_bytes(const struct query *q, int column, void *out, size_t len, struct err *err) {
    const void *p = sqlite3_column_blob(q->statement, column);
    if (p == NULL || (size_t)sqlite3_column_bytes(q->statement, column) != len)
        return conn_fail(q->conn, SQLITE_CORRUPT, sql_text(q->id), err);
    memcpy(out, p, len);
    return ERR_OK;
}
