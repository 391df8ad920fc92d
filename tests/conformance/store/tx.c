/* Several reads and writes, together or not at all. */
#include "conformance/store/env.h"

static const struct str CLIENTS = { "clients", 7 }, USERS = { "users", 5 }, RULES = { "rules", 5 };

static enum err_code tx_put(struct store_tx *tx, struct str kind, const char *name, const char *body,
                            const char *key, bool unique, struct err *err) {
    struct store_index index = { str_of(key), unique };
    struct store_write w = new_object(kind, name, body);
    w.expected = STORE_EXPECT_ANY;
    w.indexes = &index;
    w.index_count = key != NULL;
    return store_tx_write(tx, &w, NULL, err);
}

/* Everything there is to see of the store. */
static const char *dump(struct env *e) {
    const char *text = arena_printf(e->arena,
                                    "clients: %s\nkey k: %s\nkey l: %s\nusers: %s\nrules: %s\nowned: "
                                    "%s\nchanges: %s\n%lld %lld %lld %lld\n%llu",
                                    list_text(e, (struct store_query) { .kind = CLIENTS }),
                                    list_text(e, (struct store_query) { .kind = CLIENTS, .key = STR("k") }),
                                    list_text(e, (struct store_query) { .kind = CLIENTS, .key = STR("l") }),
                                    list_text(e, (struct store_query) { .kind = USERS }),
                                    list_text(e, (struct store_query) { .kind = RULES }),
                                    owned_text(e, RULES), changes_text(e, STR_NULL, 0),
                                    (long long)revision_of(e), (long long)kind_revision(e, CLIENTS),
                                    (long long)kind_revision(e, USERS), (long long)kind_revision(e, RULES),
                                    (unsigned long long)writes_of(e));
    assert_non_null(text);
    return text;
}

/* ---- all ---- */

static enum err_code write_two(void *ctx, struct store_tx *tx, struct err *err) {
    int64_t *revisions = ctx;
    struct store_write client = new_object(CLIENTS, "web", "1"), user = new_object(USERS, "ana", "2");
    enum err_code rc = store_tx_write(tx, &client, &revisions[0], err);
    return rc == ERR_OK ? store_tx_write(tx, &user, &revisions[1], err) : rc;
}

static void what_is_written_together_is_there_together(void **state) {
    struct env *e = *state;
    int64_t revisions[2] = { 0 };
    create(e, USERS, "bob", "0");
    int64_t last = transact(e, write_two, revisions);
    assert_int_equal(revisions[0], 2); /* one each */
    assert_int_equal(revisions[1], 3);
    assert_int_equal(last, 3);
    assert_int_equal(revision_of(e), 3);
    assert_int_equal(get_object(e, CLIENTS, "web").revision, 2);
    assert_int_equal(get_object(e, USERS, "ana").revision, 3);
    assert_int_equal(kind_revision(e, CLIENTS), 2);
    assert_int_equal(kind_revision(e, USERS), 3);
    assert_int_equal(writes_of(e), 2); /* one call each */
    assert_string_equal(changes_text(e, STR_NULL, 1), "2+clients/web=1<none@0 3+users/ana=2<none@0 ");
}

static enum err_code look_only(void *ctx, struct store_tx *tx, struct err *err) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(4096);
    struct store_object o;
    (void)ctx;
    return store_tx_get(tx, a, CLIENTS, STR("web"), &o, err);
}

static void a_transaction_that_only_looks_changes_nothing(void **state) {
    struct env *e = *state;
    create(e, CLIENTS, "web", "1");
    create(e, USERS, "ana", "1");
    const char *before = dump(e);
    assert_int_equal(transact(e, look_only, NULL), 2); /* the present revision */
    assert_string_equal(dump(e), before);
}

/* ---- or nothing ---- */

struct attempt {
    enum err_code fail_with; /* ERR_OK: it goes through */
    bool was_there;          /* result */
};

static enum err_code change_everything(void *ctx, struct store_tx *tx, struct err *err) {
    struct attempt *x = ctx;
    const struct store_owned first[] = { { STR("r2"), STR("2") }, { STR("r3"), STR("3") } };
    const struct store_owned second[] = { { STR("r1"), STR("x") }, { STR("r4"), STR("4") } };
    enum err_code rc = tx_put(tx, CLIENTS, "a", "changed", "l", true, err);
    if (rc == ERR_OK)
        rc = tx_put(tx, CLIENTS, "b", "changed", "k", false, err);
    if (rc == ERR_OK)
        rc = store_tx_delete(tx, CLIENTS, STR("c"), STORE_EXPECT_ANY, false, err);
    if (rc == ERR_OK)
        rc = tx_put(tx, CLIENTS, "c", "again", NULL, false, err);
    if (rc == ERR_OK)
        rc = tx_put(tx, CLIENTS, "d", "new", "k", false, err);
    if (rc == ERR_OK)
        rc = store_tx_delete(tx, CLIENTS, STR("d"), STORE_EXPECT_ANY, false, err);
    if (rc == ERR_OK)
        rc = tx_put(tx, STR("fresh"), "kind", "new", "k", true, err);
    if (rc == ERR_OK)
        rc = store_tx_set_owned(tx, RULES, STR("one"), first, 2, NULL, err);
    if (rc == ERR_OK)
        rc = store_tx_set_owned(tx, RULES, STR("two"), second, 2, NULL, err);
    if (rc == ERR_OK)
        rc = store_tx_delete(tx, USERS, STR("ana"), STORE_EXPECT_ANY, true, err);
    return rc != ERR_OK || x->fail_with == ERR_OK ? rc : err_set(err, x->fail_with, "no, after all");
}

static enum err_code set_up(void *ctx, struct store_tx *tx, struct err *err) {
    (void)ctx;
    const struct store_owned rules[] = { { STR("r1"), STR("1") }, { STR("r2"), STR("2") } };
    enum err_code rc = tx_put(tx, CLIENTS, "a", "1", "k", true, err);
    if (rc == ERR_OK)
        rc = tx_put(tx, CLIENTS, "b", "1", "l", false, err);
    if (rc == ERR_OK)
        rc = tx_put(tx, CLIENTS, "c", "1", "l", false, err);
    if (rc == ERR_OK)
        rc = tx_put(tx, USERS, "ana", "1", NULL, false, err);
    return rc == ERR_OK ? store_tx_set_owned(tx, RULES, STR("one"), rules, 2, NULL, err) : rc;
}

static void an_error_undoes_everything(void **state) {
    struct env *e = *state;
    (void)transact(e, set_up, NULL);
    /* "a" takes the unique key "l" that "b" and "c" have. */
    const char *before = dump(e);
    struct err err = { 0 };
    struct attempt refused = { .fail_with = ERR_OK };
    assert_int_equal(store_transact(e->store, change_everything, &refused, NULL, &err), ERR_EXISTS);
    assert_string_equal(dump(e), before);

    (void)remove_object(e, CLIENTS, "b");
    create(e, CLIENTS, "b", "1");
    (void)remove_object(e, CLIENTS, "c");
    create(e, CLIENTS, "c", "1");
    before = dump(e);
    static const enum err_code codes[] = { ERR_FORBIDDEN, ERR_CONFLICT, ERR_UNAVAILABLE, ERR_INTERNAL,
                                           ERR_NOMEM };
    for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
        struct attempt x = { .fail_with = codes[i] };
        int64_t revision = -1;
        assert_int_equal(store_transact(e->store, change_everything, &x, &revision, &err), codes[i]);
        assert_string_equal(err.detail, "no, after all");
        assert_int_equal(revision, -1);
        assert_string_equal(dump(e), before);
        assert_false(exists(e, STR("fresh"), "kind"));
        assert_int_equal(kind_revision(e, STR("fresh")), 0);
        assert_ok(store_health(e->store, &err)); /* a reason of its own is not the storage's */
    }

    int64_t revision = revision_of(e);
    struct attempt x = { .fail_with = ERR_OK };
    /* 7 writes, r3 comes, r1 goes with "one" and comes back with "two", r4 comes, ana goes */
    assert_int_equal(transact(e, change_everything, &x), revision + 12);
    assert_string_equal(list_text(e, (struct store_query) { .kind = CLIENTS }),
                        "a=changed@11 b=changed@12 c=again@14 ");
    assert_string_equal(
        list_text(e, (struct store_query) { .kind = CLIENTS, .key = STR("k"), .each = text_name }), "b ");
    assert_string_equal(owned_text(e, RULES), "one:r2 one:r3 two:r1 two:r4 ");
}

/* ---- what it sees ---- */

static enum err_code look_at_own_writes(void *ctx, struct store_tx *tx, struct err *err) {
    (void)ctx;
    AUTO_FREE(arena_free) struct arena *a = arena_new(64 * 1024);
    struct text all = { .items = 0 }, keyed = { .items = 0 };
    struct store_object o;
    struct store_write w = new_object(CLIENTS, "b", "2");
    w.secret = STR("s");
    w.indexes = &(struct store_index) { STR("k"), true };
    w.index_count = 1;
    int64_t revision = 0;
    WANT(store_tx_write(tx, &w, &revision, err) == ERR_OK);
    WANT(store_tx_get(tx, a, CLIENTS, STR("b"), &o, err) == ERR_OK);
    WANT(str_eq(o.body, STR("2")));
    WANT(str_eq(o.secret, STR("s"))); /* always whole */
    WANT(o.revision == revision);
    w.expected = revision; /* and what it has written it may write again */
    w.body = STR("3");
    WANT(store_tx_write(tx, &w, &revision, err) == ERR_OK);
    WANT(store_tx_delete(tx, CLIENTS, STR("a"), STORE_EXPECT_ANY, false, err) == ERR_OK);
    WANT(store_tx_get(tx, a, CLIENTS, STR("a"), &o, err) == ERR_NOT_FOUND);
    struct store_query q = { .kind = CLIENTS, .each = text_object, .ctx = &all };
    WANT(store_tx_list(tx, &q, err) == ERR_OK);
    WANT_TEXT(all.chars, "b=3@4 c=1@2 ");
    size_t count = 7;
    WANT(store_tx_count(tx, CLIENTS, 10, &count, err) == ERR_OK && count == 2);
    WANT(store_tx_count(tx, CLIENTS, 1, &count, err) == ERR_OK &&
         count == 1); /* not further than asked for */
    WANT(store_tx_count(tx, STR("clientsof"), 10, &count, err) == ERR_OK && count == 0);
    WANT(store_tx_count(tx, STR("client"), 10, &count, err) == ERR_OK && count == 0);
    q = (struct store_query) {
        .kind = CLIENTS, .key = STR("k"), .limit = 1, .each = text_name, .ctx = &keyed
    };
    WANT(store_tx_list(tx, &q, err) == ERR_OK);
    WANT_TEXT(keyed.chars, "b ");
    q.at_revision = 1;
    WANT(store_tx_list(tx, &q, err) == ERR_INVALID);
    return ERR_OK;
}

static void a_transaction_sees_what_it_has_written(void **state) {
    struct env *e = *state;
    create(e, CLIENTS, "a", "1");
    create(e, CLIENTS, "c", "1");
    assert_int_equal(transact(e, look_at_own_writes, NULL), 5);
    assert_string_equal(list_text(e, (struct store_query) { .kind = CLIENTS }), "b=3@4 c=1@2 ");
}

static enum err_code be_refused(void *ctx, struct store_tx *tx, struct err *err) {
    (void)ctx;
    struct store_write w = new_object(CLIENTS, "a", "x");
    WANT(store_tx_write(tx, &w, NULL, err) == ERR_EXISTS);
    w.expected = 99;
    WANT(store_tx_write(tx, &w, NULL, err) == ERR_CONFLICT);
    w.name = STR("no");
    WANT(store_tx_write(tx, &w, NULL, err) == ERR_NOT_FOUND);
    w.name = STR("a\n");
    WANT(store_tx_write(tx, &w, NULL, err) == ERR_INVALID);
    WANT(tx_put(tx, CLIENTS, "b", "x", "k", true, err) == ERR_EXISTS);
    WANT(store_tx_delete(tx, CLIENTS, STR("no"), STORE_EXPECT_ANY, false, err) == ERR_NOT_FOUND);
    WANT(store_tx_delete(tx, CLIENTS, STR("a"), 99, false, err) == ERR_CONFLICT);
    WANT(store_tx_delete(tx, CLIENTS, STR("a"), STORE_EXPECT_ABSENT, false, err) == ERR_INVALID);
    return tx_put(tx, CLIENTS, "c", "2", NULL, false, err);
}

static void what_is_refused_does_not_end_a_transaction(void **state) {
    struct env *e = *state;
    struct store_write w = new_object(CLIENTS, "a", "1");
    w.indexes = &(struct store_index) { STR("k"), true };
    w.index_count = 1;
    assert_int_equal(try_write(e, &w), ERR_OK);
    assert_int_equal(transact(e, be_refused, NULL), 2);
    assert_string_equal(list_text(e, (struct store_query) { .kind = CLIENTS }), "a=1@1 c=2@2 ");
}

static enum err_code hand_over(void *ctx, struct store_tx *tx, struct err *err) {
    bool *giver_first = ctx;
    enum err_code rc = ERR_OK;
    if (*giver_first)
        rc = tx_put(tx, CLIENTS, "a", "1", NULL, false, err);
    if (rc == ERR_OK)
        rc = tx_put(tx, CLIENTS, "b", "1", "k", true, err);
    return rc == ERR_OK ? tx_put(tx, CLIENTS, "a", "1", NULL, false, err) : rc;
}

static void a_unique_key_may_change_hands_once_it_is_given_up(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_write w = new_object(CLIENTS, "a", "1");
    w.indexes = &(struct store_index) { STR("k"), true };
    w.index_count = 1;
    assert_int_equal(try_write(e, &w), ERR_OK);
    assert_int_equal(store_transact(e->store, hand_over, &(bool) { false }, NULL, &err), ERR_EXISTS);
    assert_string_equal(list_text(e, (struct store_query) { .kind = CLIENTS, .key = STR("k") }), "a=1@1 ");
    (void)transact(e, hand_over, &(bool) { true });
    assert_string_equal(list_text(e, (struct store_query) { .kind = CLIENTS, .key = STR("k") }), "b=1@3 ");
}

/* ---- lists that write ---- */

struct walk {
    struct store_tx *tx;
    struct text seen, nested;
};

static enum err_code rewrite_each(void *ctx, const struct store_object *o, struct err *err) {
    struct walk *w = ctx;
    enum err_code rc = text_object(&w->seen, o, err);
    if (rc == ERR_OK && str_eq(o->name, STR("a"))) { /* ones to come: gone, changed, new */
        rc = store_tx_delete(w->tx, CLIENTS, STR("b"), STORE_EXPECT_ANY, false, err);
        if (rc == ERR_OK)
            rc = tx_put(w->tx, CLIENTS, "c", "changed", "k", false, err);
        if (rc == ERR_OK)
            rc = tx_put(w->tx, CLIENTS, "d", "new", "k", false, err);
        struct store_query q = { .kind = CLIENTS, .each = text_object, .ctx = &w->nested };
        if (rc == ERR_OK)
            rc = store_tx_list(w->tx, &q, err);
    }
    return rc;
}

static enum err_code list_and_write(void *ctx, struct store_tx *tx, struct err *err) {
    struct walk *w = ctx;
    *w = (struct walk) { .tx = tx };
    struct store_query q = { .kind = CLIENTS, .key = STR("k"), .each = rewrite_each, .ctx = w };
    return store_tx_list(tx, &q, err);
}

static void a_list_in_a_transaction_stays_as_it_was_while_its_callback_writes(void **state) {
    struct env *e = *state;
    for (const char *const *name = (const char *const[]) { "a", "b", "c", NULL }; *name != NULL; name++) {
        struct store_write w = new_object(CLIENTS, *name, "1");
        w.indexes = &(struct store_index) { STR("k"), false };
        w.index_count = 1;
        assert_int_equal(try_write(e, &w), ERR_OK);
    }
    struct walk w;
    (void)transact(e, list_and_write, &w);
    assert_string_equal(w.seen.chars, "a=1@1 b=1@2 c=1@3 ");
    assert_string_equal(w.nested.chars, "a=1@1 c=changed@5 d=new@6 ");
    assert_string_equal(list_text(e, (struct store_query) { .kind = CLIENTS }), w.nested.chars);
}

const struct test_case tx_cases[] = {
    CASE(what_is_written_together_is_there_together),
    CASE(a_transaction_that_only_looks_changes_nothing),
    CASE(an_error_undoes_everything),
    CASE(a_transaction_sees_what_it_has_written),
    CASE(what_is_refused_does_not_end_a_transaction),
    CASE(a_unique_key_may_change_hands_once_it_is_given_up),
    CASE(a_list_in_a_transaction_stays_as_it_was_while_its_callback_writes),
    { NULL, NULL },
};
