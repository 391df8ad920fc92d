/* Random models, policies, changes and requests: the compiled way and the evaluator must agree, old snapshots must not
 * change, and the same policy loaded at once must decide as the one that was changed step by step. */
#include "unit/enforcer/helper.h"

static uint32_t state_;

static uint32_t draw(uint32_t below) {
    state_ = state_ * 1664525u + 1013904223u;
    return (state_ >> 8) % below;
}
#define PICK(list) (list)[draw(ARRAY_LEN(list))]

static const char *const names[] = { "ann", "bob", "eve", "r1", "r2", "r3", "r4", "root" };
static const char *const domains[] = { "*", "d1", "d2", "" };
static const char *const objects[] = { "/a", "/a/1", "/a/1/b", "/b:2", "x*y", "10.0.0.1", "", "/A/1" };
static const char *const patterns[] = { "*", "/a/*",    "/a/:id",     "/a/{id}", "/a/1",
                                        "[", "/a/:x/b", "10.0.0.0/8", "(a|b)+",  "" };
static const char *const actions[] = { "get", "GET", "put", "", "list" };
static const char *const action_patterns[] = { "get", "*", "g*", "*t", "*e*", "put|get", ".", "g.t" };
static const char *const efts[] = { "allow", "allow", "deny", "maybe" };
static const char *const effects[] = { "some(where (p.eft == allow))", "!some(where (p.eft == deny))",
                                       "some(where (p.eft == allow)) && !some(where (p.eft == deny))",
                                       "priority(p.eft) || deny", "subjectPriority(p.eft) || deny" };
static const char *const functions[] = { "keyMatch",   "keyMatch2", "keyMatch3", "keyMatch4",
                                         "regexMatch", "globMatch", "ipMatch",   "keyMatchCustom" };
static const char *const clauses[] = { "g(r.sub, p.sub, r.dom)",
                                       "r.dom == p.dom",
                                       "r.sub == p.sub",
                                       "r.act == p.act",
                                       "p.obj == r.obj",
                                       "g2(r.obj, p.obj)",
                                       "(r.sub == 'root' || r.act != 'put')",
                                       "F(r.obj, p.obj)",
                                       "F(r.act, p.act)",
                                       "r.sub",
                                       "r.missing == p.sub" };

static void random_model(char *out, size_t cap) {
    char matcher[512] = "";
    size_t n = 0, count = 1 + draw(4);
    for (size_t i = 0; i < count; i++) {
        const char *c = clauses[draw(ARRAY_LEN(clauses) - 1)];
        n += (size_t)snprintf(matcher + n, sizeof matcher - n, "%s%s%s", i ? " && " : "",
                              c[0] == 'F' ? PICK(functions) : "", c[0] == 'F' ? c + 1 : c);
    }
    (void)snprintf(
        out, cap,
        "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = %ssub, dom, obj, act, eft\n"
        "[role_definition]\ng = _, _, _\ng2 = _, _\n[policy_effect]\ne = %s\n[matchers]\nm = %s\n",
        draw(4) ? "" : "priority, ", PICK(effects), matcher);
}

static size_t random_rule(const char **ptype, struct enforcer_str *f, bool priority) {
    static const char *const digits[] = { "1", "2", "3", "-1" };
    size_t n = 0;
    uint32_t what = draw(10);
    if (what < 4) {
        *ptype = "g";
        f[n++] = enforcer_cstr(PICK(names));
        f[n++] = enforcer_cstr(PICK(names));
        f[n++] = enforcer_cstr(PICK(domains));
        return n;
    }
    if (what == 4) {
        *ptype = "g2";
        f[n++] = enforcer_cstr(PICK(objects));
        f[n++] = enforcer_cstr(PICK(patterns));
        return n;
    }
    *ptype = "p";
    if (priority)
        f[n++] = enforcer_cstr(PICK(digits));
    f[n++] = enforcer_cstr(PICK(names));
    f[n++] = enforcer_cstr(PICK(domains));
    f[n++] = enforcer_cstr(draw(4) ? PICK(patterns) : PICK(objects));
    f[n++] = enforcer_cstr(PICK(action_patterns));
    if (draw(5))
        f[n++] = enforcer_cstr(PICK(efts));
    return n;
}

static void random_request(struct enforcer_str *r) {
    r[0] = enforcer_cstr(PICK(names));
    r[1] = enforcer_cstr(PICK(domains));
    r[2] = enforcer_cstr(PICK(objects));
    r[3] = enforcer_cstr(PICK(actions));
}

struct answer {
    enum enforcer_status status;
    struct enforcer_result result;
    char rule[256];
};

static struct answer answer(const struct enforcer_snapshot *s, const struct enforcer_str *r) {
    struct answer a = { .rule = "" };
    struct enforcer_error err;
    a.status = enforcer_enforce_strings(s, r, 4, &a.result, &err);
    if (a.status == ENFORCER_OK && a.result.rule != NULL)
        enforcer_rule_print(a.result.rule, a.rule, sizeof a.rule);
    return a;
}

static void assert_same(const struct answer *a, const struct answer *b, const char *model,
                        const struct enforcer_str *r, const char *what) {
    if (a->status != b->status || a->result.outcome != b->result.outcome || strcmp(a->rule, b->rule) != 0)
        fail_msg("%s: (%s, %s, %s, %s): %s %d [%s] and %s %d [%s] under\n%s", what, r[0].ptr, r[1].ptr,
                 r[2].ptr, r[3].ptr, enforcer_status_name(a->status), (int)a->result.outcome, a->rule,
                 enforcer_status_name(b->status), (int)b->result.outcome, b->rule, model);
}

static bool append_rule(void *ctx, const struct enforcer_rule *rule) {
    char line[512];
    enforcer_rule_print(rule, line, sizeof line);
    strbuf_adds(ctx, line);
    strbuf_addc(ctx, '\n');
    return true;
}

static void export_policy(const struct enforcer_snapshot *s, bool tke, struct strbuf *out) {
    static const char *const ptypes[] = { "p", "g", "g2" };
    struct enforcer_error err;
    for (size_t i = 0; i < (tke ? 2u : 3u); i++)
        CHECK(enforcer_rules(s, ptypes[i], 0, NULL, 0, append_rule, out, &err));
}

static void change_both(struct enforcer *a, struct enforcer *b, bool priority) {
    const char *ptype = NULL;
    struct enforcer_str f[8];
    struct enforcer_error err;
    size_t n = random_rule(&ptype, f, priority);
    enum enforcer_status rc[2];
    bool remove = draw(5) < 2, changed[2] = { false, false };
    for (int i = 0; i < 2; i++) {
        struct enforcer *e = i ? b : a;
        rc[i] = remove ? enforcer_remove(e, ptype, f, n, &changed[i], &err)
                       : enforcer_add(e, ptype, f, n, &changed[i], &err);
    }
    assert_int_equal(rc[0], rc[1]);
    assert_int_equal(changed[0], changed[1]);
}

static void compare(const struct enforcer_snapshot *a, const struct enforcer_snapshot *b, const char *model,
                    int requests, const char *what) {
    for (int i = 0; i < requests; i++) {
        struct enforcer_str r[4];
        random_request(r);
        struct answer x = answer(a, r), y = answer(b, r);
        assert_same(&x, &y, model, r, what);
    }
}

/* Returns whether the model was compiled at all. */
static bool one_world(uint32_t seed, unsigned flags) {
    char model[1024];
    state_ = seed * 2654435761u + 1;
    if (flags & ENFORCER_DIALECT_TKE)
        (void)snprintf(model, sizeof model, "%s", enforcer_tke_model());
    else
        random_model(model, sizeof model);
    bool priority = strstr(model, "priority,") != NULL, tke = (flags & ENFORCER_DIALECT_TKE) != 0;
    struct enforcer *compiled = new_enforcer(model, flags),
                    *interpreted = new_enforcer(model, flags | ENFORCER_INTERPRET);
    const struct enforcer_snapshot *old = NULL;
    AUTO(strbuf_done) struct strbuf before = STRBUF(1 << 20), after = STRBUF(1 << 20);
    for (int step = 0; step < 60; step++) {
        change_both(compiled, interpreted, priority);
        if (step == 30) {
            old = enforcer_acquire(compiled);
            export_policy(old, tke, &before);
        }
        const struct enforcer_snapshot *a = enforcer_acquire(compiled), *b = enforcer_acquire(interpreted);
        compare(a, b, model, 6, "compiled and interpreted");
        enforcer_release(compiled, a);
        enforcer_release(interpreted, b);
    }
    export_policy(old, tke, &after);
    assert_string_equal(strbuf_c(&before), strbuf_c(&after));
    enforcer_release(compiled, old);

    /* All at once, in the same order: role closures worked out in another order. */
    strbuf_clear(&after);
    const struct enforcer_snapshot *a = enforcer_acquire(compiled);
    export_policy(a, tke, &after);
    struct enforcer *fresh = new_enforcer(model, flags);
    load(fresh, strbuf_c(&after));
    const struct enforcer_snapshot *b = enforcer_acquire(fresh);
    compare(a, b, model, 60, "changed and loaded");
    struct enforcer_stats stats;
    enforcer_collect(compiled); /* the old snapshot was released long ago */
    enforcer_stats(compiled, a, &stats);
    assert_int_equal(stats.snapshots, 1);
    enforcer_release(compiled, a);
    enforcer_release(fresh, b);
    enforcer_free(fresh);
    enforcer_free(compiled);
    enforcer_free(interpreted);
    return stats.compiled;
}

static void compiled_and_interpreted_agree(void **state) {
    (void)state;
    int compiled = 0;
    for (uint32_t seed = 1; seed <= 250; seed++)
        compiled += one_world(seed, 0);
    assert_true(compiled > 100 && compiled < 250);
}

static void the_dialect_agrees_too(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed <= 60; seed++)
        assert_true(
            one_world(seed, seed % 2 ? ENFORCER_DIALECT_TKE : ENFORCER_DIALECT_TKE | ENFORCER_TKE_EXPAND));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compiled_and_interpreted_agree),
        cmocka_unit_test(the_dialect_agrees_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
