#include "unit/http/stage.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define HOST "Host: h\r\n"

enum { PATIENCE = 3000, BODY_MAX = 1 << 20 }; /* rounds of 10 ms that a test gives the server to react */

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

static void open_stream(struct peer *p, struct stage *s, const char *path, struct answer *a) {
    peer_open(p, s);
    peer_get(p, path);
    peer_head(p, a);
}

static void assert_alphabet(const char *text, size_t from, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (text[i] != (char)('a' + (from + i) % 26))
            fail_msg("byte %zu is %c", from + i, text[i]);
}

/* The clock moves on by a second for each round that `done` is not reached. */
static void pass_time_until(struct stage *s, enum stage_count what, int at_least) {
    for (int i = 0; i < PATIENCE && stage_get(s, what) < at_least; i++) {
        clock_advance(&s->live.clock, 1000);
        (void)usleep(10000);
    }
    assert_in_range(stage_get(s, what), at_least, INT32_MAX);
}

/* ---- what is sent ---- */

static void each_step_has_its_bytes(void **state) {
    static const struct {
        const char *script, *want;
        enum peer_chunk end;
    } cases[] = {
        { "12e", "12", CHUNK_LAST }, { "e", "", CHUNK_LAST }, { "f1ff2f", "12", CHUNK_LAST },
        { "1x", "1", CHUNK_CUT },    { "x", "", CHUNK_CUT },  { "fx", "", CHUNK_CUT },
        { "1z2", "1", CHUNK_CUT },
    };
    static const char *const routes[] = { "loop", "work-stream", "login-stream" };
    struct stage *s = *state;
    stage_start(s);
    for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(routes); i++) {
        size_t at = i / ARRAY_LEN(routes);
        char path[64], body[64];
        (void)snprintf(path, sizeof path, "%s/%s", routes[i % ARRAY_LEN(routes)], cases[at].script);
        struct peer p;
        struct answer a;
        open_stream(&p, s, path, &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Transfer-Encoding"), "chunked");
        assert_string_equal(answer_header(&a, "Content-Length"), "");
        if (peer_body(&p, body, sizeof body) != cases[at].end || strcmp(body, cases[at].want) != 0)
            fail_msg("%s: \"%s\"", path, body);
        peer_close(&p);
        stage_wait_for(s, STAGE_CLOSED, (int)i + 1);
    }
}

static void the_head_does_not_wait_for_the_first_event(void **state) {
    struct stage *s = *state;
    stage_start(s);
    for (int i = 0; i < 2; i++) {
        struct peer p;
        struct answer a;
        char body[8];
        size_t len;
        open_stream(&p, s, i == 0 ? "loop/w1w2" : "work-stream/w1w2", &a);
        assert_int_equal(a.status, 200);
        stage_wait_for(s, STAGE_WAITS, 2 * i + 1);
        stage_wake_all(s);
        assert_int_equal(peer_chunk(&p, body, sizeof body, &len), CHUNK_DATA); /* without waiting for more */
        assert_string_equal(body, "1");
        stage_wait_for(s, STAGE_WAITS, 2 * (i + 1));
        stage_wake_all(s);
        assert_int_equal(peer_body(&p, body, sizeof body), CHUNK_LAST);
        assert_string_equal(body, "2");
        peer_close(&p);
        stage_wait_for(s, STAGE_CLOSED, i + 1);
    }
}

static void a_wake_before_the_answer_counts(void **state) {
    struct stage *s = *state;
    stage_start(s);
    for (int i = 0; i < 20; i++) {
        struct peer p;
        struct answer a;
        char body[8];
        open_stream(&p, s, "woken/w1", &a);
        assert_int_equal(peer_body(&p, body, sizeof body), CHUNK_LAST);
        assert_string_equal(body, "1");
        peer_close(&p);
    }
}

static void read_is_offered_full_tls_records(void **state) {
    struct stage *s = *state;
    char *body = malloc(BODY_MAX);
    assert_non_null(body);
    /* In what this leaves of MHD's memory a piece does not fit, in the other it does. */
    s->live.options.limits.header_bytes = s->tls ? 8192 : 16384;
    stage_start(s);
    struct peer p;
    struct answer a;
    open_stream(&p, s, "loop/bb1bbw2", &a);
    size_t len, got = 0;
    while (got < 4 * s->largest_read + 1) {
        assert_int_equal(peer_chunk(&p, body + got, BODY_MAX - got, &len), CHUNK_DATA);
        got += len;
    }
    assert_int_equal(s->largest_read, 16376);
    assert_alphabet(body, 0, 2 * s->largest_read);
    assert_int_equal(body[2 * s->largest_read], '1');
    assert_alphabet(body + 2 * s->largest_read + 1, 2 * s->largest_read, 2 * s->largest_read);
    stage_wake_all(s);
    assert_int_equal(peer_body(&p, body, BODY_MAX), CHUNK_LAST);
    assert_string_equal(body, "2");
    peer_close(&p);
    free(body);
}

static void a_large_head_leaves_room_for_pieces(void **state) {
    struct stage *s = *state;
    char *body = malloc(BODY_MAX);
    assert_non_null(body);
    stage_start(s);
    AUTO(strbuf_done) struct strbuf request = STRBUF(1 << 20);
    strbuf_adds(&request, "GET /loop/bb HTTP/1.1\r\n" HOST "X: ");
    for (size_t i = 0; i < 7900; i++)
        strbuf_addc(&request, 'x');
    strbuf_adds(&request, "\r\n\r\n");
    struct peer p;
    struct answer a;
    peer_open(&p, s);
    peer_send(&p, strbuf_c(&request));
    peer_head(&p, &a);
    assert_int_equal(a.status, 200);
    assert_int_equal(peer_body(&p, body, BODY_MAX), CHUNK_LAST);
    assert_int_equal(strlen(body), 2 * 16376);
    assert_alphabet(body, 0, strlen(body));
    peer_close(&p);
    free(body);
}

static void the_connection_goes_on_after_a_stream(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct peer p;
    struct answer a;
    char body[16];
    peer_open(&p, s);
    for (int i = 0; i < 5; i++) {
        peer_get(&p, i % 2 ? "loop/1f2" : "work-stream/w1");
        if (i % 2 == 0) {
            stage_wait_for(s, STAGE_WAITS, i / 2 + 1);
            stage_wake_all(s);
        }
        peer_head(&p, &a);
        assert_int_equal(peer_body(&p, body, sizeof body), CHUNK_LAST);
        assert_string_equal(body, i % 2 ? "12" : "1");
    }
    /* One that is asked for behind a stream waits for its end. */
    peer_send(&p, "GET /loop/w1 HTTP/1.1\r\n" HOST "\r\nGET /hello HTTP/1.1\r\n" HOST "\r\n");
    stage_wait_for(s, STAGE_WAITS, 4);
    stage_wake_all(s);
    peer_head(&p, &a);
    assert_int_equal(peer_body(&p, body, sizeof body), CHUNK_LAST);
    peer_head(&p, &a);
    assert_string_equal(answer_header(&a, "Content-Length"), "5");
    assert_int_equal(peer_read(&p, body, 5), 5);
    peer_close(&p);
}

static size_t read_all(struct peer *p, char *out, size_t size) {
    size_t len = 0, n;
    while ((n = peer_read(p, out + len, size - 1 - len)) > 0)
        len += n;
    out[len] = 0;
    return len;
}

static void http_10_gets_its_stream_until_the_end_of_the_connection(void **state) {
    struct stage *s = *state;
    char *body = malloc(BODY_MAX);
    assert_non_null(body);
    stage_start(s);
    for (int i = 0; i < 3; i++) {
        struct peer p;
        struct answer a;
        peer_open(&p, s);
        peer_send(&p, i == 0   ? "GET /loop/b1fw2 HTTP/1.0\r\n\r\n"
                      : i == 1 ? "GET /work-stream/b1fw2 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
                               : "GET /loop/b1fw2x HTTP/1.0\r\n\r\n");
        peer_head(&p, &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Transfer-Encoding"), "");
        assert_string_equal(answer_header(&a, "Content-Length"), "");
        assert_string_equal(answer_header(&a, "Connection"), "close");
        stage_wait_for(s, STAGE_WAITS, i + 1);
        stage_wake_all(s);
        size_t len = read_all(&p, body, BODY_MAX);
        assert_int_equal(len, 16376 + 2);
        assert_alphabet(body, 0, 16376);
        assert_string_equal(body + 16376, "12");
        peer_close(&p);
    }
    free(body);
}

static void head_gets_the_head_alone(void **state) {
    struct stage *s = *state;
    stage_start(s);
    static const char *const requests[] = {
        "HEAD /loop/w1 HTTP/1.1\r\n" HOST "\r\n",
        "HEAD /work-stream/f1 HTTP/1.1\r\n" HOST "\r\n",
        "HEAD /loop/n HTTP/1.0\r\n\r\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
        struct peer p;
        struct answer a;
        char rest[64];
        peer_open(&p, s);
        peer_send(&p, requests[i]);
        peer_head(&p, &a);
        assert_int_equal(a.status, 200);
        assert_string_equal(answer_header(&a, "Content-Type"), "application/json");
        assert_string_equal(answer_header(&a, "Content-Length"), "");
        stage_wait_for(s, STAGE_CLOSED, (int)i + 1);
        assert_int_equal(read_all(&p, rest, sizeof rest), 0); /* no chunk, and then the end */
        peer_close(&p);
    }
    assert_int_equal(stage_get(s, STAGE_WAITS), 0);
}

static void a_handler_may_change_its_mind(void **state) {
    struct stage *s = *state;
    stage_start(s);
    static const struct {
        const char *path;
        unsigned status;
        int streams;
        const char *body; /* NULL: a stream's */
    } cases[] = {
        { "regret/error/w1", 400, 1, "400 Bad Request\n" },
        { "regret/text/w1", 200, 1, "instead" },
        { "regret/headers/w1", 500, 1, "500 Internal Server Error\n" },
        { "regret/again/1", 200, 2, NULL },
        { "regret/move/1", 200, 2, NULL },
        { "regret/created/1", 201, 1, NULL },
        { "regret/nothing/w1", 204, 1, "" },
    };
    int streams = 0;
    struct peer p;
    peer_open(&p, s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct answer a;
        char body[256] = { 0 };
        peer_get(&p, cases[i].path);
        peer_head(&p, &a);
        assert_int_equal(a.status, cases[i].status);
        if (cases[i].body == NULL) {
            assert_int_equal(peer_body(&p, body, sizeof body), CHUNK_LAST);
            assert_string_equal(body, "1");
        } else {
            struct err err;
            uint64_t len = 0;
            if (cases[i].status != 204)
                assert_ok(parse_u64(str_of(answer_header(&a, "Content-Length")), 0, 255, &len, &err));
            for (size_t got = 0; got < len;)
                got += peer_read(&p, body + got, (size_t)len - got);
            assert_memory_equal(body, cases[i].body, strlen(cases[i].body));
        }
        streams += cases[i].streams;
        assert_int_equal(stage_get(s, STAGE_OPENED), streams);
        stage_wait_for(s, STAGE_CLOSED, streams);
    }
    peer_close(&p);
}

static void an_answer_that_cannot_be_sent_closes_its_stream(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct peer p;
    char byte;
    peer_open(&p, s);
    peer_get(&p, "regret/impossible/w1");
    assert_int_equal(peer_read(&p, &byte, 1), 0);
    stage_wait_for(s, STAGE_CLOSED, 1);
    peer_close(&p);
}

static void a_stream_carries_the_headers_of_any_answer(void **state) {
    static const char *const origins[] = { "https://console.example" };
    struct stage *s = *state;
    s->live.options.cors_origins = (struct http_strings) { origins, ARRAY_LEN(origins) };
    s->live.options.hsts_host = "h";
    stage_start(s);
    struct peer p;
    struct answer a;
    peer_open(&p, s);
    peer_send(&p, "GET /loop/w1 HTTP/1.1\r\n" HOST "Origin: https://console.example\r\n\r\n");
    peer_head(&p, &a);
    assert_string_equal(answer_header(&a, "Content-Type"), "application/json");
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
    assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(answer_header(&a, "X-Frame-Options"), "DENY");
    assert_string_equal(answer_header(&a, "Access-Control-Allow-Origin"), "https://console.example");
    assert_string_equal(answer_header(&a, "Vary"), "Origin");
    assert_int_equal(strlen(answer_header(&a, "Date")), 29);
    assert_string_equal(answer_header(&a, "Strict-Transport-Security"), s->tls ? "max-age=31536000" : "");
    peer_close(&p);
}

/* ---- what it holds ---- */

static int64_t gauge(struct stage *s, const char *name) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 20);
    metrics_render(s->live.metrics, &text);
    AUTO(strbuf_done) struct strbuf wanted = STRBUF(128);
    strbuf_addf(&wanted, "\n%s ", name);
    const char *found = strstr(strbuf_c(&text), strbuf_c(&wanted));
    assert_non_null(found);
    struct str value = str_of(found + wanted.len), line;
    (void)str_next(&value, '\n', &line);
    struct err err;
    uint64_t n = 0;
    assert_ok(parse_u64(line, 0, INT64_MAX, &n, &err));
    return (int64_t)n;
}

static void a_stream_keeps_neither_request_nor_snapshot(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct peer p[6];
    struct answer a;
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        open_stream(&p[i], s, i % 2 ? "loop/wf1" : "work-stream/wf1", &a);
    stage_wait_for(s, STAGE_WAITS, ARRAY_LEN(p));
    for (int i = 0; i < PATIENCE && s->live.released < s->live.acquired; i++)
        (void)usleep(10000); /* a worker may be letting go of the exchange at this moment */
    assert_int_equal(s->live.acquired, ARRAY_LEN(p));
    assert_int_equal(s->live.released, ARRAY_LEN(p));
    assert_int_equal(gauge(s, "http_requests_in_flight"), 0);
    assert_int_equal(gauge(s, "http_streams"), ARRAY_LEN(p));
    /* It has been accounted for while it goes on. */
    assert_int_equal(live_counter(&s->live, "http_requests_total", "route=\"loop\",code=\"2xx\""), 3);
    assert_int_equal(live_counter(&s->live, "http_requests_total", "route=\"stream\",code=\"2xx\""), 3);
    char *text = live_log(&s->live);
    assert_non_null(strstr(text, "work-stream/wf1"));
    assert_null(strstr(text, "stream_end"));
    free(text);
    stage_wake_all(s);
    char body[8];
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        assert_int_equal(peer_body(&p[i], body, sizeof body), CHUNK_LAST);
        peer_close(&p[i]);
    }
    stage_wait_for(s, STAGE_CLOSED, ARRAY_LEN(p));
    assert_int_equal(gauge(s, "http_streams"), 0);
    assert_int_equal(live_counter(&s->live, "http_requests_total", "route=\"loop\",code=\"2xx\""), 3);
    text = live_log(&s->live);
    assert_non_null(strstr(text, "stream_end"));
    assert_non_null(strstr(text, "end=complete bytes=1"));
    free(text);
}

static void one_that_comes_after_its_timeout_is_closed_unread(void **state) {
    struct stage *s = *state;
    stage_gate(s, false);
    stage_start(s);
    struct peer p;
    peer_open(&p, s);
    peer_get(&p, "late/w1");
    stage_wait_for(s, STAGE_AT_GATE, 1);
    struct answer a;
    while (!client_is_ready(p.fd, 20))
        clock_advance(&s->live.clock, 1000);
    peer_head(&p, &a);
    assert_int_equal(a.status, 503);
    assert_int_equal(stage_get(s, STAGE_OPENED), 0);
    stage_gate(s, true);
    stage_wait_for(s, STAGE_CLOSED, 1);
    assert_int_equal(stage_get(s, STAGE_WAITS), 0);
    peer_close(&p);
}

/* ---- clients that go away, or do not read ---- */

static void reset(struct peer *p) {
    struct linger now = { .l_onoff = 1 };
    (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    peer_close(p);
}

static void a_client_that_hangs_up_ends_a_waiting_stream(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct peer p[3];
    struct answer a;
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        open_stream(&p[i], s, i == 1 ? "work-stream/1fw2w3" : "loop/w1w2w3", &a);
    stage_wait_for(s, STAGE_WAITS, ARRAY_LEN(p));
    peer_close(&p[0]);
    stage_wait_for(s, STAGE_CLOSED, 1);
    reset(&p[1]);
    stage_wait_for(s, STAGE_CLOSED, 2);
    /* Half-closed is gone, too, once nothing is left to send: a client that wants to watch keeps its side open. */
    char body[8] = { 0 };
    size_t len = 0;
    stage_wake_all(s);
    assert_int_equal(peer_chunk(&p[2], body, sizeof body, &len), CHUNK_DATA);
    (void)shutdown(p[2].fd, SHUT_WR);
    stage_wait_for(s, STAGE_CLOSED, 3);
    assert_int_equal(peer_body(&p[2], body, sizeof body), CHUNK_CUT);
    peer_close(&p[2]);
    char *text = live_log(&s->live);
    assert_non_null(strstr(text, "end=client"));
    free(text);
}

static void a_half_closed_client_gets_what_there_is(void **state) {
    struct stage *s = *state;
    char *body = malloc(BODY_MAX);
    assert_non_null(body);
    stage_start(s);
    struct peer p;
    struct answer a;
    open_stream(&p, s, "work-stream/bbbfbbbbfb", &a);
    (void)shutdown(p.fd, SHUT_WR);
    assert_int_equal(peer_body(&p, body, BODY_MAX), CHUNK_LAST);
    assert_int_equal(strlen(body), 8 * 16376);
    peer_close(&p);
    free(body);
}

static void a_client_may_go_while_its_stream_is_filled(void **state) {
    struct stage *s = *state;
    s->live.options.work = (struct http_pool_options) { .threads = 1, .queue = 0 };
    stage_gate(s, false);
    stage_start(s);
    struct peer p[4];
    struct answer a;
    for (size_t i = 0; i < ARRAY_LEN(p); i++) /* one at the gate, the others in the line before the pool */
        open_stream(&p[i], s, i == 0 ? "loop/fn" : "loop/fw1", &a);
    stage_wait_for(s, STAGE_AT_GATE, 1);
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        reset(&p[i]);
    assert_int_equal(stage_get(s, STAGE_CLOSED), 0);
    stage_gate(s, true);
    stage_wait_for(s, STAGE_CLOSED, ARRAY_LEN(p));
}

static void a_client_may_go_while_it_is_sent_to(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct peer p[4];
    struct answer a;
    char some[1000];
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        open_stream(&p[i], s, "loop/n", &a);
        (void)peer_read(&p[i], some, sizeof some);
        if (i % 2)
            peer_close(&p[i]);
        else
            reset(&p[i]);
    }
    stage_wait_for(s, STAGE_CLOSED, ARRAY_LEN(p));
}

static void one_that_does_not_read_is_cut_and_one_that_waits_is_not(void **state) {
    struct stage *s = *state;
    s->live.options.limits.idle_timeout_s = 50;
    stage_start(s);
    struct peer reader, watcher;
    struct answer a;
    open_stream(&watcher, s, "loop/w1", &a);
    stage_wait_for(s, STAGE_WAITS, 1);
    open_stream(&reader, s, "loop/n", &a);
    pass_time_until(s, STAGE_CLOSED, 1);
    for (int i = 0; i < 20; i++) {
        clock_advance(&s->live.clock, 600000);
        (void)usleep(10000);
    }
    assert_int_equal(live_counter(&s->live, "http_connections_cut_total", ""), 1);
    stage_wake_all(s);
    char body[8];
    assert_int_equal(peer_body(&watcher, body, sizeof body), CHUNK_LAST);
    assert_string_equal(body, "1");
    /* Its connection has the time of any that is kept. */
    peer_get(&watcher, "hello");
    peer_head(&watcher, &a);
    assert_int_equal(a.status, 200);
    peer_close(&watcher);
    peer_close(&reader);
}

static void a_slow_reader_gets_every_byte_in_order(void **state) {
    struct stage *s = *state;
    stage_start(s);
    struct peer p;
    struct answer a;
    int small = 32768;
    peer_open(&p, s);
    (void)setsockopt(p.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    peer_get(&p, "loop/n");
    peer_head(&p, &a);
    char *chunk = malloc(BODY_MAX);
    assert_non_null(chunk);
    size_t total = 0, len = 0;
    while (total < 1 << 20) {
        clock_advance(&s->live.clock, 1000); /* never as long as the idle timeout without a chunk */
        stage_wake_all(s);
        assert_int_equal(peer_chunk(&p, chunk, BODY_MAX, &len), CHUNK_DATA);
        assert_alphabet(chunk, total, len);
        total += len;
        if (total % 3 == 0)
            (void)usleep(2000);
    }
    free(chunk);
    peer_close(&p);
    stage_wait_for(s, STAGE_CLOSED, 1);
}

/* ---- filling ---- */

static void a_full_pool_delays_fills_and_fails_none(void **state) {
    struct stage *s = *state;
    s->live.options.work = (struct http_pool_options) { .threads = 1, .queue = 0 };
    /* The sweeper, who tries again what the pools had no room for, comes once a second then: one by one, for this test it would take
     * longer than a test may. */
    s->live.options.limits.request_timeout_s = s->live.options.limits.response_timeout_s = 600;
    s->fill_us = 1000;
    stage_gate(s, false);
    stage_start(s);
    struct peer p[150];
    struct answer a;
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        open_stream(&p[i], s, i % 10 ? "loop/1f2" : "loop/1f2fff3", &a);
    stage_wait_for(s, STAGE_AT_GATE, 1);
    stage_gate(s, true);
    char body[8];
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        assert_int_equal(peer_body(&p[i], body, sizeof body), CHUNK_LAST);
        assert_string_equal(body, i % 10 ? "12" : "123");
        peer_close(&p[i]);
    }
    assert_int_equal(stage_get(s, STAGE_FILLS), 150 + 3 * 15);
}

static void fills_leave_half_of_the_queue_to_requests(void **state) {
    struct stage *s = *state;
    s->live.options.work = (struct http_pool_options) { .threads = 1, .queue = 4 };
    stage_gate(s, false);
    stage_start(s);
    struct peer p[10], asking[2];
    struct answer a;
    for (size_t i = 0; i < ARRAY_LEN(p); i++)
        open_stream(&p[i], s, "loop/f1", &a);
    stage_wait_for(s, STAGE_AT_GATE, 1);
    for (size_t i = 0; i < ARRAY_LEN(asking); i++) {
        peer_open(&asking[i], s);
        peer_get(&asking[i], "work/echo");
    }
    /* They are in the queue, not refused: 503 would have come at once, before what is asked for afterwards is answered. */
    struct peer other;
    open_stream(&other, s, "hello", &a);
    assert_int_equal(live_counter(&s->live, "http_queue_full_total", ""), 0);
    stage_gate(s, true);
    char body[8];
    for (size_t i = 0; i < ARRAY_LEN(asking); i++) {
        peer_head(&asking[i], &a);
        assert_int_equal(a.status, 200);
        peer_close(&asking[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(p); i++) {
        assert_int_equal(peer_body(&p[i], body, sizeof body), CHUNK_LAST);
        assert_string_equal(body, "1");
        peer_close(&p[i]);
    }
    peer_close(&other);
}

static void a_fill_that_takes_too_long_costs_the_client_its_stream(void **state) {
    struct stage *s = *state;
    s->live.options.work = (struct http_pool_options) { .threads = 1, .queue = 4 };
    stage_gate(s, false);
    stage_start(s);
    struct peer running, waiting;
    struct answer a;
    char body[8];
    open_stream(&running, s, "loop/1f2", &a);
    stage_wait_for(s, STAGE_AT_GATE, 1);
    open_stream(&waiting, s, "loop/1f2", &a);
    pass_time_until(s, STAGE_CLOSED, 1); /* the one whose fill has not begun */
    assert_int_equal(peer_body(&running, body, sizeof body), CHUNK_CUT);
    assert_string_equal(body, "1");
    assert_int_equal(peer_body(&waiting, body, sizeof body), CHUNK_CUT);
    assert_string_equal(body, "1");
    assert_int_equal(stage_get(s, STAGE_CLOSED), 1);
    stage_gate(s, true); /* only now is the other one's over */
    stage_wait_for(s, STAGE_CLOSED, 2);
    peer_close(&running);
    peer_close(&waiting);
    char *text = live_log(&s->live);
    assert_non_null(strstr(text, "end=timeout"));
    free(text);
}

#define BOTH(test)                                                                                           \
    { #test, test, set_up_plain, tear_down, NULL }, { #test "_with_tls", test, set_up_tls, tear_down, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(each_step_has_its_bytes),
        BOTH(the_head_does_not_wait_for_the_first_event),
        BOTH(a_wake_before_the_answer_counts),
        BOTH(read_is_offered_full_tls_records),
        BOTH(a_large_head_leaves_room_for_pieces),
        BOTH(the_connection_goes_on_after_a_stream),
        BOTH(http_10_gets_its_stream_until_the_end_of_the_connection),
        BOTH(head_gets_the_head_alone),
        BOTH(a_handler_may_change_its_mind),
        BOTH(an_answer_that_cannot_be_sent_closes_its_stream),
        BOTH(a_stream_carries_the_headers_of_any_answer),
        BOTH(a_stream_keeps_neither_request_nor_snapshot),
        BOTH(one_that_comes_after_its_timeout_is_closed_unread),
        BOTH(a_client_that_hangs_up_ends_a_waiting_stream),
        BOTH(a_half_closed_client_gets_what_there_is),
        BOTH(a_client_may_go_while_its_stream_is_filled),
        BOTH(a_client_may_go_while_it_is_sent_to),
        BOTH(one_that_does_not_read_is_cut_and_one_that_waits_is_not),
        BOTH(a_slow_reader_gets_every_byte_in_order),
        BOTH(a_full_pool_delays_fills_and_fails_none),
        BOTH(fills_leave_half_of_the_queue_to_requests),
        BOTH(a_fill_that_takes_too_long_costs_the_client_its_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
