/* The documents as a client gets them. */
#include <stdlib.h>
#include <unistd.h>
#include "unit/http/live.h"

#include "kube/discovery.h"
#include "kube/documents.h"
#include "kube/groups.h"
#include "kube/subresources.h"

#define JSON_TYPE "application/json"
#define V2_TYPE "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
#define V2BETA1_TYPE "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"
#define PROTO_ASKED "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"
#define PROTO_TYPE "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
#define RESOURCES "/apis/auth.tkestack.io/v1"

enum { ANSWER_MAX = 4 << 20 };

/* What admission says in a test. */
static enum { ADMIT, REFUSE, FAIL } admission;
static _Atomic int asked;

bool kube_admit_discovery(const void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    (void)app;
    (void)req;
    atomic_fetch_add(&asked, 1);
    assert_int_equal(err->code, ERR_OK);
    if (admission == REFUSE) {
        http_status(res, 401);
        http_body_static(res, JSON_TYPE, STR("{\"kind\":\"Status\",\"code\":401}"));
    } else if (admission == FAIL)
        (void)err_set(err, ERR_UNAVAILABLE, "nobody can tell who this is");
    return admission == ADMIT;
}

/* ---- a server, and one request after the other ---- */

struct setting {
    struct live live;
    struct strbuf raw;
    struct answer head; /* its body is not used */
    struct str body;
    json_t *json; /* of the body, if it is that */
};

static int start(void **state) {
    static const struct route *const tables[] = { kube_discovery_routes, NULL };
    struct setting *s = calloc(1, sizeof *s);
    assert_non_null(s);
    live_init(&s->live);
    s->live.options.route_tables = tables;
    s->live.options.limits.response_timeout_s =
        60; /* the first request makes the documents, on a busy machine */
    live_start(&s->live, NULL);
    s->raw = STRBUF(ANSWER_MAX);
    admission = ADMIT;
    *state = s;
    return 0;
}

static int stop(void **state) {
    struct setting *s = *state;
    json_decref(s->json);
    strbuf_done(&s->raw);
    live_stop(&s->live);
    free(s);
    return 0;
}

static void ask(struct setting *s, const char *method, const char *path, const char *headers) {
    AUTO(strbuf_done) struct strbuf request = STRBUF(4096);
    int fd = client_open(&s->live);
    strbuf_addf(&request, "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", method, path, headers);
    client_send(fd, strbuf_str(&request));
    strbuf_clear(&s->raw);
    for (;;) {
        char bytes[8192];
        assert_true(client_is_ready(fd, 120000));
        ssize_t n = read(fd, bytes, sizeof bytes);
        assert_true(n >= 0);
        if (n == 0)
            break;
        strbuf_add(&s->raw, (struct str) { bytes, (size_t)n });
    }
    (void)close(fd);
    const char *end = strstr(strbuf_c(&s->raw), "\r\n\r\n");
    assert_non_null(end);
    size_t head = (size_t)(end - s->raw.ptr);
    assert_true(head < sizeof s->head.head);
    (void)snprintf(s->head.head, sizeof s->head.head, "%.*s\r\n", (int)head, s->raw.ptr);
    assert_int_equal(sscanf(s->head.head, "HTTP/1.1 %u", &s->head.status), 1);
    s->body = str_from(strbuf_str(&s->raw), head + 4);
    json_decref(s->json);
    s->json = json_loadb(s->body.ptr, s->body.len, 0, NULL);
}

static const json_t *get(struct setting *s, const char *path, const char *accept) {
    char header[512] = "";
    if (accept != NULL)
        (void)snprintf(header, sizeof header, "Accept: %s\r\n", accept);
    ask(s, "GET", path, header);
    return s->json;
}

static const char *header(const struct setting *s, const char *name) { return answer_header(&s->head, name); }

static bool has_string(const json_t *list, const char *text) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq((struct str) { json_string_value(json_array_get(list, i)),
                                  json_string_length(json_array_get(list, i)) },
                   str_of(text)))
            return true;
    return false;
}

static const json_t *item_named(const json_t *list, const char *key, const char *name) {
    for (size_t i = 0; i < json_array_size(list); i++)
        if (str_eq(json_get_str(json_array_get(list, i), key), str_of(name)))
            return json_array_get(list, i);
    return NULL;
}

static void assert_json(const json_t *got, const char *want) {
    char *text = json_dumps(got, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(text != NULL ? text : "-", want);
    free(text);
}

/* ---- discovery ---- */

static void there_is_no_core_group(void **state) {
    assert_json(get(*state, "/api", NULL), "{\"kind\":\"APIVersions\",\"apiVersion\":\"v1\",\"versions\":[],"
                                           "\"serverAddressByClientCIDRs\":[]}");
    assert_json(get(*state, "/api", V2_TYPE), "{\"kind\":\"APIGroupDiscoveryList\",\"apiVersion\":"
                                              "\"apidiscovery.k8s.io/v2\",\"metadata\":{},\"items\":[]}");
}

static void groups_are_listed_with_their_version(void **state) {
    const json_t *list = json_object_get(get(*state, "/apis", NULL), "groups");
    assert_int_equal(json_array_size(list), 3);
    static const char ours[] = "\"name\":\"auth.tkestack.io\",\"versions\":[{\"groupVersion\":\"auth."
                               "tkestack.io/v1\",\"version\":\"v1\"}],\"preferredVersion\":{\"groupVersion\":"
                               "\"auth.tkestack.io/v1\",\"version\":\"v1\"}}";
    char want[512];
    (void)snprintf(want, sizeof want, "{%s", ours);
    assert_json(json_array_get(list, 0), want);
    (void)snprintf(want, sizeof want, "{\"kind\":\"APIGroup\",\"apiVersion\":\"v1\",%s", ours);
    assert_json(get(*state, "/apis/auth.tkestack.io", NULL), want);
    assert_non_null(
        item_named(json_object_get(get(*state, "/apis", NULL), "groups"), "name", "authorization.k8s.io"));
}

static void every_kind_is_a_resource(void **state) {
    const json_t *list = json_object_get(get(*state, RESOURCES, NULL), "resources");
    for (const struct kind *const *k = resource_kinds(); *k != NULL; k++) {
        const json_t *r = item_named(list, "name", (*k)->plural);
        if (r == NULL)
            fail_msg("no %s", (*k)->plural);
        assert_str(json_get_str(r, "kind"), (*k)->kind);
        assert_str(json_get_str(r, "singularName"), (*k)->singular);
        assert_int_equal(json_get_bool(r, "namespaced", !(*k)->namespaced), (*k)->namespaced);
        assert_int_equal(has_string(json_object_get(r, "verbs"), "patch"),
                         ((*k)->verbs & RESOURCE_PATCH) != 0);
        assert_int_equal(json_object_get(r, "shortNames") != NULL, (*k)->short_name != NULL);
    }
}

static void resources_say_what_kubectl_shows(void **state) {
    const json_t *list = json_object_get(get(*state, RESOURCES, NULL), "resources");
    assert_json(item_named(list, "name", "policies"),
                "{\"name\":\"policies\",\"singularName\":\"policy\",\"namespaced\":false,\"kind\":\"Policy\","
                "\"verbs\":[\"create\",\"delete\",\"deletecollection\",\"get\",\"list\",\"patch\",\"update\","
                "\"watch\"],\"shortNames\":[\"pol\"],\"categories\":[\"tke-auth\"]}");
    assert_json(
        item_named(list, "name", "custompolicybindings/status"),
        "{\"name\":\"custompolicybindings/status\",\"singularName\":\"\",\"namespaced\":true,\"kind\":"
        "\"CustomPolicyBinding\",\"verbs\":[\"get\",\"patch\",\"update\"]}");
    assert_json(item_named(list, "name", "policies/binding"),
                "{\"name\":\"policies/binding\",\"singularName\":\"\",\"namespaced\":false,\"kind\":"
                "\"Binding\",\"verbs\":[\"create\"]}");
    assert_json(item_named(list, "name", "users"),
                "{\"name\":\"users\",\"singularName\":\"user\",\"namespaced\":false,\"kind\":\"User\","
                "\"verbs\":[\"get\",\"list\"],\"shortNames\":[\"user\"]}");
    list = json_object_get(get(*state, "/apis/authentication.k8s.io/v1", NULL), "resources");
    assert_json(item_named(list, "name", "selfsubjectreviews"),
                "{\"name\":\"selfsubjectreviews\",\"singularName\":\"selfsubjectreview\",\"namespaced\":"
                "false,\"kind\":"
                "\"SelfSubjectReview\",\"verbs\":[\"create\"]}");
}

/* A name of the group's: of a kind, of its list, or of what a subresource takes or gives. */
static bool is_type(const char *name) {
    struct str s = str_of(name);
    if (resource_kind_named(s) != NULL)
        return true;
    for (const struct api_type *t = api_groups[0].types; t->name != NULL; t++)
        if (strcmp(t->name, name) == 0)
            return true;
    const struct kind *k = str_ends_with(s, STR("List")) ? resource_kind_named(str_sub(s, 0, s.len - 4))
                                                         : NULL;
    return k != NULL && (k->verbs & RESOURCE_LIST) != 0;
}

static void every_subresource_is_one_of_a_kind_and_of_known_types(void **state) {
    const json_t *list = json_object_get(get(*state, RESOURCES, NULL), "resources");
    size_t count = 0;
    for (const struct subresource *s = subresources; s->resource != NULL; s++, count++) {
        char name[128];
        (void)snprintf(name, sizeof name, "%s/%s", s->resource, s->name);
        const json_t *r = item_named(list, "name", name);
        if (r == NULL)
            fail_msg("no %s", name);
        assert_true(is_type(json_string_value(json_object_get(r, "kind"))));
        assert_ptr_equal(subresource_find(str_of(s->resource), str_of(s->name)), s); /* so it is there once */
        bool posts = (s->verbs & RESOURCE_CREATE) != 0, others = (s->verbs & ~(unsigned)RESOURCE_CREATE) != 0;
        assert_int_equal(posts, s->request != NULL);
        assert_int_equal(posts, s->created != NULL);
        assert_int_equal(others, s->read != NULL);
        assert_true((!posts || (is_type(s->request) && is_type(s->created))) &&
                    (!others || is_type(s->read)));
    }
    assert_int_equal(json_array_size(list) - count, 16); /* the kinds */
    assert_null(subresource_find(STR("policies"), STR("bind")));
}

/* What an aggregated document says of a group, in the form of an APIResourceList. */
static json_t *flattened(const json_t *group, const char *name) {
    json_t *out = json_array();
    const json_t *list = json_object_get(json_array_get(json_object_get(group, "versions"), 0), "resources");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *r = json_array_get(list, i), *subs = json_object_get(r, "subresources");
        const char *plural = json_string_value(json_object_get(r, "resource"));
        int namespaced = str_eq(json_get_str(r, "scope"), STR("Namespaced"));
        const json_t *kind = json_object_get(r, "responseKind");
        assert_str(json_get_str(kind, "group"), name);
        json_t *flat = json_pack("{s:s,s:O,s:b,s:O,s:O}", "name", plural, "singularName",
                                 json_object_get(r, "singularResource"), "namespaced", namespaced, "kind",
                                 json_object_get(kind, "kind"), "verbs", json_object_get(r, "verbs"));
        static const char *const optional[] = { "shortNames", "categories" };
        for (size_t o = 0; o < ARRAY_LEN(optional); o++)
            if (json_object_get(r, optional[o]) != NULL)
                (void)json_object_set(flat, optional[o], json_object_get(r, optional[o]));
        (void)json_array_append_new(out, flat);
        for (size_t j = 0; j < json_array_size(subs); j++) {
            const json_t *s = json_array_get(subs, j);
            (void)json_array_append_new(out,
                                        json_pack("{s:s++,s:s,s:b,s:O,s:O}", "name", plural, "/",
                                                  json_string_value(json_object_get(s, "subresource")),
                                                  "singularName", "", "namespaced", namespaced, "kind",
                                                  json_object_get(json_object_get(s, "responseKind"), "kind"),
                                                  "verbs", json_object_get(s, "verbs")));
        }
    }
    return out;
}

static void aggregated_discovery_says_the_same(void **state) {
    static const char *const types[] = { V2_TYPE, V2BETA1_TYPE };
    for (size_t t = 0; t < ARRAY_LEN(types); t++)
        for (const struct api_group *g = api_groups; g->name != NULL; g++) {
            char path[128];
            (void)snprintf(path, sizeof path, "/apis/%s/%s", g->name, g->version);
            json_auto_t *plain = json_deep_copy(json_object_get(get(*state, path, NULL), "resources"));
            const json_t *items = json_object_get(get(*state, "/apis", types[t]), "items");
            assert_int_equal(json_array_size(items), 3);
            const json_t *group = json_array_get(items, (size_t)(g - api_groups));
            assert_str(json_get_str(json_object_get(group, "metadata"), "name"), g->name);
            json_auto_t *flat = flattened(group, g->name);
            assert_true(json_array_size(plain) > 0);
            assert_true(json_equal(flat, plain));
        }
}

static void other_groups_and_versions_do_not_exist(void **state) {
    static const char *const paths[] = { "/apis/apps", "/apis/apps/v1", "/apis/auth.tkestack.io/v2",
                                         "/openapi/v3/apis/apps/v1", "/openapi/v3/apis/auth.tkestack.io/v2" };
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const json_t *status = get(*state, paths[i], NULL);
        assert_int_equal(((struct setting *)*state)->head.status, 404);
        assert_str(json_get_str(status, "kind"), "Status");
        assert_str(json_get_str(status, "reason"), "NotFound");
        assert_int_equal(json_get_i64(status, "code", 0), 404);
        assert_str(((struct setting *)*state)->body,
                   "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
                   "\"message\":\"the server could not find the requested "
                   "resource\",\"reason\":\"NotFound\",\"code\":404}");
    }
}

static void the_root_lists_paths_that_answer(void **state) {
    json_auto_t *paths = json_deep_copy(json_object_get(get(*state, "/", NULL), "paths"));
    assert_true(has_string(paths, "/openapi/v2") && has_string(paths, RESOURCES));
    for (size_t i = 0; i < json_array_size(paths); i++) {
        const char *path = json_string_value(json_array_get(paths, i));
        if (strstr(path, "z") != NULL && strstr(path, "apis") == NULL)
            continue; /* health: another module's */
        (void)get(*state, path, NULL);
        if (((struct setting *)*state)->head.status != 200)
            fail_msg("%s answers %u", path, ((struct setting *)*state)->head.status);
    }
}

static void the_version_is_one_that_clients_can_compare(void **state) {
    const json_t *v = get(*state, "/version", NULL);
    unsigned major, minor, patch;
    assert_int_equal(sscanf(json_string_value(json_object_get(v, "gitVersion")), "v%u.%u.%u+tke-auth-",
                            &major, &minor, &patch),
                     3);
    assert_int_equal(strtoul(json_string_value(json_object_get(v, "major")), NULL, 10), major);
    assert_int_equal(strtoul(json_string_value(json_object_get(v, "minor")), NULL, 10), minor);
    assert_true(major == 1 && minor >= 30);
}

/* ---- negotiation ---- */

static void each_representation_has_its_type(void **state) {
    static const struct {
        const char *path, *accept, *want; /* want NULL: 406 */
    } table[] = {
        { "/apis", NULL, JSON_TYPE },
        { "/apis", V2_TYPE "," V2BETA1_TYPE "," JSON_TYPE, V2_TYPE },
        { "/apis", V2BETA1_TYPE, V2BETA1_TYPE },
        { "/api", V2BETA1_TYPE "," JSON_TYPE, V2BETA1_TYPE },
        { RESOURCES, V2_TYPE "," JSON_TYPE, JSON_TYPE },
        { RESOURCES, V2_TYPE, NULL },
        { "/apis", "application/vnd.kubernetes.protobuf", NULL },
        { "/openapi/v2", NULL, JSON_TYPE },
        { "/openapi/v2", "application/json, */*", JSON_TYPE },
        { "/openapi/v2", PROTO_ASKED, PROTO_TYPE }, /* '@' cannot stand in a media type */
        { "/openapi/v2", PROTO_TYPE ";q=0.9, application/json;q=0.8", PROTO_TYPE },
        { "/openapi/v2", "text/html", NULL },
        { "/openapi/v3", "text/html", NULL },
        { "/openapi/v3" RESOURCES, JSON_TYPE, JSON_TYPE },
        { "/version", "text/plain", NULL },
    };
    struct setting *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const json_t *json = get(s, table[i].path, table[i].accept);
        assert_string_equal(header(s, "Vary"), "Accept");
        if (table[i].want == NULL) {
            assert_int_equal(s->head.status, 406);
            assert_str(json_get_str(json, "reason"), "NotAcceptable");
            assert_non_null(strstr(json_string_value(json_object_get(json, "message")), JSON_TYPE));
            continue;
        }
        assert_int_equal(s->head.status, 200);
        assert_string_equal(header(s, "Content-Type"), table[i].want);
        assert_int_equal(json == NULL, strcmp(table[i].want, PROTO_TYPE) == 0);
    }
}

/* ---- caching ---- */

static void who_has_a_document_is_not_sent_it_again(void **state) {
    struct setting *s = *state;
    static const struct {
        const char *before, *after; /* the tag, in If-None-Match */
        bool tagged;
        unsigned want;
    } table[] = {
        { "\"", "\"", true, 304 },
        { "W/\"", "\"", true, 304 },
        { "\"other\", \"", "\"", true, 304 },
        { "*", "", false, 304 },
        { "\"other\"", "", false, 200 },
        { "", "", true, 200 }, /* a tag has quotes */
        { "\"", "", true, 200 },
        { "", "", false, 200 },
    };
    static const char *const paths[] = { "/apis", "/openapi/v2", "/openapi/v3", "/version" };
    for (size_t p = 0; p < ARRAY_LEN(paths); p++)
        for (size_t i = 0; i < ARRAY_LEN(table); i++) {
            char tag[256], headers[512];
            (void)get(s, paths[p], NULL);
            const char *etag = header(s, "ETag");
            assert_true(strlen(etag) > 10 && etag[0] == '"');
            (void)snprintf(tag, sizeof tag, "%.*s", (int)strlen(etag) - 2, etag + 1);
            (void)snprintf(headers, sizeof headers, "If-None-Match: %s%s%s\r\n", table[i].before,
                           table[i].tagged ? tag : "", table[i].after);
            ask(s, "GET", paths[p], headers);
            if (s->head.status != table[i].want)
                fail_msg("%s: %s: %u", paths[p], headers, s->head.status);
            assert_int_equal(s->body.len == 0, table[i].want == 304);
            assert_true(strncmp(header(s, "ETag") + 1, tag, strlen(tag)) == 0);
        }
}

static void representations_have_tags_of_their_own(void **state) {
    struct setting *s = *state;
    char plain[256], aggregated[256];
    (void)get(s, "/apis", JSON_TYPE);
    (void)snprintf(plain, sizeof plain, "%s", header(s, "ETag"));
    (void)get(s, "/apis", V2_TYPE);
    (void)snprintf(aggregated, sizeof aggregated, "%s", header(s, "ETag"));
    assert_string_not_equal(plain, aggregated);
}

static void openapi_3_is_found_through_its_index_and_kept_for_good(void **state) {
    struct setting *s = *state;
    json_auto_t *paths = json_deep_copy(json_object_get(get(s, "/openapi/v3", NULL), "paths"));
    assert_int_equal(json_object_size(paths), 3);
    const char *name;
    const json_t *entry;
    json_object_foreach(paths, name, entry) {
        const char *url = json_string_value(json_object_get(entry, "serverRelativeURL"));
        char want[128];
        (void)snprintf(want, sizeof want, "/openapi/v3/%s?hash=", name);
        assert_true(str_starts_with(str_of(url), str_of(want)));
        assert_str(json_get_str(get(s, url, NULL), "openapi"), "3.0.0");
        assert_non_null(strstr(header(s, "Cache-Control"), "immutable"));
        (void)snprintf(want, sizeof want, "/openapi/v3/%s?hash=stale", name);
        assert_str(json_get_str(get(s, want, NULL), "openapi"), "3.0.0");
        assert_null(strstr(header(s, "Cache-Control"), "immutable"));
    }
    (void)get(s, "/apis", NULL);
    assert_string_equal(header(s, "Cache-Control"), "no-cache, private");
}

static void head_and_trailing_slashes_are_taken(void **state) {
    struct setting *s = *state;
    ask(s, "HEAD", "/openapi/v2", "");
    assert_int_equal(s->head.status, 200);
    assert_int_equal(s->body.len, 0);
    assert_true(strtoul(header(s, "Content-Length"), NULL, 10) > 100000);
    assert_str(json_get_str(get(s, "/apis/", NULL), "kind"), "APIGroupList");
    assert_str(json_get_str(get(s, RESOURCES "/", NULL), "kind"), "APIResourceList");
    assert_str(json_get_str(get(s, "/openapi/v2?timeout=32s", NULL), "swagger"), "2.0");
}

static void other_methods_are_refused(void **state) {
    struct setting *s = *state;
    ask(s, "POST", "/apis", "Content-Length: 0\r\n");
    assert_int_equal(s->head.status, 405);
    assert_string_equal(header(s, "Allow"), "GET, HEAD, OPTIONS");
}

/* ---- admission ---- */

static const char *const guarded[] = {
    "/", "/api", "/apis", "/apis/auth.tkestack.io", RESOURCES, "/apis/apps"
};
static const char *const open_to_all[] = { "/version", "/openapi/v2", "/openapi/v3",
                                           "/openapi/v3/apis/auth.tkestack.io/v1" };

static void discovery_is_for_those_who_are_admitted(void **state) {
    struct setting *s = *state;
    admission = REFUSE;
    for (size_t i = 0; i < ARRAY_LEN(guarded); i++) {
        (void)get(s, guarded[i], NULL);
        assert_int_equal(s->head.status, 401);
        assert_str(s->body, "{\"kind\":\"Status\",\"code\":401}");
        assert_string_equal(header(s, "ETag"), "");
    }
}

static void what_goes_wrong_at_admission_is_answered_as_an_error(void **state) {
    struct setting *s = *state;
    admission = FAIL;
    for (size_t i = 0; i < ARRAY_LEN(guarded); i++) {
        (void)get(s, guarded[i], NULL);
        assert_int_equal(s->head.status, 503);
        assert_str(json_get_str(s->json, "reason"), "ServiceUnavailable");
        assert_false(str_contains(s->body, STR("nobody can tell"))); /* the log's */
    }
}

static void openapi_and_version_are_for_everybody(void **state) {
    struct setting *s = *state;
    admission = REFUSE;
    int before = atomic_load(&asked);
    for (size_t i = 0; i < ARRAY_LEN(open_to_all); i++) {
        (void)get(s, open_to_all[i], NULL);
        assert_int_equal(s->head.status, 200);
    }
    assert_int_equal(atomic_load(&asked), before);
}

/* ---- threads ---- */

static void *take_documents(void *arg) {
    const struct documents **ret = arg;
    struct err err;
    if (documents_get(ret, &err) != ERR_OK)
        *ret = NULL;
    return NULL;
}

static void documents_are_made_once_however_many_ask(void **state) {
    (void)state;
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    const struct documents *got[THREADS] = { 0 };
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_documents, &got[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < THREADS; i++) {
        assert_non_null(got[i]);
        assert_ptr_equal(got[i], got[0]);
    }
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, start, stop)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_made_once_however_many_ask), /* first, while there are none */
        WITH_SERVER(there_is_no_core_group),
        WITH_SERVER(groups_are_listed_with_their_version),
        WITH_SERVER(every_kind_is_a_resource),
        WITH_SERVER(resources_say_what_kubectl_shows),
        WITH_SERVER(every_subresource_is_one_of_a_kind_and_of_known_types),
        WITH_SERVER(aggregated_discovery_says_the_same),
        WITH_SERVER(other_groups_and_versions_do_not_exist),
        WITH_SERVER(the_root_lists_paths_that_answer),
        WITH_SERVER(the_version_is_one_that_clients_can_compare),
        WITH_SERVER(each_representation_has_its_type),
        WITH_SERVER(who_has_a_document_is_not_sent_it_again),
        WITH_SERVER(representations_have_tags_of_their_own),
        WITH_SERVER(openapi_3_is_found_through_its_index_and_kept_for_good),
        WITH_SERVER(head_and_trailing_slashes_are_taken),
        WITH_SERVER(other_methods_are_refused),
        WITH_SERVER(discovery_is_for_those_who_are_admitted),
        WITH_SERVER(what_goes_wrong_at_admission_is_answered_as_an_error),
        WITH_SERVER(openapi_and_version_are_for_everybody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
