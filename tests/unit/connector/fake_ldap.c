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

#define PAGING "1.2.840.113556.1.4.319"

static void page_control(struct strbuf *out, struct str cookie) {
    AUTO(strbuf_done) struct strbuf control = STRBUF(256);
    AUTO(strbuf_done) struct strbuf page = STRBUF(64);
    AUTO(strbuf_done) struct strbuf value = STRBUF(64);
    tlv(&page, 0x02, STR("\0"));
    tlv(&page, 0x04, cookie);
    tlv(&value, 0x30, strbuf_str(&page));
    tlv(&control, 0x04, STR(PAGING));
    tlv(&control, 0x04, strbuf_str(&value));
    tlv(out, 0x30, strbuf_str(&control));
}

/* ---- one connection ---- */

struct talk {
    struct fake *f;
    int fd, binds, searches, pages;
    bool over;
    unsigned char body[4096]; /* of the request at hand */
    size_t body_len;
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

/* ---- listings ---- */

/* What the paging control asks for: how many from where. Our cookies are numbers of four digits. */
static bool page_of(const struct talk *t, int *ret_from, int *ret_size) {
    const unsigned char *oid = memmem(t->body, t->body_len, PAGING, strlen(PAGING));
    if (oid == NULL)
        return false;
    const unsigned char *at = oid + strlen(PAGING), *end = t->body + t->body_len;
    while (at + 4 < end && !(at[0] == 0x30 && at[2] == 0x02))
        at++;
    *ret_size = 0;
    for (int i = 0; i < at[3]; i++)
        *ret_size = *ret_size << 8 | at[4 + i];
    const unsigned char *cookie = at + 4 + at[3];
    *ret_from = 0;
    for (int i = 0; i < cookie[1]; i++)
        *ret_from = *ret_from * 10 + (cookie[2 + i] - '0');
    return true;
}

static void add_listed(struct strbuf *out, int id, int i) {
    AUTO(strbuf_done) struct strbuf attrs = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf op = STRBUF(4096);
    char name[16], dn[64];
    (void)snprintf(name, sizeof name, "u%04d", i);
    (void)snprintf(dn, sizeof dn, "uid=u%04d,dc=example,dc=org", i);
    attribute(&attrs, STR("uid"), str_of(name));
    attribute(&attrs, STR("cn"), str_of(name));
    tlv(&op, 0x04, str_of(dn));
    tlv(&op, 0x30, strbuf_str(&attrs));
    message(out, id, 0x64, strbuf_str(&op), STR_NULL);
}

static void raise_to(_Atomic int *max, int value) {
    for (int seen = atomic_load(max); value > seen && !atomic_compare_exchange_weak(max, &seen, value);)
        ;
}

/* False when the fake is being stopped. */
static bool wait_while_held(struct talk *t) {
    raise_to(&t->f->waiting_max, atomic_fetch_add(&t->f->waiting, 1) + 1);
    bool on = true;
    while (on && atomic_load(&t->f->held))
        on = idle(t, 1);
    atomic_fetch_sub(&t->f->waiting, 1);
    return on;
}

static void answer_page(struct talk *t, int id, int from, int size) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 20);
    AUTO(strbuf_done) struct strbuf control = STRBUF(256);
    char cookie[16] = "";
    int mode = atomic_load(&t->f->mode);
    atomic_fetch_add(&t->f->pages, 1);
    raise_to(&t->f->page_max, size);
    bool later = ++t->pages > 1;
    if (later && mode == FAKE_LIST_SILENT)
        return;
    t->over = (later && mode == FAKE_LIST_CLOSES) || (mode == FAKE_LIST_HELD && !wait_while_held(t));
    if (t->over)
        return;
    if (later && mode == FAKE_LIST_LIMIT) {
        result(&out, id, 0x65, 4, STR_NULL);
        say(t, strbuf_str(&out));
        return;
    }
    int end = from + (mode == FAKE_LIST_GREEDY ? 2 * size : size);
    if (end > FAKE_LISTED || mode == FAKE_LIST_UNPAGED)
        end = FAKE_LISTED;
    for (int i = from; i < end; i++)
        add_listed(&out, id, i);
    if (end < FAKE_LISTED)
        (void)snprintf(cookie, sizeof cookie, "%04d", end);
    if (mode != FAKE_LIST_UNPAGED)
        page_control(&control, str_of(cookie));
    result(&out, id, 0x65, 0, strbuf_str(&control));
    say(t, strbuf_str(&out));
}

static void values(struct strbuf *out, struct str name, const char *const *list, size_t n) {
    AUTO(strbuf_done) struct strbuf all = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf pair = STRBUF(4096);
    for (size_t i = 0; i < n; i++)
        tlv(&all, 0x04, str_of(list[i]));
    tlv(&pair, 0x04, name);
    tlv(&pair, 0x31, strbuf_str(&all));
    tlv(out, 0x30, strbuf_str(&pair));
}

static void found_member(struct strbuf *out, int id, const char *dn) {
    AUTO(strbuf_done) struct strbuf attrs = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf op = STRBUF(4096);
    const char name[] = { dn[strlen("uid=")], '\0' };
    const char *const names[] = { name };
    values(&attrs, STR("uid"), names, 1);
    tlv(&op, 0x04, str_of(dn));
    tlv(&op, 0x30, strbuf_str(&attrs));
    message(out, id, 0x64, strbuf_str(&op), STR_NULL);
}

/* Active Directory names a list that it cuts twice: without a value, and with the first piece. */
static void found_group(const struct talk *t, struct strbuf *out, int id) {
    static const char *const members[] = { "uid=a,dc=example,dc=org", "uid=b,dc=example,dc=org",
                                           "uid=c,dc=example,dc=org", "uid=d,dc=example,dc=org",
                                           "uid=e,dc=example,dc=org" };
    AUTO(strbuf_done) struct strbuf attrs = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf op = STRBUF(4096);
    const char *const name = "crew";
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (memmem(t->body, t->body_len, members[i], strlen(members[i])) != NULL) {
            found_member(out, id, members[i]);
            return;
        }
    values(&attrs, STR("cn"), &name, 1);
    values(&attrs, STR("member"), NULL, 0);
    if (memmem(t->body, t->body_len, "range=4-*", 9) != NULL)
        values(&attrs, STR("member;range=4-*"), &members[4], 1);
    else if (memmem(t->body, t->body_len, "range=2-*", 9) != NULL)
        values(&attrs, STR("member;range=2-3"), &members[2], 2);
    else
        values(&attrs, STR("member;range=0-1"), members, 2);
    tlv(&op, 0x04, STR("cn=crew,dc=example,dc=org"));
    tlv(&op, 0x30, strbuf_str(&attrs));
    message(out, id, 0x64, strbuf_str(&op), STR_NULL);
}

/* The group names itself; the user, whom only memberOf is asked of, has it in the last of two pieces. */
static void found_user(const struct talk *t, struct strbuf *out, int id) {
    static const char *const groups[] = { "cn=a,dc=x", "cn=b,dc=x", "cn=crew,dc=x" };
    AUTO(strbuf_done) struct strbuf attrs = STRBUF(4096);
    AUTO(strbuf_done) struct strbuf op = STRBUF(4096);
    const char *const name = "jane";
    if (memmem(t->body, t->body_len, "range=2-*", 9) != NULL) {
        values(&attrs, STR("memberOf;range=2-*"), &groups[2], 1);
    } else if (memmem(t->body, t->body_len, "memberOf", 8) != NULL) {
        values(&attrs, STR("uid"), &name, 1);
        values(&attrs, STR("memberOf"), NULL, 0);
        values(&attrs, STR("memberOf;range=0-1"), groups, 2);
    } else {
        const char *const group = "crew";
        values(&attrs, STR("cn"), &group, 1);
        values(&attrs, STR("distinguishedName"), &groups[2], 1);
    }
    tlv(&op, 0x04, STR("cn=somebody,dc=example,dc=org"));
    tlv(&op, 0x30, strbuf_str(&attrs));
    message(out, id, 0x64, strbuf_str(&op), STR_NULL);
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
    int from = 0, size = 0;
    if (mode >= FAKE_LIST && mode <= FAKE_LIST_LIMIT && page_of(t, &from, &size)) {
        answer_page(t, id, from, size);
        return;
    }
    if (mode == FAKE_ENDLESS_ENTRIES) {
        endless_entries(t, id);
        return;
    }
    if (mode == FAKE_ENDLESS_PAGES && all > 1)
        page_control(&control, STR("more"));
    else if (mode == FAKE_USER_RANGES)
        found_user(t, &out, id);
    else if (mode == FAKE_GROUP_RANGES)
        found_group(t, &out, id);
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
static bool read_request(struct talk *t, int *id, unsigned char *op) {
    unsigned char head[4], *body = t->body;
    if (!read_exactly(t, head, 2))
        return false;
    size_t len = head[1];
    size_t more = len & 0x80 ? len & 0x7f : 0;
    if (more > 2 || !read_exactly(t, &head[2], more))
        return false;
    if (more > 0)
        len = more == 1 ? head[2] : (size_t)head[2] << 8 | head[3];
    if (len < 4 || len > sizeof t->body || !read_exactly(t, body, len) || body[1] > 4 || len < 3U + body[1])
        return false;
    t->body_len = len;
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
