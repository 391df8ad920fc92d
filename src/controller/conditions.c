/* The condition Ready of IdentityProviders: whether people can log in, as far as the last contacts told (contract 2.14). */
#include "controller/internal.h"

#include <stdio.h>

enum {
    CHECK_EVERY_MS = 5 * 1000,
    MESSAGE_EVERY_MS = 60 * 1000, /* another message of the same state may wait so long */
    REASON_MAX = 200,             /* bytes of what a connector says */
    MESSAGE_MAX = 320
};

struct condition {
    const char *status, *reason;
    char message[MESSAGE_MAX];
};
struct known {
    char status[8], reason[32], message[MESSAGE_MAX]; /* as stored */
    int64_t checked;                                  /* round */
    int64_t written;                                  /* monotonic milliseconds; 0: never by us */
    struct pause pause;
    bool seen;
};
struct conditions {
    const struct controller_options *o;
    struct map tenants; /* id -> struct known */
    struct revision_mark mark;
    int64_t round, next_round;
    struct counter *written;
};

/* ---- how it is ---- */

/* Reasons that may name somebody's entry are not for everybody who may read the object: a distinguished name has a '='. */
static bool may_be_shown(struct str detail) {
    return detail.len > 0 && detail.len <= REASON_MAX && str_find(detail, '=') == detail.len &&
           str_is_utf8(detail) && !str_has_control(detail);
}

static void describe(struct condition *c, const char *status, const char *reason, const char *text,
                     struct str detail) {
    *c = (struct condition) { .status = status, .reason = reason };
    if (may_be_shown(detail))
        (void)snprintf(c->message, sizeof c->message, "%s: %.*s", text, STR_FMT(detail));
    else
        (void)snprintf(c->message, sizeof c->message, "%s.", text);
}

static void ask(const struct controller_options *o, struct str tenant, struct condition *ret) {
    void *hold = NULL;
    struct err why = { 0 };
    struct connector *c = o->acquire(o->ctx, tenant, &hold);
    if (c == NULL) {
        describe(ret, "Unknown", "NoConnector", "Its configuration is not in use", STR_NULL);
        return;
    }
    bool is_local = connector_is_local(c);
    enum err_code rc = is_local ? ERR_OK : connector_health(c, &why);
    struct str detail = str_of(why.detail);
    if (is_local)
        describe(ret, "True", "Local", "Passwords are checked here", STR_NULL);
    else if (rc == ERR_OK)
        describe(ret, "True", "Reachable", "The last contact went well", STR_NULL);
    else if (rc == ERR_TIMEOUT)
        describe(ret, "False", "Timeout", "The directory did not answer in time", detail);
    else if (rc == ERR_UNAVAILABLE)
        describe(ret, "False", "Unavailable", "The directory could not be asked", detail);
    else
        describe(ret, "False", "Failing", "The last contact failed", detail);
    o->release(o->ctx, hold);
}

/* ---- how the object says it is ---- */

static const json_t *ready_of(const json_t *object) {
    const json_t *list = object_at(object, "status.conditions");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_get_str(json_array_get(list, i), "type"), STR("Ready")))
            return json_array_get(list, i);
    return NULL;
}

static void copy_text(char *to, size_t size, struct str from) {
    (void)snprintf(to, size, "%.*s", (int)earlier((int64_t)from.len, (int64_t)size - 1),
                   from.len ? from.ptr : "");
}

static enum err_code note_tenant(void *ctx, const struct tenant_view *t, struct err *err) {
    struct conditions *c = ctx;
    if (t->is_deleting)
        return ERR_OK;
    struct known *k = map_get(&c->tenants, t->id);
    if (k == NULL) {
        k = calloc(1, sizeof *k);
        if (k == NULL || map_put(&c->tenants, t->id, k, NULL, err) != ERR_OK) {
            free(k);
            return err_set(err, ERR_NOMEM, "tenants");
        }
    }
    const json_t *ready = ready_of(t->object);
    copy_text(k->status, sizeof k->status, json_get_str(ready, "status"));
    copy_text(k->reason, sizeof k->reason, json_get_str(ready, "reason"));
    copy_text(k->message, sizeof k->message, json_get_str(ready, "message"));
    k->seen = true;
    return ERR_OK;
}

static void forget_unseen(struct conditions *c) {
    const struct map_entry *e;
    for (bool again = true; again;) {
        again = false;
        for (size_t i = 0; !again && (e = map_next(&c->tenants, &i)) != NULL;) {
            again = !((struct known *)e->value)->seen;
            if (again)
                free(map_remove(&c->tenants, (struct str) { e->key, e->key_len }));
        }
    }
}

static enum err_code refresh(struct conditions *c, struct err *err) {
    const struct map_entry *e;
    if (!revision_moved(&c->mark, c->o->env->store, &kind_identity_provider))
        return ERR_OK;
    for (size_t i = 0; (e = map_next(&c->tenants, &i)) != NULL;)
        ((struct known *)e->value)->seen = false;
    enum err_code rc = tenants_each(c->o->env, note_tenant, c, err);
    if (rc == ERR_OK)
        forget_unseen(c);
    else
        c->mark.looked = false;
    return rc;
}

/* ---- making it say so ---- */

struct change {
    const struct condition *wanted;
    const struct clock *clock;
};

static json_t *condition_json(const struct change *ch, const json_t *before) {
    char now[TIME_RFC3339_SIZE];
    struct str since = json_get_str(before, "lastTransitionTime");
    if (!str_eq(json_get_str(before, "status"), str_of(ch->wanted->status)) || since.len == 0)
        since = str_of(time_rfc3339(clock_now_s(ch->clock), now));
    return json_pack("{s:s, s:s, s:s, s:s, s:s%}", "type", "Ready", "status", ch->wanted->status, "reason",
                     ch->wanted->reason, "message", ch->wanted->message, "lastTransitionTime", since.ptr,
                     since.len);
}

static enum err_code set_condition(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    const struct change *ch = ctx;
    (void)r;
    if (object_is_deleting(object))
        return ERR_OK;
    json_t *made = condition_json(ch, ready_of(object));
    json_t *list = json_array(), *old = json_object_get(json_object_get(object, "status"), "conditions");
    int failed = json_array_append_new(list, made);
    for (size_t i = 0; i < json_array_size(old); i++)
        if (!str_eq(json_get_str(json_array_get(old, i), "type"), STR("Ready")))
            failed |= json_array_append(list, json_array_get(old, i));
    if (!json_is_object(json_object_get(object, "status")))
        failed |= json_object_set_new(object, "status", json_object());
    failed |= json_object_set_new(json_object_get(object, "status"), "conditions", list);
    return failed ? err_set(err, ERR_NOMEM, "a condition") : ERR_OK;
}

static enum err_code write_condition(struct conditions *c, struct str tenant, const struct condition *wanted,
                                     struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(PIECE_MEMORY_MAX);
    struct change change = { wanted, c->o->env->clock };
    const struct resource_options o = { .trusted = true, .subresource = STR("status") };
    struct refusal r = { .arena = a };
    json_t *made = NULL;
    int64_t revision;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a condition");
    enum err_code rc = resource_edit(c->o->env, &kind_identity_provider, a, tenant, &o, set_condition,
                                     &change, &made, &revision, &r, err);
    json_decref(made);
    if (rc != ERR_OK && r.status == 404)
        return ERR_OK; /* gone meanwhile */
    return rc != ERR_OK && r.status != 0 ? err_set(err, rc, "%s", r.message) : rc;
}

static bool needs_writing(const struct known *k, const struct condition *c, int64_t now) {
    if (strcmp(k->status, c->status) != 0 || strcmp(k->reason, c->reason) != 0)
        return true;
    return strcmp(k->message, c->message) != 0 && (k->written == 0 || now - k->written >= MESSAGE_EVERY_MS);
}

static void remember(struct known *k, const struct condition *c, int64_t now) {
    copy_text(k->status, sizeof k->status, str_of(c->status));
    copy_text(k->reason, sizeof k->reason, str_of(c->reason));
    copy_text(k->message, sizeof k->message, str_of(c->message));
    k->written = now;
    pause_end(&k->pause);
}

/* True when something was written, or should have been. */
static bool check_tenant(struct conditions *c, struct str tenant, struct known *k, int64_t now) {
    struct condition wanted;
    struct err why;
    if (k->pause.until > now)
        return false;
    ask(c->o, tenant, &wanted);
    if (!needs_writing(k, &wanted, now))
        return false;
    bool news = strcmp(k->status, wanted.status) != 0;
    if (write_condition(c, tenant, &wanted, &why) != ERR_OK) {
        pause_note(&k->pause, now, RETRY_FIRST_MS, RETRY_LAST_MS);
        if (k->pause.failures == 1)
            log_error_err(c->o->env->log, NULL, "tenant_condition_failed", &why, KV("tenant", tenant));
        return true;
    }
    remember(k, &wanted, now);
    counter_add(c->written, 1);
    if (news)
        log_info(c->o->env->log, NULL, "tenant_condition", KV("tenant", tenant), KV("ready", wanted.status),
                 KV("reason", wanted.reason), KV("message", (const char *)wanted.message));
    return true;
}

static int64_t conditions_step(void *self, int64_t now) {
    struct conditions *c = self;
    const struct map_entry *e;
    struct err why;
    if (now < c->next_round)
        return c->next_round;
    if (refresh(c, &why) != ERR_OK) {
        c->next_round = now + CHECK_EVERY_MS;
        return c->next_round;
    }
    for (size_t i = 0; (e = map_next(&c->tenants, &i)) != NULL;) {
        struct known *k = e->value;
        if (k->checked == c->round)
            continue;
        k->checked = c->round;
        if (check_tenant(c, (struct str) { e->key, e->key_len }, k, now))
            return now; /* the rest after others have had their turn */
    }
    c->round++;
    c->next_round = now + CHECK_EVERY_MS;
    return c->next_round;
}

static void conditions_free(void *self) {
    struct conditions *c = self;
    map_done(&c->tenants, free);
    free(c);
}

enum err_code conditions_job(const struct controller_options *options, struct job *ret, struct err *err) {
    struct conditions *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "a controller");
    c->o = options;
    c->round = 1;
    random_bytes(options->env->random, c->tenants.seed, sizeof c->tenants.seed);
    c->written = metrics_counter(options->metrics, "tkeauth_controller_conditions_written_total", "",
                                 "Changes of the condition Ready of tenants.");
    *ret = (struct job) { c, conditions_step, NULL, conditions_free, -1 };
    return ERR_OK;
}
