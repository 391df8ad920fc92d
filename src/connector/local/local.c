#include "connector/local/local.h"
#include "connector/local/users.h"
#include "tkeauth/crypto.h"
#include "tkeauth/resource.h"

enum { LOCAL_LOGIN_MAX = 320 };

/* It has no configuration of its own; a table is needed all the same, so that unknown keys are found. */
struct local_config {
    const char *username_prompt;
};
static const struct cfg_field local_fields[] = {
    { .key = "usernamePrompt",
      .type = CFG_STRING,
      .offset = offsetof(struct local_config, username_prompt),
      .help = "What the login page calls the user name." },
    { .type = CFG_END },
};

struct local {
    const struct local_config *config;
};

static void local_close(struct connector *c) {
    struct local *l = c->impl;
    if (l == NULL)
        return;
    free(l);
    c->impl = NULL;
}

static enum err_code local_open(struct connector *c, const void *config, const struct connector_env *env,
                                struct err *err) {
    struct local *l = calloc(1, sizeof *l);
    if (l == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->impl = l;
    l->config = config;
    (void)env;
    return ERR_OK;
}

/* contract 6.3: `name` is the login name, `preferred_username` the display name. */
static enum err_code to_identity(const struct connector *c, struct arena *a, const struct local_user *u,
                                 bool want_groups, struct identity *ret, struct err *err) {
    *ret = (struct identity) { .connector_id = arena_str(a, str_of(c->id)),
                               .user_id = arena_str(a, u->id),
                               .username = arena_str(a, u->username),
                               .name = arena_str(a, u->username),
                               .preferred_username = arena_str(a, u->display_name),
                               .email = arena_str(a, u->email),
                               .email_verified = u->email_verified };
    if (str_trim(ret->preferred_username).len == 0)
        ret->preferred_username = ret->username;
    if (want_groups) {
        enum err_code rc = local_users_groups(c, a, u, &ret->groups, err);
        if (rc != ERR_OK)
            return rc;
    }
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "out of memory") : ERR_OK;
}

/* The password is at hand only now, so now is the time to hash it better. The login succeeds in any case. */
static void upgrade_hash(const struct connector *c, const struct login *login, const struct local_user *u,
                         int64_t revision) {
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf hash = STRBUF(PASSWORD_HASH_MAX);
    enum err_code rc = password_hash(login->password, &hash, &err);
    if (rc == ERR_OK)
        rc = resource_set_password_hash(c->env->store, u->id, revision, strbuf_str(&hash), &err);
    if (rc == ERR_OK)
        log_info(c->env->log, login->request_id, "local.rehash", KV("connector", c->id), KV("id", u->id));
    else
        log_warn_err(c->env->log, login->request_id, "local.rehash", &err, KV("connector", c->id),
                     KV("id", u->id));
}

static enum err_code check_password(const struct connector *c, const struct login *login,
                                    const struct local_user *u, int64_t revision, enum login_outcome *ret) {
    enum password_outcome outcome;
    struct err err = { 0 };
    if (password_verify(login->password, u->password_hash, &outcome, &err) != ERR_OK) {
        log_warn_err(c->env->log, login->request_id, "local.hash", &err, KV("connector", c->id),
                     KV("id", u->id));
        password_verify_dummy(login->password);
        outcome = PASSWORD_MISMATCH;
    }
    *ret = outcome == PASSWORD_MISMATCH ? LOGIN_WRONG_CREDENTIALS : u->locked ? LOGIN_BLOCKED : LOGIN_OK;
    if (*ret == LOGIN_OK && outcome == PASSWORD_MATCH_REHASH && !u->is_static && revision != 0)
        upgrade_hash(c, login, u, revision);
    return ERR_OK;
}

static enum err_code local_login(struct connector *c, struct arena *a, const struct login *login,
                                 enum login_outcome *ret, struct identity *ret_identity, struct err *err) {
    struct local_user user;
    int64_t revision = 0;
    *ret = LOGIN_WRONG_CREDENTIALS;
    if (login->password.len == 0 || login->password.len > PASSWORD_MAX)
        return ERR_OK;
    enum err_code rc = login->username.len == 0 || login->username.len > LOCAL_LOGIN_MAX
                           ? ERR_NOT_FOUND
                           : local_users_find(c, a, login->username, &user, &revision, err);
    if (rc == ERR_NOT_FOUND) {
        password_verify_dummy(login->password); /* so that time does not tell who exists */
        return ERR_OK;
    }
    if (rc == ERR_OK)
        rc = check_password(c, login, &user, revision, ret);
    if (rc == ERR_OK && *ret == LOGIN_OK)
        rc = to_identity(c, a, &user, login->want_groups, ret_identity, err);
    return rc;
}

static enum err_code local_refresh(struct connector *c, struct arena *a, const struct identity *old,
                                   bool want_groups, int64_t deadline_mono_ms, enum refresh_outcome *ret,
                                   struct identity *ret_identity, struct err *err) {
    (void)deadline_mono_ms; /* the store answers from its own file */
    struct local_user user;
    int64_t revision;
    enum err_code rc = local_users_get(c, a, old->user_id, &user, &revision, err);
    if (rc == ERR_NOT_FOUND || (rc == ERR_OK && user.locked)) {
        *ret = REFRESH_GONE;
        return ERR_OK;
    }
    if (rc != ERR_OK)
        return rc;
    *ret = REFRESH_OK;
    return to_identity(c, a, &user, want_groups, ret_identity, err);
}

static const char *local_prompt(const struct connector *c) {
    const struct local *l = c->impl;
    return l->config->username_prompt;
}

static enum err_code local_health(const struct connector *c, struct err *err) {
    return c->env->store == NULL ? ERR_OK : store_health(c->env->store, err);
}

const struct connector_ops local_connector_ops = {
    .type = "local",
    .fields = local_fields,
    .config_size = sizeof(struct local_config),
    .capabilities = CONNECTOR_PASSWORD | CONNECTOR_REFRESH,
    .open = local_open,
    .close = local_close,
    .login = local_login,
    .refresh = local_refresh,
    .list_users = local_list_users,
    .list_groups = local_list_groups,
    .get_user = local_get_user,
    .get_group = local_get_group,
    .prompt = local_prompt,
    .health = local_health,
};
