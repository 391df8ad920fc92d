/* The bodies of PATCH: JSON patch, JSON merge patch, strategic merge patch. Pure: a new value comes out, and
 * what went in stays as it was.
 *
 * Details of errors say which part of the patch is meant and why it fails, without quoting values; callers
 * may show them. */
#pragma once
#include "tkeauth/resource.h"

enum {
    PATCH_OPERATIONS_MAX = 10000,       /* of a JSON patch, as in Kubernetes */
    PATCH_RESULT_MAX = 2 * 1024 * 1024, /* bytes of a document at any time, as printed, roughly */
    PATCH_COPIED_MAX = 2 * 1024 * 1024, /* bytes that all `copy` operations together may add */
    PATCH_LIST_MAX = 1000               /* items of a list that strategic merge merges */
};

/* RFC 6902. Caller owns *ret. ERR_INVALID: the patch is malformed, whatever it is applied to (400). It is
 * sound, but does not fit this document (422): ERR_NOT_FOUND, a path leads nowhere, or ERR_CONFLICT, a `test`
 * failed. ERR_LIMIT: too many operations, or too much comes out (413). */
MUST_CHECK enum err_code patch_json(const json_t *target, const json_t *patch, json_t **ret, struct err *err);

/* RFC 7386. Caller owns *ret. ERR_LIMIT: too deep. */
MUST_CHECK enum err_code patch_merge(const json_t *target, const json_t *patch, json_t **ret,
                                     struct err *err);

/* Kubernetes' strategic merge patch, for objects of `fields` besides the metadata of `metadata_fields`: a
 * list merges if its table says LIST_SET (by value) or LIST_MAP (by list_key) and is replaced otherwise;
 * objects merge member by member. Directives: "$patch" ("merge", "replace", "delete"), "$retainKeys",
 * "$deleteFromPrimitiveList/NAME", "$setElementOrder/NAME". Caller owns *ret. ERR_INVALID: malformed;
 * ERR_LIMIT: too deep, or a list to merge of more than PATCH_LIST_MAX items. */
MUST_CHECK enum err_code patch_strategic(const json_t *target, const json_t *patch,
                                         const struct field *metadata_fields, const struct field *fields,
                                         json_t **ret, struct err *err);
