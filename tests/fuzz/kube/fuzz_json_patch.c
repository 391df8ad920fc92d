/* A document and a JSON patch: both stay as they are, and what comes out is of a size and depth that can be
 * stored and read. */
#include "kube/patch.h"
#include "two.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(two_done) struct two in;
    struct err err = { 0 };
    if (!two_read(data, size, &in))
        return 0;
    json_auto_t *document = json_deep_copy(in.first), *patch = json_deep_copy(in.second), *result = NULL;
    if (patch_json(in.first, in.second, &result, &err) == ERR_OK)
        assert_readable(result);
    else
        assert(result == NULL && err.detail[0] != '\0');
    assert(json_equal(document, in.first));
    assert(json_equal(patch, in.second));
    return 0;
}
