/* What the store does when the disk does not. */
#include "store/sqlite/sqlite.h"
#include "conformance/store/env.h"
#include "unit/store/faulty_vfs.h"

#include <sched.h>

static struct faulty_vfs *disk;
static const struct str KIND = { "clients", 7 };

static int setup(void **state) {
    disk = faulty_vfs_install();
    *state = env_new("sqlite");
    return 0;
}
static int teardown(void **state) {
    disk = faulty_vfs_install();
    env_free(*state);
    return 0;
}

static enum err_code put(struct env *e, const char *name, struct err *err) {
    struct store_write w = new_object(KIND, name, "{}");
    return store_write(e->store, &w, NULL, err);
}

static bool is_there(struct env *e, const char *name) { return exists(e, KIND, name); }

/* ---- acknowledgement ---- */

struct caller {
    struct env *env;
    char name[16];
    enum err_code rc;
    struct err err;
    unsigned runs; /* of a transaction */
    _Atomic bool returned;
};

static void *call_put(void *arg) {
    struct caller *c = arg;
    c->rc = put(c->env, c->name, &c->err);
    c->returned = true;
    return NULL;
}

static void start(pthread_t *thread, struct caller *c, struct env *e, const char *name,
                  void *(*run)(void *)) {
    *c = (struct caller) { .env = e };
    (void)snprintf(c->name, sizeof c->name, "%s", name);
    assert_int_equal(pthread_create(thread, NULL, run, c), 0);
}

static void await_queued(struct env *e, size_t n) {
    struct writer *w = &sqlite_of(e->store)->writer;
    for (size_t queued = 0; queued < n; (void)sched_yield()) {
        (void)pthread_mutex_lock(&w->mutex);
        queued = w->queued;
        (void)pthread_mutex_unlock(&w->mutex);
    }
}

static void a_write_is_acknowledged_after_its_sync_and_not_before(void **state) {
    struct env *e = *state;
    pthread_t thread;
    struct caller c;
    faulty_vfs_close_gate(disk);
    start(&thread, &c, e, "a", call_put);
    faulty_vfs_await_sync(disk); /* everything has been done but the sync */
    assert_false(c.returned);
    assert_int_equal(store_write_count(e->store), 0);
    assert_false(is_there(e, "a")); /* nor does any reader see it */
    faulty_vfs_open_gate(disk);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(c.rc, ERR_OK);
    assert_true(is_there(e, "a"));
}

static void every_acknowledged_write_has_been_synced(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    for (int i = 0; i < 20; i++) {
        char name[16];
        uint64_t before = disk->log_syncs;
        (void)snprintf(name, sizeof name, "o%d", i);
        assert_ok(put(e, name, &err));
        assert_true(disk->log_syncs > before);
    }
}

static void those_who_wait_share_one_sync(void **state) {
    enum { N = 8 };
    struct env *e = *state;
    pthread_t first, others[N];
    struct caller c, rest[N];
    faulty_vfs_close_gate(disk);
    start(&first, &c, e, "first", call_put);
    faulty_vfs_await_sync(disk);
    uint64_t before = disk->log_syncs;
    for (int i = 0; i < N; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "o%d", i / 2); /* every other one is too late for its name */
        start(&others[i], &rest[i], e, name, call_put);
    }
    await_queued(e, N);
    faulty_vfs_open_gate(disk);
    assert_int_equal(pthread_join(first, NULL), 0);
    size_t created = 0, refused = 0;
    for (int i = 0; i < N; i++) {
        assert_int_equal(pthread_join(others[i], NULL), 0);
        created += rest[i].rc == ERR_OK;
        refused += rest[i].rc == ERR_EXISTS;
    }
    assert_int_equal(created, N / 2);
    assert_int_equal(refused, N / 2);
    assert_int_equal(disk->log_syncs - before, 2); /* the first one's and the group's */
    assert_int_equal(store_write_count(e->store), 1 + N / 2);
}

static void a_full_queue_refuses_at_once(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct writer *w = &sqlite_of(e->store)->writer;
    (void)pthread_mutex_lock(&w->mutex);
    w->queued += WRITER_QUEUE_MAX; /* as if so many waited */
    (void)pthread_mutex_unlock(&w->mutex);
    assert_int_equal(put(e, "a", &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "wait already"));
    (void)pthread_mutex_lock(&w->mutex);
    w->queued -= WRITER_QUEUE_MAX;
    (void)pthread_mutex_unlock(&w->mutex);
    assert_ok(put(e, "a", &err));
}

/* ---- telling ---- */

struct told {
    struct env *env;
    _Atomic size_t calls;
    bool saw_it; /* the change was there to be read */
    enum err_code write_rc;
    struct err err;
};

static void committed(void *ctx) {
    struct told *t = ctx;
    int64_t revision = 0;
    t->saw_it = store_kind_revision(t->env->store, KIND, &revision, &t->err) == ERR_OK && revision > 0;
    t->write_rc = put(t->env, "from the listener", &t->err);
    t->calls++;
}

static void a_commit_is_told_after_its_sync_and_before_its_caller_goes_on(void **state) {
    struct env *e = *state;
    struct told told = { .env = e };
    store_listen(e->store, committed, &told);
    pthread_t thread;
    struct caller c;
    faulty_vfs_close_gate(disk);
    start(&thread, &c, e, "a", call_put);
    faulty_vfs_await_sync(disk);
    assert_int_equal(told.calls, 0);
    faulty_vfs_open_gate(disk);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(told.calls, 1);
    assert_true(told.saw_it);
    assert_int_equal(told.write_rc, ERR_INVALID); /* refused, where it would wait for itself for ever */
    store_listen(e->store, NULL, NULL);
}

static enum err_code write_otherwise(void *ctx, struct store_tx *tx, struct err *err) {
    (void)tx;
    WANT(put(ctx, "a", err) == ERR_INVALID);
    return ERR_OK;
}

static void a_transaction_that_writes_past_itself_is_refused(void **state) {
    struct env *e = *state;
    (void)transact(e, write_otherwise, e);
    assert_false(is_there(e, "a"));
}

/* ---- transactions and the disk ---- */

struct careless {
    bool swallow; /* the failure */
    unsigned runs;
    int64_t revision; /* results */
    enum err_code seen;
};

static enum err_code write_three(void *ctx, struct store_tx *tx, struct err *err) {
    struct careless *x = ctx;
    const struct store_owned item = { STR("r"), STR("1") };
    static char big[64 * 1024];
    memset(big, 'x', sizeof big);
    x->runs++;
    struct store_write w = new_object(KIND, "one", "1");
    enum err_code rc = store_tx_write(tx, &w, &x->revision, err);
    if (rc == ERR_OK)
        rc = store_tx_set_owned(tx, STR("rules"), STR("p"), &item, 1, NULL, err);
    w.name = STR("three");
    w.body = (struct str) { big, sizeof big };
    if (rc == ERR_OK)
        rc = store_tx_write(tx, &w, NULL, err);
    x->seen = rc;
    return x->swallow ? ERR_OK : rc;
}

static void a_transaction_the_disk_has_no_room_for_leaves_nothing(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_ok(put(e, "before", &err));
    for (int i = 0; i < 4; i++) {
        struct careless x = { .swallow = i % 2 == 1 };
        _Atomic int *fails = i < 2 ? &disk->fail_write : &disk->fail_sync;
        *fails = i < 2 ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
        assert_int_equal(store_transact(e->store, write_three, &x, NULL, &err), ERR_UNAVAILABLE);
        *fails = 0;
        assert_int_equal(x.runs, 1);
        assert_false(is_there(e, "one"));
        assert_false(is_there(e, "three"));
        assert_false(exists(e, STR("rules"), "r"));
        assert_int_equal(revision_of(e), 1);
        assert_string_equal(changes_text(e, STR_NULL, 1), "");
        assert_string_equal(owned_text(e, STR("rules")), "");
    }
    struct careless x = { .runs = 0 };
    assert_int_equal(transact(e, write_three, &x), 4);
    assert_int_equal(x.revision, 2);
}

/* SQLite has ended the transaction by then: each write that followed would be committed for itself. */
static enum err_code fill_and_go_on(void *ctx, struct store_tx *tx, struct err *err) {
    struct careless *x = ctx;
    struct err ignored = { 0 };
    static char big[STORE_OBJECT_MAX];
    memset(big, 'x', sizeof big);
    for (int i = 0; i < 40 && x->seen == ERR_OK; i++) { /* more than the cache holds */
        char name[16];
        (void)snprintf(name, sizeof name, "big%d", i);
        struct store_write w = new_object(KIND, name, NULL);
        w.body = (struct str) { big, sizeof big };
        x->seen = store_tx_write(tx, &w, NULL, err);
    }
    disk->fail_write = 0; /* there is room again */
    struct store_write w = new_object(KIND, "after", "1");
    struct store_object o;
    WANT(store_tx_write(tx, &w, NULL, &ignored) == x->seen);
    WANT(store_tx_get(tx, NULL, KIND, STR("before"), &o, &ignored) == x->seen);
    WANT(store_tx_delete(tx, KIND, STR("before"), STORE_EXPECT_ANY, false, &ignored) == x->seen);
    WANT(store_tx_set_owned(tx, KIND, STR("p"), NULL, 0, NULL, &ignored) == x->seen);
    WANT(store_tx_list(tx, &(struct store_query) { .kind = KIND }, &ignored) == x->seen);
    return ERR_OK;
}

static void a_transaction_that_goes_on_after_a_failure_gets_nowhere(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_ok(put(e, "before", &err));
    disk->fail_write = SQLITE_FULL;
    struct careless x = { .runs = 0 };
    assert_int_equal(store_transact(e->store, fill_and_go_on, &x, NULL, &err), ERR_UNAVAILABLE);
    assert_int_equal(x.seen, ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "full"));
    assert_false(is_there(e, "after"));
    assert_true(is_there(e, "before"));
    assert_int_equal(create(e, KIND, "next", "1"), 2);
}

/* ---- the disk fails ---- */

struct failure {
    _Atomic int *what;
    int code;
    const char *says;
};

static void fails_cleanly_and_recovers(struct env *e, const struct failure *f) {
    struct err err = { 0 };
    struct store_code code = make_code(1);
    struct store_family family = make_family(1), got;
    assert_ok(store_code_put(e->store, &code, &err));
    assert_ok(put(e, "before", &err));
    uint64_t writes = store_write_count(e->store);

    *f->what = f->code;
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(put(e, "during", &err), ERR_UNAVAILABLE);
        assert_non_null(strstr(err.detail, f->says));
        assert_int_equal(
            store_code_consume(e->store, code.id, code.hash, NOW, NOW + 300, &family, &outcome, &err),
            ERR_UNAVAILABLE);
    }
    assert_int_equal(store_health(e->store, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "the last write failed"));
    assert_int_equal(store_write_count(e->store), writes);
    assert_true(is_there(e, "before")); /* reading goes on */
    assert_false(is_there(e, "during"));

    *f->what = 0;
    struct store_refresh in = make_refresh(1, 1);
    assert_int_equal(look(e, &in, &got), STORE_REFRESH_UNKNOWN); /* the family was not half started */
    assert_int_equal(consume(e, 1, &family, NOW), STORE_CODE_CONSUMED);
    assert_ok(store_health(e->store, &err));
    assert_int_equal(create(e, KIND, "during", "{}"), 2); /* what failed took no revision */
    env_reopen(e);
    assert_true(is_there(e, "before"));
    assert_true(is_there(e, "during"));
    assert_int_equal(consume(e, 1, NULL, NOW), STORE_CODE_REPLAYED);
}

static void a_full_disk_is_unavailable_and_recovers(void **state) {
    fails_cleanly_and_recovers(*state, &(struct failure) { &disk->fail_write, SQLITE_FULL, "full" });
}

static void a_disk_that_cannot_be_written_is_unavailable_and_recovers(void **state) {
    fails_cleanly_and_recovers(*state,
                               &(struct failure) { &disk->fail_write, SQLITE_IOERR_WRITE, "I/O error" });
}

static void a_read_only_file_is_unavailable_and_recovers(void **state) {
    fails_cleanly_and_recovers(*state, &(struct failure) { &disk->fail_write, SQLITE_READONLY, "readonly" });
}

static void a_disk_that_cannot_sync_is_unavailable_and_recovers(void **state) {
    fails_cleanly_and_recovers(*state,
                               &(struct failure) { &disk->fail_sync, SQLITE_IOERR_FSYNC, "I/O error" });
}

static void a_file_that_cannot_be_opened_again_is_waited_for(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    disk->fail_write = SQLITE_IOERR_WRITE; /* makes the writer give up its connection */
    assert_int_equal(put(e, "a", &err), ERR_UNAVAILABLE);
    disk->fail_write = 0;
    disk->fail_open = SQLITE_CANTOPEN;
    assert_int_equal(put(e, "a", &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "unable to open"));
    disk->fail_open = 0;
    assert_ok(put(e, "a", &err));
    assert_ok(store_health(e->store, &err));
}

/* Readiness may have taken the traffic away, so no caller's write would ever show that the disk is back. */
static void health_comes_back_without_a_caller(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    disk->fail_write = SQLITE_FULL;
    assert_int_equal(put(e, "a", &err), ERR_UNAVAILABLE);
    assert_int_equal(store_health(e->store, &err), ERR_UNAVAILABLE);
    disk->fail_write = 0;
    while (store_health(e->store, &err) != ERR_OK) /* the test's timeout is the limit */
        (void)sched_yield();
    assert_int_equal(store_write_count(e->store), 1); /* the probe's */
}

static void a_store_that_cannot_be_written_does_not_open(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store *s = NULL;
    char path[160];
    (void)snprintf(path, sizeof path, "%s/copy.db", e->directory);
    struct store_options options = { .type = "sqlite", .path = path };
    disk->fail_write = SQLITE_FULL;
    assert_int_equal(store_open(&options, &s, &err), ERR_UNAVAILABLE);
    assert_null(s);
    disk->fail_write = 0;
    assert_ok(store_open(&options, &s, &err)); /* what the failed attempt left behind is no obstacle */
    store_close(s);
}

/* ---- one bad row ---- */

static void damage(struct env *e, uint32_t n) {
    sqlite3 *db = NULL;
    sqlite3_stmt *update = NULL;
    struct store_code code = make_code(n);
    assert_int_equal(sqlite3_open(e->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "UPDATE codes SET hash = x'00' WHERE id = ?1", -1, &update, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_bind_blob(update, 1, code.id, sizeof code.id, SQLITE_STATIC), SQLITE_OK);
    assert_int_equal(sqlite3_step(update), SQLITE_DONE);
    (void)sqlite3_finalize(update);
    (void)sqlite3_close(db);
}

static void *call_consume_damaged(void *arg) {
    struct caller *c = arg;
    struct store_code code = make_code(1);
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    c->rc = store_code_consume(c->env->store, code.id, code.hash, NOW, NOW + 300, NULL, &outcome, &c->err);
    return NULL;
}

static void damage_state(struct env *e) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(e->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM state", NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void a_file_without_its_counters_is_damaged(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    int64_t revision = 0;
    assert_ok(put(e, "a", &err));
    damage_state(e);
    assert_int_equal(put(e, "b", &err), ERR_INTERNAL);
    assert_int_equal(store_revision(e->store, &revision, &err), ERR_INTERNAL);
    assert_int_equal(store_health(e->store, &err), ERR_UNAVAILABLE);
}

static void *call_transact(void *arg) {
    struct caller *c = arg;
    struct careless x = { .runs = 0 };
    c->rc = store_transact(c->env->store, write_three, &x, NULL, &c->err);
    c->runs = x.runs;
    return NULL;
}

static void a_transaction_beside_a_damaged_row_runs_again_and_counts_once(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_code code = make_code(1);
    assert_ok(store_code_put(e->store, &code, &err));
    damage(e, 1);
    struct told told = { .env = e };
    store_listen(e->store, committed, &told);
    pthread_t threads[3];
    struct caller c[3];
    faulty_vfs_close_gate(disk);
    start(&threads[0], &c[0], e, "first", call_put);
    faulty_vfs_await_sync(disk);
    start(&threads[1], &c[1], e, "tx", call_transact);
    await_queued(e, 1);
    start(&threads[2], &c[2], e, "bad", call_consume_damaged);
    await_queued(e, 2);
    faulty_vfs_open_gate(disk);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(c[1].rc, ERR_OK);
    assert_int_equal(c[1].runs, 2);
    assert_int_equal(c[2].rc, ERR_INTERNAL);
    assert_int_equal(told.calls, 2); /* the first one's commit and this one's: not that which was given up */
    assert_int_equal(revision_of(e), 4);
    assert_int_equal(count_changes(e, STR_NULL, 1), 3);
    store_listen(e->store, NULL, NULL);
}

static void a_damaged_row_takes_nobody_along(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_code code = make_code(1);
    assert_ok(store_code_put(e->store, &code, &err));
    damage(e, 1);
    pthread_t threads[4];
    struct caller c[4];
    faulty_vfs_close_gate(disk);
    start(&threads[0], &c[0], e, "first", call_put);
    faulty_vfs_await_sync(disk);
    start(&threads[1], &c[1], e, "a", call_put);
    await_queued(e, 1);
    start(&threads[2], &c[2], e, "bad", call_consume_damaged);
    await_queued(e, 2);
    start(&threads[3], &c[3], e, "b", call_put);
    await_queued(e, 3);
    faulty_vfs_open_gate(disk);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(c[1].rc, ERR_OK);
    assert_int_equal(c[2].rc, ERR_INTERNAL);
    assert_int_equal(c[3].rc, ERR_OK);
    assert_true(is_there(e, "a"));
    assert_true(is_there(e, "b"));
}

/* ---- another process ---- */

static void a_lock_held_elsewhere_is_waited_for_and_then_unavailable(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(e->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(put(e, "a", &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "locked"));
    assert_false(is_there(e, "a")); /* readers do not care */
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_ok(put(e, "a", &err));
    assert_ok(store_health(e->store, &err));
    (void)sqlite3_close(other);
}

static void a_file_moved_away_is_unavailable_until_it_is_back(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    char moved[160];
    (void)snprintf(moved, sizeof moved, "%s/moved.db", e->directory);
    assert_ok(put(e, "a", &err));
    assert_int_equal(rename(e->path, moved), 0);
    assert_int_equal(put(e, "b", &err), ERR_UNAVAILABLE);
    assert_int_equal(rename(moved, e->path), 0);
    assert_ok(put(e, "b", &err));
    env_reopen(e);
    assert_true(is_there(e, "a"));
    assert_true(is_there(e, "b"));
}

int main(void) {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(every_acknowledged_write_has_been_synced),
        T(a_write_is_acknowledged_after_its_sync_and_not_before),
        T(those_who_wait_share_one_sync),
        T(a_full_queue_refuses_at_once),
        T(a_commit_is_told_after_its_sync_and_before_its_caller_goes_on),
        T(a_transaction_that_writes_past_itself_is_refused),
        T(a_transaction_the_disk_has_no_room_for_leaves_nothing),
        T(a_transaction_that_goes_on_after_a_failure_gets_nowhere),
        T(a_full_disk_is_unavailable_and_recovers),
        T(a_disk_that_cannot_be_written_is_unavailable_and_recovers),
        T(a_read_only_file_is_unavailable_and_recovers),
        T(a_disk_that_cannot_sync_is_unavailable_and_recovers),
        T(a_file_that_cannot_be_opened_again_is_waited_for),
        T(health_comes_back_without_a_caller),
        T(a_store_that_cannot_be_written_does_not_open),
        T(a_file_without_its_counters_is_damaged),
        T(a_transaction_beside_a_damaged_row_runs_again_and_counts_once),
        T(a_damaged_row_takes_nobody_along),
        T(a_lock_held_elsewhere_is_waited_for_and_then_unavailable),
        T(a_file_moved_away_is_unavailable_until_it_is_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
