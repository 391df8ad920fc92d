/* Group commit: callers queue up; the writer takes all that wait, runs each in a savepoint, and commits them with one
 * sync. A caller is woken after COMMIT has returned, never before. While one group is being synced the next gathers. */
#include "store/sqlite/sqlite.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

/* ---- one group ---- */

/* A new connection after a failure that may have left a dead file behind. It is open before the old one is closed: closing
 * the last connection ends the log's shared index, and whoever builds it again from the log would take a transaction
 * whose sync has failed for a committed one. */
static enum err_code connect_again(struct sqlite_store *s, struct err *err) {
    struct writer *w = &s->writer;
    if (!w->stale && conn_has_moved(&w->conn)) {
        w->stale = true;
        w->conn.failed = SQLITE_READONLY_DBMOVED;
    }
    if (!w->stale)
        return ERR_OK;
    struct conn opened;
    enum err_code rc = sqlite_connect(s->path, CONN_WRITE, &opened, err);
    if (rc != ERR_OK) {
        w->conn.failed = opened.failed;
        return rc;
    }
    conn_close(&w->conn);
    w->conn = opened;
    w->stale = false;
    return ERR_OK;
}

/* A full disk or a lock leaves the connection sound. */
static bool needs_reconnect(int failed) {
    int primary = failed & 0xff;
    return primary != SQLITE_FULL && primary != SQLITE_BUSY && primary != SQLITE_NOMEM;
}

/* The connection knows: a request may have a reason of its own to call something unavailable, and it may have made something
 * else of what it was told. */
static enum err_code check_storage(const struct conn *c, const struct write_request *r, struct err *err) {
    if (c->failed == 0)
        return ERR_OK;
    if (!conn_is_storage_error(r->rc))
        return err_set(err, ERR_UNAVAILABLE, "store: %s (sqlite %d)", sqlite3_errstr(c->failed), c->failed);
    *err = *r->err;
    return r->rc;
}

/* The request's own failure is left in `r`; a failure of the storage is returned and ends the transaction. */
static enum err_code run_in_savepoint(struct conn *c, struct write_request *r, struct err *err) {
    enum err_code rc = conn_run(c, SQL_SAVEPOINT, err);
    if (rc != ERR_OK)
        return rc;
    int64_t before = sqlite3_total_changes64(c->db);
    r->rc = r->apply(c, r->args, r->err);
    if ((rc = check_storage(c, r, err)) != ERR_OK)
        return rc;
    r->changed = r->rc == ERR_OK && sqlite3_total_changes64(c->db) != before;
    if (r->rc != ERR_OK)
        rc = conn_run(c, SQL_UNDO, err);
    return rc == ERR_OK ? conn_run(c, SQL_RELEASE, err) : rc;
}

/* ERR_OK: committed, every request has its result. Otherwise nothing of it has happened and `err` says why;
 * `*ret_culprit` is the request during which the storage failed, NULL: none in particular. */
static enum err_code run_transaction(struct sqlite_store *s, struct write_request *group,
                                     struct write_request **ret_culprit, struct err *err) {
    struct conn *c = &s->writer.conn;
    enum err_code rc = connect_again(s, err);
    if (rc == ERR_OK)
        rc = conn_run(c, SQL_BEGIN_WRITE, err);
    if (rc != ERR_OK)
        return rc;
    for (struct write_request *r = group; r != NULL; r = r->next) {
        if ((rc = run_in_savepoint(c, r, err)) == ERR_OK)
            continue;
        *ret_culprit = r;
        return rc;
    }
    return conn_run(c, SQL_COMMIT, err);
}

static void fail_all(struct write_request *group, enum err_code rc, const struct err *err) {
    for (struct write_request *r = group; r != NULL; r = r->next) {
        r->rc = rc;
        r->changed = false;
        *r->err = *err;
    }
}

static void note_outcome(struct sqlite_store *s, const struct write_request *group, enum err_code rc,
                         const struct err *err) {
    struct writer *w = &s->writer;
    uint64_t changed = 0;
    for (const struct write_request *r = group; r != NULL; r = r->next)
        changed += r->changed;
    s->base.writes += changed;
    if (rc != ERR_OK) {
        counter_add(w->failures, 1);
        health_note(s, &s->health.write_failed, w->conn.failed != 0 ? w->conn.failed : SQLITE_ERROR, err);
    } else if (changed > 0) { /* an empty transaction proves nothing */
        counter_add(w->commits, 1);
        health_note(s, &s->health.write_failed, 0, err);
    }
}

/* For the metric only, which wants more than the milliseconds of struct clock. */
static int64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static enum err_code run_once(struct sqlite_store *s, struct write_request *group,
                              struct write_request **ret_culprit) {
    struct err err = { 0 };
    int64_t started = now_us();
    s->writer.recorded = false;
    enum err_code rc = run_transaction(s, group, ret_culprit, &err);
    struct conn *c = &s->writer.conn;
    if (rc != ERR_OK) {
        conn_rollback(c);
        fail_all(group, rc, &err);
    } else
        histogram_observe_us(s->writer.commit_time, now_us() - started);
    note_outcome(s, group, rc, &err);
    if (rc != ERR_OK && needs_reconnect(c->failed))
        s->writer.stale = true;
    c->failed = 0;
    if (rc == ERR_OK && s->writer.recorded)
        store_tell(&s->base);
    return rc;
}

static void finish(struct write_request *group) {
    while (group != NULL) {
        struct write_request *next = group->next; /* the request is gone once its caller is awake */
        (void)sem_post(&group->done);
        group = next;
    }
}

/* When one request met a failure of the storage (a damaged page, a body the disk has no room for), the others are given
 * a transaction of their own each: they need not share its fate. */
static void run_group(struct sqlite_store *s, struct write_request *group) {
    struct write_request *culprit = NULL;
    enum err_code rc = run_once(s, group, &culprit);
    for (struct write_request *r = group;
         rc != ERR_OK && culprit != NULL && group->next != NULL && r != NULL;) {
        struct write_request *next = r->next, *ignored = NULL;
        r->next = NULL;
        (void)run_once(s, r, &ignored);
        r->next = next;
        r = next;
    }
    finish(group);
}

/* ---- queue ---- */

static struct write_request *detach(struct writer *w) {
    struct write_request *first = w->head, **end = &w->head;
    size_t n = 0;
    for (; *end != NULL && n < WRITER_BATCH_MAX; n++)
        end = &(*end)->next;
    struct write_request *rest = *end;
    *end = NULL;
    w->head = rest;
    if (rest == NULL)
        w->tail = &w->head;
    w->queued -= n;
    w->last_group = n;
    return first;
}

/* The callers of the last group are being woken while the writer is back already, and most of them come again: taking the
 * first would leave the others to the next sync. So it waits for about as many, but for a fraction of a sync only. */
static void gather(struct writer *w) {
    int64_t until = now_us() + GATHER_US;
    while (w->queued < w->last_group && !w->stopping && now_us() < until) {
        (void)pthread_mutex_unlock(&w->mutex);
        (void)sched_yield();
        (void)pthread_mutex_lock(&w->mutex);
    }
}

/* False when it is time to look whether a store that failed works again. */
static bool wait_for_work(struct sqlite_store *s) {
    struct writer *w = &s->writer;
    if (health_is_good(s)) {
        (void)pthread_cond_wait(&w->wake, &w->mutex);
        return true;
    }
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += PROBE_INTERVAL_S;
    return pthread_cond_timedwait(&w->wake, &w->mutex, &until) != ETIMEDOUT;
}

void writer_wake(struct sqlite_store *s) {
    if (s->base.read_only)
        return;
    (void)pthread_mutex_lock(&s->writer.mutex);
    (void)pthread_cond_signal(&s->writer.wake);
    (void)pthread_mutex_unlock(&s->writer.mutex);
}

static void probe(struct sqlite_store *s) {
    struct err err = { 0 };
    struct write_request r = { .apply = health_probe, .err = &err };
    struct write_request *ignored = NULL;
    enum err_code rc = run_once(s, &r, &ignored);
    if (rc == ERR_OK && r.rc == ERR_OK)
        health_note(s, &s->health.read_failed, 0, &err);
}

static void *writer_main(void *arg) {
    struct sqlite_store *s = arg;
    struct writer *w = &s->writer;
    for (;;) {
        (void)pthread_mutex_lock(&w->mutex);
        while (w->head == NULL && !w->stopping && wait_for_work(s))
            ;
        gather(w);
        struct write_request *group = detach(w);
        bool stop = group == NULL && w->stopping;
        (void)pthread_mutex_unlock(&w->mutex);
        if (stop)
            return NULL;
        if (group != NULL)
            run_group(s, group);
        else
            probe(s);
    }
}

enum err_code writer_run(struct sqlite_store *s, write_fn *apply, void *args, struct err *err) {
    if (s->base.read_only)
        return err_set(err, ERR_FORBIDDEN, "the store was opened to be read only");
    struct writer *w = &s->writer;
    if (pthread_equal(
            w->thread,
            pthread_self())) /* a listener, or from inside a transaction: it would wait for itself */
        return err_set(err, ERR_INVALID, "store: a write from the thread that writes");
    struct write_request r = { .apply = apply, .args = args, .err = err };
    (void)sem_init(&r.done, 0, 0);
    (void)pthread_mutex_lock(&w->mutex);
    bool full = w->queued == WRITER_QUEUE_MAX || w->stopping;
    if (!full) {
        *w->tail = &r;
        w->tail = &r.next;
        if (w->queued++ == 0)
            (void)pthread_cond_signal(&w->wake);
    }
    (void)pthread_mutex_unlock(&w->mutex);
    if (full)
        return err_set(err, ERR_UNAVAILABLE, "store: %d writes wait already", (int)WRITER_QUEUE_MAX);
    while (sem_wait(&r.done) != 0 && errno == EINTR)
        ;
    (void)sem_destroy(&r.done);
    return r.rc;
}

enum err_code writer_start(struct sqlite_store *s, struct metrics *metrics, struct err *err) {
    struct writer *w = &s->writer;
    w->tail = &w->head;
    w->commits = metrics_counter(metrics, "tkeauth_store_commits_total", "", "Write transactions committed.");
    w->failures = metrics_counter(metrics, "tkeauth_store_failures_total", "",
                                  "Write transactions that failed.");
    w->commit_time = metrics_histogram(metrics, "tkeauth_store_commit_seconds", "",
                                       "Time of a write transaction, sync included.");
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&w->mutex, NULL);
    int rc = pthread_create(&w->thread, NULL, writer_main, s);
    return rc == 0 ? ERR_OK : err_set(err, ERR_UNAVAILABLE, "store: writer thread: %s", strerror(rc));
}

void writer_stop(struct sqlite_store *s) {
    struct writer *w = &s->writer;
    (void)pthread_mutex_lock(&w->mutex);
    w->stopping = true;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->mutex);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->mutex);
    conn_close(&w->conn);
}
