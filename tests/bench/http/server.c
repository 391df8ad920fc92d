/* A server that answers from memory: /static on the event loop, /hop through a worker; /watch is a stream that has an event at each
 * /wake. Prints its port; runs until its standard input ends. Arguments: threads, bytes of a request's head, and for TLS a file
 * with certificate and key. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
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

/* ---- watches ---- */

struct watcher {
    struct watcher *next, *prev;
    struct http_stream *stream;
    unsigned events;
};
static struct watcher *watchers;
static pthread_mutex_t watchers_mutex = PTHREAD_MUTEX_INITIALIZER;

static enum http_stream_state read_event(void *ctx, char *out, size_t max, size_t *ret_len) {
    static const char event[] = "{\"type\":\"MODIFIED\",\"object\":{\"kind\":\"Policy\"}}\n";
    struct watcher *w = ctx;
    enum http_stream_state state = HTTP_STREAM_WAIT;
    (void)pthread_mutex_lock(&watchers_mutex);
    if (w->events > 0 && max >= sizeof event) {
        w->events--;
        memcpy(out, event, sizeof event - 1);
        *ret_len = sizeof event - 1;
        state = HTTP_STREAM_DATA;
    }
    (void)pthread_mutex_unlock(&watchers_mutex);
    return state;
}

static void close_watch(void *ctx) {
    struct watcher *w = ctx;
    (void)pthread_mutex_lock(&watchers_mutex);
    *(w->prev ? &w->prev->next : &watchers) = w->next;
    if (w->next != NULL)
        w->next->prev = w->prev;
    (void)pthread_mutex_unlock(&watchers_mutex);
    free(w);
}

static enum err_code watch(void *app, const struct http_request *req, struct http_response *res,
                           struct err *err) {
    static const struct http_stream_ops ops = { read_event, NULL, close_watch, HTTP_RUN_WORK };
    (void)app;
    (void)req;
    struct watcher *w = calloc(1, sizeof *w);
    if (w == NULL)
        return err_set(err, ERR_NOMEM, "no memory for a watcher");
    http_body_stream(res, "application/json", &ops, w, &w->stream);
    (void)pthread_mutex_lock(&watchers_mutex);
    w->next = watchers;
    if (w->next != NULL)
        w->next->prev = w;
    watchers = w;
    (void)pthread_mutex_unlock(&watchers_mutex);
    return ERR_OK;
}

static enum err_code wake(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    (void)pthread_mutex_lock(&watchers_mutex);
    for (struct watcher *w = watchers; w != NULL; w = w->next) {
        w->events++;
        http_stream_wake(w->stream);
    }
    (void)pthread_mutex_unlock(&watchers_mutex);
    return answer(app, req, res, err);
}

/* ---- the server ---- */

static const struct route routes[] = {
    { .methods = HTTP_GET, .path = "/static", .handle = answer, .metric = "static" },
    { .methods = HTTP_GET, .path = "/hop", .handle = answer, .run = HTTP_RUN_WORK, .metric = "hop" },
    { .methods = HTTP_GET, .path = "/watch", .handle = watch, .run = HTTP_RUN_WORK, .metric = "watch" },
    { .methods = HTTP_GET, .path = "/wake", .handle = wake, .run = HTTP_RUN_WORK, .metric = "wake" },
    { .path = NULL },
};

static void *acquire(void *ctx) { return ctx; }
static void release(void *ctx, void *app) {
    (void)ctx;
    (void)app;
}

static char *read_file(const char *path) {
    static char text[65536];
    FILE *f = fopen(path, "r");
    size_t len = f != NULL ? fread(text, 1, sizeof text - 1, f) : 0;
    text[len] = 0;
    if (f != NULL)
        (void)fclose(f);
    return text;
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
    struct rlimit files;
    (void)getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &files);
    struct http_options options = {
        .address = "127.0.0.1",
        .threads = (unsigned)threads,
        .work = { .threads = 2, .queue = 4096 },
        .login = { .threads = 1, .queue = 1 },
        .limits = { .connections = 16384,
                    .header_bytes = header_bytes,
                    .idle_timeout_s = 600,
                    .request_timeout_s = 600 },
        .tls = argc > 3,
        .tls_min_version = "1.2",
        .route_tables = tables,
        .app = { NULL, acquire, release },
        .clock = clock_system(),
        .random = random_system(),
        .metrics = metrics_new(),
    };
    struct http_server *server = NULL;
    struct str pem = argc > 3 ? str_of(read_file(argv[3])) : STR_NULL;
    struct http_tls tls = { pem, pem, STR_NULL };
    if (http_server_new(&options, &tls, &server, &err) != ERR_OK ||
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
