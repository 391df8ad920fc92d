/* Which claims go where (contract 6.3, OIDC Core 2 and 5.4, RFC 9068 2.2). Written by hand: this is the hot path. */
#pragma once
#include "tkeauth/oidc.h"

struct claims_input {
    const struct oidc_provider *provider;
    const struct client *client;
    const struct grant *grant;
    const struct str_list *scopes; /* of this answer: the grant's, or fewer */
    int64_t now;
};
/* The payload of an ID token. `access_token` for at_hash; `nonce` only for the first one of a login. */
enum err_code claims_id_token(const struct claims_input *in, struct str access_token, struct str nonce,
                              struct strbuf *out, struct err *err);
/* The payload of an access token (at+jwt): nothing about the user in clear; what userinfo answers travels sealed. */
enum err_code claims_access_token(const struct claims_input *in, struct strbuf *out, struct err *err);
/* The answer of the userinfo endpoint, from the sealed part of an access token. */
enum err_code claims_userinfo(const struct oidc_provider *p, const struct access_token *token,
                              struct strbuf *out, struct err *err);
int64_t claims_access_token_ttl(const struct oidc_provider *p, const struct client *c);
