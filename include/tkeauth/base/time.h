/* The clock is handed in, so that tests can stop it. */
#pragma once
#include "tkeauth/base/str.h"

struct clock {
    int64_t (*now_ms)(const struct clock *);  /* since 1970-01-01 UTC; may jump */
    int64_t (*mono_ms)(const struct clock *); /* never goes back; for deadlines and intervals */
    _Atomic int64_t fixed_ms;                 /* of clock_fixed: both clocks, moved by clock_advance */
};

const struct clock *clock_system(void);
void clock_fixed_init(struct clock *c, int64_t now_ms);
void clock_advance(struct clock *c, int64_t ms);

int64_t clock_now_ms(const struct clock *c);
int64_t clock_now_s(const struct clock *c);
int64_t clock_mono_ms(const struct clock *c);

enum { TIME_RFC3339_SIZE = 32 };
/* "2026-01-02T03:04:05Z"; into a buffer of TIME_RFC3339_SIZE. Returns `out`. */
char *time_rfc3339(int64_t seconds, char *out);
char *time_rfc3339_ms(int64_t ms, char *out);
MUST_CHECK enum err_code time_parse_rfc3339(struct str in, int64_t *ret_seconds, struct err *err);
