/* A store of either sort, a clock that stands still, and objects written down with ' for ". */
#pragma once
#include "unit/test.h"

#include "tkeauth/resource.h"

#define RIG_START 1700000000 /* 2023-11-14T22:13:20Z */
#define RIG_NOW "2023-11-14T22:13:20Z"
/* Of "secret": bcrypt, so that no test spends its time hashing. */
#define RIG_HASH "$2a$04$abcdefghijklmnopqrstuuPHHmLbpbDxGKjBAJSA0T3ZvVYIUFb7u"
#define RIG_PASSWORD "Y29ycmVjdCBob3JzZQ==" /* "correct horse" in base64 */

struct rig {
    const char *backend; /* "memory", "sqlite" */
    bool twice;          /* every transaction is run, undone, and run again, as after a failure of others */
    /* Somebody who writes right before every transaction of ours; not called for their own. */
    void (*interfere)(void);
    bool interfering;
    char folder[64];
    struct store *store;
    struct clock clock;
    struct random random;
    struct keyring *keyring;
    struct resource_env env;
    struct arena *arena;
    /* What the last call came to. */
    struct refusal refusal;
    struct err err;
    json_t *object; /* in the arena; NULL after a refusal */
    int64_t revision;
    bool removed;
};
extern struct rig rig;

int rig_setup(void **state); /* `*state`: the backend's name, or "twice": memory, with all run twice */
int rig_teardown(void **state);
#define ON(f, backend)                                                                                       \
    {                                                                                                        \
        .name = #f " (" backend ")", .test_func = (f), .setup_func = rig_setup,                              \
        .teardown_func = rig_teardown, .initial_state = (void *)(uintptr_t)(backend)                         \
    }
#define ON_ALL(f) ON(f, "memory"), ON(f, "sqlite"), ON(f, "twice")
#define ON_MEMORY(f) ON(f, "memory")

const char *rig_why(void); /* the last refusal or error */
#define rig_ok(call)                                                                                         \
    do {                                                                                                     \
        if ((call) != ERR_OK)                                                                                \
            fail_msg("%s: %s", #call, rig_why());                                                            \
    } while (0)

/* ---- texts; all of this lives in the rig's arena ---- */
const char *rig_quoted(const char *ticks);
const char *rig_text(const char *fmt, ...) PRINTF(1, 2);
json_t *rig_json(const char *ticks);
json_t *rig_keep(json_t *owned);

/* ---- calls; each forgets the refusal of the one before ---- */
extern const struct resource_options rig_plain, rig_trusted, rig_dry, rig_status, rig_finalize;
enum err_code rig_try_create(const struct kind *k, const json_t *given, const struct resource_options *o);
/* `revision` 0: the present one. */
enum err_code rig_try_update(const struct kind *k, const char *name, const json_t *given, int64_t revision,
                             const struct resource_options *o);
enum err_code rig_try_remove(const struct kind *k, const char *name, const struct resource_delete *o);
enum err_code rig_try_bind(const struct kind *k, const char *name, const char *users, const char *groups,
                           bool bind);
/* These must go well. */
json_t *rig_create(const struct kind *k, const char *ticks);
json_t *rig_import(const struct kind *k, const char *ticks); /* trusted */
json_t *rig_update(const struct kind *k, const char *name, const json_t *given);
void rig_remove(const struct kind *k, const char *name);
void rig_finish(const struct kind *k, const char *name);
void rig_delete(const struct kind *k, const char *name); /* both phases */
void rig_bind(const struct kind *k, const char *name, const char *users, const char *groups, bool bind);
/* These must be refused: 422 with a cause of that reason at that field. */
void rig_create_refused(const struct kind *k, const char *ticks, const char *reason, const char *field);
void rig_update_refused(const struct kind *k, const char *name, const json_t *given, const char *reason,
                        const char *field);
bool rig_has_cause(const char *reason, const char *field);
void rig_assert_cause(const char *reason, const char *field);
void rig_assert_refused(unsigned status, const char *reason);
bool rig_warned(const char *part);

/* ---- what is there ---- */
json_t *rig_get(const struct kind *k, const char *name);  /* as stored; NULL: there is none */
json_t *rig_read(const struct kind *k, const char *name); /* as a client gets it */
bool rig_has(const struct kind *k, const char *name);
struct str rig_secret(const struct kind *k, const char *name);
int64_t rig_revision_of(const struct kind *k, const char *name);
int64_t rig_revision(void); /* the store's */
size_t rig_count(const struct kind *k, struct str index_key);
/* The value at `path` ("spec.users[0].id"), compared as JSON written with ticks; NULL: absent. */
void rig_assert_at(const json_t *object, const char *path, const char *ticks);
/* Every object, secret, key owner and revision in one text: unchanged if nothing has changed. */
const char *rig_dump(void);
/* All rules, sorted: "g, t##user##alice, pol-x, *\n..." */
const char *rig_rules(void);
void rig_assert_rules(const char *lines);

/* ---- objects many tests need ---- */
void rig_tenant(const char *name);
/* A LocalIdentity "usr-<username>" with RIG_HASH. */
void rig_user(const char *tenant, const char *username);
/* A policy "get*" on "*"; `scope` "" or "project". */
void rig_policy(const char *tenant, const char *name, const char *scope);
/* One object of every kind that is stored, with every field that can be set; names as the store has them. */
struct rig_sample {
    const struct kind *kind;
    const char *name;
    const char *ticks;
    bool trusted;
};
extern const struct rig_sample rig_samples[]; /* ends with kind NULL; in an order that can be created */
void rig_populate(void);
