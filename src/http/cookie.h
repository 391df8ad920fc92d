/* Cookies: reading Cookie, writing Set-Cookie (RFC 6265). */
#pragma once
#include "tkeauth/http.h"

/* The first cookie of that name in one Cookie header; STR_NULL when absent. Surrounding quotes are cut. */
struct str cookie_find(struct str header, struct str name);
/* The value of a Set-Cookie header. False: a name, value or attribute that a header must not hold (RFC 6265 4.1.1), or
 * `out` is full. */
MUST_CHECK bool cookie_format(const struct http_cookie_spec *cookie, struct strbuf *out);
