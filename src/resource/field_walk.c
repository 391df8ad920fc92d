#include "resource/field_walk.h"

/* ---- places ---- */
static bool is_listed(const char *const *names, struct str name) {
    for (; *names != NULL; names++)
        if (str_eq(name, str_of(*names)))
            return true;
    return false;
}

bool place_is_identity(const struct place *p, struct str member) {
    static const char *const of_object[] = { "apiVersion", "kind", NULL };
    static const char *const of_metadata[] = {
        "name",       "namespace",         "uid",      "resourceVersion", "creationTimestamp",
        "generation", "deletionTimestamp", "selfLink", "managedFields",   NULL
    };
    switch (p->type) {
    case PLACE_ROOT: return is_listed(of_object, member);
    case PLACE_METADATA: return is_listed(of_metadata, member);
    case PLACE_FIELD:
    case PLACE_ITEM:
    case PLACE_LEAF: return false;
    }
    return false;
}

struct place place_root(const struct field_tables *tables) {
    return (struct place) { .type = PLACE_ROOT, .tables = tables };
}

struct place place_item(const struct place *list) {
    return (struct place) { .type = PLACE_ITEM, .tables = list->tables, .self = list->self };
}

static enum shape field_shape(const struct field *f) {
    switch (f->type) {
    case FIELD_OBJECT: return f->atomic || f->fields == NULL ? SHAPE_LEAF : SHAPE_OBJECT;
    case FIELD_STRING_MAP:
    case FIELD_BYTES_MAP: return f->atomic ? SHAPE_LEAF : SHAPE_MAP;
    case FIELD_STRINGS: return f->list_type == LIST_SET ? SHAPE_SET : SHAPE_LEAF;
    case FIELD_OBJECTS:
        return f->list_type == LIST_MAP && f->list_key != NULL && f->fields != NULL ? SHAPE_LIST : SHAPE_LEAF;
    case FIELD_STRING:
    case FIELD_BOOL:
    case FIELD_INT:
    case FIELD_TIME:
    case FIELD_BYTES:
    case FIELD_ANY: return SHAPE_LEAF;
    }
    return SHAPE_LEAF;
}

enum shape place_shape(const struct place *p) {
    switch (p->type) {
    case PLACE_ROOT:
    case PLACE_METADATA:
    case PLACE_ITEM: return SHAPE_OBJECT;
    case PLACE_FIELD: return field_shape(p->self);
    case PLACE_LEAF: return SHAPE_LEAF;
    }
    return SHAPE_LEAF;
}

/* The rows of an object's members. */
static const struct field *rows_of(const struct place *p) {
    switch (p->type) {
    case PLACE_ROOT: return p->tables->own;
    case PLACE_METADATA: return p->tables->metadata;
    case PLACE_FIELD:
    case PLACE_ITEM: return p->self->fields;
    case PLACE_LEAF: return NULL;
    }
    return NULL;
}

bool place_member(const struct place *p, struct str name, struct place *ret) {
    if (p->type == PLACE_ROOT && str_eq(name, STR("metadata"))) {
        *ret = (struct place) { .type = PLACE_METADATA, .tables = p->tables };
        return true;
    }
    if (place_shape(p) == SHAPE_MAP) {
        *ret = (struct place) { .type = PLACE_LEAF, .tables = p->tables };
        return true;
    }
    const struct field *f = field_named(rows_of(p), name);
    if (f == NULL || (f->flags & FIELD_WRITE_ONLY) || place_is_identity(p, name))
        return false;
    *ret = (struct place) { .type = PLACE_FIELD, .tables = p->tables, .self = f };
    return true;
}

/* ---- parts ---- */
static size_t object_children(const struct place *p, const json_t *value, struct child *out) {
    const char *key;
    size_t key_len, len = 0;
    json_t *member;
    json_object_keylen_foreach(json_iterable(value), key, key_len, member) {
        struct str name = { key, key_len };
        if (place_member(p, name, &out[len].place)) {
            out[len].element = (struct field_element) { ELEMENT_FIELD, name };
            out[len++].value = member;
        }
    }
    return len;
}

/* {"uid":"x"}; STR_NULL: the item has no such key, or memory is out. */
static struct str key_text(struct arena *a, const struct field *list, const json_t *item) {
    json_t *id = json_object_get(item, list->list_key);
    if (id == NULL || json_is_null(id) || json_is_object(id) || json_is_array(id))
        return STR_NULL;
    json_auto_t *key = json_object();
    if (key == NULL || json_object_set(key, list->list_key, id) != 0)
        return element_text(a, NULL);
    return element_text(a, key);
}

/* False: not all items are what they should be. */
static bool list_children(struct arena *a, const struct place *p, const json_t *list, struct child *out) {
    bool keyed = place_shape(p) == SHAPE_LIST;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct str text = keyed                  ? key_text(a, p->self, item)
                          : json_is_string(item) ? element_text(a, item)
                                                 : STR_NULL;
        if (text.ptr == NULL)
            return false;
        out[i] = (struct child) {
            .element = { keyed ? ELEMENT_KEY : ELEMENT_VALUE, text },
            .value = item,
            .index = i,
            .place = keyed ? place_item(p) : (struct place) { .type = PLACE_LEAF, .tables = p->tables },
        };
    }
    return true;
}

static int child_cmp(const void *x, const void *y) {
    const struct child *a = x, *b = y;
    return element_cmp(&a->element, &b->element);
}

/* Sorts; false: there are two of one. */
static bool sort_children(struct child *children, size_t len) {
    if (len > 1)
        qsort(children, len, sizeof *children, child_cmp);
    for (size_t i = 1; i < len; i++)
        if (child_cmp(&children[i - 1], &children[i]) == 0)
            return false;
    return true;
}

bool place_children(struct arena *a, const struct place *p, const json_t *value, struct child **ret,
                    size_t *ret_len) {
    enum shape shape = place_shape(p);
    bool object = shape == SHAPE_OBJECT || shape == SHAPE_MAP;
    bool list = shape == SHAPE_SET || shape == SHAPE_LIST;
    size_t size = object ? json_object_size(value) : list ? json_array_size(value) : 0;
    struct child *children = size > 0 ? arena_array(a, size, sizeof *children) : NULL;
    if (children == NULL)
        return false;
    if (object)
        size = object_children(p, value, children);
    else if (!list_children(a, p, value, children))
        return false;
    if (!sort_children(children, size))
        return false;
    *ret = children;
    *ret_len = size;
    return true;
}

/* ---- all paths ---- */
/* Sets outlive what they were made of. */
static struct field_element own_element(struct arena *a, const struct field_element *e) {
    return (struct field_element) { e->type, e->type == ELEMENT_FIELD ? arena_str(a, e->text) : e->text };
}

/* The set of one path; nobody owns the metadata itself. */
static const struct fieldset *leaf_of(const struct place *p) {
    return p->type == PLACE_METADATA ? NULL : fieldset_leaf();
}

/* `objects`: also those that are not leaves. */
static const struct fieldset *walk(struct arena *a, const struct place *p, const json_t *value,
                                   bool objects) {
    struct child *children;
    size_t len;
    if (!place_children(a, p, value, &children, &len))
        return leaf_of(p);
    struct fieldset_child *out = arena_array(a, len + 1, sizeof *out);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        out[i].element = own_element(a, &children[i].element);
        out[i].set = walk(a, &children[i].place, children[i].value, objects);
    }
    bool on_the_way = p->type != PLACE_ROOT && p->type != PLACE_METADATA;
    return fieldset_make(a, (objects && on_the_way) || p->type == PLACE_ITEM, out, len);
}

static const struct fieldset *walk_root(struct arena *a, const struct field_tables *t, const json_t *object,
                                        bool objects) {
    struct place root = place_root(t);
    if (!json_is_object(object) || json_object_size(object) == 0)
        return NULL;
    return walk(a, &root, object, objects);
}

const struct fieldset *fields_all(struct arena *a, const struct field_tables *t, const json_t *object) {
    return walk_root(a, t, object, true);
}

const struct fieldset *fields_applied(struct arena *a, const struct field_tables *t, const json_t *object) {
    return walk_root(a, t, object, false);
}

/* ---- changes ---- */
static const struct fieldset *walk_modified(struct arena *a, const struct place *p, const json_t *old,
                                            const json_t *value);

static const struct fieldset *modified_children(struct arena *a, const struct child *old, size_t old_len,
                                                const struct child *children, size_t len) {
    struct fieldset_child *out = arena_array(a, len + 1, sizeof *out);
    size_t found = 0;
    if (out == NULL)
        return NULL;
    for (size_t i = 0, j = 0; i < old_len && j < len;) {
        int order = element_cmp(&old[i].element, &children[j].element);
        if (order == 0) {
            out[found].set = walk_modified(a, &children[j].place, old[i].value, children[j].value);
            if (out[found].set != NULL)
                out[found++].element = own_element(a, &children[j].element);
        }
        i += order <= 0;
        j += order >= 0;
    }
    return fieldset_make(a, false, out, found);
}

static const struct fieldset *walk_modified(struct arena *a, const struct place *p, const json_t *old,
                                            const json_t *value) {
    struct child *children, *old_children;
    size_t len, old_len;
    const struct field *f = p->type == PLACE_FIELD ? p->self : NULL;
    bool in_parts = place_children(a, p, value, &children, &len);
    bool old_in_parts = place_children(a, p, old, &old_children, &old_len);
    if (in_parts)
        return old_in_parts ? modified_children(a, old_children, old_len, children, len)
                            : NULL; /* the parts are all new */
    /* What was a leaf before as well is one with another value; what was not is one now. */
    return !old_in_parts && stored_same(f, old, value) ? NULL : leaf_of(p);
}

struct field_changes fields_compare(struct arena *a, const struct field_tables *t, const json_t *old,
                                    const json_t *object) {
    struct place root = place_root(t);
    const struct fieldset *before = fields_all(a, t, old), *after = fields_all(a, t, object);
    return (struct field_changes) {
        .added = fieldset_difference(a, after, before),
        .removed = fieldset_difference(a, before, after),
        .modified = before != NULL && after != NULL ? walk_modified(a, &root, old, object) : NULL,
    };
}
