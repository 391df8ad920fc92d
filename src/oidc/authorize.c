/* The authorization endpoint: GET and POST {base}/auth and {base}/auth/{connector} (RFC 6749 3.1, OIDC Core 3.1.2). It checks, seals,
 * and sends the browser to the login form of the tenant, or lets it choose one. It stores nothing. */
#include "oidc/endpoints.h"
#include "oidc/pages.h"
#include "oidc/request.h"
#include "oidc/ticket.h"

/* The login form of a tenant, with the sealed request. */
static char *login_path(const struct oidc_provider *p, struct arena *a, const char *connector_id,
                        struct str ticket) {
    AUTO(strbuf_done) struct strbuf path = STRBUF(2 * TICKET_MAX + 1024);
    page_login_path(p, connector_id, &path);
    strbuf_addc(&path, '?');
    form_add(&path, STR("ticket"), ticket);
    return path.failed ? NULL : arena_strdup(a, strbuf_str(&path));
}

/* The tenants this client's users may come from; `*ret_len` of them, in configuration order. */
static const struct connector **usable_connectors(const struct oidc_provider *p, struct arena *a,
                                                  const struct client *c, size_t *ret_len) {
    const struct connector **usable = arena_array(a, p->connector_count + 1, sizeof(struct connector *));
    *ret_len = 0;
    for (size_t i = 0; usable != NULL && i < p->connector_count; i++)
        if (request_connector_usable(c, p->connectors[i]))
            usable[(*ret_len)++] = p->connectors[i];
    return usable;
}

static enum err_code choice_page(const struct oidc_provider *p, const struct http_request *req,
                                 struct http_response *res, const struct auth_request *auth,
                                 struct str ticket, const struct connector *const *connectors, size_t len,
                                 struct err *err) {
    struct arena *a = req->arena;
    const struct web_value **rows = arena_array(a, len, sizeof(struct web_value *));
    for (size_t i = 0; rows != NULL && i < len; i++) {
        struct web_value *row = arena_array(a, 3, sizeof *row);
        if (row == NULL)
            break;
        row[0] = (struct web_value) { .name = "name", .text = str_of(connectors[i]->name) };
        row[1] = (struct web_value) { .name = "href",
                                      .text = str_of(login_path(p, a, connectors[i]->id, ticket)) };
        rows[i] = row;
    }
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "the tenants of a choice page");
    const struct web_list choices = { rows, len };
    const struct web_value values[] = { { .name = "choices", .list = &choices }, { .name = NULL } };
    return page_render(p, req, res, "tenants", page_language(p, req, auth->ui_locales), values, err);
}

static enum err_code continue_to_login(const struct oidc_provider *p, const struct http_request *req,
                                       struct http_response *res, const struct request_result *r,
                                       struct err *err) {
    size_t len = 0;
    struct str ticket = STR_NULL;
    const struct connector **usable = usable_connectors(p, req->arena, r->client, &len);
    if (usable == NULL)
        return err_set(err, ERR_NOMEM, "the tenants of a client");
    if (len == 0) {
        log_warn(req->log, req->request_id, "no_connector", KV("client", r->client->id));
        oauth_error_redirect(
            p, res, r->auth.redirect_uri, r->auth.state,
            (struct oauth_error) { "temporarily_unavailable", "No tenant can log users in now." });
        return ERR_OK;
    }
    enum err_code rc = ticket_seal(p, req->arena, &r->auth, ticket_binding(p, req, res, &r->auth), &ticket,
                                   err);
    if (rc != ERR_OK)
        return rc;
    const char *chosen = r->auth.connector_id.ptr != NULL ? oidc_find_connector(p, r->auth.connector_id)->id
                                                          : usable[0]->id;
    if (r->auth.connector_id.ptr == NULL && (len > 1 || p->always_show_login_screen))
        return choice_page(p, req, res, &r->auth, ticket, usable, len, err);
    char *path = login_path(p, req->arena, chosen, ticket);
    if (path == NULL)
        return err_set(err, ERR_LIMIT, "a login path");
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_redirect(res, 303, str_of(path));
    return ERR_OK;
}

enum err_code oidc_authorize(void *app, const struct http_request *req, struct http_response *res,
                             struct err *err) {
    const struct oidc_provider *p = app;
    struct request_result r = request_parse(p, req, http_path_param(req, "connector"));
    switch (r.verdict) {
    case REQUEST_PAGE_ERROR:
        log_info(req->log, req->request_id, "authorize_refused", KV("reason", r.page_key),
                 KV("client", http_param(req, "client_id")));
        return oauth_error_page(p, req, res, 400, r.page_key, err);
    case REQUEST_REDIRECT_ERROR:
        log_info(req->log, req->request_id, "authorize_refused", KV("reason", r.error.description),
                 KV("client", r.client->id));
        oauth_error_redirect(p, res, r.auth.redirect_uri, r.auth.state, r.error);
        return ERR_OK;
    case REQUEST_OK:
    default: return continue_to_login(p, req, res, &r, err);
    }
}
