/* A request and its answer as handlers see them, without a server; the body of a stream as its client would read it. */
#pragma once
#include "unit/test.h"

#include "tkeauth/http.h"

struct call;
struct call *call_new(const struct clock *clock, struct log *log);
/* Closes the stream, if there is one. */
void call_free(struct call *c);
/* "GET", "policies?limit=2": what stands behind the prefix of the API. */
void call_target(struct call *c, const char *method, const char *target);
void call_header(struct call *c, const char *name, const char *value);
void call_send(struct call *c, struct str body);
struct http_request *call_request(struct call *c);
struct http_response *call_response(struct call *c);

unsigned call_status(const struct call *c);
struct str call_body(const struct call *c);
const char *call_answered(const struct call *c, const char *name); /* of a header; NULL: absent */

bool call_streams(const struct call *c);
enum http_stream_state call_read(struct call *c, char *out, size_t max, size_t *ret_len);
void call_fill(struct call *c);
/* Somebody has woken the stream since the last call. */
bool call_was_woken(struct call *c);
