#include "resource/apply.h"

#include "resource/apply_steps.h"

#define BEFORE_FIRST_APPLY STR("before-first-apply")
enum { MESSAGE_MAX = 32 * 1024 };

/* An apply under way. */
struct apply {
    struct arena *arena; /* its own */
    const struct apply_request *request;
    json_t *applied, *object;          /* the clean configuration; the result */
    struct managed_list before, after; /* who owns what */
    const struct fieldset *wanted;     /* what the configuration names */
    bool is_first;                     /* bookkeeping begins with this apply */
};

static void apply_done(struct apply *p) {
    json_decref(p->applied);
    json_decref(p->object);
    arena_free(p->arena);
}

static enum err_code no_memory(struct err *err) {
    return err_set(err, ERR_NOMEM, "an applied configuration");
}

/* ---- who owns what ---- */
static enum err_code read_owners(struct apply *p, struct err *err) {
    const struct apply_request *r = p->request;
    (void)managed_read(p->arena, r->live, &p->before);
    if (managed_read(p->arena, r->live, &p->after) || r->live == NULL)
        return arena_failed(p->arena) ? no_memory(err) : ERR_OK;
    /* Nobody minded so far; what is there is not the applying manager's for that. */
    struct managed_by by = r->by;
    by.manager = BEFORE_FIRST_APPLY;
    by.subresource = STR_NULL;
    struct managed_entry *items = arena_array(p->arena, 2, sizeof *items);
    p->after.items = items;
    if (items == NULL)
        return no_memory(err);
    struct managed_entry *e = managed_get(&p->after, &by, false);
    e->time = managed_time(p->arena, &by);
    e->set = fields_all(p->arena, r->tables, r->live);
    p->is_first = true;
    return ERR_OK;
}

/* Fields of all entries but `mine`. */
static const struct fieldset *owned_by_others(const struct apply *p, const struct managed_entry *mine) {
    const struct fieldset *all = NULL;
    for (size_t i = 0; i < p->after.len; i++)
        if (&p->after.items[i] != mine)
            all = fieldset_union(p->arena, all, p->after.items[i].set);
    return all;
}

/* What others may not own for the apply to go through: what the configuration changes, or empties, so that it
 * is left out. (What is left of others' fields once the manager's own are gone is no change of theirs.) */
static const struct fieldset *contested(const struct apply *p) {
    const struct field_changes c = fields_compare(p->arena, p->request->tables, p->request->live, p->object);
    const struct fieldset *changed = fieldset_union(p->arena, c.added, c.modified);
    return fieldset_intersection(p->arena, fieldset_union(p->arena, changed, c.removed), p->wanted);
}

/* ---- conflicts ---- */
/* "\"kubectl-edit\" with subresource \"status\" using auth.tkestack.io/v1" */
static struct str print_manager(struct arena *a, const struct managed_entry *e) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(MESSAGE_MAX);
    json_add_string(&out, e->manager);
    if (e->subresource.len > 0) {
        strbuf_adds(&out, " with subresource ");
        json_add_string(&out, e->subresource);
    }
    if (!e->applied) {
        strbuf_adds(&out, " using ");
        strbuf_add(&out, e->api_version);
    }
    return arena_str(a, strbuf_str(&out));
}

static struct str print_conflicts(struct arena *a, const struct apply_conflict *conflicts, size_t len) {
    AUTO(strbuf_done) struct strbuf out = STRBUF(MESSAGE_MAX);
    if (len == 1)
        strbuf_addf(&out, "Apply failed with 1 conflict: conflict with %.*s: %.*s",
                    STR_FMT(conflicts[0].manager), STR_FMT(conflicts[0].path));
    else
        strbuf_addf(&out, "Apply failed with %zu conflicts:", len);
    for (size_t i = 0; len > 1 && i < len; i++) {
        if (i == 0 || !str_eq(conflicts[i].manager, conflicts[i - 1].manager))
            strbuf_addf(&out, "%cconflicts with %.*s:", i == 0 ? ' ' : '\n', STR_FMT(conflicts[i].manager));
        strbuf_addf(&out, "\n- %.*s", STR_FMT(conflicts[i].path));
    }
    return arena_str(a, strbuf_str(&out));
}

static int conflict_cmp(const void *x, const void *y) {
    const struct apply_conflict *a = x, *b = y;
    int order = str_cmp(a->manager, b->manager);
    return order != 0 ? order : str_cmp(a->path, b->path);
}

/* Fills in the conflicts with entries other than `mine`; how many there are is ret->conflict_count. */
static void find_conflicts(struct arena *a, const struct apply *p, const struct managed_entry *mine,
                           const struct fieldset *fields, struct apply_result *ret) {
    size_t most = 0, len = 0;
    for (size_t i = 0; i < p->after.len; i++)
        if (&p->after.items[i] != mine)
            most += fieldset_size(fieldset_intersection(p->arena, p->after.items[i].set, fields));
    struct apply_conflict *conflicts = arena_array(a, most + 1, sizeof *conflicts);
    if (conflicts == NULL)
        return;
    for (size_t i = 0; i < p->after.len && most > 0; i++) {
        const struct managed_entry *e = &p->after.items[i];
        size_t paths_len = 0;
        if (e == mine)
            continue;
        const struct fieldset *theirs = fieldset_intersection(p->arena, e->set, fields);
        const struct str *paths = fieldset_paths(a, theirs, &paths_len);
        struct str manager = paths_len > 0 ? print_manager(a, e) : STR_NULL;
        for (size_t j = 0; j < paths_len; j++)
            conflicts[len++] = (struct apply_conflict) { manager, paths[j] };
    }
    if (len > 1)
        qsort(conflicts, len, sizeof *conflicts, conflict_cmp);
    ret->conflicts = conflicts;
    ret->conflict_count = len;
    ret->message = len > 0 ? print_conflicts(a, conflicts, len) : STR_NULL;
}

static enum err_code check_conflicts(struct arena *a, const struct apply *p, const struct managed_entry *mine,
                                     const struct fieldset *fields, struct apply_result *ret,
                                     struct err *err) {
    struct apply_result found = { 0 };
    find_conflicts(a, p, mine, fields, &found);
    if (arena_failed(a) || arena_failed(p->arena))
        return no_memory(err);
    if (found.conflict_count == 0)
        return ERR_OK;
    *ret = found;
    return err_set(err, ERR_CONFLICT, "%.*s", STR_FMT(found.message));
}

/* ---- the steps ---- */
/* Makes p->object: the configuration in, what `mine` applied before and others do not own out. */
static enum err_code merge(struct apply *p, const struct managed_entry *mine, struct err *err) {
    const struct apply_request *r = p->request;
    p->object = r->live != NULL ? json_deep_copy(r->live) : json_object();
    if (p->object == NULL)
        return no_memory(err);
    (void)json_object_del(json_object_get(p->object, "metadata"), "managedFields");
    enum err_code rc = apply_merge(p->arena, r->tables, p->object, p->applied, r->live == NULL, err);
    if (rc != ERR_OK || r->live == NULL)
        return rc;
    const struct fieldset *keep = fieldset_union(p->arena, owned_by_others(p, mine), p->wanted);
    if (mine != NULL)
        rc = apply_prune(p->arena, r->tables, p->object, mine->set, keep, err);
    if (rc != ERR_OK)
        return rc;
    /* What the configuration did not name and has another value now has been emptied by it, and goes like
     * what pruning empties. */
    const struct field_changes c = fields_compare(p->arena, r->tables, r->live, p->object);
    const struct fieldset *emptied = fieldset_difference(p->arena, c.modified, p->wanted);
    return apply_prune(p->arena, r->tables, p->object, emptied, keep, err);
}

/* Does the object differ from the live one, managedFields aside? */
static bool is_changed(const struct apply *p) {
    json_t *metadata = json_object_get(p->object, "metadata");
    json_t *managed = json_object_get(json_object_get(p->request->live, "metadata"), "managedFields");
    if (p->request->live == NULL)
        return true;
    if (managed == NULL)
        return !json_equal(p->object, p->request->live);
    if (metadata == NULL || json_object_set(metadata, "managedFields", managed) != 0)
        return true;
    bool equal = json_equal(p->object, p->request->live);
    (void)json_object_del(metadata, "managedFields");
    return !equal;
}

/* The entries after the apply, and whether anything is another than before. */
static bool assign(struct apply *p, const struct fieldset *contested_fields) {
    const struct apply_request *r = p->request;
    const struct fieldset *all = fields_all(p->arena, r->tables, p->object);
    const struct managed_entry *was = managed_find(&p->before, &r->by, true);
    struct managed_entry *mine = managed_get(&p->after, &r->by, true);
    for (size_t i = 0; i < p->after.len; i++) {
        struct managed_entry *e = &p->after.items[i];
        const struct fieldset *set = e == mine ? p->wanted
                                               : fieldset_difference(p->arena, e->set, contested_fields);
        e->set = fieldset_intersection(p->arena, set, all);
    }
    mine->api_version = r->by.api_version;
    bool changed = is_changed(p) || !fieldset_equal(was != NULL ? was->set : NULL, mine->set);
    if (changed)
        mine->time = managed_time(p->arena, &r->by);
    managed_tidy(&p->after);
    managed_tidy(&p->before);
    /* That bookkeeping could begin is no reason to write. */
    return changed || (!p->is_first && !managed_equal(&p->before, &p->after));
}

static enum err_code finish(struct apply *p, bool changed, json_t **ret, struct err *err) {
    if (arena_failed(p->arena))
        return no_memory(err);
    if (p->after.len > MANAGED_ENTRIES_MAX - MANAGED_UPDATES_MAX)
        return err_set(err, ERR_LIMIT, "more than %d managers", MANAGED_ENTRIES_MAX - MANAGED_UPDATES_MAX);
    if (!changed) {
        *ret = json_deep_copy(p->request->live);
        return *ret != NULL ? ERR_OK : no_memory(err);
    }
    json_t *managed = managed_print(&p->after);
    if (managed == NULL)
        return no_memory(err);
    enum err_code rc = managed_set_take(p->object, managed, err);
    if (rc == ERR_OK)
        *ret = STEAL(p->object);
    return rc;
}

enum err_code apply_configuration(struct arena *a, const struct apply_request *r, struct apply_result *ret,
                                  struct err *err) {
    AUTO(apply_done) struct apply p = { .arena = arena_new(MANAGED_ARENA_MAX), .request = r };
    if (p.arena == NULL)
        return no_memory(err);
    *ret = (struct apply_result) { 0 };
    enum err_code rc = apply_clean(p.arena, r->tables, r->applied, &p.applied, err);
    if (rc == ERR_OK)
        rc = read_owners(&p, err);
    if (rc != ERR_OK)
        return rc;
    p.wanted = fields_applied(p.arena, r->tables, p.applied);
    const struct managed_entry *mine = managed_find(&p.after, &r->by, true);
    rc = merge(&p, mine, err);
    if (rc != ERR_OK)
        return rc;
    const struct fieldset *fields = contested(&p);
    if (!r->force) {
        rc = check_conflicts(a, &p, mine, fields, ret, err);
        if (rc != ERR_OK)
            return rc;
    }
    return finish(&p, assign(&p, fields), &ret->object, err);
}
