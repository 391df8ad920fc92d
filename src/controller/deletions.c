/* The second phase of deletions, and the end of tenants (contract 5.3, 9.48). */
#include "controller/sweep.h"

enum {
    BATCH_MAX = 100, /* objects of a tenant in one transaction */
    BATCH_FIRST = 25,
    BATCH_LONG_MS = 50, /* a transaction that holds up others longer than this is followed by smaller ones */
    PROGRESS_EVERY_MS = 10 * 1000,
};

/* ---- objects ---- */

struct deletions {
    const struct controller_options *o;
    struct sweep *sweep;
    struct counter *finished, *failed;
};

static const struct kind *const finished_kinds[] = {
    &kind_custom_policy_binding, &kind_project_policy_binding, &kind_role, &kind_policy,
    &kind_local_group,           &kind_local_identity,         NULL
};

static enum sweep_outcome finish(void *ctx, const struct kind *k, struct str name, struct err *err) {
    struct deletions *d = ctx;
    if (resource_finish(d->o->env, k, name, err) != ERR_OK) {
        counter_add(d->failed, 1);
        return SWEEP_FAILED;
    }
    counter_add(d->finished, 1);
    audit_event(d->o->env->log, NULL, "deletion_finished", KV("kind", k->kind), KV("name", name));
    return SWEEP_DONE;
}

static int64_t deletions_step(void *self, int64_t now) {
    return sweep_step(((struct deletions *)self)->sweep, now);
}

static void deletions_look(void *self) { sweep_look(((struct deletions *)self)->sweep); }

static void deletions_free(void *self) {
    struct deletions *d = self;
    sweep_free(d->sweep);
    free(d);
}

enum err_code deletions_job(const struct controller_options *options, struct job *ret, struct err *err) {
    static const char name[] = "tkeauth_controller_deletions_total",
                      help[] = "Deleted objects cleaned up after.";
    struct deletions *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_NOMEM, "a controller");
    d->o = options;
    d->finished = metrics_counter(options->metrics, name, "result=\"ok\"", help);
    d->failed = metrics_counter(options->metrics, name, "result=\"failed\"", help);
    const struct sweep_options sweep = { .env = options->env,
                                         .kinds = finished_kinds,
                                         .work = finish,
                                         .ctx = d,
                                         .failure_event = "deletion_failed",
                                         .waiting = metrics_gauge(
                                             options->metrics, "tkeauth_controller_deletions_waiting", "",
                                             "Deleted objects whose clean-up failed and is tried again.") };
    *ret = (struct job) { d, deletions_step, deletions_look, deletions_free, -1 };
    return sweep_new(&sweep, &d->sweep, err);
}

/* ---- tenants ---- */

struct ending {
    size_t removed;
    int64_t began, told; /* monotonic milliseconds */
};
struct endings {
    const struct controller_options *o;
    struct sweep *sweep;
    struct map under_way; /* tenant -> struct ending */
    size_t batch;
    struct counter *objects, *tenants;
};

static struct ending *ending_of(struct endings *e, struct str tenant, int64_t now, struct err *err) {
    struct ending *known = map_get(&e->under_way, tenant);
    if (known != NULL)
        return known;
    struct ending *fresh = calloc(1, sizeof *fresh);
    if (fresh == NULL || map_put(&e->under_way, tenant, fresh, NULL, err) != ERR_OK) {
        (void)err_set(err, ERR_NOMEM, "the end of a tenant");
        free(fresh);
        return NULL;
    }
    *fresh = (struct ending) { .began = now, .told = now };
    log_info(e->o->env->log, NULL, "tenant_removal_started", KV("tenant", tenant));
    return fresh;
}

/* The next transaction is made smaller or larger so that it takes the time that others may wait. */
static void adapt(struct endings *e, int64_t took_ms) {
    if (took_ms > BATCH_LONG_MS)
        e->batch = e->batch > 1 ? e->batch / 2 : 1;
    else if (took_ms < BATCH_LONG_MS / 2 && e->batch < BATCH_MAX)
        e->batch = e->batch * 2 < BATCH_MAX ? e->batch * 2 : BATCH_MAX;
}

static void tell(struct endings *e, struct str tenant, struct ending *x, bool done, int64_t now) {
    struct log *log = e->o->env->log;
    if (done) {
        counter_add(e->tenants, 1);
        audit_event(log, NULL, "tenant_removed", KV("tenant", tenant), KV("objects", x->removed));
        free(map_remove(&e->under_way, tenant));
    } else if (now - x->told >= PROGRESS_EVERY_MS) {
        x->told = now;
        log_info(log, NULL, "tenant_removal", KV("tenant", tenant), KV("objects", x->removed),
                 KV("seconds", (now - x->began) / 1000));
    }
}

static enum sweep_outcome end_tenant(void *ctx, const struct kind *k, struct str tenant, struct err *err) {
    struct endings *e = ctx;
    const struct clock *clock = e->o->env->clock;
    size_t removed = 0;
    bool done = false;
    (void)k;
    int64_t start = clock_mono_ms(clock);
    struct ending *x = ending_of(e, tenant, start, err);
    if (x == NULL || resource_end_tenant(e->o->env, tenant, e->batch, &removed, &done, err) != ERR_OK)
        return SWEEP_FAILED;
    int64_t now = clock_mono_ms(clock);
    adapt(e, now - start);
    x->removed += removed;
    counter_add(e->objects, removed);
    tell(e, tenant, x, done, now);
    return done ? SWEEP_DONE : SWEEP_MORE;
}

static int64_t endings_step(void *self, int64_t now) {
    return sweep_step(((struct endings *)self)->sweep, now);
}

static void endings_look(void *self) { sweep_look(((struct endings *)self)->sweep); }

static void endings_free(void *self) {
    struct endings *e = self;
    sweep_free(e->sweep);
    map_done(&e->under_way, free);
    free(e);
}

enum err_code endings_job(const struct controller_options *options, struct job *ret, struct err *err) {
    static const struct kind *const kinds[] = { &kind_identity_provider, NULL };
    struct endings *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_NOMEM, "a controller");
    e->o = options;
    e->batch = BATCH_FIRST;
    random_bytes(options->env->random, e->under_way.seed, sizeof e->under_way.seed);
    e->objects = metrics_counter(options->metrics, "tkeauth_controller_tenant_objects_removed_total", "",
                                 "Objects removed with their tenants.");
    e->tenants = metrics_counter(options->metrics, "tkeauth_controller_tenants_removed_total", "",
                                 "Tenants removed with everything they had.");
    const struct sweep_options sweep = { .env = options->env,
                                         .kinds = kinds,
                                         .work = end_tenant,
                                         .ctx = e,
                                         .failure_event = "tenant_removal_failed",
                                         .waiting = metrics_gauge(
                                             options->metrics, "tkeauth_controller_tenant_removals_waiting",
                                             "", "Tenants whose removal failed and is tried again.") };
    *ret = (struct job) { e, endings_step, endings_look, endings_free, -1 };
    return sweep_new(&sweep, &e->sweep, err);
}
