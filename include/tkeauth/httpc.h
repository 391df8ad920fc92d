/* httpc owns outbound HTTP (libcurl): every call has a deadline and a size cap and follows no redirect. It must never be used
 * on the event loop. */
#pragma once
#include "tkeauth/base.h"

struct httpc_request {
    const char *method;         /* "GET", "POST" */
    const char *url;            /* https://, or http:// where allow_http */
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    struct str body;
    const char *ca_file;                            /* PEM; NULL: the system's */
    const char *client_cert_file, *client_key_file; /* may be NULL */
    bool allow_http, insecure_skip_verify;
    bool refuse_private; /* after name resolution: no loopback, private or link-local address */
    int64_t timeout_ms, connect_timeout_ms;
    size_t response_max;
};
struct httpc_response {
    long status;
    struct strbuf body;                /* wiped on httpc_response_done: it may hold tokens */
    struct str content_type, location; /* owned by the struct; location: of a redirect, made absolute */
    char *content_type_buf, *location_buf;
};
/* Once, in main, before threads. */
MUST_CHECK enum err_code httpc_global_init(struct err *err);
/* A client keeps connections alive between its requests; one thread at a time. */
struct httpc;
MUST_CHECK enum err_code httpc_new(struct httpc **ret, struct err *err);
void httpc_free(struct httpc *c);
DEFINE_AUTO_FREE(httpc_free, struct httpc);
/* `ret` is written on success only. ERR_OK for any complete answer, whatever its status. ERR_INVALID (a bad URL or header, no
 * deadline, no size limit), ERR_TIMEOUT, ERR_LIMIT, ERR_FORBIDDEN (refused address or scheme), ERR_UNAVAILABLE (connect, TLS:
 * the detail says which and what to do). */
MUST_CHECK enum err_code httpc_call(struct httpc *c, const struct httpc_request *req,
                                    struct httpc_response *ret, struct err *err);
/* Wipes the body. A zeroed response is fine. */
void httpc_response_done(struct httpc_response *r);
