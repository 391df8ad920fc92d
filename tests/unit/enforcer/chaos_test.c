/* Memory runs out at every possible place: each call fails cleanly or succeeds, and the policy is never half changed. */
#include "unit/enforcer/helper.h"

struct allocator {
    size_t calls, fail_at; /* the fail_at-th call fails; 0: none */
    bool for_good;         /* and every later one too */
    size_t live;
};

static void *reallocate(void *ctx, void *ptr, size_t size) {
    struct allocator *a = ctx;
    a->calls++;
    if (a->fail_at != 0 && (a->calls == a->fail_at || (a->for_good && a->calls > a->fail_at)))
        return NULL;
    void *p = realloc(ptr, size ? size : 1);
    a->live += p != NULL && ptr == NULL;
    return p;
}

static void release(void *ctx, void *ptr) {
    struct allocator *a = ctx;
    a->live -= ptr != NULL;
    free(ptr);
}

static const char model[] =
    "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act, eft\n"
    "p2 = rule, priority\n"
    "[role_definition]\ng = _, _, _\ng2 = _, _\n[policy_effect]\ne = some(where (p.eft == allow)) && "
    "!some(where (p.eft == deny))\ne2 = priority(p.eft) || deny\n[matchers]\n"
    "m = g(r.sub, p.sub, r.dom) && r.dom == p.dom && keyMatch2(r.obj, p.obj) && regexMatch(r.act, p.act)\n"
    "m2 = eval(p2.rule) && (r.act + '!') in ('read!', 'write!')\n";
static const char csv[] =
    "p, admin, d1, /a/:id, (read|write)+, allow\np, admin, d1, /b/*, rea?d, deny\n"
    "p, alice, d2, \"/c, d\", .*, allow\n"
    "p2, r.sub == 'alice', 3\np2, globMatch(r.obj, \"/{a,b}/*\"), 1\n"
    "g, alice, staff, d1\ng, staff, admin, d1\ng, bob, staff, d1\ng, carol, alice, d1\ng2, x, y\n";

/* Enough rules for tables several levels deep. */
enum { MORE = 120 };

static void whole_policy(char *out, size_t cap) {
    size_t n = (size_t)snprintf(out, cap, "%s", csv);
    for (int i = 0; i < MORE; i++)
        n += (size_t)snprintf(out + n, cap - n,
                              i % 2 ? "g, u%d, r%d, d1\n" : "p, r%d, d1, /x/%d, read, allow\n", i, i);
}

static enum enforcer_status try_requests(const struct enforcer_snapshot *s) {
    struct enforcer_error err;
    struct enforcer_result result;
    struct enforcer_value values[4] = { enforcer_string("alice"), enforcer_string("d1"),
                                        enforcer_string("/a/7"), enforcer_string("read") };
    struct enforcer_request r = { .values = values, .values_len = 4 };
    enum enforcer_status rc = enforcer_enforce(s, &r, &result, &err);
    assert_true(rc == ENFORCER_NOMEM ? result.outcome == ENFORCER_NO_MATCH
                                     : result.outcome == ENFORCER_ALLOW);
    if (rc != ENFORCER_OK)
        return rc;
    r.p = r.e = r.m = 2;
    rc = enforcer_enforce(s, &r, &result, &err);
    assert_true(rc == ENFORCER_NOMEM ? result.outcome == ENFORCER_NO_MATCH
                                     : result.outcome == ENFORCER_ALLOW);
    if (rc != ENFORCER_OK)
        return rc;
    struct enforcer_explanation *x = NULL;
    r.p = r.e = r.m = 1;
    values[3] = enforcer_string("dance");
    rc = enforcer_explain(s, &r, 3, &x, &err);
    if (rc == ENFORCER_OK)
        enforcer_explanation_free(x);
    return rc;
}

static enum enforcer_status try_changes(struct enforcer *e) {
    struct enforcer_error err;
    struct enforcer_batch *b = NULL;
    enum enforcer_status rc = enforcer_batch_begin(e, &b, &err);
    if (rc != ENFORCER_OK)
        return rc;
    struct enforcer_str link[3] = { S("dave"), S("staff"), S("d1") },
                        gone[3] = { S("staff"), S("admin"), S("d1") };
    struct enforcer_str rule[5] = { S("staff"), S("d1"), S("/z/{x"), S("["), S("allow") };
    struct enforcer_str name = S("alice");
    rc = enforcer_batch_add(b, "g", link, 3, NULL, &err);
    if (rc == ENFORCER_OK)
        rc = enforcer_batch_remove(b, "g", gone, 3, NULL, &err);
    if (rc == ENFORCER_OK)
        rc = enforcer_batch_add(b, "p", rule, 5, NULL, &err);
    if (rc == ENFORCER_OK)
        rc = enforcer_batch_delete_role(b, name, NULL, &err);
    if (rc == ENFORCER_OK)
        return enforcer_batch_commit(b, NULL, &err);
    enforcer_batch_abort(b);
    return rc;
}

/* Everything once; *ret_loaded: the policy got in. */
static enum enforcer_status scenario(struct allocator *a) {
    struct enforcer_allocator hook = { reallocate, release, a };
    struct enforcer_options options = { .allocator = &hook, .hash_key = { 7, 7 } };
    struct enforcer_error err = { 0 };
    struct enforcer *e = enforcer_new(model, strlen(model), &options, &err);
    if (e == NULL) {
        assert_non_null(strstr(err.text, "memory"));
        return ENFORCER_NOMEM;
    }
    static char policy[1 << 14];
    whole_policy(policy, sizeof policy);
    enum enforcer_status rc = enforcer_load_csv(e, policy, strlen(policy), NULL, &err);
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    struct enforcer_stats stats;
    enforcer_stats(e, s, &stats);
    assert_int_equal(stats.policy_rules + stats.grouping_rules, rc == ENFORCER_OK ? 10 + MORE : 0);
    if (rc == ENFORCER_OK)
        rc = try_requests(s);
    enforcer_release(e, s);
    if (rc == ENFORCER_OK) {
        rc = try_changes(e);
        s = enforcer_acquire(e);
        enforcer_stats(e, s, &stats);
        assert_int_equal(stats.grouping_rules, (rc == ENFORCER_OK ? 3 : 5) + MORE / 2);
        assert_int_equal(enforcer_revision(s), rc == ENFORCER_OK ? 2 : 1);
        enforcer_release(e, s);
    }
    enforcer_free(e);
    return rc;
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    struct allocator whole = { 0 };
    assert_int_equal(scenario(&whole), ENFORCER_OK);
    assert_int_equal(whole.live, 0);
    assert_true(whole.calls > 100);
    /* All of the beginning and the end, samples of the middle, where one rule is like the other. */
    for (size_t n = 1; n <= whole.calls * 2; n += n < 800 || n + 1500 > whole.calls * 2 ? 1 : 7) {
        struct allocator a = { .fail_at = (n + 1) / 2, .for_good = n % 2 };
        enum enforcer_status rc = scenario(&a);
        if (rc != ENFORCER_NOMEM)
            fail_msg("allocation %zu of %zu fails: %s", n, whole.calls, enforcer_status_name(rc));
        if (a.live != 0)
            fail_msg("allocation %zu fails: %zu blocks leak", n, a.live);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
