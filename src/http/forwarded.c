#include "http/forwarded.h"

#include <arpa/inet.h>

static const unsigned char v4_prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

static bool is_v4(const struct ip *ip) { return memcmp(ip->bytes, v4_prefix, sizeof v4_prefix) == 0; }

bool ip_parse(struct str text, struct ip *ret) {
    char buffer[INET6_ADDRSTRLEN];
    if (text.len == 0 || text.len >= sizeof buffer || memchr(text.ptr, 0, text.len) != NULL)
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = 0;
    struct ip ip;
    memcpy(ip.bytes, v4_prefix, sizeof v4_prefix);
    if (inet_pton(AF_INET, buffer, &ip.bytes[12]) != 1 && inet_pton(AF_INET6, buffer, ip.bytes) != 1)
        return false;
    *ret = ip;
    return true;
}

struct ip ip_of_sockaddr(const struct sockaddr *address) {
    struct ip ip = { { 0 } };
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        memcpy(ip.bytes, v4_prefix, sizeof v4_prefix);
        memcpy(&ip.bytes[12], &in->sin_addr, 4);
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        memcpy(ip.bytes, &in6->sin6_addr, sizeof ip.bytes);
    }
    return ip;
}

const char *ip_format(const struct ip *ip, char *out) {
    const void *from = is_v4(ip) ? &ip->bytes[12] : &ip->bytes[0];
    if (inet_ntop(is_v4(ip) ? AF_INET : AF_INET6, from, out, INET6_ADDRSTRLEN) == NULL)
        out[0] = 0;
    return out;
}

struct ip ip_client_block(const struct ip *ip) {
    struct ip block = *ip;
    if (!is_v4(ip))
        memset(&block.bytes[8], 0, 8);
    return block;
}

static bool same_prefix(const struct ip *a, const struct ip *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(a->bytes, b->bytes, whole) != 0)
        return false;
    return rest == 0 || ((a->bytes[whole] ^ b->bytes[whole]) >> (8 - rest)) == 0;
}

enum err_code cidr_parse(struct str text, struct cidr *ret, struct err *err) {
    struct str address, length;
    bool has_length = str_cut(text, '/', &address, &length);
    struct cidr cidr;
    if (!ip_parse(address, &cidr.ip))
        return err_set(err, ERR_INVALID, "\"%.*s\" is no address or CIDR", STR_FMT(text));
    bool v4 = is_v4(&cidr.ip) && str_find(address, ':') == address.len;
    uint64_t bits = v4 ? 32 : 128;
    if (has_length && parse_u64(length, 0, bits, &bits, err) != ERR_OK)
        return err_set(err, ERR_INVALID, "\"%.*s\" has a bad prefix length", STR_FMT(text));
    cidr.bits = (unsigned)bits + (v4 ? 96 : 0);
    struct ip masked = { { 0 } };
    memcpy(masked.bytes, cidr.ip.bytes, cidr.bits / 8);
    if (cidr.bits % 8 != 0)
        masked.bytes[cidr.bits / 8] = (unsigned char)(cidr.ip.bytes[cidr.bits / 8] &
                                                      (0xff00 >> cidr.bits % 8));
    if (memcmp(masked.bytes, cidr.ip.bytes, sizeof masked.bytes) != 0)
        return err_set(err, ERR_INVALID, "\"%.*s\" sets bits behind its prefix", STR_FMT(text));
    *ret = cidr;
    return ERR_OK;
}

bool cidr_contains(const struct cidr *cidrs, size_t len, const struct ip *ip) {
    for (size_t i = 0; i < len; i++)
        if (same_prefix(&cidrs[i].ip, ip, cidrs[i].bits))
            return true;
    return false;
}

/* "192.0.2.7", "192.0.2.7:1234", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:1234". */
static bool parse_hop(struct str hop, struct ip *ret) {
    if (hop.len > 0 && hop.ptr[0] == '[') {
        size_t end = str_find(hop, ']');
        struct str behind = str_from(hop, end + 1);
        if (end == hop.len || (behind.len > 0 && behind.ptr[0] != ':'))
            return false;
        return ip_parse(str_sub(hop, 1, end - 1), ret);
    }
    size_t colon = str_find(hop, ':');
    if (colon < hop.len && colon == str_rfind(hop, ':'))
        hop = str_sub(hop, 0, colon);
    return ip_parse(hop, ret);
}

struct ip forwarded_client(const struct cidr *trusted, size_t trusted_len, const struct ip *peer,
                           const struct str *values, size_t len) {
    struct ip current = *peer;
    size_t walked = 0;
    for (size_t i = len; i-- > 0;) {
        struct str rest = values[i];
        for (bool more = true; more; walked++) {
            struct ip hop;
            size_t comma = str_rfind(rest, ',');
            more = comma < rest.len;
            struct str entry = str_trim(more ? str_from(rest, comma + 1) : rest);
            if (walked == HTTP_FORWARDED_MAX || !cidr_contains(trusted, trusted_len, &current) ||
                !parse_hop(entry, &hop))
                return current;
            current = hop;
            rest = str_sub(rest, 0, comma);
        }
    }
    return current;
}
