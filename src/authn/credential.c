#include "authn/credential.h"

#define SUBPROTOCOL STR("base64url.bearer.authorization.k8s.io.")

/* Tokens of a file may have any form, so more than RFC 6750's alphabet is taken. */
static enum err_code check_form(struct str token, struct err *err) {
    bool fits = token.len != 0 && token.len <= JWT_MAX;
    for (size_t i = 0; fits && i < token.len; i++)
        fits = token.ptr[i] > ' ' && token.ptr[i] < 0x7f;
    return fits ? ERR_OK : err_set(err, ERR_UNAUTHENTICATED, "not the form of a bearer token");
}

static enum err_code find_authorization(const struct header_list *h, struct str *ret, struct err *err) {
    struct str value, scheme, token;
    size_t count = header_list_find(h, STR("Authorization"), &value);
    if (count > 1)
        return err_set(err, ERR_UNAUTHENTICATED, "several Authorization headers");
    (void)str_cut(value, ' ', &scheme, &token);
    if (count == 0 || !str_eq_nocase(scheme, STR("Bearer")))
        return ERR_OK;
    *ret = str_trim(token);
    return check_form(*ret, err);
}

static enum err_code decode(struct str encoded, struct arena *a, struct str *ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf token = STRBUF(JWT_MAX);
    enum err_code rc = base64url_decode(encoded, &token, err);
    if (rc == ERR_OK)
        rc = strbuf_check(&token, err);
    if (rc == ERR_OK)
        rc = check_form(strbuf_str(&token), err);
    if (rc != ERR_OK)
        return rc == ERR_NOMEM ? rc : err_set(err, ERR_UNAUTHENTICATED, "a subprotocol that is no token");
    *ret = arena_str(a, strbuf_str(&token));
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "a token") : ERR_OK;
}

/* Browsers cannot set Authorization for a WebSocket, but can name subprotocols. */
static enum err_code find_subprotocol(const struct header_list *h, struct arena *a, struct str *ret,
                                      struct err *err) {
    struct str encoded = STR_NULL, rest, item;
    for (size_t i = 0; i < h->len; i++) {
        rest = str_eq_nocase(h->items[i].name, STR("Sec-WebSocket-Protocol")) ? h->items[i].value : STR_NULL;
        while (str_next(&rest, ',', &item)) {
            item = str_trim(item);
            if (!str_starts_with(item, SUBPROTOCOL))
                continue;
            if (encoded.ptr != NULL)
                return err_set(err, ERR_UNAUTHENTICATED, "several bearer tokens in subprotocols");
            encoded = str_from(item, SUBPROTOCOL.len);
        }
    }
    return encoded.ptr != NULL ? decode(encoded, a, ret, err) : ERR_OK;
}

enum err_code credential_find(const struct header_list *h, struct arena *a, struct str *ret,
                              struct err *err) {
    struct str token = STR_NULL;
    enum err_code rc = find_authorization(h, &token, err);
    if (rc == ERR_OK && token.ptr == NULL)
        rc = find_subprotocol(h, a, &token, err);
    if (rc == ERR_OK)
        *ret = token;
    return rc;
}
