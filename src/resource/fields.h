/* Bringing objects into the form that the tables of fields describe. */
#pragma once
#include "tkeauth/resource.h"

/* Known fields of `given` with the right types, under their proper names; nulls are left out. Unknown ones are noted in `unknown`
 * ("spec.foo"), wrong types as causes in `r`. The caller owns the result; NULL: out of memory. */
struct unknown_fields {
    const char *items[RESOURCE_WARNINGS_MAX];
    size_t len;
};
json_t *fields_decode(const struct kind *k, const json_t *given, struct unknown_fields *unknown,
                      struct refusal *r) MUST_CHECK;
/* Puts the fields of `object` in the order of the tables, fills in fallbacks and what is always there, and leaves empty ones out that may be.
 * metadata stays as it is. Returns a new object; NULL: out of memory. */
json_t *fields_complete(const struct kind *k, const json_t *object) MUST_CHECK;
/* Adds a cause for everything that the tables forbid. `old` NULL: creation. */
void fields_check(const struct kind *k, const json_t *object, const json_t *old, struct refusal *r);
/* Takes the write-only fields out of `object`. */
void fields_strip_write_only(const struct kind *k, json_t *object);

/* metadata of a new version: what clients may say from `given`, the rest from `old` (NULL: creation). Adds causes. The caller owns it. */
json_t *meta_build(const struct resource_env *env, const struct kind *k, const json_t *given,
                   const json_t *old, const struct resource_options *o, struct refusal *r) MUST_CHECK;
void meta_check(const struct kind *k, const json_t *object, struct refusal *r);
static inline struct str json_str(const json_t *v) {
    return json_is_string(v) ? (struct str) { json_string_value(v), json_string_length(v) } : STR_NULL;
}
static inline json_t *json_of_str(struct str s) { return json_stringn(s.len ? s.ptr : "", s.len); }
