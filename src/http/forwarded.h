/* Whose request is it: addresses, and the proxies whose word counts. */
#pragma once
#include <netinet/in.h>
#include <sys/socket.h>
#include "http/limits.h"
#include "tkeauth/base.h"

/* IPv4 is kept mapped into IPv6 (::ffff:a.b.c.d), so that there is one kind. */
struct ip {
    unsigned char bytes[16];
};
MUST_CHECK bool ip_parse(struct str text, struct ip *ret);
/* AF_INET and AF_INET6; anything else gives "::". */
struct ip ip_of_sockaddr(const struct sockaddr *address);
/* "192.0.2.7" or "2001:db8::1" into a buffer of INET6_ADDRSTRLEN; returns it. */
const char *ip_format(const struct ip *ip, char *out);
/* What counts as one client for limits: an IPv4 address, an IPv6 /64. */
struct ip ip_client_block(const struct ip *ip);

struct cidr {
    struct ip ip;
    unsigned bits;
};
/* "10.0.0.0/8", "::1", "192.0.2.7". ERR_INVALID otherwise, also when bits behind the prefix are set. */
MUST_CHECK enum err_code cidr_parse(struct str text, struct cidr *ret, struct err *err);
bool cidr_contains(const struct cidr *cidrs, size_t len, const struct ip *ip);

/* The client of a request that came from `peer` with these X-Forwarded-For values (in the order of the header lines):
 * walked from the right as long as the next hop is trusted; an entry that is no address ends the walk. */
struct ip forwarded_client(const struct cidr *trusted, size_t trusted_len, const struct ip *peer,
                           const struct str *values, size_t len);
