/* The administrator of a first start. */
#pragma once
#include "server/generation.h"
#include "tkeauth/resource.h"

/* When there is a local tenant and nobody in it yet: makes "admin" with a random password, written once to `dir`/initial-admin-password
 * (0600), and administrator of the platform. `*ret_name` "admin", or NULL. */
enum err_code first_admin_ensure(const struct resource_env *env, const struct generation *g, const char *dir,
                                 const char **ret_name, struct err *err);
