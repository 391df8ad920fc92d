#include "model/codec.h"

static const void *at(const void *p, size_t offset) { return (const unsigned char *)p + offset; }

static bool carries(struct str s) {
    return str_is_utf8(s) && (s.len == 0 || memchr(s.ptr, '\0', s.len) == NULL);
}

/* ---- struct -> JSON ---- */
static enum err_code encode_object(const struct member *members, const void *p, struct strbuf *out,
                                   struct err *err);

static enum err_code encode_str(struct str s, const char *name, struct strbuf *out, struct err *err) {
    if (!carries(s))
        return err_set(err, ERR_INVALID, "%s is not a text that JSON can carry", name);
    json_add_string(out, s);
    return ERR_OK;
}

static enum err_code encode_strs(const struct str_list *list, const char *name, struct strbuf *out,
                                 struct err *err) {
    strbuf_addc(out, '[');
    for (size_t i = 0; i < list->len; i++) {
        if (i > 0)
            strbuf_addc(out, ',');
        enum err_code rc = encode_str(list->items[i], name, out, err);
        if (rc != ERR_OK)
            return rc;
    }
    strbuf_addc(out, ']');
    return ERR_OK;
}

static bool is_present(const struct member *m, const void *p) {
    const void *value = at(p, m->offset);
    switch (m->type) {
    case MEMBER_STR:
    case MEMBER_BLOB: return ((const struct str *)value)->ptr != NULL;
    case MEMBER_STRS: return ((const struct str_list *)value)->len > 0;
    case MEMBER_BOOL: return *(const bool *)value;
    case MEMBER_I64: return *(const int64_t *)value != 0;
    case MEMBER_BYTES: return m->flag == NULL || *(const bool *)at(p, *m->flag);
    case MEMBER_ENUM:
    case MEMBER_IDENTITY: return true;
    }
    return false;
}

static enum err_code encode_member(const struct member *m, const void *value, struct strbuf *out,
                                   struct err *err) {
    switch (m->type) {
    case MEMBER_STR: return encode_str(*(const struct str *)value, m->name, out, err);
    case MEMBER_STRS: return encode_strs(value, m->name, out, err);
    case MEMBER_BOOL: strbuf_adds(out, "true"); return ERR_OK;
    case MEMBER_I64: strbuf_add_i64(out, *(const int64_t *)value); return ERR_OK;
    case MEMBER_ENUM: json_add_string(out, str_of(m->names[*(const int *)value])); return ERR_OK;
    case MEMBER_BYTES:
        strbuf_addc(out, '"');
        base64url_add(out, value, m->size);
        strbuf_addc(out, '"');
        return ERR_OK;
    case MEMBER_BLOB:
        strbuf_addc(out, '"');
        base64url_add(out, ((const struct str *)value)->ptr, ((const struct str *)value)->len);
        strbuf_addc(out, '"');
        return ERR_OK;
    case MEMBER_IDENTITY: return encode_object(identity_members, value, out, err);
    }
    return ERR_OK;
}

static enum err_code encode_object(const struct member *members, const void *p, struct strbuf *out,
                                   struct err *err) {
    bool first = true;
    strbuf_addc(out, '{');
    for (const struct member *m = members; m->name != NULL; m++) {
        if (!is_present(m, p)) {
            if (m->required)
                return err_set(err, ERR_INVALID, "%s is missing", m->name);
            continue;
        }
        json_key(out, &first, m->name);
        enum err_code rc = encode_member(m, at(p, m->offset), out, err);
        if (rc != ERR_OK)
            return rc;
    }
    strbuf_addc(out, '}');
    return ERR_OK;
}

enum err_code model_encode(const struct member *members, const void *p, struct strbuf *out, struct err *err) {
    enum err_code rc = encode_object(members, p, out, err);
    return rc == ERR_OK ? strbuf_check(out, err) : rc;
}

/* ---- JSON -> struct ---- */
static enum err_code decode_object(const struct member *members, struct arena *a, const json_t *object,
                                   void *p, struct err *err);

static enum err_code wrong_type(const struct member *m, const char *want, struct err *err) {
    return err_set(err, ERR_INVALID, "%s is not %s", m->name, want);
}

static enum err_code decode_strs(const struct member *m, struct arena *a, const json_t *object,
                                 struct str_list *out, struct err *err) {
    return json_get_strings(a, object, m->name, &out->items, &out->len, err);
}

static enum err_code decode_enum(const struct member *m, const json_t *v, int *out, struct err *err) {
    for (int i = 0; json_is_string(v) && m->names[i] != NULL; i++) {
        if (strcmp(json_string_value(v), m->names[i]) == 0) {
            *out = i;
            return ERR_OK;
        }
    }
    return wrong_type(m, "one of its names", err);
}

static enum err_code decode_bytes(const struct member *m, const json_t *v, void *p, struct err *err) {
    if (!json_is_string(v))
        return wrong_type(m, "a string", err);
    struct str text = { json_string_value(v), json_string_length(v) };
    enum err_code rc = base64url_decode_exact(text, (unsigned char *)p + m->offset, m->size, err);
    if (rc == ERR_OK && m->flag != NULL)
        *(bool *)((unsigned char *)p + *m->flag) = true;
    return rc == ERR_OK ? ERR_OK
                        : err_set(err, ERR_INVALID, "%s: not %zu bytes in base64url", m->name, m->size);
}

static enum err_code decode_blob(const struct member *m, struct arena *a, const json_t *v, struct str *out,
                                 struct err *err) {
    if (!json_is_string(v))
        return wrong_type(m, "a string", err);
    struct str text = { json_string_value(v), json_string_length(v) };
    AUTO(strbuf_done) struct strbuf bytes = STRBUF(text.len);
    enum err_code rc = base64url_decode(text, &bytes, err);
    if (rc != ERR_OK)
        return err_context(err, "%s", m->name);
    *out = arena_str(a, strbuf_str(&bytes));
    return ERR_OK;
}

static enum err_code decode_member(const struct member *m, struct arena *a, const json_t *object,
                                   const json_t *v, void *p, struct err *err) {
    void *value = (unsigned char *)p + m->offset;
    switch (m->type) {
    case MEMBER_STR:
        if (!json_is_string(v))
            return wrong_type(m, "a string", err);
        *(struct str *)value = arena_str(a, (struct str) { json_string_value(v), json_string_length(v) });
        return ERR_OK;
    case MEMBER_STRS: return decode_strs(m, a, object, value, err);
    case MEMBER_BOOL:
        *(bool *)value = json_is_true(v);
        return json_is_boolean(v) ? ERR_OK : wrong_type(m, "true or false", err);
    case MEMBER_I64:
        *(int64_t *)value = (int64_t)json_integer_value(v);
        return json_is_integer(v) ? ERR_OK : wrong_type(m, "a whole number", err);
    case MEMBER_ENUM: return decode_enum(m, v, value, err);
    case MEMBER_BYTES: return decode_bytes(m, v, p, err);
    case MEMBER_BLOB: return decode_blob(m, a, v, value, err);
    case MEMBER_IDENTITY: return decode_object(identity_members, a, v, value, err);
    }
    return ERR_OK;
}

static enum err_code decode_object(const struct member *members, struct arena *a, const json_t *object,
                                   void *p, struct err *err) {
    if (!json_is_object(object))
        return err_set(err, ERR_INVALID, "not a JSON object");
    for (const struct member *m = members; m->name != NULL; m++) {
        const json_t *v = json_object_get(object, m->name);
        if (v == NULL || json_is_null(v)) {
            if (m->required)
                return err_set(err, ERR_INVALID, "%s is missing", m->name);
            continue;
        }
        enum err_code rc = decode_member(m, a, object, v, p, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

static void decref(json_t **v) { json_decref(*v); }

enum err_code model_decode(const struct member *members, struct arena *a, struct str json, void *p,
                           size_t size, struct err *err) {
    AUTO(decref) json_t *object = NULL;
    memset(p, 0, size);
    enum err_code rc = json_parse(json, &object, err);
    if (rc == ERR_OK)
        rc = decode_object(members, a, object, p, err);
    if (rc == ERR_OK && arena_failed(a))
        rc = err_set(err, ERR_NOMEM, "a decoded object over the memory of its request");
    return rc;
}
