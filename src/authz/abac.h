/* The ABAC file (contract 4.1): one JSON object a line, read once into an immutable list. */
#pragma once
#include "tkeauth/authz.h"

enum { ABAC_FILE_MAX = 16 * 1024 * 1024, ABAC_LINE_MAX = 64 * 1024, ABAC_PATTERN_MAX = 1024 };

struct abac;
/* Empty lines and lines starting with '#' are skipped. ERR_INVALID with the line number. */
MUST_CHECK enum err_code abac_parse(struct str text, struct abac **ret, struct err *err);
void abac_free(struct abac *abac);
DEFINE_AUTO_FREE(abac_free, struct abac);
size_t abac_len(const struct abac *abac);
/* Allowed by a line; denied for the unauthenticated; no opinion otherwise. */
enum authz_outcome abac_decide(const struct abac *abac, const struct authz_user *user,
                               const struct authz_attributes *at);

/* Does the whole of `value` fit `pattern`, in which '*' stands for any text and everything else for itself? Linear in the lengths. */
bool abac_pattern_match(struct str pattern, struct str value);
