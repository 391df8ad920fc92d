/* A CA's certificates, over parsed ones. */
#pragma once
#include <openssl/x509.h>

#include "tkeauth/authn.h"

enum { CLIENT_CA_FILE_MAX = 1024 * 1024, CLIENT_CERTIFICATE_MAX = 64 * 1024 /* bytes of DER */ };

/* `name` is what errors call it. */
MUST_CHECK enum err_code client_ca_parse(struct str pem, const char *name, struct client_ca **ret,
                                         struct err *err);
/* NULL: nothing, or more than one certificate. */
X509 *client_certificate_parse(struct str der);
int64_t client_certificate_end(const X509 *x); /* from then on it is expired */
/* As client_ca_judge; ISSUED: for [*ret_from, *ret_until) nothing will change about it. */
enum client_ca_verdict client_ca_verify(const struct client_ca *ca, X509 *leaf, int64_t now,
                                        int64_t *ret_from, int64_t *ret_until);
