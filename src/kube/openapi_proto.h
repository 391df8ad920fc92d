/* An OpenAPI 2.0 document in the protobuf of gnostic (openapi.v2.Document), which kubectl asks for. */
#pragma once
#include "kube/openapi.h"

/* Appends `document`, made by openapi_v2. ERR_INTERNAL: it has a member that the table of fields does not know. */
MUST_CHECK enum err_code openapi_proto(const json_t *document, struct strbuf *out, struct err *err);
