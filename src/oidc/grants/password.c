/* grant_type=password (RFC 6749 4.3): only for clients that list it, at the one tenant the provider names. The platform's gateway logs
 * its own form in this way. */
#include "oidc/grants/grants.h"
#include "oidc/login.h"
#include "oidc/refresh_token.h"
#include "oidc/request.h"
#include "oidc/scope.h"
#include "oidc/tokens.h"

static enum err_code answer_outcome(const struct http_request *req, struct http_response *res,
                                    const struct client *client, enum attempt_outcome outcome,
                                    int64_t retry_after_s) {
    char *retry_after = arena_printf(req->arena, "%lld", (long long)retry_after_s);
    switch (outcome) {
    case ATTEMPT_THROTTLED:
        oauth_error_json(
            res, 429,
            (struct oauth_error) { "temporarily_unavailable", "Too many failed attempts. Try again later." });
        http_set_header(res, "Retry-After", str_of(retry_after));
        return ERR_OK;
    case ATTEMPT_UNAVAILABLE:
        oauth_error_json(
            res, 503,
            (struct oauth_error) { "temporarily_unavailable", "The directory cannot be asked now." });
        http_set_header(res, "Retry-After", STR("5"));
        return ERR_OK;
    case ATTEMPT_BLOCKED:
        return grant_refuse(
            req, res, client,
            (struct oauth_error) { "invalid_grant", "The account is locked or its password has expired." },
            "blocked");
    case ATTEMPT_WRONG:
    case ATTEMPT_OK:
    default:
        return grant_refuse(req, res, client,
                            (struct oauth_error) { "invalid_grant", "User name or password is wrong." },
                            "wrong credentials");
    }
}

/* Stores a new family for the grant, unless none was asked for. Appends its token. */
static enum err_code start_family(const struct oidc_provider *p, const struct client *client,
                                  const struct grant *grant, int64_t now, struct strbuf *out,
                                  struct err *err) {
    AUTO(family_draft_done) struct family_draft draft = FAMILY_DRAFT;
    unsigned char id[STORE_ID_SIZE];
    if (!scope_has(&grant->scopes, "offline_access") || !grant_may_refresh(client))
        return ERR_OK;
    time_id(p->random, now * 1000, id);
    enum err_code rc = family_draft_make(p, grant, id, now, &draft, err);
    if (rc == ERR_OK)
        rc = store_family_put(p->store, &draft.family, err);
    if (rc == ERR_OK)
        refresh_token_format(&draft.token, out);
    return rc;
}

static enum err_code issue(const struct oidc_provider *p, const struct http_request *req,
                           struct http_response *res, const struct client *client,
                           const struct str_list *scopes, const struct identity *identity, struct err *err) {
    AUTO(token_reply_done) struct token_reply reply = TOKEN_REPLY;
    AUTO(strbuf_wipe_done) struct strbuf refresh = STRBUF(256);
    int64_t now = clock_now_s(p->clock);
    const struct grant grant = { .client_id = client->id,
                                 .scopes = *scopes,
                                 .identity = *identity,
                                 .auth_time = now,
                                 .session_id = session_id_new(p, req->arena) };
    const struct claims_input in = { p, client, &grant, scopes, now };
    enum err_code rc = tokens_sign(&in, STR_NULL, &reply, err);
    if (rc == ERR_OK)
        rc = start_family(p, client, &grant, now, &refresh, err);
    if (rc != ERR_OK)
        return rc;
    audit_event(req->log, req->request_id, "token_issued", KV("grant", "password"), KV("client", client->id),
                KV("user", identity->username), KV("tenant", identity->connector_id),
                KV("sid", grant.session_id));
    return tokens_answer(res, &reply, refresh.len ? strbuf_str(&refresh) : STR_NULL, scopes, err);
}

enum err_code grant_password(const struct oidc_provider *p, const struct http_request *req,
                             struct http_response *res, const struct client *client, struct err *err) {
    struct str_list scopes = { 0 };
    struct identity identity = { 0 };
    int64_t retry_after_s = 0;
    struct connector *connector = oidc_find_connector(p, p->password_connector);
    if (connector != NULL && req->run != login_run_of(connector)) {
        http_move(res, login_run_of(connector));
        return ERR_OK;
    }
    struct str username = http_param(req, "username"), password = http_param(req, "password");
    if (username.ptr == NULL || password.ptr == NULL)
        return grant_refuse(req, res, client,
                            (struct oauth_error) { "invalid_request", "username or password is missing." },
                            "no username or password");
    if (connector == NULL || !client_takes_connector(client, connector))
        return grant_refuse(req, res, client,
                            (struct oauth_error) { "unauthorized_client",
                                                   "This client may not log users of that tenant in." },
                            "connector not allowed");
    if (scope_parse(p, req->arena, client, http_param(req, "scope"), &scopes) != SCOPE_OK)
        return grant_refuse(
            req, res, client,
            (struct oauth_error) { "invalid_scope",
                                   "scope must hold openid and may ask only for trusted audiences." },
            "bad scope");
    const struct attempt attempt = { connector, username, password, &scopes, client };
    enum attempt_outcome outcome = login_attempt(p, req, &attempt, &identity, &retry_after_s);
    if (outcome != ATTEMPT_OK)
        return answer_outcome(req, res, client, outcome, retry_after_s);
    return issue(p, req, res, client, &scopes, &identity, err);
}
