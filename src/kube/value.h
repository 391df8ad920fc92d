/* Small things about JSON values that the patches share. */
#pragma once
#include "tkeauth/base.h"

/* jansson's iteration takes a pointer to what may change, and changes nothing. */
static inline json_t *json_iterable(const json_t *value) { return (json_t *)(uintptr_t)value; }

/* At most `levels` objects and lists inside each other, itself included. */
bool value_depth_within(const json_t *value, size_t levels);
/* Equal as JSON is (RFC 6902 4.6): 1 is 1.0, and the order of members does not matter. Neither may be deeper
 * than JSON_DEPTH_MAX. */
bool value_same(const json_t *a, const json_t *b);
