/* The relying party's side of OpenID Connect, without I/O. */
#include "cli/demo_app.h"

#include "tkeauth/crypto.h"

enum { CLOCK_LEEWAY_S = 60 };

static enum err_code endpoint(struct arena *a, const struct demo_settings *s, const json_t *root,
                              const char *name, bool required, struct str *ret, struct err *err) {
    struct str text = json_get_str(root, name);
    struct url url;
    *ret = STR_NULL;
    if (text.len == 0 && !required)
        return ERR_OK;
    if (url_parse(text, &url, err) != ERR_OK || !(str_eq_nocase(url.scheme, STR("https")) ||
                                                  (s->allow_http && str_eq_nocase(url.scheme, STR("http")))))
        return err_set(err, ERR_INVALID, "discovery: %s is missing or no https URL", name);
    *ret = arena_str(a, text);
    return ERR_OK;
}

enum err_code demo_provider_parse(struct arena *a, const struct demo_settings *s, struct str json,
                                  struct demo_provider *ret, struct err *err) {
    json_auto_t *root = NULL;
    if (json_parse(json, &root, err) != ERR_OK)
        return err_context(err, "discovery");
    /* OpenID Connect Discovery 4.3: exactly the issuer that was asked. */
    struct str issuer = json_get_str(root, "issuer");
    if (!str_eq(issuer, s->issuer))
        return err_set(err, ERR_INVALID, "discovery says the issuer is \"%.*s\", --issuer says \"%.*s\"",
                       STR_FMT(issuer), STR_FMT(s->issuer));
    const struct {
        const char *name;
        struct str *value;
        bool required;
    } endpoints[] = { { "authorization_endpoint", &ret->authorization_endpoint, true },
                      { "token_endpoint", &ret->token_endpoint, true },
                      { "jwks_uri", &ret->jwks_uri, true },
                      { "userinfo_endpoint", &ret->userinfo_endpoint, false },
                      { "end_session_endpoint", &ret->end_session_endpoint, false } };
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        enum err_code rc = endpoint(a, s, root, endpoints[i].name, endpoints[i].required, endpoints[i].value,
                                    err);
        if (rc != ERR_OK)
            return rc;
    }
    ret->iss_parameter = json_get_bool(root, "authorization_response_iss_parameter_supported", false);
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "discovery") : ERR_OK;
}

static void begin_query(struct strbuf *out, struct str url) {
    strbuf_add(out, url);
    if (!str_contains(url, STR("?")))
        strbuf_addc(out, '?');
}

void demo_login_url(const struct demo_settings *s, const struct demo_provider *p,
                    const struct demo_session *session, struct strbuf *out) {
    unsigned char hash[SHA256_SIZE];
    AUTO(strbuf_done) struct strbuf challenge = STRBUF(64);
    sha256(str_of(session->verifier), hash);
    base64url_add(&challenge, hash, sizeof hash); /* RFC 7636 4.2: S256 */
    begin_query(out, p->authorization_endpoint);
    form_add(out, STR("client_id"), s->client_id);
    form_add(out, STR("redirect_uri"), s->redirect_uri);
    form_add(out, STR("response_type"), STR("code"));
    form_add(out, STR("scope"), s->scope);
    form_add(out, STR("state"), str_of(session->state));
    form_add(out, STR("nonce"), str_of(session->nonce));
    form_add(out, STR("code_challenge"), strbuf_str(&challenge));
    form_add(out, STR("code_challenge_method"), STR("S256"));
}

void demo_logout_url(const struct demo_settings *s, const struct demo_provider *p, struct str id_token,
                     struct strbuf *out) {
    begin_query(out, p->end_session_endpoint);
    form_add(out, STR("client_id"), s->client_id);
    form_add(out, STR("id_token_hint"), id_token);
    form_add(out, STR("post_logout_redirect_uri"), s->home_uri);
}

static enum err_code take_token(const json_t *root, const char *name, bool required, struct secret *into,
                                struct err *err) {
    struct str text = json_get_str(root, name);
    if (text.len == 0)
        return required ? err_set(err, ERR_INVALID, "the token response holds no %s", name) : ERR_OK;
    secret_done(into);
    return secret_copy(text, into, err);
}

enum err_code demo_take_tokens(struct str json, struct demo_session *session, struct err *err) {
    json_auto_t *root = NULL;
    if (json_parse(json, &root, err) != ERR_OK)
        return err_context(err, "token response");
    if (!str_eq_nocase(json_get_str(root, "token_type"), STR("bearer")))
        return err_set(err, ERR_INVALID, "the token response is not of token_type bearer");
    enum err_code rc = take_token(root, "id_token", true, &session->id_token, err);
    if (rc != ERR_OK || (rc = take_token(root, "access_token", true, &session->access_token, err)) != ERR_OK)
        return rc;
    return take_token(root, "refresh_token", false, &session->refresh_token, err);
}

static enum err_code check_claims(const struct demo_settings *s, const struct jwt *token, struct str nonce,
                                  const struct demo_session *session, struct err *err) {
    const json_t *claims = token->payload, *aud = json_object_get(claims, "aud");
    struct str azp = json_get_str(claims, "azp"), at_hash = json_get_str(claims, "at_hash");
    if (json_get_str(claims, "sub").len == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "the ID token has no sub");
    if (azp.len > 0 ? !str_eq(azp, s->client_id) : json_array_size(aud) > 1)
        return err_set(err, ERR_UNAUTHENTICATED, "azp of the ID token is not this client");
    struct str got = json_get_str(claims, "nonce");
    if (nonce.len > 0 && !secret_equal(got, nonce))
        return err_set(err, ERR_UNAUTHENTICATED,
                       "nonce of the ID token is not the one sent: it belongs to another login");
    if (at_hash.len == 0)
        return ERR_OK;
    AUTO(strbuf_done) struct strbuf want = STRBUF(128);
    jose_half_hash(token->alg, secret_expose(&session->access_token), &want);
    if (!str_eq(at_hash, strbuf_str(&want)))
        return err_set(err, ERR_UNAUTHENTICATED, "at_hash of the ID token is not that of the access token");
    return ERR_OK;
}

enum err_code demo_check_id_token(const struct demo_settings *s, struct str jwks_json, struct str nonce,
                                  int64_t now, struct demo_session *session, struct err *err) {
    AUTO_FREE(jwks_free) struct jwks *keys = NULL;
    enum err_code rc = jwks_parse(jwks_json, &keys, err);
    if (rc != ERR_OK)
        return rc;
    const struct jwt_rules rules = {
        .typ = "JWT", .issuer = s->issuer, .audience = s->client_id, .now = now, .leeway_s = CLOCK_LEEWAY_S
    };
    AUTO(jwt_done) struct jwt token = { 0 };
    rc = jwks_verify(keys, secret_expose(&session->id_token), &rules, &token, err);
    if (rc != ERR_OK || (rc = check_claims(s, &token, nonce, session, err)) != ERR_OK)
        return rc;
    free(session->claims);
    free(session->key);
    free(session->algorithm);
    session->claims = json_print(token.payload);
    session->key = str_dup(token.kid);
    session->algorithm = str_dup_c(token.alg_name);
    if (session->claims == NULL || session->key == NULL || session->algorithm == NULL)
        return err_set(err, ERR_NOMEM, "claims");
    return ERR_OK;
}
