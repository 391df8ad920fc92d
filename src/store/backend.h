/* What a backend provides. store.c has checked every argument against the limits before a backend sees it, so a backend
 * decides only outcomes; a slice may still be empty, and STR_NULL where the contract says so. */
#pragma once
#include "tkeauth/store.h"

/* Of names that families are found by: client ids, subjects and session ids. */
enum { STORE_KEY_MAX = 1024 };
/* A revoked family without an end of its own is remembered this long, so that a late reuse is still recognised. */
enum { STORE_REVOKED_KEPT_S = 30 * 24 * 3600 };

typedef enum err_code store_each_fn(void *ctx, const struct store_object *o, struct err *err);

struct store_list_query {
    struct str kind, after;
    size_t limit; /* 0: all */
    store_each_fn *each;
    void *ctx;
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

    enum err_code (*create)(struct store *s, const struct store_object *o, int64_t *ret_revision,
                            struct err *err);
    enum err_code (*get)(struct store *s, struct arena *a, struct str kind, struct str name,
                         struct store_object *ret, struct err *err);
    /* `o->revision` is the expected one, 0: any. */
    enum err_code (*update)(struct store *s, const struct store_object *o, int64_t *ret_revision,
                            struct err *err);
    enum err_code (*remove)(struct store *s, const struct store_object *o, struct err *err);
    enum err_code (*list)(struct store *s, const struct store_list_query *q, int64_t *ret_revision,
                          struct err *err);
    enum err_code (*kind_revision)(struct store *s, struct str kind, int64_t *ret, struct err *err);

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
};

extern const struct store_ops store_memory_ops;
extern const struct store_ops store_sqlite_ops;
