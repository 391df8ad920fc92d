/* Who asks, what the request is to the rules (contract 4.6), and how far the caller's rights reach in it. */
#include "unit/kube/stand.h"

#include <unistd.h>

#include "enforcer/enforcer.h"
#include "kube/access.h"
#include "kube/status.h"

/* Rights of everybody these tests know, as the controllers would have made them. */
static const char rules[] = "p, rol-platform-administrator, *, *, *, allow\n"
                            "p, rol-platform-viewer, *, *, get*, allow\n"
                            "p, rol-platform-viewer, *, *, list*, allow\n"
                            "p, pol-acme-administrator, *, *, *, allow\n"
                            "p, pol-policies, *, policy:*, *Polic*, allow\n"
                            "p, pol-one, *, policy:pol-1, *Policy, allow\n"
                            "p, pol-project, *, policy:*, listPolicies, allow\n"
                            "p, pol-impersonator, *, users, impersonate, allow\n"
                            "g, acme##user##chief, pol-acme-administrator, *\n"
                            "g, acme##user##alice, pol-policies, *\n"
                            "g, acme##group##grp-1, pol-policies, *\n"
                            "g, acme##user##one, pol-one, *\n"
                            "g, acme##user##worker, pol-project, prj-1\n"
                            "g, acme##user##master, rol-platform-administrator, *\n"
                            "g, acme##user##viewer, rol-platform-viewer, *\n"
                            "g, acme##user##inspector, rol-platform-viewer, *\n"
                            "g, acme##user##inspector, pol-policies, *\n"
                            "g, ##user##secretary, pol-impersonator, *\n";
static const char tokens[] = "tok-boss,boss,1,\"system:masters\"\n"
                             "tok-plain,plain,2,\n"
                             "tok-secretary,secretary,3,\n";

static struct authz *authz;
static struct enforcer *enforcer;
static struct authenticators *authenticators;

static int setup(void **state) {
    static const struct str roots[] = { STR("root") }, masters[] = { STR("system:masters") };
    static const struct authz_tenant tenants[] = { { STR("acme"), roots, 1 }, { STR("beta"), NULL, 0 } };
    struct err err = { 0 };
    struct enforcer_error why;
    (void)stand_setup(state);
    const char *file = rig_text("%s/tokens", rig.folder);
    assert_ok(file_write_atomic(file, str_of(tokens), 0600, &err));
    assert_ok(authenticators_new(
        &(struct authenticators_options) { .token_auth_file = file, .random = &rig.random }, &authenticators,
        &err));
    assert_int_equal(unlink(file), 0);
    assert_ok(authz_enforcer_new(NULL, &rig.random, &enforcer, &err));
    if (enforcer_load_csv(enforcer, rules, strlen(rules), NULL, &why) != ENFORCER_OK)
        fail_msg("line %d: %s", why.line, why.text);
    assert_ok(authz_new(&(struct authz_options) { .enforcer = enforcer,
                                                  .privileged_user = STR("admin"),
                                                  .tenants = tenants,
                                                  .tenant_count = ARRAY_LEN(tenants),
                                                  .access.open = true,
                                                  .clock = &rig.clock,
                                                  .random = &rig.random,
                                                  .log = stand.log },
                        &authz, &err));
    stand.app.authz = authz;
    stand.app.enforcer = enforcer;
    stand.app.authenticators = authenticators;
    stand.app.privileged_user = STR("admin");
    stand.app.privileged_groups = masters;
    stand.app.privileged_group_count = 1;
    return 0;
}

static int teardown(void **state) {
    authz_free(authz);
    enforcer_free(enforcer);
    authenticators_free(authenticators);
    return stand_teardown(state);
}

/* ---- what the rules were asked (linked with --wrap) ---- */

static struct authz_question asked_for;
static struct authz_decision decided;
static int questions;

enum err_code __real_authz_decide(const struct authz *z, const struct authz_version *v, struct arena *a,
                                  const struct authz_question *question, struct authz_decision *ret,
                                  struct err *err);
enum err_code __wrap_authz_decide(const struct authz *z, const struct authz_version *v, struct arena *a,
                                  const struct authz_question *question, struct authz_decision *ret,
                                  struct err *err);

enum err_code __wrap_authz_decide(const struct authz *z, const struct authz_version *v, struct arena *a,
                                  const struct authz_question *question, struct authz_decision *ret,
                                  struct err *err) {
    enum err_code rc = __real_authz_decide(z, v, a, question, ret, err);
    if (questions++ == 0) { /* the request itself; how far it reaches is asked afterwards */
        asked_for = *question;
        decided = *ret;
    }
    return rc;
}

/* Who a request is of, when a test says so and not its headers. */
static const struct principal *credential;

enum err_code __real_authn_request(const struct authenticators *x, const struct token_judges *judges,
                                   const struct http_request *req, struct principal *ret, struct err *err);
enum err_code __wrap_authn_request(const struct authenticators *x, const struct token_judges *judges,
                                   const struct http_request *req, struct principal *ret, struct err *err);

enum err_code __wrap_authn_request(const struct authenticators *x, const struct token_judges *judges,
                                   const struct http_request *req, struct principal *ret, struct err *err) {
    if (credential == NULL)
        return __real_authn_request(x, judges, req, ret, err);
    *ret = *credential;
    return ERR_OK;
}

/* ---- callers ---- */

static struct principal caller(const char *tenant, const char *name, const char *group) {
    struct principal p = { .source = PRINCIPAL_ID_TOKEN, .name = str_of(name), .tenant = str_of(tenant) };
    struct str *groups = arena_array(rig.arena, 2, sizeof *groups);
    struct principal_extra *extra = arena_array(rig.arena, 1, sizeof *extra);
    struct str *value = arena_array(rig.arena, 1, sizeof *value);
    if (group != NULL)
        groups[p.group_count++] = str_of(group);
    groups[p.group_count++] = STR("system:authenticated");
    p.groups = groups;
    *value = p.tenant;
    *extra = (struct principal_extra) { STR("tenantid"), value, 1 };
    p.extra = extra;
    p.extra_count = tenant[0] != '\0';
    return p;
}

/* `headers`: "Name=value;Name=value". */
static struct asked *request(const char *method, const char *target, const char *headers) {
    struct asked *a = ask_to_read(method, target);
    assert_int_equal(a->rc, ERR_OK);
    for (struct str rest = str_of(headers), part, name, value; rest.len > 0;) {
        (void)str_cut(rest, ';', &part, &rest);
        (void)str_cut(part, '=', &name, &value);
        call_header(a->call, rig_text("%.*s", STR_FMT(name)), rig_text("%.*s", STR_FMT(value)));
    }
    return a;
}

static struct asked *authorize(const struct principal *who, const char *method, const char *target,
                               const char *headers) {
    struct asked *a = request(method, target, headers);
    questions = 0;
    a->kr.who = *who;
    a->rc = access_authorize(&a->kr, &a->err);
    if (a->rc != ERR_OK && a->kr.refusal.status == 0)
        fail_msg("%s %s: %s", method, target, a->err.detail);
    return a;
}

/* ---- attributes, action and resource ---- */

static void a_request_is_an_action_on_a_resource(void **state) {
    static const struct {
        const char *method, *target, *headers, *action, *resource;
    } cases[] = {
        { "GET", "policies", "", "listPolicies", "policy:*" },
        { "HEAD", "policies", "", "listPolicies", "policy:*" },
        { "GET", "policies?fieldSelector=metadata.name%3Dpol-1", "", "listPolicies", "policy:*" },
        { "GET", "policies?watch=1", "", "watchPolicy", "policy:*" },
        { "GET", "policies/pol-1", "", "getPolicy", "policy:pol-1" },
        { "GET", "policies/pol-1?watch=1", "", "getPolicy", "policy:pol-1" },
        { "POST", "policies", "", "createPolicy", "policy:*" },
        { "PUT", "policies/pol-1", "", "updatePolicy", "policy:pol-1" },
        { "PATCH", "policies/pol-1", "", "updatePolicy", "policy:pol-1" },
        { "DELETE", "policies/pol-1", "", "deletePolicy", "policy:pol-1" },
        { "DELETE", "policies", "", "deletePolicy", "policy:*" },
        { "GET", "policies/pol-1/users", "", "listPolicyUsers", "policy:pol-1" },
        { "GET", "policies/pol-1/status", "", "getPolicyStatus", "policy:pol-1" },
        { "PUT", "policies/pol-1/status", "", "updatePolicyStatus", "policy:pol-1" },
        { "POST", "policies/pol-1/binding", "", "createPolicyBinding", "policy:pol-1" },
        { "POST", "policies/pol-1/projectunbinding", "", "createPolicyProjectunbinding", "policy:pol-1" },
        { "GET", "localidentities", "", "listLocalidentities", "localidentity:*" },
        { "PUT", "localidentities/usr-a/finalize", "", "updateLocalidentityFinalize", "localidentity:usr-a" },
        { "POST", "apikeys/default/token", "", "createApikeyToken", "apikey:default" },
        { "GET", "categories/cat", "", "getCategory", "category:cat" },
        { "GET", "custompolicybindings", "", "listCustompolicybindings", "custompolicybinding:*" },
        { "GET", "namespaces/ns/custompolicybindings/b", "", "getCustompolicybinding",
          "namespace:ns/custompolicybinding:b" },
        { "DELETE", "namespaces/ns/custompolicybindings", "", "deleteCustompolicybinding",
          "namespace:ns/custompolicybinding:*" },
        { "GET", "policies/pol-1", "X-TKE-ClusterName=cls-1", "getPolicy", "cluster:cls-1/policy:pol-1" },
        { "GET", "policies/pol-1", "X-TKE-ProjectName=prj-1", "getPolicy", "policy:pol-1" },
        { "GET", "projects/prj-1/users", "", "listProjectUsers", "project:prj-1" },
    };
    const struct principal alice_of_acme = caller("acme", "alice", NULL);
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)authorize(&alice_of_acme, cases[i].method, cases[i].target, cases[i].headers);
        if (!str_eq(decided.action, str_of(cases[i].action)) ||
            !str_eq(decided.resource, str_of(cases[i].resource)))
            fail_msg("%s %s is %.*s on %.*s", cases[i].method, cases[i].target, STR_FMT(decided.action),
                     STR_FMT(decided.resource));
        assert_str(asked_for.attributes.api_group, "auth.tkestack.io");
        assert_str(asked_for.attributes.version, "v1");
        assert_true(asked_for.attributes.is_resource);
        assert_null(asked_for.context.query_namespace.ptr);
    }
}

static bool has_group(const char *group) {
    for (size_t i = 0; i < asked_for.user.group_count; i++)
        if (str_eq(asked_for.user.groups[i], str_of(group)))
            return true;
    return false;
}

/* Contract 1.4. */
static void headers_replace_the_project_and_cluster_of_the_credential(void **state) {
    static const struct str groups[] = { STR("project:old"), STR("grp-1"), STR("cluster:old"),
                                         STR("project:older"), STR("namespace:ns") };
    struct principal who = caller("acme", "alice", NULL);
    (void)state;
    who.groups = groups;
    who.group_count = ARRAY_LEN(groups);
    (void)authorize(&who, "GET", "policies", "");
    assert_int_equal(asked_for.user.group_count, ARRAY_LEN(groups));
    assert_true(has_group("project:old") && has_group("cluster:old"));
    (void)authorize(&who, "GET", "policies", "X-TKE-ProjectName=new");
    assert_true(has_group("project:new") && has_group("cluster:old") && has_group("grp-1") &&
                has_group("namespace:ns"));
    assert_false(has_group("project:old") || has_group("project:older"));
    (void)authorize(&who, "GET", "policies", "X-TKE-ClusterName=c;X-TKE-ProjectName=p");
    assert_true(has_group("project:p") && has_group("cluster:c"));
    assert_false(has_group("project:old") || has_group("cluster:old"));
    (void)authorize(&who, "GET", "policies", "X-TKE-ClusterName=;X-TKE-ProjectName=");
    assert_true(has_group("project:old") && has_group("cluster:old"));
    assert_str(asked_for.user.extra[0].values[0], "acme");
}

/* ---- how far ---- */

static const char *reach(const struct asked *a) {
    static const char *const levels[] = { "project", "tenant", "platform" };
    if (a->rc != ERR_OK)
        return rig_text("%u", a->kr.refusal.status);
    const struct scope *s = &a->kr.scope;
    return rig_text("%s tenant=%.*s project=%.*s%s", levels[s->level], STR_FMT(s->tenant),
                    STR_FMT(s->project), s->is_full ? " full" : "");
}

static void rights_reach_as_far_as_they_were_given(void **state) {
    static const struct {
        const char *tenant, *name, *group, *method, *target, *headers, *reach;
    } cases[] = {
        { "acme", "nobody", NULL, "GET", "policies", "", "403" },
        { "acme", "alice", NULL, "GET", "policies", "", "tenant tenant=acme project=" },
        { "acme", "alice", NULL, "GET", "roles", "", "403" },
        { "beta", "alice", NULL, "GET", "policies", "", "403" }, /* another alice */
        { "beta", "chief", NULL, "GET", "policies", "", "403" },
        { "acme", "x", "grp-1", "GET", "policies", "", "tenant tenant=acme project=" },
        { "beta", "x", "grp-1", "GET", "policies", "", "403" },
        { "acme", "one", NULL, "GET", "policies/pol-1", "", "tenant tenant=acme project=" },
        { "acme", "one", NULL, "GET", "policies/pol-2", "", "403" },
        { "acme", "one", NULL, "GET", "policies?watch=1", "", "403" },
        { "acme", "one", NULL, "GET", "policies?fieldSelector=metadata.name%3Dpol-1", "", "403" },
        { "acme", "chief", NULL, "GET", "roles", "", "tenant tenant=acme project= full" },
        { "acme", "root", NULL, "DELETE", "policies", "", "tenant tenant=acme project= full" },
        { "beta", "root", NULL, "DELETE", "policies", "", "403" }, /* acme's root */
        { "gone", "root", NULL, "GET", "policies", "", "403" },
        /* X-TKE-TenantID is for callers of the platform. */
        { "acme", "alice", NULL, "GET", "policies", "X-TKE-TenantID=beta", "tenant tenant=acme project=" },
        { "acme", "root", NULL, "GET", "policies", "X-TKE-TenantID=beta",
          "tenant tenant=acme project= full" },
        /* A project's rights are of use in the project alone. */
        { "acme", "worker", NULL, "GET", "policies", "", "403" },
        { "acme", "worker", NULL, "GET", "policies", "X-TKE-ProjectName=prj-1",
          "project tenant=acme project=prj-1" },
        { "acme", "worker", NULL, "GET", "policies", "X-TKE-ProjectName=prj-2", "403" },
        { "acme", "worker", "project:prj-1", "GET", "policies", "", "project tenant=acme project=prj-1" },
        { "acme", "alice", NULL, "GET", "policies", "X-TKE-ProjectName=prj-1",
          "tenant tenant=acme project=prj-1" },
        { "acme", "root", NULL, "GET", "policies", "X-TKE-ProjectName=prj-1",
          "tenant tenant=acme project=prj-1 full" },
        /* Roles of the platform. */
        { "acme", "master", NULL, "GET", "policies", "", "platform tenant= project= full" },
        { "acme", "master", NULL, "GET", "policies", "X-TKE-TenantID=beta",
          "platform tenant=beta project= full" },
        { "acme", "viewer", NULL, "GET", "policies", "", "platform tenant= project=" },
        { "acme", "viewer", NULL, "GET", "policies", "X-TKE-TenantID=beta", "platform tenant=beta project=" },
        { "acme", "viewer", NULL, "POST", "policies", "", "403" },
        /* What the role does not give reaches as far as what does. */
        { "acme", "inspector", NULL, "GET", "policies", "", "platform tenant= project=" },
        { "acme", "inspector", NULL, "POST", "policies", "", "tenant tenant=acme project=" },
        { "acme", "viewer", NULL, "DELETE", "policies/pol-1", "", "403" },
        /* Callers without a tenant. */
        { "", "admin", NULL, "GET", "policies", "", "platform tenant= project= full" },
        { "", "admin", NULL, "GET", "policies", "X-TKE-TenantID=acme", "platform tenant=acme project= full" },
        { "", "nobody", NULL, "GET", "policies", "", "403" },
        { "acme", "admin", NULL, "GET", "policies", "", "403" }, /* a name alone makes nobody the master */
        /* Own API keys are everybody's business (contract 1.5). */
        { "acme", "nobody", NULL, "GET", "apikeys", "", "tenant tenant=acme project=" },
        { "acme", "nobody", NULL, "DELETE", "apikeys/apk-1", "", "tenant tenant=acme project=" },
        { "acme", "nobody", NULL, "GET", "apikeys", "X-TKE-ProjectName=prj-1",
          "tenant tenant=acme project=prj-1" },
        { "gone", "nobody", NULL, "GET", "apikeys", "", "403" },
        { "", "nobody", NULL, "GET", "apikeys", "", "403" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct principal who = caller(cases[i].tenant, cases[i].name, cases[i].group);
        struct asked *a = authorize(&who, cases[i].method, cases[i].target, cases[i].headers);
        if (strcmp(reach(a), cases[i].reach) != 0)
            fail_msg("%zu: %s of \"%s\", %s %s (%s): %s, wanted %s", i, cases[i].name, cases[i].tenant,
                     cases[i].method, cases[i].target, cases[i].headers, reach(a), cases[i].reach);
        assert_str(a->kr.scope.user, cases[i].name);
        assert_int_equal(a->kr.scope.is_platform_caller, cases[i].tenant[0] == '\0');
    }
}

/* Tenants name groups as they like: only credentials the platform has given out itself make a master. */
static void a_privileged_group_counts_from_the_platforms_own_credentials_only(void **state) {
    static const struct {
        enum principal_source source;
        const char *tenant;
        bool is;
    } cases[] = {
        { PRINCIPAL_CERTIFICATE, "", true },      { PRINCIPAL_FRONT_PROXY, "", true },
        { PRINCIPAL_TOKEN_FILE, "", true },       { PRINCIPAL_ID_TOKEN, "", false },
        { PRINCIPAL_API_KEY, "", false },         { PRINCIPAL_CERTIFICATE, "acme", false },
        { PRINCIPAL_FRONT_PROXY, "acme", false }, { PRINCIPAL_TOKEN_FILE, "acme", false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct principal who = caller(cases[i].tenant, "boss", "system:masters");
        who.source = cases[i].source;
        const struct asked *a = authorize(&who, "DELETE", "policies", "X-TKE-TenantID=beta");
        assert_int_equal(access_is_privileged(&a->kr), cases[i].is);
        assert_string_equal(reach(a), cases[i].is ? "platform tenant=beta project= full" : "403");
        assert_int_equal(questions, cases[i].is ? 0 : 1);
    }
}

static void a_refusal_says_who_may_not_do_what(void **state) {
    const struct principal who = caller("acme", "nobody", NULL);
    (void)state;
    struct asked *a = authorize(&who, "POST", "policies/pol-1/binding", "");
    assert_string_equal(a->kr.refusal.reason, "Forbidden");
    assert_non_null(strstr(a->kr.refusal.message,
                           "policies.auth.tkestack.io \"pol-1\" is forbidden: User \"nobody\" cannot "
                           "create resource \"policies/binding\" in API group \"auth.tkestack.io\""));
}

static void questions_besides_the_request(void **state) {
    struct principal alice_of_acme = caller("acme", "alice", NULL);
    struct err err = { 0 };
    bool may = false;
    (void)state;
    struct asked *a = authorize(&alice_of_acme, "GET", "policies", "");
    assert_ok(access_may(&a->kr, "update", "policies", NULL, STR("pol-1"), &may, &err));
    assert_true(may);
    assert_ok(access_may(&a->kr, "update", "roles", NULL, STR("rol-1"), &may, &err));
    assert_false(may);
    struct principal boss = caller("", "boss", "system:masters");
    boss.source = PRINCIPAL_CERTIFICATE;
    a = authorize(&boss, "GET", "policies", "");
    assert_ok(access_may(&a->kr, "update", "roles", NULL, STR("rol-1"), &may, &err));
    assert_true(may);
}

static void administrators_are_found_by_rule_and_by_name(void **state) {
    static const struct {
        const char *tenant, *name;
        bool is, of_platform;
    } cases[] = {
        { "acme", "chief", true, false },   { "acme", "root", true, false },
        { "beta", "root", false, false },   { "acme", "alice", false, false },
        { "acme", "master", true, true },   { "beta", "master", false, false },
        { "acme", "viewer", false, false }, { "beta", "chief", false, false },
    };
    (void)state;
    struct asked *a = ask_to_read("GET", "policies");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        bool of_platform = true;
        bool is = access_user_is_administrator(&a->kr, str_of(cases[i].tenant), str_of(cases[i].name),
                                               &of_platform);
        if (is != cases[i].is || of_platform != cases[i].of_platform)
            fail_msg("%s of %s: %d, %d", cases[i].name, cases[i].tenant, is, of_platform);
    }
}

/* ---- what may be changed ---- */

static void tenants_change_only_what_is_theirs(void **state) {
    static const struct {
        const struct scope *whose;
        const char *method, *target;
        unsigned status; /* 0: may */
    } cases[] = {
        { &platform, "POST", "clients", 0 },
        { &platform_in_acme, "DELETE", "identityproviders/acme", 0 },
        { &acme, "POST", "policies", 0 },
        { &acme, "DELETE", "policies", 0 },
        { &acme, "POST", "clients", 422 },
        { &acme, "PUT", "identityproviders/acme", 422 },
        { &acme, "PATCH", "categories/cat", 422 },
        { &acme, "DELETE", "categories/cat", 403 },
        { &acme, "DELETE", "identityproviders/acme", 403 },
        { &acme_project, "POST", "policies", 403 },
        { &acme_project, "DELETE", "policies/pol-1", 403 },
        { &acme_project, "POST", "localidentities", 403 },
        { &acme_project, "POST", "roles", 0 },
        { &acme_project, "POST", "projectpolicybindings", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct asked *a = ask_to_read(cases[i].method, cases[i].target);
        a->kr.scope = *cases[i].whose;
        enum err_code rc = access_check_write(&a->kr);
        if (a->kr.refusal.status != cases[i].status || (rc == ERR_OK) != (cases[i].status == 0))
            fail_msg("%s %s: %u", cases[i].method, cases[i].target, a->kr.refusal.status);
    }
}

/* ---- who ---- */

static struct asked *authenticate(const char *headers) {
    struct asked *a = request("GET", "policies", headers);
    questions = 0;
    a->rc = access_authenticate(&a->kr, &a->err);
    if (a->rc != ERR_OK && a->kr.refusal.status == 0)
        fail_msg("%s: %s", headers, a->err.detail);
    return a;
}

static void callers_and_whom_they_act_for(void **state) {
    static const struct {
        const char *headers;
        unsigned status; /* 0: known */
        const char *name, *tenant;
    } cases[] = {
        { "", 401, NULL, NULL },
        { "Authorization=Bearer wrong", 401, NULL, NULL },
        { "Authorization=Bearer tok-plain", 0, "plain", "" },
        { "Impersonate-User=plain", 401, NULL, NULL },
        { "Authorization=Bearer tok-boss;Impersonate-User=plain", 0, "plain", "" },
        { "Authorization=Bearer tok-boss;Impersonate-User=acme##user##alice", 0, "alice", "acme" },
        { "Authorization=Bearer tok-boss;Impersonate-User=alice;Impersonate-Extra-Tenantid=acme", 0, "alice",
          "acme" },
        { "Authorization=Bearer tok-boss;Impersonate-User=beta##user##a;Impersonate-Extra-Tenantid=acme", 0,
          "beta##user##a", "acme" },
        { "Authorization=Bearer tok-boss;Impersonate-User=##user##alice", 0, "alice", "" },
        { "Authorization=Bearer tok-boss;Impersonate-Group=system:masters", 400, NULL, NULL },
        { "Authorization=Bearer tok-plain;Impersonate-User=boss", 403, NULL, NULL },
        { "Authorization=Bearer tok-plain;Impersonate-User=plain", 403, NULL, NULL },
        { "Authorization=Bearer tok-secretary;Impersonate-User=deputy", 0, "deputy", "" },
        { "Authorization=Bearer tok-secretary;Impersonate-User=deputy;Impersonate-Group=system:authenticated",
          0, "deputy", "" },
        { "Authorization=Bearer tok-secretary;Impersonate-User=deputy;Impersonate-Group=system:masters", 403,
          NULL, NULL },
        { "Authorization=Bearer tok-secretary;Impersonate-User=deputy;Impersonate-Uid=1", 403, NULL, NULL },
        { "Authorization=Bearer tok-secretary;Impersonate-User=deputy;Impersonate-Extra-Tenantid=acme", 403,
          NULL, NULL },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct asked *a = authenticate(cases[i].headers);
        if (a->kr.refusal.status != cases[i].status)
            fail_msg("%s: %u, wanted %u", cases[i].headers, a->kr.refusal.status, cases[i].status);
        if (cases[i].status != 0)
            continue;
        assert_str(a->kr.who.name, cases[i].name);
        assert_str(a->kr.who.tenant, cases[i].tenant);
    }
}

/* Acting for a tenant's user, a master is no more than that user. */
static void whoever_acts_for_somebody_has_their_rights_alone(void **state) {
    (void)state;
    struct asked *a = authenticate("Authorization=Bearer tok-boss;Impersonate-User=acme##user##alice;"
                                   "Impersonate-Group=system:masters");
    assert_false(access_is_privileged(&a->kr));
    a->rc = access_authorize(&a->kr, &a->err);
    assert_string_equal(reach(a), "tenant tenant=acme project=");
    a = authenticate("Authorization=Bearer tok-boss;Impersonate-User=plain");
    assert_false(access_is_privileged(&a->kr));
    a->rc = access_authorize(&a->kr, &a->err);
    assert_string_equal(reach(a), "403");
}

/* Contract: whatever a tenant's rules say, what its people may do ends at themselves. */
static void tenants_users_act_for_nobody(void **state) {
    struct principal chief = caller("acme", "chief", NULL);
    (void)state;
    credential = &chief;
    struct asked *a = authenticate("Impersonate-User=acme##user##alice");
    struct asked *itself = authenticate("Impersonate-User=chief");
    credential = NULL;
    assert_int_equal(a->kr.refusal.status, 403);
    assert_non_null(strstr(a->kr.refusal.message, "only callers of the platform can impersonate"));
    assert_int_equal(itself->kr.refusal.status, 403);
    assert_int_equal(questions, 0);
}

/* A watch lives as long as the token it was asked for with. */
static void who_acts_for_somebody_does_so_until_their_own_token_ends(void **state) {
    struct principal boss = caller("", "boss", "system:masters");
    (void)state;
    boss.source = PRINCIPAL_CERTIFICATE;
    boss.expires_at = RIG_START + 60;
    credential = &boss;
    struct asked *a = authenticate("Impersonate-User=acme##user##alice");
    credential = NULL;
    assert_str(a->kr.who.name, "alice");
    assert_int_equal(a->kr.who.expires_at, RIG_START + 60);
}

int main(void) {
#define HERE(f)                                                                                              \
    {                                                                                                        \
        .name = #f, .test_func = (f), .setup_func = setup, .teardown_func = teardown,                        \
        .initial_state = (void *)(uintptr_t) "memory"                                                        \
    }
    const struct CMUnitTest tests[] = {
        HERE(a_request_is_an_action_on_a_resource),
        HERE(headers_replace_the_project_and_cluster_of_the_credential),
        HERE(rights_reach_as_far_as_they_were_given),
        HERE(a_privileged_group_counts_from_the_platforms_own_credentials_only),
        HERE(a_refusal_says_who_may_not_do_what),
        HERE(questions_besides_the_request),
        HERE(administrators_are_found_by_rule_and_by_name),
        HERE(tenants_change_only_what_is_theirs),
        HERE(callers_and_whom_they_act_for),
        HERE(whoever_acts_for_somebody_has_their_rights_alone),
        HERE(tenants_users_act_for_nobody),
        HERE(who_acts_for_somebody_does_so_until_their_own_token_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
