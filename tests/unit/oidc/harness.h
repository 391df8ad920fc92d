/* The provider with a memory store, a clock that stands still, two mock tenants, and a browser's and a client's way of calling its
 * routes without a network: parameters are collected and handlers are called as http/ does it. */
#pragma once
#include "unit/test.h"

#include "http/exchange.h"
#include "tkeauth/oidc.h"

enum { WORLD_NOW_S = 1700000000, WORLD_CLIENTS_MAX = 8 };

struct world {
    struct oidc_provider p;
    struct clock clock;
    struct random random;
    struct connector_env env;
    struct arena *arena;
    struct client clients[WORLD_CLIENTS_MAX]; /* sorted by id; p.clients */
    struct connector *connectors[4];
    struct router *router;
    struct metrics *metrics;
    int log_fd;
    /* What the next call sends. */
    const char *authorization, *accept_language, *host;
    char cookie[512]; /* the browser's jar: what Set-Cookie said last */
    const char *ip;
    /* What the last call got; `answer` is valid until the next. */
    struct exchange *exchange;
    const struct http_response *answer;
};

int world_setup(void **state);
int world_teardown(void **state);
/* A tenant like those there are, with its own configuration (YAML of the mock connector); replaces one of the same id. */
void world_tenant(struct world *w, const char *id, const char *yaml);
struct client *world_client(struct world *w, const char *id);

/* `form`: the query of a GET, the body of a POST, urlencoded. Returns the status. */
unsigned world_call(struct world *w, enum http_method method, const char *path, const char *form);
#define world_get(w, path, form) world_call((w), HTTP_GET, (path), (form))
#define world_post(w, path, form) world_call((w), HTTP_POST, (path), (form))
/* A header of the last answer; "" when absent. */
const char *world_header(const struct world *w, const char *name);
const char *world_body(const struct world *w);
bool world_page_says(const struct world *w, const char *text);
/* A member of the last answer's JSON, or of the query of its Location; "" when absent; in the world's arena. */
const char *world_json(struct world *w, const char *name);
const char *world_redirect(struct world *w, const char *name);
/* The value of a hidden field of the last page. */
const char *world_field(struct world *w, const char *name);
/* Everything logged so far; the caller frees. */
char *world_log(struct world *w);
/* Text put together in the world's arena. */
const char *world_text(struct world *w, const char *fmt, ...) PRINTF(2, 3);
/* One name and value, urlencoded, with a leading '&'. */
const char *world_pair(struct world *w, const char *name, const char *value);

/* ---- whole steps ---- */
#define WORLD_VERIFIER "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
#define WORLD_CHALLENGE "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
#define WORLD_CALLBACK "https://web.example/callback"
#define WORLD_WEB_BASIC "Basic d2ViOnMzY3JldA==" /* web:s3cret */
/* A request of client "web" that is fine; `more` is appended. */
const char *world_request(struct world *w, const char *more);
/* From an authorization request to the login form of `tenant`; what the form needs is in ticket and csrf. */
struct world_form {
    const char *path, *ticket, *csrf;
};
struct world_form world_open_form(struct world *w, const char *request, const char *tenant);
unsigned world_login(struct world *w, const struct world_form *f, const char *user, const char *password);
/* Logs ana in and returns the code. */
const char *world_code(struct world *w, const char *request);
/* Redeems as client "web"; returns the status. */
unsigned world_redeem(struct world *w, const char *code);
unsigned world_refresh(struct world *w, const char *token);
struct world_tokens {
    const char *access, *id, *refresh;
};
/* The whole way, with `scope`. */
struct world_tokens world_tokens(struct world *w, const char *scope);
/* The payload of a JWT signed by the provider; freed with the world. */
const json_t *world_claims(struct world *w, const char *token, const char *typ);

#define assert_text(got, want)                                                                               \
    do {                                                                                                     \
        const char *got_ = (got);                                                                            \
        if (strcmp(got_, (want)) != 0)                                                                       \
            fail_msg("%s is \"%s\", wanted \"%s\"", #got, got_, (want));                                     \
    } while (0)
/* The status, and the body when it is another. */
#define assert_status(w, call, want)                                                                         \
    do {                                                                                                     \
        unsigned got_ = (call);                                                                              \
        if (got_ != (want))                                                                                  \
            fail_msg("%s: status %u, wanted %u: %s %s", #call, got_, (unsigned)(want), world_body(w),        \
                     world_header((w), "Location"));                                                         \
    } while (0)
