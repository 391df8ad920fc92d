/* Discovery, keys, static files: what is published is what there is. */
#include "unit/oidc/harness.h"

#include <stdlib.h>

static void publish(struct world *w) {
    AUTO(strbuf_done) struct strbuf discovery = STRBUF(65536), jwks = STRBUF(65536);
    struct err err;
    assert_ok(oidc_discovery_build(&w->p, &discovery, &err));
    keyset_jwks(w->p.keys, WORLD_NOW_S, &jwks);
    w->p.discovery_json = arena_str(w->arena, strbuf_str(&discovery));
    w->p.jwks_json = arena_str(w->arena, strbuf_str(&jwks));
}

static bool has_route(const char *path, unsigned methods) {
    for (const struct route *r = oidc_routes; r->path != NULL; r++)
        if (strcmp(r->path, path) == 0)
            return (r->methods & methods) == methods;
    return false;
}

static void every_endpoint_of_the_discovery_document_is_a_route(void **state) {
    struct world *w = *state;
    static const struct {
        const char *member;
        unsigned methods;
    } endpoints[] = {
        { "authorization_endpoint", HTTP_GET | HTTP_POST },
        { "token_endpoint", HTTP_POST },
        { "jwks_uri", HTTP_GET },
        { "userinfo_endpoint", HTTP_GET | HTTP_POST },
        { "end_session_endpoint", HTTP_GET | HTTP_POST },
    };
    publish(w);
    assert_status(w, world_get(w, "/oidc/.well-known/openid-configuration", ""), 200);
    assert_text(world_header(w, "Content-Type"), "application/json");
    assert_text(world_json(w, "issuer"), "https://id.example/oidc");
    size_t named = 0;
    for (size_t i = 0; i < ARRAY_LEN(endpoints); i++) {
        const char *url = world_json(w, endpoints[i].member);
        assert_true(str_starts_with(str_of(url), STR("https://id.example/oidc/")));
        assert_true(has_route(url + sizeof "https://id.example" - 1, endpoints[i].methods));
    }
    json_auto_t *json = NULL;
    struct err err;
    const char *key = NULL;
    json_t *value = NULL;
    assert_ok(json_parse(w->answer->body, &json, &err));
    json_object_foreach(json, key, value)
        named += str_ends_with(str_of(key), STR("_endpoint")) || str_ends_with(str_of(key), STR("_uri"));
    assert_int_equal(named, ARRAY_LEN(endpoints)); /* no other one is promised */
}

static void the_password_grant_is_published_only_where_it_is_on(void **state) {
    struct world *w = *state;
    publish(w);
    (void)world_get(w, "/oidc/.well-known/openid-configuration", "");
    assert_text(world_json(w, "grant_types_supported"), "[\"authorization_code\",\"refresh_token\"]");
    w->p.password_connector = STR("acme");
    publish(w);
    (void)world_get(w, "/oidc/.well-known/openid-configuration", "");
    assert_text(world_json(w, "grant_types_supported"),
                "[\"authorization_code\",\"refresh_token\",\"password\"]");
    assert_text(world_json(w, "code_challenge_methods_supported"), "[\"S256\"]");
    assert_text(world_json(w, "response_types_supported"), "[\"code\"]");
    assert_text(world_json(w, "authorization_response_iss_parameter_supported"), "true");
    assert_text(world_json(w, "request_uri_parameter_supported"), "false"); /* absent would mean true */
}

static void each_scope_published_is_granted_and_no_other(void **state) {
    struct world *w = *state;
    publish(w);
    (void)world_get(w, "/oidc/.well-known/openid-configuration", "");
    json_auto_t *json = NULL;
    struct err err;
    size_t i = 0;
    const json_t *scope = NULL;
    AUTO(strbuf_done) struct strbuf all = STRBUF(4096);
    assert_ok(json_parse(w->answer->body, &json, &err));
    json_array_foreach(json_object_get(json, "scopes_supported"), i, scope) {
        strbuf_adds(&all, i == 0 ? "" : " ");
        strbuf_adds(&all, json_string_value(scope));
    }
    (void)world_tokens(w, world_text(w, "%s address phone", strbuf_c(&all)));
    assert_text(world_json(w, "scope"), strbuf_c(&all));
}

static void every_claim_in_tokens_is_published(void **state) {
    struct world *w = *state;
    publish(w);
    (void)world_get(w, "/oidc/.well-known/openid-configuration", "");
    const char *published = world_json(w, "claims_supported");
    const json_t *id = world_claims(
        w, world_tokens(w, "openid profile email groups federated:id audience:server:client_id:peer").id,
        "JWT");
    const char *name = NULL;
    json_t *value = NULL;
    json_object_foreach((json_t *)(uintptr_t)id, name, value)
        assert_non_null(strstr(published, world_text(w, "\"%s\"", name)));
}

static void the_keys_are_public_parts_alone_and_may_be_cached_as_the_rotation_says(void **state) {
    struct world *w = *state;
    publish(w);
    assert_status(w, world_get(w, "/oidc/keys", ""), 200);
    assert_text(world_header(w, "Cache-Control"), "public, max-age=300, must-revalidate");
    json_auto_t *json = NULL;
    struct err err;
    size_t i = 0;
    const json_t *key = NULL;
    assert_ok(json_parse(w->answer->body, &json, &err));
    json_array_foreach(json_object_get(json, "keys"), i, key) {
        static const char *const secret[] = { "d", "p", "q", "dp", "dq", "qi", "k" };
        for (size_t n = 0; n < ARRAY_LEN(secret); n++)
            assert_null(json_object_get(key, secret[n]));
        assert_str(json_get_str(key, "use"), "sig");
        assert_true(json_get_str(key, "kid").len > 0 && json_get_str(key, "alg").len > 0);
    }
    assert_int_equal(i, 3);
}

static void a_static_file_is_kept_for_good_only_under_its_own_tag(void **state) {
    struct world *w = *state;
    assert_status(w, world_get(w, "/oidc/static/style.css", ""), 200);
    assert_text(world_header(w, "Cache-Control"), "public, max-age=3600");
    const char *etag = world_text(w, "%s", world_header(w, "ETag"));
    assert_status(w, world_get(w, "/oidc/static/style.css", world_text(w, "v=%.*s", WEB_TAG_LEN, etag + 1)),
                  200);
    assert_text(world_header(w, "Cache-Control"), "public, max-age=31536000, immutable");
    assert_status(w, world_get(w, "/oidc/static/style.css", "v=0123456789"), 200);
    assert_text(world_header(w, "Cache-Control"), "public, max-age=3600");
    assert_status(w, world_get(w, "/oidc/static/nothing", ""), 404);
    assert_true(world_page_says(w, "Page not found"));
    assert_status(w, world_get(w, "/oidc/static/../keys", ""), 404);
}

#define test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(every_endpoint_of_the_discovery_document_is_a_route),
        test(the_password_grant_is_published_only_where_it_is_on),
        test(each_scope_published_is_granted_and_no_other),
        test(every_claim_in_tokens_is_published),
        test(the_keys_are_public_parts_alone_and_may_be_cached_as_the_rotation_says),
        test(a_static_file_is_kept_for_good_only_under_its_own_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
