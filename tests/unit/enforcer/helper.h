/* What the enforcer's tests share. */
#pragma once
#include "unit/test.h"

#include "enforcer/enforcer.h"

#define S(literal) ((struct enforcer_str) { ("" literal), sizeof(literal) - 1 })
#define CHECK(call)                                                                                          \
    do {                                                                                                     \
        enum enforcer_status check_rc_ = (call);                                                             \
        if (check_rc_ != ENFORCER_OK)                                                                        \
            fail_msg("%s: %s: %d:%d: %s", #call, enforcer_status_name(check_rc_), err.line, err.column,      \
                     err.text);                                                                              \
    } while (0)

static inline struct enforcer *new_enforcer(const char *model, unsigned flags) {
    struct enforcer_error err = { 0 };
    struct enforcer_options options = { .flags = flags, .hash_key = { 1, 2 } };
    struct enforcer *e = enforcer_new(model, strlen(model), &options, &err);
    if (e == NULL)
        fail_msg("%d:%d: %s", err.line, err.column, err.text);
    return e;
}

static inline void load(struct enforcer *e, const char *csv) {
    struct enforcer_error err = { 0 };
    CHECK(enforcer_load_csv(e, csv, strlen(csv), NULL, &err));
}

/* Asks the newest snapshot with strings. */
static inline enum enforcer_outcome ask(struct enforcer *e, const char *const *values, size_t len) {
    struct enforcer_error err = { 0 };
    struct enforcer_result result;
    struct enforcer_str strings[8];
    for (size_t i = 0; i < len; i++)
        strings[i] = enforcer_cstr(values[i]);
    const struct enforcer_snapshot *s = enforcer_acquire(e);
    CHECK(enforcer_enforce_strings(s, strings, len, &result, &err));
    enforcer_release(e, s);
    return result.outcome;
}
#define ASK(e, ...)                                                                                          \
    ask((e), (const char *const[]) { __VA_ARGS__ },                                                          \
        sizeof((const char *const[]) { __VA_ARGS__ }) / sizeof(char *))
