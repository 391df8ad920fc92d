/* Issuing API keys (contract 2.2, 6.6): JWTs that name their user, signed with the default APISigningKey. */
#pragma once
#include "kube/verbs.h"

kube_handler api_key_token; /* POST apikeys/{any}/token: for the caller */
kube_handler
    api_key_password; /* POST apikeys/{any}/password: for a local identity that shows its password; without other credentials */
kube_handler api_key_create; /* POST apikeys: a ready-made key */
