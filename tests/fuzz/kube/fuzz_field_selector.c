/* A field selector that is taken, written out again with its values escaped, is the same selector. */
#include "kube/selector.h"

#include <assert.h>

static void add_term(struct strbuf *out, const struct selector_term *t) {
    strbuf_add(out, t->key);
    strbuf_adds(out, t->op == SELECTOR_EQUALS ? "=" : "!=");
    for (size_t i = 0; i < t->values[0].len; i++) {
        char c = t->values[0].ptr[i];
        if (c == ',' || c == '=' || c == '\\')
            strbuf_addc(out, '\\');
        strbuf_addc(out, c);
    }
    strbuf_addc(out, ',');
}

static void check(struct arena *a, const struct selector *s) {
    static const char *const names[] = { "keyword", NULL };
    struct err err = { 0 };
    struct selector again, named, rest;
    AUTO(strbuf_done) struct strbuf out = STRBUF(1024 * 1024);
    for (size_t i = 0; i < s->len; i++)
        add_term(&out, &s->terms[i]);
    if (out.len > SELECTOR_BYTES_MAX)
        return;
    assert(field_selector_parse(a, strbuf_str(&out), &again, &err) == ERR_OK);
    assert(again.len == s->len);
    for (size_t i = 0; i < s->len; i++) {
        assert(str_eq(s->terms[i].key, again.terms[i].key));
        assert(s->terms[i].op == again.terms[i].op);
        assert(str_eq(s->terms[i].values[0], again.terms[i].values[0]));
    }
    assert(field_selector_split(a, s, names, &named, &rest));
    assert(named.len + rest.len == s->len);
    json_auto_t *object = json_pack("{s:{s:s}}", "metadata", "name", "x");
    (void)field_selector_matches(s, object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena *a = arena_new(1024 * 1024);
    struct err err = { 0 };
    struct selector s;
    if (a != NULL && field_selector_parse(a, (struct str) { (const char *)data, size }, &s, &err) == ERR_OK)
        check(a, &s);
    arena_free(a);
    return 0;
}
