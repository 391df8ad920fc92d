#include "cli/demo_app.h"

static const char cookie_name[] = "tke_demo";
enum { PAGE_MAX = 512 * 1024, CODE_MAX = 2048, TEXT_MAX = 4096 };

/* ---- pages ---- */

static const char *language_of(const struct demo *d, const struct http_request *req) {
    return web_language(d->web, STR_NULL, http_header(req, "Accept-Language"));
}

static enum err_code show(const struct demo *d, const struct http_request *req, struct http_response *res,
                          const char *page, const struct web_value *values, struct err *err) {
    const char *language = language_of(d, req);
    AUTO(strbuf_wipe_done) struct strbuf body = STRBUF(PAGE_MAX);
    enum err_code rc = web_render(d->web, page, language, values, &body, err);
    if (rc != ERR_OK)
        return rc;
    http_set_header(res, "Content-Security-Policy", str_of(web_csp(d->web)));
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_set_header(res, "Content-Language", str_of(language));
    http_body(res, "text/html; charset=utf-8", strbuf_str(&body));
    return ERR_OK;
}

/* The demo runs on its user's own machine, so its error page shows the detail that a real application would only log. */
static enum err_code show_error(const struct demo *d, const struct http_request *req,
                                struct http_response *res, unsigned status, const char *reason,
                                const char *detail, struct err *err) {
    const char *language = language_of(d, req);
    char *heading = arena_printf(req->arena, "demo_error_%s_heading", reason);
    char *text = arena_printf(req->arena, "demo_error_%s_text", reason);
    if (arena_failed(req->arena))
        return err_set(err, ERR_NOMEM, "error page");
    const struct web_value values[] = {
        { .name = "heading", .text = str_of(web_message(d->web, language, heading)) },
        { .name = "message", .text = str_of(web_message(d->web, language, text)) },
        { .name = "detail", .text = str_of(detail) },
        { .name = NULL },
    };
    http_status(res, status);
    return show(d, req, res, "demo_error", values, err);
}

/* A call or a check failed: the page says which kind of failure it was. */
static enum err_code show_failure(const struct demo *d, const struct http_request *req,
                                  struct http_response *res, const struct err *failure, struct err *err) {
    log_write_err(d->log, LOG_LEVEL_WARN, req->request_id, "demo_failed", failure, LOG_FIELDS());
    bool down = failure->code == ERR_UNAVAILABLE || failure->code == ERR_TIMEOUT;
    bool unverified = failure->code == ERR_UNAUTHENTICATED;
    const char *reason = down ? "unreachable" : unverified ? "unverified" : "refused";
    return show_error(d, req, res, down ? 503 : 502, reason, failure->detail, err);
}

static void render_error(void *app, const struct http_request *req, enum err_code code, unsigned status,
                         struct http_response *res) {
    struct err err = { 0 };
    (void)code;
    if (show_error(app, req, res, status, status == 404 ? "not_found" : "request", "", &err) != ERR_OK)
        http_body(res, "text/plain; charset=utf-8", STR("The request could not be answered.\n"));
}

/* ---- sessions ---- */

static void set_cookie(const struct demo *d, struct http_response *res, const char *id) {
    const struct http_cookie_spec cookie = {
        .name = cookie_name,
        .value = str_of(id),
        .path = "/",
        .max_age_s = id[0] ? 0 : -1,
        .http_only = true,
        .secure = str_starts_with(d->settings.home_uri, STR("https:")),
        .same_site = "Lax",
    };
    http_set_cookie(res, &cookie);
}

static enum err_code load(const struct demo *d, const struct http_request *req, struct demo_session *ret,
                          struct err *err) {
    return demo_sessions_get(d->sessions, http_cookie(req, cookie_name), clock_now_s(d->clock), ret, err);
}

static void save(const struct demo *d, struct demo_session *session) {
    demo_sessions_put_take(d->sessions, session, clock_now_s(d->clock));
}

static enum err_code go_home(struct http_response *res) {
    http_redirect(res, 303, STR("/"));
    return ERR_OK;
}

/* ---- GET / ---- */

static void split_token(struct str token, struct str parts[3]) {
    struct str rest;
    (void)str_cut(token, '.', &parts[0], &rest);
    (void)str_cut(rest, '.', &parts[1], &parts[2]);
}

static enum err_code show_claims(const struct demo *d, const struct http_request *req,
                                 struct http_response *res, const struct demo_session *session,
                                 struct err *err) {
    const char *language = language_of(d, req);
    json_auto_t *claims = NULL, *info = NULL;
    enum err_code rc = json_parse(str_of(session->claims), &claims, err);
    if (rc == ERR_OK && session->userinfo != NULL)
        rc = json_parse(str_of(session->userinfo), &info, err);
    if (rc != ERR_OK)
        return rc;
    int64_t expires = json_get_i64(claims, "exp", 0), now = clock_now_s(d->clock);
    struct str parts[3] = { STR_NULL, STR_NULL, STR_NULL }, name = json_get_str(claims, "name");
    split_token(secret_expose(&session->id_token), parts);
    char *countdown = arena_printf(req->arena, "/countdown.css?left=%lld&total=%lld",
                                   (long long)(expires > now ? expires - now : 0),
                                   (long long)(expires - json_get_i64(claims, "iat", now)));
    const struct web_list *rows = demo_claim_rows(req->arena, d->web, language, claims);
    const struct web_list *info_rows = info ? demo_claim_rows(req->arena, d->web, language, info) : NULL;
    if (arena_failed(req->arena))
        return err_set(err, ERR_NOMEM, "claims page");
    const struct web_value values[] = {
        { .name = "name", .text = name.len ? name : json_get_str(claims, "sub") },
        { .name = "notice",
          .text = session->notice ? str_of(web_message(d->web, language, session->notice)) : STR_NULL },
        { .name = "issuer", .text = d->settings.issuer },
        { .name = "key", .text = str_of(session->key) },
        { .name = "algorithm", .text = str_of(session->algorithm) },
        { .name = "expired", .flag = expires <= now },
        { .name = "countdown", .text = str_of(countdown) },
        { .name = "can_refresh", .flag = session->refresh_token.len > 0 },
        { .name = "claims", .list = rows },
        { .name = "userinfo", .list = info_rows },
        { .name = "token_header", .text = parts[0] },
        { .name = "token_payload", .text = parts[1] },
        { .name = "token_signature", .text = parts[2] },
        { .name = NULL },
    };
    return show(d, req, res, "demo_claims", values, err);
}

static enum err_code home(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    const struct demo *d = app;
    AUTO(demo_session_done) struct demo_session session = { 0 };
    struct err ignored;
    if (load(d, req, &session, &ignored) == ERR_OK && session.claims != NULL) {
        enum err_code rc = show_claims(d, req, res, &session, err);
        if (rc == ERR_OK && session.notice != NULL) { /* said once */
            session.notice = NULL;
            save(d, &session);
        }
        return rc;
    }
    const struct web_value values[] = { { .name = "issuer", .text = d->settings.issuer },
                                        { .name = "client_id", .text = d->settings.client_id },
                                        { .name = NULL } };
    return show(d, req, res, "demo_start", values, err);
}

/* ---- logging in ---- */

static enum err_code login(void *app, const struct http_request *req, struct http_response *res,
                           struct err *err) {
    const struct demo *d = app;
    struct demo_provider p = { 0 };
    struct err failure = { 0 };
    struct url url;
    /* The answer comes to the host of redirect_uri: a cookie set under another name of this machine would not be there. */
    struct str host = http_header(req, "Host");
    if (url_parse(d->settings.home_uri, &url, &failure) == ERR_OK &&
        !str_eq_nocase(host, (struct str) { url.host.ptr, (size_t)(url.path.ptr - url.host.ptr) })) {
        http_redirect(res, 303, d->settings.home_uri);
        return ERR_OK;
    }
    if (demo_discover(d, req->arena, &p, &failure) != ERR_OK)
        return show_failure(d, req, res, &failure, err);
    AUTO(demo_session_done) struct demo_session session = { 0 };
    demo_random_id(d->random, session.id);
    demo_random_id(d->random, session.state);
    demo_random_id(d->random, session.nonce);
    demo_random_id(d->random, session.verifier);
    AUTO(strbuf_done) struct strbuf location = STRBUF(8192);
    demo_login_url(&d->settings, &p, &session, &location);
    enum err_code rc = strbuf_check(&location, err);
    if (rc != ERR_OK)
        return rc;
    set_cookie(d, res, session.id);
    save(d, &session);
    http_redirect(res, 303, strbuf_str(&location));
    return ERR_OK;
}

static const struct http_param_spec callback_params[] = {
    { "code", HTTP_PARAM_SECRET, CODE_MAX },
    { "state", HTTP_PARAM_OPTIONAL, TEXT_MAX },
    { "iss", HTTP_PARAM_OPTIONAL, TEXT_MAX },
    { "error", HTTP_PARAM_OPTIONAL, TEXT_MAX },
    { "error_description", HTTP_PARAM_OPTIONAL, TEXT_MAX },
    { NULL, 0, 0 },
};

static enum err_code callback(void *app, const struct http_request *req, struct http_response *res,
                              struct err *err) {
    const struct demo *d = app;
    AUTO(demo_session_done) struct demo_session session = { 0 };
    struct err failure = { 0 };
    struct str code = http_param(req, "code"), iss = http_param(req, "iss"), error = http_param(req, "error");
    if (load(d, req, &session, &failure) != ERR_OK || session.state[0] == '\0' ||
        !secret_equal(http_param(req, "state"), str_of(session.state)))
        return show_error(d, req, res, 400, "state", "", err);
    demo_sessions_remove(d->sessions, str_of(session.id)); /* state, nonce and verifier serve once */
    /* RFC 9207 2.4: an answer of another issuer is a mix-up. */
    if (iss.ptr != NULL && !str_eq(iss, d->settings.issuer))
        return show_error(d, req, res, 400, "issuer", "", err);
    if (code.len == 0) {
        char *detail = arena_printf(req->arena, "%.*s: %.*s", STR_FMT(str_sub(error, 0, 64)),
                                    STR_FMT(str_sub(http_param(req, "error_description"), 0, 256)));
        return show_error(d, req, res, 400, "declined", error.len && detail ? detail : "", err);
    }
    if (demo_redeem(d, req->arena, code, &session, &failure) != ERR_OK)
        return show_failure(d, req, res, &failure, err);
    session.state[0] = session.nonce[0] = session.verifier[0] = '\0';
    session.notice = "demo_notice_signed_in";
    demo_random_id(d->random, session.id); /* a session that has rights gets a new name */
    set_cookie(d, res, session.id);
    save(d, &session);
    return go_home(res);
}

/* ---- the buttons ---- */

static enum err_code act(const struct demo *d, const struct http_request *req, struct http_response *res,
                         enum err_code (*action)(const struct demo *, struct arena *, struct demo_session *,
                                                 struct err *),
                         const char *notice, struct err *err) {
    AUTO(demo_session_done) struct demo_session session = { 0 };
    struct err failure = { 0 };
    if (load(d, req, &session, &failure) != ERR_OK || session.claims == NULL)
        return go_home(res);
    if (action(d, req->arena, &session, &failure) != ERR_OK)
        return show_failure(d, req, res, &failure, err);
    session.notice = notice;
    save(d, &session);
    return go_home(res);
}

static enum err_code refresh(void *app, const struct http_request *req, struct http_response *res,
                             struct err *err) {
    return act(app, req, res, demo_refresh, "demo_notice_refreshed", err);
}

static enum err_code userinfo(void *app, const struct http_request *req, struct http_response *res,
                              struct err *err) {
    return act(app, req, res, demo_fetch_userinfo, "demo_notice_userinfo", err);
}

/* Here first, then at the provider (OpenID Connect RP-Initiated Logout 1.0), which sends the browser back. */
static enum err_code logout(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err) {
    const struct demo *d = app;
    AUTO(demo_session_done) struct demo_session session = { 0 };
    struct demo_provider p = { 0 };
    struct err failure = { 0 };
    if (load(d, req, &session, &failure) != ERR_OK)
        return go_home(res);
    demo_sessions_remove(d->sessions, str_of(session.id));
    set_cookie(d, res, "");
    if (session.id_token.len == 0)
        return go_home(res);
    if (demo_discover(d, req->arena, &p, &failure) != ERR_OK)
        return show_failure(d, req, res, &failure, err);
    if (p.end_session_endpoint.len == 0)
        return go_home(res);
    AUTO(strbuf_wipe_done) struct strbuf location = STRBUF(32 * 1024);
    demo_logout_url(&d->settings, &p, secret_expose(&session.id_token), &location);
    enum err_code rc = strbuf_check(&location, err);
    if (rc == ERR_OK)
        http_redirect(res, 303, strbuf_str(&location));
    return rc;
}

/* ---- what pages link to ---- */

static const struct http_param_spec countdown_params[] = {
    { "left", HTTP_PARAM_REQUIRED, 20 },
    { "total", HTTP_PARAM_REQUIRED, 20 },
    { NULL, 0, 0 },
};

static enum err_code countdown(void *app, const struct http_request *req, struct http_response *res,
                               struct err *err) {
    (void)app;
    int64_t left = 0, total = 0;
    enum err_code rc = parse_i64(http_param(req, "left"), 0, INT32_MAX, &left, err);
    if (rc != ERR_OK || (rc = parse_i64(http_param(req, "total"), 0, INT32_MAX, &total, err)) != ERR_OK)
        return rc;
    AUTO(strbuf_done) struct strbuf css = STRBUF(8192);
    demo_countdown_css(left, total, &css);
    if ((rc = strbuf_check(&css, err)) == ERR_OK)
        http_body(res, "text/css; charset=utf-8", strbuf_str(&css));
    return rc;
}

static enum err_code static_file(void *app, const struct http_request *req, struct http_response *res,
                                 struct err *err) {
    const struct demo *d = app;
    struct str body, etag;
    const char *type;
    enum err_code rc = web_static(d->web, http_path_rest(req), &body, &type, &etag, err);
    if (rc != ERR_OK)
        return rc;
    http_set_header(res, "ETag", etag);
    http_set_header(res, "Cache-Control", STR("public, max-age=3600"));
    http_body_static(res, type, body);
    return ERR_OK;
}

const struct route demo_routes[] = {
    { .methods = HTTP_GET,
      .path = "/",
      .handle = home,
      .run = HTTP_RUN_WORK,
      .no_store = true,
      .metric = "home",
      .on_error = render_error },
    { .methods = HTTP_GET,
      .path = "/login",
      .handle = login,
      .run = HTTP_RUN_WORK,
      .no_store = true,
      .metric = "login",
      .on_error = render_error },
    { .methods = HTTP_GET,
      .path = "/callback",
      .handle = callback,
      .run = HTTP_RUN_WORK,
      .params = callback_params,
      .no_store = true,
      .metric = "callback",
      .on_error = render_error },
    { .methods = HTTP_POST,
      .path = "/refresh",
      .handle = refresh,
      .run = HTTP_RUN_WORK,
      .body_max = 1024,
      .no_store = true,
      .same_site = true,
      .metric = "refresh",
      .on_error = render_error },
    { .methods = HTTP_POST,
      .path = "/userinfo",
      .handle = userinfo,
      .run = HTTP_RUN_WORK,
      .body_max = 1024,
      .no_store = true,
      .same_site = true,
      .metric = "userinfo",
      .on_error = render_error },
    { .methods = HTTP_POST,
      .path = "/logout",
      .handle = logout,
      .run = HTTP_RUN_WORK,
      .body_max = 1024,
      .no_store = true,
      .same_site = true,
      .metric = "logout",
      .on_error = render_error },
    { .methods = HTTP_GET,
      .path = "/countdown.css",
      .handle = countdown,
      .run = HTTP_RUN_LOOP,
      .params = countdown_params,
      .no_store = true,
      .metric = "countdown",
      .on_error = render_error },
    { .methods = HTTP_GET,
      .path = "/static/{*}",
      .handle = static_file,
      .run = HTTP_RUN_LOOP,
      .metric = "static",
      .on_error = render_error },
    { .path = NULL },
};
