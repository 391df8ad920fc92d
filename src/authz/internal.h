/* The parts of struct authz. */
#pragma once
#include <sys/stat.h>

#include "authz/abac.h"
#include "authz/access.h"
#include "authz/decision.h"
#include "authz/webhook.h"

/* One version of the rules: replaced as a whole by a reload. */
struct authz_shared;
struct rules {
    struct snapshot snapshot;
    struct authz_shared *shared;
    struct rules *next_dead;
    struct engine engine;
    struct abac *abac; /* may be NULL */
    uint64_t revision;
};

/* Makes the engine that `options` ask for. */
typedef enum err_code (*engine_load)(const struct authz_options *options, struct engine *ret,
                                     struct err *err);

struct file_stamp {
    bool exists;
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
};
enum { RULE_FILES = 3 };

/* What changes while requests run, apart from the immutable rest. */
struct authz_shared {
    struct snapshot_cell rules;
    struct snapshot_cell tenants; /* struct tenant_list */
    _Atomic uint64_t revision;
    _Atomic uint64_t decisions[AUTHZ_OUTCOMES]; /* for sampling */
    struct file_stamp stamps[RULE_FILES];       /* the reloading thread's */
    /* Versions that nobody uses any more. The last reader may be the event loop, which must not spend its time on freeing a million
     * rules: the reloading thread does. */
    struct rules *_Atomic dead;
};

struct authz {
    struct arena *arena;          /* holds this struct and the copies */
    struct authz_options options; /* strings copied */
    struct decision_rules decision;
    engine_load load;
    struct authz_shared *shared;
    struct access *access;
    struct webhook *webhook; /* may be NULL */
    struct counter *counters[AUTHZ_OUTCOMES], *errors, *reloads, *reload_errors;
    struct histogram *latencies[AUTHZ_OUTCOMES];
};

/* One version of the known tenants. */
struct tenant_list {
    struct snapshot snapshot;
    struct arena *arena;
    struct tenants tenants;
};

MUST_CHECK enum err_code authz_new_with(const struct authz_options *options, engine_load load,
                                        struct authz **ret, struct err *err);
/* For several questions about one user. */
MUST_CHECK enum err_code authz_decide_as(const struct authz *z, const struct authz_version *v,
                                         struct arena *a, const struct authz_question *q,
                                         const struct asker *who, struct authz_decision *ret,
                                         struct err *err);
