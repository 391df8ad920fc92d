/* Which local user a login name means: an immutable map, rebuilt when a local user has changed. */
#pragma once
#include "tkeauth/connector.h"

#define LOCAL_KIND STR("localidentities")

struct local_index;
/* Users of `tenant` only. `env` and `tenant` must outlive the index. Reads nothing yet. */
MUST_CHECK enum err_code local_index_new(const struct connector_env *env, const char *tenant,
                                         struct local_index **ret, struct err *err);
void local_index_free(struct local_index *x);
/* By user name, else (when it holds an '@') by e-mail, letter case aside, if only one user has it. `ret` lives in `a`;
 * `ret_revision` is the store's, 0 for a user of the configuration, who comes first. ERR_NOT_FOUND; ERR_UNAVAILABLE. */
MUST_CHECK enum err_code local_index_find(struct local_index *x, struct arena *a, struct str login,
                                          struct local_user *ret, int64_t *ret_revision, struct err *err);
/* By id. As above. */
MUST_CHECK enum err_code local_index_get(struct local_index *x, struct arena *a, struct str id,
                                         struct local_user *ret, int64_t *ret_revision, struct err *err);
