#include "unit/test.h"

#include "authn/client.h"
#include "tkeauth/crypto.h"

static struct client clients[4];
static unsigned finds;

static void add(struct client *c, const char *id, const char *secret, bool is_public) {
    *c = (struct client) { .id = str_of(id), .is_public = is_public, .has_secret = secret != NULL };
    if (secret != NULL)
        sha256(str_of(secret), c->secret_sha256);
}
static int make_clients(void **state) {
    (void)state;
    add(&clients[0], "app", "s3cret", false);
    add(&clients[1], "kubectl", NULL, true);
    add(&clients[2], "my app:1", "p%+ :ä", false);
    add(&clients[3], "broken", NULL, false); /* confidential without a secret: nobody is it */
    return 0;
}
static const struct client *find(const void *ctx, struct str id) {
    (void)ctx;
    finds++;
    for (size_t i = 0; i < ARRAY_LEN(clients); i++)
        if (str_eq(clients[i].id, id))
            return &clients[i];
    return NULL;
}

/* "Basic " and the base64 of `pair`. */
static const char *basic(const char *pair) {
    static struct strbuf header = STRBUF(32768);
    strbuf_clear(&header);
    strbuf_adds(&header, "Basic ");
    base64_add(&header, pair, strlen(pair));
    return strbuf_c(&header);
}
static struct client_auth ask(const char *header, const char *form_id, const char *form_secret) {
    const struct client_credentials c = { header != NULL, str_of(header), str_of(form_id),
                                          str_of(form_secret) };
    return client_authenticate(&c, find, NULL);
}
static void assert_auth(struct client_auth got, enum client_auth_outcome outcome, const char *id,
                        bool basic_used) {
    assert_int_equal(got.outcome, outcome);
    assert_int_equal(got.basic_used, basic_used);
    assert_int_equal(got.client != NULL, id != NULL);
    if (id != NULL)
        assert_str(got.client->id, id);
}

static void a_confidential_client_shows_its_secret_in_header_or_form(void **state) {
    (void)state;
    assert_auth(ask(basic("app:s3cret"), NULL, NULL), CLIENT_AUTH_OK, "app", true);
    assert_auth(ask(basic("app:s3cret"), "app", NULL), CLIENT_AUTH_OK, "app", true);
    assert_auth(ask(NULL, "app", "s3cret"), CLIENT_AUTH_OK, "app", false);
    assert_auth(ask(basic("app:wrong"), NULL, NULL), CLIENT_AUTH_FAILED, NULL, true);
    assert_auth(ask(NULL, "app", "s3cre"), CLIENT_AUTH_FAILED, NULL, false);
    assert_auth(ask(NULL, "app", "s3crets"), CLIENT_AUTH_FAILED, NULL, false);
    assert_auth(ask(basic("app:"), NULL, NULL), CLIENT_AUTH_FAILED, NULL, true);
    assert_auth(ask(NULL, "app", NULL), CLIENT_AUTH_FAILED, NULL, false);
    assert_auth(ask(NULL, NULL, "s3cret"), CLIENT_AUTH_FAILED, NULL, false);
    assert_auth(ask(NULL, NULL, NULL), CLIENT_AUTH_FAILED, NULL, false);
}

static void both_halves_of_basic_are_form_decoded(void **state) {
    (void)state;
    assert_auth(ask(basic("my+app%3A1:p%25%2B+%3A%C3%A4"), NULL, NULL), CLIENT_AUTH_OK, "my app:1", true);
    assert_auth(ask(basic("my%20app%3A1:p%25%2B%20:%C3%A4"), NULL, NULL), CLIENT_AUTH_OK, "my app:1", true);
    assert_auth(ask(basic("my+app%3A1:p%25+ :%C3%A4"), NULL, NULL), CLIENT_AUTH_FAILED, NULL, true);
}

static void a_public_client_needs_no_secret_and_may_send_an_empty_one(void **state) {
    (void)state;
    assert_auth(ask(NULL, "kubectl", NULL), CLIENT_AUTH_OK, "kubectl", false);
    assert_auth(ask(NULL, "kubectl", ""), CLIENT_AUTH_OK, "kubectl", false);
    assert_auth(ask(basic("kubectl:"), NULL, NULL), CLIENT_AUTH_OK, "kubectl", true); /* Go's oauth2 */
    assert_auth(ask(basic("kubectl:"), "kubectl", NULL), CLIENT_AUTH_OK, "kubectl", true);
    assert_auth(ask(basic("kubectl:x"), NULL, NULL), CLIENT_AUTH_FAILED, NULL, true);
    assert_auth(ask(NULL, "kubectl", "x"), CLIENT_AUTH_FAILED, NULL, false);
}

static void a_client_that_is_unknown_or_has_no_secret_fails(void **state) {
    (void)state;
    assert_auth(ask(basic("nobody:s3cret"), NULL, NULL), CLIENT_AUTH_FAILED, NULL, true);
    assert_auth(ask(NULL, "nobody", NULL), CLIENT_AUTH_FAILED, NULL, false);
    assert_auth(ask(basic(":"), NULL, NULL), CLIENT_AUTH_FAILED, NULL, true);
    assert_auth(ask(NULL, "broken", ""), CLIENT_AUTH_FAILED, NULL, false);
    assert_auth(ask(basic("broken:x"), NULL, NULL), CLIENT_AUTH_FAILED, NULL, true);
}

static void two_methods_or_two_headers_are_refused_before_anybody_is_looked_up(void **state) {
    (void)state;
    finds = 0;
    assert_auth(ask(basic("app:s3cret"), NULL, "s3cret"), CLIENT_AUTH_INVALID, NULL, true);
    assert_auth(ask(basic("app:s3cret"), "other", NULL), CLIENT_AUTH_INVALID, NULL, true);
    struct client_credentials twice = { 2, str_of(basic("app:s3cret")), STR_NULL, STR_NULL };
    assert_auth(client_authenticate(&twice, find, NULL), CLIENT_AUTH_INVALID, NULL, true);
    assert_int_equal(finds, 0);
}

static void headers_are_parsed_strictly(void **state) {
    (void)state;
    static const struct {
        const char *header;
        enum client_auth_outcome outcome;
    } cases[] = {
        { "basic YXBwOnMzY3JldA==", CLIENT_AUTH_OK },
        { "BASIC   YXBwOnMzY3JldA== ", CLIENT_AUTH_OK },
        { "Basic YXBwOnMzY3JldA", CLIENT_AUTH_INVALID },   /* no padding */
        { "Basic YXBwOnMzY3JldB==", CLIENT_AUTH_INVALID }, /* bits left over */
        { "Basic YXBw OnMzY3JldA==", CLIENT_AUTH_INVALID },
        { "Basic YXBw", CLIENT_AUTH_INVALID },         /* no colon */
        { "Basic YXBwOiV6eg==", CLIENT_AUTH_INVALID }, /* app:%zz */
        { "Basic JTpzM2NyZXQ=", CLIENT_AUTH_INVALID }, /* %:s3cret */
        { "Basic", CLIENT_AUTH_INVALID },
        { "Basic ", CLIENT_AUTH_INVALID },
        { "", CLIENT_AUTH_FAILED },
        { "Bearer YXBwOnMzY3JldA==", CLIENT_AUTH_FAILED }, /* a method we do not have */
        { "BasicYXBwOnMzY3JldA==", CLIENT_AUTH_FAILED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct client_auth got = ask(cases[i].header, NULL, NULL);
        if (got.outcome != cases[i].outcome)
            fail_msg("\"%s\": outcome %d", cases[i].header, got.outcome);
        assert_true(got.basic_used);
    }
    char big[CLIENT_BASIC_MAX + 10];
    memset(big, 'a', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    big[3] = ':';
    assert_auth(ask(basic(big), NULL, NULL), CLIENT_AUTH_INVALID, NULL, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_confidential_client_shows_its_secret_in_header_or_form),
        cmocka_unit_test(both_halves_of_basic_are_form_decoded),
        cmocka_unit_test(a_public_client_needs_no_secret_and_may_send_an_empty_one),
        cmocka_unit_test(a_client_that_is_unknown_or_has_no_secret_fails),
        cmocka_unit_test(two_methods_or_two_headers_are_refused_before_anybody_is_looked_up),
        cmocka_unit_test(headers_are_parsed_strictly),
    };
    return cmocka_run_group_tests(tests, make_clients, NULL);
}
