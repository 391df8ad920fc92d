/* model owns the nouns of the product: plain structs and their JSON form. It must never do I/O or read a clock.
 *
 * Strings are slices into an arena (or into whatever the struct was filled from); a decoded struct lives as long as the
 * arena given to its decoder. STR_NULL means absent. Times are seconds since 1970 UTC, 0 = none.
 *
 * Encoders refuse (ERR_INVALID) what they could not read back: text that is not UTF-8 or holds a NUL, a missing identifier.
 * Decoders skip members they do not know, so that an older program reads what a newer one wrote. */
#pragma once
#include "tkeauth/base.h"

struct str_list {
    struct str *items;
    size_t len;
};
bool str_list_contains(const struct str_list *list, struct str s);
/* Deep copies into `a`; a failed arena is the caller's to check. */
struct str_list str_list_copy(struct arena *a, const struct str_list *list);

/* ---- client: an OAuth 2.0 client (RFC 6749 2), as dex's staticClients and Client objects describe it ---- */
enum id_token_claims { ID_TOKEN_CLAIMS_SCOPED, ID_TOKEN_CLAIMS_MINIMAL };
enum sign_alg { SIGN_RS256, SIGN_ES256, SIGN_EDDSA };
const char *sign_alg_name(enum sign_alg alg); /* "RS256", "ES256", "EdDSA" */
MUST_CHECK enum err_code sign_alg_parse(struct str name, enum sign_alg *ret, struct err *err);

enum { CLIENT_SECRET_HASH_SIZE = 32 };
struct client {
    struct str id, name, logo_url;
    bool is_public; /* token_endpoint_auth_method "none": PKCE is mandatory */
    bool has_secret;
    unsigned char secret_sha256[CLIENT_SECRET_HASH_SIZE]; /* SHA-256 of the secret */
    struct str_list redirect_uris;
    struct str_list post_logout_redirect_uris;
    struct str_list trusted_peers;      /* clients that may ask for this client's audience */
    struct str_list allowed_connectors; /* empty: all */
    struct str_list
        grant_types; /* empty: authorization_code and refresh_token; "password" only when listed */
    enum id_token_claims id_token_claims;
    enum sign_alg id_token_alg;
    bool require_pkce;                          /* of confidential clients; public ones always must */
    int64_t id_token_ttl_s, access_token_ttl_s; /* 0: the provider's default */
    bool is_static;                             /* from the configuration: commands may not change it */
};
enum { CLIENT_ID_MAX = 128, CLIENT_NAME_MAX = 255, CLIENT_LIST_MAX = 64, CLIENT_TTL_MAX_S = 90 * 24 * 3600 };
/* Everything that must hold for a client, from whatever source: id (printable ASCII without blank, '"' and '\') and names
 * within limits, redirect URIs as url_check_redirect says (plain http anywhere only with a secret: gateways of the platform
 * are reached so), a secret unless public, known grant types, and redirect URIs unless public or without the code grant. */
MUST_CHECK enum err_code client_check(const struct client *c, struct err *err);

/* ---- local user: what contract 2.1 calls LocalIdentity, and dex staticPasswords ---- */
struct local_user {
    struct str id; /* metadata.name, for example usr-x7k2m9qd; never reused */
    struct str tenant;
    struct str username; /* the login name, unique per tenant */
    struct str display_name, email, phone;
    bool email_verified;
    struct str password_hash; /* argon2id or bcrypt, as crypto's password_verify takes it */
    struct str_list groups;
    bool locked;
    bool is_static;
    int64_t created_at, updated_at;
};
/* Contract 2.1: username 3..32 of [a-z0-9-], not at its ends, and not "system"; display name 1..255 bytes; e-mail absent or of the
 * form of an address, with a last label of any length (contract 9.60); id and tenant present. */
/* The form of an address with a dotted domain, whose last label may have any length (contract 9.60). */
bool email_is_valid(struct str s);
MUST_CHECK enum err_code local_user_check(const struct local_user *u, struct err *err);

/* ---- identity: who logged in, as the connector found them (claims of contract 6.3 come from here) ---- */
struct identity {
    struct str connector_id; /* = tenant id */
    struct str user_id;      /* stable within the connector */
    struct str
        username;    /* the login name as the connector knows it: claim `name` must be this for local users */
    struct str name; /* claim `name` */
    struct str preferred_username; /* claim; never empty: falls back to name, then username */
    struct str email;
    bool email_verified;
    struct str_list groups;
    struct str connector_data; /* opaque to everybody but the connector: what refresh needs (a JSON text) */
};
MUST_CHECK enum err_code identity_encode(const struct identity *i, struct strbuf *out, struct err *err);
MUST_CHECK enum err_code identity_decode(struct arena *a, struct str json, struct identity *ret,
                                         struct err *err);
struct identity identity_copy(struct arena *a, const struct identity *i);
/* The `sub` claim: unpadded base64url of the protobuf message {1: user_id, 2: connector_id}, as dex makes it. */
void identity_subject(const struct identity *i, struct strbuf *out);

/* ---- authorization request (RFC 6749 4.1.1, OIDC Core 3.1.2.1), after validation; travels sealed ---- */
struct auth_request {
    struct str client_id, redirect_uri, state, nonce;
    struct str_list scopes;
    struct str code_challenge; /* S256 */
    struct str connector_id;   /* STR_NULL: not chosen yet */
    struct str ui_locales, login_hint;
    bool redirect_uri_given; /* it must then be repeated at the token endpoint */
    bool offline_access;     /* scope offline_access, or access_type=offline with it */
    bool max_age_given;      /* auth_time is then a must in the ID token */
    int64_t issued_at;
    unsigned char id[16]; /* random: binds the login form to this request */
};
MUST_CHECK enum err_code auth_request_encode(const struct auth_request *r, struct strbuf *out,
                                             struct err *err);
MUST_CHECK enum err_code auth_request_decode(struct arena *a, struct str json, struct auth_request *ret,
                                             struct err *err);

/* ---- grant: what a user granted to a client at one login. A code is its first form, a refresh family its second ---- */
struct grant {
    struct str client_id;
    struct str_list scopes;
    struct str nonce; /* only for the first ID token */
    struct identity identity;
    int64_t auth_time;
    struct str session_id; /* sid: names the login towards clients; not a secret */
};
MUST_CHECK enum err_code grant_encode(const struct grant *g, struct strbuf *out, struct err *err);
MUST_CHECK enum err_code grant_decode(struct arena *a, struct str json, struct grant *ret, struct err *err);

/* ---- signing key, as stored: the private part sealed ---- */
struct signing_key {
    struct str kid;
    enum sign_alg alg;
    struct str sealed_private; /* sealed PKCS#8 DER; any bytes */
    struct str public_jwk;     /* JSON */
    int64_t created_at;        /* published from here on */
    int64_t not_before;        /* signs from here on */
    int64_t retired_at;        /* signs no more from here on; 0: not yet known */
    int64_t remove_at;         /* published no more from here on; 0: not yet known */
};
MUST_CHECK enum err_code signing_key_encode(const struct signing_key *k, struct strbuf *out, struct err *err);
MUST_CHECK enum err_code signing_key_decode(struct arena *a, struct str json, struct signing_key *ret,
                                            struct err *err);
