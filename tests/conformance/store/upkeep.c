#include "conformance/store/env.h"

static size_t expire(struct env *e, int64_t now, size_t limit) {
    struct err err = { 0 };
    size_t count = 99;
    assert_ok(store_expire(e->store, now, limit, &count, &err));
    return count;
}

static void put_code(struct env *e, uint32_t n) {
    struct err err = { 0 };
    struct store_code code = make_code(n);
    assert_ok(store_code_put(e->store, &code, &err));
}

static enum store_refresh_outcome look_at(struct env *e, uint32_t n, uint32_t g, int64_t now) {
    struct store_refresh in = make_refresh(n, g);
    struct store_family unused;
    in.now = now;
    return look(e, &in, &unused);
}

static void expired_rows_go_in_portions(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    for (uint32_t n = 1; n <= 7; n++)
        put_code(e, n);
    for (uint32_t n = 1; n <= 3; n++) {
        struct store_family f = make_family(n);
        f.expires_at = NOW + CODE_TTL_S;
        assert_ok(store_family_put(e->store, &f, &err));
    }
    uint64_t writes = writes_of(e);
    assert_int_equal(expire(e, NOW + CODE_TTL_S - 1, 4), 0);
    assert_int_equal(writes_of(e), writes);
    assert_int_equal(expire(e, NOW + CODE_TTL_S, 4), 4);
    assert_int_equal(expire(e, NOW + CODE_TTL_S, 4), 4);
    assert_int_equal(expire(e, NOW + CODE_TTL_S, 4), 2);
    assert_int_equal(expire(e, NOW + CODE_TTL_S, 4), 0);
    for (uint32_t n = 1; n <= 7; n++)
        assert_int_equal(consume(e, n, NULL, NOW), STORE_CODE_UNKNOWN);
    for (uint32_t n = 1; n <= 3; n++)
        assert_int_equal(look_at(e, n, 1, NOW), STORE_REFRESH_UNKNOWN);
    assert_int_equal(store_expire(e->store, NOW, 0, &(size_t) { 0 }, &err), ERR_INVALID);
}

static void a_used_code_is_remembered_for_its_replay(void **state) {
    struct env *e = *state;
    put_code(e, 1);
    assert_int_equal(consume(e, 1, NULL, NOW), STORE_CODE_CONSUMED); /* replay_until NOW + 300 */
    assert_int_equal(expire(e, NOW + 299, 10), 0);
    assert_int_equal(consume(e, 1, NULL, NOW + 299), STORE_CODE_REPLAYED);
    assert_int_equal(expire(e, NOW + 300, 10), 1);
    assert_int_equal(consume(e, 1, NULL, NOW + 300), STORE_CODE_UNKNOWN);
}

static void use_moves_the_day_a_family_is_forgotten(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_family f = make_family(1);
    f.idle_expires_at = NOW + 100;
    assert_ok(store_family_put(e->store, &f, &err));
    struct store_refresh in = make_refresh(1, 1);
    in.idle_expires_at = NOW + 200;
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_CURRENT);
    assert_int_equal(expire(e, NOW + 199, 10), 0);
    assert_int_equal(expire(e, NOW + 200, 10), 1);
}

static void an_end_that_comes_nearer_counts(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    for (uint32_t n = 1; n <= 2; n++) {
        struct store_family f = make_family(n); /* 1: without an end; 2: with a later one */
        f.idle_expires_at = n == 1 ? 0 : NOW + 500;
        assert_ok(store_family_put(e->store, &f, &err));
        struct store_refresh in = make_refresh(n, 1);
        in.idle_expires_at = NOW + 100;
        unsigned char successor[STORE_HASH_SIZE];
        uint32_t generation = 0;
        assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_CURRENT);
    }
    assert_int_equal(expire(e, NOW + 99, 10), 0);
    assert_int_equal(expire(e, NOW + 100, 10), 2);
}

static void a_family_revoked_after_use_is_remembered_until_its_last_end(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_family f = make_family(1);
    f.idle_expires_at = NOW + 100;
    assert_ok(store_family_put(e->store, &f, &err));
    struct store_refresh in = make_refresh(1, 1);
    in.idle_expires_at = NOW + 200;
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_CURRENT);
    assert_ok(
        store_family_revoke(e->store, &(struct store_family_filter) { .subject = f.subject }, NULL, &err));
    assert_int_equal(expire(e, NOW + 199, 10), 0);
    assert_int_equal(expire(e, NOW + 200, 10), 1);
}

static void families_without_an_end_stay_until_revoked_and_a_while_longer(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    enum { DAY = 24 * 3600 };
    for (uint32_t n = 1; n <= 2; n++) {
        struct store_family f = make_family(n);
        assert_ok(store_family_put(e->store, &f, &err));
    }
    unsigned char id[STORE_ID_SIZE];
    fill_id(id, 1);
    assert_ok(store_family_revoke(e->store, &(struct store_family_filter) { .id = id }, NULL, &err));
    assert_int_equal(expire(e, NOW + 29 * DAY, 10), 0);
    assert_int_equal(look_at(e, 1, 1, NOW + 29 * DAY), STORE_REFRESH_REVOKED);
    assert_int_equal(expire(e, NOW + 30 * DAY, 10), 1);
    assert_int_equal(expire(e, NOW + 9999 * DAY, 10), 0);
    assert_int_equal(look_at(e, 2, 1, NOW), STORE_REFRESH_CURRENT);
}

static void a_revoked_family_is_remembered_until_its_end(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_family f = make_family(1);
    f.expires_at = NOW + 100;
    assert_ok(store_family_put(e->store, &f, &err));
    assert_ok(
        store_family_revoke(e->store, &(struct store_family_filter) { .subject = f.subject }, NULL, &err));
    assert_int_equal(expire(e, NOW + 99, 10), 0);
    assert_int_equal(look_at(e, 1, 1, NOW), STORE_REFRESH_REVOKED);
    assert_int_equal(expire(e, NOW + 100, 10), 1);
}

static void only_what_changed_something_counts_as_a_write(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_int_equal(writes_of(e), 0);
    put_code(e, 1);
    assert_int_equal(writes_of(e), 1);
    struct store_family f = make_family(1);
    assert_int_equal(consume(e, 1, &f, NOW), STORE_CODE_CONSUMED);
    assert_int_equal(writes_of(e), 2);
    struct store_refresh in = make_refresh(1, 1);
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_CURRENT);
    assert_int_equal(writes_of(e), 3);
    create(e, STR("clients"), "a", "1");
    replace(e, STR("clients"), "a", "2");
    (void)remove_object(e, STR("clients"), "a");
    assert_int_equal(writes_of(e), 6);
    assert_ok(store_family_revoke(e->store, &(struct store_family_filter) { .subject = STR("nobody") }, NULL,
                                  &err));
    assert_int_equal(consume(e, 9, NULL, NOW), STORE_CODE_UNKNOWN);
    assert_int_equal(writes_of(e), 6);
}

static void a_store_in_use_is_healthy(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    assert_ok(store_health(e->store, &err));
    put_code(e, 1);
    assert_ok(store_health(e->store, &err));
}

const struct test_case upkeep_cases[] = {
    CASE(expired_rows_go_in_portions),
    CASE(a_used_code_is_remembered_for_its_replay),
    CASE(use_moves_the_day_a_family_is_forgotten),
    CASE(an_end_that_comes_nearer_counts),
    CASE(a_family_revoked_after_use_is_remembered_until_its_last_end),
    CASE(families_without_an_end_stay_until_revoked_and_a_while_longer),
    CASE(a_revoked_family_is_remembered_until_its_end),
    CASE(only_what_changed_something_counts_as_a_write),
    CASE(a_store_in_use_is_healthy),
    { NULL, NULL },
};
