/* The API groups that are served, and what belongs to them. Discovery and OpenAPI say what these tables say. */
#pragma once
#include "tkeauth/resource.h"

/* A type that is no resource of its own: what a subresource takes or gives. */
struct api_type {
    const char *name; /* "Binding" */
    const struct field *fields;
    const char *help;
};
struct api_group {
    const char *name, *version;
    const char *package;                      /* of its types in OpenAPI: "io.k8s.api.authentication.v1." */
    const char *label;                        /* in OpenAPI's operation ids: "AuthenticationV1" */
    const char *tag;                          /* of OpenAPI's operations: "authentication_v1" */
    const struct kind *const *(*kinds)(void); /* NULL-terminated */
    const struct api_type *types;             /* ends with name NULL; NULL: none */
    bool has_subresources;                    /* those of subresources.h are this group's */
};
enum { API_GROUPS_MAX = 4 };
extern const struct api_group api_groups[]; /* ends with name NULL; the first is auth.tkestack.io */
/* NULL: there is none. */
const struct api_group *api_group_find(struct str name);
/* As the verbs of discovery, in their order: "create", "delete" ... NULL at the end. */
const char *api_verb_name(size_t index, unsigned *ret_verb);
/* Kinds that `kubectl get tke-auth` lists; NULL: not this one. */
const char *api_category(const struct kind *k);

/* Stands for the fields of an object whose members are lists of strings, whatever their names. */
extern const struct field api_string_lists[];
