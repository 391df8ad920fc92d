/* Searches for users; every request of a session passes here. */
#include "connector/ldap/dir.h"
#include "connector/ldap/dn.h"
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"
#include "connector/ldap/ranges.h"
#include <ldap.h>

/* ---- one request ---- */

static int64_t request_deadline(const struct ldap_session *s) {
    int64_t until = clock_mono_ms(s->dir->env->clock) + s->dir->config->request_timeout_s * 1000;
    return until < s->deadline_mono_ms ? until : s->deadline_mono_ms;
}

struct request {
    enum ldap_purpose purpose;
    const struct ldap_query *query; /* a search, or ... */
    struct ldap_reply *reply;
    struct str dn, password; /* ... a bind */
    struct ldap_bind_reply *bind_reply;
};

static enum err_code send_on(struct ldap_session *s, struct ldap_conn *conn, const struct request *r,
                             int64_t deadline) {
    return r->query != NULL ? ldap_conn_search(conn, s->a, r->query, deadline, r->reply, s->err)
                            : ldap_conn_bind(conn, s->a, r->dn, r->password, deadline, r->bind_reply, s->err);
}

/* A caller with no patience left says nothing about the server. */
static bool owed_an_answer(enum err_code rc, int64_t start_ms, int64_t deadline_ms) {
    return rc == ERR_TIMEOUT && deadline_ms - start_ms >= LDAP_PATIENCE_MS;
}

static enum err_code attempt(struct ldap_session *s, const struct request *r, bool fresh, bool *ret_again) {
    struct ldap_pool *pool = s->dir->pool;
    struct ldap_lease lease;
    enum err_code rc = ldap_pool_take(pool, r->purpose, fresh, s->deadline_mono_ms, &lease, s->err);
    if (rc != ERR_OK)
        return rc;
    int64_t start = clock_mono_ms(s->dir->env->clock), deadline = request_deadline(s);
    rc = send_on(s, lease.conn, r, deadline);
    *ret_again = rc != ERR_OK && lease.reused && ldap_conn_is_lost(lease.conn);
    ldap_pool_give(pool, &lease, owed_an_answer(rc, start, deadline));
    return rc;
}

void ldap_dir_let_go(struct ldap_session *s) {
    struct ldap_held *h = s->held;
    if (h->lease.conn != NULL)
        ldap_pool_give(s->dir->pool, &h->lease, h->timed_out);
    *h = (struct ldap_held) { 0 };
}

/* On the held connection; one that broke is replaced, which ends what pages were under way on it. */
static enum err_code on_held(struct ldap_session *s, const struct request *r, bool fresh, bool *ret_again) {
    struct ldap_held *h = s->held;
    enum err_code rc = ERR_OK;
    if (fresh || (h->lease.conn != NULL && ldap_conn_is_broken(h->lease.conn)))
        ldap_dir_let_go(s);
    if (h->lease.conn == NULL)
        rc = ldap_pool_take(s->dir->pool, r->purpose, fresh, s->deadline_mono_ms, &h->lease, s->err);
    if (rc != ERR_OK)
        return rc;
    int64_t start = clock_mono_ms(s->dir->env->clock), deadline = request_deadline(s);
    rc = send_on(s, h->lease.conn, r, deadline);
    *ret_again = rc != ERR_OK && h->lease.reused && ldap_conn_is_lost(h->lease.conn);
    h->lease.reused = false; /* it was alive a moment ago: a loss from now on is one */
    h->timed_out = owed_an_answer(rc, start, deadline);
    return rc;
}

static enum err_code attempt_held(struct ldap_session *s, const struct request *r, bool fresh,
                                  bool *ret_again) {
    enum err_code rc = ldap_pool_enter_behind(s->dir->pool, s->deadline_mono_ms, s->err);
    if (rc != ERR_OK)
        return rc;
    rc = on_held(s, r, fresh, ret_again);
    ldap_pool_leave(s->dir->pool);
    return rc;
}

/* A kept connection may have been dropped by the server unseen: one more try, on a new one. */
static enum err_code request(struct ldap_session *s, const struct request *r) {
    enum err_code (*try)(struct ldap_session *, const struct request *, bool,
                         bool *) = s->held != NULL ? attempt_held : attempt;
    bool again = false;
    enum err_code rc = try(s, r, false, &again);
    return again ? try(s, r, true, &again) : rc;
}

enum err_code ldap_dir_search(struct ldap_session *s, const struct ldap_query *q, struct ldap_reply *ret) {
    const struct request r = { .purpose = LDAP_FOR_SERVICE, .query = q, .reply = ret };
    enum err_code rc = request(s, &r);
    if (s->trace == NULL)
        return rc;
    strbuf_addf(s->trace, "search base \"%s\" scope %s filter %s\n", q->base,
                q->scope == LDAP_SCOPE_SUBTREE ? "sub"
                : q->scope == LDAP_SCOPE_BASE  ? "base"
                                               : "one",
                q->filter);
    if (rc == ERR_OK)
        strbuf_addf(s->trace, "  result %d (%s), %zu entries, %zu references%s%.*s\n", ret->code,
                    ldap_err2string(ret->code), ret->len, ret->references, ret->diagnostic.len ? ": " : "",
                    STR_FMT(ret->diagnostic));
    else
        strbuf_addf(s->trace, "  failed: %s\n", s->err->detail);
    return rc;
}

enum err_code ldap_dir_bind(struct ldap_session *s, struct str dn, struct str password,
                            struct ldap_bind_reply *ret) {
    const struct request r = { .purpose = LDAP_FOR_USERS, .dn = dn, .password = password, .bind_reply = ret };
    return request(s, &r);
}

/* ---- users ---- */

int ldap_dir_scope(int choice) {
    return choice == LDAP_SCOPE_CHOICE_ONE ? LDAP_SCOPE_ONELEVEL : LDAP_SCOPE_SUBTREE;
}

enum err_code ldap_dir_result_error(struct ldap_session *s, const char *what, const struct ldap_reply *r) {
    const char *hint = "";
    if (r->code == LDAP_NO_SUCH_OBJECT)
        hint = " (does its baseDN exist, and may bindDN see it?)";
    else if (r->code == LDAP_REFERRAL)
        hint = " (the server refers to another one; for Active Directory ask the global catalog, port 3268 "
               "or 3269)";
    return err_set(s->err, ERR_UNAVAILABLE, "%s: result %d (%s)%s: %.*s", what, r->code,
                   ldap_err2string(r->code), hint, STR_FMT(str_sub(r->diagnostic, 0, LDAP_DIAGNOSTIC_MAX)));
}

/* "(&<filter><condition>)", or the condition alone. */
static enum err_code user_search(struct ldap_session *s, const struct strbuf *condition,
                                 struct ldap_reply *ret) {
    const struct ldap_dir *d = s->dir;
    AUTO(strbuf_done) struct strbuf filter = STRBUF(2 * LDAP_FILTER_MAX + 8 * LDAP_DN_MAX);
    if (d->user_filter != NULL)
        strbuf_addf(&filter, "(&%s", d->user_filter);
    strbuf_add(&filter, strbuf_str(condition));
    if (d->user_filter != NULL)
        strbuf_addc(&filter, ')');
    enum err_code rc = strbuf_check(condition, s->err);
    if (rc == ERR_OK)
        rc = strbuf_check(&filter, s->err);
    if (rc != ERR_OK)
        return rc;
    /* Two are asked for: a second entry means the name is ambiguous, a third would say no more. */
    const struct ldap_query q = { .base = d->config->user_search.base_dn,
                                  .scope = ldap_dir_scope(d->config->user_search.scope),
                                  .filter = strbuf_c(&filter),
                                  .attrs = d->user_attrs,
                                  .size_limit = 2,
                                  .entries_max = 8 };
    return ldap_dir_search(s, &q, ret);
}

enum err_code ldap_dir_find_user(struct ldap_session *s, struct str username, const struct ldap_entry **ret) {
    const struct cfg_strings *attrs = &s->dir->config->user_search.username;
    AUTO(strbuf_done) struct strbuf condition = STRBUF(LDAP_FILTER_MAX + 8 * LDAP_DN_MAX);
    if (attrs->len > 1)
        strbuf_adds(&condition, "(|");
    for (size_t i = 0; i < attrs->len; i++)
        ldap_filter_add_equals(&condition, str_of(attrs->items[i]), username);
    if (attrs->len > 1)
        strbuf_addc(&condition, ')');
    struct ldap_reply reply;
    enum err_code rc = user_search(s, &condition, &reply);
    if (rc != ERR_OK)
        return rc;
    if (reply.len > 1)
        return err_set(s->err, ERR_UNAVAILABLE,
                       "user search: several entries have this name, e.g. \"%.*s\" and \"%.*s\"",
                       STR_FMT(str_sub(reply.entries[0]->dn, 0, 100)),
                       STR_FMT(str_sub(reply.entries[1]->dn, 0, 100)));
    if (reply.code != LDAP_SUCCESS)
        return ldap_dir_result_error(s, "user search", &reply);
    *ret = reply.len == 1 ? reply.entries[0] : NULL;
    return reply.len == 1 ? ldap_ranges_complete(s, reply.entries[0]) : ERR_OK;
}

static bool id_is_dn(const struct ldap_dir *d) {
    return str_eq_nocase(str_of(d->config->user_search.id_attr), STR("dn"));
}

struct str ldap_dir_user_id(const struct ldap_dir *d, const struct ldap_entry *user) {
    return ldap_entry_value(user, str_of(d->config->user_search.id_attr), 0, NULL);
}

static enum err_code find_at_dn(struct ldap_session *s, struct str dn, const struct ldap_entry **ret) {
    const struct ldap_user_search_config *u = &s->dir->config->user_search;
    *ret = NULL;
    if (!ldap_dn_in_scope(dn, str_of(u->base_dn), u->scope == LDAP_SCOPE_CHOICE_ONE))
        return ERR_OK; /* the configuration does not look there any more */
    const char *base = arena_strdup(s->a, dn);
    if (base == NULL)
        return err_set(s->err, ERR_NOMEM, "out of memory");
    const struct ldap_query q = { .base = base,
                                  .scope = LDAP_SCOPE_BASE,
                                  .filter = s->dir->user_filter != NULL ? s->dir->user_filter
                                                                        : "(objectClass=*)",
                                  .attrs = s->dir->user_attrs,
                                  .entries_max = 1 };
    struct ldap_reply reply;
    enum err_code rc = ldap_dir_search(s, &q, &reply);
    if (rc != ERR_OK || reply.code == LDAP_NO_SUCH_OBJECT)
        return rc;
    if (reply.code != LDAP_SUCCESS)
        return ldap_dir_result_error(s, "user look-up by DN", &reply);
    *ret = reply.len == 1 ? reply.entries[0] : NULL;
    return reply.len == 1 ? ldap_ranges_complete(s, reply.entries[0]) : ERR_OK;
}

enum err_code ldap_dir_find_by_id(struct ldap_session *s, struct str id, struct str dn,
                                  const struct ldap_entry **ret) {
    if (id_is_dn(s->dir))
        return find_at_dn(s, id, ret);
    AUTO(strbuf_done) struct strbuf condition = STRBUF(8 * LDAP_DN_MAX);
    ldap_filter_add_equals(&condition, str_of(s->dir->config->user_search.id_attr), id);
    struct ldap_reply reply;
    enum err_code rc = user_search(s, &condition, &reply);
    if (rc != ERR_OK)
        return rc;
    struct ldap_entry *found = NULL;
    for (size_t i = 0; i < reply.len; i++)
        if (reply.len == 1 || ldap_dn_equal(reply.entries[i]->dn, dn))
            found = reply.entries[i];
    *ret = found;
    if (found != NULL)
        return ldap_ranges_complete(s, found);
    if (reply.len > 1)
        return err_set(s->err, ERR_UNAVAILABLE, "user look-up: several entries have the same %s",
                       s->dir->config->user_search.id_attr);
    return reply.code == LDAP_SUCCESS ? ERR_OK : ldap_dir_result_error(s, "user look-up by id", &reply);
}
