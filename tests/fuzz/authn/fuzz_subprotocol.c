/* Lines of Sec-WebSocket-Protocol: a token that is found is one that a header could carry, and its encoding stood there. */
#include <assert.h>
#include <stdint.h>

#include "authn/credential.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct header_line lines[16];
    struct header_list list = { lines, 0 };
    struct str text = { (const char *)data, size }, rest = text, line, token = STR_NULL;
    while (list.len < ARRAY_LEN(lines) && str_next(&rest, '\n', &line))
        lines[list.len++] = (struct header_line) { STR("Sec-WebSocket-Protocol"), str_trim(line) };
    AUTO_FREE(arena_free) struct arena *a = arena_new(1 << 20);
    struct err err = { 0 };
    if (credential_find(&list, a, &token, &err) != ERR_OK) {
        assert(err.code == ERR_UNAUTHENTICATED && token.ptr == NULL);
        return 0;
    }
    if (token.ptr == NULL)
        return 0;
    assert(token.len != 0 && token.len <= JWT_MAX);
    for (size_t i = 0; i < token.len; i++)
        assert(token.ptr[i] > ' ' && token.ptr[i] < 0x7f);
    AUTO(strbuf_done) struct strbuf encoded = STRBUF(4 * JWT_MAX);
    strbuf_adds(&encoded, "base64url.bearer.authorization.k8s.io.");
    base64url_add(&encoded, token.ptr, token.len);
    assert(!encoded.failed && str_contains(text, strbuf_str(&encoded)));
    return 0;
}
