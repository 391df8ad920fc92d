/* What a successful token request answers: signs the tokens of one grant and writes the reply (RFC 6749 5.1, OIDC Core 3.1.3.3). */
#pragma once
#include "oidc/claims.h"

struct token_reply {
    struct strbuf access_token, id_token;
    int64_t expires_in;
};
#define TOKEN_REPLY ((struct token_reply) { .access_token = STRBUF(JWT_MAX), .id_token = STRBUF(JWT_MAX) })
void token_reply_done(struct token_reply *r);
enum err_code tokens_sign(const struct claims_input *in, struct str nonce, struct token_reply *ret,
                          struct err *err);
/* `refresh_token` STR_NULL: none. `scopes`: told always, since fewer than asked for may have been granted. */
enum err_code tokens_answer(struct http_response *res, const struct token_reply *reply,
                            struct str refresh_token, const struct str_list *scopes, struct err *err);
