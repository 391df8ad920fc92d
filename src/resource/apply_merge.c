/* Puts an applied configuration into an object, and takes out what is not applied any more. */
#include "resource/apply_steps.h"

struct merger {
    struct arena *arena;
    bool creating;
    struct err *err;
};

static enum err_code no_memory(struct err *err) {
    return err_set(err, ERR_NOMEM, "an applied configuration");
}

static enum err_code merge_object(struct merger *m, const struct place *p, json_t *out,
                                  const json_t *applied);

/* ---- lists ---- */
/* The part with that element, of parts in order; NULL: none. */
static const struct child *find_child(const struct child *children, size_t len,
                                      const struct field_element *element) {
    size_t from = 0, to = len;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = element_cmp(element, &children[middle].element);
        if (order == 0)
            return &children[middle];
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

/* One new item to the end of the list. */
static enum err_code append_item(struct merger *m, const struct place *p, json_t *out, const json_t *item) {
    bool keyed = place_shape(p) == SHAPE_LIST;
    const struct place place = place_item(p);
    if (json_array_append_new(out, keyed ? json_object() : json_deep_copy(item)) != 0)
        return no_memory(m->err);
    return keyed ? merge_object(m, &place, json_array_get(out, json_array_size(out) - 1), item) : ERR_OK;
}

/* Items keep their order; new ones go to the end, in the order of the configuration. `live`: the parts of
 * `out`. */
static enum err_code merge_list(struct merger *m, const struct place *p, json_t *out,
                                const struct child *live, size_t live_len, const json_t *applied) {
    struct child *items;
    size_t len;
    enum err_code rc = ERR_OK;
    bool *is_new = arena_array(m->arena, json_array_size(applied), sizeof *is_new);
    if (is_new == NULL || !place_children(m->arena, p, applied, &items, &len))
        return no_memory(m->err); /* what else could be wrong has been checked */
    for (size_t i = 0; rc == ERR_OK && i < len; i++) {
        const struct child *found = find_child(live, live_len, &items[i].element);
        is_new[items[i].index] = found == NULL;
        if (found != NULL && place_shape(p) == SHAPE_LIST)
            rc = merge_object(m, &items[i].place, json_array_get(out, found->index), items[i].value);
    }
    for (size_t i = 0; rc == ERR_OK && i < json_array_size(applied); i++)
        if (is_new[i])
            rc = append_item(m, p, out, json_array_get(applied, i));
    return rc;
}

/* ---- objects ---- */
static bool is_omitted(const struct place *p, const json_t *value) {
    return p->type == PLACE_FIELD && (p->self->flags & FIELD_OMIT_EMPTY) && stored_is_empty(value);
}

static enum err_code set_member(struct merger *m, const struct place *p, json_t *out, struct str name,
                                const json_t *value) {
    if (is_omitted(p, value)) {
        (void)json_object_deln(out, name.ptr, name.len);
        return ERR_OK;
    }
    return json_object_setn_new(out, name.ptr, name.len, json_deep_copy(value)) == 0 ? ERR_OK
                                                                                     : no_memory(m->err);
}

/* An object. Where there was none, none is made for nothing. */
static enum err_code merge_object_member(struct merger *m, const struct place *p, json_t *out,
                                         struct str name, const json_t *value) {
    json_t *live = json_object_getn(out, name.ptr, name.len);
    if (json_is_object(live))
        return merge_object(m, p, live, value);
    json_auto_t *fresh = json_object();
    enum err_code rc = fresh != NULL ? merge_object(m, p, fresh, value) : no_memory(m->err);
    if (rc != ERR_OK || stored_is_empty(fresh))
        return rc;
    return json_object_setn_new(out, name.ptr, name.len, STEAL(fresh)) == 0 ? ERR_OK : no_memory(m->err);
}

/* A list whose items are owned one by one. `live`: the parts of the list that is there; without any a new one
 * is made. */
static enum err_code merge_list_member(struct merger *m, const struct place *p, json_t *out, struct str name,
                                       const struct child *live, size_t live_len, const json_t *value) {
    if (live_len == 0 && json_object_setn_new(out, name.ptr, name.len, json_array()) != 0)
        return no_memory(m->err);
    return merge_list(m, p, json_object_getn(out, name.ptr, name.len), live, live_len, value);
}

/* A member that can be owned. */
static enum err_code merge_member(struct merger *m, const struct place *p, json_t *out, struct str name,
                                  const json_t *value) {
    json_t *live = json_object_getn(out, name.ptr, name.len);
    const struct field *f = p->type == PLACE_FIELD ? p->self : NULL;
    bool in_parts = place_shape(p) != SHAPE_LEAF && !stored_is_empty(value);
    struct child *parts = NULL;
    size_t len = 0;
    bool live_in_parts = live != NULL && place_children(m->arena, p, live, &parts, &len);
    if (arena_failed(m->arena))
        return no_memory(m->err);
    if (in_parts && json_is_object(value))
        return merge_object_member(m, p, out, name, value);
    if (in_parts && json_is_array(value))
        return merge_list_member(m, p, out, name, parts, len, value);
    /* Nothing to put in leaves the parts that are there: they may be others'. */
    if (live_in_parts || (live != NULL && stored_same(f, live, value)))
        return ERR_OK;
    return set_member(m, p, out, name, value);
}

static enum err_code merge_object(struct merger *m, const struct place *p, json_t *out,
                                  const json_t *applied) {
    const char *key;
    size_t len;
    json_t *value;
    json_object_keylen_foreach(json_iterable(applied), key, len, value) {
        struct str name = { key, len };
        struct place member = { .type = PLACE_LEAF, .tables = p->tables };
        enum err_code rc = ERR_OK;
        if (place_member(p, name, &member))
            rc = merge_member(m, &member, out, name, value);
        else if (m->creating || !place_is_identity(p, name))
            rc = set_member(m, &member, out, name, value);
        if (rc != ERR_OK)
            return rc;
    }
    return ERR_OK;
}

enum err_code apply_merge(struct arena *a, const struct field_tables *t, json_t *object,
                          const json_t *applied, bool creating, struct err *err) {
    struct merger m = { .arena = a, .creating = creating, .err = err };
    const struct place root = place_root(t);
    return merge_object(&m, &root, object, applied);
}

/* ---- what is not applied any more ---- */
static void prune_parts(struct arena *a, const struct place *p, json_t *value, const struct fieldset *last,
                        const struct fieldset *keep);

/* Prunes the part; true: all of it goes. */
static bool prune_part(struct arena *a, const struct child *part, const struct fieldset *last,
                       const struct fieldset *keep) {
    struct child *parts;
    size_t len;
    bool kept = keep != NULL && keep->self;
    json_t *value = json_iterable(part->value);
    /* Without an owner an item goes, whatever others own in it (as in Kubernetes): what is left would make no
     * sense. */
    if (part->place.type == PLACE_ITEM && last->self && !kept)
        return true;
    if (!place_children(a, &part->place, value, &parts, &len))
        return last->self && !kept;
    prune_parts(a, &part->place, value, last, keep);
    return part->place.type != PLACE_METADATA && !kept && stored_is_empty(value);
}

/* `last` and `keep`: below `value`. */
static void prune_parts(struct arena *a, const struct place *p, json_t *value, const struct fieldset *last,
                        const struct fieldset *keep) {
    struct child *parts;
    size_t len;
    if (!place_children(a, p, value, &parts, &len))
        return;
    bool *gone = arena_array(a, len + 1, sizeof *gone);
    if (gone == NULL)
        return;
    for (size_t i = 0; i < len; i++) {
        const struct fieldset *below = fieldset_below(last, &parts[i].element);
        if (below == NULL)
            continue;
        bool is_key = p->type == PLACE_ITEM && str_eq(parts[i].element.text, str_of(p->self->list_key));
        if (is_key || !prune_part(a, &parts[i], below, fieldset_below(keep, &parts[i].element)))
            continue;
        if (json_is_object(value))
            (void)json_object_deln(value, parts[i].element.text.ptr, parts[i].element.text.len);
        else
            gone[parts[i].index] = true;
    }
    for (size_t i = json_is_array(value) ? len : 0; i-- > 0;)
        if (gone[i])
            (void)json_array_remove(value, i);
}

enum err_code apply_prune(struct arena *a, const struct field_tables *t, json_t *object,
                          const struct fieldset *last, const struct fieldset *keep, struct err *err) {
    const struct place root = place_root(t);
    if (last != NULL)
        prune_parts(a, &root, object, last, keep);
    return arena_failed(a) ? no_memory(err) : ERR_OK;
}
