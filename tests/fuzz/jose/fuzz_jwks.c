/* Key sets from anybody: whatever is in them, they do not verify a token nobody signed, and parsing stays within bounds. */
#include "tkeauth/jose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const heads[] = { "eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJFUzI1NiJ9",
                                         "eyJhbGciOiJFZERTQSJ9", "eyJhbGciOiJQUzI1NiJ9" };
    AUTO_FREE(jwks_free) struct jwks *k = NULL;
    const struct jwt_rules rules = { .typ = "JWT", .now = 1 };
    struct err err;
    enum err_code rc = jwks_parse((struct str) { (const char *)data, size }, &k, &err);
    if ((rc == ERR_OK) != (k != NULL))
        abort();
    for (size_t i = 0; k != NULL && i < ARRAY_LEN(heads); i++) {
        AUTO(strbuf_done) struct strbuf token = STRBUF(4096);
        static const unsigned char made_up[256] = { 0, 1 };
        strbuf_addf(&token, "%s.eyJleHAiOjIwMDB9.", heads[i]); /* {"exp":2000} */
        base64url_add(&token, made_up, i % 3 == 0 ? 256 : 64);
        struct jwt jwt = { 0 };
        if (jwks_verify(k, strbuf_str(&token), &rules, &jwt, &err) == ERR_OK)
            abort();
    }
    return 0;
}
