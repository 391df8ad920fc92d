/* What is understood of a request: its path, verb, query, the form of the answer, its body. */
#include "unit/kube/stand.h"

/* ---- paths and verbs ---- */

static void paths_and_verbs(void **state) {
    static const struct {
        const char *method, *target, *verb, *resource, *namespace, *name, *subresource;
    } cases[] = {
        { "GET", "policies", "list", "policies", "", "", "" },
        { "HEAD", "policies", "list", "policies", "", "", "" },
        { "GET", "policies/", "list", "policies", "", "", "" },
        { "GET", "policies///", "list", "policies", "", "", "" },
        { "GET", "policies?watch", "watch", "policies", "", "", "" },
        { "GET", "policies?watch=", "watch", "policies", "", "", "" },
        { "GET", "policies?watch=1", "watch", "policies", "", "", "" },
        { "GET", "policies?watch=true", "watch", "policies", "", "", "" },
        { "GET", "policies?watch=True", "watch", "policies", "", "", "" },
        { "GET", "policies?watch=no", "watch", "policies", "", "", "" }, /* as Kubernetes reads it */
        { "GET", "policies?watch=0", "list", "policies", "", "", "" },
        { "GET", "policies?watch=False", "list", "policies", "", "", "" },
        { "GET", "policies/pol-1", "get", "policies", "", "pol-1", "" },
        { "GET", "policies/pol-1/", "get", "policies", "", "pol-1", "" },
        /* Only collections are watched: rights to one object are no rights to all. */
        { "GET", "policies/pol-1?watch=1", "get", "policies", "", "pol-1", "" },
        { "HEAD", "policies/pol-1?watch=1", "get", "policies", "", "pol-1", "" },
        { "GET", "policies/pol-1/users", "get", "policies", "", "pol-1", "users" },
        { "GET", "policies/pol-1/users?watch=1", "get", "policies", "", "pol-1", "users" },
        { "POST", "policies", "create", "policies", "", "", "" },
        { "POST", "policies?watch=1", "create", "policies", "", "", "" },
        { "POST", "apikeys/default/password/", "create", "apikeys", "", "default", "password" },
        { "PUT", "policies/pol-1", "update", "policies", "", "pol-1", "" },
        { "PUT", "policies/pol-1/status", "update", "policies", "", "pol-1", "status" },
        { "PATCH", "policies/pol-1", "patch", "policies", "", "pol-1", "" },
        { "DELETE", "policies/pol-1", "delete", "policies", "", "pol-1", "" },
        { "DELETE", "policies", "deletecollection", "policies", "", "", "" },
        { "GET", "custompolicybindings", "list", "custompolicybindings", "", "", "" },
        { "GET", "namespaces/ns/custompolicybindings", "list", "custompolicybindings", "ns", "", "" },
        { "GET", "namespaces/ns/custompolicybindings?watch=1", "watch", "custompolicybindings", "ns", "",
          "" },
        { "GET", "namespaces/ns/custompolicybindings/b", "get", "custompolicybindings", "ns", "b", "" },
        { "POST", "namespaces/ns/custompolicybindings", "create", "custompolicybindings", "ns", "", "" },
        { "DELETE", "namespaces/ns/custompolicybindings", "deletecollection", "custompolicybindings", "ns",
          "", "" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct asked *a = ask_to_read(cases[i].method, cases[i].target);
        if (a->rc != ERR_OK || strcmp(a->kr.verb, cases[i].verb) != 0)
            fail_msg("%s %s is \"%s\", wanted \"%s\"", cases[i].method, cases[i].target, a->kr.verb,
                     cases[i].verb);
        assert_str(a->kr.resource, cases[i].resource);
        assert_str(a->kr.namespace, cases[i].namespace);
        assert_str(a->kr.name, cases[i].name);
        assert_str(a->kr.subresource, cases[i].subresource);
        assert_ptr_equal(a->kr.kind, resource_kind(str_of(cases[i].resource)));
    }
}

static void paths_to_nothing(void **state) {
    static const char *const targets[][2] = {
        { "GET", "" },
        { "GET", "/" },
        { "GET", "nothing" },
        { "GET", "Policies" },
        { "GET", "policy" },
        { "GET", "policies/a/users/b" },
        { "GET", "policies/a/users/b/c" },
        { "GET", "/policies" },
        { "GET", "namespaces/" },
        { "GET", "namespaces/ns" },
        { "GET", "namespaces/ns/" },
        { "GET", "namespaces/ns/policies" },
        { "GET", "namespaces//policies" },
        { "GET", "custompolicybindings/b" },
        { "POST", "custompolicybindings" },
        { "GET", "namespaces//custompolicybindings/b" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        struct asked *a = ask_to_read(targets[i][0], targets[i][1]);
        if (a->rc == ERR_OK)
            fail_msg("%s \"%s\" is understood", targets[i][0], targets[i][1]);
        ask_refused(a, 404, "NotFound", "could not find the requested resource");
    }
}

static void the_store_knows_namespaced_objects_by_both_names(void **state) {
    (void)state;
    assert_str(request_store_name(&ask_to_read("GET", "policies/pol-1")->kr), "pol-1");
    assert_str(request_store_name(&ask_to_read("GET", "namespaces/ns/custompolicybindings/b")->kr), "ns/b");
}

/* ---- the query ---- */

static void query_parameters(void **state) {
    (void)state;
    const struct asked *a = ask_to_read("GET", "policies?a=1&b=x%20y%2B&c&d=&flag=false&a2=0");
    assert_str(request_query(&a->kr, "a"), "1");
    assert_str(request_query(&a->kr, "b"), "x y+");
    assert_str(request_query(&a->kr, "c"), "");
    assert_null(request_query(&a->kr, "none").ptr);
    assert_true(request_query_flag(&a->kr, "a"));
    assert_true(request_query_flag(&a->kr, "c"));
    assert_true(request_query_flag(&a->kr, "d"));
    assert_false(request_query_flag(&a->kr, "a2"));
    assert_false(request_query_flag(&a->kr, "flag"));
    assert_false(request_query_flag(&a->kr, "none"));
}

static void queries_that_cannot_be_read(void **state) {
    (void)state;
    ask_refused(ask_to_read("GET", "policies?a=%zz"), 400, "BadRequest", "query");
    ask_refused(ask_to_read("GET", "policies?a=%2"), 400, "BadRequest", "query");
    char *many = malloc(KUBE_QUERY_MAX + 32);
    assert_non_null(many);
    memcpy(many, "policies?a=", 12);
    memset(many + 11, 'x', KUBE_QUERY_MAX + 1);
    many[11 + KUBE_QUERY_MAX - 2] = '\0';
    assert_int_equal(ask_to_read("GET", many)->rc, ERR_OK);
    many[11 + KUBE_QUERY_MAX - 2] = 'x';
    many[11 + KUBE_QUERY_MAX - 1] = '\0';
    ask_refused(ask_to_read("GET", many), 414, "RequestURITooLong", "16384");
    free(many);
}

static void dry_run(void **state) {
    bool dry = true;
    (void)state;
    struct asked *a = ask_to_read("POST", "policies");
    assert_int_equal(request_dry_run(&a->kr, &dry), ERR_OK);
    assert_false(dry);
    a = ask_to_read("POST", "policies?dryRun=All");
    assert_int_equal(request_dry_run(&a->kr, &dry), ERR_OK);
    assert_true(dry);
    a = ask_to_read("POST", "policies?dryRun=all");
    assert_int_not_equal(request_dry_run(&a->kr, &dry), ERR_OK);
    assert_int_equal(a->kr.refusal.status, 400);
}

/* ---- Accept ---- */

static void forms_of_the_answer(void **state) {
#define AS(what) "application/json;as=" what ";v=v1;g=meta.k8s.io"
    static const struct {
        const char *accept;
        int form; /* -1: refused */
    } cases[] = {
        { "", FORM_OBJECT },
        { "  ", FORM_OBJECT },
        { "*/*", FORM_OBJECT },
        { "application/*", FORM_OBJECT },
        { "application/json", FORM_OBJECT },
        { "Application/JSON; charset=utf-8", FORM_OBJECT },
        { "application/json;stream=watch", FORM_OBJECT },
        { AS("Table"), FORM_TABLE },
        { AS("Table") ",application/json", FORM_TABLE },
        { "application/json, " AS("Table"), FORM_OBJECT },
        { "application/json; as = Table ; g = meta.k8s.io; v = v1", FORM_TABLE },
        { AS("PartialObjectMetadata"), FORM_PARTIAL },
        { AS("PartialObjectMetadataList"), FORM_PARTIAL },
        { "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", FORM_OBJECT },
        { "application/json;as=Table;v=v1beta1;g=meta.k8s.io", -1 },
        { "application/json;as=Table;v=v1;g=other", -1 },
        { "application/json;as=Table", -1 },
        { AS("APIGroupDiscoveryList"), -1 },
        { "application/vnd.kubernetes.protobuf", -1 },
        { "application/vnd.kubernetes.protobuf,application/json", FORM_OBJECT },
        { "application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io," AS("Table"), FORM_TABLE },
        { "text/html", -1 },
        { ",", -1 },
        { ";;;", -1 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct asked *a = ask_to_read_with("GET", "policies", "Accept", cases[i].accept);
        if (cases[i].form < 0)
            ask_refused(a, 406, "NotAcceptable", "media types");
        else if (a->rc != ERR_OK || (int)a->kr.form != cases[i].form)
            fail_msg("Accept: %s is form %d", cases[i].accept, (int)a->kr.form);
    }
    assert_int_equal(ask_to_read("GET", "policies?includeObject=Object")->kr.include, INCLUDE_OBJECT);
    assert_int_equal(ask_to_read("GET", "policies?includeObject=None")->kr.include, INCLUDE_NONE);
    assert_int_equal(ask_to_read("GET", "policies?includeObject=Metadata")->kr.include, INCLUDE_METADATA);
    assert_int_equal(ask_to_read("GET", "policies?includeObject=x")->kr.include, INCLUDE_METADATA);
#undef AS
}

/* ---- bodies ---- */

static void bodies(void **state) {
    static const struct {
        const char *type, *body, *want_kind;
        unsigned status; /* 0: taken */
        const char *part;
    } cases[] = {
        { "application/json", "{\"kind\":\"Policy\",\"apiVersion\":\"auth.tkestack.io/v1\",\"x\":1}",
          "Policy", 0, NULL },
        { "", "{\"x\":1}", "Policy", 0, NULL },
        { "Application/JSON; charset=utf-8", "{\"x\":1}", "Policy", 0, NULL },
        { "application/yaml", "kind: Policy\nx: 1\n", "Policy", 0, NULL },
        { "application/json", "{\"kind\":\"Role\",\"apiVersion\":\"other/v2\",\"x\":1}", NULL, 0, NULL },
        { "application/json", "{\"kind\":\"Role\"}", "Policy", 400,
          "does not match the expected kind (Policy)" },
        { "application/json", "{\"apiVersion\":\"auth.tkestack.io/v2\"}", "Policy", 400,
          "expected API version" },
        { "application/json", "", "Policy", 400, "is empty" },
        { "application/json", " \n", "Policy", 400, "is empty" },
        { "application/json", "{", "Policy", 400, "no JSON" },
        { "application/json", "{}{}", "Policy", 400, "no JSON" },
        { "application/json", "{\"a\":1,\"a\":2}", "Policy", 400, "no JSON" },
        { "application/json", "[]", "Policy", 400, "no object" },
        { "application/json", "null", "Policy", 400, "no object" },
        { "application/json", "kind: Policy", "Policy", 400, "no JSON" },
        { "application/yaml", "a: [", "Policy", 400, "no YAML" },
        { "application/yaml", "- a\n", "Policy", 400, "no object" },
        { "application/yaml", "a: &x [1]\nb: [*x, *x]\n", "Policy", 400, "" },
        { "text/plain", "{}", "Policy", 415, "unknown format" },
        { "application/vnd.kubernetes.protobuf", "k8s", "Policy", 415, "unknown format" },
        { "application/jsonx", "{}", "Policy", 415, "unknown format" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct asked *a = ask_to_read_with("POST", "policies", "Content-Type", cases[i].type);
        json_t *object = NULL;
        call_send(a->call, str_of(cases[i].body));
        a->rc = request_body(&a->kr, cases[i].want_kind, &object, &a->err);
        if (a->kr.refusal.status != cases[i].status || (a->rc == ERR_OK) != (cases[i].status == 0))
            fail_msg("%s: %u %s", cases[i].body, a->kr.refusal.status, a->kr.refusal.message);
        if (cases[i].status == 0)
            assert_int_equal(json_get_i64(object, "x", 0), 1);
        else
            assert_non_null(strstr(a->kr.refusal.message, cases[i].part));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        AT_MEMORY(paths_and_verbs),
        AT_MEMORY(paths_to_nothing),
        AT_MEMORY(the_store_knows_namespaced_objects_by_both_names),
        AT_MEMORY(query_parameters),
        AT_MEMORY(queries_that_cannot_be_read),
        AT_MEMORY(dry_run),
        AT_MEMORY(forms_of_the_answer),
        AT_MEMORY(bodies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
