/* The discovery document (OIDC Discovery 1.0 3): prepared once per snapshot, and only what is really there. */
#include "oidc/endpoints.h"

static void add_list(struct strbuf *out, bool *first, const char *name, const char *const *items) {
    json_key(out, first, name);
    for (size_t i = 0; items[i] != NULL; i++) {
        strbuf_addc(out, i == 0 ? '[' : ',');
        json_add_string(out, str_of(items[i]));
    }
    strbuf_addc(out, ']');
}

static void add_endpoint(const struct oidc_provider *p, struct strbuf *out, bool *first, const char *name,
                         const char *path) {
    AUTO(strbuf_done) struct strbuf url = STRBUF(4096);
    strbuf_add(&url, p->issuer);
    strbuf_adds(&url, path);
    json_field_str(out, first, name, strbuf_str(&url));
}

enum err_code oidc_discovery_build(const struct oidc_provider *p, struct strbuf *out, struct err *err) {
    static const char *const code_only[] = { "code", NULL };
    static const char *const query_only[] = { "query", NULL };
    static const char *const with_password[] = { "authorization_code", "refresh_token", "password", NULL };
    static const char *const without_password[] = { "authorization_code", "refresh_token", NULL };
    static const char *const public_only[] = { "public", NULL };
    static const char *const algs[] = { "RS256", "ES256", "EdDSA", NULL };
    static const char *const methods[] = { "S256", NULL };
    static const char *const client_auth[] = { "client_secret_basic", "client_secret_post", "none", NULL };
    static const char *const scopes[] = { "openid",         "profile",      "email", "groups",
                                          "offline_access", "federated:id", NULL };
    static const char *const claims[] = { "iss",
                                          "sub",
                                          "aud",
                                          "exp",
                                          "iat",
                                          "auth_time",
                                          "nonce",
                                          "at_hash",
                                          "azp",
                                          "jti",
                                          "sid",
                                          "name",
                                          "preferred_username",
                                          "email",
                                          "email_verified",
                                          "groups",
                                          "federated_claims",
                                          NULL };
    static const char *const locales[] = { "en", "zh", NULL };
    static const char *const prompts[] = { "none", "login", "consent", "select_account", NULL };
    bool first = true;
    strbuf_addc(out, '{');
    json_field_str(out, &first, "issuer", p->issuer);
    add_endpoint(p, out, &first, "authorization_endpoint", "/auth");
    add_endpoint(p, out, &first, "token_endpoint", "/token");
    add_endpoint(p, out, &first, "jwks_uri", "/keys");
    add_endpoint(p, out, &first, "userinfo_endpoint", "/userinfo");
    add_endpoint(p, out, &first, "end_session_endpoint", "/logout");
    add_list(out, &first, "response_types_supported", code_only);
    add_list(out, &first, "response_modes_supported", query_only);
    add_list(out, &first, "grant_types_supported",
             p->password_connector.ptr ? with_password : without_password);
    add_list(out, &first, "subject_types_supported", public_only);
    add_list(out, &first, "id_token_signing_alg_values_supported", algs);
    add_list(out, &first, "code_challenge_methods_supported", methods);
    add_list(out, &first, "token_endpoint_auth_methods_supported", client_auth);
    add_list(out, &first, "scopes_supported", scopes);
    add_list(out, &first, "claims_supported", claims);
    add_list(out, &first, "ui_locales_supported", locales);
    add_list(out, &first, "prompt_values_supported", prompts);
    json_field_bool(out, &first, "authorization_response_iss_parameter_supported", true);
    json_field_bool(out, &first, "claims_parameter_supported", false);
    json_field_bool(out, &first, "request_parameter_supported", false);
    json_field_bool(out, &first, "request_uri_parameter_supported", false);
    strbuf_addc(out, '}');
    return strbuf_check(out, err);
}

/* A change of issuer or algorithms needs a restart or a reload; a minute of staleness hurts nobody. */
enum err_code oidc_discovery(void *app, const struct http_request *req, struct http_response *res,
                             struct err *err) {
    const struct oidc_provider *p = app;
    (void)req;
    (void)err;
    http_set_header(res, "Cache-Control", STR("public, max-age=60"));
    http_body_static(res, "application/json", p->discovery_json);
    return ERR_OK;
}

/* RFC 7517 5. kube-apiserver obeys max-age strictly, so it follows the rotation's schedule. */
enum err_code oidc_keys(void *app, const struct http_request *req, struct http_response *res,
                        struct err *err) {
    const struct oidc_provider *p = app;
    char header[64];
    (void)req;
    (void)err;
    int64_t max_age = rotation_jwks_max_age(&p->rotation, p->keys, clock_now_s(p->clock));
    if (snprintf(header, sizeof header, "public, max-age=%lld, must-revalidate", (long long)max_age) < 0)
        return err_set(err, ERR_INTERNAL, "a header");
    http_set_header(res, "Cache-Control", str_of(header));
    http_body_static(res, "application/json", p->jwks_json);
    return ERR_OK;
}

enum err_code oidc_static(void *app, const struct http_request *req, struct http_response *res,
                          struct err *err) {
    const struct oidc_provider *p = app;
    struct str body, etag;
    const char *type;
    enum err_code rc = web_static(p->web, http_path_rest(req), &body, &type, &etag, err);
    if (rc != ERR_OK)
        return rc;
    http_set_header(res, "ETag", etag);
    /* Pages link to "style.css?v=TAG": under that address it never changes. With another tag than ours (a replica of another
     * version) nothing is promised. */
    bool by_content = str_starts_with(req->query, STR("v=")) &&
                      str_eq(str_from(req->query, 2), str_sub(etag, 1, WEB_TAG_LEN));
    http_set_header(res, "Cache-Control",
                    by_content ? STR("public, max-age=31536000, immutable") : STR("public, max-age=3600"));
    if (str_eq(http_header(req, "If-None-Match"), etag)) {
        http_status(res, 304);
        return ERR_OK;
    }
    http_body_static(res, type, body);
    return ERR_OK;
}
