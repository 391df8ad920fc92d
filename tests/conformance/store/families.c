#include "conformance/store/env.h"

static void put(struct env *e, const struct store_family *f) {
    struct err err = { 0 };
    assert_ok(store_family_put(e->store, f, &err));
}

static void put_plain(struct env *e, uint32_t n) {
    struct store_family f = make_family(n);
    put(e, &f);
}

/* Rotates generation `g` at `now`; it must be current. */
static void rotate_at(struct env *e, uint32_t n, uint32_t g, int64_t now) {
    struct store_refresh in = make_refresh(n, g);
    in.now = now;
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_CURRENT);
}

static enum store_refresh_outcome try_at(struct env *e, uint32_t n, uint32_t g, int64_t now) {
    struct store_refresh in = make_refresh(n, g);
    in.now = now;
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    return rotate(e, &in, successor, &generation);
}

static enum store_refresh_outcome look_at(struct env *e, uint32_t n, uint32_t g, int64_t now) {
    struct store_refresh in = make_refresh(n, g);
    struct store_family unused;
    in.now = now;
    return look(e, &in, &unused);
}

static void a_family_is_read_back_whole(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    struct store_family f = make_family(3), got = { .generation = 0 };
    f.expires_at = NOW + 1000;
    f.idle_expires_at = NOW + 500;
    put(e, &f);
    assert_int_equal(store_family_put(e->store, &f, &err), ERR_EXISTS);
    struct store_refresh in = make_refresh(3, 1);
    assert_int_equal(look(e, &in, &got), STORE_REFRESH_CURRENT);
    assert_memory_equal(got.id, f.id, STORE_ID_SIZE);
    assert_memory_equal(got.current_hash, f.current_hash, STORE_HASH_SIZE);
    assert_int_equal(got.generation, 1);
    assert_str(got.client_id, "kubectl");
    assert_str(got.subject, "sub-ana");
    assert_str(got.session_id, "sid-1");
    assert_str(got.body, "{\"groups\":[\"dev\"]}");
    assert_int_equal(got.created_at, NOW);
    assert_int_equal(got.last_used_at, NOW);
    assert_int_equal(got.expires_at, NOW + 1000);
    assert_int_equal(got.idle_expires_at, NOW + 500);
    assert_false(got.revoked);
}

static void rotation_replaces_token_body_and_idle_end(void **state) {
    struct env *e = *state;
    struct store_family got;
    put_plain(e, 1);
    struct store_refresh in = make_refresh(1, 1);
    in.now = NOW + 5;
    in.idle_expires_at = NOW + 105;
    in.body = STR("{\"groups\":[]}");
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_CURRENT);

    struct store_refresh next = make_refresh(1, 2);
    assert_int_equal(look(e, &next, &got), STORE_REFRESH_CURRENT);
    assert_int_equal(got.generation, 2);
    assert_memory_equal(got.current_hash, in.next_hash, STORE_HASH_SIZE);
    assert_int_equal(got.last_used_at, NOW + 5);
    assert_int_equal(got.idle_expires_at, NOW + 105);
    assert_str(got.body, "{\"groups\":[]}");
    assert_str(got.client_id, "kubectl");

    rotate_at(e, 1, 2, NOW + 6); /* without a body it stays; idle end 0: none any more */
    next = make_refresh(1, 3);
    assert_int_equal(look(e, &next, &got), STORE_REFRESH_CURRENT);
    assert_str(got.body, "{\"groups\":[]}");
    assert_int_equal(got.idle_expires_at, 0);
}

static void an_earlier_token_gets_its_own_successor_in_the_grace_window(void **state) {
    struct env *e = *state;
    struct store_family got;
    put_plain(e, 1);
    rotate_at(e, 1, 1, NOW);
    rotate_at(e, 1, 2, NOW + 10);
    uint64_t writes = writes_of(e);
    for (uint32_t g = 1; g <= 2; g++) {
        struct store_refresh in = make_refresh(1, g);
        in.now = NOW + GRACE_S - 1;
        unsigned char successor[STORE_HASH_SIZE] = { 0 };
        uint32_t generation = 0;
        assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_GRACE);
        assert_memory_equal(successor, make_refresh(1, g).next_masked, STORE_HASH_SIZE);
        assert_int_equal(generation, g + 1);
        assert_int_equal(look(e, &in, &got), STORE_REFRESH_GRACE);
        assert_int_equal(got.generation, 3);
    }
    assert_int_equal(writes_of(e), writes);
    assert_int_equal(look_at(e, 1, 3, NOW + 20), STORE_REFRESH_CURRENT);
}

static void the_window_of_a_token_starts_with_its_own_rotation(void **state) {
    struct env *e = *state;
    put_plain(e, 1);
    rotate_at(e, 1, 1, NOW);
    rotate_at(e, 1, 2, NOW + GRACE_S - 1);
    assert_int_equal(try_at(e, 1, 2, NOW + GRACE_S + 5), STORE_REFRESH_GRACE);
    assert_int_equal(try_at(e, 1, 1, NOW + GRACE_S + 5), STORE_REFRESH_REUSED);
}

static void reuse_outside_the_window_revokes_the_family(void **state) {
    struct env *e = *state;
    struct store_family got = { .generation = 0 };
    put_plain(e, 1);
    put_plain(e, 2);
    rotate_at(e, 1, 1, NOW);
    rotate_at(e, 2, 1, NOW);
    uint64_t writes = writes_of(e);
    assert_int_equal(try_at(e, 1, 1, NOW + GRACE_S), STORE_REFRESH_REUSED);
    assert_int_equal(try_at(e, 1, 1, NOW + GRACE_S), STORE_REFRESH_REVOKED);
    assert_int_equal(try_at(e, 1, 2, NOW + GRACE_S), STORE_REFRESH_REVOKED);
    assert_int_equal(look_at(e, 1, 2, NOW + GRACE_S), STORE_REFRESH_REVOKED);

    struct store_refresh in = make_refresh(2, 1); /* looking alone does it, too */
    in.now = NOW + GRACE_S;
    assert_int_equal(look(e, &in, &got), STORE_REFRESH_REUSED);
    assert_true(got.revoked);
    assert_int_equal(look_at(e, 2, 2, NOW + GRACE_S), STORE_REFRESH_REVOKED);
    assert_int_equal(writes_of(e), writes + 2);
}

static void without_a_window_every_earlier_token_is_reuse(void **state) {
    struct env *e = *state;
    put_plain(e, 1);
    rotate_at(e, 1, 1, NOW);
    struct store_refresh in = make_refresh(1, 1);
    in.grace_s = 0;
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_REUSED);
}

static void an_invented_token_is_unknown_and_revokes_nothing(void **state) {
    struct env *e = *state;
    put_plain(e, 1);
    rotate_at(e, 1, 1, NOW);
    uint64_t writes = writes_of(e);
    struct store_refresh in = make_refresh(1, 2);
    fill_token(in.hash, 9, 9); /* the current generation, another secret */
    unsigned char successor[STORE_HASH_SIZE];
    uint32_t generation = 0;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_UNKNOWN);
    in.generation = 1; /* an earlier one that is still remembered: it is known not to be this */
    in.now = NOW + GRACE_S + 1;
    assert_int_equal(rotate(e, &in, successor, &generation), STORE_REFRESH_UNKNOWN);
    assert_int_equal(try_at(e, 1, 3, NOW), STORE_REFRESH_UNKNOWN); /* a generation to come */
    assert_int_equal(try_at(e, 1, UINT32_MAX, NOW), STORE_REFRESH_UNKNOWN);
    assert_int_equal(try_at(e, 1, 0, NOW), STORE_REFRESH_UNKNOWN);
    assert_int_equal(try_at(e, 5, 1, NOW), STORE_REFRESH_UNKNOWN); /* no such family */
    assert_int_equal(writes_of(e), writes);
    assert_int_equal(look_at(e, 1, 2, NOW), STORE_REFRESH_CURRENT);
}

static void as_many_predecessors_as_promised_are_remembered(void **state) {
    struct env *e = *state;
    put_plain(e, 1);
    for (uint32_t g = 1; g <= STORE_SUCCESSORS_MAX + 1; g++)
        rotate_at(e, 1, g, NOW);
    for (uint32_t g = 2; g <= STORE_SUCCESSORS_MAX + 1; g++)
        assert_int_equal(try_at(e, 1, g, NOW), STORE_REFRESH_GRACE);
    assert_int_equal(try_at(e, 1, 1, NOW), STORE_REFRESH_REUSED);
}

static void a_family_ends_at_the_first_of_its_ends(void **state) {
    struct env *e = *state;
    struct store_family f = make_family(1);
    f.expires_at = NOW + 100;
    put(e, &f);
    f = make_family(2);
    f.expires_at = NOW + 100;
    f.idle_expires_at = NOW + 50;
    put(e, &f);
    assert_int_equal(look_at(e, 1, 1, NOW + 99), STORE_REFRESH_CURRENT);
    assert_int_equal(look_at(e, 1, 1, NOW + 100), STORE_REFRESH_EXPIRED);
    assert_int_equal(try_at(e, 1, 1, NOW + 100), STORE_REFRESH_EXPIRED);
    assert_int_equal(look_at(e, 2, 1, NOW + 49), STORE_REFRESH_CURRENT);
    assert_int_equal(try_at(e, 2, 1, NOW + 50), STORE_REFRESH_EXPIRED);
}

static void revocation_meets_exactly_what_all_conditions_name(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    static const struct {
        struct str client, subject, session;
    } rows[] = {
        { STR("web"), STR("ana"), STR("s1") }, { STR("cli"), STR("ana"), STR("s1") },
        { STR("web"), STR("ana"), STR("s2") }, { STR("web"), STR("bob"), STR("s3") },
        { STR("web"), STR("bob"), STR_NULL },
    };
    unsigned char id[STORE_ID_SIZE];
    fill_id(id, 1);
    const struct {
        struct store_family_filter filter;
        size_t count;
        const char *revoked; /* by row */
    } cases[] = {
        { { .id = id }, 1, "R----" },
        { { .session_id = STR("s1") }, 2, "RR---" },
        { { .session_id = STR("") }, 1, "----R" },
        { { .subject = STR("ana") }, 3, "RRR--" },
        { { .client_id = STR("web") }, 4, "R-RRR" },
        { { .client_id = STR("web"), .subject = STR("ana") }, 2, "R-R--" },
        { { .client_id = STR("cli"), .session_id = STR("s1") }, 1, "-R---" },
        { { .id = id, .subject = STR("bob") }, 0, "-----" },
        { { .subject = STR("an") }, 0, "-----" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct env *fresh = env_new(e->type);
        for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
            struct store_family f = make_family((uint32_t)r + 1);
            f.client_id = rows[r].client;
            f.subject = rows[r].subject;
            f.session_id = rows[r].session;
            put(fresh, &f);
        }
        size_t count = 99;
        assert_ok(store_family_revoke(fresh->store, &cases[i].filter, &count, &err));
        assert_int_equal(count, cases[i].count);
        for (size_t r = 0; r < ARRAY_LEN(rows); r++)
            assert_int_equal(look_at(fresh, (uint32_t)r + 1, 1, NOW),
                             cases[i].revoked[r] == 'R' ? STORE_REFRESH_REVOKED : STORE_REFRESH_CURRENT);
        assert_ok(store_family_revoke(fresh->store, &cases[i].filter, &count, &err));
        assert_int_equal(count, 0); /* they are revoked already */
        env_free(fresh);
    }
}

static void revocation_without_a_condition_is_refused(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    put_plain(e, 1);
    struct store_family_filter none = { .id = NULL };
    assert_int_equal(store_family_revoke(e->store, &none, NULL, &err), ERR_INVALID);
    assert_int_equal(look_at(e, 1, 1, NOW), STORE_REFRESH_CURRENT);
}

static void oversized_or_impossible_families_are_refused(void **state) {
    struct env *e = *state;
    struct err err = { 0 };
    static const char big[2000];
    struct store_family f = make_family(1);
    f.generation = 0;
    assert_int_equal(store_family_put(e->store, &f, &err), ERR_INVALID);
    f = make_family(1);
    f.subject = (struct str) { big, sizeof big };
    assert_int_equal(store_family_put(e->store, &f, &err), ERR_LIMIT);
    assert_int_equal(writes_of(e), 0);
}

const struct test_case family_cases[] = {
    CASE(a_family_is_read_back_whole),
    CASE(rotation_replaces_token_body_and_idle_end),
    CASE(an_earlier_token_gets_its_own_successor_in_the_grace_window),
    CASE(the_window_of_a_token_starts_with_its_own_rotation),
    CASE(reuse_outside_the_window_revokes_the_family),
    CASE(without_a_window_every_earlier_token_is_reuse),
    CASE(an_invented_token_is_unknown_and_revokes_nothing),
    CASE(as_many_predecessors_as_promised_are_remembered),
    CASE(a_family_ends_at_the_first_of_its_ends),
    CASE(revocation_meets_exactly_what_all_conditions_name),
    CASE(revocation_without_a_condition_is_refused),
    CASE(oversized_or_impossible_families_are_refused),
    { NULL, NULL },
};
