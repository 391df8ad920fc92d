/* Rules gathered for one owner. */
#pragma once
#include "tkeauth/resource.h"

#define RULES_KIND STR("rules")
enum { RULES_MEMORY_MAX = 256 * 1024 * 1024 }; /* of one transaction over many objects */

struct rule_list {
    struct arena *arena;
    struct store_owned *items;
    size_t len, cap;
    size_t max; /* 0: as a file may have */
    bool failed, too_many;
};
/* Sorted by name, without duplicates, as the store wants them. ERR_LIMIT over RESOURCE_RULES_MAX, ERR_NOMEM. */
MUST_CHECK enum err_code rule_list_finish(struct rule_list *l, struct err *err);
/* "policies/pol-x": who owns the rules of an object. */
struct str rule_owner_object(struct arena *a, const struct kind *k, struct str store_name);
/* The rules `object` should have (none while it is being deleted). */
MUST_CHECK enum err_code rules_of(struct store_tx *tx, struct arena *a, const struct kind *k,
                                  const json_t *object, struct rule_list *ret, struct err *err);
/* Brings what the object owns up to date; `object` NULL: it owns nothing any more. ERR_LIMIT: it would own too many. In memory of its
 * own: many objects may follow from one. */
MUST_CHECK enum err_code rules_write(struct store_tx *tx, const struct kind *k, struct str store_name,
                                     const json_t *object, size_t *ret_changed, struct err *err);
