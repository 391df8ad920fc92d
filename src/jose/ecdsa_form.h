/* ECDSA signatures: JWS has r and s side by side at full width (RFC 7518 3.4), OpenSSL an ASN.1 SEQUENCE of two INTEGERs. */
#pragma once
#include "jose/alg.h"

enum { ECDSA_DER_MAX = 3 + 2 * (2 + 1 + EC_COORDINATE_MAX) };
/* `size` is that of one coordinate; `raw` gets twice as much. False: not a well-formed DER signature of that curve. */
MUST_CHECK bool ecdsa_der_to_raw(const unsigned char *der, size_t der_len, size_t size, unsigned char *raw);
/* `der` has room for ECDSA_DER_MAX; returns the length. */
size_t ecdsa_raw_to_der(const unsigned char *raw, size_t size, unsigned char *der);
