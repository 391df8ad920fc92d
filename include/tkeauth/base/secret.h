/* Bytes that must not be logged, shown or left in memory: a type of their own, so that they fit no such function. */
#pragma once
#include "tkeauth/base/str.h"

struct secret {
    unsigned char *ptr;
    size_t len;
};

/* Copies (one NUL byte is kept behind the bytes, so `ptr` also serves C interfaces). ERR_NOMEM. */
MUST_CHECK enum err_code secret_copy(struct str from, struct secret *ret, struct err *err);
MUST_CHECK enum err_code secret_alloc(size_t len, struct secret *ret, struct err *err);
void secret_done(struct secret *s); /* wipes and frees; NULL pointer inside is fine */
/* Time depends on the lengths only. */
bool secret_equal(struct str a, struct str b);
void secret_wipe(void *p, size_t len); /* cannot be optimised away */
/* Explicit, greppable: the bytes go to a function that takes a slice (a hash, a bind). Never to a log. */
struct str secret_expose(const struct secret *s);
