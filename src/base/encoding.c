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

/* The value of an ASCII character: six bits, and two that tell which alphabets lack it. */
enum { ONLY_BASE64 = 0x40, ONLY_BASE64URL = 0x80, NO = 0xff };
static const unsigned char base64_values[128] = {
    /* clang-format off */
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO,
    NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, NO, 126, NO, 190, NO, 127,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, NO, NO, NO, NO, NO, NO,
    NO, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, NO, NO, NO, NO, 191,
    NO, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, NO, NO, NO, NO, NO,
    /* clang-format on */
};

static unsigned base64_value(char c) {
    unsigned char u = (unsigned char)c;
    return u < sizeof base64_values ? base64_values[u] : NO;
}

/* `len` is 2 to 4. Adds what was seen to *seen, which is looked at once, at the end. */
static uint32_t base64_quad(const char *in, size_t len, unsigned *seen) {
    uint32_t bits = 0;
    for (size_t i = 0; i < 4; i++) {
        unsigned value = i < len ? base64_value(in[i]) : 0;
        *seen |= value;
        bits = bits << 6 | (value & 63);
    }
    return bits;
}

static enum err_code base64_decode_with(struct str in, unsigned foreign, struct strbuf *out,
                                        struct err *err) {
    size_t tail = in.len % 4, before = out->len, len = in.len / 4 * 3 + (tail ? tail - 1 : 0);
    unsigned seen = 0;
    if (tail == 1)
        return err_set(err, ERR_INVALID, "base64 of an impossible length");
    unsigned char *to = (unsigned char *)strbuf_grow(out, len);
    if (to == NULL)
        return strbuf_check(out, err);
    const char *from = in.ptr;
    for (size_t quads = in.len / 4; quads > 0; quads--, from += 4, to += 3) {
        uint32_t bits = base64_quad(from, 4, &seen);
        to[0] = (unsigned char)(bits >> 16);
        to[1] = (unsigned char)(bits >> 8);
        to[2] = (unsigned char)bits;
    }
    uint32_t bits = tail ? base64_quad(from, tail, &seen) : 0;
    if (tail)
        to[0] = (unsigned char)(bits >> 16);
    if (tail == 3)
        to[1] = (unsigned char)(bits >> 8);
    if ((seen & foreign) == 0 && (bits & (tail == 3 ? 0xffU : 0xffffU)) == 0)
        return ERR_OK;
    strbuf_truncate(out, before);
    return err_set(err, ERR_INVALID,
                   (seen & foreign) != 0 ? "a character that base64 does not have"
                                         : "base64 with bits left over");
}

enum err_code base64url_decode(struct str in, struct strbuf *out, struct err *err) {
    return base64_decode_with(in, ONLY_BASE64, out, err);
}

enum err_code base64_decode(struct str in, struct strbuf *out, struct err *err) {
    if (in.len % 4 != 0)
        return err_set(err, ERR_INVALID, "base64 without its padding");
    for (int i = 0; i < 2 && in.len > 0 && in.ptr[in.len - 1] == '='; i++)
        in.len--;
    return base64_decode_with(in, ONLY_BASE64URL, out, err);
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
