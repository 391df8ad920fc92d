/* Authorization headers from anybody: what is read as Basic is the same when written down properly and read again. */
#include "authn/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO(basic_credentials_done) struct basic_credentials first = { 0 };
    if (basic_parse((struct str) { (const char *)data, size }, &first) != BASIC_OK)
        return 0;
    AUTO(basic_credentials_done) struct basic_credentials again = { 0 };
    AUTO(strbuf_done) struct strbuf pair = STRBUF(1 << 16), header = STRBUF(1 << 17);
    percent_add(&pair, strbuf_str(&first.id));
    strbuf_addc(&pair, ':');
    percent_add(&pair, strbuf_str(&first.secret));
    strbuf_adds(&header, "Basic ");
    base64_add(&header, pair.ptr, pair.len);
    if (pair.len > CLIENT_BASIC_MAX) /* escaping made it longer than we take */
        return 0;
    if (basic_parse(strbuf_str(&header), &again) != BASIC_OK ||
        !str_eq(strbuf_str(&first.id), strbuf_str(&again.id)) ||
        !str_eq(strbuf_str(&first.secret), strbuf_str(&again.secret)))
        abort();
    return 0;
}
