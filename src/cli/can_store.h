/* What the database has to say to `tke-auth can`: rules, and tenants with their administrators. */
#pragma once
#include "tkeauth/authz.h"
#include "tkeauth/config.h"
#include "tkeauth/store.h"

/* For reading; *ret NULL: there is no database yet. */
MUST_CHECK enum err_code can_store_open(const struct config *c, struct store **ret, struct err *err);
/* The rules that objects and directories have produced. Those of the policy file are not among them: the file itself may have changed
 * since the daemon last read it. */
MUST_CHECK enum err_code can_store_rules(struct store *s, struct enforcer *e, struct err *err);
/* Puts the tenants in the store in front of those in `options`; an object's administrators count. In `a`. */
MUST_CHECK enum err_code can_store_tenants(struct store *s, struct arena *a, struct authz_options *options,
                                           struct err *err);
