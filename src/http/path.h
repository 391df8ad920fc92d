/* The path of a request target: decoded once, or refused. */
#pragma once
#include "tkeauth/base.h"

/* Splits an origin-form or absolute-form target (RFC 9112 3.2) into raw path and query; both are slices of it. */
void path_split_target(struct str target, struct str *ret_path, struct str *ret_query);

/* Decodes a raw path so that it has one spelling. ERR_INVALID: it does not begin with a slash, has a broken or needless
 * trick in it (an encoded slash, a backslash, NUL or another control character, "." or "..", an empty segment before the
 * last), or is not UTF-8. The result is a slice of `raw` when nothing had to be decoded, else in `a`. */
MUST_CHECK enum err_code path_decode(struct arena *a, struct str raw, struct str *ret, struct err *err);
