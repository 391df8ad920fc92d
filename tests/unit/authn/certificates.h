/* Throw-away certificates with a subject and a life as a test wants them. */
#pragma once
#include <openssl/x509.h>

#include "unit/test.h"

enum { NOW_S = 1700000000 };

enum certificate_purpose { FOR_ANYTHING, FOR_CLIENTS, FOR_SERVERS, FOR_SIGNING /* a CA */ };
struct certificate_field {
    int nid; /* NID_commonName, NID_organizationName */
    struct str text;
};
struct certificate {
    X509 *x;
    EVP_PKEY *key;
    struct str der; /* owned */
};
struct certificate_spec {
    const struct certificate *issuer; /* NULL: signs itself */
    enum certificate_purpose purpose;
    int64_t from_s, until_s;             /* 0: an hour around NOW_S */
    struct certificate_field subject[6]; /* up to the first nid 0 */
};
#define CN(literal)                                                                                          \
    { NID_commonName, STR(literal) }
#define O(literal)                                                                                           \
    { NID_organizationName, STR(literal) }
void certificate_make(struct certificate *c, const struct certificate_spec *spec);
void certificate_done(struct certificate *c);
/* Appends it to `path` as PEM. */
void certificate_append(const struct certificate *c, const char *path);
