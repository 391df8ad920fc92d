/* Private keys from a dump of another system: whatever is in them, a key that is taken signs what it verifies itself, and goes out as it came in. */
#include "tkeauth/jose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(const struct signer *s) {
    AUTO_FREE(signer_free) struct signer *again = NULL;
    AUTO(strbuf_wipe_done) struct strbuf jwk = STRBUF(16384), token = STRBUF(JWT_MAX);
    const struct jwt_rules rules = { .typ = "JWT", .now = 1 };
    struct jwt jwt = { 0 };
    struct err err;
    if (signer_private_jwk_add(s, &jwk, &err) != ERR_OK ||
        signer_from_private_jwk(strbuf_str(&jwk), &again, &err) != ERR_OK ||
        signer_sign_anonymous(s, "JWT", STR("{\"exp\":2000}"), &token, &err) != ERR_OK ||
        signer_verify(again, strbuf_str(&token), &rules, &jwt, &err) != ERR_OK)
        abort();
    jwt_done(&jwt);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_FREE(signer_free) struct signer *s = NULL;
    struct err err;
    if (size > 16384)
        return 0;
    enum err_code rc = signer_from_private_jwk((struct str) { (const char *)data, size }, &s, &err);
    if ((rc == ERR_OK) != (s != NULL))
        abort();
    if (s != NULL)
        check_round_trip(s);
    return 0;
}
