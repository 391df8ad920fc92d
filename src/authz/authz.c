/* Building, versions, and the chain of authorizers (contract 4.1). */
#include <stdlib.h>
#include <time.h>

#include "authz/convert.h"
#include "authz/internal.h"

enum { AUTHZ_MEMORY_MAX = 16 * 1024 * 1024 };

/* ---- one version of the rules ---- */

static void rules_free(struct rules *r) {
    if (r == NULL)
        return;
    if (r->engine.ops != NULL)
        r->engine.ops->free(r->engine.impl);
    abac_free(r->abac);
    free(r);
}

static void rules_discard(struct rules **r) { rules_free(*r); }

/* The last reference has gone: left for whoever reloads next. */
static void rules_bury(struct snapshot *s) {
    struct rules *r = (struct rules *)(void *)s; /* its first member */
    r->next_dead = atomic_load(&r->shared->dead);
    while (!atomic_compare_exchange_weak(&r->shared->dead, &r->next_dead, r))
        continue;
}

static void free_dead_rules(struct authz_shared *shared) {
    struct rules *r = atomic_exchange(&shared->dead, NULL);
    while (r != NULL) {
        struct rules *next = r->next_dead;
        rules_free(r);
        r = next;
    }
}

static enum err_code load_abac(const char *path, struct abac **ret, struct err *err) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(ABAC_FILE_MAX);
    enum err_code rc = file_read(path, ABAC_FILE_MAX, &text, err);
    if (rc == ERR_OK)
        rc = abac_parse(strbuf_str(&text), ret, err);
    return rc == ERR_OK ? rc : err_context(err, "%s", path);
}

static enum err_code load_rules(struct authz *z, struct err *err) {
    AUTO(rules_discard) struct rules *r = calloc(1, sizeof *r);
    if (r == NULL)
        return err_set(err, ERR_NOMEM, "a version of the rules");
    enum err_code rc = z->load(&z->options, &r->engine, err);
    if (rc == ERR_OK && z->options.files.abac != NULL)
        rc = load_abac(z->options.files.abac, &r->abac, err);
    if (rc != ERR_OK)
        return rc;
    r->revision = atomic_load(&z->shared->revision) + 1;
    r->shared = z->shared;
    snapshot_init(&r->snapshot, rules_bury);
    atomic_store(&z->shared->revision, r->revision);
    snapshot_swap(&z->shared->rules, &STEAL(r)->snapshot);
    return ERR_OK;
}

static void stamp_files(const struct authz *z, struct file_stamp stamps[RULE_FILES]) {
    const char *paths[RULE_FILES] = { z->options.files.model, z->options.files.policy,
                                      z->options.files.abac };
    for (size_t i = 0; i < RULE_FILES; i++) {
        struct stat st;
        stamps[i] = (struct file_stamp) { 0 };
        if (paths[i] == NULL || stat(paths[i], &st) != 0)
            continue;
        stamps[i].exists = true;
        stamps[i].device = st.st_dev;
        stamps[i].inode = st.st_ino;
        stamps[i].size = st.st_size;
        stamps[i].modified = st.st_mtim;
        stamps[i].changed = st.st_ctim;
    }
}

static bool same_time(struct timespec a, struct timespec b) {
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_stamp(const struct file_stamp *a, const struct file_stamp *b) {
    return a->exists == b->exists && a->device == b->device && a->inode == b->inode && a->size == b->size &&
           same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

enum err_code authz_reload(struct authz *z, bool *ret_changed, struct err *err) {
    struct file_stamp stamps[RULE_FILES];
    bool changed = false;
    free_dead_rules(z->shared);
    /* Before reading: a change in between is seen as one the next time. */
    stamp_files(z, stamps);
    for (size_t i = 0; i < RULE_FILES; i++) {
        changed = changed || !same_stamp(&stamps[i], &z->shared->stamps[i]);
        z->shared->stamps[i] = stamps[i];
    }
    *ret_changed = changed;
    if (!changed)
        return ERR_OK;
    enum err_code rc = load_rules(z, err);
    counter_add(rc == ERR_OK ? z->reloads : z->reload_errors, 1);
    return rc;
}

void authz_acquire(const struct authz *z, struct authz_version *ret) {
    const struct rules *r = (const struct rules *)(const void *)snapshot_acquire(&z->shared->rules);
    ret->rules = r;
    ret->engine = r->engine.ops->acquire(r->engine.impl);
    ret->tenants = snapshot_acquire(&z->shared->tenants);
}

void authz_release(const struct authz *z, struct authz_version *v) {
    struct rules *r = (struct rules *)(uintptr_t)v->rules; /* its count changes, nothing else */
    struct tenant_list *t = (struct tenant_list *)(uintptr_t)v->tenants;
    r->engine.ops->release(r->engine.impl, v->engine);
    snapshot_release(&z->shared->rules, &r->snapshot);
    snapshot_release(&z->shared->tenants, &t->snapshot);
    *v = (struct authz_version) { 0 };
}

uint64_t authz_revision(const struct authz *z) { return atomic_load(&z->shared->revision); }

bool authz_needs_worker(const struct authz *z) { return z->webhook != NULL; }

/* ---- building ---- */

static int64_t monotonic_us(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static const char *copy_c(struct arena *a, const char *s) {
    return s == NULL ? NULL : arena_strdup(a, str_of(s));
}

static void copy_options(struct authz *z, const struct authz_options *from) {
    struct arena *a = z->arena;
    struct authz_options *o = &z->options;
    *o = *from;
    o->files.model = copy_c(a, from->files.model);
    o->files.policy = copy_c(a, from->files.policy);
    o->files.abac = copy_c(a, from->files.abac);
    o->privileged_user = arena_str(a, from->privileged_user);
    o->tenants = NULL;                                 /* authz_set_tenants keeps them */
    o->access = (struct authz_access) { 0 };           /* access_new keeps what it needs */
    o->webhook = (struct authz_webhook_options) { 0 }; /* webhook_new too */
    if (o->now_us == NULL)
        o->now_us = monotonic_us;
    z->decision = (struct decision_rules) {
        .privileged_user = o->privileged_user,
        .always_deny = o->always_deny,
    };
}

static void register_metrics(struct authz *z) {
    static const char *const labels[AUTHZ_OUTCOMES] = { "outcome=\"no_opinion\"", "outcome=\"allowed\"",
                                                        "outcome=\"denied\"" };
    struct metrics *m = z->options.metrics;
    for (size_t i = 0; i < AUTHZ_OUTCOMES; i++) {
        z->counters[i] = metrics_counter(m, "tkeauth_authz_decisions_total", labels[i],
                                         "Decisions about requests, by outcome.");
        z->latencies[i] = metrics_histogram(m, "tkeauth_authz_decision_seconds", labels[i],
                                            "Time to decide about a request, by outcome.");
    }
    z->errors = metrics_counter(m, "tkeauth_authz_errors_total", "", "Decisions whose evaluation failed.");
    z->reloads = metrics_counter(m, "tkeauth_authz_reloads_total", "result=\"ok\"", "Reloads of the rules.");
    z->reload_errors = metrics_counter(m, "tkeauth_authz_reloads_total", "result=\"error\"",
                                       "Reloads of the rules.");
}

enum err_code authz_new_with(const struct authz_options *options, engine_load load, struct authz **ret,
                             struct err *err) {
    struct arena *arena = arena_new(AUTHZ_MEMORY_MAX);
    struct authz *made = arena == NULL ? NULL : arena_alloc(arena, sizeof *made);
    if (made == NULL) {
        arena_free(arena);
        return err_set(err, ERR_NOMEM, "the authorizer");
    }
    made->arena = arena;
    AUTO_FREE(authz_free) struct authz *z = made;
    z->load = load;
    z->shared = arena_alloc(arena, sizeof *z->shared);
    copy_options(z, options);
    if (arena_failed(arena))
        return err_set(err, ERR_NOMEM, "the authorizer");
    register_metrics(z);
    enum err_code rc = authz_set_tenants(z, options->tenants, options->tenant_count, err);
    if (rc == ERR_OK)
        rc = access_new(&options->access, options->random, &z->access, err);
    if (rc == ERR_OK && options->webhook.url != NULL)
        rc = webhook_new(options, &z->webhook, err);
    if (rc == ERR_OK) {
        stamp_files(z, z->shared->stamps);
        rc = load_rules(z, err);
    }
    if (rc == ERR_OK)
        *ret = STEAL(z);
    return rc;
}

void authz_free(struct authz *z) {
    if (z == NULL)
        return;
    if (z->shared != NULL) {
        snapshot_swap(&z->shared->rules, NULL);
        snapshot_swap(&z->shared->tenants, NULL);
        free_dead_rules(z->shared);
    }
    access_free(z->access);
    webhook_free(z->webhook);
    arena_free(z->arena);
}

/* ---- the chain: the first allow or deny wins ---- */

static bool decide_elsewhere(const struct authz *z, const struct rules *r, struct arena *a,
                             const struct authz_question *q, const struct authz_attributes *at,
                             struct authz_decision *d) {
    if (z->webhook != NULL) {
        struct webhook_answer answer;
        webhook_ask(z->webhook, a, &q->user, at, q->request_id, &answer);
        if (answer.outcome != AUTHZ_NO_OPINION) {
            d->outcome = answer.outcome;
            d->step = AUTHZ_STEP_WEBHOOK;
            d->reason = answer.reason;
            return true;
        }
    }
    if (r->abac != NULL && (d->outcome = abac_decide(r->abac, &q->user, at)) != AUTHZ_NO_OPINION) {
        d->step = AUTHZ_STEP_ABAC;
        if (d->outcome == AUTHZ_DENIED)
            d->reason = STR("the caller is not authenticated");
        return true;
    }
    return false;
}

static enum err_code decide_in_chain(const struct authz *z, const struct authz_version *v, struct arena *a,
                                     const struct authz_question *q, const struct asker *who,
                                     struct authz_decision *ret, struct err *err) {
    const struct rules *r = v->rules;
    struct authz_attributes at = q->attributes;
    if (q->convert_first) {
        struct authz_converted to;
        enum err_code rc = authz_convert(a, &q->attributes, &q->context, &q->user, &to, err);
        if (rc != ERR_OK)
            return rc;
        at.verb = to.action;
        at.resource = to.resource;
        at.subresource = to.subresource;
        at.name = to.name;
    }
    struct authz_decision d = {
        .tenant = who->tenant, .project = who->project, .action = at.verb, .resource = at.resource
    };
    if (decide_elsewhere(z, r, a, q, &at, &d)) {
        *ret = d;
        return ERR_OK;
    }
    struct decision_rules rules = z->decision;
    rules.tenants = &((const struct tenant_list *)v->tenants)->tenants;
    return decide_local(&rules, &r->engine, v->engine, a, &q->user, who, &at, q->convert_first, &q->context,
                        ret, err);
}

static void write_audit(const struct authz *z, const struct authz_question *q,
                        const struct authz_decision *d) {
    unsigned every[AUTHZ_OUTCOMES] = { [AUTHZ_NO_OPINION] = z->options.audit_no_opinion,
                                       [AUTHZ_ALLOWED] = z->options.audit_allowed,
                                       [AUTHZ_DENIED] = z->options.audit_denied };
    if (every[d->outcome] == 0 || z->options.log == NULL)
        return;
    uint64_t before = atomic_fetch_add_explicit(&z->shared->decisions[d->outcome], 1, memory_order_relaxed);
    if (before % every[d->outcome] != 0)
        return;
    audit_event(z->options.log, q->request_id, "authorization", KV("outcome", authz_outcome_name(d->outcome)),
                KV("step", authz_step_name(d->step)), KV("user", q->user.name), KV("tenant", d->tenant),
                KV("project", d->project), KV("verb", q->attributes.verb), KV("action", d->action),
                KV("resource", d->resource), KV("error", d->error), KV("one_in", every[d->outcome]));
}

enum err_code authz_decide_as(const struct authz *z, const struct authz_version *v, struct arena *a,
                              const struct authz_question *q, const struct asker *who,
                              struct authz_decision *ret, struct err *err) {
    int64_t start = z->options.now_us();
    enum err_code rc = decide_in_chain(z, v, a, q, who, ret, err);
    if (rc != ERR_OK)
        return rc;
    counter_add(z->counters[ret->outcome], 1);
    if (ret->error.len != 0)
        counter_add(z->errors, 1);
    histogram_observe_us(z->latencies[ret->outcome], z->options.now_us() - start);
    write_audit(z, q, ret);
    return ERR_OK;
}

enum err_code authz_decide(const struct authz *z, const struct authz_version *v, struct arena *a,
                           const struct authz_question *question, struct authz_decision *ret,
                           struct err *err) {
    struct asker who;
    enum err_code rc = asker_prepare(a, &question->user, &who, err);
    return rc == ERR_OK ? authz_decide_as(z, v, a, question, &who, ret, err) : rc;
}
