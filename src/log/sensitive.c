#include "tkeauth/log.h"

/* Without '-' and '_', in lower case: "X-API-Key", "x_api_key" and "xApiKey" are one name. */
#define NAME(text)                                                                                           \
    { text, sizeof(text) - 1 }
static const struct str sensitive_names[] = {
    NAME("accesstoken"),
    NAME("apikey"),
    NAME("assertion"),
    NAME("authcode"),
    NAME("authorization"),
    NAME("bearer"),
    NAME("bindpassword"),
    NAME("bindpw"),
    NAME("clientsecret"),
    NAME("clientassertion"),
    NAME("code"),
    NAME("codeverifier"),
    NAME("cookie"),
    NAME("credential"),
    NAME("credentials"),
    NAME("csrf"),
    NAME("csrftoken"),
    NAME("devicecode"),
    NAME("hash"),
    NAME("hashedpassword"),
    NAME("idtoken"),
    NAME("idtokenhint"),
    NAME("initclientsecret"),
    NAME("key"),
    NAME("keydata"),
    NAME("kek"),
    NAME("logintoken"),
    NAME("logouttoken"),
    NAME("newpassword"),
    NAME("oldpassword"),
    NAME("originalpassword"),
    NAME("otp"),
    NAME("passcode"),
    NAME("passphrase"),
    NAME("passwd"),
    NAME("password"),
    NAME("passwordhash"),
    NAME("pin"),
    NAME("privatekey"),
    NAME("proxyauthorization"),
    NAME("pw"),
    NAME("refreshtoken"),
    NAME("request"),
    NAME("requestobject"),
    NAME("sealed"),
    NAME("sealedrequest"),
    NAME("secret"),
    NAME("secretkey"),
    NAME("sessioncookie"),
    NAME("setcookie"),
    NAME("sharedsecret"),
    NAME("signingkey"),
    NAME("state"),
    NAME("subjecttoken"),
    NAME("actortoken"),
    NAME("ticket"),
    NAME("token"),
    NAME("totp"),
    NAME("totpseed"),
    NAME("usercode"),
    NAME("xapikey"),
};

enum { NAME_MAX_LEN = 64 };

bool log_is_sensitive(struct str name) {
    char plain[NAME_MAX_LEN];
    size_t len = 0;
    for (size_t i = 0; i < name.len; i++) {
        if (name.ptr[i] == '-' || name.ptr[i] == '_')
            continue;
        if (len == sizeof plain)
            return false; /* longer than every name in the list */
        plain[len++] = ascii_lower(name.ptr[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(sensitive_names); i++)
        if (str_eq((struct str) { plain, len }, sensitive_names[i]))
            return true;
    return false;
}
