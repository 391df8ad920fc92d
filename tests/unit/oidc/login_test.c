/* The login form: the sealed request, forgery, and what each outcome of a password looks like. */
#include "unit/oidc/harness.h"

#include <stdlib.h>

#include "oidc/ticket.h"

static void the_form_names_tenant_and_application_and_escapes_both(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, "&login_hint=%22%3E%3Cscript%3E"), "acme");
    assert_true(f.csrf[0] != '\0');
    assert_true(world_page_says(w, "Web &lt;shop&gt;"));
    assert_false(world_page_says(w, "<script>"));
    assert_text(world_field(w, "login"), "&#34;&gt;&lt;script&gt;");
    assert_text(world_header(w, "Cache-Control"), "no-store");
}

static void a_right_password_gives_a_code_with_state_and_iss_by_303(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 303);
    assert_true(str_starts_with(str_of(world_header(w, "Location")), STR(WORLD_CALLBACK "?code=")));
    assert_text(world_redirect(w, "state"), "st&ate");
    assert_text(world_redirect(w, "iss"), "https://id.example/oidc");
    assert_text(world_header(w, "Cache-Control"), "no-store");
    assert_int_equal(store_write_count(w->p.store), 1);
}

static void a_wrong_password_shows_the_form_again_and_writes_nothing(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    static const char *const attempts[][2] = { { "ana", "wrong" },
                                               { "nobody", "pw-ana" },
                                               { "ana", "PW-ANA" } };
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        assert_status(w, world_login(w, &f, attempts[i][0], attempts[i][1]), 200);
        assert_true(world_page_says(w, "The user name or password is incorrect."));
        assert_text(world_field(w, "login"), attempts[i][0]);
        assert_false(world_page_says(w, attempts[i][1]));
        assert_text(world_header(w, "Location"), "");
    }
    assert_int_equal(store_write_count(w->p.store), 0);
}

static void a_blocked_account_is_told_only_to_who_proved_the_password(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    assert_status(w, world_login(w, &f, "bo", "wrong"), 200);
    assert_false(world_page_says(w, "This account is locked"));
    assert_status(w, world_login(w, &f, "bo", "pw-bo"), 403);
    assert_true(world_page_says(w, "This account is locked"));
    assert_int_equal(store_write_count(w->p.store), 0);
}

static void guessing_is_slowed_down_also_for_the_right_password(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    unsigned status = 200;
    for (int i = 0; i < 10 && status == 200; i++)
        status = world_login(w, &f, "ana", "wrong");
    assert_int_equal(status, 429);
    assert_true(world_page_says(w, "Too many attempts"));
    assert_true(world_header(w, "Retry-After")[0] >= '1');
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 429);
    clock_advance(&w->clock, 301 * 1000);
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 303);
}

static void a_directory_that_is_down_is_no_verdict(void **state) {
    struct world *w = *state;
    world_tenant(w, "acme", "users: []\nfails: unavailable\n");
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    for (int i = 0; i < 10; i++) {
        assert_status(w, world_login(w, &f, "ana", "pw-ana"), 503);
        assert_true(world_page_says(w, "cannot be reached right now"));
        assert_true(world_page_says(w, "req-1"));
        assert_text(world_header(w, "Retry-After"), "5");
    }
    world_tenant(w, "acme", "users:\n  - {username: ana, password: pw-ana}\n");
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 303); /* not throttled by the outage */
}

static void a_ticket_is_good_for_one_browser_one_while_and_one_key(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    char cookie[sizeof w->cookie];
    (void)memcpy(cookie, w->cookie, sizeof cookie);

    w->cookie[0] = '\0';
    assert_status(w, world_get(w, f.path, world_pair(w, "ticket", f.ticket)), 400);
    assert_true(world_page_says(w, "The sign-in was started in another browser"));
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 400);
    struct world_form other = world_open_form(w, world_request(w, ""), "acme"); /* another browser's */
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 400);
    (void)memcpy(w->cookie, cookie, sizeof cookie);
    assert_status(w, world_login(w, &other, "ana", "pw-ana"), 400);

    clock_advance(&w->clock, 599 * 1000);
    assert_status(w, world_get(w, f.path, world_pair(w, "ticket", f.ticket)), 200);
    clock_advance(&w->clock, 1000);
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 400);
    assert_true(world_page_says(w, "This sign-in has expired"));
    assert_int_equal(store_write_count(w->p.store), 0);
}

static void a_ticket_that_was_changed_anywhere_is_refused(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    size_t len = strlen(f.ticket);
    for (size_t i = 0; i < len; i += 7) {
        char *bent = arena_strdup(w->arena, str_of(f.ticket));
        bent[i] = bent[i] == 'A' ? 'B' : 'A';
        assert_status(w, world_get(w, f.path, world_pair(w, "ticket", bent)), 400);
    }
    assert_status(w, world_get(w, f.path, world_pair(w, "ticket", f.ticket + 1)), 400);
    assert_status(
        w, world_get(w, f.path, world_pair(w, "ticket", world_text(w, "%.*s", (int)len - 1, f.ticket))), 400);
    assert_status(w, world_get(w, f.path, "ticket="), 400);
}

static void blobs_sealed_for_something_else_are_no_tickets(void **state) {
    struct world *w = *state;
    static const char *const purposes[] = { "userinfo", "signing-key", "auth-reques", "auth-request2" };
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    for (size_t i = 0; i < ARRAY_LEN(purposes); i++) {
        AUTO(strbuf_done)
        struct strbuf raw = STRBUF(20000), plain = STRBUF(20000), sealed = STRBUF(20000),
                      text = STRBUF(40000);
        struct err err;
        assert_ok(base64url_decode(str_of(f.ticket), &raw, &err));
        assert_ok(unseal(w->p.keyring, "auth-request", strbuf_str(&raw), &plain, &err));
        assert_ok(seal(w->p.keyring, &w->random, purposes[i], strbuf_str(&plain), &sealed, &err));
        base64url_add(&text, sealed.ptr, sealed.len);
        assert_status(w, world_get(w, f.path, world_pair(w, "ticket", strbuf_c(&text))), 400);
    }
}

static void a_form_without_its_own_csrf_value_is_refused_before_the_password_is_looked_at(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    struct world_form g = world_open_form(w, world_request(w, ""), "acme"); /* another tab */
    struct world_form mixed = { f.path, f.ticket, g.csrf };
    assert_status(w, world_login(w, &mixed, "ana", "pw-ana"), 400);
    mixed.csrf = "x";
    assert_status(w, world_login(w, &mixed, "ana", "pw-ana"), 400);
    assert_int_equal(store_write_count(w->p.store), 0);
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 303); /* both tabs go on */
    assert_status(w, world_login(w, &g, "ana", "pw-ana"), 303);
}

static void a_ticket_follows_what_its_client_may_do_now(void **state) {
    struct world *w = *state;
    static struct str beta[] = { { "beta", 4 } }, uri[] = { { "https://web.example/new", 23 } };
    world_tenant(w, "beta", "users:\n  - {username: ana, password: pw-ana}\n");
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    f.path = "/oidc/auth/beta/login"; /* the client asked for acme */
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 400);
    f.path = "/oidc/auth/nowhere/login";
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 400);
    f.path = "/oidc/auth/acme/login";
    struct client *web = world_client(w, "web");
    const struct client as_it_was = *web;
    web->allowed_connectors = (struct str_list) { beta, 1 };
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 400);
    *web = as_it_was;
    web->redirect_uris = (struct str_list) { uri, 1 };
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 400);
    assert_true(world_page_says(w, "Unregistered return address"));
    *web = as_it_was;
    web->id = STR("wec");
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 400);
    assert_int_equal(store_write_count(w->p.store), 0);
}

static void an_empty_name_or_password_is_a_wrong_one(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    assert_status(w, world_login(w, &f, "ana", ""), 200);
    assert_true(world_page_says(w, "The user name or password is incorrect."));
    assert_text(world_field(w, "login"), "ana");
    for (int i = 0; i < 10; i++) /* no guesses: they are not counted */
        assert_status(w, world_login(w, &f, "ana", ""), 200);
    assert_status(w, world_login(w, &f, "", ""), 200);
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 303);
}

static void the_way_back_to_the_choice_keeps_the_request(void **state) {
    struct world *w = *state;
    world_tenant(w, "beta", "users: []\n");
    assert_status(w, world_get(w, "/oidc/auth", world_request(w, "&login_hint=ana")), 200);
    const char *at = strstr(world_body(w), "/oidc/auth/beta/login?ticket=");
    assert_non_null(at);
    const char *ticket = at + sizeof "/oidc/auth/beta/login?ticket=" - 1;
    assert_status(w,
                  world_get(w, "/oidc/auth/beta/login",
                            world_text(w, "ticket=%.*s", (int)strcspn(ticket, "\""), ticket)),
                  200);
    const char *back = strstr(world_body(w), "href=\"/oidc/auth?");
    assert_non_null(back);
    back += sizeof "href=\"/oidc/auth?" - 1;
    AUTO(strbuf_done) struct strbuf query = STRBUF(8192);
    for (size_t len = strcspn(back, "\""); len > 0; back++, len--) {
        strbuf_addc(&query, *back);
        if (*back == '&') { /* "&amp;" */
            back += 4;
            len -= 4;
        }
    }
    assert_status(w, world_get(w, "/oidc/auth", strbuf_c(&query)), 200);
    assert_true(world_page_says(w, "/oidc/auth/acme/login?ticket="));
    assert_true(str_contains(strbuf_str(&query), STR("login_hint=ana")));
    assert_true(str_contains(strbuf_str(&query), STR("nonce=n-1")));
    assert_true(str_contains(strbuf_str(&query), STR("code_challenge=" WORLD_CHALLENGE)));
}

static void a_native_applications_scheme_is_let_through_by_its_own_form_alone(void **state) {
    struct world *w = *state;
    static const char request[] =
        "client_id=cli&response_type=code&scope=openid&code_challenge=" WORLD_CHALLENGE
        "&code_challenge_method=S256&redirect_uri=com.example.app:/cb";
    (void)world_open_form(w, request, "acme");
    assert_true(str_ends_with(str_of(world_header(w, "Content-Security-Policy")), STR(" com.example.app:")));
    (void)world_open_form(w, world_request(w, ""), "acme");
    assert_false(str_contains(str_of(world_header(w, "Content-Security-Policy")), STR("com.example")));
}

static void no_password_ticket_or_code_reaches_the_log(void **state) {
    struct world *w = *state;
    struct world_form f = world_open_form(w, world_request(w, ""), "acme");
    assert_status(w, world_login(w, &f, "ana", "wrong-secret"), 200);
    assert_status(w, world_login(w, &f, "ana", "pw-ana"), 303);
    const char *code = world_redirect(w, "code");
    assert_status(w, world_redeem(w, code), 200);
    const char *access = world_json(w, "access_token");
    assert_status(w, world_redeem(w, code), 400);
    char *log = world_log(w);
    const char *const secrets[] = { "wrong-secret", "pw-ana", f.ticket, f.csrf,
                                    code,           access,   "s3cret", WORLD_VERIFIER };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++)
        if (strstr(log, secrets[i]) != NULL)
            fail_msg("%s is in the log", secrets[i]);
    assert_non_null(strstr(log, "wrong_credentials"));
    assert_non_null(strstr(log, "code_replayed"));
    free(log);
}

#define test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(the_form_names_tenant_and_application_and_escapes_both),
        test(a_right_password_gives_a_code_with_state_and_iss_by_303),
        test(a_wrong_password_shows_the_form_again_and_writes_nothing),
        test(a_blocked_account_is_told_only_to_who_proved_the_password),
        test(guessing_is_slowed_down_also_for_the_right_password),
        test(a_directory_that_is_down_is_no_verdict),
        test(a_ticket_is_good_for_one_browser_one_while_and_one_key),
        test(a_ticket_that_was_changed_anywhere_is_refused),
        test(blobs_sealed_for_something_else_are_no_tickets),
        test(a_form_without_its_own_csrf_value_is_refused_before_the_password_is_looked_at),
        test(a_ticket_follows_what_its_client_may_do_now),
        test(an_empty_name_or_password_is_a_wrong_one),
        test(the_way_back_to_the_choice_keeps_the_request),
        test(a_native_applications_scheme_is_let_through_by_its_own_form_alone),
        test(no_password_ticket_or_code_reaches_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
