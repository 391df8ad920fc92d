/* Whoever changed a tenant or client waits until the server works with it. */
#include "unit/test.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "server/settle.h"

enum { FOREVER = 600000 };

static struct settle *s;

static int setup(void **state) {
    struct err err;
    (void)state;
    assert_ok(settle_new(FOREVER, &s, &err));
    return 0;
}
static int teardown(void **state) {
    (void)state;
    settle_free(s);
    return 0;
}

static bool is_readable(void) {
    struct pollfd p = { .fd = settle_fd(s), .events = POLLIN };
    return poll(&p, 1, 0) == 1;
}

static void nobody_waits_for_what_nobody_wants(void **state) {
    (void)state;
    assert_false(is_readable());
    assert_int_equal(settle_take(s), 0);
    settle_wait(s, 1);
    settle_wait(s, INT64_MAX);
}

static void a_wish_is_taken_once_and_the_newest_counts(void **state) {
    (void)state;
    settle_want(s, 5);
    settle_want(s, 9);
    settle_want(s, 7);
    assert_true(is_readable());
    assert_int_equal(settle_take(s), 9);
    assert_false(is_readable());
    assert_int_equal(settle_take(s), 0);
    settle_want(s, 9); /* known already: the owner is woken for nothing */
    assert_int_equal(settle_take(s), 0);
    settle_want(s, 10);
    assert_int_equal(settle_take(s), 10);
}

static void what_is_built_is_not_waited_for(void **state) {
    (void)state;
    settle_want(s, 5);
    settle_done(s, settle_take(s));
    settle_wait(s, 5);
    settle_wait(s, 8); /* of something that needs no snapshot */
    settle_want(s, 9);
    settle_wait(s, 5); /* later wishes are others' */
    settle_done(s, 3); /* late news changes nothing */
    settle_wait(s, 5);
    settle_done(s, 9);
    settle_wait(s, 9);
}

static void a_wait_ends_when_it_is_too_long(void **state) {
    struct settle *impatient = NULL;
    struct err err;
    static const int64_t limits[] = { 0, 1, 20, 1001 };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        assert_ok(settle_new(limits[i], &impatient, &err));
        settle_want(impatient, 5);
        settle_wait(impatient, 5);
        settle_done(impatient, 4);
        settle_wait(impatient, 5);
        settle_free(impatient);
    }
    settle_free(NULL);
}

/* ---- many ---- */

enum { WRITERS = 8, WRITES = 200 };

static _Atomic int64_t revision, built;
static _Atomic bool stop;

static void *build(void *arg) {
    (void)arg;
    while (!atomic_load(&stop)) {
        struct pollfd p = { .fd = settle_fd(s), .events = POLLIN };
        (void)poll(&p, 1, 100);
        int64_t until = settle_take(s);
        if (until == 0)
            continue;
        /* What is wanted up to here is built now; written before it is told. */
        int64_t before = atomic_load(&built);
        if (until > before)
            atomic_store(&built, until);
        settle_done(s, until);
    }
    return NULL;
}

static void *write_often(void *arg) {
    (void)arg;
    for (int i = 0; i < WRITES; i++) {
        int64_t mine = atomic_fetch_add(&revision, 1) + 1;
        settle_want(s, mine);
        settle_wait(s, mine);
        if (atomic_load(&built) < mine)
            return (void *)(uintptr_t)1;
    }
    return NULL;
}

static void nobody_goes_on_before_their_own_change_is_built(void **state) {
    pthread_t builder, writers[WRITERS];
    (void)state;
    atomic_store(&stop, false);
    assert_int_equal(pthread_create(&builder, NULL, build, NULL), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, write_often, NULL), 0);
    for (size_t i = 0; i < WRITERS; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(writers[i], &failed), 0);
        assert_null(failed);
    }
    atomic_store(&stop, true);
    settle_want(s, INT64_MAX);
    assert_int_equal(pthread_join(builder, NULL), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(nobody_waits_for_what_nobody_wants),
        test(a_wish_is_taken_once_and_the_newest_counts),
        test(what_is_built_is_not_waited_for),
        test(a_wait_ends_when_it_is_too_long),
        test(nobody_goes_on_before_their_own_change_is_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
