#include "resource/fields.h"

enum { PATH_MAX_BYTES = 512, SHOWN_MAX = 96 };

/* Where we are, for messages: built only when there is something to say. */
struct place {
    const struct place *parent;
    const char *name; /* NULL: an item of a list */
    size_t index;
};

static void place_print(const struct place *p, struct strbuf *out) {
    if (p == NULL)
        return;
    place_print(p->parent, out);
    if (p->name == NULL)
        strbuf_addf(out, "[%zu]", p->index);
    else
        strbuf_addf(out, "%s%s", out->len > 0 ? "." : "", p->name);
}

#define PLACE_TEXT(var, place)                                                                               \
    AUTO(strbuf_done) struct strbuf var = STRBUF(PATH_MAX_BYTES);                                            \
    place_print((place), &var)

/* ---- decoding ---- */

struct decoder {
    struct unknown_fields *unknown;
    struct refusal *r;
    bool failed; /* out of memory */
};

static const char *type_name(const struct field *f) {
    switch (f->type) {
    case FIELD_STRING:
    case FIELD_BYTES: return "string";
    case FIELD_TIME: return "date-time";
    case FIELD_BOOL: return "boolean";
    case FIELD_INT: return "integer";
    case FIELD_STRINGS: return "array of strings";
    case FIELD_STRING_MAP:
    case FIELD_BYTES_MAP: return "map of strings";
    case FIELD_OBJECT: return "object";
    case FIELD_OBJECTS: return "array of objects";
    case FIELD_ANY: break;
    }
    return "value";
}

static bool is_all_strings(const json_t *v) {
    size_t i;
    const json_t *item;
    const char *key;
    if (json_is_array(v)) {
        json_array_foreach((json_t *)(uintptr_t)v, i, item) {
            if (!json_is_string(item))
                return false;
        }
        return true;
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, item) {
        if (!json_is_string(item))
            return false;
    }
    return json_is_object(v);
}

static bool has_type(const struct field *f, const json_t *v) {
    switch (f->type) {
    case FIELD_STRING:
    case FIELD_TIME:
    case FIELD_BYTES: return json_is_string(v);
    case FIELD_BOOL: return json_is_boolean(v);
    case FIELD_INT: return json_is_integer(v);
    case FIELD_STRINGS: return json_is_array(v) && is_all_strings(v);
    case FIELD_STRING_MAP:
    case FIELD_BYTES_MAP: return json_is_object(v) && is_all_strings(v);
    case FIELD_OBJECT: return json_is_object(v);
    case FIELD_OBJECTS: return json_is_array(v);
    case FIELD_ANY: break;
    }
    return true;
}

static void note_type(struct decoder *d, const struct field *f, const struct place *at) {
    PLACE_TEXT(path, at);
    refuse_field(d->r, "FieldValueTypeInvalid", strbuf_c(&path), "Invalid value: must be of type %s",
                 type_name(f));
}

static void note_unknown(struct decoder *d, const struct place *at) {
    if (d->unknown->len == ARRAY_LEN(d->unknown->items))
        return;
    PLACE_TEXT(path, at);
    const char *copy = arena_strdup(d->r->arena, strbuf_str(&path));
    if (copy != NULL)
        d->unknown->items[d->unknown->len++] = copy;
}

static json_t *decode_object(struct decoder *d, const struct field *fields, const json_t *given,
                             const struct place *at);

static json_t *decode_items(struct decoder *d, const struct field *f, const json_t *v,
                            const struct place *at) {
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(v); i++) {
        const struct place here = { at, NULL, i };
        const json_t *item = json_array_get(v, i);
        if (!json_is_object(item))
            note_type(d, &(struct field) { .type = FIELD_OBJECT }, &here);
        else if (json_array_append_new(list, decode_object(d, f->fields, item, &here)) != 0)
            d->failed = true;
    }
    return list;
}

static json_t *decode_value(struct decoder *d, const struct field *f, const json_t *v,
                            const struct place *at) {
    if (!has_type(f, v)) {
        note_type(d, f, at);
        return NULL;
    }
    if (f->type == FIELD_OBJECT)
        return decode_object(d, f->fields, v, at);
    if (f->type == FIELD_OBJECTS)
        return decode_items(d, f, v, at);
    json_t *copy = json_deep_copy(v);
    d->failed = d->failed || copy == NULL;
    return copy;
}

static const struct field *find_field(const struct field *fields, const char *name) {
    for (const struct field *f = fields; f->name != NULL; f++)
        if (strcmp(f->name, name) == 0 || (f->alias != NULL && strcmp(f->alias, name) == 0))
            return f;
    return NULL;
}

static json_t *decode_object(struct decoder *d, const struct field *fields, const json_t *given,
                             const struct place *at) {
    json_t *object = json_object();
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)given, key, v) {
        const struct field *f = find_field(fields, key);
        const struct place here = { at, f != NULL ? f->name : key, 0 };
        if (f == NULL) {
            note_unknown(d, &here);
            continue;
        }
        json_t *decoded = json_is_null(v) ? NULL : decode_value(d, f, v, &here);
        if (decoded != NULL && json_object_set_new(object, f->name, decoded) != 0)
            d->failed = true;
    }
    return object;
}

json_t *fields_decode(const struct kind *k, const json_t *given, struct unknown_fields *unknown,
                      struct refusal *r) {
    struct decoder d = { .unknown = unknown, .r = r };
    json_t *object = json_object();
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)(uintptr_t)given, key, v) {
        if (strcmp(key, "apiVersion") == 0 || strcmp(key, "kind") == 0 || json_is_null(v))
            continue;
        const bool is_metadata = strcmp(key, "metadata") == 0;
        const struct field whole = { .name = "metadata",
                                     .type = FIELD_OBJECT,
                                     .fields = resource_metadata_fields };
        const struct field *f = is_metadata ? &whole : find_field(k->fields, key);
        const struct place here = { NULL, f != NULL ? f->name : key, 0 };
        if (f == NULL) {
            note_unknown(&d, &here);
            continue;
        }
        json_t *decoded = decode_value(&d, f, v, &here);
        if (decoded != NULL && json_object_set_new(object, f->name, decoded) != 0)
            d.failed = true;
    }
    if (!d.failed)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- completing ---- */

static bool is_empty(const json_t *v) {
    return v == NULL || json_is_null(v) || (json_is_string(v) && json_string_length(v) == 0) ||
           json_is_false(v) || (json_is_integer(v) && json_integer_value(v) == 0) ||
           (json_is_array(v) && json_array_size(v) == 0) || (json_is_object(v) && json_object_size(v) == 0);
}

static json_t *complete_object(const struct field *fields, const json_t *object);

static json_t *empty_of(const struct field *f) {
    switch (f->type) {
    case FIELD_STRING:
    case FIELD_BYTES: return json_string(f->fallback != NULL ? f->fallback : "");
    case FIELD_BOOL: return json_false();
    case FIELD_INT: return json_integer(0);
    case FIELD_OBJECT: return complete_object(f->fields, NULL);
    case FIELD_TIME:
    case FIELD_STRINGS:
    case FIELD_STRING_MAP:
    case FIELD_BYTES_MAP:
    case FIELD_OBJECTS:
    case FIELD_ANY: break;
    }
    return json_null();
}

static json_t *complete_value(const struct field *f, const json_t *v) {
    if (f->type == FIELD_OBJECT)
        return complete_object(f->fields, v);
    if (f->type != FIELD_OBJECTS)
        return json_deep_copy(v);
    json_t *list = json_array();
    for (size_t i = 0; i < json_array_size(v); i++)
        (void)json_array_append_new(list, complete_object(f->fields, json_array_get(v, i)));
    return list;
}

static json_t *complete_object(const struct field *fields, const json_t *object) {
    json_t *out = json_object();
    for (const struct field *f = fields; f->name != NULL; f++) {
        const json_t *v = json_object_get(object, f->name);
        bool empty = is_empty(v);
        if (empty && (f->flags & (FIELD_OMIT_EMPTY | FIELD_WRITE_ONLY)) != 0 && f->fallback == NULL)
            continue;
        (void)json_object_set_new(out, f->name, empty ? empty_of(f) : complete_value(f, v));
    }
    return out;
}

json_t *fields_complete(const struct kind *k, const json_t *object) {
    json_t *out = json_object(), *rest = complete_object(k->fields, object);
    if (out == NULL || rest == NULL ||
        json_object_set(out, "metadata", json_object_get(object, "metadata")) != 0 ||
        json_object_update(out, rest) != 0) {
        json_decref(out);
        out = NULL;
    }
    json_decref(rest);
    return out;
}

/* ---- checking ---- */

static const char *shown(struct refusal *r, const json_t *v) {
    if (json_is_string(v)) {
        struct str s = str_sub(json_str(v), 0, SHOWN_MAX);
        AUTO(strbuf_done) struct strbuf out = STRBUF(8 * SHOWN_MAX);
        json_add_string(&out, s);
        const char *text = arena_strdup(r->arena, strbuf_str(&out));
        return text != NULL ? text : "\"\"";
    }
    char *printed = json_print(v);
    const char *text = printed != NULL ? arena_printf(r->arena, "%.*s", SHOWN_MAX, printed) : NULL;
    free(printed);
    return text != NULL ? text : "?";
}

static void check_choice(const struct field *f, const json_t *v, const struct place *at, struct refusal *r) {
    AUTO(strbuf_done) struct strbuf all = STRBUF(1024);
    for (size_t i = 0; f->choices[i] != NULL; i++) {
        if (str_eq(json_str(v), str_of(f->choices[i])))
            return;
        strbuf_addf(&all, "%s\"%s\"", i ? ", " : "", f->choices[i]);
    }
    PLACE_TEXT(path, at);
    refuse_field(r, "FieldValueNotSupported", strbuf_c(&path), "Unsupported value: %s: supported values: %s",
                 shown(r, v), strbuf_c(&all));
}

static int64_t size_of(const struct field *f, const json_t *v) {
    switch (f->type) {
    case FIELD_STRING:
    case FIELD_BYTES:
    case FIELD_TIME: return (int64_t)json_string_length(v);
    case FIELD_INT: return json_integer_value(v);
    case FIELD_STRINGS:
    case FIELD_OBJECTS: return (int64_t)json_array_size(v);
    case FIELD_STRING_MAP:
    case FIELD_BYTES_MAP:
    case FIELD_OBJECT: return (int64_t)json_object_size(v);
    case FIELD_BOOL:
    case FIELD_ANY: break;
    }
    return 0;
}

static void check_size(const struct field *f, const json_t *v, const struct place *at, struct refusal *r) {
    if (f->min == 0 && f->max == 0)
        return;
    int64_t size = size_of(f, v);
    if (size >= f->min && size <= f->max)
        return;
    const char *unit = f->type == FIELD_INT ? "" : json_is_string(v) ? " bytes" : " items";
    PLACE_TEXT(path, at);
    if (size > f->max && f->type != FIELD_INT)
        refuse_field(r, "FieldValueTooLong", strbuf_c(&path), "Too long: must have at most %lld%s",
                     (long long)f->max, unit);
    else
        refuse_field(
            r, "FieldValueInvalid", strbuf_c(&path), "Invalid value: %s: must be within %lld and %lld%s",
            f->flags & FIELD_WRITE_ONLY ? "***" : shown(r, v), (long long)f->min, (long long)f->max, unit);
}

static bool is_base64(const json_t *v) {
    AUTO(strbuf_wipe_done) struct strbuf bytes = STRBUF(RESOURCE_BODY_MAX);
    struct err ignored;
    return base64_decode(json_str(v), &bytes, &ignored) == ERR_OK;
}

static bool are_all_base64(const json_t *map) {
    const char *key;
    const json_t *v;
    json_object_foreach((json_t *)(uintptr_t)map, key, v) {
        if (!is_base64(v))
            return false;
    }
    return true;
}

static const char *form_problem(const struct field *f, const json_t *v) {
    struct err ignored;
    int64_t seconds;
    if (f->type == FIELD_TIME && time_parse_rfc3339(json_str(v), &seconds, &ignored) != ERR_OK)
        return "must be a time in UTC as RFC 3339 has it, for example 2006-01-02T15:04:05Z";
    if (f->type == FIELD_BYTES && !is_base64(v))
        return "must be base64 with padding";
    if (f->type == FIELD_BYTES_MAP && !are_all_base64(v))
        return "every value must be base64 with padding";
    return f->check != NULL ? f->check(v) : NULL;
}

static void check_object(const struct field *fields, const json_t *object, const json_t *old, bool creating,
                         const struct place *at, struct refusal *r);

static void check_value(const struct field *f, const json_t *v, const json_t *old, bool creating,
                        const struct place *at, struct refusal *r) {
    check_size(f, v, at, r);
    if (f->choices != NULL)
        check_choice(f, v, at, r);
    const char *problem = form_problem(f, v);
    if (problem != NULL) {
        PLACE_TEXT(path, at);
        refuse_field(r, "FieldValueInvalid", strbuf_c(&path), "Invalid value: %s: %s",
                     f->flags & FIELD_WRITE_ONLY ? "***" : shown(r, v), problem);
    }
    if (f->type == FIELD_OBJECT)
        check_object(f->fields, v, old, creating, at, r);
    for (size_t i = 0; f->type == FIELD_OBJECTS && i < json_array_size(v); i++) {
        const struct place here = { at, NULL, i };
        check_object(f->fields, json_array_get(v, i), NULL, true, &here, r);
    }
}

static void check_object(const struct field *fields, const json_t *object, const json_t *old, bool creating,
                         const struct place *at, struct refusal *r) {
    for (const struct field *f = fields; f->name != NULL; f++) {
        const struct place here = { at, f->name, 0 };
        const json_t *v = json_object_get(object, f->name), *was = json_object_get(old, f->name);
        if (!creating && (f->flags & FIELD_IMMUTABLE) != 0 && !json_equal(v, was) &&
            !(is_empty(v) && is_empty(was))) {
            PLACE_TEXT(path, &here);
            refuse_field(r, "FieldValueInvalid", strbuf_c(&path), "Invalid value: %s: field is immutable",
                         shown(r, v));
        }
        if (!is_empty(v) || f->type == FIELD_OBJECT)
            check_value(f, v, was, creating, &here, r);
        else if ((f->flags & FIELD_REQUIRED) != 0) {
            PLACE_TEXT(path, &here);
            refuse_field(r, "FieldValueRequired", strbuf_c(&path), "Required value");
        }
    }
}

void fields_check(const struct kind *k, const json_t *object, const json_t *old, struct refusal *r) {
    check_object(k->fields, object, old, old == NULL, NULL, r);
}

/* ---- write-only ---- */

static void strip(const struct field *fields, json_t *object) {
    for (const struct field *f = fields; f->name != NULL; f++) {
        json_t *v = json_object_get(object, f->name);
        if ((f->flags & FIELD_WRITE_ONLY) != 0)
            (void)json_object_del(object, f->name);
        else if (f->type == FIELD_OBJECT && v != NULL)
            strip(f->fields, v);
    }
}

void fields_strip_write_only(const struct kind *k, json_t *object) { strip(k->fields, object); }
