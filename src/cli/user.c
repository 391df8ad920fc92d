/* tke-auth user add|list|remove|lock|unlock|set-password */
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/objects.h"
#include "cli/terminal.h"
#include "tkeauth/crypto.h"

#include <stdio.h>

enum { RETRIES = 8, ONE_USER_MAX = 4 * STORE_OBJECT_MAX };

struct user_options {
    const char *config, *tenant, *display_name, *email;
    struct cli_list groups;
    bool email_verified, generate;
};

struct user_command {
    struct admin admin;
    const struct user_options *o;
    const char *name;
    struct strbuf made; /* a password of ours, to be shown */
    struct refusal refusal;
    struct err err;
};

static const struct resource_options trusted = { .trusted = true, .operation = { "Update", 6 } };

/* The identity of this login name in this tenant, with its secret. */
static enum err_code find_user(struct user_command *c, struct store_object *ret) {
    struct str key = index_username(c->admin.arena, str_of(c->o->tenant), str_of(c->name));
    if (key.ptr == NULL || key.len > STORE_INDEX_KEY_MAX)
        return err_set(&c->err, ERR_INVALID, "no login name is that long");
    enum err_code rc = store_find_whole(c->admin.store, c->admin.arena, str_of(kind_local_identity.plural),
                                        key, ret, NULL, &c->err);
    if (rc == ERR_NOT_FOUND)
        return err_set(&c->err, rc, "there is no such stored user in tenant \"%s\"", c->o->tenant);
    return rc;
}

/* A password from the terminal or standard input, or a new one that is then shown; appends its hash. */
static enum err_code get_password(struct user_command *c, struct strbuf *hash) {
    AUTO(secret_done) struct secret typed = { 0 };
    if (c->o->generate) {
        admin_random_text(15, &c->made);
        return password_hash(strbuf_str(&c->made), hash, &c->err);
    }
    enum err_code rc = terminal_read_secret("Password", &typed, &c->err);
    return rc == ERR_OK ? password_hash(secret_expose(&typed), hash, &c->err) : rc;
}

/* ---- add ---- */

static json_t *new_identity(const struct user_command *c, const struct strbuf *hash) {
    const struct user_options *o = c->o;
    json_t *groups = json_array();
    for (size_t i = 0; i < o->groups.len; i++)
        (void)json_array_append_new(groups, json_string(o->groups.items[i]));
    json_t *spec = json_pack("{s:s, s:s, s:s, s:s, s:o}", "username", c->name, "displayName",
                             o->display_name ? o->display_name : c->name, "tenantID", o->tenant,
                             "hashedPassword", strbuf_c(hash), "groups", groups);
    if (o->email != NULL)
        (void)json_object_set_new(spec, "email", json_string(o->email));
    if (o->email_verified)
        (void)json_object_set_new(spec, "extra", json_pack("{s:s}", "emailVerified", "true"));
    return spec != NULL ? json_pack("{s:{}, s:o}", "metadata", "spec", spec) : NULL;
}

static enum err_code add(struct user_command *c) {
    struct store_object present;
    AUTO(strbuf_wipe_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX);
    json_t *object = NULL;
    int64_t revision;
    enum err_code rc = find_user(c, &present);
    if (rc == ERR_OK)
        return err_set(&c->err, ERR_EXISTS, "tenant \"%s\" has this user already", c->o->tenant);
    if (rc != ERR_NOT_FOUND)
        return rc;
    rc = get_password(c, &hash);
    if (rc != ERR_OK)
        return rc;
    json_t *given = new_identity(c, &hash);
    if (given == NULL)
        return err_set(&c->err, ERR_INVALID, "what is given is no text (UTF-8)");
    rc = resource_create(c->admin.env, &kind_local_identity, c->admin.arena, given, &trusted, &object,
                         &revision, &c->refusal, &c->err);
    json_decref(given);
    json_decref(object);
    if (rc == ERR_OK &&
        !tenant_is_known(c->admin.config, c->admin.store, c->admin.arena, str_of(c->o->tenant)))
        (void)fprintf(stderr, "tke-auth: %s: there is no tenant \"%s\" yet: nobody can log in to it\n",
                      c->name, c->o->tenant);
    return rc;
}

/* ---- lock, unlock ---- */

static enum err_code put_lock(void *ctx, json_t *object, struct refusal *r, struct err *err) {
    const bool *locked = ctx;
    json_t *status = json_object_get(object, "status");
    (void)r;
    return json_is_object(status) && json_object_set_new(status, "locked", json_boolean(*locked)) == 0
               ? ERR_OK
               : err_set(err, ERR_INTERNAL, "an identity without a status");
}

static enum err_code set_locked(struct user_command *c, bool locked) {
    const struct resource_options o = { .part = PART_STATUS, .operation = STR("Update") };
    struct store_object user;
    json_t *object = NULL;
    int64_t revision;
    enum err_code rc = find_user(c, &user);
    if (rc == ERR_OK)
        rc = resource_edit(c->admin.env, &kind_local_identity, c->admin.arena, user.name, &o, put_lock,
                           &locked, &object, &revision, &c->refusal, &c->err);
    json_decref(object);
    return rc;
}

/* ---- set-password ---- */

static enum err_code put_hash(struct user_command *c, const struct store_object *user,
                              const struct strbuf *hash) {
    json_t *given = NULL, *object = NULL;
    int64_t revision;
    bool removed;
    enum err_code rc = json_parse(user->body, &given, &c->err);
    if (rc != ERR_OK)
        return rc;
    (void)json_object_set_new(json_object_get(given, "spec"), "hashedPassword", json_string(strbuf_c(hash)));
    rc = resource_update(c->admin.env, &kind_local_identity, c->admin.arena, user->name, given,
                         user->revision, &trusted, &object, &revision, &removed, &c->refusal, &c->err);
    json_decref(object);
    json_decref(given);
    return rc;
}

static enum err_code set_password(struct user_command *c) {
    struct store_object user;
    AUTO(strbuf_wipe_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX);
    enum err_code rc = find_user(c, &user);
    if (rc == ERR_OK)
        rc = get_password(c, &hash);
    for (int i = 0; rc == ERR_OK && i < RETRIES; i++) {
        rc = put_hash(c, &user, &hash);
        if (rc != ERR_CONFLICT || i == RETRIES - 1)
            return rc;
        c->refusal = (struct refusal) { .arena = c->admin.arena };
        rc = find_user(c, &user); /* somebody, or the daemon, changed it meanwhile */
    }
    return rc;
}

/* ---- remove, list ---- */

static enum err_code remove_user(struct user_command *c) {
    const struct resource_delete d = { .at_once = true };
    struct store_object user;
    json_t *object = NULL;
    int64_t revision;
    bool removed;
    enum err_code rc = find_user(c, &user);
    if (rc == ERR_OK)
        rc = resource_remove(c->admin.env, &kind_local_identity, c->admin.arena, user.name, &d, &object,
                             &revision, &removed, &c->refusal, &c->err);
    json_decref(object);
    return rc;
}

static enum err_code print_one(void *ctx, const struct store_object *o, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(ONE_USER_MAX);
    struct local_user u;
    (void)ctx;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a user");
    enum err_code rc = resource_local_user(a, o, &u, err);
    if (rc != ERR_OK)
        return err_context(err, "user %.*s", STR_FMT(o->name));
    (void)printf("%.*s\t%.*s\t%.*s\t%.*s\t%s\n", STR_FMT(u.tenant), STR_FMT(u.username), STR_FMT(u.id),
                 STR_FMT(u.email), u.locked ? "locked" : "active");
    return ERR_OK;
}

static enum err_code list(struct user_command *c) {
    const struct store_query q = { .kind = str_of(kind_local_identity.plural), .each = print_one };
    return store_list(c->admin.store, &q, NULL, &c->err);
}

/* ---- the command ---- */

static enum err_code run(struct user_command *c, const struct cli_words *words) {
    struct str verb = str_of(words->items[0]);
    if (str_eq(verb, STR("list")) && c->name == NULL)
        return list(c);
    if (c->name != NULL && str_eq(verb, STR("add")))
        return add(c);
    if (c->name != NULL && str_eq(verb, STR("remove")))
        return remove_user(c);
    if (c->name != NULL && (str_eq(verb, STR("lock")) || str_eq(verb, STR("unlock"))))
        return set_locked(c, str_eq(verb, STR("lock")));
    if (c->name != NULL && str_eq(verb, STR("set-password")))
        return set_password(c);
    return err_set(&c->err, ERR_INVALID,
                   "say add, remove, lock, unlock or set-password and a NAME, or list; see --help");
}

static int run_and_tell(const struct user_options *o, const struct cli_words *words) {
    const char *name = words->len == 2 ? words->items[1] : NULL;
    struct user_command c = { .o = o, .name = name, .made = STRBUF(128) };
    bool read_only = str_eq(str_of(words->items[0]), STR("list"));
    if (!admin_open(o->config, read_only, &c.admin))
        return 1;
    c.refusal.arena = c.admin.arena;
    int status = 0;
    if (run(&c, words) != ERR_OK)
        status = cli_refused(&c.refusal, &c.err, name != NULL ? name : "user");
    else {
        cli_warnings(&c.refusal, name != NULL ? name : "user");
        if (!read_only)
            (void)printf("user %s: %s done\n", name, words->items[0]);
        if (c.made.len > 0)
            (void)printf("password (shown only now): %s\n", strbuf_c(&c.made));
    }
    strbuf_wipe_done(&c.made);
    admin_close(&c.admin);
    return status;
}

int cli_user(int argc, char **argv) {
    struct user_options o = { .config = cli_default_config(), .tenant = "local" };
    struct cli_words words;
    const struct cli_option options[] = {
        { "config", CLI_STRING, &o.config, "FILE", "the configuration of the daemon" },
        { "tenant", CLI_STRING, &o.tenant, "ID", "the local tenant (connector) the user belongs to" },
        { "display-name", CLI_STRING, &o.display_name, "TEXT", "claim preferred_username" },
        { "email", CLI_STRING, &o.email, "ADDRESS", "claim email" },
        { "email-verified", CLI_FLAG, &o.email_verified, NULL, "claim email_verified" },
        { "group", CLI_LIST, &o.groups, "NAME", "a group for the claim groups; repeat for several" },
        { "generate", CLI_FLAG, &o.generate, NULL,
          "make a password and show it once, instead of reading one" },
        { .name = NULL },
    };
    const struct cli_usage usage = {
        "tke-auth user add|remove|lock|unlock|set-password NAME [options] | list",
        "Users of the local store (LocalIdentity objects). The password is read from the terminal, or as one "
        "line "
        "from standard\n"
        "input; never from the command line, where other users of the machine could see it. A new password "
        "ends a "
        "user's API keys,\n"
        "and a user who is removed leaves every policy, role, group and binding. Examples:\n\n"
        "    tke-auth user add alice --email alice@example.com --group developers --generate\n"
        "    printf '%s\\n' \"$PASSWORD\" | tke-auth user set-password alice",
        options,
    };
    int status = cli_parse(&usage, argc, argv, 1, 2, &words);
    return status >= 0 ? status : run_and_tell(&o, &words);
}
