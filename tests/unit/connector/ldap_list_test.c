/* The directory behind the LDAP connector, against a real slapd: who and which groups there are, found, paged and counted. */
#include "unit/connector/lists.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

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

/* ---- configurations ---- */

#define ADMIN "bindDN: 'cn=admin,dc=example,dc=org'\nbindPW: admin\n"
/* Somebody whom slapd gives no more than 500 entries, except in pages. */
#define JANE "bindDN: 'cn=jane,ou=People,ou=Query,dc=example,dc=org'\nbindPW: foo\n"
#define LISTING "ou=Listing,dc=example,dc=org"
#define MEMBERS "ou=Members,dc=example,dc=org"
#define USERS "baseDN: 'ou=People," LISTING "', scope: one, username: uid, nameAttr: cn"
#define ODD "baseDN: 'ou=Odd," LISTING "', username: uid"
#define CREW "baseDN: 'ou=People," MEMBERS "', username: uid, nameAttr: cn"
#define GROUP_NAMES "baseDN: 'ou=Groups," MEMBERS "', nameAttr: cn, filter: '(objectClass=groupOfNames)'"
#define BY_DN ", userMatchers: [{userAttr: DN, groupAttr: member}]"
#define BY_DN_NESTED ", userMatchers: [{userAttr: DN, groupAttr: member, recursionGroupAttr: member}]"

static void open_at(struct rig *r, const char *host, const char *account, const char *user,
                    const char *group) {
    static char yaml[4096];
    (void)snprintf(yaml, sizeof yaml, "host: %s\ninsecureNoSSL: true\n%suserSearch: {%s}\n%s%s%s", host,
                   account, user, group ? "groupSearch: {" : "", group ? group : "", group ? "}\n" : "");
    rig_open(r, "ldap", yaml);
}

static void open_with(struct rig *r, const char *user, const char *group) {
    open_at(r, directory.ldap, ADMIN, user, group);
}

/* ---- users ---- */

static void expect_users(struct rig *r, struct str keyword, const char *const want[]) {
    struct directory_query q = rig_query(r);
    struct user_list users = { 0 };
    q.keyword = keyword;
    assert_code(r, rig_list_users(r, &q, &users), ERR_OK, "");
    assert_int_equal(users.next.len, 0);
    assert_users(&users, want);
}

static void a_user_has_the_names_of_its_attributes(void **state) {
    (void)state;
    static const struct {
        const char *user, *display_name, *email;
    } cases[] = {
        { "nameAttr: cn, preferredUsernameAttr: displayName", "Below the others", "below@example.com" },
        { "nameAttr: cn", "Somebody Below", "below@example.com" },
        { "nameAttr: cn, preferredUsernameAttr: title", "Somebody Below", "below@example.com" },
        { "idAttr: DN", "below", "below@example.com" },
        { "emailAttr: description", "below", "" },
        { "nameAttr: cn, emailSuffix: corp.example", "Somebody Below", "below@corp.example" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(rig_close) struct rig r = { 0 };
        char user[512];
        struct user_list users = { 0 };
        struct directory_user one;
        (void)snprintf(user, sizeof user, "baseDN: 'ou=Below,ou=People," LISTING "', username: uid, %s",
                       cases[i].user);
        open_with(&r, user, NULL);
        const struct directory_query q = rig_query(&r);
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
        assert_users(&users, NAMES("below"));
        assert_str(users.items[0].display_name, cases[i].display_name);
        assert_str(users.items[0].email, cases[i].email);
        assert_code(&r, rig_get_user(&r, "below", &one), ERR_OK, "");
        assert_str(one.id, "below");
        assert_str(one.name, "below");
        assert_str(one.display_name, cases[i].display_name);
        assert_str(one.email, cases[i].email);
    }
}

static void a_keyword_is_a_part_of_the_login_name_or_of_what_is_displayed(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS, NULL);
    expect_users(&r, STR("u0007"), NAMES("u0007"));
    expect_users(
        &r, STR("U000"),
        NAMES("u0000", "u0001", "u0002", "u0003", "u0004", "u0005", "u0006", "u0007", "u0008", "u0009"));
    expect_users(&r, STR("ser 129"),
                 NAMES("u0129", "u1290", "u1291", "u1292", "u1293", "u1294", "u1295", "u1296", "u1297",
                       "u1298", "u1299"));
    expect_users(&r, STR("nobody"), NAMES());
    rig_close(&r);
    open_with(&r, "baseDN: 'ou=People," LISTING "', scope: one, username: uid", NULL);
    expect_users(&r, STR("ser 129"), NAMES());
}

static void a_keyword_is_never_a_pattern(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, ODD, NULL);
    expect_users(&r, STR("*"), NAMES("a*b"));
    expect_users(&r, STR("a*"), NAMES("a*b"));
    expect_users(&r, STR("("), NAMES("o(x)", "o)x("));
    expect_users(&r, STR(")(uid=*"), NAMES());
    expect_users(&r, STR(")x("), NAMES("o)x("));
    expect_users(&r, STR("\\"), NAMES("back\\slash"));
    expect_users(&r, STR("k\\5cs"), NAMES());
    expect_users(&r, STR("J\xc3\xbcr"), NAMES("J\xc3\xbcrgen"));
    expect_users(&r, STR("\xe5\x90\x8d"), NAMES("\xe5\x90\x8d\xe5\x89\x8d"));
    expect_users(&r, STR("upper"), NAMES("UPPER", "upper2"));
    expect_users(&r, STR("0%"), NAMES("100%"));
    /* Nothing that a name could hold: nobody, and no error. */
    expect_users(&r, STR("a\0b"), NAMES());
    expect_users(&r, STR("\xff"), NAMES());
    expect_users(&r, STR("a\nb"), NAMES());
}

static void entries_without_a_usable_name_are_left_out(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, ODD, NULL);
    expect_users(&r, STR_NULL,
                 NAMES("a*b", "o(x)", "o)x(", "back\\slash", "J\xc3\xbcrgen", "\xe5\x90\x8d\xe5\x89\x8d",
                       "UPPER", "upper2", "100%", "two  spaces"));
    rig_close(&r);
    /* Bytes that are no text. */
    open_with(&r, "baseDN: 'ou=Odd," LISTING "', username: objectGUID", NULL);
    expect_users(&r, STR_NULL, NAMES());
}

static void of_several_user_name_attributes_the_first_that_is_there_counts(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct directory_user one;
    open_with(&r,
              "baseDN: 'ou=Odd," LISTING "', filter: '(employeeNumber=*)', username: [uid, employeeNumber]",
              NULL);
    /* `n2` has a blank uid, and a uid of 257 letters is nobody's. */
    expect_users(&r, STR_NULL, NAMES("n1", "n2"));
    expect_users(&r, STR("n1"), NAMES("n1"));
    assert_code(&r, rig_get_user(&r, "n2", &one), ERR_OK, "");
    assert_code(&r, rig_get_user(&r, "n3", &one), ERR_NOT_FOUND, "no such user");
}

static void the_filter_and_the_scope_count(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, "baseDN: 'ou=People," LISTING "', username: uid, filter: '(|(uid=u0001)(uid=below))'",
              NULL);
    expect_users(&r, STR_NULL, NAMES("u0001", "below"));
    expect_users(&r, STR("0"), NAMES("u0001"));
    rig_close(&r);
    open_with(
        &r, "baseDN: 'ou=People," LISTING "', username: uid, scope: one, filter: '(|(uid=u0001)(uid=below))'",
        NULL);
    expect_users(&r, STR_NULL, NAMES("u0001"));
}

static void one_login_name_can_be_asked_for(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    open_with(&r, USERS, NULL);
    struct directory_query q = rig_query(&r);
    q.name = STR("u0042");
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES("u0042"));
    q.keyword = STR("7");
    users.len = 0;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES());
    q = rig_query(&r);
    q.name = STR("U0042");
    users.len = 0;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES("u0042"));
    users.len = 0;
    q.name = STR("u00*");
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES());
}

static void a_user_is_found_by_id_only(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct directory_user one;
    open_with(&r, USERS, NULL);
    assert_code(&r, rig_get_user(&r, "U0001", &one), ERR_OK, "");
    assert_str(one.id, "u0001"); /* as the directory spells it */
    assert_str(one.display_name, "User 1");
    assert_code(&r, rig_get_user(&r, "u9999", &one), ERR_NOT_FOUND, "no such user: \"u9999\"");
    assert_code(&r, rig_get_user(&r, "User 1", &one), ERR_NOT_FOUND, "no such user");
    assert_code(&r, rig_get_user(&r, "u00*", &one), ERR_NOT_FOUND, "no such user");
    assert_code(&r, rig_get_user(&r, "below", &one), ERR_NOT_FOUND, "no such user"); /* scope */
    assert_code(&r, rig_get_user(&r, " ", &one), ERR_NOT_FOUND, "no user can have this name");
    assert_code(&r, rig_get_user(&r, "\xff", &one), ERR_NOT_FOUND, "no user can have this name");
    rig_close(&r);
    open_with(&r, "baseDN: 'ou=Odd,dc=example,dc=org', username: uid", NULL);
    assert_code(&r, rig_get_user(&r, "twin", &one), ERR_UNAVAILABLE, "several entries are the user");
    rig_close(&r);
    open_with(&r, "baseDN: 'ou=Nowhere,dc=example,dc=org', username: uid", NULL);
    assert_code(&r, rig_get_user(&r, "u0001", &one), ERR_UNAVAILABLE, "does its baseDN exist");
}

static void a_name_that_only_another_attribute_has_is_not_the_id(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct directory_user one;
    open_with(&r, "baseDN: 'ou=People,ou=Query,dc=example,dc=org', username: [cn, mail]", NULL);
    assert_code(&r, rig_get_user(&r, "jane", &one), ERR_OK, "");
    assert_code(&r, rig_get_user(&r, "janedoe@example.com", &one), ERR_NOT_FOUND, "no such user");
    struct directory_query q = rig_query(&r);
    struct user_list users = { 0 };
    q.name = STR("janedoe@example.com");
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES());
    q.name = STR("jane");
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES("jane"));
}

/* ---- pages ---- */

static void expect_numbers(const struct user_list *users, size_t from, size_t n) {
    assert_int_equal(users->len, n);
    for (size_t i = 0; i < n; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "u%04zu", from + i);
        assert_str(users->items[i].id, want);
    }
}

static void thirteen_hundred_users_come_five_hundred_at_a_time(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_at(&r, directory.ldap, JANE, USERS, NULL);
    struct directory_query q = rig_query(&r);
    q.limit = 500;
    for (size_t i = 0; i < 3; i++) {
        struct user_list users = { 0 };
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
        expect_numbers(&users, i * 500, i < 2 ? 500 : 300);
        assert_int_equal(users.next.len > 0, i < 2);
        q.after = users.next;
    }
}

static void the_limit_is_a_limit_whatever_the_pages(void **state) {
    (void)state; /* contract 9.23 */
    static const struct {
        size_t limit, want;
        bool more;
    } cases[] = {
        { 1, 1, true },        { 499, 499, true },   { 501, 501, true },
        { 1000, 1000, true },  { 1299, 1299, true }, { 1300, 1300, false },
        { 1301, 1300, false }, { 0, 1300, false },   { 1000000, 1300, false },
    };
    AUTO(rig_close) struct rig r = { 0 };
    open_at(&r, directory.ldap, JANE, USERS, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct directory_query q = rig_query(&r);
        struct user_list users = { 0 };
        q.limit = cases[i].limit;
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
        expect_numbers(&users, 0, cases[i].want);
        assert_int_equal(users.next.len > 0, cases[i].more);
    }
}

static void every_limit_and_start_gives_all_users_once(void **state) {
    (void)state;
    static const size_t limits[] = { 1, 3, 7, 10 };
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, ODD, NULL); /* with entries that are left out */
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct directory_query q = rig_query(&r);
        struct user_list users = { 0 };
        size_t calls = 0;
        q.limit = limits[i];
        do {
            size_t before = users.len;
            assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
            assert_true(users.len - before <= q.limit);
            q.after = users.next;
        } while (users.next.len > 0 && ++calls < 20);
        assert_users(&users, NAMES("a*b", "o(x)", "o)x(", "back\\slash", "J\xc3\xbcrgen",
                                   "\xe5\x90\x8d\xe5\x89\x8d", "UPPER", "upper2", "100%", "two  spaces"));
    }
}

static void a_listing_goes_on_over_another_connector(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 }, rest = { 0 };
    char next[64];
    open_with(&r, USERS, NULL);
    struct directory_query q = rig_query(&r);
    q.limit = 700;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    (void)snprintf(next, sizeof next, "%.*s", STR_FMT(users.next));
    rig_close(&r);
    slapd_command(&directory, "restart");
    open_with(&r, USERS, NULL);
    q = rig_query(&r);
    q.after = str_of(next);
    assert_code(&r, rig_list_users(&r, &q, &rest), ERR_OK, "");
    expect_numbers(&rest, 700, 600);
}

static void who_goes_away_meanwhile_hides_nobody(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    open_with(&r, "baseDN: 'ou=Vanishing," LISTING "', username: uid", NULL);
    struct directory_query q = rig_query(&r);
    q.limit = 10;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES("v00", "v01", "v02", "v03", "v04", "v05", "v06", "v07", "v08", "v09"));
    slapd_modify(&directory, "dn: uid=v01,ou=Vanishing," LISTING "\nchangetype: delete\n\n"
                             "dn: uid=v05,ou=Vanishing," LISTING "\nchangetype: delete\n");
    q.after = users.next;
    users.len = 0;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES("v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19"));
    assert_int_equal(users.next.len, 0);
    /* All that is left went away. */
    q.limit = 17;
    q.after = STR_NULL;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_true(users.next.len > 0);
    slapd_modify(&directory, "dn: uid=v18,ou=Vanishing," LISTING "\nchangetype: delete\n\n"
                             "dn: uid=v19,ou=Vanishing," LISTING "\nchangetype: delete\n");
    q.after = users.next;
    users.len = 0;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES());
    assert_int_equal(users.next.len, 0);
}

static void a_place_counts_for_its_own_listing_only(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    struct group_list groups = { 0 };
    open_with(&r, USERS, "baseDN: 'ou=Groups," LISTING "', nameAttr: cn" BY_DN);
    struct directory_query q = rig_query(&r);
    q.limit = 10;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    struct directory_query other = q;
    other.after = users.next;
    other.keyword = STR("u");
    assert_code(&r, rig_list_users(&r, &other, &users), ERR_INVALID, "no place of this listing");
    other.keyword = STR_NULL;
    assert_code(&r, rig_list_groups(&r, &other, &groups), ERR_INVALID, "no place of this listing");
    char text[64];
    for (size_t i = 0; i < users.next.len; i++) {
        (void)snprintf(text, sizeof text, "%.*s", STR_FMT(users.next));
        text[i] = text[i] == 'A' ? 'B' : 'A';
        other.after = str_of(text);
        assert_code(&r, rig_list_users(&r, &other, &users), ERR_INVALID, "to go on from");
    }
    static const char *const rubbish[] = { "1", "AAAA",      "AQAAAAoAAAAAAAAAAAAAAAAAAAAA",
                                           "=", "../../etc", "\xff\xfe" };
    for (size_t i = 0; i < ARRAY_LEN(rubbish); i++) {
        other.after = str_of(rubbish[i]);
        assert_code(&r, rig_list_users(&r, &other, &users), ERR_INVALID, "to go on from");
    }
    other.after = users.next;
    users.len = 0;
    assert_code(&r, rig_list_users(&r, &other, &users), ERR_OK, "");
    expect_numbers(&users, 10, 10);
}

static void what_the_caller_says_no_to_ends_the_listing(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { .stop_after = 7 };
    open_with(&r, USERS, NULL);
    const struct directory_query q = rig_query(&r);
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_EXISTS, "the test has enough");
    expect_numbers(&users, 0, 7);
    users = (struct user_list) { 0 };
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    expect_numbers(&users, 0, 1300);
}

static void a_limit_of_the_server_gives_what_there_is_and_says_so(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct slapd small;
    struct user_list users = { 0 };
    slapd_start(&small, (const char *const[]) { "--sizelimit", "100", NULL });
    open_at(&r, small.ldap, JANE, USERS, "baseDN: 'ou=Groups," LISTING "', nameAttr: cn" BY_DN);
    struct directory_query q = rig_query(&r);
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    expect_numbers(&users, 0, 100);
    assert_true(users.next.len > 0);
    q.after = users.next;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_UNAVAILABLE, "the directory gives bindDN no more");
    expect_numbers(&users, 0, 100);
    /* Below the limit all is well. */
    q = rig_query(&r);
    q.limit = 60;
    users.len = 0;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    expect_numbers(&users, 0, 60);
    users.len = 0;
    expect_users(&r, STR("u0042"), NAMES("u0042"));
    rig_close(&r);
    slapd_stop(&small);
}

/* ---- groups ---- */

static void expect_groups(struct rig *r, struct str keyword, const char *const want[]) {
    struct directory_query q = rig_query(r);
    struct group_list groups = { 0 };
    q.keyword = keyword;
    assert_code(r, rig_list_groups(r, &q, &groups), ERR_OK, "");
    assert_group_ids(&groups, want);
    for (size_t i = 0; i < groups.len; i++)
        assert_int_equal(groups.items[i].member_count, 0); /* nobody asked */
}

static void groups_are_listed_by_name(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, CREW, GROUP_NAMES BY_DN);
    expect_groups(&r, STR_NULL, NAMES("mixed", "twice", "few", "many", "later", "inner", "outer"));
    expect_groups(&r, STR("M"), NAMES("mixed", "many"));
    expect_groups(&r, STR("*"), NAMES());
    rig_close(&r);
    /* Contract 9.21: with an empty filter, and whether users have one or not. */
    open_with(&r, CREW, "baseDN: 'ou=Groups," MEMBERS "', nameAttr: cn" BY_DN);
    expect_groups(&r, STR("m"), NAMES("mixed", "many", "numbers"));
    rig_close(&r);
    open_with(&r, CREW ", filter: '(uid=ana)'", GROUP_NAMES BY_DN);
    expect_groups(&r, STR("m"), NAMES("mixed", "many"));
    rig_close(&r);
    open_with(&r, CREW, NULL);
    expect_groups(&r, STR_NULL, NAMES());
    rig_close(&r);
    open_with(&r, CREW, "baseDN: 'ou=Nowhere,dc=example,dc=org', nameAttr: cn" BY_DN);
    expect_groups(&r, STR_NULL, NAMES());
    rig_close(&r);
    open_with(&r, CREW, "baseDN: 'ou=Nameless,ou=Big,dc=example,dc=org', nameAttr: description" BY_DN);
    expect_groups(&r, STR_NULL, NAMES("named", "alias1"));
}

static void a_group_is_found_by_id_only(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct directory_group g;
    open_with(&r, CREW, GROUP_NAMES BY_DN);
    assert_code(&r, rig_get_group(&r, "LATER", &g), ERR_OK, "");
    assert_str(g.id, "later");
    assert_str(g.display_name, "later");
    assert_members(&g, NAMES("clara", "p03"));
    assert_code(&r, rig_get_group(&r, "nope", &g), ERR_NOT_FOUND, "no such group: \"nope\"");
    assert_code(&r, rig_get_group(&r, "lat*", &g), ERR_NOT_FOUND, "no such group");
    assert_code(&r, rig_get_group(&r, "logins", &g), ERR_NOT_FOUND, "no such group"); /* filter */
    const struct directory_query q = rig_query(&r);
    assert_code(&r, connector_get_group(r.c, r.arena, STR("later"), &q, &g, &r.err), ERR_OK, "");
    assert_int_equal(g.member_count, 0);
    rig_close(&r);
    open_with(&r, CREW, "baseDN: 'ou=Groups,ou=Big,dc=example,dc=org', nameAttr: cn" BY_DN);
    assert_code(&r, rig_get_group(&r, "admins", &g), ERR_UNAVAILABLE, "several entries are the group");
    rig_close(&r);
    open_with(&r, CREW, NULL);
    assert_code(&r, rig_get_group(&r, "later", &g), ERR_NOT_FOUND, "no such group");
}

static void list_all_groups(struct rig *r, struct group_list *groups) {
    struct directory_query q = rig_query(r);
    q.want_members = true;
    assert_code(r, rig_list_groups(r, &q, groups), ERR_OK, "");
}

static void members_are_told_by_their_dn(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    struct directory_group g;
    open_with(&r, CREW, GROUP_NAMES BY_DN);
    list_all_groups(&r, &groups);
    /* No users: who has no login name, who is gone (although another one has the name now) or elsewhere, a placeholder, a group. */
    assert_members(group_of(&groups, "mixed"), NAMES("ana", "clara", "ben", "robot"));
    assert_members(group_of(&groups, "twice"), NAMES("ana", "first"));
    assert_int_equal(group_of(&groups, "few")->member_count, 10);
    assert_int_equal(group_of(&groups, "many")->member_count, 60);
    assert_members(group_of(&groups, "later"), NAMES("p03", "clara"));
    assert_members(group_of(&groups, "outer"), NAMES("ben"));
    /* Every group once, although the listing began anew to know everybody. */
    assert_group_ids(&groups, NAMES("mixed", "twice", "few", "many", "later", "inner", "outer"));
    assert_code(&r, rig_get_group(&r, "many", &g), ERR_OK, "");
    assert_int_equal(g.member_count, 60);
    assert_str(g.members[59].id, "p59");
}

static void the_filter_of_users_counts_for_members_that_are_looked_up(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    open_with(&r, CREW ", filter: '(!(uid=p03))'", GROUP_NAMES BY_DN);
    list_all_groups(&r, &groups);
    assert_int_equal(group_of(&groups, "few")->member_count, 9);   /* one by one */
    assert_int_equal(group_of(&groups, "many")->member_count, 59); /* all at once */
    assert_members(group_of(&groups, "later"), NAMES("clara"));
}

static void members_are_told_by_a_value_they_share(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    open_with(&r, CREW,
              "baseDN: 'ou=Groups," MEMBERS
              "', nameAttr: cn, filter: '(objectClass=posixGroup)', userMatchers: "
              "[{userAttr: uid, groupAttr: memberUid}]");
    list_all_groups(&r, &groups);
    assert_members(group_of(&groups, "logins"), NAMES("ana", "ben", "nobody")); /* said to be login names */
    assert_members(group_of(&groups, "nobody"), NAMES());
    rig_close(&r);
    groups = (struct group_list) { 0 };
    open_with(&r, CREW,
              "baseDN: 'ou=Groups," MEMBERS
              "', nameAttr: cn, filter: '(objectClass=posixGroup)', userMatchers: "
              "[{userAttr: employeeNumber, groupAttr: memberUid}]");
    list_all_groups(&r, &groups);
    assert_members(group_of(&groups, "logins"), NAMES());
    /* memberUid tells letters' cases apart, so e-ben is not in it. */
    assert_members(group_of(&groups, "numbers"), NAMES("ana", "p00"));
    assert_int_equal(group_of(&groups, "crowd")->member_count, 60);
    rig_close(&r);
    groups = (struct group_list) { 0 };
    open_with(&r, CREW,
              "baseDN: 'ou=Groups," MEMBERS
              "', nameAttr: cn, filter: '(objectClass=posixGroup)', userMatchers: "
              "[{userAttr: departmentNumber, groupAttr: gidNumber}]");
    list_all_groups(&r, &groups);
    assert_members(group_of(&groups, "logins"), NAMES("ana", "ben"));
    assert_members(group_of(&groups, "numbers"), NAMES("ben", "clara"));
    assert_int_equal(group_of(&groups, "crowd")->member_count, 60);
    assert_members(group_of(&groups, "nobody"), NAMES());
}

static void values_that_are_dns_are_the_same_in_other_letters(void **state) {
    (void)state;
    static const char *const matchers[] = {
        "[{userAttr: seeAlso, groupAttr: entryDN}]",
        /* With everybody known: `many` has too many members that must be looked up. */
        "[{userAttr: seeAlso, groupAttr: entryDN}, {userAttr: DN, groupAttr: member}]",
    };
    for (size_t i = 0; i < ARRAY_LEN(matchers); i++) {
        AUTO(rig_close) struct rig r = { 0 };
        char text[512];
        struct group_list groups = { 0 };
        (void)snprintf(text, sizeof text, GROUP_NAMES ", userMatchers: %s", matchers[i]);
        open_with(&r, CREW, text);
        list_all_groups(&r, &groups);
        if (i == 0)
            assert_members(group_of(&groups, "inner"), NAMES("clara"));
        else
            assert_members(group_of(&groups, "inner"), NAMES("clara", "ana"));
        assert_int_equal(group_of(&groups, "many")->member_count, i == 0 ? 0 : 60);
    }
}

static void several_matchers_add_up(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    struct directory_group g;
    open_with(&r, CREW,
              "baseDN: 'ou=Groups," MEMBERS
              "', nameAttr: cn, userMatchers: [{userAttr: DN, groupAttr: member}, "
              "{userAttr: employeeNumber, groupAttr: memberUid}, {userAttr: departmentNumber, groupAttr: "
              "gidNumber}, {userAttr: DN, groupAttr: 'member:distinguishedNameMatch:'}, {userAttr: DN, "
              "groupAttr: ':distinguishedNameMatch:'}]");
    list_all_groups(&r, &groups);
    assert_members(group_of(&groups, "later"), NAMES("p03", "clara"));
    assert_members(group_of(&groups, "numbers"), NAMES("ana", "p00", "ben", "clara"));
    assert_int_equal(group_of(&groups, "crowd")->member_count, 60);
    assert_code(&r, rig_get_group(&r, "numbers", &g), ERR_OK, "");
    assert_members(&g, NAMES("ana", "p00", "ben", "clara"));
}

static void members_of_groups_inside_of_groups_count(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    struct directory_group g;
    open_with(&r, CREW, GROUP_NAMES BY_DN_NESTED);
    list_all_groups(&r, &groups);
    assert_members(group_of(&groups, "inner"), NAMES("clara", "ana"));
    assert_members(group_of(&groups, "outer"), NAMES("clara", "ana", "ben"));
    assert_members(group_of(&groups, "twice"), NAMES("ana", "first", "clara", "ben", "robot"));
    assert_code(&r, rig_get_group(&r, "outer", &g), ERR_OK, "");
    assert_members(&g, NAMES("clara", "ana", "ben"));
    rig_close(&r);
    /* As a login there finds it: ldap_live_test. */
    groups = (struct group_list) { 0 };
    open_with(&r, "baseDN: 'ou=People,ou=NestedGroups,dc=example,dc=org', username: cn",
              "baseDN: 'ou=Groups,ou=NestedGroups,dc=example,dc=org', nameAttr: cn" BY_DN_NESTED);
    list_all_groups(&r, &groups);
    assert_members(group_of(&groups, "childGroup"), NAMES("jane"));
    assert_members(group_of(&groups, "intermediateGroup"), NAMES("jane", "john"));
    assert_members(group_of(&groups, "parentGroup"), NAMES("jane", "john"));
    assert_members(group_of(&groups, "circularGroup1"), NAMES("jane", "john"));
    assert_members(group_of(&groups, "circularGroup2"), NAMES("jane", "john"));
    rig_close(&r);
    /* Active Directory's rule for chains is a search; who reads has to follow the chain. */
    groups = (struct group_list) { 0 };
    open_with(
        &r, "baseDN: 'ou=People,ou=NestedGroups,dc=example,dc=org', username: cn",
        "baseDN: 'ou=Groups,ou=NestedGroups,dc=example,dc=org', nameAttr: cn, userMatchers: [{userAttr: "
        "DN, groupAttr: 'member:1.2.840.113556.1.4.1941:'}]");
    list_all_groups(&r, &groups);
    assert_members(group_of(&groups, "parentGroup"), NAMES("jane", "john"));
}

static void groups_fifty_deep_are_followed_and_deeper_ones_left_out(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct directory_group g;
    open_with(&r, "baseDN: 'ou=People,ou=Big,dc=example,dc=org', username: cn",
              "baseDN: 'ou=Groups,ou=Big,dc=example,dc=org', nameAttr: cn" BY_DN_NESTED);
    assert_code(&r, rig_get_group(&r, "deep49", &g), ERR_OK, "");
    assert_members(&g, NAMES("deep"));
    rig_close(&r);
    open_with(&r, "baseDN: 'ou=People,ou=Big,dc=example,dc=org', username: cn",
              "baseDN: 'ou=Groups,ou=Big,dc=example,dc=org', nameAttr: cn, maxDepth: 48" BY_DN_NESTED);
    assert_code(&r, rig_get_group(&r, "deep49", &g), ERR_OK, "");
    assert_members(&g, NAMES());
    assert_code(&r, rig_get_group(&r, "deep48", &g), ERR_OK, "");
    assert_members(&g, NAMES("deep"));
}

static void where_users_and_groups_share_a_tree_a_group_is_no_user(void **state) {
    (void)state;
    static const char *const matchers[] = { BY_DN, BY_DN_NESTED };
    for (size_t i = 0; i < ARRAY_LEN(matchers); i++) {
        AUTO(rig_close) struct rig r = { 0 };
        char group[512];
        struct group_list groups = { 0 };
        struct directory_group g;
        (void)snprintf(group, sizeof group,
                       "baseDN: '" MEMBERS "', nameAttr: cn, filter: '(objectClass=groupOfNames)'%s",
                       matchers[i]);
        open_with(&r, "baseDN: '" MEMBERS "', username: cn, filter: '(objectClass=inetOrgPerson)'", group);
        list_all_groups(&r, &groups);
        assert_members(group_of(&groups, "inner"), NAMES("Clara Doe", "ana"));
        if (i == 0)
            assert_members(group_of(&groups, "outer"), NAMES("ben"));
        else
            assert_members(group_of(&groups, "outer"), NAMES("ben", "Clara Doe", "ana"));
        assert_group_ids(&groups, NAMES("mixed", "twice", "few", "many", "later", "inner", "outer"));
        assert_code(&r, rig_get_group(&r, "outer", &g), ERR_OK, "");
        assert_int_equal(g.member_count, i == 0 ? 1 : 3);
    }
}

static void groups_come_in_pages_with_their_members(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    size_t calls = 0;
    open_at(&r, directory.ldap, JANE, USERS, "baseDN: 'ou=Groups," LISTING "', nameAttr: cn" BY_DN);
    struct directory_query q = rig_query(&r);
    q.want_members = true;
    q.limit = 450;
    do {
        assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_OK, "");
        q.after = groups.next;
        calls++;
    } while (groups.next.len > 0 && calls < 10);
    assert_int_equal(calls, 3);
    assert_int_equal(groups.len, 1300);
    for (size_t i = 0; i < groups.len; i++) {
        char id[32], first[32], second[32];
        (void)snprintf(id, sizeof id, "g%04zu", i);
        (void)snprintf(first, sizeof first, "u%04zu", i);
        (void)snprintf(second, sizeof second, "u%04zu", (i + 1) % 1300);
        assert_str(groups.items[i].id, id);
        assert_members(&groups.items[i], NAMES(first, second));
    }
}

#define LARGE "baseDN: 'ou=Large," LISTING "', nameAttr: cn"

static struct str log_text(int fd, char *buf, size_t size) {
    ssize_t n = pread(fd, buf, size, 0);
    assert_true(n >= 0);
    return (struct str) { buf, (size_t)n };
}

static void large_groups_are_read_alone_and_too_large_ones_are_cut_with_a_warning(void **state) {
    (void)state;
    static char text[65536];
    FILE *file = tmpfile();
    AUTO_FREE(log_free) struct log *log = NULL;
    struct err err = { 0 };
    assert_non_null(file);
    assert_ok(log_new(&(struct log_options) { .fd = fileno(file), .audit_fd = -1, .clock = clock_system() },
                      &log, &err));
    AUTO(rig_close) struct rig r = { .env.log = log };
    struct directory_group g;
    struct group_list groups = { 0 };
    open_with(&r, USERS,
              LARGE
              ", userMatchers: [{userAttr: DN, groupAttr: member}, {userAttr: uid, groupAttr: memberUid}]");
    list_all_groups(&r, &groups);
    assert_int_equal(group_of(&groups, "large")->member_count, 1300);
    assert_int_equal(group_of(&groups, "huge")->member_count, DIRECTORY_MEMBERS_MAX);
    struct str said = log_text(fileno(file), text, sizeof text);
    assert_true(str_contains(said, STR("more members than are told of")));
    assert_true(str_contains(said, STR("huge")));
    assert_false(str_contains(said, STR("large")));
    assert_code(&r, rig_get_group(&r, "large", &g), ERR_OK, "");
    assert_int_equal(g.member_count, 1300);
    assert_str(g.members[1299].id, "u1299");
    rig_close(&r);
    (void)fclose(file);
}

static void the_members_of_all_groups_inside_together_have_an_end_too(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct directory_group g;
    open_with(
        &r, USERS,
        LARGE
        ", userMatchers: [{userAttr: DN, groupAttr: member, recursionGroupAttr: member}, {userAttr: uid, "
        "groupAttr: memberUid, recursionGroupAttr: member}]");
    assert_code(&r, rig_get_group(&r, "union", &g), ERR_OK, "");
    assert_int_equal(g.member_count, DIRECTORY_MEMBERS_MAX);
    assert_str(g.members[1299].id, "u1299");
    assert_str(g.members[1300].id, "m0");
}

static void left_out_entries_are_told_once_in_the_log(void **state) {
    (void)state;
    static char text[65536];
    FILE *file = tmpfile();
    AUTO_FREE(log_free) struct log *log = NULL;
    struct err err = { 0 };
    assert_non_null(file);
    assert_ok(log_new(&(struct log_options) { .fd = fileno(file), .audit_fd = -1, .clock = clock_system() },
                      &log, &err));
    AUTO(rig_close) struct rig r = { .env.log = log };
    open_with(&r, ODD, NULL);
    struct directory_query q = rig_query(&r);
    struct user_list users = { 0 };
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    struct str said = log_text(fileno(file), text, sizeof text);
    assert_true(str_contains(said, STR("without a usable name")));
    assert_true(str_contains(said, STR("count=2")));
    rig_close(&r);
    (void)fclose(file);
}

static void a_value_that_many_share_is_looked_up_by_reading_all_users(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct directory_group g;
    /* More than this account is given in one answer without pages. */
    open_at(&r, directory.ldap, JANE, USERS,
            LARGE ", userMatchers: [{userAttr: departmentNumber, groupAttr: gidNumber}]");
    assert_code(&r, rig_get_group(&r, "huge", &g), ERR_OK, "");
    assert_int_equal(g.member_count, 1300);
}

static enum err_code count_group(void *ctx, const struct directory_group *g, struct err *err) {
    size_t *n = ctx;
    (void)err;
    assert_int_equal(g->member_count, 2);
    ++*n;
    return ERR_OK;
}

static void every_group_is_handed_over_and_forgotten(void **state) {
    (void)state; /* what a periodic reader needs: its memory does not grow with the directory */
    AUTO(rig_close) struct rig r = { 0 };
    open_with(&r, USERS, "baseDN: 'ou=Groups," LISTING "', nameAttr: cn" BY_DN);
    struct directory_query q = rig_query(&r);
    size_t n = 0;
    AUTO_FREE(arena_free) struct arena *small = arena_new(4096);
    struct str next;
    q.want_members = true;
    assert_non_null(small);
    assert_code(&r, connector_list_groups(r.c, small, &q, count_group, &n, &next, &r.err), ERR_OK, "");
    assert_int_equal(n, 1300);
}

/* ---- many at once ---- */

struct worker {
    struct rig *r;
    int number;
    _Atomic int *failures;
};

static enum err_code check_order(void *ctx, const struct directory_user *u, struct err *err) {
    size_t *n = ctx;
    char want[32];
    (void)snprintf(want, sizeof want, "user%zu", *n);
    ++*n;
    return str_eq(u->id, str_of(want)) ? ERR_OK : err_set(err, ERR_INTERNAL, "mixed up");
}

static void *list_often(void *arg) {
    struct worker *w = arg;
    for (int i = 0; i < 10; i++) {
        struct arena *a = arena_new(1 << 20);
        const struct directory_query q = { .deadline_mono_ms = clock_mono_ms(w->r->env.clock) + 60000 };
        struct str next = STR_NULL;
        struct err err = { 0 };
        size_t n = 0;
        enum err_code rc = connector_list_users(w->r->c, a, &q, check_order, &n, &next, &err);
        atomic_fetch_add(w->failures, rc != ERR_OK || n != 200 || next.len > 0);
        arena_free(a);
    }
    return NULL;
}

static void *log_in_and_look_up(void *arg) {
    struct worker *w = arg;
    for (int i = 0; i < 20; i++) {
        char name[32], password[32];
        (void)snprintf(name, sizeof name, "user%d", w->number * 20 + i);
        (void)snprintf(password, sizeof password, "pw%d", w->number * 20 + i);
        struct arena *a = arena_new(1 << 20);
        const int64_t deadline = clock_mono_ms(w->r->env.clock) + 60000;
        const struct login login = { .username = str_of(name),
                                     .password = str_of(password),
                                     .deadline_mono_ms = deadline };
        const struct directory_query q = { .deadline_mono_ms = deadline };
        enum login_outcome outcome = LOGIN_BLOCKED;
        struct identity identity = { 0 };
        struct directory_user user = { 0 };
        struct err err = { 0 };
        enum err_code rc = connector_login(w->r->c, a, &login, &outcome, &identity, &err);
        bool right = rc == ERR_OK && outcome == LOGIN_OK && str_eq(identity.user_id, str_of(name));
        rc = connector_get_user(w->r->c, a, str_of(name), &q, &user, &err);
        right &= rc == ERR_OK && str_eq(user.id, str_of(name));
        atomic_fetch_add(w->failures, !right);
        arena_free(a);
    }
    return NULL;
}

static void listings_and_logins_at_once_all_end_well(void **state) {
    (void)state;
    enum { LISTERS = 4, LOGINS = 8 };
    static const int pool_sizes[] = { 1, 2, 8 };
    for (size_t i = 0; i < ARRAY_LEN(pool_sizes); i++) {
        AUTO(rig_close) struct rig r = { 0 };
        _Atomic int failures = 0;
        pthread_t threads[LISTERS + LOGINS];
        struct worker workers[LISTERS + LOGINS];
        char account[256];
        (void)snprintf(account, sizeof account, ADMIN "poolSize: %d\n", pool_sizes[i]);
        open_at(&r, directory.ldap, account, "baseDN: 'ou=People,ou=Crowd,dc=example,dc=org', username: uid",
                NULL);
        for (int k = 0; k < LISTERS + LOGINS; k++) {
            workers[k] = (struct worker) { &r, k, &failures };
            assert_int_equal(
                pthread_create(&threads[k], NULL, k < LOGINS ? log_in_and_look_up : list_often, &workers[k]),
                0);
        }
        for (int k = 0; k < LISTERS + LOGINS; k++)
            assert_int_equal(pthread_join(threads[k], NULL), 0);
        assert_int_equal(failures, 0);
    }
}

/* ---- the seed directory ---- */

static void the_seed_directory_lists_its_user_and_its_group(void **state) {
    (void)state;
    struct slapd seed;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    struct group_list groups = { 0 };
    slapd_start_with(&seed, "tests/data/ldap/directory.ldif",
                     (const char *const[]) { "--suffix", "dc=tkestack,dc=io", NULL });
    open_at(
        &r, seed.ldap, "bindDN: 'cn=admin,dc=tkestack,dc=io'\nbindPW: admin\n",
        "baseDN: 'ou=People,dc=tkestack,dc=io', filter: '(objectClass=organizationalPerson)', username: uid, "
        "idAttr: DN, emailAttr: mail, nameAttr: uid, preferredUsernameAttr: uid",
        "baseDN: 'ou=Group,dc=tkestack,dc=io', filter: '(objectClass=groupOfNames)', userAttr: DN, "
        "groupAttr: "
        "member, nameAttr: cn");
    const struct directory_query q = rig_query(&r);
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_users(&users, NAMES("ldapadmin"));
    assert_str(users.items[0].display_name, "ldapadmin");
    assert_str(users.items[0].email, "ldapadmin@example.com");
    list_all_groups(&r, &groups);
    assert_group_ids(&groups, NAMES("test"));
    assert_members(group_of(&groups, "test"),
                   NAMES("ldapadmin")); /* without cn=empty-membership-placeholder */
    rig_close(&r);
    slapd_stop(&seed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_user_has_the_names_of_its_attributes),
        cmocka_unit_test(a_keyword_is_a_part_of_the_login_name_or_of_what_is_displayed),
        cmocka_unit_test(a_keyword_is_never_a_pattern),
        cmocka_unit_test(entries_without_a_usable_name_are_left_out),
        cmocka_unit_test(of_several_user_name_attributes_the_first_that_is_there_counts),
        cmocka_unit_test(the_filter_and_the_scope_count),
        cmocka_unit_test(one_login_name_can_be_asked_for),
        cmocka_unit_test(a_user_is_found_by_id_only),
        cmocka_unit_test(a_name_that_only_another_attribute_has_is_not_the_id),
        cmocka_unit_test(thirteen_hundred_users_come_five_hundred_at_a_time),
        cmocka_unit_test(the_limit_is_a_limit_whatever_the_pages),
        cmocka_unit_test(every_limit_and_start_gives_all_users_once),
        cmocka_unit_test(a_listing_goes_on_over_another_connector),
        cmocka_unit_test(who_goes_away_meanwhile_hides_nobody),
        cmocka_unit_test(a_place_counts_for_its_own_listing_only),
        cmocka_unit_test(what_the_caller_says_no_to_ends_the_listing),
        cmocka_unit_test(a_limit_of_the_server_gives_what_there_is_and_says_so),
        cmocka_unit_test(groups_are_listed_by_name),
        cmocka_unit_test(a_group_is_found_by_id_only),
        cmocka_unit_test(members_are_told_by_their_dn),
        cmocka_unit_test(the_filter_of_users_counts_for_members_that_are_looked_up),
        cmocka_unit_test(members_are_told_by_a_value_they_share),
        cmocka_unit_test(values_that_are_dns_are_the_same_in_other_letters),
        cmocka_unit_test(several_matchers_add_up),
        cmocka_unit_test(members_of_groups_inside_of_groups_count),
        cmocka_unit_test(groups_fifty_deep_are_followed_and_deeper_ones_left_out),
        cmocka_unit_test(where_users_and_groups_share_a_tree_a_group_is_no_user),
        cmocka_unit_test(groups_come_in_pages_with_their_members),
        cmocka_unit_test(large_groups_are_read_alone_and_too_large_ones_are_cut_with_a_warning),
        cmocka_unit_test(the_members_of_all_groups_inside_together_have_an_end_too),
        cmocka_unit_test(left_out_entries_are_told_once_in_the_log),
        cmocka_unit_test(a_value_that_many_share_is_looked_up_by_reading_all_users),
        cmocka_unit_test(every_group_is_handed_over_and_forgotten),
        cmocka_unit_test(listings_and_logins_at_once_all_end_well),
        cmocka_unit_test(the_seed_directory_lists_its_user_and_its_group),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
