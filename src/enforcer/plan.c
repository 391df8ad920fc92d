#include "enforcer/model.h"

/* Which clause of a matcher is what, and which of them the index can answer. The rule: a clause may be answered by the
 * index, that is before those to its left, only if nothing to its left can fail; so the shortcut raises exactly the
 * errors the evaluator would. */

static bool is_request(const struct enf_expr *e) { return e->kind == ENF_REQUEST && e->field <= UINT8_MAX; }
static bool is_policy(const struct enf_expr *e) { return e->kind == ENF_POLICY && e->field <= UINT8_MAX; }

static void recognise(const struct enf_expr *e, struct enf_clause *c) {
    *c = (struct enf_clause) { .kind = ENF_CLAUSE_OTHER, .expr = e };
    if (e->kind == ENF_BINARY && (e->op == ENF_OP_EQ || e->op == ENF_OP_SAME)) {
        const struct enf_expr *a = e->args[0], *b = e->args[1];
        if (is_policy(a)) {
            a = e->args[1];
            b = e->args[0];
        }
        if (is_request(a) && is_policy(b)) {
            c->kind = ENF_CLAUSE_EQUAL;
            c->r = (uint8_t)a->field;
            c->p = (uint8_t)b->field;
        }
    } else if (e->kind == ENF_ROLE && is_request(e->args[0]) && is_policy(e->args[1]) &&
               (e->args_len == 2 || is_request(e->args[2]))) {
        c->kind = ENF_CLAUSE_ROLE;
        c->r = (uint8_t)e->args[0]->field;
        c->p = (uint8_t)e->args[1]->field;
        c->has_domain = e->args_len == 3;
        c->d = c->has_domain ? (uint8_t)e->args[2]->field : 0;
        c->grouping = e->section;
    } else if (e->kind == ENF_MATCH && is_request(e->args[0]) && is_policy(e->args[1]) &&
               e->slot != UINT8_MAX) {
        c->kind = ENF_CLAUSE_MATCH;
        c->r = (uint8_t)e->args[0]->field;
        c->p = (uint8_t)e->args[1]->field;
        c->fn = e->fn;
        c->slot = e->slot;
    }
}

static bool is_fallible(const struct enf_clause *c) {
    return c->kind == ENF_CLAUSE_OTHER || (c->kind == ENF_CLAUSE_MATCH && enf_fn_fallible(c->fn));
}

/* Clauses up to which everything is safe to reorder. */
static size_t safe_prefix(const struct enf_matcher *m) {
    size_t n = 0;
    while (n < m->clauses_len && !is_fallible(&m->clauses[n]))
        n++;
    return n;
}

static void choose_key(const struct enf_matcher *m, struct enf_policy *p) {
    size_t safe = safe_prefix(m);
    for (size_t i = 0; i < safe && p->key_len == 0; i++)
        if (m->clauses[i].kind == ENF_CLAUSE_ROLE) {
            p->key[p->key_len++] = m->clauses[i].p;
            p->key_role = true;
        }
    for (size_t i = 0; i < safe && p->key_len < ENF_KEY_FIELDS_MAX; i++) {
        bool taken = m->clauses[i].kind != ENF_CLAUSE_EQUAL;
        for (size_t k = 0; k < p->key_len; k++)
            taken |= p->key[k] == m->clauses[i].p;
        if (!taken)
            p->key[p->key_len++] = m->clauses[i].p;
    }
}

/* Finds for every key field of the policy the clause that asks for it. */
static void use_key(struct enf_matcher *m, const struct enf_policy *p) {
    size_t safe = safe_prefix(m), found = 0;
    bool keyed[ENF_CLAUSES_MAX] = { false };
    for (size_t k = 0; k < p->key_len; k++) {
        enum enf_clause_kind wanted = k == 0 && p->key_role ? ENF_CLAUSE_ROLE : ENF_CLAUSE_EQUAL;
        for (size_t i = 0; i < safe; i++) {
            if (m->clauses[i].kind != wanted || m->clauses[i].p != p->key[k] || keyed[i])
                continue;
            keyed[i] = true;
            m->key_r[k] = m->clauses[i].r;
            if (wanted == ENF_CLAUSE_ROLE)
                m->role_clause = (uint8_t)i;
            found++;
            break;
        }
    }
    m->indexed = p->key_len > 0 && found == p->key_len;
    for (size_t i = 0; m->indexed && i < m->clauses_len; i++)
        m->clauses[i].keyed = keyed[i];
}

/* Without errors to keep in order, the last clause (the action, in every common model) goes first: its patterns are
 * few and in the cache, and it rules out most candidates. Role questions go last, they cost most. */
static void order_checks(struct enf_matcher *m) {
    for (size_t i = 0; i < m->clauses_len; i++)
        m->fallible |= is_fallible(&m->clauses[i]);
    for (size_t i = 0; i < m->clauses_len && m->fallible; i++)
        if (!m->clauses[i].keyed)
            m->check[m->check_len++] = (uint8_t)i;
    for (int roles = 0; roles < 2 && !m->fallible; roles++)
        for (size_t i = m->clauses_len; i-- > 0;)
            if (!m->clauses[i].keyed && (m->clauses[i].kind == ENF_CLAUSE_ROLE) == (roles == 1))
                m->check[m->check_len++] = (uint8_t)i;
}

static void use_tags(struct enf_matcher *m, struct enf_policy *p) {
    const struct enf_clause *first = m->check_len > 0 ? &m->clauses[m->check[0]] : NULL;
    if (!m->indexed || first == NULL || first->kind != ENF_CLAUSE_MATCH)
        return;
    if (!p->tagged) {
        p->tagged = true;
        p->tag_field = first->p;
        p->tag_slot = first->slot;
    }
    m->tagged = p->tag_field == first->p && p->tag_slot == first->slot;
}

static bool one_bit(uint32_t bits) { return bits != 0 && (bits & (bits - 1)) == 0; }

static void plan_clauses(struct enf_model *model, struct enf_matcher *m) {
    const struct enf_expr *root = m->program->root;
    size_t n = root->kind == ENF_AND ? root->args_len : 1;
    if (n > ENF_CLAUSES_MAX || !one_bit(m->program->policies) ||
        (m->program->requests != 0 && !one_bit(m->program->requests)))
        return;
    m->p = (uint16_t)__builtin_ctz(m->program->policies);
    m->r = m->program->requests != 0 ? (uint16_t)__builtin_ctz(m->program->requests) : 0;
    m->clauses_len = n;
    for (size_t i = 0; i < n; i++)
        recognise(root->kind == ENF_AND ? root->args[i] : root, &m->clauses[i]);
    struct enf_policy *p = &model->policies[m->p];
    if (p->key_len == 0)
        choose_key(m, p);
    use_key(m, p);
    order_checks(m);
    use_tags(m, p);
}

void enf_model_plan(struct enf_model *model) {
    for (size_t i = 0; i < model->matchers_len; i++)
        plan_clauses(model, &model->matchers[i]);
}
