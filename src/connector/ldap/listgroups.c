/* The groups behind the connector: listed, and found by their name; with their members where those are wanted. */
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"
#include "connector/ldap/listing.h"
#include "connector/ldap/members.h"

/* The first value of nameAttr that is not blank; STR_NULL: none, or none that can be a name. */
static struct str name_of(const struct ldap_dir *d, const struct ldap_entry *e) {
    struct str attr = str_of(d->config->group_search.name_attr);
    for (size_t i = 0; i < ldap_entry_count(e, attr); i++) {
        struct str v = ldap_entry_value(e, attr, i, NULL);
        if (str_trim(v).len > 0)
            return ldap_name_ok(v, LDAP_GROUP_NAME_MAX) ? v : STR_NULL;
    }
    return STR_NULL;
}

static struct ldap_query query_of(const struct ldap_dir *d, bool want_members) {
    const struct ldap_group_search_config *g = &d->config->group_search;
    return (struct ldap_query) { .base = g->base_dn,
                                 .scope = ldap_dir_scope(g->scope),
                                 .attrs = want_members ? d->member_attrs : d->group_attrs };
}

/* ---- the listing ---- */

struct groups {
    struct ldap_members *members; /* NULL: not wanted */
    struct arena *one;            /* for the members of one group */
    enum err_code (*each)(void *ctx, const struct directory_group *g, struct err *err);
    void *ctx;
};

static enum ldap_use use(void *ctx, struct ldap_session *s, const struct ldap_entry *e) {
    (void)ctx;
    return name_of(s->dir, e).len > 0 ? LDAP_USE : LDAP_USE_NAMELESS;
}

static enum err_code give(void *ctx, struct ldap_session *s, const struct ldap_entry *e, bool *ret_again) {
    const struct groups *g = ctx;
    struct str name = name_of(s->dir, e);
    struct directory_group group = { .id = name, .display_name = name };
    if (g->members != NULL) {
        arena_reset(g->one);
        enum err_code rc = ldap_members_of(g->members, e, g->one, &group, ret_again);
        if (rc != ERR_OK || *ret_again)
            return rc;
    }
    return g->each(g->ctx, &group, s->err);
}

static void pages_done(struct ldap_listing *l) { ldap_pages_done(&l->pages); }

static enum err_code list(struct ldap_session *s, struct arena *a, const struct directory_query *q,
                          struct groups *groups, struct str *ret_next) {
    const struct ldap_dir *d = s->dir;
    struct str attr = str_of(d->config->group_search.name_attr);
    AUTO(pages_done)
    struct ldap_listing l = { .pages = { .s = s,
                                         .what = "group listing",
                                         .may_lack_base = true,
                                         .query = query_of(d, groups->members != NULL) },
                              .batch_max = SIZE_MAX,
                              .use = use,
                              .give = give,
                              .ctx = groups };
    if (groups->members != NULL) {
        l.batch_max = LDAP_MEMBERS_PAGE;
        l.pages.query.values_max = LDAP_PAGE_VALUES_MAX;
    }
    AUTO(strbuf_done) struct strbuf condition = STRBUF(LDAP_FILTER_MAX);
    if (q->keyword.len > 0)
        ldap_filter_add_contains(&condition, attr, q->keyword);
    else
        ldap_filter_add_present(&condition, attr);
    enum err_code rc = ldap_listing_filter(a, d->group_filter, &condition, &l.pages.query.filter, s->err);
    return rc == ERR_OK ? ldap_listing_run(&l, q, a, ret_next) : rc;
}

static enum err_code list_with_members(struct ldap_session *s, struct arena *a,
                                       const struct directory_query *q, struct groups *groups,
                                       struct str *ret_next) {
    AUTO(ldap_members_done) struct ldap_members members;
    AUTO_FREE(arena_free) struct arena *one = arena_new(LDAP_SCRATCH_MAX);
    enum err_code rc = ldap_members_init(&members, s, LDAP_LOOKUPS_MAX);
    groups->members = &members;
    groups->one = one;
    if (rc == ERR_OK && one == NULL)
        rc = err_set(s->err, ERR_NOMEM, "out of memory");
    return rc == ERR_OK ? list(s, a, q, groups, ret_next) : rc;
}

enum err_code
ldap_connector_list_groups(struct connector *c, struct arena *a, const struct directory_query *q,
                           enum err_code (*each)(void *ctx, const struct directory_group *g, struct err *err),
                           void *ctx, struct str *ret_next, struct err *err) {
    const struct ldap_dir *d = c->impl;
    struct groups groups = { .each = each, .ctx = ctx };
    struct ldap_held held;
    *ret_next = STR_NULL;
    if (d->config->group_search.base_dn == NULL)
        return ERR_OK; /* without groupSearch there are no groups */
    AUTO(ldap_listing_end) struct ldap_session s;
    enum err_code rc = ldap_listing_begin(&s, &held, c, q, err);
    if (rc != ERR_OK)
        return rc;
    return q->want_members ? list_with_members(&s, a, q, &groups, ret_next)
                           : list(&s, a, q, &groups, ret_next);
}

/* ---- one group ---- */

static enum err_code find(struct ldap_session *s, struct str id, bool want_members, struct ldap_entry **ret) {
    const struct ldap_dir *d = s->dir;
    struct ldap_query q = query_of(d, want_members);
    AUTO(strbuf_done) struct strbuf condition = STRBUF(LDAP_FILTER_MAX);
    ldap_filter_add_equals(&condition, str_of(d->config->group_search.name_attr), id);
    enum err_code rc = ldap_listing_filter(s->a, d->group_filter, &condition, &q.filter, s->err);
    return rc == ERR_OK ? ldap_listing_find(s, &q, "group", id, name_of, ret) : rc;
}

static enum err_code get_members(struct ldap_session *s, struct arena *a, const struct ldap_entry *e,
                                 struct directory_group *ret) {
    AUTO(ldap_members_done) struct ldap_members members;
    enum err_code rc = ldap_members_init(&members, s, LDAP_LOOKUPS_OF_ONE_MAX);
    for (bool again = true; rc == ERR_OK && again;)
        rc = ldap_members_of(&members, e, a, ret, &again);
    return rc;
}

enum err_code ldap_connector_get_group(struct connector *c, struct arena *a, struct str id,
                                       const struct directory_query *q, struct directory_group *ret,
                                       struct err *err) {
    const struct ldap_dir *d = c->impl;
    struct ldap_held held;
    struct ldap_entry *e = NULL;
    if (d->config->group_search.base_dn == NULL)
        return err_set(err, ERR_NOT_FOUND, "no such group: there is no groupSearch");
    AUTO(ldap_listing_end) struct ldap_session s;
    enum err_code rc = ldap_listing_begin(&s, q->want_members ? &held : NULL, c, q, err);
    if (rc == ERR_OK)
        rc = find(&s, id, q->want_members, &e);
    if (rc != ERR_OK)
        return rc;
    struct directory_group group = { .id = arena_str(a, name_of(d, e)) };
    group.display_name = group.id;
    if (group.id.len == 0)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (q->want_members)
        rc = get_members(&s, a, e, &group);
    if (rc == ERR_OK)
        *ret = group;
    return rc;
}
