#include "unit/test.h"

#include "http/exchange.h"

static void a_date_is_written_as_http_wants_it(void **state) {
    (void)state;
    static const struct {
        int64_t second;
        const char *want;
    } cases[] = {
        { 784111777, "Sun, 06 Nov 1994 08:49:37 GMT" }, /* RFC 9110 5.6.7 */
        { 0, "Thu, 01 Jan 1970 00:00:00 GMT" },
        { 1709164800, "Thu, 29 Feb 2024 00:00:00 GMT" },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[HTTP_DATE_SIZE];
        date_format(cases[i].second, text);
        assert_string_equal(text, cases[i].want);
    }
}

static void the_date_follows_the_clock(void **state) {
    (void)state;
    struct clock clock;
    clock_fixed_init(&clock, 784111777000);
    struct http_server *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->options.clock = &clock;
    char text[HTTP_DATE_SIZE];
    date_now(s, text);
    date_now(s, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:37 GMT");
    clock_advance(&clock, 1000);
    date_now(s, text);
    assert_string_equal(text, "Sun, 06 Nov 1994 08:49:38 GMT");
    snapshot_swap(&s->date, NULL);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_date_is_written_as_http_wants_it),
        cmocka_unit_test(the_date_follows_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
