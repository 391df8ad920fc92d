/* Start, run, reload, stop. */
#include "tkeauth/server.h"

#include "server/first_admin.h"
#include "server/health.h"
#include "server/notify.h"
#include "server/signing_keys.h"
#include "server/snapshot.h"
#include "server/state.h"
#include "server/tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum {
    TICK_MS = 1000,
    ROTATE_EVERY_S = 10,
    EXPIRE_EVERY_S = 30,
    RENEW_EVERY_S = 3600,
    EXPIRE_BATCH = 1000,
    DRAIN_MS = 10000
};

struct server {
    const char *config_path;
    struct server_state state; /* store, keyring, log ... */
    struct metrics *metrics;
    struct throttle *throttle;
    struct generation *generation;
    struct snapshot_cell current;
    struct retired_snapshots retired;
    struct http_server *main_http, *telemetry_http;
    struct cfg_watch *watch;
    struct arena *tls_arena;
    struct tls_files tls_files;
    char *hsts_host;
    int signal_fd, audit_fd;
    int64_t clients_revision, keys_revision;
    int64_t last_rotation_s, last_expiry_s, last_renewal_s;
    struct promise told_max_age, told_lifetime; /* what caches and token holders were told */
    bool stopping, reload_again;
    const struct route *main_routes[8];
};

/* ---- requests take the snapshot ---- */

static void *acquire_snapshot(void *ctx) {
    struct server *s = ctx;
    return snapshot_acquire(&s->current);
}

static void release_snapshot(void *ctx, void *app) {
    struct server *s = ctx;
    snapshot_release(&s->current, app);
}

/* ---- snapshot ---- */

static struct server_parts parts_of(const struct server *s) {
    return (struct server_parts) { .store = s->state.store,
                                   .clock = clock_system(),
                                   .random = random_system(),
                                   .log = s->state.log,
                                   .metrics = s->metrics };
}

/* A key stays published until the last token it signed has expired: the longest any client's tokens live. */
static int64_t longest_client_ttl(struct server *s) {
    int64_t longest = 0;
    struct snapshot *held = snapshot_acquire(&s->current);
    const struct oidc_provider *p = (const struct oidc_provider *)(const void *)held;
    for (size_t i = 0; p != NULL && i < p->client_count; i++) {
        const struct client *c = &p->clients[i];
        longest = c->id_token_ttl_s > longest ? c->id_token_ttl_s : longest;
        longest = c->access_token_ttl_s > longest ? c->access_token_ttl_s : longest;
    }
    snapshot_release(&s->current, held);
    return longest;
}

static struct signing_keys signing_keys_of(struct server *s) {
    struct signing_keys keys = server_state_signing_keys(&s->state, s->generation->config,
                                                         longest_client_ttl(s));
    struct rotation_policy *policy = &keys.policy;
    int64_t now = clock_now_s(clock_system());
    policy->publish_ahead_s += promise_longest(&s->told_max_age, policy->jwks_max_age_s, now) -
                               policy->jwks_max_age_s;
    policy->keep_after_s = promise_longest(&s->told_lifetime, policy->keep_after_s, now);
    return keys;
}

static void remember_revisions(struct server *s) {
    struct err err;
    if (store_kind_revision(s->state.store, STR("clients"), &s->clients_revision, &err) != ERR_OK)
        s->clients_revision = -1;
    if (store_kind_revision(s->state.store, STR("signingkeys"), &s->keys_revision, &err) != ERR_OK)
        s->keys_revision = -1;
}

static enum err_code rebuild(struct server *s, struct err *err) {
    struct keyset *keys = NULL;
    struct server_snapshot *next = NULL;
    const struct signing_keys signing = signing_keys_of(s);
    const struct server_parts parts = parts_of(s);
    remember_revisions(s); /* before reading: a change in between is seen again, never missed */
    enum err_code rc = signing_keys_load(&signing, &keys, err);
    if (rc != ERR_OK)
        return rc;
    const struct snapshot_inputs in = { .parts = &parts,
                                        .keyring = s->state.keyring,
                                        .throttle = s->throttle,
                                        .rotation = signing.policy,
                                        .keys = keys,
                                        .generation = s->generation,
                                        .retired = &s->retired };
    rc = server_snapshot_new(&in, &next, err);
    if (rc == ERR_OK)
        snapshot_swap(&s->current, &next->oidc.snapshot);
    return rc;
}

/* "setting" and not "key": what stands under that name is not shown. */
static void report_problems(const struct server *s, const struct cfg_problems *problems) {
    for (size_t i = 0; i < problems->len; i++)
        log_error(s->state.log, NULL, "config_problem", KV("file", problems->items[i].source),
                  KV("line", problems->items[i].line), KV("setting", problems->items[i].path),
                  KV("problem", problems->items[i].text));
    for (size_t i = 0; i < problems->warnings; i++)
        log_warn(s->state.log, NULL, "config_warning", KV("file", problems->warning_items[i].source),
                 KV("line", problems->warning_items[i].line), KV("setting", problems->warning_items[i].path),
                 KV("problem", problems->warning_items[i].text));
}

static enum err_code load_generation(struct server *s, struct generation **ret, struct err *err) {
    struct cfg_problems problems;
    const struct server_parts parts = parts_of(s);
    enum err_code rc = cfg_problems_init(&problems, err);
    if (rc != ERR_OK)
        return rc;
    rc = generation_load(s->config_path, &parts, ret, &problems, err);
    report_problems(s, &problems);
    cfg_problems_done(&problems);
    return rc;
}

/* ---- start ---- */

static enum err_code start_log(struct server *s, const struct config *c, struct err *err) {
    s->audit_fd = -1;
    if (c->log.audit_file != NULL) {
        s->audit_fd = open(c->log.audit_file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (s->audit_fd < 0)
            return err_set(err, ERR_UNAVAILABLE, "log.audit_file %s: %s", c->log.audit_file, strerror(errno));
    }
    const struct log_options options = { .level = (enum log_level)c->log.level,
                                         .format = (enum log_format)c->log.format,
                                         .fd = STDERR_FILENO,
                                         .audit_fd = s->audit_fd,
                                         .clock = clock_system() };
    return log_new(&options, &s->state.log, err);
}

static enum err_code start_throttle(struct server *s, const struct config *c, struct err *err) {
    const struct throttle_options options = { .max_failures = (unsigned)c->login.max_failures,
                                              .window_s = c->login.window_s,
                                              .max_delay_s = c->login.max_delay_s,
                                              .entries_max = 100000,
                                              .clock = clock_system(),
                                              .random = random_system() };
    return throttle_new(&options, &s->throttle, err);
}

static struct http_options http_options_of(struct server *s, const struct config *c) {
    return (struct http_options) {
        .address = c->secure_serving.bind_address,
        .port = (unsigned)c->secure_serving.port,
        .threads = (unsigned)c->limits.threads,
        .work = { (unsigned)c->limits.work.threads, (unsigned)c->limits.work.queue },
        .login = { (unsigned)c->limits.login.threads, (unsigned)c->limits.login.queue },
        .directory = { (unsigned)c->limits.directory.threads, (unsigned)c->limits.directory.queue },
        .limits = { .connections = (unsigned)c->limits.connections,
                    .connections_per_ip = (unsigned)c->limits.connections_per_ip,
                    .header_bytes = (size_t)c->limits.header_bytes,
                    .idle_timeout_s = (unsigned)c->limits.idle_timeout_s,
                    .request_timeout_s = (unsigned)c->limits.request_timeout_s,
                    .response_timeout_s = 60 },
        .route_tables = s->main_routes,
        .app = { s, acquire_snapshot, release_snapshot },
        .trusted_proxies = { c->generic.trusted_proxies.items, c->generic.trusted_proxies.len },
        .cors_origins = { c->generic.cors_allowed_origins.items, c->generic.cors_allowed_origins.len },
        .tls = !s->tls_files.off,
        .hsts_host = s->hsts_host,
        .tls_min_version = c->secure_serving.tls_min_version,
        .clock = clock_system(),
        .random = random_system(),
        .log = s->state.log,
        .metrics = s->metrics,
    };
}

static enum err_code start_http(struct server *s, const struct config *c, struct err *err) {
    AUTO(tls_material_done) struct tls_material material = { 0 };
    struct http_tls tls = { 0 };
    size_t n = 0;
    s->main_routes[n++] = oidc_routes;
    s->main_routes[n++] = authz_needs_worker(s->generation->authz) ? authz_routes_on_workers : authz_routes;
    s->main_routes[n++] = health_routes;
    if (c->telemetry.http == NULL)
        s->main_routes[n++] = metrics_routes;
    if (!s->tls_files.off) {
        enum err_code rc = tls_material_load(&s->tls_files, &material, &tls, err);
        if (rc != ERR_OK)
            return tls_files_context(&s->tls_files, err);
    }
    s->hsts_host = str_dup_c(s->tls_files.hsts_host); /* outlives a reload of the certificates */
    const struct http_options options = http_options_of(s, c);
    enum err_code rc = http_server_new(&options, s->tls_files.off ? NULL : &tls, &s->main_http, err);
    if (rc != ERR_OK)
        return s->tls_files.off ? rc : tls_files_context(&s->tls_files, err);
    return http_server_start(s->main_http, err);
}

/* Plain HTTP, for a scraper on the same machine or pod: health and metrics only. */
static enum err_code start_telemetry(struct server *s, const struct config *c, struct err *err) {
    static const struct route *const routes[] = { health_routes, metrics_routes, NULL };
    if (c->telemetry.http == NULL)
        return ERR_OK;
    struct str text = str_of(c->telemetry.http);
    size_t colon = str_rfind(text, ':');
    uint64_t port = 0;
    if (colon == text.len || parse_u64(str_from(text, colon + 1), 0, 65535, &port, err) != ERR_OK)
        return err_set(err, ERR_INVALID, "telemetry.http: write it like 127.0.0.1:9452");
    AUTO(strbuf_done) struct strbuf address = STRBUF(256);
    strbuf_add(&address, str_sub(text, 0, colon));
    struct http_options options = http_options_of(s, c);
    options.address = address.len ? strbuf_c(&address) : "127.0.0.1";
    options.port = (unsigned)port;
    options.threads = 1;
    options.work = options.login = (struct http_pool_options) { 1, 16 };
    options.directory = (struct http_pool_options) { 0 };
    options.route_tables = routes;
    options.tls = false;
    enum err_code rc = http_server_new(&options, NULL, &s->telemetry_http, err);
    return rc == ERR_OK ? http_server_start(s->telemetry_http, err) : rc;
}

/* Watches the files of the configuration in force, or before the first one only its own. A change between the reading of a file and
 * this call would be nobody's: the watch there was before has seen it, and is asked last. */
static enum err_code watch_files(struct server *s, struct err *err) {
    AUTO_FREE(cfg_watch_free) struct cfg_watch *fresh = NULL;
    const struct cfg_strings none = { 0 };
    const struct cfg_strings *named = s->generation ? &s->generation->config->files : &none;
    const char *const own[] = { s->config_path, s->tls_files.certificate, s->tls_files.key,
                                s->tls_files.client_ca };
    enum err_code rc = cfg_watch_new(&fresh, err);
    for (size_t i = 0; rc == ERR_OK && i < ARRAY_LEN(own); i++)
        if (own[i] != NULL)
            rc = cfg_watch_add(fresh, own[i], err);
    for (size_t i = 0; rc == ERR_OK && i < named->len; i++)
        rc = cfg_watch_add(fresh, named->items[i], err);
    if (rc != ERR_OK)
        return rc;
    if (s->watch != NULL && cfg_watch_changed(s->watch))
        s->reload_again = true;
    cfg_watch_free(s->watch);
    s->watch = STEAL(fresh);
    return ERR_OK;
}

static enum err_code start_signals(struct server *s, struct err *err) {
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL); /* before any thread exists: they inherit it */
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return s->signal_fd < 0 ? err_set(err, ERR_INTERNAL, "signalfd: %s", strerror(errno)) : ERR_OK;
}

static void print_ready(struct server *s, const char *admin) {
    struct str issuer = s->generation->issuer;
    (void)printf("ready issuer=%.*s ca=%s admin=%s\n", STR_FMT(issuer),
                 s->tls_files.local_ca ? s->tls_files.local_ca : "-", admin ? admin : "-");
    (void)fflush(stdout);
}

/* Everything that needs the first configuration, in order. */
static enum err_code start_parts(struct server *s, const struct config *first, struct err *err) {
    bool changed = false;
    enum err_code rc = start_log(s, first, err);
    if (rc == ERR_OK)
        rc = server_state_open(&s->state, first, s->metrics, false, err);
    if (rc == ERR_OK)
        rc = start_throttle(s, first, err);
    if (rc == ERR_OK)
        rc = load_generation(s, &s->generation, err);
    if (rc == ERR_OK)
        rc = tls_files_find(s->tls_arena, s->generation->config, clock_now_s(clock_system()), &s->tls_files,
                            err);
    if (rc != ERR_OK)
        return rc;
    const struct signing_keys signing = signing_keys_of(s);
    rc = signing_keys_rotate(&signing, &changed, err);
    return rc == ERR_OK ? rebuild(s, err) : rc;
}

static enum err_code start_all(struct server *s, const struct server_options *options, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(16 * 1024 * 1024);
    const struct config *first = NULL;
    const char *admin = NULL;
    struct cfg_problems problems;
    s->metrics = metrics_new();
    s->tls_arena = arena_new(64 * 1024);
    if (a == NULL || s->metrics == NULL || s->tls_arena == NULL)
        return err_set(err, ERR_NOMEM, "the server");
    enum err_code rc = start_signals(s, err);
    if (rc == ERR_OK)
        rc = watch_files(s, err); /* before the first reading */
    if (rc == ERR_OK)
        rc = cfg_problems_init(&problems, err);
    if (rc != ERR_OK)
        return rc;
    /* Read once on its own: log and store must be there before connectors can be opened. */
    rc = config_load(a, s->config_path, &first, &problems, err);
    if (rc != ERR_OK)
        server_state_print_problems(&problems);
    cfg_problems_done(&problems);
    if (rc == ERR_OK)
        rc = start_parts(s, first, err);
    const struct server_parts parts = parts_of(s);
    if (rc == ERR_OK)
        rc = first_admin_ensure(&parts, s->generation, s->generation->config->state_dir, &admin, err);
    if (rc == ERR_OK)
        rc = start_http(s, s->generation->config, err);
    if (rc == ERR_OK)
        rc = start_telemetry(s, s->generation->config, err);
    if (rc == ERR_OK)
        rc = watch_files(s, err);
    if (rc != ERR_OK)
        return rc;
    log_info(s->state.log, NULL, "ready", KV("issuer", s->generation->issuer),
             KV("port", http_server_port(s->main_http)), KV("version", TKEAUTH_VERSION));
    notify_systemd("READY=1");
    if (options->print_ready)
        print_ready(s, admin);
    return ERR_OK;
}

enum err_code server_start(const struct server_options *options, struct server **ret, struct err *err) {
    struct server *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "the server");
    s->config_path = options->config_path;
    s->signal_fd = s->audit_fd = -1;
    enum err_code rc = start_all(s, options, err);
    if (rc != ERR_OK) {
        server_stop(s);
        return rc;
    }
    *ret = s;
    return ERR_OK;
}

/* ---- reload: the next state is built whole, then swapped in; a bad one is named and dropped ---- */

/* Last of what may be refused: afterwards the new configuration only has to be put together. */
static enum err_code reload_tls(struct server *s, const struct config *next, struct err *err) {
    AUTO(tls_material_done) struct tls_material material = { 0 };
    struct http_tls tls = { 0 };
    struct tls_files files = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "TLS files");
    enum err_code rc = tls_files_find(a, next, clock_now_s(clock_system()), &files, err);
    if (rc != ERR_OK || s->tls_files.off || files.off)
        return rc;
    rc = tls_material_load(&files, &material, &tls, err);
    if (rc == ERR_OK)
        rc = http_server_set_tls(s->main_http, &tls, err);
    if (rc != ERR_OK)
        return tls_files_context(&files, err);
    arena_free(s->tls_arena);
    s->tls_arena = STEAL(a);
    s->tls_files = files;
    return ERR_OK;
}

static void warn_of_restart_keys(const struct server *s, const struct generation *next) {
    struct cfg_problems problems;
    struct err err;
    if (cfg_problems_init(&problems, &err) != ERR_OK)
        return;
    cfg_reload_warnings(config_fields, s->generation->config, next->config, &problems);
    report_problems(s, &problems);
    cfg_problems_done(&problems);
}

static void reload(struct server *s, const char *why) {
    struct generation *next = NULL;
    struct err err = { 0 };
    notify_systemd("RELOADING=1");
    enum err_code rc = load_generation(s, &next, &err);
    if (rc == ERR_OK && (rc = reload_tls(s, next->config, &err)) != ERR_OK)
        generation_unref(next);
    if (rc == ERR_OK) {
        struct generation *old = s->generation;
        warn_of_restart_keys(s, next);
        s->generation = next;
        rc = rebuild(s, &err);
        if (rc != ERR_OK)
            s->generation = old;
        generation_unref(rc == ERR_OK ? old : next);
    }
    if (rc == ERR_OK) {
        const struct config *c = s->generation->config;
        log_configure(s->state.log, (enum log_level)c->log.level, (enum log_format)c->log.format);
        audit_event(s->state.log, NULL, "reloaded", KV("why", why));
        if (watch_files(s, &err) != ERR_OK)
            log_error_err(s->state.log, NULL, "watch_failed", &err);
    } else /* the files to watch are still the same, and a repair may be on its way already */
        log_error_err(s->state.log, NULL, "reload_refused", &err, KV("why", why),
                      KV("kept", "the last good configuration"));
    notify_systemd("READY=1");
}

/* ---- upkeep, once a second ---- */

static void rotate_keys(struct server *s) {
    struct err err = { 0 };
    bool changed = false;
    const struct signing_keys signing = signing_keys_of(s);
    if (signing_keys_rotate(&signing, &changed, &err) != ERR_OK)
        log_error_err(s->state.log, NULL, "key_rotation_failed", &err);
}

static void expire_rows(struct server *s) {
    struct err err = { 0 };
    size_t count = 0;
    do {
        if (store_expire(s->state.store, clock_now_s(clock_system()), EXPIRE_BATCH, &count, &err) != ERR_OK) {
            log_warn_err(s->state.log, NULL, "expiry_failed", &err);
            return;
        }
    } while (count == EXPIRE_BATCH);
}

/* Clients or keys were changed by a command or another process. */
static void follow_store(struct server *s) {
    struct err err = { 0 };
    int64_t clients = 0, keys = 0;
    if (store_kind_revision(s->state.store, STR("clients"), &clients, &err) != ERR_OK ||
        store_kind_revision(s->state.store, STR("signingkeys"), &keys, &err) != ERR_OK)
        return; /* store_health tells */
    if (clients == s->clients_revision && keys == s->keys_revision)
        return;
    if (rebuild(s, &err) != ERR_OK)
        log_error_err(s->state.log, NULL, "snapshot_failed", &err);
    else
        log_info(s->state.log, NULL, "snapshot_rebuilt", KV("clients_revision", clients),
                 KV("keys_revision", keys));
}

/* The files of rules have a clock of their own: they change more often than the configuration, and without disturbing it. */
static void follow_rules(struct server *s) {
    struct err err = { 0 };
    bool changed = false;
    if (authz_reload(s->generation->authz, &changed, &err) != ERR_OK)
        log_error_err(s->state.log, NULL, "rules_refused", &err, KV("kept", "the last good rules"));
    else if (changed)
        audit_event(s->state.log, NULL, "rules_changed",
                    KV("revision", authz_revision(s->generation->authz)));
}

/* A certificate of our own making ends after a year; a daemon may run for longer than that without a reload. */
static void renew_certificate(struct server *s) {
    struct err err = { 0 };
    if (s->tls_files.local_ca != NULL && reload_tls(s, s->generation->config, &err) != ERR_OK)
        log_error_err(s->state.log, NULL, "certificate_renewal_failed", &err);
}

static void tick(struct server *s) {
    int64_t now = clock_mono_ms(clock_system()) / 1000;
    if (now - s->last_renewal_s >= RENEW_EVERY_S) {
        s->last_renewal_s = now;
        renew_certificate(s);
    }
    if (now - s->last_rotation_s >= ROTATE_EVERY_S) {
        s->last_rotation_s = now;
        rotate_keys(s);
    }
    if (now - s->last_expiry_s >= EXPIRE_EVERY_S) {
        s->last_expiry_s = now;
        expire_rows(s);
    }
    follow_store(s);
    follow_rules(s);
    retired_snapshots_free(&s->retired);
}

static void take_signals(struct server *s) {
    struct signalfd_siginfo info;
    while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            reload(s, "SIGHUP");
        else
            s->stopping = true;
    }
}

void server_run(struct server *s) {
    while (!s->stopping) {
        struct pollfd fds[] = { { .fd = s->signal_fd, .events = POLLIN },
                                { .fd = s->watch ? cfg_watch_fd(s->watch) : -1, .events = POLLIN } };
        int ready = poll(fds, ARRAY_LEN(fds), TICK_MS);
        if (ready > 0 && fds[0].revents != 0)
            take_signals(s);
        bool changed = ready > 0 && fds[1].revents != 0 && cfg_watch_changed(s->watch);
        if (changed || s->reload_again) {
            s->reload_again = false;
            reload(s, "a watched file changed");
        }
        tick(s);
    }
    log_info(s->state.log, NULL, "stopping");
    notify_systemd("STOPPING=1");
}

/* Listeners first, then what they use. Takes a half-started server. */
void server_stop(struct server *s) {
    if (s == NULL)
        return;
    if (s->main_http != NULL)
        http_server_stop(s->main_http, DRAIN_MS);
    if (s->telemetry_http != NULL)
        http_server_stop(s->telemetry_http, 0);
    http_server_free(s->main_http);
    http_server_free(s->telemetry_http);
    snapshot_swap(&s->current, NULL);
    retired_snapshots_free(&s->retired);
    generation_unref(s->generation);
    throttle_free(s->throttle);
    cfg_watch_free(s->watch);
    arena_free(s->tls_arena);
    free(s->hsts_host);
    server_state_close(&s->state);
    metrics_free(s->metrics);
    if (s->signal_fd >= 0)
        (void)close(s->signal_fd);
    if (s->audit_fd >= 0)
        (void)close(s->audit_fd);
    free(s);
}
