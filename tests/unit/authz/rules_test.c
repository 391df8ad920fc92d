/* The endpoints over the enforcer: rules of the platform, reloads, explanations. */
#include "service.h"

#include <pthread.h>
#include <stdlib.h>

#include "authz/engine_enforcer.h"
#include "enforcer/enforcer.h"

static int setup(void **state) {
    int rc = service_setup(state);
    struct service *s = *state;
    s->load = engine_enforcer_load;
    return rc;
}

static void with_policy(struct service *s, const char *csv) {
    service_write(s, "policy.csv", csv);
    s->options.files.policy = service_path(s, "policy.csv");
    service_start(s);
}

static const char policy[] = "p, pol-a, *, cluster:cls-1/*, get*, allow\n"
                             "p, pol-a, *, cluster:cls-1/*, list*, allow\n"
                             "p, pol-d, *, *secret:*, *, deny\n"
                             "p, pol-pods, *, *pod:*, *, allow\n"
                             "p, default##user##carol, *, *, *, allow\n"
                             "p, default##user##dave, *, *, *, allow\n"
                             "g, default##user##alice, pol-a, *\n"
                             "g, default##user##alice, pol-d, *\n"
                             "g, default##user##bob, pol-a, prj-1\n"
                             "g, default##user##dave, pol-none, *\n"
                             "g, default##group##grp-dev, pol-pods, prj-1\n"
                             "g, default##user##erin, default##group##grp-dev, *\n";

/* ALLOWED, DENIED or NO_OPINION. */
static enum authz_outcome ask(struct service *s, const char *user, const char *groups,
                              const char *attributes) {
    AUTO(strbuf_done) struct strbuf body = STRBUF(4096);
    strbuf_addf(&body,
                "{\"apiVersion\":\"authorization.k8s.io/v1\",\"kind\":\"SubjectAccessReview\",\"spec\":{"
                "\"user\":\"%s\",\"extra\":{\"tenantid\":[\"default\"]},\"groups\":[%s],"
                "\"resourceAttributes\":{%s}}}",
                user, groups, attributes);
    service_post(s, "/auth/authz", strbuf_str(&body));
    assert_int_equal(s->last.status, 200);
    if (json_is_true(service_at(s, "status.allowed")))
        return AUTHZ_ALLOWED;
    return json_is_true(service_at(s, "status.denied")) ? AUTHZ_DENIED : AUTHZ_NO_OPINION;
}

#define CLUSTER "\"cluster:cls-1\""
#define DEPLOYMENTS "\"verb\":\"list\",\"group\":\"apps\",\"resource\":\"deployments\",\"namespace\":\"dev\""

static void the_platforms_examples_come_out_as_known(void **state) {
    struct service *s = *state;
    with_policy(s, policy);
    static const struct {
        const char *user, *groups, *attributes;
        enum authz_outcome outcome;
    } cases[] = {
        { "alice", CLUSTER, DEPLOYMENTS, AUTHZ_ALLOWED },
        { "alice", CLUSTER, "\"verb\":\"get\",\"resource\":\"secrets\",\"name\":\"x\",\"namespace\":\"dev\"",
          AUTHZ_DENIED },
        { "alice", CLUSTER, "\"verb\":\"create\",\"resource\":\"pods\"", AUTHZ_NO_OPINION },
        { "bob", CLUSTER, DEPLOYMENTS, AUTHZ_NO_OPINION },
        { "bob", CLUSTER ",\"project:prj-1\"", DEPLOYMENTS, AUTHZ_ALLOWED },
        { "bob", CLUSTER ",\"project:prj-2\"", DEPLOYMENTS, AUTHZ_NO_OPINION },
        /* A subject that occurs in no g row is not found (contract 4.3). */
        { "carol", "", DEPLOYMENTS, AUTHZ_NO_OPINION },
        { "dave", "", DEPLOYMENTS, AUTHZ_ALLOWED },
        { "anyone", "", "\"verb\":\"listPortal\",\"resource\":\"portal:*\"", AUTHZ_ALLOWED },
        /* What a group was given in a project reaches who carries the group, and its members. */
        { "frank", "\"grp-dev\",\"project:prj-1\"", "\"verb\":\"delete\",\"resource\":\"pods\"",
          AUTHZ_ALLOWED },
        { "frank", "\"grp-dev\"", "\"verb\":\"delete\",\"resource\":\"pods\"", AUTHZ_NO_OPINION },
        { "frank", "\"project:prj-1\"", "\"verb\":\"delete\",\"resource\":\"pods\"", AUTHZ_NO_OPINION },
        { "erin", "\"project:prj-1\"", "\"verb\":\"delete\",\"resource\":\"pods\"", AUTHZ_ALLOWED },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum authz_outcome got = ask(s, cases[i].user, cases[i].groups, cases[i].attributes);
        if (got != cases[i].outcome)
            fail_msg("%s [%s] %s: %s", cases[i].user, cases[i].groups, cases[i].attributes,
                     authz_outcome_name(got));
    }
}

static void a_model_of_ones_own_replaces_the_built_in_one(void **state) {
    struct service *s = *state;
    service_write(
        s, "model.conf",
        "[request_definition]\nr = sub, dom, obj, act\n[policy_definition]\np = sub, dom, obj, act, eft\n"
        "[role_definition]\ng = _, _, _\n[policy_effect]\n"
        "e = some(where (p.eft == allow)) && !some(where (p.eft == deny))\n[matchers]\n"
        "m = g(r.sub, p.sub, r.dom) && r.obj == p.obj && r.act == p.act\n");
    s->options.files.model = service_path(s, "model.conf");
    with_policy(s, "p, pol, *, pod:*, getPod, allow\ng, default##user##alice, pol, *\n");
    assert_int_equal(ask(s, "alice", "", "\"verb\":\"getPod\",\"resource\":\"pod:*\""), AUTHZ_ALLOWED);
    assert_int_equal(ask(s, "alice", "", "\"verb\":\"getPod\",\"resource\":\"pod:x\""), AUTHZ_NO_OPINION);
}

static void files_that_cannot_be_used_are_named_with_line(void **state) {
    struct service *s = *state;
    struct err err = { 0 };
    service_write(s, "bad.csv", "p, pol, *, a, b, allow\np, pol, *, a/:/b, c, allow\n");
    s->options.files.policy = service_path(s, "bad.csv");
    assert_int_not_equal(authz_new_with(&s->options, s->load, &s->authz, &err), ERR_OK);
    assert_non_null(strstr(err.detail, "bad.csv: line 2"));
    s->options.files.policy = NULL;
    service_write(s, "bad.conf", "[request_definition]\nr = sub\n[nonsense]\n");
    s->options.files.model = service_path(s, "bad.conf");
    assert_int_not_equal(authz_new_with(&s->options, s->load, &s->authz, &err), ERR_OK);
    assert_non_null(strstr(err.detail, "bad.conf"));
    s->options.files.model = NULL;
    s->options.files.policy = service_path(s, "missing.csv");
    assert_int_equal(authz_new_with(&s->options, s->load, &s->authz, &err), ERR_NOT_FOUND);
    s->options.files.policy = NULL;
    service_write(s, "bad.abac", "\n{}\n");
    s->options.files.abac = service_path(s, "bad.abac");
    assert_int_not_equal(authz_new_with(&s->options, s->load, &s->authz, &err), ERR_OK);
    assert_non_null(strstr(err.detail, "bad.abac: line 2"));
}

static void a_reload_takes_new_rules_and_keeps_the_last_good_ones(void **state) {
    struct service *s = *state;
    struct err err = { 0 };
    bool changed = true;
    with_policy(s, policy);
    assert_int_equal(authz_revision(s->authz), 1);
    assert_ok(authz_reload(s->authz, &changed, &err));
    assert_false(changed);
    assert_int_equal(authz_revision(s->authz), 1);

    service_write(s, "policy.csv", "p, pol-new, *, *, *, allow\ng, default##user##bob, pol-new, *\n");
    assert_ok(authz_reload(s->authz, &changed, &err));
    assert_true(changed);
    assert_int_equal(authz_revision(s->authz), 2);
    assert_int_equal(ask(s, "alice", CLUSTER, DEPLOYMENTS), AUTHZ_NO_OPINION);
    assert_int_equal(ask(s, "bob", CLUSTER, DEPLOYMENTS), AUTHZ_ALLOWED);

    service_write(s, "policy.csv", "p, pol-new, *\n");
    assert_int_not_equal(authz_reload(s->authz, &changed, &err), ERR_OK);
    assert_int_equal(authz_revision(s->authz), 2);
    assert_int_equal(ask(s, "bob", CLUSTER, DEPLOYMENTS), AUTHZ_ALLOWED);
    assert_ok(authz_reload(s->authz, &changed, &err)); /* the same content is not tried again */
    assert_false(changed);
}

static void the_abac_file_is_asked_before_the_rules(void **state) {
    struct service *s = *state;
    struct err err = { 0 };
    bool changed;
#define ABAC(spec)                                                                                           \
    "{\"apiVersion\":\"abac.authorization.kubernetes.io/v1beta1\",\"kind\":\"Policy\",\"spec\":" spec "}\n"
    service_write(s, "abac", ABAC("{\"user\":\"alice\",\"namespace\":\"*\",\"resource\":\"secrets\"}"));
    s->options.files.abac = service_path(s, "abac");
    with_policy(s, policy);
    const char *secrets = "\"verb\":\"get\",\"resource\":\"secrets\",\"name\":\"x\",\"namespace\":\"dev\"";
    assert_int_equal(ask(s, "alice", CLUSTER, secrets), AUTHZ_ALLOWED);
    assert_int_equal(ask(s, "alice", CLUSTER, DEPLOYMENTS), AUTHZ_ALLOWED);
    assert_int_equal(ask(s, "alice", "\"system:unauthenticated\"", DEPLOYMENTS), AUTHZ_DENIED);
    service_write(s, "abac", ABAC("{\"user\":\"nobody\",\"namespace\":\"*\",\"resource\":\"*\"}") "\n");
    assert_ok(authz_reload(s->authz, &changed, &err));
    assert_true(changed);
    assert_int_equal(ask(s, "alice", CLUSTER, secrets), AUTHZ_DENIED);
}

/* ---- no answer mixes two versions ---- */

enum { FLIPS = 60, ITEMS = 40, CLIENTS = 3 };

struct flood {
    struct service *service;
    _Atomic bool stop;
    _Atomic int mixed, answers[2];
};

/* In one version everything is allowed, in the other nothing is. */
static void *batch_flood(void *arg) {
    struct flood *f = arg;
    struct err err = { 0 };
    struct authz_user user = { .name = STR("alice") };
    static const struct str tenant[] = { STR("default") };
    const struct authz_extra extra = { STR("tenantid"), tenant, 1 };
    user.extra = &extra;
    user.extra_count = 1;
    while (!f->stop) {
        struct authz_version version;
        AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
        int allowed = 0;
        authz_acquire(f->service->authz, &version);
        for (int i = 0; i < ITEMS; i++) {
            struct authz_decision d;
            struct authz_question q = {
                .user = user,
                .attributes = { .verb = STR("getPod"), .resource = STR("pod:x"), .is_resource = true }
            };
            if (authz_decide(f->service->authz, &version, a, &q, &d, &err) != ERR_OK)
                f->mixed++;
            allowed += d.outcome == AUTHZ_ALLOWED;
        }
        authz_release(f->service->authz, &version);
        if (allowed != 0 && allowed != ITEMS)
            f->mixed++;
        f->answers[allowed != 0]++;
    }
    return NULL;
}

static const char *const versions[] = {
    "p, pol, *, pod:*, *, allow\ng, default##user##alice, pol, *\n",
    "p, pol, *, pod:*, *, deny\ng, default##user##alice, pol, *\np, other, *, *, *, allow\n",
};

static void an_answer_never_mixes_two_versions_of_the_rules(void **state) {
    struct service *s = *state;
    struct err err = { 0 };
    pthread_t threads[CLIENTS];
    struct flood f = { .service = s };
    s->threads = 2;
    with_policy(s, versions[0]);
    for (size_t i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, batch_flood, &f), 0);
    AUTO(strbuf_done) struct strbuf body = STRBUF(1 << 16);
    strbuf_adds(
        &body,
        "{\"spec\":{\"user\":\"alice\",\"extra\":{\"tenantid\":[\"default\"]},\"resourceAttributesList\":[");
    for (int i = 0; i < ITEMS; i++)
        strbuf_addf(&body, "%s{\"verb\":\"getPod\",\"resource\":\"pod:x%d\"}", i ? "," : "", i);
    strbuf_adds(&body, "]}}");
    for (int flip = 1; flip <= FLIPS || f.answers[0] == 0 || f.answers[1] == 0; flip++) {
        bool changed;
        service_write(s, "policy.csv", versions[flip % 2]);
        assert_ok(authz_reload(s->authz, &changed, &err));
        assert_true(changed);
        service_post(s, "/auth/batchauthz", strbuf_str(&body));
        for (size_t i = 0; i < ITEMS; i++) {
            const json_t *item = json_array_get(service_at(s, "status.allowedList"), i);
            assert_int_equal(json_is_true(json_object_get(item, "allowed")), flip % 2 == 0);
        }
    }
    f.stop = true;
    for (size_t i = 0; i < CLIENTS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_int_equal(f.mixed, 0);
}

/* ---- explanations ---- */

static struct authz_explanation explain(struct service *s, struct arena *a, const char *user,
                                        const char *verb, const char *resource, struct str *groups,
                                        size_t group_count) {
    struct err err = { 0 };
    struct authz_explanation x = { 0 };
    struct authz_version version;
    static const struct str tenant[] = { STR("default") };
    static const struct authz_extra extra = { STR("tenantid"), tenant, 1 };
    struct authz_question q = {
        .user = { .name = str_of(user),
                  .groups = groups,
                  .group_count = group_count,
                  .extra = &extra,
                  .extra_count = 1 },
        .attributes = { .verb = str_of(verb), .resource = str_of(resource), .is_resource = true }
    };
    authz_acquire(s->authz, &version);
    assert_ok(authz_explain(s->authz, &version, a, &q, 3, &x, &err));
    authz_release(s->authz, &version);
    return x;
}

static void an_explanation_names_the_rule_and_the_path_to_it(void **state) {
    struct service *s = *state;
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    with_policy(s, policy);
    struct str groups[] = { STR("cluster:cls-1") };
    struct authz_explanation x = explain(s, a, "alice", "list", "deployments", groups, 1);
    assert_int_equal(x.decision.outcome, AUTHZ_ALLOWED);
    assert_str(x.decision.action, "listDeployments");
    assert_str(x.decision.resource, "cluster:cls-1/deployment:*");
    assert_str(x.subject, "default##user##alice");
    assert_str(x.domain, "*");
    assert_str(x.rule, "p, pol-a, *, cluster:cls-1/*, list*, allow");
    assert_int_equal(x.path_count, 1);
    assert_str(x.path[0], "g, default##user##alice, pol-a, *");

    x = explain(s, a, "alice", "create", "deployments", groups, 1);
    assert_int_equal(x.decision.outcome, AUTHZ_NO_OPINION);
    assert_int_equal(x.rule.len, 0);
    assert_true(x.near_count > 0);
    assert_true(str_starts_with(x.near[0].rule, STR("p, pol-a, *, cluster:cls-1/*, ")));
    assert_true(x.near[0].failed.len != 0);

    struct str carried[] = { STR("grp-dev"), STR("project:prj-1") };
    x = explain(s, a, "frank", "delete", "pods", carried, 2);
    assert_int_equal(x.decision.outcome, AUTHZ_ALLOWED);
    assert_str(x.groups[0], "default##group##grp-dev");
    assert_str(x.domain, "prj-1");
    assert_str(x.rule, "p, pol-pods, *, *pod:*, *, allow");
    assert_str(x.path[0], "g, default##group##grp-dev, pol-pods, prj-1");
}

static void the_debug_extra_lists_what_the_caller_may_do(void **state) {
    struct service *s = *state;
    with_policy(s, policy);
    service_posts(
        s, "/auth/authz",
        "{\"spec\":{\"user\":\"bob\",\"extra\":{\"tenantid\":[\"default\"],\"debug\":[\"true\"]},"
        "\"groups\":[\"project:prj-1\"],\"resourceAttributes\":{\"verb\":\"x\",\"resource\":\"y\"}}}");
    assert_reply(
        s, "status.reason",
        "\"permission for x on y not verify, permissions: [[\\\"pol-a\\\",\\\"*\\\",\\\"cluster:cls-1/*\\\","
        "\\\"get*\\\",\\\"allow\\\"],[\\\"pol-a\\\",\\\"*\\\",\\\"cluster:cls-1/*\\\",\\\"list*\\\","
        "\\\"allow\\\"]]\"");
}

static void rules_of_somebody_elses_enforcer_are_followed(void **state) {
    struct service *s = *state;
    struct enforcer_error why;
    struct enforcer *e = enforcer_new(enforcer_tke_model(), strlen(enforcer_tke_model()),
                                      &(struct enforcer_options) { .flags = ENFORCER_DIALECT_TKE }, &why);
    assert_non_null(e);
    s->options.enforcer = e;
    service_start(s);
    const char *csv = versions[0];
    assert_int_equal(ask(s, "alice", "", "\"verb\":\"getPod\",\"resource\":\"pod:x\""), AUTHZ_NO_OPINION);
    assert_int_equal(enforcer_load_csv(e, csv, strlen(csv), NULL, &why), ENFORCER_OK);
    assert_int_equal(ask(s, "alice", "", "\"verb\":\"getPod\",\"resource\":\"pod:x\""), AUTHZ_ALLOWED);
    http_server_stop(s->server, 0);
    http_server_free(s->server);
    s->server = NULL;
    authz_free(s->authz);
    s->authz = NULL;
    enforcer_free(e);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, service_teardown)

int main(void) {
    struct err err;
    if (httpc_global_init(&err) != ERR_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        TEST(the_platforms_examples_come_out_as_known),
        TEST(a_model_of_ones_own_replaces_the_built_in_one),
        TEST(files_that_cannot_be_used_are_named_with_line),
        TEST(a_reload_takes_new_rules_and_keeps_the_last_good_ones),
        TEST(the_abac_file_is_asked_before_the_rules),
        TEST(an_answer_never_mixes_two_versions_of_the_rules),
        TEST(an_explanation_names_the_rule_and_the_path_to_it),
        TEST(the_debug_extra_lists_what_the_caller_may_do),
        TEST(rules_of_somebody_elses_enforcer_are_followed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
