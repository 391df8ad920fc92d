#include "oidc/pages.h"

enum { PAGE_MAX = 256 * 1024 };

const char *page_language(const struct oidc_provider *p, const struct http_request *req,
                          struct str ui_locales) {
    return web_language(p->web, ui_locales, http_header(req, "Accept-Language"));
}

void page_login_path(const struct oidc_provider *p, const char *connector_id, struct strbuf *out) {
    strbuf_add(out, p->base_path);
    strbuf_adds(out, "/auth/");
    percent_add(out, str_of(connector_id));
    strbuf_adds(out, "/login");
}

enum err_code page_render(const struct oidc_provider *p, const struct http_request *req,
                          struct http_response *res, const char *page, const char *language,
                          const struct web_value *values, struct err *err) {
    (void)req;
    AUTO(strbuf_wipe_done) struct strbuf body = STRBUF(PAGE_MAX);
    enum err_code rc = web_render(p->web, page, language, values, &body, err);
    if (rc != ERR_OK)
        return rc;
    http_set_header(res, "Content-Security-Policy", str_of(web_csp(p->web)));
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_set_header(res, "Content-Language", str_of(language));
    http_set_header(res, "Vary", STR("Accept-Language"));
    http_body(res, "text/html; charset=utf-8", strbuf_str(&body));
    return ERR_OK;
}
