/* The authorization endpoint: what is checked, in which order, and where each error goes. */
#include "unit/oidc/harness.h"

#include "oidc/request.h"

#define FINE_PKCE "&code_challenge=" WORLD_CHALLENGE "&code_challenge_method=S256"
#define FINE_URI "&redirect_uri=" WORLD_CALLBACK
#define FINE "client_id=web&response_type=code&scope=openid&state=s1" FINE_PKCE FINE_URI

static uint64_t writes(const struct world *w) { return store_write_count(w->p.store); }

static void a_good_request_leads_to_the_login_form_of_the_only_tenant_by_path_alone(void **state) {
    struct world *w = *state;
    assert_status(w, world_get(w, "/oidc/auth", FINE), 303);
    assert_true(str_starts_with(str_of(world_header(w, "Location")), STR("/oidc/auth/acme/login?ticket=")));
    assert_true(str_contains(str_of(world_header(w, "Set-Cookie")), STR("Path=/oidc; ")));
    assert_true(str_contains(str_of(world_header(w, "Set-Cookie")), STR("HttpOnly")));
    assert_true(str_contains(str_of(world_header(w, "Set-Cookie")), STR("Secure")));
    assert_text(world_header(w, "Cache-Control"), "no-store");
    assert_status(w, world_post(w, "/oidc/auth", FINE), 303);
    assert_status(w, world_get(w, "/oidc/auth/acme", FINE), 303);
    assert_status(w, world_get(w, "/oidc/auth", FINE "&access_type=offline&unknown=1&unknown=2"), 303);
    assert_int_equal(writes(w), 0);
}

static void what_cannot_be_trusted_gets_a_page_and_never_a_redirect(void **state) {
    struct world *w = *state;
    static const struct {
        const char *request, *says;
    } cases[] = {
        { "response_type=code&scope=openid" FINE_URI, "Unknown application" },
        { "client_id=nobody&response_type=code&scope=openid" FINE_URI, "Unknown application" },
        { "client_id=WEB&response_type=code&scope=openid" FINE_URI, "Unknown application" },
        { "client_id=web&response_type=code&scope=openid", "Unregistered return address" },
        { "client_id=web&redirect_uri=", "Unregistered return address" },
        { "client_id=web&redirect_uri=https://web.example/callback/", "Unregistered return address" },
        { "client_id=web&redirect_uri=https://web.example/Callback", "Unregistered return address" },
        { "client_id=web&redirect_uri=https://web.example/callback?x", "Unregistered return address" },
        { "client_id=web&redirect_uri=https://web.example/callback%23x", "Unregistered return address" },
        { "client_id=web&redirect_uri=https://web.example:443/callback", "Unregistered return address" },
        { "client_id=web&redirect_uri=https://web.example@evil.example/callback",
          "Unregistered return address" },
        { "client_id=web&redirect_uri=https://evil.example/callback", "Unregistered return address" },
        { "client_id=web&redirect_uri=https://peer.example/cb", "Unregistered return address" },
        { "client_id=web&redirect_uri=javascript:alert(1)", "Unregistered return address" },
        { "client_id=web&client_id=web&" FINE, "This link does not work" },
        { FINE FINE_URI, "This link does not work" },
        { "client_id=web&redirect_uri=https://evil.example&redirect_uri=" WORLD_CALLBACK,
          "This link does not work" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_status(w, world_get(w, "/oidc/auth", cases[i].request), 400);
        if (!world_page_says(w, cases[i].says))
            fail_msg("%s: not \"%s\"", cases[i].request, cases[i].says);
        assert_text(world_header(w, "Location"), "");
        assert_true(
            str_contains(str_of(world_header(w, "Content-Security-Policy")), STR("frame-ancestors 'none'")));
    }
    assert_int_equal(writes(w), 0);
}

static void every_other_mistake_goes_to_the_client_with_state_and_iss(void **state) {
    struct world *w = *state;
#define BASE "client_id=web&state=s1" FINE_URI
#define CODE BASE "&response_type=code&scope=openid"
    static const struct {
        const char *request, *error;
    } cases[] = {
        { BASE "&scope=openid", "invalid_request" },
        { BASE "&scope=openid&response_type=", "invalid_request" },
        { BASE "&scope=openid&response_type=token", "unsupported_response_type" },
        { BASE "&scope=openid&response_type=code%20id_token", "unsupported_response_type" },
        { BASE "&scope=openid&response_type=CODE", "unsupported_response_type" },
        { CODE "&response_mode=fragment", "invalid_request" },
        { CODE "&response_mode=form_post", "invalid_request" },
        { BASE "&response_type=code", "invalid_scope" },
        { BASE "&response_type=code&scope=profile", "invalid_scope" },
        { BASE "&response_type=code&scope=openid%20a%22b", "invalid_scope" },
        { BASE "&response_type=code&scope=openid%20audience:server:client_id:cli", "invalid_scope" },
        { BASE "&response_type=code&scope=openid%20audience:server:client_id:nobody", "invalid_scope" },
        { CODE "&request=eyJhbGciOiJub25lIn0.e30.", "request_not_supported" },
        { CODE "&request_uri=https://evil.example/r", "request_uri_not_supported" },
        { CODE "&registration=%7B%7D", "registration_not_supported" },
        { CODE "&code_challenge_method=S256", "invalid_request" },
        { CODE "&code_challenge=" WORLD_CHALLENGE, "invalid_request" }, /* plain */
        { CODE "&code_challenge=" WORLD_VERIFIER "&code_challenge_method=plain", "invalid_request" },
        { CODE "&code_challenge=" WORLD_CHALLENGE "&code_challenge_method=s256", "invalid_request" },
        { CODE "&code_challenge=short&code_challenge_method=S256", "invalid_request" },
        { CODE "&code_challenge=" WORLD_CHALLENGE "x&code_challenge_method=S256", "invalid_request" },
        { CODE "&max_age=-1", "invalid_request" },
        { CODE "&max_age=1h", "invalid_request" },
        { CODE "&prompt=dance", "invalid_request" },
        { CODE "&prompt=none%20login", "invalid_request" },
        { CODE "&prompt=none", "login_required" },
        { CODE "&prompt=none&scope=openid", "invalid_request" }, /* a parameter twice */
        { CODE "&nonce=a&nonce=a", "invalid_request" },
        { CODE "&connector_id=nowhere", "invalid_request" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_status(w, world_get(w, "/oidc/auth", cases[i].request), 303);
        assert_true(str_starts_with(str_of(world_header(w, "Location")), STR(WORLD_CALLBACK "?error=")));
        if (strcmp(world_redirect(w, "error"), cases[i].error) != 0)
            fail_msg("%s: %s, wanted %s", cases[i].request, world_redirect(w, "error"), cases[i].error);
        assert_text(world_redirect(w, "state"), "s1");
        assert_text(world_redirect(w, "iss"), "https://id.example/oidc");
        assert_text(world_redirect(w, "code"), "");
    }
    assert_int_equal(writes(w), 0);
}

static void the_first_mistake_is_the_one_that_is_told_and_prompt_none_comes_last(void **state) {
    struct world *w = *state;
    assert_status(w, world_get(w, "/oidc/auth", BASE "&response_type=token&scope=x&prompt=none"), 303);
    assert_text(world_redirect(w, "error"), "unsupported_response_type");
    assert_status(w, world_get(w, "/oidc/auth", CODE "&prompt=none&max_age=x"), 303);
    assert_text(world_redirect(w, "error"), "invalid_request");
}

static void an_oversized_parameter_is_refused_and_never_taken_for_absent(void **state) {
    struct world *w = *state;
    static char big[4000];
    (void)memset(big, 'a', sizeof big - 1);
    assert_status(w, world_get(w, "/oidc/auth", world_text(w, "client_id=%s" FINE_URI, big)), 400);
    assert_true(world_page_says(w, "This link does not work"));
    assert_status(
        w, world_get(w, "/oidc/auth", world_text(w, "client_id=web&redirect_uri=https://x/%s", big)), 400);
    assert_true(world_page_says(w, "This link does not work"));
    for (size_t i = 0; request_params[i].name != NULL; i++) {
        const char *name = request_params[i].name;
        /* `request` may be longer than this array: left to its own error. */
        if (strcmp(name, "client_id") == 0 || strcmp(name, "redirect_uri") == 0 ||
            strcmp(name, "request") == 0)
            continue;
        assert_status(
            w, world_get(w, "/oidc/auth", world_text(w, "client_id=web" FINE_URI "&%s=%s", name, big)), 303);
        assert_text(world_redirect(w, "error"), "invalid_request");
        assert_text(world_redirect(w, "error_description"), "A parameter is too long.");
        assert_text(world_redirect(w, "state"), "");
    }
    assert_status(w, world_get(w, "/oidc/auth", world_text(w, CODE "&nonce=%s", big)), 303);
    assert_text(world_redirect(w, "state"), "s1");
}

static void a_repeated_state_is_not_guessed_at_whatever_else_is_repeated(void **state) {
    struct world *w = *state;
    assert_status(w, world_get(w, "/oidc/auth", CODE "&scope=openid&state=s2"), 303);
    assert_text(world_redirect(w, "error"), "invalid_request");
    assert_text(world_redirect(w, "state"), "");
}

static void a_public_client_must_use_pkce_and_a_confidential_one_when_told(void **state) {
    struct world *w = *state;
    static const char public[] = "client_id=cli&response_type=code&scope=openid&redirect_uri="
                                 "http://127.0.0.1:41234/cb";
    assert_status(w, world_get(w, "/oidc/auth", public), 303);
    assert_text(world_redirect(w, "error"), "invalid_request");
    assert_status(w, world_get(w, "/oidc/auth", world_text(w, "%s" FINE_PKCE, public)), 303);
    assert_text(world_redirect(w, "error"), "");
    assert_status(w, world_get(w, "/oidc/auth", CODE), 303);
    assert_text(world_redirect(w, "error"), "");
    world_client(w, "web")->require_pkce = true;
    assert_status(w, world_get(w, "/oidc/auth", CODE), 303);
    assert_text(world_redirect(w, "error"), "invalid_request");
}

static void an_audience_may_be_asked_for_where_its_client_trusts_the_one_who_asks(void **state) {
    struct world *w = *state;
    assert_status(w, world_get(w, "/oidc/auth", CODE "%20audience:server:client_id:peer"), 303);
    assert_text(world_redirect(w, "error"), "");
    assert_status(w, world_get(w, "/oidc/auth", CODE "%20audience:server:client_id:web"), 303);
    assert_text(world_redirect(w, "error"), "");
    assert_status(w, world_get(w, "/oidc/auth", CODE "%20audience:server:client_id:"), 303);
    assert_text(world_redirect(w, "error"), ""); /* an unknown scope is ignored */
}

static void a_client_without_the_code_grant_is_told_so(void **state) {
    struct world *w = *state;
    assert_status(
        w,
        world_get(w, "/oidc/auth",
                  "client_id=form&response_type=code&scope=openid&redirect_uri=https://peer.example/cb"),
        303);
    assert_text(world_redirect(w, "error"), "unauthorized_client");
}

static void a_query_of_the_redirect_uri_is_kept(void **state) {
    struct world *w = *state;
    assert_status(
        w,
        world_get(w, "/oidc/auth",
                  "client_id=web&redirect_uri=https%3A%2F%2Fweb.example%2Fcb%3Fx%3D1&state=a%26b%3Dc"),
        303);
    assert_true(
        str_starts_with(str_of(world_header(w, "Location")), STR("https://web.example/cb?x=1&error=")));
    assert_text(world_redirect(w, "state"), "a&b=c");
}

static void several_tenants_are_a_choice_unless_the_request_or_the_client_names_one(void **state) {
    struct world *w = *state;
    world_tenant(w, "beta", "users: []\n");
    assert_status(w, world_get(w, "/oidc/auth", FINE), 200);
    assert_true(world_page_says(w, "/oidc/auth/acme/login?ticket="));
    assert_true(world_page_says(w, "/oidc/auth/beta/login?ticket="));
    assert_status(w, world_get(w, "/oidc/auth", FINE "&connector_id=beta"), 303);
    assert_true(str_starts_with(str_of(world_header(w, "Location")), STR("/oidc/auth/beta/login?")));
    static struct str only[] = { { "beta", 4 } };
    world_client(w, "web")->allowed_connectors = (struct str_list) { only, 1 };
    assert_status(w, world_get(w, "/oidc/auth", FINE), 303);
    assert_true(str_starts_with(str_of(world_header(w, "Location")), STR("/oidc/auth/beta/login?")));
    assert_status(w, world_get(w, "/oidc/auth/acme", FINE), 303);
    assert_text(world_redirect(w, "error"), "invalid_request");
    only[0] = STR("gone");
    assert_status(w, world_get(w, "/oidc/auth", FINE), 303);
    assert_text(world_redirect(w, "error"), "temporarily_unavailable");
    only[0] = STR("beta");
}

static void a_single_tenant_is_a_choice_when_the_operator_wants_it_so(void **state) {
    struct world *w = *state;
    w->p.always_show_login_screen = true;
    assert_status(w, world_get(w, "/oidc/auth", FINE), 200);
    assert_true(world_page_says(w, "/oidc/auth/acme/login?ticket="));
}

static void the_cookie_is_secure_but_where_the_browser_itself_came_over_plain_http(void **state) {
    struct world *w = *state;
    static struct str uri[] = { { "http://console.example/callback", 31 } };
    static const char request[] = "client_id=web&response_type=code&scope=openid&redirect_uri="
                                  "http://console.example/callback";
    world_client(w, "web")->redirect_uris = (struct str_list) { uri, 1 };
    w->host = "console.example";
    assert_status(w, world_get(w, "/oidc/auth", request), 303);
    assert_false(str_contains(str_of(world_header(w, "Set-Cookie")), STR("Secure")));
    w->cookie[0] = '\0';
    w->host = "other.example";
    assert_status(w, world_get(w, "/oidc/auth", request), 303);
    assert_true(str_contains(str_of(world_header(w, "Set-Cookie")), STR("Secure")));
}

#define test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(a_good_request_leads_to_the_login_form_of_the_only_tenant_by_path_alone),
        test(what_cannot_be_trusted_gets_a_page_and_never_a_redirect),
        test(every_other_mistake_goes_to_the_client_with_state_and_iss),
        test(the_first_mistake_is_the_one_that_is_told_and_prompt_none_comes_last),
        test(an_oversized_parameter_is_refused_and_never_taken_for_absent),
        test(a_repeated_state_is_not_guessed_at_whatever_else_is_repeated),
        test(a_public_client_must_use_pkce_and_a_confidential_one_when_told),
        test(an_audience_may_be_asked_for_where_its_client_trusts_the_one_who_asks),
        test(a_client_without_the_code_grant_is_told_so),
        test(a_query_of_the_redirect_uri_is_kept),
        test(several_tenants_are_a_choice_unless_the_request_or_the_client_names_one),
        test(a_single_tenant_is_a_choice_when_the_operator_wants_it_so),
        test(the_cookie_is_secure_but_where_the_browser_itself_came_over_plain_http),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
