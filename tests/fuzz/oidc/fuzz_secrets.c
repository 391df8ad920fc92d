/* Codes and refresh tokens from anybody: there is one text for each value, so what is read and written again is the same text. */
#include "oidc/code.h"
#include "oidc/refresh_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const struct str text = { (const char *)data, size };
    struct refresh_token token;
    struct code_key code;
    struct err err;
    bool is_code = code_parse(text, &code, &err) == ERR_OK;
    bool is_token = refresh_token_parse(text, &token, &err) == ERR_OK;
    if (is_code && is_token) /* one meaning per token */
        abort();
    if (is_token) {
        AUTO(strbuf_done) struct strbuf again = STRBUF(256);
        refresh_token_format(&token, &again);
        if (!str_eq(strbuf_str(&again), text))
            abort();
    }
    return 0;
}
