#include "http/exchange.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SERVER_MEMORY_MAX = 16 << 20, METRIC_LABELS_MAX = 128, LOGIN_THREADS = 4 };

/* ---- options ---- */

static void set_default(unsigned *value, unsigned fallback) {
    if (*value == 0)
        *value = fallback;
}

static void fill_in_limits(struct http_options *o) {
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned cores = online > 0 ? (unsigned)online : 1;
    set_default(&o->threads, cores);
    set_default(&o->login.threads, cores > LOGIN_THREADS ? LOGIN_THREADS : cores > 1 ? cores - 1 : 1);
    set_default(&o->limits.connections, 1024);
    set_default(&o->limits.idle_timeout_s, 60);
    set_default(&o->limits.request_timeout_s, 30);
    set_default(&o->limits.response_timeout_s, 30);
    if (o->limits.connections < o->threads)
        o->limits.connections = o->threads;
    if (o->limits.header_bytes == 0)
        o->limits.header_bytes = 16 << 10;
}

static enum err_code copy_strings(struct arena *a, struct http_strings *strings, struct err *err) {
    const char **copy = arena_array(a, strings->len + 1, sizeof *copy);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the HTTP server");
    for (size_t i = 0; i < strings->len; i++)
        copy[i] = arena_strdup(a, str_of(strings->items[i]));
    strings->items = copy;
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "no memory for the HTTP server") : ERR_OK;
}

static enum err_code read_options(struct http_server *s, struct err *err) {
    struct http_options *o = &s->options;
    fill_in_limits(o);
    s->trusted = arena_array(s->arena, o->trusted_proxies.len + 1, sizeof *s->trusted);
    if (s->trusted == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the HTTP server");
    for (size_t i = 0; i < o->trusted_proxies.len; i++) {
        enum err_code rc = cidr_parse(str_of(o->trusted_proxies.items[i]), &s->trusted[i], err);
        if (rc != ERR_OK)
            return err_context(err, "trusted proxies");
        s->trusted_len++;
    }
    o->trusted_proxies = (struct http_strings) { NULL, 0 };
    s->tls_priorities = arena_strdup(s->arena, str_of(tls_priorities(o->tls_min_version)));
    if (o->tls && tls_priorities(o->tls_min_version) == NULL)
        return err_set(err, ERR_INVALID, "the minimum TLS version \"%s\" is not 1.2 or 1.3",
                       o->tls_min_version);
    return copy_strings(s->arena, &o->cors_origins, err);
}

/* ---- metrics ---- */

static enum err_code add_metrics(struct http_server *s, struct err *err) {
    struct metrics *m = s->options.metrics;
    size_t len = router_len(s->router);
    s->routes = arena_array(s->arena, len + 1, sizeof *s->routes);
    if (s->routes == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the HTTP server");
    for (size_t i = 0; i <= len; i++) {
        const char *name = i < len ? router_entry(s->router, i)->route->metric : "none";
        char labels[METRIC_LABELS_MAX];
        for (unsigned class = 0; class < ARRAY_LEN(s->routes[i].by_class); class ++) {
            (void)snprintf(labels, sizeof labels, "route=\"%s\",code=\"%uxx\"", name ? name : "other",
                           class ? class : 5);
            s->routes[i].by_class[class] = metrics_counter(m, "http_requests_total", labels,
                                                           "Requests answered, by route and status class.");
        }
        (void)snprintf(labels, sizeof labels, "route=\"%s\"", name ? name : "other");
        s->routes[i].latency = metrics_histogram(
            m, "http_request_seconds", labels,
            "From the end of a request's head to its last byte sent, or a stream's first.");
    }
    s->in_flight = metrics_gauge(m, "http_requests_in_flight", "", "Requests being received or answered.");
    s->queue_full = metrics_counter(m, "http_queue_full_total", "",
                                    "Requests refused because a worker queue was full.");
    s->streams.open = metrics_gauge(m, "http_streams", "",
                                    "Answers being made while they are sent: watches.");
    s->connections.open = metrics_gauge(m, "http_connections", "", "Open connections.");
    s->connections.refused = metrics_counter(m, "http_connections_refused_total", "",
                                             "Connections over the limit of one address.");
    s->connections.cut = metrics_counter(m, "http_connections_cut_total", "",
                                         "Connections cut for being too slow.");
    return ERR_OK;
}

/* ---- deadlines ---- */

static int64_t sweep_interval_ms(const struct http_limits *l) {
    unsigned shortest = l->request_timeout_s < l->response_timeout_s ? l->request_timeout_s
                                                                     : l->response_timeout_s;
    int64_t ms = (int64_t)shortest * 1000 / 20;
    return ms > 1000 ? 1000 : ms;
}

static struct timespec in_ms(int64_t ms) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

static void *sweep(void *arg) {
    struct http_server *s = arg;
    (void)pthread_mutex_lock(&s->mutex);
    while (!s->sweeper_ends) {
        struct timespec until = in_ms(sweep_interval_ms(&s->options.limits));
        (void)pthread_cond_timedwait(&s->changed, &s->mutex, &until);
        (void)pthread_mutex_unlock(&s->mutex);
        int64_t now_ms = clock_mono_ms(s->options.clock);
        connections_sweep(&s->connections, now_ms);
        streams_tick(s);
        pool_expire(&s->work, now_ms);
        pool_expire(&s->login, now_ms);
        if (s->directory.threads != NULL)
            pool_expire(&s->directory, now_ms);
        (void)pthread_mutex_lock(&s->mutex);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    return NULL;
}

static void end_sweeper(struct http_server *s) {
    if (!s->has_sweeper)
        return;
    (void)pthread_mutex_lock(&s->mutex);
    s->sweeper_ends = true;
    (void)pthread_cond_broadcast(&s->changed);
    (void)pthread_mutex_unlock(&s->mutex);
    (void)pthread_join(s->sweeper, NULL);
    s->has_sweeper = false;
}

/* ---- life ---- */

static enum err_code init_sync(struct http_server *s, struct err *err) {
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return err_set(err, ERR_NOMEM, "no memory for the HTTP server");
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&s->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&s->mutex, NULL);
    connections_init(&s->connections, s->options.random);
    s->has_mutex = true;
    return ERR_OK;
}

static enum err_code build(struct http_server *s, const struct http_tls *tls, struct err *err) {
    enum err_code rc = init_sync(s, err);
    if (rc != ERR_OK || (rc = streams_init(s, err)) != ERR_OK || (rc = read_options(s, err)) != ERR_OK)
        return rc;
    random_bytes(s->options.random, s->id_key, sizeof s->id_key);
    if ((rc = router_new(s->options.route_tables, &s->router, err)) != ERR_OK)
        return rc;
    if ((rc = add_metrics(s, err)) != ERR_OK)
        return rc;
    s->connections.per_ip_max = s->options.limits.connections_per_ip;
    s->connections.unlimited = s->trusted;
    s->connections.unlimited_len = s->trusted_len;
    if (s->options.tls) {
        if (tls == NULL)
            return err_set(err, ERR_INVALID, "TLS is on, but there is no certificate");
        if ((rc = http_server_set_tls(s, tls, err)) != ERR_OK)
            return rc;
    }
    return listen_open(&s->options, &s->listen_fd, &s->port, err);
}

enum err_code http_server_new(const struct http_options *options, const struct http_tls *tls,
                              struct http_server **ret, struct err *err) {
    AUTO_FREE(http_server_free) struct http_server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the HTTP server");
    s->options = *options;
    s->listen_fd = -1;
    s->arena = arena_new(SERVER_MEMORY_MAX);
    if (s->arena == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the HTTP server");
    enum err_code rc = build(s, tls, err);
    if (rc == ERR_OK)
        *ret = STEAL(s);
    return rc;
}

enum err_code http_server_start(struct http_server *s, struct err *err) {
    struct metrics *m = s->options.metrics;
    static const char help[] = "Requests waiting for a worker.";
    enum err_code rc = pool_start(&s->work, &s->options.work,
                                  metrics_gauge(m, "http_queue_depth", "pool=\"work\"", help), err);
    if (rc == ERR_OK)
        rc = pool_start(&s->login, &s->options.login,
                        metrics_gauge(m, "http_queue_depth", "pool=\"login\"", help), err);
    if (rc == ERR_OK && s->options.directory.threads > 0)
        rc = pool_start(&s->directory, &s->options.directory,
                        metrics_gauge(m, "http_queue_depth", "pool=\"directory\"", help), err);
    if (rc != ERR_OK)
        return rc;
    sigset_t all, old; /* signals are main's: MHD's threads and ours block them */
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&s->sweeper, NULL, sweep, s);
    s->has_sweeper = failed == 0;
    rc = failed == 0 ? listen_start(s, err)
                     : err_set(err, ERR_UNAVAILABLE, "cannot start a thread: %s", strerror(failed));
    (void)pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

unsigned http_server_port(const struct http_server *s) { return s->port; }

enum err_code http_server_set_tls(struct http_server *s, const struct http_tls *tls, struct err *err) {
    struct snapshot *material = NULL;
    enum err_code rc = tls_material_new(tls, &material, err);
    if (rc == ERR_OK)
        snapshot_swap(&s->tls, material);
    return rc;
}

static void drain(struct http_server *s, int64_t drain_ms) {
    struct timespec until = in_ms(drain_ms);
    (void)pthread_mutex_lock(&s->mutex);
    while (atomic_load(&s->running) > 0 &&
           pthread_cond_timedwait(&s->changed, &s->mutex, &until) != ETIMEDOUT)
        continue;
    (void)pthread_mutex_unlock(&s->mutex);
}

/* MHD must not be stopped while a connection is suspended, so streams and pools give theirs up first; workers may still
 * be running handlers, whose answers go nowhere. */
void http_server_stop(struct http_server *s, int64_t drain_ms) {
    if (atomic_exchange(&s->is_stopping, true))
        return;
    if (s->daemon != NULL)
        (void)MHD_quiesce_daemon(s->daemon);
    if (s->listen_fd >= 0)
        (void)close(s->listen_fd);
    s->listen_fd = -1;
    if (s->daemon != NULL) {
        streams_stop(s);
        drain(s, drain_ms);
        streams_close(s);
    }
    pool_close(&s->work);
    pool_close(&s->login);
    pool_close(&s->directory);
    if (s->daemon != NULL)
        streams_wait(s);
    end_sweeper(s);
    if (s->daemon != NULL)
        MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
    pool_join(&s->work);
    pool_join(&s->login);
    pool_join(&s->directory);
}

void http_server_free(struct http_server *s) {
    if (s == NULL)
        return;
    if (s->has_mutex)
        http_server_stop(s, 0);
    if (s->routes != NULL)
        for (size_t i = 0; i <= router_len(s->router); i++)
            snapshot_swap(&s->routes[i].prepared, NULL);
    exchange_free_spares(s);
    snapshot_swap(&s->date, NULL);
    snapshot_swap(&s->tls, NULL);
    if (s->has_mutex) {
        connections_done(&s->connections);
        streams_done(s);
        (void)pthread_cond_destroy(&s->changed);
        (void)pthread_mutex_destroy(&s->mutex);
    }
    router_free(s->router);
    arena_free(s->arena);
    free(s);
}
