/* Users and groups of a local tenant, to choose from. */
#include "connector/local/users.h"
#include "tkeauth/resource.h"

enum { PAGE = 500, OBJECT_MEMORY_MAX = 4 * STORE_OBJECT_MAX };

/* One listing: users of the configuration come first ("s" and how many were seen), then objects in the order of their names ("o" and the
 * last one). */
struct listing {
    const struct connector *connector;
    const struct directory_query *query;
    struct arena *scratch; /* of one entry */
    enum err_code (*each_user)(void *ctx, const struct directory_user *u, struct err *err);
    enum err_code (*each_group)(void *ctx, const struct directory_group *g, struct err *err);
    void *ctx;
    size_t limit, given, seen_in_page;
    struct strbuf last; /* name of the last object looked at */
};

static bool is_full(const struct listing *l) { return l->given == l->limit; }

static bool fits(const struct directory_query *q, struct str id, struct str name, struct str title) {
    if (q->name.len > 0 && !str_eq(q->name, name))
        return false;
    return q->keyword.len == 0 || str_contains_nocase(id, q->keyword) ||
           str_contains_nocase(name, q->keyword) || str_contains_nocase(title, q->keyword);
}

static struct directory_user user_of(const struct local_user *u) {
    return (struct directory_user) { .id = u->id,
                                     .name = u->username,
                                     .display_name = u->display_name,
                                     .email = u->email,
                                     .phone = u->phone,
                                     .local = u };
}

static enum err_code offer_user(struct listing *l, const struct local_user *u, struct err *err) {
    const struct directory_user entry = user_of(u);
    if (!fits(l->query, u->id, u->username, u->display_name))
        return ERR_OK;
    l->given++;
    return l->each_user(l->ctx, &entry, err);
}

/* ---- groups ---- */

static struct directory_group group_of(struct arena *a, const json_t *object, bool want_members) {
    struct directory_group g = { .id = object_name(object),
                                 .display_name = object_str_at(object, "spec.displayName"),
                                 .description = object_str_at(object, "spec.description") };
    const json_t *users = object_subjects(&kind_local_group, object).users;
    struct directory_member *members = want_members
                                           ? arena_array(a, json_array_size(users) + 1, sizeof *members)
                                           : NULL;
    for (size_t i = 0; members != NULL && i < json_array_size(users) && i < DIRECTORY_MEMBERS_MAX; i++) {
        const json_t *user = json_array_get(users, i);
        members[g.member_count++] = (struct directory_member) { json_get_str(user, "id"),
                                                                json_get_str(user, "name") };
    }
    g.members = members;
    return g;
}

/* ---- objects ---- */

static enum err_code offer_object(struct listing *l, const struct store_object *o, struct err *err) {
    struct local_user user;
    json_t *object = NULL;
    enum err_code rc;
    if (l->each_user != NULL) {
        rc = resource_local_user(l->scratch, o, &user, err);
        return rc == ERR_OK ? offer_user(l, &user, err) : rc;
    }
    rc = json_parse_in(l->scratch, o->body, &object, err);
    if (rc != ERR_OK)
        return rc;
    const struct directory_group g = group_of(l->scratch, object, l->query->want_members);
    if (object_is_deleting(object) || !fits(l->query, g.id, STR_NULL, g.display_name))
        return ERR_OK;
    l->given++;
    return l->each_group(l->ctx, &g, err);
}

static enum err_code take_object(void *ctx, const struct store_object *o, struct err *err) {
    struct listing *l = ctx;
    struct err problem = { 0 };
    if (is_full(l))
        return ERR_OK;
    l->seen_in_page++;
    strbuf_clear(&l->last);
    strbuf_add(&l->last, o->name);
    enum err_code rc = offer_object(l, o, &problem);
    if (rc == ERR_INVALID) { /* one damaged object must not hide the others */
        log_warn_err(l->connector->env->log, NULL, "local.object", &problem, KV("name", o->name));
        rc = ERR_OK;
    } else if (rc != ERR_OK)
        *err = problem;
    arena_reset(l->scratch);
    return rc;
}

static enum err_code list_objects(struct listing *l, const struct kind *k, struct str after, struct arena *a,
                                  struct str *ret_next, struct err *err) {
    enum err_code rc = ERR_OK;
    strbuf_add(&l->last, after);
    do {
        AUTO(strbuf_done) struct strbuf from = STRBUF(STORE_NAME_MAX + 1);
        strbuf_add(&from, strbuf_str(&l->last));
        const struct store_query q = { .kind = str_of(k->plural),
                                       .key = index_tenant(a, str_of(l->connector->id)),
                                       .after = strbuf_str(&from),
                                       .limit = PAGE,
                                       .each = take_object,
                                       .ctx = l };
        l->seen_in_page = 0;
        rc = store_list(l->connector->env->store, &q, NULL, err);
    } while (rc == ERR_OK && !is_full(l) && l->seen_in_page == PAGE);
    if (rc == ERR_OK && is_full(l)) /* there may be more */
        *ret_next = str_of(arena_printf(a, "o%.*s", STR_FMT(strbuf_str(&l->last))));
    return rc;
}

static enum err_code run(struct listing *l, const struct kind *k, struct arena *a, struct str *ret_next,
                         struct err *err) {
    struct str after = l->query->after;
    bool in_objects = after.len > 0 && after.ptr[0] == 'o';
    uint64_t skip = 0;
    size_t limit = l->query->limit != 0 ? l->query->limit : DIRECTORY_LIMIT;
    enum err_code rc = ERR_OK;
    *ret_next = STR_NULL;
    l->limit = limit > DIRECTORY_LIMIT_MAX ? DIRECTORY_LIMIT_MAX : limit;
    if (after.len > 0 && !in_objects &&
        (after.ptr[0] != 's' || parse_u64(str_from(after, 1), 0, UINT32_MAX, &skip, err) != ERR_OK))
        return err_set(err, ERR_INVALID, "where the list is to go on cannot be read");
    const struct connector_env *env = l->connector->env;
    for (size_t i = skip; rc == ERR_OK && !in_objects && l->each_user != NULL && i < env->static_user_count;
         i++) {
        if (is_full(l)) {
            *ret_next = str_of(arena_printf(a, "s%zu", i));
            return ERR_OK;
        }
        if (str_eq(env->static_users[i].tenant, str_of(l->connector->id)))
            rc = offer_user(l, &env->static_users[i], err);
    }
    if (rc != ERR_OK || env->store == NULL)
        return rc;
    if (is_full(l)) {
        *ret_next = STR("o");
        return ERR_OK;
    }
    return list_objects(l, k, in_objects ? str_from(after, 1) : STR_NULL, a, ret_next, err);
}

/* scratch NULL: out of memory. */
static struct listing listing_new(struct connector *c, const struct directory_query *q, void *ctx) {
    return (struct listing) { .connector = c,
                              .query = q,
                              .scratch = arena_new(OBJECT_MEMORY_MAX),
                              .ctx = ctx,
                              .last = STRBUF(STORE_NAME_MAX + 1) };
}

static void listing_done(struct listing *l) {
    arena_free(l->scratch);
    strbuf_done(&l->last);
}

enum err_code local_list_users(struct connector *c, struct arena *a, const struct directory_query *q,
                               enum err_code (*each)(void *ctx, const struct directory_user *u,
                                                     struct err *err),
                               void *ctx, struct str *ret_next, struct err *err) {
    AUTO(listing_done) struct listing l = listing_new(c, q, ctx);
    l.each_user = each;
    return l.scratch != NULL ? run(&l, &kind_local_identity, a, ret_next, err)
                             : err_set(err, ERR_NOMEM, "users");
}

enum err_code local_list_groups(struct connector *c, struct arena *a, const struct directory_query *q,
                                enum err_code (*each)(void *ctx, const struct directory_group *g,
                                                      struct err *err),
                                void *ctx, struct str *ret_next, struct err *err) {
    AUTO(listing_done) struct listing l = listing_new(c, q, ctx);
    l.each_group = each;
    return l.scratch != NULL ? run(&l, &kind_local_group, a, ret_next, err)
                             : err_set(err, ERR_NOMEM, "groups");
}

enum err_code local_get_user(struct connector *c, struct arena *a, struct str id,
                             const struct directory_query *q, struct directory_user *ret, struct err *err) {
    (void)q;
    int64_t revision;
    struct local_user *u = arena_alloc(a, sizeof *u);
    if (u == NULL)
        return err_set(err, ERR_NOMEM, "a user");
    enum err_code rc = local_users_get(c, a, id, u, &revision, err);
    if (rc == ERR_OK)
        *ret = user_of(u);
    return rc;
}

enum err_code local_get_group(struct connector *c, struct arena *a, struct str id,
                              const struct directory_query *q, struct directory_group *ret, struct err *err) {
    struct store_object o;
    json_t *object = NULL;
    if (c->env->store == NULL || id.len == 0 || id.len > STORE_NAME_MAX)
        return err_set(err, ERR_NOT_FOUND, "no such group");
    enum err_code rc = store_get(c->env->store, a, str_of(kind_local_group.plural), id, &o, err);
    if (rc == ERR_OK)
        rc = json_parse_in(a, o.body, &object, err);
    if (rc != ERR_OK)
        return rc;
    if (!str_eq(object_tenant(&kind_local_group, object), str_of(c->id)) || object_is_deleting(object))
        return err_set(err, ERR_NOT_FOUND, "no such group");
    *ret = group_of(a, object, q->want_members);
    return ERR_OK;
}
