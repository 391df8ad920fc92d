/* Selectors and rights: who is shown what, and which index finds it. */
#include "unit/kube/stand.h"

#include "kube/access.h"
#include "kube/filter.h"

#define KEY_OF(user, n) "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJ1c3IiOiJhbGljZSJ9." user #n

static void api_key(const char *tenant, const char *name, const char *user, const char *text) {
    (void)rig_import(
        &kind_api_key,
        rig_text("{'metadata':{'name':'%s'},'spec':{'apiKey':'%s','tenantID':'%s','username':'%s',"
                 "'userID':'usr-%s','description':'d','issue_at':'2023-11-14T22:13:20Z',"
                 "'expire_at':'2033-11-14T22:13:20Z'}}",
                 name, text, tenant, user, user));
}

static void role(const char *tenant, const char *name, const char *project) {
    (void)rig_create(&kind_role,
                     rig_text("{'metadata':{'name':'%s'},'spec':{'displayName':'Role %s','tenantID':'%s',"
                              "'projectID':'%s','policies':[]}}",
                              name, name, tenant, project));
}

static void binding(const char *tenant, const char *project, const char *policy) {
    (void)rig_create(&kind_project_policy_binding,
                     rig_text("{'metadata':{},'spec':{'tenantID':'%s','projectID':'%s','policyID':'%s'}}",
                              tenant, project, policy));
}

static void custom_binding(const char *tenant, const char *namespace, const char *policy) {
    (void)rig_create(
        &kind_custom_policy_binding,
        rig_text("{'metadata':{'namespace':'%s'},'spec':{'tenantID':'%s','domain':'*','policyID':'%s',"
                 "'resources':['registry:*'],'rulePrefix':'cg'}}",
                 namespace, tenant, policy));
}

static void label(const struct kind *k, const char *name, const char *labels) {
    json_t *object = rig_read(k, name);
    assert_int_equal(json_object_set(json_object_get(object, "metadata"), "labels", rig_json(labels)), 0);
    (void)rig_update(k, name, object);
}

/* No project is two tenants' any more, but nothing that is shown may depend on that. */
static void foreign_role(void) {
    const char *body = rig_quoted(
        "{'metadata':{'name':'rol-8'},'spec':{'tenantID':'beta','projectID':'prj-1'}}");
    const struct store_index indexes[] = { { index_tenant(rig.arena, STR("beta")), false },
                                           { index_project(rig.arena, STR("prj-1")), false } };
    const struct store_write w = { .kind = STR("roles"),
                                   .name = STR("rol-8"),
                                   .body = str_of(body),
                                   .indexes = indexes,
                                   .index_count = ARRAY_LEN(indexes) };
    int64_t revision;
    rig_ok(store_write(rig.store, &w, &revision, &rig.err));
}

/* The same in both tenants, a few things of the platform's. */
static void two_tenants(void) {
    rig_tenant("acme");
    rig_tenant("beta");
    rig_user("acme", "alice");
    rig_user("acme", "bob");
    rig_user("beta", "carol");
    rig_policy("acme", "pol-1", "");
    rig_policy("acme", "pol-2", "project");
    rig_policy("beta", "pol-8", "");
    rig_policy("beta", "pol-9", "project");
    label(&kind_policy, "pol-2", "{'colour':'red'}");
    label(&kind_policy, "pol-9", "{'colour':'red'}");
    role("acme", "rol-1", "prj-1");
    role("acme", "rol-2", "prj-2");
    role("acme", "rol-3", "");
    foreign_role();
    binding("acme", "prj-1", "pol-2");
    binding("acme", "prj-2", "pol-2");
    binding("beta", "prj-9", "pol-9");
    custom_binding("acme", "ns", "pol-1");
    custom_binding("acme", "other", "pol-1");
    custom_binding("beta", "ns", "pol-8");
    api_key("acme", "apk-1", "alice", KEY_OF("alice", 1));
    api_key("acme", "apk-2", "bob", KEY_OF("bobby", 2));
    api_key("beta", "apk-8", "alice", KEY_OF("alice", 8)); /* another alice */
    (void)rig_create(&kind_category, "{'metadata':{'name':'cat'},'Spec':{'displayName':'C','description':'d',"
                                     "'actions':[{'name':'getX','description':'d'}]}}");
    (void)rig_create(&kind_client, "{'metadata':{'name':'open'},'spec':{'public':true,"
                                   "'redirect_uris':['https://a.example/cb']}}");
    (void)rig_create(&kind_config_map, "{'metadata':{'name':'cm'},'data':{'k':'v'}}");
}

struct sight {
    const struct scope *whose;
    const char *target, *names;
};

static void check(const struct sight *cases, size_t len) {
    for (size_t i = 0; i < len; i++) {
        const struct asked *a = ask(cases[i].whose, cases[i].target);
        if (strcmp(ask_names(a), cases[i].names) != 0)
            fail_msg("%s as %.*s of %.*s: \"%s\", wanted \"%s\"", cases[i].target,
                     STR_FMT(cases[i].whose->user), STR_FMT(cases[i].whose->tenant), ask_names(a),
                     cases[i].names);
    }
}

/* ---- rights ---- */

static void everybody_sees_what_is_theirs(void **state) {
    static const struct sight cases[] = {
        { &platform, "policies", "pol-1 pol-2 pol-8 pol-9" },
        { &platform_in_acme, "policies", "pol-1 pol-2" },
        { &acme, "policies", "pol-1 pol-2" },
        { &beta, "policies", "pol-8 pol-9" },
        { &alice, "policies", "pol-1 pol-2" },
        { &acme_project, "policies", "pol-2" },
        { &platform, "roles", "rol-1 rol-2 rol-3 rol-8" },
        { &acme, "roles", "rol-1 rol-2 rol-3" },
        { &acme_project, "roles", "rol-1" },
        { &platform, "projectpolicybindings", "prj-1-pol-2 prj-2-pol-2 prj-9-pol-9" },
        { &acme_project, "projectpolicybindings", "prj-1-pol-2" },
        { &beta, "projectpolicybindings", "prj-9-pol-9" },
        { &platform, "custompolicybindings", "pol-1 pol-8 pol-1" },
        { &acme, "custompolicybindings", "pol-1 pol-1" },
        { &acme_project, "custompolicybindings", "" },
        { &platform, "localidentities", "usr-alice usr-bob usr-carol" },
        { &acme, "localidentities", "usr-alice usr-bob" },
        { &acme_project, "localidentities", "" },
        { &platform, "apikeys", "apk-1 apk-2 apk-8" },
        { &acme, "apikeys", "apk-1 apk-2" },
        { &alice, "apikeys", "apk-1" },
        { &platform, "identityproviders", "acme beta" },
        { &platform_in_acme, "identityproviders", "acme" },
        { &acme, "identityproviders", "acme" },
        { &alice, "identityproviders", "acme" },
        { &platform, "categories", "cat" },
        { &platform_in_acme, "categories", "cat" },
        { &acme, "categories", "cat" },
        { &acme_project, "categories", "cat" },
        { &platform, "clients", "open" },
        { &acme, "clients", "" },
        { &platform, "configmaps", "cm" },
        { &acme, "configmaps", "" },
        { &alice, "configmaps", "" },
    };
    (void)state;
    two_tenants();
    check(cases, ARRAY_LEN(cases));
}

/* Contract 2.0: with a project header, whoever asks. */
static void a_project_header_narrows_what_masters_see_too(void **state) {
    struct scope in_project = platform, full_in_project = acme;
    in_project.project = full_in_project.project = STR("prj-1");
    const struct sight cases[] = {
        { &in_project, "policies", "pol-2 pol-9" },
        { &in_project, "projectpolicybindings", "prj-1-pol-2" },
        { &in_project, "roles", "rol-1 rol-2 rol-3 rol-8" },
        { &full_in_project, "policies", "pol-2" },
        { &full_in_project, "projectpolicybindings", "prj-1-pol-2" },
        { &full_in_project, "roles", "rol-1" },
        { &full_in_project, "localidentities", "usr-alice usr-bob" },
    };
    (void)state;
    two_tenants();
    check(cases, ARRAY_LEN(cases));
}

/* Whatever is asked for: it only ever narrows what one may see. */
static void selectors_reach_nobody_elses(void **state) {
    static const struct sight cases[] = {
        { &acme, "policies?fieldSelector=spec.tenantID%3Dbeta", "" },
        { &acme, "policies?fieldSelector=spec.tenantID!%3Dacme", "" },
        { &acme, "policies?fieldSelector=spec.tenantID%3D", "" },
        { &acme, "policies?fieldSelector=metadata.name%3Dpol-9", "" },
        { &acme, "policies?fieldSelector=metadata.name!%3Dpol-1", "pol-2" },
        { &acme, "policies?labelSelector=colour%3Dred", "pol-2" },
        { &acme, "policies?labelSelector=colour", "pol-2" },
        { &acme, "policies?labelSelector=colour!%3Dblue", "pol-1 pol-2" },
        { &acme, "policies?fieldSelector=keyword%3Dpol-9", "" },
        { &platform_in_acme, "policies?fieldSelector=spec.tenantID%3Dbeta", "" },
        { &platform_in_acme, "policies?fieldSelector=metadata.name%3Dpol-9", "" },
        { &platform, "policies?fieldSelector=spec.tenantID%3Dbeta", "pol-8 pol-9" },
        { &platform, "policies?fieldSelector=spec.tenantID%3D%3Dbeta,spec.tenantID%3Dacme", "" },
        { &acme, "roles?fieldSelector=spec.projectID%3Dprj-1", "rol-1" },
        { &beta, "roles?fieldSelector=spec.projectID%3Dprj-1", "rol-8" },
        { &platform, "roles?fieldSelector=spec.projectID%3Dprj-1", "rol-1 rol-8" },
        { &acme_project, "roles?fieldSelector=spec.projectID%3Dprj-2", "" },
        { &acme, "roles?fieldSelector=spec.projectID%3D", "rol-3" },
        { &beta, "projectpolicybindings?fieldSelector=metadata.name%3Dprj-1-pol-2", "" },
        { &alice, "apikeys?fieldSelector=spec.username%3Dbob", "" },
        { &alice, "apikeys?fieldSelector=spec.username!%3Dalice", "" },
        { &alice, "apikeys?fieldSelector=spec.tenantID%3Dbeta", "" },
        { &alice, "apikeys?fieldSelector=metadata.name%3Dapk-2", "" },
        { &alice, "apikeys?fieldSelector=metadata.name%3Dapk-8", "" },
        { &acme, "apikeys?fieldSelector=spec.username%3Dbob", "apk-2" },
        { &acme, "apikeys?fieldSelector=spec.username%3Dalice", "apk-1" },
        { &platform, "apikeys?fieldSelector=spec.username%3Dalice", "apk-1 apk-8" },
        { &platform, "apikeys?fieldSelector=spec.username%3Dalice,spec.tenantID%3Dbeta", "apk-8" },
        { &acme, "localidentities?fieldSelector=spec.username%3Dcarol", "" },
        { &acme, "localidentities?fieldSelector=spec.username%3Dbob", "usr-bob" },
        { &acme, "localidentities?fieldSelector=spec.username%3Dbob,spec.tenantID%3Dbeta", "" },
        { &beta, "identityproviders?fieldSelector=metadata.name%3Dacme", "" },
        { &beta, "identityproviders?fieldSelector=spec.name%3Dacme", "" },
        { &beta, "clients?fieldSelector=metadata.name%3Dopen", "" },
        { &acme, "namespaces/ns/custompolicybindings", "pol-1" },
        { &beta, "namespaces/ns/custompolicybindings", "pol-8" },
        { &beta, "namespaces/other/custompolicybindings", "" },
        { &platform, "namespaces/ns/custompolicybindings", "pol-1 pol-8" },
        { &acme, "custompolicybindings?fieldSelector=metadata.namespace%3Dother", "pol-1" },
        { &beta, "custompolicybindings?fieldSelector=metadata.namespace%3Dother", "" },
        { &beta, "custompolicybindings?fieldSelector=metadata.name%3Dpol-1", "" },
        { &acme, "namespaces/ns/custompolicybindings?fieldSelector=metadata.namespace%3Dother", "" },
    };
    (void)state;
    two_tenants();
    check(cases, ARRAY_LEN(cases));
}

static void keywords_look_into_names_and_texts(void **state) {
    static const struct sight cases[] = {
        { &acme, "localidentities?fieldSelector=keyword%3DLI", "usr-alice" },
        { &acme, "localidentities?fieldSelector=keyword%3Dusr-bob", "usr-bob" },
        { &acme, "localidentities?fieldSelector=keyword%3Dusr-bo", "" }, /* of names only the whole */
        { &acme, "localidentities?fieldSelector=keyword%3D", "usr-alice usr-bob" },
        { &acme, "localidentities?fieldSelector=keyword%3Da,spec.username%3Dbob", "" },
        { &acme, "policies?fieldSelector=keyword%3DPOL-2", "pol-2" },
        { &acme, "roles?fieldSelector=keyword%3Drole%20rol-1", "rol-1" },
        { &acme, "roles?fieldSelector=keyword%3Drole,spec.projectID%3Dprj-2", "rol-2" },
    };
    (void)state;
    two_tenants();
    check(cases, ARRAY_LEN(cases));
}

/* Every object a collection shows must be one that filter_matches lets through, by whatever index it was found, and none must be
 * missing: the same request without an index is the judge. */
static void no_index_hides_or_adds_anything(void **state) {
    static const char *const kinds[] = {
        "policies",        "roles",   "projectpolicybindings", "custompolicybindings",
        "localidentities", "apikeys", "identityproviders",     "categories",
        "clients"
    };
    static const char *const queries[] = { "",
                                           "fieldSelector=spec.tenantID%3Dacme",
                                           "fieldSelector=spec.username%3Dalice",
                                           "fieldSelector=spec.projectID%3Dprj-1",
                                           "fieldSelector=spec.tenantID%3D",
                                           "fieldSelector=spec.tenantID%3Dbeta,spec.username%3Dalice",
                                           "labelSelector=colour%3Dred",
                                           "fieldSelector=metadata.name%3Dpol-1" };
    const struct scope *const scopes[] = {
        &platform, &platform_in_acme, &acme, &acme_project, &alice, &beta
    };
    (void)state;
    two_tenants();
    size_t compared = 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        for (size_t q = 0; q < ARRAY_LEN(queries); q++)
            for (size_t s = 0; s < ARRAY_LEN(scopes); s++) {
                struct asked *a = ask(scopes[s], rig_text("%s?%s", kinds[k], queries[q]));
                if (a->status == 400) /* a field the kind does not have */
                    continue;
                AUTO(filter_done) struct filter f = { 0 };
                AUTO(strbuf_done) struct strbuf wanted = STRBUF(1 << 20);
                rig_ok(filter_read(&a->kr, &f, &rig.err));
                const json_t *items = json_object_get(ask(&platform, kinds[k])->json, "items");
                for (size_t i = 0; i < json_array_size(items); i++)
                    if (filter_matches(&f, json_array_get(items, i)))
                        strbuf_addf(&wanted, "%s%.*s", wanted.len > 0 ? " " : "",
                                    STR_FMT(object_name(json_array_get(items, i))));
                assert_string_equal(ask_names(a), strbuf_c(&wanted));
                compared++;
            }
    assert_in_range(compared, 200, 500);
}

/* ---- what is read ---- */

static struct filter read_filter(const struct scope *whose, const char *target) {
    struct filter f = { 0 };
    struct asked *a = ask_to_read("GET", target);
    a->kr.scope = *whose;
    a->rc = filter_read(&a->kr, &f, &a->err);
    assert_int_equal(a->rc, ERR_OK);
    return f;
}

static void the_narrowest_index_is_chosen(void **state) {
    static const struct {
        const struct scope *whose;
        const char *target, *key; /* NULL: none */
        bool sees_all;
    } cases[] = {
        { &platform, "policies", NULL, true },
        { &platform_in_acme, "policies", "tenant", true },
        { &acme, "policies", "tenant", true },
        { &acme_project, "policies", "tenant", false },
        { &acme, "policies?labelSelector=a", "tenant", false },
        { &acme, "policies?fieldSelector=keyword%3Da", "tenant", false },
        { &acme, "policies?fieldSelector=policy%3Dtrue", "tenant", false },
        { &platform, "policies?fieldSelector=spec.tenantID%3Dacme", "tenant", false },
        { &acme, "roles?fieldSelector=spec.projectID%3Dprj-1", "project", false },
        { &acme, "roles?fieldSelector=spec.projectID%3D", "tenant", false },
        { &acme_project, "roles", "project", false },
        { &acme_project, "roles?fieldSelector=spec.projectID%3Dprj-2", "project", false },
        { &acme, "apikeys", "tenant", true },
        { &alice, "apikeys", "owner", true },
        { &acme, "apikeys?fieldSelector=spec.username%3Dalice", "owner", false },
        { &platform, "apikeys?fieldSelector=spec.username%3Dalice", NULL, false },
        { &platform, "apikeys?fieldSelector=spec.username%3Dalice,spec.tenantID%3Dacme", "owner", false },
        { &acme, "localidentities?fieldSelector=spec.username%3Dalice", "username", false },
        { &platform, "identityproviders", NULL, true },
        { &acme, "identityproviders", NULL, false },
        { &platform_in_acme, "identityproviders", NULL, false },
        { &acme, "categories", NULL, true },
        { &acme, "clients", NULL, false },
        { &acme, "namespaces/ns/custompolicybindings", "tenant", false },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(filter_done) struct filter f = read_filter(cases[i].whose, cases[i].target);
        const char *name = cases[i].key;
        struct str t = STR("acme"),
                   key = name == NULL                   ? STR_NULL
                         : strcmp(name, "tenant") == 0  ? index_tenant(rig.arena, t)
                         : strcmp(name, "project") == 0 ? index_project(rig.arena, STR("prj-1"))
                         : strcmp(name, "owner") == 0   ? index_owner(rig.arena, t, STR("alice"))
                                                        : index_username(rig.arena, t, STR("alice"));
        if ((f.key.ptr == NULL) != (key.ptr == NULL) || !str_eq(f.key, key) ||
            f.sees_all_of_key != cases[i].sees_all)
            fail_msg("%s: key \"%.*s\", %d", cases[i].target, STR_FMT(f.key), f.sees_all_of_key);
    }
}

static void a_filter_outlives_its_request(void **state) {
    (void)state;
    rig_tenant("acme");
    rig_policy("acme", "pol-1", "");
    AUTO(filter_done)
    struct filter f = read_filter(&alice,
                                  "policies?labelSelector=a!%3Db&fieldSelector=metadata.name%3Dpol-1");
    ask_done(stand.asked);
    assert_true(filter_matches(&f, rig_get(&kind_policy, "pol-1")));
    assert_str(f.exact_name, "pol-1");
}

static void pseudo_fields_are_taken_out(void **state) {
    struct str value;
    (void)state;
    AUTO(filter_done)
    struct filter f = read_filter(
        &acme, "localidentities?fieldSelector=keyword%3Dx,policy%3Dtrue,limit%3D7,spec.username%3Da");
    assert_str(f.keyword, "x");
    assert_true(f.with_policies);
    assert_str(f.limit, "7");
    assert_int_equal(f.fields.len, 1);
    assert_true(filter_requires(&f, "spec.username", &value));
    assert_str(value, "a");
    assert_false(filter_requires(&f, "keyword", &value));
}

static void selectors_that_are_refused(void **state) {
    static const char *const targets[][2] = {
        { "policies?labelSelector=a%20in%20(", "" },
        { "policies?labelSelector=%3D", "" },
        { "policies?fieldSelector=a", "can't understand" },
        { "policies?fieldSelector=spec.statement%3Dx", "field label not supported: spec.statement" },
        { "policies?fieldSelector=spec.hashedPassword%3Dx", "not supported" },
        { "localidentities?fieldSelector=spec.hashedPassword%3Dx", "not supported" },
        { "policies?fieldSelector=status.phase%3DActive", "not supported" },
        { "policies?fieldSelector=metadata.uid%3Dx", "not supported" },
        { "policies?fieldSelector=metadata.name%3Da%5Cx", "escape" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        ask_refused(ask(&acme, targets[i][0]), 400, "BadRequest", targets[i][1]);
        ask_refused(ask(&acme, rig_text("%s&watch=1", targets[i][0])), 400, "BadRequest", targets[i][1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        AT_BOTH(everybody_sees_what_is_theirs),     AT_MEMORY(a_project_header_narrows_what_masters_see_too),
        AT_BOTH(selectors_reach_nobody_elses),      AT_MEMORY(keywords_look_into_names_and_texts),
        AT_MEMORY(no_index_hides_or_adds_anything), AT_MEMORY(the_narrowest_index_is_chosen),
        AT_MEMORY(a_filter_outlives_its_request),   AT_MEMORY(pseudo_fields_are_taken_out),
        AT_MEMORY(selectors_that_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
