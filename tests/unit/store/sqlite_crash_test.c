/* Kill -9 at random moments: whatever was acknowledged before is there afterwards, no code works twice, and of every transaction
 * there is all or nothing. */
#include "conformance/store/env.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20, THREADS = 4, PER_ROUND = 100000, PER_THREAD = 10000 };

/* Written to the pipe after the store has acknowledged; small enough to be written whole or not at all. */
enum step { PUT, CONSUMED, ROTATED, TRANSACTED };
struct report {
    uint32_t number; /* TRANSACTED: the thread's */
    uint32_t step;
    uint32_t generation; /* ROTATED: the new one; TRANSACTED: the turn */
};

struct worker {
    struct store *store;
    int fd;
    uint32_t number, first;
};

static void tell(const struct worker *w, struct report r) {
    if (write(w->fd, &r, sizeof r) != (ssize_t)sizeof r)
        _exit(3);
}

static void *work(void *arg) {
    struct worker *w = arg;
    for (uint32_t n = w->first; n < w->first + PER_THREAD; n++) {
        struct err err = { 0 };
        struct store_code code = make_code(n);
        struct store_family family = make_family(n);
        enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
        if (store_code_put(w->store, &code, &err) != ERR_OK)
            _exit(4);
        tell(w, (struct report) { n, PUT, 0 });
        if (store_code_consume(w->store, code.id, code.hash, NOW, NOW + 300, &family, &outcome, &err) !=
                ERR_OK ||
            outcome != STORE_CODE_CONSUMED)
            _exit(5);
        tell(w, (struct report) { n, CONSUMED, 1 });
        for (uint32_t g = 1; g <= 3; g++) {
            struct store_refresh in = make_refresh(n, g);
            enum store_refresh_outcome refreshed = STORE_REFRESH_UNKNOWN;
            unsigned char successor[STORE_HASH_SIZE];
            uint32_t generation = 0;
            if (store_refresh_rotate(w->store, &in, &refreshed, successor, &generation, &err) != ERR_OK ||
                refreshed != STORE_REFRESH_CURRENT)
                _exit(6);
            tell(w, (struct report) { n, ROTATED, g + 1 });
        }
    }
    return NULL;
}

static _Noreturn void child_main(const char *path, int fd, uint32_t first, void *(*run)(void *)) {
    struct err err = { 0 };
    struct store *s = NULL;
    struct store_options options = { .type = "sqlite", .path = path };
    if (store_open(&options, &s, &err) != ERR_OK)
        _exit(2);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker) { s, fd, i, first + i * PER_THREAD };
        if (pthread_create(&threads[i], NULL, run, &workers[i]) != 0)
            _exit(7);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    _exit(8); /* nobody killed us in time */
}

/* What the killed process had told: reports by number, the last one counts. */
struct told {
    struct report *reports;
    size_t len, cap;
};

static bool read_report(int fd, struct told *t) {
    if (t->len == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 1024;
        t->reports = reallocarray(t->reports, t->cap, sizeof *t->reports);
        assert_non_null(t->reports);
    }
    ssize_t n = read(fd, &t->reports[t->len], sizeof t->reports[0]);
    assert_true(n == 0 || n == (ssize_t)sizeof t->reports[0]);
    t->len += n != 0;
    return n != 0;
}

static void run_and_kill(const char *path, uint32_t first, void *(*run)(void *), size_t kill_after,
                         struct told *ret) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_main(path, fds[1], first, run);
    (void)close(fds[1]);
    while (ret->len < kill_after && read_report(fds[0], ret))
        ;
    assert_int_equal(kill(child, SIGKILL), 0);
    while (read_report(fds[0], ret)) /* acknowledged before the kill, read after it */
        ;
    (void)close(fds[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (!WIFSIGNALED(status))
        fail_msg("the process ended by itself: %d", WEXITSTATUS(status));
}

static void check_report(struct env *e, const struct report *r) {
    struct err err = { 0 };
    struct store_code code = make_code(r->number), got;
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    assert_ok(store_code_get(e->store, e->arena, code.id, code.hash, NOW, &outcome, &got, &err));
    if (r->step == PUT) { /* what came next may or may not have happened */
        assert_true(outcome == STORE_CODE_CONSUMED || outcome == STORE_CODE_REPLAYED);
        return;
    }
    assert_int_equal(outcome, STORE_CODE_REPLAYED);
    struct store_refresh in = make_refresh(r->number, r->generation);
    struct store_family family = { .generation = 0 };
    enum store_refresh_outcome refreshed = look(e, &in, &family);
    assert_true(refreshed == STORE_REFRESH_CURRENT || refreshed == STORE_REFRESH_GRACE);
    assert_true(family.generation >= r->generation);
}

static void check_all(struct env *e, const struct told *t) {
    for (size_t i = 0; i < t->len; i++)
        check_report(e, &t->reports[i]);
    for (size_t i = 0; i < t->len; i++) { /* this revokes, so it comes last */
        struct report *r = &t->reports[i];
        enum store_code_outcome outcome = consume(e, r->number, NULL, NOW);
        if (r->step != PUT)
            assert_int_equal(outcome, STORE_CODE_REPLAYED);
        assert_true(outcome == STORE_CODE_CONSUMED || outcome == STORE_CODE_REPLAYED);
        assert_int_equal(consume(e, r->number, NULL, NOW), STORE_CODE_REPLAYED);
    }
}

/* One round: a child works on the file until it is killed; the store is open again afterwards. */
static void run_round(struct env *e, struct random *random, uint32_t first, void *(*run)(void *),
                      struct told *ret) {
    struct err err = { 0 };
    uint32_t draw = 0;
    random_bytes(random, &draw, sizeof draw);
    store_close(e->store); /* no thread may run while forking */
    e->store = NULL;
    run_and_kill(e->path, first, run, 1 + draw % 150, ret);
    struct store_options options = { .type = "sqlite", .path = e->path, .clock = &e->clock };
    assert_ok(store_open(&options, &e->store, &err));
}

static void nothing_acknowledged_is_lost_and_nothing_works_twice(void **state) {
    (void)state;
    struct env *e = env_new("sqlite");
    struct random random;
    random_fixed_init(&random, 20260102);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct told t = { .len = 0 };
        run_round(e, &random, round * PER_ROUND, work, &t);
        check_all(e, &t);
        free(t.reports);
    }
    env_free(e);
}

/* ---- transactions: every thread has objects of its own that tell of its last turn, and a set whose members others have, too ---- */

static const struct str PAIRS = { "pairs", 5 }, RULES = { "rules", 5 };
enum { SET = 6, RULE_NAMES = 23 };

struct turn {
    uint32_t thread, number;
    char name_a[16], name_b[16], name_c[16], owner[16], key[32], body[16];
    char rules[SET][8];
    struct store_owned items[SET];
};

static void turn_init(struct turn *t, uint32_t thread, uint32_t number) {
    *t = (struct turn) { .thread = thread, .number = number };
    (void)snprintf(t->name_a, sizeof t->name_a, "a-%u", thread);
    (void)snprintf(t->name_b, sizeof t->name_b, "b-%u", thread);
    (void)snprintf(t->name_c, sizeof t->name_c, "c-%u", thread);
    (void)snprintf(t->owner, sizeof t->owner, "owner-%u", thread);
    (void)snprintf(t->key, sizeof t->key, "turn-%u-%u", thread, number);
    (void)snprintf(t->body, sizeof t->body, "%u", number);
    for (uint32_t i = 0; i < SET; i++) {
        (void)snprintf(t->rules[i], sizeof t->rules[i], "r-%02u",
                       (number * (thread + 3) + i * 5) % RULE_NAMES);
        t->items[i] = (struct store_owned) { str_of(t->rules[i]), STR("{}") };
    }
}

static enum err_code take_turn(void *ctx, struct store_tx *tx, struct err *err) {
    const struct turn *t = ctx;
    const struct store_index key = { str_of(t->key), true };
    struct store_write w = new_object(PAIRS, t->name_a, t->body);
    w.expected = STORE_EXPECT_ANY;
    w.indexes = &key;
    w.index_count = 1;
    enum err_code rc = store_tx_write(tx, &w, NULL, err);
    w = new_object(PAIRS, t->name_b, t->body);
    w.expected = STORE_EXPECT_ANY;
    w.secret = w.body;
    if (rc == ERR_OK)
        rc = store_tx_write(tx, &w, NULL, err);
    w = new_object(PAIRS, t->name_c, t->body);
    if (rc == ERR_OK) /* there after odd turns */
        rc = t->number % 2 == 1 ? store_tx_write(tx, &w, NULL, err)
                                : store_tx_delete(tx, PAIRS, w.name, STORE_EXPECT_ANY, false, err);
    return rc == ERR_OK ? store_tx_set_owned(tx, RULES, str_of(t->owner), t->items, SET, NULL, err) : rc;
}

/* The number of the last turn, as an object tells. 0: there was none. */
static uint32_t number_in(struct store *s, struct arena *a, const char *name) {
    struct err err = { 0 };
    struct store_object o;
    uint64_t n = 0;
    if (store_get(s, a, PAIRS, str_of(name), &o, &err) == ERR_OK &&
        parse_u64(o.body, 1, UINT32_MAX, &n, &err) != ERR_OK)
        n = UINT32_MAX;
    return (uint32_t)n;
}

static void *take_turns(void *arg) {
    struct worker *w = arg;
    struct err err = { 0 };
    struct turn t;
    struct arena *a = arena_new(4096);
    if (a == NULL)
        _exit(4);
    turn_init(&t, w->number, 0);
    uint32_t first = number_in(w->store, a, t.name_a) + 1;
    arena_free(a);
    for (uint32_t n = first; n < first + PER_THREAD; n++) {
        turn_init(&t, w->number, n);
        if (store_transact(w->store, take_turn, &t, NULL, &err) != ERR_OK)
            _exit(5);
        tell(w, (struct report) { w->number, TRANSACTED, n });
    }
    return NULL;
}

static bool finds(struct env *e, const char *key, const char *name) {
    struct err err = { 0 };
    struct store_object o;
    return store_find_whole(e->store, e->arena, PAIRS, str_of(key), &o, NULL, &err) == ERR_OK &&
           str_eq(o.name, str_of(name));
}

static void check_thread(struct env *e, uint32_t thread, uint32_t acknowledged) {
    struct turn t, before;
    turn_init(&t, thread, 0);
    uint32_t n = number_in(e->store, e->arena, t.name_a);
    assert_true(n >= acknowledged);
    if (n == 0)
        return;
    turn_init(&t, thread, n);
    turn_init(&before, thread, n - 1);
    struct err err = { 0 };
    struct store_object b;
    assert_ok(store_get_whole(e->store, e->arena, PAIRS, str_of(t.name_b), &b, &err));
    assert_str(b.body, t.body);
    assert_str(b.secret, t.body);
    assert_true(exists(e, PAIRS, t.name_c) == (n % 2 == 1));
    assert_true(finds(e, t.key, t.name_a));
    assert_false(finds(e, before.key, t.name_a));
    struct text owned = { .items = 0 };
    assert_ok(store_owned_list(e->store, RULES, str_of(t.owner), STR_NULL, SET, text_owned, &owned, &err));
    for (size_t i = 0; i < SET; i++) {
        char pair[32];
        (void)snprintf(pair, sizeof pair, "%s:%s ", t.owner, t.rules[i]);
        assert_non_null(strstr(owned.chars, pair));
    }
}

static enum err_code note_name(void *ctx, struct str owner, struct str name, struct err *err) {
    (void)owner;
    return map_put(ctx, name, ctx, NULL, err);
}

static enum err_code check_is_owned(void *ctx, const struct store_object *o, struct err *err) {
    return map_remove(ctx, o->name) != NULL ? ERR_OK : err_set(err, ERR_INTERNAL, "nobody owns it");
}

static void check_rules(struct env *e) {
    struct err err = { 0 };
    struct map names = { .len = 0 };
    assert_ok(store_owned_list(e->store, RULES, STR_NULL, STR_NULL, 0, note_name, &names, &err));
    struct store_query q = { .kind = RULES, .each = check_is_owned, .ctx = &names };
    assert_ok(store_list(e->store, &q, NULL, &err));
    assert_int_equal(names.len, 0); /* none is wanted and not there */
    map_done(&names, NULL);
}

/* The history, applied to what was there when it began, gives what is there now. */
struct replay {
    struct map bodies; /* by "kind/name" */
    int64_t last;
    int64_t floor; /* forgotten up to there */
    size_t left;   /* not listed yet */
};

static enum err_code apply_change(void *ctx, const struct store_change *c, struct err *err) {
    struct replay *r = ctx;
    char key[64];
    (void)snprintf(key, sizeof key, "%.*s/%.*s", STR_FMT(c->kind), STR_FMT(c->name));
    if (c->revision != r->last + 1)
        return err_set(err, ERR_INTERNAL, "%lld after %lld", (long long)c->revision, (long long)r->last);
    r->last = c->revision;
    char *before = map_remove(&r->bodies, str_of(key));
    bool fits = before == NULL ? c->type == STORE_CREATED && c->prev.ptr == NULL
                               : c->type != STORE_CREATED && str_eq(c->prev, str_of(before));
    free(before);
    if (!fits)
        return err_set(err, ERR_INTERNAL, "%s: not what was there before", key);
    if (c->type == STORE_DELETED)
        return ERR_OK;
    char *body = str_dup(c->body);
    return body != NULL ? map_put(&r->bodies, str_of(key), body, NULL, err) : err_set(err, ERR_NOMEM, "body");
}

static enum err_code compare_object(void *ctx, const struct store_object *o, struct err *err) {
    struct replay *r = ctx;
    char key[64];
    (void)snprintf(key, sizeof key, "%.*s/%.*s", STR_FMT(o->kind), STR_FMT(o->name));
    const char *body = map_get(&r->bodies, str_of(key));
    if (body == NULL || !str_eq(o->body, str_of(body)))
        return err_set(err, ERR_INTERNAL, "%s: the history tells otherwise", key);
    r->left--;
    return ERR_OK;
}

static void check_history(struct env *e, struct replay *r) {
    struct err err = { 0 };
    int64_t seen = 0, pairs = 0, rules = 0;
    assert_ok(store_changes(e->store, STR_NULL, r->last, 1000000, apply_change, r, &seen, &err));
    assert_int_equal(seen, r->last);
    assert_int_equal(revision_of(e), r->last);
    pairs = kind_revision(e, PAIRS);
    rules = kind_revision(e, RULES);
    assert_int_equal(pairs > rules ? pairs : rules, r->last);
    r->left = r->bodies.len;
    const struct str kinds[] = { PAIRS, RULES };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct store_query q = { .kind = kinds[i], .each = compare_object, .ctx = r };
        assert_ok(store_list(e->store, &q, NULL, &err));
    }
    assert_int_equal(r->left, 0);
}

static void of_every_transaction_there_is_all_or_nothing(void **state) {
    (void)state;
    struct env *e = env_new("sqlite");
    struct random random;
    random_fixed_init(&random, 20260304);
    struct replay r = { .last = 0 };
    uint32_t acknowledged[THREADS] = { 0 };
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct told t = { .len = 0 };
        run_round(e, &random, 0, take_turns, &t);
        for (size_t i = 0; i < t.len; i++)
            acknowledged[t.reports[i].number] = t.reports[i].generation;
        free(t.reports);
        for (uint32_t i = 0; i < THREADS; i++)
            check_thread(e, i, acknowledged[i]);
        check_rules(e);
        check_history(e, &r);
        struct err err = { 0 };
        size_t forgotten = 0, kept = count_changes(e, STR_NULL, r.floor);
        assert_ok(store_compact(e->store, 0, kept / 2, 1000000, &forgotten, &err));
        assert_int_equal(forgotten, kept - kept / 2); /* their number is right, too */
        r.floor += (int64_t)forgotten;
    }
    map_done(&r.bodies, free);
    env_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost_and_nothing_works_twice),
        cmocka_unit_test(of_every_transaction_there_is_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
