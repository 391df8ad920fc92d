/* Readers decide while a writer flips the policy: no answer may mix two versions. */
#include <pthread.h>
#include <stdatomic.h>

#include "unit/enforcer/helper.h"

enum { READERS = 3, FLIPS = 400 };

struct shared {
    struct enforcer *e;
    _Atomic bool stop;
    _Atomic unsigned long decisions, mixed, backwards;
};

/* Exactly one of the two policies is in force: "day" lets ann read and not write, "night" the reverse. */
static void *read_all(void *arg) {
    struct shared *x = arg;
    uint64_t seen = 0;
    while (!atomic_load(&x->stop)) {
        const struct enforcer_snapshot *s = enforcer_acquire(x->e);
        enum enforcer_outcome outcome[4];
        static const char *const acts[4] = { "read", "write", "read", "write" };
        uint64_t revision = enforcer_revision(s);
        for (int i = 0; i < 4; i++) {
            struct enforcer_tke_request r = {
                .sub = S("ann"), .dom = S("prj"), .obj = S("o"), .act = enforcer_cstr(acts[i])
            };
            struct enforcer_result result;
            if (enforcer_enforce_tke(s, &r, &result, NULL) != ENFORCER_OK)
                atomic_fetch_add(&x->mixed, 1);
            outcome[i] = result.outcome;
        }
        bool day = outcome[0] == ENFORCER_ALLOW && outcome[1] == ENFORCER_DENY;
        bool night = outcome[0] == ENFORCER_DENY && outcome[1] == ENFORCER_ALLOW;
        if (day == night || outcome[0] != outcome[2] || outcome[1] != outcome[3] ||
            day != (revision % 2 == 1))
            atomic_fetch_add(&x->mixed, 1);
        if (revision < seen)
            atomic_fetch_add(&x->backwards, 1);
        seen = revision;
        atomic_fetch_add(&x->decisions, 4);
        enforcer_release(x->e, s);
    }
    return NULL;
}

static const char *const versions[2] = {
    "p, pol, *, *, read, allow\np, pol, *, *, write, deny\ng, ann, team, *\ng, team, pol, *\n",
    "p, pol, *, *, write, allow\np, pol, *, *, read, deny\ng, ann, crew, prj\ng, crew, pol, prj\n",
};

static void flip(struct enforcer *e, int n) {
    struct enforcer_error err = { 0 };
    if (n % 2) { /* as a whole */
        CHECK(enforcer_load_csv(e, versions[n % 2], strlen(versions[n % 2]), NULL, &err));
        return;
    }
    struct enforcer_batch *b = NULL; /* as a change */
    CHECK(enforcer_batch_begin(e, &b, &err));
    CHECK(enforcer_batch_delete_user(b, S("pol"), NULL, &err));
    CHECK(enforcer_batch_delete_role(b, S("pol"), NULL, &err));
    CHECK(enforcer_batch_delete_role(b, S("crew"), NULL, &err));
    CHECK(enforcer_batch_csv(b, versions[0], strlen(versions[0]), &err));
    CHECK(enforcer_batch_commit(b, NULL, &err));
}

static void no_answer_mixes_two_versions(void **state) {
    (void)state;
    struct shared x = { .e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE) };
    pthread_t threads[READERS];
    load(x.e, versions[0]); /* revision 1: day */
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &x), 0);
    for (int n = 1; n <= FLIPS; n++) {
        flip(x.e, n);
        while (atomic_load(&x.decisions) < (unsigned long)n * 8) /* readers get their turn between flips */
            (void)sched_yield();
    }
    atomic_store(&x.stop, true);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(atomic_load(&x.mixed), 0);
    assert_int_equal(atomic_load(&x.backwards), 0);
    enforcer_collect(x.e);
    struct enforcer_stats stats;
    const struct enforcer_snapshot *s = enforcer_acquire(x.e);
    enforcer_stats(x.e, s, &stats);
    assert_int_equal(stats.snapshots, 1);
    assert_int_equal(enforcer_revision(s), FLIPS + 1);
    enforcer_release(x.e, s);
    enforcer_free(x.e);
}

static void *write_some(void *arg) {
    struct shared *x = arg;
    unsigned long me = atomic_fetch_add(&x->decisions, 1);
    for (int i = 0; i < 100; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "user%lu-%d", me, i);
        struct enforcer_str link[3] = { enforcer_cstr(name), S("pol"), S("*") };
        if (enforcer_add(x->e, "g", link, 3, NULL, NULL) != ENFORCER_OK)
            atomic_fetch_add(&x->mixed, 1);
    }
    return NULL;
}

static void writers_take_turns(void **state) {
    (void)state;
    struct shared x = { .e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE) };
    pthread_t threads[READERS];
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_some, &x), 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct enforcer_stats stats;
    const struct enforcer_snapshot *s = enforcer_acquire(x.e);
    enforcer_stats(x.e, s, &stats);
    assert_int_equal(stats.grouping_rules, READERS * 100);
    assert_int_equal(enforcer_revision(s), READERS * 100);
    assert_int_equal(atomic_load(&x.mixed), 0);
    enforcer_release(x.e, s);
    enforcer_free(x.e);
}

static void held_snapshots_have_a_limit_that_is_reported(void **state) {
    (void)state;
    struct enforcer_error err = { 0 };
    struct enforcer *e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE);
    const struct enforcer_snapshot *held[1100];
    int n = 0;
    enum enforcer_status rc = ENFORCER_OK;
    while (rc == ENFORCER_OK && n < 1100) {
        char name[32];
        (void)snprintf(name, sizeof name, "u%d", n);
        struct enforcer_str link[3] = { enforcer_cstr(name), S("pol"), S("*") };
        held[n++] = enforcer_acquire(e);
        rc = enforcer_add(e, "g", link, 3, NULL, &err);
    }
    assert_int_equal(rc, ENFORCER_LIMIT);
    assert_int_equal(n, 1024);
    for (int i = 0; i < n; i++)
        enforcer_release(e, held[i]);
    struct enforcer_str link[3] = { S("last"), S("pol"), S("*") };
    CHECK(enforcer_add(e, "g", link, 3, NULL, &err));
    enforcer_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_answer_mixes_two_versions),
        cmocka_unit_test(writers_take_turns),
        cmocka_unit_test(held_snapshots_have_a_limit_that_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
