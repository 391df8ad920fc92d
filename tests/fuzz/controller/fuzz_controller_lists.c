/* A list of default data: whatever the text is, every entry is taken or told, and those taken can be worked with. */
#include <stdlib.h>

#include "controller/lists.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void count_bad(void *ctx, size_t number, struct str name, const char *why) {
    if (number == 0 || why == NULL || (name.len > 0 && name.ptr == NULL))
        abort();
    ++*(size_t *)ctx;
}

static void use(const struct list_entry *e) {
    AUTO(strbuf_done) struct strbuf name = STRBUF(64 * 1024);
    if (!json_is_object(e->object) || e->name.len > RESOURCE_NAME_MAX)
        abort();
    list_expand(e->name, STR("acme"), &name);
    if (!list_has_placeholder(e->name) && !str_eq(e->name, strbuf_str(&name)))
        abort();
    if (name.failed)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err;
    struct str text = { (const char *)data, size };
    const struct list_options options[] = { { &kind_policy, false, false },
                                            { &kind_role, false, true },
                                            { &kind_category, true, true } };
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        AUTO(list_done) struct list list = { 0 };
        size_t refused = 0;
        if (list_parse(&options[i], text, count_bad, &refused, &list, &err) != ERR_OK)
            return 0;
        if (list.len + refused != json_array_size(list.root))
            abort();
        for (size_t e = 0; e < list.len; e++)
            use(&list.entries[e]);
    }
    return 0;
}
