/* decide owns the way from a request to a decision: which rules are asked, in what order answers count. */
#pragma once
#include "enforcer/eval.h"

/* What the effect makes of the answers so far. Rules may be offered in any order: what counts is where they stand. */
struct enf_verdict {
    enum enf_effect effect;
    const struct enforcer_rule *first; /* the decisive rule that stands first */
    const struct enforcer_rule *last_allow;
    const struct enforcer_rule *failed; /* the first rule that could not be evaluated */
    unsigned first_level, failed_level; /* of their subjects, for subject priority */
    enum enforcer_status status;
    struct enforcer_error error;
};

enum { ENF_EFT_ALLOW, ENF_EFT_DENY, ENF_EFT_OTHER }; /* the tag of a policy rule */

void enf_verdict_match(struct enf_verdict *v, const struct enforcer_snapshot *s,
                       const struct enforcer_rule *r);
void enf_verdict_error(struct enf_verdict *v, const struct enforcer_snapshot *s,
                       const struct enforcer_rule *r, enum enforcer_status status,
                       const struct enforcer_error *error);
/* Can no rule from `r` on (in policy order) change anything? */
bool enf_verdict_past(const struct enf_verdict *v, const struct enforcer_rule *r);
enum enforcer_status enf_verdict_result(const struct enf_verdict *v, struct enforcer_result *ret,
                                        struct enforcer_error *err) MUST_CHECK;
/* Depth of a rule's subject below the top of its roles, by the latest link of each. */
unsigned enf_subject_level(const struct enforcer_snapshot *s, const struct enforcer_rule *r);

/* A request with its definitions found. */
struct enf_question {
    const struct enforcer_snapshot *snapshot;
    const struct enf_model *model;
    const struct enforcer_request *request;
    const struct enf_fields *fields;
    const struct enf_policy *policy;
    const struct enf_matcher *matcher;
    enum enf_effect effect;
    uint16_t section;
};
/* INVALID, NOT_FOUND, LIMIT. `program`: instead of the model's matcher, or NULL. */
enum enforcer_status enf_question_init(struct enf_question *q, const struct enforcer_snapshot *s,
                                       const struct enforcer_request *request, const struct enf_matcher *own,
                                       struct enforcer_error *err) MUST_CHECK;
/* Can the matcher's compiled shape answer this request? */
bool enf_question_compiled(const struct enf_question *q);
/* fast.c */
enum enforcer_status enf_decide_compiled(const struct enf_question *q, struct enf_scratch *scratch,
                                         struct enf_verdict *v, struct enforcer_error *err) MUST_CHECK;
enum enforcer_status enf_decide(const struct enf_question *q, struct enf_scratch *scratch,
                                struct enforcer_result *ret, struct enforcer_error *err) MUST_CHECK;
