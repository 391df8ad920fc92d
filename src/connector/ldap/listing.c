#include "connector/ldap/listing.h"
#include "connector/ldap/limits.h"
#include <ldap.h>

enum err_code ldap_listing_begin(struct ldap_session *s, struct ldap_held *held, struct connector *c,
                                 const struct directory_query *q, struct err *err) {
    struct ldap_dir *d = c->impl;
    *s = (struct ldap_session) { .dir = d,
                                 .deadline_mono_ms = q->deadline_mono_ms,
                                 .request_id = q->request_id,
                                 .held = held,
                                 .err = err };
    if (held != NULL)
        *held = (struct ldap_held) { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(LDAP_SCRATCH_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "out of memory");
    enum err_code rc = held != NULL ? ldap_pool_begin_listing(d->pool, q->deadline_mono_ms, err)
                                    : ldap_pool_enter(d->pool, q->deadline_mono_ms, err);
    if (rc == ERR_OK)
        s->a = STEAL(a);
    return rc;
}

void ldap_listing_end(struct ldap_session *s) {
    if (s->a == NULL)
        return; /* it did not begin */
    if (s->held != NULL) {
        ldap_dir_let_go(s);
        ldap_pool_end_listing(s->dir->pool);
    } else {
        ldap_pool_leave(s->dir->pool);
    }
    arena_free(s->a);
    s->a = NULL;
}

enum err_code ldap_listing_filter(struct arena *a, const char *configured, const struct strbuf *conditions,
                                  const char **ret, struct err *err) {
    AUTO(strbuf_done) struct strbuf filter = STRBUF(2 * LDAP_FILTER_MAX + conditions->len);
    strbuf_addf(&filter, "(&%s%s)", configured != NULL ? configured : "", strbuf_c(conditions));
    enum err_code rc = strbuf_check(conditions, err);
    if (rc == ERR_OK)
        rc = strbuf_check(&filter, err);
    if (rc == ERR_OK && (*ret = arena_strdup(a, strbuf_str(&filter))) == NULL)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    return rc;
}

bool ldap_name_ok(struct str value, size_t max) {
    return value.len <= max && str_trim(value).len > 0 && str_is_utf8(value) && !str_has_control(value);
}

/* ---- one entry ---- */

enum err_code ldap_listing_find(struct ldap_session *s, struct ldap_query *q, const char *what, struct str id,
                                struct str (*name_of)(const struct ldap_dir *, const struct ldap_entry *),
                                struct ldap_entry **ret) {
    struct ldap_reply reply;
    struct ldap_entry *found = NULL;
    size_t n = 0;
    q->size_limit = q->entries_max = LDAP_AMBIGUOUS_MAX;
    enum err_code rc = ldap_dir_search(s, q, &reply);
    if (rc != ERR_OK)
        return rc;
    if (reply.code != LDAP_SUCCESS && reply.code != LDAP_SIZELIMIT_EXCEEDED)
        return ldap_dir_result_error(s, what, &reply);
    for (size_t i = 0; i < reply.len; i++)
        if (str_eq_nocase(name_of(s->dir, reply.entries[i]), id)) {
            found = reply.entries[i];
            n++;
        }
    if (n > 1 || reply.code != LDAP_SUCCESS)
        return err_set(s->err, ERR_UNAVAILABLE, "several entries are the %s \"%.*s\"", what,
                       STR_FMT(str_sub(id, 0, 100)));
    if (n == 0)
        return err_set(s->err, ERR_NOT_FOUND, "no such %s: \"%.*s\"", what, STR_FMT(str_sub(id, 0, 100)));
    *ret = found;
    return ERR_OK;
}

/* ---- one listing ---- */

static uint64_t mark_of(const struct ldap_query *q) {
    AUTO(strbuf_done) struct strbuf all = STRBUF(4 * LDAP_FILTER_MAX + 16 * LDAP_DN_MAX);
    strbuf_addf(&all, "%d %s\n%s", q->scope, q->base, q->filter);
    return ldap_mark(strbuf_str(&all));
}

/* Up to the limit, or until the entry wants its pages read anew. */
static enum err_code give_batch(struct ldap_listing *l, size_t limit, const struct ldap_reply *batch) {
    for (size_t i = 0; i < batch->len; i++) {
        const struct ldap_entry *e = batch->entries[i];
        enum ldap_use use = l->use(l->ctx, l->pages.s, e);
        bool again = false;
        l->more = use == LDAP_USE && l->given == limit;
        if (l->more)
            return ERR_OK;
        enum err_code rc = use == LDAP_USE ? l->give(l->ctx, l->pages.s, e, &again) : ERR_OK;
        if (rc != ERR_OK)
            return rc;
        if (again) {
            ldap_pages_restart(&l->pages);
            return ERR_OK;
        }
        l->given += use == LDAP_USE;
        l->nameless += use == LDAP_USE_NAMELESS;
        ldap_pages_pass(&l->pages, e);
    }
    return ERR_OK;
}

static void log_nameless(const struct ldap_listing *l) {
    const struct ldap_session *s = l->pages.s;
    if (l->nameless > 0)
        log_info(s->dir->env->log, s->request_id, "ldap.list", KV("connector", s->dir->id),
                 KV("what", l->pages.what), KV("problem", "entries without a usable name were left out"),
                 KV("count", l->nameless));
}

/* The server gives no more than so many. Another try may go on from here, unless this one did not get anywhere. */
static enum err_code check_cut(struct ldap_listing *l, uint64_t began_at) {
    struct ldap_session *s = l->pages.s;
    int code = l->pages.cut_by;
    if (code == 0 || l->more)
        return ERR_OK;
    if (l->pages.at.offset == began_at)
        return err_set(s->err, code == LDAP_TIMELIMIT_EXCEEDED ? ERR_TIMEOUT : ERR_UNAVAILABLE,
                       "%s: result %d (%s) after %llu entries: the directory gives bindDN no more; ask for "
                       "fewer, or raise its limit",
                       l->pages.what, code, ldap_err2string(code), (unsigned long long)l->pages.seen);
    log_warn(s->dir->env->log, s->request_id, "ldap.list", KV("connector", s->dir->id),
             KV("what", l->pages.what), KV("problem", "the directory gives bindDN no more entries at a time"),
             KV("result", code), KV("entries", l->pages.seen));
    l->more = true;
    return ERR_OK;
}

static enum err_code token(const struct ldap_listing *l, uint64_t mark, struct arena *a, struct str *ret) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    *ret = STR_NULL;
    if (!l->more)
        return ERR_OK;
    ldap_token_add(&text, mark, l->pages.at);
    *ret = arena_str(a, strbuf_str(&text));
    return ret->len > 0 ? ERR_OK : err_set(l->pages.s->err, ERR_NOMEM, "out of memory");
}

enum err_code ldap_listing_run(struct ldap_listing *l, const struct directory_query *q, struct arena *a,
                               struct str *ret_next) {
    struct ldap_pages *p = &l->pages;
    uint64_t mark = mark_of(&p->query);
    enum err_code rc = ERR_OK;
    if (q->after.len > 0)
        rc = ldap_token_parse(q->after, mark, &p->at, p->s->err);
    uint64_t began_at = p->at.offset;
    while (rc == ERR_OK && !p->ended && !l->more) {
        struct ldap_reply batch;
        size_t rest = q->limit - l->given + 1; /* one more, to know whether there is more */
        rc = ldap_pages_next(p, rest < l->batch_max ? rest : l->batch_max, &batch);
        if (rc == ERR_OK)
            rc = give_batch(l, q->limit, &batch);
    }
    log_nameless(l);
    if (rc == ERR_OK)
        rc = check_cut(l, began_at);
    return rc == ERR_OK ? token(l, mark, a, ret_next) : rc;
}
