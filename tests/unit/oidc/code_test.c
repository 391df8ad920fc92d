/* The token endpoint: client authentication first, then the authorization code, used once. */
#include "unit/oidc/harness.h"

#include <pthread.h>
#include <stdlib.h>

#define OFFLINE "&scope=openid%20offline_access%20profile%20email%20groups"

static const char *offline_request(const struct world *w) {
    (void)w;
    return "client_id=web&response_type=code" OFFLINE "&code_challenge=" WORLD_CHALLENGE
           "&code_challenge_method=S256&redirect_uri=" WORLD_CALLBACK;
}

static unsigned token(struct world *w, const char *authorization, const char *form) {
    w->authorization = authorization;
    unsigned status = world_post(w, "/oidc/token", form);
    w->authorization = NULL;
    return status;
}

static void assert_error(struct world *w, unsigned status, unsigned want, const char *error) {
    assert_status(w, status, want);
    assert_text(world_json(w, "error"), error);
    assert_text(world_header(w, "Cache-Control"), "no-store");
    assert_text(world_header(w, "Pragma"), "no-cache");
    assert_true(str_starts_with(str_of(world_header(w, "Content-Type")), STR("application/json")));
    const char *d = world_json(w, "error_description");
    assert_true(d[0] != '\0');
    for (; *d != '\0'; d++) /* RFC 6749 5.2 */
        assert_true(*d >= 0x20 && *d <= 0x7e && *d != '"' && *d != '\\');
}

static void a_code_gives_tokens_and_nothing_may_be_cached(void **state) {
    struct world *w = *state;
    assert_status(w, world_redeem(w, world_code(w, offline_request(w))), 200);
    assert_text(world_json(w, "token_type"), "Bearer");
    assert_text(world_json(w, "expires_in"), "600");
    assert_text(world_json(w, "scope"), "openid offline_access profile email groups");
    assert_true(world_json(w, "id_token")[0] != '\0');
    assert_true(world_json(w, "refresh_token")[0] != '\0');
    assert_status(w, world_redeem(w, world_code(w, world_request(w, ""))), 200);
    assert_text(world_json(w, "refresh_token"), ""); /* only with offline_access */
}

static void a_client_without_the_refresh_grant_gets_no_refresh_token(void **state) {
    struct world *w = *state;
    static struct str code_only[] = { { "authorization_code", 18 } };
    world_client(w, "web")->grant_types = (struct str_list) { code_only, 1 };
    assert_status(w, world_redeem(w, world_code(w, offline_request(w))), 200);
    assert_text(world_json(w, "refresh_token"), "");
}

static void a_client_that_is_not_authenticated_burns_no_code(void **state) {
    struct world *w = *state;
    const char *code = world_code(w, offline_request(w));
    const char *form = world_text(w,
                                  "grant_type=authorization_code&code=%s&redirect_uri=" WORLD_CALLBACK
                                  "&code_verifier=" WORLD_VERIFIER,
                                  code);
    assert_error(w, token(w, NULL, form), 401, "invalid_client");
    assert_true(str_starts_with(str_of(world_header(w, "WWW-Authenticate")), STR("Basic ")));
    assert_error(w, token(w, "Basic d2ViOndyb25n", form), 401, "invalid_client"); /* web:wrong */
    assert_error(w, token(w, "Basic d2ViOg==", form), 401, "invalid_client");     /* web: */
    assert_error(w, token(w, "Basic bm9ib2R5OngK", form), 401, "invalid_client");
    assert_error(w, token(w, NULL, world_text(w, "%s&client_id=web&client_secret=wrong", form)), 401,
                 "invalid_client");
    assert_error(w, token(w, WORLD_WEB_BASIC, world_text(w, "%s&client_id=web&client_secret=s3cret", form)),
                 400, "invalid_request"); /* two methods */
    assert_status(w, token(w, NULL, world_text(w, "%s&client_id=web&client_secret=s3cret", form)), 200);
}

static void a_grant_type_must_be_known_given_and_allowed(void **state) {
    struct world *w = *state;
    assert_error(w, token(w, WORLD_WEB_BASIC, "code=x"), 400, "invalid_request");
    assert_error(w, token(w, WORLD_WEB_BASIC, "grant_type=implicit"), 400, "unsupported_grant_type");
    assert_error(w, token(w, WORLD_WEB_BASIC, "grant_type=AUTHORIZATION_CODE"), 400,
                 "unsupported_grant_type");
    assert_error(w, token(w, WORLD_WEB_BASIC, "grant_type=authorization_code"), 400, "invalid_request");
    assert_error(w, token(w, WORLD_WEB_BASIC, "grant_type=refresh_token"), 400, "invalid_request");
    assert_error(w, token(w, "Basic Zm9ybTpzM2NyZXQ=", "grant_type=authorization_code&code=x"), 400,
                 "unauthorized_client");
    assert_error(w, token(w, WORLD_WEB_BASIC, "grant_type=authorization_code&grant_type=password"), 400,
                 "invalid_request");
    assert_error(w, token(w, WORLD_WEB_BASIC, "grant_type=authorization_code&code=a&code=a"), 400,
                 "invalid_request");
}

static void a_mistaken_redemption_is_refused_and_leaves_the_code_good(void **state) {
    struct world *w = *state;
    const char *code = world_code(w, offline_request(w));
    static const struct {
        const char *authorization, *rest;
    } cases[] = {
        { "Basic cGVlcjpzM2NyZXQ=", "&redirect_uri=" WORLD_CALLBACK "&code_verifier=" WORLD_VERIFIER },
        { WORLD_WEB_BASIC, "&code_verifier=" WORLD_VERIFIER },
        { WORLD_WEB_BASIC, "&redirect_uri=https://web.example/cb?x=1&code_verifier=" WORLD_VERIFIER },
        { WORLD_WEB_BASIC, "&redirect_uri=" WORLD_CALLBACK },
        { WORLD_WEB_BASIC, "&redirect_uri=" WORLD_CALLBACK "&code_verifier=" WORLD_CHALLENGE },
        { WORLD_WEB_BASIC, "&redirect_uri=" WORLD_CALLBACK "&code_verifier=short" },
        { WORLD_WEB_BASIC, "x&redirect_uri=" WORLD_CALLBACK "&code_verifier=" WORLD_VERIFIER },
        { WORLD_WEB_BASIC, "AAAA&redirect_uri=" WORLD_CALLBACK "&code_verifier=" WORLD_VERIFIER },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *form = world_text(w, "grant_type=authorization_code&code=%s%s", code, cases[i].rest);
        assert_error(w, token(w, cases[i].authorization, form), 400, "invalid_grant");
    }
    assert_status(w, world_redeem(w, code), 200);
}

static void every_byte_of_a_code_counts(void **state) {
    struct world *w = *state;
    const char *code = world_code(w, offline_request(w));
    for (size_t i = 0; code[i] != '\0'; i++) {
        char *bent = arena_strdup(w->arena, str_of(code));
        bent[i] = bent[i] == 'x' ? 'y' : 'x';
        assert_error(w, world_redeem(w, bent), 400, "invalid_grant");
    }
    assert_status(w, world_redeem(w, code), 200);
}

static void a_verifier_for_a_request_without_a_challenge_is_a_downgrade(void **state) {
    struct world *w = *state;
    static const char request[] =
        "client_id=web&response_type=code&scope=openid&redirect_uri=" WORLD_CALLBACK;
    assert_error(w, world_redeem(w, world_code(w, request)), 400, "invalid_grant");
    const char *code = world_code(w, request);
    assert_status(
        w,
        token(w, WORLD_WEB_BASIC,
              world_text(w, "grant_type=authorization_code&code=%s&redirect_uri=" WORLD_CALLBACK, code)),
        200);
}

static void a_code_expires(void **state) {
    struct world *w = *state;
    const char *early = world_code(w, offline_request(w));
    const char *late = world_code(w, offline_request(w));
    clock_advance(&w->clock, 59 * 1000);
    assert_status(w, world_redeem(w, early), 200);
    clock_advance(&w->clock, 1000);
    assert_error(w, world_redeem(w, late), 400, "invalid_grant");
}

static void a_second_use_is_refused_and_revokes_what_the_first_gave(void **state) {
    struct world *w = *state;
    const char *code = world_code(w, offline_request(w));
    assert_status(w, world_redeem(w, code), 200);
    const char *refresh = world_json(w, "refresh_token");
    assert_status(w, world_refresh(w, refresh), 200);
    refresh = world_json(w, "refresh_token");
    clock_advance(&w->clock, 1000 * 1000); /* long after its expiry */
    assert_error(w, world_redeem(w, code), 400, "invalid_grant");
    assert_error(w, world_refresh(w, refresh), 400, "invalid_grant");
}

static void without_a_key_to_sign_with_the_answer_is_503_and_the_code_stays_good(void **state) {
    struct world *w = *state;
    const char *code = world_code(w, offline_request(w));
    const struct keyset *keys = w->p.keys;
    struct keyset *none = NULL;
    struct err err;
    assert_ok(keyset_new(NULL, 0, &none, &err));
    w->p.keys = none; /* there is nothing to sign with */
    assert_error(w, world_redeem(w, code), 503, "temporarily_unavailable");
    w->p.keys = keys;
    keyset_free(none);
    assert_status(w, world_redeem(w, code), 200);
}

/* ---- parallel: each thread is a replica's worker with a world of its own but the store ---- */

enum { RACERS = 4 };
struct racer {
    struct world *w;
    const char *code;
    unsigned status;
};

static void *race(void *ctx) {
    struct racer *r = ctx;
    r->status = world_redeem(r->w, r->code);
    return NULL;
}

static void of_parallel_redemptions_at_most_one_succeeds(void **state) {
    struct world *w = *state;
    struct world copies[RACERS];
    struct racer racers[RACERS];
    pthread_t threads[RACERS];
    const char *code = world_code(w, offline_request(w));
    unsigned ok = 0;
    for (int i = 0; i < RACERS; i++) {
        copies[i] = *w;
        copies[i].exchange = NULL;
        copies[i].arena = arena_new(16 << 20);
        racers[i] = (struct racer) { &copies[i], code, 0 };
    }
    for (int i = 0; i < RACERS; i++) /* only now: the copies read what a racer already moves */
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (int i = 0; i < RACERS; i++) {
        (void)pthread_join(threads[i], NULL);
        ok += racers[i].status == 200;
        assert_true(racers[i].status == 200 || racers[i].status == 400);
        arena_free(copies[i].exchange->req.arena);
        free(copies[i].exchange);
        arena_free(copies[i].arena);
    }
    assert_int_equal(ok, 1);
}

/* ---- password grant ---- */

#define FORM_BASIC "Basic Zm9ybTpzM2NyZXQ=" /* form:s3cret */
#define ANA "grant_type=password&scope=openid%20offline_access&username=ana&password=pw-ana"

static void the_password_grant_is_off_unless_provider_and_client_both_say_so(void **state) {
    struct world *w = *state;
    assert_error(w, token(w, FORM_BASIC, ANA), 400, "unauthorized_client");
    assert_error(w, token(w, WORLD_WEB_BASIC, ANA), 400, "unauthorized_client");
    w->p.password_connector = STR("acme");
    assert_error(w, token(w, WORLD_WEB_BASIC, ANA), 400, "unauthorized_client");
    assert_int_equal(store_write_count(w->p.store), 0);
    assert_status(w, token(w, FORM_BASIC, ANA), 200);
    assert_true(world_json(w, "refresh_token")[0] != '\0');
    assert_true(world_json(w, "id_token")[0] != '\0');
}

static void the_password_grant_tells_its_outcomes_apart(void **state) {
    struct world *w = *state;
    w->p.password_connector = STR("acme");
#define PASSWORD "grant_type=password&scope=openid"
    assert_error(w, token(w, FORM_BASIC, PASSWORD "&username=ana&password=x"), 400, "invalid_grant");
    assert_error(w, token(w, FORM_BASIC, PASSWORD "&username=bo&password=pw-bo"), 400, "invalid_grant");
    assert_error(w, token(w, FORM_BASIC, PASSWORD "&username=ana"), 400, "invalid_request");
    assert_error(w, token(w, FORM_BASIC, PASSWORD "&username=ana&password="), 400, "invalid_request");
    assert_error(w, token(w, FORM_BASIC, "grant_type=password&username=ana&password=pw-ana"), 400,
                 "invalid_scope");
    unsigned status = 400;
    for (int i = 0; i < 10 && status == 400; i++)
        status = token(w, FORM_BASIC, PASSWORD "&username=cy&password=x");
    assert_error(w, status, 429, "temporarily_unavailable");
    assert_true(world_header(w, "Retry-After")[0] >= '1');
    w->ip = "192.0.2.9";
    world_tenant(w, "acme", "users: []\nfails: timeout\n");
    assert_error(w, token(w, FORM_BASIC, ANA), 503, "temporarily_unavailable");
    assert_text(world_header(w, "Retry-After"), "5");
    assert_int_equal(store_write_count(w->p.store), 0);
}

#define test(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(a_code_gives_tokens_and_nothing_may_be_cached),
        test(a_client_without_the_refresh_grant_gets_no_refresh_token),
        test(a_client_that_is_not_authenticated_burns_no_code),
        test(a_grant_type_must_be_known_given_and_allowed),
        test(a_mistaken_redemption_is_refused_and_leaves_the_code_good),
        test(every_byte_of_a_code_counts),
        test(a_verifier_for_a_request_without_a_challenge_is_a_downgrade),
        test(a_code_expires),
        test(a_second_use_is_refused_and_revokes_what_the_first_gave),
        test(without_a_key_to_sign_with_the_answer_is_503_and_the_code_stays_good),
        test(of_parallel_redemptions_at_most_one_succeeds),
        test(the_password_grant_is_off_unless_provider_and_client_both_say_so),
        test(the_password_grant_tells_its_outcomes_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
