/* The token endpoint: POST {base}/token (RFC 6749 3.2). The client is authenticated first, and nothing is used up before. */
#include "oidc/endpoints.h"
#include "oidc/errors.h"
#include "oidc/grants/grants.h"

static const struct client *find_client(const void *ctx, struct str id) { return oidc_find_client(ctx, id); }

bool grant_may_refresh(const struct client *client) {
    return client->grant_types.len == 0 || str_list_contains(&client->grant_types, STR("refresh_token"));
}

enum err_code grant_refuse(const struct http_request *req, struct http_response *res,
                           const struct client *client, struct oauth_error e, const char *reason) {
    log_info(req->log, req->request_id, "token_refused", KV("client", client->id), KV("error", e.code),
             KV("reason", reason));
    oauth_error_json(res, 400, e);
    return ERR_OK;
}

struct grant_type {
    const char *name;
    grant_handler handle;
};
static const struct grant_type grant_types[] = {
    { "authorization_code", grant_authorization_code },
    { "refresh_token", grant_refresh_token },
    { "password", grant_password },
};

static const struct grant_type *find_grant_type(struct str name) {
    for (size_t i = 0; i < ARRAY_LEN(grant_types); i++)
        if (str_eq(name, str_of(grant_types[i].name)))
            return &grant_types[i];
    return NULL;
}

/* The password grant only where client and provider both say so; the others unless the client's list leaves them out. */
static bool client_may_use(const struct oidc_provider *p, const struct client *c, struct str name) {
    if (str_eq(name, STR("password")))
        return p->password_connector.ptr != NULL && str_list_contains(&c->grant_types, name);
    return c->grant_types.len == 0 || str_list_contains(&c->grant_types, name);
}

enum err_code oidc_token(void *app, const struct http_request *req, struct http_response *res,
                         struct err *err) {
    const struct oidc_provider *p = app;
    struct client_auth auth = authn_client(req, find_client, p);
    if (auth.outcome == CLIENT_AUTH_INVALID) {
        oauth_error_json(
            res, 400,
            (struct oauth_error) { "invalid_request", "Client authentication is malformed or given twice." });
        return ERR_OK;
    }
    if (auth.outcome != CLIENT_AUTH_OK) {
        log_info(req->log, req->request_id, "token_refused", KV("error", "invalid_client"),
                 KV("address", req->client_ip));
        oauth_error_json(res, 401,
                         (struct oauth_error) { "invalid_client", "Client authentication failed." });
        return ERR_OK;
    }
    struct str name = http_param(req, "grant_type");
    if (name.len == 0)
        return grant_refuse(req, res, auth.client,
                            (struct oauth_error) { "invalid_request", "grant_type is missing." },
                            "no grant_type");
    const struct grant_type *type = find_grant_type(name);
    if (type == NULL)
        return grant_refuse(
            req, res, auth.client,
            (struct oauth_error) { "unsupported_grant_type", "This grant_type is not supported." },
            "unknown grant_type");
    if (!client_may_use(p, auth.client, name))
        return grant_refuse(
            req, res, auth.client,
            (struct oauth_error) { "unauthorized_client", "This client may not use this grant_type." },
            type->name);
    return type->handle(p, req, res, auth.client, err);
}
