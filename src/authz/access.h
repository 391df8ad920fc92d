/* Who may call the endpoints. */
#pragma once
#include "tkeauth/authz.h"

enum { ACCESS_TOKENS_MAX = 1024, ACCESS_TOKEN_FILE_MAX = 1024 * 1024 };

struct access;
MUST_CHECK enum err_code access_new(const struct authz_access *options, const struct random *random,
                                    struct access **ret, struct err *err);
void access_free(struct access *x);
DEFINE_AUTO_FREE(access_free, struct access);
enum access_outcome {
    ACCESS_OK,
    ACCESS_MISSING, /* 401: no credential, or a token that is not known */
    ACCESS_REFUSED, /* 403: a certificate whose names are not allowed */
};
enum access_outcome access_check(struct access *x, const struct http_request *req);
