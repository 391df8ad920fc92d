/* batch owns changes: a batch edits roots of its own and publishes them as one snapshot. */
#pragma once
#include "enforcer/snapshot.h"

struct enforcer_batch {
    struct enforcer *owner;
    bool changed;
    enum enforcer_status failed; /* after a failure in the middle of an edit the batch can only be given up */
    size_t policy_rules, grouping_rules;
    struct enf_dirty dirty;
    struct enf_section sections[2 * ENF_DEFINITIONS_MAX];
};

/* Section of a ptype. NOT_FOUND. */
enum enforcer_status enf_batch_section(const struct enforcer_batch *b, struct enforcer_str ptype,
                                       uint16_t *ret, struct enforcer_error *err) MUST_CHECK;
enum enforcer_status enf_batch_add(struct enforcer_batch *b, uint16_t section,
                                   const struct enforcer_str *fields, size_t len, bool *ret_changed,
                                   struct enforcer_error *err) MUST_CHECK;
