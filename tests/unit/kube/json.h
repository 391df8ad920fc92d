/* JSON in tests: written with ' for ", which no test needs. */
#pragma once
#include "unit/test.h"

static inline json_t *json_quoted(const char *text) {
    char *copy = str_dup_c(text);
    assert_non_null(copy);
    for (char *c = copy; *c != '\0'; c++)
        if (*c == '\'')
            *c = '"';
    json_error_t problem;
    json_t *value = json_loads(copy, JSON_DECODE_ANY, &problem);
    if (value == NULL)
        fail_msg("%s: %s", copy, problem.text);
    free(copy);
    return value;
}

/* Fails unless both are equal, the order of members aside. */
static inline void assert_json(const json_t *got, const char *want, const char *what) {
    json_auto_t *wanted = json_quoted(want);
    if (json_equal(got, wanted))
        return;
    char *text = json_dumps(got, JSON_ENCODE_ANY);
    fail_msg("%s: got %s, wanted %s", what, text != NULL ? text : "nothing", want);
}

/* jansson without memory from the n-th allocation on; -1: with it. */
static int alloc_left = -1;
static inline void *alloc_or_fail(size_t size) {
    if (alloc_left == 0)
        return NULL;
    if (alloc_left > 0)
        alloc_left--;
    return malloc(size);
}
