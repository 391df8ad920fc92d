/* Finds what waits for the daemon by the index key of deleted objects, kind by kind, and hands it out one at a time. */
#pragma once
#include "controller/internal.h"

enum sweep_outcome {
    SWEEP_DONE,
    SWEEP_MORE,   /* one piece was done: come back to the object after the others had their turn */
    SWEEP_FAILED, /* `err` is set */
};
struct sweep_options {
    const struct resource_env *env;
    const struct kind *const *kinds; /* NULL-terminated */
    enum sweep_outcome (*work)(void *ctx, const struct kind *k, struct str name, struct err *err);
    void *ctx;
    const char *failure_event; /* of the log */
    struct gauge *waiting;     /* objects that failed and will be tried again */
};
struct sweep;
MUST_CHECK enum err_code sweep_new(const struct sweep_options *options, struct sweep **ret, struct err *err);
void sweep_free(struct sweep *s);
void sweep_look(struct sweep *s);
int64_t sweep_step(struct sweep *s, int64_t now); /* as struct job has it */
