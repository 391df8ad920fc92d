#include "authn/bearer.h"

/* Replicas' clocks differ: a token that another one has just issued is not from the future (RFC 7519 4.1.4). */
enum { BEARER_LEEWAY_S = 5 };

/* RFC 6750 2.1. */
static bool is_b64token(struct str s) {
    while (s.len > 0 && s.ptr[s.len - 1] == '=')
        s.len--;
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alnum(s.ptr[i]) && memchr("-._~+/", s.ptr[i], 6) == NULL)
            return false;
    return s.len > 0;
}

enum err_code bearer_find(const struct bearer_sources *s, struct str *ret, struct err *err) {
    struct str scheme = STR_NULL, token = STR_NULL;
    if (s->authorization_count > 1)
        return err_set(err, ERR_INVALID, "several Authorization headers");
    if (s->authorization_count == 1)
        (void)str_cut(s->authorization, ' ', &scheme, &token);
    bool in_header = str_eq_nocase(scheme, STR("Bearer"));
    if (in_header && s->form_token.ptr != NULL) /* RFC 6750 2: one method per request */
        return err_set(err, ERR_INVALID, "two access tokens");
    token = in_header ? str_trim(token) : s->form_token;
    if (!in_header && token.ptr == NULL)
        return err_set(err, ERR_UNAUTHENTICATED, "no access token");
    if (!is_b64token(token))
        return err_set(err, ERR_INVALID, "not the form of a bearer token");
    *ret = token;
    return ERR_OK;
}

/* RFC 9068 2.2: these must be there; iss, aud, exp and iat have been looked at by then. */
static enum err_code read_claims(struct access_token *t, struct err *err) {
    const json_t *claims = t->jwt.payload;
    t->subject = json_get_str(claims, "sub");
    t->client_id = json_get_str(claims, "client_id");
    t->jti = json_get_str(claims, "jti");
    t->scope = json_get_str(claims, "scope");
    t->expires_at = json_get_i64(claims, "exp", 0);
    if (t->subject.len == 0 || t->client_id.len == 0 || t->jti.len == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "an access token without sub, client_id or jti");
    return ERR_OK;
}

enum err_code bearer_check(const struct keyset *keys, struct str token, const struct jwt_rules *rules,
                           struct access_token *ret, struct err *err) {
    struct access_token t = { 0 };
    enum err_code rc = keyset_verify(keys, token, rules, &t.jwt, err);
    if (rc == ERR_OK)
        rc = read_claims(&t, err);
    if (rc == ERR_OK)
        *ret = t;
    else
        jwt_done(&t.jwt);
    return rc;
}

static void free_payload(void *payload) { json_decref(payload); }

enum err_code authn_bearer(const struct http_request *req, const struct keyset *keys, struct str issuer,
                           struct str audience, struct access_token *ret, struct err *err) {
    const struct bearer_sources sources = {
        .authorization_count = http_header_count(req, "Authorization"),
        .authorization = http_header(req, "Authorization"),
        /* RFC 6750 2.3: in a query it would end in logs and histories */
        .form_token = req->method == HTTP_POST ? http_param(req, "access_token") : STR_NULL,
    };
    const struct jwt_rules rules = {
        .typ = "at+jwt",
        .issuer = issuer,
        .audience = audience,
        .now = clock_now_s(req->clock),
        .leeway_s = BEARER_LEEWAY_S,
    };
    struct str token;
    struct access_token t = { 0 };
    enum err_code rc = bearer_find(&sources, &token, err);
    if (rc == ERR_OK)
        rc = bearer_check(keys, token, &rules, &t, err);
    if (rc != ERR_OK)
        return rc;
    if (!arena_defer(req->arena, free_payload, t.jwt.payload))
        return err_set(err, ERR_NOMEM, "an access token");
    *ret = t;
    return ERR_OK;
}
