#include "connector/ldap/pages.h"
#include "connector/ldap/limits.h"
#include <ldap.h>

void ldap_pages_done(struct ldap_pages *p) { strbuf_done(&p->cookie); }

void ldap_pages_restart(struct ldap_pages *p) { p->running = p->ended = false; }

void ldap_pages_pass(struct ldap_pages *p, const struct ldap_entry *e) {
    p->at = (struct ldap_position) { p->at.offset + 1, ldap_mark(e->dn) };
}

/* Entries behind us are known by their number, and the last of them by its DN, too: when some went away meanwhile it comes
 * sooner, and nothing behind it may be missed. When it is gone itself, or new ones came before it, the number decides. */
static enum ldap_wish wish(void *ctx, struct str dn) {
    struct ldap_pages *p = ctx;
    if (p->seen < p->skip) {
        p->seen++;
        if (ldap_mark(dn) == p->at.anchor)
            p->skip = p->seen;
        return LDAP_WISH_PASS;
    }
    if (p->kept == p->wanted)
        return LDAP_WISH_ENOUGH;
    p->seen++;
    p->kept++;
    return LDAP_WISH_KEEP;
}

static void start(struct ldap_pages *p) {
    strbuf_clear(&p->cookie);
    p->cookie.max = LDAP_COOKIE_MAX;
    p->seen = 0;
    p->skip = p->at.offset;
    p->cut_by = 0;
    p->running = true;
}

static enum err_code missing_base(struct ldap_pages *p) {
    struct ldap_session *s = p->s;
    log_warn(s->dir->env->log, s->request_id, "ldap.list", KV("connector", s->dir->id), KV("what", p->what),
             KV("problem", "the baseDN does not exist, or bindDN may not see it"));
    p->ended = true;
    return ERR_OK;
}

static enum err_code judge(struct ldap_pages *p, const struct ldap_reply *r) {
    struct ldap_session *s = p->s;
    switch (r->code) {
    case LDAP_SUCCESS:
        if (r->enough)
            p->running = false; /* the server sends more than a page: the connection is lost with the rest */
        else
            p->ended = p->cookie.len == 0;
        break;
    case LDAP_SIZELIMIT_EXCEEDED:
    case LDAP_ADMINLIMIT_EXCEEDED:
    case LDAP_TIMELIMIT_EXCEEDED:
        p->ended = true;
        p->cut_by = r->code;
        break;
    case LDAP_NO_SUCH_OBJECT:
        return p->may_lack_base ? missing_base(p) : ldap_dir_result_error(s, p->what, r);
    default: return ldap_dir_result_error(s, p->what, r);
    }
    if (p->seen > LDAP_LIST_MAX)
        return err_set(s->err, ERR_LIMIT, "%s: more than %d entries", p->what, (int)LDAP_LIST_MAX);
    return ERR_OK;
}

enum err_code ldap_pages_next(struct ldap_pages *p, size_t max, struct ldap_reply *ret) {
    if (!p->running)
        start(p);
    p->wanted = max;
    p->kept = 0;
    /* A page ends where we begin to keep, so that what is kept fills whole pages. */
    uint64_t page = p->seen < p->skip ? p->skip - p->seen : max;
    struct ldap_query q = p->query;
    q.page_size = page < LDAP_GROUPS_PAGE ? (size_t)page : LDAP_GROUPS_PAGE;
    q.entries_max = SIZE_MAX;
    q.cookie = &p->cookie;
    q.wish = wish;
    q.wish_ctx = p;
    arena_reset(p->s->a);
    enum err_code rc = ldap_dir_search(p->s, &q, ret);
    if (rc == ERR_OK)
        rc = judge(p, ret);
    if (rc == ERR_OK && p->kept > 0)
        p->at.offset = p->seen - p->kept;
    return rc;
}
