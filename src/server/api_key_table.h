/* API keys that are good now, by digest: answered from memory on the event loop, kept up by the store's feed. */
#pragma once
#include "tkeauth/authn.h"
#include "tkeauth/resource.h"

struct enforcer;
struct api_key_table;
/* Empty. Borrowed: `enforcer`, the rules, for the local groups of a key's user; `log` (may be NULL). */
MUST_CHECK enum err_code api_key_table_new(struct enforcer *enforcer, struct log *log,
                                           struct api_key_table **ret, struct err *err);
void api_key_table_free(struct api_key_table *t);
/* Everything that is in the store: at start, and when changes were missed. Readers see the table as it was until all of it is read, also
 * when that fails. What cannot be read is told in the log and left out. One thread at a time, with api_key_table_apply. */
MUST_CHECK enum err_code api_key_table_load(struct api_key_table *t, struct store *s, struct err *err);
/* A change of an APIKey or a LocalIdentity; others are ignored. ERR_INVALID: it cannot be read, and changes nothing. */
MUST_CHECK enum err_code api_key_table_apply(struct api_key_table *t, const struct store_change *c,
                                             struct err *err);
/* Every change there is has been applied: the keys of users who were deleted are gone, too, and nobody need be kept locked for them. A user's
 * deletion comes before those of their keys; the keys of one who was locked, or about to go, must not count in between. */
void api_key_table_settle(struct api_key_table *t);
/* An apikey_finder; `ctx` is the table. Any thread, without a lock. */
bool api_key_table_find(const void *ctx, struct arena *a, const unsigned char digest[32], int64_t now,
                        struct apikey_view *ret);
