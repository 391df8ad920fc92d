/* What changed, in the order of revisions, and lists of what was. */
#include "conformance/store/env.h"

#include <pthread.h>

static const struct str KIND = { "clients", 7 }, OTHER = { "users", 5 };

static void write_quietly(struct env *e, const char *name, const char *body) {
    struct store_write w = new_object(KIND, name, body);
    w.expected = STORE_EXPECT_ANY;
    w.unrecorded = true;
    assert_int_equal(try_write(e, &w), ERR_OK);
}

/* ---- changes ---- */

static void every_recorded_write_is_a_change(void **state) {
    struct env *e = *state;
    assert_string_equal(changes_text(e, STR_NULL, 0), "");
    create(e, KIND, "a", "1");
    create(e, OTHER, "a", "");
    replace(e, KIND, "a", "2");
    (void)remove_object(e, KIND, "a");
    create(e, KIND, "a", "3");
    replace(e, OTHER, "a", "4");
    assert_string_equal(changes_text(e, STR_NULL, 0),
                        "1+clients/a=1<none@0 2+users/a=<none@0 3~clients/a=2<1@1 4-clients/a=2<2@3 "
                        "5+clients/a=3<none@0 6~users/a=4<@2 ");
    assert_string_equal(changes_text(e, KIND, 1),
                        "3~clients/a=2<1@1 4-clients/a=2<2@3 5+clients/a=3<none@0 ");
    assert_string_equal(changes_text(e, STR("client"), 0), "");
    assert_string_equal(changes_text(e, STR_NULL, 6), "");
}

static enum err_code keep_time(void *ctx, const struct store_change *c, struct err *err) {
    (void)err;
    *(int64_t *)ctx = c->at;
    return ERR_OK;
}

static void a_change_has_the_time_it_was_made(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    create(e, KIND, "a", "1");
    clock_advance(&e->clock, 90 * 1000);
    create(e, KIND, "b", "1");
    int64_t at = 0, seen = 0;
    assert_ok(store_changes(e->store, KIND, 0, 1, keep_time, &at, &seen, &err));
    assert_int_equal(at, NOW);
    assert_ok(store_changes(e->store, KIND, 1, 1, keep_time, &at, &seen, &err));
    assert_int_equal(at, NOW + 90);
}

static void changes_are_read_in_portions(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    for (int i = 0; i < 5; i++) {
        replace(e, KIND, "a", "1");
        replace(e, OTHER, "a", "1");
    }
    int64_t after = 0, seen = 0;
    static const int64_t kind_upto[] = { 3, 7, 10 }; /* the last of a portion; then the store's */
    for (size_t i = 0; i < ARRAY_LEN(kind_upto); i++, after = seen) {
        struct text t = { .items = 0 };
        assert_ok(store_changes(e->store, KIND, after, 2, text_change, &t, &seen, &err));
        assert_int_equal(t.items, i < 2 ? 2 : 1);
        assert_int_equal(seen, kind_upto[i]);
    }
    struct text t = { .items = 0 };
    assert_ok(store_changes(e->store, STR_NULL, 7, 3, text_change, &t, &seen, &err));
    assert_int_equal(t.items, 3);
    assert_int_equal(seen, 10);
    static const struct {
        int64_t after;
        size_t limit;
        const char *kind;
    } refused[] = { { 11, 1, NULL }, { -1, 1, NULL }, { 0, 0, NULL }, { 0, 1, "No" }, { 0, 1, "" } };
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct str kind = str_of(refused[i].kind);
        seen = -1;
        assert_int_equal(
            store_changes(e->store, kind, refused[i].after, refused[i].limit, text_change, &t, &seen, &err),
            ERR_INVALID);
        assert_int_equal(seen, -1);
    }
}

struct reader {
    struct env *env;
    size_t seen;
    enum err_code stop_with;
};

static enum err_code write_on_change(void *ctx, const struct store_change *c, struct err *err) {
    struct reader *r = ctx;
    r->seen++;
    struct store_write w = { c->kind, c->name, STR("x"), .expected = STORE_EXPECT_ANY };
    enum err_code rc = store_write(r->env->store, &w, NULL, err);
    return rc == ERR_OK && r->stop_with != ERR_OK ? err_set(err, r->stop_with, "enough") : rc;
}

static void the_callback_may_call_the_store_and_end_the_list(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    create(e, KIND, "a", "1");
    create(e, KIND, "b", "1");
    struct reader r = { .env = e };
    int64_t seen = 0;
    assert_ok(store_changes(e->store, KIND, 0, 10, write_on_change, &r, &seen, &err));
    assert_int_equal(r.seen, 2);
    assert_int_equal(seen, 2); /* what it wrote meanwhile comes next */
    r = (struct reader) { .env = e, .stop_with = ERR_UNAVAILABLE };
    seen = -1;
    assert_int_equal(store_changes(e->store, KIND, 0, 10, write_on_change, &r, &seen, &err), ERR_UNAVAILABLE);
    assert_string_equal(err.detail, "enough");
    assert_int_equal(r.seen, 1);
    assert_int_equal(seen, -1);
    assert_ok(store_health(e->store, &err));
}

/* ---- what is not recorded ---- */

static void what_is_written_unrecorded_is_never_told(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    write_quietly(e, "a", "hush1");
    write_quietly(e, "a", "hush2");
    assert_ok(store_delete(e->store, KIND, STR("a"), STORE_EXPECT_ANY, true, &err));
    assert_string_equal(changes_text(e, STR_NULL, 0), "");
    assert_int_equal(revision_of(e), 3);

    write_quietly(e, "b", "hush3");
    replace(e, KIND, "b", "told"); /* whoever follows the changes hears of it for the first time */
    replace(e, KIND, "b", "again");
    write_quietly(e, "b", "hush4");
    (void)remove_object(e, KIND, "b");
    create(e, KIND, "c", "1");
    write_quietly(e, "c", "hush5");
    replace(e, KIND, "c", "2");
    assert_string_equal(changes_text(e, STR_NULL, 0),
                        "5+clients/b=told<none@0 6~clients/b=again<told@5 8-clients/b=<@7 "
                        "9+clients/c=1<none@0 11+clients/c=2<none@0 ");
}

/* ---- compaction ---- */

static size_t compact(struct env *e, int64_t before, size_t keep_max, size_t limit) {
    struct err err = { 0 };
    size_t count = 99;
    assert_ok(store_compact(e->store, before, keep_max, limit, &count, &err));
    return count;
}

static enum err_code try_changes(struct env *e, int64_t after) {
    struct err err = { 0 };
    struct text t = { .items = 0 };
    int64_t seen = 0;
    return store_changes(e->store, STR_NULL, after, 100, text_change, &t, &seen, &err);
}

static enum err_code try_list_at(struct env *e, struct str kind, int64_t revision) {
    struct err err = { 0 };
    struct text t = { .items = 0 };
    struct store_query q = { .kind = kind, .at_revision = revision, .each = text_object, .ctx = &t };
    return store_list(e->store, &q, NULL, &err);
}

static void old_changes_are_forgotten_and_asking_for_them_is_expired(void **state) {
    struct env *e = *state;
    for (int i = 1; i <= 9; i++) { /* revisions 1 to 9 at NOW + 10 to NOW + 90 */
        clock_advance(&e->clock, 10 * 1000);
        replace(e, KIND, "a", "1");
    }
    uint64_t writes = writes_of(e);
    assert_int_equal(compact(e, NOW + 10, 100, 10), 0);
    assert_int_equal(writes_of(e), writes);
    assert_int_equal(try_changes(e, 0), ERR_OK);
    assert_int_equal(compact(e, NOW + 50, 100, 3), 3); /* those of NOW + 10 to NOW + 30 */
    assert_int_equal(writes_of(e), writes + 1);
    assert_int_equal(try_changes(e, 2), ERR_EXPIRED);
    assert_int_equal(try_changes(e, 3), ERR_OK);
    assert_int_equal(compact(e, NOW + 50, 100, 3), 1);
    assert_int_equal(try_changes(e, 3), ERR_EXPIRED);
    assert_int_equal(try_changes(e, 4), ERR_OK);
    assert_int_equal(try_list_at(e, KIND, 3), ERR_EXPIRED);
    assert_int_equal(try_list_at(e, KIND, 4), ERR_OK);
    assert_int_equal(try_list_at(e, KIND, 10), ERR_INVALID);
    assert_int_equal(count_changes(e, KIND, 4), 5);

    assert_int_equal(compact(e, 0, 2, 100), 3); /* the oldest over two */
    assert_int_equal(try_changes(e, 6), ERR_EXPIRED);
    assert_string_equal(changes_text(e, KIND, 7), "8~clients/a=1<1@7 9~clients/a=1<1@8 ");
    assert_int_equal(compact(e, 0, 2, 100), 0);
    assert_int_equal(compact(e, 0, 0, 100), 2);
    assert_int_equal(try_changes(e, 8), ERR_EXPIRED);
    assert_int_equal(try_changes(e, 9), ERR_OK);
    assert_int_equal(try_list_at(e, KIND, 8), ERR_EXPIRED);
    assert_int_equal(try_list_at(e, KIND, 9), ERR_OK);
    assert_int_equal(create(e, KIND, "b", "1"), 10); /* and it goes on */
    assert_int_equal(count_changes(e, KIND, 9), 1);
    assert_int_equal(compact(e, 0, 1, 1), 0);

    struct err err = { 0 };
    assert_int_equal(store_compact(e->store, 0, 0, 0, &(size_t) { 0 }, &err), ERR_INVALID);
}

static void what_is_not_recorded_does_not_count_as_kept(void **state) {
    struct env *e = *state;
    for (int i = 0; i < 5; i++) {
        replace(e, OTHER, "a", "1");
        write_quietly(e, "a", "hush");
    }
    assert_int_equal(compact(e, 0, 5, 100), 0);
    assert_int_equal(compact(e, 0, 4, 100), 1);
    assert_int_equal(count_changes(e, OTHER, 1), 4);
}

static void a_clock_that_went_back_forgets_later(void **state) {
    struct env *e = *state;
    clock_advance(&e->clock, 1000 * 1000);
    create(e, KIND, "a", "1");
    clock_advance(&e->clock, -1000 * 1000);
    create(e, KIND, "b", "1");
    assert_int_equal(compact(e, NOW + 500, 100, 100), 0); /* "b" is old enough, but not before "a" */
    assert_int_equal(compact(e, NOW + 1001, 100, 100), 2);
}

/* ---- lists of what was ---- */

enum { STATES = 60, PAGE_MAX = 13 };
struct past {
    const char *text[STATES + 1]; /* of the kind, by revision; 0: before all */
    const char *keyed[STATES + 1];
};

/* Objects come, change, gain and lose a key and go in no particular order, beside those of another kind. */
static void make_past(struct env *e, struct past *ret) {
    struct random random;
    random_fixed_init(&random, 20260301);
    ret->text[0] = ret->keyed[0] = "";
    for (int64_t r = 1; r <= STATES; r++) {
        unsigned char draw[3];
        char name[2] = { 0 }, body[16];
        random_bytes(&random, draw, sizeof draw);
        name[0] = (char)('a' + draw[0] % 12);
        (void)snprintf(body, sizeof body, "%d", (int)r);
        struct store_write w = new_object(draw[2] % 5 == 0 ? OTHER : KIND, name, body);
        w.expected = STORE_EXPECT_ANY;
        w.indexes = &(struct store_index) { STR("k"), false };
        w.index_count = draw[2] % 2;
        if (exists(e, w.kind, name) && draw[1] % 3 == 0)
            (void)remove_object(e, w.kind, name);
        else
            assert_int_equal(try_write(e, &w), ERR_OK);
        ret->text[r] = list_text(e, (struct store_query) { .kind = KIND });
        ret->keyed[r] = list_text(e, (struct store_query) { .kind = KIND, .key = STR("k") });
        assert_int_equal(revision_of(e), r);
    }
}

struct page {
    struct text *text;
    char last[STORE_NAME_MAX + 1];
    size_t items;
};

static enum err_code text_of_page(void *ctx, const struct store_object *o, struct err *err) {
    struct page *page = ctx;
    (void)snprintf(page->last, sizeof page->last, "%.*s", STR_FMT(o->name));
    page->items++;
    return text_object(page->text, o, err);
}

static const char *pages_at(struct env *e, struct str key, int64_t revision, size_t limit) {
    struct err err = { 0 };
    struct text t = { .items = 0 };
    struct page page = { .text = &t };
    struct store_query q = {
        .kind = KIND, .key = key, .at_revision = revision, .limit = limit, .each = text_of_page, .ctx = &page
    };
    do {
        int64_t listed = 0;
        q.after = str_of(page.last);
        page.items = 0;
        assert_ok(store_list(e->store, &q, &listed, &err));
        assert_int_equal(listed, revision);
        assert_true(page.items <= limit);
    } while (page.items == limit);
    const char *text = arena_printf(e->arena, "%s", t.chars);
    assert_non_null(text);
    return text;
}

static void a_list_at_a_revision_is_what_was_then_whole_and_in_pages(void **state) {
    struct env *e = *state;
    struct past past;
    make_past(e, &past);
    for (int64_t r = 1; r <= STATES; r++) {
        struct store_query q = { .kind = KIND, .at_revision = r };
        assert_string_equal(list_text(e, q), past.text[r]);
        for (size_t limit = 1; limit <= PAGE_MAX; limit++)
            assert_string_equal(pages_at(e, STR_NULL, r, limit), past.text[r]);
    }
    assert_int_equal(try_list_at(e, KIND, STATES + 1), ERR_INVALID);
    assert_int_equal(try_list_at(e, KIND, -1), ERR_INVALID);
}

/* Whether every "name=body@revision " of `part` is in `all`. */
static bool has_all(const char *all, const char *part) {
    while (*part != '\0') {
        const char *end = strchr(part, ' ') + 1;
        char one[64];
        (void)snprintf(one, sizeof one, "%.*s", (int)(end - part), part);
        if (strstr(all, one) == NULL)
            return false;
        part = end;
    }
    return true;
}

static enum err_code text_unchanged(void *ctx, const struct store_object *o, struct err *err) {
    return o->changed_since ? ERR_OK : text_object(ctx, o, err);
}

/* What has changed since may be offered without having had the key, but as it was, and is said to have changed. */
static void a_list_by_key_at_a_revision_has_all_that_had_it(void **state) {
    struct env *e = *state;
    struct past past;
    make_past(e, &past);
    for (int64_t r = 1; r <= STATES; r++) {
        const char *was = list_text(e,
                                    (struct store_query) { .kind = KIND, .key = STR("k"), .at_revision = r });
        assert_true(has_all(was, past.keyed[r]));
        assert_true(has_all(past.text[r], was));
        const char *sure = list_text(
            e,
            (struct store_query) { .kind = KIND, .key = STR("k"), .at_revision = r, .each = text_unchanged });
        assert_true(has_all(past.keyed[r], sure));
        assert_true(r != STATES || strcmp(sure, was) == 0);
        for (size_t limit = 1; limit <= PAGE_MAX; limit++)
            assert_string_equal(pages_at(e, STR("k"), r, limit), was);
    }
    assert_string_equal(
        list_text(e, (struct store_query) { .kind = KIND, .key = STR("k"), .at_revision = STATES }),
        past.keyed[STATES]);
}

static void what_was_before_an_unrecorded_write_is_expired(void **state) {
    struct env *e = *state;
    create(e, KIND, "a", "1");
    create(e, OTHER, "a", "1");
    write_quietly(e, "b", "hush"); /* 3 */
    replace(e, KIND, "a", "2");
    replace(e, OTHER, "a", "2");
    assert_int_equal(try_list_at(e, KIND, 2), ERR_EXPIRED);
    assert_string_equal(list_text(e, (struct store_query) { .kind = KIND, .at_revision = 3 }),
                        "a=1@1 b=hush@3 ");
    assert_string_equal(list_text(e, (struct store_query) { .kind = OTHER, .at_revision = 2 }), "a=1@2 ");
    replace(e, KIND, "b", "told"); /* 6: the history does not know what it replaces */
    assert_int_equal(try_list_at(e, KIND, 5), ERR_EXPIRED);
    assert_int_equal(try_list_at(e, KIND, 6), ERR_OK);
    write_quietly(e, "b", "hush"); /* 7 */
    (void)remove_object(e, KIND, "b");
    assert_int_equal(try_list_at(e, KIND, 7), ERR_EXPIRED);
    assert_int_equal(try_list_at(e, KIND, 8), ERR_OK);
    assert_string_equal(list_text(e, (struct store_query) { .kind = OTHER, .at_revision = 2 }), "a=1@2 ");
}

static enum err_code write_quietly_and_not(void *ctx, struct store_tx *tx, struct err *err) {
    (void)ctx;
    struct store_write quiet = new_object(KIND, "q", "hush"), told = new_object(OTHER, "a", "2");
    quiet.unrecorded = true;
    told.expected = STORE_EXPECT_ANY;
    enum err_code rc = store_tx_write(tx, &quiet, NULL, err);
    return rc == ERR_OK ? store_tx_write(tx, &told, NULL, err) : rc;
}

static void an_unrecorded_write_is_no_matter_of_other_kinds_in_its_transaction(void **state) {
    struct env *e = *state;
    create(e, KIND, "a", "1");
    create(e, OTHER, "a", "1");
    assert_int_equal(transact(e, write_quietly_and_not, NULL), 4);
    assert_int_equal(try_list_at(e, KIND, 2), ERR_EXPIRED);
    assert_string_equal(list_text(e, (struct store_query) { .kind = OTHER, .at_revision = 2 }), "a=1@2 ");
    assert_string_equal(changes_text(e, STR_NULL, 2), "4~users/a=2<1@2 ");
}

/* ---- while it goes on changing ---- */

enum { BUSY_OBJECTS = 200, BUSY_LISTS = 15 };
struct busy {
    struct env *env;
    _Atomic bool stop;
    enum err_code rc;
};

static void *keep_changing(void *arg) {
    struct busy *b = arg;
    struct err err = { 0 };
    for (unsigned i = 0; !b->stop && b->rc == ERR_OK; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "o%03u", i * 37 % (2 * BUSY_OBJECTS));
        struct store_write w = new_object(KIND, name, "later");
        w.expected = STORE_EXPECT_ANY;
        w.indexes = &(struct store_index) { STR("k"), false };
        w.index_count = i % 2;
        b->rc = store_write(b->env->store, &w, NULL, &err);
        if (b->rc == ERR_OK && i % 3 == 0)
            b->rc = store_delete(b->env->store, KIND, str_of(name), STORE_EXPECT_ANY, false, &err);
    }
    return NULL;
}

struct sum {
    size_t items;
    uint64_t bytes;
    char last[STORE_NAME_MAX + 1];
};

static enum err_code add_up(void *ctx, const struct store_object *o, struct err *err) {
    (void)err;
    struct sum *s = ctx;
    s->items++;
    for (size_t i = 0; i < o->name.len; i++)
        s->bytes = s->bytes * 31 + (unsigned char)o->name.ptr[i];
    s->bytes = s->bytes * 31 + (uint64_t)o->revision;
    (void)snprintf(s->last, sizeof s->last, "%.*s", STR_FMT(o->name));
    return ERR_OK;
}

static void pages_at_a_revision_belong_together_while_everything_changes(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    for (int i = 0; i < BUSY_OBJECTS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "o%03d", 2 * i);
        create(e, KIND, name, "first");
    }
    struct busy b = { .env = e };
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, keep_changing, &b), 0);
    for (int i = 0; i < BUSY_LISTS; i++) {
        struct sum whole = { .items = 0 }, paged = { .items = 0 };
        int64_t revision = 0;
        struct store_query q = { .kind = KIND, .each = add_up, .ctx = &whole };
        assert_ok(store_list(e->store, &q, &revision, &err));
        q = (struct store_query) {
            .kind = KIND, .limit = 17, .at_revision = revision, .each = add_up, .ctx = &paged
        };
        for (size_t before = 1; before != paged.items;) {
            before = paged.items;
            q.after = str_of(paged.last);
            assert_ok(store_list(e->store, &q, NULL, &err));
        }
        assert_int_equal(paged.items, whole.items);
        assert_true(paged.bytes == whole.bytes);
    }
    b.stop = true;
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(b.rc, ERR_OK);
}

const struct test_case history_cases[] = {
    CASE(every_recorded_write_is_a_change),
    CASE(a_change_has_the_time_it_was_made),
    CASE(changes_are_read_in_portions),
    CASE(the_callback_may_call_the_store_and_end_the_list),
    CASE(what_is_written_unrecorded_is_never_told),
    CASE(old_changes_are_forgotten_and_asking_for_them_is_expired),
    CASE(what_is_not_recorded_does_not_count_as_kept),
    CASE(a_clock_that_went_back_forgets_later),
    CASE(a_list_at_a_revision_is_what_was_then_whole_and_in_pages),
    CASE(a_list_by_key_at_a_revision_has_all_that_had_it),
    CASE(what_was_before_an_unrecorded_write_is_expired),
    CASE(an_unrecorded_write_is_no_matter_of_other_kinds_in_its_transaction),
    CASE(pages_at_a_revision_belong_together_while_everything_changes),
    { NULL, NULL },
};
