/* Where a listing goes on: opaque text that a client keeps between two requests. */
#pragma once
#include "tkeauth/base.h"

struct ldap_position {
    uint64_t offset; /* entries of the search that are behind us; those that were passed over count, too */
    uint64_t anchor; /* mark of the last of them: ldap_mark of its DN */
};
enum { LDAP_TOKEN_SIZE = 21 }; /* bytes, before base64url */

/* A fingerprint of what is searched for: a position counts for one search only. */
uint64_t ldap_mark(struct str what);
void ldap_token_add(struct strbuf *out, uint64_t search_mark, struct ldap_position at);
/* ERR_INVALID: nothing that ldap_token_add made for this search. What it holds is no secret and grants nothing: whoever makes
 * one up begins somewhere else in a list that is theirs to read anyway. */
MUST_CHECK enum err_code ldap_token_parse(struct str token, uint64_t search_mark, struct ldap_position *ret,
                                          struct err *err);
