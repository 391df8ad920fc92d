/* Commands that change what the daemon stores: they open the same files, and a running daemon sees the change within a second. */
#pragma once
#include "cli/options.h"
#include "tkeauth/config.h"
#include "tkeauth/resource.h"
#include "tkeauth/server.h"
#include "tkeauth/store.h"

struct admin {
    struct arena *arena;
    const struct config *config;
    struct store *store;
    const struct resource_env *env; /* for reading and writing objects */
    struct server_admin *server;
};
/* Prints what is wrong and returns false, or fills `ret`. */
bool admin_open(const char *config_path, bool read_only, struct admin *ret);
/* The same over a copy in memory: nothing that is done to it is kept. */
bool admin_open_copy(const char *config_path, struct admin *ret);
void admin_close(struct admin *a);
/* 256 bits as base64url, for secrets made by us. */
void admin_random_text(size_t bytes, struct strbuf *out);
