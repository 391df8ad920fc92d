#include "unit/test.h"

#include "tkeauth/crypto.h"

#include <pthread.h>

static enum password_outcome verify(const char *password, const char *hash) {
    enum password_outcome outcome = PASSWORD_MISMATCH;
    struct err err;
    assert_ok(password_verify(str_of(password), str_of(hash), &outcome, &err));
    return outcome;
}

static void a_new_hash_is_argon2id_as_owasp_wants_it_and_current(void **state) {
    (void)state;
    AUTO(strbuf_done) struct strbuf a = STRBUF(PASSWORD_HASH_MAX), b = STRBUF(PASSWORD_HASH_MAX);
    struct err err;
    assert_ok(password_hash(STR("correct horse"), &a, &err));
    assert_ok(password_hash(STR("correct horse"), &b, &err));
    assert_true(str_starts_with(strbuf_str(&a), STR("$argon2id$v=19$m=19456,t=2,p=1$")));
    assert_string_not_equal(a.ptr, b.ptr); /* salted */
    assert_int_equal(verify("correct horse", a.ptr), PASSWORD_MATCH);
    assert_int_equal(verify("correct horsf", a.ptr), PASSWORD_MISMATCH);
    assert_true(password_hash_is_known(strbuf_str(&a)));
}

/* From the reference implementation's own tests: other parameters than ours, several lanes, a short salt. */
static void hashes_made_elsewhere_verify_and_ask_to_be_upgraded(void **state) {
    (void)state;
    static const struct {
        const char *password, *hash;
        enum password_outcome want;
    } cases[] = {
        { "password",
          "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
          PASSWORD_MATCH_REHASH },
        { "password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
          PASSWORD_MATCH_REHASH },
        { "Password", "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
          PASSWORD_MISMATCH },
        { "a", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", PASSWORD_MATCH_REHASH },
        { "b", "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", PASSWORD_MISMATCH },
        { "correct horse", "$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
          PASSWORD_MATCH_REHASH },
        { "correct horse", "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e",
          PASSWORD_MATCH_REHASH },
        /* base64 around bcrypt: how TKEStack keeps it */
        { "correct horse", "JDJiJDA0JGFiY2RlZmdoaWprbG1ub3BxcnN0dXVqeWRPVFNmSUgvZDVvVUhwc3lncVY1WDl4SkxRYzZl",
          PASSWORD_MATCH_REHASH },
        { "wrong horse", "JDJiJDA0JGFiY2RlZmdoaWprbG1ub3BxcnN0dXVqeWRPVFNmSUgvZDVvVUhwc3lncVY1WDl4SkxRYzZl",
          PASSWORD_MISMATCH },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].hash);
        assert_int_equal(verify(cases[i].password, cases[i].hash), cases[i].want);
        assert_true(password_hash_is_known(str_of(cases[i].hash)));
    }
}

static void what_is_no_known_hash_is_refused_and_not_a_mismatch(void **state) {
    (void)state;
    static const char *const hashes[] = {
        "",
        "secret",
        "$1$salt$abcdefghijklmnopqrstuv",
        "$argon2i$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=16$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=019456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$t=2,m=19456,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFh",
        "$argon2id$v=19$m=19456,t=2,p=1$$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc$x",
        "$argon2id$v=19$m=8,t=2,p=2$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=256,t=0,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$2x$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", /* the broken variant */
        "$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfx",
        "$2a$6$$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
        "c2VjcmV0",
    };
    enum password_outcome outcome = PASSWORD_MATCH;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        if (password_verify(STR("password"), str_of(hashes[i]), &outcome, &err) != ERR_INVALID)
            fail_msg("%s was taken", hashes[i]);
        assert_false(password_hash_is_known(str_of(hashes[i])));
    }
}

static void a_hash_at_an_absurd_cost_is_refused_before_it_is_computed(void **state) {
    (void)state;
    static const char *const hashes[] = {
        "$argon2id$v=19$m=4194304,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=256,t=4294967295,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=262144,t=64,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$argon2id$v=19$m=65536,t=1,p=1024$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$2a$17$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
        "$2a$31$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
        "$2a$03$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe",
    };
    enum password_outcome outcome = PASSWORD_MATCH;
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(hashes); i++) {
        if (password_verify(STR("password"), str_of(hashes[i]), &outcome, &err) != ERR_LIMIT)
            fail_msg("%s was taken", hashes[i]);
        assert_false(password_hash_is_known(str_of(hashes[i])));
    }
}

static void empty_long_and_nul_passwords_never_match(void **state) {
    (void)state;
    static const char big[PASSWORD_MAX + 1] = { 0 };
    AUTO(strbuf_done) struct strbuf out = STRBUF(PASSWORD_HASH_MAX);
    enum password_outcome outcome = PASSWORD_MATCH;
    struct err err;
    assert_int_equal(password_hash(STR(""), &out, &err), ERR_INVALID);
    assert_int_equal(password_hash((struct str) { big, sizeof big }, &out, &err), ERR_LIMIT);
    /* bcrypt of "", which is a real hash in the world */
    assert_ok(password_verify(STR(""), STR("$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s."),
                              &outcome, &err));
    assert_int_equal(outcome, PASSWORD_MISMATCH);
    outcome = PASSWORD_MATCH;
    assert_ok(password_verify(
        STR("a\0b"), STR("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe"), &outcome, &err));
    assert_int_equal(outcome, PASSWORD_MISMATCH);
    outcome = PASSWORD_MATCH;
    assert_ok(password_verify(
        (struct str) { big, sizeof big },
        STR("$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc"), &outcome,
        &err));
    assert_int_equal(outcome, PASSWORD_MISMATCH);
    password_verify_dummy((struct str) { big, sizeof big });
    password_verify_dummy(STR("somebody's password"));
}

static void *hash_and_verify(void *unused) {
    (void)unused;
    static char failed[] = "failed";
    AUTO(strbuf_done) struct strbuf out = STRBUF(PASSWORD_HASH_MAX);
    enum password_outcome outcome = PASSWORD_MISMATCH;
    struct err err;
    bool fine = password_hash(STR("secret"), &out, &err) == ERR_OK &&
                password_verify(STR("secret"), strbuf_str(&out), &outcome, &err) == ERR_OK &&
                outcome == PASSWORD_MATCH;
    return fine ? NULL : failed;
}

static void threads_may_hash_at_the_same_time(void **state) {
    (void)state;
    pthread_t threads[3];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hash_and_verify, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *problem = NULL;
        assert_int_equal(pthread_join(threads[i], &problem), 0);
        assert_null(problem);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_may_hash_at_the_same_time),
        cmocka_unit_test(a_new_hash_is_argon2id_as_owasp_wants_it_and_current),
        cmocka_unit_test(hashes_made_elsewhere_verify_and_ask_to_be_upgraded),
        cmocka_unit_test(what_is_no_known_hash_is_refused_and_not_a_mismatch),
        cmocka_unit_test(a_hash_at_an_absurd_cost_is_refused_before_it_is_computed),
        cmocka_unit_test(empty_long_and_nul_passwords_never_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
