/* oidc owns the OpenID Provider: one file per endpoint and per grant. What it decides is a function of the request, the snapshot
 * below, the clock, the random source and the store. */
#pragma once
#include "tkeauth/base.h"
#include "tkeauth/authn.h"
#include "tkeauth/connector.h"
#include "tkeauth/crypto.h"
#include "tkeauth/http.h"
#include "tkeauth/jose.h"
#include "tkeauth/log.h"
#include "tkeauth/model.h"
#include "tkeauth/store.h"
#include "tkeauth/web.h"

/* Everything an endpoint may use. Immutable; the server builds the next one on reload and on key rotation. Handlers get it through
 * oidc_provider_of(req->app), which the server defines the layout for: `struct oidc_provider` is the first member of its snapshot. */
struct oidc_provider {
    struct snapshot snapshot; /* lifetime: server/ */
    struct str issuer;        /* "https://host[:port]/oidc"; its path is where the routes live */
    struct str base_path;     /* "/oidc" */
    const struct keyset *keys;
    struct rotation_policy rotation;
    const struct keyring *keyring;
    struct store *store;
    struct throttle *throttle;
    const struct web *web;
    const struct clock *clock;
    const struct random *random;
    struct log *log;
    struct metrics *metrics;

    const struct client *clients; /* sorted by id */
    size_t client_count;
    struct connector *const *connectors; /* in configuration order */
    size_t connector_count;
    struct str password_connector; /* STR_NULL: the password grant is off */
    bool always_show_login_screen;

    int64_t id_token_ttl_s, access_token_ttl_s, code_ttl_s, auth_request_ttl_s, login_deadline_ms;
    int64_t refresh_grace_s, refresh_absolute_s,
        refresh_idle_s;        /* 0: none (grace: rotation without a window) */
    size_t groups_bytes_max;   /* of the groups claim in an ID token; more are left out and the log says so */
    struct str discovery_json; /* prepared by oidc_discovery_build */
    struct str jwks_json;      /* prepared by the server at each change of keys */
    bool secure_cookies;       /* the issuer is https */
};

/* The endpoints below base_path "/oidc" (fixed by the contract): discovery, keys, auth, auth/{connector}/login, token, userinfo,
 * logout, static. Ends with path NULL. The handlers' app is a `const struct oidc_provider *`. */
extern const struct route oidc_routes[];

/* The discovery document (OIDC Discovery 1.0 3, RFC 8414 2) of `p`: only what is really there. */
MUST_CHECK enum err_code oidc_discovery_build(const struct oidc_provider *p, struct strbuf *out,
                                              struct err *err);
const struct client *oidc_find_client(const struct oidc_provider *p, struct str id);
struct connector *oidc_find_connector(const struct oidc_provider *p, struct str id);
