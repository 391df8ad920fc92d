#include "server/health.h"

#include "server/snapshot.h"

static enum err_code live(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    (void)app;
    (void)req;
    (void)err;
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_body_static(res, "text/plain; charset=utf-8", STR("ok\n"));
    return ERR_OK;
}

/* Ready to serve: the store answers and keys sign. A directory that is down does not make us unready: other tenants go on, and the
 * reviews never need it. It is told, though. */
static enum err_code ready(void *app, const struct http_request *req, struct http_response *res,
                           struct err *err) {
    const struct server_snapshot *s = app;
    AUTO(strbuf_done) struct strbuf text = STRBUF(16384);
    struct err problem = { 0 };
    bool ok = store_health(s->oidc.store, &problem) == ERR_OK;
    bool signs = keyset_signer(s->keys, SIGN_RS256, clock_now_s(s->oidc.clock)) != NULL;
    (void)err;
    (void)req;
    strbuf_addf(&text, "[%c] store\n[%c] signing-keys\n", ok ? '+' : '-', signs ? '+' : '-');
    for (size_t i = 0; i < s->oidc.connector_count; i++) {
        bool up = connector_health(s->oidc.connectors[i], &problem) == ERR_OK;
        strbuf_addf(&text, "[%c] connector %s%s\n", up ? '+' : '-', s->oidc.connectors[i]->id,
                    up ? "" : " (does not make the service unready)");
    }
    http_status(res, ok && signs ? 200 : 503);
    http_set_header(res, "Cache-Control", STR("no-store"));
    http_body(res, "text/plain; charset=utf-8", strbuf_str(&text));
    return ERR_OK;
}

static enum err_code metrics(void *app, const struct http_request *req, struct http_response *res,
                             struct err *err) {
    const struct server_snapshot *s = app;
    AUTO(strbuf_done) struct strbuf text = STRBUF(4 * 1024 * 1024);
    (void)req;
    metrics_render(s->oidc.metrics, &text);
    enum err_code rc = strbuf_check(&text, err);
    if (rc == ERR_OK)
        http_body(res, "text/plain; version=0.0.4; charset=utf-8", strbuf_str(&text));
    return rc;
}

#define HEALTH(route_path, handler)                                                                          \
    { .methods = HTTP_GET, .path = route_path, .handle = handler, .run = HTTP_RUN_LOOP, .metric = "health" }

const struct route health_routes[] = {
    HEALTH("/healthz", live),      HEALTH("/livez", live),        HEALTH("/readyz", ready),
    HEALTH("/healthz/ping", live), HEALTH("/oidc/healthz", live), { .path = NULL },
};
const struct route metrics_routes[] = {
    { .methods = HTTP_GET, .path = "/metrics", .handle = metrics, .run = HTTP_RUN_LOOP, .metric = "metrics" },
    { .path = NULL },
};
