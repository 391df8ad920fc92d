/* What clients ask to learn the API: discovery, OpenAPI and the version. */
#pragma once
#include "tkeauth/http.h"

/* GET /, /api, /apis and what is below them by group and version; /openapi/v2, /openapi/v3; /version. They end with path NULL. */
extern const struct route kube_discovery_routes[];

/* The program that serves the routes defines this one: whether a caller may see /, /api and /apis, which are for those who have shown who they are
 * (/openapi and /version are for everybody: contract 1.5). Runs on a worker. False: `res` holds the answer, or `err`, whose code was ERR_OK,
 * says what went wrong. */
bool kube_admit_discovery(const void *app, const struct http_request *req, struct http_response *res,
                          struct err *err);
