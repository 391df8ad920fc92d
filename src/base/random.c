#include "tkeauth/base/random.h"

#include "tkeauth/base/map.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

static void system_fill(const struct random *r, void *out, size_t len) {
    (void)r;
    unsigned char *p = out;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            abort(); /* a secret made of anything else would be worse than no daemon */
        p += n;
        len -= (size_t)n;
    }
}

const struct random *random_system(void) {
    static const struct random system_random = { .fill = system_fill };
    return &system_random;
}

static void fixed_fill(const struct random *r, void *out, size_t len) {
    /* The counter is the one thing of a fixed source that moves. */
    _Atomic uint64_t *counter = (_Atomic uint64_t *)(uintptr_t)&r->counter;
    const uint64_t key[2] = { 0x746b652d61757468U, 0x7465737473U };
    unsigned char *p = out;
    for (size_t i = 0; i < len; i++) {
        uint64_t n = (*counter)++;
        p[i] = (unsigned char)siphash13(key, &n, sizeof n);
    }
}

void random_fixed_init(struct random *r, uint64_t seed) {
    *r = (struct random) { .fill = fixed_fill, .counter = seed << 32 };
}

void random_bytes(const struct random *r, void *out, size_t len) { r->fill(r, out, len); }

void time_id(const struct random *r, int64_t now_ms, unsigned char out[TIME_ID_SIZE]) {
    for (int i = 0; i < 6; i++)
        out[i] = (unsigned char)((uint64_t)now_ms >> (40 - 8 * i));
    random_bytes(r, out + 6, TIME_ID_SIZE - 6);
}
