#include "unit/http/certificates.h"

#include <gnutls/crypto.h>
#include <time.h>

#define check(call) assert_true((call) >= 0)

static char *text_of(gnutls_datum_t d) {
    char *text = str_dup((struct str) { (const char *)d.data, d.size });
    assert_non_null(text);
    gnutls_free(d.data);
    return text;
}

void certificate_make(struct certificate *c, const char *name, enum certificate_use use,
                      const struct certificate *issuer) {
    unsigned char serial[8], ip[4] = { 127, 0, 0, 1 };
    check(gnutls_rnd(GNUTLS_RND_NONCE, serial, sizeof serial));
    serial[0] &= 0x7f;
    check(gnutls_x509_privkey_init(&c->key));
    check(gnutls_x509_privkey_generate(c->key, GNUTLS_PK_ECDSA,
                                       GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0));
    check(gnutls_x509_crt_init(&c->crt));
    check(gnutls_x509_crt_set_version(c->crt, 3));
    check(gnutls_x509_crt_set_serial(c->crt, serial, sizeof serial));
    check(gnutls_x509_crt_set_activation_time(c->crt, time(NULL) - 3600));
    check(gnutls_x509_crt_set_expiration_time(c->crt, time(NULL) + 3600));
    check(
        gnutls_x509_crt_set_dn_by_oid(c->crt, GNUTLS_OID_X520_COMMON_NAME, 0, name, (unsigned)strlen(name)));
    check(gnutls_x509_crt_set_key(c->crt, c->key));
    check(gnutls_x509_crt_set_basic_constraints(c->crt, use == USE_CA, -1));
    check(gnutls_x509_crt_set_key_usage(c->crt, use == USE_CA ? GNUTLS_KEY_KEY_CERT_SIGN
                                                              : GNUTLS_KEY_DIGITAL_SIGNATURE));
    if (use == USE_SERVER) {
        check(gnutls_x509_crt_set_subject_alt_name(c->crt, GNUTLS_SAN_DNSNAME, "localhost", 9,
                                                   GNUTLS_FSAN_SET));
        check(gnutls_x509_crt_set_subject_alt_name(c->crt, GNUTLS_SAN_IPADDRESS, ip, 4, GNUTLS_FSAN_APPEND));
        check(gnutls_x509_crt_set_key_purpose_oid(c->crt, GNUTLS_KP_TLS_WWW_SERVER, 0));
    }
    if (use == USE_CLIENT)
        check(gnutls_x509_crt_set_key_purpose_oid(c->crt, GNUTLS_KP_TLS_WWW_CLIENT, 0));
    check(gnutls_x509_crt_sign2(c->crt, issuer ? issuer->crt : c->crt, issuer ? issuer->key : c->key,
                                GNUTLS_DIG_SHA256, 0));
    gnutls_datum_t pem;
    check(gnutls_x509_crt_export2(c->crt, GNUTLS_X509_FMT_PEM, &pem));
    c->certificate_pem = text_of(pem);
    check(gnutls_x509_privkey_export2_pkcs8(c->key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem));
    c->key_pem = text_of(pem);
}

void certificate_done(struct certificate *c) {
    gnutls_x509_crt_deinit(c->crt);
    gnutls_x509_privkey_deinit(c->key);
    free(c->certificate_pem);
    free(c->key_pem);
}
