/* What every page of the provider has in common: language, headers, rendering. */
#pragma once
#include "tkeauth/oidc.h"

const char *page_language(const struct oidc_provider *p, const struct http_request *req,
                          struct str ui_locales);
/* "{base}/auth/{connector}/login", path-only: the browser stays on the host it came by (contract 6.2). */
void page_login_path(const struct oidc_provider *p, const char *connector_id, struct strbuf *out);
/* Renders `page` into `res` with the page headers (CSP, no-store). */
enum err_code page_render(const struct oidc_provider *p, const struct http_request *req,
                          struct http_response *res, const char *page, const char *language,
                          const struct web_value *values, struct err *err);
