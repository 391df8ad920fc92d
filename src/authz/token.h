/* What a TokenReview asks of a token besides whose it is. */
#pragma once
#include "tkeauth/base.h"

/* Those of `wanted` that the token is for. */
size_t token_audiences(struct arena *a, const json_t *claims, const struct str *wanted, size_t wanted_count,
                       const struct str **ret);
