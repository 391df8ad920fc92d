/* The verbs on objects themselves; every handler answers kr->res, or returns why not. */
#pragma once
#include "kube/request.h"

typedef enum err_code kube_handler(struct kube_request *kr, struct err *err);
kube_handler verb_get, verb_create, verb_update, verb_patch, verb_delete, verb_delete_collection;

/* The named object, if the caller sees it; else 404. The arena owns *ret. `ret_body` (may be NULL): as stored. */
MUST_CHECK enum err_code verb_load(struct kube_request *kr, const struct kind *k, struct str store_name,
                                   json_t **ret, int64_t *ret_revision, struct err *err);
/* Options of a write as the query says: dryRun, fieldManager, fieldValidation. */
MUST_CHECK enum err_code verb_options(struct kube_request *kr, struct resource_options *ret);
/* create and update with what server-side apply made; `given` is changed. */
MUST_CHECK enum err_code verb_create_given(struct kube_request *kr, json_t *given, struct resource_options *o,
                                           struct err *err);
MUST_CHECK enum err_code verb_update_given(struct kube_request *kr, json_t *given, const json_t *old,
                                           int64_t revision, struct resource_options *o, struct err *err);
/* After a write: waits until it counts, logs it, answers with the object. */
MUST_CHECK enum err_code verb_answer_written(struct kube_request *kr, unsigned status, json_t *object,
                                             int64_t revision, bool dry_run, struct err *err);
/* A JSON value that is no stored object. */
MUST_CHECK enum err_code verb_answer_plain(struct kube_request *kr, unsigned status, const json_t *value,
                                           struct err *err);
void verb_audit(struct kube_request *kr, const char *what, const struct kind *k, struct str name);
