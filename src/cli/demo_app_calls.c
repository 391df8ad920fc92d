/* The calls the demo app makes to the provider. */
#include "cli/demo_app.h"

enum { ANSWER_MAX = 512 * 1024, CALL_TIMEOUT_MS = 10000, CONNECT_TIMEOUT_MS = 3000 };

static enum err_code call(const struct demo *d, struct httpc_request *req, struct str url, struct arena *a,
                          struct httpc_response *ret, struct err *err) {
    AUTO_FREE(httpc_free) struct httpc *c = NULL;
    enum err_code rc = httpc_new(&c, err);
    if (rc != ERR_OK)
        return rc;
    req->url = arena_strdup(a, url);
    if (req->url == NULL)
        return err_set(err, ERR_NOMEM, "call");
    req->ca_file = d->settings.ca_file;
    req->allow_http = d->settings.allow_http;
    req->timeout_ms = CALL_TIMEOUT_MS;
    req->connect_timeout_ms = CONNECT_TIMEOUT_MS;
    req->response_max = ANSWER_MAX;
    rc = httpc_call(c, req, ret, err);
    return rc == ERR_OK ? ERR_OK : err_context(err, "%s", req->url);
}

/* What an answer other than 200 says: RFC 6749 5.2 error codes are for people, too. */
static enum err_code refused(const struct httpc_response *res, const char *what, struct err *err) {
    json_auto_t *root = NULL;
    struct err ignored;
    struct str code = STR_NULL, description = STR_NULL;
    if (json_parse(strbuf_str(&res->body), &root, &ignored) == ERR_OK) {
        code = json_get_str(root, "error");
        description = json_get_str(root, "error_description");
    }
    return err_set(err, res->status >= 500 ? ERR_UNAVAILABLE : ERR_FORBIDDEN, "%s answered %ld %.*s%s%.*s",
                   what, res->status, STR_FMT(str_sub(code, 0, 64)), description.len ? ": " : "",
                   STR_FMT(str_sub(description, 0, 160)));
}

static enum err_code get(const struct demo *d, struct arena *a, struct str url, const char *const *headers,
                         const char *what, struct httpc_response *ret, struct err *err) {
    struct httpc_request req = { .method = "GET", .headers = headers };
    enum err_code rc = call(d, &req, url, a, ret, err);
    if (rc == ERR_OK && ret->status != 200)
        return refused(ret, what, err);
    return rc;
}

enum err_code demo_discover(const struct demo *d, struct arena *a, struct demo_provider *ret,
                            struct err *err) {
    AUTO(httpc_response_done) struct httpc_response res = { 0 };
    char *url = arena_printf(a, "%.*s/.well-known/openid-configuration", STR_FMT(d->settings.issuer));
    enum err_code rc = get(d, a, str_of(url), NULL, "discovery", &res, err);
    return rc == ERR_OK ? demo_provider_parse(a, &d->settings, strbuf_str(&res.body), ret, err) : rc;
}

/* RFC 6749 2.3.1: a confidential client names itself in the Authorization header, a public one in the body. */
static void authenticate(const struct demo_settings *s, struct strbuf *header, struct strbuf *body) {
    if (s->client_secret.len == 0) {
        form_add(body, STR("client_id"), s->client_id);
        return;
    }
    AUTO(strbuf_wipe_done) struct strbuf pair = STRBUF(8192);
    percent_add(&pair, s->client_id);
    strbuf_addc(&pair, ':');
    percent_add(&pair, secret_expose(&s->client_secret));
    strbuf_adds(header, "Authorization: Basic ");
    base64_add(header, pair.ptr, pair.len);
}

/* Posts the grant in `body`, then checks what came back. */
static enum err_code ask_for_tokens(const struct demo *d, struct arena *a, struct strbuf *body,
                                    struct str nonce, struct demo_session *session, struct err *err) {
    struct demo_provider p = { 0 };
    enum err_code rc = demo_discover(d, a, &p, err);
    if (rc != ERR_OK)
        return rc;
    AUTO(strbuf_wipe_done) struct strbuf header = STRBUF(16384);
    authenticate(&d->settings, &header, body);
    if ((rc = strbuf_check(body, err)) != ERR_OK || (rc = strbuf_check(&header, err)) != ERR_OK)
        return rc;
    const char *headers[] = { "Content-Type: application/x-www-form-urlencoded", "Accept: application/json",
                              header.len ? strbuf_c(&header) : NULL, NULL };
    struct httpc_request req = { .method = "POST", .headers = headers, .body = strbuf_str(body) };
    AUTO(httpc_response_done) struct httpc_response res = { 0 }, keys = { 0 };
    if ((rc = call(d, &req, p.token_endpoint, a, &res, err)) != ERR_OK)
        return rc;
    if (res.status != 200)
        return refused(&res, "the token endpoint", err);
    if ((rc = demo_take_tokens(strbuf_str(&res.body), session, err)) != ERR_OK ||
        (rc = get(d, a, p.jwks_uri, NULL, "the key set", &keys, err)) != ERR_OK)
        return rc;
    return demo_check_id_token(&d->settings, strbuf_str(&keys.body), nonce, clock_now_s(d->clock), session,
                               err);
}

enum err_code demo_redeem(const struct demo *d, struct arena *a, struct str code,
                          struct demo_session *session, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf body = STRBUF(16384);
    form_add(&body, STR("grant_type"), STR("authorization_code"));
    form_add(&body, STR("code"), code);
    form_add(&body, STR("redirect_uri"), d->settings.redirect_uri);
    form_add(&body, STR("code_verifier"), str_of(session->verifier));
    return ask_for_tokens(d, a, &body, str_of(session->nonce), session, err);
}

enum err_code demo_refresh(const struct demo *d, struct arena *a, struct demo_session *session,
                           struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf body = STRBUF(16384);
    struct err ignored;
    json_auto_t *before = NULL, *after = NULL;
    if (session->refresh_token.len == 0 || session->claims == NULL)
        return err_set(err, ERR_INVALID, "this session has no refresh token");
    form_add(&body, STR("grant_type"), STR("refresh_token"));
    form_add(&body, STR("refresh_token"), secret_expose(&session->refresh_token));
    if (json_parse(str_of(session->claims), &before, &ignored) != ERR_OK)
        return err_set(err, ERR_INTERNAL, "the session's claims");
    enum err_code rc = ask_for_tokens(d, a, &body, STR_NULL, session, err);
    if (rc != ERR_OK || (rc = json_parse(str_of(session->claims), &after, err)) != ERR_OK)
        return rc;
    /* OIDC Core 12.2: it is still the same person. */
    if (!str_eq(json_get_str(before, "sub"), json_get_str(after, "sub")))
        return err_set(err, ERR_UNAUTHENTICATED, "the refreshed ID token names another person");
    return ERR_OK;
}

enum err_code demo_fetch_userinfo(const struct demo *d, struct arena *a, struct demo_session *session,
                                  struct err *err) {
    struct demo_provider p = { 0 };
    enum err_code rc = demo_discover(d, a, &p, err);
    if (rc != ERR_OK)
        return rc;
    if (p.userinfo_endpoint.len == 0)
        return err_set(err, ERR_NOT_FOUND, "discovery names no userinfo_endpoint");
    AUTO(strbuf_wipe_done) struct strbuf header = STRBUF(20 * 1024);
    strbuf_adds(&header, "Authorization: Bearer ");
    strbuf_add(&header, secret_expose(&session->access_token));
    if ((rc = strbuf_check(&header, err)) != ERR_OK)
        return rc;
    const char *headers[] = { strbuf_c(&header), "Accept: application/json", NULL };
    AUTO(httpc_response_done) struct httpc_response res = { 0 };
    if ((rc = get(d, a, p.userinfo_endpoint, headers, "userinfo", &res, err)) != ERR_OK)
        return rc;
    json_auto_t *claims = NULL, *info = NULL;
    if ((rc = json_parse(strbuf_str(&res.body), &info, err)) != ERR_OK ||
        (rc = json_parse(str_of(session->claims), &claims, err)) != ERR_OK)
        return rc;
    /* OIDC Core 5.3.2: userinfo of somebody else must not be used. */
    if (!str_eq(json_get_str(info, "sub"), json_get_str(claims, "sub")))
        return err_set(err, ERR_UNAUTHENTICATED, "sub of userinfo is not that of the ID token");
    free(session->userinfo);
    session->userinfo = json_print(info);
    return session->userinfo != NULL ? ERR_OK : err_set(err, ERR_NOMEM, "userinfo");
}
