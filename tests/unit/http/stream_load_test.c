/* Many streams, many threads, and a stop in the middle. */
#include "unit/http/stage.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WATCHERS = 200, WAKES = 1000, WAKERS = 4, BODY_MAX = 1 << 16 };

static int set_up(void **state, bool tls) {
    struct stage *s = malloc(sizeof *s);
    assert_non_null(s);
    stage_init(s, tls);
    *state = s;
    return 0;
}
static int set_up_plain(void **state) { return set_up(state, false); }
static int set_up_tls(void **state) { return set_up(state, true); }

static int tear_down(void **state) {
    stage_done(*state);
    free(*state);
    return 0;
}

/* ---- wakes ---- */

static void *wake_often(void *arg) {
    for (int i = 0; i < WAKES / WAKERS; i++) {
        stage_wake_all(arg);
        if (i % 5 == 0)
            (void)usleep((unsigned)(i % 7) * 300); /* now and then all of them are waiting again */
    }
    return NULL;
}

struct asking {
    struct stage *stage;
    atomic_bool ends;
    unsigned answered;
};

static void *ask_often(void *arg) {
    struct asking *asking = arg;
    struct peer p;
    peer_open(&p, asking->stage);
    while (!atomic_load(&asking->ends)) {
        char body[4096];
        struct answer a;
        peer_get(&p, asking->answered % 2 ? "work/echo" : "hello");
        peer_head(&p, &a);
        assert_int_equal(a.status, 200);
        struct err err;
        uint64_t len = 0;
        assert_ok(parse_u64(str_of(answer_header(&a, "Content-Length")), 1, sizeof body, &len, &err));
        for (size_t got = 0; got < len;)
            got += peer_read(&p, body + got, (size_t)len - got);
        asking->answered++;
    }
    peer_close(&p);
    return NULL;
}

static int count_plus(const char *text, size_t len) {
    int n = 0;
    for (size_t i = 0; i < len; i++)
        n += text[i] == '+';
    return n;
}

/* Reads what each was sent until each has as many as there were wakes. */
static void read_all_wakes(struct peer *peers) {
    struct pollfd p[WATCHERS];
    int got[WATCHERS] = { 0 }, left = WATCHERS;
    char *buffer = malloc(BODY_MAX);
    assert_non_null(buffer);
    for (size_t i = 0; i < WATCHERS; i++)
        p[i] = (struct pollfd) { .fd = peers[i].fd, .events = POLLIN };
    while (left > 0) {
        if (poll(p, WATCHERS, 60000) <= 0)
            fail_msg("%d of %d wait for a wake that was lost", left, WATCHERS);
        for (size_t i = 0; i < WATCHERS; i++) {
            if (p[i].revents == 0)
                continue;
            size_t n = peer_read(&peers[i], buffer, BODY_MAX);
            assert_true(n > 0);
            got[i] += count_plus(buffer, n);
            assert_in_range(got[i], 0, WAKES);
            if (got[i] == WAKES) {
                left--;
                p[i].fd = -1;
            }
        }
    }
    free(buffer);
}

static void no_wake_of_any_watcher_is_lost(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct peer *peers = calloc(WATCHERS, sizeof *peers);
    assert_non_null(peers);
    for (size_t i = 0; i < WATCHERS; i++) {
        struct answer a;
        peer_open(&peers[i], s);
        peer_get(&peers[i], i % 2 ? "loop/p" : "work-stream/p");
        peer_head(&peers[i], &a);
    }
    stage_wait_for(s, STAGE_WAITS, WATCHERS);
    struct asking asking = { .stage = s };
    pthread_t wakers[WAKERS], asker;
    assert_int_equal(pthread_create(&asker, NULL, ask_often, &asking), 0);
    for (size_t i = 0; i < WAKERS; i++)
        assert_int_equal(pthread_create(&wakers[i], NULL, wake_often, s), 0);
    read_all_wakes(peers);
    for (size_t i = 0; i < WAKERS; i++)
        (void)pthread_join(wakers[i], NULL);
    atomic_store(&asking.ends, true);
    (void)pthread_join(asker, NULL);
    assert_in_range(asking.answered, 1, INT32_MAX);
    for (size_t i = 0; i < WATCHERS; i++)
        peer_close(&peers[i]);
    stage_wait_for(s, STAGE_CLOSED, WATCHERS);
    free(peers);
}

/* ---- stops ---- */

struct stopping {
    struct stage *stage;
    int64_t drain_ms;
    pthread_t thread;
};

static void *stop(void *arg) {
    const struct stopping *s = arg;
    http_server_stop(s->stage->live.server, s->drain_ms);
    return NULL;
}

static void begin_stop(struct stopping *stopping, struct stage *s, int64_t drain_ms) {
    *stopping = (struct stopping) { .stage = s, .drain_ms = drain_ms };
    assert_int_equal(pthread_create(&stopping->thread, NULL, stop, stopping), 0);
}

static void a_stop_ends_waiting_streams_properly(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct peer p[10];
    struct answer a;
    char body[8];
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        peer_open(&p[i], s);
        peer_get(&p[i], i % 2 ? "loop/1w2" : "work-stream/1f1w2");
        peer_head(&p[i], &a);
    }
    stage_wait_for(s, STAGE_WAITS, ARRAY_LEN(p));
    struct stopping stopping;
    begin_stop(&stopping, s, 600000); /* nobody waits for that long */
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        assert_int_equal(peer_body(&p[i], body, sizeof body), CHUNK_LAST);
        assert_string_equal(body, i % 2 ? "1" : "11");
    }
    (void)pthread_join(stopping.thread, NULL);
    assert_int_equal(stage_get(s, STAGE_CLOSED), ARRAY_LEN(p));
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        assert_int_equal(peer_read(&p[i], body, 1), 0);
        peer_close(&p[i]);
    }
    char *text = live_log(&s->live);
    assert_non_null(strstr(text, "end=stopped"));
    free(text);
}

static void a_stop_lets_a_stream_say_what_it_has_to_say(void **state) {
    struct stage *s = *state;
    stage_gate(s, false);
    stage_start(s);
    struct peer p;
    struct answer a;
    peer_open(&p, s);
    peer_get(&p, "loop/1f2f3");
    peer_head(&p, &a);
    stage_wait_for(s, STAGE_AT_GATE, 1);
    struct stopping stopping;
    begin_stop(&stopping, s, 600000);
    (void)usleep(20000); /* the stop has begun, most likely; the test holds anyway */
    stage_gate(s, true);
    char body[8];
    assert_int_equal(peer_body(&p, body, sizeof body), CHUNK_LAST);
    assert_string_equal(body, "123");
    (void)pthread_join(stopping.thread, NULL);
    peer_close(&p);
}

static void a_stop_cuts_what_does_not_end(void **state) {
    struct stage *s = *state;
    s->live.options.work = (struct http_pool_options) { .threads = 1, .queue = 2 };
    stage_gate(s, false);
    stage_start(s);
    static const char *const paths[] = { "loop/n", "loop/1f2", "loop/1f2", "loop/1f2", "loop/1f2", "loop/n" };
    struct peer p[ARRAY_LEN(paths)];
    struct answer a;
    char body[8];
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        peer_open(&p[i], s);
        peer_get(&p[i], paths[i]);
        peer_head(&p[i], &a);
    }
    stage_wait_for(s, STAGE_AT_GATE, 1);
    struct stopping stopping;
    begin_stop(&stopping, s, 50);
    for (size_t i = 1; i < ARRAY_LEN(p) - 1; i++) { /* the fill still runs */
        assert_int_equal(peer_body(&p[i], body, sizeof body), CHUNK_CUT);
        assert_string_equal(body, "1");
    }
    assert_int_equal(stage_get(s, STAGE_FILLINGS), 1);
    stage_gate(s, true); /* only now can the worker end, and the stop with it */
    (void)pthread_join(stopping.thread, NULL);
    assert_int_equal(stage_get(s, STAGE_CLOSED), ARRAY_LEN(p));
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        peer_close(&p[i]);
}

static void *wake_until_all_are_closed(void *arg) {
    struct stage *s = arg;
    while (stage_get(s, STAGE_OPENED) == 0 || stage_get(s, STAGE_CLOSED) < stage_get(s, STAGE_OPENED))
        stage_wake_all(s);
    return NULL;
}

static void open_all_kinds(struct stage *s, struct peer *peers, size_t len) {
    static const char *const paths[] = { "loop/p",           "work-stream/p",        "loop/n",
                                         "work-stream/f1fw", "login-stream/fffffww", "woken/wp",
                                         "loop/1f2f3x",      "regret/again/1w" };
    for (size_t i = 0; i < len; i++) {
        peer_open(&peers[i], s);
        peer_get(&peers[i], paths[i % ARRAY_LEN(paths)]);
    }
}

static void streams_meet_a_stop_at_any_moment(void **state) {
    bool tls = ((struct stage *)*state)->tls;
    for (int round = 0; round < 12; round++) {
        struct stage s;
        stage_init(&s, tls);
        stage_start(&s);
        struct peer p[32];
        pthread_t wakers[2];
        open_all_kinds(&s, p, ARRAY_LEN(p));
        stage_wait_for(&s, STAGE_OPENED, round % 3 ? 8 : 1);
        for (size_t i = 0; i < ARRAY_LEN(wakers); i++)
            assert_int_equal(pthread_create(&wakers[i], NULL, wake_until_all_are_closed, &s), 0);
        (void)usleep((unsigned)round * 500);
        struct stopping stopping;
        begin_stop(&stopping, &s, round % 2 ? 30 : 0);
        if (round % 4 == 0)
            for (size_t i = 0; i < ARRAY_LEN(p); i += 3)
                (void)shutdown(p[i].fd, SHUT_RDWR);
        (void)pthread_join(stopping.thread, NULL);
        for (size_t i = 0; i < ARRAY_LEN(wakers); i++)
            (void)pthread_join(wakers[i], NULL);
        char some[1024];
        for (size_t i = 0; i < ARRAY_LEN(p); i++) {
            while (peer_read(&p[i], some, sizeof some) > 0)
                continue;
            peer_close(&p[i]);
        }
        stage_done(&s);
    }
}

/* ---- comings and goings ---- */

static void clients_come_and_go_while_all_are_woken(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct asking asking = { .stage = s };
    pthread_t wakers[2], asker;
    assert_int_equal(pthread_create(&asker, NULL, ask_often, &asking), 0);
    struct peer keeper;
    peer_open(&keeper, s);
    peer_get(&keeper, "loop/p"); /* so that there is always one to wake */
    stage_wait_for(s, STAGE_OPENED, 1);
    for (size_t i = 0; i < ARRAY_LEN(wakers); i++)
        assert_int_equal(pthread_create(&wakers[i], NULL, wake_until_all_are_closed, s), 0);
    char some[512];
    for (int round = 0; round < 20; round++) {
        struct peer p[16];
        open_all_kinds(s, p, ARRAY_LEN(p));
        for (size_t i = 0; i < ARRAY_LEN(p); i++) {
            if ((i + (size_t)round) % 3 == 0)
                (void)peer_read(&p[i], some, sizeof some);
            peer_close(&p[i]);
        }
    }
    atomic_store(&asking.ends, true);
    (void)pthread_join(asker, NULL);
    peer_close(&keeper);
    for (size_t i = 0; i < ARRAY_LEN(wakers); i++)
        (void)pthread_join(wakers[i], NULL);
}

#define BOTH(test)                                                                                           \
    { #test, test, set_up_plain, tear_down, NULL }, { #test "_with_tls", test, set_up_tls, tear_down, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(no_wake_of_any_watcher_is_lost),
        BOTH(a_stop_ends_waiting_streams_properly),
        BOTH(a_stop_lets_a_stream_say_what_it_has_to_say),
        BOTH(a_stop_cuts_what_does_not_end),
        BOTH(streams_meet_a_stop_at_any_moment),
        BOTH(clients_come_and_go_while_all_are_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
