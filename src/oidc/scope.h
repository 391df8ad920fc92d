/* Scopes: which there are, what they may be asked for together with. */
#pragma once
#include "tkeauth/oidc.h"

enum { SCOPES_MAX = 32 };
enum scope_check {
    SCOPE_OK,
    SCOPE_MALFORMED, /* a character RFC 6749 3.3 does not have, or too many */
    SCOPE_NO_OPENID,
    SCOPE_NOT_TRUSTED, /* audience:server:client_id:X, and X does not list the client in trusted_peers, or is unknown */
};
/* Splits, drops duplicates and scopes we do not know (OIDC Core 3.1.2.1: ignored), into the arena. */
enum scope_check scope_parse(const struct oidc_provider *p, struct arena *a, const struct client *c,
                             struct str text, struct str_list *ret);
bool scope_has(const struct str_list *scopes, const char *name);
/* The id behind "audience:server:client_id:", or STR_NULL. */
struct str scope_audience(struct str scope);
/* False for the audience of a client that does not list `c` in trusted_peers, or is unknown. */
bool scope_is_trusted(const struct oidc_provider *p, const struct client *c, struct str scope);
void scope_join(const struct str_list *scopes, struct strbuf *out);
