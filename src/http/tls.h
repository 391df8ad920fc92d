/* Certificates of the listener. Each set is immutable; a connection keeps the one it was opened with. */
#pragma once
#include <gnutls/gnutls.h>
#include "http/connections.h"
#include "tkeauth/http.h"

/* ERR_INVALID: the detail says which part is bad. The result is a snapshot, freed with its last user. */
MUST_CHECK enum err_code tls_material_new(const struct http_tls *tls, struct snapshot **ret, struct err *err);
/* Makes a new session use the set. */
MUST_CHECK bool tls_session_use(gnutls_session_t session, const struct snapshot *material);
/* GnuTLS's priority string for "1.2" or "1.3"; NULL for anything else. */
const char *tls_priorities(const char *min_version);
/* Once per connection, after the handshake: fills in connection->peer_certificate if the client showed a certificate
 * that the set's client CA signed for client authentication. */
void tls_check_peer(gnutls_session_t session, struct connection *connection, int64_t now_s);
