/* Secrets and index keys. */
#include "conformance/store/env.h"

static const struct str KIND = { "clients", 7 };
#define SECRET "s3cret-of-web"

static void write_secret(struct env *e, const char *name, struct str secret) {
    struct err err = { 0 };
    struct store_write w = new_object(KIND, name, "{}");
    w.secret = secret;
    w.expected = STORE_EXPECT_ANY;
    assert_ok(store_write(e->store, &w, NULL, &err));
}

static struct store_object get_whole(struct env *e, const char *name) {
    struct err err = { 0 };
    struct store_object o = { .revision = -1 };
    assert_ok(store_get_whole(e->store, e->arena, KIND, str_of(name), &o, &err));
    return o;
}

/* ---- secrets ---- */

static void a_secret_stays_until_it_is_replaced_or_taken_away(void **state) {
    struct env *e = *state;
    write_secret(e, "web", STR_NULL);
    assert_null(get_whole(e, "web").secret.ptr);
    write_secret(e, "web", STR(SECRET));
    assert_str(get_whole(e, "web").secret, SECRET);
    write_secret(e, "web", STR_NULL); /* as it is */
    assert_str(get_whole(e, "web").secret, SECRET);
    write_secret(e, "web", (struct str) { "a\0b", 3 });
    assert_true(str_eq(get_whole(e, "web").secret, (struct str) { "a\0b", 3 }));
    write_secret(e, "web", STR("")); /* none */
    assert_null(get_whole(e, "web").secret.ptr);
    write_secret(e, "web", STR(SECRET));
    (void)remove_object(e, KIND, "web"); /* it goes with its object */
    write_secret(e, "web", STR_NULL);
    assert_null(get_whole(e, "web").secret.ptr);
}

static enum err_code count_secrets(void *ctx, const struct store_object *o, struct err *err) {
    (void)err;
    *(size_t *)ctx += str_eq(o->secret, STR(SECRET));
    assert_true(o->secret.ptr == NULL || o->secret.len > 0);
    return ERR_OK;
}

static enum err_code refuse_secrets(void *ctx, const struct store_change *c, struct err *err) {
    ++*(size_t *)ctx;
    bool told = str_contains(c->body, STR(SECRET)) || str_contains(c->prev, STR(SECRET));
    return told ? err_set(err, ERR_FORBIDDEN, "a secret in the history") : ERR_OK;
}

static void secrets_are_only_where_they_are_asked_for(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    write_secret(e, "a", STR(SECRET));
    write_secret(e, "b", STR_NULL);
    write_secret(e, "a", STR(SECRET));
    assert_null(get_object(e, KIND, "a").secret.ptr);
    assert_str(get_whole(e, "a").secret, SECRET);

    size_t secrets = 0, changes = 0;
    struct store_query q = { .kind = KIND, .each = count_secrets, .ctx = &secrets };
    assert_ok(store_list(e->store, &q, NULL, &err));
    assert_int_equal(secrets, 0);
    q.at_revision = 1;
    assert_ok(store_list(e->store, &q, NULL, &err));
    assert_int_equal(secrets, 0);
    q.with_secret = true;
    assert_int_equal(store_list(e->store, &q, NULL, &err), ERR_INVALID); /* the past has none */
    q.at_revision = 0;
    assert_ok(store_list(e->store, &q, NULL, &err));
    assert_int_equal(secrets, 1);

    (void)remove_object(e, KIND, "a");
    int64_t seen = 0;
    assert_ok(store_changes(e->store, STR_NULL, 0, 100, refuse_secrets, &changes, &seen, &err));
    assert_int_equal(changes, 4);
}

/* ---- index keys ---- */

static struct store_write with_keys(const char *name, const struct store_index *indexes, size_t n) {
    struct store_write w = new_object(KIND, name, name);
    w.indexes = indexes;
    w.index_count = n;
    w.expected = STORE_EXPECT_ANY;
    return w;
}

static enum err_code write_key(struct env *e, const char *name, const char *key, bool unique) {
    struct store_index index = { str_of(key), unique };
    struct store_write w = with_keys(name, &index, 1);
    return try_write(e, &w);
}

/* Its name, with "..." when there are more; "" when there is none. */
static const char *find(struct env *e, struct str key) {
    struct err err = { 0 };
    struct store_object o;
    bool more = false;
    enum err_code rc = store_find_whole(e->store, e->arena, KIND, key, &o, &more, &err);
    if (rc == ERR_NOT_FOUND)
        return "";
    assert_int_equal(rc, ERR_OK);
    const char *text = arena_printf(e->arena, "%.*s%s", STR_FMT(o.name), more ? "..." : "");
    assert_non_null(text);
    return text;
}

static const char *names_with(struct env *e, struct str key, const char *after, size_t limit) {
    return list_text(
        e, (struct store_query) {
               .kind = KIND, .key = key, .after = str_of(after), .limit = limit, .each = text_name });
}

static void an_object_is_found_by_its_keys(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    const struct store_index indexes[] = { { STR("tenant/t1"), false }, { STR("owner/ana"), false } };
    const char *const names[] = { "c", "a", "d", "b" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct store_write w = with_keys(names[i], indexes, i < 3 ? 2 : 1);
        assert_int_equal(try_write(e, &w), ERR_OK);
    }
    create(e, KIND, "aa", "without keys");
    struct store_write other = with_keys("a", indexes, 2);
    other.kind = STR("clientss");
    assert_int_equal(try_write(e, &other), ERR_OK);

    assert_string_equal(find(e, STR("owner/ana")), "a...");
    assert_string_equal(find(e, STR("owner/an")), "");
    assert_string_equal(names_with(e, STR("owner/ana"), NULL, 0), "a c d ");
    assert_string_equal(names_with(e, STR("tenant/t1"), NULL, 0), "a b c d ");
    assert_string_equal(names_with(e, STR("tenant/t1"), NULL, 2), "a b ");
    assert_string_equal(names_with(e, STR("tenant/t1"), "b", 2), "c d ");
    assert_string_equal(names_with(e, STR("tenant/t1"), "bb", 1), "c ");
    assert_string_equal(names_with(e, STR("tenant/t1"), "d", 0), "");
    assert_string_equal(names_with(e, STR("tenant/t2"), NULL, 0), "");

    struct store_write w = with_keys("b", indexes, 1);
    w.secret = STR(SECRET);
    w.body = STR("{\"b\":1}");
    assert_int_equal(try_write(e, &w), ERR_OK);
    struct store_object o;
    for (size_t i = 0; i < 3; i++)
        (void)remove_object(e, KIND, names[i]);
    assert_ok(store_find_whole(e->store, e->arena, KIND, STR("tenant/t1"), &o, NULL, &err));
    assert_str(o.kind, "clients");
    assert_str(o.name, "b");
    assert_str(o.body, "{\"b\":1}");
    assert_str(o.secret, SECRET);
    assert_int_equal(o.revision, get_object(e, KIND, "b").revision);
}

static void the_keys_are_those_of_the_last_write(void **state) {
    struct env *e = *state;
    static const struct {
        const char *keys[4];
    } writes[] = {
        { { "a", "b", "c" } }, { { "c", "b", "a" } }, { { "b", "d" } },  { { NULL } },
        { { "a" } },           { { "e", "a", "0" } }, { { "z", "zz" } },
    };
    for (size_t i = 0; i < ARRAY_LEN(writes); i++) {
        struct store_index indexes[4];
        size_t n = 0;
        for (; writes[i].keys[n] != NULL; n++)
            indexes[n] = (struct store_index) { str_of(writes[i].keys[n]), n % 2 == 0 };
        struct store_write w = with_keys("o", indexes, n);
        assert_int_equal(try_write(e, &w), ERR_OK);
        static const char *const all[] = { "0", "a", "b", "c", "d", "e", "z", "zz" };
        for (size_t k = 0; k < ARRAY_LEN(all); k++) {
            bool has = false;
            for (size_t j = 0; j < n; j++)
                has |= strcmp(writes[i].keys[j], all[k]) == 0;
            assert_string_equal(find(e, str_of(all[k])), has ? "o" : "");
            assert_string_equal(names_with(e, str_of(all[k]), NULL, 0), has ? "o " : "");
        }
    }
    (void)remove_object(e, KIND, "o");
    assert_string_equal(find(e, STR("z")), "");
    create(e, KIND, "o", "again"); /* does not bring them back */
    assert_string_equal(find(e, STR("z")), "");
}

static void a_unique_key_belongs_to_one_object_of_the_kind(void **state) {
    struct env *e = *state;
    assert_int_equal(write_key(e, "a", "k", true), ERR_OK);
    assert_int_equal(write_key(e, "a", "k", true), ERR_OK); /* its own */
    assert_int_equal(write_key(e, "b", "k", true), ERR_EXISTS);
    assert_int_equal(write_key(e, "b", "k", false), ERR_EXISTS); /* at most one has it at all */
    assert_int_equal(write_key(e, "b", "l", true), ERR_OK);
    assert_int_equal(write_key(e, "b", "k", true), ERR_EXISTS);
    assert_string_equal(find(e, STR("l")), "b"); /* what was refused changed nothing */
    assert_string_equal(find(e, STR("k")), "a");
    struct store_index index = { STR("k"), true };
    struct store_write other = with_keys("b", &index, 1);
    other.kind = STR("users");
    assert_int_equal(try_write(e, &other), ERR_OK);

    assert_int_equal(write_key(e, "a", "k", false), ERR_OK); /* no longer alone by right */
    assert_int_equal(write_key(e, "b", "k", true), ERR_EXISTS);
    assert_int_equal(write_key(e, "b", "k", false), ERR_OK);
    assert_int_equal(write_key(e, "a", "k", true), ERR_EXISTS);
    assert_int_equal(write_key(e, "c", "k", false), ERR_OK);
    assert_string_equal(names_with(e, STR("k"), NULL, 0), "a b c ");
    (void)remove_object(e, KIND, "a");
    (void)remove_object(e, KIND, "c");
    assert_int_equal(write_key(e, "b", "k", true), ERR_OK);
    (void)remove_object(e, KIND, "b");
    assert_int_equal(write_key(e, "c", "k", true), ERR_OK); /* free again */
}

static void a_write_that_is_refused_for_a_key_changes_nothing(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_int_equal(write_key(e, "a", "token-digest", true), ERR_OK);
    assert_int_equal(write_key(e, "b", "other", false), ERR_OK);
    int64_t revision = revision_of(e);
    uint64_t writes = writes_of(e);
    const struct store_index indexes[] = { { STR("new"), false }, { STR("token-digest"), true } };
    for (int i = 0; i < 2; i++) {
        struct store_write w = with_keys(i == 0 ? "b" : "c", indexes, 2);
        w.body = STR("changed");
        w.secret = STR("changed");
        assert_int_equal(store_write(e->store, &w, NULL, &err), ERR_EXISTS);
        assert_null(strstr(err.detail, "token-digest")); /* it may be what a secret is found by */
    }
    assert_int_equal(revision_of(e), revision);
    assert_int_equal(writes_of(e), writes);
    assert_str(get_whole(e, "b").body, "b");
    assert_null(get_whole(e, "b").secret.ptr);
    assert_false(exists(e, KIND, "c"));
    assert_string_equal(find(e, STR("new")), "");
    assert_string_equal(find(e, STR("other")), "b");
    assert_string_equal(changes_text(e, STR_NULL, revision), "");
}

static void a_key_given_twice_is_one(void **state) {
    struct env *e = *state;
    const struct store_index indexes[] = { { STR("k"), false }, { STR("l"), false }, { STR("k"), true } };
    struct store_write w = with_keys("a", indexes, 3);
    assert_int_equal(try_write(e, &w), ERR_OK);
    assert_string_equal(names_with(e, STR("k"), NULL, 0), "a ");
    assert_int_equal(write_key(e, "b", "k", false), ERR_EXISTS); /* unique since either was */
    assert_int_equal(write_key(e, "b", "l", false), ERR_OK);
}

static void keys_are_bytes_and_have_limits(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    static char big[STORE_INDEX_KEY_MAX + 1];
    memset(big, 'k', sizeof big);
    const struct {
        struct str key;
        enum err_code rc;
    } cases[] = {
        { { big, STORE_INDEX_KEY_MAX }, ERR_OK },
        { { big, STORE_INDEX_KEY_MAX + 1 }, ERR_LIMIT },
        { STR_NULL, ERR_INVALID },
        { STR(""), ERR_INVALID },
        { { "a\0b", 3 }, ERR_OK },
        { { "\0", 1 }, ERR_OK },
        { STR("\xff\x01"), ERR_OK },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_index index = { cases[i].key, true };
        struct store_write w = with_keys("o", &index, 1);
        struct store_object o;
        assert_int_equal(try_write(e, &w), cases[i].rc);
        enum err_code found = store_find_whole(e->store, e->arena, KIND, cases[i].key, &o, NULL, &err);
        assert_int_equal(found, cases[i].rc);
        struct store_query q = {
            .kind = KIND, .key = cases[i].key, .each = text_name, .ctx = &(struct text) { .items = 0 }
        };
        if (cases[i].key.ptr != NULL) /* none: the whole kind */
            assert_int_equal(store_list(e->store, &q, NULL, &err), cases[i].rc);
    }
    assert_string_equal(find(e, STR("a")), ""); /* nothing was cut at its NUL */
}

static void an_object_may_have_thousands_of_keys(void **state) {
    enum { N = 3000 };
    struct env *e = *state;
    static struct store_index indexes[N];
    for (size_t i = 0; i < N; i++) {
        const char *key = arena_printf(e->arena, "user/%05zu", i * 7919 % N);
        assert_non_null(key);
        indexes[i] = (struct store_index) { str_of(key), false };
    }
    struct store_write w = with_keys("o", indexes, N);
    assert_int_equal(try_write(e, &w), ERR_OK);
    assert_string_equal(find(e, STR("user/00000")), "o");
    assert_string_equal(find(e, STR("user/02999")), "o");
    indexes[17].key = STR("user/new");
    w.index_count = N - 1;
    assert_int_equal(try_write(e, &w), ERR_OK);
    size_t found = 0;
    for (size_t i = 0; i < N; i++) {
        const char *key = arena_printf(e->arena, "user/%05zu", i);
        assert_non_null(key);
        found += strcmp(find(e, str_of(key)), "o") == 0;
    }
    assert_int_equal(found, N - 2);
    assert_string_equal(find(e, STR("user/new")), "o");
}

const struct test_case key_cases[] = {
    CASE(a_secret_stays_until_it_is_replaced_or_taken_away),
    CASE(secrets_are_only_where_they_are_asked_for),
    CASE(an_object_is_found_by_its_keys),
    CASE(the_keys_are_those_of_the_last_write),
    CASE(a_unique_key_belongs_to_one_object_of_the_kind),
    CASE(a_write_that_is_refused_for_a_key_changes_nothing),
    CASE(a_key_given_twice_is_one),
    CASE(keys_are_bytes_and_have_limits),
    CASE(an_object_may_have_thousands_of_keys),
    { NULL, NULL },
};
