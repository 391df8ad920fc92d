#include "httpc/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

struct block {
    const char *prefix;
    unsigned bits;
};

/* RFC 6890 and its successors: what is not globally reachable. */
static const struct block special_v4[] = {
    { "0.0.0.0", 8 },      { "10.0.0.0", 8 },    { "100.64.0.0", 10 },   { "127.0.0.0", 8 },
    { "169.254.0.0", 16 }, { "172.16.0.0", 12 }, { "192.0.0.0", 24 },    { "192.0.2.0", 24 },
    { "192.168.0.0", 16 }, { "198.18.0.0", 15 }, { "198.51.100.0", 24 }, { "203.0.113.0", 24 },
    { "224.0.0.0", 4 },    { "240.0.0.0", 4 },
};

static bool v4_is_public(uint32_t host_order) {
    for (size_t i = 0; i < ARRAY_LEN(special_v4); i++) {
        struct in_addr prefix;
        if (inet_pton(AF_INET, special_v4[i].prefix, &prefix) != 1)
            return false;
        if ((ntohl(prefix.s_addr) ^ host_order) >> (32 - special_v4[i].bits) == 0)
            return false;
    }
    return true;
}

static uint32_t v4_at(const unsigned char *bytes) {
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static bool v6_is_public(const unsigned char *b) {
    static const unsigned char zero[12], mapped[12] = { [10] = 0xff, [11] = 0xff };
    static const unsigned char nat64[12] = { 0x00, 0x64, 0xff, 0x9b };
    if (memcmp(b, mapped, 12) == 0 || memcmp(b, nat64, 12) == 0)
        return v4_is_public(v4_at(b + 12));
    if (memcmp(b, zero, 12) == 0)
        return false; /* ::, ::1 and the old IPv4-compatible form */
    if (b[0] == 0x20 && b[1] == 0x02)
        return v4_is_public(v4_at(b + 2)); /* 6to4 */
    if (b[0] == 0x20 && b[1] == 0x01 && (b[2] < 0x02 || (b[2] == 0x0d && b[3] == 0xb8)))
        return false;             /* Teredo and protocol assignments, documentation */
    return (b[0] & 0xe0) == 0x20; /* 2000::/3 is all that was given out */
}

bool address_is_public(const struct sockaddr *address) {
    if (address->sa_family == AF_INET)
        return v4_is_public(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    if (address->sa_family == AF_INET6)
        return v6_is_public(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr);
    return false;
}
