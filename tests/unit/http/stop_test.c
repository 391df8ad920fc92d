#include "unit/http/live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: h\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

struct stopping {
    struct live *live;
    int64_t drain_ms;
    pthread_t thread;
};

static void *stop(void *arg) {
    const struct stopping *s = arg;
    http_server_stop(s->live->server, s->drain_ms);
    return NULL;
}

static void begin_stop(struct stopping *s, struct live *l, int64_t drain_ms) {
    s->live = l;
    s->drain_ms = drain_ms;
    assert_int_equal(pthread_create(&s->thread, NULL, stop, s), 0);
}

static bool is_listening(unsigned port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bool connected = connect(fd, (struct sockaddr *)&to, sizeof to) == 0;
    (void)close(fd);
    return connected;
}

static void running_requests_are_answered_before_the_end(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    live_start(&l, NULL);
    int fd = client_open(&l), idle = client_open(&l);
    struct answer a;
    client_sends(idle, GET("/hello"));
    client_read(idle, &a);
    client_sends(fd, GET("/work/wait"));
    live_wait_for(&l, 1);
    struct stopping s;
    begin_stop(&s, &l, 600000);
    while (is_listening(http_server_port(l.server)))
        continue; /* the stop has begun */
    live_open_gate(&l);
    client_read(fd, &a);
    assert_int_equal(a.status, 200);
    assert_string_equal(answer_header(&a, "Connection"), "close");
    (void)pthread_join(s.thread, NULL);
    assert_true(client_is_closed(fd));
    assert_true(client_is_closed(idle));
    (void)close(fd);
    (void)close(idle);
    live_stop(&l);
}

static void a_stop_does_not_wait_for_stuck_requests(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    live_start(&l, NULL);
    int running = client_open(&l), waiting = client_open(&l), half = client_open(&l);
    client_sends(running, GET("/login/wait"));
    live_wait_for(&l, 1);
    client_sends(waiting, GET("/login/wait"));
    client_sends(half, "POST /raw HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc");
    struct stopping s;
    begin_stop(&s, &l, 0);
    for (int i = 0; i < 3; i++) { /* each gets a 503 or nothing, and its end, while the handler still runs */
        int fd = i == 0 ? running : i == 1 ? waiting : half;
        while (!client_is_closed(fd))
            continue;
        (void)close(fd);
    }
    live_open_gate(&l); /* only now can the worker end, and the stop with it */
    (void)pthread_join(s.thread, NULL);
    live_stop(&l);
}

static void requests_meet_a_stop_at_any_moment(void **state) {
    (void)state;
    for (int round = 0; round < 10; round++) {
        struct live l;
        live_init(&l);
        live_open_gate(&l);
        live_start(&l, NULL);
        int fds[32];
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
            fds[i] = client_open(&l);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
            client_sends(fds[i],
                         i % 2 ? GET("/work/wait") GET("/work/echo") : GET("/login/wait") GET("/hello"));
        struct stopping s;
        begin_stop(&s, &l, round % 2 ? 50 : 0);
        (void)pthread_join(s.thread, NULL);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
            while (!client_is_closed(fds[i]))
                continue;
            (void)close(fds[i]);
        }
        live_stop(&l);
    }
}

static void a_server_that_never_started_can_be_freed(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    struct err err;
    assert_ok(http_server_new(&l.options, NULL, &l.server, &err));
    assert_true(is_listening(http_server_port(l.server))); /* bound, so that the port is known */
    live_stop(&l);
    http_server_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(running_requests_are_answered_before_the_end),
        cmocka_unit_test(a_stop_does_not_wait_for_stuck_requests),
        cmocka_unit_test(requests_meet_a_stop_at_any_moment),
        cmocka_unit_test(a_server_that_never_started_can_be_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
