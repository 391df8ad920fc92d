#include "server/api_signing_key.h"

#include "tkeauth/jose.h"

enum { MEMORY_MAX = 1024 * 1024, JWK_MAX = 16 * 1024 };

static enum err_code create(const struct resource_env *env, struct arena *a, struct err *err) {
    AUTO_FREE(signer_free) struct signer *signer = NULL;
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(JWK_MAX), text = STRBUF(2 * JWK_MAX);
    AUTO(strbuf_done) struct strbuf public_text = STRBUF(2 * JWK_MAX);
    enum err_code rc = signer_generate(SIGN_RS256, &signer, err);
    if (rc == ERR_OK)
        rc = signer_private_jwk_add(signer, &jwk, err);
    if (rc != ERR_OK)
        return rc;
    base64_add(&text, jwk.ptr, jwk.len);
    struct str public_jwk = signer_public_jwk(signer);
    base64_add(&public_text, public_jwk.ptr, public_jwk.len);
    json_auto_t *given = json_pack("{s:{s:s}, s:s%, s:s%}", "metadata", "name", API_SIGNING_KEY_NAME,
                                   "signingKey", strbuf_c(&text), text.len, "signingKeyPub",
                                   strbuf_c(&public_text), public_text.len);
    if (given == NULL)
        return err_set(err, ERR_NOMEM, "the API signing key");
    const struct resource_options o = { .trusted = true, .operation = STR("Update") };
    struct refusal r = { .arena = a };
    json_t *made = NULL;
    int64_t revision;
    rc = resource_create(env, &kind_api_signing_key, a, given, &o, &made, &revision, &r, err);
    json_decref(made);
    if (rc == ERR_EXISTS || r.status == 409)
        return ERR_OK; /* another process was faster */
    if (rc == ERR_OK)
        audit_event(env->log, NULL, "api_signing_key_created", KV("kid", signer_kid(signer)));
    return rc;
}

enum err_code api_signing_key_ensure(const struct resource_env *env, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(MEMORY_MAX);
    struct store_object o;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "the API signing key");
    enum err_code rc = store_get(env->store, a, str_of(kind_api_signing_key.plural),
                                 STR(API_SIGNING_KEY_NAME), &o, err);
    return rc == ERR_NOT_FOUND ? create(env, a, err) : rc;
}
