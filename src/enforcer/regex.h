/* regex owns the use of PCRE2: patterns that no linear matcher covers, compiled once, matched with limits. */
#pragma once
#include "enforcer/scratch.h"

struct enf_regex;

/* JavaScript's reading where the two differ (empty classes, unset back references, `$` only at the very end).
 * INVALID with the text of the error and its column within `pattern`. `counted`: kept (else of one call). */
enum enforcer_status enf_regex_compile(struct enf_mem *m, bool counted, struct enforcer_str pattern,
                                       struct enf_regex **ret, struct enforcer_error *err) MUST_CHECK;
void enf_regex_free(struct enf_mem *m, struct enf_regex *r);
unsigned enf_regex_groups(const struct enf_regex *r);
/* ENFORCER_EVAL when the match exceeds its steps: never a match. `groups` (may be NULL) gets `groups_len` groups,
 * the first being group 1; an unset one is NULL. */
enum enforcer_status enf_regex_match(const struct enf_regex *r, struct enforcer_str value,
                                     struct enf_scratch *s, bool *ret, struct enforcer_str *groups,
                                     size_t groups_len, struct enforcer_error *err) MUST_CHECK;
