#include "unit/test.h"
#include "connector/ldap/verdict.h"

#define AD(code)                                                                                             \
    "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data " code ", v3839"

static void the_windows_code_is_read_out_of_the_text(void **state) {
    (void)state;
    assert_int_equal(ldap_ad_code(STR(AD("52e"))), 0x52e);
    assert_int_equal(ldap_ad_code(STR(AD("775"))), 0x775);
    assert_int_equal(ldap_ad_code(STR("x, data 52E")), 0x52e);
    assert_int_equal(ldap_ad_code(STR("")), LDAP_AD_NONE);
    assert_int_equal(ldap_ad_code(STR(", data ")), LDAP_AD_NONE);
    assert_int_equal(ldap_ad_code(STR(", data zz, data 532")), 0x532);
    assert_int_equal(ldap_ad_code(STR(", data fffffffff")), LDAP_AD_NONE);
    assert_int_equal(ldap_ad_code(STR("data 52e")), LDAP_AD_NONE);
}

static enum err_code verdict(int code, const char *text, int ppolicy, enum login_outcome *ret,
                             const char **why) {
    const struct ldap_bind_reply reply = { .code = code,
                                           .diagnostic = str_of(text),
                                           .ppolicy = { .error = ppolicy, .expires_s = -1, .graces = -1 } };
    struct err err = { 0 };
    return ldap_verdict(&reply, ret, why, &err);
}

static void only_a_proven_password_is_told_that_it_is_blocked(void **state) {
    (void)state;
    static const struct {
        int code;
        const char *text;
        int ppolicy;
        enum login_outcome want;
        const char *why;
    } cases[] = {
        { 0, "", LDAP_PPOLICY_NONE, LOGIN_OK, "ok" },
        { 0, "", LDAP_PPOLICY_MUST_CHANGE, LOGIN_BLOCKED, "must-change-password" },
        { 49, "", LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "wrong-password" },
        { 49, "", LDAP_PPOLICY_EXPIRED, LOGIN_BLOCKED, "password-expired" },
        { 49, "", LDAP_PPOLICY_LOCKED, LOGIN_WRONG_CREDENTIALS, "account-locked" },
        { 49, AD("52e"), LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "wrong-password" },
        { 49, AD("525"), LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "no-such-user" },
        { 49, AD("532"), LDAP_PPOLICY_NONE, LOGIN_BLOCKED, "password-expired" },
        { 49, AD("773"), LDAP_PPOLICY_NONE, LOGIN_BLOCKED, "must-change-password" },
        { 49, AD("701"), LDAP_PPOLICY_NONE, LOGIN_BLOCKED, "account-expired" },
        { 49, AD("533"), LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "account-disabled" },
        { 49, AD("775"), LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "account-locked" },
        { 49, AD("999"), LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "wrong-password" },
        { 19, "Exceed password retry limit", LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "account-locked" },
        { 48, "", LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "no-password" },
        { 32, "", LDAP_PPOLICY_NONE, LOGIN_WRONG_CREDENTIALS, "no-such-user" },
        { 53, "Account inactivated. Contact system administrator.", LDAP_PPOLICY_NONE,
          LOGIN_WRONG_CREDENTIALS, "account-disabled" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum login_outcome outcome = LOGIN_OK;
        const char *why = NULL;
        assert_int_equal(verdict(cases[i].code, cases[i].text, cases[i].ppolicy, &outcome, &why), ERR_OK);
        if (outcome != cases[i].want || strcmp(why, cases[i].why) != 0)
            fail_msg("case %zu: outcome %d, %s", i, (int)outcome, why);
    }
}

static void an_answer_about_something_else_is_no_verdict_on_the_password(void **state) {
    (void)state;
    static const int codes[] = { 1, 2, 3, 7, 8, 10, 13, 50, 51, 52, 53, 80, -1 };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        enum login_outcome outcome;
        const char *why;
        assert_int_equal(verdict(codes[i], "text", LDAP_PPOLICY_NONE, &outcome, &why), ERR_UNAVAILABLE);
    }
}

static void expect_ppolicy(struct str value, int error, int64_t expires, int64_t graces) {
    struct ldap_ppolicy p;
    struct err err = { 0 };
    assert_ok(ldap_ppolicy_parse(value, &p, &err));
    assert_int_equal(p.error, error);
    assert_int_equal(p.expires_s, expires);
    assert_int_equal(p.graces, graces);
}

static void the_password_policy_control_is_read(void **state) {
    (void)state;
    expect_ppolicy(STR("\x30\x00"), LDAP_PPOLICY_NONE, -1, -1);
    expect_ppolicy(STR("\x30\x03\x81\x01\x00"), LDAP_PPOLICY_EXPIRED, -1, -1);
    expect_ppolicy(STR("\x30\x03\x81\x01\x01"), LDAP_PPOLICY_LOCKED, -1, -1);
    expect_ppolicy(STR("\x30\x03\x81\x01\x02"), LDAP_PPOLICY_MUST_CHANGE, -1, -1);
    expect_ppolicy(STR("\x30\x06\xa0\x04\x80\x02\x0e\x10"), LDAP_PPOLICY_NONE, 3600, -1);
    expect_ppolicy(STR("\x30\x08\xa0\x03\x81\x01\x03\x81\x01\x02"), LDAP_PPOLICY_MUST_CHANGE, -1, 3);
    expect_ppolicy(STR("\x30\x81\x03\x81\x01\x01"), LDAP_PPOLICY_LOCKED, -1, -1);
}

static void a_broken_password_policy_control_is_refused(void **state) {
    (void)state;
    static const struct str bad[] = {
        { "", 0 },
        { "\x30", 1 },
        { "\x30\x05\x81\x01\x00", 5 },
        { "\x31\x00", 2 },
        { "\x30\x00\x00", 3 },
        { "\x30\x80\x81\x01\x00", 5 },
        { "\x30\x02\x81\x00", 4 },
        { "\x30\x03\x81\x01\xff", 5 },
        { "\x30\x85\x00\x00\x00\x00\x03\x81\x01\x00", 10 },
        { "\x30\x84\xff\xff\xff\xff\x81\x01\x00", 9 },
        { "\x30\x04\xa0\x02\x80\x00", 6 },
        { "\x30\x09\xa0\x07\x80\x05\x7f\xff\xff\xff\xff", 11 },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ldap_ppolicy p;
        struct err err = { 0 };
        if (ldap_ppolicy_parse(bad[i], &p, &err) != ERR_INVALID)
            fail_msg("case %zu was taken", i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_windows_code_is_read_out_of_the_text),
        cmocka_unit_test(only_a_proven_password_is_told_that_it_is_blocked),
        cmocka_unit_test(an_answer_about_something_else_is_no_verdict_on_the_password),
        cmocka_unit_test(the_password_policy_control_is_read),
        cmocka_unit_test(a_broken_password_policy_control_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
