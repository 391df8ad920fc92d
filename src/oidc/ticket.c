#include "oidc/ticket.h"

static const char cookie_name[] = "tke_auth_login";
static const char purpose[] = "auth-request";

static bool binding_is_wellformed(struct str value) {
    unsigned char raw[TICKET_BINDING_SIZE];
    struct err err;
    return base64url_decode_exact(value, raw, sizeof raw, &err) == ERR_OK;
}

/* A gateway may serve browsers over plain HTTP, where a Secure cookie would never come back. Its redirect URI then is http on the very
 * host that the browser sees. Nothing else depends on the Host header; a wrong one only changes this attribute. */
static bool cookie_is_secure(const struct oidc_provider *p, const struct http_request *req,
                             const struct auth_request *auth) {
    struct url url;
    struct err err;
    if (!p->secure_cookies || url_parse(auth->redirect_uri, &url, &err) != ERR_OK || url.host.len == 0)
        return p->secure_cookies;
    const char *end = url.port.len ? url.port.ptr + url.port.len : url.host.ptr + url.host.len;
    struct str authority = { url.host.ptr, (size_t)(end - url.host.ptr) };
    return !(str_eq(url.scheme, STR("http")) && str_eq_nocase(authority, http_header(req, "Host")));
}

struct str ticket_binding(const struct oidc_provider *p, const struct http_request *req,
                          struct http_response *res, const struct auth_request *auth) {
    struct str present = http_cookie(req, cookie_name);
    if (binding_is_wellformed(present))
        return present;
    unsigned char raw[TICKET_BINDING_SIZE];
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    random_bytes(p->random, raw, sizeof raw);
    base64url_add(&text, raw, sizeof raw);
    struct str value = arena_str(req->arena, strbuf_str(&text));
    http_set_cookie(res, &(struct http_cookie_spec) { .name = cookie_name,
                                                      .value = value,
                                                      .path = p->base_path.len ? p->base_path.ptr : "/",
                                                      .http_only = true,
                                                      .secure = cookie_is_secure(p, req, auth),
                                                      .same_site = "Lax" });
    return value;
}

enum err_code ticket_seal(const struct oidc_provider *p, struct arena *a, const struct auth_request *auth,
                          struct str binding, struct str *ret, struct err *err) {
    AUTO(strbuf_wipe_done)
    struct strbuf plain = STRBUF(TICKET_MAX), sealed = STRBUF(TICKET_MAX), text = STRBUF(2 * TICKET_MAX);
    unsigned char binding_hash[SHA256_SIZE];
    sha256(binding, binding_hash);
    strbuf_add(&plain, (struct str) { (const char *)binding_hash, sizeof binding_hash });
    enum err_code rc = auth_request_encode(auth, &plain, err);
    if (rc == ERR_OK)
        rc = seal(p->keyring, p->random, purpose, strbuf_str(&plain), &sealed, err);
    if (rc != ERR_OK)
        return rc;
    base64url_add(&text, sealed.ptr, sealed.len);
    *ret = arena_str(a, strbuf_str(&text));
    return arena_failed(a) ? err_set(err, ERR_NOMEM, "a ticket") : strbuf_check(&text, err);
}

enum err_code ticket_open(const struct oidc_provider *p, const struct http_request *req, struct str ticket,
                          struct auth_request *ret, struct err *err) {
    AUTO(strbuf_wipe_done) struct strbuf plain = STRBUF(TICKET_MAX), sealed = STRBUF(TICKET_MAX);
    unsigned char binding_hash[SHA256_SIZE];
    enum err_code rc = base64url_decode(ticket, &sealed, err);
    if (rc == ERR_OK)
        rc = unseal(p->keyring, purpose, strbuf_str(&sealed), &plain, err);
    if (rc != ERR_OK)
        return err_set(err, ERR_INVALID, "a login ticket that is not ours");
    sha256(http_cookie(req, cookie_name), binding_hash);
    struct str bound = str_sub(strbuf_str(&plain), 0, sizeof binding_hash);
    if (!secret_equal(bound, (struct str) { (const char *)binding_hash, sizeof binding_hash }))
        return err_set(err, ERR_INVALID, "a login ticket of another browser, or its cookie is gone");
    rc = auth_request_decode(
        req->arena, arena_str(req->arena, str_from(strbuf_str(&plain), sizeof binding_hash)), ret, err);
    if (rc != ERR_OK)
        return rc;
    if (clock_now_s(p->clock) >= ret->issued_at + p->auth_request_ttl_s)
        return err_set(err, ERR_EXPIRED, "a login ticket that has expired");
    return ERR_OK;
}

enum err_code ticket_csrf(const struct oidc_provider *p, const struct http_request *req, struct str ticket,
                          struct str *ret, struct err *err) {
    unsigned char key[32], mac[SHA256_SIZE];
    AUTO(strbuf_done) struct strbuf text = STRBUF(64);
    enum err_code rc = keyring_derive(p->keyring, "login-form", key, err);
    if (rc != ERR_OK)
        return rc;
    hmac_sha256((struct str) { (const char *)key, sizeof key }, ticket, mac);
    secret_wipe(key, sizeof key);
    base64url_add(&text, mac, sizeof mac);
    *ret = arena_str(req->arena, strbuf_str(&text));
    return arena_failed(req->arena) ? err_set(err, ERR_NOMEM, "a form token") : ERR_OK;
}
