/* Both OpenAPI documents: sound in themselves, and saying what the tables say. */
#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include "kube/openapi.h"
#include "kube/subresources.h"
#include "tkeauth/base/map.h"

#define GROUP "io.tkestack.tke.api.auth.v1."
#define META "io.k8s.apimachinery.pkg.apis.meta.v1."

enum { DOCUMENTS_MAX = 8 };
static struct document {
    const char *name;
    bool v3;
    json_t *json;
} documents[DOCUMENTS_MAX];
static size_t document_count;

static void add(const char *name, bool v3, json_t *json) {
    assert_non_null(json);
    documents[document_count++] = (struct document) { name, v3, json };
}

static int build(void **state) {
    (void)state;
    add("OpenAPI 2", false, openapi_v2());
    for (const struct api_group *g = api_groups; g->name != NULL; g++)
        add(g->name, true, openapi_v3(g));
    return 0;
}

static int drop(void **state) {
    (void)state;
    while (document_count > 0)
        json_decref(documents[--document_count].json);
    return 0;
}

/* ---- finding one's way ---- */

static const json_t *schemas_of(const struct document *d) {
    return d->v3 ? json_object_get(json_object_get(d->json, "components"), "schemas")
                 : json_object_get(d->json, "definitions");
}

/* The value at "a|b|0|c"; NULL: absent. */
static const json_t *at(const json_t *v, const char *path) {
    struct str rest = str_of(path), part;
    for (bool more = true; more && v != NULL;) {
        char key[256];
        struct err err;
        uint64_t index;
        more = str_cut(rest, '|', &part, &rest);
        (void)snprintf(key, sizeof key, "%.*s", STR_FMT(part));
        if (json_is_array(v))
            v = parse_u64(part, 0, 1000, &index, &err) == ERR_OK ? json_array_get(v, (size_t)index) : NULL;
        else
            v = json_object_get(v, key);
    }
    return v;
}

static void assert_at(const struct document *d, const json_t *from, const char *path, const char *want) {
    const json_t *v = at(from, path);
    char *text = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    if (strcmp(text != NULL ? text : "-", want) != 0)
        fail_msg("%s: %s is %s, wanted %s", d->name, path, text != NULL ? text : "-", want);
    free(text);
}

static const char *const methods[] = { "get", "put", "post", "delete", "patch" };
typedef void (*operation_check)(const struct document *d, const char *path, const json_t *item,
                                const char *method, const json_t *operation);

static size_t each_operation(operation_check check) {
    size_t count = 0;
    for (size_t i = 0; i < document_count; i++) {
        const char *path;
        json_t *item, *operation;
        json_object_foreach(json_object_get(documents[i].json, "paths"), path,
                            item) for (size_t m = 0; m < ARRAY_LEN(methods);
                                       m++) if ((operation = json_object_get(item, methods[m])) != NULL) {
            check(&documents[i], path, item, methods[m], operation);
            count++;
        }
    }
    assert_true(count > 100);
    return count;
}

static bool has_parameter(const json_t *list, const char *name, const char *in) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_get_str(json_array_get(list, i), "name"), str_of(name)) &&
            str_eq(json_get_str(json_array_get(list, i), "in"), str_of(in)))
            return true;
    return false;
}

/* ---- sound in themselves ---- */

static void check_refs(const struct document *d, const json_t *v, size_t *count) {
    const char *prefix = d->v3 ? "#/components/schemas/" : "#/definitions/";
    const char *key;
    const json_t *member;
    for (size_t i = 0; i < json_array_size(v); i++)
        check_refs(d, json_array_get(v, i), count);
    json_object_foreach((json_t *)(uintptr_t)v, key, member) {
        check_refs(d, member, count);
        if (strcmp(key, "$ref") != 0)
            continue;
        struct str to = str_of(json_string_value(member));
        if (!str_starts_with(to, str_of(prefix)) ||
            json_object_get(schemas_of(d), to.ptr + strlen(prefix)) == NULL)
            fail_msg("%s: %s leads nowhere", d->name, to.ptr);
        /* OpenAPI 3.0 ignores what stands beside it. */
        assert_true(!d->v3 || json_object_size(v) == 1);
        ++*count;
    }
}

static void every_reference_leads_somewhere(void **state) {
    (void)state;
    for (size_t i = 0; i < document_count; i++) {
        size_t count = 0;
        check_refs(&documents[i], documents[i].json, &count);
        assert_true(count > 5);
    }
}

static void every_path_has_operations(void **state) {
    (void)state;
    for (size_t i = 0; i < document_count; i++) {
        const char *path;
        json_t *item;
        json_object_foreach(json_object_get(documents[i].json, "paths"), path, item) {
            size_t operations = 0;
            for (size_t m = 0; m < ARRAY_LEN(methods); m++)
                operations += json_object_get(item, methods[m]) != NULL;
            if (operations == 0)
                fail_msg("%s: %s has no operation", documents[i].name, path);
            assert_true(str_starts_with(str_of(path), STR("/apis/")));
        }
    }
}

static struct map seen;
static const struct document *seen_in;

static void see_id(const struct document *d, const char *path, const json_t *item, const char *method,
                   const json_t *operation) {
    struct err err;
    struct str id = json_get_str(operation, "operationId");
    (void)item;
    if (d != seen_in)
        map_done(&seen, NULL);
    seen_in = d;
    if (id.len == 0 || map_get(&seen, id) != NULL)
        fail_msg("%s: %s %s: operationId \"%.*s\" is not unique", d->name, method, path, STR_FMT(id));
    assert_ok(map_put(&seen, id, (void *)(uintptr_t)operation, NULL, &err));
}

static void operation_ids_are_unique(void **state) {
    (void)state;
    (void)each_operation(see_id);
    map_done(&seen, NULL);
}

static void check_path_parameters(const struct document *d, const char *path, const json_t *item,
                                  const char *method, const json_t *operation) {
    (void)operation;
    const json_t *list = json_object_get(item, "parameters");
    bool named = strstr(path, "/{name}") != NULL, namespaced = strstr(path, "/{namespace}/") != NULL;
    if (has_parameter(list, "name", "path") != named ||
        has_parameter(list, "namespace", "path") != namespaced)
        fail_msg("%s: %s %s: its parameters are not those of the path", d->name, method, path);
}

static void parameters_of_a_path_are_declared(void **state) {
    (void)state;
    (void)each_operation(check_path_parameters);
}

static void check_operation(const struct document *d, const char *path, const json_t *item,
                            const char *method, const json_t *operation) {
    static const char *const needed[] = {
        "description", "operationId",         "tags",
        "responses",   "x-kubernetes-action", "x-kubernetes-group-version-kind"
    };
    static const char *const actions[][3] = {
        { "get", "get", "list" },      { "put", "put", "put" },
        { "post", "post", "post" },    { "delete", "delete", "deletecollection" },
        { "patch", "patch", "patch" },
    };
    (void)item;
    for (size_t i = 0; i < ARRAY_LEN(needed); i++)
        if (json_object_get(operation, needed[i]) == NULL)
            fail_msg("%s: %s %s has no %s", d->name, method, path, needed[i]);
    struct str action = json_get_str(operation, "x-kubernetes-action");
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (strcmp(actions[i][0], method) == 0 && !str_eq(action, str_of(actions[i][1])) &&
            !str_eq(action, str_of(actions[i][2])))
            fail_msg("%s: %s %s is a \"%.*s\"", d->name, method, path, STR_FMT(action));
    bool has_body = d->v3 ? json_object_get(operation, "requestBody") != NULL
                          : has_parameter(json_object_get(operation, "parameters"), "body", "body");
    assert_int_equal(has_body, strcmp(method, "get") != 0);
}

static void operations_say_what_kubernetes_clients_need(void **state) {
    (void)state;
    (void)each_operation(check_operation);
}

/* ---- what kubectl looks for ---- */

static void check_patch(const struct document *d, const char *path, const json_t *item, const char *method,
                        const json_t *operation) {
    static const char *const wanted[] = { "dryRun", "fieldManager", "fieldValidation", "force" };
    static const char *const types[] = { "application/json-patch+json", "application/merge-patch+json",
                                         "application/strategic-merge-patch+json",
                                         "application/apply-patch+yaml" };
    (void)item;
    if (strcmp(method, "patch") != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!has_parameter(json_object_get(operation, "parameters"), wanted[i], "query"))
            fail_msg("%s: PATCH %s has no %s", d->name, path, wanted[i]);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        json_auto_t *type = json_string(types[i]);
        const json_t *consumes = json_object_get(operation, "consumes");
        bool found = d->v3 && json_object_get(at(operation, "requestBody|content"), types[i]) != NULL;
        for (size_t j = 0; j < json_array_size(consumes); j++)
            found |= json_equal(json_array_get(consumes, j), type) != 0;
        if (!found)
            fail_msg("%s: PATCH %s does not take %s", d->name, path, types[i]);
    }
}

static void kubectl_finds_what_patch_can_do(void **state) {
    (void)state;
    (void)each_operation(check_patch);
}

static void check_list(const struct document *d, const char *path, const json_t *item, const char *method,
                       const json_t *operation) {
    static const char *const wanted[] = { "limit",         "continue",      "watch",
                                          "labelSelector", "fieldSelector", "resourceVersion" };
    (void)item;
    (void)method;
    if (!str_eq(json_get_str(operation, "x-kubernetes-action"), STR("list")))
        return;
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (!has_parameter(json_object_get(operation, "parameters"), wanted[i], "query"))
            fail_msg("%s: GET %s has no %s", d->name, path, wanted[i]);
}

static void lists_can_be_cut_selected_and_watched(void **state) {
    (void)state;
    (void)each_operation(check_list);
}

static void kinds_are_found_by_group_version_and_kind(void **state) {
    (void)state;
    static const char gvk[] = "[{\"group\":\"auth.tkestack.io\",\"kind\":\"%s\",\"version\":\"v1\"}]";
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++)
        for (size_t i = 0; i < 2; i++) { /* of 2.0, and of our group's 3.0 */
            char path[256], want[256];
            (void)snprintf(path, sizeof path, GROUP "%s|x-kubernetes-group-version-kind", (*k)->kind);
            (void)snprintf(want, sizeof want, gvk, (*k)->kind);
            assert_at(&documents[i], schemas_of(&documents[i]), path, want);
            (void)snprintf(path, sizeof path, GROUP "%sList|x-kubernetes-group-version-kind|0|kind",
                           (*k)->kind);
            (void)snprintf(want, sizeof want, "\"%sList\"", (*k)->kind);
            assert_at(&documents[i], schemas_of(&documents[i]), path, want);
        }
}

/* ---- what the tables say ---- */

static const json_t *resolve(const struct document *d, const json_t *schema) {
    const json_t *all = json_object_get(schema, "allOf");
    struct str to = json_get_str(all != NULL ? json_array_get(all, 0) : schema, "$ref");
    return to.ptr != NULL ? json_object_get(schemas_of(d), to.ptr + str_rfind(to, '/') + 1) : schema;
}

static size_t check_fields(const struct document *d, const json_t *type, const struct field *fields) {
    size_t count = 0;
    for (const struct field *f = fields; f->name != NULL; f++) {
        const json_t *p = at(json_object_get(type, "properties"), f->name);
        if (p == NULL || !str_starts_with(json_get_str(p, "description"), str_of(f->help)))
            fail_msg("%s: %s: not there, or not described as \"%s\"", d->name, f->name, f->help);
        count++;
        const json_t *inner = f->type == FIELD_OBJECTS ? json_object_get(p, "items") : p;
        if (f->fields != NULL)
            count += check_fields(d, resolve(d, inner), f->fields);
        else
            assert_non_null(json_object_get(p, "type"));
    }
    return count;
}

static void every_field_is_described(void **state) {
    (void)state;
    size_t count = 0;
    for (size_t i = 0; i < 2; i++) {
        const json_t *schemas = schemas_of(&documents[i]);
        for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
            char name[256];
            (void)snprintf(name, sizeof name, GROUP "%s", (*k)->kind);
            count += check_fields(&documents[i], json_object_get(schemas, name), (*k)->fields);
            (void)snprintf(name, sizeof name, GROUP "%s|properties|kind|type", (*k)->kind);
            assert_at(&documents[i], schemas, name, "\"string\"");
        }
        (void)check_fields(&documents[i], json_object_get(schemas, META "ObjectMeta"),
                           resource_metadata_fields);
    }
    assert_true(count > 200);
}

static void properties_have_the_form_their_fields_have(void **state) {
    (void)state;
    static const struct {
        const char *path, *v2, *v3; /* v3 NULL: the same */
    } table[] = {
        { "PolicySpec|properties|effect", "-", NULL },
        { "Statement|properties|effect|enum", "[\"allow\",\"deny\"]", NULL },
        { "Statement|required", "[\"actions\",\"resources\",\"effect\"]", NULL },
        { "PolicySpec|properties|scope|enum", "[\"\",\"platform\",\"project\"]", NULL },
        { "PolicySpec|properties|type|enum", "[\"custom\",\"default\"]", NULL },
        { "PolicySpec|properties|type|default", "\"custom\"", NULL },
        { "PolicySpec|properties|displayName|maxLength", "255", NULL },
        { "PolicySpec|properties|conditions|format", "\"byte\"", NULL },
        { "PolicySpec|properties|finalizers|x-kubernetes-list-type", "\"set\"", NULL },
        { "PolicySpec|properties|finalizers|x-kubernetes-patch-strategy", "\"merge\"", NULL },
        { "Statement|properties|actions|x-kubernetes-list-type", "\"atomic\"", NULL },
        { "Statement|properties|actions|x-kubernetes-patch-strategy", "-", NULL },
        { "PolicyStatus|properties|users|x-kubernetes-list-type", "\"map\"", NULL },
        { "PolicyStatus|properties|users|x-kubernetes-list-map-keys", "[\"id\"]", NULL },
        { "PolicyStatus|properties|users|x-kubernetes-patch-merge-key", "\"id\"", NULL },
        { "PolicyStatus|properties|users|x-kubernetes-patch-strategy", "\"merge\"", NULL },
        { "PolicyStatus|properties|users|items|$ref", "\"#/definitions/" GROUP "Subject\"",
          "\"#/components/schemas/" GROUP "Subject\"" },
        { "Policy|properties|spec|$ref", "\"#/definitions/" GROUP "PolicySpec\"", "-" },
        { "Policy|properties|spec|allOf|0|$ref", "-", "\"#/components/schemas/" GROUP "PolicySpec\"" },
        { "PolicyStatus|properties|phase|readOnly", "true", NULL },
        { "ClientSpec|properties|secret|writeOnly", "-", "true" },
        { "ClientSpec|properties|public|type", "\"boolean\"", NULL },
        { "ClientSpec|properties|id_token_ttl_s|format", "\"int64\"", NULL },
        { "APIKeySpec|properties|expire_at|format", "\"date-time\"", NULL },
        { "APIKeySpec|required", "[\"username\"]", NULL },
        /* Its own users need not name their tenant. */
        { "LocalIdentitySpec|required", "[\"username\",\"displayName\"]", NULL },
        { "LocalIdentitySpec|properties|extra|additionalProperties|type", "\"string\"", NULL },
        { "ConfigMap|properties|binaryData|additionalProperties|format", "\"byte\"", NULL },
        { "Category|properties|spec", "-", NULL },
        { "CategorySpec|properties|actions|items|$ref", "\"#/definitions/" GROUP "Action\"",
          "\"#/components/schemas/" GROUP "Action\"" },
        { "ProjectBelongs|properties|memberdProjects|additionalProperties",
          "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}", NULL },
        { "PasswordReq|x-kubernetes-group-version-kind|0|kind", "\"PasswordReq\"", NULL },
        { "PasswordReq|properties|metadata", "-", NULL },
        { "PolicyList|required", "[\"items\"]", NULL },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char path[256];
        (void)snprintf(path, sizeof path, GROUP "%s", table[i].path);
        assert_at(&documents[0], schemas_of(&documents[0]), path, table[i].v2);
        assert_at(&documents[1], schemas_of(&documents[1]), path,
                  table[i].v3 != NULL ? table[i].v3 : table[i].v2);
    }
}

static void types_of_kubernetes_have_its_names(void **state) {
    (void)state;
    static const char *const names[] = {
        META "ObjectMeta",
        META "ListMeta",
        META "Status",
        META "StatusDetails",
        META "StatusCause",
        META "DeleteOptions",
        META "Preconditions",
        META "Patch",
        META "WatchEvent",
        META "OwnerReference",
        META "ManagedFieldsEntry",
    };
    for (size_t d = 0; d < 2; d++)
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
            if (json_object_get(schemas_of(&documents[d]), names[i]) == NULL)
                fail_msg("%s: no %s", documents[d].name, names[i]);
    assert_at(&documents[0], schemas_of(&documents[0]),
              META "DeleteOptions|x-kubernetes-group-version-kind|1|group", "\"auth.tkestack.io\"");
    assert_at(&documents[0], schemas_of(&documents[0]),
              "io.k8s.api.authorization.v1.SelfSubjectAccessReview|required", "[\"spec\"]");
}

/* ---- what is served ---- */

static bool has_operation(const struct document *d, const char *path, const char *method) {
    return json_object_get(json_object_get(json_object_get(d->json, "paths"), path), method) != NULL;
}

static void check_verbs(const struct api_group *g, const struct kind *k) {
    static const struct {
        enum resource_verb verb;
        const char *method;
        bool named;
    } table[] = {
        { RESOURCE_LIST, "get", false },
        { RESOURCE_CREATE, "post", false },
        { RESOURCE_DELETE_COLLECTION, "delete", false },
        { RESOURCE_GET, "get", true },
        { RESOURCE_UPDATE, "put", true },
        { RESOURCE_PATCH, "patch", true },
        { RESOURCE_DELETE, "delete", true },
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char path[256];
        (void)snprintf(path, sizeof path, "/apis/%s/%s/%s%s%s", g->name, g->version,
                       k->namespaced ? "namespaces/{namespace}/" : "", k->plural,
                       table[i].named ? "/{name}" : "");
        bool served = (k->verbs & table[i].verb) != 0;
        if (has_operation(&documents[0], path, table[i].method) != served ||
            has_operation(&documents[1 + (g - api_groups)], path, table[i].method) != served)
            fail_msg("%s %s: %s served, but the documents say otherwise", table[i].method, path,
                     served ? "is" : "is not");
    }
}

static void operations_are_the_verbs_of_the_kinds(void **state) {
    (void)state;
    for (const struct api_group *g = api_groups; g->name != NULL; g++)
        for (const struct kind *const *k = g->kinds(); *k != NULL; k++)
            check_verbs(g, *k);
    assert_true(has_operation(&documents[0], "/apis/auth.tkestack.io/v1/custompolicybindings", "get"));
    assert_false(has_operation(&documents[0], "/apis/auth.tkestack.io/v1/custompolicybindings", "post"));
}

static void operations_are_those_of_the_subresources(void **state) {
    (void)state;
    size_t count = 0;
    for (const struct subresource *s = subresources; s->resource != NULL; s++, count++) {
        const struct kind *k = resource_kind(str_of(s->resource));
        char path[256];
        (void)snprintf(path, sizeof path, "/apis/auth.tkestack.io/v1/%s%s/{name}/%s",
                       k->namespaced ? "namespaces/{namespace}/" : "", s->resource, s->name);
        for (size_t d = 0; d < 2; d++) {
            assert_int_equal(has_operation(&documents[d], path, "get"), (s->verbs & RESOURCE_GET) != 0);
            assert_int_equal(has_operation(&documents[d], path, "post"), (s->verbs & RESOURCE_CREATE) != 0);
            assert_int_equal(has_operation(&documents[d], path, "put"), (s->verbs & RESOURCE_UPDATE) != 0);
            assert_int_equal(has_operation(&documents[d], path, "patch"), (s->verbs & RESOURCE_PATCH) != 0);
            assert_false(has_operation(&documents[d], path, "delete"));
        }
    }
    assert_true(count > 40);
}

static void subresources_take_and_give_what_the_contract_says(void **state) {
    (void)state;
    static const struct {
        const char *path, *takes, *gives;
    } table[] = {
        { "policies/{name}/binding", "Binding", "Policy" },
        { "policies/{name}/projectunbinding", "Binding", "ProjectPolicyBinding" },
        { "roles/{name}/policybinding", "PolicyBinding", "Role" },
        { "localidentities/{name}/password", "PasswordReq", "LocalIdentity" },
        { "apikeys/{name}/token", "APIKeyReq", "APIKey" },
        { "apikeys/{name}/password", "APIKeyReqPassword", "APIKey" },
        { "projects/{name}/users", "ProjectPolicyBindingRequest", "ProjectPolicyBindingList" },
        { "users/{name}/projects", NULL, "ProjectBelongs" },
        { "localgroups/{name}/users", NULL, "LocalIdentityList" },
    };
    const struct document *d = &documents[0];
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char path[256], want[256];
        (void)snprintf(path, sizeof path, "/apis/auth.tkestack.io/v1/%s|%s|responses|%s|schema|$ref",
                       table[i].path, table[i].takes ? "post" : "get", table[i].takes ? "201" : "200");
        (void)snprintf(want, sizeof want, "\"#/definitions/" GROUP "%s\"", table[i].gives);
        assert_at(d, json_object_get(d->json, "paths"), path, want);
        if (table[i].takes == NULL)
            continue;
        (void)snprintf(path, sizeof path, "/apis/auth.tkestack.io/v1/%s|post|parameters|0|schema|$ref",
                       table[i].path);
        (void)snprintf(want, sizeof want, "\"#/definitions/" GROUP "%s\"", table[i].takes);
        assert_at(d, json_object_get(d->json, "paths"), path, want);
    }
}

static void the_documents_are_the_same_every_time(void **state) {
    (void)state;
    json_auto_t *again = openapi_v2();
    char *one = json_print(documents[0].json), *other = json_print(again);
    assert_string_equal(one, other);
    free(one);
    free(other);
}

/* ---- out of memory ---- */

static size_t allocations, fail_at; /* fail_at 0: never */

static void *counting_malloc(size_t size) { return ++allocations == fail_at ? NULL : malloc(size); }

/* A document with a hole would be kept for as long as the daemon runs. */
static void without_memory_there_is_no_document_rather_than_half_of_one(void **state) {
    (void)state;
    enum { STEP = 7 }; /* every allocation at the beginning, then some */
    allocations = fail_at = 0;
    json_set_alloc_funcs(counting_malloc, free);
    json_auto_t *whole = openapi_v3(&api_groups[2]);
    size_t all = allocations;
    size_t refused = 0;
    for (size_t n = 1; n <= all; n += n < 100 ? 1 : STEP) {
        allocations = 0;
        fail_at = n;
        json_auto_t *document = openapi_v3(&api_groups[2]);
        /* What failed may have been empty, and then left out. */
        if (document != NULL && !json_equal(document, whole))
            fail_msg("a document with a hole when allocation %zu fails", n);
        refused += document == NULL;
    }
    assert_true(refused > 100);
    json_set_alloc_funcs(malloc, free);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_reference_leads_somewhere),
        cmocka_unit_test(every_path_has_operations),
        cmocka_unit_test(operation_ids_are_unique),
        cmocka_unit_test(parameters_of_a_path_are_declared),
        cmocka_unit_test(operations_say_what_kubernetes_clients_need),
        cmocka_unit_test(kubectl_finds_what_patch_can_do),
        cmocka_unit_test(lists_can_be_cut_selected_and_watched),
        cmocka_unit_test(kinds_are_found_by_group_version_and_kind),
        cmocka_unit_test(every_field_is_described),
        cmocka_unit_test(properties_have_the_form_their_fields_have),
        cmocka_unit_test(types_of_kubernetes_have_its_names),
        cmocka_unit_test(operations_are_the_verbs_of_the_kinds),
        cmocka_unit_test(operations_are_those_of_the_subresources),
        cmocka_unit_test(subresources_take_and_give_what_the_contract_says),
        cmocka_unit_test(the_documents_are_the_same_every_time),
        cmocka_unit_test(without_memory_there_is_no_document_rather_than_half_of_one),
    };
    return cmocka_run_group_tests(tests, build, drop);
}
