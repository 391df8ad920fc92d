/* config owns reading configuration: YAML or JSON text -> a tree with line numbers -> structs, by declarative field tables.
 * It must never open anything but the files named to it, and never expand '$'. */
#pragma once
#include "tkeauth/base.h"

/* ---- problems: all of them at once, each with its place ---- */
struct cfg_problem {
    const char *source; /* file name */
    int line;           /* from 1; 0: none */
    const char *path;   /* "connectors[0].config.userSearch.baseDN" */
    const char *text;   /* what is wrong and what to do */
};
struct cfg_problems {
    struct arena *arena; /* owned */
    struct cfg_problem *items;
    size_t len;
    size_t warnings; /* of obsolete or ignored keys: entries of `warning_items`, not of `items` */
    struct cfg_problem *warning_items;
};
MUST_CHECK enum err_code cfg_problems_init(struct cfg_problems *p, struct err *err);
void cfg_problems_done(struct cfg_problems *p);
/* One line each: "FILE:12: expiry.idTokens: not a duration (write it like 90s, 15m or 24h)". */
void cfg_problems_print(const struct cfg_problems *p, struct strbuf *out);

/* ---- the tree ---- */
struct cfg_node; /* immutable, in an arena */
enum {
    CFG_FILE_MAX = 4 * 1024 * 1024,
    CFG_DEPTH_MAX = 32,
    CFG_NODES_MAX = 200000,
    CFG_SECRET_MAX = 64 * 1024
};
/* YAML 1.1 as libyaml reads it, no aliases or tags, duplicate keys refused. JSON is YAML, but is also taken with tabs (as ldap.json
 * is written). Text problems are added to `problems` and ERR_INVALID returned. */
MUST_CHECK enum err_code cfg_parse(struct arena *a, struct str text, const char *source,
                                   const struct cfg_node **ret, struct cfg_problems *problems,
                                   struct err *err);
MUST_CHECK enum err_code cfg_parse_file(struct arena *a, const char *path, const struct cfg_node **ret,
                                        struct cfg_problems *problems, struct err *err);
/* YAML or JSON text of up to `max` bytes as JSON values, with the limits and refusals above; *ret (the caller's) is the value, or with several
 * documents ("---") an array of them when `many`, else ERR_INVALID. Numbers, true, false and null are told from text as Kubernetes does: what is
 * in quotes is text. Also ERR_LIMIT. */
MUST_CHECK enum err_code cfg_yaml_to_json(struct str text, size_t max, bool many, json_t **ret,
                                          struct err *err);
int cfg_node_line(const struct cfg_node *n);
const char *cfg_node_source(const struct cfg_node *n);
const struct cfg_node *cfg_node_find(const struct cfg_node *map,
                                     const char *key); /* NULL: absent or no map */
/* `n` may be NULL (no place), `key` may be NULL or name a child of `n`, present or not: its line counts when it is. */
void cfg_problem_at(struct cfg_problems *p, const struct cfg_node *n, const char *key, const char *fmt, ...)
    PRINTF(4, 5);
/* The same for what works all the same. */
void cfg_warning_at(struct cfg_problems *p, const struct cfg_node *n, const char *key, const char *fmt, ...)
    PRINTF(4, 5);

/* ---- field tables ---- */
/* A key that is absent, null or an empty string counts as not given: its fallback is taken. '$' is never expanded. */
enum cfg_type {
    CFG_STRING, /* const char * (NULL when absent and without default) */
    /* struct secret (ptr NULL: absent). Besides `key` also `keyFile` and `keyEnv` (`key_file`, `key_env` where `key` has an
     * underscore; `choices` names others): at most one of the three. Of a file one trailing newline is cut; any file that
     * can be read is taken, because Kubernetes mounts Secrets readable for all of the pod. */
    CFG_SECRET,
    CFG_BOOL,       /* bool; not in quotes */
    CFG_INT,        /* int64_t, within min and max; not in quotes */
    CFG_DURATION_S, /* int64_t seconds; "24h"; a bare number is seconds */
    CFG_STRINGS,    /* struct cfg_strings; a single string counts as a list of one, also as fallback */
    CFG_ENUM,       /* int: index into `choices`; -1 when absent and without fallback */
    CFG_TABLE,      /* a nested struct by `fields`, whose offsets count from this field's offset */
    CFG_LIST,       /* struct cfg_list of structs by `fields`, `elem_size` each */
    CFG_NODE,       /* const struct cfg_node *: parsed later by its owner (connectors[].config) */
    CFG_IGNORED,    /* known from TKEStack or dex, without effect here: a warning with `help` */
    CFG_END,
};
struct cfg_strings {
    const char **items;
    size_t len;
};
struct cfg_list {
    void *items;
    size_t len;
};
enum cfg_flags {
    CFG_REQUIRED = 1,   /* keys of a table that is itself absent and not required are not asked for */
    CFG_NO_RELOAD = 2,  /* takes effect at the next start only */
    CFG_DEPRECATED = 4, /* works; a warning with `help` */
};
struct cfg_field {
    const char *key;
    enum cfg_type type;
    size_t offset; /* in the struct */
    unsigned flags;
    const char *fallback;       /* as it would be written; NULL: zero */
    int64_t min, max;           /* CFG_INT, CFG_DURATION_S; both 0: any */
    const char *const *choices; /* NULL-terminated; also limits CFG_STRING and CFG_STRINGS */
    const struct cfg_field *fields;
    size_t elem_size;
    const char *help; /* for print-config and the documentation test */
};
/* Fills `out` (zeroed first), everything in `a`; secrets are wiped when the arena goes. Unknown keys are problems that name the
 * nearest valid key. ERR_INVALID if any problem was added. `n` NULL or null: an empty mapping. CFG_NODE fields point into the
 * tree, which must live as long as `out` then. */
MUST_CHECK enum err_code cfg_decode(struct arena *a, const struct cfg_node *n, const struct cfg_field *fields,
                                    void *out, size_t size, struct cfg_problems *problems, struct err *err);
/* As YAML that cfg_decode reads back to the same values, with a comment above each key; keys without a value are commented out.
 * Secrets are "***", and so is, in the tree of a CFG_NODE, what log_is_sensitive() says. `indent` is in blanks. */
void cfg_print(const struct cfg_field *fields, const void *values, int indent, struct strbuf *out);
/* The tree as JSON, without its secrets: "***" stands for what log_is_sensitive() says. */
void cfg_node_print_json(const struct cfg_node *n, struct strbuf *out);
/* Adds a warning for each CFG_NO_RELOAD key whose value differs: it takes effect at the next start. */
void cfg_reload_warnings(const struct cfg_field *fields, const void *running, const void *next,
                         struct cfg_problems *problems);

/* ---- tke-auth.yaml ---- */
/* Names are TKEStack's (snake_case sections, contract 7.1) and dex's (camelCase, dex.md A3) where they exist there. */
struct config_static_client {
    const char *id, *name, *logo_url;
    struct secret secret;
    struct cfg_strings redirect_uris, post_logout_redirect_uris, trusted_peers, allowed_connectors,
        grant_types;
    bool is_public, require_pkce;
    int id_token_claims; /* enum id_token_claims: "scoped", "minimal" */
    int id_token_alg;    /* enum sign_alg: "RS256", "ES256", "EdDSA"; absent: oauth2.idTokenAlg */
    int64_t id_token_ttl_s, access_token_ttl_s; /* 0: the provider's */
};
struct config_static_password {
    const char *email, *username, *name, *preferred_username, *user_id;
    struct secret hash;
    bool email_verified;
    struct cfg_strings groups;
};
struct config_connector {
    const char *type, *id, *name;
    const struct cfg_node *config;
    bool password_grant;
    struct cfg_strings administrators;
};
enum config_authz_access { CONFIG_AUTHZ_CREDENTIAL, CONFIG_AUTHZ_OPEN };
struct config_pool {
    int64_t threads, queue;
};
struct config {
    struct {
        const char *bind_address, *cert_dir, *tls_cert_file, *tls_private_key_file, *tls_min_version,
            *client_ca_file;
        int64_t port; /* 0: any free one, told in the ready line */
        bool http;    /* plain HTTP, for a TLS proxy on the same machine or pod */
    } secure_serving;
    struct {
        const char *external_scheme,
            *external_hostname; /* the issuer is built of these when `issuer` is absent */
        int64_t external_port;
        struct cfg_strings cors_allowed_origins, trusted_proxies;
    } generic;
    const char *issuer; /* dex: the public URL, e.g. https://tke-auth-api/oidc */
    struct {
        const char *type, *file; /* dex: storage.type, storage.config.file */
        const char *key_file;    /* the key-encryption key; default: beside the database */
    } storage;
    struct {
        int level, format; /* enum log_level, enum log_format */
        const char *audit_file;
    } log;
    struct {
        const char
            *http; /* address:port of /metrics and /healthz in plain HTTP; NULL: only on the main port */
    } telemetry;
    struct {
        int64_t id_token_timeout_s; /* TKEStack */
        const char *init_tenant_type, *init_tenant_id, *ldap_config_file, *init_client_id,
            *password_grant_conn_id;
        struct secret init_client_secret;
        struct cfg_strings init_client_redirect_uris, init_idp_administrators;
    } auth;
    struct {
        const char *title, *logo_dir;
    } console_config;
    struct {
        const char *dir, *logo_url, *accent;
    } frontend;
    struct {
        bool always_show_login_screen;
        const char *password_connector;
        int id_token_alg; /* of clients that do not say: enum sign_alg */
    } oauth2;
    struct {
        int64_t id_tokens_s, access_tokens_s, auth_requests_s, codes_s, signing_keys_s, jwks_max_age_s;
        int64_t refresh_reuse_interval_s, refresh_absolute_lifetime_s, refresh_valid_if_not_used_for_s;
    } expiry;
    struct {
        int64_t max_failures, window_s, max_delay_s; /* abuse limits: see authn's throttle */
    } login;
    struct {
        int64_t connections, connections_per_ip, threads;
        int64_t header_bytes, idle_timeout_s, request_timeout_s;
        struct config_pool work, login, directory;
    } limits;
    struct {
        const char *privileged_username;      /* may do everything, if they have no tenant */
        struct cfg_strings privileged_groups; /* likewise, in the API */
        const char *client_ca_file; /* the same as secure_serving.client_ca_file, whichever was given */
        const char *token_auth_file;
        struct {
            const char *client_ca_file; /* NULL: there is no front proxy */
            struct cfg_strings allowed_names, username_headers, group_headers, extra_headers_prefix;
        } requestheader;
        bool api_keys_keep_on_password_change;
    } authentication;
    struct {
        const char *policy_file; /* ABAC, JSON lines */
        const char *webhook_config_file,
            *webhook_version; /* kubeconfig of an external authorizer; "v1", "v1beta1" */
        int64_t webhook_cache_authorized_ttl_s, webhook_cache_unauthorized_ttl_s, webhook_timeout_s;
        bool always_deny; /* no matching rule is a denial */
    } authorization;
    struct {
        const char *model_file, *policy_file; /* NULL: the built-in model; no rules */
    } casbin;
    struct {
        int access;                       /* of the endpoints under /auth/: enum config_authz_access */
        struct cfg_strings allowed_names; /* of client certificates */
        const char *token_file;
        bool token_review_legacy_401, token_review_any_audience;
        int64_t audit_allowed, audit_denied, audit_no_opinion; /* every nth decision is an audit event */
    } authz;
    struct {
        const char *category_path, *policy_path, *role_path; /* default data; NULL: the built-in lists */
        int64_t directory_group_interval_s;                  /* 0: off */
    } features;
    bool enable_password_db;          /* the connector `local` */
    struct cfg_list static_clients;   /* struct config_static_client */
    struct cfg_list static_passwords; /* struct config_static_password */
    struct cfg_list connectors;       /* struct config_connector */
    const char *state_dir;            /* where files without a name of their own go */
    struct cfg_strings
        files; /* read along with this file: secrets, certificates, CAs, static tokens, ldap.json and what it names; to be watched.
                * Not the files of rules: authz_reload follows them */
};
extern const struct cfg_field config_fields[];

/* Parses, fills in defaults, and checks what needs several keys. All memory in `a`, which must outlive the result. The files and
 * variables of secrets are read, and ldap_config_file is parsed (its content is the connector's to check). */
MUST_CHECK enum err_code config_load(struct arena *a, const char *path, const struct config **ret,
                                     struct cfg_problems *problems, struct err *err);
/* The issuer: `issuer`, or built of generic.external_*. Never ends in a slash. In `a`. */
const char *config_issuer(struct arena *a, const struct config *c);

/* ---- watching files: a change of content, a rename over it, or the ..data symlink swap of a mounted Secret ---- */
struct cfg_watch;
MUST_CHECK enum err_code cfg_watch_new(struct cfg_watch **ret, struct err *err);
MUST_CHECK enum err_code cfg_watch_add(struct cfg_watch *w, const char *path, struct err *err);
int cfg_watch_fd(const struct cfg_watch *w); /* to poll; readable: something may have changed */
/* Reads the events away; true when a watched file really is another one (identity or time of its target). */
bool cfg_watch_changed(struct cfg_watch *w);
void cfg_watch_free(struct cfg_watch *w);
DEFINE_AUTO_FREE(cfg_watch_free, struct cfg_watch);
