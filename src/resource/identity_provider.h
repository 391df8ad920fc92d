/* What is peculiar to IdentityProviders. */
#pragma once
#include "tkeauth/resource.h"

#define IDP_SECRET_MARK "***"
#define IDP_SEAL_PURPOSE "identity-provider"
/* Holds a deleted tenant until everything of it is gone; not for clients to take off. */
#define IDP_FINALIZER RESOURCE_GROUP "/tenant"

bool idp_key_is_secret(const char *key);
/* {"bindPW":"..."}; empty for no secret. The caller owns *ret. */
MUST_CHECK enum err_code idp_open_secrets(const struct keyring *keyring, struct str sealed, json_t **ret,
                                          struct err *err);
