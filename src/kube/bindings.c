#include "kube/bindings.h"

#include "kube/access.h"
#include "kube/directory.h"
#include "kube/lists.h"
#include "kube/people.h"
#include "kube/print.h"
#include "kube/subjects.h"

enum { RACES = 5 };

/* ---- bodies ---- */

/* {"users":[{"id","name"}],"groups":[...]}, resolved in the tenant. */
static enum err_code read_binding(struct kube_request *kr, const struct kind *k, struct str tenant,
                                  json_t **ret, struct err *err) {
    json_t *body = NULL;
    enum err_code rc = request_body(kr, "Binding", &body, err);
    if (rc == ERR_OK)
        rc = subjects_resolve(kr, k, tenant, body, NULL, err);
    struct err ignored;
    if (rc == ERR_OK && !kr->moved)
        rc = refusal_check(&kr->refusal, kr->kind, kr->name, &ignored);
    if (rc == ERR_OK)
        *ret = body;
    return rc;
}

static struct resource_options options_of(struct kube_request *kr, enum err_code *rc) {
    struct resource_options o = { .operation = STR("Update"), .subresource = kr->subresource };
    *rc = verb_options(kr, &o);
    return o;
}

static enum err_code bad_request(struct kube_request *kr, const char *why) {
    return refuse(&kr->refusal, 400, "BadRequest", "%s", why);
}

static bool is_of_project(const json_t *policy) {
    return str_eq(object_str_at(policy, "spec.scope"), STR("project"));
}

/* The project of the request; 400 without the header (contract 2.5). */
static enum err_code project_of(struct kube_request *kr, struct str *ret) {
    *ret = kr->scope.project;
    return ret->len > 0 ? ERR_OK : bad_request(kr, "the header X-TKE-ProjectName is missing");
}

/* ---- policies, roles, groups: who has them everywhere ---- */

static enum err_code change_subjects(struct kube_request *kr, bool bind, struct err *err) {
    json_t *object = NULL, *body = NULL, *written = NULL;
    int64_t revision = 0;
    enum err_code rc = verb_load(kr, kr->kind, kr->name, &object, &revision, err);
    if (rc == ERR_OK && kr->kind == &kind_policy && is_of_project(object))
        return bad_request(kr, "the policy is of scope project: bind it with projectbinding");
    if (rc == ERR_OK && kr->scope.level == SCOPE_PROJECT && kr->kind != &kind_role)
        return refuse(&kr->refusal, 403, "Forbidden",
                      "what counts everywhere in the tenant is not a project's to give");
    if (rc == ERR_OK)
        rc = people_check_members(kr, object);
    struct resource_options o = options_of(kr, &rc);
    if (rc == ERR_OK)
        rc = read_binding(kr, kr->kind, object_tenant(kr->kind, object), &body, err);
    if (rc != ERR_OK || kr->moved)
        return rc;
    rc = resource_bind(kr->app->env, kr->kind, kr->arena, kr->name, json_object_get(body, "users"),
                       json_object_get(body, "groups"), bind, &o, &written, &revision, &kr->refusal, err);
    if (rc != ERR_OK)
        return rc;
    if (keep_json(kr, written) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    return verb_answer_written(kr, 201, written, revision, o.dry_run, err);
}

enum err_code bind_subjects(struct kube_request *kr, struct err *err) {
    return change_subjects(kr, true, err);
}
enum err_code unbind_subjects(struct kube_request *kr, struct err *err) {
    return change_subjects(kr, false, err);
}

/* ---- a role's policies ---- */

struct role_change {
    struct kube_request *kr;
    const json_t *policies;
    bool bind;
};

static size_t position(const json_t *list, struct str s) {
    size_t i = 0;
    while (i < json_array_size(list) && !str_eq((struct str) { json_string_value(json_array_get(list, i)),
                                                               json_string_length(json_array_get(list, i)) },
                                                s))
        i++;
    return i;
}

static enum err_code change_policies(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    struct role_change *c = ctx;
    json_t *spec = json_object_get(object, "spec");
    (void)r;
    (void)err;
    if (!json_is_array(json_object_get(spec, "policies")))
        (void)json_object_set_new(spec, "policies", json_array());
    json_t *list = json_object_get(spec, "policies");
    for (size_t i = 0; i < json_array_size(c->policies); i++) {
        json_t *name = json_array_get(c->policies, i);
        if (!json_is_string(name))
            continue;
        size_t at = position(list, (struct str) { json_string_value(name), json_string_length(name) });
        if (c->bind && at == json_array_size(list))
            (void)json_array_append(list, name);
        else if (!c->bind && at < json_array_size(list))
            (void)json_array_remove(list, at);
    }
    return ERR_OK;
}

enum err_code policies_hide_foreign(struct kube_request *kr, json_t *names, struct err *err) {
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && kr->scope.level != SCOPE_PLATFORM && json_is_array(names) &&
                       i < json_array_size(names);) {
        struct store_object o;
        json_t *policy = NULL;
        struct str name = str_of(json_string_value(json_array_get(names, i)));
        rc = store_get(kr->app->env->store, kr->arena, str_of(kind_policy.plural), name, &o, err);
        if (rc == ERR_OK)
            rc = json_parse(o.body, &policy, err);
        bool foreign = rc == ERR_OK && !str_eq(object_tenant(&kind_policy, policy), kr->scope.tenant);
        json_decref(policy);
        if (rc == ERR_NOT_FOUND ||
            rc == ERR_INVALID) /* or no name at all, which is complained of elsewhere */
            rc = ERR_OK;
        if (foreign) {
            warn(&kr->refusal, "spec.policies: there is no policy \"%.*s\"; it was left out",
                 STR_FMT(str_sub(name, 0, 100)));
            (void)json_array_remove(names, i);
        } else
            i++;
    }
    return rc;
}

/* Of a project's role only the project's policies can be had. */
static enum err_code check_project_policies(struct kube_request *kr, const json_t *policies,
                                            struct err *err) {
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && kr->scope.level == SCOPE_PROJECT && i < json_array_size(policies);
         i++) {
        json_t *policy = NULL;
        int64_t revision;
        struct str name = str_of(json_string_value(json_array_get(policies, i)));
        rc = verb_load(kr, &kind_policy, name, &policy, &revision,
                       err); /* which hides all but those of scope project */
    }
    return rc;
}

static enum err_code change_role(struct kube_request *kr, bool bind, struct err *err) {
    json_t *object = NULL, *body = NULL, *written = NULL;
    int64_t revision = 0;
    enum err_code rc = verb_load(kr, kr->kind, kr->name, &object, &revision, err);
    struct resource_options o = options_of(kr, &rc);
    if (rc == ERR_OK)
        rc = request_body(kr, "PolicyBinding", &body, err);
    if (rc == ERR_OK && bind)
        rc = policies_hide_foreign(kr, json_object_get(body, "policies"), err);
    struct role_change c = { kr, json_object_get(body, "policies"), bind };
    if (rc == ERR_OK && bind)
        rc = check_project_policies(kr, c.policies, err);
    if (rc == ERR_OK)
        rc = resource_edit(kr->app->env, kr->kind, kr->arena, kr->name, &o, change_policies, &c, &written,
                           &revision, &kr->refusal, err);
    if (rc != ERR_OK)
        return rc;
    if (keep_json(kr, written) == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    return verb_answer_written(kr, 201, written, revision, o.dry_run, err);
}

enum err_code bind_role_policies(struct kube_request *kr, struct err *err) {
    return change_role(kr, true, err);
}
enum err_code unbind_role_policies(struct kube_request *kr, struct err *err) {
    return change_role(kr, false, err);
}

/* ---- a policy in a project ---- */

static enum err_code create_binding(struct kube_request *kr, const struct project_binding *b,
                                    const struct resource_options *o, json_t **ret, int64_t *ret_revision,
                                    struct err *err) {
    json_t *given = keep_json(kr, json_pack("{s:{}, s:{s:s%, s:s%, s:s%}}", "metadata", "spec", "tenantID",
                                            b->tenant.len ? b->tenant.ptr : "", b->tenant.len, "projectID",
                                            b->project.ptr, b->project.len, "policyID", b->policy.ptr,
                                            b->policy.len));
    if (given == NULL)
        return err_set(err, ERR_NOMEM, "a binding");
    json_t *spec = json_object_get(given, "spec");
    if (json_is_array(b->users))
        (void)json_object_set_new(spec, "users", json_deep_copy(b->users));
    if (json_is_array(b->groups))
        (void)json_object_set_new(spec, "groups", json_deep_copy(b->groups));
    return resource_create(kr->app->env, &kind_project_policy_binding, kr->arena, given, o, ret, ret_revision,
                           &kr->refusal, err);
}

/* Its name is put together of project and policy, so it may be another tenant's: then it is not there. */
static enum err_code check_tenant(struct kube_request *kr, const struct project_binding *b, struct str name,
                                  struct err *err) {
    const struct kind *k = &kind_project_policy_binding;
    struct store_object o;
    json_t *binding = NULL;
    enum err_code rc = store_get(kr->app->env->store, kr->arena, str_of(k->plural), name, &o, err);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc == ERR_OK)
        rc = json_parse(o.body, &binding, err);
    bool ours = rc == ERR_OK && str_eq(object_tenant(k, binding), b->tenant) &&
                access_sees(&kr->scope, k, binding);
    json_decref(binding);
    return rc == ERR_OK && !ours ? access_hide(kr, k, name) : rc;
}

enum err_code bind_project_policy(struct kube_request *kr, const struct project_binding *b, json_t **ret,
                                  int64_t *ret_revision, struct err *err) {
    enum err_code rc = ERR_OK;
    json_t *written = NULL;
    struct resource_options o = options_of(kr, &rc);
    struct str name = str_of(arena_printf(kr->arena, "%.*s-%.*s", STR_FMT(b->project), STR_FMT(b->policy)));
    if (rc == ERR_OK)
        rc = check_tenant(kr, b, name, err);
    for (int i = 0; rc == ERR_OK && written == NULL && i < RACES; i++) {
        struct refusal saved = kr->refusal;
        rc = resource_bind(kr->app->env, &kind_project_policy_binding, kr->arena, name, b->users, b->groups,
                           b->bind, &o, &written, ret_revision, &kr->refusal, err);
        if (rc != ERR_NOT_FOUND || !b->bind)
            break;
        kr->refusal = saved; /* there is none yet */
        rc = create_binding(kr, b, &o, &written, ret_revision, err);
        if (rc == ERR_CONFLICT && kr->refusal.status == 409) { /* somebody else has made it meanwhile */
            kr->refusal = saved;
            rc = ERR_OK;
        }
    }
    if (rc != ERR_OK)
        return rc;
    *ret = keep_json(kr, written);
    if (*ret == NULL)
        return err_set(err, ERR_NOMEM, "a binding");
    if (!o.dry_run)
        verb_audit(kr, b->bind ? "project_bound" : "project_unbound", &kind_project_policy_binding, name);
    return ERR_OK;
}

static enum err_code change_in_project(struct kube_request *kr, bool bind, struct err *err) {
    struct project_binding b = { .policy = kr->name, .bind = bind };
    json_t *policy = NULL, *body = NULL, *written = NULL;
    int64_t revision = 0;
    enum err_code rc = project_of(kr, &b.project);
    if (rc == ERR_OK)
        rc = verb_load(kr, kr->kind, kr->name, &policy, &revision, err);
    if (rc == ERR_OK && !is_of_project(policy))
        return bad_request(kr, "the policy is not of scope project: bind it with binding");
    if (rc == ERR_OK)
        b.tenant = object_tenant(kr->kind, policy);
    if (rc == ERR_OK)
        rc = read_binding(kr, &kind_project_policy_binding, b.tenant, &body, err);
    if (rc != ERR_OK || kr->moved)
        return rc;
    b.users = json_object_get(body, "users");
    b.groups = json_object_get(body, "groups");
    rc = bind_project_policy(kr, &b, &written, &revision, err);
    if (rc != ERR_OK)
        return rc;
    kr->kind = &kind_project_policy_binding;
    kr->app->settle(kr->app->settle_ctx, revision);
    return print_answer(kr, 201, written, revision, err);
}

enum err_code bind_in_project(struct kube_request *kr, struct err *err) {
    return change_in_project(kr, true, err);
}
enum err_code unbind_in_project(struct kube_request *kr, struct err *err) {
    return change_in_project(kr, false, err);
}

/* ---- who has it ---- */

static enum err_code show_subjects(struct kube_request *kr, bool groups, struct err *err) {
    json_t *object = NULL;
    int64_t revision = 0;
    enum err_code rc = verb_load(kr, kr->kind, kr->name, &object, &revision, err);
    if (rc == ERR_OK && kr->kind == &kind_policy && is_of_project(object))
        return bad_request(kr, "the policy is of scope project: ask for projectusers and projectgroups");
    if (rc != ERR_OK)
        return rc;
    struct subject_lists s = object_subjects(kr->kind, object);
    return answer_subjects(kr, object_tenant(kr->kind, object), groups ? s.groups : s.users, groups, err);
}

enum err_code policy_users(struct kube_request *kr, struct err *err) { return show_subjects(kr, false, err); }
enum err_code policy_groups(struct kube_request *kr, struct err *err) { return show_subjects(kr, true, err); }

static enum err_code show_project_subjects(struct kube_request *kr, bool groups, struct err *err) {
    json_t *policy = NULL, *binding = NULL;
    int64_t revision = 0;
    struct str project;
    enum err_code rc = project_of(kr, &project);
    if (rc == ERR_OK)
        rc = verb_load(kr, kr->kind, kr->name, &policy, &revision, err);
    if (rc == ERR_OK && !is_of_project(policy))
        return bad_request(kr, "the policy is not of scope project");
    if (rc != ERR_OK)
        return rc;
    struct str name = str_of(arena_printf(kr->arena, "%.*s-%.*s", STR_FMT(project), STR_FMT(kr->name)));
    rc = verb_load(kr, &kind_project_policy_binding, name, &binding, &revision, err);
    if (rc != ERR_OK)
        return rc;
    struct subject_lists s = object_subjects(&kind_project_policy_binding, binding);
    return answer_subjects(kr, object_tenant(kr->kind, policy), groups ? s.groups : s.users, groups, err);
}

enum err_code policy_project_users(struct kube_request *kr, struct err *err) {
    return show_project_subjects(kr, false, err);
}
enum err_code policy_project_groups(struct kube_request *kr, struct err *err) {
    return show_project_subjects(kr, true, err);
}

/* ---- roles of a policy, policies of a role ---- */

enum err_code policy_roles(struct kube_request *kr, struct err *err) {
    json_t *policy = NULL;
    int64_t revision;
    struct made_list l;
    enum err_code rc = verb_load(kr, kr->kind, kr->name, &policy, &revision, err);
    if (rc == ERR_OK)
        rc = made_list_new(kr, &kind_role, &l, err);
    if (rc == ERR_OK)
        rc = made_list_add_indexed(&l, index_policy(kr->arena, kr->name), NULL, NULL, err);
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}

enum err_code role_policies(struct kube_request *kr, struct err *err) {
    json_t *role = NULL;
    int64_t revision;
    struct made_list l;
    enum err_code rc = verb_load(kr, kr->kind, kr->name, &role, &revision, err);
    if (rc == ERR_OK)
        rc = made_list_new(kr, &kind_policy, &l, err);
    const json_t *names = object_at(role, "spec.policies");
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(names); i++) {
        struct store_object o;
        json_t *policy = NULL;
        struct str name = str_of(json_string_value(json_array_get(names, i)));
        enum err_code found = store_get(kr->app->env->store, kr->arena, str_of(kind_policy.plural), name, &o,
                                        err);
        if (found == ERR_OK)
            found = json_parse(o.body, &policy, err);
        if (found == ERR_OK)
            rc = made_list_add(&l, policy, o.revision, err);
        else if (found != ERR_NOT_FOUND)
            rc = found;
    }
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}
