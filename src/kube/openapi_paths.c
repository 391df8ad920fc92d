/* Paths and operations out of the verbs of kinds and the table of subresources. */
#include "kube/openapi_build.h"
#include "kube/subresources.h"

/* ---- parameters ---- */

enum parameter_set { /* which operations a parameter belongs to */
                     OF_LIST = 1,
                     OF_WRITE = 2,
                     OF_PATCH = 4,
                     OF_DELETE = 8,
                     OF_COLLECTION_DELETE = 16
};
/* What clients look for before they use it: dryRun and fieldValidation of PATCH decide for kubectl whether the server can do these at all. */
static const struct {
    const char *name, *type;
    unsigned sets;
    const char *help;
} parameters[] = {
    { "allowWatchBookmarks", "boolean", OF_LIST,
      "Of a watch: events that only tell the version are welcome." },
    { "continue", "string", OF_LIST | OF_COLLECTION_DELETE,
      "What the last part of the list said in metadata.continue." },
    { "dryRun", "string", OF_WRITE | OF_PATCH | OF_DELETE | OF_COLLECTION_DELETE,
      "All: say what would happen, change nothing." },
    { "fieldManager", "string", OF_WRITE | OF_PATCH, "Who changes the fields, for metadata.managedFields." },
    { "fieldSelector", "string", OF_LIST | OF_COLLECTION_DELETE,
      "Only objects with these fields: spec.tenantID=default." },
    { "fieldValidation", "string", OF_WRITE | OF_PATCH,
      "Unknown fields are dropped (Ignore), dropped with a warning (Warn), or refused (Strict)." },
    { "force", "boolean", OF_PATCH, "Of server-side apply: take fields away from other managers." },
    { "gracePeriodSeconds", "integer", OF_DELETE | OF_COLLECTION_DELETE, "Not used here." },
    { "labelSelector", "string", OF_LIST | OF_COLLECTION_DELETE, "Only objects with these labels." },
    { "limit", "integer", OF_LIST | OF_COLLECTION_DELETE,
      "At most so many objects; metadata.continue leads to the others." },
    { "orphanDependents", "boolean", OF_DELETE | OF_COLLECTION_DELETE, "Not used here." },
    { "propagationPolicy", "string", OF_DELETE | OF_COLLECTION_DELETE, "Not used here." },
    { "resourceVersion", "string", OF_LIST | OF_COLLECTION_DELETE,
      "What a list shows at least, or where a watch begins." },
    { "resourceVersionMatch", "string", OF_LIST | OF_COLLECTION_DELETE,
      "How resourceVersion is meant: Exact or NotOlderThan." },
    { "timeoutSeconds", "integer", OF_LIST | OF_COLLECTION_DELETE, "Ends a watch after so many seconds." },
    { "watch", "boolean", OF_LIST, "Then watch: changes are told as they happen, a WatchEvent each." },
};

static json_t *parameter(struct openapi *o, const char *in, const char *name, const char *type,
                         const char *help) {
    json_t *p = json_pack("{s:s,s:s,s:s}", "name", name, "in", in, "description", help);
    if (strcmp(in, "path") == 0)
        openapi_put(o, p, "required", json_true());
    if (o->v3) {
        openapi_put(o, p, "schema", json_pack("{s:s,s:b}", "type", type, "uniqueItems", 1));
        return p;
    }
    openapi_put(o, p, "type", json_string(type));
    openapi_put(o, p, "uniqueItems", json_true());
    return p;
}

/* ---- bodies and answers ---- */

static const char *const object_types[] = { "application/json", "application/yaml", NULL };
static const char *const patch_types[] = { "application/json-patch+json", "application/merge-patch+json",
                                           "application/strategic-merge-patch+json",
                                           "application/apply-patch+yaml", NULL };
static const char *const answer_types[] = { "application/json", NULL };
static const char *const list_types[] = { "application/json", "application/json;stream=watch", NULL };

struct operation {
    const char *method, *id, *action, *help, *gvk_kind;
    unsigned sets;
    json_t *body; /* a reference to its type; NULL: none */
    bool body_optional;
    const char *const *body_types;
    json_t *answer; /* a reference to its type */
    const char *const *answer_types;
    bool creates, may_create; /* 201 instead of 200, or besides it */
};

static json_t *strings(struct openapi *o, const char *const *items) {
    json_t *list = json_array();
    for (; *items != NULL; items++)
        openapi_append(o, list, json_string(*items));
    return list;
}

/* OpenAPI 3.0: {media type: {"schema":...}}. */
static json_t *content(struct openapi *o, const char *const *types, json_t *schema) {
    json_t *all = json_object();
    for (; *types != NULL; types++)
        openapi_put(o, all, *types, json_pack("{s:O}", "schema", schema));
    return all;
}

static void add_response(struct openapi *o, json_t *responses, const char *code, const char *text,
                         const struct operation *op) {
    json_t *r = json_pack("{s:s}", "description", text);
    if (o->v3)
        openapi_put(o, r, "content", content(o, op->answer_types, op->answer));
    else
        openapi_put(o, r, "schema", json_incref(op->answer));
    openapi_put(o, responses, code, r);
}

static void add_responses(struct openapi *o, json_t *to, const struct operation *op) {
    json_t *responses = json_object();
    if (!op->creates)
        add_response(o, responses, "200", "OK", op);
    if (op->creates || op->may_create)
        add_response(o, responses, "201", "Created", op);
    openapi_put(o, responses, "401", json_pack("{s:s}", "description", "Unauthorized"));
    openapi_put(o, to, "responses", responses);
}

static void add_body(struct openapi *o, json_t *to, json_t *list, const struct operation *op) {
    if (o->v3) {
        json_t *body = json_pack("{s:o}", "content", content(o, op->body_types, op->body));
        if (!op->body_optional)
            openapi_put(o, body, "required", json_true());
        openapi_put(o, to, "requestBody", body);
        return;
    }
    json_t *body = json_pack("{s:s,s:s,s:O}", "name", "body", "in", "body", "schema", op->body);
    if (!op->body_optional)
        openapi_put(o, body, "required", json_true());
    openapi_append(o, list, body);
    openapi_put(o, to, "consumes", strings(o, op->body_types));
}

/* Takes the references in `op`. */
static void add_operation(struct openapi *o, const struct api_group *g, json_t *path,
                          const struct operation *op) {
    json_t *list = json_array();
    json_t *out = json_pack("{s:s,s:[s],s:s}", "description", op->help, "tags", g->tag, "operationId",
                            op->id);
    for (size_t i = 0; i < ARRAY_LEN(parameters); i++)
        if ((parameters[i].sets & op->sets) != 0)
            openapi_append(o, list,
                           parameter(o, "query", parameters[i].name, parameters[i].type, parameters[i].help));
    if (op->body != NULL)
        add_body(o, out, list, op);
    if (json_array_size(list) > 0)
        openapi_put(o, out, "parameters", list);
    else
        json_decref(list);
    if (!o->v3)
        openapi_put(o, out, "produces", strings(o, op->answer_types));
    add_responses(o, out, op);
    openapi_put(o, out, "x-kubernetes-action", json_string(op->action));
    openapi_put(o, out, "x-kubernetes-group-version-kind", openapi_gvk(g->name, g->version, op->gvk_kind));
    openapi_put(o, path, op->method, out);
    json_decref(op->body);
    json_decref(op->answer);
}

/* ---- paths ---- */

static json_t *new_path(struct openapi *o, const char *path, bool namespaced, bool named) {
    json_t *item = json_object(), *list = json_array();
    if (named)
        openapi_append(o, list, parameter(o, "path", "name", "string", "The object's name."));
    if (namespaced)
        openapi_append(o, list, parameter(o, "path", "namespace", "string", "The object's namespace."));
    if (json_array_size(list) > 0)
        openapi_put(o, item, "parameters", list);
    else
        json_decref(list);
    if (json_object_get(o->paths, path) != NULL)
        o->failed = true; /* two resources of one name */
    openapi_put(o, o->paths, path, item);
    return json_object_get(o->paths, path);
}

static const char *base_path(struct openapi *o, const struct api_group *g, const struct kind *k) {
    return openapi_text(o, "/apis/%s/%s/%s%s", g->name, g->version,
                        k->namespaced ? "namespaces/{namespace}/" : "", k->plural);
}

/* "listAuthTkestackIoV1NamespacedCustomPolicyBinding" */
static const char *operation_id(struct openapi *o, const struct api_group *g, const struct kind *k,
                                const char *verb, const char *suffix) {
    return openapi_text(o, "%s%s%s%s%s", verb, g->label, k->namespaced ? "Namespaced" : "", k->kind, suffix);
}

static void add_list(struct openapi *o, const struct api_group *g, const struct kind *k, json_t *path,
                     const char *id) {
    add_operation(o, g, path,
                  &(struct operation) {
                      .method = "get",
                      .id = id,
                      .action = "list",
                      .help = openapi_text(o, "list or watch objects of kind %s", k->kind),
                      .gvk_kind = k->kind,
                      .sets = OF_LIST,
                      .answer = openapi_ref(o, g, openapi_text(o, "%sList", k->kind)),
                      .answer_types = (k->verbs & RESOURCE_WATCH) != 0 ? list_types : answer_types,
                  });
}

static void add_create(struct openapi *o, const struct api_group *g, const struct kind *k, json_t *path) {
    add_operation(o, g, path,
                  &(struct operation) {
                      .method = "post",
                      .id = operation_id(o, g, k, "create", ""),
                      .action = "post",
                      .help = openapi_text(o, "create an object of kind %s", k->kind),
                      .gvk_kind = k->kind,
                      .sets = OF_WRITE,
                      .body = openapi_ref(o, g, k->kind),
                      .body_types = object_types,
                      .answer = openapi_ref(o, g, k->kind),
                      .answer_types = answer_types,
                      .creates = true,
                  });
}

static void add_collection_delete(struct openapi *o, const struct api_group *g, const struct kind *k,
                                  json_t *path) {
    add_operation(o, g, path,
                  &(struct operation) {
                      .method = "delete",
                      .id = openapi_text(o, "delete%sCollection%s%s", g->label,
                                         k->namespaced ? "Namespaced" : "", k->kind),
                      .action = "deletecollection",
                      .help = openapi_text(o, "delete several objects of kind %s", k->kind),
                      .gvk_kind = k->kind,
                      .sets = OF_COLLECTION_DELETE,
                      .body = openapi_meta_ref(o, "DeleteOptions"),
                      .body_optional = true,
                      .body_types = object_types,
                      .answer = openapi_meta_ref(o, "Status"),
                      .answer_types = answer_types,
                  });
}

static void add_delete(struct openapi *o, const struct api_group *g, const struct kind *k, json_t *path) {
    add_operation(
        o, g, path,
        &(struct operation) {
            .method = "delete",
            .id = operation_id(o, g, k, "delete", ""),
            .action = "delete",
            .help = openapi_text(o, "delete the object of kind %s", k->kind),
            .gvk_kind = k->kind,
            .sets = OF_DELETE,
            .body = openapi_meta_ref(o, "DeleteOptions"),
            .body_optional = true,
            .body_types = object_types,
            /* Contract 1.3: an object that is cleaned up after is shown as it is being deleted. */
            .answer = k->finalizer != NULL ? openapi_ref(o, g, k->kind) : openapi_meta_ref(o, "Status"),
            .answer_types = answer_types,
        });
}

/* What is read and written as a whole: an object (`suffix` "") or a part of it. */
struct whole {
    const char *suffix, *what; /* "Status"; "status of " */
    const char *type;          /* of what is read and written */
    unsigned verbs;
};

static void add_get(struct openapi *o, const struct api_group *g, const struct kind *k, json_t *path,
                    const struct whole *w) {
    add_operation(o, g, path,
                  &(struct operation) {
                      .method = "get",
                      .id = operation_id(o, g, k, "read", w->suffix),
                      .action = "get",
                      .help = openapi_text(o, "read %sthe object of kind %s", w->what, k->kind),
                      .gvk_kind = w->type,
                      .answer = openapi_ref(o, g, w->type),
                      .answer_types = answer_types,
                  });
}

static void add_put(struct openapi *o, const struct api_group *g, const struct kind *k, json_t *path,
                    const struct whole *w) {
    add_operation(o, g, path,
                  &(struct operation) {
                      .method = "put",
                      .id = operation_id(o, g, k, "replace", w->suffix),
                      .action = "put",
                      .help = openapi_text(o, "replace %sthe object of kind %s", w->what, k->kind),
                      .gvk_kind = w->type,
                      .sets = OF_WRITE,
                      .body = openapi_ref(o, g, w->type),
                      .body_types = object_types,
                      .answer = openapi_ref(o, g, w->type),
                      .answer_types = answer_types,
                  });
}

static void add_patch(struct openapi *o, const struct api_group *g, const struct kind *k, json_t *path,
                      const struct whole *w) {
    add_operation(o, g, path,
                  &(struct operation) {
                      .method = "patch",
                      .id = operation_id(o, g, k, "patch", w->suffix),
                      .action = "patch",
                      .help = openapi_text(o, "change %sthe object of kind %s", w->what, k->kind),
                      .gvk_kind = w->type,
                      .sets = OF_PATCH,
                      .body = openapi_meta_ref(o, "Patch"),
                      .body_types = patch_types,
                      .answer = openapi_ref(o, g, w->type),
                      .answer_types = answer_types,
                      .may_create = w->suffix[0] == '\0',
                  });
}

static void add_whole(struct openapi *o, const struct api_group *g, const struct kind *k, json_t *path,
                      const struct whole *w) {
    if ((w->verbs & RESOURCE_GET) != 0)
        add_get(o, g, k, path, w);
    if ((w->verbs & RESOURCE_UPDATE) != 0)
        add_put(o, g, k, path, w);
    if ((w->verbs & RESOURCE_PATCH) != 0)
        add_patch(o, g, k, path, w);
}

static void add_collection(struct openapi *o, const struct api_group *g, const struct kind *k) {
    json_t *path = new_path(o, base_path(o, g, k), k->namespaced, false);
    if ((k->verbs & RESOURCE_LIST) != 0)
        add_list(o, g, k, path, operation_id(o, g, k, "list", ""));
    if ((k->verbs & RESOURCE_CREATE) != 0)
        add_create(o, g, k, path);
    if ((k->verbs & RESOURCE_DELETE_COLLECTION) != 0)
        add_collection_delete(o, g, k, path);
    if (!k->namespaced || (k->verbs & RESOURCE_LIST) == 0)
        return;
    path = new_path(o, openapi_text(o, "/apis/%s/%s/%s", g->name, g->version, k->plural), false, false);
    add_list(o, g, k, path, openapi_text(o, "list%s%sForAllNamespaces", g->label, k->kind));
}

static void add_item(struct openapi *o, const struct api_group *g, const struct kind *k) {
    const unsigned of_items = RESOURCE_GET | RESOURCE_UPDATE | RESOURCE_PATCH | RESOURCE_DELETE;
    if ((k->verbs & of_items) == 0)
        return;
    json_t *path = new_path(o, openapi_text(o, "%s/{name}", base_path(o, g, k)), k->namespaced, true);
    add_whole(o, g, k, path, &(struct whole) { "", "", k->kind, k->verbs });
    if ((k->verbs & RESOURCE_DELETE) != 0)
        add_delete(o, g, k, path);
}

/* ---- subresources ---- */

static void add_post(struct openapi *o, const struct api_group *g, const struct kind *k, json_t *path,
                     const struct subresource *s, const char *suffix) {
    add_operation(o, g, path,
                  &(struct operation) {
                      .method = "post",
                      .id = operation_id(o, g, k, "create", suffix),
                      .action = "post",
                      .help = openapi_text(o, "create %s of the object of kind %s", s->name, k->kind),
                      .gvk_kind = s->request,
                      .body = openapi_ref(o, g, s->request),
                      .body_types = object_types,
                      .answer = openapi_ref(o, g, s->created),
                      .answer_types = answer_types,
                      .creates = true,
                  });
}

static void add_subresource(struct openapi *o, const struct api_group *g, const struct kind *k,
                            const struct subresource *s) {
    const char *suffix = openapi_text(o, "%c%s", s->name[0] - 'a' + 'A', s->name + 1);
    json_t *path = new_path(o, openapi_text(o, "%s/{name}/%s", base_path(o, g, k), s->name), k->namespaced,
                            true);
    add_whole(o, g, k, path,
              &(struct whole) { suffix, openapi_text(o, "%s of ", s->name), s->read, s->verbs });
    if ((s->verbs & RESOURCE_CREATE) != 0)
        add_post(o, g, k, path, s, suffix);
}

void openapi_add_paths(struct openapi *o, const struct api_group *g) {
    for (const struct kind *const *k = g->kinds(); *k != NULL; k++) {
        add_collection(o, g, *k);
        add_item(o, g, *k);
        for (const struct subresource *s = subresources; g->has_subresources && s->resource != NULL; s++)
            if (strcmp(s->resource, (*k)->plural) == 0)
                add_subresource(o, g, *k, s);
    }
}
