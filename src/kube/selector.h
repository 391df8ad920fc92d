/* Label and field selectors: what ?labelSelector= and ?fieldSelector= ask for. Immutable once parsed, in the
 * caller's arena.
 *
 * Details of errors are in Kubernetes' words and may be shown; they quote what was asked for. */
#pragma once
#include "tkeauth/base.h"

enum {
    SELECTOR_BYTES_MAX = 16 * 1024,
    SELECTOR_TERMS_MAX = 100,
    SELECTOR_VALUES_MAX = 500 /* of one term */
};
enum selector_op {
    SELECTOR_EQUALS,     /* one value; of "=" and "==" */
    SELECTOR_NOT_EQUALS, /* one value; also what is absent */
    SELECTOR_IN,         /* the rest: labels only */
    SELECTOR_NOT_IN,     /* also what is absent */
    SELECTOR_EXISTS,     /* no value */
    SELECTOR_NOT_EXISTS, /* no value */
    SELECTOR_GREATER,    /* one value, an integer */
    SELECTOR_LESS,
};
struct selector_term {
    struct str key; /* of a label, or the path of a field: "spec.tenantID" */
    enum selector_op op;
    const struct str *values;
    size_t len;
};
/* All terms must hold; without any it selects everything. */
struct selector {
    const struct selector_term *terms;
    size_t len;
};

/* "a=b,c==d,e!=f,g in (x,y),h notin (z),i,!j,k>1". ERR_INVALID: syntax; ERR_LIMIT. */
MUST_CHECK enum err_code label_selector_parse(struct arena *a, struct str text, struct selector *ret,
                                              struct err *err);
/* `labels`: an object of strings; NULL or anything else: no labels. */
bool label_selector_matches(const struct selector *s, const json_t *labels);

/* "spec.tenantID=default,metadata.name!=x"; in values "\\", "\," and "\=" stand for what follows the
 * backslash. ERR_INVALID, ERR_LIMIT. */
MUST_CHECK enum err_code field_selector_parse(struct arena *a, struct str text, struct selector *ret,
                                              struct err *err);
/* Looks the paths up in the object: dots separate members. Absent is "", booleans are "true" and "false",
 * numbers integers. */
bool field_selector_matches(const struct selector *s, const json_t *object);
/* ERR_INVALID "field label not supported: ..." unless every path is one of `paths`, NULL-terminated. */
MUST_CHECK enum err_code field_selector_check(const struct selector *s, const char *const *paths,
                                              struct err *err);
/* Sorts the terms into those whose path is one of `names` (NULL-terminated: what callers take for themselves,
 * like "keyword") and the rest, both in order. False: out of memory. */
bool field_selector_split(struct arena *a, const struct selector *s, const char *const *names,
                          struct selector *ret_named, struct selector *ret_rest) MUST_CHECK;
/* The value that `path` must have, if exactly one term says so: what an index can find. Other terms may still
 * exclude it. */
bool field_selector_requires(const struct selector *s, struct str path, struct str *ret_value);
