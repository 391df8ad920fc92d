/* What writing is made of, for kinds and cascades; everything here happens inside a transaction. */
#pragma once
#include "tkeauth/resource.h"

/* What a client sent, in the form of the tables. Unknown fields are refused or warned about, as the options say. The caller owns *ret, also
 * after a refusal. */
MUST_CHECK enum err_code decode_given(const struct kind *k, const json_t *given,
                                      const struct resource_options *o, json_t **ret, struct refusal *r,
                                      struct err *err);
/* A stored object, parsed. ERR_NOT_FOUND. The caller owns *ret. */
MUST_CHECK enum err_code tx_object(struct store_tx *tx, struct arena *a, const struct kind *k,
                                   struct str store_name, json_t **ret, struct err *err);
/* Writes `w->object` with its index keys and rules and lets the kind follow. `expected` as in store_write. */
MUST_CHECK enum err_code put_object(const struct resource_env *env, struct store_tx *tx,
                                    struct resource_write *w, int64_t expected, int64_t *ret_revision,
                                    struct refusal *r, struct err *err);
/* The same for a stored object that was edited in place: completed as the tables say, and written only if it is not what `w->old` is. */
MUST_CHECK enum err_code put_edited(const struct resource_env *env, struct store_tx *tx,
                                    struct resource_write *w, int64_t *ret_revision, struct refusal *r,
                                    struct err *err);
/* Removes it with its rules and lets the kind follow: everything contract 5.3 says. */
MUST_CHECK enum err_code drop_object(const struct resource_env *env, struct store_tx *tx,
                                     struct resource_write *w, struct refusal *r, struct err *err);
/* Rules of every object of kind `k` with this index key, computed anew. */
MUST_CHECK enum err_code refresh_rules(struct store_tx *tx, const struct kind *k, struct str key,
                                       struct refusal *r, struct err *err);

/* A user or group as others refer to it. */
struct subject_ref {
    struct str tenant, id;
    struct str name; /* login name, of users; STR_NULL: none */
    bool is_group;
};
/* It leaves every policy, role, group and binding. */
MUST_CHECK enum err_code cascade_subject(const struct resource_env *env, struct store_tx *tx, struct arena *a,
                                         const struct subject_ref *s, struct refusal *r, struct err *err);
/* A policy leaves its roles; its bindings go. */
MUST_CHECK enum err_code cascade_policy(const struct resource_env *env, struct store_tx *tx, struct arena *a,
                                        struct str policy, struct refusal *r, struct err *err);
/* At most `limit` objects of the tenant go, with all that follows; *ret_count says how many did. */
MUST_CHECK enum err_code cascade_tenant(const struct resource_env *env, struct store_tx *tx, struct arena *a,
                                        struct str tenant, size_t limit, size_t *ret_count, struct refusal *r,
                                        struct err *err);
/* Everybody of the tenant leaves the objects that belong to no tenant. */
MUST_CHECK enum err_code cascade_strangers(const struct resource_env *env, struct store_tx *tx,
                                           struct arena *a, struct str tenant, struct refusal *r,
                                           struct err *err);
/* spec.extra.policies of what was sent: the subject is bound to exactly these platform policies; absent: nothing happens. Unknown ones
 * become warnings (contract 2.1). */
MUST_CHECK enum err_code follow_extra_policies(const struct resource_env *env, struct store_tx *tx,
                                               const struct resource_write *w, const struct subject_ref *s,
                                               struct refusal *r, struct err *err);
/* All API keys of a user: gone, or disabled. */
MUST_CHECK enum err_code cascade_api_keys(const struct resource_env *env, struct store_tx *tx,
                                          struct arena *a, struct str tenant, struct str username,
                                          bool remove, struct refusal *r, struct err *err);
