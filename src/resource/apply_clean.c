/* Looks through an applied configuration before anything is done with it. */
#include "resource/apply_steps.h"

enum { PATH_MAX_BYTES = 160 };

struct cleaner {
    struct arena *arena;
    const struct field_tables *tables;
    struct strbuf path; /* where we are: ".spec.x" */
    struct err *err;
};

static enum err_code clean_members(struct cleaner *c, const struct place *p, const json_t *value,
                                   const struct field *rows, json_t **ret);

static enum err_code no_memory(struct cleaner *c) {
    return err_set(c->err, ERR_NOMEM, "an applied configuration");
}

static const char *where(const struct cleaner *c) { return c->path.len > 0 ? strbuf_c(&c->path) : "."; }

/* Back to where we were; a path that became too long to be shown is none any more. */
static void leave(struct cleaner *c, size_t len) {
    strbuf_truncate(&c->path, len);
    c->path.failed = false;
}

static enum err_code wrong(struct cleaner *c, const char *problem) {
    return err_set(c->err, ERR_INVALID, "failed to create typed patch object: %s: %s", where(c), problem);
}

static const char *sort_of(const json_t *v) {
    switch (json_typeof(v)) {
    case JSON_OBJECT: return "map";
    case JSON_ARRAY: return "list";
    case JSON_STRING: return "string";
    case JSON_INTEGER:
    case JSON_REAL: return "number";
    case JSON_TRUE:
    case JSON_FALSE: return "boolean";
    case JSON_NULL: return "null";
    }
    return "nothing";
}

static enum err_code wrong_sort(struct cleaner *c, const char *wanted, const json_t *v) {
    return err_set(c->err, ERR_INVALID, "failed to create typed patch object: %s: expected %s, got %s",
                   where(c), wanted, sort_of(v));
}

/* ---- lists ---- */
static enum err_code clean_items(struct cleaner *c, const struct place *p, const json_t *list, json_t **ret) {
    const struct place item = place_item(p);
    json_auto_t *out = json_array();
    for (size_t i = 0; out != NULL && i < json_array_size(list); i++) {
        json_t *clean = NULL;
        size_t before = c->path.len;
        strbuf_addf(&c->path, "[%zu]", i);
        enum err_code rc = clean_members(c, &item, json_array_get(list, i), p->self->fields, &clean);
        if (rc != ERR_OK)
            return rc;
        leave(c, before);
        if (json_array_append_new(out, clean) != 0)
            return no_memory(c);
    }
    *ret = STEAL(out);
    return *ret != NULL ? ERR_OK : no_memory(c);
}

/* Items that are owned one by one must be told apart. */
static enum err_code check_items(struct cleaner *c, const struct place *p, const json_t *list) {
    struct child *children;
    size_t len;
    const char *key = p->self->list_key;
    if (place_shape(p) == SHAPE_LEAF || json_array_size(list) == 0 ||
        place_children(c->arena, p, list, &children, &len))
        return ERR_OK;
    if (arena_failed(c->arena))
        return no_memory(c);
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        if (place_shape(p) == SHAPE_LIST && json_object_get(item, key) == NULL)
            return err_set(c->err, ERR_INVALID,
                           "failed to create typed patch object: %s: element %zu: associative list with keys "
                           "has an element "
                           "that omits key field \"%s\"",
                           where(c), i, key);
        if (place_shape(p) == SHAPE_SET && !json_is_string(item))
            return wrong_sort(c, "string", item);
    }
    return wrong(c, "duplicate entries");
}

static enum err_code clean_list(struct cleaner *c, const struct place *p, const json_t *value, json_t **ret) {
    if (!json_is_array(value))
        return wrong_sort(c, "list", value);
    json_auto_t *out = NULL;
    enum err_code rc = ERR_OK;
    if (p->self->type == FIELD_OBJECTS && p->self->fields != NULL)
        rc = clean_items(c, p, value, &out);
    else
        out = json_deep_copy(value);
    if (rc == ERR_OK)
        rc = out != NULL ? check_items(c, p, out) : no_memory(c);
    if (rc == ERR_OK)
        *ret = STEAL(out);
    return rc;
}

/* ---- objects ---- */
static enum err_code clean_value(struct cleaner *c, const struct place *p, const json_t *value,
                                 json_t **ret) {
    if (json_is_null(value) || p->type != PLACE_FIELD) {
        *ret = json_deep_copy(value);
        return *ret != NULL ? ERR_OK : no_memory(c);
    }
    switch (p->self->type) {
    case FIELD_OBJECT: return clean_members(c, p, value, p->self->fields, ret);
    case FIELD_OBJECTS:
    case FIELD_STRINGS: return clean_list(c, p, value, ret);
    case FIELD_STRING_MAP:
    case FIELD_BYTES_MAP:
        if (!json_is_object(value))
            return wrong_sort(c, "map", value);
        break;
    case FIELD_STRING:
    case FIELD_BOOL:
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_BYTES:
    case FIELD_ANY: break;
    }
    *ret = json_deep_copy(value);
    return *ret != NULL ? ERR_OK : no_memory(c);
}

/* One member into `out`, under its proper name. `row` NULL: nothing is known of it. */
static enum err_code clean_member(struct cleaner *c, const struct place *p, const struct field *row,
                                  struct str name, const json_t *value, json_t *out) {
    struct place place = { .type = PLACE_LEAF, .tables = c->tables };
    json_t *clean = NULL;
    size_t before = c->path.len;
    strbuf_addc(&c->path, '.');
    strbuf_add(&c->path, name);
    enum err_code rc;
    if (p->type == PLACE_ROOT && str_eq(name, STR("metadata"))) {
        place.type = PLACE_METADATA;
        rc = clean_members(c, &place, value, c->tables->metadata, &clean);
    } else {
        if (row != NULL) {
            place = (struct place) { .type = PLACE_FIELD, .tables = c->tables, .self = row };
            name = str_of(row->name);
        }
        rc = json_object_getn(out, name.ptr, name.len) == NULL ? clean_value(c, &place, value, &clean)
                                                               : wrong(c, "given twice");
    }
    if (rc != ERR_OK)
        return rc;
    leave(c, before);
    return json_object_setn_new(out, name.ptr, name.len, clean) == 0 ? ERR_OK : no_memory(c);
}

static enum err_code clean_members(struct cleaner *c, const struct place *p, const json_t *value,
                                   const struct field *rows, json_t **ret) {
    const char *key;
    size_t len;
    json_t *member;
    if (!json_is_object(value))
        return wrong_sort(c, "map", value);
    json_auto_t *out = json_object();
    if (out == NULL)
        return no_memory(c);
    json_object_keylen_foreach(json_iterable(value), key, len, member) {
        struct str name = { key, len };
        const struct field *row = field_named(rows, name);
        if (row != NULL && (row->flags & FIELD_READ_ONLY))
            continue;
        enum err_code rc = clean_member(c, p, row, name, member, out);
        if (rc != ERR_OK)
            return rc;
    }
    *ret = STEAL(out);
    return ERR_OK;
}

enum err_code apply_clean(struct arena *a, const struct field_tables *t, const json_t *applied, json_t **ret,
                          struct err *err) {
    const struct place root = place_root(t);
    struct cleaner c = { .arena = a, .tables = t, .path = STRBUF(PATH_MAX_BYTES), .err = err };
    const json_t *managed = json_object_get(json_object_get(applied, "metadata"), "managedFields");
    if (managed != NULL && !json_is_null(managed))
        return err_set(err, ERR_INVALID, "metadata.managedFields must be nil");
    enum err_code rc = clean_members(&c, &root, applied, t->own, ret);
    strbuf_done(&c.path);
    return rc;
}
