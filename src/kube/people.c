#include "kube/people.h"

#include "kube/access.h"

bool people_is_self(const struct kube_request *kr, const json_t *identity) {
    return kr->who.tenant.len > 0 && str_eq(object_tenant(&kind_local_identity, identity), kr->who.tenant) &&
           str_eq(object_str_at(identity, "spec.username"), kr->who.name);
}

static enum err_code forbid(struct kube_request *kr, const char *why) {
    return refuse(&kr->refusal, 403, "Forbidden", "%s." RESOURCE_GROUP " \"%.*s\" is forbidden: %s",
                  kr->kind->plural, STR_FMT(kr->name), why);
}

static bool is_of_people(const struct kube_request *kr) {
    return kr->kind == &kind_local_identity || kr->kind == &kind_local_group;
}

/* Somebody who manages users must not come to more rights through them: a new password for an administrator would be all of theirs, as would be
 * membership in their group, or an identity of the name that a tenant's list of administrators has. */
static enum err_code check_above(struct kube_request *kr, const json_t *object) {
    bool of_platform = false;
    if (kr->scope.level == SCOPE_PLATFORM && kr->scope.is_full)
        return ERR_OK;
    struct str tenant = object_tenant(kr->kind, object);
    bool is_administrator = kr->kind == &kind_local_group
                                ? access_group_is_administrator(kr, tenant, object_name(object), &of_platform)
                                : access_user_is_administrator(
                                      kr, tenant, object_str_at(object, "spec.username"), &of_platform);
    if (of_platform)
        return forbid(kr, "has a role of the platform; only its administrators can change it");
    if (is_administrator && !kr->scope.is_full)
        return forbid(kr, "is an administrator, or makes one; only administrators can change it");
    return ERR_OK;
}

static enum err_code check_manager(struct kube_request *kr, const json_t *object) {
    bool of_group = kr->kind == &kind_local_group;
    if (!of_group && kr->scope.level != SCOPE_PLATFORM && !kr->scope.is_full)
        return forbid(kr, "only an administrator of the tenant or the identity itself can change it");
    return check_above(kr, object);
}

/* Applications trust an address that is said to be verified: whose it is cannot be the user's own word. */
static void check_verification(struct kube_request *kr, const json_t *old, json_t *given) {
    static const char path[] = "spec.extra.emailVerified";
    bool says = str_eq_nocase(object_str_at(given, path), STR("true"));
    bool was = str_eq_nocase(object_str_at(old, path), STR("true")) &&
               str_eq(object_str_at(old, "spec.email"), object_str_at(given, "spec.email"));
    if (!says || was || kr->scope.level == SCOPE_PLATFORM || kr->scope.is_full)
        return;
    (void)json_object_del(json_object_get(json_object_get(given, "spec"), "extra"), "emailVerified");
    warn(&kr->refusal, "%s: only an administrator can say so; left out", path);
}

enum err_code people_check_create(struct kube_request *kr, const json_t *given) {
    return is_of_people(kr) ? check_above(kr, given) : ERR_OK;
}

enum err_code people_check_change(struct kube_request *kr, const json_t *old, json_t *given) {
    if (!is_of_people(kr))
        return ERR_OK;
    if (kr->kind != &kind_local_identity || !people_is_self(kr, old))
        return check_manager(kr, old);
    check_verification(kr, old, given);
    return ERR_OK;
}

enum err_code people_check_status(struct kube_request *kr, const json_t *old) {
    return is_of_people(kr) ? check_manager(kr, old) : ERR_OK; /* nobody unlocks themselves */
}

enum err_code people_check_members(struct kube_request *kr, const json_t *old) {
    return is_of_people(kr) ? check_above(kr, old) : ERR_OK;
}

enum err_code people_check_delete(struct kube_request *kr, const json_t *old) {
    return is_of_people(kr) ? check_above(kr, old) : ERR_OK;
}

/* ---- what is shown ---- */

struct policies {
    json_t *map;
    struct str tenant, id;
    const char *key;
};

static bool has_subject(const struct policies *p, const json_t *policy) {
    const json_t *list = json_object_get(json_object_get(policy, "status"), p->key);
    bool of_platform = object_tenant(&kind_policy, policy).len == 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str id = json_get_str(json_array_get(list, i), "id");
        if (of_platform && str_starts_with(id, p->tenant) &&
            str_starts_with(str_from(id, p->tenant.len), STR("##")))
            id = str_from(id, p->tenant.len + 2);
        else if (of_platform)
            continue;
        if (str_eq(id, p->id))
            return true;
    }
    return false;
}

static enum err_code note_policy(void *ctx, const struct store_object *o, struct err *err) {
    struct policies *p = ctx;
    json_t *policy = NULL;
    enum err_code rc = json_parse(o->body, &policy, err);
    if (rc == ERR_OK && !object_is_deleting(policy) && has_subject(p, policy)) {
        const char *name = json_string_value(json_object_get(object_metadata(policy), "name"));
        json_t *display = json_object_get(json_object_get(policy, "spec"), "displayName");
        if (json_object_set(p->map, name, display) != 0)
            rc = err_set(err, ERR_NOMEM, "policies");
    }
    json_decref(policy);
    return rc;
}

enum err_code people_policies(struct kube_request *kr, struct str tenant, struct str id, bool is_group,
                              json_t **ret, struct err *err) {
    struct policies p = { keep_json(kr, json_object()), tenant, id, is_group ? "groups" : "users" };
    if (p.map == NULL)
        return err_set(err, ERR_NOMEM, "policies");
    const struct store_query q = { .kind = str_of(kind_policy.plural),
                                   .key = is_group ? index_group(kr->arena, tenant, id)
                                                   : index_user(kr->arena, tenant, id),
                                   .each = note_policy,
                                   .ctx = &p };
    enum err_code rc = store_list(kr->app->env->store, &q, NULL, err);
    if (rc == ERR_OK)
        *ret = p.map;
    return rc;
}

static json_t *extra_of(json_t *object) {
    json_t *spec = json_object_get(object, "spec");
    if (!json_is_object(json_object_get(spec, "extra")))
        (void)json_object_set_new(spec, "extra", json_object());
    return json_object_get(spec, "extra");
}

enum err_code people_decorate(struct kube_request *kr, json_t *object, bool policies, struct err *err) {
    bool is_group = kr->kind == &kind_local_group, ignored;
    struct str tenant = object_tenant(kr->kind, object);
    if (!is_group) {
        bool is = access_user_is_administrator(kr, tenant, object_str_at(object, "spec.username"), &ignored);
        (void)json_object_set_new(extra_of(object), "administrator", json_string(is ? "true" : "false"));
    }
    if (!policies)
        return ERR_OK;
    json_t *map = NULL;
    enum err_code rc = people_policies(kr, tenant, object_name(object), is_group, &map, err);
    if (rc != ERR_OK)
        return rc;
    char *text = json_dumps(map, JSON_COMPACT | JSON_SORT_KEYS);
    (void)json_object_set_new(extra_of(object), "policies", json_string(text != NULL ? text : "{}"));
    free(text);
    return ERR_OK;
}
