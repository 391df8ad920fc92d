/* Byte slices (struct str) for parsing, bounded growing buffers (struct strbuf) for building. */
#pragma once
#include "tkeauth/base/err.h"

/* Borrowed bytes; may hold NUL; `ptr` may be NULL when len is 0. */
struct str {
    const char *ptr;
    size_t len;
};
#define STR(literal) ((struct str) { ("" literal), sizeof(literal) - 1 })
#define STR_NULL ((struct str) { NULL, 0 })
/* For printf's "%.*s"; the length is cut at INT_MAX by the caller's limits. */
#define STR_FMT(s) (int)(s).len, ((s).len ? (s).ptr : "")

/* NULL gives STR_NULL. Inline, so that the length of a literal is known when compiling. */
static inline struct str str_of(const char *c_string) {
    return c_string != NULL ? (struct str) { c_string, strlen(c_string) } : STR_NULL;
}
static inline bool str_eq(struct str a, struct str b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}
bool str_eq_nocase(struct str a, struct str b); /* ASCII only; the locale has no say */
int str_cmp(struct str a, struct str b);        /* byte order, shorter first */
bool str_starts_with(struct str s, struct str prefix);
bool str_starts_with_nocase(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
bool str_contains(struct str s, struct str needle);
bool str_contains_nocase(struct str s, struct str part);   /* ASCII only */
struct str str_sub(struct str s, size_t from, size_t len); /* clamped to `s` */
struct str str_from(struct str s, size_t from);            /* the rest, clamped */
struct str str_trim(struct str s);                         /* spaces, tabs, CR, LF at both ends */
/* Index of the first `c`, or s.len. */
size_t str_find(struct str s, char c);
size_t str_rfind(struct str s, char c); /* last one, or s.len */
/* Splits at the first `sep`: true and both parts, or false and *head = s, *tail empty. */
bool str_cut(struct str s, char sep, struct str *head, struct str *tail);
/* Next token of `*rest` separated by any run of `sep`; false at the end. */
bool str_next(struct str *rest, char sep, struct str *ret_token);
bool str_is_utf8(struct str s);     /* well formed (RFC 3629), no surrogates, no overlong forms */
bool str_has_control(struct str s); /* a byte below 0x20, or 0x7f */
/* malloc'd, NUL-terminated copy; NULL on out of memory. */
char *str_dup(struct str s) MUST_CHECK;
char *str_dup_c(const char *c_string) MUST_CHECK; /* NULL stays NULL */

bool ascii_is_digit(char c);
bool ascii_is_alpha(char c);
bool ascii_is_alnum(char c);
bool ascii_is_space(char c);
char ascii_lower(char c);

/* Decimal digits only, no sign, no blanks, within [min, max]. */
MUST_CHECK enum err_code parse_u64(struct str s, uint64_t min, uint64_t max, uint64_t *ret, struct err *err);
MUST_CHECK enum err_code parse_i64(struct str s, int64_t min, int64_t max, int64_t *ret, struct err *err);
/* "90", "15m", "1h30m", "24h0m0s", "500ms": Go's duration notation, in milliseconds; a bare number is seconds. */
MUST_CHECK enum err_code parse_duration_ms(struct str s, int64_t *ret_ms, struct err *err);

/* A growing, always NUL-terminated (once anything was added) buffer with a hard maximum. Failures are sticky:
 * add freely, check once. */
struct strbuf {
    char *ptr;
    size_t len, cap, max;
    bool failed;
};
#define STRBUF(limit) ((struct strbuf) { .max = (limit) })
void strbuf_add(struct strbuf *b, struct str s); /* past `max` or out of memory: sets failed */
void strbuf_addc(struct strbuf *b, char c);
void strbuf_adds(struct strbuf *b, const char *c_string);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) PRINTF(2, 3);
void strbuf_add_u64(struct strbuf *b, uint64_t n);
void strbuf_add_i64(struct strbuf *b, int64_t n);
/* Appends `n` bytes for the caller to fill; NULL on failure (sticky, as everywhere). */
char *strbuf_grow(struct strbuf *b, size_t n) MUST_CHECK;
void strbuf_clear(struct strbuf *b); /* empties, keeps the memory, forgets a failure */
void strbuf_truncate(struct strbuf *b, size_t len);
void strbuf_done(struct strbuf *b);      /* frees; the struct may be used again */
void strbuf_wipe_done(struct strbuf *b); /* for buffers that held a secret */
struct str strbuf_str(const struct strbuf *b);
const char *strbuf_c(const struct strbuf *b); /* "" when empty */
/* The memory passes to the caller (free); NULL if failed. Never NULL for an empty buffer. */
char *strbuf_take(struct strbuf *b) MUST_CHECK;
MUST_CHECK enum err_code strbuf_check(const struct strbuf *b, struct err *err);
