/* A server that answers from memory: /static on the event loop, /hop through a worker. Prints its port; runs until its
 * standard input ends. Arguments: threads, bytes of a request's head. */
#include <stdio.h>
#include <unistd.h>

#include "tkeauth/http.h"

static enum err_code answer(void *app, const struct http_request *req, struct http_response *res,
                            struct err *err) {
    (void)app;
    (void)req;
    (void)err;
    http_body_static(res, "application/json",
                     STR("{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"1\"}]}"));
    return ERR_OK;
}

static const struct route routes[] = {
    { .methods = HTTP_GET, .path = "/static", .handle = answer, .metric = "static" },
    { .methods = HTTP_GET, .path = "/hop", .handle = answer, .run = HTTP_RUN_WORK, .metric = "hop" },
    { .path = NULL },
};

static void *acquire(void *ctx) { return ctx; }
static void release(void *ctx, void *app) {
    (void)ctx;
    (void)app;
}

int main(int argc, char **argv) {
    static const struct route *const tables[] = { routes, NULL };
    struct err err = { .code = ERR_OK };
    uint64_t threads = 0, header_bytes = 16384;
    if ((argc > 1 && parse_u64(str_of(argv[1]), 0, 64, &threads, &err) != ERR_OK) ||
        (argc > 2 && parse_u64(str_of(argv[2]), 1024, 1 << 20, &header_bytes, &err) != ERR_OK)) {
        (void)fprintf(stderr, "%s\n", err.detail);
        return 2;
    }
    struct http_options options = {
        .address = "127.0.0.1",
        .threads = (unsigned)threads,
        .work = { .threads = 2, .queue = 4096 },
        .login = { .threads = 1, .queue = 1 },
        .limits = { .connections = 4096, .header_bytes = header_bytes },
        .route_tables = tables,
        .app = { NULL, acquire, release },
        .clock = clock_system(),
        .random = random_system(),
        .metrics = metrics_new(),
    };
    struct http_server *server = NULL;
    if (http_server_new(&options, NULL, &server, &err) != ERR_OK ||
        http_server_start(server, &err) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", err.detail);
        return 1;
    }
    (void)printf("%u\n", http_server_port(server));
    (void)fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0)
        continue;
    http_server_stop(server, 0);
    http_server_free(server);
    metrics_free(options.metrics);
    return 0;
}
