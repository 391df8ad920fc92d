#include "enforcer/fold.h"
#include "enforcer/fold_table.h"

static uint32_t fold_code_point(uint32_t c) {
    size_t low = 0, high = ARRAY_LEN(enf_fold_table);
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (c < enf_fold_table[mid].first)
            high = mid;
        else if (c > enf_fold_table[mid].last)
            low = mid + 1;
        else if ((c - enf_fold_table[mid].first) % enf_fold_table[mid].step != 0)
            return c;
        else
            return (uint32_t)((int32_t)c + enf_fold_table[mid].add);
    }
    return c;
}

/* Length of the well-formed sequence at `p`, or 0. Only what the table can map is told apart strictly. */
static size_t decode(const unsigned char *p, size_t left, uint32_t *ret) {
    if (p[0] >= 0xc2 && p[0] <= 0xdf && left >= 2 && (p[1] & 0xc0) == 0x80) {
        *ret = (uint32_t)(p[0] & 0x1f) << 6 | (p[1] & 0x3f);
        return 2;
    }
    if (p[0] >= 0xe0 && p[0] <= 0xef && left >= 3 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80) {
        *ret = (uint32_t)(p[0] & 0xf) << 12 | (uint32_t)(p[1] & 0x3f) << 6 | (p[2] & 0x3f);
        return *ret >= 0x800 && (*ret < 0xd800 || *ret > 0xdfff) ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4 && left >= 4 && (p[1] & 0xc0) == 0x80 && (p[2] & 0xc0) == 0x80 &&
        (p[3] & 0xc0) == 0x80) {
        *ret = (uint32_t)(p[0] & 7) << 18 | (uint32_t)(p[1] & 0x3f) << 12 | (uint32_t)(p[2] & 0x3f) << 6 |
               (p[3] & 0x3f);
        return *ret >= 0x10000 && *ret <= 0x10ffff ? 4 : 0;
    }
    return 0;
}

static size_t encode(uint32_t c, unsigned char *out) {
    if (c < 0x80) {
        out[0] = (unsigned char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (unsigned char)(0xc0 | c >> 6);
        out[1] = (unsigned char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (unsigned char)(0xe0 | c >> 12);
        out[1] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (unsigned char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (unsigned char)(0xf0 | c >> 18);
    out[1] = (unsigned char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (unsigned char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (unsigned char)(0x80 | (c & 0x3f));
    return 4;
}

size_t enf_fold(struct enforcer_str in, char *out_text) {
    const unsigned char *p = (const unsigned char *)in.ptr;
    unsigned char *out = (unsigned char *)out_text;
    size_t n = 0;
    for (size_t i = 0; i < in.len;) {
        uint32_t c = 0;
        size_t width = 1;
        if (p[i] < 0x80)
            out[n++] = p[i] >= 'A' && p[i] <= 'Z' ? (unsigned char)(p[i] | 0x20) : p[i];
        else if ((width = decode(p + i, in.len - i, &c)) > 0)
            n += encode(fold_code_point(c), out + n);
        else {
            width = 1;
            out[n++] = p[i];
        }
        i += width;
    }
    return n;
}
