/* Authorization codes: 16 bytes that name the row and 32 that only the client is given, of which the store keeps a hash. */
#pragma once
#include "tkeauth/oidc.h"

/* What a code stands for, besides the grant. */
struct code_content {
    struct grant grant;
    struct str redirect_uri;
    struct str code_challenge; /* STR_NULL: no PKCE */
    bool offline_access;
    bool max_age_given;
};
/* Stores the code (durably) and appends its text. */
enum err_code code_issue(const struct oidc_provider *p, struct arena *a, const struct auth_request *auth,
                         const struct identity *identity, struct strbuf *out, struct err *err);

struct code_key {
    unsigned char id[STORE_ID_SIZE], hash[STORE_HASH_SIZE];
};
/* ERR_INVALID: not a code of ours. */
enum err_code code_parse(struct str text, struct code_key *ret, struct err *err);
enum err_code code_content_decode(struct arena *a, struct str body, struct code_content *ret,
                                  struct err *err);
