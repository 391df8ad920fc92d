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

static enum err_code put(struct store *s, const char *name, struct err *err) {
    struct store_write w = new_object(KIND, name, "{}");
    return store_write(s, &w, NULL, err);
}

static void what_was_written_is_there_after_a_restart(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_object o;
    struct store_code code = make_code(1);
    struct store_family family = make_family(1), got;
    assert_ok(put(e->store, "web", &err));
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
    assert_int_equal(create(e, KIND, "two", "{}"), o.revision + 1);
}

static void run_sql(const char *path, const char *sql) {
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
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
    assert_ok(put(e->store, "web", &err));
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

static enum err_code set_two(void *ctx, struct store_tx *tx, struct err *err) {
    const struct store_owned items[] = { { STR("a"), STR("1") }, { STR("b"), STR("2") } };
    (void)ctx;
    return store_tx_set_owned(tx, STR("rules"), STR("p1"), items, 2, NULL, err);
}

static enum err_code try_changes(struct env *e, int64_t after) {
    struct err err = { 0 };
    struct text t = { .items = 0 };
    int64_t seen = 0;
    return store_changes(e->store, STR_NULL, after, 100, text_change, &t, &seen, &err);
}

static void all_about_objects_is_there_after_a_restart(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_write w = new_object(KIND, "web", "1");
    w.secret = STR("hush");
    w.indexes = &(struct store_index) { STR("k"), true };
    w.index_count = 1;
    assert_int_equal(try_write(e, &w), ERR_OK);
    (void)transact(e, set_two, NULL); /* 2, 3 */
    replace(e, KIND, "two", "1");
    replace(e, KIND, "two", "2");
    (void)remove_object(e, KIND, "two"); /* 6 */
    size_t forgotten = 0;
    assert_ok(store_compact(e->store, 0, 4, 100, &forgotten, &err));
    assert_int_equal(forgotten, 2);
    const char *changes = changes_text(e, STR_NULL, 2), *owned = owned_text(e, STR("rules"));
    for (int i = 0; i < 2; i++) {
        env_reopen(e);
        struct store_object o;
        assert_ok(store_find_whole(e->store, e->arena, KIND, STR("k"), &o, NULL, &err));
        assert_str(o.name, "web");
        assert_str(o.secret, "hush");
        assert_string_equal(owned_text(e, STR("rules")), owned);
        assert_string_equal(changes_text(e, STR_NULL, 2), changes);
        assert_int_equal(try_changes(e, 1), ERR_EXPIRED); /* the floor stays where it was */
        assert_int_equal(try_changes(e, 2), ERR_OK);
        assert_string_equal(list_text(e, (struct store_query) { .kind = KIND, .at_revision = 4 }),
                            "two=1@4 web=1@1 ");
        assert_int_equal(revision_of(e), 6);
        assert_int_equal(kind_revision(e, STR("rules")), 3);
    }
    assert_int_equal(create(e, KIND, "three", "{}"), 7);
    struct store_write taken = new_object(KIND, "four", "1");
    taken.indexes = &(struct store_index) { STR("k"), false };
    taken.index_count = 1;
    assert_int_equal(try_write(e, &taken), ERR_EXISTS);
    assert_ok(store_compact(e->store, 0, 0, 100, &forgotten, &err));
    env_reopen(e); /* with an empty history, too */
    assert_int_equal(try_changes(e, 6), ERR_EXPIRED);
    assert_int_equal(try_changes(e, 7), ERR_OK);
    assert_int_equal(create(e, KIND, "five", "{}"), 8);
}

/* ---- an older schema ---- */

/* As it was made by the version before there was a history. */
static const char schema_1[] =
    "PRAGMA journal_mode=WAL; BEGIN;"
    "CREATE TABLE kinds (kind TEXT PRIMARY KEY, revision INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE objects (kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,"
    " body TEXT NOT NULL, PRIMARY KEY (kind, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE codes (id BLOB PRIMARY KEY, hash BLOB NOT NULL, family_id BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL, forget_at INTEGER NOT NULL, used INTEGER NOT NULL,"
    " body TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX codes_forget_at ON codes (forget_at);"
    "CREATE TABLE families (id BLOB PRIMARY KEY, current_hash BLOB NOT NULL, generation INTEGER NOT NULL,"
    " revoked INTEGER NOT NULL, expires_at INTEGER NOT NULL, idle_expires_at INTEGER NOT NULL,"
    " known BLOB NOT NULL, created_at INTEGER NOT NULL, last_used_at INTEGER NOT NULL,"
    " client_id TEXT NOT NULL, subject TEXT NOT NULL, session_id TEXT NOT NULL, body TEXT NOT NULL,"
    " forget_at INTEGER,"
    " ends_at INTEGER AS (CASE WHEN expires_at = 0 THEN nullif(idle_expires_at, 0)"
    " WHEN idle_expires_at = 0 THEN expires_at ELSE min(expires_at, idle_expires_at) END) VIRTUAL"
    ") STRICT, WITHOUT ROWID;"
    "CREATE INDEX families_forget_at ON families (forget_at) WHERE forget_at IS NOT NULL;"
    "CREATE INDEX families_client_id ON families (client_id);"
    "CREATE INDEX families_subject ON families (subject);"
    "CREATE INDEX families_session_id ON families (session_id);"
    "CREATE TABLE probe (id INTEGER PRIMARY KEY, count INTEGER NOT NULL) STRICT;"
    "PRAGMA application_id=1953195361; PRAGMA user_version=1; COMMIT;";
static const char schema_1_rows[] =
    "INSERT INTO kinds VALUES ('clients', 5), ('users', 7);"
    "INSERT INTO objects VALUES ('clients', 'app', 5, '{\"hash\":\"old\"}'), ('clients', 'web', 3, 'w'),"
    " ('users', 'ana', 2, '');"
    "INSERT INTO codes VALUES (x'000000011d1d1d1d1d1d1d1d1d1d1d1d',"
    " x'000000015a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a',"
    " x'000000011d1d1d1d1d1d1d1d1d1d1d1d', 1000060, 1000060, 0, '{}');"
    "INSERT INTO families (id, current_hash, generation, revoked, expires_at, idle_expires_at, known, "
    "created_at,"
    " last_used_at, client_id, subject, session_id, body, forget_at) VALUES "
    "(x'000000021d1d1d1d1d1d1d1d1d1d1d1d',"
    " x'0000000270707070000000017171717170707070707070707070707070707070', 1, 0, 0, 0, x'', 1, 1, 'kubectl',"
    " 'sub-ana', 'sid-1', '{}', NULL);"
    "INSERT INTO probe VALUES (1, 3);";

static void start_from_schema_1(struct env *e, const char *rows) {
    store_close(e->store);
    e->store = NULL;
    assert_int_equal(unlink(e->path), 0);
    run_sql(e->path, schema_1);
    run_sql(e->path, rows);
    struct err err = { 0 };
    struct store_options options = { .type = "sqlite", .path = e->path, .clock = &e->clock };
    assert_ok(store_open(&options, &e->store, &err));
}

static void an_older_file_keeps_its_data_and_gets_a_history_from_now_on(void **state) {
    struct env *e = *state;
    start_from_schema_1(e, schema_1_rows);
    assert_string_equal(list_text(e, (struct store_query) { .kind = KIND }),
                        "app={\"hash\":\"old\"}@5 web=w@3 ");
    assert_string_equal(list_text(e, (struct store_query) { .kind = STR("users") }), "ana=@2 ");
    assert_int_equal(revision_of(e), 7);
    assert_int_equal(kind_revision(e, KIND), 5);
    assert_int_equal(try_changes(e, 6), ERR_EXPIRED); /* nothing before is known */
    assert_int_equal(try_changes(e, 7), ERR_OK);
    struct store_refresh in = make_refresh(2, 1);
    struct store_family family;
    assert_int_equal(look(e, &in, &family), STORE_REFRESH_CURRENT);
    assert_int_equal(consume(e, 1, NULL, NOW), STORE_CODE_CONSUMED);

    assert_int_equal(replace(e, KIND, "app", "new"), 8);
    (void)remove_object(e, STR("users"), "ana");
    /* What was in the bodies then (hashes, for one) does not get into the history. */
    assert_string_equal(changes_text(e, STR_NULL, 7), "8+clients/app=new<none@0 9-users/ana=<@2 ");
    replace(e, KIND, "app", "newer");
    env_reopen(e);
    assert_string_equal(changes_text(e, STR_NULL, 8), "9-users/ana=<@2 10~clients/app=newer<new@8 ");
    assert_string_equal(list_text(e, (struct store_query) { .kind = KIND, .at_revision = 8 }),
                        "app=new@8 web=w@3 ");
    assert_int_equal(create(e, KIND, "more", "1"), 11);
}

static void an_older_file_that_is_empty_starts_at_nothing(void **state) {
    struct env *e = *state;
    start_from_schema_1(e, "");
    assert_int_equal(revision_of(e), 0);
    assert_int_equal(try_changes(e, 0), ERR_OK);
    assert_int_equal(create(e, KIND, "a", "1"), 1);
}

static void an_older_file_is_not_opened_for_reading(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store *s = NULL;
    store_close(e->store);
    e->store = NULL;
    assert_int_equal(unlink(e->path), 0);
    run_sql(e->path, schema_1);
    struct store_options options = { .type = "sqlite", .path = e->path, .read_only = true };
    assert_int_equal(store_open(&options, &s, &err), ERR_UNAVAILABLE);
    assert_non_null(strstr(err.detail, "older schema"));
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

static void a_newer_schema_is_refused_and_left_alone(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_ok(put(e->store, "web", &err));
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

static void every_statement_searches_by_an_index(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct conn c;
    assert_ok(conn_open(&c, e->path, CONN_READ, &err));
    for (enum sql_id id = SQL_STATE_GET; id < SQL_COUNT;
         id++) { /* those before have no table, or the probe's */
        char sql[1024];
        sqlite3_stmt *plan = NULL;
        (void)snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", sql_text(id));
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
    assert_ok(put(e->store, "web", &err));
    struct store *s = NULL;
    struct store_options options = { .type = "sqlite", .path = e->path, .read_only = true };
    assert_ok(store_open(&options, &s, &err));
    assert_ok(store_get(s, e->arena, KIND, STR("web"), &o, &err));
    assert_int_equal(put(s, "two", &err), ERR_FORBIDDEN);
    assert_int_equal(store_delete(s, KIND, STR("web"), STORE_EXPECT_ANY, false, &err), ERR_FORBIDDEN);
    assert_int_equal(store_transact(s, NULL, NULL, NULL, &err), ERR_FORBIDDEN);
    assert_int_equal(store_compact(s, 0, 0, 1, &(size_t) { 0 }, &err), ERR_FORBIDDEN);
    assert_ok(store_health(s, &err));
    assert_ok(put(e->store, "three", &err)); /* it sees what others write meanwhile */
    assert_ok(store_get(s, e->arena, KIND, STR("three"), &o, &err));
    store_close(s);
}

/* Two programs with the file open: neither is told of the other's writes, but both see them. */
static void two_stores_on_one_file_see_each_others_writes(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct env other = *e;
    struct store_options options = { .type = "sqlite", .path = e->path, .clock = &e->clock };
    assert_ok(store_open(&options, &other.store, &err));
    struct store_write w = new_object(KIND, "a", "1");
    w.indexes = &(struct store_index) { STR("k"), true };
    w.index_count = 1;
    assert_int_equal(try_write(e, &w), ERR_OK);
    assert_int_equal(revision_of(&other), 1);
    assert_int_equal(create(&other, KIND, "b", "1"), 2); /* revisions go on from each other's */
    assert_int_equal(replace(e, KIND, "b", "2"), 3);
    (void)transact(&other, set_two, NULL);
    assert_int_equal(replace(e, KIND, "a", "2"), 6);
    assert_string_equal(changes_text(e, STR_NULL, 0), changes_text(&other, STR_NULL, 0));
    assert_string_equal(changes_text(e, STR_NULL, 1),
                        "2+clients/b=1<none@0 3~clients/b=2<1@2 4+rules/a=1<none@0 5+rules/b=2<none@0 "
                        "6~clients/a=2<1@1 ");
    assert_string_equal(list_text(&other, (struct store_query) { .kind = KIND, .at_revision = 2 }),
                        "a=1@1 b=1@2 ");
    assert_int_equal(kind_revision(e, STR("rules")), 5);
    w.name = STR("c"); /* "a" has given the key up */
    assert_int_equal(try_write(&other, &w), ERR_OK);
    w.name = STR("d");
    assert_int_equal(try_write(e, &w), ERR_EXISTS);
    size_t forgotten = 0;
    assert_ok(store_compact(e->store, 0, 1, 100, &forgotten, &err));
    assert_int_equal(try_changes(&other, 5), ERR_EXPIRED);
    store_close(other.store);
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
        if (store_open(&options, &s, &err) != ERR_OK || put(s, name, &err) != ERR_OK)
            return 2;
        store_close(s); /* a process of its own each time, as far as the file can tell */
    }
    return 0;
}

struct changes_seen {
    int ours, theirs;
    int64_t last;
    bool gap;
};

static enum err_code see_change(void *ctx, const struct store_change *c, struct err *err) {
    struct changes_seen *s = ctx;
    (void)err;
    s->gap |= c->revision != s->last + 1;
    s->last = c->revision;
    s->ours += str_starts_with(c->name, STR("ours-"));
    s->theirs += str_starts_with(c->name, STR("theirs-"));
    return ERR_OK;
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
        assert_ok(put(e->store, name, &err));
    }
    while (seen < (int64_t)2 * OTHERS) /* the test's timeout is the limit */
        assert_ok(store_kind_revision(e->store, KIND, &seen, &err));
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(exists(e, KIND, "theirs-0"));
    assert_int_equal(seen, (int64_t)2 * OTHERS);
    struct changes_seen changes = { .ours = 0 };
    assert_ok(store_changes(e->store, KIND, 0, 1000, see_change, &changes, &seen, &err));
    assert_int_equal(changes.ours, OTHERS);
    assert_int_equal(changes.theirs, OTHERS);
    assert_int_equal(changes.last, (int64_t)2 * OTHERS); /* each has a revision of its own, none is skipped */
    assert_false(changes.gap);
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
        b->rc = put(b->store, name, &err);
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
    struct store_query q = { .kind = KIND, .each = count_objects, .ctx = &n };
    assert_ok(store_list(s, &q, &revision, &err));
    assert_int_equal(n, revision); /* every object has brought one revision */
    assert_in_range(n, before, after + 1);
    assert_ok(put(s, "more", &err));
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
        T(all_about_objects_is_there_after_a_restart),
        T(an_older_file_keeps_its_data_and_gets_a_history_from_now_on),
        T(an_older_file_that_is_empty_starts_at_nothing),
        T(an_older_file_is_not_opened_for_reading),
        T(only_the_owner_may_read_the_files),
        cmocka_unit_test(impossible_paths_are_refused),
        T(a_newer_schema_is_refused_and_left_alone),
        T(a_database_of_another_program_is_refused_and_left_alone),
        T(a_file_that_is_no_database_is_refused_and_left_alone),
        T(a_migration_that_is_current_changes_nothing),
        T(every_statement_searches_by_an_index),
        T(a_store_to_be_read_only_looks_and_does_not_touch),
        T(two_stores_on_one_file_see_each_others_writes),
        T(two_processes_write_and_see_each_other),
        T(a_backup_while_writing_is_one_consistent_state),
        T(a_backup_replaces_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
