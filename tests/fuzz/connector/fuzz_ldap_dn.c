/* The key of a DN is a DN and its own key; a name is below its parent; and what stands in the first component of a DN is
 * found there. */
#include <assert.h>
#include "connector/ldap/dn.h"
#include "connector/ldap/limits.h"

/* The first component's type, as the key spells it, has a value unless that is BER in hexadecimal; no other type has. */
static void check_first_component(struct str in, struct str key) {
    struct err err = { 0 };
    struct str type, rest;
    AUTO(strbuf_done) struct strbuf value = STRBUF(4 * LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf none = STRBUF(4 * LDAP_DN_MAX);
    assert(str_cut(key, '=', &type, &rest));
    enum err_code rc = ldap_dn_rdn_value(in, type, &value, &err);
    assert(rc == ERR_OK || (rc == ERR_NOT_FOUND && memchr(in.ptr, '#', in.len) != NULL));
    assert(ldap_dn_rdn_value(in, STR("no such type"), &none, &err) == ERR_NOT_FOUND && none.len == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str in = { (const char *)data, size };
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf key = STRBUF(4 * LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf again = STRBUF(4 * LDAP_DN_MAX);
    AUTO(strbuf_done) struct strbuf any = STRBUF(4 * LDAP_DN_MAX);
    enum err_code unread = ldap_dn_rdn_value(in, STR("uid"), &any, &err);
    assert(unread == ERR_OK || any.len == 0);
    if (ldap_dn_key(in, &key, &err) != ERR_OK || key.len > LDAP_DN_MAX)
        return 0;
    if (key.len > 0)
        check_first_component(in, strbuf_str(&key));
    assert(ldap_dn_key(strbuf_str(&key), &again, &err) == ERR_OK);
    assert(str_eq(strbuf_str(&key), strbuf_str(&again)));
    assert(ldap_dn_equal(in, strbuf_str(&key)));
    assert(ldap_dn_in_scope(in, in, false) && !ldap_dn_in_scope(in, in, true));
    struct str parent = str_from(strbuf_str(&key), str_find(strbuf_str(&key), ',') + 1);
    if (key.len > 0)
        assert(ldap_dn_in_scope(in, parent, true));
    return 0;
}
