/* The enforcer behind struct engine. */
#pragma once
#include "authz/internal.h"

enum { MODEL_FILE_MAX = 1024 * 1024, POLICY_FILE_MAX = 1024 * 1024 * 1024 };
/* From options->enforcer (borrowed), or a new one from model and policy files. ERR_INVALID names file, line and column. */
MUST_CHECK enum err_code engine_enforcer_load(const struct authz_options *options, struct engine *ret,
                                              struct err *err);
