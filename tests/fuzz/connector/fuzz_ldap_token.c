/* A place that is taken is one that could have been given out, and spells itself; it counts for its own listing only. */
#include <assert.h>
#include "connector/ldap/limits.h"
#include "connector/ldap/token.h"

static const uint64_t mark = 0x0123456789abcdef;

static void check(struct ldap_position at) {
    struct ldap_position back;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    ldap_token_add(&text, mark, at);
    assert(!text.failed && ldap_token_parse(strbuf_str(&text), mark, &back, &err) == ERR_OK);
    assert(back.offset == at.offset && back.anchor == at.anchor);
    assert(ldap_token_parse(strbuf_str(&text), mark + 1, &back, &err) == ERR_INVALID);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str in = { (const char *)data, size };
    struct ldap_position at;
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    if (ldap_token_parse(in, mark, &at, &err) == ERR_OK) {
        assert(at.offset > 0 && at.offset <= LDAP_LIST_MAX);
        ldap_token_add(&text, mark, at);
        assert(str_eq(strbuf_str(&text), in));
        check(at);
    }
    /* Whatever the bytes are, they make a place, too. */
    if (size >= 12) {
        uint64_t offset = 0, anchor = 0;
        memcpy(&offset, data, 4);
        memcpy(&anchor, &data[4], 8);
        check((struct ldap_position) { 1 + offset % LDAP_LIST_MAX, anchor });
    }
    return 0;
}
