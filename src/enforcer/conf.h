/* conf owns the file format of a model: sections, keys, comments, lines continued with a backslash. */
#pragma once
#include "enforcer/expr.h"

/* One `key = value`. */
struct enf_conf_entry {
    char kind;       /* r p g e m, by its section */
    unsigned number; /* 1 for "r", 2 for "r2" */
    const char *key;
    int line;
    struct enf_source value; /* joined lines, with their places */
};
struct enf_conf {
    struct enf_conf_entry *entries;
    size_t len, cap;
    unsigned seen; /* bits: sections that had a heading */
};
/* Everything lives in `z`. INVALID with line and column: unknown section or key, no `=`, a key twice. */
enum enforcer_status enf_conf_parse(struct enf_conf *conf, struct enf_zone *z, struct enforcer_str text,
                                    struct enforcer_error *err) MUST_CHECK;
