/* Sets of field paths: what a manager owns of an object, in memory and as Kubernetes writes it (FieldsV1).
 *
 * Sets are trees in an arena, immutable, and share parts. NULL is the empty set. Functions that make sets
 * also return NULL when memory is out, and the arena has then failed: make freely, and check arena_failed()
 * once, before the result is believed. */
#pragma once
#include "tkeauth/base.h"

enum { FIELDSET_DEPTH_MAX = 32, FIELDSET_NODES_MAX = 100000 };

enum element_type {
    ELEMENT_FIELD, /* "f:name": member of an object */
    ELEMENT_KEY,   /* "k:{"uid":"x"}": the item of a list that has these members */
    ELEMENT_VALUE, /* "v:"x"": the item of a list that has this value */
    ELEMENT_INDEX  /* "i:0" */
};
/* One step of a path. */
struct field_element {
    enum element_type type;
    struct str text; /* the name; JSON in its canonical form; decimal digits */
};
struct fieldset;
struct fieldset_child {
    struct field_element element;
    const struct fieldset *set; /* never empty */
};
struct fieldset {
    bool self;  /* the path that leads here is a member */
    size_t len; /* paths that go on from here, in order, each element once */
    const struct fieldset_child *children;
};

/* The canonical text of a value: compact, members in order. STR_NULL: out of memory. */
struct str element_text(struct arena *a, const json_t *value);
int element_cmp(const struct field_element *x, const struct field_element *y);

/* From FieldsV1. ERR_INVALID: it is none; ERR_LIMIT: too deep or too large. A "." at the top, which says
 * nothing, is ignored. */
MUST_CHECK enum err_code fieldset_parse(struct arena *a, const json_t *fields, const struct fieldset **ret,
                                        struct err *err);
/* As FieldsV1, sorted. Caller owns it; NULL: out of memory. */
json_t *fieldset_print(const struct fieldset *s) MUST_CHECK;
/* Each member as text, ".metadata.labels.app" or ".metadata.ownerReferences[uid="x"].kind", in order; NULL:
 * empty, or out of memory. */
const struct str *fieldset_paths(struct arena *a, const struct fieldset *s, size_t *ret_len);

/* The set whose only member is the empty path: what every leaf of the tree is. */
const struct fieldset *fieldset_leaf(void);
/* `children` sorted by element_cmp, each once; those with an empty set are left out. Kept, not copied, and
 * written to. */
const struct fieldset *fieldset_make(struct arena *a, bool self, struct fieldset_child *children, size_t len);
const struct fieldset *fieldset_union(struct arena *a, const struct fieldset *x, const struct fieldset *y);
/* Members of `x` that are none of `y`. */
const struct fieldset *fieldset_difference(struct arena *a, const struct fieldset *x,
                                           const struct fieldset *y);
const struct fieldset *fieldset_intersection(struct arena *a, const struct fieldset *x,
                                             const struct fieldset *y);

bool fieldset_is_empty(const struct fieldset *s);
bool fieldset_equal(const struct fieldset *x, const struct fieldset *y);
size_t fieldset_size(const struct fieldset *s); /* members */
/* The members behind the element, without it in front; NULL: none. */
const struct fieldset *fieldset_below(const struct fieldset *s, const struct field_element *element);
bool fieldset_has(const struct fieldset *s, const struct field_element *path, size_t len);
