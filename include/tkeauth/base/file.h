/* Whole files. */
#pragma once
#include "tkeauth/base/secret.h"

/* ERR_NOT_FOUND, ERR_LIMIT (over `max` bytes), ERR_UNAVAILABLE (cannot be read). `out` gets the bytes appended. */
MUST_CHECK enum err_code file_read(const char *path, size_t max, struct strbuf *out, struct err *err);
/* As file_read, into a secret; one trailing newline is cut. ERR_FORBIDDEN when `private_only` and group or others may
 * read the file. */
MUST_CHECK enum err_code file_read_secret(const char *path, size_t max, bool private_only, struct secret *ret,
                                          struct err *err);
/* Written beside, synced, renamed over `path`: readers see the old or the new file, also after a crash. */
MUST_CHECK enum err_code file_write_atomic(const char *path, struct str data, unsigned mode, struct err *err);
