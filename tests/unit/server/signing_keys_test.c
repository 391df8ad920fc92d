/* Signing keys in a store: made, announced, changed over, taken away; with a clock that a test moves. */
#include "unit/test.h"

#include "server/signing_keys.h"

enum { START = 1700000000, PERIOD = 1000, AHEAD = 100, KEEP = 300 };

struct rig {
    struct clock clock;
    struct random random;
    struct store *store;
    struct keyring *keyring;
    struct signing_keys keys;
    struct arena *arena;
};

static int setup(void **state) {
    static struct rig r;
    static const unsigned char key[KEYRING_KEY_SIZE] = { 3 };
    struct err err;
    r = (struct rig) { .arena = arena_new(16 << 20) };
    clock_fixed_init(&r.clock, (int64_t)START * 1000);
    random_fixed_init(&r.random, 1);
    const struct store_options options = { .type = "memory", .clock = &r.clock };
    assert_ok(store_open(&options, &r.store, &err));
    assert_ok(keyring_from_key(key, &r.keyring, &err));
    r.keys = (struct signing_keys) { .store = r.store,
                                     .keyring = r.keyring,
                                     .random = &r.random,
                                     .clock = &r.clock,
                                     .policy = { PERIOD, AHEAD, KEEP, AHEAD - 60 } };
    *state = &r;
    return 0;
}

static int teardown(void **state) {
    struct rig *r = *state;
    store_close(r->store);
    keyring_free(r->keyring);
    arena_free(r->arena);
    return 0;
}

static bool rotate(struct rig *r) {
    struct err err;
    bool changed = false;
    assert_ok(signing_keys_rotate(&r->keys, &changed, &err));
    return changed;
}

static void go_to(struct rig *r, int64_t seconds_after_start) {
    clock_advance(&r->clock, (START + seconds_after_start) * 1000 - clock_now_ms(&r->clock));
}

/* The kid that signs now; static memory of one of four. */
static const char *signer_now(struct rig *r, enum sign_alg alg) {
    AUTO_FREE(keyset_free) struct keyset *set = NULL;
    struct err err;
    assert_ok(signing_keys_load(&r->keys, &set, &err));
    const struct signer *s = keyset_signer(set, alg, clock_now_s(&r->clock));
    assert_non_null(s);
    return arena_strdup(r->arena, signer_kid(s));
}

static size_t count(struct rig *r, enum sign_alg alg) {
    struct signing_key *keys = NULL;
    struct err err;
    size_t len = 0, n = 0;
    assert_ok(signing_keys_list(&r->keys, r->arena, &keys, &len, &err));
    for (size_t i = 0; i < len; i++)
        n += keys[i].alg == alg;
    return n;
}

static bool publishes(struct rig *r, const char *kid) {
    AUTO_FREE(keyset_free) struct keyset *set = NULL;
    AUTO(strbuf_done) struct strbuf json = STRBUF(1 << 20);
    struct err err;
    assert_ok(signing_keys_load(&r->keys, &set, &err));
    keyset_jwks(set, clock_now_s(&r->clock), &json);
    return str_contains(strbuf_str(&json), str_of(kid));
}

static void a_first_start_makes_one_key_of_each_kind_that_signs_at_once(void **state) {
    struct rig *r = *state;
    assert_true(rotate(r));
    assert_int_equal(count(r, SIGN_RS256), 1);
    assert_int_equal(count(r, SIGN_ES256), 1);
    assert_int_equal(count(r, SIGN_EDDSA), 1);
    (void)signer_now(r, SIGN_RS256);
    assert_false(rotate(r)); /* and then nothing is due */
}

static void a_successor_is_published_before_it_signs_and_the_old_key_after(void **state) {
    struct rig *r = *state;
    rotate(r);
    const char *old = signer_now(r, SIGN_ES256);
    go_to(r, PERIOD - AHEAD - 1);
    assert_false(rotate(r));
    go_to(r, PERIOD - AHEAD);
    assert_true(rotate(r));
    assert_int_equal(count(r, SIGN_ES256), 2);
    assert_string_equal(signer_now(r, SIGN_ES256), old); /* not yet */
    go_to(r, PERIOD - 1);
    assert_false(rotate(r));
    assert_string_equal(signer_now(r, SIGN_ES256), old);
    go_to(r, PERIOD);
    assert_false(rotate(r));
    const char *next = signer_now(r, SIGN_ES256);
    assert_string_not_equal(next, old);
    assert_true(publishes(r, old));
    go_to(r, PERIOD + KEEP - 1);
    rotate(r);
    assert_true(publishes(r, old));
    go_to(r, PERIOD + KEEP);
    assert_true(rotate(r));
    assert_false(publishes(r, old));
    assert_true(publishes(r, next));
    assert_int_equal(count(r, SIGN_ES256), 1);
}

static void a_daemon_that_was_down_for_long_signs_again_at_once(void **state) {
    struct rig *r = *state;
    rotate(r);
    const char *old = signer_now(r, SIGN_ES256);
    go_to(r, 100 * PERIOD);
    assert_true(rotate(r));
    (void)signer_now(r, SIGN_ES256);
    (void)old;
    assert_false(rotate(r));
}

static void an_emergency_leaves_no_old_key_and_signs_at_once(void **state) {
    struct rig *r = *state;
    struct err err;
    rotate(r);
    const char *leaked = signer_now(r, SIGN_RS256);
    assert_ok(signing_keys_replace(&r->keys, &err));
    assert_false(publishes(r, leaked));
    assert_string_not_equal(signer_now(r, SIGN_RS256), leaked);
    assert_int_equal(count(r, SIGN_RS256), 1);
}

static void no_private_part_lies_in_the_store_in_clear_nor_opens_with_another_key(void **state) {
    struct rig *r = *state;
    static const unsigned char other[KEYRING_KEY_SIZE] = { 4 };
    AUTO_FREE(keyring_free) struct keyring *wrong = NULL;
    AUTO_FREE(keyset_free) struct keyset *set = NULL;
    struct signing_key *keys = NULL;
    size_t len = 0;
    struct err err;
    rotate(r);
    assert_ok(signing_keys_list(&r->keys, r->arena, &keys, &len, &err));
    for (size_t i = 0; i < len; i++) {
        AUTO_FREE(signer_free) struct signer *s = NULL;
        assert_int_not_equal(signer_from_der(keys[i].alg, keys[i].sealed_private, &s, &err), ERR_OK);
    }
    assert_ok(keyring_from_key(other, &wrong, &err));
    struct signing_keys with_wrong = r->keys;
    with_wrong.keyring = wrong;
    assert_int_equal(signing_keys_load(&with_wrong, &set, &err), ERR_INTERNAL);
    assert_non_null(strstr(err.detail, "storage.keyFile"));
}

static void two_processes_that_rotate_at_once_agree_in_the_end(void **state) {
    struct rig *r = *state;
    rotate(r);
    go_to(r, PERIOD - AHEAD);
    rotate(r);
    assert_false(rotate(r)); /* what the other one finds: nothing left to do */
    assert_int_equal(count(r, SIGN_ES256), 2);
}

static void a_promise_made_to_others_is_kept_for_as_long_as_it_was_made(void **state) {
    (void)state;
    struct promise p = { 0 };
    assert_int_equal(promise_longest(&p, 300, 1000), 300);
    assert_int_equal(promise_longest(&p, 3600, 2000), 3600); /* a longer one holds at once */
    assert_int_equal(promise_longest(&p, 3600, 3000), 3600); /* made again to whoever asked until now */
    assert_int_equal(promise_longest(&p, 300, 3010), 3600);
    assert_int_equal(promise_longest(&p, 300, 3000 + 3599), 3600);
    assert_int_equal(promise_longest(&p, 300, 3000 + 3600), 300);
    assert_int_equal(promise_longest(&p, 300, 99999), 300);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(a_first_start_makes_one_key_of_each_kind_that_signs_at_once),
        test(a_successor_is_published_before_it_signs_and_the_old_key_after),
        test(a_daemon_that_was_down_for_long_signs_again_at_once),
        test(an_emergency_leaves_no_old_key_and_signs_at_once),
        test(no_private_part_lies_in_the_store_in_clear_nor_opens_with_another_key),
        test(two_processes_that_rotate_at_once_agree_in_the_end),
        test(a_promise_made_to_others_is_kept_for_as_long_as_it_was_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
