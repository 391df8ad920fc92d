/* What the parts of an OpenAPI document under construction have in common. */
#pragma once
#include "kube/groups.h"

#define OPENAPI_META "io.k8s.apimachinery.pkg.apis.meta.v1."

enum { OPENAPI_TYPES_MAX = 256 };

struct openapi {
    bool v3; /* OpenAPI 3.0; otherwise 2.0 */
    struct arena *arena;
    json_t *schemas; /* by full name; the document's owner owns it */
    json_t *paths;
    /* Where each schema came from: a name must not stand for two things. */
    struct {
        const char *name;
        const struct field *fields;
    } types[OPENAPI_TYPES_MAX];
    size_t type_count;
    bool failed; /* sticky: out of memory, or tables that contradict each other */
};
/* object[key] = value. Takes the value, which may be gone then (out of memory): get it from the object to go on with it. NULL is a failure. */
void openapi_put(struct openapi *o, json_t *object, const char *key, json_t *value);
void openapi_append(struct openapi *o, json_t *array, json_t *value);
/* arena_printf that never gives NULL. */
const char *openapi_text(struct openapi *o, const char *fmt, ...) PRINTF(2, 3);
/* {"group":...,"kind":...,"version":...} */
json_t *openapi_gvk(const char *group, const char *version, const char *kind) MUST_CHECK;

/* ---- schemas ---- */
/* The group's kinds, their lists, and its other types. */
void openapi_add_schemas(struct openapi *o, const struct api_group *g);
/* {"$ref":...} to a type of the group. */
json_t *openapi_ref(struct openapi *o, const struct api_group *g, const char *type) MUST_CHECK;
/* The same to a type of Kubernetes' own, "Status" or "DeleteOptions", which is added when it is not there yet. */
json_t *openapi_meta_ref(struct openapi *o, const char *type) MUST_CHECK;

/* ---- paths ---- */
void openapi_add_paths(struct openapi *o, const struct api_group *g);
