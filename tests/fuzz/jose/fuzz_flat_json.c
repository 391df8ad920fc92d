/* Whatever the short way takes, jansson takes, too, as the same value. */
#include "jose/flat_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str in = { (const char *)data, size };
    json_auto_t *ours = NULL, *theirs = NULL;
    struct err err;
    if (flat_json_parse(in, &ours) && (json_parse(in, &theirs, &err) != ERR_OK || !json_equal(ours, theirs)))
        abort();
    return 0;
}
