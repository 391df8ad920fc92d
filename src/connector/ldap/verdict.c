#include "connector/ldap/verdict.h"
#include "connector/ldap/limits.h"
#include <ldap.h>

/* ---- the password policy control ---- */

/* One BER element with a definite length of up to four bytes; the rest of `in` is left behind. */
static bool ber_next(struct str *in, unsigned char *ret_tag, struct str *ret_value) {
    if (in->len < 2)
        return false;
    const unsigned char *b = (const unsigned char *)in->ptr;
    size_t len = b[1], head = 2;
    if (len >= 0x80) {
        size_t n = len & 0x7f;
        if (n == 0 || n > 4 || in->len < 2 + n)
            return false;
        len = 0;
        for (size_t i = 0; i < n; i++)
            len = len << 8 | b[2 + i];
        head += n;
    }
    if (in->len - head < len)
        return false;
    *ret_tag = b[0];
    *ret_value = str_sub(*in, head, len);
    *in = str_from(*in, head + len);
    return true;
}

static bool ber_int(struct str value, int64_t max, int64_t *ret) {
    if (value.len == 0 || value.len > 5 || (unsigned char)value.ptr[0] >= 0x80)
        return false;
    int64_t n = 0;
    for (size_t i = 0; i < value.len; i++)
        n = n << 8 | (unsigned char)value.ptr[i];
    *ret = n;
    return n <= max;
}

enum { TAG_SEQUENCE = 0x30, TAG_WARNING = 0xa0, TAG_ERROR = 0x81, TAG_EXPIRES = 0x80, TAG_GRACES = 0x81 };

enum err_code ldap_ppolicy_parse(struct str value, struct ldap_ppolicy *ret, struct err *err) {
    struct ldap_ppolicy p = { .error = LDAP_PPOLICY_NONE, .expires_s = -1, .graces = -1 };
    struct str rest = value, body, part, warning;
    unsigned char tag;
    int64_t n;
    if (!ber_next(&rest, &tag, &body) || tag != TAG_SEQUENCE || rest.len > 0)
        return err_set(err, ERR_INVALID, "password policy control: no sequence");
    while (body.len > 0) {
        if (!ber_next(&body, &tag, &part))
            return err_set(err, ERR_INVALID, "password policy control: cut off");
        if (tag == TAG_ERROR) {
            if (!ber_int(part, 127, &n))
                return err_set(err, ERR_INVALID, "password policy control: error is no small number");
            p.error = (int)n;
        } else if (tag == TAG_WARNING) {
            if (!ber_next(&part, &tag, &warning) || part.len > 0 || !ber_int(warning, INT32_MAX, &n))
                return err_set(err, ERR_INVALID, "password policy control: warning is no number");
            if (tag == TAG_EXPIRES)
                p.expires_s = n;
            else if (tag == TAG_GRACES)
                p.graces = n;
        }
    }
    *ret = p;
    return ERR_OK;
}

/* ---- Active Directory ---- */

int ldap_ad_code(struct str d) {
    static const char mark[] = ", data ";
    for (; d.len >= sizeof mark; d = str_from(d, 1)) {
        if (!str_starts_with(d, STR(", data ")))
            continue;
        int code = 0;
        size_t digits = 0;
        struct str hex = str_from(d, sizeof mark - 1);
        for (; digits < hex.len && digits < 6; digits++) {
            char c = ascii_lower(hex.ptr[digits]);
            int v = ascii_is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
            if (v < 0)
                break;
            code = code * 16 + v;
        }
        if (digits > 0 && digits < 6)
            return code;
    }
    return LDAP_AD_NONE;
}

/* Windows error codes in the text of result 49. Active Directory verifies the password before it says "logon hours" (530),
 * "workstation" (531), "password expired" (532), "account expired" (701) or "must change" (773). "Locked" (775) comes whatever
 * the password was, and "disabled" (533) does from some versions: neither proves anything. */
static const struct {
    int code;
    enum login_outcome outcome;
    const char *why;
} ad_codes[] = {
    { 0x525, LOGIN_WRONG_CREDENTIALS, "no-such-user" },
    { 0x52e, LOGIN_WRONG_CREDENTIALS, "wrong-password" },
    { 0x530, LOGIN_BLOCKED, "logon-hours" },
    { 0x531, LOGIN_BLOCKED, "workstation" },
    { 0x532, LOGIN_BLOCKED, "password-expired" },
    { 0x533, LOGIN_WRONG_CREDENTIALS, "account-disabled" },
    { 0x701, LOGIN_BLOCKED, "account-expired" },
    { 0x773, LOGIN_BLOCKED, "must-change-password" },
    { 0x775, LOGIN_WRONG_CREDENTIALS, "account-locked" },
};

static void invalid_credentials(const struct ldap_bind_reply *reply, enum login_outcome *ret,
                                const char **ret_why) {
    *ret = LOGIN_WRONG_CREDENTIALS;
    *ret_why = "wrong-password";
    if (reply->ppolicy.error == LDAP_PPOLICY_EXPIRED) {
        /* OpenLDAP and 389 look at the age of a password only after it matched. */
        *ret = LOGIN_BLOCKED;
        *ret_why = "password-expired";
        return;
    }
    if (reply->ppolicy.error == LDAP_PPOLICY_LOCKED) {
        *ret_why = "account-locked"; /* said before the password is looked at: proves nothing */
        return;
    }
    int code = ldap_ad_code(reply->diagnostic);
    for (size_t i = 0; i < ARRAY_LEN(ad_codes); i++)
        if (ad_codes[i].code == code) {
            *ret = ad_codes[i].outcome;
            *ret_why = ad_codes[i].why;
        }
}

enum err_code ldap_verdict(const struct ldap_bind_reply *reply, enum login_outcome *ret, const char **ret_why,
                           struct err *err) {
    switch (reply->code) {
    case LDAP_SUCCESS:
        *ret = reply->ppolicy.error == LDAP_PPOLICY_MUST_CHANGE ? LOGIN_BLOCKED : LOGIN_OK;
        *ret_why = *ret == LOGIN_OK ? "ok" : "must-change-password";
        return ERR_OK;
    case LDAP_INVALID_CREDENTIALS: invalid_credentials(reply, ret, ret_why); return ERR_OK;
    case LDAP_CONSTRAINT_VIOLATION: /* "exceed password retry limit" and the like: before the password is verified */
        *ret = LOGIN_WRONG_CREDENTIALS;
        *ret_why = "account-locked";
        return ERR_OK;
    case LDAP_INAPPROPRIATE_AUTH: /* the entry has no password at all */
    case LDAP_NO_SUCH_OBJECT:     /* the entry went away between search and bind */
        *ret = LOGIN_WRONG_CREDENTIALS;
        *ret_why = reply->code == LDAP_NO_SUCH_OBJECT ? "no-such-user" : "no-password";
        return ERR_OK;
    case LDAP_UNWILLING_TO_PERFORM:
        /* 389 and its kin answer so for an account switched off (nsAccountLock). */
        if (str_contains(reply->diagnostic, STR("inactivated"))) {
            *ret = LOGIN_WRONG_CREDENTIALS;
            *ret_why = "account-disabled";
            return ERR_OK;
        }
        break;
    default: break;
    }
    return err_set(err, ERR_UNAVAILABLE, "user bind: result %d (%s): %.*s", reply->code,
                   ldap_err2string(reply->code), STR_FMT(str_sub(reply->diagnostic, 0, LDAP_DIAGNOSTIC_MAX)));
}
