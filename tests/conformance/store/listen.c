/* Who is told of commits, and when. */
#include "conformance/store/env.h"

#include <pthread.h>

static const struct str KIND = { "clients", 7 };

/* The receiver: reads what is new each time, as a watch does. */
struct listener {
    struct env *env;
    size_t calls, changes;
    int64_t seen, last;   /* seen; the revision of the last change */
    _Atomic int64_t told; /* = seen, for other threads */
    bool out_of_order, failed;
    _Atomic int inside;
};

static enum err_code take_change(void *ctx, const struct store_change *c, struct err *err) {
    (void)err;
    struct listener *l = ctx;
    l->out_of_order |= c->revision <= l->last;
    l->last = c->revision;
    l->changes++;
    return ERR_OK;
}

static void committed(void *ctx) {
    struct listener *l = ctx;
    struct err err = { 0 };
    l->failed |= l->inside++ != 0; /* one at a time */
    l->calls++;
    l->failed |= store_changes(l->env->store, STR_NULL, l->seen, 100000, take_change, l, &l->seen, &err) !=
                 ERR_OK;
    l->told = l->seen;
    l->inside--;
}

static enum err_code make_and_fail(void *ctx, struct store_tx *tx, struct err *err) {
    enum err_code rc = store_tx_write(tx, ctx, NULL, err);
    return rc == ERR_OK ? err_set(err, ERR_FORBIDDEN, "no") : rc;
}

static enum err_code nothing(void *ctx, struct store_tx *tx, struct err *err) {
    (void)ctx;
    (void)tx;
    (void)err;
    return ERR_OK;
}

static enum err_code own_one(void *ctx, struct store_tx *tx, struct err *err) {
    const struct store_owned item = { STR("r"), STR("1") };
    return store_tx_set_owned(tx, STR("rules"), str_of(ctx), &item, 1, NULL, err);
}

static void a_write_has_been_told_before_its_caller_goes_on(void **state) {
    struct env *e = *state;
    struct listener l = { .env = e };
    store_listen(e->store, committed, &l);
    for (size_t i = 1; i <= 20; i++) {
        int64_t revision = replace(e, KIND, "a", "1");
        assert_int_equal(l.calls, i);
        assert_int_equal(l.changes, i);
        assert_int_equal(l.seen, revision);
    }
    (void)remove_object(e, KIND, "a");
    assert_int_equal(l.calls, 21);
    char first[] = "first", second[] = "second";
    (void)transact(e, own_one, first);
    assert_int_equal(l.calls, 22);
    assert_int_equal(l.changes, 22);
    (void)transact(e, own_one, second); /* changes no object */
    assert_int_equal(l.calls, 22);
    assert_false(l.failed || l.out_of_order);
    store_listen(e->store, NULL, NULL);
}

static void only_recorded_changes_are_told(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct listener l = { .env = e };
    store_listen(e->store, committed, &l);
    struct store_write w = new_object(KIND, "quiet", "1");
    w.unrecorded = true;
    assert_int_equal(try_write(e, &w), ERR_OK);
    assert_ok(store_delete(e->store, KIND, STR("quiet"), STORE_EXPECT_ANY, true, &err));
    struct store_write told = new_object(KIND, "a", "1");
    assert_int_equal(store_transact(e->store, make_and_fail, &told, NULL, &err), ERR_FORBIDDEN);
    (void)transact(e, nothing, NULL);
    assert_int_equal(try_replace(e, KIND, "a", "1", 77), ERR_NOT_FOUND);
    struct store_code code = make_code(1);
    assert_ok(store_code_put(e->store, &code, &err));
    assert_int_equal(l.calls, 0);
    create(e, KIND, "a", "1");
    size_t forgotten = 0;
    assert_ok(store_compact(e->store, 0, 0, 10, &forgotten, &err));
    assert_int_equal(l.calls, 1);
    store_listen(e->store, NULL, NULL); /* nobody any more */
    create(e, KIND, "b", "1");
    assert_int_equal(l.calls, 1);
}

/* ---- many writers ---- */

enum { THREADS = 16, EACH = 15 };
struct writer {
    struct listener *listener;
    unsigned number;
    enum err_code rc;
    bool untold; /* result: a write came back before it was told */
};

static enum err_code write_pair(void *ctx, struct store_tx *tx, struct err *err) {
    struct store_write *w = ctx;
    enum err_code rc = store_tx_write(tx, w, NULL, err);
    struct store_write other = *w;
    other.kind = STR("users");
    return rc == ERR_OK ? store_tx_write(tx, &other, NULL, err) : rc;
}

static void *write_and_look(void *arg) {
    struct writer *w = arg;
    struct err err = { 0 };
    char name[16];
    (void)snprintf(name, sizeof name, "o%u", w->number);
    struct store_write write = new_object(KIND, name, "1");
    write.expected = STORE_EXPECT_ANY;
    for (int i = 0; i < EACH && w->rc == ERR_OK; i++) {
        int64_t revision = 0;
        w->rc = store_transact(w->listener->env->store, write_pair, &write, &revision, &err);
        w->untold |= w->listener->told < revision;
    }
    return NULL;
}

static void many_writers_are_told_in_order_and_none_is_missed(void **state) {
    struct env *e = *state;
    struct listener l = { .env = e };
    store_listen(e->store, committed, &l);
    pthread_t threads[THREADS];
    struct writer writers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        writers[i] = (struct writer) { .listener = &l, .number = i };
        assert_int_equal(pthread_create(&threads[i], NULL, write_and_look, &writers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(writers[i].rc, ERR_OK);
        assert_false(writers[i].untold);
    }
    assert_false(l.failed || l.out_of_order);
    assert_int_equal(l.changes, 2 * THREADS * EACH);
    assert_int_equal(l.last, 2 * THREADS * EACH);
    assert_true(l.calls <= THREADS * EACH);
    store_listen(e->store, NULL, NULL);
}

const struct test_case listen_cases[] = {
    CASE(a_write_has_been_told_before_its_caller_goes_on),
    CASE(only_recorded_changes_are_told),
    CASE(many_writers_are_told_in_order_and_none_is_missed),
    { NULL, NULL },
};
