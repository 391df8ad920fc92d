#include "jose/flat_json.h"

enum { DIGITS_MAX = 15 }; /* any number of so many digits is exact in every type */

static bool skip(struct str *in, char c) {
    if (in->len == 0 || in->ptr[0] != c)
        return false;
    *in = str_from(*in, 1);
    return true;
}

static bool skip_word(struct str *in, struct str word) {
    if (!str_starts_with(*in, word))
        return false;
    *in = str_from(*in, word.len);
    return true;
}

/* The text between quotes, with nothing in it that means more than itself. */
static bool read_plain(struct str *in, struct str *ret) {
    if (!skip(in, '"'))
        return false;
    size_t len = 0;
    while (len < in->len && in->ptr[len] >= ' ' && in->ptr[len] < 0x7f && in->ptr[len] != '"' &&
           in->ptr[len] != '\\')
        len++;
    *ret = str_sub(*in, 0, len);
    *in = str_from(*in, len);
    return skip(in, '"');
}

static json_t *read_string(struct str *in) {
    struct str text;
    return read_plain(in, &text) ? json_stringn_nocheck(text.ptr, text.len) : NULL;
}

static json_t *read_number(struct str *in) {
    json_int_t number = 0;
    size_t len = 0;
    while (len < in->len && len < DIGITS_MAX && ascii_is_digit(in->ptr[len]))
        number = number * 10 + (in->ptr[len++] - '0');
    if (len == 0 || (len > 1 && in->ptr[0] == '0'))
        return NULL;
    *in = str_from(*in, len); /* a fraction, an exponent or more digits then are no comma */
    return json_integer(number);
}

static json_t *read_list(struct str *in) {
    json_auto_t *list = json_array();
    *in = str_from(*in, 1);
    if (list == NULL || skip(in, ']'))
        return STEAL(list);
    do {
        if (json_array_append_new(list, read_string(in)) != 0) /* refuses NULL */
            return NULL;
    } while (skip(in, ','));
    return skip(in, ']') ? STEAL(list) : NULL;
}

static json_t *read_value(struct str *in) {
    switch (in->len > 0 ? in->ptr[0] : '\0') {
    case '"': return read_string(in);
    case '[': return read_list(in);
    case 't': return skip_word(in, STR("true")) ? json_true() : NULL;
    case 'f': return skip_word(in, STR("false")) ? json_false() : NULL;
    default: return read_number(in);
    }
}

static bool read_member(struct str *in, json_t *object) {
    struct str key;
    if (!read_plain(in, &key) || !skip(in, ':') || json_object_getn(object, key.ptr, key.len) != NULL)
        return false;
    return json_object_setn_new_nocheck(object, key.ptr, key.len, read_value(in)) == 0; /* refuses NULL */
}

bool flat_json_parse(struct str in, json_t **ret) {
    json_auto_t *object = json_object();
    if (object == NULL || !skip(&in, '{'))
        return false;
    if (!skip(&in, '}')) {
        do {
            if (!read_member(&in, object))
                return false;
        } while (skip(&in, ','));
        if (!skip(&in, '}'))
            return false;
    }
    if (in.len != 0)
        return false;
    *ret = STEAL(object);
    return true;
}
