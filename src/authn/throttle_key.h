/* What a throttle counts under: names and addresses in the form in which they are compared, hashed under a secret. */
#pragma once
#include "tkeauth/authn.h"

enum throttle_kind { THROTTLE_USER, THROTTLE_ADDRESS, THROTTLE_PAIR, THROTTLE_KINDS };
struct throttle_id {
    uint64_t half[2];
};
/* Nobody can choose colliding names without `seed`. */
void throttle_ids(const uint64_t seed[4], const struct throttle_key *key,
                  struct throttle_id ids[THROTTLE_KINDS]);
