/* Default data is kept up (contract 5.5): for the platform and every tenant, entry by entry. */
#include "controller/apply.h"

#include <poll.h>

enum { RESYNC_EVERY_MS = 5 * 60 * 1000 };
enum { CATEGORIES, POLICIES, ROLES, LISTS };

struct source {
    const char *setting; /* in the configuration */
    const char *built_in;
    const char *path; /* NULL: the built-in list */
    struct list_options options;
    struct list list;
    unsigned char digest[SHA256_SIZE]; /* of the text in force */
    bool loaded, failing;
};
/* The platform, or a tenant. */
struct target {
    uint64_t generation; /* of the lists it has; 0: none */
    struct pause pause;
    bool seen; /* at the last look */
};
/* One target on its way through the lists. */
struct pass {
    struct target *target; /* NULL: none is under way */
    struct strbuf tenant;  /* empty: the platform */
    size_t list, entry;
    uint64_t generation;
    json_t *titles; /* see struct apply; NULL: not needed yet */
    bool nameless_only;
    size_t created, updated;
};
struct defaults {
    const struct controller_options *o;
    struct source sources[LISTS];
    struct cfg_watch *watch;
    uint64_t generation; /* of the lists together, and of what else makes everybody due */
    struct target platform;
    struct map tenants; /* id -> struct target */
    struct revision_mark tenants_mark, kind_marks[LISTS];
    int64_t resync_at;
    struct pause pause;
    struct pass pass;
    struct counter *written, *left_out;
};

/* ---- files ---- */

struct bad_entry {
    const struct defaults *d;
    const struct source *source;
};

static void tell_bad_entry(void *ctx, size_t number, struct str name, const char *why) {
    const struct bad_entry *b = ctx;
    counter_add(b->d->left_out, 1);
    log_warn(b->d->o->env->log, NULL, "default_data_left_out", KV("setting", b->source->setting),
             KV("entry", number), KV("name", name), KV("why", why));
}

static enum err_code read_source(const struct source *s, struct strbuf *out, struct err *err) {
    if (s->path != NULL)
        return file_read(s->path, LIST_FILE_MAX, out, err);
    strbuf_add(out, list_built_in(s->built_in));
    return strbuf_check(out, err);
}

static void tell_unusable(const struct defaults *d, struct source *s, const struct err *why) {
    if (!s->failing)
        log_error_err(d->o->env->log, NULL, "default_data_unusable", why, KV("setting", s->setting),
                      KV("file", s->path), KV("last_good_one_stays", s->loaded));
    s->failing = true;
}

/* True when another list is in force now. One that cannot be used leaves the last good one. */
static bool load_source(struct defaults *d, struct source *s) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(LIST_FILE_MAX + 1);
    struct bad_entry bad = { d, s };
    struct list list = { 0 };
    unsigned char digest[SHA256_SIZE];
    struct err why;
    enum err_code rc = read_source(s, &text, &why);
    sha256(strbuf_str(&text), digest);
    bool same = rc == ERR_OK && s->loaded && memcmp(digest, s->digest, sizeof digest) == 0;
    if (rc == ERR_OK && !same)
        rc = list_parse(&s->options, strbuf_str(&text), tell_bad_entry, &bad, &list, &why);
    if (rc != ERR_OK)
        tell_unusable(d, s, &why);
    s->failing = rc != ERR_OK;
    if (rc != ERR_OK || same)
        return false;
    list_done(&s->list);
    s->list = list;
    s->loaded = true;
    memcpy(s->digest, digest, sizeof digest);
    log_info(d->o->env->log, NULL, "default_data_loaded", KV("setting", s->setting),
             KV("file", s->path != NULL ? s->path : "built in"), KV("entries", list.len));
    return true;
}

static void forget_pass(struct defaults *d) {
    strbuf_clear(&d->pass.tenant);
    json_decref(d->pass.titles);
    d->pass = (struct pass) { .tenant = d->pass.tenant };
}

/* The watch has something to tell. */
static bool files_stirred(const struct defaults *d) {
    if (d->watch == NULL)
        return false;
    struct pollfd fd = { .fd = cfg_watch_fd(d->watch), .events = POLLIN };
    return poll(&fd, 1, 0) > 0 && cfg_watch_changed(d->watch);
}

static void load_changed(struct defaults *d) {
    bool changed = false;
    for (size_t i = 0; i < LISTS; i++)
        changed = (d->sources[i].path != NULL && load_source(d, &d->sources[i])) || changed;
    if (!changed)
        return;
    forget_pass(d); /* it holds an entry of a list that is no more */
    d->generation++;
}

/* ---- whom it concerns ---- */

static enum err_code note_tenant(void *ctx, const struct tenant_view *t, struct err *err) {
    struct defaults *d = ctx;
    if (t->is_deleting)
        return ERR_OK;
    struct target *known = map_get(&d->tenants, t->id);
    if (known == NULL) {
        known = calloc(1, sizeof *known);
        if (known == NULL || map_put(&d->tenants, t->id, known, NULL, err) != ERR_OK) {
            free(known);
            return err_set(err, ERR_NOMEM, "tenants");
        }
    }
    known->seen = true;
    return ERR_OK;
}

static void forget_unseen(struct defaults *d) {
    const struct map_entry *e;
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; !again && (e = map_next(&d->tenants, &i)) != NULL;) {
            struct target *t = e->value;
            again = !t->seen;
            if (again && d->pass.target == t)
                forget_pass(d);
            if (again)
                free(map_remove(&d->tenants, (struct str) { e->key, e->key_len }));
        }
    }
}

static enum err_code refresh_tenants(struct defaults *d, struct err *err) {
    const struct map_entry *e;
    if (!revision_moved(&d->tenants_mark, d->o->env->store, &kind_identity_provider))
        return ERR_OK;
    for (size_t i = 0; (e = map_next(&d->tenants, &i)) != NULL;)
        ((struct target *)e->value)->seen = false;
    enum err_code rc = tenants_each(d->o->env, note_tenant, d, err);
    if (rc == ERR_OK)
        forget_unseen(d);
    else
        d->tenants_mark.looked = false;
    return rc;
}

/* Somebody may have changed or deleted what the lists say: everybody is looked at again. A file that could not be watched may have
 * changed. */
static void resync(struct defaults *d, int64_t now) {
    bool moved = false;
    if (d->resync_at != 0)
        load_changed(d);
    for (size_t i = 0; i < LISTS; i++)
        moved = revision_moved(&d->kind_marks[i], d->o->env->store, d->sources[i].options.kind) || moved;
    if (moved && d->resync_at != 0)
        d->generation++;
    d->resync_at = now + RESYNC_EVERY_MS;
}

static void start_pass(struct defaults *d, struct target *t, struct str tenant) {
    const char *problem = tenant.len > 0 ? name_problem(tenant, true) : NULL;
    forget_pass(d);
    strbuf_add(&d->pass.tenant, tenant);
    d->pass.target = t;
    d->pass.generation = d->generation;
    d->pass.nameless_only = problem != NULL;
    if (problem != NULL && t->generation == 0)
        log_warn(d->o->env->log, NULL, "default_data_left_out", KV("tenant", tenant),
                 KV("why", "the tenant's id cannot be part of an object's name"));
}

/* The platform first, then tenants in any order. Returns when the first of those who have to wait is due. */
static int64_t choose_target(struct defaults *d, int64_t now) {
    int64_t due = INT64_MAX;
    const struct map_entry *e;
    if (d->platform.generation != d->generation) {
        if (d->platform.pause.until > now)
            return d->platform.pause.until;
        start_pass(d, &d->platform, STR(""));
        return now;
    }
    for (size_t i = 0; (e = map_next(&d->tenants, &i)) != NULL;) {
        struct target *t = e->value;
        if (t->generation == d->generation)
            continue;
        if (t->pause.until <= now) {
            start_pass(d, t, (struct str) { e->key, e->key_len });
            return now;
        }
        due = earlier(due, t->pause.until);
    }
    return due;
}

/* ---- one entry ---- */

static bool concerns(const struct pass *p, const struct list_entry *e) {
    return e->is_platform == (p->tenant.len == 0) && !(p->nameless_only && e->name.len > 0);
}

/* The next entry of the pass; NULL: it is through. */
static struct list_entry *next_entry(struct defaults *d) {
    struct pass *p = &d->pass;
    for (; p->list < LISTS; p->list++, p->entry = 0) {
        struct list *l = &d->sources[p->list].list;
        for (; p->entry < l->len; p->entry++)
            if (concerns(p, &l->entries[p->entry]))
                return &l->entries[p->entry];
    }
    return NULL;
}

static void tell_once(struct defaults *d, const struct source *s, struct list_entry *e,
                      const struct apply_result *r) {
    bool left_out = r->outcome == APPLY_LEFT_OUT;
    const char *why = strbuf_c(left_out ? &r->why : &r->notes);
    if (left_out)
        counter_add(d->left_out, 1);
    if (e->told || why[0] == 0)
        return;
    e->told = true;
    log_write(d->o->env->log, left_out ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, NULL,
              left_out ? "default_data_left_out" : "default_data_note",
              LOG_FIELDS(KV("setting", s->setting), KV("entry", e->number), KV("name", strbuf_str(&r->name)),
                         KV("tenant", strbuf_str(&d->pass.tenant)), KV("why", why)));
}

static void tell_written(struct defaults *d, const struct source *s, const struct apply_result *r) {
    bool created = r->outcome == APPLY_CREATED;
    d->pass.created += created;
    d->pass.updated += !created;
    counter_add(d->written, 1);
    audit_event(d->o->env->log, NULL, created ? "default_created" : "default_updated",
                KV("kind", s->options.kind->kind), KV("name", strbuf_str(&r->name)),
                KV("tenant", strbuf_str(&d->pass.tenant)));
}

static enum err_code bring_in(struct defaults *d, struct list_entry *e, struct err *err) {
    struct pass *p = &d->pass;
    const struct source *s = &d->sources[p->list];
    AUTO(apply_result_done) struct apply_result result = APPLY_RESULT;
    if (e->name.len == 0 && p->titles == NULL) {
        enum err_code rc = apply_titles(d->o->env, s->options.kind, strbuf_str(&p->tenant), &p->titles, err);
        if (rc != ERR_OK)
            return rc;
    }
    const struct apply in = { .env = d->o->env,
                              .kind = s->options.kind,
                              .entry = e,
                              .tenant = strbuf_str(&p->tenant),
                              .by_title = p->titles };
    enum err_code rc = apply_entry(&in, &result, err);
    if (rc != ERR_OK)
        return rc;
    tell_once(d, s, e, &result);
    if (result.outcome == APPLY_CREATED || result.outcome == APPLY_UPDATED)
        tell_written(d, s, &result);
    return ERR_OK;
}

static void end_pass(struct defaults *d) {
    struct pass *p = &d->pass;
    if (p->created + p->updated > 0)
        log_info(d->o->env->log, NULL, "default_data_applied", KV("tenant", strbuf_str(&p->tenant)),
                 KV("created", p->created), KV("updated", p->updated));
    p->target->generation = p->generation;
    pause_end(&p->target->pause);
    forget_pass(d);
}

static void fail_pass(struct defaults *d, int64_t now, const struct err *why) {
    struct target *t = d->pass.target;
    pause_note(&t->pause, now, RETRY_FIRST_MS, RETRY_LAST_MS);
    if (t->pause.failures == 1)
        log_error_err(d->o->env->log, NULL, "default_data_failed", why,
                      KV("tenant", strbuf_str(&d->pass.tenant)));
    forget_pass(d);
}

/* ---- the job ---- */

static int64_t defaults_step(void *self, int64_t now) {
    struct defaults *d = self;
    struct err why;
    if (files_stirred(d)) {
        for (size_t i = 0; i < LISTS; i++)
            d->sources[i].failing = false; /* what is wrong now is told, also if it was before */
        load_changed(d);
    }
    if (now < d->pause.until)
        return d->pause.until;
    if (refresh_tenants(d, &why) != ERR_OK) {
        pause_note(&d->pause, now, RETRY_FIRST_MS, RETRY_LAST_MS);
        if (d->pause.failures == 1)
            log_error_err(d->o->env->log, NULL, "default_data_failed", &why);
        return d->pause.until;
    }
    pause_end(&d->pause);
    if (now >= d->resync_at)
        resync(d, now);
    if (d->pass.target == NULL) {
        int64_t due = choose_target(d, now);
        if (due > now)
            return earlier(due, d->resync_at);
    }
    struct list_entry *e = next_entry(d);
    if (e == NULL)
        end_pass(d);
    else if (bring_in(d, e, &why) != ERR_OK)
        fail_pass(d, now, &why);
    else
        d->pass.entry++;
    return now;
}

static void defaults_free(void *self) {
    struct defaults *d = self;
    forget_pass(d);
    strbuf_done(&d->pass.tenant);
    for (size_t i = 0; i < LISTS; i++)
        list_done(&d->sources[i].list);
    map_done(&d->tenants, free);
    cfg_watch_free(d->watch);
    free(d);
}

static void set_up(struct defaults *d) {
    const struct controller_options *o = d->o;
    d->sources[CATEGORIES] = (struct source) { .setting = "features.category_path",
                                               .built_in = "category.json",
                                               .path = o->category_path,
                                               .options = { &kind_category, true, true } };
    d->sources[POLICIES] = (struct source) { .setting = "features.policy_path",
                                             .built_in = "policy.json",
                                             .path = o->policy_path,
                                             .options = { &kind_policy, false, false } };
    /* Nothing tells a role that was made of a list from others of its display name. */
    d->sources[ROLES] = (struct source) { .setting = "features.role_path",
                                          .built_in = "role.json",
                                          .path = o->role_path,
                                          .options = { &kind_role, false, true } };
    d->pass.tenant = STRBUF(STORE_NAME_MAX + 1);
    d->generation = 1;
    random_bytes(o->env->random, d->tenants.seed, sizeof d->tenants.seed);
    d->written = metrics_counter(o->metrics, "tkeauth_controller_defaults_written_total", "",
                                 "Objects of default data created or updated.");
    d->left_out = metrics_counter(o->metrics, "tkeauth_controller_defaults_left_out_total", "",
                                  "Entries of default data that could not be used.");
}

/* Before the files are read, so that no change falls in between. One that cannot be watched is read again with every resync. */
static void watch_files(struct defaults *d) {
    struct err why;
    for (size_t i = 0; i < LISTS; i++) {
        const struct source *s = &d->sources[i];
        if (s->path != NULL && ((d->watch == NULL && cfg_watch_new(&d->watch, &why) != ERR_OK) ||
                                cfg_watch_add(d->watch, s->path, &why) != ERR_OK))
            log_warn_err(d->o->env->log, NULL, "default_data_unwatched", &why, KV("setting", s->setting));
    }
}

enum err_code defaults_job(const struct controller_options *options, struct job *ret, struct err *err) {
    struct defaults *d = calloc(1, sizeof *d);
    if (d == NULL)
        return err_set(err, ERR_NOMEM, "a controller");
    d->o = options;
    set_up(d);
    *ret = (struct job) { d, defaults_step, NULL, defaults_free, -1 };
    watch_files(d);
    for (size_t i = 0; i < LISTS; i++)
        (void)load_source(d, &d->sources[i]);
    if (d->watch != NULL)
        ret->poll_fd = cfg_watch_fd(d->watch);
    return ERR_OK;
}
