/* Start, run, reload, stop. */
#include "tkeauth/server.h"

#include "server/first_admin.h"
#include "server/listeners.h"
#include "server/mirror.h"
#include "server/notify.h"
#include "server/objects.h"
#include "server/settle.h"
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
    struct objects *objects;
    struct listeners listeners;
    struct cfg_watch *watch;
    struct arena *tls_arena;
    struct tls_files tls_files;
    int signal_fd, audit_fd;
    int64_t keys_revision;
    int64_t last_rotation_s, last_expiry_s, last_renewal_s;
    struct promise told_max_age, told_lifetime; /* what caches and token holders were told */
    bool stopping, reload_again;
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
                                   .metrics = s->metrics,
                                   .enforcer = s->objects ? objects_enforcer(s->objects) : NULL };
}

/* ---- what controllers ask for: the connector of a tenant, for as long as they need it ---- */

static struct connector *acquire_connector(void *ctx, struct str tenant, void **ret_hold) {
    struct server *s = ctx;
    struct snapshot *held = snapshot_acquire(&s->current);
    const struct server_snapshot *now = (const struct server_snapshot *)(const void *)held;
    struct tenant *t = now != NULL ? tenants_find_id(&now->tenants, tenant) : NULL;
    struct connector *c = t != NULL ? t->connector : NULL;
    *ret_hold = c != NULL ? tenant_ref(t) : NULL;
    if (held != NULL)
        snapshot_release(&s->current, held);
    return c;
}

static void release_connector(void *ctx, void *hold) {
    (void)ctx;
    tenant_unref(hold);
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

static void remember_revision(struct server *s) {
    struct err err;
    if (store_kind_revision(s->state.store, STR("signingkeys"), &s->keys_revision, &err) != ERR_OK)
        s->keys_revision = -1;
}

static enum err_code rebuild(struct server *s, struct err *err) {
    struct keyset *keys = NULL;
    struct server_snapshot *next = NULL;
    const struct signing_keys signing = signing_keys_of(s);
    const struct server_parts parts = parts_of(s);
    remember_revision(s); /* before reading: a change in between is seen again, never missed */
    enum err_code rc = signing_keys_load(&signing, &keys, err);
    if (rc != ERR_OK)
        return rc;
    struct snapshot *held = snapshot_acquire(&s->current);
    const struct server_snapshot *before = (const struct server_snapshot *)(const void *)held;
    const struct snapshot_inputs in = { .parts = &parts,
                                        .keyring = s->state.keyring,
                                        .throttle = s->throttle,
                                        .rotation = signing.policy,
                                        .keys = keys,
                                        .generation = s->generation,
                                        .retired = &s->retired,
                                        .before = before != NULL ? &before->tenants : NULL,
                                        .tenant_env = objects_connector_env(s->objects),
                                        .kube = objects_kube(s->objects) };
    rc = server_snapshot_new(&in, &next, err);
    if (held != NULL)
        snapshot_release(&s->current, held);
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

static enum err_code start_objects(struct server *s, const struct config *first, struct err *err) {
    const struct server_parts parts = parts_of(s);
    const struct objects_options options = { .parts = &parts,
                                             .keyring = s->state.keyring,
                                             .config = first,
                                             .acquire = acquire_connector,
                                             .release = release_connector,
                                             .ctx = s };
    return objects_new(&options, &s->objects, err);
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
        rc = start_objects(s, first, err);
    if (rc == ERR_OK)
        rc = load_generation(s, &s->generation, err);
    if (rc == ERR_OK)
        rc = objects_follow_policy(s->objects, s->generation->config, NULL, err);
    if (rc == ERR_OK)
        mirror_sync(objects_env(s->objects), s->generation);
    if (rc == ERR_OK)
        rc = tls_files_find(s->tls_arena, s->generation->config, clock_now_s(clock_system()), &s->tls_files,
                            err);
    if (rc != ERR_OK)
        return rc;
    const struct signing_keys signing = signing_keys_of(s);
    rc = signing_keys_rotate(&signing, &changed, err);
    if (rc == ERR_OK)
        rc = rebuild(s, err);
    return rc == ERR_OK ? objects_start(s->objects, err) : rc;
}

static enum err_code start_listeners(struct server *s, struct err *err) {
    const struct listeners_options options = { .config = s->generation->config,
                                               .tls = &s->tls_files,
                                               .app = { s, acquire_snapshot, release_snapshot },
                                               .reviews_on_workers = authz_needs_worker(s->generation->authz),
                                               .log = s->state.log,
                                               .metrics = s->metrics };
    return listeners_start(&s->listeners, &options, err);
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
    if (rc == ERR_OK)
        rc = first_admin_ensure(objects_env(s->objects), s->generation, s->generation->config->state_dir,
                                &admin, err);
    if (rc == ERR_OK)
        rc = start_listeners(s, err);
    if (rc == ERR_OK)
        rc = watch_files(s, err);
    if (rc != ERR_OK)
        return rc;
    log_info(s->state.log, NULL, "ready", KV("issuer", s->generation->issuer),
             KV("port", http_server_port(s->listeners.main)), KV("version", TKEAUTH_VERSION));
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
        rc = http_server_set_tls(s->listeners.main, &tls, err);
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
        mirror_sync(objects_env(s->objects), s->generation);
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

static void rebuild_for(struct server *s, const char *why) {
    struct err err = { 0 };
    if (rebuild(s, &err) != ERR_OK)
        log_error_err(s->state.log, NULL, "snapshot_failed", &err, KV("why", why));
    else
        log_info(s->state.log, NULL, "snapshot_rebuilt", KV("why", why));
}

/* Keys were changed by a command or another process: they are not in the feed, which shows what it carries. */
static void follow_keys(struct server *s) {
    struct err err = { 0 };
    int64_t keys = 0;
    if (store_kind_revision(s->state.store, STR("signingkeys"), &keys, &err) == ERR_OK &&
        keys != s->keys_revision)
        rebuild_for(s, "signing keys");
}

/* Somebody may be waiting for it, also when it fails: then with the last good snapshot. */
static void follow_objects(struct server *s) {
    struct settle *settle = objects_settle(s->objects);
    int64_t revision = settle_take(settle);
    if (revision == 0)
        return;
    rebuild_for(s, "tenants or clients");
    settle_done(settle, revision);
}

/* The files of rules have a clock of their own: they change more often than the configuration, and without disturbing it. */
static void follow_rules(struct server *s) {
    struct err err = { 0 };
    bool changed = false;
    size_t rules = 0;
    if (authz_reload(s->generation->authz, &changed, &err) != ERR_OK)
        log_error_err(s->state.log, NULL, "rules_refused", &err, KV("kept", "the last good rules"));
    if (objects_follow_policy(s->objects, s->generation->config, &rules, &err) != ERR_OK)
        log_error_err(s->state.log, NULL, "rules_refused", &err, KV("kept", "the last good rules"));
    if (changed || rules > 0)
        audit_event(s->state.log, NULL, "rules_changed", KV("rules", rules));
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
    follow_keys(s);
    follow_rules(s);
    objects_tick(s->objects);
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
    int64_t ticked = 0;
    while (!s->stopping) {
        struct pollfd fds[] = { { .fd = s->signal_fd, .events = POLLIN },
                                { .fd = s->watch ? cfg_watch_fd(s->watch) : -1, .events = POLLIN },
                                { .fd = settle_fd(objects_settle(s->objects)), .events = POLLIN } };
        int64_t passed = clock_mono_ms(clock_system()) - ticked;
        int ready = poll(fds, ARRAY_LEN(fds), passed < TICK_MS ? (int)(TICK_MS - passed) : 0);
        if (ready > 0 && fds[0].revents != 0)
            take_signals(s);
        bool changed = ready > 0 && fds[1].revents != 0 && cfg_watch_changed(s->watch);
        if (changed || s->reload_again) {
            s->reload_again = false;
            reload(s, "a watched file changed");
        }
        follow_objects(s);
        if (clock_mono_ms(clock_system()) - ticked >= TICK_MS) {
            ticked = clock_mono_ms(clock_system());
            tick(s);
        }
    }
    log_info(s->state.log, NULL, "stopping");
    notify_systemd("STOPPING=1");
}

/* Listeners first, then what they use. Takes a half-started server. */
void server_stop(struct server *s) {
    if (s == NULL)
        return;
    listeners_stop(&s->listeners, DRAIN_MS);
    objects_stop(s->objects);
    snapshot_swap(&s->current, NULL);
    retired_snapshots_free(&s->retired);
    generation_unref(s->generation);
    throttle_free(s->throttle);
    objects_free(s->objects);
    cfg_watch_free(s->watch);
    arena_free(s->tls_arena);
    server_state_close(&s->state);
    metrics_free(s->metrics);
    if (s->signal_fd >= 0)
        (void)close(s->signal_fd);
    if (s->audit_fd >= 0)
        (void)close(s->audit_fd);
    free(s);
}
