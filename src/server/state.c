#include "server/state.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* A clock that differs this much between us and a relying party must not make a fresh key unknown. */
enum { PUBLISH_MARGIN_S = 60 };

void server_state_print_problems(const struct cfg_problems *problems) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(1024 * 1024);
    cfg_problems_print(problems, &text);
    (void)fputs(strbuf_c(&text), stderr);
}

static enum err_code make_folder(const char *path, struct err *err) {
    if (path == NULL || mkdir(path, 0700) == 0 || errno == EEXIST)
        return ERR_OK;
    return err_set(err, ERR_UNAVAILABLE, "state folder %s: %s", path, strerror(errno));
}

enum err_code server_state_open(struct server_state *state, const struct config *c, struct metrics *metrics,
                                bool read_only, struct err *err) {
    const struct store_options options = { .type = c->storage.type,
                                           .path = c->storage.file,
                                           .clock = clock_system(),
                                           .log = state->log,
                                           .metrics = metrics,
                                           .read_only = read_only };
    enum err_code rc = make_folder(c->state_dir, err);
    if (rc == ERR_OK)
        rc = keyring_load_or_create(c->storage.key_file, random_system(), &state->keyring, err);
    if (rc == ERR_OK)
        rc = store_open(&options, &state->store, err);
    return rc;
}

void server_state_close(struct server_state *state) {
    store_close(state->store);
    keyring_free(state->keyring);
    log_free(state->log);
    *state = (struct server_state) { 0 };
}

static int64_t longest(int64_t a, int64_t b) { return a > b ? a : b; }

struct signing_keys server_state_signing_keys(const struct server_state *state, const struct config *c,
                                              int64_t longest_token_s) {
    int64_t lifetime = longest(longest(c->expiry.id_tokens_s, c->expiry.access_tokens_s), longest_token_s);
    return (struct signing_keys) { .store = state->store,
                                   .keyring = state->keyring,
                                   .random = random_system(),
                                   .clock = clock_system(),
                                   .log = state->log,
                                   .policy = { .period_s = c->expiry.signing_keys_s,
                                               .publish_ahead_s = c->expiry.jwks_max_age_s + PUBLISH_MARGIN_S,
                                               .keep_after_s = lifetime + PUBLISH_MARGIN_S,
                                               .jwks_max_age_s = c->expiry.jwks_max_age_s } };
}
