/* Which redirect URIs are a client's, and how a response is put into one. */
#pragma once
#include "tkeauth/oidc.h"

/* Exact string comparison (RFC 9700 2.1); of a loopback http URI of a public client any port is taken (RFC 8252 7.3). */
bool redirect_uri_allowed(const struct client *c, struct str uri);
/* True for http to 127.0.0.1, [::1] or localhost. */
bool redirect_uri_is_loopback(struct str uri);
/* Appends `uri` and the '?' or '&' that a query needs behind it; follow with form_add. */
void redirect_uri_begin(struct strbuf *out, struct str uri);
/* What every authorization response ends with: state if there was one (RFC 6749 4.1.2), and iss (RFC 9207 2). */
void redirect_uri_end(const struct oidc_provider *p, struct strbuf *out, struct str state);
