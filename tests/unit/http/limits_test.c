#include "unit/http/live.h"

#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: h\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" HOST "\r\n"

enum { PATIENCE = 1500 }; /* rounds of 20 ms that a test gives the server to react */

static void run(struct live *l) { live_start(l, NULL); }

/* Sends "GET /hello" with one header of `filler` bytes. */
static unsigned status_with_header_of(struct live *l, size_t filler) {
    AUTO(strbuf_done) struct strbuf request = STRBUF(1 << 20);
    strbuf_adds(&request, "GET /hello HTTP/1.1\r\n" HOST "X: ");
    for (size_t i = 0; i < filler; i++)
        strbuf_addc(&request, 'x');
    strbuf_adds(&request, "\r\n\r\n");
    struct answer a;
    client_call(l, strbuf_c(&request), &a);
    return a.status;
}

static void a_head_over_the_limit_is_431(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    assert_int_equal(status_with_header_of(&l, 8000), 200);
    assert_int_equal(status_with_header_of(&l, 8200), 431);
    assert_int_equal(status_with_header_of(&l, 100000), 431);
    live_stop(&l);
}

static void too_many_header_lines_are_431(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    for (int lines = 99; lines <= 100; lines++) {
        AUTO(strbuf_done) struct strbuf request = STRBUF(1 << 20);
        strbuf_adds(&request, "GET /hello HTTP/1.1\r\n" HOST);
        for (int i = 0; i < lines; i++)
            strbuf_adds(&request, "X: y\r\n");
        strbuf_adds(&request, "\r\n");
        struct answer a;
        client_call(&l, strbuf_c(&request), &a);
        assert_int_equal(a.status, lines == 99 ? 200 : 431);
    }
    live_stop(&l);
}

static void a_small_unwanted_body_costs_413_but_not_the_connection(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    AUTO(strbuf_done) struct strbuf request = STRBUF(1 << 20);
    strbuf_adds(&request, "POST /raw HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n");
    for (int i = 0; i < 1001; i++)
        strbuf_addc(&request, 'x');
    int fd = client_open(&l);
    struct answer a;
    for (int i = 0; i < 3; i++) {
        client_send(fd, strbuf_str(&request));
        client_read(fd, &a);
        assert_int_equal(a.status, 413);
        client_sends(fd, GET("/hello"));
        client_read(fd, &a);
        assert_int_equal(a.status, 200);
    }
    (void)close(fd);
    client_call(&l, "GET /hello HTTP/1.1\r\n" HOST "Content-Length: 1\r\n\r\nx", &a);
    assert_int_equal(a.status, 413);
    live_stop(&l);
}

static void a_body_not_much_too_long_is_read_so_that_its_sender_sees_the_answer(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    AUTO(strbuf_done) struct strbuf request = STRBUF(1 << 20);
    strbuf_adds(&request, "POST /long HTTP/1.1\r\n" HOST "Content-Length: 399999\r\n\r\n");
    for (int i = 0; i < 399999; i++)
        strbuf_addc(&request, 'x');
    int fd = client_open(&l);
    struct answer a;
    client_send(fd, strbuf_str(&request));
    client_read(fd, &a);
    assert_int_equal(a.status, 413);
    client_sends(fd, GET("/hello"));
    client_read(fd, &a);
    assert_int_equal(a.status, 200);
    client_sends(fd, "POST /long HTTP/1.1\r\n" HOST "Content-Length: 400001\r\n\r\n");
    client_read(fd, &a);
    assert_int_equal(a.status, 413);
    assert_true(client_is_closed(fd));
    (void)close(fd);
    live_stop(&l);
}

static void a_huge_body_is_refused_before_it_is_sent(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    static const char *const heads[] = {
        "POST /raw HTTP/1.1\r\n" HOST "Content-Length: 1000000000000\r\n\r\n",
        "POST /raw HTTP/1.1\r\n" HOST "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
        "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 1000000000\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        int fd = client_open(&l);
        struct answer a;
        client_sends(fd, heads[i]);
        client_read(fd, &a);
        assert_int_equal(a.status, i < 2 ? 413 : 404);
        assert_true(client_is_closed(fd));
        (void)close(fd);
    }
    live_stop(&l);
}

static void a_wanted_body_is_asked_for(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    int fd = client_open(&l);
    struct answer a;
    client_sends(fd, "POST /raw HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n");
    char line[25];
    assert_int_equal(recv(fd, line, sizeof line, MSG_WAITALL), sizeof line);
    assert_memory_equal(line, "HTTP/1.1 100 Continue\r\n\r\n", sizeof line);
    client_sends(fd, "abc");
    client_read(fd, &a);
    assert_int_equal(a.status, 200);
    (void)close(fd);
    live_stop(&l);
}

static void chunks_over_the_limit_are_413_and_without_end_the_connection(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    static const char head[] = "POST /raw HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n";
    AUTO(strbuf_done) struct strbuf chunk = STRBUF(8192);
    strbuf_adds(&chunk, "400\r\n");
    for (int i = 0; i < 1024; i++)
        strbuf_addc(&chunk, 'x');
    strbuf_adds(&chunk, "\r\n");
    int fd = client_open(&l);
    struct answer a;
    client_sends(fd, head);
    client_send(fd, strbuf_str(&chunk));
    client_sends(fd, "0\r\n\r\n" GET("/hello"));
    client_read(fd, &a);
    assert_int_equal(a.status, 413);
    client_read(fd, &a);
    assert_int_equal(a.status, 200);
    client_sends(fd, head);
    size_t sent = 0;
    while (!client_is_ready(fd, 0) && sent < (64 << 20)) {
        client_send(fd, strbuf_str(&chunk));
        sent += chunk.len;
    }
    assert_true(client_is_closed(fd));
    (void)close(fd);
    live_stop(&l);
}

/* A byte, a second, a byte, a second: until the server has had enough. */
static void dribble_until_closed(struct live *l, int fd, const char *byte) {
    for (int round = 0; round < PATIENCE; round++) {
        client_sends(fd, byte);
        clock_advance(&l->clock, 1000);
        if (client_is_ready(fd, 20)) {
            assert_true(client_is_closed(fd));
            return;
        }
    }
    fail_msg("the slow client was never cut off");
}

static void a_client_that_dribbles_loses_its_slot(void **state) {
    (void)state;
    static const struct {
        const char *begin, *byte;
    } cases[] = {
        { "", "G" },
        { "GET /hello HTTP/1.1\r\n" HOST "X: ", "x" },
        { "POST /work/echo HTTP/1.1\r\n" HOST
          "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 50000\r\n\r\n",
          "x" },
    };
    struct live l;
    live_init(&l);
    run(&l);
    for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
        int fd = client_open(&l);
        struct answer a;
        if (i >= ARRAY_LEN(cases)) { /* and on a kept connection */
            client_sends(fd, GET("/hello"));
            client_read(fd, &a);
        }
        client_sends(fd, cases[i % ARRAY_LEN(cases)].begin);
        dribble_until_closed(&l, fd, cases[i % ARRAY_LEN(cases)].byte);
        (void)close(fd);
    }
    assert_true(live_counter(&l, "http_connections_cut_total", "") >= 4);
    live_stop(&l);
}

static void a_client_that_does_not_read_loses_its_slot(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    int fd = client_open(&l);
    client_sends(fd, GET("/big"));
    assert_true(client_is_ready(fd, 30000));
    for (int round = 0; live_counter(&l, "http_connections_cut_total", "") == 0; round++) {
        assert_true(round < PATIENCE);
        clock_advance(&l.clock, 1000000);
        (void)usleep(2000);
    }
    (void)close(fd);
    live_stop(&l);
}

static void a_kept_connection_outlives_the_request_timeout(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    run(&l);
    int kept = client_open(&l), slow = client_open(&l);
    struct answer a;
    client_sends(kept, GET("/hello"));
    client_read(kept, &a);
    for (int round = 0; round < PATIENCE && !client_is_ready(slow, 20); round++)
        clock_advance(&l.clock, 10);     /* together far below the idle timeout */
    assert_true(client_is_closed(slow)); /* so the sweeper has looked at both */
    client_sends(kept, GET("/hello"));
    client_read(kept, &a);
    assert_int_equal(a.status, 200);
    (void)close(kept);
    (void)close(slow);
    live_stop(&l);
}

static void an_idle_connection_is_closed(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    l.options.limits.idle_timeout_s = 1;
    run(&l);
    int fd = client_open(&l);
    struct answer a;
    client_sends(fd, GET("/hello"));
    client_read(fd, &a);
    assert_true(client_is_closed(fd));
    (void)close(fd);
    live_stop(&l);
}

static bool is_served(struct live *l, int fd) {
    (void)l;
    client_sends(fd, GET("/hello"));
    if (!client_is_ready(fd, 30000))
        fail_msg("neither served nor refused");
    char c;
    return recv(fd, &c, 1, MSG_PEEK) == 1;
}

static void one_address_gets_so_many_connections(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    static const char *const proxies[] = { "127.0.0.9" };
    l.options.trusted_proxies = (struct http_strings) { proxies, 1 };
    l.options.limits.connections_per_ip = 3;
    run(&l);
    int fds[3];
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = client_open(&l);
        assert_true(is_served(&l, fds[i]));
    }
    int more = client_open(&l);
    assert_false(is_served(&l, more));
    (void)close(more);
    more = client_open_from(&l, "127.0.0.2");
    assert_true(is_served(&l, more));
    (void)close(more);
    int proxied[5];
    for (size_t i = 0; i < ARRAY_LEN(proxied); i++) {
        proxied[i] = client_open_from(&l, "127.0.0.9");
        assert_true(is_served(&l, proxied[i]));
    }
    for (size_t i = 0; i < ARRAY_LEN(proxied); i++)
        (void)close(proxied[i]);
    (void)close(fds[0]);
    for (bool served = false; !served;) { /* until the server has noticed the close */
        more = client_open(&l);
        served = is_served(&l, more);
        (void)close(more);
    }
    (void)close(fds[1]);
    (void)close(fds[2]);
    assert_true(live_counter(&l, "http_connections_refused_total", "") >= 1);
    live_stop(&l);
}

static void connections_over_the_limit_wait_for_a_slot(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    l.options.threads = 1;
    l.options.limits.connections = 2;
    run(&l);
    int first = client_open(&l), second = client_open(&l);
    assert_true(is_served(&l, first));
    assert_true(is_served(&l, second));
    int third = client_open(&l);
    client_sends(third, GET("/hello"));
    assert_false(client_is_ready(third, 0));
    (void)close(first);
    struct answer a;
    client_read(third, &a);
    assert_int_equal(a.status, 200);
    (void)close(second);
    (void)close(third);
    live_stop(&l);
}

static void bad_options_are_refused(void **state) {
    (void)state;
    struct live l;
    live_init(&l);
    struct err err;
    struct http_server *s = NULL;
    l.options.address = "localhost.example";
    assert_int_equal(http_server_new(&l.options, NULL, &s, &err), ERR_INVALID);
    l.options.address = "192.0.2.1"; /* nobody's */
    assert_int_equal(http_server_new(&l.options, NULL, &s, &err), ERR_UNAVAILABLE);
    l.options.address = "127.0.0.1";
    static const char *const proxies[] = { "10.0.0.1/8" };
    l.options.trusted_proxies = (struct http_strings) { proxies, 1 };
    assert_int_equal(http_server_new(&l.options, NULL, &s, &err), ERR_INVALID);
    l.options.trusted_proxies.len = 0;
    l.options.tls = true;
    assert_int_equal(http_server_new(&l.options, NULL, &s, &err), ERR_INVALID);
    l.options.tls_min_version = "1.0";
    assert_int_equal(http_server_new(&l.options, NULL, &s, &err), ERR_INVALID);
    assert_null(s);
    live_stop(&l);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_over_the_limit_is_431),
        cmocka_unit_test(too_many_header_lines_are_431),
        cmocka_unit_test(a_small_unwanted_body_costs_413_but_not_the_connection),
        cmocka_unit_test(a_body_not_much_too_long_is_read_so_that_its_sender_sees_the_answer),
        cmocka_unit_test(a_huge_body_is_refused_before_it_is_sent),
        cmocka_unit_test(a_wanted_body_is_asked_for),
        cmocka_unit_test(chunks_over_the_limit_are_413_and_without_end_the_connection),
        cmocka_unit_test(a_client_that_dribbles_loses_its_slot),
        cmocka_unit_test(a_client_that_does_not_read_loses_its_slot),
        cmocka_unit_test(a_kept_connection_outlives_the_request_timeout),
        cmocka_unit_test(an_idle_connection_is_closed),
        cmocka_unit_test(one_address_gets_so_many_connections),
        cmocka_unit_test(connections_over_the_limit_wait_for_a_slot),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
