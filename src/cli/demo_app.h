/* The demo relying party: what its parts share. It keeps nothing on disk, and trusts nothing it has not checked. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/http.h"
#include "tkeauth/httpc.h"
#include "tkeauth/jose.h"
#include "tkeauth/log.h"
#include "tkeauth/web.h"

#include <pthread.h>

/* ---- what it was told on the command line ---- */
struct demo_options {
    const char *issuer, *client_id, *client_secret_file, *ca, *listen, *redirect_uri, *scope;
};
struct demo_settings {
    struct arena *arena;
    struct str issuer, client_id, scope;
    struct secret client_secret; /* empty: a public client */
    const char *ca_file;
    const char *address;
    unsigned port;
    bool allow_http;         /* an http:// issuer: on loopback only */
    struct str redirect_uri; /* STR_NULL until demo_settings_listening: it holds the port */
    struct str home_uri;     /* where it is at home: redirect_uri without "callback" */
};
/* ERR_INVALID: an option that cannot be right; the detail says what is expected. */
MUST_CHECK enum err_code demo_settings_init(const struct demo_options *options, struct demo_settings *ret,
                                            struct err *err);
/* Now that the port is known. */
MUST_CHECK enum err_code demo_settings_listening(struct demo_settings *s, unsigned port, struct err *err);
void demo_settings_done(struct demo_settings *s);

/* ---- sessions: in memory, bounded, the oldest goes first ---- */
enum { DEMO_SESSIONS_MAX = 256, DEMO_SESSION_TTL_S = 12 * 3600, DEMO_ID_SIZE = 44 };
struct demo_session {
    char id[DEMO_ID_SIZE]; /* of the cookie */
    char state[DEMO_ID_SIZE], nonce[DEMO_ID_SIZE],
        verifier[DEMO_ID_SIZE];                          /* while a login is under way, else "" */
    struct secret id_token, access_token, refresh_token; /* empty: there is none */
    char *claims, *userinfo, *key, *algorithm;           /* owned; NULL: not there */
    const char *notice;                                  /* what just happened; a literal or NULL */
    int64_t used_at;
};
void demo_session_done(struct demo_session *s);
struct demo_sessions;
MUST_CHECK enum err_code demo_sessions_new(struct demo_sessions **ret, struct err *err);
void demo_sessions_free(struct demo_sessions *s);
/* A copy of the session named by a cookie, freed by demo_session_done. ERR_NOT_FOUND. Any thread. */
MUST_CHECK enum err_code demo_sessions_get(struct demo_sessions *s, struct str id, int64_t now,
                                           struct demo_session *ret, struct err *err);
/* Takes over what `session` owns, under its id; one of that id is replaced. */
void demo_sessions_put_take(struct demo_sessions *s, struct demo_session *session, int64_t now);
void demo_sessions_remove(struct demo_sessions *s, struct str id);
/* 256 random bits, base64url. */
void demo_random_id(const struct random *random, char out[DEMO_ID_SIZE]);

/* ---- the provider, as its discovery document says ---- */
struct demo_provider {
    struct str authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint, end_session_endpoint;
    bool iss_parameter; /* RFC 9207: every authorization response carries iss */
};
/* ERR_INVALID: not for this issuer, or an endpoint is missing or no URL. Slices are copied into `a`. */
MUST_CHECK enum err_code demo_provider_parse(struct arena *a, const struct demo_settings *s, struct str json,
                                             struct demo_provider *ret, struct err *err);
/* Where the browser goes to log in, and to log out. */
void demo_login_url(const struct demo_settings *s, const struct demo_provider *p,
                    const struct demo_session *session, struct strbuf *out);
void demo_logout_url(const struct demo_settings *s, const struct demo_provider *p, struct str id_token,
                     struct strbuf *out);
/* Puts the tokens of a token response into the session. ERR_INVALID. */
MUST_CHECK enum err_code demo_take_tokens(struct str json, struct demo_session *session, struct err *err);
/* Everything OIDC Core 3.1.3.7 asks of an ID token: signature, iss, aud, azp, exp, and nonce and at_hash where they are known.
 * The claims, key id and algorithm go into the session. ERR_UNAUTHENTICATED with the reason. */
MUST_CHECK enum err_code demo_check_id_token(const struct demo_settings *s, struct str jwks_json,
                                             struct str nonce, int64_t now, struct demo_session *session,
                                             struct err *err);

/* ---- the calls it makes ---- */
struct demo {
    struct demo_settings settings;
    struct demo_sessions *sessions;
    struct web *web;
    struct log *log;
    const struct clock *clock;
    const struct random *random;
};
MUST_CHECK enum err_code demo_discover(const struct demo *d, struct arena *a, struct demo_provider *ret,
                                       struct err *err);
/* The code of a finished login, or the refresh token of the session, for tokens that have been checked. */
MUST_CHECK enum err_code demo_redeem(const struct demo *d, struct arena *a, struct str code,
                                     struct demo_session *session, struct err *err);
MUST_CHECK enum err_code demo_refresh(const struct demo *d, struct arena *a, struct demo_session *session,
                                      struct err *err);
MUST_CHECK enum err_code demo_fetch_userinfo(const struct demo *d, struct arena *a,
                                             struct demo_session *session, struct err *err);

/* ---- what it shows ---- */
/* Rows for the page "demo_claims": people's claims first, times as UTC, lists and objects as items. `claims` is only read. In `a`; NULL when out of memory. */
const struct web_list *demo_claim_rows(struct arena *a, const struct web *w, const char *language,
                                       json_t *claims);
/* A style sheet that counts down from `left_s` of `total_s` seconds: a page has neither script nor inline style. */
void demo_countdown_css(int64_t left_s, int64_t total_s, struct strbuf *out);
extern const struct route demo_routes[];
