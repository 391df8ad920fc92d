#include "kube/directory.h"

#include "kube/access.h"
#include "kube/filter.h"
#include "kube/lists.h"
#include "kube/people.h"
#include "kube/print.h"
#include "kube/subjects.h"

enum { TOKEN_MAX = 4096 };

/* ---- objects ---- */

static void set(json_t *object, const char *key, struct str value) {
    (void)json_object_set_new(object, key, json_stringn(value.len ? value.ptr : "", value.len));
}

json_t *user_object(struct str tenant, const struct directory_user *u) {
    json_t *object = json_pack("{s:{s:s%}, s:{}}", "metadata", "name", u->id.len ? u->id.ptr : "", u->id.len,
                               "spec");
    json_t *spec = json_object_get(object, "spec");
    set(spec, "id", u->id);
    set(spec, "name", u->name);
    set(spec, "displayName", u->display_name);
    set(spec, "email", u->email);
    set(spec, "phoneNumber", u->phone);
    set(spec, "tenantID", tenant);
    return object;
}

json_t *group_object(struct str tenant, const struct directory_group *g, bool members) {
    json_t *object = json_pack("{s:{s:s%}, s:{}, s:{s:[]}}", "metadata", "name", g->id.len ? g->id.ptr : "",
                               g->id.len, "spec", "status", "users");
    json_t *spec = json_object_get(object, "spec"),
           *users = json_object_get(json_object_get(object, "status"), "users");
    set(spec, "id", g->id);
    set(spec, "displayName", g->display_name);
    set(spec, "tenantID", tenant);
    set(spec, "description", g->description);
    for (size_t i = 0; members && i < g->member_count; i++) {
        json_t *member = json_object();
        set(member, "id", g->members[i].id);
        set(member, "name", g->members[i].name);
        (void)json_array_append_new(users, member);
    }
    return object;
}

/* ---- who is meant ---- */

enum err_code who_is_named(struct kube_request *kr, struct who *ret) {
    const struct str mark = STR("##");
    struct who who = { .tenant = kr->scope.tenant.len > 0 ? kr->scope.tenant : kr->who.tenant,
                       .id = kr->name };
    for (size_t i = 0; i + mark.len < kr->name.len; i++) {
        if (memcmp(kr->name.ptr + i, mark.ptr, mark.len) != 0)
            continue;
        struct str named = str_sub(kr->name, 0, i);
        if (kr->scope.level != SCOPE_PLATFORM && !str_eq(named, kr->scope.tenant))
            return access_hide(kr, kr->kind, kr->name);
        who = (struct who) { named, str_from(kr->name, i + mark.len) };
        break;
    }
    if (who.tenant.len == 0)
        return access_hide(kr, kr->kind, kr->name);
    *ret = who;
    return ERR_OK;
}

/* NULL with ERR_OK: moved. 404: no such tenant, or one without a directory. */
static enum err_code directory_of(struct kube_request *kr, struct str tenant, struct connector **ret) {
    enum err_code rc = subjects_connector(kr, tenant, ret);
    if (rc == ERR_OK && *ret == NULL && !kr->moved)
        return access_hide(kr, kr->kind, kr->name);
    return rc;
}

static enum err_code or_hidden(struct kube_request *kr, enum err_code rc) {
    return rc == ERR_NOT_FOUND || rc == ERR_FORBIDDEN || rc == ERR_INVALID
               ? access_hide(kr, kr->kind, kr->name)
               : rc;
}

static enum err_code decorate(struct kube_request *kr, struct str tenant, json_t *object, bool is_group,
                              bool policies, struct err *err) {
    json_t *spec = json_object_get(object, "spec"), *extra = json_object();
    bool ignored;
    (void)json_object_set_new(spec, "extra", extra);
    if (!is_group) {
        bool is = access_user_is_administrator(kr, tenant, json_get_str(spec, "name"), &ignored);
        (void)json_object_set_new(extra, "administrator", json_string(is ? "true" : "false"));
    }
    if (!policies)
        return ERR_OK;
    json_t *map = NULL;
    enum err_code rc = people_policies(kr, tenant, json_get_str(spec, "id"), is_group, &map, err);
    char *text = rc == ERR_OK ? json_dumps(map, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (text != NULL)
        (void)json_object_set_new(extra, "policies", json_string(text));
    free(text);
    return rc;
}

/* ---- get ---- */

enum err_code users_get(struct kube_request *kr, struct err *err) {
    struct who who;
    struct connector *c = NULL;
    struct directory_user u;
    const struct directory_query q = subjects_query(kr);
    enum err_code rc = who_is_named(kr, &who);
    if (rc == ERR_OK)
        rc = directory_of(kr, who.tenant, &c);
    if (rc != ERR_OK || kr->moved)
        return rc;
    rc = or_hidden(kr, connector_get_user(c, kr->arena, who.id, &q, &u, err));
    json_t *object = rc == ERR_OK ? keep_json(kr, user_object(who.tenant, &u)) : NULL;
    if (rc == ERR_OK)
        rc = object != NULL ? decorate(kr, who.tenant, object, false, true, err)
                            : err_set(err, ERR_NOMEM, "a user");
    return rc == ERR_OK ? print_answer(kr, 200, object, 0, err) : rc;
}

enum err_code groups_get(struct kube_request *kr, struct err *err) {
    struct who who;
    struct connector *c = NULL;
    struct directory_group g;
    struct directory_query q = subjects_query(kr);
    enum err_code rc = who_is_named(kr, &who);
    if (rc == ERR_OK)
        rc = directory_of(kr, who.tenant, &c);
    if (rc != ERR_OK || kr->moved)
        return rc;
    q.want_members = true;
    rc = or_hidden(kr, connector_get_group(c, kr->arena, who.id, &q, &g, err));
    json_t *object = rc == ERR_OK ? keep_json(kr, group_object(who.tenant, &g, true)) : NULL;
    if (rc == ERR_OK)
        rc = object != NULL ? decorate(kr, who.tenant, object, true, true, err)
                            : err_set(err, ERR_NOMEM, "a group");
    return rc == ERR_OK ? print_answer(kr, 200, object, 0, err) : rc;
}

/* ---- list ---- */

struct directory_list {
    struct kube_request *kr;
    struct made_list list;
    struct filter filter;
    struct str tenant;
};

static enum err_code add(struct directory_list *l, json_t *object, bool is_group, struct err *err) {
    if (object == NULL)
        return err_set(err, ERR_NOMEM, "a list");
    struct filter f = l->filter;
    f.fields = (struct selector) { 0 }; /* what remains are the tenant and the name, which were asked for */
    f.keyword = STR_NULL;
    enum err_code rc = filter_matches(&f, object) ? ERR_OK : ERR_NOT_FOUND;
    if (rc == ERR_OK)
        rc = decorate(l->kr, l->tenant, object, is_group, l->filter.with_policies, err);
    if (rc == ERR_OK)
        return made_list_add(&l->list, object, 0, err);
    json_decref(object);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static enum err_code add_user(void *ctx, const struct directory_user *u, struct err *err) {
    struct directory_list *l = ctx;
    return add(l, user_object(l->tenant, u), false, err);
}

static enum err_code add_group(void *ctx, const struct directory_group *g, struct err *err) {
    struct directory_list *l = ctx;
    return add(l, group_object(l->tenant, g, false), true, err);
}

/* Contract 2.10: a tenant's user gets their tenant; a caller of the platform names one, or gets nothing. */
static struct str tenant_of_list(const struct kube_request *kr, const struct filter *f) {
    struct str named;
    if (kr->scope.level != SCOPE_PLATFORM) {
        bool other = filter_requires(f, "spec.tenantID", &named) && !str_eq(named, kr->scope.tenant);
        return other ? STR_NULL : kr->scope.tenant;
    }
    if (filter_requires(f, "spec.tenantID", &named))
        return kr->scope.tenant.len == 0 || str_eq(named, kr->scope.tenant) ? named : STR_NULL;
    return kr->scope.tenant.len > 0 ? kr->scope.tenant : kr->who.tenant;
}

static enum err_code query_of(struct kube_request *kr, const struct filter *f, struct strbuf *after,
                              struct directory_query *ret, struct err *err) {
    struct str limit = request_query(kr, "limit"), token = request_query(kr, "continue");
    uint64_t n = 0;
    *ret = subjects_query(kr);
    ret->keyword = f->keyword.len > 0 ? f->keyword : STR_NULL;
    if (!filter_requires(f, "spec.username", &ret->name))
        ret->name = STR_NULL;
    if (limit.len == 0)
        limit = f->limit;
    if (limit.len > 0 && parse_u64(limit, 0, DIRECTORY_LIMIT_MAX, &n, err) != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "limit: must be a number up to %d",
                      DIRECTORY_LIMIT_MAX);
    ret->limit = (size_t)n;
    if (token.len > 0 && base64url_decode(token, after, err) != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest", "continue: not a token of this server");
    ret->after = after->len > 0 ? strbuf_str(after) : STR_NULL;
    return ERR_OK;
}

static enum err_code fill(struct directory_list *l, bool groups, struct strbuf *token, struct err *err) {
    struct kube_request *kr = l->kr;
    AUTO(strbuf_done) struct strbuf after = STRBUF(TOKEN_MAX);
    struct connector *c = NULL;
    struct directory_query q;
    struct str next = STR_NULL;
    enum err_code rc = subjects_connector(kr, l->tenant, &c);
    if (rc != ERR_OK || c == NULL)
        return rc; /* an unknown tenant has nobody */
    rc = query_of(kr, &l->filter, &after, &q, err);
    if (rc == ERR_OK)
        rc = groups ? connector_list_groups(c, kr->arena, &q, add_group, l, &next, err)
                    : connector_list_users(c, kr->arena, &q, add_user, l, &next, err);
    if (rc == ERR_INVALID && q.after.ptr != NULL)
        return refuse(&kr->refusal, 400, "BadRequest", "continue: not a token of this server");
    if (rc == ERR_FORBIDDEN && kr->refusal.status == 0)
        return ERR_OK; /* a tenant without a directory */
    if (rc == ERR_OK && next.len > 0)
        base64url_add(token, next.ptr, next.len);
    return rc;
}

static enum err_code list(struct kube_request *kr, bool groups, struct err *err) {
    AUTO(strbuf_done) struct strbuf token = STRBUF(2 * TOKEN_MAX);
    struct directory_list l = { .kr = kr };
    enum err_code rc = made_list_new(kr, kr->kind, &l.list, err);
    if (rc == ERR_OK)
        rc = filter_read(kr, &l.filter, err);
    if (rc != ERR_OK)
        return rc;
    l.tenant = tenant_of_list(kr, &l.filter);
    if (l.tenant.len > 0)
        rc = fill(&l, groups, &token, err);
    if (rc == ERR_OK && !kr->moved)
        rc = made_list_answer(&l.list, 200, token.len > 0 ? strbuf_str(&token) : STR_NULL, err);
    filter_done(&l.filter);
    return rc;
}

enum err_code users_list(struct kube_request *kr, struct err *err) { return list(kr, false, err); }
enum err_code groups_list(struct kube_request *kr, struct err *err) { return list(kr, true, err); }

/* ---- what somebody has ---- */

struct holder {
    struct kube_request *kr;
    struct str project; /* STR_NULL: everywhere */
    json_t *names;      /* set of policies, out of bindings */
};

static bool is_of_project(void *ctx, const json_t *object) {
    const struct holder *h = ctx;
    return !object_is_deleting(object) && str_eq(object_str_at(object, "spec.projectID"), h->project);
}

static bool counts_everywhere(void *ctx, const json_t *object) {
    (void)ctx;
    return !object_is_deleting(object) && !str_eq(object_str_at(object, "spec.scope"), STR("project"));
}

static struct str index_of_who(struct kube_request *kr, const struct who *who, bool is_group) {
    return is_group ? index_group(kr->arena, who->tenant, who->id)
                    : index_user(kr->arena, who->tenant, who->id);
}

static enum err_code note_binding(void *ctx, const struct store_object *o, struct err *err) {
    struct holder *h = ctx;
    json_t *binding = NULL;
    enum err_code rc = json_parse(o->body, &binding, err);
    if (rc == ERR_OK && is_of_project(h, binding) &&
        access_sees(&h->kr->scope, &kind_project_policy_binding, binding)) {
        const char *policy = json_string_value(object_at(binding, "spec.policyID"));
        (void)json_object_set_new(h->names, policy != NULL ? policy : "", json_true());
    }
    json_decref(binding);
    return rc;
}

/* Policies out of the bindings of one project. */
static enum err_code add_project_policies(struct holder *h, struct made_list *l, struct str key,
                                          struct err *err) {
    const struct store_query q = {
        .kind = str_of(kind_project_policy_binding.plural), .key = key, .each = note_binding, .ctx = h
    };
    const char *name;
    json_t *ignored;
    enum err_code rc = store_list(h->kr->app->env->store, &q, NULL, err);
    json_object_foreach(h->names, name, ignored) {
        struct store_object o;
        json_t *policy = NULL;
        (void)ignored;
        if (rc != ERR_OK)
            break;
        rc = store_get(h->kr->app->env->store, h->kr->arena, str_of(kind_policy.plural), str_of(name), &o,
                       err);
        if (rc == ERR_OK)
            rc = json_parse(o.body, &policy, err);
        if (rc == ERR_OK)
            rc = made_list_add(l, policy, o.revision, err);
        else if (rc == ERR_NOT_FOUND)
            rc = ERR_OK;
    }
    return rc;
}

/* Contract 2.1, 2.10, fixed 9.13: without a project header, what counts everywhere. */
static enum err_code answer_policies(struct kube_request *kr, const struct who *who, bool is_group,
                                     struct err *err) {
    struct made_list l;
    struct holder h = { kr, kr->scope.project, keep_json(kr, json_object()) };
    struct str key = index_of_who(kr, who, is_group);
    enum err_code rc = made_list_new(kr, &kind_policy, &l, err);
    if (rc == ERR_OK && h.names == NULL)
        rc = err_set(err, ERR_NOMEM, "a list");
    if (rc == ERR_OK && kr->scope.project.len > 0)
        rc = add_project_policies(&h, &l, key, err);
    else if (rc == ERR_OK)
        rc = made_list_add_indexed(&l, key, counts_everywhere, NULL, err);
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}

static enum err_code answer_roles(struct kube_request *kr, const struct who *who, bool is_group,
                                  struct err *err) {
    struct made_list l;
    struct holder h = { .kr = kr, .project = kr->scope.project };
    enum err_code rc = made_list_new(kr, &kind_role, &l, err);
    if (rc == ERR_OK)
        rc = made_list_add_indexed(&l, index_of_who(kr, who, is_group), is_of_project, &h, err);
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}

/* Of users and groups by the directory's id; of local identities and groups by the object, which must be within reach. */
static enum err_code who_of(struct kube_request *kr, struct who *ret, struct err *err) {
    json_t *object = NULL;
    int64_t revision;
    if (kr->kind->is_virtual)
        return who_is_named(kr, ret);
    enum err_code rc = verb_load(kr, kr->kind, kr->name, &object, &revision, err);
    if (rc == ERR_OK)
        *ret = (struct who) { object_tenant(kr->kind, object), object_name(object) };
    return rc;
}

enum err_code user_policies(struct kube_request *kr, struct err *err) {
    struct who who;
    enum err_code rc = who_of(kr, &who, err);
    return rc == ERR_OK ? answer_policies(kr, &who, false, err) : rc;
}

enum err_code group_policies(struct kube_request *kr, struct err *err) {
    struct who who;
    enum err_code rc = who_of(kr, &who, err);
    return rc == ERR_OK ? answer_policies(kr, &who, true, err) : rc;
}

enum err_code user_roles(struct kube_request *kr, struct err *err) {
    struct who who;
    enum err_code rc = who_of(kr, &who, err);
    return rc == ERR_OK ? answer_roles(kr, &who, false, err) : rc;
}

enum err_code group_roles(struct kube_request *kr, struct err *err) {
    struct who who;
    enum err_code rc = who_of(kr, &who, err);
    return rc == ERR_OK ? answer_roles(kr, &who, true, err) : rc;
}

/* Groups of a local identity, as Group objects (contract 2.1). */
struct groups_of {
    struct made_list *list;
    struct str tenant;
};

static enum err_code add_local_group(void *ctx, const struct store_object *o, struct err *err) {
    struct groups_of *g = ctx;
    json_t *group = NULL;
    enum err_code rc = json_parse(o->body, &group, err);
    if (rc == ERR_OK && !object_is_deleting(group)) {
        const struct directory_group as = { .id = object_name(group),
                                            .display_name = object_str_at(group, "spec.displayName"),
                                            .description = object_str_at(group, "spec.description") };
        rc = made_list_add(g->list, group_object(g->tenant, &as, false), 0, err);
    }
    json_decref(group);
    return rc;
}

enum err_code user_groups(struct kube_request *kr, struct err *err) {
    struct who who;
    struct made_list l;
    enum err_code rc = who_of(kr, &who, err);
    if (rc == ERR_OK)
        rc = made_list_new(kr, &kind_group, &l, err);
    if (rc != ERR_OK)
        return rc;
    struct groups_of g = { &l, who.tenant };
    const struct store_query q = { .kind = str_of(kind_local_group.plural),
                                   .key = index_of_who(kr, &who, false),
                                   .each = add_local_group,
                                   .ctx = &g };
    rc = store_list(kr->app->env->store, &q, NULL, err);
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}

/* ---- projects somebody is in ---- */

struct belongs {
    json_t *managed, *member;
    struct str tenant, owner_policy;
};

static void append(json_t *map, struct str project, struct str policy) {
    json_t *list = json_object_getn(map, project.ptr, project.len);
    if (list == NULL) {
        list = json_array();
        (void)json_object_setn_new(map, project.ptr, project.len, list);
    }
    (void)json_array_append_new(list, json_stringn(policy.ptr, policy.len));
}

static enum err_code note_membership(void *ctx, const struct store_object *o, struct err *err) {
    struct belongs *b = ctx;
    json_t *binding = NULL;
    enum err_code rc = json_parse(o->body, &binding, err);
    if (rc == ERR_OK && !object_is_deleting(binding) &&
        str_eq(object_tenant(&kind_project_policy_binding, binding), b->tenant)) {
        struct str project = object_str_at(binding, "spec.projectID"),
                   policy = object_str_at(binding, "spec.policyID");
        append(b->member, project, policy);
        if (str_eq(policy, b->owner_policy))
            append(b->managed, project, policy);
    }
    json_decref(binding);
    return rc;
}

enum err_code user_projects(struct kube_request *kr, struct err *err) {
    struct who who;
    enum err_code rc = who_is_named(kr, &who);
    json_t *answer = keep_json(kr, json_pack("{s:s, s:s, s:{}, s:{}}", "kind", "ProjectBelongs", "apiVersion",
                                             RESOURCE_API_VERSION, "managedProjects", "memberdProjects"));
    if (rc == ERR_OK && answer == NULL)
        rc = err_set(err, ERR_NOMEM, "projects");
    if (rc != ERR_OK)
        return rc;
    struct belongs b = { json_object_get(answer, "managedProjects"),
                         json_object_get(answer, "memberdProjects"), who.tenant,
                         str_of(arena_printf(kr->arena, "pol-%.*s-project-owner", STR_FMT(who.tenant))) };
    const struct store_query q = { .kind = str_of(kind_project_policy_binding.plural),
                                   .key = index_of_who(kr, &who, false),
                                   .each = note_membership,
                                   .ctx = &b };
    set(answer, "tenantID", who.tenant);
    rc = store_list(kr->app->env->store, &q, NULL, err);
    return rc == ERR_OK ? verb_answer_plain(kr, 200, answer, err) : rc;
}

/* ---- subjects of a policy or role ---- */

enum err_code answer_subjects(struct kube_request *kr, struct str tenant, const json_t *subjects, bool groups,
                              struct err *err) {
    struct made_list l;
    struct connector *c = NULL;
    const struct directory_query q = subjects_query(kr);
    enum err_code rc = made_list_new(kr, groups ? &kind_group : &kind_user, &l, err);
    if (rc == ERR_OK && json_array_size(subjects) > 0)
        rc = subjects_connector(kr, tenant, &c);
    for (size_t i = 0; rc == ERR_OK && !kr->moved && i < json_array_size(subjects); i++) {
        const json_t *s = json_array_get(subjects, i);
        struct str id = json_get_str(s, "id"), name = json_get_str(s, "name");
        struct directory_user u = { .id = id, .name = name };
        struct directory_group g = { .id = id, .display_name = name };
        enum err_code found = c == NULL ? ERR_NOT_FOUND
                              : groups  ? connector_get_group(c, kr->arena, id, &q, &g, err)
                                        : connector_get_user(c, kr->arena, id, &q, &u, err);
        if (found != ERR_OK) { /* contract 2.5: by id and name alone */
            u = (struct directory_user) { .id = id, .name = name };
            g = (struct directory_group) { .id = id, .display_name = name };
        }
        if (found == ERR_UNAVAILABLE || found == ERR_TIMEOUT)
            c = NULL; /* once is enough to know */
        rc = made_list_add(&l, groups ? group_object(tenant, &g, false) : user_object(tenant, &u), 0, err);
    }
    return rc == ERR_OK && !kr->moved ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}

/* Members of a local group, as LocalIdentities (contract 2.9). */
enum err_code group_members(struct kube_request *kr, struct err *err) {
    json_t *group = NULL;
    int64_t revision = 0;
    struct made_list l;
    enum err_code rc = verb_load(kr, kr->kind, kr->name, &group, &revision, err);
    if (rc == ERR_OK)
        rc = made_list_new(kr, &kind_local_identity, &l, err);
    const json_t *users = object_subjects(kr->kind, group).users;
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(users); i++) {
        struct store_object o;
        json_t *identity = NULL;
        struct str id = json_get_str(json_array_get(users, i), "id");
        enum err_code found = store_get(kr->app->env->store, kr->arena, str_of(kind_local_identity.plural),
                                        id, &o, err);
        if (found == ERR_OK)
            found = json_parse(o.body, &identity, err);
        if (found == ERR_OK)
            rc = made_list_add(&l, identity, o.revision, err);
        else if (found != ERR_NOT_FOUND)
            rc = found;
    }
    return rc == ERR_OK ? made_list_answer(&l, 200, STR_NULL, err) : rc;
}
