#include "unit/test.h"

#include "http/exchange.h"
#include "tkeauth/authn.h"
#include "tkeauth/crypto.h"

/* A request as http/ would hand it over. */
static struct exchange exchange;
static struct http_param_value params[2];
static struct clock fixed_clock;

static struct http_request *request(enum http_method method, const char *authorization) {
    exchange = (struct exchange) { .header_count = authorization != NULL };
    exchange.headers[0] = (struct header) { STR("authorization"), str_of(authorization) };
    params[0] = params[1] = (struct http_param_value) { STR_NULL, STR_NULL };
    clock_fixed_init(&fixed_clock, 1000 * 1000);
    exchange.req = (struct http_request) {
        .method = method, .clock = &fixed_clock, .connection = &exchange, .params = params, .param_count = 2
    };
    return &exchange.req;
}

static const struct client *find(const void *ctx, struct str id) {
    const struct client *c = ctx;
    return str_eq(c->id, id) ? c : NULL;
}

static void a_client_is_authenticated_by_header_or_form_of_a_request(void **state) {
    (void)state;
    struct client app = { .id = STR("app"), .has_secret = true };
    sha256(STR("s3cret"), app.secret_sha256);
    assert_int_equal(authn_client(request(HTTP_POST, "Basic YXBwOnMzY3JldA=="), find, &app).outcome,
                     CLIENT_AUTH_OK);
    assert_int_equal(authn_client(request(HTTP_POST, NULL), find, &app).outcome, CLIENT_AUTH_FAILED);
    struct http_request *req = request(HTTP_POST, NULL);
    params[0] = (struct http_param_value) { STR("client_id"), STR("app") };
    params[1] = (struct http_param_value) { STR("client_secret"), STR("s3cret") };
    assert_int_equal(authn_client(req, find, &app).outcome, CLIENT_AUTH_OK);
    req = request(HTTP_POST, "Basic YXBwOnMzY3JldA==");
    exchange.headers[1] = exchange.headers[0];
    exchange.header_count = 2;
    assert_int_equal(authn_client(req, find, &app).outcome, CLIENT_AUTH_INVALID);
}

static void a_bearer_token_is_taken_from_header_or_posted_form_never_from_a_query(void **state) {
    (void)state;
    struct keyset_entry entry = { .not_before = 1 };
    AUTO_FREE(keyset_free) struct keyset *keys = NULL;
    AUTO(strbuf_done) struct strbuf token = STRBUF(4096), header = STRBUF(4096);
    struct access_token t = { 0 };
    struct err err;
    assert_ok(signer_generate(SIGN_ES256, &entry.signer, &err));
    const struct signer *signer = entry.signer;
    assert_ok(keyset_new(&entry, 1, &keys, &err));
    assert_ok(signer_sign(signer, "at+jwt",
                          STR("{\"iss\":\"i\",\"aud\":\"i\",\"exp\":1001,\"iat\":1005,\"sub\":\"u\",\"client_"
                              "id\":\"c\",\"jti\":\"j\"}"),
                          &token, &err));
    strbuf_addf(&header, "Bearer %s", strbuf_c(&token));

    AUTO_FREE(arena_free) struct arena *arena = arena_new(65536);
    struct http_request *req = request(HTTP_GET, strbuf_c(&header));
    req->arena = arena;
    assert_ok(authn_bearer(req, keys, STR("i"), STR("i"), &t, &err));
    assert_str(t.subject, "u");
    clock_advance(&fixed_clock, 5 * 1000); /* clocks of replicas differ by that much, either way */
    assert_ok(authn_bearer(req, keys, STR("i"), STR("i"), &t, &err));
    clock_advance(&fixed_clock, 1000);
    assert_int_equal(authn_bearer(req, keys, STR("i"), STR("i"), &t, &err), ERR_UNAUTHENTICATED);
    clock_advance(&fixed_clock, -7 * 1000);
    assert_int_equal(authn_bearer(req, keys, STR("i"), STR("i"), &t, &err), ERR_UNAUTHENTICATED);

    req = request(HTTP_POST, NULL);
    req->arena = arena;
    params[0] = (struct http_param_value) { STR("access_token"), strbuf_str(&token) };
    assert_ok(authn_bearer(req, keys, STR("i"), STR("i"), &t, &err));
    req->method = HTTP_GET;
    assert_int_equal(authn_bearer(req, keys, STR("i"), STR("i"), &t, &err), ERR_UNAUTHENTICATED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_authenticated_by_header_or_form_of_a_request),
        cmocka_unit_test(a_bearer_token_is_taken_from_header_or_posted_form_never_from_a_query),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
