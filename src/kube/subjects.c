#include "kube/subjects.h"

#include "kube/access.h"

enum { DIRECTORY_MS = 15000, LOOKUPS_MAX = 1000, ID_MAX = 256 };

struct directory_query subjects_query(const struct kube_request *kr) {
    return (struct directory_query) { .deadline_mono_ms = clock_mono_ms(kr->req->clock) + DIRECTORY_MS,
                                      .request_id = kr->req->request_id };
}

enum err_code subjects_connector(struct kube_request *kr, struct str tenant, struct connector **ret) {
    struct connector *c = kr->app->find_connector(kr->app->app, tenant);
    *ret = NULL;
    if (c != NULL && !connector_is_local(c) && kr->req->run != HTTP_RUN_DIRECTORY) {
        http_move(kr->res, HTTP_RUN_DIRECTORY);
        kr->moved = true;
        return ERR_OK;
    }
    *ret = c;
    return ERR_OK;
}

/* ---- one subject ---- */

struct resolving {
    struct kube_request *kr;
    const struct kind *kind;
    struct str tenant; /* of the object; "": the platform's own */
    bool groups;
    struct directory_query query;
    size_t lookups;
    const char *path;
};
struct subject {
    struct str tenant, id, name;
};
enum found { FOUND, NOT_THERE, FOREIGN };

struct name_search {
    struct arena *a;
    struct subject *s;
    bool found;
};

static enum err_code note_user(void *ctx, const struct directory_user *u, struct err *err) {
    struct name_search *n = ctx;
    (void)err;
    n->s->id = arena_str(n->a, u->id);
    n->s->name = arena_str(n->a, u->name);
    n->found = true;
    return ERR_OK;
}

static enum err_code find_by_name(struct resolving *r, struct connector *c, struct subject *s,
                                  enum found *ret, struct err *err) {
    struct name_search note = { r->kr->arena, s, false };
    struct directory_query q = r->query;
    struct str next;
    q.name = s->name;
    q.limit = 1;
    enum err_code rc = connector_list_users(c, r->kr->arena, &q, note_user, &note, &next, err);
    *ret = note.found ? FOUND : NOT_THERE;
    return rc;
}

static enum err_code find_by_id(struct resolving *r, struct connector *c, struct subject *s, enum found *ret,
                                struct err *err) {
    struct arena *a = r->kr->arena;
    enum err_code rc;
    if (r->groups) {
        struct directory_group g;
        rc = connector_get_group(c, a, s->id, &r->query, &g, err);
        if (rc == ERR_OK)
            s->name = g.display_name.len > 0 ? g.display_name : s->id;
    } else {
        struct directory_user u;
        rc = connector_get_user(c, a, s->id, &r->query, &u, err);
        if (rc == ERR_OK)
            s->name = u.name;
    }
    *ret = rc == ERR_OK ? FOUND : NOT_THERE;
    return rc == ERR_NOT_FOUND || rc == ERR_FORBIDDEN || rc == ERR_INVALID ? ERR_OK : rc;
}

/* Whoever may see all tenants is told that the id is another one's; a tenant is not told what others have. */
static enum found is_foreign(struct resolving *r, struct str id) {
    const struct kind *k = r->groups ? &kind_local_group : &kind_local_identity;
    struct store_object o;
    struct err ignored;
    if (r->kr->scope.level != SCOPE_PLATFORM)
        return NOT_THERE;
    bool there = store_get(r->kr->app->env->store, r->kr->arena, str_of(k->plural), id, &o, &ignored) ==
                 ERR_OK;
    return there ? FOREIGN : NOT_THERE;
}

static enum err_code look_up(struct resolving *r, struct subject *s, enum found *ret, struct err *err) {
    struct connector *c = NULL;
    *ret = NOT_THERE;
    enum err_code rc = subjects_connector(r->kr, s->tenant, &c);
    if (rc != ERR_OK || c == NULL)
        return rc;
    if (++r->lookups > LOOKUPS_MAX)
        return refuse(&r->kr->refusal, 413, "RequestEntityTooLarge",
                      "more than %d new users and groups in one request", LOOKUPS_MAX);
    /* The registry's bindings name people by their login names, which is what comes as their id (contract 2.7). */
    bool by_name = !r->groups && (s->id.len == 0 || r->kind == &kind_custom_policy_binding);
    if (by_name && s->name.len == 0)
        s->name = s->id;
    rc = by_name ? find_by_name(r, c, s, ret, err) : find_by_id(r, c, s, ret, err);
    if (rc == ERR_OK && *ret == FOUND && r->kind == &kind_custom_policy_binding && !r->groups)
        s->id = s->name;
    if (rc == ERR_OK && *ret == NOT_THERE && connector_is_local(c) && s->id.len > 0)
        *ret = is_foreign(r, s->id);
    return rc;
}

/* "TENANT##ID": how the platform's own objects name people, and how others may (contract 2.10). */
static bool split_id(const struct resolving *r, struct subject *s) {
    const struct str mark = STR("##");
    s->tenant = r->tenant;
    for (size_t i = 0; i + mark.len <= s->id.len; i++) {
        if (memcmp(s->id.ptr + i, mark.ptr, mark.len) != 0)
            continue;
        struct str named = str_sub(s->id, 0, i);
        if (r->tenant.len > 0 && !str_eq(named, r->tenant))
            return false;
        s->tenant = named;
        s->id = str_from(s->id, i + mark.len);
        break;
    }
    return true;
}

static const json_t *find_same(const json_t *list, struct str id, struct str name) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (id.len > 0 && str_eq(json_get_str(item, "id"), id) && str_eq(json_get_str(item, "name"), name) &&
            name.len > 0)
            return item;
    }
    return NULL;
}

static void note_outcome(struct resolving *r, size_t index, enum found found, struct str shown) {
    const char *path = arena_printf(r->kr->arena, "%s[%zu]", r->path, index);
    if (found == FOREIGN)
        refuse_field(&r->kr->refusal, "FieldValueInvalid", path,
                     "Invalid value: \"%.*s\": belongs to another tenant", STR_FMT(str_sub(shown, 0, 100)));
    else if (found == NOT_THERE)
        warn(&r->kr->refusal, "%s: there is no %s \"%.*s\" in the tenant; left out", path,
             r->groups ? "group" : "user", STR_FMT(str_sub(shown, 0, 100)));
}

static json_t *subject_json(const struct resolving *r, const struct subject *s) {
    struct str id = s->id;
    if (r->tenant.len == 0)
        id = str_of(arena_printf(r->kr->arena, "%.*s##%.*s", STR_FMT(s->tenant), STR_FMT(s->id)));
    return json_pack("{s:s%, s:s%}", "id", id.len ? id.ptr : "", id.len, "name",
                     s->name.len ? s->name.ptr : "", s->name.len);
}

/* The entry as it will be stored; NULL: none. */
static enum err_code resolve_one(struct resolving *r, size_t index, const json_t *item,
                                 const json_t *old_list, json_t **ret, struct err *err) {
    struct subject s = { .id = str_sub(json_get_str(item, "id"), 0, ID_MAX),
                         .name = str_sub(json_get_str(item, "name"), 0, ID_MAX) };
    const json_t *same = find_same(old_list, s.id, s.name);
    struct str shown = s.id.len > 0 ? s.id : s.name;
    *ret = NULL;
    if (same != NULL || (str_eq(s.id, STR("*")) && r->kind == &kind_custom_policy_binding)) {
        *ret = same != NULL ? json_deep_copy(same) : json_pack("{s:s, s:s}", "id", "*", "name", "*");
        return ERR_OK;
    }
    enum found found = FOREIGN;
    enum err_code rc = ERR_OK;
    if (s.id.len == 0 && s.name.len == 0)
        return ERR_OK;
    if (split_id(r, &s))
        rc = look_up(r, &s, &found, err);
    if (rc != ERR_OK || r->kr->moved)
        return rc;
    note_outcome(r, index, found, shown);
    if (found == FOUND)
        *ret = subject_json(r, &s);
    return ERR_OK;
}

static enum err_code resolve_list(struct resolving *r, json_t *holder, const char *key,
                                  const json_t *old_holder, struct err *err) {
    const json_t *list = json_object_get(holder, key);
    if (!json_is_array(list))
        return ERR_OK;
    if (json_array_size(list) > RESOURCE_SUBJECTS_MAX)
        return refuse(&r->kr->refusal, 413, "RequestEntityTooLarge", "more than %d %s", RESOURCE_SUBJECTS_MAX,
                      key);
    json_t *resolved = json_array();
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && !r->kr->moved && i < json_array_size(list); i++) {
        json_t *subject = NULL;
        rc = resolve_one(r, i, json_array_get(list, i), json_object_get(old_holder, key), &subject, err);
        if (rc == ERR_OK && subject != NULL)
            (void)json_array_append_new(resolved, subject);
    }
    if (rc == ERR_OK && !r->kr->moved)
        (void)json_object_set(holder, key, resolved);
    json_decref(resolved);
    return rc;
}

enum err_code subjects_resolve(struct kube_request *kr, const struct kind *k, struct str tenant,
                               json_t *holder, const json_t *old_holder, struct err *err) {
    static const char *const keys[] = { "users", "groups" };
    enum err_code rc = ERR_OK;
    const char *where = kind_subjects_key(k);
    for (size_t i = 0; rc == ERR_OK && !kr->moved && i < ARRAY_LEN(keys); i++) {
        struct resolving r = { .kr = kr,
                               .kind = k,
                               .tenant = tenant,
                               .groups = i == 1,
                               .query = subjects_query(kr),
                               .path = arena_printf(kr->arena, "%s.%s", where != NULL ? where : "",
                                                    keys[i]) };
        rc = resolve_list(&r, holder, keys[i], old_holder, err);
    }
    return rc;
}
