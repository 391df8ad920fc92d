/* What a client is told when a request is not met. */
#include "unit/test.h"

#include "tkeauth/resource.h"

static struct arena *arena;
static struct refusal r;

static int setup(void **state) {
    (void)state;
    arena = arena_new(16 * 1024 * 1024);
    r = (struct refusal) { .arena = arena };
    return 0;
}
static int teardown(void **state) {
    (void)state;
    arena_free(arena);
    return 0;
}

static void every_status_has_a_code(void **state) {
    (void)state;
    static const struct {
        unsigned status;
        enum err_code code;
    } cases[] = {
        { 400, ERR_INVALID },   { 401, ERR_UNAUTHENTICATED }, { 403, ERR_FORBIDDEN },
        { 404, ERR_NOT_FOUND }, { 409, ERR_CONFLICT },        { 410, ERR_EXPIRED },
        { 413, ERR_LIMIT },     { 422, ERR_INVALID },         { 503, ERR_UNAVAILABLE },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        r = (struct refusal) { .arena = arena };
        assert_int_equal(refuse(&r, cases[i].status, "Reason", "number %d", 7), cases[i].code);
        assert_int_equal(r.status, cases[i].status);
        assert_string_equal(r.reason, "Reason");
        assert_string_equal(r.message, "number 7");
    }
}

static void the_first_refusal_stays(void **state) {
    (void)state;
    struct err err = { 0 };
    assert_int_equal(refuse(&r, 404, "NotFound", "first"), ERR_NOT_FOUND);
    assert_int_equal(refuse(&r, 409, "Conflict", "second"), ERR_NOT_FOUND);
    refuse_field(&r, "FieldValueInvalid", "spec.a", "third");
    assert_int_equal(refusal_check(&r, &kind_policy, STR("x"), &err), ERR_NOT_FOUND);
    assert_int_equal(r.status, 404);
    assert_string_equal(r.message, "first");
    assert_string_equal(err.detail, "first");
}

static void nothing_wrong_is_nothing_wrong(void **state) {
    (void)state;
    struct err err = { 0 };
    warn(&r, "a warning is no refusal");
    assert_int_equal(refusal_check(&r, &kind_policy, STR("x"), &err), ERR_OK);
    assert_int_equal(r.status, 0);
}

static void the_message_is_made_of_all_causes(void **state) {
    (void)state;
    struct err err = { 0 };
    refuse_field(&r, "FieldValueRequired", "spec.a", "Required value");
    assert_int_equal(refusal_check(&r, &kind_policy, STR("pol-x"), &err), ERR_INVALID);
    assert_string_equal(r.message, "Policy.auth.tkestack.io \"pol-x\" is invalid: spec.a: Required value");
    assert_string_equal(err.detail, r.message);

    r = (struct refusal) { .arena = arena };
    refuse_field(&r, "FieldValueRequired", "spec.a", "Required value");
    refuse_field(&r, "FieldValueInvalid", "spec.b[1]", "Invalid value: \"%s\": no good", "v");
    assert_int_equal(refusal_check(&r, &kind_policy, STR_NULL, &err), ERR_INVALID);
    assert_string_equal(r.message, "Policy.auth.tkestack.io \"\" is invalid: [spec.a: Required value, "
                                   "spec.b[1]: Invalid value: \"v\": no good]");
    assert_int_equal(r.status, 422);
    assert_string_equal(r.reason, "Invalid");
}

static void a_path_may_go_after_it_was_told(void **state) {
    (void)state;
    char path[] = "spec.a";
    refuse_field(&r, "FieldValueRequired", path, "Required value");
    memset(path, 'x', 6);
    assert_string_equal(r.causes[0].field, "spec.a");
}

static void however_much_there_is_to_say_it_stays_within_bounds(void **state) {
    (void)state;
    struct err err = { 0 };
    char *text = arena_alloc(arena, 100001);
    memset(text, 'x', 100000);
    for (int i = 0; i < 10000; i++) {
        refuse_field(&r, "FieldValueInvalid", "spec.a", "%s", text);
        warn(&r, "%s", text);
    }
    assert_int_equal(r.cause_count, RESOURCE_CAUSES_MAX);
    assert_int_equal(r.warning_count, RESOURCE_WARNINGS_MAX);
    assert_int_equal(refusal_check(&r, &kind_policy, (struct str) { text, 100000 }, &err), ERR_INVALID);
    assert_true(strlen(r.message) < 2048);
    assert_true(strlen(r.causes[0].message) < 2048 && strlen(r.warnings[0]) < 2048);
}

/* What was cut off is not cut through a character. */
static void a_text_that_is_cut_stays_text(void **state) {
    (void)state;
    char *text = arena_alloc(arena, 4001);
    for (size_t lead = 0; lead < 3; lead++) {
        memset(text, 'x', lead);
        for (size_t i = lead; i + 2 < 4000; i += 3)
            memcpy(text + i, "\xe2\x82\xac", 3);
        r = (struct refusal) { .arena = arena };
        warn(&r, "%s", text);
        assert_true(str_is_utf8(str_of(r.warnings[0])));
        assert_true(strlen(r.warnings[0]) > 2000);
    }
    r = (struct refusal) { .arena = arena };
    warn(&r, "\"%.*s\" and \"%.*s\"", 4, "\xe2\x82\xac\xe2\x82\xac", 5, "\xe2\x82\xac\xe2\x82\xac");
    assert_string_equal(r.warnings[0], "\"\xe2\x82\xac?\" and \"\xe2\x82\xac??\"");
}

static void out_of_memory_is_still_an_answer(void **state) {
    (void)state;
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *tiny = arena_new(1);
    struct refusal small = { .arena = tiny };
    refuse_field(&small, "FieldValueInvalid", "spec.a", "b");
    assert_int_equal(refusal_check(&small, &kind_policy, STR("x"), &err), ERR_INVALID);
    assert_string_equal(small.message, "out of memory");
    assert_int_equal(small.status, 422);
}

#define test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void) {
    const struct CMUnitTest tests[] = {
        test(every_status_has_a_code),         test(the_first_refusal_stays),
        test(nothing_wrong_is_nothing_wrong),  test(the_message_is_made_of_all_causes),
        test(a_path_may_go_after_it_was_told), test(however_much_there_is_to_say_it_stays_within_bounds),
        test(a_text_that_is_cut_stays_text),   test(out_of_memory_is_still_an_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
