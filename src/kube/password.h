/* Passwords of local identities over the API. */
#pragma once
#include "kube/verbs.h"

kube_handler password_change;
/* Is it the password with this hash (empty: there is nobody)? Throttled like logins: *ret_wait_s > 0 means not now. On the login pool. */
MUST_CHECK enum err_code password_check(struct kube_request *kr, struct str tenant, struct str username,
                                        struct str password, struct str hash, bool *ret_match,
                                        int64_t *ret_wait_s);
/* 429. */
enum err_code password_throttled(struct kube_request *kr, int64_t wait_s);
