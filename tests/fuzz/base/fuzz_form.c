/* What was parsed, written again and parsed again, is the same form. */
#include "tkeauth/base.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    struct form first, second;
    struct arena *a = arena_new(4 * size + 65536);
    struct strbuf text = STRBUF(8 * size + 65536);
    if (a != NULL && form_parse(a, (struct str) { (const char *)data, size }, &first, &err) == ERR_OK) {
        assert(first.len <= FORM_FIELDS_MAX);
        for (size_t i = 0; i < first.len; i++)
            form_add(&text, first.fields[i].name, first.fields[i].value);
        assert(form_parse(a, strbuf_str(&text), &second, &err) == ERR_OK);
        assert(first.len == second.len);
        for (size_t i = 0; i < first.len; i++)
            assert(str_eq(first.fields[i].name, second.fields[i].name) &&
                   str_eq(first.fields[i].value, second.fields[i].value));
    }
    strbuf_done(&text);
    arena_free(a);
    return 0;
}
