/* An answer of the external authorizer allows only when another parser, too, reads "allowed": true and no "denied". */
#include <stdlib.h>

#include "authz/webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err;
    struct webhook_answer answer;
    struct str body = { (const char *)data, size };
    AUTO_FREE(arena_free) struct arena *a = arena_new(16 << 20);
    if (webhook_read_answer(a, body, &answer, &err) != ERR_OK || answer.outcome != AUTHZ_ALLOWED)
        return 0;
    json_error_t problem;
    json_auto_t *tree = json_loadb(body.ptr, body.len, 0, &problem);
    const json_t *status = json_object_get(tree, "status");
    if (tree == NULL ? json_error_code(&problem) != json_error_numeric_overflow
                     : !json_get_bool(status, "allowed", false) || json_get_bool(status, "denied", false))
        abort();
    return 0;
}
