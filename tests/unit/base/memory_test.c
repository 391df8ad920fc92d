#include "unit/test.h"

#include <pthread.h>
#include <stdio.h>

/* ---- arena ---- */
static char order[8];
static void note(void *p) {
    size_t len = strlen(order);
    order[len] = *(const char *)p;
}

static void deferred_calls_run_newest_first_before_memory_goes(void **state) {
    (void)state;
    memset(order, 0, sizeof order);
    struct arena *a = arena_new(4096);
    char *first = arena_strdup(a, STR("1")), *second = arena_strdup(a, STR("2"));
    assert_true(arena_defer(a, note, first));
    assert_true(arena_defer(a, note, second));
    arena_free(a);
    assert_string_equal(order, "21");
    arena_free(NULL);
}

static void a_call_that_cannot_be_deferred_is_made_at_once(void **state) {
    (void)state;
    memset(order, 0, sizeof order);
    struct arena *a = arena_new(0);
    char one = 'x';
    assert_false(arena_defer(a, note, &one));
    assert_string_equal(order, "x");
    assert_true(arena_failed(a));
    arena_free(a);
    assert_string_equal(order, "x");
}

static void an_arena_can_be_used_again(void **state) {
    (void)state;
    struct arena *a = arena_new(40000);
    assert_non_null(a);
    memset(order, 0, sizeof order);
    for (int round = 0; round < 3; round++) {
        char *text = arena_strdup(a, STR("1"));
        assert_non_null(text);
        assert_true(arena_defer(a, note, text));
        assert_non_null(arena_alloc(a, 20000)); /* more than one chunk */
        assert_null(arena_alloc(a, 40000));
        arena_reset(a);
        assert_false(arena_failed(a));
        unsigned char *p = arena_alloc(a, 100);
        assert_non_null(p);
        for (size_t i = 0; i < 100; i++)
            assert_int_equal(p[i], 0);
    }
    assert_string_equal(order, "111");
    arena_free(a);
}

static void an_arena_gives_zeroed_aligned_memory_up_to_its_maximum(void **state) {
    (void)state;
    struct arena *a = arena_new(20000);
    for (size_t size = 0; size < 100; size++) {
        unsigned char *p = arena_alloc(a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
        for (size_t i = 0; i < size; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, size);
    }
    assert_false(arena_failed(a));
    assert_null(arena_alloc(a, 20000));
    assert_true(arena_failed(a));
    assert_null(arena_alloc(a, SIZE_MAX));
    assert_null(arena_array(a, SIZE_MAX / 2, 3));
    assert_non_null(arena_alloc(a, 1)); /* small ones still fit */
    arena_free(a);
    a = arena_new(100000);
    assert_non_null(arena_alloc(a, 50000)); /* larger than a chunk */
    assert_string_equal(arena_printf(a, "%s-%d", "x", 5), "x-5");
    assert_true(str_eq(arena_str(a, STR("a\0b")), STR("a\0b")));
    assert_non_null(arena_str(a, STR_NULL).ptr);
    arena_free(a);
}

/* ---- map ---- */
static void siphash_agrees_with_another_implementation(void **state) {
    (void)state;
    /* CPython's, which hashes bytes with SipHash-1-3, under PYTHONHASHSEED=0: a key of zeros. */
    static const uint64_t zero[2];
    assert_true(siphash13(zero, "a", 1) == 0x407448d2b89b1813U);
    assert_true(siphash13(zero, "abcdefg", 7) == 0x6db12aae9070f506U);
    assert_true(siphash13(zero, "abcdefgh", 8) == 0x3f7b849c0b8e35eaU);
    assert_true(siphash13(zero, "0123456789abcdef!", 17) == 0x9463628f6c8882caU);
}

/* Against an array as the model: random puts and removals of few keys, so that tombstones are used again. */
static void a_map_behaves_like_an_array_under_random_changes(void **state) {
    (void)state;
    enum { KEYS = 200, STEPS = 20000 };
    static char present[KEYS];
    struct map m = { .seed = { 1, 2 } };
    struct random chance;
    struct err err = { 0 };
    size_t count = 0;
    memset(present, 0, sizeof present);
    random_fixed_init(&chance, 3);
    for (int step = 0; step < STEPS; step++) {
        unsigned char dice[3];
        char key[16];
        random_bytes(&chance, dice, sizeof dice);
        size_t k = (size_t)(dice[0] | dice[1] << 8) % KEYS;
        (void)snprintf(key, sizeof key, "k%zu", k);
        if (dice[2] & 1) {
            void *old = &m;
            assert_ok(map_put(&m, str_of(key), &present[k], &old, &err));
            assert_ptr_equal(old, present[k] ? &present[k] : NULL);
            count += !present[k];
            present[k] = 1;
        } else {
            assert_ptr_equal(map_remove(&m, str_of(key)), present[k] ? &present[k] : NULL);
            count -= (size_t)present[k];
            present[k] = 0;
        }
        assert_ptr_equal(map_get(&m, str_of(key)), present[k] ? &present[k] : NULL);
        assert_int_equal(m.len, count);
    }
    size_t seen = 0, i = 0;
    for (const struct map_entry *e; (e = map_next(&m, &i)) != NULL; seen++)
        assert_int_equal(*(char *)e->value, 1);
    assert_int_equal(seen, count);
    map_done(&m, NULL);
    assert_null(map_get(&m, STR("k1")));
}

static size_t freed;
static void count_free(void *p) {
    (void)p;
    freed++;
}

static void map_keys_are_bytes_and_values_are_freed_at_the_end(void **state) {
    (void)state;
    struct map m = { 0 };
    struct err err = { 0 };
    char one, two, three;
    assert_ok(map_put(&m, STR("a\0b"), &one, NULL, &err));
    assert_ok(map_put(&m, STR("a\0c"), &two, NULL, &err));
    assert_ok(map_put(&m, STR(""), &three, NULL, &err));
    assert_ptr_equal(map_get(&m, STR("a\0b")), &one);
    assert_ptr_equal(map_get(&m, STR("a\0c")), &two);
    assert_ptr_equal(map_get(&m, STR_NULL), &three);
    assert_null(map_get(&m, STR("a")));
    freed = 0;
    map_done(&m, count_free);
    assert_int_equal(freed, 3);
}

/* ---- secrets and randomness ---- */
static void secrets_compare_by_content_and_end_in_nul(void **state) {
    (void)state;
    struct err err = { 0 };
    struct secret s = { 0 };
    assert_ok(secret_copy(STR("hunter2"), &s, &err));
    assert_int_equal(s.ptr[s.len], 0);
    assert_true(secret_equal(secret_expose(&s), STR("hunter2")));
    assert_false(secret_equal(secret_expose(&s), STR("hunter3")));
    assert_false(secret_equal(secret_expose(&s), STR("hunter")));
    assert_true(secret_equal(STR_NULL, STR("")));
    secret_done(&s);
    assert_null(s.ptr);
    secret_done(&s);
    assert_ok(secret_copy(STR(""), &s, &err));
    assert_non_null(s.ptr);
    secret_done(&s);
}

static void fixed_randomness_repeats_and_ids_sort_by_time(void **state) {
    (void)state;
    struct random a, b;
    unsigned char x[40], y[40], early[TIME_ID_SIZE], late[TIME_ID_SIZE];
    random_fixed_init(&a, 5);
    random_fixed_init(&b, 5);
    random_bytes(&a, x, sizeof x);
    random_bytes(&b, y, sizeof y);
    assert_memory_equal(x, y, sizeof x);
    random_bytes(&a, y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
    random_bytes(random_system(), x, sizeof x);
    random_bytes(random_system(), y, sizeof y);
    assert_memory_not_equal(x, y, sizeof x);
    for (int64_t t = 0; t < 3000; t += 251) {
        time_id(random_system(), 1767322245678 + t, early);
        time_id(random_system(), 1767322245678 + t + 1, late);
        assert_true(memcmp(early, late, sizeof early) < 0);
    }
}

/* ---- snapshots ---- */
struct value {
    struct snapshot snapshot;
    _Atomic int *freed;
    uint64_t a, b; /* always equal while the value lives */
};
static void value_free(struct snapshot *s) {
    struct value *v = (struct value *)s;
    v->a = 1;
    v->b = 2;
    atomic_fetch_add(v->freed, 1);
    free(v);
}
static struct snapshot *value_new(_Atomic int *counter, uint64_t n) {
    struct value *v = calloc(1, sizeof *v);
    assert_non_null(v);
    snapshot_init(&v->snapshot, value_free);
    v->freed = counter;
    v->a = v->b = n;
    return &v->snapshot;
}

static void an_old_value_lives_until_its_last_reader_is_done(void **state) {
    (void)state;
    _Atomic int gone = 0;
    struct snapshot_cell cell = { 0 };
    assert_null(snapshot_acquire(&cell));
    snapshot_release(&cell, NULL);
    snapshot_swap(&cell, value_new(&gone, 1));
    struct snapshot *first = snapshot_acquire(&cell), *again = snapshot_acquire(&cell);
    assert_ptr_equal(first, again);
    snapshot_release(&cell, again);
    snapshot_swap(&cell, value_new(&gone, 2));
    assert_int_equal(gone, 0);
    assert_int_equal(((struct value *)first)->a, 1);
    snapshot_release(&cell, first);
    assert_int_equal(gone, 1);
    snapshot_swap(&cell, NULL);
    assert_int_equal(gone, 2);
}

enum { SWAPS = 2000, READERS = 3 };
struct race {
    struct snapshot_cell cell;
    _Atomic int freed;
    _Atomic bool stop;
    _Atomic uint64_t torn;
};
static void *reader(void *p) {
    struct race *r = p;
    while (!r->stop) {
        struct snapshot *held[3];
        for (size_t i = 0; i < ARRAY_LEN(held); i++)
            held[i] = snapshot_acquire(&r->cell);
        for (size_t i = 0; i < ARRAY_LEN(held); i++) {
            const struct value *v = (const struct value *)held[i];
            if (v->a != v->b)
                r->torn++;
            snapshot_release(&r->cell, held[i]);
        }
    }
    return NULL;
}

static void readers_never_see_a_freed_value_and_none_is_leaked(void **state) {
    (void)state;
    static struct race r;
    pthread_t threads[READERS];
    memset(&r, 0, sizeof r);
    snapshot_swap(&r.cell, value_new(&r.freed, 0));
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reader, &r), 0);
    for (uint64_t i = 1; i <= SWAPS; i++)
        snapshot_swap(&r.cell, value_new(&r.freed, i));
    r.stop = true;
    for (size_t i = 0; i < READERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(r.torn, 0);
    assert_int_equal(r.freed, SWAPS);
    snapshot_swap(&r.cell, NULL);
    assert_int_equal(r.freed, SWAPS + 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deferred_calls_run_newest_first_before_memory_goes),
        cmocka_unit_test(a_call_that_cannot_be_deferred_is_made_at_once),
        cmocka_unit_test(an_arena_can_be_used_again),
        cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_up_to_its_maximum),
        cmocka_unit_test(siphash_agrees_with_another_implementation),
        cmocka_unit_test(a_map_behaves_like_an_array_under_random_changes),
        cmocka_unit_test(map_keys_are_bytes_and_values_are_freed_at_the_end),
        cmocka_unit_test(secrets_compare_by_content_and_end_in_nul),
        cmocka_unit_test(fixed_randomness_repeats_and_ids_sort_by_time),
        cmocka_unit_test(an_old_value_lives_until_its_last_reader_is_done),
        cmocka_unit_test(readers_never_see_a_freed_value_and_none_is_leaked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
