/* The key pair API keys are signed with: an object (contract 2.3), made once. */
#pragma once
#include "tkeauth/resource.h"

/* Makes the object named `default-api-signing-key` unless it is there. */
MUST_CHECK enum err_code api_signing_key_ensure(const struct resource_env *env, struct err *err);
