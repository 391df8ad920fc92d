#include "tkeauth/base/secret.h"

#include <stdlib.h>

void secret_wipe(void *p, size_t len) {
    if (len)
        explicit_bzero(p, len);
}

enum err_code secret_alloc(size_t len, struct secret *ret, struct err *err) {
    unsigned char *p = len < SIZE_MAX ? calloc(1, len + 1) : NULL;
    if (p == NULL)
        return err_set(err, ERR_NOMEM, "a secret of %zu bytes", len);
    *ret = (struct secret) { p, len };
    return ERR_OK;
}

enum err_code secret_copy(struct str from, struct secret *ret, struct err *err) {
    enum err_code rc = secret_alloc(from.len, ret, err);
    if (rc == ERR_OK && from.len)
        memcpy(ret->ptr, from.ptr, from.len);
    return rc;
}

void secret_done(struct secret *s) {
    if (s->ptr != NULL)
        secret_wipe(s->ptr, s->len);
    free(s->ptr);
    *s = (struct secret) { 0 };
}

bool secret_equal(struct str a, struct str b) {
    if (a.len != b.len)
        return false;
    unsigned char diff = 0;
    for (size_t i = 0; i < a.len; i++) {
        diff |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
        __asm__ volatile("" : "+r"(diff)); /* keeps the compiler from leaving the loop early */
    }
    return diff == 0;
}

struct str secret_expose(const struct secret *s) {
    return (struct str) { (const char *)s->ptr, s->len };
}
