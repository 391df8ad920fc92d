/* Sealed blobs from anybody: only what this ring sealed opens, and what it sealed always does. */
#include "tkeauth/crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const unsigned char key[KEYRING_KEY_SIZE] = "a key for fuzzing, thirty-two by";
    const struct str in = { (const char *)data, size };
    AUTO_FREE(keyring_free) struct keyring *k = NULL;
    AUTO(strbuf_done) struct strbuf out = STRBUF(1 << 20), sealed = STRBUF(1 << 20);
    struct random random;
    struct err err;
    random_fixed_init(&random, 1);
    if (keyring_from_key(key, &k, &err) != ERR_OK)
        abort();
    if (unseal(k, "fuzz", in, &out, &err) == ERR_OK) {
        if (out.len != size - SEAL_OVERHEAD || unseal(k, "other", in, &sealed, &err) == ERR_OK)
            abort();
    } else if (out.len != 0)
        abort();
    strbuf_clear(&out);
    if (seal(k, &random, "fuzz", in, &sealed, &err) != ERR_OK ||
        unseal(k, "fuzz", strbuf_str(&sealed), &out, &err) != ERR_OK || !str_eq(strbuf_str(&out), in))
        abort();
    return 0;
}
