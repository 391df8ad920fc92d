/* str_is_utf8 agrees with a decoder written the long way. */
#include "tkeauth/base.h"

#include <assert.h>

static bool is_utf8_slowly(const uint8_t *p, size_t size) {
    static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
    for (size_t i = 0; i < size;) {
        size_t len = p[i] < 0x80             ? 1
                     : (p[i] & 0xe0) == 0xc0 ? 2
                     : (p[i] & 0xf0) == 0xe0 ? 3
                     : (p[i] & 0xf8) == 0xf0 ? 4
                                             : 0;
        if (len == 0 || len > size - i)
            return false;
        uint32_t c = len == 1 ? p[i] : p[i] & (0x7fU >> len);
        for (size_t j = 1; j < len; j++) {
            if ((p[i + j] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i + j] & 0x3f);
        }
        if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
            return false;
        i += len;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    assert(str_is_utf8((struct str) { (const char *)data, size }) == is_utf8_slowly(data, size));
    return 0;
}
