/* A query or form body: the collected parameters agree with the plain list of fields. */
#include <assert.h>

#include "http/params.h"

static const struct http_param_spec specs[] = {
    { "a", HTTP_PARAM_REQUIRED, 4 },
    { "client_id", HTTP_PARAM_OPTIONAL, 8 },
    { .name = NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FREE(arena_free) struct arena *a = arena_new(4 << 20);
    struct str in = { (const char *)data, size };
    struct param_set found;
    struct form form;
    struct err err;
    if (a == NULL)
        return 0;
    enum err_code rc = params_collect(a, specs, in, &found, &err);
    enum err_code plain = form_parse(a, in, &form, &err);
    assert(rc == plain || rc == ERR_NOMEM);
    if (rc != ERR_OK)
        return 0;
    for (size_t i = 0; i < found.len; i++) {
        struct str first = STR_NULL;
        size_t times = form_find(&form, str_of(specs[i].name), &first);
        assert(str_eq(found.values[i].value, first));
        assert(times <= 1 || found.repeated.ptr != NULL);
        assert(first.len <= specs[i].max || found.oversized.ptr != NULL);
    }
    assert((found.values[0].value.ptr == NULL) == (found.missing.ptr != NULL));
    return 0;
}
