/* YAML text -> JSON values: objects that are sent or dumped as YAML. As in tree.c, no aliases and no tags. */
#include <math.h>
#include <yaml.h>

#include "config/node.h"

struct loader {
    json_t *documents;           /* array */
    json_t *open[CFG_DEPTH_MAX]; /* containers we are in; borrowed */
    char *keys[CFG_DEPTH_MAX];   /* of maps: read, its value not yet; owned */
    size_t depth, nodes, nodes_max;
    struct err *err;
    bool failed;
};

static void fail(struct loader *l, const yaml_event_t *e, enum err_code code, const char *why) {
    if (!l->failed)
        (void)err_set(l->err, code, "line %zu: %s", e->start_mark.line + 1, why);
    l->failed = true;
}

/* ---- plain scalars ---- */

static bool is_one_of(const char *s, const char *const *list) {
    for (; *list != NULL; list++)
        if (strcmp(s, *list) == 0)
            return true;
    return false;
}

static bool is_number_text(struct str s, bool *ret_real) {
    size_t i = s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+') ? 1 : 0, digits = 0;
    *ret_real = false;
    for (; i < s.len; i++) {
        char c = s.ptr[i];
        if (ascii_is_digit(c)) {
            digits++;
        } else if (digits > 0 && (c == '.' || c == 'e' || c == 'E')) {
            *ret_real = true;
        } else if (!(*ret_real && (c == '-' || c == '+') && (s.ptr[i - 1] == 'e' || s.ptr[i - 1] == 'E'))) {
            return false;
        }
    }
    return digits > 0;
}

/* NULL: it is text. A number too large for an integer stays text as well: nothing may be rounded in silence. */
static json_t *number_of(const char *text) {
    struct str s = str_of(text);
    bool real;
    int64_t n;
    struct err ignored;
    if (!is_number_text(s, &real))
        return NULL;
    bool negative = s.ptr[0] == '-';
    struct str digits = str_from(s, s.ptr[0] == '-' || s.ptr[0] == '+' ? 1 : 0);
    if (!real) {
        if (digits.len > 1 && digits.ptr[0] == '0')
            return NULL; /* 0123: an octal number to some, a telephone number to others */
        return parse_i64(digits, 0, INT64_MAX, &n, &ignored) == ERR_OK ? json_integer(negative ? -n : n)
                                                                       : NULL;
    }
    char *end = NULL;
    double d = strtod(text, &end);
    return end != NULL && *end == '\0' && isfinite(d) ? json_real(d) : NULL;
}

static json_t *scalar_of(const yaml_event_t *e) {
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL", NULL };
    static const char *const yes[] = { "true", "True", "TRUE", NULL }, *const no[] = { "false", "False",
                                                                                       "FALSE", NULL };
    const char *text = (const char *)e->data.scalar.value;
    if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        if (is_one_of(text, nulls))
            return json_null();
        if (is_one_of(text, yes))
            return json_true();
        if (is_one_of(text, no))
            return json_false();
        json_t *number = number_of(text);
        if (number != NULL)
            return number;
    }
    return json_stringn(text, e->data.scalar.length);
}

/* ---- building ---- */

static void add(struct loader *l, const yaml_event_t *e, json_t *value) {
    if (value == NULL || ++l->nodes > l->nodes_max) {
        json_decref(value);
        fail(l, e, ERR_LIMIT, "more values than are taken");
        return;
    }
    json_t *top = l->depth > 0 ? l->open[l->depth - 1] : l->documents;
    int failed;
    if (json_is_array(top))
        failed = json_array_append_new(top, value);
    else {
        char **key = &l->keys[l->depth - 1];
        failed = json_object_set_new(top, *key, value);
        free(*key);
        *key = NULL;
    }
    if (failed != 0)
        fail(l, e, ERR_INVALID, "text that is no UTF-8");
}

static bool wants_key(const struct loader *l) {
    return l->depth > 0 && json_is_object(l->open[l->depth - 1]) && l->keys[l->depth - 1] == NULL;
}

static void on_scalar(struct loader *l, const yaml_event_t *e) {
    const char *text = (const char *)e->data.scalar.value;
    if (memchr(text, '\0', e->data.scalar.length) != NULL) {
        fail(l, e, ERR_INVALID, "a NUL character");
        return;
    }
    if (!wants_key(l)) {
        add(l, e, scalar_of(e));
        return;
    }
    if (json_object_get(l->open[l->depth - 1], text) != NULL) {
        fail(l, e, ERR_INVALID, "a key that stands twice");
        return;
    }
    l->keys[l->depth - 1] = str_dup_c(text);
    if (l->keys[l->depth - 1] == NULL)
        fail(l, e, ERR_NOMEM, "out of memory");
}

static void on_open(struct loader *l, const yaml_event_t *e, json_t *container) {
    if (wants_key(l) || l->depth == CFG_DEPTH_MAX) {
        json_decref(container);
        fail(l, e, ERR_INVALID,
             l->depth == CFG_DEPTH_MAX ? "nested too deeply" : "a mapping or list cannot be a key");
        return;
    }
    add(l, e, container);
    if (!l->failed)
        l->open[l->depth++] = container;
}

static bool is_marked(const yaml_event_t *e) {
    switch (e->type) {
    case YAML_SCALAR_EVENT: return e->data.scalar.tag != NULL || e->data.scalar.anchor != NULL;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.tag != NULL || e->data.mapping_start.anchor != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.tag != NULL || e->data.sequence_start.anchor != NULL;
    case YAML_ALIAS_EVENT: return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: break;
    }
    return false;
}

static void on_event(struct loader *l, const yaml_event_t *e) {
    if (is_marked(e)) {
        fail(l, e, ERR_INVALID, "YAML tags, anchors and aliases are not taken");
        return;
    }
    if (e->type == YAML_SCALAR_EVENT)
        on_scalar(l, e);
    else if (e->type == YAML_MAPPING_START_EVENT)
        on_open(l, e, json_object());
    else if (e->type == YAML_SEQUENCE_START_EVENT)
        on_open(l, e, json_array());
    else if (e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT)
        l->depth--;
}

static void load(struct loader *l, yaml_parser_t *parser) {
    for (bool done = false; !done && !l->failed;) {
        yaml_event_t e;
        if (yaml_parser_parse(parser, &e) == 0) {
            (void)err_set(l->err, parser->error == YAML_MEMORY_ERROR ? ERR_NOMEM : ERR_INVALID,
                          "line %zu: %s", parser->problem_mark.line + 1,
                          parser->problem != NULL ? parser->problem : "no YAML");
            l->failed = true;
            return;
        }
        done = e.type == YAML_STREAM_END_EVENT;
        on_event(l, &e);
        yaml_event_delete(&e);
    }
}

/* "---" in front of, behind and between documents makes empty ones, which nobody means. */
static void drop_empty_documents(json_t *documents) {
    for (size_t i = json_array_size(documents); i-- > 0;)
        if (json_is_null(json_array_get(documents, i)) && json_array_size(documents) > 1)
            (void)json_array_remove(documents, i);
}

enum err_code cfg_yaml_to_json(struct str text, size_t max, bool many, json_t **ret, struct err *err) {
    enum { BYTES_PER_NODE = 8 }; /* real objects have twenty; values cost some fifty bytes of memory each */
    yaml_parser_t parser;
    if (text.len > max)
        return err_set(err, ERR_LIMIT, "%zu bytes, %zu are taken", text.len, max);
    struct loader l = { .documents = json_array(), .nodes_max = max / BYTES_PER_NODE, .err = err };
    if (l.documents == NULL || yaml_parser_initialize(&parser) == 0) {
        json_decref(l.documents);
        return err_set(err, ERR_NOMEM, "YAML");
    }
    yaml_parser_set_input_string(&parser, (const unsigned char *)(text.len ? text.ptr : ""), text.len);
    load(&l, &parser);
    yaml_parser_delete(&parser);
    for (size_t i = 0; i < CFG_DEPTH_MAX; i++)
        free(l.keys[i]);
    drop_empty_documents(l.documents);
    size_t count = json_array_size(l.documents);
    if (!l.failed && (count == 0 || (count > 1 && !many)))
        l.failed = err_set(err, ERR_INVALID,
                           count == 0 ? "there is nothing in it" : "several documents where one is taken") !=
                   ERR_OK;
    if (!l.failed)
        *ret = count == 1 ? json_incref(json_array_get(l.documents, 0)) : json_incref(l.documents);
    json_decref(l.documents);
    return l.failed ? err->code : ERR_OK;
}
