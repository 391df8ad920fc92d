/* Is the user still there, still matched, still open? And what are name and groups now? */
#include "connector/ldap/dir.h"
#include "connector/ldap/dn.h"
#include "connector/ldap/limits.h"

struct memory {
    struct str dn, id;
    bool other_id_attr; /* the configuration names another idAttr than at login */
};

/* A grant of before `connector_data` was asked for has only the id, which is then its text. */
static enum err_code recall(struct ldap_session *s, const struct identity *old, struct memory *ret) {
    *ret = (struct memory) { .id = old->user_id };
    if (old->connector_data.len == 0)
        return ERR_OK;
    json_auto_t *json = NULL;
    if (json_parse(old->connector_data, &json, s->err) != ERR_OK)
        return err_context(s->err, "connector data");
    AUTO(strbuf_done) struct strbuf id = STRBUF(4 * LDAP_DN_MAX);
    struct str attr = json_get_str(json, "idAttr");
    if (base64url_decode(json_get_str(json, "id"), &id, s->err) != ERR_OK)
        return err_context(s->err, "connector data");
    ret->dn = arena_str(s->a, json_get_str(json, "dn"));
    ret->id = arena_str(s->a, strbuf_str(&id));
    ret->other_id_attr = !str_eq_nocase(attr, str_of(s->dir->config->user_search.id_attr));
    return arena_failed(s->a) ? err_set(s->err, ERR_NOMEM, "out of memory") : ERR_OK;
}

static bool same_user(const struct ldap_dir *d, struct str now, struct str before) {
    bool dn = str_eq_nocase(str_of(d->config->user_search.id_attr), STR("dn"));
    return dn ? ldap_dn_equal(now, before) : str_eq_nocase(now, before);
}

static enum err_code gone(const struct ldap_session *s, const char *why, enum refresh_outcome *ret) {
    log_info(s->dir->env->log, NULL, "ldap.refresh", KV("connector", s->dir->id), KV("gone", why));
    *ret = REFRESH_GONE;
    return ERR_OK;
}

static enum err_code re_read(struct ldap_session *s, struct arena *out, const struct identity *old,
                             bool want_groups, enum refresh_outcome *ret, struct identity *ret_identity) {
    struct memory m;
    enum err_code rc = recall(s, old, &m);
    if (rc != ERR_OK)
        return rc;
    if (m.other_id_attr)
        return gone(s, "userSearch.idAttr has changed", ret);
    const struct ldap_entry *user = NULL;
    rc = ldap_dir_find_by_id(s, m.id, m.dn, &user);
    if (rc != ERR_OK)
        return rc;
    if (user == NULL)
        return gone(s, "no such entry", ret);
    const char *closed = ldap_entry_disabled(user, clock_now_s(s->dir->env->clock));
    if (closed != NULL)
        return gone(s, closed, ret);
    struct identity now;
    rc = ldap_dir_identity(s, user, old->username, out, &now);
    if (rc == ERR_OK && want_groups)
        rc = ldap_dir_find_groups(s, user, out, &now.groups);
    if (rc != ERR_OK)
        return rc;
    if (!same_user(s->dir, now.user_id, old->user_id))
        return gone(s, "another id", ret);
    now.user_id = arena_str(out, old->user_id); /* `sub` keeps its spelling */
    now.connector_data = arena_str(out, old->connector_data);
    if (arena_failed(out))
        return err_set(s->err, ERR_NOMEM, "out of memory");
    *ret_identity = now;
    *ret = REFRESH_OK;
    return ERR_OK;
}

enum err_code ldap_connector_refresh(struct connector *c, struct arena *a, const struct identity *old,
                                     bool want_groups, int64_t deadline_mono_ms, enum refresh_outcome *ret,
                                     struct identity *ret_identity, struct err *err) {
    struct ldap_dir *d = c->impl;
    AUTO_FREE(arena_free) struct arena *scratch = arena_new(LDAP_SCRATCH_MAX);
    if (scratch == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    struct ldap_session s = { .dir = d, .a = scratch, .deadline_mono_ms = deadline_mono_ms, .err = err };
    enum err_code rc = ldap_pool_enter(d->pool, deadline_mono_ms, err);
    if (rc != ERR_OK)
        return rc;
    rc = re_read(&s, a, old, want_groups, ret, ret_identity);
    ldap_pool_leave(d->pool);
    return rc;
}
