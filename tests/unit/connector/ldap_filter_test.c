#include "unit/test.h"
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"

static void expect_equals(struct str value, const char *want) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(LDAP_FILTER_MAX);
    ldap_filter_add_equals(&out, STR("uid"), value);
    assert_str(strbuf_str(&out), want);
}

static void a_value_never_alters_the_filter(void **state) {
    (void)state;
    expect_equals(STR("ana.b@x-1"), "(uid=ana.b@x-1)");
    expect_equals(STR("*"), "(uid=\\2a)");
    expect_equals(STR("a*"), "(uid=a\\2a)");
    expect_equals(STR("*)(uid=*"), "(uid=\\2a\\29\\28uid=\\2a)");
    expect_equals(STR("x)(|(objectClass=*"), "(uid=x\\29\\28\\7c\\28objectClass=\\2a)");
    expect_equals(STR("DOM\\user"), "(uid=DOM\\5cuser)");
    expect_equals(STR("o(x)"), "(uid=o\\28x\\29)");
    expect_equals(STR("a\\b\0c"), "(uid=a\\5cb\\00c)");
    /* Signed characters became \ffffffc3 in a peer, which then looked up "jos". */
    expect_equals(STR("jos\xc3\xa9s"), "(uid=jos\\c3\\a9s)");
    expect_equals(STR(" a "), "(uid=\\20a\\20)");
    expect_equals(STR("\xff\x80"), "(uid=\\ff\\80)");
    expect_equals(STR(""), "(uid=)");
}

static void a_value_is_escaped_once_so_that_it_decodes_to_itself(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(64);
        AUTO(strbuf_done) struct strbuf parsed = STRBUF(64);
        struct err err = { 0 };
        char text[] = { 'a', (char)byte, 'b' };
        ldap_filter_add_equals(&out, STR("cn"), (struct str) { text, sizeof text });
        assert_ok(ldap_filter_parse(strbuf_str(&out), &parsed, &err));
        assert_true(out.len == strlen("(cn=aXb)") || out.len == strlen("(cn=a\\xxb)"));
    }
}

static void expect_parsed(const char *in, const char *want) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(LDAP_FILTER_MAX);
    struct err err = { 0 };
    if (ldap_filter_parse(str_of(in), &out, &err) != ERR_OK)
        fail_msg("%s: %s", in, err.detail);
    assert_str(strbuf_str(&out), want);
}

static void every_form_of_rfc_4515_is_taken(void **state) {
    (void)state;
    static const char *const same[] = {
        "(objectClass=person)",
        "(cn=*)",
        "(cn=Babs Jensen)",
        "(!(cn=Tim Howes))",
        "(&(objectClass=Person)(|(sn=Jensen)(cn=Babs J*)))",
        "(o=univ*of*mich*)",
        "(seeAlso=)",
        "(cn:caseExactMatch:=Fred Flintstone)",
        "(cn:=Betty Rubble)",
        "(sn:dn:2.4.6.8.10:=Barney Rubble)",
        "(o:dn:=Ace Industry)",
        "(:1.2.3:=Wilma Flintstone)",
        "(:DN:2.4.6.8.10:=Dino)",
        "(ou:dn:=Seattle)",
        "(o=Parens R Us \\28for all your parenthetical needs\\29)",
        "(cn=*\\2A*)",
        "(filename=C:\\5cMyFile)",
        "(bin=\\00\\00\\00\\04)",
        "(sn=Lu\\c4\\8di\\c4\\87)",
        "(sn=Lu\xc4\x8di\xc4\x87)",
        "(1.3.6.1.4.1.1466.0=\\04\\02\\48\\69)",
        "(userAccountControl:1.2.840.113556.1.4.803:=2)",
        "(age>=3)",
        "(age<=3)",
        "(sn~=x)",
        "(cn;lang-de=Hans)",
    };
    for (size_t i = 0; i < ARRAY_LEN(same); i++)
        expect_parsed(same[i], same[i]);
}

static void blanks_between_parts_are_left_out_and_those_in_values_stay(void **state) {
    (void)state;
    expect_parsed(" ( & (objectClass=person)\n\t( | (a= x )(b=y) ) ) \n",
                  "(&(objectClass=person)(|(a= x )(b=y)))");
    expect_parsed("(! (a=b))", "(!(a=b))");
}

static void a_broken_filter_is_refused_with_its_place(void **state) {
    (void)state;
    static const struct {
        const char *in, *says;
    } cases[] = {
        { "", "ends where '('" },
        { "objectClass=person", "position 1: found 'o' where '('" },
        { "(objectClass=person", "ends where ')'" },
        { "(objectClass=person))", "position 21: found ')' where the end" },
        { "(a=b)(c=d)", "position 6: found '(' where the end" },
        { "(&)", "position 3" },
        { "(|)", "position 3" },
        { "(!)", "position 3" },
        { "(!(a=b)(c=d))", "where ')'" },
        { "()", "'=' of a comparison" },
        { "(=x)", "no attribute name" },
        { "(a b=x)", "no attribute name" },
        { "(9a=x)", "no attribute name" },
        { "(1=x)", "no attribute name" },
        { "(1..2=x)", "no attribute name" },
        { "(01.2=x)", "no attribute name" },
        { "(a;=x)", "no attribute name" },
        { "(a=b(c)", "a value" },
        { "(a=\\2)", "two hexadecimal digits" },
        { "(a=\\zz)", "two hexadecimal digits" },
        { "(a=\\", "two hexadecimal digits" },
        { "(a=x**y)", "text between two stars" },
        { "(a>=x*)", "without '*'" },
        { "(a:=x*)", "without '*'" },
        { "(:=x)", "no attribute with a matching rule" },
        { "(:dn:=x)", "no attribute with a matching rule" },
        { "(a:dn:b:c:=x)", "no attribute with a matching rule" },
        { "(a=\xff)", "not UTF-8" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(LDAP_FILTER_MAX);
        struct err err = { 0 };
        if (ldap_filter_parse(str_of(cases[i].in), &out, &err) == ERR_OK)
            fail_msg("%s was taken", cases[i].in);
        if (!str_contains(str_of(err.detail), str_of(cases[i].says)))
            fail_msg("%s: \"%s\" does not say \"%s\"", cases[i].in, err.detail, cases[i].says);
    }
}

static void a_name_with_a_matching_rule_can_stand_in_a_filter(void **state) {
    (void)state;
    static const char *const good[] = { "member", "member:1.2.840.113556.1.4.1941:", "member:dn:",
                                        "a:caseExactMatch:", ":1.2.3:" };
    static const char *const bad[] = { "",   ":",         "::",  "a=b", "member:1.2.840.113556.1.4.1941",
                                       "a>", "a:dn:b:c:", "a(b", "a)",  "a*",
                                       "a:=" };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_true(ldap_filter_name_ok(str_of(good[i])));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (ldap_filter_name_ok(str_of(bad[i])))
            fail_msg("%s was taken", bad[i]);
}

static void a_nul_byte_is_refused(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf out = STRBUF(LDAP_FILTER_MAX);
    struct err err = { 0 };
    assert_int_equal(ldap_filter_parse(STR("(a=b\0c)"), &out, &err), ERR_INVALID);
}

static void a_part_of_a_value_is_escaped_between_its_two_stars(void **state) {
    (void)state;
    static const struct {
        struct str part;
        const char *want;
    } cases[] = {
        { { "jane", 4 }, "(cn=*jane*)" },
        { { "*", 1 }, "(cn=*\\2a*)" },
        { { ")(uid=*", 7 }, "(cn=*\\29\\28uid=\\2a*)" },
        { { "\\", 1 }, "(cn=*\\5c*)" },
        { { "a\0b", 3 }, "(cn=*a\\00b*)" },
        { { " ", 1 }, "(cn=*\\20*)" },
        { { "\xc3\xbc", 2 }, "(cn=*\\c3\\bc*)" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf out = STRBUF(LDAP_FILTER_MAX);
        ldap_filter_add_contains(&out, STR("cn"), cases[i].part);
        assert_str(strbuf_str(&out), cases[i].want);
    }
    AUTO(strbuf_done) struct strbuf present = STRBUF(LDAP_FILTER_MAX);
    ldap_filter_add_present(&present, STR("cn"));
    assert_str(strbuf_str(&present), "(cn=*)");
}

static void nesting_and_length_have_an_end(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf in = STRBUF(LDAP_FILTER_MAX * 2);
    AUTO(strbuf_done) struct strbuf out = STRBUF(LDAP_FILTER_MAX);
    struct err err = { 0 };
    for (int i = 0; i < 2000; i++)
        strbuf_adds(&in, "(!");
    assert_int_equal(ldap_filter_parse(strbuf_str(&in), &out, &err), ERR_LIMIT);
    strbuf_clear(&in);
    while (in.len <= LDAP_FILTER_MAX)
        strbuf_adds(&in, "(a=b)");
    assert_int_equal(ldap_filter_parse(strbuf_str(&in), &out, &err), ERR_LIMIT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_value_never_alters_the_filter),
        cmocka_unit_test(a_value_is_escaped_once_so_that_it_decodes_to_itself),
        cmocka_unit_test(every_form_of_rfc_4515_is_taken),
        cmocka_unit_test(blanks_between_parts_are_left_out_and_those_in_values_stay),
        cmocka_unit_test(a_broken_filter_is_refused_with_its_place),
        cmocka_unit_test(a_name_with_a_matching_rule_can_stand_in_a_filter),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(a_part_of_a_value_is_escaped_between_its_two_stars),
        cmocka_unit_test(nesting_and_length_have_an_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
