/* First byte: the function; then value and pattern, split at the first NUL. Matching ends within its bound and, for
 * the dialect, agrees with a plain recursive matcher on short inputs. */
#undef NDEBUG /* the properties are the point */
#include <assert.h>

#include "enforcer/pattern.h"
#include "tkeauth/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* `*` any run without a line feed, "/:" and at least one byte up to the next slash: a segment. ASCII lower case only. */
static bool naive(struct enforcer_str v, struct enforcer_str p) {
    if (p.len == 0)
        return v.len == 0;
    if (p.ptr[0] == '*') {
        for (size_t i = 0;; i++) {
            if (naive(enf_str(v.ptr + i, v.len - i), enf_str(p.ptr + 1, p.len - 1)))
                return true;
            if (i == v.len || v.ptr[i] == '\n')
                return false;
        }
    }
    if (v.len == 0 || ascii_lower(v.ptr[0]) != ascii_lower(p.ptr[0]))
        return false;
    if (p.len > 1 && p.ptr[0] == '/' && p.ptr[1] == ':') {
        size_t end = 2;
        while (end < p.len && p.ptr[end] != '/')
            end++;
        for (size_t i = 1; i < v.len && v.ptr[i] != '/'; i++)
            if (naive(enf_str(v.ptr + i + 1, v.len - i - 1), enf_str(p.ptr + end, p.len - end)))
                return true;
        return false;
    }
    return naive(enf_str(v.ptr + 1, v.len - 1), enf_str(p.ptr + 1, p.len - 1));
}

static bool is_ascii(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (data[i] >= 0x80)
            return false;
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 3000)
        return 0;
    enum enf_fn fn = (enum enf_fn)(1 + data[0] % ENF_FN_MATCH_LAST);
    const uint8_t *split = memchr(data + 1, 0, size - 1);
    if (split == NULL)
        return 0;
    struct enforcer_str value = enf_str((const char *)data + 1, (size_t)(split - data) - 1);
    struct enforcer_str pattern = enf_str((const char *)split + 1, size - (size_t)(split + 1 - data));
    struct enf_mem mem;
    struct enforcer_error err = { 0 };
    bool yes = false;
    enf_mem_init(&mem, NULL);
    struct enf_scratch scratch = enf_scratch_for(&mem, 1000);
    enum enforcer_status rc = enf_match_once(fn, value, pattern, &scratch, &yes, &err);
    assert(rc == ENFORCER_OK || (rc == ENFORCER_EVAL && !yes && err.text[0] != '\0'));
    assert(scratch.steps <= (value.len + 2) * (pattern.len * 256 + 64));
    if (fn == ENF_KEY_MATCH_CUSTOM && rc == ENFORCER_OK && size < 24 && is_ascii(data + 1, size - 1))
        assert(yes == naive(value, pattern));
    enf_scratch_done(&scratch);
    return 0;
}
