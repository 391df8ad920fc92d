#include "server/generation.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { GENERATION_MEMORY_MAX = 64 * 1024 * 1024 };

struct generation *generation_ref(struct generation *g) {
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void generation_unref(struct generation *g) {
    if (g == NULL || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < g->connector_count; i++)
        connector_close(g->connectors[i]);
    web_free(g->web);
    authz_free(g->authz);
    authenticators_free(g->authenticators);
    arena_free(g->arena);
    free(g);
}

/* One connector to open: from `connectors`, from enablePasswordDB, or from TKEStack's auth.init_tenant_*. */
static enum err_code open_one(struct generation *g, const char *type, const char *id, const char *name,
                              const struct cfg_node *node, struct cfg_problems *problems, struct err *err) {
    const struct connector_ops *ops = connector_type_find(str_of(type));
    if (ops == NULL) {
        cfg_problem_at(problems, node, NULL, "connector %s: there is no type \"%s\"", id, type);
        return err_set(err, ERR_INVALID, "connector %s: unknown type %s", id, type);
    }
    struct connector *c = NULL;
    enum err_code rc = connector_open(ops, id, name ? name : id, node, g->arena, &g->env, problems, &c, err);
    if (rc == ERR_OK)
        g->connectors[g->connector_count++] = c;
    return rc;
}

static bool has_connector(const struct generation *g, const char *id) {
    for (size_t i = 0; i < g->connector_count; i++)
        if (str_eq(str_of(g->connectors[i]->id), str_of(id)))
            return true;
    return false;
}

/* TKEStack's first tenant: auth.init_tenant_type tke or ldap, with ldap_config_file. */
static enum err_code open_init_tenant(struct generation *g, struct cfg_problems *problems, struct err *err) {
    const struct config *c = g->config;
    const char *type = c->auth.init_tenant_type, *id = c->auth.init_tenant_id;
    if (type == NULL || id == NULL || has_connector(g, id))
        return ERR_OK;
    if (str_eq(str_of(type), STR("ldap"))) {
        enum err_code rc = cfg_parse_file(g->arena, c->auth.ldap_config_file, &g->init_config, problems, err);
        return rc == ERR_OK ? open_one(g, "ldap", id, NULL, g->init_config, problems, err) : rc;
    }
    return open_one(g, "local", id, NULL, NULL, problems, err);
}

/* All of them, so that all problems are told at once. */
static enum err_code open_connectors(struct generation *g, struct cfg_problems *problems, struct err *err) {
    const struct config_connector *list = g->config->connectors.items;
    size_t len = g->config->connectors.len;
    enum err_code result = ERR_OK;
    g->connectors = arena_array(g->arena, len + 2, sizeof(struct connector *));
    if (g->connectors == NULL)
        return err_set(err, ERR_NOMEM, "connectors");
    for (size_t i = 0; i < len; i++) {
        enum err_code rc = open_one(g, list[i].type, list[i].id, list[i].name, list[i].config, problems, err);
        if (rc != ERR_OK)
            result = rc;
    }
    if (g->config->enable_password_db && !has_connector(g, "local")) {
        enum err_code rc = open_one(g, "local", "local", NULL, NULL, problems, err);
        if (rc != ERR_OK)
            result = rc;
    }
    enum err_code rc = open_init_tenant(g, problems, err);
    return rc != ERR_OK ? rc : result;
}

static enum err_code open_web(struct generation *g, struct err *err) {
    const struct config *c = g->config;
    const struct web_options options = { .dir = c->frontend.dir,
                                         .title = c->console_config.title,
                                         .logo_url = c->frontend.logo_url,
                                         .accent = c->frontend.accent,
                                         .base_path = "/oidc" };
    return web_new(&options, &g->web, err);
}

static enum err_code open_authz(struct generation *g, const struct server_parts *parts, struct err *err) {
    struct authz_options options;
    enum err_code rc = authz_options_from_config(g->arena, g->config, &options, err);
    if (rc != ERR_OK)
        return rc;
    if (parts->enforcer !=
        NULL) { /* it has the policy file's rules among others, and its model is in force until a restart */
        options.enforcer = parts->enforcer;
        options.files.model = options.files.policy = NULL;
    }
    options.clock = parts->clock;
    options.random = parts->random;
    options.log = parts->log;
    options.metrics = parts->metrics;
    return authz_new(&options, &g->authz, err);
}

static enum err_code open_authenticators(struct generation *g, const struct server_parts *parts,
                                         struct err *err) {
    const struct config *c = g->config;
    const struct cfg_strings *groups = &c->authentication.privileged_groups;
    const struct authenticators_options options = {
        .client_ca_file = c->authentication.client_ca_file,
        .token_auth_file = c->authentication.token_auth_file,
        .requestheader = { .client_ca_file = c->authentication.requestheader.client_ca_file,
                           .allowed_names = c->authentication.requestheader.allowed_names.items,
                           .allowed_name_count = c->authentication.requestheader.allowed_names.len,
                           .username_headers = c->authentication.requestheader.username_headers.items,
                           .username_header_count = c->authentication.requestheader.username_headers.len,
                           .group_headers = c->authentication.requestheader.group_headers.items,
                           .group_header_count = c->authentication.requestheader.group_headers.len,
                           .extra_headers_prefix = c->authentication.requestheader.extra_headers_prefix.items,
                           .extra_headers_prefix_count =
                               c->authentication.requestheader.extra_headers_prefix.len },
        .random = parts->random,
    };
    struct str *copy = arena_array(g->arena, groups->len + 1, sizeof *copy);
    if (copy == NULL)
        return err_set(err, ERR_NOMEM, "privileged groups");
    for (size_t i = 0; i < groups->len; i++)
        copy[i] = str_of(groups->items[i]);
    g->privileged_groups = copy;
    return authenticators_new(&options, &g->authenticators, err);
}

/* Where the configuration's users log in: dex's connector "local", or TKEStack's first tenant. */
static const char *local_tenant(const struct config *c) {
    bool tke = c->auth.init_tenant_type != NULL && !str_eq(str_of(c->auth.init_tenant_type), STR("ldap"));
    return !c->enable_password_db && tke && c->auth.init_tenant_id != NULL ? c->auth.init_tenant_id : "local";
}

static enum err_code fill(struct generation *g, const char *path, const struct server_parts *parts,
                          struct cfg_problems *problems, struct err *err) {
    enum err_code rc = config_load(g->arena, path, &g->config, problems, err);
    if (rc != ERR_OK)
        return rc;
    struct local_user *users = NULL;
    size_t user_count = 0;
    g->issuer = str_of(config_issuer(g->arena, g->config));
    rc = static_clients(g->arena, g->config, &g->static_clients, &g->static_client_count, err);
    if (rc == ERR_OK)
        rc = static_users(g->arena, g->config, local_tenant(g->config), &users, &user_count, err);
    if (rc != ERR_OK)
        return rc;
    g->env = (struct connector_env) { .store = parts->store,
                                      .clock = parts->clock,
                                      .random = parts->random,
                                      .log = parts->log,
                                      .metrics = parts->metrics,
                                      .static_users = users,
                                      .static_user_count = user_count };
    rc = open_connectors(g, problems, err);
    if (rc == ERR_OK)
        rc = open_web(g, err);
    if (rc == ERR_OK)
        rc = open_authenticators(g, parts, err);
    return rc == ERR_OK ? open_authz(g, parts, err) : rc;
}

enum err_code generation_load(const char *path, const struct server_parts *parts, struct generation **ret,
                              struct cfg_problems *problems, struct err *err) {
    struct generation *g = calloc(1, sizeof *g);
    if (g == NULL)
        return err_set(err, ERR_NOMEM, "a configuration");
    atomic_init(&g->refs, 1);
    g->arena = arena_new(GENERATION_MEMORY_MAX);
    enum err_code rc = g->arena ? fill(g, path, parts, problems, err)
                                : err_set(err, ERR_NOMEM, "a configuration");
    if (rc != ERR_OK) {
        generation_unref(g);
        return rc;
    }
    *ret = g;
    return ERR_OK;
}

struct generation_tenant generation_tenant(const struct generation *g, const char *id) {
    const struct config *c = g->config;
    const struct config_connector *list = c->connectors.items;
    for (size_t i = 0; i < c->connectors.len; i++)
        if (strcmp(list[i].id, id) == 0)
            return (struct generation_tenant) { &list[i].administrators, list[i].config };
    if (c->auth.init_tenant_type != NULL && c->auth.init_tenant_id != NULL &&
        strcmp(c->auth.init_tenant_id, id) == 0)
        return (struct generation_tenant) { &c->auth.init_idp_administrators, g->init_config };
    return (struct generation_tenant) { 0 };
}
