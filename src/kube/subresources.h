/* What hangs below objects (contract 2.1-2.14), as data. */
#pragma once
#include "tkeauth/resource.h"

struct subresource {
    const char *resource; /* "policies" */
    const char *name;     /* "binding" */
    unsigned verbs;       /* of RESOURCE_GET, RESOURCE_CREATE, RESOURCE_UPDATE, RESOURCE_PATCH */
    /* Kinds of auth.tkestack.io/v1: */
    const char *request; /* what POST takes; NULL: there is none, and PUT and PATCH take the object itself */
    const char *created; /* the answer to POST */
    const char *read;    /* the answer to the others */
};
extern const struct subresource subresources[]; /* in the order of kinds; ends with resource NULL */
/* NULL: there is none. */
const struct subresource *subresource_find(struct str resource, struct str name);
/* What discovery calls its kind: what POST takes, else what GET gives. */
const char *subresource_kind(const struct subresource *s);
