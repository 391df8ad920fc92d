/* connector owns how a person proves who they are. One tenant has one connector; its id is the tenant id. It must never issue
 * anything, count attempts, or let an outage look like a wrong password. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/config.h"
#include "tkeauth/log.h"
#include "tkeauth/model.h"
#include "tkeauth/store.h"

struct connector;

enum connector_capability {
    CONNECTOR_PASSWORD = 1, /* login() with a name and a password */
    CONNECTOR_REFRESH = 2,  /* refresh() */
    CONNECTOR_REDIRECT = 4, /* an upstream provider: redirect() and callback() */
};
struct login {
    struct str username, password; /* as typed; bytes */
    bool want_groups;              /* scope groups was asked for */
    bool want_refresh;             /* connector_data will be needed */
    const char *request_id;
    int64_t deadline_mono_ms; /* give up then: ERR_TIMEOUT */
};
enum login_outcome {
    LOGIN_OK,
    LOGIN_WRONG_CREDENTIALS, /* unknown user and wrong password look the same */
    LOGIN_BLOCKED, /* right password, but the account is locked or disabled, or its password has expired: may only be
                              * said to somebody who proved the password */
};
/* What came back from refresh besides errors. */
enum refresh_outcome {
    REFRESH_OK,
    REFRESH_GONE, /* deleted, locked, disabled, or no longer matched: the grant must end */
};

/* What every connector gets from the server. */
struct connector_env {
    struct store *store;
    const struct clock *clock;
    const struct random *random;
    struct log *log;
    struct metrics *metrics;
    /* Static local users of the configuration (dex staticPasswords), for the local connector. */
    const struct local_user *static_users;
    size_t static_user_count;
};

/* ---- the directory behind a connector: who could log in, and which groups there are ---- */
/* Ids are what subjects of policies name: local users and groups by their object's name, a directory's by the login name and the group's
 * name (contract 2.10), as they come in tokens, too. */
struct directory_user {
    struct str id, name; /* name: the login name, as rules know it */
    struct str display_name, email, phone;
    const struct local_user *local; /* of the local connector: the whole user; NULL otherwise */
};
struct directory_group {
    struct str id, display_name, description;
    const struct directory_member *members; /* only where they were asked for */
    size_t member_count;
};
struct directory_member {
    struct str id, name;
};
struct directory_query {
    struct str keyword; /* STR_NULL: all; else a part of id, login name or display name, ASCII case aside */
    struct str name;    /* STR_NULL: all; else only the user with this login name */
    size_t limit;       /* at most so many; 0: DIRECTORY_LIMIT */
    struct str after;   /* STR_NULL: from the start; else what ret_next gave */
    bool want_members;  /* of groups */
    int64_t deadline_mono_ms;
    const char *request_id;
};
enum { DIRECTORY_LIMIT = 5000, DIRECTORY_LIMIT_MAX = 10000, DIRECTORY_MEMBERS_MAX = 20000 };

struct connector_ops {
    const char *type; /* "local" (also "tke"), "ldap", "mock": selects it in the configuration */
    const struct cfg_field *fields; /* of its configuration: parsing, defaults, documentation, redaction */
    size_t config_size;
    unsigned capabilities;
    /* Checks what the field table cannot (filters, scopes, pairs of keys); every problem is added. Also called when the table has
     * found problems: members may then be zero. May be NULL. */
    void (*check)(const void *config, struct cfg_problems *problems, const struct cfg_node *node);
    /* Contacts nobody: an unreachable directory is not a failed start. */
    enum err_code (*open)(struct connector *c, const void *config, const struct connector_env *env,
                          struct err *err);
    void (*close)(struct connector *c); /* takes a half-opened connector */
    enum err_code (*login)(struct connector *c, struct arena *a, const struct login *login,
                           enum login_outcome *ret, struct identity *ret_identity, struct err *err);
    enum err_code (*refresh)(struct connector *c, struct arena *a, const struct identity *old,
                             bool want_groups, int64_t deadline_mono_ms, enum refresh_outcome *ret,
                             struct identity *ret_identity, struct err *err);
    /* Users or groups that match, in a stable order; each call of `each` gets slices that live as long as the call. `*ret_next`, in `a`: where
     * to go on, STR_NULL when all were seen. ERR_UNAVAILABLE, ERR_TIMEOUT: the directory could not be asked. NULL: it has no directory. */
    enum err_code (*list_users)(struct connector *c, struct arena *a, const struct directory_query *q,
                                enum err_code (*each)(void *ctx, const struct directory_user *u,
                                                      struct err *err),
                                void *ctx, struct str *ret_next, struct err *err);
    enum err_code (*list_groups)(struct connector *c, struct arena *a, const struct directory_query *q,
                                 enum err_code (*each)(void *ctx, const struct directory_group *g,
                                                       struct err *err),
                                 void *ctx, struct str *ret_next, struct err *err);
    /* By id; ERR_NOT_FOUND. Results live in `a`. A group comes with its members when `q->want_members`; only deadline and request_id count
     * besides. */
    enum err_code (*get_user)(struct connector *c, struct arena *a, struct str id,
                              const struct directory_query *q, struct directory_user *ret, struct err *err);
    enum err_code (*get_group)(struct connector *c, struct arena *a, struct str id,
                               const struct directory_query *q, struct directory_group *ret, struct err *err);
    /* The label of the user name field: "Username", or what usernamePrompt says. May be NULL. */
    const char *(*prompt)(const struct connector *c);
    /* ERR_OK when the last contact went well; cached, no I/O. May be NULL. */
    enum err_code (*health)(const struct connector *c, struct err *err);
};
struct connector {
    const struct connector_ops *ops;
    const char *id, *name; /* owned */
    const struct connector_env *env;
    void *impl;
};

/* All known types, NULL-terminated: one line each in connector.c. */
const struct connector_ops *const *connector_types(void);
const struct connector_ops *connector_type_find(struct str type);
/* `node`: the connector's configuration as parsed from YAML or ldap.json; problems carry its lines. Memory of the configuration
 * comes from `a`, which must outlive the connector. `env` too. */
MUST_CHECK enum err_code connector_open(const struct connector_ops *ops, const char *id, const char *name,
                                        const struct cfg_node *node, struct arena *a,
                                        const struct connector_env *env, struct cfg_problems *problems,
                                        struct connector **ret, struct err *err);
void connector_close(struct connector *c);
DEFINE_AUTO_FREE(connector_close, struct connector);

/* ERR_FORBIDDEN: this connector cannot do that. ERR_UNAVAILABLE/ERR_TIMEOUT: the directory could not be asked; never a verdict
 * on the password. On LOGIN_OK `ret_identity` is complete (connector_id set, preferred_username never empty), in `a`. */
MUST_CHECK enum err_code connector_login(struct connector *c, struct arena *a, const struct login *login,
                                         enum login_outcome *ret, struct identity *ret_identity,
                                         struct err *err);
MUST_CHECK enum err_code connector_refresh(struct connector *c, struct arena *a, const struct identity *old,
                                           bool want_groups, int64_t deadline_mono_ms,
                                           enum refresh_outcome *ret, struct identity *ret_identity,
                                           struct err *err);
/* The same four of the directory, as struct connector_ops says. ERR_FORBIDDEN: this connector has no directory. Ids and login names that no
 * user can have are ERR_NOT_FOUND without asking anybody. */
MUST_CHECK enum err_code
connector_list_users(struct connector *c, struct arena *a, const struct directory_query *q,
                     enum err_code (*each)(void *ctx, const struct directory_user *u, struct err *err),
                     void *ctx, struct str *ret_next, struct err *err);
MUST_CHECK enum err_code
connector_list_groups(struct connector *c, struct arena *a, const struct directory_query *q,
                      enum err_code (*each)(void *ctx, const struct directory_group *g, struct err *err),
                      void *ctx, struct str *ret_next, struct err *err);
MUST_CHECK enum err_code connector_get_user(struct connector *c, struct arena *a, struct str id,
                                            const struct directory_query *q, struct directory_user *ret,
                                            struct err *err);
MUST_CHECK enum err_code connector_get_group(struct connector *c, struct arena *a, struct str id,
                                             const struct directory_query *q, struct directory_group *ret,
                                             struct err *err);
/* It answers from our own store: no other server is waited for, so no other pool is needed. */
bool connector_is_local(const struct connector *c);
const char *connector_prompt(const struct connector *c); /* NULL: the page's own wording */
MUST_CHECK enum err_code connector_health(const struct connector *c, struct err *err);

/* `tke-auth ldap search`: what the LDAP connector finds for a user, without a password. Prints entry DN, id, attributes, groups,
 * the filters used and each result code. ERR_FORBIDDEN for another type. */
MUST_CHECK enum err_code connector_ldap_search(struct connector *c, struct arena *a, struct str username,
                                               struct strbuf *ret_report, struct err *err);
