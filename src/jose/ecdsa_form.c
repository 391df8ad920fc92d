#include "jose/ecdsa_form.h"

enum { DER_SEQUENCE = 0x30, DER_INTEGER = 0x02, DER_LONG_LENGTH = 0x81 };

struct cursor {
    const unsigned char *at, *end;
};

/* Reads one tag and length: the short form, or the one-byte long form that P-521 needs. */
static bool read_head(struct cursor *c, unsigned char tag, size_t *ret_len) {
    if (c->end - c->at < 2 || *c->at++ != tag)
        return false;
    size_t len = *c->at++;
    if (len == DER_LONG_LENGTH) {
        if (c->at == c->end || *c->at < 0x80)
            return false;
        len = *c->at++;
    } else if (len >= 0x80)
        return false;
    *ret_len = len;
    return len <= (size_t)(c->end - c->at);
}

/* Right-aligned into `size` bytes; a leading zero only keeps the number positive. */
static bool read_integer(struct cursor *c, size_t size, unsigned char *out) {
    size_t len = 0;
    if (!read_head(c, DER_INTEGER, &len) || len == 0 || (*c->at & 0x80) != 0)
        return false;
    const unsigned char *number = c->at;
    c->at += len;
    if (len > 1 && number[0] == 0) {
        number++;
        len--;
    }
    if (len > size)
        return false;
    memset(out, 0, size - len);
    memcpy(out + size - len, number, len);
    return true;
}

bool ecdsa_der_to_raw(const unsigned char *der, size_t der_len, size_t size, unsigned char *raw) {
    struct cursor c = { der, der + der_len };
    size_t len = 0;
    return read_head(&c, DER_SEQUENCE, &len) && len == (size_t)(c.end - c.at) &&
           read_integer(&c, size, raw) && read_integer(&c, size, raw + size) && c.at == c.end;
}

static size_t write_integer(const unsigned char *number, size_t size, unsigned char *out) {
    while (size > 1 && *number == 0) {
        number++;
        size--;
    }
    size_t pad = (*number & 0x80) != 0;
    out[0] = DER_INTEGER;
    out[1] = (unsigned char)(size + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, number, size);
    return 2 + pad + size;
}

size_t ecdsa_raw_to_der(const unsigned char *raw, size_t size, unsigned char *der) {
    unsigned char body[ECDSA_DER_MAX];
    size_t len = write_integer(raw, size, body);
    len += write_integer(raw + size, size, body + len);
    size_t head = 0;
    der[head++] = DER_SEQUENCE;
    if (len >= 0x80)
        der[head++] = DER_LONG_LENGTH;
    der[head++] = (unsigned char)len;
    memcpy(der + head, body, len);
    return head + len;
}
