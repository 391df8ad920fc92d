#include "tkeauth/jose.h"

#include "jose/signer.h"
#include "jose/keyset.h"
#include "jose/token.h"

void keyset_free(struct keyset *k) {
    if (k == NULL)
        return;
    for (size_t i = 0; i < k->len; i++)
        signer_free(k->entries[i].signer);
    free(k);
}

static int by_kid(const void *a, const void *b) {
    const struct keyset_entry *x = a, *y = b;
    return memcmp(x->signer->kid, y->signer->kid, KID_LEN);
}

enum err_code keyset_new(struct keyset_entry *entries, size_t len, struct keyset **ret, struct err *err) {
    struct keyset *k = calloc(1, sizeof *k + len * sizeof *entries);
    if (k == NULL) {
        for (size_t i = 0; i < len; i++)
            signer_free(entries[i].signer);
        return err_set(err, ERR_NOMEM, "a set of %zu keys", len);
    }
    k->len = len;
    if (len > 0) {
        memcpy(k->entries, entries, len * sizeof *entries);
        qsort(k->entries, len, sizeof *entries, by_kid);
    }
    for (size_t i = 1; i < len; i++)
        if (by_kid(&k->entries[i - 1], &k->entries[i]) == 0) {
            enum err_code rc = err_set(err, ERR_EXISTS, "key %s twice in a set", k->entries[i].signer->kid);
            keyset_free(k);
            return rc;
        }
    *ret = k;
    return ERR_OK;
}

static bool signs(const struct keyset_entry *e, int64_t now) {
    return e->not_before <= now && (e->retired_at == 0 || now < e->retired_at);
}

/* Every replica must choose the same one, so ties are broken by what they all know. */
static bool is_newer(const struct keyset_entry *a, const struct keyset_entry *b) {
    if (a->not_before != b->not_before)
        return a->not_before > b->not_before;
    if (a->created_at != b->created_at)
        return a->created_at > b->created_at;
    return by_kid(a, b) > 0;
}

const struct signer *keyset_signer(const struct keyset *k, enum sign_alg alg, int64_t now) {
    const struct keyset_entry *best = NULL;
    for (size_t i = 0; i < k->len; i++) {
        const struct keyset_entry *e = &k->entries[i];
        if (signer_alg(e->signer) == alg && signs(e, now) && (best == NULL || is_newer(e, best)))
            best = e;
    }
    return best != NULL ? best->signer : NULL;
}

static bool is_published(const struct keyset_entry *e, int64_t now) {
    return e->created_at <= now && (e->remove_at == 0 || now < e->remove_at);
}

void keyset_jwks(const struct keyset *k, int64_t now, struct strbuf *out) {
    bool first = true;
    strbuf_add(out, STR("{\"keys\":["));
    for (size_t i = 0; i < k->len; i++) {
        if (!is_published(&k->entries[i], now))
            continue;
        if (!first)
            strbuf_addc(out, ',');
        first = false;
        strbuf_add(out, signer_public_jwk(k->entries[i].signer));
    }
    strbuf_add(out, STR("]}"));
}

static const struct keyset_entry *find_kid(const struct keyset *k, struct str kid) {
    size_t low = 0, high = k->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = str_cmp(kid, signer_kid(k->entries[middle].signer));
        if (order == 0)
            return &k->entries[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

struct match {
    const struct keyset_entry *entry;
    const char *typ;
};

/* Our own tokens have a header that we prepared, byte for byte: no need to parse it to know what it says. */
static bool match_prepared_header(const struct keyset *k, struct str token, struct match *ret) {
    for (size_t i = 0; i < k->len; i++)
        for (size_t t = 0; t < COMMON_TYPS; t++)
            if (str_starts_with(token, strbuf_str(&k->entries[i].signer->heads[t]))) {
                *ret = (struct match) { &k->entries[i], common_typs[t] };
                return true;
            }
    return false;
}

static enum err_code match_parsed_header(const struct keyset *k, struct str encoded, const char *wanted_typ,
                                         struct match *ret, struct err *err) {
    AUTO(token_header_done) struct token_header h = { 0 };
    enum err_code rc = token_header_parse(encoded, &h, err);
    if (rc != ERR_OK)
        return rc;
    const struct keyset_entry *e = find_kid(k, h.kid);
    if (e == NULL)
        return err_set(err, ERR_UNAUTHENTICATED, "no such key");
    if (h.alg != e->signer->verifier.alg) /* RFC 8725 3.1: the key says the algorithm, never the token */
        return err_set(err, ERR_UNAUTHENTICATED, "another algorithm than the key's");
    *ret = (struct match) { e, token_typ_is(h.typ, wanted_typ) ? wanted_typ : NULL };
    return ERR_OK;
}

static enum err_code check_signature(const struct verifier *v, const struct token_parts *parts,
                                     struct err *err) {
    AUTO(strbuf_done) struct strbuf signature = STRBUF(SIGNATURE_MAX);
    if (base64url_decode(parts->signature, &signature, err) != ERR_OK)
        return err_set(err, ERR_UNAUTHENTICATED, "the signature is not base64url");
    return verifier_check(v, parts->signed_part, strbuf_str(&signature), err);
}

enum err_code keyset_verify(const struct keyset *k, struct str token, const struct jwt_rules *rules,
                            struct jwt *ret, struct err *err) {
    struct token_parts parts;
    struct match match = { 0 };
    enum err_code rc = token_split(token, &parts, err);
    if (rc == ERR_OK && !match_prepared_header(k, token, &match))
        rc = match_parsed_header(k, parts.header, rules->typ, &match, err);
    if (rc != ERR_OK)
        return rc;
    if (match.typ == NULL || strcmp(match.typ, rules->typ) != 0)
        return err_set(err, ERR_UNAUTHENTICATED, "not a token of type %s", rules->typ);
    if (!is_published(match.entry, rules->now))
        return err_set(err, ERR_UNAUTHENTICATED, "the key is no longer, or not yet, in use");
    const struct verifier *v = &match.entry->signer->verifier;
    json_t *claims = NULL;
    rc = check_signature(v, &parts, err);
    if (rc == ERR_OK)
        rc = token_claims(parts.payload, rules, &claims, err);
    if (rc != ERR_OK)
        return rc;
    *ret = (struct jwt) {
        .typ = str_of(rules->typ),
        .kid = signer_kid(match.entry->signer),
        .alg = (enum sign_alg)v->alg,
        .alg_name = jws_alg_info(v->alg)->name,
        .payload = claims,
    };
    return ERR_OK;
}

void jwt_done(struct jwt *t) {
    json_decref(t->payload);
    t->payload = NULL;
}
