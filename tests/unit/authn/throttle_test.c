#include "unit/test.h"

#include "tkeauth/authn.h"

#include <pthread.h>

enum { MAX_FAILURES = 6, WINDOW_S = 600, MAX_DELAY_S = 60 };

struct fixture {
    struct clock clock;
    struct random random;
    struct throttle *t;
};
static int set_up(void **state) {
    static struct fixture f;
    struct err err;
    clock_fixed_init(&f.clock, 5000);
    random_fixed_init(&f.random, 5);
    const struct throttle_options options = { .max_failures = MAX_FAILURES,
                                              .window_s = WINDOW_S,
                                              .max_delay_s = MAX_DELAY_S,
                                              .entries_max = 4096,
                                              .clock = &f.clock,
                                              .random = &f.random };
    *state = &f;
    return throttle_new(&options, &f.t, &err) != ERR_OK;
}
static int tear_down(void **state) {
    throttle_free(((struct fixture *)*state)->t);
    return 0;
}

static struct throttle_key key(const char *tenant, const char *user, const char *address) {
    return (struct throttle_key) { str_of(tenant), str_of(user), str_of(address) };
}
/* The wait, or 0 after an attempt that failed. */
static int64_t guess_wrong(struct fixture *f, const char *user, const char *address) {
    const struct throttle_key k = key("t", user, address);
    int64_t wait = throttle_check(f->t, &k);
    if (wait == 0)
        throttle_failed(f->t, &k);
    return wait;
}
/* The wait; an attempt that may go ahead is taken back. */
static int64_t ask_in(struct fixture *f, const char *tenant, const char *user, const char *address) {
    const struct throttle_key k = key(tenant, user, address);
    int64_t wait = throttle_check(f->t, &k);
    if (wait == 0)
        throttle_done(f->t, &k, false);
    return wait;
}
static int64_t ask(struct fixture *f, const char *user, const char *address) {
    return ask_in(f, "t", user, address);
}
static void succeed(struct fixture *f, const char *user, const char *address) {
    const struct throttle_key k = key("t", user, address);
    assert_int_equal(throttle_check(f->t, &k), 0);
    throttle_done(f->t, &k, true);
}
static const char *address_number(unsigned n) {
    static char text[32];
    (void)snprintf(text, sizeof text, "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
    return text;
}

static void the_delay_doubles_with_each_failure_past_the_limit(void **state) {
    struct fixture *f = *state;
    for (unsigned i = 0; i < MAX_FAILURES; i++) /* from different addresses, so that only the user counts */
        assert_int_equal(guess_wrong(f, "ana", address_number(i)), 0);
    static const int64_t delays[] = { 1, 2, 4, 8, 16, 32, MAX_DELAY_S, MAX_DELAY_S };
    for (unsigned i = 0; i < ARRAY_LEN(delays); i++) {
        assert_int_equal(ask(f, "ana", address_number(50)), delays[i]);
        clock_advance(&f->clock, delays[i] * 1000 - 1);
        assert_int_equal(ask(f, "ana", address_number(50)), 1);
        clock_advance(&f->clock, 1);
        assert_int_equal(guess_wrong(f, "ana", address_number(100 + i)), 0);
    }
    assert_int_equal(ask(f, "bob", address_number(1)), 0); /* others are not concerned */
    assert_int_equal(ask_in(f, "other", "ana", address_number(1)), 0);
}

static void a_pair_has_half_the_limit_and_an_address_ten_times(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < MAX_FAILURES / 2; i++)
        assert_int_equal(guess_wrong(f, "ana", "192.0.2.1"), 0);
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 1);
    assert_int_equal(ask(f, "ana", "192.0.2.2"), 0);
    assert_int_equal(ask(f, "bob", "192.0.2.1"), 0);
    char user[16];
    for (int i = MAX_FAILURES / 2; i < MAX_FAILURES * 10; i++) {
        (void)snprintf(user, sizeof user, "user%d", i);
        assert_int_equal(guess_wrong(f, user, "192.0.2.1"), 0);
    }
    assert_int_equal(ask(f, "somebody", "192.0.2.1"), 1);
    assert_int_equal(ask(f, "somebody", "192.0.2.2"), 0);
}

static void guesses_in_parallel_do_not_slip_through(void **state) {
    struct fixture *f = *state;
    const struct throttle_key k = key("t", "ana", "192.0.2.1");
    int started = 0;
    for (int i = 0; i < 100; i++)
        started += throttle_check(f->t, &k) == 0;
    assert_int_equal(started, MAX_FAILURES / 2);
    for (int i = 0; i < started; i++)
        throttle_failed(f->t, &k);
    assert_int_equal(throttle_check(f->t, &k), 1);
    clock_advance(&f->clock, 1000);
    assert_int_equal(throttle_check(f->t, &k), 0); /* past the limit: one at a time */
    assert_int_equal(throttle_check(f->t, &k), 1);
    throttle_failed(f->t, &k);
    assert_int_equal(throttle_check(f->t, &k), 2);
}

static void success_clears_user_and_pair_but_not_the_address(void **state) {
    struct fixture *f = *state;
    char user[16];
    for (int i = 0; i < MAX_FAILURES / 2 - 1; i++)
        assert_int_equal(guess_wrong(f, "ana", "192.0.2.1"), 0);
    succeed(f, "ana", "192.0.2.1");
    for (int i = 0; i < MAX_FAILURES / 2 - 1; i++)
        assert_int_equal(guess_wrong(f, "ana", "192.0.2.1"), 0);
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 0);
    for (int i = 0; i < MAX_FAILURES * 10 - 2 * (MAX_FAILURES / 2 - 1); i++) {
        assert_int_equal(ask(f, "ana", "192.0.2.1"), 0);
        (void)snprintf(user, sizeof user, "user%d", i);
        assert_int_equal(guess_wrong(f, user, "192.0.2.1"), 0);
    }
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 1);
}

static void an_attempt_without_verdict_counts_for_nothing(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < 1000; i++) /* the directory is down for an hour of trying */
        assert_int_equal(ask(f, "ana", "192.0.2.1"), 0);
    /* and it does not clear what was counted */
    for (int i = 0; i < MAX_FAILURES / 2; i++)
        assert_int_equal(guess_wrong(f, "ana", "192.0.2.1"), 0);
    clock_advance(&f->clock, 1000);
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 0);
    assert_int_equal(guess_wrong(f, "ana", "192.0.2.1"), 0);
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 2);
}

static void failures_age_out_of_the_window(void **state) {
    struct fixture *f = *state;
    for (int i = 0; i < MAX_FAILURES / 2; i++)
        assert_int_equal(guess_wrong(f, "ana", "192.0.2.1"), 0);
    clock_advance(&f->clock, 2 * WINDOW_S * 1000);
    for (int i = 0; i < MAX_FAILURES / 2; i++)
        assert_int_equal(guess_wrong(f, "ana", "192.0.2.1"), 0);
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 1);
    /* The turn of a window forgets nothing. */
    clock_advance(&f->clock, WINDOW_S * 1000);
    assert_int_equal(guess_wrong(f, "ana", "192.0.2.1"), 0);
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 2);
}

static void a_slow_trickle_of_mistakes_never_blocks_an_address(void **state) {
    struct fixture *f = *state;
    char user[16];
    for (int i = 0; i < 5000; i++) { /* 50 mistakes a window, where 60 are too many */
        (void)snprintf(user, sizeof user, "user%d", i);
        assert_int_equal(guess_wrong(f, user, "192.0.2.1"), 0);
        clock_advance(&f->clock, WINDOW_S * 1000 / 50);
    }
}

static void names_and_addresses_count_in_every_spelling(void **state) {
    struct fixture *f = *state;
    static const char *const spellings[] = { "ana", "ANA", " Ana\t", "aNa ", "ana\n", "anA" };
    for (unsigned i = 0; i < ARRAY_LEN(spellings); i++)
        assert_int_equal(guess_wrong(f, spellings[i], address_number(i)), 0);
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 1);
    assert_int_equal(ask(f, "an a", "192.0.2.1"), 0);
    static const char *const same_net[] = { "2001:db8:1:2::1", "2001:db8:1:2:ffff::9",
                                            "2001:0DB8:1:2:0:0:0:3" };
    for (unsigned i = 0; i < ARRAY_LEN(same_net); i++)
        assert_int_equal(guess_wrong(f, "bob", same_net[i]), 0);
    assert_int_equal(ask(f, "bob", "2001:db8:1:2:aaaa::"), 1);
    assert_int_equal(ask(f, "bob", "2001:db8:1:3::1"), 0);
    static const char *const same_host[] = { "192.0.2.7", "::ffff:192.0.2.7", "::FFFF:c000:207" };
    for (unsigned i = 0; i < ARRAY_LEN(same_host); i++)
        assert_int_equal(guess_wrong(f, "eve", same_host[i]), 0);
    assert_int_equal(ask(f, "eve", "192.0.2.7"), 1);
    assert_int_equal(ask(f, "eve", "192.0.2.8"), 0);
}

/* A table of 4096 entries meets an attacker with 30000 addresses who wants it to forget whom he attacks. */
static void a_flood_of_other_names_does_not_wash_failures_away(void **state) {
    struct fixture *f = *state;
    char user[16];
    for (unsigned i = 0; i < MAX_FAILURES; i++)
        assert_int_equal(guess_wrong(f, "victim", address_number(1u << 20 | i)), 0);
    for (unsigned i = 0; i < 30000; i++) {
        (void)snprintf(user, sizeof user, "flood%u", i);
        assert_int_equal(guess_wrong(f, user, address_number(i)), 0);
    }
    assert_int_equal(ask(f, "victim", "192.0.2.1"), 1);
    for (unsigned i = 0; i < MAX_FAILURES / 2; i++) /* and new names are still counted */
        assert_int_equal(guess_wrong(f, "next", "192.0.2.1"), 0);
    assert_int_equal(ask(f, "next", "192.0.2.1"), 1);
}

static void an_attempt_nobody_ended_stops_to_count(void **state) {
    struct fixture *f = *state;
    const struct throttle_key k = key("t", "ana", "192.0.2.1");
    while (throttle_check(f->t, &k) == 0)
        continue;
    clock_advance(&f->clock, 301 * 1000);
    assert_int_equal(ask(f, "ana", "192.0.2.1"), 0);
}

static void limits_that_cannot_work_are_refused(void **state) {
    struct fixture *f = *state;
    const struct throttle_options good = { 1, 1, 1, 0, &f->clock, &f->random };
    struct throttle *t = NULL;
    struct err err;
    assert_ok(throttle_new(&good, &t, &err));
    throttle_free(t);
    t = NULL;
    struct throttle_options bad[] = { good, good, good };
    bad[0].max_failures = 0;
    bad[1].window_s = 0;
    bad[2].max_delay_s = 0;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(throttle_new(&bad[i], &t, &err), ERR_INVALID);
    assert_null(t);
}

struct guesser {
    struct fixture *f;
    int failed;
};
static void *guess(void *arg) {
    struct guesser *g = arg;
    char user[16];
    for (int i = 0; i < 400; i++) {
        (void)snprintf(user, sizeof user, "user%d", i % 40);
        g->failed += guess_wrong(g->f, user, "192.0.2.1") == 0;
    }
    return NULL;
}

static void threads_together_get_no_more_guesses_than_one(void **state) {
    struct guesser guessers[4];
    pthread_t threads[4];
    int failed = 0;
    for (size_t i = 0; i < 4; i++) {
        guessers[i] = (struct guesser) { *state, 0 };
        assert_int_equal(pthread_create(&threads[i], NULL, guess, &guessers[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        failed += guessers[i].failed;
    }
    assert_int_equal(failed, MAX_FAILURES * 10);
}

int main(void) {
#define WITH_THROTTLE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_THROTTLE(the_delay_doubles_with_each_failure_past_the_limit),
        WITH_THROTTLE(a_pair_has_half_the_limit_and_an_address_ten_times),
        WITH_THROTTLE(guesses_in_parallel_do_not_slip_through),
        WITH_THROTTLE(success_clears_user_and_pair_but_not_the_address),
        WITH_THROTTLE(an_attempt_without_verdict_counts_for_nothing),
        WITH_THROTTLE(failures_age_out_of_the_window),
        WITH_THROTTLE(a_slow_trickle_of_mistakes_never_blocks_an_address),
        WITH_THROTTLE(names_and_addresses_count_in_every_spelling),
        WITH_THROTTLE(a_flood_of_other_names_does_not_wash_failures_away),
        WITH_THROTTLE(an_attempt_nobody_ended_stops_to_count),
        WITH_THROTTLE(limits_that_cannot_work_are_refused),
        WITH_THROTTLE(threads_together_get_no_more_guesses_than_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
