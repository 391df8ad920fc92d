/* Claims of an ID token: whoever comes out has a name, a tenant and a user id. */
#include <assert.h>
#include <stdint.h>

#include "authn/id_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct err err = { 0 };
    struct principal_draft draft;
    json_auto_t *claims = NULL;
    AUTO_FREE(arena_free) struct arena *a = arena_new(16 << 20);
    if (json_parse((struct str) { (const char *)data, size }, &claims, &err) != ERR_OK ||
        id_token_read(a, claims, &draft, &err) != ERR_OK || arena_failed(a))
        return 0;
    assert(draft.name.len != 0 && draft.uid.len != 0 && draft.extra.len != 0);
    assert(str_eq(draft.extra.items[0].key, STR("tenantid")) && draft.extra.items[0].values[0].len != 0);
    return 0;
}
