/* A bounded pool of threads. A job is answered exactly once: by the worker that ran it, or, when its deadline passes
 * first, by whoever expires it. Both are decided under the pool's mutex. Jobs of several kinds share a pool. */
#pragma once
#include <pthread.h>
#include "tkeauth/http.h"

enum pool_job_state { JOB_IDLE, JOB_WAITING, JOB_RUNNING, JOB_DONE, JOB_EXPIRED };

/* Embedded in what is to be done; its owner keeps it alive until `finished`, or `expired` of a job that waited. */
struct pool_job {
    const struct pool_ops *ops;
    struct pool_job *next, *prev;
    int64_t deadline_ms; /* clock_mono_ms; jobs are pushed with growing deadlines */
    enum pool_job_state state;
    bool has_run; /* a worker took it: it will still call `finished` */
};
struct pool_ops {
    void (*accepted)(
        struct pool_job *job);         /* under the mutex, before a worker can see the job; may be NULL */
    void (*run)(struct pool_job *job); /* on a worker */
    void (*finished)(struct pool_job *job,
                     bool in_time); /* on the worker, after run; !in_time: expired meanwhile */
    void (*expired)(struct pool_job *job, bool has_run); /* on the caller of pool_expire */
};
struct pool {
    void (*has_room)(
        void *ctx); /* on a worker between two jobs: whoever was refused may try again; NULL: nobody */
    void *has_room_ctx;
    struct gauge *depth;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    struct pool_job *first, *last; /* in order of arrival: the running ones among them, too */
    struct pool_job *waiting;      /* the first that no worker has taken */
    unsigned waiting_len, queue, idle;
    unsigned finishing; /* jobs done in time whose `finished` has not returned */
    pthread_t *threads;
    unsigned thread_len;
    bool closed;
};

/* Zeroed memory in, but for has_room; threads start at once. */
MUST_CHECK enum err_code pool_start(struct pool *p, const struct http_pool_options *options,
                                    struct gauge *depth, struct err *err);
/* False: the queue is full, or the pool closed. */
MUST_CHECK bool pool_push(struct pool *p, struct pool_job *job);
/* For a job that can try again: it leaves half of the queue to those that would be refused for good. */
MUST_CHECK bool pool_push_patient(struct pool *p, struct pool_job *job);
/* Gives up on every job whose deadline is `now_ms` or before. */
void pool_expire(struct pool *p, int64_t now_ms);
/* Takes no more jobs and gives up on all. When it returns, every job was answered; handlers may still be running. */
void pool_close(struct pool *p);
/* Waits for the handlers that are running, ends the threads. A pool that never started is fine. */
void pool_join(struct pool *p);
