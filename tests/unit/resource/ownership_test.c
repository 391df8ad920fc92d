/* Random sequences of applies and updates: whatever happens, the bookkeeping stays true. */
#include "unit/kube/json.h"
#include "unit/resource/tables.h"

#include "resource/apply.h"

enum { ARENA_MAX = 64 * 1024 * 1024, SEQUENCES = 60, STEPS = 30 };

static uint32_t seed, sequence;
static uint32_t draw(uint32_t below) {
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % below;
}
static bool maybe(uint32_t of) { return draw(of) == 0; }

/* ---- random objects ---- */
static void put(json_t *object, const char *name, json_t *value) {
    assert_int_equal(json_object_set_new(object, name, value), 0);
}

static json_t *text(void) {
    static const char *const texts[] = { "", "x", "y" };
    return json_string(texts[draw(ARRAY_LEN(texts))]);
}

static json_t *map_of_texts(void) {
    json_t *map = json_object();
    static const char *const keys[] = { "a", "b", "c" };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (maybe(2))
            put(map, keys[i], text());
    return map;
}

static json_t *some_of(const char *const *texts) {
    json_t *list = json_array();
    for (; *texts != NULL; texts++)
        if (maybe(2))
            assert_int_equal(
                json_array_insert_new(list, draw((uint32_t)json_array_size(list) + 1), json_string(*texts)),
                0);
    return list;
}

static json_t *owners(void) {
    json_t *list = json_array();
    static const char *const uids[] = { "1", "2", "3" };
    for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
        if (maybe(2))
            continue;
        json_t *owner = json_pack("{s:s}", "uid", uids[i]);
        if (maybe(2))
            put(owner, "kind", text());
        if (maybe(2))
            put(owner, "controller", json_true());
        assert_int_equal(json_array_append_new(list, owner), 0);
    }
    return list;
}

static json_t *statement(void) {
    static const char *const actions[] = { "get", "list", NULL };
    json_t *s = json_object();
    if (maybe(2))
        put(s, "actions", some_of(actions));
    if (maybe(2))
        put(s, "effect", maybe(2) ? json_string("deny") : text());
    return s;
}

static json_t *random_value(const char *name) {
    static const char *const finalizers[] = { "f", "g", "h", NULL };
    if (strcmp(name, "labels") == 0 || strcmp(name, "extra") == 0 || strcmp(name, "wholeExtra") == 0 ||
        strcmp(name, "data") == 0)
        return map_of_texts();
    if (strcmp(name, "finalizers") == 0)
        return some_of(finalizers);
    if (strcmp(name, "ownerReferences") == 0)
        return owners();
    if (strcmp(name, "statement") == 0 || strcmp(name, "whole") == 0)
        return statement();
    if (strcmp(name, "number") == 0)
        return json_integer(draw(3));
    if (strcmp(name, "users") == 0)
        return json_pack("[{s:o}]", "id", text());
    return text();
}

static const char *const metadata_names[] = { "labels", "finalizers", "ownerReferences" };
static const char *const spec_names[] = { "displayName", "description", "number",     "statement",
                                          "whole",       "extra",       "wholeExtra", "users" };

/* A configuration of some of the fields. */
static json_t *random_config(void) {
    json_t *metadata = json_object(), *spec = json_object(), *config = json_object();
    for (size_t i = 0; i < ARRAY_LEN(metadata_names); i++)
        if (maybe(3))
            put(metadata, metadata_names[i], maybe(6) ? json_null() : random_value(metadata_names[i]));
    for (size_t i = 0; i < ARRAY_LEN(spec_names); i++)
        if (maybe(3))
            put(spec, spec_names[i], maybe(8) ? json_null() : random_value(spec_names[i]));
    put(config, "metadata", metadata);
    if (maybe(8))
        json_decref(spec);
    else
        put(config, "Spec", spec);
    if (maybe(4))
        put(config, "data", map_of_texts());
    return config;
}

static json_t *plain(const json_t *object) {
    json_t *copy = object != NULL ? json_deep_copy(object) : json_object();
    (void)json_object_del(json_object_get(copy, "metadata"), "managedFields");
    return copy;
}

/* As the store does: what is left out when empty is left out. */
static void leave_out_empty(json_t *object, const struct field *fields) {
    for (const struct field *f = fields; f->name != NULL; f++) {
        json_t *value = json_object_get(object, f->name);
        if (f->type == FIELD_OBJECT && json_is_object(value))
            leave_out_empty(value, f->fields);
        if ((f->flags & FIELD_OMIT_EMPTY) && stored_is_empty(value))
            (void)json_object_del(object, f->name);
    }
}

/* The object with some of its fields changed or gone. */
static json_t *random_update(const json_t *live) {
    json_t *object = plain(live);
    if (json_object_get(object, "metadata") == NULL)
        put(object, "metadata", json_object());
    if (!json_is_object(json_object_get(object, "Spec")))
        put(object, "Spec", json_object());
    for (uint32_t n = draw(4); n-- > 0;) {
        bool meta = maybe(3);
        const char *name = meta ? metadata_names[draw(ARRAY_LEN(metadata_names))]
                                : spec_names[draw(ARRAY_LEN(spec_names))];
        json_t *parent = json_object_get(object, meta ? "metadata" : "Spec");
        if (maybe(3))
            (void)json_object_del(parent, name);
        else
            put(parent, name, random_value(name));
    }
    if (maybe(6))
        (void)json_object_del(object, "Spec");
    leave_out_empty(json_object_get(object, "metadata"), metadata_fields);
    leave_out_empty(object, own_fields);
    return object;
}

/* ---- what must hold ---- */
struct step {
    struct arena *arena;
    json_t *before, *after;
    const char *what;
};

static void fail_step(const struct step *s, const char *problem) {
    char *before = json_dumps(s->before, 0), *after = json_dumps(s->after, 0);
    /* more than fits into a message of cmocka's */
    (void)fprintf(stderr, "%s: %s\nbefore: %s\nafter: %s\n", s->what, problem,
                  before != NULL ? before : "nothing", after);
    fail_msg("sequence %u", sequence);
}

static const struct fieldset *owned(struct arena *a, const json_t *object, const char *but,
                                    bool but_applied) {
    struct managed_list l;
    const struct fieldset *all = NULL;
    (void)managed_read(a, object, &l);
    for (size_t i = 0; i < l.len; i++)
        if (but == NULL || !str_eq(l.items[i].manager, str_of(but)) || l.items[i].applied != but_applied)
            all = fieldset_union(a, all, l.items[i].set);
    return all;
}

/* Leaves nobody owns. */
static const struct fieldset *unowned(struct arena *a, const json_t *object) {
    return fieldset_difference(a, fields_applied(a, &tables, object), owned(a, object, NULL, false));
}

static void check_bookkeeping(const struct step *s) {
    struct managed_list l;
    const struct fieldset *all = fields_all(s->arena, &tables, s->after);
    const json_t *managed = json_object_get(json_object_get(s->after, "metadata"), "managedFields");
    size_t updates = 0;
    if (!managed_read(s->arena, s->after, &l) && managed != NULL)
        fail_step(s, "the entries cannot be read");
    for (size_t i = 0; i < l.len; i++) {
        updates += !l.items[i].applied;
        if (fieldset_is_empty(l.items[i].set))
            fail_step(s, "an entry is empty");
        if (fieldset_difference(s->arena, l.items[i].set, all) != NULL)
            fail_step(s, "an entry names a field that is not there");
    }
    if (updates > MANAGED_UPDATES_MAX)
        fail_step(s, "too many updates");
    json_auto_t *printed = managed_print(&l);
    if (managed != NULL && !json_equal(printed, managed))
        fail_step(s, "the entries are not canonical");
    const struct fieldset *orphans = unowned(s->arena, s->after);
    if (fieldset_difference(s->arena, orphans, unowned(s->arena, s->before)) != NULL)
        fail_step(s, "a leaf that somebody owned, or that is new, is nobody's");
    assert_false(arena_failed(s->arena));
}

/* Without what is owned in items of lists by who does not own the item: it goes with that. */
static const struct fieldset *but_parts_of_items(struct arena *a, const struct fieldset *s) {
    if (s == NULL || s->len == 0)
        return s;
    struct fieldset_child *children = arena_array(a, s->len, sizeof *children);
    assert_non_null(children);
    for (size_t i = 0; i < s->len; i++) {
        const struct fieldset_child *c = &s->children[i];
        bool part = c->element.type == ELEMENT_KEY && !c->set->self;
        children[i] = (struct fieldset_child) { c->element, part ? NULL : but_parts_of_items(a, c->set) };
    }
    return fieldset_make(a, s->self, children, s->len);
}

/* Without force nothing that others own has another value, or is gone. */
static void check_others(const struct step *s, const char *manager) {
    struct field_changes c = fields_compare(s->arena, &tables, s->before, s->after);
    const struct fieldset *changed = fieldset_union(s->arena, c.modified, c.removed);
    const struct fieldset *leaves = fields_applied(s->arena, &tables, s->before);
    changed = fieldset_intersection(s->arena, changed, leaves);
    const struct fieldset *theirs = but_parts_of_items(s->arena, owned(s->arena, s->before, manager, true));
    if (fieldset_intersection(s->arena, changed, theirs) != NULL)
        fail_step(s, "a field of somebody else's has changed without force");
}

/* Values are those of the configuration, and are owned. */
static void check_wanted(const struct step *s, const char *manager, const json_t *config) {
    struct managed_list l;
    struct managed_by m = { .manager = str_of(manager) };
    const struct fieldset *wanted = fields_applied(s->arena, &tables, config);
    const struct fieldset *all = fields_all(s->arena, &tables, s->after);
    (void)managed_read(s->arena, s->after, &l);
    const struct managed_entry *e = managed_find(&l, &m, true);
    if (!fieldset_equal(e != NULL ? e->set : NULL, fieldset_intersection(s->arena, wanted, all)))
        fail_step(s, "the manager does not own what it applied, or more");
    /* Putting the same in by hand changes nothing. */
    json_auto_t *again = json_deep_copy(s->after);
    struct field_changes c = fields_compare(s->arena, &tables, config, again);
    const struct fieldset *differs = fieldset_intersection(s->arena, c.modified, wanted);
    const json_t *spec = json_object_get(config, "Spec"), *metadata = json_object_get(config, "metadata");
    if (!stored_is_empty(spec) && !stored_is_empty(metadata) && differs != NULL)
        fail_step(s, "a value is not what was applied");
}

static struct managed_by by(const char *manager, int64_t now_s) {
    return (struct managed_by) { .manager = str_of(manager),
                                 .api_version = STR("auth.tkestack.io/v1"),
                                 .now_s = now_s };
}

static void step_apply(struct step *s, int64_t now_s) {
    static const char *const managers[] = { "a", "b", "c" };
    const char *manager = managers[draw(ARRAY_LEN(managers))];
    struct err err = { 0 };
    struct apply_result result, again;
    json_auto_t *config = random_config();
    bool known = json_object_get(json_object_get(s->before, "metadata"), "managedFields") != NULL;
    struct apply_request r = {
        .tables = &tables, .live = s->before, .applied = config, .by = by(manager, now_s), .force = maybe(3)
    };
    s->what = json_dumps(config, 0);
    enum err_code rc = apply_configuration(s->arena, &r, &result, &err);
    if (rc == ERR_CONFLICT && !r.force) {
        assert_true(result.conflict_count > 0);
        s->after = json_deep_copy(s->before);
        r.force = true; /* goes through then; what comes out does not matter here */
        assert_int_equal(apply_configuration(s->arena, &r, &again, &err), ERR_OK);
        json_decref(again.object);
        return;
    }
    if (rc != ERR_OK)
        fail_msg("%s: %s", s->what, err.detail);
    s->after = result.object;
    if (!r.force && known)
        check_others(s, manager);
    check_wanted(s, manager, config);
    r.live = s->after;
    r.by.now_s = now_s + 1000;
    assert_int_equal(apply_configuration(s->arena, &r, &again, &err), ERR_OK);
    if (!json_equal(again.object, s->after))
        fail_step(s, json_dumps(again.object, 0));
    json_decref(again.object);
}

static void step_update(struct step *s, int64_t now_s) {
    static const char *const managers[] = { "a", "u", "v", "w", "x", "y", "z", "r", "s", "t", "p", "q" };
    struct managed_by m = by(managers[draw(ARRAY_LEN(managers))], now_s);
    struct err err = { 0 };
    json_t *managed = NULL;
    s->what = "update";
    s->after = random_update(s->before);
    assert_int_equal(managed_update(&tables, s->before, s->after, &m, &managed, &err), ERR_OK);
    assert_int_equal(managed_set_take(s->after, managed, &err), ERR_OK);
}

static void run_sequence(uint32_t number) {
    seed = sequence = number;
    json_t *object = maybe(2) ? NULL : random_update(NULL);
    for (int i = 0; i < STEPS; i++) {
        AUTO_FREE(arena_free) struct arena *a = arena_new(ARENA_MAX);
        struct step s = { .arena = a, .before = object };
        int64_t now_s = 1700000000 + i / 2;
        bool apply = maybe(2);
        if (apply)
            step_apply(&s, now_s);
        else
            step_update(&s, now_s);
        check_bookkeeping(&s);
        if (apply)
            free((char *)(uintptr_t)s.what);
        json_decref(object);
        object = s.after;
    }
    json_decref(object);
}

static void random_sequences_keep_the_bookkeeping_true(void **state) {
    (void)state;
    for (uint32_t i = 0; i < SEQUENCES; i++)
        run_sequence(i);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_sequences_keep_the_bookkeeping_true),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
