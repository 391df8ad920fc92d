#include "enforcer/decide.h"

static enum enforcer_status check_values(const struct enf_question *q, struct enforcer_error *err) {
    const struct enforcer_request *r = q->request;
    if (r->values_len != q->fields->len)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "a request of %zu values, %s has %zu", r->values_len,
                        q->fields->name, q->fields->len);
    size_t max = q->model->options.value_max;
    for (size_t i = 0; i < r->values_len; i++)
        if (r->values[i].kind == ENFORCER_STRING && r->values[i].u.string.len > max)
            return enf_fail(err, ENFORCER_LIMIT, 0, 0, "a request value of %zu bytes",
                            r->values[i].u.string.len);
    for (size_t i = 0; i < r->subjects_len; i++)
        if (r->subjects[i].len > max)
            return enf_fail(err, ENFORCER_LIMIT, 0, 0, "a subject of %zu bytes", r->subjects[i].len);
    return ENFORCER_OK;
}

enum enforcer_status enf_question_init(struct enf_question *q, const struct enforcer_snapshot *s,
                                       const struct enforcer_request *request, const struct enf_matcher *own,
                                       struct enforcer_error *err) {
    const struct enf_model *m = &s->owner->model;
    const struct enf_effect_def *effect = enf_effect_find(m, request->e);
    *q = (struct enf_question) { .snapshot = s, .model = m, .request = request };
    q->fields = enf_request_find(m, request->r);
    q->policy = enf_policy_find(m, request->p);
    q->matcher = own != NULL ? own : enf_matcher_find(m, request->m);
    if (q->fields == NULL || q->policy == NULL || effect == NULL || q->matcher == NULL)
        return enf_fail(err, ENFORCER_NOT_FOUND, 0, 0, "the model has no such %s",
                        q->fields == NULL   ? "request definition"
                        : q->policy == NULL ? "policy definition"
                        : effect == NULL    ? "policy effect"
                                            : "matcher");
    q->effect = effect->effect;
    q->section = (uint16_t)(q->policy - m->policies);
    const struct enf_program *program = q->matcher->program;
    if (request->subjects_len > 0 && (program->subject < 0 || program->subject_refs != 1))
        return enf_fail(err, ENFORCER_LIMIT, 0, 0,
                        "further subjects need a matcher that asks about the subject in one g() only");
    return check_values(q, err);
}

/* Rule by rule, with the evaluator. */
static enum enforcer_status decide_scanning(const struct enf_question *q, struct enf_scratch *scratch,
                                            struct enf_verdict *v, struct enforcer_error *err) {
    struct enf_eval eval = { .snapshot = q->snapshot,
                             .model = q->model,
                             .request = q->request,
                             .scratch = scratch,
                             .err = err,
                             .program = q->matcher->program };
    struct enf_cursor c;
    enf_cursor_init(&c, q->snapshot->sections[q->section].all);
    for (const struct enforcer_rule *r; (r = enf_cursor_next(&c)) != NULL && !enf_verdict_past(v, r);) {
        struct enforcer_value value;
        bool yes = false;
        eval.rule = r;
        enum enforcer_status rc = enf_eval(&eval, q->matcher->program->root, &value);
        if (rc == ENFORCER_OK)
            rc = enf_eval_verdict(&value, &yes, err);
        if (rc == ENFORCER_NOMEM)
            return rc;
        if (rc != ENFORCER_OK)
            enf_verdict_error(v, q->snapshot, r, rc, err);
        else if (yes)
            enf_verdict_match(v, q->snapshot, r);
        enf_zone_reset(&scratch->zone);
        if (v->failed != NULL && v->effect != ENF_SUBJECT_PRIORITY)
            break; /* nothing that follows stands before it */
    }
    return ENFORCER_OK;
}

/* A matcher that does not speak of rules, or a policy without any: asked once, with every field of the policy "", as
 * the reference does. "r.sub == 'root' || g(r.sub, p.sub)" lets root in before there is a policy. */
static enum enforcer_status decide_without_rules(const struct enf_question *q, struct enf_scratch *scratch,
                                                 struct enforcer_result *ret, struct enforcer_error *err) {
    struct enf_eval eval = { .snapshot = q->snapshot,
                             .model = q->model,
                             .request = q->request,
                             .scratch = scratch,
                             .err = err,
                             .program = q->matcher->program };
    struct enforcer_value value;
    enum enforcer_status rc = enf_eval(&eval, q->matcher->program->root, &value);
    if (rc == ENFORCER_OK && (enf_truthy(&value) || q->effect == ENF_DENY_OVERRIDE))
        ret->outcome = ENFORCER_ALLOW;
    return rc;
}

enum enforcer_status enf_decide(const struct enf_question *q, struct enf_scratch *scratch,
                                struct enforcer_result *ret, struct enforcer_error *err) {
    if (q->matcher->program->policies == 0 || q->snapshot->sections[q->section].all == NULL)
        return decide_without_rules(q, scratch, ret, err);
    struct enf_verdict v;
    v.effect = q->effect;
    v.first = v.last_allow = v.failed = NULL;
    v.status = ENFORCER_OK;
    enum enforcer_status rc = enf_question_compiled(q) ? enf_decide_compiled(q, scratch, &v, err)
                                                       : decide_scanning(q, scratch, &v, err);
    return rc != ENFORCER_OK ? rc : enf_verdict_result(&v, ret, err);
}

static enum enforcer_status enforce_with(const struct enforcer_snapshot *s,
                                         const struct enforcer_request *request,
                                         const struct enf_matcher *own, struct enforcer_result *ret,
                                         struct enforcer_error *err) {
    struct enforcer_error ignored;
    *ret = (struct enforcer_result) { .outcome = ENFORCER_NO_MATCH };
    if (err == NULL)
        err = &ignored;
    struct enf_question q;
    enum enforcer_status rc = enf_question_init(&q, s, request, own, err);
    if (rc != ENFORCER_OK)
        return rc;
    struct enf_scratch scratch = enf_scratch_for(&s->owner->mem, q.model->options.regex_steps);
    rc = enf_decide(&q, &scratch, ret, err);
    enf_scratch_done(&scratch);
    if (rc != ENFORCER_OK)
        *ret = (struct enforcer_result) { .outcome = ENFORCER_NO_MATCH };
    return rc;
}

enum enforcer_status enforcer_enforce(const struct enforcer_snapshot *s,
                                      const struct enforcer_request *request, struct enforcer_result *ret,
                                      struct enforcer_error *err) {
    return enforce_with(s, request, NULL, ret, err);
}

enum enforcer_status enforcer_enforce_strings(const struct enforcer_snapshot *s,
                                              const struct enforcer_str *values, size_t values_len,
                                              struct enforcer_result *ret, struct enforcer_error *err) {
    struct enforcer_value strings[ENF_FIELDS_MAX];
    *ret = (struct enforcer_result) { .outcome = ENFORCER_NO_MATCH };
    if (values_len > ENF_FIELDS_MAX)
        return enf_fail(err, ENFORCER_INVALID, 0, 0, "a request of %zu values", values_len);
    for (size_t i = 0; i < values_len; i++)
        strings[i] = enforcer_string_n(values[i].ptr, values[i].len);
    struct enforcer_request request = { .values = strings, .values_len = values_len };
    return enforcer_enforce(s, &request, ret, err);
}

enum enforcer_status enforcer_enforce_batch(const struct enforcer_snapshot *s,
                                            const struct enforcer_request *requests, size_t requests_len,
                                            struct enforcer_result *ret_results, size_t *ret_done,
                                            struct enforcer_error *err) {
    enum enforcer_status rc = ENFORCER_OK;
    for (size_t i = 0; i < requests_len; i++)
        ret_results[i] = (struct enforcer_result) { .outcome = ENFORCER_NO_MATCH };
    size_t done = 0;
    while (done < requests_len && rc == ENFORCER_OK) {
        rc = enforcer_enforce(s, &requests[done], &ret_results[done], err);
        done += rc == ENFORCER_OK;
    }
    if (ret_done != NULL)
        *ret_done = done;
    return rc;
}

enum enforcer_status enforcer_enforce_matcher(const struct enforcer_snapshot *s, const char *matcher,
                                              size_t matcher_len, const struct enforcer_request *request,
                                              struct enforcer_result *ret, struct enforcer_error *err) {
    struct enf_place start = { 0, 1, 1 };
    struct enf_parse parse = { .model = &s->owner->model, .source = { { matcher, matcher_len }, &start, 1 } };
    struct enf_matcher own = { .number = 1 };
    *ret = (struct enforcer_result) { .outcome = ENFORCER_NO_MATCH };
    if (matcher_len > s->owner->model.options.model_max)
        return enf_fail(err, ENFORCER_LIMIT, 0, 0, "matcher of %zu bytes", matcher_len);
    enum enforcer_status rc = enf_parse_program(&parse, &own.program, err);
    if (rc == ENFORCER_OK)
        rc = enforce_with(s, request, &own, ret, err);
    enf_program_free(&s->owner->mem, own.program);
    return rc;
}

enum enforcer_status enforcer_enforce_tke(const struct enforcer_snapshot *s,
                                          const struct enforcer_tke_request *r, struct enforcer_result *ret,
                                          struct enforcer_error *err) {
    const struct enforcer_value values[4] = {
        enforcer_string_n(r->sub.ptr, r->sub.len),
        enforcer_string_n(r->dom.ptr, r->dom.len),
        enforcer_string_n(r->obj.ptr, r->obj.len),
        enforcer_string_n(r->act.ptr, r->act.len),
    };
    struct enforcer_request request = {
        .values = values, .values_len = 4, .subjects = r->subjects, .subjects_len = r->subjects_len
    };
    return enforcer_enforce(s, &request, ret, err);
}
