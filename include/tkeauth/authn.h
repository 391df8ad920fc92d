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

/* ---- who a request to the API comes from (contract 1.6) ---- */
enum principal_source {
    PRINCIPAL_FRONT_PROXY, /* headers of a proxy whose certificate the request-header CA issued */
    PRINCIPAL_CERTIFICATE, /* a client certificate: CN and O */
    PRINCIPAL_TOKEN_FILE,  /* a bearer token of authentication.token_auth_file */
    PRINCIPAL_ID_TOKEN,    /* a bearer ID token of ours */
    PRINCIPAL_API_KEY,
};
const char *principal_source_name(enum principal_source source);
struct principal_extra {
    struct str key; /* lower case */
    const struct str *values;
    size_t value_count;
};
/* Strings live in the arena of the request. No name or group holds a control character. */
struct principal {
    enum principal_source source;
    struct str name, uid;
    const struct str *groups; /* "system:authenticated" is one of them, once, and the last */
    size_t group_count;
    const struct principal_extra *extra; /* "tenantid" among them, where there is a tenant */
    size_t extra_count;
    struct str tenant;             /* first value of extra "tenantid"; empty: a caller of the platform */
    int64_t expires_at, issued_at; /* of a token; 0: none */
};
/* What is known of an API key that is good now. */
struct apikey_view {
    struct str name; /* of the object */
    struct str tenant, username, uid, description;
    const struct str *groups; /* ids of local groups */
    size_t group_count;
    int64_t issued_at, expires_at;
};
/* Looks a key up by the SHA-256 of its text; answers from memory, never blocks. False: unknown, disabled, expired or its user is locked
 * or gone. `ret` lives in `a`. */
typedef bool (*apikey_finder)(const void *ctx, struct arena *a, const unsigned char digest[32], int64_t now,
                              struct apikey_view *ret);

/* ---- which CA a client certificate is of ---- */
/* A listener asks for certificates of several CAs, and only tells that one of them fits. */
struct client_ca; /* immutable */
/* The certificates of a PEM file. Each is an anchor: also an intermediate CA, alone. ERR_INVALID names file and line; errors of
 * file_read. */
MUST_CHECK enum err_code client_ca_load(const char *path, struct client_ca **ret, struct err *err);
void client_ca_free(struct client_ca *ca);
DEFINE_AUTO_FREE(client_ca_free, struct client_ca);
enum client_ca_verdict {
    CLIENT_CA_OTHER,   /* the CA has not issued it */
    CLIENT_CA_ISSUED,  /* good at `now`, for clients */
    CLIENT_CA_REFUSED, /* the CA has issued it, but it is expired, not valid yet, or not for clients */
};
/* `der`: http_request.peer_certificate, the leaf. What else the client sent is not kept: where an intermediate CA issued the leaf,
 * that CA must stand in the file. */
enum client_ca_verdict client_ca_judge(const struct client_ca *ca, struct str der, int64_t now);

/* The authenticators of the configuration: immutable. */
struct authenticators;
struct authenticators_options {
    const char *client_ca_file;  /* PEM: client certificates that name their bearer; NULL: none */
    const char *token_auth_file; /* CSV: token,user,uid,"group1,group2"; NULL: none */
    struct {
        const char *client_ca_file; /* PEM; NULL: no front proxy */
        const char *const *allowed_names;
        size_t allowed_name_count; /* common names; 0: any certificate of that CA */
        const char *const *username_headers, *const *group_headers, *const *extra_headers_prefix;
        size_t username_header_count, group_header_count, extra_headers_prefix_count;
    } requestheader;
    const struct random *random;
};
/* Reads the files; everything but `random` is copied. ERR_INVALID names file and line: a bad file is never skipped (contract 9.39),
 * nor a token that is there twice. A front proxy needs a user name header. Errors of file_read. */
MUST_CHECK enum err_code authenticators_new(const struct authenticators_options *options,
                                            struct authenticators **ret, struct err *err);
void authenticators_free(struct authenticators *x);
DEFINE_AUTO_FREE(authenticators_free, struct authenticators);
/* What tokens are judged by; borrowed for the call. */
struct token_judges {
    const struct keyset *keys; /* our own; NULL: no ID tokens */
    struct str issuer;
    apikey_finder find_key; /* NULL: no API keys */
    const void *find_key_ctx;
    /* Groups that are dropped are told here, at debug level; NULL: nowhere. authn_request takes what the request has. */
    struct log *log;
    const char *request_id;
};
/* A bearer token that is an ID token of ours or an API key. ERR_UNAUTHENTICATED; ERR_NOMEM. `ret_claims` (may be NULL): of an ID token,
 * owned by the arena; NULL for an API key. Whoever can name a group in a tenant must not become the platform's master by it: groups
 * that begin with "system:", "tenant:", "project:", "namespace:" or "cluster:" are dropped, and so are those that would be another
 * group once they went through a header (outer blanks, control characters). A user name like that, or with "system:", is refused. */
MUST_CHECK enum err_code authn_token(struct arena *a, const struct token_judges *judges, struct str token,
                                     int64_t now, struct principal *ret, const json_t **ret_claims,
                                     struct err *err);
/* Front proxy, certificate, bearer token, in this order; the first credential that is there decides: a bad one is not passed over. Bearer
 * tokens come in Authorization or, of browsers' WebSockets, as base64url.bearer.authorization.k8s.io.TOKEN in Sec-WebSocket-Protocol.
 * A certificate that neither CA has issued is no credential, and a front proxy that names no user has shown none: its other headers
 * are then not looked at. ERR_UNAUTHENTICATED; ERR_NOMEM. No lock, no I/O. */
MUST_CHECK enum err_code authn_request(const struct authenticators *x, const struct token_judges *judges,
                                       const struct http_request *req, struct principal *ret,
                                       struct err *err);
/* Whom the caller wants to act for (Impersonate-User, -Uid, -Group, -Extra-KEY; Kubernetes "user impersonation"). `*ret_wanted`: there are such
 * headers. ERR_INVALID: a group, uid or extra without a user, or a header that cannot be decoded. Whether they may is for the caller to decide:
 * `ret` holds only what was asked for, plus "system:authenticated"; `source` is left to the caller. */
MUST_CHECK enum err_code authn_impersonation(const struct http_request *req, bool *ret_wanted,
                                             struct principal *ret, struct err *err);

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
