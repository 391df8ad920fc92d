/* Randomness is handed in, so that tests can repeat it. */
#pragma once
#include "tkeauth/base/str.h"

struct random {
    void (*fill)(const struct random *, void *out,
                 size_t len); /* cannot fail: the system source aborts instead */
    _Atomic uint64_t counter; /* of random_fixed */
};

const struct random *random_system(void); /* getrandom(2) */
/* A repeatable sequence, for tests only. */
void random_fixed_init(struct random *r, uint64_t seed);
void random_bytes(const struct random *r, void *out, size_t len);

enum { TIME_ID_SIZE = 16 };
/* 16 bytes: 48 bits of milliseconds, then 80 random ones. In byte order they sort by time, which keeps the inserts of
 * a B-tree at its end. Unique, unguessable enough to name a row, never a secret on its own. */
void time_id(const struct random *r, int64_t now_ms, unsigned char out[TIME_ID_SIZE]);
