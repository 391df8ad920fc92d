#include "connector/ldap/dir.h"
#include "connector/ldap/limits.h"

/* What refresh needs to find the entry again: {"dn":"...","idAttr":"...","id":"base64url of the raw value"}. */
static enum err_code connector_data(struct ldap_session *s, const struct ldap_entry *user, struct arena *out,
                                    struct str *ret) {
    struct str id = ldap_dir_user_id(s->dir, user);
    AUTO(strbuf_done) struct strbuf encoded = STRBUF(4 * LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf json = STRBUF(16 * LDAP_DN_MAX);
    base64url_add(&encoded, id.ptr, id.len);
    bool first = true;
    strbuf_addc(&json, '{');
    json_field_str(&json, &first, "dn", user->dn);
    json_field_str(&json, &first, "idAttr", str_of(s->dir->config->user_search.id_attr));
    json_field_str(&json, &first, "id", strbuf_str(&encoded));
    strbuf_addc(&json, '}');
    enum err_code rc = strbuf_check(&encoded, s->err);
    if (rc == ERR_OK)
        rc = strbuf_check(&json, s->err);
    if (rc != ERR_OK)
        return rc;
    *ret = arena_str(out, strbuf_str(&json));
    return ret->ptr != NULL ? ERR_OK : err_set(s->err, ERR_NOMEM, "out of memory");
}

/* Things no directory entry can match. The empty password matters most: a bind with a DN and no password is a success that
 * proves nothing (RFC 4513 5.1.2). */
static bool is_hopeless(const struct login *l) {
    return l->password.len == 0 || l->password.len > LDAP_PASSWORD_MAX ||
           str_contains(l->password, STR("\0")) || str_trim(l->username).len == 0 ||
           l->username.len > LDAP_USERNAME_MAX || str_contains(l->username, STR("\0")) ||
           !str_is_utf8(l->username);
}

static void log_outcome(const struct ldap_session *s, const char *why, const struct ldap_bind_reply *reply) {
    if (reply->code == 0 && reply->ppolicy.graces < 0 && reply->ppolicy.error == LDAP_PPOLICY_NONE)
        return;
    log_info(s->dir->env->log, s->request_id, "ldap.bind", KV("connector", s->dir->id), KV("outcome", why),
             KV("result", reply->code), KV("ad_code", ldap_ad_code(reply->diagnostic)),
             KV("ppolicy_error", reply->ppolicy.error), KV("grace_logins_left", reply->ppolicy.graces));
}

/* Whether the password is this entry's, and the account open. */
static enum err_code prove(struct ldap_session *s, const struct ldap_entry *user, struct str password,
                           enum login_outcome *ret) {
    struct ldap_bind_reply reply = { .ppolicy = { .error = LDAP_PPOLICY_NONE, .graces = -1 } };
    const char *why = "";
    if (user->dn.len == 0)
        return err_set(s->err, ERR_UNAVAILABLE, "user search: an entry without a DN");
    enum err_code rc = ldap_dir_bind(s, user->dn, password, &reply);
    if (rc == ERR_OK)
        rc = ldap_verdict(&reply, ret, &why, s->err);
    if (rc != ERR_OK)
        return rc;
    log_outcome(s, why, &reply);
    const char *closed = ldap_entry_disabled(user, clock_now_s(s->dir->env->clock));
    if (*ret != LOGIN_OK || closed == NULL)
        return ERR_OK;
    log_info(s->dir->env->log, s->request_id, "ldap.bind", KV("connector", s->dir->id),
             KV("outcome", "account-disabled"), KV("attribute", closed));
    *ret = LOGIN_BLOCKED;
    return ERR_OK;
}

static enum err_code log_in(struct ldap_session *s, struct arena *out, const struct login *login,
                            enum login_outcome *ret, struct identity *ret_identity) {
    const struct ldap_entry *user = NULL;
    enum login_outcome outcome = LOGIN_WRONG_CREDENTIALS;
    enum err_code rc = ldap_dir_find_user(s, login->username, &user);
    /* An unknown name costs one request less than a wrong password, and nothing we could bind as would cost the same: the
     * work of a bind is the hash of the entry's password. What the delay tells is limited by the throttle before us. */
    if (rc == ERR_OK && user != NULL)
        rc = prove(s, user, login->password, &outcome);
    if (rc != ERR_OK)
        return rc;
    *ret = outcome;
    if (outcome != LOGIN_OK)
        return ERR_OK;
    struct identity identity;
    rc = ldap_dir_identity(s, user, login->username, out, &identity);
    if (rc == ERR_OK && login->want_groups)
        rc = ldap_dir_find_groups(s, user, out, &identity.groups);
    if (rc == ERR_OK && login->want_refresh)
        rc = connector_data(s, user, out, &identity.connector_data);
    if (rc == ERR_OK)
        *ret_identity = identity;
    return rc;
}

enum err_code ldap_connector_login(struct connector *c, struct arena *a, const struct login *login,
                                   enum login_outcome *ret, struct identity *ret_identity, struct err *err) {
    struct ldap_dir *d = c->impl;
    if (is_hopeless(login)) {
        *ret = LOGIN_WRONG_CREDENTIALS;
        return ERR_OK;
    }
    AUTO_FREE(arena_free) struct arena *scratch = arena_new(LDAP_SCRATCH_MAX);
    if (scratch == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct ldap_session s = { .dir = d,
                              .a = scratch,
                              .deadline_mono_ms = login->deadline_mono_ms,
                              .request_id = login->request_id,
                              .err = err };
    enum err_code rc = ldap_pool_enter(d->pool, login->deadline_mono_ms, err);
    if (rc != ERR_OK)
        return rc;
    rc = log_in(&s, a, login, ret, ret_identity);
    ldap_pool_leave(d->pool);
    return rc;
}
