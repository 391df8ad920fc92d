#include "service.h"

#include <stdlib.h>

/* The external authorizer is another server with a route of our own. */
static struct {
    _Atomic int calls;
    _Atomic unsigned status;
    const char *answer;
    char seen[4096], authorization[128];
} peer;

static enum err_code peer_post(void *app, const struct http_request *req, struct http_response *res,
                               struct err *err) {
    (void)app;
    (void)err;
    peer.calls++;
    (void)snprintf(peer.seen, sizeof peer.seen, "%.*s", STR_FMT(req->body));
    (void)snprintf(peer.authorization, sizeof peer.authorization, "%.*s",
                   STR_FMT(http_header(req, "Authorization")));
    http_status(res, peer.status);
    http_body(res, "application/json", str_of(peer.answer));
    return ERR_OK;
}

static const struct route peer_routes[] = {
    { .methods = HTTP_POST,
      .path = "/review",
      .handle = peer_post,
      .run = HTTP_RUN_WORK,
      .raw_body = true,
      .body_max = 1 << 20,
      .metric = "peer" },
    { .path = NULL },
};

static void *acquire(void *ctx) { return ctx; }
static void release(void *ctx, void *app) {
    (void)ctx;
    (void)app;
}

struct fixture {
    struct service *service;
    struct http_server *peer;
    char url[64];
};

static int setup(void **state) {
    static const struct route *tables[] = { peer_routes, NULL };
    struct fixture *f = calloc(1, sizeof *f);
    struct err err;
    (void)service_setup((void **)&f->service);
    struct service *s = f->service;
    struct http_options options = {
        .address = "127.0.0.1",
        .threads = 1,
        .work = { .threads = 1, .queue = 8 },
        .login = { .threads = 1, .queue = 2 },
        .limits = { .connections = 100,
                    .header_bytes = 8192,
                    .idle_timeout_s = 600,
                    .request_timeout_s = 60,
                    .response_timeout_s = 60 },
        .route_tables = tables,
        .app = { f, acquire, release },
        .clock = clock_system(),
        .random = random_system(),
    };
    assert_ok(http_server_new(&options, NULL, &f->peer, &err));
    assert_ok(http_server_start(f->peer, &err));
    (void)snprintf(f->url, sizeof f->url, "http://127.0.0.1:%u/review", http_server_port(f->peer));
    peer.calls = 0;
    peer.status = 200;
    peer.answer = "{}";
    s->on_workers = true;
    s->options.webhook = (struct authz_webhook_options) { .url = f->url,
                                                          .allow_http = true,
                                                          .v1 = true,
                                                          .timeout_ms = 20000,
                                                          .breaker_failures = 2,
                                                          .breaker_pause_s = 10 };
    *state = f;
    return 0;
}

static int teardown(void **state) {
    struct fixture *f = *state;
    (void)service_teardown((void **)&f->service);
    if (f->peer != NULL)
        http_server_stop(f->peer, 0);
    http_server_free(f->peer);
    free(f);
    return 0;
}

#define ANSWER(status) "{\"kind\":\"SubjectAccessReview\",\"status\":" status "}"
#define ASKED(name)                                                                                          \
    "{\"spec\":{\"user\":\"alice\",\"uid\":\"u1\",\"groups\":[\"g\"],\"extra\":{\"k\\\"\":[\"v\"]},"         \
    "\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\",\"name\":\"" name "\"}}}"

static void what_it_allows_and_denies_stands(void **state) {
    struct fixture *f = *state;
    service_start(f->service);
    peer.answer = ANSWER("{\"allowed\":true,\"reason\":\"they said so\"}");
    service_posts(f->service, "/auth/authz", ASKED("a"));
    assert_reply(f->service, "status", "{\"allowed\":true,\"reason\":\"they said so\"}");
    assert_string_equal(
        peer.seen, "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\",\"spec\":{"
                   "\"resourceAttributes\":{\"verb\":\"get\",\"resource\":\"pods\",\"name\":\"a\"},"
                   "\"user\":\"alice\",\"uid\":\"u1\",\"groups\":[\"g\"],\"extra\":{\"k\\\"\":[\"v\"]}}}");
    peer.answer = ANSWER("{\"allowed\":true,\"denied\":true}");
    service_posts(f->service, "/auth/authz", ASKED("b"));
    assert_reply(f->service, "status", "{\"allowed\":false,\"denied\":true}");
}

static void without_its_opinion_the_local_rules_decide(void **state) {
    struct fixture *f = *state;
    service_start(f->service);
    peer.answer = ANSWER("{\"allowed\":false}");
    service_posts(f->service, "/auth/authz", ASKED("a"));
    assert_reply(f->service, "status.reason", "\"permission for get on pods not verify\"");
    service_posts(f->service, "/auth/authz",
                  "{\"spec\":{\"user\":\"admin\",\"resourceAttributes\":{\"verb\":\"get\"}}}");
    assert_reply(f->service, "status.allowed", "true");
    assert_int_equal(peer.calls, 2);
}

static void version_1beta1_and_paths_are_written_in_their_way(void **state) {
    struct fixture *f = *state;
    f->service->options.webhook.v1 = false;
    service_start(f->service);
    service_posts(f->service, "/auth/authz",
                  "{\"spec\":{\"user\":\"u\",\"groups\":[\"g\"],"
                  "\"nonResourceAttributes\":{\"verb\":\"get\",\"path\":\"/x\"}}}");
    assert_string_equal(
        peer.seen,
        "{\"apiVersion\":\"authorization.k8s.io/v1beta1\",\"kind\":\"SubjectAccessReview\",\"spec\":{"
        "\"nonResourceAttributes\":{\"path\":\"/x\",\"verb\":\"get\"},"
        "\"user\":\"u\",\"group\":[\"g\"]}}");
}

static void the_bearer_token_is_sent(void **state) {
    struct fixture *f = *state;
    static unsigned char bytes[] = "s3cret\n";
    const struct secret token = { bytes, sizeof bytes - 1 };
    f->service->options.webhook.token = &token;
    service_start(f->service);
    service_posts(f->service, "/auth/authz", ASKED("a"));
    assert_string_equal(peer.authorization, "Bearer s3cret");
    char *log = service_log(f->service);
    assert_null(strstr(log, "s3cret"));
    free(log);
}

static void answers_are_kept_as_long_as_configured(void **state) {
    struct fixture *f = *state;
    struct service *s = f->service;
    s->options.webhook.authorized_ttl_s = 300;
    s->options.webhook.unauthorized_ttl_s = 30;
    service_start(s);
    peer.answer = ANSWER("{\"allowed\":true,\"reason\":\"kept\"}");
    service_posts(s, "/auth/authz", ASKED("a"));
    clock_advance(&s->clock, 299 * 1000);
    service_posts(s, "/auth/authz", ASKED("a"));
    assert_reply(s, "status", "{\"allowed\":true,\"reason\":\"kept\"}");
    assert_int_equal(peer.calls, 1);
    clock_advance(&s->clock, 1000);
    peer.answer = ANSWER("{\"allowed\":false,\"denied\":true}");
    service_posts(s, "/auth/authz", ASKED("a"));
    assert_reply(s, "status.denied", "true");
    assert_int_equal(peer.calls, 2);
    clock_advance(&s->clock, 29 * 1000);
    service_posts(s, "/auth/authz", ASKED("a"));
    assert_int_equal(peer.calls, 2);
    clock_advance(&s->clock, 1000);
    service_posts(s, "/auth/authz", ASKED("a"));
    assert_int_equal(peer.calls, 3);
    service_posts(s, "/auth/authz", ASKED("another"));
    assert_int_equal(peer.calls, 4);
}

static void its_failures_are_no_opinion_and_open_the_circuit(void **state) {
    struct fixture *f = *state;
    struct service *s = f->service;
    service_start(s);
    peer.status = 500;
    peer.answer = ANSWER("{\"allowed\":true}");
    for (int i = 0; i < 5; i++) {
        service_posts(s, "/auth/authz", ASKED("a"));
        assert_int_equal(s->last.status, 200);
        assert_reply(s, "status.allowed", "false");
        assert_reply(s, "status.denied", "-");
    }
    assert_int_equal(peer.calls, 2); /* then it was left alone */
    clock_advance(&s->clock, 10 * 1000);
    service_posts(s, "/auth/authz", ASKED("a"));
    service_posts(s, "/auth/authz", ASKED("a"));
    assert_int_equal(peer.calls, 3); /* one probe */
    clock_advance(&s->clock, 10 * 1000);
    peer.status = 200;
    for (int i = 0; i < 3; i++) {
        service_posts(s, "/auth/authz", ASKED("a"));
        assert_reply(s, "status.allowed", "true");
    }
    assert_int_equal(peer.calls, 6);
}

static void an_answer_that_is_none_is_a_failure(void **state) {
    struct fixture *f = *state;
    static const char *const answers[] = {
        "",
        "{}",
        "[]",
        "allowed",
        "{\"status\":true}",
        "{\"status\":{\"allowed\":\"true\"}}",
        "{\"kind\":\"Status\",\"status\":{\"allowed\":true}}",
        "{\"status\":{\"allowed\":true}} x",
    };
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct err err;
        struct webhook_answer answer = { .outcome = AUTHZ_NO_OPINION };
        AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 16);
        assert_int_equal(webhook_read_answer(a, str_of(answers[i]), &answer, &err), ERR_INVALID);
        assert_int_equal(answer.outcome, AUTHZ_NO_OPINION);
    }
    service_start(f->service);
    peer.answer = "{\"status\":{\"allowed\":\"true\"}}";
    service_posts(f->service, "/auth/authz", ASKED("a"));
    assert_reply(f->service, "status.allowed", "false");
}

static void nobody_listening_is_no_opinion(void **state) {
    struct fixture *f = *state;
    http_server_stop(f->peer, 0);
    http_server_free(f->peer);
    f->peer = NULL;
    service_start(f->service);
    service_posts(f->service, "/auth/authz", ASKED("a"));
    assert_int_equal(f->service->last.status, 200);
    assert_reply(f->service, "status",
                 "{\"allowed\":false,\"reason\":\"permission for get on pods not verify\"}");
}

static void it_is_never_asked_on_the_event_loop(void **state) {
    struct fixture *f = *state;
    f->service->on_workers = false;
    service_start(f->service);
    assert_true(authz_needs_worker(f->service->authz));
    service_posts(f->service, "/auth/authz", ASKED("a"));
    assert_int_equal(f->service->last.status, 503);
    assert_int_equal(peer.calls, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    struct err err;
    if (httpc_global_init(&err) != ERR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(what_it_allows_and_denies_stands),
        TEST(without_its_opinion_the_local_rules_decide),
        TEST(version_1beta1_and_paths_are_written_in_their_way),
        TEST(the_bearer_token_is_sent),
        TEST(answers_are_kept_as_long_as_configured),
        TEST(its_failures_are_no_opinion_and_open_the_circuit),
        TEST(an_answer_that_is_none_is_a_failure),
        TEST(nobody_listening_is_no_opinion),
        TEST(it_is_never_asked_on_the_event_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
