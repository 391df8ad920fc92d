/* A request as http/ would hand it over, and what it is judged by. */
#pragma once
#include "certificates.h"
#include "http/exchange.h"
#include "tkeauth/authn.h"
#include "tkeauth/crypto.h"

#define ISSUER "https://issuer.example/oidc"

/* One API key that is good until its expiry. */
struct known_key {
    struct str text;
    struct apikey_view view;
    unsigned asked; /* how often a key was looked up */
};
struct caller {
    struct exchange exchange;
    struct clock clock;
    struct arena *arena;
    struct log *log;
    int log_fd;
    char folder[32];
    struct signer *signer; /* of the key set, which owns it */
    struct keyset *keys;
    struct known_key key;
    struct token_judges judges;
    struct principal who; /* of the last call */
    struct err err;
    char text[4096];
};
void caller_init(struct caller *c);
void caller_done(struct caller *c);
/* Of a test whose state is a caller. */
int caller_setup(void **state);
int caller_teardown(void **state);
/* A request with these headers, "Name: value", up to NULL; bytes may be anything but NUL. */
struct http_request *caller_request(struct caller *c, const char *const *headers);
#define HEADERS(...) ((const char *const[]) { __VA_ARGS__ __VA_OPT__(, ) NULL })
/* Appends a line to the head of the request. */
void caller_header(struct caller *c, const char *name, const char *value);
/* The path of a file in a folder of the test's own, in static memory: one of eight. */
const char *caller_path(struct caller *c, const char *name);
void caller_write(struct caller *c, const char *name, const char *text);
/* A token of the key set; lives in the arena. */
struct str caller_sign(struct caller *c, const char *typ, const char *claims);
/* {"iss", "exp" in ten minutes, "iat", "aud", and `more`, e.g. ",\"name\":\"u\""} */
struct str caller_id_token(struct caller *c, const char *more);
#define FEDERATED ",\"federated_claims\":{\"connector_id\":\"acme\",\"user_id\":\"usr-7\"}"
/* "name|uid|group,group|key=value,value;key=value|tenant", in c->text. */
const char *caller_text(struct caller *c, const struct principal *p);
/* All that was logged; the caller frees. */
char *caller_log(struct caller *c);

#define assert_who(c, want) assert_string_equal(caller_text((c), &(c)->who), (want))
