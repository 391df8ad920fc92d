/* Clients and local users had a form of their own before they became objects: they are rewritten, one transaction each kind, at start. */
#include "resource/fields.h"
#include "resource/kinds/shared.h"
#include "resource/write.h"

struct migration {
    const struct resource_env *env;
    const struct kind *kind;
    struct store_tx *tx;
    struct arena *arena;
    size_t count;
};

static void copy_member(json_t *to, const char *key, const json_t *from, const char *old_key) {
    json_t *v = json_object_get(from, old_key);
    if (v != NULL)
        (void)json_object_set(to, key, v);
}

static json_t *new_identity(const json_t *old, struct str *ret_secret) {
    json_t *object = json_object(), *spec = part_of(object, "spec"), *status = part_of(object, "status");
    copy_member(spec, "username", old, "username");
    copy_member(spec, "displayName", old, "display_name");
    copy_member(spec, "email", old, "email");
    copy_member(spec, "tenantID", old, "tenant");
    copy_member(spec, "groups", old, "groups");
    (void)json_object_set_new(spec, "finalizers", json_pack("[s]", kind_local_identity.finalizer));
    if (json_is_true(json_object_get(old, "email_verified")))
        (void)json_object_set_new(spec, "extra", json_pack("{s:s}", "emailVerified", "true"));
    copy_member(status, "locked", old, "locked");
    *ret_secret = json_get_str(old, "password_hash");
    return object;
}

static json_t *new_client(struct arena *a, const json_t *old, struct str *ret_secret) {
    static const char *const same[] = { "id",
                                        "name",
                                        "logo_url",
                                        "public",
                                        "redirect_uris",
                                        "post_logout_redirect_uris",
                                        "trusted_peers",
                                        "allowed_connectors",
                                        "grant_types",
                                        "id_token_claims",
                                        "id_token_alg",
                                        "require_pkce",
                                        "id_token_ttl_s",
                                        "access_token_ttl_s" };
    json_t *object = json_object(), *spec = part_of(object, "spec");
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        copy_member(spec, same[i], old, same[i]);
    unsigned char digest[SHA256_SIZE];
    struct err ignored;
    if (base64url_decode_exact(json_get_str(old, "secret_sha256"), digest, sizeof digest, &ignored) == ERR_OK)
        *ret_secret = arena_str(a, (struct str) { (const char *)digest, sizeof digest });
    return object;
}

static json_t *new_metadata(struct migration *m, struct str name, const json_t *old) {
    char created[TIME_RFC3339_SIZE];
    int64_t created_at = json_get_i64(old, "created_at", clock_now_s(m->env->clock));
    json_t *given = json_pack("{s:s%, s:s}", "name", name.ptr, name.len, "creationTimestamp",
                              time_rfc3339(created_at, created));
    struct refusal ignored = { .arena = m->arena };
    const struct resource_options o = { .trusted = true };
    json_t *meta = given != NULL ? meta_build(m->env, m->kind, given, NULL, &o, &ignored) : NULL;
    json_decref(given);
    return meta;
}

static enum err_code rewrite(struct migration *m, const struct store_object *o, const json_t *old,
                             struct err *err) {
    struct str secret = STR_NULL;
    json_t *object = m->kind == &kind_client ? new_client(m->arena, old, &secret)
                                             : new_identity(old, &secret);
    (void)json_object_set_new(object, "metadata", new_metadata(m, o->name, old));
    json_t *complete = fields_complete(m->kind, object);
    json_decref(object);
    if (complete == NULL)
        return err_set(err, ERR_NOMEM, "an object");
    struct refusal r = { .arena = m->arena };
    struct resource_write w = { .kind = m->kind,
                                .arena = m->arena,
                                .object = complete,
                                .secret = secret,
                                .old_revision = o->revision,
                                .trusted = true };
    int64_t revision;
    enum err_code rc = put_object(m->env, m->tx, &w, o->revision, &revision, &r, err);
    if (rc != ERR_OK && r.status != 0)
        (void)err_set(err, rc, "%s", r.message);
    json_decref(complete);
    m->count++;
    return rc;
}

/* As this version stores them; others may have spelled one otherwise. */
static bool begins_like_ours(struct str body) { return str_starts_with(body, STR("{\"metadata\":")); }

static enum err_code migrate_one(void *ctx, const struct store_object *o, struct err *err) {
    struct migration *m = ctx;
    json_t *old = NULL;
    if (begins_like_ours(o->body))
        return ERR_OK;
    enum err_code rc = json_parse(o->body, &old, err);
    if (rc == ERR_OK && object_metadata(old) == NULL)
        rc = rewrite(m, o, old, err);
    json_decref(old);
    return rc == ERR_OK
               ? ERR_OK
               : err_context(err, "%s \"%.*s\" of an earlier version", m->kind->kind, STR_FMT(o->name));
}

static enum err_code migrate_in_tx(void *ctx, struct store_tx *tx, struct err *err) {
    struct migration *m = ctx;
    m->tx = tx;
    m->count = 0;
    const struct store_query q = {
        .kind = str_of(m->kind->plural), .each = migrate_one, .ctx = m, .with_secret = true
    };
    return store_tx_list(tx, &q, err);
}

/* Cheap when there is nothing to do: the first old one is looked for without the writer. */
struct looking {
    bool found;
};

static enum err_code look(void *ctx, const struct store_object *o, struct err *err) {
    struct looking *l = ctx;
    if (begins_like_ours(o->body))
        return ERR_OK;
    l->found = true;
    return err_set(err, ERR_EXISTS, "an old one");
}

static enum err_code migrate_kind(const struct resource_env *env, const struct kind *k, struct err *err) {
    struct looking l = { false };
    const struct store_query q = { .kind = str_of(k->plural), .each = look, .ctx = &l };
    enum err_code rc = store_list(env->store, &q, NULL, err);
    if (!l.found)
        return rc;
    AUTO_FREE(arena_free) struct arena *a = arena_new(RULES_MEMORY_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a migration");
    struct migration m = { .env = env, .kind = k, .arena = a };
    rc = store_transact(env->store, migrate_in_tx, &m, NULL, err);
    if (rc == ERR_OK && m.count > 0)
        log_info(env->log, NULL, "objects_migrated", KV("kind", k->kind), KV("count", m.count));
    return rc;
}

enum err_code resource_migrate(const struct resource_env *env, struct err *err) {
    enum err_code rc = migrate_kind(env, &kind_local_identity, err);
    return rc == ERR_OK ? migrate_kind(env, &kind_client, err) : rc;
}
