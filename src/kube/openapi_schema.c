/* Schemas out of the tables of fields. */
#include "kube/openapi_build.h"

/* ---- types of Kubernetes' own ---- */

#define TEXT(field, text)                                                                                    \
    { .name = (field), .type = FIELD_STRING, .help = (text) }
#define NUMBER(field, text)                                                                                  \
    { .name = (field), .type = FIELD_INT, .help = (text) }
#define ANY(field, needed, text)                                                                             \
    { .name = (field), .type = FIELD_ANY, .flags = (needed), .help = (text) }
#define END                                                                                                  \
    { .name = NULL }

static const char *const policies[] = { "Orphan", "Background", "Foreground", NULL };
static const char *const outcomes[] = { "Success", "Failure", NULL };

static const struct field nothing[] = { END };
static const struct field managed_fields[] = {
    TEXT("manager", "Who set the fields."),
    TEXT("operation", "Apply, for server-side apply, or Update."),
    TEXT("apiVersion", "The version of the API the fields were set with."),
    { .name = "time", .type = FIELD_TIME, .help = "When they were last set." },
    TEXT("fieldsType", "FieldsV1."),
    ANY("fieldsV1", 0, "The fields, as a tree."),
    TEXT("subresource", "The subresource they were set through; empty: none."),
    END,
};
static const struct field list_meta[] = {
    TEXT("selfLink", "Not used any more."),
    TEXT("resourceVersion", "Version of the whole list; where a watch may begin. Opaque."),
    TEXT("continue", "Ask with it for what follows; empty: that was all. Opaque."),
    NUMBER("remainingItemCount", "How many objects follow, when that is known."),
    END,
};
static const struct field preconditions[] = {
    TEXT("uid", "Only if this is the object's uid."),
    TEXT("resourceVersion", "Only if this is the object's version."),
    END,
};
static const struct field delete_options[] = {
    TEXT("kind", "DeleteOptions."),
    TEXT("apiVersion", "v1."),
    NUMBER("gracePeriodSeconds", "Not used here."),
    { .name = "preconditions",
      .type = FIELD_OBJECT,
      .fields = preconditions,
      .help = "What must hold for the object to be deleted." },
    { .name = "orphanDependents", .type = FIELD_BOOL, .help = "Not used here." },
    { .name = "propagationPolicy", .type = FIELD_STRING, .choices = policies, .help = "Not used here." },
    { .name = "dryRun", .type = FIELD_STRINGS, .help = "[\"All\"]: say what would happen, change nothing." },
    END,
};
static const struct field causes[] = {
    TEXT("reason", "One word for programs, for example FieldValueInvalid."),
    TEXT("message", "More for people."),
    TEXT("field", "The field that is meant."),
    END,
};
static const struct field details[] = {
    TEXT("name", "The object."),
    TEXT("group", "The API group."),
    TEXT("kind", "The kind."),
    TEXT("uid", "The object's uid."),
    { .name = "causes", .type = FIELD_OBJECTS, .fields = causes, .help = "Everything that was wrong." },
    NUMBER("retryAfterSeconds", "Worth trying again after so many seconds."),
    END,
};
static const struct field status[] = {
    TEXT("kind", "Status."),
    TEXT("apiVersion", "v1."),
    { .name = "metadata", .type = FIELD_OBJECT, .fields = list_meta, .help = "Empty." },
    { .name = "status", .type = FIELD_STRING, .choices = outcomes, .help = "Whether the request was met." },
    TEXT("message", "Why not, for people."),
    TEXT("reason", "Why not, one word for programs."),
    { .name = "details", .type = FIELD_OBJECT, .fields = details, .help = "What it is about." },
    NUMBER("code", "The status code of HTTP."),
    END,
};
static const struct field watch_event[] = {
    { .name = "type",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .help = "ADDED, MODIFIED, DELETED, BOOKMARK or ERROR." },
    ANY("object", FIELD_REQUIRED, "The object as it is now, as it was last (DELETED), or a Status (ERROR)."),
    END,
};

struct meta_type {
    const char *name;
    const struct field *fields; /* NULL: those of ObjectMeta */
    const char *help;
    bool is_kind; /* sent by itself: as v1, and as the version of whatever group it is about */
};
static const struct meta_type meta_types[] = {
    { "ObjectMeta", NULL, "What every object has.", false },
    { "ListMeta", list_meta, "What every list has.", false },
    { "ManagedFieldsEntry", managed_fields, "Who set which fields.", false },
    { "DeleteOptions", delete_options, "How to delete.", true },
    { "Status", status, "The answer when there is no object to give.", true },
    { "WatchEvent", watch_event, "A line of a watch.", true },
    { "Patch", nothing, "A patch of one of several kinds, as Content-Type says.", false },
    { .name = NULL },
};

/* ---- names of types within types ---- */

/* Types that Kubernetes or the platform calls otherwise than after where they are. */
static const struct {
    const char *owner, *field; /* owner NULL: any */
    const char *name;          /* in the package of its owner */
} named[] = {
    { OPENAPI_META "ObjectMeta", "ownerReferences", "OwnerReference" },
    { OPENAPI_META "DeleteOptions", "preconditions", "Preconditions" },
    { OPENAPI_META "StatusDetails", "causes", "StatusCause" },
    { OPENAPI_META "Status", "metadata", "ListMeta" },
    { NULL, "statement", "Statement" },
    { NULL, "actions", "Action" },
    { NULL, "conditions", "IdentityProviderCondition" },
    { NULL, "users", "Subject" },
    { NULL, "groups", "Subject" },
    { NULL, "user", "UserInfo" },
    { NULL, "userInfo", "UserInfo" },
    { NULL, "resourceAttributes", "ResourceAttributes" },
    { NULL, "nonResourceAttributes", "NonResourceAttributes" },
    { NULL, "resourceRules", "ResourceRule" },
    { NULL, "nonResourceRules", "NonResourceRule" },
    { "io.k8s.api.authorization.v1.SelfSubjectAccessReview", "status", "SubjectAccessReviewStatus" },
    { "io.k8s.api.authorization.v1.SelfSubjectRulesReview", "status", "SubjectRulesReviewStatus" },
};

/* "PolicySpec" of Policy's field spec; in the owner's package. */
static const char *type_name(struct openapi *o, const char *owner, const struct field *f) {
    struct str package = str_sub(str_of(owner), 0, str_rfind(str_of(owner), '.') + 1);
    for (size_t i = 0; i < ARRAY_LEN(named); i++)
        if (strcmp(f->name, named[i].field) == 0 &&
            (named[i].owner == NULL || strcmp(owner, named[i].owner) == 0))
            return openapi_text(o, "%.*s%s", STR_FMT(package), named[i].name);
    char first = f->name[0];
    return openapi_text(o, "%s%c%s", owner, first >= 'a' && first <= 'z' ? first - 'a' + 'A' : first,
                        f->name + 1);
}

/* ---- values ---- */

static void define(struct openapi *o, const char *name, const struct field *fields, const char *help);

/* Where NULL stands for "no type", a failure must not look like it. */
static json_t *ref(struct openapi *o, const char *name) {
    json_t *to = json_pack("{s:s+}", "$ref", o->v3 ? "#/components/schemas/" : "#/definitions/", name);
    o->failed |= to == NULL;
    return to;
}

static json_t *value_schema(struct openapi *o, const char *owner, const struct field *f) {
    const char *type = NULL;
    if ((f->type == FIELD_OBJECT || f->type == FIELD_OBJECTS) && f->fields != api_string_lists) {
        type = type_name(o, owner, f);
        define(o, type, f->fields, NULL);
    }
    switch (f->type) {
    case FIELD_STRING: return json_pack("{s:s}", "type", "string");
    case FIELD_BOOL: return json_pack("{s:s}", "type", "boolean");
    case FIELD_INT: return json_pack("{s:s,s:s}", "type", "integer", "format", "int64");
    case FIELD_TIME: return json_pack("{s:s,s:s}", "type", "string", "format", "date-time");
    case FIELD_BYTES: return json_pack("{s:s,s:s}", "type", "string", "format", "byte");
    case FIELD_STRINGS: return json_pack("{s:s,s:{s:s}}", "type", "array", "items", "type", "string");
    case FIELD_STRING_MAP:
        return json_pack("{s:s,s:{s:s}}", "type", "object", "additionalProperties", "type", "string");
    case FIELD_BYTES_MAP:
        return json_pack("{s:s,s:{s:s,s:s}}", "type", "object", "additionalProperties", "type", "string",
                         "format", "byte");
    case FIELD_OBJECT:
        if (type == NULL)
            return json_pack("{s:s,s:{s:s,s:{s:s}}}", "type", "object", "additionalProperties", "type",
                             "array", "items", "type", "string");
        return ref(o, type);
    case FIELD_OBJECTS: return json_pack("{s:s,s:o}", "type", "array", "items", ref(o, type));
    case FIELD_ANY: break;
    }
    return json_pack("{s:s}", "type", "object");
}

/* Fields that must be in what clients send. A tenant need not be named by its own users, who can mean no other. */
static bool is_needed(const struct field *f) {
    return (f->flags & FIELD_REQUIRED) != 0 && (f->flags & FIELD_READ_ONLY) == 0 && f->fallback == NULL &&
           strcmp(f->name, "tenantID") != 0;
}

static void add_choices(struct openapi *o, json_t *schema, const struct field *f) {
    json_t *list = json_array();
    /* Where nothing need be chosen, "" is what the server shows then. */
    if (!is_needed(f) && f->fallback == NULL && (f->flags & FIELD_OMIT_EMPTY) == 0)
        openapi_append(o, list, json_string(""));
    for (size_t i = 0; f->choices[i] != NULL; i++)
        openapi_append(o, list, json_string(f->choices[i]));
    openapi_put(o, schema, "enum", list);
}

static void add_limit(struct openapi *o, json_t *schema, const char *key, int64_t value) {
    openapi_put(o, schema, key, json_integer(value));
}

/* Limits of strings are bytes: of characters there can be no more, but there may have to be fewer, so only the upper one is told. */
static void add_limits(struct openapi *o, json_t *schema, const struct field *f) {
    if (f->min == 0 && f->max == 0)
        return;
    switch (f->type) {
    case FIELD_STRING: add_limit(o, schema, "maxLength", f->max); break;
    case FIELD_INT:
        add_limit(o, schema, "minimum", f->min);
        add_limit(o, schema, "maximum", f->max);
        break;
    case FIELD_STRINGS:
    case FIELD_OBJECTS:
        if (f->min > 0)
            add_limit(o, schema, "minItems", f->min);
        add_limit(o, schema, "maxItems", f->max);
        break;
    case FIELD_STRING_MAP:
    case FIELD_BYTES_MAP: add_limit(o, schema, "maxProperties", f->max); break;
    case FIELD_BOOL:
    case FIELD_TIME:
    case FIELD_BYTES:
    case FIELD_OBJECT:
    case FIELD_ANY: break;
    }
}

/* How server-side apply and strategic merge patches put lists and maps together. */
static void add_merging(struct openapi *o, json_t *schema, const struct field *f) {
    static const char *const types[] = { [LIST_ATOMIC] = "atomic", [LIST_SET] = "set", [LIST_MAP] = "map" };
    if (f->type == FIELD_STRINGS || f->type == FIELD_OBJECTS) {
        openapi_put(o, schema, "x-kubernetes-list-type", json_string(types[f->list_type]));
        if (f->list_type != LIST_ATOMIC)
            openapi_put(o, schema, "x-kubernetes-patch-strategy", json_string("merge"));
        if (f->list_type == LIST_MAP) {
            openapi_put(o, schema, "x-kubernetes-list-map-keys", json_pack("[s]", f->list_key));
            openapi_put(o, schema, "x-kubernetes-patch-merge-key", json_string(f->list_key));
        }
    }
    if (f->atomic)
        openapi_put(o, schema, "x-kubernetes-map-type", json_string("atomic"));
}

/* What a reader of `kubectl explain` has to know besides the words of the table. */
static const char *description(struct openapi *o, const struct field *f) {
    const char *note = f->flags & FIELD_READ_ONLY   ? " Read-only."
                       : f->flags & FIELD_IMMUTABLE ? " Immutable."
                                                    : "";
    return openapi_text(o, "%s%s", f->help != NULL ? f->help : "", note);
}

static json_t *property(struct openapi *o, const char *owner, const struct field *f) {
    json_t *schema = value_schema(o, owner, f);
    /* OpenAPI 3.0 ignores whatever stands beside $ref. */
    if (o->v3 && json_object_get(schema, "$ref") != NULL)
        schema = json_pack("{s:[o]}", "allOf", schema);
    openapi_put(o, schema, "description", json_string(description(o, f)));
    if (f->choices != NULL)
        add_choices(o, schema, f);
    if (f->fallback != NULL)
        openapi_put(o, schema, "default", json_string(f->fallback));
    if ((f->flags & FIELD_READ_ONLY) != 0)
        openapi_put(o, schema, "readOnly", json_true());
    if (o->v3 && (f->flags & FIELD_WRITE_ONLY) != 0)
        openapi_put(o, schema, "writeOnly", json_true());
    add_limits(o, schema, f);
    add_merging(o, schema, f);
    return schema;
}

/* ---- types ---- */

static void add_properties(struct openapi *o, json_t *schema, const char *name, const struct field *fields) {
    json_t *properties = json_object_get(schema, "properties"), *needed = json_array();
    for (const struct field *f = fields; f->name != NULL; f++) {
        openapi_put(o, properties, f->name, property(o, name, f));
        if (is_needed(f))
            openapi_append(o, needed, json_string(f->name));
    }
    if (json_array_size(needed) > 0)
        openapi_put(o, schema, "required", needed);
    else
        json_decref(needed);
}

static json_t *type_schema(struct openapi *o, const char *name, const struct field *fields,
                           const char *help) {
    json_t *schema = json_pack("{s:s}", "type", "object");
    if (help != NULL)
        openapi_put(o, schema, "description", json_string(help));
    if (fields->name != NULL) {
        openapi_put(o, schema, "properties", json_object());
        add_properties(o, schema, name, fields);
    }
    return schema;
}

static bool is_same(const struct field *a, const struct field *b) {
    if (a == b)
        return true;
    while (a->name != NULL && b->name != NULL && strcmp(a->name, b->name) == 0 && a->type == b->type)
        a++, b++;
    return a->name == NULL && b->name == NULL;
}

/* True: it is there already. */
static bool is_known(struct openapi *o, const char *name, const struct field *fields) {
    for (size_t i = 0; i < o->type_count; i++)
        if (strcmp(o->types[i].name, name) == 0) {
            if (!is_same(o->types[i].fields, fields))
                o->failed = true;
            return true;
        }
    if (o->type_count == OPENAPI_TYPES_MAX) {
        o->failed = true;
        return true;
    }
    o->types[o->type_count].name = name;
    o->types[o->type_count++].fields = fields;
    return false;
}

static void define(struct openapi *o, const char *name, const struct field *fields, const char *help) {
    if (!is_known(o, name, fields))
        openapi_put(o, o->schemas, name, type_schema(o, name, fields, help));
}

json_t *openapi_ref(struct openapi *o, const struct api_group *g, const char *type) {
    return ref(o, openapi_text(o, "%s%s", g->package, type));
}

/* ---- Kubernetes' own ---- */

static void add_gvks(struct openapi *o, json_t *schema, const char *type) {
    json_t *list = json_array();
    openapi_append(o, list, openapi_gvk("", "v1", type));
    openapi_append(o, list, openapi_gvk(RESOURCE_GROUP, RESOURCE_VERSION, type));
    openapi_put(o, schema, "x-kubernetes-group-version-kind", list);
}

/* managedFields is a tree to those who look after objects, but has a form that clients know. */
static void add_managed_fields(struct openapi *o, json_t *schema) {
    json_t *properties = json_object_get(schema, "properties");
    json_t *list = json_pack("{s:s,s:o,s:s,s:b,s:s}", "type", "array", "items",
                             openapi_meta_ref(o, "ManagedFieldsEntry"), "description",
                             "Who set which field; kept for server-side apply. Read-only.", "readOnly", 1,
                             "x-kubernetes-list-type", "atomic");
    openapi_put(o, properties, "managedFields", list);
}

json_t *openapi_meta_ref(struct openapi *o, const char *type) {
    const struct meta_type *t = meta_types;
    while (t->name != NULL && strcmp(t->name, type) != 0)
        t++;
    if (t->name == NULL) {
        o->failed = true;
        return json_object();
    }
    const struct field *fields = t->fields != NULL ? t->fields : resource_metadata_fields;
    const char *name = openapi_text(o, OPENAPI_META "%s", type);
    if (is_known(o, name, fields))
        return ref(o, name);
    json_t *schema = type_schema(o, name, fields, t->help);
    if (t->is_kind)
        add_gvks(o, schema, type);
    if (t->fields == NULL)
        add_managed_fields(o, schema);
    openapi_put(o, o->schemas, name, schema);
    return ref(o, name);
}

/* ---- what is sent by itself ---- */

static void add_text_property(struct openapi *o, json_t *properties, const char *name, const char *text) {
    openapi_put(o, properties, name, json_pack("{s:s,s:s}", "type", "string", "description", text));
}

static void add_meta_property(struct openapi *o, json_t *properties, const char *type, const char *text) {
    json_t *to = openapi_meta_ref(o, type);
    if (o->v3)
        to = json_pack("{s:[o]}", "allOf", to);
    openapi_put(o, to, "description", json_string(text));
    openapi_put(o, properties, "metadata", to);
}

/* apiVersion, kind and metadata (NULL: none) in front of the fields. */
static json_t *sent_schema(struct openapi *o, const struct api_group *g, const char *type, const char *meta,
                           const char *help) {
    json_t *schema = json_pack("{s:s,s:s,s:{}}", "type", "object", "description", help, "properties");
    json_t *properties = json_object_get(schema, "properties"), *gvks = json_array();
    add_text_property(o, properties, "apiVersion",
                      openapi_text(o, "The version of the API: %s/%s.", g->name, g->version));
    add_text_property(o, properties, "kind", openapi_text(o, "The kind of object: %s.", type));
    if (meta != NULL)
        add_meta_property(o, properties, meta,
                          strcmp(meta, "ListMeta") == 0 ? "Of the list." : "Name, labels and the like.");
    openapi_append(o, gvks, openapi_gvk(g->name, g->version, type));
    openapi_put(o, schema, "x-kubernetes-group-version-kind", gvks);
    return schema;
}

static void add_sent(struct openapi *o, const struct api_group *g, const char *type, const char *meta,
                     const struct field *fields, const char *help) {
    const char *name = openapi_text(o, "%s%s", g->package, type);
    if (is_known(o, name, fields)) {
        o->failed = true; /* two kinds, or a kind and a part of another, of one name */
        return;
    }
    json_t *schema = sent_schema(o, g, type, meta, help);
    add_properties(o, schema, name, fields);
    openapi_put(o, o->schemas, name, schema);
}

static void add_list(struct openapi *o, const struct api_group *g, const struct kind *k) {
    const char *type = openapi_text(o, "%sList", k->kind);
    const char *name = openapi_text(o, "%s%s", g->package, type);
    if (is_known(o, name, nothing)) {
        o->failed = true;
        return;
    }
    json_t *schema = sent_schema(o, g, type, "ListMeta",
                                 openapi_text(o, "A list of objects of kind %s.", k->kind));
    openapi_put(o, json_object_get(schema, "properties"), "items",
                json_pack("{s:s,s:s,s:o}", "type", "array", "description", "The objects.", "items",
                          openapi_ref(o, g, k->kind)));
    openapi_put(o, schema, "required", json_pack("[s]", "items"));
    openapi_put(o, o->schemas, name, schema);
}

void openapi_add_schemas(struct openapi *o, const struct api_group *g) {
    for (const struct kind *const *k = g->kinds(); *k != NULL; k++) {
        add_sent(o, g, (*k)->kind, "ObjectMeta", (*k)->fields, (*k)->help);
        if (((*k)->verbs & RESOURCE_LIST) != 0)
            add_list(o, g, *k);
        if (((*k)->verbs & RESOURCE_WATCH) != 0) /* what a list with watch=true is answered with */
            json_decref(openapi_meta_ref(o, "WatchEvent"));
    }
    for (const struct api_type *t = g->types; t != NULL && t->name != NULL; t++)
        add_sent(o, g, t->name, NULL, t->fields, t->help);
}
