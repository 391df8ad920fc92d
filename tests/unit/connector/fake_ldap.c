#include "unit/connector/fake_ldap.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- BER, as much as an answer needs ---- */

static void tlv(struct strbuf *out, unsigned char tag, struct str value) {
    unsigned char head[6] = { tag };
    size_t n = 2;
    if (value.len < 128) {
        head[1] = (unsigned char)value.len;
    } else {
        head[1] = 0x82;
        head[2] = (unsigned char)(value.len >> 8);
        head[3] = (unsigned char)value.len;
        n = 4;
    }
    strbuf_add(out, (struct str) { (const char *)head, n });
    strbuf_add(out, value);
}

static void message(struct strbuf *out, int id, unsigned char tag, struct str op, struct str controls) {
    AUTO(strbuf_done) struct strbuf body = STRBUF(65536);
    const char number[4] = { (char)(id >> 24), (char)(id >> 16), (char)(id >> 8), (char)id };
    tlv(&body, 0x02, (struct str) { number, sizeof number });
    tlv(&body, tag, op);
    if (controls.len > 0)
        tlv(&body, 0xa0, controls);
    tlv(out, 0x30, strbuf_str(&body));
}

static void result(struct strbuf *out, int id, unsigned char tag, unsigned char code, struct str controls) {
    AUTO(strbuf_done) struct strbuf op = STRBUF(4096);
    tlv(&op, 0x0a, (struct str) { (const char *)&code, 1 });
    tlv(&op, 0x04, STR(""));
    tlv(&op, 0x04, STR("said by the test"));
    message(out, id, tag, strbuf_str(&op), controls);
}

static void attribute(struct strbuf *out, struct str name, struct str value) {
    AUTO(strbuf_done) struct strbuf values = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf pair = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf set = STRBUF(4096);
    tlv(&values, 0x04, value);
    tlv(&pair, 0x04, name);
    tlv(&set, 0x31, strbuf_str(&values));
    strbuf_add(&pair, strbuf_str(&set));
    tlv(out, 0x30, strbuf_str(&pair));
}

static void found(struct strbuf *out, int id) {
    AUTO(strbuf_done) struct strbuf attrs = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf op = STRBUF(4096);
    attribute(&attrs, STR("uid"), STR("jane"));
    attribute(&attrs, STR("cn"), STR("group"));
    tlv(&op, 0x04, STR("uid=jane,dc=example,dc=org"));
    tlv(&op, 0x30, strbuf_str(&attrs));
    message(out, id, 0x64, strbuf_str(&op), STR_NULL);
}

/* The n-th search of a login: the user with a cut list, then its other pieces, then a group. */
static void found_piece(struct strbuf *out, int id, int n, bool stops) {
    static const char *const names[] = { "memberOf;range=0-0", "memberOf;range=1-1", "memberOf;range=2-*" };
    static const char *const values[] = { "cn=a", "cn=b", "cn=c" };
    AUTO(strbuf_done) struct strbuf attrs = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf op = STRBUF(4096);
    attribute(&attrs, STR("uid"), STR("jane"));
    attribute(&attrs, STR("cn"), STR("group"));
    if (n <= 3 && !(stops && n == 3))
        attribute(&attrs, str_of(names[n - 1]), str_of(values[n - 1]));
    tlv(&op, 0x04, STR("uid=jane,dc=example,dc=org"));
    tlv(&op, 0x30, strbuf_str(&attrs));
    message(out, id, 0x64, strbuf_str(&op), STR_NULL);
}

static void page_control(struct strbuf *out) {
    AUTO(strbuf_done) struct strbuf control = STRBUF(256);
    tlv(&control, 0x04, STR("1.2.840.113556.1.4.319"));
    tlv(&control, 0x04, STR("\x30\x09\x02\x01\x00\x04\x04more"));
    tlv(out, 0x30, strbuf_str(&control));
}

/* ---- one connection ---- */

struct talk {
    struct fake *f;
    int fd, binds, searches;
    bool over;
};

static void say(struct talk *t, struct str bytes) {
    while (bytes.len > 0) {
        ssize_t n = send(t->fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n <= 0) {
            t->over = true;
            return;
        }
        bytes = str_from(bytes, (size_t)n);
    }
}

/* False when the fake is being stopped. */
static bool idle(const struct talk *t, int ms) {
    struct pollfd p = { .fd = t->f->wake[0], .events = POLLIN };
    return poll(&p, 1, ms) == 0;
}

static void drip(struct talk *t) {
    say(t, STR("\x30\x83\x10\x00\x00"));
    while (!t->over && idle(t, 5))
        say(t, STR("\x02"));
    t->over = true;
}

static void endless_entries(struct talk *t, int id) {
    AUTO(strbuf_done) struct strbuf one = STRBUF(4096);
    found(&one, id);
    while (!t->over && idle(t, 0))
        say(t, strbuf_str(&one));
    t->over = true;
}

static void answer_bind(struct talk *t, int id) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
    int mode = atomic_load(&t->f->mode), all = atomic_fetch_add(&t->f->binds, 1) + 1;
    t->binds++;
    if (mode == FAKE_SILENT_USER_BIND && all > 1)
        return;
    unsigned char code = mode == FAKE_REFUSES_BIND ? 49 : mode == FAKE_UNKNOWN_BIND && all > 1 ? 80 : 0;
    result(&out, mode == FAKE_WRONG_ID ? id + 7 : id, 0x61, code, STR_NULL);
    if (mode == FAKE_HALF)
        strbuf_truncate(&out, out.len / 2);
    say(t, strbuf_str(&out));
}

static void answer_search(struct talk *t, int id) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(65536);
    AUTO(strbuf_done) struct strbuf control = STRBUF(256);
    int mode = atomic_load(&t->f->mode);
    int all = atomic_fetch_add(&t->f->searches, 1) + 1;
    if (mode == FAKE_FORGETS && ++t->searches == 2) {
        t->over = true;
        return;
    }
    if (mode == FAKE_ENDLESS_ENTRIES) {
        endless_entries(t, id);
        return;
    }
    if (mode == FAKE_ENDLESS_PAGES && all > 1)
        page_control(&control);
    else if (mode == FAKE_RANGES || mode == FAKE_RANGES_STOP)
        found_piece(&out, id, all, mode == FAKE_RANGES_STOP);
    else if (mode != FAKE_REFERRAL)
        found(&out, id);
    result(&out, id, 0x65, mode == FAKE_REFERRAL ? 10 : 0, strbuf_str(&control));
    say(t, strbuf_str(&out));
}

static void answer_extended(struct talk *t, int id) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(4096);
    int mode = atomic_load(&t->f->mode);
    result(&out, id, 0x78, mode == FAKE_STARTTLS_REFUSES ? 52 : 0, STR_NULL);
    if (mode == FAKE_STARTTLS_INJECTS)
        result(&out, 2, 0x61, 0, STR_NULL);
    say(t, strbuf_str(&out));
    if (mode == FAKE_STARTTLS_SILENT || mode == FAKE_STARTTLS_INJECTS) {
        (void)idle(t, -1);
        t->over = true;
    }
}

static void answer(struct talk *t, int id, unsigned char op) {
    int mode = atomic_load(&t->f->mode);
    if (mode == FAKE_SILENT || op == 0x42 || op == 0x50) /* unbind, abandon */
        return;
    if (mode == FAKE_HUGE)
        say(t, STR("\x30\x84\x7f\xff\xff\xff\x02\x01\x01"));
    else if (mode == FAKE_DRIP)
        drip(t);
    else if (op == 0x60)
        answer_bind(t, id);
    else if (op == 0x63)
        answer_search(t, id);
    else if (op == 0x77)
        answer_extended(t, id);
}

static bool wait_input(const struct talk *t) {
    struct pollfd p[2] = { { .fd = t->fd, .events = POLLIN }, { .fd = t->f->wake[0], .events = POLLIN } };
    return poll(p, 2, -1) > 0 && p[1].revents == 0;
}

static bool read_exactly(const struct talk *t, unsigned char *out, size_t len) {
    for (size_t at = 0; at < len;) {
        if (!wait_input(t))
            return false;
        ssize_t n = recv(t->fd, &out[at], len - at, 0);
        if (n <= 0)
            return false;
        at += (size_t)n;
    }
    return true;
}

/* Our own requests: a length of at most two bytes. */
static bool read_request(const struct talk *t, int *id, unsigned char *op) {
    unsigned char head[4], body[4096];
    if (!read_exactly(t, head, 2))
        return false;
    size_t len = head[1];
    size_t more = len & 0x80 ? len & 0x7f : 0;
    if (more > 2 || !read_exactly(t, &head[2], more))
        return false;
    if (more > 0)
        len = more == 1 ? head[2] : (size_t)head[2] << 8 | head[3];
    if (len < 4 || len > sizeof body || !read_exactly(t, body, len) || body[1] > 4 || len < 3U + body[1])
        return false;
    if (memmem(body, len, "cn=a", 4) && memmem(body, len, "cn=b", 4) && memmem(body, len, "cn=c", 4))
        atomic_fetch_add(&t->f->complete, 1);
    *id = 0;
    for (size_t i = 0; i < body[1]; i++)
        *id = *id << 8 | body[2 + i];
    *op = body[2 + body[1]];
    return true;
}

struct visitor {
    struct fake *f;
    int fd;
};

static void *talk_thread(void *arg) {
    struct visitor v = *(struct visitor *)arg;
    free(arg);
    struct talk t = { .f = v.f, .fd = v.fd };
    int id;
    unsigned char op;
    if (atomic_load(&t.f->mode) == FAKE_SILENT)
        (void)idle(&t, -1);
    if (atomic_load(&t.f->mode) == FAKE_RUBBISH)
        say(&t, STR("HTTP/1.1 400 Bad Request\r\nServer: nobody here has ever heard of directories\r\n"
                    "Content-Type: text/plain\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"));
    while (!t.over && read_request(&t, &id, &op))
        answer(&t, id, op);
    (void)close(t.fd);
    return NULL;
}

enum { VISITORS_MAX = 64 };

static void *listen_thread(void *arg) {
    struct fake *f = arg;
    pthread_t visitors[VISITORS_MAX];
    size_t n = 0;
    for (;;) {
        struct pollfd p[2] = { { .fd = f->listener, .events = POLLIN },
                               { .fd = f->wake[0], .events = POLLIN } };
        if (poll(p, 2, -1) <= 0 || p[1].revents != 0 || n == VISITORS_MAX)
            break;
        int fd = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        atomic_fetch_add(&f->connections, 1);
        struct visitor *v = malloc(sizeof *v);
        if (v == NULL || atomic_load(&f->mode) == FAKE_CLOSES) {
            free(v);
            (void)close(fd);
            continue;
        }
        *v = (struct visitor) { f, fd };
        if (pthread_create(&visitors[n], NULL, talk_thread, v) == 0)
            n++;
    }
    for (size_t i = 0; i < n; i++)
        (void)pthread_join(visitors[i], NULL);
    return NULL;
}

void fake_start(struct fake *f, enum fake_mode mode) {
    *f = (struct fake) { .mode = (int)mode };
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof address;
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(f->listener >= 0);
    assert_int_equal(bind(f->listener, (const struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(f->listener, 64), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&address, &len), 0);
    f->port = ntohs(address.sin_port);
    assert_int_equal(pipe2(f->wake, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&f->thread, NULL, listen_thread, f), 0);
}

void fake_stop(struct fake *f) {
    assert_int_equal(write(f->wake[1], "x", 1), 1);
    (void)pthread_join(f->thread, NULL);
    (void)close(f->listener);
    (void)close(f->wake[0]);
    (void)close(f->wake[1]);
}
