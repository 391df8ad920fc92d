/* authn owns turning what a request carries (client secret, bearer token, certificate) into a principal, and the limits on
 * guessing. It must never issue a token. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/http.h"
#include "tkeauth/jose.h"
#include "tkeauth/log.h"
#include "tkeauth/model.h"

/* ---- OAuth client authentication at the token endpoint (RFC 6749 2.3) ---- */
/* Finds a client by id; NULL: unknown. The result is valid as long as the request's app snapshot. */
typedef const struct client *(*client_finder)(const void *ctx, struct str client_id);
enum client_auth_outcome {
    CLIENT_AUTH_OK,
    CLIENT_AUTH_FAILED,  /* 401 invalid_client, WWW-Authenticate: Basic when Basic was tried */
    CLIENT_AUTH_INVALID, /* 400 invalid_request: two methods at once, a broken header */
};
struct client_auth {
    enum client_auth_outcome outcome;
    const struct client *client; /* CLIENT_AUTH_OK */
    bool basic_used;
};
/* client_secret_basic (form-urlencoded user and password, RFC 6749 2.3.1), client_secret_post, or none for public clients, which
 * may also send Basic with an empty password (oidc.md section 2: Go's oauth2 and oidc-agent do). Constant time. */
struct client_auth authn_client(const struct http_request *req, client_finder find, const void *ctx);

/* ---- bearer access tokens (RFC 6750, RFC 9068) ---- */
struct access_token {
    struct jwt jwt; /* jwt_done through the arena of the request */
    struct str subject, client_id, scope, jti;
    int64_t expires_at;
};
/* From the Authorization header, or the form field access_token of a POST; never the query. Both at once: ERR_INVALID. Only at+jwt of
 * this issuer, audience `audience`. ERR_UNAUTHENTICATED. */
MUST_CHECK enum err_code authn_bearer(const struct http_request *req, const struct keyset *keys,
                                      struct str issuer, struct str audience, struct access_token *ret,
                                      struct err *err);

/* ---- throttle: limits on guessing passwords, in memory, sharded; asked before the directory is ---- */
struct throttle;
struct throttle_options {
    unsigned
        max_failures; /* per (tenant, user) within window_s; the address has ten times as many, the pair half */
    int64_t window_s;
    int64_t max_delay_s; /* the delay doubles with each failure past the limit, up to this */
    size_t entries_max;  /* memory bound: the oldest go first */
    const struct clock *clock;
    const struct random *random;
};
MUST_CHECK enum err_code throttle_new(const struct throttle_options *options, struct throttle **ret,
                                      struct err *err);
void throttle_free(struct throttle *t);
DEFINE_AUTO_FREE(throttle_free, struct throttle);
struct throttle_key {
    struct str tenant, user; /* user names are compared without ASCII case and outer blanks */
    struct str address;      /* IPv4, or the /64 of IPv6 */
};
/* Seconds to wait before this attempt may be made; 0: go ahead, and the attempt is counted as under way, so that parallel
 * guesses do not slip through. Follow with exactly one of the two below. */
int64_t throttle_check(struct throttle *t, const struct throttle_key *key);
void throttle_failed(struct throttle *t, const struct throttle_key *key);
/* Clears the user's and the pair's count, not the address's. Also for attempts with no verdict (directory down): `verdict` false
 * only takes the attempt back. */
void throttle_done(struct throttle *t, const struct throttle_key *key, bool verdict);
