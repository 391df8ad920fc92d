/* What is taken as a label selector has keys and values that labels can have, and none contradicts itself
 * about them. */
#include "tkeauth/resource.h"
#include "kube/selector.h"

#include <assert.h>

static void check_term(const struct selector_term *t) {
    assert(label_key_problem(t->key) == NULL);
    for (size_t i = 0; i < t->len; i++)
        assert(label_value_problem(t->values[i]) == NULL);
    bool unary = t->op == SELECTOR_EXISTS || t->op == SELECTOR_NOT_EXISTS;
    assert(unary ? t->len == 0 : t->len > 0);
    if (t->len == 0)
        return;
    struct selector s = { t, 1 };
    json_auto_t *labels = json_object();
    assert(json_object_setn_new(labels, t->key.ptr, t->key.len,
                                json_stringn(t->values[0].ptr, t->values[0].len)) == 0);
    assert(label_selector_matches(&s, labels) == (t->op == SELECTOR_EQUALS || t->op == SELECTOR_IN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(1024 * 1024);
    struct err err = { 0 };
    struct selector s;
    if (a != NULL && label_selector_parse(a, (struct str) { (const char *)data, size }, &s, &err) == ERR_OK) {
        assert(s.len <= SELECTOR_TERMS_MAX);
        for (size_t i = 0; i < s.len; i++)
            check_term(&s.terms[i]);
    } else
        assert(a == NULL || err.code == ERR_INVALID || err.code == ERR_LIMIT);
    arena_free(a);
    return 0;
}
