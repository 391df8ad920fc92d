#include "enforcer/roles.h"

const struct enf_section *enf_grouping_section(const struct enforcer_snapshot *s,
                                               const struct enf_grouping *g) {
    return &s->sections[g->section];
}

/* ------------------------------------------------------------------------- plain role managers: from closures -- */

struct reach {
    const struct enf_tables *tables;
    const struct enf_section *section;
    enf_role_fn visit;
    void *ctx;
};

/* A domain of a question. */
struct place {
    struct enforcer_str name;
    uint64_t hash;
};

static struct place place_of(const struct enf_tables *t, const struct enforcer_str *domain) {
    if (domain == NULL)
        return (struct place) { enf_atom_str(t->default_domain), t->default_domain->hash };
    if (t->model->tke && domain->len == 0)
        return (struct place) { enf_str("*", 1), enf_hash(t->pool, enf_str("*", 1)) };
    return (struct place) { *domain, enf_hash(t->pool, *domain) };
}

static const struct enf_node *node_in(const struct reach *x, const struct place *p, struct enforcer_str name,
                                      uint64_t hash, const struct enf_atom *atom) {
    struct enf_node_key key = { .domain = p->name, .name = name, .name_atom = atom };
    return enf_node_find(x->tables, x->section, enf_node_hash(p->hash, hash), &key);
}

static bool visit_atom(const struct reach *x, const struct enf_atom *a) {
    return x->visit(x->ctx, enf_atom_str(a), a->hash, a);
}

/* The roles of a role: they are worked out already. */
static bool each_of_closure(const struct reach *x, const struct enf_closure *c, uint32_t most) {
    for (uint32_t i = 0; i < c->len && c->roles[i].distance <= most; i++)
        if (!visit_atom(x, c->roles[i].name))
            return false;
    return true;
}

/* Roles of a few links, and their roles; asks memory for everything before it waits for any of it. */
static bool each_direct(const struct reach *x, const struct place *p, void *const *links, size_t len,
                        uint32_t most) {
    const struct enf_atom *roles[ENF_HAMT_MANY];
    struct enf_node_key keys[ENF_HAMT_MANY];
    const void *key_list[ENF_HAMT_MANY];
    uint64_t hashes[ENF_HAMT_MANY];
    struct enf_entry *nodes[ENF_HAMT_MANY];
    for (size_t i = 0; i < len; i++)
        __builtin_prefetch(&((const struct enforcer_rule *)links[i])->fields[1]);
    for (size_t i = 0; i < len; i++) {
        roles[i] = ((const struct enforcer_rule *)links[i])->fields[1];
        __builtin_prefetch(roles[i]);
    }
    for (size_t i = 0; i < len; i++) {
        if (!visit_atom(x, roles[i]))
            return false;
        keys[i] = (struct enf_node_key) { .domain = p->name, .name_atom = roles[i] };
        key_list[i] = &keys[i];
        hashes[i] = enf_node_hash(p->hash, roles[i]->hash);
    }
    enf_hamt_find_many(&x->section->index, &x->tables->node_ops, len, hashes, key_list, nodes);
    for (size_t i = 0; i < len; i++) {
        const struct enf_node *n = (const struct enf_node *)nodes[i];
        if (n != NULL && n->closure != NULL && !each_of_closure(x, n->closure, most - 1))
            return false;
    }
    return true;
}

/* Every role at most `most` links away from the node, in its own domain. */
static bool each_below(const struct reach *x, const struct place *p, const struct enf_node *n,
                       uint32_t most) {
    if (n->closure != NULL)
        return each_of_closure(x, n->closure, most);
    struct enf_cursor c;
    enf_cursor_init(&c, most > 0 ? n->out : NULL);
    for (;;) {
        size_t len = 0;
        void *const *links = enf_cursor_run(&c, &len);
        if (len == 0)
            return true;
        for (size_t i = 0; i < len; i += ENF_HAMT_MANY)
            if (!each_direct(x, p, links + i, len - i < ENF_HAMT_MANY ? len - i : ENF_HAMT_MANY, most))
                return false;
    }
}

/* What a membership found in `*` gives inside the request's domain. */
struct crossing {
    struct reach *x;
    const struct place *domain;
    uint32_t most;
};

static bool cross(const struct crossing *c, const struct enf_atom *role, uint32_t distance) {
    const struct enf_node *n = node_in(c->x, c->domain, enf_atom_str(role), role->hash, role);
    return n == NULL || distance >= c->most || each_below(c->x, c->domain, n, c->most - distance);
}

static bool cross_each(const struct crossing *c, const struct place *star, const struct enf_node *n) {
    if (n->closure != NULL) {
        for (uint32_t i = 0; i < n->closure->len; i++)
            if (!cross(c, n->closure->roles[i].name, n->closure->roles[i].distance))
                return false;
        return true;
    }
    struct enf_cursor cursor;
    enf_cursor_init(&cursor, n->out);
    for (const struct enforcer_rule *r; (r = enf_cursor_next(&cursor)) != NULL;) {
        const struct enf_atom *role = r->fields[1];
        if (!cross(c, role, 1))
            return false;
        const struct enf_node *next = node_in(c->x, star, enf_atom_str(role), role->hash, role);
        for (uint32_t i = 0; next != NULL && next->closure != NULL && i < next->closure->len; i++)
            if (!cross(c, next->closure->roles[i].name, next->closure->roles[i].distance + 1))
                return false;
    }
    return true;
}

/* The subject in its domain and in `*`, both looked up at once. */
static void find_both(const struct reach *x, const struct enf_subject *subject, const struct place places[2],
                      const struct enf_node *ret[2]) {
    struct enf_node_key keys[2];
    const void *key_list[2] = { &keys[0], &keys[1] };
    uint64_t hashes[2];
    struct enf_entry *found[2];
    for (size_t i = 0; i < 2; i++) {
        keys[i] = (struct enf_node_key) { .domain = places[i].name, .name = subject->name };
        hashes[i] = enf_node_hash(places[i].hash, subject->hash);
    }
    enf_hamt_find_many(&x->section->index, &x->tables->node_ops, 2, hashes, key_list, found);
    for (size_t i = 0; i < 2; i++) {
        ret[i] = (const struct enf_node *)found[i];
        if (ret[i] != NULL)
            __builtin_prefetch(ret[i]->out);
    }
}

/* Contract 4.3: in the domain, then in `*`; a name that no link mentions there is nobody, not even itself. */
static bool each_tke(struct reach *x, const struct enf_subject *subject, const struct enforcer_str *domain) {
    uint32_t most = x->tables->model->options.roles_depth;
    struct enforcer_str any = enf_str("*", 1);
    const struct place places[2] = { place_of(x->tables, domain), place_of(x->tables, &any) };
    const struct enf_node *nodes[2];
    find_both(x, subject, places, nodes);
    bool everywhere = enf_str_eq(places[0].name, any);
    for (size_t i = everywhere ? 1 : 0; i < 2; i++)
        if (nodes[i] != NULL && !(visit_atom(x, nodes[i]->name) && each_below(x, &places[i], nodes[i], most)))
            return false;
    struct crossing c = { x, &places[0], most };
    return everywhere || nodes[1] == NULL || !x->tables->model->expand ||
           cross_each(&c, &places[1], nodes[1]);
}

/* --------------------------------------------------------- walks: role managers with matching functions, paths -- */

struct met {
    struct enforcer_str name;
    uint64_t hash;
    const struct enf_atom *atom; /* NULL: not from a link */
    uint32_t distance, parent;
    uint8_t phase;
    const struct enforcer_rule
        *link; /* that led here from the parent; NULL: a pattern, or a change of phase */
};

struct trail {
    const struct enforcer_snapshot *snapshot;
    const struct enf_grouping *g;
    const struct enf_tables *tables;
    struct enf_scratch *scratch;
    struct enforcer_error *err;
    enum enforcer_status status;
    /* Domains followed, per phase: a walk may go from phase 0 to phase 1, never back. */
    struct place *places[2];
    size_t places_len[2], places_cap[2];
    unsigned phases;
    struct met *met;
    size_t len, cap;
    uint32_t *slots;
    size_t slots_cap;
    size_t at; /* the name whose neighbours are being added */
};

static bool trail_nomem(struct trail *t) {
    t->status = enf_nomem(t->err);
    return false;
}

static size_t trail_slot(const struct trail *t, struct enforcer_str name, uint64_t hash, uint8_t phase) {
    size_t i = (hash + phase) & (t->slots_cap - 1);
    for (; t->slots[i] != 0; i = (i + 1) & (t->slots_cap - 1)) {
        const struct met *m = &t->met[t->slots[i] - 1];
        if (m->hash == hash && m->phase == phase && enf_str_eq(m->name, name))
            break;
    }
    return i;
}

static bool trail_grow(struct trail *t) {
    size_t cap = t->cap ? t->cap * 2 : 32;
    struct met *met = enf_zone_alloc(&t->scratch->zone, cap * sizeof *met);
    uint32_t *slots = enf_zone_alloc(&t->scratch->zone, cap * 2 * sizeof *slots);
    if (met == NULL || slots == NULL)
        return trail_nomem(t);
    if (t->len > 0)
        memcpy(met, t->met, t->len * sizeof *met);
    t->met = met;
    t->slots = slots;
    t->cap = cap;
    t->slots_cap = cap * 2;
    for (size_t i = 0; i < t->len; i++)
        slots[trail_slot(t, met[i].name, met[i].hash, met[i].phase)] = (uint32_t)i + 1;
    return true;
}

static bool trail_add(struct trail *t, struct met m) {
    if (t->len == t->cap && !trail_grow(t))
        return false;
    size_t slot = trail_slot(t, m.name, m.hash, m.phase);
    if (t->slots[slot] != 0)
        return true;
    t->met[t->len] = m;
    t->slots[slot] = (uint32_t)++t->len;
    return true;
}

static bool trail_place(struct trail *t, unsigned phase, struct place p) {
    for (size_t i = 0; i < t->places_len[phase]; i++)
        if (enf_str_eq(t->places[phase][i].name, p.name))
            return true;
    if (t->places_len[phase] == t->places_cap[phase]) {
        size_t cap = t->places_cap[phase] ? t->places_cap[phase] * 2 : 8;
        struct place *grown = enf_zone_alloc(&t->scratch->zone, cap * sizeof *grown);
        if (grown == NULL)
            return trail_nomem(t);
        if (t->places_len[phase] > 0)
            memcpy(grown, t->places[phase], t->places_len[phase] * sizeof *grown);
        t->places[phase] = grown;
        t->places_cap[phase] = cap;
    }
    t->places[phase][t->places_len[phase]++] = p;
    return true;
}

static bool matches(struct trail *t, uint8_t fn, enforcer_match_fn custom, struct enforcer_str name,
                    struct enforcer_str key) {
    if (custom != NULL)
        return custom(t->g->roles.ctx, name, key);
    bool yes = false;
    t->status = enf_match_once(fn, name, key, t->scratch, &yes, t->err);
    return yes && t->status == ENFORCER_OK;
}

static bool add_matching_domain(void *ctx, struct enf_entry *entry) {
    struct trail *t = ctx;
    const struct enf_atom *name = ((const struct enf_domain *)entry)->name;
    if (matches(t, t->g->domain_match, t->g->roles.domain_match_fn, t->places[0][0].name,
                enf_atom_str(name)) &&
        !trail_place(t, 0, (struct place) { enf_atom_str(name), name->hash }))
        return false;
    return t->status == ENFORCER_OK;
}

/* A name of a link that the current one matches is one step away. */
static bool add_matching_name(void *ctx, struct enf_entry *entry) {
    struct trail *t = ctx;
    const struct enf_node *n = (const struct enf_node *)entry;
    const struct met from = t->met[t->at];
    bool here = false;
    for (size_t i = 0; i < t->places_len[0]; i++)
        here |= enf_str_eq(t->places[0][i].name, enf_atom_str(n->domain));
    if (!here || enf_str_eq(enf_atom_str(n->name), from.name) ||
        !matches(t, t->g->match, t->g->roles.match_fn, from.name, enf_atom_str(n->name)))
        return t->status == ENFORCER_OK;
    return trail_add(t, (struct met) { enf_atom_str(n->name), n->name->hash, n->name, from.distance + 1,
                                       (uint32_t)t->at, 0, NULL });
}

static bool add_neighbours(struct trail *t) {
    const struct met from = t->met[t->at];
    const struct enf_section *section = enf_grouping_section(t->snapshot, t->g);
    struct reach x = { .tables = t->tables, .section = section };
    if (from.phase + 1u < t->phases) {
        struct met crossed = from;
        crossed.phase++;
        crossed.parent = (uint32_t)t->at;
        crossed.link = NULL;
        if (!trail_add(t, crossed))
            return false;
    }
    if (from.distance >= t->tables->model->options.roles_depth)
        return true;
    for (size_t i = 0; i < t->places_len[from.phase]; i++) {
        const struct enf_node *n = node_in(&x, &t->places[from.phase][i], from.name, from.hash, NULL);
        struct enf_cursor c;
        enf_cursor_init(&c, n != NULL ? n->out : NULL);
        for (const struct enforcer_rule *r; (r = enf_cursor_next(&c)) != NULL;) {
            const struct enf_atom *a = r->fields[1];
            if (!trail_add(t, (struct met) { enf_atom_str(a), a->hash, a, from.distance + 1, (uint32_t)t->at,
                                             from.phase, r }))
                return false;
        }
    }
    return !enf_has_match(t->g) || enf_hamt_each(&section->index, add_matching_name, t);
}

static bool trail_start(struct trail *t, struct enforcer_str name, uint64_t hash, const struct place *first,
                        const struct place *second) {
    t->phases = second != NULL ? 2 : 1;
    if (!trail_place(t, 0, *first) || (second != NULL && !trail_place(t, 1, *second)))
        return false;
    if (enf_has_domain_match(t->g) &&
        !enf_hamt_each(&enf_grouping_section(t->snapshot, t->g)->domains, add_matching_domain, t))
        return false;
    return trail_add(t, (struct met) { .name = name, .hash = hash });
}

/* Walks on until everything is met or `target` is (its index in *ret_found, SIZE_MAX otherwise). */
static bool trail_walk(struct trail *t, const struct enforcer_str *target, size_t *ret_found) {
    *ret_found = SIZE_MAX;
    for (t->at = 0; t->at < t->len; t->at++) {
        if (target != NULL && enf_str_eq(t->met[t->at].name, *target)) {
            *ret_found = t->at;
            return true;
        }
        if (!add_neighbours(t))
            return false;
    }
    return true;
}

static struct trail trail_for(const struct enforcer_snapshot *s, const struct enf_grouping *g,
                              struct enf_scratch *scratch, struct enforcer_error *err) {
    return (
        struct trail) { .snapshot = s, .g = g, .tables = &s->owner->tables, .scratch = scratch, .err = err };
}

static enum enforcer_status each_walked(struct reach *x, const struct enforcer_snapshot *s,
                                        const struct enf_grouping *g, const struct enf_subject *subject,
                                        const struct enforcer_str *domain, struct enf_scratch *scratch,
                                        bool *ret_stopped, struct enforcer_error *err) {
    struct trail t = trail_for(s, g, scratch, err);
    struct place here = place_of(x->tables, domain);
    size_t found = 0;
    if (!trail_start(&t, subject->name, subject->hash, &here, NULL) || !trail_walk(&t, NULL, &found))
        return t.status;
    for (size_t i = 1; i < t.len; i++)
        if (!x->visit(x->ctx, t.met[i].name, t.met[i].hash, t.met[i].atom)) {
            *ret_stopped = true;
            break;
        }
    return ENFORCER_OK;
}

/* --------------------------------------------------------------------------------------------------- questions -- */

enum enforcer_status enf_roles_each(const struct enforcer_snapshot *s, const struct enf_grouping *g,
                                    const struct enf_subject *subject, const struct enforcer_str *domain,
                                    enf_role_fn visit, void *ctx, struct enf_scratch *scratch,
                                    bool *ret_stopped, struct enforcer_error *err) {
    struct reach x = { &s->owner->tables, enf_grouping_section(s, g), visit, ctx };
    *ret_stopped = false;
    if (x.tables->model->tke) {
        *ret_stopped = !each_tke(&x, subject, domain);
        return ENFORCER_OK;
    }
    /* Everybody has the role of their own name. */
    if (!visit(ctx, subject->name, subject->hash, NULL)) {
        *ret_stopped = true;
        return ENFORCER_OK;
    }
    if (enf_has_match(g) || enf_has_domain_match(g))
        return each_walked(&x, s, g, subject, domain, scratch, ret_stopped, err);
    struct place here = place_of(x.tables, domain);
    const struct enf_node *n = node_in(&x, &here, subject->name, subject->hash, NULL);
    if (n != NULL)
        *ret_stopped = !each_below(&x, &here, n, x.tables->model->options.roles_depth);
    return ENFORCER_OK;
}

struct wanted {
    struct enforcer_str role;
    uint64_t hash;
};

static bool is_not_wanted(void *ctx, struct enforcer_str role, uint64_t hash, const struct enf_atom *atom) {
    const struct wanted *w = ctx;
    (void)atom;
    return hash != w->hash || !enf_str_eq(role, w->role);
}

enum enforcer_status enf_has_role(const struct enforcer_snapshot *s, const struct enf_grouping *g,
                                  struct enforcer_str name, struct enforcer_str role,
                                  const struct enforcer_str *domain, struct enf_scratch *scratch, bool *ret,
                                  struct enforcer_error *err) {
    const struct enf_tables *t = &s->owner->tables;
    struct enf_subject subject = { name, enf_hash(t->pool, name) };
    struct wanted w = { role, enf_hash(t->pool, role) };
    return enf_roles_each(s, g, &subject, domain, is_not_wanted, &w, scratch, ret, err);
}

static enum enforcer_status path_along(struct trail *t, size_t found, const struct enforcer_rule ***ret,
                                       size_t *ret_len) {
    size_t n = 0;
    for (size_t i = found; i != 0; i = t->met[i].parent)
        n += t->met[i].link != NULL;
    const struct enforcer_rule **links = enf_zone_alloc(&t->scratch->zone, (n + 1) * sizeof(*links));
    if (links == NULL)
        return enf_nomem(t->err);
    *ret = links;
    *ret_len = n;
    for (size_t i = found; i != 0; i = t->met[i].parent)
        if (t->met[i].link != NULL)
            links[--n] = t->met[i].link;
    return ENFORCER_OK;
}

enum enforcer_status enf_role_path(const struct enforcer_snapshot *s, const struct enf_grouping *g,
                                   struct enforcer_str name, struct enforcer_str role,
                                   const struct enforcer_str *domain, struct enf_scratch *scratch,
                                   const struct enforcer_rule ***ret, size_t *ret_len,
                                   struct enforcer_error *err) {
    const struct enf_tables *tables = &s->owner->tables;
    struct enforcer_str any = enf_str("*", 1);
    struct place here = place_of(tables, domain), star = place_of(tables, &any);
    const struct {
        const struct place *first, *second;
    } tries[] = { { &here, NULL }, { &star, NULL }, { &star, &here } };
    bool tke = tables->model->tke;
    bool yes = false;
    *ret_len = SIZE_MAX;
    /* In the dialect a name that no link mentions does not even reach itself. */
    enum enforcer_status rc = enf_has_role(s, g, name, role, domain, scratch, &yes, err);
    if (rc != ENFORCER_OK || !yes)
        return rc;
    for (size_t i = 0; i < (tke ? tables->model->expand ? 3u : 2u : 1u) && *ret_len == SIZE_MAX; i++) {
        struct trail t = trail_for(s, g, scratch, err);
        size_t found = SIZE_MAX;
        if (!trail_start(&t, name, enf_hash(tables->pool, name), tries[i].first, tries[i].second) ||
            !trail_walk(&t, &role, &found))
            return t.status;
        if (found != SIZE_MAX)
            rc = path_along(&t, found, ret, ret_len);
        if (rc != ENFORCER_OK)
            return rc;
    }
    return ENFORCER_OK;
}
