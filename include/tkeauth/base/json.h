/* Writing JSON by hand into a strbuf (hot, fixed-shape replies; logs), and small helpers over jansson for reading
 * (json_auto_t is jansson's own cleanup type). */
#pragma once
#include <jansson.h>
#include "tkeauth/base/arena.h"

/* A quoted, escaped JSON string (RFC 8259 7). Bytes that are not UTF-8 become U+FFFD. */
void json_add_string(struct strbuf *out, struct str s);

/* Comma handling for a hand-written object or array: json_key(out, &first, "name") then the value. */
void json_key(struct strbuf *out, bool *first, const char *name);
void json_field_str(struct strbuf *out, bool *first, const char *name, struct str value);
void json_field_i64(struct strbuf *out, bool *first, const char *name, int64_t value);
void json_field_bool(struct strbuf *out, bool *first, const char *name, bool value);

enum { JSON_DEPTH_MAX = 64 }; /* of objects and arrays in anything parsed from outside */
/* One JSON value and nothing behind it, duplicate keys refused, at most JSON_DEPTH_MAX deep. Caller owns *ret. */
MUST_CHECK enum err_code json_parse(struct str in, json_t **ret, struct err *err);
/* The same, and the arena owns it. ERR_NOMEM besides. */
MUST_CHECK enum err_code json_parse_in(struct arena *a, struct str in, json_t **ret, struct err *err);
/* Compact; caller frees. NULL when out of memory. */
char *json_print(const json_t *value) MUST_CHECK;

/* Borrowed members; a missing key or another type gives the fallback. */
struct str json_get_str(const json_t *object, const char *key); /* STR_NULL */
int64_t json_get_i64(const json_t *object, const char *key, int64_t fallback);
bool json_get_bool(const json_t *object, const char *key, bool fallback);
/* Strings of an array, copied into the arena. *ret_len 0 when absent. */
MUST_CHECK enum err_code json_get_strings(struct arena *a, const json_t *object, const char *key,
                                          struct str **ret, size_t *ret_len, struct err *err);
