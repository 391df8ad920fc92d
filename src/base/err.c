#include "tkeauth/base/err.h"

#include <stdio.h>

enum err_code err_set_(struct err *err, enum err_code code, const char *file, int line, const char *fmt,
                       ...) {
    va_list args;
    err->code = code;
    err->file = file;
    err->line = line;
    va_start(args, fmt);
    (void)vsnprintf(err->detail, sizeof err->detail, fmt, args);
    va_end(args);
    return code;
}

enum err_code err_context(struct err *err, const char *fmt, ...) {
    char whole[sizeof err->detail];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(whole, sizeof whole, fmt, args);
    va_end(args);
    if (n < 0)
        return err->code;
    size_t used = (size_t)n < sizeof whole ? (size_t)n : sizeof whole - 1;
    /* A long detail may lose its end: the context in front says more. */
    if (snprintf(whole + used, sizeof whole - used, ": %s", err->detail) < 0)
        whole[used] = '\0';
    memcpy(err->detail, whole, sizeof whole);
    return err->code;
}

const char *err_code_name(enum err_code code) {
    static const char *const names[] = {
        [ERR_OK] = "ok",
        [ERR_NOMEM] = "out_of_memory",
        [ERR_LIMIT] = "limit",
        [ERR_INVALID] = "invalid",
        [ERR_NOT_FOUND] = "not_found",
        [ERR_EXISTS] = "exists",
        [ERR_CONFLICT] = "conflict",
        [ERR_UNAUTHENTICATED] = "unauthenticated",
        [ERR_FORBIDDEN] = "forbidden",
        [ERR_EXPIRED] = "expired",
        [ERR_UNAVAILABLE] = "unavailable",
        [ERR_TIMEOUT] = "timeout",
        [ERR_INTERNAL] = "internal",
    };
    return (size_t)code < ARRAY_LEN(names) ? names[code] : "internal";
}
