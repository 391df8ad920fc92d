/* The administrator of a first start. */
#pragma once
#include "server/snapshot.h"
/* When a local tenant of `g` has no user at all: makes "admin" with a random password, written once to `dir`/initial-admin-password
 * (0600), and tells where. `*ret_name` "admin" or NULL. */
enum err_code first_admin_ensure(const struct server_parts *parts, const struct generation *g,
                                 const char *dir, const char **ret_name, struct err *err);
