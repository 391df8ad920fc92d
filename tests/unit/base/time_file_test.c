#include "unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void times_are_written_and_read_in_utc(void **state) {
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        { 0, "1970-01-01T00:00:00Z" },          { 1767322245, "2026-01-02T02:50:45Z" },
        { 951782399, "2000-02-28T23:59:59Z" },  { 951782400, "2000-02-29T00:00:00Z" },
        { 4102444800, "2100-01-01T00:00:00Z" }, { -1, "1969-12-31T23:59:59Z" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[TIME_RFC3339_SIZE];
        struct err err = { 0 };
        int64_t back = 0;
        assert_string_equal(time_rfc3339(cases[i].seconds, text), cases[i].text);
        assert_ok(time_parse_rfc3339(str_of(text), &back, &err));
        assert_int_equal(back, cases[i].seconds);
    }
    char text[TIME_RFC3339_SIZE];
    assert_string_equal(time_rfc3339_ms(1767322245007, text), "2026-01-02T02:50:45.007Z");
    assert_string_equal(time_rfc3339_ms(-1, text), "1969-12-31T23:59:59.999Z");
    assert_string_equal(time_rfc3339(253402300799, text), "9999-12-31T23:59:59Z");
    assert_string_equal(time_rfc3339(253402300800, text), ""); /* a year of five digits */
}

static void times_that_do_not_exist_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = { "",
                                       "2026-01-02",
                                       "2026-01-02T02:50:45",
                                       "2026-01-02t02:50:45Z",
                                       "2026-01-02 02:50:45Z",
                                       "2026-13-02T02:50:45Z",
                                       "2026-00-02T02:50:45Z",
                                       "2026-02-29T02:50:45Z",
                                       "2026-01-00T02:50:45Z",
                                       "2026-01-02T24:00:00Z",
                                       "2026-01-02T02:60:45Z",
                                       "2026-01-02T02:50:60Z",
                                       "2026-01-02T02:50:99Z",
                                       "2026-01-02T02:50:45+00:00",
                                       "+026-01-02T02:50:45Z" };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = { 0 };
        int64_t seconds = 0;
        if (time_parse_rfc3339(str_of(bad[i]), &seconds, &err) != ERR_INVALID)
            fail_msg("taken: %s", bad[i]);
    }
}

static void a_fixed_clock_moves_only_when_told(void **state) {
    (void)state;
    struct clock c;
    clock_fixed_init(&c, 5999);
    assert_int_equal(clock_now_ms(&c), 5999);
    assert_int_equal(clock_now_s(&c), 5);
    clock_advance(&c, 1);
    assert_int_equal(clock_now_s(&c), 6);
    assert_int_equal(clock_mono_ms(&c), 6000);
    int64_t before = clock_mono_ms(clock_system());
    assert_true(clock_mono_ms(clock_system()) >= before);
    assert_true(clock_now_s(clock_system()) > 1767322245);
}

static char folder[] = "/tmp/tke-auth-file-XXXXXX";
static const char *in_folder(const char *name) {
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int setup(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/tke-auth-file-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}
static int teardown(void **state) {
    (void)state;
    (void)unlink(in_folder("f"));
    return rmdir(folder); /* fails if a temporary file was left behind */
}

static void a_file_is_replaced_whole_with_its_mode(void **state) {
    (void)state;
    struct err err = { 0 };
    struct stat st;
    const char *path = in_folder("f");
    AUTO(strbuf_done) struct strbuf text = STRBUF(100000);
    char big[9000];
    memset(big, 'x', sizeof big);
    assert_ok(file_write_atomic(path, STR("old"), 0644, &err));
    assert_ok(file_write_atomic(path, (struct str) { big, sizeof big }, 0600, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_ok(file_read(path, sizeof big, &text, &err));
    assert_int_equal(text.len, sizeof big);
    strbuf_clear(&text);
    assert_int_equal(file_read(path, sizeof big - 1, &text, &err), ERR_LIMIT);
    assert_int_equal(file_read("/nonexistent/x", 10, &text, &err), ERR_NOT_FOUND);
    assert_int_equal(file_read(folder, 10, &text, &err), ERR_UNAVAILABLE);
    assert_int_equal(file_write_atomic("/nonexistent/x", STR("x"), 0600, &err), ERR_UNAVAILABLE);
    assert_int_equal(file_write_atomic(folder, STR("x"), 0600, &err),
                     ERR_UNAVAILABLE); /* a folder: leaves nothing */
}

static void a_secret_file_loses_one_newline_and_may_have_to_be_private(void **state) {
    (void)state;
    struct err err = { 0 };
    struct secret s = { 0 };
    const char *path = in_folder("f");
    assert_ok(file_write_atomic(path, STR("s3cret\n\n"), 0600, &err));
    assert_ok(file_read_secret(path, 100, true, &s, &err));
    assert_str(secret_expose(&s), "s3cret\n");
    secret_done(&s);
    static const unsigned modes[] = { 0640, 0604, 0660, 0610 };
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        assert_int_equal(chmod(path, (mode_t)modes[i]), 0);
        assert_int_equal(file_read_secret(path, 100, true, &s, &err), ERR_FORBIDDEN);
        assert_ok(file_read_secret(path, 100, false, &s, &err));
        secret_done(&s);
    }
    assert_int_equal(file_read_secret(path, 5, false, &s, &err), ERR_LIMIT);
    assert_null(strstr(err.detail, "s3cret"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(times_are_written_and_read_in_utc),
        cmocka_unit_test(times_that_do_not_exist_are_refused),
        cmocka_unit_test(a_fixed_clock_moves_only_when_told),
        cmocka_unit_test_setup_teardown(a_file_is_replaced_whole_with_its_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(a_secret_file_loses_one_newline_and_may_have_to_be_private, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
