/* Impersonation as a function of the head of a request. */
#pragma once
#include "authn/header_list.h"

MUST_CHECK enum err_code impersonation_read(const struct header_list *h, struct arena *a, bool *ret_wanted,
                                            struct principal *ret, struct err *err);
