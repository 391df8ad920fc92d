/* Strategic merge patch: a merge patch that knows which lists merge, and takes directives. */
#include "kube/patch.h"

#include "kube/value.h"

static const char directive[] = "$patch", retain_keys[] = "$retainKeys";
#define DELETE_FROM STR("$deleteFromPrimitiveList/")
#define ELEMENT_ORDER STR("$setElementOrder/")

/* What the tables say about a value. */
struct type {
    const struct field *self;     /* NULL: unknown, or the root */
    const struct field *members;  /* NULL: none are known */
    const struct field *metadata; /* of the root: the table of its member "metadata" */
};

static enum err_code merge_object(json_t *object, const json_t *patch, const struct type *type,
                                  struct err *err);

static enum err_code no_memory(struct err *err) { return err_set(err, ERR_NOMEM, "a strategic merge patch"); }

/* ---- what the tables say ---- */
static struct type type_of(const struct type *parent, struct str name) {
    if (parent->metadata != NULL && str_eq(name, STR("metadata")))
        return (struct type) { .members = parent->metadata };
    for (const struct field *f = parent->members; f != NULL && f->name != NULL; f++)
        if (str_eq(name, str_of(f->name)) || (f->alias != NULL && str_eq(name, str_of(f->alias))))
            return (struct type) { .self = f, .members = f->fields };
    return (struct type) { .self = NULL };
}

/* The name a member is stored under, whichever of its names the patch uses. */
static struct str stored_name(const struct type *type, struct str name) {
    return type->self != NULL && !str_eq(name, str_of(type->self->name)) ? str_of(type->self->name) : name;
}

static bool is_set(const struct type *t) {
    return t->self != NULL && t->self->type == FIELD_STRINGS && t->self->list_type == LIST_SET;
}

static bool is_list_map(const struct type *t) {
    return t->self != NULL && t->self->type == FIELD_OBJECTS && t->self->list_type == LIST_MAP &&
           t->self->list_key != NULL;
}

static bool is_scalar(const json_t *v) { return !json_is_object(v) && !json_is_array(v) && !json_is_null(v); }

static bool is_directive(struct str key) {
    return str_eq(key, str_of(directive)) || str_eq(key, str_of(retain_keys)) ||
           str_starts_with(key, DELETE_FROM) || str_starts_with(key, ELEMENT_ORDER);
}

/* ---- lists ---- */
static enum err_code check_list(const json_t *list, struct str name, struct err *err) {
    if (!json_is_array(list))
        return err_set(err, ERR_INVALID, "%.*s must be a list", STR_FMT(name));
    if (json_array_size(list) > PATCH_LIST_MAX)
        return err_set(err, ERR_LIMIT, "%.*s has more than %d items", STR_FMT(name), PATCH_LIST_MAX);
    return ERR_OK;
}

/* How items of a list are told apart: by the member `key`, or by themselves if that is NULL. */
static const json_t *identity(const json_t *item, const char *key) {
    return key != NULL ? json_object_get(item, key) : item;
}

/* Index of the item with that identity, or the size. */
static size_t find_item(const json_t *list, const char *key, const json_t *id) {
    size_t i = 0;
    for (; i < json_array_size(list); i++) {
        const json_t *other = identity(json_array_get(list, i), key);
        if (other != NULL && value_same(other, id))
            break;
    }
    return i;
}

static void delete_item(json_t *list, const char *key, const json_t *id) {
    for (size_t i; (i = find_item(list, key, id)) < json_array_size(list);)
        (void)json_array_remove(list, i);
}

static enum err_code merge_set(json_t *list, const json_t *patch, struct str name, struct err *err) {
    for (size_t i = 0; i < json_array_size(patch); i++) {
        const json_t *item = json_array_get(patch, i);
        if (!is_scalar(item))
            return err_set(err, ERR_INVALID, "%.*s[%zu] must be a single value", STR_FMT(name), i);
        if (find_item(list, NULL, item) == json_array_size(list) &&
            json_array_append_new(list, json_deep_copy(item)) != 0)
            return no_memory(err);
    }
    return ERR_OK;
}

/* One item of the patch of a list of objects into the list. */
static enum err_code merge_item(json_t *list, const json_t *item, const struct type *type, struct err *err) {
    const char *key = type->self->list_key;
    const json_t *id = identity(item, key);
    struct str what = json_get_str(item, directive);
    if (id == NULL)
        return err_set(err, ERR_INVALID, "an item of %s has no %s", type->self->name, key);
    if (str_eq(what, STR("delete"))) {
        delete_item(list, key, id);
        return ERR_OK;
    }
    size_t at = find_item(list, key, id);
    if (at == json_array_size(list) && json_array_append_new(list, json_object()) != 0)
        return no_memory(err);
    const struct type members = { .members = type->members };
    return merge_object(json_array_get(list, at), item, &members, err);
}

/* An item that is nothing but {"$patch": "replace"} stands for the whole list. */
static bool replaces_list(const json_t *patch) {
    for (size_t i = 0; i < json_array_size(patch); i++)
        if (str_eq(json_get_str(json_array_get(patch, i), directive), STR("replace")))
            return true;
    return false;
}

static enum err_code merge_objects(json_t *list, const json_t *patch, const struct type *type,
                                   struct err *err) {
    bool replace = replaces_list(patch);
    if (replace)
        (void)json_array_clear(list);
    for (size_t i = 0; i < json_array_size(patch); i++) {
        const json_t *item = json_array_get(patch, i);
        if (!json_is_object(item))
            return err_set(err, ERR_INVALID, "%s[%zu] must be an object", type->self->name, i);
        if (replace && json_object_get(item, directive) != NULL)
            continue;
        enum err_code rc = merge_item(list, item, type, err);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

/* A list that does not merge takes the patch's place; of the directives only "replace" makes sense in it, and
 * says what happens anyhow. */
static enum err_code replace_list(json_t *object, struct str name, const json_t *patch, struct err *err) {
    json_auto_t *list = json_array();
    for (size_t i = 0; list != NULL && i < json_array_size(patch); i++) {
        const json_t *item = json_array_get(patch, i);
        const json_t *what = json_object_get(item, directive);
        if (what != NULL && !str_eq(json_get_str(item, directive), STR("replace")))
            return err_set(err, ERR_INVALID,
                           "%.*s is a list that does not merge, so \"%s\" has no place in it", STR_FMT(name),
                           directive);
        if (what == NULL && json_array_append_new(list, json_deep_copy(item)) != 0)
            return no_memory(err);
    }
    return list != NULL && json_object_setn_new(object, name.ptr, name.len, STEAL(list)) == 0
               ? ERR_OK
               : no_memory(err);
}

/* The member, made an empty value of the wanted sort unless it is of that sort. NULL: out of memory. */
static json_t *member_of_sort(json_t *object, struct str name, json_type sort) {
    json_t *old = json_object_getn(object, name.ptr, name.len);
    if (old != NULL && json_typeof(old) == sort)
        return old;
    json_t *fresh = sort == JSON_ARRAY ? json_array() : json_object();
    return json_object_setn_new(object, name.ptr, name.len, fresh) == 0
               ? json_object_getn(object, name.ptr, name.len)
               : NULL;
}

static enum err_code merge_list(json_t *object, struct str name, const json_t *patch, const struct type *type,
                                struct err *err) {
    if (!is_set(type) && !is_list_map(type))
        return replace_list(object, name, patch, err);
    json_t *list = member_of_sort(object, name, JSON_ARRAY);
    if (list == NULL)
        return no_memory(err);
    enum err_code rc = check_list(patch, name, err);
    if (rc == ERR_OK)
        rc = check_list(list, name, err);
    if (rc != ERR_OK)
        return rc;
    return is_set(type) ? merge_set(list, patch, name, err) : merge_objects(list, patch, type, err);
}

/* ---- "$setElementOrder" ---- */
/* Where an item of the patch's order stands in the list; its size if nowhere. */
static size_t ordered_at(const json_t *list, const json_t *order, size_t i, const char *key) {
    const json_t *id = identity(json_array_get(order, i), key);
    return id != NULL ? find_item(list, key, id) : json_array_size(list);
}

enum item_state { ITEM_UNNAMED, ITEM_NAMED, ITEM_DONE };

/* Moves on through the list as far as `end`, taking what the order does not name. */
static bool take_unnamed(const json_t *list, size_t end, const unsigned char *states, size_t *at,
                         json_t *out) {
    for (; *at < end; ++*at)
        if (states[*at] == ITEM_UNNAMED &&
            json_array_append_new(out, json_incref(json_array_get(list, *at))) != 0)
            return false;
    return true;
}

/* Items that the order does not name stay before the named ones they were before. */
static enum err_code order_items(const json_t *list, const json_t *order, const char *key, json_t *out,
                                 struct err *err) {
    size_t size = json_array_size(list), unnamed_at = 0;
    unsigned char states[2 * PATCH_LIST_MAX + 1] = { 0 };
    for (size_t i = 0; i < json_array_size(order); i++)
        states[ordered_at(list, order, i, key)] = ITEM_NAMED;
    for (size_t i = 0; i < json_array_size(order); i++) {
        size_t at = ordered_at(list, order, i, key);
        if (at == size || states[at] == ITEM_DONE)
            continue;
        states[at] = ITEM_DONE;
        if (!take_unnamed(list, at, states, &unnamed_at, out) ||
            json_array_append_new(out, json_incref(json_array_get(list, at))) != 0)
            return no_memory(err);
    }
    return take_unnamed(list, size, states, &unnamed_at, out) ? ERR_OK : no_memory(err);
}

static enum err_code set_order(json_t *object, struct str name, const json_t *order, const struct type *type,
                               struct err *err) {
    json_t *list = json_object_getn(object, name.ptr, name.len);
    if (!json_is_array(list) || (!is_set(type) && !is_list_map(type)))
        return ERR_OK; /* of a list that does not merge, the patch says the order by itself */
    enum err_code rc = check_list(order, name, err);
    if (rc == ERR_OK && json_array_size(list) > 2 * (size_t)PATCH_LIST_MAX) /* a full list and a full patch */
        rc = err_set(err, ERR_LIMIT, "%.*s has too many items", STR_FMT(name));
    json_auto_t *out = json_array();
    if (rc == ERR_OK && out == NULL)
        rc = no_memory(err);
    if (rc == ERR_OK)
        rc = order_items(list, order, is_list_map(type) ? type->self->list_key : NULL, out, err);
    if (rc != ERR_OK)
        return rc;
    return json_object_setn_new(object, name.ptr, name.len, STEAL(out)) == 0 ? ERR_OK : no_memory(err);
}

/* ---- "$deleteFromPrimitiveList" ---- */
static enum err_code delete_from(json_t *object, struct str name, const json_t *values,
                                 const struct type *type, struct err *err) {
    (void)type;
    enum err_code rc = check_list(values, name, err);
    if (rc != ERR_OK)
        return rc;
    json_t *list = json_object_getn(object, name.ptr, name.len);
    if (!json_is_array(list))
        return ERR_OK;
    rc = check_list(list, name, err);
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(values); i++)
        delete_item(list, NULL, json_array_get(values, i));
    return rc;
}

/* ---- "$retainKeys" ---- */
static bool retains(const json_t *names, struct str key) {
    for (size_t i = 0; i < json_array_size(names); i++) {
        const json_t *name = json_array_get(names, i);
        if (str_eq(key, (struct str) { json_string_value(name), json_string_length(name) }))
            return true;
    }
    return false;
}

static enum err_code check_retained(const json_t *patch, const json_t *names, struct err *err) {
    const char *key;
    size_t len;
    json_t *value;
    for (size_t i = 0; i < json_array_size(names); i++)
        if (!json_is_string(json_array_get(names, i)))
            return err_set(err, ERR_INVALID, "%s must be a list of names", retain_keys);
    json_object_keylen_foreach(json_iterable(patch), key, len, value) {
        struct str name = { key, len };
        if (!json_is_null(value) && !is_directive(name) && !retains(names, name))
            return err_set(err, ERR_INVALID, "%s does not name \"%s\", which the patch sets", retain_keys,
                           key);
    }
    return ERR_OK;
}

static enum err_code apply_retain_keys(json_t *object, const json_t *patch, struct err *err) {
    const char *key;
    size_t len;
    void *next;
    json_t *value;
    const json_t *names = json_object_get(patch, retain_keys);
    if (names == NULL)
        return ERR_OK;
    enum err_code rc = check_list(names, str_of(retain_keys), err);
    if (rc == ERR_OK)
        rc = check_retained(patch, names, err);
    if (rc != ERR_OK)
        return rc;
    json_object_keylen_foreach_safe(object, next, key, len, value) {
        if (!retains(names, (struct str) { key, len }))
            (void)json_object_deln(object, key, len);
    }
    return ERR_OK;
}

/* ---- objects ---- */
static enum err_code merge_member(json_t *object, struct str name, const json_t *value,
                                  const struct type *parent, struct err *err) {
    const struct type type = type_of(parent, name);
    name = stored_name(&type, name);
    if (json_is_null(value)) {
        (void)json_object_deln(object, name.ptr, name.len);
        return ERR_OK;
    }
    if (json_is_array(value))
        return merge_list(object, name, value, &type, err);
    if (json_is_object(value)) {
        bool deletes = str_eq(json_get_str(value, directive), STR("delete"));
        if (deletes && json_object_getn(object, name.ptr, name.len) == NULL)
            return ERR_OK; /* nothing is made only to be emptied */
        json_t *child = member_of_sort(object, name, JSON_OBJECT);
        return child != NULL ? merge_object(child, value, &type, err) : no_memory(err);
    }
    return json_object_setn_new(object, name.ptr, name.len, json_deep_copy(value)) == 0 ? ERR_OK
                                                                                        : no_memory(err);
}

/* Runs `apply` on each member of the patch whose name begins with `prefix`, as a directive about the member
 * named behind it. */
static enum err_code each_directive(json_t *object, const json_t *patch, const struct type *parent,
                                    struct str prefix,
                                    enum err_code (*apply)(json_t *, struct str, const json_t *,
                                                           const struct type *, struct err *),
                                    struct err *err) {
    const char *key;
    size_t len;
    json_t *value;
    enum err_code rc = ERR_OK;
    json_object_keylen_foreach(json_iterable(patch), key, len, value) {
        struct str name = { key, len };
        if (rc != ERR_OK || !str_starts_with(name, prefix))
            continue;
        name = str_from(name, prefix.len);
        const struct type type = type_of(parent, name);
        rc = apply(object, stored_name(&type, name), value, &type, err);
    }
    return rc;
}

static enum err_code merge_members(json_t *object, const json_t *patch, const struct type *type,
                                   struct err *err) {
    const char *key;
    size_t len;
    json_t *value;
    enum err_code rc = apply_retain_keys(object, patch, err);
    json_object_keylen_foreach(json_iterable(patch), key, len, value) {
        struct str name = { key, len };
        if (rc == ERR_OK && !is_directive(name))
            rc = merge_member(object, name, value, type, err);
    }
    if (rc == ERR_OK) /* after the members: what is added and deleted is deleted, as in Kubernetes */
        rc = each_directive(object, patch, type, DELETE_FROM, delete_from, err);
    if (rc == ERR_OK)
        rc = each_directive(object, patch, type, ELEMENT_ORDER, set_order, err);
    return rc;
}

static enum err_code merge_object(json_t *object, const json_t *patch, const struct type *type,
                                  struct err *err) {
    const json_t *given = json_object_get(patch, directive);
    struct str what = json_get_str(patch, directive);
    if (given != NULL && !str_eq(what, STR("merge")) && !str_eq(what, STR("replace")) &&
        !str_eq(what, STR("delete")))
        return err_set(err, ERR_INVALID, "\"%s\" must be merge, replace or delete", directive);
    if (str_eq(what, STR("replace")) || str_eq(what, STR("delete")))
        (void)json_object_clear(object);
    return str_eq(what, STR("delete")) ? ERR_OK : merge_members(object, patch, type, err);
}

enum err_code patch_strategic(const json_t *target, const json_t *patch, const struct field *metadata_fields,
                              const struct field *fields, json_t **ret, struct err *err) {
    if (!json_is_object(patch))
        return err_set(err, ERR_INVALID, "a strategic merge patch is an object");
    if (!value_depth_within(target, JSON_DEPTH_MAX) || !value_depth_within(patch, JSON_DEPTH_MAX))
        return err_set(err, ERR_LIMIT, "a strategic merge patch of more than %d levels", JSON_DEPTH_MAX);
    json_auto_t *out = json_is_object(target) ? json_deep_copy(target) : json_object();
    if (out == NULL)
        return no_memory(err);
    const struct type root = { .members = fields, .metadata = metadata_fields };
    enum err_code rc = merge_object(out, patch, &root, err);
    if (rc == ERR_OK)
        *ret = STEAL(out);
    return rc;
}
