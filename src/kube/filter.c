#include "kube/filter.h"

#include "kube/access.h"

enum { FILTER_MEMORY_MAX = 1024 * 1024, PATHS_MAX = 24 };

static const char *const pseudo_labels[] = { "keyword", "policy", "limit", NULL };

bool filter_requires(const struct filter *f, const char *path, struct str *ret) {
    return field_selector_requires(&f->fields, str_of(path), ret);
}

/* ---- reading ---- */

static enum err_code bad_selector(struct kube_request *kr, const struct err *err) {
    return refuse(&kr->refusal, 400, "BadRequest", "%s", err->detail);
}

static enum err_code check_fields(struct kube_request *kr, const struct filter *f, struct err *err) {
    const char *paths[PATHS_MAX] = { "metadata.name", "metadata.namespace" };
    size_t n = 2;
    for (const char *const *p = f->kind->selectable; p != NULL && *p != NULL && n < PATHS_MAX - 1; p++)
        paths[n++] = *p;
    return field_selector_check(&f->fields, paths, err) == ERR_OK ? ERR_OK : bad_selector(kr, err);
}

static void take_pseudo_labels(struct filter *f, const struct selector *named) {
    for (size_t i = 0; i < named->len; i++) {
        const struct selector_term *t = &named->terms[i];
        if (t->op != SELECTOR_EQUALS)
            continue;
        if (str_eq(t->key, STR("keyword")))
            f->keyword = t->values[0];
        else if (str_eq(t->key, STR("policy")))
            f->with_policies = str_eq(t->values[0], STR("true"));
        else
            f->limit = t->values[0];
    }
}

static enum err_code read_selectors(struct kube_request *kr, struct filter *f, struct err *err) {
    struct str labels = arena_str(f->arena, request_query(kr, "labelSelector"));
    struct str fields = arena_str(f->arena, request_query(kr, "fieldSelector"));
    struct selector all = { 0 }, named = { 0 };
    if (label_selector_parse(f->arena, labels, &f->labels, err) != ERR_OK)
        return err->code == ERR_NOMEM ? ERR_NOMEM : bad_selector(kr, err);
    if (field_selector_parse(f->arena, fields, &all, err) != ERR_OK)
        return err->code == ERR_NOMEM ? ERR_NOMEM : bad_selector(kr, err);
    if (!field_selector_split(f->arena, &all, pseudo_labels, &named, &f->fields))
        return err_set(err, ERR_NOMEM, "a selector");
    take_pseudo_labels(f, &named);
    return check_fields(kr, f, err);
}

/* ---- the index ---- */

static bool has_project(const struct kind *k) { return k == &kind_role || k == &kind_project_policy_binding; }

/* The narrowest key that everything asked for has. */
static void choose_key(struct filter *f) {
    const struct kind *k = f->kind;
    struct str value, tenant = f->scope.tenant;
    if (k->tenancy != TENANCY_SPEC || k->is_virtual)
        return;
    if (tenant.ptr == NULL && filter_requires(f, "spec.tenantID", &value))
        tenant = value;
    if (k == &kind_api_key && f->scope.level != SCOPE_PLATFORM && !f->scope.is_full)
        f->key = index_owner(f->arena, tenant, f->scope.user);
    else if (k == &kind_api_key && tenant.ptr != NULL && filter_requires(f, "spec.username", &value))
        f->key = index_owner(f->arena, tenant, value);
    else if (k == &kind_local_identity && tenant.ptr != NULL && filter_requires(f, "spec.username", &value))
        f->key = index_username(f->arena, tenant, value);
    else if (has_project(k) && f->scope.project.len > 0 && f->scope.level != SCOPE_PLATFORM)
        f->key = index_project(f->arena, f->scope.project);
    else if (has_project(k) && filter_requires(f, "spec.projectID", &value) && value.len > 0)
        f->key = index_project(f->arena, value);
    else if (tenant.ptr != NULL)
        f->key = index_tenant(f->arena, tenant);
}

static void decide_shortcut(struct filter *f) {
    bool asks = f->labels.len > 0 || f->fields.len > 0 || f->keyword.len > 0 || f->with_policies ||
                f->namespace.len > 0;
    bool narrowed = f->scope.project.len > 0;
    if (asks || narrowed)
        return;
    f->sees_all_of_key = f->scope.level == SCOPE_PLATFORM
                             ? f->scope.tenant.ptr == NULL || f->key.ptr != NULL ||
                                   f->kind->tenancy == TENANCY_PLATFORM
                             : f->key.ptr != NULL ||
                                   (f->kind->tenancy == TENANCY_PLATFORM && f->kind->tenants_may_read);
}

enum err_code filter_read(struct kube_request *kr, struct filter *ret, struct err *err) {
    struct filter f = { .arena = arena_new(FILTER_MEMORY_MAX), .kind = kr->kind };
    if (f.arena == NULL)
        return err_set(err, ERR_NOMEM, "a selector");
    f.scope = kr->scope;
    f.scope.tenant = arena_str(f.arena, kr->scope.tenant);
    f.scope.project = arena_str(f.arena, kr->scope.project);
    f.scope.user = arena_str(f.arena, kr->scope.user);
    if (kr->scope.tenant.ptr == NULL)
        f.scope.tenant = STR_NULL;
    f.namespace = arena_str(f.arena, kr->namespace);
    enum err_code rc = read_selectors(kr, &f, err);
    if (rc == ERR_OK) {
        (void)filter_requires(&f, "metadata.name", &f.exact_name);
        choose_key(&f);
        decide_shortcut(&f);
        if (arena_failed(f.arena))
            rc = err_set(err, ERR_NOMEM, "a selector");
    }
    if (rc != ERR_OK)
        arena_free(f.arena);
    else
        *ret = f;
    return rc;
}

void filter_done(struct filter *f) {
    arena_free(f->arena);
    f->arena = NULL;
}

/* ---- matching ---- */

static bool matches_keyword(const struct filter *f, const json_t *object) {
    static const char *const identity[] = { "spec.username", "spec.displayName", NULL };
    static const char *const others[] = { "spec.description", "spec.displayName", NULL };
    if (f->keyword.len == 0 || str_eq(object_name(object), f->keyword))
        return true;
    for (const char *const *p = f->kind == &kind_local_identity ? identity : others; *p != NULL; p++)
        if (str_contains_nocase(object_str_at(object, *p), f->keyword))
            return true;
    return false;
}

/* Contract 2.0: with a project header, lists are of what concerns the project, whoever asks. */
static bool is_of_project(const struct filter *f, const json_t *object) {
    if (f->scope.project.len == 0)
        return true;
    if (f->kind == &kind_policy)
        return str_eq(object_str_at(object, "spec.scope"), STR("project"));
    return f->kind != &kind_project_policy_binding ||
           str_eq(object_str_at(object, "spec.projectID"), f->scope.project);
}

bool filter_matches(const struct filter *f, const json_t *object) {
    if (f->scope.level == SCOPE_PLATFORM && f->scope.tenant.ptr != NULL &&
        f->kind->tenancy != TENANCY_PLATFORM && !str_eq(object_tenant(f->kind, object), f->scope.tenant))
        return false;
    return access_sees(&f->scope, f->kind, object) && is_of_project(f, object) &&
           (f->namespace.len == 0 || str_eq(object_namespace(object), f->namespace)) &&
           label_selector_matches(&f->labels, json_object_get(object_metadata(object), "labels")) &&
           field_selector_matches(&f->fields, object) && matches_keyword(f, object);
}
