#include "oidc/errors.h"

#include "oidc/pages.h"
#include "oidc/redirect_uri.h"

static void add_error_members(struct strbuf *body, struct oauth_error e) {
    bool first = true;
    strbuf_addc(body, '{');
    json_field_str(body, &first, "error", str_of(e.code));
    json_field_str(body, &first, "error_description", str_of(e.description));
    strbuf_addc(body, '}');
}

void oauth_error_json(struct http_response *res, unsigned status, struct oauth_error e) {
    AUTO(strbuf_done) struct strbuf body = STRBUF(1024);
    add_error_members(&body, e);
    http_status(res, status);
    if (status == 401)
        http_set_header(res, "WWW-Authenticate", STR("Basic realm=\"tke-auth\", charset=\"UTF-8\""));
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_set_header(res, "Pragma", STR("no-cache"));
    http_body(res, "application/json", strbuf_str(&body));
}

void oauth_error_bearer(struct http_response *res, unsigned status, struct oauth_error e) {
    AUTO(strbuf_done) struct strbuf challenge = STRBUF(512);
    strbuf_adds(&challenge, "Bearer realm=\"tke-auth\"");
    if (e.code != NULL) {
        /* Both are literals without quotes or backslashes. */
        strbuf_addf(&challenge, ", error=\"%s\", error_description=\"%s\"", e.code, e.description);
        oauth_error_json(res, status, e);
    }
    http_status(res, status);
    http_set_header(res, "WWW-Authenticate", strbuf_str(&challenge));
    http_set_header(res, "Cache-Control", STR("no-store"));
}

void oauth_error_redirect(const struct oidc_provider *p, struct http_response *res, struct str redirect_uri,
                          struct str state, struct oauth_error e) {
    AUTO(strbuf_done) struct strbuf location = STRBUF(16384);
    redirect_uri_begin(&location, redirect_uri);
    form_add(&location, STR("error"), str_of(e.code));
    form_add(&location, STR("error_description"), str_of(e.description));
    redirect_uri_end(p, &location, state);
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_redirect(res, 303, strbuf_str(&location));
}

enum err_code oauth_error_page(const struct oidc_provider *p, const struct http_request *req,
                               struct http_response *res, unsigned status, const char *key, struct err *err) {
    const char *language = page_language(p, req, STR_NULL);
    const char *heading = arena_printf(req->arena, "error_%s_heading", key);
    const char *text = arena_printf(req->arena, "error_%s_text", key);
    const char *next = arena_printf(req->arena, "error_%s_next", key);
    if (arena_failed(req->arena))
        return err_set(err, ERR_NOMEM, "an error page");
    const struct web_value values[] = {
        { .name = "heading", .text = str_of(web_message(p->web, language, heading)) },
        { .name = "message", .text = str_of(web_message(p->web, language, text)) },
        { .name = "next", .text = str_of(web_message(p->web, language, next)) },
        { .name = "request_id", .text = str_of(req->request_id) },
        { .name = NULL },
    };
    http_status(res, status);
    return page_render(p, req, res, "error", language, values, err);
}

static struct oauth_error json_error_of(enum err_code code, unsigned status) {
    if (status == 503)
        return (struct oauth_error) { "temporarily_unavailable",
                                      "The service cannot answer now. Try again shortly." };
    if (status == 401)
        return (struct oauth_error) { "invalid_client", "Client authentication failed." };
    if (code == ERR_EXPIRED)
        return (struct oauth_error) { "invalid_grant", "The grant has expired." };
    if (status >= 500)
        return (struct oauth_error) { "server_error", "The request could not be answered." };
    return (struct oauth_error) { "invalid_request",
                                  "The request is malformed, repeats or lacks a parameter." };
}

void oidc_render_json_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                            struct http_response *res) {
    (void)app;
    (void)req;
    struct oauth_error e = json_error_of(code, status);
    AUTO(strbuf_done) struct strbuf body = STRBUF(1024);
    add_error_members(&body, e);
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_body(res, "application/json", strbuf_str(&body));
}

static const char *page_key_of(unsigned status) {
    switch (status) {
    case 403: return "forbidden";
    case 404: return "not_found";
    case 429: return "throttled";
    case 503: return "unavailable";
    default: return status >= 500 ? "internal" : "bad_request";
    }
}

void oidc_render_page_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                            struct http_response *res) {
    (void)code;
    struct err err = { 0 };
    if (oauth_error_page(app, req, res, status, page_key_of(status), &err) != ERR_OK) {
        log_error_err(req->log, req->request_id, "error_page", &err);
        http_body(res, "text/plain; charset=utf-8", STR("The request could not be answered.\n"));
    }
}
