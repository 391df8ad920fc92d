/* Many clients that watch. Arguments: port, connections, "plain" or "tls", and files with other requests than those below for ask, watch and
 * wake. Does what each line of its standard input says and answers with one line, "ok" and milliseconds:
 *   connect       all of them
 *   ask           an ordinary request on each, all sent, then all answers read
 *   watch         GET /watch on each, one after the other, until its head is there; connects those that are not
 *   wake          GET /wake on a connection of its own, until each watcher has its event */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct client {
    int fd;
    gnutls_session_t session;
    bool has_got; /* what this round waits for */
};

static gnutls_certificate_credentials_t trust_anybody;
static unsigned port;

static void die(const char *what) {
    (void)fprintf(stderr, "watchers: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void open_client(struct client *c, bool tls, int epoll_fd) {
    if (c->fd != 0)
        return;
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((unsigned short)port) };
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof to) != 0)
        die("connect");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct epoll_event event = { .events = EPOLLIN, .data = { .ptr = c } };
    if (epoll_fd >= 0 && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &event) != 0)
        die("epoll");
    if (!tls)
        return;
    int rc = gnutls_init(&c->session, GNUTLS_CLIENT);
    if (rc == 0)
        rc = gnutls_credentials_set(c->session, GNUTLS_CRD_CERTIFICATE, trust_anybody);
    if (rc == 0)
        rc = gnutls_set_default_priority(c->session);
    gnutls_transport_set_int(c->session, c->fd);
    while (rc == 0 && (rc = gnutls_handshake(c->session)) < 0 && !gnutls_error_is_fatal(rc))
        rc = 0;
    if (rc != 0)
        die(gnutls_strerror(rc));
}

static void send_all(struct client *c, const char *text) {
    size_t len = strlen(text);
    ssize_t n = c->session != NULL ? gnutls_record_send(c->session, text, len)
                                   : send(c->fd, text, len, MSG_NOSIGNAL);
    if (n != (ssize_t)len)
        die("send");
}

/* What there is; the answers of the bench's server fit into one packet. */
static void receive(struct client *c) {
    char bytes[4096];
    ssize_t n;
    do
        n = c->session != NULL ? gnutls_record_recv(c->session, bytes, sizeof bytes)
                               : recv(c->fd, bytes, sizeof bytes, 0);
    while (c->session != NULL && n == GNUTLS_E_AGAIN);
    if (n <= 0)
        die("the server closed a connection");
}

static void receive_from_each(struct client *clients, size_t len, int epoll_fd) {
    struct epoll_event events[256];
    for (size_t i = 0; i < len; i++)
        clients[i].has_got = false;
    for (size_t left = len; left > 0;) {
        int n = epoll_wait(epoll_fd, events, 256, 60000);
        if (n <= 0)
            die("some got nothing");
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;
            receive(c);
            left -= !c->has_got;
            c->has_got = true;
        }
    }
}

static const char *requests[] = { "GET /static HTTP/1.1\r\nHost: h\r\n\r\n",
                                  "GET /watch HTTP/1.1\r\nHost: h\r\n\r\n",
                                  "GET /wake HTTP/1.1\r\nHost: h\r\n\r\n" };
enum { ASK, WATCH, WAKE, REQUESTS };

static char *read_file(const char *path) {
    char *text = calloc(1, 65536);
    FILE *f = fopen(path, "re");
    if (text == NULL || f == NULL || fread(text, 1, 65535, f) == 0)
        die(path);
    (void)fclose(f);
    return text;
}

static double now_ms(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int main(int argc, char **argv) {
    if (argc != 4 && argc != 4 + REQUESTS)
        return 2;
    for (int i = 4; i < argc; i++)
        requests[i - 4] = read_file(argv[i]);
    port = (unsigned)strtoul(argv[1], NULL, 10);
    size_t len = strtoul(argv[2], NULL, 10);
    bool tls = strcmp(argv[3], "tls") == 0;
    struct rlimit files;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    struct client *clients = calloc(len + 1, sizeof *clients), *commander = &clients[len];
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (clients == NULL || epoll_fd < 0 || gnutls_certificate_allocate_credentials(&trust_anybody) != 0)
        die("start");
    char line[32];
    while (fgets(line, sizeof line, stdin) != NULL) {
        double began = now_ms();
        if (strcmp(line, "connect\n") == 0) {
            for (size_t i = 0; i < len; i++)
                open_client(&clients[i], tls, epoll_fd);
        } else if (strcmp(line, "wake\n") == 0) {
            open_client(commander, tls, -1);
            send_all(commander, requests[WAKE]);
            receive_from_each(clients, len, epoll_fd);
            receive(commander);
        } else if (strcmp(line, "watch\n") == 0) {
            for (size_t i = 0; i < len; i++) {
                open_client(&clients[i], tls, epoll_fd);
                send_all(&clients[i], requests[WATCH]);
                receive(&clients[i]);
            }
        } else {
            for (size_t i = 0; i < len; i++)
                send_all(&clients[i], requests[ASK]);
            receive_from_each(clients, len, epoll_fd);
        }
        (void)printf("ok %.3f\n", now_ms() - began);
        (void)fflush(stdout);
    }
    free(clients);
    return 0;
}
