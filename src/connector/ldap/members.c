#include "connector/ldap/members.h"
#include "connector/ldap/dn.h"
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"
#include "connector/ldap/listing.h"
#include "connector/ldap/people.h"
#include "connector/ldap/ranges.h"
#include <ldap.h>

struct person {
    struct str name;
    struct person *next; /* another one with the same value */
};
/* What one group holds by one rule. */
struct branch {
    struct str *names; /* login names */
    size_t len, cap;
    struct str *nested; /* DNs of groups */
    size_t nested_len;
    bool cut;
};

static char present; /* a value for the sets */

static enum err_code no_memory(const struct ldap_members *m) {
    return err_set(m->s->err, ERR_NOMEM, "out of memory, or more members than memory was set aside for");
}

/* Runs `q` with its answer in `a`. */
static enum err_code search_into(struct ldap_members *m, struct arena *a, const struct ldap_query *q,
                                 struct ldap_reply *ret) {
    struct arena *before = m->s->a;
    m->s->a = a;
    enum err_code rc = ldap_dir_search(m->s, q, ret);
    m->s->a = before;
    return rc;
}

/* ---- reading everybody, or every group ---- */

/* Of a server without paging; others give a page at a time. */
enum { READ_AT_ONCE = 10 * LDAP_GROUPS_PAGE };
typedef enum err_code (*take_fn)(struct ldap_members *m, struct ldap_entry *e);

/* `*ret_cut`: the server did not give all. */
static enum err_code read_pages(struct ldap_members *m, struct ldap_pages *p, take_fn take, bool *ret_cut) {
    enum err_code rc = ERR_OK;
    while (rc == ERR_OK && !p->ended) {
        struct ldap_reply batch;
        rc = ldap_pages_next(p, READ_AT_ONCE, &batch);
        for (size_t i = 0; rc == ERR_OK && i < batch.len; i++) {
            rc = take(m, batch.entries[i]);
            ldap_pages_pass(p, batch.entries[i]);
        }
    }
    *ret_cut = p->cut_by != 0;
    return rc;
}

static enum err_code read_all(struct ldap_members *m, struct ldap_pages *p, take_fn take, bool *ret_cut) {
    struct arena *before = m->s->a;
    p->s = m->s;
    m->s->a = m->lookup;
    enum err_code rc = read_pages(m, p, take, ret_cut);
    m->s->a = before;
    ldap_pages_done(p);
    return rc;
}

static enum err_code take_group(struct ldap_members *m, struct ldap_entry *e) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(4 * LDAP_DN_MAX);
    struct err unused = { 0 };
    if (ldap_dn_key(e->dn, &key, &unused) != ERR_OK)
        return ERR_OK; /* nobody can hold a DN that cannot be read */
    if (m->groups.len == LDAP_INDEX_MAX)
        return err_set(m->s->err, ERR_LIMIT, "group listing: more than %d groups", (int)LDAP_INDEX_MAX);
    return map_put(&m->groups, strbuf_str(&key), &present, NULL, m->s->err);
}

static const char *group_filter(const struct ldap_dir *d) {
    return d->group_filter != NULL ? d->group_filter : "(objectClass=*)";
}

static enum err_code load_groups(struct ldap_members *m) {
    static const char *const no_attrs[] = { LDAP_NO_ATTRS, NULL };
    const struct ldap_dir *d = m->s->dir;
    struct ldap_pages p = { .what = "group listing",
                            .may_lack_base = true,
                            .query = { .base = d->config->group_search.base_dn,
                                       .scope = ldap_dir_scope(d->config->group_search.scope),
                                       .filter = group_filter(d),
                                       .attrs = no_attrs } };
    bool cut = false;
    enum err_code rc = read_all(m, &p, take_group, &cut);
    if (rc == ERR_OK && cut)
        rc = err_set(m->s->err, ERR_UNAVAILABLE,
                     "group listing: the directory does not give bindDN all groups, so that groups inside of "
                     "groups cannot be told from users");
    return rc;
}

static bool is_whole(const struct ldap_entry *e) {
    struct str base;
    uint64_t next;
    for (size_t i = 0; i < e->len; i++)
        if (e->attrs[i].cut || ldap_attr_is_cut(e->attrs[i].name, &base, &next))
            return false;
    return true;
}

/* Fetches what is missing of long lists; `a` holds the entry. */
static enum err_code complete(struct ldap_members *m, struct arena *a, struct ldap_entry *e) {
    struct arena *before = m->s->a;
    m->s->a = a;
    enum err_code rc = is_whole(e) ? ERR_OK : ldap_ranges_fill(m->s, e);
    m->s->a = before;
    return rc;
}

enum { BY_DN = 0 };
static size_t by_rule(size_t rule) { return 1 + rule; }

/* Values are the same when their bytes are, or when they are two spellings of one DN. Which letters a server takes for the
 * same in other values is not known here, and nobody may become a member by a guess. */
static void person_key(struct strbuf *key, size_t kind, struct str value) {
    struct err unused = { 0 };
    strbuf_clear(key);
    strbuf_add_u64(key, kind);
    strbuf_addc(key, ' ');
    size_t start = key->len;
    if (ldap_dn_key(value, key, &unused) == ERR_OK)
        return;
    strbuf_truncate(key, start);
    strbuf_add(key, value);
}

static enum err_code remember(struct ldap_members *m, const struct strbuf *key, struct str name) {
    struct person *p = arena_alloc(m->known, sizeof *p);
    if (p == NULL || key->failed || m->people.len == LDAP_INDEX_MAX)
        return err_set(m->s->err, ERR_LIMIT, "more users than may be known at a time");
    p->name = name;
    p->next = map_get(&m->people, strbuf_str(key));
    return map_put(&m->people, strbuf_str(key), p, NULL, m->s->err);
}

static enum err_code take_person(struct ldap_members *m, struct ldap_entry *e) {
    const struct ldap_dir *d = m->s->dir;
    AUTO(strbuf_done) struct strbuf key = STRBUF(8 * LDAP_DN_MAX);
    struct str name = arena_str(m->known, ldap_person_name(d, e));
    if (name.len == 0 && !arena_failed(m->known))
        return ERR_OK;
    enum err_code rc = complete(m, m->lookup, e);
    person_key(&key, BY_DN, e->dn);
    if (rc == ERR_OK)
        rc = remember(m, &key, name);
    for (size_t i = 0; i < d->matcher_count; i++) {
        if (d->rules[i].user_attr == NULL || d->rules[i].is_login)
            continue;
        struct str attr = str_of(d->rules[i].user_attr);
        for (size_t k = 0; rc == ERR_OK && k < ldap_entry_count(e, attr); k++) {
            struct str value = ldap_entry_value(e, attr, k, NULL);
            person_key(&key, by_rule(i), value);
            if (value.len <= LDAP_DN_MAX)
                rc = remember(m, &key, name);
        }
    }
    return rc;
}

static enum err_code load_people(struct ldap_members *m) {
    const struct ldap_dir *d = m->s->dir;
    AUTO(strbuf_done) struct strbuf condition = STRBUF(LDAP_FILTER_MAX);
    struct ldap_pages p = { .what = "user listing",
                            .query = { .base = d->config->user_search.base_dn,
                                       .scope = ldap_dir_scope(d->config->user_search.scope),
                                       .attrs = d->index_attrs } };
    bool cut = false;
    ldap_people_condition(d, &condition);
    enum err_code rc = ldap_listing_filter(m->whole, d->user_filter, &condition, &p.query.filter, m->s->err);
    if (rc == ERR_OK)
        rc = read_all(m, &p, take_person, &cut);
    m->people_known = rc == ERR_OK && !cut;
    /* Half of them would be wrong, not just fewer: then one by one, for as long as the deadline allows. */
    m->people_too_many = (rc == ERR_OK && cut) || rc == ERR_LIMIT;
    if (m->people_too_many) {
        map_done(&m->people, NULL);
        log_warn(m->s->dir->env->log, m->s->request_id, "ldap.list", KV("connector", d->id),
                 KV("problem", "too many users to be known at once: members are looked up one by one"));
    }
    return m->people_too_many ? ERR_OK : rc;
}

/* ---- life ---- */

static enum err_code init_arenas(struct ldap_members *m) {
    m->known = arena_new(LDAP_INDEX_BYTES_MAX);
    m->branched = arena_new(LDAP_INDEX_BYTES_MAX);
    m->whole = arena_new(LDAP_SCRATCH_MAX);
    m->work = arena_new(LDAP_SCRATCH_MAX);
    m->lookup = arena_new(LDAP_SCRATCH_MAX);
    return m->known && m->branched && m->whole && m->work && m->lookup ? ERR_OK : no_memory(m);
}

enum err_code ldap_members_init(struct ldap_members *m, struct ldap_session *s, size_t lookups_max) {
    const struct random *random = s->dir->env->random;
    *m = (struct ldap_members) { .s = s, .user_base = STRBUF(4 * LDAP_DN_MAX), .lookups_max = lookups_max };
    random_bytes(random, m->groups.seed, sizeof m->groups.seed);
    random_bytes(random, m->people.seed, sizeof m->people.seed);
    random_bytes(random, m->branches.seed, sizeof m->branches.seed);
    enum err_code rc = init_arenas(m);
    if (rc == ERR_OK)
        rc = ldap_dn_key(str_of(s->dir->config->user_search.base_dn), &m->user_base, s->err);
    return rc == ERR_OK && s->dir->nests ? load_groups(m) : rc;
}

void ldap_members_done(struct ldap_members *m) {
    strbuf_done(&m->user_base);
    map_done(&m->groups, NULL);
    map_done(&m->people, NULL);
    map_done(&m->branches, NULL);
    arena_free(m->known);
    arena_free(m->branched);
    arena_free(m->whole);
    arena_free(m->work);
    arena_free(m->lookup);
}

/* ---- single look-ups ---- */

/* False: everybody is to be read instead. */
static bool may_look_up(struct ldap_members *m) {
    if (!m->people_too_many && m->lookups >= m->lookups_max) {
        m->wants_people = true;
        return false;
    }
    m->lookups++;
    return true;
}

/* Results of a look-up by DN that mean: nobody we could tell of. */
static bool is_nobody(int code) {
    return code == LDAP_NO_SUCH_OBJECT || code == LDAP_INVALID_DN_SYNTAX ||
           code == LDAP_INSUFFICIENT_ACCESS || code == LDAP_REFERRAL;
}

/* The entry at `dn`, in `a`, if `filter` matches it; else NULL. */
static enum err_code read_entry(struct ldap_members *m, struct arena *a, struct str dn, const char *filter,
                                const char *const *attrs, struct ldap_entry **ret) {
    const struct ldap_query q = { .base = arena_strdup(a, dn),
                                  .scope = LDAP_SCOPE_BASE,
                                  .filter = filter,
                                  .attrs = attrs,
                                  .entries_max = 1 };
    struct ldap_reply reply;
    *ret = NULL;
    if (q.base == NULL)
        return no_memory(m);
    enum err_code rc = search_into(m, a, &q, &reply);
    if (rc != ERR_OK || is_nobody(reply.code))
        return rc;
    if (reply.code != LDAP_SUCCESS)
        return ldap_dir_result_error(m->s, "look-up of a member", &reply);
    *ret = reply.len == 1 ? reply.entries[0] : NULL;
    return ERR_OK;
}

/* With all its values. */
static enum err_code read_group(struct ldap_members *m, struct arena *a, struct str dn,
                                struct ldap_entry **ret) {
    const struct ldap_dir *d = m->s->dir;
    enum err_code rc = read_entry(m, a, dn, group_filter(d), d->member_attrs, ret);
    return rc == ERR_OK && *ret != NULL ? complete(m, a, *ret) : rc;
}

/* ---- what one group holds ---- */

/* One more than may be told of is enough to know that there are too many. */
static enum err_code add_name(struct ldap_members *m, struct branch *b, struct str name) {
    if (b->len > DIRECTORY_MEMBERS_MAX)
        return ERR_OK;
    if (b->len == b->cap) {
        size_t cap = b->cap ? 2 * b->cap : 16;
        struct str *more = arena_array(m->work, cap, sizeof *more);
        if (more == NULL)
            return no_memory(m);
        if (b->len > 0)
            memcpy(more, b->names, b->len * sizeof *more);
        b->names = more;
        b->cap = cap;
    }
    b->names[b->len++] = name;
    return ERR_OK;
}

static enum err_code add_copy(struct ldap_members *m, struct branch *b, struct str name) {
    struct str copy = arena_str(m->work, name);
    return copy.ptr != NULL ? add_name(m, b, copy) : no_memory(m);
}

static enum err_code add_people(struct ldap_members *m, struct branch *b, const struct person *p) {
    enum err_code rc = ERR_OK;
    for (; rc == ERR_OK && p != NULL; p = p->next)
        rc = add_name(m, b, p->name);
    return rc;
}

static enum err_code look_up_dn(struct ldap_members *m, struct branch *b, struct str dn) {
    const struct ldap_dir *d = m->s->dir;
    struct ldap_entry *e;
    if (!may_look_up(m))
        return ERR_OK;
    arena_reset(m->lookup);
    enum err_code rc = read_entry(
        m, m->lookup, dn, d->user_filter != NULL ? d->user_filter : "(objectClass=*)", d->index_attrs, &e);
    struct str name = rc == ERR_OK && e != NULL ? ldap_person_name(d, e) : STR_NULL;
    return rc == ERR_OK && name.len > 0 ? add_copy(m, b, name) : rc;
}

static bool in_users(const struct ldap_members *m, struct str key) {
    return ldap_dn_key_in_scope(key, strbuf_str(&m->user_base),
                                m->s->dir->config->user_search.scope == LDAP_SCOPE_CHOICE_ONE);
}

/* A DN that is below the users' base and no group. Others are no users: placeholders, groups, people who could not log in. The entry tells
 * the login name, even where the DN seems to: a list may hold DNs of people who are gone, whose names others have now. */
static enum err_code add_dn(struct ldap_members *m, struct branch *b, struct str dn) {
    AUTO(strbuf_done) struct strbuf key_buf = STRBUF(4 * LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf text = STRBUF(8 * LDAP_DN_MAX);
    struct err unused = { 0 };
    if (ldap_dn_key(dn, &key_buf, &unused) != ERR_OK)
        return ERR_OK;
    struct str key = strbuf_str(&key_buf);
    if (!in_users(m, key) || map_get(&m->groups, key) != NULL)
        return ERR_OK;
    if (!m->people_known)
        return look_up_dn(m, b, dn);
    person_key(&text, BY_DN, key);
    return add_people(m, b, map_get(&m->people, strbuf_str(&text)));
}

/* As person_key has it. */
static bool has_value(const struct ldap_entry *e, struct str attr, const struct str *values, size_t n) {
    for (size_t i = 0; i < ldap_entry_count(e, attr); i++)
        for (size_t k = 0; k < n; k++)
            if (ldap_dn_equal(ldap_entry_value(e, attr, i, NULL), values[k]))
                return true;
    return false;
}

/* Users with one of `n` values of `attr`. */
static enum err_code look_up_values(struct ldap_members *m, struct branch *b, struct str attr,
                                    const struct str *values, size_t n) {
    const struct ldap_dir *d = m->s->dir;
    AUTO(strbuf_done) struct strbuf any = STRBUF(LDAP_GROUP_VALUES_PER_FILTER * 4 * LDAP_DN_MAX);
    struct ldap_query q = { .base = d->config->user_search.base_dn,
                            .scope = ldap_dir_scope(d->config->user_search.scope),
                            .attrs = d->index_attrs,
                            .entries_max = LDAP_PAGE_VALUES_MAX };
    struct ldap_reply reply;
    if (!may_look_up(m))
        return ERR_OK;
    arena_reset(m->lookup);
    strbuf_adds(&any, "(|");
    for (size_t i = 0; i < n; i++)
        ldap_filter_add_equals(&any, attr, values[i]);
    strbuf_addc(&any, ')');
    enum err_code rc = ldap_listing_filter(m->lookup, d->user_filter, &any, &q.filter, m->s->err);
    if (rc == ERR_OK)
        rc = search_into(m, m->lookup, &q, &reply);
    if (rc != ERR_OK)
        return rc;
    if (reply.code == LDAP_SIZELIMIT_EXCEEDED && !m->people_too_many) {
        m->wants_people = true;
        return ERR_OK;
    }
    if (reply.code != LDAP_SUCCESS)
        return ldap_dir_result_error(m->s, "look-up of members", &reply);
    for (size_t i = 0; rc == ERR_OK && i < reply.len; i++) {
        struct str name = ldap_person_name(d, reply.entries[i]);
        rc = complete(m, m->lookup, reply.entries[i]);
        if (rc == ERR_OK && name.len > 0 && has_value(reply.entries[i], attr, values, n))
            rc = add_copy(m, b, name);
    }
    return rc;
}

/* Values that are not login names: of whom are they? */
static enum err_code add_values(struct ldap_members *m, struct branch *b, size_t rule,
                                const struct ldap_attr *a) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(2 * LDAP_DN_MAX);
    struct str batch[LDAP_GROUP_VALUES_PER_FILTER];
    enum err_code rc = ERR_OK;
    size_t n = 0;
    for (size_t i = 0; rc == ERR_OK && !m->wants_people && i < a->len; i++) {
        if (a->values[i].len > LDAP_DN_MAX)
            continue;
        if (m->people_known) {
            person_key(&key, by_rule(rule), a->values[i]);
            rc = add_people(m, b, map_get(&m->people, strbuf_str(&key)));
            continue;
        }
        batch[n++] = a->values[i];
        if (n < LDAP_GROUP_VALUES_PER_FILTER)
            continue;
        rc = look_up_values(m, b, str_of(m->s->dir->rules[rule].user_attr), batch, n);
        n = 0;
    }
    if (rc == ERR_OK && n > 0 && !m->wants_people)
        rc = look_up_values(m, b, str_of(m->s->dir->rules[rule].user_attr), batch, n);
    return rc;
}

static enum err_code add_nested(struct ldap_members *m, struct branch *b, const struct ldap_attr *a) {
    b->nested = arena_array(m->work, a->len ? a->len : 1, sizeof *b->nested);
    if (b->nested == NULL)
        return no_memory(m);
    for (size_t i = 0; i < a->len; i++) {
        AUTO(strbuf_done) struct strbuf key = STRBUF(4 * LDAP_DN_MAX);
        struct err unused = { 0 };
        if (ldap_dn_key(a->values[i], &key, &unused) == ERR_OK &&
            map_get(&m->groups, strbuf_str(&key)) != NULL)
            b->nested[b->nested_len++] = a->values[i];
    }
    return ERR_OK;
}

static const struct ldap_attr *attr_of(const struct ldap_entry *e, const char *name) {
    return name != NULL ? ldap_entry_find(e, str_of(name)) : NULL;
}

/* In `work` and in the memory of `e`. Incomplete when something is wanted. */
static enum err_code read_branch(struct ldap_members *m, size_t rule, const struct ldap_entry *e,
                                 struct branch *ret) {
    const struct ldap_member_rule *r = &m->s->dir->rules[rule];
    const struct ldap_attr *values = attr_of(e, r->values), *nested = attr_of(e, r->nested);
    *ret = (struct branch) { .cut = (values != NULL && values->cut) || (nested != NULL && nested->cut) };
    enum err_code rc = nested != NULL ? add_nested(m, ret, nested) : ERR_OK;
    if (values == NULL || rc != ERR_OK)
        return rc;
    if (r->user_attr != NULL && !r->is_login)
        return add_values(m, ret, rule, values);
    for (size_t i = 0; rc == ERR_OK && !m->wants_people && i < values->len; i++) {
        if (r->user_attr == NULL)
            rc = add_dn(m, ret, values->values[i]);
        else if (ldap_name_ok(values->values[i], LDAP_USERNAME_MAX))
            rc = add_name(m, ret, values->values[i]);
    }
    return rc;
}

/* ---- groups inside of groups ---- */

static bool copy_list(struct arena *a, struct str **list, size_t n) {
    struct str *copy = arena_array(a, n ? n : 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < n; i++)
        copy[i] = arena_str(a, (*list)[i]);
    *list = copy;
    return !arena_failed(a);
}

/* Kept for the other groups it is in, as long as there is room. */
static enum err_code keep_branch(struct ldap_members *m, const struct strbuf *key, const struct branch *b) {
    struct branch *copy = m->branches_full ? NULL : arena_alloc(m->branched, sizeof *copy);
    if (copy == NULL)
        return ERR_OK;
    *copy = *b;
    m->branches_full = !copy_list(m->branched, &copy->names, b->len) ||
                       !copy_list(m->branched, &copy->nested, b->nested_len);
    copy->cap = b->len;
    return m->branches_full ? ERR_OK : map_put(&m->branches, strbuf_str(key), copy, NULL, m->s->err);
}

static enum err_code branch_at(struct ldap_members *m, size_t rule, struct str dn, struct str dn_key,
                               struct branch *ret) {
    AUTO(strbuf_done) struct strbuf key = STRBUF(8 * LDAP_DN_MAX);
    struct ldap_entry *e;
    *ret = (struct branch) { 0 };
    person_key(&key, by_rule(rule), dn_key);
    const struct branch *before = map_get(&m->branches, strbuf_str(&key));
    if (before != NULL) {
        *ret = *before;
        return ERR_OK;
    }
    arena_reset(m->work);
    enum err_code rc = read_group(m, m->work, dn, &e);
    if (rc != ERR_OK || e == NULL)
        return rc;
    rc = read_branch(m, rule, e, ret);
    return rc == ERR_OK && !m->wants_people ? keep_branch(m, &key, ret) : rc;
}

/* ---- the members of one group ---- */

struct pending {
    struct str dn, key;
    int64_t depth;
    struct pending *next;
};
struct gathering {
    struct ldap_members *m;
    struct arena *out;
    struct map names; /* of members so far */
    struct directory_member *members;
    size_t len, cap;
    bool cut, full, too_deep;
    struct map groups; /* DN keys of groups inside, by the rule at hand */
    struct pending *first, **last;
};
static void gathering_done(struct gathering *g) {
    map_done(&g->names, NULL);
    map_done(&g->groups, NULL);
}

static enum err_code add_member(struct gathering *g, struct str name) {
    if (map_get(&g->names, name) != NULL)
        return ERR_OK;
    g->full = g->len == DIRECTORY_MEMBERS_MAX;
    if (g->full)
        return ERR_OK;
    if (g->len == g->cap) {
        size_t cap = g->cap ? 2 * g->cap : 16;
        struct directory_member *more = arena_array(g->out, cap, sizeof *more);
        if (more == NULL)
            return no_memory(g->m);
        if (g->len > 0)
            memcpy(more, g->members, g->len * sizeof *more);
        g->members = more;
        g->cap = cap;
    }
    struct str copy = arena_str(g->out, name);
    if (copy.ptr == NULL)
        return no_memory(g->m);
    g->members[g->len++] = (struct directory_member) { copy, copy };
    return map_put(&g->names, copy, &present, NULL, g->m->s->err);
}

static enum err_code add_pending(struct gathering *g, struct str dn, int64_t depth) {
    const struct ldap_group_search_config *limits = &g->m->s->dir->config->group_search;
    AUTO(strbuf_done) struct strbuf key = STRBUF(4 * LDAP_DN_MAX);
    enum err_code rc = ldap_dn_key(dn, &key, g->m->s->err);
    if (rc != ERR_OK || map_get(&g->groups, strbuf_str(&key)) != NULL)
        return rc;
    g->too_deep |= depth > limits->max_depth || g->groups.len == (size_t)limits->max_groups;
    if (g->too_deep)
        return ERR_OK;
    struct pending *p = arena_alloc(g->out, sizeof *p);
    if (p == NULL)
        return no_memory(g->m);
    *p = (struct pending) { arena_str(g->out, dn), arena_str(g->out, strbuf_str(&key)), depth, NULL };
    if (arena_failed(g->out))
        return no_memory(g->m);
    *g->last = p;
    g->last = &p->next;
    return map_put(&g->groups, strbuf_str(&key), &present, NULL, g->m->s->err);
}

static enum err_code add_branch(struct gathering *g, const struct branch *b, int64_t depth) {
    enum err_code rc = ERR_OK;
    g->cut |= b->cut;
    for (size_t i = 0; rc == ERR_OK && !g->full && i < b->len; i++)
        rc = add_member(g, b->names[i]);
    for (size_t i = 0; rc == ERR_OK && !g->full && i < b->nested_len; i++)
        rc = add_pending(g, b->nested[i], depth + 1);
    return rc;
}

static enum err_code gather(struct gathering *g, size_t rule, const struct ldap_entry *e) {
    struct ldap_members *m = g->m;
    struct branch b;
    map_done(&g->groups, NULL);
    random_bytes(m->s->dir->env->random, g->groups.seed, sizeof g->groups.seed);
    g->first = NULL;
    g->last = &g->first;
    arena_reset(m->work);
    enum err_code rc = read_branch(m, rule, e, &b);
    if (rc == ERR_OK && !m->wants_people)
        rc = add_branch(g, &b, 0);
    for (const struct pending *p = g->first; rc == ERR_OK && p != NULL && !g->full && !m->wants_people;
         p = p->next) {
        rc = branch_at(m, rule, p->dn, p->key, &b);
        if (rc == ERR_OK && !m->wants_people)
            rc = add_branch(g, &b, p->depth);
    }
    return rc;
}

static void log_incomplete(const struct gathering *g, struct str group) {
    const struct ldap_session *s = g->m->s;
    if (g->cut || g->full)
        log_warn(s->dir->env->log, s->request_id, "ldap.list", KV("connector", s->dir->id),
                 KV("group", group), KV("problem", "more members than are told of: the others are left out"),
                 KV("members", g->len));
    if (g->too_deep)
        log_warn(
            s->dir->env->log, s->request_id, "ldap.list", KV("connector", s->dir->id), KV("group", group),
            KV("problem", "groups inside lie deeper than maxDepth, or are more than maxGroups: their members "
                          "are left out"));
}

static enum err_code make_whole(struct ldap_members *m, const struct ldap_entry **e) {
    struct ldap_entry *whole = NULL;
    if (is_whole(*e))
        return ERR_OK;
    arena_reset(m->whole);
    enum err_code rc = read_group(m, m->whole, (*e)->dn, &whole);
    *e = whole;
    return rc;
}

enum err_code ldap_members_of(struct ldap_members *m, const struct ldap_entry *e, struct arena *out,
                              struct directory_group *ret, bool *ret_again) {
    AUTO(gathering_done) struct gathering g = { .m = m, .out = out };
    random_bytes(m->s->dir->env->random, g.names.seed, sizeof g.names.seed);
    m->wants_people = false;
    enum err_code rc = make_whole(m, &e);
    /* NULL: it went away since its page was read. */
    for (size_t i = 0;
         rc == ERR_OK && e != NULL && !m->wants_people && !g.full && i < m->s->dir->matcher_count; i++)
        rc = gather(&g, i, e);
    *ret_again = m->wants_people;
    if (rc != ERR_OK)
        return rc;
    if (*ret_again)
        return load_people(m);
    log_incomplete(&g, ret->id);
    ret->members = g.members;
    ret->member_count = g.len;
    return ERR_OK;
}
