/* Answers: a metav1.Status for what is refused, objects for what is met. */
#pragma once
#include "kube/request.h"

/* kr->refusal, or what `rc` amounts to, as a Status. */
void answer_refusal(struct kube_request *kr, enum err_code rc, const struct err *err);
void status_print(struct strbuf *out, const struct refusal *r, const struct kind *k, struct str name);
/* Likewise of what is about no object. */
void status_answer(struct http_response *res, unsigned status, const char *reason, const char *message);
/* {"kind":"Status","status":"Success","details":{...}} */
void answer_success(struct kube_request *kr, struct str uid);
/* A whole body; frees `out` not. */
MUST_CHECK enum err_code answer_json(struct kube_request *kr, unsigned status, const struct strbuf *out,
                                     struct err *err);
/* Warning headers (RFC 9111 5.5, code 299), as kubectl shows them. */
void answer_warnings(struct kube_request *kr);
/* For the router: errors in front of the handler. */
void kube_render_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                       struct http_response *res);
