/* Two JSON values, one a line. */
#pragma once
#include "tkeauth/base.h"

#include <assert.h>

struct two {
    json_t *first, *second;
};

static inline bool two_read(const uint8_t *data, size_t size, struct two *ret) {
    struct err err = { 0 };
    struct str first, second;
    *ret = (struct two) { 0 };
    if (size > 200000 || !str_cut((struct str) { (const char *)data, size }, '\n', &first, &second))
        return false;
    return json_parse(first, &ret->first, &err) == ERR_OK && json_parse(second, &ret->second, &err) == ERR_OK;
}

static inline void two_done(struct two *t) {
    json_decref(t->first);
    json_decref(t->second);
}

/* What comes out can be read again. */
static inline void assert_readable(const json_t *value) {
    struct err err = { 0 };
    json_auto_t *again = NULL;
    char *text = json_print(value);
    assert(text != NULL);
    assert(json_parse(str_of(text), &again, &err) == ERR_OK);
    free(text);
}
