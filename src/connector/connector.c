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
