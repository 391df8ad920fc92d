/* Users of a local tenant: those of the configuration, and the LocalIdentities in the store. */
#pragma once
#include "tkeauth/connector.h"

/* Whom a login name means: the user name or, with '@' in it, an e-mail address that only one user has. Users of the connector's tenant
 * only. `*ret_revision`: of the object; 0 for users of the configuration. ERR_NOT_FOUND. In `a`. */
MUST_CHECK enum err_code local_users_find(const struct connector *c, struct arena *a, struct str login,
                                          struct local_user *ret, int64_t *ret_revision, struct err *err);
/* By the name of the object. */
MUST_CHECK enum err_code local_users_get(const struct connector *c, struct arena *a, struct str id,
                                         struct local_user *ret, int64_t *ret_revision, struct err *err);
/* The user's groups: what their entry says, and the LocalGroups they are a member of (contract 6.3, 9.34). */
MUST_CHECK enum err_code local_users_groups(const struct connector *c, struct arena *a,
                                            const struct local_user *u, struct str_list *ret,
                                            struct err *err);

/* connector_ops' directory */
enum err_code local_list_users(struct connector *c, struct arena *a, const struct directory_query *q,
                               enum err_code (*each)(void *ctx, const struct directory_user *u,
                                                     struct err *err),
                               void *ctx, struct str *ret_next, struct err *err);
enum err_code local_list_groups(struct connector *c, struct arena *a, const struct directory_query *q,
                                enum err_code (*each)(void *ctx, const struct directory_group *g,
                                                      struct err *err),
                                void *ctx, struct str *ret_next, struct err *err);
enum err_code local_get_user(struct connector *c, struct arena *a, struct str id,
                             const struct directory_query *q, struct directory_user *ret, struct err *err);
enum err_code local_get_group(struct connector *c, struct arena *a, struct str id,
                              const struct directory_query *q, struct directory_group *ret, struct err *err);
