#include "config/node.h"
#include "config/schema.h"

#include <stdio.h>

static const char *or_else(const char *value, const char *fallback) { return value ? value : fallback; }

/* TKEStack's first tenant exists when anything is said about it. */
static void complete_auth(struct config *c, const struct cfg_node *root) {
    static const char *const hints[] = { "init_tenant_id",        "init_idp_administrators",
                                         "ldap_config_file",      "init_client_id",
                                         "init_client_secret",    "init_client_secret_file",
                                         "init_client_secret_env" };
    const struct cfg_node *auth = cfg_node_find(root, "auth");
    for (size_t i = 0; c->auth.init_tenant_type == NULL && i < ARRAY_LEN(hints); i++)
        if (!cfg_node_is_absent(cfg_node_find(auth, hints[i])))
            c->auth.init_tenant_type = "tke"; /* the default of contract 7.1 */
    if (c->auth.init_tenant_type != NULL)
        c->auth.init_tenant_id = or_else(c->auth.init_tenant_id, "default");
    if (c->auth.init_client_secret.ptr != NULL)
        c->auth.init_client_id = or_else(c->auth.init_client_id, "default");
}

static void complete_lists(struct config *c) {
    struct config_static_client *clients = c->static_clients.items;
    for (size_t i = 0; i < c->static_clients.len; i++) {
        clients[i].name = or_else(clients[i].name, clients[i].id);
        if (clients[i].id_token_alg < 0)
            clients[i].id_token_alg = c->oauth2.id_token_alg;
    }
    struct config_connector *connectors = c->connectors.items;
    c->oauth2.password_connector = or_else(c->oauth2.password_connector, c->auth.password_grant_conn_id);
    for (size_t i = 0; i < c->connectors.len; i++) {
        connectors[i].name = or_else(connectors[i].name, connectors[i].id);
        if (connectors[i].password_grant)
            c->oauth2.password_connector = or_else(c->oauth2.password_connector, connectors[i].id);
    }
    for (size_t i = 0; i < c->connectors.len; i++)
        if (connectors[i].id && c->oauth2.password_connector)
            connectors[i].password_grant |= strcmp(connectors[i].id, c->oauth2.password_connector) == 0;
}

static const char *beside(struct arena *a, const char *path, const char *name) {
    struct str s = str_of(path);
    size_t slash = str_rfind(s, '/');
    size_t folder = slash < s.len ? slash + 1 : 0;
    return arena_printf(a, "%.*s%s", (int)folder, path, name);
}

/* TKEStack writes one text where we have a list: "X-Remote-User, X-Forwarded-User". Neither headers nor common names have commas in practice; one
 * that has can be written in a list. */
static void split_commas(struct arena *a, const struct cfg_node *map, const char *key,
                         struct cfg_strings *list) {
    const struct cfg_node *n = cfg_node_find(map, key);
    if (n == NULL || n->kind != CFG_SCALAR || list->len != 1)
        return;
    struct str rest = str_of(list->items[0]), item;
    const char **items = arena_array(a, rest.len + 1, sizeof *items);
    size_t len = 0;
    while (items != NULL && str_next(&rest, ',', &item))
        if (str_trim(item).len != 0)
            items[len++] = arena_strdup(a, str_trim(item));
    *list = (struct cfg_strings) { items, len };
}

static void complete_authentication(struct arena *a, struct config *c, const struct cfg_node *root) {
    const struct cfg_node *headers = cfg_node_find(cfg_node_find(root, "authentication"), "requestheader");
    split_commas(a, headers, "allowed_names", &c->authentication.requestheader.allowed_names);
    split_commas(a, headers, "username_headers", &c->authentication.requestheader.username_headers);
    split_commas(a, headers, "group_headers", &c->authentication.requestheader.group_headers);
    split_commas(a, headers, "extra_headers_prefix", &c->authentication.requestheader.extra_headers_prefix);
    const char **ours = &c->secure_serving.client_ca_file, **theirs = &c->authentication.client_ca_file;
    *ours = or_else(*ours, *theirs);
    *theirs = or_else(*theirs, *ours);
}

static void complete(struct arena *a, struct config *c, const struct cfg_node *root) {
    static const char *const levels[] = { "1.2", "1.3" };
    complete_auth(c, root);
    complete_lists(c);
    complete_authentication(a, c, root);
    const char *tls = c->secure_serving.tls_min_version;
    if (tls != NULL && tls[0] == 'V') /* Go's VersionTLS12 */
        c->secure_serving.tls_min_version = levels[str_ends_with(str_of(tls), STR("13"))];
    if (c->log.format == 2) /* TKEStack's "console" */
        c->log.format = 0;
    if (c->expiry.id_tokens_s == 0)
        c->expiry.id_tokens_s = c->auth.id_token_timeout_s ? c->auth.id_token_timeout_s : 3600;
    if (c->secure_serving.cert_dir == NULL)
        c->secure_serving.cert_dir = arena_printf(a, "%s/tls", c->state_dir);
    if (c->storage.file == NULL)
        c->storage.file = arena_printf(a, "%s/tke-auth.db", c->state_dir);
    if (c->storage.key_file == NULL)
        c->storage.key_file = beside(a, c->storage.file, "kek");
}

const char *config_issuer(struct arena *a, const struct config *c) {
    if (c->issuer != NULL) {
        struct str s = str_of(c->issuer);
        while (s.len > 0 && s.ptr[s.len - 1] == '/')
            s.len--;
        return arena_strdup(a, s);
    }
    int64_t port = c->generic.external_port ? c->generic.external_port : c->secure_serving.port;
    bool standard = port == 0 || port == (strcmp(c->generic.external_scheme, "https") == 0 ? 443 : 80);
    if (standard)
        return arena_printf(a, "%s://%s/oidc", c->generic.external_scheme, c->generic.external_hostname);
    return arena_printf(a, "%s://%s:%lld/oidc", c->generic.external_scheme, c->generic.external_hostname,
                        (long long)port);
}

/* ---- the files that belong to it ---- */
struct files {
    struct arena *arena;
    const char **items;
    size_t len, cap;
};

static bool names_a_file(const struct cfg_node *n) {
    static const char *const others[] = { "rootCA", "clientCert", "clientKey",
                                          "keytabPath" }; /* of ldap.json */
    struct str key = str_of(n->key);
    /* Ours to write, not to read. */
    if (str_eq(key, STR("audit_file")) || str_eq(key, STR("keyFile")))
        return false;
    /* Rules: authz follows them by itself, without a reload of everything else. */
    if (str_eq(key, STR("policy_file")) || str_eq(key, STR("model_file")))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        if (str_eq(key, str_of(others[i])))
            return true;
    return str_ends_with(key, STR("File")) || str_ends_with(key, STR("_file"));
}

static void collect(struct files *f, const struct cfg_node *n) {
    for (const struct cfg_node *child = n ? n->first : NULL; child != NULL; child = child->next)
        collect(f, child); /* at most CFG_DEPTH_MAX deep */
    if (n == NULL || n->kind != CFG_SCALAR || n->text_len == 0 || n->key == NULL || !names_a_file(n))
        return;
    if (f->len == f->cap) {
        size_t cap = f->cap ? f->cap * 2 : 16;
        const char **grown = arena_array(f->arena, cap, sizeof *grown);
        if (grown == NULL)
            return;
        if (f->len > 0)
            memcpy(grown, f->items, f->len * sizeof *grown);
        f->items = grown;
        f->cap = cap;
    }
    f->items[f->len++] = n->text;
}

/* Only that it can be read and parsed: what stands in it is the connector's to judge. */
static void load_ldap_json(struct arena *a, const struct config *c, const struct cfg_node *root,
                           struct files *files, struct cfg_problems *problems) {
    const struct cfg_node *ldap = NULL;
    struct err err = { 0 };
    if (c->auth.ldap_config_file == NULL || c->auth.init_tenant_type == NULL ||
        strcmp(c->auth.init_tenant_type, "ldap") != 0)
        return;
    size_t before = problems->len;
    if (cfg_parse_file(a, c->auth.ldap_config_file, &ldap, problems, &err) != ERR_OK &&
        problems->len == before)
        cfg_problem_at(problems, cfg_node_find(root, "auth"), "ldap_config_file", "%s", err.detail);
    collect(files, ldap);
}

enum err_code config_load(struct arena *a, const char *path, const struct config **ret,
                          struct cfg_problems *problems, struct err *err) {
    const struct cfg_node *root = NULL;
    size_t before = problems->len;
    struct files files = { .arena = a };
    struct config *c = arena_alloc(a, sizeof *c);
    if (c == NULL)
        return err_set(err, ERR_NOMEM, "%s", path);
    enum err_code rc = cfg_parse_file(a, path, &root, problems, err);
    if (rc != ERR_OK)
        return rc;
    rc = cfg_decode(a, root, config_fields, c, sizeof *c, problems, err);
    if (rc == ERR_NOMEM)
        return rc;
    complete(a, c, root);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "%s", path);
    collect(&files, root);
    load_ldap_json(a, c, root, &files, problems);
    c->files = (struct cfg_strings) { files.items, files.len };
    /* Also with problems of single keys: an operator wants to hear everything in one go. */
    config_check(c, root, problems);
    if (problems->len > before)
        return err_set(err, ERR_INVALID, "%s: %zu problems", path, problems->len - before);
    *ret = c;
    return ERR_OK;
}
