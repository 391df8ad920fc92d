/* A set that is taken, written and read again, is the same set; and the laws of sets hold for it and a part
 * of it. */
#include "resource/fieldset.h"

#include <assert.h>

static void check(struct arena *a, const struct fieldset *s) {
    struct err err = { 0 };
    const struct fieldset *again, *other;
    json_auto_t *printed = fieldset_print(s);
    assert(fieldset_parse(a, printed, &again, &err) == ERR_OK);
    assert(fieldset_equal(s, again));
    /* half of it */
    const char *key;
    void *next;
    json_t *value;
    size_t i = 0;
    json_object_foreach_safe(printed, next, key, value) {
        if (i++ % 2 == 0)
            (void)json_object_del(printed, key);
    }
    assert(fieldset_parse(a, printed, &other, &err) == ERR_OK);
    const struct fieldset *rest = fieldset_difference(a, s, other);
    assert(fieldset_equal(fieldset_intersection(a, s, other), other));
    assert(fieldset_equal(fieldset_union(a, rest, other), s));
    assert(fieldset_intersection(a, rest, other) == NULL);
    size_t paths;
    (void)fieldset_paths(a, s, &paths);
    assert(paths == fieldset_size(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    json_auto_t *fields = NULL;
    const struct fieldset *s;
    if (size > 100000 || json_parse((struct str) { (const char *)data, size }, &fields, &err) != ERR_OK)
        return 0;
    struct arena *a = arena_new(256 * 1024 * 1024);
    if (a != NULL && fieldset_parse(a, fields, &s, &err) == ERR_OK)
        check(a, s);
    arena_free(a);
    return 0;
}
