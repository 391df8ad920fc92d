#include "store/decide.h"
#include "unit/test.h"

static struct store_refresh presented(uint32_t generation, unsigned char secret, int64_t now) {
    struct store_refresh in = { .generation = generation, .now = now, .grace_s = 10 };
    memset(in.hash, secret, STORE_HASH_SIZE);
    return in;
}

static void predecessors_outside_the_window_are_forgotten_first(void **state) {
    (void)state;
    struct predecessors known = { .len = 0 };
    for (uint32_t g = 1; g <= 3; g++) {
        struct store_refresh in = presented(g, (unsigned char)g, 100 + g);
        predecessors_add(&known, &in);
    }
    assert_int_equal(known.len, 3);
    struct store_refresh in = presented(4, 4, 112); /* those of 101 and 102 are 10 s old or more */
    predecessors_add(&known, &in);
    assert_int_equal(known.len, 2);
    assert_int_equal(known.items[0].generation, 3);
    assert_int_equal(known.items[1].generation, 4);
}

static void without_room_the_oldest_goes(void **state) {
    (void)state;
    struct predecessors known = { .len = 0 };
    for (uint32_t g = 1; g <= STORE_SUCCESSORS_MAX + 3; g++) {
        struct store_refresh in = presented(g, (unsigned char)g, 100);
        predecessors_add(&known, &in);
    }
    assert_int_equal(known.len, STORE_SUCCESSORS_MAX);
    assert_int_equal(known.items[0].generation, 4);
    assert_int_equal(known.items[STORE_SUCCESSORS_MAX - 1].generation, STORE_SUCCESSORS_MAX + 3);
}

/* A clock that is set back must not turn grace into revocation. */
static void a_rotation_in_the_future_is_within_the_window(void **state) {
    (void)state;
    struct store_family family = { .generation = 2 };
    struct predecessors known = { .len = 0 };
    struct store_refresh in = presented(1, 1, 1000);
    predecessors_add(&known, &in);
    const struct predecessor *p = NULL;
    in.now = 500;
    assert_int_equal(refresh_decide(&family, &known, &in, &p), STORE_REFRESH_GRACE);
    assert_ptr_equal(p, &known.items[0]);
}

static void the_last_generation_cannot_be_rotated(void **state) {
    (void)state;
    struct store_family family = { .generation = UINT32_MAX };
    struct predecessors known = { .len = 0 };
    struct store_refresh in = presented(UINT32_MAX, 0, 1);
    const struct predecessor *p = NULL;
    assert_int_equal(refresh_decide(&family, &known, &in, &p), STORE_REFRESH_EXPIRED);
}

static void a_family_ends_first_where_it_ends_at_all(void **state) {
    (void)state;
    static const struct {
        int64_t absolute, idle, end;
    } cases[] = { { 0, 0, 0 }, { 5, 0, 5 }, { 0, 7, 7 }, { 5, 7, 5 }, { 7, 5, 5 } };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct store_family f = { .expires_at = cases[i].absolute, .idle_expires_at = cases[i].idle };
        assert_int_equal(family_end(&f), cases[i].end);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(predecessors_outside_the_window_are_forgotten_first),
        cmocka_unit_test(without_room_the_oldest_goes),
        cmocka_unit_test(a_rotation_in_the_future_is_within_the_window),
        cmocka_unit_test(the_last_generation_cannot_be_rotated),
        cmocka_unit_test(a_family_ends_first_where_it_ends_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
