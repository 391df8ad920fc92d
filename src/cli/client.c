/* tke-auth client add|list|remove */
#include "cli/admin.h"
#include "cli/commands.h"
#include "tkeauth/crypto.h"
#include "tkeauth/model.h"

#include <stdio.h>

static const struct str kind = { "clients", 7 };
enum { SECRET_MIN = 16 };

static struct str_list list_of(struct arena *a, const struct cli_list *from) {
    struct str_list list = { .items = arena_array(a, from->len + 1, sizeof(struct str)) };
    for (size_t i = 0; list.items != NULL && i < from->len; i++)
        list.items[list.len++] = str_of(from->items[i]);
    return list;
}

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

static enum err_code build_client(struct arena *a, const char *id, const struct add_options *o,
                                  struct client *ret, struct err *err) {
    *ret = (struct client) { .id = str_of(id),
                             .name = str_of(o->name ? o->name : id),
                             .is_public = o->is_public,
                             .redirect_uris = list_of(a, &o->redirect_uris),
                             .post_logout_redirect_uris = list_of(a, &o->logout_uris),
                             .grant_types = list_of(a, &o->grant_types),
                             .trusted_peers = list_of(a, &o->peers),
                             .allowed_connectors = list_of(a, &o->connectors),
                             .require_pkce = o->require_pkce };
    if (str_eq(str_of(o->claims), STR("minimal")))
        ret->id_token_claims = ID_TOKEN_CLAIMS_MINIMAL;
    else if (!str_eq(str_of(o->claims), STR("scoped")))
        return err_set(err, ERR_INVALID, "--id-token-claims is scoped or minimal");
    return sign_alg_parse(str_of(o->alg), &ret->id_token_alg, err);
}

static int add(const struct add_options *o, const char *id) {
    struct admin admin;
    struct err err = { 0 };
    struct client c;
    AUTO(secret_done) struct secret secret = { 0 };
    AUTO(strbuf_done) struct strbuf body = STRBUF(STORE_OBJECT_MAX);
    bool made = false;
    if (!admin_open(o->config, false, &admin))
        return 1;
    enum err_code rc = build_client(admin.arena, id, o, &c, &err);
    if (rc == ERR_OK && !o->is_public)
        rc = get_secret(o, &secret, &made, &err);
    if (rc == ERR_OK && !o->is_public) {
        c.has_secret = true;
        sha256(secret_expose(&secret), c.secret_sha256);
    }
    if (rc == ERR_OK)
        rc = client_check(&c, &err);
    if (rc == ERR_OK)
        rc = client_encode(&c, &body, &err);
    if (rc == ERR_OK)
        rc = store_create(admin.store, kind, c.id, strbuf_str(&body), NULL, &err);
    admin_close(&admin);
    if (rc == ERR_EXISTS)
        (void)err_set(&err, rc, "there is a client of this id; remove it first");
    if (rc != ERR_OK)
        return cli_fail(&err, id);
    (void)printf("client %s added\n", id);
    if (made)
        (void)printf("client secret (shown only now): %.*s\n", STR_FMT(secret_expose(&secret)));
    return 0;
}

static enum err_code print_one(void *ctx, const struct store_object *o, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 * STORE_OBJECT_MAX);
    struct client c;
    (void)ctx;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a client");
    enum err_code rc = client_decode(a, o->body, &c, err);
    if (rc != ERR_OK)
        return err_context(err, "client %.*s", STR_FMT(o->name));
    (void)printf("%.*s\t%s\t%s\t", STR_FMT(c.id), c.is_public ? "public" : "confidential",
                 sign_alg_name(c.id_token_alg));
    for (size_t i = 0; i < c.redirect_uris.len; i++)
        (void)printf("%s%.*s", i ? "," : "", STR_FMT(c.redirect_uris.items[i]));
    (void)printf("\n");
    return ERR_OK;
}

static int list(const char *config) {
    struct admin admin;
    struct err err = { 0 };
    if (!admin_open(config, true, &admin))
        return 1;
    const struct config_static_client *fixed = admin.config->static_clients.items;
    for (size_t i = 0; i < admin.config->static_clients.len; i++)
        (void)printf("%s\t%s\t(in the configuration)\n", fixed[i].id,
                     fixed[i].is_public ? "public" : "confidential");
    enum err_code rc = store_list(admin.store, kind, STR_NULL, 0, print_one, NULL, NULL, &err);
    admin_close(&admin);
    return rc == ERR_OK ? 0 : cli_fail(&err, "client list");
}

static int remove_client(const char *config, const char *id) {
    struct admin admin;
    struct err err = { 0 };
    if (!admin_open(config, false, &admin))
        return 1;
    const struct store_family_filter families = { .client_id = str_of(id) };
    size_t revoked = 0;
    enum err_code rc = store_delete(admin.store, kind, str_of(id), 0, &err);
    if (rc == ERR_OK)
        rc = store_family_revoke(admin.store, &families, &revoked, &err);
    admin_close(&admin);
    if (rc == ERR_NOT_FOUND)
        (void)err_set(&err, rc,
                      "there is no such stored client (those of the configuration are removed there)");
    if (rc != ERR_OK)
        return cli_fail(&err, id);
    (void)printf("client %s removed, %zu logins ended\n", id, revoked);
    return 0;
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
