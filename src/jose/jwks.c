#include "tkeauth/jose.h"

#include "jose/jwk.h"
#include "jose/token.h"
#include "jose/verifier.h"

enum { JWKS_KEYS_MAX = 64, FOREIGN_KID_MAX = 256 };

struct foreign_key {
    struct verifier verifier;
    char *kid; /* NULL: none */
};
struct jwks {
    size_t len;
    struct foreign_key keys[JWKS_KEYS_MAX];
};

void jwks_free(struct jwks *k) {
    if (k == NULL)
        return;
    for (size_t i = 0; i < k->len; i++) {
        verifier_done(&k->keys[i].verifier);
        free(k->keys[i].kid);
    }
    free(k);
}

/* ERR_INVALID: a key to skip. */
static enum err_code add_key(struct jwks *k, const json_t *jwk, struct err *err) {
    EVP_PKEY *key = NULL;
    enum jws_alg alg = JWS_RS256;
    struct str kid = json_get_str(jwk, "kid");
    if (kid.len > FOREIGN_KID_MAX || (kid.ptr == NULL && json_object_get(jwk, "kid") != NULL))
        return err_set(err, ERR_INVALID, "a kid that is none");
    enum err_code rc = jwk_parse(jwk, &key, &alg, err);
    if (rc != ERR_OK)
        return rc;
    struct foreign_key *slot = &k->keys[k->len];
    rc = verifier_init(&slot->verifier, key, alg, err);
    EVP_PKEY_free(key); /* the verifier has its own reference */
    if (rc == ERR_OK && kid.ptr != NULL && (slot->kid = str_dup(kid)) == NULL)
        rc = err_set(err, ERR_NOMEM, "a kid");
    if (rc == ERR_OK)
        k->len++;
    else
        verifier_done(&slot->verifier);
    return rc;
}

enum err_code jwks_parse(struct str json, struct jwks **ret, struct err *err) {
    if (json.len > JWKS_MAX)
        return err_set(err, ERR_LIMIT, "a key set of %zu bytes", json.len);
    json_auto_t *root = NULL;
    enum err_code rc = json_parse(json, &root, err);
    if (rc != ERR_OK)
        return rc;
    const json_t *list = json_object_get(root, "keys");
    if (!json_is_array(list) || json_array_size(list) > JWKS_KEYS_MAX)
        return err_set(err, ERR_INVALID, "not a key set of at most %d keys", JWKS_KEYS_MAX);
    AUTO_FREE(jwks_free) struct jwks *k = calloc(1, sizeof *k);
    if (k == NULL)
        return err_set(err, ERR_NOMEM, "a key set");
    size_t i = 0;
    const json_t *jwk = NULL;
    json_array_foreach(list, i, jwk) {
        rc = add_key(k, jwk, err);
        if (rc != ERR_OK && rc != ERR_INVALID)
            return rc;
    }
    if (k->len == 0)
        return err_set(err, ERR_INVALID, "a key set without a signature key that we take");
    *ret = STEAL(k);
    return ERR_OK;
}

static bool fits(const struct foreign_key *key, const struct token_header *h) {
    return key->verifier.alg == h->alg &&
           (h->kid.ptr == NULL || (key->kid != NULL && str_eq(h->kid, str_of(key->kid))));
}

/* OIDC Core 10.1: the kid may be left out only where one key comes into question. */
static enum err_code find_and_check(const struct jwks *k, const struct token_header *h,
                                    const struct token_parts *parts, const struct foreign_key **ret,
                                    struct err *err) {
    AUTO(strbuf_done) struct strbuf signature = STRBUF(SIGNATURE_MAX);
    if (base64url_decode(parts->signature, &signature, err) != ERR_OK)
        return err_set(err, ERR_UNAUTHENTICATED, "the signature is not base64url");
    size_t candidates = 0;
    for (size_t i = 0; i < k->len; i++)
        candidates += fits(&k->keys[i], h);
    if (candidates == 0)
        return err_set(err, ERR_UNAUTHENTICATED, "no such key");
    if (candidates > 1 && h->kid.ptr == NULL)
        return err_set(err, ERR_UNAUTHENTICATED, "no kid, and %zu keys", candidates);
    enum err_code rc = ERR_UNAUTHENTICATED;
    for (size_t i = 0; i < k->len && rc == ERR_UNAUTHENTICATED; i++) {
        if (!fits(&k->keys[i], h))
            continue;
        rc = verifier_check(&k->keys[i].verifier, parts->signed_part, strbuf_str(&signature), err);
        *ret = &k->keys[i];
    }
    return rc;
}

enum err_code jwks_verify(const struct jwks *k, struct str token, const struct jwt_rules *rules,
                          struct jwt *ret, struct err *err) {
    AUTO(token_header_done) struct token_header h = { 0 };
    const struct foreign_key *key = NULL;
    struct token_parts parts;
    json_t *claims = NULL;
    enum err_code rc = token_split(token, &parts, err);
    if (rc == ERR_OK)
        rc = token_header_parse(parts.header, &h, err);
    if (rc == ERR_OK && !token_typ_is(h.typ, rules->typ))
        rc = err_set(err, ERR_UNAUTHENTICATED, "not a token of type %s", rules->typ);
    if (rc == ERR_OK)
        rc = find_and_check(k, &h, &parts, &key, err);
    if (rc == ERR_OK)
        rc = token_claims(parts.payload, rules, &claims, err);
    if (rc != ERR_OK)
        return rc;
    *ret = (struct jwt) {
        .typ = str_of(rules->typ),
        .kid = str_of(key->kid),
        .alg = (enum sign_alg)key->verifier.alg,
        .alg_name = jws_alg_info(key->verifier.alg)->name,
        .payload = claims,
    };
    return ERR_OK;
}
