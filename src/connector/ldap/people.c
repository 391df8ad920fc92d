/* The users behind the connector: listed, and found by their login name. */
#include "connector/ldap/people.h"
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"
#include "connector/ldap/listing.h"
#include <ldap.h>

/* ---- entry -> user ---- */

struct str ldap_person_name(const struct ldap_dir *d, const struct ldap_entry *e) {
    const struct cfg_strings *attrs = &d->config->user_search.username;
    for (size_t i = 0; i < attrs->len; i++) {
        struct str v = ldap_entry_value(e, str_of(attrs->items[i]), 0, NULL);
        if (str_trim(v).len > 0) /* as at login, the first that is not blank counts */
            return ldap_name_ok(v, LDAP_USERNAME_MAX) ? v : STR_NULL;
    }
    return STR_NULL;
}

static struct str text_of(const struct ldap_entry *e, const char *attr) {
    struct str v = attr != NULL ? ldap_entry_value(e, str_of(attr), 0, NULL) : STR_NULL;
    return ldap_name_ok(v, LDAP_DN_MAX) ? v : STR_NULL;
}

/* Slices of the entry and of `a`; false when out of memory. */
static bool to_user(const struct ldap_dir *d, struct arena *a, const struct ldap_entry *e,
                    struct directory_user *ret) {
    const struct ldap_user_search_config *u = &d->config->user_search;
    struct str name = ldap_person_name(d, e);
    *ret = (struct directory_user) { .id = name, .name = name };
    ret->display_name = text_of(e, u->preferred_username_attr);
    if (ret->display_name.len == 0)
        ret->display_name = text_of(e, u->name_attr);
    if (ret->display_name.len == 0)
        ret->display_name = name;
    if (u->email_suffix != NULL)
        ret->email = str_of(arena_printf(a, "%.*s@%s", STR_FMT(name), u->email_suffix));
    else
        ret->email = text_of(e, u->email_attr != NULL ? u->email_attr : "mail");
    return !arena_failed(a);
}

/* ---- conditions ---- */

static void any_of(struct strbuf *out, size_t n, const struct strbuf *items) {
    strbuf_addf(out, n > 1 ? "(|%s)" : "%s", strbuf_c(items));
}

void ldap_people_condition(const struct ldap_dir *d, struct strbuf *out) {
    const struct cfg_strings *attrs = &d->config->user_search.username;
    AUTO(strbuf_done) struct strbuf items = STRBUF(LDAP_FILTER_MAX);
    for (size_t i = 0; i < attrs->len; i++)
        ldap_filter_add_present(&items, str_of(attrs->items[i]));
    out->failed |= items.failed;
    any_of(out, attrs->len, &items);
}

static void name_condition(const struct ldap_dir *d, struct str name, struct strbuf *out) {
    const struct cfg_strings *attrs = &d->config->user_search.username;
    AUTO(strbuf_done) struct strbuf items = STRBUF(LDAP_FILTER_MAX + 8 * LDAP_DN_MAX);
    for (size_t i = 0; i < attrs->len; i++)
        ldap_filter_add_equals(&items, str_of(attrs->items[i]), name);
    out->failed |= items.failed;
    any_of(out, attrs->len, &items);
}

/* A part of the login name or of what is displayed instead. */
static void keyword_condition(const struct ldap_dir *d, struct str keyword, struct strbuf *out) {
    const struct ldap_user_search_config *u = &d->config->user_search;
    const char *const displayed[] = { u->preferred_username_attr, u->name_attr };
    AUTO(strbuf_done) struct strbuf items = STRBUF(LDAP_FILTER_MAX + 8 * LDAP_DN_MAX);
    size_t n = 0;
    for (; n < u->username.len; n++)
        ldap_filter_add_contains(&items, str_of(u->username.items[n]), keyword);
    for (size_t i = 0; i < ARRAY_LEN(displayed); i++)
        if (displayed[i] != NULL) {
            ldap_filter_add_contains(&items, str_of(displayed[i]), keyword);
            n++;
        }
    out->failed |= items.failed;
    any_of(out, n, &items);
}

static enum err_code filter_of(const struct ldap_dir *d, const struct directory_query *q, struct arena *a,
                               const char **ret, struct err *err) {
    AUTO(strbuf_done) struct strbuf conditions = STRBUF(LDAP_FILTER_MAX + 8 * LDAP_DN_MAX);
    if (q->name.len > 0)
        name_condition(d, q->name, &conditions);
    if (q->keyword.len > 0)
        keyword_condition(d, q->keyword, &conditions);
    if (q->name.len == 0 && q->keyword.len == 0)
        ldap_people_condition(d, &conditions);
    return ldap_listing_filter(a, d->user_filter, &conditions, ret, err);
}

/* ---- the listing ---- */

struct people {
    struct str name; /* STR_NULL: all */
    enum err_code (*each)(void *ctx, const struct directory_user *u, struct err *err);
    void *ctx;
};

static enum ldap_use use(void *ctx, struct ldap_session *s, const struct ldap_entry *e) {
    const struct people *p = ctx;
    struct str name = ldap_person_name(s->dir, e);
    if (name.len == 0)
        return LDAP_USE_NAMELESS;
    /* The directory also finds it by a second value, or another attribute. */
    return p->name.len == 0 || str_eq_nocase(p->name, name) ? LDAP_USE : LDAP_USE_OTHER;
}

static enum err_code give(void *ctx, struct ldap_session *s, const struct ldap_entry *e, bool *ret_again) {
    const struct people *p = ctx;
    struct directory_user user;
    (void)ret_again;
    if (!to_user(s->dir, s->a, e, &user))
        return err_set(s->err, ERR_NOMEM, "out of memory");
    return p->each(p->ctx, &user, s->err);
}

static void pages_done(struct ldap_listing *l) { ldap_pages_done(&l->pages); }

static enum err_code list(struct ldap_session *s, struct arena *a, const struct directory_query *q,
                          struct people *people, struct str *ret_next) {
    const struct ldap_dir *d = s->dir;
    AUTO(pages_done)
    struct ldap_listing l = {
        .pages = { .s = s,
                   .what = "user listing",
                   .query = { .base = d->config->user_search.base_dn,
                              .scope = ldap_dir_scope(d->config->user_search.scope),
                              .attrs = d->person_attrs } },
        .batch_max = SIZE_MAX,
        .use = use,
        .give = give,
        .ctx = people,
    };
    enum err_code rc = filter_of(d, q, a, &l.pages.query.filter, s->err);
    return rc == ERR_OK ? ldap_listing_run(&l, q, a, ret_next) : rc;
}

enum err_code ldap_connector_list_users(struct connector *c, struct arena *a, const struct directory_query *q,
                                        enum err_code (*each)(void *ctx, const struct directory_user *u,
                                                              struct err *err),
                                        void *ctx, struct str *ret_next, struct err *err) {
    struct people people = { q->name, each, ctx };
    struct ldap_held held;
    AUTO(ldap_listing_end) struct ldap_session s;
    enum err_code rc = ldap_listing_begin(&s, &held, c, q, err);
    return rc == ERR_OK ? list(&s, a, q, &people, ret_next) : rc;
}

/* ---- one user ---- */

static bool copy_user(struct arena *a, const struct directory_user *from, struct directory_user *ret) {
    *ret = (struct directory_user) { .id = arena_str(a, from->id),
                                     .name = arena_str(a, from->name),
                                     .display_name = arena_str(a, from->display_name),
                                     .email = arena_str(a, from->email) };
    return !arena_failed(a);
}

static enum err_code get(struct ldap_session *s, struct arena *a, struct str id, struct directory_user *ret) {
    const struct ldap_dir *d = s->dir;
    const struct directory_query by_name = { .name = id };
    struct ldap_query q = { .base = d->config->user_search.base_dn,
                            .scope = ldap_dir_scope(d->config->user_search.scope),
                            .attrs = d->person_attrs };
    struct ldap_entry *found = NULL;
    struct directory_user user;
    enum err_code rc = filter_of(d, &by_name, s->a, &q.filter, s->err);
    if (rc == ERR_OK)
        rc = ldap_listing_find(s, &q, "user", id, ldap_person_name, &found);
    if (rc != ERR_OK)
        return rc;
    if (!to_user(d, s->a, found, &user) || !copy_user(a, &user, ret))
        return err_set(s->err, ERR_NOMEM, "out of memory");
    return ERR_OK;
}

enum err_code ldap_connector_get_user(struct connector *c, struct arena *a, struct str id,
                                      const struct directory_query *q, struct directory_user *ret,
                                      struct err *err) {
    AUTO(ldap_listing_end) struct ldap_session s;
    enum err_code rc = ldap_listing_begin(&s, NULL, c, q, err);
    if (rc == ERR_OK)
        rc = get(&s, a, id, ret);
    return rc;
}
