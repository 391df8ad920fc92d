#include "server/settle.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

struct settle {
    int fd;
    int64_t wait_ms;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t built_more;
    int64_t wanted, taken, built;
};

enum err_code settle_new(int64_t wait_ms, struct settle **ret, struct err *err) {
    struct settle *s = calloc(1, sizeof *s);
    pthread_condattr_t attributes;
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "the server");
    s->wait_ms = wait_ms;
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0) {
        free(s);
        return err_set(err, ERR_INTERNAL, "eventfd: %s", strerror(errno));
    }
    (void)pthread_mutex_init(&s->mutex, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->built_more, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    *ret = s;
    return ERR_OK;
}

void settle_free(struct settle *s) {
    if (s == NULL)
        return;
    (void)close(s->fd);
    (void)pthread_cond_destroy(&s->built_more);
    (void)pthread_mutex_destroy(&s->mutex);
    free(s);
}

int settle_fd(const struct settle *s) { return s->fd; }

void settle_want(struct settle *s, int64_t revision) {
    const uint64_t one = 1;
    (void)pthread_mutex_lock(&s->mutex);
    if (revision > s->wanted)
        s->wanted = revision;
    (void)pthread_mutex_unlock(&s->mutex);
    (void)!write(s->fd, &one, sizeof one); /* fails only when it is readable anyway */
}

int64_t settle_take(struct settle *s) {
    uint64_t count;
    (void)!read(s->fd, &count, sizeof count);
    (void)pthread_mutex_lock(&s->mutex);
    int64_t revision = s->wanted > s->taken ? s->wanted : 0;
    s->taken = s->wanted;
    (void)pthread_mutex_unlock(&s->mutex);
    return revision;
}

void settle_done(struct settle *s, int64_t revision) {
    (void)pthread_mutex_lock(&s->mutex);
    if (revision > s->built)
        s->built = revision;
    (void)pthread_cond_broadcast(&s->built_more);
    (void)pthread_mutex_unlock(&s->mutex);
}

void settle_wait(struct settle *s, int64_t revision) {
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t nanoseconds = until.tv_nsec + s->wait_ms % 1000 * 1000000;
    until.tv_sec += s->wait_ms / 1000 + nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    (void)pthread_mutex_lock(&s->mutex);
    int64_t needed = s->wanted < revision ? s->wanted : revision;
    /* What is wanted stands in the order of revisions: all that `revision` needs is built with the first snapshot that has `needed`. */
    while (s->built < needed && pthread_cond_timedwait(&s->built_more, &s->mutex, &until) == 0)
        continue;
    (void)pthread_mutex_unlock(&s->mutex);
}
