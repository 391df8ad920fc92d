/* Lists that are put together here: of what an object refers to, of people, of projects. Whole in memory, and not paged but where it says so. */
#pragma once
#include "kube/request.h"

struct made_list {
    struct kube_request *kr;
    const struct kind *kind; /* of the items */
    json_t *items;           /* array; the arena owns it */
};
MUST_CHECK enum err_code made_list_new(struct kube_request *kr, const struct kind *k, struct made_list *ret,
                                       struct err *err);
/* Takes `object` over (also on failure); `revision` 0: it never was stored. */
MUST_CHECK enum err_code made_list_add(struct made_list *l, json_t *object, int64_t revision,
                                       struct err *err);
/* `token`: STR_NULL: there is no more. */
MUST_CHECK enum err_code made_list_answer(struct made_list *l, unsigned status, struct str token,
                                          struct err *err);
/* Objects of a kind with an index key that the caller sees and `want` (may be NULL: all) takes. */
MUST_CHECK enum err_code made_list_add_indexed(struct made_list *l, struct str key,
                                               bool (*want)(void *ctx, const json_t *object), void *ctx,
                                               struct err *err);
