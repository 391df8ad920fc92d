/* Reviews in Kubernetes' protobuf: newer kubectl sends those of its own groups in it and in nothing else. */
#pragma once
#include <jansson.h>

#include "tkeauth/base.h"

#define REVIEW_PROTOBUF_TYPE "application/vnd.kubernetes.protobuf"
enum { REVIEW_PROTOBUF_MAX = 1024 * 1024 };

/* The review (SelfSubjectReview, SelfSubjectAccessReview, SelfSubjectRulesReview or SubjectAccessReview of v1) as its JSON would be, spec alone. The
 * caller owns *ret. ERR_INVALID: it is none, or has a kind that is not one of these; the detail may be shown. ERR_LIMIT. */
MUST_CHECK enum err_code review_from_protobuf(struct str in, json_t **ret, struct err *err);
