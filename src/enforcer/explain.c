#include "enforcer/decide.h"

enum { NEAR_MAX = 100 };

/* The explanation and everything it points to live in one zone. */
struct explainer {
    struct enforcer_explanation shown;
    struct enf_scratch scratch;  /* what the explanation keeps */
    struct enf_scratch per_rule; /* what asking a rule needs */
    struct enf_question q;
    const struct enf_expr *const *clauses;
    size_t clauses_len;
    const struct enf_expr *role; /* the clause g(r.x, p.y[, r.d]), NULL: none of this shape */
};

static struct enforcer_str text_of(const struct enf_question *q, const struct enf_expr *e) {
    const struct enforcer_value *v = &q->request->values[e->field];
    return v->kind == ENFORCER_STRING ? v->u.string : enf_str("", 0);
}

static bool is_role_clause(const struct enf_expr *e) {
    return e->kind == ENF_ROLE && e->args[0]->kind == ENF_REQUEST && e->args[1]->kind == ENF_POLICY &&
           (e->args_len == 2 || e->args[2]->kind == ENF_REQUEST);
}

/* The links from the subject, or from one of the further subjects, to the subject of the rule. */
static enum enforcer_status find_path(struct explainer *x, const struct enforcer_rule *r,
                                      const struct enforcer_rule ***ret, size_t *ret_len,
                                      struct enforcer_str *ret_subject, struct enforcer_error *err) {
    const struct enf_question *q = &x->q;
    *ret_len = 0;
    if (x->role == NULL)
        return ENFORCER_OK;
    struct enforcer_str role = enforcer_rule_field(r, x->role->args[1]->field), domain = { "", 0 };
    if (x->role->args_len == 3)
        domain = text_of(q, x->role->args[2]);
    for (size_t i = 0; i <= q->request->subjects_len; i++) {
        struct enforcer_str name = i == 0 ? text_of(q, x->role->args[0]) : q->request->subjects[i - 1];
        const struct enforcer_rule **path = NULL;
        size_t len = SIZE_MAX;
        enum enforcer_status rc = enf_role_path(q->snapshot, &q->model->groupings[x->role->section], name,
                                                role, x->role->args_len == 3 ? &domain : NULL, &x->scratch,
                                                &path, &len, err);
        if (rc != ENFORCER_OK)
            return rc;
        if (len == SIZE_MAX)
            continue;
        *ret = path;
        *ret_len = len;
        *ret_subject = name;
        return ENFORCER_OK;
    }
    return ENFORCER_OK;
}

/* Higher is nearer: true clauses first, and among equals those whose role the subject has. */
struct score {
    unsigned clauses_true;
    bool has_role;
    size_t first_false;
};

static enum enforcer_status score_rule(struct explainer *x, struct enf_eval *eval,
                                       const struct enforcer_rule *r, struct score *ret) {
    *ret = (struct score) { .first_false = x->clauses_len };
    eval->rule = r;
    for (size_t i = 0; i < x->clauses_len; i++) {
        struct enforcer_value value;
        enum enforcer_status rc = enf_eval(eval, x->clauses[i], &value);
        if (rc == ENFORCER_NOMEM)
            return rc;
        bool holds = rc == ENFORCER_OK &&
                     enf_truthy(&value); /* a clause that cannot be answered does not hold */
        ret->clauses_true += holds;
        ret->has_role |= holds && x->clauses[i] == x->role;
        if (!holds && ret->first_false == x->clauses_len)
            ret->first_false = i;
    }
    enf_zone_reset(&x->per_rule.zone);
    return ENFORCER_OK;
}

static bool nearer(const struct score *a, const struct score *b) {
    return a->clauses_true != b->clauses_true ? a->clauses_true > b->clauses_true
                                              : a->has_role && !b->has_role;
}

static enum enforcer_status find_near(struct explainer *x, size_t near_max, struct enforcer_error *err) {
    struct enforcer_near_miss *near = enf_zone_alloc(&x->scratch.zone, (near_max + 1) * sizeof *near);
    struct score scores[NEAR_MAX + 1], score;
    size_t len = 0;
    if (near == NULL)
        return enf_nomem(err);
    struct enf_eval eval = { .snapshot = x->q.snapshot,
                             .model = x->q.model,
                             .request = x->q.request,
                             .scratch = &x->per_rule,
                             .err = err,
                             .program = x->q.matcher->program };
    struct enf_cursor c;
    enf_cursor_init(&c, x->q.snapshot->sections[x->q.section].all);
    for (const struct enforcer_rule *r; near_max > 0 && (r = enf_cursor_next(&c)) != NULL;) {
        enum enforcer_status rc = score_rule(x, &eval, r, &score);
        if (rc != ENFORCER_OK)
            return rc;
        if (score.clauses_true == 0 || (len == near_max && !nearer(&score, &scores[len - 1])))
            continue;
        size_t at = len < near_max ? len++ : len - 1;
        for (; at > 0 && nearer(&score, &scores[at - 1]); at--) {
            scores[at] = scores[at - 1];
            near[at] = near[at - 1];
        }
        scores[at] = score;
        near[at] = (struct enforcer_near_miss) { .rule = r, .clauses = (unsigned)x->clauses_len };
        near[at].clauses_true = score.clauses_true;
        if (score.first_false < x->clauses_len)
            near[at].failed = x->clauses[score.first_false]->text;
    }
    for (size_t i = 0; i < len; i++) {
        const struct enforcer_rule **path = NULL;
        struct enforcer_str subject;
        enum enforcer_status rc = find_path(x, near[i].rule, &path, &near[i].path_len, &subject, err);
        if (rc != ENFORCER_OK)
            return rc;
        near[i].path = path;
    }
    x->shown.near = near;
    x->shown.near_len = len;
    return ENFORCER_OK;
}

static enum enforcer_status explain(struct explainer *x, const struct enforcer_snapshot *s,
                                    const struct enforcer_request *request, size_t near_max,
                                    struct enforcer_error *err) {
    enum enforcer_status rc = enf_question_init(&x->q, s, request, NULL, err);
    if (rc != ENFORCER_OK)
        return rc;
    const struct enf_expr *const *root = &x->q.matcher->program->root;
    x->clauses = (*root)->kind == ENF_AND ? (const struct enf_expr *const *)(*root)->args : root;
    x->clauses_len = (*root)->kind == ENF_AND ? (*root)->args_len : 1;
    for (size_t i = 0; i < x->clauses_len && x->role == NULL; i++)
        x->role = is_role_clause(x->clauses[i]) ? x->clauses[i] : NULL;
    rc = enf_decide(&x->q, &x->per_rule, &x->shown.result, err);
    enf_zone_reset(&x->per_rule.zone);
    if (rc != ENFORCER_OK)
        return rc;
    if (x->shown.result.rule == NULL)
        return x->shown.result.outcome == ENFORCER_NO_MATCH ? find_near(x, near_max, err) : ENFORCER_OK;
    const struct enforcer_rule **path = NULL;
    rc = find_path(x, x->shown.result.rule, &path, &x->shown.path_len, &x->shown.subject, err);
    x->shown.path = path;
    return rc;
}

enum enforcer_status enforcer_explain(const struct enforcer_snapshot *s,
                                      const struct enforcer_request *request, size_t near_max,
                                      struct enforcer_explanation **ret, struct enforcer_error *err) {
    struct enf_mem *mem = &s->owner->mem;
    unsigned steps = s->owner->model.options.regex_steps;
    struct enforcer_error ignored;
    struct explainer *x = enf_scratch_alloc(mem, sizeof *x);
    if (x == NULL)
        return enf_nomem(err);
    memset(x, 0, sizeof *x);
    x->scratch = enf_scratch_for(mem, steps);
    x->per_rule = enf_scratch_for(mem, steps);
    enum enforcer_status rc = explain(x, s, request, near_max < NEAR_MAX ? near_max : NEAR_MAX,
                                      err != NULL ? err : &ignored);
    if (rc != ENFORCER_OK) {
        enforcer_explanation_free(&x->shown);
        return rc;
    }
    *ret = &x->shown;
    return ENFORCER_OK;
}

enum enforcer_status enforcer_explain_tke(const struct enforcer_snapshot *s,
                                          const struct enforcer_tke_request *r, size_t near_max,
                                          struct enforcer_explanation **ret, struct enforcer_error *err) {
    const struct enforcer_value values[4] = {
        enforcer_string_n(r->sub.ptr, r->sub.len),
        enforcer_string_n(r->dom.ptr, r->dom.len),
        enforcer_string_n(r->obj.ptr, r->obj.len),
        enforcer_string_n(r->act.ptr, r->act.len),
    };
    struct enforcer_request request = {
        .values = values, .values_len = 4, .subjects = r->subjects, .subjects_len = r->subjects_len
    };
    return enforcer_explain(s, &request, near_max, ret, err);
}

void enforcer_explanation_free(struct enforcer_explanation *shown) {
    if (shown == NULL)
        return;
    struct explainer *x = (struct explainer *)shown; /* its first member */
    struct enf_mem *mem = x->scratch.mem;
    enf_scratch_done(&x->scratch);
    enf_scratch_done(&x->per_rule);
    enf_scratch_free(mem, x);
}
