/* Client authentication as a function of what the request carried. */
#pragma once
#include "tkeauth/authn.h"

enum { CLIENT_BASIC_MAX = 4096 };
struct client_credentials {
    size_t authorization_count;
    struct str authorization;        /* the header's value */
    struct str form_id, form_secret; /* STR_NULL: absent */
};
struct client_auth client_authenticate(const struct client_credentials *c, client_finder find,
                                       const void *ctx);

/* user and password of "Basic ...", form-decoded (RFC 6749 2.3.1) into buffers that the caller wipes. */
struct basic_credentials {
    struct strbuf id, secret;
};
void basic_credentials_done(struct basic_credentials *b);
enum basic_outcome { BASIC_OK, BASIC_OTHER_SCHEME, BASIC_BROKEN };
enum basic_outcome basic_parse(struct str authorization, struct basic_credentials *ret);
