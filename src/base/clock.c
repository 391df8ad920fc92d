#include "tkeauth/base/time.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock_ms(clockid_t id) {
    struct timespec t;
    if (clock_gettime(id, &t) != 0)
        return 0;
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t system_now_ms(const struct clock *c) {
    (void)c;
    return read_clock_ms(CLOCK_REALTIME);
}

static int64_t system_mono_ms(const struct clock *c) {
    (void)c;
    return read_clock_ms(CLOCK_MONOTONIC);
}

const struct clock *clock_system(void) {
    static const struct clock system_clock = { .now_ms = system_now_ms, .mono_ms = system_mono_ms };
    return &system_clock;
}

static int64_t fixed_ms(const struct clock *c) { return c->fixed_ms; }

void clock_fixed_init(struct clock *c, int64_t now_ms) {
    *c = (struct clock) { .now_ms = fixed_ms, .mono_ms = fixed_ms, .fixed_ms = now_ms };
}

void clock_advance(struct clock *c, int64_t ms) { c->fixed_ms += ms; }

int64_t clock_now_ms(const struct clock *c) { return c->now_ms(c); }
int64_t clock_now_s(const struct clock *c) { return c->now_ms(c) / 1000; }
int64_t clock_mono_ms(const struct clock *c) { return c->mono_ms(c); }

/* By hand: it is in every log line, and strftime reads a locale. */
static char *add_digits(char *at, int n, int width, char end) {
    for (int i = width - 1; i >= 0; i--, n /= 10)
        at[i] = (char)('0' + n % 10);
    at[width] = end;
    return at + width + 1;
}

/* Up to the seconds, closed by `end`; NULL: no time with a year of four digits. */
static char *add_time(int64_t seconds, char end, char *out) {
    struct tm parts = { 0 };
    time_t t = (time_t)seconds;
    if (gmtime_r(&t, &parts) == NULL || parts.tm_year < -1900 || parts.tm_year > 9999 - 1900)
        return NULL;
    char *at = add_digits(out, parts.tm_year + 1900, 4, '-');
    at = add_digits(at, parts.tm_mon + 1, 2, '-');
    at = add_digits(at, parts.tm_mday, 2, 'T');
    at = add_digits(at, parts.tm_hour, 2, ':');
    at = add_digits(at, parts.tm_min, 2, ':');
    return add_digits(at, parts.tm_sec, 2, end);
}

char *time_rfc3339(int64_t seconds, char *out) {
    char *end = add_time(seconds, 'Z', out);
    *(end != NULL ? end : out) = '\0';
    return out;
}

char *time_rfc3339_ms(int64_t ms, char *out) {
    int rest = (int)(ms % 1000);
    if (rest < 0)
        rest += 1000;
    char *end = add_time((ms - rest) / 1000, '.', out);
    if (end != NULL)
        end = add_digits(end, rest, 3, 'Z');
    *(end != NULL ? end : out) = '\0';
    return out;
}

enum err_code time_parse_rfc3339(struct str in, int64_t *ret_seconds, struct err *err) {
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    int fields[6] = { 0 };
    size_t field = 0;
    if (in.len != sizeof shape - 1)
        return err_set(err, ERR_INVALID, "not a time (write it like 2026-01-02T03:04:05Z)");
    for (size_t i = 0; i < in.len; i++) {
        bool digit = shape[i] == 'd';
        if (digit ? !ascii_is_digit(in.ptr[i]) : in.ptr[i] != shape[i])
            return err_set(err, ERR_INVALID, "not a time (write it like 2026-01-02T03:04:05Z)");
        if (digit)
            fields[field] = fields[field] * 10 + (in.ptr[i] - '0');
        else
            field++;
    }
    struct tm parts = { .tm_year = fields[0] - 1900,
                        .tm_mon = fields[1] - 1,
                        .tm_mday = fields[2],
                        .tm_hour = fields[3],
                        .tm_min = fields[4],
                        .tm_sec = fields[5] };
    struct tm normal = parts;
    time_t t = timegm(&normal);
    if (normal.tm_mon != parts.tm_mon || normal.tm_mday != parts.tm_mday || normal.tm_hour != parts.tm_hour ||
        normal.tm_min != parts.tm_min || normal.tm_sec != parts.tm_sec)
        return err_set(err, ERR_INVALID, "no such day or time");
    *ret_seconds = (int64_t)t;
    return ERR_OK;
}
