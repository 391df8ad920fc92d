#include "unit/test.h"

#include "crypto/aead.h"

struct vector {
    const char *key, *nonce, *plain, *aad, *sealed;
};
/* Test cases 13, 14 and 16 of the GCM specification (McGrew and Viega). */
static const struct vector vectors[] = {
    { "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
      "530f8afbc74536b9a963b4f1c4cb738b" },
    { "0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
      "00000000000000000000000000000000", "",
      "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919" },
    { "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
      "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
      "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
      "feedfacedeadbeeffeedfacedeadbeefabaddad2",
      "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
      "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
      "76fc6ece0f4e1768cddf8853bb2d551b" },
};

struct decoded {
    struct strbuf key, nonce, plain, aad, sealed;
};
static void decode(const struct vector *v, struct decoded *d) {
    const struct {
        const char *hex;
        struct strbuf *to;
    } parts[] = { { v->key, &d->key },
                  { v->nonce, &d->nonce },
                  { v->plain, &d->plain },
                  { v->aad, &d->aad },
                  { v->sealed, &d->sealed } };
    struct err err;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        *parts[i].to = STRBUF(256);
        assert_ok(hex_decode(str_of(parts[i].hex), parts[i].to, &err));
    }
}
static void decoded_done(struct decoded *d) {
    strbuf_done(&d->key);
    strbuf_done(&d->nonce);
    strbuf_done(&d->plain);
    strbuf_done(&d->aad);
    strbuf_done(&d->sealed);
}
static struct aead_message message_of(const struct decoded *d, struct str text) {
    return (struct aead_message) { (const unsigned char *)d->key.ptr, (const unsigned char *)d->nonce.ptr,
                                   strbuf_str(&d->aad), text };
}

static void gcm_gives_the_published_values(void **state) {
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
        AUTO(decoded_done) struct decoded d;
        decode(&vectors[i], &d);
        AUTO(strbuf_done) struct strbuf out = STRBUF(256);
        struct err err;
        const struct aead_message seal_it = message_of(&d, strbuf_str(&d.plain));
        assert_ok(aead_seal(&seal_it, &out, &err));
        assert_true(str_eq(strbuf_str(&out), strbuf_str(&d.sealed)));
        strbuf_clear(&out);
        const struct aead_message open_it = message_of(&d, strbuf_str(&d.sealed));
        assert_ok(aead_open(&open_it, &out, &err));
        assert_true(str_eq(strbuf_str(&out), strbuf_str(&d.plain)));
    }
}

static void any_changed_bit_is_noticed_and_nothing_is_given_out(void **state) {
    (void)state;
    AUTO(decoded_done) struct decoded d;
    decode(&vectors[2], &d);
    AUTO(strbuf_done) struct strbuf out = STRBUF(256);
    strbuf_add(&out, STR("kept"));
    struct err err;
    for (size_t bit = 0; bit < d.sealed.len * 8; bit++) {
        d.sealed.ptr[bit / 8] = (char)(d.sealed.ptr[bit / 8] ^ (1 << bit % 8));
        const struct aead_message m = message_of(&d, strbuf_str(&d.sealed));
        assert_int_equal(aead_open(&m, &out, &err), ERR_INVALID);
        assert_str(strbuf_str(&out), "kept");
        d.sealed.ptr[bit / 8] = (char)(d.sealed.ptr[bit / 8] ^ (1 << bit % 8));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gcm_gives_the_published_values),
        cmocka_unit_test(any_changed_bit_is_noticed_and_nothing_is_given_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
