/* Reviews in protobuf: whatever comes in, what is made of it is JSON that prints and parses. */
#include <assert.h>
#include <stdlib.h>

#include "kube/review_proto.h"
#include "tkeauth/base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    json_t *review = NULL, *again = NULL;
    if (review_from_protobuf((struct str) { (const char *)data, size }, &review, &err) != ERR_OK)
        return 0;
    char *text = json_print(review);
    assert(text != NULL);
    assert(json_parse(str_of(text), &again, &err) == ERR_OK || err.code == ERR_INVALID);
    assert(again == NULL || json_equal(review, again));
    json_decref(again);
    json_decref(review);
    free(text);
    return 0;
}
