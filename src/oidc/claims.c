#include "oidc/claims.h"

#include "oidc/scope.h"

enum { USERINFO_MAX = 64 * 1024 };
static const char userinfo_purpose[] = "userinfo";

static int64_t id_token_ttl(const struct oidc_provider *p, const struct client *c) {
    return c->id_token_ttl_s > 0 ? c->id_token_ttl_s : p->id_token_ttl_s;
}

int64_t claims_access_token_ttl(const struct oidc_provider *p, const struct client *c) {
    return c->access_token_ttl_s > 0 ? c->access_token_ttl_s : p->access_token_ttl_s;
}

static void add_jti(const struct oidc_provider *p, struct strbuf *out, bool *first) {
    unsigned char raw[16];
    random_bytes(p->random, raw, sizeof raw);
    json_key(out, first, "jti");
    strbuf_addc(out, '"');
    base64url_add(out, raw, sizeof raw);
    strbuf_addc(out, '"');
}

static void add_subject(const struct identity *i, struct strbuf *out, bool *first) {
    json_key(out, first, "sub");
    strbuf_addc(out, '"');
    identity_subject(i, out); /* base64url: nothing to escape */
    strbuf_addc(out, '"');
}

/* The client itself, always, and whoever it asked for with audience scopes; azp says who asked (OIDC Core 2). */
static void add_audience(const struct claims_input *in, struct strbuf *out, bool *first) {
    size_t extra = 0;
    json_key(out, first, "aud");
    size_t start = out->len;
    for (size_t i = 0; i < in->scopes->len; i++) {
        struct str audience = scope_audience(in->scopes->items[i]);
        if (audience.ptr == NULL || str_eq(audience, in->client->id))
            continue;
        strbuf_addc(out, extra++ == 0 ? '[' : ',');
        json_add_string(out, audience);
    }
    if (out->len > start)
        strbuf_addc(out, ',');
    json_add_string(out, in->client->id);
    if (extra == 0)
        return;
    strbuf_addc(out, ']');
    json_field_str(out, first, "azp", in->client->id);
}

/* kube-apiserver reads groups from the ID token only, but proxies and cookies have limits: past the budget the rest is left out,
 * whole names at a time. */
static void add_groups(const struct oidc_provider *p, const struct identity *identity, struct strbuf *out,
                       bool *first) {
    size_t i = 0;
    json_key(out, first, "groups");
    size_t start = out->len;
    strbuf_addc(out, '[');
    for (; i < identity->groups.len; i++) {
        size_t before = out->len;
        if (i > 0)
            strbuf_addc(out, ',');
        json_add_string(out, identity->groups.items[i]);
        if (out->len - start <= p->groups_bytes_max) /* as they are written: escapes make a name longer */
            continue;
        strbuf_truncate(out, before);
        break;
    }
    strbuf_addc(out, ']');
    if (i < identity->groups.len)
        log_warn(p->log, NULL, "groups_cut", KV("user", identity->username), KV("kept", i),
                 KV("of", identity->groups.len));
}

static void add_user_claims(const struct oidc_provider *p, const struct identity *i,
                            const struct str_list *scopes, struct strbuf *out, bool *first) {
    if (scope_has(scopes, "profile")) {
        json_field_str(out, first, "name", i->name.len ? i->name : i->username);
        json_field_str(out, first, "preferred_username", i->preferred_username);
    }
    if (scope_has(scopes, "email") && i->email.len > 0) {
        json_field_str(out, first, "email", i->email);
        json_field_bool(out, first, "email_verified", i->email_verified);
    }
    if (scope_has(scopes, "groups"))
        add_groups(p, i, out, first);
    if (scope_has(scopes, "federated:id")) {
        bool inner = true;
        json_key(out, first, "federated_claims");
        strbuf_addc(out, '{');
        json_field_str(out, &inner, "connector_id", i->connector_id);
        json_field_str(out, &inner, "user_id", i->user_id);
        strbuf_addc(out, '}');
    }
}

enum err_code claims_id_token(const struct claims_input *in, struct str access_token, struct str nonce,
                              struct strbuf *out, struct err *err) {
    bool first = true;
    strbuf_addc(out, '{');
    json_field_str(out, &first, "iss", in->provider->issuer);
    add_subject(&in->grant->identity, out, &first);
    add_audience(in, out, &first);
    json_field_i64(out, &first, "exp", in->now + id_token_ttl(in->provider, in->client));
    json_field_i64(out, &first, "iat", in->now);
    json_field_i64(out, &first, "auth_time", in->grant->auth_time);
    add_jti(in->provider, out, &first);
    json_field_str(out, &first, "sid", in->grant->session_id);
    if (nonce.ptr != NULL)
        json_field_str(out, &first, "nonce", nonce);
    if (access_token.ptr != NULL) {
        json_key(out, &first, "at_hash");
        strbuf_addc(out, '"');
        jose_half_hash(in->client->id_token_alg, access_token, out);
        strbuf_addc(out, '"');
    }
    if (in->client->id_token_claims == ID_TOKEN_CLAIMS_SCOPED)
        add_user_claims(in->provider, &in->grant->identity, in->scopes, out, &first);
    strbuf_addc(out, '}');
    return strbuf_check(out, err);
}

/* {"sub",...}: what userinfo will answer, readable to nobody on the way. */
static enum err_code seal_userinfo(const struct claims_input *in, struct strbuf *out, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf plain = STRBUF(USERINFO_MAX), sealed = STRBUF(USERINFO_MAX + 256);
    bool first = true;
    strbuf_addc(&plain, '{');
    add_subject(&in->grant->identity, &plain, &first);
    add_user_claims(in->provider, &in->grant->identity, in->scopes, &plain, &first);
    strbuf_addc(&plain, '}');
    enum err_code rc = strbuf_check(&plain, err);
    if (rc == ERR_OK)
        rc = seal(in->provider->keyring, in->provider->random, userinfo_purpose, strbuf_str(&plain), &sealed,
                  err);
    if (rc == ERR_OK)
        base64url_add(out, sealed.ptr, sealed.len);
    return rc;
}

enum err_code claims_access_token(const struct claims_input *in, struct strbuf *out, struct err *err) {
    AUTO(strbuf_done) struct strbuf scope = STRBUF(4096);
    bool first = true;
    scope_join(in->scopes, &scope);
    strbuf_addc(out, '{');
    json_field_str(out, &first, "iss", in->provider->issuer);
    add_subject(&in->grant->identity, out, &first);
    json_field_str(out, &first, "aud", in->provider->issuer); /* its one resource is our userinfo endpoint */
    json_field_str(out, &first, "client_id", in->client->id);
    json_field_i64(out, &first, "exp", in->now + claims_access_token_ttl(in->provider, in->client));
    json_field_i64(out, &first, "iat", in->now);
    json_field_i64(out, &first, "auth_time", in->grant->auth_time);
    add_jti(in->provider, out, &first);
    json_field_str(out, &first, "scope", strbuf_str(&scope));
    json_key(out, &first, "userinfo");
    strbuf_addc(out, '"');
    enum err_code rc = seal_userinfo(in, out, err);
    if (rc != ERR_OK)
        return rc;
    strbuf_adds(out, "\"}");
    return strbuf_check(out, err);
}

enum err_code claims_userinfo(const struct oidc_provider *p, const struct access_token *token,
                              struct strbuf *out, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf sealed = STRBUF(USERINFO_MAX + 256);
    enum err_code rc = base64url_decode(json_get_str(token->jwt.payload, "userinfo"), &sealed, err);
    if (rc == ERR_OK)
        rc = unseal(p->keyring, userinfo_purpose, strbuf_str(&sealed), out, err);
    return rc == ERR_OK ? ERR_OK
                        : err_set(err, ERR_UNAUTHENTICATED, "an access token without its userinfo part");
}
