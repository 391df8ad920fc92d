#include "unit/test.h"

#include "tkeauth/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* A log into a pipe, read back without blocking. */
struct fixture {
    int out[2], audit[2];
    struct clock clock;
    struct log *log;
    char text[1 << 17];
};

static int setup_with(struct fixture *f, enum log_format format, bool audit) {
    struct err err = { 0 };
    if (pipe2(f->out, O_CLOEXEC) != 0 || pipe2(f->audit, O_CLOEXEC) != 0 ||
        fcntl(f->out[0], F_SETFL, O_NONBLOCK) != 0 || fcntl(f->audit[0], F_SETFL, O_NONBLOCK) != 0)
        return -1;
    clock_fixed_init(&f->clock, 1767322245678);
    const struct log_options options = { .level = LOG_LEVEL_INFO,
                                         .format = format,
                                         .fd = f->out[1],
                                         .audit_fd = audit ? f->audit[1] : -1,
                                         .clock = &f->clock };
    return log_new(&options, &f->log, &err) == ERR_OK ? 0 : -1;
}

static struct fixture fixture;
static int setup_json(void **state) {
    *state = &fixture;
    return setup_with(&fixture, LOG_FORMAT_JSON, false);
}
static int setup_text(void **state) {
    *state = &fixture;
    return setup_with(&fixture, LOG_FORMAT_TEXT, true);
}
static int teardown(void **state) {
    struct fixture *f = *state;
    log_free(f->log);
    return close(f->out[0]) | close(f->out[1]) | close(f->audit[0]) | close(f->audit[1]);
}

static const char *drain(struct fixture *f, int fd) {
    size_t len = 0;
    for (ssize_t n; len < sizeof f->text - 1 && (n = read(fd, f->text + len, sizeof f->text - 1 - len)) > 0;)
        len += (size_t)n;
    f->text[len] = '\0';
    return f->text;
}
static const char *logged(struct fixture *f) { return drain(f, f->out[0]); }

static void a_json_line_has_time_level_event_request_id_and_fields(void **state) {
    struct fixture *f = *state;
    log_info(f->log, "r-1", "login", KV("user", "ana"), KV("tries", 3), KV("ok", (bool)true),
             KV("connector", STR("ldap")), KV("size", (size_t)7), KV("delta", -5L));
    assert_string_equal(logged(f),
                        "{\"time\":\"2026-01-02T02:50:45.678Z\",\"level\":\"info\",\"event\":\"login\","
                        "\"request_id\":\"r-1\",\"user\":\"ana\",\"tries\":3,\"ok\":true,"
                        "\"connector\":\"ldap\",\"size\":7,\"delta\":-5}\n");
    log_info(f->log, NULL, "start");
    assert_string_equal(logged(f),
                        "{\"time\":\"2026-01-02T02:50:45.678Z\",\"level\":\"info\",\"event\":\"start\"}\n");
}

static void a_text_line_quotes_what_would_be_ambiguous(void **state) {
    struct fixture *f = *state;
    log_warn(f->log, "r-2", "login", KV("user", "ana b"), KV("x", "a=b"), KV("empty", ""),
             KV("plain", "a/b:c"), KV("nl", "a\nlevel=error"), KV("n", 1));
    assert_string_equal(logged(f),
                        "2026-01-02T02:50:45.678Z warn  login request_id=r-2 user=\"ana b\" x=\"a=b\" "
                        "empty=\"\" plain=a/b:c nl=\"a\\nlevel=error\" n=1\n");
}

static void an_error_line_tells_code_detail_and_place(void **state) {
    struct fixture *f = *state;
    struct err err = { 0 };
    (void)err_set_(&err, ERR_TIMEOUT, "ldap.c", 12, "%s", "no answer");
    log_error_err(f->log, "r", "login_failed", &err, KV("user", "u"));
    assert_non_null(strstr(logged(f), "error login_failed request_id=r error=timeout detail=\"no answer\" "
                                      "place=ldap.c:12 user=u\n"));
}

static void lines_below_the_level_are_not_written(void **state) {
    struct fixture *f = *state;
    log_debug(f->log, NULL, "quiet");
    assert_string_equal(logged(f), "");
    assert_false(log_enabled(f->log, LOG_LEVEL_DEBUG));
    log_configure(f->log, LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    log_debug(f->log, NULL, "loud");
    assert_string_equal(logged(f), "2026-01-02T02:50:45.678Z debug loud\n");
    log_configure(f->log, LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    log_warn(f->log, NULL, "quiet");
    assert_string_equal(logged(f), "");
}

static void a_null_log_swallows_everything(void **state) {
    (void)state;
    struct err err = { 0 };
    log_info(NULL, NULL, "x", KV("a", 1));
    log_error_err(NULL, NULL, "x", &err);
    audit_event(NULL, NULL, "x");
    assert_false(log_enabled(NULL, LOG_LEVEL_ERROR));
    log_free(NULL);
}

static void sensitive_fields_are_starred(void **state) {
    struct fixture *f = *state;
    static const char *const names[] = { "password",  "client_secret", "Authorization", "Set-Cookie",
                                         "code",      "refresh_token", "code_verifier", "bindPW",
                                         "X-Api-Key", "clientSecret",  "id_token_hint", "private_key" };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        assert_true(log_is_sensitive(str_of(names[i])));
        log_info(f->log, NULL, "x", KV(names[i], "hunter2"), KV("after", 1));
        const char *line = logged(f);
        assert_null(strstr(line, "hunter2"));
        assert_non_null(strstr(line, ":\"***\",\"after\":1}"));
    }
    static const char *const harmless[] = { "user",     "client_id", "redirect_uri", "scope",      "codec",
                                            "username", "",          "token_type",   "session_id", "error",
                                            "nonce" };
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++)
        assert_false(log_is_sensitive(str_of(harmless[i])));
}

static void long_values_are_cut_between_characters(void **state) {
    struct fixture *f = *state;
    char value[LOG_VALUE_MAX + 40];
    memset(value, 'a', sizeof value);
    memcpy(value + LOG_VALUE_MAX - 1, "\xc3\xa9", 2);
    log_info(f->log, NULL, "x", KV("v", ((struct str) { value, sizeof value })));
    const char *line = logged(f);
    const char *v = strstr(line, "\"v\":\"");
    assert_non_null(v);
    assert_int_equal(strcspn(v + 5, "\""), LOG_VALUE_MAX - 1);
    assert_true(str_is_utf8(str_of(line)));
}

static void a_line_over_its_maximum_says_that_it_was_cut(void **state) {
    struct fixture *f = *state;
    char value[LOG_VALUE_MAX];
    memset(value, 1, sizeof value); /* six bytes each, escaped */
    struct str v = { value, sizeof value };
    log_info(f->log, NULL, "x", KV("a", 1), KV("b", v), KV("c", 2));
    const char *line = logged(f);
    assert_true(str_ends_with(str_of(line), STR("\"a\":1,\"cut\":true}\n")));
    log_info(f->log, NULL, "next");
    assert_non_null(strstr(logged(f), "\"next\""));
}

static void broken_utf8_and_control_characters_stay_one_valid_line(void **state) {
    struct fixture *f = *state;
    log_info(f->log, NULL, "x", KV("v", "a\xff\n\x1b[31m\"b"));
    const char *line = logged(f);
    struct err err = { 0 };
    json_t *parsed = NULL;
    assert_ok(json_parse(str_trim(str_of(line)), &parsed, &err));
    assert_str(json_get_str(parsed, "v"), "a\xef\xbf\xbd\n\x1b[31m\"b");
    json_decref(parsed);
    assert_null(strchr(line, '\x1b'));
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void audit_goes_to_its_own_stream_as_json(void **state) {
    struct fixture *f = *state; /* text log, own audit descriptor */
    log_configure(f->log, LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    audit_event(f->log, "r-3", "login", KV("user", "ana"));
    assert_string_equal(logged(f), "");
    assert_string_equal(drain(f, f->audit[0]),
                        "{\"time\":\"2026-01-02T02:50:45.678Z\",\"level\":\"audit\","
                        "\"event\":\"login\",\"request_id\":\"r-3\",\"user\":\"ana\"}\n");
}

static void audit_without_a_stream_goes_into_the_log_at_any_level(void **state) {
    struct fixture *f = *state;
    log_configure(f->log, LOG_LEVEL_ERROR, LOG_FORMAT_JSON);
    audit_event(f->log, NULL, "login", KV("user", "ana"));
    assert_non_null(strstr(logged(f), "\"event\":\"audit\",\"audit\":\"login\",\"user\":\"ana\"}"));
}

static void a_reader_that_stopped_reading_costs_lines_not_the_daemon(void **state) {
    struct fixture *f = *state;
    char value[1000];
    memset(value, 'v', sizeof value);
    for (int i = 0; i < 200; i++) /* more than a pipe holds */
        log_info(f->log, NULL, "flood", KV("v", ((struct str) { value, sizeof value })));
    (void)logged(f);
    log_info(f->log, NULL, "after");
    const char *line = logged(f);
    assert_non_null(strstr(line, "\"event\":\"after\""));
    assert_non_null(strstr(line, "\"event\":\"log_lines_dropped\",\"count\":"));
    log_info(f->log, NULL, "once");
    assert_null(strstr(logged(f), "log_lines_dropped"));
}

enum { WRITERS = 4, LINES = 50 };
static void *writer(void *p) {
    struct fixture *f = p;
    for (int i = 0; i < LINES; i++)
        log_info(f->log, "thread", "line", KV("i", i));
    return NULL;
}

static void lines_of_several_threads_stay_whole(void **state) {
    struct fixture *f = *state;
    pthread_t threads[WRITERS];
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, writer, f), 0);
    for (size_t i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    struct str rest = str_of(logged(f)), line;
    size_t count = 0;
    while (str_next(&rest, '\n', &line)) {
        struct err err = { 0 };
        json_t *parsed = NULL;
        assert_ok(json_parse(line, &parsed, &err));
        json_decref(parsed);
        count++;
    }
    assert_int_equal(count, WRITERS * LINES);
}

static void level_names_are_parsed(void **state) {
    (void)state;
    struct err err = { 0 };
    enum log_level level = LOG_LEVEL_DEBUG;
    assert_ok(log_parse_level(STR("WARN"), &level, &err));
    assert_int_equal(level, LOG_LEVEL_WARN);
    assert_int_equal(log_parse_level(STR("loud"), &level, &err), ERR_INVALID);
}

int main(void) {
#define JSON_TEST(t) cmocka_unit_test_setup_teardown(t, setup_json, teardown)
#define TEXT_TEST(t) cmocka_unit_test_setup_teardown(t, setup_text, teardown)
    const struct CMUnitTest tests[] = {
        JSON_TEST(a_json_line_has_time_level_event_request_id_and_fields),
        TEXT_TEST(a_text_line_quotes_what_would_be_ambiguous),
        TEXT_TEST(an_error_line_tells_code_detail_and_place),
        TEXT_TEST(lines_below_the_level_are_not_written),
        cmocka_unit_test(a_null_log_swallows_everything),
        JSON_TEST(sensitive_fields_are_starred),
        JSON_TEST(long_values_are_cut_between_characters),
        JSON_TEST(a_line_over_its_maximum_says_that_it_was_cut),
        JSON_TEST(broken_utf8_and_control_characters_stay_one_valid_line),
        TEXT_TEST(audit_goes_to_its_own_stream_as_json),
        JSON_TEST(audit_without_a_stream_goes_into_the_log_at_any_level),
        JSON_TEST(a_reader_that_stopped_reading_costs_lines_not_the_daemon),
        JSON_TEST(lines_of_several_threads_stay_whole),
        cmocka_unit_test(level_names_are_parsed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
