/* What one of our own ID tokens says about its bearer (contract 1.6 and 6.3). */
#pragma once
#include "authn/principal.h"

/* The claims must have been verified. Slices of them, or in `a`. ERR_UNAUTHENTICATED: the token does not name a user and their tenant. Without
 * a tenant its bearer would be taken for a caller of the platform itself. */
MUST_CHECK enum err_code id_token_read(struct arena *a, const json_t *claims, struct principal_draft *ret,
                                       struct err *err);
/* Connector and user id out of a subject (base64url of a protobuf message with fields 1 = user id, 2 = connector id). */
MUST_CHECK enum err_code subject_read(struct arena *a, struct str subject, struct str *ret_user_id,
                                      struct str *ret_connector_id, struct err *err);
