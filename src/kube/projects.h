/* Projects as the platform's business component knows them: made of their ProjectPolicyBindings (contract 2.11). */
#pragma once
#include "kube/verbs.h"

kube_handler projects_list, projects_get;
kube_handler project_users, project_groups, project_policies;
kube_handler project_set_users, project_set_groups;
kube_handler project_bind, project_unbind;
