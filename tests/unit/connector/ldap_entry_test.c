#include "unit/test.h"
#include "connector/ldap/entry.h"

static struct str values[8][2];
static struct ldap_attr attrs[8];

static struct ldap_entry entry_of(const char *const pairs[][2], size_t n) {
    for (size_t i = 0; i < n; i++) {
        values[i][0] = str_of(pairs[i][1]);
        attrs[i] = (struct ldap_attr) { .name = str_of(pairs[i][0]), .values = values[i], .len = 1 };
    }
    return (struct ldap_entry) { STR("uid=a,dc=x"), attrs, n };
}

static void names_have_no_case_and_dn_is_a_pseudo_attribute(void **state) {
    (void)state;
    static const char *const pairs[][2] = { { "mail", "a@x" }, { "cn;lang-de", "Hans" } };
    struct ldap_entry e = entry_of(pairs, 2);
    assert_str(ldap_entry_value(&e, STR("MAIL"), 0, NULL), "a@x");
    assert_str(ldap_entry_value(&e, STR("dn"), 0, NULL), "uid=a,dc=x");
    assert_str(ldap_entry_value(&e, STR("DN"), 0, NULL), "uid=a,dc=x");
    assert_int_equal(ldap_entry_count(&e, STR("Dn")), 1);
    assert_int_equal(ldap_entry_count(&e, STR("cn")), 0);
    bool found = true;
    (void)ldap_entry_value(&e, STR("mail"), 1, &found);
    assert_false(found);
    (void)ldap_entry_value(&e, STR("dn"), 1, &found);
    assert_false(found);
}

static void a_real_attribute_called_dn_wins(void **state) {
    (void)state;
    static const char *const pairs[][2] = { { "dn", "real" } };
    struct ldap_entry e = entry_of(pairs, 1);
    assert_str(ldap_entry_value(&e, STR("DN"), 0, NULL), "real");
}

static void a_cut_list_is_recognised(void **state) {
    (void)state;
    struct str base;
    uint64_t next;
    assert_true(ldap_attr_is_cut(STR("memberOf;range=0-1499"), &base, &next));
    assert_str(base, "memberOf");
    assert_int_equal(next, 1500);
    assert_true(ldap_attr_is_cut(STR("member;Range=1500-2999"), &base, &next));
    assert_int_equal(next, 3000);
    assert_false(ldap_attr_is_cut(STR("member;range=3000-*"), &base, &next));
    assert_false(ldap_attr_is_cut(STR("member"), &base, &next));
    assert_false(ldap_attr_is_cut(STR("member;lang-de"), &base, &next));
    assert_false(ldap_attr_is_cut(STR("member;range=0-"), &base, &next));
    assert_false(ldap_attr_is_cut(STR("member;range=0-99999999999999"), &base, &next));
}

static void bytes_become_text(void **state) {
    (void)state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(4096);
    assert_str(ldap_value_text(a, STR("uid"), STR("jos\xc3\xa9")), "jos\xc3\xa9");
    assert_str(ldap_value_text(a, STR("uid"), STR("\xff\xfe\x00")), "__4A");
    assert_str(ldap_value_text(a, STR("uid"), STR("a\nb")), "YQpi");
    assert_str(ldap_value_text(a, STR("OBJECTguid"),
                               STR("\x33\x22\x11\x00\x55\x44\x77\x66\x88\x99\xaa\xbb\xcc\xdd\xee\xff")),
               "00112233-4455-6677-8899-aabbccddeeff");
    assert_str(ldap_value_text(a, STR("objectGUID"), STR("short")), "short");
}

static void what_closes_an_account(void **state) {
    (void)state;
    const int64_t now = 1700000000; /* day 19675 */
    static const struct {
        const char *name, *value;
        bool closed;
    } cases[] = {
        { "pwdAccountLockedTime", "000001010000Z", true },
        { "pwdAccountLockedTime", "20231114000000Z", false }, /* lapses by itself, as only the server knows */
        { "nsAccountLock", "TRUE", true },
        { "nsaccountlock", "true", true },
        { "nsAccountLock", "false", false },
        { "loginDisabled", "TRUE", true },
        { "userAccountControl", "514", true },
        { "userAccountControl", "512", false },
        { "userAccountControl", "66050", true },
        { "userAccountControl", "rubbish", false },
        { "accountExpires", "0", false },
        { "accountExpires", "9223372036854775807", false },
        { "accountExpires", "133444736000000000", true },  /* 1700000000 exactly */
        { "accountExpires", "133444736010000000", false }, /* a second later */
        { "shadowExpire", "19675", true },
        { "shadowExpire", "19676", false },
        { "shadowExpire", "-1", false },
        { "shadowExpire", "0", false },
        { "mail", "TRUE", false },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const pairs[][2] = { { cases[i].name, cases[i].value } };
        struct ldap_entry e = entry_of(pairs, 1);
        if ((ldap_entry_disabled(&e, now) != NULL) != cases[i].closed)
            fail_msg("%s %s", cases[i].name, cases[i].value);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_no_case_and_dn_is_a_pseudo_attribute),
        cmocka_unit_test(a_real_attribute_called_dn_wins),
        cmocka_unit_test(a_cut_list_is_recognised),
        cmocka_unit_test(bytes_become_text),
        cmocka_unit_test(what_closes_an_account),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
