/* Management and RBAC: what can be changed and asked, beside what tests/oracle compares. */
#include "unit/enforcer/helper.h"

static const char model[] =
    "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act\n"
    "[role_definition]\ng = _, _, _\n[policy_effect]\ne = some(where (p.eft == allow))\n[matchers]\n"
    "m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && r.obj == p.obj && r.act == p.act\n";
static const char csv[] =
    "p, admin, d1, data, read\np, admin, d1, data, write\np, admin, d2, data, read\np, guest, d1, page, "
    "read\n"
    "g, alice, staff, d1\ng, staff, admin, d1\ng, bob, admin, d2\ng, carol, guest, d1\n";

struct list {
    char text[512];
    size_t most; /* entries wanted; 0: all */
    size_t len;
};

static bool add_text(void *ctx, struct enforcer_str text) {
    struct list *l = ctx;
    size_t n = strlen(l->text);
    (void)snprintf(l->text + n, sizeof l->text - n, "%.*s ", (int)text.len, text.ptr);
    return ++l->len != l->most;
}

static bool add_rule(void *ctx, const struct enforcer_rule *rule) {
    char line[128];
    enforcer_rule_print(rule, line, sizeof line);
    return add_text(ctx, enforcer_cstr(line));
}

static void roles_and_permissions_by_domain(void **state) {
    (void)state;
    struct enforcer_error err = { 0 };
    struct enforcer *e = new_enforcer(model, 0);
    load(e, csv);
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    const struct enforcer_str d1 = S("d1"), d2 = S("d2"), carol = S("carol");
    struct list l = { 0 };
    CHECK(enforcer_implicit_roles(s, S("alice"), &d1, add_text, &l, &err));
    assert_string_equal(l.text, "staff admin ");
    l = (struct list) { 0 };
    CHECK(enforcer_implicit_roles(s, S("alice"), &d2, add_text, &l, &err));
    assert_string_equal(l.text, "");
    CHECK(enforcer_implicit_members(s, S("admin"), &d1, add_text, &l, &err));
    assert_string_equal(l.text, "staff alice ");
    l = (struct list) { 0 };
    CHECK(enforcer_implicit_permissions(s, S("alice"), &d1, add_rule, &l, &err));
    assert_string_equal(l.text, "p, admin, d1, data, read p, admin, d1, data, write ");
    l = (struct list) { .most = 1 };
    CHECK(enforcer_implicit_permissions(s, S("alice"), &d1, add_rule, &l, &err));
    assert_string_equal(l.text, "p, admin, d1, data, read "); /* the visitor said enough */
    l = (struct list) { 0 };
    CHECK(enforcer_domains(s, &carol, add_text, &l, &err));
    assert_string_equal(l.text, "d1 ");
    l = (struct list) { 0 };
    struct enforcer_str question[3] = { S("d1"), S("data"), S("write") };
    CHECK(enforcer_implicit_users_for(s, question, 3, add_text, &l, &err));
    assert_string_equal(l.text, "alice ");
    l = (struct list) { 0 };
    CHECK(enforcer_values(s, "p", 2, add_text, &l, &err));
    assert_string_equal(l.text, "data page ");
    assert_int_equal(enforcer_values(s, "p7", 0, add_text, &l, &err), ENFORCER_NOT_FOUND);
    assert_int_equal(enforcer_roles_of(s, "p", S("x"), NULL, add_text, &l, &err), ENFORCER_NOT_FOUND);
    enforcer_release(e, s);
    enforcer_free(e);
}

static void a_batch_is_all_or_nothing(void **state) {
    (void)state;
    struct enforcer_error err = { 0 };
    struct enforcer *e = new_enforcer(model, 0);
    load(e, csv);
    struct enforcer_batch *b = NULL;
    struct enforcer_str rule[4] = { S("guest"), S("d1"), S("data"), S("read") };
    bool changed = true;
    uint64_t revision = 0;
    size_t removed = 0;
    const struct enforcer_snapshot *before = enforcer_acquire(e);

    CHECK(enforcer_batch_begin(e, &b, &err));
    CHECK(enforcer_batch_add(b, "p", rule, 4, &changed, &err));
    assert_true(changed);
    CHECK(enforcer_batch_add(b, "p", rule, 4, &changed, &err));
    assert_false(changed);
    assert_int_equal(enforcer_batch_add(b, "p9", rule, 4, &changed, &err), ENFORCER_NOT_FOUND);
    assert_int_equal(enforcer_batch_add(b, "g", rule, 2, &changed, &err), ENFORCER_INVALID);
    enforcer_batch_abort(b);
    assert_int_equal(ASK(e, "carol", "d1", "data", "read"), ENFORCER_NO_MATCH);

    CHECK(enforcer_batch_begin(e, &b, &err));
    CHECK(enforcer_batch_add(b, "p", rule, 4, &changed, &err));
    CHECK(enforcer_batch_delete_role(b, S("admin"), &removed, &err));
    assert_int_equal(removed, 5); /* three rules, two links to it */
    CHECK(enforcer_batch_commit(b, &revision, &err));
    assert_int_equal(revision, 2);
    assert_int_equal(ASK(e, "carol", "d1", "data", "read"), ENFORCER_ALLOW);
    assert_int_equal(ASK(e, "alice", "d1", "data", "read"), ENFORCER_NO_MATCH);

    struct enforcer_result result;
    struct enforcer_str question[4] = { S("alice"), S("d1"), S("data"), S("read") };
    CHECK(enforcer_enforce_strings(before, question, 4, &result, &err)); /* who still holds the old one */
    assert_int_equal(result.outcome, ENFORCER_ALLOW);
    enforcer_release(e, before);

    CHECK(enforcer_batch_begin(e, &b, &err));
    CHECK(enforcer_batch_commit(b, &revision, &err));
    assert_int_equal(revision, 2); /* nothing changed: no new snapshot */

    CHECK(enforcer_batch_begin(e, &b, &err));
    assert_int_equal(enforcer_batch_csv(b, "p, a, b\nx, y\n", 12, &err), ENFORCER_INVALID);
    assert_int_equal(err.line, 2);
    assert_int_equal(enforcer_batch_commit(b, NULL, &err), ENFORCER_INVALID); /* half a file is no policy */
    enforcer_free(e);
}

static void updates_keep_the_place(void **state) {
    (void)state;
    struct enforcer_error err = { 0 };
    struct enforcer *e = new_enforcer(
        "[request_definition]\nr = sub\n[policy_definition]\np = sub, eft\n[policy_effect]\n"
        "e = priority(p.eft) || deny\n[matchers]\nm = r.sub == p.sub || p.sub == '*'\n",
        0);
    load(e, "p, ann, deny\np, *, allow\n");
    assert_int_equal(ASK(e, "ann"), ENFORCER_DENY);
    struct enforcer_batch *b = NULL;
    struct enforcer_str old[2] = { S("ann"), S("deny") }, now[2] = { S("bob"), S("deny") };
    bool changed = false;
    CHECK(enforcer_batch_begin(e, &b, &err));
    CHECK(enforcer_batch_update(b, "p", old, 2, now, 2, &changed, &err));
    assert_true(changed);
    CHECK(enforcer_batch_update(b, "p", old, 2, now, 2, &changed, &err));
    assert_false(changed);
    CHECK(enforcer_batch_commit(b, NULL, &err));
    assert_int_equal(ASK(e, "ann"), ENFORCER_ALLOW);
    assert_int_equal(ASK(e, "bob"), ENFORCER_DENY); /* still before the star */
    enforcer_free(e);
}

static void limits_are_kept(void **state) {
    (void)state;
    struct enforcer_error err = { 0 };
    struct enforcer_options options = { .rules_max = 2, .field_max = 4, .value_max = 4 };
    struct enforcer *e = enforcer_new(model, strlen(model), &options, &err);
    assert_non_null(e);
    struct enforcer_str rule[4] = { S("a"), S("d"), S("o"), S("long!") };
    assert_int_equal(enforcer_add(e, "p", rule, 4, NULL, &err), ENFORCER_LIMIT);
    rule[3] = S("x");
    CHECK(enforcer_add(e, "p", rule, 4, NULL, &err));
    rule[3] = S("y");
    CHECK(enforcer_add(e, "p", rule, 4, NULL, &err));
    rule[3] = S("z");
    assert_int_equal(enforcer_add(e, "p", rule, 4, NULL, &err), ENFORCER_LIMIT);
    struct enforcer_result result;
    struct enforcer_str question[4] = { S("alice"), S("d"), S("o"), S("x") };
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    assert_int_equal(enforcer_enforce_strings(s, question, 4, &result, &err), ENFORCER_LIMIT);
    question[0] = S("a");
    CHECK(enforcer_enforce_strings(s, question, 4, &result, &err));
    assert_int_equal(result.outcome, ENFORCER_ALLOW);
    enforcer_release(e, s);
    enforcer_free(e);
}

static void many_questions_on_one_snapshot(void **state) {
    (void)state;
    struct enforcer_error err = { 0 };
    struct enforcer *e = new_enforcer(model, 0);
    load(e, csv);
    struct enforcer_value a[4] = { enforcer_string("alice"), enforcer_string("d1"), enforcer_string("data"),
                                   enforcer_string("read") };
    struct enforcer_value n[4] = { enforcer_string("alice"), enforcer_string("d2"), enforcer_string("data"),
                                   enforcer_string("read") };
    struct enforcer_request requests[3] = { { .values = a, .values_len = 4 },
                                            { .values = n, .values_len = 4 },
                                            { .values = a, .values_len = 3 } };
    struct enforcer_result results[3];
    size_t done = 0;
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    assert_int_equal(enforcer_enforce_batch(s, requests, 3, results, &done, &err), ENFORCER_INVALID);
    assert_int_equal(done, 2);
    assert_int_equal(results[0].outcome, ENFORCER_ALLOW);
    assert_int_equal(results[1].outcome, ENFORCER_NO_MATCH);
    assert_int_equal(results[2].outcome, ENFORCER_NO_MATCH);
    enforcer_release(e, s);
    enforcer_free(e);
}

static size_t read_file(const char *path, char *out, size_t cap) {
    FILE *f = fopen(path, "rbe");
    if (f == NULL)
        fail_msg("%s cannot be read", path);
    size_t n = fread(out, 1, cap - 1, f);
    out[n] = '\0';
    (void)fclose(f);
    return n;
}

static void the_documentation_shows_the_example_that_is_built(void **state) {
    (void)state;
    static char example[16384], docs[65536];
    (void)read_file("tests/unit/enforcer/example.c", example, sizeof example);
    (void)read_file("docs/enforcer.md", docs, sizeof docs);
    assert_non_null(strstr(docs, example));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roles_and_permissions_by_domain),
        cmocka_unit_test(a_batch_is_all_or_nothing),
        cmocka_unit_test(updates_keep_the_place),
        cmocka_unit_test(limits_are_kept),
        cmocka_unit_test(many_questions_on_one_snapshot),
        cmocka_unit_test(the_documentation_shows_the_example_that_is_built),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
