/* What tokens say, where they are taken, userinfo, and logout. */
#include "unit/oidc/harness.h"

#include <stdlib.h>

#define ALL "openid offline_access profile email groups federated:id"

static void assert_claim(const json_t *claims, const char *name, const char *want) {
    const json_t *value = json_object_get(claims, name);
    char *text = value == NULL ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    if (strcmp(text == NULL ? "-" : text, want) != 0)
        fail_msg("%s is %s, wanted %s", name, text == NULL ? "-" : text, want);
    free(text);
}

static unsigned userinfo(struct world *w, const char *token) {
    w->authorization = world_text(w, "Bearer %s", token);
    unsigned status = world_get(w, "/oidc/userinfo", "");
    w->authorization = NULL;
    return status;
}

static void an_id_token_says_what_its_scopes_asked_for(void **state) {
    struct world *w = *state;
    const json_t *all = world_claims(w, world_tokens(w, ALL).id, "JWT");
    assert_claim(all, "iss", "\"https://id.example/oidc\"");
    assert_claim(all, "aud", "\"web\"");
    assert_claim(all, "azp", "-");
    assert_claim(all, "iat", "1700000000");
    assert_claim(all, "exp", "1700000900");
    assert_claim(all, "auth_time", "1700000000");
    assert_claim(all, "nonce", "\"n-1\"");
    assert_claim(all, "sub", "\"CgJ1MRIEYWNtZQ\""); /* {1: "u1", 2: "acme"} */
    assert_claim(all, "name", "\"Ana B\"");
    assert_claim(all, "preferred_username", "\"Ana B\"");
    assert_claim(all, "email", "\"ana@example.org\"");
    assert_claim(all, "email_verified", "true");
    assert_claim(all, "groups", "[\"dev\",\"ops\"]");
    assert_claim(all, "federated_claims", "{\"connector_id\":\"acme\",\"user_id\":\"u1\"}");
    const json_t *bare = world_claims(w, world_tokens(w, "openid").id, "JWT");
    static const char *const none[] = { "name",   "preferred_username", "email", "email_verified",
                                        "groups", "federated_claims" };
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_claim(bare, none[i], "-");
    assert_false(json_equal(json_object_get(all, "jti"), json_object_get(bare, "jti")));
    assert_false(json_equal(json_object_get(all, "sid"), json_object_get(bare, "sid")));
}

static void a_minimal_clients_claims_are_had_from_userinfo_alone(void **state) {
    struct world *w = *state;
    world_client(w, "web")->id_token_claims = ID_TOKEN_CLAIMS_MINIMAL;
    struct world_tokens t = world_tokens(w, ALL);
    const json_t *id = world_claims(w, t.id, "JWT");
    assert_claim(id, "name", "-");
    assert_claim(id, "groups", "-");
    assert_claim(id, "email", "-");
    assert_status(w, userinfo(w, t.access), 200);
    assert_text(world_json(w, "sub"), json_string_value(json_object_get(id, "sub")));
    assert_text(world_json(w, "name"), "Ana B");
    assert_text(world_json(w, "groups"), "[\"dev\",\"ops\"]");
    assert_text(world_json(w, "email_verified"), "true");
    assert_text(world_header(w, "Cache-Control"), "no-store");
}

static void another_audience_comes_with_azp(void **state) {
    struct world *w = *state;
    const json_t *id = world_claims(
        w, world_tokens(w, "openid audience:server:client_id:web audience:server:client_id:peer").id, "JWT");
    assert_claim(id, "aud", "[\"peer\",\"web\"]");
    assert_claim(id, "azp", "\"web\"");
}

static void an_access_token_says_nothing_about_the_user_in_clear(void **state) {
    struct world *w = *state;
    const json_t *at = world_claims(w, world_tokens(w, ALL).access, "at+jwt");
    assert_claim(at, "aud", "\"https://id.example/oidc\"");
    assert_claim(at, "client_id", "\"web\"");
    assert_claim(at, "scope", "\"" ALL "\"");
    assert_claim(at, "exp", "1700000600");
    static const char *const none[] = { "name", "email", "groups", "federated_claims", "nonce", "azp" };
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        assert_claim(at, none[i], "-");
    const char *sealed = json_string_value(json_object_get(at, "userinfo"));
    AUTO(strbuf_done) struct strbuf raw = STRBUF(65536);
    struct err err;
    assert_ok(base64url_decode(str_of(sealed), &raw, &err));
    assert_false(str_contains(strbuf_str(&raw), STR("ana@example.org")));
}

static void a_client_has_its_own_algorithm_and_lifetimes(void **state) {
    struct world *w = *state;
    struct client *web = world_client(w, "web");
    web->id_token_alg = SIGN_EDDSA;
    web->id_token_ttl_s = 77;
    web->access_token_ttl_s = 33;
    struct world_tokens t = world_tokens(w, "openid");
    assert_text(world_json(w, "expires_in"), "33");
    assert_claim(world_claims(w, t.id, "JWT"), "exp", "1700000077");
    assert_claim(world_claims(w, t.access, "at+jwt"), "exp", "1700000033");
    assert_true(str_starts_with(str_of(t.id), STR("eyJhbGciOiJFZERTQSIs"))); /* {"alg":"EdDSA", */
}

static void a_user_without_email_has_no_email_claims(void **state) {
    struct world *w = *state;
    world_tenant(w, "acme", "users:\n  - {username: ana, password: pw-ana}\n");
    const json_t *id = world_claims(w, world_tokens(w, ALL).id, "JWT");
    assert_claim(id, "email", "-");
    assert_claim(id, "email_verified", "-");
    assert_claim(id, "preferred_username", "\"ana\"");
    assert_claim(id, "groups", "[]");
}

static void groups_stop_at_the_budget_by_whole_names_counted_as_written(void **state) {
    struct world *w = *state;
    AUTO(strbuf_done) struct strbuf yaml = STRBUF(1 << 20);
    strbuf_adds(&yaml, "users:\n  - username: ana\n    password: pw-ana\n    groups:\n");
    for (int i = 0; i < 400; i++)
        strbuf_addf(&yaml, "      - \"%03d\\x01\\x01\\x01\\x01\\x01\"\n",
                    i); /* 8 bytes, 33 and a comma as JSON */
    world_tenant(w, "acme", strbuf_c(&yaml));
    struct world_tokens t = world_tokens(w, ALL);
    const json_t *groups = json_object_get(world_claims(w, t.id, "JWT"), "groups");
    assert_in_range(json_array_size(groups), 60, 72);
    assert_string_equal(json_string_value(json_array_get(groups, 1)), "001\x01\x01\x01\x01\x01");
    assert_status(w, userinfo(w, t.access), 200);
    assert_true(strlen(t.access) < 8192 && strlen(t.id) < 8192);
    char *log = world_log(w);
    assert_non_null(strstr(log, "groups_cut"));
    free(log);
}

/* ---- userinfo ---- */

static void userinfo_takes_the_header_or_a_posted_field_never_a_query_or_both(void **state) {
    struct world *w = *state;
    const char *token = world_tokens(w, "openid email").access;
    assert_status(w, userinfo(w, token), 200);
    assert_status(w, world_post(w, "/oidc/userinfo", world_text(w, "access_token=%s", token)), 200);
    assert_text(world_json(w, "email"), "ana@example.org");
    assert_text(world_json(w, "name"), "");
    assert_status(w, world_get(w, "/oidc/userinfo", world_text(w, "access_token=%s", token)), 401);
    w->authorization = world_text(w, "bEARER %s", token);
    assert_status(w, world_post(w, "/oidc/userinfo", ""), 200);
    assert_status(w, world_post(w, "/oidc/userinfo", world_text(w, "access_token=%s", token)), 400);
    assert_text(world_json(w, "error"), "invalid_request");
    assert_true(str_contains(str_of(world_header(w, "WWW-Authenticate")), STR("error=\"invalid_request\"")));
    w->authorization = NULL;
}

static void userinfo_challenges_with_bearer_and_says_why_only_when_a_token_came(void **state) {
    struct world *w = *state;
    assert_status(w, world_get(w, "/oidc/userinfo", ""), 401);
    assert_text(world_header(w, "WWW-Authenticate"), "Bearer realm=\"tke-auth\"");
    assert_status(w, userinfo(w, "x.y.z"), 401);
    assert_true(
        str_starts_with(str_of(world_header(w, "WWW-Authenticate")),
                        STR("Bearer realm=\"tke-auth\", error=\"invalid_token\", error_description=\"")));
    assert_text(world_json(w, "error"), "invalid_token");
    w->authorization = WORLD_WEB_BASIC;
    assert_status(w, world_get(w, "/oidc/userinfo", ""), 401);
    assert_true(str_starts_with(str_of(world_header(w, "WWW-Authenticate")), STR("Bearer ")));
    w->authorization = NULL;
}

static void an_access_token_expires(void **state) {
    struct world *w = *state;
    const char *token = world_tokens(w, "openid").access;
    clock_advance(&w->clock, 599 * 1000);
    assert_status(w, userinfo(w, token), 200);
    clock_advance(&w->clock, 6 * 1000); /* 5 s between clocks */
    assert_status(w, userinfo(w, token), 401);
}

/* ---- one meaning per token (invariant 7) ---- */

static void no_token_is_taken_for_another(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    struct world_tokens t = world_tokens(w, ALL);
    const char *code = world_code(w, world_request(w, ""));
    const json_t *at = world_claims(w, t.access, "at+jwt");
    const char *blob = json_string_value(json_object_get(at, "userinfo"));
    const char *const all[] = { t.id, t.access, t.refresh, code, f.ticket, f.csrf, blob };
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        const char *it = all[i];
        if (it != t.access)
            assert_status(w, userinfo(w, it), 401);
        if (it != code)
            assert_status(w, world_redeem(w, it), 400);
        if (it != t.refresh)
            assert_status(w, world_refresh(w, it), 400);
        if (it != f.ticket)
            assert_status(w, world_get(w, f.path, world_pair(w, "ticket", it)), 400);
        if (it != f.csrf) {
            struct world_form g = { f.path, f.ticket, it };
            assert_status(w, world_login(w, &g, "ana", "pw-ana"), 400);
        }
        if (it != t.id)
            assert_status(w, world_get(w, "/oidc/logout", world_text(w, "id_token_hint=%s", it)), 400);
        w->authorization = world_text(w, "Bearer %s", it);
        assert_status(
            w, world_post(w, "/oidc/token", "grant_type=refresh_token&client_id=web&refresh_token=x"), 401);
        w->authorization = NULL;
    }
    assert_status(w, userinfo(w, t.access), 200); /* and each still works where it belongs */
    assert_status(w, world_redeem(w, code), 200);
    assert_status(w, world_refresh(w, t.refresh), 200);
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 303);
    assert_status(w, world_get(w, "/oidc/logout", world_text(w, "id_token_hint=%s", t.id)), 200);
}

static void an_access_token_without_openid_or_with_a_foreign_blob_is_no_good(void **state) {
    struct world *w = *state;
    const struct signer *signer = keyset_signer(w->p.keys, SIGN_ES256, WORLD_NOW_S);
    static const struct {
        const char *scope;
        unsigned status;
        const char *error;
    } cases[] = { { "profile", 403, "insufficient_scope" },
                  { "openidx", 403, "insufficient_scope" },
                  { "openid", 401, "invalid_token" } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf token = STRBUF(JWT_MAX);
        struct err err;
        assert_ok(signer_sign(
            signer, "at+jwt",
            str_of(world_text(w,
                              "{\"iss\":\"https://id.example/oidc\",\"aud\":\"https://id.example/oidc\","
                              "\"exp\":1700000600,\"sub\":\"u\",\"client_id\":\"web\",\"jti\":\"j\","
                              "\"scope\":\"%s\",\"userinfo\":\"AAAA\"}",
                              cases[i].scope)),
            &token, &err));
        assert_status(w, userinfo(w, strbuf_c(&token)), cases[i].status);
        assert_text(world_json(w, "error"), cases[i].error);
        assert_true(str_starts_with(str_of(world_header(w, "WWW-Authenticate")), STR("Bearer ")));
    }
}

/* ---- logout ---- */

#define BYE "https://web.example/bye"

static void a_logout_ends_the_refresh_tokens_of_that_login_alone(void **state) {
    struct world *w = *state;
    struct world_tokens here = world_tokens(w, ALL), there = world_tokens(w, ALL);
    clock_advance(&w->clock, 1000 * 1000); /* the hint may have expired */
    assert_status(
        w,
        world_get(w, "/oidc/logout",
                  world_text(w, "id_token_hint=%s&post_logout_redirect_uri=" BYE "&state=a%%26b", here.id)),
        303);
    assert_text(world_header(w, "Location"), BYE "?state=a%26b");
    assert_status(w, world_refresh(w, here.refresh), 400);
    assert_status(w, world_refresh(w, there.refresh), 200);
    assert_status(w, world_post(w, "/oidc/logout", world_text(w, "id_token_hint=%s&client_id=web", there.id)),
                  200);
    assert_status(w, world_refresh(w, world_json(w, "refresh_token")), 400);
}

static void without_proof_nothing_ends_and_nobody_is_redirected(void **state) {
    struct world *w = *state;
    struct world_tokens t = world_tokens(w, ALL);
    uint64_t writes = store_write_count(w->p.store);
    assert_status(w, world_get(w, "/oidc/logout", ""), 200);
    assert_status(w, world_get(w, "/oidc/logout", "client_id=web&post_logout_redirect_uri=" BYE), 200);
    assert_text(world_header(w, "Location"), "");
    assert_true(world_page_says(w, BYE));
    assert_status(
        w, world_get(w, "/oidc/logout", "client_id=web&post_logout_redirect_uri=https://evil.example/"), 200);
    assert_false(world_page_says(w, "evil.example"));
    assert_status(w, world_get(w, "/oidc/logout", "post_logout_redirect_uri=" BYE), 200);
    assert_false(world_page_says(w, BYE));
    assert_int_equal(store_write_count(w->p.store), writes);
    assert_status(w, world_refresh(w, t.refresh), 200);
}

static void a_hint_and_a_client_id_must_agree_and_an_unregistered_address_is_not_gone_to(void **state) {
    struct world *w = *state;
    struct world_tokens t = world_tokens(w, ALL);
    assert_status(w, world_get(w, "/oidc/logout", world_text(w, "id_token_hint=%s&client_id=peer", t.id)),
                  400);
    assert_true(world_page_says(w, "Sign-out was refused"));
    assert_status(w, world_get(w, "/oidc/logout", world_text(w, "id_token_hint=%sx", t.id)), 400);
    static struct str bye[] = { { BYE, sizeof BYE - 1 } };
    world_client(w, "peer")->post_logout_redirect_uris = (struct str_list) { bye, 1 };
    world_client(w, "web")->id = STR("wec"); /* the hint's client is no more */
    assert_status(
        w,
        world_get(w, "/oidc/logout",
                  world_text(w, "id_token_hint=%s&client_id=peer&post_logout_redirect_uri=" BYE, t.id)),
        400);
    w->clients[3].id = STR("web");
    assert_status(
        w,
        world_get(w, "/oidc/logout",
                  world_text(w, "id_token_hint=%s&post_logout_redirect_uri=https://evil.example/", t.id)),
        200);
    assert_text(world_header(w, "Location"), "");
}

#define test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(an_id_token_says_what_its_scopes_asked_for),
        test(a_minimal_clients_claims_are_had_from_userinfo_alone),
        test(another_audience_comes_with_azp),
        test(an_access_token_says_nothing_about_the_user_in_clear),
        test(a_client_has_its_own_algorithm_and_lifetimes),
        test(a_user_without_email_has_no_email_claims),
        test(groups_stop_at_the_budget_by_whole_names_counted_as_written),
        test(userinfo_takes_the_header_or_a_posted_field_never_a_query_or_both),
        test(userinfo_challenges_with_bearer_and_says_why_only_when_a_token_came),
        test(an_access_token_expires),
        test(no_token_is_taken_for_another),
        test(an_access_token_without_openid_or_with_a_foreign_blob_is_no_good),
        test(a_logout_ends_the_refresh_tokens_of_that_login_alone),
        test(without_proof_nothing_ends_and_nobody_is_redirected),
        test(a_hint_and_a_client_id_must_agree_and_an_unregistered_address_is_not_gone_to),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
