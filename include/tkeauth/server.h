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
