/* The signing keys in the store: loading, creating, retiring, removing, as jose's rotation policy says. */
#pragma once
#include "tkeauth/crypto.h"
#include "tkeauth/jose.h"
#include "tkeauth/store.h"

struct signing_keys {
    struct store *store;
    const struct keyring *keyring;
    const struct random *random;
    const struct clock *clock;
    struct log *log;
    struct rotation_policy policy;
};
/* Others were told a time (caches a max-age, token holders an expiry). When the operator lowers it, what was told before still holds
 * until it has passed: the running daemon plans with the longer of the two. Starts as { 0 }. */
struct promise {
    int64_t seconds, until;
};
/* Notes that `seconds` are told at `now`, and returns the longest that is still outstanding. Call it at least every few seconds. */
int64_t promise_longest(struct promise *p, int64_t seconds, int64_t now);
/* Does what is due, for every algorithm. `*ret_changed`: the set in the store is another one now. */
enum err_code signing_keys_rotate(const struct signing_keys *k, bool *ret_changed, struct err *err);
/* The set as it stands. */
enum err_code signing_keys_load(const struct signing_keys *k, struct keyset **ret, struct err *err);
/* Emergency: every key goes now, and a new one signs at once. Tokens signed by the old ones are refused from the next fetch of /keys. */
enum err_code signing_keys_replace(const struct signing_keys *k, struct err *err);
/* The stored keys, newest first, for a listing; in `a`. */
enum err_code signing_keys_list(const struct signing_keys *k, struct arena *a, struct signing_key **ret,
                                size_t *ret_len, struct err *err);
