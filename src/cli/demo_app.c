#include "cli/demo_app.h"

#include "cli/commands.h"
#include "cli/options.h"

#include <signal.h>
#include <unistd.h>

static void demo_done(struct demo *d) {
    demo_sessions_free(d->sessions);
    web_free(d->web);
    log_free(d->log);
    demo_settings_done(&d->settings);
}

static enum err_code demo_init(struct demo *d, const struct demo_options *options, struct err *err) {
    /* Its own colour, so that nobody takes its pages for the provider's. */
    const struct web_options pages = { .title = "Demo app", .accent = "#0f766e", .base_path = "" };
    const struct log_options log = { .level = LOG_LEVEL_WARN,
                                     .format = LOG_FORMAT_TEXT,
                                     .fd = STDERR_FILENO,
                                     .audit_fd = -1,
                                     .clock = clock_system() };
    d->clock = clock_system();
    d->random = random_system();
    enum err_code rc = demo_settings_init(options, &d->settings, err);
    if (rc != ERR_OK || (rc = demo_sessions_new(&d->sessions, err)) != ERR_OK ||
        (rc = web_new(&pages, &d->web, err)) != ERR_OK)
        return rc;
    return log_new(&log, &d->log, err);
}

static void *acquire(void *ctx) { return ctx; }
static void release(void *ctx, void *app) {
    (void)ctx;
    (void)app;
}

/* Answers until SIGINT or SIGTERM. The signals are blocked before there is any thread. */
static enum err_code serve(struct demo *d, struct err *err) {
    static const struct route *const tables[] = { demo_routes, NULL };
    const struct http_options options = {
        .address = d->settings.address,
        .port = d->settings.port,
        .threads = 1,
        .work = { .threads = 4, .queue = 64 },
        .login = { .threads = 1, .queue = 1 },
        .limits = { .connections = 128,
                    .connections_per_ip = 128,
                    .header_bytes = 16 * 1024,
                    .idle_timeout_s = 30,
                    .request_timeout_s = 10,
                    .response_timeout_s = 60 },
        .route_tables = tables,
        .app = { d, acquire, release },
        .clock = d->clock,
        .random = d->random,
        .log = d->log,
    };
    AUTO_FREE(http_server_free) struct http_server *server = NULL;
    enum err_code rc = http_server_new(&options, NULL, &server, err);
    if (rc != ERR_OK || (rc = demo_settings_listening(&d->settings, http_server_port(server), err)) != ERR_OK)
        return rc;
    sigset_t signals;
    int got = 0;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGTERM);
    (void)pthread_sigmask(SIG_BLOCK, &signals, NULL);
    if ((rc = http_server_start(server, err)) != ERR_OK)
        return rc;
    (void)printf("demo-app ready url=%.*s\n", STR_FMT(d->settings.home_uri));
    (void)fflush(stdout);
    (void)sigwait(&signals, &got);
    http_server_stop(server, 1000);
    return ERR_OK;
}

int cli_demo_app(int argc, char **argv) {
    struct demo_options o = { .listen = "127.0.0.1:9555",
                              .scope = "openid profile email groups offline_access federated:id" };
    const struct cli_option options[] = {
        { "issuer", CLI_STRING, &o.issuer, "URL", "the provider, exactly as it names itself" },
        { "client-id", CLI_STRING, &o.client_id, "ID", "a client that the provider knows" },
        { "client-secret-file", CLI_STRING, &o.client_secret_file, "FILE",
          "its secret (mode 0600); without: a public client" },
        { "ca", CLI_STRING, &o.ca, "FILE",
          "the certificate authority of the provider (PEM); without: the system's" },
        { "listen", CLI_STRING, &o.listen, "ADDRESS:PORT",
          "where to answer, on loopback; port 0: any free one" },
        { "redirect-uri", CLI_STRING, &o.redirect_uri, "URL",
          "what the client has registered; without: http://ADDRESS:PORT/callback" },
        { "scope", CLI_STRING, &o.scope, "SCOPES", "what to ask for" },
        { .name = NULL },
    };
    const struct cli_usage usage = {
        "tke-auth demo-app --issuer URL --client-id ID [options]",
        "A small relying party, to see a login from the application's side: sign in, look at the verified "
        "claims,\n"
        "refresh, ask userinfo, sign out. It keeps nothing on disk and prints \"demo-app ready url=URL\" "
        "when it answers.\n\n"
        "Example:\n  tke-auth demo-app --issuer https://localhost:8443/oidc --client-id demo --ca "
        "state/ca.crt",
        options,
    };
    int status = cli_parse(&usage, argc, argv, 0, 0, NULL);
    if (status >= 0)
        return status;
    AUTO(demo_done) struct demo d = { .log = NULL };
    struct err err = { 0 };
    (void)signal(SIGPIPE, SIG_IGN);
    if (httpc_global_init(&err) != ERR_OK)
        return cli_fail(&err, "start");
    if (demo_init(&d, &o, &err) != ERR_OK || serve(&d, &err) != ERR_OK)
        return cli_fail(&err, "demo-app");
    return 0;
}
