/* The reference backend: everything under one mutex, nothing kept over a restart. */
#pragma once
#include <pthread.h>

#include "store/decide.h"

struct memory_kind {
    char name[STORE_KIND_MAX + 1];
    int64_t revision;
};
struct memory_object {
    char *kind, *name, *body;
    size_t body_len;
    int64_t revision;
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
    struct memory_object **objects; /* in (kind, name) order */
    size_t objects_len, objects_cap;
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

static inline struct str memory_key(const unsigned char *id) {
    return (struct str) { (const char *)id, STORE_ID_SIZE };
}

enum err_code memory_create(struct store *s, const struct store_object *o, int64_t *ret_revision,
                            struct err *err);
enum err_code memory_get(struct store *s, struct arena *a, struct str kind, struct str name,
                         struct store_object *ret, struct err *err);
enum err_code memory_update(struct store *s, const struct store_object *o, int64_t *ret_revision,
                            struct err *err);
enum err_code memory_remove(struct store *s, const struct store_object *o, struct err *err);
enum err_code memory_list(struct store *s, const struct store_list_query *q, int64_t *ret_revision,
                          struct err *err);
enum err_code memory_kind_revision(struct store *s, struct str kind, int64_t *ret, struct err *err);
void memory_object_free(struct memory_object *o);

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
