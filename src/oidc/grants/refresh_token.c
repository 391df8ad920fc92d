/* grant_type=refresh_token (RFC 6749 6, RFC 9700 4.14.2): the token rotates, an earlier one is taken for a short while and answered with
 * the same successor (parallel kubectl processes), and past that while it gives the family away as stolen. The connector is asked
 * whether the user still exists, outside any transaction. */
#include "oidc/grants/grants.h"
#include "oidc/login.h"
#include "oidc/refresh_token.h"
#include "oidc/request.h"
#include "oidc/scope.h"
#include "oidc/tokens.h"

static const struct oauth_error bad_token = {
    "invalid_grant", "The refresh token is unknown, expired, revoked, or not this client's."
};

struct refreshing {
    struct refresh_token presented, next;
    struct store_refresh ask;
    struct store_family family;
    struct grant grant;
    struct str_list scopes;
    struct token_reply reply;
    struct strbuf body;
};

static void refreshing_done(struct refreshing *r) {
    refresh_token_wipe(&r->presented);
    refresh_token_wipe(&r->next);
    token_reply_done(&r->reply);
    strbuf_wipe_done(&r->body);
}

static const char *outcome_reason(enum store_refresh_outcome outcome) {
    switch (outcome) {
    case STORE_REFRESH_EXPIRED: return "expired";
    case STORE_REFRESH_REUSED: return "reused: the family is revoked";
    case STORE_REFRESH_REVOKED: return "revoked";
    case STORE_REFRESH_CURRENT:
    case STORE_REFRESH_GRACE:
    case STORE_REFRESH_UNKNOWN:
    default: return "unknown";
    }
}

static bool is_usable(enum store_refresh_outcome outcome) {
    return outcome == STORE_REFRESH_CURRENT || outcome == STORE_REFRESH_GRACE;
}

static enum err_code refuse(const struct oidc_provider *p, const struct http_request *req,
                            struct http_response *res, const struct client *client,
                            enum store_refresh_outcome outcome) {
    if (outcome == STORE_REFRESH_REUSED) {
        counter_add(metrics_counter(p->metrics, "tkeauth_refresh_reuse_total", "",
                                    "Refresh tokens presented after their time"),
                    1);
        audit_event(req->log, req->request_id, "refresh_reused", KV("client", client->id),
                    KV("address", req->client_ip));
    }
    return grant_refuse(req, res, client, bad_token, outcome_reason(outcome));
}

/* A peer may have stopped trusting the client since the login: its audience is granted no more (the answer's scope says so). */
static struct str_list still_trusted(const struct oidc_provider *p, struct arena *a,
                                     const struct client *client, const struct str_list *granted) {
    struct str_list kept = { .items = arena_array(a, granted->len + 1, sizeof(struct str)) };
    for (size_t i = 0; kept.items != NULL && i < granted->len; i++)
        if (scope_is_trusted(p, client, granted->items[i]))
            kept.items[kept.len++] = granted->items[i];
    return kept;
}

/* RFC 6749 6: no scope that was not granted at first. */
static bool narrow_scopes(const struct oidc_provider *p, const struct http_request *req,
                          const struct client *client, struct refreshing *r) {
    struct str rest = http_param(req, "scope"), scope;
    r->scopes = still_trusted(p, req->arena, client, &r->grant.scopes);
    if (rest.len == 0)
        return true;
    struct str_list fewer = { .items = arena_array(req->arena, r->scopes.len + 1, sizeof(struct str)) };
    while (fewer.items != NULL && str_next(&rest, ' ', &scope)) {
        if (!str_list_contains(&r->scopes, scope))
            return false;
        if (!str_list_contains(&fewer, scope))
            fewer.items[fewer.len++] = scope;
    }
    r->scopes = fewer;
    return scope_has(&fewer, "openid");
}

/* A local user is looked up where the request is; a directory is waited for elsewhere. */
static bool must_move(const struct connector *c, enum http_run run) {
    return login_run_of(c) == HTTP_RUN_DIRECTORY && run != HTTP_RUN_DIRECTORY;
}

static enum err_code end_family(const struct oidc_provider *p, const struct http_request *req,
                                struct http_response *res, const struct client *client,
                                const struct refreshing *r, const char *reason, struct err *err) {
    const struct store_family_filter filter = { .id = r->presented.family_id };
    enum err_code rc = store_family_revoke(p->store, &filter, NULL, err);
    if (rc != ERR_OK)
        return rc;
    audit_event(req->log, req->request_id, "refresh_ended", KV("client", client->id),
                KV("user", r->grant.identity.username), KV("reason", reason));
    return grant_refuse(req, res, client, bad_token, reason);
}

/* Does the user still exist, and as whom? `*ret_answered`: the request has been answered. */
static enum err_code ask_connector(const struct oidc_provider *p, const struct http_request *req,
                                   struct http_response *res, const struct client *client,
                                   struct refreshing *r, bool *ret_answered, struct err *err) {
    struct identity now_known = { 0 };
    enum refresh_outcome outcome = REFRESH_GONE;
    struct connector *connector = oidc_find_connector(p, r->grant.identity.connector_id);
    *ret_answered = true;
    if (connector == NULL)
        return end_family(p, req, res, client, r, "its tenant is gone", err);
    if (!client_takes_connector(client, connector))
        return end_family(p, req, res, client, r, "its tenant is not for this client any more", err);
    if (must_move(connector, req->run)) {
        http_move(res, HTTP_RUN_DIRECTORY);
        return ERR_OK;
    }
    enum err_code rc = connector_refresh(
        connector, req->arena, &r->grant.identity, scope_has(&r->grant.scopes, "groups"),
        clock_mono_ms(p->clock) + p->login_deadline_ms, &outcome, &now_known, err);
    if (rc != ERR_OK)
        return rc; /* an outage is no verdict: the token stays good */
    if (outcome == REFRESH_GONE)
        return end_family(p, req, res, client, r, "the user is gone", err);
    if (!str_eq(now_known.user_id, r->grant.identity.user_id)) /* sub must not change (OIDC Core 12.2) */
        return end_family(p, req, res, client, r, "the user is another one", err);
    r->grant.identity = now_known;
    *ret_answered = false;
    return ERR_OK;
}

static enum err_code rotate(const struct oidc_provider *p, struct refreshing *r,
                            enum store_refresh_outcome *ret, struct err *err) {
    unsigned char successor[STORE_HASH_SIZE];
    r->next = r->presented;
    r->next.generation = r->presented.generation + 1;
    random_bytes(p->random, r->next.secret, sizeof r->next.secret);
    refresh_token_hash(&r->next, r->ask.next_hash);
    refresh_token_mask(&r->presented, r->next.secret, r->ask.next_masked);
    r->ask.idle_expires_at = p->refresh_idle_s ? r->ask.now + p->refresh_idle_s : 0;
    enum err_code rc = grant_encode(&r->grant, &r->body, err);
    if (rc == ERR_OK)
        rc = strbuf_check(&r->body, err);
    if (rc != ERR_OK)
        return rc;
    r->ask.body = strbuf_str(&r->body);
    rc = store_refresh_rotate(p->store, &r->ask, ret, successor, &r->next.generation, err);
    if (rc == ERR_OK && *ret == STORE_REFRESH_GRACE)
        refresh_token_mask(&r->presented, successor, r->next.secret);
    return rc;
}

static enum err_code look_up(const struct oidc_provider *p, const struct http_request *req,
                             struct refreshing *r, enum store_refresh_outcome *ret, struct err *err) {
    memcpy(r->ask.family_id, r->presented.family_id, STORE_ID_SIZE);
    r->ask.generation = r->presented.generation;
    r->ask.now = clock_now_s(p->clock);
    r->ask.grace_s = p->refresh_grace_s;
    refresh_token_hash(&r->presented, r->ask.hash);
    enum err_code rc = store_refresh_get(p->store, req->arena, &r->ask, ret, &r->family, err);
    if (rc != ERR_OK || !is_usable(*ret))
        return rc;
    return grant_decode(req->arena, r->family.body, &r->grant, err);
}

static enum err_code answer(struct http_response *res, const struct refreshing *r, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(256);
    refresh_token_format(&r->next, &text);
    return tokens_answer(res, &r->reply, strbuf_str(&text), &r->scopes, err);
}

enum err_code grant_refresh_token(const struct oidc_provider *p, const struct http_request *req,
                                  struct http_response *res, const struct client *client, struct err *err) {
    AUTO(refreshing_done) struct refreshing r = { .reply = TOKEN_REPLY, .body = STRBUF(256 * 1024) };
    enum store_refresh_outcome outcome = STORE_REFRESH_UNKNOWN;
    struct str text = http_param(req, "refresh_token");
    if (text.len == 0)
        return grant_refuse(req, res, client,
                            (struct oauth_error) { "invalid_request", "refresh_token is missing." },
                            "no token");
    if (refresh_token_parse(text, &r.presented, err) != ERR_OK)
        return grant_refuse(req, res, client, bad_token, "not a refresh token");
    enum err_code rc = look_up(p, req, &r, &outcome, err);
    if (rc != ERR_OK)
        return rc;
    if (!is_usable(outcome))
        return refuse(p, req, res, client, outcome);
    if (!str_eq(r.grant.client_id, client->id))
        return grant_refuse(req, res, client, bad_token, "another client's token");
    if (!narrow_scopes(p, req, client, &r))
        return grant_refuse(req, res, client,
                            (struct oauth_error) { "invalid_scope", "scope holds more than was granted." },
                            "scope too wide");
    bool answered = false;
    rc = ask_connector(p, req, res, client, &r, &answered, err);
    if (rc != ERR_OK || answered)
        return rc;
    const struct claims_input in = { p, client, &r.grant, &r.scopes, r.ask.now };
    rc = tokens_sign(&in, STR_NULL, &r.reply, err);
    if (rc == ERR_OK)
        rc = rotate(p, &r, &outcome, err);
    if (rc != ERR_OK)
        return rc;
    if (!is_usable(outcome))
        return refuse(p, req, res, client, outcome);
    audit_event(req->log, req->request_id, "token_issued", KV("grant", "refresh_token"),
                KV("client", client->id), KV("user", r.grant.identity.username),
                KV("tenant", r.grant.identity.connector_id), KV("sid", r.grant.session_id),
                KV("grace", outcome == STORE_REFRESH_GRACE));
    return answer(res, &r, err);
}
