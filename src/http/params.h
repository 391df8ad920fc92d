/* The parameters a route declared, out of a query or a form body; everything else in it is ignored. */
#pragma once
#include "tkeauth/http.h"

struct param_set {
    struct http_param_value
        *values; /* one per declared parameter, in its order; value.ptr NULL when absent */
    size_t len;
    struct str repeated, missing, oversized; /* the first declared name each, or STR_NULL */
};
/* A parameter without a value counts as absent (RFC 6749 3.1). Of a repeated one the first value is kept.
 * ERR_INVALID, ERR_LIMIT: `encoded` is not a form (form_parse). Memory in `a`. */
MUST_CHECK enum err_code params_collect(struct arena *a, const struct http_param_spec *specs,
                                        struct str encoded, struct param_set *ret, struct err *err);
