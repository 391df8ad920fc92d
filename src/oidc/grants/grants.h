/* One file per grant_type; each answers the request whole, errors included. */
#pragma once
#include "oidc/errors.h"

typedef enum err_code (*grant_handler)(const struct oidc_provider *p, const struct http_request *req,
                                       struct http_response *res, const struct client *client,
                                       struct err *err);

enum err_code grant_authorization_code(const struct oidc_provider *p, const struct http_request *req,
                                       struct http_response *res, const struct client *client,
                                       struct err *err);
enum err_code grant_refresh_token(const struct oidc_provider *p, const struct http_request *req,
                                  struct http_response *res, const struct client *client, struct err *err);
enum err_code grant_password(const struct oidc_provider *p, const struct http_request *req,
                             struct http_response *res, const struct client *client, struct err *err);

/* Answers `e` with status 400 and tells the log why. */
enum err_code grant_refuse(const struct http_request *req, struct http_response *res,
                           const struct client *client, struct oauth_error e, const char *reason);
/* May this client get refresh tokens? */
bool grant_may_refresh(const struct client *client);
