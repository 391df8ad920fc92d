#include "http/pool.h"

#include <signal.h>
#include "tkeauth/log.h"

static void unlink_job(struct pool *p, struct pool_job *job) {
    if (p->waiting == job)
        p->waiting = job->next;
    *(job->prev ? &job->prev->next : &p->first) = job->next;
    *(job->next ? &job->next->prev : &p->last) = job->prev;
}

static struct pool_job *take(struct pool *p) {
    struct pool_job *job = NULL;
    (void)pthread_mutex_lock(&p->mutex);
    while (p->waiting == NULL && !p->closed)
        (void)pthread_cond_wait(&p->wake, &p->mutex);
    if (p->waiting != NULL) {
        p->idle--;
        job = p->waiting;
        p->waiting = job->next;
        p->waiting_len--;
        job->state = JOB_RUNNING;
        job->has_run = true;
        gauge_add(p->depth, -1);
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return job;
}

static void note_finished(struct pool *p, bool in_time) {
    (void)pthread_mutex_lock(&p->mutex);
    p->idle++;
    if (in_time && --p->finishing == 0 && p->closed)
        (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->mutex);
}

static void *worker(void *arg) {
    struct pool *p = arg;
    struct pool_job *job;
    while ((job = take(p)) != NULL) {
        job->ops->run(job);
        (void)pthread_mutex_lock(&p->mutex);
        bool in_time = job->state == JOB_RUNNING;
        if (in_time) {
            unlink_job(p, job);
            job->state = JOB_DONE;
            p->finishing++;
        }
        (void)pthread_mutex_unlock(&p->mutex);
        job->ops->finished(job, in_time);
        note_finished(p, in_time);
        if (p->has_room != NULL)
            p->has_room(p->has_room_ctx);
    }
    return NULL;
}

enum err_code pool_start(struct pool *p, const struct http_pool_options *options, struct gauge *depth,
                         struct err *err) {
    unsigned threads = options->threads ? options->threads : 1;
    p->threads = calloc(threads, sizeof *p->threads);
    if (p->threads == NULL)
        return err_set(err, ERR_NOMEM, "no memory for %u workers", threads);
    p->depth = depth;
    p->queue = options->queue;
    p->idle = threads; /* also those that have not come up yet */
    (void)pthread_mutex_init(&p->mutex, NULL);
    (void)pthread_cond_init(&p->wake, NULL);
    sigset_t all, old; /* signals are main's */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = 0;
    while (failed == 0 && p->thread_len < threads)
        if ((failed = pthread_create(&p->threads[p->thread_len], NULL, worker, p)) == 0)
            p->thread_len++;
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failed == 0 ? ERR_OK
                       : err_set(err, ERR_UNAVAILABLE, "cannot start a worker: %s", strerror(failed));
}

static bool push(struct pool *p, struct pool_job *job, unsigned queue) {
    (void)pthread_mutex_lock(&p->mutex);
    bool taken = !p->closed && p->waiting_len < queue + p->idle;
    if (taken) {
        if (job->ops->accepted != NULL)
            job->ops->accepted(job);
        job->state = JOB_WAITING;
        job->has_run = false;
        job->next = NULL;
        job->prev = p->last;
        *(p->last ? &p->last->next : &p->first) = job;
        p->last = job;
        if (p->waiting == NULL)
            p->waiting = job;
        p->waiting_len++;
        gauge_add(p->depth, 1);
        (void)pthread_cond_signal(&p->wake);
    }
    (void)pthread_mutex_unlock(&p->mutex);
    return taken;
}

bool pool_push(struct pool *p, struct pool_job *job) { return push(p, job, p->queue); }
bool pool_push_patient(struct pool *p, struct pool_job *job) { return push(p, job, p->queue / 2); }

void pool_expire(struct pool *p, int64_t now_ms) {
    struct pool_job *expired = NULL;
    (void)pthread_mutex_lock(&p->mutex);
    while (p->first != NULL && p->first->deadline_ms <= now_ms) {
        struct pool_job *job = p->first;
        if (job->state == JOB_WAITING) {
            p->waiting_len--;
            gauge_add(p->depth, -1);
        }
        unlink_job(p, job);
        job->state = JOB_EXPIRED;
        job->next = expired;
        expired = job;
    }
    (void)pthread_mutex_unlock(&p->mutex);
    for (struct pool_job *next; expired != NULL; expired = next) {
        next = expired->next;
        expired->ops->expired(expired, expired->has_run);
    }
}

void pool_close(struct pool *p) {
    if (p->threads == NULL)
        return;
    (void)pthread_mutex_lock(&p->mutex);
    p->closed = true;
    (void)pthread_cond_broadcast(&p->wake);
    (void)pthread_mutex_unlock(&p->mutex);
    pool_expire(p, INT64_MAX);
    (void)pthread_mutex_lock(&p->mutex);
    while (p->finishing > 0)
        (void)pthread_cond_wait(&p->wake, &p->mutex);
    (void)pthread_mutex_unlock(&p->mutex);
}

void pool_join(struct pool *p) {
    if (p->threads == NULL)
        return;
    pool_close(p);
    for (unsigned i = 0; i < p->thread_len; i++)
        (void)pthread_join(p->threads[i], NULL);
    free(p->threads);
    p->threads = NULL;
    (void)pthread_cond_destroy(&p->wake);
    (void)pthread_mutex_destroy(&p->mutex);
}
