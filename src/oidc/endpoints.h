/* The handlers that routes.c names; each lives in the file of its name. Their app is a `const struct oidc_provider *`. */
#pragma once
#include "tkeauth/oidc.h"

enum err_code oidc_discovery(void *app, const struct http_request *req, struct http_response *res,
                             struct err *err);
enum err_code oidc_keys(void *app, const struct http_request *req, struct http_response *res,
                        struct err *err);
enum err_code oidc_authorize(void *app, const struct http_request *req, struct http_response *res,
                             struct err *err);
enum err_code oidc_login_form(void *app, const struct http_request *req, struct http_response *res,
                              struct err *err);
enum err_code oidc_login_submit(void *app, const struct http_request *req, struct http_response *res,
                                struct err *err);
enum err_code oidc_token(void *app, const struct http_request *req, struct http_response *res,
                         struct err *err);
enum err_code oidc_userinfo(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err);
enum err_code oidc_logout(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err);
enum err_code oidc_static(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err);
