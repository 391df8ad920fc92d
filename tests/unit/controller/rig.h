/* A store, a clock that stands still, a controller without threads, and directories made of C. */
#pragma once
#include "unit/test.h"

#include "tkeauth/controller.h"

enum { RIG_CONNECTORS_MAX = 8, RIG_GROUPS_MAX = 64 };

/* A directory's group with members "a,b,c". */
struct rig_group {
    const char *id, *members;
};
/* The connector of a tenant. Counts what it is asked for, and can fail. */
struct rig_directory {
    struct connector connector;
    const char *tenant;
    struct rig_group groups[RIG_GROUPS_MAX];
    size_t len;
    size_t page;         /* groups of one answer; 0: as asked for */
    enum err_code fails; /* ERR_OK: does not */
    size_t fails_after;  /* requests that go well before */
    const char *health_detail;
    enum err_code health;
    bool endless; /* never says that it was all */
    size_t requests;
    int64_t last_request_ms, least_pause_ms; /* between two requests of any directory */
    size_t made_groups, made_members;        /* instead of `groups`: so many, made up */
};

struct rig {
    char folder[64];
    const char *backend; /* "memory", "sqlite" */
    struct store *store;
    struct clock clock;
    struct random random;
    struct keyring *keyring;
    struct log *log;
    int log_fd;
    struct metrics *metrics;
    struct resource_env env;
    struct controller_options options;
    struct controller *controller;
    struct rig_directory directories[RIG_CONNECTORS_MAX];
    size_t directory_count;
    int held; /* connectors not given back */
    struct arena *arena;
};
extern struct rig rig;

int rig_setup(void **state); /* `*state`: the backend's name */
int rig_teardown(void **state);
#define ON(f, backend)                                                                                       \
    {                                                                                                        \
        .name = #f " (" backend ")", .test_func = (f), .setup_func = rig_setup,                              \
        .teardown_func = rig_teardown, .initial_state = (void *)(uintptr_t)(backend)                         \
    }
#define ON_BOTH(f) ON(f, "memory"), ON(f, "sqlite")

/* ---- the controller ---- */
void rig_start(void);         /* a new one, by rig.options */
void rig_kill(void);          /* as a crash would: nothing is finished */
void rig_run(void);           /* until nothing is due */
void rig_run_for(int64_t ms); /* likewise, while time passes */
void rig_run_lane(enum controller_lane lane);
/* One step of the lane; false: there was nothing to do. */
bool rig_step(enum controller_lane lane);
void rig_reopen_store(void); /* sqlite: what is not durable is lost; memory: as it was */

/* ---- objects ---- */
/* The JSON is written with ' for ". */
void rig_create(const struct kind *k, const char *json_with_ticks);
void rig_tenant(const char *id, const char *type);
void rig_mirror(const char *id, const char *type); /* of the configuration */
void rig_remove(const struct kind *k, const char *name);
json_t *rig_get(const struct kind *k, const char *name); /* owned; NULL: there is none */
bool rig_has(const struct kind *k, const char *name);
int64_t rig_revision(void);
size_t rig_count(const struct kind *k, const char *index_key); /* NULL: all */
struct str rig_tenant_key(const char *tenant);
/* "p, pol-x, *, *, get*, allow" */
bool rig_has_rule(const char *line);
size_t rig_rule_count(void);
/* "spec.displayName" of an object. */
void rig_assert_text(const struct kind *k, const char *name, const char *path, const char *wanted);

/* ---- directories ---- */
struct rig_directory *rig_directory(const char *tenant, bool is_local);
void rig_directory_gone(const char *tenant); /* no connector is open any more */

/* ---- the log ---- */
size_t rig_log_count(const char *text);                             /* lines that have it */
void rig_write_file(const char *name, const char *text_with_ticks); /* in rig.folder */
const char *rig_path(const char *name);
