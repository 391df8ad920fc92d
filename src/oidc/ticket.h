/* The authorization request on its way through the login page: sealed, expiring, bound to one browser by a cookie. Nothing is
 * stored for a visitor who has proved nothing (invariant 1). */
#pragma once
#include "tkeauth/oidc.h"

enum { TICKET_BINDING_SIZE = 32, TICKET_MAX = 12 * 1024 };

/* The value of the browser's binding cookie, or a new one when it has none; a cookie is then set. The same browser keeps one value
 * for all its tabs. */
struct str ticket_binding(const struct oidc_provider *p, const struct http_request *req,
                          struct http_response *res, const struct auth_request *auth);
/* base64url; in the request's arena. */
enum err_code ticket_seal(const struct oidc_provider *p, struct arena *a, const struct auth_request *auth,
                          struct str binding, struct str *ret, struct err *err);
/* ERR_INVALID: not ours, or another browser's. ERR_EXPIRED. */
enum err_code ticket_open(const struct oidc_provider *p, const struct http_request *req, struct str ticket,
                          struct auth_request *ret, struct err *err);
/* The anti-forgery value of the form that carries `ticket`. */
enum err_code ticket_csrf(const struct oidc_provider *p, const struct http_request *req, struct str ticket,
                          struct str *ret, struct err *err);
