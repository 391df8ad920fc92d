/* Bearer tokens as a function of what the request carried. */
#pragma once
#include "tkeauth/authn.h"

struct bearer_sources {
    size_t authorization_count;
    struct str authorization;
    struct str form_token; /* of a POST; STR_NULL: absent */
};
/* ERR_INVALID: two tokens, or a broken header (400 invalid_request). ERR_UNAUTHENTICATED: none. */
MUST_CHECK enum err_code bearer_find(const struct bearer_sources *s, struct str *ret, struct err *err);
/* Verifies; the slices of *ret live as long as ret->jwt. */
MUST_CHECK enum err_code bearer_check(const struct keyset *keys, struct str token,
                                      const struct jwt_rules *rules, struct access_token *ret,
                                      struct err *err);
