#include "unit/http/live.h"

#include <unistd.h>

#define HOST "Host: h\r\nUser-Agent: me\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

static void a_full_queue_answers_503_at_once(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    live_start(&l, NULL);
    int fds[5]; /* one at the gate, two waiting: two too many */
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = client_open(&l);
        client_sends(fds[i], GET("/login/wait"));
        live_wait_for(&l, 1);
    }
    size_t refused = 0;
    bool answered[ARRAY_LEN(fds)] = { false };
    while (refused < 2)
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
            struct answer a;
            if (answered[i] || !client_is_ready(fds[i], 5))
                continue;
            client_read(fds[i], &a);
            assert_int_equal(a.status, 503);
            assert_string_equal(answer_header(&a, "Retry-After"), "2");
            answered[i] = true;
            refused++;
        }
    /* The other pool and the loop do not notice. */
    struct answer a;
    client_call(&l, GET("/work/echo"), &a);
    assert_int_equal(a.status, 200);
    client_call(&l, GET("/hello"), &a);
    assert_int_equal(a.status, 200);
    live_open_gate(&l);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (!answered[i]) {
            client_read(fds[i], &a);
            assert_int_equal(a.status, 200);
        }
        (void)close(fds[i]);
    }
    assert_int_equal(live_counter(&l, "http_queue_full_total", ""), 2);
    live_stop(&l);
}

static void wait_for_answer(struct live *l, int fd, struct answer *a) {
    while (!client_is_ready(fd, 20))
        clock_advance(&l->clock, 1000);
    client_read(fd, a);
}

static void a_handler_that_takes_too_long_is_given_up_and_runs_on(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    live_start(&l, NULL);
    int fd = client_open(&l);
    struct answer a;
    client_sends(fd, GET("/work/wait"));
    live_wait_for(&l, 1);
    wait_for_answer(&l, fd, &a);
    assert_int_equal(a.status, 503);
    assert_string_equal(answer_header(&a, "Retry-After"), "2");
    assert_non_null(strstr(a.body, "rendered timeout 503 "));
    assert_non_null(strstr(a.body, "agent=me"));
    /* The connection goes on, with other bytes where the worker's head was, while the handler still has its own. */
    for (int i = 0; i < 3; i++) {
        client_sends(fd, "GET /work/echo?a=zzzzzzz HTTP/1.1\r\nHost: other\r\nUser-Agent: nobody\r\n\r\n");
        client_read(fd, &a);
        assert_int_equal(a.status, 200);
        assert_non_null(strstr(a.body, "agent=nobody"));
    }
    live_open_gate(&l);
    (void)close(fd);
    live_stop(&l); /* which checks that every snapshot was given back */
}

static void a_request_that_waits_too_long_never_runs(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    live_start(&l, NULL);
    int running = client_open(&l), waiting = client_open(&l);
    struct answer a;
    client_sends(running, GET("/login/wait"));
    live_wait_for(&l, 1);
    client_sends(waiting, GET("/login/wait"));
    wait_for_answer(&l, running, &a);
    assert_int_equal(a.status, 503);
    wait_for_answer(&l, waiting, &a);
    assert_int_equal(a.status, 503);
    assert_int_equal(l.waiting, 1);
    live_open_gate(&l);
    (void)close(running);
    (void)close(waiting);
    live_stop(&l);
}

static void a_client_that_leaves_does_not_disturb_its_handler(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    live_start(&l, NULL);
    int fd = client_open(&l);
    client_sends(fd, GET("/work/wait"));
    live_wait_for(&l, 1);
    (void)close(fd);
    live_open_gate(&l);
    struct answer a;
    client_call(&l, GET("/work/wait"), &a);
    assert_int_equal(a.status, 200);
    live_stop(&l);
}

/* The event loop of other modes stalls when exactly 128 events are ready. */
static void every_connection_is_answered(unsigned connections, const char *request, unsigned rounds) {
    struct live l;
    live_init(&l);
    l.options.work.queue = 4096;
    live_start(&l, NULL);
    int *fds = calloc(connections, sizeof *fds);
    assert_non_null(fds);
    for (unsigned i = 0; i < connections; i++)
        fds[i] = client_open(&l);
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < connections; i++)
            client_sends(fds[i], request);
        for (unsigned i = 0; i < connections; i++) {
            struct answer a;
            client_read(fds[i], &a);
            assert_int_equal(a.status, 200);
        }
    }
    for (unsigned i = 0; i < connections; i++)
        (void)close(fds[i]);
    free(fds);
    live_stop(&l);
}

static void any_number_of_connections_is_answered(void **state) {
    (void)state;
    static const unsigned counts[] = { 127, 128, 129, 256 };
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        every_connection_is_answered(counts[i], GET("/work/echo?a=1"), 3);
        every_connection_is_answered(counts[i], GET("/hello"), 3);
    }
}

static void a_handler_that_moves_starts_anew_on_the_other_pool(void **state) {
    (void)state;
    struct live l;
    struct answer a;
    live_init(&l);
    live_start(&l, NULL);
    for (int i = 0; i < 50; i++) {
        client_call(&l, GET("/move?a=there"), &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "there");
        assert_string_equal(answer_header(&a, "X-Second"), "yes");
        assert_string_equal(answer_header(&a, "X-First"), ""); /* what it set before is forgotten */
    }
    live_stop(&l);
}

static void a_move_to_a_full_pool_answers_503(void **state) {
    (void)state;
    struct live l;
    struct answer a;
    live_init(&l);
    live_start(&l, NULL);
    int fds[4]; /* one at the gate, two waiting, one too many: its 503 says that the queue is full now */
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = client_open(&l);
        client_sends(fds[i], GET("/login/wait"));
    }
    size_t refused = ARRAY_LEN(fds);
    for (size_t i = 0; refused == ARRAY_LEN(fds); i = (i + 1) % ARRAY_LEN(fds))
        if (client_is_ready(fds[i], 5))
            refused = i;
    client_read(fds[refused], &a);
    assert_int_equal(a.status, 503);
    client_call(&l, GET("/move?a=x"), &a);
    assert_int_equal(a.status, 503);
    live_open_gate(&l);
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        (void)close(fds[i]);
    live_stop(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_queue_answers_503_at_once),
        cmocka_unit_test(a_handler_that_takes_too_long_is_given_up_and_runs_on),
        cmocka_unit_test(a_request_that_waits_too_long_never_runs),
        cmocka_unit_test(a_client_that_leaves_does_not_disturb_its_handler),
        cmocka_unit_test(a_handler_that_moves_starts_anew_on_the_other_pool),
        cmocka_unit_test(a_move_to_a_full_pool_answers_503),
        cmocka_unit_test(any_number_of_connections_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
