/* Sets of field paths as text: FieldsV1, and paths for people. */
#include "resource/fieldset.h"
#include "resource/stored_value.h"

enum { PATH_TEXT_MAX = 4096 };

struct reader {
    struct arena *arena;
    size_t nodes;
};

static const char *const prefixes[] = {
    [ELEMENT_FIELD] = "f:", [ELEMENT_KEY] = "k:", [ELEMENT_VALUE] = "v:", [ELEMENT_INDEX] = "i:"
};

/* When jansson has no memory, who checks the arena is to learn of it. */
static struct str out_of_memory(struct arena *a) {
    const void *none = arena_alloc(a, SIZE_MAX);
    return none == NULL ? STR_NULL : STR("");
}

struct str element_text(struct arena *a, const json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    if (text == NULL)
        return out_of_memory(a);
    struct str copy = arena_str(a, str_of(text));
    free(text);
    return copy;
}

/* ---- reading ---- */
static bool is_scalar(const json_t *v) { return !json_is_object(v) && !json_is_array(v); }

static bool is_key(const json_t *v) {
    const char *name;
    json_t *value;
    json_object_foreach(json_iterable(v), name, value) {
        if (!is_scalar(value))
            return false;
    }
    return json_object_size(v) > 0;
}

static bool is_index(struct str s) {
    struct err ignored;
    uint64_t n;
    return (s.len == 1 || (s.len > 1 && s.ptr[0] != '0')) &&
           parse_u64(s, 0, INT32_MAX, &n, &ignored) == ERR_OK;
}

/* json_parse does not tell a text that is wrong from a moment without memory, in which nobody may lose what
 * he owns. */
static bool is_malformed(struct str text) {
    json_error_t problem;
    json_auto_t *value = json_loadb(text.ptr, text.len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &problem);
    return value == NULL && json_error_code(&problem) != json_error_out_of_memory;
}

static enum err_code read_json(struct arena *a, struct field_element *e, struct err *err) {
    json_auto_t *value = NULL;
    enum err_code rc = json_parse(e->text, &value, err);
    if (rc == ERR_INVALID && !is_malformed(e->text)) {
        (void)out_of_memory(a);
        return err_set(err, ERR_NOMEM, "fields");
    }
    if (rc != ERR_OK)
        return rc;
    if (e->type == ELEMENT_KEY ? !is_key(value) : !is_scalar(value))
        return err_set(err, ERR_INVALID, "a path of fields has a key or value that is none");
    e->text = element_text(a, value);
    return ERR_OK;
}

static enum err_code read_element(struct arena *a, struct str text, struct field_element *ret,
                                  struct err *err) {
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        if (!str_starts_with(text, str_of(prefixes[i])))
            continue;
        *ret = (struct field_element) { (enum element_type)i, arena_str(a, str_from(text, 2)) };
        if (arena_failed(a))
            return err_set(err, ERR_NOMEM, "fields");
        if (ret->type == ELEMENT_INDEX && !is_index(ret->text))
            return err_set(err, ERR_INVALID, "a path of fields has an index that is none");
        if (ret->type == ELEMENT_KEY || ret->type == ELEMENT_VALUE)
            return read_json(a, ret, err);
        return ERR_OK;
    }
    return err_set(err, ERR_INVALID, "a path of fields begins with f:, k:, v: or i:");
}

static int child_cmp(const void *x, const void *y) {
    const struct fieldset_child *a = x, *b = y;
    return element_cmp(&a->element, &b->element);
}

/* Sorts; what is the same once it is canonical becomes one. */
static size_t sort_children(struct arena *a, struct fieldset_child *children, size_t len) {
    size_t kept = 0;
    if (len > 1)
        qsort(children, len, sizeof *children, child_cmp);
    for (size_t i = 0; i < len; i++) {
        if (kept > 0 && element_cmp(&children[kept - 1].element, &children[i].element) == 0)
            children[kept - 1].set = fieldset_union(a, children[kept - 1].set, children[i].set);
        else
            children[kept++] = children[i];
    }
    return kept;
}

static enum err_code read_set(struct reader *r, const json_t *fields, size_t depth,
                              const struct fieldset **ret, struct err *err) {
    const char *key;
    json_t *value;
    size_t len = 0, size = json_object_size(fields);
    bool self = size == 0; /* {} means the path itself */
    if (!json_is_object(fields))
        return err_set(err, ERR_INVALID, "fields are objects in each other");
    if (depth == FIELDSET_DEPTH_MAX || (r->nodes += size) > FIELDSET_NODES_MAX)
        return err_set(err, ERR_LIMIT, "fields are too many or too deep");
    struct fieldset_child *children = arena_array(r->arena, size + 1, sizeof *children);
    if (children == NULL)
        return err_set(err, ERR_NOMEM, "fields");
    json_object_foreach(json_iterable(fields), key, value) {
        enum err_code rc = ERR_OK;
        if (strcmp(key, ".") == 0) {
            self = true;
            if (!json_is_object(value) || json_object_size(value) > 0)
                return err_set(err, ERR_INVALID, "\".\" is followed by {}");
            continue;
        }
        rc = read_element(r->arena, str_of(key), &children[len].element, err);
        if (rc == ERR_OK)
            rc = read_set(r, value, depth + 1, &children[len].set, err);
        if (rc != ERR_OK)
            return rc;
        len++;
    }
    *ret = fieldset_make(r->arena, self, children, sort_children(r->arena, children, len));
    return ERR_OK;
}

enum err_code fieldset_parse(struct arena *a, const json_t *fields, const struct fieldset **ret,
                             struct err *err) {
    struct reader r = { .arena = a };
    const struct fieldset *all = NULL;
    enum err_code rc = read_set(&r, fields, 0, &all, err);
    if (rc != ERR_OK)
        return rc;
    /* What the empty path would lead to is the object itself, which nobody owns. */
    *ret = fieldset_difference(a, all, &(const struct fieldset) { .self = true });
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "fields") : ERR_OK;
}

/* ---- writing ---- */
static json_t *print_children(const struct fieldset *s, bool self) {
    json_auto_t *out = json_object();
    if (out == NULL || (self && json_object_set_new(out, ".", json_object()) != 0))
        return NULL;
    for (size_t i = 0; i < s->len; i++) {
        const struct fieldset_child *c = &s->children[i];
        AUTO(strbuf_done) struct strbuf key = STRBUF(c->element.text.len + 2);
        strbuf_adds(&key, prefixes[c->element.type]);
        strbuf_add(&key, c->element.text);
        json_t *below = c->set->len > 0 ? print_children(c->set, c->set->self) : json_object();
        if (key.failed) {
            json_decref(below);
            return NULL;
        }
        if (json_object_set_new(out, strbuf_c(&key), below) != 0)
            return NULL;
    }
    return STEAL(out);
}

json_t *fieldset_print(const struct fieldset *s) {
    return s != NULL ? print_children(s, false) : json_object();
}

/* ---- for people ---- */
/* "[uid="x"]" of {"uid":"x"}. */
static void add_key(struct strbuf *out, struct str text) {
    struct err ignored;
    json_auto_t *key = NULL;
    const char *name, *separator = "[";
    json_t *value;
    if (json_parse(text, &key, &ignored) != ERR_OK)
        return;
    json_object_foreach(key, name, value) {
        char *printed = json_print(value);
        strbuf_addf(out, "%s%s=%s", separator, name, printed != NULL ? printed : "");
        free(printed);
        separator = ",";
    }
    strbuf_addc(out, ']');
}

static void add_element(struct strbuf *out, const struct field_element *e) {
    switch (e->type) {
    case ELEMENT_FIELD:
        strbuf_addc(out, '.');
        strbuf_add(out, e->text);
        return;
    case ELEMENT_KEY: add_key(out, e->text); return;
    case ELEMENT_VALUE: strbuf_addf(out, "[=%.*s]", STR_FMT(e->text)); return;
    case ELEMENT_INDEX: strbuf_addf(out, "[%.*s]", STR_FMT(e->text)); return;
    }
}

/* `path`: what leads to `s`. A path of unusual length is cut off, and the next one is not. */
static void collect(struct arena *a, const struct fieldset *s, struct strbuf *path, struct str *out,
                    size_t *len) {
    if (s->self)
        out[(*len)++] = arena_str(a, strbuf_str(path));
    for (size_t i = 0; i < s->len; i++) {
        size_t before = path->len;
        add_element(path, &s->children[i].element);
        collect(a, s->children[i].set, path, out, len);
        strbuf_truncate(path, before);
        path->failed = false;
    }
}

const struct str *fieldset_paths(struct arena *a, const struct fieldset *s, size_t *ret_len) {
    struct str *out = arena_array(a, fieldset_size(s) + 1, sizeof *out);
    AUTO(strbuf_done) struct strbuf path = STRBUF(PATH_TEXT_MAX);
    *ret_len = 0;
    if (out != NULL && s != NULL)
        collect(a, s, &path, out, ret_len);
    return *ret_len > 0 ? out : NULL;
}
