#include "store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- expiry ---- */

struct expiry {
    int64_t now;
    size_t limit, count; /* count: result */
};

static enum err_code run_over_due(struct conn *c, enum sql_id id, const struct expiry *x, size_t *ret_rows,
                                  struct err *err) {
    AUTO(query_done) struct query q = query_new(c, id);
    query_i64(&q, x->now);
    query_i64(&q, (int64_t)(x->limit - x->count));
    enum err_code rc = query_run(&q, err);
    if (rc == ERR_OK)
        *ret_rows = (size_t)sqlite3_changes64(c->db);
    return rc;
}

static enum err_code apply_expire(struct conn *c, void *args, struct err *err) {
    struct expiry *x = args;
    size_t codes = 0, postponed = 0, families = 0;
    x->count = 0;
    enum err_code rc = run_over_due(c, SQL_CODE_EXPIRE, x, &codes, err);
    x->count = codes;
    if (rc == ERR_OK)
        rc = run_over_due(c, SQL_FAMILY_POSTPONE, x, &postponed, err);
    if (rc == ERR_OK)
        rc = run_over_due(c, SQL_FAMILY_EXPIRE, x, &families, err);
    x->count += families;
    return rc;
}

enum err_code sqlite_expire(struct store *s, int64_t now, size_t limit, size_t *ret_count, struct err *err) {
    struct expiry x = { .now = now, .limit = limit };
    enum err_code rc = writer_run(sqlite_of(s), apply_expire, &x, err);
    if (rc == ERR_OK)
        *ret_count = x.count;
    return rc;
}

/* ---- backup ---- */

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
}

static enum err_code sync_path(const char *path, int flags, struct err *err) {
    AUTO(close_fd) int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_set(err, ERR_UNAVAILABLE, "backup: %s: %s", path, strerror(errno));
    return ERR_OK;
}

/* Into an empty file of ours, so that no other user may read the copy. */
static enum err_code copy_into(struct sqlite_store *s, const char *path, struct err *err) {
    struct conn c;
    enum err_code rc = sqlite_connect(s->path, CONN_READ, &c, err);
    if (rc != ERR_OK)
        return rc;
    {
        AUTO(query_done) struct query q = query_new(&c, SQL_BACKUP);
        query_text(&q, str_of(path));
        rc = query_run(&q, err);
    }
    conn_close(&c);
    return rc == ERR_OK ? sync_path(path, O_RDWR, err) : rc; /* VACUUM INTO does not sync */
}

/* Under its own name only when it is complete and on disk; never over another file. */
static enum err_code publish(const char *temporary, const char *path, struct err *err) {
    if (link(temporary, path) != 0)
        return err_set(err, errno == EEXIST ? ERR_EXISTS : ERR_UNAVAILABLE, "backup: %s: %s", path,
                       strerror(errno));
    char *copy = str_dup_c(path);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "a path");
    enum err_code rc = sync_path(dirname(copy), O_RDONLY | O_DIRECTORY, err);
    free(copy);
    return rc;
}

enum err_code sqlite_backup(struct store *s, const char *path, struct err *err) {
    if (access(path, F_OK) == 0)
        return err_set(err, ERR_EXISTS, "backup: %s is there already", path);
    AUTO(strbuf_done) struct strbuf temporary = STRBUF(4096);
    strbuf_addf(&temporary, "%s.XXXXXX", path);
    enum err_code rc = strbuf_check(&temporary, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(close_fd) int fd = mkostemp(temporary.ptr, O_CLOEXEC); /* mode 0600 */
    if (fd < 0)
        return err_set(err, ERR_UNAVAILABLE, "backup: %s: %s", path, strerror(errno));
    rc = copy_into(sqlite_of(s), temporary.ptr, err);
    if (rc == ERR_OK)
        rc = publish(temporary.ptr, path, err);
    (void)unlink(temporary.ptr);
    return rc;
}
