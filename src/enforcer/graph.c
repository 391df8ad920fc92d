#include "enforcer/graph.h"

/* ------------------------------------------------------------------------------------------------ entries' life -- */

static bool bucket_equal(const struct enf_entry *entry, const void *key_data) {
    const struct enf_bucket *b = (const struct enf_bucket *)entry;
    const struct enf_bucket_key *key = key_data;
    for (size_t i = 0; i < key->len; i++)
        if (key->atoms[i] != b->key[i] &&
            (b->key[i] == NULL || !enf_str_eq(enf_atom_str(b->key[i]), key->values[i])))
            return false;
    return true;
}

/* tag: number of key fields */
static size_t bucket_size(size_t key_len) {
    return sizeof(struct enf_bucket) + key_len * sizeof(struct enf_atom *);
}

static void bucket_free(struct enf_mem *m, struct enf_entry *entry, void *ctx) {
    struct enf_bucket *b = (struct enf_bucket *)entry;
    enf_list_unref(ctx, b->rules);
    enf_release(m, b->tags, b->tags_len * sizeof *b->tags);
    enf_release(m, b, bucket_size(entry->tag));
}

static bool same_atom(const struct enf_atom *have, const struct enf_atom *want, struct enforcer_str text) {
    return have == want || (want == NULL && enf_str_eq(enf_atom_str(have), text));
}

static bool node_equal(const struct enf_entry *entry, const void *key_data) {
    const struct enf_node *n = (const struct enf_node *)entry;
    const struct enf_node_key *key = key_data;
    return same_atom(n->name, key->name_atom, key->name) &&
           same_atom(n->domain, key->domain_atom, key->domain);
}

static size_t closure_size(size_t len) {
    return sizeof(struct enf_closure) + len * sizeof(((struct enf_closure *)0)->roles[0]);
}

static void closure_unref(struct enf_mem *m, struct enf_closure *c) {
    if (c != NULL && --c->refs == 0)
        enf_release(m, c, closure_size(c->len));
}

static void node_free(struct enf_mem *m, struct enf_entry *entry, void *ctx) {
    struct enf_node *n = (struct enf_node *)entry;
    enf_list_unref(ctx, n->out);
    enf_list_unref(ctx, n->in_leaf);
    enf_list_unref(ctx, n->in_inner);
    closure_unref(m, n->closure);
    enf_release(m, n, sizeof *n);
}

static bool domain_equal(const struct enf_entry *entry, const void *key) {
    return ((const struct enf_domain *)entry)->name == key; /* atoms are unique */
}

static void domain_free(struct enf_mem *m, struct enf_entry *entry, void *ctx) {
    (void)ctx;
    enf_release(m, entry, sizeof(struct enf_domain));
}

void enf_tables_init(struct enf_tables *t, struct enf_pool *pool, const struct enf_model *model) {
    *t = (struct enf_tables) {
        .pool = pool,
        .model = model,
        .rule_ops = enf_rule_ops_prototype,
        .bucket_ops = { bucket_equal, bucket_free, pool },
        .node_ops = { node_equal, node_free, pool },
        .domain_ops = { domain_equal, domain_free, pool },
    };
    t->rule_ops.ctx = pool;
}

void enf_section_ref(struct enf_section *s) {
    enf_hamt_ref(&s->rules);
    enf_list_ref(s->all);
    enf_hamt_ref(&s->index);
    enf_hamt_ref(&s->domains);
}

void enf_section_done(struct enf_tables *t, struct enf_section *s, bool grouping) {
    struct enf_mem *m = t->pool->mem;
    enf_hamt_done(m, &s->index, grouping ? &t->node_ops : &t->bucket_ops);
    enf_hamt_done(m, &s->domains, &t->domain_ops);
    enf_list_unref(t->pool, s->all);
    enf_hamt_done(m, &s->rules, &t->rule_ops);
    *s = (struct enf_section) { 0 };
}

uint64_t enf_node_hash(uint64_t domain_hash, uint64_t name_hash) {
    return enf_hash_mix(domain_hash, name_hash);
}

const struct enf_node *enf_node_find(const struct enf_tables *t, const struct enf_section *s, uint64_t hash,
                                     const struct enf_node_key *key) {
    return (const struct enf_node *)enf_hamt_find(&s->index, &t->node_ops, hash, key);
}

const struct enf_bucket *enf_bucket_find(const struct enf_tables *t, const struct enf_section *s,
                                         uint64_t hash, const struct enf_bucket_key *key) {
    return (const struct enf_bucket *)enf_hamt_find(&s->index, &t->bucket_ops, hash, key);
}

/* ------------------------------------------------------------------------------------------------------ buckets -- */

struct bucket_edit {
    struct enf_tables *t;
    const struct enf_policy *policy;
    struct enforcer_rule *rule, *insert, *remove;
    uint64_t hash;
};

static struct enf_bucket *bucket_copy(struct enf_tables *t, const struct enf_bucket *old) {
    struct enf_bucket *b = enf_alloc(t->pool->mem, bucket_size(old->entry.tag));
    if (b == NULL)
        return NULL;
    memcpy(b, old, bucket_size(old->entry.tag));
    b->entry.refs = 1;
    b->tags = NULL;
    b->tags_len = 0;
    enf_list_ref(b->rules);
    return b;
}

static struct enf_bucket *bucket_new(struct bucket_edit *x) {
    struct enf_bucket *b = enf_alloc(x->t->pool->mem, bucket_size(x->policy->key_len));
    if (b == NULL)
        return NULL;
    b->entry = (struct enf_entry) { 1, x->policy->key_len, x->hash };
    for (size_t i = 0; i < x->policy->key_len; i++)
        b->key[i] = enf_rule_atom(x->rule, x->policy->key[i]);
    return b;
}

/* Longer lists are walked without tags: writing them anew for every change would no longer be cheap. */
static bool bucket_tags(struct bucket_edit *x, struct enf_bucket *b) {
    struct enf_cursor c;
    size_t n = 0, more = 0;
    enf_cursor_init(&c, b->rules);
    void *const *run = enf_cursor_run(&c, &n);
    (void)enf_cursor_run(&c, &more);
    n = more > 0 || !x->policy->tagged ? 0 : n;
    if (n != b->tags_len) {
        enf_release(x->t->pool->mem, b->tags, b->tags_len * sizeof *b->tags);
        b->tags_len = 0;
        b->tags = n > 0 ? enf_alloc(x->t->pool->mem, n * sizeof *b->tags) : NULL;
        if (n > 0 && b->tags == NULL)
            return false;
        b->tags_len = n;
    }
    for (size_t i = 0; i < n; i++) {
        const struct enf_atom *a = enf_rule_atom(run[i], x->policy->tag_field);
        b->tags[i] = a != NULL ? enf_pattern_tag(a->compiled[x->policy->tag_slot]) : 0;
    }
    return true;
}

static bool edit_bucket(void *ctx, struct enf_entry *old, bool own, struct enf_entry **ret) {
    struct bucket_edit *x = ctx;
    struct enf_bucket *b = (struct enf_bucket *)old;
    if (x->remove != NULL && x->insert == NULL && b != NULL && enf_list_one(b->rules)) {
        *ret = NULL;
        return true;
    }
    if (!own)
        b = b != NULL ? bucket_copy(x->t, b) : bucket_new(x);
    if (b == NULL)
        return false;
    bool ok = x->insert != NULL ? enf_list_insert(x->t->pool, &b->rules, x->insert)
                                : enf_list_remove(x->t->pool, &b->rules, x->remove);
    ok = ok && bucket_tags(x, b);
    if (!ok && !own)
        bucket_free(x->t->pool->mem, &b->entry, x->t->pool);
    *ret = &b->entry;
    return ok;
}

/* False: a rule that lacks a field compared for equality can never match: it is in no bucket. */
static bool bucket_key(const struct enf_policy *p, const struct enforcer_rule *r, struct enforcer_str *values,
                       const struct enf_atom **atoms, uint64_t *ret_hash) {
    *ret_hash = 0;
    for (size_t i = 0; i < p->key_len; i++) {
        atoms[i] = enf_rule_atom(r, p->key[i]);
        if (atoms[i] == NULL)
            return false;
        values[i] = enf_atom_str(atoms[i]);
        *ret_hash = enf_bucket_hash(*ret_hash, atoms[i]->hash);
    }
    return true;
}

static bool index_policy(struct enf_tables *t, struct enf_section *s, struct enforcer_rule *r, bool insert) {
    const struct enf_policy *p = &t->model->policies[r->section];
    struct enforcer_str values[ENF_KEY_FIELDS_MAX];
    const struct enf_atom *atoms[ENF_KEY_FIELDS_MAX];
    struct bucket_edit x = { t, p, r, insert ? r : NULL, insert ? NULL : r, 0 };
    if (p->key_len == 0 || !bucket_key(p, r, values, atoms, &x.hash))
        return true;
    struct enf_bucket_key key = { p->key_len, values, atoms };
    return enf_hamt_edit(t->pool->mem, &s->index, &t->bucket_ops, x.hash, &key, edit_bucket, &x);
}

/* ------------------------------------------------------------------------------------------------------- links -- */

enum list_name { OUT, IN_LEAF, IN_INNER };

struct node_edit {
    struct enf_tables *t;
    struct enf_atom *domain, *name;
    uint64_t hash;
    /* One of: put `rule` into `list`, take it out of `list`, move it from IN_LEAF to IN_INNER or back, or set the
     * closure. */
    struct enforcer_rule *rule;
    enum list_name list, to;
    enum { PUT, TAKE, MOVE, CLOSURE } what;
    struct enf_closure *closure;
};

static struct enf_list **list_of(struct enf_node *n, enum list_name name) {
    return name == OUT ? &n->out : name == IN_LEAF ? &n->in_leaf : &n->in_inner;
}

static struct enf_node *node_for_edit(struct node_edit *x, struct enf_node *old) {
    struct enf_node *n = enf_alloc(x->t->pool->mem, sizeof *n);
    if (n == NULL)
        return NULL;
    if (old == NULL) {
        *n = (struct enf_node) { .entry = { 1, 0, x->hash }, .domain = x->domain, .name = x->name };
        return n;
    }
    *n = *old;
    n->entry.refs = 1;
    enf_list_ref(n->out);
    enf_list_ref(n->in_leaf);
    enf_list_ref(n->in_inner);
    if (n->closure != NULL)
        n->closure->refs++;
    return n;
}

static bool change_node(struct node_edit *x, struct enf_node *n) {
    struct enf_pool *pool = x->t->pool;
    switch (x->what) {
    case PUT: return enf_list_insert(pool, list_of(n, x->list), x->rule);
    case TAKE: return enf_list_remove(pool, list_of(n, x->list), x->rule);
    case MOVE:
        return enf_list_insert(pool, list_of(n, x->to), x->rule) &&
               enf_list_remove(pool, list_of(n, x->list), x->rule);
    case CLOSURE: break;
    }
    closure_unref(pool->mem, n->closure);
    n->closure = x->closure;
    if (n->closure != NULL)
        n->closure->refs++;
    return true;
}

static bool edit_node(void *ctx, struct enf_entry *old, bool own, struct enf_entry **ret) {
    struct node_edit *x = ctx;
    struct enf_node *n = (struct enf_node *)old;
    if (n == NULL && x->what == CLOSURE) {
        *ret = NULL;
        return true;
    }
    if (!own && (n = node_for_edit(x, n)) == NULL)
        return false;
    bool ok = change_node(x, n);
    bool empty = n->out == NULL && n->in_leaf == NULL && n->in_inner == NULL;
    *ret = &n->entry;
    if (!own && (!ok || empty)) {
        node_free(x->t->pool->mem, &n->entry, x->t->pool);
        *ret = NULL;
    } else if (ok && empty)
        *ret = NULL;
    return ok;
}

static bool run_edit(struct node_edit *x, struct enf_section *s) {
    x->hash = enf_node_hash(x->domain->hash, x->name->hash);
    struct enf_node_key key = { .domain_atom = x->domain, .name_atom = x->name };
    return enf_hamt_edit(x->t->pool->mem, &s->index, &x->t->node_ops, x->hash, &key, edit_node, x);
}

static const struct enf_node *find_node(const struct enf_tables *t, const struct enf_section *s,
                                        const struct enf_atom *domain, const struct enf_atom *name) {
    struct enf_node_key key = { .domain_atom = domain, .name_atom = name };
    return enf_node_find(t, s, enf_node_hash(domain->hash, name->hash), &key);
}

static bool is_inner(const struct enf_node *n) {
    return n != NULL && (n->in_leaf != NULL || n->in_inner != NULL);
}

void enf_dirty_done(struct enf_pool *pool, struct enf_dirty *d) {
    for (size_t i = 0; i < d->len; i++) {
        enf_atom_unref(pool, d->names[i].domain);
        enf_atom_unref(pool, d->names[i].name);
    }
    enf_release(pool->mem, d->names, d->cap * sizeof *d->names);
    *d = (struct enf_dirty) { 0 };
}

static bool mark_dirty(struct enf_tables *t, struct enf_dirty *d, uint16_t section, struct enf_atom *domain,
                       struct enf_atom *name) {
    if (d->len > 0 && d->names[d->len - 1].name == name && d->names[d->len - 1].domain == domain)
        return true; /* links of one name mostly come together */
    if (d->len == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 16;
        void *grown = enf_realloc(t->pool->mem, d->names, d->cap * sizeof *d->names, cap * sizeof *d->names);
        if (grown == NULL)
            return false;
        d->names = grown;
        d->cap = cap;
    }
    domain->refs++;
    name->refs++;
    d->names[d->len].domain = domain;
    d->names[d->len].name = name;
    d->names[d->len++].section = section;
    return true;
}

static struct enf_atom *domain_of(const struct enf_tables *t, const struct enforcer_rule *r) {
    const struct enf_grouping *g = &t->model->groupings[r->section - t->model->policies_len];
    return g->arity == 3 ? r->fields[2] : t->default_domain;
}

/* A name that becomes a role, or stops being one: its links change lists at their other end. */
static bool move_links_of(struct enf_tables *t, struct enf_section *s, struct enf_atom *domain,
                          struct enf_atom *name, bool to_inner) {
    const struct enf_node *n = find_node(t, s, domain, name);
    if (n == NULL || n->out == NULL)
        return true;
    struct enf_list *out = n->out;
    enf_list_ref(out); /* the node may be edited by its own link */
    bool ok = true;
    struct enf_cursor c;
    enf_cursor_init(&c, out);
    for (struct enforcer_rule *r; ok && (r = enf_cursor_next(&c)) != NULL;) {
        struct node_edit x = { .t = t, .domain = domain, .name = r->fields[1], .rule = r, .what = MOVE };
        x.list = to_inner ? IN_LEAF : IN_INNER;
        x.to = to_inner ? IN_INNER : IN_LEAF;
        ok = run_edit(&x, s);
    }
    enf_list_unref(t->pool, out);
    return ok;
}

struct domain_edit {
    struct enf_tables *t;
    struct enf_atom *name;
    bool add;
};

static bool edit_domain(void *ctx, struct enf_entry *old, bool own, struct enf_entry **ret) {
    struct domain_edit *x = ctx;
    struct enf_domain *d = (struct enf_domain *)old;
    if (!x->add && d != NULL && d->links == 1) {
        *ret = NULL;
        return true;
    }
    if (!own) {
        struct enf_domain *fresh = enf_alloc(x->t->pool->mem, sizeof *fresh);
        if (fresh == NULL)
            return false;
        *fresh = (struct enf_domain) { { 1, 0, x->name->hash }, x->name, d != NULL ? d->links : 0 };
        d = fresh;
    }
    d->links += x->add ? 1 : (size_t)-1;
    *ret = &d->entry;
    return true;
}

static bool count_domain(struct enf_tables *t, struct enf_section *s, struct enf_atom *domain, bool add) {
    struct domain_edit x = { t, domain, add };
    return enf_hamt_edit(t->pool->mem, &s->domains, &t->domain_ops, domain->hash, domain, edit_domain, &x);
}

static bool add_link(struct enf_tables *t, struct enf_section *s, struct enforcer_rule *r,
                     struct enf_dirty *dirty) {
    struct enf_atom *domain = domain_of(t, r), *from = r->fields[0], *to = r->fields[1];
    bool from_inner = is_inner(find_node(t, s, domain, from)), to_was = is_inner(find_node(t, s, domain, to));
    struct node_edit out = { .t = t, .domain = domain, .name = from, .rule = r, .what = PUT, .list = OUT };
    struct node_edit in = { .t = t, .domain = domain, .name = to, .rule = r, .what = PUT };
    in.list = from_inner ? IN_INNER : IN_LEAF;
    return run_edit(&out, s) && run_edit(&in, s) && (to_was || move_links_of(t, s, domain, to, true)) &&
           count_domain(t, s, domain, true) && mark_dirty(t, dirty, r->section, domain, from) &&
           (to_was || mark_dirty(t, dirty, r->section, domain, to));
}

static bool remove_link(struct enf_tables *t, struct enf_section *s, struct enforcer_rule *r,
                        struct enf_dirty *dirty) {
    struct enf_atom *domain = domain_of(t, r), *from = r->fields[0], *to = r->fields[1];
    bool from_inner = is_inner(find_node(t, s, domain, from));
    struct node_edit in = { .t = t, .domain = domain, .name = to, .rule = r, .what = TAKE };
    struct node_edit out = { .t = t, .domain = domain, .name = from, .rule = r, .what = TAKE, .list = OUT };
    in.list = from_inner ? IN_INNER : IN_LEAF;
    if (!mark_dirty(t, dirty, r->section, domain, from) || !mark_dirty(t, dirty, r->section, domain, to) ||
        !run_edit(&in, s) || !run_edit(&out, s))
        return false;
    const struct enf_node *n = find_node(t, s, domain, to);
    if (n != NULL && !is_inner(n) && !move_links_of(t, s, domain, to, false))
        return false;
    return count_domain(t, s, domain, false);
}

bool enf_section_add(struct enf_tables *t, struct enf_section *s, struct enforcer_rule *r,
                     struct enf_dirty *dirty) {
    if (!enf_list_insert(t->pool, &s->all, r))
        return false;
    return r->section < t->model->policies_len ? index_policy(t, s, r, true) : add_link(t, s, r, dirty);
}

bool enf_section_remove(struct enf_tables *t, struct enf_section *s, struct enforcer_rule *r,
                        struct enf_dirty *dirty) {
    if (!enf_list_remove(t->pool, &s->all, r))
        return false;
    return r->section < t->model->policies_len ? index_policy(t, s, r, false) : remove_link(t, s, r, dirty);
}

/* ----------------------------------------------------------------------------------------------------- closures -- */

/* Names met on a walk, in order, each once. */
struct walk {
    struct enf_mem *mem;
    struct {
        struct enf_atom *name;
        uint32_t distance;
    } * met;
    size_t len, cap;
    uint32_t *slots; /* open addressing: index into met + 1 */
    size_t slots_cap;
};

static void walk_done(struct walk *w) {
    enf_release(w->mem, w->met, w->cap * sizeof *w->met);
    enf_release(w->mem, w->slots, w->slots_cap * sizeof *w->slots);
}

static void walk_clear(struct walk *w) {
    if (w->len > 0)
        memset(w->slots, 0, w->slots_cap * sizeof *w->slots);
    w->len = 0;
}

static size_t walk_slot(const struct walk *w, const struct enf_atom *name) {
    size_t at = name->hash & (w->slots_cap - 1);
    while (w->slots[at] != 0 && w->met[w->slots[at] - 1].name != name)
        at = (at + 1) & (w->slots_cap - 1);
    return at;
}

static bool walk_grow(struct walk *w) {
    size_t cap = w->cap ? w->cap * 2 : 16;
    void *met = enf_realloc(w->mem, w->met, w->cap * sizeof *w->met, cap * sizeof *w->met);
    if (met == NULL)
        return false;
    w->met = met;
    w->cap = cap;
    uint32_t *slots = enf_alloc(w->mem, cap * 2 * sizeof *slots);
    if (slots == NULL)
        return false;
    enf_release(w->mem, w->slots, w->slots_cap * sizeof *w->slots);
    w->slots = slots;
    w->slots_cap = cap * 2;
    for (size_t i = 0; i < w->len; i++)
        w->slots[walk_slot(w, w->met[i].name)] = (uint32_t)i + 1;
    return true;
}

static bool walk_add(struct walk *w, struct enf_atom *name, uint32_t distance) {
    if (w->len == w->cap && !walk_grow(w))
        return false;
    size_t at = walk_slot(w, name);
    if (w->slots[at] != 0)
        return true;
    w->met[w->len].name = name;
    w->met[w->len].distance = distance;
    w->slots[at] = (uint32_t)++w->len;
    return true;
}

static bool walk_links(struct walk *w, const struct enf_list *links, size_t field, uint32_t distance) {
    struct enf_cursor c;
    enf_cursor_init(&c, links);
    for (struct enforcer_rule *r; (r = enf_cursor_next(&c)) != NULL;)
        if (!walk_add(w, r->fields[field], distance))
            return false;
    return true;
}

static bool set_closure(struct enf_tables *t, struct enf_section *s, struct enf_atom *domain,
                        struct enf_atom *name, struct enf_closure *closure) {
    struct node_edit x = { .t = t, .domain = domain, .name = name, .what = CLOSURE, .closure = closure };
    return run_edit(&x, s);
}

/* Breadth first: the shortest path to each role decides whether it is within reach. */
static bool update_closure(struct enf_tables *t, struct enf_section *s, struct enf_atom *domain,
                           struct enf_atom *name, struct walk *w) {
    const struct enf_node *n = find_node(t, s, domain, name);
    if (n == NULL || (n->closure == NULL && (!is_inner(n) || n->out == NULL)))
        return true;
    if (!is_inner(n) || n->out == NULL)
        return set_closure(t, s, domain, name, NULL);
    walk_clear(w);
    if (!walk_links(w, n->out, 1, 1))
        return false;
    for (size_t i = 0; i < w->len && w->met[i].distance < t->model->options.roles_depth; i++) {
        const struct enf_node *role = find_node(t, s, domain, w->met[i].name);
        if (role != NULL && !walk_links(w, role->out, 1, w->met[i].distance + 1))
            return false;
    }
    struct enf_closure *c = enf_alloc(t->pool->mem, closure_size(w->len));
    if (c == NULL)
        return false;
    c->refs = 1;
    c->len = (uint32_t)w->len;
    for (size_t i = 0; i < w->len; i++) {
        c->roles[i].name = w->met[i].name;
        c->roles[i].distance = w->met[i].distance;
    }
    bool ok = set_closure(t, s, domain, name, c);
    closure_unref(t->pool->mem, c);
    return ok;
}

/* `names`: dirty names of one domain. Whatever reaches one of them may reach something else now. */
static bool update_above(struct enf_tables *t, struct enf_section *s, const struct enf_dirty *d, size_t from,
                         size_t to, struct walk *above, struct walk *below) {
    struct enf_atom *domain = d->names[from].domain;
    walk_clear(above);
    for (size_t i = from; i < to; i++)
        if (!walk_add(above, d->names[i].name, 0))
            return false;
    for (size_t i = 0; i < above->len; i++) {
        const struct enf_node *n = find_node(t, s, domain, above->met[i].name);
        if (n != NULL && above->met[i].distance < t->model->options.roles_depth &&
            !walk_links(above, n->in_inner, 0, above->met[i].distance + 1))
            return false;
    }
    for (size_t i = 0; i < above->len; i++)
        if (!update_closure(t, s, domain, above->met[i].name, below))
            return false;
    return true;
}

/* By section and domain: what belongs together is worked out together. The order among them does not matter. */
static int compare_dirty(const void *a_data, const void *b_data) {
    const struct enf_dirty_name *a = a_data, *b = b_data;
    if (a->section != b->section)
        return a->section < b->section ? -1 : 1;
    return a->domain == b->domain ? 0 : (uintptr_t)a->domain < (uintptr_t)b->domain ? -1 : 1;
}

bool enf_closures_update(struct enf_tables *t, struct enf_section *sections, struct enf_dirty *d) {
    struct walk above = { .mem = t->pool->mem }, below = { .mem = t->pool->mem };
    bool ok = true;
    if (d->len > 1)
        qsort(d->names, d->len, sizeof *d->names, compare_dirty);
    for (size_t i = 0, end; ok && i < d->len; i = end) {
        end = i + 1;
        while (end < d->len && compare_dirty(&d->names[i], &d->names[end]) == 0)
            end++;
        struct enf_section *s = &sections[d->names[i].section - t->model->policies_len];
        ok = update_above(t, s, d, i, end, &above, &below);
    }
    walk_done(&above);
    walk_done(&below);
    return ok;
}
