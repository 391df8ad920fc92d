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

/* ---- the directory: users in the order of the configuration, groups in that of their first member ---- */

static bool has_part(struct str text, struct str part) {
    for (size_t i = 0; i + part.len <= text.len; i++)
        if (str_eq_nocase(str_sub(text, i, part.len), part))
            return true;
    return false;
}

static struct directory_user to_user(struct arena *a, const struct mock_user *u) {
    return (struct directory_user) { .id = arena_str(a, id_of(u)),
                                     .name = arena_str(a, str_of(u->username)),
                                     .display_name = arena_str(
                                         a, str_of(u->name != NULL ? u->name : u->username)),
                                     .email = arena_str(a, str_of(u->email)) };
}

static bool matches(const struct directory_user *u, const struct directory_query *q) {
    if (q->name.len > 0 && !str_eq(u->name, q->name))
        return false;
    return has_part(u->id, q->keyword) || has_part(u->name, q->keyword) ||
           has_part(u->display_name, q->keyword);
}

/* Where to go on: the number of the first that was not told of. */
struct mock_listing {
    const struct directory_query *q;
    uint64_t at, given;
    bool full;
};

static enum err_code listing_init(struct mock_listing *l, const struct directory_query *q, struct err *err) {
    *l = (struct mock_listing) { .q = q };
    if (q->after.len > 0 && parse_u64(q->after, 1, UINT32_MAX, &l->at, err) != ERR_OK)
        return err_set(err, ERR_INVALID, "mock: this is no place to go on from");
    return ERR_OK;
}

/* Is the `i`-th, which matches, to be told of? */
static bool is_next(struct mock_listing *l, uint64_t i) {
    if (i < l->at || l->full)
        return false;
    l->full = l->given == l->q->limit;
    l->at = l->full ? i : i + 1;
    l->given += !l->full;
    return !l->full;
}

static enum err_code listing_end(const struct mock_listing *l, struct arena *a, struct str *ret_next,
                                 struct err *err) {
    *ret_next = l->full ? str_of(arena_printf(a, "%llu", (unsigned long long)l->at)) : STR_NULL;
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

static enum err_code mock_list_users(struct connector *c, struct arena *a, const struct directory_query *q,
                                     enum err_code (*each)(void *ctx, const struct directory_user *u,
                                                           struct err *err),
                                     void *ctx, struct str *ret_next, struct err *err) {
    const struct mock_config *m = c->impl;
    const struct mock_user *users = m->users.items;
    struct mock_listing l;
    enum err_code rc = contact(c, q->deadline_mono_ms, err);
    if (rc == ERR_OK)
        rc = listing_init(&l, q, err);
    for (size_t i = 0; rc == ERR_OK && i < m->users.len; i++) {
        const struct directory_user user = to_user(a, &users[i]);
        if (matches(&user, q) && is_next(&l, i))
            rc = each(ctx, &user, err);
    }
    return rc == ERR_OK ? listing_end(&l, a, ret_next, err) : rc;
}

static bool is_in(const struct mock_user *u, struct str group) {
    for (size_t i = 0; i < u->groups.len; i++)
        if (str_eq(str_of(u->groups.items[i]), group))
            return true;
    return false;
}

/* Is this group of `u` nobody's before, and not named twice? */
static bool is_first_mention(const struct mock_user *users, const struct mock_user *u, size_t group) {
    struct str name = str_of(u->groups.items[group]);
    for (size_t i = 0; i < group; i++)
        if (str_eq(str_of(u->groups.items[i]), name))
            return false;
    for (const struct mock_user *before = users; before < u; before++)
        if (is_in(before, name))
            return false;
    return true;
}

static enum err_code to_group(const struct mock_config *m, struct arena *a, struct str name,
                              bool want_members, struct directory_group *ret, struct err *err) {
    const struct mock_user *users = m->users.items;
    name = arena_str(a, name);
    *ret = (struct directory_group) { .id = name, .display_name = name };
    if (!want_members)
        return arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
    struct directory_member *members = arena_array(a, m->users.len ? m->users.len : 1, sizeof *members);
    if (members == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    for (size_t i = 0; i < m->users.len; i++)
        if (is_in(&users[i], name))
            members[ret->member_count++] = (struct directory_member) {
                arena_str(a, id_of(&users[i])), arena_str(a, str_of(users[i].username))
            };
    ret->members = members;
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

static enum err_code mock_list_groups(struct connector *c, struct arena *a, const struct directory_query *q,
                                      enum err_code (*each)(void *ctx, const struct directory_group *g,
                                                            struct err *err),
                                      void *ctx, struct str *ret_next, struct err *err) {
    const struct mock_config *m = c->impl;
    const struct mock_user *users = m->users.items;
    struct mock_listing l;
    uint64_t number = 0;
    enum err_code rc = contact(c, q->deadline_mono_ms, err);
    if (rc == ERR_OK)
        rc = listing_init(&l, q, err);
    for (size_t i = 0; rc == ERR_OK && i < m->users.len; i++)
        for (size_t g = 0; rc == ERR_OK && g < users[i].groups.len; g++) {
            struct str name = str_of(users[i].groups.items[g]);
            struct directory_group group;
            if (!is_first_mention(users, &users[i], g) || !has_part(name, q->keyword) ||
                !is_next(&l, number++))
                continue;
            rc = to_group(m, a, name, q->want_members, &group, err);
            if (rc == ERR_OK)
                rc = each(ctx, &group, err);
        }
    return rc == ERR_OK ? listing_end(&l, a, ret_next, err) : rc;
}

static enum err_code mock_get_user(struct connector *c, struct arena *a, struct str id,
                                   const struct directory_query *q, struct directory_user *ret,
                                   struct err *err) {
    const struct mock_user *u = find(c->impl, id, true);
    enum err_code rc = contact(c, q->deadline_mono_ms, err);
    if (rc == ERR_OK && u == NULL)
        rc = err_set(err, ERR_NOT_FOUND, "no such user: \"%.*s\"", STR_FMT(str_sub(id, 0, 100)));
    if (rc != ERR_OK)
        return rc;
    *ret = to_user(a, u);
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

static enum err_code mock_get_group(struct connector *c, struct arena *a, struct str id,
                                    const struct directory_query *q, struct directory_group *ret,
                                    struct err *err) {
    const struct mock_config *m = c->impl;
    const struct mock_user *users = m->users.items;
    enum err_code rc = contact(c, q->deadline_mono_ms, err);
    for (size_t i = 0; rc == ERR_OK && i < m->users.len; i++)
        if (is_in(&users[i], id))
            return to_group(m, a, id, q->want_members, ret, err);
    return rc != ERR_OK
               ? rc
               : err_set(err, ERR_NOT_FOUND, "no such group: \"%.*s\"", STR_FMT(str_sub(id, 0, 100)));
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
    .list_users = mock_list_users,
    .list_groups = mock_list_groups,
    .get_user = mock_get_user,
    .get_group = mock_get_group,
    .prompt = mock_prompt,
};
