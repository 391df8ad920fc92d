#include "kube/api_keys.h"

#include "kube/access.h"
#include "kube/password.h"
#include "kube/print.h"

enum { JTI_BYTES = 32, KEY_MAX = 4096, DEFAULT_S = 168 * 3600 };
#define LONGEST_S ((int64_t)876000 * 3600)

/* ---- lifetimes ---- */

/* A Go duration of 1 s to 100 years; empty or 0: a week (contract 2.2). */
static enum err_code read_lifetime(struct kube_request *kr, const json_t *body, int64_t *ret_s) {
    struct str text = json_get_str(body, "expire");
    int64_t ms = 0;
    struct err ignored;
    if (text.len == 0 && json_is_integer(json_object_get(body, "expire")))
        ms = json_integer_value(json_object_get(body, "expire")) /
             1000000; /* Go's own number of nanoseconds */
    else if (text.len > 0 && parse_duration_ms(text, &ms, &ignored) != ERR_OK)
        return refuse(&kr->refusal, 400, "BadRequest",
                      "expire: must be a duration, for example 168h or 720h0m0s");
    *ret_s = ms == 0 ? DEFAULT_S : ms / 1000;
    if (*ret_s < 1 || *ret_s > LONGEST_S)
        return refuse(&kr->refusal, 400, "BadRequest", "expire: must be between 1s and 876000h");
    return ERR_OK;
}

/* ---- the signing key ---- */

static enum err_code load_signer(struct kube_request *kr, struct signer **ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(STORE_SECRET_MAX);
    struct store_object o;
    enum err_code rc = store_get_whole(kr->app->env->store, kr->arena, str_of(kind_api_signing_key.plural),
                                       STR(API_SIGNING_KEY_NAME), &o, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, ERR_UNAVAILABLE, "there is no APISigningKey " API_SIGNING_KEY_NAME);
    if (rc == ERR_OK)
        rc = unseal(kr->app->env->keyring, API_SIGNING_KEY_PURPOSE, o.secret, &jwk, err);
    return rc == ERR_OK ? signer_from_private_jwk(strbuf_str(&jwk), ret, err) : rc;
}

/* ---- a key ---- */

struct key_request {
    struct str tenant, username, uid, description;
    int64_t issued_at, expires_at;
};

/* Contract 6.6, with an identifier nobody can guess or meet twice. */
static enum err_code sign(struct kube_request *kr, const struct key_request *k, struct strbuf *out,
                          struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf payload = STRBUF(KEY_MAX), jti = STRBUF(128);
    AUTO_FREE(signer_free) struct signer *signer = NULL;
    unsigned char raw[JTI_BYTES];
    bool first = true;
    random_bytes(kr->app->env->random, raw, sizeof raw);
    hex_add(&jti, raw, sizeof raw);
    strbuf_addc(&payload, '{');
    json_field_i64(&payload, &first, "exp", k->expires_at);
    json_field_i64(&payload, &first, "iat", k->issued_at);
    json_field_str(&payload, &first, "jti", strbuf_str(&jti));
    json_field_str(&payload, &first, "usr", k->username);
    json_field_str(&payload, &first, "ted", k->tenant);
    strbuf_addc(&payload, '}');
    enum err_code rc = strbuf_check(&payload, err);
    if (rc == ERR_OK)
        rc = load_signer(kr, &signer, err);
    return rc == ERR_OK ? signer_sign_anonymous(signer, "JWT", strbuf_str(&payload), out, err) : rc;
}

static json_t *key_object(struct kube_request *kr, const struct key_request *k, struct str token) {
    char issued[TIME_RFC3339_SIZE], expires[TIME_RFC3339_SIZE];
    return keep_json(kr, json_pack("{s:{}, s:{s:s%, s:s%, s:s%, s:s%, s:s%, s:s, s:s}}", "metadata", "spec",
                                   "apiKey", token.ptr, token.len, "tenantID",
                                   k->tenant.len ? k->tenant.ptr : "", k->tenant.len, "username",
                                   k->username.ptr, k->username.len, "userID", k->uid.len ? k->uid.ptr : "",
                                   k->uid.len, "description", k->description.len ? k->description.ptr : "",
                                   k->description.len, "issue_at", time_rfc3339(k->issued_at, issued),
                                   "expire_at", time_rfc3339(k->expires_at, expires)));
}

/* Stores it; the answer is the only one that has the key itself. */
static enum err_code store_key(struct kube_request *kr, const struct key_request *k, struct str token,
                               struct err *err) {
    struct resource_options o = { .operation = STR("Update"), .manager = STR("tke-auth") };
    json_t *object = NULL, *given = key_object(kr, k, token);
    int64_t revision = 0;
    enum err_code rc = given != NULL ? request_dry_run(kr, &o.dry_run)
                                     : err_set(err, ERR_NOMEM, "an API key");
    if (rc == ERR_OK)
        rc = resource_create(kr->app->env, &kind_api_key, kr->arena, given, &o, &object, &revision,
                             &kr->refusal, err);
    if (rc != ERR_OK)
        return rc;
    if (keep_json(kr, object) == NULL)
        return err_set(err, ERR_NOMEM, "an API key");
    if (!o.dry_run)
        audit_event(kr->req->log, kr->req->request_id, "api_key_issued", KV("name", object_name(object)),
                    KV("user", k->username), KV("tenant", k->tenant), KV("expires_at", k->expires_at),
                    KV("address", kr->req->client_ip));
    (void)json_object_set_new(json_object_get(object, "spec"), "apiKey", json_stringn(token.ptr, token.len));
    kr->app->settle(kr->app->settle_ctx, revision);
    rc = print_answer(kr, 201, object, revision, err);
    http_set_header(kr->res, "Cache-Control", STR("no-store"));
    return rc;
}

static enum err_code issue(struct kube_request *kr, struct key_request *k, const json_t *body,
                           struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf token = STRBUF(KEY_MAX);
    int64_t lifetime_s = 0;
    enum err_code rc = read_lifetime(kr, body, &lifetime_s);
    if (rc != ERR_OK)
        return rc;
    k->description = json_get_str(body, "description");
    k->issued_at = clock_now_s(kr->req->clock);
    k->expires_at = k->issued_at + lifetime_s;
    rc = sign(kr, k, &token, err);
    return rc == ERR_OK ? store_key(kr, k, strbuf_str(&token), err) : rc;
}

/* ---- for the caller ---- */

enum err_code api_key_token(struct kube_request *kr, struct err *err) {
    struct key_request k = { .tenant = kr->who.tenant, .username = kr->who.name };
    json_t *body = NULL;
    struct store_object o;
    json_t *identity = NULL;
    struct err ignored;
    if (k.tenant.len == 0)
        return refuse(&kr->refusal, 403, "Forbidden",
                      "API keys are for users of a tenant; callers of the platform have certificates");
    if (kr->who.source == PRINCIPAL_API_KEY)
        return refuse(&kr->refusal, 403, "Forbidden",
                      "an API key cannot issue another one: a stolen one would never end");
    enum err_code rc = request_body(kr, "APIKeyReq", &body, err);
    if (rc != ERR_OK)
        return rc;
    struct str key = index_username(kr->arena, k.tenant, k.username);
    if (store_find_whole(kr->app->env->store, kr->arena, str_of(kind_local_identity.plural), key, &o, NULL,
                         &ignored) == ERR_OK &&
        json_parse(o.body, &identity, &ignored) == ERR_OK && keep_json(kr, identity) != NULL)
        k.uid = object_name(identity);
    return issue(kr, &k, body, err);
}

/* ---- for whoever knows a password ---- */

/* Wrong user and wrong password look the same, and cost the same: 400 (contract 2.2). */
static enum err_code wrong(struct kube_request *kr) {
    return refuse(&kr->refusal, 400, "BadRequest",
                  "the user name or password is wrong, or the user may not log in");
}

static enum err_code find_identity(struct kube_request *kr, struct str tenant, struct str username,
                                   struct local_user *ret, bool *ret_found, struct err *err) {
    struct store_object o;
    struct str key = index_username(kr->arena, tenant, username);
    struct connector *c = kr->app->find_connector(kr->app->app, tenant);
    *ret_found = false;
    if (c == NULL || !connector_is_local(c) || key.len > STORE_INDEX_KEY_MAX)
        return ERR_OK;
    enum err_code rc = store_find_whole(kr->app->env->store, kr->arena, str_of(kind_local_identity.plural),
                                        key, &o, NULL, err);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc == ERR_OK)
        rc = resource_local_user(kr->arena, &o, ret, err);
    *ret_found = rc == ERR_OK;
    return rc;
}

enum err_code api_key_password(struct kube_request *kr, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf password = STRBUF(2 * PASSWORD_MAX);
    struct local_user user = { .id = STR_NULL };
    json_t *body = NULL;
    bool found = false, match = false;
    int64_t wait_s = 0;
    struct err ignored;
    if (kr->req->run == HTTP_RUN_WORK) {
        http_move(kr->res, HTTP_RUN_LOGIN);
        kr->moved = true;
        return ERR_OK;
    }
    enum err_code rc = request_body(kr, "APIKeyReqPassword", &body, err);
    if (rc != ERR_OK)
        return rc;
    struct str tenant = json_get_str(body, "tenantID"), username = json_get_str(body, "username");
    if (tenant.len == 0 || username.len == 0 ||
        base64_decode(json_get_str(body, "password"), &password, &ignored) != ERR_OK || password.len == 0 ||
        password.len > PASSWORD_MAX)
        return refuse(&kr->refusal, 400, "BadRequest",
                      "tenantID, username and password (base64) are required");
    rc = find_identity(kr, tenant, username, &user, &found, err);
    if (rc == ERR_OK)
        rc = password_check(kr, tenant, username, strbuf_str(&password),
                            found ? user.password_hash : STR_NULL, &match, &wait_s);
    if (rc == ERR_OK && wait_s > 0)
        return password_throttled(kr, wait_s);
    audit_event(kr->req->log, kr->req->request_id, "login",
                KV("outcome", match && !user.locked ? "ok" : "wrong_credentials"), KV("tenant", tenant),
                KV("user", username), KV("for", "an API key"), KV("address", kr->req->client_ip));
    if (rc == ERR_OK && (!match || user.locked))
        return wrong(kr);
    struct key_request k = { .tenant = tenant, .username = user.username, .uid = user.id };
    return rc == ERR_OK ? issue(kr, &k, body, err) : rc;
}

/* ---- a ready-made key: one that the signing key has signed, for the caller themselves ---- */

static enum err_code judge_key(struct kube_request *kr, struct str token, struct key_request *ret,
                               struct err *err) {
    AUTO_FREE(signer_free) struct signer *signer = NULL;
    AUTO(jwt_done) struct jwt jwt = { 0 };
    const struct jwt_rules rules = { .typ = "JWT", .now = clock_now_s(kr->req->clock) };
    enum err_code rc = load_signer(kr, &signer, err);
    if (rc == ERR_OK && signer_verify(signer, token, &rules, &jwt, err) != ERR_OK)
        return refuse(&kr->refusal, 422, "Invalid",
                      "spec.apiKey: was not signed with the platform's key, or has expired");
    if (rc != ERR_OK)
        return rc;
    *ret = (struct key_request) { .tenant = arena_str(kr->arena, json_get_str(jwt.payload, "ted")),
                                  .username = arena_str(kr->arena, json_get_str(jwt.payload, "usr")),
                                  .issued_at = json_get_i64(jwt.payload, "iat", 0),
                                  .expires_at = json_get_i64(jwt.payload, "exp", 0) };
    return ret->username.len > 0 && ret->tenant.len > 0
               ? ERR_OK
               : refuse(&kr->refusal, 422, "Invalid", "spec.apiKey: names no user of a tenant");
}

enum err_code api_key_create(struct kube_request *kr, struct err *err) {
    json_t *body = NULL;
    struct key_request k = { 0 };
    enum err_code rc = request_body(kr, kind_api_key.kind, &body, err);
    struct str token = object_str_at(body, "spec.apiKey");
    if (rc == ERR_OK && token.len == 0)
        return refuse(&kr->refusal, 422, "Invalid",
                      "spec.apiKey: Required value: use apikeys/default/token to have one issued");
    if (rc == ERR_OK)
        rc = judge_key(kr, token, &k, err);
    if (rc != ERR_OK)
        return rc;
    bool own = str_eq(k.tenant, kr->who.tenant) && str_eq(k.username, kr->who.name);
    bool may = own || (kr->scope.level == SCOPE_PLATFORM && kr->scope.is_full) ||
               (kr->scope.is_full && str_eq(k.tenant, kr->scope.tenant));
    if (!may)
        return refuse(&kr->refusal, 403, "Forbidden", "the key is another user's");
    k.description = object_str_at(body, "spec.description");
    return store_key(kr, &k, token, err);
}
