#include "kube/openapi.h"

#include "kube/openapi_build.h"

enum { NAMES_MAX = 1 << 20 };

void openapi_put(struct openapi *o, json_t *object, const char *key, json_t *value) {
    if (json_object_set_new(object, key, value) != 0)
        o->failed = true;
}

void openapi_append(struct openapi *o, json_t *array, json_t *value) {
    if (json_array_append_new(array, value) != 0)
        o->failed = true;
}

const char *openapi_text(struct openapi *o, const char *fmt, ...) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(4096);
    va_list args;
    char *grown = NULL;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len >= 0)
        grown = strbuf_grow(&text, (size_t)len + 1);
    if (grown != NULL) {
        va_start(args, fmt);
        (void)vsnprintf(grown, (size_t)len + 1, fmt, args);
        va_end(args);
        grown = arena_strdup(o->arena, str_of(grown));
    }
    if (grown == NULL)
        o->failed = true;
    return grown != NULL ? grown : "";
}

json_t *openapi_gvk(const char *group, const char *version, const char *kind) {
    return json_pack("{s:s,s:s,s:s}", "group", group, "kind", kind, "version", version);
}

static json_t *head(bool v3) {
    return json_pack("{s:s,s:{s:s,s:s,s:s}}", v3 ? "openapi" : "swagger", v3 ? "3.0.0" : "2.0", "info",
                     "title", "tke-auth", "version", "v" TKEAUTH_VERSION, "description",
                     "Identities and permissions of the platform as Kubernetes objects.");
}

static json_t *bearer(void) {
    return json_pack("{s:{s:s,s:s,s:s,s:s}}", "BearerToken", "type", "apiKey", "name", "authorization", "in",
                     "header", "description", "An ID token or an API key: Bearer TOKEN.");
}

static void finish_v2(struct openapi *o, json_t *document) {
    openapi_put(o, document, "paths", o->paths);
    openapi_put(o, document, "definitions", o->schemas);
    openapi_put(o, document, "securityDefinitions", bearer());
}

static void finish_v3(struct openapi *o, json_t *document) {
    json_t *components = json_object();
    openapi_put(o, document, "paths", o->paths);
    openapi_put(o, components, "schemas", o->schemas);
    openapi_put(o, components, "securitySchemes", bearer());
    openapi_put(o, document, "components", components);
}

/* One group, or all that follow. */
static json_t *build(bool v3, const struct api_group *g) {
    AUTO_FREE(arena_free) struct arena *arena = arena_new(NAMES_MAX);
    struct openapi *o = arena != NULL ? arena_alloc(arena, sizeof *o) : NULL;
    if (o == NULL)
        return NULL;
    *o = (struct openapi) { .v3 = v3, .arena = arena, .schemas = json_object(), .paths = json_object() };
    for (; g->name != NULL; g++) {
        openapi_add_schemas(o, g);
        openapi_add_paths(o, g);
        if (v3)
            break;
    }
    json_t *document = head(v3);
    if (v3)
        finish_v3(o, document);
    else
        finish_v2(o, document);
    openapi_put(o, document, "security", json_pack("[{s:[]}]", "BearerToken"));
    if (o->failed) {
        json_decref(document);
        return NULL;
    }
    return document;
}

json_t *openapi_v2(void) { return build(false, api_groups); }
json_t *openapi_v3(const struct api_group *g) { return build(true, g); }
