/* eval owns the evaluation of a parsed expression for one request and one rule. */
#pragma once
#include "enforcer/roles.h"
#include "enforcer/value.h"

struct enf_eval {
    const struct enforcer_snapshot *snapshot;
    const struct enf_model *model;
    const struct enforcer_request *request;
    const struct enforcer_rule *rule; /* NULL: every field of the policy is "" */
    struct enf_scratch *scratch;
    struct enforcer_error *err;
    const struct enf_program *program; /* whose `subject` the request's further subjects may stand in for */
};

/* EVAL, NOMEM, or what a function of the caller returned. */
enum enforcer_status enf_eval(struct enf_eval *x, const struct enf_expr *e, struct enforcer_value *ret)
    MUST_CHECK;
/* Is the value of a whole matcher a match? EVAL: neither a boolean, nor a string, nor 0 or 1. */
enum enforcer_status enf_eval_verdict(const struct enforcer_value *v, bool *ret, struct enforcer_error *err)
    MUST_CHECK;
/* The arguments of a role call are at hand. */
enum enforcer_status enf_eval_role(struct enf_eval *x, const struct enf_grouping *g, bool subject,
                                   struct enforcer_str name, struct enforcer_str role,
                                   const struct enforcer_str *domain, bool *ret) MUST_CHECK;
