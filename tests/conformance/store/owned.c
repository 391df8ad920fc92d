/* Objects that exist as long as somebody wants them. */
#include "conformance/store/env.h"

static const struct str RULES = { "rules", 5 };

struct set {
    const char *owner;
    const struct store_owned *items;
    size_t len;
    size_t changed;          /* result */
    enum err_code fail_with; /* after it was set; ERR_OK: not */
};

static enum err_code set_owned(void *ctx, struct store_tx *tx, struct err *err) {
    struct set *s = ctx;
    enum err_code rc = store_tx_set_owned(tx, RULES, str_of(s->owner), s->items, s->len, &s->changed, err);
    return rc == ERR_OK && s->fail_with != ERR_OK ? err_set(err, s->fail_with, "no, after all") : rc;
}

/* Names, one letter each, are bodies, too. */
static size_t own(struct env *e, const char *owner, const char *letters) {
    struct store_owned items[32];
    struct set s = { .owner = owner, .items = items };
    for (; letters[s.len] != '\0'; s.len++)
        items[s.len].name = items[s.len].body = (struct str) { letters + s.len, 1 };
    (void)transact(e, set_owned, &s);
    return s.changed;
}

static enum err_code try_own(struct env *e, struct str owner, struct str name) {
    struct err err = { 0 };
    const struct store_owned item = { name, STR("{}") };
    AUTO(strbuf_done) struct strbuf owner_text = STRBUF(4096);
    strbuf_add(&owner_text, owner);
    struct set s = { .owner = owner.ptr != NULL ? strbuf_c(&owner_text) : NULL, .items = &item, .len = 1 };
    return store_transact(e->store, set_owned, &s, NULL, &err);
}

static const char *rules(struct env *e) {
    return list_text(e, (struct store_query) { .kind = RULES, .each = text_name });
}

static void an_object_comes_with_its_first_owner_and_goes_with_its_last(void **state) {
    struct env *e = *state;
    assert_int_equal(own(e, "p1", "ab"), 2);
    assert_int_equal(own(e, "p2", "bc"), 1);
    assert_string_equal(rules(e), "a b c ");
    assert_string_equal(owned_text(e, RULES), "p1:a p1:b p2:b p2:c ");
    assert_int_equal(own(e, "p1", "d"), 2); /* d comes, a goes, b stays for p2 */
    assert_string_equal(rules(e), "b c d ");
    assert_int_equal(own(e, "p2", ""), 2);
    assert_string_equal(rules(e), "d ");
    assert_int_equal(own(e, "p1", ""), 1);
    assert_string_equal(rules(e), "");
    assert_string_equal(owned_text(e, RULES), "");
    assert_string_equal(changes_text(e, STR_NULL, 0),
                        "1+rules/a=a<none@0 2+rules/b=b<none@0 3+rules/c=c<none@0 4+rules/d=d<none@0 "
                        "5-rules/a=a<a@1 6-rules/b=b<b@2 7-rules/c=c<c@3 8-rules/d=d<d@4 ");
}

static void a_set_that_is_as_it_should_be_is_left_alone(void **state) {
    struct env *e = *state;
    assert_int_equal(own(e, "p1", "abc"), 3);
    assert_int_equal(own(e, "p2", "b"), 0);
    uint64_t writes = writes_of(e);
    assert_int_equal(own(e, "p1", "abc"), 0);
    assert_int_equal(own(e, "p1", "cab"), 0); /* in whatever order */
    assert_int_equal(own(e, "p3", ""), 0);
    assert_int_equal(revision_of(e), 3);
    assert_int_equal(kind_revision(e, RULES), 3);
    assert_int_equal(writes_of(e), writes);
}

static void an_object_that_exists_keeps_its_body(void **state) {
    struct env *e = *state;
    const struct store_owned first = { STR("r"), STR("1") }, second = { STR("r"), STR("2") };
    struct set s = { .owner = "p1", .items = &first, .len = 1 };
    (void)transact(e, set_owned, &s);
    s.items = &second;
    (void)transact(e, set_owned, &s);
    s.owner = "p2";
    (void)transact(e, set_owned, &s);
    assert_string_equal(list_text(e, (struct store_query) { .kind = RULES }), "r=1@1 ");
}

static void a_set_that_fails_leaves_the_old_one(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    own(e, "p1", "abc");
    own(e, "p2", "c");
    const struct store_owned items[] = { { STR("x"), STR("1") }, { STR("b"), STR("1") } };
    struct set s = { .owner = "p1", .items = items, .len = 2, .fail_with = ERR_FORBIDDEN };
    assert_int_equal(store_transact(e->store, set_owned, &s, NULL, &err), ERR_FORBIDDEN);
    assert_string_equal(rules(e), "a b c ");
    assert_string_equal(owned_text(e, RULES), "p1:a p1:b p1:c p2:c ");
    assert_int_equal(revision_of(e), 3);
}

static void a_name_twice_in_one_set_is_refused(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    const struct store_owned items[] = { { STR("b"), STR("1") },
                                         { STR("a"), STR("1") },
                                         { STR("b"), STR("1") } };
    struct set s = { .owner = "p1", .items = items, .len = 3 };
    assert_int_equal(store_transact(e->store, set_owned, &s, NULL, &err), ERR_INVALID);
    assert_string_equal(rules(e), "");
}

static void owners_names_and_bodies_of_sets_have_limits(void **state) {
    struct env *e = *state;
    static char big[STORE_OBJECT_MAX + 1];
    memset(big, 'x', sizeof big);
    assert_int_equal(try_own(e, (struct str) { big, STORE_OWNER_MAX }, (struct str) { big, STORE_NAME_MAX }),
                     ERR_OK);
    assert_int_equal(try_own(e, (struct str) { big, STORE_OWNER_MAX + 1 }, STR("a")), ERR_LIMIT);
    assert_int_equal(try_own(e, STR(""), STR("a")), ERR_INVALID);
    assert_int_equal(try_own(e, STR_NULL, STR("a")), ERR_INVALID);
    assert_int_equal(try_own(e, STR("p"), (struct str) { big, STORE_NAME_MAX + 1 }), ERR_INVALID);
    assert_int_equal(try_own(e, STR("p"), STR("a\n")), ERR_INVALID);
    assert_int_equal(try_own(e, STR("p"), STR("")), ERR_INVALID);
    const struct store_owned item = { STR("a"), { big, sizeof big } };
    struct set s = { .owner = "p", .items = &item, .len = 1 };
    struct err err = { 0 };
    assert_int_equal(store_transact(e->store, set_owned, &s, NULL, &err), ERR_LIMIT);
    assert_int_equal(revision_of(e), 1);
}

/* ---- owned or written: not both ---- */

static enum err_code overwrite(void *ctx, struct store_tx *tx, struct err *err) {
    (void)ctx;
    struct store_write w = new_object(RULES, "a", "x");
    WANT(store_tx_write(tx, &w, NULL, err) == ERR_EXISTS);
    w.expected = STORE_EXPECT_ANY;
    WANT(store_tx_write(tx, &w, NULL, err) == ERR_INVALID);
    w.expected = 1;
    w.unrecorded = true;
    WANT(store_tx_write(tx, &w, NULL, err) == ERR_INVALID);
    WANT(store_tx_delete(tx, RULES, STR("a"), STORE_EXPECT_ANY, false, err) == ERR_INVALID);
    return ERR_OK;
}

static void an_owned_object_is_written_by_its_owners_only(void **state) {
    struct env *e = *state;
    own(e, "p1", "a");
    (void)transact(e, overwrite, NULL);
    assert_string_equal(list_text(e, (struct store_query) { .kind = RULES }), "a=a@1 ");
    own(e, "p1", "");
    create(e, RULES, "a", "free again");
}

static enum err_code own_and_go_on(void *ctx, struct store_tx *tx, struct err *err) {
    struct err ignored = { 0 };
    (void)err;
    (void)set_owned(ctx, tx, &ignored);
    return ERR_OK;
}

static void an_object_that_was_written_gets_no_owner(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    create(e, RULES, "b", "written");
    const struct store_owned items[] = { { STR("a"), STR("1") },
                                         { STR("b"), STR("1") },
                                         { STR("c"), STR("1") } };
    struct set s = { .owner = "p1", .items = items, .len = 3 };
    assert_int_equal(store_transact(e->store, set_owned, &s, NULL, &err), ERR_EXISTS);
    /* Half of it may have been done: going on would commit that half. */
    assert_int_equal(store_transact(e->store, own_and_go_on, &s, NULL, &err), ERR_EXISTS);
    assert_string_equal(rules(e), "b ");
    assert_string_equal(owned_text(e, RULES), "");
    assert_int_equal(revision_of(e), 1);
}

/* ---- lists ---- */

static void pairs_are_listed_in_order_and_in_pages(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    own(e, "p2", "ab");
    own(e, "p1", "cb");
    own(e, "p10", "a");
    struct text t = { .items = 0 };
    assert_ok(store_owned_list(e->store, RULES, STR_NULL, STR_NULL, 3, text_owned, &t, &err));
    assert_string_equal(t.chars, "p1:b p1:c p10:a ");
    t = (struct text) { .items = 0 };
    assert_ok(store_owned_list(e->store, RULES, STR("p1"), STR("b"), 2, text_owned, &t, &err));
    assert_string_equal(t.chars, "p1:c p10:a ");
    t = (struct text) { .items = 0 };
    assert_ok(store_owned_list(e->store, RULES, STR("p10"), STR_NULL, 0, text_owned, &t, &err));
    assert_string_equal(t.chars, "p10:a p2:a p2:b ");
    assert_string_equal(owned_text(e, STR("rule")), "");
    assert_string_equal(owned_text(e, STR("ruless")), "");
    assert_int_equal(store_owned_list(e->store, STR("No"), STR_NULL, STR_NULL, 0, text_owned, &t, &err),
                     ERR_INVALID);
}

/* ---- many ---- */

enum { MANY = 20000 };
static struct store_owned many[MANY + MANY / 2];

static void fill_many(struct env *e) {
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        const char *name = arena_printf(e->arena, "rul-%08zx", i);
        assert_non_null(name);
        many[i] = (struct store_owned) { str_of(name), STR("{\"spec\":{\"ptype\":\"p\"}}") };
    }
}

static enum err_code count(void *ctx, const struct store_object *o, struct err *err) {
    (void)o;
    (void)err;
    ++*(size_t *)ctx;
    return ERR_OK;
}

static size_t count_rules(struct env *e) {
    struct err err = { 0 };
    size_t n = 0;
    struct store_query q = { .kind = RULES, .each = count, .ctx = &n };
    assert_ok(store_list(e->store, &q, NULL, &err));
    return n;
}

static size_t own_many(struct env *e, const char *owner, size_t from, size_t len) {
    struct set s = { .owner = owner, .items = many + from, .len = len };
    (void)transact(e, set_owned, &s);
    return s.changed;
}

static void sets_of_twenty_thousand_come_change_and_go(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    fill_many(e);
    assert_int_equal(own_many(e, "p1", 0, MANY), MANY);
    assert_int_equal(own_many(e, "p2", MANY / 2, MANY), MANY / 2);
    assert_int_equal(count_rules(e), MANY + MANY / 2);
    assert_int_equal(own_many(e, "p1", 0, MANY), 0);
    assert_int_equal(own_many(e, "p1", 1, MANY - 1), 1);
    assert_int_equal(own_many(e, "p1", 0, MANY), 1);
    struct set s = { .owner = "p1", .fail_with = ERR_FORBIDDEN };
    int64_t revision = revision_of(e);
    assert_int_equal(store_transact(e->store, set_owned, &s, NULL, &err), ERR_FORBIDDEN);
    assert_int_equal(s.changed, MANY / 2);
    assert_int_equal(count_rules(e), MANY + MANY / 2);
    assert_int_equal(revision_of(e), revision);
    assert_int_equal(own_many(e, "p1", 0, 0), MANY / 2);
    assert_int_equal(own_many(e, "p2", 0, 0), MANY);
    assert_int_equal(count_rules(e), 0);
    assert_int_equal(revision_of(e), 2 * (MANY + MANY / 2) + 2);
}

const struct test_case owned_cases[] = {
    CASE(an_object_comes_with_its_first_owner_and_goes_with_its_last),
    CASE(a_set_that_is_as_it_should_be_is_left_alone),
    CASE(an_object_that_exists_keeps_its_body),
    CASE(a_set_that_fails_leaves_the_old_one),
    CASE(a_name_twice_in_one_set_is_refused),
    CASE(owners_names_and_bodies_of_sets_have_limits),
    CASE(an_owned_object_is_written_by_its_owners_only),
    CASE(an_object_that_was_written_gets_no_owner),
    CASE(pairs_are_listed_in_order_and_in_pages),
    CASE(sets_of_twenty_thousand_come_change_and_go),
    { NULL, NULL },
};
