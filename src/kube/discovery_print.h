/* The documents of discovery, as JSON. Pure. */
#pragma once
#include "kube/groups.h"

void discovery_print_root(struct strbuf *out);         /* GET /: the paths there are */
void discovery_print_api_versions(struct strbuf *out); /* GET /api: of the core group, there are none */
void discovery_print_groups(struct strbuf *out);       /* GET /apis: APIGroupList */
void discovery_print_group(struct strbuf *out, const struct api_group *g);     /* APIGroup */
void discovery_print_resources(struct strbuf *out, const struct api_group *g); /* APIResourceList */
/* APIGroupDiscoveryList of apidiscovery.k8s.io, `version` "v2" or "v2beta1": of all groups, or of none (GET /api). */
void discovery_print_aggregated(struct strbuf *out, const char *version, bool all);
