/* What an object is found by, gathered for one write. */
#pragma once
#include "tkeauth/resource.h"

struct index_list {
    struct arena *arena;
    struct store_index *items;
    size_t len, cap;
    bool failed;
};
/* Everything `object` is found by: its tenant, its subjects, what it refers to, and what its kind adds. */
MUST_CHECK enum err_code index_of(struct arena *a, const struct kind *k, const json_t *object,
                                  struct index_list *ret, struct err *err);
/* The tenant a subject of an object belongs to: the object's; for the platform's own objects the part in front of "##" in the id, which `id`
 * then loses. */
struct str subject_tenant(struct str object_tenant, struct str *id);
