/* Many clients on one thread. Each keeps its connection and has one request under way. */
#include "bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS_MAX = 256, SAMPLES_MAX = 1 << 20 };

struct load {
    const struct scenario *scenario;
    struct scenario_args args;
    struct visitor *clients;
    size_t len, open;
    int port;
    int64_t until_us, pace_us, begun_us, ended_us;
    uint32_t *samples;
    size_t done, begun;
};

static int dial(int port) {
    const struct sockaddr_in to = { .sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)port),
                                    .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    must(fd >= 0 && connect(fd, (const struct sockaddr *)&to, sizeof to) == 0, "connect");
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static void send_request(struct load *l, struct visitor *c) {
    (void)l;
    c->answer_len = 0;
    for (c->sent = 0; c->sent < c->request_len;) {
        ssize_t n = send(c->fd, c->request + c->sent, c->request_len - c->sent, MSG_NOSIGNAL);
        must(n > 0, "send");
        c->sent += (size_t)n;
    }
}

/* The next operation, at its time when there is a pace: waiting for a slow answer must not hide the requests it delayed. */
static void begin(struct load *l, struct visitor *c) {
    int64_t now = now_us();
    int64_t due = l->pace_us > 0 ? c->begun_us + l->pace_us : now;
    if (due > now) {
        (void)usleep((useconds_t)(due - now));
        now = due;
    }
    if (now >= l->until_us || !l->scenario->say(c, &l->args)) {
        (void)close(c->fd);
        c->fd = -1;
        l->open--;
        return;
    }
    c->begun_us = due;
    l->begun++;
    send_request(l, c);
}

static void record(struct load *l, const struct visitor *c) {
    l->ended_us = now_us();
    if (l->done < SAMPLES_MAX)
        l->samples[l->done] = (uint32_t)(l->ended_us - c->begun_us);
    l->done++;
}

/* False: more of it is to come. */
static bool parse(struct visitor *c, struct answer *ret) {
    c->answer[c->answer_len] = '\0';
    char *end = strstr(c->answer, "\r\n\r\n");
    if (end == NULL)
        return false;
    const char *length = strcasestr(c->answer, "\r\nContent-Length:");
    size_t body_len = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    if (c->answer_len < (size_t)(end + 4 - c->answer) + body_len)
        return false;
    *end = '\r';
    *ret = (struct answer) { (int)strtol(c->answer + 9, NULL, 10), c->answer, end + 4 };
    return true;
}

static void receive(struct load *l, struct visitor *c) {
    struct answer answer;
    ssize_t n = recv(c->fd, c->answer + c->answer_len, ANSWER_MAX - 1 - c->answer_len, 0);
    must(n > 0, "the server closed a connection");
    c->answer_len += (size_t)n;
    must(c->answer_len < ANSWER_MAX - 1, "an answer over its limit");
    if (!parse(c, &answer))
        return;
    enum next next = l->scenario->take(c, &l->args, &answer);
    if (next == NEXT_MORE) {
        must(l->scenario->say(c, &l->args), "scenario");
        send_request(l, c);
        return;
    }
    if (next == NEXT_DONE)
        record(l, c);
    begin(l, c);
}

static void run(struct load *l) {
    struct pollfd fds[CLIENTS_MAX];
    for (size_t i = 0; i < l->len; i++) {
        struct visitor *c = &l->clients[i];
        c->fd = dial(l->port);
        c->number = i;
        c->begun_us = l->begun_us;
        l->open++;
        begin(l, c);
    }
    while (l->open > 0) {
        for (size_t i = 0; i < l->len; i++)
            fds[i] = (struct pollfd) { .fd = l->clients[i].fd, .events = POLLIN };
        must(poll(fds, (nfds_t)l->len, 30000) > 0, "no answer in 30 s");
        for (size_t i = 0; i < l->len; i++)
            if (fds[i].fd >= 0 && fds[i].revents != 0)
                receive(l, &l->clients[i]);
    }
}

static char *read_all(const char *path) {
    FILE *f = fopen(path, "r");
    must(f != NULL && fseek(f, 0, SEEK_END) == 0, path);
    long len = ftell(f);
    char *text = calloc(1, (size_t)len + 1);
    rewind(f);
    must(text != NULL && fread(text, 1, (size_t)len, f) == (size_t)len, path);
    (void)fclose(f);
    return text;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_result(struct load *l) {
    size_t n = l->done < SAMPLES_MAX ? l->done : SAMPLES_MAX;
    must(n > 0, "nothing was completed");
    qsort(l->samples, n, sizeof *l->samples, by_value);
    (void)printf("{\"done\":%zu,\"begun\":%zu,\"per_s\":%.2f,\"p50_us\":%u,\"p99_us\":%u}\n", l->done,
                 l->begun, (double)l->done * 1e6 / (double)(l->ended_us - l->begun_us), l->samples[n / 2],
                 l->samples[n * 99 / 100]);
}

static void set_option(struct load *l, const char *name, const char *value) {
    struct scenario_args *a = &l->args;
    const struct {
        const char *name, **text;
    } texts[] = { { "client", &a->client_id }, { "secret", &a->secret },     { "connector", &a->connector },
                  { "user", &a->user },        { "password", &a->password }, { "bearer", &a->bearer } };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, name) == 0) {
            *texts[i].text = value;
            return;
        }
    if (strcmp(name, "codes") == 0)
        a->codes = read_all(value);
    else if (strcmp(name, "skip") == 0)
        a->skip = strtoul(value, NULL, 10);
    else if (strcmp(name, "users") == 0)
        a->users = strtoul(value, NULL, 10);
    else if (strcmp(name, "pace_us") == 0)
        l->pace_us = strtol(value, NULL, 10);
    else
        must(false, name);
}

/* load SCENARIO PORT CLIENTS MS [name value]... */
int load_main(int argc, char **argv) {
    must(argc >= 5, "usage: load SCENARIO PORT CLIENTS MS [name value]...");
    struct load l = { .scenario = scenarios,
                      .port = (int)strtol(argv[2], NULL, 10),
                      .len = strtoul(argv[3], NULL, 10),
                      .samples = calloc(SAMPLES_MAX, sizeof *l.samples) };
    while (l.scenario->name != NULL && strcmp(l.scenario->name, argv[1]) != 0)
        l.scenario++;
    l.clients = calloc(l.len, sizeof *l.clients);
    must(l.scenario->name != NULL && l.len > 0 && l.len <= CLIENTS_MAX && l.clients != NULL &&
             l.samples != NULL,
         "arguments");
    for (int i = 5; i + 1 < argc; i += 2)
        set_option(&l, argv[i], argv[i + 1]);
    l.begun_us = now_us();
    l.until_us = l.begun_us + strtol(argv[4], NULL, 10) * 1000;
    run(&l);
    print_result(&l);
    return 0;
}
