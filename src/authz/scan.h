/* A strict one-pass JSON reader (RFC 8259) that fills structs by field tables, with strings as slices of the text: a review is read
 * without building a tree. Only strings with escapes are copied, into the arena. */
#pragma once
#include "tkeauth/base.h"

struct scan {
    const char *start, *at, *end;
    struct arena *arena;
    unsigned depth;
    enum err_code code; /* ERR_OK until something failed; then every call does nothing and returns false */
    const char *problem;
};
void scan_init(struct scan *s, struct arena *arena, struct str text);
/* Records the first failure; returns false. */
bool scan_fail(struct scan *s, enum err_code code, const char *problem);
/* ERR_OK, or what went wrong and at which byte. */
MUST_CHECK enum err_code scan_check(const struct scan *s, struct err *err);

/* Reads one value into `dest`. */
typedef bool (*scan_read)(struct scan *s, void *dest);
struct scan_field {
    struct str name;
    size_t offset; /* of dest in the struct handed to scan_object */
    scan_read read;
};
enum { SCAN_FIELDS_MAX = 32 };
/* An object: known fields are read, a null leaves them as they are, a repeated one is refused, unknown ones are checked and skipped. */
bool scan_object(struct scan *s, const struct scan_field *fields, size_t len, void *out);
/* Nothing but blanks may be left. */
bool scan_end(struct scan *s);

/* Values. A string may not hold NUL: no name of anything does, and C code behind us would see it cut. */
bool scan_string(struct scan *s, void *str_dest);
bool scan_bool(struct scan *s, void *bool_dest);
bool scan_skip(struct scan *s, void *unused);
/* Any value, checked; the slice of the text it is written in. */
bool scan_raw(struct scan *s, void *str_dest);

/* An array: `each` is called for every element until it returns false. */
bool scan_array(struct scan *s, bool (*each)(struct scan *s, void *ctx), void *ctx);
struct scan_strings {
    struct str *items;
    size_t len, cap;
    size_t max;      /* more is ERR_LIMIT */
    size_t item_max; /* bytes of one of them; 0: any */
};
/* An array of strings, appended. */
bool scan_string_array(struct scan *s, void *strings_dest);
/* Makes room for one more element of `size` bytes in an arena array; NULL when it failed (the scan has then). */
void *scan_grow(struct scan *s, void *items, size_t len, size_t *cap, size_t max, size_t size);
/* The members of an object whose names are data. */
bool scan_members(struct scan *s, bool (*each)(struct scan *s, struct str name, void *ctx), void *ctx);
/* Is the next value null? It is then taken. */
bool scan_null(struct scan *s);
