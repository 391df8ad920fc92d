/* Groups of directories become rules (contract 5.2): one tenant at a time, a few requests a second, and never in part. */
#include "controller/reading.h"

enum {
    REQUEST_EVERY_MS = 200,
    INTERVAL_LEAST_MS = 10 * 1000,
    FAILURE_FIRST_MS = 30 * 1000,
    START_SPREAD_MS = 60 *
                      1000, /* directories whose groups are known from before need not all be read at once */
    JITTER_PERCENT = 10,
};

enum last_result { LAST_NONE, LAST_READ, LAST_FAILED };
struct directory {
    unsigned char digest[SHA256_SIZE]; /* of what makes its connector */
    int64_t due;                       /* monotonic milliseconds */
    struct pause pause;
    enum last_result last;
    enum err_code last_error;
    size_t groups, members;
    bool has_rules; /* as far as we know */
    bool seen;
    struct gauge *groups_gauge, *members_gauge, *time_gauge;
};
struct directories {
    const struct controller_options *o;
    struct map tenants; /* id -> struct directory */
    struct revision_mark mark;
    bool cleared; /* of the gone, since the last change of tenants */
    struct pause pause;
    int64_t next_request;
    /* ---- the reading under way ---- */
    struct reading reading;
    struct directory *reads; /* NULL: none */
    struct connector *connector;
    void *hold;
    struct counter *ok, *failed;
};

/* ---- the schedule ---- */

static int64_t random_below(const struct directories *d, int64_t n) {
    uint64_t r;
    random_bytes(d->o->env->random, &r, sizeof r);
    return n > 0 ? (int64_t)(r % (uint64_t)n) : 0;
}

static int64_t interval_ms(const struct directories *d) {
    int64_t whole = d->o->directory_interval_s * 1000;
    whole = whole < INTERVAL_LEAST_MS ? INTERVAL_LEAST_MS : whole;
    int64_t part = whole / 100 * JITTER_PERCENT;
    return whole - part + random_below(d, 2 * part + 1);
}

static int64_t longest_pause(const struct directories *d) {
    int64_t interval = d->o->directory_interval_s * 1000;
    return interval > FAILURE_FIRST_MS ? interval : FAILURE_FIRST_MS;
}

static void stop_reading(struct directories *d) {
    if (d->reads == NULL)
        return;
    d->o->release(d->o->ctx, d->hold);
    reading_done(&d->reading);
    d->reads = NULL;
    d->connector = NULL;
}

/* ---- tenants ---- */

static void digest_of(const json_t *object, unsigned char out[SHA256_SIZE]) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(STORE_OBJECT_MAX);
    json_add_string(&text, json_get_str(object_metadata(object), "uid"));
    json_add_string(&text, object_str_at(object, "spec.type"));
    json_add_string(&text, object_str_at(object, "spec.config"));
    sha256(strbuf_str(&text), out);
}

static void make_gauges(const struct directories *d, struct str tenant, struct directory *x) {
    AUTO(strbuf_done) struct strbuf label = STRBUF(4 * STORE_NAME_MAX);
    tenant_label(tenant, &label);
    const char *l = strbuf_c(&label);
    x->groups_gauge = metrics_gauge(d->o->metrics, "tkeauth_directory_groups", l,
                                    "Groups of a tenant's directory at the last reading.");
    x->members_gauge = metrics_gauge(d->o->metrics, "tkeauth_directory_group_members", l,
                                     "Members of groups of a tenant's directory at the last reading.");
    x->time_gauge = metrics_gauge(d->o->metrics, "tkeauth_directory_groups_read_timestamp_seconds", l,
                                  "When a tenant's groups were last read completely.");
}

static struct directory *add_tenant(struct directories *d, struct str tenant, struct err *err) {
    struct directory *x = calloc(1, sizeof *x);
    if (x == NULL || map_put(&d->tenants, tenant, x, NULL, err) != ERR_OK) {
        (void)err_set(err, ERR_NOMEM, "tenants");
        free(x);
        return NULL;
    }
    make_gauges(d, tenant, x);
    return x;
}

static enum err_code note_tenant(void *ctx, const struct tenant_view *t, struct err *err) {
    struct directories *d = ctx;
    unsigned char digest[SHA256_SIZE];
    if (t->is_deleting)
        return ERR_OK;
    digest_of(t->object, digest);
    struct directory *x = map_get(&d->tenants, t->id);
    bool is_new = x == NULL;
    if (is_new && (x = add_tenant(d, t->id, err)) == NULL)
        return err->code;
    x->seen = true;
    if (!is_new && memcmp(x->digest, digest, sizeof digest) == 0)
        return ERR_OK;
    if (d->reads == x)
        stop_reading(d); /* it was another directory's */
    memcpy(x->digest, digest, sizeof digest);
    x->due = 0;
    pause_end(&x->pause);
    return ERR_OK;
}

static void forget_unseen(struct directories *d) {
    const struct map_entry *e;
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; !again && (e = map_next(&d->tenants, &i)) != NULL;) {
            struct directory *x = e->value;
            again = !x->seen;
            if (again && d->reads == x)
                stop_reading(d);
            if (again) {
                gauge_set(x->groups_gauge, 0);
                gauge_set(x->members_gauge, 0);
                free(map_remove(&d->tenants, (struct str) { e->key, e->key_len }));
            }
        }
    }
}

static enum err_code refresh(struct directories *d, struct err *err) {
    const struct map_entry *e;
    if (!revision_moved(&d->mark, d->o->env->store, &kind_identity_provider))
        return ERR_OK;
    d->cleared = false;
    for (size_t i = 0; (e = map_next(&d->tenants, &i)) != NULL;)
        ((struct directory *)e->value)->seen = false;
    enum err_code rc = tenants_each(d->o->env, note_tenant, d, err);
    if (rc == ERR_OK)
        forget_unseen(d);
    else
        d->mark.looked = false;
    return rc;
}

/* ---- rules ---- */

static enum err_code set_rules(const struct directories *d, struct str tenant, const struct rule_list *rules,
                               size_t *ret_changed, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    struct str owner = a != NULL ? rule_owner_directory(a, tenant) : STR_NULL;
    struct rule_list *none = a != NULL ? rule_list_new(a) : NULL;
    if (owner.ptr == NULL || none == NULL)
        return err_set(err, ERR_NOMEM, "rules of a directory");
    return rules_set(d->o->env->store, owner, rules != NULL ? rules : none, ret_changed, err);
}

static enum err_code note_owner(void *ctx, struct str owner, struct str name, struct err *err) {
    struct strbuf *out = ctx;
    (void)name;
    (void)err;
    strbuf_add(out, owner);
    return ERR_OK;
}

/* The tenant of the next owner of directory rules after `tenant` (empty: the first); empty: there is none. Names of rules begin with
 * "rul-", so that "s" is behind all of one owner's. */
static enum err_code next_owner(const struct directories *d, struct strbuf *tenant, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    AUTO(strbuf_done) struct strbuf found = STRBUF(STORE_OWNER_MAX + 1);
    const struct str prefix = a != NULL ? rule_owner_directory(a, STR("")) : STR_NULL;
    struct str after = a != NULL ? rule_owner_directory(a, strbuf_str(tenant)) : STR_NULL;
    if (prefix.ptr == NULL || after.ptr == NULL)
        return err_set(err, ERR_NOMEM, "owners of rules");
    enum err_code rc = store_owned_list(d->o->env->store, STR("rules"), after, STR("s"), 1, note_owner,
                                        &found, err);
    strbuf_clear(tenant);
    if (rc == ERR_OK && str_starts_with(strbuf_str(&found), prefix))
        strbuf_add(tenant, str_from(strbuf_str(&found), prefix.len));
    return rc;
}

/* Rules of directories whose tenant is gone go; who has rules is noted. */
static enum err_code clear_gone(struct directories *d, int64_t now, struct err *err) {
    AUTO(strbuf_done) struct strbuf tenant = STRBUF(STORE_OWNER_MAX + 1);
    enum err_code rc = next_owner(d, &tenant, err);
    while (rc == ERR_OK && tenant.len > 0) {
        struct directory *x = map_get(&d->tenants, strbuf_str(&tenant));
        bool is_off = d->o->directory_interval_s == 0;
        if (x != NULL && !is_off) {
            if (!x->has_rules && x->due == 0 && x->last == LAST_NONE)
                x->due = now + random_below(d, earlier(interval_ms(d), START_SPREAD_MS));
            x->has_rules = true;
        } else {
            size_t changed = 0;
            rc = set_rules(d, strbuf_str(&tenant), NULL, &changed, err);
            if (rc == ERR_OK)
                audit_event(
                    d->o->env->log, NULL, "directory_rules_removed", KV("tenant", strbuf_str(&tenant)),
                    KV("rules", changed),
                    KV("why", is_off ? "features.directory_group_interval is 0" : "there is no such tenant"));
        }
        if (rc == ERR_OK)
            rc = next_owner(d, &tenant, err);
    }
    d->cleared = rc == ERR_OK;
    return rc;
}

/* ---- one reading ---- */

static void tell_failure(struct directories *d, struct str tenant, struct directory *x, int64_t now,
                         const struct err *why) {
    bool news = x->last != LAST_FAILED || x->last_error != why->code;
    x->last = LAST_FAILED;
    x->last_error = why->code;
    counter_add(d->failed, 1);
    pause_note(&x->pause, now, FAILURE_FIRST_MS, longest_pause(d));
    x->due = x->pause.until;
    d->next_request = now + FAILURE_FIRST_MS / 10; /* nobody else is asked right away either */
    if (news)
        log_warn_err(d->o->env->log, NULL, "directory_groups_failed", why, KV("tenant", tenant),
                     KV("rules_stay", true), KV("again_in_s", (x->due - now) / 1000));
}

static void tell_cuts(const struct directories *d, const struct reading *r) {
    if (r->groups == READING_GROUPS_MAX || r->members == READING_RULES_MAX || r->unusable > 0)
        log_warn(d->o->env->log, NULL, "directory_groups_cut", KV("tenant", r->tenant),
                 KV("groups", r->groups), KV("groups_limit", READING_GROUPS_MAX), KV("members", r->members),
                 KV("members_limit", READING_RULES_MAX), KV("unusable_names", r->unusable));
}

static void tell_success(struct directories *d, struct directory *x, size_t changed, int64_t now) {
    const struct reading *r = &d->reading;
    bool news = changed > 0 || x->last != LAST_READ || x->groups != r->groups || x->members != r->members;
    counter_add(d->ok, 1);
    gauge_set(x->groups_gauge, (int64_t)r->groups);
    gauge_set(x->members_gauge, (int64_t)r->members);
    gauge_set(x->time_gauge, clock_now_s(d->o->env->clock));
    if (news) {
        log_info(d->o->env->log, NULL, "directory_groups", KV("tenant", r->tenant), KV("groups", r->groups),
                 KV("members", r->members), KV("rules_changed", changed), KV("requests", r->pages),
                 KV("ms", now - r->began));
        tell_cuts(d, r);
    }
    if (changed > 0)
        audit_event(d->o->env->log, NULL, "directory_rules_changed", KV("tenant", r->tenant),
                    KV("changed", changed), KV("groups", r->groups), KV("members", r->members));
    x->last = LAST_READ;
    x->groups = r->groups;
    x->members = r->members;
    x->has_rules = r->members > 0;
}

static enum err_code read_on(struct directories *d, int64_t now, bool *ret_complete, struct err *err) {
    size_t changed = 0;
    enum err_code rc = reading_page(&d->reading, d->connector, d->o->env->clock, ret_complete, err);
    if (rc != ERR_OK || !*ret_complete)
        return rc;
    rc = set_rules(d, d->reading.tenant, d->reading.rules, &changed, err);
    if (rc == ERR_OK)
        tell_success(d, d->reads, changed, now);
    return rc;
}

static void go_on_reading(struct directories *d, int64_t now) {
    struct directory *x = d->reads;
    bool complete = false;
    struct err why;
    enum err_code rc = read_on(d, now, &complete, &why);
    d->next_request = clock_mono_ms(d->o->env->clock) + REQUEST_EVERY_MS;
    if (rc == ERR_OK && !complete)
        return;
    if (rc != ERR_OK)
        tell_failure(d, d->reading.tenant, x, now, &why);
    else {
        pause_end(&x->pause);
        x->due = now + interval_ms(d);
    }
    stop_reading(d);
}

/* Nothing to read there: its rules, if it had any as another kind of tenant, go. */
static void have_no_rules(struct directories *d, struct str tenant, struct directory *x, int64_t now) {
    struct err why;
    size_t changed = 0;
    if (x->has_rules && set_rules(d, tenant, NULL, &changed, &why) != ERR_OK) {
        tell_failure(d, tenant, x, now, &why);
        return;
    }
    if (changed > 0)
        audit_event(d->o->env->log, NULL, "directory_rules_removed", KV("tenant", tenant),
                    KV("rules", changed), KV("why", "the tenant has no directory"));
    x->has_rules = false;
    x->due = now + DAY_MS; /* a change of the tenant makes it due at once */
}

static void start_reading(struct directories *d, struct str tenant, struct directory *x, int64_t now) {
    struct err why;
    void *hold = NULL;
    struct connector *c = d->o->acquire(d->o->ctx, tenant, &hold);
    if (c == NULL) { /* not in use yet, or its configuration is broken: the server says so */
        pause_note(&x->pause, now, FAILURE_FIRST_MS, longest_pause(d));
        x->due = x->pause.until;
        return;
    }
    bool none = connector_is_local(c) || c->ops->list_groups == NULL;
    if (none)
        have_no_rules(d, tenant, x, now);
    else if (reading_start(&d->reading, tenant, now, &why) != ERR_OK)
        tell_failure(d, tenant, x, now, &why);
    else {
        d->reads = x;
        d->connector = c;
        d->hold = hold;
        return;
    }
    d->o->release(d->o->ctx, hold);
}

/* ---- the job ---- */

/* The tenant that has been due for longest. Returns when the first one will be. */
static int64_t choose(struct directories *d, int64_t now) {
    const struct map_entry *e, *first = NULL;
    for (size_t i = 0; (e = map_next(&d->tenants, &i)) != NULL;)
        if (first == NULL || ((struct directory *)e->value)->due < ((struct directory *)first->value)->due)
            first = e;
    if (first == NULL)
        return INT64_MAX;
    struct directory *x = first->value;
    if (x->due > now)
        return x->due;
    start_reading(d, (struct str) { first->key, first->key_len }, x, now);
    return now;
}

static int64_t directories_step(void *self, int64_t now) {
    struct directories *d = self;
    struct err why;
    if (now < d->pause.until)
        return d->pause.until;
    enum err_code rc = refresh(d, &why);
    if (rc == ERR_OK && !d->cleared)
        rc = clear_gone(d, now, &why);
    if (rc != ERR_OK) {
        pause_note(&d->pause, now, RETRY_FIRST_MS, RETRY_LAST_MS);
        if (d->pause.failures == 1)
            log_error_err(d->o->env->log, NULL, "directory_groups_failed", &why);
        return d->pause.until;
    }
    pause_end(&d->pause);
    if (d->o->directory_interval_s == 0)
        return INT64_MAX;
    if (now < d->next_request)
        return d->next_request;
    if (d->reads == NULL)
        return choose(d, now);
    go_on_reading(d, now);
    return d->next_request;
}

static void directories_free(void *self) {
    struct directories *d = self;
    stop_reading(d);
    map_done(&d->tenants, free);
    free(d);
}

enum err_code directories_job(const struct controller_options *options, struct job *ret, struct err *err) {
    static const char name[] = "tkeauth_controller_directory_readings_total",
                      help[] = "Readings of the groups of directories.";
    struct directories *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_NOMEM, "a controller");
    d->o = options;
    random_bytes(options->env->random, d->tenants.seed, sizeof d->tenants.seed);
    d->ok = metrics_counter(options->metrics, name, "result=\"ok\"", help);
    d->failed = metrics_counter(options->metrics, name, "result=\"failed\"", help);
    *ret = (struct job) { d, directories_step, NULL, directories_free, -1 };
    return ERR_OK;
}
