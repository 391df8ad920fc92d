#include "server/listeners.h"

#include <stdlib.h>

#include "server/health.h"
#include "tkeauth/authz.h"
#include "tkeauth/kube.h"
#include "tkeauth/oidc.h"

static struct http_options http_options_of(const struct listeners *l, const struct listeners_options *o) {
    const struct config *c = o->config;
    return (struct http_options) {
        .address = c->secure_serving.bind_address,
        .port = (unsigned)c->secure_serving.port,
        .threads = (unsigned)c->limits.threads,
        .work = { (unsigned)c->limits.work.threads, (unsigned)c->limits.work.queue },
        .login = { (unsigned)c->limits.login.threads, (unsigned)c->limits.login.queue },
        .directory = { (unsigned)c->limits.directory.threads, (unsigned)c->limits.directory.queue },
        .limits = { .connections = (unsigned)c->limits.connections,
                    .connections_per_ip = (unsigned)c->limits.connections_per_ip,
                    .header_bytes = (size_t)c->limits.header_bytes,
                    .idle_timeout_s = (unsigned)c->limits.idle_timeout_s,
                    .request_timeout_s = (unsigned)c->limits.request_timeout_s,
                    .response_timeout_s = 60 },
        .route_tables = l->routes,
        .app = o->app,
        .trusted_proxies = { c->generic.trusted_proxies.items, c->generic.trusted_proxies.len },
        .cors_origins = { c->generic.cors_allowed_origins.items, c->generic.cors_allowed_origins.len },
        .tls = !o->tls->off,
        .hsts_host = l->hsts_host,
        .tls_min_version = c->secure_serving.tls_min_version,
        .clock = clock_system(),
        .random = random_system(),
        .log = o->log,
        .metrics = o->metrics,
    };
}

static void choose_routes(struct listeners *l, const struct listeners_options *o) {
    size_t n = 0;
    l->routes[n++] = oidc_routes;
    l->routes[n++] = o->reviews_on_workers ? authz_routes_on_workers : authz_routes;
    l->routes[n++] = kube_routes;
    l->routes[n++] = kube_discovery_routes;
    l->routes[n++] = health_routes;
    if (o->config->telemetry.http == NULL)
        l->routes[n++] = metrics_routes;
}

static enum err_code start_main(struct listeners *l, const struct listeners_options *o, struct err *err) {
    AUTO(tls_material_done) struct tls_material material = { 0 };
    struct http_tls tls = { 0 };
    choose_routes(l, o);
    if (!o->tls->off) {
        enum err_code rc = tls_material_load(o->tls, &material, &tls, err);
        if (rc != ERR_OK)
            return tls_files_context(o->tls, err);
    }
    l->hsts_host = str_dup_c(o->tls->hsts_host); /* outlives a reload of the certificates */
    const struct http_options options = http_options_of(l, o);
    enum err_code rc = http_server_new(&options, o->tls->off ? NULL : &tls, &l->main, err);
    if (rc != ERR_OK)
        return o->tls->off ? rc : tls_files_context(o->tls, err);
    return http_server_start(l->main, err);
}

/* Plain HTTP, for a scraper on the same machine or pod: health and metrics only. */
static enum err_code start_telemetry(struct listeners *l, const struct listeners_options *o,
                                     struct err *err) {
    const struct config *c = o->config;
    static const struct route *const routes[] = { health_routes, metrics_routes, NULL };
    if (c->telemetry.http == NULL)
        return ERR_OK;
    struct str text = str_of(c->telemetry.http);
    size_t colon = str_rfind(text, ':');
    uint64_t port = 0;
    if (colon == text.len || parse_u64(str_from(text, colon + 1), 0, 65535, &port, err) != ERR_OK)
        return err_set(err, ERR_INVALID, "telemetry.http: write it like 127.0.0.1:9452");
    AUTO(strbuf_done) struct strbuf address = STRBUF(256);
    strbuf_add(&address, str_sub(text, 0, colon));
    struct http_options options = http_options_of(l, o);
    options.address = address.len ? strbuf_c(&address) : "127.0.0.1";
    options.port = (unsigned)port;
    options.threads = 1;
    options.work = options.login = (struct http_pool_options) { 1, 16 };
    options.directory = (struct http_pool_options) { 0 };
    options.route_tables = routes;
    options.tls = false;
    enum err_code rc = http_server_new(&options, NULL, &l->telemetry, err);
    return rc == ERR_OK ? http_server_start(l->telemetry, err) : rc;
}

enum err_code listeners_start(struct listeners *l, const struct listeners_options *options, struct err *err) {
    enum err_code rc = start_main(l, options, err);
    return rc == ERR_OK ? start_telemetry(l, options, err) : rc;
}

void listeners_stop(struct listeners *l, unsigned drain_ms) {
    if (l->main != NULL)
        http_server_stop(l->main, drain_ms);
    if (l->telemetry != NULL)
        http_server_stop(l->telemetry, 0);
    http_server_free(l->main);
    http_server_free(l->telemetry);
    free(l->hsts_host);
    *l = (struct listeners) { 0 };
}
