/* Listings of the LDAP connector and servers that are down, slow, silent, without paging; and how many are under way at a time. */
#include "unit/connector/fake_ldap.h"
#include "unit/connector/lists.h"
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

static void open_with(struct rig *r, const struct fake *f, const char *more, const char *groups) {
    static char yaml[2048];
    (void)snprintf(
        yaml, sizeof yaml,
        "host: '127.0.0.1:%d'\ninsecureNoSSL: true\nbindPW: admin\nbindDN: 'cn=admin,dc=example,dc=org'\n%s\n"
        "userSearch: {baseDN: 'dc=example,dc=org', username: uid}\n%s",
        f->port, more, groups);
    rig_open(r, "ldap", yaml);
}

static void open_fake(struct rig *r, const struct fake *f, const char *more) {
    open_with(r, f, more,
              "groupSearch: {baseDN: 'dc=example,dc=org', nameAttr: cn, userAttr: DN, groupAttr: member}\n");
}

static void expect_numbers(const struct user_list *users, size_t n) {
    assert_int_equal(users->len, n);
    for (size_t i = 0; i < n; i++) {
        char want[32];
        (void)snprintf(want, sizeof want, "u%04zu", i);
        assert_str(users->items[i].id, want);
    }
}

/* ---- servers ---- */

static void a_server_with_pages_is_asked_for_as_few_as_are_needed(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    fake_start(&f, FAKE_LIST);
    open_fake(&r, &f, "");
    struct directory_query q = rig_query(&r);
    q.limit = 5;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    expect_numbers(&users, 5);
    assert_int_equal(f.pages, 1);
    assert_int_equal(f.page_max, 6); /* one more, to know that there is more */
    q.limit = 0;
    users.len = 0;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    expect_numbers(&users, 1300);
    assert_int_equal(f.pages, 4);
    assert_int_equal(f.page_max, 500);
    assert_int_equal(f.connections, 1);
    rig_close(&r);
    fake_stop(&f);
}

static void a_listing_goes_on_in_whole_pages(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    fake_start(&f, FAKE_LIST);
    open_fake(&r, &f, "");
    struct directory_query q = rig_query(&r);
    q.limit = 700;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    assert_int_equal(f.pages, 2);
    q.after = users.next;
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    expect_numbers(&users, 1300);
    assert_int_equal(f.pages, 6); /* 500 and 200 to pass over, then 500 and 100 */
    assert_int_equal(f.connections, 1);
    rig_close(&r);
    fake_stop(&f);
}

static void a_server_without_paging_is_searched_once(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    fake_start(&f, FAKE_LIST_UNPAGED);
    open_fake(&r, &f, "");
    struct directory_query q = rig_query(&r);
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    expect_numbers(&users, 1300);
    assert_int_equal(f.searches, 1);
    users = (struct user_list) { 0 };
    q.limit = 500;
    for (int i = 0; i < 3; i++) {
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
        q.after = users.next;
    }
    assert_int_equal(users.next.len, 0);
    expect_numbers(&users, 1300);
    assert_int_equal(f.searches, 4);
    rig_close(&r);
    fake_stop(&f);
}

static void groups_of_a_server_without_paging_come_all_the_same(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    fake_start(&f, FAKE_LIST_UNPAGED);
    open_fake(&r, &f, "");
    struct directory_query q = rig_query(&r);
    q.want_members = true;
    assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_OK, "");
    assert_int_equal(groups.len, 1300);
    assert_str(groups.items[1299].id, "u1299");
    rig_close(&r);
    fake_stop(&f);
}

static void pages_larger_than_asked_for_lose_nobody(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    fake_start(&f, FAKE_LIST_GREEDY);
    open_fake(&r, &f, "");
    struct directory_query q = rig_query(&r);
    q.limit = 333;
    for (int i = 0; i < 4; i++) {
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
        q.after = users.next;
    }
    expect_numbers(&users, 1300);
    assert_int_equal(users.next.len, 0);
    rig_close(&r);
    fake_stop(&f);
}

static void a_limit_of_the_server_in_the_middle_gives_a_place_to_go_on_from(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    fake_start(&f, FAKE_LIST_LIMIT);
    open_fake(&r, &f, "");
    struct directory_query q = rig_query(&r);
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
    expect_numbers(&users, 500);
    q.after = users.next;
    assert_true(q.after.len > 0);
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_UNAVAILABLE, "result 4");
    expect_numbers(&users, 500);
    rig_close(&r);
    fake_stop(&f);
}

static void what_was_told_before_an_outage_stays_told(void **state) {
    (void)state;
    static const struct {
        enum fake_mode mode;
        enum err_code code;
    } cases[] = { { FAKE_LIST_SILENT, ERR_TIMEOUT }, { FAKE_LIST_CLOSES, ERR_UNAVAILABLE } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;
        AUTO(rig_close) struct rig r = { .budget_ms = 1000 };
        struct user_list users = { .next = STR("untouched") };
        fake_start(&f, cases[i].mode);
        open_fake(&r, &f, "");
        const struct directory_query q = rig_query(&r);
        assert_code(&r, rig_list_users(&r, &q, &users), cases[i].code, "connector t1: ");
        expect_numbers(&users, 500);
        assert_str(users.next, "untouched");
        assert_int_equal(f.connections, 1);
        rig_close(&r);
        fake_stop(&f);
    }
}

static void a_server_that_does_not_answer_is_an_outage_in_time(void **state) {
    (void)state;
    static const struct {
        enum fake_mode mode;
        enum err_code code;
    } cases[] = {
        { FAKE_SILENT, ERR_TIMEOUT },        { FAKE_CLOSES, ERR_UNAVAILABLE },
        { FAKE_RUBBISH, ERR_UNAVAILABLE },   { FAKE_REFERRAL, ERR_UNAVAILABLE },
        { FAKE_ENDLESS_PAGES, ERR_TIMEOUT }, { FAKE_REFUSES_BIND, ERR_UNAVAILABLE },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;
        AUTO(rig_close) struct rig r = { .budget_ms = 300 };
        struct user_list users = { 0 };
        struct group_list groups = { 0 };
        struct directory_user one;
        fake_start(&f, cases[i].mode);
        atomic_store(&f.searches, 1); /* FAKE_ENDLESS_PAGES begins with the second */
        open_fake(&r, &f, "");
        struct directory_query q = rig_query(&r);
        assert_code(&r, rig_list_users(&r, &q, &users), cases[i].code, "");
        q = rig_query(&r);
        q.want_members = true;
        assert_int_not_equal(rig_list_groups(&r, &q, &groups), ERR_OK);
        if (cases[i].mode != FAKE_ENDLESS_PAGES) {
            enum err_code rc = rig_get_user(&r, "jane", &one);
            assert_true(rc == ERR_UNAVAILABLE || rc == ERR_TIMEOUT);
        }
        assert_int_equal(users.len, 0);
        rig_close(&r);
        fake_stop(&f);
    }
}

static void a_failing_server_is_left_alone_by_listings_too(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct user_list users = { 0 };
    fake_start(&f, FAKE_CLOSES);
    open_fake(&r, &f, "");
    for (int i = 0; i < 3; i++) {
        const struct directory_query q = rig_query(&r);
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_UNAVAILABLE, "");
    }
    int before = f.connections;
    const struct directory_query q = rig_query(&r);
    assert_code(&r, rig_list_users(&r, &q, &users), ERR_UNAVAILABLE, "left alone");
    assert_int_equal(f.connections, before);
    rig_close(&r);
    fake_stop(&f);
}

static void a_kept_connection_that_the_server_forgot_is_replaced_unnoticed(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    fake_start(&f, FAKE_FORGETS);
    open_fake(&r, &f, "");
    for (int i = 0; i < 3; i++) {
        struct user_list users = { 0 };
        const struct directory_query q = rig_query(&r);
        assert_code(&r, rig_list_users(&r, &q, &users), ERR_OK, "");
        assert_users(&users, NAMES("jane"));
    }
    assert_int_equal(f.connections, 3);
    rig_close(&r);
    fake_stop(&f);
}

static void members_in_pieces_are_put_together(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    struct directory_group g;
    fake_start(&f, FAKE_GROUP_RANGES);
    open_fake(&r, &f, "");
    struct directory_query q = rig_query(&r);
    q.want_members = true;
    assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_OK, "");
    assert_group_ids(&groups, NAMES("crew"));
    assert_members(&groups.items[0], NAMES("a", "b", "c", "d", "e"));
    assert_code(&r, rig_get_group(&r, "crew", &g), ERR_OK, "");
    assert_members(&g, NAMES("a", "b", "c", "d", "e"));
    assert_int_equal(f.connections, 1); /* pieces and pages come over one */
    rig_close(&r);
    fake_stop(&f);
}

static void a_users_groups_in_pieces_are_put_together(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct group_list groups = { 0 };
    fake_start(&f, FAKE_USER_RANGES);
    open_with(&r, &f, "",
              "groupSearch: {baseDN: 'dc=example,dc=org', nameAttr: cn, userAttr: memberOf, groupAttr: "
              "distinguishedName}\n");
    struct directory_query q = rig_query(&r);
    q.want_members = true;
    assert_code(&r, rig_list_groups(&r, &q, &groups), ERR_OK, "");
    assert_group_ids(&groups, NAMES("crew"));
    assert_members(&groups.items[0], NAMES("jane"));
    rig_close(&r);
    fake_stop(&f);
}

/* ---- how many at a time ---- */

struct lister {
    struct rig *r;
    int64_t budget_ms;
    size_t seen;
    enum err_code rc;
    struct err err;
};

static enum err_code count(void *ctx, const struct directory_user *u, struct err *err) {
    struct lister *l = ctx;
    (void)err;
    l->seen += u->id.len > 0;
    return ERR_OK;
}

static void *one_listing(void *arg) {
    struct lister *l = arg;
    struct arena *a = arena_new(1 << 20);
    const struct directory_query q = { .deadline_mono_ms = clock_mono_ms(l->r->env.clock) + l->budget_ms };
    struct str next;
    l->rc = connector_list_users(l->r->c, a, &q, count, l, &next, &l->err);
    arena_free(a);
    return NULL;
}

static void at_most_a_quarter_of_the_pool_lists(void **state) {
    (void)state;
    static const struct {
        int pool_size, listings;
    } cases[] = { { 1, 1 }, { 2, 1 }, { 4, 1 }, { 8, 2 }, { 15, 3 } };
    enum { LISTERS = 5 };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake f;
        AUTO(rig_close) struct rig r = { 0 };
        char more[32];
        pthread_t threads[LISTERS];
        struct lister listers[LISTERS], late = { .r = &r, .budget_ms = 30 };
        fake_start(&f, FAKE_LIST_HELD);
        atomic_store(&f.held, true);
        (void)snprintf(more, sizeof more, "poolSize: %d", cases[i].pool_size);
        open_with(&r, &f, more, ""); /* no groups: pages are of listings only */
        for (int k = 0; k < LISTERS; k++) {
            listers[k] = (struct lister) { .r = &r, .budget_ms = 30000 };
            assert_int_equal(pthread_create(&threads[k], NULL, one_listing, &listers[k]), 0);
        }
        while (f.waiting < cases[i].listings)
            (void)sched_yield();
        (void)one_listing(&late);
        assert_int_equal(late.rc, ERR_UNAVAILABLE);
        assert_non_null(strstr(late.err.detail, "a quarter of poolSize"));
        /* The other places are for logins. */
        if (cases[i].pool_size > 1)
            assert_non_null(rig_ok(&r, "jane", "foo"));
        atomic_store(&f.held, false);
        for (int k = 0; k < LISTERS; k++) {
            assert_int_equal(pthread_join(threads[k], NULL), 0);
            if (listers[k].rc != ERR_OK)
                fail_msg("%s", listers[k].err.detail);
            assert_int_equal(listers[k].seen, 1300);
        }
        assert_int_equal(f.waiting_max, cases[i].listings);
        rig_close(&r);
        fake_stop(&f);
    }
}

static enum err_code log_in_between(void *ctx, const struct directory_user *u, struct err *err) {
    struct lister *l = ctx;
    (void)u;
    (void)err;
    if (l->seen++ % 500 == 0)
        assert_non_null(rig_ok(l->r, "jane", "foo"));
    return ERR_OK;
}

static void a_login_fits_between_two_pages_even_in_a_pool_of_one(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    struct lister l = { .r = &r };
    struct str next;
    fake_start(&f, FAKE_LIST);
    open_with(&r, &f, "poolSize: 1", "");
    const struct directory_query q = rig_query(&r);
    assert_code(&r, connector_list_users(r.c, r.arena, &q, log_in_between, &l, &next, &r.err), ERR_OK, "");
    assert_int_equal(l.seen, 1300);
    rig_close(&r);
    fake_stop(&f);
}

static void a_listing_that_waits_in_vain_harms_nobody(void **state) {
    (void)state;
    struct fake f;
    AUTO(rig_close) struct rig r = { 0 };
    pthread_t thread;
    struct lister first = { .r = &r, .budget_ms = 30000 }, late = { .r = &r, .budget_ms = 1 };
    fake_start(&f, FAKE_LIST_HELD);
    atomic_store(&f.held, true);
    open_with(&r, &f, "poolSize: 4", "");
    assert_int_equal(pthread_create(&thread, NULL, one_listing, &first), 0);
    while (f.waiting < 1)
        (void)sched_yield();
    for (int i = 0; i < 20; i++) {
        (void)one_listing(&late);
        assert_int_equal(late.rc, ERR_UNAVAILABLE);
        assert_non_null(rig_ok(&r, "jane", "foo"));
    }
    assert_int_equal(connector_health(r.c, &r.err), ERR_OK);
    atomic_store(&f.held, false);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(first.rc, ERR_OK);
    assert_int_equal(f.pages, 3);
    rig_close(&r);
    fake_stop(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_with_pages_is_asked_for_as_few_as_are_needed),
        cmocka_unit_test(a_listing_goes_on_in_whole_pages),
        cmocka_unit_test(a_server_without_paging_is_searched_once),
        cmocka_unit_test(groups_of_a_server_without_paging_come_all_the_same),
        cmocka_unit_test(pages_larger_than_asked_for_lose_nobody),
        cmocka_unit_test(a_limit_of_the_server_in_the_middle_gives_a_place_to_go_on_from),
        cmocka_unit_test(what_was_told_before_an_outage_stays_told),
        cmocka_unit_test(a_server_that_does_not_answer_is_an_outage_in_time),
        cmocka_unit_test(a_failing_server_is_left_alone_by_listings_too),
        cmocka_unit_test(a_kept_connection_that_the_server_forgot_is_replaced_unnoticed),
        cmocka_unit_test(members_in_pieces_are_put_together),
        cmocka_unit_test(a_users_groups_in_pieces_are_put_together),
        cmocka_unit_test(at_most_a_quarter_of_the_pool_lists),
        cmocka_unit_test(a_login_fits_between_two_pages_even_in_a_pool_of_one),
        cmocka_unit_test(a_listing_that_waits_in_vain_harms_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
