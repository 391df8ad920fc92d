/* Kill -9 at random moments: whatever was acknowledged before is there afterwards, and no code works twice. */
#include "conformance/store/env.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 20, THREADS = 4, PER_ROUND = 100000, PER_THREAD = 10000 };

/* Written to the pipe after the store has acknowledged; small enough to be written whole or not at all. */
enum step { PUT, CONSUMED, ROTATED };
struct report {
    uint32_t number;
    uint32_t step;
    uint32_t generation; /* ROTATED: the new one */
};

struct worker {
    struct store *store;
    int fd;
    uint32_t first;
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

static _Noreturn void child_main(const char *path, int fd, uint32_t first) {
    struct err err = { 0 };
    struct store *s = NULL;
    struct store_options options = { .type = "sqlite", .path = path };
    if (store_open(&options, &s, &err) != ERR_OK)
        _exit(2);
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    for (uint32_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker) { s, fd, first + i * PER_THREAD };
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0)
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

static void run_and_kill(const char *path, uint32_t first, size_t kill_after, struct told *ret) {
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        child_main(path, fds[1], first);
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

static void nothing_acknowledged_is_lost_and_nothing_works_twice(void **state) {
    (void)state;
    struct env *e = env_new("sqlite");
    struct random random;
    random_fixed_init(&random, 20260102);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct told t = { .len = 0 };
        uint32_t draw = 0;
        random_bytes(&random, &draw, sizeof draw);
        store_close(e->store); /* no thread may run while forking */
        e->store = NULL;
        run_and_kill(e->path, round * PER_ROUND, 1 + draw % 150, &t);
        struct store_options options = { .type = "sqlite", .path = e->path, .clock = &e->clock };
        struct err err = { 0 };
        assert_ok(store_open(&options, &e->store, &err));
        check_all(e, &t);
        free(t.reports);
    }
    env_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_acknowledged_is_lost_and_nothing_works_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
