/* Tenants: the IdentityProviders in the store, each with its connector. A connector lives as long as its object stays as it is, whatever is
 * rebuilt around it, so that its connections to a directory do. */
#pragma once
#include "server/generation.h"
#include "tkeauth/resource.h"

struct tenant {
    _Atomic int refs;
    struct arena *arena;           /* owned */
    struct generation *generation; /* referenced, of tenants of the configuration */
    struct str id;
    unsigned char fingerprint[SHA256_SIZE]; /* of what the object says of it */
    struct connector *connector;            /* NULL: its configuration cannot be used any more */
    const struct str *administrators;
    size_t administrator_count;
};
struct tenant_set {
    struct tenant **items; /* sorted by id; referenced */
    size_t len;
};
/* From the store and the configuration, which also names the administrators of a tenant of its own that has no object; connectors of `before` (may be NULL) are kept where nothing has changed. Tenants that are being deleted
 * are left out. An object that cannot be used is told in the log, and its tenant has no connector. */
MUST_CHECK enum err_code tenants_load(struct store *store, const struct keyring *keyring,
                                      struct generation *g, const struct connector_env *env,
                                      const struct tenant_set *before, struct tenant_set *ret,
                                      struct err *err);
void tenants_done(struct tenant_set *s);
struct tenant *tenants_find_id(const struct tenant_set *s, struct str id); /* NULL: unknown */
struct tenant *tenant_ref(struct tenant *t);
void tenant_unref(struct tenant *t);

/* What is wrong with a connector's configuration, as an API client is told; NULL: nothing. In `a`. */
const char *tenants_check_connector(struct arena *a, const struct connector_env *env, struct str type,
                                    struct str config);
