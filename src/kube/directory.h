/* Users and groups as the tenants' directories have them (contract 2.10). */
#pragma once
#include "kube/verbs.h"

kube_handler users_list, users_get, groups_list, groups_get;
kube_handler user_policies, user_roles, user_groups, user_projects, group_policies, group_roles,
    group_members;
/* A User or Group object; the caller owns it. NULL: out of memory. */
json_t *user_object(struct str tenant, const struct directory_user *u) MUST_CHECK;
json_t *group_object(struct str tenant, const struct directory_group *g, bool members) MUST_CHECK;
/* Who or what the request's name means: "TENANT##ID", or an id of the caller's tenant or of X-TKE-TenantID. 404. */
struct who {
    struct str tenant, id;
};
MUST_CHECK enum err_code who_is_named(struct kube_request *kr, struct who *ret);
/* Objects of status.users or .groups as a UserList or GroupList: as the directory has them, else by id and name alone. */
MUST_CHECK enum err_code answer_subjects(struct kube_request *kr, struct str tenant, const json_t *subjects,
                                         bool groups, struct err *err);
