/* Where the bearer token of an API request stands. */
#pragma once
#include "authn/header_list.h"

/* *ret STR_NULL: there is none. A decoded one lives in `a`. ERR_UNAUTHENTICATED: several, or one that no client sends. */
MUST_CHECK enum err_code credential_find(const struct header_list *h, struct arena *a, struct str *ret,
                                         struct err *err);
