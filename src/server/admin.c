/* What the commands beside `serve` do with the daemon's files. */
#include "server/generation.h"
#include "server/state.h"
#include "tkeauth/server.h"

#include <stdlib.h>

struct server_admin {
    const char *config_path;
    const struct config *config;
    struct server_state state;
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

enum err_code server_admin_open(struct arena *a, const char *config_path, bool read_only,
                                struct server_admin **ret, struct err *err) {
    struct cfg_problems problems;
    struct server_admin *s = calloc(1, sizeof *s);
    if (s == NULL)
        return err_set(err, ERR_NOMEM, "the state");
    enum err_code rc = cfg_problems_init(&problems, err);
    if (rc == ERR_OK) {
        rc = config_load(a, config_path, &s->config, &problems, err);
        if (rc != ERR_OK)
            server_state_print_problems(&problems);
        cfg_problems_done(&problems);
    }
    if (rc == ERR_OK)
        rc = server_state_open(&s->state, s->config, NULL, read_only, err);
    if (rc != ERR_OK) {
        server_admin_close(s);
        return rc;
    }
    s->config_path = config_path;
    *ret = s;
    return ERR_OK;
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

enum err_code server_admin_keys(const struct server_admin *s, struct arena *a, struct signing_key **ret,
                                size_t *ret_len, struct err *err) {
    const struct signing_keys keys = server_state_signing_keys(&s->state, s->config, 0);
    return signing_keys_list(&keys, a, ret, ret_len, err);
}

enum err_code server_admin_replace_keys(const struct server_admin *s, struct err *err) {
    const struct signing_keys keys = server_state_signing_keys(&s->state, s->config, 0);
    return signing_keys_replace(&keys, err);
}

static struct connector *find_connector(const struct generation *g, struct str id) {
    for (size_t i = 0; i < g->connector_count; i++)
        if (str_eq(str_of(g->connectors[i]->id), id))
            return g->connectors[i];
    return NULL;
}

enum err_code server_admin_ldap_search(const struct server_admin *s, struct arena *a, struct str tenant,
                                       struct str user, struct strbuf *ret_report, struct err *err) {
    struct generation *g = NULL;
    enum err_code rc = load_generation(s->config_path, s->state.store, &g, err);
    if (rc != ERR_OK)
        return rc;
    struct connector *c = find_connector(g, tenant);
    rc = c ? connector_ldap_search(c, a, user, ret_report, err)
           : err_set(err, ERR_NOT_FOUND, "there is no tenant \"%.*s\" in the configuration", STR_FMT(tenant));
    generation_unref(g);
    return rc;
}
