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

struct test_case {
    const char *name;
    CMUnitTestFunction run;
};
#define CASE(function)                                                                                       \
    { #function, function }
extern const struct test_case object_cases[], code_cases[], family_cases[], upkeep_cases[], race_cases[];
/* Each ends with a case without a name. */
