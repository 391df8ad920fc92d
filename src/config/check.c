/* What no single key can tell: pairs, references, the issuer. */
#include "config/node.h"
#include "config/schema.h"

#include <arpa/inet.h>

struct check {
    const struct config *config;
    const struct cfg_node *root;
    struct cfg_problems *problems;
};

static const struct cfg_node *item_of(const struct cfg_node *root, const char *list, size_t index) {
    const struct cfg_node *n = cfg_node_find(root, list);
    n = n && n->kind == CFG_SEQUENCE ? n->first : NULL;
    while (n != NULL && index-- > 0)
        n = n->next;
    return n;
}

/* The value `index` of `key` in `map`, or `key` itself when it is a single value. */
static const struct cfg_node *value_of(const struct cfg_node *map, const char *key, size_t index) {
    const struct cfg_node *n = cfg_node_find(map, key);
    if (n == NULL || n->kind != CFG_SEQUENCE)
        return n;
    return item_of(map, key, index);
}

static bool is_same(const char *a, const char *b) { return a && b && strcmp(a, b) == 0; }

/* ---- issuer ---- */
static void issuer_problem(const struct check *k, const char *text) {
    bool given = k->config->issuer != NULL;
    const struct cfg_node *generic = cfg_node_find(k->root, "generic");
    if (given || generic == NULL)
        cfg_problem_at(k->problems, k->root, given ? "issuer" : "generic.external_hostname", "%s", text);
    else
        cfg_problem_at(k->problems, generic, "external_hostname", "%s", text);
}

static void check_issuer(const struct check *k) {
    struct err err = { 0 };
    struct url url;
    struct arena *a = arena_new(16 * 1024);
    const char *issuer = k->config->issuer;
    if (issuer == NULL && a != NULL)
        issuer = config_issuer(a, k->config);
    if (issuer == NULL)
        issuer_problem(k, "is too long");
    else if (url_parse(str_of(issuer), &url, &err) != ERR_OK || url.host.len == 0)
        issuer_problem(k, "the issuer is not a URL (write it like https://auth.example/oidc)");
    else if (!str_eq(url.scheme, STR("https")) &&
             !(str_eq(url.scheme, STR("http")) && url_host_is_loopback(url.host)))
        issuer_problem(k, "the issuer must be https (http only on 127.0.0.1, [::1] or localhost): "
                          "clients compare it and trust its keys");
    else if (url.has_query || url.has_fragment || url.has_userinfo)
        issuer_problem(k, "the issuer must not have a query, a fragment or user information");
    else if (!str_eq(url.path, STR("/oidc")))
        issuer_problem(
            k, "the issuer's path must be /oidc, without a slash at its end: "
               "the platform's gateway forwards that path and kube-apiserver compares every character");
    arena_free(a);
}

/* ---- listeners ---- */
static bool is_address_range(struct str s) {
    char address[64];
    unsigned char bytes[16];
    struct str ip, bits;
    struct err err = { 0 };
    uint64_t n = 0;
    bool has_bits = str_cut(s, '/', &ip, &bits);
    if (ip.len >= sizeof address)
        return false;
    memcpy(address, ip.ptr, ip.len);
    address[ip.len] = '\0';
    bool v4 = inet_pton(AF_INET, address, bytes) == 1;
    if (!v4 && inet_pton(AF_INET6, address, bytes) != 1)
        return false;
    return !has_bits || parse_u64(bits, 0, v4 ? 32 : 128, &n, &err) == ERR_OK;
}

static bool is_origin(struct str s) {
    struct url url;
    struct err err = { 0 };
    return url_parse(s, &url, &err) == ERR_OK && url.host.len > 0 && url.path.len == 0 && !url.has_query &&
           !url.has_fragment && !url.has_userinfo &&
           (str_eq(url.scheme, STR("https")) || str_eq(url.scheme, STR("http")));
}

static void check_listeners(const struct check *k) {
    const struct config *c = k->config;
    const struct cfg_node *serving = cfg_node_find(k->root, "secure_serving");
    const struct cfg_node *generic = cfg_node_find(k->root, "generic");
    if ((c->secure_serving.tls_cert_file == NULL) != (c->secure_serving.tls_private_key_file == NULL))
        cfg_problem_at(k->problems, serving,
                       c->secure_serving.tls_cert_file ? "tls_private_key_file" : "tls_cert_file",
                       "is missing: certificate and key belong together");
    if (c->secure_serving.http && (c->secure_serving.tls_cert_file || c->secure_serving.client_ca_file ||
                                   c->authentication.requestheader.client_ca_file))
        cfg_warning_at(k->problems, serving, "http", "the TLS files have no effect with plain HTTP");
    for (size_t i = 0; i < c->generic.trusted_proxies.len; i++)
        if (!is_address_range(str_of(c->generic.trusted_proxies.items[i])))
            cfg_problem_at(k->problems, value_of(generic, "trusted_proxies", i), NULL,
                           "not an address or a CIDR (write it like 10.0.0.0/8)");
    for (size_t i = 0; i < c->generic.cors_allowed_origins.len; i++)
        if (!is_origin(str_of(c->generic.cors_allowed_origins.items[i])))
            cfg_problem_at(k->problems, value_of(generic, "cors_allowed_origins", i), NULL,
                           "not an origin (write it like https://app.example, without a path or pattern)");
    struct str http = str_of(c->telemetry.http);
    uint64_t port = 0;
    struct err err = { 0 };
    size_t colon = str_rfind(http, ':');
    if (http.ptr &&
        (colon == http.len || parse_u64(str_from(http, colon + 1), 0, 65535, &port, &err) != ERR_OK))
        cfg_problem_at(k->problems, cfg_node_find(k->root, "telemetry"), "http",
                       "not an address and port (write it like 127.0.0.1:9452)");
}

/* ---- who a request comes from ---- */
/* RFC 9110 5.6.2. */
static bool is_header_name(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && memchr("!#$%&'*+-.^_`|~", s.ptr[i], 15) == NULL)
            return false;
    return s.len > 0;
}

static void check_header_names(const struct check *k, const struct cfg_node *map, const char *key,
                               const struct cfg_strings *names) {
    for (size_t i = 0; i < names->len; i++)
        if (!is_header_name(str_of(names->items[i])))
            cfg_problem_at(k->problems, value_of(map, key, i), NULL,
                           "not the name of a header (write it like X-Remote-User)");
}

static void check_authentication(const struct check *k) {
    const struct config *c = k->config;
    const struct cfg_node *section = cfg_node_find(k->root, "authentication");
    const struct cfg_node *headers = cfg_node_find(section, "requestheader");
    const char *clients = c->authentication.client_ca_file;
    const char *proxies = c->authentication.requestheader.client_ca_file;
    if (clients != NULL && !is_same(clients, c->secure_serving.client_ca_file))
        cfg_problem_at(k->problems, section, "client_ca_file",
                       "means the same as secure_serving.client_ca_file, which names another file");
    check_header_names(k, headers, "username_headers", &c->authentication.requestheader.username_headers);
    check_header_names(k, headers, "group_headers", &c->authentication.requestheader.group_headers);
    check_header_names(k, headers, "extra_headers_prefix",
                       &c->authentication.requestheader.extra_headers_prefix);
    if (proxies != NULL && c->authentication.requestheader.username_headers.len == 0)
        cfg_problem_at(k->problems, headers, "username_headers", "is empty: the front proxy needs one");
    if (proxies != NULL && is_same(clients, proxies) &&
        c->authentication.requestheader.allowed_names.len == 0)
        cfg_warning_at(
            k->problems, headers, "client_ca_file",
            "is also the CA of other clients, so each of them can claim to be anybody: name the front "
            "proxy in allowed_names, or give it a CA of its own");
}

/* ---- tenants ---- */
static bool has_tenant(const struct config *c, const char *id) {
    const struct config_connector *list = c->connectors.items;
    for (size_t i = 0; i < c->connectors.len; i++)
        if (is_same(list[i].id, id))
            return true;
    return (c->enable_password_db && is_same(id, "local")) ||
           (c->auth.init_tenant_type && is_same(id, c->auth.init_tenant_id));
}

static bool has_local_tenant(const struct config *c) {
    const struct config_connector *list = c->connectors.items;
    for (size_t i = 0; i < c->connectors.len; i++)
        if (is_same(list[i].type, "local") || is_same(list[i].type, "tke"))
            return true;
    return c->enable_password_db || is_same(c->auth.init_tenant_type, "tke");
}

/* An id stands in URLs, cookies and every sub. */
static bool is_tenant_id(const char *id) {
    struct str s = str_of(id);
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && memchr("._-", s.ptr[i], 3) == NULL)
            return false;
    return s.len > 0 && s.len <= 63;
}

static void check_tenants(const struct check *k) {
    const struct config *c = k->config;
    const struct config_connector *list = c->connectors.items;
    for (size_t i = 0; i < c->connectors.len; i++) {
        const struct cfg_node *n = item_of(k->root, "connectors", i);
        if (list[i].id != NULL && !is_tenant_id(list[i].id))
            cfg_problem_at(k->problems, n, "id", "up to 63 letters, digits, '.', '_' and '-'");
        for (size_t j = 0; j < i; j++)
            if (is_same(list[i].id, list[j].id))
                cfg_problem_at(k->problems, n, "id", "is taken by connectors[%zu]", j);
        if (c->enable_password_db && is_same(list[i].id, "local"))
            cfg_problem_at(k->problems, n, "id", "is the one of enablePasswordDB");
        if (c->auth.init_tenant_type != NULL && is_same(list[i].id, c->auth.init_tenant_id))
            cfg_problem_at(k->problems, n, "id", "is the one of auth.init_tenant_id");
        if (list[i].password_grant && c->oauth2.password_connector &&
            !is_same(list[i].id, c->oauth2.password_connector))
            cfg_problem_at(k->problems, n, "passwordGrant",
                           "one tenant has the password grant, and it is \"%s\"",
                           c->oauth2.password_connector);
    }
    const struct cfg_node *auth = cfg_node_find(k->root, "auth"), *oauth2 = cfg_node_find(k->root, "oauth2");
    if (c->oauth2.password_connector != NULL && !has_tenant(c, c->oauth2.password_connector)) {
        bool tke = cfg_node_is_absent(cfg_node_find(oauth2, "passwordConnector"));
        cfg_problem_at(k->problems, tke ? auth : oauth2, tke ? "password_grant_conn_id" : "passwordConnector",
                       "there is no connector of that id");
    }
    if (is_same(c->auth.init_tenant_type, "ldap") && c->auth.ldap_config_file == NULL)
        cfg_problem_at(k->problems, auth, "ldap_config_file", "is missing: init_tenant_type is ldap");
    if (c->auth.init_tenant_type != NULL && !is_tenant_id(c->auth.init_tenant_id))
        cfg_problem_at(k->problems, auth, "init_tenant_id", "up to 63 letters, digits, '.', '_' and '-'");
}

/* ---- clients ---- */
static void check_uris(const struct check *k, const struct cfg_node *n, const char *key,
                       const struct cfg_strings *uris, bool is_public) {
    for (size_t i = 0; i < uris->len; i++) {
        struct err err = { 0 };
        struct str uri = str_of(uris->items[i]);
        if (url_check_redirect(uri, !is_public, &err) != ERR_OK)
            cfg_problem_at(k->problems, value_of(n, key, i), NULL, "%s", err.detail);
        else if (url_check_redirect(uri, false, &err) != ERR_OK)
            cfg_warning_at(k->problems, value_of(n, key, i), NULL,
                           "plain http: whoever is on the way can read what is sent there; use https");
    }
}

static bool is_client_id(const char *id) {
    struct str s = str_of(id);
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f || s.ptr[i] == '"' || s.ptr[i] == '\\')
            return false;
    return s.len > 0 && s.len <= 128;
}

static void check_client(const struct check *k, const struct config_static_client *client,
                         const struct cfg_node *n) {
    const struct config *c = k->config;
    if (client->id != NULL && !is_client_id(client->id))
        cfg_problem_at(k->problems, n, "id", "up to 128 printable characters without blanks and quotes");
    if (!client->is_public && client->secret.ptr == NULL)
        cfg_problem_at(k->problems, n, "secret", "is missing (or secretFile, or secretEnv, or public: true)");
    bool by_code = client->grant_types.len == 0;
    for (size_t i = 0; i < client->grant_types.len; i++)
        by_code = by_code || is_same(client->grant_types.items[i], "authorization_code");
    if (by_code && !client->is_public && client->redirect_uris.len == 0)
        cfg_problem_at(k->problems, n, "redirectURIs", "is missing");
    check_uris(k, n, "redirectURIs", &client->redirect_uris, client->is_public);
    check_uris(k, n, "postLogoutRedirectURIs", &client->post_logout_redirect_uris, client->is_public);
    for (size_t i = 0; i < client->allowed_connectors.len; i++)
        if (!has_tenant(c, client->allowed_connectors.items[i]))
            cfg_warning_at(k->problems, value_of(n, "allowedConnectors", i), NULL,
                           "there is no connector of that id");
}

static void check_clients(const struct check *k) {
    const struct config *c = k->config;
    const struct config_static_client *list = c->static_clients.items;
    const struct cfg_node *auth = cfg_node_find(k->root, "auth");
    bool init_client = c->auth.init_client_redirect_uris.len > 0 || cfg_node_find(auth, "init_client_id");
    for (size_t i = 0; i < c->static_clients.len; i++) {
        const struct cfg_node *n = item_of(k->root, "staticClients", i);
        check_client(k, &list[i], n);
        for (size_t j = 0; j < i; j++)
            if (is_same(list[i].id, list[j].id))
                cfg_problem_at(k->problems, n, "id", "is taken by staticClients[%zu]", j);
        if (c->auth.init_client_secret.ptr != NULL && is_same(list[i].id, c->auth.init_client_id))
            cfg_problem_at(k->problems, n, "id", "is the one of auth.init_client_id");
    }
    if (init_client && c->auth.init_client_secret.ptr == NULL)
        cfg_problem_at(k->problems, auth, "init_client_secret",
                       "is missing (or init_client_secret_file, or init_client_secret_env)");
    if (c->auth.init_client_secret.ptr != NULL && c->auth.init_client_redirect_uris.len == 0)
        cfg_problem_at(k->problems, auth, "init_client_redirect_uris", "is missing");
    check_uris(k, auth, "init_client_redirect_uris", &c->auth.init_client_redirect_uris, false);
}

/* ---- users ---- */
/* Only the shape: whether crypto can verify it is for crypto to say. "JDJ" is how base64 of "$2" begins. */
static bool looks_like_hash(struct str s) {
    static const struct str prefixes[] = {
        { "$2a$", 4 }, { "$2b$", 4 }, { "$2y$", 4 }, { "JDJ", 3 }, { "$argon2id$", 10 }
    };
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
        if (str_starts_with(s, prefixes[i]))
            return s.len >= 50;
    return false;
}

static void check_users(const struct check *k) {
    const struct config *c = k->config;
    const struct config_static_password *list = c->static_passwords.items;
    for (size_t i = 0; i < c->static_passwords.len; i++) {
        const struct cfg_node *n = item_of(k->root, "staticPasswords", i);
        if (list[i].hash.ptr != NULL && !looks_like_hash(secret_expose(&list[i].hash)))
            cfg_problem_at(k->problems, n, "hash",
                           "not a password hash; make one with: tke-auth hash-password");
        if (list[i].email != NULL && str_find(str_of(list[i].email), '@') == strlen(list[i].email))
            cfg_problem_at(k->problems, n, "email", "not an e-mail address");
        for (size_t j = 0; j < i; j++) {
            if (list[i].email && str_eq_nocase(str_of(list[i].email), str_of(list[j].email)))
                cfg_problem_at(k->problems, n, "email", "is taken by staticPasswords[%zu]", j);
            if (is_same(list[i].username, list[j].username))
                cfg_problem_at(k->problems, n, "username", "is taken by staticPasswords[%zu]", j);
            if (is_same(list[i].user_id, list[j].user_id))
                cfg_problem_at(k->problems, n, "userID", "is taken by staticPasswords[%zu]", j);
        }
    }
    if (c->static_passwords.len > 0 && !has_local_tenant(c))
        cfg_problem_at(k->problems, k->root, "staticPasswords",
                       "there is no local tenant for them; set enablePasswordDB: true");
}

void config_check(const struct config *c, const struct cfg_node *root, struct cfg_problems *problems) {
    const struct check k = { c, root, problems };
    check_issuer(&k);
    check_listeners(&k);
    check_authentication(&k);
    check_tenants(&k);
    check_clients(&k);
    check_users(&k);
    if (c->expiry.refresh_reuse_interval_s > 0 && c->expiry.refresh_absolute_lifetime_s > 0 &&
        c->expiry.refresh_valid_if_not_used_for_s > c->expiry.refresh_absolute_lifetime_s)
        cfg_warning_at(problems, cfg_node_find(cfg_node_find(root, "expiry"), "refreshTokens"),
                       "validIfNotUsedFor", "is longer than absoluteLifetime, which ends it before");
}
