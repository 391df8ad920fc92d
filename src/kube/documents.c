#include "kube/documents.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "kube/discovery_print.h"
#include "kube/openapi.h"
#include "kube/openapi_proto.h"
#include "kube/version.h"
#include "tkeauth/crypto.h"

enum { DOCUMENT_MAX = 16 << 20 };

#define JSON_TYPE "application/json"
#define AGGREGATED_TYPE(version)                                                                             \
    "application/json;g=apidiscovery.k8s.io;v=" version ";as=APIGroupDiscoveryList"

/* Building several documents: the first failure stays. */
struct build {
    struct documents *to;
    struct strbuf text;
    struct err *err;
    enum err_code rc;
};

/* What is in `b->text` becomes a document. */
static void keep(struct build *b, struct document *d, const char *type) {
    AUTO(strbuf_done) struct strbuf hex = STRBUF(DOCUMENT_HASH_SIZE);
    unsigned char digest[SHA256_SIZE];
    if (b->rc == ERR_OK)
        b->rc = strbuf_check(&b->text, b->err);
    if (b->rc != ERR_OK)
        return;
    sha256(strbuf_str(&b->text), digest);
    hex_add(&hex, digest, sizeof digest);
    d->type = type;
    (void)snprintf(d->hash, sizeof d->hash, "%s", strbuf_c(&hex));
    d->body.len = b->text.len;
    d->body.ptr = strbuf_take(&b->text);
    if (d->body.ptr == NULL)
        b->rc = err_set(b->err, ERR_NOMEM, "no memory for a document of the API");
}

static void keep_json(struct build *b, struct document *d, const json_t *json) {
    char *text = json != NULL ? json_print(json) : NULL;
    if (text == NULL && b->rc == ERR_OK)
        b->rc = err_set(b->err, ERR_NOMEM, "no memory for an OpenAPI document");
    strbuf_adds(&b->text, text != NULL ? text : "");
    free(text);
    keep(b, d, JSON_TYPE);
}

static void build_discovery(struct build *b) {
    struct documents *to = b->to;
    discovery_print_root(&b->text);
    keep(b, &to->root, JSON_TYPE);
    version_print(&b->text);
    keep(b, &to->version, JSON_TYPE);
    discovery_print_api_versions(&b->text);
    keep(b, &to->api, JSON_TYPE);
    discovery_print_aggregated(&b->text, "v2", false);
    keep(b, &to->api_v2, AGGREGATED_TYPE("v2"));
    discovery_print_aggregated(&b->text, "v2beta1", false);
    keep(b, &to->api_v2beta1, AGGREGATED_TYPE("v2beta1"));
    discovery_print_groups(&b->text);
    keep(b, &to->apis, JSON_TYPE);
    discovery_print_aggregated(&b->text, "v2", true);
    keep(b, &to->apis_v2, AGGREGATED_TYPE("v2"));
    discovery_print_aggregated(&b->text, "v2beta1", true);
    keep(b, &to->apis_v2beta1, AGGREGATED_TYPE("v2beta1"));
    for (size_t i = 0; api_groups[i].name != NULL; i++) {
        discovery_print_group(&b->text, &api_groups[i]);
        keep(b, &to->groups[i], JSON_TYPE);
        discovery_print_resources(&b->text, &api_groups[i]);
        keep(b, &to->resources[i], JSON_TYPE);
    }
}

static void build_openapi_v2(struct build *b) {
    json_auto_t *json = openapi_v2();
    keep_json(b, &b->to->openapi_v2, json);
    if (b->rc == ERR_OK)
        b->rc = openapi_proto(json, &b->text, b->err);
    /* Clients ask for "...spec.v2@v1.0+protobuf", but '@' cannot stand in a media type, and Go's parser says so. */
    keep(b, &b->to->openapi_v2_proto, "application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
}

static void build_openapi_v3(struct build *b) {
    for (size_t i = 0; api_groups[i].name != NULL; i++) {
        json_auto_t *json = openapi_v3(&api_groups[i]);
        keep_json(b, &b->to->openapi_v3[i], json);
    }
    strbuf_adds(&b->text, "{\"paths\":{");
    for (size_t i = 0; api_groups[i].name != NULL; i++) {
        const struct api_group *g = &api_groups[i];
        /* Clients keep a document for as long as it is listed under the same hash. */
        strbuf_addf(&b->text, "%s\"apis/%s/%s\":{\"serverRelativeURL\":\"/openapi/v3/apis/%s/%s?hash=%s\"}",
                    i > 0 ? "," : "", g->name, g->version, g->name, g->version, b->to->openapi_v3[i].hash);
    }
    strbuf_adds(&b->text, "}}");
    keep(b, &b->to->openapi_v3_index, JSON_TYPE);
}

static void documents_free(struct documents *d) {
    struct document *all = (struct document *)d;
    for (size_t i = 0; d != NULL && i < sizeof *d / sizeof *all; i++)
        free((void *)(uintptr_t)all[i].body.ptr);
    free(d);
}
_Static_assert(sizeof(struct documents) % sizeof(struct document) == 0, "documents_free walks over it");

static enum err_code build(struct documents **ret, struct err *err) {
    struct build b = { calloc(1, sizeof *b.to), STRBUF(DOCUMENT_MAX), err, ERR_OK };
    if (b.to == NULL)
        return err_set(err, ERR_NOMEM, "no memory for the documents of the API");
    build_discovery(&b);
    build_openapi_v2(&b);
    build_openapi_v3(&b);
    strbuf_done(&b.text);
    if (b.rc != ERR_OK)
        documents_free(b.to);
    else
        *ret = b.to;
    return b.rc;
}

enum err_code documents_get(const struct documents **ret, struct err *err) {
    static struct documents *_Atomic made;
    static pthread_mutex_t making = PTHREAD_MUTEX_INITIALIZER;
    struct documents *d = atomic_load_explicit(&made, memory_order_acquire);
    enum err_code rc = ERR_OK;
    if (d == NULL) {
        (void)pthread_mutex_lock(&making);
        d = atomic_load_explicit(&made, memory_order_relaxed);
        if (d == NULL && (rc = build(&d, err)) == ERR_OK)
            atomic_store_explicit(&made, d, memory_order_release);
        (void)pthread_mutex_unlock(&making);
    }
    *ret = d;
    return rc;
}
