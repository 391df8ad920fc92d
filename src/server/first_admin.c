#include "server/first_admin.h"

#include "tkeauth/kube.h"

enum { PASSWORD_BYTES = 15, MEMORY_MAX = 4 * 1024 * 1024 };
#define ADMIN_OBJECT "usr-admin"
#define ADMIN_NAME "admin"

static const struct connector *local_tenant(const struct generation *g) {
    for (size_t i = 0; i < g->connector_count; i++)
        if (connector_is_local(g->connectors[i]))
            return g->connectors[i];
    return NULL;
}

static enum err_code count_one(void *ctx, const struct store_object *o, struct err *err) {
    (void)o;
    (void)err;
    ++*(size_t *)ctx;
    return ERR_OK;
}

static enum err_code has_users(const struct resource_env *env, const struct generation *g, bool *ret,
                               struct err *err) {
    size_t stored = 0;
    const struct store_query q = {
        .kind = str_of(kind_local_identity.plural), .limit = 1, .each = count_one, .ctx = &stored
    };
    enum err_code rc = store_list(env->store, &q, NULL, err);
    *ret = stored > 0 || g->env.static_user_count > 0;
    return rc;
}

static enum err_code create(const struct resource_env *env, struct arena *a, const char *tenant,
                            struct str password, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf encoded = STRBUF(256);
    const struct resource_options o = { .operation = STR("Update") };
    struct refusal r = { .arena = a };
    json_t *made = NULL;
    int64_t revision;
    base64_add(&encoded, password.ptr, password.len);
    json_t *given = json_pack("{s:{s:s}, s:{s:s, s:s, s:s, s:s%}}", "metadata", "name", ADMIN_OBJECT, "spec",
                              "tenantID", tenant, "username", ADMIN_NAME, "displayName", "Administrator",
                              "hashedPassword", strbuf_c(&encoded), encoded.len);
    if (given == NULL)
        return err_set(err, ERR_NOMEM, "the first administrator");
    enum err_code rc = resource_create(env, &kind_local_identity, a, given, &o, &made, &revision, &r, err);
    json_decref(made);
    json_decref(given);
    return rc;
}

/* Without the role they are a user like any other: told, but no reason not to start. */
static void make_administrator(const struct resource_env *env, struct arena *a, const char *tenant) {
    const struct resource_options o = { .operation = STR("Update") };
    struct refusal r = { .arena = a };
    struct err err = { 0 };
    json_t *written = NULL;
    int64_t revision;
    json_t *users = json_pack("[{s:s+, s:s}]", "id", tenant, "##" ADMIN_OBJECT, "name", ADMIN_NAME);
    enum err_code rc = users != NULL ? resource_bind(env, &kind_role, a, STR(KUBE_ROLE_ADMINISTRATOR), users,
                                                     NULL, true, &o, &written, &revision, &r, &err)
                                     : err_set(&err, ERR_NOMEM, "the first administrator");
    if (rc != ERR_OK)
        log_warn_err(env->log, NULL, "first_administrator_has_no_role", &err,
                     KV("role", KUBE_ROLE_ADMINISTRATOR));
    json_decref(written);
    json_decref(users);
}

static enum err_code make(const struct resource_env *env, const char *tenant, const char *dir,
                          struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(MEMORY_MAX);
    AUTO(strbuf_wipe_done) struct strbuf password = STRBUF(64);
    AUTO(strbuf_done) struct strbuf path = STRBUF(4096);
    unsigned char raw[PASSWORD_BYTES];
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "the first administrator");
    random_bytes(env->random, raw, sizeof raw);
    base64url_add(&password, raw, sizeof raw);
    strbuf_addf(&path, "%s/initial-admin-password", dir);
    /* The file first: an administrator whose password nobody knows would be worse than none. */
    strbuf_addc(&password, '\n');
    enum err_code rc = file_write_atomic(strbuf_c(&path), strbuf_str(&password), 0600, err);
    if (rc == ERR_OK)
        rc = create(env, a, tenant, str_sub(strbuf_str(&password), 0, password.len - 1), err);
    if (rc != ERR_OK)
        return rc;
    make_administrator(env, a, tenant);
    audit_event(env->log, NULL, "first_administrator_created", KV("user", ADMIN_NAME), KV("tenant", tenant),
                KV("file", strbuf_c(&path)));
    return ERR_OK;
}

enum err_code first_admin_ensure(const struct resource_env *env, const struct generation *g, const char *dir,
                                 const char **ret_name, struct err *err) {
    const struct connector *tenant = local_tenant(g);
    bool present = false;
    *ret_name = NULL;
    if (tenant == NULL)
        return ERR_OK;
    enum err_code rc = has_users(env, g, &present, err);
    *ret_name = ADMIN_NAME;
    return rc == ERR_OK && !present ? make(env, tenant->id, dir, err) : rc;
}
