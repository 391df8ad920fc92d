/* What we print of what we parsed, we parse again; what json_add_string writes of any bytes is one JSON string. */
#include "tkeauth/base.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    struct str in = { (const char *)data, size };
    json_t *first = NULL, *second = NULL;
    if (json_parse(in, &first, &err) == ERR_OK) {
        char *text = json_print(first);
        if (text != NULL)
            assert(json_parse(str_of(text), &second, &err) == ERR_OK && json_equal(first, second));
        free(text);
    }
    json_decref(first);
    json_decref(second);

    struct strbuf out = STRBUF(6 * size + 16);
    json_add_string(&out, in);
    assert(!out.failed && str_is_utf8(strbuf_str(&out)) && !str_has_control(strbuf_str(&out)));
    json_t *string = json_loadb(out.ptr, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    assert(json_is_string(string));
    if (str_is_utf8(in))
        assert(str_eq((struct str) { json_string_value(string), json_string_length(string) }, in));
    json_decref(string);
    strbuf_done(&out);
    return 0;
}
