#include "unit/test.h"

#include "http/message.h"

static void a_media_type_is_compared_without_its_parameters(void **state) {
    (void)state;
    struct str form = STR("application/x-www-form-urlencoded");
    assert_true(media_type_is(STR("application/x-www-form-urlencoded"), form));
    assert_true(media_type_is(STR("Application/X-WWW-form-urlencoded ; charset=utf-8"), form));
    assert_false(media_type_is(STR("application/x-www-form-urlencoded-not"), form));
    assert_false(media_type_is(STR("text/plain; x=application/x-www-form-urlencoded"), form));
    assert_false(media_type_is(STR_NULL, form));
}

static void a_request_id_fits_log_and_page(void **state) {
    (void)state;
    assert_true(request_id_is_valid(STR("0a1B-x_y.z")));
    assert_false(request_id_is_valid(STR("")));
    assert_false(request_id_is_valid(STR("a b")));
    assert_false(request_id_is_valid(STR("a<b")));
    assert_false(request_id_is_valid(STR("a\nb")));
    char id[HTTP_REQUEST_ID_MAX + 1];
    memset(id, 'a', sizeof id);
    assert_true(request_id_is_valid((struct str) { id, HTTP_REQUEST_ID_MAX }));
    assert_false(request_id_is_valid((struct str) { id, HTTP_REQUEST_ID_MAX + 1 }));
}

static void made_request_ids_differ_by_connection_number_and_key(void **state) {
    (void)state;
    static const uint64_t keys[2][2] = { { 1, 2 }, { 1, 3 } };
    char ids[8][17];
    size_t n = 0;
    for (size_t key = 0; key < 2; key++)
        for (uint64_t connection = 0; connection < 2; connection++)
            for (uint64_t number = 0; number < 2; number++)
                request_id_make(keys[key], connection, number, ids[n++]);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(strlen(ids[i]), 16);
        assert_true(request_id_is_valid(str_of(ids[i])));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(ids[i], ids[j]);
    }
}

static void header_names_are_tokens(void **state) {
    (void)state;
    assert_true(header_name_is_valid(STR("X-Forwarded-For")));
    assert_true(header_name_is_valid(STR("a!#$%&'*+-.^_`|~9")));
    assert_false(header_name_is_valid(STR("")));
    assert_false(header_name_is_valid(STR("a b")));
    assert_false(header_name_is_valid(STR("a ")));
    assert_false(header_name_is_valid(STR("a:")));
    assert_false(header_name_is_valid(STR("a\0")));
    assert_false(header_name_is_valid(STR("\xc3\xa9")));
}

static void a_header_value_cannot_split(void **state) {
    (void)state;
    assert_true(header_value_is_safe(STR("a\tb c\xc3\xa9")));
    assert_true(header_value_is_safe(STR("")));
    assert_false(header_value_is_safe(STR("a\nb")));
    assert_false(header_value_is_safe(STR("a\rb")));
    assert_false(header_value_is_safe(STR("a\0b")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_media_type_is_compared_without_its_parameters),
        cmocka_unit_test(a_request_id_fits_log_and_page),
        cmocka_unit_test(made_request_ids_differ_by_connection_number_and_key),
        cmocka_unit_test(header_names_are_tokens),
        cmocka_unit_test(a_header_value_cannot_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
