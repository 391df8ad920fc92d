/* The authorization request (RFC 6749 4.1.1, OIDC Core 3.1.2.1): from parameters to a validated struct auth_request. */
#pragma once
#include "oidc/errors.h"

enum request_verdict {
    REQUEST_OK,
    REQUEST_PAGE_ERROR, /* client or redirect URI cannot be trusted: never redirect; `page_key` names the page */
    REQUEST_REDIRECT_ERROR, /* `error` goes to auth->redirect_uri with auth->state */
};
struct request_result {
    enum request_verdict verdict;
    const char *page_key;
    struct oauth_error error;
    const struct client *client;
    struct auth_request auth;
};
extern const struct http_param_spec request_params[];
/* `connector_id` from the path, or STR_NULL: then the parameter of that name counts. */
struct request_result request_parse(const struct oidc_provider *p, const struct http_request *req,
                                    struct str connector_id);
/* May this client's users come from there? */
bool client_takes_connector(const struct client *c, const struct connector *connector);
/* May this client's users log in there, with a password? */
bool request_connector_usable(const struct client *c, const struct connector *connector);
