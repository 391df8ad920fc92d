#include "conformance/store/env.h"

static const struct str KIND = { "clients", 7 };

static int64_t create(struct env *e, struct str kind, const char *name, const char *body) {
    struct err err = { 0 };
    int64_t revision = 0;
    assert_ok(store_create(e->store, kind, str_of(name), str_of(body), &revision, &err));
    return revision;
}

static int64_t kind_revision(struct env *e, struct str kind) {
    struct err err = { 0 };
    int64_t revision = -1;
    assert_ok(store_kind_revision(e->store, kind, &revision, &err));
    return revision;
}

static struct store_object get(struct env *e, struct str kind, const char *name) {
    struct err err = { 0 };
    struct store_object o = { .revision = -1 };
    assert_ok(store_get(e->store, e->arena, kind, str_of(name), &o, &err));
    return o;
}

static void a_created_object_is_read_back(void **state) {
    struct env *e = *state;
    int64_t revision = create(e, KIND, "web", "{\"id\":\"web\"}");
    struct store_object o = get(e, KIND, "web");
    assert_str(o.kind, "clients");
    assert_str(o.name, "web");
    assert_str(o.body, "{\"id\":\"web\"}");
    assert_int_equal(o.revision, revision);
    assert_true(revision > 0);
}

static void a_body_is_kept_byte_by_byte(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    static const char bytes[] = "a\0b\n\xc3\xa9";
    struct str body = { bytes, sizeof bytes - 1 };
    assert_ok(store_create(e->store, KIND, STR("odd"), body, NULL, &err));
    assert_true(str_eq(get(e, KIND, "odd").body, body));
    assert_ok(store_create(e->store, KIND, STR("empty"), STR_NULL, NULL, &err));
    assert_int_equal(get(e, KIND, "empty").body.len, 0);
}

static void a_name_is_created_once_per_kind(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    int64_t first = create(e, KIND, "web", "1");
    int64_t revision = -1;
    assert_int_equal(store_create(e->store, KIND, STR("web"), STR("2"), &revision, &err), ERR_EXISTS);
    assert_int_equal(revision, -1);
    assert_str(get(e, KIND, "web").body, "1");
    assert_int_equal(kind_revision(e, KIND), first); /* the failed call took no revision */
    assert_int_equal(create(e, STR("users"), "web", "3"), first + 1);
}

static void what_is_absent_is_not_found(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_object o;
    assert_int_equal(store_get(e->store, e->arena, KIND, STR("no"), &o, &err), ERR_NOT_FOUND);
    assert_int_equal(store_update(e->store, KIND, STR("no"), STR("1"), 0, NULL, &err), ERR_NOT_FOUND);
    assert_int_equal(store_delete(e->store, KIND, STR("no"), 0, &err), ERR_NOT_FOUND);
    assert_int_equal(writes_of(e), 0);
}

static void an_update_wants_the_revision_it_was_made_from(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    int64_t first = create(e, KIND, "web", "1"), second = 0, third = 0;
    assert_ok(store_update(e->store, KIND, STR("web"), STR("2"), first, &second, &err));
    assert_int_equal(second, first + 1);
    assert_int_equal(store_update(e->store, KIND, STR("web"), STR("x"), first, NULL, &err), ERR_CONFLICT);
    assert_str(get(e, KIND, "web").body, "2");
    assert_ok(store_update(e->store, KIND, STR("web"), STR("3"), 0, &third, &err));
    assert_int_equal(third, second + 1);
    assert_int_equal(get(e, KIND, "web").revision, third);
}

static void a_delete_wants_the_revision_it_was_made_from(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_object o;
    int64_t revision = create(e, KIND, "web", "1");
    assert_int_equal(store_delete(e->store, KIND, STR("web"), revision + 7, &err), ERR_CONFLICT);
    assert_ok(store_delete(e->store, KIND, STR("web"), revision, &err));
    assert_int_equal(store_get(e->store, e->arena, KIND, STR("web"), &o, &err), ERR_NOT_FOUND);
    assert_int_equal(create(e, KIND, "web", "2"), revision + 2);
}

static void a_kind_has_the_revision_of_its_last_write(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_int_equal(kind_revision(e, KIND), 0);
    int64_t one = create(e, KIND, "web", "1");
    assert_int_equal(kind_revision(e, KIND), one);
    int64_t two = create(e, STR("users"), "ana", "1");
    assert_int_equal(kind_revision(e, KIND), one);
    assert_int_equal(kind_revision(e, STR("users")), two);
    assert_ok(store_delete(e->store, KIND, STR("web"), 0, &err));
    assert_int_equal(kind_revision(e, KIND), two + 1); /* a deletion is a change, too */
}

struct listed {
    char names[256];
    size_t len;
    size_t stop_after; /* 0: never */
    struct env *env;
};

static enum err_code collect(void *ctx, const struct store_object *o, struct err *err) {
    struct listed *l = ctx;
    size_t used = strlen(l->names);
    (void)snprintf(l->names + used, sizeof l->names - used, "%.*s=%.*s ", STR_FMT(o->name), STR_FMT(o->body));
    l->len++;
    if (l->len == l->stop_after)
        return err_set(err, ERR_FORBIDDEN, "enough");
    return ERR_OK;
}

static struct listed list(struct env *e, struct str after, size_t limit) {
    struct err err = { 0 };
    struct listed l = { .len = 0 };
    int64_t revision = -1;
    assert_ok(store_list(e->store, KIND, after, limit, collect, &l, &revision, &err));
    assert_int_equal(revision, kind_revision(e, KIND));
    return l;
}

static void a_list_is_in_name_order_and_of_one_kind(void **state) {
    struct env *e = *state;
    assert_string_equal(list(e, STR_NULL, 0).names, "");
    create(e, KIND, "b", "2");
    create(e, KIND, "a", "1");
    create(e, KIND, "B", "0");
    create(e, KIND, "b-2", "3");
    create(e, STR("clientss"), "a", "x");
    create(e, STR("client"), "c", "x");
    assert_string_equal(list(e, STR_NULL, 0).names, "B=0 a=1 b=2 b-2=3 ");
}

static void a_list_goes_on_after_a_name(void **state) {
    struct env *e = *state;
    create(e, KIND, "a", "1");
    create(e, KIND, "b", "2");
    create(e, KIND, "d", "3");
    assert_string_equal(list(e, STR_NULL, 2).names, "a=1 b=2 ");
    assert_string_equal(list(e, STR("b"), 2).names, "d=3 ");
    assert_string_equal(list(e, STR("c"), 1).names, "d=3 ");
    assert_string_equal(list(e, STR("d"), 2).names, "");
}

static void an_error_of_the_callback_ends_the_list(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    create(e, KIND, "a", "1");
    create(e, KIND, "b", "2");
    struct listed l = { .stop_after = 1 };
    int64_t revision = -1;
    assert_int_equal(store_list(e->store, KIND, STR_NULL, 0, collect, &l, &revision, &err), ERR_FORBIDDEN);
    assert_string_equal(err.detail, "enough");
    assert_int_equal(l.len, 1);
    assert_int_equal(revision, -1);
    assert_int_equal(list(e, STR_NULL, 0).len, 2); /* and nothing is left locked */
    assert_ok(store_health(e->store, &err));
}

static enum err_code touch_each(void *ctx, const struct store_object *o, struct err *err) {
    struct listed *l = ctx;
    l->len++;
    return store_update(l->env->store, o->kind, o->name, STR("touched"), o->revision, NULL, err);
}

static void the_callback_may_write_and_the_list_stays_as_it_was(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    create(e, KIND, "a", "1");
    create(e, KIND, "b", "2");
    struct listed l = { .env = e };
    assert_ok(store_list(e->store, KIND, STR_NULL, 0, touch_each, &l, NULL, &err));
    assert_int_equal(l.len, 2);
    assert_string_equal(list(e, STR_NULL, 0).names, "a=touched b=touched ");
}

static void names_kinds_and_bodies_have_limits(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    static char big[STORE_OBJECT_MAX + 1];
    memset(big, 'x', sizeof big);
    struct str name_max = { big, STORE_NAME_MAX }, kind_max = { big, STORE_KIND_MAX };
    assert_ok(store_create(e->store, kind_max, name_max, (struct str) { big, STORE_OBJECT_MAX }, NULL, &err));
    struct store_object o;
    assert_ok(store_get(e->store, e->arena, kind_max, name_max, &o, &err));
    assert_int_equal(o.body.len, STORE_OBJECT_MAX);

    assert_int_equal(store_create(e->store, KIND, STR("big"), (struct str) { big, sizeof big }, NULL, &err),
                     ERR_LIMIT);
    const struct {
        struct str kind, name;
    } refused[] = {
        { STR_NULL, STR("a") },          { (struct str) { big, STORE_KIND_MAX + 1 }, STR("a") },
        { STR("Clients"), STR("a") },    { STR("cli/ents"), STR("a") },
        { STR("clients"), STR_NULL },    { STR("clients"), (struct str) { big, STORE_NAME_MAX + 1 } },
        { STR("clients"), STR("a\nb") }, { STR("clients"), STR("a\0b") },
        { STR("clients"), STR("\xff") },
    };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        assert_int_equal(store_create(e->store, refused[i].kind, refused[i].name, STR("1"), NULL, &err),
                         ERR_INVALID);
    assert_int_equal(writes_of(e), 1);
}

const struct test_case object_cases[] = {
    CASE(a_created_object_is_read_back),
    CASE(a_body_is_kept_byte_by_byte),
    CASE(a_name_is_created_once_per_kind),
    CASE(what_is_absent_is_not_found),
    CASE(an_update_wants_the_revision_it_was_made_from),
    CASE(a_delete_wants_the_revision_it_was_made_from),
    CASE(a_kind_has_the_revision_of_its_last_write),
    CASE(a_list_is_in_name_order_and_of_one_kind),
    CASE(a_list_goes_on_after_a_name),
    CASE(an_error_of_the_callback_ends_the_list),
    CASE(the_callback_may_write_and_the_list_stays_as_it_was),
    CASE(names_kinds_and_bodies_have_limits),
    { NULL, NULL },
};
