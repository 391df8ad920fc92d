/* server builds everything from the configuration, in order, and takes it down again; it owns the snapshot, reload, key rotation
 * and upkeep. It must never answer a request by itself, health and metrics excepted. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/config.h"
#include "tkeauth/log.h"

struct server;
struct server_options {
    const char *config_path;
    struct log *log;  /* may be NULL: made from the configuration */
    bool print_ready; /* "ready issuer=URL ca=FILE admin=NAME" on stdout */
};
/* Builds and starts; returns with the listener answering. Call httpc_global_init and block signals before. */
MUST_CHECK enum err_code server_start(const struct server_options *options, struct server **ret,
                                      struct err *err);
/* Until SIGTERM or SIGINT; SIGHUP and changed files reload. */
void server_run(struct server *s);
void server_stop(struct server *s);

/* Reads the configuration as server_start would, connectors included, prints every problem on stderr, and contacts nobody. */
MUST_CHECK enum err_code server_check_config(const char *config_path, struct err *err);

/* ---- for commands beside `serve`: the same files, opened the same way; a running daemon sees changes within a second ---- */
struct server_admin;
struct signing_key;
struct store;
struct resource_env;
/* Problems of the configuration go to stderr. Memory of the configuration comes from `a`, which must outlive the result. Objects as
 * an earlier version stored them are brought into the present form, unless `read_only`. */
MUST_CHECK enum err_code server_admin_open(struct arena *a, const char *config_path, bool read_only,
                                           struct server_admin **ret, struct err *err);
/* The same over a copy in memory of the objects there are (none where there is no database yet): whatever is done to it is forgotten, and
 * nothing is made or changed on disk. */
MUST_CHECK enum err_code server_admin_open_copy(struct arena *a, const char *config_path,
                                                struct server_admin **ret, struct err *err);
void server_admin_close(struct server_admin *s); /* NULL is fine */
const struct config *server_admin_config(const struct server_admin *s);
struct store *server_admin_store(const struct server_admin *s);
/* For reading and writing objects. */
const struct resource_env *server_admin_env(const struct server_admin *s);
/* Newest first; in `a`. */
MUST_CHECK enum err_code server_admin_keys(const struct server_admin *s, struct arena *a,
                                           struct signing_key **ret, size_t *ret_len, struct err *err);
MUST_CHECK enum err_code server_admin_replace_keys(const struct server_admin *s, struct err *err);
/* What the LDAP connector of `tenant` finds for `user`, step by step. ERR_NOT_FOUND: no such tenant. */
MUST_CHECK enum err_code server_admin_ldap_search(const struct server_admin *s, struct arena *a,
                                                  struct str tenant, struct str user,
                                                  struct strbuf *ret_report, struct err *err);
