#include "unit/test.h"

#include "tkeauth/model.h"

static struct client good_client(struct str *uri) {
    return (struct client) {
        .id = STR("demo"), .name = STR("Demo"), .has_secret = true, .redirect_uris = { uri, 1 }
    };
}

static void redirect_uris_are_https_loopback_or_private(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        bool public_ok, confidential_ok;
    } cases[] = {
        { "https://app.example/cb?x=1", true, true },
        { "http://127.0.0.1:8000/cb", true, true },
        { "http://[::1]/cb", true, true },
        { "http://localhost:8000", true, true },
        { "com.example.app:/oauth", true, true },
        { "com.example.app://cb", true, true },
        { "http://gateway.example/callback", false, true },
        { "http://127.0.0.1.evil.example/cb", false, true },
        { "https://app.example/cb#x", false, false },
        { "https://app.example/cb#", false, false },
        { "https://user@app.example/cb", false, false },
        { "https://@app.example/cb", false, false },
        { "https:///cb", false, false },
        { "https:cb", false, false },
        { "/cb", false, false },
        { "", false, false },
        { "app.example/cb", false, false },
        { "javascript:alert(1)", false, false },
        { "data:text/html,x", false, false },
        { "urn:ietf:wg:oauth:2.0:oob", false, false },
        { "myapp:/cb", false, false },
        { "com.example.app:", false, false },
        { "https://app.example/c b", false, false },
        { "https://app.example\\@evil.example/", false, false },
        { "https://app.example:99999/", false, false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct str uri = str_of(cases[i].uri);
        struct client c = good_client(&uri);
        if ((client_check(&c, &err) == ERR_OK) != cases[i].confidential_ok)
            fail_msg("confidential: %s: %s", cases[i].uri, err.detail);
        c.is_public = true;
        c.has_secret = false;
        if ((client_check(&c, &err) == ERR_OK) != cases[i].public_ok)
            fail_msg("public: %s: %s", cases[i].uri, err.detail);
    }
}

static void a_client_must_have_a_proper_id_secret_and_grants(void **state) {
    (void)state;
    struct str uri = STR("https://a.example/");
    static char long_id[CLIENT_ID_MAX + 2];
    memset(long_id, 'x', sizeof long_id - 1);
    struct err err = { 0 };
    struct client c = good_client(&uri);
    assert_ok(client_check(&c, &err));
    static const char *const ids[] = { "", "a b", "a\"b", "a\\b", "\xc3\xa9", "a\n", long_id };
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        c.id = str_of(ids[i]);
        assert_int_equal(client_check(&c, &err), ERR_INVALID);
    }
    c = good_client(&uri);
    c.has_secret = false;
    assert_int_equal(client_check(&c, &err), ERR_INVALID);
    c.is_public = true;
    assert_ok(client_check(&c, &err));
    c = good_client(&uri);
    c.redirect_uris.len = 0;
    assert_int_equal(client_check(&c, &err), ERR_INVALID);
    struct str password[] = { STR("password"), STR("refresh_token") };
    c.grant_types = (struct str_list) { password, 2 };
    assert_ok(client_check(&c, &err));
    struct str implicit = STR("implicit");
    c.grant_types = (struct str_list) { &implicit, 1 };
    assert_int_equal(client_check(&c, &err), ERR_INVALID);
    c = good_client(&uri);
    c.id_token_ttl_s = -1;
    assert_int_equal(client_check(&c, &err), ERR_INVALID);
    c.id_token_ttl_s = CLIENT_TTL_MAX_S;
    assert_ok(client_check(&c, &err));
    c.logo_url = STR("javascript:alert(1)");
    assert_int_equal(client_check(&c, &err), ERR_INVALID);
    c = good_client(&uri);
    c.name = STR("a\nb");
    assert_int_equal(client_check(&c, &err), ERR_INVALID);
    static struct str many[CLIENT_LIST_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++)
        many[i] = uri;
    c = good_client(&uri);
    c.redirect_uris = (struct str_list) { many, ARRAY_LEN(many) };
    assert_int_equal(client_check(&c, &err), ERR_INVALID);
}

static struct local_user good_user(void) {
    return (struct local_user) {
        .id = STR("usr-1"), .tenant = STR("default"), .username = STR("ana"), .display_name = STR("Ana")
    };
}

static void user_names_follow_the_contract(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool ok;
    } cases[] = {
        { "ana", true },     { "a-1", true },
        { "0x0", true },     { "abcdefghijklmnopqrstuvwxyz012345", true },
        { "ab", false },     { "-ab", false },
        { "ab-", false },    { "abcdefghijklmnopqrstuvwxyz0123456", false },
        { "Ana", false },    { "a_b", false },
        { "a b", false },    { "system", false },
        { "", false },       { "a.b", false },
        { "systems", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct local_user u = good_user();
        u.username = str_of(cases[i].name);
        if ((local_user_check(&u, &err) == ERR_OK) != cases[i].ok)
            fail_msg("%s", cases[i].name);
    }
}

static void mail_addresses_may_end_in_a_long_label(void **state) {
    (void)state;
    static const struct {
        const char *email;
        bool ok;
    } cases[] = {
        { "", true },
        { "a.b+c@x.example", true },
        { "a@b.technology", true },
        { "a@b.xn--p1ai", true },
        { "a@b.co", true },
        { "a@b.c", false },
        { "a@b", false },
        { "a@b.12", false },
        { "@b.co", false },
        { "a b@b.co", false },
        { "a@b..co", false },
        { "a@-b.co", false },
        { "a@b.co.", false },
        { "a@b@c.co", false },
        { "a\n@b.co", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        struct local_user u = good_user();
        u.email = str_of(cases[i].email);
        if ((local_user_check(&u, &err) == ERR_OK) != cases[i].ok)
            fail_msg("%s", cases[i].email);
    }
}

static void a_user_needs_id_tenant_and_display_name(void **state) {
    (void)state;
    static char long_name[257];
    memset(long_name, 'x', 256);
    struct err err = { 0 };
    struct local_user u = good_user();
    assert_ok(local_user_check(&u, &err));
    u.id = STR_NULL;
    assert_int_equal(local_user_check(&u, &err), ERR_INVALID);
    u = good_user();
    u.tenant = STR("");
    assert_int_equal(local_user_check(&u, &err), ERR_INVALID);
    static const char *const names[] = { "", long_name, "a\tb", "\xff" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        u = good_user();
        u.display_name = str_of(names[i]);
        assert_int_equal(local_user_check(&u, &err), ERR_INVALID);
    }
    u.display_name = str_of(long_name + 1);
    assert_ok(local_user_check(&u, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(redirect_uris_are_https_loopback_or_private),
        cmocka_unit_test(a_client_must_have_a_proper_id_secret_and_grants),
        cmocka_unit_test(user_names_follow_the_contract),
        cmocka_unit_test(mail_addresses_may_end_in_a_long_label),
        cmocka_unit_test(a_user_needs_id_tenant_and_display_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
