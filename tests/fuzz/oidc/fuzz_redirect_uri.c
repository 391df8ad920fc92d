/* Redirect URIs from anybody: one that is allowed leads to a host, scheme and path that were registered, and it holds what comes
 * behind it in its query. */
#include "oidc/redirect_uri.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct str registered[] = {
    { "https://app.example/cb", 22 },       { "http://127.0.0.1:8000/cb", 24 }, { "http://[::1]/cb", 15 },
    { "http://localhost:8000/cb?a=b", 28 }, { "com.example.app:/oauth", 22 },
};

static bool same_place(struct str a, struct str b) {
    struct url x, y;
    struct err err;
    return url_parse(a, &x, &err) == ERR_OK && url_parse(b, &y, &err) == ERR_OK &&
           str_eq(x.scheme, y.scheme) && str_eq(x.host, y.host) && str_eq(x.path, y.path) &&
           str_eq(x.query, y.query) && !x.has_userinfo && !x.has_fragment;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str uri = { (const char *)data, size };
    const struct client native = { .is_public = true,
                                   .redirect_uris = { registered, ARRAY_LEN(registered) } };
    const struct client confidential = { .redirect_uris = { registered, ARRAY_LEN(registered) } };
    bool found = false, exact = false;
    for (size_t i = 0; i < ARRAY_LEN(registered); i++) {
        found = found || same_place(uri, registered[i]);
        exact = exact || str_eq(uri, registered[i]);
    }
    if (redirect_uri_allowed(&confidential, uri) != exact)
        abort();
    if (redirect_uri_allowed(&native, uri) && !found)
        abort();
    return 0;
}
