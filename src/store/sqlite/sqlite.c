#include "store/sqlite/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/sqlite/schema.h"

static void close_fd(int *fd) {
    if (*fd >= 0)
        (void)close(*fd);
}

static void free_text(char **p) { free(*p); }

/* The name of a new file is durable only once its directory has been synced. */
static enum err_code sync_directory_of(const char *path, struct err *err) {
    AUTO(free_text) char *copy = str_dup_c(path);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "a path");
    AUTO(close_fd) int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_set(err, ERR_UNAVAILABLE, "store: directory of %s: %s", path, strerror(errno));
    return ERR_OK;
}

/* Made by us rather than by SQLite, which would leave it readable by others; the log beside it inherits the mode. */
static enum err_code create_file(const char *path, struct log *log, struct err *err) {
    AUTO(close_fd) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0)
        return sync_directory_of(path, err);
    if (errno != EEXIST)
        return err_set(err, ERR_UNAVAILABLE, "store: %s: %s", path, strerror(errno));
    struct stat st;
    if (stat(path, &st) == 0 && (st.st_mode & 077) != 0)
        log_warn(log, NULL, "store_file_readable_by_others", KV("path", path));
    return ERR_OK;
}

static enum err_code check_path(const char *path, struct err *err) {
    struct str p = str_of(path);
    if (p.len == 0 || p.len > 4000 ||
        p.ptr[0] == ':') /* ":memory:" would be another one for every connection */
        return err_set(err, ERR_INVALID, "storage path \"%.*s\": must name a file", STR_FMT(p));
    return ERR_OK;
}

enum err_code sqlite_connect(const char *path, enum conn_mode mode, struct conn *ret, struct err *err) {
    enum err_code rc = conn_open(ret, path, mode, err);
    if (rc != ERR_OK)
        return rc;
    enum schema_state state = SCHEMA_EMPTY;
    rc = schema_check(ret, &state, err);
    /* Somebody has put another file there while we were running: not ours to fill. */
    if (rc == ERR_OK && state != SCHEMA_CURRENT)
        rc = err_set(err, ERR_UNAVAILABLE,
                     "store: %s has an older schema or is empty: open it for writing first", path);
    if (rc == ERR_OK)
        return ERR_OK;
    int failed = ret->failed != 0 ? ret->failed : SQLITE_SCHEMA;
    conn_close(ret);
    ret->failed = failed;
    return rc;
}

/* A file of a newer program must stay as it is: so the first look is through a connection that cannot write, not even a
 * checkpoint when it closes. */
static enum err_code look_before_writing(const char *path, struct err *err) {
    struct conn c;
    enum err_code rc = conn_open(&c, path, CONN_READ, err);
    if (rc != ERR_OK)
        return rc;
    enum schema_state state = SCHEMA_EMPTY;
    rc = schema_check(&c, &state, err);
    conn_close(&c);
    /* What only a writer can put right (a half-done change of an interrupted first start) is left to the writer. */
    return rc == ERR_CONFLICT || rc == ERR_INVALID ? rc : ERR_OK;
}

static enum err_code open_for_writing(struct sqlite_store *s, const struct store_options *options,
                                      struct err *err) {
    enum err_code rc = create_file(s->path, s->log, err);
    if (rc == ERR_OK)
        rc = look_before_writing(s->path, err);
    if (rc == ERR_OK)
        rc = conn_open(&s->writer.conn, s->path, CONN_WRITE, err);
    if (rc == ERR_OK)
        rc = schema_migrate(&s->writer.conn, err);
    if (rc == ERR_OK)
        rc = writer_start(s, options->metrics, err);
    if (rc != ERR_OK)
        conn_close(&s->writer.conn);
    return rc;
}

static enum err_code open_for_reading(struct sqlite_store *s, struct err *err) {
    if (access(s->path, F_OK) != 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_UNAVAILABLE, "store: %s: %s", s->path,
                       strerror(errno));
    struct conn *c = NULL; /* whoever only looks wants to know at once that there is nothing to see */
    enum err_code rc = readers_take(s, &c, err);
    if (rc == ERR_OK)
        readers_give(s, c, ERR_OK, err);
    return rc;
}

static void release(struct sqlite_store *s) {
    readers_close(s);
    (void)pthread_mutex_destroy(&s->readers.mutex);
    store_base_done(&s->base);
    free(s->path);
    free(s);
}

static enum err_code sqlite_open(const struct store_options *options, struct store **ret, struct err *err) {
    enum err_code rc = check_path(options->path, err);
    if (rc != ERR_OK)
        return rc;
    struct sqlite_store *s = calloc(1, sizeof *s);
    if (s == NULL || (s->path = str_dup_c(options->path)) == NULL) {
        free(s);
        return err_set(err, ERR_NOMEM, "a store");
    }
    s->log = options->log;
    s->base.read_only = options->read_only;
    store_base_init(&s->base);
    (void)pthread_mutex_init(&s->readers.mutex, NULL);
    rc = options->read_only ? open_for_reading(s, err) : open_for_writing(s, options, err);
    if (rc != ERR_OK) {
        release(s);
        return rc;
    }
    *ret = &s->base;
    return ERR_OK;
}

static void sqlite_close(struct store *base) {
    struct sqlite_store *s = sqlite_of(base);
    readers_close(s); /* the writer's connection is the last one: it moves the log into the file */
    if (!base->read_only)
        writer_stop(s);
    release(s);
}

const struct store_ops store_sqlite_ops = {
    .type = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .transact = sqlite_transact,
    .tx_get = sqlite_tx_get,
    .tx_list = sqlite_tx_list,
    .tx_count = sqlite_tx_count,
    .tx_write = sqlite_tx_write,
    .tx_remove = sqlite_tx_remove,
    .tx_set_owned = sqlite_tx_set_owned,
    .get = sqlite_get,
    .find = sqlite_find,
    .list = sqlite_list,
    .kind_revision = sqlite_kind_revision,
    .revision = sqlite_revision,
    .owned_list = sqlite_owned_list,
    .changes = sqlite_changes,
    .compact = sqlite_compact,
    .code_put = sqlite_code_put,
    .code_get = sqlite_code_get,
    .code_consume = sqlite_code_consume,
    .family_put = sqlite_family_put,
    .refresh_get = sqlite_refresh_get,
    .refresh_rotate = sqlite_refresh_rotate,
    .family_revoke = sqlite_family_revoke,
    .expire = sqlite_expire,
    .backup = sqlite_backup,
    .health = sqlite_health,
};
