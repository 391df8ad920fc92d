#include "store/sqlite/sqlite.h"

#include <stdlib.h>

static struct conn *pop_idle(struct readers *r) { return r->idle_len > 0 ? r->idle[--r->idle_len] : NULL; }

static void forget(struct sqlite_store *s, struct conn *c) {
    conn_close(c);
    free(c);
    (void)pthread_mutex_lock(&s->readers.mutex);
    s->readers.open--;
    (void)pthread_mutex_unlock(&s->readers.mutex);
}

/* Nobody waits for a connection: a caller that reads while it reads (from a list) must not wait for itself. */
enum err_code readers_take(struct sqlite_store *s, struct conn **ret, struct err *err) {
    struct readers *r = &s->readers;
    (void)pthread_mutex_lock(&r->mutex);
    struct conn *c = pop_idle(r);
    bool full = c == NULL && r->open == READERS_MAX;
    if (c == NULL && !full)
        r->open++;
    (void)pthread_mutex_unlock(&r->mutex);
    if (full)
        return err_set(err, ERR_UNAVAILABLE, "store: %d readings are under way already", (int)READERS_MAX);
    if (c != NULL && !conn_has_moved(c)) {
        *ret = c;
        return ERR_OK;
    }
    if (c != NULL) { /* its place is kept for the one that is opened now */
        conn_close(c);
        free(c);
    }
    struct conn *opened = calloc(1, sizeof *opened);
    enum err_code rc = opened != NULL ? sqlite_connect(s->path, CONN_READ, opened, err)
                                      : err_set(err, ERR_NOMEM, "a connection");
    if (rc == ERR_OK) {
        *ret = opened;
        return ERR_OK;
    }
    health_note(s, &s->health.read_failed, opened != NULL ? opened->failed : SQLITE_NOMEM, err);
    writer_wake(s);
    free(opened);
    (void)pthread_mutex_lock(&r->mutex);
    r->open--;
    (void)pthread_mutex_unlock(&r->mutex);
    return rc;
}

void readers_give(struct sqlite_store *s, struct conn *c, enum err_code rc, const struct err *err) {
    bool failed = c->failed != 0 && conn_is_storage_error(rc);
    health_note(s, &s->health.read_failed, failed ? c->failed : 0, err);
    if (failed) {
        writer_wake(s);
        forget(s, c);
        return;
    }
    struct readers *r = &s->readers;
    (void)pthread_mutex_lock(&r->mutex);
    bool kept = r->idle_len < READERS_KEPT;
    if (kept)
        r->idle[r->idle_len++] = c;
    (void)pthread_mutex_unlock(&r->mutex);
    if (!kept)
        forget(s, c);
}

/* What a receiver of a list answers is not the connection's fault. */
static enum err_code give_back(struct sqlite_store *s, struct conn *c, enum err_code rc,
                               const struct err *err) {
    readers_give(s, c, c->failed != 0 ? rc : ERR_OK, err);
    return rc;
}

enum err_code readers_run(struct sqlite_store *s, read_fn *read, void *args, struct err *err) {
    struct conn *c = NULL;
    enum err_code rc = readers_take(s, &c, err);
    return rc == ERR_OK ? give_back(s, c, read(c, args, err), err) : rc;
}

enum err_code readers_run_together(struct sqlite_store *s, read_fn *read, void *args, struct err *err) {
    struct conn *c = NULL;
    enum err_code rc = readers_take(s, &c, err);
    if (rc != ERR_OK)
        return rc;
    rc = conn_run(c, SQL_BEGIN_READ, err);
    if (rc == ERR_OK)
        rc = read(c, args, err);
    conn_rollback(c);
    return give_back(s, c, rc, err);
}

void readers_close(struct sqlite_store *s) {
    struct conn *c;
    while ((c = pop_idle(&s->readers)) != NULL) {
        conn_close(c);
        free(c);
    }
}
