/* The directory side of connectors in general, and of the mock connector. */
#include "unit/connector/lists.h"

#define CREW                                                                                                 \
    "users:\n"                                                                                               \
    "  - {username: jane, password: a, name: Jane Doe, email: jane@example.com, groups: [admins, dev, "      \
    "admins]}\n"                                                                                             \
    "  - {username: john, password: b, id: usr-2, groups: [dev]}\n"                                          \
    "  - {username: ann*, password: c, name: Ann, groups: [qa]}\n"                                           \
    "  - {username: mary, password: d, blocked: true}\n"

static void open_crew(struct rig *r) { rig_open(r, "mock", CREW); }

static void expect_users(struct rig *r, struct str keyword, const char *const want[]) {
    struct directory_query q = rig_query(r);
    struct user_list users = { 0 };
    q.keyword = keyword;
    assert_code(r, rig_list_users(r, &q, &users), ERR_OK, "");
    assert_int_equal(users.next.len, 0);
    size_t n = 0;
    for (; want[n] != NULL && n < users.len; n++)
        assert_str(users.items[n].name, want[n]);
    assert_true(want[n] == NULL && users.len == n);
}

static void users_are_listed_and_found(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct directory_user one;
    open_crew(&r);
    expect_users(&r, STR_NULL, NAMES("jane", "john", "ann*", "mary"));
    expect_users(&r, STR("J"), NAMES("jane", "john"));
    expect_users(&r, STR("doe"), NAMES("jane"));
    expect_users(&r, STR("USR-"), NAMES("john"));
    expect_users(&r, STR("*"), NAMES("ann*"));
    assert_code(&r, rig_get_user(&r, "jane", &one), ERR_OK, "");
    assert_str(one.id, "jane");
    assert_str(one.display_name, "Jane Doe");
    assert_str(one.email, "jane@example.com");
    assert_code(&r, rig_get_user(&r, "usr-2", &one), ERR_OK, "");
    assert_str(one.id, "usr-2");
    assert_str(one.name, "john");
    assert_str(one.display_name, "john");
    assert_code(&r, rig_get_user(&r, "john", &one), ERR_NOT_FOUND, "no such user");
}

static void one_login_name_can_be_asked_for(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    open_crew(&r);
    struct directory_query q = rig_query(&r);
    q.name = STR("john");
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_int_equal(users.len, 1);
    assert_str(users.items[0].id, "usr-2");
    q.name = STR("joh");
    users.len = 0;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_int_equal(users.len, 0);
}

static void groups_are_listed_and_found_with_their_members(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    struct directory_group g;
    open_crew(&r);
    struct directory_query q = rig_query(&r);
    assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_OK, "");
    assert_group_ids(&groups, NAMES("admins", "dev", "qa"));
    assert_int_equal(groups.items[1].member_count, 0);
    q.want_members = true;
    q.keyword = STR("EV");
    groups.len = 0;
    assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_OK, "");
    assert_group_ids(&groups, NAMES("dev"));
    assert_int_equal(groups.items[0].member_count, 2);
    assert_str(groups.items[0].members[1].id, "usr-2");
    assert_str(groups.items[0].members[1].name, "john");
    assert_code(&r, rig_get_group(&r, "admins", &g), ERR_OK, "");
    assert_members(&g, NAMES("jane"));
    assert_code(&r, rig_get_group(&r, "nope", &g), ERR_NOT_FOUND, "no such group");
}

static void a_limit_gives_a_place_to_go_on_from(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    struct group_list groups = { 0 };
    open_crew(&r);
    struct directory_query q = rig_query(&r);
    size_t calls = 0;
    q.limit = 2;
    q.keyword = STR("n"); /* passes mary over */
    do {
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
        q.after = users.next;
    } while (users.next.len > 0 && ++calls < 9);
    assert_int_equal(calls, 1);
    assert_int_equal(users.len, 3);
    q = rig_query(&r);
    q.limit = 1;
    for (calls = 0; calls < 3; calls++) {
        assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_OK, "");
        q.after = groups.next;
    }
    assert_group_ids(&groups, NAMES("admins", "dev", "qa"));
    assert_int_equal(q.after.len, 0);
    static const char *const rubbish[] = { "0", "-1", "1x", "99999999999", " 1" };
    for (size_t i = 0; i < ARRAY_LEN(rubbish); i++) {
        q.after = str_of(rubbish[i]);
        assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_INVALID, "no place to go on from");
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_INVALID, "no place to go on from");
    }
}

static void a_mock_that_is_down_lists_nothing(void **state) {
    (void)state;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { .next = STR("untouched") };
    struct group_list groups = { 0 };
    struct directory_user u;
    struct directory_group g;
    rig_open(&r, "mock", "fails: unavailable\n" CREW);
    const struct directory_query q = rig_query(&r);
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_UNAVAILABLE, "connector t1: ");
    assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_UNAVAILABLE, "connector t1: ");
    assert_code(&r, rig_get_user(&r, "jane", &u), ERR_UNAVAILABLE, "connector t1: ");
    assert_code(&r, rig_get_group(&r, "dev", &g), ERR_UNAVAILABLE, "connector t1: ");
    assert_str(users.next, "untouched");
}

/* ---- any connector ---- */

static size_t asked;
static struct directory_query seen;

static enum err_code spy_users(struct connector *c, struct arena *a, const struct directory_query *q,
                               enum err_code (*each)(void *ctx, const struct directory_user *u,
                                                     struct err *err),
                               void *ctx, struct str *ret_next, struct err *err) {
    (void)c, (void)a, (void)each, (void)ctx, (void)err;
    asked++;
    seen = *q;
    *ret_next = STR("more");
    return ERR_OK;
}

static enum err_code spy_user(struct connector *c, struct arena *a, struct str id,
                              const struct directory_query *q, struct directory_user *ret, struct err *err) {
    (void)c, (void)a, (void)q, (void)err;
    asked++;
    *ret = (struct directory_user) { .id = id };
    return ERR_OK;
}

static const struct connector_ops spy_ops = { .type = "spy", .list_users = spy_users, .get_user = spy_user };
static const struct connector_ops mute_ops = { .type = "mute" };

static void what_nobody_is_called_is_not_asked_for(void **state) {
    (void)state;
    struct connector c = { .ops = &spy_ops, .id = "t1", .name = "t1" };
    struct directory_query q = { 0 };
    struct directory_user u;
    struct str next = STR_NULL;
    struct err err = { 0 };
    char longest[1025];
    memset(longest, 'x', sizeof longest);
    const struct str bad[] = {
        STR(" \t"), STR("a\0b"), STR("a\nb"), STR("\xff"), { longest, sizeof longest }
    };
    asked = 0;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(connector_get_user(&c, NULL, bad[i], &q, &u, &err), ERR_NOT_FOUND);
        q = (struct directory_query) { .name = bad[i] };
        next = STR("old");
        assert_ok(connector_list_users(&c, NULL, &q, NULL, NULL, &next, &err));
        assert_int_equal(next.len, 0);
        q = (struct directory_query) { .keyword = bad[i] };
        assert_ok(connector_list_users(&c, NULL, &q, NULL, NULL, &next, &err));
    }
    assert_int_equal(connector_get_user(&c, NULL, STR_NULL, &q, &u, &err), ERR_NOT_FOUND);
    assert_int_equal(asked, 0);
    assert_ok(connector_get_user(&c, NULL, (struct str) { longest, sizeof longest - 1 }, &q, &u, &err));
    assert_int_equal(asked, 1);
    q = (struct directory_query) { .keyword = STR(" ") };
    assert_ok(connector_list_users(&c, NULL, &q, NULL, NULL, &next, &err));
    assert_str(next, "more");
    assert_int_equal(asked, 2);
}

static void the_limit_has_a_default_and_an_end(void **state) {
    (void)state;
    static const size_t cases[][2] = { { 0, DIRECTORY_LIMIT },
                                       { 1, 1 },
                                       { DIRECTORY_LIMIT_MAX, DIRECTORY_LIMIT_MAX },
                                       { DIRECTORY_LIMIT_MAX + 1, DIRECTORY_LIMIT_MAX },
                                       { SIZE_MAX, DIRECTORY_LIMIT_MAX } };
    struct connector c = { .ops = &spy_ops, .id = "t1", .name = "t1" };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct directory_query q = { .limit = cases[i][0], .after = STR("here"), .request_id = "r" };
        struct str next;
        struct err err = { 0 };
        assert_ok(connector_list_users(&c, NULL, &q, NULL, NULL, &next, &err));
        assert_int_equal(seen.limit, cases[i][1]);
        assert_str(seen.after, "here");
        assert_string_equal(seen.request_id, "r");
    }
}

static void a_connector_without_a_directory_says_so(void **state) {
    (void)state;
    struct connector c = { .ops = &mute_ops, .id = "t1", .name = "t1" };
    const struct directory_query q = { 0 };
    struct str next;
    struct err err = { 0 };
    struct directory_user u;
    struct directory_group g;
    assert_int_equal(connector_list_users(&c, NULL, &q, NULL, NULL, &next, &err), ERR_FORBIDDEN);
    assert_int_equal(connector_list_groups(&c, NULL, &q, NULL, NULL, &next, &err), ERR_FORBIDDEN);
    assert_int_equal(connector_get_user(&c, NULL, STR("a"), &q, &u, &err), ERR_FORBIDDEN);
    assert_int_equal(connector_get_group(&c, NULL, STR("a"), &q, &g, &err), ERR_FORBIDDEN);
    assert_non_null(strstr(err.detail, "connector t1 (mute)"));
}

static void only_the_local_connector_is_local(void **state) {
    (void)state;
    static const struct {
        const char *type;
        bool local;
    } cases[] = { { "local", true }, { "tke", true }, { "ldap", false }, { "mock", false } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct connector c = { .ops = connector_type_find(str_of(cases[i].type)) };
        assert_int_equal(connector_is_local(&c), cases[i].local);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(users_are_listed_and_found),
        cmocka_unit_test(one_login_name_can_be_asked_for),
        cmocka_unit_test(groups_are_listed_and_found_with_their_members),
        cmocka_unit_test(a_limit_gives_a_place_to_go_on_from),
        cmocka_unit_test(a_mock_that_is_down_lists_nothing),
        cmocka_unit_test(what_nobody_is_called_is_not_asked_for),
        cmocka_unit_test(the_limit_has_a_default_and_an_end),
        cmocka_unit_test(a_connector_without_a_directory_says_so),
        cmocka_unit_test(only_the_local_connector_is_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
