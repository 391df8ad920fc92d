/* What the commands beside `serve` do with the daemon's files. */
#include "server/generation.h"
#include "server/state.h"
#include "server/tenants.h"
#include "tkeauth/resource.h"
#include "tkeauth/server.h"

#include <stdlib.h>

struct server_admin {
    const char *config_path;
    const struct config *config;
    struct server_state state;
    struct connector_env connector_env;
    struct resource_env env;
};

/* Loads config and connectors against `store` (which may be NULL: nothing is asked of it). */
static enum err_code load_generation(const char *path, struct store *store, struct generation **ret,
                                     struct err *err) {
    struct cfg_problems problems;
    const struct server_parts parts = { .store = store, .clock = clock_system(), .random = random_system() };
    enum err_code rc = cfg_problems_init(&problems, err);
    if (rc != ERR_OK)
        return rc;
    rc = generation_load(path, &parts, ret, &problems, err);
    server_state_print_problems(&problems);
    cfg_problems_done(&problems);
    return rc;
}

enum err_code server_check_config(const char *config_path, struct err *err) {
    struct generation *g = NULL;
    struct store *nothing = NULL;
    const struct store_options memory = { .type = "memory", .clock = clock_system() };
    enum err_code rc = store_open(&memory, &nothing, err);
    if (rc == ERR_OK)
        rc = load_generation(config_path, nothing, &g, err);
    generation_unref(g);
    store_close(nothing);
    return rc;
}

static enum err_code read_config(struct arena *a, const char *path, const struct config **ret,
                                 struct err *err) {
    struct cfg_problems problems;
    enum err_code rc = cfg_problems_init(&problems, err);
    if (rc != ERR_OK)
        return rc;
    rc = config_load(a, path, ret, &problems, err);
    if (rc != ERR_OK)
        server_state_print_problems(&problems);
    cfg_problems_done(&problems);
    return rc;
}

static const char *check_connector(void *ctx, struct arena *a, struct str type, struct str config) {
    const struct server_admin *s = ctx;
    return tenants_check_connector(a, &s->connector_env, type, config);
}

/* Over the opened state. */
static void fill_env(struct server_admin *s) {
    s->connector_env = (struct connector_env) { .store = s->state.store,
                                                .clock = clock_system(),
                                                .random = random_system() };
    s->env = (struct resource_env) {
        .store = s->state.store,
        .keyring = s->state.keyring,
        .clock = clock_system(),
        .random = random_system(),
        .check_connector = check_connector,
        .ctx = s,
        .keep_keys_on_password_change = s->config->authentication.api_keys_keep_on_password_change,
    };
}

/* `open` fills s->state. */
static enum err_code admin_new(struct arena *a, const char *config_path,
                               enum err_code (*open)(struct server_admin *, struct err *), bool migrates,
                               struct server_admin **ret, struct err *err) {
    struct server_admin *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "the state");
    s->config_path = config_path;
    enum err_code rc = read_config(a, config_path, &s->config, err);
    if (rc == ERR_OK)
        rc = open(s, err);
    if (rc == ERR_OK) {
        fill_env(s);
        rc = migrates ? resource_migrate(&s->env, err) : ERR_OK;
    }
    if (rc != ERR_OK) {
        server_admin_close(s);
        return rc;
    }
    *ret = s;
    return ERR_OK;
}

static enum err_code open_for_reading(struct server_admin *s, struct err *err) {
    return server_state_open(&s->state, s->config, NULL, true, err);
}

static enum err_code open_for_writing(struct server_admin *s, struct err *err) {
    return server_state_open(&s->state, s->config, NULL, false, err);
}

enum err_code server_admin_open(struct arena *a, const char *config_path, bool read_only,
                                struct server_admin **ret, struct err *err) {
    return admin_new(a, config_path, read_only ? open_for_reading : open_for_writing, !read_only, ret, err);
}

/* ---- a copy ---- */

/* The keys that secrets were sealed with; where nothing was sealed yet, one that is forgotten with the copy. */
static enum err_code copy_keyring(struct server_admin *s, struct err *err) {
    unsigned char key[KEYRING_KEY_SIZE];
    enum err_code rc = keyring_load(s->config->storage.key_file, &s->state.keyring, err);
    if (rc != ERR_NOT_FOUND)
        return rc;
    random_bytes(random_system(), key, sizeof key);
    rc = keyring_from_key(key, &s->state.keyring, err);
    secret_wipe(key, sizeof key);
    return rc;
}

static enum err_code open_copy(struct server_admin *s, struct err *err) {
    AUTO_FREE(store_close) struct store *original = NULL;
    const struct store_options memory = { .type = "memory", .clock = clock_system() };
    const struct store_options stored = { .type = s->config->storage.type,
                                          .path = s->config->storage.file,
                                          .clock = clock_system(),
                                          .read_only = true };
    enum err_code rc = copy_keyring(s, err);
    if (rc == ERR_OK)
        rc = store_open(&memory, &s->state.store, err);
    if (rc != ERR_OK)
        return rc;
    rc = store_open(&stored, &original, err);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    return rc == ERR_OK ? resource_copy(original, s->state.store, err) : rc;
}

enum err_code server_admin_open_copy(struct arena *a, const char *config_path, struct server_admin **ret,
                                     struct err *err) {
    return admin_new(a, config_path, open_copy, true, ret, err);
}

void server_admin_close(struct server_admin *s) {
    if (s == NULL)
        return;
    server_state_close(&s->state);
    free(s);
}

const struct config *server_admin_config(const struct server_admin *s) { return s->config; }
struct store *server_admin_store(const struct server_admin *s) {
    return s->state.store;
}
const struct resource_env *server_admin_env(const struct server_admin *s) { return &s->env; }

enum err_code server_admin_keys(const struct server_admin *s, struct arena *a, struct signing_key **ret,
                                size_t *ret_len, struct err *err) {
    const struct signing_keys keys = server_state_signing_keys(&s->state, s->config, 0);
    return signing_keys_list(&keys, a, ret, ret_len, err);
}

enum err_code server_admin_replace_keys(const struct server_admin *s, struct err *err) {
    const struct signing_keys keys = server_state_signing_keys(&s->state, s->config, 0);
    return signing_keys_replace(&keys, err);
}

enum err_code server_admin_ldap_search(const struct server_admin *s, struct arena *a, struct str tenant,
                                       struct str user, struct strbuf *ret_report, struct err *err) {
    struct generation *g = NULL;
    struct tenant_set tenants = { 0 };
    const struct connector_env env = { .store = s->state.store,
                                       .clock = clock_system(),
                                       .random = random_system() };
    enum err_code rc = load_generation(s->config_path, s->state.store, &g, err);
    if (rc == ERR_OK)
        rc = tenants_load(s->state.store, s->state.keyring, g, &env, NULL, &tenants, err);
    const struct tenant *t = rc == ERR_OK ? tenants_find_id(&tenants, tenant) : NULL;
    if (rc == ERR_OK)
        rc = t != NULL && t->connector != NULL
                 ? connector_ldap_search(t->connector, a, user, ret_report, err)
                 : err_set(err, ERR_NOT_FOUND, "there is no tenant \"%.*s\"", STR_FMT(tenant));
    tenants_done(&tenants);
    generation_unref(g);
    return rc;
}
