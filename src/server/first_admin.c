#include "server/first_admin.h"

#include <stdio.h>

enum { PASSWORD_BYTES = 15 };

static const struct connector *local_connector(const struct generation *g) {
    for (size_t i = 0; i < g->connector_count; i++)
        if (str_eq(str_of(g->connectors[i]->ops->type), STR("local")))
            return g->connectors[i];
    return NULL;
}

static enum err_code count_one(void *ctx, const struct store_object *o, struct err *err) {
    (void)o;
    (void)err;
    ++*(size_t *)ctx;
    return ERR_OK;
}

static enum err_code has_users(const struct server_parts *parts, const struct generation *g, bool *ret,
                               struct err *err) {
    size_t stored = 0;
    enum err_code rc = store_list(parts->store, STR("localidentities"), STR_NULL, 1, count_one, &stored, NULL,
                                  err);
    *ret = stored > 0 || g->env.static_user_count > 0;
    return rc;
}

static enum err_code create(const struct server_parts *parts, const char *tenant, struct str password,
                            struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX), body = STRBUF(16384);
    enum err_code rc = password_hash(password, &hash, err);
    if (rc != ERR_OK)
        return rc;
    int64_t now = clock_now_s(parts->clock);
    const struct local_user admin = { .id = STR("usr-admin"),
                                      .tenant = str_of(tenant),
                                      .username = STR("admin"),
                                      .display_name = STR("Administrator"),
                                      .password_hash = strbuf_str(&hash),
                                      .created_at = now,
                                      .updated_at = now };
    rc = local_user_check(&admin, err);
    if (rc == ERR_OK)
        rc = local_user_encode(&admin, &body, err);
    return rc == ERR_OK
               ? store_create(parts->store, STR("localidentities"), admin.id, strbuf_str(&body), NULL, err)
               : rc;
}

enum err_code first_admin_ensure(const struct server_parts *parts, const struct generation *g,
                                 const char *dir, const char **ret_name, struct err *err) {
    const struct connector *local = local_connector(g);
    bool present = false;
    *ret_name = NULL;
    if (local == NULL)
        return ERR_OK;
    enum err_code rc = has_users(parts, g, &present, err);
    *ret_name = "admin";
    if (rc != ERR_OK || present)
        return rc;
    unsigned char raw[PASSWORD_BYTES];
    AUTO(strbuf_wipe_done) struct strbuf password = STRBUF(64);
    AUTO(strbuf_done) struct strbuf path = STRBUF(4096);
    random_bytes(parts->random, raw, sizeof raw);
    base64url_add(&password, raw, sizeof raw);
    strbuf_addf(&path, "%s/initial-admin-password", dir);
    /* The file first: an administrator whose password nobody knows would be worse than none. */
    strbuf_addc(&password, '\n');
    rc = file_write_atomic(strbuf_c(&path), strbuf_str(&password), 0600, err);
    if (rc == ERR_OK)
        rc = create(parts, local->id, str_sub(strbuf_str(&password), 0, password.len - 1), err);
    if (rc == ERR_EXISTS)
        return ERR_OK;
    if (rc == ERR_OK)
        audit_event(parts->log, NULL, "first_administrator_created", KV("user", "admin"),
                    KV("tenant", local->id), KV("file", strbuf_c(&path)));
    return rc;
}
