#include "conformance/store/env.h"

static const struct str KIND = { "clients", 7 };

static void a_created_object_is_read_back(void **state) {
    struct env *e = *state;
    int64_t revision = create(e, KIND, "web", "{\"id\":\"web\"}");
    struct store_object o = get_object(e, KIND, "web");
    assert_str(o.kind, "clients");
    assert_str(o.name, "web");
    assert_str(o.body, "{\"id\":\"web\"}");
    assert_int_equal(o.revision, revision);
    assert_true(revision > 0);
}

static void a_body_is_kept_byte_by_byte(void **state) {
    struct env *e = *state;
    static const char bytes[] = "a\0b\n\xc3\xa9";
    struct str body = { bytes, sizeof bytes - 1 };
    struct store_write w = new_object(KIND, "odd", NULL);
    w.body = body;
    assert_int_equal(try_write(e, &w), ERR_OK);
    assert_true(str_eq(get_object(e, KIND, "odd").body, body));
    create(e, KIND, "empty", NULL);
    assert_int_equal(get_object(e, KIND, "empty").body.len, 0);
}

static void a_name_is_created_once_per_kind(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    int64_t first = create(e, KIND, "web", "1");
    int64_t revision = -1;
    struct store_write w = new_object(KIND, "web", "2");
    assert_int_equal(store_write(e->store, &w, &revision, &err), ERR_EXISTS);
    assert_int_equal(revision, -1);
    assert_str(get_object(e, KIND, "web").body, "1");
    assert_int_equal(kind_revision(e, KIND), first); /* the failed call took no revision */
    assert_int_equal(create(e, STR("users"), "web", "3"), first + 1);
}

static void what_is_absent_is_not_found(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_object o;
    assert_int_equal(store_get(e->store, e->arena, KIND, STR("no"), &o, &err), ERR_NOT_FOUND);
    assert_int_equal(store_get_whole(e->store, e->arena, KIND, STR("no"), &o, &err), ERR_NOT_FOUND);
    assert_int_equal(store_find_whole(e->store, e->arena, KIND, STR("no"), &o, NULL, &err), ERR_NOT_FOUND);
    assert_int_equal(try_replace(e, KIND, "no", "1", 7), ERR_NOT_FOUND);
    assert_int_equal(store_delete(e->store, KIND, STR("no"), STORE_EXPECT_ANY, false, &err), ERR_NOT_FOUND);
    assert_int_equal(store_delete(e->store, KIND, STR("no"), 7, true, &err), ERR_NOT_FOUND);
    assert_int_equal(writes_of(e), 0);
    assert_int_equal(revision_of(e), 0);
}

static void a_write_wants_what_it_was_made_from(void **state) {
    struct env *e = *state;
    int64_t first = create(e, KIND, "web", "1");
    assert_int_equal(try_replace(e, KIND, "web", "2", first), ERR_OK);
    int64_t second = get_object(e, KIND, "web").revision;
    assert_int_equal(second, first + 1);
    assert_int_equal(try_replace(e, KIND, "web", "x", first), ERR_CONFLICT);
    assert_int_equal(try_replace(e, KIND, "web", "x", second + 1), ERR_CONFLICT);
    assert_int_equal(try_replace(e, KIND, "web", "x", STORE_EXPECT_ABSENT), ERR_EXISTS);
    assert_int_equal(try_replace(e, KIND, "web", "x", -2), ERR_INVALID);
    assert_str(get_object(e, KIND, "web").body, "2");
    assert_int_equal(replace(e, KIND, "web", "3"), second + 1); /* whatever is there */
    assert_int_equal(replace(e, KIND, "new", "1"), second + 2); /* or nothing */
    assert_int_equal(revision_of(e), second + 2);
}

static void a_delete_wants_the_revision_it_was_made_from(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    int64_t revision = create(e, KIND, "web", "1");
    assert_int_equal(store_delete(e->store, KIND, STR("web"), revision + 7, false, &err), ERR_CONFLICT);
    assert_int_equal(store_delete(e->store, KIND, STR("web"), STORE_EXPECT_ABSENT, false, &err), ERR_INVALID);
    assert_ok(store_delete(e->store, KIND, STR("web"), revision, false, &err));
    assert_false(exists(e, KIND, "web"));
    assert_int_equal(create(e, KIND, "web", "2"), revision + 2); /* a deletion takes one, too */
    assert_int_equal(remove_object(e, KIND, "web"), revision + 3);
}

static void a_kind_has_the_revision_of_its_last_write(void **state) {
    struct env *e = *state;
    assert_int_equal(kind_revision(e, KIND), 0);
    int64_t one = create(e, KIND, "web", "1");
    assert_int_equal(kind_revision(e, KIND), one);
    int64_t two = create(e, STR("users"), "ana", "1");
    assert_int_equal(kind_revision(e, KIND), one);
    assert_int_equal(kind_revision(e, STR("users")), two);
    assert_int_equal(revision_of(e), two);
    (void)remove_object(e, KIND, "web");
    assert_int_equal(kind_revision(e, KIND), two + 1); /* a deletion is a change, too */
    struct store_write w = new_object(KIND, "quiet", "1");
    w.unrecorded = true;
    assert_int_equal(try_write(e, &w), ERR_OK);
    assert_int_equal(kind_revision(e, KIND), two + 2); /* and so is what nobody is told */
    assert_int_equal(revision_of(e), two + 2);
}

static const char *names_from(struct env *e, const char *after, size_t limit) {
    return list_text(
        e, (struct store_query) { .kind = KIND, .after = str_of(after), .limit = limit, .each = text_name });
}

static void a_list_is_in_name_order_and_of_one_kind(void **state) {
    struct env *e = *state;
    assert_string_equal(names_from(e, NULL, 0), "");
    create(e, KIND, "b", "2");
    create(e, KIND, "a", "1");
    create(e, KIND, "B", "0");
    create(e, KIND, "b-2", "3");
    create(e, STR("clientss"), "a", "x");
    create(e, STR("client"), "c", "x");
    assert_string_equal(list_text(e, (struct store_query) { .kind = KIND }), "B=0@3 a=1@2 b=2@1 b-2=3@4 ");
}

static void a_list_goes_on_after_a_name(void **state) {
    struct env *e = *state;
    create(e, KIND, "a", "1");
    create(e, KIND, "b", "2");
    create(e, KIND, "d", "3");
    assert_string_equal(names_from(e, NULL, 2), "a b ");
    assert_string_equal(names_from(e, "b", 2), "d ");
    assert_string_equal(names_from(e, "c", 1), "d ");
    assert_string_equal(names_from(e, "d", 2), "");
}

struct listed {
    struct env *env;
    size_t len;
    enum err_code stop_with; /* ERR_OK: go on */
};

static enum err_code count_or_stop(void *ctx, const struct store_object *o, struct err *err) {
    struct listed *l = ctx;
    (void)o;
    l->len++;
    return l->stop_with == ERR_OK ? ERR_OK : err_set(err, l->stop_with, "enough");
}

static void an_error_of_the_callback_ends_the_list(void **state) {
    struct env *e = *state;
    create(e, KIND, "a", "1");
    create(e, KIND, "b", "2");
    static const enum err_code codes[] = { ERR_FORBIDDEN, ERR_UNAVAILABLE, ERR_INTERNAL };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct err err = { 0 };
        struct listed l = { .stop_with = codes[i] };
        int64_t revision = -1;
        struct store_query q = { .kind = KIND, .each = count_or_stop, .ctx = &l };
        assert_int_equal(store_list(e->store, &q, &revision, &err), codes[i]);
        assert_string_equal(err.detail, "enough");
        assert_int_equal(l.len, 1);
        assert_int_equal(revision, -1);
        assert_string_equal(names_from(e, NULL, 0), "a b "); /* and nothing is left locked */
        assert_ok(store_health(e->store, &err));             /* it was not the storage's fault */
    }
}

static enum err_code touch_each(void *ctx, const struct store_object *o, struct err *err) {
    struct listed *l = ctx;
    l->len++;
    struct store_write w = { o->kind, o->name, STR("touched"), .expected = o->revision };
    return store_write(l->env->store, &w, NULL, err);
}

static void the_callback_may_write_and_the_list_stays_as_it_was(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    create(e, KIND, "a", "1");
    create(e, KIND, "b", "2");
    struct listed l = { .env = e };
    struct store_query q = { .kind = KIND, .each = touch_each, .ctx = &l };
    int64_t revision = 0;
    assert_ok(store_list(e->store, &q, &revision, &err));
    assert_int_equal(l.len, 2);
    assert_int_equal(revision, 2); /* of what was listed */
    assert_string_equal(list_text(e, (struct store_query) { .kind = KIND }), "a=touched@3 b=touched@4 ");
}

static void names_kinds_and_bodies_have_limits(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    static char big[STORE_OBJECT_MAX + 1];
    memset(big, 'x', sizeof big);
    struct str name_max = { big, STORE_NAME_MAX }, kind_max = { big, STORE_KIND_MAX };
    struct store_write w = {
        kind_max, name_max, { big, STORE_OBJECT_MAX }, .secret = { big, STORE_SECRET_MAX }
    };
    assert_ok(store_write(e->store, &w, NULL, &err));
    struct store_object o;
    assert_ok(store_get_whole(e->store, e->arena, kind_max, name_max, &o, &err));
    assert_int_equal(o.body.len, STORE_OBJECT_MAX);
    assert_int_equal(o.secret.len, STORE_SECRET_MAX);

    w = new_object(KIND, "big", NULL);
    w.body = (struct str) { big, sizeof big };
    assert_int_equal(try_write(e, &w), ERR_LIMIT);
    w.body = STR("{}");
    w.secret = (struct str) { big, STORE_SECRET_MAX + 1 };
    assert_int_equal(try_write(e, &w), ERR_LIMIT);
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
        assert_int_equal(
            try_write(e, &(struct store_write) { .kind = refused[i].kind, .name = refused[i].name }),
            ERR_INVALID);
    assert_int_equal(writes_of(e), 1);
}

const struct test_case object_cases[] = {
    CASE(a_created_object_is_read_back),
    CASE(a_body_is_kept_byte_by_byte),
    CASE(a_name_is_created_once_per_kind),
    CASE(what_is_absent_is_not_found),
    CASE(a_write_wants_what_it_was_made_from),
    CASE(a_delete_wants_the_revision_it_was_made_from),
    CASE(a_kind_has_the_revision_of_its_last_write),
    CASE(a_list_is_in_name_order_and_of_one_kind),
    CASE(a_list_goes_on_after_a_name),
    CASE(an_error_of_the_callback_ends_the_list),
    CASE(the_callback_may_write_and_the_list_stays_as_it_was),
    CASE(names_kinds_and_bodies_have_limits),
    { NULL, NULL },
};
