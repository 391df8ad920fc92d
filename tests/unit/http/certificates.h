/* Throw-away ECDSA P-256 certificates, PEM in memory. */
#pragma once
#include <gnutls/x509.h>
#include "unit/test.h"

struct certificate {
    char *certificate_pem, *key_pem;
    gnutls_x509_crt_t crt;
    gnutls_x509_privkey_t key;
};
enum certificate_use { USE_CA, USE_SERVER, USE_CLIENT };
/* For "localhost" and 127.0.0.1 when it is a server's; signed by `issuer`, or by itself when NULL. */
void certificate_make(struct certificate *c, const char *name, enum certificate_use use,
                      const struct certificate *issuer);
void certificate_done(struct certificate *c);
