/* Small things about JSON values that the files about owned fields share. */
#pragma once
#include "tkeauth/resource.h"

/* jansson's iteration takes a pointer to what may change, and changes nothing. */
static inline json_t *json_iterable(const json_t *value) { return (json_t *)(uintptr_t)value; }

/* What is stored as if nothing had been given: NULL, null, "", false, 0, [] and {}. */
bool stored_is_empty(const json_t *value);
/* True if both come to the same once they are stored as a field like `f` (NULL: nothing is known, so they
 * must be equal). NULL: absent. */
bool stored_same(const struct field *f, const json_t *a, const json_t *b);
/* The field of that name, or of that alias; NULL: none. */
const struct field *field_named(const struct field *fields, struct str name);
