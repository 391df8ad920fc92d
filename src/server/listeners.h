/* What the daemon listens on: the main listener, and a plain one for scrapers. */
#pragma once
#include "server/tls_files.h"
#include "tkeauth/config.h"
#include "tkeauth/http.h"

struct listeners {
    struct http_server *main, *telemetry; /* telemetry: NULL when there is none */
    char *hsts_host;
    const struct route *routes[12];
};
struct listeners_options {
    const struct config *config;
    const struct tls_files *tls;
    struct http_app app;
    bool reviews_on_workers;
    struct log *log;
    struct metrics *metrics;
};
/* Builds and starts both; listeners_stop cleans up after a failure, too. */
MUST_CHECK enum err_code listeners_start(struct listeners *l, const struct listeners_options *options,
                                         struct err *err);
/* Requests under way have `drain_ms` to end. Takes half-started ones. */
void listeners_stop(struct listeners *l, unsigned drain_ms);
