#include "unit/test.h"

#include "tkeauth/crypto.h"

static void assert_hex(const void *bytes, size_t len, const char *want) {
    AUTO(strbuf_done) struct strbuf hex = STRBUF(1024);
    hex_add(&hex, bytes, len);
    assert_string_equal(strbuf_c(&hex), want);
}

static void sha2_gives_the_published_digests(void **state) {
    (void)state;
    unsigned char out[64];
    sha256(STR("abc"), out);
    assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    sha256(STR_NULL, out);
    assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha512(STR("abc"), out);
    assert_hex(out, 64,
               "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
               "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

static void hmac_gives_the_values_of_rfc_4231(void **state) {
    (void)state;
    unsigned char out[32];
    char long_key[131];
    memset(long_key, 0xaa, sizeof long_key);
    hmac_sha256(STR("Jefe"), STR("what do ya want for nothing?"), out);
    assert_hex(out, 32, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    hmac_sha256((struct str) { long_key, sizeof long_key },
                STR("Test Using Larger Than Block-Size Key - Hash Key First"), out);
    assert_hex(out, 32, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    hmac_sha256(STR_NULL, STR_NULL, out); /* an empty key is a key, not "the last one again" */
    assert_hex(out, 32, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void hkdf_gives_the_values_of_rfc_5869(void **state) {
    (void)state;
    unsigned char out[42];
    char key[22];
    memset(key, 0x0b, sizeof key);
    hkdf_sha256((struct str) { key, sizeof key }, STR_NULL, out, sizeof out); /* A.3: no salt, no info */
    assert_hex(out, 42,
               "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
    /* A.1 from its pseudorandom key on: with info */
    AUTO(strbuf_done) struct strbuf prk = STRBUF(32), info = STRBUF(16);
    struct err err;
    assert_ok(
        hex_decode(STR("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"), &prk, &err));
    assert_ok(hex_decode(STR("f0f1f2f3f4f5f6f7f8f9"), &info, &err));
    hkdf_sha256_expand((const unsigned char *)prk.ptr, strbuf_str(&info), out, sizeof out);
    assert_hex(out, 42,
               "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha2_gives_the_published_digests),
        cmocka_unit_test(hmac_gives_the_values_of_rfc_4231),
        cmocka_unit_test(hkdf_gives_the_values_of_rfc_5869),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
