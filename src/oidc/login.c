/* The login form of a tenant: GET and POST {base}/auth/{connector}/login. */
#include "oidc/login.h"

#include "oidc/code.h"
#include "oidc/endpoints.h"
#include "oidc/errors.h"
#include "oidc/pages.h"
#include "oidc/redirect_uri.h"
#include "oidc/request.h"
#include "oidc/scope.h"
#include "oidc/ticket.h"

static const char *outcome_name(enum attempt_outcome outcome) {
    switch (outcome) {
    case ATTEMPT_OK: return "ok";
    case ATTEMPT_WRONG: return "wrong_credentials";
    case ATTEMPT_BLOCKED: return "blocked";
    case ATTEMPT_THROTTLED: return "throttled";
    case ATTEMPT_UNAVAILABLE:
    default: return "unavailable";
    }
}

static void record_attempt(const struct oidc_provider *p, const struct http_request *req,
                           const struct attempt *attempt, enum attempt_outcome outcome) {
    const char *name = outcome_name(outcome);
    char *labels = arena_printf(req->arena, "connector=\"%s\",outcome=\"%s\"", attempt->connector->id, name);
    if (labels != NULL)
        counter_add(
            metrics_counter(p->metrics, "tkeauth_logins_total", labels, "Password attempts by outcome"), 1);
    audit_event(req->log, req->request_id, "login", KV("outcome", name), KV("tenant", attempt->connector->id),
                KV("user", attempt->username), KV("client", attempt->client->id),
                KV("address", req->client_ip));
}

static enum attempt_outcome ask_connector(const struct oidc_provider *p, const struct http_request *req,
                                          const struct attempt *attempt, struct identity *ret) {
    enum login_outcome outcome = LOGIN_WRONG_CREDENTIALS;
    struct err err = { 0 };
    const struct login login = {
        .username = attempt->username,
        .password = attempt->password,
        .want_groups = scope_has(attempt->scopes, "groups"),
        .want_refresh = scope_has(attempt->scopes, "offline_access"),
        .request_id = req->request_id,
        .deadline_mono_ms = clock_mono_ms(p->clock) + p->login_deadline_ms,
    };
    if (connector_login(attempt->connector, req->arena, &login, &outcome, ret, &err) != ERR_OK) {
        log_warn_err(req->log, req->request_id, "login_unavailable", &err,
                     KV("tenant", attempt->connector->id));
        return ATTEMPT_UNAVAILABLE;
    }
    return outcome == LOGIN_OK ? ATTEMPT_OK : outcome == LOGIN_BLOCKED ? ATTEMPT_BLOCKED : ATTEMPT_WRONG;
}

enum http_run login_run_of(const struct connector *c) {
    return str_eq(str_of(c->ops->type), STR("local")) ? HTTP_RUN_LOGIN : HTTP_RUN_DIRECTORY;
}

enum attempt_outcome login_attempt(const struct oidc_provider *p, const struct http_request *req,
                                   const struct attempt *attempt, struct identity *ret,
                                   int64_t *ret_retry_after_s) {
    const struct throttle_key key = { str_of(attempt->connector->id), attempt->username, req->client_ip };
    *ret_retry_after_s = throttle_check(p->throttle, &key);
    if (*ret_retry_after_s > 0) {
        record_attempt(p, req, attempt, ATTEMPT_THROTTLED);
        return ATTEMPT_THROTTLED;
    }
    enum attempt_outcome outcome = ask_connector(p, req, attempt, ret);
    /* A blocked account's password was right: no guessing to slow down, but no reason to forget earlier guesses either. */
    if (outcome == ATTEMPT_WRONG)
        throttle_failed(p->throttle, &key);
    else
        throttle_done(p->throttle, &key, outcome == ATTEMPT_OK);
    record_attempt(p, req, attempt, outcome);
    return outcome;
}

/* Everything both methods need: the ticket's request, its client, the tenant of the path. */
struct login_context {
    struct auth_request auth;
    const struct client *client;
    struct connector *connector;
    struct str ticket, csrf;
    const char *page_key; /* not NULL: show this error page instead */
};

static struct login_context open_context(const struct oidc_provider *p, const struct http_request *req) {
    struct login_context c = { .ticket = http_param(req, "ticket") };
    struct err err = { 0 };
    enum err_code rc = ticket_open(p, req, c.ticket, &c.auth, &err);
    if (rc == ERR_OK)
        rc = ticket_csrf(p, req, c.ticket, &c.csrf, &err);
    if (rc != ERR_OK) {
        log_warn_err(req->log, req->request_id, "login_refused", &err, KV("address", req->client_ip));
        c.page_key = rc == ERR_EXPIRED ? "expired" : "login_ticket";
        return c;
    }
    c.client = oidc_find_client(p, c.auth.client_id);
    c.connector = oidc_find_connector(p, http_path_param(req, "connector"));
    if (c.client == NULL || c.connector == NULL || !request_connector_usable(c.client, c.connector))
        c.page_key = "unknown_tenant";
    else if (c.auth.connector_id.ptr != NULL && !str_eq(c.auth.connector_id, str_of(c.connector->id)))
        c.page_key = "unknown_tenant"; /* the client asked for one tenant; this is another one's form */
    else if (!redirect_uri_allowed(c.client, c.auth.redirect_uri))
        c.page_key = "redirect_uri"; /* taken from the client while the form was open */
    return c;
}

struct form_state {
    enum attempt_outcome outcome; /* ATTEMPT_OK: a fresh form */
    struct str username;
    int64_t retry_after_s;
};

static bool tenant_is_a_choice(const struct oidc_provider *p, const struct client *c) {
    size_t usable = 0;
    for (size_t i = 0; i < p->connector_count; i++)
        usable += request_connector_usable(c, p->connectors[i]);
    return usable > 1 || p->always_show_login_screen;
}

/* Back to the choice: the same request without a tenant, as the client first made it. */
static struct str back_path(const struct oidc_provider *p, const struct http_request *req,
                            const struct login_context *c) {
    AUTO(strbuf_done) struct strbuf path = STRBUF(16384), scopes = STRBUF(4096);
    if (!tenant_is_a_choice(p, c->client) || c->auth.connector_id.ptr != NULL)
        return STR_NULL;
    scope_join(&c->auth.scopes, &scopes);
    strbuf_add(&path, p->base_path);
    strbuf_adds(&path, "/auth?");
    form_add(&path, STR("client_id"), c->auth.client_id);
    form_add(&path, STR("redirect_uri"), c->auth.redirect_uri);
    form_add(&path, STR("response_type"), STR("code"));
    form_add(&path, STR("scope"), strbuf_str(&scopes));
    const struct {
        const char *name;
        struct str value;
    } optional[] = { { "state", c->auth.state },
                     { "nonce", c->auth.nonce },
                     { "code_challenge", c->auth.code_challenge },
                     { "code_challenge_method", c->auth.code_challenge.ptr ? STR("S256") : STR_NULL },
                     { "login_hint", c->auth.login_hint },
                     { "ui_locales", c->auth.ui_locales } };
    for (size_t i = 0; i < ARRAY_LEN(optional); i++)
        if (optional[i].value.ptr != NULL)
            form_add(&path, str_of(optional[i].name), optional[i].value);
    return path.failed ? STR_NULL : arena_str(req->arena, strbuf_str(&path));
}

/* The redirect after this form leads to the client, and Chromium holds form-action against it: a native application's own scheme
 * (RFC 8252 7.1) must be let through, for this page alone. */
static void allow_private_scheme(const struct oidc_provider *p, const struct auth_request *auth,
                                 struct http_response *res) {
    struct url url;
    struct err err;
    AUTO(strbuf_done) struct strbuf csp = STRBUF(2048);
    if (url_parse(auth->redirect_uri, &url, &err) != ERR_OK || str_eq(url.scheme, STR("https")) ||
        str_eq(url.scheme, STR("http")))
        return;
    strbuf_adds(
        &csp,
        web_csp(p->web)); /* ends with form-action; a scheme holds no blank or semicolon (RFC 3986 3.1) */
    strbuf_addf(&csp, " %.*s:", STR_FMT(url.scheme));
    http_set_header(res, "Content-Security-Policy", strbuf_str(&csp));
}

static enum err_code render_form(const struct oidc_provider *p, const struct http_request *req,
                                 struct http_response *res, const struct login_context *c,
                                 const struct form_state *form, struct err *err) {
    char *retry_after = arena_printf(req->arena, "%lld", (long long)form->retry_after_s);
    AUTO(strbuf_done) struct strbuf action = STRBUF(1024);
    page_login_path(p, c->connector->id, &action);
    const struct web_value values[] = {
        { .name = "action", .text = strbuf_str(&action) },
        { .name = "login", .text = form->username },
        { .name = "prompt", .text = str_of(connector_prompt(c->connector)) },
        { .name = "tenant", .text = str_of(c->connector->name) },
        { .name = "client", .text = c->client->name.len ? c->client->name : c->client->id },
        { .name = "error_credentials", .flag = form->outcome == ATTEMPT_WRONG },
        { .name = "error_blocked", .flag = form->outcome == ATTEMPT_BLOCKED },
        { .name = "error_throttled", .flag = form->outcome == ATTEMPT_THROTTLED },
        { .name = "error_unavailable", .flag = form->outcome == ATTEMPT_UNAVAILABLE },
        { .name = "retry_after", .text = str_of(retry_after) },
        { .name = "request_id", .text = str_of(req->request_id) },
        { .name = "ticket", .text = c->ticket },
        { .name = "csrf", .text = c->csrf },
        { .name = "back", .text = back_path(p, req, c) },
        { .name = NULL },
    };
    if (form->outcome == ATTEMPT_THROTTLED) {
        http_status(res, 429);
        http_set_header(res, "Retry-After", str_of(retry_after));
    } else if (form->outcome == ATTEMPT_UNAVAILABLE) {
        http_status(res, 503);
        http_set_header(res, "Retry-After", STR("5"));
    } else if (form->outcome == ATTEMPT_BLOCKED)
        http_status(res, 403);
    enum err_code rc = page_render(p, req, res, "login", page_language(p, req, c->auth.ui_locales), values,
                                   err);
    allow_private_scheme(p, &c->auth, res);
    return rc;
}

enum err_code oidc_login_form(void *app, const struct http_request *req, struct http_response *res,
                              struct err *err) {
    const struct oidc_provider *p = app;
    struct login_context c = open_context(p, req);
    if (c.page_key != NULL)
        return oauth_error_page(p, req, res, 400, c.page_key, err);
    return render_form(p, req, res, &c, &(struct form_state) { .username = c.auth.login_hint }, err);
}

/* RFC 6749 4.1.2, RFC 9207; 303, so that the browser does not repeat the POST at the client (RFC 9700 4.12). */
static enum err_code answer_code(const struct oidc_provider *p, const struct http_request *req,
                                 struct http_response *res, const struct login_context *c,
                                 const struct identity *identity, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf code = STRBUF(256), location = STRBUF(16384);
    enum err_code rc = code_issue(p, req->arena, &c->auth, identity, &code, err);
    if (rc != ERR_OK)
        return rc;
    redirect_uri_begin(&location, c->auth.redirect_uri);
    form_add(&location, STR("code"), strbuf_str(&code));
    redirect_uri_end(p, &location, c->auth.state);
    rc = strbuf_check(&location, err);
    if (rc != ERR_OK)
        return rc;
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_redirect(res, 303, strbuf_str(&location));
    return ERR_OK;
}

enum err_code oidc_login_submit(void *app, const struct http_request *req, struct http_response *res,
                                struct err *err) {
    const struct oidc_provider *p = app;
    struct login_context c = open_context(p, req);
    if (c.page_key != NULL)
        return oauth_error_page(p, req, res, 400, c.page_key, err);
    if (!secret_equal(http_param(req, "csrf"), c.csrf))
        return oauth_error_page(p, req, res, 400, "login_ticket", err);
    if (req->run != login_run_of(c.connector)) {
        http_move(res, login_run_of(c.connector));
        return ERR_OK;
    }
    struct identity identity = { 0 };
    struct form_state form = { .username = http_param(req, "login") };
    const struct attempt attempt = { c.connector, form.username, http_param(req, "password"), &c.auth.scopes,
                                     c.client };
    bool is_complete = attempt.username.len > 0 && attempt.password.len > 0;
    form.outcome = is_complete ? login_attempt(p, req, &attempt, &identity, &form.retry_after_s)
                               : ATTEMPT_WRONG; /* no guess: nobody is asked, nothing is counted */
    if (form.outcome != ATTEMPT_OK)
        return render_form(p, req, res, &c, &form, err);
    return answer_code(p, req, res, &c, &identity, err);
}
