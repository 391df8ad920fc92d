#include "enforcer/roles.h"

static enum enforcer_status section_of(const struct enforcer_snapshot *s, const char *ptype, uint16_t *ret,
                                       struct enforcer_error *err) {
    int section = enf_section_find(&s->owner->model, enforcer_cstr(ptype));
    if (section < 0)
        return enf_fail(err, ENFORCER_NOT_FOUND, 0, 0, "the model has no definition \"%s\"", ptype);
    *ret = (uint16_t)section;
    return ENFORCER_OK;
}

bool enforcer_has(const struct enforcer_snapshot *s, const char *ptype, const struct enforcer_str *fields,
                  size_t fields_len) {
    struct enf_rule_key key = { 0, fields, fields_len };
    if (section_of(s, ptype, &key.section, NULL) != ENFORCER_OK)
        return false;
    const struct enf_tables *t = &s->owner->tables;
    return enf_hamt_find(&s->sections[key.section].rules, &t->rule_ops, enf_rule_hash(t->pool, &key), &key) !=
           NULL;
}

static bool fits(const struct enforcer_rule *r, size_t first, const struct enforcer_str *values, size_t len) {
    for (size_t i = 0; i < len; i++)
        if (values[i].len > 0 && !enf_str_eq(enforcer_rule_field(r, first + i), values[i]))
            return false;
    return true;
}

/* The bucket that holds every fitting rule, if the filter names the index's only field; else all rules. */
static const struct enf_list *narrowest(const struct enforcer_snapshot *s, uint16_t section, size_t first,
                                        const struct enforcer_str *values, size_t len) {
    const struct enf_tables *t = &s->owner->tables;
    const struct enf_policy *p = section < t->model->policies_len ? &t->model->policies[section] : NULL;
    if (p == NULL || p->key_len != 1 || p->key[0] < first || p->key[0] >= first + len ||
        values[p->key[0] - first].len == 0)
        return s->sections[section].all;
    struct enforcer_str value = values[p->key[0] - first];
    const struct enf_atom *none = NULL;
    struct enf_bucket_key key = { 1, &value, &none };
    const struct enf_bucket *b = enf_bucket_find(t, &s->sections[section],
                                                 enf_bucket_hash(0, enf_hash(t->pool, value)), &key);
    return b != NULL ? b->rules : NULL;
}

enum enforcer_status enforcer_rules(const struct enforcer_snapshot *s, const char *ptype, size_t first,
                                    const struct enforcer_str *values, size_t values_len,
                                    enforcer_visit_rule_fn visit, void *ctx, struct enforcer_error *err) {
    uint16_t section = 0;
    enum enforcer_status rc = section_of(s, ptype, &section, err);
    if (rc != ENFORCER_OK)
        return rc;
    struct enf_cursor c;
    enf_cursor_init(&c, narrowest(s, section, first, values, values_len));
    for (const struct enforcer_rule *r; (r = enf_cursor_next(&c)) != NULL;)
        if (fits(r, first, values, values_len) && !visit(ctx, r))
            break;
    return ENFORCER_OK;
}

/* ------------------------------------------------------------------------------- texts, each once, in order -- */

struct once {
    const struct enf_pool *pool;
    struct enf_scratch scratch;
    struct {
        struct enforcer_str text;
        uint64_t hash;
    } * seen;
    size_t len, cap;
    uint32_t *slots;
};

static struct once once_for(const struct enforcer_snapshot *s) {
    return (struct once) { .pool = &s->owner->pool,
                           .scratch = enf_scratch_for(&s->owner->mem, s->owner->model.options.regex_steps) };
}

static void once_done(struct once *o) { enf_scratch_done(&o->scratch); }

static uint32_t *once_slot(const struct once *o, struct enforcer_str text, uint64_t hash) {
    size_t mask = o->cap * 2 - 1, i = hash & mask;
    while (o->slots[i] != 0 &&
           (o->seen[o->slots[i] - 1].hash != hash || !enf_str_eq(o->seen[o->slots[i] - 1].text, text)))
        i = (i + 1) & mask;
    return &o->slots[i];
}

static bool once_grow(struct once *o) {
    size_t cap = o->cap ? o->cap * 2 : 64;
    void *seen = enf_zone_alloc(&o->scratch.zone, cap * sizeof *o->seen);
    void *slots = enf_zone_alloc(&o->scratch.zone, cap * 2 * sizeof *o->slots);
    if (seen == NULL || slots == NULL)
        return false;
    if (o->len > 0)
        memcpy(seen, o->seen, o->len * sizeof *o->seen);
    o->seen = seen;
    o->slots = slots;
    o->cap = cap;
    for (size_t i = 0; i < o->len; i++)
        *once_slot(o, o->seen[i].text, o->seen[i].hash) = (uint32_t)i + 1;
    return true;
}

/* *ret_new: not met before. `text` must live on. */
static bool once_add(struct once *o, struct enforcer_str text, bool *ret_new) {
    if (o->len == o->cap && !once_grow(o))
        return false;
    uint64_t hash = enf_hash(o->pool, text);
    uint32_t *slot = once_slot(o, text, hash);
    *ret_new = *slot == 0;
    if (*ret_new) {
        o->seen[o->len].text = text;
        o->seen[o->len].hash = hash;
        *slot = (uint32_t)++o->len;
    }
    return true;
}

static enum enforcer_status once_visit(struct once *o, enforcer_visit_str_fn visit, void *ctx) {
    for (size_t i = 0; i < o->len; i++)
        if (!visit(ctx, o->seen[i].text))
            break;
    return ENFORCER_OK;
}

static bool add_field(struct once *o, const struct enf_list *list, size_t field) {
    struct enf_cursor c;
    bool fresh = false;
    enf_cursor_init(&c, list);
    for (const struct enforcer_rule *r; (r = enf_cursor_next(&c)) != NULL;)
        if (!once_add(o, enforcer_rule_field(r, field), &fresh))
            return false;
    return true;
}

enum enforcer_status enforcer_values(const struct enforcer_snapshot *s, const char *ptype, size_t field,
                                     enforcer_visit_str_fn visit, void *ctx, struct enforcer_error *err) {
    uint16_t section = 0;
    enum enforcer_status rc = section_of(s, ptype, &section, err);
    if (rc != ENFORCER_OK)
        return rc;
    struct once o = once_for(s);
    rc = add_field(&o, s->sections[section].all, field) ? once_visit(&o, visit, ctx) : enf_nomem(err);
    once_done(&o);
    return rc;
}

/* ------------------------------------------------------------------------------------------------------- roles -- */

static enum enforcer_status grouping_of(const struct enforcer_snapshot *s, const char *ptype,
                                        const struct enf_grouping **ret, struct enforcer_error *err) {
    uint16_t section = 0;
    const struct enf_model *m = &s->owner->model;
    enum enforcer_status rc = section_of(s, ptype != NULL ? ptype : "g", &section, err);
    if (rc == ENFORCER_OK && section < m->policies_len)
        rc = enf_fail(err, ENFORCER_NOT_FOUND, 0, 0, "\"%s\" is no role definition", ptype);
    if (rc == ENFORCER_OK)
        *ret = &m->groupings[section - m->policies_len];
    return rc;
}

static struct enforcer_str domain_text(const struct enforcer_snapshot *s, const struct enforcer_str *domain) {
    if (domain == NULL)
        return enf_atom_str(s->owner->tables.default_domain);
    return s->owner->model.tke && domain->len == 0 ? enf_str("*", 1) : *domain;
}

struct neighbours {
    const struct enforcer_snapshot *s;
    const struct enf_grouping *g;
    struct enforcer_str domain, name;
    bool members;
    struct once *out;
    enum enforcer_status status;
    struct enforcer_error *err;
};

static bool match_named(struct neighbours *x, uint8_t fn, enforcer_match_fn custom, struct enforcer_str name,
                        struct enforcer_str key) {
    if (custom != NULL)
        return custom(x->g->roles.ctx, name, key);
    bool yes = false;
    x->status = enf_match_once(fn, name, key, &x->out->scratch, &yes, x->err);
    return yes;
}

static bool in_domain(struct neighbours *x, const struct enf_node *n) {
    struct enforcer_str domain = enf_atom_str(n->domain);
    return enf_str_eq(domain, x->domain) ||
           (enf_has_domain_match(x->g) &&
            match_named(x, x->g->domain_match, x->g->roles.domain_match_fn, x->domain, domain));
}

static bool add_links(struct neighbours *x, const struct enf_node *n) {
    bool ok = x->members ? add_field(x->out, n->in_leaf, 0) && add_field(x->out, n->in_inner, 0)
                         : add_field(x->out, n->out, 1);
    if (!ok)
        x->status = enf_nomem(x->err);
    return ok;
}

/* With matching functions every name has to be looked at: links of the name, and names it matches (or that match it). */
static bool add_patterned(void *ctx, struct enf_entry *entry) {
    struct neighbours *x = ctx;
    const struct enf_node *n = (const struct enf_node *)entry;
    struct enforcer_str name = enf_atom_str(n->name);
    bool fresh = false, same = enf_str_eq(name, x->name);
    if (!in_domain(x, n))
        return x->status == ENFORCER_OK;
    if (same)
        return add_links(x, n);
    struct enforcer_str from = x->members ? name : x->name, key = x->members ? x->name : name;
    if (enf_has_match(x->g) && match_named(x, x->g->match, x->g->roles.match_fn, from, key) &&
        !once_add(x->out, name, &fresh))
        x->status = enf_nomem(x->err);
    return x->status == ENFORCER_OK;
}

static enum enforcer_status add_neighbours(const struct enforcer_snapshot *s, const struct enf_grouping *g,
                                           struct enforcer_str name, const struct enforcer_str *domain,
                                           bool members, struct once *out, struct enforcer_error *err) {
    struct neighbours x = { s, g, domain_text(s, domain), name, members, out, ENFORCER_OK, err };
    const struct enf_section *section = enf_grouping_section(s, g);
    if (enf_has_match(g) || enf_has_domain_match(g)) {
        (void)enf_hamt_each(&section->index, add_patterned, &x);
        return x.status;
    }
    struct enf_node_key key = { .domain = x.domain, .name = name };
    uint64_t hash = enf_node_hash(enf_hash(out->pool, x.domain), enf_hash(out->pool, name));
    const struct enf_node *n = enf_node_find(&s->owner->tables, section, hash, &key);
    if (n != NULL)
        (void)add_links(&x, n);
    return x.status;
}

static enum enforcer_status direct(const struct enforcer_snapshot *s, const char *ptype,
                                   struct enforcer_str name, const struct enforcer_str *domain, bool members,
                                   enforcer_visit_str_fn visit, void *ctx, struct enforcer_error *err) {
    const struct enf_grouping *g = NULL;
    enum enforcer_status rc = grouping_of(s, ptype, &g, err);
    if (rc != ENFORCER_OK)
        return rc;
    struct once o = once_for(s);
    rc = add_neighbours(s, g, name, domain, members, &o, err);
    if (rc == ENFORCER_OK)
        rc = once_visit(&o, visit, ctx);
    once_done(&o);
    return rc;
}

enum enforcer_status enforcer_roles_of(const struct enforcer_snapshot *s, const char *ptype,
                                       struct enforcer_str name, const struct enforcer_str *domain,
                                       enforcer_visit_str_fn visit, void *ctx, struct enforcer_error *err) {
    return direct(s, ptype, name, domain, false, visit, ctx, err);
}

enum enforcer_status enforcer_members_of(const struct enforcer_snapshot *s, const char *ptype,
                                         struct enforcer_str role, const struct enforcer_str *domain,
                                         enforcer_visit_str_fn visit, void *ctx, struct enforcer_error *err) {
    return direct(s, ptype, role, domain, true, visit, ctx, err);
}

/* Everything reachable, nearest first, through every role definition, as the reference does. In the dialect the roles
 * of `*` follow those of the domain. */
static enum enforcer_status collect(const struct enforcer_snapshot *s, struct enforcer_str name,
                                    const struct enforcer_str *domain, bool members, struct once *o,
                                    struct enforcer_error *err) {
    const struct enf_model *m = &s->owner->model;
    enum enforcer_status rc = ENFORCER_OK;
    struct enforcer_str any = enf_str("*", 1);
    for (size_t i = 0; i <= o->len && rc == ENFORCER_OK; i++) {
        struct enforcer_str from = i == 0 ? name : o->seen[i - 1].text;
        for (size_t g = 0; g < m->groupings_len && rc == ENFORCER_OK; g++) {
            rc = add_neighbours(s, &m->groupings[g], from, domain, members, o, err);
            if (rc == ENFORCER_OK && m->tke)
                rc = add_neighbours(s, &m->groupings[g], from, &any, members, o, err);
        }
    }
    return rc;
}

/* In the dialect exactly what decisions use: no path mixes domains unless memberships are expanded. */
static bool add_role(void *ctx, struct enforcer_str role, uint64_t hash, const struct enf_atom *atom) {
    struct once *o = ctx;
    bool fresh = false;
    (void)hash;
    (void)atom;
    return once_add(o, role, &fresh);
}

static enum enforcer_status collect_roles(const struct enforcer_snapshot *s, struct enforcer_str name,
                                          const struct enforcer_str *domain, struct once *o,
                                          struct enforcer_error *err) {
    const struct enf_model *m = &s->owner->model;
    if (!m->tke)
        return collect(s, name, domain, false, o, err);
    struct enf_subject subject = { name, enf_hash(o->pool, name) };
    struct enforcer_str text = domain_text(s, domain != NULL ? domain : &(struct enforcer_str) { "", 0 });
    for (size_t g = 0; g < m->groupings_len; g++) {
        bool stopped = false;
        enum enforcer_status rc = enf_roles_each(s, &m->groupings[g], &subject, &text, add_role, o,
                                                 &o->scratch, &stopped, err);
        if (rc != ENFORCER_OK || stopped)
            return rc != ENFORCER_OK ? rc : enf_nomem(err);
    }
    return ENFORCER_OK;
}

static enum enforcer_status visit_but(const struct once *o, struct enforcer_str but,
                                      enforcer_visit_str_fn visit, void *ctx) {
    for (size_t i = 0; i < o->len; i++)
        if (!enf_str_eq(o->seen[i].text, but) && !visit(ctx, o->seen[i].text))
            break;
    return ENFORCER_OK;
}

enum enforcer_status enforcer_implicit_roles(const struct enforcer_snapshot *s, struct enforcer_str name,
                                             const struct enforcer_str *domain, enforcer_visit_str_fn visit,
                                             void *ctx, struct enforcer_error *err) {
    struct once o = once_for(s);
    enum enforcer_status rc = collect_roles(s, name, domain, &o, err);
    if (rc == ENFORCER_OK) /* in the dialect a name is among its own roles; a circle is reported as it is */
        rc = s->owner->model.tke ? visit_but(&o, name, visit, ctx) : once_visit(&o, visit, ctx);
    once_done(&o);
    return rc;
}

enum enforcer_status enforcer_implicit_members(const struct enforcer_snapshot *s, struct enforcer_str role,
                                               const struct enforcer_str *domain, enforcer_visit_str_fn visit,
                                               void *ctx, struct enforcer_error *err) {
    struct once o = once_for(s);
    enum enforcer_status rc = collect(s, role, domain, true, &o, err);
    if (rc == ENFORCER_OK)
        rc = once_visit(&o, visit, ctx);
    once_done(&o);
    return rc;
}

/* Rules of one subject; with a domain those whose second field it is. */
static bool visit_rules_of(const struct enforcer_snapshot *s, struct enforcer_str subject,
                           const struct enforcer_str *domain, enforcer_visit_rule_fn visit, void *ctx) {
    const struct enf_policy *p = &s->owner->model.policies[0];
    size_t sub = p->sub >= 0 && domain == NULL ? (size_t)p->sub : 0;
    struct enforcer_str values[2] = { subject, domain != NULL ? *domain : enf_str("", 0) };
    size_t len = domain != NULL && !s->owner->model.tke ? 2 : 1;
    struct enf_cursor c;
    enf_cursor_init(&c, narrowest(s, 0, sub, values, len));
    for (const struct enforcer_rule *r; (r = enf_cursor_next(&c)) != NULL;)
        if (fits(r, sub, values, len) && !visit(ctx, r))
            return false;
    return true;
}

enum enforcer_status enforcer_implicit_permissions(const struct enforcer_snapshot *s,
                                                   struct enforcer_str user,
                                                   const struct enforcer_str *domain,
                                                   enforcer_visit_rule_fn visit, void *ctx,
                                                   struct enforcer_error *err) {
    struct once o = once_for(s);
    bool fresh = false;
    enum enforcer_status rc = ENFORCER_OK;
    /* In the dialect the user's own rules count only if a link mentions the user. */
    if (!s->owner->model.tke && !once_add(&o, user, &fresh))
        rc = enf_nomem(err);
    if (rc == ENFORCER_OK)
        rc = collect_roles(s, user, domain, &o, err);
    for (size_t i = 0; i < o.len && rc == ENFORCER_OK; i++)
        if (!visit_rules_of(s, o.seen[i].text, domain, visit, ctx))
            break;
    once_done(&o);
    return rc;
}

enum enforcer_status enforcer_implicit_users_for(const struct enforcer_snapshot *s,
                                                 const struct enforcer_str *values, size_t values_len,
                                                 enforcer_visit_str_fn visit, void *ctx,
                                                 struct enforcer_error *err) {
    const struct enf_model *m = &s->owner->model;
    struct enforcer_str request[ENF_FIELDS_MAX];
    struct once names = once_for(s), roles = once_for(s);
    enum enforcer_status rc = ENFORCER_OK;
    if (values_len + 1 > ENF_FIELDS_MAX)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "a request of %zu values", values_len + 1);
    bool ok = add_field(&names, s->sections[0].all, m->policies[0].sub >= 0 ? (size_t)m->policies[0].sub : 0);
    for (size_t g = 0; g < m->groupings_len && ok; g++)
        ok = add_field(&names, s->sections[m->groupings[g].section].all, 0) &&
             add_field(&roles, s->sections[m->groupings[g].section].all, 1);
    if (!ok)
        rc = enf_nomem(err);
    for (size_t i = 0; i < values_len; i++)
        request[i + 1] = values[i];
    for (size_t i = 0; i < names.len && rc == ENFORCER_OK; i++) {
        struct enforcer_result result;
        bool fresh = true;
        request[0] = names.seen[i].text;
        if (!once_add(&roles, request[0], &fresh))
            rc = enf_nomem(err);
        if (rc != ENFORCER_OK || !fresh) /* a role */
            continue;
        rc = enforcer_enforce_strings(s, request, values_len + 1, &result, err);
        if (rc == ENFORCER_OK && result.outcome == ENFORCER_ALLOW && !visit(ctx, request[0]))
            break;
    }
    once_done(&names);
    once_done(&roles);
    return rc;
}

struct domain_walk {
    struct neighbours at;
    const struct enforcer_str *name;
};

static bool add_domain(void *ctx, struct enf_entry *entry) {
    struct domain_walk *x = ctx;
    const struct enf_atom *domain = ((const struct enf_domain *)entry)->name;
    const struct enf_tables *t = &x->at.s->owner->tables;
    bool fresh = false;
    if (domain == t->default_domain)
        return true;
    if (x->name != NULL) {
        struct enf_node_key key = { .domain_atom = domain, .name = *x->name };
        uint64_t hash = enf_node_hash(domain->hash, enf_hash(t->pool, *x->name));
        if (enf_node_find(t, enf_grouping_section(x->at.s, x->at.g), hash, &key) == NULL)
            return true;
    }
    if (!once_add(x->at.out, enf_atom_str(domain), &fresh))
        x->at.status = ENFORCER_NOMEM;
    return x->at.status == ENFORCER_OK;
}

enum enforcer_status enforcer_domains(const struct enforcer_snapshot *s, const struct enforcer_str *name,
                                      enforcer_visit_str_fn visit, void *ctx, struct enforcer_error *err) {
    const struct enf_model *m = &s->owner->model;
    struct once o = once_for(s);
    enum enforcer_status rc = ENFORCER_OK;
    for (size_t g = 0; g < m->groupings_len && rc == ENFORCER_OK; g++) {
        struct domain_walk x = { { .s = s, .g = &m->groupings[g], .out = &o }, name };
        (void)enf_hamt_each(&s->sections[m->groupings[g].section].domains, add_domain, &x);
        rc = x.at.status;
    }
    rc = rc == ENFORCER_OK ? once_visit(&o, visit, ctx) : enf_nomem(err);
    once_done(&o);
    return rc;
}
