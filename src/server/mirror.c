#include "server/mirror.h"

enum { TEXT_MAX = 1024 * 1024, MEMORY_MAX = 64 * 1024 * 1024 };

/* One that is in the store. */
struct mirror {
    struct str name, hash;
    bool seen; /* in the configuration */
};

struct mirroring {
    const struct resource_env *env;
    const struct generation *generation;
    const struct kind *kind;
    struct arena *arena;   /* of one kind's mirrors */
    struct arena *scratch; /* of one write */
    unsigned char key[32]; /* of the fingerprints: a client's secret is in what they are of */
    struct mirror *mirrors;
    size_t len, cap;
};

/* ---- what should be there ---- */

static json_t *strings(const struct str *items, size_t len) {
    json_t *list = json_array();
    for (size_t i = 0; i < len; i++)
        (void)json_array_append_new(list, json_stringn(items[i].len ? items[i].ptr : "", items[i].len));
    return list;
}

static void set(json_t *object, const char *key, struct str value) {
    if (value.len > 0)
        (void)json_object_set_new(object, key, json_stringn(value.ptr, value.len));
}

static json_t *tenant_object(const struct generation *g, const struct connector *c) {
    const struct generation_tenant said = generation_tenant(g, c->id);
    const struct cfg_strings *named = said.administrators;
    json_t *spec = json_object(), *administrators = json_array();
    set(spec, "name", str_of(c->name));
    set(spec, "type", str_of(strcmp(c->ops->type, "local") == 0 ? "tke" : c->ops->type));
    for (size_t i = 0; named != NULL && i < named->len; i++)
        (void)json_array_append_new(administrators, json_string(named->items[i]));
    (void)json_object_set_new(spec, "administrators", administrators);
    AUTO(strbuf_done) struct strbuf text = STRBUF(TEXT_MAX);
    if (said.config != NULL) {
        cfg_node_print_json(said.config, &text); /* without secrets */
        set(spec, "config", strbuf_str(&text));
    }
    return spec;
}

static json_t *client_object(const struct client *c) {
    json_t *spec = json_object();
    set(spec, "id", c->id);
    set(spec, "name", c->name);
    set(spec, "logo_url", c->logo_url);
    if (c->is_public)
        (void)json_object_set_new(spec, "public", json_true());
    if (c->require_pkce)
        (void)json_object_set_new(spec, "require_pkce", json_true());
    (void)json_object_set_new(spec, "redirect_uris", strings(c->redirect_uris.items, c->redirect_uris.len));
    (void)json_object_set_new(spec, "post_logout_redirect_uris",
                              strings(c->post_logout_redirect_uris.items, c->post_logout_redirect_uris.len));
    (void)json_object_set_new(spec, "trusted_peers", strings(c->trusted_peers.items, c->trusted_peers.len));
    (void)json_object_set_new(spec, "allowed_connectors",
                              strings(c->allowed_connectors.items, c->allowed_connectors.len));
    (void)json_object_set_new(spec, "grant_types", strings(c->grant_types.items, c->grant_types.len));
    set(spec, "id_token_alg", str_of(sign_alg_name(c->id_token_alg)));
    set(spec, "id_token_claims", c->id_token_claims == ID_TOKEN_CLAIMS_MINIMAL ? STR("minimal") : STR_NULL);
    if (c->id_token_ttl_s > 0)
        (void)json_object_set_new(spec, "id_token_ttl_s", json_integer(c->id_token_ttl_s));
    if (c->access_token_ttl_s > 0)
        (void)json_object_set_new(spec, "access_token_ttl_s", json_integer(c->access_token_ttl_s));
    return spec;
}

/* ---- what is there ---- */

static enum err_code add_mirror(struct mirroring *m, struct str name, struct str hash, struct err *err) {
    if (m->len == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 64;
        struct mirror *grown = arena_array(m->arena, cap, sizeof *grown);
        if (grown == NULL)
            return err_set(err, ERR_NOMEM, "mirrors");
        if (m->len > 0)
            memcpy(grown, m->mirrors, m->len * sizeof *grown);
        m->mirrors = grown;
        m->cap = cap;
    }
    m->mirrors[m->len++] = (struct mirror) { arena_str(m->arena, name), arena_str(m->arena, hash), false };
    return arena_failed(m->arena) ? err_set(err, ERR_NOMEM, "mirrors") : ERR_OK;
}

static enum err_code note_mirror(void *ctx, const struct store_object *o, struct err *err) {
    struct mirroring *m = ctx;
    json_t *object = NULL;
    enum err_code rc = json_parse(o->body, &object, err);
    if (rc == ERR_INVALID) { /* one object that cannot be read must not stop the others */
        log_error_err(m->env->log, NULL, "object_unreadable", err, KV("kind", o->kind), KV("name", o->name));
        return ERR_OK;
    }
    const json_t *annotations = json_object_get(object_metadata(object), "annotations");
    if (rc == ERR_OK && object_is_mirror(object))
        rc = add_mirror(m, o->name, json_get_str(annotations, RESOURCE_SOURCE_HASH_ANNOTATION), err);
    json_decref(object);
    return rc;
}

/* ---- making them the same ---- */

static struct str fingerprint(struct mirroring *m, const json_t *spec) {
    unsigned char digest[SHA256_SIZE];
    AUTO(strbuf_done) struct strbuf hex = STRBUF(64);
    char *text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
    hmac_sha256((struct str) { (const char *)m->key, sizeof m->key }, str_of(text), digest);
    free(text);
    hex_add(&hex, digest, 16);
    return arena_str(m->scratch, strbuf_str(&hex));
}

static json_t *mirror_object(struct str name, struct str hash, json_t *spec) {
    return json_pack("{s:{s:s%, s:{s:s, s:s%}}, s:o}", "metadata", "name", name.ptr, name.len, "annotations",
                     RESOURCE_SOURCE_ANNOTATION, "configuration", RESOURCE_SOURCE_HASH_ANNOTATION, hash.ptr,
                     hash.len, "spec", spec);
}

struct new_spec {
    const json_t *object;
};

static enum err_code put_spec(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    const struct new_spec *n = ctx;
    (void)r;
    (void)err;
    (void)json_object_set_new(object, "spec", json_deep_copy(json_object_get(n->object, "spec")));
    json_t *meta = json_object_get(object, "metadata");
    if (json_object_get(meta, "annotations") == NULL)
        (void)json_object_set_new(meta, "annotations", json_object());
    (void)json_object_update(json_object_get(meta, "annotations"),
                             json_object_get(object_metadata(n->object), "annotations"));
    return ERR_OK;
}

static void write_mirror(struct mirroring *m, struct str name, const json_t *object, bool exists) {
    const struct resource_options o = { .trusted = true,
                                        .from_configuration = true,
                                        .operation = STR("Update") };
    struct refusal r = { .arena = m->scratch };
    struct err err = { 0 };
    struct new_spec n = { object };
    json_t *written = NULL;
    int64_t revision;
    enum err_code rc = exists ? resource_edit(m->env, m->kind, m->scratch, name, &o, put_spec, &n, &written,
                                              &revision, &r, &err)
                              : resource_create(m->env, m->kind, m->scratch, object, &o, &written, &revision,
                                                &r, &err);
    json_decref(written);
    if (rc != ERR_OK && r.status == 409)
        log_warn(m->env->log, NULL, "configuration_hides_object", KV("kind", m->kind->kind), KV("name", name),
                 KV("problem",
                    "an object of this name was made by other means; what the configuration says counts"));
    else if (rc != ERR_OK)
        log_error_err(m->env->log, NULL, "mirror_failed", &err, KV("kind", m->kind->kind), KV("name", name));
}

/* They are in the order of their names, as the store has them. NULL: there is none. */
static struct mirror *find_mirror(const struct mirroring *m, struct str name) {
    size_t low = 0, high = m->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (str_cmp(m->mirrors[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->len && str_eq(m->mirrors[low].name, name) ? &m->mirrors[low] : NULL;
}

/* Takes `spec` over. `extra` is part of what may have changed, but is not shown. */
static void mirror_one(struct mirroring *m, struct str name, json_t *spec, struct str extra) {
    arena_reset(m->scratch);
    json_t *judged = json_deep_copy(spec);
    (void)json_object_set_new(judged, "extra", json_stringn(extra.len ? extra.ptr : "", extra.len));
    struct str hash = fingerprint(m, judged);
    json_decref(judged);
    struct mirror *known = find_mirror(m, name);
    bool same = known != NULL && str_eq(known->hash, hash);
    if (known != NULL)
        known->seen = true;
    json_t *object = mirror_object(name, hash, spec);
    if (!same && object != NULL)
        write_mirror(m, name, object, known != NULL);
    json_decref(object);
}

static void remove_others(struct mirroring *m) {
    const struct resource_delete d = { .at_once = true, .from_configuration = true };
    for (size_t i = 0; i < m->len; i++) {
        struct str name = m->mirrors[i].name;
        struct refusal r = { .arena = m->scratch };
        struct err err = { 0 };
        json_t *gone = NULL;
        int64_t revision;
        bool removed;
        if (m->mirrors[i].seen)
            continue;
        arena_reset(m->scratch);
        if (resource_remove(m->env, m->kind, m->scratch, name, &d, &gone, &revision, &removed, &r, &err) !=
            ERR_OK)
            log_error_err(m->env->log, NULL, "mirror_failed", &err, KV("kind", m->kind->kind),
                          KV("name", name));
        json_decref(gone);
    }
}

static void hex_of_secret(const struct client *c, struct strbuf *out) {
    if (c->has_secret)
        hex_add(out, c->secret_sha256, sizeof c->secret_sha256);
}

static void sync_kind(struct mirroring *m, const struct kind *k) {
    struct err err = { 0 };
    m->kind = k;
    m->mirrors = NULL;
    m->len = m->cap = 0;
    arena_reset(m->arena);
    const struct store_query q = { .kind = str_of(k->plural), .each = note_mirror, .ctx = m };
    if (store_list(m->env->store, &q, NULL, &err) != ERR_OK) {
        log_error_err(m->env->log, NULL, "mirror_failed", &err, KV("kind", k->kind));
        return;
    }
    const struct generation *g = m->generation;
    for (size_t i = 0; k == &kind_identity_provider && i < g->connector_count; i++)
        mirror_one(m, str_of(g->connectors[i]->id), tenant_object(g, g->connectors[i]), STR_NULL);
    for (size_t i = 0; k == &kind_client && i < g->static_client_count; i++) {
        AUTO(strbuf_done) struct strbuf secret = STRBUF(128);
        hex_of_secret(&g->static_clients[i], &secret);
        mirror_one(m, g->static_clients[i].id, client_object(&g->static_clients[i]), strbuf_str(&secret));
    }
    remove_others(m);
}

void mirror_sync(const struct resource_env *env, const struct generation *g) {
    AUTO_FREE(arena_free) struct arena *arena = arena_new(MEMORY_MAX);
    AUTO_FREE(arena_free) struct arena *scratch = arena_new(MEMORY_MAX);
    struct mirroring m = { .env = env, .generation = g, .arena = arena, .scratch = scratch };
    struct err err = { 0 };
    enum err_code rc = arena == NULL || scratch == NULL
                           ? err_set(&err, ERR_NOMEM, "mirrors")
                           : keyring_derive(env->keyring, "configuration-mirror", m.key, &err);
    if (rc != ERR_OK) {
        log_error_err(env->log, NULL, "mirror_failed", &err);
        return;
    }
    sync_kind(&m, &kind_identity_provider);
    sync_kind(&m, &kind_client);
    secret_wipe(m.key, sizeof m.key);
}
