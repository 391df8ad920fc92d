/* PATCH with application/apply-patch+yaml: server-side apply. */
#pragma once
#include "kube/verbs.h"

/* One try: against the object as it is now, or none. 409 Conflict with the managers in the way. */
MUST_CHECK enum err_code verb_apply_once(struct kube_request *kr, const json_t *applied,
                                         struct resource_options *o, struct err *err);
