/* Whatever is taken as an access review is JSON for another parser too, and its echo is the same value. */
#include <stdlib.h>

#include "authz/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct access_review *review, struct str body) {
    json_error_t problem;
    json_auto_t *tree = json_loadb(body.ptr, body.len, 0, &problem);
    if (tree == NULL) {
        if (json_error_code(&problem) != json_error_numeric_overflow)
            abort();
        return;
    }
    if (!str_eq(review->user.name, json_get_str(json_object_get(tree, "spec"), "user")))
        abort();
    AUTO(strbuf_done) struct strbuf out = STRBUF(ANSWER_MAX);
    struct authz_decision d = { .reason = review->user.name, .error = review->user.uid };
    answer_access(&out, &review->head, &d);
    json_auto_t *answer = json_loadb(out.ptr, out.len, 0, &problem);
    if (answer == NULL || !json_equal(json_object_get(answer, "spec"), json_object_get(tree, "spec")))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err;
    struct access_review review;
    struct str body = { (const char *)data, size };
    AUTO_FREE(arena_free) struct arena *a = arena_new(16 << 20);
    if (access_review_parse(a, body, &review, &err) != ERR_OK)
        return 0;
    check(&review, body);
    for (size_t i = 0; i < review.list_len + (review.attributes != NULL); i++) {
        struct authz_converted to;
        const struct authz_request_context context = { .path = review.head.kind };
        if (authz_convert(a, i < review.list_len ? &review.list[i] : review.attributes, &context,
                          &review.user, &to, &err) == ERR_OK &&
            !str_is_utf8(to.action))
            abort();
    }
    return 0;
}
