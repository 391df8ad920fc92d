#include "oidc/tokens.h"

#include "oidc/scope.h"

void token_reply_done(struct token_reply *r) {
    strbuf_wipe_done(&r->access_token);
    strbuf_wipe_done(&r->id_token);
}

static enum err_code sign(const struct claims_input *in, enum sign_alg alg, const char *typ,
                          const struct strbuf *payload, struct strbuf *out, struct err *err) {
    const struct signer *signer = keyset_signer(in->provider->keys, alg, in->now);
    if (signer == NULL)
        return err_set(err, ERR_UNAVAILABLE, "there is no %s key that signs", sign_alg_name(alg));
    return signer_sign(signer, typ, strbuf_str(payload), out, err);
}

enum err_code tokens_sign(const struct claims_input *in, struct str nonce, struct token_reply *ret,
                          struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf payload = STRBUF(JWT_MAX);
    enum err_code rc = claims_access_token(in, &payload, err);
    if (rc == ERR_OK)
        rc = sign(in, SIGN_ES256, "at+jwt", &payload, &ret->access_token, err);
    if (rc != ERR_OK)
        return rc;
    strbuf_clear(&payload);
    rc = claims_id_token(in, strbuf_str(&ret->access_token), nonce, &payload, err);
    if (rc == ERR_OK)
        rc = sign(in, in->client->id_token_alg, "JWT", &payload, &ret->id_token, err);
    ret->expires_in = claims_access_token_ttl(in->provider, in->client);
    return rc;
}

enum err_code tokens_answer(struct http_response *res, const struct token_reply *reply,
                            struct str refresh_token, const struct str_list *scopes, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf body = STRBUF(3 * JWT_MAX), scope = STRBUF(4096);
    bool first = true;
    scope_join(scopes, &scope);
    strbuf_addc(&body, '{');
    json_field_str(&body, &first, "access_token", strbuf_str(&reply->access_token));
    json_field_str(&body, &first, "token_type", STR("Bearer"));
    json_field_i64(&body, &first, "expires_in", reply->expires_in);
    if (refresh_token.ptr != NULL)
        json_field_str(&body, &first, "refresh_token", refresh_token);
    json_field_str(&body, &first, "id_token", strbuf_str(&reply->id_token));
    json_field_str(&body, &first, "scope", strbuf_str(&scope));
    strbuf_addc(&body, '}');
    enum err_code rc = strbuf_check(&body, err);
    if (rc == ERR_OK)
        http_body(res, "application/json", strbuf_str(&body));
    return rc;
}
