#include "connector/ldap/transport.h"
#include "connector/ldap/limits.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* ---- names ---- */

struct ldap_resolver {
    _Atomic int refs; /* the owner and every look-up under way */
};
struct lookup {
    struct ldap_resolver *resolver;
    pthread_mutex_t lock;
    pthread_cond_t done_cond;
    bool done;
    bool abandoned; /* nobody waits any more: the thread frees it */
    char *host;
    char port[8];
    int rc;
    struct addrinfo *result;
};

struct ldap_resolver *ldap_resolver_new(void) {
    struct ldap_resolver *r = calloc(1, sizeof *r);
    if (r != NULL)
        atomic_init(&r->refs, 1);
    return r;
}

void ldap_resolver_free(struct ldap_resolver *r) {
    if (r != NULL && atomic_fetch_sub(&r->refs, 1) == 1)
        free(r);
}

static void lookup_free(struct lookup *l) {
    if (l == NULL)
        return;
    if (l->result != NULL)
        freeaddrinfo(l->result);
    (void)pthread_mutex_destroy(&l->lock);
    (void)pthread_cond_destroy(&l->done_cond);
    ldap_resolver_free(l->resolver);
    free(l->host);
    free(l);
}
DEFINE_AUTO_FREE(lookup_free, struct lookup);

static struct lookup *lookup_new(struct ldap_resolver *r, const char *host, uint16_t port) {
    struct lookup *l = calloc(1, sizeof *l);
    if (l == NULL)
        return NULL;
    pthread_condattr_t attr;
    (void)pthread_condattr_init(&attr);
    (void)pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&l->lock, NULL);
    (void)pthread_cond_init(&l->done_cond, &attr);
    (void)pthread_condattr_destroy(&attr);
    (void)atomic_fetch_add(&r->refs, 1);
    l->resolver = r;
    (void)snprintf(l->port, sizeof l->port, "%u", (unsigned)port);
    l->host = str_dup_c(host);
    if (l->host == NULL) {
        lookup_free(l);
        return NULL;
    }
    return l;
}

static int look_up(struct lookup *l, int flags) {
    const struct addrinfo hints = { .ai_family = AF_UNSPEC,
                                    .ai_socktype = SOCK_STREAM,
                                    .ai_flags = AI_NUMERICSERV | flags };
    return getaddrinfo(l->host, l->port, &hints, &l->result);
}

static void *lookup_thread(void *arg) {
    struct lookup *l = arg;
    l->rc = look_up(l, AI_ADDRCONFIG);
    if (l->rc != 0)
        l->rc = look_up(l, 0); /* a machine with only a loopback address has none "configured" */
    (void)pthread_mutex_lock(&l->lock);
    l->done = true;
    bool mine = l->abandoned;
    (void)pthread_cond_signal(&l->done_cond);
    (void)pthread_mutex_unlock(&l->lock);
    if (mine)
        lookup_free(l);
    return NULL;
}

static struct timespec monotonic_in(int64_t ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += (ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* True: done, the look-up is the caller's. False: time is up, the thread has it. */
static bool lookup_wait(struct lookup *l, int64_t ms) {
    struct timespec until = monotonic_in(ms > 0 ? ms : 0);
    (void)pthread_mutex_lock(&l->lock);
    int rc = 0;
    while (!l->done && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&l->done_cond, &l->lock, &until);
    bool done = l->done;
    l->abandoned = !done;
    (void)pthread_mutex_unlock(&l->lock);
    return done;
}

static enum err_code resolve_name(struct ldap_resolver *r, struct lookup **l, int64_t ms, struct err *err) {
    if (atomic_load(&r->refs) > 1 + LDAP_RESOLVERS_MAX + 1)
        return err_set(err, ERR_UNAVAILABLE, "%s: too many name look-ups are hanging", (*l)->host);
    pthread_attr_t attr;
    (void)pthread_attr_init(&attr);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int rc = pthread_create(&thread, &attr, lookup_thread, *l);
    (void)pthread_attr_destroy(&attr);
    if (rc != 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: no thread for the name look-up", (*l)->host);
    if (!lookup_wait(*l, ms)) {
        *l = NULL;
        return err_set(err, ERR_TIMEOUT, "the name look-up takes too long");
    }
    if ((*l)->rc != 0)
        return err_set(err, ERR_UNAVAILABLE, "%s: %s", (*l)->host, gai_strerror((*l)->rc));
    return ERR_OK;
}

/* ---- the stream ---- */

ssize_t ldap_stream_read(struct ldap_stream *s, void *out, size_t len) {
    if (s->at == s->len) {
        if (len >= sizeof s->in)
            return recv(s->fd, out, len, 0);
        ssize_t n = recv(s->fd, s->in, sizeof s->in, 0);
        if (n <= 0)
            return n;
        s->at = 0;
        s->len = (size_t)n;
    }
    size_t n = s->len - s->at < len ? s->len - s->at : len;
    memcpy(out, &s->in[s->at], n);
    s->at += n;
    return (ssize_t)n;
}

ssize_t ldap_stream_write(struct ldap_stream *s, const void *data, size_t len) {
    return send(s->fd, data, len, MSG_NOSIGNAL);
}

bool ldap_stream_has_input(const struct ldap_stream *s) { return s->at < s->len; }

void ldap_stream_close(struct ldap_stream *s) {
    if (s->fd >= 0)
        (void)close(s->fd);
    s->fd = -1;
    s->at = s->len = 0;
}

bool ldap_stream_is_quiet(const struct ldap_stream *s) {
    struct pollfd p = { .fd = s->fd, .events = POLLIN | POLLRDHUP };
    return s->fd >= 0 && !ldap_stream_has_input(s) && poll(&p, 1, 0) == 0;
}

static bool wait_fd(int fd, short events, const struct clock *clock, int64_t deadline_mono_ms) {
    for (;;) {
        int64_t left = deadline_mono_ms - clock_mono_ms(clock);
        if (left <= 0)
            return false;
        struct pollfd p = { .fd = fd, .events = events };
        int n = poll(&p, 1, left > 60000 ? 60000 : (int)left);
        if (n > 0 || (n < 0 && errno != EINTR))
            return true; /* the next operation on the descriptor says what is wrong, if anything is */
    }
}

bool ldap_stream_wait(const struct ldap_stream *s, short events, const struct clock *clock,
                      int64_t deadline_mono_ms) {
    return wait_fd(s->fd, events, clock, deadline_mono_ms);
}

/* ---- connecting ---- */

static void tune(int fd) {
    const int on = 1, idle_s = 60, interval_s = 15, count = 4;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

static enum err_code connect_one(const struct addrinfo *ai, const struct clock *clock, int64_t deadline,
                                 int *ret_fd, struct err *err) {
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_set(err, ERR_UNAVAILABLE, "socket: %s", strerror(errno));
    tune(fd);
    int failure = connect(fd, ai->ai_addr, ai->ai_addrlen) == 0 ? 0 : errno;
    if (failure == EINPROGRESS) {
        if (!wait_fd(fd, POLLOUT, clock, deadline)) {
            (void)close(fd);
            return err_set(err, ERR_TIMEOUT, "connect: no answer in time");
        }
        socklen_t len = sizeof failure;
        if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &len) != 0)
            failure = errno;
    }
    if (failure != 0) {
        (void)close(fd);
        return err_set(err, ERR_UNAVAILABLE, "connect: %s", strerror(failure));
    }
    *ret_fd = fd;
    return ERR_OK;
}

enum err_code ldap_stream_connect(struct ldap_stream *s, struct ldap_resolver *r, const char *host,
                                  uint16_t port, const struct clock *clock, int64_t deadline_mono_ms,
                                  struct err *err) {
    s->fd = -1;
    s->at = s->len = 0;
    AUTO_FREE(lookup_free) struct lookup *l = lookup_new(r, host, port);
    if (l == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (look_up(l, AI_NUMERICHOST) != 0) {
        enum err_code rc = resolve_name(r, &l, deadline_mono_ms - clock_mono_ms(clock), err);
        if (rc != ERR_OK)
            return rc;
    }
    int64_t addresses = 0;
    for (const struct addrinfo *ai = l->result; ai != NULL && addresses < LDAP_ADDRESSES_MAX;
         ai = ai->ai_next)
        addresses++;
    enum err_code rc = err_set(err, ERR_UNAVAILABLE, "%s has no address", host);
    for (const struct addrinfo *ai = l->result; ai != NULL && addresses > 0; ai = ai->ai_next, addresses--) {
        int64_t now = clock_mono_ms(clock);
        rc = connect_one(ai, clock, now + (deadline_mono_ms - now) / addresses, &s->fd, err);
        if (rc == ERR_OK)
            return ERR_OK;
    }
    return rc;
}
