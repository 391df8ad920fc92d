/* tke-auth user add|list|remove|lock|unlock|set-password */
#include "cli/admin.h"
#include "cli/commands.h"
#include "cli/terminal.h"
#include "tkeauth/crypto.h"
#include "tkeauth/model.h"

#include <stdio.h>

static const struct str kind = { "localidentities", 15 };

struct user_options {
    const char *config, *tenant, *display_name, *email;
    struct cli_list groups;
    bool email_verified, generate;
};

/* The stored user of this name in this tenant. */
struct search {
    struct arena *arena;
    struct str tenant, username;
    struct local_user found;
    int64_t revision;
    bool hit;
};

static enum err_code match_one(void *ctx, const struct store_object *o, struct err *err) {
    struct search *s = ctx;
    struct local_user u;
    enum err_code rc = local_user_decode(s->arena, arena_str(s->arena, o->body), &u, err);
    if (rc != ERR_OK)
        return err_context(err, "user %.*s", STR_FMT(o->name));
    if (!str_eq(u.tenant, s->tenant) || !str_eq(u.username, s->username))
        return ERR_OK;
    s->found = u;
    s->revision = o->revision;
    s->hit = true;
    return ERR_OK;
}

static enum err_code find_user(struct admin *admin, const struct user_options *o, const char *username,
                               struct search *ret, struct err *err) {
    *ret = (struct search) { .arena = admin->arena,
                             .tenant = str_of(o->tenant),
                             .username = str_of(username) };
    enum err_code rc = store_list(admin->store, kind, STR_NULL, 0, match_one, ret, NULL, err);
    if (rc == ERR_OK && !ret->hit)
        return err_set(err, ERR_NOT_FOUND, "there is no such stored user in tenant \"%s\"", o->tenant);
    return rc;
}

/* A password from the terminal or standard input, or a new one that is then shown; appends its hash. */
static enum err_code get_password(const struct user_options *o, struct strbuf *hash, struct strbuf *made,
                                  struct err *err) {
    AUTO(secret_done) struct secret typed = { 0 };
    if (o->generate) {
        admin_random_text(15, made);
        return password_hash(strbuf_str(made), hash, err);
    }
    enum err_code rc = terminal_read_secret("Password", &typed, err);
    return rc == ERR_OK ? password_hash(secret_expose(&typed), hash, err) : rc;
}

static enum err_code save(struct admin *admin, const struct local_user *u, int64_t revision,
                          struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf body = STRBUF(STORE_OBJECT_MAX);
    enum err_code rc = local_user_check(u, err);
    if (rc == ERR_OK)
        rc = local_user_encode(u, &body, err);
    if (rc != ERR_OK)
        return rc;
    if (revision == 0)
        return store_create(admin->store, kind, u->id, strbuf_str(&body), NULL, err);
    return store_update(admin->store, kind, u->id, strbuf_str(&body), revision, NULL, err);
}

static const char *new_user_id(struct arena *a) {
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789"; /* those of the platform's generated names */
    char id[13] = "usr-";
    unsigned char raw[8];
    random_bytes(random_system(), raw, sizeof raw);
    for (size_t i = 0; i < sizeof raw; i++)
        id[4 + i] = letters[raw[i] % (sizeof letters - 1)];
    return arena_strdup(a, (struct str) { id, 12 });
}

static enum err_code add(struct admin *admin, const struct user_options *o, const char *username,
                         struct strbuf *made, struct err *err) {
    struct search present;
    AUTO(strbuf_wipe_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX);
    enum err_code rc = find_user(admin, o, username, &present, err);
    if (rc == ERR_OK)
        return err_set(err, ERR_EXISTS, "tenant \"%s\" has this user already", o->tenant);
    if (rc != ERR_NOT_FOUND)
        return rc;
    rc = get_password(o, &hash, made, err);
    if (rc != ERR_OK)
        return rc;
    struct str_list groups = { .items = arena_array(admin->arena, o->groups.len + 1, sizeof(struct str)) };
    for (size_t i = 0; groups.items != NULL && i < o->groups.len; i++)
        groups.items[groups.len++] = str_of(o->groups.items[i]);
    int64_t now = clock_now_s(clock_system());
    const struct local_user u = { .id = str_of(new_user_id(admin->arena)),
                                  .tenant = str_of(o->tenant),
                                  .username = str_of(username),
                                  .display_name = str_of(o->display_name ? o->display_name : username),
                                  .email = str_of(o->email),
                                  .email_verified = o->email_verified,
                                  .password_hash = strbuf_str(&hash),
                                  .groups = groups,
                                  .created_at = now,
                                  .updated_at = now };
    return save(admin, &u, 0, err);
}

static enum err_code set_locked(struct admin *admin, const struct user_options *o, const char *username,
                                bool locked, struct err *err) {
    struct search s;
    enum err_code rc = find_user(admin, o, username, &s, err);
    if (rc != ERR_OK)
        return rc;
    s.found.locked = locked;
    s.found.updated_at = clock_now_s(clock_system());
    return save(admin, &s.found, s.revision, err);
}

static enum err_code set_password(struct admin *admin, const struct user_options *o, const char *username,
                                  struct strbuf *made, struct err *err) {
    struct search s;
    AUTO(strbuf_wipe_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX);
    enum err_code rc = find_user(admin, o, username, &s, err);
    if (rc == ERR_OK)
        rc = get_password(o, &hash, made, err);
    if (rc != ERR_OK)
        return rc;
    s.found.password_hash = strbuf_str(&hash);
    s.found.updated_at = clock_now_s(clock_system());
    return save(admin, &s.found, s.revision, err);
}

static enum err_code remove_user(struct admin *admin, const struct user_options *o, const char *username,
                                 struct err *err) {
    struct search s;
    enum err_code rc = find_user(admin, o, username, &s, err);
    return rc == ERR_OK ? store_delete(admin->store, kind, s.found.id, s.revision, err) : rc;
}

static enum err_code print_one(void *ctx, const struct store_object *o, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 * STORE_OBJECT_MAX);
    struct local_user u;
    (void)ctx;
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "a user");
    enum err_code rc = local_user_decode(a, o->body, &u, err);
    if (rc == ERR_OK)
        (void)printf("%.*s\t%.*s\t%.*s\t%.*s\t%s\n", STR_FMT(u.tenant), STR_FMT(u.username), STR_FMT(u.id),
                     STR_FMT(u.email), u.locked ? "locked" : "active");
    return rc;
}

static enum err_code run(struct admin *admin, const struct user_options *o, const struct cli_words *words,
                         struct strbuf *made, struct err *err) {
    struct str verb = str_of(words->items[0]);
    const char *username = words->len == 2 ? words->items[1] : NULL;
    if (str_eq(verb, STR("list")) && username == NULL)
        return store_list(admin->store, kind, STR_NULL, 0, print_one, NULL, NULL, err);
    if (username != NULL && str_eq(verb, STR("add")))
        return add(admin, o, username, made, err);
    if (username != NULL && str_eq(verb, STR("remove")))
        return remove_user(admin, o, username, err);
    if (username != NULL && (str_eq(verb, STR("lock")) || str_eq(verb, STR("unlock"))))
        return set_locked(admin, o, username, str_eq(verb, STR("lock")), err);
    if (username != NULL && str_eq(verb, STR("set-password")))
        return set_password(admin, o, username, made, err);
    return err_set(err, ERR_INVALID,
                   "say add, remove, lock, unlock or set-password and a NAME, or list; see --help");
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
        { "group", CLI_LIST, &o.groups, "NAME", "a group; repeat for several" },
        { "generate", CLI_FLAG, &o.generate, NULL,
          "make a password and show it once, instead of reading one" },
        { .name = NULL },
    };
    const struct cli_usage usage = {
        "tke-auth user add|remove|lock|unlock|set-password NAME [options] | list",
        "Users of the local store. The password is read from the terminal, or as one line from standard "
        "input; never from the\n"
        "command line, where other users of the machine could see it. Examples:\n\n"
        "    tke-auth user add alice --email alice@example.com --group developers --generate\n"
        "    printf '%s\\n' \"$PASSWORD\" | tke-auth user set-password alice",
        options,
    };
    int status = cli_parse(&usage, argc, argv, 1, 2, &words);
    if (status >= 0)
        return status;
    struct admin admin;
    struct err err = { 0 };
    AUTO(strbuf_wipe_done) struct strbuf made = STRBUF(128);
    bool read_only = str_eq(str_of(words.items[0]), STR("list"));
    if (!admin_open(o.config, read_only, &admin))
        return 1;
    enum err_code rc = run(&admin, &o, &words, &made, &err);
    admin_close(&admin);
    if (rc != ERR_OK)
        return cli_fail(&err, words.len == 2 ? words.items[1] : "user");
    if (!read_only)
        (void)printf("user %s: %s done\n", words.items[1], words.items[0]);
    if (made.len > 0)
        (void)printf("password (shown only now): %s\n", strbuf_c(&made));
    return 0;
}
