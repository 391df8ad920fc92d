#include "kube/discovery_print.h"

#include "kube/subresources.h"

static void add_str(struct strbuf *out, bool *first, const char *name, const char *value) {
    json_field_str(out, first, name, str_of(value));
}

static void begin_item(struct strbuf *out, bool *first) {
    strbuf_adds(out, *first ? "{" : ",{");
    *first = false;
}

static void begin(struct strbuf *out, bool *first, const char *kind, const char *api_version) {
    *first = true;
    strbuf_addc(out, '{');
    add_str(out, first, "kind", kind);
    add_str(out, first, "apiVersion", api_version);
}

static void add_string_list(struct strbuf *out, bool *first, const char *name, const char *only) {
    if (only == NULL)
        return;
    json_key(out, first, name);
    strbuf_addc(out, '[');
    json_add_string(out, str_of(only));
    strbuf_addc(out, ']');
}

static void add_verbs(struct strbuf *out, bool *first, unsigned verbs) {
    bool none = true;
    const char *name;
    unsigned verb;
    json_key(out, first, "verbs");
    strbuf_addc(out, '[');
    for (size_t i = 0; (name = api_verb_name(i, &verb)) != NULL; i++) {
        if ((verbs & verb) == 0)
            continue;
        strbuf_adds(out, none ? "\"" : ",\"");
        strbuf_adds(out, name);
        strbuf_addc(out, '"');
        none = false;
    }
    strbuf_addc(out, ']');
}

/* Of `k`, in their order; begin with `s` = subresources. NULL: no more. */
static const struct subresource *next_of(const struct subresource *s, const struct api_group *g,
                                         const struct kind *k) {
    if (!g->has_subresources)
        return NULL;
    while (s->resource != NULL && strcmp(s->resource, k->plural) != 0)
        s++;
    return s->resource != NULL ? s : NULL;
}

/* ---- one document for each group and version ---- */

void discovery_print_root(struct strbuf *out) {
    static const char *const others[] = { "/healthz",    "/livez",  "/openapi/v2",
                                          "/openapi/v3", "/readyz", "/version" };
    strbuf_adds(out, "{\"paths\":[\"/api\",\"/apis\"");
    for (const struct api_group *g = api_groups; g->name != NULL; g++)
        strbuf_addf(out, ",\"/apis/%s\",\"/apis/%s/%s\"", g->name, g->name, g->version);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        strbuf_addf(out, ",\"%s\"", others[i]);
    strbuf_adds(out, "]}");
}

void discovery_print_api_versions(struct strbuf *out) {
    bool first;
    begin(out, &first, "APIVersions", "v1");
    strbuf_adds(out, ",\"versions\":[],\"serverAddressByClientCIDRs\":[]}");
}

static void add_group(struct strbuf *out, bool *first, const struct api_group *g) {
    add_str(out, first, "name", g->name);
    strbuf_addf(out,
                ",\"versions\":[{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}],"
                "\"preferredVersion\":{\"groupVersion\":\"%s/%s\",\"version\":\"%s\"}",
                g->name, g->version, g->version, g->name, g->version, g->version);
}

void discovery_print_groups(struct strbuf *out) {
    bool first, first_group = true;
    begin(out, &first, "APIGroupList", "v1");
    strbuf_adds(out, ",\"groups\":[");
    for (const struct api_group *g = api_groups; g->name != NULL; g++) {
        bool inner = true;
        begin_item(out, &first_group);
        add_group(out, &inner, g);
        strbuf_addc(out, '}');
    }
    strbuf_adds(out, "]}");
}

void discovery_print_group(struct strbuf *out, const struct api_group *g) {
    bool first;
    begin(out, &first, "APIGroup", "v1");
    add_group(out, &first, g);
    strbuf_addc(out, '}');
}

static void add_resource(struct strbuf *out, bool *first_item, const struct kind *k) {
    bool first = true;
    begin_item(out, first_item);
    add_str(out, &first, "name", k->plural);
    add_str(out, &first, "singularName", k->singular);
    json_field_bool(out, &first, "namespaced", k->namespaced);
    add_str(out, &first, "kind", k->kind);
    add_verbs(out, &first, k->verbs);
    add_string_list(out, &first, "shortNames", k->short_name);
    add_string_list(out, &first, "categories", api_category(k));
    strbuf_addc(out, '}');
}

static void add_subresource(struct strbuf *out, bool *first_item, const struct kind *k,
                            const struct subresource *s) {
    bool first = true;
    begin_item(out, first_item);
    json_key(out, &first, "name");
    strbuf_addf(out, "\"%s/%s\"", k->plural, s->name);
    add_str(out, &first, "singularName", "");
    json_field_bool(out, &first, "namespaced", k->namespaced);
    add_str(out, &first, "kind", subresource_kind(s));
    add_verbs(out, &first, s->verbs);
    strbuf_addc(out, '}');
}

void discovery_print_resources(struct strbuf *out, const struct api_group *g) {
    bool first, first_item = true;
    begin(out, &first, "APIResourceList", "v1");
    json_key(out, &first, "groupVersion");
    strbuf_addf(out, "\"%s/%s\",\"resources\":[", g->name, g->version);
    for (const struct kind *const *k = g->kinds(); *k != NULL; k++) {
        add_resource(out, &first_item, *k);
        for (const struct subresource *s = subresources; (s = next_of(s, g, *k)) != NULL; s++)
            add_subresource(out, &first_item, *k, s);
    }
    strbuf_adds(out, "]}");
}

/* ---- all in one document ---- */

static void add_response_kind(struct strbuf *out, bool *first, const struct api_group *g, const char *kind) {
    bool inner = true;
    json_key(out, first, "responseKind");
    strbuf_addc(out, '{');
    add_str(out, &inner, "group", g->name);
    add_str(out, &inner, "version", g->version);
    add_str(out, &inner, "kind", kind);
    strbuf_addc(out, '}');
}

static void add_aggregated_subresources(struct strbuf *out, bool *first, const struct api_group *g,
                                        const struct kind *k) {
    bool first_item = true;
    const struct subresource *s = next_of(subresources, g, k);
    if (s == NULL)
        return;
    json_key(out, first, "subresources");
    strbuf_addc(out, '[');
    for (; s != NULL; s = next_of(s + 1, g, k)) {
        bool inner = true;
        begin_item(out, &first_item);
        add_str(out, &inner, "subresource", s->name);
        add_response_kind(out, &inner, g, subresource_kind(s));
        add_verbs(out, &inner, s->verbs);
        strbuf_addc(out, '}');
    }
    strbuf_addc(out, ']');
}

static void add_aggregated_resource(struct strbuf *out, bool *first_item, const struct api_group *g,
                                    const struct kind *k) {
    bool first = true;
    begin_item(out, first_item);
    add_str(out, &first, "resource", k->plural);
    add_response_kind(out, &first, g, k->kind);
    add_str(out, &first, "scope", k->namespaced ? "Namespaced" : "Cluster");
    add_str(out, &first, "singularResource", k->singular);
    add_verbs(out, &first, k->verbs);
    add_string_list(out, &first, "shortNames", k->short_name);
    add_string_list(out, &first, "categories", api_category(k));
    add_aggregated_subresources(out, &first, g, k);
    strbuf_addc(out, '}');
}

static void add_aggregated_group(struct strbuf *out, bool *first_item, const struct api_group *g) {
    bool first_resource = true;
    begin_item(out, first_item);
    strbuf_addf(out,
                "\"metadata\":{\"name\":\"%s\",\"creationTimestamp\":null},\"versions\":[{\"version\":\"%s\"",
                g->name, g->version);
    strbuf_adds(out, ",\"freshness\":\"Current\",\"resources\":[");
    for (const struct kind *const *k = g->kinds(); *k != NULL; k++)
        add_aggregated_resource(out, &first_resource, g, *k);
    strbuf_adds(out, "]}]}");
}

void discovery_print_aggregated(struct strbuf *out, const char *version, bool all) {
    bool first, first_item = true;
    begin(out, &first, "APIGroupDiscoveryList",
          strcmp(version, "v2") == 0 ? "apidiscovery.k8s.io/v2" : "apidiscovery.k8s.io/v2beta1");
    strbuf_adds(out, ",\"metadata\":{},\"items\":[");
    for (const struct api_group *g = api_groups; all && g->name != NULL; g++)
        add_aggregated_group(out, &first_item, g);
    strbuf_adds(out, "]}");
}
