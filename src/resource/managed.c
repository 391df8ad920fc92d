#include "resource/managed.h"

#define ANCIENT STR("ancient-changes")

/* ---- who owned what before ---- */
/* [{}] is how clients say: forget it all. */
static bool is_reset(const json_t *object) {
    const json_t *list = json_object_get(json_object_get(object, "metadata"), "managedFields");
    const json_t *first = json_array_get(list, 0);
    return json_array_size(list) == 1 && json_is_object(first) && json_object_size(first) == 0;
}

/* Which of the two objects tells it. */
static const json_t *source_of(struct arena *a, const json_t *old, const json_t *object,
                               const struct managed_by *by) {
    struct managed_list given;
    if (by->subresource.len > 0)
        return old;
    return is_reset(object) || managed_read(a, object, &given) ? object : old;
}

/* ---- too many updates ---- */
/* Two entries of the list, oldest first; the newest change is never old. */
struct age {
    size_t index;
    int64_t seconds;
    struct str manager;
};

static int age_cmp(const void *x, const void *y) {
    const struct age *a = x, *b = y;
    if (a->seconds != b->seconds)
        return a->seconds < b->seconds ? -1 : 1;
    int order = str_cmp(a->manager, b->manager);
    return order != 0 ? order : a->index < b->index ? -1 : a->index > b->index;
}

/* Updates but for `newest`, by age. */
static struct age *updates_by_age(struct arena *a, const struct managed_list *l,
                                  const struct managed_entry *newest, size_t *ret_len) {
    struct age *ages = arena_array(a, l->len + 1, sizeof *ages);
    *ret_len = 0;
    for (size_t i = 0; ages != NULL && i < l->len; i++) {
        const struct managed_entry *e = &l->items[i];
        struct err ignored;
        int64_t seconds = 0;
        if (e->applied || e == newest || fieldset_is_empty(e->set))
            continue;
        if (time_parse_rfc3339(e->time, &seconds, &ignored) != ERR_OK)
            seconds = 0;
        ages[(*ret_len)++] = (struct age) { i, seconds, e->manager };
    }
    if (*ret_len > 1)
        qsort(ages, *ret_len, sizeof *ages, age_cmp);
    return ages;
}

/* The entry that takes in old ones of this version: the one that already does, or the oldest. */
static struct managed_entry *bucket_of(const struct managed_list *l, const struct age *ages, size_t len,
                                       struct str api_version) {
    struct managed_entry *oldest = NULL;
    for (size_t i = len; i-- > 0;) {
        struct managed_entry *e = &l->items[ages[i].index];
        if (!str_eq(e->api_version, api_version) || fieldset_is_empty(e->set))
            continue;
        if (str_eq(e->manager, ANCIENT) && e->subresource.len == 0)
            return e;
        oldest = e;
    }
    return oldest;
}

/* Entries of one version are merged, oldest first, until no more than MANAGED_UPDATES_MAX are left. */
static void cap_updates(struct arena *a, struct managed_list *l, const struct managed_entry *newest) {
    size_t len;
    const struct age *ages = updates_by_age(a, l, newest, &len);
    size_t left = len + (newest != NULL && !fieldset_is_empty(newest->set));
    for (size_t i = 0; ages != NULL && i < len && left > MANAGED_UPDATES_MAX; i++) {
        struct managed_entry *e = &l->items[ages[i].index];
        struct managed_entry *bucket = bucket_of(l, ages, len, e->api_version);
        if (bucket == e || bucket == NULL)
            continue;
        bucket->manager = ANCIENT;
        bucket->subresource = STR_NULL;
        bucket->set = fieldset_union(a, bucket->set, e->set);
        bucket->time = e->time; /* the younger one's */
        e->set = NULL;
        left--;
    }
}

/* ---- an update ---- */
/* What the entries own after the change. Returns the entry of who made it; NULL: it owns nothing. */
static struct managed_entry *assign(struct arena *a, struct managed_list *l, const struct fieldset *all,
                                    const struct field_changes *changes, const struct managed_by *by) {
    const struct fieldset *taken = fieldset_union(a, changes->added, changes->modified);
    struct managed_entry *mine = taken != NULL ? managed_get(l, by, false) : managed_find(l, by, false);
    for (size_t i = 0; i < l->len; i++) {
        struct managed_entry *e = &l->items[i];
        const struct fieldset *before = e->set;
        e->set = e == mine ? fieldset_union(a, e->set, taken) : fieldset_difference(a, e->set, taken);
        e->set = fieldset_intersection(a, e->set, all);
        if (e == mine && (taken != NULL || !fieldset_equal(before, e->set)))
            e->time = managed_time(a, by);
    }
    return mine;
}

static enum err_code update(struct arena *a, const struct field_tables *t, const json_t *old,
                            const json_t *object, const struct managed_by *by, json_t **ret,
                            struct err *err) {
    const json_t *source = source_of(a, old, object, by);
    struct managed_list before, after;
    (void)managed_read(a, source, &before);
    (void)managed_read(a, source, &after);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "managedFields");
    const struct field_changes changes = fields_compare(a, t, old, object);
    const struct managed_entry *mine = assign(a, &after, fields_all(a, t, object), &changes, by);
    cap_updates(a, &after, mine);
    managed_tidy(&after);
    if (arena_failed(a))
        return err_set(err, ERR_NOMEM, "managedFields");
    /* Entries in another order than ours are left alone as long as they say the same: no write for nothing. */
    managed_tidy(&before);
    json_t *list = json_object_get(json_object_get(source, "metadata"), "managedFields");
    list = before.len > 0 && managed_equal(&before, &after) ? json_deep_copy(list) : managed_print(&after);
    if (list == NULL)
        return err_set(err, ERR_NOMEM, "managedFields");
    *ret = list;
    return ERR_OK;
}

enum err_code managed_update(const struct field_tables *t, const json_t *old, const json_t *object,
                             const struct managed_by *by, json_t **ret, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(MANAGED_ARENA_MAX);
    if (a == NULL)
        return err_set(err, ERR_NOMEM, "managedFields");
    return update(a, t, old, object, by, ret, err);
}

enum err_code managed_set_take(json_t *object, json_t *managed, struct err *err) {
    json_t *metadata = json_object_get(object, "metadata");
    if (json_array_size(managed) == 0) {
        json_decref(managed);
        (void)json_object_del(metadata, "managedFields");
        return ERR_OK;
    }
    if (!json_is_object(metadata) && json_object_set_new(object, "metadata", json_object()) == 0)
        metadata = json_object_get(object, "metadata");
    if (json_object_set_new(metadata, "managedFields", managed) != 0)
        return err_set(err, ERR_NOMEM, "managedFields");
    return ERR_OK;
}
