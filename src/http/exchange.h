/* One request and its answer, from the first byte of the target to the last byte sent. */
#pragma once
#include <stdatomic.h>
#include "http/connections.h"
#include "http/pool.h"
#include "http/router.h"
#include "http/response.h"
#include "http/stream.h"
#include "http/tls.h"

struct MHD_Connection;
struct MHD_Daemon;

struct header {
    struct str name, value;
};

/* Why a request does not reach its handler. */
struct refusal {
    unsigned status;  /* 0: it does */
    unsigned allowed; /* 405: the methods of the path */
    struct err err;
};

enum exchange_stage {
    STAGE_TARGET,   /* the request line is there */
    STAGE_BODY,     /* the head was looked at; the body arrives, or is thrown away */
    STAGE_WORKER,   /* with a pool */
    STAGE_ANSWERED, /* given to MHD for sending */
};

/* Owned by its connection; a worker has a reference, too. After a timeout the worker keeps the exchange, and the
 * connection goes on with a twin that has the head in common. */
struct exchange {
    enum request_owner owner;
    struct http_request req;
    struct http_response res;
    struct http_server *server;
    struct connection *connection;
    struct MHD_Connection *mhd;
    struct exchange *parent; /* of a twin: referenced */
    atomic_uint refs;
    enum exchange_stage stage;
    struct refusal refusal;
    struct route_match match;
    struct header headers[HTTP_HEADERS_MAX];
    size_t header_count;
    size_t content_length; /* 0 when chunked or none */
    bool has_body, expects_continue, discards, is_acquired, is_counted, is_preflight;
    bool is_suspended; /* MHD waits for a worker */
    bool is_http10;
    size_t discarded;
    struct strbuf target, body;
    struct str raw_path;
    struct str cors_origin;
    const char *cors_headers; /* of a preflight */
    char id[HTTP_REQUEST_ID_MAX + 1], ip[INET6_ADDRSTRLEN];
    char date[HTTP_DATE_SIZE];
    struct snapshot *prepared; /* what is being sent, if it was (send.c) */
    struct pool_job job;
    int64_t start_us;
};

/* What the server knows about a route while it runs. */
struct route_state {
    struct counter *by_class[6]; /* [2]: 2xx */
    struct histogram *latency;
    struct snapshot_cell prepared; /* of routes on the loop: the last static answer, ready to send */
};

struct http_server {
    struct http_options options;
    struct arena *arena; /* of what lives as long as the server */
    struct router *router;
    struct route_state *routes; /* by route_entry.index; one more for requests without a route */
    struct cidr *trusted;
    size_t trusted_len;
    struct connections connections;
    struct pool work, login, directory;
    struct streams streams;
    struct gauge *in_flight;
    _Atomic(struct exchange *) spares[HTTP_SPARES]; /* for the next requests: saves allocations */
    struct snapshot_cell date;                      /* the text of the current second */
    struct counter *queue_full;
    uint64_t id_key[2];
    struct snapshot_cell tls;
    char *tls_priorities;
    int listen_fd;
    unsigned port;
    struct MHD_Daemon *daemon;
    _Atomic bool is_stopping;
    _Atomic int64_t running; /* exchanges whose head has been read, and streams */
    pthread_t sweeper;
    bool has_sweeper, sweeper_ends, has_mutex;
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* running or streams.suspended fell to 0 while stopping; sweeper_ends */
};

/* ---- exchange.c ---- */
/* NULL: out of memory. */
struct exchange *exchange_new(struct http_server *s, struct connection *c, struct MHD_Connection *mhd,
                              struct str target);
/* The connection is done with it: becomes a spare, or is left to the worker that still has it. */
void exchange_end(struct exchange *ex);
void exchange_unref(struct exchange *ex);
void exchange_free_spares(struct http_server *s);
/* Notes why the request is refused; returns false. */
bool exchange_refuse(struct exchange *ex, unsigned status, enum err_code code, const char *why);
enum exchange_run { EXCHANGE_SEND, EXCHANGE_SUSPENDED };
/* The request is complete (or refused): answers it into ex->res, or hands it to a pool. */
enum exchange_run exchange_run(struct exchange *ex);
/* A worker did not answer in time: the twin that tells the client so. NULL: out of memory. */
struct exchange *exchange_timed_out(struct exchange *ex);
/* Its answer has been sent; of a stream: its head is about to be, which is what its client waits for. */
void exchange_account(struct exchange *ex);
/* Where what runs there runs. */
struct pool *exchange_pool(struct http_server *s, enum http_run run);

/* ---- head.c ---- */
/* Looks at the head: who, what, how much. What is wrong is noted in ex->refusal. */
void head_read(struct exchange *ex);

/* ---- date.c ---- */
/* Now, as the Date header wants it (RFC 9110 5.6.7), into `out`. The text is made once a second. */
void date_now(struct http_server *s, char out[HTTP_DATE_SIZE]);
void date_format(int64_t now_s, char out[HTTP_DATE_SIZE]);

/* ---- send.c ---- */
/* Gives ex->res to MHD; if ex->res.stream is still there afterwards, MHD reads it. False: the connection must be closed. */
MUST_CHECK bool send_response(struct exchange *ex);
int64_t exchange_now_us(void);

/* ---- listen.c ---- */
MUST_CHECK enum err_code listen_open(const struct http_options *options, int *ret_fd, unsigned *ret_port,
                                     struct err *err);
/* Starts MHD on s->listen_fd. */
MUST_CHECK enum err_code listen_start(struct http_server *s, struct err *err);
