#include "kube/value.h"

bool value_depth_within(const json_t *value, size_t levels) {
    const char *key;
    json_t *child;
    size_t i;
    if (!json_is_object(value) && !json_is_array(value))
        return true;
    if (levels == 0)
        return false;
    json_object_foreach(json_iterable(value), key, child) {
        if (!value_depth_within(child, levels - 1))
            return false;
    }
    json_array_foreach(value, i, child) {
        if (!value_depth_within(child, levels - 1))
            return false;
    }
    return true;
}

/* Not by way of a double alone: it holds no more than 53 bits. */
static bool same_number(const json_t *a, const json_t *b) {
    if (json_is_integer(a) && json_is_integer(b))
        return json_integer_value(a) == json_integer_value(b);
    if (json_is_real(a) && json_is_real(b))
        return json_equal(a, b);
    json_int_t whole = json_integer_value(json_is_integer(a) ? a : b);
    double real = json_real_value(json_is_integer(a) ? b : a);
    /* 2^63 is the first double beyond the range; every one below in amount fits. */
    return real >= -9223372036854775808.0 && real < 9223372036854775808.0 && (json_int_t)real == whole &&
           (double)(json_int_t)real >= real && (double)(json_int_t)real <= real;
}

static bool same_objects(const json_t *a, const json_t *b) {
    const char *key;
    size_t len;
    json_t *value;
    if (json_object_size(a) != json_object_size(b))
        return false;
    json_object_keylen_foreach(json_iterable(a), key, len, value) {
        const json_t *other = json_object_getn(b, key, len);
        if (other == NULL || !value_same(value, other))
            return false;
    }
    return true;
}

static bool same_lists(const json_t *a, const json_t *b) {
    if (json_array_size(a) != json_array_size(b))
        return false;
    for (size_t i = 0; i < json_array_size(a); i++)
        if (!value_same(json_array_get(a, i), json_array_get(b, i)))
            return false;
    return true;
}

bool value_same(const json_t *a, const json_t *b) {
    if (json_is_number(a) && json_is_number(b))
        return same_number(a, b);
    if (json_is_object(a) && json_is_object(b))
        return same_objects(a, b);
    if (json_is_array(a) && json_is_array(b))
        return same_lists(a, b);
    return json_equal(a, b) != 0;
}
