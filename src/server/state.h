/* What lies on disk, opened: used by the daemon and, for a moment, by the commands beside it. */
#pragma once
#include "server/signing_keys.h"
#include "tkeauth/config.h"
#include "tkeauth/crypto.h"
#include "tkeauth/store.h"

struct server_state {
    struct log *log; /* owned; may be NULL */
    struct store *store;
    struct keyring *keyring;
};
/* Makes the folder (0700) and the key-encryption key on first use. `state->log` is used when set. */
enum err_code server_state_open(struct server_state *state, const struct config *c, struct metrics *metrics,
                                bool read_only, struct err *err);
void server_state_close(struct server_state *state);
/* `longest_token_s`: no client's tokens live longer; 0: the configuration's lifetimes. */
struct signing_keys server_state_signing_keys(const struct server_state *state, const struct config *c,
                                              int64_t longest_token_s);
/* Problems and warnings on stderr, one a line. */
void server_state_print_problems(const struct cfg_problems *problems);
