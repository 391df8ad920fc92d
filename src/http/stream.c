#include "http/stream.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "http/exchange.h"

enum {
    DIRTY_MAX = 4096, /* bytes of MHD's buffer that are left as they are: what most events take */
    READS_MAX = 4,    /* in a row, of a stream that is woken each time it was read */
    FEED_MAX = 32,    /* fills handed to a pool at a time */
    GONE_MAX = 64,    /* hang-ups taken from the kernel at a time */
    KEEPALIVE_INTERVAL_S = 15,
    KEEPALIVE_PROBES = 4,
    KEEPALIVE_IDLE_MAX_S = 32767, /* the kernel's */
};

static void fill_run(struct pool_job *job);
static void fill_finished(struct pool_job *job, bool in_time);
static void fill_expired(struct pool_job *job, bool has_run);
static const struct pool_ops fill_ops = {
    .run = fill_run,
    .finished = fill_finished,
    .expired = fill_expired,
};

/* ---- life ---- */

struct http_stream *stream_new(const struct http_stream_ops *ops, void *ctx) {
    struct http_stream *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    s->owner = OWNER_STREAM;
    s->ops = ops;
    s->ctx = ctx;
    s->job.ops = &fill_ops;
    s->dirty = SIZE_MAX;
    atomic_init(&s->refs, 1);
    return s;
}

void stream_unref(struct http_stream *s) {
    if (atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    s->ops->close(s->ctx);
    free(s->piece);
    free(s);
}

void stream_begin(struct http_stream *s, const struct exchange *ex) {
    struct streams *all = &ex->server->streams;
    s->server = ex->server;
    s->connection = ex->connection;
    s->mhd = ex->mhd;
    s->start_us = ex->start_us;
    memcpy(s->id, ex->id, sizeof s->id);
    gauge_add(all->open, 1);
    (void)pthread_mutex_lock(&all->mutex);
    s->next = all->first;
    if (s->next != NULL)
        s->next->prev = s;
    all->first = s;
    (void)pthread_mutex_unlock(&all->mutex);
}

/* ---- waiting ---- */

static void suspend(struct http_stream *s) {
    s->is_suspended = true;
    atomic_fetch_add(&s->server->streams.suspended, 1);
    MHD_suspend_connection(s->mhd);
}

static void note_resumed(struct http_stream *s) {
    if (!s->is_suspended)
        return;
    s->is_suspended = false;
    struct http_server *server = s->server;
    if (atomic_fetch_sub(&server->streams.suspended, 1) == 1 && atomic_load(&server->is_stopping)) {
        (void)pthread_mutex_lock(&server->mutex);
        (void)pthread_cond_broadcast(&server->changed);
        (void)pthread_mutex_unlock(&server->mutex);
    }
}

static void wake(struct http_stream *s, unsigned why) {
    unsigned before = atomic_fetch_or(&s->flags, STREAM_WOKEN | why);
    if ((before & (STREAM_WOKEN | STREAM_WAITING)) == STREAM_WAITING)
        MHD_resume_connection(s->mhd);
}

void http_stream_wake(struct http_stream *s) {
    if (s != NULL)
        wake(s, 0);
}

/* MHD does not look at the socket of a suspended connection, so the kernel is asked to tell when the client hangs up, and to find
 * out when its machine is gone without a word. What was sent and not taken for as long as a client may be idle ends it, too. */
static bool watch_client(struct http_stream *s) {
    if (s->is_watched)
        return true;
    int fd = s->connection->fd, on = 1, interval_s = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;
    unsigned idle = s->server->options.limits.idle_timeout_s;
    int idle_s = idle < KEEPALIVE_IDLE_MAX_S ? (int)idle : KEEPALIVE_IDLE_MAX_S;
    int unread_ms = (idle_s + interval_s * probes) * 1000;
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unread_ms, sizeof unread_ms);
    struct epoll_event event = { .events = EPOLLRDHUP | EPOLLET, .data = { .ptr = s } };
    s->is_watched = epoll_ctl(s->server->streams.epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
    return s->is_watched;
}

static ssize_t end_with(struct http_stream *s, enum stream_outcome outcome, ssize_t mhd_code) {
    s->outcome = outcome;
    return mhd_code;
}

static ssize_t fail(struct http_stream *s, enum stream_outcome outcome) {
    return end_with(s, outcome, MHD_CONTENT_READER_END_WITH_ERROR);
}

static void set_deadline(struct http_stream *s, int64_t deadline_ms) {
    atomic_store_explicit(&s->connection->deadline_ms, deadline_ms, memory_order_relaxed);
}

static void client_has_time(struct http_stream *s) {
    set_deadline(s, clock_mono_ms(s->server->options.clock) +
                        (int64_t)s->server->options.limits.idle_timeout_s * 1000);
}

static void drop_piece(struct http_stream *s) {
    free(s->piece);
    s->piece = NULL;
}

/* MHD has wiped the buffer for this request, which made every page of it real, and keeps it as long as the watch. There is nothing in
 * it when it asks for more, so while nothing comes its whole pages are the system's. */
static void give_pages_back(struct http_stream *s, char *out, size_t max) {
    if (s->dirty <= DIRTY_MAX)
        return;
    s->dirty = 0;
    size_t page = s->server->streams.page_bytes, before = (page - (uintptr_t)out % page) % page;
    if (max > before + page)
        (void)madvise(out + before, (max - before) / page * page, MADV_DONTNEED);
}

static ssize_t wait_until_woken(struct http_stream *s, char *out, size_t max) {
    if (atomic_load(&s->server->is_stopping)) {
        client_has_time(s);
        return end_with(s, STREAM_STOPPED, MHD_CONTENT_READER_END_OF_STREAM);
    }
    if (atomic_load(&s->flags) & STREAM_GONE)
        return fail(s, STREAM_LOST);
    if (!watch_client(s))
        return fail(s, STREAM_FAILED);
    drop_piece(s);
    give_pages_back(s, out, max);
    set_deadline(s, 0);
    suspend(s);
    if (atomic_fetch_or(&s->flags, STREAM_WAITING) & STREAM_WOKEN)
        MHD_resume_connection(s->mhd); /* woken after read had looked: nobody else resumes it */
    return 0;
}

/* ---- filling ---- */

static struct http_stream *of_job(struct pool_job *job) {
    return (struct http_stream *)(void *)((char *)job - offsetof(struct http_stream, job));
}

static void fill_run(struct pool_job *job) {
    struct http_stream *s = of_job(job);
    s->ops->fill(s->ctx);
}

static void fill_finished(struct pool_job *job, bool in_time) {
    struct http_stream *s = of_job(job);
    if (in_time)
        MHD_resume_connection(s->mhd);
    stream_unref(s);
}

static void cut(struct http_stream *s) {
    atomic_fetch_or(&s->flags, STREAM_CUT);
    MHD_resume_connection(s->mhd);
}

static void fill_expired(struct pool_job *job, bool has_run) {
    struct http_stream *s = of_job(job);
    cut(s);
    if (!has_run)
        stream_unref(s);
}

/* Under the mutex. */
static void leave_line(struct stream_line *line) {
    line->first = line->first->behind;
    if (line->first == NULL)
        line->last = NULL;
    atomic_fetch_sub(&line->len, 1);
}

/* Under the mutex, for which HTTP threads may be waiting: not too many at a time. Each brings has_room again when it is done. */
static void feed(struct stream_line *line) {
    const struct http_options *o = &line->server->options;
    for (int i = 0; i < FEED_MAX && line->first != NULL; i++) {
        struct pool_job *job = &line->first->job;
        job->deadline_ms = clock_mono_ms(o->clock) + (int64_t)o->limits.response_timeout_s * 1000;
        if (!pool_push_patient(line->pool, job))
            return;
        leave_line(line);
    }
}

static void line_has_room(void *ctx) {
    struct stream_line *line = ctx;
    struct streams *all = &line->server->streams;
    if (atomic_load(&line->len) == 0)
        return;
    (void)pthread_mutex_lock(&all->mutex);
    feed(line);
    (void)pthread_mutex_unlock(&all->mutex);
}

static struct stream_line *line_of(struct http_stream *s) {
    struct streams *all = &s->server->streams;
    const struct pool *pool = exchange_pool(s->server,
                                            s->ops->run == HTTP_RUN_LOOP ? HTTP_RUN_WORK : s->ops->run);
    struct stream_line *line = all->lines;
    while (line->pool != pool)
        line++;
    return line;
}

static ssize_t wait_for_worker(struct http_stream *s) {
    struct streams *all = &s->server->streams;
    struct stream_line *line = line_of(s);
    drop_piece(s);
    set_deadline(s, 0);
    (void)pthread_mutex_lock(&all->mutex);
    bool lines_up = !all->is_closed;
    if (lines_up) {
        suspend(s);
        atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
        s->behind = NULL;
        *(line->last != NULL ? &line->last->behind : &line->first) = s;
        line->last = s;
        atomic_fetch_add(&line->len, 1);
        feed(line);
    }
    (void)pthread_mutex_unlock(&all->mutex);
    return lines_up ? 0 : fail(s, STREAM_STOPPED);
}

/* ---- sending ---- */

static ssize_t note_sent(struct http_stream *s, size_t len) {
    s->bytes += len;
    if (s->dirty < len)
        s->dirty = len;
    client_has_time(s);
    return (ssize_t)len;
}

static ssize_t send_rest(struct http_stream *s, char *out, size_t max) {
    size_t len = s->piece_len - s->piece_sent;
    if (len > max)
        len = max;
    memcpy(out, s->piece + s->piece_sent, len);
    s->piece_sent += len;
    return note_sent(s, len);
}

/* Asks again when the stream was woken while it was asked: that is cheaper than a suspension that ends at once. */
static enum http_stream_state ask(struct http_stream *s, char *out, size_t *ret_len) {
    enum http_stream_state state;
    unsigned reads = 0;
    do {
        (void)atomic_fetch_and(&s->flags, ~(unsigned)(STREAM_WOKEN | STREAM_WAITING));
        state = s->ops->read(s->ctx, out, HTTP_STREAM_PIECE, ret_len);
    } while (state == HTTP_STREAM_WAIT && ++reads < READS_MAX && (atomic_load(&s->flags) & STREAM_WOKEN));
    return state;
}

static ssize_t send_data(struct http_stream *s, size_t len, char *out, size_t max) {
    if (len == 0 || len > HTTP_STREAM_PIECE) {
        log_error(s->server->options.log, s->id, "stream_read_broken", KV("bytes", len));
        return fail(s, STREAM_FAILED);
    }
    if (s->piece != NULL) {
        s->piece_len = len;
        s->piece_sent = 0;
        return send_rest(s, out, max);
    }
    return note_sent(s, len);
}

ssize_t stream_read(void *cls, uint64_t position, char *out, size_t max) {
    (void)position;
    struct http_stream *s = cls;
    note_resumed(s);
    if (atomic_load(&s->flags) & STREAM_CUT)
        return fail(s, STREAM_LATE);
    if (s->piece != NULL && s->piece_sent < s->piece_len)
        return send_rest(s, out, max);
    /* A large head leaves MHD less than a piece. */
    if (max < HTTP_STREAM_PIECE && s->piece == NULL && (s->piece = malloc(HTTP_STREAM_PIECE)) == NULL)
        return fail(s, STREAM_FAILED);
    size_t len = 0;
    switch (ask(s, s->piece != NULL ? s->piece : out, &len)) {
    case HTTP_STREAM_DATA: return send_data(s, len, out, max);
    case HTTP_STREAM_WAIT: return wait_until_woken(s, out, max);
    case HTTP_STREAM_FILL: return wait_for_worker(s);
    case HTTP_STREAM_END:
        client_has_time(s);
        return end_with(s, STREAM_COMPLETE, MHD_CONTENT_READER_END_OF_STREAM);
    case HTTP_STREAM_FAIL: break;
    }
    return fail(s, STREAM_FAILED);
}

static void log_end(const struct http_stream *s, bool complete) {
    static const char *const names[] = {
        [STREAM_COMPLETE] = "complete", [STREAM_FAILED] = "failed",   [STREAM_LOST] = "client",
        [STREAM_LATE] = "timeout",      [STREAM_STOPPED] = "stopped",
    };
    enum stream_outcome outcome = s->outcome;
    if (outcome == STREAM_RUNS || (outcome == STREAM_COMPLETE && !complete)) /* MHD gave up sending */
        outcome = STREAM_LOST;
    if (outcome != STREAM_COMPLETE && atomic_load(&s->server->is_stopping))
        outcome = STREAM_STOPPED;
    log_info(s->server->options.log, s->id, "stream_end", KV("end", names[outcome]), KV("bytes", s->bytes),
             KV("ms", (exchange_now_us() - s->start_us) / 1000));
}

void stream_end(struct http_stream *s, bool complete) {
    struct streams *all = &s->server->streams;
    note_resumed(s);
    (void)pthread_mutex_lock(&all->mutex);
    *(s->prev != NULL ? &s->prev->next : &all->first) = s->next;
    if (s->next != NULL)
        s->next->prev = s->prev;
    if (s->is_watched)
        (void)epoll_ctl(all->epoll_fd, EPOLL_CTL_DEL, s->connection->fd, NULL);
    (void)pthread_mutex_unlock(&all->mutex);
    gauge_add(all->open, -1);
    log_end(s, complete);
    stream_unref(s);
}

/* ---- all of them ---- */

enum err_code streams_init(struct http_server *server, struct err *err) {
    struct streams *all = &server->streams;
    struct pool *pools[] = { &server->work, &server->login, &server->directory };
    for (size_t i = 0; i < ARRAY_LEN(pools); i++) {
        all->lines[i].server = server;
        all->lines[i].pool = pools[i];
        pools[i]->has_room = line_has_room;
        pools[i]->has_room_ctx = &all->lines[i];
    }
    (void)pthread_mutex_init(&all->mutex, NULL);
    long page_bytes = sysconf(_SC_PAGESIZE);
    all->page_bytes = page_bytes > 0 ? (size_t)page_bytes : 4096;
    all->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    return all->epoll_fd >= 0 ? ERR_OK : err_set(err, ERR_UNAVAILABLE, "no epoll: %s", strerror(errno));
}

void streams_done(struct http_server *server) {
    if (server->streams.epoll_fd >= 0)
        (void)close(server->streams.epoll_fd);
    (void)pthread_mutex_destroy(&server->streams.mutex);
}

void streams_tick(struct http_server *server) {
    struct streams *all = &server->streams;
    struct epoll_event gone[GONE_MAX];
    int len;
    do {
        /* Under the mutex, so that nobody of whom the kernel tells ends meanwhile. */
        (void)pthread_mutex_lock(&all->mutex);
        len = epoll_wait(all->epoll_fd, gone, GONE_MAX, 0);
        for (int i = 0; i < len; i++)
            wake(gone[i].data.ptr, STREAM_GONE);
        (void)pthread_mutex_unlock(&all->mutex);
    } while (len == GONE_MAX);
    for (size_t i = 0; i < ARRAY_LEN(all->lines); i++)
        line_has_room(&all->lines[i]);
}

static void wake_all(struct streams *all) {
    for (struct http_stream *s = all->first; s != NULL; s = s->next)
        wake(s, 0);
}

void streams_stop(struct http_server *server) {
    struct streams *all = &server->streams;
    (void)pthread_mutex_lock(&all->mutex);
    wake_all(all);
    (void)pthread_mutex_unlock(&all->mutex);
}

void streams_close(struct http_server *server) {
    struct streams *all = &server->streams;
    (void)pthread_mutex_lock(&all->mutex);
    all->is_closed = true;
    for (size_t i = 0; i < ARRAY_LEN(all->lines); i++)
        while (all->lines[i].first != NULL) {
            struct http_stream *s = all->lines[i].first;
            leave_line(&all->lines[i]);
            cut(s);
            stream_unref(s); /* never the last: its connection waits for the mutex to let go */
        }
    wake_all(all);
    (void)pthread_mutex_unlock(&all->mutex);
}

void streams_wait(struct http_server *server) {
    (void)pthread_mutex_lock(&server->mutex);
    while (atomic_load(&server->streams.suspended) > 0)
        (void)pthread_cond_wait(&server->changed, &server->mutex);
    (void)pthread_mutex_unlock(&server->mutex);
}
