#include "tkeauth/base/encoding.h"

static const char base64_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char hex_alphabet[] = "0123456789abcdef";

static void base64_add_with(const char *alphabet, bool pad, struct strbuf *out, const unsigned char *p,
                            size_t len) {
    for (; len >= 3; p += 3, len -= 3) {
        const char quad[4] = { alphabet[p[0] >> 2], alphabet[(p[0] & 3) << 4 | p[1] >> 4],
                               alphabet[(p[1] & 15) << 2 | p[2] >> 6], alphabet[p[2] & 63] };
        strbuf_add(out, (struct str) { quad, 4 });
    }
    if (len == 0)
        return;
    unsigned char second = len == 2 ? p[1] : 0;
    const char quad[4] = { alphabet[p[0] >> 2], alphabet[(p[0] & 3) << 4 | second >> 4],
                           len == 2 ? alphabet[(second & 15) << 2] : '=', '=' };
    strbuf_add(out, (struct str) { quad, pad ? 4 : len + 1 });
}

void base64url_add(struct strbuf *out, const void *data, size_t len) {
    base64_add_with(base64url_alphabet, false, out, data, len);
}

void base64_add(struct strbuf *out, const void *data, size_t len) {
    base64_add_with(base64_alphabet, true, out, data, len);
}

void hex_add(struct strbuf *out, const void *data, size_t len) {
    const unsigned char *p = data;
    for (size_t i = 0; i < len; i++) {
        const char pair[2] = { hex_alphabet[p[i] >> 4], hex_alphabet[p[i] & 15] };
        strbuf_add(out, (struct str) { pair, 2 });
    }
}

static int base64_digit(char c, char c62, char c63) {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == c62 ? 62 : c == c63 ? 63 : -1;
}

static enum err_code base64_decode_with(struct str in, char c62, char c63, struct strbuf *out,
                                        struct err *err) {
    uint32_t bits = 0;
    int have = 0;
    if (in.len % 4 == 1)
        return err_set(err, ERR_INVALID, "base64 of an impossible length");
    for (size_t i = 0; i < in.len; i++) {
        int digit = base64_digit(in.ptr[i], c62, c63);
        if (digit < 0)
            return err_set(err, ERR_INVALID, "a character that base64 does not have");
        bits = bits << 6 | (uint32_t)digit;
        have += 6;
        if (have >= 8) {
            have -= 8;
            strbuf_addc(out, (char)(unsigned char)(bits >> have));
            bits &= (1U << have) - 1;
        }
    }
    if (bits != 0)
        return err_set(err, ERR_INVALID, "base64 with bits left over");
    return strbuf_check(out, err);
}

enum err_code base64url_decode(struct str in, struct strbuf *out, struct err *err) {
    return base64_decode_with(in, '-', '_', out, err);
}

enum err_code base64_decode(struct str in, struct strbuf *out, struct err *err) {
    if (in.len % 4 != 0)
        return err_set(err, ERR_INVALID, "base64 without its padding");
    for (int i = 0; i < 2 && in.len > 0 && in.ptr[in.len - 1] == '='; i++)
        in.len--;
    return base64_decode_with(in, '+', '/', out, err);
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

enum err_code hex_decode(struct str in, struct strbuf *out, struct err *err) {
    if (in.len % 2 != 0)
        return err_set(err, ERR_INVALID, "an odd number of hex digits");
    for (size_t i = 0; i < in.len; i += 2) {
        int high = hex_digit(in.ptr[i]), low = hex_digit(in.ptr[i + 1]);
        if (high < 0 || low < 0)
            return err_set(err, ERR_INVALID, "not a hex digit");
        strbuf_addc(out, (char)(unsigned char)(high << 4 | low));
    }
    return strbuf_check(out, err);
}

enum err_code base64url_decode_exact(struct str in, void *out, size_t len, struct err *err) {
    AUTO(strbuf_done) struct strbuf bytes = STRBUF(len);
    enum err_code rc = base64url_decode(in, &bytes, err);
    if (rc != ERR_OK)
        return rc;
    if (bytes.len != len)
        return err_set(err, ERR_INVALID, "%zu bytes where %zu belong", bytes.len, len);
    if (len > 0)
        memcpy(out, bytes.ptr, len);
    return ERR_OK;
}

static bool is_unreserved(char c) {
    return ascii_is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

void percent_add(struct strbuf *out, struct str s) {
    static const char upper[] = "0123456789ABCDEF";
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        const char triple[3] = { '%', upper[c >> 4], upper[c & 15] };
        strbuf_add(out, is_unreserved(s.ptr[i]) ? str_sub(s, i, 1) : (struct str) { triple, 3 });
    }
}

enum err_code percent_decode(struct str in, bool plus_is_space, struct strbuf *out, struct err *err) {
    for (size_t i = 0; i < in.len; i++) {
        if (in.ptr[i] == '+' && plus_is_space) {
            strbuf_addc(out, ' ');
            continue;
        }
        if (in.ptr[i] != '%') {
            strbuf_addc(out, in.ptr[i]);
            continue;
        }
        if (in.len - i < 3 || hex_decode(str_sub(in, i + 1, 2), out, err) != ERR_OK)
            return err_set(err, ERR_INVALID, "a broken percent escape");
        i += 2;
    }
    return strbuf_check(out, err);
}
