/* dex's configuration: staticClients, staticPasswords and connectors become objects. */
#include "cli/import/import.h"

#include "cli/objects.h"
#include "tkeauth/crypto.h"

enum { USERNAME_MIN = 3, USERNAME_MAX = 32, SHOWN_MAX = 100 };

bool import_is_dex(const json_t *document) {
    static const char *const keys[] = { "staticClients", "staticPasswords", "connectors",
                                        "enablePasswordDB" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (json_object_get(document, keys[i]) != NULL)
            return true;
    return false;
}

static const char *variable(const struct import *m, struct str name) {
    char copy[128];
    if (name.len == 0 || name.len >= sizeof copy || m->o->variable == NULL)
        return NULL;
    memcpy(copy, name.ptr, name.len);
    copy[name.len] = '\0';
    return m->o->variable(copy);
}

/* An object as a server would print it. Takes `spec` over. */
static enum err_code add_object(struct import *m, const struct kind *k, struct str name, json_t *spec,
                                struct import_item **ret, struct err *err) {
    json_t *object = spec != NULL ? json_pack("{s:{s:s%}, s:o}", "metadata", "name", name.len ? name.ptr : "",
                                              name.len, "spec", spec)
                                  : NULL;
    return import_add(m, k->kind, object, ret, err);
}

static void copy(json_t *to, const char *key, const json_t *from, const char *dex_key) {
    json_t *v = json_object_get(from, dex_key);
    if (v != NULL && !json_is_null(v))
        (void)json_object_set(to, key, v);
}

/* The value of `key`, or of the variable that `env_key` names; says which one is not set. */
static struct str secret_of(struct import *m, const json_t *from, const char *key, const char *env_key,
                            struct str *ret_unset) {
    struct str name = json_get_str(from, env_key);
    *ret_unset = STR_NULL;
    if (json_get_str(from, key).len > 0 || name.len == 0)
        return json_get_str(from, key);
    const char *value = variable(m, name);
    if (value == NULL)
        *ret_unset = name;
    return str_of(value);
}

static void refuse_unset(struct import *m, struct import_item *i, const char *what, struct str name) {
    if (name.len > 0)
        import_refuse(m, i, "%s: the environment variable %.*s is not set here", what,
                      STR_FMT(str_sub(name, 0, SHOWN_MAX)));
}

static bool is_one_of(const char *s, const char *const *list, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (strcmp(s, list[i]) == 0)
            return true;
    return false;
}

static void tell_dropped(struct import *m, struct import_item *i, const json_t *from,
                         const char *const *known, size_t len) {
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)from, key, v) {
        if (!json_is_null(v) && !is_one_of(key, known, len))
            import_note(m, i, "%.*s dropped", STR_FMT(str_sub(str_of(key), 0, SHOWN_MAX)));
    }
}

/* ---- staticClients ---- */

static const struct {
    const char *dex, *ours;
} client_keys[] = {
    { "name", "name" },
    { "redirectURIs", "redirect_uris" },
    { "postLogoutRedirectURIs", "post_logout_redirect_uris" },
    { "trustedPeers", "trusted_peers" },
    { "allowedConnectors", "allowed_connectors" },
    { "public", "public" },
    { "logoURL", "logo_url" },
    { "grantTypes", "grant_types" }, /* this one, and those below, are this program's own additions */
    { "idTokenClaims", "id_token_claims" },
    { "idTokenAlg", "id_token_alg" },
    { "requirePKCE", "require_pkce" },
};

static enum err_code add_client(struct import *m, const json_t *from, struct err *err) {
    const char *known[ARRAY_LEN(client_keys) + 4] = { "id", "idEnv", "secret", "secretEnv" };
    struct str no_id, no_secret, id = secret_of(m, from, "id", "idEnv", &no_id),
                                 secret = secret_of(m, from, "secret", "secretEnv", &no_secret);
    json_t *spec = json_object();
    struct import_item *i = NULL;
    for (size_t n = 0; n < ARRAY_LEN(client_keys); n++) {
        known[n + 4] = client_keys[n].dex;
        copy(spec, client_keys[n].ours, from, client_keys[n].dex);
    }
    (void)json_object_set_new(spec, "id", json_stringn(id.len ? id.ptr : "", id.len));
    if (secret.len > 0)
        (void)json_object_set_new(spec, "secret", json_stringn(secret.ptr, secret.len));
    enum err_code rc = add_object(m, &kind_client, id.len > 0 ? id : no_id, spec, &i, err);
    if (rc != ERR_OK)
        return rc;
    tell_dropped(m, i, from, known, ARRAY_LEN(known));
    refuse_unset(m, i, "id", no_id);
    refuse_unset(m, i, "secret", no_secret);
    import_prepare(m, i);
    return ERR_OK;
}

/* ---- staticPasswords ---- */

/* The login name that `text` is, or can be made; STR_NULL: none. */
static struct str login_name(struct import *m, struct str text) {
    char *name = arena_strdup(m->arena, str_sub(text, 0, 256));
    size_t len = name != NULL ? strlen(name) : 0;
    for (size_t i = 0; i < len; i++) {
        name[i] = ascii_lower(name[i]);
        if (!(name[i] >= 'a' && name[i] <= 'z') && !ascii_is_digit(name[i]))
            name[i] = '-';
    }
    struct str s = { name, len };
    while (s.len > 0 && s.ptr[0] == '-')
        s = str_from(s, 1);
    s = str_sub(s, 0, USERNAME_MAX);
    while (s.len > 0 && s.ptr[s.len - 1] == '-')
        s.len--;
    return s.len >= USERNAME_MIN && !str_eq(s, STR("system")) ? s : STR_NULL;
}

/* A name for the object that stays the same from run to run. */
static struct str object_name_of(struct import *m, struct str user_id, struct str email) {
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789"; /* those of the platform's generated names */
    unsigned char digest[SHA256_SIZE];
    char name[13] = "usr-";
    if (user_id.len > 0 && name_problem(user_id, false) == NULL)
        return user_id;
    const char *of = arena_printf(m->arena, "%s/%.*s/%.*s", m->o->tenant, STR_FMT(user_id), STR_FMT(email));
    sha256(str_of(of), digest);
    for (size_t i = 0; i < 8; i++)
        name[4 + i] = letters[digest[i] % (sizeof letters - 1)];
    return str_of(arena_strdup(m->arena, str_of(name)));
}

static void set_text(json_t *spec, const char *key, struct str value) {
    if (value.len > 0)
        (void)json_object_set_new(spec, key, json_stringn(value.ptr, value.len));
}

static struct str first_of(struct str a, struct str b, struct str c) {
    return a.len > 0 ? a : b.len > 0 ? b : c;
}

static json_t *identity_spec(struct import *m, const json_t *from, struct str username, struct str hash) {
    json_t *spec = json_object(), *verified = json_object_get(from, "emailVerified");
    set_text(spec, "username", username);
    set_text(spec, "displayName",
             first_of(json_get_str(from, "preferredUsername"), json_get_str(from, "name"),
                      first_of(json_get_str(from, "username"), username, STR_NULL)));
    set_text(spec, "email", json_get_str(from, "email"));
    set_text(spec, "tenantID", str_of(m->o->tenant));
    set_text(spec, "hashedPassword", hash);
    copy(spec, "groups", from, "groups");
    if (verified == NULL || json_is_null(verified) || json_is_true(verified))
        (void)json_object_set_new(spec, "extra", json_pack("{s:s}", "emailVerified", "true"));
    return spec;
}

static void tell_identity(struct import *m, struct import_item *i, const json_t *from, struct str wanted,
                          struct str username) {
    static const char *const known[] = { "email",         "hash",   "hashFromEnv",
                                         "username",      "name",   "preferredUsername",
                                         "emailVerified", "userID", "groups" };
    tell_dropped(m, i, from, known, ARRAY_LEN(known));
    if (username.len == 0)
        import_refuse(m, i, "no login name can be made of username and email: 3 to 32 of a-z, 0-9 and '-'");
    else if (!str_eq(username, wanted))
        import_note(m, i, "login name %.*s; the e-mail address works as well", STR_FMT(username));
    struct str id = json_get_str(from, "userID");
    if (id.len > 0 && !str_eq(i->name, id))
        import_note(m, i, "userID is no name of an object: another one stands for it");
}

static enum err_code add_identity(struct import *m, const json_t *from, struct err *err) {
    struct str email = json_get_str(from, "email"), wanted = json_get_str(from, "username"), local, rest,
               unset;
    struct str hash = secret_of(m, from, "hash", "hashFromEnv", &unset);
    struct import_item *i = NULL;
    (void)str_cut(email, '@', &local, &rest);
    struct str username = login_name(m, wanted);
    if (username.len == 0)
        username = login_name(m, local);
    enum err_code rc = add_object(m, &kind_local_identity,
                                  object_name_of(m, json_get_str(from, "userID"), email),
                                  identity_spec(m, from, username, hash), &i, err);
    if (rc != ERR_OK)
        return rc;
    tell_identity(m, i, from, wanted.len > 0 ? wanted : local, username);
    refuse_unset(m, i, "hash", unset);
    import_prepare(m, i);
    return ERR_OK;
}

/* ---- connectors ---- */

static enum err_code add_connector(struct import *m, const json_t *from, struct err *err) {
    static const char *const known[] = { "type", "id", "name", "config", "administrators" };
    struct str id = json_get_str(from, "id"), name = json_get_str(from, "name"),
               type = json_get_str(from, "type");
    json_t *spec = json_object(), *config = json_deep_copy(json_object_get(from, "config"));
    bool expanded = false;
    const char *missing = NULL;
    bool complete = import_expand(m, config, &expanded, &missing);
    char *text = json_is_object(config) ? json_print(config) : NULL;
    struct import_item *i = NULL;
    set_text(spec, "name", name.len > 0 ? name : id);
    set_text(spec, "type", type);
    copy(spec, "administrators", from, "administrators");
    set_text(spec, "config", str_of(text));
    json_decref(config);
    enum err_code rc = add_object(m, &kind_identity_provider, id, spec, &i, err);
    if (text != NULL)
        secret_wipe(text, strlen(text));
    free(text);
    if (rc != ERR_OK)
        return rc;
    tell_dropped(m, i, from, known, ARRAY_LEN(known));
    if (!str_eq(type, STR("ldap")))
        import_refuse(m, i, "there is no connector of type %.*s here", STR_FMT(str_sub(type, 0, SHOWN_MAX)));
    if (!complete)
        import_refuse(m, i, "config: the environment variable %s is not set here", missing);
    else if (expanded)
        import_note(m, i, "environment variables put in");
    import_prepare(m, i);
    return ERR_OK;
}

/* ---- the whole ---- */

static bool has_item(const struct import *m, const struct kind *k, struct str name) {
    for (size_t i = 0; i < m->len; i++)
        if (m->items[i].kind == k && str_eq(m->items[i].name, name))
            return true;
    return false;
}

/* Users need a tenant to log in to. */
static enum err_code add_tenant(struct import *m, struct err *err) {
    struct str id = str_of(m->o->tenant);
    struct import_item *i = NULL;
    if (has_item(m, &kind_identity_provider, id) ||
        tenant_is_known(m->o->config, m->env->store, m->scratch, id))
        return ERR_OK;
    json_t *spec = json_pack("{s:s, s:s, s:[]}", "name", m->o->tenant, "type", "tke", "administrators");
    enum err_code rc = add_object(m, &kind_identity_provider, id, spec, &i, err);
    if (rc != ERR_OK)
        return rc;
    import_note(m, i, "made for staticPasswords; it has no administrators yet");
    import_prepare(m, i);
    return ERR_OK;
}

static enum err_code add_each(struct import *m, const json_t *list, const char *what,
                              enum err_code (*add)(struct import *, const json_t *, struct err *),
                              struct err *err) {
    enum err_code rc = ERR_OK;
    if (list != NULL && !json_is_null(list) && !json_is_array(list))
        return err_set(err, ERR_INVALID, "%s is no list", what);
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(list); i++)
        rc = json_is_object(json_array_get(list, i))
                 ? add(m, json_array_get(list, i), err)
                 : err_set(err, ERR_INVALID, "%s[%zu] is no mapping", what, i);
    return rc;
}

enum err_code import_add_dex(struct import *m, const json_t *config, struct err *err) {
    const json_t *users = json_object_get(config, "staticPasswords");
    enum err_code rc = add_each(m, json_object_get(config, "connectors"), "connectors", add_connector, err);
    if (rc == ERR_OK && json_array_size(users) > 0)
        rc = add_tenant(m, err);
    if (rc == ERR_OK)
        rc = add_each(m, users, "staticPasswords", add_identity, err);
    if (rc == ERR_OK)
        rc = add_each(m, json_object_get(config, "staticClients"), "staticClients", add_client, err);
    m->from_dex = m->from_dex || json_array_size(users) > 0;
    return rc;
}
