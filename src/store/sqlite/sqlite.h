/* The SQLite backend: one writer thread that commits the calls of many threads together, and reading connections that
 * never wait for it (WAL). */
#pragma once
#include <pthread.h>
#include <semaphore.h>

#include "store/decide.h"
#include "store/sqlite/conn.h"

enum {
    WRITER_QUEUE_MAX = 1024,
    WRITER_BATCH_MAX = 256,
    GATHER_US = 50,
    READERS_MAX = 64,
    READERS_KEPT = 32, /* as many as there are workers by default */
    PROBE_INTERVAL_S = 1
};

struct sqlite_store;

/* ---- health: what the last write and the last read came to, as SQLite's codes (0: well) ---- */
struct health {
    _Atomic int write_failed, read_failed;
};
void health_note(struct sqlite_store *s, _Atomic int *slot, int failed, const struct err *cause);
bool health_is_good(const struct sqlite_store *s);
/* Writes and reads a row of its own, so that a store that has failed is found well again without a caller's write. */
MUST_CHECK enum err_code health_probe(struct conn *c, void *args, struct err *err);
enum err_code sqlite_health(const struct store *s, struct err *err);

/* ---- writer ---- */

/* Runs on the writer thread, inside the transaction and a savepoint of its own; may run again when the transaction had
 * to be repeated, so it overwrites its results. Any error undoes what it did. */
typedef enum err_code write_fn(struct conn *c, void *args, struct err *err);

struct write_request {
    write_fn *apply;
    void *args;
    struct err *err; /* the caller's; the writer's alone until `done` */
    enum err_code rc;
    bool changed; /* any row */
    sem_t done;
    struct write_request *next;
};
struct writer {
    pthread_t thread;
    pthread_mutex_t mutex; /* guards the queue and `stopping` */
    pthread_cond_t wake;
    struct write_request *head, **tail;
    size_t queued, last_group;
    bool stopping;
    struct conn conn; /* the thread's own once it runs */
    bool stale;       /* conn is to be replaced before its next use */
    bool recorded;    /* the transaction under way has changed recorded objects */
    struct counter *commits, *failures;
    struct histogram *commit_time;
};
MUST_CHECK enum err_code writer_start(struct sqlite_store *s, struct metrics *metrics, struct err *err);
void writer_stop(struct sqlite_store *s); /* after the queue has been worked off */
/* Has the thread look at the health. */
void writer_wake(struct sqlite_store *s);
/* Returns when the transaction with `apply` in it is on disk, or has failed. ERR_UNAVAILABLE also for a full queue. */
MUST_CHECK enum err_code writer_run(struct sqlite_store *s, write_fn *apply, void *args, struct err *err);

/* ---- readers ---- */
struct readers {
    pthread_mutex_t mutex;
    struct conn *idle[READERS_KEPT];
    size_t idle_len, open;
};
MUST_CHECK enum err_code readers_take(struct sqlite_store *s, struct conn **ret, struct err *err);
/* `rc`: what the reading came to; a connection that failed is not used again. */
void readers_give(struct sqlite_store *s, struct conn *c, enum err_code rc, const struct err *err);
/* Reads with a connection taken for it. */
typedef enum err_code read_fn(struct conn *c, void *args, struct err *err);
MUST_CHECK enum err_code readers_run(struct sqlite_store *s, read_fn *read, void *args, struct err *err);
/* The same in one read transaction, so that everything that is read belongs together. */
MUST_CHECK enum err_code readers_run_together(struct sqlite_store *s, read_fn *read, void *args,
                                              struct err *err);
void readers_close(struct sqlite_store *s);

struct sqlite_store {
    struct store base;
    char *path;
    struct log *log;
    struct health health;
    struct writer writer;
    struct readers readers;
};
static inline struct sqlite_store *sqlite_of(struct store *s) { return (struct sqlite_store *)s; }

/* Opens a connection to a file that is there and has the current schema. */
MUST_CHECK enum err_code sqlite_connect(const char *path, enum conn_mode mode, struct conn *ret,
                                        struct err *err);

/* ---- operations ---- */
enum err_code sqlite_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                              struct err *err);
enum err_code sqlite_tx_get(struct store_tx *tx, struct arena *a, const struct store_lookup *key,
                            struct store_object *ret, struct err *err);
enum err_code sqlite_tx_list(struct store_tx *tx, const struct store_query *q, struct err *err);
enum err_code sqlite_tx_count(struct store_tx *tx, struct str kind, size_t limit, size_t *ret,
                              struct err *err);
enum err_code sqlite_tx_write(struct store_tx *tx, const struct store_write *w, int64_t *ret_revision,
                              struct err *err);
enum err_code sqlite_tx_remove(struct store_tx *tx, const struct store_write *w, struct err *err);
enum err_code sqlite_tx_set_owned(struct store_tx *tx, const struct store_owned_set *set, size_t *ret_changed,
                                  struct err *err);

enum err_code sqlite_get(struct store *s, struct arena *a, const struct store_lookup *key,
                         struct store_object *ret, struct err *err);
enum err_code sqlite_find(struct store *s, struct arena *a, const struct store_lookup *key,
                          struct store_object *ret, bool *ret_more, struct err *err);
enum err_code sqlite_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                          struct err *err);
enum err_code sqlite_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err);
enum err_code sqlite_revision(struct store *s, int64_t *ret, struct err *err);
enum err_code sqlite_owned_list(struct store *s, const struct store_owned_query *q, struct err *err);
enum err_code sqlite_changes(struct store *s, const struct store_change_query *q, int64_t *ret_upto,
                             struct err *err);
enum err_code sqlite_compact(struct store *s, const struct store_compaction *c, size_t *ret_count,
                             struct err *err);

/* What a connection sees: inside a read transaction, or a write. */
struct counters {
    int64_t revision; /* the last one */
    int64_t floor;    /* all changes after it are there */
    int64_t kept;     /* changes */
};
MUST_CHECK enum err_code read_counters(struct conn *c, struct counters *ret, struct err *err);
MUST_CHECK enum err_code read_kind(struct conn *c, struct str kind, int64_t *ret_revision, int64_t *ret_floor,
                                   struct err *err); /* both 0: never written */
MUST_CHECK enum err_code read_object(struct conn *c, struct arena *a, const struct store_lookup *key,
                                     struct store_object *ret, struct err *err);
MUST_CHECK enum err_code read_list(struct conn *c, const struct store_query *q, struct err *err); /* of now */

enum err_code sqlite_code_put(struct store *s, const struct store_code *code, struct err *err);
enum err_code sqlite_code_get(struct store *s, struct arena *a, const struct store_code_use *use,
                              enum store_code_outcome *ret_outcome, struct store_code *ret, struct err *err);
enum err_code sqlite_code_consume(struct store *s, const struct store_code_use *use,
                                  enum store_code_outcome *ret_outcome, struct err *err);

enum err_code sqlite_family_put(struct store *s, const struct store_family *family, struct err *err);
enum err_code sqlite_refresh_get(struct store *s, struct arena *a, const struct store_refresh *in,
                                 enum store_refresh_outcome *ret_outcome, struct store_family *ret,
                                 struct err *err);
enum err_code sqlite_refresh_rotate(struct store *s, const struct store_refresh *in,
                                    enum store_refresh_outcome *ret_outcome,
                                    struct store_successor *ret_successor, struct err *err);
enum err_code sqlite_family_revoke(struct store *s, const struct store_family_filter *filter, int64_t now,
                                   size_t *ret_count, struct err *err);
/* Inside a write. */
MUST_CHECK enum err_code family_insert(struct conn *c, const struct store_family *family, struct err *err);
MUST_CHECK enum err_code family_end_by_id(struct conn *c, const unsigned char *id, int64_t now,
                                          struct err *err);

enum err_code sqlite_expire(struct store *s, int64_t now, size_t limit, size_t *ret_count, struct err *err);
enum err_code sqlite_backup(struct store *s, const char *path, struct err *err);
