#include "oidc/request.h"

#include "oidc/redirect_uri.h"
#include "oidc/scope.h"

enum { PARAM_URI_MAX = 2048, PARAM_STATE_MAX = 2048, PARAM_SHORT_MAX = 512 };

/* The first three say where an answer goes, and http/ names the first parameter that is wrong: they stay in front. */
const struct http_param_spec request_params[] = {
    { "client_id", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "redirect_uri", HTTP_PARAM_OPTIONAL, PARAM_URI_MAX },
    { "state", HTTP_PARAM_OPTIONAL, PARAM_STATE_MAX },
    { "response_type", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "response_mode", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "scope", HTTP_PARAM_OPTIONAL, PARAM_STATE_MAX },
    { "nonce", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "code_challenge", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "code_challenge_method", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "prompt", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "max_age", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "ui_locales", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "login_hint", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "connector_id", HTTP_PARAM_OPTIONAL, PARAM_SHORT_MAX },
    { "request", HTTP_PARAM_OPTIONAL, 16384 },
    { "request_uri", HTTP_PARAM_OPTIONAL, PARAM_URI_MAX },
    { "registration", HTTP_PARAM_OPTIONAL, PARAM_URI_MAX },
    { NULL, 0, 0 },
};

bool client_takes_connector(const struct client *c, const struct connector *connector) {
    return c->allowed_connectors.len == 0 || str_list_contains(&c->allowed_connectors, str_of(connector->id));
}

bool request_connector_usable(const struct client *c, const struct connector *connector) {
    if ((connector->ops->capabilities & CONNECTOR_PASSWORD) == 0)
        return false;
    return client_takes_connector(c, connector);
}

static struct request_result page_error(const char *key) {
    return (struct request_result) { .verdict = REQUEST_PAGE_ERROR, .page_key = key };
}

static void redirect_error(struct request_result *r, const char *code, const char *description) {
    if (r->verdict != REQUEST_OK)
        return; /* the first problem is the one that is told */
    r->verdict = REQUEST_REDIRECT_ERROR;
    r->error = (struct oauth_error) { code, description };
}

/* Processed or refused with their own error, never ignored: OIDC Core 3.1.2.6, 6, 7.2.1. */
static void check_unsupported(const struct http_request *req, struct request_result *r) {
    if (http_param(req, "request").ptr != NULL)
        redirect_error(r, "request_not_supported", "The request parameter is not supported.");
    if (http_param(req, "request_uri").ptr != NULL)
        redirect_error(r, "request_uri_not_supported", "The request_uri parameter is not supported.");
    if (http_param(req, "registration").ptr != NULL)
        redirect_error(r, "registration_not_supported", "The registration parameter is not supported.");
}

static void check_response(const struct http_request *req, struct request_result *r) {
    struct str type = http_param(req, "response_type");
    struct str mode = http_param(req, "response_mode");
    if (type.len == 0)
        redirect_error(r, "invalid_request", "response_type is missing.");
    else if (!str_eq(type, STR("code")))
        redirect_error(r, "unsupported_response_type", "Only response_type code is supported.");
    if (mode.ptr != NULL && !str_eq(mode, STR("query")))
        redirect_error(r, "invalid_request", "Only response_mode query is supported.");
}

/* S256 of a 32-byte hash is 43 characters of base64url (RFC 7636 4.2). */
static bool challenge_is_wellformed(struct str challenge) {
    unsigned char hash[32];
    struct err err;
    return base64url_decode_exact(challenge, hash, sizeof hash, &err) == ERR_OK;
}

static void check_pkce(const struct http_request *req, struct request_result *r) {
    struct str challenge = http_param(req, "code_challenge");
    struct str method = http_param(req, "code_challenge_method");
    if (challenge.ptr == NULL && method.ptr != NULL)
        redirect_error(r, "invalid_request", "code_challenge_method without code_challenge.");
    if (challenge.ptr == NULL && (r->client->is_public || r->client->require_pkce))
        redirect_error(r, "invalid_request", "This client must use PKCE with code_challenge_method S256.");
    /* Absent means plain (RFC 7636 4.3), and plain protects nobody. */
    if (challenge.ptr != NULL && !str_eq(method, STR("S256")))
        redirect_error(r, "invalid_request", "Only code_challenge_method S256 is supported.");
    if (challenge.ptr != NULL && !challenge_is_wellformed(challenge))
        redirect_error(r, "invalid_request", "code_challenge is not the S256 hash of a verifier.");
    r->auth.code_challenge = challenge;
}

/* Every login here is a fresh one, so prompt=login and any max_age hold by themselves, and prompt=none cannot (OIDC Core 3.1.2.1). */
static void check_prompt(const struct http_request *req, struct request_result *r) {
    struct str rest = http_param(req, "prompt"), word;
    size_t words = 0;
    bool none = false;
    while (str_next(&rest, ' ', &word)) {
        words++;
        if (str_eq(word, STR("none")))
            none = true;
        else if (!str_eq(word, STR("login")) && !str_eq(word, STR("consent")) &&
                 !str_eq(word, STR("select_account")))
            redirect_error(r, "invalid_request", "prompt has a value that is not known.");
    }
    if (none && words > 1)
        redirect_error(r, "invalid_request", "prompt none goes with no other value.");
    else if (none)
        redirect_error(r, "login_required", "The user has to log in.");
}

static void check_max_age(const struct http_request *req, struct request_result *r) {
    struct str max_age = http_param(req, "max_age");
    struct err err;
    uint64_t seconds;
    r->auth.max_age_given = max_age.ptr != NULL;
    if (max_age.ptr != NULL && parse_u64(max_age, 0, INT32_MAX, &seconds, &err) != ERR_OK)
        redirect_error(r, "invalid_request", "max_age is not a number of seconds.");
}

static void check_scope(const struct oidc_provider *p, const struct http_request *req,
                        struct request_result *r) {
    switch (scope_parse(p, req->arena, r->client, http_param(req, "scope"), &r->auth.scopes)) {
    case SCOPE_OK: break;
    case SCOPE_MALFORMED: redirect_error(r, "invalid_scope", "scope is malformed."); break;
    case SCOPE_NO_OPENID: redirect_error(r, "invalid_scope", "scope must hold openid."); break;
    case SCOPE_NOT_TRUSTED:
        redirect_error(r, "invalid_scope", "This client may not ask for another client as audience.");
        break;
    }
    r->auth.offline_access = scope_has(&r->auth.scopes, "offline_access");
}

static void check_connector(const struct oidc_provider *p, const struct http_request *req,
                            struct str from_path, struct request_result *r) {
    struct str id = from_path.ptr != NULL ? from_path : http_param(req, "connector_id");
    if (id.len == 0)
        return;
    const struct connector *connector = oidc_find_connector(p, id);
    if (connector == NULL || !request_connector_usable(r->client, connector))
        redirect_error(r, "invalid_request", "There is no such tenant for this client.");
    r->auth.connector_id = id;
}

static bool grant_type_allowed(const struct client *c, struct str grant_type) {
    return c->grant_types.len == 0 || str_list_contains(&c->grant_types, grant_type);
}

static bool is_any_of(struct str name, const char *a, const char *b) {
    return str_eq(name, str_of(a)) || str_eq(name, str_of(b));
}

/* A parameter given twice, or longer than any real one: never guessed at, cut or ignored (RFC 6749 3.1). */
static void check_form_of_params(const struct http_request *req, struct request_result *r) {
    if (str_eq(req->repeated_param, STR("state")) || str_eq(req->oversized_param, STR("state")))
        r->auth.state =
            STR_NULL; /* which of them would be a guess, and a long one does not fit into a redirect */
    if (req->repeated_param.ptr != NULL)
        redirect_error(r, "invalid_request", "A parameter is repeated.");
    if (req->oversized_param.ptr != NULL)
        redirect_error(r, "invalid_request", "A parameter is too long.");
}

struct request_result request_parse(const struct oidc_provider *p, const struct http_request *req,
                                    struct str connector_id) {
    struct request_result r = { .verdict = REQUEST_OK };
    struct str client_id = http_param(req, "client_id");
    if (is_any_of(req->repeated_param, "client_id", "redirect_uri") ||
        is_any_of(req->oversized_param, "client_id", "redirect_uri"))
        return page_error("bad_request");
    r.client = client_id.len ? oidc_find_client(p, client_id) : NULL;
    if (r.client == NULL)
        return page_error("unknown_client");
    struct str redirect_uri = http_param(req, "redirect_uri");
    if (!redirect_uri_allowed(r.client, redirect_uri))
        return page_error("redirect_uri");

    r.auth = (struct auth_request) {
        .client_id = r.client->id,
        .redirect_uri = redirect_uri,
        .redirect_uri_given = true,
        .state = http_param(req, "state"),
        .nonce = http_param(req, "nonce"),
        .ui_locales = http_param(req, "ui_locales"),
        .login_hint = http_param(req, "login_hint"),
        .issued_at = clock_now_s(p->clock),
    };
    check_form_of_params(req, &r);
    if (!grant_type_allowed(r.client, STR("authorization_code")))
        redirect_error(&r, "unauthorized_client", "This client may not use the authorization code grant.");
    check_unsupported(req, &r);
    check_response(req, &r);
    check_scope(p, req, &r);
    check_pkce(req, &r);
    check_max_age(req, &r);
    check_connector(p, req, connector_id, &r);
    check_prompt(req, &r);
    random_bytes(p->random, r.auth.id, sizeof r.auth.id);
    return r;
}
