/* What the answer to a user's bind says about the password and the account. */
#pragma once
#include "tkeauth/connector.h"

enum { LDAP_PPOLICY_NONE = -1, LDAP_AD_NONE = -1 };
/* Errors of the password policy response (draft-behera-ldap-password-policy-10, 6.2). */
enum ldap_ppolicy_error {
    LDAP_PPOLICY_EXPIRED = 0,
    LDAP_PPOLICY_LOCKED = 1,
    LDAP_PPOLICY_MUST_CHANGE = 2,
};
struct ldap_ppolicy {
    int error;         /* LDAP_PPOLICY_NONE, or one of the above, or another the draft knows */
    int64_t expires_s; /* timeBeforeExpiration; -1: not told */
    int64_t graces;    /* graceAuthNsRemaining; -1: not told */
};
/* The value of the control 1.3.6.1.4.1.42.2.27.8.5.1. ERR_INVALID: not the BER the draft defines. */
MUST_CHECK enum err_code ldap_ppolicy_parse(struct str value, struct ldap_ppolicy *ret, struct err *err);
/* The number of ", data 52e," in the text Active Directory sends with result 49; LDAP_AD_NONE without one. */
int ldap_ad_code(struct str diagnostic);

struct ldap_bind_reply {
    int code; /* resultCode */
    struct str diagnostic;
    struct ldap_ppolicy ppolicy;
};
/* ERR_OK with an outcome; ERR_UNAVAILABLE when the answer is none about the password. `ret_why`: a fixed word for the log.
 * An outcome says BLOCKED only where the server had to verify the password first. */
MUST_CHECK enum err_code ldap_verdict(const struct ldap_bind_reply *reply, enum login_outcome *ret,
                                      const char **ret_why, struct err *err);
