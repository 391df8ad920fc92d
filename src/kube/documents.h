/* The documents of discovery and OpenAPI, made once and then kept: they say what tables say, so they never change. */
#pragma once
#include "kube/groups.h"

enum { DOCUMENT_HASH_SIZE = 2 * 32 + 1 };

struct document {
    const char *type; /* of its content */
    struct str body;
    char hash[DOCUMENT_HASH_SIZE]; /* SHA-256 in hexadecimal: tells versions apart */
};
struct documents {
    struct document root, version;
    struct document api, api_v2, api_v2beta1;    /* GET /api, plain and aggregated */
    struct document apis, apis_v2, apis_v2beta1; /* GET /apis */
    struct document openapi_v2, openapi_v2_proto, openapi_v3_index;
    /* In the order of api_groups. */
    struct document groups[API_GROUPS_MAX], resources[API_GROUPS_MAX], openapi_v3[API_GROUPS_MAX];
};
/* From any thread. The first call makes them, which takes some tens of milliseconds; they live as long as the process. ERR_NOMEM; the next call
 * tries again. */
MUST_CHECK enum err_code documents_get(const struct documents **ret, struct err *err);
