/* A document and a merge patch: applied twice it gives what it gave once. The strategic one changes neither. */
#include "kube/patch.h"
#include "two.h"

static const struct field item_fields[] = { { .name = "uid" }, { .name = "kind" }, { .name = NULL } };
static const struct field metadata_fields[] = {
    { .name = "finalizers", .type = FIELD_STRINGS, .list_type = LIST_SET },
    { .name = "ownerReferences",
      .type = FIELD_OBJECTS,
      .fields = item_fields,
      .list_type = LIST_MAP,
      .list_key = "uid" },
    { .name = NULL },
};
static const struct field spec_fields[] = { { .name = "users", .type = FIELD_OBJECTS }, { .name = NULL } };
static const struct field fields[] = {
    { .name = "Spec", .type = FIELD_OBJECT, .fields = spec_fields, .alias = "spec" },
    { .name = NULL },
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(two_done) struct two in;
    struct err err = { 0 };
    if (!two_read(data, size, &in))
        return 0;
    json_auto_t *document = json_deep_copy(in.first), *patch = json_deep_copy(in.second);
    json_auto_t *once = NULL, *twice = NULL, *strategic = NULL;
    assert(patch_merge(in.first, in.second, &once, &err) == ERR_OK);
    assert(patch_merge(once, in.second, &twice, &err) == ERR_OK);
    assert(json_equal(once, twice));
    assert_readable(once);
    if (patch_strategic(in.first, in.second, metadata_fields, fields, &strategic, &err) == ERR_OK)
        assert_readable(strategic);
    assert(json_equal(document, in.first));
    assert(json_equal(patch, in.second));
    return 0;
}
