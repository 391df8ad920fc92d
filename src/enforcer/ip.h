/* ip owns addresses and networks as text: IPv4, IPv6, and prefixes of them. */
#pragma once
#include "enforcer/mem.h"

struct enf_net {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    uint8_t prefix;    /* bits that count, of 128 */
};

bool enf_ip_parse(struct enforcer_str text, uint8_t ret[16]);
/* An address (prefix 128) or address/bits. */
bool enf_net_parse(struct enforcer_str text, struct enf_net *ret);
bool enf_net_contains(const struct enf_net *net, const uint8_t address[16]);
