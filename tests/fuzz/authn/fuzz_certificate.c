/* DER of a client certificate, though TLS has verified it before: no name comes out that is no text, and nobody is named without a CA. */
#include <assert.h>
#include <stdint.h>

#include "authn/certificate.h"
#include "authn/principal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const struct certificate_cas none = { 0 };
    struct certificate_identity id;
    struct err err = { 0 };
    AUTO_FREE(arena_free) struct arena *a = arena_new(16 << 20);
    if (certificate_identify(a, &none, (struct str) { (const char *)data, size }, 1700000000, &id, &err) !=
        ERR_OK)
        return 0;
    assert(!id.is_client && !id.is_proxy);
    assert(id.name.len == 0 || principal_is_text(id.name));
    for (size_t i = 0; i < id.group_count; i++)
        assert(principal_is_text(id.groups[i]));
    return 0;
}
