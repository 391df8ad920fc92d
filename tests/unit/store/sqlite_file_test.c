/* The file: who may read it, what is refused, several processes, copies. */
#include "conformance/store/env.h"
#include "store/sqlite/schema.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct str KIND = { "clients", 7 };

static int setup(void **state) {
    *state = env_new("sqlite");
    return 0;
}
static int teardown(void **state) {
    env_free(*state);
    return 0;
}

static enum err_code create(struct store *s, const char *name, struct err *err) {
    return store_create(s, KIND, str_of(name), STR("{}"), NULL, err);
}

static void what_was_written_is_there_after_a_restart(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_object o;
    struct store_code code = make_code(1);
    struct store_family family = make_family(1), got;
    assert_ok(create(e->store, "web", &err));
    assert_ok(store_code_put(e->store, &code, &err));
    assert_int_equal(consume(e, 1, &family, NOW), STORE_CODE_CONSUMED);
    struct store_refresh in = make_refresh(1, 1);
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_CURRENT);
    env_reopen(e);
    assert_ok(store_get(e->store, e->arena, KIND, STR("web"), &o, &err));
    in.now = NOW + 1; /* predecessors, too */
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_GRACE);
    assert_memory_equal(successor, in.next_masked, STORE_HASH_SIZE);
    assert_int_equal(look(e, &in, &got), STORE_REFRESH_GRACE);
    assert_int_equal(consume(e, 1, &family, NOW), STORE_CODE_REPLAYED);
    int64_t revision = 0;
    assert_ok(store_create(e->store, KIND, STR("two"), STR("{}"), &revision, &err));
    assert_int_equal(revision, o.revision + 1);
}

static mode_t mode_of(const char *directory, const char *name) {
    char path[256];
    struct stat st;
    (void)snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void only_the_owner_may_read_the_files(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_ok(create(e->store, "web", &err));
    assert_int_equal(mode_of(e->directory, "store.db"), 0600);
    assert_int_equal(mode_of(e->directory, "store.db-wal"), 0600);
    assert_int_equal(mode_of(e->directory, "store.db-shm"), 0600);
}

static void impossible_paths_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *type, *path;
        bool read_only;
        enum err_code rc;
    } cases[] = {
        { "sqlite", NULL, false, ERR_INVALID },
        { "sqlite", "", false, ERR_INVALID },
        { "sqlite", ":memory:", false, ERR_INVALID },
        { "sqlite3", "/nonexistent/store.db", false, ERR_UNAVAILABLE },
        { "sqlite", "/nonexistent/store.db", true, ERR_NOT_FOUND },
        { "etcd", "/tmp/store.db", false, ERR_INVALID },
        { NULL, "/tmp/store.db", false, ERR_INVALID },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct store *s = NULL;
        struct store_options options = { .type = cases[i].type,
                                         .path = cases[i].path,
                                         .read_only = cases[i].read_only };
        assert_int_equal(store_open(&options, &s, &err), cases[i].rc);
        assert_null(s);
        assert_true(err.detail[0] != '\0');
    }
}

/* ---- files that are not ours ---- */

static void read_whole(const char *path, struct strbuf *out) {
    struct err err = { 0 };
    assert_ok(file_read(path, (size_t)16 * 1024 * 1024, out, &err));
}

/* Opening fails with `want`, and every byte stays as it was. */
static void refused_and_untouched(struct env *e, enum err_code want, const char *says) {
    for (int read_only = 0; read_only <= 1; read_only++) {
        AUTO(strbuf_done) struct strbuf before = STRBUF((size_t)16 * 1024 * 1024);
        AUTO(strbuf_done) struct strbuf after = STRBUF((size_t)16 * 1024 * 1024);
        struct err err = { 0 };
        struct store *s = NULL;
        read_whole(e->path, &before);
        struct store_options options = { .type = "sqlite", .path = e->path, .read_only = read_only == 1 };
        assert_int_equal(store_open(&options, &s, &err), want);
        assert_non_null(strstr(err.detail, says));
        read_whole(e->path, &after);
        assert_true(str_eq(strbuf_str(&before), strbuf_str(&after)));
    }
}

static void run_sql(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static void a_newer_schema_is_refused_and_left_alone(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_ok(create(e->store, "web", &err));
    store_close(e->store);
    e->store = NULL;
    run_sql(e->path, "PRAGMA user_version=99");
    refused_and_untouched(e, ERR_CONFLICT, "schema 99");
}

static void a_database_of_another_program_is_refused_and_left_alone(void **state) {
    struct env *e = *state;
    store_close(e->store);
    e->store = NULL;
    assert_int_equal(unlink(e->path), 0);
    run_sql(e->path, "CREATE TABLE client (id TEXT)"); /* as dex's file has one */
    refused_and_untouched(e, ERR_INVALID, "another program");
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state) {
    struct env *e = *state;
    store_close(e->store);
    e->store = NULL;
    struct err err = { 0 };
    static char text[8192];
    memset(text, 'x', sizeof text);
    assert_ok(file_write_atomic(e->path, (struct str) { text, sizeof text }, 0600, &err));
    refused_and_untouched(e, ERR_INTERNAL, "not a database");
}

static void a_migration_that_is_current_changes_nothing(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct conn c;
    enum schema_state schema = SCHEMA_EMPTY;
    assert_ok(conn_open(&c, e->path, CONN_WRITE, &err));
    assert_ok(schema_check(&c, &schema, &err));
    assert_int_equal(schema, SCHEMA_CURRENT);
    assert_ok(schema_migrate(&c, &err));
    assert_int_equal(sqlite3_total_changes64(c.db), 0);
    conn_close(&c);
}

static void every_query_by_key_uses_an_index(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct conn c;
    assert_ok(conn_open(&c, e->path, CONN_READ, &err));
    static const enum sql_id ids[] = { SQL_OBJECT_GET,
                                       SQL_OBJECT_LIST,
                                       SQL_KIND_GET,
                                       SQL_CODE_GET,
                                       SQL_CODE_EXPIRE,
                                       SQL_FAMILY_GET,
                                       SQL_FAMILY_REVOKE_BY_ID,
                                       SQL_FAMILY_REVOKE_BY_SESSION,
                                       SQL_FAMILY_REVOKE_BY_SUBJECT,
                                       SQL_FAMILY_REVOKE_BY_CLIENT,
                                       SQL_FAMILY_POSTPONE,
                                       SQL_FAMILY_EXPIRE };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        char sql[1024];
        sqlite3_stmt *plan = NULL;
        (void)snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", sql_text(ids[i]));
        assert_int_equal(sqlite3_prepare_v2(c.db, sql, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *line = (const char *)sqlite3_column_text(plan, 3);
            if (strncmp(line, "SCAN", 4) == 0 || strstr(line, "TEMP B-TREE") != NULL)
                fail_msg("%s: %s", sql, line);
        }
        (void)sqlite3_finalize(plan);
    }
    conn_close(&c);
}

/* ---- a second process ---- */

static void a_store_to_be_read_only_looks_and_does_not_touch(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_object o;
    assert_ok(create(e->store, "web", &err));
    struct store *s = NULL;
    struct store_options options = { .type = "sqlite", .path = e->path, .read_only = true };
    assert_ok(store_open(&options, &s, &err));
    assert_ok(store_get(s, e->arena, KIND, STR("web"), &o, &err));
    assert_int_equal(create(s, "two", &err), ERR_FORBIDDEN);
    assert_int_equal(store_delete(s, KIND, STR("web"), 0, &err), ERR_FORBIDDEN);
    assert_ok(store_health(s, &err));
    assert_ok(create(e->store, "three", &err)); /* it sees what others write meanwhile */
    assert_ok(store_get(s, e->arena, KIND, STR("three"), &o, &err));
    store_close(s);
}

enum { OTHERS = 30 };

/* The child: a command that adds clients while the daemon runs. */
static int add_clients(const char *path, int start_fd) {
    struct err err = { 0 };
    struct store *s = NULL;
    char byte = 0;
    if (read(start_fd, &byte, 1) != 1)
        return 1;
    for (int i = 0; i < OTHERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "theirs-%d", i);
        struct store_options options = { .type = "sqlite", .path = path };
        if (store_open(&options, &s, &err) != ERR_OK || create(s, name, &err) != ERR_OK)
            return 2;
        store_close(s); /* a process of its own each time, as far as the file can tell */
    }
    return 0;
}

static void two_processes_write_and_see_each_other(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    int start[2];
    store_close(e->store); /* no thread may run while forking */
    e->store = NULL;
    assert_int_equal(pipe2(start, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0)
        _exit(add_clients(e->path, start[0]));
    struct store_options options = { .type = "sqlite", .path = e->path, .clock = &e->clock };
    assert_ok(store_open(&options, &e->store, &err));
    assert_int_equal(write(start[1], "x", 1), 1);
    int64_t seen = 0;
    for (int i = 0; i < OTHERS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "ours-%d", i);
        assert_ok(create(e->store, name, &err));
    }
    while (seen < (int64_t)2 * OTHERS) /* the test's timeout is the limit */
        assert_ok(store_kind_revision(e->store, KIND, &seen, &err));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    struct store_object o;
    assert_ok(store_get(e->store, e->arena, KIND, STR("theirs-0"), &o, &err));
    assert_int_equal(seen, (int64_t)2 * OTHERS);
    (void)close(start[0]);
    (void)close(start[1]);
}

/* ---- backup ---- */

struct busy {
    struct store *store;
    _Atomic bool stop;
    enum err_code rc;
    _Atomic int64_t written;
};

static void *keep_writing(void *arg) {
    struct busy *b = arg;
    struct err err = { 0 };
    for (int i = 0; !b->stop && b->rc == ERR_OK; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "n-%08d", i);
        b->rc = create(b->store, name, &err);
        b->written++;
    }
    return NULL;
}

static enum err_code count_objects(void *ctx, const struct store_object *o, struct err *err) {
    (void)o;
    (void)err;
    ++*(int64_t *)ctx;
    return ERR_OK;
}

static void a_backup_while_writing_is_one_consistent_state(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    char copy[160];
    (void)snprintf(copy, sizeof copy, "%s/copy.db", e->directory);
    struct busy b = { .store = e->store };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_writing, &b), 0);
    while (b.written < 50)
        (void)sched_yield();
    int64_t before = b.written;
    enum err_code rc = store_backup(e->store, copy, &err);
    int64_t after = b.written;
    b.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(b.rc, ERR_OK);
    assert_ok(rc);
    assert_int_equal(mode_of(e->directory, "copy.db"), 0600);

    struct store *s = NULL; /* the copy is a store like any other */
    struct store_options options = { .type = "sqlite", .path = copy };
    assert_ok(store_open(&options, &s, &err));
    int64_t n = 0, revision = 0;
    assert_ok(store_list(s, KIND, STR_NULL, 0, count_objects, &n, &revision, &err));
    assert_int_equal(n, revision); /* every object has brought one revision */
    assert_in_range(n, before, after + 1);
    assert_ok(create(s, "more", &err));
    store_close(s);
}

static void a_backup_replaces_nothing(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_int_equal(store_backup(e->store, e->path, &err), ERR_EXISTS);
    assert_int_equal(store_backup(e->store, "/nonexistent/copy.db", &err), ERR_UNAVAILABLE);
    assert_ok(store_health(e->store, &err));
}

int main(void) {
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_was_written_is_there_after_a_restart),
        T(only_the_owner_may_read_the_files),
        cmocka_unit_test(impossible_paths_are_refused),
        T(a_newer_schema_is_refused_and_left_alone),
        T(a_database_of_another_program_is_refused_and_left_alone),
        T(a_file_that_is_no_database_is_refused_and_left_alone),
        T(a_migration_that_is_current_changes_nothing),
        T(every_query_by_key_uses_an_index),
        T(a_store_to_be_read_only_looks_and_does_not_touch),
        T(two_processes_write_and_see_each_other),
        T(a_backup_while_writing_is_one_consistent_state),
        T(a_backup_replaces_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
