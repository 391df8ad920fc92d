/* A running server with toy routes, and clients that are plain sockets. */
#pragma once
#include "unit/test.h"

#include <pthread.h>
#include <stdatomic.h>
#include "tkeauth/http.h"

struct live {
    struct http_options options;
    struct http_server *server;
    struct clock clock; /* stands still until a test moves it */
    struct metrics *metrics;
    struct log *log;
    int log_fd; /* what the server logged */
    _Atomic int acquired, released, flips;
    /* A gate that "/work/wait" handlers stand at. */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int waiting; /* handlers at the gate */
    bool open;
};

extern const struct route live_routes[];
/* Options that a test may change before live_start. */
void live_init(struct live *l);
void live_start(struct live *l, const struct http_tls *tls);
void live_stop(struct live *l);
/* Handlers at the gate: waits until there are that many; lets them all go. */
void live_wait_for(struct live *l, int handlers);
void live_open_gate(struct live *l);
/* Everything logged so far; the caller frees. */
char *live_log(struct live *l);
uint64_t live_counter(struct live *l, const char *name, const char *labels);

int client_open(const struct live *l);
int client_open_from(const struct live *l, const char *source);
void client_send(int fd, struct str bytes);
#define client_sends(fd, text) client_send((fd), str_of(text))
/* True when the server closed the connection (or reset it) and nothing is left to read. */
bool client_is_closed(int fd);

/* Something, or the end, can be read within that time. */
bool client_is_ready(int fd, int wait_ms);

/* One response, read by its Content-Length; a test fails when it does not come. */
struct answer {
    unsigned status;
    char head[2048], body[4096];
    size_t body_len;
};
void client_read(int fd, struct answer *a);
void client_read_head_only(int fd, struct answer *a); /* of a HEAD request */
/* The value of the first such header; "" when absent. */
const char *answer_header(const struct answer *a, const char *name);
/* A connection of its own: sends, reads one answer, closes. */
void client_call(const struct live *l, const char *request, struct answer *a);
