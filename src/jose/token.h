/* A compact JWS (RFC 7515 3.1) taken apart, its header read strictly, its claims held against rules. */
#pragma once
#include "jose/alg.h"

struct token_parts {
    struct str header, payload, signature; /* still encoded */
    struct str signed_part;                /* header and payload with the dot between */
};
/* ERR_UNAUTHENTICATED: over JWT_MAX, or not three parts with something in them. */
MUST_CHECK enum err_code token_split(struct str token, struct token_parts *ret, struct err *err);

struct token_header {
    json_t *json; /* owns what the slices show */
    enum jws_alg alg;
    struct str kid, typ; /* STR_NULL: absent */
};
void token_header_done(struct token_header *h);
/* Anything that would make the verifier fetch or trust a key of the sender's choice, or understand an extension, is refused. */
MUST_CHECK enum err_code token_header_parse(struct str encoded, struct token_header *ret, struct err *err);
/* RFC 8725 3.11, RFC 7515 4.1.9: media types compare without case, "application/" may be left out. */
bool token_typ_is(struct str typ, const char *wanted);

/* Decodes and parses the payload of a token whose signature was good, and holds it against `rules`. */
MUST_CHECK enum err_code token_claims(struct str encoded, const struct jwt_rules *rules, json_t **ret,
                                      struct err *err);
/* The rules alone. */
MUST_CHECK enum err_code claims_check(const json_t *claims, const struct jwt_rules *rules, struct err *err);
