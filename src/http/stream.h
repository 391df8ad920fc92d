/* Bodies that are made while they are sent.
 *
 * Only its HTTP thread reads a stream. When there is nothing to send, the thread suspends the connection; `flags` then decide who
 * resumes it: the first who wakes it after STREAM_WAITING was set, or the thread itself when somebody woke it before that. So every
 * suspension is ended exactly once, whoever comes when, and MHD_resume_connection never meets a connection that goes on.
 *
 * What it holds is what a watch costs while nothing happens: nothing of the request but its id. */
#pragma once
#include <stdatomic.h>
#include "http/limits.h"
#include "http/pool.h"

struct connection;
struct exchange;
struct http_server;
struct MHD_Connection;

/* What MHD keeps with a request: first the exchange, then, from the head of the answer on, the stream that makes its body. Both
 * begin with this. */
enum request_owner { OWNER_EXCHANGE, OWNER_STREAM };

enum stream_flag {
    STREAM_WOKEN = 1,   /* since read was last called */
    STREAM_WAITING = 2, /* suspended until it is woken */
    STREAM_GONE = 4,    /* its client hung up: what is there may be sent, but it waits no more */
    STREAM_CUT = 8,     /* no worker came in time */
};

enum stream_outcome { STREAM_RUNS, STREAM_COMPLETE, STREAM_FAILED, STREAM_LOST, STREAM_LATE, STREAM_STOPPED };

struct http_stream {
    enum request_owner owner;
    atomic_uint flags;
    atomic_uint refs; /* the connection's, and that of a fill: lined up, waiting or running */
    const struct http_stream_ops *ops;
    void *ctx;
    /* From here on: set once it is sent. */
    struct http_server *server;
    struct connection *connection;
    struct MHD_Connection *mhd;
    struct http_stream *next, *prev; /* of struct streams */
    struct http_stream *behind;      /* in its line */
    struct pool_job job;             /* the fill */
    bool is_suspended, is_watched;   /* its HTTP thread's, as all below */
    char *piece;                     /* what was read but did not fit into MHD's buffer */
    size_t piece_len, piece_sent;
    size_t dirty; /* bytes of MHD's buffer that were written to since its pages were given back */
    enum stream_outcome outcome;
    uint64_t bytes;
    int64_t start_us;
    char id[HTTP_REQUEST_ID_MAX + 1];
};

/* Streams that want a worker of one pool whose queue is full: already suspended, first come first served. */
struct stream_line {
    struct http_server *server;
    struct pool *pool;
    struct http_stream *first, *last;
    atomic_uint len;
};

struct streams {
    pthread_mutex_t mutex; /* of the lists and epoll; none of a stream's own functions is called under it */
    struct http_stream *first;
    struct stream_line lines[3]; /* work, login, directory */
    bool is_closed;              /* none is suspended any more */
    size_t page_bytes;
    int epoll_fd; /* tells who hung up while suspended: MHD does not look then */
    atomic_int suspended;
    struct gauge *open;
};

MUST_CHECK enum err_code streams_init(struct http_server *server, struct err *err);
void streams_done(struct http_server *server);
/* Of the sweeper: wakes those whose clients hung up, and tries the lines again. */
void streams_tick(struct http_server *server);
/* The server stops: those that wait are ended, now and from now on; those that have something to say go on. */
void streams_stop(struct http_server *server);
/* From now on none is suspended, or lined up; those that are get resumed, but for fills that have reached their pool. */
void streams_close(struct http_server *server);
/* After streams_close, and when the pools are closed: returns when none is suspended. */
void streams_wait(struct http_server *server);

/* NULL: out of memory, and nothing was closed. */
struct http_stream *stream_new(const struct http_stream_ops *ops, void *ctx);
/* Lets go of one reference; the last one closes it. */
void stream_unref(struct http_stream *s);
/* Its response was given to MHD: the stream owns the request from now on. */
void stream_begin(struct http_stream *s, const struct exchange *ex);
/* MHD is done with the request. */
void stream_end(struct http_stream *s, bool complete);
/* MHD's content reader; `cls` is the stream. */
ssize_t stream_read(void *cls, uint64_t position, char *out, size_t max);
