/* A model of any bytes: either an error with a text, or an enforcer that answers an empty policy without crashing. */
#undef NDEBUG /* the properties are the point */
#include <assert.h>

#include "enforcer/enforcer.h"
#include "tkeauth/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct enforcer_options options = { .hash_key = { 1, 1 } };
    struct enforcer_error err = { 0 };
    struct enforcer_result result;
    struct enforcer *e = enforcer_new((const char *)data, size, &options, &err);
    if (e == NULL) {
        assert(err.text[0] != '\0');
        return 0;
    }
    struct enforcer_str values[4] = { { "alice", 5 }, { "data", 4 }, { "read", 4 }, { "", 0 } };
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    for (size_t n = 0; n <= 4; n++)
        if (enforcer_enforce_strings(s, values, n, &result, &err) != ENFORCER_OK)
            assert(result.outcome == ENFORCER_NO_MATCH);
    enforcer_release(e, s);
    enforcer_free(e);
    return 0;
}
