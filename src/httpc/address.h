/* Which addresses may be called on behalf of a configuration that somebody else wrote. */
#pragma once
#include <sys/socket.h>
#include "tkeauth/base.h"

/* False for loopback, private, link-local, unique-local, multicast, unspecified and other special-purpose addresses
 * (RFC 6890), also inside IPv4-mapped and NAT64 ones, and for families other than IPv4 and IPv6. */
bool address_is_public(const struct sockaddr *address);
