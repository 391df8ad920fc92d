#include "resource/views.h"

#include "resource/fields.h"
#include "resource/identity_provider.h"
#include "resource/index.h"
#include "resource/rule.h"
#include "resource/write.h"

static struct str_list strings_of(struct arena *a, const json_t *list) {
    struct str_list out = { .items = arena_array(a, json_array_size(list) + 1, sizeof(struct str)) };
    for (size_t i = 0; out.items != NULL && i < json_array_size(list); i++)
        out.items[out.len++] = json_str(json_array_get(list, i));
    return out;
}

static int64_t time_at(const json_t *object, const char *path) {
    int64_t seconds = 0;
    struct err ignored;
    struct str text = object_str_at(object, path);
    return text.len > 0 && time_parse_rfc3339(text, &seconds, &ignored) == ERR_OK ? seconds : 0;
}

enum err_code resource_local_user(struct arena *a, const struct store_object *o, struct local_user *ret,
                                  struct err *err) {
    json_t *object = NULL;
    enum err_code rc = json_parse_in(a, o->body, &object, err);
    if (rc != ERR_OK)
        return rc;
    *ret = (struct local_user) {
        .id = object_name(object),
        .tenant = object_tenant(&kind_local_identity, object),
        .username = object_str_at(object, "spec.username"),
        .display_name = object_str_at(object, "spec.displayName"),
        .email = object_str_at(object, "spec.email"),
        .email_verified = str_eq_nocase(object_str_at(object, "spec.extra.emailVerified"), STR("true")),
        .phone = object_str_at(object, "spec.phoneNumber"),
        .password_hash = o->secret,
        .groups = strings_of(a, object_at(object, "spec.groups")),
        .locked = json_is_true(object_at(object, "status.locked")) || object_is_deleting(object),
        .created_at = time_at(object, "metadata.creationTimestamp"),
        .updated_at = time_at(object, "status.lastUpdateTime"),
    };
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "a user") : ERR_OK;
}

static enum id_token_claims claims_of(const json_t *object) {
    return str_eq(object_str_at(object, "spec.id_token_claims"), STR("minimal")) ? ID_TOKEN_CLAIMS_MINIMAL
                                                                                 : ID_TOKEN_CLAIMS_SCOPED;
}

enum err_code client_of_object(struct arena *a, const json_t *object, struct str secret, struct client *ret,
                               struct err *err) {
    struct str alg = object_str_at(object, "spec.id_token_alg");
    *ret = (struct client) {
        .id = object_name(object),
        .name = object_str_at(object, "spec.name"),
        .logo_url = object_str_at(object, "spec.logo_url"),
        .is_public = json_is_true(object_at(object, "spec.public")),
        .redirect_uris = strings_of(a, object_at(object, "spec.redirect_uris")),
        .post_logout_redirect_uris = strings_of(a, object_at(object, "spec.post_logout_redirect_uris")),
        .trusted_peers = strings_of(a, object_at(object, "spec.trusted_peers")),
        .allowed_connectors = strings_of(a, object_at(object, "spec.allowed_connectors")),
        .grant_types = strings_of(a, object_at(object, "spec.grant_types")),
        .id_token_claims = claims_of(object),
        .require_pkce = json_is_true(object_at(object, "spec.require_pkce")),
        .id_token_ttl_s = json_get_i64(json_object_get(object, "spec"), "id_token_ttl_s", 0),
        .access_token_ttl_s = json_get_i64(json_object_get(object, "spec"), "access_token_ttl_s", 0),
        .is_static = object_is_mirror(object),
    };
    if (secret.len == CLIENT_SECRET_HASH_SIZE) {
        ret->has_secret = true;
        memcpy(ret->secret_sha256, secret.ptr, secret.len);
    }
    if (ret->name.len == 0)
        ret->name = ret->id;
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "a client");
    return alg.len == 0 ? ERR_OK : sign_alg_parse(alg, &ret->id_token_alg, err);
}

enum err_code resource_client(struct arena *a, const struct store_object *o, struct client *ret,
                              struct err *err) {
    json_t *object = NULL;
    enum err_code rc = json_parse_in(a, o->body, &object, err);
    return rc == ERR_OK ? client_of_object(a, object, o->secret, ret, err) : rc;
}

static void forget_text(void *p) {
    secret_wipe(p, strlen(p));
    free(p);
}

/* The configuration as the connector wants it: marks replaced by what they stand for. */
static enum err_code whole_config(struct arena *a, const struct keyring *keyring, const json_t *object,
                                  struct str sealed, struct str *ret, struct err *err) {
    json_t *config = NULL, *secrets = NULL;
    struct str text = object_str_at(object, "spec.config");
    *ret = text;
    if (text.len == 0 || sealed.len == 0)
        return ERR_OK;
    enum err_code rc = json_parse(text, &config, err);
    if (rc == ERR_OK)
        rc = idp_open_secrets(keyring, sealed, &secrets, err);
    if (rc == ERR_OK) {
        (void)json_object_update(config, secrets);
        char *whole = json_print(config);
        if (whole == NULL || !arena_defer(a, forget_text, whole))
            rc = err_set(err, ERR_NOMEM, "the configuration of a connector");
        else
            *ret = str_of(whole);
    }
    json_decref(secrets);
    json_decref(config);
    return rc;
}

enum err_code resource_identity_provider(struct arena *a, const struct keyring *keyring,
                                         const struct store_object *o, struct identity_provider *ret,
                                         struct err *err) {
    json_t *object = NULL;
    enum err_code rc = json_parse_in(a, o->body, &object, err);
    if (rc != ERR_OK)
        return rc;
    struct identity_provider p = { .id = object_name(object),
                                   .name = object_str_at(object, "spec.name"),
                                   .type = object_str_at(object, "spec.type"),
                                   .administrators = strings_of(a, object_at(object, "spec.administrators")),
                                   .from_configuration = object_is_mirror(object),
                                   .is_deleting = object_is_deleting(object),
                                   .revision = o->revision };
    rc = whole_config(a, keyring, object, o->secret, &p.config, err);
    if (rc == ERR_OK)
        *ret = p;
    return rc;
}

enum err_code resource_api_key(struct arena *a, struct str body, struct api_key *ret, struct err *err) {
    json_t *object = NULL;
    AUTO(strbuf_done) struct strbuf digest = STRBUF(64);
    enum err_code rc = json_parse_in(a, body, &object, err);
    if (rc == ERR_OK)
        rc = hex_decode(object_str_at(object, "spec.sha256"), &digest, err);
    if (rc != ERR_OK)
        return rc;
    if (digest.len != SHA256_SIZE)
        return err_set(err, ERR_INVALID, "an API key without its digest");
    *ret = (struct api_key) {
        .name = object_name(object),
        .tenant = object_tenant(&kind_api_key, object),
        .username = object_str_at(object, "spec.username"),
        .uid = object_str_at(object, "spec.userID"),
        .description = object_str_at(object, "spec.description"),
        .issued_at = time_at(object, "spec.issue_at"),
        .expires_at = time_at(object, "spec.expire_at"),
        .disabled = json_is_true(object_at(object, "status.disabled")) || object_is_deleting(object),
    };
    memcpy(ret->digest, digest.ptr, SHA256_SIZE);
    return ERR_OK;
}

/* ---- a better hash ---- */

struct rehash {
    struct str name, hash;
    int64_t revision;
    struct arena *arena;
};

static enum err_code rehash_in_tx(void *ctx, struct store_tx *tx, struct err *err) {
    struct rehash *h = ctx;
    struct store_object o;
    struct index_list index;
    json_t *object = NULL;
    enum err_code rc = store_tx_get(tx, h->arena, str_of(kind_local_identity.plural), h->name, &o, err);
    if (rc == ERR_OK)
        rc = json_parse(o.body, &object, err);
    if (rc == ERR_OK)
        rc = index_of(h->arena, &kind_local_identity, object, &index, err);
    if (rc == ERR_OK) {
        const struct store_write w = { .kind = str_of(kind_local_identity.plural),
                                       .name = h->name,
                                       .body = o.body,
                                       .secret = h->hash,
                                       .indexes = index.items,
                                       .index_count = index.len,
                                       .expected = h->revision };
        rc = store_tx_write(tx, &w, NULL, err);
    }
    json_decref(object);
    return rc;
}

enum err_code resource_set_password_hash(struct store *s, struct str name, int64_t revision, struct str hash,
                                         struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(8 * STORE_OBJECT_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a hash");
    struct rehash h = { name, hash, revision, a };
    return store_transact(s, rehash_in_tx, &h, NULL, err);
}
