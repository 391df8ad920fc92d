#include "connector/ldap/token.h"
#include "connector/ldap/limits.h"

/* version, offset (4), anchor (8), check (8); numbers are big-endian. */
enum { VERSION = 1, CHECKED = 13 };

/* Fixed, so that a position counts after a restart and for every replica: it finds accidents, nobody is to be kept out. */
static const uint64_t seed[2] = { 0x746b652d61757468, 0x6469726563746f72 };

uint64_t ldap_mark(struct str what) { return siphash13(seed, what.len > 0 ? what.ptr : "", what.len); }

static void put(unsigned char *out, uint64_t n, size_t len) {
    for (size_t i = len; i-- > 0; n >>= 8)
        out[i] = (unsigned char)n;
}

static uint64_t get(const unsigned char *in, size_t len) {
    uint64_t n = 0;
    for (size_t i = 0; i < len; i++)
        n = n << 8 | in[i];
    return n;
}

static uint64_t check_of(const unsigned char *bytes, uint64_t search_mark) {
    unsigned char all[CHECKED + 8];
    memcpy(all, bytes, CHECKED);
    put(&all[CHECKED], search_mark, 8);
    return siphash13(seed, all, sizeof all);
}

void ldap_token_add(struct strbuf *out, uint64_t search_mark, struct ldap_position at) {
    unsigned char bytes[LDAP_TOKEN_SIZE] = { VERSION };
    put(&bytes[1], at.offset, 4);
    put(&bytes[5], at.anchor, 8);
    put(&bytes[CHECKED], check_of(bytes, search_mark), 8);
    base64url_add(out, bytes, sizeof bytes);
}

enum err_code ldap_token_parse(struct str token, uint64_t search_mark, struct ldap_position *ret,
                               struct err *err) {
    unsigned char bytes[LDAP_TOKEN_SIZE];
    struct err unused = { 0 };
    if (base64url_decode_exact(token, bytes, sizeof bytes, &unused) != ERR_OK || bytes[0] != VERSION)
        return err_set(err, ERR_INVALID, "this is no place to go on from");
    const struct ldap_position at = { get(&bytes[1], 4), get(&bytes[5], 8) };
    if (at.offset == 0 || at.offset > LDAP_LIST_MAX ||
        get(&bytes[CHECKED], 8) != check_of(bytes, search_mark))
        return err_set(err, ERR_INVALID, "this is no place of this listing to go on from");
    *ret = at;
    return ERR_OK;
}
