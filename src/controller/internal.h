/* What the parts of the controller share. Each part is a job: a lane calls it again and again, and it does one piece of work at a time. */
#pragma once
#include "tkeauth/controller.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    RETRY_FIRST_MS = 1000,
    RETRY_LAST_MS = 60 * 1000,
    PIECE_MEMORY_MAX = 256 * 1024 * 1024, /* of one piece of work */
};

/* ---- jobs ---- */
struct job {
    void *self;
    /* One piece of work. Returns when to call again, in monotonic milliseconds: not after `now` while there is more to do. */
    int64_t (*step)(void *self, int64_t now);
    void (*look)(void *self); /* objects have changed; may be NULL */
    void (*free)(void *self);
    int poll_fd; /* readable: call `step`; -1: none */
};
/* `options` is borrowed. */
MUST_CHECK enum err_code deletions_job(const struct controller_options *options, struct job *ret,
                                       struct err *err);
MUST_CHECK enum err_code endings_job(const struct controller_options *options, struct job *ret,
                                     struct err *err);
MUST_CHECK enum err_code defaults_job(const struct controller_options *options, struct job *ret,
                                      struct err *err);
MUST_CHECK enum err_code conditions_job(const struct controller_options *options, struct job *ret,
                                        struct err *err);
MUST_CHECK enum err_code directories_job(const struct controller_options *options, struct job *ret,
                                         struct err *err);

static inline int64_t earlier(int64_t a, int64_t b) { return a < b ? a : b; }

/* ---- pauses after failures: doubling from `first` up to `last` milliseconds ---- */
struct pause {
    unsigned failures;
    int64_t until; /* monotonic milliseconds */
};
void pause_note(struct pause *p, int64_t now, int64_t first, int64_t last);
static inline void pause_end(struct pause *p) { *p = (struct pause) { 0 }; }
/* It concerns the store, not one object: nothing else will fare better now. */
bool failure_is_general(enum err_code rc);

/* ---- has a kind changed since it was last looked at? ---- */
struct revision_mark {
    int64_t seen; /* 0: it is to be looked at in any case */
    bool looked;
};
/* True also when the store could not tell. */
bool revision_moved(struct revision_mark *m, struct store *s, const struct kind *k);

/* ---- tenants ---- */
struct tenant_view {
    struct str id;
    const json_t *object; /* of the IdentityProvider; no longer than the call */
    bool is_deleting;
};
typedef enum err_code tenant_each_fn(void *ctx, const struct tenant_view *t, struct err *err);
/* Every IdentityProvider; one that cannot be read is told in the log and passed over. */
MUST_CHECK enum err_code tenants_each(const struct resource_env *env, tenant_each_fn *each, void *ctx,
                                      struct err *err);
/* `tenant="NAME"` for metrics, escaped. */
void tenant_label(struct str tenant, struct strbuf *out);
