/* Field selectors, as k8s.io/apimachinery reads them. */
#include "kube/selector.h"

enum { QUOTED_MAX = 64 };

/* The part up to the next comma that no backslash escapes. */
static struct str next_part(struct str *rest) {
    size_t len = 0;
    while (len < rest->len && rest->ptr[len] != ',')
        len += rest->ptr[len] == '\\' && len + 1 < rest->len ? 2 : 1;
    struct str part = str_sub(*rest, 0, len);
    *rest = str_from(*rest, len + 1);
    return part;
}

static enum err_code unescape(struct arena *a, struct str s, struct str *ret, struct err *err) {
    char *out = arena_alloc(a, s.len + 1);
    size_t len = 0;
    if (out == NULL)
        return err_set(err, ERR_NOMEM, "a selector");
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == ',' || c == '=')
            return err_set(err, ERR_INVALID, "invalid field selector: unescaped character in value: %c", c);
        if (c == '\\') {
            c = ++i < s.len ? s.ptr[i] : '\0';
            if (c != '\\' && c != ',' && c != '=')
                return err_set(err, ERR_INVALID, "invalid field selector: invalid escape sequence: \\%.*s",
                               STR_FMT(str_sub(s, i, 1)));
        }
        out[len++] = c;
    }
    *ret = (struct str) { out, len };
    return ERR_OK;
}

/* Cuts "path=value" at its first operator; false: there is none. */
static bool cut_term(struct str part, struct selector_term *term, struct str *value) {
    for (size_t i = 0; i < part.len; i++) {
        struct str rest = str_from(part, i);
        size_t len = str_starts_with(rest, STR("!=")) || str_starts_with(rest, STR("==")) ? 2
                     : rest.ptr[0] == '='                                                 ? 1
                                                                                          : 0;
        if (len == 0)
            continue;
        term->key = str_sub(part, 0, i);
        term->op = rest.ptr[0] == '!' ? SELECTOR_NOT_EQUALS : SELECTOR_EQUALS;
        *value = str_from(rest, len);
        return true;
    }
    return false;
}

static enum err_code parse_term(struct arena *a, struct str part, struct selector_term *term,
                                struct err *err) {
    struct str raw;
    struct str *value = arena_array(a, 1, sizeof *value);
    if (value == NULL)
        return err_set(err, ERR_NOMEM, "a selector");
    if (!cut_term(part, term, &raw)) {
        part = str_sub(part, 0, QUOTED_MAX);
        return err_set(err, ERR_INVALID, "invalid selector: can't understand '%.*s'", STR_FMT(part));
    }
    term->values = value;
    term->len = 1;
    return unescape(a, raw, value, err);
}

enum err_code field_selector_parse(struct arena *a, struct str text, struct selector *ret, struct err *err) {
    if (text.len > SELECTOR_BYTES_MAX)
        return err_set(err, ERR_LIMIT, "a selector of more than %d bytes", SELECTOR_BYTES_MAX);
    text = arena_str(a, text);
    struct selector_term *terms = arena_array(a, SELECTOR_TERMS_MAX, sizeof *terms);
    size_t len = 0;
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "a selector");
    while (text.len > 0) {
        struct str part = next_part(&text);
        if (part.len == 0)
            continue;
        if (len == SELECTOR_TERMS_MAX)
            return err_set(err, ERR_LIMIT, "a selector of more than %d terms", SELECTOR_TERMS_MAX);
        enum err_code rc = parse_term(a, part, &terms[len++], err);
        if (rc != ERR_OK)
            return rc;
    }
    *ret = (struct selector) { terms, len };
    return ERR_OK;
}

/* ---- matching ---- */
static const json_t *find_field(const json_t *object, struct str path) {
    struct str name;
    for (bool more = true; more && object != NULL;) {
        more = str_cut(path, '.', &name, &path);
        object = json_object_getn(object, name.ptr, name.len);
    }
    return object;
}

static bool field_is(const json_t *field, struct str value) {
    char digits[32];
    if (json_is_string(field))
        return str_eq((struct str) { json_string_value(field), json_string_length(field) }, value);
    if (json_is_boolean(field))
        return str_eq(json_is_true(field) ? STR("true") : STR("false"), value);
    if (json_is_integer(field)) {
        int len = snprintf(digits, sizeof digits, "%" JSON_INTEGER_FORMAT, json_integer_value(field));
        return len > 0 && str_eq((struct str) { digits, (size_t)len }, value);
    }
    return value.len == 0;
}

bool field_selector_matches(const struct selector *s, const json_t *object) {
    for (size_t i = 0; i < s->len; i++) {
        const struct selector_term *t = &s->terms[i];
        if (field_is(find_field(object, t->key), t->values[0]) != (t->op == SELECTOR_EQUALS))
            return false;
    }
    return true;
}

/* ---- looking at a selector ---- */
static bool is_listed(const char *const *names, struct str name) {
    for (; *names != NULL; names++)
        if (str_eq(name, str_of(*names)))
            return true;
    return false;
}

enum err_code field_selector_check(const struct selector *s, const char *const *paths, struct err *err) {
    for (size_t i = 0; i < s->len; i++) {
        struct str path = s->terms[i].key;
        if (!is_listed(paths, path))
            return err_set(err, ERR_INVALID, "field label not supported: %.*s",
                           STR_FMT(str_sub(path, 0, QUOTED_MAX)));
    }
    return ERR_OK;
}

bool field_selector_split(struct arena *a, const struct selector *s, const char *const *names,
                          struct selector *ret_named, struct selector *ret_rest) {
    struct selector_term *named = arena_array(a, s->len + 1, sizeof *named);
    struct selector_term *rest = arena_array(a, s->len + 1, sizeof *rest);
    size_t named_len = 0, rest_len = 0;
    if (named == NULL || rest == NULL)
        return false;
    for (size_t i = 0; i < s->len; i++) {
        if (is_listed(names, s->terms[i].key))
            named[named_len++] = s->terms[i];
        else
            rest[rest_len++] = s->terms[i];
    }
    *ret_named = (struct selector) { named, named_len };
    *ret_rest = (struct selector) { rest, rest_len };
    return true;
}

bool field_selector_requires(const struct selector *s, struct str path, struct str *ret_value) {
    const struct selector_term *found = NULL;
    for (size_t i = 0; i < s->len; i++) {
        const struct selector_term *t = &s->terms[i];
        if (t->op != SELECTOR_EQUALS || !str_eq(t->key, path))
            continue;
        if (found != NULL)
            return false;
        found = t;
    }
    if (found != NULL)
        *ret_value = found->values[0];
    return found != NULL;
}
