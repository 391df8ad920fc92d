/* The inside of a key set, for rotation. */
#pragma once
#include "tkeauth/jose.h"

struct keyset {
    size_t len;
    struct keyset_entry entries[]; /* sorted by kid */
};
