/* The platform's dialect: the tables of its contract, sections 4.2 to 4.4 and 4.9. */
#include "unit/enforcer/helper.h"

static void key_match_custom_table(void **state) {
    (void)state;
    static const struct {
        const char *value, *pattern;
        bool want;
    } rows[] = {
        { "getCluster", "*", true },
        { "getcluster", "GetCluster", true },
        { "getCluster", "get*", true },
        { "listClusters", "*Cluster*", true },
        { "getClusterStatus", "getCluster", false },
        { "cluster:cls-1", "cluster:*", true },
        { "cluster:cls-1/node:n", "cluster:*", true },
        { "cluster:cls-10", "cluster:cls-1", false },
        { "cluster:cls-1/namespace:ns1/deployment:d1", "cluster:cls-1/*", true },
        { "cluster:cls-1/namespace:ns1/deployment:d1", "*deployment:*", true },
        { "project:123/cluster:456", "project:*/cluster:456", true },
        { "project:1/a/b/cluster:456", "project:*/cluster:456", true },
        { "registry:123/456", "registry:123/*", true },
        { "registry:123", "registry:123/*", false },
        { "/apis/foo", "/apis/:x", true },
        { "/apis/foo/bar", "/apis/:x", false },
        { "/apis/foo/bar", "/apis/:x/bar", true },
        { "/apis/foo/baz", "/:a/:b/:c", true },
        { "", "", true },
        { "", "*", true },
        { "x", "", false },
        { "getPod\n", "getpod", false },
        { "getPod\n", "*", false },
        /* The decision at the end of 4.4: everything but `*` and `/:name` is literal. The old answers, which took
         * regular-expression syntax and any later ":name" for what it was not, stand in the comments. */
        { "cluster:c1/namespace:n1/pod:p1", "cluster:c1/:ns/pod:p1", true }, /* false */
        { "cluster:c1/n1/podXYZ", "cluster:c1/:ns/pod:p1", false },          /* true */
        { "cluster:clsX1", "cluster:cls.1", false },                         /* true */
        { "cluster:cls.1", "cluster:cls.1", true },
        { "namespace:aXb", "namespace:a.b", false },    /* true */
        { "cluster:cls-1x", "cluster:cls-1.?", false }, /* true */
        { "aaa", "a+", false },                         /* true */
        { "a+", "a+", true },                           /* false */
        { "a", "a|b", false },                          /* true */
        { "xb", "a|b", false },                         /* true */
        { "a?", "a?", true },                           /* false */
        { "a$b", "a$b", true },                         /* false */
        { "(", "(", true },                             /* a panic */
        { "[a", "[a", true },
        /* Lower case is Unicode's simple mapping. */
        { "\xc3\x9c"
          "BER",
          "\xc3\xbc"
          "ber",
          true },
        { "\xd0\x9f\xd0\xa0\xd0\x98", "\xd0\xbf\xd1\x80\xd0\xb8*", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct enforcer_error err = { 0 };
        bool got = !rows[i].want;
        CHECK(enforcer_match("keyMatchCustom", enforcer_cstr(rows[i].value), enforcer_cstr(rows[i].pattern),
                             &got, &err));
        if (got != rows[i].want)
            fail_msg("keyMatchCustom(\"%s\", \"%s\") is %d", rows[i].value, rows[i].pattern, got);
    }
}

static void an_empty_segment_is_refused_when_written(void **state) {
    (void)state;
    static const char *const bad[] = { "/:", "a/:", "/:/b", "a:b/:" };
    struct enforcer *e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct enforcer_error err = { 0 };
        struct enforcer_str rule[5] = { S("pol"), S("*"), enforcer_cstr(bad[i]), S("get*"), S("allow") };
        bool suspicious = false;
        assert_int_equal(enforcer_tke_pattern_check(enforcer_cstr(bad[i]), &suspicious, &err),
                         ENFORCER_INVALID);
        assert_int_equal(enforcer_add(e, "p", rule, 5, NULL, &err), ENFORCER_INVALID);
        assert_non_null(strstr(err.text, "empty segment"));
        assert_true(err.column > 0);
    }
    bool suspicious = false;
    struct enforcer_error err = { 0 };
    CHECK(enforcer_tke_pattern_check(S("cluster:cls.1"), &suspicious, &err));
    assert_true(suspicious);
    CHECK(enforcer_tke_pattern_check(S("cluster:cls-1/*"), &suspicious, &err));
    assert_false(suspicious);
    enforcer_free(e);
}

static const char rules_4_9[] = "p, pol-a, *, cluster:cls-1/*, get*, allow\n"
                                "p, pol-a, *, cluster:cls-1/*, list*, allow\n"
                                "p, pol-d, *, *secret:*, *, deny\n"
                                "g, default##user##alice, pol-a, *\n"
                                "g, default##user##alice, pol-d, *\n"
                                "g, default##user##bob, pol-a, prj-1\n";

static void end_to_end_rows(void **state) {
    (void)state;
    struct enforcer *e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE);
    const char *list = "cluster:cls-1/namespace:dev/deployment:*";
    load(e, rules_4_9);
    assert_int_equal(ASK(e, "default##user##alice", "", list, "listDeployments"), ENFORCER_ALLOW);
    assert_int_equal(ASK(e, "default##user##alice", "", "cluster:cls-1/namespace:dev/secret:x", "getSecret"),
                     ENFORCER_DENY);
    assert_int_equal(ASK(e, "default##user##alice", "", "cluster:cls-1/namespace:dev/pod:*", "createPod"),
                     ENFORCER_NO_MATCH);
    assert_int_equal(ASK(e, "default##user##bob", "", list, "listDeployments"), ENFORCER_NO_MATCH);
    assert_int_equal(ASK(e, "default##user##bob", "prj-1", list, "listDeployments"), ENFORCER_ALLOW);
    assert_int_equal(ASK(e, "default##user##bob", "prj-2", list, "listDeployments"), ENFORCER_NO_MATCH);
    assert_int_equal(ASK(e, "default##user##alice", "prj-2", list, "listDeployments"), ENFORCER_ALLOW);
    enforcer_free(e);
}

static void a_name_without_a_link_is_nobody(void **state) {
    (void)state;
    struct enforcer_error err = { 0 };
    struct enforcer *e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE);
    load(e, "p, default##user##carol, *, *, *, allow\n");
    assert_int_equal(ASK(e, "default##user##carol", "", "anything", "get"), ENFORCER_NO_MATCH);
    struct enforcer_str link[3] = { S("default##user##carol"), S("pol-none"), S("*") };
    CHECK(enforcer_add(e, "g", link, 3, NULL, &err));
    assert_int_equal(ASK(e, "default##user##carol", "", "anything", "get"), ENFORCER_ALLOW);
    assert_int_equal(ASK(e, "default##user##carol", "prj-1", "anything", "get"), ENFORCER_ALLOW);
    CHECK(enforcer_remove(e, "g", link, 3, NULL, &err));
    assert_int_equal(ASK(e, "default##user##carol", "", "anything", "get"), ENFORCER_NO_MATCH);
    enforcer_free(e);
}

static void a_deny_of_one_domain_beats_an_allow_of_the_other(void **state) {
    (void)state;
    struct enforcer *e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE);
    load(e, "p, yes, *, *, *, allow\np, no, *, *, *, deny\n"
            "g, u1, no, *\ng, u1, yes, prj-1\ng, u2, yes, *\ng, u2, no, prj-1\n");
    assert_int_equal(ASK(e, "u1", "prj-1", "o", "a"), ENFORCER_DENY);
    assert_int_equal(ASK(e, "u2", "prj-1", "o", "a"), ENFORCER_DENY);
    assert_int_equal(ASK(e, "u2", "prj-2", "o", "a"), ENFORCER_ALLOW);
    enforcer_free(e);
}

/* n0 -> n1 ... -> n11; with a circle every name is a role itself, without one n0 is a mere user. */
static void check_depth(unsigned flags, bool circle) {
    char csv[1024];
    int n = 0;
    for (int i = 0; i < 11; i++)
        n += snprintf(csv + n, sizeof csv - (size_t)n, "g, n%d, n%d, *\n", i, i + 1);
    (void)snprintf(csv + n, sizeof csv - (size_t)n, "p, n11, *, *, *, allow\n%s",
                   circle ? "g, n3, n0, *\n" : "");
    struct enforcer *e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE | flags);
    load(e, csv);
    assert_int_equal(ASK(e, "n0", "", "o", "a"), ENFORCER_NO_MATCH);
    assert_int_equal(ASK(e, "n1", "", "o", "a"), ENFORCER_ALLOW);
    assert_int_equal(ASK(e, "n3", "prj", "o", "a"), ENFORCER_ALLOW);
    enforcer_free(e);
}

static void ten_links_reach_and_eleven_do_not(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++)
        check_depth(i & 1 ? ENFORCER_INTERPRET : 0, (i & 2) != 0);
}

static enum enforcer_outcome ask_with(struct enforcer *e, const char *sub, const char *group,
                                      const char *dom) {
    struct enforcer_error err = { 0 };
    struct enforcer_result result;
    struct enforcer_str subjects[1] = { enforcer_cstr(group) };
    struct enforcer_tke_request request = { .sub = enforcer_cstr(sub),
                                            .dom = enforcer_cstr(dom),
                                            .obj = S("o"),
                                            .act = S("a"),
                                            .subjects = subjects,
                                            .subjects_len = 1 };
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    CHECK(enforcer_enforce_tke(s, &request, &result, &err));
    enforcer_release(e, s);
    return result.outcome;
}

static void groups_of_the_caller_count_in_projects_too(void **state) {
    (void)state;
    static const char csv[] =
        "p, pol, *, *, *, allow\ng, t##user##ann, t##group##dev, *\ng, t##group##dev, pol, prj-1\n"
        "g, t##group##ops, pol, *\n";
    struct enforcer *strict = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE);
    struct enforcer *wide = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE | ENFORCER_TKE_EXPAND);
    load(strict, csv);
    load(wide, csv);
    /* The old service: a membership held in `*` reaches nothing of a project (9.46). */
    assert_int_equal(ASK(strict, "t##user##ann", "prj-1", "o", "a"), ENFORCER_NO_MATCH);
    assert_int_equal(ASK(wide, "t##user##ann", "prj-1", "o", "a"), ENFORCER_ALLOW);
    assert_int_equal(ASK(wide, "t##user##ann", "prj-2", "o", "a"), ENFORCER_NO_MATCH);
    /* A group that only the caller's token names. */
    assert_int_equal(ask_with(strict, "t##user##eve", "t##group##dev", "prj-1"), ENFORCER_ALLOW);
    assert_int_equal(ask_with(strict, "t##user##eve", "t##group##dev", ""), ENFORCER_NO_MATCH);
    assert_int_equal(ask_with(strict, "t##user##eve", "t##group##ops", "prj-9"), ENFORCER_ALLOW);
    assert_int_equal(ask_with(strict, "t##user##eve", "t##group##none", "prj-1"), ENFORCER_NO_MATCH);
    enforcer_free(strict);
    enforcer_free(wide);
}

static void rules_are_checked_when_written(void **state) {
    (void)state;
    struct enforcer *e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE);
    static const struct {
        const char *csv;
        int line, column;
    } bad[] = {
        { "p, pol, *, *, *, allow\np, pol, *, *, *, Allow\n", 2, 1 },
        { "p, pol, *, *, *\n", 1, 1 },
        { "g, a, b\n", 1, 1 },
        { "\n# comment\n  p, pol, *, a/:, *, allow\n", 3, 15 },
        { "q, a, b\n", 1, 1 },
        { "p, pol, *, \"open, *, allow\n", 1, 12 },
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct enforcer_error err = { 0 };
        assert_int_equal(enforcer_load_csv(e, bad[i].csv, strlen(bad[i].csv), NULL, &err), ENFORCER_INVALID);
        if (err.line != bad[i].line || err.column != bad[i].column)
            fail_msg("row %zu: %d:%d %s", i, err.line, err.column, err.text);
    }
    enforcer_free(e);
}

static void explanations_name_the_rule_and_the_path(void **state) {
    (void)state;
    struct enforcer_error err = { 0 };
    struct enforcer *e = new_enforcer(enforcer_tke_model(), ENFORCER_DIALECT_TKE | ENFORCER_TKE_EXPAND);
    load(e, "p, pol, *, cluster:*, get*, allow\np, other, *, *, *, allow\n"
            "g, ann, dev, *\ng, dev, pol, prj-1\n");
    struct enforcer_tke_request request = {
        .sub = S("ann"), .dom = S("prj-1"), .obj = S("cluster:1"), .act = S("getPod")
    };
    struct enforcer_explanation *x = NULL;
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    CHECK(enforcer_explain_tke(s, &request, 5, &x, &err));
    char text[128];
    assert_int_equal(x->result.outcome, ENFORCER_ALLOW);
    enforcer_rule_print(x->result.rule, text, sizeof text);
    assert_string_equal(text, "p, pol, *, cluster:*, get*, allow");
    assert_int_equal(x->path_len, 2);
    enforcer_rule_print(x->path[0], text, sizeof text);
    assert_string_equal(text, "g, ann, dev, *");
    enforcer_rule_print(x->path[1], text, sizeof text);
    assert_string_equal(text, "g, dev, pol, prj-1");
    enforcer_explanation_free(x);

    request.act = S("deletePod");
    CHECK(enforcer_explain_tke(s, &request, 5, &x, &err));
    assert_int_equal(x->result.outcome, ENFORCER_NO_MATCH);
    assert_int_equal(x->near_len, 2);
    /* Both miss one clause; the one whose policy ann has is the nearer. */
    enforcer_rule_print(x->near[0].rule, text, sizeof text);
    assert_string_equal(text, "p, pol, *, cluster:*, get*, allow");
    assert_int_equal(x->near[0].clauses_true, 2);
    assert_int_equal(x->near[0].path_len, 2);
    assert_memory_equal(x->near[0].failed.ptr, "keyMatchCustom(r.act, p.act)", x->near[0].failed.len);
    assert_int_equal(x->near[1].path_len, 0);
    assert_memory_equal(x->near[1].failed.ptr, "g(r.sub, p.sub, r.dom)", x->near[1].failed.len);
    enforcer_explanation_free(x);
    enforcer_release(e, s);
    enforcer_free(e);
}

static void the_model_file_is_the_built_in_model(void **state) {
    (void)state;
    FILE *f = fopen("config/enforcer-model.conf", "rbe");
    assert_non_null(f);
    char text[4096];
    size_t n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    struct enforcer *e = new_enforcer(text, ENFORCER_DIALECT_TKE);
    struct enforcer_stats stats;
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    enforcer_stats(e, s, &stats);
    assert_true(stats.compiled);
    enforcer_release(e, s);
    assert_non_null(strstr(text, strstr(enforcer_tke_model(), "m = ")));
    enforcer_free(e);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(key_match_custom_table),
        cmocka_unit_test(an_empty_segment_is_refused_when_written),
        cmocka_unit_test(end_to_end_rows),
        cmocka_unit_test(a_name_without_a_link_is_nobody),
        cmocka_unit_test(a_deny_of_one_domain_beats_an_allow_of_the_other),
        cmocka_unit_test(ten_links_reach_and_eleven_do_not),
        cmocka_unit_test(groups_of_the_caller_count_in_projects_too),
        cmocka_unit_test(rules_are_checked_when_written),
        cmocka_unit_test(explanations_name_the_rule_and_the_path),
        cmocka_unit_test(the_model_file_is_the_built_in_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
