/* Giving and taking policies and roles: the binding subresources (contract 2.5, 2.8, 2.9, 2.11). */
#pragma once
#include "kube/verbs.h"

kube_handler bind_subjects, unbind_subjects;           /* policies, roles, localgroups */
kube_handler bind_role_policies, unbind_role_policies; /* roles */
kube_handler bind_in_project, unbind_in_project;       /* policies */
kube_handler policy_users, policy_groups;              /* policies, roles, localgroups */
kube_handler policy_project_users, policy_project_groups;
kube_handler policy_roles, role_policies;
/* Of a list of policies' names those of other tenants are taken out, with the warning for names of nothing: a tenant is not told what others
 * have. Whoever sees all tenants is: then nothing happens here. */
MUST_CHECK enum err_code policies_hide_foreign(struct kube_request *kr, json_t *names, struct err *err);
/* One policy, in one project: users and groups (arrays of subjects, resolved) are bound or unbound. Unbinding where there is no binding: 404. The
 * arena owns *ret. */
struct project_binding {
    struct str tenant, project, policy;
    const json_t *users, *groups;
    bool bind;
};
MUST_CHECK enum err_code bind_project_policy(struct kube_request *kr, const struct project_binding *b,
                                             json_t **ret, int64_t *ret_revision, struct err *err);
