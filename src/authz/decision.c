#include "authz/decision.h"

#include "authz/convert.h"

enum { DEBUG_REASON_MAX = 16 * 1024 };

const char *authz_outcome_name(enum authz_outcome outcome) {
    switch (outcome) {
    case AUTHZ_NO_OPINION: return "no_opinion";
    case AUTHZ_ALLOWED: return "allowed";
    case AUTHZ_DENIED: return "denied";
    }
    return "unknown";
}

const char *authz_step_name(enum authz_step step) {
    switch (step) {
    case AUTHZ_STEP_NONE: return "none";
    case AUTHZ_STEP_WEBHOOK: return "webhook";
    case AUTHZ_STEP_ABAC: return "abac";
    case AUTHZ_STEP_PRIVILEGED: return "privileged_user";
    case AUTHZ_STEP_UNKNOWN_TENANT: return "unknown_tenant";
    case AUTHZ_STEP_ADMINISTRATOR: return "tenant_administrator";
    case AUTHZ_STEP_UNPROTECTED: return "unprotected_verb";
    case AUTHZ_STEP_PROJECT_FENCE: return "project_fence";
    case AUTHZ_STEP_NAMESPACE_FENCE: return "namespace_fence";
    case AUTHZ_STEP_RULE: return "rule";
    case AUTHZ_STEP_PUBLIC_RULE: return "public_rule";
    }
    return "unknown";
}

/* ---- who asks ---- */

/* Groups that carry context, not membership. */
static bool is_context_group(struct str group) {
    return str_starts_with(group, STR("tenant:")) || str_starts_with(group, STR("project:")) ||
           str_starts_with(group, STR("namespace:")) || str_starts_with(group, STR("cluster:"));
}

static struct str derive_tenant(const struct authz_user *user) {
    bool present;
    struct str tenant = authz_extra_value(user, STR("tenantid"), &present);
    if (present && tenant.ptr == NULL)
        return STR("default"); /* the key without a value */
    if (tenant.len == 0 && authz_group_value(user, STR("tenant:"), &tenant) && tenant.len == 0)
        return STR("default");
    return tenant;
}

static struct str put_key(char **at, struct str tenant, struct str middle, struct str name) {
    char *from = *at;
    const struct str parts[] = { tenant, middle, name };
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        if (parts[i].len != 0) {
            memcpy(*at, parts[i].ptr, parts[i].len);
            *at += parts[i].len;
        }
    return (struct str) { from, (size_t)(*at - from) };
}

enum err_code asker_prepare(struct arena *a, const struct authz_user *user, struct asker *ret,
                            struct err *err) {
    struct asker who = { .tenant = derive_tenant(user) };
    bool present;
    (void)authz_group_value(user, STR("project:"), &who.project);
    (void)authz_group_value(user, STR("namespace:"), &who.namespace);
    who.debug = str_eq(authz_extra_value(user, STR("debug"), &present), STR("true"));

    const struct str user_part = STR("##user##"), group_part = STR("##group##");
    size_t bytes = 2 * (who.tenant.len + user_part.len) + user->name.len + 1, groups = 0;
    for (size_t i = 0; i < user->group_count; i++)
        if (!is_context_group(user->groups[i])) {
            bytes += who.tenant.len + group_part.len + user->groups[i].len;
            groups++;
        }
    char *at = arena_alloc(a, bytes);
    struct str *keys = arena_array(a, groups + 1, sizeof *keys);
    if (at == NULL || keys == NULL)
        return err_set(err, ERR_NOMEM, "keys of %zu groups", groups);
    who.subject = put_key(&at, who.tenant, user_part, user->name);
    who.everybody = put_key(&at, who.tenant, user_part, STR("*"));
    for (size_t i = 0; i < user->group_count; i++)
        if (!is_context_group(user->groups[i]))
            keys[who.group_count++] = put_key(&at, who.tenant, group_part, user->groups[i]);
    who.groups = keys;
    *ret = who;
    return ERR_OK;
}

const struct authz_tenant *tenants_find(const struct tenants *t, struct str id) {
    size_t from = 0, to = t->len;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = str_cmp(t->items[middle].id, id);
        if (order == 0)
            return &t->items[middle];
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return NULL;
}

static bool is_administrator(const struct authz_tenant *tenant, struct str name) {
    for (size_t i = 0; tenant != NULL && i < tenant->administrator_count; i++)
        if (str_eq(tenant->administrators[i], name))
            return true;
    return false;
}

bool tenants_have_administrator(const struct tenants *t, struct str tenant, struct str name) {
    return is_administrator(tenants_find(t, tenant), name);
}

/* ---- the order ---- */

static void decided(struct authz_decision *d, enum authz_outcome outcome, enum authz_step step,
                    struct str reason) {
    d->outcome = outcome;
    d->step = step;
    d->reason = reason;
}

static struct str text3(struct arena *a, struct str before, struct str middle, struct str after) {
    size_t len = before.len + middle.len + after.len;
    char *p = arena_alloc(a, len + 1), *at = p;
    return p == NULL ? STR_NULL : put_key(&at, before, middle, after);
}

/* Steps 1 to 3: what needs no rule. True: decided. */
static bool decide_by_identity(const struct decision_rules *rules, struct arena *a,
                               const struct authz_user *user, const struct asker *who,
                               const struct authz_attributes *at, struct authz_decision *d) {
    /* By name alone anybody called so in any tenant or directory would be (contract 9.30). */
    if (who->tenant.len == 0 && rules->privileged_user.len != 0 &&
        str_eq(user->name, rules->privileged_user)) {
        decided(d, AUTHZ_ALLOWED, AUTHZ_STEP_PRIVILEGED, STR("the privileged user"));
        return true;
    }
    if (who->tenant.len != 0) {
        const struct authz_tenant *tenant = tenants_find(rules->tenants, who->tenant);
        if (tenant == NULL && !rules->tenants->any) {
            decided(d, AUTHZ_DENIED, AUTHZ_STEP_UNKNOWN_TENANT, STR("the tenant is not known"));
            d->error = text3(a, STR("identity provider \""), who->tenant, STR("\" not found"));
            return true;
        }
        if (is_administrator(tenant, user->name)) {
            decided(d, AUTHZ_ALLOWED, AUTHZ_STEP_ADMINISTRATOR, STR("an administrator of the tenant"));
            return true;
        }
    }
    if (str_eq(at->verb, STR("listPortal"))) {
        decided(d, AUTHZ_ALLOWED, AUTHZ_STEP_UNPROTECTED, STR("a verb open to everybody"));
        return true;
    }
    return false;
}

/* Steps 5 and 6: nobody leaves the project or namespace their credential is for. True: denied. */
static bool is_fenced_off(const struct asker *who, const struct authz_attributes *at,
                          struct authz_decision *d) {
    const struct str project = STR("project:");
    if (who->project.len != 0 && str_starts_with(at->resource, project) &&
        str_eq(str_from(at->resource, project.len), at->name) && !str_eq(at->name, STR("*")) &&
        !str_eq(at->name, who->project)) {
        decided(d, AUTHZ_DENIED, AUTHZ_STEP_PROJECT_FENCE, STR("another project than the caller's"));
        return true;
    }
    if (!str_starts_with(at->resource, STR("/api")) && who->namespace.len != 0 &&
        !str_eq(who->namespace, at->namespace)) {
        decided(d, AUTHZ_DENIED, AUTHZ_STEP_NAMESPACE_FENCE, STR("another namespace than the caller's"));
        return true;
    }
    return false;
}

static struct str refusal(struct arena *a, const struct authz_decision *d) {
    struct str head = text3(a, STR("permission for "), d->action, STR(" on "));
    return text3(a, head, d->resource, STR(" not verify"));
}

static struct str with_permissions(struct arena *a, struct str reason, const struct engine *engine,
                                   const void *version, const struct engine_question *q) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(DEBUG_REASON_MAX);
    engine->ops->permissions(version, q, &out);
    return out.failed ? reason : text3(a, reason, STR(", permissions: "), arena_str(a, strbuf_str(&out)));
}

/* Steps 8 to 10. */
static enum err_code decide_by_rules(const struct decision_rules *rules, const struct engine *engine,
                                     const void *version, struct arena *a, const struct asker *who,
                                     struct authz_decision *d, struct err *err) {
    struct engine_question q = { .subject = who->subject,
                                 .domain = who->project.len != 0 ? who->project : STR("*"),
                                 .resource = d->resource,
                                 .action = d->action,
                                 .also = who->groups,
                                 .also_count = who->group_count };
    enum engine_verdict verdict = ENGINE_NO_MATCH;
    enum authz_step step = AUTHZ_STEP_RULE;
    enum err_code rc = engine->ops->enforce(version, a, &q, &verdict, err);
    if (rc == ERR_OK && verdict == ENGINE_NO_MATCH) {
        /* A rule that denies the user stands, whatever everybody may do; so this is asked only without one. */
        struct engine_question everybody = q;
        everybody.subject = who->everybody;
        everybody.also_count = 0;
        step = AUTHZ_STEP_PUBLIC_RULE;
        rc = engine->ops->enforce(version, a, &everybody, &verdict, err);
    }
    if (rc == ERR_NOMEM)
        return rc;
    if (rc != ERR_OK) {
        /* Whether a rule denies cannot be told: an error must not let another authorizer allow. */
        decided(d, AUTHZ_DENIED, AUTHZ_STEP_NONE, STR("the rules could not be evaluated"));
        d->error = arena_str(a, str_of(err->detail));
    } else if (verdict == ENGINE_ALLOW)
        decided(d, AUTHZ_ALLOWED, step, STR_NULL);
    else if (verdict == ENGINE_DENY)
        decided(d, AUTHZ_DENIED, step, refusal(a, d));
    else
        decided(d, rules->always_deny ? AUTHZ_DENIED : AUTHZ_NO_OPINION, AUTHZ_STEP_NONE, refusal(a, d));
    if (who->debug && engine->ops->permissions != NULL)
        d->reason = with_permissions(a, d->reason, engine, version, &q);
    return ERR_OK;
}

enum err_code decide_local(const struct decision_rules *rules, const struct engine *engine,
                           const void *version, struct arena *a, const struct authz_user *user,
                           const struct asker *who, const struct authz_attributes *at, bool converted,
                           const struct authz_request_context *context, struct authz_decision *ret,
                           struct err *err) {
    struct authz_decision d = {
        .tenant = who->tenant, .project = who->project, .action = at->verb, .resource = at->resource
    };
    enum err_code rc = ERR_OK;
    if (!decide_by_identity(rules, a, user, who, at, &d) && !is_fenced_off(who, at, &d)) {
        if (!converted && who->tenant.len != 0 && authz_is_plain_verb(at->verb)) { /* step 7 */
            struct authz_converted to;
            if ((rc = authz_convert(a, at, context, user, &to, err)) != ERR_OK)
                return rc;
            d.action = to.action;
            d.resource = to.resource;
        }
        rc = decide_by_rules(rules, engine, version, a, who, &d, err);
    }
    if (rc == ERR_OK && arena_failed(a))
        rc = err_set(err, ERR_NOMEM, "a decision");
    if (rc == ERR_OK)
        *ret = d;
    return rc;
}
