/* The head of a request as a list, for what is said by repeated headers or in the names of headers. */
#pragma once
#include "tkeauth/authn.h"

struct header_line {
    struct str name, value; /* without outer blanks */
};
struct header_list {
    const struct header_line *items;
    size_t len;
};
/* In the arena of the request. ERR_NOMEM. */
MUST_CHECK enum err_code header_list_of(const struct http_request *req, struct header_list *ret,
                                        struct err *err);
/* Lines with that name; the first value through `ret` (may be NULL), STR_NULL when there is none. */
size_t header_list_find(const struct header_list *h, struct str name, struct str *ret);
/* The key of an extra in the name of a header, percent-encoded and in any case: decoded, in lower case. ERR_INVALID: it cannot be decoded,
 * is empty, or no text. */
MUST_CHECK enum err_code extra_key_read(struct arena *a, struct str encoded, struct str *ret,
                                        struct err *err);
/* Only in lower case. In `a`. */
struct str lower_case(struct arena *a, struct str s);
