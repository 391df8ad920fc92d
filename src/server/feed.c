#include "server/feed.h"

#include <pthread.h>
#include <stdlib.h>

#include "enforcer/enforcer.h"

enum { PAGE = 1000, FIELDS_MAX = 7, BATCH_MEMORY_MAX = 64 * 1024 * 1024 };

struct feed {
    struct feed_options options;
    struct kube_hub *hub;
    struct controller *controller;
    pthread_mutex_t mutex; /* one pump at a time; guards what follows */
    int64_t revision;
    struct gauge *rules;
    struct counter *refused;
};

/* One page of changes under way. */
struct page {
    struct feed *feed;
    struct arena *arena;
    struct enforcer_batch *batch; /* begun with the first rule */
    bool controller, snapshot;
    int64_t snapshot_revision;
};

/* ---- rules ---- */

static enum err_code batch_error(enum enforcer_status status, const struct enforcer_error *why,
                                 struct err *err) {
    return err_set(err, status == ENFORCER_NOMEM ? ERR_NOMEM : ERR_INVALID, "%s", why->text);
}

static enum err_code begin(struct page *p, struct err *err) {
    struct enforcer_error why = { 0 };
    if (p->batch != NULL)
        return ERR_OK;
    enum enforcer_status status = enforcer_batch_begin(p->feed->options.enforcer, &p->batch, &why);
    return status == ENFORCER_OK ? ERR_OK : batch_error(status, &why, err);
}

/* A rule the model cannot take is told and left out: the others must not suffer for it. */
static enum err_code apply_rule(struct page *p, struct str body, bool removes, struct err *err) {
    struct rule_view rule;
    struct enforcer_str fields[FIELDS_MAX];
    struct enforcer_error why = { 0 };
    enum err_code rc = begin(p, err);
    if (rc == ERR_OK)
        rc = rule_read(p->arena, body, &rule, err);
    const char *ptype = rc == ERR_OK ? arena_strdup(p->arena, rule.ptype) : NULL;
    if (rc != ERR_OK || ptype == NULL)
        return rc != ERR_OK ? rc : err_set(err, ERR_NOMEM, "a rule");
    for (size_t i = 0; i < rule.len; i++)
        fields[i] = (struct enforcer_str) { rule.fields[i].ptr, rule.fields[i].len };
    enum enforcer_status status = removes
                                      ? enforcer_batch_remove(p->batch, ptype, fields, rule.len, NULL, &why)
                                      : enforcer_batch_add(p->batch, ptype, fields, rule.len, NULL, &why);
    if (status == ENFORCER_NOMEM)
        return batch_error(status, &why, err);
    if (status != ENFORCER_OK) {
        counter_add(p->feed->refused, 1);
        log_error(p->feed->options.log, NULL, "rule_refused", KV("ptype", rule.ptype),
                  KV("subject", rule.fields[0]), KV("problem", why.text));
    }
    return ERR_OK;
}

static enum err_code commit(struct page *p, struct err *err) {
    struct enforcer_error why = { 0 };
    if (p->batch == NULL)
        return ERR_OK;
    enum enforcer_status status = enforcer_batch_commit(p->batch, NULL, &why);
    p->batch = NULL;
    return status == ENFORCER_OK ? ERR_OK : batch_error(status, &why, err);
}

/* ---- changes ---- */

static bool concerns_snapshot(struct str kind) {
    return str_eq(kind, str_of(kind_identity_provider.plural)) || str_eq(kind, str_of(kind_client.plural));
}

static enum err_code apply_change(void *ctx, const struct store_change *c, struct err *err) {
    struct page *p = ctx;
    struct feed *f = p->feed;
    enum err_code rc = ERR_OK;
    if (str_eq(c->kind, str_of(kind_rule.plural)))
        rc = apply_rule(p, c->body, c->type == STORE_DELETED, err);
    else {
        rc = api_key_table_apply(f->options.keys, c, err);
        p->controller = true;
        if (concerns_snapshot(c->kind)) {
            p->snapshot = true;
            p->snapshot_revision = c->revision;
        }
    }
    if (rc == ERR_INVALID) { /* one object that cannot be read must not stop the others */
        log_error_err(f->options.log, NULL, "change_unreadable", err, KV("kind", c->kind),
                      KV("name", c->name));
        rc = ERR_OK;
    }
    if (rc == ERR_OK && f->hub != NULL)
        rc = kube_hub_publish(f->hub, c, err);
    return rc;
}

static void page_done(struct page *p) {
    enforcer_batch_abort(p->batch);
    arena_free(p->arena);
}

static void tell(struct feed *f, const struct page *p) {
    if (p->snapshot)
        f->options.snapshot_changed(f->options.ctx, p->snapshot_revision);
    if (p->controller && f->controller != NULL)
        controller_changed(f->controller);
}

/* *ret_more: there may be others. The rules count before anybody is told of the objects that made them. */
static enum err_code pump_page(struct feed *f, bool *ret_more, struct err *err) {
    AUTO(page_done) struct page p = { .feed = f, .arena = arena_new(BATCH_MEMORY_MAX) };
    int64_t seen = f->revision, before = f->revision;
    if (p.arena == NULL)
        return err_set(err, ERR_NOMEM, "changes");
    enum err_code rc = store_changes(f->options.store, STR_NULL, before, PAGE, apply_change, &p, &seen, err);
    if (rc == ERR_OK)
        rc = commit(&p, err);
    if (rc != ERR_OK)
        return rc;
    f->revision = seen;
    if (f->hub != NULL)
        kube_hub_flush(f->hub, seen);
    tell(f, &p);
    int64_t present = seen;
    rc = store_revision(f->options.store, &present, err);
    *ret_more = seen > before && present > seen;
    if (rc == ERR_OK && !*ret_more)
        api_key_table_settle(f->options.keys);
    return rc;
}

/* ---- everything anew ---- */

static enum err_code load_rule(void *ctx, const struct store_object *o, struct err *err) {
    struct page *p = ctx;
    enum err_code rc = apply_rule(p, o->body, false, err);
    arena_reset(p->arena);
    if (rc != ERR_INVALID)
        return rc;
    log_error_err(p->feed->options.log, NULL, "rule_unreadable", err, KV("name", o->name));
    return ERR_OK;
}

static enum err_code load_all(struct feed *f, struct err *err) {
    AUTO(page_done) struct page p = { .feed = f, .arena = arena_new(BATCH_MEMORY_MAX) };
    struct enforcer_error why = { 0 };
    int64_t revision = 0;
    if (p.arena == NULL)
        return err_set(err, ERR_NOMEM, "rules");
    enum err_code rc = begin(&p, err);
    if (rc == ERR_OK && enforcer_batch_clear(p.batch, NULL, &why) != ENFORCER_OK)
        rc = batch_error(ENFORCER_NOMEM, &why, err);
    const struct store_query q = { .kind = str_of(kind_rule.plural), .each = load_rule, .ctx = &p };
    if (rc == ERR_OK)
        rc = store_list(f->options.store, &q, &revision, err);
    if (rc == ERR_OK)
        rc = commit(&p, err);
    if (rc == ERR_OK)
        rc = api_key_table_load(f->options.keys, f->options.store, err);
    if (rc == ERR_OK)
        f->revision = revision; /* what has changed since is applied once more, which changes nothing */
    return rc;
}

/* More was written than the history keeps, by somebody who did not tell: all begins anew. */
static enum err_code catch_up(struct feed *f, struct err *err) {
    log_warn(f->options.log, NULL, "changes_missed", KV("after", f->revision));
    enum err_code rc = load_all(f, err);
    if (rc != ERR_OK)
        return rc;
    const struct page all = { .controller = true, .snapshot = true, .snapshot_revision = f->revision };
    if (f->hub != NULL)
        kube_hub_forget(f->hub, f->revision);
    tell(f, &all);
    return ERR_OK;
}

static void note_rules(struct feed *f) {
    const struct enforcer_snapshot *s = enforcer_acquire(f->options.enforcer);
    struct enforcer_stats stats;
    enforcer_stats(f->options.enforcer, s, &stats);
    enforcer_release(f->options.enforcer, s);
    gauge_set(f->rules, (int64_t)(stats.policy_rules + stats.grouping_rules));
}

static void pump(struct feed *f) {
    struct err err = { 0 };
    bool more = true;
    enum err_code rc = ERR_OK;
    (void)pthread_mutex_lock(&f->mutex);
    while (rc == ERR_OK && more)
        rc = pump_page(f, &more, &err);
    if (rc == ERR_EXPIRED)
        rc = catch_up(f, &err);
    note_rules(f);
    (void)pthread_mutex_unlock(&f->mutex);
    if (rc != ERR_OK) /* tried again with the next change, or within a second */
        log_error_err(f->options.log, NULL, "changes_not_applied", &err);
}

static void committed(void *ctx) { pump(ctx); }

void feed_pump(struct feed *f) {
    struct err ignored;
    int64_t present = 0;
    if (store_revision(f->options.store, &present, &ignored) == ERR_OK && present != feed_revision(f))
        pump(f);
}

/* ---- life ---- */

enum err_code feed_new(const struct feed_options *options, struct feed **ret, struct err *err) {
    struct feed *f = calloc(1, sizeof *f);
    if (f == NULL)
        return err_set(err, ERR_NOMEM, "the feed");
    f->options = *options;
    (void)pthread_mutex_init(&f->mutex, NULL);
    f->rules = metrics_gauge(options->metrics, "tkeauth_rules", "", "Rules in force.");
    f->refused = metrics_counter(options->metrics, "tkeauth_rules_refused_total", "",
                                 "Rules the model could not take.");
    enum err_code rc = load_all(f, err);
    if (rc != ERR_OK) {
        (void)pthread_mutex_destroy(&f->mutex);
        free(f);
        return rc;
    }
    note_rules(f);
    store_listen(options->store, committed, f);
    *ret = f;
    return ERR_OK;
}

void feed_free(struct feed *f) {
    if (f == NULL)
        return;
    store_listen(f->options.store, NULL, NULL);
    (void)pthread_mutex_destroy(&f->mutex);
    free(f);
}

void feed_connect(struct feed *f, struct kube_hub *hub, struct controller *controller) {
    (void)pthread_mutex_lock(&f->mutex);
    f->hub = hub;
    f->controller = controller;
    (void)pthread_mutex_unlock(&f->mutex);
}

int64_t feed_revision(struct feed *f) {
    (void)pthread_mutex_lock(&f->mutex);
    int64_t revision = f->revision;
    (void)pthread_mutex_unlock(&f->mutex);
    return revision;
}
