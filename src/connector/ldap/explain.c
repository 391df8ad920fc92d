/* `tke-auth ldap search`: what a login of this name would find, without its password. */
#include "connector/ldap/dir.h"
#include "connector/ldap/ldap.h"
#include "connector/ldap/limits.h"

static void add_value(struct strbuf *out, struct str v) {
    if (str_is_utf8(v) && !str_has_control(v)) {
        strbuf_add(out, v);
        return;
    }
    strbuf_adds(out, "(base64) ");
    base64_add(out, v.ptr, v.len);
}

static void add_line(struct strbuf *out, const char *label, struct str v) {
    strbuf_addf(out, "  %-20s", label);
    add_value(out, v);
    strbuf_addc(out, '\n');
}

static void add_entry(struct strbuf *out, const struct ldap_entry *e) {
    strbuf_adds(out, "entry\n");
    add_line(out, "dn", e->dn);
    for (size_t i = 0; i < e->len; i++) {
        AUTO(strbuf_done) struct strbuf name = STRBUF(1024);
        strbuf_add(&name, e->attrs[i].name);
        for (size_t k = 0; k < e->attrs[i].len; k++)
            add_line(out, strbuf_c(&name), e->attrs[i].values[k]);
    }
}

static void add_identity(struct strbuf *out, const struct identity *i) {
    strbuf_adds(out, "identity\n");
    add_line(out, "id", i->user_id);
    add_line(out, "username", i->username);
    add_line(out, "name", i->name);
    add_line(out, "preferred_username", i->preferred_username);
    add_line(out, "email", i->email);
    for (size_t g = 0; g < i->groups.len; g++)
        add_line(out, "group", i->groups.items[g]);
}

static enum err_code explain(struct ldap_session *s, struct arena *a, struct str username) {
    const struct ldap_entry *user = NULL;
    enum err_code rc = ldap_dir_find_user(s, username, &user);
    if (rc != ERR_OK)
        return rc;
    if (user == NULL) {
        strbuf_adds(s->trace, "no such user\n");
        return ERR_OK;
    }
    add_entry(s->trace, user);
    const char *closed = ldap_entry_disabled(user, clock_now_s(s->dir->env->clock));
    if (closed != NULL)
        strbuf_addf(s->trace, "closed: %s\n", closed);
    struct identity identity;
    rc = ldap_dir_identity(s, user, username, a, &identity);
    if (rc == ERR_OK)
        rc = ldap_dir_find_groups(s, user, a, &identity.groups);
    if (rc == ERR_OK)
        add_identity(s->trace, &identity);
    return rc;
}

enum err_code ldap_explain(struct connector *c, struct arena *a, struct str username,
                           struct strbuf *ret_report, struct err *err) {
    enum { EXPLAIN_MS = 60000 };
    struct ldap_dir *d = c->impl;
    if (str_trim(username).len == 0 || username.len > LDAP_USERNAME_MAX || str_contains(username, STR("\0")))
        return err_set(err, ERR_INVALID, "a user name of 1 to %d bytes is needed", (int)LDAP_USERNAME_MAX);
    AUTO_FREE(arena_free) struct arena *scratch = arena_new(LDAP_SCRATCH_MAX);
    if (scratch == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct ldap_session s = { .dir = d,
                              .a = scratch,
                              .deadline_mono_ms = clock_mono_ms(d->env->clock) + EXPLAIN_MS,
                              .trace = ret_report,
                              .err = err };
    enum err_code rc = ldap_pool_enter(d->pool, s.deadline_mono_ms, err);
    if (rc != ERR_OK)
        return rc;
    rc = explain(&s, a, username);
    ldap_pool_leave(d->pool);
    if (rc != ERR_OK)
        strbuf_addf(ret_report, "error: %s\n", err->detail);
    return rc != ERR_OK ? rc : strbuf_check(ret_report, err);
}
