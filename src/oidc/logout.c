/* RP-initiated logout: GET and POST {base}/logout (OpenID Connect RP-Initiated Logout 1.0). There is no session in the browser to end:
 * what ends is the login's refresh families. The ID token is the proof of who asks, so nobody can log another user out by a link. */
#include "oidc/endpoints.h"
#include "oidc/errors.h"
#include "oidc/pages.h"
#include "oidc/redirect_uri.h"

struct logout {
    struct str client_id;        /* as the hint says, also of a client that is no more; STR_NULL: no hint */
    const struct client *client; /* NULL: not known */
    struct str session_id;       /* STR_NULL: no valid hint */
    struct str subject;
    struct str return_to; /* STR_NULL: nowhere */
};

/* RP-Initiated Logout 2: an expired token is still a hint; azp, or a single aud, is the client. */
static enum err_code read_hint(const struct oidc_provider *p, const struct http_request *req,
                               struct logout *ret, struct err *err) {
    struct jwt token = { 0 };
    const struct jwt_rules rules = {
        .typ = "JWT", .issuer = p->issuer, .now = clock_now_s(p->clock), .allow_expired = true
    };
    enum err_code rc = keyset_verify(p->keys, http_param(req, "id_token_hint"), &rules, &token, err);
    if (rc != ERR_OK)
        return rc;
    struct str client_id = json_get_str(token.payload, "azp");
    if (client_id.ptr == NULL)
        client_id = json_get_str(token.payload, "aud");
    ret->client_id = arena_str(req->arena, client_id);
    ret->client = oidc_find_client(p, client_id);
    ret->session_id = arena_str(req->arena, json_get_str(token.payload, "sid"));
    ret->subject = arena_str(req->arena, json_get_str(token.payload, "sub"));
    jwt_done(&token);
    return ERR_OK;
}

static void choose_return(const struct http_request *req, struct logout *l) {
    struct str uri = http_param(req, "post_logout_redirect_uri");
    if (l->client == NULL || uri.len == 0 || !str_list_contains(&l->client->post_logout_redirect_uris, uri))
        return;
    AUTO(strbuf_done) struct strbuf location = STRBUF(8192);
    struct str state = http_param(req, "state");
    if (state.ptr == NULL)
        strbuf_add(&location, uri);
    else {
        redirect_uri_begin(&location, uri);
        form_add(&location, STR("state"), state);
    }
    if (!location.failed)
        l->return_to = arena_str(req->arena, strbuf_str(&location));
}

static enum err_code logged_out_page(const struct oidc_provider *p, const struct http_request *req,
                                     struct http_response *res, const struct logout *l, struct err *err) {
    /* The page links to http(s) only; to a native application the redirect leads, or nothing. */
    bool linkable = str_starts_with(l->return_to, STR("https://")) ||
                    str_starts_with(l->return_to, STR("http://"));
    struct str name = l->client == NULL ? STR_NULL : l->client->name.len ? l->client->name : l->client->id;
    const struct web_value values[] = {
        { .name = "client", .text = name },
        { .name = "return_href", .text = linkable ? l->return_to : STR_NULL },
        { .name = NULL },
    };
    return page_render(p, req, res, "logged_out", page_language(p, req, http_param(req, "ui_locales")),
                       values, err);
}

enum err_code oidc_logout(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    const struct oidc_provider *p = app;
    struct logout l = { 0 };
    struct str client_id = http_param(req, "client_id");
    if (http_param(req, "id_token_hint").ptr != NULL && read_hint(p, req, &l, err) != ERR_OK) {
        log_info(req->log, req->request_id, "logout_refused", KV("reason", (const char *)err->detail));
        return oauth_error_page(p, req, res, 400, "logout", err);
    }
    if (client_id.len > 0 && l.client_id.ptr != NULL && !str_eq(client_id, l.client_id))
        return oauth_error_page(p, req, res, 400, "logout", err);
    if (l.client_id.ptr == NULL && client_id.len > 0)
        l.client = oidc_find_client(p, client_id);
    choose_return(req, &l);
    if (l.session_id.len == 0) /* nothing proved: the page, and at most a link to follow by hand */
        return logged_out_page(p, req, res, &l, err);
    const struct store_family_filter filter = { .session_id = l.session_id, .subject = l.subject };
    size_t revoked = 0;
    enum err_code rc = store_family_revoke(p->store, &filter, &revoked, err);
    if (rc != ERR_OK)
        return rc;
    audit_event(req->log, req->request_id, "logout", KV("client", l.client ? l.client->id : STR("?")),
                KV("sid", l.session_id), KV("revoked", revoked));
    if (l.return_to.ptr == NULL)
        return logged_out_page(p, req, res, &l, err);
    http_redirect(res, 303, l.return_to);
    return ERR_OK;
}
