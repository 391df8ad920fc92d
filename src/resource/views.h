/* Objects as the model's structs, for use inside the module. */
#pragma once
#include "tkeauth/resource.h"

/* `secret`: raw SHA-256 of the client secret; empty: none. Strings live in `a` or the object. */
MUST_CHECK enum err_code client_of_object(struct arena *a, const json_t *object, struct str secret,
                                          struct client *ret, struct err *err);
