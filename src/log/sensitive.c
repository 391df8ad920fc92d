#include "tkeauth/log.h"

/* Without '-' and '_', in lower case: "X-API-Key", "x_api_key" and "xApiKey" are one name. */
static const char *const sensitive_names[] = {
    "accesstoken",
    "apikey",
    "assertion",
    "authcode",
    "authorization",
    "bearer",
    "bindpassword",
    "bindpw",
    "clientsecret",
    "clientassertion",
    "code",
    "codeverifier",
    "cookie",
    "credential",
    "credentials",
    "csrf",
    "csrftoken",
    "devicecode",
    "hash",
    "hashedpassword",
    "idtoken",
    "idtokenhint",
    "initclientsecret",
    "key",
    "keydata",
    "kek",
    "logintoken",
    "logouttoken",
    "newpassword",
    "oldpassword",
    "originalpassword",
    "otp",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwordhash",
    "pin",
    "privatekey",
    "proxyauthorization",
    "pw",
    "refreshtoken",
    "request",
    "requestobject",
    "sealed",
    "sealedrequest",
    "secret",
    "secretkey",
    "sessioncookie",
    "setcookie",
    "sharedsecret",
    "signingkey",
    "state",
    "subjecttoken",
    "actortoken",
    "ticket",
    "token",
    "totp",
    "totpseed",
    "usercode",
    "xapikey",
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
        if (str_eq((struct str) { plain, len }, str_of(sensitive_names[i])))
            return true;
    return false;
}
