/* Where a browser's request comes from: cross-site posts, and cross-origin reads. */
#pragma once
#include "tkeauth/http.h"

/* What a browser says about a request; STR_NULL when it does not. */
struct origin_headers {
    struct str origin, host, sec_fetch_site;
};
/* True when the request was made by one of our own pages, or by no browser at all: Sec-Fetch-Site (which a page cannot
 * forge) decides; without it an Origin must name the host the request was sent to. "null" is foreign. */
bool origin_is_same_site(const struct origin_headers *h);
/* The value of Access-Control-Allow-Origin for a listed origin (exact, or "*" in the list); else STR_NULL. */
struct str cors_allowed_origin(const struct http_strings *origins, struct str origin);
