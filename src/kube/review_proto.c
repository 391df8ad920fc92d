#include "kube/review_proto.h"

/* Fields by number, as in generated.proto of k8s.io/api; what is not named here is skipped, as protobuf wants it. */
enum proto_type { PROTO_STRING, PROTO_STRINGS, PROTO_MESSAGE, PROTO_MAP };
struct proto_field {
    uint64_t number;
    const char *name; /* in JSON */
    enum proto_type type;
    const struct proto_field *fields; /* of a message */
};

static const struct proto_field resource_attributes[] = {
    { 1, "namespace", PROTO_STRING, NULL }, { 2, "verb", PROTO_STRING, NULL },
    { 3, "group", PROTO_STRING, NULL },     { 4, "version", PROTO_STRING, NULL },
    { 5, "resource", PROTO_STRING, NULL },  { 6, "subresource", PROTO_STRING, NULL },
    { 7, "name", PROTO_STRING, NULL },      { 0 },
};
static const struct proto_field path_attributes[] = {
    { 1, "path", PROTO_STRING, NULL },
    { 2, "verb", PROTO_STRING, NULL },
    { 0 },
};
static const struct proto_field self_access_spec[] = {
    { 1, "resourceAttributes", PROTO_MESSAGE, resource_attributes },
    { 2, "nonResourceAttributes", PROTO_MESSAGE, path_attributes },
    { 0 },
};
static const struct proto_field access_spec[] = {
    { 1, "resourceAttributes", PROTO_MESSAGE, resource_attributes },
    { 2, "nonResourceAttributes", PROTO_MESSAGE, path_attributes },
    { 3, "user", PROTO_STRING, NULL },
    { 4, "groups", PROTO_STRINGS, NULL },
    { 5, "extra", PROTO_MAP, NULL },
    { 6, "uid", PROTO_STRING, NULL },
    { 0 },
};
static const struct proto_field rules_spec[] = { { 1, "namespace", PROTO_STRING, NULL }, { 0 } };
static const struct proto_field no_fields[] = { { 0 } };

static const struct proto_field self_access[] = { { 2, "spec", PROTO_MESSAGE, self_access_spec }, { 0 } };
static const struct proto_field access[] = { { 2, "spec", PROTO_MESSAGE, access_spec }, { 0 } };
static const struct proto_field rules[] = { { 2, "spec", PROTO_MESSAGE, rules_spec }, { 0 } };

static const struct {
    const char *kind;
    const struct proto_field *fields;
} kinds[] = {
    { "SelfSubjectReview", no_fields },
    { "SelfSubjectAccessReview", self_access },
    { "SelfSubjectRulesReview", rules },
    { "SubjectAccessReview", access },
};

/* ---- the wire format ---- */

static enum err_code broken(struct err *err) { return err_set(err, ERR_INVALID, "it is no protobuf"); }

static bool read_varint(struct str *in, uint64_t *ret) {
    *ret = 0;
    for (unsigned shift = 0; in->len > 0 && shift < 64; shift += 7) {
        unsigned char byte = (unsigned char)in->ptr[0];
        *in = str_from(*in, 1);
        *ret |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0)
            return true;
    }
    return false;
}

/* One field. Only those of wire type 2 have a `value` (with a pointer); the others are none of ours. */
static bool read_field(struct str *in, uint64_t *ret_number, struct str *ret_value) {
    uint64_t key, len = 0;
    *ret_value = STR_NULL;
    if (!read_varint(in, &key))
        return false;
    *ret_number = key >> 3;
    switch (key & 7) {
    case 0: return read_varint(in, &len);
    case 1: len = 8; break;
    case 5: len = 4; break;
    case 2:
        if (!read_varint(in, &len) || len > in->len)
            return false;
        *ret_value = str_sub(*in, 0, (size_t)len);
        break;
    default: return false;
    }
    if (len > in->len)
        return false;
    *in = str_from(*in, (size_t)len);
    return true;
}

/* ---- values ---- */

static json_t *text_of(struct str s) { return json_stringn(s.len ? s.ptr : "", s.len); }

static enum err_code put(json_t *object, const char *key, json_t *value, struct err *err) {
    /* jansson takes only UTF-8, and no string of another kind is a name of anything here. */
    return value != NULL && json_object_set_new(object, key, value) == 0 ? ERR_OK : broken(err);
}

static enum err_code append(json_t *object, const char *key, struct str value, struct err *err) {
    if (!json_is_array(json_object_get(object, key)) && put(object, key, json_array(), err) != ERR_OK)
        return ERR_INVALID;
    return json_array_append_new(json_object_get(object, key), text_of(value)) == 0 ? ERR_OK : broken(err);
}

/* map<string, ExtraValue>: an entry has key 1 and value 2, whose items are its field 1. */
static enum err_code add_entry(json_t *object, const char *name, struct str entry, struct err *err) {
    struct str key = STR(""), value = STR_NULL, part;
    uint64_t number;
    json_t *list = json_array(), *map = json_object_get(object, name);
    bool good = list != NULL;
    while (good && entry.len > 0) {
        good = read_field(&entry, &number, &part);
        if (good && number == 1 && part.ptr != NULL)
            key = part;
        else if (good && number == 2)
            value = part;
    }
    while (good && value.len > 0) {
        good = read_field(&value, &number, &part);
        if (good && number == 1 && part.ptr != NULL)
            good = json_array_append_new(list, text_of(part)) == 0;
    }
    if (good && map == NULL)
        good = put(object, name, json_object(), err) == ERR_OK;
    if (!good ||
        json_object_setn(json_object_get(object, name), key.len ? key.ptr : "", key.len, list) != 0) {
        json_decref(list);
        return broken(err);
    }
    json_decref(list);
    return ERR_OK;
}

static const struct proto_field *find(const struct proto_field *fields, uint64_t number) {
    for (; fields->name != NULL; fields++)
        if (fields->number == number)
            return fields;
    return NULL;
}

/* As deep as the tables are. Messages that come twice are merged, as protobuf has it. */
// NOLINTNEXTLINE(misc-no-recursion)
static enum err_code read_message(struct str in, const struct proto_field *fields, json_t *object,
                                  struct err *err) {
    while (in.len > 0) {
        uint64_t number;
        struct str value;
        if (!read_field(&in, &number, &value))
            return broken(err);
        const struct proto_field *f = find(fields, number);
        if (f == NULL || value.ptr == NULL)
            continue;
        enum err_code rc = ERR_OK;
        switch (f->type) {
        case PROTO_STRING: rc = put(object, f->name, text_of(value), err); break;
        case PROTO_STRINGS: rc = append(object, f->name, value, err); break;
        case PROTO_MAP: rc = add_entry(object, f->name, value, err); break;
        case PROTO_MESSAGE:
            if (json_object_get(object, f->name) == NULL)
                rc = put(object, f->name, json_object(), err);
            if (rc == ERR_OK)
                rc = read_message(value, f->fields, json_object_get(object, f->name), err);
            break;
        }
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* ---- the envelope: "k8s\0", then runtime.Unknown ---- */

static enum err_code read_envelope(struct str in, struct str *ret_version, struct str *ret_kind,
                                   struct str *ret_raw, struct err *err) {
    const struct str magic = { "k8s\0", 4 };
    struct str type = STR_NULL, value;
    uint64_t number;
    if (in.len < magic.len || !str_eq(str_sub(in, 0, magic.len), magic))
        return broken(err);
    for (in = str_from(in, magic.len); in.len > 0;) {
        if (!read_field(&in, &number, &value))
            return broken(err);
        if (number == 1)
            type = value;
        else if (number == 2)
            *ret_raw = value;
    }
    while (type.len > 0) {
        if (!read_field(&type, &number, &value))
            return broken(err);
        if (number == 1)
            *ret_version = value;
        else if (number == 2)
            *ret_kind = value;
    }
    return ERR_OK;
}

enum err_code review_from_protobuf(struct str in, json_t **ret, struct err *err) {
    struct str version = STR_NULL, kind = STR_NULL, raw = STR_NULL;
    const struct proto_field *fields = NULL;
    if (in.len > REVIEW_PROTOBUF_MAX)
        return err_set(err, ERR_LIMIT, "it has more than %d bytes", REVIEW_PROTOBUF_MAX);
    enum err_code rc = read_envelope(in, &version, &kind, &raw, err);
    if (rc != ERR_OK)
        return rc;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kind, str_of(kinds[i].kind)))
            fields = kinds[i].fields;
    if (fields == NULL)
        return err_set(err, ERR_INVALID, "there is no kind \"%.*s\" in protobuf here",
                       STR_FMT(str_sub(kind, 0, 64)));
    json_auto_t *review = json_object();
    if (review == NULL)
        return err_set(err, ERR_NOMEM, "a review");
    rc = put(review, "kind", text_of(kind), err);
    if (rc == ERR_OK)
        rc = put(review, "apiVersion", text_of(version), err);
    if (rc == ERR_OK)
        rc = read_message(raw, fields, review, err);
    if (rc == ERR_OK)
        *ret = json_incref(review);
    return rc;
}
