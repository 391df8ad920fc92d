/* Refresh tokens: they rotate, are taken once more within the grace window, and give a thief away after it. */
#include "unit/oidc/harness.h"

static unsigned refresh_with(struct world *w, const char *authorization, const char *token,
                             const char *more) {
    w->authorization = authorization;
    unsigned status = world_post(w, "/oidc/token",
                                 world_text(w, "grant_type=refresh_token&refresh_token=%s%s", token, more));
    w->authorization = NULL;
    return status;
}

static void assert_refused(struct world *w, unsigned status, const char *error) {
    assert_status(w, status, 400);
    assert_text(world_json(w, "error"), error);
    assert_text(world_header(w, "Cache-Control"), "no-store");
}

static const char *first_token(struct world *w) {
    return world_tokens(w, "openid offline_access profile groups audience:server:client_id:peer").refresh;
}

static void a_refresh_gives_a_new_pair_with_the_same_subject_audience_and_login_time(void **state) {
    struct world *w = *state;
    struct world_tokens t = world_tokens(w, "openid offline_access profile email groups");
    const json_t *before = world_claims(w, t.id, "JWT");
    clock_advance(&w->clock, 100 * 1000);
    assert_status(w, world_refresh(w, t.refresh), 200);
    assert_true(strcmp(world_json(w, "refresh_token"), t.refresh) != 0);
    const json_t *after = world_claims(w, world_json(w, "id_token"), "JWT");
    static const char *const same[] = { "iss", "sub", "aud", "sid", "auth_time", "name", "groups", "email" };
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        assert_true(json_equal(json_object_get(before, same[i]), json_object_get(after, same[i])));
    assert_int_equal(json_get_i64(after, "iat", 0), json_get_i64(before, "iat", 0) + 100);
    assert_null(json_object_get(after, "nonce"));
    assert_non_null(json_object_get(before, "nonce"));
    assert_non_null(json_object_get(after, "at_hash"));
}

static void within_the_grace_window_an_earlier_token_gets_the_very_same_successor(void **state) {
    struct world *w = *state;
    const char *first = first_token(w);
    assert_status(w, world_refresh(w, first), 200);
    const char *second = world_json(w, "refresh_token");
    clock_advance(&w->clock, 29 * 1000);
    for (int i = 0; i < 3; i++) {
        assert_status(w, world_refresh(w, first), 200);
        assert_text(world_json(w, "refresh_token"), second);
        assert_true(world_json(w, "id_token")[0] != '\0');
    }
    assert_status(w, world_refresh(w, second), 200);
}

static void past_the_window_an_earlier_token_ends_the_whole_family(void **state) {
    struct world *w = *state;
    const char *first = first_token(w);
    assert_status(w, world_refresh(w, first), 200);
    const char *second = world_json(w, "refresh_token");
    clock_advance(&w->clock, 30 * 1000);
    assert_refused(w, world_refresh(w, first), "invalid_grant");
    assert_refused(w, world_refresh(w, second), "invalid_grant");
}

static void a_token_that_was_never_given_is_unknown_and_ends_nothing(void **state) {
    struct world *w = *state;
    const char *token = first_token(w);
    size_t len = strlen(token);
    for (size_t i = len - 40; i < len; i += 3) { /* the secret's part */
        char *bent = arena_strdup(w->arena, str_of(token));
        bent[i] = bent[i] == 'x' ? 'y' : 'x';
        assert_refused(w, world_refresh(w, bent), "invalid_grant");
    }
    assert_refused(w, world_refresh(w, token + 1), "invalid_grant");
    assert_refused(w, world_refresh(w, world_text(w, "%sA", token)), "invalid_grant");
    assert_status(w, world_refresh(w, token), 200);
}

static void another_client_cannot_use_a_token_nor_burn_it(void **state) {
    struct world *w = *state;
    const char *token = first_token(w);
    assert_refused(w, refresh_with(w, "Basic cGVlcjpzM2NyZXQ=", token, ""), "invalid_grant");
    assert_status(w, refresh_with(w, "Basic d2ViOndyb25n", token, ""), 401);
    assert_status(w, world_refresh(w, token), 200);
}

static void scopes_may_become_fewer_never_more_and_only_for_that_answer(void **state) {
    struct world *w = *state;
    const char *token = first_token(w);
    assert_refused(w, refresh_with(w, WORLD_WEB_BASIC, token, "&scope=openid%20email"), "invalid_scope");
    assert_refused(w, refresh_with(w, WORLD_WEB_BASIC, token, "&scope=profile"), "invalid_scope");
    assert_status(w, refresh_with(w, WORLD_WEB_BASIC, token, "&scope=openid%20profile"), 200);
    assert_text(world_json(w, "scope"), "openid profile");
    const char *next = world_json(w, "refresh_token");
    const json_t *claims = world_claims(w, world_json(w, "id_token"), "JWT");
    assert_null(json_object_get(claims, "groups"));
    assert_str(json_get_str(claims, "aud"), "web");
    assert_status(w, world_refresh(w, next), 200);
    assert_text(world_json(w, "scope"),
                "openid offline_access profile groups audience:server:client_id:peer");
}

static void an_audience_whose_client_trusts_no_more_is_left_out(void **state) {
    struct world *w = *state;
    const char *token = first_token(w);
    world_client(w, "peer")->trusted_peers.len = 0;
    assert_status(w, world_refresh(w, token), 200);
    assert_text(world_json(w, "scope"), "openid offline_access profile groups");
    assert_str(json_get_str(world_claims(w, world_json(w, "id_token"), "JWT"), "aud"), "web");
    assert_refused(w,
                   refresh_with(w, WORLD_WEB_BASIC, world_json(w, "refresh_token"),
                                "&scope=openid%20audience:server:client_id:peer"),
                   "invalid_scope");
}

static void tokens_end_when_unused_or_at_the_absolute_limit(void **state) {
    struct world *w = *state;
    const char *token = first_token(w);
    for (int64_t s = 0; s + 3599 < 86400; s += 3599) {
        clock_advance(&w->clock, 3599 * 1000);
        assert_status(w, world_refresh(w, token), 200);
        token = world_json(w, "refresh_token");
    }
    clock_advance(&w->clock, 3599 * 1000);
    assert_refused(w, world_refresh(w, token), "invalid_grant");
    token = first_token(w);
    clock_advance(&w->clock, 3600 * 1000);
    assert_refused(w, world_refresh(w, token), "invalid_grant");
}

static void a_user_who_is_gone_ends_the_family(void **state) {
    struct world *w = *state;
    const char *token = first_token(w);
    world_tenant(w, "acme", "users:\n  - {username: ana, password: pw-ana, id: u1, blocked: true}\n");
    assert_refused(w, world_refresh(w, token), "invalid_grant");
    world_tenant(w, "acme", "users:\n  - {username: ana, password: pw-ana, id: u1}\n");
    assert_refused(w, world_refresh(w, token), "invalid_grant"); /* also when the account comes back */
}

static void a_directory_that_is_down_costs_no_token(void **state) {
    struct world *w = *state;
    const char *token = first_token(w);
    world_tenant(w, "acme", "users: []\nfails: unavailable\n");
    assert_status(w, world_refresh(w, token), 503);
    assert_text(world_json(w, "error"), "temporarily_unavailable");
    world_tenant(w, "acme", "users: []\nfails: timeout\n");
    assert_status(w, world_refresh(w, token), 503);
    world_tenant(w, "acme", "users:\n  - {username: ana, password: x, id: u1, name: New, groups: [late]}\n");
    assert_status(w, world_refresh(w, token), 200);
    const json_t *claims = world_claims(w, world_json(w, "id_token"), "JWT");
    assert_str(json_get_str(claims, "name"), "New"); /* as the directory says now */
    char *groups = json_dumps(json_object_get(claims, "groups"), JSON_COMPACT);
    assert_string_equal(groups, "[\"late\"]");
    free(groups);
}

static void a_tenant_that_is_gone_or_not_for_the_client_any_more_ends_the_family(void **state) {
    struct world *w = *state;
    static struct str beta[] = { { "beta", 4 } };
    const char *token = first_token(w);
    world_client(w, "web")->allowed_connectors = (struct str_list) { beta, 1 };
    assert_refused(w, world_refresh(w, token), "invalid_grant");
    world_client(w, "web")->allowed_connectors.len = 0;
    assert_refused(w, world_refresh(w, token), "invalid_grant");
    token = first_token(w);
    size_t count = w->p.connector_count;
    w->p.connector_count = 0;
    assert_refused(w, world_refresh(w, token), "invalid_grant");
    w->p.connector_count = count;
    assert_refused(w, world_refresh(w, token), "invalid_grant");
}

static void a_client_that_lost_the_grant_may_not_refresh(void **state) {
    struct world *w = *state;
    static struct str code_only[] = { { "authorization_code", 18 } };
    const char *token = first_token(w);
    world_client(w, "web")->grant_types = (struct str_list) { code_only, 1 };
    assert_refused(w, world_refresh(w, token), "unauthorized_client");
}

#define test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(a_refresh_gives_a_new_pair_with_the_same_subject_audience_and_login_time),
        test(within_the_grace_window_an_earlier_token_gets_the_very_same_successor),
        test(past_the_window_an_earlier_token_ends_the_whole_family),
        test(a_token_that_was_never_given_is_unknown_and_ends_nothing),
        test(another_client_cannot_use_a_token_nor_burn_it),
        test(scopes_may_become_fewer_never_more_and_only_for_that_answer),
        test(an_audience_whose_client_trusts_no_more_is_left_out),
        test(tokens_end_when_unused_or_at_the_absolute_limit),
        test(a_user_who_is_gone_ends_the_family),
        test(a_directory_that_is_down_costs_no_token),
        test(a_tenant_that_is_gone_or_not_for_the_client_any_more_ends_the_family),
        test(a_client_that_lost_the_grant_may_not_refresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
