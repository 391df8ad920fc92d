/* The configuration's clients and users (dex's staticClients and staticPasswords, TKEStack's init client) in the model's words. */
#include "server/generation.h"
#include "tkeauth/crypto.h"

static struct str_list strings(struct arena *a, const struct cfg_strings *from) {
    struct str_list list = { .items = arena_array(a, from->len + 1, sizeof(struct str)) };
    for (size_t i = 0; list.items != NULL && i < from->len; i++)
        list.items[list.len++] = str_of(from->items[i]);
    return list;
}

static void set_secret(struct client *c, const struct secret *secret) {
    c->has_secret = secret->ptr != NULL;
    if (c->has_secret)
        sha256(secret_expose(secret), c->secret_sha256);
}

static struct client client_of(struct arena *a, const struct config_static_client *from) {
    struct client c = {
        .id = str_of(from->id),
        .name = str_of(from->name),
        .logo_url = str_of(from->logo_url),
        .is_public = from->is_public,
        .redirect_uris = strings(a, &from->redirect_uris),
        .post_logout_redirect_uris = strings(a, &from->post_logout_redirect_uris),
        .trusted_peers = strings(a, &from->trusted_peers),
        .allowed_connectors = strings(a, &from->allowed_connectors),
        .grant_types = strings(a, &from->grant_types),
        .id_token_claims = (enum id_token_claims)from->id_token_claims,
        .id_token_alg = (enum sign_alg)from->id_token_alg,
        .require_pkce = from->require_pkce,
        .id_token_ttl_s = from->id_token_ttl_s,
        .access_token_ttl_s = from->access_token_ttl_s,
        .is_static = true,
    };
    set_secret(&c, &from->secret);
    return c;
}

/* The gateway's client: it logs users in with the code flow and, from its own form, with the password grant. */
static struct client init_client(struct arena *a, const struct config *config) {
    static const char *grant_types[] = { "authorization_code", "refresh_token", "password" };
    const struct cfg_strings grants = { grant_types, ARRAY_LEN(grant_types) };
    struct client c = { .id = str_of(config->auth.init_client_id),
                        .name = str_of(config->auth.init_client_id),
                        .redirect_uris = strings(a, &config->auth.init_client_redirect_uris),
                        .grant_types = strings(a, &grants),
                        .id_token_alg = (enum sign_alg)config->oauth2.id_token_alg,
                        .is_static = true };
    set_secret(&c, &config->auth.init_client_secret);
    return c;
}

enum err_code static_clients(struct arena *a, const struct config *config, struct client **ret,
                             size_t *ret_len, struct err *err) {
    const struct config_static_client *from = config->static_clients.items;
    size_t len = config->static_clients.len;
    struct client *clients = arena_array(a, len + 1, sizeof *clients);
    if (clients == NULL)
        return err_set(err, ERR_NOMEM, "static clients");
    for (size_t i = 0; i < len; i++)
        clients[i] = client_of(a, &from[i]);
    if (config->auth.init_client_secret.ptr != NULL)
        clients[len++] = init_client(a, config);
    for (size_t i = 0; i < len; i++) {
        enum err_code rc = client_check(&clients[i], err);
        if (rc != ERR_OK) {
            (void)err_context(err, "client \"%.*s\"", STR_FMT(clients[i].id));
            return rc;
        }
    }
    *ret = clients;
    *ret_len = len;
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "static clients") : ERR_OK;
}

/* dex's users have an e-mail and perhaps a name; the part before the '@' then is the login name. */
static struct str username_of(const struct config_static_password *from) {
    if (from->username != NULL)
        return str_of(from->username);
    struct str local, domain;
    (void)str_cut(str_of(from->email), '@', &local, &domain);
    return local;
}

enum err_code static_users(struct arena *a, const struct config *config, const char *tenant,
                           struct local_user **ret, size_t *ret_len, struct err *err) {
    const struct config_static_password *from = config->static_passwords.items;
    size_t len = config->static_passwords.len;
    struct local_user *users = arena_array(a, len + 1, sizeof *users);
    for (size_t i = 0; users != NULL && i < len; i++)
        users[i] = (struct local_user) {
            .id = from[i].user_id ? str_of(from[i].user_id) : str_of(from[i].email),
            .tenant = str_of(tenant),
            .username = username_of(&from[i]),
            .display_name = str_of(from[i].preferred_username ? from[i].preferred_username : from[i].name),
            .email = str_of(from[i].email),
            .email_verified = from[i].email_verified,
            .password_hash = arena_str(a, secret_expose(&from[i].hash)),
            .groups = strings(a, &from[i].groups),
            .is_static = true,
        };
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "static users");
    *ret = users;
    *ret_len = len;
    return ERR_OK;
}
