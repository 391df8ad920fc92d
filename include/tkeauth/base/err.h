/* Errors: a stable code, and a detail that only the log sees. */
#pragma once
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* AUTO(thing_done) struct thing t = {0};  runs thing_done(&t) at the end of the scope.
 * AUTO_FREE(thing_free) struct thing *t;  needs DEFINE_AUTO_FREE(thing_free, struct thing) once. */
#define AUTO(fn) __attribute__((cleanup(fn)))
#define DEFINE_AUTO_FREE(fn, type)                                                                           \
    static inline __attribute__((unused)) void fn##_p(type **p) { fn(*p); }                                  \
    struct auto_free_semicolon_
#define AUTO_FREE(fn) __attribute__((cleanup(fn##_p)))

/* Hands an owned pointer out of an AUTO_FREE scope. */
#define STEAL(p)                                                                                             \
    __extension__({                                                                                          \
        __typeof__(p) steal_ = (p);                                                                          \
        (p) = NULL;                                                                                          \
        steal_;                                                                                              \
    })

enum err_code {
    ERR_OK,
    ERR_NOMEM,
    ERR_LIMIT,   /* larger or more than we take */
    ERR_INVALID, /* malformed, or not allowed as input */
    ERR_NOT_FOUND,
    ERR_EXISTS,
    ERR_CONFLICT, /* somebody else changed it first */
    ERR_UNAUTHENTICATED,
    ERR_FORBIDDEN,
    ERR_EXPIRED,
    ERR_UNAVAILABLE, /* a part we need is down or full: worth trying again later */
    ERR_TIMEOUT,
    ERR_INTERNAL,
};

/* `detail` is for the log and for an operator's terminal; it never reaches a client of the daemon. */
struct err {
    enum err_code code;
    const char *file;
    int line;
    char detail[320];
};

enum err_code err_set_(struct err *err, enum err_code code, const char *file, int line, const char *fmt, ...)
    PRINTF(5, 6);
/* Fills `err` (never NULL) and returns `code`: `return err_set(err, ERR_INVALID, "...")` is the one idiom. */
#define err_set(e, code, ...) err_set_((e), (code), __FILE__, __LINE__, __VA_ARGS__)

/* Puts "context: " in front of the detail, keeps code and place; returns err->code. */
enum err_code err_context(struct err *err, const char *fmt, ...) PRINTF(2, 3);

/* "not_found" and so on: what a log line carries. Never NULL. */
const char *err_code_name(enum err_code code);
