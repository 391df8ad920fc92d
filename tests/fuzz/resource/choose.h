/* JSON made of an input's bytes: names that the tables know, and values that may or may not be what they
 * want. Reaches what mutated text hardly ever does. */
#pragma once
#include "tkeauth/base.h"

#include <assert.h>

struct bytes {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t next_byte(struct bytes *b) {
    if (b->left == 0)
        return 0;
    b->left--;
    return *b->at++;
}

static inline json_t *choose_value(struct bytes *b, int depth);

static inline json_t *choose_object(struct bytes *b, int depth) {
    static const char *const names[] = {
        "metadata",        "Spec",          "spec",        "status", "data",       "labels", "finalizers",
        "ownerReferences", "uid",           "kind",        "x",      "number",     "extra",  "statement",
        "whole",           "actions",       "effect",      "users",  "id",         "any",    "name",
        "wholeExtra",      "password",      "displayName", "locked", "controller", "phase",  "description",
        "annotations",     "managedFields",
    };
    json_t *object = json_object();
    for (size_t n = next_byte(b) % 6; n-- > 0 && b->left > 0;) {
        const char *name = names[next_byte(b) % ARRAY_LEN(names)]; /* before the value, with every compiler */
        assert(json_object_set_new(object, name, choose_value(b, depth - 1)) == 0);
    }
    return object;
}

static inline json_t *choose_list(struct bytes *b, int depth) {
    json_t *list = json_array();
    for (size_t n = next_byte(b) % 4; n-- > 0 && b->left > 0;)
        assert(json_array_append_new(list, choose_value(b, depth - 1)) == 0);
    return list;
}

static inline json_t *choose_value(struct bytes *b, int depth) {
    static const char *const texts[] = { "", "a", "b", "allow" };
    uint8_t choice = next_byte(b);
    if (depth == 0)
        choice %= 8;
    switch (choice % 16) {
    case 0: return json_null();
    case 1: return json_integer(choice / 16 % 2);
    case 2: return json_boolean(choice / 16 % 2);
    case 3: return json_real(1.0);
    case 4:
    case 5:
    case 6:
    case 7: return json_string(texts[choice % 4]);
    case 8:
    case 9:
    case 10: return choose_list(b, depth);
    default: return choose_object(b, depth);
    }
}
