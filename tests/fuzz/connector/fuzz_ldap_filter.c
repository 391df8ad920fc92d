/* A filter that is taken is taken again, unchanged, in the form it came out; and any bytes as a value, or as a part of one, make
 * a valid filter. */
#include <assert.h>
#include "connector/ldap/filter.h"
#include "connector/ldap/limits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str in = { (const char *)data, size };
    struct err err = { 0 };
    AUTO(strbuf_done) struct strbuf once = STRBUF(LDAP_FILTER_MAX);
    AUTO(strbuf_done) struct strbuf twice = STRBUF(LDAP_FILTER_MAX);
    if (ldap_filter_parse(in, &once, &err) == ERR_OK) {
        assert(ldap_filter_parse(strbuf_str(&once), &twice, &err) == ERR_OK);
        assert(str_eq(strbuf_str(&once), strbuf_str(&twice)));
    }
    AUTO(strbuf_done) struct strbuf built = STRBUF(LDAP_FILTER_MAX);
    AUTO(strbuf_done) struct strbuf parsed = STRBUF(LDAP_FILTER_MAX);
    ldap_filter_add_equals(&built, STR("uid"), in);
    if (!built.failed) {
        assert(ldap_filter_parse(strbuf_str(&built), &parsed, &err) == ERR_OK);
        assert(str_eq(strbuf_str(&built), strbuf_str(&parsed)));
    }
    AUTO(strbuf_done) struct strbuf part = STRBUF(LDAP_FILTER_MAX);
    AUTO(strbuf_done) struct strbuf same = STRBUF(LDAP_FILTER_MAX);
    ldap_filter_add_contains(&part, STR("uid"), in);
    if (size > 0 && !part.failed) {
        assert(ldap_filter_parse(strbuf_str(&part), &same, &err) == ERR_OK);
        assert(str_eq(strbuf_str(&part), strbuf_str(&same)));
    }
    return 0;
}
