#include "kube/access.h"

#include "enforcer/enforcer.h"

/* ---- who ---- */

static struct str first_extra(const struct principal *p, struct str key) {
    for (size_t i = 0; i < p->extra_count; i++)
        if (str_eq(p->extra[i].key, key) && p->extra[i].value_count > 0)
            return p->extra[i].values[0];
    return STR_NULL;
}

struct authz_user access_user(struct kube_request *kr) {
    const struct principal *p = &kr->who;
    struct str project = http_header(kr->req, "X-TKE-ProjectName"),
               cluster = http_header(kr->req, "X-TKE-ClusterName");
    struct str *groups = arena_array(kr->arena, p->group_count + 2, sizeof *groups);
    struct authz_extra *extra = arena_array(kr->arena, p->extra_count + 1, sizeof *extra);
    struct authz_user user = { .name = p->name, .uid = p->uid, .groups = groups, .extra = extra };
    if (groups == NULL || extra == NULL)
        return user; /* the arena has failed, which whoever asks next finds */
    for (size_t i = 0; i < p->group_count; i++) {
        /* Contract 1.4: the headers replace what the credential says. */
        if ((project.len > 0 && str_starts_with(p->groups[i], STR("project:"))) ||
            (cluster.len > 0 && str_starts_with(p->groups[i], STR("cluster:"))))
            continue;
        groups[user.group_count++] = p->groups[i];
    }
    if (project.len > 0)
        groups[user.group_count++] = str_of(arena_printf(kr->arena, "project:%.*s", STR_FMT(project)));
    if (cluster.len > 0)
        groups[user.group_count++] = str_of(arena_printf(kr->arena, "cluster:%.*s", STR_FMT(cluster)));
    for (size_t i = 0; i < p->extra_count; i++)
        extra[i] = (struct authz_extra) { p->extra[i].key, p->extra[i].values, p->extra[i].value_count };
    user.extra_count = p->extra_count;
    return user;
}

bool access_is_privileged(const struct kube_request *kr) {
    const struct principal *p = &kr->who;
    bool can_be_trusted = p->source == PRINCIPAL_CERTIFICATE || p->source == PRINCIPAL_FRONT_PROXY ||
                          p->source == PRINCIPAL_TOKEN_FILE;
    if (p->tenant.len > 0 || !can_be_trusted)
        return false;
    for (size_t i = 0; i < kr->app->privileged_group_count; i++)
        for (size_t g = 0; g < p->group_count; g++)
            if (str_eq(p->groups[g], kr->app->privileged_groups[i]))
                return true;
    return false;
}

/* ---- questions ---- */

static enum err_code ask(struct kube_request *kr, const struct authz_user *user,
                         const struct authz_attributes *at, struct authz_decision *ret, struct err *err) {
    struct authz_version version;
    const struct authz_question q = {
        .user = *user,
        .attributes = *at,
        .context = { .cluster_header = http_header(kr->req, "X-TKE-ClusterName"), .path = kr->req->path },
        .request_id = kr->req->request_id
    };
    authz_acquire(kr->app->authz, &version);
    enum err_code rc = authz_decide(kr->app->authz, &version, kr->arena, &q, ret, err);
    authz_release(kr->app->authz, &version);
    return rc;
}

enum err_code access_ask(struct kube_request *kr, const struct authz_attributes *at,
                         struct authz_decision *ret, struct err *err) {
    struct authz_user user = access_user(kr);
    return ask(kr, &user, at, ret, err);
}

enum err_code access_may(struct kube_request *kr, const char *verb, const char *resource,
                         const char *subresource, struct str name, bool *ret, struct err *err) {
    struct authz_decision d;
    struct authz_user user = access_user(kr);
    const struct authz_attributes at = { .verb = str_of(verb),
                                         .api_group = STR(RESOURCE_GROUP),
                                         .version = STR(RESOURCE_VERSION),
                                         .resource = str_of(resource),
                                         .subresource = str_of(subresource),
                                         .name = name,
                                         .is_resource = true };
    *ret = access_is_privileged(kr);
    if (*ret)
        return ERR_OK;
    enum err_code rc = ask(kr, &user, &at, &d, err);
    if (rc == ERR_OK)
        *ret = d.outcome == AUTHZ_ALLOWED;
    return rc;
}

/* ---- acting for somebody else ---- */

/* "TENANT##user##NAME" names a tenant's user, as rules do: kubectl --as has no other way to say the tenant. */
static void split_tenant(struct kube_request *kr, struct principal *p) {
    const struct str mark = STR("##user##");
    for (size_t i = 0; i + mark.len < p->name.len && first_extra(p, STR("tenantid")).len == 0; i++) {
        if (memcmp(p->name.ptr + i, mark.ptr, mark.len) != 0)
            continue;
        struct principal_extra *extra = arena_array(kr->arena, p->extra_count + 1, sizeof *extra);
        struct str *value = arena_alloc(kr->arena, sizeof *value);
        if (extra == NULL || value == NULL)
            return;
        if (p->extra_count > 0)
            memcpy(extra, p->extra, p->extra_count * sizeof *extra);
        *value = str_sub(p->name, 0, i);
        extra[p->extra_count] = (struct principal_extra) { STR("tenantid"), value, 1 };
        p->extra = extra;
        p->extra_count++;
        p->name = str_from(p->name, i + mark.len);
        return;
    }
}

static enum err_code may_impersonate_as(struct kube_request *kr, const char *resource,
                                        const char *subresource, struct str name, struct err *err) {
    struct authz_user user = access_user(kr);
    const struct authz_attributes at = { .verb = STR("impersonate"),
                                         .resource = str_of(resource),
                                         .subresource = str_of(subresource),
                                         .name = name,
                                         .is_resource = true };
    struct authz_decision d = { .outcome = AUTHZ_NO_OPINION };
    if (access_is_privileged(kr))
        return ERR_OK;
    enum err_code rc = ask(kr, &user, &at, &d, err);
    if (rc == ERR_OK && d.outcome == AUTHZ_ALLOWED)
        return ERR_OK;
    return rc != ERR_OK ? rc
                        : refuse(&kr->refusal, 403, "Forbidden",
                                 "%s \"%.*s\" is forbidden: User \"%.*s\" cannot impersonate it", resource,
                                 STR_FMT(str_sub(name, 0, 200)), STR_FMT(str_sub(kr->who.name, 0, 200)));
}

static enum err_code impersonate(struct kube_request *kr, struct err *err) {
    bool wanted = false;
    struct principal target;
    enum err_code rc = authn_impersonation(kr->req, &wanted, &target, err);
    if (rc == ERR_INVALID)
        return refuse(&kr->refusal, 400, "BadRequest", "%s", err->detail);
    if (rc != ERR_OK || !wanted)
        return rc;
    if (kr->who.tenant.len > 0) /* what a tenant's user may do ends at themselves */
        return refuse(&kr->refusal, 403, "Forbidden",
                      "users \"%.*s\" is forbidden: only callers of the platform can impersonate",
                      STR_FMT(str_sub(target.name, 0, 200)));
    rc = may_impersonate_as(kr, "users", NULL, target.name, err);
    for (size_t i = 0; rc == ERR_OK && i < target.group_count; i++)
        if (!str_eq(target.groups[i], STR("system:authenticated")))
            rc = may_impersonate_as(kr, "groups", NULL, target.groups[i], err);
    if (rc == ERR_OK && target.uid.len > 0)
        rc = may_impersonate_as(kr, "uids", NULL, target.uid, err);
    for (size_t i = 0; rc == ERR_OK && i < target.extra_count; i++)
        for (size_t v = 0; rc == ERR_OK && v < target.extra[i].value_count; v++) {
            const char *key = arena_strdup(kr->arena, target.extra[i].key);
            rc = may_impersonate_as(kr, "userextras", key, target.extra[i].values[v], err);
        }
    if (rc != ERR_OK)
        return rc;
    split_tenant(kr, &target);
    target.tenant = first_extra(&target, STR("tenantid"));
    target.source = kr->who.source;
    target.expires_at = kr->who.expires_at; /* a watch ends with the token it was asked for with */
    audit_event(kr->req->log, kr->req->request_id, "impersonation", KV("user", kr->who.name),
                KV("as", target.name), KV("tenant", target.tenant));
    kr->who = target;
    return ERR_OK;
}

enum err_code access_authenticate(struct kube_request *kr, struct err *err) {
    enum err_code rc = authn_request(kr->app->authenticators, &kr->app->judges, kr->req, &kr->who, err);
    if (rc == ERR_UNAUTHENTICATED) {
        log_info(kr->req->log, kr->req->request_id, "api_unauthenticated", KV("detail", err->detail),
                 KV("address", kr->req->client_ip));
        return refuse(&kr->refusal, 401, "Unauthorized", "Unauthorized");
    }
    return rc == ERR_OK ? impersonate(kr, err) : rc;
}

/* ---- what somebody holds ---- */

struct search_role {
    struct str role;
    bool found;
};

static bool look_at_role(void *ctx, struct enforcer_str name) {
    struct search_role *s = ctx;
    s->found = s->role.len == name.len && memcmp(s->role.ptr, name.ptr, name.len) == 0;
    return !s->found;
}

static bool subject_holds(const struct enforcer_snapshot *rules, struct str subject, struct str role) {
    struct search_role s = { role, false };
    const struct enforcer_str domain = { "*", 1 };
    struct enforcer_error ignored;
    (void)!enforcer_implicit_roles(rules, (struct enforcer_str) { subject.ptr, subject.len }, &domain,
                                   look_at_role, &s, &ignored);
    return s.found;
}

bool access_holds(const struct kube_app *app, struct str subject, const struct str *groups,
                  size_t group_count, struct str role) {
    const struct enforcer_snapshot *rules = enforcer_acquire(app->enforcer);
    bool holds = subject_holds(rules, subject, role);
    for (size_t i = 0; !holds && i < group_count; i++)
        holds = subject_holds(rules, groups[i], role);
    enforcer_release(app->enforcer, rules);
    return holds;
}

static const struct str *group_keys(struct kube_request *kr, size_t *ret_len) {
    const struct principal *p = &kr->who;
    struct str *keys = arena_array(kr->arena, p->group_count + 1, sizeof *keys);
    *ret_len = 0;
    for (size_t i = 0; keys != NULL && i < p->group_count; i++)
        keys[(*ret_len)++] = key_of_group(kr->arena, p->tenant, p->groups[i]);
    return keys;
}

static bool caller_holds(struct kube_request *kr, struct str role) {
    size_t len = 0;
    const struct str *groups = group_keys(kr, &len);
    return access_holds(kr->app, key_of_user(kr->arena, kr->who.tenant, kr->who.name), groups, len, role);
}

static bool holds_administration(struct kube_request *kr, struct str tenant, struct str subject,
                                 bool *ret_of_platform) {
    static const char *const platform[] = { KUBE_ROLE_ADMINISTRATOR, KUBE_ROLE_USER_MANAGER };
    *ret_of_platform = false;
    for (size_t i = 0; i < ARRAY_LEN(platform); i++)
        *ret_of_platform = *ret_of_platform || access_holds(kr->app, subject, NULL, 0, str_of(platform[i]));
    const char *policy = arena_printf(kr->arena, "pol-%.*s-administrator", STR_FMT(tenant));
    return *ret_of_platform || access_holds(kr->app, subject, NULL, 0, str_of(policy));
}

bool access_user_is_administrator(struct kube_request *kr, struct str tenant, struct str username,
                                  bool *ret_of_platform) {
    struct authz_version version;
    authz_acquire(kr->app->authz, &version);
    bool named = authz_is_administrator(&version, tenant, username);
    authz_release(kr->app->authz, &version);
    return holds_administration(kr, tenant, key_of_user(kr->arena, tenant, username), ret_of_platform) ||
           named;
}

bool access_group_is_administrator(struct kube_request *kr, struct str tenant, struct str id,
                                   bool *ret_of_platform) {
    return holds_administration(kr, tenant, key_of_group(kr->arena, tenant, id), ret_of_platform);
}

/* ---- how far ---- */

/* The roles of the platform the caller holds, asked one by one: what they allow, they allow in every tenant. */
static enum err_code reaches_platform(struct kube_request *kr, const struct authz_decision *d, bool *ret,
                                      bool *ret_full, struct err *err) {
    static const char *const roles[] = { KUBE_ROLE_ADMINISTRATOR, KUBE_ROLE_USER_MANAGER, KUBE_ROLE_VIEWER };
    *ret = *ret_full = false;
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        if (!caller_holds(kr, str_of(roles[i])))
            continue;
        enum authz_outcome outcome = AUTHZ_NO_OPINION;
        struct authz_version version;
        authz_acquire(kr->app->authz, &version);
        enum err_code rc = authz_ask_rules(&version, kr->arena, str_of(roles[i]), d->action, d->resource,
                                           &outcome, err);
        authz_release(kr->app->authz, &version);
        if (rc != ERR_OK)
            return rc;
        *ret = *ret || outcome == AUTHZ_ALLOWED;
        *ret_full = *ret_full || (i == 0 && outcome == AUTHZ_ALLOWED);
    }
    return ERR_OK;
}

static struct authz_attributes attributes_of(const struct kube_request *kr) {
    return (struct authz_attributes) { .verb = str_of(kr->verb),
                                       .api_group = STR(RESOURCE_GROUP),
                                       .version = STR(RESOURCE_VERSION),
                                       .resource = kr->resource,
                                       .subresource = kr->subresource,
                                       .name = kr->name,
                                       .namespace = kr->namespace,
                                       .is_resource = true };
}

static enum err_code forbid(struct kube_request *kr, const struct authz_decision *d) {
    const char *sub = kr->subresource.len > 0 ? "/" : "";
    return refuse(
        &kr->refusal, 403, "Forbidden",
        "%s." RESOURCE_GROUP
        "%s%.*s%s is forbidden: User \"%.*s\" cannot %s resource \"%s%s%.*s\" in API group \"" RESOURCE_GROUP
        "\": %.*s",
        kr->kind->plural, kr->name.len > 0 ? " \"" : "", STR_FMT(str_sub(kr->name, 0, 200)),
        kr->name.len > 0 ? "\"" : "", STR_FMT(str_sub(kr->who.name, 0, 200)), kr->verb, kr->kind->plural, sub,
        STR_FMT(kr->subresource), STR_FMT(str_sub(d->reason, 0, 400)));
}

/* Allowed with the project's rights: also without them? Then they reach as far as the tenant. */
static enum err_code reaches_tenant(struct kube_request *kr, const struct authz_user *user, bool *ret,
                                    struct err *err) {
    struct authz_user without = *user;
    struct str *groups = arena_array(kr->arena, user->group_count + 1, sizeof *groups);
    struct authz_decision d;
    const struct authz_attributes at = attributes_of(kr);
    if (groups == NULL)
        return err_set(err, ERR_NOMEM, "groups");
    without.group_count = 0;
    for (size_t i = 0; i < user->group_count; i++)
        if (!str_starts_with(user->groups[i], STR("project:")))
            groups[without.group_count++] = user->groups[i];
    without.groups = groups;
    enum err_code rc = ask(kr, &without, &at, &d, err);
    if (rc == ERR_OK)
        *ret = d.outcome == AUTHZ_ALLOWED;
    return rc;
}

static struct str project_of(const struct authz_user *user) {
    for (size_t i = 0; i < user->group_count; i++)
        if (str_starts_with(user->groups[i], STR("project:")))
            return str_from(user->groups[i], STR("project:").len);
    return STR_NULL;
}

static void reach_platform(struct kube_request *kr, bool is_full) {
    struct str header = http_header(kr->req, "X-TKE-TenantID");
    kr->scope.level = SCOPE_PLATFORM;
    kr->scope.tenant = header.len > 0 ? header : STR_NULL;
    kr->scope.is_full = is_full;
}

/* Everybody may have API keys of their own (contract 1.5); whose, the handlers see to. */
static bool is_own_key_business(const struct kube_request *kr) {
    return kr->kind == &kind_api_key && kr->who.tenant.len > 0;
}

static enum err_code authorize_tenant_user(struct kube_request *kr, const struct authz_user *user,
                                           const struct authz_decision *d, struct err *err) {
    bool platform = false, full = false, tenant_wide = true;
    enum err_code rc = reaches_platform(kr, d, &platform, &full, err);
    if (rc != ERR_OK)
        return rc;
    if (platform) {
        reach_platform(kr, full);
        return ERR_OK;
    }
    kr->scope.level = SCOPE_TENANT;
    kr->scope.tenant = kr->who.tenant;
    const char *policy = arena_printf(kr->arena, "pol-%.*s-administrator", STR_FMT(kr->who.tenant));
    kr->scope.is_full = d->step == AUTHZ_STEP_ADMINISTRATOR || caller_holds(kr, str_of(policy));
    if (kr->scope.project.len > 0 && !kr->scope.is_full)
        rc = reaches_tenant(kr, user, &tenant_wide, err);
    if (!tenant_wide && !is_own_key_business(kr))
        kr->scope.level = SCOPE_PROJECT;
    return rc;
}

enum err_code access_authorize(struct kube_request *kr, struct err *err) {
    struct authz_decision d = { .outcome = AUTHZ_NO_OPINION };
    struct authz_user user = access_user(kr);
    const struct authz_attributes at = attributes_of(kr);
    kr->scope = (struct scope) { .is_platform_caller = kr->who.tenant.len == 0,
                                 .project = project_of(&user),
                                 .user = kr->who.name };
    if (access_is_privileged(kr)) {
        reach_platform(kr, true);
        return ERR_OK;
    }
    enum err_code rc = ask(kr, &user, &at, &d, err);
    if (rc != ERR_OK)
        return rc;
    bool allowed = d.outcome == AUTHZ_ALLOWED ||
                   (is_own_key_business(kr) && d.step != AUTHZ_STEP_UNKNOWN_TENANT);
    if (!allowed)
        return forbid(kr, &d);
    if (kr->scope.is_platform_caller) {
        reach_platform(kr, true);
        return ERR_OK;
    }
    return authorize_tenant_user(kr, &user, &d, err);
}

/* ---- objects ---- */

static bool project_sees(const struct scope *s, const struct kind *k, const json_t *object) {
    if (k == &kind_policy)
        return str_eq(object_str_at(object, "spec.scope"), STR("project"));
    if (k == &kind_role || k == &kind_project_policy_binding)
        return str_eq(object_str_at(object, "spec.projectID"), s->project);
    if (k == &kind_project)
        return str_eq(object_name(object), s->project);
    return k == &kind_user || k == &kind_group || k == &kind_category || k == &kind_identity_provider;
}

bool access_sees(const struct scope *s, const struct kind *k, const json_t *object) {
    if (s->level == SCOPE_PLATFORM)
        return true;
    if (k->tenancy == TENANCY_PLATFORM)
        return k->tenants_may_read;
    if (!str_eq(object_tenant(k, object), s->tenant))
        return false;
    if (k == &kind_api_key && !s->is_full && !str_eq(object_str_at(object, "spec.username"), s->user))
        return false;
    /* Contract 2.0: with a project header a tenant's user sees that project's. */
    bool narrowed = s->project.len > 0 &&
                    (k == &kind_policy || k == &kind_role || k == &kind_project_policy_binding);
    return s->level == SCOPE_PROJECT || narrowed ? project_sees(s, k, object) : true;
}

enum err_code access_hide(struct kube_request *kr, const struct kind *k, struct str name) {
    return refuse(&kr->refusal, 404, "NotFound", "%s." RESOURCE_GROUP " \"%.*s\" not found", k->plural,
                  STR_FMT(str_sub(name, 0, 300)));
}

enum err_code access_check_write(struct kube_request *kr) {
    const struct kind *k = kr->kind;
    if (kr->scope.level == SCOPE_PLATFORM)
        return ERR_OK;
    bool of_platform = k->tenancy == TENANCY_PLATFORM || k->tenancy == TENANCY_NAME;
    bool creates = strcmp(kr->verb, "create") == 0 || strcmp(kr->verb, "update") == 0 ||
                   strcmp(kr->verb, "patch") == 0;
    if (of_platform && creates) {
        refuse_field(&kr->refusal, "FieldValueForbidden", "metadata",
                     "Forbidden: tenants cannot change what is the platform's");
        struct err ignored;
        return refusal_check(&kr->refusal, k, kr->name, &ignored);
    }
    /* The project's policies are the tenant's: only giving and taking them is a project's matter, which subresources do. */
    bool of_project = k == &kind_role || k == &kind_project_policy_binding || k == &kind_project;
    if (of_platform || (kr->scope.level == SCOPE_PROJECT && !of_project))
        return refuse(&kr->refusal, 403, "Forbidden",
                      "%s." RESOURCE_GROUP " is forbidden: User \"%.*s\" has these rights in %s only",
                      k->plural, STR_FMT(str_sub(kr->who.name, 0, 200)),
                      kr->scope.level == SCOPE_PROJECT ? "a project" : "a tenant");
    return ERR_OK;
}
