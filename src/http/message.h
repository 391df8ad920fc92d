/* Small rules about HTTP messages: media types, request ids, header text, statuses. */
#pragma once
#include "http/limits.h"
#include "tkeauth/http.h"

/* Is a Content-Type of that media type? Parameters (charset) do not count, nor does ASCII case. */
bool media_type_is(struct str content_type, struct str want);
/* 1 to HTTP_REQUEST_ID_MAX of [A-Za-z0-9._-]: fit for a log line and a page. */
bool request_id_is_valid(struct str id);
/* 16 hex digits and NUL into `out`: a keyed hash of two counters, so it neither repeats nor tells how many there were. */
void request_id_make(const uint64_t key[2], uint64_t connection, uint64_t number, char out[17]);
/* No CR, LF or NUL: cannot split a response. */
bool header_value_is_safe(struct str value);
/* RFC 9110 5.6.2: token. */
bool header_name_is_valid(struct str name);
/* How the edge maps a handler's error. */
unsigned status_of_err(enum err_code code);
/* "Not Found" and so on; "Error" for others. */
const char *status_text(unsigned status);
