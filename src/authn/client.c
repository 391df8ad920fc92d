#include "authn/client.h"

#include "tkeauth/crypto.h"

void basic_credentials_done(struct basic_credentials *b) {
    strbuf_wipe_done(&b->id);
    strbuf_wipe_done(&b->secret);
}

/* RFC 7617 2: the first colon ends the user. RFC 6749 2.3.1: both halves were form-encoded before. */
static bool parse_pair(struct str encoded, struct basic_credentials *ret) {
    AUTO(strbuf_wipe_done) struct strbuf pair = STRBUF(CLIENT_BASIC_MAX);
    struct str id, secret;
    struct err ignored;
    return base64_decode(encoded, &pair, &ignored) == ERR_OK &&
           str_cut(strbuf_str(&pair), ':', &id, &secret) &&
           percent_decode(id, true, &ret->id, &ignored) == ERR_OK &&
           percent_decode(secret, true, &ret->secret, &ignored) == ERR_OK;
}

enum basic_outcome basic_parse(struct str authorization, struct basic_credentials *ret) {
    *ret = (struct basic_credentials) { STRBUF(CLIENT_BASIC_MAX), STRBUF(CLIENT_BASIC_MAX) };
    struct str scheme, rest;
    bool has_more = str_cut(authorization, ' ', &scheme, &rest);
    if (!str_eq_nocase(scheme, STR("Basic"))) /* RFC 9110 11.1: schemes have no case */
        return BASIC_OTHER_SCHEME;
    return has_more && parse_pair(str_trim(rest), ret) ? BASIC_OK : BASIC_BROKEN;
}

/* One hash and one comparison whatever is wrong, so that time does not tell whether a client exists. */
static bool secret_fits(const struct client *client, struct str secret) {
    static const unsigned char nobody[CLIENT_SECRET_HASH_SIZE] = { 0 };
    unsigned char presented[SHA256_SIZE];
    bool has_secret = client != NULL && client->has_secret && !client->is_public;
    const unsigned char *wanted = has_secret ? client->secret_sha256 : nobody;
    sha256(secret, presented);
    bool equal = secret_equal((struct str) { (const char *)presented, sizeof presented },
                              (struct str) { (const char *)wanted, CLIENT_SECRET_HASH_SIZE });
    if (client != NULL && client->is_public)
        return secret.len == 0;
    return has_secret && equal && secret.len > 0;
}

static struct client_auth decide(struct str id, struct str secret, bool basic_used, client_finder find,
                                 const void *ctx) {
    const struct client *client = id.len > 0 ? find(ctx, id) : NULL;
    if (!secret_fits(client, secret))
        return (struct client_auth) { CLIENT_AUTH_FAILED, NULL, basic_used };
    return (struct client_auth) { CLIENT_AUTH_OK, client, basic_used };
}

struct client_auth client_authenticate(const struct client_credentials *c, client_finder find,
                                       const void *ctx) {
    const struct client_auth invalid = { CLIENT_AUTH_INVALID, NULL, c->authorization_count > 0 };
    if (c->authorization_count == 0)
        return decide(c->form_id, c->form_secret, false, find, ctx);
    if (c->authorization_count > 1)
        return invalid;
    AUTO(basic_credentials_done) struct basic_credentials basic = { 0 };
    enum basic_outcome outcome = basic_parse(c->authorization, &basic);
    if (outcome == BASIC_OTHER_SCHEME) /* RFC 6749 5.2: a method that is not supported is invalid_client */
        return (struct client_auth) { CLIENT_AUTH_FAILED, NULL, true };
    /* RFC 6749 2.3: one method per request. A client_id beside Basic is none, but must not contradict. */
    if (outcome == BASIC_BROKEN || c->form_secret.ptr != NULL ||
        (c->form_id.ptr != NULL && !str_eq(c->form_id, strbuf_str(&basic.id))))
        return invalid;
    return decide(strbuf_str(&basic.id), strbuf_str(&basic.secret), true, find, ctx);
}

struct client_auth authn_client(const struct http_request *req, client_finder find, const void *ctx) {
    const struct client_credentials c = {
        .authorization_count = http_header_count(req, "Authorization"),
        .authorization = http_header(req, "Authorization"),
        .form_id = http_param(req, "client_id"),
        .form_secret = http_param(req, "client_secret"),
    };
    return client_authenticate(&c, find, ctx);
}
