#include "unit/test.h"

#include "cli/demo_app.h"
#include "tkeauth/crypto.h"

#include <sys/stat.h>
#include <unistd.h>

static const int64_t now = 1700000000;

static void settings_new(struct demo_settings *s, const struct demo_options *o) {
    struct err err = { 0 };
    assert_ok(demo_settings_init(o, s, &err));
    assert_ok(demo_settings_listening(s, 9555, &err));
}
static const struct demo_options good = { .issuer = "https://id.example/oidc",
                                          .client_id = "demo",
                                          .listen = "127.0.0.1:0",
                                          .scope = "openid groups" };

static void options_that_cannot_be_right_are_refused(void **state) {
    (void)state;
    static const struct demo_options cases[] = {
        { .client_id = "demo", .listen = "127.0.0.1:1" },
        { .issuer = "https://id.example/oidc/", .client_id = "demo", .listen = "127.0.0.1:1" },
        { .issuer = "https://id.example/oidc?x", .client_id = "demo", .listen = "127.0.0.1:1" },
        { .issuer = "http://id.example/oidc", .client_id = "demo", .listen = "127.0.0.1:1" },
        { .issuer = "id.example", .client_id = "demo", .listen = "127.0.0.1:1" },
        { .issuer = "https://id.example", .listen = "127.0.0.1:1" },
        { .issuer = "https://id.example", .client_id = "", .listen = "127.0.0.1:1" },
        { .issuer = "https://id.example", .client_id = "demo", .listen = "0.0.0.0:1" },
        { .issuer = "https://id.example", .client_id = "demo", .listen = "127.0.0.1" },
        { .issuer = "https://id.example", .client_id = "demo", .listen = "127.0.0.1:99999" },
        { .issuer = "https://id.example",
          .client_id = "demo",
          .listen = "127.0.0.1:1",
          .redirect_uri = "https://x/cb" },
        { .issuer = "https://id.example",
          .client_id = "demo",
          .listen = "127.0.0.1:1",
          .client_secret_file = "/nonexistent" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct demo_settings s = { 0 };
        struct err err = { 0 };
        struct demo_options o = cases[i];
        o.scope = "openid";
        if (demo_settings_init(&o, &s, &err) == ERR_OK)
            fail_msg("case %zu was taken", i);
    }
}

static void the_return_address_follows_the_port_unless_it_is_given(void **state) {
    (void)state;
    AUTO(demo_settings_done) struct demo_settings s = { 0 };
    settings_new(&s, &good);
    assert_str(s.redirect_uri, "http://127.0.0.1:9555/callback");
    assert_str(s.home_uri, "http://127.0.0.1:9555/");
    struct demo_options o = good;
    o.redirect_uri = "https://gateway.example/callback";
    o.listen = "[::1]:0";
    AUTO(demo_settings_done) struct demo_settings given = { 0 };
    settings_new(&given, &o);
    assert_str(given.redirect_uri, "https://gateway.example/callback");
    assert_str(given.home_uri, "https://gateway.example/");
    assert_string_equal(given.address, "::1");
}

static void a_discovery_document_must_be_the_issuers_and_name_https_endpoints(void **state) {
    (void)state;
    AUTO(demo_settings_done) struct demo_settings s = { 0 };
    settings_new(&s, &good);
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    struct err err = { 0 };
    struct demo_provider p = { 0 };
#define DOC(issuer, token)                                                                                   \
    "{\"issuer\":\"" issuer "\",\"authorization_endpoint\":\"https://id.example/oidc/auth\","                \
    "\"token_endpoint\":\"" token "\",\"jwks_uri\":\"https://id.example/oidc/keys\"}"
    assert_ok(demo_provider_parse(a, &s, STR(DOC("https://id.example/oidc", "https://id.example/oidc/token")),
                                  &p, &err));
    assert_str(p.token_endpoint, "https://id.example/oidc/token");
    assert_int_equal(p.end_session_endpoint.len, 0);
    assert_int_equal(demo_provider_parse(
                         a, &s, STR(DOC("https://evil.example", "https://id.example/oidc/token")), &p, &err),
                     ERR_INVALID);
    assert_int_equal(demo_provider_parse(a, &s,
                                         STR(DOC("https://id.example/oidc", "http://id.example/oidc/token")),
                                         &p, &err),
                     ERR_INVALID);
    assert_int_equal(demo_provider_parse(a, &s, STR(DOC("https://id.example/oidc", "")), &p, &err),
                     ERR_INVALID);
    assert_int_equal(demo_provider_parse(a, &s, STR("[]"), &p, &err), ERR_INVALID);
}

static void the_login_url_carries_state_nonce_and_the_hash_of_the_verifier(void **state) {
    (void)state;
    AUTO(demo_settings_done) struct demo_settings s = { 0 };
    settings_new(&s, &good);
    const struct demo_provider p = { .authorization_endpoint = STR("https://id.example/oidc/auth"),
                                     .end_session_endpoint = STR("https://id.example/oidc/logout?x=1") };
    /* The pair of RFC 7636 appendix B. */
    struct demo_session session = { .state = "S",
                                    .nonce = "N",
                                    .verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk" };
    AUTO(strbuf_done) struct strbuf url = STRBUF(4096), out = STRBUF(4096);
    demo_login_url(&s, &p, &session, &url);
    assert_str(
        strbuf_str(&url),
        "https://id.example/oidc/auth?client_id=demo&redirect_uri=http%3A%2F%2F127.0.0.1%3A9555%2Fcallback"
        "&response_type=code&scope=openid%20groups&state=S&nonce=N"
        "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256");
    demo_logout_url(&s, &p, STR("a.b.c"), &out);
    assert_str(strbuf_str(&out), "https://id.example/oidc/logout?x=1&client_id=demo&id_token_hint=a.b.c"
                                 "&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A9555%2F");
}

/* ---- ID tokens ---- */

static struct keyset *key_set;
static const struct signer *signer;
static struct strbuf jwks = { .max = 65536 };

static int make_keys(void **state) {
    (void)state;
    struct err err = { 0 };
    struct keyset_entry entry = {
        .created_at = now - 10, .not_before = now - 10, .retired_at = now + 100, .remove_at = now + 200
    };
    assert_ok(signer_generate(SIGN_ES256, &entry.signer, &err));
    assert_ok(keyset_new(&entry, 1, &key_set, &err));
    signer = keyset_signer(key_set, SIGN_ES256, now);
    keyset_jwks(key_set, now, &jwks);
    return signer == NULL;
}
static int drop_keys(void **state) {
    (void)state;
    keyset_free(key_set);
    strbuf_done(&jwks);
    return 0;
}

static enum err_code check(const char *claims, const char *nonce, struct demo_session *session,
                           struct err *ret_err) {
    struct err err = { 0 };
    AUTO(demo_settings_done) struct demo_settings s = { 0 };
    AUTO(strbuf_done) struct strbuf token = STRBUF(16384);
    settings_new(&s, &good);
    assert_ok(signer_sign(signer, "JWT", str_of(claims), &token, &err));
    assert_ok(secret_copy(strbuf_str(&token), &session->id_token, &err));
    assert_ok(secret_copy(STR("access"), &session->access_token, &err));
    return demo_check_id_token(&s, strbuf_str(&jwks), str_of(nonce), now, session, ret_err);
}

#define ISS "\"iss\":\"https://id.example/oidc\","
#define REST "\"sub\":\"s1\",\"exp\":1700000100,\"iat\":1700000000"
static void an_id_token_is_taken_only_when_everything_in_it_fits(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf at_hash = STRBUF(256);
    strbuf_adds(&at_hash, "{" ISS "\"aud\":\"demo\",\"nonce\":\"N\"," REST ",\"at_hash\":\"");
    jose_half_hash(SIGN_ES256, STR("access"), &at_hash);
    strbuf_adds(&at_hash, "\"}");
    const struct {
        const char *claims, *nonce;
        bool good;
    } cases[] = {
        { "{" ISS "\"aud\":\"demo\",\"nonce\":\"N\"," REST "}", "N", true },
        { "{" ISS "\"aud\":[\"demo\",\"other\"],\"azp\":\"demo\",\"nonce\":\"N\"," REST "}", "N", true },
        { strbuf_c(&at_hash), "N", true },
        { "{" ISS "\"aud\":\"demo\"," REST "}", "", true }, /* after a refresh */
        { "{" ISS "\"aud\":\"demo\"," REST "}", "N", false },
        { "{" ISS "\"aud\":\"demo\",\"nonce\":\"M\"," REST "}", "N", false },
        { "{" ISS "\"aud\":\"other\",\"nonce\":\"N\"," REST "}", "N", false },
        { "{" ISS "\"aud\":[\"demo\",\"other\"],\"nonce\":\"N\"," REST "}", "N", false },
        { "{" ISS "\"aud\":\"demo\",\"azp\":\"other\",\"nonce\":\"N\"," REST "}", "N", false },
        { "{\"iss\":\"https://evil.example\",\"aud\":\"demo\",\"nonce\":\"N\"," REST "}", "N", false },
        { "{" ISS "\"aud\":\"demo\",\"nonce\":\"N\",\"sub\":\"s\",\"exp\":1699999900,\"iat\":1699999800}",
          "N", false },
        { "{" ISS "\"aud\":\"demo\",\"nonce\":\"N\",\"exp\":1700000100,\"iat\":1700000000}", "N", false },
        { "{" ISS "\"aud\":\"demo\",\"nonce\":\"N\",\"at_hash\":\"AAAA\"," REST "}", "N", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(demo_session_done) struct demo_session session = { 0 };
        struct err err = { 0 };
        enum err_code rc = check(cases[i].claims, cases[i].nonce, &session, &err);
        if ((rc == ERR_OK) != cases[i].good)
            fail_msg("%s: %s", cases[i].claims, err.detail);
        if (cases[i].good) {
            assert_string_equal(session.algorithm, "ES256");
            assert_str(signer_kid(signer), session.key);
        } else {
            assert_int_equal(rc, ERR_UNAUTHENTICATED);
            assert_null(session.claims);
        }
    }
}

static void a_token_response_must_hold_bearer_tokens(void **state) {
    (void)state;
    static const struct {
        const char *json;
        bool good;
    } cases[] = {
        { "{\"token_type\":\"bearer\",\"id_token\":\"a.b.c\",\"access_token\":\"x\",\"refresh_token\":\"r\"}",
          true },
        { "{\"token_type\":\"Bearer\",\"id_token\":\"a.b.c\",\"access_token\":\"x\"}", true },
        { "{\"token_type\":\"mac\",\"id_token\":\"a.b.c\",\"access_token\":\"x\"}", false },
        { "{\"token_type\":\"bearer\",\"access_token\":\"x\"}", false },
        { "{\"token_type\":\"bearer\",\"id_token\":\"a.b.c\"}", false },
        { "not json", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(demo_session_done) struct demo_session session = { 0 };
        struct err err = { 0 };
        if ((demo_take_tokens(str_of(cases[i].json), &session, &err) == ERR_OK) != cases[i].good)
            fail_msg("%s", cases[i].json);
    }
    /* A response without a refresh token leaves the one there is. */
    AUTO(demo_session_done) struct demo_session session = { 0 };
    struct err err = { 0 };
    assert_ok(demo_take_tokens(str_of(cases[0].json), &session, &err));
    assert_ok(demo_take_tokens(str_of(cases[1].json), &session, &err));
    assert_str(secret_expose(&session.refresh_token), "r");
}

/* ---- sessions ---- */

static void put(struct demo_sessions *all, const char *id, const char *claims, int64_t at) {
    struct err err = { 0 };
    struct demo_session s = { .claims = str_dup_c(claims) };
    (void)snprintf(s.id, sizeof s.id, "%s", id);
    assert_ok(secret_copy(STR("token"), &s.id_token, &err));
    demo_sessions_put_take(all, &s, at);
    assert_null(s.claims);
}

static void free_sessions(struct demo_sessions **s) { demo_sessions_free(*s); }

static void a_session_is_found_by_its_cookie_until_it_is_too_old(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(free_sessions) struct demo_sessions *all = NULL;
    assert_ok(demo_sessions_new(&all, &err));
    put(all, "one", "{}", now);
    put(all, "one", "{\"a\":1}", now);
    AUTO(demo_session_done) struct demo_session got = { 0 };
    assert_ok(demo_sessions_get(all, STR("one"), now + 1, &got, &err));
    assert_string_equal(got.claims, "{\"a\":1}");
    assert_str(secret_expose(&got.id_token), "token");
    demo_session_done(&got);
    assert_int_equal(demo_sessions_get(all, STR("two"), now, &got, &err), ERR_NOT_FOUND);
    assert_int_equal(demo_sessions_get(all, STR(""), now, &got, &err), ERR_NOT_FOUND);
    assert_int_equal(demo_sessions_get(all, STR("one"), now + 1 + DEMO_SESSION_TTL_S, &got, &err),
                     ERR_NOT_FOUND);
    assert_int_equal(demo_sessions_get(all, STR("one"), now, &got, &err), ERR_NOT_FOUND);
}

static void the_session_longest_unused_makes_room(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO(free_sessions) struct demo_sessions *all = NULL;
    AUTO(demo_session_done) struct demo_session got = { 0 };
    assert_ok(demo_sessions_new(&all, &err));
    char id[16];
    for (int i = 0; i < DEMO_SESSIONS_MAX; i++) {
        (void)snprintf(id, sizeof id, "s%d", i);
        put(all, id, "{}", now + i);
    }
    assert_ok(demo_sessions_get(all, STR("s0"), now + 1000, &got, &err)); /* used: now s1 is the oldest */
    demo_session_done(&got);
    put(all, "new", "{}", now + 1001);
    assert_int_equal(demo_sessions_get(all, STR("s1"), now + 1002, &got, &err), ERR_NOT_FOUND);
    assert_ok(demo_sessions_get(all, STR("s0"), now + 1002, &got, &err));
    demo_session_done(&got);
    demo_sessions_remove(all, STR("s0"));
    assert_int_equal(demo_sessions_get(all, STR("s0"), now + 1002, &got, &err), ERR_NOT_FOUND);
}

/* ---- what is shown ---- */

static const struct web_value *row(const struct web_list *list, size_t i, const char *want_name) {
    assert_true(i < list->len);
    assert_str(list->items[i][0].text, want_name);
    return list->items[i];
}

static void claims_are_ordered_and_readable(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(web_free) struct web *w = NULL;
    assert_ok(web_new(&(struct web_options) { .base_path = "" }, &w, &err));
    AUTO_FREE(arena_free) struct arena *a = arena_new(256 * 1024);
    json_auto_t *claims = NULL;
    assert_ok(json_parse(
        STR("{\"zoo\":{\"a\":[1]},\"exp\":1767323045,\"groups\":[\"<b>\",\"研发\"],\"name\":\"ana\","
            "\"email_verified\":true,\"empty\":[],\"count\":7}"),
        &claims, &err));
    const struct web_list *list = demo_claim_rows(a, w, "en", claims);
    assert_non_null(list);
    assert_int_equal(list->len, 7);
    assert_str(row(list, 0, "name")[2].text, "ana");
    assert_str(row(list, 1, "email_verified")[2].text, "true");
    const struct web_value *groups = row(list, 2, "groups");
    assert_int_equal(groups[3].list->len, 2);
    assert_str(groups[3].list->items[1][0].text, "研发");
    assert_str(row(list, 3, "exp")[2].text, "2026-01-02 03:04:05 UTC");
    assert_str(row(list, 3, "exp")[1].text, "Expires at");
    assert_str(row(list, 4, "zoo")[3].list->items[0][0].text, "a: [1]");
    assert_int_equal(row(list, 4, "zoo")[1].text.len, 0);
    assert_str(row(list, 5, "empty")[2].text, "none");
    assert_str(row(list, 6, "count")[2].text, "7");

    const struct web_value values[] = { { .name = "claims", .list = list },
                                        { .name = "countdown", .text = STR("/c.css") },
                                        { .name = NULL } };
    AUTO(strbuf_done) struct strbuf out = STRBUF(256 * 1024);
    assert_ok(web_render(w, "demo_claims", "zh", values, &out, &err));
    assert_non_null(strstr(strbuf_c(&out), "<span class=\"chip\">&lt;b&gt;</span>"));
}

static void the_countdown_starts_at_the_time_left(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf css = STRBUF(8192), over = STRBUF(8192);
    demo_countdown_css(3600 + 2 * 60 + 5, 7200, &css);
    assert_non_null(
        strstr(strbuf_c(&css),
               ".countdown { --seconds: 5; --run-seconds: seconds 60s steps(60) -54s infinite both; }"));
    assert_non_null(
        strstr(strbuf_c(&css),
               ".countdown { --minutes: 2; --run-minutes: minutes 3600s steps(60) -3474s infinite both; }"));
    assert_non_null(strstr(strbuf_c(&css),
                           ".countdown { --hours: 1; --run-hours: hours 7200s steps(2) -3474s 1 both; }"));
    assert_non_null(strstr(strbuf_c(&css), "scaleX(0.5174)"));
    demo_countdown_css(-5, 0, &over);
    assert_non_null(strstr(strbuf_c(&over), "gone 1ms 0s both"));
    assert_false(over.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_that_cannot_be_right_are_refused),
        cmocka_unit_test(the_return_address_follows_the_port_unless_it_is_given),
        cmocka_unit_test(a_discovery_document_must_be_the_issuers_and_name_https_endpoints),
        cmocka_unit_test(the_login_url_carries_state_nonce_and_the_hash_of_the_verifier),
        cmocka_unit_test(an_id_token_is_taken_only_when_everything_in_it_fits),
        cmocka_unit_test(a_token_response_must_hold_bearer_tokens),
        cmocka_unit_test(a_session_is_found_by_its_cookie_until_it_is_too_old),
        cmocka_unit_test(the_session_longest_unused_makes_room),
        cmocka_unit_test(claims_are_ordered_and_readable),
        cmocka_unit_test(the_countdown_starts_at_the_time_left),
    };
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
