/* Small readings of who asks and what is asked, shared by conversion and decision. */
#pragma once
#include "tkeauth/authz.h"

/* What follows `prefix` ("cluster:") in the first group that starts with it. False: no group does. */
bool authz_group_value(const struct authz_user *user, struct str prefix, struct str *ret);
/* The first value of the extra `key`; *ret_present tells "present without a value" from absent. */
struct str authz_extra_value(const struct authz_user *user, struct str key, bool *ret_present);
/* Is it one of Kubernetes' own verbs, which still have to be converted (contract 4.5 step 7)? */
bool authz_is_plain_verb(struct str verb);
