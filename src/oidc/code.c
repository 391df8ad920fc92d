#include "oidc/code.h"

#include "oidc/refresh_token.h"

enum { CODE_SECRET_SIZE = 32, CODE_RAW_SIZE = STORE_ID_SIZE + CODE_SECRET_SIZE, CODE_BODY_MAX = 256 * 1024 };

/* Two lines of JSON: how the code may be redeemed, and the grant, which a refresh family takes over as it is. */
static enum err_code content_encode(const struct code_content *c, struct strbuf *out, struct err *err) {
    bool first = true;
    strbuf_addc(out, '{');
    json_field_str(out, &first, "redirect_uri", c->redirect_uri);
    if (c->code_challenge.ptr != NULL)
        json_field_str(out, &first, "code_challenge", c->code_challenge);
    json_field_bool(out, &first, "offline_access", c->offline_access);
    json_field_bool(out, &first, "max_age", c->max_age_given);
    strbuf_adds(out, "}\n");
    return grant_encode(&c->grant, out, err);
}

enum err_code code_content_decode(struct arena *a, struct str body, struct code_content *ret,
                                  struct err *err) {
    struct str terms, grant;
    json_auto_t *json = NULL;
    if (!str_cut(body, '\n', &terms, &grant))
        return err_set(err, ERR_INTERNAL, "a stored code of one line");
    enum err_code rc = json_parse(terms, &json, err);
    if (rc != ERR_OK)
        return rc;
    struct code_content c = { .offline_access = json_get_bool(json, "offline_access", false),
                              .max_age_given = json_get_bool(json, "max_age", false) };
    c.redirect_uri = arena_str(a, json_get_str(json, "redirect_uri"));
    if (json_get_str(json, "code_challenge").ptr != NULL)
        c.code_challenge = arena_str(a, json_get_str(json, "code_challenge"));
    rc = grant_decode(a, grant, &c.grant, err);
    if (rc != ERR_OK)
        return rc;
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "a stored code");
    *ret = c;
    return ERR_OK;
}

enum err_code code_issue(const struct oidc_provider *p, struct arena *a, const struct auth_request *auth,
                         const struct identity *identity, struct strbuf *out, struct err *err) {
    int64_t now_ms = clock_now_ms(p->clock);
    const struct code_content content = {
        .grant = { .client_id = auth->client_id,
                   .scopes = auth->scopes,
                   .nonce = auth->nonce,
                   .identity = *identity,
                   .auth_time = now_ms / 1000,
                   .session_id = session_id_new(p, a) },
        .redirect_uri = auth->redirect_uri,
        .code_challenge = auth->code_challenge,
        .offline_access = auth->offline_access,
        .max_age_given = auth->max_age_given,
    };
    AUTO(strbuf_wipe_done) struct strbuf body = STRBUF(CODE_BODY_MAX);
    unsigned char raw[CODE_RAW_SIZE];
    struct store_code code = { .expires_at = now_ms / 1000 + p->code_ttl_s };
    time_id(p->random, now_ms, code.id);
    time_id(p->random, now_ms, code.family_id);
    random_bytes(p->random, raw + STORE_ID_SIZE, CODE_SECRET_SIZE);
    for (size_t i = 0; i < STORE_ID_SIZE; i++)
        raw[i] = code.id[i];
    sha256((struct str) { (const char *)raw + STORE_ID_SIZE, CODE_SECRET_SIZE }, code.hash);
    enum err_code rc = content_encode(&content, &body, err);
    if (rc == ERR_OK)
        rc = strbuf_check(&body, err);
    if (rc != ERR_OK)
        return rc;
    code.body = strbuf_str(&body);
    rc = store_code_put(p->store, &code, err);
    if (rc == ERR_OK)
        base64url_add(out, raw, sizeof raw);
    secret_wipe(raw, sizeof raw);
    return rc == ERR_OK ? strbuf_check(out, err) : rc;
}

enum err_code code_parse(struct str text, struct code_key *ret, struct err *err) {
    unsigned char raw[CODE_RAW_SIZE];
    enum err_code rc = base64url_decode_exact(text, raw, sizeof raw, err);
    if (rc != ERR_OK)
        return rc;
    memcpy(ret->id, raw, STORE_ID_SIZE);
    sha256((struct str) { (const char *)raw + STORE_ID_SIZE, CODE_SECRET_SIZE }, ret->hash);
    secret_wipe(raw, sizeof raw);
    return ERR_OK;
}
