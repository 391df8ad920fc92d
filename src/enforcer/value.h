/* value owns what JavaScript, the reference's host, makes of operands: truth, equality, order, numbers, text. */
#pragma once
#include "enforcer/expr.h"
#include "enforcer/scratch.h"

bool enf_truthy(const struct enforcer_value *v);
double enf_to_number(const struct enforcer_value *v);
/* Text of a value, from scratch memory where it is not a string already. EVAL for undefined and null, NOMEM. */
enum enforcer_status enf_to_text(const struct enforcer_value *v, struct enf_scratch *s,
                                 struct enforcer_str *ret, struct enforcer_error *err) MUST_CHECK;
bool enf_same(const struct enforcer_value *a, const struct enforcer_value *b);  /* === */
bool enf_equal(const struct enforcer_value *a, const struct enforcer_value *b); /* == */
/* < (LT) <= > >=: strings by bytes, everything else as numbers. */
bool enf_ordered(enum enf_op op, const struct enforcer_value *a, const struct enforcer_value *b);
/* Everything of two operands that is not a comparison. EVAL, NOMEM. */
enum enforcer_status enf_arithmetic(enum enf_op op, const struct enforcer_value *a,
                                    const struct enforcer_value *b, struct enf_scratch *s,
                                    struct enforcer_value *ret, struct enforcer_error *err) MUST_CHECK;
/* Attribute of a map, an object, a list or a string ("length"). EVAL: of nothing. */
enum enforcer_status enf_member(const struct enforcer_value *of, struct enforcer_str name,
                                struct enforcer_value *ret, struct enforcer_error *err) MUST_CHECK;
/* a in b: an element of a list, or an attribute of a map or object. EVAL otherwise. */
enum enforcer_status enf_in(const struct enforcer_value *a, const struct enforcer_value *b,
                            struct enf_scratch *s, bool *ret, struct enforcer_error *err) MUST_CHECK;
