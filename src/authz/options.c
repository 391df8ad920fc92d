/* From the configuration to struct authz_options; the kubeconfig of an external authorizer. */
#include "tkeauth/authz.h"
#include "tkeauth/config.h"

/* ---- kubeconfig: the parts that an authorizer has ---- */

struct kube_cluster {
    const char *name, *server, *ca_file, *ca_data;
    bool insecure;
};
struct kube_user {
    const char *name, *cert_file, *key_file, *cert_data, *key_data;
    struct secret token;
};
struct kube_context {
    const char *name, *cluster, *user;
};
struct kubeconfig {
    const char *current;
    struct cfg_list clusters, users, contexts;
};

static const struct cfg_field cluster_fields[] = {
    { .key = "server",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_cluster, server),
      .flags = CFG_REQUIRED,
      .help = "URL of the reviews, path included" },
    { .key = "certificate-authority",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_cluster, ca_file),
      .help = "PEM" },
    { .key = "certificate-authority-data",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_cluster, ca_data),
      .help = "not supported: name a file" },
    { .key = "insecure-skip-tls-verify",
      .type = CFG_BOOL,
      .offset = offsetof(struct kube_cluster, insecure),
      .help = "take any certificate" },
    { .type = CFG_END },
};
static const struct cfg_field named_cluster_fields[] = {
    { .key = "name", .type = CFG_STRING, .offset = offsetof(struct kube_cluster, name), .help = "its name" },
    { .key = "cluster", .type = CFG_TABLE, .fields = cluster_fields },
    { .type = CFG_END },
};
static const struct cfg_field user_fields[] = {
    { .key = "client-certificate",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_user, cert_file),
      .help = "PEM" },
    { .key = "client-key",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_user, key_file),
      .help = "PEM" },
    { .key = "client-certificate-data",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_user, cert_data),
      .help = "not supported: name a file" },
    { .key = "client-key-data",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_user, key_data),
      .help = "not supported: name a file" },
    { .key = "token",
      .type = CFG_SECRET,
      .offset = offsetof(struct kube_user, token),
      .help = "or tokenFile" },
    { .type = CFG_END },
};
static const struct cfg_field named_user_fields[] = {
    { .key = "name", .type = CFG_STRING, .offset = offsetof(struct kube_user, name), .help = "its name" },
    { .key = "user", .type = CFG_TABLE, .fields = user_fields },
    { .type = CFG_END },
};
static const struct cfg_field context_fields[] = {
    { .key = "cluster",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_context, cluster),
      .flags = CFG_REQUIRED,
      .help = "name of a cluster" },
    { .key = "user",
      .type = CFG_STRING,
      .offset = offsetof(struct kube_context, user),
      .help = "name of a user" },
    { .key = "namespace", .type = CFG_IGNORED },
    { .type = CFG_END },
};
static const struct cfg_field named_context_fields[] = {
    { .key = "name", .type = CFG_STRING, .offset = offsetof(struct kube_context, name), .help = "its name" },
    { .key = "context", .type = CFG_TABLE, .fields = context_fields },
    { .type = CFG_END },
};
static const struct cfg_field kubeconfig_fields[] = {
    { .key = "apiVersion", .type = CFG_IGNORED },
    { .key = "kind", .type = CFG_IGNORED },
    { .key = "preferences", .type = CFG_IGNORED },
    { .key = "current-context",
      .type = CFG_STRING,
      .offset = offsetof(struct kubeconfig, current),
      .flags = CFG_REQUIRED,
      .help = "name of a context" },
    { .key = "clusters",
      .type = CFG_LIST,
      .offset = offsetof(struct kubeconfig, clusters),
      .fields = named_cluster_fields,
      .elem_size = sizeof(struct kube_cluster),
      .help = "where" },
    { .key = "users",
      .type = CFG_LIST,
      .offset = offsetof(struct kubeconfig, users),
      .fields = named_user_fields,
      .elem_size = sizeof(struct kube_user),
      .help = "who asks" },
    { .key = "contexts",
      .type = CFG_LIST,
      .offset = offsetof(struct kubeconfig, contexts),
      .fields = named_context_fields,
      .elem_size = sizeof(struct kube_context),
      .help = "which belong together" },
    { .type = CFG_END },
};

static bool is_same(const char *a, const char *b) { return a != NULL && b != NULL && strcmp(a, b) == 0; }

static const struct kube_context *find_context(const struct kubeconfig *k) {
    const struct kube_context *list = k->contexts.items;
    for (size_t i = 0; i < k->contexts.len; i++)
        if (is_same(list[i].name, k->current))
            return &list[i];
    return NULL;
}

static const struct kube_cluster *find_cluster(const struct kubeconfig *k, const char *name) {
    const struct kube_cluster *list = k->clusters.items;
    for (size_t i = 0; i < k->clusters.len; i++)
        if (is_same(list[i].name, name))
            return &list[i];
    return NULL;
}

static const struct kube_user *find_user(const struct kubeconfig *k, const char *name) {
    const struct kube_user *list = k->users.items;
    for (size_t i = 0; i < k->users.len; i++)
        if (is_same(list[i].name, name))
            return &list[i];
    return NULL;
}

static enum err_code use_kubeconfig(const struct kubeconfig *k, struct authz_webhook_options *w,
                                    struct err *err) {
    const struct kube_context *context = find_context(k);
    if (context == NULL)
        return err_set(err, ERR_INVALID, "current-context: there is no such context");
    const struct kube_cluster *cluster = find_cluster(k, context->cluster);
    if (cluster == NULL)
        return err_set(err, ERR_INVALID, "contexts: there is no cluster \"%s\"", context->cluster);
    const struct kube_user *user = find_user(k, context->user);
    if (context->user != NULL && context->user[0] != '\0' && user == NULL)
        return err_set(err, ERR_INVALID, "contexts: there is no user \"%s\"", context->user);
    if (cluster->ca_data != NULL || (user != NULL && (user->cert_data != NULL || user->key_data != NULL)))
        return err_set(
            err, ERR_INVALID,
            "inline certificates are not taken: write them to files and use certificate-authority, "
            "client-certificate and client-key");
    if (!str_starts_with(str_of(cluster->server), STR("https://")))
        return err_set(err, ERR_INVALID, "server: must be https");
    w->url = cluster->server;
    w->ca_file = cluster->ca_file;
    w->insecure_skip_verify = cluster->insecure;
    if (user != NULL) {
        w->client_cert_file = user->cert_file;
        w->client_key_file = user->key_file;
        w->token = user->token.len != 0 ? &user->token : NULL;
    }
    return ERR_OK;
}

static enum err_code read_kubeconfig(struct arena *a, const char *path, struct authz_webhook_options *w,
                                     struct err *err) {
    AUTO(cfg_problems_done) struct cfg_problems problems = { 0 };
    const struct cfg_node *root = NULL;
    struct kubeconfig *k = arena_alloc(a, sizeof *k);
    if (k == NULL)
        return err_set(err, ERR_NOMEM, "%s", path);
    enum err_code rc = cfg_problems_init(&problems, err);
    if (rc == ERR_OK)
        rc = cfg_parse_file(a, path, &root, &problems, err);
    if (rc == ERR_OK)
        rc = cfg_decode(a, root, kubeconfig_fields, k, sizeof *k, &problems, err);
    if (rc == ERR_OK)
        rc = use_kubeconfig(k, w, err);
    else if (problems.len != 0)
        rc = err_set(err, rc, "line %d: %s: %s", problems.items[0].line, problems.items[0].path,
                     problems.items[0].text);
    return rc == ERR_OK ? rc : err_context(err, "%s", path);
}

/* ---- tenants ---- */

static const struct str *to_strs(struct arena *a, const struct cfg_strings *list) {
    struct str *items = arena_array(a, list->len + 1, sizeof *items);
    for (size_t i = 0; items != NULL && i < list->len; i++)
        items[i] = str_of(list->items[i]);
    return items;
}

static void add_tenant(struct arena *a, struct authz_tenant *tenants, size_t *len, const char *id,
                       const struct cfg_strings *administrators) {
    tenants[(*len)++] = (struct authz_tenant) {
        .id = str_of(id),
        .administrators = administrators == NULL ? NULL : to_strs(a, administrators),
        .administrator_count = administrators == NULL ? 0 : administrators->len,
    };
}

static void read_tenants(struct arena *a, const struct config *c, struct authz_options *o) {
    const struct config_connector *connectors = c->connectors.items;
    struct authz_tenant *tenants = arena_array(a, c->connectors.len + 3, sizeof *tenants);
    if (tenants == NULL)
        return;
    for (size_t i = 0; i < c->connectors.len; i++)
        add_tenant(a, tenants, &o->tenant_count, connectors[i].id, &connectors[i].administrators);
    if (c->auth.init_tenant_type != NULL)
        add_tenant(a, tenants, &o->tenant_count, c->auth.init_tenant_id, &c->auth.init_idp_administrators);
    if (c->enable_password_db)
        add_tenant(a, tenants, &o->tenant_count, "local", NULL);
    o->tenants = tenants;
}

/* Front proxies have a CA of their own, which must not make callers of the reviews. Without one the listener knows a single CA, and its word is
 * better: it has seen the whole chain. */
static struct authz_access read_access(struct arena *a, const struct config *c) {
    bool has_proxies = c->authentication.requestheader.client_ca_file != NULL;
    bool has_clients = c->authentication.client_ca_file != NULL;
    return (struct authz_access) {
        .open = c->authz.access == CONFIG_AUTHZ_OPEN,
        .names = to_strs(a, &c->authz.allowed_names),
        .name_count = has_proxies && !has_clients ? 0 : c->authz.allowed_names.len,
        .client_ca_file = has_proxies ? c->authentication.client_ca_file : NULL,
        .token_file = c->authz.token_file,
    };
}

enum err_code authz_options_from_config(struct arena *a, const struct config *c, struct authz_options *ret,
                                        struct err *err) {
    struct authz_options o = {
        .files = { .model = c->casbin.model_file,
                   .policy = c->casbin.policy_file,
                   .abac = c->authorization.policy_file },
        .privileged_user = str_of(c->authentication.privileged_username),
        .always_deny = c->authorization.always_deny,
        .authn_legacy_401 = c->authz.token_review_legacy_401,
        .authn_any_audience = c->authz.token_review_any_audience,
        .access = read_access(a, c),
        .webhook = { .v1 = is_same(c->authorization.webhook_version, "v1"),
                     .timeout_ms = c->authorization.webhook_timeout_s * 1000,
                     .authorized_ttl_s = c->authorization.webhook_cache_authorized_ttl_s,
                     .unauthorized_ttl_s = c->authorization.webhook_cache_unauthorized_ttl_s },
        .audit_allowed = (unsigned)c->authz.audit_allowed,
        .audit_denied = (unsigned)c->authz.audit_denied,
        .audit_no_opinion = (unsigned)c->authz.audit_no_opinion,
    };
    read_tenants(a, c, &o);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "options of the authorizer");
    enum err_code rc = ERR_OK;
    if (c->authorization.webhook_config_file != NULL)
        rc = read_kubeconfig(a, c->authorization.webhook_config_file, &o.webhook, err);
    if (rc == ERR_OK)
        *ret = o;
    return rc;
}
