/* fold owns lower case: the simple mapping of Unicode (one code point to one code point), without a locale. */
#pragma once
#include "enforcer/mem.h"

/* Bytes that the folded form of `len` bytes needs at most: two bytes may become three (U+023A). */
static inline size_t enf_fold_room(size_t len) { return len + len / 2 + 1; }
/* Writes the lower case of `in` to `out` (enf_fold_room bytes); returns its length. Bytes that are not UTF-8 stay. */
size_t enf_fold(struct enforcer_str in, char *out);
