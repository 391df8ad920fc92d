/* Durable writes per second of the store with 1, 16 and 64 callers, beside what the same disk does with one commit per
 * row through plain SQLite. Rounds are interleaved and the ratio is the median of the rounds', since a shared machine's
 * speed changes from minute to minute. Usage: store_bench RESULT.json */
#include "bench.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { SLICE_MS = 250, THREADS_MAX = 64, FAMILIES_PER_THREAD = 64 };

#define BODY                                                                                                 \
    "{\"client_id\":\"kubectl\",\"scopes\":[\"openid\",\"profile\",\"groups\",\"offline_access\"],"          \
    "\"identity\":{\"user_id\":\"ana\",\"username\":\"ana\",\"email\":\"ana@example.org\","                  \
    "\"groups\":[\"developers\",\"operators\"]},\"auth_time\":1767225600}"

_Noreturn void die(const char *what) {
    (void)fprintf(stderr, "store_bench: %s\n", what);
    exit(1);
}

static int64_t now_ms(void) { return clock_now_ms(clock_system()); }

int64_t now_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

double rate_since(double amount, int64_t start_us) { return amount * 1e6 / (double)(now_us() - start_us); }

/* ---- the subject ---- */

struct family_state {
    unsigned char id[STORE_ID_SIZE];
    uint32_t generation;
};
struct caller {
    struct store *store;
    int64_t until_ms;
    uint64_t writes;
    struct family_state families[FAMILIES_PER_THREAD];
    size_t next;
    unsigned number;
};

static void hash_of(unsigned char hash[STORE_HASH_SIZE], const unsigned char *id, uint32_t generation) {
    memset(hash, 0, STORE_HASH_SIZE);
    memcpy(hash, id, STORE_ID_SIZE);
    memcpy(hash + STORE_ID_SIZE, &generation, sizeof generation);
}

static struct store_family family_of(const unsigned char id[STORE_ID_SIZE], int64_t now) {
    struct store_family f = { .generation = 1,
                              .client_id = STR("kubectl"),
                              .subject = STR("CgNhbmESB2RlZmF1bHQ"),
                              .body = STR(BODY),
                              .created_at = now,
                              .last_used_at = now,
                              .expires_at = now + 86400,
                              .idle_expires_at = now + 3600 };
    static const char hex[] = "0123456789abcdef";
    static _Thread_local char session[2 * STORE_ID_SIZE];
    for (size_t i = 0; i < STORE_ID_SIZE; i++) {
        session[2 * i] = hex[id[i] >> 4];
        session[2 * i + 1] = hex[id[i] & 15];
    }
    f.session_id = (struct str) { session, sizeof session };
    memcpy(f.id, id, STORE_ID_SIZE);
    hash_of(f.current_hash, id, 1);
    return f;
}

static void new_code(struct caller *c, struct store_code *ret) {
    struct err err = { 0 };
    *ret = (struct store_code) { .expires_at = now_ms() / 1000 + 60, .body = STR(BODY) };
    time_id(random_system(), now_ms(), ret->id);
    memcpy(ret->family_id, ret->id, STORE_ID_SIZE);
    hash_of(ret->hash, ret->id, 0);
    if (store_code_put(c->store, ret, &err) != ERR_OK)
        die(err.detail);
}

static void do_put(struct caller *c) {
    struct store_code code;
    new_code(c, &code);
    c->writes++;
}

static void do_redeem(struct caller *c) {
    struct err err = { 0 };
    struct store_code code;
    new_code(c, &code);
    int64_t now = now_ms() / 1000;
    struct store_family family = family_of(code.family_id, now);
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    if (store_code_consume(c->store, code.id, code.hash, now, now + 300, &family, &outcome, &err) != ERR_OK ||
        outcome != STORE_CODE_CONSUMED)
        die(err.detail);
    c->writes += 2;
}

static void do_rotate(struct caller *c) {
    struct err err = { 0 };
    struct family_state *f = &c->families[c->next++ % FAMILIES_PER_THREAD];
    struct store_refresh in = { .generation = f->generation, .now = now_ms() / 1000, .grace_s = 0 };
    memcpy(in.family_id, f->id, STORE_ID_SIZE);
    hash_of(in.hash, f->id, f->generation);
    hash_of(in.next_hash, f->id, f->generation + 1);
    in.idle_expires_at = in.now + 3600;
    in.body = STR(BODY);
    enum store_refresh_outcome outcome = STORE_REFRESH_UNKNOWN;
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    if (store_refresh_rotate(c->store, &in, &outcome, successor, &generation, &err) != ERR_OK ||
        outcome != STORE_REFRESH_CURRENT)
        die(err.detail);
    f->generation++;
    c->writes++;
}

static enum err_code write_object(void *ctx, struct store_tx *tx, struct err *err) {
    return store_tx_write(tx, ctx, NULL, err);
}

/* One object in a transaction of its own, with the key it had before and a history. */
static void do_transact(struct caller *c) {
    struct err err = { 0 };
    char name[32], key[32];
    (void)snprintf(name, sizeof name, "o-%02u-%02u", c->number, (unsigned)(c->next++ % FAMILIES_PER_THREAD));
    (void)snprintf(key, sizeof key, "caller/%02u", c->number);
    struct store_index index = { str_of(key), false };
    struct store_write w = { .kind = STR("objects"),
                             .name = str_of(name),
                             .body = STR(BODY),
                             .indexes = &index,
                             .index_count = 1,
                             .expected = STORE_EXPECT_ANY };
    if (store_transact(c->store, write_object, &w, NULL, &err) != ERR_OK)
        die(err.detail);
    c->writes++;
}

struct workload {
    const char *name;
    void (*run)(struct caller *c);
};
struct thread {
    struct caller *caller;
    const struct workload *workload;
};

static void *thread_main(void *arg) {
    struct thread *t = arg;
    while (now_ms() < t->caller->until_ms)
        t->workload->run(t->caller);
    return NULL;
}

static double writes_per_second(struct caller *callers, const struct workload *w, size_t n) {
    pthread_t threads[THREADS_MAX];
    struct thread args[THREADS_MAX];
    int64_t start = clock_mono_ms(clock_system()), until = now_ms() + SLICE_MS;
    for (size_t i = 0; i < n; i++) {
        callers[i].until_ms = until;
        callers[i].writes = 0;
        args[i] = (struct thread) { &callers[i], w };
        if (pthread_create(&threads[i], NULL, thread_main, &args[i]) != 0)
            die("no thread");
    }
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        (void)pthread_join(threads[i], NULL);
        total += callers[i].writes;
    }
    return (double)total * 1000 / (double)(clock_mono_ms(clock_system()) - start);
}

static void prepare(struct caller *callers, struct store *s) {
    struct err err = { 0 };
    for (size_t i = 0; i < THREADS_MAX; i++) {
        callers[i].store = s;
        callers[i].number = (unsigned)i;
        for (size_t k = 0; k < FAMILIES_PER_THREAD; k++) {
            struct family_state *f = &callers[i].families[k];
            f->generation = 1;
            time_id(random_system(), now_ms(), f->id);
            struct store_family family = family_of(f->id, now_ms() / 1000);
            if (store_family_put(s, &family, &err) != ERR_OK)
                die(err.detail);
        }
    }
}

/* ---- the reference: one commit per row ---- */

static sqlite3_stmt *raw_open(const char *path, sqlite3 **ret_db) {
    sqlite3_stmt *insert = NULL;
    if (sqlite3_open(path, ret_db) != SQLITE_OK ||
        sqlite3_exec(*ret_db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                     "CREATE TABLE rows (id BLOB PRIMARY KEY, hash BLOB, expires_at INTEGER, body TEXT)"
                     " STRICT, WITHOUT ROWID; CREATE INDEX rows_expires_at ON rows (expires_at)",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(*ret_db, "INSERT INTO rows VALUES (?1, ?2, ?3, ?4)", -1, &insert, NULL) !=
            SQLITE_OK)
        die(sqlite3_errmsg(*ret_db));
    return insert;
}

static double raw_rows_per_second(sqlite3_stmt *insert) {
    int64_t start = clock_mono_ms(clock_system()), until = start + SLICE_MS;
    uint64_t rows = 0;
    for (; clock_mono_ms(clock_system()) < until; rows++) {
        unsigned char id[STORE_ID_SIZE], hash[STORE_HASH_SIZE];
        time_id(random_system(), now_ms(), id);
        hash_of(hash, id, 0);
        (void)sqlite3_bind_blob(insert, 1, id, sizeof id, SQLITE_STATIC);
        (void)sqlite3_bind_blob(insert, 2, hash, sizeof hash, SQLITE_STATIC);
        (void)sqlite3_bind_int64(insert, 3, now_ms() / 1000 + 60);
        (void)sqlite3_bind_text(insert, 4, BODY, sizeof BODY - 1, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE)
            die("raw insert");
        (void)sqlite3_reset(insert);
    }
    return (double)rows * 1000 / (double)(clock_mono_ms(clock_system()) - start);
}

/* ---- report ---- */

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(const double *values) {
    double sorted[ROUNDS];
    memcpy(sorted, values, sizeof sorted);
    qsort(sorted, ROUNDS, sizeof sorted[0], compare);
    return sorted[ROUNDS / 2];
}

static const struct workload workloads[] = {
    { "code_put", do_put },
    { "code_put_and_consume", do_redeem },
    { "refresh_rotate", do_rotate },
    { "transact_object_write", do_transact },
};
static const size_t thread_counts[] = { 1, 16, 64 };
enum { COMBINATIONS = ARRAY_LEN(workloads) * ARRAY_LEN(thread_counts) };

struct results {
    double raw[ROUNDS], rate[COMBINATIONS][ROUNDS], ratio[COMBINATIONS][ROUNDS];
};

static void report(const struct results *r, FILE *json) {
    double raw = median(r->raw);
    (void)printf("durable writes, acknowledged after fsync; plain SQLite with one commit per row: %.0f/s\n",
                 raw);
    (void)printf("%-22s %8s %12s %8s %6s\n", "workload", "callers", "writes/s", "ratio", "goal");
    for (size_t i = 0; i < COMBINATIONS; i++) {
        const char *name = workloads[i / ARRAY_LEN(thread_counts)].name;
        size_t threads = thread_counts[i % ARRAY_LEN(thread_counts)];
        double rate = median(r->rate[i]), ratio = median(r->ratio[i]);
        char goal[32] = "null", met[8] = "null";
        if (threads >= 16) {
            (void)snprintf(goal, sizeof goal, "5.0");
            (void)snprintf(met, sizeof met, "%s", ratio >= 5.0 ? "true" : "false");
        }
        (void)printf("%-22s %8zu %12.0f %7.2fx %6s %s\n", name, threads, rate, ratio,
                     threads >= 16 ? ">= 5x" : "-",
                     threads < 16   ? ""
                     : ratio >= 5.0 ? "met"
                                    : "MISSED");
        (void)fprintf(json,
                      "%s\n  {\"name\": \"store.%s.callers_%zu\", \"value\": %.1f, \"unit\": \"writes/s\","
                      " \"reference\": \"SQLite, one commit per row\", \"reference_value\": %.1f,"
                      " \"ratio\": %.3f, \"goal\": %s, \"met\": %s}",
                      i == 0 ? "" : ",", name, threads, rate, raw, ratio, goal, met);
    }
}

static void report_figures(const struct figure *figures, size_t n, FILE *json) {
    (void)printf("\n%-36s %12s %12s %8s\n", "objects", "rate", "reference", "ratio");
    for (size_t i = 0; i < n; i++) {
        const struct figure *f = &figures[i];
        double value = median(f->value), reference = median(f->reference_value), ratio = median(f->ratio);
        (void)printf("%-36s %12.0f %12.0f %7.2fx  %s; %s\n", f->name, value, reference, ratio, f->unit,
                     f->reference);
        (void)fprintf(
            json,
            ",\n  {\"name\": \"store.%s\", \"value\": %.1f, \"unit\": \"%s\", \"reference\": \"%s\","
            " \"reference_value\": %.1f, \"ratio\": %.3f, \"goal\": null, \"met\": null}",
            f->name, value, f->unit, f->reference, reference, ratio);
    }
}

static void run_rounds(struct caller *callers, sqlite3_stmt *insert, struct results *ret) {
    for (size_t round = 0; round < ROUNDS; round++) {
        ret->raw[round] = raw_rows_per_second(insert);
        for (size_t i = 0; i < COMBINATIONS; i++) {
            const struct workload *w = &workloads[i / ARRAY_LEN(thread_counts)];
            double rate = writes_per_second(callers, w, thread_counts[i % ARRAY_LEN(thread_counts)]);
            ret->rate[i][round] = rate;
            ret->ratio[i][round] = rate / ret->raw[round];
        }
    }
}

int main(int argc, char **argv) {
    static struct caller callers[THREADS_MAX];
    static struct results results;
    char directory[] = "/tmp/tkeauth-bench-XXXXXX", path[64], raw_path[64];
    if (argc != 2 || mkdtemp(directory) == NULL)
        die("usage: store_bench RESULT.json");
    (void)snprintf(path, sizeof path, "%s/store.db", directory);
    (void)snprintf(raw_path, sizeof raw_path, "%s/raw.db", directory);

    struct err err = { 0 };
    struct store *s = NULL;
    if (store_open(&(struct store_options) { .type = "sqlite", .path = path }, &s, &err) != ERR_OK)
        die(err.detail);
    sqlite3 *raw = NULL;
    sqlite3_stmt *insert = raw_open(raw_path, &raw);
    prepare(callers, s);
    run_rounds(callers, insert, &results);
    (void)sqlite3_finalize(insert);
    (void)sqlite3_close(raw);
    store_close(s);
    static struct figure figures[OBJECT_FIGURES];
    size_t figures_len = objects_bench(directory, figures);
    (void)unlink(path);
    (void)unlink(raw_path);
    (void)rmdir(directory);

    FILE *json = fopen(argv[1], "w");
    if (json == NULL)
        die("cannot write the result");
    (void)fprintf(json, "[");
    report(&results, json);
    report_figures(figures, figures_len, json);
    (void)fprintf(json, "\n]\n");
    return fclose(json) == 0 ? 0 : 1;
}
