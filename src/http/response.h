/* An answer while it is built. */
#pragma once
#include "http/limits.h"
#include "tkeauth/http.h"

struct response_header {
    const char *name;
    struct str value; /* NUL-terminated */
};
struct http_response {
    unsigned status;
    struct arena *arena;
    struct log *log;
    const char *request_id;
    struct response_header headers[HTTP_RESPONSE_HEADERS_MAX];
    size_t header_count;
    struct str body;
    bool body_is_static; /* its bytes outlive the request */
    /* Or what makes the body, until MHD has it: `stream` is NULL with ops when there was no memory for it. */
    struct http_stream *stream;
    const struct http_stream_ops *stream_ops;
    void *stream_ctx;
    bool moves; /* the handler wants to be called again, on move_to */
    enum http_run move_to;
    bool failed; /* something did not fit: the edge answers 500 */
};
/* Fresh memory in. */
void response_init(struct http_response *res, const struct http_request *req);
/* Forgets what was set. */
void response_reset(struct http_response *res, const struct http_request *req);
/* Closes the stream, if there is one: nobody will read it. */
void response_drop_stream(struct http_response *res);
bool response_has_header(const struct http_response *res, const char *name);
/* For names and values that live for ever: nothing is copied. Keeps a value that is already there. */
void response_default_header(struct http_response *res, const char *name, struct str value);
