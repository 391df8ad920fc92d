#include "unit/test.h"

#include "tkeauth/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
    char dir[64], path[128];
    struct arena *arena;
    struct cfg_problems problems;
    const struct config *config;
    struct strbuf report;
};

static void reset(struct fixture *f) {
    struct err err = { 0 };
    arena_free(f->arena);
    cfg_problems_done(&f->problems);
    strbuf_clear(&f->report);
    f->arena = arena_new(16 * 1024 * 1024);
    f->config = NULL;
    assert_non_null(f->arena);
    assert_ok(cfg_problems_init(&f->problems, &err));
}

static int setup(void **state) {
    static struct fixture f;
    f = (struct fixture) { .dir = "/tmp/tke-auth-config-XXXXXX", .report = STRBUF(1 << 20) };
    if (mkdtemp(f.dir) == NULL)
        return -1;
    (void)snprintf(f.path, sizeof f.path, "%s/c.yaml", f.dir);
    reset(&f);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    char command[128];
    arena_free(f->arena);
    cfg_problems_done(&f->problems);
    strbuf_done(&f->report);
    (void)unlink(f->path);
    (void)snprintf(command, sizeof command, "%s/ldap.json", f->dir);
    (void)unlink(command);
    return rmdir(f->dir);
}

static void put(const char *path, struct str text) {
    struct err err = { 0 };
    assert_ok(file_write_atomic(path, text, 0600, &err));
}

static enum err_code load(struct fixture *f, const char *text) {
    struct err err = { 0 };
    reset(f);
    put(f->path, str_of(text));
    enum err_code rc = config_load(f->arena, f->path, &f->config, &f->problems, &err);
    cfg_problems_print(&f->problems, &f->report);
    return rc;
}

static void assert_reported(struct fixture *f, const char *want) {
    if (!str_contains(strbuf_str(&f->report), str_of(want)))
        fail_msg("wanted \"%s\" in:\n%s", want, strbuf_c(&f->report));
}

/* The items, with "|" between them. */
static void assert_list(const struct cfg_strings *list, const char *want) {
    struct strbuf text = STRBUF(4096);
    for (size_t i = 0; i < list->len; i++)
        strbuf_addf(&text, "%s%s", i != 0 ? "|" : "", list->items[i]);
    assert_string_equal(strbuf_c(&text), want);
    strbuf_done(&text);
}

/* A correct bcrypt hash by its shape; of nothing. */
#define HASH "$2a$10$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ISSUER "issuer: https://auth.example/oidc\n"

static void an_almost_empty_file_gives_sensible_defaults(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, ISSUER), ERR_OK);
    const struct config *c = f->config;
    assert_string_equal(c->secure_serving.bind_address, "0.0.0.0");
    assert_int_equal(c->secure_serving.port, 9451);
    assert_string_equal(c->secure_serving.tls_min_version, "1.2");
    assert_string_equal(c->secure_serving.cert_dir, "/var/lib/tke-auth/tls");
    assert_string_equal(c->storage.type, "sqlite3");
    assert_string_equal(c->storage.file, "/var/lib/tke-auth/tke-auth.db");
    assert_string_equal(c->storage.key_file, "/var/lib/tke-auth/kek");
    assert_int_equal(c->expiry.id_tokens_s, 3600);
    assert_int_equal(c->expiry.access_tokens_s, 3600);
    assert_int_equal(c->expiry.codes_s, 60);
    assert_int_equal(c->expiry.auth_requests_s, 900);
    assert_int_equal(c->expiry.signing_keys_s, 86400);
    assert_int_equal(c->expiry.jwks_max_age_s, 600);
    assert_int_equal(c->expiry.refresh_reuse_interval_s, 30);
    assert_int_equal(c->expiry.refresh_absolute_lifetime_s, 720 * 3600);
    assert_int_equal(c->expiry.refresh_valid_if_not_used_for_s, 168 * 3600);
    assert_null(c->auth.init_tenant_type);
    assert_null(c->oauth2.password_connector);
    assert_false(c->enable_password_db);
    assert_null(c->authentication.client_ca_file);
    assert_null(c->authentication.token_auth_file);
    assert_null(c->authentication.requestheader.client_ca_file);
    assert_false(c->authentication.api_keys_keep_on_password_change);
    assert_list(&c->authentication.privileged_groups, "system:masters");
    assert_list(&c->authentication.requestheader.username_headers, "X-Remote-User");
    assert_list(&c->authentication.requestheader.group_headers, "X-Remote-Group");
    assert_list(&c->authentication.requestheader.extra_headers_prefix, "X-Remote-Extra-");
    assert_list(&c->authentication.requestheader.allowed_names, "");
    assert_int_equal(f->problems.warnings, 0);
}

static void a_dex_file_is_read(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        load(f,
             "issuer: https://auth.example/oidc\n"
             "storage: {type: sqlite3, config: {file: /data/dex.db}}\n"
             "web: {https: 0.0.0.0:5556, tlsCert: /c, tlsKey: /k}\n"
             "telemetry: {http: 0.0.0.0:5558}\n"
             "frontend: {theme: dark, logoURL: https://x/logo.png}\n"
             "oauth2: {responseTypes: [code], skipApprovalScreen: true, passwordConnector: local}\n"
             "expiry: {idTokens: 24h, signingKeys: 6h, deviceRequests: 5m,\n"
             "         refreshTokens: {disableRotation: false, reuseInterval: 3s, validIfNotUsedFor: 2160h, "
             "absoluteLifetime: 3960h}}\n"
             "logger: {level: debug}\n"
             "enablePasswordDB: true\n"
             "staticClients:\n"
             "- id: example-app\n"
             "  redirectURIs: ['http://127.0.0.1:5555/callback']\n"
             "  name: 'Example App'\n"
             "  secret: ZXhhbXBsZS1hcHAtc2VjcmV0\n"
             "- {id: cli, name: CLI, public: true, redirectURIs: ['http://localhost:8000']}\n"
             "staticPasswords:\n"
             "- email: admin@example.com\n"
             "  hash: '" HASH "'\n"
             "  username: admin\n"
             "  userID: 08a8684b-db88-4b73-90a9-3cd1661f5466\n"
             "connectors:\n"
             "- {type: ldap, id: corp, name: Corp, config: {host: x, bindPW: $ecret}}\n"),
        ERR_OK);
    const struct config *c = f->config;
    const struct config_static_client *clients = c->static_clients.items;
    const struct config_static_password *users = c->static_passwords.items;
    const struct config_connector *connectors = c->connectors.items;
    assert_string_equal(c->storage.file, "/data/dex.db");
    assert_string_equal(c->storage.key_file, "/data/kek");
    assert_int_equal(c->expiry.id_tokens_s, 86400);
    assert_int_equal(c->static_clients.len, 2);
    assert_str(secret_expose(&clients[0].secret), "ZXhhbXBsZS1hcHAtc2VjcmV0");
    assert_true(clients[1].is_public);
    assert_string_equal(users[0].user_id, "08a8684b-db88-4b73-90a9-3cd1661f5466");
    assert_true(users[0].email_verified);
    assert_string_equal(connectors[0].type, "ldap");
    assert_non_null(cfg_node_find(connectors[0].config, "bindPW"));
    assert_string_equal(c->oauth2.password_connector, "local");
    assert_reported(f, "c.yaml:3: warning: web.tlsCert: has no effect: see secure_serving.tls_cert_file\n");
    assert_reported(f, "warning: oauth2.skipApprovalScreen: has no effect: consent is not asked for\n");
    assert_reported(f, "warning: logger: has no effect: see log\n");
}

static void the_keys_of_tkestack_are_read(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, "secure_serving: {port: 9451, tls_cert_file: /app/certs/server.crt,\n"
                             "  tls_private_key_file: /app/certs/server.key, tls_min_version: VersionTLS13}\n"
                             "generic: {external_hostname: tke-auth-api, external_port: 443}\n"
                             "log: {level: warn, format: console, output_paths: [stdout]}\n"
                             "etcd: {servers: ['https://etcd:2379'], prefix: /tke/auth-api}\n"
                             "authentication: {privileged_username: admin}\n"
                             "auth:\n"
                             "  assets_path: /app/web/auth\n"
                             "  id_token_timeout: 24h\n"
                             "  init_tenant_id: default\n"
                             "  init_idp_administrators: [admin]\n"
                             "  init_client_id: default\n"
                             "  init_client_secret: s3cret\n"
                             "  init_client_redirect_uris: ['http://console.tke.com/callback', "
                             "'https://console.tke.com/callback']\n"
                             "console_config: {title: TKEStack}\n"),
                     ERR_OK);
    const struct config *c = f->config;
    assert_string_equal(config_issuer(f->arena, c), "https://tke-auth-api/oidc");
    assert_string_equal(c->secure_serving.tls_min_version, "1.3");
    assert_int_equal(c->log.format, 0);
    assert_int_equal(c->log.level, 2);
    assert_int_equal(c->expiry.id_tokens_s, 86400);
    assert_string_equal(c->auth.init_tenant_type, "tke");
    assert_string_equal(c->auth.init_client_id, "default");
    assert_str(secret_expose(&c->auth.init_client_secret), "s3cret");
    assert_reported(f, "warning: etcd: has no effect: see storage\n");
    assert_reported(f, "warning: auth.init_client_redirect_uris[0]: plain http");
}

/* As tke-auth-api.toml has them, in YAML: one text where there may be several names. */
static void the_authenticators_of_tkestack_are_read_and_their_files_watched(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, ISSUER "authentication:\n"
                                    "  privileged_username: admin\n"
                                    "  client_ca_file: /app/certs/ca.crt\n"
                                    "  token_auth_file: /app/certs/token.csv\n"
                                    "  requestheader:\n"
                                    "    username_headers: X-Remote-User,X-Forwarded-User\n"
                                    "    group_headers: 'X-Remote-Group , X-Group,'\n"
                                    "    extra_headers_prefix: X-Remote-Extra-\n"
                                    "    client_ca_file: /app/certs/front-proxy-ca.crt\n"
                                    "    allowed_names: \"front-proxy-client, admin\"\n"),
                     ERR_OK);
    const struct config *c = f->config;
    assert_string_equal(c->authentication.client_ca_file, "/app/certs/ca.crt");
    assert_string_equal(c->secure_serving.client_ca_file, "/app/certs/ca.crt");
    assert_string_equal(c->authentication.token_auth_file, "/app/certs/token.csv");
    assert_string_equal(c->authentication.requestheader.client_ca_file, "/app/certs/front-proxy-ca.crt");
    assert_list(&c->authentication.requestheader.username_headers, "X-Remote-User|X-Forwarded-User");
    assert_list(&c->authentication.requestheader.group_headers, "X-Remote-Group|X-Group");
    assert_list(&c->authentication.requestheader.extra_headers_prefix, "X-Remote-Extra-");
    assert_list(&c->authentication.requestheader.allowed_names, "front-proxy-client|admin");
    assert_list(&c->files, "/app/certs/ca.crt|/app/certs/token.csv|/app/certs/front-proxy-ca.crt");
    assert_int_equal(f->problems.warnings, 0);
}

static void a_list_is_taken_as_it_stands(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, ISSUER "authentication:\n"
                                    "  privileged_groups: ['system:masters', administrator]\n"
                                    "  api_keys: {keep_on_password_change: true}\n"
                                    "  requestheader:\n"
                                    "    username_headers: [X-A, X-B]\n"
                                    "    allowed_names: ['Doe, Jane', proxy]\n"),
                     ERR_OK);
    const struct config *c = f->config;
    assert_list(&c->authentication.privileged_groups, "system:masters|administrator");
    assert_true(c->authentication.api_keys_keep_on_password_change);
    assert_list(&c->authentication.requestheader.username_headers, "X-A|X-B");
    assert_list(&c->authentication.requestheader.allowed_names, "Doe, Jane|proxy");
    assert_int_equal(load(f, ISSUER "authentication:\n"
                                    "  privileged_groups: []\n"
                                    "  requestheader: {allowed_names: ['Doe, Jane']}\n"),
                     ERR_OK);
    assert_list(&f->config->authentication.requestheader.allowed_names, "Doe, Jane");
    assert_list(&f->config->authentication.privileged_groups, "");
}

static void the_client_ca_has_two_names_and_one_meaning(void **state) {
    static const char *const same[] = {
        "secure_serving: {client_ca_file: /ca}\n",
        "authentication: {client_ca_file: /ca}\n",
        "secure_serving: {client_ca_file: /ca}\nauthentication: {client_ca_file: /ca}\n",
    };
    struct fixture *f = *state;
    char yaml[1024];
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        (void)snprintf(yaml, sizeof yaml, ISSUER "%s", same[i]);
        assert_int_equal(load(f, yaml), ERR_OK);
        assert_string_equal(f->config->secure_serving.client_ca_file, "/ca");
        assert_string_equal(f->config->authentication.client_ca_file, "/ca");
        assert_int_equal(f->problems.warnings, 0);
    }
    assert_int_equal(load(f, ISSUER "secure_serving: {client_ca_file: /ca}\n"
                                    "authentication:\n  client_ca_file: /other\n"),
                     ERR_INVALID);
    assert_reported(f, "c.yaml:4: authentication.client_ca_file: means the same as "
                       "secure_serving.client_ca_file, which names another file\n");
}

static void what_makes_no_sense_about_callers_is_told(void **state) {
    static const struct {
        const char *yaml, *want;
    } cases[] = {
        { "authentication: {api_audiences: [a]}", "authentication.api_audiences: has no effect: " },
        { "authentication: {oidc: {issuer_url: 'https://x', client_id: y}}",
          "authentication.oidc: has no effect: " },
        { "authentication: {webhook: {config_file: /x}}", "authentication.webhook: has no effect: " },
        { "authentication: {client_ca_file: /ca, requestheader: {client_ca_file: /ca}}",
          "authentication.requestheader.client_ca_file: is also the CA of other clients" },
        { "secure_serving: {http: true}\nauthentication: {requestheader: {client_ca_file: /ca}}",
          "secure_serving.http: the TLS files have no effect" },
    };
    struct fixture *f = *state;
    char yaml[1024];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)snprintf(yaml, sizeof yaml, ISSUER "%s\n", cases[i].yaml);
        assert_int_equal(load(f, yaml), ERR_OK);
        assert_int_equal(f->problems.warnings, 1);
        assert_reported(f, cases[i].want);
    }
    assert_int_equal(load(f, ISSUER "authentication: {client_ca_file: /ca, "
                                    "requestheader: {client_ca_file: /ca, allowed_names: proxy}}\n"),
                     ERR_OK);
    assert_int_equal(f->problems.warnings, 0);
}

static void the_issuer_is_checked(void **state) {
    static const struct {
        const char *yaml, *want; /* NULL: fine */
    } cases[] = {
        { "issuer: https://auth.example/oidc", NULL },
        { "issuer: http://127.0.0.1:8080/oidc", NULL },
        { "issuer: http://localhost/oidc", NULL },
        { "issuer: http://auth.example/oidc", "issuer: the issuer must be https" },
        { "issuer: https://auth.example/dex", "issuer: the issuer's path must be /oidc" },
        { "issuer: https://auth.example/oidc/", "issuer: the issuer's path must be /oidc" },
        { "issuer: https://auth.example", "issuer: the issuer's path must be /oidc" },
        { "issuer: https://auth.example/oidc?x", "issuer: the issuer must not have a query" },
        { "issuer: https://auth.example/oidc#x", "issuer: the issuer must not have a query" },
        { "issuer: https://u@auth.example/oidc", "issuer: the issuer must not have a query" },
        { "issuer: auth.example/oidc", "issuer: the issuer is not a URL" },
        { "generic: {external_hostname: a b}", "generic.external_hostname: the issuer is not a URL" },
        { "generic: {external_scheme: http, external_hostname: a.example}", "the issuer must be https" },
        { "secure_serving: {port: 0}", NULL },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum err_code rc = load(f, cases[i].yaml);
        if ((rc == ERR_OK) != (cases[i].want == NULL))
            fail_msg("%s: %s", cases[i].yaml, strbuf_c(&f->report));
        if (cases[i].want != NULL)
            assert_reported(f, cases[i].want);
    }
    assert_int_equal(load(f, "generic: {external_hostname: a.example}"), ERR_OK);
    assert_string_equal(config_issuer(f->arena, f->config), "https://a.example:9451/oidc");
}

static void keys_that_contradict_each_other_are_told(void **state) {
    static const struct {
        const char *yaml, *want;
    } cases[] = {
        { "secure_serving: {tls_cert_file: /c}", "secure_serving.tls_private_key_file: is missing" },
        { "secure_serving: {tls_private_key_file: /c}", "secure_serving.tls_cert_file: is missing" },
        { "generic: {trusted_proxies: [10.0.0.0/8, x]}", "generic.trusted_proxies[1]: not an address" },
        { "generic: {trusted_proxies: 10.0.0.0/33}", "generic.trusted_proxies: not an address" },
        { "generic: {cors_allowed_origins: ['https://a.example', '.*']}",
          "cors_allowed_origins[1]: not an origin" },
        { "telemetry: {http: '9452'}", "telemetry.http: not an address and port" },
        { "storage: {type: postgres}", "storage.type: write one of: sqlite3, sqlite, memory" },
        { "connectors: [{type: ldap, id: a}, {type: ldap, id: a}]",
          "connectors[1].id: is taken by connectors[0]" },
        { "connectors: [{type: ldap, id: a/b}]", "connectors[0].id: up to 63 letters" },
        { "connectors: [{id: a}]", "connectors[0].type: is missing" },
        { "enablePasswordDB: true\nconnectors: [{type: ldap, id: local}]",
          "connectors[0].id: is the one of enablePasswordDB" },
        { "auth: {init_tenant_id: a}\nconnectors: [{type: ldap, id: a}]",
          "connectors[0].id: is the one of auth.init_tenant_id" },
        { "oauth2: {passwordConnector: x}", "oauth2.passwordConnector: there is no connector of that id" },
        { "auth: {password_grant_conn_id: x}", "auth.password_grant_conn_id: there is no connector" },
        { "connectors: [{type: l, id: a, passwordGrant: true}, {type: l, id: b, passwordGrant: true}]",
          "connectors[1].passwordGrant: one tenant has the password grant, and it is \"a\"" },
        { "auth: {init_tenant_type: ldap}", "auth.ldap_config_file: is missing" },
        { "auth: {init_tenant_type: ldap, ldap_config_file: /nonexistent/l.json}",
          "auth.ldap_config_file: /nonexistent/l.json: No such file" },
        { "auth: {init_tenant_type: cloudindustry}", "auth.init_tenant_type: write one of: tke, ldap" },
        { "auth: {init_client_id: a}", "auth.init_client_secret: is missing" },
        { "auth: {init_client_secret: a}", "auth.init_client_redirect_uris: is missing" },
        { "staticClients: [{id: a, redirectURIs: x, secret: s}]", "staticClients[0].redirectURIs: " },
        { "staticClients: [{id: a, redirectURIs: ['https://x/', 'https://x/#f'], secret: s}]",
          "staticClients[0].redirectURIs[1]: a redirect URI must not have a fragment" },
        { "staticClients: [{id: a, public: true, redirectURIs: ['http://x/']}]", "must use https" },
        { "staticClients: [{id: a, redirectURIs: ['https://x/']}]", "staticClients[0].secret: is missing" },
        { "staticClients: [{id: a, secret: s}]", "staticClients[0].redirectURIs: is missing" },
        { "staticClients: [{id: a b, secret: s, grantTypes: [password]}]", "staticClients[0].id: up to 128" },
        { "staticClients: [{id: a, secret: s, grantTypes: [implicit]}]",
          "staticClients[0].grantTypes[0]: write one of: authorization_code, refresh_token, password" },
        { "staticClients: [{id: a, public: true}, {id: a, public: true}]",
          "staticClients[1].id: is taken by" },
        { "staticClients: [{id: default, public: true}]\nauth: {init_client_secret: s, "
          "init_client_redirect_uris: "
          "'https://x/'}",
          "staticClients[0].id: is the one of auth.init_client_id" },
        { "staticPasswords: [{email: a@b.c, hash: '" HASH "'}]",
          "staticPasswords: there is no local tenant" },
        { "enablePasswordDB: true\nstaticPasswords: [{email: a@b.c, hash: secret}]",
          "staticPasswords[0].hash: not a password hash" },
        { "enablePasswordDB: true\nstaticPasswords: [{email: ab, hash: '" HASH "'}]",
          "staticPasswords[0].email: not an e-mail address" },
        { "enablePasswordDB: true\nstaticPasswords: [{email: a@b.c, hash: '" HASH
          "'}, {email: A@b.c, hash: '" HASH "'}]",
          "staticPasswords[1].email: is taken by staticPasswords[0]" },
        { "expiry: {codes: 30m}", "expiry.codes: not within 5s and 60s" },
        { "authentication: {requestheader: {username_headers: 'X Remote'}}",
          "authentication.requestheader.username_headers: not the name of a header" },
        { "authentication: {requestheader: {group_headers: [X-Remote-Group, 'X:']}}",
          "authentication.requestheader.group_headers[1]: not the name of a header" },
        { "authentication: {requestheader: {extra_headers_prefix: [\"\\u00e9\"]}}",
          "authentication.requestheader.extra_headers_prefix[0]: not the name of a header" },
        { "authentication: {requestheader: {client_ca_file: /ca, username_headers: []}}",
          "authentication.requestheader.username_headers: is empty" },
        { "authentication: {requestheader: {username_header: X}}", "did you mean \"username_headers\"?" },
        { "redirectURI: x", "unknown key" },
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char yaml[1024];
        (void)snprintf(yaml, sizeof yaml, "%s%s\n", ISSUER, cases[i].yaml);
        if (load(f, yaml) != ERR_INVALID)
            fail_msg("taken: %s", yaml);
        assert_reported(f, cases[i].want);
        assert_false(str_contains(strbuf_str(&f->report), STR(": :")));
    }
}

static void problems_of_keys_and_of_their_sum_come_together(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, "issuer: https://a.example/dex\nexpiry: {codes: x}\nstaticClients: [{id: a}]\n"),
                     ERR_INVALID);
    assert_reported(f, "issuer: the issuer's path");
    assert_reported(f, "expiry.codes: not a duration");
    assert_reported(f, "staticClients[0].secret: is missing");
}

static void clients_inherit_the_providers_algorithm(void **state) {
    struct fixture *f = *state;
    assert_int_equal(load(f, ISSUER "oauth2: {idTokenAlg: ES256}\nstaticClients:\n"
                                    "- {id: a, public: true}\n- {id: b, public: true, idTokenAlg: EdDSA}\n"),
                     ERR_OK);
    const struct config_static_client *c = f->config->static_clients.items;
    assert_int_equal(c[0].id_token_alg, 1);
    assert_int_equal(c[1].id_token_alg, 2);
    assert_string_equal(c[0].name, "a");
}

static void one_connector_may_have_the_password_grant(void **state) {
    struct fixture *f = *state;
    assert_int_equal(
        load(f, ISSUER "connectors:\n- {type: ldap, id: a}\n- {type: ldap, id: b, passwordGrant: true}\n"),
        ERR_OK);
    assert_string_equal(f->config->oauth2.password_connector, "b");
    assert_int_equal(load(f, ISSUER "oauth2: {passwordConnector: a}\nconnectors:\n- {type: ldap, id: a}\n"),
                     ERR_OK);
    assert_true(((const struct config_connector *)f->config->connectors.items)->password_grant);
}

static void ldap_json_with_tabs_is_read_and_watched(void **state) {
    struct fixture *f = *state;
    char path[128], yaml[512];
    (void)snprintf(path, sizeof path, "%s/ldap.json", f->dir);
    put(path, STR("{\n\t\"host\": \"openldap.default:389\",\n\t\"rootCA\": \"/ca.pem\",\n\t\"bindPW\": "
                  "\"admin\"\n}\n"));
    (void)snprintf(yaml, sizeof yaml,
                   ISSUER "auth: {init_tenant_type: ldap, ldap_config_file: %s}\n"
                          "log: {audit_file: /a}\nsecure_serving: {client_ca_file: /b}\n"
                          "casbin: {model_file: /c, policy_file: /d}\n", /* authz follows these by itself */
                   path);
    assert_int_equal(load(f, yaml), ERR_OK);
    const struct cfg_strings *files = &f->config->files;
    assert_int_equal(files->len, 3);
    assert_string_equal(files->items[0], path);
    assert_string_equal(files->items[1], "/b");
    assert_string_equal(files->items[2], "/ca.pem");
    put(path, STR("{\n\t\"host\": \"openldap.default:389\",\n"));
    assert_int_equal(load(f, yaml), ERR_INVALID);
    assert_reported(f, "ldap.json:3: not YAML");
}

/* ---- printing ---- */
static const char everything[] = ISSUER
    "stateDir: /s\n"
    "secure_serving: {bind_address: '::1', port: 0, tls_cert_file: /c, tls_private_key_file: /k, http: "
    "false}\n"
    "generic: {cors_allowed_origins: ['https://a.example'], trusted_proxies: [10.0.0.0/8, '::1']}\n"
    "log: {level: debug, format: json, audit_file: \"/a b\"}\n"
    "auth: {init_client_secret: hunter2, init_client_redirect_uris: ['https://x/']}\n"
    "oauth2: {passwordConnector: corp, idTokenAlg: EdDSA}\n"
    "expiry: {idTokens: 90s, accessTokens: 7m}\n"
    "enablePasswordDB: true\n"
    "staticPasswords: [{email: a@b.c, hash: '" HASH "', groups: [x, 'y: z']}]\n"
    "staticClients:\n"
    "- {id: a, secret: hunter2, name: \"a \\\"quoted\\\" \\u00e9 name\", redirectURIs: ['https://x/', "
    "'https://y/']}\n"
    "- {id: b, public: true, idTokenTTL: 1h}\n"
    "connectors:\n"
    "- {type: ldap, id: corp, administrators: [ann], config: {host: 'x:389', bindPW: hunter2, n: -5, on: "
    "true,\n"
    "   list: [1, 'two, three', {password: [hunter2]}], none: null}}\n";

static void printing_shows_no_secret_and_reads_back_the_same(void **state) {
    struct fixture *f = *state;
    struct strbuf first = STRBUF(1 << 20), second = STRBUF(1 << 20);
    assert_int_equal(load(f, everything), ERR_OK);
    cfg_print(config_fields, f->config, 0, &first);
    assert_null(strstr(strbuf_c(&first), "hunter2"));
    assert_null(strstr(strbuf_c(&first), HASH));
    assert_non_null(strstr(strbuf_c(&first), "idTokens: 90s\n"));
    assert_non_null(strstr(strbuf_c(&first), "\"bindPW\": \"***\""));

    struct err err = { 0 };
    const struct cfg_node *root = NULL;
    struct config again;
    assert_ok(cfg_parse(f->arena, strbuf_str(&first), "printed", &root, &f->problems, &err));
    assert_ok(cfg_decode(f->arena, root, config_fields, &again, sizeof again, &f->problems, &err));
    cfg_print(config_fields, &again, 0, &second);
    assert_string_equal(strbuf_c(&first), strbuf_c(&second));
    const struct config_connector *c = again.connectors.items;
    assert_non_null(cfg_node_find(c->config, "list"));
    assert_string_equal(again.log.audit_file, "/a b");
    strbuf_done(&first);
    strbuf_done(&second);
}

static void a_reload_tells_what_waits_for_the_next_start(void **state) {
    struct fixture *f = *state;
    struct fixture other = { .report = STRBUF(1 << 20) };
    memcpy(other.dir, f->dir, sizeof f->dir);
    memcpy(other.path, f->path, sizeof f->path);
    assert_int_equal(load(f, ISSUER "log: {level: info}\n"), ERR_OK);
    assert_int_equal(load(&other, ISSUER
                          "log: {level: debug}\nsecure_serving: {port: 1}\nlimits: {work: {queue: 5}}\n"
                          "storage: {config: {file: /x}, keyFile: /var/lib/tke-auth/kek}\n"),
                     ERR_OK);
    cfg_reload_warnings(config_fields, f->config, other.config, &other.problems);
    assert_int_equal(other.problems.warnings, 3);
    assert_string_equal(other.problems.warning_items[0].path, "secure_serving.port");
    assert_string_equal(other.problems.warning_items[1].path, "storage.config.file");
    assert_string_equal(other.problems.warning_items[2].path, "limits.work.queue");
    cfg_reload_warnings(config_fields, f->config, f->config, &other.problems);
    assert_int_equal(other.problems.warnings, 3);
    arena_free(other.arena);
    cfg_problems_done(&other.problems);
    strbuf_done(&other.report);
}

int main(void) {
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_almost_empty_file_gives_sensible_defaults),
        T(a_dex_file_is_read),
        T(the_keys_of_tkestack_are_read),
        T(the_authenticators_of_tkestack_are_read_and_their_files_watched),
        T(a_list_is_taken_as_it_stands),
        T(the_client_ca_has_two_names_and_one_meaning),
        T(what_makes_no_sense_about_callers_is_told),
        T(the_issuer_is_checked),
        T(keys_that_contradict_each_other_are_told),
        T(problems_of_keys_and_of_their_sum_come_together),
        T(clients_inherit_the_providers_algorithm),
        T(one_connector_may_have_the_password_grant),
        T(ldap_json_with_tabs_is_read_and_watched),
        T(printing_shows_no_secret_and_reads_back_the_same),
        T(a_reload_tells_what_waits_for_the_next_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
