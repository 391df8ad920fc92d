/* An operator's file of rules, brought into the store whenever it is another one. */
#include "unit/server/server_rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/policy_file.h"

static struct policy_file file;
static size_t changed;

/* ---- a store that fails (linked with --wrap) ---- */

static enum err_code store_fails; /* the next time */

enum err_code __real_rules_set(struct store *s, struct str owner, const struct rule_list *rules,
                               size_t *ret_changed, struct err *err);
enum err_code __wrap_rules_set(struct store *s, struct str owner, const struct rule_list *rules,
                               size_t *ret_changed, struct err *err);
enum err_code __wrap_rules_set(struct store *s, struct str owner, const struct rule_list *rules,
                               size_t *ret_changed, struct err *err) {
    enum err_code rc = store_fails;
    store_fails = ERR_OK;
    return rc != ERR_OK ? err_set(err, rc, "told to fail")
                        : __real_rules_set(s, owner, rules, ret_changed, err);
}

static int setup(void **state) {
    file = (struct policy_file) { 0 };
    store_fails = ERR_OK;
    return server_rig_setup(state);
}
static int teardown(void **state) {
    policy_file_done(&file);
    return server_rig_teardown(state);
}

static enum err_code sync_with(const char *path) {
    rig.err = (struct err) { 0 };
    return policy_file_sync(&file, path, NULL, rig.store, &rig.random, &changed, &rig.err);
}

static const char *put(const char *text) { return server_rig_write("policy.csv", text); }

#define ALICE "g, t##user##alice, pol-a, *\n"
#define BOB "g, t##user##bob, pol-a, *\n"
#define POLICY "p, pol-a, *, *, get*, allow\n"

static void its_rules_are_the_stores_until_the_file_says_otherwise(void **state) {
    (void)state;
    const char *path = put(POLICY ALICE "# a comment\n\n");
    rig_ok(sync_with(path));
    assert_int_equal(changed, 2);
    rig_assert_rules(ALICE POLICY);
    path = put(POLICY BOB);
    rig_ok(sync_with(path));
    assert_int_equal(changed, 2); /* one went, one came */
    rig_assert_rules(BOB POLICY);
    rig_ok(sync_with(put("")));
    assert_int_equal(changed, 2);
    rig_assert_rules("");
}

static void a_file_that_is_the_same_is_not_read_again(void **state) {
    (void)state;
    const char *path = put(POLICY);
    rig_ok(sync_with(path));
    uint64_t writes = store_write_count(rig.store);
    changed = 7;
    for (int i = 0; i < 3; i++) {
        store_fails = ERR_INTERNAL; /* would be seen */
        rig_ok(sync_with(path));
        assert_int_equal(changed, 0);
    }
    store_fails = ERR_OK;
    assert_int_equal(store_write_count(rig.store), writes);
    /* Another start reads it, and finds everything in its place. */
    policy_file_done(&file);
    rig_ok(sync_with(path));
    assert_int_equal(changed, 0);
    rig_assert_rules(POLICY);
}

/* As kubelet and editors do it: renamed over the old one, at the same length and with the same time. */
static void a_file_put_in_its_place_is_noticed_by_more_than_its_time(void **state) {
    (void)state;
    const struct timespec times[2] = { { .tv_sec = RIG_START }, { .tv_sec = RIG_START } };
    const char *path = put("p, pol-a, *, *, get*, allow\n");
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    rig_ok(sync_with(path));
    const char *next = server_rig_write("next.csv", "p, pol-b, *, *, get*, allow\n");
    assert_int_equal(utimensat(AT_FDCWD, next, times, 0), 0);
    assert_int_equal(rename(next, path), 0);
    rig_ok(sync_with(path));
    rig_assert_rules("p, pol-b, *, *, get*, allow\n");
}

static void another_path_or_none_is_another_file(void **state) {
    (void)state;
    const char *first = put(POLICY ALICE), *second = server_rig_write("second.csv", POLICY BOB);
    rig_ok(sync_with(first));
    rig_ok(sync_with(second));
    rig_assert_rules(BOB POLICY);
    rig_ok(sync_with(NULL));
    assert_int_equal(changed, 2);
    rig_assert_rules("");
    rig_ok(sync_with(NULL));
    assert_int_equal(changed, 0);
    rig_ok(sync_with(second));
    rig_assert_rules(BOB POLICY);
    assert_int_equal(policy_file_sync(&file, first, NULL, rig.store, &rig.random, NULL, &rig.err), ERR_OK);
    rig_assert_rules(ALICE POLICY);
}

/* A daemon that started with a file it is no longer given forgets its rules, too. */
static void rules_of_a_file_of_another_start_go(void **state) {
    (void)state;
    rig_ok(sync_with(put(POLICY)));
    policy_file_done(&file);
    rig_ok(sync_with(NULL));
    rig_assert_rules("");
}

static void a_bad_file_leaves_the_last_good_rules_and_is_tried_again_when_it_changes(void **state) {
    (void)state;
    static const char *const bad[] = { "p, pol-a\n", "x, a, b\n", POLICY "p, pol-a, *, *, get*, maybe\n",
                                       "p, \"open\n" };
    const char *path = put(POLICY ALICE);
    rig_ok(sync_with(path));
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        (void)put(bad[i]);
        if (sync_with(path) == ERR_OK)
            fail_msg("taken: %s", bad[i]);
        assert_non_null(strstr(rig.err.detail, "policy.csv"));
        rig_assert_rules(ALICE POLICY);
        rig_ok(sync_with(path)); /* not told every second */
        assert_int_equal(changed, 0);
    }
    assert_int_not_equal(sync_with(rig.folder), ERR_OK); /* a directory */
    rig_ok(sync_with(rig.folder));
    (void)put(POLICY BOB);
    rig_ok(sync_with(path));
    rig_assert_rules(BOB POLICY);
}

static void a_file_that_goes_leaves_its_rules_until_it_is_back(void **state) {
    (void)state;
    const char *path = put(POLICY ALICE);
    rig_ok(sync_with(path));
    assert_int_equal(unlink(path), 0);
    assert_int_not_equal(sync_with(path), ERR_OK);
    rig_ok(sync_with(path));
    rig_assert_rules(ALICE POLICY);
    (void)put(POLICY BOB);
    rig_ok(sync_with(path));
    rig_assert_rules(BOB POLICY);
}

static void a_rule_that_an_object_has_too_stays_with_the_object(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_policy("acme", "pol-a", "");
    const char *before = rig_rules();
    const char *path = put(rig_text("%s" ALICE, before));
    rig_ok(sync_with(path));
    assert_int_equal(changed, 1);
    (void)put("");
    rig_ok(sync_with(path));
    rig_assert_rules(before);
    (void)put(before);
    rig_ok(sync_with(path));
    rig_delete(&kind_policy, "pol-a");
    rig_assert_rules(before); /* the file still says so */
}

static void fields_keep_their_commas_and_quotes(void **state) {
    (void)state;
    rig_ok(sync_with(put("g, \"a,b\", \"say \"\"x\"\"\", *\n")));
    rig_assert_rules("g, a,b, say \"x\", *\n");
}

/* A disk that was full for a moment must not keep the rules out until somebody touches the file. */
static void what_the_store_could_not_take_is_tried_again(void **state) {
    (void)state;
    const char *path = put(POLICY ALICE);
    rig_ok(sync_with(path));
    (void)put(POLICY BOB);
    store_fails = ERR_UNAVAILABLE;
    assert_int_equal(sync_with(path), ERR_UNAVAILABLE);
    rig_assert_rules(ALICE POLICY);
    rig_ok(sync_with(path));
    assert_int_equal(changed, 2);
    rig_assert_rules(BOB POLICY);
    (void)put(POLICY);
    store_fails = ERR_LIMIT; /* which will not change by itself */
    assert_int_equal(sync_with(path), ERR_LIMIT);
    rig_ok(sync_with(path));
    assert_int_equal(changed, 0);
    rig_assert_rules(BOB POLICY);
}

#define MODEL                                                                                                \
    "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act, eft\n"       \
    "p2 = sub, act\n[role_definition]\ng = _, _, _\ng2 = _, _, _\n[policy_effect]\n"                         \
    "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n[matchers]\n"                         \
    "m = g(r.sub, p.sub, r.dom) && r.act == p.act\n"

static void rules_of_every_sort_the_model_knows_are_taken(void **state) {
    (void)state;
    const char *model = server_rig_write("model.conf", MODEL);
    const char *text = "g, a, b, *\ng2, c, d, *\np, a, *, x, get, allow\np2, a, get\n";
    rig_ok(policy_file_sync(&file, put(text), model, rig.store, &rig.random, &changed, &rig.err));
    assert_int_equal(changed, 4);
    rig_assert_rules(text);
    policy_file_done(&file);
    assert_int_not_equal(
        policy_file_sync(&file, put(text), "/nonexistent/model", rig.store, &rig.random, &changed, &rig.err),
        ERR_OK);
    rig_assert_rules(text);
}

static void rules_longer_than_what_can_be_kept_are_refused(void **state) {
    (void)state;
    const char *model = server_rig_write(
        "model.conf", "[request_definition]\nr = sub, act\n[policy_definition]\np = sub, b, c, d, e, f, act\n"
                      "p2 = sub, b, c, d, e, f, g, act\n[policy_effect]\ne = some(where (p.eft == allow))\n"
                      "[matchers]\nm = r.sub == p.sub && r.act == p.act\n");
    const char *whole = "p, s, b, c, d, e, f, get\n";
    rig_ok(policy_file_sync(&file, put(whole), model, rig.store, &rig.random, &changed, &rig.err));
    rig_assert_rules(whole);
    assert_int_equal(policy_file_sync(&file, put("p2, s, b, c, d, e, f, g, get\n"), model, rig.store,
                                      &rig.random, &changed, &rig.err),
                     ERR_INVALID);
    assert_non_null(strstr(rig.err.detail, "a p2 rule has 8 fields, and no more than 7 can be kept"));
    rig_assert_rules(whole);
}

#define BOTH(f) TEST_ON(f, "memory"), TEST_ON(f, "sqlite")
#define TEST(f) TEST_ON(f, "memory")
int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(its_rules_are_the_stores_until_the_file_says_otherwise),
        TEST(a_file_that_is_the_same_is_not_read_again),
        TEST(a_file_put_in_its_place_is_noticed_by_more_than_its_time),
        TEST(another_path_or_none_is_another_file),
        TEST(rules_of_a_file_of_another_start_go),
        TEST(a_bad_file_leaves_the_last_good_rules_and_is_tried_again_when_it_changes),
        TEST(a_file_that_goes_leaves_its_rules_until_it_is_back),
        BOTH(a_rule_that_an_object_has_too_stays_with_the_object),
        TEST(fields_keep_their_commas_and_quotes),
        TEST(what_the_store_could_not_take_is_tried_again),
        TEST(rules_of_every_sort_the_model_knows_are_taken),
        TEST(rules_longer_than_what_can_be_kept_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
