/* What kubectl applied. */
#pragma once
#include "tkeauth/resource.h"

/* `kubectl apply` keeps what it was given in an annotation, in one piece. What is write-only is taken out of it, so that it cannot be read
 * there; an annotation that cannot be understood is dropped. Those of kinds that have no secrets stay as they are. */
void applied_strip(const struct kind *k, json_t *metadata);
