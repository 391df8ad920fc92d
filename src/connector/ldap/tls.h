/* TLS towards a directory: OpenSSL contexts, and handshakes that end by a deadline. */
#pragma once
#include <openssl/ssl.h>
#include "connector/ldap/config.h"
#include "connector/ldap/transport.h"

struct ldap_tls; /* immutable: any thread may connect with it. Must outlive its connections */

/* For LDAPS or StartTLS: at least TLS 1.2, the configured CA (or the system's), the client certificate. When a configured
 * thing is wrong, `ret_key` gets the name of its key, else NULL. ERR_INVALID. */
MUST_CHECK enum err_code ldap_tls_new(const struct ldap_config *c, struct ldap_tls **ret,
                                      const char **ret_key, struct err *err);
void ldap_tls_free(struct ldap_tls *t);
DEFINE_AUTO_FREE(ldap_tls_free, struct ldap_tls);
/* Handshake over `stream` (which must stay where it is), done by `deadline_mono_ms`. The server must prove to be `host` (a
 * name or an address) unless insecureSkipVerify. ERR_TIMEOUT; ERR_UNAVAILABLE with OpenSSL's or the verifier's reason. */
MUST_CHECK enum err_code ldap_tls_connect(struct ldap_tls *t, struct ldap_stream *stream, const char *host,
                                          const struct clock *clock, int64_t deadline_mono_ms, SSL **ret,
                                          struct err *err);
