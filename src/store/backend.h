/* What a backend provides. store.c has checked every argument against the limits before a backend sees it, so a backend
 * decides only outcomes; a slice may still be empty, and STR_NULL where the contract says so. */
#pragma once
#include <pthread.h>

#include "tkeauth/store.h"

/* Of names that families are found by: client ids, subjects and session ids. */
enum { STORE_KEY_MAX = 1024 };
/* A revoked family without an end of its own is remembered this long, so that a late reuse is still recognised. */
enum { STORE_REVOKED_KEPT_S = 30 * 24 * 3600 };

struct store_lookup {
    struct str kind, name;
    struct str key; /* find: instead of the name */
    bool with_secret;
};
struct store_owned_set {
    struct str kind, owner;
    const struct store_owned *items; /* in the order of their names, none twice */
    size_t len;
};
struct store_owned_query {
    struct str kind, owner, name;
    size_t limit; /* 0: all */
    enum err_code (*each)(void *ctx, struct str owner, struct str name, struct err *err);
    void *ctx;
};
struct store_change_query {
    struct str kind; /* STR_NULL: all */
    int64_t after;
    size_t limit;
    enum err_code (*each)(void *ctx, const struct store_change *c, struct err *err);
    void *ctx;
};
struct store_compaction {
    int64_t before;
    size_t keep_max, limit;
};
/* Every backend's transaction begins with this. */
struct store_tx {
    struct store *store;
    enum err_code broken; /* a change that failed half-way: what is left must not be committed */
    struct err why;
};
struct store_code_use {
    const unsigned char *id, *hash;
    int64_t now, replay_until;
    const struct store_family *family; /* NULL: none is started */
};
struct store_successor {
    unsigned char masked[STORE_HASH_SIZE];
    uint32_t generation;
};

struct store_ops {
    const char *type;
    enum err_code (*open)(const struct store_options *options, struct store **ret, struct err *err);
    void (*close)(struct store *s);

    /* `*ret_revision`: of the last write, or the present one. */
    enum err_code (*transact)(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                              struct err *err);
    enum err_code (*tx_get)(struct store_tx *tx, struct arena *a, const struct store_lookup *key,
                            struct store_object *ret, struct err *err);
    enum err_code (*tx_list)(struct store_tx *tx, const struct store_query *q, struct err *err);
    enum err_code (*tx_count)(struct store_tx *tx, struct str kind, size_t limit, size_t *ret,
                              struct err *err);
    /* `w->indexes` are in the order of their keys, none twice. */
    enum err_code (*tx_write)(struct store_tx *tx, const struct store_write *w, int64_t *ret_revision,
                              struct err *err);
    /* Only kind, name, expected and unrecorded of `w` count. */
    enum err_code (*tx_remove)(struct store_tx *tx, const struct store_write *w, struct err *err);
    enum err_code (*tx_set_owned)(struct store_tx *tx, const struct store_owned_set *set, size_t *ret_changed,
                                  struct err *err);

    enum err_code (*get)(struct store *s, struct arena *a, const struct store_lookup *key,
                         struct store_object *ret, struct err *err);
    enum err_code (*find)(struct store *s, struct arena *a, const struct store_lookup *key,
                          struct store_object *ret, bool *ret_more, struct err *err);
    enum err_code (*list)(struct store *s, const struct store_query *q, int64_t *ret_revision,
                          struct err *err);
    enum err_code (*kind_revision)(struct store *s, struct str kind, int64_t *ret, struct err *err);
    enum err_code (*revision)(struct store *s, int64_t *ret, struct err *err);
    enum err_code (*owned_list)(struct store *s, const struct store_owned_query *q, struct err *err);
    enum err_code (*changes)(struct store *s, const struct store_change_query *q, int64_t *ret_upto,
                             struct err *err);
    enum err_code (*compact)(struct store *s, const struct store_compaction *c, size_t *ret_count,
                             struct err *err);

    enum err_code (*code_put)(struct store *s, const struct store_code *code, struct err *err);
    enum err_code (*code_get)(struct store *s, struct arena *a, const struct store_code_use *use,
                              enum store_code_outcome *ret_outcome, struct store_code *ret, struct err *err);
    enum err_code (*code_consume)(struct store *s, const struct store_code_use *use,
                                  enum store_code_outcome *ret_outcome, struct err *err);
    enum err_code (*family_put)(struct store *s, const struct store_family *family, struct err *err);
    enum err_code (*refresh_get)(struct store *s, struct arena *a, const struct store_refresh *in,
                                 enum store_refresh_outcome *ret_outcome, struct store_family *ret,
                                 struct err *err);
    enum err_code (*refresh_rotate)(struct store *s, const struct store_refresh *in,
                                    enum store_refresh_outcome *ret_outcome,
                                    struct store_successor *ret_successor, struct err *err);
    enum err_code (*family_revoke)(struct store *s, const struct store_family_filter *filter, int64_t now,
                                   size_t *ret_count, struct err *err);

    enum err_code (*expire)(struct store *s, int64_t now, size_t limit, size_t *ret_count, struct err *err);
    enum err_code (*backup)(struct store *s, const char *path, struct err *err);
    enum err_code (*health)(const struct store *s, struct err *err);
};

/* Every backend's struct begins with this. */
struct store {
    const struct store_ops *ops;
    const struct clock *clock;
    bool read_only;
    _Atomic uint64_t writes; /* acknowledged calls that changed something */
    struct {
        pthread_mutex_t mutex; /* held during the call: one at a time, none after store_listen(NULL) */
        void (*committed)(void *ctx);
        void *ctx;
    } listener;
};

extern const struct store_ops store_memory_ops;
extern const struct store_ops store_sqlite_ops;

/* ---- what the backends share ---- */

void store_base_init(struct store *s);
void store_base_done(struct store *s);
/* Recorded objects have changed: tells the listener. With no lock held that a reader wants. */
void store_tell(struct store *s);

/* Runs `fn`; a broken transaction does not get through, whatever it returns. */
MUST_CHECK enum err_code store_tx_run(struct store_tx *tx, store_tx_fn *fn, void *ctx, struct err *err);
/* Remembers the failure of a change that may be half done; returns `rc`. */
enum err_code store_tx_break(struct store_tx *tx, enum err_code rc, const struct err *err);

/* Whether what is there is what `w` expects, and may be written by it. */
struct store_there {
    bool found;
    int64_t revision;
    bool recorded; /* by its last write, so that its body may be told */
    bool owned;
};
MUST_CHECK enum err_code store_check_write(const struct store_write *w, const struct store_there *there,
                                           struct err *err);
MUST_CHECK enum err_code store_check_remove(const struct store_write *w, const struct store_there *there,
                                            struct err *err);
MUST_CHECK enum err_code store_not_found(struct str kind, struct str name, struct err *err);
/* Whether the history answers questions about `at`. `floor`: all changes after it are there. */
MUST_CHECK enum err_code store_check_history(int64_t at, int64_t floor, int64_t revision, struct err *err);

/* Deep copies; a secret is wiped with the arena. ERR_NOMEM. */
MUST_CHECK enum err_code store_object_copy(struct arena *a, const struct store_object *from,
                                           struct store_object *ret, struct err *err);
/* A list that is kept, to be offered when it may: its receiver may write, or call the store. */
struct store_copy;
struct store_copies {
    struct arena *arena;
    struct store_copy *first, **end;
};
MUST_CHECK enum err_code store_copies_init(struct store_copies *c, struct err *err);
void store_copies_done(struct store_copies *c);
enum err_code store_copies_add(void *copies, const struct store_object *o,
                               struct err *err); /* store_each_fn */
MUST_CHECK enum err_code store_copies_offer(const struct store_copies *c, const struct store_query *q,
                                            struct err *err);
