/* A store of the backend under test, and the rows the tests put into it. */
#pragma once
#include "unit/test.h"

#include "tkeauth/store.h"

enum { NOW = 1000000, CODE_TTL_S = 60, GRACE_S = 30 };

struct env {
    const char *type;
    char directory[64];
    char path[128];
    struct store *store;
    struct arena *arena;
    struct clock clock;
};
struct env *env_new(const char *type);
void env_free(struct env *e);
void env_reopen(struct env *e);

/* Ids and hashes that a number stands for. */
void fill_id(unsigned char id[STORE_ID_SIZE], uint32_t n);
void fill_hash(unsigned char hash[STORE_HASH_SIZE], uint32_t n);
struct store_code make_code(uint32_t n);     /* secret n, family n */
struct store_family make_family(uint32_t n); /* generation 1 with token (n, 1) */
/* The hash of the token of family n in generation g. */
void fill_token(unsigned char hash[STORE_HASH_SIZE], uint32_t n, uint32_t g);
/* What presents the token of generation g of family n and would rotate it to (n, g + 1). */
struct store_refresh make_refresh(uint32_t n, uint32_t g);

enum store_code_outcome consume(struct env *e, uint32_t n, const struct store_family *family, int64_t now);
enum store_refresh_outcome rotate(struct env *e, const struct store_refresh *in, unsigned char *successor,
                                  uint32_t *generation);
enum store_refresh_outcome look(struct env *e, const struct store_refresh *in, struct store_family *ret);
uint64_t writes_of(struct env *e);

/* Objects. */
struct store_write new_object(struct str kind, const char *name, const char *body); /* must not exist */
enum err_code try_write(struct env *e, const struct store_write *w);
enum err_code try_replace(struct env *e, struct str kind, const char *name, const char *body,
                          int64_t expected);
int64_t create(struct env *e, struct str kind, const char *name, const char *body);
int64_t replace(struct env *e, struct str kind, const char *name, const char *body); /* or create */
int64_t remove_object(struct env *e, struct str kind, const char *name); /* the store's revision after it */
bool exists(struct env *e, struct str kind, const char *name);
struct store_object get_object(struct env *e, struct str kind, const char *name);
int64_t revision_of(struct env *e);
int64_t kind_revision(struct env *e, struct str kind);
int64_t transact(struct env *e, store_tx_fn *fn, void *ctx);

/* For what runs on the store's own thread, where cmocka's asserts do not work: ends it with an error that the test reports. */
#define WANT(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            return err_set(err, ERR_INTERNAL, "line %d: not so: %s", __LINE__, #condition);                  \
    } while (0)
#define WANT_TEXT(got, want)                                                                                 \
    do {                                                                                                     \
        if (strcmp((got), (want)) != 0)                                                                      \
            return err_set(err, ERR_INTERNAL, "line %d: \"%s\"", __LINE__, (got));                           \
    } while (0)

/* What a list or the history says, as text: "name=body@revision ", "+kind/name=body " and so on. */
struct text {
    char chars[4096];
    size_t items;
};
enum err_code text_object(void *ctx, const struct store_object *o, struct err *err);
enum err_code text_name(void *ctx, const struct store_object *o, struct err *err); /* names only */
enum err_code text_change(void *ctx, const struct store_change *c, struct err *err);
enum err_code text_owned(void *ctx, struct str owner, struct str name, struct err *err);
const char *list_text(struct env *e, struct store_query q); /* each and ctx are filled in */
const char *changes_text(struct env *e, struct str kind, int64_t after);
const char *owned_text(struct env *e, struct str kind); /* the three: in e->arena */
size_t count_changes(struct env *e, struct str kind, int64_t after);

struct test_case {
    const char *name;
    CMUnitTestFunction run;
};
#define CASE(function)                                                                                       \
    { #function, function }
extern const struct test_case object_cases[], key_cases[], tx_cases[], owned_cases[], history_cases[],
    listen_cases[], code_cases[], family_cases[], upkeep_cases[], race_cases[];
/* Each ends with a case without a name. */
