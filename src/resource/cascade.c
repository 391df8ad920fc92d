/* What must change with an object that goes (contract 5.3), found by index keys, in the same transaction. */
#include "resource/kinds/shared.h"
#include "resource/write.h"

enum { POLICIES_PER_SUBJECT_MAX = 500 };

/* ---- editing others ---- */

struct visit {
    const struct resource_env *env;
    struct store_tx *tx;
    struct arena *arena;
    const struct kind *kind;
    struct refusal *r;
    /* Changes `object`; false: nothing to change. NULL: the object is removed. */
    bool (*edit)(void *ctx, const struct kind *k, json_t *object);
    void *ctx;
    size_t limit, count; /* at most so many objects (0: all); how many were visited */
};

static enum err_code visit_one(void *ctx, const struct store_object *o, struct err *err) {
    struct visit *v = ctx;
    AUTO_FREE(arena_free) struct arena *a = arena_new(RULES_MEMORY_MAX); /* there may be thousands */
    json_t *old = NULL;
    int64_t revision;
    v->count++;
    enum err_code rc = a != NULL ? json_parse(o->body, &old, err) : err_set(err, ERR_NOMEM, "an object");
    if (rc != ERR_OK)
        return rc;
    json_t *object = json_deep_copy(old);
    struct resource_write w = { .kind = v->kind,
                                .arena = a,
                                .old = old,
                                .object = object,
                                .old_revision = o->revision,
                                .trusted = true };
    if (object == NULL)
        rc = err_set(err, ERR_NOMEM, "an object");
    else if (v->edit == NULL)
        rc = drop_object(v->env, v->tx, &w, v->r, err);
    else if (v->edit(v->ctx, v->kind, object))
        rc = put_edited(v->env, v->tx, &w, &revision, v->r, err);
    json_decref(object);
    json_decref(old);
    return rc;
}

static enum err_code visit_all(struct visit *v, const struct kind *k, struct str key, struct err *err) {
    v->kind = k;
    v->count = 0;
    const struct store_query q = {
        .kind = str_of(k->plural), .key = key, .limit = v->limit, .each = visit_one, .ctx = v
    };
    return key.ptr != NULL ? store_tx_list(v->tx, &q, err) : err_set(err, ERR_NOMEM, "an index key");
}

static bool remove_string(json_t *list, struct str s) {
    bool found = false;
    for (size_t i = 0; i < json_array_size(list);) {
        bool is_it = str_eq(json_str(json_array_get(list, i)), s);
        found = found || is_it;
        if (is_it)
            (void)json_array_remove(list, i);
        else
            i++;
    }
    return found;
}

/* ---- subjects ---- */

struct leaving {
    const struct subject_ref *s;
    struct str by;  /* the id that is looked for */
    bool and_login; /* whoever has it must have the login name, too */
};

static bool leave(void *ctx, const struct kind *k, json_t *object) {
    const struct leaving *l = ctx;
    struct str tenant = object_tenant(k, object);
    json_t *list = json_object_get(json_object_get(object, kind_subjects_key(k)),
                                   l->s->is_group ? "groups" : "users");
    bool found = false;
    for (size_t i = 0; i < json_array_size(list);) {
        struct str id = json_get_str(json_array_get(list, i), "id"),
                   name = json_get_str(json_array_get(list, i), "name");
        struct str of = subject_tenant(tenant, &id);
        bool is_it = str_eq(of, l->s->tenant) && str_eq(id, l->by) &&
                     (!l->and_login || str_eq(name, l->s->name));
        found = found || is_it;
        if (is_it)
            (void)json_array_remove(list, i);
        else
            i++;
    }
    return found;
}

static const struct kind *const with_subjects[] = { &kind_policy, &kind_role, &kind_local_group,
                                                    &kind_project_policy_binding,
                                                    &kind_custom_policy_binding };

static enum err_code leave_all(struct visit *v, struct leaving *l, const struct kind *k, struct err *err) {
    v->edit = leave;
    v->ctx = l;
    return visit_all(v, k,
                     l->s->is_group ? index_group(v->arena, l->s->tenant, l->by)
                                    : index_user(v->arena, l->s->tenant, l->by),
                     err);
}

/* The registry's bindings name people by their login names, which stand for ids there (contract 2.7): somebody else's id may look the same. */
static enum err_code leave_custom(struct visit *v, const struct subject_ref *s, struct err *err) {
    struct leaving by_id = { s, s->id, true }, by_name = { s, s->name, true };
    enum err_code rc = leave_all(v, &by_id, &kind_custom_policy_binding, err);
    return rc == ERR_OK && s->name.len > 0 && !str_eq(s->name, s->id)
               ? leave_all(v, &by_name, &kind_custom_policy_binding, err)
               : rc;
}

enum err_code cascade_subject(const struct resource_env *env, struct store_tx *tx, struct arena *a,
                              const struct subject_ref *s, struct refusal *r, struct err *err) {
    struct visit v = { .env = env, .tx = tx, .arena = a, .r = r };
    struct leaving l = { s, s->id, false };
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < ARRAY_LEN(with_subjects); i++)
        rc = with_subjects[i] == &kind_custom_policy_binding && !s->is_group
                 ? leave_custom(&v, s, err)
                 : leave_all(&v, &l, with_subjects[i], err);
    return rc;
}

/* ---- policies ---- */

static bool leave_role(void *ctx, const struct kind *k, json_t *object) {
    const struct str *policy = ctx;
    (void)k;
    return remove_string(json_object_get(json_object_get(object, "spec"), "policies"), *policy);
}

enum err_code cascade_policy(const struct resource_env *env, struct store_tx *tx, struct arena *a,
                             struct str policy, struct refusal *r, struct err *err) {
    struct visit v = { .env = env, .tx = tx, .arena = a, .r = r, .edit = leave_role, .ctx = &policy };
    struct str key = index_policy(a, policy);
    enum err_code rc = visit_all(&v, &kind_role, key, err);
    v.edit = NULL;
    if (rc == ERR_OK)
        rc = visit_all(&v, &kind_project_policy_binding, key, err);
    return rc == ERR_OK ? visit_all(&v, &kind_custom_policy_binding, key, err) : rc;
}

/* ---- API keys ---- */

static bool disable(void *ctx, const struct kind *k, json_t *object) {
    (void)ctx;
    (void)k;
    json_t *status = part_of(object, "status");
    if (json_is_true(json_object_get(status, "disabled")))
        return false;
    return json_object_set_new(status, "disabled", json_true()) == 0;
}

enum err_code cascade_api_keys(const struct resource_env *env, struct store_tx *tx, struct arena *a,
                               struct str tenant, struct str username, bool remove, struct refusal *r,
                               struct err *err) {
    struct visit v = { .env = env, .tx = tx, .arena = a, .r = r, .edit = remove ? NULL : disable };
    return visit_all(&v, &kind_api_key, index_owner(a, tenant, username), err);
}

/* ---- tenants ---- */

enum err_code cascade_tenant(const struct resource_env *env, struct store_tx *tx, struct arena *a,
                             struct str tenant, size_t limit, size_t *ret_count, struct refusal *r,
                             struct err *err) {
    /* Who refers to others goes first, so that nothing has to be written anew only to go after all. */
    static const struct kind *const kinds[] = { &kind_custom_policy_binding,
                                                &kind_project_policy_binding,
                                                &kind_role,
                                                &kind_local_group,
                                                &kind_policy,
                                                &kind_api_key,
                                                &kind_local_identity };
    enum err_code rc = ERR_OK;
    size_t count = 0;
    for (size_t i = 0; rc == ERR_OK && i < ARRAY_LEN(kinds) && count < limit; i++) {
        struct visit v = { .env = env, .tx = tx, .arena = a, .r = r, .limit = limit - count };
        rc = visit_all(&v, kinds[i], index_tenant(a, tenant), err);
        count += v.count;
    }
    if (rc == ERR_OK)
        *ret_count = count;
    return rc;
}

static bool remove_strangers(json_t *list, struct str tenant) {
    bool found = false;
    for (size_t i = 0; i < json_array_size(list);) {
        struct str id = json_get_str(json_array_get(list, i), "id");
        bool is_one = str_eq(subject_tenant(STR(""), &id), tenant);
        found = found || is_one;
        if (is_one)
            (void)json_array_remove(list, i);
        else
            i++;
    }
    return found;
}

static bool leave_as_stranger(void *ctx, const struct kind *k, json_t *object) {
    const struct str *tenant = ctx;
    json_t *holder = json_object_get(object, kind_subjects_key(k));
    bool users = remove_strangers(json_object_get(holder, "users"), *tenant);
    bool groups = remove_strangers(json_object_get(holder, "groups"), *tenant);
    return users || groups;
}

enum err_code cascade_strangers(const struct resource_env *env, struct store_tx *tx, struct arena *a,
                                struct str tenant, struct refusal *r, struct err *err) {
    struct visit v = { .env = env, .tx = tx, .arena = a, .r = r, .edit = leave_as_stranger, .ctx = &tenant };
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < ARRAY_LEN(with_subjects); i++)
        rc = visit_all(&v, with_subjects[i], index_tenant(a, STR("")), err);
    return rc;
}

/* ---- spec.extra.policies ---- */

struct named_policies {
    struct str names[POLICIES_PER_SUBJECT_MAX];
    bool bound[POLICIES_PER_SUBJECT_MAX]; /* already */
    size_t len;
    const struct subject_ref *s;
};

static size_t find_name(const struct named_policies *n, struct str name) {
    size_t i = 0;
    while (i < n->len && !str_eq(n->names[i], name))
        i++;
    return i;
}

/* Policies the subject has: those that are not named lose it. What the platform gave is not the tenant's to take. */
static bool keep_or_leave(void *ctx, const struct kind *k, json_t *object) {
    struct named_policies *n = ctx;
    if (!str_eq(object_tenant(k, object), n->s->tenant))
        return false;
    size_t i = find_name(n, object_name(object));
    if (i < n->len) {
        n->bound[i] = true;
        return false;
    }
    struct leaving l = { n->s, n->s->id, false };
    return leave(&l, k, object);
}

static void add_subject(json_t *policy, const struct subject_ref *s) {
    const char *key = s->is_group ? "groups" : "users";
    json_t *holder = part_of(policy, "status");
    if (!json_is_array(json_object_get(holder, key)))
        (void)json_object_set_new(holder, key, json_array());
    struct str shown = s->name.ptr != NULL ? s->name : s->id;
    (void)json_array_append_new(
        json_object_get(holder, key),
        json_pack("{s:s%, s:s%}", "id", s->id.ptr, s->id.len, "name", shown.ptr, shown.len));
}

/* NULL: the subject can be given it. */
static const char *why_not(const json_t *policy, const struct subject_ref *s) {
    const json_t *list = json_object_get(json_object_get(policy, "status"), s->is_group ? "groups" : "users");
    if (policy == NULL || !str_eq(object_tenant(&kind_policy, policy), s->tenant) ||
        object_is_deleting(policy) || str_eq(object_str_at(policy, "spec.scope"), STR("project")))
        return "is no policy of the tenant that counts everywhere";
    return json_array_size(list) >= RESOURCE_SUBJECTS_MAX ? "has as many subjects as a policy may have"
                                                          : NULL;
}

static enum err_code bind_one(struct visit *v, struct str name, const struct subject_ref *s,
                              struct err *err) {
    json_t *old = NULL;
    struct store_object o;
    int64_t revision;
    enum err_code rc = store_tx_get(v->tx, v->arena, str_of(kind_policy.plural), name, &o, err);
    if (rc == ERR_OK)
        rc = json_parse(o.body, &old, err);
    else if (rc == ERR_NOT_FOUND || rc == ERR_INVALID) /* nor can there be one of such a name */
        rc = ERR_OK;
    if (rc != ERR_OK)
        return rc;
    const char *problem = why_not(old, s);
    if (problem != NULL) {
        warn(v->r, "spec.extra.policies: \"%.*s\" %s; it was left out", STR_FMT(str_sub(name, 0, 100)),
             problem);
        json_decref(old);
        return ERR_OK;
    }
    json_t *object = json_deep_copy(old);
    add_subject(object, s);
    struct resource_write w = { .kind = &kind_policy,
                                .arena = v->arena,
                                .old = old,
                                .object = object,
                                .old_revision = o.revision,
                                .trusted = true };
    rc = put_edited(v->env, v->tx, &w, &revision, v->r, err);
    json_decref(object);
    json_decref(old);
    return rc;
}

enum err_code follow_extra_policies(const struct resource_env *env, struct store_tx *tx,
                                    const struct resource_write *w, const struct subject_ref *s,
                                    struct refusal *r, struct err *err) {
    const json_t *given = w->part == PART_ALL ? object_at(w->given, "spec.extra.policies") : NULL;
    if (!json_is_string(given))
        return ERR_OK;
    struct named_policies *n = arena_alloc(w->arena, sizeof *n);
    if (n == NULL)
        return err_set(err, ERR_NOMEM, "policies of a subject");
    *n = (struct named_policies) { .s = s };
    struct str rest = json_str(given), name;
    while (str_next(&rest, ',', &name)) {
        name = str_trim(name);
        if (name.len > 0 && n->len < POLICIES_PER_SUBJECT_MAX && find_name(n, name) == n->len)
            n->names[n->len++] = name;
    }
    struct visit v = { .env = env, .tx = tx, .arena = w->arena, .r = r, .edit = keep_or_leave, .ctx = n };
    struct str key = s->is_group ? index_group(w->arena, s->tenant, s->id)
                                 : index_user(w->arena, s->tenant, s->id);
    enum err_code rc = visit_all(&v, &kind_policy, key, err);
    for (size_t i = 0; rc == ERR_OK && i < n->len; i++)
        if (!n->bound[i])
            rc = bind_one(&v, n->names[i], s, err);
    return rc;
}
