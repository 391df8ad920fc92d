/* The answer to a token review is JSON and never repeats the token. */
#include <stdlib.h>

#include "authz/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err;
    struct token_review review;
    struct str body = { (const char *)data, size };
    AUTO_FREE(arena_free) struct arena *a = arena_new(16 << 20);
    if (token_review_parse(a, body, &review, &err) != ERR_OK)
        return 0;
    AUTO(strbuf_done) struct strbuf out = STRBUF(ANSWER_MAX);
    answer_token(&out, &review, NULL, review.audiences, review.audience_count, STR("invalid token"));
    json_error_t problem;
    json_auto_t *answer = json_loadb(out.ptr, out.len, 0, &problem);
    if (answer == NULL || json_object_get(json_object_get(answer, "spec"), "token") != NULL)
        abort();
    return 0;
}
