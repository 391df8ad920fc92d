#include "resource/stored_value.h"

bool stored_is_empty(const json_t *value) {
    switch (value != NULL ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT: return json_object_size(value) == 0;
    case JSON_ARRAY: return json_array_size(value) == 0;
    case JSON_STRING: return json_string_length(value) == 0;
    case JSON_INTEGER: return json_integer_value(value) == 0;
    case JSON_REAL:
    case JSON_TRUE: return false;
    case JSON_FALSE:
    case JSON_NULL: return true;
    }
    return false;
}

const struct field *field_named(const struct field *fields, struct str name) {
    for (const struct field *f = fields; f != NULL && f->name != NULL; f++)
        if (str_eq(name, str_of(f->name)) || (f->alias != NULL && str_eq(name, str_of(f->alias))))
            return f;
    return NULL;
}

/* Members that `fields` knows as they are stored, the others as they are. */
static bool members_same(const struct field *fields, const json_t *a, const json_t *b) {
    const char *key;
    size_t len;
    json_t *value;
    json_object_keylen_foreach(json_iterable(a), key, len, value) {
        if (!stored_same(field_named(fields, (struct str) { key, len }), value,
                         json_object_getn(b, key, len)))
            return false;
    }
    json_object_keylen_foreach(json_iterable(b), key, len, value) {
        if (json_object_getn(a, key, len) == NULL &&
            !stored_same(field_named(fields, (struct str) { key, len }), NULL, value))
            return false;
    }
    return true;
}

static bool items_same(const struct field *fields, const json_t *a, const json_t *b) {
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++) {
        const json_t *x = json_array_get(a, i), *y = json_array_get(b, i);
        if (json_is_object(x) && json_is_object(y) ? !members_same(fields, x, y) : !json_equal(x, y))
            return false;
    }
    return true;
}

/* An absent string of a field with a fallback is that. */
static bool is_fallback(const struct field *f, const json_t *v) {
    return f->fallback != NULL && json_is_string(v) && strcmp(json_string_value(v), f->fallback) == 0;
}

bool stored_same(const struct field *f, const json_t *a, const json_t *b) {
    bool a_absent = a == NULL || json_is_null(a), b_absent = b == NULL || json_is_null(b);
    if (a_absent && b_absent)
        return true;
    if (f == NULL || f->type == FIELD_ANY)
        return a != NULL && b != NULL && json_equal(a, b) != 0;
    if (a_absent || b_absent) {
        const json_t *given = a_absent ? b : a;
        return f->fallback != NULL ? is_fallback(f, given) : stored_is_empty(given);
    }
    if (f->type == FIELD_OBJECT && f->fields != NULL && json_is_object(a) && json_is_object(b))
        return members_same(f->fields, a, b);
    if (f->type == FIELD_OBJECTS && f->fields != NULL && json_is_array(a) && json_is_array(b))
        return items_same(f->fields, a, b);
    return json_equal(a, b) != 0;
}
