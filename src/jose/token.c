#include "jose/token.h"

#include "jose/flat_json.h"

enum { HEADER_MAX = 2048 };

enum err_code token_split(struct str token, struct token_parts *ret, struct err *err) {
    struct str rest;
    if (token.len > JWT_MAX)
        return err_set(err, ERR_UNAUTHENTICATED, "a token of %zu bytes", token.len);
    if (!str_cut(token, '.', &ret->header, &rest) || !str_cut(rest, '.', &ret->payload, &ret->signature) ||
        ret->header.len == 0 || ret->payload.len == 0 || ret->signature.len == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "not a compact JWS of three parts");
    ret->signed_part = str_sub(token, 0, ret->header.len + 1 + ret->payload.len);
    return ERR_OK; /* a fourth part makes the third one bad base64url */
}

void token_header_done(struct token_header *h) {
    json_decref(h->json);
    h->json = NULL;
}

/* RFC 7515 4.1.11: an extension that must be understood, and we understand none (so b64 of RFC 7797 is out, too).
 * RFC 8725 3.10: keys and addresses of keys in a header are the attacker's. */
static const char *const refused_members[] = { "crit", "b64", "jku", "jwk", "x5u", "x5c" };

static enum err_code read_header(struct token_header *h, struct err *err) {
    if (!json_is_object(h->json))
        return err_set(err, ERR_UNAUTHENTICATED, "the header is not an object");
    for (size_t i = 0; i < ARRAY_LEN(refused_members); i++)
        if (json_object_get(h->json, refused_members[i]) != NULL)
            return err_set(err, ERR_UNAUTHENTICATED, "the header has %s", refused_members[i]);
    static const char *const strings[] = { "alg", "kid", "typ" };
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        const json_t *member = json_object_get(h->json, strings[i]);
        if (member != NULL && !json_is_string(member))
            return err_set(err, ERR_UNAUTHENTICATED, "%s is not a string", strings[i]);
    }
    if (!jws_alg_find(json_get_str(h->json, "alg"), &h->alg)) /* "none" and HS256 end here */
        return err_set(err, ERR_UNAUTHENTICATED, "no alg that we take");
    h->kid = json_get_str(h->json, "kid");
    h->typ = json_get_str(h->json, "typ");
    return ERR_OK;
}

/* Decodes and parses, and turns "malformed" into "not authenticated": out of memory stays what it is. */
static enum err_code parse_part(struct str encoded, size_t max, json_t **ret, struct err *err) {
    AUTO(strbuf_done) struct strbuf text = STRBUF(max);
    enum err_code rc = encoded.len / 4 * 3 > max ? err_set(err, ERR_LIMIT, "over %zu bytes", max)
                                                 : base64url_decode(encoded, &text, err);
    if (rc == ERR_OK && !flat_json_parse(strbuf_str(&text), ret))
        rc = json_parse(strbuf_str(&text), ret, err);
    if (rc != ERR_OK && rc != ERR_NOMEM)
        err->code = rc = ERR_UNAUTHENTICATED;
    return rc;
}

enum err_code token_header_parse(struct str encoded, struct token_header *ret, struct err *err) {
    struct token_header h = { 0 };
    enum err_code rc = parse_part(encoded, HEADER_MAX, &h.json, err);
    if (rc != ERR_OK)
        return err_context(err, "header");
    rc = read_header(&h, err);
    if (rc == ERR_OK)
        *ret = h;
    else
        token_header_done(&h);
    return rc;
}

bool token_typ_is(struct str typ, const char *wanted) {
    static const struct str prefix = { "application/", 12 };
    if (typ.ptr == NULL)
        return strcmp(wanted, "JWT") == 0;
    if (str_starts_with_nocase(typ, prefix))
        typ = str_from(typ, prefix.len);
    return str_eq_nocase(typ, str_of(wanted));
}

enum err_code token_claims(struct str encoded, const struct jwt_rules *rules, json_t **ret, struct err *err) {
    json_auto_t *claims = NULL;
    enum err_code rc = parse_part(encoded, JWT_MAX, &claims, err);
    if (rc != ERR_OK)
        return err_context(err, "payload");
    rc = claims_check(claims, rules, err);
    if (rc == ERR_OK)
        *ret = STEAL(claims);
    return rc;
}
