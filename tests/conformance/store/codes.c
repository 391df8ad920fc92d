#include "conformance/store/env.h"

static void put(struct env *e, uint32_t n) {
    struct err err = { 0 };
    struct store_code code = make_code(n);
    assert_ok(store_code_put(e->store, &code, &err));
}

static enum store_code_outcome get(struct env *e, uint32_t n, int64_t now, struct store_code *ret) {
    struct err err = { 0 };
    struct store_code code = make_code(n);
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    assert_ok(store_code_get(e->store, e->arena, code.id, code.hash, now, &outcome, ret, &err));
    return outcome;
}

static void a_code_is_read_without_being_used_up(void **state) {
    struct env *e = *state;
    struct store_code got = { .expires_at = 0 }, want = make_code(7);
    put(e, 7);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(get(e, 7, NOW, &got), STORE_CODE_CONSUMED);
        assert_memory_equal(got.id, want.id, STORE_ID_SIZE);
        assert_memory_equal(got.hash, want.hash, STORE_HASH_SIZE);
        assert_memory_equal(got.family_id, want.family_id, STORE_ID_SIZE);
        assert_int_equal(got.expires_at, want.expires_at);
        assert_str(got.body, "{\"scope\":\"openid\"}");
    }
    assert_int_equal(consume(e, 7, NULL, NOW), STORE_CODE_CONSUMED);
}

static void an_id_is_put_once(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    put(e, 1);
    struct store_code again = make_code(1);
    assert_int_equal(store_code_put(e->store, &again, &err), ERR_EXISTS);
}

static void a_code_without_its_secret_is_unknown(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_code code = make_code(1), got = { .expires_at = -1 };
    unsigned char wrong[STORE_HASH_SIZE];
    fill_hash(wrong, 2);
    put(e, 1);
    uint64_t writes = writes_of(e);
    enum store_code_outcome outcome = STORE_CODE_CONSUMED;
    assert_ok(store_code_get(e->store, e->arena, code.id, wrong, NOW, &outcome, &got, &err));
    assert_int_equal(outcome, STORE_CODE_UNKNOWN);
    assert_int_equal(got.expires_at, -1); /* nothing is told about it */
    outcome = STORE_CODE_CONSUMED;
    assert_ok(store_code_consume(e->store, code.id, wrong, NOW, NOW + 300, NULL, &outcome, &err));
    assert_int_equal(outcome, STORE_CODE_UNKNOWN);
    assert_int_equal(consume(e, 2, NULL, NOW), STORE_CODE_UNKNOWN);
    assert_int_equal(writes_of(e), writes);
    assert_int_equal(consume(e, 1, NULL, NOW), STORE_CODE_CONSUMED); /* a wrong guess does not burn it */
}

static void a_code_is_valid_until_its_expiry_and_not_longer(void **state) {
    struct env *e = *state;
    struct store_code got;
    put(e, 1);
    put(e, 2);
    assert_int_equal(get(e, 1, NOW + CODE_TTL_S, &got), STORE_CODE_EXPIRED);
    assert_int_equal(consume(e, 1, NULL, NOW + CODE_TTL_S), STORE_CODE_EXPIRED);
    assert_int_equal(consume(e, 2, NULL, NOW + CODE_TTL_S - 1), STORE_CODE_CONSUMED);
}

static void consuming_starts_the_family(void **state) {
    struct env *e = *state;
    struct store_family family = make_family(1), got;
    put(e, 1);
    assert_int_equal(consume(e, 1, &family, NOW), STORE_CODE_CONSUMED);
    struct store_refresh in = make_refresh(1, 1);
    assert_int_equal(look(e, &in, &got), STORE_REFRESH_CURRENT);
    assert_str(got.client_id, "kubectl");
}

static void an_expired_or_unknown_code_starts_nothing(void **state) {
    struct env *e = *state;
    struct store_family family = make_family(1), got;
    struct store_refresh in = make_refresh(1, 1);
    assert_int_equal(consume(e, 1, &family, NOW), STORE_CODE_UNKNOWN);
    put(e, 1);
    assert_int_equal(consume(e, 1, &family, NOW + CODE_TTL_S), STORE_CODE_EXPIRED);
    assert_int_equal(look(e, &in, &got), STORE_REFRESH_UNKNOWN);
}

static void a_replay_revokes_the_family_once(void **state) {
    struct env *e = *state;
    struct store_family family = make_family(1), got;
    struct store_code code;
    put(e, 1);
    assert_int_equal(consume(e, 1, &family, NOW), STORE_CODE_CONSUMED);
    assert_int_equal(get(e, 1, NOW, &code), STORE_CODE_REPLAYED); /* looking revokes nothing */
    struct store_refresh in = make_refresh(1, 1);
    assert_int_equal(look(e, &in, &got), STORE_REFRESH_CURRENT);

    uint64_t writes = writes_of(e);
    assert_int_equal(consume(e, 1, &family, NOW + 1), STORE_CODE_REPLAYED);
    assert_int_equal(look(e, &in, &got), STORE_REFRESH_REVOKED);
    assert_int_equal(consume(e, 1, NULL, NOW + CODE_TTL_S),
                     STORE_CODE_REPLAYED); /* also when expired by now */
    assert_int_equal(writes_of(e), writes + 1);
}

static void a_family_that_cannot_start_leaves_the_code_unused(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_family family = make_family(1), other = make_family(2);
    struct store_code code = make_code(1);
    put(e, 1);
    assert_ok(store_family_put(e->store, &family, &err));
    enum store_code_outcome outcome = STORE_CODE_UNKNOWN;
    assert_int_equal(
        store_code_consume(e->store, code.id, code.hash, NOW, NOW + 300, &family, &outcome, &err),
        ERR_EXISTS);
    /* A replay could not revoke a family that the code does not name. */
    assert_int_equal(store_code_consume(e->store, code.id, code.hash, NOW, NOW + 300, &other, &outcome, &err),
                     ERR_INVALID);
    assert_int_equal(consume(e, 1, NULL, NOW), STORE_CODE_CONSUMED);
}

const struct test_case code_cases[] = {
    CASE(a_code_is_read_without_being_used_up),
    CASE(an_id_is_put_once),
    CASE(a_code_without_its_secret_is_unknown),
    CASE(a_code_is_valid_until_its_expiry_and_not_longer),
    CASE(consuming_starts_the_family),
    CASE(an_expired_or_unknown_code_starts_nothing),
    CASE(a_replay_revokes_the_family_once),
    CASE(a_family_that_cannot_start_leaves_the_code_unused),
    { NULL, NULL },
};
