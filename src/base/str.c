#include "tkeauth/base/str.h"

#include <stdlib.h>

bool ascii_is_digit(char c) { return c >= '0' && c <= '9'; }
bool ascii_is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool ascii_is_alnum(char c) { return ascii_is_digit(c) || ascii_is_alpha(c); }
bool ascii_is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

bool str_eq_nocase(struct str a, struct str b) {
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    return true;
}

int str_cmp(struct str a, struct str b) {
    size_t n = a.len < b.len ? a.len : b.len;
    int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (c != 0)
        return c;
    return a.len == b.len ? 0 : a.len < b.len ? -1 : 1;
}

bool str_starts_with(struct str s, struct str prefix) {
    return s.len >= prefix.len && str_eq(str_sub(s, 0, prefix.len), prefix);
}

bool str_starts_with_nocase(struct str s, struct str prefix) {
    return s.len >= prefix.len && str_eq_nocase(str_sub(s, 0, prefix.len), prefix);
}

bool str_ends_with(struct str s, struct str suffix) {
    return s.len >= suffix.len && str_eq(str_from(s, s.len - suffix.len), suffix);
}

bool str_contains(struct str s, struct str needle) {
    if (needle.len == 0)
        return true;
    return s.len >= needle.len && memmem(s.ptr, s.len, needle.ptr, needle.len) != NULL;
}

bool str_contains_nocase(struct str s, struct str part) {
    for (size_t i = 0; i + part.len <= s.len; i++)
        if (str_eq_nocase(str_sub(s, i, part.len), part))
            return true;
    return false;
}

struct str str_sub(struct str s, size_t from, size_t len) {
    if (from > s.len)
        from = s.len;
    if (len > s.len - from)
        len = s.len - from;
    return (struct str) { s.ptr ? s.ptr + from : NULL, len };
}

struct str str_from(struct str s, size_t from) {
    return str_sub(s, from, s.len);
}

struct str str_trim(struct str s) {
    while (s.len > 0 && ascii_is_space(s.ptr[0]))
        s = str_from(s, 1);
    while (s.len > 0 && ascii_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

size_t str_find(struct str s, char c) {
    const char *at = s.len ? memchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : s.len;
}

size_t str_rfind(struct str s, char c) {
    const char *at = s.len ? memrchr(s.ptr, c, s.len) : NULL;
    return at ? (size_t)(at - s.ptr) : s.len;
}

bool str_cut(struct str s, char sep, struct str *head, struct str *tail) {
    size_t at = str_find(s, sep);
    bool found = at < s.len;
    *tail = str_from(s, found ? at + 1 : s.len);
    *head = str_sub(s, 0, at);
    return found;
}

bool str_next(struct str *rest, char sep, struct str *ret_token) {
    while (rest->len > 0 && rest->ptr[0] == sep)
        *rest = str_from(*rest, 1);
    if (rest->len == 0)
        return false;
    (void)str_cut(*rest, sep, ret_token, rest);
    return true;
}

/* Length of the well-formed UTF-8 sequence at `s`, 0 if there is none (RFC 3629 4). */
static size_t utf8_sequence(struct str s) {
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (p[0] < 0x80)
        return 1;
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < len)
        return 0;
    unsigned low = 0x80, high = 0xbf;
    if (p[0] == 0xe0)
        low = 0xa0; /* overlong */
    if (p[0] == 0xed)
        high = 0x9f; /* surrogates */
    if (p[0] == 0xf0)
        low = 0x90;
    if (p[0] == 0xf4)
        high = 0x8f; /* over U+10FFFF */
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    return len;
}

/* The bytes before the first that is not ASCII, rounded down to what is looked at in one go. */
static size_t ascii_prefix(struct str s) {
    size_t i = 0;
    for (uint64_t eight; i + sizeof eight <= s.len; i += sizeof eight) {
        memcpy(&eight, s.ptr + i, sizeof eight);
        if ((eight & 0x8080808080808080U) != 0)
            break;
    }
    return i;
}

bool str_is_utf8(struct str s) {
    s = str_from(s, ascii_prefix(s));
    while (s.len > 0) {
        size_t n = utf8_sequence(s);
        if (n == 0)
            return false;
        s = str_from(s, n);
    }
    return true;
}

bool str_has_control(struct str s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
            return true;
    return false;
}

char *str_dup(struct str s) {
    char *copy = malloc(s.len + 1);
    if (copy == NULL)
        return NULL;
    if (s.len)
        memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

char *str_dup_c(const char *c_string) { return c_string ? str_dup(str_of(c_string)) : NULL; }

enum err_code parse_u64(struct str s, uint64_t min, uint64_t max, uint64_t *ret, struct err *err) {
    uint64_t n = 0;
    if (s.len == 0)
        return err_set(err, ERR_INVALID, "a number is missing");
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.ptr[i]))
            return err_set(err, ERR_INVALID, "not a number");
        if (__builtin_mul_overflow(n, 10U, &n) || __builtin_add_overflow(n, (uint64_t)(s.ptr[i] - '0'), &n))
            return err_set(err, ERR_INVALID, "number out of range");
    }
    if (n < min || n > max)
        return err_set(err, ERR_INVALID, "%llu is not within %llu and %llu", (unsigned long long)n,
                       (unsigned long long)min, (unsigned long long)max);
    *ret = n;
    return ERR_OK;
}

enum err_code parse_i64(struct str s, int64_t min, int64_t max, int64_t *ret, struct err *err) {
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t magnitude = 0;
    enum err_code rc = parse_u64(str_from(s, negative), 0, (uint64_t)INT64_MAX, &magnitude, err);
    if (rc != ERR_OK)
        return rc;
    int64_t n = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    if (n < min || n > max)
        return err_set(err, ERR_INVALID, "%lld is not within %lld and %lld", (long long)n, (long long)min,
                       (long long)max);
    *ret = n;
    return ERR_OK;
}

static int64_t duration_unit_ms(struct str unit) {
    static const struct {
        struct str name;
        int64_t ms;
    } units[] = { { { "ms", 2 }, 1 }, { { "s", 1 }, 1000 }, { { "m", 1 }, 60000 }, { { "h", 1 }, 3600000 } };
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq(unit, units[i].name))
            return units[i].ms;
    return 0;
}

enum err_code parse_duration_ms(struct str s, int64_t *ret_ms, struct err *err) {
    static const int64_t max_ms = 200LL * 365 * 24 * 3600 * 1000;
    int64_t total = 0;
    struct str rest = s;
    if (rest.len == 0)
        return err_set(err, ERR_INVALID, "a duration is missing (for example 15m or 24h)");
    while (rest.len > 0) {
        size_t digits = 0, letters = 0;
        while (digits < rest.len && ascii_is_digit(rest.ptr[digits]))
            digits++;
        while (digits + letters < rest.len && ascii_is_alpha(rest.ptr[digits + letters]))
            letters++;
        uint64_t n = 0;
        struct str unit = str_sub(rest, digits, letters);
        bool bare = letters == 0 && digits == s.len;
        int64_t unit_ms = bare ? 1000 : duration_unit_ms(unit);
        if (parse_u64(str_sub(rest, 0, digits), 0, (uint64_t)max_ms, &n, err) != ERR_OK || unit_ms == 0)
            return err_set(err, ERR_INVALID, "not a duration (write it like 90s, 15m or 24h)");
        int64_t part = 0;
        if (__builtin_mul_overflow((int64_t)n, unit_ms, &part) ||
            __builtin_add_overflow(total, part, &total) || total > max_ms)
            return err_set(err, ERR_INVALID, "duration out of range");
        rest = str_from(rest, digits + letters);
    }
    *ret_ms = total;
    return ERR_OK;
}
