/* The userinfo endpoint: GET and POST {base}/userinfo (OIDC Core 5.3). What it answers travels sealed in the access token, so it reads
 * no storage. */
#include "oidc/claims.h"
#include "oidc/endpoints.h"
#include "oidc/errors.h"

static const struct oauth_error no_token = { NULL, NULL };
static const struct oauth_error bad_token = {
    "invalid_token", "The access token is malformed, expired, or not meant for this."
};
static const struct oauth_error bad_request = { "invalid_request", "Send one access token, in one place." };
static const struct oauth_error bad_scope = { "insufficient_scope",
                                              "The access token was not issued for openid." };

static bool scope_text_has(struct str scope, const char *name) {
    struct str token;
    while (str_next(&scope, ' ', &token))
        if (str_eq(token, str_of(name)))
            return true;
    return false;
}

enum err_code oidc_userinfo(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err) {
    const struct oidc_provider *p = app;
    struct access_token token = { 0 };
    AUTO(strbuf_wipe_done) struct strbuf body = STRBUF(64 * 1024);
    bool sent = http_header_count(req, "Authorization") > 0 || http_param(req, "access_token").ptr != NULL;
    if (!sent) {
        oauth_error_bearer(res, 401, no_token);
        return ERR_OK;
    }
    enum err_code rc = authn_bearer(req, p->keys, p->issuer, p->issuer, &token, err);
    if (rc == ERR_INVALID) {
        oauth_error_bearer(res, 400, bad_request);
        return ERR_OK;
    }
    if (rc == ERR_OK && !scope_text_has(token.scope, "openid")) {
        oauth_error_bearer(res, 403, bad_scope);
        return ERR_OK;
    }
    if (rc == ERR_OK)
        rc = claims_userinfo(p, &token, &body, err);
    if (rc == ERR_UNAUTHENTICATED) {
        log_info(req->log, req->request_id, "userinfo_refused", KV("reason", (const char *)err->detail));
        oauth_error_bearer(res, 401, bad_token);
        return ERR_OK;
    }
    if (rc == ERR_OK)
        http_body(res, "application/json", strbuf_str(&body));
    return rc;
}
