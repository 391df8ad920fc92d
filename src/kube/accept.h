/* Which of several representations a client wants (RFC 9110 12.5.1). */
#pragma once
#include "tkeauth/base.h"

enum {
    ACCEPT_RANGES_MAX = 64, /* media ranges that are looked at; what comes behind them does not count */
    ACCEPT_NONE = -1
};

/* The index of the offer that the Accept header `header` likes best, or ACCEPT_NONE. Offers are media types, the default first; between
 * equally liked ones the order in the header decides, then that of the offers. Of parameters only g, v and as count, by which Kubernetes
 * tells representations apart. No header, an empty one: the first. A range that is malformed does not count. */
int accept_choose(struct str header, const struct str *offers, size_t len);
