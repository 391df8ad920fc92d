/* One password attempt, however it came (form or password grant): limits first, then the connector, then the books. */
#pragma once
#include "tkeauth/oidc.h"

enum attempt_outcome {
    ATTEMPT_OK,
    ATTEMPT_WRONG,
    ATTEMPT_BLOCKED,
    ATTEMPT_THROTTLED,   /* retry_after_s says how long */
    ATTEMPT_UNAVAILABLE, /* the directory could not be asked: no verdict */
};
struct attempt {
    struct connector *connector;
    struct str username, password;
    const struct str_list *scopes;
    const struct client *client;
};
/* Where an attempt at this connector, or a refresh of its users, has to run. */
enum http_run login_run_of(const struct connector *c);
/* Blocking: there. `ret` is complete for ATTEMPT_OK, in the request's arena. */
enum attempt_outcome login_attempt(const struct oidc_provider *p, const struct http_request *req,
                                   const struct attempt *attempt, struct identity *ret,
                                   int64_t *ret_retry_after_s);
