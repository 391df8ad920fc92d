#include "kube/subresources.h"

#define READ(of, what, kind)                                                                                 \
    { .resource = (of), .name = (what), .verbs = RESOURCE_GET, .read = (kind) }
#define POST(of, what, takes, gives)                                                                         \
    { .resource = (of), .name = (what), .verbs = RESOURCE_CREATE, .request = (takes), .created = (gives) }
/* A part of the object, written by itself (contract 1.3). */
#define PART(of, what, kind)                                                                                 \
    {                                                                                                        \
        .resource = (of), .name = (what), .verbs = RESOURCE_GET | RESOURCE_UPDATE | RESOURCE_PATCH,          \
        .read = (kind)                                                                                       \
    }
/* The members of a project: looked at, or given exactly these policies. */
#define MEMBERS(of, what, kind)                                                                              \
    {                                                                                                        \
        .resource = (of), .name = (what), .verbs = RESOURCE_GET | RESOURCE_CREATE,                           \
        .request = "ProjectPolicyBindingRequest", .created = "ProjectPolicyBindingList", .read = (kind)      \
    }

const struct subresource subresources[] = {
    POST("localidentities", "password", "PasswordReq", "LocalIdentity"),
    READ("localidentities", "policies", "PolicyList"),
    READ("localidentities", "roles", "RoleList"),
    READ("localidentities", "groups", "GroupList"),
    PART("localidentities", "status", "LocalIdentity"),
    PART("localidentities", "finalize", "LocalIdentity"),

    POST("apikeys", "token", "APIKeyReq", "APIKey"),
    POST("apikeys", "password", "APIKeyReqPassword", "APIKey"),
    PART("apikeys", "status", "APIKey"),

    POST("policies", "binding", "Binding", "Policy"),
    POST("policies", "unbinding", "Binding", "Policy"),
    POST("policies", "projectbinding", "Binding", "ProjectPolicyBinding"),
    POST("policies", "projectunbinding", "Binding", "ProjectPolicyBinding"),
    READ("policies", "users", "UserList"),
    READ("policies", "groups", "GroupList"),
    READ("policies", "projectusers", "UserList"),
    READ("policies", "projectgroups", "GroupList"),
    READ("policies", "roles", "RoleList"),
    PART("policies", "status", "Policy"),
    PART("policies", "finalize", "Policy"),

    PART("projectpolicybindings", "status", "ProjectPolicyBinding"),
    PART("projectpolicybindings", "finalize", "ProjectPolicyBinding"),

    PART("custompolicybindings", "status", "CustomPolicyBinding"),
    PART("custompolicybindings", "finalize", "CustomPolicyBinding"),

    POST("roles", "binding", "Binding", "Role"),
    POST("roles", "unbinding", "Binding", "Role"),
    POST("roles", "policybinding", "PolicyBinding", "Role"),
    POST("roles", "policyunbinding", "PolicyBinding", "Role"),
    READ("roles", "users", "UserList"),
    READ("roles", "groups", "GroupList"),
    READ("roles", "policies", "PolicyList"),
    PART("roles", "status", "Role"),
    PART("roles", "finalize", "Role"),

    POST("localgroups", "binding", "Binding", "LocalGroup"),
    POST("localgroups", "unbinding", "Binding", "LocalGroup"),
    READ("localgroups", "users", "LocalIdentityList"),
    READ("localgroups", "policies", "PolicyList"),
    READ("localgroups", "roles", "RoleList"),
    PART("localgroups", "status", "LocalGroup"),
    PART("localgroups", "finalize", "LocalGroup"),

    READ("identityproviders", "status", "IdentityProvider"),

    READ("users", "policies", "PolicyList"),
    READ("users", "roles", "RoleList"),
    READ("users", "projects", "ProjectBelongs"),

    READ("groups", "policies", "PolicyList"),
    READ("groups", "roles", "RoleList"),

    MEMBERS("projects", "users", "UserList"),
    MEMBERS("projects", "groups", "GroupList"),
    READ("projects", "policies", "PolicyList"),
    POST("projects", "binding", "ProjectPolicyBindingRequest", "ProjectPolicyBindingList"),
    POST("projects", "unbinding", "ProjectPolicyBindingRequest", "ProjectPolicyBindingList"),
    { 0 },
};

const struct subresource *subresource_find(struct str resource, struct str name) {
    for (const struct subresource *s = subresources; s->resource != NULL; s++)
        if (str_eq(resource, str_of(s->resource)) && str_eq(name, str_of(s->name)))
            return s;
    return NULL;
}

const char *subresource_kind(const struct subresource *s) {
    return s->request != NULL ? s->request : s->read;
}
