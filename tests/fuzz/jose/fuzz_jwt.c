/* Tokens from anybody against a fixed set of keys, ours and the same keys as a foreign set: what one takes the other takes, and a
 * token that is taken is none without its last character. */
#include "tkeauth/jose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct keyset *keys;
static struct jwks *jwks;

/* Ed25519 in PKCS#8 (RFC 8410 7) of a fixed seed. */
static void make_keys(void) {
    static const char der[] = "\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"
                              "a seed for fuzzing, 32 bytes....";
    AUTO(strbuf_done) struct strbuf text = STRBUF(4096);
    struct keyset_entry entry = { .not_before = 1 };
    struct err err;
    if (signer_from_der(SIGN_EDDSA, (struct str) { der, sizeof der - 1 }, &entry.signer, &err) != ERR_OK ||
        keyset_new(&entry, 1, &keys, &err) != ERR_OK)
        abort();
    keyset_jwks(keys, 1000, &text);
    if (jwks_parse(strbuf_str(&text), &jwks, &err) != ERR_OK)
        abort();
}

static enum err_code check(struct str token, bool foreign, const char *typ) {
    const struct jwt_rules rules = { .typ = typ, .issuer = STR("i"), .audience = STR("a"), .now = 1000 };
    AUTO(jwt_done) struct jwt jwt = { 0 };
    struct err err;
    enum err_code rc = foreign ? jwks_verify(jwks, token, &rules, &jwt, &err)
                               : keyset_verify(keys, token, &rules, &jwt, &err);
    if ((rc == ERR_OK) != (jwt.payload != NULL) || (rc == ERR_OK && !json_is_object(jwt.payload)))
        abort();
    return rc;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str token = { (const char *)data, size };
    static const char *const typs[] = { "JWT", "at+jwt" };
    int taken = 0;
    if (keys == NULL)
        make_keys();
    for (size_t i = 0; i < ARRAY_LEN(typs); i++) {
        enum err_code ours = check(token, false, typs[i]), theirs = check(token, true, typs[i]);
        if (ours == ERR_OK) {
            taken++;
            if (theirs != ERR_OK || check(str_sub(token, 0, size - 1), false, typs[i]) == ERR_OK)
                abort();
        }
        if (ours != ERR_OK && ours != ERR_UNAUTHENTICATED)
            abort();
    }
    if (taken > 1) /* one meaning per token */
        abort();
    return 0;
}
