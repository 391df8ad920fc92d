/* grant_type=authorization_code (RFC 6749 4.1.3, RFC 7636 4.6). Everything is checked before the code is used up, so that neither a
 * mistake nor a stranger can burn it; using it up and starting the refresh family are one transaction. */
#include "oidc/code.h"
#include "oidc/grants/grants.h"
#include "oidc/refresh_token.h"
#include "oidc/tokens.h"

/* A used code is remembered this much longer than it was good for, so that its replay still revokes what it gave. */
enum { CODE_REPLAY_S = 3600 };

static const struct oauth_error bad_code = { "invalid_grant",
                                             "The code is unknown, expired, used, or not this client's." };

static bool verifier_is_wellformed(struct str verifier) {
    if (verifier.len < 43 || verifier.len > 128)
        return false;
    for (size_t i = 0; i < verifier.len; i++) {
        char c = verifier.ptr[i];
        if (!ascii_is_alnum(c) && c != '-' && c != '.' && c != '_' && c != '~')
            return false;
    }
    return true;
}

static bool verifier_matches(struct str challenge, struct str verifier) {
    unsigned char hash[SHA256_SIZE];
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    if (!verifier_is_wellformed(verifier))
        return false;
    sha256(verifier, hash);
    base64url_add(&text, hash, sizeof hash);
    return secret_equal(strbuf_str(&text), challenge);
}

/* NULL: all is well; otherwise the reason for the log. */
static const char *find_mismatch(const struct http_request *req, const struct client *client,
                                 const struct code_content *code) {
    struct str verifier = http_param(req, "code_verifier");
    if (!str_eq(code->grant.client_id, client->id))
        return "another client's code";
    if (!str_eq(http_param(req, "redirect_uri"), code->redirect_uri))
        return "another redirect_uri";
    if (code->code_challenge.ptr != NULL && !verifier_matches(code->code_challenge, verifier))
        return "code_verifier does not fit";
    /* A verifier for a request without a challenge: somebody stripped it on the way (RFC 9700 2.1.1). */
    if (code->code_challenge.ptr == NULL && verifier.ptr != NULL)
        return "code_verifier without a challenge";
    return NULL;
}

static const char *outcome_reason(enum store_code_outcome outcome) {
    switch (outcome) {
    case STORE_CODE_EXPIRED: return "expired code";
    case STORE_CODE_REPLAYED: return "replayed code: its tokens are revoked";
    case STORE_CODE_CONSUMED:
    case STORE_CODE_UNKNOWN:
    default: return "unknown code";
    }
}

static enum err_code refuse_code(const struct oidc_provider *p, const struct http_request *req,
                                 struct http_response *res, const struct client *client,
                                 enum store_code_outcome outcome) {
    if (outcome == STORE_CODE_REPLAYED) {
        counter_add(metrics_counter(p->metrics, "tkeauth_code_replays_total", "", "Codes presented again"),
                    1);
        audit_event(req->log, req->request_id, "code_replayed", KV("client", client->id),
                    KV("address", req->client_ip));
    }
    return grant_refuse(req, res, client, bad_code, outcome_reason(outcome));
}

struct redemption {
    struct code_key key;
    struct code_content content;
    struct store_code stored;
    struct token_reply reply;
    struct family_draft draft;
    bool with_refresh;
};

static void redemption_done(struct redemption *r) {
    token_reply_done(&r->reply);
    family_draft_done(&r->draft);
}

static enum err_code consume(const struct oidc_provider *p, struct redemption *r, int64_t now,
                             enum store_code_outcome *ret, struct err *err) {
    enum err_code rc = ERR_OK;
    if (r->with_refresh)
        rc = family_draft_make(p, &r->content.grant, r->stored.family_id, now, &r->draft, err);
    if (rc != ERR_OK)
        return rc;
    return store_code_consume(p->store, r->key.id, r->key.hash, now, now + CODE_REPLAY_S,
                              r->with_refresh ? &r->draft.family : NULL, ret, err);
}

static enum err_code answer(struct http_response *res, const struct redemption *r, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(256);
    if (r->with_refresh)
        refresh_token_format(&r->draft.token, &text);
    return tokens_answer(res, &r->reply, r->with_refresh ? strbuf_str(&text) : STR_NULL,
                         &r->content.grant.scopes, err);
}

enum err_code grant_authorization_code(const struct oidc_provider *p, const struct http_request *req,
                                       struct http_response *res, const struct client *client,
                                       struct err *err) {
    AUTO(redemption_done) struct redemption r = { .reply = TOKEN_REPLY, .draft = FAMILY_DRAFT };
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    int64_t now = clock_now_s(p->clock);
    struct str text = http_param(req, "code");
    if (text.len == 0)
        return grant_refuse(req, res, client, (struct oauth_error) { "invalid_request", "code is missing." },
                            "no code");
    if (code_parse(text, &r.key, err) != ERR_OK)
        return grant_refuse(req, res, client, bad_code, "not a code");
    enum err_code rc = store_code_get(p->store, req->arena, r.key.id, r.key.hash, now, &outcome, &r.stored,
                                      err);
    if (rc != ERR_OK)
        return rc;
    if (outcome == STORE_CODE_REPLAYED)
        rc = consume(p, &r, now, &outcome, err); /* revokes what the first use gave */
    if (rc != ERR_OK)
        return rc;
    if (outcome != STORE_CODE_CONSUMED)
        return refuse_code(p, req, res, client, outcome);
    rc = code_content_decode(req->arena, r.stored.body, &r.content, err);
    if (rc != ERR_OK)
        return rc;
    const char *mismatch = find_mismatch(req, client, &r.content);
    if (mismatch != NULL)
        return grant_refuse(req, res, client, bad_code, mismatch);

    const struct grant *grant = &r.content.grant;
    const struct claims_input in = { p, client, grant, &grant->scopes, now };
    r.with_refresh = r.content.offline_access && grant_may_refresh(client);
    /* Signed first: a failure must not cost the user the login. */
    rc = tokens_sign(&in, grant->nonce, &r.reply, err);
    if (rc == ERR_OK)
        rc = consume(p, &r, now, &outcome, err);
    if (rc != ERR_OK)
        return rc;
    if (outcome != STORE_CODE_CONSUMED)
        return refuse_code(p, req, res, client, outcome); /* lost the race */
    audit_event(req->log, req->request_id, "token_issued", KV("grant", "authorization_code"),
                KV("client", client->id), KV("user", grant->identity.username),
                KV("tenant", grant->identity.connector_id), KV("sid", grant->session_id));
    return answer(res, &r, err);
}
