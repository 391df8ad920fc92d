/* Server-side apply: a manager says which fields it wants to have which values, and owns those and only
 * those. */
#pragma once
#include "resource/managed.h"

struct apply_request {
    const struct field_tables *tables;
    const json_t *live;    /* NULL: there is none, and the configuration becomes the object */
    const json_t *applied; /* the configuration, decoded */
    struct managed_by by;
    bool force; /* take what others own */
};
struct apply_conflict {
    struct str manager; /* "\"kubectl-edit\" using auth.tkestack.io/v1": "conflict with " goes in front */
    struct str path;    /* ".spec.displayName" */
};
struct apply_result {
    json_t *object; /* the caller's */
    /* Of ERR_CONFLICT: */
    const struct apply_conflict *conflicts;
    size_t conflict_count;
    struct str message; /* "Apply failed with 1 conflict: conflict with ..." */
};

/* The live object with the configuration in it, and without what the manager applied before, does not any
 * more, and nobody else owns (an item of a list goes with its last owner, also if somebody else owns a field
 * in it, as in Kubernetes). Values that are the same already, or come to the same once stored, are owned
 * together with whoever owns them. An apply that changes nothing returns an object equal to the live one.
 * Fields that are the server's (FIELD_READ_ONLY) are ignored in the configuration, the object's identity is
 * (unless it is created), and fields that the tables do not know are taken over but not owned. When there is
 * nobody in the managedFields yet, what is there belongs to "before-first-apply".
 *
 * ERR_CONFLICT: others own fields that would change (not with `force`); conflicts and message are in `a`.
 * ERR_INVALID: the configuration is none (managedFields in it, a list with an item twice or without its key,
 * a list where a map belongs); the detail says where, and may be shown. ERR_LIMIT. Neither the live object
 * nor the configuration is changed. */
MUST_CHECK enum err_code apply_configuration(struct arena *a, const struct apply_request *r,
                                             struct apply_result *ret, struct err *err);
