/* What one reading of the configuration gives: connectors, pages, static clients and users. Shared by all snapshots that are built
 * while this configuration is in force, and gone with the last of them. */
#pragma once
#include "tkeauth/authn.h"
#include "tkeauth/authz.h"
#include "tkeauth/config.h"
#include "tkeauth/connector.h"
#include "tkeauth/model.h"
#include "tkeauth/web.h"

/* What outlives every configuration. */
struct server_parts {
    struct store *store;
    const struct clock *clock;
    const struct random *random;
    struct log *log;
    struct metrics *metrics;
    struct enforcer
        *enforcer; /* the rules in force; NULL (a check of a configuration): those of the policy file */
};

struct generation {
    _Atomic int refs;
    struct arena *arena; /* of everything below */
    const struct config *config;
    struct str issuer;
    struct connector_env env;
    struct connector **connectors;
    const struct cfg_node *init_config; /* of TKEStack's first tenant; NULL: it has none */
    size_t connector_count;
    struct client *static_clients;
    size_t static_client_count;
    struct web *web;
    struct authz *authz; /* the reviews: rules, access, external authorizer */
    struct authenticators *authenticators;
    const struct str *privileged_groups;
};

/* Reads and checks `path`; on ERR_INVALID `problems` says why. Contacts nobody. One reference, the caller's. */
enum err_code generation_load(const char *path, const struct server_parts *parts, struct generation **ret,
                              struct cfg_problems *problems, struct err *err);
struct generation *generation_ref(struct generation *g);
void generation_unref(struct generation *g); /* NULL is fine */

/* What the configuration says of its tenant `id`. */
struct generation_tenant {
    const struct cfg_strings *administrators; /* NULL: it names nobody */
    const struct cfg_node *config;            /* NULL: it has none */
};
struct generation_tenant generation_tenant(const struct generation *g, const char *id);

/* The configuration's clients and users as the model has them; in `a`. */
enum err_code static_clients(struct arena *a, const struct config *config, struct client **ret,
                             size_t *ret_len, struct err *err);
enum err_code static_users(struct arena *a, const struct config *config, const char *tenant,
                           struct local_user **ret, size_t *ret_len, struct err *err);
