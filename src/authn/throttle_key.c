#include "authn/throttle_key.h"

#include <arpa/inet.h>

/* Longer names share an entry when they begin alike: no login takes them anyway. */
enum { USER_COMPARED = 512, ADDRESS_TEXT_MAX = 64 };

static struct throttle_id hash(const uint64_t seed[4], const void *data, size_t len) {
    return (struct throttle_id) { { siphash13(seed, data, len), siphash13(seed + 2, data, len) } };
}

static struct throttle_id hash_user(const uint64_t seed[4], struct str user) {
    char folded[USER_COMPARED];
    user = str_sub(str_trim(user), 0, sizeof folded);
    for (size_t i = 0; i < user.len; i++)
        folded[i] = ascii_lower(user.ptr[i]);
    return hash(seed, folded, user.len);
}

/* A subscriber has a /64 of IPv6 at least; an IPv4 address in an IPv6 dress is the same address. */
static struct throttle_id hash_address(const uint64_t seed[4], struct str address) {
    char text[ADDRESS_TEXT_MAX];
    struct in_addr four;
    struct in6_addr six;
    address = str_sub(address, 0, sizeof text - 1);
    if (address.len)
        memcpy(text, address.ptr, address.len);
    text[address.len] = '\0';
    if (inet_pton(AF_INET, text, &four) == 1)
        return hash(seed, &four, sizeof four);
    if (inet_pton(AF_INET6, text, &six) != 1)
        return hash(seed, text, address.len);
    return IN6_IS_ADDR_V4MAPPED(&six) ? hash(seed, &six.s6_addr[12], 4) : hash(seed, &six, 8);
}

void throttle_ids(const uint64_t seed[4], const struct throttle_key *key,
                  struct throttle_id ids[THROTTLE_KINDS]) {
    struct {
        uint64_t kind;
        struct throttle_id tenant, user, address;
    } parts = { 0 };
    const struct throttle_id tenant = hash(seed, key->tenant.ptr, key->tenant.len);
    const struct throttle_id user = hash_user(seed, key->user);
    const struct throttle_id address = hash_address(seed, key->address);
    for (uint64_t kind = 0; kind < THROTTLE_KINDS; kind++) {
        parts.kind = kind;
        if (kind != THROTTLE_ADDRESS) {
            parts.tenant = tenant;
            parts.user = user;
        } else {
            parts.tenant = (struct throttle_id) { { 0 } };
            parts.user = (struct throttle_id) { { 0 } };
        }
        parts.address = kind == THROTTLE_USER ? (struct throttle_id) { { 0 } } : address;
        ids[kind] = hash(seed, &parts, sizeof parts);
    }
}
