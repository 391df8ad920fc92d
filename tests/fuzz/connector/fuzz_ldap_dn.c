/* The key of a DN is a DN and its own key; a name is below its parent. */
#include <assert.h>
#include "connector/ldap/dn.h"
#include "connector/ldap/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str in = { (const char *)data, size };
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf key = STRBUF(4 * LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf again = STRBUF(4 * LDAP_DN_MAX);
    if (ldap_dn_key(in, &key, &err) != ERR_OK || key.len > LDAP_DN_MAX)
        return 0;
    assert(ldap_dn_key(strbuf_str(&key), &again, &err) == ERR_OK);
    assert(str_eq(strbuf_str(&key), strbuf_str(&again)));
    assert(ldap_dn_equal(in, strbuf_str(&key)));
    assert(ldap_dn_in_scope(in, in, false) && !ldap_dn_in_scope(in, in, true));
    struct str parent = str_from(strbuf_str(&key), str_find(strbuf_str(&key), ',') + 1);
    if (key.len > 0)
        assert(ldap_dn_in_scope(in, parent, true));
    return 0;
}
