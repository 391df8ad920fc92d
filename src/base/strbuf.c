#include "tkeauth/base/str.h"

#include "tkeauth/base/secret.h"

#include <stdio.h>
#include <stdlib.h>

/* A text that may become long starts with what most of them need, which malloc still has at hand. */
enum { SHORT_FIRST = 64, LONG_FIRST = 1024, LONG_MAX_FROM = 4096 };

/* Makes room for `extra` bytes and the NUL behind them. */
static bool strbuf_reserve(struct strbuf *b, size_t extra) {
    if (b->failed)
        return false;
    if (extra > b->max || b->len > b->max - extra) {
        b->failed = true;
        return false;
    }
    size_t need = b->len + extra + 1;
    if (need <= b->cap)
        return true;
    size_t cap = b->cap ? b->cap : b->max >= LONG_MAX_FROM ? LONG_FIRST : SHORT_FIRST;
    while (cap < need)
        cap *= 2;
    char *grown = realloc(b->ptr, cap);
    if (grown == NULL) {
        b->failed = true;
        return false;
    }
    b->ptr = grown;
    b->cap = cap;
    return true;
}

void strbuf_add(struct strbuf *b, struct str s) {
    if (!strbuf_reserve(b, s.len))
        return;
    if (s.len)
        memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
    b->ptr[b->len] = '\0';
}

char *strbuf_grow(struct strbuf *b, size_t n) {
    if (!strbuf_reserve(b, n))
        return NULL;
    char *added = b->ptr + b->len;
    b->len += n;
    b->ptr[b->len] = '\0';
    return added;
}

void strbuf_addc(struct strbuf *b, char c) { strbuf_add(b, (struct str) { &c, 1 }); }
void strbuf_adds(struct strbuf *b, const char *c_string) { strbuf_add(b, str_of(c_string)); }

void strbuf_addf(struct strbuf *b, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (n < 0)
        b->failed = true;
    else if (strbuf_reserve(b, (size_t)n)) {
        (void)vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

void strbuf_add_u64(struct strbuf *b, uint64_t n) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    strbuf_add(b, (struct str) { digits + at, sizeof digits - at });
}

void strbuf_add_i64(struct strbuf *b, int64_t n) {
    if (n < 0)
        strbuf_addc(b, '-');
    strbuf_add_u64(b, n < 0 ? 0 - (uint64_t)n : (uint64_t)n);
}

void strbuf_clear(struct strbuf *b) {
    b->failed = false;
    strbuf_truncate(b, 0);
}

void strbuf_truncate(struct strbuf *b, size_t len) {
    if (len > b->len || b->ptr == NULL)
        return;
    b->len = len;
    b->ptr[len] = '\0';
}

void strbuf_done(struct strbuf *b) {
    free(b->ptr);
    *b = (struct strbuf) { .max = b->max };
}

void strbuf_wipe_done(struct strbuf *b) {
    if (b->ptr != NULL)
        secret_wipe(b->ptr, b->cap);
    strbuf_done(b);
}

struct str strbuf_str(const struct strbuf *b) {
    return (struct str) { b->ptr, b->len };
}
const char *strbuf_c(const struct strbuf *b) { return b->ptr ? b->ptr : ""; }

char *strbuf_take(struct strbuf *b) {
    if (b->failed || !strbuf_reserve(b, 0))
        return NULL;
    char *taken = b->ptr;
    taken[b->len] = '\0';
    *b = (struct strbuf) { .max = b->max };
    return taken;
}

enum err_code strbuf_check(const struct strbuf *b, struct err *err) {
    if (!b->failed)
        return ERR_OK;
    return err_set(err, ERR_LIMIT, "a text would be over %zu bytes, or memory is out", b->max);
}
