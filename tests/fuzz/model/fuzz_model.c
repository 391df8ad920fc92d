/* A noun that decodes encodes again, and that encoding decodes to the same encoding. The first byte chooses the noun. */
#include "tkeauth/model.h"

#include <assert.h>

#define ROUND(noun)                                                                                          \
    static void round_##noun(struct arena *a, struct str json) {                                             \
        struct err err = { 0 };                                                                              \
        struct noun p;                                                                                       \
        struct strbuf once = STRBUF(1 << 22), twice = STRBUF(1 << 22);                                       \
        if (noun##_decode(a, json, &p, &err) == ERR_OK) {                                                    \
            assert(noun##_encode(&p, &once, &err) == ERR_OK);                                                \
            assert(noun##_decode(a, strbuf_str(&once), &p, &err) == ERR_OK);                                 \
            assert(noun##_encode(&p, &twice, &err) == ERR_OK);                                               \
            assert(str_eq(strbuf_str(&once), strbuf_str(&twice)));                                           \
        }                                                                                                    \
        strbuf_done(&once);                                                                                  \
        strbuf_done(&twice);                                                                                 \
    }
ROUND(identity)
ROUND(auth_request)
ROUND(grant)
ROUND(signing_key)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const rounds[])(struct arena *, struct str) = { round_identity, round_auth_request,
                                                                  round_grant, round_signing_key };
    if (size == 0 || size > 100000)
        return 0;
    struct arena *a = arena_new(16 * 1024 * 1024);
    if (a != NULL)
        rounds[data[0] % ARRAY_LEN(rounds)](a, (struct str) { (const char *)data + 1, size - 1 });
    arena_free(a);
    return 0;
}
