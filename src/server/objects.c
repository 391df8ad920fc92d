#include "server/objects.h"

#include <stdlib.h>

#include "enforcer/enforcer.h"
#include "server/api_key_table.h"
#include "server/api_signing_key.h"
#include "server/feed.h"
#include "server/settle.h"
#include "server/tenants.h"
#include "tkeauth/controller.h"

enum {
    EVENTS_MAX = 20000,
    EVENTS_BYTES_MAX = 16 * 1024 * 1024, /* who is further behind reads the store's history */
    BOOKMARK_S = 60,
    HISTORY_S = 600, /* a watcher may be away for so long */
    HISTORY_CHANGES_MAX = 200000,
    COMPACT_EVERY_S = 30,
    COMPACT_BATCH = 2000,
    FIRST_STEPS_MAX = 500, /* of the controller, before anybody is served */
    SETTLE_MS = 5000
};

struct objects {
    struct server_parts parts;
    struct resource_env env;
    struct connector_env connector_env;
    char *category_path, *policy_path, *role_path; /* files; NULL: the built-in lists */
    int64_t directory_interval_s;
    struct objects_options options; /* config, parts are not to be used after objects_new */
    struct enforcer *enforcer;
    char *model; /* the file; NULL: the built-in model */
    struct api_key_table *keys;
    struct settle *settle;
    struct feed *feed;
    struct kube_hub *hub;
    struct controller *controller;
    struct policy_file policy;
    struct kube_app kube;
    int64_t last_compaction_s;
};

/* ---- wires ---- */

static void snapshot_changed(void *ctx, int64_t revision) {
    settle_want(((struct objects *)ctx)->settle, revision);
}

static void wait_settled(void *ctx, int64_t revision) {
    settle_wait(((struct objects *)ctx)->settle, revision);
}

static const char *check_connector(void *ctx, struct arena *a, struct str type, struct str config) {
    const struct objects *o = ctx;
    return tenants_check_connector(a, &o->connector_env, type, config);
}

static void fill_environments(struct objects *o, const struct keyring *keyring) {
    const struct server_parts *p = &o->parts;
    o->connector_env = (struct connector_env) {
        .store = p->store, .clock = p->clock, .random = p->random, .log = p->log, .metrics = p->metrics
    };
    o->env = (struct resource_env) { .store = p->store,
                                     .keyring = keyring,
                                     .clock = p->clock,
                                     .random = p->random,
                                     .log = p->log,
                                     .check_connector = check_connector,
                                     .ctx = o };
}

static void fill_kube(struct objects *o) {
    o->kube = (struct kube_app) { .env = &o->env,
                                  .judges = { .find_key = api_key_table_find, .find_key_ctx = o->keys },
                                  .enforcer = o->enforcer,
                                  .hub = o->hub,
                                  .settle = wait_settled,
                                  .settle_ctx = o };
}

/* ---- life ---- */

static enum err_code copy_paths(struct objects *o, const struct config *c, struct err *err) {
    const char *const from[] = { c->casbin.model_file, c->features.category_path, c->features.policy_path,
                                 c->features.role_path };
    char *to[ARRAY_LEN(from)];
    bool failed = false;
    for (size_t i = 0; i < ARRAY_LEN(from); i++) {
        to[i] = str_dup_c(from[i]);
        failed = failed || (from[i] != NULL && to[i] == NULL);
    }
    o->model = to[0];
    o->category_path = to[1];
    o->policy_path = to[2];
    o->role_path = to[3];
    o->directory_interval_s = c->features.directory_group_interval_s;
    return failed ? err_set(err, ERR_NOMEM, "the server") : ERR_OK;
}

/* At once, so that no change after its first revision goes past it, and the first snapshot already has it. */
static enum err_code open_hub(struct objects *o, struct err *err) {
    const struct kube_hub_options options = { .events_max = EVENTS_MAX,
                                              .bytes_max = EVENTS_BYTES_MAX,
                                              .store = o->parts.store,
                                              .clock = o->parts.clock,
                                              .log = o->parts.log,
                                              .metrics = o->parts.metrics,
                                              .bookmark_s = BOOKMARK_S };
    enum err_code rc = kube_hub_new(&options, feed_revision(o->feed), &o->hub, err);
    if (rc == ERR_OK)
        feed_connect(o->feed, o->hub, NULL);
    return rc;
}

static enum err_code build(struct objects *o, const struct objects_options *options, struct err *err) {
    enum err_code rc = copy_paths(o, options->config, err);
    if (rc == ERR_OK)
        rc = resource_migrate(&o->env, err);
    if (rc == ERR_OK)
        rc = settle_new(SETTLE_MS, &o->settle, err);
    if (rc == ERR_OK)
        rc = authz_enforcer_new(o->model, o->parts.random, &o->enforcer, err);
    if (rc == ERR_OK)
        rc = api_key_table_new(o->enforcer, o->parts.log, &o->keys, err);
    if (rc != ERR_OK)
        return rc;
    const struct feed_options feed = { .store = o->parts.store,
                                       .enforcer = o->enforcer,
                                       .keys = o->keys,
                                       .log = o->parts.log,
                                       .metrics = o->parts.metrics,
                                       .snapshot_changed = snapshot_changed,
                                       .ctx = o };
    rc = feed_new(&feed, &o->feed, err);
    if (rc == ERR_OK)
        rc = open_hub(o, err);
    if (rc == ERR_OK)
        rc = api_signing_key_ensure(&o->env, err);
    fill_kube(o);
    return rc;
}

enum err_code objects_new(const struct objects_options *options, struct objects **ret, struct err *err) {
    struct objects *o = calloc(1, sizeof *o);
    if (o == NULL)
        return err_set(err, ERR_NOMEM, "the server");
    o->parts = *options->parts;
    o->options = *options;
    fill_environments(o, options->keyring);
    enum err_code rc = build(o, options, err);
    if (rc != ERR_OK) {
        objects_free(o);
        return rc;
    }
    *ret = o;
    return ERR_OK;
}

static enum err_code start_controller(struct objects *o, struct err *err) {
    const struct controller_options options = { .env = &o->env,
                                                .metrics = o->parts.metrics,
                                                .acquire = o->options.acquire,
                                                .release = o->options.release,
                                                .ctx = o->options.ctx,
                                                .category_path = o->category_path,
                                                .policy_path = o->policy_path,
                                                .role_path = o->role_path,
                                                .directory_interval_s = o->directory_interval_s };
    enum err_code rc = controller_new(&options, &o->controller, err);
    /* The first administrator gets a role that must be there. A long backlog waits for the thread all the same. */
    for (int i = 0; rc == ERR_OK && i < FIRST_STEPS_MAX; i++)
        if (controller_step(o->controller, CONTROLLER_OBJECTS) > 0)
            break;
    return rc == ERR_OK ? controller_start(o->controller, err) : rc;
}

enum err_code objects_start(struct objects *o, struct err *err) {
    enum err_code rc = start_controller(o, err);
    if (rc == ERR_OK)
        feed_connect(o->feed, o->hub, o->controller);
    return rc;
}

void objects_stop(struct objects *o) {
    if (o == NULL || o->feed == NULL)
        return;
    feed_connect(o->feed, o->hub, NULL);
    controller_free(o->controller);
    o->controller = NULL;
    feed_connect(o->feed, NULL, NULL);
}

void objects_free(struct objects *o) {
    if (o == NULL)
        return;
    objects_stop(o);
    feed_free(o->feed);
    if (o->hub != NULL)
        kube_hub_free(o->hub);
    api_key_table_free(o->keys);
    enforcer_free(o->enforcer);
    settle_free(o->settle);
    policy_file_done(&o->policy);
    free(o->model);
    free(o->category_path);
    free(o->policy_path);
    free(o->role_path);
    free(o);
}

/* ---- parts ---- */

struct enforcer *objects_enforcer(const struct objects *o) {
    return o->enforcer;
}
const struct resource_env *objects_env(const struct objects *o) { return &o->env; }
const struct connector_env *objects_connector_env(const struct objects *o) { return &o->connector_env; }
const struct kube_app *objects_kube(const struct objects *o) { return &o->kube; }
struct settle *objects_settle(const struct objects *o) {
    return o->settle;
}

enum err_code objects_follow_policy(struct objects *o, const struct config *c, size_t *ret_changed,
                                    struct err *err) {
    return policy_file_sync(&o->policy, c->casbin.policy_file, o->model, o->parts.store, o->parts.random,
                            ret_changed, err);
}

/* ---- upkeep ---- */

static void compact(struct objects *o) {
    struct err err = { 0 };
    int64_t before = clock_now_s(o->parts.clock) - HISTORY_S;
    size_t count = 0;
    do {
        if (store_compact(o->parts.store, before, HISTORY_CHANGES_MAX, COMPACT_BATCH, &count, &err) !=
            ERR_OK) {
            log_warn_err(o->parts.log, NULL, "compaction_failed", &err);
            return;
        }
    } while (count == COMPACT_BATCH);
}

void objects_tick(struct objects *o) {
    int64_t now = clock_mono_ms(o->parts.clock) / 1000;
    feed_pump(o->feed);
    kube_hub_tick(o->hub);
    if (now - o->last_compaction_s >= COMPACT_EVERY_S) {
        o->last_compaction_s = now;
        compact(o);
    }
}
