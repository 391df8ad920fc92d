/* JSON pointers (RFC 6901). */
#pragma once
#include "tkeauth/base.h"

/* The tokens, unescaped. A pointer with more of them than a document has levels cannot lead anywhere. */
struct pointer {
    struct str tokens[JSON_DEPTH_MAX];
    size_t len;
};

/* ERR_INVALID: no '/' in front, or '~' before something else than 0 and 1; ERR_LIMIT: too many tokens. Tokens
 * live in `text` and `a`. */
MUST_CHECK enum err_code pointer_parse(struct arena *a, struct str text, struct pointer *ret,
                                       struct err *err);
/* What the first `len` tokens lead to; NULL: nothing. "-", the place behind a list, is nothing. */
json_t *pointer_get(json_t *root, const struct pointer *p, size_t len);
/* "0" or "17", but not "-1", "01" or "-". */
bool pointer_index(struct str token, size_t *ret);
/* True if `p` leads to something inside of what `outer` leads to. */
bool pointer_is_inside(const struct pointer *p, const struct pointer *outer);
