/* OpenAPI documents of what is served, generated from the tables of kinds, fields and subresources. Pure: the same every time. */
#pragma once
#include "kube/groups.h"

/* Of all groups (OpenAPI 2.0). The caller owns it; NULL: out of memory. */
json_t *openapi_v2(void) MUST_CHECK;
/* Of one group (OpenAPI 3.0). The caller owns it; NULL: out of memory. */
json_t *openapi_v3(const struct api_group *g) MUST_CHECK;
