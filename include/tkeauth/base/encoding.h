/* base64url, base64, hex, percent and form encoding; URLs. Decoders are strict: one value has one spelling. */
#pragma once
#include "tkeauth/base/arena.h"

void base64url_add(struct strbuf *out, const void *data, size_t len); /* RFC 4648 5, no padding */
void base64_add(struct strbuf *out, const void *data, size_t len);    /* RFC 4648 4, padded */
void hex_add(struct strbuf *out, const void *data, size_t len);       /* lower case */
/* Appends the decoded bytes. ERR_INVALID: a character outside the alphabet, padding, trailing bits that are not 0. */
MUST_CHECK enum err_code base64url_decode(struct str in, struct strbuf *out, struct err *err);
/* Padding required, blanks refused. */
MUST_CHECK enum err_code base64_decode(struct str in, struct strbuf *out, struct err *err);
MUST_CHECK enum err_code hex_decode(struct str in, struct strbuf *out, struct err *err);
/* Exactly `len` bytes into `out`. */
MUST_CHECK enum err_code base64url_decode_exact(struct str in, void *out, size_t len, struct err *err);

/* RFC 3986 2.1: everything but unreserved characters becomes %XX. */
void percent_add(struct strbuf *out, struct str s);
/* ERR_INVALID: a broken %XX. `plus_is_space` for forms. */
MUST_CHECK enum err_code percent_decode(struct str in, bool plus_is_space, struct strbuf *out,
                                        struct err *err);

/* application/x-www-form-urlencoded: names and values as the sender meant them (bytes; may hold NUL). */
struct form_field {
    struct str name, value;
};
struct form {
    struct form_field *fields;
    size_t len;
};
enum { FORM_FIELDS_MAX = 128 };
/* ERR_INVALID: broken percent encoding. ERR_LIMIT: more than FORM_FIELDS_MAX. */
MUST_CHECK enum err_code form_parse(struct arena *a, struct str in, struct form *ret, struct err *err);
/* How often `name` occurs; the first value through `ret` (may be NULL). */
size_t form_find(const struct form *f, struct str name, struct str *ret);
/* "name=value", with '&' in front unless `out` is empty or ends in '?' or '&'. */
void form_add(struct strbuf *out, struct str name, struct str value);

/* An absolute URL, split (RFC 3986 3). Parts are slices of the input. */
struct url {
    struct str scheme, userinfo, host, port, path, query, fragment;
    bool has_authority, has_userinfo, has_query, has_fragment;
};
/* ERR_INVALID: no scheme, a blank, control or non-ASCII character, a backslash, a bad port or IPv6 literal. */
MUST_CHECK enum err_code url_parse(struct str in, struct url *ret, struct err *err);
/* "127.0.0.1", "[::1]" or "localhost" (RFC 8252 7.3, 8.3). */
bool url_host_is_loopback(struct str host);
enum { REDIRECT_URI_MAX = 2048 };
/* A URI that an authorization response may be sent to (RFC 6749 3.1.2, RFC 8252 7): https, http on loopback (anywhere with
 * `plain_http_ok`), or a private-use scheme, which must have a dot in it; no fragment, no user information.
 * ERR_INVALID otherwise, so also for javascript: and data:. */
MUST_CHECK enum err_code url_check_redirect(struct str uri, bool plain_http_ok, struct err *err);
