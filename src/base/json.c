#include "tkeauth/base/json.h"

#include <limits.h>

static bool needs_escape(unsigned char c) { return c < 0x20 || c == '"' || c == '\\' || c == 0x7f; }

static void add_escaped(struct strbuf *out, unsigned char c) {
    switch (c) {
    case '"': strbuf_add(out, STR("\\\"")); return;
    case '\\': strbuf_add(out, STR("\\\\")); return;
    case '\n': strbuf_add(out, STR("\\n")); return;
    case '\r': strbuf_add(out, STR("\\r")); return;
    case '\t': strbuf_add(out, STR("\\t")); return;
    default: strbuf_addf(out, "\\u%04x", c);
    }
}

/* Length of the run from `i` that can be copied as it is. */
static size_t plain_run(struct str s, size_t i) {
    size_t start = i;
    while (i < s.len && !needs_escape((unsigned char)s.ptr[i]))
        i++;
    return i - start;
}

static void add_utf8_string(struct strbuf *out, struct str s) {
    for (size_t i = 0; i < s.len;) {
        size_t run = plain_run(s, i);
        strbuf_add(out, str_sub(s, i, run));
        i += run;
        if (i < s.len)
            add_escaped(out, (unsigned char)s.ptr[i++]);
    }
}

void json_add_string(struct strbuf *out, struct str s) {
    strbuf_addc(out, '"');
    if (str_is_utf8(s))
        add_utf8_string(out, s);
    else
        for (size_t i = 0; i < s.len; i++) {
            unsigned char c = (unsigned char)s.ptr[i];
            if (c >= 0x80)
                strbuf_add(out, STR("\xef\xbf\xbd"));
            else
                add_utf8_string(out, str_sub(s, i, 1));
        }
    strbuf_addc(out, '"');
}

void json_key(struct strbuf *out, bool *first, const char *name) {
    if (!*first)
        strbuf_addc(out, ',');
    *first = false;
    strbuf_addc(out, '"');
    strbuf_adds(out, name);
    strbuf_add(out, STR("\":"));
}

void json_field_str(struct strbuf *out, bool *first, const char *name, struct str value) {
    json_key(out, first, name);
    json_add_string(out, value);
}

void json_field_i64(struct strbuf *out, bool *first, const char *name, int64_t value) {
    json_key(out, first, name);
    strbuf_add_i64(out, value);
}

void json_field_bool(struct strbuf *out, bool *first, const char *name, bool value) {
    json_key(out, first, name);
    strbuf_adds(out, value ? "true" : "false");
}

/* jansson's own limit is a compile-time 2048, deep enough to use a thread's stack up in callers that recurse. */
static bool is_too_deep(struct str in) {
    int depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.ptr[i];
        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"')
            quoted = true;
        else if (c == '{' || c == '[') {
            if (++depth > JSON_DEPTH_MAX)
                return true;
        } else if (c == '}' || c == ']')
            depth--;
    }
    return false;
}

enum err_code json_parse(struct str in, json_t **ret, struct err *err) {
    json_error_t problem;
    if (is_too_deep(in))
        return err_set(err, ERR_LIMIT, "JSON more than %d levels deep", JSON_DEPTH_MAX);
    json_t *value = json_loadb(in.len ? in.ptr : "", in.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY,
                               &problem);
    if (value == NULL && json_error_code(&problem) == json_error_out_of_memory)
        return err_set(err, ERR_NOMEM, "JSON");
    if (value == NULL) {
        /* jansson quotes the text ("... near 'xyz'"), which may be a password, and details are logged. */
        char *quote = strstr(problem.text, " near ");
        if (quote != NULL)
            *quote = '\0';
        return err_set(err, ERR_INVALID, "JSON, line %d column %d: %s", problem.line, problem.column,
                       problem.text);
    }
    *ret = value;
    return ERR_OK;
}

static void release(void *value) { json_decref(value); }

enum err_code json_parse_in(struct arena *a, struct str in, json_t **ret, struct err *err) {
    json_t *value = NULL;
    enum err_code rc = json_parse(in, &value, err);
    if (rc != ERR_OK)
        return rc;
    if (!arena_defer(a, release, value))
        return err_set(err, ERR_NOMEM, "JSON");
    *ret = value;
    return ERR_OK;
}

char *json_print(const json_t *value) { return json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY); }

struct str json_get_str(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    return json_is_string(v) ? (struct str) { json_string_value(v), json_string_length(v) } : STR_NULL;
}

int64_t json_get_i64(const json_t *object, const char *key, int64_t fallback) {
    const json_t *v = json_object_get(object, key);
    return json_is_integer(v) ? (int64_t)json_integer_value(v) : fallback;
}

bool json_get_bool(const json_t *object, const char *key, bool fallback) {
    const json_t *v = json_object_get(object, key);
    return json_is_boolean(v) ? json_is_true(v) : fallback;
}

enum err_code json_get_strings(struct arena *a, const json_t *object, const char *key, struct str **ret,
                               size_t *ret_len, struct err *err) {
    const json_t *list = json_object_get(object, key);
    *ret = NULL;
    *ret_len = 0;
    if (list == NULL || json_is_null(list))
        return ERR_OK;
    if (!json_is_array(list))
        return err_set(err, ERR_INVALID, "%s is not a list", key);
    size_t n = json_array_size(list);
    struct str *out = arena_array(a, n ? n : 1, sizeof *out);
    for (size_t i = 0; out != NULL && i < n; i++) {
        const json_t *v = json_array_get(list, i);
        if (!json_is_string(v))
            return err_set(err, ERR_INVALID, "%s[%zu] is not a string", key, i);
        out[i] = arena_str(a, (struct str) { json_string_value(v), json_string_length(v) });
    }
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "%s", key);
    *ret = out;
    *ret_len = n;
    return ERR_OK;
}
