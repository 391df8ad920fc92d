#include "enforcer/decide.h"

unsigned enf_subject_level(const struct enforcer_snapshot *s, const struct enforcer_rule *r) {
    enum { LEVEL_MAX = 1000 }; /* a circle of roles has no top */
    const struct enf_tables *t = &s->owner->tables;
    const struct enf_policy *p = &t->model->policies[r->section];
    const struct enf_atom *name = p->sub >= 0 ? enf_rule_atom(r, (size_t)p->sub) : NULL;
    if (t->model->groupings_len == 0 || name == NULL)
        return 0;
    const struct enf_grouping *g = &t->model->groupings[0];
    const struct enf_atom *domain = t->default_domain;
    if (g->arity == 3 && (p->dom < 0 || (domain = enf_rule_atom(r, (size_t)p->dom)) == NULL))
        return 0;
    unsigned level = 0;
    for (; level < LEVEL_MAX; level++) {
        struct enf_node_key key = { .domain = enf_atom_str(domain), .name = enf_atom_str(name) };
        const struct enf_node *n = enf_node_find(t, enf_grouping_section(s, g),
                                                 enf_node_hash(domain->hash, name->hash), &key);
        if (n == NULL || n->out == NULL)
            break;
        name = enf_list_last(n->out)->fields[1];
    }
    return level;
}

static unsigned level_of(const struct enf_verdict *v, const struct enforcer_snapshot *s,
                         const struct enforcer_rule *r) {
    return v->effect == ENF_SUBJECT_PRIORITY ? enf_subject_level(s, r) : 0;
}

/* Does a rule with this level stand before the other one? Deeper subjects first, then policy order. */
static bool before(const struct enforcer_rule *a, unsigned a_level, const struct enforcer_rule *b,
                   unsigned b_level) {
    return a_level != b_level ? a_level > b_level : enf_rule_cmp(a, b) < 0;
}

void enf_verdict_match(struct enf_verdict *v, const struct enforcer_snapshot *s,
                       const struct enforcer_rule *r) {
    uint32_t eft = r->entry.tag;
    bool decisive = false;
    switch (v->effect) {
    case ENF_ALLOW_OVERRIDE: decisive = eft == ENF_EFT_ALLOW; break;
    case ENF_DENY_OVERRIDE: decisive = eft == ENF_EFT_DENY; break;
    case ENF_ALLOW_AND_DENY:
        decisive = eft == ENF_EFT_DENY;
        if (eft == ENF_EFT_ALLOW && (v->last_allow == NULL || enf_rule_cmp(v->last_allow, r) < 0))
            v->last_allow = r;
        break;
    case ENF_PRIORITY:
    case ENF_SUBJECT_PRIORITY: decisive = eft != ENF_EFT_OTHER; break;
    }
    if (!decisive)
        return;
    unsigned level = level_of(v, s, r);
    if (v->first == NULL || before(r, level, v->first, v->first_level)) {
        v->first = r;
        v->first_level = level;
    }
}

void enf_verdict_error(struct enf_verdict *v, const struct enforcer_snapshot *s,
                       const struct enforcer_rule *r, enum enforcer_status status,
                       const struct enforcer_error *error) {
    unsigned level = level_of(v, s, r);
    if (v->failed != NULL && !before(r, level, v->failed, v->failed_level))
        return;
    v->failed = r;
    v->failed_level = level;
    v->status = status;
    v->error = *error;
}

bool enf_verdict_past(const struct enf_verdict *v, const struct enforcer_rule *r) {
    return v->effect != ENF_SUBJECT_PRIORITY && v->first != NULL && enf_rule_cmp(v->first, r) < 0;
}

enum enforcer_status enf_verdict_result(const struct enf_verdict *v, struct enforcer_result *ret,
                                        struct enforcer_error *err) {
    if (v->failed != NULL &&
        (v->first == NULL || before(v->failed, v->failed_level, v->first, v->first_level))) {
        if (err != NULL)
            *err = v->error;
        return v->status; /* the rules would have been asked up to this one: no decision before it */
    }
    ret->rule = v->first;
    switch (v->effect) {
    case ENF_ALLOW_OVERRIDE: ret->outcome = v->first != NULL ? ENFORCER_ALLOW : ENFORCER_NO_MATCH; break;
    case ENF_DENY_OVERRIDE: ret->outcome = v->first != NULL ? ENFORCER_DENY : ENFORCER_ALLOW; break;
    case ENF_ALLOW_AND_DENY:
        ret->rule = v->first != NULL ? v->first : v->last_allow;
        ret->outcome = v->first != NULL        ? ENFORCER_DENY
                       : v->last_allow != NULL ? ENFORCER_ALLOW
                                               : ENFORCER_NO_MATCH;
        break;
    case ENF_PRIORITY:
    case ENF_SUBJECT_PRIORITY:
        ret->outcome = v->first == NULL                       ? ENFORCER_NO_MATCH
                       : v->first->entry.tag == ENF_EFT_ALLOW ? ENFORCER_ALLOW
                                                              : ENFORCER_DENY;
        break;
    }
    return ENFORCER_OK;
}
