/* Reading the bodies of the review endpoints (contract 3.1-3.4, oidc.md 3.2 and 3.3): SubjectAccessReview of authorization.k8s.io v1 and
 * v1beta1 with the platform's list of attributes, TokenReview of authentication.k8s.io. */
#pragma once
#include "tkeauth/authz.h"

enum {
    REVIEW_GROUPS_MAX = 65536, /* fill a body of 1 MB, which must be answered */
    REVIEW_EXTRA_MAX = 256,    /* keys */
    REVIEW_NAME_MAX = 16384,   /* bytes of a user, a group or an attribute: all are matched against rules */
    REVIEW_WORK_MAX = 262144,  /* questions of a list times groups: the event loop answers them in one go */
    REVIEW_AUDIENCES_MAX = 256,
};

/* What both kinds of review begin with. Slices of the body; `metadata` and `spec` are JSON text to echo, STR_NULL when absent. */
struct review_head {
    struct str api_version, kind, metadata, spec;
};
struct access_review {
    struct review_head head;
    struct authz_user user;
    const struct authz_attributes *attributes; /* one; NULL when there is a list only */
    const struct authz_attributes *list;       /* resourceAttributesList */
    size_t list_len;
    bool has_list;
};
/* ERR_INVALID: malformed, another kind, no user, nothing or two things asked; ERR_LIMIT: too many elements or nested too deep; the
 * detail is made of our own words and may be shown. */
MUST_CHECK enum err_code access_review_parse(struct arena *a, struct str body, struct access_review *ret,
                                             struct err *err);

struct token_review {
    struct review_head head;
    struct str token; /* a secret: never logged, never echoed */
    const struct str *audiences;
    size_t audience_count;
    struct str audiences_json; /* as it came; STR_NULL when absent */
};
MUST_CHECK enum err_code token_review_parse(struct arena *a, struct str body, struct token_review *ret,
                                            struct err *err);
