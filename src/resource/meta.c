/* ObjectMeta: what clients may say, what the server says, and names. */
#include "resource/fields.h"

enum {
    LABEL_MAX = 63,
    ANNOTATIONS_BYTES_MAX = 256 * 1024,
    FINALIZERS_MAX = 32,
    OWNERS_MAX = 32,
    GENERATED_LEN = 8,
    UID_TEXT_MAX = 40,
};

static const struct field owner_fields[] = {
    { .name = "apiVersion",
      .type = FIELD_STRING,
      .flags = FIELD_REQUIRED,
      .help = "API version of the owner." },
    { .name = "kind", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .help = "Kind of the owner." },
    { .name = "name", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .help = "Name of the owner." },
    { .name = "uid", .type = FIELD_STRING, .flags = FIELD_REQUIRED, .help = "UID of the owner." },
    { .name = "controller",
      .type = FIELD_BOOL,
      .flags = FIELD_OMIT_EMPTY,
      .help = "The owner manages this object." },
    { .name = "blockOwnerDeletion",
      .type = FIELD_BOOL,
      .flags = FIELD_OMIT_EMPTY,
      .help = "The owner cannot be deleted in the foreground before this object is." },
    { .name = NULL },
};
const struct field resource_metadata_fields[] = {
    { .name = "name",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY,
      .help = "Name, unique among objects of the kind. Cannot be changed." },
    { .name = "generateName",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY,
      .help = "Prefix of a name that the server makes when none is given." },
    { .name = "namespace",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY,
      .help = "Namespace, of kinds that have one." },
    { .name = "selfLink",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY | FIELD_READ_ONLY,
      .help = "Not used any more." },
    { .name = "uid",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY | FIELD_READ_ONLY,
      .help = "Unique in time and space." },
    { .name = "resourceVersion",
      .type = FIELD_STRING,
      .flags = FIELD_OMIT_EMPTY | FIELD_READ_ONLY,
      .help = "Version of this object; changes with every write. Opaque." },
    { .name = "generation",
      .type = FIELD_INT,
      .flags = FIELD_OMIT_EMPTY | FIELD_READ_ONLY,
      .help = "Not used here." },
    { .name = "creationTimestamp",
      .type = FIELD_TIME,
      .flags = FIELD_OMIT_EMPTY | FIELD_READ_ONLY,
      .help = "When it was created." },
    { .name = "deletionTimestamp",
      .type = FIELD_TIME,
      .flags = FIELD_OMIT_EMPTY | FIELD_READ_ONLY,
      .help = "Its deletion was asked for; it goes when its finalizers are empty." },
    { .name = "deletionGracePeriodSeconds",
      .type = FIELD_INT,
      .flags = FIELD_OMIT_EMPTY | FIELD_READ_ONLY,
      .help = "Not used here." },
    { .name = "labels",
      .type = FIELD_STRING_MAP,
      .flags = FIELD_OMIT_EMPTY,
      .help = "Keys and values to select objects by." },
    { .name = "annotations",
      .type = FIELD_STRING_MAP,
      .flags = FIELD_OMIT_EMPTY,
      .help = "Keys and values for tools; not selectable." },
    { .name = "ownerReferences",
      .type = FIELD_OBJECTS,
      .flags = FIELD_OMIT_EMPTY,
      .fields = owner_fields,
      .list_type = LIST_MAP,
      .list_key = "uid",
      .max = OWNERS_MAX,
      .help = "Objects this one depends on." },
    { .name = "finalizers",
      .type = FIELD_STRINGS,
      .flags = FIELD_OMIT_EMPTY,
      .list_type = LIST_SET,
      .max = FINALIZERS_MAX,
      .help = "Must be empty before a deleted object goes." },
    { .name = "managedFields",
      .type = FIELD_ANY,
      .flags = FIELD_OMIT_EMPTY | FIELD_READ_ONLY,
      .help = "Who set which field; kept for server-side apply." },
    { .name = NULL },
};

/* ---- names ---- */

static bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || ascii_is_digit(c); }

static bool is_dns_label(struct str s) {
    if (s.len == 0 || !is_lower_alnum(s.ptr[0]) || !is_lower_alnum(s.ptr[s.len - 1]))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (!is_lower_alnum(s.ptr[i]) && s.ptr[i] != '-')
            return false;
    return true;
}

const char *name_problem(struct str name, bool label) {
    if (label)
        return name.len <= LABEL_MAX && is_dns_label(name)
                   ? NULL
                   : "must be a DNS-1123 label: up to 63 lower-case letters, digits or '-', beginning and "
                     "ending with a "
                     "letter or digit";
    struct str rest = name, part;
    bool more = true, good = name.len <= RESOURCE_NAME_MAX;
    while (good && more) {
        more = str_cut(rest, '.', &part, &rest);
        good = is_dns_label(part);
    }
    return good ? NULL
                : "must be a DNS-1123 subdomain: up to 253 lower-case letters, digits, '-' or '.', beginning "
                  "and ending "
                  "with a letter or digit";
}

struct str resource_generate_name(struct arena *a, const struct random *random, struct str prefix) {
    static const char letters[] = "bcdfghjklmnpqrstvwxz2456789"; /* contract 1.2: no vowels, so no words */
    enum { LETTERS = sizeof letters - 1, FAIR = 256 / LETTERS * LETTERS };
    char tail[GENERATED_LEN + 1] = "";
    for (size_t i = 0; i < GENERATED_LEN;) {
        unsigned char raw;
        random_bytes(random, &raw, 1);
        if (raw < FAIR)
            tail[i++] = letters[raw % LETTERS];
    }
    bool has_dash = prefix.len > 0 && prefix.ptr[prefix.len - 1] == '-';
    prefix = str_sub(prefix, 0, RESOURCE_NAME_MAX - GENERATED_LEN - 1);
    return str_of(arena_printf(a, "%.*s%s%s", STR_FMT(prefix), has_dash || prefix.len == 0 ? "" : "-", tail));
}

/* ---- building ---- */

/* A version 4 UUID (RFC 9562). */
static json_t *new_uid(const struct random *random) {
    unsigned char b[16];
    char text[UID_TEXT_MAX];
    random_bytes(random, b, sizeof b);
    b[6] = (unsigned char)((b[6] & 0x0f) | 0x40);
    b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
    (void)snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x",
                   b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
                   b[14], b[15]);
    return json_string(text);
}

static json_t *now_text(const struct clock *clock) {
    char text[TIME_RFC3339_SIZE];
    return json_string(time_rfc3339(clock_now_s(clock), text));
}

static void take(json_t *to, const json_t *from, const char *key) {
    json_t *v = json_object_get(from, key);
    if (v != NULL && !json_is_null(v) && !(json_is_array(v) && json_array_size(v) == 0) &&
        !(json_is_object(v) && json_object_size(v) == 0))
        (void)json_object_set_new(to, key, json_deep_copy(v));
}

/* First in the object, as whoever prints it wants it. That there must be one is checked when the kind had its say. */
static void set_name(const struct resource_env *env, const struct kind *k, const json_t *given, json_t *meta,
                     const struct resource_options *o, struct refusal *r) {
    struct str name = o->force_name.ptr != NULL ? o->force_name : json_get_str(given, "name");
    struct str prefix = json_get_str(given, "generateName");
    if (name.len == 0 && prefix.len == 0)
        prefix = str_of(k->generate_prefix);
    if (name.len == 0 && prefix.len > 0)
        name = resource_generate_name(r->arena, env->random, prefix);
    (void)json_object_set_new(meta, "name", json_of_str(name));
    take(meta, given, "generateName");
}

/* What marks an object as a mirror of the configuration is not for clients to write or to take away. */
static void keep_marks(json_t *meta, const json_t *old) {
    static const char *const marks[] = { RESOURCE_SOURCE_ANNOTATION, RESOURCE_SOURCE_HASH_ANNOTATION };
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        json_t *annotations = json_object_get(meta, "annotations");
        const json_t *was = json_object_get(json_object_get(old, "annotations"), marks[i]);
        (void)json_object_del(annotations, marks[i]);
        if (json_is_string(was)) {
            if (annotations == NULL)
                (void)json_object_set_new(meta, "annotations", json_object());
            (void)json_object_set_new(json_object_get(meta, "annotations"), marks[i], json_deep_copy(was));
        } else if (annotations != NULL && json_object_size(annotations) == 0)
            (void)json_object_del(meta, "annotations");
    }
}

json_t *meta_build(const struct resource_env *env, const struct kind *k, const json_t *given,
                   const json_t *old, const struct resource_options *o, struct refusal *r) {
    static const char *const servers[] = { "uid", "creationTimestamp", "deletionTimestamp", "managedFields" };
    json_t *meta = json_object();
    if (old == NULL)
        set_name(env, k, given, meta, o, r);
    else {
        take(meta, old, "name");
        take(meta, old, "generateName");
    }
    take(meta, old != NULL ? old : given, "namespace");
    const json_t *source = old != NULL ? old : o->trusted ? given : NULL;
    for (size_t i = 0; i < ARRAY_LEN(servers); i++)
        take(meta, source, servers[i]);
    if (o->keep_managed) {
        (void)json_object_del(meta, "managedFields");
        take(meta, given, "managedFields");
    }
    if (json_object_get(meta, "uid") == NULL)
        (void)json_object_set_new(meta, "uid", new_uid(env->random));
    if (json_object_get(meta, "creationTimestamp") == NULL)
        (void)json_object_set_new(meta, "creationTimestamp", now_text(env->clock));
    take(meta, given, "labels");
    take(meta, given, "annotations");
    if (!o->from_configuration)
        keep_marks(meta, old);
    take(meta, given, "ownerReferences");
    take(meta, given, "finalizers");
    return meta;
}

/* ---- checking ---- */

static void check_map(const json_t *map, const char *path, bool values, struct refusal *r) {
    const char *key;
    const json_t *v;
    size_t bytes = 0;
    json_object_foreach((json_t *)(uintptr_t)map, key, v) {
        const char *problem = label_key_problem(str_of(key));
        bytes += strlen(key) + json_string_length(v);
        if (problem == NULL && values)
            problem = label_value_problem(json_str(v));
        if (problem != NULL)
            refuse_field(r, "FieldValueInvalid", path, "Invalid value: \"%.*s\": %s",
                         STR_FMT(str_sub(str_of(key), 0, 100)), problem);
    }
    if (bytes > ANNOTATIONS_BYTES_MAX)
        refuse_field(r, "FieldValueTooLong", path, "Too long: must have at most %d bytes",
                     ANNOTATIONS_BYTES_MAX);
}

static void check_finalizers(const json_t *list, struct refusal *r) {
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct str s = json_str(json_array_get(list, i));
        const char *problem = label_key_problem(s);
        if (problem != NULL)
            refuse_field(r, "FieldValueInvalid", "metadata.finalizers", "Invalid value: \"%.*s\": %s",
                         STR_FMT(str_sub(s, 0, 100)), problem);
    }
    if (json_array_size(list) > FINALIZERS_MAX)
        refuse_field(r, "FieldValueTooLong", "metadata.finalizers", "Too long: must have at most %d items",
                     FINALIZERS_MAX);
}

static void check_owners(const json_t *list, struct refusal *r) {
    for (size_t i = 0; i < json_array_size(list); i++)
        for (const struct field *f = owner_fields; f->name != NULL; f++)
            if ((f->flags & FIELD_REQUIRED) != 0 && json_get_str(json_array_get(list, i), f->name).len == 0)
                refuse_field(r, "FieldValueRequired", "metadata.ownerReferences",
                             "Required value: %s of item %zu", f->name, i);
    if (json_array_size(list) > OWNERS_MAX)
        refuse_field(r, "FieldValueTooLong", "metadata.ownerReferences",
                     "Too long: must have at most %d items", OWNERS_MAX);
}

/* Names of clients are OAuth's, which know capitals and underscores; they must still fit into a path. */
static const char *path_name_problem(struct str name) {
    bool good = name.len > 0 && name.len <= RESOURCE_NAME_MAX && !str_eq(name, STR(".")) &&
                !str_eq(name, STR("..")) && str_is_utf8(name) && !str_has_control(name);
    for (size_t i = 0; good && i < name.len; i++)
        good = name.ptr[i] != '/' && name.ptr[i] != '%';
    return good ? NULL : "must be up to 253 characters without '/' and '%', and neither '.' nor '..'";
}

void meta_check(const struct kind *k, const json_t *object, struct refusal *r) {
    const json_t *meta = object_metadata(object);
    struct str name = json_get_str(meta, "name"), namespace = json_get_str(meta, "namespace");
    const char *problem = k->name_is_free ? path_name_problem(name) : name_problem(name, k->name_is_label);
    if (name.len == 0)
        refuse_field(r, "FieldValueRequired", "metadata.name",
                     "Required value: name or generateName is required");
    else if (problem != NULL)
        refuse_field(r, "FieldValueInvalid", "metadata.name", "Invalid value: \"%.*s\": %s",
                     STR_FMT(str_sub(name, 0, 100)), problem);
    if (k->namespaced && namespace.len == 0)
        refuse_field(r, "FieldValueRequired", "metadata.namespace", "Required value");
    else if (k->namespaced && (problem = name_problem(namespace, true)) != NULL)
        refuse_field(r, "FieldValueInvalid", "metadata.namespace", "Invalid value: \"%.*s\": %s",
                     STR_FMT(str_sub(namespace, 0, 100)), problem);
    else if (!k->namespaced && namespace.len > 0)
        refuse_field(r, "FieldValueForbidden", "metadata.namespace", "Forbidden: not allowed on this type");
    check_map(json_object_get(meta, "labels"), "metadata.labels", true, r);
    check_map(json_object_get(meta, "annotations"), "metadata.annotations", false, r);
    check_finalizers(json_object_get(meta, "finalizers"), r);
    check_owners(json_object_get(meta, "ownerReferences"), r);
}
