/* The three ways an error leaves the provider: a JSON object (RFC 6749 5.2), a redirect to the client (4.1.2.1), a page. All
 * texts are fixed; what really happened goes to the log. */
#pragma once
#include "tkeauth/oidc.h"

struct oauth_error {
    const char *code;        /* RFC 6749, OIDC Core 3.1.2.6; a literal */
    const char *description; /* only characters RFC 6749 5.2 allows; a literal */
};

/* {"error","error_description"} with no-store; 401 gets a Basic challenge (RFC 6749 5.2). */
void oauth_error_json(struct http_response *res, unsigned status, struct oauth_error e);
/* RFC 6750 3.1: WWW-Authenticate with error and description; `code` NULL when no token was sent at all. */
void oauth_error_bearer(struct http_response *res, unsigned status, struct oauth_error e);
/* Appends error, error_description, state and iss (RFC 9207) to a redirect URI that has been found to be the client's. */
void oauth_error_redirect(const struct oidc_provider *p, struct http_response *res, struct str redirect_uri,
                          struct str state, struct oauth_error e);
/* The error page; `key` names the messages "error_<key>_heading", "error_<key>_text" and "error_<key>_next". */
enum err_code oauth_error_page(const struct oidc_provider *p, const struct http_request *req,
                               struct http_response *res, unsigned status, const char *key, struct err *err);

/* http_error_renderers: what the edge calls when a handler failed or the request never reached one. */
void oidc_render_json_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                            struct http_response *res);
void oidc_render_page_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                            struct http_response *res);
