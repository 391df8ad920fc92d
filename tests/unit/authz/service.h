/* The review endpoints on a running server, and a client that posts to them. */
#pragma once
#include "../test.h"

#include "authz/internal.h"
#include "rule_list.h"
#include "tkeauth/httpc.h"

struct reply {
    long status;
    char *body;
    json_t *json; /* NULL when the body is none */
};
struct service {
    struct authz_options options; /* a test may change them before service_start */
    engine_load load;
    bool on_workers, tls;
    unsigned threads;
    struct authz *authz;
    struct signer *signer; /* of the key set, which owns it */
    struct keyset *keys;
    struct authz_app app;
    apikey_finder find_key; /* gets the service; NULL: no API keys */
    struct clock clock;
    struct log *log;
    int log_fd;
    struct metrics *metrics;
    struct http_server *server;
    struct httpc *client;
    char folder[32]; /* for files; removed at the end */
    char url[64];
    const char *headers[8]; /* of every call; Content-Type is there already */
    const char *client_cert, *client_key;
    struct reply last;
};

/* The rules that service_list_load serves. */
extern struct rule_list service_rules;
enum err_code service_list_load(const struct authz_options *options, struct engine *ret, struct err *err);

int service_setup(void **state);
int service_teardown(void **state);
void service_start(struct service *s);
/* A file in the folder, and its path (in static memory: one of eight). */
const char *service_path(struct service *s, const char *name);
void service_write(struct service *s, const char *name, const char *text);
/* Kept until the next call. */
const struct reply *service_post(struct service *s, const char *path, struct str body);
#define service_posts(s, path, text) service_post((s), (path), str_of(text))
/* Sends these bytes over plain HTTP and reads what comes until the brace that ends a Status, or the end. */
void service_raw(struct service *s, const char *request, char *answer, size_t cap);
/* A member of the last reply by a path of names, "status.allowed" or "status.allowedList.0.web"; NULL: absent. */
const json_t *service_at(struct service *s, const char *path);
/* As JSON text; "-" when absent; static memory until the next call. */
const char *service_text(struct service *s, const char *path);
/* Everything logged so far; the caller frees. */
char *service_log(struct service *s);
/* A token of the key set over these claims; the caller frees. */
char *service_token(struct service *s, const char *typ, const char *claims);
/* A CA, a server certificate and one client certificate for each name, as PEM files NAME.crt and NAME.key in the folder. */
void service_certificates(struct service *s, const char *const *clients);

#define assert_reply(s, path, want)                                                                          \
    do {                                                                                                     \
        const char *got_ = service_text((s), (path));                                                        \
        if (strcmp(got_, (want)) != 0)                                                                       \
            fail_msg("%s is %s, wanted %s; in %s", (path), got_, (want), (s)->last.body);                    \
    } while (0)
