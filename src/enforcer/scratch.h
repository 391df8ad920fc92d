/* scratch owns what one enforce call may need beyond the stack: created empty, filled only by regular expressions,
 * string arithmetic and role managers with matching functions. It never outlives the call. */
#pragma once
#include "enforcer/mem.h"

struct enf_scratch {
    struct enf_mem *mem;
    unsigned regex_steps;
    struct enf_zone zone;
    void *match_data, *match_context; /* PCRE2's, made on first use */
    uint64_t steps;                   /* work done by pattern matchers: what tests bound instead of time */
};

static inline struct enf_scratch enf_scratch_for(struct enf_mem *mem, unsigned regex_steps) {
    return (struct enf_scratch) { .mem = mem,
                                  .regex_steps = regex_steps,
                                  .zone = { .mem = mem, .scratch = true } };
}
void enf_scratch_done(struct enf_scratch *s);
