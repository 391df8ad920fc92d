/* Threads that all want the same thing at the same time. cmocka's asserts belong to the main thread, so the others write
 * down what they got. */
#include "conformance/store/env.h"

#include <pthread.h>
#include <stdlib.h>

enum { THREADS = 16, ROUNDS = 20 };

struct racer {
    struct env *env;
    pthread_barrier_t *start;
    uint32_t number, round;
    enum err_code rc;
    int outcome;
    uint32_t generation;
    unsigned char successor[STORE_HASH_SIZE];
};

static void race(struct env *e, struct racer racers[THREADS], uint32_t round, void *(*run)(void *)) {
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (uint32_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer) { .env = e, .start = &start, .number = i, .round = round };
        assert_int_equal(pthread_create(&threads[i], NULL, run, &racers[i]), 0);
    }
    for (uint32_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&start), 0);
}

static void *consume_one(void *arg) {
    struct racer *r = arg;
    struct err err = { 0 };
    struct store_code code = make_code(r->round);
    struct store_family family = make_family(r->round);
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    (void)pthread_barrier_wait(r->start);
    r->rc = store_code_consume(r->env->store, code.id, code.hash, NOW, NOW + 300, &family, &outcome, &err);
    r->outcome = (int)outcome;
    return NULL;
}

static void of_many_that_consume_a_code_one_does(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        struct store_code code = make_code(round);
        assert_ok(store_code_put(e->store, &code, &err));
        struct racer racers[THREADS];
        race(e, racers, round, consume_one);
        size_t consumed = 0;
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(racers[i].rc, ERR_OK);
            consumed += racers[i].outcome == STORE_CODE_CONSUMED;
            assert_true(racers[i].outcome == STORE_CODE_CONSUMED || racers[i].outcome == STORE_CODE_REPLAYED);
        }
        assert_int_equal(consumed, 1);
    }
}

static void *rotate_one(void *arg) {
    struct racer *r = arg;
    struct err err = { 0 };
    struct store_refresh in = make_refresh(r->round, 1);
    fill_token(in.next_hash, r->round, 1000 + r->number); /* each brings a token of its own */
    fill_token(in.next_masked, r->round, 1000 + r->number);
    enum store_refresh_outcome outcome = STORE_REFRESH_UNKNOWN;
    (void)pthread_barrier_wait(r->start);
    r->rc = store_refresh_rotate(r->env->store, &in, &outcome, r->successor, &r->generation, &err);
    r->outcome = (int)outcome;
    return NULL;
}

static void of_many_that_rotate_a_token_one_does_and_the_others_get_its_successor(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        struct store_family family = make_family(round);
        assert_ok(store_family_put(e->store, &family, &err));
        struct racer racers[THREADS];
        race(e, racers, round, rotate_one);
        size_t winner = THREADS;
        for (size_t i = 0; i < THREADS; i++) {
            assert_int_equal(racers[i].rc, ERR_OK);
            if (racers[i].outcome != STORE_REFRESH_CURRENT)
                continue;
            assert_int_equal(winner, THREADS);
            winner = i;
        }
        assert_int_not_equal(winner, THREADS);
        unsigned char want[STORE_HASH_SIZE];
        fill_token(want, round, 1000 + (uint32_t)winner);
        for (size_t i = 0; i < THREADS; i++) {
            if (i == winner)
                continue;
            assert_int_equal(racers[i].outcome, STORE_REFRESH_GRACE);
            assert_int_equal(racers[i].generation, 2);
            assert_memory_equal(racers[i].successor, want, STORE_HASH_SIZE);
        }
    }
}

/* Adds one to a number kept as the length of the body, trying again when another was faster. */
static void *increment(void *arg) {
    struct racer *r = arg;
    (void)pthread_barrier_wait(r->start);
    for (uint32_t done = 0; done < 5;) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(1024 * 1024);
        struct err err = { 0 };
        struct store_object o;
        if ((r->rc = store_get(r->env->store, a, STR("counters"), STR("n"), &o, &err)) != ERR_OK)
            return NULL;
        AUTO(strbuf_done) struct strbuf body = STRBUF(4096);
        strbuf_add(&body, o.body);
        strbuf_addc(&body, '1');
        struct store_write w = { o.kind, o.name, strbuf_str(&body), .expected = o.revision };
        r->rc = store_write(r->env->store, &w, NULL, &err);
        if (r->rc == ERR_OK)
            done++;
        else if (r->rc != ERR_CONFLICT)
            return NULL;
    }
    return NULL;
}

static void parallel_updates_lose_nothing(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    int64_t first = create(e, STR("counters"), "n", "");
    struct racer racers[THREADS];
    race(e, racers, 1, increment);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(racers[i].rc, ERR_OK);
    struct store_object o;
    assert_ok(store_get(e->store, e->arena, STR("counters"), STR("n"), &o, &err));
    assert_int_equal(o.body.len, THREADS * 5);
    assert_int_equal(o.revision, first + THREADS * 5); /* one revision each, none skipped */
}

static void *write_own(void *arg) {
    struct racer *r = arg;
    struct err err = { 0 };
    (void)pthread_barrier_wait(r->start);
    for (uint32_t i = 0; i < 20 && r->rc == ERR_OK; i++) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(1024 * 1024);
        char name[32];
        struct store_object o;
        int64_t revision = 0;
        (void)snprintf(name, sizeof name, "o-%u-%u", r->number, i);
        struct store_write w = new_object(STR("things"), name, "1");
        r->rc = store_write(r->env->store, &w, &revision, &err);
        if (r->rc == ERR_OK) /* what has been acknowledged is there for every reader */
            r->rc = store_get(r->env->store, a, STR("things"), str_of(name), &o, &err);
        if (r->rc == ERR_OK && o.revision != revision)
            r->rc = ERR_CONFLICT;
        /* One that fails beside others that do not: it takes nobody along. */
        w.body = STR("2");
        if (r->rc == ERR_OK && store_write(r->env->store, &w, NULL, &err) != ERR_EXISTS)
            r->rc = ERR_INTERNAL;
    }
    return NULL;
}

static enum err_code count_and_check(void *ctx, const struct store_object *o, struct err *err) {
    (void)err;
    int64_t *sum = ctx;
    *sum += o->revision;
    return str_eq(o->body, STR("1")) ? ERR_OK : err_set(err, ERR_INTERNAL, "body");
}

static void every_write_gets_a_revision_of_its_own(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct racer racers[THREADS];
    race(e, racers, 1, write_own);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(racers[i].rc, ERR_OK);
    int64_t sum = 0, last = 0, n = THREADS * 20;
    struct store_query q = { .kind = STR("things"), .each = count_and_check, .ctx = &sum };
    assert_ok(store_list(e->store, &q, &last, &err));
    assert_int_equal(last, n);
    assert_int_equal(sum, n * (n + 1) / 2);
    assert_int_equal(writes_of(e), n);
}

const struct test_case race_cases[] = {
    CASE(of_many_that_consume_a_code_one_does),
    CASE(of_many_that_rotate_a_token_one_does_and_the_others_get_its_successor),
    CASE(parallel_updates_lose_nothing),
    CASE(every_write_gets_a_revision_of_its_own),
    { NULL, NULL },
};
