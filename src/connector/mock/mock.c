#include "connector/mock/mock.h"
#include <time.h>

struct mock_user {
    const char *username, *id, *name, *email;
    struct secret password;
    struct cfg_strings groups;
    bool blocked; /* login: blocked; refresh: gone */
};
enum mock_fails { MOCK_FAILS_NEVER, MOCK_FAILS_UNAVAILABLE, MOCK_FAILS_TIMEOUT };
struct mock_config {
    struct cfg_list users; /* struct mock_user */
    int64_t delay_ms;
    int fails; /* enum mock_fails */
    const char *username_prompt;
};

#define AT(member) offsetof(struct mock_user, member)
static const struct cfg_field user_fields[] = {
    { .key = "username",
      .type = CFG_STRING,
      .offset = AT(username),
      .flags = CFG_REQUIRED,
      .help = "Login name." },
    { .key = "password",
      .type = CFG_SECRET,
      .offset = AT(password),
      .flags = CFG_REQUIRED,
      .help = "Password, in clear." },
    { .key = "id", .type = CFG_STRING, .offset = AT(id), .help = "User id; the login name when not given." },
    { .key = "name", .type = CFG_STRING, .offset = AT(name), .help = "Full name." },
    { .key = "email", .type = CFG_STRING, .offset = AT(email), .help = "E-mail address." },
    { .key = "groups", .type = CFG_STRINGS, .offset = AT(groups), .help = "Names of groups." },
    { .key = "blocked", .type = CFG_BOOL, .offset = AT(blocked), .help = "The account is locked." },
    { .type = CFG_END },
};
#undef AT

static const char *const fails_choices[] = { "never", "unavailable", "timeout", NULL };
#define AT(member) offsetof(struct mock_config, member)
static const struct cfg_field mock_fields[] = {
    { .key = "users",
      .type = CFG_LIST,
      .offset = AT(users),
      .fields = user_fields,
      .elem_size = sizeof(struct mock_user),
      .help = "Who can log in." },
    { .key = "delayMs",
      .type = CFG_INT,
      .offset = AT(delay_ms),
      .max = 60000,
      .help = "How long an answer takes." },
    { .key = "fails",
      .type = CFG_ENUM,
      .offset = AT(fails),
      .fallback = "never",
      .choices = fails_choices,
      .help = "Play a directory that is down." },
    { .key = "usernamePrompt", .type = CFG_STRING, .offset = AT(username_prompt), .help = "As for ldap." },
    { .type = CFG_END },
};
#undef AT

static enum err_code mock_open(struct connector *c, const void *config, const struct connector_env *env,
                               struct err *err) {
    (void)env;
    (void)err;
    c->impl = (void *)(uintptr_t)config; /* only read */
    return ERR_OK;
}

static enum err_code contact(const struct connector *c, int64_t deadline_mono_ms, struct err *err) {
    const struct mock_config *m = c->impl;
    int64_t left = deadline_mono_ms - clock_mono_ms(c->env->clock);
    int64_t wait = m->delay_ms < left ? m->delay_ms : left;
    const struct timespec t = { .tv_sec = wait / 1000, .tv_nsec = wait % 1000 * 1000000 };
    if (wait > 0)
        (void)nanosleep(&t, NULL);
    if (m->fails == MOCK_FAILS_UNAVAILABLE)
        return err_set(err, ERR_UNAVAILABLE, "mock: told to be down");
    if (m->fails == MOCK_FAILS_TIMEOUT || left < m->delay_ms)
        return err_set(err, ERR_TIMEOUT, "mock: no answer in time");
    return ERR_OK;
}

static struct str id_of(const struct mock_user *u) { return str_of(u->id != NULL ? u->id : u->username); }

static const struct mock_user *find(const struct mock_config *m, struct str key, bool by_id) {
    const struct mock_user *users = m->users.items;
    for (size_t i = 0; i < m->users.len; i++)
        if (str_eq(by_id ? id_of(&users[i]) : str_of(users[i].username), key))
            return &users[i];
    return NULL;
}

static enum err_code to_identity(const struct connector *c, struct arena *a, const struct mock_user *u,
                                 bool want_groups, struct identity *ret, struct err *err) {
    struct str name = str_of(u->name != NULL ? u->name : u->username);
    *ret = (struct identity) { .connector_id = arena_str(a, str_of(c->id)),
                               .user_id = arena_str(a, id_of(u)),
                               .username = arena_str(a, str_of(u->username)),
                               .name = arena_str(a, name),
                               .preferred_username = arena_str(a, name),
                               .email = arena_str(a, str_of(u->email)),
                               .email_verified = u->email != NULL };
    if (want_groups && u->groups.len > 0) {
        ret->groups.items = arena_array(a, u->groups.len, sizeof *ret->groups.items);
        for (size_t i = 0; ret->groups.items != NULL && i < u->groups.len; i++)
            ret->groups.items[ret->groups.len++] = arena_str(a, str_of(u->groups.items[i]));
    }
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

static enum err_code mock_login(struct connector *c, struct arena *a, const struct login *login,
                                enum login_outcome *ret, struct identity *ret_identity, struct err *err) {
    const struct mock_user *u = find(c->impl, login->username, false);
    enum err_code rc = contact(c, login->deadline_mono_ms, err);
    if (rc != ERR_OK)
        return rc;
    *ret = LOGIN_WRONG_CREDENTIALS;
    if (u == NULL || !secret_equal(secret_expose(&u->password), login->password))
        return ERR_OK;
    *ret = u->blocked ? LOGIN_BLOCKED : LOGIN_OK;
    return u->blocked ? ERR_OK : to_identity(c, a, u, login->want_groups, ret_identity, err);
}

static enum err_code mock_refresh(struct connector *c, struct arena *a, const struct identity *old,
                                  bool want_groups, int64_t deadline_mono_ms, enum refresh_outcome *ret,
                                  struct identity *ret_identity, struct err *err) {
    const struct mock_user *u = find(c->impl, old->user_id, true);
    enum err_code rc = contact(c, deadline_mono_ms, err);
    if (rc != ERR_OK)
        return rc;
    *ret = u == NULL || u->blocked ? REFRESH_GONE : REFRESH_OK;
    return *ret == REFRESH_OK ? to_identity(c, a, u, want_groups, ret_identity, err) : ERR_OK;
}

static const char *mock_prompt(const struct connector *c) {
    const struct mock_config *m = c->impl;
    return m->username_prompt;
}

const struct connector_ops mock_connector_ops = {
    .type = "mock",
    .fields = mock_fields,
    .config_size = sizeof(struct mock_config),
    .capabilities = CONNECTOR_PASSWORD | CONNECTOR_REFRESH,
    .open = mock_open,
    .login = mock_login,
    .refresh = mock_refresh,
    .prompt = mock_prompt,
};
