/* The layout of the file, and how an older one becomes the current one. */
#pragma once
#include "store/sqlite/conn.h"

enum schema_state { SCHEMA_CURRENT, SCHEMA_EMPTY, SCHEMA_OLDER };
/* ERR_INVALID: a database of some other program. ERR_CONFLICT: written by a newer schema. */
MUST_CHECK enum err_code schema_check(struct conn *c, enum schema_state *ret, struct err *err);
/* Brings the file to the current schema in one transaction; nothing happens to a file that is not ours, or newer. */
MUST_CHECK enum err_code schema_migrate(struct conn *c, struct err *err);
