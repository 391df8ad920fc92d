#include "tkeauth/connector.h"
#include "connector/ldap/ldap.h"
#include "connector/local/local.h"
#include "connector/mock/mock.h"

static const struct connector_ops *const types[] = {
    &local_connector_ops,
    &ldap_connector_ops,
    &mock_connector_ops,
    NULL,
};

const struct connector_ops *const *connector_types(void) { return types; }

const struct connector_ops *connector_type_find(struct str type) {
    if (str_eq(type, STR("tke"))) /* TKEStack's name for it */
        return &local_connector_ops;
    for (size_t i = 0; types[i] != NULL; i++)
        if (str_eq(type, str_of(types[i]->type)))
            return types[i];
    return NULL;
}

static enum err_code open_parts(struct connector *c, const char *id, const char *name, const void *config,
                                struct err *err) {
    c->id = str_dup_c(id);
    c->name = str_dup_c(name != NULL ? name : id);
    if (c->id == NULL || c->name == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    return c->ops->open(c, config, c->env, err);
}

enum err_code connector_open(const struct connector_ops *ops, const char *id, const char *name,
                             const struct cfg_node *node, struct arena *a, const struct connector_env *env,
                             struct cfg_problems *problems, struct connector **ret, struct err *err) {
    void *config = arena_alloc(a, ops->config_size);
    if (config == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    size_t before = problems->len;
    enum err_code rc = cfg_decode(a, node, ops->fields, config, ops->config_size, problems, err);
    if (ops->check != NULL) /* also after problems: all of them are to be told at once */
        ops->check(config, problems, node);
    if (rc == ERR_OK && problems->len > before)
        rc = err_set(err, ERR_INVALID, "connector %s: the configuration has problems", id);
    if (rc != ERR_OK)
        return rc;
    AUTO_FREE(connector_close) struct connector *c = calloc(1, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->ops = ops;
    c->env = env;
    rc = open_parts(c, id, name, config, err);
    if (rc != ERR_OK)
        return err_context(err, "connector %s", id);
    *ret = STEAL(c);
    return ERR_OK;
}

static void free_const(const char *p) { free((void *)(uintptr_t)p); }

void connector_close(struct connector *c) {
    if (c == NULL)
        return;
    if (c->ops->close != NULL)
        c->ops->close(c);
    free_const(c->id);
    free_const(c->name);
    free(c);
}

static enum err_code incapable(const struct connector *c, const char *what, struct err *err) {
    return err_set(err, ERR_FORBIDDEN, "connector %s (%s) cannot %s", c->id, c->ops->type, what);
}

enum err_code connector_login(struct connector *c, struct arena *a, const struct login *login,
                              enum login_outcome *ret, struct identity *ret_identity, struct err *err) {
    if (c->ops->login == NULL || (c->ops->capabilities & CONNECTOR_PASSWORD) == 0)
        return incapable(c, "check a password", err);
    enum login_outcome outcome;
    struct identity identity;
    enum err_code rc = c->ops->login(c, a, login, &outcome, &identity, err);
    if (rc != ERR_OK)
        return err_context(err, "connector %s", c->id);
    *ret = outcome;
    if (outcome == LOGIN_OK)
        *ret_identity = identity;
    return ERR_OK;
}

enum err_code connector_refresh(struct connector *c, struct arena *a, const struct identity *old,
                                bool want_groups, int64_t deadline_mono_ms, enum refresh_outcome *ret,
                                struct identity *ret_identity, struct err *err) {
    if (c->ops->refresh == NULL || (c->ops->capabilities & CONNECTOR_REFRESH) == 0)
        return incapable(c, "refresh", err);
    if (!str_eq(old->connector_id, str_of(c->id)))
        return err_set(err, ERR_INVALID, "connector %s: the identity belongs to another connector", c->id);
    enum refresh_outcome outcome;
    struct identity identity;
    enum err_code rc = c->ops->refresh(c, a, old, want_groups, deadline_mono_ms, &outcome, &identity, err);
    if (rc != ERR_OK)
        return err_context(err, "connector %s", c->id);
    *ret = outcome;
    if (outcome == REFRESH_OK)
        *ret_identity = identity;
    return ERR_OK;
}

/* ---- the directory ---- */

enum { DIRECTORY_NAME_MAX = 1024 }; /* bytes of an id, a name or a part of one */

/* Nobody has a name like that, and no directory need be asked. */
static bool is_hopeless(struct str name) {
    return str_trim(name).len == 0 || name.len > DIRECTORY_NAME_MAX || str_has_control(name) ||
           !str_is_utf8(name);
}

/* False: nobody can match. A keyword may be a single blank. */
static bool has_hope(const struct directory_query *q) {
    return (q->name.len == 0 || !is_hopeless(q->name)) &&
           (q->keyword.len <= DIRECTORY_NAME_MAX && !str_has_control(q->keyword) && str_is_utf8(q->keyword));
}

static struct directory_query with_limit(const struct directory_query *q) {
    struct directory_query result = *q;
    if (result.limit == 0)
        result.limit = DIRECTORY_LIMIT;
    if (result.limit > DIRECTORY_LIMIT_MAX)
        result.limit = DIRECTORY_LIMIT_MAX;
    return result;
}

enum err_code connector_list_users(struct connector *c, struct arena *a, const struct directory_query *q,
                                   enum err_code (*each)(void *ctx, const struct directory_user *u,
                                                         struct err *err),
                                   void *ctx, struct str *ret_next, struct err *err) {
    if (c->ops->list_users == NULL)
        return incapable(c, "list users", err);
    const struct directory_query query = with_limit(q);
    struct str next = STR_NULL;
    enum err_code rc = has_hope(q) ? c->ops->list_users(c, a, &query, each, ctx, &next, err) : ERR_OK;
    if (rc != ERR_OK)
        return err_context(err, "connector %s", c->id);
    *ret_next = next;
    return ERR_OK;
}

enum err_code connector_list_groups(struct connector *c, struct arena *a, const struct directory_query *q,
                                    enum err_code (*each)(void *ctx, const struct directory_group *g,
                                                          struct err *err),
                                    void *ctx, struct str *ret_next, struct err *err) {
    if (c->ops->list_groups == NULL)
        return incapable(c, "list groups", err);
    const struct directory_query query = with_limit(q);
    struct str next = STR_NULL;
    enum err_code rc = has_hope(q) ? c->ops->list_groups(c, a, &query, each, ctx, &next, err) : ERR_OK;
    if (rc != ERR_OK)
        return err_context(err, "connector %s", c->id);
    *ret_next = next;
    return ERR_OK;
}

static enum err_code hopeless_id(const struct connector *c, const char *what, struct err *err) {
    return err_set(err, ERR_NOT_FOUND, "connector %s: no %s can have this name", c->id, what);
}

enum err_code connector_get_user(struct connector *c, struct arena *a, struct str id,
                                 const struct directory_query *q, struct directory_user *ret,
                                 struct err *err) {
    if (c->ops->get_user == NULL)
        return incapable(c, "look up a user", err);
    if (is_hopeless(id))
        return hopeless_id(c, "user", err);
    struct directory_user user;
    enum err_code rc = c->ops->get_user(c, a, id, q, &user, err);
    if (rc != ERR_OK)
        return err_context(err, "connector %s", c->id);
    *ret = user;
    return ERR_OK;
}

enum err_code connector_get_group(struct connector *c, struct arena *a, struct str id,
                                  const struct directory_query *q, struct directory_group *ret,
                                  struct err *err) {
    if (c->ops->get_group == NULL)
        return incapable(c, "look up a group", err);
    if (is_hopeless(id))
        return hopeless_id(c, "group", err);
    struct directory_group group;
    enum err_code rc = c->ops->get_group(c, a, id, q, &group, err);
    if (rc != ERR_OK)
        return err_context(err, "connector %s", c->id);
    *ret = group;
    return ERR_OK;
}

bool connector_is_local(const struct connector *c) { return c->ops == &local_connector_ops; }

const char *connector_prompt(const struct connector *c) {
    return c->ops->prompt == NULL ? NULL : c->ops->prompt(c);
}

enum err_code connector_health(const struct connector *c, struct err *err) {
    return c->ops->health == NULL ? ERR_OK : c->ops->health(c, err);
}

enum err_code connector_ldap_search(struct connector *c, struct arena *a, struct str username,
                                    struct strbuf *ret_report, struct err *err) {
    if (c->ops != &ldap_connector_ops)
        return err_set(err, ERR_FORBIDDEN, "connector %s is of type %s, not ldap", c->id, c->ops->type);
    return ldap_explain(c, a, username, ret_report, err);
}
