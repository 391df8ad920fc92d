#include "jose/alg.h"

#include <openssl/err.h>

static const struct jws_alg_info infos[JWS_ALGS] = {
    [JWS_RS256] = { .name = "RS256", .kty = "RSA", .digest = "SHA256" },
    [JWS_RS384] = { .name = "RS384", .kty = "RSA", .digest = "SHA384" },
    [JWS_RS512] = { .name = "RS512", .kty = "RSA", .digest = "SHA512" },
    [JWS_PS256] = { .name = "PS256", .kty = "RSA", .digest = "SHA256", .is_pss = true },
    [JWS_PS384] = { .name = "PS384", .kty = "RSA", .digest = "SHA384", .is_pss = true },
    [JWS_PS512] = { .name = "PS512", .kty = "RSA", .digest = "SHA512", .is_pss = true },
    [JWS_ES256] = { .name = "ES256",
                    .kty = "EC",
                    .crv = "P-256",
                    .group = "P-256",
                    .digest = "SHA256",
                    .coordinate_size = 32 },
    [JWS_ES384] = { .name = "ES384",
                    .kty = "EC",
                    .crv = "P-384",
                    .group = "P-384",
                    .digest = "SHA384",
                    .coordinate_size = 48 },
    [JWS_ES512] = { .name = "ES512",
                    .kty = "EC",
                    .crv = "P-521",
                    .group = "P-521",
                    .digest = "SHA512",
                    .coordinate_size = EC_COORDINATE_MAX },
    [JWS_EDDSA] = { .name = "EdDSA", .kty = "OKP", .crv = "Ed25519", .group = "ED25519" },
};

const struct jws_alg_info *jws_alg_info(enum jws_alg alg) { return &infos[alg]; }

bool jws_alg_find(struct str name, enum jws_alg *ret) {
    for (int i = 0; i < JWS_ALGS; i++)
        if (str_eq(name, str_of(infos[i].name))) {
            *ret = (enum jws_alg)i;
            return true;
        }
    return false;
}

enum err_code openssl_error(struct err *err, enum err_code code, const char *what) {
    char reason[120] = "";
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    ERR_clear_error();
    return err_set(err, code, "%s: %s", what, reason);
}
