/* What may be stored: every argument is checked here before a backend sees it. */
#pragma once
#include "store/backend.h"

MUST_CHECK enum err_code check_writable(const struct store *s, struct err *err);
MUST_CHECK enum err_code check_kind(struct str kind, struct err *err);
MUST_CHECK enum err_code check_object(struct str kind, struct str name, struct err *err);
MUST_CHECK enum err_code check_body(struct str body, struct err *err);
MUST_CHECK enum err_code check_index_key(struct str key, struct err *err);
MUST_CHECK enum err_code check_owner(struct str owner, struct err *err);
MUST_CHECK enum err_code check_write(const struct store_write *w, struct err *err);
MUST_CHECK enum err_code check_query(const struct store_query *q, struct err *err);
MUST_CHECK enum err_code check_owned_set(const struct store_owned_set *set, struct err *err);
MUST_CHECK enum err_code check_limit(size_t limit, struct err *err); /* at least 1 */
/* Names that families are found by. */
MUST_CHECK enum err_code check_family_keys(struct str client_id, struct str subject, struct str session_id,
                                           struct err *err);
MUST_CHECK enum err_code check_family(const struct store_family *f, struct err *err);
