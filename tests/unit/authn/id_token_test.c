#include "unit/test.h"

#include "authn/id_token.h"

static void a_subject_gives_user_and_connector(void **state) {
    (void)state;
    struct err err = { 0 };
    struct str user, connector;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    assert_ok(subject_read(a, STR("CgV1c3ItMRIHZGVmYXVsdA"), &user, &connector, &err));
    assert_str(user, "usr-1");
    assert_str(connector, "default");
}

static void what_is_no_subject_is_refused(void **state) {
    (void)state;
    static const struct str bytes[] = {
        STR(""),
        STR("\x0a\x01u"),         /* no connector */
        STR("\x0a\x01u\x12\x00"), /* an empty one */
        STR("\x0a\x01u\x12\x02"
            "c"), /* cut off */
        STR("\x0a\x01u\x12\x01"
            "c\x1a\x01x"), /* a third field */
        STR("\x08\x01\x12\x01"
            "c"), /* a number */
        STR("\x0a\x01\xff\x12\x01"
            "c"),                        /* not UTF-8 */
        STR("\x0a\xff\xff\xff\xff\xff"), /* an endless number */
        STR("\x0a"),
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
        struct err err;
        struct str user, connector;
        AUTO(strbuf_done) struct strbuf text = STRBUF(256);
        base64url_add(&text, bytes[i].ptr, bytes[i].len);
        assert_int_equal(subject_read(a, strbuf_str(&text), &user, &connector, &err), ERR_INVALID);
    }
    struct err err;
    struct str user, connector;
    assert_int_equal(subject_read(a, STR("alice@example.com"), &user, &connector, &err), ERR_INVALID);
}

static void the_subject_stands_in_for_either_claim_and_times_are_extras(void **state) {
    (void)state;
    static const struct {
        const char *federated, *uid, *tenant;
    } cases[] = {
        { "{\"connector_id\":\"acme\",\"user_id\":\"u-9\"}", "u-9", "acme" },
        { "{\"connector_id\":\"acme\"}", "usr-1", "default" },
        { "{\"user_id\":\"u-9\"}", "usr-1", "default" },
        { "{}", "usr-1", "default" },
        { "null", "usr-1", "default" },
    };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = { 0 };
        char text[512];
        struct principal_draft user;
        (void)snprintf(text, sizeof text,
                       "{\"name\":\"u\",\"sub\":\"CgV1c3ItMRIHZGVmYXVsdA\",\"exp\":1717687767,\"iat\":1,"
                       "\"federated_claims\":%s}",
                       cases[i].federated);
        json_auto_t *claims = json_loads(text, 0, NULL);
        assert_ok(id_token_read(a, claims, &user, &err));
        assert_str(user.uid, cases[i].uid);
        assert_int_equal(user.extra.len, 3);
        assert_str(user.extra.items[0].key, "tenantid");
        assert_str(user.extra.items[0].values[0], cases[i].tenant);
        assert_str(user.extra.items[1].key, "expireAt");
        assert_str(user.extra.items[1].values[0], "2024-06-06 15:29:27 +0000 UTC");
        assert_str(user.extra.items[2].key, "issueAt");
        assert_str(user.extra.items[2].values[0], "1970-01-01 00:00:01 +0000 UTC");
    }
}

static void groups_must_be_strings(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    static const struct {
        const char *more;
        bool good;
    } cases[] = { { "", true },
                  { ",\"groups\":[]", true },
                  { ",\"groups\":[\"a\"]", true },
                  { ",\"groups\":[1]", false } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        struct principal_draft user;
        (void)snprintf(text, sizeof text,
                       "{\"name\":\"u\",\"federated_claims\":{\"connector_id\":\"t\",\"user_id\":\"i\"}%s}",
                       cases[i].more);
        json_auto_t *claims = json_loads(text, 0, NULL);
        assert_int_equal(id_token_read(a, claims, &user, &err) == ERR_OK, cases[i].good);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subject_gives_user_and_connector),
        cmocka_unit_test(what_is_no_subject_is_refused),
        cmocka_unit_test(the_subject_stands_in_for_either_claim_and_times_are_extras),
        cmocka_unit_test(groups_must_be_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
