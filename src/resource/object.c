/* Looking at objects, and printing them as their readers get them. */
#include "tkeauth/resource.h"

const json_t *object_metadata(const json_t *object) { return json_object_get(object, "metadata"); }
struct str object_name(const json_t *object) {
    return json_get_str(object_metadata(object), "name");
}

struct str object_namespace(const json_t *object) {
    return json_get_str(object_metadata(object), "namespace");
}

const json_t *object_at(const json_t *object, const char *path) {
    struct str rest = str_of(path), part;
    while (object != NULL && rest.len > 0) {
        (void)str_cut(rest, '.', &part, &rest);
        object = json_object_getn(object, part.ptr, part.len);
    }
    return object;
}

struct str object_str_at(const json_t *object, const char *path) {
    const json_t *v = object_at(object, path);
    return json_is_string(v) ? (struct str) { json_string_value(v), json_string_length(v) } : STR_NULL;
}

struct str object_tenant(const struct kind *k, const json_t *object) {
    switch (k->tenancy) {
    case TENANCY_SPEC: return json_get_str(json_object_get(object, k->spec_key), "tenantID");
    case TENANCY_NAME: return object_name(object);
    case TENANCY_TOP: return json_get_str(object, "tenantID");
    case TENANCY_PLATFORM: break;
    }
    return STR_NULL;
}

bool object_is_deleting(const json_t *object) {
    return json_is_string(json_object_get(object_metadata(object), "deletionTimestamp"));
}

struct str object_store_name(struct arena *a, const struct kind *k, const json_t *object) {
    struct str name = object_name(object), namespace = object_namespace(object);
    if (!k->namespaced)
        return name;
    return str_of(arena_printf(a, "%.*s/%.*s", STR_FMT(namespace), STR_FMT(name)));
}

const char *kind_subjects_key(const struct kind *k) {
    if (k == &kind_policy || k == &kind_role || k == &kind_local_group)
        return "status";
    return k == &kind_project_policy_binding || k == &kind_custom_policy_binding ? "spec" : NULL;
}

struct subject_lists object_subjects(const struct kind *k, const json_t *object) {
    const char *key = kind_subjects_key(k);
    const json_t *holder = key != NULL ? json_object_get(object, key) : NULL;
    const json_t *users = json_object_get(holder, "users"), *groups = json_object_get(holder, "groups");
    return (struct subject_lists) { json_is_array(users) ? users : NULL,
                                    json_is_array(groups) ? groups : NULL };
}

/* What follows after "metadata":{"resourceVersion":"7" */
static void add_rest(struct str body, struct strbuf *out) {
    const struct str head = STR("{\"metadata\":{");
    json_t *object = NULL;
    struct err ignored;
    if (str_starts_with(body, STR("{\"metadata\":{\"name\":"))) { /* as this program stores them */
        strbuf_addc(out, ',');
        strbuf_add(out, str_from(body, head.len));
        return;
    }
    if (json_parse(body, &object, &ignored) != ERR_OK || !json_is_object(object)) {
        out->failed = true;
        json_decref(object);
        return;
    }
    json_t *meta = json_object_get(object, "metadata");
    meta = meta != NULL ? json_incref(meta) : json_object();
    static const char *const ours[] = { "kind", "apiVersion", "metadata" };
    for (size_t i = 0; i < ARRAY_LEN(ours); i++)
        (void)json_object_del(object, ours[i]);
    (void)json_object_del(meta, "resourceVersion");
    char *in_meta = json_dumps(meta, JSON_COMPACT | JSON_EMBED),
         *rest = json_dumps(object, JSON_COMPACT | JSON_EMBED);
    out->failed = out->failed || in_meta == NULL || rest == NULL || !json_is_object(meta);
    if (!out->failed)
        strbuf_addf(out, "%s%s}%s%s}", in_meta[0] ? "," : "", in_meta, rest[0] ? "," : "", rest);
    free(in_meta);
    free(rest);
    json_decref(meta);
    json_decref(object);
}

void object_print(const struct kind *k, struct str body, int64_t revision, struct strbuf *out) {
    strbuf_addf(out,
                "{\"kind\":\"%s\",\"apiVersion\":\"" RESOURCE_API_VERSION
                "\",\"metadata\":{\"resourceVersion\":\"",
                k->kind);
    strbuf_add_i64(out, revision);
    strbuf_addc(out, '"');
    add_rest(body, out);
}

bool object_is_mirror(const json_t *object) {
    const json_t *annotations = json_object_get(object_metadata(object), "annotations");
    return str_eq(json_get_str(annotations, RESOURCE_SOURCE_ANNOTATION), STR("configuration"));
}
