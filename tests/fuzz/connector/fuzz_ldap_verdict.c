/* What a server says in a bind answer, read with any bytes: never a success that the result code does not say. */
#include <assert.h>
#include "connector/ldap/verdict.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0)
        return 0;
    const struct str in = { (const char *)&data[1], size - 1 };
    struct err err = { 0 };
    struct ldap_bind_reply reply = { .code = data[0],
                                     .diagnostic = in,
                                     .ppolicy = { LDAP_PPOLICY_NONE, -1, -1 } };
    if (ldap_ppolicy_parse(in, &reply.ppolicy, &err) == ERR_OK) {
        assert(reply.ppolicy.error >= LDAP_PPOLICY_NONE && reply.ppolicy.error <= 127);
        assert(reply.ppolicy.expires_s >= -1 && reply.ppolicy.graces >= -1);
    }
    int code = ldap_ad_code(in);
    assert(code == LDAP_AD_NONE || (code >= 0 && code <= 0xfffff));
    enum login_outcome outcome;
    const char *why;
    if (ldap_verdict(&reply, &outcome, &why, &err) == ERR_OK)
        assert(outcome != LOGIN_OK || reply.code == 0);
    return 0;
}
