#include "connector/ldap/pool.h"
#include "connector/ldap/limits.h"
#include <errno.h>
#include <ldap.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

/* A circuit breaker. closed -> (failures in a row) -> open until `open_until_ms` -> one caller probes -> closed or open for
 * twice as long. */
struct server {
    struct ldap_target target;
    unsigned failures;
    int64_t delay_ms, open_until_ms;
    bool probing;
    char last_error[320];
};

struct ldap_pool {
    struct ldap_pool_options o;
    struct ldap_resolver *resolver;
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t left;  /* for logins: one has left */
    pthread_cond_t room;  /* for listings: look again */
    size_t inside, waiting, listings;
    struct server servers[LDAP_HOSTS_MAX];
    struct ldap_lease *idle[LDAP_PURPOSES]; /* stacks of poolSize: the most recently used on top */
    size_t idle_len[LDAP_PURPOSES];
    struct counter *opened, *failed;
    _Atomic int last_contact; /* enum err_code */
};

/* ---- life ---- */

static bool init_sync(struct ldap_pool *p) {
    pthread_condattr_t attr;
    if (pthread_condattr_init(&attr) != 0)
        return false;
    bool ok = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0;
    bool left = ok && pthread_cond_init(&p->left, &attr) == 0;
    bool room = left && pthread_cond_init(&p->room, &attr) == 0;
    (void)pthread_condattr_destroy(&attr);
    if (room && pthread_mutex_init(&p->lock, NULL) == 0)
        return true;
    if (left)
        (void)pthread_cond_destroy(&p->left);
    if (room)
        (void)pthread_cond_destroy(&p->room);
    return false;
}

static void init_metrics(struct ldap_pool *p) {
    char label[160];
    (void)snprintf(label, sizeof label, "connector=\"%s\"", p->o.id);
    p->opened = metrics_counter(p->o.metrics, "tkeauth_ldap_connections_opened_total", label,
                                "Connections made to the directory.");
    p->failed = metrics_counter(p->o.metrics, "tkeauth_ldap_failures_total", label,
                                "Connections that failed and requests that were not answered in time.");
}

enum err_code ldap_pool_new(const struct ldap_pool_options *o, struct ldap_pool **ret, struct err *err) {
    struct ldap_pool *p = calloc(1, sizeof *p);
    if (p == NULL || !init_sync(p)) {
        free(p);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    p->o = *o;
    p->resolver = ldap_resolver_new();
    bool ok = p->resolver != NULL;
    for (size_t i = 0; i < LDAP_PURPOSES; i++)
        ok &= (p->idle[i] = calloc((size_t)o->config->pool_size, sizeof *p->idle[i])) != NULL;
    if (!ok) {
        ldap_pool_free(p);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < o->host_count; i++)
        p->servers[i].target = (struct ldap_target) { .host = o->hosts[i].name,
                                                      .port = o->hosts[i].port,
                                                      .tls = o->tls,
                                                      .start_tls = o->config->start_tls,
                                                      .resolver = p->resolver,
                                                      .clock = o->clock };
    init_metrics(p);
    *ret = p;
    return ERR_OK;
}

void ldap_pool_free(struct ldap_pool *p) {
    if (p == NULL)
        return;
    for (size_t kind = 0; kind < LDAP_PURPOSES; kind++) {
        for (size_t i = 0; i < p->idle_len[kind]; i++)
            ldap_conn_free(p->idle[kind][i].conn);
        free(p->idle[kind]);
    }
    ldap_resolver_free(p->resolver);
    (void)pthread_cond_destroy(&p->left);
    (void)pthread_cond_destroy(&p->room);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}

static void lock(struct ldap_pool *p) { (void)pthread_mutex_lock(&p->lock); }
static void unlock(struct ldap_pool *p) { (void)pthread_mutex_unlock(&p->lock); }

/* ---- visits ---- */

static struct timespec monotonic_in(int64_t ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + ms % 1000 * 1000000;
    t.tv_sec += ms / 1000 + ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    return t;
}

static struct timespec until_deadline(const struct ldap_pool *p, int64_t deadline_mono_ms) {
    int64_t left_ms = deadline_mono_ms - clock_mono_ms(p->o.clock);
    return monotonic_in(left_ms > 0 ? left_ms : 0);
}

static size_t pool_size(const struct ldap_pool *p) { return (size_t)p->o.config->pool_size; }

static enum err_code no_place(const struct ldap_pool *p, struct err *err) {
    return err_set(err, ERR_UNAVAILABLE, "poolSize (%lld) logins are waiting for the directory already",
                   (long long)p->o.config->pool_size);
}

enum err_code ldap_pool_enter(struct ldap_pool *p, int64_t deadline_mono_ms, struct err *err) {
    struct timespec until = until_deadline(p, deadline_mono_ms);
    int rc = 0;
    lock(p);
    p->waiting++;
    while (p->inside >= pool_size(p) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->left, &p->lock, &until);
    p->waiting--;
    bool in = p->inside < pool_size(p);
    p->inside += in;
    if (!in)
        (void)pthread_cond_broadcast(&p->room);
    unlock(p);
    return in ? ERR_OK : no_place(p, err);
}

enum err_code ldap_pool_enter_behind(struct ldap_pool *p, int64_t deadline_mono_ms, struct err *err) {
    struct timespec until = until_deadline(p, deadline_mono_ms);
    int rc = 0;
    lock(p);
    while (p->inside + p->waiting >= pool_size(p) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->room, &p->lock, &until);
    bool in = p->inside + p->waiting < pool_size(p);
    p->inside += in;
    unlock(p);
    return in ? ERR_OK : no_place(p, err);
}

void ldap_pool_leave(struct ldap_pool *p) {
    lock(p);
    p->inside--;
    (void)pthread_cond_signal(&p->left);
    (void)pthread_cond_broadcast(&p->room);
    unlock(p);
}

enum err_code ldap_pool_begin_listing(struct ldap_pool *p, int64_t deadline_mono_ms, struct err *err) {
    struct timespec until = until_deadline(p, deadline_mono_ms);
    size_t max = pool_size(p) / 4 > 0 ? pool_size(p) / 4 : 1;
    int rc = 0;
    lock(p);
    while (p->listings >= max && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&p->room, &p->lock, &until);
    bool in = p->listings < max;
    p->listings += in;
    unlock(p);
    return in ? ERR_OK
              : err_set(err, ERR_UNAVAILABLE, "%zu listings (a quarter of poolSize) are under way already",
                        max);
}

void ldap_pool_end_listing(struct ldap_pool *p) {
    lock(p);
    p->listings--;
    (void)pthread_cond_broadcast(&p->room);
    unlock(p);
}

/* ---- the breaker; all with the lock held ---- */

static void drop_idle(struct ldap_pool *p, enum ldap_purpose purpose, size_t i) {
    ldap_conn_free(p->idle[purpose][i].conn);
    size_t after = --p->idle_len[purpose] - i;
    memmove(&p->idle[purpose][i], &p->idle[purpose][i + 1], after * sizeof *p->idle[purpose]);
}

static void drop_idle_of_server(struct ldap_pool *p, size_t server) {
    for (size_t kind = 0; kind < LDAP_PURPOSES; kind++)
        for (size_t i = p->idle_len[kind]; i-- > 0;)
            if (p->idle[kind][i].server == server)
                drop_idle(p, (enum ldap_purpose)kind, i);
}

static void server_failed(struct ldap_pool *p, size_t i, const struct err *err) {
    struct server *s = &p->servers[i];
    counter_add(p->failed, 1);
    atomic_store(&p->last_contact, (int)err->code);
    (void)snprintf(s->last_error, sizeof s->last_error, "%s", err->detail);
    s->probing = false;
    s->failures++;
    /* With another server to turn to, one failure is enough. */
    if (s->failures < (p->o.host_count > 1 ? 1 : LDAP_BREAKER_FAILURES))
        return;
    s->delay_ms = s->delay_ms == 0 ? LDAP_BREAKER_FIRST_MS : 2 * s->delay_ms;
    if (s->delay_ms > LDAP_BREAKER_LAST_MS)
        s->delay_ms = LDAP_BREAKER_LAST_MS;
    s->open_until_ms = clock_mono_ms(p->o.clock) + s->delay_ms;
    drop_idle_of_server(p, i);
}

static void server_worked(struct ldap_pool *p, size_t i) {
    struct server *s = &p->servers[i];
    atomic_store(&p->last_contact, ERR_OK);
    s->failures = 0;
    s->delay_ms = s->open_until_ms = 0;
    s->probing = false;
}

/* May a connection to this server be tried now? A server that has failed gets one caller at a time. */
static bool server_usable(struct ldap_pool *p, size_t i) {
    struct server *s = &p->servers[i];
    if (s->open_until_ms == 0)
        return true;
    if (s->probing || clock_mono_ms(p->o.clock) < s->open_until_ms)
        return false;
    s->probing = true;
    return true;
}

/* ---- taking and giving ---- */

/* The most recently used sound connection to the server. */
static bool pop_idle(struct ldap_pool *p, enum ldap_purpose purpose, size_t server, struct ldap_lease *ret) {
    int64_t now = clock_mono_ms(p->o.clock), oldest = now - p->o.config->idle_timeout_s * 1000;
    for (size_t i = p->idle_len[purpose]; i-- > 0;) {
        struct ldap_lease *l = &p->idle[purpose][i];
        /* Looking costs a system call with the lock held; what was just in use hardly went away, and if so is replaced. */
        bool look = now - l->idle_since_ms > LDAP_FRESH_MS;
        if (l->idle_since_ms < oldest || (look && !ldap_conn_is_quiet(l->conn))) {
            drop_idle(p, purpose, i);
        } else if (l->server == server) {
            *ret = *l;
            ret->reused = true;
            l->conn = NULL;
            drop_idle(p, purpose, i);
            return true;
        }
    }
    return false;
}

static enum err_code bind_service(struct ldap_pool *p, struct ldap_conn *c, int64_t deadline,
                                  struct err *err) {
    const struct ldap_config *config = p->o.config;
    if (config->bind_dn == NULL)
        return ERR_OK; /* a connection without a bind is anonymous (RFC 4513 4) */
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    struct ldap_bind_reply reply = { 0 };
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    enum err_code rc = ldap_conn_bind(c, a, str_of(config->bind_dn), secret_expose(&config->bind_pw),
                                      deadline, &reply, err);
    if (rc != ERR_OK || reply.code == LDAP_SUCCESS)
        return rc;
    return err_set(err, ERR_UNAVAILABLE, "the bind of bindDN was refused: result %d (%s): %.*s", reply.code,
                   ldap_err2string(reply.code), STR_FMT(str_sub(reply.diagnostic, 0, LDAP_DIAGNOSTIC_MAX)));
}

static enum err_code open_conn(struct ldap_pool *p, enum ldap_purpose purpose, size_t server, bool probe,
                               int64_t deadline, struct ldap_conn **ret, struct err *err) {
    int64_t budget = probe && p->o.host_count > 1 ? LDAP_PROBE_MS : p->o.config->connect_timeout_s * 1000;
    int64_t until = clock_mono_ms(p->o.clock) + budget;
    if (until > deadline)
        until = deadline;
    AUTO_FREE(ldap_conn_free) struct ldap_conn *c = NULL;
    enum err_code rc = ldap_conn_open(&p->servers[server].target, until, &c, err);
    if (rc == ERR_OK && purpose == LDAP_FOR_SERVICE)
        rc = bind_service(p, c, until, err);
    if (rc == ERR_OK)
        *ret = STEAL(c);
    return rc;
}

/* Called with the lock held, returns with it held. */
static enum err_code take_from(struct ldap_pool *p, enum ldap_purpose purpose, size_t server, bool fresh,
                               int64_t deadline, struct ldap_lease *ret, struct err *err) {
    bool probe = p->servers[server].probing;
    if (!fresh && !probe && pop_idle(p, purpose, server, ret))
        return ERR_OK;
    struct ldap_conn *conn = NULL;
    bool patient = deadline - clock_mono_ms(p->o.clock) >= LDAP_PATIENCE_MS;
    unlock(p);
    enum err_code rc = open_conn(p, purpose, server, probe, deadline, &conn, err);
    if (rc != ERR_OK)
        log_warn_err(p->o.log, NULL, "ldap.connect", err, KV("connector", p->o.id));
    lock(p);
    if (rc != ERR_OK) {
        /* A caller who came with no time left says nothing about the server. */
        if (rc != ERR_TIMEOUT || patient)
            server_failed(p, server, err);
        p->servers[server].probing = false;
        return rc;
    }
    counter_add(p->opened, 1);
    server_worked(p, server);
    *ret = (struct ldap_lease) { .conn = conn, .purpose = purpose, .server = server };
    return ERR_OK;
}

enum err_code ldap_pool_take(struct ldap_pool *p, enum ldap_purpose purpose, bool fresh,
                             int64_t deadline_mono_ms, struct ldap_lease *ret, struct err *err) {
    enum err_code rc = ERR_NOT_FOUND; /* no server was tried */
    lock(p);
    for (size_t i = 0; i < p->o.host_count && rc != ERR_OK; i++)
        if (server_usable(p, i))
            rc = take_from(p, purpose, i, fresh, deadline_mono_ms, ret, err);
    if (rc == ERR_NOT_FOUND)
        rc = err_set(err, ERR_UNAVAILABLE, "left alone for a moment after failures, the last: %s",
                     p->servers[0].last_error);
    unlock(p);
    return rc;
}

void ldap_pool_give(struct ldap_pool *p, struct ldap_lease *lease, bool timed_out) {
    enum ldap_purpose purpose = lease->purpose;
    bool sound = !ldap_conn_is_broken(lease->conn);
    lock(p);
    if (timed_out) {
        struct err err = { 0 };
        (void)err_set(&err, ERR_TIMEOUT, "%s: requests are not answered in time",
                      p->servers[lease->server].target.host);
        server_failed(p, lease->server, &err);
    } else if (sound) {
        server_worked(p, lease->server);
    }
    if (sound) {
        if (p->idle_len[purpose] == (size_t)p->o.config->pool_size)
            drop_idle(p, purpose, 0); /* the longest unused one */
        lease->idle_since_ms = clock_mono_ms(p->o.clock);
        p->idle[purpose][p->idle_len[purpose]++] = *lease;
        lease->conn = NULL;
    }
    unlock(p);
    ldap_conn_free(lease->conn);
    lease->conn = NULL;
}

enum err_code ldap_pool_health(const struct ldap_pool *p, struct err *err) {
    int last = atomic_load(&p->last_contact);
    return last == ERR_OK ? ERR_OK
                          : err_set(err, (enum err_code)last, "the last contact with the directory failed");
}
