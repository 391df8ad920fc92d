/* API keys and what signs them (contract 6.6). */
#include "cli/import/import.h"

#include "tkeauth/crypto.h"

static const int64_t any_clock_s = 1000LL * 365 * 24 * 3600;

static enum err_code signer_of_base64(struct str text, struct signer **ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(STORE_SECRET_MAX);
    enum err_code rc = base64_decode(text, &jwk, err);
    return rc == ERR_OK ? signer_from_private_jwk(strbuf_str(&jwk), ret, err) : rc;
}

void import_prepare_signing_key(struct import *m, struct import_item *i) {
    struct signer *s = NULL;
    struct err err = { 0 };
    struct str key = json_get_str(i->object, "signingKey");
    if (key.len == 0)
        import_refuse(m, i, "there is no signingKey in it: that server does not give it away");
    else if (signer_of_base64(key, &s, &err) != ERR_OK)
        import_refuse(m, i, "signingKey cannot be used: %s", err.detail);
    if (s != NULL && m->signer_count < IMPORT_SIGNERS_MAX)
        m->signers[m->signer_count++] =
            s; /* also where the key itself stays out: it tells which API keys are real */
    else
        signer_free(s);
}

/* ---- those that are here already ---- */

static enum err_code add_stored(void *ctx, const struct store_object *o, struct err *err) {
    struct import *m = ctx;
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(STORE_SECRET_MAX);
    struct signer *s = NULL;
    struct err why = { 0 };
    (void)err;
    if (m->signer_count < IMPORT_SIGNERS_MAX && o->secret.len > 0 &&
        unseal(m->env->keyring, API_SIGNING_KEY_PURPOSE, o->secret, &jwk, &why) == ERR_OK &&
        signer_from_private_jwk(strbuf_str(&jwk), &s, &why) == ERR_OK)
        m->signers[m->signer_count++] = s;
    return ERR_OK;
}

static enum err_code load_signers(struct import *m, struct err *err) {
    const struct store_query q = {
        .kind = str_of(kind_api_signing_key.plural), .each = add_stored, .ctx = m, .with_secret = true
    };
    m->has_signers = true;
    return store_list(m->env->store, &q, NULL, err);
}

/* ---- an API key ---- */

/* Its time is looked at afterwards: whoever signed it comes first. */
static bool verify(const struct import *m, struct str token, struct jwt *ret) {
    const struct jwt_rules rules = {
        .typ = "JWT", .now = clock_now_s(m->env->clock), .leeway_s = any_clock_s, .allow_expired = true
    };
    struct err ignored = { 0 };
    for (size_t i = 0; i < m->signer_count; i++)
        if (signer_verify(m->signers[i], token, &rules, ret, &ignored) == ERR_OK)
            return true;
    return false;
}

static void set_time(json_t *spec, const char *key, int64_t seconds) {
    char text[TIME_RFC3339_SIZE];
    (void)json_object_set_new(spec, key, json_string(time_rfc3339(seconds, text)));
}

/* The identity whose key it is, so that somebody else who gets the name later does not get the key with it. */
static void set_user_id(struct import *m, json_t *spec, struct str tenant, struct str username) {
    struct store_object o;
    struct err ignored = { 0 };
    struct str key = index_username(m->scratch, tenant, username);
    if (key.len <= STORE_INDEX_KEY_MAX &&
        store_find_whole(m->env->store, m->scratch, str_of(kind_local_identity.plural), key, &o, NULL,
                         &ignored) == ERR_OK)
        (void)json_object_set_new(spec, "userID", json_stringn(o.name.ptr, o.name.len));
}

static void judge_claims(struct import *m, struct import_item *i, const json_t *claims) {
    json_t *spec = json_object_get(i->object, "spec");
    struct str username = json_get_str(claims, "usr"), tenant = json_get_str(claims, "ted");
    struct str said = json_get_str(spec, "username"), said_tenant = json_get_str(spec, "tenantID");
    int64_t expires = json_get_i64(claims, "exp", 0), issued = json_get_i64(claims, "iat", 0);
    char text[TIME_RFC3339_SIZE];
    if (username.len == 0 || expires <= 0)
        import_refuse(m, i, "no API key: it names no user, or never ends");
    else if ((said.len > 0 && !str_eq(said, username)) ||
             (said_tenant.len > 0 && !str_eq(said_tenant, tenant)))
        import_refuse(m, i, "the key itself is another user's than spec says");
    else if (expires <= clock_now_s(m->env->clock))
        import_leave_out(m, i, "expired at %s", time_rfc3339(expires, text));
    else if (tenant.len == 0)
        import_refuse(m, i, "a key of the platform's own user, who has no tenant: use a client certificate");
    if (i->outcome != IMPORT_PENDING)
        return;
    (void)json_object_set_new(spec, "username", json_stringn(username.ptr, username.len));
    (void)json_object_set_new(spec, "tenantID", json_stringn(tenant.ptr, tenant.len));
    set_time(spec, "issue_at", issued);
    set_time(spec, "expire_at", expires);
    set_user_id(m, spec, tenant, username);
}

enum err_code import_judge_api_key(struct import *m, struct import_item *i, struct err *err) {
    struct str token = object_str_at(i->object, "spec.apiKey");
    struct jwt jwt = { 0 };
    enum err_code rc = m->has_signers ? ERR_OK : load_signers(m, err);
    if (rc != ERR_OK)
        return rc;
    if (token.len == 0 || str_contains(token, STR("...")))
        import_refuse(m, i, "the key itself is not in the dump");
    else if (m->signer_count == 0)
        import_refuse(m, i, "the key that signed it (APISigningKey) is neither in the dump nor here");
    else if (!verify(m, token, &jwt))
        import_refuse(m, i, "signed by a key that is neither in the dump nor here");
    else
        judge_claims(m, i, jwt.payload);
    jwt_done(&jwt);
    return ERR_OK;
}
