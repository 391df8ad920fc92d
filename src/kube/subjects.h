/* Users and groups as policies, roles, groups and bindings name them: looked up in the tenant's directory. */
#pragma once
#include "kube/request.h"

/* Fills in ids and names of the subjects in `holder` ("users", "groups"; changed in place) of an object of kind `k` in `tenant`. The name is
 * always the directory's (contract 9.17); who is not found is left out with a warning; another tenant's is a cause (contract 2.5). Subjects
 * that `old_holder` has in the same way are not looked up again. kr->moved: the directory has to be waited for elsewhere. */
MUST_CHECK enum err_code subjects_resolve(struct kube_request *kr, const struct kind *k, struct str tenant,
                                          json_t *holder, const json_t *old_holder, struct err *err);
/* The tenant's connector, on a thread that may wait for it; NULL with ERR_OK: there is none, or kr->moved. */
MUST_CHECK enum err_code subjects_connector(struct kube_request *kr, struct str tenant,
                                            struct connector **ret);
struct directory_query subjects_query(const struct kube_request *kr);
