/* Groups of directories become rules (contract 5.2): one tenant at a time, a few requests a second, and never in part. */
#include "controller/reading.h"

enum {
    REQUEST_EVERY_MS = 200,
    INTERVAL_LEAST_MS = 10 * 1000,
    FAILURE_FIRST_MS = 30 * 1000,
    START_SPREAD_MS = 60 *
                      1000, /* directories whose groups are known from before need not all be read at once */
    JITTER_PERCENT = 10,
    SCAN_STRETCH = 200, /* owners of rules looked at in one step */
};

enum last_result { LAST_NONE, LAST_READ, LAST_FAILED };
struct directory {
    unsigned char digest[SHA256_SIZE]; /* of what makes its connector */
    int64_t due;                       /* monotonic milliseconds */
    struct pause pause;
    enum last_result last;
    enum err_code last_error;
    size_t groups, members;
    uint64_t has, wrote; /* parts: bits of those that have rules, and of those we have written */
    uint64_t sums[RULE_DIRECTORY_PARTS]; /* of what we wrote */
    bool seen;
    struct gauge *groups_gauge, *members_gauge, *time_gauge;
};
struct directories {
    const struct controller_options *o;
    struct map tenants; /* id -> struct directory */
    struct revision_mark mark;
    struct pause pause;
    int64_t next_request;
    /* ---- looking for rules of directories that are gone ---- */
    bool scanning;
    struct strbuf cursor; /* owner looked at last */
    struct strbuf gone;   /* tenant whose rules go; empty: none */
    size_t gone_rules;
    /* ---- the reading under way, then its writing ---- */
    struct reading reading;
    struct directory *reads;     /* NULL: none */
    struct connector *connector; /* NULL: all was read, and is being written */
    void *hold;
    size_t part, changed;
    int64_t read_ms;
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

static void give_back(struct directories *d) {
    if (d->connector != NULL)
        d->o->release(d->o->ctx, d->hold);
    d->connector = NULL;
}

static void stop_reading(struct directories *d) {
    if (d->reads == NULL)
        return;
    give_back(d);
    reading_done(&d->reading);
    d->reads = NULL;
}

/* ---- tenants ---- */

static void digest_of(const json_t *object, unsigned char out[SHA256_SIZE]) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(8 * STORE_OBJECT_MAX);
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
    if (!is_new) { /* perhaps another tenant of the name, whose rules went with the first one */
        x->wrote = 0;
        x->has = UINT64_MAX;
    }
    pause_end(&x->pause);
    return ERR_OK;
}

static void start_scan(struct directories *d) {
    d->scanning = true;
    strbuf_clear(&d->cursor);
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
                start_scan(d);
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

static enum err_code set_rules(const struct directories *d, struct str tenant, size_t part,
                               const struct rule_list *rules, size_t *ret_changed, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    struct str owner = a != NULL ? rule_owner_directory(a, tenant, part) : STR_NULL;
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

/* The owner after the cursor. Names of rules begin with "rul-", so that "s" is behind all of one owner's. */
static enum err_code next_owner(const struct directories *d, struct strbuf *ret, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    struct str first = a != NULL ? rule_owner_directory(a, STR(""), 0) : STR_NULL;
    if (first.ptr == NULL)
        return err_set(err, ERR_NOMEM, "owners of rules");
    first = str_sub(first, 0, str_find(first, '/') + 1);
    strbuf_clear(ret);
    return store_owned_list(d->o->env->store, STR("rules"),
                            d->cursor.len > 0 ? strbuf_str(&d->cursor) : first, STR("s"), 1, note_owner, ret,
                            err);
}

static void tell_gone(struct directories *d) {
    bool is_off = d->o->directory_interval_s == 0;
    if (d->gone.len > 0)
        audit_event(d->o->env->log, NULL, "directory_rules_removed", KV("tenant", strbuf_str(&d->gone)),
                    KV("rules", d->gone_rules),
                    KV("why", is_off ? "features.directory_group_interval is 0" : "there is no such tenant"));
    strbuf_clear(&d->gone);
    d->gone_rules = 0;
}

static enum err_code clear_gone(struct directories *d, struct str tenant, size_t part, struct err *err) {
    size_t changed = 0;
    if (!str_eq(tenant, strbuf_str(&d->gone))) {
        tell_gone(d);
        strbuf_add(&d->gone, tenant);
    }
    enum err_code rc = set_rules(d, tenant, part, NULL, &changed, err);
    d->gone_rules += rc == ERR_OK ? changed : 0;
    return rc;
}

/* Its rules are there from before: it need not be read in the same second as all the others. */
static void note_part(struct directories *d, struct directory *x, size_t part, int64_t now) {
    if (x->has == 0 && x->due == 0 && x->last == LAST_NONE)
        x->due = now + random_below(d, earlier(interval_ms(d), START_SPREAD_MS));
    x->has |= (uint64_t)1 << part;
}

/* A stretch of the owners of directory rules: who has rules is noted, those of tenants that are gone go, a part at a time. */
static enum err_code scan(struct directories *d, int64_t now, struct err *err) {
    AUTO(strbuf_done) struct strbuf owner = STRBUF(STORE_OWNER_MAX + 1);
    for (size_t i = 0; i < SCAN_STRETCH; i++) {
        struct str tenant;
        size_t part;
        enum err_code rc = next_owner(d, &owner, err);
        if (rc != ERR_OK)
            return rc;
        if (!rule_owner_is_directory(strbuf_str(&owner), &tenant, &part)) {
            tell_gone(d);
            d->scanning = false;
            return ERR_OK;
        }
        struct directory *x = d->o->directory_interval_s > 0 ? map_get(&d->tenants, tenant) : NULL;
        if (x != NULL)
            note_part(d, x, part, now);
        else if ((rc = clear_gone(d, tenant, part, err)) != ERR_OK)
            return rc;
        strbuf_clear(&d->cursor);
        strbuf_add(&d->cursor, strbuf_str(&owner));
        if (x == NULL)
            return ERR_OK;
    }
    return ERR_OK;
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

static void tell_success(struct directories *d, struct directory *x) {
    const struct reading *r = &d->reading;
    bool news = d->changed > 0 || x->last != LAST_READ || x->groups != r->groups || x->members != r->members;
    counter_add(d->ok, 1);
    gauge_set(x->groups_gauge, (int64_t)r->groups);
    gauge_set(x->members_gauge, (int64_t)r->members);
    gauge_set(x->time_gauge, clock_now_s(d->o->env->clock));
    if (news) {
        log_info(d->o->env->log, NULL, "directory_groups", KV("tenant", r->tenant), KV("groups", r->groups),
                 KV("members", r->members), KV("rules_changed", d->changed), KV("requests", r->pages),
                 KV("ms", d->read_ms));
        tell_cuts(d, r);
    }
    if (d->changed > 0)
        audit_event(d->o->env->log, NULL, "directory_rules_changed", KV("tenant", r->tenant),
                    KV("changed", d->changed), KV("groups", r->groups), KV("members", r->members));
    x->last = LAST_READ;
    x->groups = r->groups;
    x->members = r->members;
}

static void finish_reading(struct directories *d, int64_t now) {
    struct directory *x = d->reads;
    bool has_directory = d->reading.pages > 0;
    if (has_directory)
        tell_success(d, x);
    else if (d->changed > 0)
        audit_event(d->o->env->log, NULL, "directory_rules_removed", KV("tenant", d->reading.tenant),
                    KV("rules", d->changed), KV("why", "the tenant has no directory"));
    pause_end(&x->pause);
    /* Without one there is nothing to come back for: a change of the tenant makes it due at once. */
    x->due = now + (has_directory ? interval_ms(d) : DAY_MS);
    stop_reading(d);
}

/* One part that is not as it was written last, in a transaction of its own. False: there is none left. */
static bool write_part(struct directories *d, bool *ret_wrote, struct err *err) {
    struct directory *x = d->reads;
    const struct reading *r = &d->reading;
    for (; d->part < RULE_DIRECTORY_PARTS; d->part++) {
        uint64_t bit = (uint64_t)1 << d->part;
        bool empty = rule_list_len(r->parts[d->part]) == 0, same = x->sums[d->part] == r->sums[d->part];
        if ((x->wrote & bit) != 0 ? same : empty && (x->has & bit) == 0)
            continue;
        size_t changed = 0;
        *ret_wrote = set_rules(d, r->tenant, d->part, r->parts[d->part], &changed, err) == ERR_OK;
        if (!*ret_wrote)
            return true;
        d->changed += changed;
        x->wrote |= bit;
        x->has = empty ? x->has & ~bit : x->has | bit;
        x->sums[d->part] = r->sums[d->part];
        return true;
    }
    return false;
}

static void fail_reading(struct directories *d, int64_t now, const struct err *why) {
    tell_failure(d, d->reading.tenant, d->reads, now, why);
    stop_reading(d);
}

static void begin_writing(struct directories *d, int64_t now) {
    give_back(d);
    d->part = d->changed = 0;
    d->read_ms = now - d->reading.began;
}

static int64_t go_on_reading(struct directories *d, int64_t now) {
    bool complete = false;
    struct err why;
    if (now < d->next_request)
        return d->next_request;
    enum err_code rc = reading_page(&d->reading, d->connector, d->o->env->clock, &complete, &why);
    d->next_request = clock_mono_ms(d->o->env->clock) + REQUEST_EVERY_MS;
    if (rc != ERR_OK)
        fail_reading(d, now, &why);
    else if (complete)
        begin_writing(d, now);
    else
        return d->next_request;
    return now;
}

static int64_t go_on_writing(struct directories *d, int64_t now) {
    struct err why;
    bool wrote = false;
    if (!write_part(d, &wrote, &why))
        finish_reading(d, now);
    else if (!wrote)
        fail_reading(d, now, &why);
    return now;
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
    if (reading_start(&d->reading, tenant, now, &why) != ERR_OK) {
        tell_failure(d, tenant, x, now, &why);
        d->o->release(d->o->ctx, hold);
        return;
    }
    d->reads = x;
    d->connector = c;
    d->hold = hold;
    if (connector_is_local(c) || c->ops->list_groups == NULL)
        begin_writing(d, now); /* nothing to read there: rules it had as another kind of tenant go */
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
    if (rc == ERR_OK && d->scanning) {
        rc = scan(d, now, &why);
        if (rc == ERR_OK)
            return now;
    }
    if (rc != ERR_OK) {
        pause_note(&d->pause, now, RETRY_FIRST_MS, RETRY_LAST_MS);
        if (d->pause.failures == 1)
            log_error_err(d->o->env->log, NULL, "directory_groups_failed", &why);
        return d->pause.until;
    }
    pause_end(&d->pause);
    if (d->o->directory_interval_s == 0)
        return INT64_MAX;
    if (d->reads == NULL)
        return now < d->next_request ? d->next_request : choose(d, now);
    return d->connector != NULL ? go_on_reading(d, now) : go_on_writing(d, now);
}

static void directories_free(void *self) {
    struct directories *d = self;
    stop_reading(d);
    map_done(&d->tenants, free);
    strbuf_done(&d->cursor);
    strbuf_done(&d->gone);
    free(d);
}

enum err_code directories_job(const struct controller_options *options, struct job *ret, struct err *err) {
    static const char name[] = "tkeauth_controller_directory_readings_total",
                      help[] = "Readings of the groups of directories.";
    struct directories *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_NOMEM, "a controller");
    d->o = options;
    d->scanning = true;
    d->cursor = d->gone = STRBUF(STORE_OWNER_MAX + 1);
    random_bytes(options->env->random, d->tenants.seed, sizeof d->tenants.seed);
    d->ok = metrics_counter(options->metrics, name, "result=\"ok\"", help);
    d->failed = metrics_counter(options->metrics, name, "result=\"failed\"", help);
    *ret = (struct job) { d, directories_step, NULL, directories_free, -1 };
    return ERR_OK;
}
