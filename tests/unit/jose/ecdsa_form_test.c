#include "unit/test.h"

#include "jose/ecdsa_form.h"

#include <openssl/ecdsa.h>

/* OpenSSL's own parser is the judge. */
static void openssl_reads_what_we_write_and_we_read_what_it_writes(void **state) {
    (void)state;
    static const size_t sizes[] = { 32, 48, 66 };
    struct random random;
    random_fixed_init(&random, 3);
    for (size_t round = 0; round < 600; round++) {
        size_t size = sizes[round % 3];
        unsigned char raw[2 * EC_COORDINATE_MAX], again[2 * EC_COORDINATE_MAX], der[ECDSA_DER_MAX];
        random_bytes(&random, raw, 2 * size);
        memset(raw, 0, round / 3 % 5); /* short numbers, with and without the high bit */
        memset(raw + size, 0, round / 15 % 5);
        size_t len = ecdsa_raw_to_der(raw, size, der);
        const unsigned char *at = der;
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
        assert_non_null(sig);
        assert_ptr_equal(at, der + len);
        assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(sig), again, (int)size), (int)size);
        assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(sig), again + size, (int)size), (int)size);
        assert_memory_equal(raw, again, 2 * size);
        unsigned char *theirs = NULL;
        int theirs_len = i2d_ECDSA_SIG(sig, &theirs);
        assert_int_equal(theirs_len, (int)len);
        assert_memory_equal(theirs, der, len);
        memset(again, 0xff, sizeof again);
        assert_true(ecdsa_der_to_raw(theirs, (size_t)theirs_len, size, again));
        assert_memory_equal(raw, again, 2 * size);
        OPENSSL_free(theirs);
        ECDSA_SIG_free(sig);
    }
}

static void malformed_der_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "30",
        "3006020101020101ff",         /* something behind it */
        "3005020101020101",           /* a length that lies */
        "3106020101020101",           /* no SEQUENCE */
        "3006030101020101",           /* no INTEGER */
        "3006020181020101",           /* negative */
        "300602000201010201",         /* empty integer */
        "3080020101020101",           /* indefinite length */
        "30820006020101020101",       /* a length in two bytes */
        "308106020101020101",         /* long form where the short one belongs */
        "3003020101",                 /* one number only */
        "30090204010000000201010000", /* over the size of a coordinate of 3 */
    };
    unsigned char raw[6];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AUTO(strbuf_done) struct strbuf der = STRBUF(64);
        struct err err;
        assert_ok(hex_decode(str_of(cases[i]), &der, &err));
        if (ecdsa_der_to_raw((const unsigned char *)der.ptr, der.len, 3, raw))
            fail_msg("%s was taken", cases[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(openssl_reads_what_we_write_and_we_read_what_it_writes),
        cmocka_unit_test(malformed_der_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
