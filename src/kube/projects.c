#include "kube/projects.h"

#include "kube/access.h"
#include "kube/bindings.h"
#include "kube/directory.h"
#include "kube/filter.h"
#include "kube/lists.h"
#include "kube/print.h"
#include "kube/subjects.h"

/* The header wins over the path (contract 2.11); whoever has rights in one project only cannot ask for another. */
static enum err_code project_of(struct kube_request *kr, struct str *ret) {
    *ret = kr->scope.project.len > 0 ? kr->scope.project : kr->name;
    if (kr->scope.level == SCOPE_PROJECT && kr->name.len > 0 && !str_eq(kr->name, kr->scope.project))
        return access_hide(kr, kr->kind, kr->name);
    return ERR_OK;
}

/* ---- bindings -> projects ---- */

struct gathering {
    struct kube_request *kr;
    json_t *projects; /* id -> Project */
};

static json_t *project_named(struct gathering *g, struct str id, struct str tenant) {
    json_t *p = json_object_getn(g->projects, id.ptr, id.len);
    if (p != NULL)
        return p;
    p = json_pack("{s:{s:s%}, s:s%, s:{}, s:{}}", "metadata", "name", id.len ? id.ptr : "", id.len,
                  "tenantID", tenant.len ? tenant.ptr : "", tenant.len, "members", "groups");
    (void)json_object_setn_new(g->projects, id.ptr, id.len, p);
    return p;
}

static void add_people(json_t *map, const json_t *subjects) {
    for (size_t i = 0; i < json_array_size(subjects); i++) {
        struct str id = json_get_str(json_array_get(subjects, i), "id");
        json_t *name = json_object_get(json_array_get(subjects, i), "name");
        if (id.len > 0)
            (void)json_object_setn(map, id.ptr, id.len, name);
    }
}

static enum err_code gather(void *ctx, const struct store_object *o, struct err *err) {
    struct gathering *g = ctx;
    json_t *binding = NULL;
    enum err_code rc = json_parse(o->body, &binding, err);
    const struct kind *k = &kind_project_policy_binding;
    bool wanted = rc == ERR_OK && !object_is_deleting(binding) && access_sees(&g->kr->scope, k, binding);
    struct str tenant = wanted ? object_tenant(k, binding) : STR_NULL;
    if (wanted && (g->kr->scope.tenant.len == 0 || str_eq(tenant, g->kr->scope.tenant))) {
        json_t *p = project_named(g, object_str_at(binding, "spec.projectID"), tenant);
        struct subject_lists s = object_subjects(k, binding);
        add_people(json_object_get(p, "members"), s.users);
        add_people(json_object_get(p, "groups"), s.groups);
    }
    json_decref(binding);
    return rc;
}

static enum err_code gather_all(struct kube_request *kr, struct str project, json_t **ret, struct err *err) {
    struct gathering g = { kr, keep_json(kr, json_object()) };
    struct str key = project.len > 0            ? index_project(kr->arena, project)
                     : kr->scope.tenant.len > 0 ? index_tenant(kr->arena, kr->scope.tenant)
                                                : STR_NULL;
    const struct store_query q = {
        .kind = str_of(kind_project_policy_binding.plural), .key = key, .each = gather, .ctx = &g
    };
    if (g.projects == NULL)
        return err_set(err, ERR_NOMEM, "projects");
    enum err_code rc = store_list(kr->app->env->store, &q, NULL, err);
    if (rc == ERR_OK)
        *ret = g.projects;
    return rc;
}

enum err_code projects_list(struct kube_request *kr, struct err *err) {
    AUTO(filter_done) struct filter f = { 0 };
    json_t *projects = NULL, *p;
    const char *id;
    struct made_list l;
    enum err_code rc = filter_read(kr, &f, err);
    if (rc == ERR_OK)
        rc = gather_all(kr, kr->scope.project, &projects, err);
    if (rc == ERR_OK)
        rc = made_list_new(kr, &kind_project, &l, err);
    json_object_foreach(projects, id, p) {
        (void)id;
        if (rc == ERR_OK && filter_matches(&f, p))
            rc = made_list_add(&l, json_incref(p), 0, err);
    }
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}

/* A project nobody has rights in is an empty one, not a missing one (contract 2.11). */
enum err_code projects_get(struct kube_request *kr, struct err *err) {
    json_t *projects = NULL;
    struct str project;
    enum err_code rc = project_of(kr, &project);
    if (rc == ERR_OK)
        rc = gather_all(kr, project, &projects, err);
    if (rc != ERR_OK)
        return rc;
    struct gathering g = { kr, projects };
    return print_answer(kr, 200, project_named(&g, project, kr->scope.tenant), 0, err);
}

/* ---- people of a project, with what they may do in it ---- */

struct member {
    struct str id, name;
    json_t *policies; /* id -> display name */
};
struct membership {
    struct kube_request *kr;
    struct str project, tenant;
    bool groups;
    json_t *policies_of; /* member id -> {policy: display name} */
    json_t *names;       /* member id -> name */
};

static json_t *display_name_of(struct kube_request *kr, struct str policy) {
    struct store_object o;
    json_t *object = NULL;
    struct err ignored;
    if (store_get(kr->app->env->store, kr->arena, str_of(kind_policy.plural), policy, &o, &ignored) !=
            ERR_OK ||
        json_parse(o.body, &object, &ignored) != ERR_OK)
        return json_string("");
    struct str name = object_str_at(object, "spec.displayName");
    json_t *value = json_stringn(name.len ? name.ptr : "", name.len);
    json_decref(object);
    return value;
}

static enum err_code note_members(void *ctx, const struct store_object *o, struct err *err) {
    struct membership *m = ctx;
    json_t *binding = NULL;
    const struct kind *k = &kind_project_policy_binding;
    enum err_code rc = json_parse(o->body, &binding, err);
    if (rc == ERR_OK && !object_is_deleting(binding) && access_sees(&m->kr->scope, k, binding)) {
        struct str policy = object_str_at(binding, "spec.policyID");
        json_t *display = display_name_of(m->kr, policy);
        struct subject_lists s = object_subjects(k, binding);
        const json_t *list = m->groups ? s.groups : s.users;
        m->tenant = arena_str(m->kr->arena, object_tenant(k, binding));
        for (size_t i = 0; i < json_array_size(list); i++) {
            struct str id = json_get_str(json_array_get(list, i), "id");
            json_t *policies = json_object_getn(m->policies_of, id.ptr, id.len);
            if (policies == NULL) {
                policies = json_object();
                (void)json_object_setn_new(m->policies_of, id.ptr, id.len, policies);
            }
            (void)json_object_setn(policies, policy.ptr, policy.len, display);
            (void)json_object_setn(m->names, id.ptr, id.len,
                                   json_object_get(json_array_get(list, i), "name"));
        }
        json_decref(display);
    }
    json_decref(binding);
    return rc;
}

static bool contains(struct str s, struct str part) { return part.len == 0 || str_contains(s, part); }

static bool is_wanted(struct str fuzzy, struct str id, struct str name, struct str display) {
    return fuzzy.len == 0 || str_eq(id, fuzzy) || contains(name, fuzzy) || contains(display, fuzzy);
}

static enum err_code add_member(struct membership *m, struct made_list *l, struct connector *c, struct str id,
                                const json_t *policies, struct err *err) {
    struct kube_request *kr = m->kr;
    const struct directory_query q = subjects_query(kr);
    struct str name = json_get_str(m->names, id.ptr), fuzzy = http_header(kr->req, "X-TKE-FuzzyResourceName");
    struct directory_user u = { .id = id, .name = name };
    struct directory_group g = { .id = id, .display_name = name };
    struct err why;
    enum err_code found = c == NULL   ? ERR_NOT_FOUND
                          : m->groups ? connector_get_group(c, kr->arena, id, &q, &g, &why)
                                      : connector_get_user(c, kr->arena, id, &q, &u, &why);
    if (found != ERR_OK) {
        u = (struct directory_user) { .id = id, .name = name };
        g = (struct directory_group) { .id = id, .display_name = name };
    }
    if (!(m->groups ? is_wanted(fuzzy, id, STR(""), g.display_name)
                    : is_wanted(fuzzy, id, u.name, u.display_name)))
        return ERR_OK;
    json_t *object = m->groups ? group_object(m->tenant, &g, false) : user_object(m->tenant, &u);
    char *text = json_dumps(policies, JSON_COMPACT | JSON_SORT_KEYS);
    if (object == NULL || text == NULL) {
        free(text);
        json_decref(object);
        return err_set(err, ERR_NOMEM, "a member");
    }
    (void)json_object_set_new(json_object_get(object, "spec"), "extra", json_pack("{s:s}", "policies", text));
    free(text);
    return made_list_add(l, object, 0, err);
}

static enum err_code show_members(struct kube_request *kr, bool groups, struct err *err) {
    struct membership m = { .kr = kr,
                            .groups = groups,
                            .policies_of = keep_json(kr, json_object()),
                            .names = keep_json(kr, json_object()) };
    struct made_list l;
    struct connector *c = NULL;
    json_t *policies;
    const char *id;
    enum err_code rc = project_of(kr, &m.project);
    if (rc == ERR_OK)
        rc = made_list_new(kr, groups ? &kind_group : &kind_user, &l, err);
    if (rc != ERR_OK)
        return rc;
    const struct store_query q = { .kind = str_of(kind_project_policy_binding.plural),
                                   .key = index_project(kr->arena, m.project),
                                   .each = note_members,
                                   .ctx = &m };
    rc = store_list(kr->app->env->store, &q, NULL, err);
    if (rc == ERR_OK && m.tenant.len > 0)
        rc = subjects_connector(kr, m.tenant, &c);
    if (rc != ERR_OK || kr->moved)
        return rc;
    json_object_foreach(m.policies_of, id, policies) {
        if (rc == ERR_OK)
            rc = add_member(&m, &l, c, str_of(id), policies, err);
    }
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}

enum err_code project_users(struct kube_request *kr, struct err *err) { return show_members(kr, false, err); }
enum err_code project_groups(struct kube_request *kr, struct err *err) { return show_members(kr, true, err); }

static bool is_project_policy(void *ctx, const json_t *object) {
    (void)ctx;
    return !object_is_deleting(object) && str_eq(object_str_at(object, "spec.scope"), STR("project"));
}

enum err_code project_policies(struct kube_request *kr, struct err *err) {
    struct made_list l;
    struct str project;
    enum err_code rc = project_of(kr, &project);
    if (rc == ERR_OK)
        rc = made_list_new(kr, &kind_policy, &l, err);
    struct str key = kr->scope.tenant.len > 0 ? index_tenant(kr->arena, kr->scope.tenant) : STR_NULL;
    if (rc == ERR_OK)
        rc = made_list_add_indexed(&l, key, is_project_policy, NULL, err);
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}

/* ---- changing ---- */

struct change {
    struct str tenant, project;
    json_t *policies, *subjects; /* subjects: {"users":[...],"groups":[...]}, resolved */
};

/* ProjectPolicyBindingRequest (contract 2.16). */
static enum err_code read_change(struct kube_request *kr, struct change *ret, struct err *err) {
    json_t *body = NULL;
    enum err_code rc = project_of(kr, &ret->project);
    if (rc == ERR_OK)
        rc = request_body(kr, "ProjectPolicyBindingRequest", &body, err);
    if (rc != ERR_OK)
        return rc;
    ret->tenant = kr->scope.level == SCOPE_PLATFORM && json_get_str(body, "tenantID").len > 0
                      ? json_get_str(body, "tenantID")
                  : kr->scope.tenant.len > 0 ? kr->scope.tenant
                                             : kr->who.tenant;
    ret->policies = json_object_get(body, "policies");
    ret->subjects = body;
    if (ret->tenant.len == 0)
        return refuse(&kr->refusal, 400, "BadRequest", "tenantID is missing");
    rc = subjects_resolve(kr, &kind_project_policy_binding, ret->tenant, body, NULL, err);
    struct err ignored;
    return rc == ERR_OK && !kr->moved ? refusal_check(&kr->refusal, kr->kind, kr->name, &ignored) : rc;
}

static enum err_code one_policy(struct kube_request *kr, const struct change *c, struct str policy, bool bind,
                                struct made_list *l, struct err *err) {
    json_t *written = NULL;
    int64_t revision = 0;
    const struct project_binding b = { .tenant = c->tenant,
                                       .project = c->project,
                                       .policy = policy,
                                       .users = json_object_get(c->subjects, "users"),
                                       .groups = json_object_get(c->subjects, "groups"),
                                       .bind = bind };
    enum err_code rc = bind_project_policy(kr, &b, &written, &revision, err);
    if (rc != ERR_OK)
        return rc;
    kr->app->settle(kr->app->settle_ctx, revision);
    return made_list_add(l, json_deep_copy(written), revision, err);
}

/* tke-business gives rights to people it knows by name only; they are looked up. */
static enum err_code change_bindings(struct kube_request *kr, bool bind, struct err *err) {
    struct change c = { 0 };
    struct made_list l;
    enum err_code rc = read_change(kr, &c, err);
    if (rc != ERR_OK || kr->moved)
        return rc;
    if (json_array_size(c.policies) == 0)
        return refuse(&kr->refusal, 400, "BadRequest", "policies must not be empty");
    if (json_array_size(json_object_get(c.subjects, "users")) +
            json_array_size(json_object_get(c.subjects, "groups")) ==
        0)
        return refuse(&kr->refusal, 400, "BadRequest",
                      "users and groups are empty, or nobody of them is known in the tenant");
    rc = made_list_new(kr, &kind_project_policy_binding, &l, err);
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(c.policies); i++)
        rc = one_policy(kr, &c, str_of(json_string_value(json_array_get(c.policies, i))), bind, &l, err);
    return rc == ERR_OK ? made_list_answer(&l, 201, STR_NULL, err) : rc;
}

enum err_code project_bind(struct kube_request *kr, struct err *err) {
    return change_bindings(kr, true, err);
}
enum err_code project_unbind(struct kube_request *kr, struct err *err) {
    return change_bindings(kr, false, err);
}

/* ---- exactly these policies for these people ---- */

struct present {
    struct arena *arena;
    struct kube_request *kr;
    struct str names[1000];
    size_t len;
};

static enum err_code note_policy(void *ctx, const struct store_object *o, struct err *err) {
    struct present *p = ctx;
    json_t *binding = NULL;
    enum err_code rc = json_parse(o->body, &binding, err);
    if (rc == ERR_OK && p->len < ARRAY_LEN(p->names) && !object_is_deleting(binding) &&
        access_sees(&p->kr->scope, &kind_project_policy_binding, binding))
        p->names[p->len++] = arena_str(p->arena, object_str_at(binding, "spec.policyID"));
    json_decref(binding);
    return rc;
}

static bool names(const json_t *list, struct str s) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(str_of(json_string_value(json_array_get(list, i))), s))
            return true;
    return false;
}

static enum err_code set_policies(struct kube_request *kr, const char *which, struct err *err) {
    struct change c = { 0 };
    struct made_list l;
    struct present *present = arena_alloc(kr->arena, sizeof *present);
    enum err_code rc = present != NULL ? read_change(kr, &c, err) : err_set(err, ERR_NOMEM, "policies");
    if (rc != ERR_OK || kr->moved)
        return rc;
    if (json_array_size(json_object_get(c.subjects, which)) == 0)
        return refuse(&kr->refusal, 400, "BadRequest", "%s must not be empty", which);
    *present = (struct present) { .arena = kr->arena, .kr = kr };
    const struct store_query q = { .kind = str_of(kind_project_policy_binding.plural),
                                   .key = index_project(kr->arena, c.project),
                                   .each = note_policy,
                                   .ctx = present };
    rc = made_list_new(kr, &kind_project_policy_binding, &l, err);
    if (rc == ERR_OK)
        rc = store_list(kr->app->env->store, &q, NULL, err);
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(c.policies); i++)
        rc = one_policy(kr, &c, str_of(json_string_value(json_array_get(c.policies, i))), true, &l, err);
    for (size_t i = 0; rc == ERR_OK && i < present->len; i++)
        if (!names(c.policies, present->names[i]))
            rc = one_policy(kr, &c, present->names[i], false, &l, err);
    return rc == ERR_OK ? made_list_answer(&l, 201, STR_NULL, err) : rc;
}

enum err_code project_set_users(struct kube_request *kr, struct err *err) {
    return set_policies(kr, "users", err);
}
enum err_code project_set_groups(struct kube_request *kr, struct err *err) {
    return set_policies(kr, "groups", err);
}
