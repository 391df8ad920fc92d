/* Lists of 100,000 objects and owned sets among 200,000, beside what plain SQLite takes for the same rows. */
#include "bench.h"

#include <stdlib.h>
#include <unistd.h>

enum { OBJECTS = 100000, PAGE = 500, OWNERS = 200, MEMBERS = 1000, UNCHANGED_TURNS = 20, SETUP_BATCH = 1000 };

static const struct str POLICIES = { "policies", 8 }, RULES = { "rules", 5 };

#define BODY                                                                                                 \
    "{\"metadata\":{\"name\":\"pol-x7k2m9qd\",\"creationTimestamp\":\"2026-01-02T03:04:05Z\"},\"spec\":{"    \
    "\"displayName\":\"Developers may "                                                                      \
    "read\",\"tenantID\":\"t1\",\"statement\":{\"actions\":[\"get*\",\"list*\"],"                            \
    "\"resources\":[\"project:*/cluster:*\"],\"effect\":\"allow\"}},\"status\":{\"phase\":\"Active\"}}"
#define RULE                                                                                                 \
    "{\"spec\":{\"ptype\":\"p\",\"v0\":\"pol-x7k2m9qd\",\"v2\":\"project:*/"                                 \
    "cluster:*\",\"v3\":\"get*\",\"v4\":\"allow\"}}"

/* ---- filling ---- */

static enum err_code make_objects(void *ctx, struct store_tx *tx, struct err *err) {
    size_t from = *(size_t *)ctx;
    enum err_code rc = ERR_OK;
    for (size_t i = from; rc == ERR_OK && i < from + SETUP_BATCH; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "pol-%08zx", i);
        struct store_index tenant = { STR("tenant/t1"), false };
        struct store_write w = {
            .kind = POLICIES, .name = str_of(name), .body = STR(BODY), .indexes = &tenant, .index_count = 1
        };
        rc = store_tx_write(tx, &w, NULL, err);
    }
    return rc;
}

struct set {
    char owner[32];
    char names[MEMBERS][32];
    struct store_owned items[MEMBERS];
    size_t changed;
};

/* The hash that is in a rule's name makes their order in the table a random one. */
static void set_init(struct set *s, unsigned owner, unsigned variant) {
    static const uint64_t seed[2] = { 1, 2 };
    (void)snprintf(s->owner, sizeof s->owner, "policies/pol-%08x", owner);
    for (unsigned i = 0; i < MEMBERS; i++) {
        unsigned id[3] = { owner, variant, i };
        (void)snprintf(s->names[i], sizeof s->names[i], "rul-%016llx",
                       (unsigned long long)siphash13(seed, id, sizeof id));
        s->items[i] = (struct store_owned) { str_of(s->names[i]), STR(RULE) };
    }
}

static enum err_code set_owned(void *ctx, struct store_tx *tx, struct err *err) {
    struct set *s = ctx;
    return store_tx_set_owned(tx, RULES, str_of(s->owner), s->items, MEMBERS, &s->changed, err);
}

static void run(struct store *s, store_tx_fn *fn, void *ctx) {
    struct err err = { 0 };
    if (store_transact(s, fn, ctx, NULL, &err) != ERR_OK)
        die(err.detail);
}

static void fill(struct store *s) {
    static struct set set;
    for (size_t i = 0; i < OBJECTS; i += SETUP_BATCH)
        run(s, make_objects, &i);
    for (unsigned i = 0; i < OWNERS; i++) {
        set_init(&set, i, 0);
        run(s, set_owned, &set);
    }
}

/* ---- plain SQLite on the same file ---- */

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    return statement;
}

static void execute(sqlite3 *db, const char *sql) {
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
}

static void bind_text(sqlite3_stmt *statement, int at, struct str s) {
    (void)sqlite3_bind_text(statement, at, s.ptr, (int)s.len, SQLITE_STATIC);
}

static size_t sum_bytes(sqlite3_stmt *select, int columns) {
    size_t bytes = 0;
    while (sqlite3_step(select) == SQLITE_ROW)
        for (int i = 0; i < columns; i++)
            bytes += sqlite3_column_text(select, i) != NULL ? (size_t)sqlite3_column_bytes(select, i) : 0;
    (void)sqlite3_reset(select);
    return bytes;
}

static double raw_list(sqlite3 *db, struct str kind) {
    sqlite3_stmt *select = prepare(db,
                                   "SELECT name, revision, body FROM objects WHERE kind = ?1 ORDER BY name");
    bind_text(select, 1, kind);
    int64_t start = now_us();
    if (sum_bytes(select, 3) < OBJECTS * sizeof BODY)
        die("raw list");
    double rate = rate_since(OBJECTS, start);
    (void)sqlite3_finalize(select);
    return rate;
}

static double raw_members(sqlite3 *db, const struct set *s) {
    sqlite3_stmt *select = prepare(db, "SELECT name FROM owned WHERE kind = ?1 AND owner = ?2 ORDER BY name");
    bind_text(select, 1, RULES);
    bind_text(select, 2, str_of(s->owner));
    int64_t start = now_us();
    for (int i = 0; i < UNCHANGED_TURNS; i++)
        if (sum_bytes(select, 1) == 0)
            die("raw members");
    double rate = rate_since(UNCHANGED_TURNS, start);
    (void)sqlite3_finalize(select);
    return rate;
}

static void run_for_all(sqlite3_stmt *statement, const struct set *s) {
    for (size_t i = 0; i < MEMBERS; i++) {
        bind_text(statement, 1, s->items[i].name);
        if (sqlite3_step(statement) != SQLITE_DONE)
            die("raw change");
        (void)sqlite3_reset(statement);
    }
    (void)sqlite3_finalize(statement);
}

/* The same objects come and go in one table without owners or history. */
static double raw_change(sqlite3 *db, const struct set *old, const struct set *new) {
    int64_t start = now_us();
    execute(db, "BEGIN IMMEDIATE");
    run_for_all(
        prepare(db, "INSERT INTO raw (kind, name, revision, body) VALUES ('rules', ?1, 1, '" RULE "')"), new);
    run_for_all(prepare(db, "DELETE FROM raw WHERE kind = 'rules' AND name = ?1"), old);
    execute(db, "COMMIT");
    return rate_since(1, start);
}

/* ---- the store ---- */

struct page {
    char last[STORE_NAME_MAX];
    size_t last_len, items, bytes;
};

static enum err_code take(void *ctx, const struct store_object *o, struct err *err) {
    (void)err;
    struct page *p = ctx;
    p->items++;
    p->bytes += o->body.len;
    memcpy(p->last, o->name.ptr, o->name.len);
    p->last_len = o->name.len;
    return ERR_OK;
}

static double list_in_pages(struct store *s, struct str kind, int64_t at_revision) {
    struct err err = { 0 };
    struct page p = { .items = 0 };
    struct store_query q = {
        .kind = kind, .limit = PAGE, .at_revision = at_revision, .each = take, .ctx = &p
    };
    int64_t start = now_us();
    for (size_t before = 1; before != p.items;) {
        before = p.items;
        q.after = (struct str) { p.last, p.last_len };
        if (store_list(s, &q, NULL, &err) != ERR_OK)
            die(err.detail);
    }
    if (p.items != OBJECTS)
        die("list");
    return rate_since(OBJECTS, start);
}

static double set_unchanged(struct store *s, struct set *set) {
    int64_t start = now_us();
    for (int i = 0; i < UNCHANGED_TURNS; i++) {
        run(s, set_owned, set);
        if (set->changed != 0)
            die("it has changed");
    }
    return rate_since(UNCHANGED_TURNS, start);
}

static double set_changed(struct store *s, struct set *set) {
    int64_t start = now_us();
    run(s, set_owned, set);
    double rate = rate_since(1, start);
    if (set->changed != 2 * MEMBERS)
        die("it has not changed");
    return rate;
}

static void measure(struct store *s, sqlite3 *db, size_t round, struct figure *out) {
    static struct set set, next;
    struct err err = { 0 };
    int64_t revision = 0;
    unsigned owner = (unsigned)round * 7 % OWNERS;
    if (store_revision(s, &revision, &err) != ERR_OK)
        die(err.detail);
    out[0].reference_value[round] = out[1].reference_value[round] = raw_list(db, POLICIES);
    out[0].value[round] = list_in_pages(s, POLICIES, 0);
    set_init(&set, owner, 0);
    set_init(&next, owner, 1);
    out[2].reference_value[round] = raw_members(db, &set);
    out[2].value[round] = set_unchanged(s, &set);
    out[3].reference_value[round] = raw_change(db, &set, &next);
    out[3].value[round] = set_changed(s, &next);
    out[1].value[round] = list_in_pages(s, POLICIES, revision); /* which has passed by now */
    for (size_t i = 0; i < OBJECT_FIGURES; i++)
        out[i].ratio[round] = out[i].value[round] / out[i].reference_value[round];
}

size_t objects_bench(const char *directory, struct figure *out) {
    static const struct figure figures[OBJECT_FIGURES] = {
        { .name = "list_100000.pages_500", .unit = "objects/s", .reference = "one SELECT of the same rows" },
        { .name = "list_100000.pages_500.at_revision",
          .unit = "objects/s",
          .reference = "one SELECT of the same rows" },
        { .name = "set_owned_1000.unchanged", .unit = "sets/s", .reference = "SELECT of the members" },
        { .name = "set_owned_1000.changed",
          .unit = "sets/s",
          .reference = "INSERT and DELETE of 1000 rows each in one table, one commit" },
    };
    memcpy(out, figures, sizeof figures);
    char path[128];
    (void)snprintf(path, sizeof path, "%s/objects.db", directory);
    struct err err = { 0 };
    struct store *s = NULL;
    sqlite3 *db = NULL;
    if (store_open(&(struct store_options) { .type = "sqlite", .path = path }, &s, &err) != ERR_OK)
        die(err.detail);
    fill(s);
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    execute(db, "PRAGMA synchronous=FULL;"
                "CREATE TABLE raw (kind TEXT NOT NULL, name TEXT NOT NULL, revision INTEGER NOT NULL,"
                " body TEXT NOT NULL, PRIMARY KEY (kind, name)) STRICT, WITHOUT ROWID;"
                "INSERT INTO raw SELECT kind, name, revision, body FROM objects WHERE kind = 'rules'");
    for (size_t round = 0; round < ROUNDS; round++)
        measure(s, db, round, out);
    (void)sqlite3_close(db);
    store_close(s);
    (void)unlink(path);
    return OBJECT_FIGURES;
}
