#include "connector/local/users.h"

#include "tkeauth/resource.h"

enum { GROUPS_MAX = 2000 };

static const struct local_user *find_static(const struct connector *c, struct str login, bool by_id) {
    bool email = !by_id && str_find(login, '@') < login.len;
    for (size_t i = 0; i < c->env->static_user_count; i++) {
        const struct local_user *u = &c->env->static_users[i];
        if (!str_eq(u->tenant, str_of(c->id)))
            continue;
        if (str_eq(by_id ? u->id : u->username, login) || (email && str_eq_nocase(u->email, login)))
            return u;
    }
    return NULL;
}

static enum err_code no_such_user(struct err *err) { return err_set(err, ERR_NOT_FOUND, "no such user"); }

static enum err_code take(struct arena *a, const struct store_object *o, struct local_user *ret,
                          int64_t *ret_revision, struct err *err) {
    *ret_revision = o->revision;
    return resource_local_user(a, o, ret, err);
}

static enum err_code find_by(const struct connector *c, struct arena *a, struct str key,
                             struct local_user *ret, int64_t *ret_revision, bool *ret_more, struct err *err) {
    struct store_object o;
    if (key.len == 0 || key.len > STORE_INDEX_KEY_MAX)
        return no_such_user(err); /* nobody can have that */
    enum err_code rc = store_find_whole(c->env->store, a, str_of(kind_local_identity.plural), key, &o,
                                        ret_more, err);
    return rc == ERR_OK ? take(a, &o, ret, ret_revision, err) : rc;
}

enum err_code local_users_find(const struct connector *c, struct arena *a, struct str login,
                               struct local_user *ret, int64_t *ret_revision, struct err *err) {
    const struct local_user *fixed = find_static(c, login, false);
    struct str tenant = str_of(c->id);
    bool more = false;
    if (fixed != NULL) {
        *ret = *fixed;
        *ret_revision = 0;
        return ERR_OK;
    }
    if (c->env->store == NULL)
        return no_such_user(err);
    enum err_code rc = find_by(c, a, index_username(a, tenant, login), ret, ret_revision, NULL, err);
    if (rc != ERR_NOT_FOUND || str_find(login, '@') == login.len)
        return rc;
    rc = find_by(c, a, index_email(a, tenant, login), ret, ret_revision, &more, err);
    return rc == ERR_OK && more ? no_such_user(err)
                                : rc; /* an address that several have means none of them */
}

enum err_code local_users_get(const struct connector *c, struct arena *a, struct str id,
                              struct local_user *ret, int64_t *ret_revision, struct err *err) {
    const struct local_user *fixed = find_static(c, id, true);
    struct store_object o;
    if (fixed != NULL) {
        *ret = *fixed;
        *ret_revision = 0;
        return ERR_OK;
    }
    if (c->env->store == NULL || id.len == 0 || id.len > STORE_NAME_MAX)
        return no_such_user(err);
    enum err_code rc = store_get_whole(c->env->store, a, str_of(kind_local_identity.plural), id, &o, err);
    if (rc == ERR_OK)
        rc = take(a, &o, ret, ret_revision, err);
    return rc == ERR_OK && !str_eq(ret->tenant, str_of(c->id)) ? no_such_user(err) : rc;
}

/* ---- groups ---- */

struct gathering {
    struct arena *arena;
    struct str_list list;
    size_t cap;
};

static enum err_code add_group(void *ctx, const struct store_object *o, struct err *err) {
    struct gathering *g = ctx;
    if (g->list.len == g->cap)
        return ERR_OK; /* a token could not carry them anyway */
    g->list.items[g->list.len++] = arena_str(g->arena, o->name);
    return arena_failed(g->arena) ? err_set(err, ERR_NOMEM, "groups") : ERR_OK;
}

enum err_code local_users_groups(const struct connector *c, struct arena *a, const struct local_user *u,
                                 struct str_list *ret, struct err *err) {
    struct gathering g = { .arena = a, .cap = u->groups.len + GROUPS_MAX };
    g.list.items = arena_array(a, g.cap, sizeof(struct str));
    if (g.list.items == NULL)
        return err_set(err, ERR_NOMEM, "groups");
    for (size_t i = 0; i < u->groups.len; i++)
        g.list.items[g.list.len++] = arena_str(a, u->groups.items[i]);
    const struct store_query q = { .kind = str_of(kind_local_group.plural),
                                   .key = index_user(a, str_of(c->id), u->id),
                                   .limit = GROUPS_MAX,
                                   .each = add_group,
                                   .ctx = &g };
    enum err_code rc = ERR_OK;
    if (c->env->store != NULL && !u->is_static && q.key.len > 0 && q.key.len <= STORE_INDEX_KEY_MAX)
        rc = store_list(c->env->store, &q, NULL, err);
    if (rc == ERR_OK)
        *ret = g.list;
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "groups") : rc;
}
