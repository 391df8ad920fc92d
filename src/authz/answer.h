/* Writing the answers of the review endpoints by hand into a bounded buffer. */
#pragma once
#include "authz/review.h"
#include "tkeauth/authn.h"

enum { ANSWER_MAX = 16 * 1024 * 1024 };

void answer_access(struct strbuf *out, const struct review_head *head, const struct authz_decision *d);
/* One list entry a call, between _begin and _end. */
void answer_batch_begin(struct strbuf *out, const struct review_head *head);
void answer_batch_item(struct strbuf *out, bool first, const struct authz_attributes *asked,
                       const struct authz_decision *d);
void answer_batch_end(struct strbuf *out);

/* `user` NULL: not authenticated, `error` says why. "system:authenticated" is for the asker to add, and not among the groups. The token is never repeated; `audiences` are those to return. */
void answer_token(struct strbuf *out, const struct token_review *review, const struct principal *user,
                  const struct str *audiences, size_t audience_count, struct str error);

/* A metav1.Status failure. */
void answer_status(struct strbuf *out, unsigned code, const char *reason, struct str message);
