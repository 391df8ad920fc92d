/* The LDAP connector against a real slapd: whom it finds, whom it lets in, which groups it reports. */
#include "unit/connector/rig.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static struct slapd directory;

static int start(void **state) {
    (void)state;
    slapd_start(&directory, (const char *const[]) { NULL });
    return 0;
}

static int stop(void **state) {
    (void)state;
    slapd_stop(&directory);
    return 0;
}

/* A configuration: host and account, then `user` (lines of userSearch), then `group` (of groupSearch, or NULL). */
static const char *yaml_with(const char *head, const char *user, const char *group) {
    static _Thread_local char text[8192];
    int len = snprintf(text, sizeof text, "%suserSearch: {%s}\n%s%s%s", head, user,
                       group ? "groupSearch: {" : "", group ? group : "", group ? "}\n" : "");
    assert_true(len > 0 && (size_t)len < sizeof text);
    return text;
}

static const char *yaml(const char *user, const char *group) {
    static _Thread_local char head[512];
    (void)snprintf(head, sizeof head,
                   "host: %s\ninsecureNoSSL: true\nbindDN: 'cn=admin,dc=example,dc=org'\nbindPW: admin\n",
                   directory.ldap);
    return yaml_with(head, user, group);
}

static void open_with(struct rig *r, const char *user, const char *group) {
    rig_open(r, "ldap", yaml(user, group));
}

#define PEOPLE(name) "ou=People,ou=" name ",dc=example,dc=org"
#define USERS(name) "baseDN: '" PEOPLE(name) "', username: cn, nameAttr: cn, emailAttr: mail, idAttr: DN"
#define GROUPS_IN(name) "baseDN: 'ou=Groups,ou=" name ",dc=example,dc=org', nameAttr: cn"
#define MEMBER ", userMatchers: [{userAttr: DN, groupAttr: member}]"

/* ---- dex.md A4.6 ---- */

static void query(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("Query"), NULL);
    const struct identity *jane = rig_ok(&r, "jane", "foo");
    assert_str(jane->user_id, "cn=jane," PEOPLE("Query"));
    assert_str(jane->name, "jane");
    assert_str(jane->username, "jane");
    assert_str(jane->email, "janedoe@example.com");
    assert_true(jane->email_verified);
    assert_groups(jane, GROUPS());
    assert_str(rig_ok(&r, "john", "bar")->email, "johndoe@example.com");
    rig_wrong(&r, "jane", "badpassword");
    rig_wrong(&r, "idontexist", "foo");
    rig_wrong(&r, "a*", "foo");
    rig_wrong(&r, "jan*", "foo");
    rig_wrong(&r, "john", "*");
}

static void email_suffix(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r,
              "baseDN: '" PEOPLE("EmailSuffix") "', username: cn, nameAttr: cn, idAttr: DN, "
                                                "emailSuffix: test.example.com",
              NULL);
    assert_str(rig_ok(&r, "jane", "foo")->email, "jane@test.example.com");
    assert_str(rig_ok(&r, "john", "bar")->email, "john@test.example.com");
}

static void user_filter(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(
        &r,
        "baseDN: 'ou=UserFilter,dc=example,dc=org', filter: '(ou:dn:=Seattle)', username: cn, nameAttr: cn, "
        "emailAttr: mail, idAttr: DN",
        NULL);
    const struct identity *jane = rig_ok(&r, "jane", "foo");
    assert_str(jane->user_id, "cn=jane,ou=People,ou=Seattle,ou=UserFilter,dc=example,dc=org");
    assert_str(jane->email, "janedoe@example.com");
    assert_non_null(rig_ok(&r, "john", "bar"));
    rig_wrong(&r, "jane", "baz");
    rig_wrong(&r, "jane", "badpassword");
    rig_wrong(&r, "idontexist", "foo");
}

static void several_user_name_attributes(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(
        &r,
        "baseDN: 'ou=MultiUsername,dc=example,dc=org', filter: '(ou:dn:=Seattle)', username: [cn, mail], "
        "nameAttr: cn, emailAttr: mail, idAttr: DN",
        NULL);
    const struct identity *by_name = rig_ok(&r, "jane", "foo");
    const struct identity *by_mail = rig_ok(&r, "janedoe@example.com", "foo");
    assert_true(str_eq(by_name->user_id, by_mail->user_id));
    assert_true(str_eq(by_name->username, by_mail->username));
}

static void group_query(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("GroupQuery"), GROUPS_IN("GroupQuery") MEMBER);
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS("admins", "developers"));
    assert_groups(rig_ok(&r, "john", "bar"), GROUPS("admins"));
}

static void groups_on_the_user(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(
        &r, USERS("GroupsOnUser"),
        GROUPS_IN("GroupsOnUser") ", userMatchers: [{userAttr: departmentNumber, groupAttr: gidNumber}]");
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS("admins", "developers"));
    assert_groups(rig_ok(&r, "john", "bar"), GROUPS("admins", "designers"));
}

#define SEATTLE(name) "baseDN: 'ou=" name ",dc=example,dc=org', filter: '(ou:dn:=Seattle)', nameAttr: cn"
#define USERS_BELOW(name)                                                                                    \
    "baseDN: 'ou=People,ou=Seattle,ou=" name                                                                 \
    ",dc=example,dc=org', username: cn, nameAttr: cn, emailAttr: mail, idAttr: DN"

static void group_filter(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS_BELOW("GroupFilter"),
              SEATTLE("GroupFilter") ", userMatchers: [{userAttr: dn, groupAttr: member}]");
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS("admins", "developers"));
    assert_groups(rig_ok(&r, "john", "bar"), GROUPS("admins"));
}

static void the_group_filter_counts_without_a_user_filter_too(void **state) {
    (void)state; /* contract 9.21 */
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS_BELOW("GroupFilter"),
              "baseDN: 'ou=GroupFilter,dc=example,dc=org', filter: '(cn=qa)', nameAttr: cn" MEMBER);
    assert_groups(rig_ok(&r, "john", "bar"), GROUPS("qa"));
}

static void several_matchers(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS_BELOW("Matchers"),
              "baseDN: 'ou=Matchers,dc=example,dc=org', filter: "
              "'(|(objectClass=posixGroup)(objectClass=groupOfNames))',"
              " nameAttr: cn, userMatchers: [{userAttr: DN, groupAttr: member}, {userAttr: uid, groupAttr: "
              "memberUid}]");
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS("admins", "developers", "frontend"));
    assert_groups(rig_ok(&r, "john", "bar"), GROUPS("admins", "qa", "logger"));
}

static void the_older_single_matcher(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS_BELOW("GroupFilter"), SEATTLE("GroupFilter") ", userAttr: DN, groupAttr: member");
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS("admins", "developers"));
    assert_groups(rig_ok(&r, "john", "bar"), GROUPS("admins"));
}

static void a_matcher_may_name_a_matching_rule(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(
        &r, USERS("GroupQuery"),
        GROUPS_IN(
            "GroupQuery") ", userMatchers: [{userAttr: DN, groupAttr: 'member:distinguishedNameMatch:'}]");
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS("admins", "developers"));
}

static void nested_groups_and_circles(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("NestedGroups"),
              GROUPS_IN("NestedGroups") ", userMatchers: [{userAttr: DN, groupAttr: member, "
                                        "recursionGroupAttr: member}]");
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS("childGroup", "circularGroup1", "intermediateGroup",
                                                    "circularGroup2", "parentGroup"));
    assert_groups(rig_ok(&r, "john", "bar"),
                  GROUPS("circularGroup2", "intermediateGroup", "circularGroup1", "parentGroup"));
}

static void encrypted(const char *host, const char *more) {
    char head[1024];
    AUTO(rig_close) struct rig r = { 0 };
    (void)snprintf(head, sizeof head, "host: %s\nbindDN: 'cn=admin,dc=example,dc=org'\nbindPW: admin\n%s\n",
                   host, more);
    rig_open(&r, "ldap", yaml_with(head, USERS("Query"), NULL));
    assert_str(rig_ok(&r, "jane", "foo")->name, "jane");
    rig_wrong(&r, "jane", "bar");
}

static void ldaps_and_starttls(void **state) {
    (void)state;
    char ca[128], plain[64];
    (void)snprintf(ca, sizeof ca, "rootCA: %s", directory.ca);
    struct str port = str_from(str_of(directory.ldap), str_find(str_of(directory.ldap), ':'));
    (void)snprintf(plain, sizeof plain, "localhost%.*s", STR_FMT(port));
    encrypted(directory.ldaps, ca);
    (void)snprintf(ca, sizeof ca, "rootCA: %s\nstartTLS: true", directory.ca);
    encrypted(plain, ca);
    encrypted(directory.ldaps, "insecureSkipVerify: true");
    encrypted(plain, "insecureSkipVerify: true\nstartTLS: true");
}

static void ca_as_data(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf pem = STRBUF(1 << 16);
    AUTO(strbuf_done) struct strbuf line = STRBUF(1 << 16);
    struct err err = { 0 };
    assert_ok(file_read(directory.ca, 1 << 16, &pem, &err));
    /* The data wins over a file that would not do. */
    strbuf_addf(&line, "rootCA: %s\nrootCAData: ", directory.other_ca);
    base64_add(&line, pem.ptr, pem.len);
    char head[8192];
    (void)snprintf(head, sizeof head, "host: %s\n%s\n", directory.ldaps, strbuf_c(&line));
    AUTO(rig_close) struct rig r = { 0 };
    rig_open(&r, "ldap", yaml_with(head, USERS("Query"), NULL));
    assert_non_null(rig_ok(&r, "jane", "foo"));
}

static void prompt(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("Query"), NULL);
    assert_null(connector_prompt(r.c));
    rig_close(&r);
    char head[256];
    (void)snprintf(head, sizeof head, "host: %s\ninsecureNoSSL: true\nusernamePrompt: Email address\n",
                   directory.ldap);
    rig_open(&r, "ldap", yaml_with(head, USERS("Query"), NULL));
    assert_string_equal(connector_prompt(r.c), "Email address");
}

static void anonymous_bind(void **state) {
    (void)state;
    char head[256];
    AUTO(rig_close) struct rig r = { 0 };
    (void)snprintf(head, sizeof head, "host: %s\ninsecureNoSSL: true\n", directory.ldap);
    rig_open(&r, "ldap", yaml_with(head, USERS("GroupQuery"), GROUPS_IN("GroupQuery") MEMBER));
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS("admins", "developers"));
}

/* ---- names and passwords ---- */

#define ODD "baseDN: '" PEOPLE("Odd") "', username: uid, nameAttr: uid, emailAttr: mail, idAttr: entryUUID"

static void odd_names_are_found_as_they_are(void **state) {
    (void)state;
    static const char *const names[] = { "jürgen",    "DOM\\user", "o(x)",        "a*b",
                                         "Doe, Jane", "#hash",     "two  spaces", "名前",
                                         "plus+sign", "quo\"te",   "<angle>" };
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, ODD, GROUPS_IN("Big") MEMBER);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct identity *id = rig_ok(&r, names[i], "secret");
        assert_str(id->username, names[i]);
        rig_wrong(&r, names[i], "wrong");
    }
}

static void odd_entries_work_with_the_dn_as_id(void **state) {
    (void)state;
    static const char *const names[] = { "Doe, Jane", "#hash", "plus+sign", "quo\"te",
                                         "<angle>",   "名前",  "DOM\\user" };
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: '" PEOPLE("Odd") "', username: uid, nameAttr: uid, emailAttr: mail, idAttr: dn",
              NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_non_null(rig_ok(&r, names[i], "secret"));
}

static void letter_case_and_outer_blanks_of_a_name_do_not_make_another_person(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, ODD, NULL);
    assert_str(rig_ok(&r, "MULTI", "secret")->username, "multi");
    assert_str(rig_ok(&r, "multi ", "secret")->username, "multi");
}

static void hopeless_input_is_wrong_credentials(void **state) {
    (void)state;
    enum login_outcome outcome;
    struct identity unused;
    AUTO(rig_close) struct rig r = { 0 };
    AUTO(strbuf_done) struct strbuf big = STRBUF(2 << 20);
    while (big.len < 1 << 20)
        strbuf_adds(&big, "0123456789abcdef");
    const struct str huge = strbuf_str(&big);
    const struct {
        struct str name, password;
    } cases[] = {
        { STR("multi"), STR("") },
        { STR("multi"), STR("secret\0") },
        { STR("multi\0x"), STR("secret") },
        { STR(""), STR("secret") },
        { STR("   "), STR("secret") },
        { STR("mult\xff"), STR("secret") },
        { STR("multi"), str_sub(huge, 0, 64 * 1024) },
        { huge, STR("secret") },
        { STR("*"), STR("secret") },
        { STR("multi)(uid=*"), STR("secret") },
        { STR("multi*"), STR("secret") },
        { STR("\\6dulti"), STR("secret") },
    };
    open_with(&r, ODD, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum err_code rc = rig_login(&r, cases[i].name, cases[i].password, &outcome, &unused);
        if (rc != ERR_OK || outcome != LOGIN_WRONG_CREDENTIALS)
            fail_msg("case %zu: %s %s", i, err_code_name(rc), r.err.detail);
    }
}

static void passwords_are_bytes(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    char longest[1025] = { 0 };
    memset(longest, 'x', 1024);
    open_with(&r, ODD, NULL);
    assert_non_null(rig_ok(&r, "unicode", "pässwörd"));
    rig_wrong(&r, "unicode", "passwoerd");
    assert_non_null(rig_ok(&r, "longpw", longest));
    longest[1023] = 'y';
    rig_wrong(&r, "longpw", longest);
    rig_wrong(&r, "nopassword", "secret");
}

/* ---- attributes ---- */

static void attribute_names_have_no_case(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r,
              "baseDN: '" PEOPLE("Odd") "', username: UID, nameAttr: CN, emailAttr: MAIL, idAttr: ENTRYuuid",
              NULL);
    const struct identity *id = rig_ok(&r, "mixed", "secret");
    assert_str(id->email, "Mixed.Case@Example.com");
    assert_int_equal(id->user_id.len, 36);
}

static void of_several_values_the_first_counts(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, ODD, NULL);
    assert_str(rig_ok(&r, "multi", "secret")->email, "first@example.com");
}

static void defaults_of_id_and_email_are_applied(void **state) {
    (void)state; /* contract 9.24 */
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: '" PEOPLE("Odd") "', username: uid", NULL);
    const struct identity *id = rig_ok(&r, "mixed", "secret");
    assert_str(id->user_id, "mixed");
    assert_str(id->email, "Mixed.Case@Example.com");
    assert_str(id->name, "mixed");
    assert_str(id->preferred_username, "mixed");
    const struct identity *without = rig_ok(&r, "nomail", "secret");
    assert_int_equal(without->email.len, 0);
    assert_false(without->email_verified);
}

static void missing_attributes_are_all_named(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r,
              "baseDN: '" PEOPLE("Odd") "', username: uid, idAttr: employeeNumber, nameAttr: displayName, "
                                        "preferredUsernameAttr: title, emailAttr: mail",
              NULL);
    rig_fails(&r, "nomail", "secret", ERR_UNAVAILABLE,
              "lacks \"employeeNumber\", \"displayName\", \"title\", \"mail\"");
    rig_wrong(&r, "nomail", "wrong");
}

static void blank_names_fall_back(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r,
              "baseDN: '" PEOPLE(
                  "Odd") "', username: uid, nameAttr: cn, preferredUsernameAttr: sn, emailAttr: mail",
              NULL);
    const struct identity *id = rig_ok(&r, "blank", "secret");
    assert_str(id->name, "blank");
    assert_str(id->preferred_username, "blank");
}

static void several_entries_of_one_name_are_refused(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: 'ou=Odd,dc=example,dc=org', username: uid", NULL);
    rig_fails(&r, "twin", "secret", ERR_UNAVAILABLE, "several entries have this name");
}

static void a_referral_object_in_the_tree_is_passed_over(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: '" PEOPLE("Odd") "', username: uid, filter: '(objectClass=*)'", NULL);
    assert_non_null(rig_ok(&r, "multi", "secret"));
}

static void scope_one_does_not_look_deeper(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: 'ou=Query,dc=example,dc=org', scope: one, username: cn, idAttr: DN", NULL);
    rig_wrong(&r, "jane", "foo");
    rig_close(&r);
    open_with(&r, "baseDN: '" PEOPLE("Query") "', scope: one, username: cn, idAttr: DN", NULL);
    assert_non_null(rig_ok(&r, "jane", "foo"));
}

static void a_missing_base_is_an_outage_not_a_verdict(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: 'ou=Nowhere,dc=example,dc=org', username: cn, idAttr: DN", NULL);
    rig_fails(&r, "jane", "foo", ERR_UNAVAILABLE, "baseDN");
}

static void a_binary_id_becomes_text(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: '" PEOPLE("Foreign") "', username: uid, idAttr: objectguid", NULL);
    assert_str(rig_ok(&r, "guid", "secret")->user_id, "03020100-0504-0706-0809-0a0b0c0d0e0f");
}

/* ---- accounts ---- */

static void closed_accounts_are_blocked_after_the_right_password_only(void **state) {
    (void)state;
    static const char *const closed[] = { "disabled", "nslocked", "shadow", "expires" };
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: '" PEOPLE("Foreign") "', username: uid", NULL);
    assert_non_null(rig_ok(&r, "open", "secret"));
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        rig_blocked(&r, closed[i], "secret");
        rig_wrong(&r, closed[i], "wrong");
    }
}

static void password_policy_is_understood(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: '" PEOPLE("Policy") "', username: uid", NULL);
    rig_blocked(&r, "expired", "secret");
    rig_wrong(&r, "expired", "wrong");
    rig_blocked(&r, "mustchange", "secret");
    rig_wrong(&r, "mustchange", "wrong");
    assert_non_null(rig_ok(&r, "grace", "secret"));
    /* The server says "locked" whatever the password is: that proves nothing. */
    rig_wrong(&r, "locked", "secret");
    rig_wrong(&r, "locked", "wrong");
}

static void a_failure_count_locks_as_the_directory_says(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: '" PEOPLE("Policy") "', username: uid", NULL);
    assert_non_null(rig_ok(&r, "lockme", "secret"));
    for (int i = 0; i < 3; i++)
        rig_wrong(&r, "lockme", "wrong");
    rig_wrong(&r, "lockme", "secret");
}

/* ---- groups ---- */

#define BIG(base) "baseDN: '" base "', nameAttr: cn"
#define RECURSIVE ", userMatchers: [{userAttr: DN, groupAttr: member, recursionGroupAttr: member}]"

static void a_thousand_groups_come_in_pages(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    char head[512];
    /* This account is given no more than 500 entries, except in pages. */
    (void)snprintf(head, sizeof head,
                   "host: %s\ninsecureNoSSL: true\nbindDN: 'cn=jane,ou=People,ou=Query,dc=example,dc=org'\n"
                   "bindPW: foo\n",
                   directory.ldap);
    rig_open(&r, "ldap", yaml_with(head, USERS("Big"), GROUPS_IN("Big") MEMBER));
    assert_int_equal(rig_ok(&r, "many", "foo")->groups.len, 1200);
}

static void groups_fifty_deep_are_reached(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("Big"), GROUPS_IN("Big") RECURSIVE);
    assert_int_equal(rig_ok(&r, "deep", "foo")->groups.len, 50);
}

static void depth_and_number_have_an_end_that_is_told(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("Big"), GROUPS_IN("Big") RECURSIVE ", maxDepth: 10");
    rig_fails(&r, "deep", "foo", ERR_UNAVAILABLE, "maxDepth (10)");
    rig_close(&r);
    open_with(&r, USERS("Big"), GROUPS_IN("Big") MEMBER ", maxGroups: 1000");
    rig_fails(&r, "many", "foo", ERR_UNAVAILABLE, "maxGroups");
}

static void groups_of_one_name_in_two_places_are_two_groups(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("Big"), GROUPS_IN("Big") RECURSIVE);
    assert_groups(rig_ok(&r, "same", "foo"), GROUPS("admins", "above-a", "above-b"));
}

static void a_group_without_a_name_is_left_out_and_further_names_count(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("Big"),
              "baseDN: 'ou=Nameless,ou=Big,dc=example,dc=org', nameAttr: description" MEMBER);
    assert_groups(rig_ok(&r, "same", "foo"), GROUPS("named", "alias1", "alias2"));
}

static void a_missing_group_base_means_no_groups(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("Query"), "baseDN: 'ou=Nowhere,dc=example,dc=org', nameAttr: cn" MEMBER);
    assert_groups(rig_ok(&r, "jane", "foo"), GROUPS());
}

static void a_user_without_the_matchers_attribute_has_no_groups_by_it(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("GroupQuery"),
              GROUPS_IN("GroupQuery") ", userMatchers: [{userAttr: telephoneNumber, groupAttr: member},"
                                      " {userAttr: DN, groupAttr: member}]");
    assert_groups(rig_ok(&r, "john", "bar"), GROUPS("admins"));
}

static void the_size_limit_of_the_server_is_an_error_not_a_shorter_list(void **state) {
    (void)state;
    char head[256];
    AUTO(rig_close) struct rig r = { 0 };
    /* slapd lets anybody but its administrator have 500 entries. */
    (void)snprintf(head, sizeof head, "host: %s\ninsecureNoSSL: true\n", directory.ldap);
    rig_open(&r, "ldap", yaml_with(head, USERS("Big"), GROUPS_IN("Big") MEMBER));
    rig_fails(&r, "many", "foo", ERR_UNAVAILABLE, "result 4");
}

static void groups_are_searched_only_when_asked_for(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    enum login_outcome outcome;
    struct identity id;
    open_with(&r, USERS("GroupQuery"), GROUPS_IN("GroupQuery") MEMBER);
    const struct login login = { .username = STR("jane"),
                                 .password = STR("foo"),
                                 .deadline_mono_ms = clock_mono_ms(r.env.clock) + 20000 };
    struct err err = { 0 };
    assert_ok(connector_login(r.c, r.arena, &login, &outcome, &id, &err));
    assert_int_equal(outcome, LOGIN_OK);
    assert_int_equal(id.groups.len, 0);
    assert_int_equal(id.connector_data.len, 0);
}

/* ---- refresh ---- */

#define MOVING(id)                                                                                           \
    "baseDN: 'ou=Moving,dc=example,dc=org', filter: '(employeeType=staff)', username: uid, idAttr: " id

static void a_renamed_or_moved_user_stays_the_same_user(void **state) {
    (void)state;
    struct identity now;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, MOVING("entryUUID"), NULL);
    const struct identity *renamed = rig_ok(&r, "renamed", "secret"), *moved = rig_ok(&r, "moved", "secret");
    slapd_modify(
        &directory,
        "dn: uid=renamed," PEOPLE(
            "Moving") "\nchangetype: modrdn\n"
                      "newrdn: uid=othername\ndeleteoldrdn: 1\n\n"
                      "dn: uid=moved," PEOPLE(
                          "Moving") "\nchangetype: modrdn\nnewrdn: uid=moved\n"
                                    "deleteoldrdn: 0\nnewsuperior: ou=New,ou=Moving,dc=example,dc=org\n");
    assert_int_equal(rig_refresh(&r, renamed, &now), REFRESH_OK);
    assert_true(str_eq(now.user_id, renamed->user_id));
    assert_str(now.username, "othername");
    assert_int_equal(rig_refresh(&r, moved, &now), REFRESH_OK);
    assert_str(now.username, "moved");
}

static void another_spelling_of_the_dn_keeps_the_subject(void **state) {
    (void)state;
    struct identity now;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, MOVING("DN"), NULL);
    const struct identity *before = rig_ok(&r, "recased", "secret");
    slapd_modify(&directory, "dn: uid=recased," PEOPLE("Moving") "\nchangetype: modrdn\nnewrdn: uid=ReCased\n"
                                                                 "deleteoldrdn: 1\n");
    assert_int_equal(rig_refresh(&r, before, &now), REFRESH_OK);
    assert_true(str_eq(now.user_id, before->user_id));
}

static void who_is_deleted_disabled_or_no_longer_matched_is_gone(void **state) {
    (void)state;
    struct identity now;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, MOVING("uid"), NULL);
    const struct identity *deleted = rig_ok(&r, "deleted", "secret"),
                          *disabled = rig_ok(&r, "disabled", "secret"),
                          *unmatched = rig_ok(&r, "unmatched", "secret");
    slapd_modify(&directory,
                 "dn: uid=deleted," PEOPLE(
                     "Moving") "\nchangetype: delete\n\n"
                               "dn: uid=disabled," PEOPLE(
                                   "Moving") "\nchangetype: modify\nadd: userAccountControl\n"
                                             "userAccountControl: 514\n\n"
                                             "dn: uid=unmatched," PEOPLE(
                                                 "Moving") "\nchangetype: modify\nreplace: employeeType\n"
                                                           "employeeType: former\n");
    assert_int_equal(rig_refresh(&r, deleted, &now), REFRESH_GONE);
    assert_int_equal(rig_refresh(&r, disabled, &now), REFRESH_GONE);
    assert_int_equal(rig_refresh(&r, unmatched, &now), REFRESH_GONE);
}

static void refresh_needs_no_data_where_the_id_is_text(void **state) {
    (void)state;
    struct identity now;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("Query"), NULL);
    struct identity old = *rig_ok(&r, "jane", "foo");
    old.connector_data = STR_NULL;
    assert_int_equal(rig_refresh(&r, &old, &now), REFRESH_OK);
    old.user_id = STR("cn=nobody," PEOPLE("Query"));
    assert_int_equal(rig_refresh(&r, &old, &now), REFRESH_GONE);
    old.user_id = STR("cn=jane,ou=People,ou=GroupQuery,dc=example,dc=org");
    assert_int_equal(rig_refresh(&r, &old, &now), REFRESH_GONE);
}

static void changed_groups_arrive_at_refresh(void **state) {
    (void)state;
    struct identity now;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS("GroupQuery"), GROUPS_IN("GroupQuery") MEMBER);
    const struct identity *john = rig_ok(&r, "john", "bar");
    slapd_modify(&directory,
                 "dn: cn=developers,ou=Groups,ou=GroupQuery,dc=example,dc=org\nchangetype: modify\n"
                 "add: member\nmember: cn=john," PEOPLE("GroupQuery") "\n");
    assert_int_equal(rig_refresh(&r, john, &now), REFRESH_OK);
    slapd_modify(&directory,
                 "dn: cn=developers,ou=Groups,ou=GroupQuery,dc=example,dc=org\nchangetype: modify\n"
                 "delete: member\nmember: cn=john," PEOPLE("GroupQuery") "\n");
    assert_groups(&now, GROUPS("admins", "developers"));
}

/* ---- the report ---- */

static void the_report_agrees_with_ldapsearch(void **state) {
    (void)state;
    char url[64];
    AUTO(rig_close) struct rig r = { 0 };
    AUTO(strbuf_done) struct strbuf report = STRBUF(1 << 20);
    struct err err = { 0 };
    open_with(&r, USERS("NestedGroups") ", filter: '(objectClass=person)'",
              GROUPS_IN("NestedGroups") ", filter: '(objectClass=groupOfNames)'" MEMBER);
    assert_ok(connector_ldap_search(r.c, r.arena, STR("jane"), &report, &err));
    const char *text = strbuf_c(&report);
    (void)snprintf(url, sizeof url, "ldap://%s", directory.ldap);
    static const char *const searches[][2] = {
        { PEOPLE("NestedGroups"), "(&(objectClass=person)(cn=jane))" },
        { "ou=Groups,ou=NestedGroups,dc=example,dc=org",
          "(&(objectClass=groupOfNames)(member=cn=jane,ou=People,ou=NestedGroups,dc=example,dc=org))" },
    };
    for (size_t i = 0; i < ARRAY_LEN(searches); i++) {
        if (strstr(text, searches[i][1]) == NULL)
            fail_msg("the report does not show %s:\n%s", searches[i][1], text);
        char *found = run_program((const char *const[]) { "/usr/bin/ldapsearch", "-x", "-LLL", "-H", url,
                                                          "-D", "cn=admin,dc=example,dc=org", "-w", "admin",
                                                          "-b", searches[i][0], searches[i][1], "dn", "cn",
                                                          "mail", NULL },
                                  NULL);
        struct str rest = str_of(found), line, name, value;
        while (str_next(&rest, '\n', &line)) {
            if (!str_cut(line, ':', &name, &value))
                continue;
            value = str_trim(value);
            bool group_dn = i == 1 && str_eq(name, STR("dn"));
            if (!group_dn && !str_contains(strbuf_str(&report), value))
                fail_msg("ldapsearch finds %.*s, the report does not:\n%s", STR_FMT(line), text);
        }
        free(found);
    }
    assert_int_equal(connector_ldap_search(r.c, r.arena, STR(""), &report, &err), ERR_INVALID);
    strbuf_clear(&report);
    assert_ok(connector_ldap_search(r.c, r.arena, STR("nobody"), &report, &err));
    assert_non_null(strstr(strbuf_c(&report), "no such user"));
}

/* ---- the seed directory ---- */

static void the_seed_directory_and_its_ldap_json(void **state) {
    (void)state;
    struct slapd seed;
    AUTO(rig_close) struct rig r = { 0 };
    AUTO(strbuf_done) struct strbuf json = STRBUF(1 << 16);
    AUTO(strbuf_done) struct strbuf text = STRBUF(1 << 16);
    struct err err = { 0 };
    slapd_start_with(&seed, "tests/data/ldap/directory.ldif",
                     (const char *const[]) { "--suffix", "dc=tkestack,dc=io", NULL });
    assert_ok(file_read("tests/data/ldap/ldap.json", 1 << 16, &json, &err));
    const struct str host = STR("openldap.default:389");
    const char *at = strstr(strbuf_c(&json), host.ptr);
    assert_non_null(at);
    strbuf_add(&text, str_sub(strbuf_str(&json), 0, (size_t)(at - json.ptr)));
    strbuf_adds(&text, seed.ldap);
    strbuf_adds(&text, at + host.len);
    rig_open(&r, "ldap", strbuf_c(&text));
    const struct identity *admin = rig_ok(&r, "ldapadmin", "admin");
    assert_str(admin->user_id, "uid=ldapadmin,ou=People,dc=tkestack,dc=io");
    assert_str(admin->name, "ldapadmin");
    assert_str(admin->preferred_username, "ldapadmin");
    assert_str(admin->email, "ldapadmin@example.com");
    assert_groups(admin, GROUPS("test"));
    rig_wrong(&r, "ldapadmin", "nimda");
    slapd_stop(&seed);
}

/* ---- many at once ---- */

enum { THREADS = 20, LOGINS_EACH = 10 };
struct worker {
    struct rig *r;
    int number;
    _Atomic int *failures;
};

static void *log_in_often(void *arg) {
    const struct worker *w = arg;
    for (int i = 0; i < LOGINS_EACH; i++) {
        char name[16], password[16], id[32];
        int user = w->number * LOGINS_EACH + i;
        (void)snprintf(name, sizeof name, "user%d", user);
        (void)snprintf(password, sizeof password, "pw%d", i % 3 == 2 ? user + 1 : user);
        (void)snprintf(id, sizeof id, "user%d", user);
        struct arena *a = arena_new(1 << 20);
        const struct login login = { .username = str_of(name),
                                     .password = str_of(password),
                                     .deadline_mono_ms = clock_mono_ms(w->r->env.clock) + 60000 };
        enum login_outcome outcome = LOGIN_BLOCKED;
        struct identity identity = { 0 };
        struct err err = { 0 };
        enum err_code rc = connector_login(w->r->c, a, &login, &outcome, &identity, &err);
        bool right = i % 3 == 2 ? outcome == LOGIN_WRONG_CREDENTIALS
                                : outcome == LOGIN_OK && str_eq(identity.user_id, str_of(id));
        if (rc != ERR_OK || !right)
            atomic_fetch_add(w->failures, 1);
        arena_free(a);
    }
    return NULL;
}

static void two_hundred_logins_at_once_never_mix(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    _Atomic int failures = 0;
    pthread_t threads[THREADS];
    struct worker workers[THREADS];
    open_with(&r, "baseDN: '" PEOPLE("Crowd") "', username: uid", NULL);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (struct worker) { &r, i, &failures };
        assert_int_equal(pthread_create(&threads[i], NULL, log_in_often, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(failures, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query),
        cmocka_unit_test(email_suffix),
        cmocka_unit_test(user_filter),
        cmocka_unit_test(several_user_name_attributes),
        cmocka_unit_test(group_query),
        cmocka_unit_test(groups_on_the_user),
        cmocka_unit_test(group_filter),
        cmocka_unit_test(the_group_filter_counts_without_a_user_filter_too),
        cmocka_unit_test(several_matchers),
        cmocka_unit_test(the_older_single_matcher),
        cmocka_unit_test(a_matcher_may_name_a_matching_rule),
        cmocka_unit_test(nested_groups_and_circles),
        cmocka_unit_test(ldaps_and_starttls),
        cmocka_unit_test(ca_as_data),
        cmocka_unit_test(prompt),
        cmocka_unit_test(anonymous_bind),
        cmocka_unit_test(odd_names_are_found_as_they_are),
        cmocka_unit_test(odd_entries_work_with_the_dn_as_id),
        cmocka_unit_test(letter_case_and_outer_blanks_of_a_name_do_not_make_another_person),
        cmocka_unit_test(hopeless_input_is_wrong_credentials),
        cmocka_unit_test(passwords_are_bytes),
        cmocka_unit_test(attribute_names_have_no_case),
        cmocka_unit_test(of_several_values_the_first_counts),
        cmocka_unit_test(defaults_of_id_and_email_are_applied),
        cmocka_unit_test(missing_attributes_are_all_named),
        cmocka_unit_test(blank_names_fall_back),
        cmocka_unit_test(several_entries_of_one_name_are_refused),
        cmocka_unit_test(a_referral_object_in_the_tree_is_passed_over),
        cmocka_unit_test(scope_one_does_not_look_deeper),
        cmocka_unit_test(a_missing_base_is_an_outage_not_a_verdict),
        cmocka_unit_test(a_binary_id_becomes_text),
        cmocka_unit_test(closed_accounts_are_blocked_after_the_right_password_only),
        cmocka_unit_test(password_policy_is_understood),
        cmocka_unit_test(a_failure_count_locks_as_the_directory_says),
        cmocka_unit_test(a_thousand_groups_come_in_pages),
        cmocka_unit_test(groups_fifty_deep_are_reached),
        cmocka_unit_test(depth_and_number_have_an_end_that_is_told),
        cmocka_unit_test(groups_of_one_name_in_two_places_are_two_groups),
        cmocka_unit_test(a_group_without_a_name_is_left_out_and_further_names_count),
        cmocka_unit_test(a_missing_group_base_means_no_groups),
        cmocka_unit_test(a_user_without_the_matchers_attribute_has_no_groups_by_it),
        cmocka_unit_test(the_size_limit_of_the_server_is_an_error_not_a_shorter_list),
        cmocka_unit_test(groups_are_searched_only_when_asked_for),
        cmocka_unit_test(a_renamed_or_moved_user_stays_the_same_user),
        cmocka_unit_test(another_spelling_of_the_dn_keeps_the_subject),
        cmocka_unit_test(who_is_deleted_disabled_or_no_longer_matched_is_gone),
        cmocka_unit_test(refresh_needs_no_data_where_the_id_is_text),
        cmocka_unit_test(changed_groups_arrive_at_refresh),
        cmocka_unit_test(the_report_agrees_with_ldapsearch),
        cmocka_unit_test(the_seed_directory_and_its_ldap_json),
        cmocka_unit_test(two_hundred_logins_at_once_never_mix),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
