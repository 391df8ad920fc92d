/* Lanes: a thread each, which calls its jobs in turn. */
#include "tkeauth/controller.h"

#include "controller/internal.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
    LOOK_EVERY_MS = 60 * 1000, /* whoever should have told of a change may have failed to */
    JOBS_MAX = 4,
};

struct lane {
    struct controller *controller;
    struct job jobs[JOBS_MAX]; /* the first has a turn in every step, the others take turns */
    size_t len, turn;
    _Atomic bool changed;
    int64_t look_at;
    int wake_fd;
    pthread_t thread;
    bool has_thread;
};
struct controller {
    struct controller_options options; /* with strings of its own */
    char *paths[3];
    struct lane lanes[CONTROLLER_LANES];
    _Atomic bool stopping;
};

/* ---- steps ---- */

static void look_around(struct lane *l, int64_t now) {
    bool changed = atomic_exchange(&l->changed, false);
    if (!changed && now < l->look_at)
        return;
    l->look_at = now + LOOK_EVERY_MS;
    for (size_t i = 0; i < l->len; i++)
        if (l->jobs[i].look != NULL)
            l->jobs[i].look(l->jobs[i].self);
}

/* The other jobs, from the one whose turn it is, until one had something to do. */
static int64_t step_others(struct lane *l, int64_t now) {
    int64_t due = INT64_MAX;
    for (size_t i = 1; i < l->len; i++) {
        size_t others = l->len - 1, at = 1 + (l->turn + i - 1) % others;
        int64_t next = l->jobs[at].step(l->jobs[at].self, now);
        due = earlier(due, next);
        if (next <= now) {
            l->turn = at % others; /* the next one begins the next step */
            break;
        }
    }
    return due;
}

int64_t controller_step(struct controller *c, enum controller_lane lane) {
    struct lane *l = &c->lanes[lane];
    int64_t now = clock_mono_ms(c->options.env->clock);
    look_around(l, now);
    int64_t due = earlier(l->jobs[0].step(l->jobs[0].self, now), step_others(l, now));
    due = earlier(due, l->look_at);
    return due <= now ? 0 : due - now;
}

/* ---- threads ---- */

static void wait_for_work(struct lane *l, int64_t ms) {
    struct pollfd fds[1 + JOBS_MAX] = { { .fd = l->wake_fd, .events = POLLIN } };
    nfds_t n = 1;
    uint64_t count;
    for (size_t i = 0; i < l->len; i++)
        if (l->jobs[i].poll_fd >= 0)
            fds[n++] = (struct pollfd) { .fd = l->jobs[i].poll_fd, .events = POLLIN };
    (void)poll(fds, n, (int)earlier(ms, LOOK_EVERY_MS));
    if ((fds[0].revents & POLLIN) != 0)
        while (read(l->wake_fd, &count, sizeof count) < 0 && errno == EINTR)
            ;
}

static void *run_lane(void *arg) {
    struct lane *l = arg;
    struct controller *c = l->controller;
    enum controller_lane which = (enum controller_lane)(l - c->lanes);
    while (!atomic_load(&c->stopping)) {
        int64_t ms = controller_step(c, which);
        if (ms > 0 && !atomic_load(&c->stopping))
            wait_for_work(l, ms);
    }
    return NULL;
}

static void wake(struct lane *l) {
    const uint64_t one = 1;
    while (write(l->wake_fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void controller_changed(struct controller *c) {
    for (size_t i = 0; i < CONTROLLER_LANES; i++)
        if (!atomic_exchange(&c->lanes[i].changed, true))
            wake(&c->lanes[i]);
}

enum err_code controller_start(struct controller *c, struct err *err) {
    for (size_t i = 0; i < CONTROLLER_LANES; i++) {
        int rc = pthread_create(&c->lanes[i].thread, NULL, run_lane, &c->lanes[i]);
        if (rc != 0)
            return err_set(err, ERR_UNAVAILABLE, "a thread of the controller: error %d", rc);
        c->lanes[i].has_thread = true;
    }
    return ERR_OK;
}

/* ---- making and ending ---- */

static enum err_code copy_paths(struct controller *c, struct err *err) {
    const char **paths[] = { &c->options.category_path, &c->options.policy_path, &c->options.role_path };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        if (*paths[i] == NULL)
            continue;
        c->paths[i] = str_dup_c(*paths[i]);
        if (c->paths[i] == NULL)
            return err_set(err, ERR_NOMEM, "a controller");
        *paths[i] = c->paths[i];
    }
    return ERR_OK;
}

typedef enum err_code job_new(const struct controller_options *options, struct job *ret, struct err *err);

static enum err_code fill_lane(struct controller *c, struct lane *l, job_new *const *makers,
                               struct err *err) {
    enum err_code rc = ERR_OK;
    l->controller = c;
    l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->wake_fd < 0)
        return err_set(err, ERR_UNAVAILABLE, "eventfd: %s", strerror(errno));
    for (; rc == ERR_OK && *makers != NULL; makers++) {
        struct job job = { 0 };
        rc = (*makers)(&c->options, &job, err);
        if (job.self != NULL) /* also half made */
            l->jobs[l->len++] = job;
    }
    return rc;
}

enum err_code controller_new(const struct controller_options *options, struct controller **ret,
                             struct err *err) {
    static job_new *const objects[] = { deletions_job, endings_job, defaults_job, conditions_job, NULL },
                          *const directories[] = { directories_job, NULL };
    AUTO_FREE(controller_free) struct controller *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "a controller");
    for (size_t i = 0; i < CONTROLLER_LANES; i++)
        c->lanes[i].wake_fd = -1;
    c->options = *options;
    enum err_code rc = copy_paths(c, err);
    if (rc == ERR_OK)
        rc = fill_lane(c, &c->lanes[CONTROLLER_OBJECTS], objects, err);
    if (rc == ERR_OK)
        rc = fill_lane(c, &c->lanes[CONTROLLER_DIRECTORIES], directories, err);
    if (rc != ERR_OK)
        return rc;
    *ret = STEAL(c);
    return ERR_OK;
}

void controller_free(struct controller *c) {
    if (c == NULL)
        return;
    atomic_store(&c->stopping, true);
    for (size_t i = 0; i < CONTROLLER_LANES; i++)
        if (c->lanes[i].has_thread)
            wake(&c->lanes[i]);
    for (size_t i = 0; i < CONTROLLER_LANES; i++) {
        struct lane *l = &c->lanes[i];
        if (l->has_thread)
            (void)pthread_join(l->thread, NULL);
        for (size_t j = 0; j < l->len; j++)
            l->jobs[j].free(l->jobs[j].self);
        if (l->wake_fd >= 0)
            (void)close(l->wake_fd);
    }
    for (size_t i = 0; i < ARRAY_LEN(c->paths); i++)
        free(c->paths[i]);
    free(c);
}
