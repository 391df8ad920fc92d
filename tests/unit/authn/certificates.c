#include "certificates.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

static void add_extension(X509 *x, X509V3_CTX *ctx, int nid, const char *value) {
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, ctx, nid, value);
    assert_non_null(e);
    assert_int_equal(X509_add_ext(x, e, -1), 1);
    X509_EXTENSION_free(e);
}

static void set_time(ASN1_TIME *t, int64_t seconds) { assert_non_null(ASN1_TIME_set(t, (time_t)seconds)); }

void certificate_make(struct certificate *c, const struct certificate_spec *spec) {
    static long serial = 1;
    const struct certificate *issuer = spec->issuer != NULL ? spec->issuer : c;
    *c = (struct certificate) { X509_new(), EVP_EC_gen("P-256"), STR_NULL };
    assert_int_equal(X509_set_version(c->x, X509_VERSION_3), 1);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(c->x), serial++);
    set_time(X509_getm_notBefore(c->x), spec->from_s != 0 ? spec->from_s : NOW_S - 3600);
    set_time(X509_getm_notAfter(c->x), spec->until_s != 0 ? spec->until_s : NOW_S + 3600);
    (void)X509_set_pubkey(c->x, c->key);
    X509_NAME *subject = X509_get_subject_name(c->x);
    /* Not MBSTRING_UTF8: that would refuse what attackers write. */
    for (size_t i = 0; i < ARRAY_LEN(spec->subject) && spec->subject[i].nid != 0; i++)
        assert_int_equal(X509_NAME_add_entry_by_NID(subject, spec->subject[i].nid, V_ASN1_UTF8STRING,
                                                    (const unsigned char *)spec->subject[i].text.ptr,
                                                    (int)spec->subject[i].text.len, -1, 0),
                         1);
    (void)X509_set_issuer_name(c->x, X509_get_subject_name(issuer->x));
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer->x, c->x, NULL, NULL, 0);
    add_extension(c->x, &ctx, NID_basic_constraints,
                  spec->purpose == FOR_SIGNING ? "critical,CA:TRUE" : "CA:FALSE");
    if (spec->purpose == FOR_CLIENTS)
        add_extension(c->x, &ctx, NID_ext_key_usage, "clientAuth");
    if (spec->purpose == FOR_SERVERS)
        add_extension(c->x, &ctx, NID_ext_key_usage, "serverAuth");
    assert_true(X509_sign(c->x, issuer->key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    int len = i2d_X509(c->x, &der);
    assert_true(len > 0);
    c->der = (struct str) { (char *)der, (size_t)len };
}

void certificate_done(struct certificate *c) {
    union {
        const char *in;
        void *out;
    } der = { .in = c->der.ptr };
    OPENSSL_free(der.out);
    X509_free(c->x);
    EVP_PKEY_free(c->key);
}

void certificate_append(const struct certificate *c, const char *path) {
    FILE *f = fopen(path, "ae");
    assert_non_null(f);
    assert_int_equal(PEM_write_X509(f, c->x), 1);
    assert_int_equal(fclose(f), 0);
}
