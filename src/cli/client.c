/* tke-auth client add|list|remove */
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/objects.h"

#include <stdio.h>

enum { SECRET_MIN = 16 };

struct add_options {
    const char *config, *name, *secret_file, *alg, *claims;
    struct cli_list redirect_uris, logout_uris, grant_types, peers, connectors;
    bool is_public, require_pkce;
};

/* The secret from a file, or a new one that is then shown. `*ret_made`: it is new. */
static enum err_code get_secret(const struct add_options *o, struct secret *ret, bool *ret_made,
                                struct err *err) {
    *ret_made = o->secret_file == NULL;
    if (*ret_made) {
        AUTO(strbuf_wipe_done) struct strbuf text = STRBUF(64);
        admin_random_text(32, &text);
        return secret_copy(strbuf_str(&text), ret, err);
    }
    enum err_code rc = file_read_secret(o->secret_file, 1024, false, ret, err);
    if (rc == ERR_OK && ret->len < SECRET_MIN)
        return err_set(err, ERR_INVALID, "%s: a client secret needs at least %d characters", o->secret_file,
                       SECRET_MIN);
    return rc;
}

static void set_list(json_t *spec, const char *key, const struct cli_list *from) {
    json_t *list = json_array();
    for (size_t i = 0; i < from->len; i++)
        (void)json_array_append_new(list, json_string(from->items[i]));
    (void)json_object_set_new(spec, key, list);
}

static json_t *new_client(const char *id, const struct add_options *o, const struct secret *secret) {
    json_t *spec = json_pack("{s:s, s:s, s:b, s:b, s:s, s:s}", "id", id, "name", o->name ? o->name : id,
                             "public", o->is_public, "require_pkce", o->require_pkce, "id_token_alg", o->alg,
                             "id_token_claims", o->claims);
    if (spec == NULL)
        return NULL;
    set_list(spec, "redirect_uris", &o->redirect_uris);
    set_list(spec, "post_logout_redirect_uris", &o->logout_uris);
    set_list(spec, "grant_types", &o->grant_types);
    set_list(spec, "trusted_peers", &o->peers);
    set_list(spec, "allowed_connectors", &o->connectors);
    if (secret->ptr != NULL)
        (void)json_object_set_new(spec, "secret", json_stringn((const char *)secret->ptr, secret->len));
    return json_pack("{s:{s:s}, s:o}", "metadata", "name", id, "spec", spec);
}

static enum err_code create(const struct admin *admin, const char *id, const struct add_options *o,
                            const struct secret *secret, struct refusal *r, struct err *err) {
    const struct resource_options options = { .operation = STR("Update") };
    json_t *object = NULL, *given = new_client(id, o, secret);
    int64_t revision;
    if (configured_client(admin->config, str_of(id)))
        return err_set(err, ERR_EXISTS, "the configuration has a client of this id, which would count");
    if (given == NULL)
        return err_set(err, ERR_INVALID, "what is given is no text (UTF-8)");
    enum err_code rc = resource_create(admin->env, &kind_client, admin->arena, given, &options, &object,
                                       &revision, r, err);
    json_decref(given);
    json_decref(object);
    if (r->status == 409) {
        *r = (struct refusal) { .arena = admin->arena };
        return err_set(err, ERR_EXISTS, "there is a client of this id; remove it first");
    }
    return rc;
}

static int add(const struct add_options *o, const char *id) {
    struct admin admin;
    struct err err = { 0 };
    AUTO(secret_done) struct secret secret = { 0 };
    bool made = false;
    if (!admin_open(o->config, false, &admin))
        return 1;
    struct refusal r = { .arena = admin.arena };
    int status = 0;
    enum err_code rc = o->is_public ? ERR_OK : get_secret(o, &secret, &made, &err);
    if (rc == ERR_OK)
        rc = create(&admin, id, o, &secret, &r, &err);
    if (rc != ERR_OK)
        status = cli_refused(&r, &err, id);
    admin_close(&admin);
    if (status != 0)
        return status;
    (void)printf("client %s added\n", id);
    if (made)
        (void)printf("client secret (shown only now): %.*s\n", STR_FMT(secret_expose(&secret)));
    return 0;
}

/* ---- list ---- */

static enum err_code print_one(void *ctx, const struct store_object *o, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 * STORE_OBJECT_MAX);
    const struct config *config = ctx;
    struct client c;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a client");
    if (configured_client(config, o->name))
        return ERR_OK;
    enum err_code rc = resource_client(a, o, &c, err);
    if (rc != ERR_OK)
        return err_context(err, "client %.*s", STR_FMT(o->name));
    (void)printf("%.*s\t%s\t%s\t", STR_FMT(c.id), c.is_public ? "public" : "confidential",
                 sign_alg_name(c.id_token_alg));
    for (size_t i = 0; i < c.redirect_uris.len; i++)
        (void)printf("%s%.*s", i ? "," : "", STR_FMT(c.redirect_uris.items[i]));
    (void)printf("\n");
    return ERR_OK;
}

static void print_configured(const char *id, bool is_public) {
    (void)printf("%s\t%s\t(in the configuration)\n", id, is_public ? "public" : "confidential");
}

static int list(const char *config) {
    struct admin admin;
    struct err err = { 0 };
    if (!admin_open(config, true, &admin))
        return 1;
    const struct config *c = admin.config;
    const struct config_static_client *fixed = c->static_clients.items;
    for (size_t i = 0; i < c->static_clients.len; i++)
        print_configured(fixed[i].id, fixed[i].is_public);
    if (c->auth.init_client_secret.ptr != NULL)
        print_configured(c->auth.init_client_id, false);
    /* The store has copies of these for whoever looks by the API: configured_client leaves them out. */
    const struct store_query q = { .kind = str_of(kind_client.plural),
                                   .each = print_one,
                                   .ctx = (void *)(uintptr_t)c };
    enum err_code rc = store_list(admin.store, &q, NULL, &err);
    admin_close(&admin);
    return rc == ERR_OK ? 0 : cli_fail(&err, "client list");
}

/* ---- remove ---- */

static enum err_code find_removable(const struct admin *admin, struct str id, struct err *err) {
    struct store_object o;
    json_t *object = NULL;
    if (configured_client(admin->config, id))
        return err_set(err, ERR_FORBIDDEN, "this client is set in the configuration; remove it there");
    enum err_code rc = store_get(admin->store, admin->arena, str_of(kind_client.plural), id, &o, err);
    if (rc == ERR_NOT_FOUND)
        return err_set(err, rc, "there is no such stored client");
    if (rc == ERR_OK)
        rc = json_parse(o.body, &object, err);
    if (rc == ERR_OK && object_is_mirror(object))
        rc = err_set(
            err, ERR_FORBIDDEN,
            "a copy of a client of the configuration, which a running daemon takes away when it is gone "
            "there");
    json_decref(object);
    return rc;
}

static enum err_code remove_stored(const struct admin *admin, struct str id, size_t *ret_revoked,
                                   struct refusal *r, struct err *err) {
    const struct resource_delete d = { .at_once = true };
    const struct store_family_filter families = { .client_id = id };
    json_t *object = NULL;
    int64_t revision;
    bool removed;
    enum err_code rc = find_removable(admin, id, err);
    if (rc == ERR_OK)
        rc = resource_remove(admin->env, &kind_client, admin->arena, id, &d, &object, &revision, &removed, r,
                             err);
    json_decref(object);
    return rc == ERR_OK ? store_family_revoke(admin->store, &families, ret_revoked, err) : rc;
}

static int remove_client(const char *config, const char *id) {
    struct admin admin;
    struct err err = { 0 };
    size_t revoked = 0;
    if (!admin_open(config, false, &admin))
        return 1;
    struct refusal r = { .arena = admin.arena };
    int status = 0;
    if (remove_stored(&admin, str_of(id), &revoked, &r, &err) != ERR_OK)
        status = cli_refused(&r, &err, id);
    else
        (void)printf("client %s removed, %zu logins ended\n", id, revoked);
    admin_close(&admin);
    return status;
}

int cli_client(int argc, char **argv) {
    struct add_options o = { .config = cli_default_config(), .alg = "RS256", .claims = "scoped" };
    struct cli_words words;
    const struct cli_option options[] = {
        { "config", CLI_STRING, &o.config, "FILE", "the configuration of the daemon" },
        { "redirect-uri", CLI_LIST, &o.redirect_uris, "URI", "where codes may be sent; repeat for several" },
        { "post-logout-redirect-uri", CLI_LIST, &o.logout_uris, "URI", "where a logout may lead back to" },
        { "public", CLI_FLAG, &o.is_public, NULL,
          "no secret (a CLI, a single-page app): PKCE is then a must" },
        { "require-pkce", CLI_FLAG, &o.require_pkce, NULL, "PKCE also for this confidential client" },
        { "secret-file", CLI_STRING, &o.secret_file, "FILE", "use this secret instead of a new one" },
        { "name", CLI_STRING, &o.name, "TEXT", "what the login page calls it" },
        { "grant-type", CLI_LIST, &o.grant_types, "TYPE",
          "authorization_code, refresh_token, password (default: the first two)" },
        { "trusted-peer", CLI_LIST, &o.peers, "ID", "a client that may ask for tokens for this one" },
        { "connector", CLI_LIST, &o.connectors, "ID", "a tenant whose users may use it (default: all)" },
        { "id-token-alg", CLI_STRING, &o.alg, "ALG", "RS256, ES256 or EdDSA" },
        { "id-token-claims", CLI_STRING, &o.claims, "WHICH",
          "scoped: all that was asked for; minimal: the rest only from userinfo" },
        { .name = NULL },
    };
    const struct cli_usage usage = {
        "tke-auth client add ID [options] | list | remove ID",
        "Clients that may ask for logins. A running daemon knows of a change within a second. Examples:\n\n"
        "    tke-auth client add kubernetes --public --redirect-uri http://localhost:8000\n"
        "    tke-auth client add console --redirect-uri https://console.example.com/callback\n"
        "    tke-auth client list",
        options,
    };
    int status = cli_parse(&usage, argc, argv, 1, 2, &words);
    if (status >= 0)
        return status;
    struct str verb = str_of(words.items[0]);
    if (str_eq(verb, STR("add")) && words.len == 2)
        return add(&o, words.items[1]);
    if (str_eq(verb, STR("list")) && words.len == 1)
        return list(o.config);
    if (str_eq(verb, STR("remove")) && words.len == 2)
        return remove_client(o.config, words.items[1]);
    (void)fprintf(stderr, "Usage: %s\nTry --help for all options.\n", usage.line);
    return 2;
}
