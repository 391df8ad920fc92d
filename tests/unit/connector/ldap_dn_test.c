#include "unit/test.h"
#include "connector/ldap/dn.h"
#include "connector/ldap/limits.h"

static void expect_key(const char *dn, const char *want) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(4 * LDAP_DN_MAX);
    struct err err = { 0 };
    if (ldap_dn_key(str_of(dn), &out, &err) != ERR_OK)
        fail_msg("%s: %s", dn, err.detail);
    assert_str(strbuf_str(&out), want);
}

static void one_name_has_one_key_however_it_is_spelled(void **state) {
    (void)state;
    expect_key("UID=Jane,OU=People,DC=Example,DC=Org", "uid=jane,ou=people,dc=example,dc=org");
    expect_key("uid = jane , ou=people, dc=example ,dc=org", "uid=jane,ou=people,dc=example,dc=org");
    expect_key("cn=Doe\\, Jane,dc=x", "cn=doe\\2c jane,dc=x");
    expect_key("cn=Doe\\2C Jane,dc=x", "cn=doe\\2c jane,dc=x");
    expect_key("cn=\\#1 fan,dc=x", "cn=\\231 fan,dc=x");
    expect_key("cn=\\ jane\\ ,dc=x", "cn=jane,dc=x");
    expect_key("cn=a  b\\ \\ c,dc=x", "cn=a b c,dc=x");
    expect_key("cn=b+sn=a,dc=x", "cn=b+sn=a,dc=x");
    expect_key("sn=a + cn=b,dc=x", "cn=b+sn=a,dc=x");
    expect_key("cn=Lu\\C4\\8Di\\C4\\87,dc=x", "cn=lu\xc4\x8di\xc4\x87,dc=x");
    expect_key("1.3.6.1=#04024869,dc=x", "1.3.6.1=#04024869,dc=x");
    expect_key("cn=,dc=x", "cn=,dc=x");
    expect_key("", "");
    expect_key("cn=a;dc=x", "cn=a,dc=x");
}

static void different_names_have_different_keys(void **state) {
    (void)state;
    assert_false(ldap_dn_equal(STR("cn=admins,ou=a,dc=x"), STR("cn=admins,ou=b,dc=x")));
    /* An escaped comma must not look like the end of a component. */
    assert_false(ldap_dn_equal(STR("cn=a\\,ou=b,dc=x"), STR("cn=a,ou=b,dc=x")));
    assert_false(ldap_dn_equal(STR("cn=a\\+sn=b,dc=x"), STR("cn=a+sn=b,dc=x")));
    assert_false(ldap_dn_equal(STR("cn=\\#0401,dc=x"), STR("cn=#0401,dc=x")));
    assert_true(ldap_dn_equal(STR("CN=A, DC=X"), STR("cn=a,dc=x")));
}

static void names_that_cannot_be_read_are_equal_only_as_bytes(void **state) {
    (void)state;
    assert_true(ldap_dn_equal(STR("rubbish"), STR("rubbish")));
    assert_false(ldap_dn_equal(STR("rubbish"), STR("Rubbish")));
}

static void a_broken_name_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {
        "jane",     "=x",     "cn=a,", "cn=a,,dc=x", ",cn=a",      "cn=a\\", "cn=a\\x",    "cn=a\\4",
        "cn=\"a\"", "cn=<a>", "cn=#",  "cn=#0x",     "cn=a+,dc=x", "cn:a=b", "c n=a,dc=x",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(4 * LDAP_DN_MAX);
        struct err err = { 0 };
        if (ldap_dn_key(str_of(bad[i]), &out, &err) == ERR_OK)
            fail_msg("%s was taken", bad[i]);
    }
}

static void size_has_an_end(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf dn = STRBUF(1 << 20);
    AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 20);
    struct err err = { 0 };
    for (int i = 0; i <= LDAP_DN_RDNS_MAX; i++)
        strbuf_adds(&dn, i ? ",a=b" : "a=b");
    assert_int_equal(ldap_dn_key(strbuf_str(&dn), &out, &err), ERR_LIMIT);
    strbuf_clear(&dn);
    for (int i = 0; i <= LDAP_RDN_AVAS_MAX; i++)
        strbuf_adds(&dn, i ? "+a=b" : "a=b");
    assert_int_equal(ldap_dn_key(strbuf_str(&dn), &out, &err), ERR_LIMIT);
    strbuf_clear(&dn);
    strbuf_adds(&dn, "a=");
    while (dn.len <= LDAP_DN_MAX)
        strbuf_addc(&dn, 'x');
    assert_int_equal(ldap_dn_key(strbuf_str(&dn), &out, &err), ERR_LIMIT);
}

static void scope_follows_components_not_text(void **state) {
    (void)state;
    const struct str base = STR("ou=People,dc=x");
    assert_true(ldap_dn_in_scope(STR("uid=a,OU=people, DC=X"), base, false));
    assert_true(ldap_dn_in_scope(STR("uid=a,ou=people,dc=x"), base, true));
    assert_true(ldap_dn_in_scope(STR("uid=a,ou=b,ou=people,dc=x"), base, false));
    assert_false(ldap_dn_in_scope(STR("uid=a,ou=b,ou=people,dc=x"), base, true));
    assert_true(ldap_dn_in_scope(base, base, false));
    assert_false(ldap_dn_in_scope(base, base, true));
    assert_false(ldap_dn_in_scope(STR("uid=a,xou=people,dc=x"), base, false));
    assert_false(ldap_dn_in_scope(STR("uid=a\\,ou=people,dc=x"), base, false));
    assert_false(ldap_dn_in_scope(STR("uid=a,dc=x"), base, false));
    assert_false(ldap_dn_in_scope(STR("rubbish"), base, false));
    assert_true(ldap_dn_in_scope(STR("uid=a,dc=x"), STR(""), false));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_name_has_one_key_however_it_is_spelled),
        cmocka_unit_test(different_names_have_different_keys),
        cmocka_unit_test(names_that_cannot_be_read_are_equal_only_as_bytes),
        cmocka_unit_test(a_broken_name_is_refused),
        cmocka_unit_test(size_has_an_end),
        cmocka_unit_test(scope_follows_components_not_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
