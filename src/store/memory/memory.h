/* The reference backend: everything under one mutex, nothing kept over a restart. */
#pragma once
#include <pthread.h>

#include "store/decide.h"
#include "store/memory/ordered.h"

struct memory_kind {
    char name[STORE_KIND_MAX + 1];
    int64_t revision;
    int64_t floor; /* what its objects were before that is not known */
};
/* Never changed: the next write makes another one. */
struct memory_object {
    struct str kind, name, body; /* owned */
    struct secret secret;
    int64_t revision;
    bool recorded;               /* by its last write, so that its body may be told */
    struct store_index *indexes; /* their keys are owned */
    size_t index_count;
};
struct memory_code {
    struct code_state state;
    unsigned char id[STORE_ID_SIZE], family_id[STORE_ID_SIZE];
    int64_t forget_at;
    char *body;
    size_t body_len;
};
struct memory_family {
    struct store_family family; /* its strings are owned */
    struct predecessors known;
    int64_t forget_at; /* 0: never */
};

struct memory_store {
    struct store base;
    pthread_mutex_t mutex; /* guards everything below */
    int64_t revision;      /* of the last write to any object */
    struct memory_kind *kinds;
    size_t kinds_len;
    struct ordered objects;        /* (kind, name): struct memory_object */
    struct ordered keys;           /* (kind, index key, name): memory_unique or NULL */
    struct ordered owned;          /* (kind, owner, name) */
    struct ordered owners;         /* (kind, name, owner) */
    struct store_change **changes; /* in the order of their revisions; their strings are owned */
    size_t changes_len, changes_cap;
    int64_t floor;              /* all changes after it are there */
    struct map codes, families; /* by id */
};

static inline struct memory_store *memory_of(struct store *s) { return (struct memory_store *)s; }

/* Held until the end of the caller's scope. */
static inline void memory_unlock(pthread_mutex_t **mutex) { (void)pthread_mutex_unlock(*mutex); }
static inline pthread_mutex_t *memory_lock(struct memory_store *m) {
    (void)pthread_mutex_lock(&m->mutex);
    return &m->mutex;
}
#define MEMORY_LOCKED(m) AUTO(memory_unlock) __attribute__((unused)) pthread_mutex_t *locked_ = memory_lock(m)

/* STR_NULL becomes an empty string, as it does in a database column. False: out of memory, `*s` is STR_NULL. */
bool memory_str_own(struct str *s);
void memory_str_free(struct str s);

static inline struct str memory_key(const unsigned char *id) {
    return (struct str) { (const char *)id, STORE_ID_SIZE };
}

/* ---- objects: the functions with a transaction, or named _in, want the mutex held ---- */
extern char memory_unique[1]; /* the value of a unique key */

struct memory_object *memory_object_of(const struct memory_store *m, struct str kind, struct str name);
struct memory_kind *memory_kind_of(const struct memory_store *m, struct str kind); /* NULL: never written */
void memory_object_free(void *o);
MUST_CHECK enum err_code memory_get_in(const struct memory_store *m, struct arena *a,
                                       const struct store_lookup *key, struct store_object *ret,
                                       struct err *err);
MUST_CHECK enum err_code memory_list_in(struct memory_store *m, const struct store_query *q,
                                        struct store_copies *ret, struct err *err);
void memory_change_free(struct store_change *c);
size_t memory_changes_after(const struct memory_store *m, int64_t revision); /* index of the first one */

enum err_code memory_transact(struct store *s, store_tx_fn *fn, void *ctx, int64_t *ret_revision,
                              struct err *err);
enum err_code memory_tx_get(struct store_tx *tx, struct arena *a, const struct store_lookup *key,
                            struct store_object *ret, struct err *err);
enum err_code memory_tx_list(struct store_tx *tx, const struct store_query *q, struct err *err);
enum err_code memory_tx_count(struct store_tx *tx, struct str kind, size_t limit, size_t *ret,
                              struct err *err);
enum err_code memory_tx_write(struct store_tx *tx, const struct store_write *w, int64_t *ret_revision,
                              struct err *err);
enum err_code memory_tx_remove(struct store_tx *tx, const struct store_write *w, struct err *err);
enum err_code memory_tx_set_owned(struct store_tx *tx, const struct store_owned_set *set, size_t *ret_changed,
                                  struct err *err);

enum err_code memory_get(struct store *s, struct arena *a, const struct store_lookup *key,
                         struct store_object *ret, struct err *err);
enum err_code memory_find(struct store *s, struct arena *a, const struct store_lookup *key,
                          struct store_object *ret, bool *ret_more, struct err *err);
enum err_code memory_list(struct store *s, const struct store_query *q, int64_t *ret_revision,
                          struct err *err);
enum err_code memory_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err);
enum err_code memory_revision(struct store *s, int64_t *ret, struct err *err);
enum err_code memory_owned_list(struct store *s, const struct store_owned_query *q, struct err *err);
enum err_code memory_changes(struct store *s, const struct store_change_query *q, int64_t *ret_upto,
                             struct err *err);
enum err_code memory_compact(struct store *s, const struct store_compaction *c, size_t *ret_count,
                             struct err *err);

/* ---- codes and families ---- */
enum err_code memory_code_put(struct store *s, const struct store_code *code, struct err *err);
enum err_code memory_code_get(struct store *s, struct arena *a, const struct store_code_use *use,
                              enum store_code_outcome *ret_outcome, struct store_code *ret, struct err *err);
enum err_code memory_code_consume(struct store *s, const struct store_code_use *use,
                                  enum store_code_outcome *ret_outcome, struct err *err);
void memory_code_free(struct memory_code *c);

enum err_code memory_family_put(struct store *s, const struct store_family *family, struct err *err);
enum err_code memory_refresh_get(struct store *s, struct arena *a, const struct store_refresh *in,
                                 enum store_refresh_outcome *ret_outcome, struct store_family *ret,
                                 struct err *err);
enum err_code memory_refresh_rotate(struct store *s, const struct store_refresh *in,
                                    enum store_refresh_outcome *ret_outcome,
                                    struct store_successor *ret_successor, struct err *err);
enum err_code memory_family_revoke(struct store *s, const struct store_family_filter *filter, int64_t now,
                                   size_t *ret_count, struct err *err);
void memory_family_free(struct memory_family *f);
/* With the mutex held. */
enum err_code memory_family_insert(struct memory_store *m, const struct store_family *family,
                                   struct err *err);
bool memory_family_end(struct memory_family *f, int64_t now); /* false: it was revoked already */
