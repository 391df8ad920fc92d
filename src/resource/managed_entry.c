/* Entries of managedFields: read, found, sorted, written. */
#include "resource/managed.h"

static int64_t seconds_of(const struct managed_entry *e) {
    struct err ignored;
    int64_t seconds = 0;
    return time_parse_rfc3339(e->time, &seconds, &ignored) == ERR_OK ? seconds : 0;
}

/* ---- reading ---- */
static bool read_entry(struct arena *a, const json_t *entry, struct managed_entry *ret) {
    struct err ignored;
    struct str operation = json_get_str(entry, "operation");
    const json_t *fields = json_object_get(entry, "fieldsV1");
    *ret = (struct managed_entry) {
        .manager = json_get_str(entry, "manager"),
        .subresource = json_get_str(entry, "subresource"),
        .api_version = json_get_str(entry, "apiVersion"),
        .time = json_get_str(entry, "time"),
        .applied = str_eq(operation, STR("Apply")),
    };
    if ((!ret->applied && !str_eq(operation, STR("Update"))) || ret->api_version.len == 0 ||
        !str_eq(json_get_str(entry, "fieldsType"), STR("FieldsV1")))
        return false;
    int64_t seconds;
    if (ret->time.len > 0 && time_parse_rfc3339(ret->time, &seconds, &ignored) != ERR_OK)
        return false;
    return fields == NULL || json_is_null(fields) || fieldset_parse(a, fields, &ret->set, &ignored) == ERR_OK;
}

bool managed_read(struct arena *a, const json_t *object, struct managed_list *ret) {
    const json_t *list = json_object_get(json_object_get(object, "metadata"), "managedFields");
    size_t len = json_array_size(list);
    *ret = (struct managed_list) { 0 };
    ret->items = arena_array(a, len + 1, sizeof *ret->items);
    if (ret->items == NULL || len == 0 || len > MANAGED_ENTRIES_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!read_entry(a, json_array_get(list, i), &ret->items[i]))
            return false;
    ret->len = len;
    return true;
}

/* ---- finding ---- */
/* One manager has one entry of what it applied, whatever version that was in. */
static bool is_of(const struct managed_entry *e, const struct managed_by *by, bool applied) {
    return e->applied == applied && str_eq(e->manager, by->manager) &&
           str_eq(e->subresource, by->subresource) && (applied || str_eq(e->api_version, by->api_version));
}

struct managed_entry *managed_find(struct managed_list *l, const struct managed_by *by, bool applied) {
    for (size_t i = 0; i < l->len; i++)
        if (is_of(&l->items[i], by, applied))
            return &l->items[i];
    return NULL;
}

struct managed_entry *managed_get(struct managed_list *l, const struct managed_by *by, bool applied) {
    struct managed_entry *found = managed_find(l, by, applied);
    if (found != NULL)
        return found;
    l->items[l->len] = (struct managed_entry) {
        .manager = by->manager,
        .subresource = by->subresource,
        .api_version = by->api_version,
        .applied = applied,
    };
    return &l->items[l->len++];
}

struct str managed_time(struct arena *a, const struct managed_by *by) {
    char text[TIME_RFC3339_SIZE];
    return arena_str(a, str_of(time_rfc3339(by->now_s, text)));
}

/* ---- order ---- */
static int entry_cmp(const void *x, const void *y) {
    const struct managed_entry *a = x, *b = y;
    if (a->applied != b->applied)
        return a->applied ? -1 : 1; /* "Apply" before "Update" */
    int64_t a_time = seconds_of(a), b_time = seconds_of(b);
    if (a_time != b_time)
        return a_time < b_time ? -1 : 1;
    int order = str_cmp(a->manager, b->manager);
    if (order == 0)
        order = str_cmp(a->api_version, b->api_version);
    return order != 0 ? order : str_cmp(a->subresource, b->subresource);
}

void managed_tidy(struct managed_list *l) {
    size_t kept = 0;
    for (size_t i = 0; i < l->len; i++)
        if (!fieldset_is_empty(l->items[i].set))
            l->items[kept++] = l->items[i];
    l->len = kept;
    if (kept > 1)
        qsort(l->items, kept, sizeof *l->items, entry_cmp);
}

bool managed_equal(const struct managed_list *x, const struct managed_list *y) {
    if (x->len != y->len)
        return false;
    for (size_t i = 0; i < x->len; i++)
        if (entry_cmp(&x->items[i], &y->items[i]) != 0 || !str_eq(x->items[i].time, y->items[i].time) ||
            !fieldset_equal(x->items[i].set, y->items[i].set))
            return false;
    return true;
}

/* ---- writing ---- */
static int set_str(json_t *object, const char *name, struct str value) {
    return json_object_set_new(object, name, json_stringn(value.ptr != NULL ? value.ptr : "", value.len));
}

static json_t *print_entry(const struct managed_entry *e) {
    json_auto_t *out = json_object();
    if (out == NULL || set_str(out, "manager", e->manager) != 0 ||
        set_str(out, "operation", e->applied ? STR("Apply") : STR("Update")) != 0 ||
        set_str(out, "apiVersion", e->api_version) != 0 ||
        (e->time.len > 0 && set_str(out, "time", e->time) != 0) ||
        set_str(out, "fieldsType", STR("FieldsV1")) != 0 ||
        json_object_set_new(out, "fieldsV1", fieldset_print(e->set)) != 0 ||
        (e->subresource.len > 0 && set_str(out, "subresource", e->subresource) != 0))
        return NULL;
    return STEAL(out);
}

json_t *managed_print(const struct managed_list *l) {
    json_auto_t *out = json_array();
    for (size_t i = 0; i < l->len; i++)
        if (out == NULL || json_array_append_new(out, print_entry(&l->items[i])) != 0)
            return NULL;
    return STEAL(out);
}
