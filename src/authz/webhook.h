/* Another permission centre, asked with SubjectAccessReviews over HTTP: deadline, cache, circuit breaker. Whatever goes wrong is no
 * opinion. Blocks: for workers only. */
#pragma once
#include "tkeauth/authz.h"

struct webhook;
/* `options` is copied; the token file is read. */
MUST_CHECK enum err_code webhook_new(const struct authz_options *options, struct webhook **ret,
                                     struct err *err);
void webhook_free(struct webhook *w);
DEFINE_AUTO_FREE(webhook_free, struct webhook);

struct webhook_answer {
    enum authz_outcome outcome;
    struct str reason; /* in the arena */
};
void webhook_ask(struct webhook *w, struct arena *a, const struct authz_user *user,
                 const struct authz_attributes *at, const char *request_id, struct webhook_answer *ret);

/* The two ends of the wire, apart from it. */
void webhook_write_review(const struct authz_user *user, const struct authz_attributes *at, bool v1,
                          struct strbuf *out);
/* ERR_INVALID: not a SubjectAccessReview with a status. Both allowed and denied is denied. */
MUST_CHECK enum err_code webhook_read_answer(struct arena *a, struct str body, struct webhook_answer *ret,
                                             struct err *err);
