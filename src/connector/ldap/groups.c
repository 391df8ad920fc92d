/* A user's groups: one search per matcher and level, each asking for many values at once. */
#include "connector/ldap/dir.h"
#include "connector/ldap/dn.h"
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"
#include <ldap.h>

struct group {
    struct str dn;
    struct group *next; /* in the order found */
};

/* The walk of all matchers of one user. */
struct walk {
    struct ldap_session *s;
    struct arena *out;
    struct map names;   /* of groups found so far: keys only */
    struct str *result; /* in `out` */
    size_t len, cap;
    size_t without_name;
};
/* The walk of one matcher: which groups it has seen is its own affair, for another matcher may not look into groups. */
struct level {
    struct walk *w;
    struct map seen; /* DN keys */
    struct group *first, **last;
    size_t count; /* of groups in the list */
};

static char present; /* a value for the sets */

static enum err_code add_name(struct walk *w, struct str name) {
    if (map_get(&w->names, name) != NULL)
        return ERR_OK;
    if (w->len == (size_t)w->s->dir->config->group_search.max_groups)
        return err_set(w->s->err, ERR_UNAVAILABLE, "group search: more than maxGroups (%zu) groups", w->len);
    if (w->len == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 8;
        struct str *more = arena_array(w->out, cap, sizeof *more);
        if (more == NULL)
            return err_set(w->s->err, ERR_NOMEM, "too many groups");
        if (w->len > 0)
            memcpy(more, w->result, w->len * sizeof *more);
        w->result = more;
        w->cap = cap;
    }
    struct str copy = arena_str(w->out, name);
    if (copy.ptr == NULL)
        return err_set(w->s->err, ERR_NOMEM, "too many groups");
    w->result[w->len++] = copy;
    return map_put(&w->names, name, &present, NULL, w->s->err);
}

/* All values of nameAttr are names of the group. */
static enum err_code add_names(struct walk *w, const struct ldap_entry *e) {
    struct str attr = str_of(w->s->dir->config->group_search.name_attr);
    size_t n = ldap_entry_count(e, attr), found = 0;
    for (size_t i = 0; i < n; i++) {
        struct str name = ldap_value_text(w->s->a, attr, ldap_entry_value(e, attr, i, NULL));
        if (str_trim(name).len == 0)
            continue;
        found++;
        enum err_code rc = add_name(w, name);
        if (rc != ERR_OK)
            return rc;
    }
    w->without_name += found == 0;
    return ERR_OK;
}

/* Groups are told apart by DN, never by name: two OUs may each have an "admins". */
static enum err_code add_group(struct level *l, const struct ldap_entry *e) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(4 * LDAP_DN_MAX);
    struct err unused = { 0 };
    if (ldap_dn_key(e->dn, &key, &unused) != ERR_OK) {
        strbuf_clear(&key);
        strbuf_add(&key, e->dn); /* a spelling we cannot read is at least its own */
    }
    if (map_get(&l->seen, strbuf_str(&key)) != NULL)
        return ERR_OK;
    enum err_code rc = map_put(&l->seen, strbuf_str(&key), &present, NULL, l->w->s->err);
    if (rc != ERR_OK)
        return rc;
    if (l->count == (size_t)l->w->s->dir->config->group_search.max_groups)
        return err_set(l->w->s->err, ERR_UNAVAILABLE, "group search: more than maxGroups (%zu) groups",
                       l->count);
    struct group *g = arena_alloc(l->w->s->a, sizeof *g);
    if (g == NULL)
        return err_set(l->w->s->err, ERR_NOMEM, "too many groups");
    g->dn = e->dn;
    *l->last = g;
    l->last = &g->next;
    l->count++;
    return add_names(l->w, e);
}

static enum err_code group_result(struct ldap_session *s, const struct ldap_reply *r) {
    if (r->code == LDAP_SUCCESS)
        return ERR_OK;
    if (r->code == LDAP_NO_SUCH_OBJECT) {
        log_warn(s->dir->env->log, s->request_id, "ldap.groups", KV("connector", s->dir->id),
                 KV("problem", "groupSearch.baseDN does not exist, or bindDN may not see it"));
        return ERR_OK;
    }
    const char *hint =
        r->code == LDAP_SIZELIMIT_EXCEEDED
            ? " (the directory, or maxGroups, allows no more entries; an incomplete list is not used)"
            : "";
    return err_set(s->err, ERR_UNAVAILABLE, "group search: result %d (%s)%s: %.*s", r->code,
                   ldap_err2string(r->code), hint, STR_FMT(str_sub(r->diagnostic, 0, LDAP_DIAGNOSTIC_MAX)));
}

/* `values`: "(attr=a)(attr=b)...", `n` of them. */
static enum err_code search_groups(struct level *l, const struct strbuf *values, size_t n) {
    struct ldap_session *s = l->w->s;
    const struct ldap_group_search_config *g = &s->dir->config->group_search;
    AUTO(strbuf_done) struct strbuf filter = STRBUF(values->len + LDAP_FILTER_MAX + 16);
    strbuf_addf(&filter, "%s%s%s%s%s%s", s->dir->group_filter ? "(&" : "",
                s->dir->group_filter ? s->dir->group_filter : "", n > 1 ? "(|" : "", strbuf_c(values),
                n > 1 ? ")" : "", s->dir->group_filter ? ")" : "");
    enum err_code rc = strbuf_check(values, s->err);
    if (rc == ERR_OK)
        rc = strbuf_check(&filter, s->err);
    if (rc != ERR_OK)
        return rc;
    const struct ldap_query q = { .base = g->base_dn,
                                  .scope = g->scope == LDAP_SCOPE_CHOICE_ONE ? LDAP_SCOPE_ONELEVEL
                                                                             : LDAP_SCOPE_SUBTREE,
                                  .filter = strbuf_c(&filter),
                                  .attrs = s->dir->group_attrs,
                                  .page_size = LDAP_GROUPS_PAGE,
                                  .entries_max = (size_t)g->max_groups };
    struct ldap_reply reply;
    rc = ldap_dir_search(s, &q, &reply);
    if (rc == ERR_OK)
        rc = group_result(s, &reply);
    for (size_t i = 0; rc == ERR_OK && i < reply.len; i++)
        rc = add_group(l, reply.entries[i]);
    return rc;
}

enum { VALUES_MAX = LDAP_GROUP_VALUES_PER_FILTER * 3 * LDAP_DN_MAX };

/* The groups the user itself is in. */
static enum err_code direct_groups(struct level *l, const struct ldap_matcher_config *m,
                                   const struct ldap_entry *user) {
    struct str user_attr = str_of(m->user_attr), group_attr = str_of(m->group_attr);
    size_t total = ldap_entry_count(user, user_attr);
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < total;) {
        AUTO(strbuf_done) struct strbuf values = STRBUF(VALUES_MAX);
        size_t n = 0;
        for (; i < total && n < LDAP_GROUP_VALUES_PER_FILTER; i++, n++)
            ldap_filter_add_equals(&values, group_attr, ldap_entry_value(user, user_attr, i, NULL));
        rc = search_groups(l, &values, n);
    }
    return rc;
}

/* The groups the groups from `*next` on are in; new ones go to the end of the list. */
static enum err_code parent_groups(struct level *l, struct str attr, struct group **next, size_t count) {
    enum err_code rc = ERR_OK;
    struct group *g = *next, *done = NULL;
    while (rc == ERR_OK && count > 0) {
        AUTO(strbuf_done) struct strbuf values = STRBUF(VALUES_MAX);
        size_t n = 0;
        for (; count > 0 && n < LDAP_GROUP_VALUES_PER_FILTER; count--, n++, done = g, g = g->next)
            ldap_filter_add_equals(&values, attr, g->dn);
        rc = search_groups(l, &values, n);
        g = done != NULL ? done->next : NULL; /* the list may have grown behind `done` */
    }
    *next = g;
    return rc;
}

static void seen_done(struct level *l) { map_done(&l->seen, NULL); }

static enum err_code match(struct walk *w, const struct ldap_matcher_config *m,
                           const struct ldap_entry *user) {
    AUTO(seen_done) struct level l = { .w = w };
    int64_t max_depth = w->s->dir->config->group_search.max_depth;
    random_bytes(w->s->dir->env->random, l.seen.seed, sizeof l.seen.seed);
    l.last = &l.first;
    enum err_code rc = direct_groups(&l, m, user);
    if (m->recursion_group_attr == NULL)
        return rc;
    struct group *next = l.first;
    size_t expanded = 0;
    for (int64_t depth = 1; rc == ERR_OK && expanded < l.count; depth++) {
        if (depth > max_depth)
            return err_set(w->s->err, ERR_UNAVAILABLE, "group search: groups lie deeper than maxDepth (%lld)",
                           (long long)max_depth);
        size_t count = l.count - expanded;
        expanded = l.count;
        rc = parent_groups(&l, str_of(m->recursion_group_attr), &next, count);
    }
    return rc;
}

static void walk_done(struct walk *w) { map_done(&w->names, NULL); }

enum err_code ldap_dir_find_groups(struct ldap_session *s, const struct ldap_entry *user, struct arena *out,
                                   struct str_list *ret) {
    *ret = (struct str_list) { 0 };
    if (s->dir->config->group_search.base_dn == NULL)
        return ERR_OK;
    AUTO(walk_done) struct walk w = { .s = s, .out = out };
    random_bytes(s->dir->env->random, w.names.seed, sizeof w.names.seed);
    enum err_code rc = ERR_OK;
    for (size_t i = 0; rc == ERR_OK && i < s->dir->matcher_count; i++)
        rc = match(&w, &s->dir->matchers[i], user);
    if (w.without_name > 0)
        log_warn(s->dir->env->log, s->request_id, "ldap.groups", KV("connector", s->dir->id),
                 KV("problem", "groups without a name were left out"), KV("count", w.without_name),
                 KV("attribute", s->dir->config->group_search.name_attr));
    if (rc == ERR_OK)
        *ret = (struct str_list) { w.result, w.len };
    return rc;
}
