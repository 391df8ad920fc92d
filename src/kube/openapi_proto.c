#include "kube/openapi_proto.h"

#include <stdlib.h>

/* The JSON document and the messages have the same members, but for a few messages in between that stand for JSON's "either this or that"; they
 * are the `through` of a field. Only what our documents have is here. */
enum proto_form {
    PROTO_STRING,
    PROTO_BOOL,
    PROTO_INT,
    PROTO_DOUBLE,
    PROTO_STRINGS, /* repeated string; a lone string counts as a list of one */
    PROTO_ANY,     /* message Any, which holds YAML, of which JSON is a part */
    PROTO_ANYS,    /* repeated */
    PROTO_MESSAGE,
    PROTO_PARAMETERS, /* of an operation or a path */
    PROTO_SECURITY,
};
enum { THROUGH_MAX = 3 };

struct message;
struct proto_field {
    const char *json; /* NULL: every other member; they become (name, value) pairs */
    unsigned number;
    enum proto_form form;
    const struct message *message;     /* of PROTO_MESSAGE */
    unsigned through[THROUGH_MAX + 1]; /* field numbers of the messages in between; ends with 0 */
};
struct message {
    const struct proto_field *fields; /* ends with number 0 */
    unsigned extensions;              /* where members that begin with "x-" go; 0: there are none */
};
/* All messages of (name, value) pairs; those that only hold strings; Any. */
enum { PAIR_NAME = 1, PAIR_VALUE = 2, STRINGS_VALUE = 1, ANY_YAML = 2 };
/* ParametersItem -> Parameter -> BodyParameter, or -> NonBodyParameter -> the parameter of its place */
enum { ITEM_PARAMETER = 1, PARAMETER_BODY = 1, PARAMETER_OTHER = 2, OTHER_QUERY = 3, OTHER_PATH = 4 };
enum { REQUIREMENT_PAIRS = 1 };

static const struct message schema, schemas;
static const struct proto_field schema_fields[] = {
    { "$ref", 1, PROTO_STRING, NULL, { 0 } },
    { "format", 2, PROTO_STRING, NULL, { 0 } },
    { "description", 4, PROTO_STRING, NULL, { 0 } },
    { "default", 5, PROTO_ANY, NULL, { 0 } },
    { "maximum", 7, PROTO_DOUBLE, NULL, { 0 } },
    { "minimum", 9, PROTO_DOUBLE, NULL, { 0 } },
    { "maxLength", 11, PROTO_INT, NULL, { 0 } },
    { "maxItems", 14, PROTO_INT, NULL, { 0 } },
    { "minItems", 15, PROTO_INT, NULL, { 0 } },
    { "maxProperties", 17, PROTO_INT, NULL, { 0 } },
    { "required", 19, PROTO_STRINGS, NULL, { 0 } },
    { "enum", 20, PROTO_ANYS, NULL, { 0 } },
    { "additionalProperties", 21, PROTO_MESSAGE, &schema, { 1 } }, /* AdditionalPropertiesItem */
    { "type", 22, PROTO_STRINGS, NULL, { STRINGS_VALUE } },        /* TypeItem */
    { "items", 23, PROTO_MESSAGE, &schema, { 1 } },                /* ItemsItem */
    { "properties", 25, PROTO_MESSAGE, &schemas, { 0 } },
    { "readOnly", 27, PROTO_BOOL, NULL, { 0 } },
    { .number = 0 },
};
static const struct message schema = { schema_fields, 31 };
static const struct proto_field schemas_fields[] = {
    { NULL, 1, PROTO_MESSAGE, &schema, { PAIR_VALUE } }, /* NamedSchema */
    { .number = 0 },
};
static const struct message schemas = { schemas_fields, 0 };

static const struct proto_field body_fields[] = {
    { "description", 1, PROTO_STRING, NULL, { 0 } }, { "name", 2, PROTO_STRING, NULL, { 0 } },
    { "in", 3, PROTO_STRING, NULL, { 0 } },          { "required", 4, PROTO_BOOL, NULL, { 0 } },
    { "schema", 5, PROTO_MESSAGE, &schema, { 0 } },  { .number = 0 },
};
static const struct proto_field query_fields[] = {
    { "required", 1, PROTO_BOOL, NULL, { 0 } },
    { "in", 2, PROTO_STRING, NULL, { 0 } },
    { "description", 3, PROTO_STRING, NULL, { 0 } },
    { "name", 4, PROTO_STRING, NULL, { 0 } },
    { "type", 6, PROTO_STRING, NULL, { 0 } },
    { "uniqueItems", 20, PROTO_BOOL, NULL, { 0 } },
    { .number = 0 },
};
static const struct proto_field path_parameter_fields[] = {
    { "required", 1, PROTO_BOOL, NULL, { 0 } },
    { "in", 2, PROTO_STRING, NULL, { 0 } },
    { "description", 3, PROTO_STRING, NULL, { 0 } },
    { "name", 4, PROTO_STRING, NULL, { 0 } },
    { "type", 5, PROTO_STRING, NULL, { 0 } },
    { "uniqueItems", 19, PROTO_BOOL, NULL, { 0 } },
    { .number = 0 },
};
/* What PROTO_PARAMETERS chooses from. */
static const struct {
    const char *in;
    struct message message;
    unsigned through[THROUGH_MAX + 1];
} parameter_places[] = {
    { "body", { body_fields, 6 }, { ITEM_PARAMETER, PARAMETER_BODY } },
    { "query", { query_fields, 23 }, { ITEM_PARAMETER, PARAMETER_OTHER, OTHER_QUERY } },
    { "path", { path_parameter_fields, 22 }, { ITEM_PARAMETER, PARAMETER_OTHER, OTHER_PATH } },
};

static const struct proto_field response_fields[] = {
    { "description", 1, PROTO_STRING, NULL, { 0 } },
    { "schema", 2, PROTO_MESSAGE, &schema, { 1 } }, /* SchemaItem */
    { .number = 0 },
};
static const struct message response = { response_fields, 5 };
static const struct proto_field responses_fields[] = {
    { NULL, 1, PROTO_MESSAGE, &response, { PAIR_VALUE, 1 } }, /* NamedResponseValue -> ResponseValue */
    { .number = 0 },
};
static const struct message responses = { responses_fields, 2 };

static const struct proto_field operation_fields[] = {
    { "tags", 1, PROTO_STRINGS, NULL, { 0 } },
    { "description", 3, PROTO_STRING, NULL, { 0 } },
    { "operationId", 5, PROTO_STRING, NULL, { 0 } },
    { "produces", 6, PROTO_STRINGS, NULL, { 0 } },
    { "consumes", 7, PROTO_STRINGS, NULL, { 0 } },
    { "parameters", 8, PROTO_PARAMETERS, NULL, { 0 } },
    { "responses", 9, PROTO_MESSAGE, &responses, { 0 } },
    { .number = 0 },
};
static const struct message operation = { operation_fields, 13 };
static const struct proto_field path_item_fields[] = {
    { "get", 2, PROTO_MESSAGE, &operation, { 0 } },
    { "put", 3, PROTO_MESSAGE, &operation, { 0 } },
    { "post", 4, PROTO_MESSAGE, &operation, { 0 } },
    { "delete", 5, PROTO_MESSAGE, &operation, { 0 } },
    { "patch", 8, PROTO_MESSAGE, &operation, { 0 } },
    { "parameters", 9, PROTO_PARAMETERS, NULL, { 0 } },
    { .number = 0 },
};
static const struct message path_item = { path_item_fields, 10 };
static const struct proto_field paths_fields[] = {
    { NULL, 2, PROTO_MESSAGE, &path_item, { PAIR_VALUE } }, /* NamedPathItem */
    { .number = 0 },
};
static const struct message paths = { paths_fields, 1 };

static const struct proto_field key_security_fields[] = {
    { "type", 1, PROTO_STRING, NULL, { 0 } },
    { "name", 2, PROTO_STRING, NULL, { 0 } },
    { "in", 3, PROTO_STRING, NULL, { 0 } },
    { "description", 4, PROTO_STRING, NULL, { 0 } },
    { .number = 0 },
};
static const struct message key_security = { key_security_fields, 5 };
static const struct proto_field securities_fields[] = {
    { NULL,
      1,
      PROTO_MESSAGE,
      &key_security,
      { PAIR_VALUE, 2 } }, /* NamedSecurityDefinitionsItem -> ...Item */
    { .number = 0 },
};
static const struct message securities = { securities_fields, 0 };

static const struct proto_field info_fields[] = {
    { "title", 1, PROTO_STRING, NULL, { 0 } },
    { "version", 2, PROTO_STRING, NULL, { 0 } },
    { "description", 3, PROTO_STRING, NULL, { 0 } },
    { .number = 0 },
};
static const struct message info = { info_fields, 7 };
static const struct proto_field document_fields[] = {
    { "swagger", 1, PROTO_STRING, NULL, { 0 } },
    { "info", 2, PROTO_MESSAGE, &info, { 0 } },
    { "paths", 8, PROTO_MESSAGE, &paths, { 0 } },
    { "definitions", 9, PROTO_MESSAGE, &schemas, { 0 } },
    { "security", 12, PROTO_SECURITY, NULL, { 0 } },
    { "securityDefinitions", 13, PROTO_MESSAGE, &securities, { 0 } },
    { .number = 0 },
};
static const struct message document = { document_fields, 16 };

/* ---- the wire (protobuf's encoding: varints, and bytes with their length in front) ---- */

enum { WIRE_VARINT = 0, WIRE_DOUBLE = 1, WIRE_BYTES = 2 };

struct writer {
    struct strbuf *out;
    struct err *err;
    bool failed;
};

static void add_varint(struct writer *w, uint64_t n) {
    for (; n >= 0x80; n >>= 7)
        strbuf_addc(w->out, (char)(n | 0x80));
    strbuf_addc(w->out, (char)n);
}

static void add_tag(struct writer *w, unsigned number, unsigned wire) { add_varint(w, number << 3 | wire); }

static void add_bytes(struct writer *w, unsigned number, struct str bytes) {
    add_tag(w, number, WIRE_BYTES);
    add_varint(w, bytes.len);
    strbuf_add(w->out, bytes);
}

static void add_text(struct writer *w, unsigned number, const char *text) {
    add_bytes(w, number, str_of(text));
}

static void add_double(struct writer *w, unsigned number, double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_tag(w, number, WIRE_DOUBLE);
    for (int shift = 0; shift < 64; shift += 8)
        strbuf_addc(w->out, (char)(bits >> shift));
}

static void fail(struct writer *w, enum err_code code, const char *what) {
    if (!w->failed)
        (void)err_set(w->err, code, "OpenAPI as protobuf: %s", what);
    w->failed = true;
}

/* A message's length stands in front of it, so it is made beside. */
struct part {
    struct strbuf buf, *outer;
};

static struct part *part_begin(struct writer *w, struct part *p) {
    *p = (struct part) { STRBUF(w->out->max), w->out };
    w->out = &p->buf;
    return p;
}

static void part_end(struct writer *w, unsigned number, struct part *p) {
    w->out = p->outer;
    if (p->buf.failed)
        fail(w, ERR_LIMIT, "too large, or no memory");
    add_bytes(w, number, strbuf_str(&p->buf));
    strbuf_done(&p->buf);
}

static void add_members(struct writer *w, const struct message *m, const json_t *object);

static void add_any(struct writer *w, unsigned number, const json_t *value) {
    struct part any;
    char *yaml = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (yaml == NULL) {
        fail(w, ERR_NOMEM, "no memory");
        return;
    }
    (void)part_begin(w, &any);
    add_text(w, ANY_YAML, yaml);
    part_end(w, number, &any);
    free(yaml);
}

static void add_extension(struct writer *w, unsigned number, const char *name, const json_t *value) {
    struct part pair;
    (void)part_begin(w, &pair);
    add_text(w, PAIR_NAME, name);
    add_any(w, PAIR_VALUE, value);
    part_end(w, number, &pair);
}

/* A message within those it is reached through. `name`: the first of them is a pair, and this its name; NULL: it is none. */
static void add_message(struct writer *w, unsigned number, const unsigned *through, const char *name,
                        const struct message *m, const json_t *object) {
    struct part part;
    (void)part_begin(w, &part);
    if (name != NULL)
        add_text(w, PAIR_NAME, name);
    if (through[0] != 0)
        add_message(w, through[0], through + 1, NULL, m, object);
    else
        add_members(w, m, object);
    part_end(w, number, &part);
}

static void add_strings(struct writer *w, unsigned number, const unsigned *through, const json_t *value) {
    if (through[0] != 0) {
        struct part part;
        (void)part_begin(w, &part);
        add_strings(w, through[0], through + 1, value);
        part_end(w, number, &part);
        return;
    }
    if (json_is_string(value))
        add_text(w, number, json_string_value(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        add_text(w, number, json_string_value(json_array_get(value, i)));
}

static void add_parameter(struct writer *w, unsigned number, const json_t *value) {
    struct str in = json_get_str(value, "in");
    for (size_t i = 0; i < ARRAY_LEN(parameter_places); i++)
        if (str_eq(in, str_of(parameter_places[i].in))) {
            add_message(w, number, parameter_places[i].through, NULL, &parameter_places[i].message, value);
            return;
        }
    fail(w, ERR_INTERNAL, "a parameter in an unknown place");
}

/* {"BearerToken":[]} */
static void add_requirement(struct writer *w, unsigned number, const json_t *value) {
    static const unsigned value_strings[] = { STRINGS_VALUE, 0 };
    const char *name;
    const json_t *scopes;
    struct part requirement, pair;
    (void)part_begin(w, &requirement);
    json_object_foreach((json_t *)(uintptr_t)value, name, scopes) {
        (void)part_begin(w, &pair);
        add_text(w, PAIR_NAME, name);
        add_strings(w, PAIR_VALUE, value_strings, scopes);
        part_end(w, REQUIREMENT_PAIRS, &pair);
    }
    part_end(w, number, &requirement);
}

static void add_items(struct writer *w, const struct proto_field *f, const json_t *list,
                      void (*add)(struct writer *w, unsigned number, const json_t *value)) {
    for (size_t i = 0; i < json_array_size(list); i++)
        add(w, f->number, json_array_get(list, i));
}

static void add_value(struct writer *w, const struct proto_field *f, const char *name, const json_t *value) {
    switch (f->form) {
    case PROTO_STRING: add_text(w, f->number, json_string_value(value)); break;
    case PROTO_BOOL:
        add_tag(w, f->number, WIRE_VARINT);
        add_varint(w, json_is_true(value));
        break;
    case PROTO_INT:
        add_tag(w, f->number, WIRE_VARINT);
        add_varint(w, (uint64_t)json_integer_value(value));
        break;
    case PROTO_DOUBLE: add_double(w, f->number, json_number_value(value)); break;
    case PROTO_STRINGS: add_strings(w, f->number, f->through, value); break;
    case PROTO_ANY: add_any(w, f->number, value); break;
    case PROTO_ANYS: add_items(w, f, value, add_any); break;
    case PROTO_MESSAGE:
        add_message(w, f->number, f->through, f->json == NULL ? name : NULL, f->message, value);
        break;
    case PROTO_PARAMETERS: add_items(w, f, value, add_parameter); break;
    case PROTO_SECURITY: add_items(w, f, value, add_requirement); break;
    }
}

static const struct proto_field *field_of(const struct message *m, const char *name) {
    for (const struct proto_field *f = m->fields; f->number != 0; f++)
        if (f->json == NULL || strcmp(f->json, name) == 0)
            return f;
    return NULL;
}

static void add_members(struct writer *w, const struct message *m, const json_t *object) {
    const char *name;
    const json_t *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        const struct proto_field *f = field_of(m, name);
        if (m->extensions != 0 && str_starts_with(str_of(name), STR("x-")))
            add_extension(w, m->extensions, name, value);
        else if (f != NULL)
            add_value(w, f, name, value);
        else
            fail(w, ERR_INTERNAL, name);
    }
}

enum err_code openapi_proto(const json_t *json, struct strbuf *out, struct err *err) {
    struct writer w = { .out = out, .err = err };
    add_members(&w, &document, json);
    return w.failed ? err->code : strbuf_check(out, err);
}
