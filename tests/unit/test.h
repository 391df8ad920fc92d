/* What every cmocka test includes first. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tkeauth/base.h"

#define assert_ok(call)                                                                                      \
    do {                                                                                                     \
        enum err_code test_rc_ = (call);                                                                     \
        if (test_rc_ != ERR_OK)                                                                              \
            fail_msg("%s: %s: %s", #call, err_code_name(test_rc_), err.detail);                              \
    } while (0)
#define assert_str(got, want)                                                                                \
    do {                                                                                                     \
        struct str test_got_ = (got), test_want_ = str_of(want);                                             \
        if (!str_eq(test_got_, test_want_))                                                                  \
            fail_msg("%s is \"%.*s\", wanted \"%.*s\"", #got, STR_FMT(test_got_), STR_FMT(test_want_));      \
    } while (0)
