/* One SQLite connection with its prepared statements, and the mapping of SQLite's result codes to ours. A connection is
 * used by one thread at a time. */
#pragma once
#include <sqlite3.h>

#include "store/sqlite/sql.h"
#include "tkeauth/base.h"

enum { CONN_BUSY_TIMEOUT_MS = 2000, CONN_WAL_LIMIT = 64 * 1024 * 1024, CONN_WRITE_CACHE_KIB = 16 * 1024 };

enum conn_mode { CONN_READ, CONN_WRITE };
struct conn {
    sqlite3 *db; /* NULL: closed */
    sqlite3_stmt *statements[SQL_COUNT];
    int failed; /* SQLite's code of the last storage failure, 0: none since conn_open */
};

/* The file must exist. ERR_UNAVAILABLE: cannot be opened, or not for writing. */
MUST_CHECK enum err_code conn_open(struct conn *c, const char *path, enum conn_mode mode, struct err *err);
void conn_close(struct conn *c); /* a closed one is fine */
/* Whether the path names another file by now, or none: what is written here would be lost to the next start. */
bool conn_has_moved(const struct conn *c);
/* A statement without parameters and result: BEGIN and its like. */
MUST_CHECK enum err_code conn_run(struct conn *c, enum sql_id id, struct err *err);
/* Text that is run once: pragmas and migrations. */
MUST_CHECK enum err_code conn_script(struct conn *c, const char *sql, struct err *err);
MUST_CHECK enum err_code conn_pragma_i64(struct conn *c, const char *pragma, int64_t *ret, struct err *err);
/* Undoes an open transaction, if there is one; after some failures SQLite has done so itself. */
void conn_rollback(struct conn *c);
/* Maps SQLite's `rc` and remembers it in c->failed when it is the storage's fault. */
enum err_code conn_fail(struct conn *c, int rc, const char *what, struct err *err);
/* ERR_UNAVAILABLE, ERR_NOMEM, ERR_INTERNAL: the storage failed, as opposed to a request that could not be met. */
bool conn_is_storage_error(enum err_code rc);

/* A prepared statement in use: bind in the order of the parameters, then step. Binding failures show when stepping. */
struct query {
    struct conn *conn;
    sqlite3_stmt *statement;
    int bound; /* parameters so far */
    int rc;    /* SQLite's, sticky */
    enum sql_id id;
};
struct query query_new(struct conn *c, enum sql_id id);
void query_done(struct query *q); /* makes the statement free for its next use */
/* Bound bytes are borrowed until query_done. */
void query_blob(struct query *q, const void *bytes, size_t len); /* NULL bytes: SQL NULL */
void query_text(struct query *q, struct str s);                  /* STR_NULL: '' */
void query_text_or_null(struct query *q, struct str s);          /* STR_NULL: SQL NULL */
void query_i64(struct query *q, int64_t n);
void query_time(struct query *q, int64_t t); /* 0: SQL NULL */
void query_limit(struct query *q, size_t n); /* 0: none */
/* `*ret_row`: whether there is a row. A violated key is ERR_EXISTS. */
MUST_CHECK enum err_code query_step(struct query *q, bool *ret_row, struct err *err);
MUST_CHECK enum err_code query_run(struct query *q, struct err *err); /* to the end */

/* Columns of the current row; slices are valid until the next step. */
int64_t query_col_i64(const struct query *q, int column);
struct str query_col_text(const struct query *q, int column);         /* NULL: "" */
struct str query_col_text_or_null(const struct query *q, int column); /* NULL: STR_NULL */
struct str query_col_blob(const struct query *q, int column);         /* NULL, empty: STR_NULL */
/* Copies exactly `len` bytes; any other length means a damaged file: ERR_INTERNAL. */
MUST_CHECK enum err_code query_col_bytes(const struct query *q, int column, void *out, size_t len,
                                         struct err *err);
