/* One value, one spelling: whatever decodes, encodes to the very input; and everything encodes and decodes back. */
#include "tkeauth/base.h"

#include <assert.h>

static void check(struct str in, enum err_code (*decode)(struct str, struct strbuf *, struct err *),
                  void (*encode)(struct strbuf *, const void *, size_t)) {
    struct err err = { 0 };
    struct strbuf bytes = STRBUF(in.len + 16), text = STRBUF(2 * in.len + 16), back = STRBUF(2 * in.len + 16);
    if (decode(in, &bytes, &err) == ERR_OK) {
        encode(&text, bytes.ptr, bytes.len);
        assert(str_eq(strbuf_str(&text), in));
    }
    strbuf_clear(&text);
    encode(&text, in.ptr, in.len);
    assert(decode(strbuf_str(&text), &back, &err) == ERR_OK);
    assert(str_eq(strbuf_str(&back), in));
    strbuf_done(&bytes);
    strbuf_done(&text);
    strbuf_done(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str in = { (const char *)data, size };
    check(in, base64url_decode, base64url_add);
    check(in, base64_decode, base64_add);
    return 0;
}
