/* The review endpoints on a TLS listener with a policy of many tenants, and a static route beside them to compare with.
 * usage: bench_authz FOLDER RULES        serves with tls.crt, tls.key and tokens of FOLDER; prints the port; ends with its input
 *        bench_authz FOLDER RULES decide prints decisions per second on one core, HTTP and JSON left out */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tkeauth/authz.h"

enum { RULES_PER_TENANT = 50, POLICIES = 10, DECIDE_NS = 1000 * 1000 * 1000, ASKED = 64 };

static void must(enum err_code rc, const struct err *err, const char *what) {
    if (rc != ERR_OK) {
        (void)fprintf(stderr, "bench: %s: %s\n", what, err->detail);
        exit(1);
    }
}

const struct authz_app *authz_app_of(const void *app) { return app; }

static void *acquire(void *ctx) { return ctx; }
static void release(void *ctx, void *app) {
    (void)ctx;
    (void)app;
}

/* Ten policies of four rules, each given to one user: a tenant has fifty rules. */
static void write_policy(const char *path, size_t rules) {
    static const char *const kinds[] = { "deployment", "pod", "service", "configmap" };
    FILE *f = fopen(path, "we");
    struct err err = { .detail = "cannot be written" };
    must(f == NULL ? ERR_UNAVAILABLE : ERR_OK, &err, path);
    for (size_t t = 0; t < (rules + RULES_PER_TENANT - 1) / RULES_PER_TENANT; t++)
        for (size_t p = 0; p < POLICIES; p++) {
            for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
                (void)fprintf(f, "p, pol-%zu-%zu, *, cluster:cls-%zu/namespace:ns-%zu/%s:*, *, allow\n", t, p,
                              t, p, kinds[k]);
            (void)fprintf(f, "g, t%zu##user##user-%zu, pol-%zu-%zu, *\n", t, p, t, p);
        }
    (void)fclose(f);
}

static char *path_in(const char *folder, const char *name) {
    static char paths[4][512];
    static unsigned next;
    char *path = paths[next++ % 4];
    (void)snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static struct authz *open_authz(const char *folder, size_t rules) {
    struct err err = { 0 };
    struct authz *z = NULL;
    char name[64];
    (void)snprintf(name, sizeof name, "policy-%zu.csv", rules);
    const char *policy = path_in(folder, name);
    write_policy(policy, rules);
    const struct authz_options options = { .files.policy = policy,
                                           .any_tenant = true,
                                           .access.token_file = path_in(folder, "tokens"),
                                           .clock = clock_system(),
                                           .random = random_system() };
    must(authz_new(&options, &z, &err), &err, "rules");
    return z;
}

/* ---- in process ---- */

struct asked {
    char user[32], tenant[32], cluster[32], namespace[32];
    struct str tenant_value, groups[2];
    struct authz_extra extra;
    struct authz_question question;
};

static void make_question(struct asked *q, size_t i, size_t tenants) {
    size_t t = i * 7919 % tenants, p = i % POLICIES;
    (void)snprintf(q->user, sizeof q->user, "user-%zu", p);
    (void)snprintf(q->tenant, sizeof q->tenant, "t%zu", t);
    (void)snprintf(q->cluster, sizeof q->cluster, "cluster:cls-%zu", t);
    (void)snprintf(q->namespace, sizeof q->namespace, "ns-%zu", p);
    q->tenant_value = str_of(q->tenant);
    q->extra = (struct authz_extra) { STR("tenantid"), &q->tenant_value, 1 };
    q->groups[0] = str_of(q->cluster);
    q->groups[1] = STR("system:authenticated");
    q->question = (struct authz_question) {
        .user = { .name = str_of(q->user),
                  .groups = q->groups,
                  .group_count = 2,
                  .extra = &q->extra,
                  .extra_count = 1 },
        .attributes = { .verb = STR("list"),
                        .api_group = STR("apps"),
                        .resource = STR("deployments"),
                        .namespace = str_of(q->namespace),
                        .is_resource = true },
    };
}

static int64_t now_ns(void) {
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void decide(const struct authz *z, size_t rules) {
    static struct asked asked[ASKED];
    struct err err = { 0 };
    size_t done = 0;
    for (size_t i = 0; i < ASKED; i++)
        make_question(&asked[i], i, rules / RULES_PER_TENANT);
    int64_t start = now_ns(), spent = 0;
    while (spent < DECIDE_NS) {
        for (size_t i = 0; i < ASKED; i++, done++) {
            struct authz_version version;
            struct authz_decision d;
            struct arena *a = arena_new(1 << 20);
            authz_acquire(z, &version);
            must(authz_decide(z, &version, a, &asked[i].question, &d, &err), &err, "a decision");
            authz_release(z, &version);
            if (d.outcome != AUTHZ_ALLOWED)
                must(ERR_INTERNAL, &err, "the wrong answer");
            arena_free(a);
        }
        spent = now_ns() - start;
    }
    (void)printf("%.0f\n", (double)done * 1e9 / (double)spent);
}

/* ---- over HTTPS ---- */

static enum err_code static_get(void *app, const struct http_request *req, struct http_response *res,
                                struct err *err) {
    static char body[600];
    (void)app;
    (void)req;
    (void)err;
    if (body[0] == '\0')
        memset(body, 'x', sizeof body);
    http_body_static(res, "application/json", (struct str) { body, sizeof body });
    return ERR_OK;
}

static const struct route static_routes[] = {
    { .methods = HTTP_GET,
      .path = "/static",
      .handle = static_get,
      .run = HTTP_RUN_LOOP,
      .metric = "static" },
    { .path = NULL },
};

static struct str file(const char *path) {
    struct err err = { 0 };
    struct strbuf text = STRBUF(1 << 20);
    must(file_read(path, 1 << 20, &text, &err), &err, path);
    return strbuf_str(&text);
}

static void serve(const char *folder, struct authz *z) {
    static const struct route *const tables[] = { authz_routes, static_routes, NULL };
    struct err err = { 0 };
    struct http_server *server = NULL;
    struct authz_app app = { .authz = z };
    const struct http_options options = {
        .address = "127.0.0.1",
        .work = { .threads = 1, .queue = 16 },
        .login = { .threads = 1, .queue = 16 },
        .limits = { .connections = 1000,
                    .header_bytes = 8192,
                    .idle_timeout_s = 60,
                    .request_timeout_s = 30,
                    .response_timeout_s = 30 },
        .route_tables = tables,
        .app = { &app, acquire, release },
        .tls = true,
        .clock = clock_system(),
        .random = random_system(),
    };
    const struct http_tls tls = { file(path_in(folder, "tls.crt")), file(path_in(folder, "tls.key")),
                                  STR_NULL };
    must(http_server_new(&options, &tls, &server, &err), &err, "the server");
    must(http_server_start(server, &err), &err, "the server");
    (void)printf("%u\n", http_server_port(server));
    (void)fflush(stdout);
    char ignored[16];
    while (read(STDIN_FILENO, ignored, sizeof ignored) > 0)
        continue;
    http_server_stop(server, 0);
    http_server_free(server);
}

int main(int argc, char **argv) {
    uint64_t rules = 0;
    struct err err = { 0 };
    if (argc < 3 || parse_u64(str_of(argv[2]), RULES_PER_TENANT, 100000000, &rules, &err) != ERR_OK) {
        (void)fprintf(stderr, "usage: bench_authz FOLDER RULES [decide]\n");
        return 2;
    }
    struct authz *z = open_authz(argv[1], rules);
    if (argc > 3)
        decide(z, rules);
    else
        serve(argv[1], z);
    authz_free(z);
    return 0;
}
