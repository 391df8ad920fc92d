#include "enforcer/ip.h"

static bool digit(char c) { return c >= '0' && c <= '9'; }

static int hex(char c) {
    if (digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Four decimal bytes; one leading zero is read over in two-digit ones, as the reference does. */
static bool parse_v4(struct enforcer_str s, uint8_t out[4]) {
    size_t at = 0;
    for (int part = 0; part < 4; part++) {
        if (part > 0 && (at >= s.len || s.ptr[at++] != '.'))
            return false;
        unsigned value = 0;
        size_t start = at;
        while (at < s.len && digit(s.ptr[at]) && at - start < 3)
            value = value * 10 + (unsigned)(s.ptr[at++] - '0');
        if (at == start || value > 255 || (at - start == 3 && s.ptr[start] == '0'))
            return false;
        out[part] = (uint8_t)value;
    }
    return at == s.len;
}

/* One group of up to four hex digits at *at, or an IPv4 tail. Returns the bytes written, 0 on failure. */
static size_t parse_group(struct enforcer_str s, size_t *at, uint8_t *out, size_t room) {
    size_t end = *at;
    while (end < s.len && s.ptr[end] != ':')
        end++;
    struct enforcer_str part = enf_str(s.ptr + *at, end - *at);
    if (part.len > 0 && memchr(part.ptr, '.', part.len) != NULL) {
        if (room < 4 || end != s.len || !parse_v4(part, out))
            return 0;
        *at = end;
        return 4;
    }
    if (part.len == 0 || part.len > 4 || room < 2)
        return 0;
    unsigned value = 0;
    for (size_t i = 0; i < part.len; i++) {
        if (hex(part.ptr[i]) < 0)
            return 0;
        value = value << 4 | (unsigned)hex(part.ptr[i]);
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    *at = end;
    return 2;
}

static bool parse_v6(struct enforcer_str s, uint8_t out[16]) {
    uint8_t bytes[16] = { 0 };
    size_t n = 0, at = 0, gap = SIZE_MAX;
    if (s.len >= 2 && s.ptr[0] == ':' && s.ptr[1] == ':') {
        gap = 0;
        at = 2;
    }
    while (at < s.len) {
        size_t got = parse_group(s, &at, bytes + n, sizeof bytes - n);
        if (got == 0)
            return false;
        n += got;
        if (at == s.len)
            break;
        at++; /* the colon */
        if (at < s.len && s.ptr[at] == ':') {
            if (gap != SIZE_MAX)
                return false;
            gap = n;
            at++;
        } else if (at == s.len)
            return false;
    }
    if (gap == SIZE_MAX ? n != 16 : n > 14)
        return false;
    if (gap == SIZE_MAX) {
        memcpy(out, bytes, 16);
        return true;
    }
    memset(out, 0, 16);
    memcpy(out, bytes, gap);
    memcpy(out + 16 - (n - gap), bytes + gap, n - gap);
    return true;
}

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

bool enf_ip_parse(struct enforcer_str text, uint8_t ret[16]) {
    uint8_t v4[4];
    if (text.len > 0 && parse_v4(text, v4)) {
        memcpy(ret, mapped, 12);
        memcpy(ret + 12, v4, 4);
        return true;
    }
    return text.len > 0 && parse_v6(text, ret);
}

bool enf_net_parse(struct enforcer_str text, struct enf_net *ret) {
    const char *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
    struct enforcer_str address = text;
    unsigned bits = 128;
    if (slash != NULL) {
        address.len = (size_t)(slash - text.ptr);
        struct enforcer_str digits = enf_str(slash + 1, text.len - address.len - 1);
        bool v4 = memchr(address.ptr, ':', address.len) == NULL;
        bits = 0;
        for (size_t i = 0; i < digits.len; i++) {
            if (!digit(digits.ptr[i]) || i > 2)
                return false;
            bits = bits * 10 + (unsigned)(digits.ptr[i] - '0');
        }
        if (digits.len == 0 || bits > (v4 ? 32 : 128))
            return false;
        bits += v4 ? 96 : 0;
    }
    if (!enf_ip_parse(address, ret->bytes))
        return false;
    ret->prefix = (uint8_t)bits;
    return true;
}

bool enf_net_contains(const struct enf_net *net, const uint8_t address[16]) {
    unsigned whole = net->prefix / 8, rest = net->prefix % 8;
    if (memcmp(net->bytes, address, whole) != 0)
        return false;
    if (rest == 0)
        return true;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return (net->bytes[whole] & mask) == (address[whole] & mask);
}
